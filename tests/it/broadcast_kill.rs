//! The daemon is killed again and again while a broadcast runs (TST-55, BRC-44): in the end every thread has its part once,
//! no address has two accepted mails, only what was past the dot is in doubt, and whoever had the messenger open is told
//! once from where they were.
//!
//! `DESKGATE_TEST_TOLD` threads and `DESKGATE_TEST_BROADCAST_KILLS` kills; the promise is made for 10,000 and 200. Every
//! twentieth of them, up to 500, is written in the messenger.

use crate::disk::Rng;
use crate::messenger::client::Client;
use crate::support::gateway::Gateway;
use crate::support::gateway::Plan;
use crate::support::gateway::SUPPORT;
use crate::support::noting_relay::Relay;
use crate::support::noting_relay::Told;
use crate::support::raw_mail::Session;
use crate::support::setting;
use crate::support::smtp_client::mail;
use deskgate::clock::instant;
use ring::hmac;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;
use tokio_tungstenite::connect_async;

/// Sessions that hand the conversations over.
const SENDERS: u64 = 8;
/// Every so-many-eth contact has two threads more.
const WITH_THREE: u64 = 10;
/// Threads of one call that links.
const LINKED_AT_ONCE: usize = 500;
/// Connections to the relay, each of which can be past a dot when the daemon dies.
const CONNECTIONS: u64 = 4;
/// What one mail takes on average with that many connections, of the relay's own slowness.
const MAIL_MS: u64 = 6;

/// With which pages prove who their visitors are.
const SECRET: &str = "a secret of the messenger in tests";
/// Words of the broadcast alone.
const WORDS: &str = "It works again.";

/// Somebody with a messenger, and where their stream was when they had written.
struct Reader {
    identity: Value,
    conversation: String,
    since: u64,
}

/// What the desk says of the broadcast.
#[derive(Debug, Default)]
struct Desk {
    /// Threads with the number of parts of the broadcast in each.
    parts: BTreeMap<String, u64>,
    /// Rows of threads with their states.
    threads: Vec<(String, String)>,
    /// Rows of mails: address, state, Message-ID.
    mails: Vec<(String, String, String)>,
    /// Threads of readers, with how often their socket is told.
    sockets: BTreeMap<String, u64>,
}

#[test]
fn tst_55_a_broadcast_survives_every_kill_and_nobody_is_told_twice() {
    let threads = setting::number("DESKGATE_TEST_TOLD", 200);
    let kills = setting::number("DESKGATE_TEST_BROADCAST_KILLS", 6);
    let seed = setting::seed("tst_55");
    let relay = Relay::start(seed);
    let mut gateway = plan(&relay).start();
    without_notices(&mut gateway);
    let readers = (threads / 20).clamp(1, 500);
    let (mut linked, mut addresses) = furnish(&mut gateway, threads - readers);
    let readers = runtime().block_on(write_by_messenger(&gateway, readers));
    linked.extend(readers.iter().map(|reader| reader.conversation.clone()));
    addresses.extend((0..readers.len()).map(address_of));
    let tracker = link_all(&mut gateway, &linked);
    let new = json!({
        "subject": "All is well again",
        "body": WORDS,
        "email": "always",
        "send": true,
        "confirm_count": addresses.len(),
    });
    let id = gateway.api("POST", &format!("/api/tickets/{tracker}/broadcasts"), Some(&new)).expect(200)["id"].clone();
    let id = id.as_str().unwrap().to_owned();
    let died = kill_while_it_runs(&mut gateway, &id, threads, kills, &mut Rng::new(seed));
    comes_to_rest(&mut gateway, &id, threads);
    let mut found = read(&mut gateway, &id, &linked);
    found.sockets = runtime().block_on(told_by_socket(&gateway, &readers));
    let told = relay.seen();
    let in_doubt = found.mails.iter().filter(|(_, state, _)| state == "uncertain").count() as u64;
    println!(
        "{threads} threads, {} of them with a socket, {} addresses, {died} deaths under way of {kills}, {in_doubt} mails in doubt, of which the \
         relay has {}",
        readers.len(),
        addresses.len(),
        found.mails.iter().filter(|(to, state, _)| state == "uncertain" && accepted(&told, to) == 1).count(),
    );
    assert!(died >= kills / 2, "only {died} of {kills} kills fell into the broadcast");
    assert!(in_doubt <= died * CONNECTIONS, "{in_doubt} in doubt after {died} deaths");
    assert_eq!(faults(&linked, &addresses, &found, &told), Vec::<String>::new());
    gateway.finish();
}

