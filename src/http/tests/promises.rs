//! Rules of tickets as they hold at the door, and requests that meet: none is lost, none is applied by half.

use super::*;

/// State of a category of a ticket type.
fn state(kind: &Value, category: &str) -> String {
    id(kind["ticket_states"]["data"].as_array().unwrap().iter().find(|one| one["category"] == category).unwrap())
}

impl House {
    async fn of_type(&self, kind: &Value, more: Value) -> String {
        let mut new = json!({"ticket_type_id": id(kind), "contacts": []});
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        id(&self.post("/api/tickets", new).await.ok())
    }

    fn whole(&self) {
        assert_eq!(self.desk.verify().unwrap(), Vec::<String>::new());
    }
}

fn kinds(parts: &Value) -> Vec<String> {
    parts["data"].as_array().unwrap().iter().map(|part| part["part_type"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn tst_06_a_customers_reply_on_resolved_takes_the_ticket_back_to_work() {
    let house = House::new().await;
    let (ana, kind) = (house.contact("ana@example.com").await, house.ticket_type("Customer").await);
    let ticket = house.of_type(&kind, json!({"contacts": [{"id": ana}]})).await;
    let path = format!("/api/tickets/{ticket}");
    house.put(&path, json!({"ticket_state_id": state(&kind, "resolved")})).await.ok();
    let reply = json!({"message_type": "comment", "type": "user", "intercom_user_id": ana, "body": "Not yet"});
    house.post(&format!("{path}/reply"), reply).await.ok();
    let parts = house.get(&format!("{path}/parts?order=desc&per_page=2")).await.ok();
    assert_eq!(kinds(&parts), ["ticket_state_updated_by_admin", "comment"], "the comment first, then the state");
    let moved = &parts["data"][0];
    assert_eq!((&moved["author"]["type"], &moved["deskgate"]["cause"]), (&json!("bot"), &json!("customer_reply")));
    assert_eq!((&moved["previous_ticket_state"], &moved["ticket_state"]), (&json!("resolved"), &json!("in_progress")));
    assert_eq!(house.get(&path).await.ok()["ticket_state"]["id"], json!(state(&kind, "in_progress")));
    house.whole();
}

#[tokio::test]
async fn tst_13_the_state_before_is_none_and_then_the_earlier_one() {
    let house = House::new().await;
    let kind = house.ticket_type("Tracker").await;
    let path = format!("/api/tickets/{}", house.of_type(&kind, json!({})).await);
    let before = |ticket: &Value| ticket["previous_ticket_state_id"].clone();
    assert_eq!(before(&house.get(&path).await.ok()), Value::Null);
    let next = json!({"ticket_state_id": state(&kind, "in_progress")});
    assert_eq!(before(&house.put(&path, next.clone()).await.ok()), json!(state(&kind, "submitted")));
    assert_eq!(before(&house.put(&path, next).await.ok()), json!(state(&kind, "submitted")), "no change, no news");
    let done = json!({"ticket_state_id": state(&kind, "resolved")});
    assert_eq!(before(&house.put(&path, done).await.ok()), json!(state(&kind, "in_progress")));
}

#[tokio::test]
async fn tst_27_28_one_shared_ticket_to_a_conversation_and_no_way_back() {
    let house = House::new().await;
    let (ana, ops, customer) = (
        house.contact("ana@example.com").await,
        house.ticket_type("Back-office").await,
        house.ticket_type("Customer").await,
    );
    let talk = house.conversation(&ana, "My invoice is wrong").await;
    let shared = json!({"conversation_to_link_id": talk, "is_shared": true});
    let first = house.of_type(&ops, shared.clone()).await;
    let mut second = json!({"ticket_type_id": id(&ops), "contacts": []});
    second.as_object_mut().unwrap().extend(shared.as_object().unwrap().clone());
    assert!(house.post("/api/tickets", second).await.error().0 < 500, "a second one is refused");
    let quiet = house.of_type(&ops, json!({"conversation_to_link_id": talk})).await;
    let refused = house.put(&format!("/api/tickets/{quiet}"), json!({"is_shared": true})).await.error();
    assert!((400..500).contains(&refused.0), "SHR-2: {refused:?}");
    let body = json!({"ticket_type_id": id(&customer)});
    let converted = house.post(&format!("/api/conversations/{talk}/convert"), body).await.error();
    assert_eq!(converted.0, 409, "TCK-12");
    let ticket = house.of_type(&customer, json!({"contacts": [{"id": ana}]})).await;
    let refused = house.post(&format!("/api/tickets/{first}/links"), json!({"thread_id": ticket})).await.error();
    assert!((400..500).contains(&refused.0), "a Customer thread takes no shared ticket: {refused:?}");
    let back = house.put(&format!("/api/tickets/{first}"), json!({"is_shared": false})).await.error();
    assert_eq!(back.0, 400, "SHR-3");
    let internal = json!({"name": "Internal", "category": "Back-office", "is_internal": true});
    let internal = house.post("/api/ticket_types", internal).await.ok();
    let change = json!({"ticket_type_id": id(&internal), "ticket_state_id": id(&internal["ticket_states"]["data"][0])});
    let refused = house.post(&format!("/api/tickets/{first}/change_type"), change.clone()).await.error();
    assert_eq!((refused.0, refused.2.as_deref()), (400, Some("ticket_type_id")), "SHR-1");
    house.post(&format!("/api/tickets/{quiet}/change_type"), change).await.ok();
    assert_eq!(house.get(&format!("/api/tickets/{first}")).await.ok()["is_shared"], json!(true));
    house.whole();
}

#[tokio::test]
async fn lnk_1_cycles_and_forbidden_pairs_are_refused_at_the_door() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let (ops, issue, customer) = (
        house.ticket_type("Back-office").await,
        house.ticket_type("Tracker").await,
        house.ticket_type("Customer").await,
    );
    let talk = house.conversation(&ana, "It is down").await;
    let ticket = house.of_type(&customer, json!({"contacts": [{"id": ana}]})).await;
    let (one, two) = (house.of_type(&ops, json!({})).await, house.of_type(&ops, json!({})).await);
    let (tracker, other) = (house.of_type(&issue, json!({})).await, house.of_type(&issue, json!({})).await);
    for (from, to) in
        [(&one, &one), (&one, &two), (&tracker, &tracker), (&tracker, &other), (&ticket, &ticket), (&ticket, &talk)]
    {
        let refused = house.post(&format!("/api/tickets/{from}/links"), json!({"thread_id": to})).await.error();
        assert_eq!((refused.0, refused.1.as_str()), (400, "invalid_ticket_type"), "{from} to {to}");
    }
    house.post(&format!("/api/tickets/{one}/links"), json!({"thread_id": tracker})).await.ok();
    house.post(&format!("/api/tickets/{one}/links"), json!({"thread_id": ticket})).await.ok();
    house.post(&format!("/api/tickets/{tracker}/links"), json!({"thread_id": ticket})).await.ok();
    // The same pair from its other side is the same link, not a circle.
    house.post(&format!("/api/tickets/{tracker}/links"), json!({"thread_id": one})).await.ok();
    let linked = house.get(&format!("/api/tickets/{one}")).await.ok()["linked_objects"]["total_count"].clone();
    assert_eq!(linked, json!(2));
    house.whole();
}

#[tokio::test]
async fn tck_10_of_two_agents_who_convert_at_once_one_wins() {
    let house = House::new().await;
    let (ana, kind) = (house.contact("ana@example.com").await, house.ticket_type("Customer").await);
    for _ in 0..10 {
        let talk = house.conversation(&ana, "Hello").await;
        let path = format!("/api/conversations/{talk}/convert");
        let body = json!({"ticket_type_id": id(&kind)});
        let (one, two) = tokio::join!(house.post(&path, body.clone()), house.post(&path, body));
        let (won, lost) = if one.status.is_success() { (one, two) } else { (two, one) };
        assert_eq!(id(&won.ok()), talk);
        assert!((400..500).contains(&lost.error().0), "{lost:?}");
        let parts = house.get(&format!("/api/tickets/{talk}/parts")).await.ok();
        let converted = kinds(&parts).iter().filter(|kind| *kind == "converted_to_ticket").count();
        assert_eq!(converted, 1);
    }
    house.whole();
}

#[tokio::test]
async fn obj_5_concurrent_changes_of_one_ticket_have_a_serial_result() {
    let house = House::new().await;
    let kind = house.ticket_type("Tracker").await;
    let path = format!("/api/tickets/{}", house.of_type(&kind, json!({})).await);
    for round in 0..10 {
        let title = json!({"ticket_attributes": {"_default_title_": format!("title {round}")}});
        let words = json!({"ticket_attributes": {"_default_description_": format!("words {round}")}});
        let to = state(&kind, if round % 2 == 0 { "in_progress" } else { "resolved" });
        let (a, b, c) = tokio::join!(
            house.put(&path, title),
            house.put(&path, words),
            house.put(&path, json!({"ticket_state_id": to})),
        );
        let answers = [a, b, c];
        assert!(answers.iter().all(|one| one.status.is_success() || one.status == StatusCode::CONFLICT));
        let now = house.get(&path).await.ok();
        let wanted = [
            (now["ticket_attributes"]["_default_title_"].clone(), json!(format!("title {round}"))),
            (now["ticket_attributes"]["_default_description_"].clone(), json!(format!("words {round}"))),
            (now["ticket_state"]["id"].clone(), json!(to)),
        ];
        for (answer, (is, should)) in answers.iter().zip(wanted) {
            assert!(!answer.status.is_success() || is == should, "a change that was answered is lost: {is} {should}");
        }
    }
    house.whole();
}

#[tokio::test]
async fn api_25_assignment_rules_let_the_team_choose_anew() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let talk = house.conversation(&ana, "Hello").await;
    let path = format!("/api/conversations/{talk}");
    let nobody = house.post(&format!("{path}/run_assignment_rules"), json!({})).await.ok();
    assert_eq!(nobody["admin_assignee_id"], json!(0), "no team, no rule");
    let agent: u64 = house.agent.parse().unwrap();
    let team = json!({"name": "Billing", "admin_ids": [agent], "distribution_method": "round_robin"});
    let team = id(&house.post("/api/teams", team).await.ok());
    let away = |on: bool| json!({"away_mode_enabled": on, "away_mode_reassign": false});
    house.put(&format!("/api/admins/{agent}/away"), away(true)).await.ok();
    let assign = json!({"message_type": "assignment", "type": "team", "admin_id": house.agent, "assignee_id": team});
    let waits = house.post(&format!("{path}/parts"), assign).await.ok();
    assert_eq!(waits["admin_assignee_id"], json!(0), "the only one is away");
    house.put(&format!("/api/admins/{agent}/away"), away(false)).await.ok();
    let chosen = house.post(&format!("{path}/run_assignment_rules"), json!({})).await.ok();
    assert_eq!(
        (&chosen["admin_assignee_id"], &chosen["team_assignee_id"]),
        (&json!(agent), &json!(team.parse::<u64>().unwrap()))
    );
    let parts = house.get(&format!("{path}/parts?order=desc&per_page=1")).await.ok();
    assert_eq!(kinds(&parts), ["assignment"]);
    assert_eq!(house.post("/api/conversations/1/run_assignment_rules", json!({})).await.error().0, 404);
    house.whole();
}

#[tokio::test]
async fn mrg_2_parts_of_merged_conversations_are_read_in_the_primary_and_a_merged_lead_is_its_user() {
    let house = House::new().await;
    let user = house.contact("ana@example.com").await;
    let lead = id(&house.post("/api/contacts", json!({"role": "lead", "email": "ana@example.com"})).await.ok());
    let by = |who: &str, body: &str| json!({"message_type": "comment", "type": "user", "intercom_user_id": who, "body": body});
    let (mut talks, mut said) = (Vec::new(), Vec::new());
    for n in 0..3 {
        talks.push(house.conversation(&lead, &format!("begin {n}")).await);
        said.push(format!("begin {n}"));
    }
    for (n, talk) in talks.iter().enumerate() {
        house.post(&format!("/api/conversations/{talk}/reply"), by(&lead, &format!("more {n}"))).await.ok();
        said.push(format!("more {n}"));
    }
    let into = |primary: &str| json!({"merge_into_conversation_id": primary});
    house.post(&format!("/api/conversations/{}/merge", talks[0]), into(&talks[1])).await.ok();
    let primary = house.post(&format!("/api/conversations/{}/merge", talks[1]), into(&talks[2])).await.ok();
    let mut merged = primary["deskgate"]["merged"].as_array().unwrap().clone();
    merged.sort_by_key(ToString::to_string);
    assert_eq!(merged, [json!(talks[0]), json!(talks[1])]);
    house.post("/api/contacts/merge", json!({"from": lead, "into": user})).await.ok();

    let base = format!("/api/conversations/{}/parts?merged=true", talks[2]);
    for order in ["asc", "desc"] {
        let (mut read, mut cursor) = (Vec::new(), String::new());
        for _ in 0..20 {
            let page = house.get(&format!("{base}&order={order}&per_page=2&starting_after={cursor}")).await.ok();
            read.extend(page["data"].as_array().unwrap().clone());
            match page["pages"]["next"]["starting_after"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
        }
        if order == "desc" {
            read.reverse();
        }
        let comments: Vec<&Value> = read.iter().filter(|part| part["part_type"] == "comment").collect();
        let words: Vec<String> = comments.iter().map(|part| part["body"].as_str().unwrap().to_owned()).collect();
        assert_eq!(words, said.iter().map(|text| format!("<p>{text}</p>\n")).collect::<Vec<_>>(), "{order}");
        assert!(comments.iter().all(|part| part["author"]["id"] == json!(user) && part["author"]["type"] == "user"));
        assert_eq!(comments[0]["deskgate"]["conversation_id"], json!(talks[0]));
        let ids: std::collections::BTreeSet<String> = read.iter().map(id).collect();
        assert_eq!(ids.len(), read.len(), "nothing twice");
    }
    let whole = house.get(&format!("/api/conversations/{}", talks[2])).await.ok();
    let parts = whole["conversation_parts"]["conversation_parts"].as_array().unwrap();
    let comments: Vec<&Value> = parts.iter().filter(|part| part["part_type"] == "comment").collect();
    let words: Vec<&str> = comments.iter().map(|part| part["body"].as_str().unwrap()).collect();
    let behind_source = ["begin 0", "begin 1", "more 0", "more 1", "more 2"].map(|text| format!("<p>{text}</p>\n"));
    assert_eq!(words, behind_source, "the source alone is not repeated");
    assert_eq!(whole["conversation_parts"]["total_count"], json!(parts.len()));
    let stands_in = |part: &Value| part["deskgate"]["conversation_id"].clone();
    assert_eq!((stands_in(comments[0]), stands_in(comments[4])), (json!(talks[0]), Value::Null));
    let alone = house.get(&format!("/api/conversations/{}/parts", talks[2])).await.ok();
    assert!(alone["data"][0]["author"]["id"] == json!(user), "so do the parts of one conversation");
    let source = house.get(&format!("/api/conversations/{}", talks[2])).await.ok()["source"]["author"]["id"].clone();
    assert_eq!(source, json!(user));
    house.whole();
}

#[tokio::test]
async fn api_1_a_token_ends_at_its_moment() {
    let mut house = House::new().await;
    let day = Duration::from_hours(24);
    house.token = house.desk.create_token(&address("bo@example.com"), "brief", Vec::new(), Some(day)).await.unwrap().1;
    house.clock.set(Millis(START.0 + 86_399_999));
    house.get("/api/me").await.ok();
    house.clock.set(Millis(START.0 + 86_400_000));
    assert_eq!(house.get("/api/me").await.error().0, 401);
}
