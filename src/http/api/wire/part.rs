//! Parts of conversations and tickets (SHP-2, OBJ-40 to OBJ-43), with what a mail tells beside its text (INTERFACES §6).

use crate::desk::mail::pictures;
use crate::domain::attribute::Value as Kept;
use crate::domain::audience;
use crate::domain::authentication::Authentication;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::delivery::Delivery;
use crate::domain::form::FormCard;
use crate::domain::form::FormState;
use crate::domain::id::AgentId;
use crate::domain::id::ContactId;
use crate::domain::id::PartId;
use crate::domain::id::TagId;
use crate::domain::id::TeamId;
use crate::domain::id::ThreadId;
use crate::domain::mailing::Mailing;
use crate::domain::mailing::RecipientField;
use crate::domain::part::Author;
use crate::domain::part::BounceFacts;
use crate::domain::part::Cause;
use crate::domain::part::EmailFacts;
use crate::domain::part::LinkedEntity;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::part::QuickAnswer;
use crate::domain::propagation::PropagationCounts;
use crate::domain::state::StateCategory;
use crate::domain::thread::Participant;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use crate::http::api::wire::Wire;
use crate::http::api::wire::delivery::bracketed;
use crate::http::api::wire::delivery::carries;
use crate::http::api::wire::delivery::of_part;
use crate::http::api::wire::delivery::reason;
use crate::http::api::wire::people::AuthorForm;
use crate::http::api::wire::value;
use crate::http::api::wire::with;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use std::borrow::Cow;

/// `app_package_code` of what was written through the API.
const APP_PACKAGE_CODE: &str = "api";

/// What parts of both kinds have. Serialised as it stands: a long conversation has hundreds of them.
#[derive(Serialize)]
struct PartForm<'a> {
    id: String,
    part_type: &'static str,
    body: Option<Cow<'a, str>>,
    created_at: u64,
    updated_at: u64,
    assigned_to: Value,
    author: AuthorForm<'a>,
    attachments: Vec<Value>,
    external_id: (),
    redacted: bool,
    deskgate: AdditionsForm<'a>,
}

/// A part of a conversation.
#[derive(Serialize)]
pub(crate) struct ConversationPartForm<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    notified_at: u64,
    state: &'static str,
    tags: Vec<Value>,
    metadata: Option<Value>,
    event_details: (),
    email_message_metadata: Option<Value>,
    app_package_code: Option<&'static str>,
    #[serde(flatten)]
    part: PartForm<'a>,
}

/// Our additions (API-40); what most parts lack is absent there.
#[derive(Serialize)]
struct AdditionsForm<'a> {
    seq: u64,
    created_at_ms: u64,
    updated_at_ms: u64,
    channel: &'static str,
    state: &'static str,
    ticket_state: Option<&'static str>,
    cause: Option<&'static str>,
    client_id: Option<&'a str>,
    external_sender: bool,
    impersonation_warning: bool,
    broadcast_id: Option<String>,
    skip_notifications: bool,
    deliveries: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_by: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cross_posted_from: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mailing: Option<Value>,
    #[serde(flatten)]
    email: Option<Value>,
    #[serde(skip_serializing_if = "Value::is_null")]
    details: Value,
}

impl ConversationPartForm<'_> {
    /// The same, saying that it stands in another thread: one that was merged (MRG-2).
    pub(crate) fn standing_in(mut self, thread: ThreadId) -> Self {
        self.part.deskgate.conversation_id = Some(thread.to_string());
        self
    }

    /// The same, saying who of its thread has seen it (MSG-44).
    pub(crate) fn seen_in(mut self, thread: &Thread, part: &Part) -> Self {
        self.part.deskgate.seen_by = seen_by(thread, part);
        self
    }
}

/// Contacts who have seen a part that others wrote; nothing for what no contact sees.
pub(crate) fn seen_by(thread: &Thread, part: &Part) -> Option<Vec<String>> {
    let sees = |one: &&Participant| {
        one.seen_seq >= part.seq && one.visible_from_seq <= part.seq && part.author.contact() != Some(one.contact)
    };
    let is_shown = audience::is_shown_to_contacts(thread) && audience::is_visible_part(part);
    is_shown.then(|| thread.participants.iter().filter(sees).map(|one| one.contact.to_string()).collect())
}

