//! A broadcast by mail to many contacts, from the call to the last mail; beside a bare sender of the same mail over as many
//! connections into the same sink. Some of the contacts have their messenger open meanwhile. What is aimed at is that neither the time for one mail nor the memory grows with the
//! number of recipients.

use crate::machine;
use crate::program::Admin;
use crate::program::Program;
use crate::program::directory;
use crate::sink::Sink;
use crate::sink::send;
use crate::socket::Socket;
use crate::socket::connected;
use crate::socket::runtime;
use crate::stored;
use crate::table::Table;
use crate::table::aimed;
use crate::table::median;
use crate::table::ms;
use crate::table::percentile;
use crate::table::rate;
use data_encoding::HEXLOWER;
use deskgate::clock::instant;
use ring::hmac;
use serde_json::Value;
use serde_json::json;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::time::Instant;
use tokio::task::JoinSet;

/// Connections to the sink, ours and the bare sender's.
const CONNECTIONS: usize = 4;
/// Threads that one call links.
const LINKS_AT_ONCE: usize = 1_000;
/// Between two looks at progress and memory.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Most mails of the bare sender.
const BARE_MAX: usize = 5_000;
/// Memory above idle that a broadcast may take, in MiB.
const MEMORY_AIM_MIB: f64 = 150.0;
/// With which the contacts' pages prove who they are.
const SECRET: &[u8] = b"a secret of the bench, long enough for its purpose";
/// Words that stand in the broadcast alone.
const MARK: &str = "it works again since today.";

/// What one broadcast took.
struct Run {
    recipients: usize,
    first_mail: Duration,
    /// Until every thread had its part.
    posted: Duration,
    mailed: Duration,
    /// Mails a second of the bare sender.
    bare: f64,
    /// CPU time of the daemon, from the call to the last mail.
    cpu: Duration,
    /// Memory right after the start.
    fresh_kib: u64,
    /// Memory with everything linked and found by its words, before the call.
    idle_kib: u64,
    peak_kib: u64,
    /// How many contacts had a socket open, and when half of them, 99 of 100 and the last one had the part.
    open: usize,
    told: [Duration; 3],
    /// How long the progress took to ask for.
    looks: Vec<f64>,
}

pub fn measure(recipients: usize, sockets: usize) {
    let mut table = Table::new(&[
        "recipients",
        "call to first mail, ms",
        "parts/s",
        "mails/s",
        "bare sender, mails/s",
        "bare / ours",
        "CPU, ms per mail",
        "resident after the start, before the call, MiB",
        "peak above that, MiB",
        "progress, ms",
        "open sockets",
        "call to their event, p50, p99, last, ms",
    ]);
    for count in [recipients / 100, recipients / 10, recipients] {
        let run = run(count.max(10), sockets);
        let ours = rate(run.recipients, run.mailed);
        let above = u32::try_from(run.peak_kib.saturating_sub(run.idle_kib)).unwrap();
        table.row([
            run.recipients.to_string(),
            ms(run.first_mail),
            format!("{:.0}", rate(run.recipients, run.posted)),
            format!("{ours:.0}"),
            format!("{:.0}", run.bare),
            format!("{:.1}", run.bare / ours),
            format!("{:.2}", run.cpu.as_secs_f64() * 1e3 / f64::from(u32::try_from(run.recipients).unwrap())),
            format!("{}, {}", run.fresh_kib / 1_024, run.idle_kib / 1_024),
            aimed(f64::from(above) / 1_024.0, MEMORY_AIM_MIB, ""),
            format!("{:.1}", median(run.looks)),
            run.open.to_string(),
            run.told.map(ms).join(", "),
        ]);
    }
    table.print("Broadcast by mail, over 4 connections");
}

