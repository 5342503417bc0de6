//! Forms over the socket: the card, the answer, the offered ones.

use crate::messenger::bench::Bench;
use crate::messenger::bench::thread;
use deskgate::channel::messenger::hub::Options;
use deskgate::desk::ticket::attributes::NewAttribute;
use deskgate::desk::ticket::forms::NewForm;
use deskgate::desk::ticket::ticket_types::NewTicketType;
use deskgate::domain::attribute::DataType;
use deskgate::domain::id::TicketTypeId;
use deskgate::domain::ticket_type::Category;
use serde_json::Value;
use serde_json::json;

/// A type that asks contacts for a floor, and has an attribute they do not see.
async fn repair(bench: &Bench) -> TicketTypeId {
    let new = NewTicketType {
        description: "for agents only".to_owned(),
        ..NewTicketType::named("Repair", Category::Customer)
    };
    let made = bench.desk.create_ticket_type(&bench.caller, new).await.unwrap().id;
    for (name, data_type, visible) in
        [("Floor", DataType::Integer, true), ("Photo", DataType::Files, true), ("Margin", DataType::Integer, false)]
    {
        let attribute = NewAttribute {
            description: "for agents only".to_owned(),
            required_to_create_for_contacts: name == "Floor",
            visible_to_contacts: visible,
            ..NewAttribute::named(name, data_type)
        };
        bench.desk.add_attribute(&bench.caller, made, attribute).await.unwrap();
    }
    made
}

fn names(form: &Value) -> Vec<&str> {
    form["fields"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frm_5_6_a_sent_form_is_filled_once_and_read_only_from_then_on() {
    let bench = Bench::new().await;
    let (mut client, identity) = bench.visitor().await;
    let ticket_type = repair(&bench).await;
    let said = client.post("c-1", None, "It is cold").await;
    let conversation = said["conversation_id"].clone();
    let new = NewForm { ticket_type, values: Vec::new(), skip_notifications: false };
    let sent = bench.desk.send_form(&bench.caller, thread(&conversation), new).await.unwrap();
    let card = client.event("form.requested").await["part"].clone();
    assert_eq!((&card["part_type"], &card["form"]["state"]), (&json!("ticket_form_sent"), &json!("open")));
    assert_eq!(names(&card["form"]), ["_default_title_", "_default_description_", "Floor", "Photo"]);
    assert!(!card.to_string().contains("Margin") && !card.to_string().contains("for agents only"));
    let form = |key: &str, attributes: Value| json!({"type": "form", "client_id": key, "form_part_id": sent.id.to_string(), "attributes": attributes});
    client.say(form("f-1", json!({"Floor": "third"}))).await;
    let error = client.frame_of("error").await;
    assert_eq!((&error["client_id"], &error["fields"]), (&json!("f-1"), &json!({"Floor": "takes a whole number"})));
    let photo = json!([{"name": "p.txt", "content_type": "text/plain", "data": "aGk="}]);
    for _ in 0..2 {
        client.say(form("f-1", json!({"Floor": 3, "Photo": photo}))).await;
        let ack = client.frame_of("ack").await;
        assert_eq!(
            (&ack["client_id"], &ack["ticket_id"], &ack["ticket"]["id"]),
            (&json!("f-1"), &json!("1"), &conversation)
        );
    }
    client.say(form("f-2", json!({"Floor": 3}))).await;
    let second = client.frame_of("error").await;
    assert_eq!((&second["code"], &second["client_id"]), (&json!("conflict"), &json!("f-2")));
    client.say(json!({"type": "history", "conversation_id": conversation, "limit": 50})).await;
    let history = client.frame_of("history").await;
    let parts = history["parts"].as_array().unwrap();
    let card = parts.iter().find(|part| part["part_type"] == "ticket_form_sent").unwrap();
    assert_eq!((&card["form"]["state"], &card["form"]["ticket"]["ticket_id"]), (&json!("submitted"), &json!("1")));
    assert_eq!(names(&card["form"]), Vec::<&str>::new());
    let mut again = bench.connect().await;
    let welcome = again.hello(identity, None).await;
    let shown = welcome["conversations"][0]["ticket"]["attributes"].as_array().unwrap().clone();
    assert!(shown.contains(&json!({"name": "Photo", "value": ["p.txt"]})), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tck_10_a_form_is_opened_from_the_messenger_by_itself() {
    let bench = Bench::with(Options { forms_per_hour: 2, ..Options::default() }, false).await;
    let (mut client, _) = bench.visitor().await;
    let ticket_type = repair(&bench).await.to_string();
    client.say(json!({"type": "forms"})).await;
    let forms = client.frame_of("forms").await;
    assert_eq!(
        (&forms["forms"][0]["ticket_type_id"], &forms["forms"][0]["name"]),
        (&json!(ticket_type), &json!("Repair"))
    );
    assert_eq!(forms["forms"][0]["fields"][2]["required"], true);
    let form = |key: &str| json!({"type": "form", "client_id": key, "ticket_type_id": ticket_type, "attributes": {"Floor": 1}});
    let mut tickets = Vec::new();
    for key in ["a", "a", "b"] {
        client.say(form(key)).await;
        tickets.push(client.frame_of("ack").await["ticket_id"].clone());
    }
    assert_eq!(tickets, [json!("1"), json!("1"), json!("2")], "the same key, the same ticket");
    client.say(form("c")).await;
    assert_eq!(client.frame_of("error").await["code"], "rate_limit_exceeded", "MSG-61");
    client.say(json!({"type": "form", "client_id": "d"})).await;
    assert_eq!(client.frame_of("error").await["client_id"], "d");
}
