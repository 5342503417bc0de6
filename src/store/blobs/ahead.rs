//! The write-ahead log of small blobs: many become durable with one sync, and none waits for a sync of its own file.
//!
//! A blob is appended to the log and synced together with all that came meanwhile; then it gets its file, unsynced. Of two
//! log files one is written; when it is full the other one takes over, and the full one is free again once the file system
//! has synced all its blobs' files ([`Ahead::settle`]). After a crash the log's blobs get their files again.
//!
//! Where the log has no room, or failed, a blob is written and synced by itself: slower, as safe.
//!
//! **Invariant:** a log file is written over only after every blob in it is durable under its name. A batch whose write or
//! sync failed ends its log file: nothing is appended behind a gap.

use crate::domain::attachment::BlobHash;
use crate::store::blobs::log_file;
use crate::store::blobs::log_file::LogFile;
use crate::store::error::Result;
use std::path::Path;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;

/// Largest frame the log takes; the sync of a larger blob's own file is little beside its bytes.
pub(super) const FRAME_BYTES_MAX: usize = 256 << 10;

/// Bytes of one log file.
const LOG_BYTES_MAX: u64 = 32 << 20;

/// Gives a blob its file, durably.
pub(super) type Restore<'a> = &'a mut dyn FnMut(BlobHash, &[u8]) -> Result<()>;

/// The log of one directory of blobs.
#[derive(Debug)]
pub(super) struct Ahead {
    state: Mutex<State>,
    /// A batch was written, or a log file became free.
    changed: Condvar,
    /// A blob got its file. Apart from `changed`, or every blob would wake all who wait for their batch.
    placed: Condvar,
    log_bytes_max: u64,
}

#[derive(Debug)]
struct State {
    /// The log file that is written.
    active: Side,
    spare: Side,
    spare_is: Spare,
    /// Records that wait to be written, and where.
    batch: Vec<u8>,
    batch_at: u64,
    outcome: Outcome,
    /// Somebody writes a batch.
    writing: bool,
    /// The log is being emptied and takes nothing.
    emptying: bool,
}

#[derive(Debug)]
struct Side {
    log: LogFile,
    /// A write failed: it takes nothing more.
    broken: bool,
    /// Its blobs that have no file yet: the references but one.
    unplaced: Arc<()>,
}

/// Whether a batch became durable, once that is known.
type Outcome = Arc<OnceLock<bool>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spare {
    /// Nothing in it is needed.
    Free,
    /// Full; to settle it failed, or was not begun.
    Full,
    /// Being settled.
    Settling,
}

/// A blob that is durable in the log; held until it has its file.
#[derive(Debug)]
pub(super) struct Fresh<'a> {
    ahead: &'a Ahead,
    unplaced: Option<Arc<()>>,
}

