//! `/events_log/stream`: the log as it grows, and what is so for the moment, as server-sent events (DSK-1, DSK-7).
//!
//! | event | what | id |
//! |---|---|---|
//! | `now` | first, and again when changes of the moment were missed: who types, is online, looks at what | position |
//! | `entry` | an entry of the log | its `log_seq` |
//! | `typing`, `presence`, `viewing` | a change of the moment | none |
//! | `resync` | the position is none the log can go on from: read everything anew; goes on behind `log_seq` | position |
//! | `end` | the last one, with the reason | none |
//!
//! A client that was cut off comes back with `Last-Event-ID` (or `after`) and gets every entry behind it, once, in order;
//! without either the stream begins with what happens next. Positions of heartbeats count too.
//!
//! **Invariant:** nothing of the log waits in memory: a stream has a cursor and reads the store, and what was read waits in
//! a queue of [`CHUNKS_MAX`]; who does not take it within [`TAKEN_WITHIN`] is cut off and resumes. Token, agent and rights
//! are asked again before every reading.

use crate::channel::messenger::Hub;
use crate::channel::messenger::moments::Moment;
use crate::desk::agents::live::Stretch;
use crate::desk::agents::live::may_follow;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::id::EventSeq;
use crate::domain::id::ThreadId;
use crate::http::Api;
use crate::http::api::wire::event::entry;
use crate::http::api::wire::moment;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::frame::bearer;
use crate::http::live_streams::Place;
use axum::Router;
use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use futures_util::stream::unfold;
use serde_json::Value;
use serde_json::json;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

/// Log entries looked at in one reading.
const READ_MAX: usize = 200;
/// Readings that wait for a slow client.
const CHUNKS_MAX: usize = 4;
/// A client that takes nothing for so long is cut off.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);
/// A heartbeat this often (MSG-47); tokens that run out end their streams by then.
const BEAT_EVERY: Duration = Duration::from_secs(15);
/// Commits close behind each other are read together.
const TOGETHER: Duration = Duration::from_millis(20);
/// Conversations and contacts of each kind in `now`.
const NOW_MAX: usize = 1_000;

/// Why a stream is over.
enum End {
    /// The client is gone, or takes nothing.
    Gone,
    /// The client is told why.
    Said(&'static str),
}

type Flow<T = ()> = std::result::Result<T, End>;

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/events_log/stream", get(open))
}

