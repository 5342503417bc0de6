//! Every answer of every test is held against the schema of its operation (`tests/fixtures/intercom`).
//!
//! Where the description and the wire form differ, the wire form is served; [`differs`] lists these places. Beside the
//! fields of a schema only `deskgate` may stand (API-40).

use super::*;
use std::sync::LazyLock;

static V2_14: LazyLock<Value> =
    LazyLock::new(|| read(include_str!("../../../tests/fixtures/intercom/answers-2.14.json")));
static V2_16: LazyLock<Value> =
    LazyLock::new(|| read(include_str!("../../../tests/fixtures/intercom/answers-2.16.json")));

static OWN: LazyLock<Value> = LazyLock::new(crate::http::description::document);

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Where the wire form is another one than the schema says.
fn differs(schema: &str, field: &str) -> bool {
    match (schema, field) {
        // Lists of attributes are `{"type":"list","data":[…]}`.
        ("ticket_type", "ticket_type_attributes")
        // Types inside tickets carry no states; elsewhere they do, as a list.
        | ("ticket_type", "ticket_states")
        // Assignees are strings up to 2.15, integers from 2.16 on; the description of 2.14 says integers.
        | ("ticket", "admin_assignee_id" | "team_assignee_id")
        // Examples of the description show them, its schemas do not.
        | ("ticket_type" | "ticket_type_detail", "is_internal")
        | ("contact_tags" | "contact_notes" | "contact_companies" | "contact_social_profiles", "type")
        // Tickets can be given a company, so they say which (OBJ-50); files have an id (OBJ-44).
        | ("ticket", "company_id")
        | ("part_attachment", "id")
        // Examples list the companies of a contact as data.
        | ("contact_attached_companies", "data" | "pages")
        // A reply is answered as any part of the ticket (SHP-2); contacts may be leads (OBJ-8).
        | (
            "ticket_reply",
            "ticket_state" | "previous_ticket_state" | "external_id" | "assigned_to" | "app_package_code",
        )
        | ("ticket_part_author", "type")
        // Who takes part, and nothing else, answers a change of participants (API-25).
        | ("conversation", "customers")
        // Described for 2.16 alone, and for the list of agents alone.
        | ("admin" | "admin_with_app", "role" | "away_status_reason_id" | "team_priority_level") => true,
        _ => false,
    }
}

/// Faults of an answer; none for paths that are ours alone.
pub(super) fn faults(
    method: &Method,
    path: &str,
    version: Option<&str>,
    status: StatusCode,
    body: &Value,
) -> Vec<String> {
    let all = if version == Some("2.14") { &*V2_14 } else { &*V2_16 };
    let Some(path) = path.strip_prefix("/api") else { return Vec::new() };
    let path = path.split('?').next().unwrap();
    let Some(operation) = operation(all, method, path) else { return Vec::new() };
    // Who takes part is answered instead of the whole conversation (API-25).
    if body.get("customers").is_some() {
        return Vec::new();
    }
    let mut check = Check { all, is_ours: false, faults: Vec::new() };
    let error = json!({"$ref": "#/components/schemas/error"});
    let schema = match operation.get(status.as_str()) {
        _ if !status.is_success() => &error,
        Some(Value::Null) => return Vec::new(),
        Some(schema) => schema,
        None => return vec![format!("status {status} is not described")],
    };
    check.value("", schema, body, "", false);
    check.faults
}

/// Faults of an answer against our own description; none for paths it does not name.
pub(super) fn own_faults(method: &Method, path: &str, status: StatusCode, body: &Value) -> Vec<String> {
    let Some(path) = path.strip_prefix("/api") else { return Vec::new() };
    let Some(operation) = operation(&OWN, method, path.split('?').next().unwrap()) else { return Vec::new() };
    let schema = match status.is_success() {
        true => &operation["responses"]["200"]["content"]["application/json"]["schema"],
        false => &OWN["components"]["responses"]["error"]["content"]["application/json"]["schema"],
    };
    let mut check = Check { all: &OWN, is_ours: true, faults: Vec::new() };
    check.value("", schema, body, "", false);
    check.faults
}

/// The operation of a path; literal segments win over parameters.
fn operation<'v>(all: &'v Value, method: &Method, path: &str) -> Option<&'v Value> {
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let template: Vec<&str> = template.split('/').collect();
        let same = template.len() == segments.len()
            && template.iter().zip(&segments).all(|(wanted, have)| wanted.starts_with('{') || wanted == have);
        same.then(|| template.iter().filter(|segment| segment.starts_with('{')).count())
    };
    let paths = all["paths"].as_object().unwrap();
    let found = paths.iter().filter_map(|(template, operations)| Some((fits(template)?, operations)));
    let (_, operations) = found.min_by_key(|(parameters, _)| *parameters)?;
    operations.get(method.as_str().to_lowercase())
}

struct Check<'v> {
    all: &'v Value,
    /// Our own description: it leaves nothing to reasonable doubt, and need not name every field.
    is_ours: bool,
    faults: Vec<String>,
}

