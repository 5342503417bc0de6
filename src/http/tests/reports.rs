//! Reports beside figures counted by hand (§10, API-50).

use super::*;

const MINUTE: u64 = 60;

/// A workspace whose every figure is known: two conversations, a ticket, a Tracker.
struct Known {
    house: House,
    kind: String,
}

impl Known {
    fn wait(&self, minutes: u64) {
        self.house.clock.set(self.house.clock.now().plus(Duration::from_secs(minutes * MINUTE)));
    }

    async fn says(&self, thread: &str, contact: Option<&str>, body: &str) {
        let said = match contact {
            Some(contact) => {
                json!({"message_type": "comment", "type": "user", "intercom_user_id": contact, "body": body})
            }
            None => json!({"message_type": "comment", "type": "admin", "admin_id": self.house.agent, "body": body}),
        };
        self.house.post(&format!("/api/conversations/{thread}/reply"), said).await.ok();
    }

    async fn acts(&self, thread: &str, act: Value) {
        let mut act = act;
        act["admin_id"] = json!(self.house.agent);
        self.house.post(&format!("/api/conversations/{thread}/parts"), act).await.ok();
    }

    async fn to_state(&self, ticket: &str, state: &str) {
        self.house.put(&format!("/api/tickets/{ticket}"), json!({"ticket_state_id": state})).await.ok();
    }

    async fn report(&self, metric: &str, query: &str) -> Value {
        self.house.get(&format!("/api/reports/{metric}?{query}")).await.ok()
    }

    /// Count and median of a metric.
    async fn figures(&self, metric: &str) -> (u64, Option<u64>) {
        let total = self.report(metric, "").await["total"].clone();
        (total["count"].as_u64().unwrap(), total["median_s"].as_u64())
    }

    async fn made() -> Self {
        let house = House::new().await;
        let kind = house.ticket_type("Customer").await;
        let state = |category: &str| {
            id(kind["ticket_states"]["data"]
                .as_array()
                .unwrap()
                .iter()
                .find(|one| one["category"] == category)
                .unwrap())
        };
        let (in_progress, resolved) = (state("in_progress"), state("resolved"));
        let (ana, ben) = (house.contact("ana@example.com").await, house.contact("ben@example.com").await);
        let known = Self { house, kind: id(&kind) };
        // Ana waits 10 minutes for the first answer and 4 for the second; closed after 20, opened again, closed after 40.
        let one = known.house.conversation(&ana, "Hello").await;
        known.wait(5);
        known
            .acts(&one, json!({"message_type": "assignment", "type": "admin", "assignee_id": known.house.agent}))
            .await;
        known.wait(5);
        known.says(&one, None, "Hi").await;
        known.wait(2);
        known.says(&one, Some(&ana), "And?").await;
        known.says(&one, Some(&ana), "Still there?").await;
        known.wait(4);
        known.says(&one, None, "Yes").await;
        known.wait(4);
        known.acts(&one, json!({"message_type": "close"})).await;
        known.wait(10);
        known.says(&one, Some(&ana), "It is back").await;
        known.wait(10);
        known.acts(&one, json!({"message_type": "close"})).await;
        // Ben's is a ticket at once: submitted 6 minutes, in progress 30, resolved 10, in progress until the report.
        let two = known.house.conversation(&ben, "Down").await;
        known
            .house
            .post(&format!("/api/conversations/{two}/convert"), json!({"ticket_type_id": known.kind}))
            .await
            .ok();
        known.wait(6);
        known.to_state(&two, &in_progress).await;
        known.wait(30);
        known.to_state(&two, &resolved).await;
        known.wait(10);
        known.to_state(&two, &in_progress).await;
        let issue = known.house.ticket_type("Tracker").await;
        let tracker =
            id(&known.house.post("/api/tickets", json!({"ticket_type_id": id(&issue), "contacts": []})).await.ok());
        known.house.post(&format!("/api/tickets/{tracker}/links"), json!({"thread_ids": [one, two]})).await.ok();
        known.wait(20);
        known
    }
}

