//! What a client may not do, with the code it is told.

use crate::messenger::bench::Bench;
use crate::messenger::client::Client;
use crate::messenger::client::Seen;
use deskgate::channel::messenger::hub::Options;
use deskgate::channel::messenger::hub::Refused;
use serde_json::json;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio_tungstenite::tungstenite::Message;

async fn greeted(bench: &Bench) -> Client<DuplexStream> {
    bench.visitor().await.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_closes_with_its_code() {
    let bench = Bench::new().await;
    let before_hello = [
        (Message::text("not json"), 4000),
        (Message::text(r#"{"type":"ping","n":1}"#), 4000),
        (Message::text(r#"{"type":"hello"}"#), 4000),
        (Message::text(r#"{"type":"hello","identity":{"jwt":"x"}}"#), 4001),
        (Message::binary(vec![1, 2, 3]), 4000),
        (Message::text("x".repeat(64 * 1_024 + 1)), 1009),
    ];
    for (message, code) in before_hello {
        let mut client = bench.connect().await;
        client.send(message.clone()).await;
        assert_eq!(client.close_code().await, code, "before hello: {message}");
    }
    let after_hello = [
        (Message::text("not json"), 4000),
        (Message::binary(vec![1, 2, 3]), 4000),
        (Message::text(format!(r#"{{"type":"ping","pad":"{}"}}"#, "x".repeat(200_000))), 1009),
    ];
    for (message, code) in after_hello {
        let mut client = greeted(&bench).await;
        client.send(message.clone()).await;
        assert_eq!(client.close_code().await, code, "after hello");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_break_the_rules_of_websockets_close_with_theirs() {
    let bench = Bench::new().await;
    const MASK: [u8; 4] = [0; 4];
    let masked = |head: &[u8], payload: &[u8]| [head, &MASK, payload].concat();
    let cases = [
        ("text that is not UTF-8", masked(&[0x81, 0x81], &[0xff]), 1007),
        ("half a code point", masked(&[0x81, 0x82], &[0xe2, 0x82]), 1007),
        ("not masked", vec![0x81, 0x01, b'x'], 1002),
        ("reserved bit, as compression would set", masked(&[0xc1, 0x80], &[]), 1002),
        ("reserved opcode", masked(&[0x83, 0x80], &[]), 1002),
        ("fragmented ping", masked(&[0x09, 0x80], &[]), 1002),
        ("ping of 126 bytes", masked(&[0x89, 0xfe, 0x00, 0x7e], &[0; 126]), 1002),
        ("continuation of nothing", masked(&[0x80, 0x80], &[]), 1002),
        ("a frame of 2^63 - 1 bytes", masked(&[0x81, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255], &[]), 1009),
    ];
    for (what, bytes, code) in cases {
        let mut raw = bench.raw(4_096);
        raw.write_all(&bytes).await.unwrap();
        let mut client = Client::on(raw).await;
        assert_eq!(client.close_code().await, code, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_small_fragments_are_one_message_and_too_many_are_too_big() {
    let bench = Bench::new().await;
    let mut raw = bench.raw(64 * 1_024);
    let writing = tokio::spawn(async move {
        let mut head = 0x01;
        for _ in 0..1_100 {
            let mut fragment = vec![head, 0x80 | 60, 0, 0, 0, 0];
            fragment.extend_from_slice(&[b' '; 60]);
            if raw.write_all(&fragment).await.is_err() {
                break;
            }
            head = 0x00;
        }
        raw
    });
    let mut client = Client::on(writing.await.unwrap()).await;
    assert_eq!(client.close_code().await, 1009);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tenth_frame_that_means_nothing_ends_the_socket() {
    let bench = Bench::new().await;
    let mut client = greeted(&bench).await;
    let nonsense = [r#"{"type":"nothing"}"#, r#"{"type":"typing"}"#, "[]", r#"{"type":"hello","identity":7}"#];
    for frame in nonsense.into_iter().cycle().take(9) {
        client.send(Message::text(frame)).await;
        assert_eq!(client.frame().await["code"], "bad_frame", "{frame}");
    }
    client.send(Message::text("{}")).await;
    assert_eq!(client.see().await, Seen::Closed(4000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hello_that_does_not_come_in_time_is_not_waited_for() {
    let options = Options { hello_within: Duration::from_millis(50), ..Options::default() };
    let bench = Bench::with(options, false).await;
    let mut silent = bench.connect().await;
    assert_eq!(silent.close_code().await, 4001);
    let mut dribbling = bench.raw(1_024);
    dribbling.write_all(&[0x81]).await.unwrap();
    assert_eq!(Client::on(dribbling).await.close_code().await, 4001);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_61_the_21st_message_of_a_minute_is_not_stored() {
    let bench = Bench::new().await;
    let (mut client, identity) = bench.visitor().await;
    let ack = client.post("m-1", None, "1").await;
    let conversation = ack["conversation_id"].as_str().unwrap().to_owned();
    for n in 2..=20 {
        client.post(&format!("m-{n}"), Some(&conversation), "again").await;
    }
    let mut other_tab = bench.connect().await;
    other_tab.hello(identity, None).await;
    let send = json!({"type": "send", "client_id": "m-21", "conversation_id": conversation, "body": "too much"});
    other_tab.say(send).await;
    let error = other_tab.frame_of("error").await;
    assert_eq!((&error["code"], &error["client_id"]), (&json!("rate_limit_exceeded"), &json!("m-21")));
    assert!((1..=3).contains(&error["retry_after_s"].as_u64().unwrap()), "{error}");
    let view = bench.desk.thread_view(&bench.caller, conversation.parse().unwrap(), true).unwrap();
    assert_eq!(view.parts.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_61_the_sixth_conversation_of_an_hour_is_not_begun() {
    let bench = Bench::new().await;
    let mut client = greeted(&bench).await;
    for n in 1..=5 {
        client.post(&format!("m-{n}"), None, "new").await;
    }
    client.say(json!({"type": "send", "client_id": "m-6", "body": "new"})).await;
    assert_eq!(client.frame_of("error").await["code"], "rate_limit_exceeded");
    assert_eq!(client.post("m-5", None, "new").await["client_id"], "m-5", "a repeat is answered as it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_frames_or_pings_ends_the_socket() {
    let bench = Bench::new().await;
    let floods = [Message::text(r#"{"type":"ping","n":1}"#), Message::Ping(Vec::new().into())];
    for frame in floods {
        let mut client = greeted(&bench).await;
        for _ in 0..200 {
            client.send(frame.clone()).await;
        }
        assert_eq!(client.close_code().await, 4008, "{frame}");
    }
    assert_eq!(bench.hub.counts().flood_closed, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_43_the_eleventh_socket_of_a_contact_closes_the_idlest() {
    let bench = Bench::new().await;
    let (mut oldest, identity) = bench.visitor().await;
    let mut tabs = Vec::new();
    for _ in 0..9 {
        let mut tab = bench.connect().await;
        tab.hello(identity.clone(), None).await;
        tabs.push(tab);
    }
    // Moments are told apart by milliseconds.
    tokio::time::sleep(Duration::from_millis(5)).await;
    oldest.so_far().await;
    for tab in tabs.iter_mut().skip(1) {
        tab.so_far().await;
    }
    let mut eleventh = bench.connect().await;
    eleventh.hello(identity, None).await;
    assert_eq!(tabs[0].close_code().await, 4008);
    oldest.so_far().await;
    eleventh.so_far().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_says_goodbye_to_every_socket_and_lets_nobody_in() {
    let bench = Bench::new().await;
    let (mut client, _) = bench.visitor().await;
    let mut not_yet = bench.connect().await;
    let hub = bench.hub.clone();
    let drained = tokio::spawn(async move { hub.drain().await });
    assert_eq!(client.close_code().await, 1001);
    assert_eq!(not_yet.close_code().await, 1001);
    drop((client, not_yet));
    assert_eq!(drained.await.unwrap(), 0);
    assert_eq!(bench.hub.admit(None).map(drop), Err(Refused::Draining));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_went_silent_is_let_go() {
    let options = Options {
        ping_every: Duration::from_millis(40),
        silence_max: Duration::from_millis(150),
        ..Options::default()
    };
    let bench = Bench::with(options, false).await;
    let mut client = greeted(&bench).await;
    // A client that reads answers pings and stays; this one does not read until it is let go.
    for _ in 0..10 {
        client.so_far().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bench.until(|bench| bench.hub.counts().slow_closed == 1).await;
    assert_eq!(client.close_code().await, 4002);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_and_connects_are_counted() {
    let options = Options { sockets_max: 2, connects_per_minute: 3, ..Options::default() };
    let bench = Bench::with(options, false).await;
    let from = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    let held = [bench.hub.admit(from).unwrap(), bench.hub.admit(from).unwrap()];
    assert_eq!(bench.hub.admit(from).map(drop), Err(Refused::Full));
    drop(held);
    assert_eq!(bench.hub.counts().open, 0, "a place that is left is free");
    assert!(matches!(bench.hub.admit(from), Err(Refused::TooOften(1..=20))));
    assert!(bench.hub.admit(Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)))).is_ok());
    assert_eq!(bench.hub.counts().refused, 2);
}
