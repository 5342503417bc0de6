//! Messenger clients as a page would run them: they come back with `since`, send again what was not acknowledged, and write
//! down every event.

use crate::restart::claims::Ack;
use crate::restart::claims::Claims;
use crate::restart::claims::Stream;
use crate::restart::claims::marker;
use crate::restart::load::Field;
use deskgate::clock::instant;
use futures_util::SinkExt;
use futures_util::StreamExt;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

type Socket = WebSocketStream<TcpStream>;

/// Between two posts of a client.
const POST_EVERY: Duration = Duration::from_millis(150);
/// Posts that wait for their ack at the same time.
const WAITING_MAX: usize = 3;
/// A daemon that is ready answers within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// No client needs longer to say its last words once nothing happens any more.
const ENDS_WITHIN: Duration = Duration::from_secs(90);

/// Runs the clients until nothing happens any more.
pub(crate) fn talk(field: &Field) -> Claims {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let clients = (0..field.clients).map(|n| Client::new(field, n).run());
    let streams = runtime.block_on(futures_util::future::join_all(clients));
    Claims { streams, ..Claims::default() }
}

struct Client<'a> {
    field: &'a Field,
    name: String,
    visitor: Option<String>,
    conversation: Option<String>,
    since: Option<u64>,
    /// Posts that were not acknowledged: `client_id` (which is the marker) and frame.
    waiting: BTreeMap<String, Value>,
    posts: u64,
    /// Nothing is posted before: it was too much.
    rests_until: std::time::Instant,
    stream: Stream,
}

/// Why a connection ended.
enum End {
    Cut,
    Done,
}

impl<'a> Client<'a> {
    fn new(field: &'a Field, n: usize) -> Self {
        Self {
            field,
            name: format!("sock{n}"),
            visitor: None,
            conversation: None,
            since: None,
            waiting: BTreeMap::new(),
            posts: 0,
            rests_until: instant(),
            stream: Stream::default(),
        }
    }

    async fn run(mut self) -> Stream {
        let mut quiet_since = None;
        loop {
            if self.field.quiet.load(Ordering::SeqCst) {
                let since = *quiet_since.get_or_insert_with(instant);
                assert!(since.elapsed() < ENDS_WITHIN, "{}: no daemon any more", self.name);
            }
            if let Some(mut socket) = connect(self.field).await {
                self.stream.connections += 1;
                if matches!(self.session(&mut socket).await, End::Done) {
                    break;
                }
            }
            // The daemon is away, and nothing tells when it is back.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.stream.conversation = self.conversation.unwrap_or_default();
        self.stream
    }

    async fn session(&mut self, socket: &mut Socket) -> End {
        let identity = self.visitor.as_ref().map_or_else(|| json!({}), |token| json!({"visitor": token}));
        let hello = json!({"type": "hello", "identity": identity, "since": self.since});
        if say(socket, &hello).await.is_none() {
            return End::Cut;
        }
        let again: Vec<Value> = self.waiting.values().cloned().collect();
        let mut is_welcome = false;
        let mut asked_last = false;
        loop {
            if is_welcome && !self.post(socket).await {
                return End::Cut;
            }
            if is_welcome && !asked_last && self.field.quiet.load(Ordering::SeqCst) && self.waiting.is_empty() {
                asked_last = true;
                if say(socket, &json!({"type": "ping", "n": 1})).await.is_none() {
                    return End::Cut;
                }
            }
            let Ok(next) = timeout(POST_EVERY, socket.next()).await else { continue };
            let frame = match next {
                Some(Ok(Message::Text(text))) => serde_json::from_str::<Value>(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(_) | Err(_)) | None => return End::Cut,
            };
            match frame["type"].as_str().unwrap() {
                "welcome" => {
                    self.welcome(&frame);
                    is_welcome = true;
                    for post in &again {
                        if say(socket, post).await.is_none() {
                            return End::Cut;
                        }
                    }
                }
                "event" => self.event(&frame),
                "ack" => self.ack(&frame),
                "pong" => return End::Done,
                "error" => self.error(&frame),
                // Who is at work changes with the restarts; it is no part of the log.
                "house" => {}
                other => panic!("{}: unexpected {other}: {frame}", self.name),
            }
        }
    }

    fn welcome(&mut self, frame: &Value) {
        assert_eq!(frame["resumed"], self.since.is_some(), "{} came back with {:?}: {frame}", self.name, self.since);
        if let Some(visitor) = frame["visitor"].as_str() {
            self.visitor = Some(visitor.to_owned());
        }
        self.since = self.since.or(frame["seq"].as_u64());
    }

    fn event(&mut self, frame: &Value) {
        let seq = frame["seq"].as_u64().unwrap();
        self.stream.events.push((seq, frame["part"]["id"].as_str().map(str::to_owned)));
        self.since = Some(seq);
    }

    fn ack(&mut self, frame: &Value) {
        let text = |key: &str| frame[key].as_str().unwrap().to_owned();
        let ack = Ack { conversation: text("conversation_id"), part: text("part_id") };
        if self.conversation.is_none() {
            self.conversation = Some(ack.conversation.clone());
            self.field.conversations.lock().unwrap().push(ack.conversation.clone());
        }
        let mark = text("client_id");
        self.waiting.remove(&mark);
        let before = self.stream.acks.insert(mark.clone(), ack.clone());
        assert!(before.is_none_or(|before| before == ack), "{mark} has two answers");
    }

    /// Too much is said again later; a daemon that goes down answers nothing else.
    fn error(&mut self, frame: &Value) {
        let wait_s = match frame["code"].as_str().unwrap() {
            "rate_limit_exceeded" => frame["retry_after_s"].as_u64().unwrap(),
            "service_unavailable" => 0,
            other => panic!("{}: {other}: {frame}", self.name),
        };
        self.rests_until = instant() + Duration::from_secs(wait_s);
        if let Some(post) = frame["client_id"].as_str().and_then(|mark| self.waiting.get_mut(mark)) {
            post["again"] = Value::Bool(true);
        }
    }

    /// Posts something new, or what was too much before; the first post makes the conversation.
    async fn post(&mut self, socket: &mut Socket) -> bool {
        if instant() < self.rests_until {
            return true;
        }
        let refused = self.waiting.values_mut().find(|post| post.get("again").is_some());
        if let Some(post) = refused {
            post.as_object_mut().unwrap().remove("again");
            let post = post.clone();
            return say(socket, &post).await.is_some();
        }
        let may_post = self.waiting.len() < WAITING_MAX && (self.conversation.is_some() || self.waiting.is_empty());
        if self.field.stopped() || !may_post {
            return true;
        }
        self.posts += 1;
        let mark = marker(&self.name, self.posts);
        let body = format!("Question {mark}.");
        let post = json!({"type": "send", "client_id": mark, "conversation_id": self.conversation, "body": body});
        self.waiting.insert(mark, post.clone());
        self.rests_until = instant() + POST_EVERY;
        say(socket, &post).await.is_some()
    }
}

async fn connect(field: &Field) -> Option<Socket> {
    let mut request = format!("ws://{}/messenger/ws", field.http).into_client_request().unwrap();
    request.headers_mut().insert("origin", HeaderValue::from_static("https://www.example.com"));
    let stream = TcpStream::connect(field.http).await.ok()?;
    let opened = timeout(ANSWER_WITHIN, client_async(request, stream)).await.expect("an answer to the handshake");
    Some(opened.ok()?.0)
}

async fn say(socket: &mut Socket, frame: &Value) -> Option<()> {
    timeout(ANSWER_WITHIN, socket.send(Message::text(frame.to_string()))).await.expect("the daemon reads").ok()
}
