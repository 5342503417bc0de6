//! Conversations: begin, reply in both forms, acts, reading.

use super::*;

#[tokio::test]
async fn api_24_a_contact_begins_and_the_answer_is_a_message() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let from = json!({"type": "contact", "id": ana});
    let body = json!({"from": from, "body": "Where is <my> order?", "subject": "Order 7"});
    let made = house.post("/api/conversations", body).await.ok();
    assert_eq!((&made["type"], &made["message_type"]), (&json!("user_message"), &json!("inapp")));
    assert_eq!((&made["created_at"], &made["body"]), (&json!(START.seconds()), &json!("Where is <my> order?")));
    let conversation =
        house.get(&format!("/api/conversations/{}", made["conversation_id"].as_str().unwrap())).await.ok();
    assert_eq!((&conversation["title"], &conversation["state"]), (&json!("Order 7"), &json!("open")));
    assert_eq!(conversation["source"]["id"], made["id"]);
    assert!(conversation["source"]["body"].as_str().unwrap().contains("&lt;my&gt;"), "text, not HTML");
    assert_eq!(conversation["conversation_parts"]["total_count"], json!(0));
    assert_eq!(conversation["contacts"]["contacts"][0]["id"], json!(ana));
    assert_eq!(conversation["waiting_since"], json!(START.seconds()));
}

#[tokio::test]
async fn api_4_a_title_comes_with_its_conversation_or_neither_does() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let from = json!({"type": "contact", "id": ana});
    let long = json!({"from": from, "body": "Hello", "subject": "x".repeat(256)});
    assert_eq!(house.post("/api/conversations", long).await.error().1, "parameter_invalid");
    let listed = house.get("/api/conversations").await.ok();
    assert_eq!(listed["conversations"], json!([]), "nothing of a refused request is there");
    let events = |house: &House| house.desk.log_seq().unwrap().0;
    let named = json!({"from": from, "body": "Hello", "subject": "Order 7"});
    let id = house.post("/api/conversations", named).await.ok()["conversation_id"].clone();
    let path = format!("/api/conversations/{}", id.as_str().unwrap());
    let reply = json!({"message_type": "comment", "type": "admin", "body": "It is on its way"});
    house.post(&format!("{path}/reply"), reply).await.ok();
    let before = events(&house);
    let refused = house.put(&path, json!({"title": "x".repeat(256), "read": true})).await.error();
    assert_eq!((refused.1.as_str(), refused.2.as_deref()), ("parameter_invalid", Some("title")));
    assert_eq!(house.get(&path).await.ok()["read"], json!(false), "nor was it read");
    assert_eq!(events(&house), before);
    let changed = house.put(&path, json!({"title": "Order 8", "read": true})).await.ok();
    assert_eq!((&changed["title"], &changed["read"]), (&json!("Order 8"), &json!(true)));
    assert_eq!(events(&house), before + 2, "one act: named, and seen");
    let cleared = house.put(&path, json!({"title": null})).await.ok();
    assert_eq!((&cleared["title"], &cleared["read"]), (&json!(null), &json!(true)));
}

#[tokio::test]
async fn api_17_agents_and_contacts_reply_with_text_html_and_files() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "Hello").await;
    let path = format!("/api/conversations/{conversation}/reply");
    let file = json!({"content_type": "text/html", "name": "page.html", "data": "PGI+eDwvYj4="});
    let by_agent = json!({"message_type": "comment", "type": "admin", "admin_id": house.agent,
        "body": "<p>Look:<script>x</script></p>", "attachment_files": [file]});
    let answered = house.post(&path, by_agent).await.ok();
    let part = &answered["conversation_parts"]["conversation_parts"][0];
    assert_eq!((&part["part_type"], &part["author"]["email"]), (&json!("comment"), &json!("bo@example.com")));
    assert_eq!(part["app_package_code"], "api");
    assert!(!part["body"].as_str().unwrap().contains("script"));
    assert_eq!(answered["waiting_since"], Value::Null);
    let owed = &part["deskgate"]["deliveries"][0];
    assert_eq!((&owed["channel"], &owed["recipient"]), (&json!("email"), &json!("ana@example.com")));
    assert_eq!((&owed["state"], &owed["attempts"], &owed["last_reply"]), (&json!("queued"), &json!(0), &Value::Null));

    let url = part["attachments"][0]["url"].as_str().unwrap();
    let path_of_file = url.strip_prefix("https://desk.example.com").unwrap();
    let request = Request::builder().uri(path_of_file).body(Body::empty()).unwrap();
    let download = house.send(request).await;
    assert_eq!((download.status, download.bytes.as_slice()), (StatusCode::OK, b"<b>x</b>".as_slice()));
    assert_eq!(download.header("content-type"), Some("application/octet-stream"));
    assert!(download.header("content-disposition").unwrap().starts_with("attachment; filename=\"page.html\""));
    house.clock.set(Millis(START.0 + 3_600_000));
    let request = Request::builder().uri(path_of_file).body(Body::empty()).unwrap();
    assert_eq!(house.send(request).await.error().0, 404, "OBJ-44: an hour");

    for by in
        [json!({"intercom_user_id": ana}), json!({"user_id": "ana@example.com"}), json!({"email": "ana@example.com"})]
    {
        let mut body = json!({"message_type": "comment", "type": "user", "body": "Thanks"});
        body.as_object_mut().unwrap().extend(by.as_object().unwrap().clone());
        let said = house.post(&path, body).await.ok();
        let parts = said["conversation_parts"]["conversation_parts"].as_array().unwrap().clone();
        assert_eq!(parts.last().unwrap()["author"]["id"], json!(ana));
    }
    let last = json!({"message_type": "comment", "type": "user", "intercom_user_id": ana, "body": "One more"});
    assert_eq!(id(&house.post("/api/conversations/last/reply", last).await.ok()), conversation);
}

