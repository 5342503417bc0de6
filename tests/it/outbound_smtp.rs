//! An agent's reply on its way to the customer: the real program, a relay that does what it is told, and a real one.

use crate::support::gateway::Gateway;
use crate::support::gateway::PATIENCE;
use crate::support::gateway::Plan;
use crate::support::gateway::SUPPORT;
use crate::support::gateway::eventually;
use crate::support::smtp_client::mail;
use crate::support::smtp_peer::Act;
use crate::support::smtp_peer::SmtpPeer;
use crate::support::smtp_peer::Stage;
use crate::support::smtp_sink::SmtpSink;
use deskgate::mail::message::read;
use serde_json::Value;
use serde_json::json;
use std::sync::Arc;
use std::sync::Mutex;

const RELAY_DOWN: &str = "relay takes no mail";

fn gateway(port: u16) -> Gateway {
    let relay = format!("[[relay]]\nname = \"default\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n");
    Plan::default().toml(&relay).start()
}

/// A peer whose behaviour can be changed while it runs.
async fn peer() -> (SmtpPeer, Arc<Mutex<Option<(Stage, Act)>>>) {
    let behaviour: Arc<Mutex<Option<(Stage, Act)>>> = Arc::default();
    let followed = Arc::clone(&behaviour);
    let peer = SmtpPeer::start(move |at| match &*followed.lock().unwrap() {
        Some((stage, act)) if *stage == at.stage => act.clone(),
        _ => Act::Well,
    });
    (peer.await, behaviour)
}

/// A customer's mail and an agent's reply to it; the reply's delivery.
fn replied(gateway: &mut Gateway, customer: &str) -> u64 {
    let id = format!("question.{customer}");
    let taken = gateway.lmtp(customer, SUPPORT, &mail(customer, "Wrong VAT", &id, "Please look"));
    assert!(taken.starts_with("250"), "{taken}");
    let list = gateway.api("GET", "/api/conversations", None).expect(200);
    let conversations = list["conversations"].as_array().unwrap();
    let conversation = conversations.iter().find(|it| it.to_string().contains(&id)).unwrap()["id"].as_str().unwrap();
    let body = json!({ "message_type": "comment", "type": "admin", "body": "<p>.\n. Looked &amp; done</p>" });
    gateway.api("POST", &format!("/api/conversations/{conversation}/reply"), Some(&body)).expect(200);
    let deliveries = gateway.api("GET", "/api/deliveries", None).expect(200);
    let is_reply = |it: &&Value| it["thread_id"] == conversation && it["kind"] == "reply";
    let found = deliveries["data"].as_array().unwrap().iter().find(is_reply);
    found.unwrap_or_else(|| panic!("no delivery in {deliveries}"))["id"].as_str().unwrap().parse().unwrap()
}

fn shown(gateway: &Gateway, delivery: u64) -> Value {
    gateway.cli_json(&["queue", "show", &delivery.to_string()])
}

/// Waits until the delivery is in that state; what `queue show` says of it.
fn wait_state(gateway: &Gateway, delivery: u64, state: &str) -> Value {
    eventually(&format!("delivery {delivery} {state}"), || {
        let view = shown(gateway, delivery);
        (view["delivery"]["state"] == state).then_some(view)
    })
}

fn retry(gateway: &Gateway, delivery: u64) {
    gateway.cli(&["queue", "retry", &delivery.to_string()]);
}