impl Ahead {
    /// The log in `dir` with whatever it holds; to be emptied by [`Ahead::empty`] before it is used.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        Self::of_size(dir, LOG_BYTES_MAX)
    }

    fn of_size(dir: &Path, log_bytes_max: u64) -> Result<Self> {
        let side = |name: &str| -> Result<Side> {
            Ok(Side { log: LogFile::open(dir.join(name))?, broken: false, unplaced: Arc::default() })
        };
        let state = State {
            active: side("a")?,
            spare: side("b")?,
            spare_is: Spare::Free,
            batch: Vec::new(),
            batch_at: 0,
            outcome: Outcome::default(),
            writing: false,
            emptying: false,
        };
        Ok(Self { state: Mutex::new(state), changed: Condvar::new(), placed: Condvar::new(), log_bytes_max })
    }

    /// Hands every blob in the log to `each`.
    pub(super) fn read(&self, each: Restore<'_>) -> Result<()> {
        let state = self.lock();
        state.active.log.read(each)?;
        state.spare.log.read(each)
    }

    /// Appends a blob, which is durable when this gives [`Fresh`]. `None`: the log cannot take it. `settle` is called when a
    /// log file has become full: it lets another thread call [`Ahead::settle`] and tells whether one will.
    pub(super) fn append(&self, hash: BlobHash, frame: &[u8], settle: impl Fn() -> bool) -> Option<Fresh<'_>> {
        let mut state = self.room(log_file::record_bytes(frame), settle)?;
        let fresh = Fresh { ahead: self, unplaced: Some(Arc::clone(&state.active.unplaced)) };
        let outcome = state.add(hash, frame);
        loop {
            if let Some(durable) = outcome.get() {
                drop(state);
                return durable.then_some(fresh);
            }
            state = if state.writing { self.wait(state) } else { self.write_batch(state) };
        }
    }

    /// The state, with room in the active log file for so many bytes.
    fn room(&self, record_bytes: u64, settle: impl Fn() -> bool) -> Option<MutexGuard<'_, State>> {
        let mut state = self.lock();
        loop {
            if state.emptying || record_bytes > self.log_bytes_max / 2 {
                return None;
            }
            if state.active.takes(record_bytes, self.log_bytes_max) {
                return Some(state);
            }
            if state.is_busy() {
                state = self.wait(state);
            } else if !state.active.log.is_begun() {
                state.active.begin().ok()?;
            } else if state.spare_is == Spare::Settling {
                return None;
            } else {
                let turns = state.spare_is == Spare::Free;
                if turns {
                    state.turn_over();
                }
                state.spare_is = if settle() { Spare::Settling } else { Spare::Full };
                if !turns {
                    return None;
                }
            }
        }
    }

    /// Writes and syncs what waits, while others gather behind it.
    fn write_batch<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let (batch, outcome) = state.take_batch();
        let (file, at) = (state.active.log.file(), state.batch_at);
        state.writing = true;
        drop(state);
        let written = log_file::write(&file, &batch, at);
        if let Err(error) = &written {
            tracing::warn!(%error, "the log of fresh blobs cannot be written; each blob gets a sync of its own");
        }
        let mut state = self.lock();
        state.writing = false;
        settled_as(&outcome, written.is_ok());
        if written.is_err() {
            state.active.broken = true;
            let (_, behind_the_gap) = state.take_batch();
            settled_as(&behind_the_gap, false);
        }
        self.changed.notify_all();
        state
    }

    /// Makes the blobs of the full log file durable under their names: all at once by `sync`, else one by one by
    /// `restore`. Then the file may be written over.
    pub(super) fn settle(&self, sync: impl FnOnce() -> Result<()>, restore: Restore<'_>) -> Result<()> {
        let mut state = self.lock();
        while !state.spare.is_placed() {
            state = self.wait_for_files(state);
        }
        let log = state.spare.log.clone();
        drop(state);
        // What a failed sync lost is not told: all of it is written again.
        let settled = sync().or_else(|_| log.read(restore));
        let mut state = self.lock();
        if settled.is_ok() {
            state.spare.log.end();
        }
        state.spare_is = if settled.is_ok() { Spare::Free } else { Spare::Full };
        self.changed.notify_all();
        settled
    }

    /// Makes everything in the log durable under its name and wipes the log, so that what is removed is nowhere.
    pub(super) fn empty(&self, sync: impl Fn() -> Result<()>, restore: Restore<'_>) -> Result<()> {
        let mut state = self.lock();
        if state.active.log.is_empty()? && state.spare.log.is_empty()? {
            return Ok(());
        }
        while state.emptying {
            state = self.wait(state);
        }
        state.emptying = true;
        loop {
            if state.is_busy() || state.spare_is == Spare::Settling {
                state = self.wait(state);
            } else if !state.active.is_placed() || !state.spare.is_placed() {
                state = self.wait_for_files(state);
            } else {
                break;
            }
        }
        let emptied = sync().or_else(|_| state.active.log.read(restore).and_then(|()| state.spare.log.read(restore)));
        let emptied = emptied.and_then(|()| state.active.clear()).and_then(|()| state.spare.clear());
        if emptied.is_ok() {
            state.spare_is = Spare::Free;
        }
        state.emptying = false;
        self.changed.notify_all();
        emptied
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_files<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.placed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, hash: BlobHash, frame: &[u8]) -> Outcome {
        if self.batch.is_empty() {
            self.batch_at = self.active.log.next_at();
        }
        self.active.log.add(hash, frame, &mut self.batch);
        Arc::clone(&self.outcome)
    }

    fn take_batch(&mut self) -> (Vec<u8>, Outcome) {
        (std::mem::take(&mut self.batch), std::mem::take(&mut self.outcome))
    }

    fn is_busy(&self) -> bool {
        self.writing || !self.batch.is_empty()
    }

    fn turn_over(&mut self) {
        std::mem::swap(&mut self.active, &mut self.spare);
    }
}

impl Side {
    fn takes(&self, record_bytes: u64, log_bytes_max: u64) -> bool {
        self.log.is_begun() && !self.broken && self.log.next_at().saturating_add(record_bytes) <= log_bytes_max
    }

    fn begin(&mut self) -> Result<()> {
        self.log.begin()?;
        self.broken = false;
        Ok(())
    }

    fn clear(&mut self) -> Result<()> {
        self.log.clear()?;
        self.broken = false;
        Ok(())
    }

    fn is_placed(&self) -> bool {
        Arc::strong_count(&self.unplaced) == 1
    }
}

fn settled_as(outcome: &Outcome, durable: bool) {
    outcome.get_or_init(|| durable);
}

