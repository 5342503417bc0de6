//! When a team works (HRS-1): hours of each weekday, other hours on single dates, in a time zone.
//!
//! Hours are what a clock on the wall shows. Where it is put forward, hours that do not exist begin and end as much later
//! as it jumps; where it is put back, hours that come twice begin with the first and end with the second. An exception
//! stands for its whole date: it takes away what ran over midnight from the day before, and what it opens itself may run
//! into the next day, unless that is an exception too.
//!
//! **Invariant:** every question is answered from the next 370 days; a moment is in or out, never both.

use crate::domain::id::Millis;
use crate::domain::id::TeamId;
use crate::domain::refusal::Refusal;
use jiff::Timestamp;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

/// Most stretches of a week.
pub const WEEKLY_MAX: usize = 50;
/// Most dates with other hours.
pub const EXCEPTIONS_MAX: usize = 200;
/// Most stretches of one date.
pub const STRETCHES_MAX: usize = 10;
/// Longest name of an exception, in characters.
pub const NAME_CHARS_MAX: usize = 100;
/// Minutes of a day.
pub const DAY_MIN: u16 = 24 * 60;
/// How far ahead an opening is looked for.
const DAYS_LOOKED_AT: i64 = 370;
/// Hours without a pause for so long have no end that anybody asks for.
const OPEN_MAX_MS: u64 = 15 * 24 * 3_600_000;

/// Whose hours they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// Everybody's who has none of their own.
    Workspace,
    /// One team's.
    Team(TeamId),
}

/// From one time of a day to another; one that is not later is on the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch {
    /// Minute of the day, below [`DAY_MIN`].
    pub from_min: u16,
    /// Minute of the day, at most [`DAY_MIN`].
    pub to_min: u16,
}

/// A date with hours of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The date, in the schedule's zone.
    pub date: Date,
    /// What for, shown to agents.
    pub name: String,
    /// Its hours; none closes it.
    pub stretches: Vec<Stretch>,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Whose.
    pub owner: Owner,
    /// IANA name.
    pub time_zone: String,
    /// Stretches by the weekday they begin on, from Monday on.
    pub weekly: Vec<(Weekday, Stretch)>,
    /// By date.
    pub exceptions: Vec<Exception>,
    /// When it was set.
    pub updated_at: Millis,
}

/// How things are at a moment, and how they change behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfficeState {
    /// Whether it is open.
    pub open: bool,
    /// When that changes, and changes back, and so on; no more than were asked for.
    pub changes: Vec<Millis>,
}

impl Stretch {
    /// Minutes from the midnight before it to its end.
    fn end_min(self) -> u16 {
        if self.to_min > self.from_min { self.to_min } else { self.to_min.saturating_add(DAY_MIN) }
    }
}