#[test]
fn a_reply_reaches_a_real_relay_in_its_thread() {
    let Some(sink) = SmtpSink::start() else { return };
    let mut gateway = gateway(sink.port);
    let delivery = replied(&mut gateway, "bob@example.net");
    let view = wait_state(&gateway, delivery, "sent");
    assert_eq!(view["attempts"][0]["stage"], "answered", "{view}");
    let mails = sink.mails();
    assert_eq!(mails.len(), 1);
    let ready = gateway.ops("/readyz").expect(200);
    assert_eq!(ready["relays"][0]["state"], "up", "{ready}");
    let steps = gateway.cli_json(&["relay", "test", "default"]);
    assert_eq!(steps["ok"], true, "{steps}");
    gateway.finish();
    let message_id = view["delivery"]["message_id"].as_str().unwrap();
    for line in [
        "X-Rcpt-Args: <bob@example.net>",
        &format!("Message-ID: <{message_id}>"),
        "In-Reply-To: <question.bob@example.net>",
        "References: <question.bob@example.net>",
        "Reply-To: ",
        "Looked & done",
    ] {
        assert!(mails[0].contains(line), "{line} is not in\n{}", mails[0]);
    }
    assert!(mails[0].contains("support+"), "the signed address of the thread:\n{}", mails[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tst_65_451_then_250_is_one_accepted_mail_with_the_same_message_id() {
    let (peer, behaviour) = peer().await;
    let mut gateway = gateway(peer.address.port());
    *behaviour.lock().unwrap() = Some((Stage::Dot, Act::Say("451 4.3.0 try later")));
    let delivery = replied(&mut gateway, "bob@example.net");
    let deferred = wait_state(&gateway, delivery, "deferred");
    assert_eq!(deferred["delivery"]["last_reply"], "end of message: 451 4.3.0 try later");
    *behaviour.lock().unwrap() = None;
    gateway.kill();
    gateway.up();
    retry(&gateway, delivery);
    let sent = wait_state(&gateway, delivery, "sent");
    assert_eq!(sent["delivery"]["attempts"], 2, "{sent}");
    gateway.finish();
    let taken = peer.taken();
    assert_eq!(taken.len(), 1, "{taken:?}");
    let message = read(&taken[0].message);
    let id = message.message_id.to_string();
    assert!(id.contains(sent["delivery"]["message_id"].as_str().unwrap()), "{id}");
    assert_eq!(taken[0].to, ["bob@example.net"]);
    assert!(taken[0].from.contains("@example.com>"), "a bounce address of ours: {}", taken[0].from);
}

#[tokio::test(flavor = "multi_thread")]
async fn tst_65_550_fails_at_once_and_people_see_it() {
    let (peer, behaviour) = peer().await;
    let mut gateway = gateway(peer.address.port());
    *behaviour.lock().unwrap() = Some((Stage::Rcpt, Act::Say("550 5.1.1 no such user")));
    let delivery = replied(&mut gateway, "gone@example.net");
    let failed = wait_state(&gateway, delivery, "failed");
    assert_eq!(failed["delivery"]["reason"], "RCPT TO: 550 5.1.1 no such user");
    let listed = gateway.api("GET", "/api/deliveries?state=failed", None).expect(200);
    assert_eq!(listed["data"][0]["id"], delivery.to_string(), "{listed}");
    assert!(gateway.cli(&["queue", "list"]).contains("550 5.1.1"));
    gateway.finish();
    assert_eq!(peer.taken(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn brc_43_a_connection_lost_after_the_dot_is_uncertain_and_not_sent_again_at_once() {
    let (peer, behaviour) = peer().await;
    let mut gateway = gateway(peer.address.port());
    gateway.expect_log(RELAY_DOWN);
    *behaviour.lock().unwrap() = Some((Stage::Dot, Act::Close));
    let lost = replied(&mut gateway, "bob@example.net");
    let uncertain = wait_state(&gateway, lost, "uncertain");
    assert_eq!(uncertain["attempts"][0]["stage"], "after_dot", "{uncertain}");
    *behaviour.lock().unwrap() = None;
    // A later mail shows that the worker went on, past the uncertain one.
    let next = replied(&mut gateway, "carol@example.net");
    wait_state(&gateway, next, "sent");
    assert_eq!(shown(&gateway, lost)["delivery"]["state"], "uncertain");
    gateway.finish();
    let to_bob = peer.commands().iter().filter(|line| line.contains("bob@example.net")).count();
    assert_eq!(to_bob, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn brc_44_killed_before_the_dot_sends_again_killed_after_it_is_uncertain() {
    for (stage, state) in [(Stage::Rcpt, "sent"), (Stage::Data, "sent"), (Stage::Dot, "uncertain")] {
        let (peer, behaviour) = peer().await;
        let mut gateway = gateway(peer.address.port());
        gateway.token();
        *behaviour.lock().unwrap() = Some((stage, Act::Stall));
        let delivery = replied(&mut gateway, "bob@example.net");
        let verb = if stage == Stage::Rcpt { "RCPT" } else { "DATA" };
        peer.wait_until(PATIENCE, |peer| peer.commands().iter().any(|line| line.starts_with(verb))).await;
        if stage == Stage::Dot {
            peer.wait_until(PATIENCE, |peer| peer.dots() == 1).await;
        }
        gateway.kill();
        *behaviour.lock().unwrap() = None;
        gateway.up();
        wait_state(&gateway, delivery, state);
        let next = replied(&mut gateway, "carol@example.net");
        wait_state(&gateway, next, "sent");
        gateway.finish();
        let to_bob = peer.taken().iter().filter(|taken| taken.to == ["bob@example.net"]).count();
        assert_eq!((to_bob, peer.dots()), if state == "sent" { (1, 2) } else { (0, 2) }, "{stage:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_down_is_shown_and_mail_goes_out_when_it_is_back() {
    let (peer, behaviour) = peer().await;
    let mut gateway = gateway(peer.address.port());
    gateway.expect_log(RELAY_DOWN);
    *behaviour.lock().unwrap() = Some((Stage::Connect, Act::SayAndClose("421 4.3.2 closed")));
    let first = replied(&mut gateway, "bob@example.net");
    let deferred = wait_state(&gateway, first, "deferred");
    assert_eq!(deferred["delivery"]["last_reply"], "greeting: 421 4.3.2 closed");
    let ready = gateway.ops("/readyz").expect(200);
    let state = ready["relays"][0]["state"].as_str().unwrap();
    assert!(state.starts_with("down") && state.ends_with("greeting: 421 4.3.2 closed"), "{ready}");
    assert_eq!(ready["ready"], true, "mail still comes in");
    *behaviour.lock().unwrap() = None;
    retry(&gateway, first);
    wait_state(&gateway, first, "sent");
    assert_eq!(gateway.ops("/readyz").expect(200)["relays"][0]["state"], "up");
    gateway.finish();
    assert_eq!(peer.taken().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_relay_mail_is_kept_for_people_to_read() {
    let mut gateway = Gateway::start();
    let delivery = replied(&mut gateway, "bob@example.net");
    let view = wait_state(&gateway, delivery, "sent");
    assert!(view["captured"].as_str().unwrap().contains("Looked & done"), "{view}");
    gateway.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tst_125_a_restored_store_sends_nothing_until_it_is_told_to() {
    let (peer, behaviour) = peer().await;
    *behaviour.lock().unwrap() = Some((Stage::Connect, Act::SayAndClose("421 4.3.2 closed")));
    let mut first = gateway(peer.address.port());
    first.expect_log(RELAY_DOWN);
    let delivery = replied(&mut first, "bob@example.net");
    wait_state(&first, delivery, "deferred");
    let (file, to) = (first.dir().join("desk.backup"), first.dir().join("elsewhere"));
    first.cli(&["backup", file.to_str().unwrap()]);
    // The original goes on and sends what the backup still owes.
    *behaviour.lock().unwrap() = None;
    retry(&first, delivery);
    wait_state(&first, delivery, "sent");
    first.cli(&["--data", to.to_str().unwrap(), "restore", file.to_str().unwrap()]);
    let relay = format!("[[relay]]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n", peer.address.port());
    let second = Plan::default().toml(&relay).data_dir(&to).start();
    retry(&second, delivery);
    for n in 0..3 {
        let customer = format!("carol{n}@example.net");
        let taken = second.lmtp(&customer, SUPPORT, &mail(&customer, "Hello", &format!("{n}.carol"), "Mail comes in"));
        assert!(taken.starts_with("250"), "{taken}");
    }
    assert_eq!(shown(&second, delivery)["delivery"]["state"], "queued");
    assert!(second.cli(&["status"]).contains("deskgate queue resume"));
    assert!(second.ops("/metrics").text().contains("deskgate_sending_paused 1"));
    assert_eq!(peer.taken().len(), 1, "the original's alone");
    second.cli(&["queue", "resume"]);
    wait_state(&second, delivery, "sent");
    assert!(second.ops("/metrics").text().contains("deskgate_sending_paused 0"));
    second.finish();
    first.finish();
}

#[test]
fn eml_93_a_probe_mail_goes_through_a_relay_and_says_what_the_relay_said() {
    let Some(sink) = SmtpSink::start() else { return };
    let gateway = gateway(sink.port);
    let shown = gateway.cli(&["relay", "test", "default", "--to", "bob@example.net"]);
    assert!(shown.contains("ok      mail: probe."), "{shown}");
    let mails = sink.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("Subject: Deskgate: probe of the relay default"), "{}", mails[0]);
    assert!(mails[0].contains("Auto-Submitted: auto-generated"));
    assert_eq!(gateway.run(&["relay", "test", "default", "--to", "nobody"]).status.code(), Some(2));
    gateway.finish();
}