impl Drop for Fresh<'_> {
    fn drop(&mut self) {
        // Under the lock, or whoever looks at the count and then waits would miss it.
        let _state = self.ahead.lock();
        self.unplaced = None;
        self.ahead.placed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::error::Error;
    use std::collections::HashSet;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;
    use std::thread;

    /// A log, the files made beside it, and which of them a sync made durable.
    struct Disk {
        ahead: Ahead,
        made: Mutex<HashSet<BlobHash>>,
        durable: Mutex<HashSet<BlobHash>>,
        settled: AtomicUsize,
    }

    impl Disk {
        fn new(dir: &Path, log_bytes_max: u64) -> Self {
            let ahead = Ahead::of_size(dir, log_bytes_max).unwrap();
            Self { ahead, made: Mutex::default(), durable: Mutex::default(), settled: AtomicUsize::new(0) }
        }

        fn sync(&self) -> Result<()> {
            self.durable.lock().unwrap().extend(self.made.lock().unwrap().iter());
            Ok(())
        }

        fn settle(&self, sync: impl FnOnce() -> Result<()>) -> Result<()> {
            self.settled.fetch_add(1, Ordering::Relaxed);
            self.ahead.settle(sync, &mut |hash, _| {
                self.durable.lock().unwrap().insert(hash);
                Ok(())
            })
        }

        fn put(self: &Arc<Self>, content: &[u8]) {
            let hash = BlobHash::of(content);
            let frame = crate::store::blobs::compressed(content).unwrap();
            let disk = Arc::clone(self);
            let fresh = self.ahead.append(hash, &frame, move || {
                let disk = Arc::clone(&disk);
                thread::spawn(move || disk.settle(|| disk.sync()).unwrap());
                true
            });
            self.made.lock().unwrap().insert(hash);
            if fresh.is_none() {
                self.durable.lock().unwrap().insert(hash);
            }
        }

        /// What a power cut leaves. The log first: what leaves it meanwhile is durable before.
        fn left(&self) -> HashSet<BlobHash> {
            let mut left = HashSet::new();
            let read = self.ahead.read(&mut |hash, _| {
                left.insert(hash);
                Ok(())
            });
            read.unwrap();
            left.extend(self.durable.lock().unwrap().iter());
            left
        }
    }

    #[test]
    fn p1_whatever_was_put_is_in_the_log_or_durable_while_its_files_take_turns() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(Disk::new(dir.path(), 4_000));
        thread::scope(|scope| {
            for thread in 0..4_u32 {
                let disk = Arc::clone(&disk);
                scope.spawn(move || {
                    for n in 0..300_u32 {
                        let content = [thread.to_be_bytes(), n.to_be_bytes()].concat();
                        disk.put(&content);
                        assert!(n % 16 != 0 || disk.left().contains(&BlobHash::of(&content)), "{thread} {n}");
                    }
                });
            }
        });
        assert!(disk.settled.load(Ordering::Relaxed) > 3, "the files took turns");
        let left = disk.left();
        let all = disk.made.lock().unwrap().clone();
        assert_eq!(all.len(), 1_200);
        assert!(all.is_subset(&left));
    }

    #[test]
    fn a_sync_that_fails_is_made_good_one_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(Disk::new(dir.path(), 1_000));
        let frame = crate::store::blobs::compressed(&[7; 40]).unwrap();
        let asked = AtomicUsize::new(0);
        let asks = || {
            asked.fetch_add(1, Ordering::Relaxed);
            true
        };
        let hashes: Vec<BlobHash> = (0..40_u8).map(|n| BlobHash([n; 32])).collect();
        // Their names are made up, so these records are cut when they are read; one of a true name stands first.
        let first = BlobHash::of(&[7; 40]);
        drop(disk.ahead.append(first, &frame, asks).unwrap());
        let taken = hashes.iter().take_while(|hash| disk.ahead.append(**hash, &frame, asks).is_some()).count();
        assert!((10..40).contains(&taken), "both files filled, then no room: {taken}");
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        disk.settle(|| Err(Error::Full)).unwrap();
        assert!(disk.durable.lock().unwrap().contains(&first));
        assert!(disk.ahead.append(first, &frame, asks).is_some(), "and it goes on");
    }

    #[test]
    fn a_log_file_whose_blobs_cannot_be_settled_is_kept_and_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let ahead = Ahead::of_size(dir.path(), 1_000).unwrap();
        let content = [7; 40];
        let (hash, frame) = (BlobHash::of(&content), crate::store::blobs::compressed(&content).unwrap());
        while ahead.append(hash, &frame, || true).is_some() {}
        assert_eq!(ahead.settle(|| Err(Error::Full), &mut |_, _| Err(Error::Full)), Err(Error::Full));
        let asked = AtomicUsize::new(0);
        let asks = || asked.fetch_add(1, Ordering::Relaxed) == 0;
        assert!(ahead.append(hash, &frame, asks).is_none());
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        ahead.settle(|| Ok(()), &mut |_, _| Ok(())).unwrap();
        assert!(ahead.append(hash, &frame, asks).is_some());
    }
}
