//! Tickets, their types, states and links.

use super::*;

/// The id of the type's state of that category.
fn state(ticket_type: &Value, category: &str) -> String {
    let states = ticket_type["ticket_states"]["data"].as_array().unwrap();
    id(states.iter().find(|state| state["category"] == category).unwrap())
}

async fn ticket(house: &House, ticket_type: &Value, contacts: Value) -> Value {
    let title = json!({"_default_title_": "Wrong VAT"});
    let new = json!({"ticket_type_id": id(ticket_type), "contacts": contacts, "ticket_attributes": title});
    house.post("/api/tickets", new).await.ok()
}

#[tokio::test]
async fn api_15_a_ticket_is_created_read_changed_and_replied_to() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let billing = house.ticket_type("Customer").await;
    let made = ticket(&house, &billing, json!([{"id": ana}])).await;
    let path = format!("/api/tickets/{}", id(&made));
    assert_eq!((&made["ticket_id"], &made["category"]), (&json!("1"), &json!("Customer")));
    assert_eq!(made["ticket_state"]["category"], "submitted");
    assert_eq!(made["ticket_attributes"]["_default_title_"], "Wrong VAT");
    assert_eq!(made["ticket_parts"]["ticket_parts"][0]["part_type"], "ticket_state_updated_by_admin");
    assert_eq!(house.get(&path).await.ok(), made);

    let waiting = state(&billing, "waiting_on_customer");
    let change = json!({"ticket_state_id": waiting, "ticket_attributes": {"_default_description_": "18 instead of 19"},
        "open": false, "assignee_id": house.agent, "admin_id": house.agent});
    let changed = house.put(&path, change).await.ok();
    assert_eq!(changed["ticket_state"]["id"], json!(waiting));
    assert_eq!(changed["previous_ticket_state_id"], json!(state(&billing, "submitted")));
    assert_eq!((&changed["open"], changed["admin_assignee_id"].to_string()), (&json!(false), house.agent.clone()));
    assert_eq!(changed["ticket_attributes"]["_default_description_"], "18 instead of 19");

    let note = json!({"message_type": "note", "type": "admin", "admin_id": house.agent, "body": "<p>Look</p>"});
    let part = house.post(&format!("{path}/reply"), note).await.ok();
    assert_eq!((&part["type"], &part["part_type"]), (&json!("ticket_part"), &json!("note")));
    let answer = json!({"message_type": "comment", "type": "user", "intercom_user_id": ana, "body": "Here it is"});
    let part = house.post(&format!("{path}/reply"), answer).await.ok();
    assert_eq!((&part["author"]["id"], &part["ticket_state"]), (&json!(ana), &json!("waiting_on_customer")));
    let after = house.get(&path).await.ok();
    assert_eq!(after["ticket_state"]["category"], "in_progress", "STA-8");
    let last = after["ticket_parts"]["ticket_parts"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["author"]["type"], &last["deskgate"]["cause"]), (&json!("bot"), &json!("customer_reply")));
    assert_eq!(house.put(&path, json!({"assignee_id": 0})).await.ok()["admin_assignee_id"], json!(0));
}

#[tokio::test]
async fn tst_111_the_shape_of_a_ticket_follows_the_version() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let billing = house.ticket_type("Customer").await;
    let path =
        format!("/api/tickets/{}", id(&ticket(&house, &billing, json!([{"external_id": "ana@example.com"}])).await));
    let old = house.get_as("2.14", &path).await.ok();
    assert_eq!((&old["admin_assignee_id"], &old["team_assignee_id"]), (&json!("0"), &json!("0")));
    assert_eq!(old.get("previous_ticket_state_id"), None);
    for new in [house.get_as("2.16", &path).await.ok(), house.get(&path).await.ok()] {
        assert_eq!((&new["admin_assignee_id"], &new["team_assignee_id"]), (&json!(0), &json!(0)));
        assert_eq!(new["contacts"]["contacts"][0]["id"], json!(ana));
    }
}

