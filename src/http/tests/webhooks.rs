//! Webhooks from the API to a scripted receiver on this machine, on a clock that stands still (WHK rules, API-51).

use super::*;
use crate::channel::webhook_out::Bodies;
use crate::channel::webhook_out::Tally;
use crate::channel::webhook_out::Targets;
use crate::channel::webhook_out::Worker;
use crate::desk::webhooks::feed::ReadTo;
use crate::domain::webhook_topic::Topic;
use data_encoding::HEXLOWER;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ring::hmac;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// What a receiver got.
#[derive(Clone, Debug)]
pub(super) struct Got {
    headers: HeaderMap,
    bytes: Vec<u8>,
    pub(super) body: Value,
}

impl Got {
    pub(super) fn topic(&self) -> &str {
        self.body["topic"].as_str().unwrap()
    }

    pub(super) fn item(&self) -> &Value {
        &self.body["data"]["item"]
    }

    fn field(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {:?}", self.headers)).to_str().unwrap()
    }
}

#[derive(Debug, Default)]
struct Script {
    got: Vec<Got>,
    /// Answers to come; then 200.
    answers: Vec<(u16, Option<&'static str>)>,
    heads: usize,
}

/// A receiver that answers as it is told.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    pub(super) url: String,
    script: Arc<Mutex<Script>>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in?from=desk", listener.local_addr().unwrap());
        let receiver = Self { url, script: Arc::default() };
        let serving = receiver.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let receiver = serving.clone();
                let service = service_fn(move |request| receiver.clone().answer(request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        receiver
    }

    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(self, request: Request<Incoming>) -> Result<axum::http::Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        let mut script = self.script();
        let answer = if script.answers.is_empty() { (200, None) } else { script.answers.remove(0) };
        if head.method == Method::HEAD {
            script.heads += 1;
        } else {
            assert_eq!((head.method, head.uri.to_string()), (Method::POST, "/in?from=desk".to_owned()));
            let body = serde_json::from_slice(&bytes).unwrap();
            script.got.push(Got { headers: head.headers, bytes, body });
        }
        let mut response = axum::http::Response::builder().status(answer.0);
        if let Some(after) = answer.1 {
            response = response.header("retry-after", after);
        }
        Ok(response.body(Full::new(Bytes::from_static(b"said\n<b>so</b>"))).unwrap())
    }

    pub(super) fn will_answer(&self, answers: &[u16]) {
        self.script().answers = answers.iter().map(|status| (*status, None)).collect();
    }

    pub(super) fn take(&self) -> Vec<Got> {
        std::mem::take(&mut self.script().got)
    }
}

/// A house whose webhooks may stay on this machine, with the worker driven by hand.
pub(super) struct Desk {
    pub(super) house: House,
    worker: Worker,
    read_to: ReadTo,
}

impl Desk {
    pub(super) async fn new() -> Self {
        let mut house = House::new().await;
        let targets = Targets::new(true);
        let api =
            Api::open(house.desk.clone(), RateLimits::default()).await.unwrap().with_webhook_targets(targets.clone());
        house.router = router(api.clone());
        let bodies: Arc<dyn Bodies> = Arc::new(api);
        let worker = Worker::new(house.desk.clone(), targets, bodies, Tally::default());
        Self { house, worker, read_to: ReadTo::new() }
    }

    pub(super) async fn subscribe(&self, receiver: &Receiver, topics: Value, more: Value) -> Value {
        let mut new = json!({"url": receiver.url, "topics": topics, "secret": "a secret of the test"});
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.house.post("/api/webhook_subscriptions", new).await.ok()
    }

    /// Reads the log on and sends everything that may go now.
    pub(super) async fn drive(&mut self) {
        while self.house.desk.feed_webhooks(&mut self.read_to).await.unwrap() {}
        loop {
            let ready = self.house.desk.webhooks_waiting().unwrap().ready;
            if ready.is_empty() {
                return;
            }
            for webhook in ready {
                self.worker.batch(webhook).await.unwrap();
            }
        }
    }

