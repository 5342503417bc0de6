//! What an event of the log means to subscribers (WHK-10 to WHK-14).
//!
//! A ticket's events have `ticket.*` topics; those of a Customer ticket, which is a conversation too (OBJ-3), have the
//! `conversation.*` ones beside them. Every topic that can be subscribed to has its event here; what can happen nowhere is
//! refused by name (`domain::webhook_topic`).
//!
//! **Invariant:** an event is asked for its part as it was written, so that a reader that lags finds the same topics; of
//! deliveries and contacts it sees what they are now.

use crate::desk::mail::intake::BOUNCED;
use crate::desk::webhooks::people;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::delivery::DeliveryState;
use crate::domain::event::BroadcastStep;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use crate::domain::link::kind_of;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::state::StateCategory;
use crate::domain::thread::Thread;
use crate::domain::webhook_topic::Topic;
use crate::store;
use crate::store::engine::ReadTx;

/// The topics of an event.
pub(crate) fn topics(tx: &dyn ReadTx, event: &Event) -> store::Result<Vec<Topic>> {
    let names = names(tx, event)?;
    Ok(names.into_iter().filter_map(Topic::parse).collect())
}

fn of_broadcast(step: BroadcastStep) -> Option<&'static str> {
    match step {
        BroadcastStep::Scheduled => Some("ticket.broadcast.scheduled"),
        BroadcastStep::Started => Some("ticket.broadcast.started"),
        BroadcastStep::Paused => Some("ticket.broadcast.paused"),
        BroadcastStep::Resumed => Some("ticket.broadcast.resumed"),
        BroadcastStep::Finished => Some("ticket.broadcast.finished"),
        BroadcastStep::Cancelled => Some("ticket.broadcast.cancelled"),
        BroadcastStep::Extended | BroadcastStep::Redacted => None,
    }
}

fn names(tx: &dyn ReadTx, event: &Event) -> store::Result<Vec<&'static str>> {
    let thread = event.thread.map(|id| store::threads::get(tx, id)).transpose()?.flatten();
    Ok(match &event.kind {
        EventKind::PartCreated { part_seq, .. } | EventKind::TicketStateChanged { part_seq, .. } => {
            match (part_of(tx, event.thread, *part_seq)?, thread) {
                (Some(part), Some(thread)) => of_part(event, &thread, &part),
                _ => Vec::new(),
            }
        }
        EventKind::TicketCreated => vec!["ticket.created"],
        EventKind::Linked { other } => of_link(tx, thread.as_ref(), *other, "ticket.linked")?.into_iter().collect(),
        EventKind::Unlinked { other } => of_link(tx, thread.as_ref(), *other, "ticket.unlinked")?.into_iter().collect(),
        EventKind::ContactUpdated(contact) => of_contact(tx, event, *contact)?,
        EventKind::Seen { contact, .. } => {
            let primary = thread.is_some_and(|thread| thread.primary_contact() == Some(*contact));
            if primary { vec!["conversation.read"] } else { Vec::new() }
        }
        EventKind::Broadcast { step, .. } => of_broadcast(*step).into_iter().collect(),
        EventKind::DeliverySettled(delivery) => {
            let delivery = store::outbox::get(tx, *delivery)?;
            delivery.and_then(|delivery| of_delivery(&delivery.state)).into_iter().collect()
        }
        EventKind::Quarantined(_) => vec!["intake.quarantined"],
        EventKind::FormRequested { .. } => vec!["ticket.form.sent"],
        EventKind::FormSubmitted { .. } => vec!["ticket.form.submitted"],
        EventKind::Merged { .. } => vec![either(event, "conversation.merged", "ticket.merged")],
        EventKind::Unmerged { .. } => vec![either(event, "conversation.unmerged", "ticket.unmerged")],
        EventKind::Deleted { number: None } => vec!["conversation.deleted"],
        EventKind::Deleted { number: Some(_) } => vec!["ticket.deleted"],
        EventKind::PartRedacted { .. } => vec!["conversation_part.redacted"],
        EventKind::PartTagged { added: true, .. } => vec!["conversation_part.tag.created"],
        EventKind::ContactTagged { contact, added, .. } => of_contact_tag(tx, *contact, *added)?,
        EventKind::ContactChanged { contact, act } => people::of_contact_act(tx, *contact, *act)?,
        EventKind::ContactsMerged { .. } => vec!["contact.merged"],
        EventKind::CompanyChanged { act, .. } => vec![people::of_company(*act)],
        EventKind::CompanySet { .. } => vec!["conversation.company.updated"],
        EventKind::AgentChanged { act, .. } => vec![people::of_agent(*act)],
        EventKind::DataEventNoted { .. } => vec!["event.created"],
        EventKind::JobCompleted { .. } => vec!["job.completed"],
        EventKind::MailboxChanged { .. } => vec!["mailbox.state.updated"],
        // What changed has a part of its own, or no topic.
        EventKind::PartCompleted { .. }
        | EventKind::ConversationCreated
        | EventKind::ConversationUpdated
        | EventKind::AgentSaw { .. }
        | EventKind::TicketUpdated
        | EventKind::FormWithdrawn { .. }
        | EventKind::PartTagged { .. } => Vec::new(),
    })
}

