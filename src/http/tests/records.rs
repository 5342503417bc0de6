//! Declared attributes, events of contacts, macros, deleted conversations, all companies: the rest of API-27.

use super::*;

impl House {
    async fn attribute(&self, body: Value) -> Value {
        self.post("/api/data_attributes", body).await.ok()
    }

    fn is_sound(&self) {
        assert_eq!(self.desk.verify().unwrap(), Vec::<String>::new());
    }
}

fn names(list: &Value) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn api_27_facts_are_declared_changed_and_listed_by_model() {
    let house = House::new().await;
    let plan = house
        .attribute(json!({"name": "Plan", "model": "contact", "data_type": "options",
            "options": [{"value": "gold"}, {"value": "free"}], "description": "What they pay for"}))
        .await;
    assert_eq!((&plan["data_type"], &plan["options"]), (&json!("string"), &json!(["gold", "free"])));
    assert_eq!((&plan["full_name"], &plan["custom"]), (&json!("custom_attributes.Plan"), &json!(true)));
    house.attribute(json!({"name": "Plan", "model": "company", "data_type": "string"})).await;
    let of_contacts = house.get("/api/data_attributes?model=contact").await.ok();
    let custom: Vec<&Value> =
        of_contacts["data"].as_array().unwrap().iter().filter(|one| one["custom"] == json!(true)).collect();
    assert_eq!((custom.len(), &custom[0]["id"]), (1, &plan["id"]));
    assert!(names(&of_contacts).contains(&"email".to_owned()), "built-in facts are listed");
    let path = format!("/api/data_attributes/{}", plan["id"]);
    let changed =
        house.put(&path, json!({"options": [{"value": "tin"}, {"value": "gold"}], "archived": true})).await.ok();
    assert_eq!((&changed["options"], &changed["archived"]), (&json!(["tin", "gold"]), &json!(true)));
    assert!(!names(&house.get("/api/data_attributes?model=contact").await.ok()).contains(&"Plan".to_owned()));
    let archived_too = house.get("/api/data_attributes?model=contact&include_archived=true").await.ok();
    assert!(names(&archived_too).contains(&"Plan".to_owned()));
    for (body, field) in [
        (json!({"name": "plan", "model": "contact", "data_type": "string"}), "name"),
        (json!({"name": "a.b", "model": "contact", "data_type": "string"}), "name"),
        (json!({"name": "x", "model": "ticket", "data_type": "string"}), "model"),
        (json!({"name": "x", "model": "contact", "data_type": "colour"}), "data_type"),
        (json!({"name": "x", "model": "contact", "data_type": "string", "options": [{"value": "1"}]}), "options"),
        (json!({"name": "x", "model": "contact", "data_type": "integer", "options": ["1", "2"]}), "options"),
        (json!({"name": "x", "model": "contact", "data_type": "string", "required": true}), "required"),
        (json!({"model": "contact", "data_type": "string"}), "name"),
    ] {
        let (status, _, named) = house.post("/api/data_attributes", body.clone()).await.error();
        assert_eq!((status, named.as_deref()), (400, Some(field)), "{body}");
    }
    assert_eq!(house.put("/api/data_attributes/1", json!({})).await.error().0, 404);
    let (status, ..) = house.get("/api/data_attributes?model=ticket").await.error();
    assert_eq!(status, 400);
    house.is_sound();
}

