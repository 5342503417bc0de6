//! Teams (OBJ-13).

use crate::domain::id::TeamId;
use crate::domain::team::TEAMS_MAX;
use crate::domain::team::Team;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables;

/// The team of that id.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, id: TeamId) -> Result<Option<Team>> {
    record::get(tx, &key::one(id.0))
}

/// Every team, oldest first.
///
/// # Errors
/// `Corrupt`.
pub fn all(tx: &dyn ReadTx) -> Result<Vec<Team>> {
    record::list(tx.scan(tables::TEAMS, &[], key::END, TEAMS_MAX)?)
}

/// Adds or changes a team.
///
/// # Errors
/// `Refused` at [`TEAMS_MAX`].
pub fn put(tx: &mut dyn WriteTx, team: &Team) -> Result<()> {
    record::check_room::<Team>(&*tx, &key::one(team.id.0), TEAMS_MAX)?;
    record::put(tx, team).map(drop)
}
