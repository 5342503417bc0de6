//! The messenger of the real daemon: over TCP, through restarts and kills.

use crate::messenger::client::Client;
use crate::messenger::client::Seen;
use crate::messenger::client::seqs;
use crate::support::gateway::Gateway;
use crate::support::gateway::Plan;
use ring::hmac;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::connect_async;

type Tab = Client<MaybeTlsStream<TcpStream>>;

const SECRET: &str = "a secret of the messenger in tests";

async fn connect(gateway: &Gateway) -> Tab {
    let (socket, _) = connect_async(format!("ws://{}/messenger/ws", gateway.address("http"))).await.unwrap();
    Client { socket }
}

async fn visitor(gateway: &Gateway) -> (Tab, Value) {
    let mut tab = connect(gateway).await;
    let welcome = tab.hello(json!({}), None).await;
    (tab, json!({"visitor": welcome["visitor"]}))
}

fn answer(gateway: &mut Gateway, conversation: &Value, text: &str) {
    let admin = gateway.api("GET", "/api/me", None).expect(200)["id"].clone();
    let reply = json!({"message_type": "comment", "type": "admin", "admin_id": admin, "body": text});
    let path = format!("/api/conversations/{}/reply", conversation.as_str().unwrap());
    gateway.api("POST", &path, Some(&reply)).expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_by_the_api_reaches_every_tab_and_a_file_can_be_fetched() {
    let mut gateway = Gateway::start();
    let (mut first, identity) = visitor(&gateway).await;
    let mut second = connect(&gateway).await;
    second.hello(identity, None).await;
    let file = json!({"name": "a.txt", "content_type": "text/plain", "data": "aGVsbG8="});
    first.say(json!({"type": "send", "client_id": "c-1", "body": "Hello", "attachments": [file]})).await;
    let ack = first.frame_of("ack").await;
    let shown = second.event("part.created").await;
    assert_eq!(shown["part"]["id"], ack["part_id"]);
    let url = shown["part"]["attachments"][0]["url"].as_str().unwrap();
    let path = url.strip_prefix("https://desk.example.com").unwrap();
    let fetched = crate::support::http_client::call(gateway.address("http"), "GET", path, &[], None);
    assert_eq!((fetched.status, fetched.text().as_str()), (200, "hello"));
    answer(&mut gateway, &ack["conversation_id"], "An answer");
    for tab in [&mut first, &mut second] {
        let event = loop {
            let event = tab.event("part.created").await;
            if event["part"]["author"]["type"] == "admin" {
                break event;
            }
        };
        assert_eq!(event["part"]["text"].as_str().map(str::trim), Some("An answer"));
    }
    assert!(gateway.ops("/metrics").text().contains("deskgate_sockets_open 2"));
    drop((first, second));
    gateway.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_proved_by_the_secret_of_the_configuration() {
    let gateway = Plan::default()
        .file("messenger.secret", SECRET)
        .set("messenger.secret_file", "messenger.secret")
        .set("messenger.identity", "enforced")
        .start();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let hash = data_encoding::HEXLOWER.encode(hmac::sign(&key, b"u-7").as_ref());
    let mut user = connect(&gateway).await;
    let welcome = user.hello(json!({"user_id": "u-7", "user_hash": hash}), None).await;
    assert_eq!(welcome["contact"]["user_id"], "u-7");
    for identity in [json!({"user_id": "u-7"}), json!({"user_id": "u-8", "user_hash": hash}), json!({"jwt": "a.b.c"})] {
        let mut impostor = connect(&gateway).await;
        impostor.say(json!({"type": "hello", "identity": identity})).await;
        assert_eq!(impostor.frame().await["code"], "unauthorized");
        assert_eq!(impostor.close_code().await, 4001, "{identity}");
    }
    drop(user);
    gateway.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_4_the_origins_of_the_configuration_count() {
    let gateway = Plan::default().set("messenger.allowed_origins", r#"["https://www.example.com"]"#).start();
    let refused = connect_async(format!("ws://{}/messenger/ws", gateway.address("http"))).await;
    assert!(matches!(refused, Err(tokio_tungstenite::tungstenite::Error::Http(response)) if response.status() == 403));
    gateway.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tst_98_kills_and_cuts_at_every_entry_lose_and_repeat_nothing() {
    let mut gateway = Gateway::start();
    let (mut tab, identity) = visitor(&gateway).await;
    let ack = tab.post("begin", None, "begin").await;
    let conversation = ack["conversation_id"].clone();
    let start = ack["seq"].as_u64().unwrap();
    let (mut since, mut got) = (start, Vec::new());
    for round in 0..40_usize {
        answer(&mut gateway, &conversation, &format!("entry {round}"));
        if round % 10 == 9 {
            gateway.kill();
            gateway.up();
            tab = connect(&gateway).await;
            tab.hello(identity.clone(), Some(since)).await;
        }
        if round % 3 == 0 {
            tab = connect(&gateway).await;
            let welcome = tab.hello(identity.clone(), Some(since)).await;
            assert_eq!(welcome["resumed"], true, "round {round}");
        }
        for _ in 0..round % 4 {
            let Seen::Frame(frame) = tab.see().await else { panic!("closed in round {round}") };
            if frame["type"] == "event" {
                since = frame["seq"].as_u64().unwrap();
                got.push(since);
            }
            let wanted = format!("entry {round}");
            if frame["part"]["text"].as_str().map(str::trim) == Some(wanted.as_str()) {
                break;
            }
        }
    }
    let mut last = connect(&gateway).await;
    last.hello(identity.clone(), Some(since)).await;
    got.extend(seqs(&last.so_far().await));
    let mut all = connect(&gateway).await;
    all.hello(identity, Some(start)).await;
    let everything = all.so_far().await;
    let mut logged = seqs(&everything);
    // The last hello itself is an entry (the contact was seen) that only it got.
    logged.retain(|seq| got.last().is_some_and(|newest| seq <= newest));
    assert_eq!(got, logged);
    let texts: Vec<_> = everything.iter().filter_map(|frame| frame["part"]["text"].as_str()).map(str::trim).collect();
    let expected: Vec<_> = (0..40).map(|round| format!("entry {round}")).collect();
    assert_eq!(texts, expected, "every entry once, in order");
    drop((tab, last, all));
    gateway.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tst_100_a_post_repeated_over_kills_is_one_part() {
    let mut gateway = Gateway::start();
    let (mut tab, identity) = visitor(&gateway).await;
    let mut acks = Vec::new();
    for _ in 0..3 {
        let post = json!({"type": "send", "client_id": "once", "body": "Hello"});
        // The first is killed between the send and its ack, wherever that hits.
        tab.say(post.clone()).await;
        gateway.kill();
        gateway.up();
        tab = connect(&gateway).await;
        tab.hello(identity.clone(), None).await;
        tab.say(post).await;
        acks.push(tab.frame_of("ack").await);
    }
    assert!(acks.iter().all(|ack| *ack == acks[0]), "{acks:?}");
    tab.say(json!({"type": "history", "conversation_id": acks[0]["conversation_id"]})).await;
    assert_eq!(tab.frame_of("history").await["parts"].as_array().map(Vec::len), Some(1));
    drop(tab);
    gateway.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tst_101_a_client_that_does_not_read_is_closed_and_resumes() {
    let mut gateway = Gateway::start();
    let (mut tab, identity) = visitor(&gateway).await;
    let ack = tab.post("c", None, "question").await;
    drop(tab);
    let address = gateway.address("http");
    let narrow = TcpSocket::new_v4().unwrap();
    narrow.set_recv_buffer_size(4_096).unwrap();
    let stream = narrow.connect(address).await.unwrap();
    let (socket, _) = client_async(format!("ws://{address}/messenger/ws"), stream).await.unwrap();
    let mut stalled = Client { socket };
    let welcome = stalled.hello(identity.clone(), None).await;
    let from = welcome["seq"].as_u64().unwrap();
    let long = "An answer that fills buffers. ".repeat(330);
    for _ in 0..40 {
        answer(&mut gateway, &ack["conversation_id"], &long);
    }
    crate::support::gateway::eventually("the stalled reader is given up", || {
        gateway.ops("/metrics").text().contains("deskgate_sockets_slow_closed_total 1").then_some(())
    });
    let mut got = Vec::new();
    let code = loop {
        match stalled.see().await {
            Seen::Frame(frame) => got.extend(seqs(&[frame])),
            Seen::Closed(code) => break code,
            Seen::Cut => panic!("cut without a code"),
        }
    };
    assert_eq!(code, 4002);
    let mut again = connect(&gateway).await;
    let since = got.last().copied().unwrap_or(from);
    assert_eq!(again.hello(identity.clone(), Some(since)).await["resumed"], true);
    got.extend(seqs(&again.so_far().await));
    let mut all = connect(&gateway).await;
    all.hello(identity, Some(from)).await;
    let mut logged = seqs(&all.so_far().await);
    logged.retain(|seq| got.last().is_some_and(|newest| seq <= newest));
    assert_eq!(got, logged);
    drop((again, all));
    gateway.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_is_told_to_stop_says_1001() {
    let mut gateway = Gateway::start();
    let (mut tab, _) = visitor(&gateway).await;
    let mut not_yet = connect(&gateway).await;
    gateway.signal("TERM");
    assert_eq!(tab.close_code().await, 1001);
    assert_eq!(not_yet.close_code().await, 1001);
    drop((tab, not_yet));
    assert!(gateway.wait_end().success());
    gateway.finish();
}