#[tokio::test]
async fn api_27_declared_facts_of_contacts_and_companies_are_held_to_their_type() {
    let house = House::new().await;
    let ana = format!("/api/contacts/{}", house.contact("ana@example.com").await);
    house.attribute(json!({"name": "Seats", "model": "contact", "data_type": "integer"})).await;
    house.attribute(json!({"name": "Tier", "model": "company", "data_type": "string", "options": ["a", "b"]})).await;
    let with = |facts: Value| json!({"custom_attributes": facts});
    let kept = house.put(&ana, with(json!({"Seats": "12", "free": "anything"}))).await.ok();
    assert_eq!(kept["custom_attributes"], json!({"Seats": 12, "free": "anything"}));
    let refused = house.put(&ana, json!({"name": "Eve", "custom_attributes": {"Seats": "many"}})).await.error();
    assert_eq!(refused, (400, "parameter_invalid".to_owned(), Some("custom_attributes".to_owned())));
    assert_eq!(house.get(&ana).await.ok()["name"], json!("Ana"), "API-4: nothing of it is applied");
    let refused = house.post("/api/companies", with(json!({"Tier": "c"}))).await.error();
    assert_eq!((refused.0, refused.2.as_deref()), (400, Some("custom_attributes")));
    let company = house.post("/api/companies", with(json!({"Tier": "b"}))).await.ok();
    assert_eq!(company["custom_attributes"], json!({"Tier": "b"}));
    house.is_sound();
}

#[tokio::test]
async fn obj_36_conversations_have_declared_facts_only_and_fill_the_required_ones_before_they_close() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let path = format!("/api/conversations/{}", house.conversation(&ana, "Hello").await);
    let order = json!({"name": "Order", "data_type": "integer", "required": true});
    let order = house.post("/api/conversations/attributes", order).await.ok();
    assert_eq!((&order["required"], &order["data_type"]), (&json!(true), &json!("integer")));
    let listed = house.get("/api/conversations/attributes").await.ok();
    assert_eq!((names(&listed), &listed["data"][0]["id"]), (vec!["Order".to_owned()], &order["id"]));
    let close = json!({"message_type": "close", "type": "admin", "admin_id": house.agent});
    let refused = house.post(&format!("{path}/parts"), close.clone()).await.error();
    assert_eq!((refused.0, refused.2.as_deref()), (400, Some("custom_attributes")));
    assert_eq!(house.get(&path).await.ok()["state"], json!("open"));
    let unknown = house.put(&path, json!({"title": "x", "custom_attributes": {"Colour": "red"}})).await.error();
    assert_eq!((unknown.0, unknown.2.as_deref()), (400, Some("custom_attributes")));
    let set = house.put(&path, json!({"custom_attributes": {"Order": 7}})).await.ok();
    assert_eq!(set["custom_attributes"], json!({"Order": 7}));
    let part = &set["conversation_parts"]["conversation_parts"][0];
    assert_eq!(part["part_type"], json!("conversation_attribute_updated_by_admin"));
    assert_eq!(part["deskgate"]["details"], json!({"attribute": "Order", "value": 7}));
    let again = house.put(&path, json!({"custom_attributes": {"Order": 7}})).await.ok();
    assert_eq!(again["conversation_parts"]["total_count"], json!(1), "no news, no part");
    assert_eq!(house.post(&format!("{path}/parts"), close).await.ok()["state"], json!("closed"));
    let cleared = house.put(&path, json!({"custom_attributes": {"Order": null}})).await.ok();
    assert_eq!(cleared["custom_attributes"], json!({}));
    house.is_sound();
}

