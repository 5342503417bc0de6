//! What leads from a contact to its threads and to the entries of its stream: one table, so that what a contact's message
//! writes of it stands on one page.

use crate::domain::id::ContactId;
use crate::store::key;

/// An entry of the log that the contact's messenger gets (MSG-41).
pub(crate) const ENTRY: u8 = b'e';
/// A thread the contact takes or took part in.
pub(crate) const THREAD: u8 = b't';

/// What all rows of a contact and of a kind begin with.
pub(crate) fn prefix(contact: ContactId, kind: u8) -> Vec<u8> {
    key::joined(&[&key::one(contact.0), &[kind]])
}

/// The row of one of them, by its id or sequence.
pub(crate) fn row(contact: ContactId, kind: u8, number: u64) -> Vec<u8> {
    key::joined(&[&key::one(contact.0), &[kind], &key::one(number)])
}

/// Kind and number of a row.
pub(crate) fn read_row(row: &[u8]) -> Option<(u8, u64)> {
    Some((*row.get(8)?, key::number_at(row, 9)?))
}
