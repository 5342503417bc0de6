//! Stored form of office hours.

use crate::domain::id::Millis;
use crate::domain::id::TeamId;
use crate::domain::office_hours::Exception;
use crate::domain::office_hours::Owner;
use crate::domain::office_hours::Schedule;
use crate::domain::office_hours::Stretch;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::tables;
use jiff::civil::Date;
use jiff::civil::Weekday;
use serde::Deserialize;
use serde::Serialize;

/// From and to as minutes of the day.
type StoredStretch = (u16, u16);
/// Year, month and day; name; hours.
type StoredException = ((i16, i8, i8), String, Vec<StoredStretch>);

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredSchedule {
    /// A team, or 0 for the workspace.
    owner: u64,
    time_zone: String,
    /// Weekday from Monday on, which is 0.
    weekly: Vec<(i8, StoredStretch)>,
    exceptions: Vec<StoredException>,
    updated_at: u64,
}

/// The key of an owner's row.
pub(crate) fn owner_key(owner: Owner) -> u64 {
    match owner {
        Owner::Workspace => 0,
        Owner::Team(team) => team.0,
    }
}

fn kept(stretch: Stretch) -> StoredStretch {
    (stretch.from_min, stretch.to_min)
}

fn restored((from_min, to_min): StoredStretch) -> Stretch {
    Stretch { from_min, to_min }
}

impl Record for Schedule {
    const TABLE: Table = tables::OFFICE_HOURS;
    type Stored = StoredSchedule;

    fn key(&self) -> Vec<u8> {
        key::one(owner_key(self.owner))
    }

    fn to_stored(&self) -> StoredSchedule {
        let exception = |it: &Exception| {
            let date = (it.date.year(), it.date.month(), it.date.day());
            (date, it.name.clone(), it.stretches.iter().copied().map(kept).collect())
        };
        StoredSchedule {
            owner: owner_key(self.owner),
            time_zone: self.time_zone.clone(),
            weekly: self.weekly.iter().map(|(day, it)| (day.to_monday_zero_offset(), kept(*it))).collect(),
            exceptions: self.exceptions.iter().map(exception).collect(),
            updated_at: self.updated_at.0,
        }
    }

    fn from_stored(stored: StoredSchedule) -> Restored<Self> {
        let weekly = stored.weekly.into_iter().map(|(day, it)| {
            let day = Weekday::from_monday_zero_offset(day).map_err(|_| "no day of the week")?;
            Ok((day, restored(it)))
        });
        let exceptions = stored.exceptions.into_iter().map(|((year, month, day), name, stretches)| {
            let date = Date::new(year, month, day).map_err(|_| "no date")?;
            Ok(Exception { date, name, stretches: stretches.into_iter().map(restored).collect() })
        });
        Ok(Self {
            owner: if stored.owner == 0 { Owner::Workspace } else { Owner::Team(TeamId(stored.owner)) },
            time_zone: stored.time_zone,
            weekly: weekly.collect::<Restored<_>>()?,
            exceptions: exceptions.collect::<Restored<_>>()?,
            updated_at: Millis(stored.updated_at),
        })
    }
}
