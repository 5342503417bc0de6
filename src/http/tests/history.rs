//! All parts in pages, statistics.

use super::*;

async fn reply(house: &House, conversation: &str, from: &Value, body: &str, after_s: u64) {
    house.clock.set(Millis(START.0 + after_s * 1_000));
    let mut said = json!({"message_type": "comment", "body": body});
    said.as_object_mut().unwrap().extend(from.as_object().unwrap().clone());
    house.post(&format!("/api/conversations/{conversation}/reply"), said).await.ok();
}

async fn act(house: &House, conversation: &str, what: Value, after_s: u64) {
    house.clock.set(Millis(START.0 + after_s * 1_000));
    house.post(&format!("/api/conversations/{conversation}/parts"), what).await.ok();
}

#[tokio::test]
async fn rep_10_statistics_are_what_a_count_by_hand_gives() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "The invoice is wrong").await;
    let by_ana = json!({"type": "user", "intercom_user_id": ana});
    let by_agent = json!({"type": "admin", "admin_id": house.agent});
    let admin = |what: &str| json!({"message_type": what, "type": "admin", "admin_id": house.agent});
    act(&house, &conversation, json!({"message_type": "assignment", "type": "admin", "assignee_id": house.agent}), 60)
        .await;
    reply(&house, &conversation, &by_agent, "We look", 100).await;
    reply(&house, &conversation, &by_ana, "Thanks", 200).await;
    reply(&house, &conversation, &by_agent, "Done", 260).await;
    act(&house, &conversation, admin("close"), 300).await;
    reply(&house, &conversation, &by_ana, "Not yet", 1_000).await;
    house.clock.set(Millis(START.0 + 5_000_000));
    let read = house.get(&format!("/api/conversations/{conversation}")).await.ok();
    let statistics = &read["statistics"];
    let at = |after_s: u64| START.0 / 1_000 + after_s;
    let expected = json!({
        "time_to_assignment": 60, "time_to_admin_reply": 100, "time_to_first_close": 300, "time_to_last_close": 300,
        "median_time_to_reply": 80, "first_contact_reply_at": at(0), "last_contact_reply_at": at(1_000),
        "first_assignment_at": at(60), "first_admin_reply_at": at(100), "last_admin_reply_at": at(260),
        "last_assignment_admin_reply_at": at(100), "first_close_at": at(300), "last_close_at": at(300),
        "last_closed_by_id": house.agent, "count_reopens": 1, "count_assignments": 1,
        // Open and assigned from 60 to 300 and again from 1,000 on; the last act was at 300.
        "handling_time": 240 + 4_000, "adjusted_handling_time": 240 + 1_100,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&statistics[name], value, "{name} in {statistics}");
    }
}

#[tokio::test]
async fn api_44_a_ticket_tells_its_times_in_state() {
    let house = House::new().await;
    let task = house.ticket_type("Back-office").await;
    let made = house.post("/api/tickets", json!({"ticket_type_id": id(&task), "contacts": []})).await.ok();
    let states = task["ticket_states"]["data"].as_array().unwrap();
    let resolved = states.iter().find(|state| state["category"] == "resolved").unwrap()["id"].clone();
    house.clock.set(Millis(START.0 + 90_000));
    let path = format!("/api/tickets/{}", id(&made));
    house.put(&path, json!({"ticket_state_id": resolved})).await.ok();
    house.clock.set(Millis(START.0 + 100_000));
    let statistics = house.get(&format!("{path}/statistics")).await.ok();
    assert_eq!(statistics["type"], "ticket_statistics");
    let of_ticket = json!({"time_to_resolve": 90, "time_in_state": {"submitted": 90, "resolved": 10}});
    assert_eq!(statistics["deskgate"], of_ticket);
    let shown = house.get(&path).await.ok()["deskgate"].clone();
    assert_eq!(shown["statistics"]["deskgate"], of_ticket);
    let at = START.seconds();
    let first = states.iter().find(|state| state["category"] == "submitted").unwrap()["id"].clone();
    let intervals = json!([
        {"state_id": first, "category": "submitted", "started_at": at, "ended_at": at + 90},
        {"state_id": resolved, "category": "resolved", "started_at": at + 90, "ended_at": null},
    ]);
    assert_eq!(shown["state_intervals"], intervals, "OBJ-50");
    let log = house.get(&format!("/api/events_log?after={}", shown["log_seq"])).await.ok();
    assert_eq!(log["data"], json!([]), "everything up to log_seq is in it (API-40)");
    assert_eq!(shown["log_seq"], json!(house.desk.log_seq().unwrap().0));
    assert_eq!(house.get("/api/tickets/5/statistics").await.error().1, "ticket_not_found");
}

#[tokio::test]
async fn api_42_all_parts_are_read_in_pages_in_either_order() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "1").await;
    for n in 2..=5 {
        reply(&house, &conversation, &json!({"type": "user", "intercom_user_id": ana}), &n.to_string(), n).await;
    }
    for (order, expected) in [("ascending", vec![1, 2, 3, 4, 5]), ("descending", vec![5, 4, 3, 2, 1])] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/conversations/{conversation}/parts?order={order}&per_page=2{after}");
            let page = house.get(&path).await.ok();
            assert_eq!(page["total_count"], json!(5));
            seen.extend(page["data"].as_array().unwrap().iter().map(|part| part["deskgate"]["seq"].as_u64().unwrap()));
            let Some(next) = page["pages"].get("next") else { break };
            after = format!("&starting_after={}", next["starting_after"].as_str().unwrap());
        }
        assert_eq!(seen, expected, "{order}");
    }
    let behind = house.get(&format!("/api/conversations/{conversation}/parts?after_seq=3")).await.ok();
    assert_eq!(behind["data"][0]["deskgate"]["seq"], json!(4));
    let bad = house.get(&format!("/api/conversations/{conversation}/parts?after_seq=x")).await.error();
    assert_eq!((bad.0, bad.1.as_str()), (400, "type_mismatch"));
    assert_eq!(house.get(&format!("/api/tickets/{conversation}/parts")).await.error().1, "ticket_not_found");
}

#[tokio::test]
async fn msg_44_each_part_says_which_contacts_have_seen_it() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "The invoice is wrong").await;
    let by_agent = json!({"type": "admin", "admin_id": house.agent});
    reply(&house, &conversation, &by_agent, "We look", 100).await;
    house.put(&format!("/api/conversations/{conversation}"), json!({"read": true})).await.ok();
    reply(&house, &conversation, &by_agent, "We found it", 200).await;
    let note = json!({"message_type": "note", "type": "admin", "admin_id": house.agent, "body": "A typo"});
    house.post(&format!("/api/conversations/{conversation}/reply"), note).await.ok();
    let seen_by = |part: &Value| part["deskgate"].get("seen_by").cloned();
    let expected = [Some(json!([])), Some(json!([ana])), Some(json!([])), None];
    let read = house.get(&format!("/api/conversations/{conversation}")).await.ok();
    let parts = read["conversation_parts"]["conversation_parts"].as_array().unwrap().iter().map(seen_by);
    assert_eq!([seen_by(&read["source"])].into_iter().chain(parts).collect::<Vec<_>>(), expected);
    let listed = house.get(&format!("/api/conversations/{conversation}/parts")).await.ok();
    assert_eq!(listed["data"].as_array().unwrap().iter().map(seen_by).collect::<Vec<_>>(), expected);
}
