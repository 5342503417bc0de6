//! Everything an outsider is given by the real daemon, read through (TST-29, SHR-5, OBJ-46): sockets, mails, files, hosted
//! forms, unsubscribe pages and every route without a token say nothing that is the house's own.
//!
//! What must not be said holds the word [`OURS`]; the desk is full of it, which the last step proves by the agents' API.

use crate::messenger::client::Client;
use crate::support::gateway::Gateway;
use crate::support::gateway::Plan;
use crate::support::gateway::SUPPORT;
use crate::support::gateway::eventually;
use crate::support::http_client;
use crate::support::noting_relay::Relay;
use crate::support::smtp_client::mail;
use data_encoding::BASE64;
use mail_parser::MessageParser;
use mail_parser::MimeHeaders;
use ring::hmac;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;
use tokio::net::TcpStream;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::connect_async;

/// In everything that is not for customers.
const OURS: &str = "SECRET";
/// The kinds of it; each must be found by agents.
const KINDS: [&str; 16] = [
    "SECRET-note",
    "SECRET-cross-note",
    "SECRET-file-name",
    "SECRET-tag",
    "SECRET-attribute",
    "SECRET-value",
    "SECRET-label",
    "SECRET-task-type",
    "SECRET-task-title",
    "SECRET-task-words",
    "SECRET-issue-type",
    "SECRET-issue-title",
    "SECRET-issue-words",
    "SECRET-description",
    "SECRET-merged-note",
    "SECRET-other-customer",
];
const MESSENGER_SECRET: &str = "a secret of the messenger in tests";
const PUBLIC: &str = "https://desk.example.com";
const BEN: &str = "ben@example.net";

type Tab = Client<MaybeTlsStream<TcpStream>>;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn post(gateway: &mut Gateway, path: &str, body: Value) -> Value {
    gateway.api("POST", path, Some(&body)).expect(200)
}

fn put(gateway: &mut Gateway, path: &str, body: Value) -> Value {
    gateway.api("PUT", path, Some(&body)).expect(200)
}

fn get(gateway: &mut Gateway, path: &str) -> Value {
    gateway.api("GET", path, None).expect(200)
}

async fn tab(gateway: &Gateway, since: Option<u64>) -> (Tab, Value) {
    let (socket, _) = connect_async(format!("ws://{}/messenger/ws", gateway.address("http"))).await.unwrap();
    let mut tab = Client { socket };
    let key = hmac::Key::new(hmac::HMAC_SHA256, MESSENGER_SECRET.as_bytes());
    let hash = data_encoding::HEXLOWER.encode(hmac::sign(&key, b"u-1").as_ref());
    let identity = json!({"user_id": "u-1", "email": "ana@example.net", "name": "Ana", "user_hash": hash});
    let welcome = tab.hello(identity, since).await;
    (tab, welcome)
}

/// Threads and tickets by what they are.
struct Place {
    chat: String,
    mailed: String,
    tickets: Vec<String>,
    broadcast: String,
}

/// The types, with everything in them that customers are not to read.
fn types(gateway: &mut Gateway) -> [Value; 3] {
    let description = "SECRET-description";
    let [customer, task, issue] =
        [("Order", "Customer"), ("SECRET-task-type", "Back-office"), ("SECRET-issue-type", "Tracker")].map(
            |(name, category)| {
                // A type that allows sharing is offered to contacts by its name (FRM-2).
                let is_internal = category == "Back-office";
                let new =
                    json!({"name": name, "category": category, "description": description, "is_internal": is_internal});
                post(gateway, "/api/ticket_types", new)
            },
        );
    let id = text(&customer["id"]);
    for (name, data_type, visible) in
        [("SECRET-attribute", "string", false), ("Floor", "integer", true), ("Photo", "files", true)]
    {
        let new = json!({"name": name, "description": description, "data_type": data_type,
            "visible_to_contacts": visible, "visible_on_create": visible});
        post(gateway, &format!("/api/ticket_types/{id}/attributes"), new);
    }
    for one in [&customer, &task, &issue] {
        let new = json!({"category": "in_progress", "internal_label": format!("SECRET-label {}", text(&one["id"])),
            "external_label": "Being looked at", "ticket_type_ids": [one["id"]]});
        post(gateway, "/api/ticket_states", new);
    }
    [customer, task, issue].map(|one| get(gateway, &format!("/api/ticket_types/{}", text(&one["id"]))))
}

/// The state of a type whose internal label is ours.
fn hidden_state(ticket_type: &Value) -> Value {
    let states = ticket_type["ticket_states"]["data"].as_array().unwrap();
    let found = states.iter().find(|state| state["internal_label"].as_str().unwrap().starts_with("SECRET-label"));
    found.unwrap_or_else(|| panic!("{ticket_type}"))["id"].clone()
}

