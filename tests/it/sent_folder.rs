//! Copies of agents' answers in the Sent folder of a real Dovecot.

use crate::support::dovecot::Dovecot;
use crate::support::gateway::Gateway;
use crate::support::gateway::PATIENCE;
use crate::support::gateway::Plan;
use crate::support::gateway::eventually;
use crate::support::smtp_client::mail;
use crate::support::smtp_peer::Act;
use crate::support::smtp_peer::SmtpPeer;
use crate::support::tap::Held;
use crate::support::tap::Tap;
use serde_json::json;

const FOLDER: &str = "Gesendet &c \u{e4}";

fn plan(imap_port: u16, relay: &SmtpPeer) -> Plan {
    let tables = format!(
        "[[mailbox]]\nname = \"support\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"support\"\n\
         password_file = \"imap-password\"\ndefault_address = \"support@example.com\"\nsent_folder = \"{FOLDER}\"\n\
         [[relay]]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n",
        imap_port,
        relay.address.port()
    );
    Plan::default().toml(&tables).file("imap-password", "pw")
}

/// A customer asks and an agent answers.
fn answered(gateway: &mut Gateway, id: &str, words: &str) {
    let taken = gateway.lmtp("ana@example.net", "support@example.com", &mail("ana@example.net", id, id, "Please look"));
    assert!(taken.starts_with("250"), "{taken}");
    let list = gateway.api("GET", "/api/conversations", None).expect(200);
    let conversations = list["conversations"].as_array().unwrap();
    let conversation = conversations.iter().find(|it| it.to_string().contains(id)).unwrap()["id"].as_str().unwrap();
    let body = json!({ "message_type": "comment", "type": "admin", "body": words });
    gateway.api("POST", &format!("/api/conversations/{conversation}/reply"), Some(&body)).expect(200);
}

fn until_copied(dovecot: &Dovecot, count: usize) {
    eventually("copies in the folder", || {
        (dovecot.has_folder("support", FOLDER) && dovecot.count("support", FOLDER, "seen") == count).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_copied_once_into_the_sent_folder_and_a_mailbox_that_is_down_delays_no_mail() {
    let Some(mut dovecot) = Dovecot::start() else { return };
    let relay = SmtpPeer::start(|_| Act::Well).await;
    let mut gateway = plan(dovecot.port, &relay).expect_log("\"mailbox\":\"support\"").start();
    answered(&mut gateway, "first", "Looked at once");
    until_copied(&dovecot, 1);
    let sent = String::from_utf8(relay.taken()[0].message.clone()).unwrap();
    let copy = dovecot.text("support", FOLDER);
    assert!(copy.replace("\r\n", "\n").contains(&sent.replace("\r\n", "\n")), "{copy}\n=====\n{sent}");
    dovecot.stop();
    answered(&mut gateway, "second", "Looked again");
    relay.wait_until(PATIENCE, |peer| peer.taken().len() == 2).await;
    gateway.wait_log("sent mail waits to be copied");
    gateway.stop();
    dovecot.start_again();
    gateway.up();
    until_copied(&dovecot, 2);
    gateway.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn tst_70_killed_at_any_word_of_the_append_there_is_exactly_one_copy() {
    let Some(dovecot) = Dovecot::start() else { return };
    let relay = SmtpPeer::start(|_| Act::Well).await;
    let tap = Tap::start(dovecot.port);
    let mut gateway = plan(tap.port, &relay).expect_log("\"mailbox\":\"support\"").start();
    let steps = [Held::BeforeVerb, Held::InMessage, Held::BeforeOk, Held::AfterOk];
    for (done, held) in steps.into_iter().enumerate() {
        tap.set("Gesendet", held);
        answered(&mut gateway, &format!("q{done}"), &format!("Answer number {done}"));
        tap.wait_sprung();
        gateway.kill();
        let stored = || dovecot.has_folder("support", FOLDER).then(|| dovecot.count("support", FOLDER, "ALL"));
        let has_it = matches!(held, Held::BeforeOk | Held::AfterOk);
        eventually(&format!("{held:?}"), || (stored().unwrap_or(0) == done + usize::from(has_it)).then_some(()));
        gateway.up();
        until_copied(&dovecot, done + 1);
    }
    // Copies are written in order: with the last one there, nothing is owed of those before.
    answered(&mut gateway, "last", "The last answer");
    eventually("the last one", || dovecot.text("support", FOLDER).contains("The last answer").then_some(()));
    let copies = dovecot.text("support", FOLDER);
    for done in 0..steps.len() {
        let words = format!("Answer number {done}");
        let mails = relay.taken().iter().filter(|it| String::from_utf8_lossy(&it.message).contains(&words)).count();
        assert_eq!(mails, 1, "the relay has {words:?} once");
    }
    assert_eq!(copies.matches("Message-ID: ").count(), steps.len() + 1, "{copies}");
    gateway.finish();
}
