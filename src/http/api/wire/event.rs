//! Entries of the event log for integrators (API-50).

use crate::domain::event::AgentAct;
use crate::domain::event::BroadcastStep;
use crate::domain::event::CompanyAct;
use crate::domain::event::ContactAct;
use crate::domain::event::EventKind;
use crate::domain::event::LogEntry;
use crate::domain::id::PartId;
use crate::domain::part::Cause;
use crate::domain::state::StateCategory;
use crate::domain::thread::ThreadState;
use crate::http::api::wire::with;
use serde_json::Value;
use serde_json::json;

/// One entry; both axes are in it (OBJ-4).
pub(crate) fn entry(entry: &LogEntry) -> Value {
    let event = &entry.event;
    let (name, facts) = named(&event.kind);
    let common = json!({
        "type": "event",
        "log_seq": entry.seq.0,
        "event": name,
        "thread_id": event.thread.map(|thread| thread.to_string()),
        "created_at": event.at.seconds(),
        "created_at_ms": event.at.0,
        "state": event.thread_state.map(ThreadState::as_str),
        "ticket_state": event.ticket_state.map(StateCategory::as_str),
        "cause": event.cause.map(Cause::as_str),
    });
    with(common, facts)
}

fn about_part(part: PartId, part_seq: u64) -> Value {
    json!({"part_id": part.to_string(), "part_seq": part_seq})
}

fn named(kind: &EventKind) -> (&'static str, Value) {
    match kind {
        EventKind::PartCreated { part, part_seq } => ("part.created", about_part(*part, *part_seq)),
        EventKind::ConversationCreated => ("conversation.created", json!({})),
        EventKind::ConversationUpdated => ("conversation.updated", json!({})),
        EventKind::TicketCreated => ("ticket.created", json!({})),
        EventKind::TicketUpdated => ("ticket.updated", json!({})),
        EventKind::TicketStateChanged { part, part_seq } => ("ticket.state_changed", about_part(*part, *part_seq)),
        EventKind::FormRequested { part, part_seq } => ("form.requested", about_part(*part, *part_seq)),
        EventKind::FormSubmitted { part, part_seq } => ("form.submitted", about_part(*part, *part_seq)),
        EventKind::FormWithdrawn { part, part_seq } => ("form.withdrawn", about_part(*part, *part_seq)),
        EventKind::Linked { other } => ("ticket.linked", json!({"other_id": other.to_string()})),
        EventKind::Unlinked { other } => ("ticket.unlinked", json!({"other_id": other.to_string()})),
        EventKind::ContactUpdated(contact) => ("contact.updated", json!({"contact_id": contact.to_string()})),
        EventKind::Seen { contact, up_to_seq } => {
            ("conversation.seen", json!({"contact_id": contact.to_string(), "up_to_seq": up_to_seq}))
        }
        EventKind::AgentSaw { agent, up_to_seq } => {
            ("conversation.seen", json!({"admin_id": agent.to_string(), "up_to_seq": up_to_seq}))
        }
        EventKind::Broadcast { broadcast, step, by, threads, mails } => {
            let name = match step {
                BroadcastStep::Started => "broadcast.started",
                BroadcastStep::Finished => "broadcast.finished",
                BroadcastStep::Scheduled => "broadcast.scheduled",
                BroadcastStep::Paused => "broadcast.paused",
                BroadcastStep::Resumed => "broadcast.resumed",
                BroadcastStep::Cancelled => "broadcast.cancelled",
                BroadcastStep::Extended => "broadcast.extended",
                BroadcastStep::Redacted => "broadcast.redacted",
            };
            let by = by.map(|agent| agent.to_string());
            (name, json!({"broadcast_id": broadcast.to_string(), "by": by, "threads": threads, "mails": mails}))
        }
        EventKind::DeliverySettled(delivery) => ("delivery.settled", json!({"delivery_id": delivery.to_string()})),
        EventKind::Quarantined(intake) => ("intake.quarantined", json!({"intake_id": intake.to_string()})),
        EventKind::Merged { primary } => ("conversation.merged", json!({"primary_id": primary.to_string()})),
        EventKind::Unmerged { primary } => ("conversation.unmerged", json!({"primary_id": primary.to_string()})),
        EventKind::Deleted { number } => {
            ("conversation.deleted", json!({"ticket_id": number.map(|number| number.to_string())}))
        }
        EventKind::PartRedacted { part, part_seq } => ("part.redacted", about_part(*part, *part_seq)),
        EventKind::PartCompleted { part, part_seq } => ("part.completed", about_part(*part, *part_seq)),
        EventKind::PartTagged { part, tag, added, .. } => (
            tagging("part.tagged", "part.untagged", *added),
            json!({"part_id": part.to_string(), "tag_id": tag.to_string()}),
        ),
        EventKind::ContactTagged { contact, tag, added } => (
            tagging("contact.tagged", "contact.untagged", *added),
            json!({"contact_id": contact.to_string(), "tag_id": tag.to_string()}),
        ),
        EventKind::ContactChanged { contact, act } => (contact_act(*act), json!({"contact_id": contact.to_string()})),
        EventKind::ContactsMerged { from, into } => {
            ("contact.merged", json!({"contact_id": from.to_string(), "into_id": into.to_string()}))
        }
        EventKind::CompanyChanged { company, act, contact } => (
            company_act(*act),
            json!({"company_id": company.to_string(), "contact_id": contact.map(|contact| contact.to_string())}),
        ),
        EventKind::CompanySet { company } => {
            ("conversation.company_set", json!({"company_id": company.map(|company| company.to_string())}))
        }
        EventKind::AgentChanged { agent, act } => (agent_act(*act), json!({"admin_id": agent.to_string()})),
        EventKind::DataEventNoted { contact, event } => {
            ("event.created", json!({"contact_id": contact.to_string(), "event_id": event.to_string()}))
        }
        EventKind::JobCompleted { job } => ("job.completed", json!({"job_id": job.to_string()})),
        EventKind::MailboxChanged { mailbox, standing } => {
            ("mailbox.state_updated", json!({"mailbox": mailbox, "mailbox_state": standing.as_str()}))
        }
    }
}

