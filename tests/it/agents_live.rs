//! The log of the real daemon as agents follow it (DSK-1, DSK-7): two agents, one of whom reads less, a customer in the
//! messenger, cuts and a restart.

use crate::messenger::client::Client;
use crate::support::gateway::Gateway;
use crate::support::gateway::PATIENCE;
use crate::support::http_client;
use serde_json::Value;
use serde_json::json;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use tokio_tungstenite::connect_async;

/// One agent's stream over TCP.
struct Stream {
    lines: BufReader<TcpStream>,
    /// Position of the last event that had one.
    at: u64,
}

/// One event.
#[derive(Debug)]
struct Sent {
    name: String,
    data: Value,
}

impl Stream {
    fn open(to: SocketAddr, token: &str, since: Option<u64>) -> Self {
        let mut socket = TcpStream::connect(to).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let since = since.map(|since| format!("Last-Event-ID: {since}\r\n")).unwrap_or_default();
        let path = "/api/events_log/stream";
        let head = format!("GET {path} HTTP/1.1\r\nHost: {to}\r\nAuthorization: Bearer {token}\r\n{since}\r\n");
        socket.write_all(head.as_bytes()).unwrap();
        let mut stream = Self { lines: BufReader::new(socket), at: 0 };
        assert!(stream.line().unwrap().starts_with("HTTP/1.1 200 "));
        while !stream.line().unwrap().is_empty() {}
        assert_eq!(stream.next().unwrap().name, "now");
        stream
    }

