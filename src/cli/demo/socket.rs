//! A messenger client: one websocket that speaks `deskgate.v1` (INTERFACES §5).

use crate::cli::demo::answer::is;
use crate::cli::demo::answer::number;
use crate::cli::demo::answer::shown;
use crate::cli::demo::answer::text;
use crate::clock;
use anyhow::Context;
use anyhow::Result;
use anyhow::bail;
use anyhow::ensure;
use futures_util::SinkExt;
use futures_util::StreamExt;
use serde_json::Value;
use serde_json::json;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use std::time::Instant;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header;

/// Longest wait for a frame.
const FRAME_WITHIN: Duration = Duration::from_secs(15);
/// Events kept that nobody asked for yet.
const EVENTS_MAX: usize = 1_000;

/// An open session.
#[derive(Debug)]
pub(super) struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// How the session began.
    pub(super) welcome: Value,
    /// The last position of the log this client has.
    pub(super) seq: u64,
    /// Events in the order they came, with the moment.
    events: VecDeque<(Value, Instant)>,
    pings: u64,
}

impl Socket {
    /// Connects and says who it is; `since` is the position it has from before.
    pub(super) async fn open(to: SocketAddr, identity: &Value, since: Option<u64>) -> Result<Self> {
        let tcp = TcpStream::connect(to).await.with_context(|| format!("connect to the messenger on {to}"))?;
        let mut request = format!("ws://{to}/messenger/ws").into_client_request()?;
        let protocol = HeaderValue::from_static("deskgate.v1");
        request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        let shaken = timeout(FRAME_WITHIN, tokio_tungstenite::client_async(request, tcp)).await;
        let (stream, _) = shaken.context("the messenger does not answer")?.context("the websocket's handshake")?;
        let mut socket = Self { stream, welcome: Value::Null, seq: 0, events: VecDeque::new(), pings: 0 };
        let page = "https://shop.example.com/";
        socket.say(&json!({"type": "hello", "identity": identity, "since": since, "page": page})).await?;
        socket.welcome = socket.frame().await?;
        ensure!(is(&socket.welcome, "/type", "welcome"), "no welcome but {}", shown(&socket.welcome));
        socket.seq = number(&socket.welcome, "/seq")?;
        Ok(socket)
    }

    /// Posts a message; the conversation it went to and its part.
    pub(super) async fn post(
        &mut self,
        client_id: &str,
        conversation: Option<&str>,
        body: &str,
    ) -> Result<(String, String)> {
        let frame = json!({"type": "send", "client_id": client_id, "conversation_id": conversation, "body": body});
        self.say(&frame).await?;
        let ack = self.until("ack").await?;
        ensure!(is(&ack, "/client_id", client_id), "another message was acknowledged: {}", shown(&ack));
        self.seq = self.seq.max(number(&ack, "/seq")?);
        Ok((text(&ack, "/conversation_id")?.to_owned(), text(&ack, "/part_id")?.to_owned()))
    }

    /// The next message of an agent, and when it came.
    pub(super) async fn next_of_agent(&mut self) -> Result<(Value, Instant)> {
        loop {
            let (event, at) = self.event().await?;
            if is(&event, "/event", "part.created") && is(&event, "/part/author/type", "admin") {
                return Ok((event, at));
            }
        }
    }

    /// Marks a part as seen.
    pub(super) async fn seen(&mut self, event: &Value) -> Result<()> {
        let (conversation, part) = (text(event, "/conversation_id")?, text(event, "/part/id")?);
        self.say(&json!({"type": "seen", "conversation_id": conversation, "part_id": part})).await
    }

    /// Tells that the contact types.
    pub(super) async fn typing(&mut self, conversation: &str) -> Result<()> {
        self.say(&json!({"type": "typing", "conversation_id": conversation})).await
    }

    /// Every event that was on its way, once the server answered a ping behind them.
    pub(super) async fn events_so_far(&mut self) -> Result<Vec<Value>> {
        self.pings += 1;
        let n = self.pings;
        self.say(&json!({"type": "ping", "n": n})).await?;
        let pong = self.until("pong").await?;
        ensure!(number(&pong, "/n")? == n, "another ping was answered");
        Ok(self.events.drain(..).map(|(event, _)| event).collect())
    }

    /// Cuts the connection off, without a word of the protocol.
    pub(super) async fn cut(&mut self) -> Result<()> {
        self.stream.get_mut().shutdown().await.context("cut the socket")
    }

    /// Keeps the session until the server ends it.
    pub(super) async fn listen(mut self) {
        while let Some(Ok(_)) = self.stream.next().await {}
    }

    async fn event(&mut self) -> Result<(Value, Instant)> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let frame = self.frame().await?;
            if !self.keep(&frame)? {
                refuse_error(&frame)?;
            }
        }
    }

    /// The next frame of that type; events before it are kept.
    async fn until(&mut self, wanted: &str) -> Result<Value> {
        loop {
            let frame = self.frame().await?;
            if is(&frame, "/type", wanted) {
                return Ok(frame);
            }
            if !self.keep(&frame)? {
                refuse_error(&frame)?;
            }
        }
    }

    /// Whether it is an event; it is kept then.
    fn keep(&mut self, frame: &Value) -> Result<bool> {
        if !is(frame, "/type", "event") {
            return Ok(false);
        }
        ensure!(self.events.len() < EVENTS_MAX, "more than {EVENTS_MAX} events that nobody waits for");
        self.seq = self.seq.max(number(frame, "/seq")?);
        self.events.push_back((frame.clone(), clock::instant()));
        Ok(true)
    }

    async fn say(&mut self, frame: &Value) -> Result<()> {
        let sent = timeout(FRAME_WITHIN, self.stream.send(Message::text(frame.to_string()))).await;
        sent.context("the socket takes nothing")?.context("write to the socket")
    }

    async fn frame(&mut self) -> Result<Value> {
        loop {
            let next = timeout(FRAME_WITHIN, self.stream.next()).await;
            match next.with_context(|| format!("no frame within {FRAME_WITHIN:?}"))? {
                Some(Ok(Message::Text(frame))) => return serde_json::from_str(&frame).context("a frame is JSON"),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(other)) => bail!("the socket said {other:?}"),
                Some(Err(error)) => return Err(error).context("read from the socket"),
                None => bail!("the socket ended"),
            }
        }
    }
}

fn refuse_error(frame: &Value) -> Result<()> {
    ensure!(!is(frame, "/type", "error"), "the messenger refused: {}", shown(frame));
    Ok(())
}