#[tokio::test]
async fn tst_122_every_figure_is_what_is_counted_by_hand() {
    let known = Known::made().await;
    for (metric, count, median_min) in [
        ("new_conversations", 2, None),
        ("closed", 2, None),
        ("new_closed", 1, None),
        ("reopened", 1, None),
        ("replies_sent", 2, None),
        ("replies_received", 5, None),
        ("first_response_time", 1, Some(10)),
        ("response_time", 2, Some(7)),
        ("time_to_assignment", 1, Some(5)),
        ("time_to_first_close", 1, Some(20)),
        ("time_to_last_close", 1, Some(40)),
        // Ben's and the Tracker.
        ("tickets_created", 2, None),
        ("tickets_resolved", 1, None),
        ("time_to_resolve", 1, Some(36)),
        ("reopened_tickets", 1, None),
        ("customer_reports", 2, None),
        // 6, 30, 10 and 20 minutes of Ben's, 20 of the Tracker's.
        ("time_in_state", 5, Some(20)),
    ] {
        assert_eq!(known.figures(metric).await, (count, median_min.map(|minutes: u64| minutes * MINUTE)), "{metric}");
    }
    let listed = known.house.get("/api/reports").await.ok();
    assert_eq!(listed["data"].as_array().unwrap().len(), 17, "each of them stands above");
    let waits = known.report("response_time", "").await["total"].clone();
    assert_eq!((&waits["mean_s"], &waits["p90_s"], &waits["sum_s"]), (&json!(420), &json!(600), &json!(840)));
    let states = known.report("time_in_state", "group_by=state").await;
    let in_progress = states["data"].as_array().unwrap().iter().find(|row| row["group"] == "in_progress").unwrap();
    assert_eq!((&in_progress["count"], &in_progress["sum_s"]), (&json!(2), &json!(50 * MINUTE)));
}

#[tokio::test]
async fn tst_122_a_plot_and_its_csv_hold_the_same_numbers() {
    let known = Known::made().await;
    let query = "by=hour&group_by=agent&time_zone=Europe/Berlin";
    let plot = known.report("replies_received", query).await;
    let rows = plot["data"].as_array().unwrap();
    assert_eq!((&plot["time_zone"], plot["complete"] == true), (&json!("Europe/Berlin"), true));
    assert_eq!(rows.iter().map(|row| row["count"].as_u64().unwrap()).sum::<u64>(), 5, "all of them");
    let csv = known.house.get(&format!("/api/reports/replies_received?{query}&format=csv")).await.whole_text();
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!(lines[0], "from,group,count,median_s,mean_s,p90_s,sum_s");
    assert_eq!(lines.len(), rows.len() + 1);
    for (line, row) in lines[1..].iter().zip(rows) {
        let cells: Vec<&str> = line.split(',').collect();
        let from: jiff::Timestamp = cells[0].parse().unwrap();
        assert!(cells[0].ends_with("+01:00"), "{line}");
        assert_eq!(json!(from.as_second()), row["from"]);
        assert_eq!(
            (json!(cells[1]), cells[2]),
            (json!(row["group"].as_str().unwrap_or_default()), &*row["count"].to_string())
        );
    }
    // The first comment came before anybody was assigned.
    let nobody = rows.iter().find(|row| row["group"] == Value::Null).unwrap();
    assert_eq!((&nobody["from"], &nobody["count"]), (&json!(START.seconds()), &json!(2)));
}

