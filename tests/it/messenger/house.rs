//! Whether somebody is there and how soon an answer comes, as an open tab is told (HRS-1, MSG-20, MSG-24).

use crate::messenger::bench::Bench;
use crate::messenger::bench::thread;
use crate::messenger::client::Client;
use deskgate::channel::messenger::Hub;
use deskgate::channel::messenger::hub::Options;
use deskgate::channel::messenger::hub::ReplyTime;
use deskgate::desk::agents::teams::TeamChange;
use deskgate::desk::thread::conversations::Assignment;
use deskgate::domain::id::Millis;
use deskgate::domain::id::TeamId;
use deskgate::domain::office_hours::Owner;
use deskgate::domain::office_hours::Schedule;
use deskgate::domain::office_hours::Stretch;
use jiff::civil::Weekday;
use serde_json::Value;
use serde_json::json;

/// Open always or never.
async fn set_hours(bench: &Bench, owner: Owner, open: bool) {
    let all_day = Stretch { from_min: 0, to_min: 1_440 };
    let days = (0..7).map(|day| (Weekday::from_monday_zero_offset(day).unwrap(), all_day));
    let schedule = Schedule {
        owner,
        time_zone: "UTC".to_owned(),
        weekly: if open { days.collect() } else { Vec::new() },
        exceptions: Vec::new(),
        updated_at: Millis(0),
    };
    bench.desk.set_office_hours(&bench.caller, schedule).await.unwrap();
}

