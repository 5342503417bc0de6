//! `POST /messenger/poll`: the messenger's stream where no websocket gets through (MSG-47).
//!
//! Behind it stands the same session as behind a socket, at the other end of a pipe in memory. A request carries frames to
//! it and, when it says `wait`, brings back what comes within [`WAIT_MAX`]. The line's name is secret, comes in the first
//! answer and goes back in `X-Session`, never in an address.
//!
//! **Invariant:** nothing is promised between two requests: a client whose request failed opens a new line with its last
//! `seq`, as after a cut socket. A line that is not asked for [`UNUSED_MAX`] is closed, and lines count as sockets do.

use crate::channel::messenger::Hub;
use crate::clock;
use crate::desk::random_bytes;
use crate::http::messenger::Door;
use crate::http::messenger::said;
use crate::http::messenger::turned_away;
use axum::Json;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Response;
use data_encoding::BASE64URL_NOPAD;
use futures_util::SinkExt;
use futures_util::StreamExt;
use futures_util::stream::SplitSink;
use futures_util::stream::SplitStream;
use serde::Deserialize;
use serde::Serialize;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;
use tokio::io::DuplexStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

/// A request waits so long for something to bring back; below what proxies usually allow.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// What comes close behind the first frame goes with it.
const TOGETHER: Duration = Duration::from_millis(20);
/// A line that nobody asks for so long is closed.
const UNUSED_MAX: Duration = Duration::from_secs(60);
/// Frames must be taken by the session within this time.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);
/// Bytes on their way in one direction of a line.
const PIPE_BYTES: usize = 16 * 1_024;
/// Largest body of a request: a frame with its quotes escaped, and what stands around it.
const BODY_BYTES_MAX: usize = 160 * 1_024;
/// Frames of one answer and their bytes, about.
const FRAMES_MAX: usize = 64;
const FRAME_BYTES_MAX: usize = 256 * 1_024;

type Pipe = WebSocketStream<DuplexStream>;

/// The lines of the process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    by_name: Arc<Mutex<HashMap<String, Arc<Line>>>>,
}

/// One client's session.
#[derive(Debug)]
struct Line {
    into: tokio::sync::Mutex<SplitSink<Pipe, Message>>,
    out_of: tokio::sync::Mutex<SplitStream<Pipe>>,
    used: Mutex<Instant>,
}

#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    frames: Vec<String>,
    #[serde(default)]
    wait: bool,
}

#[derive(Debug, Default, Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    frames: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed: Option<u16>,
}

/// One request of a line, or the first one, which makes it.
pub(crate) async fn poll(State(door): State<Door>, request: Request) -> Response {
    if !door.origins.allow(request.headers()) {
        return said(StatusCode::FORBIDDEN, "this page may not connect");
    }
    let (name, from) = (name_of(request.headers()), door.proxies.client_address(&request));
    let Ok(body) = to_bytes(request.into_body(), BODY_BYTES_MAX).await else {
        return said(StatusCode::PAYLOAD_TOO_LARGE, "too much at once");
    };
    let Ok(asked) = serde_json::from_slice::<Asked>(&body) else {
        return said(StatusCode::BAD_REQUEST, "a request is an object with frames");
    };
    let (line, session) = match name {
        Some(name) => match door.lines.find(&name) {
            Some(line) => (line, None),
            None => return said(StatusCode::GONE, "there is no such line any more"),
        },
        None => match open(&door, from).await {
            Ok((line, name)) => (line, Some(name)),
            Err(refusal) => return refusal,
        },
    };
    let answer = line.asked(asked).await;
    if answer.closed.is_some() {
        door.lines.forget(&line);
    }
    Json(Answer { session, ..answer }).into_response()
}

fn name_of(headers: &HeaderMap) -> Option<String> {
    headers.get("x-session").and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
}

async fn open(door: &Door, from: Option<IpAddr>) -> Result<(Arc<Line>, String), Response> {
    let hub: &Hub = &door.hub;
    let place = hub.admit(from).map_err(turned_away)?;
    let fresh = random_bytes::<32>();
    let fresh = fresh.map_err(|_| said(StatusCode::SERVICE_UNAVAILABLE, "try again later"))?;
    let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
    hub.spawn(place, async move { Some(theirs) });
    let (into, out_of) = WebSocketStream::from_raw_socket(ours, Role::Client, None).await.split();
    let used = Mutex::new(clock::instant());
    let line = Arc::new(Line { into: tokio::sync::Mutex::new(into), out_of: tokio::sync::Mutex::new(out_of), used });
    let name = BASE64URL_NOPAD.encode(&fresh);
    door.lines.keep(name.clone(), Arc::clone(&line));
    Ok((line, name))
}

impl Lines {
    fn find(&self, name: &str) -> Option<Arc<Line>> {
        let found = self.locked().get(name).cloned()?;
        found.touch();
        Some(found)
    }

    /// Unused lines go whenever a new one comes; their sessions end with their pipes.
    fn keep(&self, name: String, line: Arc<Line>) {
        let mut lines = self.locked();
        lines.retain(|_, line| !line.is_unused());
        lines.insert(name, line);
    }

    fn forget(&self, line: &Arc<Line>) {
        self.locked().retain(|_, known| !Arc::ptr_eq(known, line));
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Line>>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = clock::instant();
    }

    fn is_unused(&self) -> bool {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        clock::instant().saturating_duration_since(used) > UNUSED_MAX
    }

    async fn asked(&self, asked: Asked) -> Answer {
        // A session that takes nothing more has said why, and that stands in what it sent.
        drop(tokio::time::timeout(TAKEN_WITHIN, self.give(asked.frames)).await);
        if !asked.wait {
            return Answer::default();
        }
        let answer = self.take().await;
        self.touch();
        answer
    }

    async fn give(&self, frames: Vec<String>) {
        let mut into = self.into.lock().await;
        for frame in frames.into_iter().take(FRAMES_MAX) {
            if into.send(Message::text(frame)).await.is_err() {
                return;
            }
        }
    }

    async fn take(&self) -> Answer {
        let mut answer = Answer::default();
        // What was put there before the time was over stays.
        drop(tokio::time::timeout(WAIT_MAX, self.fill(&mut answer)).await);
        answer
    }

    /// The next frame, however long it takes, and those that come close behind it.
    async fn fill(&self, answer: &mut Answer) {
        let mut out_of = self.out_of.lock().await;
        let mut bytes = 0;
        while answer.frames.len() < FRAMES_MAX && bytes < FRAME_BYTES_MAX {
            let next = if answer.frames.is_empty() {
                out_of.next().await
            } else {
                let Ok(next) = tokio::time::timeout(TOGETHER, out_of.next()).await else { return };
                next
            };
            match next {
                Some(Ok(Message::Text(text))) => {
                    bytes += text.len();
                    answer.frames.push(text.to_string());
                }
                Some(Ok(Message::Close(close))) => {
                    answer.closed = Some(close.map_or(1005, |close| close.code.into()));
                    return;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => {
                    answer.closed = Some(1006);
                    return;
                }
            }
        }
    }
}