async fn open(call: Call, headers: HeaderMap) -> Result<Response> {
    let token = bearer(&headers).ok_or_else(ApiError::unauthorized)?.to_owned();
    may_follow(&call.caller)?;
    let cursor = position(&call, &headers).await?;
    let place = call.api().live.enter(call.caller.agent)?;
    let (out, taken) = mpsc::channel(CHUNKS_MAX);
    let (api, caller) = (call.api().clone(), call.caller.clone());
    tokio::spawn(Follower { api, token, caller, cursor, out, place }.run());
    let body = unfold(taken, |mut taken: mpsc::Receiver<String>| async {
        let chunk = taken.recv().await?;
        Some((Ok::<_, Infallible>(chunk), taken))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies that gather answers would hold back what is meant to be now.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// Where the stream goes on: what a client that comes back has, else what was asked for, else the end of the log.
async fn position(call: &Call, headers: &HeaderMap) -> Result<EventSeq> {
    let kept = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let given = kept.or(call.query("after")).filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    match given {
        Some(text) => text.parse().map_err(|_| ApiError::wrong_type("after", "a log_seq")),
        None => call.read(|desk, _| desk.log_seq()).await,
    }
}

/// One stream.
struct Follower {
    api: Api,
    token: String,
    caller: Caller,
    /// Everything up to here was written or is not for this caller.
    cursor: EventSeq,
    out: mpsc::Sender<String>,
    place: Place,
}

/// What came first.
enum Turn {
    Grown,
    Moment(std::result::Result<Moment, RecvError>),
    Beat,
}

impl Follower {
    async fn run(mut self) {
        let Err(end) = self.follow().await;
        if let End::Said(reason) = end {
            let said = event("end", None, &json!({"type": "end", "reason": reason}));
            // A client that takes nothing any more need not know why.
            drop(tokio::time::timeout(TAKEN_WITHIN, self.out.send(said)).await);
        }
    }

    async fn follow(&mut self) -> Flow<Infallible> {
        let mut committed = self.api.desk.committed();
        let mut moments = self.api.messenger.as_ref().map(|hub| hub.moments().listen());
        self.tell_now().await?;
        self.catch_up().await?;
        let mut beat = tokio::time::interval_at(tokio::time::Instant::now() + BEAT_EVERY, BEAT_EVERY);
        loop {
            let turn = tokio::select! {
                () = self.out.closed() => return Err(End::Gone),
                reason = self.place.ended() => return Err(End::Said(reason)),
                changed = committed.changed() => match changed {
                    Ok(()) => Turn::Grown,
                    Err(_) => return Err(End::Said("going_away")),
                },
                moment = next(&mut moments) => Turn::Moment(moment),
                _ = beat.tick() => Turn::Beat,
            };
            match turn {
                Turn::Grown => {
                    tokio::time::sleep(TOGETHER).await;
                    committed.mark_unchanged();
                    self.catch_up().await?;
                }
                Turn::Moment(Ok(moment)) => self.pass(moment).await?,
                Turn::Moment(Err(RecvError::Lagged(_))) => self.tell_now().await?,
                Turn::Moment(Err(RecvError::Closed)) => moments = None,
                Turn::Beat => {
                    self.catch_up().await?;
                    let beat = format!("id: {}\n: nothing else happened\n\n", self.cursor.0);
                    self.write(beat).await?;
                }
            }
        }
    }

    /// Writes everything behind the cursor that the caller may read as they are now.
    async fn catch_up(&mut self) -> Flow {
        loop {
            let (token, cursor) = (self.token.clone(), self.cursor);
            let read = self.api.blocking(move |desk| {
                let caller = desk.authenticate(&token)?;
                let stretch = desk.follow(&caller, cursor, READ_MAX)?;
                Ok((caller, stretch, desk.log_seq()?))
            });
            let (caller, stretch, last) = read.await.map_err(|error| End::Said(error.code))?;
            self.caller = caller;
            let Some(Stretch { entries, reached, more }) = stretch else {
                self.cursor = last;
                let data = json!({"type": "resync", "log_seq": last.0});
                self.write(event("resync", Some(last), &data)).await?;
                return self.tell_now().await;
            };
            let chunk: String = entries.iter().map(|found| event("entry", Some(found.seq), &entry(found))).collect();
            if !chunk.is_empty() {
                self.write(chunk).await?;
            }
            self.cursor = reached;
            if !more {
                return Ok(());
            }
        }
    }

    /// A change of the moment, if it is of something the caller may read.
    async fn pass(&self, change: Moment) -> Flow {
        let Some(hub) = &self.api.messenger else { return Ok(()) };
        let shown = match &change {
            Moment::Typing { thread, .. } | Moment::Viewers { thread } => self.reads(*thread).await?,
            Moment::Online { .. } => self.reads_contacts(),
        };
        if !shown {
            return Ok(());
        }
        let (name, data) = match change {
            Moment::Typing { thread, who, on } => ("typing", moment::typing(thread, &who, on)),
            Moment::Online { contact, online } => ("presence", moment::online(contact, online)),
            Moment::Viewers { thread } => {
                ("viewing", moment::viewing(thread, &hub.moments().viewers(thread, hub.now_ms())))
            }
        };
        self.write(event(name, None, &data)).await
    }

    /// How things are.
    async fn tell_now(&self) -> Flow {
        let Some(hub) = &self.api.messenger else {
            let now = moment::Now { log_seq: self.cursor, typing: Vec::new(), online: Vec::new(), viewing: Vec::new() };
            return self.write(event("now", Some(self.cursor), &now.json())).await;
        };
        let now = self.now(hub).await?;
        self.write(event("now", Some(self.cursor), &now.json())).await
    }

    async fn now(&self, hub: &Hub) -> Flow<moment::Now> {
        let (moments, now_ms) = (hub.moments(), hub.now_ms());
        let (typists, viewed) = (moments.typists(now_ms, NOW_MAX), moments.viewed(now_ms, NOW_MAX));
        let threads = typists.iter().map(|(thread, _)| *thread).chain(viewed.iter().copied()).collect();
        let readable = self.readable(threads).await?;
        let viewing = viewed.into_iter().filter(|thread| readable.contains(thread));
        Ok(moment::Now {
            log_seq: self.cursor,
            typing: typists.into_iter().filter(|(thread, _)| readable.contains(thread)).collect(),
            online: if self.reads_contacts() { hub.online(NOW_MAX) } else { Vec::new() },
            viewing: viewing.map(|thread| (thread, moments.viewers(thread, now_ms))).collect(),
        })
    }

    fn reads_contacts(&self) -> bool {
        self.caller.scopes.contains(&Scope::ReadContacts)
    }

    async fn reads(&self, thread: ThreadId) -> Flow<bool> {
        Ok(!self.readable(vec![thread]).await?.is_empty())
    }

    async fn readable(&self, threads: Vec<ThreadId>) -> Flow<Vec<ThreadId>> {
        if threads.is_empty() {
            return Ok(threads);
        }
        let caller = self.caller.clone();
        let read = self.api.blocking(move |desk| Ok(desk.readable_threads(&caller, &threads)?));
        read.await.map_err(|error| End::Said(error.code))
    }

    async fn write(&self, chunk: String) -> Flow {
        match tokio::time::timeout(TAKEN_WITHIN, self.out.send(chunk)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }
}

/// The next change; never, where nothing tells of any.
async fn next(moments: &mut Option<broadcast::Receiver<Moment>>) -> std::result::Result<Moment, RecvError> {
    match moments {
        Some(moments) => moments.recv().await,
        None => std::future::pending().await,
    }
}

/// One server-sent event; JSON is one line.
fn event(name: &str, id: Option<EventSeq>, data: &Value) -> String {
    let id = id.map(|id| format!("id: {}\n", id.0)).unwrap_or_default();
    format!("event: {name}\n{id}data: {data}\n\n")
}
