//! What the daemon sends.

use crate::channel::messenger::FRAME_BYTES_MAX;
use crate::channel::messenger::options::Look;
use crate::channel::messenger::presence::AgentFace;
use crate::channel::messenger::presence::AgentState;
use crate::channel::messenger::protocol::forms::FormObject;
use crate::channel::messenger::protocol::forms::TicketRef;
use crate::channel::messenger::protocol::objects::ContactObject;
use crate::channel::messenger::protocol::objects::ConversationObject;
use crate::channel::messenger::protocol::objects::For;
use crate::channel::messenger::protocol::objects::OfficeObject;
use crate::channel::messenger::protocol::objects::PartObject;
use crate::channel::messenger::protocol::objects::TicketObject;
use crate::desk;
use crate::desk::Settings;
use crate::desk::people::identity::Session;
use crate::desk::thread::comments::Posted;
use crate::desk::thread::stream::Snapshot;
use crate::desk::thread::stream::StreamEntry;
use crate::desk::ticket::form_submission::Submitted;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::event::EventKind;
use crate::domain::id::AgentId;
use crate::domain::id::EventSeq;
use crate::domain::id::TeamId;
use crate::domain::id::ThreadId;
use crate::domain::office_hours::OfficeState;
use crate::domain::part::ATTACHMENTS_MAX;
use crate::domain::part::Part;
use crate::domain::part::TEXT_CHARS_MAX;
use crate::domain::refusal::Refusal;
use crate::domain::ticket_type::TicketType;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Bytes of bodies in one `history` answer; above it the older parts are left for the next question.
const HISTORY_BYTES_MAX: usize = 256 * 1_024;

/// Where a contact's files go ahead of their message.
pub const UPLOAD_PATH: &str = "/messenger/files";

/// How a session begins.
#[derive(Clone, Copy, Debug)]
pub enum Beginning<'a> {
    /// What was missed follows behind this position.
    Resumed(EventSeq),
    /// Everything, as of its position.
    Fresh(&'a Snapshot),
}

#[derive(Serialize)]
struct WelcomeFrame<'a> {
    r#type: &'static str,
    contact: ContactObject<'a>,
    visitor: Option<&'a str>,
    seq: u64,
    resumed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversations: Option<Vec<ConversationObject<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<u64>,
    settings: SettingsObject<'a>,
}

#[derive(Serialize)]
struct SettingsObject<'a> {
    workspace: &'a str,
    locale: &'a str,
    verified: bool,
    text_chars_max: usize,
    attachments_max: usize,
    frame_bytes_max: usize,
    ask_email: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    greeting: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_time_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    office: Option<OfficeObject>,
    team: Vec<AgentObject<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    spaces: &'a [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    portal_url: Option<&'a str>,
}

/// `welcome`. A resumed session gets no snapshot, and its `seq` is where it was, so that a client cut off before the
/// missed events came does not skip them.
#[must_use]
pub fn welcome<'s>(
    session: &Session,
    beginning: Beginning<'s>,
    settings: &Settings,
    look: &Look,
    house: &House,
) -> Utf8Bytes {
    let people = &*house.people;
    let contact = session.contact.id;
    let (seq, snapshot) = match beginning {
        Beginning::Resumed(since) => (since, None),
        Beginning::Fresh(snapshot) => (snapshot.seq, Some(snapshot)),
    };
    let cards = |snapshot: &'s Snapshot| {
        snapshot.conversations.iter().map(|card| ConversationObject::of_card(card, contact, people)).collect()
    };
    encode(&WelcomeFrame {
        r#type: "welcome",
        contact: ContactObject::of(&session.contact),
        visitor: session.visitor.as_deref(),
        seq: seq.0,
        resumed: snapshot.is_none(),
        conversations: snapshot.map(cards),
        unread: snapshot.map(|snapshot| snapshot.unread),
        settings: SettingsObject {
            workspace: &settings.workspace_name,
            locale: session.contact.language_override.as_deref().unwrap_or(&settings.default_locale),
            verified: session.verified,
            text_chars_max: TEXT_CHARS_MAX,
            attachments_max: ATTACHMENTS_MAX,
            frame_bytes_max: FRAME_BYTES_MAX,
            ask_email: look.ask_email,
            greeting: look.greeting.as_deref(),
            reply_time_s: house.reply_time_s,
            office: house.office.as_ref().map(OfficeObject::of),
            team: people.team.iter().map(AgentObject::of).collect(),
            spaces: match session.contact.role {
                ContactRole::User => &look.user_spaces,
                ContactRole::Visitor | ContactRole::Lead => &look.visitor_spaces,
            },
            portal_url: look.portal_url.as_deref(),
        },
    })
}

