//! What a storage engine must offer: named tables of ordered byte keys, snapshots, one serializable write at a time.
//!
//! The seam is small so that another ordered transactional engine fits behind it. Closures given to it are pure but for
//! the transaction and may be run again; every read a write depends on is made inside the same closure.
//!
//! **Invariant:** [`Engine::update`] answers `Ok` only when the change is durable, and an `Err` from the closure leaves
//! nothing written. Scans have a limit, always.

use crate::store::error::Result;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// A table's name. Tables come into being with their first key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table(pub &'static str);

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// One consistent view of all tables.
pub trait ReadTx {
    /// The value at `key`.
    ///
    /// # Errors
    /// `Engine` when the disk fails.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Pairs with `from <= key < to`, ascending, at most `limit`; none when `from >= to`.
    ///
    /// # Errors
    /// `Engine` when the disk fails.
    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>>;

    /// Pairs with `from <= key < to`, descending, at most `limit`; none when `from >= to`.
    ///
    /// # Errors
    /// `Engine` when the disk fails.
    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>>;
}

/// A transaction that sees its own writes.
pub trait WriteTx: ReadTx {
    /// Sets the value at `key`.
    ///
    /// # Errors
    /// `Engine` when the disk fails or the change grows beyond [`CHANGE_BYTES_MAX`].
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()>;

    /// Removes `key`; no error when it is not there.
    ///
    /// # Errors
    /// As [`WriteTx::put`].
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<()>;
}

/// Most bytes of keys and values one closure may write. Closures should stay near 100 puts and 1 MB; larger work goes in
/// batches with a cursor.
pub const CHANGE_BYTES_MAX: usize = 16 << 20;

/// What a commit waits for before it counts, if for anything: it may go on elsewhere while the commit is being written.
pub type Before = Option<Box<dyn FnOnce() -> Result<()> + Send>>;

/// An ordered, transactional, durable map.
pub trait Engine: Send + Sync + fmt::Debug {
    /// Runs `read` on one snapshot, which must be short: pages it sees cannot be reused meanwhile. `read` may be run again
    /// on a newer snapshot when the disk failed under it.
    ///
    /// # Errors
    /// What `read` returned, or `Engine`.
    fn view(&self, read: &mut dyn FnMut(&dyn ReadTx) -> Result<()>) -> Result<()>;

    /// Runs `write` in one serializable transaction and makes it durable; `Err` rolls back. May run `write` again after
    /// a conflict. A transaction that wrote nothing is not committed. What `write` returns has ended well before the
    /// commit is durable.
    ///
    /// # Errors
    /// What `write` returned, or `Engine` or `Full`: then the outcome is unknown until the next transaction shows it.
    fn update(&self, write: &mut dyn FnMut(&mut dyn WriteTx) -> Result<Before>) -> Result<()>;

    /// Writes all tables as of one snapshot to a new file, durable when this returns. Writers go on meanwhile.
    ///
    /// # Errors
    /// `Engine` when `to` exists or the disk fails, `Full` when space lacks; no file is left then.
    fn backup(&self, to: &Path) -> Result<()>;

    /// Gives freed space back to the file system. Readers and writers wait while it runs: about 15 s for 1 GB.
    ///
    /// # Errors
    /// `Engine` when a reader does not end or the disk fails.
    fn compact(&self) -> Result<()>;

    /// Writes everything into a new file in place of the old one, so that no octet of what was removed is left in it
    /// (DAT-2): freed pages keep what stood in them. Readers and writers wait while it runs, as for [`Engine::compact`], and
    /// the disk holds both files meanwhile.
    ///
    /// # Errors
    /// `Engine` when a reader does not end or the disk fails, `Full` when space lacks; the old file stays then.
    fn rewrite(&self) -> Result<()>;

    /// Figures for metrics and `status`.
    fn stats(&self) -> EngineStats;
}

/// Figures of an engine since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineStats {
    /// Size of the store's file.
    pub file_bytes: u64,
    /// Commits made durable.
    pub commits: u64,
    /// How long the last commit took, from the first write of the disk to its end.
    pub last_commit: Duration,
}
