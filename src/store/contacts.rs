//! Contacts. Written by `store::save` alone.

use crate::domain::address::Address;
use crate::domain::contact::Contact;
use crate::domain::id::ContactId;
use crate::domain::refusal::Refusal;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::record::contact::email_prefix;
use crate::store::tables;

/// Most contacts of one address that are looked at (OBJ-21).
pub const SAME_EMAIL_MAX: usize = 20;

/// The contact of that id.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, id: ContactId) -> Result<Option<Contact>> {
    record::get(tx, &key::one(id.0))
}

/// Contacts with that address, oldest first, at most [`SAME_EMAIL_MAX`].
///
/// # Errors
/// `Corrupt`.
pub fn by_email(tx: &dyn ReadTx, address: &Address) -> Result<Vec<Contact>> {
    let prefix = email_prefix(&address.to_string());
    let rows = tx.scan(tables::CONTACTS_BY_EMAIL, &prefix, &key::prefix_end(&prefix), SAME_EMAIL_MAX)?;
    record::load(tx, tables::CONTACTS_BY_EMAIL, rows)
}

/// The contact with that key of the caller's.
///
/// # Errors
/// `Corrupt`.
pub fn by_external_id(tx: &dyn ReadTx, external_id: &str) -> Result<Option<Contact>> {
    let row = external_id.as_bytes().to_vec();
    let Some(id) = tx.get(tables::CONTACTS_BY_EXTERNAL_ID, &row)? else { return Ok(None) };
    Ok(record::load(tx, tables::CONTACTS_BY_EXTERNAL_ID, vec![(row, id)])?.pop())
}

/// Contacts, newest id first; `before` is the last one of the page before.
///
/// # Errors
/// `Corrupt`.
pub fn newest(tx: &dyn ReadTx, before: Option<ContactId>, limit: usize) -> Result<Vec<Contact>> {
    let to = before.map_or_else(|| key::END.to_vec(), |id| key::one(id.0));
    record::list(tx.scan_back(tables::CONTACTS, &[], &to, limit)?)
}

/// Contacts by last change, in either direction; `after` is the last one of the page before.
///
/// # Errors
/// `Corrupt`.
pub fn by_update(tx: &dyn ReadTx, ascending: bool, after: Option<(u64, u64)>, limit: usize) -> Result<Vec<Contact>> {
    let after = after.map(|(at, id)| key::two(at, id));
    let rows = key::behind(tx, tables::CONTACTS_BY_UPDATED, ascending, after, limit)?;
    record::load(tx, tables::CONTACTS_BY_UPDATED, rows)
}

/// Contacts by id, in either direction; `after` is the last one of the page before.
///
/// # Errors
/// `Corrupt`.
pub fn by_id(tx: &dyn ReadTx, ascending: bool, after: Option<ContactId>, limit: usize) -> Result<Vec<Contact>> {
    record::list(key::behind(tx, tables::CONTACTS, ascending, after.map(|id| key::one(id.0)), limit)?)
}

/// How many contacts there are, counted up to `up_to`.
///
/// # Errors
/// As the engine.
pub fn count(tx: &dyn ReadTx, up_to: usize) -> Result<u64> {
    Ok(tx.scan(tables::CONTACTS, &[], key::END, up_to)?.len() as u64)
}

/// Writes a contact; an external id that another contact has is refused (OBJ-14).
pub(crate) fn put(tx: &mut dyn WriteTx, contact: &Contact) -> Result<()> {
    if let Some(external_id) = &contact.external_id {
        let holder = tx.get(tables::CONTACTS_BY_EXTERNAL_ID, external_id.as_bytes())?;
        if holder.is_some_and(|holder| holder != key::one(contact.id.0)) {
            let message = format!("another contact has the external_id '{external_id}'");
            return Err(Refusal::Conflict { message }.into());
        }
    }
    record::put(tx, contact).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::contact::ContactRole;
    use crate::domain::id::Millis;
    use crate::store::Store;
    use crate::store::sample;

    fn ids(contacts: &[Contact]) -> Vec<u64> {
        contacts.iter().map(|contact| contact.id.0).collect()
    }

    #[test]
    fn obj_21_several_contacts_may_share_an_address() {
        let store = sample::store();
        let found = |text: &str| store.view(|tx| by_email(tx, &sample::address(text))).map(|found| ids(&found));
        assert_eq!(found("ANA@example.com"), Ok(vec![11, 12]));
        assert_eq!(found("ana@example.co"), Ok(vec![]));
        assert_eq!(found("na@example.com"), Ok(vec![]));
    }

    #[test]
    fn an_address_that_changed_finds_nobody_any_more() {
        let store = sample::store();
        let moved = || Contact { email: Some(sample::address("a@b.example")), ..sample::contacts().remove(0) };
        store.update_blocking(move |tx| put(tx, &moved())).unwrap();
        let found = |text: &str| store.view(|tx| by_email(tx, &sample::address(text))).map(|found| ids(&found));
        assert_eq!(found("ana@example.com"), Ok(vec![12]));
        assert_eq!(found("a@b.example"), Ok(vec![11]));
        assert_eq!(
            store.view(|tx| by_external_id(tx, "user-1")).map(|found| found.map(|c| c.id)),
            Ok(Some(sample::ANA))
        );
        assert_eq!(store.view(|tx| by_external_id(tx, "user-")), Ok(None));
    }

    #[test]
    fn one_address_is_looked_at_up_to_a_limit() {
        let store = Store::in_memory().unwrap();
        let contact = |id| Contact {
            email: Some(sample::address("x@example.com")),
            ..Contact::new(ContactId(id), ContactRole::Lead, Millis(0))
        };
        store.update_blocking(move |tx| (1..=30).try_for_each(|id| put(tx, &contact(id)))).unwrap();
        assert_eq!(store.view(|tx| by_email(tx, &sample::address("x@example.com"))).map(|found| found.len()), Ok(20));
        assert_eq!(store.view(|tx| newest(tx, Some(ContactId(4)), 2)).map(|found| ids(&found)), Ok(vec![3, 2]));
    }
}
