//! A Tracker's broadcast from the outside.

use super::*;

/// A Tracker with so many conversations, and their ids.
pub(super) async fn tracker(house: &House, count: usize) -> (String, Vec<String>) {
    let tracker_type = house.ticket_type("Tracker").await;
    let tracker =
        id(&house.post("/api/tickets", json!({"ticket_type_id": id(&tracker_type), "contacts": []})).await.ok());
    let mut conversations = Vec::new();
    for n in 0..count {
        let contact = house.contact(&format!("c{n}@example.com")).await;
        conversations.push(house.conversation(&contact, "It is down").await);
    }
    house.post(&format!("/api/tickets/{tracker}/links"), json!({"thread_ids": conversations})).await.ok();
    (tracker, conversations)
}

pub(super) async fn run(house: &House) {
    while house.desk.broadcast_batch().await.unwrap() {}
}

/// Everything due goes out.
pub(super) async fn sent(house: &House) -> Vec<String> {
    let mut mails = Vec::new();
    for delivery in house.desk.lease_due(50, Duration::from_secs(60)).await.unwrap() {
        let verdict = match house.desk.prepare(&delivery).unwrap() {
            crate::desk::mail::outbox::Prepared::Send(mail) => {
                mails.push(String::from_utf8(mail.bytes).unwrap());
                crate::domain::delivery::Verdict::Delivered { answer: "250 ok".to_owned() }
            }
            crate::desk::mail::outbox::Prepared::Settle(verdict) => verdict,
        };
        house.desk.settle(delivery.id, verdict).await.unwrap();
    }
    mails
}

#[tokio::test]
async fn api_46_a_broadcast_is_written_shown_sent_and_accounted_for() {
    let house = House::new().await;
    let (tracker, conversations) = tracker(&house, 3).await;
    let new = json!({"subject": "Fix is live", "body": "It works, {{or contact.name \"friend\"}}."});
    let draft = house.post(&format!("/api/tickets/{tracker}/broadcasts"), new).await.ok();
    assert_eq!(
        (&draft["type"], &draft["state"], &draft["tracker_id"]),
        (&json!("broadcast"), &json!("draft"), &json!(tracker))
    );
    let path = format!("/api/broadcasts/{}", id(&draft));
    let changed = house.put(&path, json!({"options": {"email": "always", "rate_per_minute": 6000}})).await.ok();
    assert_eq!((&changed["options"]["email"], &changed["body"]), (&json!("always"), &draft["body"]));

    let reach = house.get(&format!("{path}/recipients?per_page=2")).await.ok();
    assert_eq!((&reach["summary"]["threads"], &reach["summary"]["contacts"]), (&json!(3), &json!(3)));
    assert_eq!(
        (&reach["data"][0]["contacts"][0]["email"], reach["data"].as_array().unwrap().len()),
        (&json!("email_at_once"), 2)
    );
    let next = reach["pages"]["next"]["starting_after"].as_str().unwrap().to_owned();
    let rest = house.get(&format!("{path}/recipients?per_page=2&starting_after={next}")).await.ok();
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["summary"]), (1, &json!(null)));
    let shown = house.post(&format!("{path}/preview"), json!({"thread_id": conversations[1]})).await.ok();
    assert_eq!(shown["messenger"]["text"], "It works, Ana.");
    assert!(
        shown["email"]["headers"]
            .as_array()
            .unwrap()
            .iter()
            .any(|line| line.as_str().unwrap().starts_with("List-Unsubscribe"))
    );
    let test = house.post(&format!("{path}/test"), json!({"pick": "longest"})).await.ok();
    assert_eq!((&test["kind"], &test["state"]), (&json!("broadcast_test"), &json!("queued")));
    assert_eq!(sent(&house).await.len(), 1);

    let started = house.post(&format!("{path}/send"), json!({})).await.ok();
    assert_eq!(started["state"], "running");
    run(&house).await;
    assert_eq!(sent(&house).await.len(), 3);
    run(&house).await;
    let finished = house.get(&path).await.ok();
    assert_eq!((&finished["state"], &finished["eta_s"]), (&json!("finished"), &json!(null)));
    assert_eq!((&finished["counts"]["threads"]["sent"], &finished["counts"]["email"]["sent"]), (&json!(3), &json!(3)));
    assert_eq!(house.get(&format!("/api/tickets/{tracker}/broadcasts")).await.ok()["data"][0]["id"], draft["id"]);

    let part = &house.get(&format!("/api/conversations/{}", conversations[0])).await.ok()["conversation_parts"]["conversation_parts"]
        [1];
    assert_eq!((&part["part_type"], &part["deskgate"]["broadcast_id"]), (&json!("comment"), &draft["id"]));
    let late = house.post(&format!("{path}/cancel"), json!({})).await.error();
    assert_eq!((late.0, late.1.as_str()), (409, "conflict"));
}

