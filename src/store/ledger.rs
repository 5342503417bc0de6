//! Ledgers of broadcasts: who was served, once, and what became of it (BRC-12, BRC-40, BRC-41).
//!
//! **Invariant:** the counts of a ledger are those of its rows, whatever the number of rows: [`put`] keeps both, and a row
//! by mail says what its delivery says, since [`follow`] is called with every change of such a delivery.

use crate::domain::address::Address;
use crate::domain::broadcast::LedgerKey;
use crate::domain::delivery::Delivery;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::ledger::LedgerEntry;
use crate::domain::ledger::Rows;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::record::ledger::LedgerRow;
use crate::store::record::ledger::ledger_key;
use crate::store::tables;
use std::collections::BTreeMap;

/// Words counted of one kind of row: states and reasons.
const WORDS_MAX: usize = 100;
/// The word under which answers are counted (BRC-23).
pub const REPLIED: &str = "replied";

/// The row of one thread, or of one contact on a channel.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, broadcast: BroadcastId, of: LedgerKey) -> Result<Option<LedgerEntry>> {
    Ok(record::get(tx, &ledger_key(broadcast, of))?.map(|row: LedgerRow| row.entry))
}

/// Writes the row of one thread, or of one contact on a channel, and counts it.
///
/// # Errors
/// `Corrupt`.
pub fn put(tx: &mut dyn WriteTx, broadcast: BroadcastId, of: LedgerKey, entry: &LedgerEntry) -> Result<()> {
    let old = record::put(tx, &LedgerRow { broadcast, key: of, entry: entry.clone() })?;
    let before = old.map(|row: LedgerRow| words(&row.entry)).unwrap_or_default();
    let now = words(entry);
    for word in before.iter().filter(|word| !now.contains(word)) {
        add(tx, broadcast, of, word, -1)?;
    }
    for word in now.iter().filter(|word| !before.contains(word)) {
        add(tx, broadcast, of, word, 1)?;
    }
    Ok(())
}

/// Brings the row of a broadcast's mail up to date with its delivery.
///
/// # Errors
/// `Corrupt`.
pub fn follow(tx: &mut dyn WriteTx, delivery: &Delivery, now: Millis) -> Result<()> {
    let Some(broadcast) = delivery.kind.lane() else { return Ok(()) };
    let of = LedgerKey::Email(delivery.contact);
    let Some(entry) = get(&*tx, broadcast, of)?.filter(|entry| entry.delivery == Some(delivery.id)) else {
        return Ok(());
    };
    let mut followed = entry.clone();
    followed.follow(delivery, now);
    if followed == entry { Ok(()) } else { put(tx, broadcast, of, &followed) }
}

/// Rows in the order of keys: threads, then contacts by mail, then contacts in the messenger; `after` is the last key of
/// the page before.
///
/// # Errors
/// `Corrupt`.
pub fn rows(
    tx: &dyn ReadTx,
    broadcast: BroadcastId,
    after: Option<LedgerKey>,
    limit: usize,
) -> Result<Vec<(LedgerKey, LedgerEntry)>> {
    let prefix = key::one(broadcast.0);
    let from = after.map_or_else(|| prefix.clone(), |last| key::after(&ledger_key(broadcast, last)));
    listed(tx, &from, &key::prefix_end(&prefix), limit)
}

/// Rows of threads behind `after`.
///
/// # Errors
/// `Corrupt`.
pub fn threads(
    tx: &dyn ReadTx,
    broadcast: BroadcastId,
    after: Option<ThreadId>,
    limit: usize,
) -> Result<Vec<(LedgerKey, LedgerEntry)>> {
    let prefix = key::joined(&[&key::one(broadcast.0), &[Rows::Threads.number()]]);
    let from = after.map_or_else(|| prefix.clone(), |last| key::after(&ledger_key(broadcast, LedgerKey::Thread(last))));
    listed(tx, &from, &key::prefix_end(&prefix), limit)
}

