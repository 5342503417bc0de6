//! What tickets can be: types, attributes, states, settings, and what each of them decides.

use super::*;

/// A type of that category with its path.
async fn made(house: &House, category: &str) -> (Value, String) {
    let ticket_type = house.ticket_type(category).await;
    let path = format!("/api/ticket_types/{}", id(&ticket_type));
    (ticket_type, path)
}

async fn new_state(house: &House, category: &str, label: &str, types: &[&Value]) -> Value {
    let types: Vec<String> = types.iter().map(|one| id(one)).collect();
    let new = json!({"category": category, "internal_label": label, "ticket_type_ids": types});
    house.post("/api/ticket_states", new).await.ok()
}

async fn ticket(house: &House, ticket_type: &Value, more: Value) -> Value {
    let ana = json!([{"email": "ana@example.com"}]);
    let new = json!({"ticket_type_id": id(ticket_type), "contacts": ana});
    let (mut new, Value::Object(more)) = (new, more) else { panic!() };
    new.as_object_mut().unwrap().extend(more);
    house.post("/api/tickets", new).await.ok()
}

fn of_category(ticket_type: &Value, category: &str) -> String {
    let states = ticket_type["ticket_states"]["data"].as_array().unwrap();
    id(states.iter().find(|state| state["category"] == category).unwrap())
}

fn state_ids(ticket_type: &Value) -> Vec<String> {
    ticket_type["ticket_states"]["data"].as_array().unwrap().iter().map(id).collect()
}

