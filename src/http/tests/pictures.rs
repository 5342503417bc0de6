//! Bodies with their pictures, remote pictures, and mail that was left in its mailbox (EML-9, EML-52).

use super::*;
use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::arrival::Arrival;
use crate::desk::mail::arrival::ArrivalSource;
use crate::desk::mail::arrival::MailDoor;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::http::tests::outbound::host;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n0123";

async fn mail(house: &House, raw: &str, left_out: Option<u64>) -> (ThreadId, PartId) {
    let source = ArrivalSource::Imap {
        mailbox: "support".to_owned(),
        uid_validity: 7,
        uid: 9,
        default_address: None,
        follow_up: false,
        stands_for_bytes: left_out,
    };
    let raw = raw.replace('\n', "\r\n").into_bytes();
    let arrival = Arrival { source, reverse_path: None, recipients: Vec::new(), raw };
    match house.desk.accept(arrival).await.unwrap() {
        Accepted::Part { thread, part, .. } => (thread, part),
        other => panic!("{other:?}"),
    }
}

fn with_pictures(remote: &str) -> String {
    format!(
        "From: ana@example.com\nTo: support@example.com\nMessage-ID: <1@example.com>\nMIME-Version: 1.0\n\
         Content-Type: multipart/related; boundary=x\n\n--x\nContent-Type: text/html\n\n\
         <p>See <img src=\"cid:a@b\"> and <img src=\"{remote}\" alt=\"out\"></p>\n--x\nContent-Type: image/png\n\
         Content-ID: <a@b>\nContent-Disposition: inline; filename=a.png\n\n0123\n--x--\n"
    )
}

/// What stands between `before` and the next quote.
fn quoted<'t>(text: &'t str, before: &str) -> &'t str {
    text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1.split('"').next().unwrap()
}

/// The path of a link of ours.
fn path(link: &str) -> String {
    format!("/files/{}", link.split_once("/files/").unwrap_or_else(|| panic!("{link}")).1)
}

