//! Links between tickets and threads.
//!
//! **Invariant:** the number of a ticket's links is counted as they come and go, so that limits (LNK-3) cost one read.

use crate::domain::id::ThreadId;
use crate::domain::link::Link;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables;

/// The link from `ticket` to `thread`.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, ticket: ThreadId, thread: ThreadId) -> Result<Option<Link>> {
    record::get(tx, &key::two(ticket.0, thread.0))
}

/// Links of a ticket by ascending thread id; `after` is the thread of the last one of the page before.
///
/// # Errors
/// `Corrupt`.
pub fn of_ticket(tx: &dyn ReadTx, ticket: ThreadId, after: Option<ThreadId>, limit: usize) -> Result<Vec<Link>> {
    let prefix = key::one(ticket.0);
    let from = after.map_or_else(|| prefix.clone(), |thread| key::after(&key::two(ticket.0, thread.0)));
    record::list(tx.scan(tables::LINKS, &from, &key::prefix_end(&prefix), limit)?)
}

/// Links that point to a thread, by ascending ticket id.
///
/// # Errors
/// `Corrupt`.
pub fn of_thread(tx: &dyn ReadTx, thread: ThreadId, limit: usize) -> Result<Vec<Link>> {
    let prefix = key::one(thread.0);
    let rows = tx.scan(tables::LINKS_BACK, &prefix, &key::prefix_end(&prefix), limit)?;
    record::load(tx, tables::LINKS_BACK, rows)
}

/// Adds or replaces a link.
///
/// # Errors
/// `Corrupt`.
pub fn put(tx: &mut dyn WriteTx, link: &Link) -> Result<()> {
    if record::put(tx, link)?.is_some() {
        return Ok(());
    }
    let links = count(&*tx, link.from_ticket)?.saturating_add(1);
    tx.put(tables::LINK_COUNTS, &key::one(link.from_ticket.0), &key::one(links))
}

/// Takes a link away; nothing happens when there is none.
///
/// # Errors
/// `Corrupt`.
pub fn delete(tx: &mut dyn WriteTx, ticket: ThreadId, thread: ThreadId) -> Result<()> {
    let Some(link) = get(&*tx, ticket, thread)? else { return Ok(()) };
    record::remove(tx, &link)?;
    match count(&*tx, ticket)?.saturating_sub(1) {
        0 => tx.delete(tables::LINK_COUNTS, &key::one(ticket.0)),
        links => tx.put(tables::LINK_COUNTS, &key::one(ticket.0), &key::one(links)),
    }
}

/// How many links a ticket has, at most `up_to`.
///
/// # Errors
/// `Corrupt`.
pub fn count_of_ticket(tx: &dyn ReadTx, ticket: ThreadId, up_to: u64) -> Result<u64> {
    Ok(count(tx, ticket)?.min(up_to))
}

fn count(tx: &dyn ReadTx, ticket: ThreadId) -> Result<u64> {
    let row = key::one(ticket.0);
    let Some(bytes) = tx.get(tables::LINK_COUNTS, &row)? else { return Ok(0) };
    key::number(&bytes).ok_or_else(|| record::corrupt(tables::LINK_COUNTS, &row, "is not a number"))
}