    fn wait(&self, seconds: u64) {
        self.house.clock.set(self.house.clock.now().plus(Duration::from_secs(seconds)));
    }

    async fn comment(&self, conversation: &str, body: &str) {
        let said = json!({"message_type": "comment", "type": "admin", "body": body});
        self.house.post(&format!("/api/conversations/{conversation}/reply"), said).await.ok();
    }

    async fn deliveries(&self, webhook: &Value, query: &str) -> Vec<Value> {
        let path = format!("/api/webhook_subscriptions/{}/deliveries{query}", id(webhook));
        self.house.get(&path).await.ok()["data"].as_array().unwrap().clone()
    }
}

/// Every topic that can be subscribed to.
pub(super) fn every_topic() -> Value {
    let all = crate::domain::webhook_topic::ALL.iter().copied();
    json!(all.filter(|name| Topic::parse(name).is_some_and(|topic| topic.never_fires().is_none())).collect::<Vec<_>>())
}

pub(super) fn topics_of(got: &[Got]) -> Vec<&str> {
    got.iter().map(Got::topic).collect()
}

fn signed(algorithm: hmac::Algorithm, secret: &str, text: &[u8]) -> String {
    HEXLOWER.encode(hmac::sign(&hmac::Key::new(algorithm, secret.as_bytes()), text).as_ref())
}

#[tokio::test]
async fn api_51_subscriptions_are_made_listed_changed_and_taken_away() {
    let mut desk = Desk::new().await;
    let receiver = Receiver::start().await;
    let made = desk.subscribe(&receiver, json!(["ping", "ticket.created", "ping"]), json!({"retry": "compat"})).await;
    assert_eq!(receiver.script().heads, 1, "WHK-2: looked at with HEAD");
    assert_eq!(made["type"], "webhook_subscription");
    assert_eq!(id(&made).len(), 24, "OBJ-1");
    assert_eq!((&made["topics"], &made["retry"]), (&json!(["ping", "ticket.created"]), &json!("compat")));
    assert_eq!((&made["secret"], &made["state"]), (&json!("a secret of the test"), &json!("active")));
    let path = format!("/api/webhook_subscriptions/{}", id(&made));
    let read = desk.house.get(&path).await.ok();
    assert_eq!(read.get("secret"), None, "shown once");
    assert_eq!(desk.house.get("/api/webhook_subscriptions").await.ok()["data"], json!([read]));
    let off = desk.house.put(&path, json!({"state": "disabled", "html": true})).await.ok();
    assert_eq!((&off["state"], &off["html"], &off["url"]), (&json!("disabled"), &json!(true), &made["url"]));
    assert_eq!(desk.house.post(&format!("{path}/ping"), json!({})).await.error().0, 409);
    desk.house.put(&path, json!({"state": "active"})).await.ok();
    assert_eq!(desk.house.post(&format!("{path}/ping"), json!({})).await.ok()["state"], "queued");
    desk.drive().await;
    assert_eq!(topics_of(&receiver.take()), ["ping"]);
    assert_eq!(desk.house.delete(&path).await.ok()["deleted"], true);
    assert_eq!(desk.house.get(&path).await.error().0, 404);
    let narrow = desk.house.token_for(&[Scope::ReadTickets]).await;
    desk.house.token = narrow;
    assert_eq!(desk.house.get("/api/webhook_subscriptions").await.error().0, 403);
    let new = json!({"url": receiver.url, "topics": ["ping"]});
    assert_eq!(desk.house.post("/api/webhook_subscriptions", new).await.error().0, 403);
    assert_eq!(receiver.script().heads, 1, "who may not subscribe makes no request either");
}

