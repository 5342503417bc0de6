//! Contacts: create, find, change, list.

use super::*;

#[tokio::test]
async fn api_26_a_contact_is_created_found_changed_and_listed() {
    let house = House::new().await;
    let facts = json!({"role": "user", "external_id": "u-1", "email": "Ana@Example.com", "name": "Ana",
        "custom_attributes": {"plan": "gold", "seats": 3}, "email_verified": true});
    let made = house.post("/api/contacts", facts).await.ok();
    let ana = id(&made);
    assert_eq!((&made["email"], &made["role"]), (&json!("ana@example.com"), &json!("user")));
    assert_eq!(house.get(&format!("/api/contacts/{ana}")).await.ok(), made);
    assert_eq!(house.get("/api/contacts/find_by_external_id/u-1").await.ok()["id"], json!(ana));
    let change = json!({"name": null, "custom_attributes": {"plan": null}});
    let changed = house.put(&format!("/api/contacts/{ana}"), change).await.ok();
    assert_eq!((&changed["name"], &changed["email"]), (&Value::Null, &json!("ana@example.com")), "API-4");
    assert_eq!(changed["custom_attributes"], json!({"seats": 3}));
    let list = house.get("/api/contacts").await.ok();
    assert_eq!(
        (&list["type"], &list["total_count"], &list["pages"]["per_page"]),
        (&json!("list"), &json!(1), &json!(50))
    );
    assert_eq!(list["data"][0]["id"], json!(ana));
}

#[tokio::test]
async fn api_26_what_is_taken_or_wrong_is_refused_by_name() {
    let house = House::new().await;
    house.contact("ana@example.com").await;
    let cases = [
        (json!({"external_id": "ana@example.com"}), 409, "conflict", None),
        (json!({"email": ["a@example.com"]}), 400, "type_mismatch", Some("email")),
        (json!({"email": "nobody"}), 400, "parameter_invalid", Some("email")),
        (json!({"role": "boss"}), 400, "parameter_invalid", Some("role")),
        (json!({"email_verified": true}), 400, "parameter_invalid", Some("email_verified")),
        (json!({"unsubscribed_from_emails": "yes"}), 400, "type_mismatch", Some("unsubscribed_from_emails")),
        (json!({"custom_attributes": {"a": {}}}), 400, "type_mismatch", Some("custom_attributes.a")),
    ];
    for (body, status, code, field) in cases {
        let got = house.post("/api/contacts", body.clone()).await.error();
        assert_eq!(got, (status, code.to_owned(), field.map(ToOwned::to_owned)), "{body}");
    }
}

#[tokio::test]
async fn api_30_contacts_are_searched_by_what_names_them() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let ben = house.contact("ben@example.com").await;
    // A second contact with the same address (OBJ-21).
    let twin = id(&house.post("/api/contacts", json!({"email": "ana@example.com", "external_id": "twin"})).await.ok());
    let is = |field: &str, value: &str| json!({"field": field, "operator": "=", "value": value});
    let cases = [
        (is("id", &ana), vec![&ana]),
        (is("email", "BEN@example.com"), vec![&ben]),
        (is("email", "ana@example.com"), vec![&twin, &ana]),
        (is("email", "not an address"), vec![]),
        (is("external_id", "twin"), vec![&twin]),
        (json!({"field": "id", "operator": "IN", "value": [ana, ben, "ffff"]}), vec![&ben, &ana]),
        (json!({"operator": "AND", "value": [is("email", "ana@example.com"), is("external_id", "twin")]}), vec![&twin]),
        (json!({"operator": "OR", "value": [is("id", &ana), is("id", &ben)]}), vec![&ben, &ana]),
    ];
    for (query, expected) in cases {
        let found = house.post("/api/contacts/search", json!({"query": query})).await.ok();
        let ids: Vec<String> = found["data"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(
            (ids.iter().collect::<Vec<_>>(), &found["total_count"]),
            (expected.clone(), &json!(expected.len())),
            "{query}"
        );
    }
    let refused = [
        (is("favourite_colour", "x"), "invalid_field"),
        (json!({"field": "email", "operator": ">", "value": "a"}), "data_invalid"),
        (json!({"field": "email", "operator": "=", "value": 3}), "data_invalid"),
        (json!({"operator": "AND", "value": []}), "data_invalid"),
        (json!({"operator": "AND", "value": vec![is("id", "x"); 16]}), "data_invalid"),
    ];
    for (query, code) in refused {
        let reply = house.post("/api/contacts/search", json!({"query": query})).await;
        assert_eq!((reply.error().0, reply.error().1.as_str()), (400, code), "{query}");
    }
    assert_eq!(house.post("/api/contacts/search", json!({})).await.error().1, "parameter_not_found");
}

#[tokio::test]
async fn tst_113_pages_neither_skip_nor_repeat_and_the_last_has_no_next() {
    let house = House::new().await;
    let mut expected = Vec::new();
    for n in 0..5 {
        expected.push(house.contact(&format!("c{n}@example.com")).await);
    }
    expected.reverse();
    let (mut seen, mut path) = (Vec::new(), "/api/contacts?per_page=2".to_owned());
    for number in 1..=3 {
        let page = house.get(&path).await.ok();
        assert_eq!(page["pages"]["page"], json!(number));
        seen.extend(page["data"].as_array().unwrap().iter().map(id));
        let next = page["pages"].get("next");
        assert_eq!(next.is_none(), number == 3, "no next on the last page");
        if let Some(next) = next {
            path = format!("/api/contacts?per_page=2&starting_after={}", next["starting_after"].as_str().unwrap());
        }
        // A newcomer between two pages changes nothing of the pages behind.
        house.contact(&format!("late{number}@example.com")).await;
    }
    assert_eq!(seen, expected);
    assert_eq!(house.get("/api/contacts?per_page=151").await.error().1, "invalid_per_page");
    assert_eq!(house.get("/api/contacts?starting_after=x").await.error().1, "client_error");
}
