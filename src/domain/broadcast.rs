//! A Tracker's message to everybody it is linked to (§4 of the product rules).
//!
//! | state | means | goes to |
//! |---|---|---|
//! | draft | being written | scheduled, running, cancelled |
//! | scheduled | waits for its time, for another one of its Tracker, or for somebody's word after a missed start | running, cancelled |
//! | running | posts go into threads, mails go out | paused, finished, cancelled |
//! | paused | nothing new goes out | running, cancelled |
//! | finished, cancelled | over; a finished one can be extended to later links (BRC-13) | running, – |

use crate::domain::attachment::Attachment;
use crate::domain::id::AgentId;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::StateId;
use crate::domain::id::ThreadId;

/// Most contacts and most threads excluded by name (BRC-8).
pub const EXCLUDED_MAX: usize = 1_000;
/// Test mails of one broadcast in an hour (BRC-7).
pub const TESTS_PER_HOUR: usize = 20;
/// A start missed by more than this waits for somebody's word (BRC-34), in milliseconds.
pub const LATE_AFTER_MS: u64 = 3_600_000;

/// Where a broadcast stands (BRC-30).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BroadcastState {
    /// Being written.
    Draft,
    /// Waits for its time or its turn.
    Scheduled,
    /// Under way: posts or mails.
    Running,
    /// Under way, held.
    Paused,
    /// Every thread has its part and every mail was tried.
    Finished,
    /// Called off; what is out stays.
    Cancelled,
}

impl BroadcastState {
    /// The word of BRC-30.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it holds its Tracker's turn: one at a time (BRC-30).
    #[must_use]
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// When mail goes out beside the part (BRC-21).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmailPolicy {
    /// After the unseen delay, at once for those without a messenger.
    #[default]
    WhenUnseen,
    /// At once.
    Always,
    /// Not at all.
    Never,
}

impl EmailPolicy {
    /// The word of BRC-8.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WhenUnseen => "when_unseen",
            Self::Always => "always",
            Self::Never => "never",
        }
    }

    /// The policy of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::WhenUnseen, Self::Always, Self::Never].into_iter().find(|policy| policy.as_str() == word)
    }
}

/// What is done with each thread after the part (BRC-8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    #[default]
    Nothing,
    /// It is closed.
    Close,
    /// It is snoozed until then.
    SnoozeUntil(Millis),
}

/// Which of the linked threads are meant (BRC-8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Only {
    /// Every one.
    #[default]
    All,
    /// Those that are open when it starts.
    OpenThreads,
    /// Customer tickets.
    Tickets,
    /// Conversations that are no tickets.
    Conversations,
}

impl Only {
    /// The word of BRC-8.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::OpenThreads => "open_threads",
            Self::Tickets => "tickets",
            Self::Conversations => "conversations",
        }
    }

    /// The choice of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::All, Self::OpenThreads, Self::Tickets, Self::Conversations]
            .into_iter()
            .find(|only| only.as_str() == word)
    }
}

/// How a broadcast is sent (BRC-8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Sets the state of linked Customer tickets; each gets this state where its type has it, else its first of the same
    /// category (TRK-4).
    pub set_customer_ticket_state: Option<StateId>,
    /// Sets the Tracker's own state when it starts.
    pub tracker_state: Option<StateId>,
    /// What happens to each thread.
    pub after: After,
    /// Which threads.
    pub only: Only,
    /// When mail goes out.
    pub email: EmailPolicy,
    /// Most mails a minute; without, as fast as the relay takes them.
    pub rate_per_minute: Option<u32>,
    /// Not before then.
    pub scheduled_at: Option<Millis>,
    /// Contacts who get nothing; at most [`EXCLUDED_MAX`].
    pub excluded_contacts: Vec<ContactId>,
    /// Threads that get nothing; at most [`EXCLUDED_MAX`].
    pub excluded_threads: Vec<ThreadId>,
}

/// How far a broadcast under way is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// The set is written down: a ledger row for each linked thread (BRC-13).
    #[default]
    Gathering,
    /// Parts are posted, row by row.
    Posting,
    /// Every thread is done; mails go out.
    Mailing,
}

/// Why a broadcast is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseCause {
    /// An agent said so.
    Agent,
    /// The relay refused too many of the last mails (BRC-33).
    RelayRefuses,
    /// The relay was down for too long (BRC-33).
    RelayDown,
}