fn plan(relay: &Relay) -> Plan {
    let plan = Plan::default().steady().file("messenger.secret", SECRET);
    plan.set("messenger.secret_file", "messenger.secret").toml(&format!(
        "[[relay]]\nname = \"default\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nconnections = {CONNECTIONS}\n\
         rate_per_minute = 1000000\n\
         [limits]\napi_per_token_per_minute = 60000000\napi_per_workspace_per_minute = 60000000\n",
        relay.port
    ))
}

/// The relay gets the broadcast alone: the agent is mailed nothing of what comes in.
fn without_notices(gateway: &mut Gateway) {
    let agent = text(&gateway.api("GET", "/api/me", None).expect(200)["id"]);
    let path = format!("/api/admins/{agent}/notifications");
    let settings = gateway.api("GET", &path, None).expect(200);
    let off: Map<String, Value> =
        settings["email"].as_object().unwrap().keys().map(|kind| (kind.clone(), Value::Bool(false))).collect();
    gateway.api("PUT", &path, Some(&json!({"email": off}))).expect(200);
}

/// Conversations by mail; gives them with the addresses that wrote.
fn furnish(gateway: &mut Gateway, threads: u64) -> (BTreeSet<String>, BTreeSet<String>) {
    let lmtp = gateway.address("lmtp");
    let mut addresses = BTreeSet::new();
    let mut contact = 0;
    let mut letters = Vec::new();
    while (letters.len() as u64) < threads {
        let from = format!("customer{contact}@example.net");
        let more = if contact % WITH_THREE == 0 { 3 } else { 1 };
        for _ in 0..more.min(threads - letters.len() as u64) {
            letters.push((from.clone(), format!("down{}@example.net", letters.len())));
        }
        addresses.insert(from);
        contact += 1;
    }
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let letters = &letters;
            scope.spawn(move || {
                let mut session = Session::open(lmtp, "LHLO").unwrap();
                for (from, id) in letters.iter().skip(sender as usize).step_by(SENDERS as usize) {
                    let raw = mail(from, &format!("Down: {id}"), id, "It is down here.").replace('\n', "\r\n");
                    let reply = session.mail(from, SUPPORT, raw.as_bytes()).unwrap();
                    assert!(reply.starts_with("250"), "{reply}");
                }
            });
        }
    });
    let listed = gateway.pages("/api/conversations?per_page=150", "conversations");
    let linked: BTreeSet<String> = listed.iter().map(|one| text(&one["id"])).collect();
    assert_eq!(linked.len() as u64, threads);
    (linked, addresses)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn address_of(reader: usize) -> String {
    format!("reader{reader}@example.net")
}

/// Conversations by messenger, of people who prove who they are.
async fn write_by_messenger(gateway: &Gateway, count: u64) -> Vec<Reader> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let mut readers = Vec::new();
    for n in 0..usize::try_from(count).unwrap() {
        let user_id = format!("reader-{n}");
        let hash = data_encoding::HEXLOWER.encode(hmac::sign(&key, user_id.as_bytes()).as_ref());
        let identity = json!({"user_id": user_id, "email": address_of(n), "user_hash": hash});
        let mut tab = open(gateway).await;
        tab.hello(identity.clone(), None).await;
        let ack = tab.post("begin", None, "It is down here.").await;
        let since = ack["seq"].as_u64().unwrap();
        readers.push(Reader { identity, conversation: text(&ack["conversation_id"]), since });
    }
    readers
}

async fn open(gateway: &Gateway) -> Client<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>> {
    let (socket, _) = connect_async(format!("ws://{}/messenger/ws", gateway.address("http"))).await.unwrap();
    Client { socket }
}

