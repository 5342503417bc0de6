//! Office hours (HRS-1): one schedule for the workspace, one for each team that has its own.

use crate::domain::office_hours::Owner;
use crate::domain::office_hours::Schedule;
use crate::domain::team::TEAMS_MAX;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::record::office_hours::owner_key;
use crate::store::tables;

/// The schedule of that owner, if they have one.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, owner: Owner) -> Result<Option<Schedule>> {
    record::get(tx, &key::one(owner_key(owner)))
}

/// Every schedule, the workspace's first.
///
/// # Errors
/// `Corrupt`.
pub fn all(tx: &dyn ReadTx) -> Result<Vec<Schedule>> {
    record::list(tx.scan(tables::OFFICE_HOURS, &[], key::END, TEAMS_MAX.saturating_add(1))?)
}

/// Sets a schedule.
///
/// # Errors
/// As the engine.
pub fn put(tx: &mut dyn WriteTx, schedule: &Schedule) -> Result<()> {
    record::put(tx, schedule).map(drop)
}

/// Takes a schedule away.
///
/// # Errors
/// As the engine.
pub fn delete(tx: &mut dyn WriteTx, schedule: &Schedule) -> Result<()> {
    record::remove(tx, schedule)
}
