//! What operations take in their bodies. Unknown keys are ignored, so none is forbidden.

use serde_json::Value;
use serde_json::json;

/// Ids come as strings or numbers (OBJ-1).
pub(super) fn id() -> Value {
    json!({"type": ["string", "integer"]})
}

pub(super) fn moment() -> Value {
    json!({"type": ["integer", "string", "null"], "description": "Unix seconds or ISO 8601"})
}

pub(super) fn text() -> Value {
    json!({"type": ["string", "null"]})
}

pub(super) fn flag() -> Value {
    json!({"type": ["boolean", "null"]})
}

pub(super) fn attributes() -> Value {
    json!({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "array", "null"]}})
}

pub(super) fn object(required: &[&str], fields: &[(&str, Value)]) -> Value {
    let properties: serde_json::Map<String, Value> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({"type": "object", "required": required, "properties": properties})
}

fn files() -> Value {
    let file = object(
        &["name", "data"],
        &[("name", text()), ("data", json!({"type": "string", "contentEncoding": "base64"})), ("content_type", text())],
    );
    json!({"type": "array", "maxItems": 10, "items": file})
}

pub(super) fn contact() -> Value {
    object(
        &[],
        &[
            ("role", json!({"enum": ["user", "lead"]})),
            ("external_id", text()),
            ("email", text()),
            ("name", text()),
            ("phone", text()),
            ("avatar", text()),
            ("unsubscribed_from_emails", flag()),
            ("language_override", text()),
            ("email_verified", flag()),
            ("other_emails", json!({"type": "array", "maxItems": 50, "items": {"type": "string"}})),
            ("owner_id", id()),
            ("signed_up_at", moment()),
            ("last_seen_at", moment()),
            ("location", object(&[], &[("country", text()), ("region", text()), ("city", text())])),
            ("custom_attributes", attributes()),
        ],
    )
}

pub(super) fn presence() -> Value {
    object(&["state"], &[("state", json!({"enum": ["active", "away"]}))])
}

/// Conditions nest two levels deep.
pub(super) fn search() -> Value {
    let scalar = json!({"type": ["string", "number", "boolean", "null"]});
    let operator = json!({"enum": ["=", "!=", "IN", "NIN", ">", "<", ">=", "<=", "~", "!~", "^", "$"]});
    let value = json!({"anyOf": [scalar, {"type": "array", "items": scalar}]});
    let condition = object(
        &["field", "operator", "value"],
        &[("field", json!({"type": "string"})), ("operator", operator), ("value", value)],
    );
    let group = |of: Value| {
        let value = json!({"type": "array", "minItems": 1, "maxItems": 15, "items": of});
        object(&["operator", "value"], &[("operator", json!({"enum": ["AND", "OR"]})), ("value", value)])
    };
    let inner = json!({"anyOf": [condition, group(condition.clone())]});
    let query = json!({"anyOf": [condition, group(inner)]});
    let per_page = json!({"type": "integer", "minimum": 1, "maximum": 150});
    let pagination = object(&[], &[("per_page", per_page), ("starting_after", text())]);
    let sort = object(
        &[],
        &[
            ("field", json!({"enum": ["updated_at", "created_at", "id"]})),
            ("order", json!({"enum": ["ascending", "descending"]})),
        ],
    );
    let precision = json!({"enum": ["day", "exact"]});
    object(&["query"], &[("query", query), ("pagination", pagination), ("sort", sort), ("precision", precision)])
}

pub(super) fn conversation() -> Value {
    let from = object(
        &["type", "id"],
        &[("type", json!({"enum": ["user", "lead", "contact"]})), ("id", json!({"type": "string"}))],
    );
    let fields = [
        ("from", from),
        ("body", json!({"type": "string"})),
        ("subject", text()),
        ("attachment_files", files()),
        ("created_at", moment()),
        ("brand_id", text()),
    ];
    object(&["from", "body"], &fields)
}

pub(super) fn conversation_change() -> Value {
    object(
        &[],
        &[
            ("title", text()),
            ("read", json!({"enum": [true, null]})),
            ("company_id", text()),
            ("priority", priority()),
            ("custom_attributes", attributes()),
        ],
    )
}

