//! Which blobs are named, and by what; a blob that nothing names is swept.
//!
//! Rows of parts and arrivals come and go with their records. A row added by hand keeps its blob for an owner that has
//! no record, an upload for instance, until it is removed.

use crate::domain::attachment::BlobHash;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables::BLOB_REFS;

/// Names a blob for an owner.
///
/// # Errors
/// As the engine.
pub fn add(tx: &mut dyn WriteTx, hash: BlobHash, owner: u64) -> Result<()> {
    let row = row(hash, owner);
    if tx.get(BLOB_REFS, &row)?.is_some() { Ok(()) } else { tx.put(BLOB_REFS, &row, &[]) }
}

/// Takes back what [`add`] did; the row of a record stays.
///
/// # Errors
/// As the engine.
pub fn remove(tx: &mut dyn WriteTx, hash: BlobHash, owner: u64) -> Result<()> {
    let row = row(hash, owner);
    if tx.get(BLOB_REFS, &row)?.is_some_and(|value| value.is_empty()) { tx.delete(BLOB_REFS, &row) } else { Ok(()) }
}

/// Whether anything names the blob.
///
/// # Errors
/// As the engine.
pub fn is_named(tx: &dyn ReadTx, hash: BlobHash) -> Result<bool> {
    Ok(!tx.scan(BLOB_REFS, &hash.0, &key::prefix_end(&hash.0), 1)?.is_empty())
}

/// Who names the blob, oldest first.
///
/// # Errors
/// `Corrupt` for a damaged row.
pub fn owners(tx: &dyn ReadTx, hash: BlobHash, limit: usize) -> Result<Vec<u64>> {
    let read = |(key, _): (Vec<u8>, Vec<u8>)| {
        let row = read_row(&key).ok_or_else(|| record::corrupt(BLOB_REFS, &key, "is no hash and owner"))?;
        Ok(row.1)
    };
    tx.scan(BLOB_REFS, &hash.0, &key::prefix_end(&hash.0), limit)?.into_iter().map(read).collect()
}

/// Blobs with their owners, by ascending hash; `after` is the last row of the page before.
///
/// # Errors
/// `Corrupt` for a damaged row.
pub fn all(tx: &dyn ReadTx, after: Option<(BlobHash, u64)>, limit: usize) -> Result<Vec<(BlobHash, u64)>> {
    let from = after.map(|(hash, owner)| key::after(&row(hash, owner))).unwrap_or_default();
    let read = |(key, _): (Vec<u8>, Vec<u8>)| {
        read_row(&key).ok_or_else(|| record::corrupt(BLOB_REFS, &key, "is no hash and owner"))
    };
    tx.scan(BLOB_REFS, &from, key::END, limit)?.into_iter().map(read).collect()
}

/// Key of a row.
pub(crate) fn row(hash: BlobHash, owner: u64) -> Vec<u8> {
    key::joined(&[&hash.0, &key::one(owner)])
}

/// Blob and owner of a row.
pub(crate) fn read_row(key: &[u8]) -> Option<(BlobHash, u64)> {
    let (hash, owner) = key.split_first_chunk::<32>()?;
    Some((BlobHash(*hash), key::number(owner)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample;

    #[test]
    fn a_row_set_by_hand_comes_and_goes_and_a_record_keeps_its_own() {
        let store = sample::store();
        let (file, part) = (sample::blob(sample::FILE), sample::FIRST_PART);
        let rows = || store.view(|tx| all(tx, None, 100)).unwrap();
        let before = rows();
        assert!(before.contains(&(file, part)) && before.contains(&(file, 999)));
        store.update_blocking(move |tx| add(tx, file, part).and_then(|()| remove(tx, file, part))).unwrap();
        assert_eq!(rows(), before, "the part still names it");
        store.update_blocking(move |tx| remove(tx, file, 999)).unwrap();
        assert_eq!(rows().len(), before.len() - 1);
        assert_eq!(crate::store::verify(&store, None, &mut |_| ()), Ok(Vec::new()));
    }

    #[test]
    fn rows_come_in_pages() {
        let store = sample::store();
        let whole = store.view(|tx| all(tx, None, 100)).unwrap();
        let first = store.view(|tx| all(tx, None, 2)).unwrap();
        let rest = store.view(|tx| all(tx, first.last().copied(), 100)).unwrap();
        assert_eq!([first, rest].concat(), whole);
        assert_eq!(store.view(|tx| is_named(tx, BlobHash([0; 32]))), Ok(false));
    }
}
