//! The real program is killed at random moments under mixed load, again and again, on the same data (P1, P2, P10, P19, P22):
//! in the end everything that was acknowledged is there, exactly once.

mod audit;
mod claims;
mod load;
mod sockets;

use crate::disk::Rng;
use crate::restart::audit::Found;
use crate::restart::audit::faults;
use crate::restart::claims::Claims;
use crate::restart::load::Desk;
use crate::restart::load::Field;
use crate::restart::load::Sender;
use crate::restart::load::StopAtEnd;
use crate::support::dovecot::Dovecot;
use crate::support::gateway::Gateway;
use crate::support::gateway::Plan;
use crate::support::gateway::SUPPORT;
use crate::support::gateway::eventually;
use crate::support::raw_mail::Session;
use crate::support::setting;
use crate::support::smtp_client::mail;
use crate::support::smtp_sink::SmtpSink;
use deskgate::clock::instant;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// Conversations by email that the Tracker tells.
const EMAILS: usize = 100;
const CLIENTS: usize = 4;
/// Two seconds are promised; the machine may have other work.
const READY_WITHIN: Duration = Duration::from_secs(10);
const USER: &str = "support";

const SENDERS: [Sender; 3] = [
    Sender { name: "lmtp0", hello: "LHLO", per_session: 50 },
    Sender { name: "lmtp1", hello: "LHLO", per_session: 1 },
    Sender { name: "smtp0", hello: "EHLO", per_session: 5 },
];

#[test]
fn p1_p22_nothing_acknowledged_is_lost_or_doubled_when_the_daemon_is_killed() {
    let kills = setting::number("DESKGATE_TEST_KILLS", 8);
    let mut rng = Rng::new(setting::seed("kills"));
    let mut slowest = Duration::ZERO;
    let mut died = 0;
    let (mut yard, mut claims) = under_load(|gateway, field| {
        for n in 0..kills {
            if n == kills / 2 {
                field.tell.store(true, Ordering::SeqCst);
                eventually("the broadcast begins", || field.told.load(Ordering::SeqCst).then_some(()));
                // Within the first batches.
                thread::sleep(Duration::from_millis(rng.below(60)));
            } else {
                thread::sleep(Duration::from_millis(20 + rng.below(781)));
            }
            gateway.kill();
            died += 1;
            if n % 4 == 3 {
                // Also while it opens what the last death left.
                gateway.spawn();
                thread::sleep(Duration::from_millis(rng.below(300)));
                gateway.kill();
                died += 1;
            }
            let started = instant();
            gateway.up();
            slowest = slowest.max(started.elapsed());
        }
    });
    println!("{died} deaths, ready again within {} ms at most", slowest.as_millis());
    assert!(slowest < READY_WITHIN, "ready only after {slowest:?}");
    let found = audit(&mut yard, &claims);
    // Positive control: a 250 that never was.
    claims.mails.insert(claims::marker("lmtp0", 999_999));
    assert_eq!(faults(&claims, &found), ["mk-lmtp0-999999- was acknowledged and is lost"]);
    yard.gateway.finish();
}

#[test]
fn p23_told_to_stop_under_load_it_drains_and_ends_with_0() {
    let (mut yard, claims) = under_load(|gateway, field| {
        thread::sleep(Duration::from_millis(1_000));
        field.tell.store(true, Ordering::SeqCst);
        let began = instant();
        let status = gateway.stop();
        println!("drained within {} ms", began.elapsed().as_millis());
        assert!(status.success(), "ended with {status}");
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        gateway.up();
    });
    audit(&mut yard, &claims);
    yard.gateway.finish();
}

