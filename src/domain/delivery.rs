//! One message owed to one recipient over one channel (OBJ-62), and what an attempt came to.
//!
//! States and what a crash leaves in each:
//!
//! | state | meaning | after a crash |
//! |---|---|---|
//! | queued, deferred | in the due index | sent when due |
//! | queued, leased | a worker has it, nothing was handed over yet | lease ends, sent again |
//! | leased, past the dot | the marker was committed before the final dot (BRC-43) | uncertain |
//! | sent, failed, skipped | settled | stays |
//! | uncertain | the relay may have it | one retry with the same Message-ID (EML-65), or an agent settles it |

use crate::domain::address::Address;
use crate::domain::agent_notice::News;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::AgentId;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::DeliveryId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use std::time::Duration;

/// First retry after a transient failure; doubles up to [`RETRY_DELAY_MAX`] (EML-63).
pub const RETRY_DELAY_MIN: Duration = Duration::from_secs(60);
/// Longest time between two tries (EML-63).
pub const RETRY_DELAY_MAX: Duration = Duration::from_secs(4 * 3_600);
/// A delivery that could not be made for this long fails (EML-63).
pub const RETRY_FOR_MAX: Duration = Duration::from_secs(5 * 24 * 3_600);
/// Tries before a mail is given up, however old it is: the first day of them.
pub const RETRY_TRIES_MIN: u32 = 12;
/// When an uncertain one-to-one mail is tried once more (EML-65).
pub const UNCERTAIN_RETRY_AFTER: Duration = Duration::from_secs(15 * 60);
/// Most replies grouped into one mail.
pub const GROUPED_PARTS_MAX: usize = 20;
/// Grouping ends this long after the first unsent reply (EML-72).
pub const GROUPING_MAX: Duration = Duration::from_secs(600);
/// Attempts kept with a delivery; older ones are dropped from the middle.
pub const ATTEMPTS_KEPT_MAX: usize = 40;

/// What is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryKind {
    /// Agents' comments, grouped (NTF-2).
    Reply {
        /// The comments, oldest first.
        parts: Vec<PartId>,
    },
    /// The ticket was made (NTF-1).
    TicketSubmitted,
    /// The ticket's state changed (NTF-3).
    TicketStateChanged {
        /// The part that says so.
        part: PartId,
    },
    /// A form was sent (NTF-4).
    FormSent {
        /// Its card.
        part: PartId,
    },
    /// A mail that began a conversation is acknowledged, where its address does so (EML-74).
    AutoAck {
        /// The mail.
        part: PartId,
    },
    /// A Tracker's broadcast (NTF-5).
    Broadcast {
        /// Which.
        broadcast: BroadcastId,
        /// The part in this thread.
        part: PartId,
    },
    /// A broadcast as one recipient would get it, to the agent who writes it (BRC-7).
    BroadcastTest {
        /// Which.
        broadcast: BroadcastId,
    },
    /// What an agent should know of the thread, grouped (NTF-15). The recipient is [`Delivery::agent`]; no contact has a part
    /// in it.
    AgentNotice {
        /// What, oldest first.
        news: Vec<News>,
    },
}

impl DeliveryKind {
    /// The word of OBJ-62.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Reply { .. } => "reply",
            Self::TicketSubmitted | Self::TicketStateChanged { .. } => "status",
            Self::FormSent { .. } => "form",
            Self::AutoAck { .. } => "auto_ack",
            Self::Broadcast { .. } => "broadcast",
            Self::BroadcastTest { .. } => "broadcast_test",
            Self::AgentNotice { .. } => "agent_notice",
        }
    }

    /// The broadcast whose lane it goes out by; one-to-one mail has none and always goes first (BRC-31).
    #[must_use]
    pub fn lane(&self) -> Option<BroadcastId> {
        match self {
            Self::Broadcast { broadcast, .. } => Some(*broadcast),
            Self::Reply { .. }
            | Self::TicketSubmitted
            | Self::TicketStateChanged { .. }
            | Self::FormSent { .. }
            | Self::AutoAck { .. }
            | Self::BroadcastTest { .. }
            | Self::AgentNotice { .. } => None,
        }
    }

    /// Whether nobody wrote this mail by hand (EML-62).
    #[must_use]
    pub fn is_automatic(&self) -> bool {
        match self {
            Self::Reply { .. } | Self::Broadcast { .. } | Self::BroadcastTest { .. } => false,
            Self::TicketSubmitted
            | Self::TicketStateChanged { .. }
            | Self::FormSent { .. }
            | Self::AutoAck { .. }
            | Self::AgentNotice { .. } => true,
        }
    }

    /// Whether it tells a contact of their ticket, which they can stop (EML-80, NTF-1, NTF-3, NTF-4).
    #[must_use]
    pub fn is_status(&self) -> bool {
        match self {
            Self::TicketSubmitted | Self::TicketStateChanged { .. } | Self::FormSent { .. } => true,
            Self::Reply { .. }
            | Self::AutoAck { .. }
            | Self::Broadcast { .. }
            | Self::BroadcastTest { .. }
            | Self::AgentNotice { .. } => false,
        }
    }
}

