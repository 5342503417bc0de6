//! Stored form of log entries.

use crate::domain::event::AgentAct;
use crate::domain::event::BroadcastStep;
use crate::domain::event::CompanyAct;
use crate::domain::event::ContactAct;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::event::LogEntry;
use crate::domain::event::MailboxStanding;
use crate::domain::id::AgentId;
use crate::domain::id::BroadcastId;
use crate::domain::id::CompanyId;
use crate::domain::id::ContactId;
use crate::domain::id::DataEventId;
use crate::domain::id::DeliveryId;
use crate::domain::id::EventSeq;
use crate::domain::id::IntakeId;
use crate::domain::id::JobId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::TagId;
use crate::domain::id::ThreadId;
use crate::domain::part::Cause;
use crate::domain::state::StateCategory;
use crate::domain::thread::ThreadState;
use crate::store::by_contact;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::code;
use crate::store::record::code::Code;
use crate::store::record::thread::StoredThreadState;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

/// A log entry with the contacts whose stream got it when it was written. They are kept with the entry because the
/// answer may be another one later, and the rows of the stream must go when the entry goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) entry: LogEntry,
    pub(crate) stream: Vec<ContactId>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredEvent {
    seq: u64,
    kind: StoredEventKind,
    thread: Option<u64>,
    at: u64,
    thread_state: Option<StoredThreadState>,
    ticket_state: Option<u8>,
    cause: Option<u8>,
    stream: Vec<u64>,
}

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredEventKind {
    PartCreated { part: u64, part_seq: u64 },
    ConversationCreated,
    ConversationUpdated,
    TicketCreated,
    TicketUpdated,
    TicketStateChanged { part: u64, part_seq: u64 },
    Linked { other: u64 },
    Unlinked { other: u64 },
    ContactUpdated(u64),
    Seen { contact: u64, up_to_seq: u64 },
    Broadcast { broadcast: u64, step: u8, by: Option<u64>, threads: u64, mails: u64 },
    DeliverySettled(u64),
    Quarantined(u64),
    FormRequested { part: u64, part_seq: u64 },
    FormSubmitted { part: u64, part_seq: u64 },
    FormWithdrawn { part: u64, part_seq: u64 },
    Merged { primary: u64 },
    Unmerged { primary: u64 },
    Deleted { number: Option<u64> },
    PartRedacted { part: u64, part_seq: u64 },
    PartTagged { part: u64, part_seq: u64, tag: u64, added: bool },
    ContactTagged { contact: u64, tag: u64, added: bool },
    ContactChanged { contact: u64, act: u8 },
    ContactsMerged { from: u64, into: u64 },
    CompanyChanged { company: u64, act: u8, contact: Option<u64> },
    CompanySet { company: Option<u64> },
    AgentChanged { agent: u64, act: u8 },
    PartCompleted { part: u64, part_seq: u64 },
    DataEventNoted { contact: u64, event: u64 },
    JobCompleted { job: u64 },
    MailboxChanged { mailbox: String, standing: u8 },
    AgentSaw { agent: u64, up_to_seq: u64 },
}