#[tokio::test]
async fn brc_11_recipients_go_on_behind_links_that_add_nobody_and_leave_out_who_is_blocked() {
    let house = House::new().await;
    let (tracker, mut conversations) = tracker(&house, 1).await;
    let back_office = house.ticket_type("Back-office").await;
    let ticket = json!({"ticket_type_id": id(&back_office), "contacts": []});
    let ticket = id(&house.post("/api/tickets", ticket).await.ok());
    for name in ["ben", "zoe"] {
        let contact = house.contact(&format!("{name}@example.com")).await;
        conversations.push(house.conversation(&contact, "It is down").await);
        if name == "zoe" {
            house.post(&format!("/api/contacts/{contact}/block"), json!({})).await.ok();
        }
    }
    let linked = json!({"thread_ids": [ticket, conversations[1], conversations[2]]});
    house.post(&format!("/api/tickets/{tracker}/links"), linked).await.ok();
    let new = json!({"tracker_id": tracker, "subject": "Fix is live", "body": "It works.", "email": "always"});
    let path = format!("/api/broadcasts/{}/recipients?per_page=1", id(&house.post("/api/broadcasts", new).await.ok()));
    let (mut rows, mut next) = (Vec::new(), String::new());
    loop {
        let page = house.get(&format!("{path}&starting_after={next}")).await.ok();
        if next.is_empty() {
            assert_eq!(page["summary"]["threads"], json!(2), "{page}");
        }
        rows.extend(page["data"].as_array().unwrap().clone());
        match page["pages"]["next"]["starting_after"].as_str() {
            Some(cursor) => next = cursor.to_owned(),
            None => break,
        }
    }
    let shown: Vec<&str> = rows.iter().map(|row| row["thread_id"].as_str().unwrap()).collect();
    assert_eq!(shown, conversations);
    let left_out: Vec<&Value> = rows.iter().map(|row| &row["excluded"]).collect();
    assert_eq!(left_out, [&json!(null), &json!(null), &json!("blocked")]);
}

#[tokio::test]
async fn tst_66_the_ledger_as_csv_has_every_row_and_its_sums_are_the_counts() {
    let house = House::new().await;
    let (tracker, _) = tracker(&house, 5).await;
    let new = json!({"subject": "Fix is live", "body": "It works.", "email": "always", "send": true});
    let started =
        house.post("/api/broadcasts", crate::http::api::wire::with(new, json!({"tracker_id": tracker}))).await.ok();
    run(&house).await;
    sent(&house).await;
    let path = format!("/api/broadcasts/{}", id(&started));
    let (mut rows, mut next) = (Vec::new(), String::new());
    loop {
        let page = house.get(&format!("{path}/ledger?per_page=2&starting_after={next}")).await.ok();
        assert_eq!(page["total_count"], json!(15));
        rows.extend(page["data"].as_array().unwrap().clone());
        assert!(rows.len() <= 15, "{rows:?}");
        match page["pages"]["next"]["starting_after"].as_str() {
            Some(cursor) => next = cursor.to_owned(),
            None => break,
        }
    }
    assert!(rows.iter().all(|row| row["broadcast_id"] == started["id"]));
    let csv = house.get(&format!("{path}/ledger.csv")).await.whole_text();
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!((lines.len(), rows.len()), (16, 15));
    assert!(lines[0].starts_with("id,kind,thread_id,"));
    let ids: Vec<&str> = lines[1..].iter().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(ids, rows.iter().map(|row| row["id"].as_str().unwrap()).collect::<Vec<_>>());
    let counts = house.get(&path).await.ok()["counts"].clone();
    for (name, begin) in [("threads", "thread-"), ("email", "email-"), ("messenger", "messenger-")] {
        for (state, count) in counts[name].as_object().unwrap() {
            let of_state = lines.iter().filter(|line| line.starts_with(begin) && line.split(',').nth(7) == Some(state));
            assert_eq!(json!(of_state.count()), *count, "{name} {state}");
        }
    }
    let filtered = house.get(&format!("{path}/ledger?channel=email&state=sent&per_page=150")).await.ok();
    assert_eq!((filtered["data"].as_array().unwrap().len(), &filtered["total_count"]), (5, &json!(5)));
    let of_messengers = house.get(&format!("{path}/ledger.csv?channel=messenger")).await.whole_text();
    assert_eq!(of_messengers.split_terminator("\r\n").count(), 6);
    for bad in ["state=maybe", "kind=x", "channel=fax", "kind=contact", "thread_id=x"] {
        assert_eq!(house.get(&format!("{path}/ledger?{bad}")).await.error().0, 400, "{bad}");
    }
    let settle = format!("{path}/ledger/{}/settle", ids[5]);
    assert_eq!(house.post(&settle, json!({"as": "sent"})).await.error().0, 409, "no doubt to settle");
    assert_eq!(house.post(&settle, json!({})).await.error().2.as_deref(), Some("as"));
    assert_eq!(house.post(&format!("{path}/ledger/x-1/settle"), json!({"as": "sent"})).await.error().0, 404);
}

