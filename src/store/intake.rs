//! The journal of incoming mail, quarantine, and the unique keys by which a repeated arrival is known.

use crate::domain::attachment::BlobHash;
use crate::domain::id::IntakeId;
use crate::domain::intake::IntakeResult;
use crate::domain::intake::IntakeRow;
use crate::domain::refusal::Refusal;
use crate::store::blob_refs;
use crate::store::engine::ReadTx;
use crate::store::engine::Table;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::message_ids;
use crate::store::meta;
use crate::store::record;
use crate::store::tables;

/// The arrival of that id.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, id: IntakeId) -> Result<Option<IntakeRow>> {
    record::get(tx, &key::one(id.0))
}

/// Writes an arrival; its raw message is kept from then on.
///
/// # Errors
/// `Corrupt`.
pub fn put(tx: &mut dyn WriteTx, row: &IntakeRow) -> Result<()> {
    record::put(tx, row).map(drop)
}

/// Arrivals with that Message-ID, oldest first.
///
/// # Errors
/// `Corrupt`.
pub fn by_message_id(tx: &dyn ReadTx, message_id: &str, limit: usize) -> Result<Vec<IntakeRow>> {
    let prefix = message_ids::prefix(message_id, message_ids::ARRIVAL);
    let rows = tx.scan(tables::MESSAGE_IDS, &prefix, &key::prefix_end(&prefix), limit)?;
    record::load(tx, tables::MESSAGE_IDS, rows)
}

/// Arrivals of exactly these octets, oldest first, among the first `limit` that name them.
///
/// # Errors
/// `Corrupt`.
pub fn of_raw(tx: &dyn ReadTx, raw: BlobHash, limit: usize) -> Result<Vec<IntakeRow>> {
    let owners = blob_refs::owners(tx, raw, limit)?.into_iter();
    let rows = owners.map(|owner| get(tx, IntakeId(owner))).collect::<Result<Vec<_>>>()?;
    Ok(rows.into_iter().flatten().filter(|row| row.raw == Some(raw)).collect())
}

/// Arrivals, newest first; `before` is the last one of the page before.
///
/// # Errors
/// `Corrupt`.
pub fn newest(tx: &dyn ReadTx, before: Option<IntakeId>, limit: usize) -> Result<Vec<IntakeRow>> {
    let to = before.map_or_else(|| key::END.to_vec(), |id| key::one(id.0));
    record::list(tx.scan_back(tables::INTAKE, &[], &to, limit)?)
}

/// Arrivals, oldest first; `after` is the last one of the page before.
///
/// # Errors
/// `Corrupt`.
pub fn after(tx: &dyn ReadTx, after: Option<IntakeId>, limit: usize) -> Result<Vec<IntakeRow>> {
    record::list(key::behind(tx, tables::INTAKE, true, after.map(|id| key::one(id.0)), limit)?)
}

/// Takes an arrival out of the journal (DAT-7). The keys it claimed stay claimed.
///
/// # Errors
/// `Corrupt`.
pub fn forget(tx: &mut dyn WriteTx, row: &IntakeRow) -> Result<()> {
    record::remove(tx, row)?;
    meta::note_forgotten(tx, row.id)
}

/// What no two arrivals have in common (EML-15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueKey {
    table: Table,
    row: Vec<u8>,
}

impl UniqueKey {
    /// A message's place in a mailbox.
    #[must_use]
    pub fn uid(mailbox: &str, uid_validity: u32, uid: u32) -> Self {
        let row = key::joined(&[&uid_validity.to_be_bytes(), &uid.to_be_bytes(), mailbox.as_bytes()]);
        Self { table: tables::INTAKE_BY_UID, row }
    }

    /// A mail of that Message-ID, and a hash of all else that makes it the same mail.
    #[must_use]
    pub fn content(message_id: &str, hash: &[u8]) -> Self {
        let row = key::joined(&[&message_ids::prefix(message_id, message_ids::CONTENT), hash]);
        Self { table: tables::MESSAGE_IDS, row }
    }
}