async fn give_to(bench: &Bench, conversation: &Value, team: Option<TeamId>) {
    let to = Assignment { agent: None, team: Some(team) };
    bench.desk.assign(&bench.caller, thread(conversation), to, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hrs_1_an_open_tab_learns_new_hours() {
    let bench = Bench::new().await;
    let (mut client, identity) = bench.visitor().await;
    let ack = client.post("c-1", None, "Is anybody there?").await;
    set_hours(&bench, Owner::Workspace, true).await;
    let told = client.frame_of("house").await;
    let always = json!({"open": true, "changes": []});
    assert_eq!((&told["office"], &told["conversations"]), (&always, &json!([])), "{told}");
    let team = TeamChange { name: Some("Night".to_owned()), ..TeamChange::default() };
    let team = bench.desk.put_team(&bench.caller, None, team).await.unwrap().id;
    give_to(&bench, &ack["conversation_id"], Some(team)).await;
    assert_eq!(client.event("conversation.updated").await["conversation"]["office"], Value::Null, "none of their own");
    set_hours(&bench, Owner::Team(team), false).await;
    let never = json!({"open": false, "changes": []});
    let told = client.frame_of("house").await;
    let of_team = json!([{"id": ack["conversation_id"], "office": never, "reply_time_s": null}]);
    assert_eq!((&told["office"], &told["conversations"]), (&always, &of_team), "{told}");
    // By a snapshot, and when the conversation goes to another team and back.
    let mut other = bench.connect().await;
    let welcome = other.hello(identity.clone(), None).await;
    assert_eq!(welcome["settings"]["office"], always);
    assert_eq!(welcome["conversations"][0]["office"], never);
    give_to(&bench, &ack["conversation_id"], None).await;
    assert_eq!(other.event("conversation.updated").await["conversation"]["office"], Value::Null);
    give_to(&bench, &ack["conversation_id"], Some(team)).await;
    let given = other.event("conversation.updated").await;
    assert_eq!(given["conversation"]["office"], never);
    // A session that goes on from where it was has no snapshot: it is told beside the welcome.
    let mut resumed = bench.connect().await;
    assert_eq!(resumed.hello(identity, given["seq"].as_u64()).await["resumed"], true);
    assert_eq!(resumed.frame_of("house").await["conversations"], of_team);
    bench.desk.remove_office_hours(&bench.caller, Owner::Workspace).await.unwrap();
    assert_eq!(resumed.frame_of("house").await["office"], Value::Null);
}

async fn told_by(bench: &Bench, reply_time: ReplyTime) -> Value {
    let mut options = Options::default();
    options.look.reply_time = reply_time;
    let hub = Hub::new(bench.desk.clone(), options);
    let (ours, theirs) = tokio::io::duplex(64 * 1_024);
    hub.spawn(hub.admit(None).unwrap(), async { Some(theirs) });
    let welcome = Client::on(ours).await.hello(json!({}), None).await;
    welcome["settings"]["reply_time_s"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_24_the_reply_time_comes_from_recent_answers() {
    let bench = Bench::new().await;
    for n in 1..=5 {
        assert_eq!(told_by(&bench, ReplyTime::Measured).await, Value::Null, "{n}: too few to tell");
        let (mut client, _) = bench.visitor().await;
        let ack = client.post("c-1", None, "How long does it take?").await;
        // What an agent begins has an answer at the moment it begins.
        let asked_at = bench.desk.clock().now();
        bench.until(|bench| bench.desk.clock().now() > asked_at).await;
        bench.agent_says(&ack["conversation_id"], "Not long.").await;
    }
    assert_eq!(told_by(&bench, ReplyTime::Measured).await, 60);
    assert_eq!(told_by(&bench, ReplyTime::Set(7_200)).await, 7_200);
    assert_eq!(told_by(&bench, ReplyTime::Off).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_24_a_team_tells_its_own_reply_time_in_its_conversations() {
    let bench = Bench::new().await;
    let (mut client, identity) = bench.visitor().await;
    let ack = client.post("c-1", None, "Who answers, and when?").await;
    let conversation = &ack["conversation_id"];
    let night = TeamChange { name: Some("Night".to_owned()), ..TeamChange::default() };
    let night = bench.desk.put_team(&bench.caller, None, night).await.unwrap().id;
    give_to(&bench, conversation, Some(night)).await;
    assert_eq!(client.event("conversation.updated").await["conversation"]["reply_time_s"], Value::Null);
    let in_a_day = TeamChange { reply_time_s: Some(Some(86_400)), ..TeamChange::default() };
    bench.desk.put_team(&bench.caller, Some(night), in_a_day).await.unwrap();
    let told = client.frame_of("house").await;
    let of_team = json!([{"id": conversation, "office": null, "reply_time_s": 86_400}]);
    assert_eq!((&told["reply_time_s"], &told["conversations"]), (&Value::Null, &of_team), "{told}");
    // By a snapshot, by the welcome of a session that goes on, and when the conversation leaves the team and comes back.
    let mut other = bench.connect().await;
    assert_eq!(other.hello(identity.clone(), None).await["conversations"][0]["reply_time_s"], 86_400);
    give_to(&bench, conversation, None).await;
    assert_eq!(other.event("conversation.updated").await["conversation"]["reply_time_s"], Value::Null);
    give_to(&bench, conversation, Some(night)).await;
    let given = other.event("conversation.updated").await;
    assert_eq!(given["conversation"]["reply_time_s"], 86_400);
    let mut resumed = bench.connect().await;
    assert_eq!(resumed.hello(identity, given["seq"].as_u64()).await["resumed"], true);
    assert_eq!(resumed.frame_of("house").await["conversations"], of_team);
    let of_old = TeamChange { reply_time_s: Some(None), ..TeamChange::default() };
    bench.desk.put_team(&bench.caller, Some(night), of_old).await.unwrap();
    assert_eq!(resumed.frame_of("house").await["conversations"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_24_what_a_team_usually_takes_is_measured_by_itself() {
    let bench = Bench::new().await;
    let day = TeamChange { name: Some("Day".to_owned()), ..TeamChange::default() };
    let day = bench.desk.put_team(&bench.caller, None, day).await.unwrap().id;
    for n in 0..5 {
        let (mut client, _) = bench.visitor().await;
        let ack = client.post("c-1", None, "How long does it take?").await;
        if n > 0 {
            give_to(&bench, &ack["conversation_id"], Some(day)).await;
        }
        let asked_at = bench.desk.clock().now();
        bench.until(|bench| bench.desk.clock().now() > asked_at).await;
        bench.agent_says(&ack["conversation_id"], "Not long.").await;
    }
    let measured = bench.desk.expected_replies().unwrap();
    assert_eq!((measured.all_s, measured.team_s.get(&day)), (Some(60), None), "four are too few to tell of a team");
    let (mut client, _) = bench.visitor().await;
    let ack = client.post("c-1", None, "And now?").await;
    give_to(&bench, &ack["conversation_id"], Some(day)).await;
    let asked_at = bench.desk.clock().now();
    bench.until(|bench| bench.desk.clock().now() > asked_at).await;
    bench.agent_says(&ack["conversation_id"], "As before.").await;
    assert_eq!(bench.desk.expected_replies().unwrap().team_s.get(&day), Some(&60));
}

/// The smallest of all GIFs.
const DOT: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn msg_24_who_answers_is_told_with_name_and_picture() {
    let bench = Bench::new().await;
    let (mut client, identity) = bench.visitor().await;
    let ack = client.post("c-1", None, "Is anybody there?").await;
    bench.agent_says(&ack["conversation_id"], "Without a picture.").await;
    let author = client.event("part.created").await["part"]["author"].clone();
    assert_eq!((&author["type"], &author["avatar"]), (&json!("admin"), &Value::Null));
    let agent = bench.desk.set_avatar(&bench.caller, bench.caller.agent, Some(DOT.to_vec())).await.unwrap();
    let address = bench.desk.avatar_address(agent.id, &agent.avatar.unwrap());
    let face = json!({"id": agent.id.to_string(), "name": agent.name, "avatar": address});
    assert_eq!(client.frame_of("house").await["team"], json!([face]), "an open tab learns it");
    bench.agent_says(&ack["conversation_id"], "With one.").await;
    assert_eq!(client.event("part.created").await["part"]["author"]["avatar"], address);
    let parts = client.history(&ack["conversation_id"]).await;
    assert_eq!(parts[1]["author"]["avatar"], address, "what was written before has it, too");
    let mut other = bench.connect().await;
    let welcome = other.hello(identity, None).await;
    assert_eq!(welcome["settings"]["team"], json!([face]));
    assert_eq!(welcome["conversations"][0]["last_part"]["author"]["avatar"], address);
    // Who is away answers nobody; what they wrote keeps its face.
    let away = Some(deskgate::domain::agent::Away { reassign: false, reason: None });
    bench.desk.set_away(&bench.caller, agent.id, away).await.unwrap();
    assert_eq!(client.frame_of("house").await["team"], json!([]));
    let parts = client.history(&ack["conversation_id"]).await;
    assert_eq!(parts[1]["author"]["avatar"], address);
}
