//! What narrow tokens may do: each write answers with what it made, or is refused before anything is kept (API-1).

use super::*;
use crate::desk::Error;
use crate::desk::journal::ArrivalFilter;
use crate::domain::id::DeliveryId;
use crate::domain::id::EventSeq;
use crate::domain::id::IntakeId;
use crate::domain::refusal::Refusal;

/// One agent's work in which narrow tokens try themselves.
struct Work {
    house: House,
    ana: String,
    talk: String,
    other_talk: String,
    ticket: String,
    tracker: String,
    ops: String,
    customer_type: Value,
    second_type: Value,
}

impl Work {
    async fn begin() -> Self {
        let house = House::new().await;
        let ana = house.contact("ana@example.com").await;
        let (talk, other_talk) = (house.conversation(&ana, "Hello").await, house.conversation(&ana, "Again").await);
        let customer_type = house.ticket_type("Customer").await;
        let second = json!({"name": "Second type", "category": "Customer"});
        let second_type = house.post("/api/ticket_types", second).await.ok();
        let ticket = made(&house, &customer_type, json!([{"id": ana}])).await;
        let (tracker_type, ops_type) = (house.ticket_type("Tracker").await, house.ticket_type("Back-office").await);
        let (tracker, ops) = (made(&house, &tracker_type, json!([])).await, made(&house, &ops_type, json!([])).await);
        Self { house, ana, talk, other_talk, ticket, tracker, ops, customer_type, second_type }
    }

    /// What would have to change for something to have been kept: the log, whose every commit writes.
    fn log_length(&self) -> usize {
        let caller = self.house.desk.authenticate(&self.house.token).unwrap();
        self.house.desk.events_log(&caller, EventSeq(0), 1_000).unwrap().len()
    }

    /// Sends each request with a token that may do only this. It answers as told; refused, it leaves no trace.
    async fn tries(&mut self, scopes: &[Scope], tries: Vec<(u16, Method, String, Value)>) {
        let (whole, narrow) = (self.house.token.clone(), self.house.token_for(scopes).await);
        for (status, method, path, body) in tries {
            let before = self.log_length();
            self.house.token.clone_from(&narrow);
            let reply = self.house.with_body(method.clone(), &path, &body).await;
            self.house.token.clone_from(&whole);
            assert_eq!(reply.status, status, "{scopes:?} {method} {path} {body}: {reply:?}");
            if status >= 400 {
                assert_eq!(self.log_length(), before, "{scopes:?} {method} {path} left something behind");
            }
        }
    }

    /// Every write in a thread of whatever kind.
    fn writes_in(&self, status: u16, thread: &str) -> Vec<(u16, Method, String, Value)> {
        let path = |rest: &str| format!("/api/conversations/{thread}{rest}");
        let note = json!({"type": "admin", "message_type": "note", "body": "Seen", "admin_id": self.house.agent});
        let assign = json!({"message_type": "assignment", "assignee_id": self.house.agent, "type": "admin"});
        let joins = json!({"customer": {"email": format!("new-{thread}@example.com")}});
        vec![
            (status, Method::POST, path("/reply"), note),
            (status, Method::POST, path("/parts"), assign),
            (status, Method::POST, path("/parts"), json!({"message_type": "close"})),
            (status, Method::POST, path("/parts"), json!({"message_type": "open"})),
            (status, Method::PUT, path(""), json!({"title": "Renamed", "priority": "high"})),
            (status, Method::POST, path("/customers"), joins),
            (status, Method::POST, path("/run_assignment_rules"), json!({})),
            (status, Method::POST, path("/typing"), json!({})),
        ]
    }

    fn conversion(&self, status: u16, thread: &str) -> (u16, Method, String, Value) {
        let body = json!({"ticket_type_id": id(&self.customer_type)});
        (status, Method::POST, format!("/api/conversations/{thread}/convert"), body)
    }
}

async fn made(house: &House, ticket_type: &Value, contacts: Value) -> String {
    let values = json!({"_default_title_": "Something"});
    let body = json!({"ticket_type_id": id(ticket_type), "contacts": contacts, "ticket_attributes": values});
    id(&house.post("/api/tickets", body).await.ok())
}

