//! Contacts' messages on many active sockets, from sending to the acknowledgement, which comes after the commit; beside a
//! bare websocket server that commits the same frame with redb before it answers.

use crate::bare::Committer;
use crate::deliver::begin;
use crate::deliver::started;
use crate::socket::Socket;
use crate::socket::runtime;
use crate::socket::serve;
use crate::socket::server_runtime;
use crate::socket::visitors;
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

/// Of each socket and way of sending; both together are below what a contact may send in a minute.
const MESSAGES_EACH: usize = 5;
const BODY: &str = "The invoice of last month shows the wrong address again. Could you have a look at it, please?";

/// How messages follow one another.
#[derive(Clone, Copy)]
enum Flow {
    /// So many a second from all sockets together, whatever the server does.
    Paced(usize),
    /// The next one of a socket when the last one is acknowledged.
    Pressed,
}

/// Latencies, ascending, and how long all took.
struct Acked {
    times: Vec<Duration>,
    took: Duration,
}

struct Sender {
    socket: Socket,
    conversation: Value,
}

pub fn measure(sockets: usize, per_s: usize) {
    eprintln!("ack: {sockets} sockets");
    let flows = [Flow::Paced(per_s), Flow::Pressed];
    let daemon = started(sockets);
    let ours = runtime().block_on(async {
        let mut senders = Vec::with_capacity(sockets);
        for mut socket in visitors(daemon.address("http"), 0..sockets).await {
            let conversation = begin(&mut socket).await.into();
            senders.push(Sender { socket, conversation });
        }
        all(senders, flows).await
    });
    drop(daemon);
    let bare = runtime().block_on(async {
        let to = serve_bare(sockets);
        let mut senders = Vec::with_capacity(sockets);
        for n in 0..sockets {
            senders.push(Sender { socket: Socket::connect(to, n).await, conversation: Value::Null });
        }
        all(senders, flows).await
    });
    let mut table = Table::new(&["server", "messages", "acks/s", "send to ack, p50, ms", "p99", "last"]);
    for (name, figures) in [("deskgate", ours), ("bare websocket and redb commit", bare)] {
        for (flow, acked) in flows.into_iter().zip(figures) {
            let how = match flow {
                Flow::Paced(per_s) => format!("{per_s} a second"),
                Flow::Pressed => "the next one after the ack".to_owned(),
            };
            let per_s = format!("{:.0}", rate(acked.times.len(), acked.took));
            let [p50, p99, last] = [50, 99, 100].map(|per_cent| ms(percentile(&acked.times, per_cent)));
            table.row([name.to_owned(), how, per_s, p50, p99, last]);
        }
    }
    table.print(&format!("Acknowledgements: {sockets} sockets, {MESSAGES_EACH} messages each"));
}

async fn all(mut senders: Vec<Sender>, flows: [Flow; 2]) -> Vec<Acked> {
    let mut figures = Vec::new();
    for (turn, flow) in flows.into_iter().enumerate() {
        let count = senders.len();
        let begun = instant();
        let mut sending = JoinSet::new();
        for (n, sender) in senders.drain(..).enumerate() {
            sending.spawn(sender.send_all(flow, turn, n, count, begun));
        }
        let mut times = Vec::with_capacity(count * MESSAGES_EACH);
        for (sender, own) in sending.join_all().await {
            senders.push(sender);
            times.extend(own);
        }
        let took = begun.elapsed();
        times.sort();
        figures.push(Acked { times, took });
    }
    figures
}

impl Sender {
    /// Sends its share as the `n`-th of so many. A paced message that waits for the one before is late, and counts as that.
    async fn send_all(
        mut self,
        flow: Flow,
        turn: usize,
        n: usize,
        count: usize,
        begun: Instant,
    ) -> (Self, Vec<Duration>) {
        let mut times = Vec::with_capacity(MESSAGES_EACH);
        for round in 0..MESSAGES_EACH {
            let due = match flow {
                Flow::Paced(per_s) => begun + Duration::from_secs_f64(number(round * count + n) / number(per_s)),
                Flow::Pressed => instant(),
            };
            tokio::time::sleep_until(due.into()).await;
            let client_id = format!("message-{turn}-{round}");
            let frame =
                json!({"type": "send", "client_id": client_id, "conversation_id": self.conversation, "body": BODY});
            self.socket.say(&frame).await;
            let ack = self.socket.frame_of("ack").await;
            assert_eq!(ack["client_id"], client_id, "each message has its own acknowledgement");
            times.push(due.elapsed());
        }
        (self, times)
    }
}

/// Commits what each socket sends, together with what waits, and acknowledges it then.
fn serve_bare(sockets: usize) -> SocketAddr {
    serve(server_runtime, async move |listener| {
        let committer = Arc::new(Committer::new());
        let mut serving = JoinSet::new();
        for n in 0..sockets {
            let socket = Socket::accept(&listener).await;
            serving.spawn(acknowledge(socket, n, Arc::clone(&committer)));
        }
        serving.join_all().await;
    })
}

async fn acknowledge(mut socket: Socket, n: usize, committer: Arc<Committer>) {
    let mut key = n * MESSAGES_EACH * 2;
    while let Some(text) = socket.text().await {
        let client_id = serde_json::from_str::<Value>(&text).unwrap()["client_id"].clone();
        let (committer, value) = (Arc::clone(&committer), text.as_str().as_bytes().to_vec());
        tokio::task::spawn_blocking(move || committer.put(key, value)).await.unwrap();
        let ack = json!({"type": "ack", "client_id": client_id, "seq": key, "conversation_id": "1", "part_id": "1"});
        socket.say(&ack).await;
        key += 1;
    }
}
