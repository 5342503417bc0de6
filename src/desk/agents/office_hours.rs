//! Office hours: set, read, and what they say now (HRS-1), and how soon an answer may be expected (MSG-20, MSG-24).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::thread::draft::missing;
use crate::desk::thread::stream::SNAPSHOT_CONVERSATIONS_MAX;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::TeamId;
use crate::domain::id::ThreadId;
use crate::domain::office_hours::OfficeState;
use crate::domain::office_hours::Owner;
use crate::domain::office_hours::Schedule;
use crate::domain::refusal::Refusal;
use crate::domain::reply_time;
use crate::domain::reply_time::FirstWait;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadState;
use crate::store;
use crate::store::engine::ReadTx;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// Changes of an office's state that a messenger is told ahead; a tab that stays open longer comes back meanwhile.
pub const CHANGES_TOLD: usize = 8;
/// Conversations that are looked at for the expected reply time: the last changed ones.
const RECENT_THREADS_MAX: usize = 1_000;
/// How far back they count.
const RECENT_MS: u64 = 14 * 24 * 3_600_000;

impl Desk {
    /// Every schedule, the workspace's first. Scope `read_admins`, as for teams.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn office_hours(&self, caller: &Caller) -> Result<Vec<Schedule>> {
        require(caller, &[Scope::ReadAdmins, Scope::Settings])?;
        Ok(self.inner.store.view(store::office_hours::all)?)
    }

    /// Sets a schedule as a whole, whatever its `updated_at` says. Scope `settings`.
    ///
    /// # Errors
    /// `NotFound` for the team; `parameter_invalid` for a zone that is none, a date that stands there twice, or over the
    /// limits.
    pub async fn set_office_hours(&self, caller: &Caller, schedule: Schedule) -> Result<Schedule> {
        require(caller, &[Scope::Settings])?;
        let schedule = Schedule { updated_at: self.inner.clock.now(), ..schedule }.sorted();
        schedule.check()?;
        if TimeZone::get(&schedule.time_zone).is_err() {
            return Err(Refusal::invalid("time_zone", "takes an IANA time zone, as Europe/Berlin").into());
        }
        let set = self.inner.store.update(move |tx| {
            known_owner(&*tx, schedule.owner)?;
            store::office_hours::put(tx, &schedule)?;
            Ok(schedule.clone())
        });
        let set = set.await?;
        self.inner.hours_set.fetch_add(1, Ordering::AcqRel);
        Ok(set)
    }

    /// Takes a schedule away. Scope `settings`.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    pub async fn remove_office_hours(&self, caller: &Caller, owner: Owner) -> Result<()> {
        require(caller, &[Scope::Settings])?;
        let removed = self.inner.store.update(move |tx| {
            let known = store::office_hours::get(&*tx, owner)?;
            store::office_hours::delete(tx, &known.ok_or_else(|| missing("office_hours_schedule"))?)
        });
        removed.await?;
        self.inner.hours_set.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// Every schedule, for those who tell of it when one changes, with a number that is another whenever one was set here.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn schedules(&self) -> Result<(Vec<Schedule>, u64)> {
        let set = self.inner.hours_set.load(Ordering::Acquire);
        Ok((self.inner.store.view(store::office_hours::all)?, set))
    }

    /// How soon a contact may expect the first answer: what is usual for conversations that contacts began in the messenger in
    /// the last 14 days, of the last changed 1,000, in office hours where they are set and the wait is no longer than half a
    /// day's work. Nothing where too few were answered; the same of each team by itself, in its own hours if it has them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn expected_replies(&self) -> Result<ReplyTimes> {
        let now = self.inner.clock.now();
        let (threads, schedules) = self.inner.store.view(|tx| {
            let threads = store::threads::by_update(tx, false, false, None, RECENT_THREADS_MAX)?;
            Ok((threads, store::office_hours::all(tx)?))
        })?;
        let mut all = Vec::new();
        let mut of_teams: BTreeMap<TeamId, Vec<FirstWait>> = BTreeMap::new();
        for thread in &threads {
            let Some(wait) = first_wait(thread, now) else { continue };
            all.push(wait);
            if let Some(team) = thread.team_assignee {
                of_teams.entry(team).or_default().push(wait);
            }
        }
        let of = |owner| schedules.iter().find(|schedule| schedule.owner == owner);
        let house = of(Owner::Workspace);
        let team_s = |(team, waits): (TeamId, Vec<FirstWait>)| {
            Some((team, expected_s(&waits, now, of(Owner::Team(team)).or(house))?))
        };
        Ok(ReplyTimes {
            all_s: expected_s(&all, now, house),
            team_s: of_teams.into_iter().filter_map(team_s).collect(),
        })
    }

    /// The contact's conversations that belong to a team, with what its own hours say now, if it has them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn team_offices(&self, contact: ContactId) -> Result<Vec<(ThreadId, TeamId, Option<OfficeState>)>> {
        let now = self.inner.clock.now();
        Ok(self.inner.store.view(|tx| {
            let mut told = Vec::new();
            for thread in store::threads::of_contact(tx, contact, SNAPSHOT_CONVERSATIONS_MAX)? {
                if let Some(team) = thread.team_assignee {
                    told.push((thread.id, team, team_office(tx, &thread, now)?));
                }
            }
            Ok(told)
        })?)
    }

    /// Whether the house is open, and the next changes of that; nothing where no hours are set for it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn office_now(&self, changes_max: usize) -> Result<Option<OfficeState>> {
        let schedule = self.inner.store.view(|tx| store::office_hours::get(tx, Owner::Workspace))?;
        Ok(schedule.and_then(|schedule| state_of(&schedule, self.inner.clock.now(), changes_max)))
    }
}