/// A part that is made already, saying who of its thread has seen it (MSG-44).
pub(crate) fn seen_in(mut form: Value, thread: &Thread, part: &Part) -> Value {
    if let (Some(seen_by), Some(additions)) =
        (seen_by(thread, part), form.get_mut("deskgate").and_then(Value::as_object_mut))
    {
        additions.insert("seen_by".to_owned(), json!(seen_by));
    }
    form
}

/// A part that is made already, saying that it stands in another thread (MRG-2).
pub(crate) fn standing_in(mut part: Value, thread: ThreadId) -> Value {
    if let Some(additions) = part.get_mut("deskgate").and_then(Value::as_object_mut) {
        additions.insert("conversation_id".to_owned(), json!(thread.to_string()));
    }
    part
}

impl Wire {
    /// A part of a conversation.
    pub(crate) fn conversation_part(&self, part: &Part, deliveries: &[Delivery]) -> Value {
        json!(self.conversation_part_form(part, deliveries, Vec::new()))
    }

    /// The same, still to be serialised, with the tags it carries.
    pub(crate) fn conversation_part_form<'a>(
        &'a self,
        part: &'a Part,
        deliveries: &[Delivery],
        tags: Vec<Value>,
    ) -> ConversationPartForm<'a> {
        ConversationPartForm {
            kind: "conversation_part",
            notified_at: part.created_at.seconds(),
            state: part.thread_state.as_str(),
            tags,
            metadata: quick_reply(part),
            event_details: (),
            email_message_metadata: part.email.as_ref().map(email_message_metadata),
            app_package_code: app_package_code(part),
            part: self.part(part, deliveries),
        }
    }

    /// A part of a ticket. Equal states mean that it changed none; parts from before the conversion have neither.
    /// `app_package_code` is absent when it was not written through the API.
    pub(crate) fn ticket_part(&self, part: &Part, ticket_type: Option<&TicketType>, deliveries: &[Delivery]) -> Value {
        let (before, after) = match &part.kind {
            PartKind::TicketStateUpdated { from, to, .. } => (Some(from.1), Some(to.1)),
            _ => (part.ticket_state, part.ticket_state),
        };
        let mut own = json!({"type": "ticket_part"});
        if let (Some(before), Some(after)) = (before, after) {
            own = with(own, json!({"previous_ticket_state": before.as_str(), "ticket_state": after.as_str()}));
        }
        if let Some(code) = app_package_code(part) {
            own = with(own, json!({"app_package_code": code}));
        }
        if let PartKind::TicketAttributeUpdated { name, value, .. } = &part.kind {
            let data = updated_attribute(name, value.as_ref(), ticket_type);
            own = with(own, json!({"updated_attribute_data": data}));
        }
        if let Some(email) = &part.email {
            own = with(own, json!({"email_message_metadata": email_message_metadata(email)}));
        }
        with(json!(self.part(part, deliveries)), own)
    }

    fn part<'a>(&'a self, part: &'a Part, deliveries: &[Delivery]) -> PartForm<'a> {
        PartForm {
            id: part.id.to_string(),
            part_type: part.kind.as_str(&part.author),
            body: self.body_of(part),
            created_at: part.created_at.seconds(),
            updated_at: part.updated_at.seconds(),
            assigned_to: assigned_to(&part.kind),
            author: self.author_form(&part.author),
            attachments: self.attachments(part),
            external_id: (),
            redacted: part.redacted,
            deskgate: additions_form(part, deliveries),
        }
    }

    /// The body, or null for what has none.
    pub(crate) fn body(&self, part: &Part) -> Option<String> {
        self.body_of(part).map(Cow::into_owned)
    }

    fn body_of<'a>(&self, part: &'a Part) -> Option<Cow<'a, str>> {
        let body = if self.plaintext {
            Cow::Borrowed(part.body_text.as_str())
        } else {
            pictures::with_files(part, |part, file| self.file_link(part, file))
        };
        (part.kind.is_message() || !body.is_empty()).then_some(body)
    }

    /// The files of a part.
    pub(crate) fn attachments(&self, part: &Part) -> Vec<Value> {
        part.attachments.iter().map(|file| self.attachment(part.id, file)).collect()
    }
}