/// Whether somebody is there, and how soon an answer comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct House {
    /// Where hours are set (HRS-1).
    pub office: Option<OfficeState>,
    /// Where it is known or set (MSG-24).
    pub reply_time_s: Option<u64>,
    /// Who answers.
    pub people: Arc<People>,
}

/// What customers are told of those who answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// Some of those who are at work, for the home.
    pub team: Vec<AgentFace>,
    /// Addresses of the pictures of those who have one.
    pub avatars: BTreeMap<AgentId, String>,
    /// How soon teams answer, in seconds, where it is another time than the house's (MSG-24).
    pub team_reply_s: BTreeMap<TeamId, u64>,
}

impl People {
    /// How soon the team answers, where that is told of it alone.
    pub(crate) fn reply_time_s(&self, team: Option<TeamId>) -> Option<u64> {
        self.team_reply_s.get(&team?).copied()
    }
}

#[derive(Serialize)]
struct HouseFrame<'a> {
    r#type: &'static str,
    office: Option<OfficeObject>,
    reply_time_s: Option<u64>,
    team: Vec<AgentObject<'a>>,
    conversations: Vec<HoursObject>,
}

#[derive(Serialize)]
struct HoursObject {
    id: String,
    office: Option<OfficeObject>,
    reply_time_s: Option<u64>,
}

/// `house`: hours, the expected reply time or who is there are others than the welcome said. Of the contact's conversations
/// those are named whose team has hours or a reply time of its own; for the rest the house's count. Not in the log.
#[must_use]
pub fn house(house: &House, of_teams: &[(ThreadId, TeamId, Option<OfficeState>)]) -> Utf8Bytes {
    let own = |(thread, team, office): &(ThreadId, TeamId, Option<OfficeState>)| {
        let reply_time_s = house.people.reply_time_s(Some(*team));
        let office = office.as_ref().map(OfficeObject::of);
        let told = office.is_some() || reply_time_s.is_some();
        told.then(|| HoursObject { id: thread.to_string(), office, reply_time_s })
    };
    encode(&HouseFrame {
        r#type: "house",
        office: house.office.as_ref().map(OfficeObject::of),
        reply_time_s: house.reply_time_s,
        team: house.people.team.iter().map(AgentObject::of).collect(),
        conversations: of_teams.iter().filter_map(own).collect(),
    })
}

#[derive(Serialize)]
struct EventFrame<'a> {
    r#type: &'static str,
    seq: u64,
    event: &'static str,
    conversation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<PartObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<TicketObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<ConversationObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<ContactObject<'a>>,
}

/// `event` for an entry of the reader's stream. `contact` is the reader's own record, for `contact.updated`.
#[must_use]
pub fn event(entry: &StreamEntry, reader: For<'_>, contact: Option<&Contact>) -> Utf8Bytes {
    let reader = For { forms: entry.form.as_slice(), ..reader };
    let kind = &entry.entry.event.kind;
    let thread = entry.thread.as_ref();
    let about_part = kind.part().is_some();
    let ticket = thread.zip(entry.ticket.as_ref()).and_then(|(thread, view)| TicketObject::of(thread, view));
    encode(&EventFrame {
        r#type: "event",
        seq: entry.entry.seq.0,
        event: event_name(kind),
        conversation_id: thread.map(|thread| thread.id.to_string()),
        part: entry.part.as_ref().map(|part| PartObject::of(part, reader)),
        ticket,
        conversation: thread.filter(|_| !about_part).map(|thread| {
            let told = ConversationObject::of(thread, reader.contact, reader.people);
            told.with_agents(entry.office.as_ref(), entry.agents_saw)
        }),
        contact: contact.map(ContactObject::of),
    })
}