impl<'v> Check<'v> {
    fn fault(&mut self, at: &str, what: &str) {
        self.faults.push(format!("{}: {what}", if at.is_empty() { "the answer" } else { at }));
    }

    fn resolved(&self, schema: &'v Value, name: &str) -> (&'v Value, String) {
        match schema["$ref"].as_str() {
            Some(reference) => {
                let name = reference.rsplit('/').next().unwrap();
                self.resolved(&self.all["components"]["schemas"][name], name)
            }
            None => (schema, name.to_owned()),
        }
    }

    fn value(&mut self, name: &str, schema: &Value, value: &Value, at: &str, optional: bool) {
        // Borrowed from the answer's own description, which lives as long as the program.
        let (schema, name) = match schema["$ref"].as_str() {
            Some(reference) => {
                let name = reference.rsplit('/').next().unwrap();
                self.resolved(&self.all["components"]["schemas"][name], name)
            }
            None => return self.plain(name, schema, value, at, optional),
        };
        self.plain(&name, schema, value, at, optional);
    }

    fn plain(&mut self, name: &str, schema: &Value, value: &Value, at: &str, optional: bool) {
        // "No value" may stand in every optional field.
        if value.is_null() && (optional || schema["nullable"] == json!(true)) {
            return;
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(choices) = schema[key].as_array() {
                return self.one_of(name, choices, value, at);
            }
        }
        let is = |word: &Value| match word.as_str() {
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            Some("null") => value.is_null(),
            _ => true,
        };
        if schema["const"] != Value::Null && schema["const"] != *value {
            self.fault(at, &format!("{value} is not {}", schema["const"]));
        }
        if !schema["type"].as_array().map_or_else(|| is(&schema["type"]), |words| words.iter().any(is)) {
            return self.fault(at, &format!("{value} is no {}", schema["type"]));
        }
        if schema["enum"].as_array().is_some_and(|known| !known.contains(value)) {
            self.fault(at, &format!("{value} is none of {}", schema["enum"]));
        }
        for (number, item) in value.as_array().into_iter().flatten().enumerate() {
            self.value("", &schema["items"], item, &format!("{at}[{number}]"), false);
        }
        if let Some(object) = value.as_object() {
            self.object(name, schema, object, at);
        }
    }

    fn one_of(&mut self, name: &str, choices: &[Value], value: &Value, at: &str) {
        let outcomes = choices.iter().map(|choice| {
            let mut tried = Check { all: self.all, is_ours: self.is_ours, faults: Vec::new() };
            tried.value(name, choice, value, at, false);
            tried.faults
        });
        self.faults.extend(outcomes.min_by_key(Vec::len).unwrap_or_default());
    }

    fn object(&mut self, name: &str, schema: &Value, object: &serde_json::Map<String, Value>, at: &str) {
        let mut known = serde_json::Map::new();
        self.properties(schema, &mut known);
        let is_open = self.is_ours
            || known.is_empty()
            || schema.get("additionalProperties").is_some_and(|more| more != &json!(false));
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for field in required.iter().filter_map(Value::as_str) {
            if !object.contains_key(field) {
                self.fault(at, &format!("'{field}' is missing"));
            }
        }
        for (field, value) in object {
            if !self.is_ours && (differs(name, field) || field == "deskgate") {
                continue;
            }
            match known.get(field) {
                Some(schema) => {
                    let schema = schema.clone();
                    let optional = !self.is_ours && !required.contains(&json!(field));
                    self.value("", &schema, value, &format!("{at}.{field}"), optional);
                }
                None if is_open => {}
                None => self.fault(at, &format!("'{field}' is not in the schema '{name}'")),
            }
        }
    }

    /// Fields of a schema, those it takes over included.
    fn properties(&self, schema: &Value, known: &mut serde_json::Map<String, Value>) {
        for part in schema["allOf"].as_array().into_iter().flatten() {
            match part["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
                Some(name) => self.properties(&self.all["components"]["schemas"][name], known),
                None => self.properties(part, known),
            }
        }
        if let Some(properties) = schema["properties"].as_object() {
            known.extend(properties.clone());
        }
    }
}

#[test]
fn a_wrong_answer_is_seen() {
    let faults = |body: Value| faults(&Method::GET, "/api/tickets/1?x=1", None, StatusCode::OK, &body);
    assert_eq!(
        faults(json!({"type": "ticket", "id": "1", "snoozed_until": null, "deskgate": {}})),
        Vec::<String>::new()
    );
    for (wrong, at) in [
        (json!({"type": "ticket", "id": 1}), ".id: 1"),
        (json!({"type": "card"}), ".type: \"card\""),
        (json!({"ticket_state": {"type": "ticket_state", "id": 3}}), ".ticket_state.id"),
        (json!({"ticket_parts": {"ticket_parts": [{"body": 3}]}}), ".ticket_parts.ticket_parts[0].body"),
        (json!({"colour": "red"}), "the answer: 'colour'"),
    ] {
        let found = faults(wrong.clone());
        assert!(found.len() == 1 && found[0].starts_with(at), "{wrong}: {found:?}");
    }
    assert!(operation(&V2_16, &Method::GET, "/nothing").is_none());
}