/// Contacts by id, key or address, or bare addresses.
pub(super) fn recipients() -> Value {
    let one = json!({"oneOf": [
        {"type": "string", "format": "email"},
        object(&[], &[("type", text()), ("id", id()), ("user_id", text()), ("email", text())]),
    ]});
    json!({"oneOf": [{"type": "array", "maxItems": 50, "items": one.clone()}, one]})
}

pub(super) fn reply() -> Value {
    object(
        &["message_type", "type"],
        &[
            ("message_type", json!({"enum": ["comment", "note", "quick_reply"]})),
            ("type", json!({"enum": ["admin", "user"]})),
            ("admin_id", id()),
            ("intercom_user_id", json!({"type": "string"})),
            ("user_id", json!({"type": "string"})),
            ("email", json!({"type": "string"})),
            ("body", text()),
            ("attachment_files", files()),
            ("attachment_urls", json!({"type": "array", "maxItems": 10, "items": {"type": "string"}})),
            ("created_at", moment()),
            (
                "reply_options",
                json!({"type": "array", "maxItems": 20, "items": object(&["text", "uuid"], &[("text", json!({"type": "string"})), ("uuid", json!({"type": "string"}))])}),
            ),
            ("to", recipients()),
            ("cc", recipients()),
            ("bcc", recipients()),
            ("subject", text()),
            ("cross_post", flag()),
            ("skip_notifications", flag()),
            ("skip_unsnooze", flag()),
        ],
    )
}

pub(super) fn part() -> Value {
    object(
        &["message_type"],
        &[
            ("message_type", json!({"enum": ["open", "close", "snoozed", "assignment"]})),
            ("type", json!({"enum": ["admin", "team"]})),
            ("admin_id", id()),
            ("assignee_id", id()),
            ("snoozed_until", moment()),
            ("body", text()),
        ],
    )
}

pub(super) fn convert() -> Value {
    object(
        &["ticket_type_id"],
        &[
            ("ticket_type_id", id()),
            ("ticket_state_id", id()),
            ("attributes", attributes()),
            ("skip_notifications", flag()),
        ],
    )
}

pub(super) fn form() -> Value {
    object(&["ticket_type_id"], &[("ticket_type_id", id())])
}

pub(super) fn form_values() -> Value {
    object(&[], &[("attributes", attributes())])
}

pub(super) fn ticket() -> Value {
    let contact = object(
        &[],
        &[
            ("id", json!({"type": "string"})),
            ("external_id", json!({"type": "string"})),
            ("email", json!({"type": "string"})),
        ],
    );
    let assignment = object(&[], &[("admin_assignee_id", id()), ("team_assignee_id", id())]);
    object(
        &["ticket_type_id", "contacts"],
        &[
            ("ticket_type_id", id()),
            ("contacts", json!({"type": "array", "items": contact})),
            ("ticket_attributes", attributes()),
            ("ticket_state_id", id()),
            ("conversation_to_link_id", id()),
            ("assignment", assignment),
            ("company_id", text()),
            ("created_at", moment()),
            ("is_shared", flag()),
            ("skip_notifications", flag()),
        ],
    )
}

pub(super) fn ticket_change() -> Value {
    object(
        &[],
        &[
            ("ticket_attributes", attributes()),
            ("ticket_state_id", id()),
            ("open", flag()),
            ("is_shared", flag()),
            ("snoozed_until", moment()),
            ("admin_id", id()),
            ("assignee_id", id()),
            ("company_id", text()),
            ("priority", priority()),
            ("skip_notifications", flag()),
        ],
    )
}

pub(super) fn reporting_export() -> Value {
    object(
        &["dataset_id", "attribute_ids", "start_time", "end_time"],
        &[
            ("dataset_id", json!({"enum": ["conversations", "tickets", "replies", "state_intervals"]})),
            ("attribute_ids", json!({"type": "array", "minItems": 1, "items": {"type": "string"}})),
            ("start_time", moment()),
            ("end_time", moment()),
        ],
    )
}

fn priority() -> Value {
    json!({"enum": ["none", "low", "medium", "high", "urgent", null]})
}

pub(super) fn change_type() -> Value {
    object(
        &["ticket_type_id", "ticket_state_id"],
        &[("ticket_type_id", id()), ("ticket_state_id", id()), ("ticket_attributes", attributes())],
    )
}

