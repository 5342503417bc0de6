//! The objects inside frames: contact, conversation, part, ticket, as a customer may see them.
//!
//! **Invariant:** no internal label, assignee, note, snooze or agent's address has a field here.

use crate::channel::messenger::protocol::forms::FormObject;
use crate::channel::messenger::protocol::outgoing::People;
use crate::desk::mail::pictures;
use crate::desk::thread::stream::ConversationCard;
use crate::desk::thread::views::TicketView;
use crate::domain::attribute::Attribute;
use crate::domain::attribute::Value;
use crate::domain::contact::Contact;
use crate::domain::id::AttachmentId;
use crate::domain::id::ContactId;
use crate::domain::id::PartId;
use crate::domain::office_hours::OfficeState;
use crate::domain::part::Author;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadState;
use crate::domain::ticket_type::TicketType;
use crate::domain::upload::Upload;
use serde::Serialize;
use std::borrow::Cow;

/// Largest body of a part in a frame, in bytes; of a longer one the text is cut and marked.
const BODY_BYTES_MAX: usize = 64 * 1_024;
/// Characters of the last part shown in a list of conversations.
const PREVIEW_CHARS_MAX: usize = 200;
/// Files of a part named in a frame; mails may have more.
const FILES_MAX: usize = 50;

/// Makes the address under which a file of a part can be fetched for a while.
pub type FileLink = dyn Fn(PartId, AttachmentId) -> String + Send + Sync;

/// For whom, and with which links, objects are written.
#[derive(Clone, Copy)]
pub struct For<'a> {
    /// The reader.
    pub contact: ContactId,
    /// Links to files, if this process serves them.
    pub file_link: Option<&'a FileLink>,
    /// The types that cards of forms ask for, as they are now.
    pub forms: &'a [TicketType],
    /// Who answers.
    pub people: &'a People,
}

impl std::fmt::Debug for For<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("For").field("contact", &self.contact).finish_non_exhaustive()
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct ContactObject<'a> {
    id: String,
    r#type: &'static str,
    user_id: Option<&'a str>,
    name: Option<&'a str>,
    email: Option<String>,
    /// Whether the address is proven (OBJ-23).
    email_verified: bool,
}

