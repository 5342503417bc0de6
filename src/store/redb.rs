//! The engine on redb: one writer at a time, readers on snapshots.
//!
//! Commits are two-phase with quick repair: mail is malicious input, and a killed daemon must be ready again at once.
//! After a disk error redb refuses all further work on that database; it is then closed and opened again, so that a full
//! disk recovers without a restart. The failed transaction's sync is never repeated: pages that a kernel dropped after a
//! failed sync would stay lost. Two-phase commit makes that safe, since the older root and all it reaches were durable
//! before, and the header page is written anew by every open; with one phase the error sweep in the tests ends in stores
//! that can no longer be opened.
//!
//! **Invariant:** this file and its submodules alone name redb. A file that cannot be read is never written over. `Ok`
//! from `update` means synced.

#![expect(clippy::disallowed_types, reason = "this is the engine on redb")]

mod backup;
mod guarded;
mod open;
mod tx;

pub(crate) use backup::write_backup;

use crate::clock;
use crate::store::engine::Before;
use crate::store::engine::Engine;
use crate::store::engine::EngineStats;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Error;
use crate::store::error::Result;
use crate::store::redb::open::Source;
use crate::store::redb::tx::Reading;
use crate::store::redb::tx::Writing;
use crate::store::redb::tx::fault;
use ::redb::Database;
use ::redb::ReadTransaction;
use ::redb::ReadableDatabase;
use ::redb::StorageBackend;
use ::redb::WriteTransaction;
use std::fmt;
use std::io;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::time::Duration;

/// Memory for pages, unless told otherwise.
pub const CACHE_BYTES: usize = 128 << 20;

/// How long [`Engine::compact`] waits for readers to end.
const READERS_END_WITHIN: Duration = Duration::from_secs(10);

/// How long closing after an error waits for readers that are under way; those that take longer read again.
const READERS_MAY_TAKE: Duration = Duration::from_secs(1);

/// A store in one redb file.
pub struct Redb {
    source: Source,
    /// Held by whoever writes, opens or compacts.
    turn: Mutex<()>,
    slot: RwLock<Slot>,
    readers: Readers,
    stats: Mutex<EngineStats>,
}

/// The open database; `None` after a failed reopening.
struct Slot {
    database: Option<Database>,
    /// Counts openings, so that of many who saw a fault one opens again.
    generation: u64,
}

impl fmt::Debug for Redb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redb").field("stats", &self.lock_stats()).finish_non_exhaustive()
    }
}

impl Redb {
    /// Opens the store at `path`.
    ///
    /// # Errors
    /// `Missing`, `Empty`, `Foreign`, `Damaged`, `Newer`, `Locked`, or the disk's.
    pub fn open(path: &Path) -> Result<Self> {
        Self::from_source(Source::file(path, CACHE_BYTES))
    }

    /// Opens the store at `path`, or makes one when nothing is there. A new store is complete and its name durable before
    /// it is opened; a crash meanwhile leaves no file of that name.
    ///
    /// # Errors
    /// As [`Redb::open`] but for `Missing`.
    pub fn open_or_create(path: &Path) -> Result<Self> {
        open::create_if_missing(path)?;
        let opened = Self::open(path)?;
        open::remove_drafts(path)?;
        Ok(opened)
    }

    /// A store on any disk, for simulations: `backend` gives a new handle to the same bytes at each opening.
    ///
    /// # Errors
    /// As [`Redb::open`].
    pub fn on_backend<B, F>(backend: F, cache_bytes: usize) -> Result<Self>
    where
        B: StorageBackend,
        F: Fn() -> io::Result<B> + Send + Sync + 'static,
    {
        Self::from_source(Source::backend(backend, cache_bytes))
    }

    fn from_source(source: Source) -> Result<Self> {
        let database = source.open()?;
        Ok(Self {
            source,
            turn: Mutex::new(()),
            slot: RwLock::new(Slot { database: Some(database), generation: 1 }),
            readers: Readers::default(),
            stats: Mutex::default(),
        })
    }

    /// A snapshot and the generation it belongs to; opens the database again when it has to.
    fn begin_read(&self) -> Result<(ReadTransaction, u64)> {
        let seen = match self.try_begin_read() {
            (generation, Ok(tx)) => return Ok((tx, generation)),
            (generation, Err(_)) => generation,
        };
        self.reopen_after(seen)?;
        let (generation, tx) = self.try_begin_read();
        Ok((tx?, generation))
    }

    fn try_begin_read(&self) -> (u64, Result<ReadTransaction>) {
        let slot = self.slot.read().unwrap_or_else(PoisonError::into_inner);
        let begun = match &slot.database {
            Some(database) => database.begin_read().map_err(fault),
            None => Err(closed()),
        };
        (slot.generation, begun)
    }

    fn try_begin_write(&self) -> Result<WriteTransaction> {
        let slot = self.slot.read().unwrap_or_else(PoisonError::into_inner);
        slot.database.as_ref().ok_or_else(closed)?.begin_write().map_err(fault)
    }

    /// Closes and opens the database unless another has done so since generation `seen`.
    fn reopen_after(&self, seen: u64) -> Result<()> {
        let turn = self.turn();
        let generation = self.slot.read().unwrap_or_else(PoisonError::into_inner).generation;
        if generation == seen { self.reopen(&turn) } else { Ok(()) }
    }

    /// Closes and opens the database. Readers under way end on their snapshot first; one that takes too long gets an error
    /// from the closed database, and `view` runs its closure again on the new one.
    fn reopen(&self, _turn: &MutexGuard<'_, ()>) -> Result<()> {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        drop(self.readers.wait_for_none(READERS_MAY_TAKE));
        slot.database = None;
        slot.database = Some(self.source.open()?);
        slot.generation += 1;
        tracing::info!(openings = slot.generation, "the store was opened again");
        Ok(())
    }

