//! A contact's data over the API (API-52).

use super::*;

#[tokio::test]
async fn api_52_a_contact_is_exported_and_after_a_preview_erased() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let begun = json!({"from": {"type": "user", "id": ana}, "body": "My word is hyacinth"});
    let made = house.post("/api/conversations", begun).await.ok();
    let conversation = format!("/api/conversations/{}", made["conversation_id"].as_str().unwrap());
    let path = format!("/api/contacts/{ana}");
    let archive = house.post(&format!("{path}/export"), json!({})).await;
    assert_eq!((archive.status.as_u16(), archive.header("content-type")), (200, Some("application/x-tar")));
    let preview = house.post(&format!("{path}/erase"), json!({})).await.ok();
    assert_eq!((&preview["erased"], &preview["counts"]["conversations"]), (&json!(false), &json!(1)));
    assert_eq!(house.get(&conversation).await.ok()["title"], Value::Null);
    let erased = house.post(&format!("{path}/erase"), json!({"confirm": true})).await.ok();
    assert_eq!((&erased["erased"], &erased["counts"]), (&json!(true), &preview["counts"]));
    assert_eq!(house.get(&conversation).await.error().0, 404);
    assert_eq!(house.get(&path).await.error().0, 404);
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}