impl Schedule {
    /// In order, each once.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.weekly.sort_by_key(|(day, stretch)| (day.to_monday_zero_offset(), *stretch));
        self.weekly.dedup();
        self.exceptions.sort_by_key(|exception| exception.date);
        self
    }

    /// Refuses what is over a limit or says the same date twice; of a sorted schedule.
    ///
    /// # Errors
    /// `parameter_invalid`.
    pub fn check(&self) -> Result<(), Refusal> {
        let refuse = |field: &str, message: &str| Err(Refusal::invalid(field, message));
        let valid = |stretch: &Stretch| stretch.from_min < DAY_MIN && stretch.to_min <= DAY_MIN;
        if self.weekly.len() > WEEKLY_MAX || !self.weekly.iter().all(|(_, stretch)| valid(stretch)) {
            return refuse("intervals", "at most 50 intervals, each within a day");
        }
        let fits = |exception: &Exception| {
            exception.stretches.len() <= STRETCHES_MAX
                && exception.stretches.iter().all(valid)
                && exception.name.chars().count() <= NAME_CHARS_MAX
        };
        if self.exceptions.len() > EXCEPTIONS_MAX || !self.exceptions.iter().all(fits) {
            return refuse("exceptions", "at most 200 dates with 10 intervals each, and names of 100 characters");
        }
        let dates = || self.exceptions.iter().map(|exception| exception.date);
        if dates().zip(dates().skip(1)).any(|(one, next)| one == next) {
            return refuse("exceptions", "a date stands there twice");
        }
        Ok(())
    }

    /// How things are at `now`, with up to `changes_max` changes behind it.
    #[must_use]
    pub fn state_at(&self, zone: &TimeZone, now: Millis, changes_max: usize) -> OfficeState {
        let mut state = OfficeState { open: false, changes: Vec::new() };
        let Some(today) = local_date(zone, now) else { return state };
        // Hours that stand close, as those of two days at midnight, are one.
        let mut current: Option<(Millis, Millis)> = None;
        for ahead in -1..DAYS_LOOKED_AT {
            let Ok(date) = today.checked_add(ahead.days()) else { break };
            for (begins, ends) in self.spans(zone, date) {
                match &mut current {
                    Some((_, open_until)) if begins <= *open_until => *open_until = ends.max(*open_until),
                    _ => {
                        if let Some(done) = current.replace((begins, ends)) {
                            state.note(done, now, changes_max);
                        }
                    }
                }
            }
            let lasts = |(begins, ends): (Millis, Millis)| begins <= now && ends.0.saturating_sub(now.0) > OPEN_MAX_MS;
            if current.is_some_and(lasts) {
                state.open = true;
                return state;
            }
            if state.changes.len() >= changes_max.max(1) {
                break;
            }
        }
        if let Some(done) = current {
            state.note(done, now, changes_max);
        }
        state
    }

    /// How long it is open between two moments, in milliseconds; of more than 370 days the first 370.
    #[must_use]
    pub fn open_ms(&self, zone: &TimeZone, from: Millis, to: Millis) -> u64 {
        let (Some(first), Some(last)) = (local_date(zone, from), local_date(zone, to)) else { return 0 };
        let (mut counted_to, mut open_ms) = (from, 0_u64);
        for ahead in -1..DAYS_LOOKED_AT {
            let Ok(date) = first.checked_add(ahead.days()) else { break };
            if date > last {
                break;
            }
            for (begins, ends) in self.spans(zone, date) {
                // Hours that overlap count once.
                let (begins, ends) = (begins.max(counted_to), ends.min(to));
                if begins < ends {
                    open_ms = open_ms.saturating_add(ends.0.saturating_sub(begins.0));
                    counted_to = ends;
                }
            }
        }
        open_ms
    }

    /// What begins on that date, as moments, in order; cut at the midnight where an exception begins.
    fn spans(&self, zone: &TimeZone, date: Date) -> Vec<(Millis, Millis)> {
        let next = date.tomorrow().ok();
        let cut = next.is_some_and(|next| self.exception(next).is_some());
        let mut spans: Vec<_> = self
            .stretches(date)
            .filter_map(|stretch| {
                let end_min = if cut { stretch.end_min().min(DAY_MIN) } else { stretch.end_min() };
                Some((moment(zone, date, stretch.from_min, false)?, moment(zone, date, end_min, true)?))
            })
            .filter(|(begins, ends)| begins < ends)
            .collect();
        spans.sort_unstable();
        spans
    }

    fn exception(&self, date: Date) -> Option<&Exception> {
        self.exceptions.iter().find(|exception| exception.date == date)
    }

    fn stretches(&self, date: Date) -> impl Iterator<Item = Stretch> {
        let exception = self.exception(date);
        let weekly = self.weekly.iter().filter(move |(day, _)| exception.is_none() && *day == date.weekday());
        let own = exception.into_iter().flat_map(|exception| exception.stretches.iter().copied());
        weekly.map(|(_, stretch)| *stretch).chain(own)
    }
}

impl OfficeState {
    /// Hours from one moment to another, in order and apart from those before.
    fn note(&mut self, (begins, ends): (Millis, Millis), now: Millis, changes_max: usize) {
        if begins <= now && now < ends {
            self.open = true;
        }
        for at in [begins, ends] {
            if at > now && self.changes.len() < changes_max {
                self.changes.push(at);
            }
        }
    }
}

fn local_date(zone: &TimeZone, at: Millis) -> Option<Date> {
    let at = Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()?;
    Some(zone.to_datetime(at).date())
}

