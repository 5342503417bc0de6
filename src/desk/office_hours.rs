//! Office hours: set, read, and what they say now (HRS-1).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::draft::missing;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::id::Millis;
use crate::domain::office_hours::OfficeState;
use crate::domain::office_hours::Owner;
use crate::domain::office_hours::Schedule;
use crate::domain::refusal::Refusal;
use crate::store;
use crate::store::engine::ReadTx;
use jiff::tz::TimeZone;

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
        Ok(set.await?)
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
        Ok(removed.await?)
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

/// What the schedule says of a moment; nothing where its zone is none that this machine knows.
#[must_use]
pub fn state_of(schedule: &Schedule, now: Millis, changes_max: usize) -> Option<OfficeState> {
    let zone = TimeZone::get(&schedule.time_zone).ok()?;
    Some(schedule.state_at(&zone, now, changes_max))
}

fn known_owner(tx: &dyn ReadTx, owner: Owner) -> store::Result<()> {
    let Owner::Team(team) = owner else { return Ok(()) };
    let team = store::teams::get(tx, team)?.filter(|team| !team.archived);
    team.map(drop).ok_or_else(|| missing("team"))
}