#[tokio::test]
async fn api_51_what_cannot_be_subscribed_is_refused_by_name() {
    let desk = Desk::new().await;
    let receiver = Receiver::start().await;
    let url = receiver.url.as_str();
    for (new, field) in [
        (json!({"topics": ["ping"]}), "url"),
        (json!({"url": url}), "topics"),
        (json!({"url": url, "topics": []}), "topics"),
        (json!({"url": url, "topics": ["ticket.*"]}), "topics"),
        (json!({"url": url, "topics": [1]}), "topics[0]"),
        (json!({"url": url, "topics": ["ping"], "retry": "often"}), "retry"),
        (json!({"url": url, "topics": ["ping"], "secret": "short"}), "secret"),
        (json!({"url": "http://example.com/", "topics": ["ping"]}), "url"),
        (json!({"url": "https://a@example.com/", "topics": ["ping"]}), "url"),
        (json!({"url": "http://127.0.0.1:1/", "topics": ["ping"]}), "url"),
    ] {
        let (status, _, named) = desk.house.post("/api/webhook_subscriptions", new.clone()).await.error();
        assert_eq!((status, named.as_deref()), (400, Some(field)), "{new}");
    }
    for status in [410, 500, 503] {
        receiver.will_answer(&[status]);
        let refused = desk.house.post("/api/webhook_subscriptions", json!({"url": url, "topics": ["ping"]})).await;
        assert_eq!(refused.error().2.as_deref(), Some("url"), "HEAD answered {status}");
    }
    assert_eq!(desk.house.get("/api/webhook_subscriptions").await.ok()["data"], json!([]));
    let public_only = House::new().await;
    let new = json!({"url": url, "topics": ["ping"]});
    assert_eq!(public_only.post("/api/webhook_subscriptions", new).await.error().2.as_deref(), Some("url"), "WHK-2");
}

#[tokio::test]
async fn tst_118_both_signatures_verify_with_both_live_secrets() {
    let mut desk = Desk::new().await;
    let receiver = Receiver::start().await;
    let made = desk.subscribe(&receiver, json!(["conversation.user.created"]), json!({})).await;
    let ana = desk.house.contact("ana@example.com").await;
    let conversation = desk.house.conversation(&ana, "Fish & chips").await;
    desk.drive().await;
    let got = receiver.take().remove(0);
    let body = &got.body;
    assert_eq!(body["type"], "notification_event");
    assert!(body["id"].as_str().unwrap().starts_with("notif_") && body["id"].as_str().unwrap().len() == 42);
    assert_eq!((&body["delivery_attempts"], &body["first_sent_at"]), (&json!(1), &json!(START.seconds())));
    assert_eq!(body["data"]["type"], "notification_event_data");
    assert_eq!((&got.item()["id"], &body["deskgate"]["state"]), (&json!(conversation), &json!("open")));
    assert_eq!(got.item()["source"]["body"], "Fish & chips", "WHK-1: plain text");
    let first = "a secret of the test";
    let hub = format!("sha1={}", signed(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, first, &got.bytes));
    assert_eq!(got.field("x-hub-signature"), hub);
    let timed = |got: &Got| [format!("{}.", START.seconds()).as_bytes(), &got.bytes].concat();
    let ours = |got: &Got, secret| format!("v1={}", signed(hmac::HMAC_SHA256, secret, &timed(got)));
    assert_eq!(got.field("x-deskgate-signature"), format!("t={},{}", START.seconds(), ours(&got, first)));

    let path = format!("/api/webhook_subscriptions/{}", id(&made));
    let rotated = desk.house.put(&path, json!({"rotate_secret": true, "html": true})).await.ok();
    let second = rotated["secret"].as_str().unwrap();
    desk.house.conversation(&ana, "Fish & chips").await;
    desk.drive().await;
    let got = receiver.take().remove(0);
    assert_eq!(got.item()["source"]["body"], "<p>Fish &amp; chips</p>\n", "WHK-1: HTML on request");
    let hub = |secret| format!("sha1={}", signed(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret, &got.bytes));
    assert_eq!((got.field("x-hub-signature"), got.field("x-hub-signature-previous")), (&*hub(second), &*hub(first)));
    let both = format!("t={},{},{}", START.seconds(), ours(&got, second), ours(&got, first));
    assert_eq!(got.field("x-deskgate-signature"), both);
    let ended = desk.house.put(&path, json!({"previous_secret": null})).await.ok();
    assert_eq!((&ended["has_previous_secret"], ended.get("secret")), (&json!(false), None));
}

