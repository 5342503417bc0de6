//! Agents' stream of the log and of the moment: what comes, to whom, and what ends it (DSK-1, DSK-7).

use super::*;
use crate::channel::messenger::Hub;
use crate::channel::messenger::hub::Options;
use crate::domain::id::ContactId;
use crate::http::live_streams::PER_AGENT_MAX;
use tokio_util::sync::CancellationToken;

/// Nothing a test waits for takes longer.
const SOON: Duration = Duration::from_secs(10);

/// A stream as a client reads it.
struct Stream {
    body: Body,
    read: String,
}

/// One event of it.
#[derive(Debug, PartialEq)]
struct Sent {
    name: String,
    id: Option<u64>,
    data: Value,
}

async fn open(router: &Router, token: &str, since: Option<u64>) -> axum::response::Response {
    let mut request = Request::builder().uri("/api/events_log/stream");
    request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    if let Some(since) = since {
        request = request.header("Last-Event-ID", since);
    }
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

impl Stream {
    /// Opens one and reads how things are.
    async fn begin(router: &Router, token: &str, since: Option<u64>) -> (Self, Sent) {
        let response = open(router, token, since).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        let mut stream = Self { body: response.into_body(), read: String::new() };
        let now = stream.next().await.unwrap();
        assert_eq!(now.name, "now");
        (stream, now)
    }

    /// The next event, or nothing at the end.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(end) = self.read.find("\n\n") {
                let block: String = self.read.drain(..end + 2).collect();
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(ToOwned::to_owned);
                if let Some(data) = field("data: ") {
                    let id = field("id: ").map(|id| id.parse().unwrap());
                    let data = serde_json::from_str(&data).unwrap();
                    return Some(Sent { name: field("event: ").unwrap(), id, data });
                }
                continue;
            }
            let frame = tokio::time::timeout(SOON, self.body.frame()).await.expect("something within 10 s")?;
            self.read.push_str(std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap());
        }
    }

    /// The next event of that name.
    async fn next_of(&mut self, name: &str) -> Sent {
        loop {
            let sent = self.next().await.unwrap_or_else(|| panic!("ended before {name}"));
            if sent.name == name {
                return sent;
            }
        }
    }

    /// Entries up to the one of that name.
    async fn entries_to(&mut self, event: &str) -> Vec<Value> {
        let mut entries = Vec::new();
        loop {
            let sent = self.next_of("entry").await;
            assert_eq!(sent.id, sent.data["log_seq"].as_u64());
            let last = sent.data["event"] == event;
            entries.push(sent.data);
            if last {
                return entries;
            }
        }
    }

    /// Reads to the end; the reason.
    async fn reason(&mut self) -> Value {
        let end = self.next_of("end").await;
        assert_eq!(self.next().await, None);
        end.data["reason"].clone()
    }
}

fn ticket(of_type: &Value, contact: &str) -> Value {
    let attributes = json!({"_default_title_": "Look into it"});
    json!({"ticket_type_id": id(of_type), "contacts": [{"id": contact}], "ticket_attributes": attributes})
}

fn names(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["event"].as_str().unwrap()).collect()
}

