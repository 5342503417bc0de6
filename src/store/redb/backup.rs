//! Copies of the whole store into a new file.
//!
//! **Invariant:** the file gets its name only when it is complete and synced; an existing file is never replaced.

use crate::store::durable::Draft;
use crate::store::engine::Pair;
use crate::store::error::Error;
use crate::store::error::Result;
use crate::store::redb::open::create;
use crate::store::redb::tx::definition;
use crate::store::redb::tx::fault;
use ::redb::Database;
use ::redb::ReadTransaction;
use ::redb::ReadableTable;
use ::redb::TableHandle;
use std::path::Path;

/// Bytes of keys and values per commit of the copy, which bounds the memory it needs.
const BATCH_BYTES: usize = 8 << 20;

/// The file being written.
pub(crate) struct Copy {
    database: Database,
}

impl Copy {
    /// Adds a table; `pairs` ascend by key.
    pub(crate) fn table(&mut self, name: &str, pairs: impl Iterator<Item = Result<Pair>>) -> Result<()> {
        let mut pairs = pairs.peekable();
        while pairs.peek().is_some() {
            self.batch(name, &mut pairs)?;
        }
        Ok(())
    }

    fn batch(&mut self, name: &str, pairs: &mut impl Iterator<Item = Result<Pair>>) -> Result<()> {
        let tx = self.database.begin_write().map_err(fault)?;
        {
            let mut table = tx.open_table(definition(name)).map_err(fault)?;
            let mut bytes = 0;
            while bytes < BATCH_BYTES {
                let Some((key, value)) = pairs.next().transpose()? else { break };
                table.insert(key.as_slice(), value.as_slice()).map_err(fault)?;
                bytes += key.len() + value.len() + 16;
            }
        }
        tx.commit().map_err(fault)
    }
}

/// Fills a new store at `to`, durable when this returns.
pub(crate) fn write_backup(to: &Path, fill: impl FnOnce(&mut Copy) -> Result<()>) -> Result<()> {
    let taken = || Error::Engine(format!("{} exists", to.display()));
    if to.symlink_metadata().is_ok() {
        return Err(taken());
    }
    let draft = Draft::beside(to)?;
    self::fill(draft.path(), fill)?;
    if draft.place()? { Ok(()) } else { Err(taken()) }
}

/// Makes a store at `path` and fills it; complete, but not synced to a name yet.
pub(super) fn fill(path: &Path, fill: impl FnOnce(&mut Copy) -> Result<()>) -> Result<()> {
    create(path)?;
    let mut copy = Copy { database: Database::open(path).map_err(fault)? };
    fill(&mut copy)?;
    copy.database.close().map_err(fault)
}

/// Every table of a snapshot.
pub(super) fn copy_all(tx: &ReadTransaction, copy: &mut Copy) -> Result<()> {
    for handle in tx.list_tables().map_err(fault)? {
        let table = tx.open_table(definition(handle.name())).map_err(fault)?;
        let pairs = table.iter().map_err(fault)?.map(|row| {
            let (key, value) = row.map_err(fault)?;
            Ok((key.value().to_vec(), value.value().to_vec()))
        });
        copy.table(handle.name(), pairs)?;
    }
    Ok(())
}