#[tokio::test]
async fn api_27_what_contacts_did_is_told_counted_and_goes_with_them() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let at = START.seconds();
    let did = |name: &str, at: u64| json!({"user_id": "ana@example.com", "event_name": name, "created_at": at});
    let told = house.post("/api/events", did("ordered", at - 60)).await;
    assert_eq!(told.status, StatusCode::ACCEPTED);
    let rich = json!({"intercom_user_id": ana, "event_name": "ordered", "created_at": at - 30,
        "metadata": {"price": {"currency": "eur", "amount": 1299}, "order": 7}});
    assert_eq!(house.post("/api/events", rich).await.status, StatusCode::ACCEPTED);
    let old = did("signed-in", at - 100 * 86_400);
    assert_eq!(house.post("/api/events", old).await.status, StatusCode::ACCEPTED);
    let list = house.get(&format!("/api/events?type=user&intercom_user_id={ana}")).await.ok();
    let events = list["events"].as_array().unwrap();
    assert_eq!((events.len(), &events[0]["metadata"]["price"]["amount"]), (2, &json!(1299)), "90 days are listed");
    assert_eq!((&events[1]["event_name"], &events[1]["created_at"]), (&json!("ordered"), &json!(at - 60)));
    assert_eq!((&events[0]["user_id"], &list["pages"]["next"]), (&json!("ana@example.com"), &Value::Null));
    let first = house.get("/api/events?type=user&user_id=ana@example.com&per_page=1").await.ok();
    assert_eq!(first["events"][0]["id"], events[0]["id"]);
    let next = first["pages"]["next"].as_str().unwrap().strip_prefix("https://desk.example.com").unwrap().to_owned();
    let wanted = house.get("/api/events?type=user&summary=true&email=ana%40example.com").await.ok();
    assert_eq!(wanted["type"], json!("event.summary"));
    assert_eq!(wanted["events"][0]["name"], json!("ordered"));
    assert_eq!((&wanted["events"][0]["count"], &wanted["events"][1]["count"]), (&json!(2), &json!(1)));
    assert_eq!(house.get(&next).await.ok()["events"][0]["created_at"], json!(at - 60));
    let counts = json!({"user_id": "ana@example.com", "event_summaries": [
        {"event_name": "signed-in", "count": 40, "first": at - 900, "last": at - 10}]});
    house.post("/api/events/summaries", counts).await.ok();
    let wanted = house.get(&format!("/api/events?type=user&summary=true&intercom_user_id={ana}")).await.ok();
    assert_eq!((&wanted["events"][0]["name"], &wanted["events"][0]["count"]), (&json!("signed-in"), &json!(40)));
    let log = house.get("/api/events_log?per_page=150").await.ok();
    let said = log["data"].as_array().unwrap().iter().filter(|entry| entry["event"] == json!("event.created"));
    assert_eq!(said.count(), 3);
    house.is_sound();
    house.delete(&format!("/api/contacts/{ana}")).await.ok();
    assert_eq!(house.get(&format!("/api/events?type=user&intercom_user_id={ana}")).await.error().0, 404);
    house.is_sound();
}

#[tokio::test]
async fn api_27_events_that_make_no_sense_are_refused() {
    let house = House::new().await;
    house.contact("ana@example.com").await;
    let at = START.seconds();
    let big = json!({"user_id": "ana@example.com", "event_name": "x", "created_at": at, "metadata": {"a": "y".repeat(5_000)}});
    for (body, status, field) in [
        (json!({"user_id": "ana@example.com", "created_at": at}), 400, Some("event_name")),
        (json!({"user_id": "ana@example.com", "event_name": "x"}), 400, Some("created_at")),
        (json!({"user_id": "ana@example.com", "event_name": " ", "created_at": at}), 400, Some("event_name")),
        (json!({"user_id": "ana@example.com", "event_name": "x", "created_at": at + 60}), 400, Some("created_at")),
        (
            json!({"user_id": "ana@example.com", "event_name": "x", "created_at": at, "metadata": []}),
            400,
            Some("metadata"),
        ),
        (big, 400, Some("metadata")),
        (json!({"event_name": "x", "created_at": at}), 400, Some("user_id")),
        (json!({"user_id": "nobody", "event_name": "x", "created_at": at}), 404, None),
    ] {
        let refused = house.post("/api/events", body.clone()).await.error();
        assert_eq!((refused.0, refused.2.as_deref()), (status, field), "{body}");
    }
    assert_eq!(house.get("/api/events?user_id=ana@example.com").await.error().0, 400, "type=user must be said");
    let twice = json!({"event_name": "x", "count": 1, "first": at, "last": at});
    let twice = json!({"user_id": "ana@example.com", "event_summaries": [twice, twice]});
    assert_eq!(house.post("/api/events/summaries", twice).await.error().0, 400);
}

