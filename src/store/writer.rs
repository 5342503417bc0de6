//! The one writer: takes every waiting closure into one commit.
//!
//! Each closure runs on its own overlay over the same transaction, in the order of the queue, and sees what those before it
//! wrote. A refused or panicking closure leaves nothing and harms nobody. Answers go out after the commit is durable; when
//! the commit fails every closure of it gets the error, the refused ones too, since they may have been refused for what
//! now never was.
//!
//! **Invariant:** what a commit names is durable before it (P1); the queue, the closures and the bytes of one commit have limits; this thread ends only when the store is
//! closed.

use crate::store::blobs::Pending;
use crate::store::engine::CHANGE_BYTES_MAX;
use crate::store::engine::Engine;
use crate::store::engine::WriteTx;
use crate::store::error::Error;
use crate::store::error::Result;
use crate::store::overlay::Changes;
use crate::store::overlay::Overlay;
use crate::store::syncer::Syncer;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::sync::watch;

/// Most closures that wait for the writer; whoever comes then waits to enqueue.
pub(crate) const QUEUE_MAX: usize = 1_024;

/// Most closures in one commit.
pub const GROUP_CLOSURES_MAX: usize = 256;

/// A commit takes no further closure once this many bytes are to be written.
pub const GROUP_BYTES_MAX: usize = 1 << 20;

/// A closure that waits, and whoever waits for it.
pub(crate) trait Job: Send {
    /// Runs the closure; may be called again.
    fn run(&mut self, tx: &mut dyn WriteTx) -> Result<()>;
    /// The blob that its changes name.
    fn named(&self) -> &Pending;
    /// Tells the caller how it ended.
    fn answer(self: Box<Self>, outcome: Result<()>);
}

/// A closure with a result.
pub(crate) struct Typed<T, F> {
    closure: F,
    named: Pending,
    value: Option<T>,
    caller: oneshot::Sender<Result<T>>,
}

impl<T, F> Typed<T, F> {
    /// The closure, the blob that it names, and where its answer goes.
    pub(crate) fn new(closure: F, named: Pending, caller: oneshot::Sender<Result<T>>) -> Self {
        Self { closure, named, value: None, caller }
    }
}

impl<T: Send, F: FnMut(&mut dyn WriteTx) -> Result<T> + Send> Job for Typed<T, F> {
    fn run(&mut self, tx: &mut dyn WriteTx) -> Result<()> {
        self.value = None;
        self.value = Some((self.closure)(tx)?);
        Ok(())
    }

    fn named(&self) -> &Pending {
        &self.named
    }

    fn answer(self: Box<Self>, outcome: Result<()>) {
        let Self { value, caller, .. } = *self;
        let unrun = || Error::Engine("the engine did not run the change".to_owned());
        let answer = outcome.and_then(|()| value.ok_or_else(unrun));
        // A caller who went away has no use for it.
        drop(caller.send(answer));
    }
}

/// Counts what the writer did.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    closures: AtomicU64,
    groups: AtomicU64,
}

impl Counts {
    /// Closures answered.
    pub(crate) fn closures(&self) -> u64 {
        self.closures.load(Ordering::Relaxed)
    }

    /// Transactions they shared.
    pub(crate) fn groups(&self) -> u64 {
        self.groups.load(Ordering::Relaxed)
    }
}

/// What the writer's thread works with.
pub(crate) struct Writer {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) queue: mpsc::Receiver<Box<dyn Job>>,
    pub(crate) syncer: Syncer,
    pub(crate) committed: watch::Sender<u64>,
    pub(crate) counts: Arc<Counts>,
}

struct Member {
    job: Box<dyn Job>,
    outcome: Result<()>,
}

impl Writer {
    /// Works until every sender of the queue is gone.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            self.commit_group(first);
        }
    }

    fn commit_group(&mut self, first: Box<dyn Job>) {
        let mut group = Vec::new();
        let mut wrote = false;
        let queue = &mut self.queue;
        let mut first = Some(first);
        let committed = self.engine.update(&mut |tx| {
            wrote = false;
            let mut bytes = 0;
            let mut done = 0;
            while done < GROUP_CLOSURES_MAX && bytes < GROUP_BYTES_MAX {
                if done == group.len() {
                    let Some(job) = first.take().or_else(|| queue.try_recv().ok()) else { break };
                    group.push(Member { job, outcome: Ok(()) });
                }
                let Some(member) = group.get_mut(done) else { break };
                let changes = run_caught(member, tx);
                bytes += changes.bytes();
                wrote |= !changes.is_empty();
                take_over(changes, tx)?;
                done += 1;
            }
            let accepted = group.iter().filter(|member| member.outcome.is_ok());
            Ok(self.syncer.begin(accepted.map(|member| member.job.named())))
        });
        // An engine that failed before it ran anything.
        group.extend(first.map(|job| Member { job, outcome: Ok(()) }));
        if wrote && committed.is_ok() {
            self.committed.send_modify(|commits| *commits += 1);
        }
        self.counts.groups.fetch_add(1, Ordering::Relaxed);
        self.counts.closures.fetch_add(u64::try_from(group.len()).unwrap_or(0), Ordering::Relaxed);
        for member in group {
            let outcome = committed.clone().and(member.outcome);
            // An answer runs a drop of the caller's value if the caller went away; that may panic too.
            drop(catch_unwind(AssertUnwindSafe(|| member.job.answer(outcome))));
        }
    }
}

/// Runs one closure on its overlay: its changes when it succeeded, else none.
fn run_caught(member: &mut Member, tx: &dyn WriteTx) -> Changes {
    let mut overlay = Overlay::new(tx, CHANGE_BYTES_MAX);
    let ran = catch_unwind(AssertUnwindSafe(|| member.job.run(&mut overlay)));
    member.outcome = ran.unwrap_or_else(|panic| Err(Error::Engine(format!("the change panicked: {}", text(&*panic)))));
    if member.outcome.is_ok() { overlay.into_changes() } else { Changes::default() }
}

fn take_over(changes: Changes, tx: &mut dyn WriteTx) -> Result<()> {
    for (table, key, value) in changes.writes() {
        match value {
            Some(value) => tx.put(table, &key, &value)?,
            None => tx.delete(table, &key)?,
        }
    }
    Ok(())
}

/// What a panic said.
fn text(panic: &(dyn Any + Send)) -> &str {
    match panic.downcast_ref::<&'static str>() {
        Some(text) => text,
        None => panic.downcast_ref::<String>().map_or("no message", String::as_str),
    }
}