#[tokio::test]
async fn tst_12_a_foreign_state_leaves_everything_as_it_was() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let billing = house.ticket_type("Customer").await;
    let made = ticket(&house, &billing, json!([{"email": "ana@example.com"}])).await;
    let path = format!("/api/tickets/{}", id(&made));
    let change = json!({"ticket_state_id": ana.len() + 999_999, "ticket_attributes": {"_default_title_": "New"}});
    let refused = house.put(&path, change).await.error();
    assert_eq!((refused.0, refused.1.as_str()), (400, "ticket_state_id_invalid"));
    assert_eq!(house.get(&path).await.ok()["ticket_attributes"]["_default_title_"], "Wrong VAT");
    let unknown = house.put(&path, json!({"ticket_attributes": {"Colour": "red"}})).await.error();
    assert_eq!(unknown, (400, "parameter_invalid".to_owned(), Some("Colour".to_owned())), "TST-46");
}

#[tokio::test]
async fn tst_47_a_conversation_becomes_a_ticket_and_keeps_its_id() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "The invoice is wrong").await;
    let path = format!("/api/conversations/{conversation}/convert");
    let task = house.ticket_type("Back-office").await;
    let refused = house.post(&path, json!({"ticket_type_id": id(&task)})).await.error();
    assert_eq!((refused.0, refused.1.as_str()), (400, "parameter_invalid"));
    let billing = house.ticket_type("Customer").await;
    let made = house.post(&path, json!({"ticket_type_id": id(&billing)})).await.ok();
    assert_eq!((&made["type"], id(&made)), (&json!("ticket"), conversation.clone()));
    let parts = made["ticket_parts"]["ticket_parts"].as_array().unwrap();
    assert_eq!(parts[0]["part_type"], "comment");
    assert!(parts.last().unwrap()["part_type"].as_str().unwrap().starts_with("ticket_state_updated"));
    let twice = house.post(&path, json!({"ticket_type_id": id(&billing)})).await.error();
    assert_eq!((twice.0, twice.1.as_str()), (409, "conflict"));
    let as_conversation = house.get(&format!("/api/conversations/{conversation}")).await.ok();
    assert_eq!(as_conversation["deskgate"]["ticket"]["ticket_id"], made["ticket_id"]);
}

#[tokio::test]
async fn tst_23_the_compatible_link_endpoint_serves_trackers_only() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "It is down").await;
    let tracker = id(&ticket(&house, &house.ticket_type("Tracker").await, json!([])).await);
    let task = id(&ticket(&house, &house.ticket_type("Back-office").await, json!([])).await);
    let path = format!("/api/tickets/{tracker}/linked_conversations");
    let body = json!({"conversation_id": conversation});
    let refused = house.post(&format!("/api/tickets/{task}/linked_conversations"), body.clone()).await.error();
    assert_eq!((refused.0, refused.1.as_str()), (400, "invalid_ticket_type"));
    assert_eq!(
        house.post(&path, json!({})).await.error(),
        (400, "parameter_not_found".to_owned(), Some("conversation_id".to_owned()))
    );
    assert_eq!(house.post(&path, json!({"conversation_id": 1})).await.error().1, "conversation_not_found");
    assert_eq!(house.delete(&format!("{path}/{conversation}")).await.error().1, "conversation_not_found");
    for _ in 0..2 {
        let linked = house.post(&path, body.clone()).await.ok();
        let other = json!({"type": "ticket", "id": tracker, "category": "Tracker"});
        assert_eq!((id(&linked), &linked["linked_objects"]["data"]), (conversation.clone(), &json!([other])));
    }
    let there = house.get(&format!("/api/tickets/{tracker}")).await.ok();
    assert_eq!(
        there["linked_objects"]["data"],
        json!([{"type": "conversation", "id": conversation, "category": null}])
    );
    assert_eq!(there["deskgate"]["customer_reports"], json!(1));
    let second = id(&ticket(&house, &house.ticket_type("Tracker").await, json!([])).await);
    let taken = house.post(&format!("/api/tickets/{second}/linked_conversations"), body).await.error();
    assert_eq!(taken.1, "already_linked_to_tracker", "TST-21");
    let unlinked = house.delete(&format!("{path}/{conversation}")).await.ok();
    assert_eq!(unlinked["linked_objects"]["total_count"], json!(0));
}

