//! A messenger client: a real websocket, JSON in and out.

use futures_util::SinkExt;
use futures_util::StreamExt;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Nothing a test waits for takes longer.
const SOON: Duration = Duration::from_secs(10);

pub(crate) struct Client<S> {
    pub(crate) socket: WebSocketStream<S>,
}

/// What a client saw next.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    Frame(Value),
    Closed(u16),
    Cut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) async fn on(io: S) -> Self {
        Self { socket: WebSocketStream::from_raw_socket(io, Role::Client, None).await }
    }

    pub(crate) async fn say(&mut self, frame: Value) {
        self.send(Message::text(frame.to_string())).await;
    }

    /// Whether it could be sent does not matter to tests that end the socket.
    pub(crate) async fn send(&mut self, message: Message) {
        drop(timeout(SOON, self.socket.send(message)).await.expect("the server reads"));
    }

    pub(crate) async fn see(&mut self) -> Seen {
        loop {
            match timeout(SOON, self.socket.next()).await.expect("a frame within 10 s") {
                Some(Ok(Message::Text(text))) => return Seen::Frame(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(close)))) => return Seen::Closed(close.code.into()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(other)) => panic!("unexpected {other:?}"),
                Some(Err(_)) | None => return Seen::Cut,
            }
        }
    }

    /// The next frame; the socket must be open.
    pub(crate) async fn frame(&mut self) -> Value {
        match self.see().await {
            Seen::Frame(frame) => frame,
            end => panic!("closed: {end:?}"),
        }
    }

    /// The next frame of that type; events and pongs before it are skipped.
    pub(crate) async fn frame_of(&mut self, r#type: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["type"] == r#type {
                return frame;
            }
        }
    }

    /// The event of that name.
    pub(crate) async fn event(&mut self, event: &str) -> Value {
        loop {
            let frame = self.frame_of("event").await;
            if frame["event"] == event {
                return frame;
            }
        }
    }

    /// Reads to the end and gives the code.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            match self.see().await {
                Seen::Frame(_) => {}
                Seen::Closed(code) => return code,
                Seen::Cut => panic!("cut without a close frame"),
            }
        }
    }

    pub(crate) async fn hello(&mut self, identity: Value, since: Option<u64>) -> Value {
        self.say(json!({"type": "hello", "identity": identity, "since": since, "page": "https://example.com/"})).await;
        let welcome = self.frame().await;
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        welcome
    }

    /// Posts and gives the ack; events that come before it are skipped.
    pub(crate) async fn post(&mut self, client_id: &str, conversation: Option<&str>, body: &str) -> Value {
        self.say(json!({"type": "send", "client_id": client_id, "conversation_id": conversation, "body": body})).await;
        let ack = self.frame_of("ack").await;
        assert_eq!(ack["client_id"], client_id);
        ack
    }

    /// The newest parts of a conversation.
    pub(crate) async fn history(&mut self, conversation: &Value) -> Vec<Value> {
        self.say(json!({"type": "history", "conversation_id": conversation})).await;
        self.frame_of("history").await["parts"].as_array().unwrap().clone()
    }

    /// Everything that was sent before this question.
    pub(crate) async fn so_far(&mut self) -> Vec<Value> {
        let n = 4_711;
        self.say(json!({"type": "ping", "n": n})).await;
        let mut frames = Vec::new();
        loop {
            let frame = self.frame().await;
            if frame["type"] == "pong" && frame["n"] == n {
                return frames;
            }
            frames.push(frame);
        }
    }
}

/// The `seq` of each event, in the order they came.
pub(crate) fn seqs(frames: &[Value]) -> Vec<u64> {
    frames.iter().filter(|frame| frame["type"] == "event").map(|frame| frame["seq"].as_u64().unwrap()).collect()
}