fn contact_act(act: ContactAct) -> &'static str {
    match act {
        ContactAct::Archived => "contact.archived",
        ContactAct::Unarchived => "contact.unarchived",
        ContactAct::Deleted => "contact.deleted",
        ContactAct::Erased => "contact.erased",
        ContactAct::Blocked => "contact.blocked",
        ContactAct::Unblocked => "contact.unblocked",
        ContactAct::EmailAdded => "contact.email_added",
        ContactAct::EmailChanged => "contact.email_changed",
        ContactAct::SignedUp => "contact.signed_up",
        ContactAct::VisitorSignedUp => "visitor.signed_up",
        ContactAct::Subscribed => "contact.subscribed",
        ContactAct::Unsubscribed => "contact.unsubscribed",
        ContactAct::Suppressed => "contact.suppressed",
        ContactAct::BroadcastStopped => "contact.broadcast_stopped",
    }
}

fn company_act(act: CompanyAct) -> &'static str {
    match act {
        CompanyAct::Created => "company.created",
        CompanyAct::Updated => "company.updated",
        CompanyAct::Deleted => "company.deleted",
        CompanyAct::Attached => "company.contact_attached",
        CompanyAct::Detached => "company.contact_detached",
    }
}

fn agent_act(act: AgentAct) -> &'static str {
    match act {
        AgentAct::Added => "admin.added",
        AgentAct::Removed => "admin.removed",
        AgentAct::AwayChanged => "admin.away_changed",
    }
}

fn tagging(on: &'static str, off: &'static str, added: bool) -> &'static str {
    if added { on } else { off }
}