#[test]
fn a_second_daemon_on_the_same_data_is_refused_in_one_sentence() {
    let first = Gateway::start();
    let store = || std::fs::read(first.data_dir().join("store.redb")).unwrap().len();
    let before = store();
    let second = Plan::default().data_dir(&first.data_dir()).prepare();
    let output = second.run(&["serve"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("another process uses") && said.contains("stop it first"), "{said}");
    assert_eq!(store(), before);
    let reply = first.lmtp("bob@example.net", SUPPORT, &mail("bob@example.net", "Hi", "1@example.net", "Hello"));
    assert!(reply.starts_with("250"), "the first goes on: {reply}");
    second.finish();
    first.finish();
}

/// The daemon with the real servers beside it.
struct Yard {
    gateway: Gateway,
    relay: Option<SmtpSink>,
    _mailbox: Option<Dovecot>,
}

fn audit(yard: &mut Yard, claims: &Claims) -> Found {
    let relayed = yard.relay.as_ref().map(SmtpSink::mails).unwrap_or_default();
    let mut found = Found::read(&mut yard.gateway, claims, relayed);
    if yard.relay.is_none() {
        // Without a real relay the mails were captured; one a delivery, by its key.
        found.relayed =
            found.owed.iter().filter(|(id, _)| !id.is_empty()).map(|(id, _)| format!("Message-ID: {id}")).collect();
    }
    let acks: usize = claims.streams.iter().map(|stream| stream.acks.len()).sum();
    let events: usize = claims.streams.iter().map(|stream| stream.events.len()).sum();
    println!(
        "{} mails got 250 ({} repeats), {} came by IMAP, {acks} acks, {events} events, {} posts ({} unclear), \
         {} changes ({} unclear), broadcast to {} threads with {} mails; {} parts found, {} in quarantine",
        claims.mails.len(),
        claims.repeats,
        claims.imap.len(),
        claims.posts.len(),
        claims.unclear.len(),
        claims.changes,
        claims.unclear_changes,
        claims.told.threads.len(),
        found.owed.len(),
        found.parts.len(),
        found.quarantined.len(),
    );
    assert!(claims.mails.len() > 20 && acks > CLIENTS && events > acks, "that was no load");
    assert_eq!(claims.told.threads.len(), EMAILS + CLIENTS);
    let told = faults(claims, &found);
    assert!(told.is_empty(), "{}", told.join("\n"));
    found
}

/// Runs the load while `trouble` has its way with the daemon, until everything has come to rest.
fn under_load(trouble: impl FnOnce(&mut Gateway, &Field)) -> (Yard, Claims) {
    let (dovecot, relay) = (Dovecot::start(), SmtpSink::start());
    let mut gateway = plan(dovecot.as_ref(), relay.as_ref()).start();
    let desk = furnish(&mut gateway);
    let field = Field {
        smtp: gateway.address("smtp"),
        lmtp: gateway.address("lmtp"),
        http: gateway.address("http"),
        token: gateway.token(),
        stop: AtomicBool::default(),
        quiet: AtomicBool::default(),
        tell: AtomicBool::default(),
        told: AtomicBool::default(),
        conversations: Mutex::default(),
        clients: CLIENTS,
    };
    let mut claims = Claims::default();
    thread::scope(|scope| {
        let _stop = StopAtEnd(&field);
        let senders = SENDERS.map(|sender| {
            let field = &field;
            scope.spawn(move || load::send_mail(field, &sender))
        });
        let agent = scope.spawn(|| load::work_as_agent(&field, &desk, 7));
        let sockets = scope.spawn(|| sockets::talk(&field));
        let mailbox = dovecot.as_ref().map(|dovecot| scope.spawn(|| load::fill_mailbox(&field, dovecot, USER)));
        trouble(&mut gateway, &field);
        field.stop.store(true, Ordering::SeqCst);
        for thread in senders.into_iter().chain([agent]).chain(mailbox) {
            claims.add(thread.join().unwrap());
        }
        comes_to_rest(&mut gateway, dovecot.as_ref(), &mut claims);
        field.quiet.store(true, Ordering::SeqCst);
        claims.add(sockets.join().unwrap());
    });
    (Yard { gateway, relay, _mailbox: dovecot }, claims)
}

/// The broadcast is through and the mailbox is read.
fn comes_to_rest(gateway: &mut Gateway, dovecot: Option<&Dovecot>, claims: &mut Claims) {
    let path = format!("/api/broadcasts/{}", claims.told.id);
    eventually("the broadcast is through", || {
        let broadcast = gateway.api("GET", &path, None).expect(200);
        (broadcast["state"] == "finished").then_some(())
    });
    eventually("no mail of the broadcast waits", || {
        let broadcast = gateway.api("GET", &path, None).expect(200);
        let waiting = ["queued", "deferred"].map(|state| broadcast["counts"]["email"][state].as_u64().unwrap_or(0));
        (waiting == [0, 0]).then_some(())
    });
    if let Some(dovecot) = dovecot {
        // The mail behind all others. What was being read at two deaths is in quarantine, where no id leads to.
        let last = claims::marker("imap", 0);
        dovecot.deliver(USER, &last);
        eventually("the last mail of the mailbox", || {
            let trace = gateway.run(&["trace", &format!("{last}@example.com")]).stdout;
            String::from_utf8_lossy(&trace).contains(": part ").then_some(())
        });
        let waiting = |gateway: &Gateway| gateway.cli_json(&["status"])["mailboxes"][0]["waiting"].clone();
        eventually("the mailbox is read", || (waiting(gateway) == 0).then_some(()));
        claims.imap.insert(last);
    }
}

fn plan(dovecot: Option<&Dovecot>, relay: Option<&SmtpSink>) -> Plan {
    let mut plan = Plan::default().steady().file("imap-password", "pw\n");
    // The load is far above what is good for real people.
    for limit in ["per_address", "per_subject", "per_thread_hourly", "per_domain_hourly", "hourly"] {
        plan = plan.set(&format!("limits.automatic_{limit}"), "100000");
    }
    if let Some(dovecot) = dovecot {
        plan = plan.toml(&format!(
            "[[mailbox]]\nname = \"support\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"{USER}\"\n\
             password_file = \"imap-password\"\nimport_existing = true\n",
            dovecot.port
        ));
    }
    if let Some(relay) = relay {
        plan = plan.toml(&format!(
            "[[relay]]\nname = \"default\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
             rate_per_minute = 60000\n",
            relay.port
        ));
    }
    plan
}

/// Ticket types, tickets, and conversations by email that are linked to the Tracker.
fn furnish(gateway: &mut Gateway) -> Desk {
    let id = |object: &Value| object["id"].as_str().unwrap().to_owned();
    let mut types = ["Customer", "Back-office", "Tracker"].into_iter().map(|category| {
        let new = json!({"name": format!("{category} type"), "category": category});
        gateway.api("POST", "/api/ticket_types", Some(&new)).expect(200)
    });
    let [customer, back_office, tracker] = [types.next(), types.next(), types.next()].map(Option::unwrap);
    drop(types);
    let new = json!({"email": "bea@example.net", "name": "Bea"});
    let bea = id(&gateway.api("POST", "/api/contacts", Some(&new)).expect(200));
    let mut ticket = |ticket_type: &Value, contacts: Value| {
        let new = json!({"ticket_type_id": id(ticket_type), "contacts": contacts});
        gateway.api("POST", "/api/tickets", Some(&new)).expect(200)["id"].as_str().unwrap().to_owned()
    };
    let (ticket, back_office, tracker) =
        (ticket(&customer, json!([{"id": bea}])), ticket(&back_office, json!([])), ticket(&tracker, json!([])));
    let states = customer["ticket_states"]["data"].as_array().unwrap();
    let state = |category: &str| id(states.iter().find(|state| state["category"] == category).unwrap());

    let mut session = Session::open(gateway.address("lmtp"), "LHLO").unwrap();
    for n in 0..EMAILS {
        let from = format!("customer{n}@example.net");
        let raw = mail(&from, "It is down", &format!("down{n}@example.net"), "It is down here.").replace('\n', "\r\n");
        let reply = session.mail(&from, SUPPORT, raw.as_bytes()).unwrap();
        assert!(reply.starts_with("250"), "{reply}");
    }
    let listed = gateway.api("GET", "/api/conversations?per_page=150", None).expect(200);
    let conversations = listed["conversations"].as_array().unwrap();
    let emails: BTreeSet<String> =
        conversations.iter().filter(|one| one["source"]["type"] == "email").map(id).collect();
    assert_eq!(emails.len(), EMAILS);
    let link = json!({"thread_ids": emails});
    let linked = gateway.api("POST", &format!("/api/tickets/{tracker}/links"), Some(&link)).expect(200);
    assert!(linked["data"].as_array().unwrap().iter().all(|one| one["linked"] == true), "{linked}");
    let states = [state("in_progress"), state("waiting_on_customer")];
    Desk { emails: emails.into_iter().collect(), tracker, back_office, ticket, states }
}
