//! Reads and writes of the API with one client and with many, on a small store and on a large one. What is aimed at is the
//! ratio of the two: the store's size must not tell.

use crate::program::Program;
use crate::program::directory;
use crate::stored;
use crate::stored::Stored;
use crate::table::Table;
use crate::table::aimed;
use crate::table::rate;
use deskgate::clock::instant;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const CLIENTS: [usize; 2] = [1, 16];
/// Reads, and writes, on the large store: at most so many times slower than on the small one.
const AIMS: (f64, f64) = (2.0, 1.5);

/// Longest time to index the words of the large store.
const WORDS_WITHIN: Duration = Duration::from_secs(3_600);

/// Limits that no client of this bench reaches.
const LIMITS: &str = "
[limits]
api_per_token_per_minute = 60000000
api_per_workspace_per_minute = 60000000
";

/// One kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Ticket,
    LongConversation,
    SearchByAttribute,
    Create,
    Reply,
    ChangeState,
}

const KINDS: [Kind; 6] =
    [Kind::Ticket, Kind::LongConversation, Kind::SearchByAttribute, Kind::Create, Kind::Reply, Kind::ChangeState];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Ticket => "read a ticket",
            Self::LongConversation => "read a conversation of 500 parts",
            Self::SearchByAttribute => "search tickets by an attribute",
            Self::Create => "create a conversation",
            Self::Reply => "reply to a ticket",
            Self::ChangeState => "change a ticket's state",
        }
    }

    fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Reply | Self::ChangeState)
    }
}

/// What requests are made of.
struct Target {
    to: SocketAddr,
    authorization: String,
    stored: Stored,
    admin: Value,
    states: Vec<Value>,
    /// Counts requests, so that each is of another ticket.
    turn: AtomicUsize,
}

/// Requests per second by kind and clients.
type Rates = BTreeMap<(Kind, usize), f64>;

pub fn measure(large: usize, requests: usize) {
    let sizes = [(large / 1_000).max(100), large];
    let [small_rates, large_rates] = sizes.map(|count| rates(count, requests));
    let small_name = format!("{} stored, requests/s", sizes[0]);
    let large_name = format!("{large} stored, requests/s");
    let names: [&'static str; 2] = [small_name.leak(), large_name.leak()];
    let mut table = Table::new(&["request", "clients", names[0], names[1], "small / large"]);
    for kind in KINDS {
        for clients in CLIENTS {
            let (few, many) = (small_rates[&(kind, clients)], large_rates[&(kind, clients)]);
            let aim = if kind.is_write() { AIMS.1 } else { AIMS.0 };
            let ratio = aimed(few / many, aim, "");
            table.row([kind.name().to_owned(), clients.to_string(), format!("{few:.0}"), format!("{many:.0}"), ratio]);
        }
    }
    table.print(&format!("API: {requests} requests of each kind"));
}

fn rates(count: usize, requests: usize) -> Rates {
    eprintln!("api: {count} conversations");
    let dir = directory();
    let stored = stored::fill(&dir.join("data"), count);
    let daemon = Program::start_in(dir, LIMITS);
    let mut rates = Rates::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let target = Arc::new(target(&daemon, stored).await);
        wait_for_words(&target).await;
        for kind in KINDS {
            for clients in CLIENTS {
                let took = ask(&target, kind, clients, requests).await;
                rates.insert((kind, clients), rate(requests, took));
            }
        }
    });
    rates
}