/// How often each reader is told of the broadcast when they go on from where they were.
async fn told_by_socket(gateway: &Gateway, readers: &[Reader]) -> BTreeMap<String, u64> {
    let mut told = BTreeMap::new();
    for reader in readers {
        let mut tab = open(gateway).await;
        let welcome = tab.hello(reader.identity.clone(), Some(reader.since)).await;
        assert_eq!(welcome["resumed"], true, "{welcome}");
        let frames = tab.so_far().await;
        let is_told = |frame: &&Value| {
            let says = frame["part"]["text"].as_str().map(str::trim) == Some(WORDS);
            frame["event"] == "part.created" && frame["conversation_id"] == reader.conversation.as_str() && says
        };
        told.insert(reader.conversation.clone(), frames.iter().filter(is_told).count() as u64);
    }
    told
}

fn link_all(gateway: &mut Gateway, threads: &BTreeSet<String>) -> String {
    let new = json!({"name": "Outage", "category": "Tracker"});
    let ticket_type = gateway.api("POST", "/api/ticket_types", Some(&new)).expect(200)["id"].clone();
    let new = json!({"ticket_type_id": ticket_type, "contacts": []});
    let tracker = text(&gateway.api("POST", "/api/tickets", Some(&new)).expect(200)["id"]);
    for some in threads.iter().collect::<Vec<_>>().chunks(LINKED_AT_ONCE) {
        let linked = gateway.api("POST", &format!("/api/tickets/{tracker}/links"), Some(&json!({"thread_ids": some})));
        assert!(linked.expect(200)["data"].as_array().unwrap().iter().all(|one| one["linked"] == true));
    }
    tracker
}

/// Kills at random moments; how often the broadcast was under way.
fn kill_while_it_runs(gateway: &mut Gateway, id: &str, threads: u64, kills: u64, rng: &mut Rng) -> u64 {
    let mut died = 0;
    for n in 0..kills {
        // The first ones fall among the batches of posts, the others among the mails.
        let within_ms = if n < kills.div_ceil(4) { 60 } else { 2 * threads * MAIL_MS / kills };
        thread::sleep(Duration::from_millis(rng.below(within_ms.max(20))));
        if is_through(&broadcast(gateway, id)) {
            break;
        }
        gateway.kill();
        died += 1;
        gateway.up();
    }
    died
}

fn comes_to_rest(gateway: &mut Gateway, id: &str, threads: u64) {
    let until = instant() + Duration::from_secs(60 + threads / 10);
    loop {
        let now = broadcast(gateway, id);
        if is_through(&now) {
            return;
        }
        assert!(instant() < until, "not through: {}", now["counts"]);
        thread::sleep(Duration::from_millis(100));
    }
}

fn broadcast(gateway: &mut Gateway, id: &str) -> Value {
    gateway.api("GET", &format!("/api/broadcasts/{id}"), None).expect(200)
}

fn is_through(broadcast: &Value) -> bool {
    let waiting = ["queued", "deferred"].map(|state| broadcast["counts"]["email"][state].as_u64().unwrap());
    broadcast["state"] == "finished" && waiting == [0, 0]
}

fn read(gateway: &mut Gateway, id: &str, threads: &BTreeSet<String>) -> Desk {
    let mut desk = Desk::default();
    for thread in threads {
        let conversation = gateway.api("GET", &format!("/api/conversations/{thread}"), None).expect(200);
        let parts = conversation["conversation_parts"]["conversation_parts"].as_array().unwrap();
        let told = parts.iter().filter(|part| part["deskgate"]["broadcast_id"] == id).count() as u64;
        desk.parts.insert(thread.clone(), told);
    }
    for row in gateway.pages(&format!("/api/broadcasts/{id}/ledger?per_page=150"), "data") {
        let state = text(&row["state"]);
        match (row["kind"].as_str(), row["channel"].as_str()) {
            (Some("thread"), _) => desk.threads.push((text(&row["thread_id"]), state)),
            (_, Some("email")) => desk.mails.push((text(&row["address"]), state, text(&row["message_id"]))),
            _ => {}
        }
    }
    desk
}

fn accepted(told: &BTreeMap<String, Told>, address: &str) -> u64 {
    told.get(address).map_or(0, |told| told.accepted)
}

