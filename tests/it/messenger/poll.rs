//! The session by requests (MSG-47): what it carries, who may, and how it ends.

use crate::support::gateway::Gateway;
use crate::support::http_client;
use crate::support::http_client::Reply;
use serde_json::Value;
use serde_json::json;

fn ask(gateway: &Gateway, session: Option<&str>, frames: &[Value], wait: bool) -> Reply {
    let frames: Vec<_> = frames.iter().map(Value::to_string).collect();
    let body = json!({"frames": frames, "wait": wait});
    let fields: Vec<_> = session.map(|session| ("x-session", session)).into_iter().collect();
    http_client::call(gateway.address("http"), "POST", "/messenger/poll", &fields, Some(&body))
}

/// Asks until a frame came whose field has that value; what came beside it is held for the next question.
fn frame_with(gateway: &Gateway, session: &str, held: &mut Vec<Value>, field: &str, value: &str) -> Value {
    for _ in 0..20 {
        if let Some(at) = held.iter().position(|frame| frame[field] == value) {
            return held.remove(at);
        }
        let answer = ask(gateway, Some(session), &[], true).expect(200);
        let frames = answer["frames"].as_array().unwrap().iter();
        held.extend(frames.map(|frame| serde_json::from_str::<Value>(frame.as_str().unwrap()).unwrap()));
    }
    panic!("no {value} came");
}

fn begin(gateway: &Gateway, identity: &Value, since: Option<u64>) -> (String, Value, Vec<Value>) {
    let hello = json!({"type": "hello", "identity": identity, "since": since});
    let first = ask(gateway, None, &[hello], false).expect(200);
    let session = first["session"].as_str().unwrap().to_owned();
    let mut held = Vec::new();
    let welcome = frame_with(gateway, &session, &mut held, "type", "welcome");
    (session, welcome, held)
}

#[test]
fn msg_47_a_line_speaks_as_a_socket_does_and_resumes_by_seq() {
    let gateway = Gateway::start();
    let (line, welcome, mut held) = begin(&gateway, &json!({}), None);
    let post = json!({"type": "send", "client_id": "c-1", "body": "by request"});
    ask(&gateway, Some(&line), &[post], false).expect(200);
    let part = frame_with(&gateway, &line, &mut held, "event", "part.created");
    assert_eq!(part["part"]["text"], "by request");
    // The first line is left as if its network had gone; another one goes on where it was.
    let (other, again, mut missed) = begin(&gateway, &json!({"visitor": welcome["visitor"]}), welcome["seq"].as_u64());
    assert_eq!(again["resumed"], true);
    assert_eq!(
        frame_with(&gateway, &other, &mut missed, "event", "part.created"),
        part,
        "the same entry once more for who did not have it"
    );
    ask(&gateway, Some(&other), &[json!({"type": "bye"})], false).expect(200);
    let mut closed = Value::Null;
    for _ in 0..5 {
        closed = ask(&gateway, Some(&other), &[], true).expect(200)["closed"].clone();
        if !closed.is_null() {
            break;
        }
    }
    assert_eq!(closed, 4003);
    assert_eq!(ask(&gateway, Some(&other), &[], true).status, 410, "it is over");
    gateway.finish();
}

#[test]
fn msg_47_what_is_no_request_costs_one_answer() {
    let gateway = Gateway::start();
    let call = |body: Value, fields: &[(&str, &str)]| {
        http_client::call(gateway.address("http"), "POST", "/messenger/poll", fields, Some(&body)).status
    };
    assert_eq!(call(json!("frames"), &[]), 400);
    assert_eq!(call(json!({"frames": [1]}), &[]), 400);
    assert_eq!(call(json!({"frames": ["x".repeat(200 * 1_024)]}), &[]), 413);
    assert_eq!(call(json!({}), &[("x-session", "a guessed name")]), 410);
    gateway.finish();
}