#[tokio::test]
async fn api_1_a_token_that_only_writes_tickets_gets_what_it_made_and_touches_no_conversation() {
    let mut work = Work::begin().await;
    let submitted = work.second_type["ticket_states"]["data"][0]["id"].clone();
    let new = json!({
        "ticket_type_id": id(&work.customer_type), "contacts": [{"id": work.ana}],
        "ticket_attributes": {"_default_title_": "Made"},
    });
    let comment = json!({"type": "admin", "message_type": "comment", "body": "Hi", "admin_id": work.house.agent});
    let as_ana = json!({"type": "user", "message_type": "comment", "body": "Hi", "intercom_user_id": work.ana});
    let begun = json!({"from": {"type": "user", "id": work.ana}, "body": "Hello"});
    let ticket = format!("/api/tickets/{}", work.ticket);
    let changed = json!({"ticket_attributes": {"_default_title_": "Changed"}});
    let other = json!({"ticket_type_id": id(&work.second_type), "ticket_state_id": submitted});
    let talk = format!("/api/conversations/{}", work.talk);
    let mut tries = vec![
        (200, Method::POST, "/api/tickets".to_owned(), new),
        (200, Method::PUT, ticket.clone(), changed),
        (200, Method::POST, format!("{ticket}/reply"), comment.clone()),
        (200, Method::POST, format!("{ticket}/change_type"), other),
        (200, Method::POST, "/api/ticket_types".to_owned(), json!({"name": "Third", "category": "Customer"})),
        (403, Method::POST, "/api/conversations".to_owned(), begun),
        (403, Method::POST, format!("{talk}/reply"), comment),
        (403, Method::POST, format!("{talk}/reply"), as_ana),
        (403, Method::POST, format!("{talk}/forms"), json!({"ticket_type_id": id(&work.customer_type)})),
        work.conversion(403, &work.talk),
    ];
    for thread in [&work.ticket, &work.tracker, &work.ops] {
        tries.extend(work.writes_in(200, thread));
    }
    tries.extend(work.writes_in(403, &work.talk));
    work.tries(&[Scope::WriteTickets], tries).await;
    work.house.token = work.house.token_for(&[Scope::WriteTickets]).await;
    work.house.get(&ticket).await.ok();
    assert_eq!(work.house.get("/api/tickets").await.error().0, 403, "lists are for those who read");
    assert_eq!(work.house.get(&talk).await.error().0, 404);
}

#[tokio::test]
async fn api_1_a_token_that_only_writes_conversations_touches_no_ticket() {
    let mut work = Work::begin().await;
    let talk = format!("/api/conversations/{}", work.talk);
    let as_ana = json!({"type": "user", "message_type": "comment", "body": "Hi", "intercom_user_id": work.ana});
    let begun = json!({"from": {"type": "user", "id": work.ana}, "body": "Hello"});
    let merged = json!({"merge_into_conversation_id": work.talk});
    let into_ticket = json!({"merge_into_conversation_id": work.ticket});
    let mut tries = vec![
        (200, Method::POST, "/api/conversations".to_owned(), begun),
        (200, Method::POST, format!("{talk}/reply"), as_ana.clone()),
        (403, Method::POST, format!("/api/conversations/{}/reply", work.ticket), as_ana),
        (403, Method::POST, format!("{talk}/merge"), into_ticket),
        (200, Method::POST, format!("/api/conversations/{}/merge", work.other_talk), merged),
        work.conversion(403, &work.talk),
    ];
    tries.extend(work.writes_in(200, &work.talk));
    for thread in [&work.ticket, &work.tracker, &work.ops] {
        tries.extend(work.writes_in(403, thread));
    }
    work.tries(&[Scope::WriteConversations], tries).await;
    let conversion = work.conversion(200, &work.talk);
    work.tries(&[Scope::WriteConversations, Scope::WriteTickets], vec![conversion]).await;
}

