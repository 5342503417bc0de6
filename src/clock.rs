//! The only reader of time and maker of ids.
//!
//! **Invariant:** nothing else in the crate reads a clock; operations get a [`Millis`] as an argument, so that a
//! simulation can set it.

use crate::domain::id::Millis;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// First millisecond of 2026 (UTC): ids count from here so that they stay below 2^53 for 69 years (OBJ-1).
const ID_EPOCH_MS: u64 = 1_767_225_600_000;
/// Ids per millisecond, as a power of two.
const ID_SEQUENCE_BITS: u32 = 12;

/// Wall time and ascending ids, shared by every task of the process.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    last_id: Arc<AtomicU64>,
    fixed: Option<Arc<AtomicU64>>,
}

impl Clock {
    /// A clock that stands still until [`Clock::set`] moves it; for simulation and tests.
    #[must_use]
    pub fn standing_at(now: Millis) -> Self {
        Self { last_id: Arc::default(), fixed: Some(Arc::new(AtomicU64::new(now.0))) }
    }

    /// Moves a standing clock; a real clock is left alone.
    pub fn set(&self, now: Millis) {
        if let Some(fixed) = &self.fixed {
            fixed.store(now.0, Ordering::SeqCst);
        }
    }

    /// Milliseconds since 1970-01-01 UTC.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Millis {
        if let Some(fixed) = &self.fixed {
            return Millis(fixed.load(Ordering::SeqCst));
        }
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Millis(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
    }

    /// This moment, to ask later how far the clock has jumped.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment { wall: self.now(), running: instant() }
    }

    /// How much further than time itself the wall clock went since then; zero when it was set back. A standing clock is only
    /// ever set, so it does not jump.
    #[must_use]
    pub fn jumped_since(&self, earlier: &Moment) -> Duration {
        let went = self.now().since(earlier.wall);
        if self.fixed.is_some() { Duration::ZERO } else { went.saturating_sub(earlier.running.elapsed()) }
    }

    /// The next id: ascending, unique in this process, below 2^53 (OBJ-1).
    #[must_use]
    pub fn next_id(&self) -> u64 {
        let floor = self.now().0.saturating_sub(ID_EPOCH_MS).max(1) << ID_SEQUENCE_BITS;
        let last = self.last_id.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(floor.max(last + 1)));
        floor.max(last.unwrap_or(0) + 1)
    }

    /// When an id was handed out, or a little later for one of many in a millisecond.
    #[must_use]
    pub fn handed_out_at(id: u64) -> Millis {
        Millis((id >> ID_SEQUENCE_BITS).saturating_add(ID_EPOCH_MS))
    }

    /// Never hands out an id at or below `id` again; called at start with the highest id in the store, so that a
    /// clock set back cannot repeat one.
    pub fn ids_after(&self, id: u64) {
        self.last_id.fetch_max(id, Ordering::SeqCst);
    }
}

/// A moment by the wall clock and by the one that cannot be set.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    wall: Millis,
    running: Instant,
}

/// A moment of the monotonic clock, for durations and deadlines.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn instant() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_and_stay_below_two_to_the_53() {
        let clock = Clock::default();
        let first = clock.next_id();
        let second = clock.next_id();
        assert!(second > first);
        assert!(second < 1 << 53);
    }

    #[test]
    fn an_id_tells_its_moment() {
        let clock = Clock::standing_at(Millis(ID_EPOCH_MS + 1_000));
        let ids = [clock.next_id(), clock.next_id()];
        assert_eq!(ids.map(Clock::handed_out_at), [Millis(ID_EPOCH_MS + 1_000); 2]);
    }

    #[test]
    fn a_clock_set_back_repeats_no_id() {
        let clock = Clock::standing_at(Millis(ID_EPOCH_MS + 1_000));
        let first = clock.next_id();
        clock.set(Millis(ID_EPOCH_MS));
        assert!(clock.next_id() > first);
    }

    #[test]
    fn p13_a_clock_that_is_right_does_not_jump() {
        let clock = Clock::default();
        let earlier = clock.moment();
        assert!(clock.jumped_since(&earlier) < Duration::from_secs(60));
        let years = Moment { wall: Millis(0), ..earlier };
        assert!(clock.jumped_since(&years) > Duration::from_hours(24 * 365 * 50));
    }
}
