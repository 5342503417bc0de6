//! Tags, and what carries them (OBJ-18).

use crate::domain::id::ContactId;
use crate::domain::id::TagId;
use crate::domain::id::ThreadId;
use crate::domain::tag::Tag;
use crate::store::engine::ReadTx;
use crate::store::engine::Table;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables;

/// Most tags of a workspace.
pub const TAGS_MAX: usize = 10_000;

/// The tag of that id.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, id: TagId) -> Result<Option<Tag>> {
    record::get(tx, &key::one(id.0))
}

/// The tag of that name, whatever its case.
///
/// # Errors
/// `Corrupt`.
pub fn by_name(tx: &dyn ReadTx, name: &str) -> Result<Option<Tag>> {
    let row = name.to_lowercase().into_bytes();
    let Some(at) = tx.get(tables::TAGS_BY_NAME, &row)? else { return Ok(None) };
    Ok(record::load(tx, tables::TAGS_BY_NAME, vec![(row, at)])?.pop())
}

/// Every tag, oldest first.
///
/// # Errors
/// `Corrupt`.
pub fn all(tx: &dyn ReadTx) -> Result<Vec<Tag>> {
    record::list(tx.scan(tables::TAGS, &[], key::END, TAGS_MAX)?)
}

/// Adds or renames a tag; the caller has looked for another one of that name.
///
/// # Errors
/// `Refused` at [`TAGS_MAX`].
pub fn put(tx: &mut dyn WriteTx, tag: &Tag) -> Result<()> {
    record::check_room::<Tag>(&*tx, &key::one(tag.id.0), TAGS_MAX)?;
    record::put(tx, tag).map(drop)
}

/// Takes a tag away that nothing carries.
///
/// # Errors
/// As the engine.
pub fn delete(tx: &mut dyn WriteTx, tag: &Tag) -> Result<()> {
    record::remove(tx, tag)
}

/// Threads that carry the tag, oldest first.
///
/// # Errors
/// As the engine.
pub fn threads(tx: &dyn ReadTx, id: TagId, limit: usize) -> Result<Vec<ThreadId>> {
    Ok(carriers(tx, tables::THREADS_BY_TAG, id, limit)?.into_iter().map(ThreadId).collect())
}

/// Contacts that carry the tag, oldest first.
///
/// # Errors
/// As the engine.
pub fn contacts(tx: &dyn ReadTx, id: TagId, limit: usize) -> Result<Vec<ContactId>> {
    Ok(carriers(tx, tables::CONTACTS_BY_TAG, id, limit)?.into_iter().map(ContactId).collect())
}

fn carriers(tx: &dyn ReadTx, table: Table, id: TagId, limit: usize) -> Result<Vec<u64>> {
    let prefix = key::one(id.0);
    let rows = tx.scan(table, &prefix, &key::prefix_end(&prefix), limit)?;
    let carrier = |(row, _): (Vec<u8>, Vec<u8>)| {
        key::number_at(&row, 8).ok_or_else(|| record::corrupt(table, &row, "names nothing"))
    };
    rows.into_iter().map(carrier).collect()
}

/// Whether a thread, part, contact or company carries the tag.
///
/// # Errors
/// As the engine.
pub fn is_used(tx: &dyn ReadTx, id: TagId) -> Result<bool> {
    let prefix = key::one(id.0);
    let end = key::prefix_end(&prefix);
    for table in [tables::THREADS_BY_TAG, tables::PARTS_BY_TAG, tables::CONTACTS_BY_TAG, tables::COMPANIES_BY_TAG] {
        if !tx.scan(table, &prefix, &end, 1)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample;

    #[test]
    fn obj_18_a_tag_is_found_by_its_name_in_any_case_and_knows_whether_it_is_used() {
        let store = sample::store();
        let found = store.view(|tx| by_name(tx, "vIp")).unwrap();
        assert_eq!(found.map(|tag| tag.id), Some(sample::TAG));
        assert_eq!(store.view(|tx| is_used(tx, sample::TAG)), Ok(true));
        assert_eq!(store.view(|tx| is_used(tx, TagId(999))), Ok(false));
        assert_eq!(store.view(all).map(|tags| tags.len()), Ok(1));
    }
}
