//! Two real daemons, each with data of its own, on one mailbox of a real Dovecot (EML-19).

use crate::support::dovecot::Dovecot;
use crate::support::gateway::Gateway;
use crate::support::gateway::Plan;
use crate::support::gateway::eventually;

/// Short enough for a test: a silent daemon is taken over from after two of these.
const TERM_S: &str = "4";

/// A daemon that reads `ana`'s folder and moves what it took.
fn plan(dovecot: &Dovecot, site: &str, lease: &str) -> Plan {
    let toml = format!(
        "[[mailbox]]\nname = \"support\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"ana\"\n\
         password_file = \"password\"\nafter = \"move:Done\"\nimport_existing = true\nlease_s = {TERM_S}\n{lease}",
        dovecot.port
    );
    let plan = Plan::default().file("password", "pw").toml(&toml);
    plan.set("http.public_url", site).expect_log("another Deskgate").expect_log("mailbox connection ended")
}

fn status(gateway: &Gateway) -> String {
    gateway.cli(&["status"])
}

fn until_phase(gateway: &Gateway, phase: &str) {
    eventually(phase, || status(gateway).contains(&format!("support: {phase}")).then_some(()));
}

/// How many conversations a daemon has.
fn taken(gateway: &mut Gateway) -> usize {
    gateway.pages("/api/conversations?per_page=50", "conversations").len()
}

/// Delivers a mail and waits until the folder is empty: it was taken, and moved.
fn deliver(dovecot: &Dovecot, subject: &str) {
    dovecot.deliver("ana", subject);
    eventually(subject, || (dovecot.count("ana", "INBOX", "ALL") == 0).then_some(()));
}

#[test]
fn eml_19_of_two_daemons_on_one_mailbox_one_reads_and_the_other_takes_over() {
    let Some(dovecot) = Dovecot::start() else { return };
    let mut one = plan(&dovecot, "https://one.example.com", "").start();
    until_phase(&one, "connected");
    let mut other = plan(&dovecot, "https://other.example.com", "").start();
    until_phase(&other, "standby");
    let said = status(&other);
    assert!(said.contains("another Deskgate reads this mailbox: https://one.example.com"), "{said}");
    let metrics = other.ops("/metrics").text();
    assert!(metrics.contains("deskgate_mailbox_phase{mailbox=\"support\",phase=\"standby\"} 1"), "{metrics}");
    other.wait_log("another Deskgate reads this mailbox; nothing is read here");
    deliver(&dovecot, "first");
    deliver(&dovecot, "second");
    assert_eq!((taken(&mut one), taken(&mut other)), (2, 0));

    one.kill();
    deliver(&dovecot, "third");
    until_phase(&other, "connected");
    assert_eq!(taken(&mut other), 1);
    one.up();
    until_phase(&one, "standby");
    deliver(&dovecot, "fourth");
    assert_eq!((taken(&mut one), taken(&mut other)), (2, 2), "who comes back stands by");

    other.stop();
    until_phase(&one, "connected");
    deliver(&dovecot, "fifth");
    assert_eq!(taken(&mut one), 3, "a claim that was taken back holds up nobody");
    assert_eq!(dovecot.count("ana", "Done", "ALL"), 5, "each mail was taken once, by one of them");
    other.finish();
    one.finish();
}

#[test]
fn eml_19_a_daemon_that_was_frozen_changes_nothing_that_another_reads_now() {
    let Some(dovecot) = Dovecot::start() else { return };
    let mut one = plan(&dovecot, "https://one.example.com", "").start();
    until_phase(&one, "connected");
    let mut other = plan(&dovecot, "https://other.example.com", "").start();
    until_phase(&other, "standby");
    one.signal("STOP");
    until_phase(&other, "connected");
    one.signal("CONT");
    until_phase(&one, "standby");
    deliver(&dovecot, "after it");
    assert_eq!((taken(&mut one), taken(&mut other)), (0, 1));
    one.finish();
    other.finish();
}

#[test]
fn eml_19_where_the_server_keeps_no_claim_two_daemons_only_read() {
    let Some(dovecot) = Dovecot::start() else { return };
    // Dovecot refuses such a name.
    let lease = "lease_folder = \"no//folder\"\n";
    let begin = |site| plan(&dovecot, site, lease).expect_log("so it is only read").start();
    let (mut one, mut other) = (begin("https://one.example.com"), begin("https://other.example.com"));
    for gateway in [&one, &other] {
        until_phase(gateway, "connected");
        assert!(status(gateway).contains("only read: "), "{}", status(gateway));
        let metrics = gateway.ops("/metrics").text();
        assert!(metrics.contains("deskgate_mailbox_only_read{mailbox=\"support\"} 1"), "{metrics}");
    }
    dovecot.deliver("ana", "both");
    for gateway in [&mut one, &mut other] {
        eventually("both have it", || (taken(gateway) == 1).then_some(()));
    }
    assert_eq!((dovecot.count("ana", "INBOX", "UNSEEN"), dovecot.has_folder("ana", "Done")), (1, false));
    one.finish();
    other.finish();
}
