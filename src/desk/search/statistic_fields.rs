//! Statistics by which conversations are searched (API-31, REP-10).

use crate::domain::id::Millis;
use crate::domain::search::Datum;
use crate::domain::search::Kind;
use crate::domain::statistics::Statistics;

/// A time, a duration in seconds or a count of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Statistic {
    TimeToAssignment,
    TimeToAdminReply,
    TimeToFirstClose,
    TimeToLastClose,
    MedianTimeToReply,
    FirstContactReplyAt,
    FirstAssignmentAt,
    FirstAdminReplyAt,
    FirstCloseAt,
    LastAssignmentAt,
    LastAssignmentAdminReplyAt,
    LastContactReplyAt,
    LastAdminReplyAt,
    LastCloseAt,
    LastClosedBy,
    CountReopens,
    CountAssignments,
    CountParts,
    HandlingTime,
    AdjustedHandlingTime,
}

impl Statistic {
    pub(super) fn named(name: &str) -> Option<(Self, Kind)> {
        Some(match name {
            "time_to_assignment" => (Self::TimeToAssignment, Kind::Number),
            "time_to_admin_reply" => (Self::TimeToAdminReply, Kind::Number),
            "time_to_first_close" => (Self::TimeToFirstClose, Kind::Number),
            "time_to_last_close" => (Self::TimeToLastClose, Kind::Number),
            "median_time_to_reply" => (Self::MedianTimeToReply, Kind::Number),
            "first_contact_reply_at" => (Self::FirstContactReplyAt, Kind::Moment),
            "first_assignment_at" => (Self::FirstAssignmentAt, Kind::Moment),
            "first_admin_reply_at" => (Self::FirstAdminReplyAt, Kind::Moment),
            "first_close_at" => (Self::FirstCloseAt, Kind::Moment),
            "last_assignment_at" => (Self::LastAssignmentAt, Kind::Moment),
            "last_assignment_admin_reply_at" => (Self::LastAssignmentAdminReplyAt, Kind::Moment),
            "last_contact_reply_at" => (Self::LastContactReplyAt, Kind::Moment),
            "last_admin_reply_at" => (Self::LastAdminReplyAt, Kind::Moment),
            "last_close_at" => (Self::LastCloseAt, Kind::Moment),
            "last_closed_by_id" => (Self::LastClosedBy, Kind::Id),
            "count_reopens" => (Self::CountReopens, Kind::Number),
            "count_assignments" => (Self::CountAssignments, Kind::Number),
            "count_conversation_parts" => (Self::CountParts, Kind::Number),
            "handling_time" => (Self::HandlingTime, Kind::Number),
            "adjusted_handling_time" => (Self::AdjustedHandlingTime, Kind::Number),
            _ => return None,
        })
    }

    /// What it is of a thread.
    pub(super) fn of(self, known: &Statistics) -> Vec<Datum> {
        let at = |at: Option<Millis>| at.map(Datum::moment).into_iter().collect();
        let number = |number: Option<u64>| {
            let whole = number.and_then(|number| number.to_string().parse().ok());
            whole.map(Datum::Number).into_iter().collect()
        };
        match self {
            Self::TimeToAssignment => number(known.time_to_assignment_s),
            Self::TimeToAdminReply => number(known.time_to_admin_reply_s),
            Self::TimeToFirstClose => number(known.time_to_first_close_s),
            Self::TimeToLastClose => number(known.time_to_last_close_s),
            Self::MedianTimeToReply => number(known.median_time_to_reply_s),
            Self::FirstContactReplyAt => at(known.first_contact_reply_at),
            Self::FirstAssignmentAt => at(known.first_assignment_at),
            Self::FirstAdminReplyAt => at(known.first_admin_reply_at),
            Self::FirstCloseAt => at(known.first_close_at),
            Self::LastAssignmentAt => at(known.last_assignment_at),
            Self::LastAssignmentAdminReplyAt => at(known.last_assignment_admin_reply_at),
            Self::LastContactReplyAt => at(known.last_contact_reply_at),
            Self::LastAdminReplyAt => at(known.last_admin_reply_at),
            Self::LastCloseAt => at(known.last_close_at),
            Self::LastClosedBy => known.last_closed_by.map(|agent| Datum::Id(agent.0)).into_iter().collect(),
            Self::CountReopens => number(Some(known.count_reopens)),
            Self::CountAssignments => number(Some(known.count_assignments)),
            Self::CountParts => number(Some(known.count_parts)),
            Self::HandlingTime => number(Some(known.handling_time_s)),
            Self::AdjustedHandlingTime => number(Some(known.adjusted_handling_time_s)),
        }
    }
}