#[tokio::test]
async fn tst_118_compat_retries_once_after_60_s_and_410_disables() {
    let mut desk = Desk::new().await;
    let receiver = Receiver::start().await;
    let made = desk.subscribe(&receiver, json!(["conversation.user.created"]), json!({"retry": "compat"})).await;
    let ana = desk.house.contact("ana@example.com").await;
    desk.house.conversation(&ana, "Hello").await;
    receiver.will_answer(&[500, 302, 410]);
    desk.drive().await;
    desk.wait(59);
    desk.drive().await;
    let first = receiver.take();
    assert_eq!(first.len(), 1, "not before the minute is over");
    desk.wait(1);
    desk.drive().await;
    let second = receiver.take();
    assert_eq!(second[0].body["id"], first[0].body["id"], "the id to know repeats by");
    assert_eq!(
        (&second[0].body["delivery_attempts"], &second[0].body["first_sent_at"]),
        (&json!(2), &json!(START.seconds()))
    );
    desk.wait(86_400);
    desk.drive().await;
    assert!(receiver.take().is_empty(), "given up");
    let owed = desk.deliveries(&made, "").await.remove(0);
    assert_eq!((&owed["state"], &owed["attempts"][0]["status"]), (&json!("failed"), &json!(500)));
    assert_eq!(
        (&owed["attempts"][1]["status"], &owed["attempts"][1]["answer"]),
        (&json!(302), &json!("said <b>so</b>"))
    );

    desk.house.conversation(&ana, "Hello again").await;
    desk.drive().await;
    assert_eq!(receiver.take().len(), 1);
    let path = format!("/api/webhook_subscriptions/{}", id(&made));
    assert_eq!(desk.house.get(&path).await.ok()["state"], "gone");
    desk.house.conversation(&ana, "Not told").await;
    desk.drive().await;
    desk.house.put(&path, json!({"state": "active"})).await.ok();
    desk.house.conversation(&ana, "Told again").await;
    desk.drive().await;
    let told = receiver.take();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].item()["source"]["body"], "Told again");
}

#[tokio::test]
async fn whk_3_a_429_slows_the_subscription_and_loses_nothing() {
    let mut desk = Desk::new().await;
    let receiver = Receiver::start().await;
    let made = desk.subscribe(&receiver, json!(["conversation.user.created"]), json!({"retry": "compat"})).await;
    let ana = desk.house.contact("ana@example.com").await;
    desk.house.conversation(&ana, "One").await;
    receiver.script().answers = vec![(429, None), (429, Some("600"))];
    desk.drive().await;
    desk.house.conversation(&ana, "Two").await;
    desk.drive().await;
    assert_eq!(receiver.take().len(), 1, "nothing else goes while it rests");
    let path = format!("/api/webhook_subscriptions/{}", id(&made));
    assert_eq!(desk.house.get(&path).await.ok()["paused_until"], json!(START.seconds() + 60));
    desk.wait(60);
    desk.drive().await;
    // One and Two are of different conversations and went together; one of them was told to wait.
    assert_eq!(receiver.take().len(), 2);
    desk.wait(600);
    desk.drive().await;
    assert_eq!(receiver.take().len(), 1);
    let states: Vec<Value> = desk.deliveries(&made, "").await.into_iter().map(|owed| owed["state"].clone()).collect();
    assert_eq!(states, [json!("sent"), json!("sent")]);
}

