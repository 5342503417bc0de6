//! Operations on declared attributes, events of contacts, macros and what was deleted.

use crate::http::description::ACCEPTED;
use crate::http::description::bodies::flag;
use crate::http::description::bodies::id;
use crate::http::description::bodies::moment;
use crate::http::description::bodies::object;
use crate::http::description::bodies::text;
use crate::http::description::operations::Operation;
use crate::http::description::operations::act;
use crate::http::description::operations::get;
use crate::http::description::operations::post;
use crate::http::description::operations::put;
use serde_json::Value;
use serde_json::json;

const ATTRIBUTE: &str = "conversation_attribute";
const EVENTS: &[&str] = &["type", "intercom_user_id", "user_id", "email", "summary", "per_page", "before"];

const INTAKE: &[&str] = &["per_page", "starting_after", "message_id", "address", "uid", "since", "until"];

/// By path.
pub(super) const OPERATIONS: &[Operation] = &[
    get("/data_attributes", "facts that can be known", &["model", "include_archived"], "list"),
    post("/data_attributes", "declare a fact", data_attribute, "data_attribute"),
    put("/data_attributes/{id}", "change a declared fact", data_attribute_change, "data_attribute"),
    get("/conversations/attributes", "declared facts of conversations", &["include_archived"], "list"),
    post("/conversations/attributes", "declare a fact of conversations", conversation_attribute, ATTRIBUTE),
    get("/conversations/attributes/{id}", "a declared fact of conversations", &[], ATTRIBUTE),
    put("/conversations/attributes/{id}", "change it", conversation_attribute_change, ATTRIBUTE),
    act("delete", "/conversations/attributes/{id}", "archive it", ATTRIBUTE),
    post("/conversations/attributes/{id}/options", "add an option to a list", option, ATTRIBUTE),
    put("/conversations/attributes/{id}/options/{option_id}", "give an option another label", option, ATTRIBUTE),
    act("delete", "/conversations/attributes/{id}/options/{option_id}", "archive an option", ATTRIBUTE),
    get("/conversations/deleted", "conversations that are no more", &["page", "per_page", "order"], "object"),
    get("/events", "what a contact did, singly or counted", EVENTS, "object"),
    post("/events", "say that a contact did something", event, ACCEPTED),
    post("/events/summaries", "say how often a contact did something", event_summaries, "empty"),
    get("/macros", "saved replies, latest change first", &["per_page", "starting_after", "updated_since"], "list"),
    post("/macros", "save a reply", saved_reply, "macro"),
    get("/macros/{id}", "a saved reply", &[], "macro"),
    put("/macros/{id}", "change a saved reply", saved_reply, "macro"),
    act("delete", "/macros/{id}", "delete a saved reply", "deleted"),
    get("/intake", "mail that came in, newest first", INTAKE, "list"),
    get("/companies/scroll", "all companies, answer by answer", &["scroll_param"], "object"),
];

fn plain_text() -> Value {
    json!({"type": "string"})
}

fn attribute_fields() -> Vec<(&'static str, Value)> {
    let option = json!({"anyOf": [{"type": "string"}, object(&["value"], &[("value", plain_text())])]});
    vec![
        ("description", text()),
        ("options", json!({"type": "array", "maxItems": 500, "items": option})),
        ("messenger_writable", flag()),
        ("required", flag()),
    ]
}

fn data_attribute() -> Value {
    let kinds = ["string", "integer", "float", "boolean", "datetime", "date", "options"];
    let mut fields = vec![
        ("name", plain_text()),
        ("model", json!({"enum": ["contact", "company", "conversation"]})),
        ("data_type", json!({"enum": kinds})),
    ];
    fields.extend(attribute_fields());
    object(&["name", "model"], &fields)
}

fn option() -> Value {
    object(&["label"], &[("label", plain_text())])
}

fn conversation_attribute_fields() -> Vec<(&'static str, Value)> {
    vec![
        ("description", text()),
        ("required", flag()),
        ("multiline", flag()),
        ("visible_to_team_ids", json!({"type": "array", "items": id()})),
    ]
}

fn conversation_attribute() -> Value {
    let mut fields = vec![
        ("name", plain_text()),
        ("data_type", json!({"enum": ["string", "list", "integer", "decimal", "boolean", "datetime"]})),
        ("options", json!({"type": "array", "maxItems": 500, "items": option()})),
    ];
    fields.extend(conversation_attribute_fields());
    object(&["name", "data_type"], &fields)
}

fn conversation_attribute_change() -> Value {
    let mut fields = conversation_attribute_fields();
    fields.push(("name", plain_text()));
    object(&[], &fields)
}

fn data_attribute_change() -> Value {
    let mut fields = attribute_fields();
    fields.push(("archived", flag()));
    object(&[], &fields)
}

fn whose() -> Vec<(&'static str, Value)> {
    vec![("id", plain_text()), ("intercom_user_id", plain_text()), ("user_id", plain_text()), ("email", plain_text())]
}

fn event() -> Value {
    let mut fields = whose();
    fields.extend([
        ("event_name", plain_text()),
        ("created_at", moment()),
        ("metadata", json!({"type": "object", "maxProperties": 20})),
    ]);
    object(&["event_name", "created_at"], &fields)
}

fn event_summaries() -> Value {
    let one = object(
        &["event_name", "count", "first", "last"],
        &[
            ("event_name", plain_text()),
            ("count", json!({"type": "integer", "minimum": 1})),
            ("first", moment()),
            ("last", moment()),
        ],
    );
    let mut fields = whose();
    fields.push(("event_summaries", json!({"anyOf": [one, {"type": "array", "items": one}]})));
    object(&["event_summaries"], &fields)
}

fn saved_reply() -> Value {
    object(
        &[],
        &[
            ("name", text()),
            ("body", text()),
            ("visible_to", json!({"enum": ["everyone", "specific_teams"]})),
            ("visible_to_team_ids", json!({"type": "array", "items": id()})),
            ("available_on", json!({"type": "array", "items": {"enum": ["inbox", "messenger"]}})),
        ],
    )
}
