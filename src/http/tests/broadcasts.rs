//! A Tracker's broadcast from the outside.

use super::*;

#[tokio::test]
async fn api_46_a_broadcast_is_started_run_and_accounted_for() {
    let house = House::new().await;
    let tracker_type = house.ticket_type("Tracker").await;
    let tracker =
        id(&house.post("/api/tickets", json!({"ticket_type_id": id(&tracker_type), "contacts": []})).await.ok());
    let mut conversations = Vec::new();
    for n in 0..3 {
        let contact = house.contact(&format!("c{n}@example.com")).await;
        conversations.push(house.conversation(&contact, "It is down").await);
    }
    house.post(&format!("/api/tickets/{tracker}/links"), json!({"thread_ids": conversations})).await.ok();
    let new = json!({"subject": "Fix is live", "body": "It works **again**.", "email": "always"});
    let started = house.post(&format!("/api/tickets/{tracker}/broadcasts"), new.clone()).await.ok();
    assert_eq!((&started["type"], &started["state"]), (&json!("broadcast"), &json!("running")));
    assert_eq!((&started["tracker_id"], &started["options"]["email"]), (&json!(tracker), &json!("always")));
    let again =
        house.post("/api/broadcasts", json!({"tracker_id": tracker, "subject": "x", "body": "y"})).await.error();
    assert_eq!((again.0, again.1.as_str()), (409, "conflict"), "BRC-30: one at a time");

    for _ in 0..10 {
        if !house.desk.broadcast_batch().await.unwrap() {
            break;
        }
    }
    let path = format!("/api/broadcasts/{}", id(&started));
    let finished = house.get(&path).await.ok();
    assert_eq!((&finished["state"], &finished["counts"]["threads"]["sent"]), (&json!("finished"), &json!(3)));
    assert_eq!(house.get(&format!("/api/tickets/{tracker}/broadcasts")).await.ok()["data"][0]["id"], started["id"]);

    let (mut rows, mut next) = (Vec::new(), String::new());
    loop {
        let page = house.get(&format!("{path}/ledger?per_page=2&starting_after={next}")).await.ok();
        rows.extend(page["data"].as_array().unwrap().clone());
        assert!(rows.len() <= 6, "{rows:?}");
        match page["pages"]["next"]["starting_after"].as_str() {
            Some(cursor) => next = cursor.to_owned(),
            None => break,
        }
    }
    let of_kind = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).count();
    assert_eq!((of_kind("thread"), of_kind("contact")), (3, 3));
    assert!(rows.iter().all(|row| row["broadcast_id"] == started["id"]));
    let part = &house.get(&format!("/api/conversations/{}", conversations[0])).await.ok()["conversation_parts"]["conversation_parts"]
        [1];
    assert_eq!((&part["part_type"], &part["deskgate"]["broadcast_id"]), (&json!("comment"), &started["id"]));
}

#[tokio::test]
async fn api_46_what_cannot_be_sent_is_refused() {
    let house = House::new().await;
    let task_type = house.ticket_type("Back-office").await;
    let task = id(&house.post("/api/tickets", json!({"ticket_type_id": id(&task_type), "contacts": []})).await.ok());
    let path = format!("/api/tickets/{task}/broadcasts");
    let refused = house.post(&path, json!({"subject": "x", "body": "y"})).await.error();
    assert_eq!((refused.0, refused.1.as_str()), (400, "invalid_ticket_type"));
    for (body, field) in [
        (json!({"subject": "x"}), "body"),
        (json!({"subject": "x", "body": "y", "email": "maybe"}), "email"),
        (json!({"subject": "x", "body": "y", "options": {"email": "maybe"}}), "options.email"),
        (json!({"subject": "x", "body": "Hi {{contact.first_name"}), "body"),
    ] {
        assert_eq!(house.post(&path, body.clone()).await.error().2.as_deref(), Some(field), "{body}");
    }
    assert_eq!(
        house.post("/api/broadcasts", json!({"subject": "x", "body": "y"})).await.error().2.as_deref(),
        Some("tracker_id")
    );
}
