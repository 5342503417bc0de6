//! The door by which mail comes in: what a channel hands over and what it is told.
//!
//! **Invariant:** [`MailDoor::accept`] answers `Ok` only after the commit that holds the raw message (EML-1); the channel
//! acknowledges (250, cursor moved) only then. On `Err` the channel must not acknowledge.

use crate::domain::address::Address;
use crate::domain::id::IntakeId;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use std::future::Future;

/// One message as it arrived, before anything was read of it.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Which channel took it.
    pub source: ArrivalSource,
    /// `MAIL FROM` (RFC 5321); `Some("")` is the null reverse-path, `None` is unknown (IMAP, import without Return-Path).
    pub reverse_path: Option<String>,
    /// Recipients of the envelope; empty where there was none (IMAP).
    pub recipients: Vec<Address>,
    /// The message, byte for byte (P5), dot-unstuffed.
    pub raw: Vec<u8>,
}

/// Where a message came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArrivalSource {
    /// SMTP listener, with the peer's address and HELO name for the journal.
    Smtp {
        /// `ip:port` and HELO name.
        peer: String,
    },
    /// LMTP listener.
    Lmtp {
        /// `ip:port` or `unix`, and LHLO name.
        peer: String,
    },
    /// A mailbox; the three together are a unique key (EML-15) and move the mailbox's cursor in the same commit.
    Imap {
        /// The mailbox's name in the configuration.
        mailbox: String,
        /// UIDVALIDITY of the folder (RFC 9051 §2.3.1.1).
        uid_validity: u32,
        /// UID of the message.
        uid: u32,
        /// Support address for mail that names none of ours (EML-10).
        default_address: Option<Address>,
    },
    /// A file given to `deskgate import`.
    Import {
        /// The file, with the position in an mbox.
        origin: String,
        /// The address named by `--support`.
        support: Address,
    },
}

/// What became of an accepted message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// A new part in a thread.
    Part {
        /// The thread it went to.
        thread: ThreadId,
        /// The part it became.
        part: PartId,
        /// Whether the thread began with it.
        new_thread: bool,
    },
    /// Known already; recorded, nothing added (EML-15).
    Duplicate(ThreadId),
    /// Our own mail come back; journal only (EML-25).
    Own,
    /// Belongs to something deleted; journal only (EML-18).
    Tombstoned,
    /// Could not be taken in; kept whole for people to look at (EML-8).
    Quarantined(IntakeId),
}

/// Why a message was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// Our fault: store, disk. The sender tries again (4yz; the cursor stays).
    #[error("not stored: {0}")]
    TryAgain(String),
    /// Out of space: like `TryAgain`, answered as 452 4.3.1.
    #[error("out of storage space")]
    Full,
    /// Policy: the message can never be taken in as it is (5yz with this text).
    #[error("{0}")]
    Policy(String),
}

/// How far a mailbox was read: UIDs that are done, as ascending closed ranges (EML-2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxCursor {
    /// UIDVALIDITY the ranges belong to; 0 before the first poll.
    pub uid_validity: u32,
    /// Taken UIDs, `first..=last`, ascending, neither touching nor overlapping.
    pub done: Vec<(u32, u32)>,
}

impl MailboxCursor {
    /// Whether `uid` was taken.
    #[must_use]
    pub fn has(&self, uid: u32) -> bool {
        self.done.iter().any(|(first, last)| (*first..=*last).contains(&uid))
    }

    /// Marks `uid` as taken and joins ranges that touch.
    pub fn add(&mut self, uid: u32) {
        if self.has(uid) {
            return;
        }
        self.done.push((uid, uid));
        self.done.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(self.done.len());
        for (first, last) in self.done.drain(..) {
            match joined.last_mut() {
                Some(before) if before.1.saturating_add(1) >= first => before.1 = before.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        self.done = joined;
    }
}

/// The seam between mail channels and the desk.
pub trait MailDoor: Send + Sync + 'static {
    /// Whether mail to this address is ours to take: a support address, with or without a plus-tag, or one of our
    /// bounce addresses. Cheap: asked at every RCPT.
    fn knows_recipient(&self, address: &Address) -> bool;

    /// Takes a message in; see the module's invariant.
    fn accept(&self, arrival: Arrival) -> impl Future<Output = Result<Accepted, NotAccepted>> + Send;

    /// How far `mailbox` was read.
    fn mailbox_cursor(&self, mailbox: &str) -> impl Future<Output = Result<MailboxCursor, NotAccepted>> + Send;

    /// Starts over after the folder's UIDVALIDITY changed (EML-3), or marks UIDs that existed before `import_since` as
    /// done: stores `cursor` as it is.
    fn set_mailbox_cursor(
        &self,
        mailbox: &str,
        cursor: MailboxCursor,
    ) -> impl Future<Output = Result<(), NotAccepted>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eml_2_uids_taken_in_any_order_join_into_ranges() {
        let mut cursor = MailboxCursor::default();
        for uid in [7, 3, 1, 2, 7, 8] {
            cursor.add(uid);
        }
        assert_eq!(cursor.done, [(1, 3), (7, 8)]);
        assert!(cursor.has(2) && !cursor.has(4));
    }
}
