//! Topics beside the life of threads and people: each fires once when its thing happens (WHK-10 to WHK-14), and what can
//! never happen cannot be subscribed to.

use super::broadcasts::run;
use super::broadcasts::sent;
use super::broadcasts::tracker;
use super::webhooks::Desk;
use super::webhooks::Got;
use super::webhooks::Receiver;
use super::webhooks::every_topic;
use super::webhooks::topics_of;
use super::*;
use crate::domain::event::MailboxStanding;
use crate::domain::webhook_topic::ALL;
use crate::domain::webhook_topic::Topic;

fn of<'g>(got: &'g [Got], topic: &str) -> Vec<&'g Got> {
    got.iter().filter(|got| got.topic() == topic).collect()
}

async fn told(desk: &mut Desk, receiver: &Receiver) -> Vec<Got> {
    desk.drive().await;
    receiver.take()
}

#[tokio::test]
async fn whk_10_14_what_never_fires_is_refused_with_its_reason() {
    let desk = Desk::new().await;
    let receiver = Receiver::start().await;
    let never: Vec<&str> = ALL
        .iter()
        .copied()
        .filter(|name| Topic::parse(name).is_some_and(|topic| topic.never_fires().is_some()))
        .collect();
    assert!(!never.is_empty());
    for name in never {
        let new = json!({"url": receiver.url, "topics": ["ping", name]});
        let refused = desk.house.post("/api/webhook_subscriptions", new).await;
        assert_eq!(refused.error(), (400, "parameter_invalid".to_owned(), Some("topics".to_owned())), "{name}");
        let message = refused.json()["errors"][0]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(name) && message.contains("would never fire: "), "{message}");
    }
    let made = desk.subscribe(&receiver, every_topic(), json!({})).await;
    assert_eq!(made["state"], "active");
}

