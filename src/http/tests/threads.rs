//! Merging, participants, tags, redaction, deletion, propagation and linked objects over HTTP.

use super::*;

async fn tracker(house: &House, title: &str) -> String {
    let kind = house.ticket_type("Tracker").await;
    let values = json!({"_default_title_": title});
    id(&house
        .post("/api/tickets", json!({"ticket_type_id": id(&kind), "contacts": [], "ticket_attributes": values}))
        .await
        .ok())
}

#[tokio::test]
async fn tst_49_merging_and_undoing_it_over_the_api() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let (one, two) = (house.conversation(&ana, "First").await, house.conversation(&ana, "Second").await);
    let path = format!("/api/conversations/{two}/merge");
    let field = Some("merge_into_conversation_id".to_owned());
    for bad in [json!({}), json!({"merge_into_conversation_id": "x"})] {
        assert_eq!(house.post(&path, bad).await.error(), (400, "parameter_invalid".to_owned(), field.clone()));
    }
    for refused in [two.clone(), "5".to_owned()] {
        let error = house.post(&path, json!({"merge_into_conversation_id": refused})).await.error();
        assert_eq!((error.0, error.1.as_str()), (422, "merge_failed"));
    }
    let primary = house.post(&path, json!({"merge_into_conversation_id": one})).await.ok();
    assert_eq!(id(&primary), one);
    let secondary = house.get(&format!("/api/conversations/{two}")).await.ok();
    assert_eq!((&secondary["open"], &secondary["deskgate"]["merged_into"]), (&json!(false), &json!(one)));
    let back = house.post(&format!("/api/conversations/{two}/unmerge"), json!({})).await.ok();
    assert_eq!((&back["open"], &back["deskgate"]["merged_into"]), (&json!(true), &json!(null)));
}

#[tokio::test]
async fn tst_42_participants_come_and_go_and_the_last_one_stays() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let talk = house.conversation(&ana, "Hello").await;
    let path = format!("/api/conversations/{talk}/customers");
    let last = house.delete(&format!("{path}/{ana}")).await.error();
    assert_eq!((last.0, last.1.as_str()), (422, "parameter_invalid"));
    let body = json!({"admin_id": house.agent, "customer": {"email": "ben@example.com"}});
    let both = house.post(&path, body).await.ok();
    let ben = both["customers"][1]["id"].as_str().unwrap().to_owned();
    let changed = house.put(&format!("{path}/{ben}"), json!({"primary": true})).await.ok();
    assert_eq!(changed["customers"][0]["id"], json!(ben), "PAR-2");
    let left = house.delete(&format!("{path}/{ana}")).await.ok();
    assert_eq!(left["customers"].as_array().unwrap().len(), 1);
    assert_eq!(house.delete(&format!("{path}/{ana}")).await.error().0, 404);
}

#[tokio::test]
async fn api_18_tags_are_put_on_and_taken_off() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let talk = house.conversation(&ana, "Hello").await;
    let tag = id(&house.post("/api/tags", json!({"name": "VIP"})).await.ok());
    let path = format!("/api/conversations/{talk}/tags");
    assert_eq!(house.post(&path, json!({"id": tag})).await.error().2, Some("admin_id".to_owned()));
    let applied = house.post(&path, json!({"id": tag, "admin_id": house.agent})).await.ok();
    assert_eq!((&applied["type"], &applied["name"]), (&json!("tag"), &json!("VIP")));
    assert!(applied["applied_at"].is_u64());
    let shown = house.get(&format!("/api/conversations/{talk}")).await.ok();
    assert_eq!(shown["tags"]["tags"], json!([{"type": "tag", "id": tag, "name": "VIP"}]));
    house.post(&format!("/api/contacts/{ana}/tags"), json!({"id": tag})).await.ok();
    assert_eq!(house.get(&format!("/api/contacts/{ana}/tags")).await.ok()["data"][0]["name"], "VIP");
    let used = house.delete(&format!("/api/tags/{tag}")).await.error();
    assert_eq!((used.0, used.1.as_str()), (400, "tag_has_dependent_objects"));
    let off = format!("{path}/{tag}");
    house.with_body(Method::DELETE, &off, &json!({"admin_id": house.agent})).await.ok();
    let twice = house.with_body(Method::DELETE, &off, &json!({"admin_id": house.agent})).await.error();
    assert_eq!((twice.0, twice.1.as_str()), (404, "tag_not_found"));
    house.delete(&format!("/api/contacts/{ana}/tags/{tag}")).await.ok();
    house.delete(&format!("/api/tags/{tag}")).await.ok();
    assert_eq!(house.get("/api/tags").await.ok()["data"], json!([]));
}

#[tokio::test]
async fn obj_47_a_redacted_part_is_empty_over_the_api() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let talk = house.conversation(&ana, "My card is 4111").await;
    let source = house.get(&format!("/api/conversations/{talk}")).await.ok()["source"]["id"].clone();
    let body = json!({"type": "source", "conversation_id": talk, "source_id": source});
    let redacted = house.post("/api/conversations/redact", body).await.ok();
    assert_eq!((&redacted["source"]["redacted"], &redacted["source"]["body"]), (&json!(true), &json!("")));
    let wrong = json!({"type": "source", "conversation_id": talk, "source_id": 5});
    assert_eq!(house.post("/api/conversations/redact", wrong).await.error().0, 404);
}

