//! Conversations (OBJ-30 to OBJ-37).

use crate::desk::thread::views::LinkedObject;
use crate::desk::thread::views::ThreadView;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::Millis;
use crate::domain::id::TagId;
use crate::domain::link::LISTED_MAX;
use crate::domain::part::AddressField;
use crate::domain::part::EmailFacts;
use crate::domain::part::Part;
use crate::domain::tag::Tag;
use crate::domain::thread::Participant;
use crate::domain::thread::Priority;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadState;
use crate::domain::ticket_type::Category;
use crate::http::api::wire::Wire;
use crate::http::api::wire::beside;
use crate::http::api::wire::contact::references;
use crate::http::api::wire::part::ConversationPartForm;
use crate::http::api::wire::part::chosen_recipients;
use crate::http::api::wire::part::email_message_metadata;
use crate::http::api::wire::part::part_additions;
use crate::http::api::wire::part::seen_in;
use crate::http::api::wire::seconds;
use crate::http::api::wire::ticket_type::ticket_state;
use crate::http::api::wire::value;
use crate::http::api::wire::with;
use crate::http::shape::Shape;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// The parts of a conversation.
#[derive(Serialize)]
struct PartsForm<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    conversation_parts: Vec<ConversationPartForm<'a>>,
    total_count: u64,
}

#[derive(Serialize)]
struct WithParts<'a> {
    #[serde(flatten)]
    conversation: &'a Value,
    conversation_parts: PartsForm<'a>,
}

impl Wire {
    /// A conversation; parts ride along when they were read.
    pub(crate) fn conversation(&self, view: &ThreadView, with_parts: bool) -> Value {
        let thread = &view.thread;
        let nobody = match self.shape {
            Shape::V2_14 => Value::Null,
            Shape::V2_16 => json!(0),
        };
        let custom: Map<String, Value> =
            thread.custom_attributes.iter().map(|(name, kept)| (name.clone(), value(kept))).collect();
        let common = json!({
            "type": "conversation",
            "id": thread.id.to_string(),
            "title": thread.title,
            "created_at": thread.created_at.seconds(),
            "updated_at": thread.updated_at.seconds(),
            "waiting_since": seconds(thread.waiting_since),
            "snoozed_until": seconds(snoozed_until(thread)),
            "open": thread.state != ThreadState::Closed,
            "state": thread.state.as_str(),
            "read": thread.is_read(),
            "priority": priority(thread.priority, self.shape),
            "admin_assignee_id": thread.admin_assignee.map_or_else(|| nobody.clone(), |agent| json!(agent.0)),
            "team_assignee_id": thread.team_assignee.map_or_else(|| nobody.clone(), |team| json!(team.0)),
            "source": view.source.as_ref().map(|source| self.source(thread, source, view)),
            "contacts": references(&view.contacts),
            "teammates": teammates(thread),
        });
        let further = json!({
            "company": thread.company.map(|company| json!({"type": "company", "id": company.to_string()})),
            "tags": {"type": "tag.list", "tags": tags(&view.tags, &thread.tags)},
            "conversation_rating": null,
            "custom_attributes": custom,
            "first_contact_reply": first_contact_reply(view),
            "sla_applied": null,
            "statistics": self.statistics(view),
            "linked_objects": linked_objects(&view.linked, view.linked_total),
            "deskgate": beside(additions(view), "brand_id", json!(self.brand_id(thread))),
        });
        let mut conversation = with(common, further);
        if self.shape == Shape::V2_16 {
            let channel =
                json!({"initial": thread.initial_channel.as_str(), "current": thread.current_channel.as_str()});
            conversation = with(conversation, json!({"channel": channel}));
        }
        if with_parts {
            conversation = beside(conversation, "conversation_parts", json!(self.conversation_parts(view)));
        }
        conversation
    }

    /// The parts behind the source, which is never repeated among them (OBJ-33).
    fn conversation_parts<'a>(&'a self, view: &'a ThreadView) -> PartsForm<'a> {
        let is_source = |part: &Part| part.thread == view.thread.id && part.seq == 1;
        let parts = view.parts.iter().filter(|part| !is_source(part));
        let form = |part: &'a Part| {
            let form = self.conversation_part_form(part, &view.deliveries, tags(&view.tags, &part.tags));
            if part.thread == view.thread.id { form.seen_in(&view.thread, part) } else { form.standing_in(part.thread) }
        };
        PartsForm {
            kind: "conversation_part.list",
            conversation_parts: parts.map(form).collect(),
            total_count: view.parts_total.saturating_sub(1),
        }
    }

    /// A conversation with its parts as bytes, for those that have hundreds: nothing is put together before it is written.
    ///
    /// # Errors
    /// When it cannot be serialised, which would be a fault of ours.
    pub(crate) fn conversation_bytes(&self, view: &ThreadView) -> serde_json::Result<Vec<u8>> {
        let conversation = self.conversation(view, false);
        let parts = self.conversation_parts(view);
        serde_json::to_vec(&WithParts { conversation: &conversation, conversation_parts: parts })
    }

    /// The first message.
    fn source(&self, thread: &Thread, source: &Part, view: &ThreadView) -> Value {
        let email = source.email.as_ref();
        let subject = email.and_then(|email| email.subject.as_deref()).or(thread.title.as_deref()).unwrap_or_default();
        let mut form = json!({
            "type": if source.channel == ChannelKind::Email { "email" } else { "conversation" },
            "id": source.id.to_string(),
            "delivered_as": source.author.delivered_as(),
            "subject": subject,
            "body": self.body(source).unwrap_or_default(),
            "author": self.author(&source.author),
            "attachments": self.attachments(source),
            "url": null,
            "redacted": source.redacted,
            "deskgate": part_additions(source, &view.deliveries),
        });
        form = seen_in(form, thread, source);
        if let Some(email) = email {
            let facts = json!({
                "recipients": recipients(email),
                "reply_to": reply_to(email),
                "email_message_metadata": email_message_metadata(email),
            });
            form = with(form, facts);
        } else if let Some(mailing) = &source.mailing {
            form = with(form, json!({"recipients": chosen_recipients(source, mailing, &view.deliveries)}));
        }
        form
    }
}