#[tokio::test]
async fn tst_119_a_thread_waits_for_its_first_and_others_go_on() {
    let mut desk = Desk::new().await;
    let receiver = Receiver::start().await;
    desk.subscribe(&receiver, json!(["conversation.admin.replied"]), json!({})).await;
    let ana = desk.house.contact("ana@example.com").await;
    let (one, two) = (desk.house.conversation(&ana, "1").await, desk.house.conversation(&ana, "2").await);
    desk.comment(&one, "a").await;
    receiver.will_answer(&[503]);
    desk.drive().await;
    for said in ["b", "c"] {
        desk.comment(&one, said).await;
        desk.comment(&two, said).await;
    }
    desk.drive().await;
    let said = |got: &[Got], thread: &str| -> Vec<String> {
        let of = got.iter().filter(|got| got.item()["id"] == thread);
        let body =
            |got: &Got| got.item()["conversation_parts"]["conversation_parts"][0]["body"].as_str().unwrap().to_owned();
        of.map(body).collect()
    };
    let got = receiver.take();
    assert_eq!((said(&got, &one), said(&got, &two)), (vec!["a".to_owned()], vec!["b".to_owned(), "c".to_owned()]));
    desk.wait(60);
    // A worker that starts anew knows what the store knows.
    desk.read_to.clear();
    desk.drive().await;
    let got = receiver.take();
    assert_eq!((said(&got, &one), said(&got, &two)), (["a", "b", "c"].map(ToOwned::to_owned).to_vec(), vec![]));
    let order: Vec<u64> = got.iter().map(|got| got.body["deskgate"]["log_seq"].as_u64().unwrap()).collect();
    assert!(order.windows(2).all(|pair| pair[0] < pair[1]));
}

#[tokio::test]
async fn whk_4_and_10_to_14_a_life_in_topics() {
    let mut desk = Desk::new().await;
    let receiver = Receiver::start().await;
    desk.subscribe(&receiver, every_topic(), json!({})).await;
    let house = &desk.house;
    let billing = house.ticket_type("Customer").await;
    let states = billing["ticket_states"]["data"].as_array().unwrap();
    let resolved = id(states.iter().find(|state| state["category"] == "resolved").unwrap());
    let ana = house.contact("ana@example.com").await;
    let thread = house.conversation(&ana, "Hello").await;
    desk.comment(&thread, "Hi").await;
    let answer = json!({"message_type": "comment", "type": "user", "intercom_user_id": ana, "body": "More"});
    house.post(&format!("/api/conversations/{thread}/reply"), answer.clone()).await.ok();
    house.post(&format!("/api/conversations/{thread}/convert"), json!({"ticket_type_id": id(&billing)})).await.ok();
    let path = format!("/api/tickets/{thread}");
    let note = json!({"message_type": "note", "type": "admin", "admin_id": house.agent, "body": "Look"});
    house.post(&format!("{path}/reply"), note).await.ok();
    house.put(&path, json!({"ticket_attributes": {"_default_title_": "VAT"}})).await.ok();
    house.put(&path, json!({"assignee_id": house.agent, "admin_id": house.agent})).await.ok();
    house.put(&path, json!({"ticket_state_id": resolved})).await.ok();
    house.put(&path, json!({"open": false, "admin_id": house.agent})).await.ok();
    house.post(&format!("/api/conversations/{thread}/reply"), answer).await.ok();
    desk.drive().await;
    let got = receiver.take();
    let of_thread: Vec<&str> =
        got.iter().filter(|got| got.body["deskgate"]["thread_id"] == thread.as_str()).map(Got::topic).collect();
    assert_eq!(
        of_thread,
        [
            "conversation.user.created",
            "conversation.admin.replied",
            "conversation.user.replied",
            "ticket.created",
            "conversation.admin.noted",
            "ticket.note.created",
            "ticket.attribute.updated",
            "conversation.admin.assigned",
            "ticket.admin.assigned",
            "ticket.state.updated",
            "ticket.resolved",
            "conversation.admin.closed",
            "ticket.closed",
            "conversation.user.replied",
            "ticket.contact.replied",
            "ticket.state.updated",
        ]
    );
    assert!(topics_of(&got).contains(&"contact.user.created"), "{:?}", topics_of(&got));
    let of = |topic: &str| got.iter().find(|got| got.topic() == topic).unwrap();
    assert_eq!(
        (&of("ticket.resolved").item()["type"], &of("ticket.resolved").item()["id"]),
        (&json!("ticket"), &json!(thread))
    );
    assert_eq!(of("ticket.closed").item()["id"], Value::Null, "WHK-4");
    assert_eq!(of("ticket.closed").item()["ticket"]["id"], json!(thread), "WHK-4");
    let noted = &of("ticket.note.created").item()["ticket_parts"]["ticket_parts"];
    assert_eq!((&noted[0]["part_type"], &noted[0]["body"]), (&json!("note"), &json!("Look")));
    let closed = &of("ticket.closed").body["deskgate"];
    assert_eq!((&closed["state"], &closed["ticket_state"]), (&json!("closed"), &json!("resolved")), "OBJ-4: both axes");
    let moved = &got.last().unwrap().body["deskgate"];
    assert_eq!(moved["cause"], "customer_reply");
}

