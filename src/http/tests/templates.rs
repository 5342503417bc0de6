//! Previews of mails (API-51, I18-2).

use super::*;

#[tokio::test]
async fn i18_2_mails_are_previewed_in_any_language_and_as_a_page_that_can_do_nothing() {
    let mut house = House::new().await;
    let list = house.get("/api/templates").await.ok();
    assert!(list["data"].as_array().unwrap().iter().any(|one| one["path"] == json!("email/agent_reply/html.hbs")));
    let subject = async |lang: &str| {
        let path = format!("/api/templates/ticket_submitted/preview?locale={lang}");
        house.get(&path).await.ok()["text"].as_str().unwrap().lines().next().unwrap().to_owned()
    };
    assert_eq!(subject("de-AT").await, "Guten Tag Ben,");
    assert_eq!(subject("ja").await, "Ben \u{69d8}");
    assert_eq!(subject("xx").await, "Hi Ben,");
    let page = house.get("/api/templates/agent_reply/preview?locale=fr&format=html").await;
    assert!(page.header("content-security-policy").unwrap().starts_with("sandbox; default-src 'none'"));
    assert!(page.whole_text().contains("<html lang=\"fr\""));
    assert_eq!(house.get("/api/templates/nothing/preview").await.error().0, 404);
    house.token = house.token_for(&[Scope::ReadTickets]).await;
    assert_eq!(house.get("/api/templates").await.error().0, 403);
}
