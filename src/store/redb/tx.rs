//! redb's transactions behind the store's traits.

use crate::store::engine::Pair;
use crate::store::engine::ReadTx;
use crate::store::engine::Table;
use crate::store::engine::WriteTx;
use crate::store::error::Error;
use crate::store::error::Result;
use crate::store::error::is_full;
use ::redb::ReadOnlyTable;
use ::redb::ReadTransaction;
use ::redb::ReadableTable;
use ::redb::TableDefinition;
use ::redb::TableError;
use ::redb::WriteTransaction;
use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

pub(super) type Bytes = &'static [u8];

/// A table by name.
pub(super) fn definition(name: &str) -> TableDefinition<'_, Bytes, Bytes> {
    TableDefinition::new(name)
}

/// An error of redb as one of ours.
pub(super) fn fault(error: impl Into<::redb::Error>) -> Error {
    match error.into() {
        ::redb::Error::Io(error) if is_full(&error) => Error::Full,
        other => Error::Engine(other.to_string()),
    }
}

/// Tables of a snapshot by name; `None` for one that has no key yet.
type SeenTables = BTreeMap<Table, Option<Rc<ReadOnlyTable<Bytes, Bytes>>>>;

/// A snapshot; tables stay open from their first use to its end, since opening one costs as much as a lookup.
pub(super) struct Reading {
    tx: ReadTransaction,
    tables: RefCell<SeenTables>,
    faulted: Cell<bool>,
}

impl Reading {
    pub(super) fn new(tx: ReadTransaction) -> Self {
        Self { tx, tables: RefCell::default(), faulted: Cell::new(false) }
    }

    /// Whether the disk failed under a read.
    pub(super) fn faulted(&self) -> bool {
        self.faulted.get()
    }

    fn fault(&self, error: impl Into<::redb::Error>) -> Error {
        self.faulted.set(true);
        fault(error)
    }

    /// `None` for a table that has no key yet.
    fn table(&self, table: Table) -> Result<Option<Rc<ReadOnlyTable<Bytes, Bytes>>>> {
        if let Some(seen) = self.tables.borrow().get(&table) {
            return Ok(seen.clone());
        }
        let opened = match self.tx.open_table(definition(table.0)) {
            Ok(table) => Some(Rc::new(table)),
            Err(TableError::TableDoesNotExist(_)) => None,
            Err(error) => return Err(self.fault(error)),
        };
        self.tables.borrow_mut().insert(table, opened.clone());
        Ok(opened)
    }
}

impl ReadTx for Reading {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(table) = self.table(table)? else { return Ok(None) };
        let found = table.get(key).map_err(|error| self.fault(error))?;
        Ok(found.map(|value| value.value().to_vec()))
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>> {
        let Some(table) = self.table(table)? else { return Ok(Vec::new()) };
        range(&*table, from, to, limit, false).map_err(|error| self.fault(error))
    }

    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>> {
        let Some(table) = self.table(table)? else { return Ok(Vec::new()) };
        range(&*table, from, to, limit, true).map_err(|error| self.fault(error))
    }
}

/// Pairs with `from <= key < to`, from the end when `back`.
fn range(
    table: &impl ReadableTable<Bytes, Bytes>,
    from: &[u8],
    to: &[u8],
    limit: usize,
    back: bool,
) -> Result<Vec<Pair>, ::redb::StorageError> {
    if from >= to {
        return Ok(Vec::new());
    }
    let mut rows = table.range::<&[u8]>(from..to)?;
    let mut pairs = Vec::new();
    while pairs.len() < limit {
        let Some(row) = (if back { rows.next_back() } else { rows.next() }) else { break };
        let (key, value) = row?;
        pairs.push((key.value().to_vec(), value.value().to_vec()));
    }
    Ok(pairs)
}

type OpenTables<'t> = BTreeMap<Table, ::redb::Table<'t, Bytes, Bytes>>;

/// A write transaction; tables stay open from their first use to its end.
pub(super) struct Writing<'t> {
    tx: &'t WriteTransaction,
    tables: RefCell<OpenTables<'t>>,
    faulted: Cell<bool>,
    dirty: bool,
}

impl<'t> Writing<'t> {
    pub(super) fn new(tx: &'t WriteTransaction) -> Self {
        Self { tx, tables: RefCell::default(), faulted: Cell::new(false), dirty: false }
    }

    /// Closes the tables: whether anything was written, and whether the disk failed.
    pub(super) fn end(self) -> (bool, bool) {
        (self.dirty, self.faulted.get())
    }

    fn with<T>(
        &self,
        table: Table,
        act: impl FnOnce(&mut ::redb::Table<'t, Bytes, Bytes>) -> Result<T, ::redb::StorageError>,
    ) -> Result<T> {
        let mut tables = self.tables.borrow_mut();
        let acted = match tables.get_mut(&table) {
            Some(open) => act(open).map_err(::redb::Error::from),
            None => self.tx.open_table(definition(table.0)).map_err(::redb::Error::from).and_then(|mut open| {
                let acted = act(&mut open);
                tables.insert(table, open);
                acted.map_err(::redb::Error::from)
            }),
        };
        acted.map_err(|error| {
            self.faulted.set(true);
            fault(error)
        })
    }
}

impl ReadTx for Writing<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.with(table, |table| Ok(table.get(key)?.map(|value| value.value().to_vec())))
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>> {
        self.with(table, |table| range(table, from, to, limit, false))
    }

    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>> {
        self.with(table, |table| range(table, from, to, limit, true))
    }
}

impl WriteTx for Writing<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.dirty = true;
        self.with(table, |table| table.insert(key, value).map(drop))
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> Result<()> {
        self.dirty = true;
        self.with(table, |table| table.remove(key).map(drop))
    }
}