pub(super) fn link_conversation() -> Value {
    object(&["conversation_id"], &[("conversation_id", id())])
}

pub(super) fn link() -> Value {
    object(&[], &[("thread_id", id()), ("thread_ids", json!({"type": "array", "maxItems": 1000, "items": id()}))])
}

pub(super) fn reclass() -> Value {
    let classes = json!({"enum": ["human", "auto_reply", "list", "spam"]});
    object(&["delivery_class"], &[("delivery_class", classes)])
}

pub(super) fn broadcast() -> Value {
    object(
        &["body"],
        &[
            ("tracker_id", id()),
            ("subject", text()),
            ("body", json!({"type": "string"})),
            ("email", email_policy()),
            ("attachment_files", files()),
            ("options", broadcast_options()),
            ("send", flag()),
            ("confirm_count", count()),
        ],
    )
}

pub(super) fn broadcast_change() -> Value {
    object(
        &[],
        &[
            ("subject", text()),
            ("body", text()),
            ("email", email_policy()),
            ("attachment_files", files()),
            ("options", broadcast_options()),
        ],
    )
}

/// BRC-8.
fn broadcast_options() -> Value {
    object(
        &[],
        &[
            ("email", email_policy()),
            ("only", json!({"enum": ["all", "open_threads", "tickets", "conversations"]})),
            ("set_customer_ticket_state", id()),
            ("tracker_state", id()),
            ("after", json!({"enum": ["none", "close", "snooze"]})),
            ("snoozed_until", moment()),
            ("scheduled_at", moment()),
            ("rate_per_minute", count()),
            ("excluded_contact_ids", json!({"type": "array", "items": id()})),
            ("excluded_thread_ids", json!({"type": "array", "items": id()})),
        ],
    )
}

fn email_policy() -> Value {
    json!({"enum": ["when_unseen", "always", "never"]})
}

fn count() -> Value {
    json!({"type": ["integer", "null"], "minimum": 0})
}

/// BRC-15.
pub(super) fn confirmation() -> Value {
    object(&[], &[("confirm_count", count())])
}

/// BRC-6.
pub(super) fn pick() -> Value {
    object(
        &[],
        &[("thread_id", id()), ("contact_id", id()), ("pick", json!({"enum": ["first", "longest", "emptiest"]}))],
    )
}

/// BRC-43.
pub(super) fn settlement() -> Value {
    object(&["as"], &[("as", json!({"enum": ["resend", "sent"]}))])
}

pub(super) fn ticket_type() -> Value {
    let options = json!({"type": ["object", "null"], "additionalProperties": text()});
    let attribute = json!({"type": ["object", "null"], "properties": {"label": text(), "options": options}});
    let attributes = json!({"type": ["object", "null"], "additionalProperties": attribute});
    let texts = json!({
        "type": ["object", "null"],
        "properties": {"name": text(), "submitted_message": text(), "attributes": attributes},
    });
    object(
        &[],
        &[
            ("name", json!({"type": "string"})),
            ("description", text()),
            ("category", json!({"enum": ["Customer", "Back-office", "Tracker"]})),
            ("icon", text()),
            ("is_internal", flag()),
            ("archived", flag()),
            ("audience", json!({"enum": ["all", "users", "leads", null]})),
            ("audience_rule", audience_rule()),
            ("translations", by_language(&texts)),
        ],
    )
}

/// TYP-20: a condition, or groups of them, as in searches.
fn audience_rule() -> Value {
    json!({
        "type": ["object", "null"],
        "description": "what must hold of those who are offered the type: a query as for /contacts/search, with fields of \
                        their companies behind 'company.'; null asks nothing",
        "properties": {"operator": {"type": "string"}, "field": {"type": "string"}},
        "required": ["operator"],
    })
}

/// I18-1; null takes a language away.
fn by_language(of_one: &Value) -> Value {
    json!({
        "type": ["object", "null"],
        "description": "what customers read in other languages, by language tag; null takes a language away",
        "additionalProperties": of_one,
    })
}

pub(super) fn order() -> Value {
    object(&["order"], &[("order", json!({"type": "array", "items": id()}))])
}

