//! Checks every invariant of the store: records and their index rows in both directions, and what they name.
//!
//! Works on one snapshot, in batches, and changes nothing. A running daemon keeps writing meanwhile; the file only cannot
//! reuse what the snapshot still sees.
//!
//! **Invariant:** a fault is a sentence that names table and key; damage is reported, never repaired and never a panic.

mod broadcasts;
mod log;
mod mail;
mod threads;
mod webhooks;

use crate::store::Store;
use crate::store::blobs::Blobs;
use crate::store::engine::ReadTx;
use crate::store::engine::Table;
use crate::store::error::Error;
use crate::store::error::Result;
use crate::store::key;
use crate::store::meta;
use crate::store::record;
use crate::store::record::Record;
use crate::store::tables;

pub use crate::store::verify::mail::sweepable;

/// Most faults that are told.
pub const FAULTS_MAX: usize = 1_000;
/// Rows read at once.
const BATCH: usize = 200;

/// Checks the whole store and, when given, that every named blob is there. `progress` is told the number of rows read so
/// far, every few hundred rows. Returns a sentence for each fault, at most [`FAULTS_MAX`]; none means sound.
///
/// # Errors
/// `Engine` when the disk fails; damage is not an error but a fault.
pub fn verify(store: &Store, blobs: Option<&Blobs>, progress: &mut dyn FnMut(u64)) -> Result<Vec<String>> {
    store.view(|tx| {
        let mut check = Check { tx, faults: Vec::new(), rows: 0, highest_id: 0, progress: &mut *progress };
        check.everything(blobs)?;
        Ok(check.faults)
    })
}

/// A check under way.
struct Check<'a> {
    tx: &'a dyn ReadTx,
    faults: Vec<String>,
    rows: u64,
    highest_id: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl Check<'_> {
    fn everything(&mut self, blobs: Option<&Blobs>) -> Result<()> {
        let highest = meta::highest_id(self.tx);
        self.highest_id = self.sound(highest.map(Some))?.unwrap_or(u64::MAX);
        self.people()?;
        self.threads()?;
        self.parts()?;
        self.links()?;
        self.chores()?;
        self.log()?;
        self.deliveries()?;
        self.broadcasts()?;
        self.webhooks()?;
        self.mail()?;
        self.blobs(blobs)
    }

    /// Notes a fault.
    fn fault(&mut self, table: Table, key: &[u8], what: &str) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(format!("{}, key {}: {what}", table.0, data_encoding::HEXLOWER.encode(key)));
        }
    }

    /// Damage becomes a fault and `None`; other errors stay errors.
    fn sound<T>(&mut self, read: Result<Option<T>>) -> Result<Option<T>> {
        match read {
            Err(Error::Corrupt { table, key, why }) => {
                self.fault(table, &key, &why);
                Ok(None)
            }
            read => read,
        }
    }

    /// Visits every row of a table.
    fn each(&mut self, table: Table, mut visit: impl FnMut(&mut Self, &[u8], &[u8]) -> Result<()>) -> Result<()> {
        let mut from = Vec::new();
        loop {
            let pairs = self.tx.scan(table, &from, key::END, BATCH)?;
            let Some((last, _)) = pairs.last() else { return Ok(()) };
            from = key::after(last);
            for (row, value) in &pairs {
                visit(self, row, value)?;
            }
            self.rows = self.rows.saturating_add(u64::try_from(pairs.len()).unwrap_or(u64::MAX));
            (self.progress)(self.rows);
        }
    }

    /// Visits every record of a noun that can be read, with its index rows checked in both directions.
    fn records<R: Record>(&mut self, mut visit: impl FnMut(&mut Self, &[u8], &R) -> Result<()>) -> Result<()> {
        self.each(R::TABLE, |check, key, bytes| {
            let Some(record) = check.sound(R::decode(key, bytes).map(Some))? else { return Ok(()) };
            for (table, row) in record.rows() {
                if check.tx.get(table, &row)?.as_deref() != Some(key) {
                    check.fault(table, &row, &format!("does not lead to its record in {}", R::TABLE.0));
                }
            }
            if record.highest_id() > check.highest_id {
                check.fault(R::TABLE, key, "has an id above the highest id");
            }
            visit(check, key, &record)
        })?;
        // Not only records of this kind have rows in these; `blobs`, `mail` and `log` check them.
        let shared = [tables::BLOB_REFS, tables::MESSAGE_IDS, tables::BY_CONTACT];
        for table in R::INDEXES.iter().filter(|table| !shared.contains(table)) {
            self.each(*table, |check, row, value| check.leads_back::<R>(*table, row, value))?;
        }
        Ok(())
    }

    /// An index row must stand among the rows of the record it leads to.
    fn leads_back<R: Record>(&mut self, index: Table, row: &[u8], value: &[u8]) -> Result<()> {
        let found = record::get::<R>(self.tx, value);
        let stands = self.sound(found)?.is_some_and(|record: R| {
            record.rows().iter().any(|(table, of_record)| *table == index && of_record == row)
        });
        if !stands {
            self.fault(index, row, &format!("leads to no such record in {}", R::TABLE.0));
        }
        Ok(())
    }

    /// What a record names must be there.
    fn names(&mut self, from: (Table, &[u8]), to: Table, key: &[u8]) -> Result<()> {
        if self.tx.get(to, key)?.is_none() {
            let what = format!("names {} {}, which is not there", to.0, data_encoding::HEXLOWER.encode(key));
            self.fault(from.0, from.1, &what);
        }
        Ok(())
    }

    /// As [`Check::names`], for something that has an id.
    fn names_id(&mut self, from: (Table, &[u8]), to: Table, id: u64) -> Result<()> {
        self.names(from, to, &key::one(id))
    }

    /// A row whose value is an id.
    fn value_names(&mut self, from: (Table, &[u8]), value: &[u8], to: Table) -> Result<()> {
        if value.len() == 8 {
            return self.names(from, to, value);
        }
        self.fault(from.0, from.1, "its value is no id");
        Ok(())
    }
}

#[cfg(test)]
mod tests;
