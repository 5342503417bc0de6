//! Work that was begun and has more left than one transaction takes: copies to redact, deleted threads to empty, states
//! to propagate. A row stands until nothing is left; the daemon's worker finds it after any restart.

use crate::domain::id::JobId;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::part::Part;
use crate::domain::propagation::Propagation;
use crate::store::engine::ReadTx;
use crate::store::engine::Table;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables;

/// Copies of a cross-posted note, oldest first, behind `after` (BKO-22).
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn copies(tx: &dyn ReadTx, origin: PartId, after: Option<PartId>, limit: usize) -> Result<Vec<Part>> {
    let prefix = key::one(origin.0);
    let from = after.map_or_else(|| prefix.clone(), |copy| key::after(&key::two(origin.0, copy.0)));
    let rows = tx.scan(tables::COPIES, &from, &key::prefix_end(&prefix), limit)?;
    record::load(tx, tables::COPIES, rows)
}

/// Redacted notes whose copies are not all redacted.
///
/// # Errors
/// `Corrupt`.
pub fn redactions(tx: &dyn ReadTx, limit: usize) -> Result<Vec<PartId>> {
    Ok(ids(tx, tables::REDACTIONS, limit)?.into_iter().map(PartId).collect())
}

/// Notes that a redaction has copies left, or that it has not.
///
/// # Errors
/// As the engine.
pub fn set_redaction(tx: &mut dyn WriteTx, origin: PartId, running: bool) -> Result<()> {
    set(tx, tables::REDACTIONS, origin.0, running)
}

/// Deleted threads that are not empty yet.
///
/// # Errors
/// `Corrupt`.
pub fn purges(tx: &dyn ReadTx, limit: usize) -> Result<Vec<ThreadId>> {
    Ok(ids(tx, tables::PURGES, limit)?.into_iter().map(ThreadId).collect())
}

/// Notes that a deleted thread has something left, or that it has not.
///
/// # Errors
/// As the engine.
pub fn set_purge(tx: &mut dyn WriteTx, thread: ThreadId, running: bool) -> Result<()> {
    set(tx, tables::PURGES, thread.0, running)
}

/// A propagation, running or finished.
///
/// # Errors
/// `Corrupt`.
pub fn propagation(tx: &dyn ReadTx, id: JobId) -> Result<Option<Propagation>> {
    record::get(tx, &key::one(id.0))
}

/// Propagations that run, oldest first.
///
/// # Errors
/// `Corrupt`.
pub fn propagations(tx: &dyn ReadTx, limit: usize) -> Result<Vec<Propagation>> {
    let rows = tx.scan(tables::PROPAGATIONS_RUNNING, &[], key::END, limit)?;
    record::load(tx, tables::PROPAGATIONS_RUNNING, rows)
}

/// Adds or moves on a propagation.
///
/// # Errors
/// `Corrupt`.
pub fn put_propagation(tx: &mut dyn WriteTx, propagation: &Propagation) -> Result<()> {
    record::put(tx, propagation).map(drop)
}

fn ids(tx: &dyn ReadTx, table: Table, limit: usize) -> Result<Vec<u64>> {
    let id = |(row, _): (Vec<u8>, Vec<u8>)| key::number(&row).ok_or_else(|| record::corrupt(table, &row, "is no id"));
    tx.scan(table, &[], key::END, limit)?.into_iter().map(id).collect()
}

fn set(tx: &mut dyn WriteTx, table: Table, id: u64, running: bool) -> Result<()> {
    if running { tx.put(table, &key::one(id), &[]) } else { tx.delete(table, &key::one(id)) }
}
