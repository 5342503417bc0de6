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
