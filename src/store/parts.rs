//! Parts of threads. Written by `store::save` alone.

use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::part::Part;
use crate::store::engine::ReadTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables;

/// The part at that place; places begin with 1 (OBJ-6).
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, thread: ThreadId, seq: u64) -> Result<Option<Part>> {
    record::get(tx, &key::two(thread.0, seq))
}

/// The part of that id.
///
/// # Errors
/// `Corrupt`.
pub fn by_id(tx: &dyn ReadTx, id: PartId) -> Result<Option<Part>> {
    let row = key::one(id.0);
    let Some(at) = tx.get(tables::PART_BY_ID, &row)? else { return Ok(None) };
    Ok(record::load(tx, tables::PART_BY_ID, vec![(row, at)])?.pop())
}

/// Parts with `from_seq <= seq < to_seq_exclusive`, ascending.
///
/// # Errors
/// `Corrupt`.
pub fn of_thread(
    tx: &dyn ReadTx,
    thread: ThreadId,
    from_seq: u64,
    to_seq_exclusive: u64,
    limit: usize,
) -> Result<Vec<Part>> {
    let from = key::two(thread.0, from_seq);
    record::list(tx.scan(tables::PARTS, &from, &key::two(thread.0, to_seq_exclusive), limit)?)
}

/// The newest parts, ascending.
///
/// # Errors
/// `Corrupt`.
pub fn newest(tx: &dyn ReadTx, thread: ThreadId, limit: usize) -> Result<Vec<Part>> {
    let prefix = key::one(thread.0);
    let mut pairs = tx.scan_back(tables::PARTS, &prefix, &key::prefix_end(&prefix), limit)?;
    pairs.reverse();
    record::list(pairs)
}