#[tokio::test]
async fn whk_11_a_priority_is_told_once_and_stands_in_the_thread() {
    let mut desk = Desk::new().await;
    let receiver = Receiver::start().await;
    desk.subscribe(&receiver, json!(["conversation.priority.updated"]), json!({})).await;
    let ana = desk.house.contact("ana@example.com").await;
    let talk = desk.house.conversation(&ana, "Help").await;
    let path = format!("/api/conversations/{talk}");
    for _ in 0..2 {
        assert_eq!(desk.house.put(&path, json!({"priority": "urgent"})).await.ok()["priority"], "urgent");
    }
    assert_eq!(desk.house.put(&path, json!({"priority": "soon"})).await.error().2.as_deref(), Some("priority"));
    let got = told(&mut desk, &receiver).await;
    assert_eq!(topics_of(&got), ["conversation.priority.updated"], "the same again is no change");
    let part = &got[0].item()["conversation_parts"]["conversation_parts"][0];
    assert_eq!(part["part_type"], "priority_changed");
    assert_eq!(part["deskgate"]["details"], json!({"from": "none", "to": "urgent"}));
    assert_eq!(got[0].item()["priority"], "urgent");
    let kind = desk.house.ticket_type("Customer").await;
    desk.house.post(&format!("{path}/convert"), json!({"ticket_type_id": id(&kind)})).await.ok();
    desk.house.put(&format!("/api/tickets/{talk}"), json!({"priority": "low"})).await.ok();
    let got = told(&mut desk, &receiver).await;
    assert_eq!((got.len(), &got[0].item()["priority"]), (1, &json!("low")), "a Customer ticket is a conversation too");
    assert_eq!(desk.house.desk.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn whk_13_a_job_is_told_when_it_is_done() {
    let mut desk = Desk::new().await;
    let receiver = Receiver::start().await;
    desk.subscribe(&receiver, json!(["job.completed"]), json!({})).await;
    let (tracker, talks) = tracker(&desk.house, 2).await;
    let kind = desk.house.ticket_type("Customer").await;
    for talk in &talks {
        let path = format!("/api/conversations/{talk}/convert");
        desk.house.post(&path, json!({"ticket_type_id": id(&kind)})).await.ok();
    }
    let states = kind["ticket_states"]["data"].as_array().unwrap();
    let resolved = id(states.iter().find(|state| state["category"] == "resolved").unwrap());
    let path = format!("/api/tickets/{tracker}/propagate_state");
    let job = desk.house.post(&path, json!({"ticket_state_id": resolved})).await.ok();
    assert_eq!((&job["status"], told(&mut desk, &receiver).await.len()), (&json!("pending"), 0));
    while desk.house.desk.propagation_batch().await.unwrap() {}
    let got = told(&mut desk, &receiver).await;
    assert_eq!(topics_of(&got), ["job.completed"]);
    let status = desk.house.get(&format!("/api/jobs/status/{}", id(&job))).await.ok();
    assert_eq!((got[0].item(), &status["status"]), (&status, &json!("success")));

    let new = json!({"ticket_type_id": id(&kind), "contacts": [{"email": "ben@example.com"}]});
    let made = desk.house.post("/api/tickets/enqueue", new).await.ok();
    let got = told(&mut desk, &receiver).await;
    assert_eq!((topics_of(&got), got[0].item()), (vec!["job.completed"], &made));
    assert_eq!(desk.house.desk.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn whk_14_an_address_that_gets_no_more_mail_is_told_of_its_contacts() {
    let mut desk = Desk::new().await;
    let receiver = Receiver::start().await;
    desk.subscribe(&receiver, json!(["contact.suppressed"]), json!({})).await;
    let ana = desk.house.contact("ana@example.com").await;
    let stop = json!({"address": "ana@example.com", "reason": "by phone"});
    for _ in 0..2 {
        desk.house.post("/api/suppressions", stop.clone()).await.ok();
    }
    desk.house.post("/api/suppressions", json!({"address": "nobody@example.com", "reason": "x"})).await.ok();
    let got = told(&mut desk, &receiver).await;
    assert_eq!(topics_of(&got), ["contact.suppressed"], "once, and of a contact");
    assert_eq!(got[0].item()["id"], json!(ana));
    assert_eq!(desk.house.desk.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn whk_14_who_stops_an_issue_is_told_once_with_its_tracker() {
    let mut desk = Desk::new().await;
    let receiver = Receiver::start().await;
    desk.subscribe(&receiver, json!(["contact.broadcast.stopped", "contact.unsubscribed"]), json!({})).await;
    let (tracker, _) = tracker(&desk.house, 1).await;
    let new = json!({"subject": "Fix is live", "body": "It works.", "email": "always", "send": true});
    desk.house.post(&format!("/api/tickets/{tracker}/broadcasts"), new).await.ok();
    run(&desk.house).await;
    let mail = sent(&desk.house).await.remove(0).replace("\r\n ", " ");
    let link = mail.split("List-Unsubscribe: <").nth(1).unwrap().split('>').next().unwrap();
    let page = format!("/unsubscribe/{}", link.rsplit('/').next().unwrap());
    for act in ["List-Unsubscribe=One-Click", "List-Unsubscribe=One-Click", "act=resume"] {
        assert_eq!(desk.house.plain("POST", &page, act).await.0, 200);
    }
    let got = told(&mut desk, &receiver).await;
    assert_eq!(topics_of(&got), ["contact.broadcast.stopped"]);
    assert_eq!(
        (&got[0].item()["email"], &got[0].body["deskgate"]["thread_id"]),
        (&json!("c0@example.com"), &json!(tracker))
    );
    assert_eq!(desk.house.plain("POST", &page, "act=stop_all").await.0, 200);
    assert_eq!(topics_of(&told(&mut desk, &receiver).await), ["contact.unsubscribed"]);
    assert_eq!(desk.house.desk.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn whk_14_a_mailbox_is_told_of_when_it_needs_people_and_when_it_is_well() {
    let mut desk = Desk::new().await;
    let receiver = Receiver::start().await;
    desk.subscribe(&receiver, json!(["mailbox.state.updated"]), json!({})).await;
    for (standing, news) in [
        (MailboxStanding::Connected, false),
        (MailboxStanding::Degraded, true),
        (MailboxStanding::Degraded, false),
        (MailboxStanding::NeedsAuth, true),
        (MailboxStanding::Connected, true),
        (MailboxStanding::Connected, false),
    ] {
        let told = desk.house.desk.note_mailbox("support", standing, "no mail").await.unwrap();
        assert_eq!(told, news, "{standing:?}");
    }
    assert_eq!(desk.house.desk.alarms().unwrap(), []);
    let got = told(&mut desk, &receiver).await;
    let states: Vec<&Value> = of(&got, "mailbox.state.updated").iter().map(|got| &got.item()["state"]).collect();
    assert_eq!(states, ["degraded", "needs_auth", "connected"]);
    assert_eq!((&got[0].item()["type"], &got[0].item()["name"]), (&json!("mailbox"), &json!("support")));
    assert_eq!(desk.house.desk.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn whk_3_admins_are_told_by_mail_of_a_receiver_that_said_410() {
    let mut desk = Desk::new().await;
    let receiver = Receiver::start().await;
    desk.subscribe(&receiver, json!(["conversation.user.created"]), json!({})).await;
    let ana = desk.house.contact("ana@example.com").await;
    desk.house.conversation(&ana, "Hello").await;
    receiver.will_answer(&[410]);
    desk.drive().await;
    let house = &desk.house.desk;
    let (name, words) = house.webhook_troubles().unwrap().remove(0);
    assert!(name.ends_with("was ended") && words.contains("410") && words.contains(&receiver.url), "{name}: {words}");
    assert!(house.raise_alarm(&name, &words).await.unwrap() && !house.raise_alarm(&name, &words).await.unwrap());
    let alarm = house.alarms().unwrap().remove(0);
    let mail = house.alarm_mails(&alarm).unwrap().remove(0);
    assert_eq!(mail.recipient.to_string(), "bo@example.com");
    let text = String::from_utf8(mail.bytes).unwrap().replace("=\r\n", "");
    assert!(text.contains("was ended") && text.contains("its receiver said 410"), "{text}");
}

#[tokio::test]
async fn whk_10_11_each_owner_is_told_of_by_its_own_topic_when_it_is_new() {
    let mut desk = Desk::new().await;
    let receiver = Receiver::start().await;
    let (talks, agents, teams) = ("conversation.admin.assigned", "ticket.admin.assigned", "ticket.team.assigned");
    desk.subscribe(&receiver, json!([talks, agents, teams]), json!({})).await;
    let agent = desk.house.agent.clone();
    let team = async |name: &str, method: &str| {
        let members = [agent.parse::<u64>().unwrap()];
        let team = json!({"name": name, "admin_ids": members, "distribution_method": method});
        id(&desk.house.post("/api/teams", team).await.ok())
    };
    let (one, two) = (team("One", "manual").await, team("Two", "manual").await);
    let turns = team("Turns", "round_robin").await;
    let ana = desk.house.contact("ana@example.com").await;
    let (customer, tracker) = (desk.house.ticket_type("Customer").await, desk.house.ticket_type("Tracker").await);
    let values = json!({"_default_title_": "Broken"});
    let new = json!({"ticket_type_id": id(&customer), "contacts": [{"id": ana}], "ticket_attributes": values});
    let ticket = format!("/api/tickets/{}", id(&desk.house.post("/api/tickets", new.clone()).await.ok()));
    let new_issue = json!({"ticket_type_id": id(&tracker), "contacts": [], "ticket_attributes": values});
    let issue = format!("/api/tickets/{}", id(&desk.house.post("/api/tickets", new_issue).await.ok()));
    assert!(told(&mut desk, &receiver).await.is_empty(), "nobody owns them yet");
    let steps: [(&str, &str, &[&str]); 9] = [
        (&ticket, &one, &[talks, teams]),
        (&ticket, &agent, &[talks, agents]),
        (&ticket, &two, &[talks, teams]),
        (&ticket, "0", &[talks]),
        (&ticket, &turns, &[talks, agents, teams]),
        (&ticket, &turns, &[]),
        (&issue, &one, &[teams]),
        (&issue, &agent, &[agents]),
        (&issue, "0", &[]),
    ];
    for (step, (path, to, topics)) in steps.into_iter().enumerate() {
        desk.house.put(path, json!({"assignee_id": to})).await.ok();
        assert_eq!(topics_of(&told(&mut desk, &receiver).await), topics, "step {step}");
    }
    let mut both = new;
    both["assignment"] = json!({"admin_assignee_id": agent, "team_assignee_id": one});
    desk.house.post("/api/tickets", both).await.ok();
    assert_eq!(topics_of(&told(&mut desk, &receiver).await), [talks, agents, teams], "both from the start");
    let talk = desk.house.conversation(&ana, "Help").await;
    let body = json!({"message_type": "assignment", "type": "team", "assignee_id": turns});
    desk.house.post(&format!("/api/conversations/{talk}/parts"), body).await.ok();
    assert_eq!(topics_of(&told(&mut desk, &receiver).await), [talks]);
}
