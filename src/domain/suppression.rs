//! Addresses that get no mail for a while (EML-82, EML-83).
//!
//! **Invariant:** a suppression covers every class of outgoing mail; only an agent's answer goes out in spite of it, and
//! only when the agent says so.

use crate::domain::address::Address;
use crate::domain::id::AgentId;
use crate::domain::id::Millis;
use std::time::Duration;

/// How long an address that does not exist is left alone (EML-82).
pub const HARD_BOUNCE_FOR: Duration = Duration::from_secs(60 * 24 * 3_600);
/// How long an address is left alone after [`FAILURES_MAX`] failures.
pub const FAILURES_FOR: Duration = Duration::from_secs(24 * 3_600);
/// Failures of any kind within [`FAILURES_WINDOW`] that suppress an address.
pub const FAILURES_MAX: usize = 3;
/// The span they are counted in.
pub const FAILURES_WINDOW: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Longest words kept, in characters.
pub const WORDS_CHARS_MAX: usize = 500;

/// Why an address gets no mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuppressedBy {
    /// It does not exist.
    HardBounce,
    /// Mail to it was called spam.
    Complaint,
    /// Several mails failed in a short time.
    Failures,
    /// An agent put it there.
    Agent(AgentId),
}

impl SuppressedBy {
    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HardBounce => "hard_bounce",
            Self::Complaint => "complaint",
            Self::Failures => "repeated_failures",
            Self::Agent(_) => "manual",
        }
    }

    /// Whether mail from the address shows that it may be written to again.
    #[must_use]
    pub fn ends_when_heard_from(self) -> bool {
        match self {
            Self::HardBounce | Self::Failures => true,
            Self::Complaint | Self::Agent(_) => false,
        }
    }
}

/// That an address gets no mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Why.
    pub by: SuppressedBy,
    /// Since when.
    pub since: Millis,
    /// When it ends by itself.
    pub until: Option<Millis>,
    /// What was said about it: the server's words, or the agent's.
    pub words: String,
}

/// What is known of an address that mail to it failed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressStanding {
    /// Whose.
    pub address: Address,
    /// The last failures, oldest first; at most [`FAILURES_MAX`].
    pub failures: Vec<Millis>,
    /// Whether it gets mail.
    pub suppression: Option<Suppression>,
}

impl AddressStanding {
    /// An address of which nothing is known.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self { address, failures: Vec::new(), suppression: None }
    }

    /// The suppression that holds at `now`.
    #[must_use]
    pub fn suppressed(&self, now: Millis) -> Option<&Suppression> {
        self.suppression.as_ref().filter(|suppression| suppression.until.is_none_or(|until| until > now))
    }

    /// Suppresses it; what holds longer already stays.
    pub fn suppress(&mut self, suppression: Suppression) {
        let ends = |one: &Suppression| one.until.map_or(u64::MAX, |until| until.0);
        let known = self.suppressed(suppression.since);
        if known.is_none_or(|known| ends(known) <= ends(&suppression)) {
            self.suppression = Some(suppression);
        }
    }

    /// A mail to it failed.
    pub fn failed(&mut self, hard: bool, words: &str, now: Millis) {
        self.failures.retain(|at| now.since(*at) < FAILURES_WINDOW);
        self.failures.push(now);
        let drop = self.failures.len().saturating_sub(FAILURES_MAX);
        self.failures.drain(..drop);
        let (by, lasts) = match hard {
            true => (SuppressedBy::HardBounce, HARD_BOUNCE_FOR),
            false if self.failures.len() >= FAILURES_MAX => (SuppressedBy::Failures, FAILURES_FOR),
            false => return,
        };
        let words = words.chars().take(WORDS_CHARS_MAX).collect();
        self.suppress(Suppression { by, since: now, until: Some(now.plus(lasts)), words });
    }

    /// Whether nothing is left worth keeping.
    #[must_use]
    pub fn is_empty(&self, now: Millis) -> bool {
        let stale = self.failures.iter().all(|at| now.since(*at) >= FAILURES_WINDOW);
        stale && self.suppressed(now).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3_600);
    const NOW: Millis = Millis(1_790_000_000_000);

    fn standing() -> AddressStanding {
        AddressStanding::new(Address::parse("ana@example.com").unwrap())
    }

    #[test]
    fn eml_82_a_hard_bounce_holds_for_60_days() {
        let mut ana = standing();
        ana.failed(true, "550 5.1.1", NOW);
        let held = ana.suppressed(NOW).unwrap();
        assert_eq!((held.by, held.words.as_str()), (SuppressedBy::HardBounce, "550 5.1.1"));
        assert!(ana.suppressed(NOW.plus(DAY * 59)).is_some());
        assert!(ana.suppressed(NOW.plus(DAY * 60)).is_none() && ana.is_empty(NOW.plus(DAY * 60)));
    }

    #[test]
    fn eml_82_three_failures_in_a_week_hold_for_a_day_and_never_shorten_what_holds() {
        let mut ana = standing();
        ana.failed(false, "552 5.2.2 full", NOW);
        ana.failed(false, "552 5.2.2 full", NOW.plus(DAY * 4));
        let third = NOW.plus(DAY * 8);
        ana.failed(false, "552 5.2.2 full", third);
        assert!(ana.suppressed(third).is_none(), "the first is more than a week ago");
        ana.failed(false, "552 5.2.2 full", third);
        assert_eq!(ana.suppressed(third).map(|held| held.by), Some(SuppressedBy::Failures));
        assert!(ana.suppressed(third.plus(DAY)).is_none());
        ana.failed(true, "550 5.1.1", third);
        ana.failed(false, "552 5.2.2 full", third);
        assert_eq!(ana.suppressed(third).map(|held| held.by), Some(SuppressedBy::HardBounce));
    }
}