#[tokio::test]
async fn api_50_an_interval_and_filters_bound_what_is_counted() {
    let known = Known::made().await;
    let after = START.seconds() + 11 * MINUTE;
    for (query, count) in [
        (format!("since={after}"), 4),
        (format!("until={after}"), 1),
        (format!("since={}&until={after}", START.seconds() + MINUTE), 0),
        ("channel=api".to_owned(), 5),
        ("channel=email".to_owned(), 0),
        ("category=Customer".to_owned(), 1),
        (format!("ticket_type_id={}", known.kind), 1),
        (format!("admin_id={}", known.house.agent), 3),
        ("priority=urgent".to_owned(), 0),
    ] {
        assert_eq!(known.report("replies_received", &query).await["total"]["count"], json!(count), "{query}");
    }
    for (path, status, field) in [
        ("happiness", 404, None),
        ("closed?by=year", 400, Some("by")),
        ("closed?group_by=mood", 400, Some("group_by")),
        ("closed?time_zone=Nowhere/Land", 400, Some("time_zone")),
        ("closed?since=10&until=5", 400, Some("until")),
        ("closed?since=yesterday", 400, Some("since")),
        ("closed?format=pdf", 400, Some("format")),
        ("closed?tag_id=x", 400, Some("tag_id")),
    ] {
        let refused = known.house.get(&format!("/api/reports/{path}")).await.error();
        assert_eq!((refused.0, refused.2.as_deref()), (status, field), "{path}");
    }
    let narrow = known.house.token_for(&[Scope::ReadConversations, Scope::ReadTickets]).await;
    let narrow = House { token: narrow, ..known.house };
    assert_eq!(narrow.get("/api/reports/closed").await.error().0, 403);
}

#[tokio::test]
async fn api_29_rows_behind_reports_are_exported_as_they_were_asked_for() {
    let known = Known::made().await;
    let datasets = known.house.get("/api/export/reporting_data/get_datasets").await.ok();
    let names: Vec<&str> = datasets["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["conversations", "tickets", "replies", "state_intervals"]);
    let path = "/api/export/reporting_data/enqueue";
    let (since, until) = (START.seconds(), START.seconds() + 86_400);
    let ask = |dataset: &str, names: Value| json!({"dataset_id": dataset, "attribute_ids": names, "start_time": since, "end_time": until});
    for (dataset, names, lines) in [
        (
            "conversations",
            json!(["first_response_time", "replies_received", "reopened", "created_at"]),
            vec![",1,0,2026-01-01T00:40:00+00:00", "600,4,1,2026-01-01T00:00:00+00:00"],
        ),
        (
            "tickets",
            json!(["category", "state", "time_to_resolve"]),
            vec!["Customer,in_progress,2160", "Tracker,submitted,"],
        ),
        (
            "replies",
            json!(["direction", "response_time"]),
            vec!["received,", "received,", "received,", "received,", "received,", "sent,240", "sent,600"],
        ),
    ] {
        let job = known.house.post(path, ask(dataset, names.clone())).await.ok();
        let name = job["job_identifier"].as_str().unwrap();
        let status = known.house.get(&format!("/api/export/reporting_data/{name}")).await.ok();
        assert_eq!((&status, &job["status"]), (&job, &json!("completed")));
        let file = known.house.get(&format!("/api{}", job["download_url"].as_str().unwrap())).await.whole_text();
        let mut rows: Vec<&str> = file.split_terminator("\r\n").collect();
        let names: Vec<&str> = names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(rows.remove(0), names.join(","));
        rows.sort_unstable();
        assert_eq!(rows, lines, "{dataset}");
    }
    let stays = known.house.post(path, ask("state_intervals", json!(["duration"]))).await.ok();
    let file = known.house.get(&format!("/api{}", stays["download_url"].as_str().unwrap())).await.whole_text();
    assert_eq!(file.lines().count(), 6, "five stays: {file}");
    for (body, field) in [
        (ask("ratings", json!(["id"])), "dataset_id"),
        (ask("replies", json!(["mood"])), "attribute_ids"),
        (ask("replies", json!([])), "attribute_ids"),
        (json!({"dataset_id": "replies", "attribute_ids": ["at"], "start_time": 5}), "end_time"),
        (json!({"dataset_id": "replies", "attribute_ids": ["at"], "start_time": 5, "end_time": 5}), "end_time"),
    ] {
        let refused = known.house.post(path, body.clone()).await.error();
        assert_eq!((refused.0, refused.2.as_deref()), (400, Some(field)), "{body}");
    }
    for path in ["/api/export/reporting_data/x", "/api/download/reporting_data/eyJ9"] {
        let refused = known.house.get(path).await.error();
        assert_eq!((refused.0, refused.1.as_str()), (404, "job_not_found"), "{path}");
    }
}