    /// A line without its end; nothing when the connection is over.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).expect("something within the time");
        (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The next event. One chunk of the transfer (RFC 9112 §7.1) holds whole events.
    fn next(&mut self) -> Option<Sent> {
        let (mut name, mut data) = (String::new(), None);
        loop {
            let line = self.line()?;
            if let Some(id) = line.strip_prefix("id: ") {
                self.at = id.parse().unwrap();
            } else if let Some(event) = line.strip_prefix("event: ") {
                name = event.to_owned();
            } else if let Some(json) = line.strip_prefix("data: ") {
                data = Some(serde_json::from_str(json).unwrap());
            } else if let Some(data) = data.take() {
                return Some(Sent { name, data });
            }
        }
    }

    fn next_of(&mut self, name: &str) -> Value {
        loop {
            let sent = self.next().unwrap_or_else(|| panic!("ended before {name}"));
            if sent.name == name {
                return sent.data;
            }
        }
    }

    /// Entries up to the one at that position.
    fn entries_to(&mut self, last: u64) -> Vec<Value> {
        let mut entries: Vec<Value> = Vec::new();
        while entries.last().is_none_or(|entry| entry["log_seq"].as_u64() < Some(last)) {
            entries.push(self.next_of("entry"));
        }
        entries
    }
}

fn seqs(entries: &[Value]) -> Vec<u64> {
    entries.iter().map(|entry| entry["log_seq"].as_u64().unwrap()).collect()
}

fn logged(gateway: &mut Gateway, after: u64) -> Vec<Value> {
    let page = gateway.api("GET", &format!("/api/events_log?per_page=150&after={after}"), None).expect(200);
    page["data"].as_array().unwrap().clone()
}

fn act(gateway: &Gateway, token: &str, path: &str, body: &Value) {
    let authorization = format!("Bearer {token}");
    let headers = [("Authorization", authorization.as_str())];
    http_client::call(gateway.address("http"), "POST", path, &headers, Some(body)).expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dsk_1_two_agents_and_a_customer_see_each_other_as_far_as_they_may() {
    let mut gateway = Gateway::start();
    let ana = gateway.token();
    gateway.cli(&["agent", "add", "bo@example.com", "--name", "Bo Agent", "--role", "agent"]);
    let scopes = ["--scope", "read_conversations", "--scope", "write_conversations"];
    let made = [["token", "create", "--agent", "bo@example.com"].as_slice(), &scopes].concat();
    let bo = gateway.cli(&made).trim().to_owned();
    let to = gateway.address("http");
    let mut hers = Stream::open(to, &ana, None);
    let mut his = Stream::open(to, &bo, None);
    let begin = hers.at;

    let (socket, _) = connect_async(format!("ws://{to}/messenger/ws")).await.unwrap();
    let mut customer = Client { socket };
    let welcome = customer.hello(json!({}), None).await;
    let who = hers.next_of("presence");
    assert_eq!((&who["contact_id"], &who["online"]), (&welcome["contact"]["id"], &json!(true)));
    let ack = customer.post("c-1", None, "Where is my order?").await;
    let conversation = ack["conversation_id"].as_str().unwrap().to_owned();
    let shown = his.entries_to(ack["seq"].as_u64().unwrap());
    assert!(shown.iter().any(|entry| entry["event"] == "part.created"), "{shown:?}");
    customer.say(json!({"type": "typing", "conversation_id": conversation})).await;
    for stream in [&mut hers, &mut his] {
        let typing = stream.next_of("typing");
        assert_eq!((&typing["by"]["id"], &typing["typing"]), (&welcome["contact"]["id"], &json!(true)));
    }
    act(&gateway, &bo, &format!("/api/conversations/{conversation}/presence"), &json!({"state": "active"}));
    let viewing = hers.next_of("viewing");
    assert_eq!(
        (&viewing["conversation_id"], &viewing["admins"][0]["name"]),
        (&json!(conversation), &json!("Bo Agent"))
    );

    // What he may not read: a ticket of the house.
    let task = json!({"name": "Task", "category": "Back-office"});
    let task = gateway.api("POST", "/api/ticket_types", Some(&task)).expect(200)["id"].clone();
    let about = json!([{"id": welcome["contact"]["id"]}]);
    let attributes = json!({"_default_title_": "Look into it"});
    let ticket = json!({"ticket_type_id": task, "contacts": about, "ticket_attributes": attributes});
    let ticket = gateway.api("POST", "/api/tickets", Some(&ticket)).expect(200)["id"].clone();
    let last = customer.post("c-2", Some(&conversation), "It is late.").await["seq"].as_u64().unwrap();
    let (all, some) = (hers.entries_to(last), his.entries_to(last));
    assert!(all.iter().any(|entry| entry["thread_id"] == ticket));
    assert!(some.iter().all(|entry| entry["thread_id"] == json!(conversation)), "{some:?}");

    // Cut, and killed with its daemon: each goes on behind what it had.
    drop(hers);
    let cut = last;
    let missed = customer.post("c-3", Some(&conversation), "Are you there?").await["seq"].as_u64().unwrap();
    let mut hers = Stream::open(to, &ana, Some(cut));
    assert_eq!(seqs(&hers.entries_to(missed)).first(), Some(&(cut + 1)));
    drop(customer);
    gateway.kill();
    gateway.up();
    let to = gateway.address("http");
    let more = json!({"name": "Another", "category": "Back-office"});
    gateway.api("POST", "/api/ticket_types", Some(&more)).expect(200);
    let admin = gateway.api("GET", "/api/me", None).expect(200)["id"].clone();
    let note = json!({"message_type": "note", "type": "admin", "admin_id": admin, "body": "Seen"});
    act(&gateway, &ana, &format!("/api/conversations/{conversation}/reply"), &note);
    let end = logged(&mut gateway, missed).last().unwrap()["log_seq"].as_u64().unwrap();
    let mut hers = Stream::open(to, &ana, Some(begin));
    let got = hers.entries_to(end);
    assert_eq!(got, logged(&mut gateway, begin), "every entry once, in order");

    // A token that is taken away ends its stream, and a drain ends the rest.
    let mut his = Stream::open(to, &bo, Some(end));
    let tokens = gateway.cli_json(&["token", "list"]);
    let of_bo = tokens.as_array().unwrap().iter().find(|token| token["scopes"].as_array().unwrap().len() == 2).unwrap();
    gateway.cli(&["token", "revoke", &of_bo["id"].to_string()]);
    assert_eq!(his.next_of("end")["reason"], "token_unauthorized");
    let mut rest = Vec::new();
    let stopping = std::thread::spawn(move || {
        assert_eq!(hers.next_of("end")["reason"], "going_away");
        hers.lines.read_to_end(&mut rest).unwrap();
    });
    gateway.finish();
    stopping.join().unwrap();
}