fn seqs(entries: &[Value]) -> Vec<u64> {
    entries.iter().map(|entry| entry["log_seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn dsk_1_everybody_follows_what_they_may_read_and_no_more() {
    let house = House::new().await;
    let narrow = house.token_for(&[Scope::ReadConversations]).await;
    let (mut whole, now) = Stream::begin(&house.router, &house.token, None).await;
    let (mut part, _) = Stream::begin(&house.router, &narrow, None).await;
    assert_eq!(now.data, json!({"type": "now", "log_seq": now.id, "typing": [], "online": [], "viewing": []}));
    let ana = house.contact("ana@example.com").await;
    let task = house.ticket_type("Back-office").await;
    house.post("/api/tickets", ticket(&task, &ana)).await.ok();
    let first = house.conversation(&ana, "Where is my order?").await;
    house.delete(&format!("/api/conversations/{first}")).await;
    let all = whole.entries_to("conversation.deleted").await;
    assert!(names(&all).contains(&"contact.updated") && names(&all).contains(&"ticket.created"), "{all:?}");
    let some = part.entries_to("conversation.deleted").await;
    assert!(!some.is_empty() && some.iter().all(|entry| entry["thread_id"] == json!(first)), "{some:?}");
    assert!(some.iter().all(|entry| all.contains(entry)), "the same entries, fewer of them");
    let logged = house.get(&format!("/api/events_log?per_page=150&after={}", now.id.unwrap())).await.ok();
    assert_eq!(json!(all), logged["data"], "the same as by asking");
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn dsk_1_a_stream_cut_anywhere_goes_on_without_loss_or_repetition() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let (mut stream, now) = Stream::begin(&house.router, &house.token, None).await;
    let (begin, mut got) = (now.id.unwrap(), Vec::new());
    for round in 0..30_usize {
        house.conversation(&ana, &format!("Question {round}")).await;
        for _ in 0..round % 4 {
            got.extend(seqs(&[stream.next_of("entry").await.data]));
        }
        if round % 3 == 0 {
            let since = got.last().copied().unwrap_or(begin);
            stream = Stream::begin(&house.router, &house.token, Some(since)).await.0;
        }
    }
    let last = house.desk.log_seq().unwrap().0;
    while got.last() != Some(&last) {
        got.extend(seqs(&[stream.next_of("entry").await.data]));
    }
    assert_eq!(got, (begin + 1..=last).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_position_that_the_log_does_not_know_begins_anew() {
    let house = House::new().await;
    let last = house.desk.log_seq().unwrap().0;
    let (mut stream, _) = Stream::begin(&house.router, &house.token, Some(last + 1_000)).await;
    let resync = stream.next_of("resync").await;
    assert_eq!((resync.id, &resync.data["log_seq"]), (Some(last), &json!(last)));
    house.contact("ana@example.com").await;
    assert_eq!(stream.next_of("entry").await.id, Some(last + 1));
    let asked = house.get("/api/events_log/stream?after=yesterday").await;
    assert_eq!(asked.error().0, 400);
}

#[tokio::test]
async fn a_stream_needs_a_right_to_read_and_ends_with_its_token() {
    let house = House::new().await;
    let blind = house.token_for(&[Scope::ReadAdmins]).await;
    assert_eq!(open(&house.router, &blind, None).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(open(&house.router, "dg_unknown", None).await.status(), StatusCode::UNAUTHORIZED);
    let (token, secret) =
        house.desk.create_token(&address("bo@example.com"), "console", Vec::new(), None).await.unwrap();
    let (mut stream, _) = Stream::begin(&house.router, &secret, None).await;
    house.desk.revoke_token(token.id).await.unwrap();
    assert_eq!(stream.reason().await, "token_unauthorized");
}

#[tokio::test]
async fn streams_of_one_agent_are_bounded_and_a_drain_ends_them_all() {
    let house = House::new().await;
    let drain = CancellationToken::new();
    let router = router(house.api.clone().with_drain(drain.clone()));
    let mut streams = Vec::new();
    for _ in 0..=PER_AGENT_MAX {
        streams.push(Stream::begin(&router, &house.token, None).await.0);
    }
    assert_eq!(streams.remove(0).reason().await, "too_many_streams");
    drain.cancel();
    for mut stream in streams {
        assert_eq!(stream.reason().await, "going_away");
    }
    assert_eq!(open(&router, &house.token, None).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn dsk_7_who_types_is_here_and_looks_is_shown_to_those_who_may_read_it() {
    let house = House::new().await;
    let options = Options { view_holds: Duration::from_millis(300), ..Options::default() };
    let hub = Hub::new(house.desk.clone(), options);
    let stop = CancellationToken::new();
    let runs = tokio::spawn({
        let (hub, stop) = (hub.clone(), stop.clone());
        async move { hub.run(stop).await }
    });
    let router = router(house.api.clone().with_messenger(hub.clone()));
    let ana = house.contact("ana@example.com").await;
    let thread = house.conversation(&ana, "Where is my order?").await;
    let tickets_alone = house.token_for(&[Scope::ReadTickets]).await;
    let (mut stream, _) = Stream::begin(&router, &house.token, None).await;
    let (mut blind, _) = Stream::begin(&router, &tickets_alone, None).await;
    let act = async |path: &str, body: Value| {
        let request = house.request(Method::POST, &format!("/api/conversations/{thread}/{path}"));
        let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()));
        assert_eq!(router.clone().oneshot(request.unwrap()).await.unwrap().status(), StatusCode::OK);
    };
    let me = json!({"type": "admin", "id": house.agent, "name": "Bo Example"});
    act("presence", json!({"state": "active"})).await;
    let looked = json!({"type": "viewing", "conversation_id": thread, "admins": [me]});
    assert_eq!(stream.next_of("viewing").await.data, looked);
    assert_eq!(stream.next_of("viewing").await.data["admins"], json!([]), "a look ends by itself");
    act("typing", json!({})).await;
    assert_eq!(stream.next_of("viewing").await.data, looked, "who types looks");
    let types = json!({"type": "typing", "conversation_id": thread, "by": me, "typing": true});
    assert_eq!(stream.next_of("typing").await.data, types);
    let contact: ContactId = ana.parse().unwrap();
    hub.contact_types(thread.parse().unwrap(), contact);
    assert_eq!(stream.next_of("typing").await.data["by"], json!({"type": "contact", "id": ana}));
    let (_, now) = Stream::begin(&router, &house.token, None).await;
    assert_eq!(now.data["typing"][0]["conversation_id"], json!(thread), "a later stream is told how things are");
    hub.contact_typed(thread.parse().unwrap(), contact);
    assert_eq!(stream.next_of("typing").await.data["typing"], json!(false));
    let place = hub.admit(None).unwrap();
    let joined = hub.join(contact, &place.seat);
    let here = |online: bool| json!({"type": "presence", "contact_id": ana, "online": online});
    assert_eq!(stream.next_of("presence").await.data, here(true));
    drop(joined);
    assert_eq!(stream.next_of("presence").await.data, here(false));
    let task = house.ticket_type("Back-office").await;
    house.post("/api/tickets", ticket(&task, &ana)).await.ok();
    assert_eq!(blind.next().await.map(|sent| sent.name), Some("entry".to_owned()), "nothing of all that before it");
    stop.cancel();
    runs.await.unwrap();
}