/// The answers of a quick reply, or the one that was chosen (OBJ-42, SHP-4).
fn quick_reply(part: &Part) -> Option<Value> {
    if let Some(uuid) = &part.quick_reply_uuid {
        return Some(json!({"quick_reply_uuid": uuid}));
    }
    let PartKind::QuickReply(answers) = &part.kind else { return None };
    let option = |one: &QuickAnswer| json!({"text": one.text, "uuid": one.uuid});
    Some(json!({"quick_reply_options": answers.iter().map(option).collect::<Vec<_>>()}))
}

/// Our additions (API-40).
pub(crate) fn part_additions(part: &Part, deliveries: &[Delivery]) -> Value {
    json!(additions_form(part, deliveries))
}

fn additions_form<'a>(part: &'a Part, deliveries: &[Delivery]) -> AdditionsForm<'a> {
    let origin =
        |(ticket, part): (ThreadId, PartId)| json!({"ticket_id": ticket.to_string(), "part_id": part.to_string()});
    AdditionsForm {
        seq: part.seq,
        created_at_ms: part.created_at.0,
        updated_at_ms: part.updated_at.0,
        channel: part.channel.as_str(),
        state: part.thread_state.as_str(),
        ticket_state: part.ticket_state.map(StateCategory::as_str),
        cause: part.cause.map(Cause::as_str),
        client_id: part.client_id.as_deref(),
        external_sender: part.external_sender,
        impersonation_warning: part.impersonation_warning,
        broadcast_id: part.broadcast.map(|broadcast| broadcast.to_string()),
        skip_notifications: part.skip_notifications,
        deliveries: of_part(part, deliveries),
        conversation_id: None,
        seen_by: None,
        cross_posted_from: part.cross_posted_from.map(origin),
        mailing: part.mailing.as_ref().map(|mailing| mailing_form(part, mailing, deliveries)),
        email: part.email.as_ref().map(email_additions),
        details: details(&part.kind),
    }
}

/// The envelope its writer chose: whom the mail named, and what became of each (OBJ-33, EML-84).
fn mailing_form(part: &Part, mailing: &Mailing, deliveries: &[Delivery]) -> Value {
    json!({"subject": mailing.subject, "recipients": chosen_recipients(part, mailing, deliveries)})
}

/// Recipients of a message by the fields of its mail; addresses are those the mails were owed to.
pub(crate) fn chosen_recipients(part: &Part, mailing: &Mailing, deliveries: &[Delivery]) -> Vec<Value> {
    let mail_to = |contact| deliveries.iter().find(|one| one.contact == contact && carries(one, part));
    let recipient = |(field, contact): &(RecipientField, ContactId)| {
        let mail = mail_to(*contact);
        json!({
            "type": field.as_str(),
            "email": mail.and_then(|mail| mail.address.as_ref()).map(ToString::to_string),
            "drop_reason": mail.and_then(|mail| reason(&mail.state)),
        })
    };
    mailing.recipients.iter().map(recipient).collect()
}

/// Header facts of a mail, in the compatible form.
pub(crate) fn email_message_metadata(email: &EmailFacts) -> Value {
    let headers = email
        .addresses
        .iter()
        .map(|(field, name, address)| json!({"type": field.as_str(), "email_address": address, "name": name}));
    json!({
        "message_id": bracketed(&email.message_id),
        "subject": email.subject.as_deref().unwrap_or_default(),
        "email_address_headers": headers.collect::<Vec<_>>(),
        "history": email.quoted,
    })
}

