//! Copies of agents' answers in the Sent folder of a real Dovecot.

use crate::support::dovecot::Dovecot;
use crate::support::gateway::Gateway;
use crate::support::gateway::PATIENCE;
use crate::support::gateway::Plan;
use crate::support::gateway::eventually;
use crate::support::smtp_client::mail;
use crate::support::smtp_peer::Act;
use crate::support::smtp_peer::SmtpPeer;
use serde_json::json;

const FOLDER: &str = "Gesendet &c \u{e4}";

fn plan(dovecot: &Dovecot, relay: &SmtpPeer) -> Plan {
    let tables = format!(
        "[[mailbox]]\nname = \"support\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"support\"\n\
         password_file = \"imap-password\"\ndefault_address = \"support@example.com\"\nsent_folder = \"{FOLDER}\"\n\
         [[relay]]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n",
        dovecot.port,
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
    let mut gateway = plan(&dovecot, &relay).expect_log("\"mailbox\":\"support\"").start();
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
