//! Stored forms of broadcasts and their ledgers.

use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::BroadcastState;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::broadcast::LedgerEntry;
use crate::domain::broadcast::LedgerKey;
use crate::domain::delivery::SkipReason;
use crate::domain::id::AgentId;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::DeliveryId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::code::Code;
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
    email: u8,
    started_at: u64,
    finished_at: Option<u64>,
    cursor: Option<u64>,
    threads_done: u64,
    threads_total: u64,
}

impl Record for Broadcast {
    const TABLE: Table = tables::BROADCASTS;
    const INDEXES: &'static [Table] = &[tables::BROADCASTS_RUNNING, tables::BROADCASTS_BY_TRACKER];
    type Stored = StoredBroadcast;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        let mut rows = vec![(tables::BROADCASTS_BY_TRACKER, key::two(self.tracker.0, self.id.0))];
        match self.state {
            BroadcastState::Running => rows.push((tables::BROADCASTS_RUNNING, self.key())),
            BroadcastState::Finished => {}
        }
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
            email: self.email.code(),
            started_at: self.started_at.0,
            finished_at: self.finished_at.map(|at| at.0),
            cursor: self.cursor.map(|id| id.0),
            threads_done: self.threads_done,
            threads_total: self.threads_total,
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
            email: EmailPolicy::of(stored.email)?,
            started_at: Millis(stored.started_at),
            finished_at: stored.finished_at.map(Millis),
            cursor: stored.cursor.map(ThreadId),
            threads_done: stored.threads_done,
            threads_total: stored.threads_total,
        })
    }
}

/// One row of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LedgerRow {
    pub(crate) broadcast: BroadcastId,
    pub(crate) key: LedgerKey,
    pub(crate) entry: LedgerEntry,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredLedgerRow {
    broadcast: u64,
    key: StoredLedgerKey,
    entry: StoredLedgerEntry,
}

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredLedgerKey {
    Thread(u64),
    Email(u64),
}

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredLedgerEntry {
    Posted { part: u64 },
    Owed { delivery: u64, thread: u64 },
    Skipped { thread: u64, reason: u8 },
}

/// Key of a row: all threads before all mails.
pub(crate) fn ledger_key(broadcast: BroadcastId, of: LedgerKey) -> Vec<u8> {
    let (kind, id) = match of {
        LedgerKey::Thread(thread) => (0, thread.0),
        LedgerKey::Email(contact) => (1, contact.0),
    };
    key::joined(&[&key::one(broadcast.0), &[kind], &key::one(id)])
}

impl Record for LedgerRow {
    const TABLE: Table = tables::LEDGER;
    type Stored = StoredLedgerRow;

    fn key(&self) -> Vec<u8> {
        ledger_key(self.broadcast, self.key)
    }

    fn to_stored(&self) -> StoredLedgerRow {
        StoredLedgerRow {
            broadcast: self.broadcast.0,
            key: match self.key {
                LedgerKey::Thread(thread) => StoredLedgerKey::Thread(thread.0),
                LedgerKey::Email(contact) => StoredLedgerKey::Email(contact.0),
            },
            entry: match &self.entry {
                LedgerEntry::Posted { part } => StoredLedgerEntry::Posted { part: part.0 },
                LedgerEntry::Owed { delivery, thread } => {
                    StoredLedgerEntry::Owed { delivery: delivery.0, thread: thread.0 }
                }
                LedgerEntry::Skipped { thread, reason } => {
                    StoredLedgerEntry::Skipped { thread: thread.0, reason: reason.code() }
                }
            },
        }
    }

    fn from_stored(stored: StoredLedgerRow) -> Restored<Self> {
        Ok(Self {
            broadcast: BroadcastId(stored.broadcast),
            key: match stored.key {
                StoredLedgerKey::Thread(thread) => LedgerKey::Thread(ThreadId(thread)),
                StoredLedgerKey::Email(contact) => LedgerKey::Email(ContactId(contact)),
            },
            entry: match stored.entry {
                StoredLedgerEntry::Posted { part } => LedgerEntry::Posted { part: PartId(part) },
                StoredLedgerEntry::Owed { delivery, thread } => {
                    LedgerEntry::Owed { delivery: DeliveryId(delivery), thread: ThreadId(thread) }
                }
                StoredLedgerEntry::Skipped { thread, reason } => {
                    LedgerEntry::Skipped { thread: ThreadId(thread), reason: SkipReason::of(reason)? }
                }
            },
        })
    }
}
