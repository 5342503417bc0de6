//! What a broadcast's ledger says of messengers (BRC-41): nothing before a socket took it, delivered when the client answered.

use crate::messenger::bench::Bench;
use crate::messenger::bench::thread;
use deskgate::desk::broadcasts::LedgerFilter;
use deskgate::desk::broadcasts::NewBroadcast;
use deskgate::desk::ticket::ticket_types::NewTicketType;
use deskgate::desk::ticket::tickets::NewTicket;
use deskgate::domain::broadcast::Options;
use deskgate::domain::id::BroadcastId;
use deskgate::domain::id::ThreadId;
use deskgate::domain::ledger::LedgerState;
use deskgate::domain::ledger::Rows;
use deskgate::domain::ticket_type::Category;
use futures_util::SinkExt;
use serde_json::Value;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

async fn tracker(bench: &Bench) -> ThreadId {
    let new = NewTicketType::named("Outage", Category::Tracker);
    let ticket_type = bench.desk.create_ticket_type(&bench.caller, new).await.unwrap().id;
    let new = NewTicket::of(ticket_type);
    bench.desk.create_ticket(&bench.caller, new).await.unwrap()
}

async fn told(bench: &Bench, tracker: ThreadId) -> BroadcastId {
    let new = NewBroadcast {
        subject: "All is well".to_owned(),
        body: "It works again.".to_owned(),
        attachments: Vec::new(),
        options: Options::default(),
    };
    let begun = bench.desk.start_broadcast(&bench.caller, tracker, new, None).await.unwrap().id;
    while bench.desk.broadcast_batch().await.unwrap() {}
    begun
}

/// Where the one row of the messenger stands.
fn row(bench: &Bench, broadcast: BroadcastId) -> LedgerState {
    let filter = LedgerFilter { rows: Some(Rows::Messenger), ..LedgerFilter::default() };
    let page = bench.desk.ledger(&bench.caller, broadcast, &filter, None, 10).unwrap();
    assert_eq!(page.rows.len(), 1);
    page.rows[0].entry.state
}

/// A visitor with a conversation that is linked to a Tracker, with the position of the last thing they saw.
async fn linked(bench: &Bench) -> (crate::messenger::client::Client<tokio::io::DuplexStream>, Value, u64, ThreadId) {
    let (mut client, identity) = bench.visitor().await;
    let ack = client.post("c-1", None, "It is down").await;
    let tracker = tracker(bench).await;
    bench.desk.link(&bench.caller, tracker, thread(&ack["conversation_id"])).await.unwrap();
    client.so_far().await;
    (client, identity, ack["seq"].as_u64().unwrap(), tracker)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brc_41_a_row_is_delivered_when_the_client_has_answered_behind_it() {
    let bench = Bench::new().await;
    let (mut client, _, _, tracker) = linked(&bench).await;
    let broadcast = told(&bench, tracker).await;
    let event = client.event("part.created").await;
    assert_eq!(event["part"]["text"].as_str().map(str::trim), Some("It works again."));
    // Reading on answers the ping.
    client.so_far().await;
    bench.until(|bench| row(bench, broadcast) == LedgerState::Delivered).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brc_41_what_a_client_never_answers_stays_sent_until_it_comes_back_with_a_position() {
    let bench = Bench::new().await;
    let (client, identity, since, tracker) = linked(&bench).await;
    drop(client);
    bench.until(|bench| bench.hub.counts().open == 0).await;
    let broadcast = told(&bench, tracker).await;
    assert_eq!(row(&bench, broadcast), LedgerState::Queued, "nobody was there");

    // A client that takes everything and answers nothing: its side of the protocol is not run.
    let mut mute = bench.connect().await.socket;
    let hello = json!({"type": "hello", "identity": identity, "since": since, "page": "https://example.com/"});
    mute.send(Message::text(hello.to_string())).await.unwrap();
    let deaf = mute.into_inner();
    bench.until(|bench| row(bench, broadcast) == LedgerState::Sent).await;
    drop(deaf);
    bench.until(|bench| bench.hub.counts().open == 0).await;
    assert_eq!(row(&bench, broadcast), LedgerState::Sent, "written, and not acknowledged");

    let behind = bench.desk.log_seq().unwrap().0;
    let mut back = bench.connect().await;
    let welcome = back.hello(identity, Some(behind)).await;
    assert_eq!(welcome["resumed"], true);
    bench.until(|bench| row(bench, broadcast) == LedgerState::Delivered).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brc_41_a_history_that_shows_the_part_delivers_it_and_seen_says_more() {
    let bench = Bench::new().await;
    let (client, identity, _, tracker) = linked(&bench).await;
    drop(client);
    bench.until(|bench| bench.hub.counts().open == 0).await;
    let broadcast = told(&bench, tracker).await;
    let mut back = bench.connect().await;
    let welcome = back.hello(identity, None).await;
    assert_eq!(welcome["resumed"], false);
    back.so_far().await;
    assert_eq!(row(&bench, broadcast), LedgerState::Queued, "a snapshot shows the beginning of a part alone");
    let conversation = &welcome["conversations"][0]["id"];
    back.say(json!({"type": "history", "conversation_id": conversation, "limit": 10})).await;
    let shown = back.frame_of("history").await;
    let part = &shown["parts"].as_array().unwrap().last().unwrap()["id"];
    back.so_far().await;
    bench.until(|bench| row(bench, broadcast) == LedgerState::Delivered).await;
    back.say(json!({"type": "seen", "conversation_id": conversation, "part_id": part})).await;
    bench.until(|bench| row(bench, broadcast) == LedgerState::Seen).await;
}