fn part_of(tx: &dyn ReadTx, thread: Option<ThreadId>, seq: u64) -> store::Result<Option<Part>> {
    thread.map_or(Ok(None), |thread| store::parts::get(tx, thread, seq))
}

/// Topics of a part, which is in a ticket when the event says so.
fn of_part(event: &Event, thread: &Thread, part: &Part) -> Vec<&'static str> {
    let of_ticket = event.ticket_state.is_some();
    let of_conversation = !of_ticket || thread.is_customer_facing();
    let (conversation, ticket) = match &part.kind {
        PartKind::Comment | PartKind::QuickReply(_) => of_comment(part),
        PartKind::Note => (Some("conversation.admin.noted"), Some("ticket.note.created")),
        PartKind::Open => (opened(part), None),
        PartKind::Close => (Some("conversation.admin.closed"), Some("ticket.closed")),
        PartKind::Snoozed => (Some("conversation.admin.snoozed"), None),
        PartKind::Unsnoozed => (Some("conversation.admin.unsnoozed"), None),
        PartKind::Assignment { agent, team, before } => {
            let to_agent = of_ticket && agent.is_some() && *agent != before.0;
            let to_team = of_ticket && team.is_some() && *team != before.1;
            let names = [
                of_conversation.then_some("conversation.admin.assigned"),
                to_agent.then_some("ticket.admin.assigned"),
                to_team.then_some("ticket.team.assigned"),
            ];
            return names.into_iter().flatten().collect();
        }
        PartKind::ParticipantAdded(_) => (Some("conversation.contact.attached"), Some("ticket.contact.attached")),
        PartKind::ParticipantRemoved(_) => (Some("conversation.contact.detached"), Some("ticket.contact.detached")),
        // A form that was sent has an event for this; one that was filled unasked has not.
        PartKind::TicketFormSubmitted { form: None, .. } => return vec!["ticket.form.submitted"],
        PartKind::TicketStateUpdated { from, to, .. } if from.0 != to.0 => {
            let resolves = to.1 == StateCategory::Resolved && from.1 != StateCategory::Resolved;
            let names = [Some("ticket.state.updated"), resolves.then_some("ticket.resolved")];
            return names.into_iter().flatten().collect();
        }
        PartKind::PriorityChanged { .. } => (Some("conversation.priority.updated"), None),
        PartKind::TicketAttributeUpdated { .. } => (None, Some("ticket.attribute.updated")),
        PartKind::TicketTypeChanged { .. } => (None, Some("ticket.type.changed")),
        PartKind::TicketShared => (None, Some("ticket.shared")),
        // Said by an event of its own, told in another thread, or nobody's message.
        PartKind::TicketStateUpdated { .. }
        | PartKind::AutomaticEmail
        | PartKind::TicketFormSent(_)
        | PartKind::TicketFormSubmitted { .. }
        | PartKind::TicketFormWithdrawn { .. }
        | PartKind::TagsUpdated { .. }
        | PartKind::ConversationAttributeUpdated { .. }
        | PartKind::MergedPrimary { .. }
        | PartKind::MergedSecondary { .. }
        | PartKind::Unmerged { .. }
        | PartKind::SharedTicket(_)
        | PartKind::StatePropagated { .. }
        | PartKind::DeliveryFailed { .. }
        | PartKind::ConvertedToTicket { .. }
        | PartKind::EntityLinked(_)
        | PartKind::EntityUnlinked(_)
        | PartKind::LinkedTicketStateUpdated { .. } => (None, None),
    };
    let ticket = ticket.filter(|_| of_ticket);
    conversation.filter(|_| of_conversation).into_iter().chain(ticket).collect()
}

