//! The log: what happened, in one order for the whole workspace (OBJ-6). Written by `store::save` alone.
//!
//! **Invariant:** sequences are gapless from the oldest kept entry to the newest; an entry is never changed; a contact's
//! stream holds only sequences whose entry is kept.

use crate::domain::event::Event;
use crate::domain::event::LogEntry;
use crate::domain::id::ContactId;
use crate::domain::id::EventSeq;
use crate::store::by_contact;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::meta;
use crate::store::record;
use crate::store::record::event::Logged;
use crate::store::tables;

/// Entries after `seq`, ascending.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn after(tx: &dyn ReadTx, seq: EventSeq, limit: usize) -> Result<Vec<LogEntry>> {
    let pairs = tx.scan(tables::EVENTS, &key::after(&key::one(seq.0)), key::END, limit)?;
    Ok(record::list(pairs)?.into_iter().map(|logged: Logged| logged.entry).collect())
}

/// The entry at `seq`; `None` if it was pruned or is still to come.
///
/// # Errors
/// `Corrupt`.
pub fn get(tx: &dyn ReadTx, seq: EventSeq) -> Result<Option<LogEntry>> {
    Ok(record::get(tx, &key::one(seq.0))?.map(|logged: Logged| logged.entry))
}

/// Sequence of the newest entry ever written; 0 before the first.
///
/// # Errors
/// `Corrupt`.
pub fn last_seq(tx: &dyn ReadTx) -> Result<EventSeq> {
    meta::counter(tx, meta::LAST_EVENT).map(EventSeq)
}

/// Sequence of the oldest entry kept; the next one to be written when none is.
///
/// # Errors
/// `Corrupt`.
pub fn oldest_seq(tx: &dyn ReadTx) -> Result<EventSeq> {
    match tx.scan(tables::EVENTS, &[], key::END, 1)?.first() {
        Some((row, _)) => {
            key::number(row).map(EventSeq).ok_or_else(|| record::corrupt(tables::EVENTS, row, "key is not a number"))
        }
        None => Ok(EventSeq(last_seq(tx)?.0.saturating_add(1))),
    }
}

/// Sequences after `after` that the contact's messenger gets, ascending (MSG-41).
///
/// # Errors
/// `Corrupt`.
pub fn stream(tx: &dyn ReadTx, contact: ContactId, after: EventSeq, limit: usize) -> Result<Vec<EventSeq>> {
    let from = key::after(&by_contact::row(contact, by_contact::ENTRY, after.0));
    let to = key::prefix_end(&by_contact::prefix(contact, by_contact::ENTRY));
    let rows = tx.scan(tables::BY_CONTACT, &from, &to, limit)?;
    let seq = |(row, _): (Vec<u8>, Vec<u8>)| {
        let row_of =
            by_contact::read_row(&row).ok_or_else(|| record::corrupt(tables::BY_CONTACT, &row, "short key"))?;
        Ok(EventSeq(row_of.1))
    };
    rows.into_iter().map(seq).collect()
}

/// Drops up to `limit` of the entries below `before`, oldest first, with their rows in contacts' streams; returns how
/// many.
///
/// # Errors
/// `Corrupt`.
pub fn prune(tx: &mut dyn WriteTx, before: EventSeq, limit: usize) -> Result<u64> {
    let old: Vec<Logged> = record::list(tx.scan(tables::EVENTS, &[], &key::one(before.0), limit)?)?;
    for logged in &old {
        record::remove(tx, logged)?;
    }
    Ok(u64::try_from(old.len()).unwrap_or(u64::MAX))
}

/// Appends an event and shows it in the streams of `stream`.
pub(crate) fn append(tx: &mut dyn WriteTx, event: &Event, stream: Vec<ContactId>) -> Result<EventSeq> {
    let seq = EventSeq(meta::count_up(tx, meta::LAST_EVENT)?);
    record::put(tx, &Logged { entry: LogEntry { seq, event: event.clone() }, stream })?;
    Ok(seq)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::sample;

    /// The newest sequence of the sample.
    fn last() -> u64 {
        u64::try_from(sample::events().len()).unwrap()
    }

    fn seqs(entries: &[LogEntry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.seq.0).collect()
    }

    #[test]
    fn obj_6_the_log_is_read_from_a_cursor_on() {
        let store = sample::store();
        assert_eq!(store.view(|tx| after(tx, EventSeq(2), 3)).map(|entries| seqs(&entries)), Ok(vec![3, 4, 5]));
        assert_eq!(store.view(|tx| after(tx, EventSeq(last()), 3)), Ok(Vec::new()));
        assert_eq!(store.view(|tx| after(tx, EventSeq(u64::MAX), 3)), Ok(Vec::new()));
        assert_eq!(
            store.view(|tx| get(tx, EventSeq(3))).unwrap().map(|entry| entry.event),
            sample::events().get(2).cloned()
        );
    }

    #[test]
    fn pruning_takes_the_oldest_with_their_stream_rows_and_keeps_counting() {
        let store = sample::store();
        let stream = || store.view(|tx| stream(tx, sample::ANA, EventSeq(0), 100)).unwrap();
        assert!(stream().contains(&EventSeq(1)));
        assert_eq!(store.update_blocking(|tx| prune(tx, EventSeq(6), 3)), Ok(3));
        assert_eq!(store.view(oldest_seq), Ok(EventSeq(4)));
        assert_eq!(store.update_blocking(|tx| prune(tx, EventSeq(6), 100)), Ok(2));
        assert!(stream().iter().all(|seq| seq.0 >= 6) && !stream().is_empty());
        assert_eq!(store.update_blocking(|tx| prune(tx, EventSeq(u64::MAX), 100)), Ok(last() - 5));
        assert_eq!((store.view(oldest_seq), store.view(last_seq)), (Ok(EventSeq(last() + 1)), Ok(EventSeq(last()))));
        assert_eq!(stream(), []);
    }

    #[test]
    fn an_empty_log_begins_at_1() {
        let store = Store::in_memory().unwrap();
        assert_eq!((store.view(oldest_seq), store.view(last_seq)), (Ok(EventSeq(1)), Ok(EventSeq(0))));
    }
}
