//! Broadcasts (SHP-5) and the rows of their ledger (SHP-6).

use crate::desk::broadcasts::BroadcastView;
use crate::desk::broadcasts::LedgerRow;
use crate::domain::broadcast::LedgerEntry;
use crate::domain::broadcast::LedgerKey;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::BroadcastId;
use crate::http::api::wire::delivery::attempts;
use crate::http::api::wire::delivery::bracketed;
use crate::http::api::wire::delivery::due_at_s;
use crate::http::api::wire::delivery::reason;
use crate::http::api::wire::delivery::row_id;
use crate::http::api::wire::seconds;
use serde_json::Value;
use serde_json::json;

/// A broadcast with its counts.
pub(crate) fn broadcast(view: &BroadcastView) -> Value {
    let broadcast = &view.broadcast;
    json!({
        "type": "broadcast",
        "id": broadcast.id.to_string(),
        "tracker_id": broadcast.tracker.to_string(),
        "state": broadcast.state.as_str(),
        "author_id": broadcast.author.0,
        "author_name": broadcast.author_name,
        "subject": broadcast.subject,
        "body": broadcast.body,
        "options": {"email": broadcast.email.as_str(), "after": "none", "set_customer_ticket_state": null},
        "counts": {"threads": view.threads, "email": view.email},
        "threads_total": broadcast.threads_total,
        "threads_done": broadcast.threads_done,
        "started_at": broadcast.started_at.seconds(),
        "finished_at": seconds(broadcast.finished_at),
        "deskgate": {
            "started_at_ms": broadcast.started_at.0,
            "finished_at_ms": broadcast.finished_at.map(|at| at.0),
        },
    })
}

/// One row of the ledger.
pub(crate) fn ledger_row(broadcast: BroadcastId, row: &LedgerRow) -> Value {
    let (kind, contact, channel) = match row.key {
        LedgerKey::Thread(_) => ("thread", None, None),
        LedgerKey::Email(contact) => ("contact", Some(contact), Some(ChannelKind::Email)),
    };
    let (thread, part, state, why) = match (&row.entry, &row.key) {
        (LedgerEntry::Posted { part }, LedgerKey::Thread(thread)) => (Some(*thread), Some(*part), "sent", None),
        (LedgerEntry::Posted { part }, LedgerKey::Email(_)) => (None, Some(*part), "sent", None),
        (LedgerEntry::Owed { thread, .. }, _) => {
            let state = row.delivery.as_ref().map_or("queued", |delivery| delivery.state.as_str());
            (Some(*thread), None, state, row.delivery.as_ref().and_then(|delivery| reason(&delivery.state)))
        }
        (LedgerEntry::Skipped { thread, reason }, _) => {
            (Some(*thread), None, "skipped", Some(reason.as_str().to_owned()))
        }
    };
    let delivery = row.delivery.as_ref();
    json!({
        "type": "ledger_row",
        "id": row_id(&row.key),
        "broadcast_id": broadcast.to_string(),
        "kind": kind,
        "thread_id": thread.map(|thread| thread.to_string()),
        "contact_id": contact.map(|contact| contact.to_string()),
        "part_id": part.map(|part| part.to_string()),
        "delivery_id": delivery.map(|delivery| delivery.id.to_string()),
        "channel": channel.map(ChannelKind::as_str),
        "address": delivery.and_then(|delivery| delivery.address.as_ref()).map(ToString::to_string),
        "state": state,
        "reason": why,
        "message_id": delivery.map(|delivery| bracketed(&delivery.message_id)),
        "attempts": delivery.map(attempts).unwrap_or_default(),
        "due_at": delivery.and_then(due_at_s),
    })
}