impl<'a> ContactObject<'a> {
    pub(crate) fn of(contact: &'a Contact) -> Self {
        Self {
            id: contact.id.to_string(),
            r#type: contact.role.as_str(),
            user_id: contact.external_id.as_deref(),
            name: contact.name.as_deref(),
            email: contact.email.as_ref().map(ToString::to_string),
            email_verified: contact.email_verified,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct ConversationObject<'a> {
    id: String,
    title: Option<&'a str>,
    open: bool,
    created_at: u64,
    updated_at: u64,
    /// The conversation it shows in, folded, since it was merged (MRG-2).
    #[serde(skip_serializing_if = "Option::is_none")]
    merged_into: Option<String>,
    /// Conversations that show in it, folded, oldest first; their parts are had by `history`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    merged: Vec<String>,
    /// `seq` of the last part this contact has seen.
    seen_seq: u64,
    /// `seq` of the last part an agent has seen (MSG-44).
    agents_seen_seq: u64,
    /// `seq` of the newest part customers see.
    last_seq: u64,
    /// Hours of its team, where that has its own; else those of the house count.
    office: Option<OfficeObject>,
    /// How soon its team answers, where that is told of it alone; else what the house says counts (MSG-24).
    reply_time_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_part: Option<PreviewObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<TicketObject<'a>>,
    /// The Back-office ticket that is shared in it (SHR-4).
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_ticket: Option<TicketObject<'a>>,
}

impl<'a> ConversationObject<'a> {
    pub(crate) fn of(thread: &'a Thread, contact: ContactId, people: &People) -> Self {
        Self {
            id: thread.id.to_string(),
            title: thread.title.as_deref(),
            open: thread.state != ThreadState::Closed,
            created_at: thread.created_at.seconds(),
            updated_at: thread.updated_at.seconds(),
            merged_into: thread.merged_into.map(|primary| primary.to_string()),
            merged: Vec::new(),
            seen_seq: thread.participant(contact).map_or(0, |participant| participant.seen_seq),
            agents_seen_seq: 0,
            last_seq: thread.last_visible_seq,
            office: None,
            reply_time_s: people.reply_time_s(thread.team_assignee),
            unread: None,
            last_part: None,
            ticket: None,
            shared_ticket: None,
        }
    }

    pub(crate) fn of_card(card: &'a ConversationCard, contact: ContactId, people: &'a People) -> Self {
        let ticket = card.ticket.as_ref().and_then(|view| TicketObject::of(&card.thread, view));
        let shared = card.shared.as_ref();
        let shared_ticket = shared.and_then(|(thread, view)| TicketObject::of(thread, view));
        let last_part = card.last_part.as_ref().map(|part| PreviewObject::of(part, people));
        let merged = card.merged.iter().map(ToString::to_string).collect();
        let told = Self {
            unread: Some(card.unread),
            last_part,
            ticket,
            shared_ticket,
            merged,
            ..Self::of(&card.thread, contact, people)
        };
        told.with_agents(card.office.as_ref(), card.agents_saw)
    }

    /// With the hours of its team, and how far an agent has seen it.
    pub(crate) fn with_agents(self, office: Option<&OfficeState>, agents_seen_seq: u64) -> Self {
        Self { office: office.map(OfficeObject::of), agents_seen_seq, ..self }
    }
}

/// Whether somebody is there, and when that changes, again and again, in Unix seconds (HRS-1, MSG-20).
#[derive(Debug, Serialize)]
pub(crate) struct OfficeObject {
    open: bool,
    changes: Vec<u64>,
}

impl OfficeObject {
    pub(crate) fn of(state: &OfficeState) -> Self {
        Self { open: state.open, changes: state.changes.iter().map(|at| at.seconds()).collect() }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct TicketObject<'a> {
    id: String,
    ticket_id: String,
    r#type: &'a str,
    icon: &'a str,
    /// Category of the state, for the four-step bar.
    state: &'static str,
    /// What customers read.
    label: &'a str,
    attributes: Vec<AttributeObject<'a>>,
}

#[derive(Debug, Serialize)]
struct AttributeObject<'a> {
    name: &'a str,
    value: ValueObject<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ValueObject<'a> {
    Text(&'a str),
    Integer(i64),
    Boolean(bool),
    Files(Vec<&'a str>),
}

impl<'a> TicketObject<'a> {
    pub(crate) fn of(thread: &'a Thread, view: &'a TicketView) -> Option<Self> {
        let ticket = thread.ticket.as_ref()?;
        let shown = |attribute: &'a Attribute| {
            let value = ticket.attributes.get(&attribute.id).filter(|_| attribute.visible_to_contacts)?;
            let name = attribute.label.as_ref().unwrap_or(&attribute.name);
            Some(AttributeObject { name, value: value_object(attribute, value, &view.uploads) })
        };
        Some(Self {
            id: thread.id.to_string(),
            ticket_id: ticket.number.to_string(),
            r#type: &view.ticket_type.name,
            icon: &view.ticket_type.icon,
            state: view.state.category.as_str(),
            label: &view.state.external_label,
            attributes: view.ticket_type.attributes.iter().filter_map(shown).collect(),
        })
    }
}

/// Files are shown by their names (ATT-3).
fn value_object<'a>(attribute: &'a Attribute, value: &'a Value, uploads: &'a [Upload]) -> ValueObject<'a> {
    match value {
        Value::Text(text) => {
            let option = attribute.options.iter().find(|option| option.id == *text);
            ValueObject::Text(option.map_or(text.as_str(), |option| &option.label))
        }
        Value::Integer(number) => ValueObject::Integer(*number),
        Value::Decimal(number) => ValueObject::Text(number),
        Value::Boolean(yes) => ValueObject::Boolean(*yes),
        Value::Files(ids) => {
            let named = uploads.iter().filter(|upload| ids.contains(&upload.id.to_string()));
            ValueObject::Files(named.map(|upload| upload.name.as_str()).collect())
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct PartObject<'a> {
    id: String,
    /// Place in the conversation.
    seq: u64,
    part_type: &'static str,
    author: AuthorObject<'a>,
    /// Clean HTML; absent when it is too long for a frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
    text: &'a str,
    #[serde(skip_serializing_if = "is_false")]
    truncated: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<FileObject<'a>>,
    created_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<StateObject<'a>>,
    /// The shared ticket it is about (SHR-4).
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_ticket: Option<SharedTicketObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    form: Option<FormObject<'a>>,
    /// Answers to choose from; the body lists them too (MSG-22).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    quick_replies: Vec<AnswerObject<'a>>,
    /// Of one's own posts, to find the one that waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    redacted: bool,
    /// Makes no badge and no sound (NTF-12).
    #[serde(skip_serializing_if = "is_false")]
    silent: bool,
}

#[derive(Debug, Serialize)]
struct SharedTicketObject<'a> {
    id: String,
    ticket_id: String,
    r#type: &'a str,
}

#[derive(Debug, Serialize)]
struct StateObject<'a> {
    state: &'static str,
    label: &'a str,
}

#[derive(Debug, Serialize)]
struct FileObject<'a> {
    name: &'a str,
    content_type: &'a str,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

#[derive(Debug, Serialize)]
struct AnswerObject<'a> {
    text: &'a str,
    uuid: &'a str,
}