#[tokio::test]
async fn whk_14_links_are_told_once_by_the_ticket_that_links() {
    let mut desk = Desk::new().await;
    let receiver = Receiver::start().await;
    desk.subscribe(&receiver, json!(["ticket.linked", "ticket.unlinked"]), json!({})).await;
    let house = &desk.house;
    let ana = house.contact("ana@example.com").await;
    let thread = house.conversation(&ana, "It is down").await;
    let outage = house.ticket_type("Tracker").await;
    let new =
        json!({"ticket_type_id": id(&outage), "contacts": [], "ticket_attributes": {"_default_title_": "Outage"}});
    let tracker = id(&house.post("/api/tickets", new).await.ok());
    house.post(&format!("/api/tickets/{tracker}/links"), json!({"thread_id": thread})).await.ok();
    house.delete(&format!("/api/tickets/{tracker}/links/{thread}")).await.ok();
    desk.drive().await;
    let got = receiver.take();
    assert_eq!(topics_of(&got), ["ticket.linked", "ticket.unlinked"]);
    assert!(
        got.iter()
            .all(|got| got.item()["id"] == tracker.as_str() && got.body["deskgate"]["other_id"] == thread.as_str())
    );
}

#[tokio::test]
async fn whk_3_deliveries_are_listed_and_replayed_for_a_week() {
    let mut desk = Desk::new().await;
    let receiver = Receiver::start().await;
    let made = desk.subscribe(&receiver, json!(["conversation.user.created"]), json!({"retry": "compat"})).await;
    let ana = desk.house.contact("ana@example.com").await;
    for said in ["1", "2", "3"] {
        desk.house.conversation(&ana, said).await;
    }
    receiver.will_answer(&[200, 404, 200, 404]);
    desk.drive().await;
    desk.wait(60);
    desk.drive().await;
    assert_eq!(receiver.take().len(), 4);
    let failed = desk.deliveries(&made, "?state=failed").await;
    assert_eq!((failed.len(), desk.deliveries(&made, "?state=sent").await.len()), (1, 2));
    let page = desk.house.get(&format!("/api/webhook_subscriptions/{}/deliveries?per_page=2", id(&made))).await.ok();
    assert_eq!((&page["has_more"], page["data"].as_array().unwrap().len()), (&json!(true), 2));
    let rest = desk.deliveries(&made, &format!("?before={}", page["next_before"].as_str().unwrap())).await;
    assert_eq!(rest.len(), 1);

    let path = format!("/api/webhook_subscriptions/{}/replay", id(&made));
    let replayed = desk.house.post(&path, json!({"since": START.seconds()})).await.ok();
    assert_eq!(replayed["delivery_ids"], json!([id(&failed[0])]));
    desk.drive().await;
    assert_eq!(receiver.take()[0].body["id"], failed[0]["notification_id"]);
    let again = desk.house.post(&path, json!({"delivery_ids": [id(&rest[0])]})).await.ok();
    assert_eq!(again["replayed"], json!(1));
    desk.drive().await;
    assert_eq!(receiver.take()[0].body["id"], rest[0]["notification_id"]);
    assert_eq!(desk.house.post(&path, json!({"since": START.seconds(), "all": true})).await.ok()["replayed"], json!(3));
    assert_eq!(desk.house.post(&path, json!({"delivery_ids": [1]})).await.error().0, 404);
    assert_eq!(desk.house.post(&path, json!({})).await.error().0, 400);
    desk.drive().await;
    desk.wait(7 * 86_400);
    assert_eq!(desk.house.desk.prune_notifications().await.unwrap(), 3);
    assert!(desk.deliveries(&made, "").await.is_empty());
}

