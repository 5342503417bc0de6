//! Files that contacts send ahead, by the pass their socket gave (MSG-60).

use super::*;
use crate::desk::people::identity::Claim;
use crate::domain::id::ContactId;
use axum::http::HeaderValue;

async fn visitor(house: &House) -> ContactId {
    house.desk.open_session(Claim::NewVisitor).await.unwrap().contact.id
}

async fn send(house: &House, pass: Option<&str>, name: &str, bytes: &[u8]) -> Reply {
    let mut request = Request::builder().method(Method::POST).uri("/messenger/files");
    if let Some(pass) = pass {
        request = request.header(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {pass}")).unwrap());
    }
    let request = request.header("x-file-name", name).header(header::CONTENT_TYPE, "text/plain");
    house.send(request.body(Body::from(bytes.to_vec())).unwrap()).await
}

#[tokio::test]
async fn msg_60_a_file_goes_ahead_by_a_pass_and_by_nothing_else() {
    let house = House::new().await;
    let contact = visitor(&house).await;
    let pass = house.api.upload_pass(contact);
    let kept = send(&house, Some(&pass), "%C3%9Cber.txt", b"hello").await.ok();
    assert_eq!((&kept["name"], &kept["size"]), (&json!("Über.txt"), &json!(5)));
    let id = kept["id"].as_str().unwrap().parse().unwrap();
    assert!(house.desk.own_upload(contact, id).unwrap().is_some());
    let other = visitor(&house).await;
    assert!(house.desk.own_upload(other, id).unwrap().is_none(), "nobody else can use it");
    for wrong in [None, Some(""), Some("AAAA"), Some(house.token.as_str())] {
        assert_eq!(send(&house, wrong, "a.txt", b"x").await.error().0, 401, "{wrong:?}");
    }
    house.clock.set(Millis(START.0 + 3_601_000));
    assert_eq!(send(&house, Some(&pass), "a.txt", b"x").await.error().0, 401, "good for an hour");
}

#[tokio::test]
async fn msg_60_programs_and_too_much_are_refused() {
    let house = House::new().await;
    let contact = visitor(&house).await;
    let pass = house.api.upload_pass(contact);
    assert_eq!(send(&house, Some(&pass), "setup.exe", b"MZ").await.error().0, 400);
    assert_eq!(send(&house, Some(&pass), "harmless.txt", b"\x7fELF\x02\x01").await.error().0, 400, "by what is in it");
    let large = vec![b'x'; 26 * 1_024 * 1_024];
    assert_eq!(send(&house, Some(&pass), "large.txt", &large).await.error().0, 400);
    let nearly = vec![b'x'; 25 * 1_024 * 1_024];
    for n in 0..4 {
        send(&house, Some(&pass), &format!("{n}.txt"), &nearly).await.ok();
    }
    assert_eq!(send(&house, Some(&pass), "more.txt", b"x").await.error().0, 429, "100 MB a day");
}