pub(super) fn attribute() -> Value {
    let types = json!({"enum": ["string", "list", "integer", "decimal", "boolean", "datetime", "files"]});
    object(
        &[],
        &[
            ("name", json!({"type": "string"})),
            ("description", text()),
            ("data_type", types),
            ("list_items", text()),
            ("multiline", flag()),
            ("allow_multiple_values", flag()),
            ("required_to_create", flag()),
            ("required_to_create_for_contacts", flag()),
            ("required_to_close", flag()),
            ("visible_on_create", flag()),
            ("visible_to_contacts", flag()),
            ("archived", flag()),
        ],
    )
}

pub(super) fn ticket_state() -> Value {
    let categories = json!({"enum": ["submitted", "in_progress", "waiting_on_customer", "resolved"]});
    object(
        &[],
        &[
            ("category", categories),
            ("internal_label", json!({"type": "string"})),
            ("external_label", json!({"type": "string"})),
            ("archived", flag()),
            ("translations", by_language(&text())),
        ],
    )
}

pub(super) fn office_hours() -> Value {
    let time = || json!({"type": "string", "pattern": "^([01][0-9]|2[0-4]):[0-5][0-9]$"});
    let hours = object(&["from", "to"], &[("from", time()), ("to", time())]);
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let interval = object(&["day", "from", "to"], &[("day", json!({"enum": days})), ("from", time()), ("to", time())]);
    let exception = object(
        &["date"],
        &[
            ("date", json!({"type": "string", "format": "date"})),
            ("name", text()),
            ("intervals", json!({"type": "array", "maxItems": 10, "items": hours})),
        ],
    );
    object(
        &["time_zone"],
        &[
            ("time_zone", json!({"type": "string"})),
            ("intervals", json!({"type": "array", "maxItems": 50, "items": interval})),
            ("exceptions", json!({"type": "array", "maxItems": 200, "items": exception})),
        ],
    )
}

pub(super) fn webhook() -> Value {
    let topics = json!({"type": "array", "items": {"type": "string"}});
    object(
        &[],
        &[
            ("url", json!({"type": "string"})),
            ("topics", topics),
            ("secret", text()),
            ("html", flag()),
            ("retry", json!({"enum": ["compat", "durable"]})),
            ("state", json!({"enum": ["active", "disabled"]})),
        ],
    )
}

pub(super) fn replay() -> Value {
    object(&[], &[("delivery_ids", json!({"type": "array", "items": id()})), ("since", moment()), ("all", flag())])
}

pub(super) fn tag() -> Value {
    let text = || json!({"type": "string"});
    let company = object(&[], &[("id", text()), ("company_id", text()), ("untag", flag())]);
    let user = object(&[], &[("id", text()), ("user_id", text()), ("email", text()), ("untag", flag())]);
    let many = |item: Value| json!({"type": "array", "maxItems": 50, "items": item});
    let (companies, users) = (many(company), many(user));
    object(&["name"], &[("id", id()), ("name", text()), ("companies", companies), ("users", users)])
}

pub(super) fn suppression() -> Value {
    object(&["address"], &[("address", text()), ("until", json!({"type": "integer"})), ("reason", text())])
}

pub(super) fn tagging() -> Value {
    object(&["id"], &[("id", id()), ("admin_id", id())])
}

pub(super) fn customer() -> Value {
    let customer = object(
        &[],
        &[("intercom_user_id", json!({"type": "string"})), ("user_id", json!({"type": "string"})), ("email", text())],
    );
    object(&[], &[("customer", customer), ("admin_id", id()), ("from_now_on", flag())])
}

pub(super) fn merge() -> Value {
    object(&["merge_into_conversation_id"], &[("merge_into_conversation_id", id()), ("admin_id", id())])
}

pub(super) fn redact() -> Value {
    let types = json!({"enum": ["conversation_part", "source"]});
    let fields = [("type", types), ("conversation_id", id()), ("conversation_part_id", id()), ("source_id", id())];
    object(&["type", "conversation_id"], &fields)
}

pub(super) fn propagate() -> Value {
    let flags = ["include_resolved", "skip_notifications", "dry_run"].map(|name| (name, flag()));
    let fields: Vec<_> = [("ticket_state_id", id()), ("admin_id", id())].into_iter().chain(flags).collect();
    object(&["ticket_state_id"], &fields)
}

pub(super) fn upload() -> Value {
    object(&["file"], &[("file", json!({"type": "string", "contentMediaType": "application/octet-stream"}))])
}