/// Waits until the index of words has read the store, so that its work is not measured with the requests.
async fn wait_for_words(target: &Target) {
    let mut client = Client::connect(target).await;
    let until = instant() + WORDS_WITHIN;
    while client.call(target, "GET", "/api/search?q=order&per_page=1", None).await["index"]["lag"] != 0 {
        assert!(instant() < until, "the index of words does not come to an end");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn target(daemon: &Program, stored: Stored) -> Target {
    let to = daemon.address("http");
    let authorization = format!("Bearer {}", stored.token);
    let (states, turn) = (Vec::new(), AtomicUsize::new(0));
    let mut target = Target { to, authorization, stored, admin: Value::Null, states, turn };
    let mut client = Client::connect(&target).await;
    target.admin = client.call(&target, "GET", "/api/me", None).await["id"].clone();
    let path = format!("/api/ticket_types/{}", target.stored.ticket_type);
    let found = client.call(&target, "GET", &path, None).await;
    let states = found["ticket_states"]["data"].as_array().unwrap();
    target.states = states.iter().take(2).map(|state| state["id"].clone()).collect();
    target
}

/// How long `clients` take for so many requests together.
async fn ask(target: &Arc<Target>, kind: Kind, clients: usize, requests: usize) -> Duration {
    let mut connected = Vec::new();
    for _ in 0..clients {
        connected.push(Client::connect(target).await);
    }
    let begun = instant();
    let mut running = JoinSet::new();
    for mut client in connected {
        let target = Arc::clone(target);
        running.spawn(async move {
            for _ in 0..requests / clients {
                client.ask(&target, kind).await;
            }
        });
    }
    running.join_all().await;
    begun.elapsed()
}

/// A connection that is kept.
struct Client {
    sender: http1::SendRequest<Full<Bytes>>,
}

impl Client {
    async fn connect(target: &Target) -> Self {
        let stream = TcpStream::connect(target.to).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    async fn ask(&mut self, target: &Target, kind: Kind) {
        let stored = &target.stored;
        let turn = target.turn.fetch_add(1, Ordering::Relaxed);
        // Far apart, so that a large store is not read where it is warm.
        let nth = turn.wrapping_mul(7_919) % stored.tickets.len();
        let ticket = stored.tickets[nth];
        match kind {
            Kind::Ticket => {
                let read = self.call(target, "GET", &format!("/api/tickets/{ticket}"), None).await;
                assert_eq!(read["id"], ticket.to_string());
            }
            Kind::LongConversation => {
                let read = self.call(target, "GET", &format!("/api/conversations/{}", stored.long), None).await;
                let parts = read["conversation_parts"]["conversation_parts"].as_array().unwrap();
                assert!(parts.len() >= stored::LONG_PARTS - 1, "{}", parts.len());
            }
            Kind::SearchByAttribute => {
                let field = format!("ticket_attribute.{}", stored.attribute);
                let query = json!({"field": field, "operator": "=", "value": format!("serial {nth}")});
                let found = self.call(target, "POST", "/api/tickets/search", Some(json!({"query": query}))).await;
                assert_eq!(found["tickets"][0]["id"], ticket.to_string(), "{found}");
            }
            Kind::Create => {
                let from = json!({"type": "user", "id": stored.contact.to_string()});
                let body = json!({"from": from, "body": "Where is it?"});
                self.call(target, "POST", "/api/conversations", Some(body)).await;
            }
            Kind::Reply => {
                let body = json!({"message_type": "comment", "type": "admin", "admin_id": target.admin,
                    "body": "It is on its way.", "skip_notifications": true});
                self.call(target, "POST", &format!("/api/tickets/{ticket}/reply"), Some(body)).await;
            }
            Kind::ChangeState => {
                let state = &target.states[turn / stored.tickets.len() % target.states.len()];
                let body = json!({"ticket_state_id": state, "skip_notifications": true});
                self.call(target, "PUT", &format!("/api/tickets/{ticket}"), Some(body)).await;
            }
        }
    }

    async fn call(&mut self, target: &Target, method: &str, path: &str, body: Option<Value>) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", target.to.to_string())
            .header("authorization", &target.authorization)
            .header("content-type", "application/json");
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let answer = self.sender.send_request(request.body(Full::new(body)).unwrap()).await.unwrap();
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(status.is_success(), "{method} {path}: {status} {}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).unwrap()
    }
}
