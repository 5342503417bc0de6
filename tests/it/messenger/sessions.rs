//! What a session does: who it is, what it says and sees.

use crate::messenger::bench::Bench;
use crate::messenger::bench::SECRET;
use crate::messenger::bench::thread;
use crate::messenger::client::Client;
use crate::messenger::client::Seen;
use deskgate::channel::messenger::hub::Look;
use deskgate::channel::messenger::hub::Options;
use deskgate::channel::messenger::presence::AgentFace;
use deskgate::channel::messenger::presence::AgentState;
use deskgate::desk::people::contacts::ContactRef;
use deskgate::desk::thread::message::Body;
use deskgate::desk::thread::message::NewMessage;
use deskgate::desk::ticket::ticket_types::NewTicketType;
use deskgate::desk::ticket::tickets::Conversion;
use deskgate::desk::ticket::tickets::TicketChange;
use deskgate::domain::state::StateCategory;
use deskgate::domain::ticket_type::Category;
use jsonwebtoken::Algorithm;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::Header;
use ring::hmac;
use serde_json::Value;
use serde_json::json;
use tokio::io::DuplexStream;

fn user_hash(subject: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    data_encoding::HEXLOWER.encode(hmac::sign(&key, subject.as_bytes()).as_ref())
}

fn jwt(claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_42_a_post_is_acknowledged_once_stored_and_shows_in_every_tab() {
    let bench = Bench::new().await;
    let (mut first, identity) = bench.visitor().await;
    let mut second = bench.connect().await;
    let welcome = second.hello(identity, None).await;
    assert_eq!(welcome["resumed"], false);
    assert_eq!(welcome["contact"]["type"], "visitor");
    first
        .say(json!({"type": "send", "client_id": "c-1", "conversation_id": null, "body": "Hello <b>there</b>",
            "attachments": [{"name": "a.txt", "content_type": "text/plain", "data": "aGVsbG8="}]}))
        .await;
    let own = first.event("part.created").await;
    let ack = first.frame_of("ack").await;
    assert!(own["seq"].as_u64() <= ack["seq"].as_u64(), "everything up to the ack's seq was sent before it");
    let other = second.event("part.created").await;
    assert_eq!(own, other, "both tabs get the same frame");
    let part = &own["part"];
    assert_eq!(part["id"], ack["part_id"]);
    assert_eq!(own["conversation_id"], ack["conversation_id"]);
    assert_eq!(part["client_id"], "c-1");
    assert_eq!(part["text"], "Hello <b>there</b>");
    assert!(!part["body"].as_str().unwrap().contains("<b>"), "text is text: {part}");
    assert_eq!(part["attachments"][0]["name"], "a.txt");
    assert_eq!(part["attachments"][0]["size"], 5);
    let stored = bench.desk.thread_view(&bench.caller, thread(&ack["conversation_id"]), true).unwrap();
    assert_eq!(stored.parts.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tst_100_the_same_client_id_five_times_is_one_part_and_one_answer() {
    let bench = Bench::new().await;
    let (mut client, identity) = bench.visitor().await;
    let first = client.post("same", None, "once").await;
    for _ in 0..2 {
        assert_eq!(client.post("same", None, "once").await, first);
    }
    let mut later = bench.connect().await;
    later.hello(identity, None).await;
    for _ in 0..2 {
        assert_eq!(later.post("same", None, "once").await, first);
    }
    let stored = bench.desk.thread_view(&bench.caller, thread(&first["conversation_id"]), true).unwrap();
    assert_eq!(stored.parts.len(), 1);
    let known = bench.desk.posted_before(bench.desk.messenger_reader(stored.thread.id).unwrap().unwrap(), "same");
    assert_eq!(known.unwrap().map(|posted| posted.part.to_string()).as_deref(), first["part_id"].as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agents_answer_comes_at_once_and_a_note_never() {
    let bench = Bench::new().await;
    let (mut client, _) = bench.visitor().await;
    let ack = client.post("c", None, "question").await;
    let conversation = &ack["conversation_id"];
    let note = NewMessage::new(Body::Text("internal words".to_owned()));
    bench.desk.agent_note(&bench.caller, thread(conversation), note).await.unwrap();
    bench.agent_says(conversation, "answer").await;
    let event = client.event("part.created").await;
    assert_eq!(event["part"]["text"], "answer");
    assert_eq!(event["part"]["author"]["type"], "admin");
    let rest = client.so_far().await;
    assert!(!format!("{rest:?}").contains("internal words"));
    client.say(json!({"type": "history", "conversation_id": conversation, "limit": 100})).await;
    let history = client.frame_of("history").await;
    assert!(!history.to_string().contains("internal words"));
    assert_eq!(history["parts"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_shows_its_label_and_its_steps() {
    let bench = Bench::new().await;
    let (mut client, identity) = bench.visitor().await;
    let ack = client.post("c", None, "refund please").await;
    let new_type = NewTicketType::named("Refund", Category::Customer);
    let ticket_type = bench.desk.create_ticket_type(&bench.caller, new_type).await.unwrap().id;
    let conversion = Conversion { ticket_type, state: None, values: Vec::new(), skip_notifications: false };
    let id = thread(&ack["conversation_id"]);
    bench.desk.convert(&bench.caller, id, conversion).await.unwrap();
    let created = client.event("ticket.created").await;
    assert_eq!(created["ticket"]["type"], "Refund");
    assert_eq!(created["ticket"]["state"], "submitted");
    let states = bench.desk.ticket_states(&bench.caller).unwrap();
    let waiting = states.iter().find(|state| state.category == StateCategory::WaitingOnCustomer).unwrap();
    let change = TicketChange { state: Some(waiting.id), ..TicketChange::default() };
    bench.desk.update_ticket(&bench.caller, id, change).await.unwrap();
    let changed = loop {
        let event = client.event("ticket.state_changed").await;
        if event["part"]["state"]["state"] == "waiting_on_customer" {
            break event;
        }
    };
    assert_eq!(changed["part"]["state"]["label"], "Waiting on you", "the external label");
    assert_eq!(changed["ticket"]["label"], "Waiting on you");
    assert!(!changed.to_string().contains("Waiting on customer"), "no internal label: {changed}");
    let mut again = bench.connect().await;
    let welcome = again.hello(identity, None).await;
    assert_eq!(welcome["conversations"][0]["ticket"]["label"], "Waiting on you");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_43_a_read_mark_shows_in_every_tab() {
    let bench = Bench::new().await;
    let (mut client, identity) = bench.visitor().await;
    let ack = client.post("c", None, "question").await;
    let conversation = &ack["conversation_id"];
    bench.agent_says(conversation, "answer").await;
    let answer = client.event("part.created").await;
    let mut other = bench.connect().await;
    let welcome = other.hello(identity.clone(), None).await;
    assert_eq!(welcome["unread"], 1);
    assert_eq!(welcome["conversations"][0]["last_part"]["text"], "answer");
    client.say(json!({"type": "seen", "conversation_id": conversation, "part_id": answer["part"]["id"]})).await;
    let seen = loop {
        let event = other.event("conversation.updated").await;
        if event["conversation"]["seen_seq"] == answer["part"]["seq"] {
            break event;
        }
    };
    assert_eq!(seen["conversation_id"], *conversation);
    let mut third = bench.connect().await;
    assert_eq!(third.hello(identity, None).await["unread"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_goes_back_page_by_page() {
    let bench = Bench::new().await;
    let (mut client, _) = bench.visitor().await;
    let ack = client.post("c", None, "part 1").await;
    let conversation = &ack["conversation_id"];
    for n in 2..=7 {
        bench.agent_says(conversation, &format!("part {n}")).await;
    }
    let mut before = Value::Null;
    let mut pages = Vec::new();
    loop {
        client.say(json!({"type": "history", "conversation_id": conversation, "before": before, "limit": 3})).await;
        let history = client.frame_of("history").await;
        assert_eq!(history["conversation_id"], *conversation);
        let parts = history["parts"].as_array().unwrap();
        pages.push(parts.iter().map(|part| part["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
        if history["more"] == false {
            break;
        }
        before = parts[0]["id"].clone();
    }
    assert_eq!(pages, [vec!["part 5", "part 6", "part 7"], vec!["part 2", "part 3", "part 4"], vec!["part 1"]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_answer_comes_whole_in_pieces() {
    let bench = Bench::new().await;
    let (mut client, _) = bench.visitor().await;
    let ack = client.post("c", None, "question").await;
    let long: String = "Größe 1234 €\n".chars().cycle().take(10_000).collect();
    bench.agent_says(&ack["conversation_id"], &long).await;
    let event = client.event("part.created").await;
    assert_eq!(event["part"]["text"].as_str().map(str::trim), Some(long.trim()));
    assert_eq!(event["part"].get("truncated"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_45_typing_is_shown_and_not_logged() {
    let bench = Bench::new().await;
    let (mut client, _) = bench.visitor().await;
    let ack = client.post("c", None, "question").await;
    let conversation = &ack["conversation_id"];
    let contact = bench.desk.messenger_reader(thread(conversation)).unwrap().unwrap();
    let before = bench.desk.log_seq().unwrap();
    client.say(json!({"type": "typing", "conversation_id": conversation})).await;
    bench.until(|bench| bench.hub.is_typing(thread(conversation), contact)).await;
    assert!(bench.hub.is_online(contact));
    let face = AgentFace { id: "1".to_owned(), name: "Ivo".to_owned(), avatar: None };
    bench.hub.agent_typing(thread(conversation), Some(contact), &face);
    bench.hub.agent_presence(thread(conversation), Some(contact), &face, AgentState::Away);
    let typing = client.frame().await;
    assert_eq!((&typing["type"], &typing["agent"]["name"]), (&json!("typing"), &json!("Ivo")));
    let presence = client.frame().await;
    assert_eq!((&presence["type"], &presence["state"]), (&json!("presence"), &json!("away")));
    assert_eq!(bench.desk.log_seq().unwrap(), before);
    drop(client);
    bench.until(|bench| !bench.hub.is_online(contact)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_2_what_a_page_tracks_is_kept_for_agents_and_said_to_nobody_else() {
    let bench = Bench::new().await;
    let mut client = bench.connect().await;
    let welcome = client.hello(json!({}), None).await;
    let contact = bench.contact(&welcome["contact"]["id"]).id;
    client.say(json!({"type": "track", "name": "ordered", "metadata": {"total": 12}})).await;
    client.say(json!({"type": "track", "client_id": "track", "name": "", "metadata": {}})).await;
    let refused = client.frame().await;
    assert_eq!((&refused["type"], &refused["client_id"]), (&json!("error"), &json!("track")), "{refused}");
    let (_, kept) = bench.desk.data_events(&bench.caller, &ContactRef::Id(contact), None, 10).unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].name.as_str(), kept[0].metadata.as_str()), ("ordered", r#"{"total":12}"#));
    // Both counted against the twenty of a minute.
    for n in 0..18 {
        client.say(json!({"type": "track", "name": format!("step-{}", n % 3)})).await;
    }
    client.say(json!({"type": "track", "name": "one too many"})).await;
    assert_eq!(client.frame().await["code"], "rate_limit_exceeded");
    let (_, counts) = bench.desk.data_event_summaries(&bench.caller, &ContactRef::Id(contact)).unwrap();
    assert_eq!(counts.iter().map(|one| one.count).sum::<u64>(), 19);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_20_visitors_and_users_are_told_their_own_spaces() {
    let look = Look {
        visitor_spaces: vec!["messages"],
        user_spaces: vec!["home", "tickets"],
        portal_url: Some("https://example.com/portal".to_owned()),
        ..Look::default()
    };
    let bench = Bench::with(Options { look, ..Options::default() }, false).await;
    let user = json!({"user_id": "u-1", "user_hash": user_hash("u-1")});
    for (identity, spaces) in [(json!({}), json!(["messages"])), (user, json!(["home", "tickets"]))] {
        let welcome = bench.connect().await.hello(identity, None).await;
        let settings = &welcome["settings"];
        assert_eq!((&settings["spaces"], &settings["portal_url"]), (&spaces, &json!("https://example.com/portal")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_others_is_not_there() {
    let bench = Bench::new().await;
    let (mut owner, _) = bench.visitor().await;
    let ack = owner.post("c", None, "private words").await;
    let (conversation, part) = (&ack["conversation_id"], &ack["part_id"]);
    let (mut stranger, _) = bench.visitor().await;
    let asked = [
        json!({"type": "send", "client_id": "x", "conversation_id": conversation, "body": "hi"}),
        json!({"type": "send", "client_id": "x", "conversation_id": "1", "body": "hi"}),
        json!({"type": "history", "conversation_id": conversation}),
        json!({"type": "history", "conversation_id": conversation, "before": part}),
        json!({"type": "seen", "conversation_id": conversation, "part_id": part}),
    ];
    for question in asked {
        let client_id = question.get("client_id").cloned();
        stranger.say(question.clone()).await;
        let error = stranger.frame_of("error").await;
        assert_eq!(error["code"], "conversation_not_found", "{question}");
        assert_eq!(error.get("client_id"), client_id.as_ref(), "{question}");
    }
    stranger.say(json!({"type": "typing", "conversation_id": conversation})).await;
    assert!(!format!("{:?}", stranger.so_far().await).contains("private words"));
    let contact = bench.desk.messenger_reader(thread(conversation)).unwrap().unwrap();
    assert!(!bench.hub.is_typing(thread(conversation), contact));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_taken_is_answered_with_its_client_id() {
    let bench = Bench::new().await;
    let (mut client, _) = bench.visitor().await;
    let cases = [
        (json!({"type": "form", "client_id": "f", "ticket_type_id": "1", "attributes": {}}), "ticket_type_not_found"),
        (json!({"type": "send", "client_id": "f", "body": ""}), "parameter_invalid"),
        (json!({"type": "send", "client_id": "f", "body": "x".repeat(10_001)}), "parameter_invalid"),
        (json!({"type": "send", "client_id": "f", "body": 1}), "bad_frame"),
    ];
    for (frame, code) in cases {
        client.say(frame).await;
        let error = client.frame_of("error").await;
        assert_eq!((&error["code"], &error["client_id"]), (&json!(code), &json!("f")), "{error}");
    }
}

/// Says hello and gives the contact's id, or the close code.
async fn identified(bench: &Bench, identity: Value) -> Result<Value, u16> {
    let mut client: Client<DuplexStream> = bench.connect().await;
    client.say(json!({"type": "hello", "identity": identity})).await;
    match client.frame().await {
        welcome if welcome["type"] == "welcome" => Ok(welcome),
        error => {
            assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("unauthorized")), "{error}");
            match client.see().await {
                Seen::Closed(code) => Err(code),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tst_95_the_hash_of_the_user_id_counts_and_a_wrong_one_opens_nothing() {
    let bench = Bench::with(Options::default(), true).await;
    let good = json!({"user_id": "u-7", "email": "ana@example.com", "user_hash": user_hash("u-7")});
    let first = identified(&bench, good.clone()).await.unwrap();
    assert_eq!(first["contact"]["user_id"], "u-7");
    assert_eq!(first["visitor"], Value::Null);
    assert_eq!(first["settings"]["verified"], true);
    assert_eq!(identified(&bench, good).await.unwrap()["contact"]["id"], first["contact"]["id"]);
    let by_email = json!({"user_id": "u-7", "email": "ana@example.com", "user_hash": user_hash("ana@example.com")});
    assert_eq!(identified(&bench, by_email).await, Err(4001), "user_id counts when both are sent");
    for bad in ["", "00", "zz", &user_hash("u-8")] {
        let claim = json!({"user_id": "u-7", "user_hash": bad});
        assert_eq!(identified(&bench, claim).await, Err(4001), "{bad:?}");
    }
    assert_eq!(identified(&bench, json!({"user_id": "u-7"})).await, Err(4001), "enforced");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tst_96_tokens_that_prove_nothing_are_refused() {
    let bench = Bench::new().await;
    let good = identified(&bench, json!({"jwt": jwt(&json!({"user_id": "u-9", "name": "Ana"}))})).await.unwrap();
    assert_eq!((&good["contact"]["user_id"], &good["contact"]["name"]), (&json!("u-9"), &json!("Ana")));
    let none = format!(
        "{}.{}.",
        data_encoding::BASE64URL_NOPAD.encode(br#"{"alg":"none","typ":"JWT"}"#),
        data_encoding::BASE64URL_NOPAD.encode(br#"{"user_id":"u-9"}"#)
    );
    let foreign = jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &json!({"user_id": "u-9"}),
        &EncodingKey::from_secret(b"another secret"),
    );
    let bad = [
        jwt(&json!({"email": "ana@example.com"})),
        jwt(&json!({"user_id": "u-9", "exp": 1_000})),
        none,
        foreign.unwrap(),
        "a.b.c".to_owned(),
        String::new(),
    ];
    for token in bad {
        assert_eq!(identified(&bench, json!({"jwt": token})).await, Err(4001), "{token}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tst_97_an_unproved_boot_as_a_known_user_sees_none_of_their_threads() {
    let bench = Bench::new().await;
    let mut user = bench.connect().await;
    let proved = json!({"user_id": "u-1", "user_hash": user_hash("u-1")});
    let welcome = user.hello(proved, None).await;
    let ack = user.post("c", None, "private words").await;
    let mut impostor = bench.connect().await;
    let unproved = impostor.hello(json!({"user_id": "u-1", "email": "u1@example.com"}), Some(1)).await;
    assert_ne!(unproved["contact"]["id"], welcome["contact"]["id"]);
    assert_eq!(unproved["settings"]["verified"], false);
    bench.agent_says(&ack["conversation_id"], "private answer").await;
    user.event("part.created").await;
    impostor.say(json!({"type": "history", "conversation_id": ack["conversation_id"]})).await;
    let seen = format!("{unproved} {:?}", impostor.so_far().await);
    assert!(!seen.contains("private"), "{seen}");
    assert!(seen.contains("conversation_not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_12_an_unproved_session_comes_back_to_what_it_started_here() {
    let bench = Bench::new().await;
    let mut client = bench.connect().await;
    let first = client.hello(json!({"user_id": "u-2", "name": "Ana"}), None).await;
    client.post("c", None, "mine").await;
    drop(client);
    let mut again = bench.connect().await;
    let identity = json!({"user_id": "u-2", "name": "Ana", "visitor": first["visitor"]});
    let welcome = again.hello(identity, None).await;
    assert_eq!(welcome["contact"]["id"], first["contact"]["id"]);
    assert_eq!(welcome["contact"]["type"], "lead");
    assert_eq!(welcome["conversations"].as_array().map(Vec::len), Some(1));
}
