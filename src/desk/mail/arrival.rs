//! The door by which mail comes in: what a channel hands over and what it is told.
//!
//! **Invariant:** [`MailDoor::accept`] answers `Ok` only after the commit that holds the raw message (EML-1); the channel
//! acknowledges (250, cursor moved) only then. On `Err` the channel must not acknowledge.

use crate::domain::address::Address;
use crate::domain::authentication::Authentication;
use crate::domain::id::IntakeId;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
pub use crate::domain::mailbox_cursor::MailboxCursor;
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
        /// What the listener found out about the sender, where it checks.
        checked: Option<Box<Authentication>>,
    },
    /// LMTP listener.
    Lmtp {
        /// `ip:port` or `unix`, and LHLO name.
        peer: String,
    },
    /// Raw MIME handed in over HTTP.
    Http {
        /// The agent whose token was shown.
        caller: String,
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
        /// Whether something is to be done with it in the folder; remembered in the same commit until
        /// [`MailDoor::set_mailbox_cursor`] says that it is done (EML-5).
        follow_up: bool,
        /// Size in bytes of the message that this one stands in for, as that one is too large to be taken in (EML-9).
        stands_for_bytes: Option<u64>,
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

impl Accepted {
    /// What became of the message, in one word for counts and callers.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Part { new_thread: true, .. } => "new_conversation",
            Self::Part { .. } => "part",
            Self::Duplicate(_) => "duplicate",
            Self::Own => "own",
            Self::Tombstoned => "tombstoned",
            Self::Quarantined(_) => "quarantined",
        }
    }
}

impl NotAccepted {
    /// Why it was not accepted, in one word for counts.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::TryAgain(_) => "try_again",
            Self::Full => "full",
            Self::Policy(_) => "refused",
        }
    }
}

/// [`Accepted::as_str`] or [`NotAccepted::as_str`].
pub(crate) fn result_word(outcome: &Result<Accepted, NotAccepted>) -> &'static str {
    outcome.as_ref().map_or_else(NotAccepted::as_str, Accepted::as_str)
}

/// The seam between mail channels and the desk.
pub trait MailDoor: Send + Sync + 'static {
    /// Whether mail to this address is ours to take: a support address, with or without a plus-tag, or one of our
    /// bounce addresses. Cheap: asked at every RCPT.
    fn knows_recipient(&self, address: &Address) -> bool;

    /// Takes a message in; see the module's invariant.
    fn accept(&self, arrival: Arrival) -> impl Future<Output = Result<Accepted, NotAccepted>> + Send;

    /// Takes messages in, in their order, each as [`MailDoor::accept`] does, with an answer for each; one that is not
    /// accepted holds up none behind it.
    fn accept_all(&self, arrivals: Vec<Arrival>) -> impl Future<Output = Vec<Result<Accepted, NotAccepted>>> + Send {
        async move {
            let mut outcomes = Vec::with_capacity(arrivals.len());
            for arrival in arrivals {
                outcomes.push(self.accept(arrival).await);
            }
            outcomes
        }
    }

    /// Which of these messages of a mailbox have no row in the journal (EML-92).
    fn unaccounted(
        &self,
        mailbox: &str,
        uid_validity: u32,
        uids: Vec<u32>,
    ) -> impl Future<Output = Result<Vec<u32>, NotAccepted>> + Send;

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
