//! Stored forms of the rows of ledgers and of broadcasts' lanes.

use crate::domain::broadcast::LedgerKey;
use crate::domain::delivery::SkipReason;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::DeliveryId;
use crate::domain::id::EventSeq;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::ledger::FailReason;
use crate::domain::ledger::LedgerEntry;
use crate::domain::ledger::LedgerState;
use crate::domain::ledger::Rows;
use crate::domain::mail_lane::MailLane;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::code;
use crate::store::record::code::Code;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

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
    state: StoredLedgerState,
    thread: u64,
    part: Option<u64>,
    delivery: Option<u64>,
    state_skipped: Option<u8>,
    updated_at: u64,
    seen_at: Option<u64>,
    replied_at: Option<u64>,
    log_seq: Option<u64>,
}

/// Append only.
#[derive(Serialize, Deserialize)]
pub(crate) enum StoredLedgerKey {
    Thread(u64),
    Email(u64),
    Messenger(u64),
}

impl From<LedgerKey> for StoredLedgerKey {
    fn from(key: LedgerKey) -> Self {
        match key {
            LedgerKey::Thread(id) => Self::Thread(id.0),
            LedgerKey::Email(id) => Self::Email(id.0),
            LedgerKey::Messenger(id) => Self::Messenger(id.0),
        }
    }
}

impl StoredLedgerKey {
    pub(crate) fn restore(self) -> LedgerKey {
        match self {
            Self::Thread(id) => LedgerKey::Thread(ThreadId(id)),
            Self::Email(id) => LedgerKey::Email(ContactId(id)),
            Self::Messenger(id) => LedgerKey::Messenger(ContactId(id)),
        }
    }
}

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredLedgerState {
    Queued,
    Sent,
    Delivered,
    Seen,
    Skipped(u8),
    Deferred,
    Failed(u8),
    Uncertain,
}

impl From<LedgerState> for StoredLedgerState {
    fn from(state: LedgerState) -> Self {
        match state {
            LedgerState::Queued => Self::Queued,
            LedgerState::Sent => Self::Sent,
            LedgerState::Delivered => Self::Delivered,
            LedgerState::Seen => Self::Seen,
            LedgerState::Skipped(reason) => Self::Skipped(reason.code()),
            LedgerState::Deferred => Self::Deferred,
            LedgerState::Failed(reason) => Self::Failed(reason.code()),
            LedgerState::Uncertain => Self::Uncertain,
        }
    }
}

impl StoredLedgerState {
    fn restore(self) -> Restored<LedgerState> {
        Ok(match self {
            Self::Queued => LedgerState::Queued,
            Self::Sent => LedgerState::Sent,
            Self::Delivered => LedgerState::Delivered,
            Self::Seen => LedgerState::Seen,
            Self::Skipped(reason) => LedgerState::Skipped(SkipReason::of(reason)?),
            Self::Deferred => LedgerState::Deferred,
            Self::Failed(reason) => LedgerState::Failed(FailReason::of(reason)?),
            Self::Uncertain => LedgerState::Uncertain,
        })
    }
}

/// Key of a row: all threads before all mails before all messengers.
pub(crate) fn ledger_key(broadcast: BroadcastId, of: LedgerKey) -> Vec<u8> {
    let id = match of {
        LedgerKey::Thread(thread) => thread.0,
        LedgerKey::Email(contact) | LedgerKey::Messenger(contact) => contact.0,
    };
    key::joined(&[&key::one(broadcast.0), &[Rows::of(of).number()], &key::one(id)])
}

impl Record for LedgerRow {
    const TABLE: Table = tables::LEDGER;
    const INDEXES: &'static [Table] = &[tables::LEDGER_BY_THREAD];
    type Stored = StoredLedgerRow;

    fn key(&self) -> Vec<u8> {
        ledger_key(self.broadcast, self.key)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        match self.key {
            LedgerKey::Thread(thread) if self.entry.part.is_some() => {
                vec![(tables::LEDGER_BY_THREAD, key::two(thread.0, self.broadcast.0))]
            }
            _ => Vec::new(),
        }
    }

    fn to_stored(&self) -> StoredLedgerRow {
        let entry = &self.entry;
        StoredLedgerRow {
            broadcast: self.broadcast.0,
            key: self.key.into(),
            state: entry.state.into(),
            thread: entry.thread.0,
            part: entry.part.map(|id| id.0),
            delivery: entry.delivery.map(|id| id.0),
            state_skipped: entry.state_skipped.map(Code::code),
            updated_at: entry.updated_at.0,
            seen_at: entry.seen_at.map(|at| at.0),
            replied_at: entry.replied_at.map(|at| at.0),
            log_seq: entry.log_seq.map(|seq| seq.0),
        }
    }

    fn from_stored(stored: StoredLedgerRow) -> Restored<Self> {
        let entry = LedgerEntry {
            state: stored.state.restore()?,
            thread: ThreadId(stored.thread),
            part: stored.part.map(PartId),
            delivery: stored.delivery.map(DeliveryId),
            state_skipped: code::of_optional::<SkipReason>(stored.state_skipped)?,
            updated_at: Millis(stored.updated_at),
            seen_at: stored.seen_at.map(Millis),
            replied_at: stored.replied_at.map(Millis),
            log_seq: stored.log_seq.map(EventSeq),
        };
        Ok(Self { broadcast: BroadcastId(stored.broadcast), key: stored.key.restore(), entry })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredMailLane {
    broadcast: u64,
    spent_until_us: u64,
    refused_bits: u128,
}

impl Record for MailLane {
    const TABLE: Table = tables::BROADCAST_LANES;
    type Stored = StoredMailLane;

    fn key(&self) -> Vec<u8> {
        key::one(self.broadcast.0)
    }

    fn to_stored(&self) -> StoredMailLane {
        StoredMailLane {
            broadcast: self.broadcast.0,
            spent_until_us: self.spent_until_us,
            refused_bits: self.refused_bits,
        }
    }

    fn from_stored(stored: StoredMailLane) -> Restored<Self> {
        Ok(Self {
            broadcast: BroadcastId(stored.broadcast),
            spent_until_us: stored.spent_until_us,
            refused_bits: stored.refused_bits,
        })
    }
}