impl From<&EventKind> for StoredEventKind {
    fn from(kind: &EventKind) -> Self {
        match kind {
            EventKind::PartCreated { part, part_seq } => Self::PartCreated { part: part.0, part_seq: *part_seq },
            EventKind::ConversationCreated => Self::ConversationCreated,
            EventKind::ConversationUpdated => Self::ConversationUpdated,
            EventKind::TicketCreated => Self::TicketCreated,
            EventKind::TicketUpdated => Self::TicketUpdated,
            EventKind::TicketStateChanged { part, part_seq } => {
                Self::TicketStateChanged { part: part.0, part_seq: *part_seq }
            }
            EventKind::Linked { other } => Self::Linked { other: other.0 },
            EventKind::Unlinked { other } => Self::Unlinked { other: other.0 },
            EventKind::ContactUpdated(contact) => Self::ContactUpdated(contact.0),
            EventKind::Seen { contact, up_to_seq } => Self::Seen { contact: contact.0, up_to_seq: *up_to_seq },
            EventKind::AgentSaw { agent, up_to_seq } => Self::AgentSaw { agent: agent.0, up_to_seq: *up_to_seq },
            EventKind::Broadcast { broadcast, step, by, threads, mails } => Self::Broadcast {
                broadcast: broadcast.0,
                step: step.code(),
                by: by.map(|id| id.0),
                threads: *threads,
                mails: *mails,
            },
            EventKind::DeliverySettled(delivery) => Self::DeliverySettled(delivery.0),
            EventKind::Quarantined(intake) => Self::Quarantined(intake.0),
            EventKind::FormRequested { part, part_seq } => Self::FormRequested { part: part.0, part_seq: *part_seq },
            EventKind::FormSubmitted { part, part_seq } => Self::FormSubmitted { part: part.0, part_seq: *part_seq },
            EventKind::FormWithdrawn { part, part_seq } => Self::FormWithdrawn { part: part.0, part_seq: *part_seq },
            EventKind::Merged { primary } => Self::Merged { primary: primary.0 },
            EventKind::Unmerged { primary } => Self::Unmerged { primary: primary.0 },
            EventKind::Deleted { number } => Self::Deleted { number: *number },
            EventKind::PartRedacted { part, part_seq } => Self::PartRedacted { part: part.0, part_seq: *part_seq },
            EventKind::PartTagged { part, part_seq, tag, added } => {
                Self::PartTagged { part: part.0, part_seq: *part_seq, tag: tag.0, added: *added }
            }
            EventKind::ContactTagged { contact, tag, added } => {
                Self::ContactTagged { contact: contact.0, tag: tag.0, added: *added }
            }
            EventKind::ContactChanged { contact, act } => Self::ContactChanged { contact: contact.0, act: act.code() },
            EventKind::ContactsMerged { from, into } => Self::ContactsMerged { from: from.0, into: into.0 },
            EventKind::CompanyChanged { company, act, contact } => {
                Self::CompanyChanged { company: company.0, act: act.code(), contact: contact.map(|id| id.0) }
            }
            EventKind::CompanySet { company } => Self::CompanySet { company: company.map(|id| id.0) },
            EventKind::PartCompleted { part, part_seq } => Self::PartCompleted { part: part.0, part_seq: *part_seq },
            EventKind::AgentChanged { agent, act } => Self::AgentChanged { agent: agent.0, act: act.code() },
            EventKind::DataEventNoted { contact, event } => Self::DataEventNoted { contact: contact.0, event: event.0 },
            EventKind::JobCompleted { job } => Self::JobCompleted { job: job.0 },
            EventKind::MailboxChanged { mailbox, standing } => {
                Self::MailboxChanged { mailbox: mailbox.clone(), standing: standing.code() }
            }
        }
    }
}

