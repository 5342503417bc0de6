//! How far agents have read, as the contact is told (MSG-44).

use crate::messenger::bench::Bench;
use crate::messenger::bench::thread;
use deskgate::desk::thread::message::Body;
use deskgate::desk::thread::message::NewMessage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_44_the_contact_sees_how_far_an_agent_has_read() {
    let bench = Bench::new().await;
    let (mut client, identity) = bench.visitor().await;
    let ack = client.post("c-1", None, "Did you read this?").await;
    let conversation = thread(&ack["conversation_id"]);
    client.so_far().await;
    assert_eq!(bench.desk.agent_saw(&bench.caller, conversation).await, Ok(1));
    let told = client.event("conversation.updated").await;
    assert_eq!(told["conversation"]["agents_seen_seq"], 1, "{told}");
    assert!(
        told["conversation"].get("admin_assignee").is_none() && !told.to_string().contains("Ivo"),
        "by whom is ours"
    );
    // Neither a second look nor what happens inside is told.
    let note = NewMessage::new(Body::Text("For us alone".to_owned()));
    bench.desk.agent_note(&bench.caller, conversation, note).await.unwrap();
    assert_eq!(bench.desk.agent_saw(&bench.caller, conversation).await, Ok(2));
    client.post("c-2", ack["conversation_id"].as_str(), "And this?").await;
    let frames = client.so_far().await;
    assert!(frames.iter().all(|frame| frame["event"] != "conversation.updated"), "{frames:?}");
    // It stands in the log: whoever was away gets it, and a snapshot has it.
    bench.desk.agent_saw(&bench.caller, conversation).await.unwrap();
    let mut resumed = bench.connect().await;
    assert_eq!(resumed.hello(identity.clone(), told["seq"].as_u64()).await["resumed"], true);
    assert_eq!(resumed.event("conversation.updated").await["conversation"]["agents_seen_seq"], 3);
    let mut fresh = bench.connect().await;
    let welcome = fresh.hello(identity, None).await;
    assert_eq!(welcome["conversations"][0]["agents_seen_seq"], 3);
    let (mut other, _) = bench.visitor().await;
    assert!(other.so_far().await.is_empty(), "nobody else is told");
    assert_eq!(bench.desk.verify().unwrap(), Vec::<String>::new());
}
