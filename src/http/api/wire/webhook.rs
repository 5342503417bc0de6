//! Webhook subscriptions, what is owed to them, and the bodies they get (WHK-1, WHK-4).

use crate::desk::thread::views::ThreadView;
use crate::desk::webhooks::owed::Item;
use crate::desk::webhooks::owed::Notice;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::Millis;
use crate::domain::id::NotificationId;
use crate::domain::part::Cause;
use crate::domain::part::Part;
use crate::domain::state::StateCategory;
use crate::domain::thread::ThreadState;
use crate::domain::webhook::Notification;
use crate::domain::webhook::NotificationState;
use crate::domain::webhook::SigningSecret;
use crate::domain::webhook::Webhook;
use crate::domain::webhook_topic::Topic;
use crate::http::api::wire::Wire;
use crate::http::api::wire::beside;
use crate::http::api::wire::broadcast::broadcast;
use crate::http::api::wire::data_event::data_event;
use crate::http::api::wire::delivery::delivery;
use crate::http::api::wire::intake;
use crate::http::api::wire::job;
use crate::http::api::wire::listed;
use crate::http::api::wire::people::admin;
use crate::http::api::wire::seconds;
use crate::http::api::wire::with;
use data_encoding::HEXLOWER;
use ring::digest;
use serde_json::Value;
use serde_json::json;

/// A subscription; its secret is shown only in the answer that made it.
pub(crate) fn webhook(webhook: &Webhook, now: Millis, secret: Option<&SigningSecret>) -> Value {
    let form = json!({
        "type": "webhook_subscription",
        "id": webhook.id.to_string(),
        "url": webhook.url,
        "topics": webhook.topics.iter().map(|topic| topic.as_str()).collect::<Vec<_>>(),
        "html": webhook.html,
        "retry": webhook.retry.as_str(),
        "state": webhook.state.as_str(),
        "has_previous_secret": webhook.previous_secret.is_some(),
        "paused_until": seconds(webhook.paused_until.filter(|until| *until > now)),
        "failures_in_row": webhook.failures_in_row,
        "last_success_at": seconds(webhook.last_success_at),
        "created_by": webhook.created_by.0,
        "created_at": webhook.created_at.seconds(),
        "updated_at": webhook.updated_at.seconds(),
    });
    match secret {
        Some(secret) => beside(form, "secret", json!(secret.0)),
        None => form,
    }
}

impl Wire {
    /// A notification as the list of deliveries shows it.
    pub(crate) fn notification(&self, owed: &Notification) -> Value {
        let attempt = |one: &crate::domain::webhook::Attempt| json!({"at": one.at.seconds(), "at_ms": one.at.0, "status": one.status, "answer": one.answer});
        let event = owed.entry.as_ref().map(|entry| &entry.event);
        let waits = owed.state == NotificationState::Queued;
        json!({
            "type": "webhook_delivery",
            "id": owed.id.to_string(),
            "notification_id": self.notification_id(owed.id),
            "subscription_id": owed.webhook.to_string(),
            "topic": owed.topic.as_str(),
            "state": owed.state.as_str(),
            "log_seq": owed.entry.as_ref().map(|entry| entry.seq.0),
            "thread_id": event.and_then(|event| event.thread).map(|thread| thread.to_string()),
            "created_at": owed.created_at.seconds(),
            "due_at": seconds(Some(owed.due_at).filter(|_| waits)),
            "first_sent_at": seconds(owed.first_sent_at),
            "delivery_attempts": owed.attempt_count,
            "attempts": owed.attempts.iter().map(attempt).collect::<Vec<_>>(),
        })
    }

    /// The body of the attempt that begins now (WHK-1).
    pub(crate) fn webhook_body(&self, notice: &Notice) -> Value {
        let owed = &notice.notification;
        json!({
            "type": "notification_event",
            "id": self.notification_id(owed.id),
            "topic": owed.topic.as_str(),
            "app_id": self.workspace_id,
            "created_at": owed.entry.as_ref().map_or(owed.created_at, |entry| entry.event.at).seconds(),
            "delivery_attempts": owed.attempt_count.saturating_add(1),
            "first_sent_at": owed.first_sent_at.unwrap_or(self.now).seconds(),
            "data": {"type": "notification_event_data", "item": self.item(owed, &notice.item)},
            "deskgate": additions(owed),
        })
    }

