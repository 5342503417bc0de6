//! What operations answer. Fields of `deskgate` may grow, so it is open.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// Every schema by name.
pub(super) fn all() -> Value {
    let mut schemas = Map::new();
    for group in [people(), threads(), kinds(), lists(), operators()] {
        if let Value::Object(group) = group {
            schemas.extend(group);
        }
    }
    Value::Object(schemas)
}

/// An object with a type word of its own. All of `fields` are always there.
fn object(type_word: &str, fields: Value) -> Value {
    let mut properties = Map::new();
    properties.insert("type".to_owned(), json!({"const": type_word}));
    if let Value::Object(fields) = fields {
        properties.extend(fields);
    }
    let required: Vec<String> = properties.keys().cloned().collect();
    json!({"type": "object", "required": required, "properties": properties})
}

fn of(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn text_if_any() -> Value {
    json!({"type": ["string", "null"]})
}

fn seconds() -> Value {
    json!({"type": "integer"})
}

fn seconds_if_any() -> Value {
    json!({"type": ["integer", "null"]})
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

fn any_object() -> Value {
    json!({"type": "object"})
}

fn people() -> Value {
    json!({
        "admin": object("admin", json!({
            "id": text(), "name": text(), "email": text(), "has_inbox_seat": flag(), "away_mode_enabled": flag(),
            "team_ids": {"type": "array", "items": {"type": "integer"}},
        })),
        "notification_settings": object("notification_settings", json!({
            "admin_id": text(), "email": any_object(), "quiet_hours": {"type": ["object", "null"]},
        })),
        "contact": object("contact", json!({
            "id": {"type": "string", "pattern": "^[0-9a-f]{24}$"}, "workspace_id": text(), "external_id": text_if_any(),
            "role": {"enum": ["user", "lead"]}, "email": text_if_any(), "phone": text_if_any(), "name": text_if_any(),
            "created_at": seconds(), "updated_at": seconds(), "unsubscribed_from_emails": flag(),
            "custom_attributes": any_object(), "tags": any_object(), "notes": any_object(), "companies": any_object(),
            "deskgate": any_object(),
        })),
        "team": object("team", json!({
            "id": text(), "name": text(), "admin_ids": {"type": "array", "items": {"type": "integer"}},
            "admin_priority_level": any_object(), "assignment_limit": seconds_if_any(), "distribution_method": text(),
        })),
        "away_reasons": {"type": "array", "items": any_object()},
        "company": object("company", json!({
            "id": {"type": "string", "pattern": "^[0-9a-f]{24}$"}, "company_id": text_if_any(), "name": text_if_any(),
            "created_at": seconds(), "updated_at": seconds(), "user_count": {"type": "integer"},
            "custom_attributes": any_object(), "tags": any_object(),
        })),
        "author": {
            "type": "object", "required": ["type", "id"],
            "properties": {"type": {"enum": ["admin", "bot", "team", "user", "lead"]}, "id": text()},
        },
    })
}

fn threads() -> Value {
    let part = json!({
        "id": text(), "part_type": text(), "body": text_if_any(), "created_at": seconds(), "updated_at": seconds(),
        "author": of("author"), "attachments": {"type": "array"}, "redacted": flag(), "deskgate": any_object(),
    });
    let assignee =
        json!({"type": ["string", "integer", "null"], "description": "string up to 2.15, integer from 2.16"});
    json!({
        "conversation": object("conversation", json!({
            "id": text(), "title": text_if_any(), "created_at": seconds(), "updated_at": seconds(),
            "waiting_since": seconds_if_any(), "snoozed_until": seconds_if_any(), "open": flag(),
            "state": {"enum": ["open", "closed", "snoozed"]}, "read": flag(), "priority": text(),
            "admin_assignee_id": assignee, "team_assignee_id": assignee, "source": {"type": ["object", "null"]},
            "contacts": any_object(), "teammates": any_object(), "tags": any_object(), "statistics": any_object(),
            "linked_objects": any_object(), "deskgate": any_object(),
        })),
        "conversation_part": object("conversation_part", part.clone()),
        "ticket": object("ticket", json!({
            "id": text(), "ticket_id": text(), "category": {"enum": ["Customer", "Back-office", "Tracker"]},
            "ticket_attributes": any_object(), "ticket_state": of("state_of_ticket"), "ticket_type": any_object(),
            "contacts": any_object(), "admin_assignee_id": assignee, "team_assignee_id": assignee,
            "created_at": seconds(), "updated_at": seconds(), "open": flag(), "snoozed_until": seconds_if_any(),
            "linked_objects": any_object(), "is_shared": flag(), "deskgate": any_object(),
        })),
        "ticket_part": object("ticket_part", part),
        "message": object("user_message", json!({
            "id": text(), "created_at": seconds(), "body": text(), "message_type": text(), "conversation_id": text(),
        })),
        "ticket_or_list": {"anyOf": [of("ticket"), of("list")]},
    })
}

fn kinds() -> Value {
    let categories = json!({"enum": ["submitted", "in_progress", "waiting_on_customer", "resolved"]});
    let state = json!({"id": text(), "category": categories, "internal_label": text(), "external_label": text()});
    json!({
        "ticket_type": object("ticket_type", json!({
            "id": text(), "name": text(), "description": text(), "icon": text(), "is_internal": flag(), "archived": flag(),
            "category": {"enum": ["Customer", "Back-office", "Tracker"]}, "created_at": seconds(),
            "updated_at": seconds(), "ticket_type_attributes": of("list"), "ticket_states": of("list"),
        })),
        "ticket_type_attribute": object("ticket_type_attribute", json!({
            "id": text(), "name": text(), "description": text(), "data_type": text(), "input_options": any_object(),
            "order": {"type": "integer"}, "required_to_create": flag(), "required_to_create_for_contacts": flag(),
            "visible_on_create": flag(), "visible_to_contacts": flag(), "archived": flag(), "default": flag(),
        })),
        "state_of_ticket": object("ticket_state", state.clone()),
        "ticket_state": object("ticket_state", state),
    })
}

fn lists() -> Value {
    let listed = |type_word: &str, key: &str, of_what: &str| {
        object(type_word, json!({key: {"type": "array", "items": of(of_what)}}))
    };
    let paged = |type_word: &str, key: &str, of_what: &str| {
        object(
            type_word,
            json!({
                key: {"type": "array", "items": of(of_what)}, "total_count": {"type": "integer"}, "pages": of("pages"),
            }),
        )
    };
    json!({
        "list": object("list", json!({"data": {"type": "array", "items": any_object()}})),
        "part_list": object("list", json!({
            "data": {"type": "array", "items": {"anyOf": [of("conversation_part"), of("ticket_part")]}},
            "total_count": {"type": "integer"}, "pages": of("pages"),
        })),
        "team_list": listed("team.list", "teams", "team"),
        "admin_list": listed("admin.list", "admins", "admin"),
        "contact_list": paged("list", "data", "contact"),
        "conversation_list": paged("conversation.list", "conversations", "conversation"),
        "ticket_list": paged("ticket.list", "tickets", "ticket"),
        "pages": {
            "type": "object", "required": ["type", "page", "per_page", "total_pages"],
            "properties": {
                "type": {"const": "pages"}, "page": {"type": "integer"}, "per_page": {"type": "integer"},
                "total_pages": {"type": "integer"},
                "next": {
                    "type": "object", "required": ["per_page", "starting_after"],
                    "properties": {"per_page": {"type": "integer"}, "starting_after": text()},
                },
            },
        },
        "error_list": object("error.list", json!({
            "request_id": text(),
            "errors": {
                "type": "array", "minItems": 1,
                "items": {
                    "type": "object", "required": ["code", "message"],
                    "properties": {"code": text(), "message": text(), "field": text()},
                },
            },
        })),
    })
}

fn operators() -> Value {
    json!({
        "broadcast": object("broadcast", json!({
            "id": text(), "tracker_id": text(), "state": text(), "options": any_object(), "counts": any_object(),
        })),
        "event_list": object("list", json!({
            "data": {"type": "array", "items": of("event")}, "has_more": flag(), "next_after": {"type": "integer"},
        })),
        "event": object("event", json!({
            "log_seq": {"type": "integer"}, "event": text(), "thread_id": text_if_any(), "created_at": seconds(),
            "created_at_ms": {"type": "integer"}, "state": text_if_any(), "ticket_state": text_if_any(),
            "cause": text_if_any(),
        })),
        "tag": object("tag", json!({"id": text(), "name": text()})),
        "taken_mail": object("intake", json!({
            "result": text(),
            "conversation_id": text_if_any(), "part_id": text_if_any(), "quarantine_id": text_if_any(),
        })),
        "accepted": {"type": "object", "maxProperties": 0},
        "empty": {"type": "object", "maxProperties": 0},
        "macro": object("macro", json!({
            "id": text(), "name": text(), "body": text(), "body_text": text(), "created_at": text(),
            "updated_at": text(), "visible_to": {"enum": ["everyone", "specific_teams"]},
            "visible_to_team_ids": {"type": "array", "items": text()},
            "available_on": {"type": "array", "items": {"enum": ["inbox", "messenger"]}},
        })),
        "conversation_attribute": object("conversation_attribute", json!({
            "id": {"type": "integer"}, "name": text(), "description": text(), "data_type": text(), "required": flag(),
            "visible_to_team_ids": {"type": "array", "items": text()}, "archived": flag(), "admin_id": text(),
            "created_at": seconds(), "updated_at": seconds(),
        })),
        "data_attribute": object("data_attribute", json!({
            "id": {"type": "integer"}, "model": {"enum": ["contact", "company", "conversation"]}, "name": text(),
            "full_name": text(), "label": text(), "description": text(), "data_type": text(),
            "options": {"type": "array", "items": text()}, "archived": flag(), "custom": {"const": true},
            "created_at": seconds(), "updated_at": seconds(), "deskgate": any_object(),
        })),
        "deleted": {
            "type": "object", "required": ["id", "object", "deleted"],
            "properties": {"id": text(), "object": text(), "deleted": {"const": true}},
        },
        "customers": {
            "type": "object", "required": ["customers"],
            "properties": {"customers": {"type": "array", "items": any_object()}},
        },
        "reporting_export": {
            "type": "object", "required": ["job_identifier", "status", "download_url", "download_expires_at"],
            "properties": {
                "job_identifier": text(), "status": {"const": "completed"}, "download_url": text(),
                "download_expires_at": text_if_any(),
            },
        },
        "object": {"type": "object", "required": ["type"], "properties": {"type": text()}},
        "description": {"type": "object", "required": ["openapi", "paths"]},
    })
}