/// The moment a clock on the wall shows so many minutes of the date, or of the next one.
fn moment(zone: &TimeZone, date: Date, minute: u16, last: bool) -> Option<Millis> {
    let (date, minute) = match minute.checked_sub(DAY_MIN) {
        Some(over) => (date.tomorrow().ok()?, over),
        None => (date, minute),
    };
    let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
    let wanted = zone.to_ambiguous_timestamp(date.at(hour, minute, 0, 0));
    let at = if last { wanted.later() } else { wanted.compatible() }.ok()?;
    u64::try_from(at.as_millisecond()).ok().map(Millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    fn at(text: &str) -> Millis {
        let moment: Timestamp = text.parse().unwrap();
        Millis(u64::try_from(moment.as_millisecond()).unwrap())
    }

    fn clock(text: &str) -> u16 {
        let (hour, minute) = text.split_once(':').unwrap();
        hour.parse::<u16>().unwrap() * 60 + minute.parse::<u16>().unwrap()
    }

    fn stretch(text: &str) -> Stretch {
        let (from, to) = text.split_once('-').unwrap();
        Stretch { from_min: clock(from), to_min: clock(to) }
    }

    fn schedule(weekly: &[(Weekday, &str)], exceptions: &[(&str, &[&str])]) -> Schedule {
        let exception = |(date, hours): &(&str, &[&str])| Exception {
            date: date.parse().unwrap(),
            name: String::new(),
            stretches: hours.iter().map(|hours| stretch(hours)).collect(),
        };
        Schedule {
            owner: Owner::Workspace,
            time_zone: "Europe/Berlin".to_owned(),
            weekly: weekly.iter().map(|(day, hours)| (*day, stretch(hours))).collect(),
            exceptions: exceptions.iter().map(exception).collect(),
            updated_at: Millis(0),
        }
        .sorted()
    }

    /// Monday to Friday, nine to five.
    fn office() -> Schedule {
        use Weekday::*;
        schedule(&[Monday, Tuesday, Wednesday, Thursday, Friday].map(|day| (day, "09:00-17:00")), &[])
    }

    fn asked(schedule: &Schedule, now: &str, changes: usize) -> (bool, Vec<String>) {
        let state = schedule.state_at(&berlin(), at(now), changes);
        let shown = |at: &Millis| Timestamp::from_millisecond(i64::try_from(at.0).unwrap()).unwrap().to_string();
        (state.open, state.changes.iter().map(shown).collect())
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn hrs_1_a_week_has_its_hours() {
        // A Friday in winter: one hour before UTC.
        assert_eq!(
            asked(&office(), "2026-01-09T07:59:59Z", 2),
            (false, texts(&["2026-01-09T08:00:00Z", "2026-01-09T16:00:00Z"]))
        );
        assert_eq!(
            asked(&office(), "2026-01-09T08:00:00Z", 2),
            (true, texts(&["2026-01-09T16:00:00Z", "2026-01-12T08:00:00Z"]))
        );
        assert_eq!(asked(&office(), "2026-01-09T16:00:00Z", 1), (false, texts(&["2026-01-12T08:00:00Z"])));
        assert_eq!(asked(&schedule(&[], &[]), "2026-01-09T16:00:00Z", 3), (false, Vec::new()), "never open");
    }

    #[test]
    fn hrs_1_hours_run_over_midnight_and_into_each_other() {
        use Weekday::*;
        let night = schedule(&[(Friday, "22:00-06:00"), (Saturday, "06:00-08:00")], &[]);
        assert_eq!(
            asked(&night, "2026-01-10T02:00:00Z", 2),
            (true, texts(&["2026-01-10T07:00:00Z", "2026-01-16T21:00:00Z"]))
        );
        assert_eq!(
            asked(&night, "2026-01-10T06:30:00Z", 1),
            (true, texts(&["2026-01-10T07:00:00Z"])),
            "one stretch behind the other"
        );
        let always = [Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday].map(|day| (day, "00:00-24:00"));
        assert_eq!(
            asked(&schedule(&always, &[]), "2026-03-29T01:30:00Z", 2),
            (true, Vec::new()),
            "no end that is known"
        );
        let whole_days = [Monday, Tuesday].map(|day| (day, "09:00-09:00"));
        let (open, changes) = asked(&schedule(&whole_days, &[]), "2026-01-12T12:00:00Z", 1);
        assert_eq!((open, changes), (true, texts(&["2026-01-14T08:00:00Z"])), "from nine to nine, twice");
    }

    #[test]
    fn hrs_1_dated_exceptions_stand_for_their_date() {
        let year = schedule(
            &[(Weekday::Thursday, "22:00-06:00"), (Weekday::Friday, "09:00-17:00")],
            &[("2026-12-25", &[]), ("2026-12-31", &["09:00-12:00"]), ("2027-01-02", &["23:00-02:00"])],
        );
        // Christmas of 2026 is a Friday: the night before ends with its date, and the day is closed.
        assert_eq!(
            asked(&year, "2026-12-24T22:30:00Z", 2),
            (true, texts(&["2026-12-24T23:00:00Z", "2026-12-31T08:00:00Z"]))
        );
        assert!(!asked(&year, "2026-12-25T10:00:00Z", 0).0);
        assert_eq!(
            asked(&year, "2026-12-31T10:00:00Z", 2),
            (true, texts(&["2026-12-31T11:00:00Z", "2027-01-01T08:00:00Z"])),
            "the last day of the year is a short Thursday"
        );
        assert_eq!(
            asked(&year, "2027-01-03T00:30:00Z", 1),
            (true, texts(&["2027-01-03T01:00:00Z"])),
            "into the day behind it"
        );
    }

    #[test]
    fn hrs_1_nights_on_which_the_clock_is_changed() {
        let nights = schedule(&[(Weekday::Sunday, "01:00-02:30"), (Weekday::Sunday, "03:30-09:00")], &[]);
        // 2026-03-29: two o'clock is three o'clock.
        assert_eq!(
            asked(&nights, "2026-03-29T00:30:00Z", 1),
            (true, texts(&["2026-03-29T07:00:00Z"])),
            "half past two is half past three"
        );
        // 2026-10-25: half past two comes twice.
        let autumn = ["2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z", "2026-10-25T08:00:00Z"];
        assert_eq!(asked(&nights, "2026-10-25T00:45:00Z", 3), (true, texts(&autumn)), "open to the second of them");
        let days = schedule(&[(Weekday::Sunday, "09:00-17:00")], &[]);
        for (now, ends) in
            [("2026-03-29T07:00:00Z", "2026-03-29T15:00:00Z"), ("2026-10-25T08:00:00Z", "2026-10-25T16:00:00Z")]
        {
            assert_eq!(asked(&days, now, 1), (true, texts(&[ends])), "nine is nine by the clock");
        }
    }

    #[test]
    fn hrs_1_hours_between_two_moments_are_counted_once() {
        use Weekday::*;
        let open_h = |schedule: &Schedule, from: &str, to: &str| {
            let open_ms = schedule.open_ms(&berlin(), at(from), at(to));
            assert_eq!(open_ms % 1_800_000, 0);
            open_ms / 1_800_000
        };
        assert_eq!(open_h(&office(), "2026-01-09T15:00:00Z", "2026-01-12T09:00:00Z"), 4, "an hour of each day");
        assert_eq!(open_h(&office(), "2026-01-09T17:00:00Z", "2026-01-12T07:00:00Z"), 0, "a weekend");
        assert_eq!(open_h(&office(), "2026-01-09T09:00:00Z", "2026-01-09T09:30:00Z"), 1);
        assert_eq!(open_h(&office(), "2026-01-09T09:30:00Z", "2026-01-09T09:00:00Z"), 0, "backwards");
        let night = schedule(&[(Friday, "22:00-06:00"), (Saturday, "04:00-08:00"), (Saturday, "05:00-06:00")], &[]);
        assert_eq!(open_h(&night, "2026-01-09T12:00:00Z", "2026-01-10T12:00:00Z"), 20, "ten to eight");
        assert_eq!(
            open_h(&office(), "2026-03-27T07:30:00Z", "2026-03-30T07:30:00Z"),
            17,
            "the clock went forward between"
        );
    }

    #[test]
    fn limits_are_said() {
        assert!(office().check().is_ok());
        let many = (0..=10).map(|_| "09:00-10:00").collect::<Vec<_>>();
        assert!(schedule(&[], &[("2026-01-01", &many)]).check().is_err());
        assert!(schedule(&[], &[("2026-01-01", &[]), ("2026-01-01", &[])]).check().is_err());
        assert!(schedule(&[(Weekday::Monday, "24:00-25:00")], &[]).check().is_err());
    }

    prop_compose! {
        fn stretches()(from_min in 0..DAY_MIN, to_min in 0..=DAY_MIN) -> Stretch {
            Stretch { from_min, to_min }
        }
    }

    prop_compose! {
        fn schedules()(
            weekly in prop::collection::vec((0_i8..7, stretches()), 0..8),
            exceptions in prop::collection::vec((0_i64..40, prop::collection::vec(stretches(), 0..3)), 0..6),
        ) -> Schedule {
            let first: Date = "2026-03-10".parse().unwrap();
            let exception = |(after, stretches): (i64, Vec<Stretch>)| Exception {
                date: first.checked_add(after.days()).unwrap(), name: String::new(), stretches,
            };
            let mut schedule = Schedule {
                weekly: weekly.into_iter().map(|(day, it)| (Weekday::from_monday_zero_offset(day).unwrap(), it)).collect(),
                exceptions: exceptions.into_iter().map(exception).collect(),
                ..office()
            }.sorted();
            schedule.exceptions.dedup_by_key(|exception| exception.date);
            schedule
        }
    }

    proptest! {
        #[test]
        fn hrs_1_changes_follow_each_other_and_turn_the_state(schedule in schedules(), minute in 0_u64..40 * 1_440) {
            let now = Millis(at("2026-03-10T00:00:00Z").0 + minute * 60_000);
            let state = schedule.state_at(&berlin(), now, 6);
            prop_assert!(state.changes.iter().all(|change| *change > now));
            prop_assert!(state.changes.is_sorted() && state.changes.windows(2).all(|two| two[0] < two[1]));
            let mut open = state.open;
            for (place, change) in state.changes.iter().enumerate() {
                let before = schedule.state_at(&berlin(), Millis(change.0 - 1), 1);
                let after = schedule.state_at(&berlin(), *change, 1);
                prop_assert_eq!((before.open, after.open), (open, !open), "change {}", place);
                prop_assert_eq!(before.changes.first(), Some(change));
                open = !open;
            }
        }
    }
}