#[tokio::test]
async fn api_45_our_link_endpoint_takes_every_allowed_pair_also_in_bulk() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "Hello").await;
    let task = id(&ticket(&house, &house.ticket_type("Back-office").await, json!([])).await);
    let path = format!("/api/tickets/{task}/links");
    let linked = house.post(&path, json!({"thread_id": conversation})).await.ok();
    assert_eq!((id(&linked), &linked["linked_objects"]["total_count"]), (task.clone(), &json!(1)));
    let unlinked = house.delete(&format!("{path}/{conversation}")).await.ok();
    assert_eq!(unlinked["linked_objects"]["total_count"], json!(0));
    let bulk = house.post(&path, json!({"thread_ids": [conversation, 12]})).await.ok();
    assert_eq!((&bulk["data"][0]["linked"], &bulk["data"][1]["linked"]), (&json!(true), &json!(false)));
    assert_eq!(bulk["data"][1]["error"]["code"], "conversation_not_found");
    assert_eq!(house.post(&path, json!({})).await.error().2.as_deref(), Some("thread_id"));
}

#[tokio::test]
async fn api_22_types_attributes_and_states() {
    let house = House::new().await;
    let billing = house.ticket_type("Customer").await;
    let labels: Vec<&Value> =
        billing["ticket_states"]["data"].as_array().unwrap().iter().map(|state| &state["external_label"]).collect();
    assert_eq!(labels, ["Submitted", "In progress", "Waiting on you", "Resolved"], "TST-1");
    let path = format!("/api/ticket_types/{}", id(&billing));
    let new = json!({"name": "Size", "description": "of it", "data_type": "list", "list_items": "Small, Large",
        "required_to_close": true});
    let size = house.post(&format!("{path}/attributes"), new).await.ok();
    assert_eq!((&size["type"], &size["data_type"]), (&json!("ticket_type_attribute"), &json!("list")));
    assert_eq!(size["input_options"]["list_options"][1]["label"], "Large");
    assert_eq!(size["deskgate"]["required_to_close"], json!(true));
    let attribute = format!("{path}/attributes/{}", id(&size));
    let changed = house.put(&attribute, json!({"description": null, "archived": true})).await.ok();
    assert_eq!((&changed["description"], &changed["archived"]), (&json!(""), &json!(true)));
    assert_eq!(house.put(&attribute, json!({"data_type": "string"})).await.error().2.as_deref(), Some("data_type"));
    let renamed = house.put(&path, json!({"name": "Invoices"})).await.ok();
    assert_eq!(
        (&renamed["name"], renamed["ticket_type_attributes"]["data"].as_array().unwrap().len()),
        (&json!("Invoices"), 3)
    );
    assert_eq!(house.get(&path).await.ok(), renamed);
    assert_eq!(house.get("/api/ticket_types").await.ok()["data"][0]["id"], renamed["id"]);
    let states = house.get("/api/ticket_states").await.ok();
    assert_eq!((&states["type"], states["data"].as_array().unwrap().len()), (&json!("list"), 4));
    assert_eq!(states["data"][0]["ticket_types"]["data"][0]["name"], "Invoices");
    for (body, field) in
        [(json!({}), "name"), (json!({"name": "x", "category": "Other"}), "category"), (json!({"name": 3}), "name")]
    {
        assert_eq!(house.post("/api/ticket_types", body).await.error().2.as_deref(), Some(field));
    }
}