    /// One transaction. Reopens on a fault, so that the next one finds a working database if there can be one.
    fn update_in_turn(
        &self,
        turn: &MutexGuard<'_, ()>,
        write: &mut dyn FnMut(&mut dyn WriteTx) -> Result<Before>,
    ) -> Result<()> {
        let tx = match self.try_begin_write() {
            Ok(tx) => tx,
            Err(_) => {
                self.reopen(turn)?;
                self.try_begin_write()?
            }
        };
        let outcome = self.run(tx, write);
        if outcome.faulted {
            // The outcome stands; a failed opening is tried again by whoever comes next.
            drop(self.reopen(turn));
        }
        outcome.result
    }

    fn run(&self, mut tx: WriteTransaction, write: &mut dyn FnMut(&mut dyn WriteTx) -> Result<Before>) -> Outcome {
        tx.set_two_phase_commit(true);
        tx.set_quick_repair(true);
        let mut writing = Writing::new(&tx);
        let written = write(&mut writing);
        let (dirty, faulted) = writing.end();
        let before = match written {
            Ok(before) if dirty => before,
            unwritten => {
                let aborted = tx.abort().map_err(fault);
                return Outcome { faulted: faulted || aborted.is_err(), result: unwritten.map(drop) };
            }
        };
        let begun_at = clock::instant();
        self.source.gate().hold(before);
        let committed = tx.commit();
        let is_unsynced = self.source.gate().release();
        match committed {
            Ok(()) if is_unsynced => {
                Outcome { faulted: true, result: Err(Error::Engine("a commit ended without a sync".to_owned())) }
            }
            Ok(()) => {
                let mut stats = self.lock_stats();
                stats.commits += 1;
                stats.last_commit = begun_at.elapsed();
                Outcome { faulted, result: Ok(()) }
            }
            Err(error) => Outcome { faulted: true, result: Err(fault(error)) },
        }
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_stats(&self) -> MutexGuard<'_, EngineStats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How one transaction ended.
struct Outcome {
    result: Result<()>,
    /// Whether the database saw an error of the disk.
    faulted: bool,
}

fn closed() -> Error {
    Error::Engine("the database could not be opened again after an error".to_owned())
}

impl Engine for Redb {
    fn view(&self, read: &mut dyn FnMut(&dyn ReadTx) -> Result<()>) -> Result<()> {
        let (tx, generation) = self.begin_read()?;
        let (outcome, faulted) = {
            let _counted = self.readers.enter();
            let reading = Reading::new(tx);
            (read(&reading), reading.faulted())
        };
        if outcome.is_ok() || !faulted {
            return outcome;
        }
        self.reopen_after(generation)?;
        let (tx, _) = self.begin_read()?;
        let _counted = self.readers.enter();
        read(&Reading::new(tx))
    }

    fn update(&self, write: &mut dyn FnMut(&mut dyn WriteTx) -> Result<Before>) -> Result<()> {
        let turn = self.turn();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.update_in_turn(&turn, write)));
        outcome.unwrap_or_else(|_| {
            drop(self.reopen(&turn));
            Err(Error::Engine("a transaction panicked".to_owned()))
        })
    }

    fn backup(&self, to: &Path) -> Result<()> {
        let (tx, _) = self.begin_read()?;
        let _counted = self.readers.enter();
        write_backup(to, |copy| backup::copy_all(&tx, copy))
    }

    fn compact(&self) -> Result<()> {
        let turn = self.turn();
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        self.readers.wait_for_none(READERS_END_WITHIN)?;
        let compacted = slot.database.as_mut().ok_or_else(closed)?.compact().map_err(fault);
        drop(slot);
        match compacted {
            Ok(_) => Ok(()),
            Err(error) => {
                drop(self.reopen(&turn));
                Err(error)
            }
        }
    }

    fn rewrite(&self) -> Result<()> {
        let turn = self.turn();
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        self.readers.wait_for_none(READERS_END_WITHIN)?;
        let draft = self.source.rewritten(slot.database.as_ref().ok_or_else(closed)?)?;
        // From here on the old file is closed: whatever happens, one of the two is opened again below.
        slot.database = None;
        let replaced = draft.replace();
        drop(slot);
        let reopened = self.reopen(&turn);
        replaced.and(reopened)
    }

    fn stats(&self) -> EngineStats {
        EngineStats { file_bytes: self.source.file_bytes(), ..*self.lock_stats() }
    }
}

/// Counts readers, so that compaction can wait for the last one.
#[derive(Default)]
struct Readers {
    state: Mutex<Under>,
    none_left: Condvar,
}

/// Readers under way.
#[derive(Debug, Default)]
struct Under {
    count: usize,
    /// How many wait for their end. To tell nobody would cost each reader a call of the kernel.
    waited_for: usize,
}

struct Counted<'a>(&'a Readers);

impl Readers {
    fn enter(&self) -> Counted<'_> {
        self.lock().count += 1;
        Counted(self)
    }

    fn wait_for_none(&self, limit: Duration) -> Result<()> {
        let mut state = self.lock();
        state.waited_for += 1;
        let waited = self.none_left.wait_timeout_while(state, limit, |state| state.count > 0);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waited_for -= 1;
        if state.count == 0 { Ok(()) } else { Err(Error::Engine(format!("{} readers did not end", state.count))) }
    }

    fn lock(&self) -> MutexGuard<'_, Under> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.count = state.count.saturating_sub(1);
        if state.count == 0 && state.waited_for > 0 {
            self.0.none_left.notify_all();
        }
    }
}
