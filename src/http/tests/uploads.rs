//! Files sent ahead, and what takes them.

use super::*;
use crate::domain::upload::UNUSED_KEPT;

/// A body with those files, all for the field `file`.
fn form(files: &[(&str, &str, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, content_type, bytes) in files {
        let head = format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {content_type}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b--\r\n");
    ("multipart/form-data; boundary=b".to_owned(), body)
}

async fn send(house: &House, files: &[(&str, &str, &[u8])]) -> Reply {
    let (media_type, body) = form(files);
    let request = house.request(Method::POST, "/api/uploads").header(header::CONTENT_TYPE, media_type);
    house.send(request.body(Body::from(body)).unwrap()).await
}

/// Ids of what was kept.
async fn kept(house: &House, names: &[&str]) -> Vec<String> {
    let files: Vec<_> = names.iter().map(|name| (*name, "text/plain", name.as_bytes())).collect();
    send(house, &files).await.ok()["data"].as_array().unwrap().iter().map(id).collect()
}

/// A Back-office type whose tickets take files; its id.
async fn with_files(house: &House) -> String {
    let made = id(&house.ticket_type("Back-office").await);
    let path = format!("/api/ticket_types/{made}/attributes");
    let many = json!({"name": "Photos", "data_type": "files", "allow_multiple_values": true});
    house.post(&path, many).await.ok();
    house.post(&path, json!({"name": "Contract", "data_type": "files"})).await.ok();
    made
}

#[tokio::test]
async fn api_53_files_are_kept_and_fetched_by_their_link() {
    let house = House::new().await;
    let answer =
        send(&house, &[("../a\"b.txt", "Text/Plain; charset=utf-8", b"hello"), ("b.bin", "x", b"\0\x01")]).await.ok();
    let first = &answer["data"][0];
    assert_eq!(
        (&first["type"], &first["filesize"], &first["content_type"]),
        (&json!("upload"), &json!(5), &json!("text/plain"))
    );
    assert!(!first["name"].as_str().unwrap().contains('/'));
    let link = first["url"].as_str().unwrap().strip_prefix("https://desk.example.com").unwrap();
    let file = house.get(link).await;
    assert_eq!((file.status, file.bytes.as_slice()), (StatusCode::OK, &b"hello"[..]));
    let none = send(&house, &[]).await.error();
    assert_eq!((none.0, none.2.as_deref()), (400, Some("file")));
    assert_eq!(house.post("/api/uploads", json!({})).await.error().0, 415);
    let request =
        house.request(Method::POST, "/api/uploads").header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
    assert_eq!(house.send(request.body(Body::from("--b\r\nno end")).unwrap()).await.error().0, 400);
    let large = vec![b'x'; 25 * 1_024 * 1_024 + 1];
    assert_eq!(send(&house, &[("l.txt", "text/plain", &large)]).await.error().2.as_deref(), Some("file"));
}

#[tokio::test]
async fn att_3_a_tickets_files_are_shown_with_names_and_held_by_it_alone() {
    let house = House::new().await;
    let made = with_files(&house).await;
    let ids = kept(&house, &["a.txt", "b.txt", "c.txt"]).await;
    let new = |values: Value| json!({"ticket_type_id": made, "contacts": [], "ticket_attributes": values});
    let held = house.post("/api/tickets", new(json!({"Photos": [ids[0], ids[1]]}))).await.ok();
    let photos = |ticket: &Value| -> Vec<String> {
        let photos = ticket["ticket_attributes"]["Photos"].as_array().unwrap();
        photos.iter().map(|photo| photo["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(photos(&held), ["a.txt", "b.txt"]);
    let path = format!("/api/tickets/{}", id(&held));
    for (values, field) in [
        (json!({"Photos": [ids[0]]}), "Photos"),
        (json!({"Photos": ["12"]}), "Photos"),
        (json!({"Contract": [ids[2], ids[2]]}), "Contract"),
        (json!({"Contract": ids[2]}), "Contract"),
    ] {
        assert_eq!(house.post("/api/tickets", new(values.clone())).await.error().2.as_deref(), Some(field), "{values}");
    }
    let changed = house.put(&path, json!({"ticket_attributes": {"Photos": [ids[1], ids[2]]}})).await.ok();
    assert_eq!(photos(&changed), ["b.txt", "c.txt"]);
    let gone = house.put(&path, json!({"ticket_attributes": {"Photos": [ids[0]]}})).await.error();
    assert_eq!(gone.2.as_deref(), Some("Photos"), "what a ticket gave up is gone");
    house.clock.set(START.plus(UNUSED_KEPT * 3));
    assert_eq!(house.desk.prune_uploads().await.unwrap(), 0);
    assert_eq!(photos(&house.get(&path).await.ok()), ["b.txt", "c.txt"]);
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn frm_8_what_nobody_uses_goes_after_a_day() {
    let house = House::new().await;
    let answer = send(&house, &[("a.txt", "text/plain", b"a")]).await.ok();
    let link = answer["data"][0]["url"].as_str().unwrap().strip_prefix("https://desk.example.com").unwrap().to_owned();
    house.clock.set(START.plus(UNUSED_KEPT));
    assert_eq!(house.desk.prune_uploads().await.unwrap(), 0);
    house.clock.set(Millis(START.plus(UNUSED_KEPT).0 + 1));
    assert_eq!(house.desk.prune_uploads().await.unwrap(), 1);
    assert_eq!(house.get(&link).await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn api_53_a_reply_takes_files_that_were_sent_ahead() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "Hello").await;
    let ids = kept(&house, &["a.txt"]).await;
    let path = format!("/api/conversations/{conversation}/reply");
    let reply = json!({"message_type": "comment", "type": "admin", "upload_ids": ids});
    let answer = house.post(&path, reply.clone()).await.ok();
    let part = answer["conversation_parts"]["conversation_parts"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&part["attachments"][0]["name"], &part["attachments"][0]["id"]), (&json!("a.txt"), &json!(ids[0])));
    let link = part["attachments"][0]["url"].as_str().unwrap().strip_prefix("https://desk.example.com").unwrap();
    assert_eq!(house.get(link).await.bytes, b"a.txt");
    assert_eq!(house.post(&path, reply).await.error().2.as_deref(), Some("upload_ids"), "it is used");
    let foreign = json!({"message_type": "comment", "type": "user", "intercom_user_id": ana, "upload_ids": kept(&house, &["b.txt"]).await});
    assert_eq!(house.post(&path, foreign).await.error().2.as_deref(), Some("upload_ids"), "not the contact's own");
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}
