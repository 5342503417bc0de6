//! A contact's message, from one of its sockets to its acknowledgement and to the event at the other one, beside a bare
//! websocket server that commits the same frame and writes as much.

use crate::bare::Committer;
use crate::program::Program;
use crate::socket::Socket;
use crate::socket::runtime;
use crate::socket::serve;
use crate::socket::server_runtime;
use crate::table::Table;
use crate::table::ms;
use crate::table::percentile;
use deskgate::clock::instant;
use serde_json::Value;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Below what a contact may send in a minute.
const MESSAGES_EACH: usize = 10;
const BODY: &str = "The invoice of last month shows the wrong address again. Could you have a look at it, please?";

#[derive(Default)]
struct Times {
    acks: Vec<Duration>,
    events: Vec<Duration>,
}

/// Two sockets of one contact.
struct Pair {
    sender: Socket,
    other: Socket,
    conversation: Value,
}

pub fn measure(contacts: usize) {
    eprintln!("echo: {contacts} contacts with two sockets each");
    let daemon = Program::start();
    let ours = runtime().block_on(rounds(daemon.address("http"), contacts, true));
    drop(daemon);
    let committer = Arc::new(Committer::new());
    let bare = runtime().block_on(rounds(serve_bare(contacts, Arc::clone(&committer)), contacts, false));
    let mut table = Table::new(&["ms", "send to ack, p50", "p99", "send to event at the other socket, p50", "p99"]);
    for (name, times) in [("deskgate", ours), ("bare websocket and redb commit", bare)] {
        let Times { mut acks, mut events } = times;
        acks.sort();
        events.sort();
        table.row([
            name.to_owned(),
            ms(percentile(&acks, 50)),
            ms(percentile(&acks, 99)),
            ms(percentile(&events, 50)),
            ms(percentile(&events, 99)),
        ]);
    }
    table.print(&format!("Echo: {} messages, one after the other", contacts * MESSAGES_EACH));
}

async fn rounds(to: SocketAddr, contacts: usize, is_desk: bool) -> Times {
    let mut pairs = Vec::new();
    for n in 0..contacts {
        pairs.push(pair(to, n, is_desk).await);
    }
    let mut times = Times::default();
    for round in 0..MESSAGES_EACH {
        for pair in &mut pairs {
            pair.send(round, &mut times).await;
        }
    }
    times
}

async fn pair(to: SocketAddr, n: usize, is_desk: bool) -> Pair {
    let mut sender = Socket::connect(to, n).await;
    if !is_desk {
        return Pair { sender, other: Socket::connect(to, n).await, conversation: Value::Null };
    }
    let welcome = sender.hello(json!({})).await;
    let mut other = Socket::connect(to, n).await;
    other.hello(json!({"visitor": welcome["visitor"]})).await;
    Pair { sender, other, conversation: Value::Null }
}

impl Pair {
    async fn send(&mut self, round: usize, times: &mut Times) {
        let client_id = format!("message-{round}");
        let frame = json!({"type": "send", "client_id": client_id, "conversation_id": self.conversation, "body": BODY});
        let begun = instant();
        self.sender.say(&frame).await;
        let (ack, ()) = tokio::join!(
            async {
                let ack = self.sender.frame_of("ack").await;
                times.acks.push(begun.elapsed());
                ack
            },
            async {
                while self.other.frame_of("event").await["event"] != "part.created" {}
                times.events.push(begun.elapsed());
            }
        );
        self.conversation = ack["conversation_id"].clone();
    }
}

/// Takes two sockets at a time: what the first one sends is committed, acknowledged, and written to the second.
fn serve_bare(pairs: usize, committer: Arc<Committer>) -> SocketAddr {
    serve(server_runtime, async move |listener| {
        let mut serving = tokio::task::JoinSet::new();
        for pair in 0..pairs {
            let first = Socket::accept(&listener).await;
            let second = Socket::accept(&listener).await;
            serving.spawn(repeat(first, second, pair, Arc::clone(&committer)));
        }
        serving.join_all().await;
    })
}

async fn repeat(mut first: Socket, mut second: Socket, pair: usize, committer: Arc<Committer>) {
    let mut round = 0;
    while let Some(text) = first.text().await {
        let (committer, value) = (Arc::clone(&committer), text.as_str().as_bytes().to_vec());
        let key = pair * MESSAGES_EACH + round;
        tokio::task::spawn_blocking(move || committer.put(key, value)).await.unwrap();
        let ack = json!({"type": "ack", "client_id": "message", "seq": key, "conversation_id": "1", "part_id": "1"});
        let part = json!({"id": "1", "part_type": "comment", "text": BODY, "html": BODY, "created_at": 0});
        let event = json!({"type": "event", "seq": key, "event": "part.created", "conversation_id": "1", "part": part});
        first.say(&ack).await;
        second.say(&event).await;
        round += 1;
    }
}
