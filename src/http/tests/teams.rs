//! Teams, how they give out work, and agents who are away.

use super::*;
use crate::domain::id::ThreadId;

impl House {
    /// Another agent; their id as a number.
    async fn colleague(&self, email: &str) -> u64 {
        let new = NewAgent { email: address(email), name: email.to_owned(), role: AgentRole::Agent, password: None };
        self.desk.add_agent(new).await.unwrap().id.0
    }

    /// A team of these with that method; its id.
    async fn team(&self, agents: &[u64], method: &str) -> String {
        let team = json!({"name": "Billing", "admin_ids": agents, "distribution_method": method});
        id(&self.post("/api/teams", team).await.ok())
    }

    async fn to_team(&self, conversation: &str, team: &str) -> Value {
        let body = json!({"message_type": "assignment", "type": "team", "assignee_id": team});
        self.post(&format!("/api/conversations/{conversation}/parts"), body).await.ok()
    }

    async fn away(&self, agent: u64, enabled: bool, reassign: bool) -> Value {
        let body = json!({"away_mode_enabled": enabled, "away_mode_reassign": reassign});
        self.put(&format!("/api/admins/{agent}/away"), body).await.ok()
    }

    /// The agent a new conversation gets that is assigned to the team.
    async fn dealt_to(&self, team: &str) -> u64 {
        let ana = self.post("/api/contacts", json!({"name": "Ana"})).await.ok();
        let conversation = self.conversation(&id(&ana), "Hello").await;
        self.to_team(&conversation, team).await["admin_assignee_id"].as_u64().unwrap()
    }
}

#[tokio::test]
async fn obj_13_a_team_is_made_changed_listed_and_archived() {
    let house = House::new().await;
    let (ria, tom) = (house.colleague("ria@example.com").await, house.colleague("tom@example.com").await);
    let level = json!({"primary_admin_ids": [ria], "secondary_admin_ids": [tom]});
    let body = json!({"name": "Billing", "distribution_method": "balanced", "assignment_limit": 5,
        "admin_priority_level": level});
    let made = house.post("/api/teams", body).await.ok();
    let team = id(&made);
    assert_eq!((&made["admin_ids"], &made["assignment_limit"]), (&json!([ria, tom]), &json!(5)));
    assert_eq!(house.get(&format!("/api/teams/{team}")).await.ok(), made);
    assert_eq!(house.get("/api/teams").await.ok()["teams"], json!([made]));
    let admin = house.get(&format!("/api/admins/{tom}")).await.ok();
    assert_eq!(admin["team_ids"], json!([team.parse::<u64>().unwrap()]), "OBJ-12");
    assert_eq!(admin["team_priority_level"]["secondary_team_ids"], admin["team_ids"]);
    let changed = house.put(&format!("/api/teams/{team}"), json!({"assignment_limit": null, "name": "Money"})).await;
    let changed = changed.ok();
    assert_eq!((&changed["name"], &changed["assignment_limit"]), (&json!("Money"), &Value::Null));
    assert_eq!(changed["admin_priority_level"], level);
    let cases = [
        (json!({"distribution_method": "manual"}), "name"),
        (json!({"name": " "}), "name"),
        (json!({"name": "x", "admin_ids": [1]}), "admin_ids"),
        (json!({"name": "x", "admin_ids": [ria, ria]}), "admin_ids"),
        (json!({"name": "x", "distribution_method": "dice"}), "distribution_method"),
    ];
    for (body, field) in cases {
        let refused = (400, "parameter_invalid".to_owned(), Some(field.to_owned()));
        assert_eq!(house.post("/api/teams", body.clone()).await.error(), refused, "{body}");
    }
    let gone = house.delete(&format!("/api/teams/{team}")).await.ok();
    assert_eq!(gone["deleted"], json!(true));
    assert_eq!(house.get(&format!("/api/teams/{team}")).await.error().0, 404);
    assert_eq!(house.get("/api/teams").await.ok()["teams"], json!([]));
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn lif_5_an_unknown_team_or_agent_is_no_assignee() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "Hello").await;
    let team = house.team(&[], "manual").await;
    house.delete(&format!("/api/teams/{team}")).await.ok();
    for (kind, assignee) in [("team", "99"), ("admin", "99"), ("team", team.as_str())] {
        let body = json!({"message_type": "assignment", "type": kind, "assignee_id": assignee});
        let reply = house.post(&format!("/api/conversations/{conversation}/parts"), body).await;
        assert_eq!((reply.error().0, reply.error().1.as_str()), (404, "assignee_not_found"), "{kind} {assignee}");
    }
    let customer = id(&house.ticket_type("Customer").await);
    let new = |to: Value| json!({"ticket_type_id": customer, "contacts": [{"id": ana}], "assignment": to});
    for to in [json!({"admin_assignee_id": 99}), json!({"team_assignee_id": "99"})] {
        assert_eq!(house.post("/api/tickets", new(to)).await.error().1, "assignee_not_found");
    }
    let ticket = id(&house.post("/api/tickets", new(json!({}))).await.ok());
    let reply = house.put(&format!("/api/tickets/{ticket}"), json!({"assignee_id": 99, "open": false})).await;
    assert_eq!(reply.error().1, "assignee_not_found");
    assert_eq!(house.get(&format!("/api/tickets/{ticket}")).await.ok()["open"], json!(true), "API-4");
}

