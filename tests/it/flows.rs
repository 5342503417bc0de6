//! The flows of a help desk from end to end, through the outside alone: real senders, real sockets, the API, a real relay.

use crate::messenger::client::Client;
use crate::support::gateway::Gateway;
use crate::support::gateway::Plan;
use crate::support::gateway::SUPPORT;
use crate::support::gateway::eventually;
use crate::support::setting;
use crate::support::smtp_client::mail;
use crate::support::smtp_sink::SmtpSink;
use ring::hmac;
use serde_json::Value;
use serde_json::json;
use std::path::Path;
use std::process::Command;
use tokio::net::TcpStream;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::connect_async;

const SECRET: &str = "a secret of the messenger in tests";
const BOB: &str = "bob@example.net";

type Tab = Client<MaybeTlsStream<TcpStream>>;

/// Mails go out after a second instead of minutes.
fn plan(sink: &SmtpSink) -> Plan {
    let relay = format!("[[relay]]\nname = \"default\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n", sink.port);
    Plan::default()
        .toml(&relay)
        .file("messenger.secret", SECRET)
        .set("messenger.secret_file", "messenger.secret")
        .set("notify.unseen_delay_s", "1")
        .set("notify.state_mail_settle_s", "1")
}

/// A program that sends mail; `None` where it is not installed.
fn program(path: &str) -> Option<Command> {
    if Path::new(path).exists() {
        return Some(Command::new(path));
    }
    assert!(!setting::peers_required(), "{path} is missing and DESKGATE_TEST_PEERS=required");
    println!("not run: {path} is not installed");
    None
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn conversations(gateway: &mut Gateway) -> Vec<Value> {
    gateway.api("GET", "/api/conversations?per_page=150", None).expect(200)["conversations"].as_array().unwrap().clone()
}

fn conversation(gateway: &mut Gateway, id: &str) -> Value {
    gateway.api("GET", &format!("/api/conversations/{id}"), None).expect(200)
}

/// The parts behind the first.
fn parts(gateway: &mut Gateway, id: &str) -> Vec<Value> {
    conversation(gateway, id)["conversation_parts"]["conversation_parts"].as_array().unwrap().clone()
}

fn reply(gateway: &mut Gateway, id: &str, body: &str) {
    let reply = json!({"message_type": "comment", "type": "admin", "body": body});
    gateway.api("POST", &format!("/api/conversations/{id}/reply"), Some(&reply)).expect(200);
}

/// A type of that category.
fn ticket_type(gateway: &mut Gateway, category: &str) -> Value {
    let new = json!({"name": format!("{category} type"), "category": category});
    gateway.api("POST", "/api/ticket_types", Some(&new)).expect(200)
}

fn ticket(gateway: &mut Gateway, category: &str) -> (String, Value) {
    let kind = ticket_type(gateway, category);
    let new = json!({"ticket_type_id": kind["id"], "contacts": []});
    (text(&gateway.api("POST", "/api/tickets", Some(&new)).expect(200)["id"]), kind)
}

fn state(kind: &Value, category: &str) -> Value {
    let states = kind["ticket_states"]["data"].as_array().unwrap();
    states.iter().find(|state| state["category"] == category).unwrap()["id"].clone()
}

/// A mail by LMTP that begins a conversation; its id.
fn mailed(gateway: &mut Gateway, from: &str, subject: &str) -> String {
    let id = format!("{subject}.{from}").replace(' ', "-");
    let taken = gateway.lmtp(from, SUPPORT, &mail(from, subject, &id, "Please look at this."));
    assert!(taken.starts_with("250"), "{taken}");
    text(&conversations(gateway)[0]["id"])
}

/// Mails the relay has for this recipient, once there are so many.
fn mails_to(sink: &SmtpSink, recipient: &str, count: usize) -> Vec<String> {
    let line = format!("X-Rcpt-Args: <{recipient}>");
    eventually(&format!("{count} mails to {recipient}"), || {
        let mails: Vec<String> = sink.mails().into_iter().filter(|mail| mail.contains(&line)).collect();
        (mails.len() >= count).then_some(mails)
    })
}

/// A field of a mail, unfolded.
fn field(mail: &str, name: &str) -> String {
    let unfolded = mail.replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", " ");
    let start = format!("{name}: ");
    let value = unfolded.lines().find_map(|line| line.strip_prefix(&start).map(str::to_owned));
    value.unwrap_or_else(|| panic!("no {name} in\n{mail}"))
}

async fn tab(gateway: &Gateway, user: &str, email: &str) -> Tab {
    let (socket, _) = connect_async(format!("ws://{}/messenger/ws", gateway.address("http"))).await.unwrap();
    let mut tab = Client { socket };
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let hash = data_encoding::HEXLOWER.encode(hmac::sign(&key, user.as_bytes()).as_ref());
    tab.hello(json!({"user_id": user, "email": email, "name": "Ana", "user_hash": hash}), None).await;
    tab
}

/// Waits for a part with that text; its frame.
async fn sees(tab: &mut Tab, text: &str) -> Value {
    loop {
        let event = tab.event("part.created").await;
        if event["part"]["text"].as_str().map(str::trim) == Some(text) {
            return event;
        }
    }
}

#[test]
fn mail_of_real_senders_is_shown_by_the_api() {
    let mut gateway = Gateway::start();
    let (Some(mut swaks), Some(mut source)) = (program("/usr/bin/swaks"), program("/usr/sbin/smtp-source")) else {
        return;
    };
    swaks.args(["--server", "127.0.0.1", "--port", &gateway.address("smtp").port().to_string()]);
    swaks.args(["--from", BOB, "--to", SUPPORT, "--h-From", "Bob Client <bob@example.net>"]);
    swaks.args(["--h-Subject", "Wrong VAT", "--body", "18 instead of 19", "--attach", "@/dev/null", "--pipeline"]);
    let said = swaks.output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    let lmtp = format!("inet:{}", gateway.address("lmtp"));
    source.args(["-L", "-c", "-m", "40", "-s", "4", "-l", "3000", "-f", "load@example.net", "-t", SUPPORT, &lmtp]);
    let said = source.output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));

    let listed = conversations(&mut gateway);
    let by_bob = listed.iter().find(|one| one["source"]["author"]["email"] == BOB).unwrap();
    let shown = conversation(&mut gateway, &text(&by_bob["id"]));
    let source = &shown["source"];
    assert_eq!((&source["type"], &source["subject"]), (&json!("email"), &json!("Wrong VAT")));
    assert_eq!((&source["author"]["name"], &shown["state"]), (&json!("Bob Client"), &json!("open")));
    assert!(text(&source["body"]).contains("18 instead of 19"), "{source}");
    assert_eq!(source["deskgate"]["delivery_class"], "human");
    let contact = gateway.api("GET", &format!("/api/contacts/{}", text(&source["author"]["id"])), None).expect(200);
    assert_eq!(contact["email"], BOB);
    let raw = gateway.api("GET", &format!("/api/parts/{}/source", text(&source["id"])), None);
    assert!(raw.text().contains("X-Mailer: swaks"), "{}", raw.text());
    let metrics = gateway.ops("/metrics").text();
    let accepted = |channel: &str| {
        let line = format!("deskgate_intake_total{{channel=\"{channel}\"");
        let counts = metrics.lines().filter(|it| it.starts_with(&line)).filter_map(|it| it.rsplit(' ').next());
        counts.map(|count| count.parse::<u64>().unwrap()).sum::<u64>()
    };
    assert_eq!((accepted("smtp"), accepted("lmtp")), (1, 40), "{metrics}");
    gateway.finish();
}

