//! Reading the whole store for what an erased contact left in it, page by page (DAT-2, DAT-3).

use crate::domain::address::Address;
use crate::domain::delivery::Delivery;
use crate::domain::id::ContactId;
use crate::domain::id::DeliveryId;
use crate::domain::id::IntakeId;
use crate::domain::id::Millis;
use crate::domain::intake::IntakeRow;
use crate::domain::traces::Traces;
use crate::domain::webhook::Notification;
use crate::store::engine::ReadTx;
use crate::store::engine::Table;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::meta;
use crate::store::record;
use crate::store::record::Record;
use crate::store::record::request::Answered;
use crate::store::tables;
use ring::hmac;

/// Rows read in one transaction.
const PAGE: usize = 200;
/// There since an erasure, until everything that was let go for it is gone from the files.
const ERASED_AT: &[u8] = b"erased_at";
/// There since an erasure, until the search index was written anew.
const INDEX_TO_SCRUB: &[u8] = b"index_to_scrub";

/// What is still known of an erased address: nothing but that it is not to be written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErasedStanding {
    /// It gets no mail at all.
    pub suppressed: bool,
    /// It gets no broadcasts.
    pub unsubscribed: bool,
}

/// Deliveries behind that one, oldest first.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn deliveries(tx: &dyn ReadTx, after: Option<DeliveryId>) -> Result<Vec<Delivery>> {
    record::list(key::behind(tx, tables::DELIVERIES, true, after.map(|id| key::one(id.0)), PAGE)?)
}

/// Arrivals behind that one, oldest first.
///
/// # Errors
/// `Corrupt`.
pub fn arrivals(tx: &dyn ReadTx, after: Option<IntakeId>) -> Result<Vec<IntakeRow>> {
    record::list(key::behind(tx, tables::INTAKE, true, after.map(|id| key::one(id.0)), PAGE)?)
}

/// Takes away the answers that were kept for repeated requests and name somebody; gives where to go on.
///
/// # Errors
/// `Corrupt`.
pub fn drop_answers(tx: &mut dyn WriteTx, traces: &Traces, after: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
    drop_naming::<Answered>(tx, traces, after)
}

/// Takes away notifications whose attempts name somebody; gives where to go on.
///
/// # Errors
/// `Corrupt`.
pub fn drop_notifications(tx: &mut dyn WriteTx, traces: &Traces, after: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
    drop_naming::<Notification>(tx, traces, after)
}

fn drop_naming<R: Record>(tx: &mut dyn WriteTx, traces: &Traces, after: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
    let from = after.map(key::after).unwrap_or_default();
    let rows = tx.scan(R::TABLE, &from, key::END, PAGE)?;
    for (row, bytes) in rows.iter().filter(|(_, bytes)| traces.are_in(bytes)) {
        record::remove(tx, &R::decode(row, bytes)?)?;
    }
    Ok(rows.into_iter().next_back().map(|(row, _)| row))
}

/// Takes away which address of a contact a broadcast goes to; gives where to go on.
///
/// # Errors
/// As the engine.
pub fn drop_broadcast_addresses(
    tx: &mut dyn WriteTx,
    contact: ContactId,
    after: Option<&[u8]>,
) -> Result<Option<Vec<u8>>> {
    drop_rows_of(tx, tables::LEDGER_EMAILS, contact, after)
}

/// Takes away the sessions of a contact; gives where to go on.
///
/// # Errors
/// As the engine.
pub fn drop_sessions(tx: &mut dyn WriteTx, contact: ContactId, after: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
    drop_rows_of(tx, tables::VISITORS, contact, after)
}

fn drop_rows_of(
    tx: &mut dyn WriteTx,
    table: Table,
    contact: ContactId,
    after: Option<&[u8]>,
) -> Result<Option<Vec<u8>>> {
    let from = after.map(key::after).unwrap_or_default();
    let rows = tx.scan(table, &from, key::END, PAGE)?;
    for (row, _) in rows.iter().filter(|(_, value)| *value == key::one(contact.0)) {
        tx.delete(table, row)?;
    }
    Ok(rows.into_iter().next_back().map(|(row, _)| row))
}

/// The row of an erased address: a keyed hash, so that nobody without the store's key can try addresses.
fn erased_row(secret: &[u8], address: &Address) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::sign(&key, address.to_string().to_lowercase().as_bytes()).as_ref().to_vec()
}

/// Keeps what an erased address is not to get (DAT-3).
///
/// # Errors
/// As the engine.
pub fn remember(tx: &mut dyn WriteTx, secret: &[u8], address: &Address, standing: ErasedStanding) -> Result<()> {
    let known = standing_of(&*tx, secret, address)?;
    let suppressed = u8::from(known.suppressed || standing.suppressed);
    let unsubscribed = u8::from(known.unsubscribed || standing.unsubscribed);
    if suppressed + unsubscribed == 0 {
        return Ok(());
    }
    tx.put(tables::ERASED_ADDRESSES, &erased_row(secret, address), &[suppressed, unsubscribed])
}

/// What an address is not to get since it was erased.
///
/// # Errors
/// `Corrupt`.
pub fn standing_of(tx: &dyn ReadTx, secret: &[u8], address: &Address) -> Result<ErasedStanding> {
    let row = erased_row(secret, address);
    let Some(value) = tx.get(tables::ERASED_ADDRESSES, &row)? else { return Ok(ErasedStanding::default()) };
    let [suppressed, unsubscribed] = value.as_slice() else {
        return Err(record::corrupt(tables::ERASED_ADDRESSES, &row, "its value is not two flags"));
    };
    Ok(ErasedStanding { suppressed: *suppressed == 1, unsubscribed: *unsubscribed == 1 })
}

/// Notes that something was erased whose octets must leave the files.
///
/// # Errors
/// As the engine.
pub fn set_erased(tx: &mut dyn WriteTx, at: Millis) -> Result<()> {
    meta::set_counter(tx, ERASED_AT, at.0)?;
    meta::set_counter(tx, INDEX_TO_SCRUB, 1)
}

/// When something was erased last whose octets may still be in the files.
///
/// # Errors
/// `Corrupt`.
pub fn erased_at(tx: &dyn ReadTx) -> Result<Option<Millis>> {
    Ok(Some(meta::counter(tx, ERASED_AT)?).filter(|at| *at > 0).map(Millis))
}

/// Nothing that was erased at that time is left in store and blobs.
///
/// # Errors
/// As the engine.
pub fn end_erased(tx: &mut dyn WriteTx, at: Millis) -> Result<()> {
    if erased_at(&*tx)? == Some(at) { meta::set_counter(tx, ERASED_AT, 0) } else { Ok(()) }
}

/// Whether the search index holds texts that were erased.
///
/// # Errors
/// `Corrupt`.
pub fn index_is_to_scrub(tx: &dyn ReadTx) -> Result<bool> {
    Ok(meta::counter(tx, INDEX_TO_SCRUB)? > 0)
}

/// The search index was written anew.
///
/// # Errors
/// As the engine.
pub fn end_index_scrub(tx: &mut dyn WriteTx) -> Result<()> {
    meta::set_counter(tx, INDEX_TO_SCRUB, 0)
}
