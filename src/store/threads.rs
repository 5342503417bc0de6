//! Threads and tickets, as they are looked up and listed. Written by `store::save` alone.

use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::thread::Thread;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::meta;
use crate::store::record;
use crate::store::tables;

/// The thread of that id.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, id: ThreadId) -> Result<Option<Thread>> {
    record::get(tx, &key::one(id.0))
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

/// Threads a contact takes or took part in, newest id first.
///
/// # Errors
/// `Corrupt`.
pub fn of_contact(tx: &dyn ReadTx, contact: ContactId, limit: usize) -> Result<Vec<Thread>> {
    let prefix = key::one(contact.0);
    let rows = tx.scan_back(tables::THREADS_BY_CONTACT, &prefix, &key::prefix_end(&prefix), limit)?;
    record::load(tx, tables::THREADS_BY_CONTACT, rows)
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
    Ok(tx.scan(tables::THREADS_BY_UPDATED, &[], key::END, up_to)?.len() as u64)
}

/// How many tickets there are, counted up to `up_to`.
///
/// # Errors
/// As the engine.
pub fn count_tickets(tx: &dyn ReadTx, up_to: usize) -> Result<u64> {
    Ok(tx.scan(tables::TICKETS, &[], key::END, up_to)?.len() as u64)
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
