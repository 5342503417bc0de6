//! Messages that were kept instead of sent, because no relay is configured.

use crate::domain::attachment::BlobHash;
use crate::domain::id::DeliveryId;
use crate::store::Result;
use crate::store::blob_refs;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::key;
use crate::store::record;
use crate::store::tables::CAPTURED;

/// The message kept for a delivery.
///
/// # Errors
/// `Corrupt`.
pub fn get(tx: &dyn ReadTx, delivery: DeliveryId) -> Result<Option<BlobHash>> {
    let row = key::one(delivery.0);
    tx.get(CAPTURED, &row)?.map(|value| hash(&row, &value)).transpose()
}

/// Keeps a message for a delivery.
///
/// # Errors
/// As the engine.
pub fn put(tx: &mut dyn WriteTx, delivery: DeliveryId, message: BlobHash) -> Result<()> {
    blob_refs::add(tx, message, delivery.0)?;
    tx.put(CAPTURED, &key::one(delivery.0), &message.0)
}

/// Lets a message go that tells of something redacted or deleted.
///
/// # Errors
/// As the engine.
pub fn delete(tx: &mut dyn WriteTx, delivery: DeliveryId, message: BlobHash) -> Result<()> {
    blob_refs::remove(tx, message, delivery.0)?;
    tx.delete(CAPTURED, &key::one(delivery.0))
}

/// Kept messages, newest first.
///
/// # Errors
/// `Corrupt`.
pub fn newest(tx: &dyn ReadTx, limit: usize) -> Result<Vec<(DeliveryId, BlobHash)>> {
    let rows = tx.scan_back(CAPTURED, &[], &[0xff; 9], limit)?;
    let row = |(row, value): (Vec<u8>, Vec<u8>)| {
        let id = key::number(&row).ok_or_else(|| record::corrupt(CAPTURED, &row, "names no delivery"))?;
        Ok((DeliveryId(id), hash(&row, &value)?))
    };
    rows.into_iter().map(row).collect()
}

fn hash(row: &[u8], value: &[u8]) -> Result<BlobHash> {
    let hash = <[u8; 32]>::try_from(value).map_err(|_| record::corrupt(CAPTURED, row, "is no content hash"))?;
    Ok(BlobHash(hash))
}
