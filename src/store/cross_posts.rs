//! Cross-posts under way: which part of which ticket, and the linked thread that was served last.

use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::store::Error;
use crate::store::Result;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::record;
use crate::store::tables::CROSS_POSTS;

/// A part on its way: itself, its ticket, the linked thread served last.
pub type Running = (PartId, ThreadId, ThreadId);

/// Where a cross-post stands: its ticket and the linked thread served last.
///
/// # Errors
/// When the store cannot be read.
pub fn get(tx: &dyn ReadTx, part: PartId) -> Result<Option<(ThreadId, ThreadId)>> {
    let key = part.0.to_be_bytes();
    tx.get(CROSS_POSTS, &key)?.map(|value| read(&key, &value)).transpose()
}

/// Cross-posts that are not finished, oldest first, at most `limit`.
///
/// # Errors
/// When the store cannot be read.
pub fn running(tx: &dyn ReadTx, limit: usize) -> Result<Vec<Running>> {
    let rows = tx.scan(CROSS_POSTS, &[], &[0xff; 9], limit)?;
    let row = |(key, value): (Vec<u8>, Vec<u8>)| {
        let (ticket, cursor) = read(&key, &value)?;
        let id = <[u8; 8]>::try_from(key.as_slice()).map_err(|_| corrupt(&key))?;
        Ok((PartId(u64::from_be_bytes(id)), ticket, cursor))
    };
    rows.into_iter().map(row).collect()
}

/// Moves the cursor of a cross-post.
///
/// # Errors
/// When the store cannot be written.
pub fn put(tx: &mut dyn WriteTx, part: PartId, ticket: ThreadId, cursor: ThreadId) -> Result<()> {
    let value = [ticket.0.to_be_bytes(), cursor.0.to_be_bytes()].concat();
    tx.put(CROSS_POSTS, &part.0.to_be_bytes(), &value)
}

/// Ends a cross-post.
///
/// # Errors
/// When the store cannot be written.
pub fn end(tx: &mut dyn WriteTx, part: PartId) -> Result<()> {
    tx.delete(CROSS_POSTS, &part.0.to_be_bytes())
}

fn read(key: &[u8], value: &[u8]) -> Result<(ThreadId, ThreadId)> {
    let (ticket, cursor) = value.split_at_checked(8).ok_or_else(|| corrupt(key))?;
    let id = |bytes: &[u8]| <[u8; 8]>::try_from(bytes).map(u64::from_be_bytes).map_err(|_| corrupt(key));
    Ok((ThreadId(id(ticket)?), ThreadId(id(cursor)?)))
}

fn corrupt(key: &[u8]) -> Error {
    record::corrupt(CROSS_POSTS, key, "not two ids")
}