#[tokio::test]
async fn obj_20_what_a_lead_did_is_the_users_after_a_merge() {
    let house = House::new().await;
    let user = house.contact("ana@example.com").await;
    let lead = id(&house.post("/api/contacts", json!({"role": "lead", "email": "ana@example.com"})).await.ok());
    let did = |who: &str| json!({"intercom_user_id": who, "event_name": "ordered", "created_at": START.seconds()});
    for who in [&user, &lead, &lead] {
        house.post("/api/events", did(who)).await;
    }
    house.post("/api/contacts/merge", json!({"from": lead, "into": user})).await.ok();
    let path = format!("/api/events?type=user&intercom_user_id={user}");
    assert_eq!(house.get(&path).await.ok()["events"].as_array().unwrap().len(), 3);
    assert_eq!(house.get(&format!("{path}&summary=true")).await.ok()["events"][0]["count"], json!(3));
    house.is_sound();
}

#[tokio::test]
async fn api_51_macros_are_saved_found_changed_and_deleted() {
    let house = House::new().await;
    let team = id(&house.post("/api/teams", json!({"name": "Billing"})).await.ok());
    let thanks = house.post("/api/macros", json!({"name": "Thanks", "body": "<p>Thank <b>you</b></p>"})).await.ok();
    assert_eq!((&thanks["body_text"], &thanks["visible_to"]), (&json!("Thank you"), &json!("everyone")));
    assert_eq!((&thanks["available_on"], &thanks["created_at"]), (&json!(["inbox"]), &json!("2026-01-01T00:00:00Z")));
    house.clock.set(house.clock.now().plus(Duration::from_secs(60)));
    let body = json!({"name": "Refund", "body": "It is on its way.", "visible_to": "specific_teams",
        "visible_to_team_ids": [team], "available_on": ["inbox", "messenger"]});
    let refund = house.post("/api/macros", body).await.ok();
    assert_eq!((&refund["visible_to"], &refund["visible_to_team_ids"]), (&json!("specific_teams"), &json!([team])));
    let page = house.get("/api/macros?per_page=1").await.ok();
    assert_eq!((names(&page), &page["total_count"]), (vec!["Refund".to_owned()], &json!(2)));
    let next = page["pages"]["next"]["starting_after"].as_str().unwrap().to_owned();
    let page = house.get(&format!("/api/macros?per_page=1&starting_after={next}")).await.ok();
    assert_eq!((names(&page), page["pages"].get("next")), (vec!["Thanks".to_owned()], None));
    let recent = house.get(&format!("/api/macros?updated_since={}", START.seconds() + 1)).await.ok();
    assert_eq!(names(&recent), ["Refund"]);
    let path = format!("/api/macros/{}", id(&refund));
    let changed = house.put(&path, json!({"visible_to": "everyone", "name": "Money back"})).await.ok();
    assert_eq!((&changed["name"], &changed["body"]), (&json!("Money back"), &refund["body"]));
    assert_eq!(changed["visible_to_team_ids"], json!([]));
    for (body, field) in [
        (json!({"name": "x"}), "body"),
        (json!({"body": "x"}), "name"),
        (json!({"name": "", "body": "x"}), "name"),
        (json!({"name": "x", "body": " "}), "body"),
        (json!({"name": "x", "body": "x", "visible_to": "specific_teams"}), "visible_to_team_ids"),
        (json!({"name": "x", "body": "x", "available_on": ["phone"]}), "available_on"),
    ] {
        let (status, _, named) = house.post("/api/macros", body.clone()).await.error();
        assert_eq!((status, named.as_deref()), (400, Some(field)), "{body}");
    }
    let script = house.post("/api/macros", json!({"name": "x", "body": "<p>a</p><script>b</script>"})).await.ok();
    assert!(!script["body"].as_str().unwrap().contains("script"), "{script}");
    assert_eq!(house.delete(&path).await.ok()["deleted"], json!(true));
    assert_eq!(house.get(&path).await.error().0, 404);
    house.is_sound();
}

