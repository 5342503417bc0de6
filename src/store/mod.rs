//! The store: state, event log and owed deliveries in ordered tables; blobs beside them.
//!
//! [`Store`] is the handle everybody holds. Reading runs at once on a snapshot; writing is a closure handed to the one
//! writer, which takes all that wait into one commit ([`writer`]) and answers when it is durable.
//!
//! What is kept, in reading order: [`tables`] (every table on one page), `record` (stored forms), [`save`] (the one place
//! that writes domain state), then one file of queries per noun. Keys and stored forms do not leave this module.
//!
//! | killed | what is there at the next start |
//! |---|---|
//! | before the commit | nothing of the change; its caller had no answer |
//! | during the commit | all of the change or nothing; its caller had no answer |
//! | after the commit | all of the change |
//!
//! **Invariant:** only [`redb`] names the engine; nothing is announced before it is durable; an `Err` from a closure
//! leaves nothing written.

pub mod agent_notices;
pub mod agents;
pub mod alarms;
pub mod attempts;
pub mod backup;
pub mod blob_refs;
pub mod blobs;
pub mod broadcasts;
pub(crate) mod by_contact;
pub mod captured;
pub mod chores;
pub mod client_ids;
pub mod companies;
pub mod contacts;
pub mod cross_posts;
pub mod cursors;
pub mod data_events;
pub mod durable;
pub mod engine;
pub mod erasing;
pub mod error;
pub mod events;
pub mod facts;
pub mod handover;
pub mod intake;
mod key;
pub mod lanes;
pub mod ledger;
pub mod links;
pub mod memory;
pub mod message_ids;
pub mod meta;
pub mod migrate;
pub mod notes;
pub mod office_hours;
pub mod outbox;
mod overlay;
pub mod parts;
mod record;
pub mod redb;
pub mod requests;
#[cfg(test)]
pub(crate) mod sample;
pub mod save;
pub mod sealing;
pub mod sent_copies;
pub mod settings;
pub mod suppressions;
mod syncer;
pub mod tables;
pub mod tags;
pub mod teams;
pub mod threads;
pub mod ticket_types;
pub mod uploads;
pub mod verify;
pub mod visitors;
mod wait;
pub mod webhooks;
pub mod writer;

pub use crate::store::error::Error;
pub use crate::store::error::Result;
pub use crate::store::verify::verify;

use crate::store::blobs::Pending;
use crate::store::engine::Engine;
use crate::store::engine::EngineStats;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::handover::Answer;
use crate::store::handover::Handover;
use crate::store::handover::closed;
use crate::store::memory::Memory;
use crate::store::redb::Redb;
use crate::store::syncer::Syncer;
use crate::store::writer::Counts;
use crate::store::writer::Job;
use crate::store::writer::QUEUE_MAX;
use crate::store::writer::Writer;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::thread::JoinHandle;
use std::thread::ThreadId;
use tokio::sync::mpsc;
use tokio::sync::watch;

/// The store's handle; clones share one engine and one writer.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

struct Inner {
    engine: Arc<dyn Engine>,
    /// `None` once closed.
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    writer_id: ThreadId,
    committed: watch::Sender<u64>,
    counts: Arc<Counts>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("engine", &self.engine).field("counts", &self.counts).finish_non_exhaustive()
    }
}

/// Figures of the store since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// File size, commits, last commit.
    pub engine: EngineStats,
    /// Closures answered, refused ones with them.
    pub closures: u64,
    /// Transactions they shared; `closures / groups` is how well they group.
    pub groups: u64,
}

impl Store {
    /// Opens the store at `path`, or makes one when nothing is there.
    ///
    /// # Errors
    /// As [`Redb::open_or_create`].
    pub fn open_or_create(path: &Path) -> Result<Self> {
        Self::new(Arc::new(Redb::open_or_create(path)?))
    }

    /// Opens the store at `path`, which must be there.
    ///
    /// # Errors
    /// As [`Redb::open`].
    pub fn open(path: &Path) -> Result<Self> {
        Self::new(Arc::new(Redb::open(path)?))
    }

    /// An empty store without a disk.
    ///
    /// # Errors
    /// `Engine` when no thread can be started.
    pub fn in_memory() -> Result<Self> {
        Self::new(Arc::new(Memory::default()))
    }

