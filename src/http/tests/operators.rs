//! Deliveries, quarantine, the event log, raw mail.

use super::*;
use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::arrival::Arrival;
use crate::desk::mail::arrival::ArrivalSource;
use crate::desk::mail::arrival::MailDoor;

const MAIL: &[u8] = b"From: Ana <ana@example.com>\r\nTo: support@example.com\r\nSubject: Wrong VAT\r\n\
    Message-ID: <m1@example.com>\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\nHello\r\n";

async fn take_in(house: &House, raw: &[u8]) -> Accepted {
    let arrival = Arrival {
        source: ArrivalSource::Lmtp { peer: "127.0.0.1:1".to_owned() },
        reverse_path: Some("ana@example.com".to_owned()),
        recipients: vec![address("support@example.com")],
        raw: raw.to_vec(),
    };
    house.desk.accept(arrival).await.unwrap()
}

#[tokio::test]
async fn interfaces_6_a_mail_can_be_read_in_full_and_in_its_facts() {
    let house = House::new().await;
    let Accepted::Part { thread, part, .. } = take_in(&house, MAIL).await else { panic!("not a part") };
    let conversation = house.get(&format!("/api/conversations/{thread}")).await.ok();
    let source = &conversation["source"];
    assert_eq!((&source["type"], &source["subject"]), (&json!("email"), &json!("Wrong VAT")));
    assert_eq!(source["email_message_metadata"]["message_id"], "<m1@example.com>");
    assert_eq!(
        (&source["deskgate"]["delivery_class"], &source["deskgate"]["external_sender"]),
        (&json!("human"), &json!(false))
    );
    let raw = house.get(&format!("/api/parts/{part}/source")).await;
    assert_eq!((raw.status, raw.bytes.as_slice()), (StatusCode::OK, MAIL));
    assert_eq!(raw.header("content-type"), Some("message/rfc822"));
    assert!(raw.header("content-disposition").unwrap().starts_with("attachment"));
    assert_eq!(raw.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn api_48_deliveries_are_listed_shown_and_retried() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "Hello").await;
    let comment = json!({"message_type": "comment", "type": "admin", "body": "Hi"});
    house.post(&format!("/api/conversations/{conversation}/reply"), comment).await.ok();
    let list = house.get("/api/deliveries").await.ok();
    let delivery = &list["data"][0];
    assert_eq!((&delivery["type"], &delivery["kind"]), (&json!("delivery"), &json!("reply")));
    assert_eq!((&delivery["thread_id"], &delivery["contact_id"]), (&json!(conversation), &json!(ana)));
    assert_eq!(house.get("/api/deliveries?state=failed").await.ok()["data"], json!([]));
    let path = format!("/api/deliveries/{}", id(delivery));
    assert_eq!(&house.get(&path).await.ok(), delivery);
    let retried = house.post(&format!("{path}/retry"), json!({})).await.ok();
    assert_eq!((&retried["state"], &retried["due_at"]), (&json!("queued"), &json!(START.seconds())));
}

#[tokio::test]
async fn eml_83_suppressions_are_listed_made_and_lifted() {
    let house = House::new().await;
    let made = house.post("/api/suppressions", json!({"address": "Ana@Example.com", "reason": "by phone"})).await.ok();
    assert_eq!((&made["address"], &made["cause"]), (&json!("ana@example.com"), &json!("manual")));
    assert_eq!(house.get("/api/suppressions").await.ok()["data"], json!([made]));
    assert_eq!(house.post("/api/suppressions", json!({"address": "ana"})).await.error().0, 400);
    let lifted = house.delete("/api/suppressions/Ana@example.com").await.ok();
    assert_eq!(lifted["deleted"], json!(true));
    assert_eq!(house.delete("/api/suppressions/Ana@example.com").await.error().0, 404);
    assert_eq!(house.get("/api/suppressions").await.ok()["data"], json!([]));
}

#[tokio::test]
async fn api_50_the_log_is_polled_in_order() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "Hello").await;
    let (mut after, mut events) = (0, Vec::new());
    loop {
        let page = house.get(&format!("/api/events_log?after={after}&per_page=1")).await.ok();
        events.extend(page["data"].as_array().unwrap().clone());
        after = page["next_after"].as_u64().unwrap();
        if page["has_more"] == json!(false) {
            break;
        }
    }
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert!(names.contains(&"contact.updated") && names.contains(&"conversation.created"), "{names:?}");
    let said = events.iter().find(|event| event["event"] == "part.created").unwrap();
    assert_eq!((&said["thread_id"], &said["state"]), (&json!(conversation), &json!("open")));
    let order: Vec<u64> = events.iter().map(|event| event["log_seq"].as_u64().unwrap()).collect();
    assert!(order.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(house.get("/api/events_log?after=x").await.error().0, 400);
}

#[tokio::test]
async fn api_49_quarantine_is_empty_until_something_cannot_be_taken_in() {
    let house = House::new().await;
    take_in(&house, MAIL).await;
    assert_eq!(house.get("/api/quarantine").await.ok(), json!({"type": "list", "data": []}));
}

#[tokio::test]
async fn api_49_a_quarantined_mail_is_read_as_it_came() {
    let house = House::new().await;
    let raw = b"From: ana@example.com\r\nMessage-ID: <p@example.com>\r\n\r\nPoison\r\n".to_vec();
    let id = house.desk.quarantine_as_poison(&raw).await;
    let path = format!("/api/quarantine/{id}/file");
    let reply = house.get(&path).await;
    assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, Some("message/rfc822")));
    assert_eq!(reply.bytes, raw);
    assert!(reply.header("content-disposition").is_some_and(|field| field.starts_with("attachment;")));
    assert_eq!(house.get("/api/quarantine/1/file").await.error().0, 404);
    let narrow = house.token_for(&[Scope::ReadTickets]).await;
    let narrow = House { token: narrow, ..house };
    assert_eq!(narrow.get(&path).await.error().0, 403);
}

#[tokio::test]
async fn eml_27_the_class_of_a_mail_is_said_by_the_api() {
    let house = House::new().await;
    let away = String::from_utf8_lossy(MAIL).replace("Subject:", "Auto-Submitted: auto-replied\r\nSubject:");
    let Accepted::Part { part, .. } = take_in(&house, away.as_bytes()).await else { panic!("not a part") };
    let path = format!("/api/parts/{part}/reclass");
    for wrong in [json!({"delivery_class": "friendly"}), json!({"delivery_class": "own"}), json!({})] {
        assert_eq!(house.post(&path, wrong).await.error().0, 400);
    }
    let read = house.post(&path, json!({"delivery_class": "human"})).await.ok();
    assert_eq!((&read["state"], &read["source"]["deskgate"]["delivery_class"]), (&json!("open"), &json!("human")));
}

#[tokio::test]
async fn obj_12_an_agent_says_what_they_are_and_how_they_sign() {
    let house = House::new().await;
    let path = format!("/api/admins/{}", house.agent);
    let given = json!({"job_title": "Care", "signature": "{{agent.name}}"});
    let set = house.put(&path, given).await.ok();
    assert_eq!((&set["job_title"], &set["deskgate"]["signature"]), (&json!("Care"), &json!("{{agent.name}}")));
    let (status, code, _) = house.put(&path, json!({"signature": "{{agent.pay}}"})).await.error();
    assert_eq!((status, code.as_str()), (400, "parameter_invalid"));
    let cleared = house.put(&path, json!({"signature": null})).await.ok();
    assert_eq!((&cleared["job_title"], &cleared["deskgate"]["signature"]), (&json!("Care"), &json!(null)));
}
