//! `/api/openapi.json` names every route, and generated requests find neither a fault of the server nor an answer that is
//! not as described.

use crate::sources::rust_files;
use crate::support::gateway::Gateway;
use crate::support::gateway::Plan;
use crate::support::http_client;
use crate::support::sdk;
use crate::support::setting;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;

/// What every answer is held against.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      response_headers_conformance,ignored_auth";
/// Requests made for each operation.
const EXAMPLES: u64 = 10;

/// `(method, path)` of every route in the sources.
fn routed() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for (_, text) in rust_files("src/http").into_iter().filter(|(path, _)| path.starts_with("src/http/api")) {
        for route in text.split(".route(").skip(1) {
            let Some(path) = route.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()) else {
                continue;
            };
            let statement = route.split(".route(").next().unwrap().split('\n').next().unwrap();
            for method in ["get", "post", "put", "delete"] {
                if statement.contains(&format!("{method}(")) {
                    found.insert((method.to_owned(), path.to_owned()));
                }
            }
        }
    }
    found
}

fn described(document: &Value) -> BTreeSet<(String, String)> {
    let operations = document["paths"].as_object().unwrap().iter();
    let named = operations.flat_map(|(path, methods)| {
        methods.as_object().unwrap().keys().map(move |method| (method.clone(), path.clone()))
    });
    // One operation stands beside `/api`.
    named.filter(|(_, path)| path != "/openapi.json" && path != "/hooks/in/mime").collect()
}

#[test]
fn every_route_is_described_and_every_description_is_routed() {
    let gateway = Gateway::start();
    let document = http_client::call(gateway.address("http"), "GET", "/api/openapi.json", &[], None).expect(200);
    let (routed, described) = (routed(), described(&document));
    assert!(routed.len() > 40, "{routed:?}");
    let silent: Vec<_> = routed.difference(&described).collect();
    let unknown: Vec<_> = described.difference(&routed).collect();
    assert!(silent.is_empty() && unknown.is_empty(), "not described: {silent:#?}, not routed: {unknown:#?}");
    gateway.finish();
}

/// Makes one object of every noun and says under which paths they are, so that generated requests reach something.
fn objects(gateway: &mut Gateway) -> String {
    let mut made = |path: &str, body: Value| gateway.api("POST", path, Some(&body)).expect(200);
    let id = |object: &Value, key: &str| object[key].as_str().unwrap().to_owned();
    let contact = id(&made("/api/contacts", json!({"email": "cara@example.com"})), "id");
    let from = json!({"type": "user", "id": contact});
    let conversation = id(&made("/api/conversations", json!({"from": from, "body": "Hello"})), "conversation_id");
    let kind = made("/api/ticket_types", json!({"name": "Incident", "category": "Tracker"}));
    let (kind_id, attribute) = (id(&kind, "id"), id(&kind["ticket_type_attributes"]["data"][0], "id"));
    let state = id(&kind["ticket_states"]["data"][0], "id");
    let ticket = id(&made("/api/tickets", json!({"ticket_type_id": kind_id, "contacts": []})), "id");
    made(&format!("/api/tickets/{ticket}/links"), json!({"thread_id": conversation}));
    let admin = gateway.api("GET", "/api/me", None).expect(200)["id"].as_str().unwrap().to_owned();
    let nouns = [
        ("contacts", contact),
        ("conversations", conversation),
        ("tickets", ticket),
        ("ticket_types", kind_id),
        ("ticket_states", state),
        ("admins", admin),
    ];
    let known = nouns.iter().map(|(noun, id)| {
        let more = if *noun == "ticket_types" { format!("\"path.attribute_id\" = \"{attribute}\"\n") } else { String::new() };
        format!("[[operations]]\ninclude-path-regex = \"^/{noun}/\"\n[operations.parameters]\n\"path.id\" = \"{id}\"\n{more}\n")
    });
    known.collect()
}

#[test]
fn generated_requests_find_no_fault() {
    let Some(mut schemathesis) = sdk::python("schemathesis") else { return };
    let plenty = "1000000";
    let rates = Plan::default().set("limits.api_per_token_per_minute", plenty);
    let mut gateway = rates.set("limits.api_per_workspace_per_minute", plenty).start();
    let token = gateway.token();
    let config = gateway.dir().join("schemathesis.toml");
    fs::write(&config, objects(&mut gateway)).unwrap();
    let base = format!("http://{}/api", gateway.address("http"));
    let examples = setting::number("DESKGATE_TEST_EXAMPLES", EXAMPLES).to_string();
    let seed = (setting::seed("generated requests") % 1_000_000).to_string();
    schemathesis.arg("--config-file").arg(&config);
    schemathesis.args(["run", &format!("{base}/openapi.json"), "--url", &base]);
    schemathesis.args(["--header", &format!("Authorization: Bearer {token}"), "--max-examples", &examples]);
    schemathesis.args(["--checks", CHECKS]);
    schemathesis.args(["--seed", &seed, "--phases", "examples,coverage,fuzzing", "--no-color"]);
    schemathesis.args(["--suppress-health-check", "all", "--generation-database", "none"]);
    // These call the address they are given.
    schemathesis.args(["--exclude-path", "/webhook_subscriptions", "--exclude-path", "/webhook_subscriptions/{id}"]);
    // It takes a mail, which the generator cannot write.
    schemathesis.args(["--exclude-path", "/hooks/in/mime"]);
    // An answer that does not end is followed elsewhere.
    schemathesis.args(["--exclude-path", "/events_log/stream"]);
    schemathesis.current_dir(gateway.dir());
    let done = schemathesis.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    println!("{said}");
    assert!(said.contains("Operations"), "it said nothing of what it tried: {said}");
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    gateway.finish();
}