impl PauseCause {
    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::RelayRefuses => "relay_refuses",
            Self::RelayDown => "relay_down",
        }
    }
}

/// Work on a broadcast's rows beside its run, with the last row done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// Queued rows become `skipped(cancelled)` (BRC-32).
    Cancel(Option<LedgerKey>),
    /// Parts lose their bodies, unsent mails are not sent (BRC-26).
    Redact(Option<LedgerKey>),
}

/// A broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    /// Never changes.
    pub id: BroadcastId,
    /// The Tracker.
    pub tracker: ThreadId,
    /// Whose words they are.
    pub author: AgentId,
    /// Their name, for the parts.
    pub author_name: String,
    /// Where it stands.
    pub state: BroadcastState,
    /// For contacts whose thread is not an email thread (BRC-5).
    pub subject: String,
    /// Markdown with placeholders (BRC-2).
    pub body: String,
    /// Files that go with it (BRC-1).
    pub attachments: Vec<Attachment>,
    /// How it is sent.
    pub options: Options,
    /// When it was drafted.
    pub created_at: Millis,
    /// Last change by an agent.
    pub updated_at: Millis,
    /// When it was sent off.
    pub started_at: Option<Millis>,
    /// When it was over.
    pub finished_at: Option<Millis>,
    /// Links made up to then are in the set (BRC-13).
    pub set_until: Option<Millis>,
    /// How far it is.
    pub phase: Phase,
    /// Last linked thread that was written down, or last row that was served; the worker goes on behind it.
    pub cursor: Option<ThreadId>,
    /// Why it is held.
    pub pause_cause: Option<PauseCause>,
    /// Since when.
    pub paused_at: Option<Millis>,
    /// How long it was held before, in milliseconds.
    pub paused_ms: u64,
    /// Its start was missed by too much; it waits for somebody's word (BRC-34).
    pub late: bool,
    /// Its words were taken back then (BRC-26).
    pub redacted_at: Option<Millis>,
    /// Work on its rows.
    pub sweep: Option<Sweep>,
    /// When test mails went out within the last hour (BRC-7).
    pub tested_at: Vec<Millis>,
}

impl Broadcast {
    /// A draft without words.
    #[must_use]
    pub fn draft(id: BroadcastId, tracker: ThreadId, author: (AgentId, &str), now: Millis) -> Self {
        Self {
            id,
            tracker,
            author: author.0,
            author_name: author.1.to_owned(),
            state: BroadcastState::Draft,
            subject: String::new(),
            body: String::new(),
            attachments: Vec::new(),
            options: Options::default(),
            created_at: now,
            updated_at: now,
            started_at: None,
            finished_at: None,
            set_until: None,
            phase: Phase::Gathering,
            cursor: None,
            pause_cause: None,
            paused_at: None,
            paused_ms: 0,
            late: false,
            redacted_at: None,
            sweep: None,
            tested_at: Vec::new(),
        }
    }

    /// Whether the worker has something to do for it.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.state == BroadcastState::Running || self.sweep.is_some()
    }

    /// Whether its mails may go out now: a finished one still has what was deferred.
    #[must_use]
    pub fn may_mail(&self) -> bool {
        matches!(self.state, BroadcastState::Running | BroadcastState::Finished) && self.redacted_at.is_none()
    }

    /// When it is to start by itself; zero where it waits for its turn only.
    #[must_use]
    pub fn starts_at(&self) -> Option<Millis> {
        let waits = self.state == BroadcastState::Scheduled && !self.late;
        waits.then(|| self.options.scheduled_at.unwrap_or(Millis(0)))
    }

    /// How long it has run, pauses not counted, in milliseconds.
    #[must_use]
    pub fn ran_for_ms(&self, now: Millis) -> u64 {
        let Some(started) = self.started_at else { return 0 };
        let until = self.finished_at.or(self.paused_at).unwrap_or(now);
        until.0.saturating_sub(started.0).saturating_sub(self.paused_ms)
    }
}

/// What a ledger row is about; unique per broadcast (BRC-40).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LedgerKey {
    /// A linked thread.
    Thread(ThreadId),
    /// A contact, by mail.
    Email(ContactId),
    /// A contact, in the messenger.
    Messenger(ContactId),
}