fn state(ticket_type: &Value, category: &str) -> Value {
    let states = ticket_type["ticket_states"]["data"].as_array().unwrap();
    states.iter().find(|state| state["category"] == category).unwrap()["id"].clone()
}

fn note(gateway: &mut Gateway, thread: &str, words: &str, cross_post: bool) {
    let file =
        json!({"name": "SECRET-file-name.txt", "content_type": "text/plain", "data": BASE64.encode(b"SECRET-bytes")});
    let body = json!({"message_type": "note", "type": "admin", "body": words, "cross_post": cross_post,
        "attachment_files": [file]});
    let kind = if cross_post { "tickets" } else { "conversations" };
    post(gateway, &format!("/api/{kind}/{thread}/reply"), body);
}

fn mailed(gateway: &mut Gateway, from: &str, id: &str, words: &str) -> String {
    let taken = gateway.lmtp(from, SUPPORT, &mail(from, "My order", id, words));
    assert!(taken.starts_with("250"), "{taken}");
    text(&get(gateway, "/api/conversations?per_page=1")["conversations"][0]["id"])
}

/// Makes everything happen that may be told to customers, and a lot that may not.
fn live(gateway: &mut Gateway, chat: &str) -> Place {
    let [customer, task_type, issue_type] = types(gateway);
    let admin = get(gateway, "/api/me")["id"].clone();
    let mailed_thread = mailed(gateway, BEN, "ben-1@example.net", "Where is it?");
    let merged = mailed(gateway, BEN, "ben-2@example.net", "And where is the other one?");
    note(gateway, &merged, "SECRET-merged-note", false);
    post(gateway, &format!("/api/conversations/{merged}/merge"), json!({"merge_into_conversation_id": mailed_thread}));
    let _other = mailed(gateway, "eve@example.net", "eve-1@example.net", "SECRET-other-customer");
    let mut tickets = Vec::new();
    for (kind, title) in [(&task_type, "SECRET-task-title"), (&issue_type, "SECRET-issue-title")] {
        let new = json!({"ticket_type_id": kind["id"], "contacts": [],
            "ticket_attributes": {"_default_title_": title, "_default_description_": "SECRET-description"}});
        tickets.push(text(&post(gateway, "/api/tickets", new)["id"]));
    }
    let form = json!({"ticket_type_id": customer["id"], "ticket_attributes": {"SECRET-attribute": "SECRET-value"}});
    post(gateway, &format!("/api/conversations/{mailed_thread}/forms"), form);
    let convert = json!({"ticket_type_id": customer["id"], "attributes": {"SECRET-attribute": "SECRET-value"}});
    post(gateway, &format!("/api/conversations/{chat}/convert"), convert);
    for thread in [chat, &mailed_thread] {
        note(gateway, thread, "SECRET-note", false);
        let tag = post(gateway, "/api/tags", json!({"name": "SECRET-tag"}));
        post(gateway, &format!("/api/conversations/{thread}/tags"), json!({"id": tag["id"], "admin_id": admin}));
        for ticket in &tickets {
            post(gateway, &format!("/api/tickets/{ticket}/links"), json!({"thread_id": thread}));
        }
        let snooze = json!({"message_type": "snoozed", "type": "admin", "snoozed_until": 4_000_000_000_u64});
        post(gateway, &format!("/api/conversations/{thread}/parts"), snooze);
    }
    for (ticket, kind, words) in
        [(&tickets[0], &task_type, "SECRET-task-words"), (&tickets[1], &issue_type, "SECRET-issue-words")]
    {
        note(gateway, ticket, words, false);
        note(gateway, ticket, "SECRET-cross-note", true);
        for to in [hidden_state(kind), state(kind, "resolved")] {
            put(gateway, &format!("/api/tickets/{ticket}"), json!({"ticket_state_id": to}));
        }
    }
    for to in [hidden_state(&customer), state(&customer, "waiting_on_customer")] {
        put(gateway, &format!("/api/tickets/{chat}"), json!({"ticket_state_id": to}));
    }
    for thread in [chat, &mailed_thread] {
        let file = json!({"name": "public.txt", "content_type": "text/plain", "data": BASE64.encode(b"for all")});
        let body =
            json!({"message_type": "comment", "type": "admin", "body": "We look into it.", "attachment_files": [file]});
        post(gateway, &format!("/api/conversations/{thread}/reply"), body);
    }
    let words =
        "It works again, {{or contact.first_name \"friend\"}}: {{or ticket.state \"-\"}} {{or thread.title \"-\"}}";
    let new = json!({"subject": "All is well", "body": words, "email": "always", "send": true});
    let broadcast = text(&post(gateway, &format!("/api/tickets/{}/broadcasts", tickets[1]), new)["id"]);
    Place { chat: chat.to_owned(), mailed: mailed_thread, tickets, broadcast }
}

