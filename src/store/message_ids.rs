//! Which threads know a Message-ID: as that of a part, or as one a mail named before it arrived (EML-31).
//!
//! Ids are kept as the first half of their SHA-256: senders choose them, up to the length of a header field.

use crate::domain::id::ThreadId;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables::MESSAGE_IDS;

/// Most threads looked at for one id.
pub const THREADS_MAX: usize = 20;

/// Threads that know the id, oldest first, at most [`THREADS_MAX`].
///
/// # Errors
/// `Corrupt` for a damaged row.
pub fn threads_of(tx: &dyn ReadTx, message_id: &str) -> Result<Vec<ThreadId>> {
    let prefix = key::hash16(message_id);
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
    let row = key::joined(&[&key::hash16(message_id), &key::one(thread.0)]);
    tx.put(MESSAGE_IDS, &row, &[])
}
