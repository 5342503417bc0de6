//! Events to open sockets: one to all of them, and another one to each; beside nginx with nchan and bare writes.
//!
//! One event to all is an agent's reply to a contact who has so many sockets; another one to each are replies to as many
//! contacts, which are committed, and agents' typing, which is in memory alone as all is with nchan.

use crate::caller::Asked;
use crate::caller::post_all;
use crate::fanout::mark;
use crate::fanout::serve_bare;
use crate::nchan::Nchan;
use crate::program::Admin;
use crate::program::Program;
use crate::program::directory;
use crate::socket::Socket;
use crate::socket::connected;
use crate::socket::runtime;
use crate::socket::visitors;
use crate::table::Table;
use crate::table::median;
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
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// What every frame of a figure holds and no other.
type Needle = fn(&str) -> bool;
/// Which socket had it, and when.
type Seen = (usize, Instant);

/// All rounds of one figure.
#[derive(Default)]
struct Delivered {
    /// From the call that caused it to the frame, every socket of every round.
    times: Vec<Duration>,
    /// From the first call to the last frame, each round.
    rounds: Vec<Duration>,
    /// Of the server, in all rounds; `None` where it runs in this process.
    cpu: Option<Duration>,
}

/// Who reads the sockets of a figure.
struct Readers {
    seen: mpsc::UnboundedReceiver<Seen>,
    reading: JoinSet<()>,
    count: usize,
}

pub fn measure(sockets: usize, rounds: usize) {
    for count in [sockets, sockets * 5] {
        eprintln!("deliver: one event to {count} sockets");
        one_to_all(count, rounds.max(5));
    }
    eprintln!("deliver: different events to {} sockets", sockets * 5);
    one_to_each(sockets * 5, rounds);
}

fn one_to_all(sockets: usize, rounds: usize) {
    let daemon = started(sockets);
    let admin = daemon.admin();
    let (ours, frame) = runtime().block_on(replies_to_one(&daemon, &admin, sockets, rounds));
    drop(daemon);
    let mut table = table();
    row(&mut table, "deskgate, agent's reply, durable", sockets, ours);
    let nchan = nchan_figure(sockets, rounds, true, &frame);
    row_of_nchan(&mut table, sockets, nchan);
    let bare = runtime().block_on(bare(sockets, rounds, true, &frame));
    row(&mut table, "bare websocket writes", sockets, bare);
    table.print(&format!("Delivery: one event to {sockets} sockets, {rounds} times"));
}

fn one_to_each(sockets: usize, rounds: usize) {
    let daemon = started(sockets);
    let admin = daemon.admin();
    let (replies, typing, frame) = runtime().block_on(to_each_contact(&daemon, &admin, sockets, rounds));
    drop(daemon);
    let mut table = table();
    row(&mut table, "deskgate, agents' replies, durable", sockets, replies);
    row(&mut table, "deskgate, agents' typing, in memory", sockets, typing);
    let nchan = nchan_figure(sockets, rounds, false, &frame);
    row_of_nchan(&mut table, sockets, nchan);
    let bare = runtime().block_on(bare(sockets, rounds, false, &frame));
    row(&mut table, "bare websocket writes, without calls", sockets, bare);
    table.print(&format!("Delivery: {sockets} different events to {sockets} sockets, {rounds} times"));
}

/// One that keeps nobody from measuring it.
pub fn started(sockets: usize) -> Program {
    let limits = format!(
        "[limits]\napi_per_token_per_minute = 60000000\napi_per_workspace_per_minute = 60000000\n\
         sockets_max = {0}\nsockets_per_contact_max = {0}\n",
        sockets + 100
    );
    Program::start_in(directory(), &limits)
}

fn table() -> Table {
    Table::new(&[
        "server",
        "call to frame, p50, ms",
        "p99",
        "last, median",
        "deliveries/s",
        "server CPU µs per delivery",
    ])
}

fn row(table: &mut Table, name: &str, sockets: usize, mut delivered: Delivered) {
    delivered.times.sort();
    let last = Duration::from_secs_f64(median(delivered.rounds.iter().map(Duration::as_secs_f64).collect()));
    let deliveries = number(delivered.times.len());
    table.row([
        name.to_owned(),
        ms(percentile(&delivered.times, 50)),
        ms(percentile(&delivered.times, 99)),
        ms(last),
        format!("{:.0}", rate(sockets, last)),
        delivered.cpu.map(|cpu| format!("{:.1}", cpu.as_secs_f64() * 1e6 / deliveries)).unwrap_or_default(),
    ]);
}

