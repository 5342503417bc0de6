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

/// The linked thread of a ticket with the greatest id below `thread`.
///
/// # Errors
/// `Corrupt`.
pub fn before(tx: &dyn ReadTx, ticket: ThreadId, thread: ThreadId) -> Result<Option<ThreadId>> {
    let rows = tx.scan_back(tables::LINKS, &key::one(ticket.0), &key::two(ticket.0, thread.0), 1)?;
    let links: Vec<Link> = record::list(rows)?;
    Ok(links.first().map(|link| link.to_thread))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample;

    #[test]
    fn lnk_3_links_are_counted_as_they_come_and_go() {
        let store = sample::store();
        let counted = |up_to| store.view(|tx| count_of_ticket(tx, sample::TRACKER, up_to));
        assert_eq!((counted(9), counted(1)), (Ok(2), Ok(1)));
        let again = || sample::links().remove(0);
        store.update_blocking(move |tx| put(tx, &again())).unwrap();
        assert_eq!(counted(9), Ok(2), "the same link counts once");
        for left in [1, 1, 0] {
            let thread = if left == 1 { sample::CONVERSATION } else { sample::BACK_OFFICE };
            store.update_blocking(move |tx| delete(tx, sample::TRACKER, thread)).unwrap();
            assert_eq!(counted(9), Ok(left));
        }
        assert_eq!(crate::store::verify(&store, None, &mut |_| ()), Ok(Vec::new()));
    }

    #[test]
    fn links_are_seen_from_both_ends_and_in_pages() {
        let store = sample::store();
        let of = |after, limit| {
            let links = store.view(|tx| of_ticket(tx, sample::TRACKER, after, limit)).unwrap();
            links.iter().map(|link| link.to_thread).collect::<Vec<_>>()
        };
        assert_eq!(of(None, 1), [sample::CONVERSATION]);
        assert_eq!(of(Some(sample::CONVERSATION), 9), [sample::BACK_OFFICE]);
        let back = store.view(|tx| of_thread(tx, sample::CONVERSATION, 9)).unwrap();
        assert_eq!(
            back.iter().map(|link| link.from_ticket).collect::<Vec<_>>(),
            [sample::BACK_OFFICE, sample::TRACKER]
        );
        assert_eq!(store.view(|tx| get(tx, sample::CONVERSATION, sample::TRACKER)), Ok(None));
    }
}