fn run(recipients: usize, sockets: usize) -> Run {
    let open = sockets.min(recipients);
    eprintln!("broadcast: {recipients} recipients, {open} of them with an open socket");
    let dir = directory();
    let secret = dir.join("messenger-secret");
    fs::write(&secret, SECRET).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let stored = stored::reports(&dir.join("data"), recipients);
    let sink = Sink::start();
    let relay = format!(
        "secret_file = \"messenger-secret\"\n[[relay]]\nname = \"default\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nconnections = {CONNECTIONS}\n\
         rate_per_minute = 1000000\n[limits]\napi_per_token_per_minute = 60000000\n\
         api_per_workspace_per_minute = 60000000\n",
        sink.address.port()
    );
    let daemon = Program::start_in(dir, &relay);
    let fresh_kib = daemon.resident_kib();
    let admin = Admin::with_token(&daemon, &stored.token);
    for threads in stored.threads.chunks(LINKS_AT_ONCE) {
        let threads: Vec<String> = threads.iter().map(ToString::to_string).collect();
        admin.post(&format!("/api/tickets/{}/links", stored.tracker), &json!({"thread_ids": threads}));
    }
    // The index of words reads what was stored; its work is not the broadcast's.
    let until = instant() + Duration::from_secs(600);
    while admin.get("/api/search?q=arrive&per_page=1")["index"]["lag"] != 0 {
        assert!(instant() < until, "the index of words does not come to an end");
        thread::sleep(Duration::from_millis(200));
    }
    let readers = Readers::open(daemon.address("http"), open);
    thread::sleep(Duration::from_secs(4));
    let idle_kib = daemon.resident_kib();
    let body = json!({"subject": "It works again", "body": format!("Dear {{{{or contact.first_name \"customer\"}}}}, {MARK}"),
        "email": "always", "send": true, "confirm_count": recipients});
    let cpu_before = daemon.cpu_time();
    let begun = instant();
    let made = admin.post(&format!("/api/tickets/{}/broadcasts", stored.tracker), &body);
    let path = format!("/api/broadcasts/{}", made["id"].as_str().unwrap());
    let mut run = watch(&daemon, &admin, &path, recipients, begun);
    run.cpu = daemon.cpu_time().saturating_sub(cpu_before);
    (run.fresh_kib, run.idle_kib) = (fresh_kib, idle_kib);
    run.open = open;
    run.told = readers.told(open, begun);
    run.first_mail = sink.first_at().duration_since(begun);
    assert_eq!(sink.taken(), recipients, "each address has one mail");
    drop(daemon);
    let mails = recipients.min(BARE_MAX);
    let begun = instant();
    send(sink.address, CONNECTIONS, mails, &sink.sample());
    run.bare = rate(mails, begun.elapsed());
    run
}

/// Contacts with an open socket, read in a thread of their own so that each event has its own time.
struct Readers {
    seen: mpsc::Receiver<Instant>,
}

impl Readers {
    /// Returns when every socket is welcomed.
    fn open(to: SocketAddr, count: usize) -> Self {
        let (tell, seen) = mpsc::channel();
        let (ready, welcomed) = mpsc::channel();
        thread::spawn(move || {
            runtime().block_on(async move {
                let mut reading = JoinSet::new();
                for socket in connected(to, 0..count, identity).await {
                    reading.spawn(read(socket, tell.clone()));
                }
                drop(tell);
                ready.send(()).unwrap();
                while reading.join_next().await.is_some() {}
            });
        });
        welcomed.recv().unwrap();
        Self { seen }
    }

    /// When half, 99 of 100 and the last one had the part after `begun`; each has it once.
    fn told(&self, count: usize, begun: Instant) -> [Duration; 3] {
        let mut times = Vec::with_capacity(count);
        while times.len() < count {
            let at = self.seen.recv_timeout(Duration::from_secs(60)).expect("every socket has its event");
            times.push(at.duration_since(begun));
        }
        times.sort();
        thread::sleep(Duration::from_millis(500));
        assert!(self.seen.try_recv().is_err(), "no socket is told twice");
        [50, 99, 100].map(|per_cent| percentile(&times, per_cent))
    }
}

/// Tells of each part of the broadcast that the socket is told of.
async fn read(mut socket: Socket, tell: mpsc::Sender<Instant>) {
    while let Some(text) = socket.text().await {
        if text.contains(MARK) && tell.send(instant()).is_err() {
            return;
        }
    }
}

/// Who the n-th contact is, with the proof that it is so (MSG-10).
fn identity(n: usize) -> Value {
    let user_id = stored::external_id(n);
    let hash = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), user_id.as_bytes());
    json!({"user_id": user_id, "user_hash": HEXLOWER.encode(hash.as_ref())})
}

/// Looks at progress and memory until the last mail is out.
fn watch(daemon: &Program, admin: &Admin, path: &str, recipients: usize, begun: Instant) -> Run {
    let mut run = Run {
        recipients,
        first_mail: Duration::ZERO,
        posted: Duration::ZERO,
        mailed: Duration::ZERO,
        bare: 0.0,
        cpu: Duration::ZERO,
        fresh_kib: 0,
        idle_kib: 0,
        peak_kib: 0,
        open: 0,
        told: [Duration::ZERO; 3],
        looks: Vec::new(),
    };
    loop {
        let asked = instant();
        let now = admin.get(path);
        run.looks.push(asked.elapsed().as_secs_f64() * 1_000.0);
        run.peak_kib = run.peak_kib.max(daemon.resident_kib());
        let count = |rows: &str, state: &str| now["counts"][rows][state].as_u64().unwrap();
        if run.posted == Duration::ZERO && count("threads", "sent") == recipients as u64 {
            run.posted = begun.elapsed();
        }
        if now["state"] == "finished" {
            assert_eq!(count("email", "sent"), recipients as u64, "{now}");
            run.mailed = begun.elapsed();
            return run;
        }
        assert!(begun.elapsed() < Duration::from_secs(3_600), "{now} in {}", machine::described());
        thread::sleep(LOOK_EVERY);
    }
}
