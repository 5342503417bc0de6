//! What became of each recipient of a broadcast (BRC-40 to BRC-43).

use crate::domain::broadcast::LedgerKey;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::SkipReason;
use crate::domain::id::DeliveryId;
use crate::domain::id::EventSeq;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;

/// Which rows of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rows {
    /// Threads.
    Threads,
    /// Contacts, by mail.
    Email,
    /// Contacts, in the messenger.
    Messenger,
}

impl Rows {
    /// The kind of a row.
    #[must_use]
    pub fn of(key: LedgerKey) -> Self {
        match key {
            LedgerKey::Thread(_) => Self::Threads,
            LedgerKey::Email(_) => Self::Email,
            LedgerKey::Messenger(_) => Self::Messenger,
        }
    }

    /// Its place in the order of keys.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Threads => 0,
            Self::Email => 1,
            Self::Messenger => 2,
        }
    }
}

/// Where a row stands (BRC-41).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerState {
    /// To be done.
    Queued,
    /// Posted, written to a socket, or taken by the relay.
    Sent,
    /// Acknowledged by the client, or by a positive DSN.
    Delivered,
    /// Read, answered.
    Seen,
    /// Not done on purpose.
    Skipped(SkipReason),
    /// A transient failure; the next try is set.
    Deferred,
    /// Never will be.
    Failed(FailReason),
    /// The relay may have it (BRC-43).
    Uncertain,
}

impl LedgerState {
    /// The words of BRC-41, in the order of the specification.
    pub const WORDS: [&'static str; 8] =
        ["queued", "sent", "delivered", "seen", "skipped", "deferred", "failed", "uncertain"];

    /// The word of BRC-41.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Seen => "seen",
            Self::Skipped(_) => "skipped",
            Self::Deferred => "deferred",
            Self::Failed(_) => "failed",
            Self::Uncertain => "uncertain",
        }
    }

    /// The word of BRC-42.
    #[must_use]
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Skipped(reason) => Some(reason.as_str()),
            Self::Failed(reason) => Some(reason.as_str()),
            Self::Queued | Self::Sent | Self::Delivered | Self::Seen | Self::Deferred | Self::Uncertain => None,
        }
    }
}

/// Why a mail failed (BRC-42).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailReason {
    /// The relay said no.
    RelayRefused,
    /// It came back.
    Bounced,
    /// The relay does not take the address.
    InvalidAddress,
    /// Too large for the relay.
    TooLarge,
    /// It could not be written.
    Render,
    /// The relay deferred it for too long.
    RetriesExhausted,
}

impl FailReason {
    /// The word of BRC-42.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RelayRefused => "relay_refused",
            Self::Bounced => "bounced",
            Self::InvalidAddress => "invalid_address",
            Self::TooLarge => "too_large",
            Self::Render => "render",
            Self::RetriesExhausted => "retries_exhausted",
        }
    }

    /// The reason behind a delivery's words. The enhanced status code (RFC 3463) or the reply code (RFC 5321 §4.2.3) says
    /// which refusal it was.
    #[must_use]
    pub fn from_words(words: &str) -> Self {
        let has = |codes: &[&str]| words.split([' ', ':', ',']).any(|word| codes.contains(&word));
        match words {
            _ if words.starts_with("bounced") => Self::Bounced,
            _ if words.starts_with("retries exhausted") => Self::RetriesExhausted,
            _ if words.starts_with("cannot be ") || words.starts_with("has no Message-ID") => Self::Render,
            _ if has(&["552", "5.2.3", "5.3.4"]) => Self::TooLarge,
            _ if has(&["501", "553", "5.1.3"]) => Self::InvalidAddress,
            _ => Self::RelayRefused,
        }
    }
}

/// What became of a thread, or of a contact on a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Where it stands.
    pub state: LedgerState,
    /// The thread it belongs to (BRC-12).
    pub thread: ThreadId,
    /// The part in that thread.
    pub part: Option<PartId>,
    /// The mail, if one was owed.
    pub delivery: Option<DeliveryId>,
    /// Why the option on the ticket's state was not applied in this thread (ATT-6).
    pub state_skipped: Option<SkipReason>,
    /// When it last moved.
    pub updated_at: Millis,
    /// When the contact saw it.
    pub seen_at: Option<Millis>,
    /// When the contact answered it (BRC-23).
    pub replied_at: Option<Millis>,
    /// A log position at or behind the part's entry: a client that has come so far has the part. For messenger rows.
    pub log_seq: Option<EventSeq>,
}

impl LedgerEntry {
    /// A row in `thread` that stands so.
    #[must_use]
    pub fn new(state: LedgerState, thread: ThreadId, now: Millis) -> Self {
        Self {
            state,
            thread,
            part: None,
            delivery: None,
            state_skipped: None,
            updated_at: now,
            seen_at: None,
            replied_at: None,
            log_seq: None,
        }
    }

    /// The contact saw it: that says more than the relay does, and settles a doubt (BRC-43). What was not sent on purpose
    /// or came back stays so.
    pub fn see(&mut self, now: Millis) {
        self.seen_at.get_or_insert(now);
        if matches!(self.state, LedgerState::Sent | LedgerState::Delivered | LedgerState::Uncertain) {
            (self.state, self.updated_at) = (LedgerState::Seen, now);
        }
    }

    /// Takes over what its delivery has come to.
    pub fn follow(&mut self, delivery: &Delivery, now: Millis) {
        let state = match &delivery.state {
            DeliveryState::Queued => LedgerState::Queued,
            DeliveryState::Deferred => LedgerState::Deferred,
            DeliveryState::Sent if self.seen_at.is_some() => LedgerState::Seen,
            DeliveryState::Sent if self.state == LedgerState::Delivered => LedgerState::Delivered,
            DeliveryState::Sent => LedgerState::Sent,
            DeliveryState::Failed(words) => LedgerState::Failed(FailReason::from_words(words)),
            DeliveryState::Uncertain => LedgerState::Uncertain,
            DeliveryState::Skipped(reason) => LedgerState::Skipped(*reason),
        };
        if self.state != state {
            (self.state, self.updated_at) = (state, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brc_42_a_failure_has_its_reason() {
        for (words, reason) in [
            ("bounced: 550 no such user", FailReason::Bounced),
            ("retries exhausted: 451 later", FailReason::RetriesExhausted),
            ("cannot be rendered: too long", FailReason::Render),
            ("552 5.3.4 message too big", FailReason::TooLarge),
            ("end of text: 552 quota", FailReason::TooLarge),
            ("RCPT TO: 553 5.1.3 bad address", FailReason::InvalidAddress),
            ("550 5.7.1 go away", FailReason::RelayRefused),
        ] {
            assert_eq!(FailReason::from_words(words), reason, "{words}");
        }
    }

    #[test]
    fn brc_43_being_seen_settles_a_doubt_and_brings_nothing_back() {
        let entry = |state| LedgerEntry::new(state, ThreadId(1), Millis(1));
        for (before, after) in [
            (LedgerState::Sent, LedgerState::Seen),
            (LedgerState::Delivered, LedgerState::Seen),
            (LedgerState::Uncertain, LedgerState::Seen),
            (LedgerState::Queued, LedgerState::Queued),
            (LedgerState::Failed(FailReason::Bounced), LedgerState::Failed(FailReason::Bounced)),
            (LedgerState::Skipped(SkipReason::Stopped), LedgerState::Skipped(SkipReason::Stopped)),
        ] {
            let mut row = entry(before);
            row.see(Millis(5));
            assert_eq!((row.state, row.seen_at), (after, Some(Millis(5))));
        }
    }
}
