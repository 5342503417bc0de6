//! What sockets are told of the house beside the log: whether somebody is there, and how soon an answer comes (HRS-1,
//! MSG-20, MSG-24).
//!
//! **Invariant:** what is kept here is a copy that any process can make anew from the store; it is looked at by a timer, so
//! that a schedule set elsewhere is seen as well.

use crate::channel::messenger::options::ReplyTime;
use crate::channel::messenger::protocol::outgoing::House;
use crate::desk;
use crate::desk::Desk;
use crate::desk::office_hours::CHANGES_TOLD;
use crate::domain::office_hours::Owner;
use crate::domain::office_hours::Schedule;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// The usual reply time is measured so often.
const MEASURED_EVERY_MS: u64 = 10 * 60_000;

/// The copy, and what was last told.
#[derive(Debug, Default)]
pub(crate) struct HouseWatch {
    measured: Mutex<Measured>,
    seen: Mutex<Option<Seen>>,
}

#[derive(Debug, Default)]
struct Measured {
    at_ms: Option<u64>,
    reply_time_s: Option<u64>,
}

/// What a look at the house found.
#[derive(Debug, PartialEq)]
struct Seen {
    schedules: (Vec<Schedule>, u64),
    reply_time_s: Option<u64>,
}

impl HouseWatch {
    /// How it is now; reads the store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn now(&self, desk: &Desk, reply_time: ReplyTime, now_ms: u64) -> desk::Result<House> {
        let reply_time_s = self.reply_time_s(desk, reply_time, now_ms)?;
        Ok(House { office: desk.office_now(CHANGES_TOLD)?, reply_time_s })
    }

    /// Looks, and gives whether something is otherwise than at the last look; the first look changes nothing.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn turned(&self, desk: &Desk, reply_time: ReplyTime, now_ms: u64) -> desk::Result<bool> {
        let reply_time_s = self.reply_time_s(desk, reply_time, now_ms)?;
        let seen = Seen { schedules: desk.schedules()?, reply_time_s };
        let mut before = lock(&self.seen);
        let turned = before.as_ref().is_some_and(|before| *before != seen);
        *before = Some(seen);
        Ok(turned)
    }

    /// Whether a team had hours of its own at the last look.
    pub(crate) fn has_team_hours(&self) -> bool {
        let of_team = |schedule: &Schedule| matches!(schedule.owner, Owner::Team(_));
        lock(&self.seen).as_ref().is_some_and(|seen| seen.schedules.0.iter().any(of_team))
    }

    fn reply_time_s(&self, desk: &Desk, reply_time: ReplyTime, now_ms: u64) -> desk::Result<Option<u64>> {
        match reply_time {
            ReplyTime::Off => Ok(None),
            ReplyTime::Set(seconds) => Ok(Some(seconds)),
            ReplyTime::Measured => {
                // Held while the store is read, so that of many who come at once one measures.
                let mut measured = lock(&self.measured);
                if measured.at_ms.is_none_or(|at_ms| now_ms.saturating_sub(at_ms) >= MEASURED_EVERY_MS) {
                    *measured = Measured { at_ms: Some(now_ms), reply_time_s: desk.expected_reply_s()? };
                }
                Ok(measured.reply_time_s)
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
