//! One broadcast to the open sockets of so many contacts, each with its own conversation linked to the Tracker; beside
//! bare writes of the same frame to as many sockets, and bare commits of as many parts in as many batches.

use crate::bare;
use crate::program::Admin;
use crate::program::Program;
use crate::program::within_limit;
use crate::socket::Socket;
use crate::socket::runtime;
use crate::socket::serve;
use crate::socket::visitors;
use crate::table::Table;
use crate::table::median;
use crate::table::ms;
use crate::table::percentile;
use deskgate::clock::instant;
use serde_json::Value;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Linked threads that the daemon serves in one transaction.
const BATCH: usize = 50;
/// Threads that one call links.
const LINKS_AT_ONCE: usize = 1_000;

/// The times of all sockets in one round, ascending.
struct Reached {
    times: Vec<Duration>,
    cpu: Duration,
}

pub fn measure(sockets: usize, rounds: usize) {
    eprintln!("fanout: {sockets} sockets");
    let daemon = Program::start();
    let admin = daemon.admin();
    let (ours, frame) = runtime().block_on(broadcasts(&daemon, &admin, sockets, rounds));
    drop(daemon);
    let bare = runtime().block_on(bare_writes(sockets, rounds, frame.clone()));
    let values: Vec<&[u8]> = vec![frame.as_bytes(); sockets];
    let commits = bare::commit(values.into_iter(), BATCH);
    let mut table = Table::new(&["ms after the call", "p50", "p99", "last socket", "server CPU µs per socket"]);
    row(&mut table, "deskgate, broadcast of a Tracker", &ours, true);
    row(&mut table, "bare websocket writes of the same frame", &bare, false);
    let name = format!("bare redb, {} commits of {BATCH} such frames", sockets.div_ceil(BATCH));
    table.row([name, String::new(), String::new(), ms(commits), String::new()]);
    table.print(&format!("Fan-out: one broadcast to {sockets} sockets, median of {rounds}"));
}

fn row(table: &mut Table, name: &str, rounds: &[Reached], with_cpu: bool) {
    let of = |figure: &dyn Fn(&Reached) -> Duration| {
        Duration::from_secs_f64(median(rounds.iter().map(|round| figure(round).as_secs_f64()).collect()))
    };
    let sockets = u32::try_from(rounds[0].times.len()).unwrap();
    let cpu = of(&|round| round.cpu / sockets).as_secs_f64() * 1e6;
    table.row([
        name.to_owned(),
        ms(of(&|round| percentile(&round.times, 50))),
        ms(of(&|round| percentile(&round.times, 99))),
        ms(of(&|round| percentile(&round.times, 100))),
        if with_cpu { format!("{cpu:.0}") } else { String::new() },
    ]);
}

/// When a socket saw a frame that holds the mark of its round.
pub type Seen = (usize, Instant, Utf8Bytes);

/// Words of one round.
pub fn mark(round: usize) -> String {
    format!("It works again since round {round}.")
}

/// Reads until the socket ends, and tells of each mark.
async fn watch(mut socket: Socket, rounds: usize, seen: mpsc::UnboundedSender<Seen>) {
    let marks: Vec<String> = (0..rounds).map(mark).collect();
    while let Some(text) = socket.text().await {
        let at = instant();
        if let Some(round) = marks.iter().position(|mark| text.contains(mark)) {
            drop(seen.send((round, at, text)));
        }
    }
}

/// The times of one round, and one of the frames.
pub async fn collect(
    seen: &mut mpsc::UnboundedReceiver<Seen>,
    sockets: usize,
    round: usize,
    begun: Instant,
) -> (Vec<Duration>, Utf8Bytes) {
    let mut times = Vec::with_capacity(sockets);
    let mut frame = Utf8Bytes::default();
    while times.len() < sockets {
        let next = tokio::time::timeout(Duration::from_secs(60), seen.recv()).await;
        let (of_round, at, text) = next.expect("every socket has its event").unwrap();
        assert_eq!(of_round, round, "each socket is told once");
        times.push(at.duration_since(begun));
        frame = text;
    }
    times.sort();
    (times, frame)
}