#[tokio::test]
async fn api_27_deleted_conversations_are_listed_by_id_alone() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let mut gone = Vec::new();
    for body in ["first", "second"] {
        let conversation = house.conversation(&ana, body).await;
        house.clock.set(house.clock.now().plus(Duration::from_secs(1)));
        house.delete(&format!("/api/conversations/{conversation}")).await.ok();
        gone.push(json!(conversation));
    }
    house.conversation(&ana, "stays").await;
    let ids = |list: &Value| -> Vec<Value> {
        list["conversations"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect()
    };
    let list = house.get("/api/conversations/deleted").await.ok();
    assert_eq!((ids(&list), &list["total_count"]), (vec![gone[1].clone(), gone[0].clone()], &json!(2)));
    assert_eq!(list["conversations"][0]["deleted_at"], json!(START.seconds() + 2));
    assert!(!list.to_string().contains("second"), "nothing of what was said");
    assert_eq!(ids(&house.get("/api/conversations/deleted?order=asc&per_page=1").await.ok()), [gone[0].clone()]);
    assert_eq!(ids(&house.get("/api/conversations/deleted?per_page=1&page=2").await.ok()), [gone[0].clone()]);
    assert_eq!(house.get("/api/conversations/deleted?order=up").await.error().0, 400);
    house.is_sound();
}

#[tokio::test]
async fn api_27_all_companies_are_read_answer_by_answer() {
    let house = House::new().await;
    for number in 0..103 {
        house.post("/api/companies", json!({"company_id": format!("c-{number}")})).await.ok();
    }
    let first = house.get("/api/companies/scroll").await.ok();
    assert_eq!((first["data"].as_array().unwrap().len(), &first["total_count"]), (100, &json!(103)));
    let param = first["scroll_param"].as_str().unwrap();
    let rest = house.get(&format!("/api/companies/scroll?scroll_param={param}")).await.ok();
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["scroll_param"]), (3, &Value::Null));
    assert_eq!(house.get("/api/companies/scroll?scroll_param=x").await.error().1, "client_error");
}

#[tokio::test]
async fn obj_14_where_a_contact_is_stays_as_the_caller_says_and_is_searched_by() {
    let house = House::new().await;
    let ana = format!("/api/contacts/{}", house.contact("ana@example.com").await);
    house.contact("ben@example.com").await;
    let placed = house.put(&ana, json!({"location": {"country": "Portugal", "city": "Porto"}})).await.ok();
    let place = json!({"type": "location", "country": "Portugal", "region": null, "city": "Porto"});
    assert_eq!(placed["location"], place);
    house.put(&ana, json!({"name": "Ana"})).await.ok();
    let query = json!({"query": {"field": "location.city", "operator": "=", "value": "porto"}});
    let found = house.post("/api/contacts/search", query).await.ok();
    assert_eq!((&found["total_count"], &found["data"][0]["name"]), (&json!(1), &json!("Ana")));
    assert_eq!(house.put(&ana, json!({"location": null})).await.ok()["location"]["country"], Value::Null);
    let refused = house.put(&ana, json!({"location": {"city": ""}})).await.error();
    assert_eq!((refused.0, refused.2.as_deref()), (400, Some("location.city")));
}

