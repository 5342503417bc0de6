//! Stored form of broadcasts.

use crate::domain::attachment::Attachment;
use crate::domain::broadcast::After;
use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::BroadcastState;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::broadcast::Only;
use crate::domain::broadcast::Options;
use crate::domain::broadcast::PauseCause;
use crate::domain::broadcast::Phase;
use crate::domain::broadcast::Sweep;
use crate::domain::id::AgentId;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::StateId;
use crate::domain::id::ThreadId;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::code;
use crate::store::record::code::Code;
use crate::store::record::ledger::StoredLedgerKey;
use crate::store::record::part::StoredAttachment;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredBroadcast {
    id: u64,
    tracker: u64,
    author: u64,
    author_name: String,
    state: u8,
    subject: String,
    body: String,
    attachments: Vec<StoredAttachment>,
    options: StoredOptions,
    created_at: u64,
    updated_at: u64,
    started_at: Option<u64>,
    finished_at: Option<u64>,
    set_until: Option<u64>,
    phase: u8,
    cursor: Option<u64>,
    pause_cause: Option<u8>,
    paused_at: Option<u64>,
    paused_ms: u64,
    late: bool,
    redacted_at: Option<u64>,
    sweep: Option<StoredSweep>,
    tested_at: Vec<u64>,
}

#[derive(Serialize, Deserialize)]
struct StoredOptions {
    set_customer_ticket_state: Option<u64>,
    tracker_state: Option<u64>,
    after: StoredAfter,
    only: u8,
    email: u8,
    rate_per_minute: Option<u32>,
    scheduled_at: Option<u64>,
    excluded_contacts: Vec<u64>,
    excluded_threads: Vec<u64>,
}

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredAfter {
    Nothing,
    Close,
    SnoozeUntil(u64),
}

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredSweep {
    Cancel(Option<StoredLedgerKey>),
    Redact(Option<StoredLedgerKey>),
}

impl From<&Options> for StoredOptions {
    fn from(options: &Options) -> Self {
        Self {
            set_customer_ticket_state: options.set_customer_ticket_state.map(|id| id.0),
            tracker_state: options.tracker_state.map(|id| id.0),
            after: match options.after {
                After::Nothing => StoredAfter::Nothing,
                After::Close => StoredAfter::Close,
                After::SnoozeUntil(at) => StoredAfter::SnoozeUntil(at.0),
            },
            only: options.only.code(),
            email: options.email.code(),
            rate_per_minute: options.rate_per_minute,
            scheduled_at: options.scheduled_at.map(|at| at.0),
            excluded_contacts: options.excluded_contacts.iter().map(|id| id.0).collect(),
            excluded_threads: options.excluded_threads.iter().map(|id| id.0).collect(),
        }
    }
}

impl StoredOptions {
    fn restore(self) -> Restored<Options> {
        Ok(Options {
            set_customer_ticket_state: self.set_customer_ticket_state.map(StateId),
            tracker_state: self.tracker_state.map(StateId),
            after: match self.after {
                StoredAfter::Nothing => After::Nothing,
                StoredAfter::Close => After::Close,
                StoredAfter::SnoozeUntil(at) => After::SnoozeUntil(Millis(at)),
            },
            only: Only::of(self.only)?,
            email: EmailPolicy::of(self.email)?,
            rate_per_minute: self.rate_per_minute,
            scheduled_at: self.scheduled_at.map(Millis),
            excluded_contacts: self.excluded_contacts.into_iter().map(ContactId).collect(),
            excluded_threads: self.excluded_threads.into_iter().map(ThreadId).collect(),
        })
    }
}

impl From<Sweep> for StoredSweep {
    fn from(sweep: Sweep) -> Self {
        match sweep {
            Sweep::Cancel(after) => Self::Cancel(after.map(StoredLedgerKey::from)),
            Sweep::Redact(after) => Self::Redact(after.map(StoredLedgerKey::from)),
        }
    }
}

impl From<StoredSweep> for Sweep {
    fn from(stored: StoredSweep) -> Self {
        match stored {
            StoredSweep::Cancel(after) => Self::Cancel(after.map(StoredLedgerKey::restore)),
            StoredSweep::Redact(after) => Self::Redact(after.map(StoredLedgerKey::restore)),
        }
    }
}

impl Record for Broadcast {
    const TABLE: Table = tables::BROADCASTS;
    const INDEXES: &'static [Table] = &[
        tables::BROADCASTS_RUNNING,
        tables::BROADCASTS_SCHEDULED,
        tables::BROADCASTS_UNDER_WAY,
        tables::BROADCASTS_BY_TRACKER,
    ];
    type Stored = StoredBroadcast;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        let mut rows = vec![(tables::BROADCASTS_BY_TRACKER, key::two(self.tracker.0, self.id.0))];
        if self.has_work() {
            rows.push((tables::BROADCASTS_RUNNING, self.key()));
        }
        if self.state.is_under_way() {
            rows.push((tables::BROADCASTS_UNDER_WAY, key::one(self.tracker.0)));
        }
        rows.extend(self.starts_at().map(|at| (tables::BROADCASTS_SCHEDULED, key::two(at.0, self.id.0))));
        rows
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredBroadcast {
        StoredBroadcast {
            id: self.id.0,
            tracker: self.tracker.0,
            author: self.author.0,
            author_name: self.author_name.clone(),
            state: self.state.code(),
            subject: self.subject.clone(),
            body: self.body.clone(),
            attachments: self.attachments.iter().map(StoredAttachment::from).collect(),
            options: (&self.options).into(),
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
            started_at: self.started_at.map(|at| at.0),
            finished_at: self.finished_at.map(|at| at.0),
            set_until: self.set_until.map(|at| at.0),
            phase: self.phase.code(),
            cursor: self.cursor.map(|id| id.0),
            pause_cause: self.pause_cause.map(Code::code),
            paused_at: self.paused_at.map(|at| at.0),
            paused_ms: self.paused_ms,
            late: self.late,
            redacted_at: self.redacted_at.map(|at| at.0),
            sweep: self.sweep.map(StoredSweep::from),
            tested_at: self.tested_at.iter().map(|at| at.0).collect(),
        }
    }

    fn from_stored(stored: StoredBroadcast) -> Restored<Self> {
        Ok(Self {
            id: BroadcastId(stored.id),
            tracker: ThreadId(stored.tracker),
            author: AgentId(stored.author),
            author_name: stored.author_name,
            state: BroadcastState::of(stored.state)?,
            subject: stored.subject,
            body: stored.body,
            attachments: stored.attachments.into_iter().map(Attachment::from).collect(),
            options: stored.options.restore()?,
            created_at: Millis(stored.created_at),
            updated_at: Millis(stored.updated_at),
            started_at: stored.started_at.map(Millis),
            finished_at: stored.finished_at.map(Millis),
            set_until: stored.set_until.map(Millis),
            phase: Phase::of(stored.phase)?,
            cursor: stored.cursor.map(ThreadId),
            pause_cause: code::of_optional::<PauseCause>(stored.pause_cause)?,
            paused_at: stored.paused_at.map(Millis),
            paused_ms: stored.paused_ms,
            late: stored.late,
            redacted_at: stored.redacted_at.map(Millis),
            sweep: stored.sweep.map(Sweep::from),
            tested_at: stored.tested_at.into_iter().map(Millis).collect(),
        })
    }
}