fn of_comment(part: &Part) -> (Option<&'static str>, Option<&'static str>) {
    let first = part.seq == 1;
    match &part.author {
        Author::Contact { .. } if first => (Some("conversation.user.created"), None),
        Author::Contact { .. } => (Some("conversation.user.replied"), Some("ticket.contact.replied")),
        Author::Agent { .. } if first => (Some("conversation.admin.single.created"), None),
        Author::Agent { .. } => (Some("conversation.admin.replied"), Some("ticket.admin.replied")),
        Author::Bot => (Some("conversation.operator.replied"), None),
    }
}

/// A contact's reply opens too; its own topic says so.
fn opened(part: &Part) -> Option<&'static str> {
    let by_reply = part.cause == Some(Cause::CustomerReply) || part.author.contact().is_some();
    (!by_reply).then_some("conversation.admin.opened")
}

/// Links are in the log once for each side; the ticket that links is told of (LNK-1).
fn of_link(
    tx: &dyn ReadTx,
    here: Option<&Thread>,
    other: ThreadId,
    name: &'static str,
) -> store::Result<Option<&'static str>> {
    let Some(category) = here.and_then(Thread::category) else { return Ok(None) };
    let Some(other) = store::threads::get(tx, other)? else { return Ok(None) };
    Ok(kind_of(category, false, other.category()).is_ok().then_some(name))
}

fn of_contact(tx: &dyn ReadTx, event: &Event, id: ContactId) -> store::Result<Vec<&'static str>> {
    let Some(contact) = store::contacts::get(tx, id)? else { return Ok(Vec::new()) };
    Ok(of_role(&contact, contact.created_at == event.at).into_iter().collect())
}

fn of_contact_tag(tx: &dyn ReadTx, id: ContactId, added: bool) -> store::Result<Vec<&'static str>> {
    let contact = store::contacts::get(tx, id)?;
    Ok(match (contact.map(|contact| contact.role), added) {
        (Some(ContactRole::User), true) => vec!["contact.user.tag.created"],
        (Some(ContactRole::User), false) => vec!["contact.user.tag.deleted"],
        (Some(ContactRole::Lead), true) => vec!["contact.lead.tag.created"],
        (Some(ContactRole::Lead), false) => vec!["contact.lead.tag.deleted"],
        (Some(ContactRole::Visitor) | None, _) => Vec::new(),
    })
}

fn either(event: &Event, of_conversation: &'static str, of_ticket: &'static str) -> &'static str {
    if event.ticket_state.is_some() { of_ticket } else { of_conversation }
}

/// Visitors have written nothing and are nobody's business yet (OBJ-15).
fn of_role(contact: &Contact, created: bool) -> Option<&'static str> {
    match (contact.role, created) {
        (ContactRole::User, true) => Some("contact.user.created"),
        (ContactRole::User, false) => Some("contact.user.updated"),
        (ContactRole::Lead, true) => Some("contact.lead.created"),
        (ContactRole::Lead, false) => Some("contact.lead.updated"),
        (ContactRole::Visitor, _) => None,
    }
}

fn of_delivery(state: &DeliveryState) -> Option<&'static str> {
    match state {
        DeliveryState::Failed(reason) if reason.starts_with(BOUNCED) => Some("delivery.bounced"),
        DeliveryState::Failed(_) => Some("delivery.failed"),
        DeliveryState::Uncertain => Some("delivery.uncertain"),
        DeliveryState::Queued | DeliveryState::Deferred | DeliveryState::Sent | DeliveryState::Skipped(_) => None,
    }
}