#[test]
fn an_answer_by_mail_joins_the_conversation_and_no_subject_or_forged_id_does() {
    let Some(sink) = SmtpSink::start() else { return };
    let mut gateway = plan(&sink).start();
    let id = mailed(&mut gateway, BOB, "Wrong VAT");
    reply(&mut gateway, &id, "Which invoice is it?");
    let sent = mails_to(&sink, BOB, 1).remove(0);
    let (message_id, reply_to) = (field(&sent, "Message-ID"), field(&sent, "Reply-To"));
    let to = reply_to.rsplit('<').next().unwrap().trim_end_matches('>').to_owned();
    assert!(to.starts_with("support+") && to.ends_with("@example.com"), "{reply_to}");

    let answer = |from: &str, n: u32, text: &str| {
        let answer = mail(from, "Re: Wrong VAT", &format!("answer{n}.{from}"), text);
        format!("In-Reply-To: {message_id}\nReferences: {message_id}\n{answer}")
    };
    let quoted = "Number 7.\n\nOn Mon, 5 Jan 2026 at 10:00, Example Support <support@example.com> wrote:\n\
        > Which invoice is it?";
    // A program that keeps Reply-To, and one that writes to the bare address.
    for (n, recipient) in [to.as_str(), SUPPORT].into_iter().enumerate() {
        let taken = gateway.smtp(BOB, recipient, &answer(BOB, n as u32, quoted));
        assert!(taken.starts_with("250"), "{taken}");
    }
    let there = parts(&mut gateway, &id);
    let comments: Vec<&Value> = there.iter().filter(|part| part["part_type"] == "comment").collect();
    assert_eq!(comments.len(), 3, "{there:#?}");
    assert!(text(&comments[1]["body"]).contains("Number 7.") && !text(&comments[1]["body"]).contains("Which invoice"));
    assert_eq!(comments[2]["author"]["email"], BOB);

    // EML-33: who holds a reference of ours may join, and is marked.
    let taken = gateway.smtp("carol@example.org", SUPPORT, &answer("carol@example.org", 8, "I pay these bills."));
    assert!(taken.starts_with("250"), "{taken}");
    let joined = parts(&mut gateway, &id).pop().unwrap();
    assert_eq!(
        (&joined["author"]["email"], &joined["deskgate"]["external_sender"]),
        (&json!("carol@example.org"), &json!(true))
    );
    // EML-30, EML-34: a subject alone never threads, and an id with another MAC is nobody's.
    let forged = message_id.replace('@', "x@");
    let by_subject = mail("eve@example.org", "Re: Wrong VAT", "1@example.org", "Tell me everything.");
    let by_id = mail("mallory@example.org", "Re: Wrong VAT", "2@example.org", "Tell me more.");
    let by_id = format!("In-Reply-To: {forged}\nReferences: {forged}\n{by_id}");
    for (from, raw) in [("eve@example.org", by_subject), ("mallory@example.org", by_id)] {
        assert!(gateway.smtp(from, SUPPORT, &raw).starts_with("250"));
        let own = conversations(&mut gateway).into_iter().find(|one| one["source"]["author"]["email"] == from);
        assert_ne!(own.unwrap()["id"], id.as_str(), "{from}");
    }
    assert!(!conversation(&mut gateway, &id).to_string().contains("Tell me"));
    gateway.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_seen_in_the_messenger_is_mailed_once_and_the_answer_comes_back() {
    let Some(sink) = SmtpSink::start() else { return };
    let mut gateway = plan(&sink).start();
    let (mut first, mut second) =
        (tab(&gateway, "u-1", "ana@example.net").await, tab(&gateway, "u-1", "ana@example.net").await);
    let ack = first.post("c-1", None, "Where is my order?").await;
    let id = text(&ack["conversation_id"]);
    assert_eq!(sees(&mut second, "Where is my order?").await["part"]["id"], ack["part_id"]);
    reply(&mut gateway, &id, "On its way.");
    reply(&mut gateway, &id, "It comes tomorrow.");
    for tab in [&mut first, &mut second] {
        sees(tab, "On its way.").await;
        sees(tab, "It comes tomorrow.").await;
    }
    let sent = mails_to(&sink, "ana@example.net", 1);
    assert_eq!(sent.len(), 1);
    assert!(sent[0].contains("On its way.") && sent[0].contains("It comes tomorrow."), "one mail:\n{}", sent[0]);

    let answer = mail("ana@example.net", "Re: your order", "thanks@example.net", "Thanks a lot");
    let answer = format!("In-Reply-To: {}\n{answer}", field(&sent[0], "Message-ID"));
    assert!(gateway.lmtp("ana@example.net", SUPPORT, &answer).starts_with("250"));
    for tab in [&mut first, &mut second] {
        let event = sees(tab, "Thanks a lot").await;
        assert_eq!(event["conversation_id"], id.as_str());
    }
    drop((first, second));
    gateway.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_seen_in_the_messenger_is_not_mailed() {
    let Some(sink) = SmtpSink::start() else { return };
    let mut gateway = plan(&sink).set("notify.unseen_delay_s", "3").start();
    let mut seen = tab(&gateway, "u-1", "ana@example.net").await;
    let ack = seen.post("c-1", None, "Hello").await;
    let id = text(&ack["conversation_id"]);
    reply(&mut gateway, &id, "Hello Ana.");
    let part = sees(&mut seen, "Hello Ana.").await["part"]["id"].clone();
    seen.say(json!({"type": "seen", "conversation_id": id, "part_id": part})).await;
    let delivery = eventually("the mail is settled", || {
        let there = parts(&mut gateway, &id);
        let answered = there.iter().find(|one| one["id"] == part).unwrap();
        let delivery = answered["deskgate"]["deliveries"][0].clone();
        (delivery["state"] != "queued").then_some(delivery)
    });
    assert_eq!(
        (&delivery["state"], &delivery["reason"]),
        (&json!("skipped"), &json!("seen_in_messenger")),
        "{delivery}"
    );
    assert_eq!(sink.mails(), Vec::<String>::new());
    drop(seen);
    gateway.finish();
}

#[test]
fn a_state_that_changes_is_told_in_linked_threads_at_once_and_by_mail_when_it_has_settled() {
    let Some(sink) = SmtpSink::start() else { return };
    let mut gateway = plan(&sink).start();
    let id = mailed(&mut gateway, BOB, "Refund");
    let (task, task_type) = ticket(&mut gateway, "Back-office");
    let customer_type = ticket_type(&mut gateway, "Customer");
    let path = format!("/api/conversations/{id}/convert");
    gateway.api("POST", &path, Some(&json!({"ticket_type_id": customer_type["id"]}))).expect(200);
    mails_to(&sink, BOB, 1);
    gateway.api("POST", &format!("/api/tickets/{task}/links"), Some(&json!({"thread_id": id}))).expect(200);

    let change = json!({"ticket_state_id": state(&task_type, "resolved")});
    gateway.api("PUT", &format!("/api/tickets/{task}"), Some(&change)).expect(200);
    let told = eventually("the change stands in the customer's thread", || {
        let there = parts(&mut gateway, &id);
        there.into_iter().find(|part| part["deskgate"]["details"]["to_label"].is_string())
    });
    assert_eq!(told["deskgate"]["details"]["id"], task.as_str());
    assert_eq!(told["deskgate"]["deliveries"], json!([]), "no word of a Back-office ticket to a customer");

    for category in ["in_progress", "waiting_on_customer"] {
        let change = json!({"ticket_state_id": state(&customer_type, category)});
        gateway.api("PUT", &format!("/api/tickets/{id}"), Some(&change)).expect(200);
    }
    let mails = mails_to(&sink, BOB, 2);
    assert_eq!(mails.len(), 2, "submitted, and one for both changes");
    let last = mails.iter().find(|mail| mail.contains("Waiting on you"));
    let last = last.unwrap_or_else(|| panic!("the external label is nowhere: {mails:#?}"));
    assert!(!last.contains("Waiting on customer"), "the internal label:\n{last}");
    assert_eq!(field(last, "Auto-Submitted"), "auto-generated");
    gateway.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broadcast_reaches_sockets_and_mailboxes_once_and_accounts_for_each() {
    let Some(sink) = SmtpSink::start() else { return };
    let mut gateway = plan(&sink).start();
    let (tracker, _) = ticket(&mut gateway, "Tracker");
    let mut open = tab(&gateway, "u-1", "ana@example.net").await;
    let chat = text(&open.post("c-1", None, "It is down").await["conversation_id"]);
    let mut threads = vec![chat.clone()];
    for n in 0..5 {
        threads.push(mailed(&mut gateway, &format!("customer{n}@example.net"), "It is down"));
    }
    // A second conversation of the same customer: two threads, one mail.
    threads.push(mailed(&mut gateway, "customer0@example.net", "Still down"));
    let linked = gateway.api("POST", &format!("/api/tickets/{tracker}/links"), Some(&json!({"thread_ids": threads})));
    assert!(linked.expect(200)["data"].as_array().unwrap().iter().all(|one| one["linked"] == true));
    let new = json!({"subject": "All is well again", "body": "It works **again**.", "email": "always"});
    let begun = gateway.api("POST", &format!("/api/tickets/{tracker}/broadcasts"), Some(&new)).expect(200);
    let path = format!("/api/broadcasts/{}", text(&begun["id"]));
    let reach = gateway.api("GET", &format!("{path}/recipients"), None).expect(200);
    assert_eq!(reach["summary"]["channels"]["messenger_online"], 1, "BRC-11: {reach}");
    gateway.api("POST", &format!("{path}/send"), Some(&json!({}))).expect(200);
    let told = sees(&mut open, "It works again.").await;
    assert_eq!(told["conversation_id"], chat.as_str());

    open.so_far().await;
    eventually("the open messenger has acknowledged it", || {
        let counts = gateway.api("GET", &path, None).expect(200)["counts"]["messenger"].clone();
        (counts["delivered"] == 1).then_some(())
    });
    let through = eventually("every mail is sent", || {
        let broadcast = gateway.api("GET", &path, None).expect(200);
        (broadcast["state"] == "finished" && broadcast["counts"]["email"]["sent"] == 6).then_some(broadcast)
    });
    assert_eq!(through["counts"]["threads"]["sent"], 7, "{through}");
    for recipient in (0..5).map(|n| format!("customer{n}@example.net")).chain(["ana@example.net".to_owned()]) {
        let mails = mails_to(&sink, &recipient, 1);
        assert_eq!(mails.len(), 1, "{recipient}");
        assert!(mails[0].contains("It works again."), "{}", mails[0]);
        // BRC-5: mail threads keep their subject.
        let subject = if recipient == "ana@example.net" { "All is well again" } else { "Re: It is down" };
        assert!(field(&mails[0], "Subject").contains(subject) || recipient == "customer0@example.net", "{}", mails[0]);
    }
    let ledger = gateway.api("GET", &format!("{path}/ledger?per_page=150"), None).expect(200);
    let rows = ledger["data"].as_array().unwrap();
    assert_eq!(rows.iter().filter(|row| row["kind"] == "thread" && row["state"] == "sent").count(), 7);
    assert_eq!(rows.iter().filter(|row| row["channel"] == "email" && row["state"] == "sent").count(), 6);
    for thread in &threads {
        let there = parts(&mut gateway, thread);
        let told = there.iter().filter(|part| part["deskgate"]["broadcast_id"] == begun["id"]).count();
        assert_eq!(told, 1, "thread {thread}");
    }
    drop(open);
    gateway.finish();
}
