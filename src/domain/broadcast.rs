//! A Tracker's message to everybody it is linked to (§4 of the product rules).

use crate::domain::delivery::SkipReason;
use crate::domain::id::AgentId;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::DeliveryId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;

/// Where a broadcast stands (BRC-30, as far as it is sent at once).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BroadcastState {
    /// Threads are being posted to, from the cursor on.
    Running,
    /// Every linked thread has its part; mails may still be in the outbox.
    Finished,
}

impl BroadcastState {
    /// The word of BRC-30.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
        }
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

/// A broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    /// Never changes.
    pub id: BroadcastId,
    /// The Tracker.
    pub tracker: ThreadId,
    /// Who sent it.
    pub author: AgentId,
    /// Their name, for the parts.
    pub author_name: String,
    /// Running or finished.
    pub state: BroadcastState,
    /// For contacts whose thread is not an email thread (BRC-5).
    pub subject: String,
    /// Markdown with placeholders (BRC-2).
    pub body: String,
    /// When mail goes out.
    pub email: EmailPolicy,
    /// When it was sent off; links made later are not part of it (BRC-13).
    pub started_at: Millis,
    /// When every thread had its part.
    pub finished_at: Option<Millis>,
    /// Last linked thread that was served; the worker goes on behind it.
    pub cursor: Option<ThreadId>,
    /// Threads served so far.
    pub threads_done: u64,
    /// Linked threads when it started.
    pub threads_total: u64,
}

/// What became of a thread or of a contact on a channel (BRC-40).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerEntry {
    /// The part stands in the thread.
    Posted {
        /// Which part.
        part: PartId,
    },
    /// A mail was owed; its delivery says how it went.
    Owed {
        /// Which delivery.
        delivery: DeliveryId,
        /// The thread the mail belongs to (BRC-12).
        thread: ThreadId,
    },
    /// Not served, with the reason.
    Skipped {
        /// The thread it would have belonged to.
        thread: ThreadId,
        /// Why.
        reason: SkipReason,
    },
}

/// What a ledger row is about; unique per broadcast (BRC-40).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LedgerKey {
    /// A linked thread.
    Thread(ThreadId),
    /// A contact, by mail.
    Email(ContactId),
}
