//! Threads and tickets, as they are looked up and listed. Written by `store::save` alone.

use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::thread::Thread;
use crate::store::by_contact;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::meta;
use crate::store::record;
use crate::store::tables;

/// The thread of that id, unless it was deleted (TCK-15).
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, id: ThreadId) -> Result<Option<Thread>> {
    Ok(even_deleted(tx, id)?.filter(|thread| thread.deleted_at.is_none()))
}

/// The thread of that id; of a deleted one, its tombstone.
///
/// # Errors
/// `Corrupt`.
pub fn even_deleted(tx: &dyn ReadTx, id: ThreadId) -> Result<Option<Thread>> {
    record::get(tx, &key::one(id.0))
}

/// Threads merged into this one, oldest first (MRG-2).
///
/// # Errors
/// `Corrupt`.
pub fn merged_into(tx: &dyn ReadTx, primary: ThreadId, limit: usize) -> Result<Vec<Thread>> {
    let prefix = key::one(primary.0);
    let rows = tx.scan(tables::MERGED, &prefix, &key::prefix_end(&prefix), limit)?;
    record::load(tx, tables::MERGED, rows)
}

/// Threads by last change, newest first; `before` is the last one of the page before.
///
/// # Errors
/// `Corrupt`.
pub fn newest(tx: &dyn ReadTx, before: Option<(Millis, ThreadId)>, limit: usize) -> Result<Vec<Thread>> {
    let to = before.map_or_else(|| key::END.to_vec(), |(updated_at, id)| key::two(updated_at.0, id.0));
    let rows = tx.scan_back(tables::THREADS_BY_UPDATED, &[], &to, limit)?;
    record::load(tx, tables::THREADS_BY_UPDATED, rows)
}

/// Threads, or tickets only, by last change, in either direction; `after` is the last one of the page before.
///
/// # Errors
/// `Corrupt`.
pub fn by_update(
    tx: &dyn ReadTx,
    tickets: bool,
    ascending: bool,
    after: Option<(u64, u64)>,
    limit: usize,
) -> Result<Vec<Thread>> {
    let index = if tickets { tables::TICKETS_BY_UPDATED } else { tables::THREADS_BY_UPDATED };
    let rows = key::behind(tx, index, ascending, after.map(|(at, id)| key::two(at, id)), limit)?;
    record::load(tx, index, rows)
}

/// Threads, or tickets only, by id, in either direction; `after` is the last one of the page before.
///
/// # Errors
/// `Corrupt`.
pub fn by_id(
    tx: &dyn ReadTx,
    tickets: bool,
    ascending: bool,
    after: Option<ThreadId>,
    limit: usize,
) -> Result<Vec<Thread>> {
    let after = after.map(|id| key::one(id.0));
    if tickets {
        return record::load(tx, tables::TICKETS, key::behind(tx, tables::TICKETS, ascending, after, limit)?);
    }
    record::list(key::behind(tx, tables::THREADS, ascending, after, limit)?)
}

/// Threads a contact takes or took part in, newest id first.
///
/// # Errors
/// `Corrupt`.
pub fn of_contact(tx: &dyn ReadTx, contact: ContactId, limit: usize) -> Result<Vec<Thread>> {
    let prefix = by_contact::prefix(contact, by_contact::THREAD);
    let rows = tx.scan_back(tables::BY_CONTACT, &prefix, &key::prefix_end(&prefix), limit)?;
    record::load(tx, tables::BY_CONTACT, rows)
}

/// Threads a contact takes or took part in, oldest id first, behind `after`.
///
/// # Errors
/// `Corrupt`.
pub fn of_contact_after(tx: &dyn ReadTx, contact: ContactId, after: ThreadId, limit: usize) -> Result<Vec<Thread>> {
    let from = key::after(&by_contact::row(contact, by_contact::THREAD, after.0));
    let to = key::prefix_end(&by_contact::prefix(contact, by_contact::THREAD));
    let rows = tx.scan(tables::BY_CONTACT, &from, &to, limit)?;
    record::load(tx, tables::BY_CONTACT, rows)
}

/// The thread of a contact that has `others` newer ones.
///
/// # Errors
/// `Corrupt`.
pub fn of_contact_behind(tx: &dyn ReadTx, contact: ContactId, others: usize) -> Result<Option<Thread>> {
    let prefix = by_contact::prefix(contact, by_contact::THREAD);
    let mut rows = tx.scan_back(tables::BY_CONTACT, &prefix, &key::prefix_end(&prefix), others + 1)?;
    let last = rows.pop().filter(|_| rows.len() == others);
    Ok(record::load(tx, tables::BY_CONTACT, last.into_iter().collect())?.pop())
}

/// Tickets, newest id first; `before` is the last one of the page before.
///
/// # Errors
/// `Corrupt`.
pub fn tickets(tx: &dyn ReadTx, before: Option<ThreadId>, limit: usize) -> Result<Vec<Thread>> {
    let to = before.map_or_else(|| key::END.to_vec(), |id| key::one(id.0));
    let rows = tx.scan_back(tables::TICKETS, &[], &to, limit)?;
    record::load(tx, tables::TICKETS, rows)
}

/// How many threads there are, counted up to `up_to`.
///
/// # Errors
/// As the engine.
pub fn count(tx: &dyn ReadTx, up_to: usize) -> Result<u64> {
    let rows = tx.scan(tables::THREADS_BY_UPDATED, &[], key::END, up_to)?;
    Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
}

/// How many tickets there are, counted up to `up_to`.
///
/// # Errors
/// As the engine.
pub fn count_tickets(tx: &dyn ReadTx, up_to: usize) -> Result<u64> {
    let rows = tx.scan(tables::TICKETS, &[], key::END, up_to)?;
    Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
}

