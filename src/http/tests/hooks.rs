//! Raw MIME over HTTP.

use super::*;
use crate::http::ops::health::Health;

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
