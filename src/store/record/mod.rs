//! Stored forms: every noun has a serde struct of its own here, converted by hand to and from the domain's type.
//!
//! A record is one byte of version and postcard bytes. postcard writes fields by place and variants by number, so a
//! stored struct or enum **never** changes once released: variants are only appended, and any other change is a new
//! version with a migration (`store::migrate`).
//!
//! **Invariant:** decoding never panics and never guesses: an unknown version, unknown codes, bytes left over, or a record
//! that stands under another key than its own are [`Error::Corrupt`] naming table and key. Index rows are derived from the
//! record alone ([`Record::rows`]) and change with it in the same transaction ([`put`]).

pub(crate) mod agent;
pub(crate) mod agent_notice;
pub(crate) mod alarm;
pub(crate) mod audience_rule;
pub(crate) mod broadcast;
pub(crate) mod client_id;
pub(crate) mod code;
pub(crate) mod company;
pub(crate) mod contact;
pub(crate) mod cursor;
pub(crate) mod data_event;
pub(crate) mod delivery;
pub(crate) mod email_facts;
pub(crate) mod event;
pub(crate) mod intake;
pub(crate) mod ledger;
pub(crate) mod link;
pub(crate) mod note;
pub(crate) mod office_hours;
pub(crate) mod part;
pub(crate) mod part_kind;
pub(crate) mod propagation;
pub(crate) mod request;
pub(crate) mod settings;
pub(crate) mod suppression;
pub(crate) mod tag;
pub(crate) mod team;
pub(crate) mod thread;
pub(crate) mod ticket;
pub(crate) mod ticket_type;
pub(crate) mod translations;
pub(crate) mod upload;
pub(crate) mod value;
pub(crate) mod webhook;

use crate::domain::address::Address;
use crate::domain::refusal::Refusal;
use crate::store::engine::Pair;
use crate::store::engine::ReadTx;
use crate::store::engine::Table;
use crate::store::engine::WriteTx;
use crate::store::error::Error;
use crate::store::error::Result;
use crate::store::key;
use crate::store::meta;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A domain value made from stored bytes, or what is wrong with them.
pub(crate) type Restored<T> = std::result::Result<T, &'static str>;

/// An address as it was accepted: local part and domain.
pub(crate) type StoredAddress = (String, String);

/// A noun of the domain that is kept in a table.
pub(crate) trait Record: Sized {
    /// Where it is kept.
    const TABLE: Table;
    /// Every table [`Record::rows`] may name.
    const INDEXES: &'static [Table] = &[];
    /// Version of [`Record::Stored`], the first byte of the record.
    const VERSION: u8 = 1;
    /// The stored form.
    type Stored: Serialize + DeserializeOwned;

    /// Its key in [`Record::TABLE`].
    fn key(&self) -> Vec<u8>;

    /// Its index rows: table and key; their value is [`Record::key`].
    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        Vec::new()
    }

    /// The highest id it brings into the store; ids are never handed out twice (OBJ-1).
    fn highest_id(&self) -> u64 {
        0
    }

    /// The stored form of it.
    fn to_stored(&self) -> Self::Stored;

    /// The noun of a stored form.
    fn from_stored(stored: Self::Stored) -> Restored<Self>;

    /// The bytes to keep.
    fn encode(&self) -> Result<Vec<u8>> {
        let bytes = postcard::to_extend(&self.to_stored(), vec![Self::VERSION]);
        bytes.map_err(|error| corrupt(Self::TABLE, &self.key(), &error.to_string()))
    }

    /// The noun kept as `bytes` under `key`.
    fn decode(key: &[u8], bytes: &[u8]) -> Result<Self> {
        restore(bytes, key).map_err(|why| corrupt(Self::TABLE, key, &why))
    }
}

fn restore<R: Record>(bytes: &[u8], key: &[u8]) -> std::result::Result<R, String> {
    let (version, body) = bytes.split_first().ok_or("empty record")?;
    if *version != R::VERSION {
        return Err(format!("record version {version}, known is {}", R::VERSION));
    }
    let (stored, rest) = postcard::take_from_bytes(body).map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err(format!("{} bytes left over", rest.len()));
    }
    let record = R::from_stored(stored)?;
    if record.key() != key {
        return Err("stands under the key of another record".to_owned());
    }
    Ok(record)
}

/// A damaged row.
pub(crate) fn corrupt(table: Table, key: &[u8], why: &str) -> Error {
    Error::Corrupt { table, key: key.to_vec(), why: why.to_owned() }
}

/// The record at `key`.
pub(crate) fn get<R: Record>(tx: &dyn ReadTx, key: &[u8]) -> Result<Option<R>> {
    tx.get(R::TABLE, key)?.map(|bytes| R::decode(key, &bytes)).transpose()
}

/// Writes a record with its index rows, takes away the rows of what stood there before, and returns that.
pub(crate) fn put<R: Record>(tx: &mut dyn WriteTx, record: &R) -> Result<Option<R>> {
    let key = record.key();
    let old: Option<R> = get(&*tx, &key)?;
    let old_rows = old.as_ref().map(R::rows).unwrap_or_default();
    let rows = record.rows();
    for (table, row) in old_rows.iter().filter(|row| !rows.contains(row)) {
        tx.delete(*table, row)?;
    }
    for (table, row) in rows.iter().filter(|row| !old_rows.contains(row)) {
        tx.put(*table, row, &key)?;
    }
    tx.put(R::TABLE, &key, &record.encode()?)?;
    meta::note_id(tx, record.highest_id())?;
    Ok(old)
}

/// Takes a record and its index rows away.
pub(crate) fn remove<R: Record>(tx: &mut dyn WriteTx, record: &R) -> Result<()> {
    for (table, row) in record.rows() {
        tx.delete(table, &row)?;
    }
    tx.delete(R::TABLE, &record.key())
}

/// Refuses a further record where a table is full; a change of one that is there passes.
pub(crate) fn check_room<R: Record>(tx: &dyn ReadTx, key: &[u8], max: usize) -> Result<()> {
    if tx.get(R::TABLE, key)?.is_some() || tx.scan(R::TABLE, &[], key::END, max)?.len() < max {
        return Ok(());
    }
    Err(Refusal::Conflict { message: format!("at most {max} {}", R::TABLE.0.replace('_', " ")) }.into())
}

/// The records of a scan of their own table.
pub(crate) fn list<R: Record>(pairs: Vec<Pair>) -> Result<Vec<R>> {
    pairs.into_iter().map(|(key, bytes)| R::decode(&key, &bytes)).collect()
}

/// The records that the rows of `index` lead to.
pub(crate) fn load<R: Record>(tx: &dyn ReadTx, index: Table, rows: Vec<Pair>) -> Result<Vec<R>> {
    let follow = |(row, key): Pair| get(tx, &key)?.ok_or_else(|| corrupt(index, &row, "leads to no record"));
    rows.into_iter().map(follow).collect()
}

/// The stored form of an address.
pub(crate) fn stored_address(address: &Address) -> StoredAddress {
    (address.local().to_owned(), address.domain().to_owned())
}

/// The address of a stored form.
pub(crate) fn address((local, domain): StoredAddress) -> Address {
    Address::restored(local, domain)
}

#[cfg(test)]
mod tests;
