//! How much automatic mail may go out, and how many conversations one sender may begin (EML-86, EML-88).
//!
//! Every limit is a bucket of the generic cell rate kind: full it lets a whole window's worth through at once, then one at a
//! time as the window's rate gives. What is kept of a bucket is one time, so that it can stand in the store and no restart
//! fills it.

use crate::domain::id::Millis;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

/// So many in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many; 0 counts as 1.
    pub count: u64,
    /// The window.
    pub window: Duration,
}

impl Limit {
    /// So many in an hour.
    #[must_use]
    pub fn hourly(count: u64) -> Self {
        Self { count, window: HOUR }
    }

    /// So many in three hours.
    #[must_use]
    pub fn in_3_h(count: u64) -> Self {
        Self { count, window: HOUR.saturating_mul(3) }
    }

    /// Takes one: until when the bucket is spent then, or `None` when it is over the limit. `spent_until` is what was kept
    /// of the last one taken.
    #[must_use]
    pub fn take(self, spent_until: Option<Millis>, now: Millis) -> Option<Millis> {
        let window = u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX);
        let gap = (window / self.count.max(1)).max(1);
        let from = spent_until.unwrap_or(now).0.max(now.0);
        let until = from.saturating_add(gap);
        (until.saturating_sub(now.0) <= window).then_some(Millis(until))
    }
}

/// The limits of a house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailLimits {
    /// Automatic mails to one address.
    pub per_address: Limit,
    /// Of these, those that say the same.
    pub per_subject: Limit,
    /// Automatic mails about one thread.
    pub per_thread: Limit,
    /// Automatic mails to one domain.
    pub per_domain: Limit,
    /// Automatic mails in all.
    pub in_all: Limit,
    /// Conversations that one sender begins by mail.
    pub new_conversations: Limit,
}

impl Default for MailLimits {
    fn default() -> Self {
        Self {
            per_address: Limit::in_3_h(10),
            per_subject: Limit::in_3_h(2),
            per_thread: Limit::hourly(10),
            per_domain: Limit::hourly(200),
            in_all: Limit::hourly(1_000),
            new_conversations: Limit::hourly(30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(limit: Limit, spent: &mut Option<Millis>, now: Millis, tries: usize) -> usize {
        let take = |_: &usize| match limit.take(*spent, now) {
            Some(until) => {
                *spent = Some(until);
                true
            }
            None => false,
        };
        (0..tries).filter(take).count()
    }

    #[test]
    fn eml_86_a_window_lets_its_count_through_and_then_the_rate() {
        for limit in [Limit::in_3_h(10), Limit::in_3_h(2), Limit::hourly(1_000), Limit::hourly(30)] {
            let (mut spent, mut now) = (None, Millis(1_000_000));
            let count = usize::try_from(limit.count).unwrap();
            assert_eq!(passed(limit, &mut spent, now, count * 2), count, "{limit:?}");
            now = now.plus(limit.window / u32::try_from(limit.count).unwrap());
            assert_eq!(passed(limit, &mut spent, now, count), 1, "{limit:?}");
            now = now.plus(limit.window.saturating_mul(2));
            assert_eq!(passed(limit, &mut spent, now, count * 2), count, "{limit:?}");
        }
    }
}