impl StoredEventKind {
    fn restore(self) -> Restored<EventKind> {
        Ok(match self {
            Self::PartCreated { part, part_seq } => EventKind::PartCreated { part: PartId(part), part_seq },
            Self::ConversationCreated => EventKind::ConversationCreated,
            Self::ConversationUpdated => EventKind::ConversationUpdated,
            Self::TicketCreated => EventKind::TicketCreated,
            Self::TicketUpdated => EventKind::TicketUpdated,
            Self::TicketStateChanged { part, part_seq } => {
                EventKind::TicketStateChanged { part: PartId(part), part_seq }
            }
            Self::Linked { other } => EventKind::Linked { other: ThreadId(other) },
            Self::Unlinked { other } => EventKind::Unlinked { other: ThreadId(other) },
            Self::ContactUpdated(contact) => EventKind::ContactUpdated(ContactId(contact)),
            Self::Seen { contact, up_to_seq } => EventKind::Seen { contact: ContactId(contact), up_to_seq },
            Self::AgentSaw { agent, up_to_seq } => EventKind::AgentSaw { agent: AgentId(agent), up_to_seq },
            Self::Broadcast { broadcast, step, by, threads, mails } => EventKind::Broadcast {
                broadcast: BroadcastId(broadcast),
                step: BroadcastStep::of(step)?,
                by: by.map(AgentId),
                threads,
                mails,
            },
            Self::DeliverySettled(delivery) => EventKind::DeliverySettled(DeliveryId(delivery)),
            Self::Quarantined(intake) => EventKind::Quarantined(IntakeId(intake)),
            Self::FormRequested { part, part_seq } => EventKind::FormRequested { part: PartId(part), part_seq },
            Self::FormSubmitted { part, part_seq } => EventKind::FormSubmitted { part: PartId(part), part_seq },
            Self::FormWithdrawn { part, part_seq } => EventKind::FormWithdrawn { part: PartId(part), part_seq },
            Self::Merged { primary } => EventKind::Merged { primary: ThreadId(primary) },
            Self::Unmerged { primary } => EventKind::Unmerged { primary: ThreadId(primary) },
            Self::Deleted { number } => EventKind::Deleted { number },
            Self::PartCompleted { part, part_seq } => EventKind::PartCompleted { part: PartId(part), part_seq },
            Self::PartRedacted { part, part_seq } => EventKind::PartRedacted { part: PartId(part), part_seq },
            Self::PartTagged { part, part_seq, tag, added } => {
                EventKind::PartTagged { part: PartId(part), part_seq, tag: TagId(tag), added }
            }
            Self::ContactTagged { contact, tag, added } => {
                EventKind::ContactTagged { contact: ContactId(contact), tag: TagId(tag), added }
            }
            Self::ContactChanged { contact, act } => {
                EventKind::ContactChanged { contact: ContactId(contact), act: ContactAct::of(act)? }
            }
            Self::ContactsMerged { from, into } => {
                EventKind::ContactsMerged { from: ContactId(from), into: ContactId(into) }
            }
            Self::CompanyChanged { company, act, contact } => EventKind::CompanyChanged {
                company: CompanyId(company),
                act: CompanyAct::of(act)?,
                contact: contact.map(ContactId),
            },
            Self::CompanySet { company } => EventKind::CompanySet { company: company.map(CompanyId) },
            Self::AgentChanged { agent, act } => {
                EventKind::AgentChanged { agent: AgentId(agent), act: AgentAct::of(act)? }
            }
            Self::DataEventNoted { contact, event } => {
                EventKind::DataEventNoted { contact: ContactId(contact), event: DataEventId(event) }
            }
            Self::JobCompleted { job } => EventKind::JobCompleted { job: JobId(job) },
            Self::MailboxChanged { mailbox, standing } => {
                EventKind::MailboxChanged { mailbox, standing: MailboxStanding::of(standing)? }
            }
        })
    }
}

impl Record for Logged {
    const TABLE: Table = tables::EVENTS;
    const INDEXES: &'static [Table] = &[tables::BY_CONTACT];
    type Stored = StoredEvent;

    fn key(&self) -> Vec<u8> {
        key::one(self.entry.seq.0)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        let row =
            |contact: &ContactId| (tables::BY_CONTACT, by_contact::row(*contact, by_contact::ENTRY, self.entry.seq.0));
        self.stream.iter().map(row).collect()
    }

    fn to_stored(&self) -> StoredEvent {
        let event = &self.entry.event;
        StoredEvent {
            seq: self.entry.seq.0,
            kind: (&event.kind).into(),
            thread: event.thread.map(|id| id.0),
            at: event.at.0,
            thread_state: event.thread_state.map(StoredThreadState::from),
            ticket_state: event.ticket_state.map(Code::code),
            cause: event.cause.map(Code::code),
            stream: self.stream.iter().map(|contact| contact.0).collect(),
        }
    }

    fn from_stored(stored: StoredEvent) -> Restored<Self> {
        let event = Event {
            kind: stored.kind.restore()?,
            thread: stored.thread.map(ThreadId),
            at: Millis(stored.at),
            thread_state: stored.thread_state.map(ThreadState::from),
            ticket_state: code::of_optional::<StateCategory>(stored.ticket_state)?,
            cause: code::of_optional::<Cause>(stored.cause)?,
        };
        let entry = LogEntry { seq: EventSeq(stored.seq), event };
        Ok(Self { entry, stream: stored.stream.into_iter().map(ContactId).collect() })
    }
}
