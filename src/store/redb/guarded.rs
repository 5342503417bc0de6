//! The store's disk, the next sync of which waits for what the commit names.
//!
//! redb writes the pages of a commit, syncs, and only then makes it the one that counts. What the commit names may become
//! durable while the pages are written, on another thread; at that first sync it has to be.
//!
//! **Invariant:** no sync that comes after [`Gate::hold`] succeeds before what is held for.

use crate::store::engine::Before;
use ::redb::BackendError;
use ::redb::StorageBackend;
use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// What the next sync waits for.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<Mutex<Before>>);

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}

impl Gate {
    /// The next sync fails unless this does not.
    pub(super) fn hold(&self, before: Before) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = before;
    }

    /// Takes back what no sync has waited for: whether there was anything.
    pub(super) fn release(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }

    fn pass(&self) -> io::Result<()> {
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        before.map_or(Ok(()), |before| before().map_err(|error| io::Error::other(error.to_string())))
    }
}

/// A disk behind a gate.
#[derive(Debug)]
pub(super) struct Guarded<B> {
    disk: B,
    gate: Gate,
}

impl<B> Guarded<B> {
    pub(super) fn new(disk: B, gate: &Gate) -> Self {
        Self { disk, gate: gate.clone() }
    }
}

type Locked<T> = Result<T, BackendError>;

impl<B: StorageBackend> StorageBackend for Guarded<B> {
    fn sync_data(&self) -> io::Result<()> {
        self.gate.pass()?;
        self.disk.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.set_len(len)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.disk.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<bool> {
        self.disk.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<bool> {
        self.disk.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<()> {
        self.disk.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<()> {
        self.disk.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<()> {
        self.disk.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<bool> {
        self.disk.query_lock_range(start, end)
    }
}