#[tokio::test]
async fn whk_3_fifty_failures_in_a_row_pause_and_a_restart_forgets_nothing() {
    let mut desk = Desk::new().await;
    let receiver = Receiver::start().await;
    let made = desk.subscribe(&receiver, json!(["conversation.user.created"]), json!({})).await;
    let ana = desk.house.contact("ana@example.com").await;
    for said in 0..60 {
        desk.house.conversation(&ana, &said.to_string()).await;
    }
    receiver.will_answer(&[500; 52]);
    desk.drive().await;
    let tried = receiver.take().len();
    assert!((50..=52).contains(&tried), "{tried}: it stops at fifty, with what was under way");
    let path = format!("/api/webhook_subscriptions/{}", id(&made));
    assert_eq!(desk.house.get(&path).await.ok()["paused_until"], json!(START.seconds() + 900));
    let troubles = desk.house.desk.webhook_troubles().unwrap();
    assert!(troubles.len() == 1 && troubles[0].0.ends_with("is paused"), "{troubles:?}");
    desk.read_to.clear();
    desk.wait(900);
    desk.drive().await;
    assert_eq!(desk.deliveries(&made, "?state=sent&per_page=150").await.len(), 60);
    assert_eq!(desk.house.desk.webhook_troubles(), Ok(Vec::new()));
}

#[tokio::test]
async fn whk_1_bodies_are_plain_text_and_html_for_a_subscription_that_asks() {
    let mut desk = Desk::new().await;
    let (plain, html) = (Receiver::start().await, Receiver::start().await);
    let topics = json!(["conversation.admin.replied"]);
    desk.subscribe(&plain, topics.clone(), json!({})).await;
    desk.subscribe(&html, topics, json!({"html": true})).await;
    let ana = desk.house.contact("ana@example.com").await;
    let conversation = desk.house.conversation(&ana, "Hello").await;
    desk.comment(&conversation, "<p>Fish &amp; <b>chips</b></p>").await;
    desk.drive().await;
    for (receiver, body) in [(&plain, "Fish & chips"), (&html, "<p>Fish &amp; <b>chips</b></p>")] {
        let got = receiver.take().remove(0);
        assert_eq!(got.item()["conversation_parts"]["conversation_parts"][0]["body"], body);
        let beside = &got.body["deskgate"];
        assert_eq!(
            (&beside["thread_seq"], &beside["state"], &beside["ticket_state"]),
            (&json!(2), &json!("open"), &Value::Null)
        );
        assert!(beside["log_seq"].as_u64().is_some_and(|seq| seq > 0) && beside.get("cause").is_some(), "{beside}");
        assert_eq!(got.body["app_id"], desk.house.get("/api/me").await.ok()["app"]["id_code"], "the workspace's id");
    }
}

