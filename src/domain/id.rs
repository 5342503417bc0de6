//! Ids and moments.
//!
//! Ids are ascending 64-bit numbers below 2^53, shown in decimal; contacts show theirs as 24 hex digits (OBJ-1).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Milliseconds since 1970-01-01 UTC (OBJ-7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// Whole seconds since 1970, as compatible fields show a time (OBJ-7).
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0 / 1_000
    }

    /// This moment moved into the future; saturates.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Whether a moment has come that was at most `wait_max` ahead when it was noted. One that is further ahead of `now` was
    /// noted by a clock that has been set back since: it counts as come, lest it be waited for in vain (P13).
    #[must_use]
    pub fn has_come(self, now: Self, wait_max: Duration) -> bool {
        self <= now || self > now.plus(wait_max)
    }

    /// Time from `earlier` to this moment; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// An id that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct BadId;

macro_rules! decimal_id {
    ($(#[$doc:meta] $name:ident)+) => {$(
        #[$doc]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(BadId);
                }
                text.parse().ok().filter(|id| *id < 1 << 53).map(Self).ok_or(BadId)
            }
        }
    )+};
}

decimal_id! {
    /// A conversation, and the ticket it may carry (OBJ-3).
    ThreadId
    /// A part of a thread.
    PartId
    /// An agent ("admin" in the compatible API).
    AgentId
    /// A team of agents.
    TeamId
    /// A ticket type.
    TicketTypeId
    /// An attribute of a ticket type.
    AttributeId
    /// A ticket state.
    StateId
    /// A broadcast of a Tracker ticket.
    BroadcastId
    /// One message owed to one recipient over one channel.
    DeliveryId
    /// A tag.
    TagId
    /// A note on a contact or a company (OBJ-18).
    NoteId
    /// A saved reply (DSK-9).
    MacroId
    /// A declared attribute of contacts, companies or conversations (API-27).
    DataAttributeId
    /// Something a contact did in the customer's product (API-27).
    DataEventId
    /// Why an agent is away (AWY-1).
    AwayReasonId
    /// A job that runs behind an answer.
    JobId
    /// A file kept with a part.
    AttachmentId
    /// One arrival of one mail, in a thread or in quarantine.
    IntakeId
    /// An API token.
    TokenId
    /// One notification to one webhook subscription.
    NotificationId
    /// Position in the workspace-wide event log (OBJ-6).
    EventSeq
}

macro_rules! hex_id {
    ($(#[$doc:meta] $name:ident)+) => {$(
        #[$doc]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:024x}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                if text.len() != 24 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(BadId);
                }
                u64::from_str_radix(text, 16).map(Self).map_err(|_| BadId)
            }
        }
    )+};
}

hex_id! {
    /// A person who writes to the desk: user, lead or visitor.
    ContactId
    /// A company that contacts belong to (OBJ-16).
    CompanyId
    /// A subscription to webhooks.
    WebhookId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn obj_1_decimal_ids_are_read_below_two_to_the_53_only() {
        assert_eq!("80412".parse(), Ok(ThreadId(80_412)));
        for bad in ["", "-1", "+1", " 1", "9007199254740992", "18446744073709551616", "../1", "1\0"] {
            assert_eq!(bad.parse::<ThreadId>(), Err(BadId), "{bad:?}");
        }
    }

    #[test]
    fn obj_1_contact_ids_are_24_hex_digits() {
        let id = ContactId(0xfeed);
        assert_eq!(id.to_string(), "00000000000000000000feed");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("feed".parse::<ContactId>(), Err(BadId));
    }
}