/// What we add about a mail.
fn email_additions(email: &EmailFacts) -> Value {
    json!({
        "delivery_class": email.class.as_str(),
        "delivery_class_reason": email.class_reason,
        "placed_by": email.placed_by.as_str(),
        "faults": email.faults,
        "bounce": email.bounce.as_ref().map(bounce),
        "may_answer_automatically": email.may_answer_automatically,
        "authentication": email.authentication.as_ref().map(authentication),
    })
}

fn authentication(found: &Authentication) -> Value {
    json!({
        "spf": found.spf.as_str(),
        "dkim": found.dkim.as_str(),
        "dmarc": found.dmarc.as_str(),
        "arc": found.arc.as_str(),
        "source": found.source,
        "from_verified": found.from_verified,
    })
}

fn bounce(bounce: &BounceFacts) -> Value {
    json!({
        "status": bounce.status,
        "smtp_reply": bounce.smtp_reply,
        "recipient": bounce.recipient,
        "hard": bounce.hard,
        "reason": bounce.reason,
        "delivery_id": bounce.delivery.map(|delivery| delivery.to_string()),
    })
}

/// Only what a caller wrote; what the desk did by itself on the way has no package.
fn app_package_code(part: &Part) -> Option<&'static str> {
    match (part.channel, &part.author) {
        (ChannelKind::Api, Author::Agent { .. } | Author::Contact { .. }) => Some(APP_PACKAGE_CODE),
        (ChannelKind::Api, Author::Bot) | (ChannelKind::Messenger | ChannelKind::Email, _) => None,
    }
}

fn assigned_to(kind: &PartKind) -> Value {
    let PartKind::Assignment { agent, team, .. } = kind else {
        return Value::Null;
    };
    let reference = |kind: &str, id: String| json!({"type": kind, "id": id});
    match (agent, team) {
        (Some(AgentId(id)), _) => reference("admin", id.to_string()),
        (None, Some(TeamId(id))) => reference("team", id.to_string()),
        (None, None) => Value::Null,
    }
}

/// An option is named by its id and its label of today (ATT-4), files by their ids.
fn updated_attribute(name: &str, kept: Option<&Kept>, ticket_type: Option<&TicketType>) -> Value {
    let attribute = ticket_type.and_then(|one| one.attributes.iter().find(|attribute| attribute.name == name));
    let option = |id: &str| attribute.and_then(|one| one.options.iter().find(|option| option.id == id));
    let (id, label) = match kept {
        None => (Value::Null, json!("")),
        Some(Kept::Text(text)) => match option(text) {
            Some(option) => (json!(option.id), json!(option.label)),
            None => (Value::Null, json!(text)),
        },
        Some(Kept::Integer(number)) => (Value::Null, json!(number.to_string())),
        Some(Kept::Decimal(text)) => (Value::Null, json!(text)),
        Some(Kept::Boolean(yes)) => (Value::Null, json!(yes.to_string())),
        Some(Kept::Files(ids)) => {
            (json!(ids.iter().filter_map(|id| id.parse::<u64>().ok()).collect::<Vec<_>>()), json!(ids))
        }
    };
    let attribute_id = attribute.map(|attribute| attribute.id.to_string()).unwrap_or_default();
    json!({
        "attribute": {"type": "attribute", "id": attribute_id, "label": name},
        "value": {"type": "value", "id": id, "label": label},
    })
}