#[tokio::test]
async fn tck_15_a_deleted_thread_answers_404() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let talk = house.conversation(&ana, "Hello").await;
    let path = format!("/api/conversations/{talk}");
    let deleted = house.delete(&path).await.ok();
    assert_eq!(deleted, json!({"id": talk, "object": "conversation", "deleted": true}));
    assert_eq!(house.get(&path).await.error().1, "conversation_not_found");
    let issue = tracker(&house, "Outage").await;
    let path = format!("/api/tickets/{issue}");
    assert_eq!(house.delete(&path).await.ok(), json!({"id": issue, "object": "ticket", "deleted": true}));
    assert_eq!(house.delete(&path).await.error().1, "ticket_not_found");
}

#[tokio::test]
async fn api_44_45_linked_objects_history_and_propagation() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let issue = tracker(&house, "Outage").await;
    let billing = house.ticket_type("Customer").await;
    let mut talks = Vec::new();
    for n in 0..3 {
        let talk = house.conversation(&ana, &format!("It is down {n}")).await;
        house.post(&format!("/api/conversations/{talk}/convert"), json!({"ticket_type_id": id(&billing)})).await.ok();
        house.post(&format!("/api/tickets/{issue}/links"), json!({"thread_id": talk})).await.ok();
        talks.push(talk);
    }
    let path = format!("/api/tickets/{issue}/linked_objects?per_page=2");
    let first = house.get(&path).await.ok();
    assert_eq!((&first["total_count"], first["data"].as_array().unwrap().len()), (&json!(3), 2));
    let cursor = first["pages"]["next"]["starting_after"].as_str().unwrap();
    let rest = house.get(&format!("{path}&starting_after={cursor}")).await.ok();
    assert_eq!(rest["data"][0]["id"], json!(talks[2]));
    assert!(rest["pages"].get("next").is_none_or(Value::is_null));
    let there = house.get(&format!("/api/conversations/{}/linked_objects", talks[0])).await.ok();
    assert_eq!(there["data"][0]["deskgate"]["title"], "Outage", "BKO-3");

    let states = billing["ticket_states"]["data"].as_array().unwrap();
    let resolved = id(states.iter().find(|state| state["category"] == "resolved").unwrap());
    let path = format!("/api/tickets/{issue}/propagate_state");
    let preview = house.post(&path, json!({"ticket_state_id": resolved, "dry_run": true})).await.ok();
    assert_eq!(preview["changed"], json!(3));
    let job = house.post(&path, json!({"ticket_state_id": resolved})).await.ok();
    assert_eq!(job["status"], "pending");
    while house.desk.propagation_batch().await.unwrap() {}
    let job = house.get(&format!("/api/jobs/status/{}", id(&job))).await.ok();
    assert_eq!((&job["status"], &job["deskgate"]["changed"]), (&json!("success"), &json!(3)));
    let history = house.get(&format!("/api/tickets/{}/history", talks[1])).await.ok();
    let last = history["data"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["ticket_state"], &last["cause"]), (&json!("resolved"), &json!("propagation")));
}

#[tokio::test]
async fn tst_24_linked_objects_stand_on_both_sides_and_a_thousand_are_listed() {
    let house = House::new().await;
    let issue = tracker(&house, "Outage").await;
    let ana = house.contact("ana@example.com").await;
    let mut talks = Vec::new();
    for n in 0..1_001 {
        talks.push(house.conversation(&ana, &format!("Report {n}")).await);
    }
    let path = format!("/api/tickets/{issue}/links");
    for some in talks.chunks(500) {
        house.post(&path, json!({"thread_ids": some})).await.ok();
    }
    let linked = house.get(&format!("/api/tickets/{issue}?parts=none")).await.ok()["linked_objects"].clone();
    assert_eq!((&linked["total_count"], &linked["has_more"]), (&json!(1_001), &json!(true)));
    let listed = linked["data"].as_array().unwrap();
    assert_eq!(listed.len(), 1_000);
    assert_eq!(listed[0], json!({"type": "conversation", "id": talks[0], "category": null}));
    let back = house.get(&format!("/api/conversations/{}", talks[7])).await.ok()["linked_objects"].clone();
    let expected = json!([{"type": "ticket", "id": issue, "category": "Tracker"}]);
    assert_eq!((&back["total_count"], &back["has_more"], &back["data"]), (&json!(1), &json!(false), &expected));
    house.delete(&format!("{path}/{}", talks[7])).await;
    let linked = house.get(&format!("/api/tickets/{issue}?parts=none")).await.ok()["linked_objects"].clone();
    assert_eq!((&linked["total_count"], &linked["has_more"]), (&json!(1_000), &json!(false)));
}
