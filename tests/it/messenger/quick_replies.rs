//! A contact chooses one of the answers an agent offers (SHP-4, MSG-22).

use crate::messenger::bench::Bench;
use crate::messenger::bench::thread;
use deskgate::desk::thread::message::Body;
use deskgate::desk::thread::message::NewMessage;
use deskgate::domain::part::PartKind;
use deskgate::domain::part::QuickAnswer;
use serde_json::Value;
use serde_json::json;

/// Offers Yes and No in the conversation.
async fn ask(bench: &Bench, conversation: &Value) {
    let answer = |text: &str, uuid: &str| QuickAnswer { text: text.to_owned(), uuid: uuid.to_owned() };
    let answers = vec![answer("Yes", "u-yes"), answer("<No>", "u-no")];
    let message = NewMessage { answers, ..NewMessage::new(Body::Text("Yes, No".to_owned())) };
    bench.desk.agent_comment(&bench.caller, thread(conversation), message).await.unwrap();
}

fn choice(conversation: &Value, part: &Value, uuid: &str) -> Value {
    let quick_reply = json!({"part_id": part, "uuid": uuid});
    json!({"type": "send", "client_id": uuid, "conversation_id": conversation, "body": "bought!", "quick_reply": quick_reply})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shp_4_a_choice_is_a_comment_with_the_words_of_the_answer() {
    let bench = Bench::new().await;
    let (mut client, _) = bench.visitor().await;
    let conversation = client.post("c", None, "May I?").await["conversation_id"].clone();
    ask(&bench, &conversation).await;
    let asked = loop {
        let event = client.event("part.created").await;
        if event["part"]["part_type"] == "quick_reply" {
            break event["part"].clone();
        }
    };
    let offered = json!([{"text": "Yes", "uuid": "u-yes"}, {"text": "<No>", "uuid": "u-no"}]);
    assert_eq!(asked["quick_replies"], offered);
    client.say(choice(&conversation, &asked["id"], "u-no")).await;
    let chosen = client.event("part.created").await["part"].clone();
    assert_eq!((&chosen["text"], &chosen["part_type"]), (&json!("<No>"), &json!("comment")));
    assert_eq!(client.frame_of("ack").await["part_id"], chosen["id"]);
    let parts = bench.desk.history(bench.contact(&chosen["author"]["id"]).id, thread(&conversation), None, 10).unwrap();
    let part = parts.iter().find(|part| part.quick_reply_uuid.is_some()).unwrap();
    assert_eq!((part.quick_reply_uuid.as_deref(), &part.kind), (Some("u-no"), &PartKind::Comment));
    assert_eq!(part.body_html.trim(), "<p>&lt;No&gt;</p>");
    assert_eq!(bench.desk.verify().unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_chosen_that_was_not_offered_here() {
    let bench = Bench::new().await;
    let (mut client, _) = bench.visitor().await;
    let comment = client.post("c", None, "May I?").await;
    ask(&bench, &comment["conversation_id"]).await;
    let asked = loop {
        let event = client.event("part.created").await;
        if event["part"]["part_type"] == "quick_reply" {
            break event["part"]["id"].clone();
        }
    };
    let (mut stranger, _) = bench.visitor().await;
    let other = stranger.post("s", None, "Hello").await["conversation_id"].clone();
    stranger.say(choice(&other, &asked, "u-yes")).await;
    assert_eq!(stranger.frame_of("error").await["code"], "part_not_found", "asked in another conversation");
    for (part, uuid) in [(&asked, "u-maybe"), (&comment["part_id"], "u-yes")] {
        client.say(choice(&comment["conversation_id"], part, uuid)).await;
        let error = client.frame_of("error").await;
        assert_eq!((&error["code"], &error["client_id"]), (&json!("parameter_invalid"), &json!(uuid)));
    }
}