/// Whether a ticket of that type exists (TYP-2). Looks through the tickets, newest first, in pages.
///
/// # Errors
/// `Corrupt`.
pub fn any_of_type(tx: &dyn ReadTx, ticket_type: TicketTypeId) -> Result<bool> {
    let mut before = None;
    loop {
        let page = tickets(tx, before, 500)?;
        let Some(last) = page.last() else { return Ok(false) };
        before = Some(last.id);
        if page.iter().any(|thread| thread.ticket.as_ref().is_some_and(|ticket| ticket.type_id == ticket_type)) {
            return Ok(true);
        }
    }
}

/// The thread of ticket #`number` (OBJ-2).
///
/// # Errors
/// `Corrupt`.
pub fn by_ticket_number(tx: &dyn ReadTx, number: u64) -> Result<Option<ThreadId>> {
    let row = key::one(number);
    let Some(value) = tx.get(tables::TICKETS_BY_NUMBER, &row)? else { return Ok(None) };
    let id = key::number(&value).ok_or_else(|| record::corrupt(tables::TICKETS_BY_NUMBER, &row, "names no thread"))?;
    Ok(Some(ThreadId(id)))
}

/// Threads whose snooze ended at or before `now`, longest over first (LIF-1).
///
/// # Errors
/// `Corrupt`.
pub fn snoozed_until(tx: &dyn ReadTx, now: Millis, limit: usize) -> Result<Vec<ThreadId>> {
    let rows = tx.scan(tables::SNOOZED, &[], &key::prefix_end(&key::one(now.0)), limit)?;
    let id = |(row, _): (Vec<u8>, Vec<u8>)| {
        key::number_at(&row, 8).map(ThreadId).ok_or_else(|| record::corrupt(tables::SNOOZED, &row, "short key"))
    };
    rows.into_iter().map(id).collect()
}

/// Takes the next ticket number; numbers ascend from 1 and are never given twice (OBJ-2).
///
/// # Errors
/// `Corrupt`.
pub fn next_ticket_number(tx: &mut dyn WriteTx) -> Result<u64> {
    meta::count_up(tx, meta::LAST_TICKET_NUMBER)
}

/// Tombstones of deleted threads, the latest first, or the earliest.
///
/// # Errors
/// `Corrupt`.
pub fn deleted(tx: &dyn ReadTx, latest_first: bool, limit: usize) -> Result<Vec<Thread>> {
    let scan = if latest_first { ReadTx::scan_back } else { ReadTx::scan };
    record::load(tx, tables::THREADS_DELETED, scan(tx, tables::THREADS_DELETED, &[], key::END, limit)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::sample;

    fn ids(threads: &[Thread]) -> Vec<u64> {
        threads.iter().map(|thread| thread.id.0).collect()
    }

    #[test]
    fn pages_go_from_the_newest_to_the_oldest_without_gap_or_repeat() {
        let store = sample::store();
        let page = |before| store.view(|tx| newest(tx, before, 2)).unwrap();
        let first = page(None);
        assert_eq!(ids(&first), [44, 43]);
        let last = &first[1];
        assert_eq!(ids(&page(Some((last.updated_at, last.id)))), [42, 41]);
        assert_eq!(store.view(|tx| tickets(tx, None, 10)).map(|found| ids(&found)), Ok(vec![43, 42]));
        assert_eq!(store.view(|tx| tickets(tx, Some(ThreadId(43)), 10)).map(|found| ids(&found)), Ok(vec![42]));
    }

    #[test]
    fn a_contact_has_the_threads_they_were_removed_from_too() {
        let store = sample::store();
        assert_eq!(store.view(|tx| of_contact(tx, sample::BEN, 3)).map(|found| ids(&found)), Ok(vec![44, 43, 42]));
        assert_eq!(store.view(|tx| of_contact(tx, sample::BEN, 9)).map(|found| found.len()), Ok(4));
        assert_eq!(store.view(|tx| of_contact(tx, ContactId(13), 9)), Ok(Vec::new()));
    }

    #[test]
    fn typ_2_a_type_is_in_use_while_a_ticket_has_it() {
        let store = sample::store();
        assert_eq!(store.view(|tx| any_of_type(tx, sample::TYPE)), Ok(true));
        assert_eq!(store.view(|tx| any_of_type(tx, TicketTypeId(99))), Ok(false));
        assert_eq!((store.view(|tx| count(tx, 99)), store.view(|tx| count(tx, 3))), (Ok(4), Ok(3)));
        assert_eq!(store.view(|tx| count_tickets(tx, 99)), Ok(2));
    }

    #[test]
    fn obj_2_ticket_numbers_ascend_from_1_and_find_their_thread() {
        let store = Store::in_memory().unwrap();
        let next = || store.update_blocking(next_ticket_number);
        assert_eq!((next(), next()), (Ok(1), Ok(2)));
        let store = sample::store();
        assert_eq!(store.view(|tx| by_ticket_number(tx, 2)), Ok(Some(sample::TRACKER)));
        assert_eq!(store.view(|tx| by_ticket_number(tx, 3)), Ok(None));
    }

    #[test]
    fn lif_1_a_snooze_ends_at_its_time_not_before() {
        let store = sample::store();
        let until = Millis(1_800_000_000_100);
        assert_eq!(store.view(|tx| snoozed_until(tx, Millis(until.0 - 1), 10)), Ok(Vec::new()));
        assert_eq!(store.view(|tx| snoozed_until(tx, until, 10)), Ok(vec![sample::BACK_OFFICE]));
        assert_eq!(store.view(|tx| snoozed_until(tx, Millis(u64::MAX), 10)), Ok(vec![sample::BACK_OFFICE]));
    }
}
