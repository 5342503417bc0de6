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
use std::fmt;

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

/// What becomes of one mail to several support addresses (EML-17).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MultiAddress {
    /// A conversation for each team and brand that the addresses belong to.
    #[default]
    SplitByTeam,
    /// One conversation.
    Single,
}

/// Where a message lies in a mailbox (EML-15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImapOrigin {
    /// The mailbox's name in the configuration.
    pub mailbox: String,
    /// UIDVALIDITY of the folder (RFC 9051 §2.3.1.1).
    pub uid_validity: u32,
    /// UID of the message.
    pub uid: u32,
}

impl ImapOrigin {
    /// Reads what [`IntakeRow::source`] says of a message from a mailbox.
    #[must_use]
    pub fn parse(source: &str) -> Option<Self> {
        let (rest, uid) = source.strip_prefix("imap ")?.rsplit_once(" uid ")?;
        let (mailbox, uid_validity) = rest.rsplit_once(" uidvalidity ")?;
        Some(Self { mailbox: mailbox.to_owned(), uid_validity: uid_validity.parse().ok()?, uid: uid.parse().ok()? })
    }
}

impl fmt::Display for ImapOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "imap {} uidvalidity {} uid {}", self.mailbox, self.uid_validity, self.uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eml_90_the_place_in_a_mailbox_is_read_as_it_was_written() {
        for mailbox in ["support", "two words", "a uid 7 uidvalidity 8"] {
            let origin = ImapOrigin { mailbox: mailbox.to_owned(), uid_validity: 12, uid: 4_000_000_000 };
            assert_eq!(ImapOrigin::parse(&origin.to_string()), Some(origin));
        }
        for other in ["lmtp 127.0.0.1:1 a", "imap support", "imap a uidvalidity x uid 3", "imap a uidvalidity 3 uid"] {
            assert_eq!(ImapOrigin::parse(other), None, "{other}");
        }
    }
}