fn event_name(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::PartCreated { .. } => "part.created",
        EventKind::TicketCreated => "ticket.created",
        EventKind::TicketUpdated => "ticket.updated",
        EventKind::TicketStateChanged { .. } => "ticket.state_changed",
        EventKind::ContactUpdated(_) => "contact.updated",
        EventKind::FormRequested { .. } => "form.requested",
        EventKind::FormSubmitted { .. } => "form.submitted",
        EventKind::FormWithdrawn { .. } => "form.withdrawn",
        EventKind::PartRedacted { .. } => "part.redacted",
        // Read marks are a fact of the conversation (MSG-41); the rest never reaches a contact's stream.
        EventKind::PartCompleted { .. }
        | EventKind::ConversationCreated
        | EventKind::ConversationUpdated
        | EventKind::Seen { .. }
        | EventKind::AgentSaw { .. }
        | EventKind::Linked { .. }
        | EventKind::Unlinked { .. }
        | EventKind::Broadcast { .. }
        | EventKind::DeliverySettled(_)
        | EventKind::Quarantined(_)
        | EventKind::Merged { .. }
        | EventKind::Unmerged { .. }
        | EventKind::Deleted { .. }
        | EventKind::PartTagged { .. }
        | EventKind::ContactTagged { .. }
        | EventKind::ContactChanged { .. }
        | EventKind::ContactsMerged { .. }
        | EventKind::CompanyChanged { .. }
        | EventKind::CompanySet { .. }
        | EventKind::AgentChanged { .. }
        | EventKind::DataEventNoted { .. }
        | EventKind::JobCompleted { .. }
        | EventKind::MailboxChanged { .. } => "conversation.updated",
    }
}

#[derive(Serialize)]
struct AckFrame<'a> {
    r#type: &'static str,
    client_id: &'a str,
    seq: u64,
    conversation_id: String,
    part_id: String,
    /// Of a form: the number of the ticket it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<TicketRef>,
    /// What the ticket type says after submission.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// `ack` of a post that is committed.
#[must_use]
pub fn ack(client_id: &str, posted: &Posted) -> Utf8Bytes {
    encode(&AckFrame {
        r#type: "ack",
        client_id,
        seq: posted.seq.0,
        conversation_id: posted.thread.to_string(),
        part_id: posted.part.to_string(),
        ticket_id: None,
        ticket: None,
        message: None,
    })
}

/// `ack` of a form that is committed, with the ticket it made.
#[must_use]
pub fn ack_form(client_id: &str, submitted: &Submitted) -> Utf8Bytes {
    let number = submitted.number.to_string();
    encode(&AckFrame {
        r#type: "ack",
        client_id,
        seq: submitted.seq.0,
        conversation_id: submitted.thread.to_string(),
        part_id: submitted.part.to_string(),
        ticket_id: Some(number.clone()),
        ticket: Some(TicketRef { id: submitted.ticket.to_string(), ticket_id: number }),
        message: Some(submitted.message.as_str()).filter(|message| !message.is_empty()),
    })
}

#[derive(Serialize)]
struct FormsFrame<'a> {
    r#type: &'static str,
    forms: Vec<FormObject<'a>>,
}

