//! Structured search over tickets, conversations and contacts.

use super::*;
use crate::domain::id::Millis;

#[expect(clippy::needless_pass_by_value, reason = "called with json! in place")]
fn is(field: &str, operator: &str, value: Value) -> Value {
    json!({"field": field, "operator": operator, "value": value})
}

async fn ticket(house: &House, ticket_type: &Value, more: Value) -> String {
    let mut new = json!({"ticket_type_id": id(ticket_type), "contacts": []});
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    id(&house.post("/api/tickets", new).await.ok())
}

/// Ids a search finds, in their order.
async fn found(house: &House, noun: &str, query: &Value) -> Vec<String> {
    let page = house.post(&format!("/api/{noun}/search"), json!({"query": query})).await.ok();
    let key = if noun == "contacts" { "data" } else { noun };
    let ids: Vec<String> = page[key].as_array().unwrap().iter().map(id).collect();
    assert_eq!(page["total_count"], json!(ids.len()), "{query}");
    ids
}

#[tokio::test]
async fn tst_114_category_words_find_each_category() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let words = [("Customer", "request"), ("Back-office", "task"), ("Tracker", "tracker")];
    for (category, word) in words {
        let kind = house.ticket_type(category).await;
        let contacts = if category == "Customer" { json!([{"id": ana}]) } else { json!([]) };
        let made = ticket(&house, &kind, json!({"contacts": contacts})).await;
        for word in [category, word] {
            assert_eq!(
                found(&house, "tickets", &is("category", "=", json!(word))).await,
                std::slice::from_ref(&made),
                "{word}"
            );
        }
        assert_eq!(found(&house, "tickets", &is("ticket_type_id", "=", json!(id(&kind)))).await, [made]);
    }
}

#[tokio::test]
async fn api_31_every_field_of_a_ticket_can_be_searched() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let task = house.ticket_type("Back-office").await;
    let path = format!("/api/ticket_types/{}/attributes", id(&task));
    let size = json!({"name": "Size", "description": "", "data_type": "list", "list_items": "Small,Large"});
    let size = id(&house.post(&path, size).await.ok());
    let cost = id(&house.post(&path, json!({"name": "Cost", "description": "", "data_type": "decimal"})).await.ok());
    let values = json!({"_default_title_": "Wrong VAT", "_default_description_": "18 instead of 19", "Size": "Large",
        "Cost": 12.5});
    let conversation = house.conversation(&ana, "The invoice is wrong").await;
    let assignment = json!({"admin_assignee_id": house.agent});
    let wanted = ticket(
        &house,
        &task,
        json!({"ticket_attributes": values, "contacts": [{"id": ana}],
        "assignment": assignment, "conversation_to_link_id": conversation}),
    )
    .await;
    let other = ticket(&house, &task, json!({"ticket_attributes": {"_default_title_": "Other"}})).await;
    house.put(&format!("/api/tickets/{other}"), json!({"open": false})).await.ok();
    house.clock.set(Millis(START.0 + 1_000));
    let note = json!({"message_type": "note", "type": "admin", "body": "x"});
    house.post(&format!("/api/tickets/{wanted}/reply"), note).await.ok();
    let state = task["ticket_states"]["data"][0]["id"].clone();
    let cases = [
        is("id", "=", json!(wanted)),
        is("id", "IN", json!([wanted, "x"])),
        is("ticket_id", "=", json!(1)),
        is("title", "=", json!("wrong vat")),
        is("title", "~", json!("VAT")),
        is("description", "^", json!("18")),
        is("contact_ids", "=", json!(ana)),
        is("teammate_ids", "IN", json!([house.agent])),
        is("admin_assignee_id", "=", json!(house.agent)),
        is("admin_assignee_id", "!=", json!(0)),
        is("open", "=", json!(true)),
        is("state", "=", json!("open")),
        is("linked_to", "=", json!(conversation)),
        is(&format!("ticket_attribute.{size}"), "=", json!("large")),
        is(&format!("ticket_attribute.{cost}"), "=", json!(12.5)),
        is(&format!("ticket_attribute.{cost}"), ">", json!(12)),
        json!({"operator": "AND", "value": [is("state", "=", json!("submitted")), is("open", "=", json!(true))]}),
        json!({"operator": "AND", "value": [is("ticket_state_id", "=", state),
            {"operator": "OR", "value": [is("title", "=", json!("x")), is("title", "$", json!("VAT"))]}]}),
    ];
    for query in cases {
        assert_eq!(found(&house, "tickets", &query).await, std::slice::from_ref(&wanted), "{query}");
    }
    let both = is("team_assignee_id", "=", json!("0"));
    assert_eq!(found(&house, "tickets", &both).await, [wanted.clone(), other.clone()], "latest change first");
    assert_eq!(found(&house, "tickets", &is("is_shared", "=", json!(true))).await, Vec::<String>::new());
    assert_eq!(found(&house, "tickets", &is("state", "=", json!("closed"))).await, [other]);
    let with_parts = house.post("/api/tickets/search", json!({"query": is("id", "=", json!(wanted))})).await.ok();
    assert!(with_parts["tickets"][0]["ticket_parts"]["total_count"].as_u64().unwrap() > 0, "API-10");
}

