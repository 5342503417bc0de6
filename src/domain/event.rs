//! What happened, in the past tense: the entries of the workspace-wide log (OBJ-5, OBJ-6).
//!
//! **Invariant:** an event names the objects it is about and carries both axes; it is never edited once written. Bodies
//! stay in their parts.

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

/// One entry of the log, before it has its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The thread it happened in.
    pub thread: Option<ThreadId>,
    /// When.
    pub at: Millis,
    /// The thread's axis after it (OBJ-4).
    pub thread_state: Option<ThreadState>,
    /// The ticket's axis after it (OBJ-4).
    pub ticket_state: Option<StateCategory>,
    /// Why, if the desk did it.
    pub cause: Option<Cause>,
}

/// An event with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place.
    pub seq: EventSeq,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A part was added; messages and thread events alike.
    PartCreated {
        /// Which.
        part: PartId,
        /// Its place in the thread.
        part_seq: u64,
    },
    /// A thread began.
    ConversationCreated,
    /// Title, priority, assignment, participants, state of the thread.
    ConversationUpdated,
    /// The thread became a ticket, or a ticket was made.
    TicketCreated,
    /// Attributes, sharing.
    TicketUpdated,
    /// The ticket's state changed.
    TicketStateChanged {
        /// The part that says so.
        part: PartId,
        /// Its place in the thread.
        part_seq: u64,
    },
    /// A form was sent (NTF-4).
    FormRequested {
        /// Its card.
        part: PartId,
        /// Its place in the thread.
        part_seq: u64,
    },
    /// A sent form became a ticket and is read-only (FRM-6).
    FormSubmitted {
        /// Its card.
        part: PartId,
        /// Its place in the thread.
        part_seq: u64,
    },
    /// A sent form was taken back (FRM-5).
    FormWithdrawn {
        /// Its card.
        part: PartId,
        /// Its place in the thread.
        part_seq: u64,
    },
    /// A link was made (LNK-6).
    Linked {
        /// The other side.
        other: ThreadId,
    },
    /// A link was taken away (LNK-6).
    Unlinked {
        /// The other side.
        other: ThreadId,
    },
    /// A contact was created or changed.
    ContactUpdated(ContactId),
    /// A contact has seen parts up to this one (MSG-44).
    Seen {
        /// Who.
        contact: ContactId,
        /// Up to this part of the thread.
        up_to_seq: u64,
    },
    /// Of all agents this one was the first to see parts up to this one, which is told to the contact (MSG-44).
    AgentSaw {
        /// Who.
        agent: AgentId,
        /// Up to this part of the thread.
        up_to_seq: u64,
    },
    /// A broadcast moved on (BRC-25).
    Broadcast {
        /// Which.
        broadcast: BroadcastId,
        /// What it did.
        step: BroadcastStep,
        /// Who did it; nobody where the desk did.
        by: Option<AgentId>,
        /// Threads that have its part by then.
        threads: u64,
        /// Mails the relay has by then.
        mails: u64,
    },
    /// A delivery came to an end.
    DeliverySettled(DeliveryId),
    /// A mail could not be taken in (EML-8).
    Quarantined(IntakeId),
    /// The thread was merged into another one (MRG-2).
    Merged {
        /// That one.
        primary: ThreadId,
    },
    /// A merge was undone (MRG-4).
    Unmerged {
        /// Where it had gone.
        primary: ThreadId,
    },
    /// The thread was deleted (TCK-15); only its id is left.
    Deleted {
        /// Its number, if it was a ticket.
        number: Option<u64>,
    },
    /// A part lost its content (OBJ-47).
    PartRedacted {
        /// Which.
        part: PartId,
        /// Its place in the thread.
        part_seq: u64,
    },
    /// A part got the whole of the mail that it stood in for (EML-9).
    PartCompleted {
        /// Which.
        part: PartId,
        /// Its place in the thread.
        part_seq: u64,
    },
    /// Tags of a part changed (OBJ-18).
    PartTagged {
        /// Which.
        part: PartId,
        /// Its place in the thread.
        part_seq: u64,
        /// The tag.
        tag: TagId,
        /// Put on, else taken off.
        added: bool,
    },
    /// Tags of a contact changed (OBJ-18).
    ContactTagged {
        /// Who.
        contact: ContactId,
        /// The tag.
        tag: TagId,
        /// Put on, else taken off.
        added: bool,
    },
    /// More was done with a contact than a change of facts (WHK-12).
    ContactChanged {
        /// Who.
        contact: ContactId,
        /// What.
        act: ContactAct,
    },
    /// A lead went into a user (OBJ-20).
    ContactsMerged {
        /// The lead.
        from: ContactId,
        /// The user.
        into: ContactId,
    },
    /// A company was made, changed or deleted, or has other contacts (WHK-12).
    CompanyChanged {
        /// Which.
        company: CompanyId,
        /// What.
        act: CompanyAct,
        /// Who came or went.
        contact: Option<ContactId>,
    },
    /// The thread has another company (OBJ-16), or none.
    CompanySet {
        /// That one.
        company: Option<CompanyId>,
    },
    /// Something changed about an agent (WHK-13).
    AgentChanged {
        /// Who.
        agent: AgentId,
        /// What.
        act: AgentAct,
    },
    /// A contact did something in the customer's product (API-27).
    DataEventNoted {
        /// Who.
        contact: ContactId,
        /// What.
        event: DataEventId,
    },
    /// A job was done (OBJ-69); the thread is what it was about.
    JobCompleted {
        /// Which.
        job: JobId,
    },
    /// A mailbox needs somebody to mend it, or is well again (EML-6).
    MailboxChanged {
        /// Its name in the configuration.
        mailbox: String,
        /// How it is now.
        standing: MailboxStanding,
    },
}