fn row_of_nchan(table: &mut Table, sockets: usize, delivered: Option<Delivered>) {
    const NAME: &str = "nginx with nchan, in memory";
    match delivered {
        Some(delivered) => row(table, NAME, sockets, delivered),
        None => table.row([NAME, "not installed", "", "", "", ""].map(str::to_owned)),
    }
}

impl Readers {
    fn of(sockets: Vec<Socket>, needle: Needle) -> Self {
        let (tell, seen) = mpsc::unbounded_channel();
        let (count, mut reading) = (sockets.len(), JoinSet::new());
        for (n, mut socket) in sockets.into_iter().enumerate() {
            let tell = tell.clone();
            reading.spawn(async move {
                while let Some(text) = socket.text().await {
                    if needle(&text) {
                        tell.send((n, instant())).ok();
                    }
                }
            });
        }
        Self { seen, reading, count }
    }

    /// Waits until each socket has its frame of this round, once; `sent` says for each when it was called for.
    async fn take(&mut self, sent: impl Future<Output = Vec<Instant>>, into: &mut Delivered) {
        let sent = sent.await;
        let mut at: Vec<Option<Instant>> = vec![None; self.count];
        for _ in 0..self.count {
            let next = tokio::time::timeout(Duration::from_secs(60), self.seen.recv()).await;
            let (n, seen_at) = next.expect("every socket has its event").unwrap();
            assert!(at[n].replace(seen_at).is_none(), "each socket is told once");
        }
        let at: Vec<Instant> = at.into_iter().flatten().collect();
        let (first, last) = (sent.iter().min().unwrap(), at.iter().max().unwrap());
        into.rounds.push(last.duration_since(*first));
        let sent = sent.iter().cycle();
        into.times.extend(at.iter().zip(sent).map(|(at, sent)| at.duration_since(*sent)));
        assert!(self.reading.try_join_next().is_none(), "every socket stays open");
    }
}

fn is_marked(text: &str) -> bool {
    text.contains("It works again since round") && text.contains("part.created")
}

