//! Alarms that last, by name (EML-6).

use crate::domain::alarm::Alarm;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables;

/// Most alarms that are listed; there is one for each mailbox and kind of trouble.
const ALARMS_MAX: usize = 1_000;

/// The alarm of that name, while its spell lasts.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, name: &str) -> Result<Option<Alarm>> {
    record::get(tx, name.as_bytes())
}

/// Every alarm that lasts, by name.
///
/// # Errors
/// `Corrupt`.
pub fn all(tx: &dyn ReadTx) -> Result<Vec<Alarm>> {
    record::list(tx.scan(tables::ALARMS, &[], key::END, ALARMS_MAX)?)
}

/// Writes an alarm.
///
/// # Errors
/// `Corrupt`.
pub fn put(tx: &mut dyn WriteTx, alarm: &Alarm) -> Result<()> {
    record::put(tx, alarm).map(drop)
}

/// Ends the spell of that name, if there is one.
///
/// # Errors
/// `Corrupt`.
pub fn end(tx: &mut dyn WriteTx, name: &str) -> Result<()> {
    tx.delete(tables::ALARMS, name.as_bytes())
}