#[tokio::test]
async fn api_41_tickets_are_listed_newest_first_by_category() {
    let house = House::new().await;
    let (task, tracker) = (house.ticket_type("Back-office").await, house.ticket_type("Tracker").await);
    let mut tasks = Vec::new();
    for _ in 0..3 {
        tasks.insert(0, id(&ticket(&house, &task, json!([])).await));
        ticket(&house, &tracker, json!([])).await;
    }
    let page = house.get("/api/tickets?category=task&per_page=2").await.ok();
    let ids = |page: &Value| -> Vec<String> { page["tickets"].as_array().unwrap().iter().map(id).collect() };
    assert_eq!((&page["type"], ids(&page)), (&json!("ticket.list"), tasks[..2].to_vec()));
    assert_eq!((&page["total_count"], &page["pages"]["total_pages"]), (&json!(3), &json!(2)));
    assert_eq!(page["tickets"][0].get("ticket_parts"), None);
    let next = page["pages"]["next"]["starting_after"].as_str().unwrap();
    let page = house.get(&format!("/api/tickets?category=Back-office&per_page=2&starting_after={next}")).await.ok();
    assert_eq!((ids(&page), page["pages"].get("next")), (tasks[2..].to_vec(), None));
    assert_eq!(house.get("/api/tickets").await.ok()["total_count"], json!(6));
    assert_eq!(house.get("/api/tickets?category=x").await.error().2.as_deref(), Some("category"));
}

#[tokio::test]
async fn tst_33_messages_go_where_a_category_allows_them() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let comment = json!({"message_type": "comment", "type": "admin", "body": "x"});
    let from_ana = json!({"message_type": "comment", "type": "user", "intercom_user_id": ana, "body": "x"});
    for category in ["Back-office", "Tracker"] {
        let made = ticket(&house, &house.ticket_type(category).await, json!([{"id": ana}])).await;
        let path = format!("/api/tickets/{}/reply", id(&made));
        assert_eq!(house.post(&path, comment.clone()).await.error().1, "parameter_mismatch", "{category}");
        assert_eq!(house.post(&path, from_ana.clone()).await.error().1, "parameter_mismatch", "{category}");
        let note = json!({"message_type": "note", "type": "admin", "body": "x"});
        assert_eq!(house.post(&path, note).await.ok()["part_type"], "note");
    }
    assert_eq!(house.post("/api/tickets/5/reply", comment).await.error().1, "ticket_not_found");
}

#[tokio::test]
async fn tst_46_an_unknown_attribute_is_refused_wherever_values_are_given() {
    let house = House::new().await;
    let (ana, kind) = (house.contact("ana@example.com").await, house.ticket_type("Customer").await);
    let kind_id = id(&kind);
    let stray = json!({"_default_title_": "VAT", "Colour": "red"});
    let talk = house.conversation(&ana, "Hello").await;
    let new = json!({"ticket_type_id": kind_id, "contacts": [{"id": ana}], "ticket_attributes": stray});
    let convert = json!({"ticket_type_id": kind_id, "attributes": stray});
    let ticket = json!({"ticket_type_id": kind_id, "contacts": [{"id": ana}]});
    let ticket = house.post("/api/tickets", ticket).await.ok();
    let path = format!("/api/tickets/{}", id(&ticket));
    let other = house.post("/api/ticket_types", json!({"name": "Refund", "category": "Customer"})).await.ok();
    let state = id(&other["ticket_states"]["data"][0]);
    let change = json!({"ticket_type_id": id(&other), "ticket_state_id": state, "ticket_attributes": stray});
    let refusals = [
        house.post("/api/tickets", new.clone()).await,
        house.post("/api/tickets/enqueue", new).await,
        house.post(&format!("/api/conversations/{talk}/convert"), convert).await,
        house.put(&path, json!({"ticket_attributes": stray, "open": false})).await,
        house.post(&format!("{path}/change_type"), change).await,
    ];
    for refused in refusals {
        let (status, code, field) = refused.error();
        assert_eq!((status, code.as_str()), (400, "parameter_invalid"), "{field:?}");
        assert!(field.is_some_and(|field| field.contains("Colour")), "ATT-7: {}", refused.json());
    }
    let after = house.get(&path).await.ok();
    assert_eq!((&after["open"], &after["ticket_attributes"]), (&json!(true), &ticket["ticket_attributes"]), "API-4");
    assert_eq!(house.get(&format!("/api/tickets/{talk}")).await.error().0, 404, "nothing was converted");
}