/// Everything that is not as it was promised.
fn faults(
    threads: &BTreeSet<String>,
    addresses: &BTreeSet<String>,
    desk: &Desk,
    told: &BTreeMap<String, Told>,
) -> Vec<String> {
    let mut faults = Vec::new();
    for (thread, parts) in desk.parts.iter().filter(|(_, parts)| **parts != 1) {
        faults.push(format!("thread {thread} has {parts} parts"));
    }
    for (thread, told) in desk.sockets.iter().filter(|(_, told)| **told != 1) {
        faults.push(format!("the socket of thread {thread} is told {told} times"));
    }
    let rows: BTreeSet<&String> = desk.threads.iter().map(|(thread, _)| thread).collect();
    if desk.threads.len() != threads.len() || rows.len() != threads.len() {
        faults.push(format!("{} rows of threads for {} of {}", desk.threads.len(), rows.len(), threads.len()));
    }
    for (thread, state) in desk.threads.iter().filter(|(_, state)| state != "sent") {
        faults.push(format!("the row of thread {thread} is {state}"));
    }
    let mailed: BTreeSet<&String> = desk.mails.iter().map(|(address, ..)| address).collect();
    if desk.mails.len() != addresses.len() || mailed != addresses.iter().collect() {
        faults.push(format!(
            "{} rows of mails for {} of {} addresses",
            desk.mails.len(),
            mailed.len(),
            addresses.len()
        ));
    }
    let nothing = Told::default();
    for (address, state, message_id) in &desk.mails {
        let told = told.get(address).unwrap_or(&nothing);
        let holds = match state.as_str() {
            "sent" => told.accepted == 1 && told.message_ids == [message_id.clone()],
            // Marked before the dot: the relay has begun to read it, and may or may not have it.
            "uncertain" => told.begun >= 1 && told.accepted <= 1,
            _ => false,
        };
        if !holds {
            faults.push(format!("the mail to {address} is {state}, and the relay saw {told:?}"));
        }
    }
    for (address, told) in told.iter().filter(|(_, told)| told.accepted > 1 || told.dots > 1) {
        faults.push(format!("{address} got {} mails after {} dots", told.accepted, told.dots));
    }
    faults
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Positive control: each of these must be found.
#[test]
fn tst_55_its_auditor_finds_every_broken_promise() {
    type Doctor = fn(&mut Desk, &mut BTreeMap<String, Told>);
    let table: [(&str, Doctor); 8] = [
        ("the socket of thread 1 is told 2 times", |desk, _| {
            desk.sockets.insert("1".to_owned(), 2);
        }),
        ("thread 1 has 2 parts", |desk, _| {
            desk.parts.insert("1".to_owned(), 2);
        }),
        ("0 rows of threads", |desk, _| desk.threads.clear()),
        ("the row of thread 1 is queued", |desk, _| desk.threads[0].1 = "queued".to_owned()),
        ("0 rows of mails", |desk, _| desk.mails.clear()),
        ("is sent, and the relay saw", |_, told| told.clear()),
        ("got 2 mails", |_, told| told.get_mut("a@example.net").unwrap().accepted = 2),
        ("is uncertain, and the relay saw", |desk, told| {
            desk.mails[0].1 = "uncertain".to_owned();
            told.clear();
        }),
    ];
    let sound = || {
        let sent = "sent".to_owned();
        let desk = Desk {
            parts: BTreeMap::from([("1".to_owned(), 1)]),
            threads: vec![("1".to_owned(), sent.clone())],
            mails: vec![("a@example.net".to_owned(), sent, "<m1>".to_owned())],
            sockets: BTreeMap::from([("1".to_owned(), 1)]),
        };
        let told = Told { begun: 1, dots: 1, accepted: 1, message_ids: vec!["<m1>".to_owned()], texts: Vec::new() };
        (desk, BTreeMap::from([("a@example.net".to_owned(), told)]))
    };
    let (threads, addresses) = (BTreeSet::from(["1".to_owned()]), BTreeSet::from(["a@example.net".to_owned()]));
    let (desk, told) = sound();
    assert_eq!(faults(&threads, &addresses, &desk, &told), Vec::<String>::new());
    for (expected, doctor) in table {
        let (mut desk, mut told) = sound();
        doctor(&mut desk, &mut told);
        let found = faults(&threads, &addresses, &desk, &told);
        assert!(found.iter().any(|fault| fault.contains(expected)), "{expected}: {found:?}");
    }
}