/// Why a delivery was not made on purpose (BRC-42).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// Seen in the messenger in time (EML-72).
    SeenInMessenger,
    /// The contact has no address (NTF-13).
    NoAddress,
    /// Another thread of the same contact gets the mail (BRC-12).
    DuplicateContact,
    /// Another contact with the same address gets the mail (BRC-12).
    DuplicateAddress,
    /// Unsubscribed from bulk mail (NTF-14).
    Unsubscribed,
    /// The address does not take mail (EML-82).
    Suppressed,
    /// The contact is blocked (MSG-62).
    Blocked,
    /// Removed from the thread (PAR-4).
    Removed,
    /// Cancelled by an agent.
    Cancelled,
    /// The state went back before the mail was due (NTF-11).
    StateWentBack,
    /// The parts were redacted.
    Redacted,
    /// The policy says no mail (BRC-21).
    PolicyNever,
    /// Too many automatic mails in too short a time (EML-86, EML-87).
    RateLimited,
    /// Wants no more about this issue (BRC-51).
    Stopped,
    /// No longer linked to the Tracker (BRC-14).
    Unlinked,
    /// Merged into a thread that is served itself (BRC-14).
    Merged,
    /// Erased (BRC-14).
    Erased,
    /// Not among the threads that are meant (BRC-8).
    Filtered,
    /// Excluded by name (BRC-8).
    Excluded,
    /// The ticket lacks what its resolution asks for (ATT-6).
    RequiredToClose,
    /// Nobody was ever in a messenger as this contact.
    NoSession,
    /// The agent has seen it, acted since, or wants no mail of it (NTF-15).
    SeenByAgent,
    /// The house mails no contacts (NTF-13).
    MailOff,
}

impl SkipReason {
    /// The word of BRC-42.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SeenInMessenger => "seen_in_messenger",
            Self::NoAddress => "no_address",
            Self::DuplicateContact => "duplicate_contact",
            Self::DuplicateAddress => "duplicate_address",
            Self::Unsubscribed => "unsubscribed",
            Self::Suppressed => "suppressed",
            Self::Blocked => "blocked",
            Self::Removed => "removed",
            Self::Cancelled => "cancelled",
            Self::StateWentBack => "state_went_back",
            Self::Redacted => "redacted",
            Self::PolicyNever => "policy_never",
            Self::RateLimited => "rate_limited",
            Self::Stopped => "stopped",
            Self::Unlinked => "unlinked",
            Self::Merged => "merged",
            Self::Erased => "erased",
            Self::Filtered => "filtered",
            Self::Excluded => "excluded",
            Self::RequiredToClose => "required_to_close",
            Self::NoSession => "no_session",
            Self::SeenByAgent => "seen_by_agent",
            Self::MailOff => "mail_off",
        }
    }
}

/// Where a delivery stands (BRC-41).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// Waits for its time.
    Queued,
    /// A transient failure; waits for the next try.
    Deferred,
    /// The relay took it.
    Sent,
    /// Never will be made; with the reason.
    Failed(String),
    /// The relay may have it (BRC-43).
    Uncertain,
    /// Not made on purpose.
    Skipped(SkipReason),
}

impl DeliveryState {
    /// The word of BRC-41.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Deferred => "deferred",
            Self::Sent => "sent",
            Self::Failed(_) => "failed",
            Self::Uncertain => "uncertain",
            Self::Skipped(_) => "skipped",
        }
    }

    /// Whether nothing more will happen by itself.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !matches!(self, Self::Queued | Self::Deferred)
    }
}

/// How far an attempt got before it ended (SHP-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before anything was handed over.
    BeforeDot,
    /// The message was handed over and no answer came.
    AfterDot,
    /// The relay answered.
    Answered,
}

impl Stage {
    /// The word of SHP-6.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BeforeDot => "before_dot",
            Self::AfterDot => "after_dot",
            Self::Answered => "answered",
        }
    }
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it ended.
    pub at: Millis,
    /// How far it got.
    pub stage: Stage,
    /// The relay's words, or ours.
    pub answer: String,
}

