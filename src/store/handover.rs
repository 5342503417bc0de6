//! A change that is made out on a thread that may block, with its answer waited for elsewhere.
//!
//! The thread hands the change to the writer by itself: to go back first to whoever waits would cost each change two turns
//! of the runtime.
//!
//! **Invariant:** whoever waits is answered, whatever becomes of the thread.

use crate::store::blobs::Pending;
use crate::store::engine::WriteTx;
use crate::store::error::Error;
use crate::store::error::Result;
use crate::store::requests;
use crate::store::requests::Request;
use crate::store::writer::Job;
use crate::store::writer::Typed;
use std::fmt;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

/// Takes one change, for the request that is being served.
pub struct Handover<T> {
    queue: mpsc::Sender<Box<dyn Job>>,
    caller: oneshot::Sender<Result<T>>,
    served: Option<Request>,
}

impl<T> fmt::Debug for Handover<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handover").finish_non_exhaustive()
    }
}

/// Comes when the change of a [`Handover`] is durable or refused.
#[derive(Debug)]
pub struct Answer<T>(oneshot::Receiver<Result<T>>);

impl<T: Send + 'static> Handover<T> {
    /// `None` once the store is closed.
    pub(super) fn new(queue: Option<mpsc::Sender<Box<dyn Job>>>) -> Option<(Self, Answer<T>)> {
        let (caller, answer) = oneshot::channel();
        Some((Self { queue: queue?, caller, served: requests::served() }, Answer(answer)))
    }

    /// Hands the change over, which names `blob`. Waits where too many changes wait; for threads that may.
    pub fn update(self, blob: Pending, change: impl FnMut(&mut dyn WriteTx) -> Result<T> + Send + 'static) {
        let (queue, job) = self.job(blob, change);
        // A closed store drops the change, and with it the way to answer.
        drop(queue.blocking_send(job));
    }

    pub(super) fn job(
        self,
        blob: Pending,
        mut change: impl FnMut(&mut dyn WriteTx) -> Result<T> + Send + 'static,
    ) -> (mpsc::Sender<Box<dyn Job>>, Box<dyn Job>) {
        let Self { queue, caller, served } = self;
        let change = move |tx: &mut dyn WriteTx| {
            let value = change(&mut *tx)?;
            served.iter().try_for_each(|request| requests::mark(&mut *tx, request))?;
            Ok(value)
        };
        (queue, Box::new(Typed::new(change, blob, caller)))
    }
}

impl<T> Answer<T> {
    /// What became of the change; `None` when there was none, since the thread ended or the store was closed before.
    pub async fn outcome(self) -> Option<Result<T>> {
        self.0.await.ok()
    }
}

/// What is said of a store that takes nothing more.
pub(crate) fn closed() -> Error {
    Error::Engine("the store is closed".to_owned())
}