#[tokio::test]
async fn asn_1_round_robin_gives_in_turn_and_skips_who_is_away() {
    let house = House::new().await;
    let (ria, tom) = (house.colleague("ria@example.com").await, house.colleague("tom@example.com").await);
    let team = house.team(&[ria, tom], "round_robin").await;
    let dealt = [house.dealt_to(&team).await, house.dealt_to(&team).await, house.dealt_to(&team).await];
    assert_eq!(dealt, [ria, tom, ria]);
    let away = house.away(tom, true, false).await;
    assert_eq!((&away["away_mode_enabled"], &away["away_mode_reassign"]), (&json!(true), &json!(false)));
    assert_eq!([house.dealt_to(&team).await, house.dealt_to(&team).await], [ria, ria], "AWY-1");
    house.away(tom, false, false).await;
    assert_eq!(house.dealt_to(&team).await, tom);
}

#[tokio::test]
async fn asn_1_balanced_fills_up_to_the_limit_and_gives_the_rest_oldest_first_when_somebody_is_free() {
    let house = House::new().await;
    let (ria, tom) = (house.colleague("ria@example.com").await, house.colleague("tom@example.com").await);
    let team = house.team(&[ria, tom], "balanced").await;
    house.put(&format!("/api/teams/{team}"), json!({"assignment_limit": 1})).await.ok();
    let ana = house.contact("ana@example.com").await;
    let mut all = Vec::new();
    for n in 0..4 {
        all.push(house.conversation(&ana, &format!("{n}")).await);
    }
    let mut owners = Vec::new();
    for one in &all {
        owners.push(house.to_team(one, &team).await["admin_assignee_id"].as_u64().unwrap());
    }
    assert_eq!(owners, [ria, tom, 0, 0]);
    assert_eq!(house.desk.hand_out_waiting().await, Ok(0), "nobody is free");
    let close = json!({"message_type": "close"});
    house.post(&format!("/api/conversations/{}/parts", all[0]), close).await.ok();
    assert_eq!(house.desk.hand_out_waiting().await, Ok(1));
    let third = house.get(&format!("/api/conversations/{}", all[2])).await.ok();
    assert_eq!(third["admin_assignee_id"], json!(ria));
    let part = third["conversation_parts"]["conversation_parts"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&part["part_type"], &part["deskgate"]["cause"]),
        (&json!("assignment"), &json!("team_method")),
        "PRD-15"
    );
    assert_eq!(house.get(&format!("/api/conversations/{}", all[3])).await.ok()["admin_assignee_id"], json!(0));
    let metrics = house.get(&format!("/api/teams/{team}/metrics")).await.ok();
    let of_ria = json!({"type": "team_metric", "admin_id": ria.to_string(), "open": 1, "idle": 0, "snoozed": 0});
    assert_eq!(metrics["data"][0], of_ria);
    house.put(&format!("/api/admins/{tom}"), json!({"assignment_limit": 9})).await.ok();
    house.put(&format!("/api/teams/{team}"), json!({"assignment_limit": null})).await.ok();
    assert_eq!(house.desk.hand_out_waiting().await, Ok(1));
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn asn_2_arrivals_at_once_pass_no_limit() {
    let house = House::new().await;
    let ria = house.colleague("ria@example.com").await;
    let team = house.team(&[ria], "balanced").await;
    house.put(&format!("/api/teams/{team}"), json!({"assignment_limit": 3})).await.ok();
    let ana = house.contact("ana@example.com").await;
    let mut all = Vec::new();
    for n in 0..8 {
        all.push(house.conversation(&ana, &format!("{n}")).await);
    }
    let given = futures_util::future::join_all(all.iter().map(|one| house.to_team(one, &team))).await;
    let of_ria = given.iter().filter(|one| one["admin_assignee_id"] == json!(ria)).count();
    assert_eq!(of_ria, 3);
}

