//! Keys by which a repeated post of a messenger is known and answered as the first one was (MSG-42).

use crate::domain::id::ContactId;
use crate::domain::id::EventSeq;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::record::client_id::Posted;
use crate::store::record::client_id::posted_key;
use crate::store::tables;

/// What the contact's post of that key became: thread, part, and the sequence it was acknowledged with.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, contact: ContactId, client_id: &str) -> Result<Option<(ThreadId, PartId, EventSeq)>> {
    let posted: Option<Posted> = record::get(tx, &posted_key(contact, client_id))?;
    Ok(posted.map(|posted| (posted.thread, posted.part, posted.seq)))
}

/// Remembers what a post became.
///
/// # Errors
/// `Corrupt`.
pub fn put(
    tx: &mut dyn WriteTx,
    contact: ContactId,
    client_id: &str,
    (thread, part, seq): (ThreadId, PartId, EventSeq),
    created_at: Millis,
) -> Result<()> {
    let client_id = client_id.to_owned();
    record::put(tx, &Posted { contact, client_id, thread, part, seq, created_at }).map(drop)
}

/// Keys of one contact that move with them.
const MOVED_MAX: usize = 1_000;

/// Makes the newest keys of a contact another one's, when the first went into the second (OBJ-20); a key that one has
/// already stays its own.
///
/// # Errors
/// `Corrupt`.
pub fn move_all(tx: &mut dyn WriteTx, from: ContactId, into: ContactId) -> Result<()> {
    let prefix = key::one(from.0);
    let rows = tx.scan(tables::CLIENT_IDS, &prefix, &key::prefix_end(&prefix), MOVED_MAX)?;
    let all: Vec<Posted> = record::list(rows)?;
    for posted in all {
        record::remove(tx, &posted)?;
        if get(&*tx, into, &posted.client_id)?.is_none() {
            record::put(tx, &Posted { contact: into, ..posted })?;
        }
    }
    Ok(())
}

/// Forgets up to `limit` of the keys made before `older_than`, oldest first; returns how many.
///
/// # Errors
/// `Corrupt`.
pub fn prune(tx: &mut dyn WriteTx, older_than: Millis, limit: usize) -> Result<u64> {
    let rows = tx.scan(tables::CLIENT_IDS_BY_AGE, &[], &key::one(older_than.0), limit)?;
    let old: Vec<Posted> = record::load(&*tx, tables::CLIENT_IDS_BY_AGE, rows)?;
    for posted in &old {
        record::remove(tx, posted)?;
    }
    Ok(u64::try_from(old.len()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::sample;

    #[test]
    fn msg_42_a_key_is_known_per_contact_until_it_is_old() {
        let store = Store::in_memory().unwrap();
        let place = |n| (ThreadId(n), PartId(n), EventSeq(n));
        store
            .update_blocking(move |tx| {
                put(tx, sample::ANA, "a", place(1), Millis(10))?;
                put(tx, sample::BEN, "a", place(2), Millis(20))?;
                put(tx, sample::ANA, "ab", place(3), Millis(30))
            })
            .unwrap();
        let known = |contact, id: &str| store.view(|tx| get(tx, contact, id)).unwrap();
        assert_eq!((known(sample::ANA, "a"), known(sample::BEN, "a")), (Some(place(1)), Some(place(2))));
        assert_eq!(store.update_blocking(|tx| prune(tx, Millis(10), 9)), Ok(0));
        assert_eq!(store.update_blocking(|tx| prune(tx, Millis(30), 1)), Ok(1));
        assert_eq!((known(sample::ANA, "a"), known(sample::BEN, "a")), (None, Some(place(2))));
        assert_eq!(store.update_blocking(|tx| prune(tx, Millis(30), 9)), Ok(1));
        assert_eq!(known(sample::ANA, "ab"), Some(place(3)));
    }
}