    /// `notif_` and a UUID (RFC 9562 version 8) made of workspace and notification: the same for every attempt.
    fn notification_id(&self, id: NotificationId) -> String {
        let named = format!("notification {} {id}", self.workspace_id);
        let hash = digest::digest(&digest::SHA256, named.as_bytes());
        let mut bytes = [0_u8; 16];
        bytes.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
        *version = (*version & 0x0f) | 0x80;
        *variant = (*variant & 0x3f) | 0x80;
        let hex = HEXLOWER.encode(&bytes);
        let groups: Vec<&str> = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)]
            .iter()
            .filter_map(|(from, to)| hex.get(*from..*to))
            .collect();
        format!("notif_{}", groups.join("-"))
    }

    fn item(&self, owed: &Notification, item: &Item) -> Value {
        match item {
            Item::Thread(view, part) if owed.topic.is_of_ticket() && view.ticket.is_some() => {
                let ticket = self.told_ticket(view, part.as_deref());
                // WHK-4: this topic alone holds the ticket one level deeper.
                if owed.topic.as_str() == "ticket.closed" { json!({"ticket": ticket}) } else { ticket }
            }
            Item::Thread(view, part) => self.told_conversation(view, part.as_deref()),
            Item::Contact(contact) => self.contact(contact),
            Item::Company(view, None) => self.company(view),
            Item::Company(view, Some(contact)) => {
                json!({"type": "company_contact", "company": self.company(view), "contact": self.contact(contact)})
            }
            Item::Agent(agent, teams) => admin(agent, teams, &self.base),
            Item::DataEvent(event, contact) => data_event(event, contact),
            Item::Delivery(one) => delivery(one),
            Item::Broadcast(view) => broadcast(view),
            Item::Intake(row) => intake::row(row),
            Item::Job(one) => job::job(one),
            Item::TicketJob(ticket) => job::of_ticket(*ticket),
            Item::Mailbox(name, standing) => {
                json!({"type": "mailbox", "name": name, "state": standing.as_str()})
            }
            Item::Ping => json!({"type": "ping", "message": "Notifications arrive here."}),
            Item::Gone => owed.entry.as_ref().map_or(Value::Null, |entry| gone(owed.topic, &entry.event)),
        }
    }

    /// A ticket with the one part that the event added.
    fn told_ticket(&self, view: &ThreadView, part: Option<&Part>) -> Value {
        let ticket_type = view.ticket.as_ref().map(|facts| &facts.ticket_type);
        let parts: Vec<Value> = part.map(|part| self.ticket_part(part, ticket_type, &[])).into_iter().collect();
        let list =
            with(listed("ticket_part.list", "ticket_parts", parts), json!({"total_count": view.thread.last_seq}));
        self.ticket(view, false).map_or(Value::Null, |ticket| beside(ticket, "ticket_parts", list))
    }

    /// A conversation with the one part that the event added; the source is never repeated (OBJ-33).
    fn told_conversation(&self, view: &ThreadView, part: Option<&Part>) -> Value {
        let part = part.filter(|part| part.seq > 1);
        let parts: Vec<Value> = part.map(|part| self.conversation_part(part, &[])).into_iter().collect();
        let list = listed("conversation_part.list", "conversation_parts", parts);
        let list = with(list, json!({"total_count": view.thread.last_seq.saturating_sub(1)}));
        beside(self.conversation(view, false), "conversation_parts", list)
    }
}

/// What happened, beside the object as it is now; both axes are those after the event (OBJ-4).
fn additions(owed: &Notification) -> Value {
    let subscription = json!({"subscription_id": owed.webhook.to_string()});
    let Some(entry) = &owed.entry else { return subscription };
    let event = &entry.event;
    let thread_seq = event.kind.part().map(|(_, seq)| seq);
    let facts = json!({
        "log_seq": entry.seq.0,
        "thread_seq": thread_seq,
        "thread_id": event.thread.map(|thread| thread.to_string()),
        "state": event.thread_state.map(ThreadState::as_str),
        "ticket_state": event.ticket_state.map(StateCategory::as_str),
        "cause": event.cause.map(Cause::as_str),
        "created_at_ms": event.at.0,
    });
    let all = with(subscription, facts);
    match event.kind {
        EventKind::Linked { other }
        | EventKind::Unlinked { other }
        | EventKind::Merged { primary: other }
        | EventKind::Unmerged { primary: other } => beside(all, "other_id", json!(other.to_string())),
        _ => all,
    }
}

/// Of what is no more, type and id alone.
fn gone(topic: Topic, event: &Event) -> Value {
    let noun = topic.as_str().split('.').next().unwrap_or_default();
    let id = match &event.kind {
        EventKind::ContactUpdated(contact)
        | EventKind::ContactTagged { contact, .. }
        | EventKind::ContactChanged { contact, .. }
        | EventKind::DataEventNoted { contact, .. }
        | EventKind::ContactsMerged { into: contact, .. } => Some(contact.to_string()),
        EventKind::CompanyChanged { company, .. } => Some(company.to_string()),
        EventKind::AgentChanged { agent, .. } => Some(agent.to_string()),
        EventKind::DeliverySettled(delivery) => Some(delivery.to_string()),
        EventKind::Quarantined(intake) => Some(intake.to_string()),
        EventKind::Broadcast { broadcast, .. } => Some(broadcast.to_string()),
        EventKind::JobCompleted { job } => Some(job.to_string()),
        _ => event.thread.map(|thread| thread.to_string()),
    };
    json!({"type": noun, "id": id})
}
