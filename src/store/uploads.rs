//! Files that were sent ahead of what they belong to.

use crate::domain::id::AttachmentId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::upload::Upload;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables;

/// The upload of that id.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, id: AttachmentId) -> Result<Option<Upload>> {
    record::get(tx, &key::one(id.0))
}

/// Adds or changes an upload; its blob is kept as long as it is there.
///
/// # Errors
/// `Corrupt`.
pub fn put(tx: &mut dyn WriteTx, upload: &Upload) -> Result<()> {
    record::put(tx, upload).map(drop)
}

/// Takes an upload away; its blob goes with the next sweep, unless something else names it.
///
/// # Errors
/// `Corrupt`.
pub fn remove(tx: &mut dyn WriteTx, upload: &Upload) -> Result<()> {
    record::remove(tx, upload)
}

/// What a contact has sent since `from`, oldest first.
///
/// # Errors
/// `Corrupt`.
pub fn of_contact(tx: &dyn ReadTx, contact: ContactId, from: Millis, limit: usize) -> Result<Vec<Upload>> {
    let (from, to) = (key::two(contact.0, from.0), key::prefix_end(&key::one(contact.0)));
    let rows = tx.scan(tables::UPLOADS_BY_CONTACT, &from, &to, limit)?;
    record::load(tx, tables::UPLOADS_BY_CONTACT, rows)
}

/// Takes away up to `limit` uploads that came before `older_than` and that nothing uses; returns how many.
///
/// # Errors
/// `Corrupt`.
pub fn prune(tx: &mut dyn WriteTx, older_than: Millis, limit: usize) -> Result<usize> {
    let rows = tx.scan(tables::UPLOADS_UNUSED, &[], &key::one(older_than.0), limit)?;
    let unused: Vec<Upload> = record::load(&*tx, tables::UPLOADS_UNUSED, rows)?;
    unused.iter().try_for_each(|upload| record::remove(tx, upload))?;
    Ok(unused.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::blob_refs;
    use crate::store::sample;

    #[test]
    fn frm_8_unused_uploads_go_when_they_are_old_and_used_ones_stay() {
        let store = sample::store();
        let [used, waiting] = sample::uploads().try_into().unwrap();
        let waiting_at = waiting.created_at;
        assert_eq!(store.update_blocking(move |tx| prune(tx, waiting_at, 9)), Ok(0), "not older");
        assert_eq!(store.update_blocking(move |tx| prune(tx, Millis(waiting_at.0 + 1), 9)), Ok(1));
        assert_eq!(store.view(|tx| get(tx, waiting.id)), Ok(None));
        assert_eq!(store.view(|tx| get(tx, used.id)), Ok(Some(used)));
        let names = store.view(|tx| blob_refs::owners(tx, waiting.blob, 9)).unwrap();
        assert!(!names.contains(&waiting.id.0), "its blob may go");
        assert_eq!(crate::store::verify(&store, None, &mut |_| ()), Ok(Vec::new()));
    }

    #[test]
    fn msg_60_what_a_contact_sent_is_found_by_time() {
        let store = sample::store();
        let waiting = sample::uploads().remove(1);
        let since = |from| store.view(|tx| of_contact(tx, sample::ANA, Millis(from), 9)).unwrap();
        assert_eq!(since(0), std::slice::from_ref(&waiting));
        assert_eq!(since(waiting.created_at.0), std::slice::from_ref(&waiting));
        assert_eq!(since(waiting.created_at.0 + 1), []);
    }
}
