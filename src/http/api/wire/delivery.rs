//! Deliveries: in full (SHP-7), and as they ride along with the part they carry (INTERFACES §6).

use crate::domain::agent_notice::News;
use crate::domain::broadcast::LedgerKey;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::DeliveryState;
use crate::domain::id::PartId;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use serde_json::Value;
use serde_json::json;

/// A delivery in full.
pub(crate) fn delivery(delivery: &Delivery) -> Value {
    let parts: Vec<PartId> = parts_of(&delivery.kind).collect();
    let broadcast_id = match &delivery.kind {
        DeliveryKind::Broadcast { broadcast, .. } | DeliveryKind::BroadcastTest { broadcast } => {
            Some(broadcast.to_string())
        }
        DeliveryKind::Reply { .. }
        | DeliveryKind::TicketSubmitted
        | DeliveryKind::TicketStateChanged { .. }
        | DeliveryKind::FormSent { .. }
        | DeliveryKind::AutoAck { .. }
        | DeliveryKind::AgentNotice { .. } => None,
    };
    json!({
        "type": "delivery",
        "id": delivery.id.to_string(),
        "kind": delivery.kind.as_str(),
        "part_id": parts.first().map(ToString::to_string),
        "part_ids": parts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "broadcast_id": broadcast_id,
        "thread_id": delivery.thread.to_string(),
        "contact_id": contact_id(delivery),
        "agent_id": delivery.agent.map(|agent| agent.to_string()),
        "channel": delivery.channel.as_str(),
        "address": delivery.address.as_ref().map(ToString::to_string),
        "state": delivery.state.as_str(),
        "reason": reason(&delivery.state),
        "message_id": bracketed(&delivery.message_id),
        "attempt_count": delivery.attempt_count,
        "attempts": attempts(delivery),
        "created_at": delivery.created_at.seconds(),
        "due_at": due_at_s(delivery),
        "deskgate": {"created_at_ms": delivery.created_at.0, "due_at_ms": delivery.due_at.0},
    })
}

/// The recipient; null where that is an agent.
fn contact_id(delivery: &Delivery) -> Option<String> {
    let to_contact = !matches!(delivery.kind, DeliveryKind::AgentNotice { .. });
    to_contact.then(|| delivery.contact.to_string())
}

/// What was tried (SHP-6).
pub(crate) fn attempts(delivery: &Delivery) -> Vec<Value> {
    let tried = delivery.attempts.iter();
    tried.map(|one| json!({"at_ms": one.at.0, "stage": one.stage.as_str(), "answer": one.answer})).collect()
}

/// When it will be made; null once nothing more happens by itself.
pub(crate) fn due_at_s(delivery: &Delivery) -> Option<u64> {
    delivery.wakes_at().is_some().then(|| delivery.due_at.seconds())
}

/// Why it was not made.
pub(crate) fn reason(state: &DeliveryState) -> Option<String> {
    match state {
        DeliveryState::Failed(reason) => Some(reason.clone()),
        DeliveryState::Skipped(reason) => Some(reason.as_str().to_owned()),
        DeliveryState::Queued | DeliveryState::Deferred | DeliveryState::Sent | DeliveryState::Uncertain => None,
    }
}

/// A Message-ID as it stands in its header field (RFC 5322 §3.6.4).
pub(crate) fn bracketed(message_id: &str) -> String {
    format!("<{message_id}>")
}

/// What is owed for a part, shortened.
pub(crate) fn of_part(part: &Part, deliveries: &[Delivery]) -> Vec<Value> {
    deliveries.iter().filter(|delivery| carries(delivery, part)).map(short).collect()
}

fn short(delivery: &Delivery) -> Value {
    json!({
        "id": delivery.id.to_string(),
        "kind": delivery.kind.as_str(),
        "channel": delivery.channel.as_str(),
        "contact_id": delivery.contact.to_string(),
        "recipient": delivery.address.as_ref().map(ToString::to_string),
        "state": delivery.state.as_str(),
        "reason": reason(&delivery.state),
        "drop_reason": reason(&delivery.state),
        "attempts": delivery.attempt_count,
        "last_reply": delivery.attempts.last().map(|last| last.answer.clone()),
        "message_id": bracketed(&delivery.message_id),
        "due_at": due_at_s(delivery),
    })
}

/// Whether a delivery tells of this part. The mail that says a ticket was made belongs to the part that made it one.
pub(crate) fn carries(delivery: &Delivery, part: &Part) -> bool {
    let makes_ticket = matches!(part.kind, PartKind::ConvertedToTicket { .. })
        || matches!(&part.kind, PartKind::TicketStateUpdated { from, to, .. } if part.seq == 1 && from == to);
    match &delivery.kind {
        DeliveryKind::TicketSubmitted => makes_ticket,
        // What agents are told says nothing of whether the customer has the part.
        DeliveryKind::AgentNotice { .. } => false,
        kind @ (DeliveryKind::Reply { .. }
        | DeliveryKind::TicketStateChanged { .. }
        | DeliveryKind::FormSent { .. }
        | DeliveryKind::AutoAck { .. }
        | DeliveryKind::Broadcast { .. }
        | DeliveryKind::BroadcastTest { .. }) => parts_of(kind).any(|named| named == part.id),
    }
}

fn parts_of(kind: &DeliveryKind) -> impl Iterator<Item = PartId> {
    let (one, more) = match kind {
        DeliveryKind::Reply { parts } => (None, parts.as_slice()),
        DeliveryKind::TicketStateChanged { part }
        | DeliveryKind::FormSent { part }
        | DeliveryKind::AutoAck { part }
        | DeliveryKind::Broadcast { part, .. } => (Some(*part), &[][..]),
        DeliveryKind::TicketSubmitted | DeliveryKind::BroadcastTest { .. } | DeliveryKind::AgentNotice { .. } => {
            (None, &[][..])
        }
    };
    let news = match kind {
        DeliveryKind::AgentNotice { news } => news.as_slice(),
        _ => &[],
    };
    one.into_iter().chain(more.iter().copied()).chain(news.iter().filter_map(News::part))
}

/// The id of a ledger row; unique within its broadcast.
pub(crate) fn row_id(key: &LedgerKey) -> String {
    match key {
        LedgerKey::Thread(thread) => format!("thread-{thread}"),
        LedgerKey::Email(contact) => format!("email-{contact}"),
        LedgerKey::Messenger(contact) => format!("messenger-{contact}"),
    }
}

/// The row that an id of [`row_id`] names.
pub(crate) fn read_row_id(text: &str) -> Option<LedgerKey> {
    let (kind, id) = text.split_once('-')?;
    match kind {
        "thread" => id.parse().ok().map(LedgerKey::Thread),
        "email" => id.parse().ok().map(LedgerKey::Email),
        "messenger" => id.parse().ok().map(LedgerKey::Messenger),
        _ => None,
    }
}