/// `forms`: what the contact may open by themselves (FRM-2).
#[must_use]
pub fn forms(types: &[TicketType]) -> Utf8Bytes {
    encode(&FormsFrame { r#type: "forms", forms: types.iter().map(FormObject::offered).collect() })
}

#[derive(Serialize)]
struct HistoryFrame<'a> {
    r#type: &'static str,
    conversation_id: String,
    parts: Vec<PartObject<'a>>,
    /// There may be older ones.
    more: bool,
}

/// `history`: ascending parts, of which the oldest are left out when all do not fit; `more` says that there may be
/// older ones.
#[must_use]
pub fn history(thread: ThreadId, parts: &[Part], more: bool, reader: For<'_>) -> Utf8Bytes {
    let mut room = HISTORY_BYTES_MAX;
    let mut fitting = Vec::new();
    for part in parts.iter().rev() {
        let part = PartObject::of(part, reader);
        if part.weight() > room && !fitting.is_empty() {
            break;
        }
        room = room.saturating_sub(part.weight());
        fitting.push(part);
    }
    fitting.reverse();
    let more = more || fitting.len() < parts.len();
    encode(&HistoryFrame { r#type: "history", conversation_id: thread.to_string(), parts: fitting, more })
}

#[derive(Serialize)]
struct UploadFrame<'a> {
    r#type: &'static str,
    path: &'static str,
    token: &'a str,
}

/// `upload`: where files may be sent ahead, and the pass that goes with them in a header field.
#[must_use]
pub fn upload(token: &str) -> Utf8Bytes {
    encode(&UploadFrame { r#type: "upload", path: UPLOAD_PATH, token })
}

#[derive(Serialize)]
struct PongFrame {
    r#type: &'static str,
    n: u64,
}

/// `pong`.
#[must_use]
pub fn pong(n: u64) -> Utf8Bytes {
    encode(&PongFrame { r#type: "pong", n })
}

#[derive(Serialize)]
struct AgentFrame<'a> {
    r#type: &'static str,
    conversation_id: String,
    agent: AgentObject<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
}

#[derive(Serialize)]
struct AgentObject<'a> {
    id: &'a str,
    name: &'a str,
    avatar: Option<&'a str>,
}

impl<'a> AgentObject<'a> {
    fn of(face: &'a AgentFace) -> Self {
        Self { id: &face.id, name: &face.name, avatar: face.avatar.as_deref() }
    }
}

/// `typing`: an agent types in the conversation.
#[must_use]
pub fn typing(thread: ThreadId, agent: &AgentFace) -> Utf8Bytes {
    agent_frame("typing", thread, agent, None)
}

/// `presence`: an agent of the conversation came or went.
#[must_use]
pub fn presence(thread: ThreadId, agent: &AgentFace, state: AgentState) -> Utf8Bytes {
    let state = match state {
        AgentState::Active => "active",
        AgentState::Away => "away",
    };
    agent_frame("presence", thread, agent, Some(state))
}

fn agent_frame(r#type: &'static str, thread: ThreadId, face: &AgentFace, state: Option<&'static str>) -> Utf8Bytes {
    encode(&AgentFrame { r#type, conversation_id: thread.to_string(), agent: AgentObject::of(face), state })
}

/// Something that could not be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// A stable word.
    pub code: String,
    /// For people.
    pub message: String,
    /// Of the post that failed.
    pub client_id: Option<String>,
    /// What is wrong, by field.
    pub fields: BTreeMap<String, String>,
    /// Wait so long.
    pub retry_after_s: Option<u64>,
}

impl Fault {
    /// A fault without more to say.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), ..Self::default() }
    }

    /// Too often (MSG-61); waiting is rounded up to seconds.
    #[must_use]
    pub fn too_often(wait_ms: u64) -> Self {
        let wait_s = wait_ms.div_ceil(1_000).max(1);
        let message = format!("too many requests; try again in {wait_s} s");
        Self { retry_after_s: Some(wait_s), ..Self::new("rate_limit_exceeded", message) }
    }

    /// Why an operation did not happen, in the client's words.
    #[must_use]
    pub fn of(error: &desk::Error) -> Self {
        let refusal = match error {
            desk::Error::Refused(refusal) => refusal,
            desk::Error::Unavailable(_) | desk::Error::Full => {
                return Self::new("service_unavailable", "not stored; try again");
            }
        };
        let message = refusal.to_string();
        match refusal {
            Refusal::NotFound { what } => Self::new(&format!("{what}_not_found"), message),
            Refusal::Invalid { code, field, message } => {
                let fields = field.iter().map(|field| (field.clone(), message.clone())).collect();
                Self { fields, ..Self::new(code, message.clone()) }
            }
            Refusal::Fields { fields } => {
                let fields = fields.iter().map(|(field, wrong)| (field.clone(), wrong.to_string())).collect();
                Self { fields, ..Self::new("parameter_invalid", message) }
            }
            Refusal::Unprocessable { .. } => Self::new("parameter_invalid", message),
            Refusal::Conflict { .. } => Self::new("conflict", message),
            Refusal::Merged { .. } => Self::new("contact_merged", message),
            Refusal::Forbidden { .. } => Self::new("forbidden", message),
            Refusal::TooMany { retry_after_s } => Self::too_often(retry_after_s.saturating_mul(1_000)),
        }
    }

    /// The same, about the post with that key.
    #[must_use]
    pub fn about(self, client_id: Option<String>) -> Self {
        Self { client_id, ..self }
    }
}

#[derive(Serialize)]
struct ErrorFrame<'a> {
    r#type: &'static str,
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<u64>,
}

/// `error`.
#[must_use]
pub fn error(fault: &Fault) -> Utf8Bytes {
    encode(&ErrorFrame {
        r#type: "error",
        code: &fault.code,
        message: &fault.message,
        client_id: fault.client_id.as_deref(),
        fields: Some(&fault.fields).filter(|fields| !fields.is_empty()),
        retry_after_s: fault.retry_after_s,
    })
}

fn encode<T: Serialize>(frame: &T) -> Utf8Bytes {
    match serde_json::to_string(frame) {
        Ok(text) => text.into(),
        // Only maps with keys that are no strings cannot be written, and no frame has one.
        Err(error) => {
            tracing::error!(%error, "a frame could not be encoded");
            Utf8Bytes::from_static(r#"{"type":"error","code":"internal","message":"internal error"}"#)
        }
    }
}