/// How soon first answers come as a rule, in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyTimes {
    /// In the house, if enough were answered.
    pub all_s: Option<u64>,
    /// In the teams that answered enough.
    pub team_s: BTreeMap<TeamId, u64>,
}

fn expected_s(waits: &[FirstWait], now: Millis, hours: Option<&Schedule>) -> Option<u64> {
    let zoned = hours.and_then(|hours| Some((TimeZone::get(&hours.time_zone).ok()?, hours)));
    match zoned {
        Some((zone, hours)) => {
            let open_ms = |from, to| hours.open_ms(&zone, from, to);
            reply_time::expected_s(waits, now, Some(&open_ms))
        }
        None => reply_time::expected_s(waits, now, None),
    }
}

/// What the schedule says of a moment; nothing where its zone is none that this machine knows.
#[must_use]
pub fn state_of(schedule: &Schedule, now: Millis, changes_max: usize) -> Option<OfficeState> {
    let zone = TimeZone::get(&schedule.time_zone).ok()?;
    Some(schedule.state_at(&zone, now, changes_max))
}

/// Hours of the team that a conversation belongs to, where it has its own.
pub(crate) fn team_office(tx: &dyn ReadTx, thread: &Thread, now: Millis) -> store::Result<Option<OfficeState>> {
    let Some(team) = thread.team_assignee else { return Ok(None) };
    let schedule = store::office_hours::get(tx, Owner::Team(team))?;
    Ok(schedule.and_then(|schedule| state_of(&schedule, now, CHANGES_TOLD)))
}

/// The first wait of a conversation that a contact began in the messenger of late, if it was answered or still waits.
fn first_wait(thread: &Thread, now: Millis) -> Option<FirstWait> {
    let from = thread.created_at;
    let counts = thread.initial_channel == ChannelKind::Messenger
        && !thread.automatic
        && thread.merged_into.is_none()
        && now.0.saturating_sub(from.0) <= RECENT_MS;
    if !counts {
        return None;
    }
    match thread.first_admin_reply_at {
        // What an agent began waited for nobody.
        Some(at) => Some(FirstWait { from, answered_at: Some(at) }).filter(|_| at > from),
        None => {
            let waits = thread.waiting_since.is_some() && thread.state == ThreadState::Open;
            waits.then_some(FirstWait { from, answered_at: None })
        }
    }
}

fn known_owner(tx: &dyn ReadTx, owner: Owner) -> store::Result<()> {
    let Owner::Team(team) = owner else { return Ok(()) };
    let team = store::teams::get(tx, team)?.filter(|team| !team.archived);
    team.map(drop).ok_or_else(|| missing("team"))
}