#[tokio::test]
async fn whk_2_what_is_kept_of_a_secret_is_not_the_secret() {
    let house = House::new().await;
    let caller = house.desk.authenticate(&house.token).unwrap();
    let new = crate::desk::webhooks::NewWebhook {
        url: "http://127.0.0.1:1/in".to_owned(),
        topics: vec!["ping".to_owned()],
        secret: Some("a secret of sixteen".to_owned()),
        html: false,
        retry: Default::default(),
    };
    let (kept, secret) = house.desk.create_webhook(&caller, new).await.unwrap();
    assert_eq!(secret.0, "a secret of sixteen", "told once");
    let found = house.desk.webhook(&caller, kept.id).unwrap();
    assert!(!found.secret.0.contains("secret") && found.secret.0.len() > secret.0.len(), "{found:?}");
    house.desk.ping_webhook(&caller, kept.id).await.unwrap();
    let notice = house.desk.webhook_notices(kept.id, 1).unwrap().remove(0);
    assert_eq!(notice.secrets, [secret]);
}

#[tokio::test]
async fn whk_12_13_a_life_of_people_and_companies_in_topics() {
    let mut desk = Desk::new().await;
    let receiver = Receiver::start().await;
    desk.subscribe(&receiver, every_topic(), json!({})).await;
    let house = &desk.house;
    let ana = house.contact("ana@example.com").await;
    let lead = id(&house.post("/api/contacts", json!({"role": "lead", "phone": "+1"})).await.ok());
    let path = format!("/api/contacts/{lead}");
    house.put(&path, json!({"email": "ana@example.com"})).await.ok();
    house.put(&path, json!({"unsubscribed_from_emails": true})).await.ok();
    house.put(&path, json!({"unsubscribed_from_emails": false})).await.ok();
    house.post(&format!("{path}/archive"), json!({})).await.ok();
    house.post(&format!("{path}/unarchive"), json!({})).await.ok();
    let company = id(&house.post("/api/companies", json!({"name": "Acme"})).await.ok());
    house.put(&format!("/api/companies/{company}"), json!({"size": 2})).await.ok();
    let of = format!("/api/contacts/{ana}/companies");
    house.post(&of, json!({"id": company})).await.ok();
    house.delete(&format!("{of}/{company}")).await.ok();
    house.delete(&format!("/api/companies/{company}")).await.ok();
    house.post("/api/contacts/merge", json!({"from": lead, "into": ana})).await.ok();
    let did =
        json!({"intercom_user_id": ana, "event_name": "ordered", "created_at": START.seconds(), "metadata": {"n": 1}});
    house.post("/api/events", did).await;
    let away = json!({"away_mode_enabled": true, "away_mode_reassign": false});
    house.put(&format!("/api/admins/{}/away", house.agent), away).await.ok();
    house.delete(&format!("/api/contacts/{ana}")).await.ok();
    desk.drive().await;
    let got = receiver.take();
    let topics = topics_of(&got);
    for topic in [
        "contact.user.created",
        "contact.lead.created",
        "contact.lead.added_email",
        "contact.unsubscribed",
        "contact.subscribed",
        "contact.archived",
        "contact.unarchive",
        "company.created",
        "company.updated",
        "company.contact.attached",
        "company.contact.detached",
        "company.deleted",
        "contact.merged",
        "event.created",
        "admin.away_mode_updated",
        "contact.deleted",
    ] {
        // What is made and changed in one instant is told as made each time.
        let times = topics.iter().filter(|one| **one == topic).count();
        assert!(times == 1 || (times > 1 && topic.ends_with(".created")), "{topic} in {topics:?}");
    }
    let of = |topic: &str| got.iter().find(|got| got.topic() == topic).unwrap().item().clone();
    assert_eq!((&of("company.deleted")["id"], of("company.deleted").get("name")), (&json!(company), None), "WHK-4");
    assert_eq!((&of("contact.deleted")["id"], of("contact.deleted").get("email")), (&json!(ana), None), "WHK-4");
    assert_eq!(of("admin.away_mode_updated")["away_mode_enabled"], json!(true));
}