#[derive(Debug, Serialize)]
struct AuthorObject<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    /// Address of an agent's picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<&'a str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the serialiser passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl<'a> PartObject<'a> {
    pub(crate) fn of(part: &'a Part, reader: For<'a>) -> Self {
        let fits = part.body_html.len() <= BODY_BYTES_MAX;
        let text = cut_bytes(&part.body_text, BODY_BYTES_MAX);
        let file = |attachment: &'a crate::domain::attachment::Attachment| FileObject {
            name: &attachment.name,
            content_type: &attachment.content_type,
            size: attachment.size,
            url: reader.file_link.map(|link| link(part.id, attachment.id)),
        };
        let own = part.author.contact() == Some(reader.contact);
        Self {
            id: part.id.to_string(),
            seq: part.seq,
            part_type: part_type(part),
            author: author(&part.author, reader.people),
            body: fits.then(|| match reader.file_link {
                Some(link) => pictures::with_files(part, link),
                None => Cow::Borrowed(part.body_html.as_str()),
            }),
            text,
            truncated: !fits || text.len() < part.body_text.len(),
            attachments: part.attachments.iter().take(FILES_MAX).map(file).collect(),
            created_at: part.created_at.seconds(),
            state: state(part),
            shared_ticket: shared_ticket(part),
            form: form(part, reader.forms),
            quick_replies: quick_replies(part),
            client_id: part.client_id.as_deref().filter(|_| own),
            redacted: part.redacted,
            silent: part.skip_notifications,
        }
    }

    /// About how much room it takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.body.as_deref().map_or(0, str::len) + self.text.len() + 200 * (1 + self.attachments.len())
    }
}

fn quick_replies(part: &Part) -> Vec<AnswerObject<'_>> {
    match &part.kind {
        PartKind::QuickReply(answers) if !part.redacted => {
            answers.iter().map(|one| AnswerObject { text: &one.text, uuid: &one.uuid }).collect()
        }
        _ => Vec::new(),
    }
}

/// A part in one line, for a list.
#[derive(Debug, Serialize)]
pub(crate) struct PreviewObject<'a> {
    id: String,
    seq: u64,
    part_type: &'static str,
    author: AuthorObject<'a>,
    text: &'a str,
    created_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<StateObject<'a>>,
}

impl<'a> PreviewObject<'a> {
    fn of(part: &'a Part, people: &'a People) -> Self {
        let end = part.body_text.char_indices().nth(PREVIEW_CHARS_MAX).map_or(part.body_text.len(), |(at, _)| at);
        Self {
            id: part.id.to_string(),
            seq: part.seq,
            part_type: part_type(part),
            author: author(&part.author, people),
            text: part.body_text.get(..end).unwrap_or_default(),
            created_at: part.created_at.seconds(),
            state: state(part),
        }
    }
}

/// An assignment that says something is a comment to customers (LIF-5); to whom it went is not theirs.
fn part_type(part: &Part) -> &'static str {
    match &part.kind {
        PartKind::Assignment { .. } => "comment",
        kind => kind.as_str(&part.author),
    }
}

fn shared_ticket(part: &Part) -> Option<SharedTicketObject<'_>> {
    match &part.kind {
        PartKind::SharedTicket(card) => Some(SharedTicketObject {
            id: card.ticket.to_string(),
            ticket_id: card.number.to_string(),
            r#type: &card.type_name,
        }),
        _ => None,
    }
}

fn state(part: &Part) -> Option<StateObject<'_>> {
    match &part.kind {
        PartKind::TicketStateUpdated { to: (_, category), external_label, .. } => {
            Some(StateObject { state: category.as_str(), label: external_label })
        }
        PartKind::SharedTicket(card) => {
            Some(StateObject { state: card.category.as_str(), label: &card.external_label })
        }
        _ => None,
    }
}

fn form<'a>(part: &'a Part, types: &'a [TicketType]) -> Option<FormObject<'a>> {
    let PartKind::TicketFormSent(card) = &part.kind else { return None };
    Some(FormObject::of_card(card, types.iter().find(|known| known.id == card.ticket_type)))
}

fn author<'a>(author: &'a Author, people: &'a People) -> AuthorObject<'a> {
    match author {
        Author::Agent { id, name } => AuthorObject {
            r#type: "admin",
            id: Some(id.to_string()),
            name: Some(name),
            avatar: people.avatars.get(id).map(String::as_str),
        },
        Author::Contact { id, name, user, .. } => {
            let r#type = if *user { "user" } else { "lead" };
            AuthorObject { r#type, id: Some(id.to_string()), name: Some(name), avatar: None }
        }
        Author::Bot => AuthorObject { r#type: "bot", id: None, name: None, avatar: None },
    }
}

fn cut_bytes(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
