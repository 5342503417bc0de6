//! How fast mail goes out: so many messages a minute, never more than ten seconds' worth at once.

use std::time::Duration;
use tokio::time::Instant;

/// A burst is at most what the rate gives in this time.
const BURST: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

/// A bucket of permissions to send, filled at the configured rate.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// Time that one message takes at the configured rate.
    gap: Duration,
    burst: Duration,
    /// When the bucket would be empty if everything taken had been taken one by one; `burst` ahead is full.
    spent_until: Instant,
}

impl Pace {
    /// A full bucket for `rate_per_minute` messages; 0 counts as 1.
    pub(crate) fn new(rate_per_minute: u64, now: Instant) -> Self {
        let rate = u32::try_from(rate_per_minute.max(1)).unwrap_or(u32::MAX);
        let gap = (MINUTE / rate).max(Duration::from_nanos(1));
        Self { gap, burst: BURST.max(gap), spent_until: now }
    }

    /// How many messages may go now.
    pub(crate) fn allowed(&self, now: Instant) -> usize {
        let ahead = self.spent_until.saturating_duration_since(now);
        let left = self.burst.saturating_sub(ahead);
        usize::try_from(left.as_nanos() / self.gap.as_nanos()).unwrap_or(usize::MAX)
    }

    /// When the next one may go.
    pub(crate) fn next_at(&self, now: Instant) -> Instant {
        if self.allowed(now) > 0 {
            return now;
        }
        let room = self.burst.saturating_sub(self.gap);
        self.spent_until.checked_sub(room).unwrap_or(now).max(now)
    }

    /// Takes one permission.
    pub(crate) fn take(&mut self, now: Instant) {
        let from = self.spent_until.max(now);
        self.spent_until = from.checked_add(self.gap).unwrap_or(from);
    }

    /// Gives one back that was not used.
    pub(crate) fn give_back(&mut self) {
        self.spent_until = self.spent_until.checked_sub(self.gap).unwrap_or(self.spent_until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_ten_seconds_worth_and_then_the_rate_holds() {
        for (rate, burst, next_s) in [(60, 10, 1), (600, 100, 0), (6, 1, 10), (1, 1, 60), (0, 1, 60)] {
            let start = Instant::now();
            let mut pace = Pace::new(rate, start);
            let mut sent = 0;
            while pace.allowed(start) > 0 {
                pace.take(start);
                sent += 1;
            }
            assert_eq!(sent, burst, "{rate} a minute");
            let next = pace.next_at(start);
            assert_eq!((next - start).as_secs(), next_s, "{rate} a minute");
            assert!(pace.allowed(next) > 0, "{rate} a minute");
        }
    }

    #[test]
    fn in_an_hour_no_more_goes_out_than_the_rate_and_one_burst() {
        let start = Instant::now();
        let mut pace = Pace::new(30, start);
        let mut sent = 0;
        for second in 0..3_600 {
            let now = start + Duration::from_secs(second);
            while pace.allowed(now) > 0 {
                pace.take(now);
                sent += 1;
            }
        }
        assert!((1_799..=1_806).contains(&sent), "{sent}");
    }

    #[test]
    fn what_was_not_used_can_be_used_later() {
        let start = Instant::now();
        let mut pace = Pace::new(1, start);
        pace.take(start);
        pace.give_back();
        assert_eq!(pace.allowed(start), 1);
    }
}