#[tokio::test]
async fn eml_52_pictures_of_a_mail_stand_in_place_and_remote_ones_come_when_asked_for() {
    let found = [b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\n", PNG].concat();
    let elsewhere = format!("{}/p.png?who=ana", host(found).await);
    let house = House::new().await.reaching_itself().await;
    let (thread, part) = mail(&house, &with_pictures(&elsewhere), None).await;
    let shown = house.get(&format!("/api/conversations/{thread}")).await.ok();
    let body = shown["source"]["body"].as_str().unwrap();
    let own = path(quoted(body, "<img src=\""));
    assert_eq!(house.get(&own).await.bytes, b"0123\r\n".strip_suffix(b"\r\n").unwrap());
    assert!(body.contains("data-remote-src") && !body.contains("attachment:"), "blocked: {body}");

    let blocked = house.get(&format!("/api/parts/{part}/body")).await.ok();
    assert_eq!((&blocked["remote_images"], &blocked["remote_images_shown"]), (&json!(1), &json!(false)));
    assert!(blocked["body"].as_str().unwrap().contains("data-remote-src"));
    let asked = house.get(&format!("/api/parts/{part}/body?remote_images=true")).await.ok();
    let body = asked["body"].as_str().unwrap();
    assert!(!body.contains("127.0.0.1") && !body.contains("who=ana"), "only addresses of ours: {body}");
    let link = path(quoted(body.split_once("and ").unwrap().1, "src=\""));
    let picture = house.get(&link).await;
    assert_eq!((picture.status, picture.bytes.as_slice()), (StatusCode::OK, PNG));
    assert_eq!(picture.header("content-type"), Some("image/png"), "by what it is, not by what its host says");
    let last = if link.ends_with('A') { 'E' } else { 'A' };
    let wrong = format!("{}{last}", link.strip_suffix(|_: char| true).unwrap());
    assert_eq!(house.get(&wrong).await.error().0, 404, "a forged link");
    house.clock.set(Millis(START.0 + 3_600_001));
    assert_eq!(house.get(&link).await.error().0, 404, "good for an hour");
    let asked = house.get(&format!("/api/parts/{part}/body?remote_images=maybe")).await.error();
    assert_eq!(asked.2.as_deref(), Some("remote_images"));
}

#[tokio::test]
async fn eml_52_what_is_no_picture_or_stands_inside_is_not_passed_on() {
    let html = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 6\r\n\r\n<html>".to_vec();
    let page = host(html).await;
    let house = House::new().await;
    for (reaches_itself, remote) in [(false, page.clone()), (false, "https://10.0.0.1/p.png".to_owned()), (true, page)]
    {
        let house = if reaches_itself { House::new().await.reaching_itself().await } else { House::new().await };
        let (_, part) = mail(&house, &with_pictures(&remote), None).await;
        let asked = house.get(&format!("/api/parts/{part}/body?remote_images=true")).await.ok();
        let body = asked["body"].as_str().unwrap();
        let link = path(quoted(body.split_once("and ").unwrap().1, "src=\""));
        assert_eq!(house.get(&link).await.error().0, 502, "{remote}");
    }
    let narrow = house.token_for(&[Scope::ReadConversations]).await;
    let (_, part) = mail(&house, &with_pictures("https://x.example/a.png"), None).await;
    let request = Request::builder().uri(format!("/api/parts/{part}/body"));
    let request = request.header(header::AUTHORIZATION, format!("Bearer {narrow}")).body(Body::empty()).unwrap();
    assert_eq!(house.send(request).await.error().0, 403);
}

#[tokio::test]
async fn eml_9_what_was_left_in_the_mailbox_takes_the_place_of_what_stood_in_for_it() {
    let house = House::new().await;
    let header = "From: ana@example.com\nTo: support@example.com\nDate: Thu, 1 Jan 2026 10:00:00 +0000\nSubject: Big\nMessage-ID: <1@example.com>\n";
    let (thread, part) = mail(&house, &format!("{header}\n[message too large]\n"), Some(99_000_000)).await;
    let of = format!("/api/conversations/{thread}");
    let stub = house.get(&of).await.ok();
    assert_eq!(stub["source"]["deskgate"]["faults"], json!(["too_large:99000000"]), "{stub}");
    assert_eq!(house.post(&format!("/api/parts/{part}/fetch"), json!({})).await.error().0, 503, "no mailbox here");
    let left = house.desk.left_out(None, part).unwrap();
    assert_eq!((left.origin.uid, left.bytes, left.message_id.as_str()), (9, 99_000_000, "1@example.com"));

    let caller = house.desk.authenticate(&house.token).unwrap();
    let other = format!("{}\nother\n", header.replace("<1@", "<2@"));
    assert!(house.desk.complete(Some(&caller), part, other.into_bytes()).await.is_err(), "another mail");
    let whole = format!("{header}MIME-Version: 1.0\nContent-Type: text/plain\n\nAll of it\n").replace('\n', "\r\n");
    house.desk.complete(Some(&caller), part, whole.clone().into_bytes()).await.unwrap();
    let now = house.get(&of).await.ok();
    assert!(now["source"]["body"].as_str().unwrap().contains("All of it"));
    assert_eq!(now["source"]["deskgate"]["faults"], json!([]));
    assert_eq!(house.get(&format!("/api/parts/{part}/source")).await.bytes, whole.as_bytes());
    assert_eq!(house.post(&format!("/api/parts/{part}/fetch"), json!({})).await.error().0, 409, "once is enough");
    let again = Arrival {
        source: ArrivalSource::Lmtp { peer: "test".to_owned() },
        reverse_path: None,
        recipients: Vec::new(),
        raw: whole.into_bytes(),
    };
    assert_eq!(house.desk.accept(again).await.unwrap(), Accepted::Duplicate(thread), "EML-15");
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}