/// A message owed to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Never changes.
    pub id: DeliveryId,
    /// The thread it is about.
    pub thread: ThreadId,
    /// The recipient; 0 for a notice to an agent.
    pub contact: ContactId,
    /// The agent in whose name it goes out, or to whom a notice goes.
    pub agent: Option<AgentId>,
    /// By what it goes out.
    pub channel: ChannelKind,
    /// Recipient's address when it was owed; read again when it is sent.
    pub address: Option<Address>,
    /// The support address it goes out from; decides by which relay ([`crate::domain::mail_share`]).
    pub from: Address,
    /// What is owed.
    pub kind: DeliveryKind,
    /// Where it stands.
    pub state: DeliveryState,
    /// Fixed when the delivery is owed, without brackets (DESIGN §5): a repeat is recognisable, an answer threads.
    pub message_id: String,
    /// When it was owed.
    pub created_at: Millis,
    /// When it is to be made; for grouping, moves (EML-72).
    pub due_at: Millis,
    /// A worker has it until then.
    pub leased_until: Option<Millis>,
    /// The marker of BRC-43: committed before the final dot of the attempt under way.
    pub past_dot: bool,
    /// Whether the one retry of an uncertain mail was used (EML-65).
    pub uncertain_retried: bool,
    /// What was tried, oldest first.
    pub attempts: Vec<Attempt>,
    /// Number of tries; not cut like `attempts`.
    pub attempt_count: u32,
    /// An agent wants it to go out although the address is suppressed (EML-83).
    pub despite_suppression: bool,
}

impl Delivery {
    /// Place in the due index: when a worker should look at it next; `None` when nothing more happens by itself.
    /// An uncertain one-to-one mail comes up once more (EML-65); an uncertain broadcast mail never does (BRC-43).
    #[must_use]
    pub fn wakes_at(&self) -> Option<Millis> {
        let waits = match self.state {
            DeliveryState::Queued | DeliveryState::Deferred => true,
            DeliveryState::Uncertain => !self.uncertain_retried && !matches!(self.kind, DeliveryKind::Broadcast { .. }),
            DeliveryState::Sent | DeliveryState::Failed(_) | DeliveryState::Skipped(_) => false,
        };
        waits.then(|| self.leased_until.unwrap_or(self.due_at))
    }

    /// Whether people should look at it: it failed, or nobody knows whether it arrived.
    #[must_use]
    pub fn needs_attention(&self) -> bool {
        matches!(self.state, DeliveryState::Failed(_) | DeliveryState::Uncertain)
    }
}

/// What a channel says after one attempt: transient or permanent is decided where the failure is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The peer took it.
    Delivered {
        /// The peer's words.
        answer: String,
    },
    /// Try again later (4yz, connection faults before the dot).
    Deferred {
        /// The peer's words or the fault.
        reason: String,
        /// Earliest time the peer would take it, if it said so.
        retry_after: Option<Duration>,
    },
    /// Never (5yz, cannot be composed).
    Failed {
        /// The peer's words or the fault.
        reason: String,
    },
    /// The connection died after the final dot and before the answer (RFC 1047).
    Uncertain {
        /// The fault.
        reason: String,
    },
    /// Found unnecessary when its time came.
    Skipped(SkipReason),
    /// Not now: its broadcast is held (BRC-32). No attempt; it waits as before.
    Held,
    /// Not tried: its destination takes nothing for now. No attempt; it is looked at again after the wait (EML-63).
    Postponed {
        /// So long, and up to a quarter more.
        wait: Duration,
    },
}

/// When to try again after `tries` failed tries, or `None` to give up: one minute doubling to four hours for five days
/// (EML-63), jittered by up to a quarter so that a relay that comes back is not stormed. `jitter` is any random number.
///
/// Days in which nothing was tried, since the daemon was down or the clock was set forward, do not count alone: nothing is
/// given up before [`RETRY_TRIES_MIN`] tries (P13).
#[must_use]
pub fn next_attempt(tries: u32, owed_at: Millis, now: Millis, jitter: u64) -> Option<Millis> {
    if tries >= RETRY_TRIES_MIN && now.since(owed_at) >= RETRY_FOR_MAX {
        return None;
    }
    let doubled = RETRY_DELAY_MIN.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1).min(16)));
    let delay = doubled.min(RETRY_DELAY_MAX);
    let quarter_ms = u64::try_from(delay.as_millis() / 4).unwrap_or(0).max(1);
    Some(now.plus(delay).plus(Duration::from_millis(jitter % quarter_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eml_63_retries_double_from_a_minute_to_four_hours_and_end_after_five_days() {
        let minutes: Vec<u64> =
            (1..=10).map(|tries| next_attempt(tries, Millis(0), Millis(0), 0).unwrap().0 / 60_000).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 64, 128, 240, 240]);
        let five_days = Millis(5 * 24 * 3_600_000);
        assert_eq!(next_attempt(12, Millis(0), five_days, 0), None);
        assert!(next_attempt(12, Millis(0), Millis(five_days.0 - 1), 0).is_some());
        assert!(next_attempt(11, Millis(0), five_days, 0).is_some(), "P13: too few tries to give up");
    }

    #[test]
    fn eml_63_jitter_stays_within_a_quarter() {
        for jitter in [0, 1, 14_999, 15_000, u64::MAX] {
            let at = next_attempt(1, Millis(0), Millis(0), jitter).unwrap().0;
            assert!((60_000..75_000).contains(&at), "{at}");
        }
    }
}
