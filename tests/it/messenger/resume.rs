//! Coming back: nothing missed, nothing twice, in order (MSG-40), and what happens to a client that does not read.

use crate::messenger::bench::Bench;
use crate::messenger::client::Client;
use crate::messenger::client::Seen;
use crate::messenger::client::seqs;
use deskgate::channel::messenger::hub::Options;
use deskgate::domain::id::EventSeq;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

/// What the log has for the reader of that conversation behind `after`.
fn logged(bench: &Bench, conversation: &Value, after: u64) -> Vec<u64> {
    let thread = crate::messenger::bench::thread(conversation);
    let contact = bench.desk.messenger_reader(thread).unwrap().unwrap();
    let (entries, _) = bench.desk.stream_after(contact, EventSeq(after), 10_000).unwrap().unwrap();
    entries.iter().map(|entry| entry.entry.seq.0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tst_98_a_cut_at_every_entry_loses_and_repeats_nothing() {
    let bench = Bench::new().await;
    let (mut client, identity) = bench.visitor().await;
    let ack = client.post("c", None, "begin").await;
    let conversation = &ack["conversation_id"];
    for n in 0..100 {
        bench.agent_says(conversation, &format!("entry {n}")).await;
    }
    let all = logged(&bench, conversation, 0);
    assert!(all.len() > 100);
    for since in all {
        let mut cut = bench.connect().await;
        let welcome = cut.hello(identity.clone(), Some(since)).await;
        assert_eq!((&welcome["resumed"], &welcome["seq"]), (&json!(true), &json!(since)));
        assert_eq!(welcome.get("conversations"), None, "no snapshot");
        let got = seqs(&cut.so_far().await);
        assert_eq!(got, logged(&bench, conversation, since), "since {since}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tst_98_a_client_that_is_cut_again_and_again_has_the_whole_log() {
    let bench = Bench::new().await;
    let (mut client, identity) = bench.visitor().await;
    let ack = client.post("c", None, "begin").await;
    let conversation = ack["conversation_id"].clone();
    let mut since = ack["seq"].as_u64().unwrap();
    let start = since;
    drop(client);
    let mut got = Vec::new();
    for round in 0..120_usize {
        bench.agent_says(&conversation, &format!("round {round}")).await;
        // Narrow enough that the cut comes in the middle of frames that were written.
        let mut client = Client::on(bench.raw(512)).await;
        client.hello(identity.clone(), Some(since)).await;
        for _ in 0..round % 4 {
            let Seen::Frame(frame) = client.see().await else { panic!("closed") };
            since = frame["seq"].as_u64().unwrap();
            got.push(since);
            if logged(&bench, &conversation, since).is_empty() {
                break;
            }
        }
    }
    let mut last = bench.connect().await;
    last.hello(identity, Some(since)).await;
    got.extend(seqs(&last.so_far().await));
    assert_eq!(got, logged(&bench, &conversation, start));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tst_99_a_position_that_does_not_serve_gets_a_snapshot() {
    let bench = Bench::new().await;
    let (mut client, identity) = bench.visitor().await;
    client.post("c", None, "question").await;
    for since in [json!(9_999_999), json!(-1), json!(1.5), Value::Null] {
        let mut again = bench.connect().await;
        again.say(json!({"type": "hello", "identity": identity, "since": since})).await;
        let welcome = again.frame().await;
        assert_eq!(welcome["resumed"], false, "{since}");
        assert_eq!(welcome["conversations"][0]["last_part"]["text"], "question", "{since}");
        assert_eq!(welcome["seq"].as_u64(), Some(bench.desk.log_seq().unwrap().0));
        assert!(seqs(&again.so_far().await).is_empty(), "a snapshot holds everything");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trap_tungstenite_buffers_are_unbounded_by_default() {
    let options = Options { write_within: Duration::from_millis(300), ..Options::default() };
    let bench = Bench::with(options, false).await;
    let (mut client, identity) = bench.visitor().await;
    let ack = client.post("c", None, "question").await;
    let conversation = &ack["conversation_id"];
    drop(client);
    let mut stalled = Client::on(bench.raw(2_048)).await;
    let welcome = stalled.hello(identity.clone(), None).await;
    let from = welcome["seq"].as_u64().unwrap();
    let sent_before = bench.hub.counts().events_sent;
    let answer = "an answer of some length ".repeat(100);
    for _ in 0..60 {
        bench.agent_says(conversation, &answer).await;
    }
    // Nothing is read for longer than the deadline. What the server took from the log by then is what its buffers
    // hold: 2 KiB of the pipe, 16 KiB of its own, and the batch it was writing.
    bench.until(|bench| bench.hub.counts().slow_closed == 1).await;
    let taken = bench.hub.counts().events_sent - sent_before;
    assert!(taken <= 33, "{taken} entries of 5 KB were taken for a client that reads none");
    let mut got = Vec::new();
    let code = loop {
        match stalled.see().await {
            Seen::Frame(frame) => got.push(frame["seq"].as_u64().unwrap()),
            Seen::Closed(code) => break code,
            Seen::Cut => panic!("cut without a code"),
        }
    };
    assert_eq!(code, 4002);
    let since = got.last().copied().unwrap_or(from);
    let mut again = bench.connect().await;
    let welcome = again.hello(identity, Some(since)).await;
    assert_eq!(welcome["resumed"], true);
    got.extend(seqs(&again.so_far().await));
    assert_eq!(got, logged(&bench, conversation, from), "TST-101: it misses nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p20_a_stalled_reader_does_not_hold_up_the_others() {
    let bench = Bench::new().await;
    let (mut good, identity) = bench.visitor().await;
    let ack = good.post("c", None, "question").await;
    let mut stalled = Client::on(bench.raw(512)).await;
    stalled.hello(identity, None).await;
    for n in 0..30 {
        let text = format!("answer {n} {}", "x".repeat(500));
        bench.agent_says(&ack["conversation_id"], &text).await;
        let event = good.event("part.created").await;
        assert_eq!(event["part"]["text"], text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_62_a_contact_who_is_blocked_is_shown_out_and_kept_out() {
    let bench = Bench::new().await;
    let (mut client, identity) = bench.visitor().await;
    let ack = client.post("c", None, "question").await;
    let contact = bench.desk.messenger_reader(crate::messenger::bench::thread(&ack["conversation_id"]));
    let contact = contact.unwrap().unwrap();
    bench
        .store
        .update(move |tx| {
            let mut blocked = deskgate::store::contacts::get(tx, contact)?.unwrap();
            blocked.blocked = true;
            let change = deskgate::store::save::Change { contacts: vec![blocked], ..Default::default() };
            deskgate::store::save::save(tx, &change)
        })
        .await
        .unwrap();
    client.say(json!({"type": "send", "client_id": "c-2", "body": "again"})).await;
    let error = client.frame_of("error").await;
    assert_eq!((&error["code"], &error["client_id"]), (&json!("forbidden"), &json!("c-2")));
    assert_eq!(client.close_code().await, 4001);
    let mut again = bench.connect().await;
    again.say(json!({"type": "hello", "identity": identity})).await;
    assert_eq!(again.frame().await["code"], "blocked");
    assert_eq!(again.close_code().await, 4001);
}
