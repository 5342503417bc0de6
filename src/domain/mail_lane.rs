//! How fast a broadcast's mails go out, and how its relay takes them (BRC-31, BRC-33).
//!
//! **Invariant:** the bucket and the window are facts of the store, written with the leases and verdicts they follow from,
//! so that a restart gives no burst and forgets no refusal.

use crate::domain::id::BroadcastId;
use crate::domain::id::Millis;

/// A burst is at most what the rate gives in this time, in microseconds.
const BURST_US: u64 = 10_000_000;
/// A minute, in microseconds.
const MINUTE_US: u64 = 60_000_000;
/// Verdicts that are remembered.
const WINDOW: u32 = 100;
/// More refusals than this among them, and the broadcast is held.
const REFUSED_MAX: u32 = 20;

/// The lane of one broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailLane {
    /// Whose.
    pub broadcast: BroadcastId,
    /// When the bucket would be empty if everything taken had been taken one by one, in microseconds since 1970.
    pub spent_until_us: u64,
    /// The last verdicts, newest in the lowest bit; a set bit is a refusal.
    pub refused_bits: u128,
}

impl MailLane {
    /// A lane nothing has gone through.
    #[must_use]
    pub fn new(broadcast: BroadcastId) -> Self {
        Self { broadcast, spent_until_us: 0, refused_bits: 0 }
    }

    /// How many mails may begin now.
    #[must_use]
    pub fn allowed(&self, rate_per_minute: Option<u32>, now: Millis) -> usize {
        let Some(gap) = gap_us(rate_per_minute) else { return usize::MAX };
        usize::try_from(BURST_US.max(gap).saturating_sub(self.ahead_us(gap, now)) / gap).unwrap_or(usize::MAX)
    }

    /// How far what was taken reaches into the future. More than a burst was never taken: then the clock has been set back
    /// since, or the rate was raised.
    fn ahead_us(&self, gap: u64, now: Millis) -> u64 {
        let ahead = self.spent_until_us.saturating_sub(now.0.saturating_mul(1_000));
        if ahead > BURST_US.max(gap) { 0 } else { ahead }
    }

    /// When the next one may begin.
    #[must_use]
    pub fn next_at(&self, rate_per_minute: Option<u32>, now: Millis) -> Millis {
        let Some(gap) = gap_us(rate_per_minute).filter(|_| self.allowed(rate_per_minute, now) == 0) else { return now };
        let room = BURST_US.max(gap).saturating_sub(gap);
        Millis(self.spent_until_us.saturating_sub(room).div_ceil(1_000).max(now.0))
    }

    /// Takes so many.
    pub fn take(&mut self, count: usize, rate_per_minute: Option<u32>, now: Millis) {
        let Some(gap) = gap_us(rate_per_minute) else { return };
        let from = now.0.saturating_mul(1_000).saturating_add(self.ahead_us(gap, now));
        self.spent_until_us = from.saturating_add(gap.saturating_mul(u64::try_from(count).unwrap_or(u64::MAX)));
    }

    /// Gives one back that found nothing to send.
    pub fn give_back(&mut self, rate_per_minute: Option<u32>) {
        self.spent_until_us = self.spent_until_us.saturating_sub(gap_us(rate_per_minute).unwrap_or(0));
    }

    /// Notes a verdict; whether the relay has now refused too many of the last hundred.
    #[must_use]
    pub fn note(&mut self, refused: bool) -> bool {
        let kept = (1_u128 << WINDOW) - 1;
        self.refused_bits = ((self.refused_bits << 1) | u128::from(refused)) & kept;
        self.refused_bits.count_ones() > REFUSED_MAX
    }
}

/// Time of one mail; `None` without a rate.
fn gap_us(rate_per_minute: Option<u32>) -> Option<u64> {
    rate_per_minute.map(|rate| (MINUTE_US / u64::from(rate.max(1))).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brc_31_a_burst_is_ten_seconds_worth_and_then_the_rate_holds() {
        for (rate, burst, next_ms) in [(60, 10, 1_000), (600, 100, 100), (6, 1, 10_000), (1, 1, 60_000)] {
            let (now, rate) = (Millis(1_000_000), Some(rate));
            let mut lane = MailLane::new(BroadcastId(1));
            assert_eq!(lane.allowed(rate, now), burst);
            lane.take(burst, rate, now);
            assert_eq!((lane.allowed(rate, now), lane.next_at(rate, now)), (0, Millis(now.0 + next_ms)));
            assert_eq!(lane.allowed(rate, Millis(now.0 + next_ms)), 1);
            lane.give_back(rate);
            assert_eq!(lane.allowed(rate, now), 1);
        }
        assert_eq!(MailLane::new(BroadcastId(1)).allowed(None, Millis(0)), usize::MAX);
    }

    #[test]
    fn p13_a_clock_that_is_set_back_does_not_stop_a_lane() {
        let (later, now, rate) = (Millis(90 * 86_400_000), Millis(1_000_000), Some(60));
        let mut lane = MailLane::new(BroadcastId(1));
        lane.take(10, rate, later);
        assert_eq!((lane.allowed(rate, now), lane.next_at(rate, now)), (10, now));
        lane.take(10, rate, now);
        assert_eq!(lane.next_at(rate, now), Millis(now.0 + 1_000), "the rate holds again");
    }

    #[test]
    fn brc_31_in_an_hour_no_more_goes_out_than_the_rate_and_one_burst() {
        let (mut lane, mut sent) = (MailLane::new(BroadcastId(1)), 0);
        for second in 0..3_600 {
            let now = Millis(1_000_000 + second * 1_000);
            let allowed = lane.allowed(Some(30), now);
            lane.take(allowed, Some(30), now);
            sent += allowed;
        }
        assert!((1_799..=1_806).contains(&sent), "{sent}");
    }

    #[test]
    fn brc_33_more_than_a_fifth_of_the_last_hundred_is_too_much() {
        let mut lane = MailLane::new(BroadcastId(1));
        for _ in 0..20 {
            assert!(!lane.note(true));
        }
        for _ in 0..80 {
            assert!(!lane.note(false));
        }
        assert!(!lane.note(true), "the oldest of twenty has left the window");
        let mut lane = MailLane::new(BroadcastId(1));
        assert_eq!((0..21).filter(|_| lane.note(true)).count(), 1);
    }
}