#[tokio::test]
async fn obj_36_lists_of_conversations_keep_the_ids_of_their_options() {
    let house = House::new().await;
    let team = id(&house.post("/api/teams", json!({"name": "Billing"})).await.ok());
    let new = json!({"name": "Urgency", "data_type": "list", "options": [{"label": "High"}, {"label": "Low"}],
        "visible_to_team_ids": [team]});
    let urgency = house.post("/api/conversations/attributes", new).await.ok();
    assert_eq!((&urgency["options"][1]["label"], &urgency["visible_to_team_ids"]), (&json!("Low"), &json!([team])));
    let path = format!("/api/conversations/attributes/{}", urgency["id"]);
    let ana = house.contact("ana@example.com").await;
    let conversation = format!("/api/conversations/{}", house.conversation(&ana, "Hello").await);
    let high = json!({"custom_attributes": {"Urgency": urgency["options"][0]["id"]}});
    assert_eq!(house.put(&conversation, high).await.ok()["custom_attributes"], json!({"Urgency": "High"}));
    let option = format!("{path}/options/{}", urgency["options"][0]["id"].as_str().unwrap());
    let renamed = house.put(&option, json!({"label": "Burning"})).await.ok();
    assert_eq!(renamed["options"][0]["id"], urgency["options"][0]["id"]);
    let more = house.post(&format!("{path}/options"), json!({"label": "Middle"})).await.ok();
    assert_eq!(more["options"].as_array().unwrap().len(), 3);
    assert_eq!(house.post(&format!("{path}/options"), json!({"label": "Low"})).await.error().0, 400);
    assert_eq!(house.put(&format!("{path}/options/1"), json!({"label": "x"})).await.error().0, 404);
    let refused = house.put(&conversation, json!({"custom_attributes": {"Urgency": "High"}})).await.error();
    assert_eq!(refused.0, 400, "the old label is none any more");
    let archived = house.delete(&option).await.ok();
    assert_eq!(archived["options"][0]["archived"], json!(true));
    let gone = json!({"custom_attributes": {"Urgency": "Burning"}});
    assert_eq!(house.put(&conversation, gone).await.error().0, 400, "not to be chosen any more");
    assert_eq!(
        house.get(&conversation).await.ok()["custom_attributes"],
        json!({"Urgency": "High"}),
        "what has it keeps it"
    );
    assert_eq!(house.delete(&format!("{path}/options/1")).await.error().0, 404);
    house.put(&path, json!({"description": "How soon"})).await.ok();
    assert_eq!(house.put(&path, json!({"name": "Haste"})).await.error().2.as_deref(), Some("name"));
    assert_eq!(house.delete(&path).await.ok()["archived"], json!(true));
    assert_eq!(house.get("/api/conversations/attributes").await.ok()["data"], json!([]));
    assert_eq!(house.get(&path).await.ok()["description"], json!("How soon"));
    let of_contacts = house.attribute(json!({"name": "x", "model": "contact", "data_type": "string"})).await;
    assert_eq!(house.get(&format!("/api/conversations/attributes/{}", of_contacts["id"])).await.error().0, 404);
    house.is_sound();
}

#[tokio::test]
async fn api_27_a_tag_is_put_on_companies_and_contacts_at_once_or_on_none() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let company = id(&house.post("/api/companies", json!({"company_id": "c-1"})).await.ok());
    let put = json!({"name": "VIP", "companies": [{"company_id": "c-1"}], "users": [{"email": "ana@example.com"}]});
    let tag = house.post("/api/tags", put.clone()).await.ok();
    assert_eq!(house.post("/api/tags", put).await.ok(), tag, "what is so already changes nothing");
    let tags = |of: &Value, list: &str| of["tags"][list].as_array().unwrap().iter().map(id).collect::<Vec<_>>();
    let path = format!("/api/companies/{company}");
    assert_eq!(tags(&house.get(&path).await.ok(), "tags"), [id(&tag)]);
    assert_eq!(tags(&house.get(&format!("/api/contacts/{ana}")).await.ok(), "data"), [id(&tag)]);
    let unknown = json!({"name": "Other", "companies": [{"id": company}, {"company_id": "c-2"}]});
    assert_eq!(house.post("/api/tags", unknown).await.error().0, 404);
    assert_eq!(house.get("/api/tags").await.ok()["data"].as_array().unwrap().len(), 1, "API-4: not even the tag");
    let refused = house.delete(&format!("/api/tags/{}", id(&tag))).await.error();
    assert_eq!(refused.1, "tag_has_dependent_objects");
    let off =
        json!({"name": "VIP", "companies": [{"id": company, "untag": true}], "users": [{"id": ana, "untag": true}]});
    house.post("/api/tags", off).await.ok();
    assert_eq!(tags(&house.get(&path).await.ok(), "tags"), Vec::<String>::new());
    house.delete(&format!("/api/tags/{}", id(&tag))).await.ok();
    house.is_sound();
}