/// Tags by their ids, with their names.
fn tags(known: &[Tag], ids: &[TagId]) -> Vec<Value> {
    let carried = known.iter().filter(|tag| ids.contains(&tag.id));
    carried.map(|tag| json!({"type": "tag", "id": tag.id.to_string(), "name": tag.name})).collect()
}

/// Until when it sleeps.
pub(crate) fn snoozed_until(thread: &Thread) -> Option<Millis> {
    match thread.state {
        ThreadState::Snoozed(until) => until,
        ThreadState::Open | ThreadState::Closed => None,
    }
}

/// Linked objects of either side (OBJ-60).
pub(crate) fn linked_objects(linked: &[LinkedObject], total: u64) -> Value {
    let data = linked.iter().take(LISTED_MAX).map(|object| {
        let kind = if object.category.is_some() { "ticket" } else { "conversation" };
        json!({"type": kind, "id": object.thread.to_string(), "category": object.category.map(Category::as_str)})
    });
    let data = data.collect::<Vec<_>>();
    let has_more = total > u64::try_from(data.len()).unwrap_or(u64::MAX);
    json!({"type": "list", "total_count": total, "has_more": has_more, "data": data})
}

/// Participants with what the compatible shape does not tell (OBJ-34).
pub(crate) fn participants(thread: &Thread) -> Vec<Value> {
    let form = |one: &Participant| {
        json!({
            "contact_id": one.contact.to_string(),
            "primary": one.primary,
            "external": one.external,
            "joined_seq": one.joined_seq,
            "visible_from_seq": one.visible_from_seq,
            "seen_seq": one.seen_seq,
            "removed_at": seconds(one.removed_at),
        })
    };
    thread.participants.iter().map(form).collect()
}

fn additions(view: &ThreadView) -> Value {
    let thread = &view.thread;
    let hint = |one: &crate::domain::thread::ThreadHint| json!({"id": one.thread.to_string(), "reason": one.reason});
    let ticket = thread.ticket.as_ref().map(|ticket| {
        json!({
            "ticket_id": ticket.number.to_string(),
            "category": ticket.category.as_str(),
            "state": view.ticket.as_ref().map(|facts| ticket_state(&facts.state)),
        })
    });
    json!({
        "created_at_ms": thread.created_at.0,
        "updated_at_ms": thread.updated_at.0,
        "seq": thread.last_seq,
        "log_seq": view.log_seq.0,
        "participants": participants(thread),
        "support_address": thread.support_address.as_ref().map(ToString::to_string),
        "thread_hints": thread.hints.iter().map(hint).collect::<Vec<_>>(),
        "merged_into": thread.merged_into.map(|other| other.to_string()),
        "merged": view.merged.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "automatic": thread.automatic,
        "ticket": ticket,
    })
}

fn teammates(thread: &Thread) -> Value {
    let each = thread.teammates.iter().map(|agent| json!({"type": "admin", "id": agent.to_string()}));
    json!({"type": "admin.list", "teammates": each.collect::<Vec<_>>()})
}

fn priority(priority: Priority, shape: Shape) -> &'static str {
    match (shape, priority) {
        (Shape::V2_16, priority) => priority.as_str(),
        (Shape::V2_14, Priority::High | Priority::Urgent) => "priority",
        (Shape::V2_14, Priority::None | Priority::Low | Priority::Medium) => "not_priority",
    }
}

fn recipients(email: &EmailFacts) -> Vec<Value> {
    let kind_of = |field: AddressField| match field {
        AddressField::To => Some("to"),
        AddressField::Cc => Some("cc"),
        AddressField::From | AddressField::ReplyTo => None,
    };
    let known = email.addresses.iter().filter_map(|(field, _, address)| Some((kind_of(*field)?, address)));
    known.map(|(kind, address)| json!({"type": kind, "email": address, "drop_reason": null})).collect()
}

fn reply_to(email: &EmailFacts) -> Vec<Value> {
    let named = email.addresses.iter().filter(|(field, ..)| *field == AddressField::ReplyTo);
    named.map(|(_, name, address)| json!({"email": address, "name": name})).collect()
}

/// The first message of a contact: the source, or the first one after it that is still among the parts.
fn first_contact_part(view: &ThreadView) -> Option<&Part> {
    let own = || view.parts.iter().filter(|part| part.thread == view.thread.id);
    let all = view.source.iter().chain(own());
    let whole = own().next().is_none_or(|first| first.seq <= 2);
    let found = all.into_iter().find(|part| part.author.contact().is_some() && part.kind.is_message())?;
    (whole || found.seq == 1).then_some(found)
}

fn first_contact_reply(view: &ThreadView) -> Value {
    first_contact_part(view).map_or(Value::Null, |part| {
        let kind = if part.channel == ChannelKind::Email { "email" } else { "conversation" };
        json!({"created_at": part.created_at.seconds(), "type": kind, "url": null})
    })
}