#[tokio::test]
async fn api_46_broadcasts_are_listed_by_tracker_and_of_all_trackers() {
    let house = House::new().await;
    let (first, _) = tracker(&house, 1).await;
    let type_id = &house.get(&format!("/api/tickets/{first}")).await.ok()["ticket_type"]["id"];
    let second = id(&house.post("/api/tickets", json!({"ticket_type_id": type_id, "contacts": []})).await.ok());
    let mut made = Vec::new();
    for of in [&first, &second, &first] {
        let new = json!({"subject": "News", "body": "It works."});
        made.insert(0, id(&house.post(&format!("/api/tickets/{of}/broadcasts"), new).await.ok()));
    }
    let listed = async |path: &str| {
        let page = house.get(path).await.ok();
        let ids: Vec<String> = page["data"].as_array().unwrap().iter().map(id).collect();
        (ids, page["pages"]["next"]["starting_after"].as_str().map(str::to_owned))
    };
    assert_eq!(listed("/api/broadcasts").await, (made.clone(), None));
    let (page, next) = listed("/api/broadcasts?per_page=2").await;
    assert_eq!(page, made[..2]);
    assert_eq!(listed(&format!("/api/broadcasts?starting_after={}", next.unwrap())).await, (made[2..].to_vec(), None));
    assert_eq!(listed(&format!("/api/tickets/{second}/broadcasts")).await.0, made[1..2]);
}

#[tokio::test]
async fn api_46_what_cannot_be_sent_is_refused_and_leaves_nothing() {
    let house = House::new().await;
    let task_type = house.ticket_type("Back-office").await;
    let task = id(&house.post("/api/tickets", json!({"ticket_type_id": id(&task_type), "contacts": []})).await.ok());
    let path = format!("/api/tickets/{task}/broadcasts");
    let refused = house.post(&path, json!({"subject": "x", "body": "y"})).await.error();
    assert_eq!((refused.0, refused.1.as_str()), (400, "invalid_ticket_type"));
    let (tracker, _) = tracker(&house, 1).await;
    let path = format!("/api/tickets/{tracker}/broadcasts");
    for (body, field) in [
        (json!({"subject": "x"}), "body"),
        (json!({"body": "y"}), "subject"),
        (json!({"subject": "x", "body": "y", "email": "maybe"}), "email"),
        (json!({"subject": "x", "body": "y", "options": {"email": "maybe"}}), "options.email"),
        (json!({"subject": "x", "body": "y", "options": {"after": "snooze"}}), "options.snoozed_until"),
        (json!({"subject": "x", "body": "y", "options": {"only": "some"}}), "options.only"),
        (json!({"subject": "x", "body": "y", "options": {"rate_per_minute": 0}}), "options.rate_per_minute"),
        (json!({"subject": "x", "body": "y", "options": {"rate_per_minute": "fast"}}), "options.rate_per_minute"),
        (json!({"subject": "x", "body": "y", "options": {"scheduled_at": 1}}), "options.scheduled_at"),
        (
            json!({"subject": "x", "body": "y", "options": {"excluded_contact_ids": ["?"]}}),
            "options.excluded_contact_ids[0]",
        ),
        (json!({"subject": "x", "body": "Hi {{contact.first_name"}), "body"),
        (json!({"subject": "x", "body": "Hi {{company.name}}", "send": true}), "body"),
    ] {
        assert_eq!(house.post(&path, body.clone()).await.error().2.as_deref(), Some(field), "{body}");
    }
    let state = json!({"subject": "x", "body": "y", "options": {"set_customer_ticket_state": 999}});
    assert_eq!(house.post(&path, state).await.error().1, "ticket_state_id_invalid");
    assert_eq!(
        house.post("/api/broadcasts", json!({"subject": "x", "body": "y"})).await.error().2.as_deref(),
        Some("tracker_id")
    );
    assert_eq!(house.get(&path).await.ok()["data"], json!([]));
    let draft = house.post(&path, json!({"subject": "x", "body": "y"})).await.ok();
    let one = format!("/api/broadcasts/{}", id(&draft));
    for act in ["pause", "resume", "extend", "redact"] {
        assert_eq!(house.post(&format!("{one}/{act}"), json!({})).await.error().0, 409, "{act}");
    }
    assert_eq!(house.delete(&one).await.ok()["deleted"], json!(true));
    assert_eq!(house.get(&one).await.error().0, 404);
}

