//! What contacts did in the customer's own product, as its program or the messenger tells us (API-27, `/events`).
//!
//! Each event is kept for a while, and counted by its name for good.

use crate::domain::id::ContactId;
use crate::domain::id::DataEventId;
use crate::domain::id::Millis;
use crate::domain::refusal::Refusal;
use std::time::Duration;

/// Longest name, in characters.
pub const EVENT_NAME_CHARS_MAX: usize = 255;
/// Largest metadata, in bytes of JSON.
pub const METADATA_BYTES_MAX: usize = 4_096;
/// Most keys of metadata.
pub const METADATA_KEYS_MAX: usize = 20;
/// Most single events kept of one contact; older ones are only counted.
pub const EVENTS_KEPT_MAX: usize = 250;
/// Most names of events of one contact.
pub const EVENT_NAMES_MAX: usize = 120;
/// Single events are told for so long; older ones are only counted.
pub const TOLD_FOR: Duration = Duration::from_secs(90 * 24 * 3_600);

/// One thing a contact did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataEvent {
    /// Never changes; ascending in the order of arrival.
    pub id: DataEventId,
    /// Who did it.
    pub contact: ContactId,
    /// What, in the caller's words.
    pub name: String,
    /// When, as the caller says.
    pub at: Millis,
    /// More about it: a JSON object, as it was given.
    pub metadata: String,
}

/// How often a contact did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSummary {
    /// Who.
    pub contact: ContactId,
    /// What.
    pub name: String,
    /// How often.
    pub count: u64,
    /// For the first time.
    pub first_at: Millis,
    /// For the last time.
    pub last_at: Millis,
}

impl EventSummary {
    /// Something that was done once.
    #[must_use]
    pub fn once(contact: ContactId, name: &str, at: Millis) -> Self {
        Self { contact, name: name.to_owned(), count: 1, first_at: at, last_at: at }
    }

    /// The same with what another one counted, under its own contact.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        self.count = self.count.saturating_add(other.count);
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
        self
    }
}

/// Refuses a name that is none.
///
/// # Errors
/// `parameter_invalid` naming `event_name`.
pub fn check_name(name: &str) -> Result<(), Refusal> {
    if name.trim().is_empty() || name.chars().count() > EVENT_NAME_CHARS_MAX || name.chars().any(char::is_control) {
        let message = format!("'event_name' takes 1 to {EVENT_NAME_CHARS_MAX} characters without control characters");
        return Err(Refusal::invalid("event_name", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_27_counts_add_up_and_span_both() {
        let early = EventSummary::once(ContactId(1), "ordered", Millis(5));
        let late = EventSummary { count: 4, first_at: Millis(3), last_at: Millis(9), ..early.clone() };
        let both = early.with(&late);
        assert_eq!((both.count, both.first_at, both.last_at), (5, Millis(3), Millis(9)));
    }

    #[test]
    fn api_27_a_name_has_bounds() {
        assert_eq!(check_name("ordered-item"), Ok(()));
        for bad in ["", " ", "a\nb", &"x".repeat(256)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