#[tokio::test]
async fn awy_1_a_customers_reply_takes_the_thread_from_who_is_away() {
    let house = House::new().await;
    let (ria, tom) = (house.colleague("ria@example.com").await, house.colleague("tom@example.com").await);
    let team = house.team(&[ria, tom], "round_robin").await;
    let ana = house.contact("ana@example.com").await;
    let reply = json!({"message_type": "comment", "type": "user", "intercom_user_id": ana, "body": "And?"});
    let conversation = house.conversation(&ana, "Hello").await;
    let path = format!("/api/conversations/{conversation}/reply");
    assert_eq!(house.to_team(&conversation, &team).await["admin_assignee_id"], json!(ria));
    let reason = house.post("/api/away_status_reasons", json!({"label": "Lunch", "emoji": "\u{1f37d}"})).await.ok();
    let body = json!({"away_mode_enabled": true, "away_mode_reassign": true, "away_status_reason_id": reason["id"]});
    let away = house.put(&format!("/api/admins/{ria}/away"), body).await.ok();
    assert_eq!(away["away_status_reason_id"], reason["id"]);
    assert_eq!(house.post(&path, reply.clone()).await.ok()["admin_assignee_id"], json!(tom));
    house.away(tom, true, true).await;
    let answer = house.post(&path, reply).await.ok();
    assert_eq!(answer["admin_assignee_id"], json!(0), "nobody of the team is there");
    assert_eq!(answer["team_assignee_id"], json!(team.parse::<u64>().unwrap()));
    house.away(tom, false, false).await;
    assert_eq!(house.desk.hand_out_waiting().await, Ok(1));
    let thread: ThreadId = conversation.parse().unwrap();
    let now = house.get(&format!("/api/conversations/{thread}")).await.ok();
    assert_eq!(now["admin_assignee_id"], json!(tom));
    let unknown = json!({"away_mode_enabled": true, "away_mode_reassign": false, "away_status_reason_id": 7});
    assert_eq!(house.put(&format!("/api/admins/{tom}/away"), unknown).await.error().0, 404);
}

#[tokio::test]
async fn dsk_12_only_who_may_changes_teams_and_others_away() {
    let mut house = House::new().await;
    let ria = house.colleague("ria@example.com").await;
    house.token = house.token_for(&[Scope::ReadAdmins]).await;
    assert_eq!(house.post("/api/teams", json!({"name": "x"})).await.error().0, 403);
    let away = json!({"away_mode_enabled": true, "away_mode_reassign": false});
    assert_eq!(house.put(&format!("/api/admins/{ria}/away"), away.clone()).await.error().0, 403);
    assert_eq!(house.put(&format!("/api/admins/{}/away", house.agent), away).await.status, StatusCode::OK);
}

#[tokio::test]
async fn dsk_11_an_agent_says_what_they_are_mailed() {
    let house = House::new().await;
    let path = format!("/api/admins/{}/notifications", house.agent);
    let known = house.get(&path).await.ok();
    assert_eq!((&known["email"]["mention"], &known["quiet_hours"]), (&json!(true), &json!(null)));
    let quiet = json!({"from": "22:00", "to": "07:30", "time_zone": "Europe/Berlin"});
    let asked = json!({"email": {"assignment": false}, "quiet_hours": quiet});
    let changed = house.put(&path, asked).await.ok();
    assert_eq!((&changed["email"]["assignment"], &changed["quiet_hours"]), (&json!(false), &quiet));
    let back = house.put(&path, json!({"email": {"assignment": true}, "quiet_hours": null})).await.ok();
    assert_eq!((&back["email"]["assignment"], &back["quiet_hours"]), (&json!(true), &json!(null)));
    for wrong in [
        json!({"quiet_hours": {"from": "22:00"}}),
        json!({"quiet_hours": {"from": "25:00", "to": "07:00"}}),
        json!({"quiet_hours": {"from": "07:00", "to": "07:00"}}),
        json!({"quiet_hours": {"from": "07:00", "to": "08:00", "time_zone": "Mars/Base"}}),
        json!({"email": {"assignment": "no"}}),
    ] {
        assert_eq!(house.put(&path, wrong.clone()).await.error().0, 400, "{wrong}");
    }
    assert_eq!(house.get("/api/admins/1/notifications").await.error().0, 404);
}

#[tokio::test]
async fn ntf_15_an_agent_says_what_they_have_before_them() {
    let house = House::new().await;
    let ana = house.contact("ana@example.com").await;
    let conversation = house.conversation(&ana, "Hello").await;
    let seen = house.post(&format!("/api/conversations/{conversation}/seen"), json!({})).await.ok();
    assert_eq!((&seen["admin_id"], &seen["up_to_seq"]), (&json!(house.agent), &json!(1)));
    assert_eq!(house.post("/api/conversations/1/seen", json!({})).await.error().0, 404);
    assert_eq!(house.desk.verify().unwrap(), Vec::<String>::new());
}
