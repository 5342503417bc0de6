//! What contacts did in the customer's product (API-27).

use crate::domain::contact::Contact;
use crate::domain::data_event::DataEvent;
use crate::domain::data_event::EventSummary;
use serde_json::Value;
use serde_json::json;

/// One event.
pub(crate) fn data_event(event: &DataEvent, contact: &Contact) -> Value {
    let metadata: Value = serde_json::from_str(&event.metadata).unwrap_or_else(|_| json!({}));
    json!({
        "type": "event",
        "id": event.id.to_string(),
        "event_name": event.name,
        "created_at": event.at.seconds(),
        "intercom_user_id": contact.id.to_string(),
        "user_id": contact.external_id,
        "email": contact.email.as_ref().map(ToString::to_string),
        "metadata": metadata,
    })
}

/// What a contact did, counted.
pub(crate) fn summary(contact: &Contact, counts: &[EventSummary]) -> Value {
    let one = |one: &EventSummary| {
        json!({
            "name": one.name,
            "count": one.count,
            "first": one.first_at.seconds(),
            "last": one.last_at.seconds(),
            "description": null,
        })
    };
    json!({
        "type": "event.summary",
        "intercom_user_id": contact.id.to_string(),
        "user_id": contact.external_id,
        "email": contact.email.as_ref().map(ToString::to_string),
        "events": counts.iter().map(one).collect::<Vec<_>>(),
    })
}
