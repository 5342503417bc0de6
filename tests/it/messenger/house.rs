//! Whether somebody is there and how soon an answer comes, as an open tab is told (HRS-1, MSG-20, MSG-24).

use crate::messenger::bench::Bench;
use crate::messenger::bench::thread;
use crate::messenger::client::Client;
use deskgate::channel::messenger::Hub;
use deskgate::channel::messenger::hub::Options;
use deskgate::channel::messenger::hub::ReplyTime;
use deskgate::desk::conversations::Assignment;
use deskgate::desk::teams::TeamChange;
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
    let of_team = json!([{"id": ack["conversation_id"], "office": never}]);
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