fn parts(ticket: &Value) -> Vec<&str> {
    let parts = ticket["ticket_parts"]["ticket_parts"].as_array().unwrap();
    parts.iter().map(|part| part["part_type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn tst_1_a_type_made_without_states_gets_the_four_defaults() {
    let house = House::new().await;
    let (made, _) = made(&house, "Customer").await;
    let states = made["ticket_states"]["data"].as_array().unwrap();
    let shown: Vec<_> =
        states.iter().map(|one| [&one["category"], &one["internal_label"], &one["external_label"]]).collect();
    let expected = [
        ["submitted", "Submitted", "Submitted"],
        ["in_progress", "In progress", "In progress"],
        ["waiting_on_customer", "Waiting on customer", "Waiting on you"],
        ["resolved", "Resolved", "Resolved"],
    ];
    assert_eq!(json!(shown), json!(expected));
}

#[tokio::test]
async fn tst_2_the_last_state_of_a_category_can_neither_be_taken_nor_archived() {
    let house = House::new().await;
    let (made, path) = made(&house, "Customer").await;
    let resolved = of_category(&made, "resolved");
    let state_path = format!("/api/ticket_states/{resolved}");
    let order: Vec<String> = state_ids(&made).into_iter().filter(|one| *one != resolved).collect();
    let taken = house.put(&format!("{path}/states"), json!({"order": order})).await.error();
    assert_eq!(taken, (400, "parameter_invalid".to_owned(), Some("order".to_owned())));
    assert_eq!(house.put(&state_path, json!({"archived": true})).await.error().1, "parameter_invalid");
    assert_eq!(house.put(&state_path, json!({"ticket_type_ids": []})).await.error().1, "parameter_invalid");
    assert_eq!(house.get(&path).await.ok()["ticket_states"], made["ticket_states"], "nothing was applied");
    let done = new_state(&house, "resolved", "Done for good", &[&made]).await;
    assert_eq!(house.put(&state_path, json!({"archived": true})).await.ok()["archived"], json!(true));
    let last = house.put(&format!("/api/ticket_states/{}", id(&done)), json!({"archived": true})).await.error();
    assert_eq!(last.1, "parameter_invalid", "now the other one is the last");
    let other = house.post("/api/ticket_types", json!({"name": "Second", "category": "Customer"})).await.ok();
    assert!(state_ids(&other).contains(&id(&done)), "STA-5 takes what can be chosen");
}

#[tokio::test]
async fn tst_3_internal_labels_are_unique_without_case_and_external_ones_repeat() {
    let house = House::new().await;
    let new =
        |internal: &str| json!({"category": "in_progress", "internal_label": internal, "external_label": "Resolved"});
    let taken = house.post("/api/ticket_states", new("in PROGRESS ")).await.error();
    assert_eq!(taken, (400, "parameter_invalid".to_owned(), Some("internal_label".to_owned())));
    let checking = house.post("/api/ticket_states", new("Checking")).await.ok();
    assert_eq!(checking["external_label"], "Resolved");
    let path = format!("/api/ticket_states/{}", id(&checking));
    assert_eq!(
        house.put(&path, json!({"internal_label": "RESOLVED"})).await.error().2.as_deref(),
        Some("internal_label")
    );
    let renamed = house.put(&path, json!({"internal_label": "CHECKING", "external_label": "Being checked"})).await.ok();
    assert_eq!((&renamed["internal_label"], &renamed["external_label"]), (&json!("CHECKING"), &json!("Being checked")));
    assert_eq!(house.put(&path, json!({"category": "resolved"})).await.error().2.as_deref(), Some("category"));
    assert_eq!(house.put("/api/ticket_states/7", json!({})).await.error().0, 404);
}

#[tokio::test]
async fn sta_2_a_state_serves_many_types_and_a_ticket_keeps_one_that_was_taken() {
    let house = House::new().await;
    let (one, path) = made(&house, "Customer").await;
    let two = house.post("/api/ticket_types", json!({"name": "Two", "category": "Customer"})).await.ok();
    let shared = new_state(&house, "in_progress", "With billing", &[&one, &two]).await;
    assert_eq!(shared["ticket_types"]["data"].as_array().unwrap().len(), 2);
    let held = ticket(&house, &one, json!({"ticket_state_id": id(&shared)})).await;
    let only_two =
        house.put(&format!("/api/ticket_states/{}", id(&shared)), json!({"ticket_type_ids": [id(&two)]})).await;
    assert_eq!(only_two.ok()["ticket_types"]["data"][0]["name"], "Two");
    assert!(!state_ids(&house.get(&path).await.ok()).contains(&id(&shared)));
    let ticket_path = format!("/api/tickets/{}", id(&held));
    assert_eq!(house.get(&ticket_path).await.ok()["ticket_state"]["id"], shared["id"], "STA-2: it keeps it");
    let submitted = of_category(&one, "submitted");
    house.put(&ticket_path, json!({"ticket_state_id": submitted})).await.ok();
    let again = house.put(&ticket_path, json!({"ticket_state_id": id(&shared)})).await.error();
    assert_eq!(again.1, "ticket_state_id_invalid", "and it cannot be chosen again");
}

#[tokio::test]
async fn api_43_a_type_has_its_states_in_an_order_of_its_own() {
    let house = House::new().await;
    let (made, path) = made(&house, "Customer").await;
    let triage = new_state(&house, "submitted", "Triage", &[]).await;
    let order: Vec<String> = [id(&triage)].into_iter().chain(state_ids(&made)).collect();
    let ordered = house.put(&format!("{path}/states"), json!({"order": order})).await.ok();
    assert_eq!(state_ids(&ordered), order);
    let first = ticket(&house, &ordered, json!({})).await;
    assert_eq!(first["ticket_state"]["id"], triage["id"], "STA-6: the first submitted state in that order");
    let twice: Vec<&String> = order.iter().chain(order.first()).collect();
    assert_eq!(house.put(&format!("{path}/states"), json!({"order": twice})).await.error().2.as_deref(), Some("order"));
    let unknown = house.put(&format!("{path}/states"), json!({"order": [1]})).await.error();
    assert_eq!(unknown.1, "ticket_state_id_invalid");
    let chosen = json!({"name": "Chosen", "category": "Tracker", "ticket_states": order});
    assert_eq!(state_ids(&house.post("/api/ticket_types", chosen).await.ok()), order);
}

#[tokio::test]
async fn tst_4_13_a_ticket_begins_submitted_and_remembers_the_state_before() {
    let house = House::new().await;
    let (made, _) = made(&house, "Customer").await;
    let begun = ticket(&house, &made, json!({})).await;
    assert_eq!(parts(&begun), ["ticket_state_updated_by_admin"]);
    let part = &begun["ticket_parts"]["ticket_parts"][0];
    assert_eq!((&part["ticket_state"], &part["previous_ticket_state"]), (&json!("submitted"), &json!("submitted")));
    assert_eq!((&part["author"]["type"], &part["author"]["id"]), (&json!("admin"), &json!(house.agent)));
    assert_eq!(begun["previous_ticket_state_id"], json!(null), "STA-10");
    let path = format!("/api/tickets/{}", id(&begun));
    let moved = house.put(&path, json!({"ticket_state_id": of_category(&made, "resolved")})).await.ok();
    assert_eq!(moved["previous_ticket_state_id"], json!(of_category(&made, "submitted")));
}

#[tokio::test]
async fn tst_7_8_where_a_reply_leads_is_the_types_choice() {
    let house = House::new().await;
    let (made, path) = made(&house, "Customer").await;
    let reply = json!({"message_type": "comment", "type": "user", "email": "ana@example.com", "body": "more"});
    let held = ticket(&house, &made, json!({})).await;
    let ticket_path = format!("/api/tickets/{}", id(&held));
    let answer = |state: Option<String>| {
        let (house, ticket_path, reply) = (&house, &ticket_path, &reply);
        async move {
            if let Some(state) = state {
                house.put(ticket_path, json!({"ticket_state_id": state})).await.ok();
            }
            house.put(ticket_path, json!({"open": false})).await.ok();
            house.post(&format!("{ticket_path}/reply"), reply.clone()).await.ok();
            house.get(ticket_path).await.ok()
        }
    };
    let after = answer(None).await;
    assert_eq!(
        (&after["ticket_state"]["category"], parts(&after).last()),
        (&json!("submitted"), Some(&"open")),
        "TST-7"
    );
    let after = answer(Some(of_category(&made, "in_progress"))).await;
    assert_eq!(after["ticket_state"]["category"], "in_progress", "TST-7");
    let none = json!({"on_customer_reply": {"resolved": null}});
    let changed = house.put(&path, none).await.ok();
    assert_eq!(changed["deskgate"]["on_customer_reply"]["waiting_on_customer"], "in_progress");
    let after = answer(Some(of_category(&made, "resolved"))).await;
    assert_eq!((&after["ticket_state"]["category"], &after["open"]), (&json!("resolved"), &json!(true)), "TST-8");
    let back = new_state(&house, "submitted", "Came back", &[&made]).await;
    house.put(&path, json!({"on_customer_reply": {"resolved": id(&back)}})).await.ok();
    assert_eq!(answer(None).await["ticket_state"]["id"], back["id"]);
    let foreign = house.put(&path, json!({"on_customer_reply": {"submitted": 3}})).await.error();
    assert_eq!(foreign.1, "ticket_state_id_invalid");
}

#[tokio::test]
async fn tst_9_back_to_submitted_and_between_two_submitted_states() {
    let house = House::new().await;
    let (made, _) = made(&house, "Customer").await;
    let triage = new_state(&house, "submitted", "Triage", &[&made]).await;
    let held = ticket(&house, &made, json!({})).await;
    let path = format!("/api/tickets/{}", id(&held));
    for state in
        [of_category(&made, "resolved"), of_category(&made, "submitted"), id(&triage), of_category(&made, "submitted")]
    {
        let moved = house.put(&path, json!({"ticket_state_id": state})).await.ok();
        assert_eq!(moved["ticket_state"]["id"], json!(state));
    }
}

#[tokio::test]
async fn tst_14_resolving_asks_for_what_is_required() {
    let house = House::new().await;
    let (made, path) = made(&house, "Customer").await;
    let cause = json!({"name": "Cause", "data_type": "string", "required_to_close": true});
    house.post(&format!("{path}/attributes"), cause).await.ok();
    let held = ticket(&house, &made, json!({})).await;
    let path = format!("/api/tickets/{}", id(&held));
    let resolved = of_category(&made, "resolved");
    let refused = house.put(&path, json!({"ticket_state_id": resolved})).await.error();
    assert_eq!(refused, (400, "parameter_invalid".to_owned(), Some("Cause".to_owned())));
    let filled = json!({"ticket_state_id": resolved, "ticket_attributes": {"Cause": "A loose wire"}});
    assert_eq!(house.put(&path, filled).await.ok()["ticket_state"]["category"], "resolved");
}

#[tokio::test]
async fn att_5_a_ticket_that_is_resolved_from_the_start_needs_what_resolving_needs() {
    let house = House::new().await;
    let (made, path) = made(&house, "Customer").await;
    let cause = json!({"name": "Cause", "data_type": "string", "required_to_close": true});
    house.post(&format!("{path}/attributes"), cause).await.ok();
    let ana = house.contact("ana@example.com").await;
    let talk = house.conversation(&ana, "It was broken").await;
    let resolved = of_category(&made, "resolved");
    let ticket = json!({"ticket_type_id": id(&made), "ticket_state_id": resolved, "contacts": [{"id": ana}],
        "ticket_attributes": {"_default_title_": "Broken"}});
    let conversion = json!({"ticket_type_id": id(&made), "ticket_state_id": resolved});
    let convert = format!("/api/conversations/{talk}/convert");
    let ways = [
        ("/api/tickets", ticket, "ticket_attributes"),
        (
            "/api/tickets/enqueue",
            json!({"ticket_type_id": id(&made), "ticket_state_id": resolved,
            "contacts": [{"id": ana}], "ticket_attributes": {"_default_title_": "Broken"}}),
            "ticket_attributes",
        ),
        (convert.as_str(), conversion, "attributes"),
    ];
    for (path, mut body, values) in ways {
        let refused = house.post(path, body.clone()).await.error();
        assert_eq!(refused, (400, "parameter_invalid".to_owned(), Some("Cause".to_owned())), "{path}");
        body[values]["Cause"] = json!("A loose wire");
        house.post(path, body).await.ok();
    }
    let state = house.get(&format!("/api/tickets/{talk}")).await.ok()["ticket_state"]["category"].clone();
    assert_eq!(state, "resolved");
}

#[tokio::test]
async fn tst_16_a_renamed_option_keeps_its_id_and_its_tickets() {
    let house = House::new().await;
    let (made, path) = made(&house, "Customer").await;
    let attributes = format!("{path}/attributes");
    let size = json!({"name": "Size", "data_type": "list", "list_items": "Small,Large,Huge"});
    let size = house.post(&attributes, size).await.ok();
    let options = size["input_options"]["list_options"].as_array().unwrap().clone();
    let held = ticket(&house, &made, json!({"ticket_attributes": {"Size": "Large"}})).await;
    let ticket_path = format!("/api/tickets/{}", id(&held));
    let attribute = format!("{attributes}/{}", id(&size));
    let renamed = json!({"list_options": [{"id": id(&options[0]), "label": "Small"}, {"id": id(&options[1]), "label": "Big"},
        {"label": "Tiny"}]});
    let changed = house.put(&attribute, renamed).await.ok();
    let now = changed["input_options"]["list_options"].as_array().unwrap();
    assert_eq!((&now[1]["id"], &now[1]["label"]), (&options[1]["id"], &json!("Big")));
    assert_eq!(now.len(), 3, "Huge is removed, Tiny new");
    assert_eq!(house.get(&ticket_path).await.ok()["ticket_attributes"]["Size"], "Big");
    for choice in [json!("Tiny"), options[0]["id"].clone(), json!("Big")] {
        let set = house.put(&ticket_path, json!({"ticket_attributes": {"Size": choice}})).await;
        assert!(set.status.is_success(), "{choice}");
    }
    for gone in [json!("Large"), json!("Huge"), options[2]["id"].clone()] {
        let refused = house.put(&ticket_path, json!({"ticket_attributes": {"Size": gone}})).await.error();
        assert_eq!(refused.2.as_deref(), Some("Size"), "{gone}");
    }
    let same = json!({"list_options": [{"label": "A"}, {"label": "A"}]});
    assert_eq!(house.put(&attribute, same).await.error().1, "parameter_invalid");
    let foreign = json!({"list_options": [{"id": "7", "label": "A"}]});
    assert_eq!(house.put(&attribute, foreign).await.error().2.as_deref(), Some("list_options"));
}

#[tokio::test]
async fn att_2_5_7_8_built_in_required_unknown_and_archived_attributes() {
    let house = House::new().await;
    let (made, path) = made(&house, "Back-office").await;
    let attributes = format!("{path}/attributes");
    let title = &made["ticket_type_attributes"]["data"][0];
    assert_eq!(
        (&title["name"], &title["default"], &title["order"]),
        (&json!("_default_title_"), &json!(true), &json!(0))
    );
    let own = format!("{attributes}/{}", id(title));
    for (body, field) in [(json!({"archived": true}), "archived"), (json!({"name": "Title"}), "name")] {
        assert_eq!(house.put(&own, body).await.error().2.as_deref(), Some(field), "ATT-2");
    }
    let floor = json!({"name": "Floor", "data_type": "integer", "required_to_create": true});
    let floor = house.post(&attributes, floor.clone()).await.ok();
    assert_eq!(
        house.post(&attributes, json!({"name": "Floor", "data_type": "list", "list_items": "1"})).await.error().1,
        "parameter_invalid"
    );
    let new = |values: Value| json!({"ticket_type_id": id(&made), "contacts": [], "ticket_attributes": values});
    let missing = house.post("/api/tickets", new(json!({}))).await.error();
    assert_eq!(missing.2.as_deref(), Some("Floor"), "ATT-5");
    assert_eq!(
        house.post("/api/tickets", new(json!({"Floor": 3, "Door": 1}))).await.error().2.as_deref(),
        Some("Door"),
        "TST-46"
    );
    let held = house.post("/api/tickets", new(json!({"Floor": 3}))).await.ok();
    house.put(&format!("{attributes}/{}", id(&floor)), json!({"archived": true})).await.ok();
    assert_eq!(
        house.get(&format!("/api/tickets/{}", id(&held))).await.ok()["ticket_attributes"]["Floor"],
        json!(3),
        "ATT-8"
    );
    assert!(house.post("/api/tickets", new(json!({}))).await.status.is_success(), "archived ones are not asked for");
}

#[tokio::test]
async fn typ_2_a_used_type_keeps_its_category_and_an_archived_one_takes_no_tickets() {
    let house = House::new().await;
    let (made, path) = made(&house, "Customer").await;
    assert_eq!(house.put(&path, json!({"category": "Tracker"})).await.ok()["is_internal"], json!(true));
    house.put(&path, json!({"category": "Customer"})).await.ok();
    ticket(&house, &made, json!({})).await;
    assert_eq!(house.put(&path, json!({"category": "Tracker"})).await.error().2.as_deref(), Some("category"));
    house.put(&path, json!({"archived": true})).await.ok();
    let ana = json!([{"email": "ana@example.com"}]);
    let refused = house.post("/api/tickets", json!({"ticket_type_id": id(&made), "contacts": ana})).await.error();
    assert_eq!(refused.2.as_deref(), Some("ticket_type_id"));
}

#[tokio::test]
async fn typ_20_the_type_gives_owners_and_priority_and_its_settings_are_checked() {
    let house = House::new().await;
    let (made, path) = made(&house, "Customer").await;
    let settings = json!({"default_admin_assignee_id": house.agent, "default_priority": "high", "audience": "users",
        "submitted_message": "Thank you", "broadcast_email": "never", "broadcast_rate_per_minute": 60,
        "notifications": {"reply": "always", "same_category": true}});
    let changed = house.put(&path, settings).await.ok()["deskgate"].clone();
    assert_eq!((&changed["default_priority"], &changed["audience"]), (&json!("high"), &json!("users")));
    assert_eq!(
        changed["notifications"],
        json!({"submitted": "always", "reply": "always", "state_changed": "always",
        "form_sent": "when_unseen", "same_category": true})
    );
    let held = ticket(&house, &made, json!({})).await;
    assert_eq!(held["admin_assignee_id"].to_string(), house.agent);
    let said = ticket(&house, &made, json!({"assignment": {"admin_assignee_id": 0}})).await;
    assert_eq!(said["admin_assignee_id"], json!(0), "what is said goes first");
    let cleared =
        house.put(&path, json!({"default_admin_assignee_id": null, "broadcast_rate_per_minute": null})).await.ok();
    assert_eq!(cleared["deskgate"]["default_admin_assignee_id"], json!(0));
    let long = "x".repeat(2_001);
    for (body, status) in [
        (json!({"default_admin_assignee_id": 3}), 404),
        (json!({"notifications": {"reply": "sometimes"}}), 400),
        (json!({"broadcast_rate_per_minute": 0}), 400),
        (json!({"submitted_message": long}), 400),
        (json!({"icon": "not one emoji at all"}), 400),
    ] {
        assert_eq!(house.put(&path, body.clone()).await.error().0, status, "{body}");
    }
}

#[tokio::test]
async fn typ_20_a_rule_on_contact_or_company_is_kept_as_it_was_asked_and_checked() {
    let house = House::new().await;
    let (_, path) = made(&house, "Customer").await;
    let rule = json!({"operator": "OR", "value": [
        {"field": "company.plan", "operator": "IN", "value": ["pro", "large"]},
        {"operator": "AND", "value": [
            {"field": "custom_attributes.seats", "operator": ">", "value": 3},
            {"field": "blocked", "operator": "=", "value": false},
        ]},
    ]});
    let changed = house.put(&path, json!({"audience_rule": rule})).await.ok();
    assert_eq!(changed["deskgate"]["audience_rule"], rule);
    let left = house.put(&path, json!({"icon": "🧰"})).await.ok();
    assert_eq!(left["deskgate"]["audience_rule"], rule, "what is not named stays");
    for wrong in [
        json!({"field": "shoe_size", "operator": "=", "value": 1}),
        json!({"field": "company.shoe_size", "operator": "=", "value": 1}),
        json!({"field": "company.size", "operator": "~", "value": 1}),
        json!({"operator": "AND", "value": []}),
    ] {
        assert_eq!(house.put(&path, json!({"audience_rule": wrong})).await.error().0, 400, "{wrong}");
    }
    let cleared = house.put(&path, json!({"audience_rule": null})).await.ok();
    assert_eq!(cleared["deskgate"]["audience_rule"], Value::Null);
}

#[tokio::test]
async fn obj_52_obj_53_translations_go_in_and_come_out_by_language() {
    let house = House::new().await;
    let (made, path) = made(&house, "Customer").await;
    let new = json!({"name": "plan", "data_type": "list", "list_items": "small,large"});
    let attribute = house.post(&format!("{path}/attributes"), new).await.ok();
    let (plan, small) = (id(&attribute), attribute["input_options"]["list_options"][0]["id"].clone());
    let german = json!({"name": "Rechnung", "submitted_message": "Danke",
        "attributes": {"plan": {"label": "Tarif", "options": {"small": "Klein"}}}});
    let changed = house.put(&path, json!({"translations": {"de": german, "fr": {"name": "Facture"}}})).await.ok();
    let options: serde_json::Map<_, _> = [(small.as_str().unwrap().to_owned(), json!("Klein"))].into_iter().collect();
    let attributes: serde_json::Map<_, _> =
        [(plan, json!({"label": "Tarif", "options": options}))].into_iter().collect();
    let expected = json!({
        "de": {"name": "Rechnung", "submitted_message": "Danke", "attributes": attributes},
        "fr": {"name": "Facture", "submitted_message": null, "attributes": {}},
    });
    assert_eq!(changed["deskgate"]["translations"], expected);
    assert_eq!(changed["name"], made["name"], "the API reads what was written (I18-3)");
    let left = house.put(&path, json!({"translations": {"DE": null}})).await.ok();
    assert_eq!(left["deskgate"]["translations"], json!({"fr": expected["fr"]}));
    for wrong in [json!({"de_DE": {"name": "x"}}), json!({"de": {"attributes": {"size": {"label": "x"}}}})] {
        assert_eq!(house.put(&path, json!({"translations": wrong})).await.error().0, 400, "{wrong}");
    }
    let state = format!("/api/ticket_states/{}", of_category(&made, "submitted"));
    let changed = house.put(&state, json!({"translations": {"de": "Eingegangen", "fr": "Reçu"}})).await.ok();
    assert_eq!(changed["deskgate"]["translations"], json!({"de": "Eingegangen", "fr": "Reçu"}));
    assert_eq!(changed["external_label"], "Submitted");
    let changed = house.put(&state, json!({"translations": {"fr": null}})).await.ok();
    assert_eq!(changed["deskgate"]["translations"], json!({"de": "Eingegangen"}));
}

#[tokio::test]
async fn tck_14_participants_come_with_the_ticket() {
    let house = House::new().await;
    let (made, _) = made(&house, "Customer").await;
    let more = json!({"participants": [{"email": "ben@example.com"}, {"email": "ana@example.com"}]});
    let held = ticket(&house, &made, more).await;
    assert_eq!(held["contacts"]["contacts"].as_array().unwrap().len(), 2, "Ana once");
    let unnamed =
        json!({"ticket_type_id": id(&made), "contacts": [{"email": "ana@example.com"}], "participants": [{}]});
    assert_eq!(house.post("/api/tickets", unnamed).await.error().2.as_deref(), Some("participants[0]"));
}

#[tokio::test]
async fn tst_48_a_type_changes_within_its_category_and_carries_what_fits() {
    let house = House::new().await;
    let (one, path) = made(&house, "Customer").await;
    let two = house.post("/api/ticket_types", json!({"name": "Refund", "category": "Customer"})).await.ok();
    let other_path = format!("/api/ticket_types/{}/attributes", id(&two));
    let own = new_state(&house, "submitted", "Refund asked for", &[&two]).await;
    let list = |items: &str| json!({"name": "Size", "data_type": "list", "list_items": items});
    house.post(&format!("{path}/attributes"), list("Small,Large")).await.ok();
    house.post(&other_path, list("Large,Huge")).await.ok();
    for (at, data_type) in [(format!("{path}/attributes"), "integer"), (other_path, "decimal")] {
        house.post(&at, json!({"name": "Amount", "data_type": data_type})).await.ok();
    }
    let values = json!({"_default_title_": "Too much", "Size": "Large", "Amount": 12});
    let held = ticket(&house, &one, json!({"ticket_attributes": values})).await;
    let change_path = format!("/api/tickets/{}/change_type", id(&held));
    let ask = |ticket_type: &Value, state: &str| json!({"ticket_type_id": id(ticket_type), "ticket_state_id": state});
    let submitted = of_category(&one, "submitted");
    let tracker = house.ticket_type("Tracker").await;
    for (body, code, field) in [
        (json!({"ticket_state_id": submitted}), "parameter_not_found", "ticket_type_id"),
        (json!({"ticket_type_id": id(&two)}), "parameter_not_found", "ticket_state_id"),
        (ask(&one, &submitted), "parameter_invalid", "ticket_type_id"),
        (ask(&tracker, &submitted), "parameter_invalid", "ticket_type_id"),
        (ask(&two, "99"), "parameter_invalid", "ticket_state_id"),
    ] {
        let refused = house.post(&change_path, body.clone()).await.error();
        assert_eq!((refused.0, refused.1.as_str(), refused.2.as_deref()), (400, code, Some(field)), "{body}");
    }
    let unknown =
        json!({"ticket_type_id": id(&two), "ticket_state_id": id(&own), "ticket_attributes": {"Colour": "red"}});
    assert_eq!(house.post(&change_path, unknown).await.error().2.as_deref(), Some("Colour"));
    let changed = house.post(&change_path, ask(&two, &id(&own))).await.ok();
    assert_eq!((&changed["ticket_type"]["name"], &changed["ticket_state"]["id"]), (&json!("Refund"), &own["id"]));
    let values = &changed["ticket_attributes"];
    assert_eq!(
        (&values["_default_title_"], &values["Size"], &values["Amount"]),
        (&json!("Too much"), &json!("Large"), &json!(null))
    );
    let said = changed["ticket_parts"]["ticket_parts"].as_array().unwrap();
    let said = said.iter().find(|part| part["part_type"] == "ticket_type_changed").unwrap();
    assert_eq!(said["deskgate"]["details"]["left"], json!({"Amount": 12}));
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn ntf_12_what_is_done_silently_says_so_and_owes_nothing() {
    let house = House::new().await;
    let (made, _) = made(&house, "Customer").await;
    let held = ticket(&house, &made, json!({"skip_notifications": true})).await;
    let path = format!("/api/tickets/{}", id(&held));
    let change = json!({"ticket_state_id": of_category(&made, "resolved"), "ticket_attributes": {"_default_title_": "x"},
        "skip_notifications": true});
    let after = house.put(&path, change).await.ok();
    let silent = after["ticket_parts"]["ticket_parts"].as_array().unwrap().iter();
    assert!(silent.map(|part| &part["deskgate"]["skip_notifications"]).all(|said| *said == json!(true)));
    assert_eq!(house.desk.all_deliveries(None, 10).unwrap(), []);
}

/// Mails that are owed to customers.
fn owed_to_customers(house: &House) -> Vec<&'static str> {
    let all = house.desk.all_deliveries(None, 50).unwrap();
    let kinds = all.iter().map(|delivery| delivery.kind.as_str());
    kinds.filter(|kind| *kind != "agent_notice").collect()
}

#[tokio::test]
async fn ntf_12_every_act_can_be_silent_and_is_not_unless_asked() {
    for silent in [true, false] {
        let house = House::new().await;
        let (made, _) = made(&house, "Customer").await;
        let ops = house.post("/api/ticket_types", json!({"name": "Ops", "category": "Back-office"})).await.ok();
        let issue = house.ticket_type("Tracker").await;
        let other = house.post("/api/ticket_types", json!({"name": "Refund", "category": "Customer"})).await.ok();
        let ana = house.contact("ana@example.com").await;
        let (first, second) = (house.conversation(&ana, "Hi").await, house.conversation(&ana, "Ho").await);
        let [ops, issue] = [ops, issue].map(|of| json!({"ticket_type_id": id(&of), "contacts": []}));
        let ops = id(&house.post("/api/tickets", ops).await.ok());
        let issue = id(&house.post("/api/tickets", issue).await.ok());
        house.post(&format!("/api/tickets/{ops}/links"), json!({"thread_id": second})).await.ok();
        let acts = [
            ("form", format!("conversations/{first}/forms"), json!({"ticket_type_id": id(&made)})),
            ("status", format!("conversations/{first}/convert"), json!({"ticket_type_id": id(&made)})),
            (
                "reply",
                format!("tickets/{first}/reply"),
                json!({"message_type": "comment", "type": "admin", "body": "Yes"}),
            ),
            (
                "status",
                format!("tickets/{first}/change_type"),
                json!({"ticket_type_id": id(&other), "ticket_state_id": of_category(&other, "in_progress")}),
            ),
            (
                "status",
                format!("tickets/{issue}/propagate_state"),
                json!({"ticket_state_id": of_category(&made, "waiting_on_customer")}),
            ),
        ];
        for (kind, path, mut body) in acts {
            if path.ends_with("propagate_state") {
                house.post(&format!("/api/tickets/{issue}/links"), json!({"thread_id": first})).await.ok();
            }
            // What waited is on its way, so that nothing joins it.
            house.clock.set(house.clock.now().plus(Duration::from_secs(200)));
            house.desk.lease_due(50, Duration::from_secs(60)).await.unwrap();
            let before = owed_to_customers(&house).len();
            body["skip_notifications"] = json!(silent);
            house.post(&format!("/api/{path}"), body).await.ok();
            while house.desk.propagation_batch().await.unwrap() {}
            let owed = owed_to_customers(&house);
            assert_eq!(owed.len() - before, usize::from(!silent), "{path}, silent: {silent}: {owed:?}");
            assert!(silent || owed.contains(&kind), "{path}: {owed:?}");
        }
        let before = owed_to_customers(&house).len();
        let share = json!({"is_shared": true, "skip_notifications": silent});
        house.put(&format!("/api/tickets/{ops}"), share).await.ok();
        assert_eq!(owed_to_customers(&house).len() - before, usize::from(!silent), "shared, silent: {silent}");
    }
}
