//! Which contact a visitor's token stands for. Only the token's SHA-256 is kept.

use crate::domain::id::ContactId;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables::VISITORS;

/// The contact of a token.
///
/// # Errors
/// `Corrupt` for a damaged row.
pub fn by_token_hash(tx: &dyn ReadTx, hash: &[u8; 32]) -> Result<Option<ContactId>> {
    let Some(id) = tx.get(VISITORS, hash)? else { return Ok(None) };
    let id = key::number(&id).ok_or_else(|| record::corrupt(VISITORS, hash, "names no contact"))?;
    Ok(Some(ContactId(id)))
}

/// Lets a token stand for a contact.
///
/// # Errors
/// As the engine.
pub fn put(tx: &mut dyn WriteTx, hash: &[u8; 32], contact: ContactId) -> Result<()> {
    tx.put(VISITORS, hash, &key::one(contact.0))
}

/// Tokens with their contacts, in no order that means anything; `after` is the last one of the page before.
///
/// # Errors
/// `Corrupt` for a damaged row.
pub fn after(tx: &dyn ReadTx, after: &[u8], limit: usize) -> Result<Vec<([u8; 32], ContactId)>> {
    let from = if after.is_empty() { Vec::new() } else { key::after(after) };
    let read = |(hash, id): (Vec<u8>, Vec<u8>)| {
        let row = <[u8; 32]>::try_from(hash.as_slice()).ok().zip(key::number(&id));
        row.map(|(hash, id)| (hash, ContactId(id))).ok_or_else(|| record::corrupt(VISITORS, &hash, "names no contact"))
    };
    tx.scan(VISITORS, &from, key::END, limit)?.into_iter().map(read).collect()
}

/// Lets a token stand for nobody.
///
/// # Errors
/// As the engine.
pub fn remove(tx: &mut dyn WriteTx, hash: &[u8; 32]) -> Result<()> {
    tx.delete(VISITORS, hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample;

    #[test]
    fn a_token_stands_for_its_contact_and_no_other_token_does() {
        let store = sample::store();
        assert_eq!(store.view(|tx| by_token_hash(tx, &[9; 32])), Ok(Some(ContactId(13))));
        assert_eq!(store.view(|tx| by_token_hash(tx, &[10; 32])), Ok(None));
    }
}
