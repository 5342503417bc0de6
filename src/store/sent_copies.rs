//! Mails that are to be copied into the Sent folder of a mailbox, until they are.
//!
//! **Invariant:** a row is written in the transaction that settles its delivery as sent, and names the message in
//! [`BLOB_REFS`](crate::store::tables::BLOB_REFS) as long as it stands.

use crate::domain::address::Address;
use crate::domain::attachment::BlobHash;
use crate::domain::delivery::Delivery;
use crate::domain::id::DeliveryId;
use crate::store::Result;
use crate::store::blob_refs;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::key;
use crate::store::outbox::lane_of;
use crate::store::record;
use crate::store::tables::SENT_COPIES;

/// A copy that is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentCopy {
    /// Of which delivery.
    pub delivery: DeliveryId,
    /// The message.
    pub message: BlobHash,
    /// Whether the mailbox may have it already: then it is looked for before it is written again.
    pub begun: bool,
}

/// Owes a copy, or changes what is known of it.
///
/// # Errors
/// As the engine.
pub fn put(tx: &mut dyn WriteTx, from: &Address, copy: &SentCopy) -> Result<()> {
    blob_refs::add(tx, copy.message, copy.delivery.0)?;
    let value = [&[u8::from(copy.begun)], &copy.message.0[..]].concat();
    tx.put(SENT_COPIES, &row(from, copy.delivery), &value)
}

/// The copy owed of a delivery.
///
/// # Errors
/// `Corrupt` for a damaged row; so do all functions here.
pub fn get(tx: &dyn ReadTx, delivery: &Delivery) -> Result<Option<SentCopy>> {
    let row = row(&delivery.from, delivery.id);
    tx.get(SENT_COPIES, &row)?.map(|value| read(&row, &value).map(|(_, copy)| copy)).transpose()
}

/// Owes the copy of a delivery no longer, if it was owed.
///
/// # Errors
/// `Corrupt`.
pub fn delete(tx: &mut dyn WriteTx, delivery: &Delivery) -> Result<()> {
    let Some(copy) = get(&*tx, delivery)? else { return Ok(()) };
    blob_refs::remove(tx, copy.message, delivery.id.0)?;
    tx.delete(SENT_COPIES, &row(&delivery.from, delivery.id))
}

/// Copies owed of mail from one address, oldest first.
///
/// # Errors
/// `Corrupt`.
pub fn of_address(tx: &dyn ReadTx, from: &Address, limit: usize) -> Result<Vec<SentCopy>> {
    let prefix = key::one(lane_of(from));
    let rows = tx.scan(SENT_COPIES, &prefix, &key::prefix_end(&prefix), limit)?;
    rows.iter().map(|(row, value)| read(row, value).map(|(_, copy)| copy)).collect()
}

/// Copies owed whatever the address.
///
/// # Errors
/// `Corrupt`.
pub fn all(tx: &dyn ReadTx, limit: usize) -> Result<Vec<SentCopy>> {
    let rows = tx.scan(SENT_COPIES, &[], key::END, limit)?;
    rows.iter().map(|(row, value)| read(row, value).map(|(_, copy)| copy)).collect()
}

fn row(from: &Address, delivery: DeliveryId) -> Vec<u8> {
    key::two(lane_of(from), delivery.0)
}

/// Lane and copy of a row.
pub(crate) fn read(row: &[u8], value: &[u8]) -> Result<(u64, SentCopy)> {
    let damaged = |why| record::corrupt(SENT_COPIES, row, why);
    let (lane, delivery) =
        key::number_at(row, 0).zip(key::number_at(row, 8)).ok_or_else(|| damaged("names no delivery"))?;
    let (begun, hash) = value.split_first().ok_or_else(|| damaged("is empty"))?;
    let hash = <[u8; 32]>::try_from(hash).map_err(|_| damaged("holds no content hash"))?;
    let begun = match begun {
        0 => false,
        1 => true,
        _ => return Err(damaged("is neither begun nor not")),
    };
    Ok((lane, SentCopy { delivery: DeliveryId(delivery), message: BlobHash(hash), begun }))
}
