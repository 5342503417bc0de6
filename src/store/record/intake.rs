//! Stored form of the journal of incoming mail.

use crate::domain::attachment::BlobHash;
use crate::domain::delivery_class::DeliveryClass;
use crate::domain::id::ContactId;
use crate::domain::id::IntakeId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::intake::IntakeResult;
use crate::domain::intake::IntakeRow;
use crate::domain::part::PlacedBy;
use crate::store::blob_refs;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::message_ids;
use crate::store::record;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::StoredAddress;
use crate::store::record::code;
use crate::store::record::code::Code;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredIntakeRow {
    id: u64,
    raw: Option<[u8; 32]>,
    raw_bytes: u64,
    at: u64,
    source: String,
    reverse_path: Option<String>,
    recipients: Vec<String>,
    support_address: Option<StoredAddress>,
    message_id: String,
    class: Option<u8>,
    result: StoredIntakeResult,
}

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredIntakeResult {
    Part { thread: u64, part: u64, placed_by: u8 },
    Duplicate { of: u64, thread: u64 },
    Own,
    Quarantined { error: String },
    Unsubscribed { contact: u64, tracker: u64 },
}

impl From<&IntakeResult> for StoredIntakeResult {
    fn from(result: &IntakeResult) -> Self {
        match result {
            IntakeResult::Part { thread, part, placed_by } => {
                Self::Part { thread: thread.0, part: part.0, placed_by: placed_by.code() }
            }
            IntakeResult::Duplicate { of, thread } => Self::Duplicate { of: of.0, thread: thread.0 },
            IntakeResult::Own => Self::Own,
            IntakeResult::Quarantined { error } => Self::Quarantined { error: error.clone() },
            IntakeResult::Unsubscribed { contact, tracker } => {
                Self::Unsubscribed { contact: contact.0, tracker: tracker.0 }
            }
        }
    }
}

impl StoredIntakeResult {
    fn restore(self) -> Restored<IntakeResult> {
        Ok(match self {
            Self::Part { thread, part, placed_by } => {
                IntakeResult::Part { thread: ThreadId(thread), part: PartId(part), placed_by: PlacedBy::of(placed_by)? }
            }
            Self::Duplicate { of, thread } => IntakeResult::Duplicate { of: IntakeId(of), thread: ThreadId(thread) },
            Self::Own => IntakeResult::Own,
            Self::Quarantined { error } => IntakeResult::Quarantined { error },
            Self::Unsubscribed { contact, tracker } => {
                IntakeResult::Unsubscribed { contact: ContactId(contact), tracker: ThreadId(tracker) }
            }
        })
    }
}

impl Record for IntakeRow {
    const TABLE: Table = tables::INTAKE;
    const INDEXES: &'static [Table] = &[tables::MESSAGE_IDS, tables::QUARANTINE, tables::BLOB_REFS];
    type Stored = StoredIntakeRow;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        let by_message_id = key::joined(&[&message_ids::prefix(&self.message_id, message_ids::ARRIVAL), &self.key()]);
        let mut rows = vec![(tables::MESSAGE_IDS, by_message_id)];
        rows.extend(self.raw.map(|raw| (tables::BLOB_REFS, blob_refs::row(raw, self.id.0))));
        if matches!(self.result, IntakeResult::Quarantined { .. }) {
            rows.push((tables::QUARANTINE, self.key()));
        }
        rows
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredIntakeRow {
        StoredIntakeRow {
            id: self.id.0,
            raw: self.raw.map(|blob| blob.0),
            raw_bytes: self.raw_bytes,
            at: self.at.0,
            source: self.source.clone(),
            reverse_path: self.reverse_path.clone(),
            recipients: self.recipients.clone(),
            support_address: self.support_address.as_ref().map(record::stored_address),
            message_id: self.message_id.clone(),
            class: self.class.map(Code::code),
            result: (&self.result).into(),
        }
    }

    fn from_stored(stored: StoredIntakeRow) -> Restored<Self> {
        Ok(Self {
            id: IntakeId(stored.id),
            raw: stored.raw.map(BlobHash),
            raw_bytes: stored.raw_bytes,
            at: Millis(stored.at),
            source: stored.source,
            reverse_path: stored.reverse_path,
            recipients: stored.recipients,
            support_address: stored.support_address.map(record::address),
            message_id: stored.message_id,
            class: code::of_optional::<DeliveryClass>(stored.class)?,
            result: stored.result.restore()?,
        })
    }
}