fn is_typing(text: &str) -> bool {
    text.contains(r#""type":"typing""#)
}

fn reply(admin_id: &Value, round: usize) -> String {
    json!({"message_type": "comment", "type": "admin", "admin_id": admin_id, "body": mark(round), "skip_notifications": true})
        .to_string()
}

/// A conversation that the socket's contact begins.
pub async fn begin(socket: &mut Socket) -> String {
    let first = json!({"type": "send", "client_id": "first", "conversation_id": null, "body": "It is down."});
    socket.say(&first).await;
    socket.frame_of("ack").await["conversation_id"].as_str().unwrap().to_owned()
}

/// An agent's replies to a contact with so many sockets, and one of the frames.
async fn replies_to_one(daemon: &Program, admin: &Admin, sockets: usize, rounds: usize) -> (Delivered, String) {
    let to = daemon.address("http");
    let admin_id = admin.get("/api/me")["id"].clone();
    let mut first = Socket::connect(to, 0).await;
    let visitor = first.hello(json!({})).await["visitor"].clone();
    let conversation = begin(&mut first).await;
    let mut all = connected(to, 1..sockets, |_| json!({"visitor": visitor})).await;
    let path = format!("/api/conversations/{conversation}/reply");
    let body = reply(&admin_id, rounds);
    let asked: Arc<Asked> = Arc::new(move |_| (path.clone(), body.clone()));
    post_all(to, admin.authorization(), 1, Arc::clone(&asked)).await;
    let frame = marked_frame(&mut first).await;
    for socket in &mut all {
        marked_frame(socket).await;
    }
    all.push(first);
    let mut readers = Readers::of(all, is_marked);
    let mut delivered = Delivered::default();
    let cpu_before = daemon.cpu_time();
    for _ in 0..rounds {
        readers.take(post_all(to, admin.authorization(), 1, Arc::clone(&asked)), &mut delivered).await;
    }
    delivered.cpu = Some(daemon.cpu_time().saturating_sub(cpu_before));
    (delivered, frame)
}

async fn marked_frame(socket: &mut Socket) -> String {
    loop {
        let text = socket.text().await.expect("an open socket");
        if is_marked(&text) {
            return text.as_str().to_owned();
        }
    }
}

/// Replies to so many contacts with one socket each, then typing, and one of the replies' frames.
async fn to_each_contact(
    daemon: &Program,
    admin: &Admin,
    sockets: usize,
    rounds: usize,
) -> (Delivered, Delivered, String) {
    let (to, authorization) = (daemon.address("http"), admin.authorization());
    let admin_id = admin.get("/api/me")["id"].clone();
    let mut all = visitors(to, 0..sockets).await;
    let mut conversations = Vec::with_capacity(sockets);
    for socket in &mut all {
        conversations.push(begin(socket).await);
    }
    let conversations: Arc<[String]> = conversations.into();
    let (ids, body) = (Arc::clone(&conversations), reply(&admin_id, 0));
    let replying: Arc<Asked> = Arc::new(move |n| (format!("/api/conversations/{}/reply", ids[n]), body.clone()));
    let ids = Arc::clone(&conversations);
    let typing: Arc<Asked> = Arc::new(move |n| (format!("/api/conversations/{}/typing", ids[n]), "{}".to_owned()));
    // The first one of each contact costs more than the others, and gives the frame for the peers.
    post_all(to, authorization, sockets, Arc::clone(&replying)).await;
    let mut frame = String::new();
    for socket in &mut all {
        frame = marked_frame(socket).await;
    }
    let mut readers = Readers::of(all, |text| is_marked(text) || is_typing(text));
    let mut figures = [Delivered::default(), Delivered::default()];
    for (delivered, asked) in figures.iter_mut().zip([replying, typing]) {
        let cpu_before = daemon.cpu_time();
        for _ in 0..rounds {
            readers.take(post_all(to, authorization, sockets, Arc::clone(&asked)), delivered).await;
        }
        delivered.cpu = Some(daemon.cpu_time().saturating_sub(cpu_before));
    }
    let [replies, typing] = figures;
    (replies, typing, frame)
}

/// The same frames by nchan: one channel for all sockets, or one for each; posted over as many connections.
fn nchan_figure(sockets: usize, rounds: usize, is_one: bool, frame: &str) -> Option<Delivered> {
    let nchan = Nchan::start(sockets)?;
    let to = nchan.address;
    let frame = frame.to_owned();
    let channel = move |n: usize| if is_one { "all".to_owned() } else { format!("n{n}") };
    Some(runtime().block_on(async {
        let mut all = Vec::with_capacity(sockets);
        for n in 0..sockets {
            all.push(Socket::connect_at(to, &format!("/sub/{}", channel(n)), n).await);
        }
        let asked: Arc<Asked> = Arc::new(move |n| (format!("/pub/{}", channel(n)), frame.clone()));
        let mut readers = Readers::of(all, is_marked);
        let count = if is_one { 1 } else { sockets };
        readers.take(post_all(to, "", count, Arc::clone(&asked)), &mut Delivered::default()).await;
        let mut delivered = Delivered::default();
        let cpu_before = nchan.cpu_time();
        for _ in 0..rounds {
            readers.take(post_all(to, "", count, Arc::clone(&asked)), &mut delivered).await;
        }
        delivered.cpu = Some(nchan.cpu_time().saturating_sub(cpu_before));
        delivered
    }))
}

/// The same frames written to one socket after the other, by a server that does nothing else.
async fn bare(sockets: usize, rounds: usize, is_one: bool, frame: &str) -> Delivered {
    let (order, orders) = mpsc::unbounded_channel();
    let to: SocketAddr = serve_bare(sockets, orders);
    let mut all = Vec::with_capacity(sockets);
    for n in 0..sockets {
        all.push(Socket::connect(to, n).await);
    }
    let mut readers = Readers::of(all, is_marked);
    let mut delivered = Delivered::default();
    let different = if is_one { 1 } else { sockets };
    for _ in 0..rounds {
        // Another copy for each, so that none is warm because the one before was.
        let frames: Vec<Utf8Bytes> = (0..different).map(|_| Utf8Bytes::from(frame.to_owned())).collect();
        let begun = instant();
        order.send(frames).unwrap();
        readers.take(async { vec![begun] }, &mut delivered).await;
    }
    delivered
}