/// How a mailbox is, as far as people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailboxStanding {
    /// Mail comes in.
    Connected,
    /// No mail has come from it for a while.
    Degraded,
    /// Only a new sign-in mends it.
    NeedsAuth,
}

impl MailboxStanding {
    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Degraded => "degraded",
            Self::NeedsAuth => "needs_auth",
        }
    }
}

/// What was done with a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactAct {
    /// Put out of sight.
    Archived,
    /// Taken back into sight.
    Unarchived,
    /// Deleted; only the id is left.
    Deleted,
    /// Erased with everything they left (DAT-2).
    Erased,
    /// May write no more (MSG-62).
    Blocked,
    /// May write again.
    Unblocked,
    /// A lead has an address now.
    EmailAdded,
    /// The address is another one.
    EmailChanged,
    /// A lead became a user.
    SignedUp,
    /// A visitor became a lead or a user.
    VisitorSignedUp,
    /// Takes bulk mail again (NTF-14).
    Subscribed,
    /// Takes no more bulk mail.
    Unsubscribed,
    /// Gets no mail at the address any more (EML-82).
    Suppressed,
    /// Takes no more mail about one issue: the Tracker of the event (BRC-51).
    BroadcastStopped,
}

/// What was done with a company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompanyAct {
    /// Made.
    Created,
    /// Facts changed.
    Updated,
    /// Deleted.
    Deleted,
    /// A contact belongs to it.
    Attached,
    /// A contact does not any more.
    Detached,
}

/// What changed about an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentAct {
    /// Added to the workspace.
    Added,
    /// Access taken away.
    Removed,
    /// Away, or back (AWY-1).
    AwayChanged,
}

impl EventKind {
    /// The part it is about, with its place in the thread.
    #[must_use]
    pub fn part(&self) -> Option<(PartId, u64)> {
        match self {
            Self::PartCreated { part, part_seq }
            | Self::TicketStateChanged { part, part_seq }
            | Self::FormRequested { part, part_seq }
            | Self::FormSubmitted { part, part_seq }
            | Self::FormWithdrawn { part, part_seq }
            | Self::PartCompleted { part, part_seq }
            | Self::PartRedacted { part, part_seq } => Some((*part, *part_seq)),
            Self::ConversationCreated
            | Self::ConversationUpdated
            | Self::TicketCreated
            | Self::TicketUpdated
            | Self::Linked { .. }
            | Self::Unlinked { .. }
            | Self::ContactUpdated(_)
            | Self::Seen { .. }
            | Self::AgentSaw { .. }
            | Self::Broadcast { .. }
            | Self::DeliverySettled(_)
            | Self::Quarantined(_)
            | Self::Merged { .. }
            | Self::Unmerged { .. }
            | Self::Deleted { .. }
            | Self::PartTagged { .. }
            | Self::ContactTagged { .. }
            | Self::ContactChanged { .. }
            | Self::ContactsMerged { .. }
            | Self::CompanyChanged { .. }
            | Self::CompanySet { .. }
            | Self::AgentChanged { .. }
            | Self::DataEventNoted { .. }
            | Self::JobCompleted { .. }
            | Self::MailboxChanged { .. } => None,
        }
    }
}

/// Steps of a broadcast that stand in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BroadcastStep {
    /// It runs.
    Started,
    /// Every thread has its part and every mail was tried.
    Finished,
    /// It waits for its time or its turn.
    Scheduled,
    /// It is held.
    Paused,
    /// It runs again.
    Resumed,
    /// It was called off.
    Cancelled,
    /// It goes on to later links.
    Extended,
    /// Its words were taken back.
    Redacted,
}