async fn broadcasts(daemon: &Program, admin: &Admin, sockets: usize, rounds: usize) -> (Vec<Reached>, Utf8Bytes) {
    let mut connected = visitors(daemon.address("http"), 0..sockets).await;
    let mut conversations = Vec::new();
    for socket in &mut connected {
        let first = json!({"type": "send", "client_id": "first", "conversation_id": null, "body": "It is down."});
        socket.say(&first).await;
        conversations.push(socket.frame_of("ack").await["conversation_id"].clone());
    }
    let tracker = tracker_of(admin, &conversations);
    let (mut seen, _watching) = watch_all(connected, rounds);
    let (mut reached, mut frame) = (Vec::new(), Utf8Bytes::default());
    for round in 0..rounds {
        let cpu_before = daemon.cpu_time();
        let text = format!("Dear customer, {} Thank you for telling us.", mark(round));
        let body = json!({"subject": "It works again", "body": text, "send": true, "confirm_count": sockets});
        let path = format!("/api/tickets/{tracker}/broadcasts");
        let caller = admin.clone();
        let begun = instant();
        let started = tokio::task::spawn_blocking(move || caller.post(&path, &body));
        let (times, text) = collect(&mut seen, sockets, round, begun).await;
        frame = text;
        finished(admin, &started.await.unwrap());
        reached.push(Reached { times, cpu: daemon.cpu_time().saturating_sub(cpu_before) });
    }
    (reached, frame)
}

/// Reads every socket in a task of its own, until what is returned goes away.
pub fn watch_all(sockets: Vec<Socket>, rounds: usize) -> (mpsc::UnboundedReceiver<Seen>, JoinSet<()>) {
    let (tell, seen) = mpsc::unbounded_channel();
    let mut watching = JoinSet::new();
    for socket in sockets {
        watching.spawn(watch(socket, rounds, tell.clone()));
    }
    (seen, watching)
}

fn finished(admin: &Admin, started: &Value) {
    let path = format!("/api/broadcasts/{}", started["id"].as_str().unwrap());
    within_limit("the broadcast's end", || (admin.get(&path)["state"] == "finished").then_some(()));
}

/// A Tracker with all these conversations.
fn tracker_of(admin: &Admin, conversations: &[Value]) -> String {
    let kind = json!({"name": "Incident", "category": "Tracker"});
    let kind = admin.post("/api/ticket_types", &kind)["id"].clone();
    let tracker = admin.post("/api/tickets", &json!({"ticket_type_id": kind, "contacts": []}));
    let tracker = tracker["id"].as_str().unwrap().to_owned();
    for threads in conversations.chunks(LINKS_AT_ONCE) {
        let linked = admin.post(&format!("/api/tickets/{tracker}/links"), &json!({"thread_ids": threads}));
        assert!(linked["data"].as_array().unwrap().iter().all(|link| link["linked"] == true), "{linked}");
    }
    tracker
}

/// The same frame written to one socket after the other.
async fn bare_writes(sockets: usize, rounds: usize, frame: Utf8Bytes) -> Vec<Reached> {
    let (order, orders) = mpsc::unbounded_channel();
    let address = serve_bare(sockets, orders);
    let mut connected = Vec::new();
    for n in 0..sockets {
        connected.push(Socket::connect(address, n).await);
    }
    let (mut seen, _watching) = watch_all(connected, rounds);
    let mut reached = Vec::new();
    for round in 0..rounds {
        let frame = frame.replace(&mark(rounds - 1), &mark(round));
        let begun = instant();
        order.send(vec![Utf8Bytes::from(frame)]).unwrap();
        let (times, _) = collect(&mut seen, sockets, round, begun).await;
        reached.push(Reached { times, cpu: Duration::ZERO });
    }
    reached
}

/// Accepts so many sockets; the frames of an order go to one after the other, from the first again when there are fewer.
pub fn serve_bare(sockets: usize, mut orders: mpsc::UnboundedReceiver<Vec<Utf8Bytes>>) -> SocketAddr {
    serve(runtime, async move |listener| {
        let mut accepted = Vec::new();
        for _ in 0..sockets {
            accepted.push(Socket::accept(&listener).await);
        }
        while let Some(frames) = orders.recv().await {
            for (socket, frame) in accepted.iter_mut().zip(frames.iter().cycle()) {
                socket.write(frame.clone()).await;
            }
        }
    })
}
