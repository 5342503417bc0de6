//! What agents are told of by mail, and how each of them wants it (NTF-15, DSK-11).

use crate::domain::id::AgentId;
use crate::domain::id::IntakeId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use std::time::Duration;

/// An agent is mailed what they have not seen for so long (NTF-15).
pub const UNSEEN_DELAY: Duration = Duration::from_secs(180);
/// Most news in one notice; what comes on top begins another one.
pub const NEWS_MAX: usize = 20;
/// Minutes of a day.
pub const DAY_MIN: u16 = 24 * 60;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NewsKind {
    /// A customer began a thread.
    NewThread,
    /// A customer wrote on.
    CustomerReply,
    /// A thread was given to them, or to a team of theirs.
    Assignment,
    /// A snooze has ended.
    SnoozeEnd,
    /// A note names them.
    Mention,
    /// A mail to a customer failed for good (EML-63).
    FailedDelivery,
    /// The desk holds a broadcast of theirs (BRC-33).
    BroadcastHeld,
}

impl NewsKind {
    /// Those an agent may switch off; that a broadcast of theirs is held is always told.
    pub const OPTIONAL: [Self; 6] =
        [Self::NewThread, Self::CustomerReply, Self::Assignment, Self::SnoozeEnd, Self::Mention, Self::FailedDelivery];

    /// The word in settings and templates.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewThread => "new_conversation",
            Self::CustomerReply => "customer_reply",
            Self::Assignment => "assignment",
            Self::SnoozeEnd => "snooze_end",
            Self::Mention => "mention",
            Self::FailedDelivery => "failed_delivery",
            Self::BroadcastHeld => "broadcast_held",
        }
    }
}

/// One thing told in a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// A part of the thread.
    Part {
        /// What it is to the agent.
        kind: NewsKind,
        /// Which.
        part: PartId,
        /// Its place in the thread.
        part_seq: u64,
    },
    /// A mail of theirs was put aside instead of posted (EML-46).
    MailNotTaken {
        /// Its arrival.
        intake: IntakeId,
    },
}

impl News {
    /// The part, if it is about one.
    #[must_use]
    pub fn part(&self) -> Option<PartId> {
        match self {
            Self::Part { part, .. } => Some(*part),
            Self::MailNotTaken { .. } => None,
        }
    }
}

/// What an agent wants to be mailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeSettings {
    /// Whose.
    pub agent: AgentId,
    /// What they want no mail for.
    pub off: Vec<NewsKind>,
    /// When mail waits.
    pub quiet_hours: Option<QuietHours>,
}

impl NoticeSettings {
    /// Everything is told, at any time.
    #[must_use]
    pub fn of(agent: AgentId) -> Self {
        Self { agent, off: Vec::new(), quiet_hours: None }
    }

    /// Whether they are mailed of it.
    #[must_use]
    pub fn wants(&self, kind: NewsKind) -> bool {
        !self.off.contains(&kind)
    }

    /// When a notice that is due at `at` may go out.
    #[must_use]
    pub fn may_go_at(&self, at: Millis) -> Millis {
        self.quiet_hours.as_ref().map_or(at, |quiet| quiet.over_at(at))
    }
}

/// A span of each day, perhaps over midnight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// Minute of the day it begins at.
    pub from_min: u16,
    /// Minute of the day it ends at; never the one it begins at.
    pub to_min: u16,
    /// IANA name of the zone it is meant in.
    pub time_zone: String,
}

impl QuietHours {
    /// The end of the span that `at` lies in; `at` itself outside of it.
    #[must_use]
    pub fn over_at(&self, at: Millis) -> Millis {
        let Ok(zone) = jiff::tz::TimeZone::get(&self.time_zone) else { return at };
        let moment = i64::try_from(at.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        let Some(local) = moment.map(|moment| moment.to_zoned(zone)) else { return at };
        let hour_min = i32::from(local.hour()) * 60 + i32::from(local.minute());
        let (from, to, day) = (i32::from(self.from_min), i32::from(self.to_min), i32::from(DAY_MIN));
        let since = (hour_min - from).rem_euclid(day);
        let lasts = (to - from).rem_euclid(day);
        if since >= lasts {
            return at;
        }
        // By the wall clock, so that a change of the clocks moves nothing.
        let over = local.date().at(0, 0, 0, 0).to_zoned(local.time_zone().clone()).ok().and_then(|midnight| {
            let days = i32::from(hour_min >= to);
            let date = midnight.date().checked_add(jiff::Span::new().days(days)).ok()?;
            let (hour, minute) = (i8::try_from(to / 60).ok()?, i8::try_from(to % 60).ok()?);
            date.at(hour, minute, 0, 0).to_zoned(local.time_zone().clone()).ok()
        });
        let over = over.and_then(|over| u64::try_from(over.timestamp().as_millisecond()).ok());
        over.map_or(at, |over| Millis(over.max(at.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        let moment: jiff::Timestamp = text.parse().unwrap();
        Millis(u64::try_from(moment.as_millisecond()).unwrap())
    }

    #[test]
    fn dsk_11_quiet_hours_may_go_over_midnight_and_over_a_change_of_the_clocks() {
        let berlin = |from_min, to_min| QuietHours { from_min, to_min, time_zone: "Europe/Berlin".to_owned() };
        let night = berlin(22 * 60, 7 * 60);
        for (asked, expected) in [
            ("2026-06-01T19:59:59Z", "2026-06-01T19:59:59Z"),
            ("2026-06-01T20:00:00Z", "2026-06-02T05:00:00Z"),
            ("2026-06-02T04:59:00Z", "2026-06-02T05:00:00Z"),
            ("2026-06-02T05:00:00Z", "2026-06-02T05:00:00Z"),
            ("2026-10-24T21:00:00Z", "2026-10-25T06:00:00Z"),
        ] {
            assert_eq!(night.over_at(at(asked)), at(expected), "{asked}");
        }
        let lunch = berlin(12 * 60, 13 * 60);
        assert_eq!(lunch.over_at(at("2026-06-01T10:30:00Z")), at("2026-06-01T11:00:00Z"));
        assert_eq!(lunch.over_at(at("2026-06-01T11:00:00Z")), at("2026-06-01T11:00:00Z"));
    }
}