fn listed(tx: &dyn ReadTx, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<(LedgerKey, LedgerEntry)>> {
    let pairs = tx.scan(tables::LEDGER, from, to, limit)?;
    Ok(record::list(pairs)?.into_iter().map(|row: LedgerRow| (row.key, row.entry)).collect())
}

/// Broadcasts whose part stands in a thread, newest first.
///
/// # Errors
/// `Corrupt`.
pub fn of_thread(tx: &dyn ReadTx, thread: ThreadId, limit: usize) -> Result<Vec<(BroadcastId, LedgerEntry)>> {
    let prefix = key::one(thread.0);
    let rows = tx.scan_back(tables::LEDGER_BY_THREAD, &prefix, &key::prefix_end(&prefix), limit)?;
    let rows: Vec<LedgerRow> = record::load(tx, tables::LEDGER_BY_THREAD, rows)?;
    Ok(rows.into_iter().map(|row| (row.broadcast, row.entry)).collect())
}

/// How many rows of that kind there are, by the word of their state; `skipped/unsubscribed` and the like by reason, and
/// [`REPLIED`]. Words of no row are not there.
///
/// # Errors
/// `Corrupt`.
pub fn counts(tx: &dyn ReadTx, broadcast: BroadcastId, of: Rows) -> Result<BTreeMap<String, u64>> {
    let prefix = key::joined(&[&key::one(broadcast.0), &[of.number()]]);
    let mut counts = BTreeMap::new();
    for (row, value) in tx.scan(tables::LEDGER_COUNTS, &prefix, &key::prefix_end(&prefix), WORDS_MAX)? {
        let word = row.get(prefix.len()..).map(|word| String::from_utf8_lossy(word).into_owned());
        let (Some(word), Some(count)) = (word, key::number(&value)) else {
            return Err(record::corrupt(tables::LEDGER_COUNTS, &row, "is not a number"));
        };
        counts.insert(word, count);
    }
    Ok(counts)
}

/// How many rows of that kind stand under one word of [`counts`].
///
/// # Errors
/// `Corrupt`.
pub fn count(tx: &dyn ReadTx, broadcast: BroadcastId, of: Rows, word: &str) -> Result<u64> {
    counted(tx, &count_row(broadcast, of.number(), word))
}

/// The words a row is counted under.
pub(crate) fn words(entry: &LedgerEntry) -> Vec<String> {
    let state = entry.state.as_str();
    let mut words = vec![state.to_owned()];
    words.extend(entry.state.reason().map(|reason| format!("{state}/{reason}")));
    words.extend(entry.replied_at.map(|_| REPLIED.to_owned()));
    words
}

/// Row of a count; the number stands for the kind of the rows that are counted.
pub(crate) fn count_row(broadcast: BroadcastId, kind: u8, word: &str) -> Vec<u8> {
    key::joined(&[&key::one(broadcast.0), &[kind], word.as_bytes()])
}

fn add(tx: &mut dyn WriteTx, broadcast: BroadcastId, of: LedgerKey, word: &str, by: i64) -> Result<()> {
    let row = count_row(broadcast, Rows::of(of).number(), word);
    match counted(&*tx, &row)?.saturating_add_signed(by) {
        0 => tx.delete(tables::LEDGER_COUNTS, &row),
        count => tx.put(tables::LEDGER_COUNTS, &row, &key::one(count)),
    }
}

fn counted(tx: &dyn ReadTx, row: &[u8]) -> Result<u64> {
    let Some(bytes) = tx.get(tables::LEDGER_COUNTS, row)? else { return Ok(0) };
    key::number(&bytes).ok_or_else(|| record::corrupt(tables::LEDGER_COUNTS, row, "is not a number"))
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
    use crate::domain::delivery::SkipReason;
    use crate::domain::ledger::LedgerState;
    use crate::store::sample;

    #[test]
    fn brc_40_the_ledger_is_read_in_pages_threads_first() {
        let store = sample::store();
        let mut read = Vec::new();
        let mut after = None;
        loop {
            let page = store.view(|tx| rows(tx, sample::BROADCAST, after, 1)).unwrap();
            let Some((key, _)) = page.last() else { break };
            after = Some(*key);
            read.extend(page);
        }
        assert_eq!(read, sample::ledger());
        assert_eq!(store.view(|tx| threads(tx, sample::BROADCAST, None, 9)).map(|rows| rows.len()), Ok(1));
        assert_eq!(store.view(|tx| get(tx, sample::BROADCAST, read[1].0)), Ok(Some(read[1].1.clone())));
        assert_eq!(store.view(|tx| rows(tx, BroadcastId(52), None, 9)), Ok(Vec::new()));
        let posted = store.view(|tx| of_thread(tx, sample::CONVERSATION, 9)).unwrap();
        assert_eq!(posted, [(sample::BROADCAST, read[0].1.clone())]);
    }

    #[test]
    fn brc_35_rows_are_counted_as_they_move() {
        let store = sample::store();
        let of = |rows| store.view(|tx| counts(tx, sample::BROADCAST, rows)).unwrap();
        let known = |word: &str, count| (word.to_owned(), count);
        assert_eq!(of(Rows::Threads), BTreeMap::from([known("sent", 1)]));
        let skipped = known("skipped/duplicate_address", 1);
        assert_eq!(of(Rows::Email), BTreeMap::from([known("skipped", 1), skipped, known("uncertain", 1)]));
        store
            .update_blocking(|tx| {
                let of = LedgerKey::Email(sample::ANA);
                let mut entry = get(&*tx, sample::BROADCAST, of)?.unwrap();
                (entry.delivery, entry.state) = (None, LedgerState::Sent);
                entry.see(Millis(9));
                entry.replied_at = Some(Millis(9));
                put(tx, sample::BROADCAST, of, &entry)?;
                let of = LedgerKey::Email(sample::BEN);
                let state = LedgerState::Skipped(SkipReason::Stopped);
                put(tx, sample::BROADCAST, of, &LedgerEntry::new(state, sample::CONVERSATION, Millis(9)))
            })
            .unwrap();
        let moved = [known("replied", 1), known("seen", 1), known("skipped", 1), known("skipped/stopped", 1)];
        assert_eq!(of(Rows::Email), BTreeMap::from(moved));
        assert_eq!(store.view(|tx| count(tx, sample::BROADCAST, Rows::Email, REPLIED)), Ok(1));
        assert_eq!(crate::store::verify(&store, None, &mut |_| ()), Ok(Vec::new()));
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
