//! How soon an answer may be expected, told from how soon recent ones came (MSG-20, MSG-24).
//!
//! What is told is a step that people use, never below what was measured: "2 hours", not "97 minutes".
//!
//! **Invariant:** too few conversations tell nothing, and one that still waits never makes the time look shorter.

use crate::domain::id::Millis;

/// Fewer first answers than this tell nothing.
pub const SAMPLES_MIN: usize = 5;
/// Office time longer than this runs over a night as a rule, so that the calendar tells better.
const OFFICE_MAX_S: u64 = 4 * 3_600;
/// What is told, in seconds: minutes, hours, days.
const STEPS_S: [u64; 18] = [
    60, 120, 300, 600, 900, 1_800, // minutes
    3_600, 7_200, 10_800, 14_400, 21_600, 28_800, 43_200, // hours
    86_400, 172_800, 259_200, 432_000, 604_800, // days
];

/// A conversation that a contact began, and how long its first answer took or did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstWait {
    /// When the contact wrote.
    pub from: Millis,
    /// When an agent answered; nothing while it waits.
    pub answered_at: Option<Millis>,
}

/// What may be told, in seconds; nothing where there is too little to tell it from. `open_ms` gives how much of a stretch of
/// time somebody was there, where hours are set.
#[must_use]
pub fn expected_s(waits: &[FirstWait], now: Millis, open_ms: Option<&dyn Fn(Millis, Millis) -> u64>) -> Option<u64> {
    if let Some(open_ms) = open_ms {
        let in_office = typical_s(waits, now, open_ms)?;
        if in_office <= OFFICE_MAX_S {
            return Some(told_s(in_office));
        }
    }
    typical_s(waits, now, &|from, to| to.0.saturating_sub(from.0)).map(told_s)
}

/// The middle of the first waits. Those that still wait count once they have waited longer than the middle of the others.
fn typical_s(waits: &[FirstWait], now: Millis, lasted_ms: &dyn Fn(Millis, Millis) -> u64) -> Option<u64> {
    let answered = waits.iter().filter_map(|wait| Some(lasted_ms(wait.from, wait.answered_at?)));
    let mut lasted: Vec<u64> = answered.collect();
    if lasted.len() < SAMPLES_MIN {
        return None;
    }
    let middle = median(&mut lasted)?;
    let waiting = waits.iter().filter(|wait| wait.answered_at.is_none()).map(|wait| lasted_ms(wait.from, now));
    lasted.extend(waiting.filter(|waited| *waited > middle));
    median(&mut lasted).map(|ms| ms.div_ceil(1_000))
}

/// The middle one; of two the later.
fn median(values: &mut [u64]) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// The step that is not below it; the longest for what is longer than all.
fn told_s(typical_s: u64) -> u64 {
    let longest = STEPS_S.last().copied().unwrap_or_default();
    STEPS_S.into_iter().find(|step| *step >= typical_s).unwrap_or(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    fn waits(hours: &[u64]) -> Vec<FirstWait> {
        let wait = |hours: &u64| FirstWait { from: Millis(0), answered_at: Some(Millis(hours * HOUR_MS)) };
        hours.iter().map(wait).collect()
    }

    #[test]
    fn msg_24_the_middle_of_recent_first_answers_is_told_in_a_step_people_use() {
        let now = Millis(100 * HOUR_MS);
        assert_eq!(expected_s(&waits(&[1, 1, 2, 50, 50]), now, None), Some(7_200));
        assert_eq!(expected_s(&waits(&[5, 5, 5, 5, 5]), now, None), Some(21_600), "rounded up");
        assert_eq!(expected_s(&waits(&[0, 0, 0, 0, 0]), now, None), Some(60));
        assert_eq!(expected_s(&waits(&[900, 900, 900, 900, 900]), now, None), Some(604_800));
        assert_eq!(expected_s(&waits(&[1, 1, 1, 1]), now, None), None, "too few");
    }

    #[test]
    fn msg_24_what_still_waits_makes_it_longer_and_never_shorter() {
        let now = Millis(100 * HOUR_MS);
        let waiting = |since: u64| FirstWait { from: Millis(now.0 - since * HOUR_MS), answered_at: None };
        let mut known = waits(&[1, 2, 3, 4, 4]);
        assert_eq!(expected_s(&known, now, None), Some(3 * 3_600));
        known.extend([waiting(0), waiting(0), waiting(1)]);
        assert_eq!(expected_s(&known, now, None), Some(3 * 3_600), "those who came just now");
        known.extend([waiting(30), waiting(30), waiting(30), waiting(30)]);
        assert_eq!(expected_s(&known, now, None), Some(4 * 3_600));
    }

    #[test]
    fn hrs_1_a_night_does_not_count_and_several_days_do() {
        // Somebody is there in the first hour of each ten.
        let open_ms = |from: Millis, to: Millis| to.0.saturating_sub(from.0) / 10;
        let now = Millis(100 * HOUR_MS);
        assert_eq!(expected_s(&waits(&[20, 20, 20, 20, 20]), now, Some(&open_ms)), Some(7_200));
        assert_eq!(expected_s(&waits(&[60, 60, 60, 60, 60]), now, Some(&open_ms)), Some(259_200), "six hours of work");
    }
}
