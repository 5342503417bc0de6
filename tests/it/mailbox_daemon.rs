//! The real daemon reading mailboxes of a real Dovecot (EML-2, EML-3, EML-9, EML-10).

use crate::support::dovecot::Dovecot;
use crate::support::gateway::Gateway;
use crate::support::gateway::Plan;
use crate::support::gateway::SUPPORT;
use crate::support::gateway::eventually;
use crate::support::setting;
use crate::support::smtp_sink::SmtpSink;
use deskgate::clock::instant;
use serde_json::Value;
use serde_json::json;
use std::thread;
use std::time::Duration;

/// Longest wait for all of a large folder.
const FOLDER_WITHIN: Duration = Duration::from_secs(900);

/// A daemon that reads `ana`'s folder, from its first message on.
fn plan(dovecot: &Dovecot, after: &str) -> Plan {
    let toml = format!(
        r#"
[[mailbox]]
name = "support"
host = "127.0.0.1"
port = {}
tls = "none"
user = "ana"
password_file = "password"
after = "{after}"
import_existing = true
"#,
        dovecot.port
    );
    let plan = Plan::default().file("password", "pw").toml(&toml);
    plan.set("limits.new_conversations_per_sender_hourly", "100000")
}

fn mail(n: usize, more: &str, body: &str) -> Vec<u8> {
    format!(
        "From: Ana <ana{}@example.net>\r\nTo: {SUPPORT}\r\nSubject: Mail {n}\r\nMessage-ID: <{n}@example.net>\r\n{more}\r\n\
         {body}\r\n",
        n % 500
    )
    .into_bytes()
}

/// The state of the mailbox, as `status` tells it.
fn mailbox(gateway: &Gateway) -> Value {
    gateway.cli_json(&["status"])["mailboxes"][0].clone()
}

