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

/// Parts with `seq < before_seq`, descending.
///
/// # Errors
/// `Corrupt`.
pub fn before(tx: &dyn ReadTx, thread: ThreadId, before_seq: u64, limit: usize) -> Result<Vec<Part>> {
    record::list(tx.scan_back(tables::PARTS, &key::one(thread.0), &key::two(thread.0, before_seq), limit)?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample;

    #[test]
    fn parts_are_read_by_place_and_never_from_the_next_thread() {
        let store = sample::store();
        let seqs = |parts: Vec<Part>| parts.iter().map(|part| part.seq).collect::<Vec<_>>();
        let read = |from, to, limit| store.view(|tx| of_thread(tx, sample::CONVERSATION, from, to, limit)).map(seqs);
        assert_eq!(read(2, 5, 10), Ok(vec![2, 3, 4]));
        assert_eq!(read(0, u64::MAX, 2), Ok(vec![1, 2]));
        let all = read(1, u64::MAX, 1_000).unwrap();
        assert_eq!(read(16, u64::MAX, 1_000).as_ref(), Ok(&all[15..].to_vec()));
        assert_eq!(store.view(|tx| newest(tx, sample::CONVERSATION, 3)).map(seqs), Ok(all[all.len() - 3..].to_vec()));
        assert_eq!(store.view(|tx| newest(tx, ThreadId(40), 3)).map(seqs), Ok(vec![]));
        assert_eq!(store.view(|tx| by_id(tx, PartId(7))), Ok(None));
    }
}
