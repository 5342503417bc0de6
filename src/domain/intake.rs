//! The journal of what came in by mail (OBJ-67, EML-90).

use crate::domain::address::Address;
use crate::domain::attachment::BlobHash;
use crate::domain::delivery_class::DeliveryClass;
use crate::domain::id::ContactId;
use crate::domain::id::IntakeId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::part::PlacedBy;

/// What became of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntakeResult {
    /// A part of a thread.
    Part {
        /// Where.
        thread: ThreadId,
        /// Which.
        part: PartId,
        /// By which rule.
        placed_by: PlacedBy,
    },
    /// Was here already.
    Duplicate {
        /// The first arrival.
        of: IntakeId,
        /// Where that went.
        thread: ThreadId,
    },
    /// Our own mail.
    Own,
    /// Kept for people to look at.
    Quarantined {
        /// What went wrong.
        error: String,
    },
    /// Asked for no more mail about an issue (BRC-50).
    Unsubscribed {
        /// Who.
        contact: ContactId,
        /// About which Tracker.
        tracker: ThreadId,
    },
}

/// One arrival of one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntakeRow {
    /// Never changes.
    pub id: IntakeId,
    /// The raw message; gone once its part was redacted or its thread deleted (OBJ-47, TCK-15).
    pub raw: Option<BlobHash>,
    /// Its size in bytes.
    pub raw_bytes: u64,
    /// When it arrived.
    pub at: Millis,
    /// By which channel, in words for people (`lmtp 127.0.0.1:1234`, `imap support uid 7`).
    pub source: String,
    /// `MAIL FROM`, if there was an envelope.
    pub reverse_path: Option<String>,
    /// Recipients of the envelope.
    pub recipients: Vec<String>,
    /// The support address it was taken for (EML-10).
    pub support_address: Option<Address>,
    /// Message-ID without brackets, derived where there was none.
    pub message_id: String,
    /// Class; `None` where it could not be read.
    pub class: Option<DeliveryClass>,
    /// What became of it.
    pub result: IntakeResult,
}