/// Waits until the folder of that UIDVALIDITY was read to its end.
fn until_read(gateway: &Gateway, taken: usize) {
    let until = instant() + FOLDER_WITHIN;
    loop {
        let metrics = gateway.ops("/metrics").text();
        let count: usize = metrics
            .lines()
            .filter(|line| line.starts_with("deskgate_intake_total") && line.contains("imap"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok())
            .sum();
        if count >= taken && mailbox(gateway)["phase"] == "connected" {
            return;
        }
        assert!(instant() < until, "{count} of {taken} taken: {}", mailbox(gateway));
        thread::sleep(Duration::from_millis(200));
    }
}

/// Conversations, and parts that are messages in them.
fn counts(gateway: &mut Gateway) -> (usize, u64) {
    let rows = gateway.pages("/api/conversations?per_page=150", "conversations");
    let parts = rows.iter().map(|row| row["statistics"]["count_conversation_parts"].as_u64().unwrap_or_default());
    (rows.len(), parts.sum())
}

#[test]
fn tst_71_a_changed_uidvalidity_on_5000_mails_makes_no_new_part() {
    let Some(dovecot) = Dovecot::start() else { return };
    let mails = usize::try_from(setting::number("DESKGATE_TEST_MAILS", 5_000)).unwrap();
    dovecot.put_many("ana", (0..mails).map(|n| mail(n, "", &format!("Text of mail {n}"))));
    let mut gateway = plan(&dovecot, "keep").expect_log("UIDVALIDITY changed").expect_log("connection ended").start();
    until_read(&gateway, mails);
    let before = counts(&mut gateway);
    assert_eq!(before.0, mails);
    dovecot.change_uid_validity("ana", 4_242);
    // Dovecot tells of the change when something happens in the folder.
    dovecot.deliver_raw("ana", &mail(mails, "", "A new one"));
    until_read(&gateway, 2 * mails + 1);
    let (conversations, parts) = counts(&mut gateway);
    assert_eq!((conversations, parts), (before.0 + 1, before.1 + 1), "every mail but the new one is known again");
    let told = gateway.cli(&["trace", "7@example.net"]);
    assert!(told.contains("uidvalidity 4242") && told.contains("duplicate"), "{told}");
    gateway.finish();
}

#[test]
fn eml_9_a_mail_too_large_is_fetched_when_somebody_asks() {
    let Some(dovecot) = Dovecot::start() else { return };
    let file = "0123456789abcdef".repeat(8_192);
    let with_file = format!(
        "--x\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n--x\r\nContent-Type: application/octet-stream\r\n\
         Content-Disposition: attachment; filename=big.bin\r\n\r\n{file}\r\n--x--"
    );
    let typed = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n";
    for n in 1..=2 {
        dovecot.deliver_raw("ana", &mail(n, typed, &with_file));
    }
    let mut gateway = plan(&dovecot, "move:Done").set("limits.message_bytes_max", "65536").start();
    until_read(&gateway, 2);
    for (n, by_command) in [(1, true), (2, false)] {
        let rows = gateway.pages("/api/conversations?per_page=50", "conversations");
        let row = rows.iter().find(|row| row["source"]["subject"] == json!(format!("Mail {n}"))).unwrap();
        let (conversation, part) = (row["id"].as_str().unwrap(), row["source"]["id"].as_str().unwrap());
        let path = format!("/api/conversations/{conversation}?display_as=plaintext");
        let stub = gateway.api("GET", &path, None).expect(200)["source"].clone();
        assert!(stub["body"].as_str().unwrap().contains("message too large"), "{stub}");
        let faults = stub["deskgate"]["faults"].as_array().unwrap();
        assert!(faults.iter().any(|fault| fault.as_str().unwrap().starts_with("too_large:131")), "{stub}");
        // It was moved meanwhile, so that its UID means nothing any more.
        if by_command {
            let said = gateway.cli(&["mailbox", "fetch", part]);
            assert!(said.contains("holds its mail"), "{said}");
        } else {
            gateway.api("POST", &format!("/api/parts/{part}/fetch"), Some(&json!({}))).expect(200);
        }
        let whole = gateway.api("GET", &path, None).expect(200)["source"].clone();
        assert!(whole["body"].as_str().unwrap().contains("See the file."), "{whole}");
        assert_eq!(
            (&whole["attachments"][0]["name"], &whole["attachments"][0]["filesize"]),
            (&json!("big.bin"), &json!(131_072))
        );
    }
    gateway.finish();
}

#[test]
fn fault_a_mailbox_without_room_is_read_all_the_same() {
    let Some(mut dovecot) = Dovecot::start() else { return };
    dovecot.put_many("ana", (0..3).map(|n| mail(n, "", &"x".repeat(4_000))));
    dovecot.limit_storage(1_000);
    dovecot.stop();
    dovecot.start_again();
    // A full mailbox keeps no claim either; here nothing else reads it.
    let plan = plan(&dovecot, "move:Done").toml("lease_folder = \"\"\n");
    let mut gateway = plan.expect_log("left in the folder").start();
    until_read(&gateway, 3);
    assert_eq!(counts(&mut gateway), (3, 3));
    assert_eq!(mailbox(&gateway)["phase"], "connected", "full is not unread");
    gateway.finish();
}

#[test]
fn eml_10_a_probe_that_comes_back_proves_the_way_of_an_address() {
    let Some(dovecot) = Dovecot::start() else { return };
    let Some(sink) = SmtpSink::start() else { return };
    let relay = format!("[[relay]]\nname = \"sink\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n", sink.port);
    let mut gateway = plan(&dovecot, "keep").toml(&relay).start();
    let unknown = gateway.cli_json(&["address", "probe", SUPPORT, "--wait", "0"]);
    assert_eq!(unknown[0]["proven_at"], Value::Null);
    let probe = eventually("the probe", || sink.mails().pop());
    // The way back: what the relay was given is delivered to the mailbox.
    dovecot.deliver_raw("ana", probe.as_bytes());
    eventually("proof", || {
        let known = gateway.api("GET", "/api/support_addresses", None).expect(200);
        (known["data"][0]["forwarding_enabled"] == json!(true)).then_some(())
    });
    assert_eq!(counts(&mut gateway), (0, 0), "a probe is no mail of anybody");
    let asked = gateway.api("POST", &format!("/api/support_addresses/{SUPPORT}/probe"), Some(&json!({}))).expect(200);
    assert_eq!(asked["type"], "probe");
    gateway.finish();
}

#[test]
fn tst_70_killed_while_it_reads_a_folder_nothing_is_lost_or_doubled() {
    let Some(dovecot) = Dovecot::start() else { return };
    let mails = 400;
    dovecot.put_many("ana", (0..mails).map(|n| mail(n, "", &format!("Text of mail {n} {}", "x".repeat(20_000)))));
    let mut gateway = plan(&dovecot, "seen").prepare();
    for least in [1, 100, 200] {
        gateway.spawn();
        gateway.wait_log("mailbox open");
        eventually("some of it", || (dovecot.count("ana", "INBOX", "SEEN") >= least).then_some(()));
        gateway.kill();
    }
    gateway.up();
    eventually("all of it", || {
        let state = mailbox(&gateway);
        (state["phase"] == "connected" && state["waiting"] == 0).then_some(())
    });
    assert_eq!(counts(&mut gateway), (mails, u64::try_from(mails).unwrap()));
    eventually("each is flagged", || (dovecot.count("ana", "INBOX", "SEEN") == mails).then_some(()));
    gateway.finish();
}
