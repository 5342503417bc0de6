//! Who knows a Message-ID: the arrivals that had it, each with its content, and the threads that hold it or heard of it
//! before it arrived (EML-15, EML-31).
//!
//! Ids are kept as the first half of their SHA-256: senders choose them, up to the length of a header field. A letter behind
//! it tells who knows it.

use crate::domain::id::ThreadId;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables::MESSAGE_IDS;

/// An arrival: the row is one of its record.
pub(crate) const ARRIVAL: u8 = b'a';
/// Exact content of an arrival.
pub(crate) const CONTENT: u8 = b'c';
/// A thread.
pub(crate) const THREAD: u8 = b't';

/// What all rows of an id and of a kind begin with.
pub(crate) fn prefix(message_id: &str, kind: u8) -> [u8; 17] {
    let mut prefix = [kind; 17];
    prefix.iter_mut().zip(key::hash16(message_id)).for_each(|(to, from)| *to = from);
    prefix
}

/// Kind of a row, and what stands behind it.
pub(crate) fn read_row(row: &[u8]) -> Option<(u8, &[u8])> {
    row.split_at_checked(16)?.1.split_first().map(|(kind, rest)| (*kind, rest))
}

/// Most threads looked at for one id.
pub const THREADS_MAX: usize = 20;

/// Threads that know the id, oldest first, at most [`THREADS_MAX`].
///
/// # Errors
/// `Corrupt` for a damaged row.
pub fn threads_of(tx: &dyn ReadTx, message_id: &str) -> Result<Vec<ThreadId>> {
    let prefix = prefix(message_id, THREAD);
    let rows = tx.scan(MESSAGE_IDS, &prefix, &key::prefix_end(&prefix), THREADS_MAX)?;
    let thread = |(row, _): (Vec<u8>, Vec<u8>)| {
        key::number_at(&row, prefix.len()).map(ThreadId).ok_or_else(|| record::corrupt(MESSAGE_IDS, &row, "short key"))
    };
    rows.into_iter().map(thread).collect()
}

/// Remembers that `thread` knows the id, given without brackets.
///
/// # Errors
/// As the engine.
pub fn put(tx: &mut dyn WriteTx, message_id: &str, thread: ThreadId) -> Result<()> {
    tx.put(MESSAGE_IDS, &key::joined(&[&prefix(message_id, THREAD), &key::one(thread.0)]), &[])
}