/// The arrival that claimed a key (EML-15).
///
/// # Errors
/// `Corrupt`.
pub fn unique(tx: &dyn ReadTx, UniqueKey { table, row }: &UniqueKey) -> Result<Option<IntakeId>> {
    let Some(id) = tx.get(*table, row)? else { return Ok(None) };
    let id = key::number(&id).ok_or_else(|| record::corrupt(*table, row, "names no arrival"))?;
    Ok(Some(IntakeId(id)))
}

/// Claims a key for an arrival; the caller has asked [`unique`] in the same transaction.
///
/// # Errors
/// As the engine.
pub fn claim(tx: &mut dyn WriteTx, UniqueKey { table, row }: &UniqueKey, id: IntakeId) -> Result<()> {
    tx.put(*table, row, &key::one(id.0))
}

/// Arrivals in quarantine, newest first; `before` is the last one of the page before (EML-8).
///
/// # Errors
/// `Corrupt`.
pub fn quarantined(tx: &dyn ReadTx, before: Option<IntakeId>, limit: usize) -> Result<Vec<IntakeRow>> {
    let to = before.map_or_else(|| key::END.to_vec(), |id| key::one(id.0));
    let rows = tx.scan_back(tables::QUARANTINE, &[], &to, limit)?;
    record::load(tx, tables::QUARANTINE, rows)
}

/// Writes what became of an arrival at last; another result than quarantine takes it out of quarantine.
///
/// # Errors
/// `Refused` when there is no such arrival.
pub fn settle_quarantine(tx: &mut dyn WriteTx, id: IntakeId, new_result: IntakeResult) -> Result<()> {
    let row = get(&*tx, id)?.ok_or(Refusal::NotFound { what: "mail" })?;
    put(tx, &IntakeRow { result: new_result, ..row })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::error::Error;
    use crate::store::sample;

    fn ids(rows: &[IntakeRow]) -> Vec<u64> {
        rows.iter().map(|row| row.id.0).collect()
    }

    #[test]
    fn eml_8_what_leaves_quarantine_stays_in_the_journal() {
        let store = sample::store();
        let waiting = || store.view(|tx| quarantined(tx, None, 10)).map(|rows| ids(&rows)).unwrap();
        assert_eq!(waiting(), [sample::QUARANTINED.0]);
        store.update_blocking(|tx| settle_quarantine(tx, sample::QUARANTINED, IntakeResult::Own)).unwrap();
        assert!(waiting().is_empty());
        assert_eq!(store.view(|tx| get(tx, sample::QUARANTINED)).unwrap().unwrap().result, IntakeResult::Own);
        let unknown = store.update_blocking(|tx| settle_quarantine(tx, IntakeId(1), IntakeResult::Own));
        assert!(matches!(unknown, Err(Error::Refused(Refusal::NotFound { .. }))), "{unknown:?}");
    }

    #[test]
    fn eml_15_an_arrival_is_found_by_its_key_and_by_its_message_id() {
        let store = sample::store();
        let known = |key: UniqueKey| store.view(|tx| unique(tx, &key)).unwrap();
        assert_eq!(known(UniqueKey::content("first@example.com", b"content")), Some(IntakeId(301)));
        assert_eq!(known(UniqueKey::content("first@example.com", b"conten")), None);
        assert_eq!(known(UniqueKey::content("second@example.com", b"content")), None);
        assert_eq!(known(UniqueKey::uid("support", 7, 1)), Some(IntakeId(301)));
        assert_eq!(known(UniqueKey::uid("support", 7, 2)), None);
        let by_id = store.view(|tx| by_message_id(tx, "first@example.com", 2)).unwrap();
        assert_eq!(ids(&by_id), [301, 302]);
        assert_eq!(store.view(|tx| newest(tx, Some(IntakeId(304)), 2)).map(|rows| ids(&rows)), Ok(vec![303, 302]));
    }
}