/// Every frame up to now.
async fn frames(tab: &mut Tab) -> Vec<String> {
    tab.so_far().await.iter().map(ToString::to_string).collect()
}

/// What every socket of the contact says: from the beginning, as a snapshot, and asked for what is not theirs.
async fn sockets(gateway: &Gateway, place: &Place) -> Vec<String> {
    let mut told = Vec::new();
    for since in [None, Some(0)] {
        let (mut tab, welcome) = tab(gateway, since).await;
        told.push(welcome.to_string());
        told.extend(frames(&mut tab).await);
        let all = [&place.chat, &place.mailed].into_iter().chain(&place.tickets);
        for thread in all {
            tab.say(json!({"type": "history", "conversation_id": thread, "limit": 100})).await;
            tab.say(json!({"type": "typing", "conversation_id": thread})).await;
        }
        for ticket in &place.tickets {
            tab.say(
                json!({"type": "send", "client_id": format!("x-{ticket}"), "conversation_id": ticket, "body": "?"}),
            )
            .await;
        }
        tab.say(json!({"type": "forms"})).await;
        told.extend(frames(&mut tab).await);
    }
    told
}

/// A mail with everything in it decoded.
fn decoded(raw: &str) -> String {
    let message = MessageParser::default().parse(raw.as_bytes()).unwrap();
    let mut all = vec![raw.to_owned(), message.subject().unwrap_or_default().to_owned()];
    all.extend((0..message.text_body_count()).filter_map(|at| Some(message.body_text(at)?.into_owned())));
    all.extend((0..message.html_body_count()).filter_map(|at| Some(message.body_html(at)?.into_owned())));
    for file in message.attachments() {
        all.push(file.attachment_name().unwrap_or_default().to_owned());
        all.push(String::from_utf8_lossy(file.contents()).into_owned());
    }
    all.join("\n")
}

/// Addresses of ours in a text, as paths.
fn links(text: &str) -> BTreeSet<String> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')' | '\\' | ']');
    let found = text.split(PUBLIC).skip(1).map(|rest| rest.split(ends).next().unwrap_or_default());
    found.filter(|path| path.len() > 1).map(|path| path.replace("&amp;", "&")).collect()
}

/// Follows every link as anybody could, and posts to those that take it.
fn followed(gateway: &Gateway, links: &BTreeSet<String>) -> Vec<String> {
    let to = gateway.address("http");
    let mut given = Vec::new();
    for link in links {
        let shown = http_client::call(to, "GET", link, &[], None);
        given.push(format!("GET {link}: {} {:?} {}", shown.status, shown.headers, shown.text()));
        if link.starts_with("/forms/") || link.starts_with("/unsubscribe/") {
            let posted = http_client::call(to, "POST", link, &[], None);
            given.push(format!("POST {link}: {} {}", posted.status, posted.text()));
        }
        let spoilt = http_client::call(to, "GET", &format!("{}x", link.trim_end_matches('.')), &[], None);
        given.push(format!("GET {link}x: {} {}", spoilt.status, spoilt.text()));
    }
    given
}

/// Every route of the description with every id there is, without a token and with a wrong one.
fn without_token(gateway: &mut Gateway, place: &Place) -> Vec<String> {
    let description = get(gateway, "/api/openapi.json");
    let to = gateway.address("http");
    let mut given = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        let ids = [&place.chat, &place.tickets[0], &place.tickets[1], &place.broadcast];
        for id in ids.into_iter().take(if path.contains('{') { 4 } else { 1 }) {
            let asked: String =
                path.split('/').map(|step| if step.starts_with('{') { id } else { step }).collect::<Vec<_>>().join("/");
            let asked = if asked.starts_with("/api") { asked } else { format!("/api{asked}") };
            for method in methods.as_object().unwrap().keys().map(|method| method.to_uppercase()) {
                for headers in [&[][..], &[("Authorization", "Bearer dg_wrong")][..]] {
                    let body = (method != "GET" && method != "DELETE").then(|| json!({}));
                    let reply = http_client::call(to, &method, &asked, headers, body.as_ref());
                    assert!(
                        reply.status == 401 || path.ends_with("openapi.json"),
                        "{method} {asked}: {}",
                        reply.status
                    );
                    given.push(reply.text());
                }
            }
        }
    }
    assert!(given.len() > 200, "only {} answers", given.len());
    for path in ["/", "/api", "/healthz", "/metrics", "/dev/mail", "/files/x", "/forms/x", "/unsubscribe/x", "/console"]
    {
        given.push(http_client::call(to, "GET", path, &[], None).text());
    }
    given
}

