//! Messengers over real websockets: who they are, what they say, what they get, and what happens when one is cut off.

use crate::cli::demo::answer::is;
use crate::cli::demo::answer::text;
use crate::cli::demo::socket::Socket;
use crate::cli::demo::stage::Stage;
use crate::cli::demo::telling::Told;
use crate::cli::demo::telling::ms;
use crate::cli::demo::telling::p50_ms;
use crate::clock;
use anyhow::Context;
use anyhow::Result;
use anyhow::ensure;
use data_encoding::HEXLOWER;
use ring::hmac;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

/// Messages each of them posts.
const POSTS_EACH: usize = 3;
/// What the agent says while a socket is away.
const MISSED: [&str; 2] = ["Are you still there?", "I will wait here for you."];

/// An open messenger with its conversation.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) socket: Socket,
    pub(super) conversation: String,
}

/// The three of them.
#[derive(Debug)]
pub(super) struct Talk {
    /// Nobody known.
    pub(super) visitor: Seat,
    /// Gave a name and an address, and no proof.
    pub(super) lead: Seat,
    /// A user, proved by HMAC.
    pub(super) user: Seat,
}

impl Talk {
    /// Their sockets.
    pub(super) fn sockets(self) -> Vec<Socket> {
        vec![self.visitor.socket, self.lead.socket, self.user.socket]
    }
}

/// Three connect and post; every post is acknowledged after its commit, and a repeated one gets the same answer.
pub(super) async fn meet(stage: &Stage) -> Result<(Told, Talk)> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &stage.secret);
    let user_hash = HEXLOWER.encode(hmac::sign(&key, b"user-1001").as_ref());
    let identities = [
        json!({}),
        json!({"name": "Mia", "email": "mia@example.net"}),
        json!({"user_id": "user-1001", "name": "Noor", "email": "noor@example.com", "user_hash": user_hash}),
    ];
    let mut took = Vec::new();
    let mut seats = Vec::new();
    for (who, identity) in identities.iter().enumerate() {
        seats.push(sit_down(stage, who, identity, &mut took).await?);
    }
    let [visitor, lead, user] = <[Seat; 3]>::try_from(seats).ok().context("three messengers were expected")?;
    for (seat, verified) in [(&visitor, false), (&lead, false), (&user, true)] {
        let shown = seat.socket.welcome.pointer("/settings/verified").and_then(Value::as_bool);
        ensure!(shown == Some(verified), "verified is {shown:?} in {}", seat.socket.welcome);
    }
    let words = format!("3 connected, {} posts acknowledged, p50 {} ms", took.len(), p50_ms(&took));
    let details = vec![
        "a visitor, a lead who gave an address, a user proved by HMAC".to_owned(),
        "each post repeated: the same answer, stored once".to_owned(),
    ];
    let facts = json!({"sockets": 3, "verified": 1, "posts": took.len(), "ack_p50_ms": p50_ms(&took)});
    Ok((Told { words, details, facts }, Talk { visitor, lead, user }))
}

async fn sit_down(stage: &Stage, who: usize, identity: &Value, took: &mut Vec<Duration>) -> Result<Seat> {
    let mut socket = Socket::open(stage.http, identity, None).await?;
    let mut conversation = None;
    for n in 0..POSTS_EACH {
        let (client_id, body) = (format!("demo-{who}-{n}"), format!("Message {} of a messenger", n + 1));
        let began_at = clock::instant();
        let (id, part) = socket.post(&client_id, conversation.as_deref(), &body).await?;
        took.push(began_at.elapsed());
        let again = socket.post(&client_id, conversation.as_deref(), &body).await?;
        ensure!(again == (id.clone(), part), "the same client_id got another answer");
        conversation = Some(id);
    }
    let conversation = conversation.context("no conversation was begun")?;
    let stored = stage.conversation(&conversation).await?;
    let count = stored.pointer("/deskgate/seq").and_then(Value::as_u64);
    ensure!(count == u64::try_from(POSTS_EACH).ok(), "{count:?} messages are stored: {stored}");
    Ok(Seat { socket, conversation })
}

/// The agent answers each; the open socket has it at once, and its read mark keeps the mail from going out.
pub(super) async fn talk(stage: &Stage, talk: &mut Talk) -> Result<(Told, ())> {
    let mut took = Vec::new();
    for seat in [&mut talk.visitor, &mut talk.lead, &mut talk.user] {
        seat.socket.typing(&seat.conversation).await?;
        let conversation = seat.conversation.clone();
        let began_at = clock::instant();
        let (said, heard) =
            tokio::join!(stage.comment(&conversation, "Hello, this is Robin."), seat.socket.next_of_agent());
        let (said, (event, heard_at)) = (said?, heard?);
        ensure!(is(&event, "/part/id", &said), "another part came: {event}");
        took.push(heard_at.saturating_duration_since(began_at));
        seat.socket.seen(&event).await?;
        seat.socket.events_so_far().await?;
    }
    let words = format!("3 answers by API, on the open sockets after p50 {} ms", p50_ms(&took));
    let facts = json!({"replies": took.len(), "seen_on_socket_p50_ms": p50_ms(&took)});
    Ok((Told { words, facts, ..Told::default() }, ()))
}

/// A socket is cut without a word, misses messages, and comes back with its position.
pub(super) async fn cut_and_resume(stage: &Stage, talk: &mut Talk) -> Result<(Told, ())> {
    let seat = &mut talk.visitor;
    let token = text(&seat.socket.welcome, "/visitor")?.to_owned();
    let since = seat.socket.seq;
    seat.socket.cut().await?;
    let mut said = Vec::new();
    for body in MISSED {
        said.push(stage.comment(&seat.conversation, body).await?);
    }
    let began_at = clock::instant();
    let mut socket = Socket::open(stage.http, &json!({"visitor": token}), Some(since)).await?;
    let resumed = socket.welcome.pointer("/resumed").and_then(Value::as_bool);
    ensure!(resumed == Some(true), "the session was not resumed: {}", socket.welcome);
    let events = socket.events_so_far().await?;
    let took = began_at.elapsed();
    let heard: Vec<&str> = events.iter().filter_map(|event| text(event, "/part/id").ok()).collect();
    ensure!(heard == said, "missed {said:?}, got {heard:?}");
    seat.socket = socket;
    let words = format!("resumed: {} missed messages after {} ms, once and in order", said.len(), ms(took));
    let facts = json!({"missed": said.len(), "resumed": heard.len(), "resume_ms": ms(took)});
    Ok((Told { words, facts, ..Told::default() }, ()))
}
