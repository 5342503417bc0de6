//! Broadcasts and their ledgers: who was served, once (BRC-12, BRC-40).

use crate::domain::address::Address;
use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::LedgerEntry;
use crate::domain::broadcast::LedgerKey;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::record::broadcast::LedgerRow;
use crate::store::record::broadcast::ledger_key;
use crate::store::tables;

/// Most running broadcasts looked at in one turn.
pub const RUNNING_MAX: usize = 1_000;

/// The broadcast of that id.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, id: BroadcastId) -> Result<Option<Broadcast>> {
    record::get(tx, &key::one(id.0))
}

/// Adds or changes a broadcast.
///
/// # Errors
/// `Corrupt`.
pub fn put(tx: &mut dyn WriteTx, broadcast: &Broadcast) -> Result<()> {
    record::put(tx, broadcast).map(drop)
}

/// Broadcasts that run, oldest first, at most [`RUNNING_MAX`].
///
/// # Errors
/// `Corrupt`.
pub fn running(tx: &dyn ReadTx) -> Result<Vec<BroadcastId>> {
    let table = tables::BROADCASTS_RUNNING;
    let id = |(row, _): (Vec<u8>, Vec<u8>)| {
        key::number(&row).map(BroadcastId).ok_or_else(|| record::corrupt(table, &row, "key is not a number"))
    };
    tx.scan(table, &[], key::END, RUNNING_MAX)?.into_iter().map(id).collect()
}

/// Broadcasts of a Tracker, newest first.
///
/// # Errors
/// `Corrupt`.
pub fn of_tracker(tx: &dyn ReadTx, tracker: ThreadId, limit: usize) -> Result<Vec<Broadcast>> {
    let prefix = key::one(tracker.0);
    let rows = tx.scan_back(tables::BROADCASTS_BY_TRACKER, &prefix, &key::prefix_end(&prefix), limit)?;
    record::load(tx, tables::BROADCASTS_BY_TRACKER, rows)
}

/// What became of one thread, or of one contact by mail.
///
/// # Errors
/// `Corrupt`.
pub fn ledger(tx: &dyn ReadTx, broadcast: BroadcastId, of: LedgerKey) -> Result<Option<LedgerEntry>> {
    Ok(record::get(tx, &ledger_key(broadcast, of))?.map(|row: LedgerRow| row.entry))
}

/// Writes what became of one thread, or of one contact by mail.
///
/// # Errors
/// `Corrupt`.
pub fn put_ledger(tx: &mut dyn WriteTx, broadcast: BroadcastId, of: LedgerKey, entry: &LedgerEntry) -> Result<()> {
    record::put(tx, &LedgerRow { broadcast, key: of, entry: entry.clone() }).map(drop)
}

/// The ledger in the order of keys: threads, then contacts; `after` is the last key of the page before.
///
/// # Errors
/// `Corrupt`.
pub fn ledger_rows(
    tx: &dyn ReadTx,
    broadcast: BroadcastId,
    after: Option<LedgerKey>,
    limit: usize,
) -> Result<Vec<(LedgerKey, LedgerEntry)>> {
    let prefix = key::one(broadcast.0);
    let from = after.map_or_else(|| prefix.clone(), |last| key::after(&ledger_key(broadcast, last)));
    let pairs = tx.scan(tables::LEDGER, &from, &key::prefix_end(&prefix), limit)?;
    Ok(record::list(pairs)?.into_iter().map(|row: LedgerRow| (row.key, row.entry)).collect())
}

/// The contact whose mail of this broadcast goes to that address (BRC-12).
///
/// # Errors
/// `Corrupt`.
pub fn email_claimed(tx: &dyn ReadTx, broadcast: BroadcastId, address: &Address) -> Result<Option<ContactId>> {
    let row = email_row(broadcast, address);
    let Some(contact) = tx.get(tables::LEDGER_EMAILS, &row)? else { return Ok(None) };
    let contact = key::number(&contact).ok_or_else(|| record::corrupt(tables::LEDGER_EMAILS, &row, "names nobody"))?;
    Ok(Some(ContactId(contact)))
}

/// Claims an address for a contact; the caller has asked [`email_claimed`] in the same transaction.
///
/// # Errors
/// As the engine.
pub fn claim_email(tx: &mut dyn WriteTx, broadcast: BroadcastId, address: &Address, contact: ContactId) -> Result<()> {
    tx.put(tables::LEDGER_EMAILS, &email_row(broadcast, address), &key::one(contact.0))
}

fn email_row(broadcast: BroadcastId, address: &Address) -> Vec<u8> {
    key::joined(&[&key::one(broadcast.0), address.to_string().as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::broadcast::BroadcastState;
    use crate::store::sample;

    #[test]
    fn a_broadcast_that_finished_runs_no_more_and_stays_in_the_list() {
        let store = sample::store();
        assert_eq!(store.view(running), Ok(vec![sample::BROADCAST]));
        let finished = || sample::broadcast(sample::BROADCAST, BroadcastState::Finished);
        store.update_blocking(move |tx| put(tx, &finished())).unwrap();
        assert_eq!(store.view(running), Ok(Vec::new()));
        let listed = store.view(|tx| of_tracker(tx, sample::TRACKER, 9)).unwrap();
        assert_eq!(listed.iter().map(|broadcast| broadcast.id.0).collect::<Vec<_>>(), [52, 51]);
    }

    #[test]
    fn brc_40_the_ledger_is_read_in_pages_threads_first() {
        let store = sample::store();
        let mut read = Vec::new();
        let mut after = None;
        loop {
            let page = store.view(|tx| ledger_rows(tx, sample::BROADCAST, after, 1)).unwrap();
            let Some((key, _)) = page.last() else { break };
            after = Some(*key);
            read.extend(page);
        }
        assert_eq!(read, sample::ledger());
        assert_eq!(store.view(|tx| ledger(tx, sample::BROADCAST, read[1].0)), Ok(Some(read[1].1.clone())));
        assert_eq!(store.view(|tx| ledger_rows(tx, BroadcastId(52), None, 9)), Ok(Vec::new()));
    }

    #[test]
    fn brc_12_an_address_is_claimed_per_broadcast() {
        let store = sample::store();
        let claimed = |id, text: &str| store.view(|tx| email_claimed(tx, id, &sample::address(text)));
        assert_eq!(claimed(sample::BROADCAST, "Ana@example.com"), Ok(Some(sample::ANA)));
        assert_eq!(claimed(sample::BROADCAST, "ben@example.com"), Ok(None));
        assert_eq!(claimed(BroadcastId(52), "ana@example.com"), Ok(None));
    }
}
