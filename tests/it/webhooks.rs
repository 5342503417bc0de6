//! The real daemon tells a scripted receiver what happens, over kills in the middle (WHK-3).

use crate::support::gateway::Gateway;
use crate::support::gateway::Plan;
use crate::support::gateway::eventually;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;

/// What a receiver does with a notification.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Take,
    /// Hears it and never answers.
    FallSilent,
}

struct Heard {
    bodies: Vec<Value>,
    /// So many more are taken; then it falls silent.
    takes: usize,
    silent: Vec<TcpStream>,
}

/// A receiver of notifications on this machine.
struct Receiver {
    address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Heard { bodies: Vec::new(), takes: usize::MAX, silent: Vec::new() }));
        let shared = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                // A request that breaks off is the daemon's death; it comes again.
                thread::spawn(move || drop(answer(&stream.unwrap(), &shared)));
            }
        });
        Self { address, heard }
    }

    fn take_only(&self, takes: usize) {
        self.heard.lock().unwrap().takes = takes;
    }

    fn is_silent(&self) -> bool {
        !self.heard.lock().unwrap().silent.is_empty()
    }

    fn bodies(&self) -> Vec<Value> {
        self.heard.lock().unwrap().bodies.clone()
    }
}

fn answer(stream: &TcpStream, heard: &Mutex<Heard>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    reader.read_line(&mut request)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if request.starts_with("POST") {
        let act = {
            let mut heard = heard.lock().unwrap();
            heard.bodies.push(serde_json::from_slice(&body).unwrap());
            let act = if heard.takes > 0 { Act::Take } else { Act::FallSilent };
            heard.takes = heard.takes.saturating_sub(1);
            if act == Act::FallSilent {
                heard.silent.push(stream.try_clone()?);
            }
            act
        };
        if act == Act::FallSilent {
            return Ok(());
        }
    }
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

fn subscribe(gateway: &mut Gateway, receiver: &Receiver, topics: &Value) -> String {
    let new = json!({"url": format!("http://{}/in", receiver.address), "topics": topics});
    let made = gateway.api("POST", "/api/webhook_subscriptions", Some(&new)).expect(200);
    made["id"].as_str().unwrap().to_owned()
}

fn conversations(gateway: &mut Gateway, count: usize) -> Vec<String> {
    let ana = json!({"email": "cara@example.com", "name": "Ana"});
    let ana = gateway.api("POST", "/api/contacts", Some(&ana)).expect(200);
    let from = json!({"type": "user", "id": ana["id"]});
    let mut begun = Vec::new();
    for number in 0..count {
        let new = json!({"from": from, "body": format!("Question {number}")});
        let made = gateway.api("POST", "/api/conversations", Some(&new)).expect(200);
        begun.push(made["conversation_id"].as_str().unwrap().to_owned());
    }
    begun
}

fn reply(gateway: &mut Gateway, conversation: &str, body: &str) {
    let said = json!({"message_type": "comment", "type": "admin", "body": body});
    gateway.api("POST", &format!("/api/conversations/{conversation}/reply"), Some(&said)).expect(200);
}

/// What each conversation was told, each notification once, in the order of its first arrival.
fn told(bodies: &[Value]) -> BTreeMap<String, Vec<u64>> {
    let mut known = BTreeSet::new();
    let mut told: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for body in bodies.iter().filter(|body| known.insert(body["id"].as_str().unwrap().to_owned())) {
        let thread = body["deskgate"]["thread_id"].as_str().unwrap().to_owned();
        told.entry(thread).or_default().push(body["deskgate"]["thread_seq"].as_u64().unwrap());
    }
    told
}

#[test]
fn tst_119_every_event_arrives_in_the_order_of_its_thread_over_kills() {
    const THREADS: usize = 3;
    const ROUNDS: u64 = 8;
    let receiver = Receiver::start();
    let mut gateway = Plan::default().toml("[webhooks]\nallow_private = true\n").start();
    let topics = json!(["conversation.user.created", "conversation.admin.replied"]);
    let webhook = subscribe(&mut gateway, &receiver, &topics);
    let threads = conversations(&mut gateway, THREADS);
    eventually("the first notifications", || (receiver.bodies().len() >= THREADS).then_some(()));
    for takes in [2, 5] {
        receiver.take_only(takes);
        for round in 0..ROUNDS / 2 {
            threads.iter().for_each(|thread| reply(&mut gateway, thread, &format!("Answer {round}")));
        }
        eventually("a notification without an answer", || receiver.is_silent().then_some(()));
        gateway.kill();
        receiver.heard.lock().unwrap().silent.clear();
        receiver.take_only(usize::MAX);
        gateway.up();
    }
    let expected: Vec<u64> = (1..=ROUNDS + 1).collect();
    eventually("every event", || {
        let told = told(&receiver.bodies());
        (told.len() == THREADS && told.values().all(|seqs| seqs.len() == expected.len())).then_some(())
    });
    for (thread, seqs) in told(&receiver.bodies()) {
        assert_eq!(seqs, expected, "conversation {thread}");
    }
    let repeated = receiver.bodies().len() - told(&receiver.bodies()).values().map(Vec::len).sum::<usize>();
    assert!(repeated > 0, "what had no answer came again");
    let path = format!("/api/webhook_subscriptions/{webhook}/deliveries?state=queued");
    eventually("nothing owed", || {
        gateway.api("GET", &path, None).expect(200)["data"].as_array()?.is_empty().then_some(())
    });
    let metrics = gateway.ops("/metrics").text();
    assert!(metrics.contains("deskgate_webhook_subscriptions{state=\"active\"} 1"), "{metrics}");
    gateway.finish();
}

#[test]
fn whk_2_this_machine_and_private_networks_are_closed_unless_the_operator_opens_them() {
    let receiver = Receiver::start();
    let mut gateway = Plan::default().start();
    for url in
        [format!("http://{}/in", receiver.address), "https://localhost/".to_owned(), "https://10.0.0.1/".to_owned()]
    {
        let new = json!({"url": url, "topics": ["ping"]});
        let refused = gateway.api("POST", "/api/webhook_subscriptions", Some(&new)).expect(400);
        assert_eq!(refused["errors"][0]["field"], "url", "{url}");
    }
    gateway.finish();
}