/// What agents read: the control that all of it is there.
fn by_agents(gateway: &mut Gateway, place: &Place) -> String {
    let mut all = Vec::new();
    for thread in [&place.chat, &place.mailed] {
        all.push(get(gateway, &format!("/api/conversations/{thread}")).to_string());
    }
    for ticket in place.tickets.iter().chain([&place.chat]) {
        all.push(get(gateway, &format!("/api/tickets/{ticket}")).to_string());
    }
    all.push(get(gateway, "/api/ticket_types").to_string());
    for conversation in get(gateway, "/api/conversations?per_page=150")["conversations"].as_array().unwrap() {
        all.push(get(gateway, &format!("/api/conversations/{}", text(&conversation["id"]))).to_string());
    }
    all.join("\n")
}

fn leaks(given: &[String]) -> Vec<String> {
    let around = |text: &String| {
        let at = text.find(OURS)?;
        let from = text.floor_char_boundary(at.saturating_sub(200));
        let to = text.floor_char_boundary((at + 100).min(text.len()));
        Some(text[from..to].to_owned())
    };
    given.iter().filter_map(around).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tst_29_nothing_of_ours_is_said_at_any_door() {
    let relay = Relay::start(29);
    let mut gateway = Plan::default()
        .toml(&format!("[[relay]]\nname = \"default\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n", relay.port))
        .file("messenger.secret", MESSENGER_SECRET)
        .set("messenger.secret_file", "messenger.secret")
        .set("notify.unseen_delay_s", "1")
        .set("notify.state_mail_settle_s", "1")
        .start();
    let (mut open, welcome) = tab(&gateway, None).await;
    let chat = text(&open.post("c-1", None, "Hello").await["conversation_id"]);
    let place = live(&mut gateway, &chat);
    let path = format!("/api/broadcasts/{}", place.broadcast);
    eventually("the broadcast is through", || {
        let now = get(&mut gateway, &path);
        (now["state"] == "finished" && now["counts"]["email"]["queued"] == 0).then_some(())
    });
    eventually("the mails are out", || {
        let waiting = get(&mut gateway, "/api/deliveries?per_page=150");
        // Notices to agents wait until they are unseen long enough, and go nowhere else.
        let mut rows = waiting["data"].as_array().unwrap().iter().filter(|row| row["kind"] != "agent_notice");
        rows.all(|row| !matches!(row["state"].as_str(), Some("queued" | "deferred"))).then_some(())
    });
    let mut given = vec![welcome.to_string()];
    given.extend(frames(&mut open).await);
    assert!(given.iter().any(|frame| frame.contains("It works again, Ana")), "the open socket was told: {given:#?}");
    given.extend(sockets(&gateway, &place).await);
    let mails: Vec<String> = relay.seen().values().flat_map(|told| told.texts.iter().map(|raw| decoded(raw))).collect();
    for (what, words) in [("reply", "We look into it."), ("broadcast", "It works again"), ("state", "Waiting on you")] {
        assert!(mails.iter().any(|mail| mail.contains(words)), "no {what} by mail in {}", mails.len());
    }
    given.extend(mails);
    let links: BTreeSet<String> = given.iter().flat_map(|text| links(text)).collect();
    for door in ["/files/", "/forms/", "/unsubscribe/"] {
        assert!(links.iter().any(|link| link.starts_with(door)), "no link to {door} in {links:#?}");
    }
    given.extend(followed(&gateway, &links));
    assert!(given.iter().any(|text| text.contains("for all")), "a file was read");
    given.extend(without_token(&mut gateway, &place));
    assert_eq!(leaks(&given), Vec::<String>::new());
    let known = by_agents(&mut gateway, &place);
    for kind in KINDS {
        assert!(known.contains(kind), "{kind} is nowhere, so that nothing was proved");
    }
    drop(open);
    gateway.finish();
}

/// Positive control: a frame, a mail and a page that say it are found.
#[tokio::test]
async fn tst_29_its_crawler_finds_what_is_hidden_in_a_mail() {
    let encoded =
        format!("Subject: =?utf-8?B?{}?=\r\nContent-Type: text/plain\r\n\r\nHello", BASE64.encode(b"SECRET-x"));
    let base64 = BASE64.encode(b"a SECRET-y");
    let body =
        format!("Subject: Hi\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n{base64}\r\n");
    for raw in [encoded, body] {
        assert!(!raw.contains(OURS));
        assert_eq!(leaks(&[decoded(&raw)]).len(), 1, "{raw}");
    }
    let found = links("see https://desk.example.com/forms/ab.cd?x=1&amp;y \"https://desk.example.com/files/z\\\"");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["/files/z", "/forms/ab.cd?x=1&y"]);
}