    /// A store over any engine; starts its writer.
    ///
    /// # Errors
    /// `Engine` when no thread can be started.
    pub fn new(engine: Arc<dyn Engine>) -> Result<Self> {
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        let committed = watch::Sender::new(0);
        let counts = Arc::new(Counts::default());
        let unstarted = |error: std::io::Error| Error::from_io("writer", &error);
        let syncer = Syncer::start().map_err(unstarted)?;
        let writer =
            Writer { engine: engine.clone(), queue, syncer, committed: committed.clone(), counts: counts.clone() };
        let named = thread::Builder::new().name("store-writer".to_owned());
        let started = named.spawn(move || writer.run()).map_err(unstarted)?;
        Ok(Self(Arc::new(Inner {
            engine,
            queue: Mutex::new(Some(sender)),
            writer_id: started.thread().id(),
            writer: Mutex::new(Some(started)),
            committed,
            counts,
        })))
    }

    /// Runs `read` on one snapshot, on this thread. Keep it short; it may be run again after a disk error.
    ///
    /// # Errors
    /// What `read` returned, or `Engine`.
    pub fn view<T>(&self, mut read: impl FnMut(&dyn ReadTx) -> Result<T>) -> Result<T> {
        let mut value = None;
        self.0.engine.view(&mut |tx| {
            value = Some(read(tx)?);
            Ok(())
        })?;
        value.ok_or_else(|| Error::Engine("the engine did not run the read".to_owned()))
    }

    /// Runs `closure` in a commit shared with others and answers when it is durable. The closure may be run again, so it
    /// changes nothing but the transaction; what it reads there includes the changes of closures before it.
    ///
    /// A caller who stops waiting does not undo the change: once enqueued, it happens.
    ///
    /// # Errors
    /// What `closure` returned: then nothing of it was written. `Engine` or `Full`: the outcome is unknown until read.
    pub async fn update<T: Send + 'static>(
        &self,
        closure: impl FnMut(&mut dyn WriteTx) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.update_with(Pending::durable(), closure).await
    }

    /// [`Store::update`] for a closure that names a blob, which is durable before the commit.
    ///
    /// # Errors
    /// As [`Store::update`]; `Engine` with nothing written when the blob cannot be made durable.
    pub async fn update_with<T: Send + 'static>(
        &self,
        blob: Pending,
        closure: impl FnMut(&mut dyn WriteTx) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (handover, answer) = self.handover()?;
        let (queue, job) = handover.job(blob, closure);
        queue.send(job).await.map_err(|_| closed())?;
        answer.outcome().await.ok_or_else(closed)?
    }

    /// [`Store::update_with`] in two: the change is handed over by a thread that may block, its answer waited for here.
    ///
    /// # Errors
    /// `Engine` once the store is closed.
    pub fn handover<T: Send + 'static>(&self) -> Result<(Handover<T>, Answer<T>)> {
        let queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Handover::new(queue).ok_or_else(closed)
    }

    /// [`Store::update`] for threads that may block: commands, tests, the blocking pool. Never inside a closure.
    ///
    /// # Errors
    /// As [`Store::update`].
    pub fn update_blocking<T: Send + 'static>(
        &self,
        closure: impl FnMut(&mut dyn WriteTx) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if thread::current().id() == self.0.writer_id {
            return Err(Error::Engine("an update inside an update".to_owned()));
        }
        wait::block_on(self.update(closure))
    }

    /// Changes after each commit, to wake workers. The number carries no meaning; a worker wakes by a timer too.
    #[must_use]
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.0.committed.subscribe()
    }

    /// Copies the store as of one snapshot to a new file. Blocks for as long as it takes to write it.
    ///
    /// # Errors
    /// As [`Engine::backup`].
    pub fn backup(&self, to: &Path) -> Result<()> {
        self.0.engine.backup(to)
    }

    /// Gives freed space back. Blocks everybody meanwhile.
    ///
    /// # Errors
    /// As [`Engine::compact`].
    pub fn compact(&self) -> Result<()> {
        self.0.engine.compact()
    }

    /// Leaves nothing in the file that was removed. Blocks everybody meanwhile.
    ///
    /// # Errors
    /// As [`Engine::rewrite`].
    pub fn rewrite(&self) -> Result<()> {
        self.0.engine.rewrite()
    }

    /// Figures for metrics and `status`.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { engine: self.0.engine.stats(), closures: self.0.counts.closures(), groups: self.0.counts.groups() }
    }

    /// Commits what waits and takes nothing more; views still work. The file is free for others once the last handle is
    /// dropped.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Inner {
    fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The last handle may be dropped by a closure; the writer cannot wait for itself.
        if let Some(writer) = writer.filter(|_| thread::current().id() != self.writer_id) {
            drop(writer.join());
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