#[tokio::test]
async fn api_31_every_field_of_a_conversation_can_be_searched() {
    let house = House::new().await;
    let (ana, ben) = (house.contact("ana@example.com").await, house.contact("ben@example.com").await);
    let wanted = house.conversation(&ana, "The invoice says 18 %").await;
    let other = house.conversation(&ben, "Hello").await;
    let tracker = ticket(&house, &house.ticket_type("Tracker").await, json!({})).await;
    house
        .post(
            &format!("/api/conversations/{other}/parts"),
            json!({"message_type": "close", "type": "admin", "admin_id": house.agent}),
        )
        .await
        .ok();
    let cases = [
        is("contact_ids", "IN", json!([ana])),
        is("source.body", "~", json!("invoice says")),
        is("source.author.email", "=", json!("ana@example.com")),
        is("source.author.id", "=", json!(ana)),
        is("open", "=", json!("true")),
        is("state", "NIN", json!(["closed"])),
        json!({"operator": "AND", "value": [is("waiting_since", ">", json!(1)), is("read", "=", json!(true)),
            is("open", "=", json!(true))]}),
        json!({"operator": "AND", "value": [is("source.type", "=", json!("conversation")),
            is("source.delivered_as", "=", json!("customer_initiated")), is("id", "!=", json!(other))]}),
    ];
    for query in cases {
        assert_eq!(found(&house, "conversations", &query).await, std::slice::from_ref(&wanted), "{query}");
    }
    assert!(!found(&house, "conversations", &is("id", "!=", json!(1))).await.contains(&tracker), "API-10");
    assert_eq!(found(&house, "conversations", &is("source.body", "~", json!("voice"))).await, Vec::<String>::new());
}

#[tokio::test]
async fn api_31_contacts_are_searched_by_facts_and_free_facts() {
    let house = House::new().await;
    let facts = json!({"email": "ana@example.com", "name": "Ana", "phone": "+49 30 1", "role": "user",
        "custom_attributes": {"plan": "gold", "seats": 3}});
    let ana = id(&house.post("/api/contacts", facts).await.ok());
    house.contact("ben@example.org").await;
    let cases = [
        is("email_domain", "=", json!("Example.com")),
        is("phone", "^", json!("+49")),
        is("custom_attributes.plan", "=", json!("gold")),
        is("custom_attributes.seats", "=", json!(3)),
        is("custom_attributes.seats", ">", json!(2)),
        is("custom_attributes.plan", "!=", Value::Null),
        is("email", "~", json!("ana@")),
    ];
    for query in cases {
        assert_eq!(found(&house, "contacts", &query).await, std::slice::from_ref(&ana), "{query}");
    }
}

#[tokio::test]
async fn tst_115_dates_are_whole_days_by_default_and_exact_on_request() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    // An hour after midnight.
    house.clock.set(Millis(START.0 + 3_600_000));
    let made = house.conversation(&ana, "Hello").await;
    let midnight = START.0 / 1000;
    let query = is("created_at", ">", json!(midnight));
    assert_eq!(found(&house, "conversations", &query).await, Vec::<String>::new());
    let exact = json!({"query": query, "precision": "exact"});
    let exact = house.post("/api/conversations/search", exact).await.ok();
    assert_eq!(exact["conversations"][0]["id"], json!(made));
    let before = is("created_at", ">", json!(midnight - 1));
    assert_eq!(found(&house, "conversations", &before).await, std::slice::from_ref(&made));
    assert_eq!(found(&house, "conversations", &is("created_at", ">=", json!(midnight + 3_600))).await, [made]);
}