#[tokio::test]
async fn api_17_replies_that_cannot_be_are_refused_by_name() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let stranger = house.contact("eve@example.com").await;
    let conversation = house.conversation(&ana, "Hello").await;
    let cases = [
        (json!({"message_type": "comment", "body": "x"}), 400, "parameter_not_found", Some("type")),
        (json!({"type": "admin", "body": "x"}), 400, "parameter_not_found", Some("message_type")),
        (json!({"type": "user", "message_type": "note", "body": "x"}), 400, "parameter_invalid", Some("message_type")),
        (
            json!({"type": "admin", "message_type": "shout", "body": "x"}),
            400,
            "parameter_invalid",
            Some("message_type"),
        ),
        (json!({"type": "admin", "message_type": "comment", "body": 3}), 400, "type_mismatch", Some("body")),
        (json!({"type": "admin", "message_type": "comment", "admin_id": 1, "body": "x"}), 404, "admin_not_found", None),
        (
            json!({"type": "user", "message_type": "comment", "body": "x"}),
            400,
            "parameter_not_found",
            Some("intercom_user_id"),
        ),
        (
            json!({"type": "user", "message_type": "comment", "intercom_user_id": stranger, "body": "x"}),
            404,
            "conversation_not_found",
            None,
        ),
    ];
    for (body, status, code, field) in cases {
        let got = house.post(&format!("/api/conversations/{conversation}/reply"), body.clone()).await.error();
        assert_eq!(got, (status, code.to_owned(), field.map(ToOwned::to_owned)), "{body}");
    }
    let empty = json!({"type": "admin", "message_type": "comment", "body": ""});
    assert_eq!(
        house.post(&format!("/api/conversations/{conversation}/reply"), empty).await.error().1,
        "parameter_invalid"
    );
}

#[tokio::test]
async fn api_25_close_open_snooze_and_assign() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "Hello").await;
    let path = format!("/api/conversations/{conversation}/parts");
    let act = |body: Value| house.post(&path, body);
    let closed =
        act(json!({"message_type": "close", "type": "admin", "admin_id": house.agent, "body": "Bye"})).await.ok();
    assert_eq!((&closed["state"], &closed["open"]), (&json!("closed"), &json!(false)));
    let opened = act(json!({"message_type": "open", "admin_id": house.agent})).await.ok();
    assert_eq!(opened["state"], "open");
    let until = START.seconds() + 3_600;
    let snoozed = act(json!({"message_type": "snoozed", "admin_id": house.agent, "snoozed_until": until})).await.ok();
    assert_eq!((&snoozed["state"], &snoozed["snoozed_until"]), (&json!("snoozed"), &json!(until)));
    let assigned = act(json!({"message_type": "assignment", "type": "admin", "assignee_id": house.agent})).await.ok();
    assert_eq!(assigned["admin_assignee_id"].to_string(), house.agent);
    let part = assigned["conversation_parts"]["conversation_parts"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&part["part_type"], &part["assigned_to"]),
        (&json!("assignment"), &json!({"type": "admin", "id": house.agent}))
    );
    let removed = act(json!({"message_type": "assignment", "type": "admin", "assignee_id": "0"})).await.ok();
    assert_eq!(removed["admin_assignee_id"], json!(0));
    assert_eq!(act(json!({"message_type": "snoozed"})).await.error().2.as_deref(), Some("snoozed_until"));
    assert_eq!(act(json!({"message_type": "dance"})).await.error().2.as_deref(), Some("message_type"));
}

#[tokio::test]
async fn api_24_title_read_plaintext_and_list() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let first = house.conversation(&ana, "one").await;
    house.clock.set(Millis(START.0 + 1_000));
    let second = house.conversation(&ana, "two\nlines").await;
    let path = format!("/api/conversations/{second}");
    assert_eq!(house.put(&path, json!({"title": "Two", "read": true})).await.ok()["title"], "Two");
    assert_eq!(house.put(&path, json!({"read": "yes"})).await.error().2.as_deref(), Some("read"));
    let plain = house.get(&format!("{path}?display_as=plaintext")).await.ok();
    assert_eq!(plain["source"]["body"], "two\nlines");
    assert_eq!(house.get(&format!("{path}?parts=none")).await.ok().get("conversation_parts"), None);
    let page = house.get("/api/conversations?per_page=1").await.ok();
    assert_eq!((&page["type"], id(&page["conversations"][0])), (&json!("conversation.list"), second));
    assert_eq!(page["conversations"][0].get("conversation_parts"), None, "API-10");
    let next = page["pages"]["next"]["starting_after"].as_str().unwrap();
    let page = house.get(&format!("/api/conversations?per_page=1&starting_after={next}")).await.ok();
    assert_eq!((id(&page["conversations"][0]), page["pages"].get("next")), (first, None));
}
