//! All sockets cut at once, messages written meanwhile, and all of them back at once with `since`: the time until each
//! has what it missed, each entry once and in order. Beside as many first handshakes with a bare websocket server.

use crate::caller::Asked;
use crate::caller::post_all;
use crate::deliver::begin;
use crate::deliver::started;
use crate::fanout::mark;
use crate::idle::BareServer;
use crate::program::Admin;
use crate::program::Program;
use crate::socket::Socket;
use crate::socket::runtime;
use crate::table::Table;
use crate::table::ms;
use crate::table::number;
use crate::table::percentile;
use crate::table::rate;
use deskgate::clock::instant;
use serde_json::Value;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use tokio::task::JoinSet;

/// Messages that each contact misses.
const MISSED: usize = 2;
/// Handshakes under way at once while nothing is measured.
const AT_ONCE: usize = 50;

/// A contact whose socket was cut.
struct Away {
    visitor: Value,
    conversation: String,
    since: Value,
}

/// When each had everything, ascending, and what the server's CPU did.
struct Back {
    times: Vec<Duration>,
    cpu: Duration,
}

pub fn measure(sockets: usize) {
    eprintln!("storm: {sockets} sockets");
    let daemon = started(sockets);
    let admin = daemon.admin();
    let ours = runtime().block_on(storm(&daemon, &admin, sockets));
    drop(daemon);
    let server = BareServer::start();
    let cpu_before = server.cpu_time();
    let times = runtime().block_on(handshakes(server.address, sockets));
    let bare = Back { times, cpu: server.cpu_time().saturating_sub(cpu_before) };
    let columns =
        ["after the first reconnect, ms", "p50", "p99", "last socket", "sockets/s", "server CPU µs per socket"];
    let mut table = Table::new(&columns);
    for (name, back) in [("deskgate, resumed and caught up", ours), ("bare websocket server, welcomed", bare)] {
        let [p50, p99, last] = [50, 99, 100].map(|per_cent| percentile(&back.times, per_cent));
        let cpu = format!("{:.0}", back.cpu.as_secs_f64() * 1e6 / number(sockets));
        table.row([name.to_owned(), ms(p50), ms(p99), ms(last), format!("{:.0}", rate(sockets, last)), cpu]);
    }
    table.print(&format!("Reconnect storm: {sockets} sockets, {MISSED} missed messages each"));
}

async fn storm(daemon: &Program, admin: &Admin, sockets: usize) -> Back {
    let to = daemon.address("http");
    let away = all_cut(to, sockets).await;
    let admin_id = admin.get("/api/me")["id"].clone();
    let conversations: Arc<[String]> = away.iter().map(|contact| contact.conversation.clone()).collect();
    for round in 0..MISSED {
        let (ids, admin_id) = (Arc::clone(&conversations), admin_id.clone());
        let asked: Arc<Asked> = Arc::new(move |n| {
            let body = json!({"message_type": "comment", "type": "admin", "admin_id": admin_id, "body": mark(round),
                "skip_notifications": true});
            (format!("/api/conversations/{}/reply", ids[n]), body.to_string())
        });
        post_all(to, admin.authorization(), sockets, asked).await;
    }
    let cpu_before = daemon.cpu_time();
    let begun = instant();
    let mut coming = JoinSet::new();
    for (n, contact) in away.into_iter().enumerate() {
        coming.spawn(come_back(to, n, contact, begun));
    }
    let (mut times, mut back) = (Vec::with_capacity(sockets), Vec::with_capacity(sockets));
    while let Some(caught_up) = coming.join_next().await {
        let (socket, took) = caught_up.unwrap();
        times.push(took);
        back.push(socket);
    }
    let cpu = daemon.cpu_time().saturating_sub(cpu_before);
    for socket in back {
        nothing_twice(socket).await;
    }
    times.sort();
    Back { times, cpu }
}

/// So many contacts with a conversation each, whose sockets were dropped together.
async fn all_cut(to: SocketAddr, sockets: usize) -> Vec<Away> {
    let (mut waiting, mut connecting) = (0..sockets, JoinSet::new());
    let (mut open, mut away) = (Vec::with_capacity(sockets), Vec::with_capacity(sockets));
    loop {
        while connecting.len() < AT_ONCE
            && let Some(n) = waiting.next()
        {
            connecting.spawn(first_time(to, n));
        }
        let Some(connected) = connecting.join_next().await else { break };
        let (socket, contact) = connected.unwrap();
        open.push(socket);
        away.push(contact);
    }
    drop(open);
    away
}

async fn first_time(to: SocketAddr, n: usize) -> (Socket, Away) {
    let mut socket = Socket::connect(to, n).await;
    let welcome = socket.hello(json!({})).await;
    let conversation = begin(&mut socket).await;
    // What was applied: the snapshot, and nothing of what came behind it.
    let away = Away { visitor: welcome["visitor"].clone(), conversation, since: welcome["seq"].clone() };
    (socket, away)
}

/// Resumes, and reads until the last missed message.
async fn come_back(to: SocketAddr, n: usize, contact: Away, begun: Instant) -> (Socket, Duration) {
    let mut socket = Socket::connect(to, n).await;
    let welcome = socket.resume(json!({"visitor": contact.visitor}), &contact.since).await;
    assert_eq!(welcome["resumed"], true, "{welcome}");
    let mut seq = contact.since.as_u64().unwrap();
    let mut missed = 0;
    while missed < MISSED {
        let event = socket.frame_of("event").await;
        let next = event["seq"].as_u64().unwrap();
        assert!(next > seq, "in ascending order, none twice");
        seq = next;
        if event["event"] == "part.created" && event["part"].to_string().contains("It works again since round") {
            assert!(event["part"].to_string().contains(&mark(missed)), "in the order in which they were written");
            missed += 1;
        }
    }
    (socket, begun.elapsed())
}

/// What comes before the answer to a question asked now holds none of the messages again.
async fn nothing_twice(mut socket: Socket) {
    socket.say(&json!({"type": "ping", "n": 1})).await;
    loop {
        let frame = socket.json().await;
        if frame["type"] == "pong" {
            return;
        }
        assert_ne!(frame["event"], "part.created", "each entry once");
    }
}

async fn handshakes(to: SocketAddr, sockets: usize) -> Vec<Duration> {
    let begun = instant();
    let mut coming = JoinSet::new();
    for n in 0..sockets {
        coming.spawn(async move {
            let mut socket = Socket::connect(to, n).await;
            socket.hello(json!({})).await;
            (socket, begun.elapsed())
        });
    }
    let came = coming.join_all().await;
    let mut times: Vec<Duration> = came.into_iter().map(|(_, took)| took).collect();
    times.sort();
    times
}