#[tokio::test]
async fn api_32_pages_of_a_search_follow_its_order_in_both_directions() {
    let house = House::new().await;
    let kind = house.ticket_type("Back-office").await;
    let mut made = Vec::new();
    for n in 1..=5 {
        house.clock.set(Millis(START.0 + n * 1000));
        made.push(ticket(&house, &kind, json!({})).await);
    }
    for (order, expected) in
        [("ascending", made.clone()), ("descending", made.iter().rev().cloned().collect::<Vec<_>>())]
    {
        // By index, and by reading in the order of the answer.
        for query in [is("category", "=", json!("task")), is("is_shared", "=", json!(false))] {
            for field in ["created_at", "updated_at"] {
                let (mut seen, mut after) = (Vec::new(), Value::Null);
                loop {
                    let sort = json!({"field": field, "order": order});
                    let body = json!({"query": query, "sort": sort,
                        "pagination": {"per_page": 2, "starting_after": after}});
                    let page = house.post("/api/tickets/search?parts=none", body).await.ok();
                    assert_eq!(page["total_count"], json!(5));
                    assert_eq!(page["tickets"][0].get("ticket_parts"), None);
                    seen.extend(page["tickets"].as_array().unwrap().iter().map(id));
                    match page["pages"].get("next") {
                        Some(next) => after = next["starting_after"].clone(),
                        None => break,
                    }
                }
                assert_eq!(seen, expected, "{field} {order} {query}");
            }
        }
    }
    for sort in [json!({"field": "colour"}), json!({"field": "updated_at", "order": "up"})] {
        let body = json!({"query": is("open", "=", json!(true)), "sort": sort});
        assert_eq!(house.post("/api/tickets/search", body).await.error().1, "invalid_sort_order");
    }
}

#[tokio::test]
async fn api_30_what_cannot_be_searched_is_refused_by_name() {
    let house = House::new().await;
    let cases = [
        ("tickets", is("colour", "=", json!(1)), "invalid_field"),
        ("tickets", is("ticket_attribute.12", "=", json!(1)), "invalid_field"),
        ("tickets", is("source.body", "~", json!("x")), "invalid_field"),
        ("tickets", is("open", ">", json!(true)), "data_invalid"),
        ("tickets", is("title", "?", json!("x")), "data_invalid"),
        ("conversations", is("ticket_id", "=", json!(1)), "invalid_field"),
        ("conversations", is("created_at", "=", json!("soon")), "data_invalid"),
        ("conversations", is("created_at", "=", json!({"a": 1})), "data_invalid"),
    ];
    for (noun, query, code) in cases {
        let refused = house.post(&format!("/api/{noun}/search"), json!({"query": query})).await.error();
        assert_eq!((refused.0, refused.1.as_str()), (400, code), "{query}");
    }
    let and = |inner: Value| json!({"operator": "AND", "value": [inner]});
    let deep = and(and(and(is("open", "=", json!(true)))));
    assert_eq!(house.post("/api/tickets/search", json!({"query": deep})).await.error().1, "data_invalid");
    let page = json!({"query": is("open", "=", json!(true)), "pagination": {"per_page": 151}});
    assert_eq!(house.post("/api/tickets/search", page).await.error().1, "invalid_per_page", "TST-113");
    let narrow = house.token_for(&[Scope::ReadConversations]).await;
    let request = house.request(Method::POST, "/api/tickets/search").header(header::CONTENT_TYPE, "application/json");
    let mut request = request.body(Body::from(json!({"query": is("open", "=", json!(true))}).to_string())).unwrap();
    request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {narrow}").parse().unwrap());
    assert_eq!(house.send(request).await.error().0, 403);
}

#[tokio::test]
async fn api_41_tickets_are_listed_by_filters() {
    let house = House::new().await;
    let (task, tracker) = (house.ticket_type("Back-office").await, house.ticket_type("Tracker").await);
    let first = ticket(&house, &task, json!({})).await;
    let tag = id(&house.post("/api/tags", json!({"name": "VIP"})).await.ok());
    let tagged = json!({"id": tag, "admin_id": house.agent});
    house.post(&format!("/api/tickets/{first}/tags"), tagged).await.ok();
    house.clock.set(Millis(START.0 + 5_000));
    let second = ticket(&house, &tracker, json!({"assignment": {"admin_assignee_id": house.agent}})).await;
    let at = START.0 / 1000;
    let company = id(&house.post("/api/companies", json!({"company_id": "c-1"})).await.ok());
    house.put(&format!("/api/tickets/{second}"), json!({"company_id": company})).await.ok();
    let cases = [
        (format!("tag_id={tag}"), vec![&first]),
        (format!("company_id={company}"), vec![&second]),
        (format!("company_id={company}&tag_id={tag}"), vec![]),
        (format!("admin_assignee_id={}", house.agent), vec![&second]),
        ("admin_assignee_id=0".to_owned(), vec![&first]),
        (format!("created_after={}", at + 5), vec![&second]),
        (format!("updated_before={}&open=true", at + 4), vec![&first]),
        ("sort=updated_at&order=ascending".to_owned(), vec![&first, &second]),
        (format!("ticket_type_id={}&state=submitted", id(&task)), vec![&first]),
    ];
    for (query, expected) in cases {
        let page = house.get(&format!("/api/tickets?{query}")).await.ok();
        let ids: Vec<String> = page["tickets"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(ids.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    assert_eq!(house.get("/api/tickets?open=maybe").await.error().1, "data_invalid");
    assert_eq!(house.get("/api/tickets?sort=colour").await.error().1, "invalid_sort_order");
}
