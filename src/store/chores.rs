//! Work that was begun and has more left than one transaction takes: copies to redact, deleted threads to empty, threads of
//! blocked contacts to close, states to propagate. A row stands until nothing is left; the daemon's worker finds it after any restart.

use crate::domain::id::AgentId;
use crate::domain::id::ContactId;
use crate::domain::id::JobId;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::part::Part;
use crate::domain::propagation::Propagation;
use crate::store::engine::ReadTx;
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

/// Redacted notes whose copies are not all redacted, with the copy that was the last one.
///
/// # Errors
/// `Corrupt`.
pub fn redactions(tx: &dyn ReadTx, limit: usize) -> Result<Vec<(PartId, Option<PartId>)>> {
    let read = |(row, value): (Vec<u8>, Vec<u8>)| {
        let origin = key::number(&row).ok_or_else(|| record::corrupt(tables::REDACTIONS, &row, "is no id"))?;
        Ok((PartId(origin), key::number(&value).map(PartId)))
    };
    tx.scan(tables::REDACTIONS, &[], key::END, limit)?.into_iter().map(read).collect()
}

/// Notes where the redaction of copies goes on.
///
/// # Errors
/// As the engine.
pub fn set_redaction(tx: &mut dyn WriteTx, origin: PartId, last: PartId) -> Result<()> {
    tx.put(tables::REDACTIONS, &key::one(origin.0), &key::one(last.0))
}

/// Every copy is redacted.
///
/// # Errors
/// As the engine.
pub fn end_redaction(tx: &mut dyn WriteTx, origin: PartId) -> Result<()> {
    tx.delete(tables::REDACTIONS, &key::one(origin.0))
}

/// Deleted threads that are not empty yet.
///
/// # Errors
/// `Corrupt`.
pub fn purges(tx: &dyn ReadTx, limit: usize) -> Result<Vec<ThreadId>> {
    let id = |(row, _): (Vec<u8>, Vec<u8>)| {
        key::number(&row).map(ThreadId).ok_or_else(|| record::corrupt(tables::PURGES, &row, "is no id"))
    };
    tx.scan(tables::PURGES, &[], key::END, limit)?.into_iter().map(id).collect()
}

/// Notes that a deleted thread has something left, or that it has not.
///
/// # Errors
/// As the engine.
pub fn set_purge(tx: &mut dyn WriteTx, thread: ThreadId, running: bool) -> Result<()> {
    let row = key::one(thread.0);
    if running { tx.put(tables::PURGES, &row, &[]) } else { tx.delete(tables::PURGES, &row) }
}

/// Threads of a contact that are being closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Whose.
    pub contact: ContactId,
    /// Who asked for it.
    pub by: AgentId,
    /// The thread looked at last.
    pub after: ThreadId,
}

/// The closing of a contact's threads that is under way.
///
/// # Errors
/// `Corrupt`.
pub fn closing(tx: &dyn ReadTx, contact: ContactId) -> Result<Option<Closing>> {
    let row = key::one(contact.0);
    tx.get(tables::CLOSINGS, &row)?.map(|value| read_closing(&row, &value)).transpose()
}

/// Every closing under way.
///
/// # Errors
/// `Corrupt`.
pub fn closings(tx: &dyn ReadTx, limit: usize) -> Result<Vec<Closing>> {
    let rows = tx.scan(tables::CLOSINGS, &[], key::END, limit)?;
    rows.iter().map(|(row, value)| read_closing(row, value)).collect()
}

fn read_closing(row: &[u8], value: &[u8]) -> Result<Closing> {
    match (key::number(row), key::number_at(value, 0), key::number_at(value, 8)) {
        (Some(contact), Some(by), Some(after)) => {
            Ok(Closing { contact: ContactId(contact), by: AgentId(by), after: ThreadId(after) })
        }
        _ => Err(record::corrupt(tables::CLOSINGS, row, "is no closing")),
    }
}

/// Begins a closing, or moves it on.
///
/// # Errors
/// As the engine.
pub fn put_closing(tx: &mut dyn WriteTx, closing: Closing) -> Result<()> {
    tx.put(tables::CLOSINGS, &key::one(closing.contact.0), &key::two(closing.by.0, closing.after.0))
}

/// Nothing is left to close, or nothing is to be closed any more.
///
/// # Errors
/// As the engine.
pub fn end_closing(tx: &mut dyn WriteTx, contact: ContactId) -> Result<()> {
    tx.delete(tables::CLOSINGS, &key::one(contact.0))
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