#[tokio::test]
async fn par_7_nobody_of_the_house_takes_part_whichever_way_they_are_named() {
    let work = Work::begin().await;
    let house = &work.house;
    let (agent, support) = ("bo@example.com", "support@example.com");
    // Somebody who was a contact first.
    let known = house.contact("kim@example.com").await;
    let kim = NewAgent {
        email: address("kim@example.com"),
        name: "Kim Example".to_owned(),
        role: AgentRole::Agent,
        password: None,
    };
    house.desk.add_agent(kim).await.unwrap();
    let ticket = |contacts: Value, participants: Value| {
        json!({"ticket_type_id": id(&work.customer_type), "contacts": contacts, "participants": participants,
            "ticket_attributes": {"_default_title_": "Something"}})
    };
    let new_message = |to: Value, cc: Value| {
        json!({"message_type": "email", "subject": "News", "body": "Hello", "template": "plain",
            "from": {"type": "admin", "id": house.agent}, "to": to, "cc": cc})
    };
    let ana = json!({"id": work.ana});
    let customers = format!("/api/conversations/{}/customers", work.talk);
    for address in [support, agent, "support+1@example.com"] {
        let own = format!("/api/contacts/{}", work.ana);
        let refused = house.post("/api/contacts", json!({"email": address})).await.error();
        assert_eq!((refused.0, refused.2.as_deref()), (400, Some("email")), "{address}");
        assert_eq!(house.put(&own, json!({"email": address})).await.error().0, 400);
    }
    house.put(&format!("/api/contacts/{known}"), json!({"email": "kim@example.com", "name": "Kim"})).await.ok();
    let before = work.log_length();
    for ours in [json!({"email": support}), json!({"email": agent}), json!({"id": known})] {
        let cases = [
            ("/api/tickets", ticket(json!([ours]), json!([])), "contacts"),
            ("/api/tickets/enqueue", ticket(json!([ours]), json!([])), "contacts"),
            ("/api/tickets", ticket(json!([ana]), json!([ours])), "participants"),
            ("/api/messages", new_message(ours.clone(), json!([])), "to"),
            ("/api/messages", new_message(ana.clone(), json!([ours])), "cc"),
        ];
        for (path, body, field) in cases {
            let refused = house.post(path, body.clone()).await.error();
            assert_eq!(refused, (400, "parameter_invalid".to_owned(), Some(field.to_owned())), "{path} {body}");
        }
    }
    let joins = house.post(&customers, json!({"customer": {"email": support}})).await.error();
    assert_eq!((joins.0, joins.2.as_deref()), (400, Some("customer")));
    let begun = json!({"from": {"type": "user", "id": known}, "body": "Hello"});
    assert_eq!(house.post("/api/conversations", begun).await.error().2.as_deref(), Some("from"));
    assert_eq!(work.log_length(), before, "and nothing is left of the attempts, no lead either");
}

#[tokio::test]
async fn api_48_49_operators_queues_ask_the_caller_whoever_serves_them() {
    let house = House::new().await;
    let mut scopes = Scope::ALL.to_vec();
    scopes.retain(|scope| *scope != Scope::Settings);
    let narrow = house.desk.authenticate(&house.token_for(&scopes).await).unwrap();
    let (caller, desk, ana) = (Some(&narrow), &house.desk, address("ana@example.com"));
    let refused = [
        desk.all_deliveries(caller, 1).unwrap_err(),
        desk.delivery(caller, DeliveryId(1)).unwrap_err(),
        desk.retry_delivery(caller, DeliveryId(1)).await.unwrap_err(),
        desk.quarantine(caller, 1).unwrap_err(),
        desk.quarantined(caller, IntakeId(1)).unwrap_err(),
        desk.retry_quarantined(caller, IntakeId(1)).await.unwrap_err(),
        desk.arrivals(caller, &ArrivalFilter::default(), None, 1).unwrap_err(),
        desk.suppressions(caller, None, 1).unwrap_err(),
        desk.suppress(&narrow, ana.clone(), None, "").await.unwrap_err(),
        desk.lift_suppression(caller, ana).await.unwrap_err(),
    ];
    for (at, error) in refused.into_iter().enumerate() {
        assert!(matches!(&error, Error::Refused(Refusal::Forbidden { .. })), "{at}: {error}");
    }
    assert_eq!(desk.suppressions(None, None, 10).unwrap(), []);
}
