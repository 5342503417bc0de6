//! Rows of the intake journal, as quarantine shows them (API-49).

use crate::domain::delivery_class::DeliveryClass;
use crate::domain::intake::IntakeResult;
use crate::domain::intake::IntakeRow;
use crate::http::api::wire::delivery::bracketed;
use crate::http::api::wire::with;
use serde_json::Value;
use serde_json::json;

/// One arrival of one mail and what became of it.
pub(crate) fn row(row: &IntakeRow) -> Value {
    let common = json!({
        "type": "intake",
        "id": row.id.to_string(),
        "source": row.source,
        "received_at": row.at.seconds(),
        "received_at_ms": row.at.0,
        "reverse_path": row.reverse_path,
        "recipients": row.recipients,
        "support_address": row.support_address.as_ref().map(ToString::to_string),
        "message_id": bracketed(&row.message_id),
        "raw_bytes": row.raw_bytes,
        "raw_sha256": row.raw.map(|raw| raw.to_string()),
        "delivery_class": row.class.map(DeliveryClass::as_str),
    });
    with(common, result(&row.result))
}

fn result(result: &IntakeResult) -> Value {
    match result {
        IntakeResult::Part { thread, part, placed_by } => json!({
            "result": "part",
            "thread_id": thread.to_string(),
            "part_id": part.to_string(),
            "placed_by": placed_by.as_str(),
        }),
        IntakeResult::Duplicate { of, thread } => {
            json!({"result": "duplicate", "duplicate_of": of.to_string(), "thread_id": thread.to_string()})
        }
        IntakeResult::Own => json!({"result": "own"}),
        IntakeResult::Unsubscribed { contact, tracker } => json!({
            "result": "unsubscribed",
            "contact_id": contact.to_string(),
            "ticket_id": tracker.to_string(),
        }),
        IntakeResult::Quarantined { error } => json!({"result": "quarantined", "error": error}),
    }
}
