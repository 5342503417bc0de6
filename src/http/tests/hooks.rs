//! Raw MIME over HTTP.

use super::*;
use crate::channel::imap::MailboxPhase;
use crate::channel::imap::MailboxState;
use crate::channel::smtp_out::RelayHealth;
use crate::http::ops::health::Health;
use tokio::sync::watch;

const MAIL: &str = "From: Ana <ana@example.com>\r\nTo: support@example.com\r\nMessage-ID: <first@example.com>\r\n\
    Subject: Broken cup\r\n\r\nIt has a crack.\r\n";

async fn hand_in(house: &House, token: &str, query: &str, mail: impl Into<Body>) -> Reply {
    let request = Request::builder().method(Method::POST).uri(format!("/hooks/in/mime{query}"));
    let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    house.send(request.header(header::CONTENT_TYPE, "message/rfc822").body(mail.into()).unwrap()).await
}

#[tokio::test]
async fn eml_1_a_mail_handed_in_over_http_is_committed_before_it_is_answered() {
    let house = House::new().await;
    let token = house.token_for(&[Scope::Intake]).await;
    let query = "?recipient=support%2Btag@example.com&recipient=support@example.com&sender=%3Cana@example.com%3E";
    let taken = hand_in(&house, &token, query, MAIL).await.ok();
    assert_eq!(taken["result"], "new_conversation", "{taken}");
    let conversation =
        house.get(&format!("/api/conversations/{}", taken["conversation_id"].as_str().unwrap())).await.ok();
    assert_eq!(conversation["source"]["subject"], "Broken cup", "{conversation}");
    let again = hand_in(&house, &token, query, MAIL).await.ok();
    assert_eq!((&again["result"], &again["conversation_id"]), (&json!("duplicate"), &taken["conversation_id"]));
    let answer = MAIL.replace("first@", "second@").replace("Subject", "In-Reply-To: <first@example.com>\r\nSubject");
    let answered = hand_in(&house, &token, "", answer).await.ok();
    assert_eq!((&answered["result"], &answered["conversation_id"]), (&json!("part"), &taken["conversation_id"]));
    assert!(house.desk.verify().unwrap().is_empty());
}

#[tokio::test]
async fn eml_7_what_may_not_come_in_is_told_why() {
    let house = House::new().await;
    let token = house.token_for(&[Scope::Intake]).await;
    let other = house.token_for(&[Scope::WriteConversations]).await;
    for (token, query, mail, status, field) in [
        (other.as_str(), "", MAIL, 403, None),
        ("nonsense", "", MAIL, 401, None),
        (&token, "?recipient=nobody@example.org", MAIL, 400, Some("recipient")),
        (&token, "?recipient=nonsense", MAIL, 400, Some("recipient")),
        (&token, "?sender=a%0Ab", MAIL, 400, Some("sender")),
        (&token, "", " \r\n", 400, None),
    ] {
        let refused = hand_in(&house, token, query, mail).await.error();
        assert_eq!((refused.0, refused.2.as_deref()), (status, field), "{query}");
    }
    assert_eq!(house.get("/api/conversations").await.ok()["total_count"], json!(0));
}

#[tokio::test]
async fn eml_9_too_large_a_mail_is_413_and_leaves_nothing() {
    let mut house = House::new().await;
    let token = house.token_for(&[Scope::Intake]).await;
    let health = Health::new();
    let api = Api::open(house.desk.clone(), RateLimits::default()).await.unwrap().with_intake(1_000, health.clone());
    house.router = router(api);
    let large = format!("{MAIL}{}", "x".repeat(1_000));
    assert_eq!(hand_in(&house, &token, "", large).await.error().0, 413);
    hand_in(&house, &token, "", MAIL).await.ok();
    assert_eq!(health.intake().into_iter().collect::<Vec<_>>(), [(("http", "new_conversation"), 1)]);
}

#[tokio::test]
async fn api_49_the_journal_is_asked_by_message_id_address_and_time() {
    let house = House::new().await;
    let token = house.token_for(&[Scope::Intake]).await;
    let query = "?recipient=support@example.com&sender=%3Cana@example.com%3E";
    hand_in(&house, &token, query, MAIL).await.ok();
    house.clock.set(house.clock.now().plus(Duration::from_secs(60)));
    let other = MAIL.replace("first@", "second@").replace("It has", "Another has");
    hand_in(&house, &token, "?recipient=support@example.com&sender=%3Cben@example.com%3E", other).await.ok();
    let ids = |list: Value| -> Vec<String> {
        list["data"].as_array().unwrap().iter().map(|row| row["message_id"].as_str().unwrap().to_owned()).collect()
    };
    let (first, second) = ("<first@example.com>", "<second@example.com>");
    let at = START.seconds();
    for (query, found) in [
        (String::new(), vec![second, first]),
        ("?message_id=first@example.com".to_owned(), vec![first]),
        ("?message_id=%3Csecond@example.com%3E".to_owned(), vec![second]),
        ("?address=ben@example.com".to_owned(), vec![second]),
        ("?address=support@example.com".to_owned(), vec![second, first]),
        (format!("?since={}", at + 30), vec![second]),
        (format!("?until={}", at + 30), vec![first]),
        ("?uid=7".to_owned(), vec![]),
    ] {
        assert_eq!(ids(house.get(&format!("/api/intake{query}")).await.ok()), found, "{query}");
    }
    let page = house.get("/api/intake?per_page=1").await.ok();
    let next = page["pages"]["next"]["starting_after"].as_str().unwrap().to_owned();
    let rest = house.get(&format!("/api/intake?per_page=1&starting_after={next}")).await.ok();
    assert_eq!((ids(page), ids(rest)), (vec![second.to_owned()], vec![first.to_owned()]));
    assert_eq!(house.get("/api/intake?since=yesterday").await.error().2.as_deref(), Some("since"));
    assert_eq!(house.get("/api/intake?address=nobody").await.error().2.as_deref(), Some("address"));
}

#[tokio::test]
async fn api_51_mailboxes_and_relays_are_shown_to_who_administers() {
    let mut house = House::new().await;
    let health = Health::new();
    let (_kept, state) = watch::channel(MailboxState {
        phase: MailboxPhase::NeedsAuth,
        last_success_at: Some(START),
        last_error: Some("the server refuses the password".to_owned()),
        ..MailboxState::default()
    });
    health.watch_mailbox("sales", state);
    let (_kept, relay) = watch::channel(RelayHealth::Up);
    health.watch_relay("main", relay);
    house.clock.set(Millis(START.0 + 90_000));
    let api = Api::open(house.desk.clone(), RateLimits::default()).await.unwrap().with_intake(1_000, health);
    house.router = router(api);
    let mailboxes = house.get("/api/mailboxes").await.ok();
    let sales = &mailboxes["data"][0];
    assert_eq!((&sales["name"], &sales["phase"]), (&json!("sales"), &json!("needs_auth")));
    assert_eq!(
        (&sales["last_success_s"], &sales["last_error"]),
        (&json!(90), &json!("the server refuses the password"))
    );
    assert_eq!(house.get("/api/relays").await.ok()["data"], json!([{"name": "main", "state": "up"}]));
    house.token = house.token_for(&[Scope::ReadTickets]).await;
    assert_eq!(house.get("/api/relays").await.error().0, 403);
}
