//! How often something may be done: the generic cell rate algorithm, one number per key.
//!
//! **Invariant:** time is an argument; a key that is back at rest costs no memory for long.

use std::collections::HashMap;
use std::hash::Hash;

/// So many at once, then one per `every_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    burst: u64,
    every_ms: u64,
}

impl Pace {
    /// `count` per `per_ms`, all of which may come at once. A `count` of zero counts as one.
    pub(crate) fn new(count: u32, per_ms: u64) -> Self {
        let burst = u64::from(count.max(1));
        Self { burst, every_ms: (per_ms / burst).max(1) }
    }

    /// `burst` at once, then `per_second`.
    pub(crate) fn bursting(burst: u32, per_second: u32) -> Self {
        Self { burst: u64::from(burst.max(1)), every_ms: 1_000 / u64::from(per_second.clamp(1, 1_000)) }
    }

    /// Does it once more at `now_ms`.
    ///
    /// # Errors
    /// Milliseconds to wait when it is too often; nothing is counted then.
    pub(crate) fn take(self, used: &mut Used, now_ms: u64) -> Result<(), u64> {
        let rests_at = used.rests_at_ms.max(now_ms);
        let ahead = rests_at - now_ms;
        let allowed = self.every_ms * (self.burst - 1);
        if ahead > allowed {
            return Err(ahead - allowed);
        }
        used.rests_at_ms = rests_at + self.every_ms;
        Ok(())
    }
}

/// What was used of a [`Pace`]: the time at which it is whole again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    rests_at_ms: u64,
}

/// Keys looked through for forgettable ones whenever the table has doubled.
const SWEEP_AT_LEAST: usize = 1_024;

/// One pace for many keys.
#[derive(Debug)]
pub(crate) struct Paces<K> {
    pace: Pace,
    used: HashMap<K, Used>,
    sweep_at: usize,
}

impl<K: Eq + Hash> Paces<K> {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, used: HashMap::new(), sweep_at: SWEEP_AT_LEAST }
    }

    /// As [`Pace::take`], for `key`.
    ///
    /// # Errors
    /// Milliseconds to wait.
    pub(crate) fn take(&mut self, key: K, now_ms: u64) -> Result<(), u64> {
        if self.used.len() >= self.sweep_at {
            self.used.retain(|_, used| used.rests_at_ms > now_ms);
            self.used.shrink_to(SWEEP_AT_LEAST);
            self.sweep_at = (self.used.len() * 2).max(SWEEP_AT_LEAST);
        }
        self.pace.take(self.used.entry(key).or_default(), now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn msg_61_twenty_at_once_then_one_every_three_seconds() {
        let pace = Pace::new(20, 60_000);
        let mut used = Used::default();
        for n in 0..20 {
            assert_eq!(pace.take(&mut used, 1_000), Ok(()), "message {n}");
        }
        assert_eq!(pace.take(&mut used, 1_000), Err(3_000));
        assert_eq!(pace.take(&mut used, 3_999), Err(1), "what is refused is not counted");
        assert_eq!(pace.take(&mut used, 4_000), Ok(()));
        assert_eq!(pace.take(&mut used, 4_000), Err(3_000));
        assert_eq!(pace.take(&mut used, 1_000_000), Ok(()), "whole again after a rest");
    }

    #[test]
    fn keys_do_not_share() {
        let mut paces = Paces::new(Pace::new(1, 60_000));
        assert_eq!(paces.take(7, 0), Ok(()));
        assert_eq!(paces.take(7, 0), Err(60_000));
        assert_eq!(paces.take(8, 0), Ok(()));
    }

    #[test]
    fn keys_at_rest_are_forgotten() {
        let mut paces = Paces::new(Pace::new(60, 60_000));
        for key in 0..100_000_u64 {
            assert_eq!(paces.take(key, key * 10), Ok(()));
        }
        assert!(paces.used.len() <= 2 * SWEEP_AT_LEAST, "{} keys kept", paces.used.len());
    }
}