/// What only this kind of event carries.
fn details(kind: &PartKind) -> Value {
    match kind {
        PartKind::ConvertedToTicket { number } => json!({"ticket_id": number.to_string()}),
        PartKind::TicketStateUpdated { from, to, external_label } => json!({
            "from_state_id": from.0.to_string(),
            "to_state_id": to.0.to_string(),
            "external_label": external_label,
        }),
        PartKind::TicketAttributeUpdated { name, visible, .. } => json!({"attribute": name, "visible": visible}),
        PartKind::ConversationAttributeUpdated { name, value: kept } => {
            json!({"attribute": name, "value": kept.as_ref().map(value)})
        }
        PartKind::EntityLinked(entity) | PartKind::EntityUnlinked(entity) => linked_entity(entity),
        PartKind::LinkedTicketStateUpdated { ticket, number, title, from_label, to_label } => json!({
            "id": ticket.to_string(),
            "ticket_id": number.to_string(),
            "title": title,
            "from_label": from_label,
            "to_label": to_label,
        }),
        PartKind::TicketTypeChanged { from, to, left } => json!({
            "from": {"id": from.0.to_string(), "name": from.1},
            "to": {"id": to.0.to_string(), "name": to.1},
            "left": left.iter().map(|(name, kept)| (name.clone(), value(kept))).collect::<Map<_, _>>(),
        }),
        PartKind::TicketFormSent(card) => form_card(card),
        PartKind::TicketFormSubmitted { form, ticket, number } => json!({
            "form_id": form.map(|form| form.to_string()),
            "id": ticket.to_string(),
            "ticket_id": number.to_string(),
        }),
        PartKind::TicketFormWithdrawn { form } => json!({"form_id": form.to_string()}),
        PartKind::ParticipantAdded(contact) | PartKind::ParticipantRemoved(contact) => {
            json!({"contact_id": contact.to_string()})
        }
        PartKind::Assignment { agent, team, .. } => json!({
            "admin_id": agent.map(|agent| agent.to_string()),
            "team_id": team.map(|team| team.to_string()),
        }),
        PartKind::TagsUpdated { added, removed } => json!({"tags_added": tags(added), "tags_removed": tags(removed)}),
        PartKind::MergedPrimary { secondary: other }
        | PartKind::MergedSecondary { primary: other }
        | PartKind::Unmerged { other } => json!({"conversation_id": other.to_string()}),
        PartKind::SharedTicket(card) => json!({
            "id": card.ticket.to_string(),
            "ticket_id": card.number.to_string(),
            "ticket_type": card.type_name,
            "state": card.category.as_str(),
            "external_label": card.external_label,
        }),
        PartKind::DeliveryFailed { delivery, address, reason } => {
            json!({"delivery_id": delivery.to_string(), "recipient": address, "reason": reason})
        }
        PartKind::PriorityChanged { from, to } => json!({"from": from.as_str(), "to": to.as_str()}),
        PartKind::StatePropagated { label, counts } => with(json!({"label": label}), propagation_counts(*counts)),
        PartKind::Comment
        | PartKind::QuickReply(_)
        | PartKind::Note
        | PartKind::AutomaticEmail
        | PartKind::Open
        | PartKind::Close
        | PartKind::Snoozed
        | PartKind::Unsnoozed
        | PartKind::TicketShared => Value::Null,
    }
}

/// The card of a sent form (FRM-5).
fn form_card(card: &FormCard) -> Value {
    let facts = json!({
        "ticket_type_id": card.ticket_type.to_string(),
        "ticket_type": card.type_name,
        "form_state": card.state.as_str(),
    });
    match card.state {
        FormState::Submitted { ticket, number } => {
            with(facts, json!({"id": ticket.to_string(), "ticket_id": number.to_string()}))
        }
        FormState::Open | FormState::Withdrawn => facts,
    }
}

fn tags(tags: &[(TagId, String)]) -> Vec<Value> {
    tags.iter().map(|(id, name)| json!({"id": id.to_string(), "name": name})).collect()
}

/// What became, or would become, of the Customer tickets of a Tracker (TRK-4).
pub(crate) fn propagation_counts(counts: PropagationCounts) -> Value {
    json!({
        "changed": counts.changed,
        "already_matching": counts.matched,
        "left_out_resolved": counts.left_out,
        "skipped": {"required_to_close": counts.required_to_close, "no_such_state": counts.no_state},
    })
}

fn linked_entity(entity: &LinkedEntity) -> Value {
    json!({
        "id": entity.thread.to_string(),
        "category": entity.category.map(Category::as_str),
        "ticket_id": entity.number.map(|number| number.to_string()),
        "kind": entity.kind.as_str(),
    })
}