#[tokio::test]
async fn tst_63_the_page_shows_and_one_click_stops() {
    let house = House::new().await;
    let (tracker, _) = tracker(&house, 1).await;
    let path = format!("/api/tickets/{tracker}/broadcasts");
    let new = json!({"subject": "Fix is live", "body": "It works.", "email": "always", "send": true});
    house.post(&path, new.clone()).await.ok();
    run(&house).await;
    let mail = sent(&house).await.remove(0).replace("\r\n ", " ");
    let link = mail.split("List-Unsubscribe: <").nth(1).unwrap().split('>').next().unwrap();
    let page = format!("/unsubscribe/{}", link.rsplit('/').next().unwrap());
    for _ in 0..2 {
        let shown = house.plain("GET", &page, "").await;
        assert_eq!(shown.0, 200);
        assert!(shown.1.contains("Stop updates about this issue"), "GET changes nothing: {}", shown.1);
        assert!(!shown.1.contains("c0@example.com") && !shown.1.contains(&tracker), "it names nobody");
    }
    let stopped = house.plain("POST", &page, "List-Unsubscribe=One-Click").await;
    assert!(stopped.0 == 200 && stopped.1.contains("no more mail about this issue"), "{}", stopped.1);
    run(&house).await;
    house.post(&path, new.clone()).await.ok();
    run(&house).await;
    assert_eq!(sent(&house).await.len(), 0);
    let back = house.plain("POST", &page, "act=resume").await;
    assert!(back.1.contains("Stop updates about this issue"));
    let all = house.plain("POST", &page, "act=stop_all").await;
    assert!(all.1.contains("no announcements from us at all"));
    assert_eq!(house.plain("POST", "/unsubscribe/nonsense", "").await.0, 404);
}

#[tokio::test]
async fn brc_2_the_company_of_the_thread_is_named_else_that_of_the_contact_else_the_fallback() {
    let house = House::new().await;
    let (tracker, talks) = tracker(&house, 3).await;
    let mut companies = Vec::new();
    for name in ["Acme", "Umbrella"] {
        companies.push(id(&house.post("/api/companies", json!({"name": name})).await.ok()));
    }
    let contact = |talk: &Value| talk["contacts"]["contacts"][0]["id"].as_str().unwrap().to_owned();
    for talk in &talks[..2] {
        let who = contact(&house.get(&format!("/api/conversations/{talk}")).await.ok());
        house.post(&format!("/api/contacts/{who}/companies"), json!({"id": companies[0]})).await.ok();
    }
    house.put(&format!("/api/conversations/{}", talks[0]), json!({"company_id": companies[1]})).await.ok();
    let new = json!({"subject": "Fix", "body": "Done for {{or company.name \"you\"}}."});
    let draft = house.post(&format!("/api/tickets/{tracker}/broadcasts"), new).await.ok();
    for (talk, text) in talks.iter().zip(["Done for Umbrella.", "Done for Acme.", "Done for you."]) {
        let path = format!("/api/broadcasts/{}/preview", id(&draft));
        assert_eq!(house.post(&path, json!({"thread_id": talk})).await.ok()["messenger"]["text"], text);
    }
}

#[tokio::test]
async fn i18_1_the_page_that_stops_mail_is_in_the_contacts_language() {
    let house = House::new().await;
    let (tracker, threads) = tracker(&house, 1).await;
    let thread = house.get(&format!("/api/conversations/{}", threads[0])).await.ok();
    let contact = id(&thread["contacts"]["contacts"][0]);
    house.put(&format!("/api/contacts/{contact}"), json!({"language_override": "ja"})).await.ok();
    let new = json!({"subject": "Fix is live", "body": "It works.", "email": "always", "send": true});
    house.post(&format!("/api/tickets/{tracker}/broadcasts"), new).await.ok();
    run(&house).await;
    let mail = sent(&house).await.remove(0).replace("\r\n ", " ");
    let link = mail.split("List-Unsubscribe: <").nth(1).unwrap().split('>').next().unwrap();
    let page = format!("/unsubscribe/{}", link.rsplit('/').next().unwrap());
    let shown = house.plain("GET", &page, "").await.1;
    assert!(shown.contains("<html lang=\"ja\">") && shown.contains("この問題についてのお知らせを停止する"), "{shown}");
    assert!(!shown.contains("Stop ") && !shown.contains("Mail from"), "{shown}");
    let stopped = house.plain("POST", &page, "act=stop_all").await.1;
    assert!(stopped.contains("お知らせはすべて停止されています"), "{stopped}");
    let nowhere = house.plain("GET", "/unsubscribe/nonsense", "").await.1;
    assert!(nowhere.contains("<html lang=\"en\">") && nowhere.contains("This link does not work"), "{nowhere}");
}
