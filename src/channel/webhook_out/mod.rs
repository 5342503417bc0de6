//! Webhooks on their way out: what is owed to subscriptions goes to their receivers (WHK-1 to WHK-3).
//!
//! | file | what |
//! |---|---|
//! | `worker` | reads the log on, and runs one lane for each subscription that can be told something |
//! | `request` | one request: resolve, judge the addresses, connect to one of them, TLS, send, read the answer |
//! | `fetch` | a file that a caller names by its address, under the same rules |
//! | `sign` | the signatures of a body |
//!
//! What a body looks like is the API's matter and comes through [`Bodies`].
//!
//! | killed | what is in the store | what follows |
//! |---|---|---|
//! | before, while or after a request | the notification, open | it goes out again with the same id |
//! | after the outcome's commit | settled, or due again | nothing, or its next attempt |
//!
//! **Invariant:** a connection goes only to an address that was judged, never to a name that is resolved again; redirects
//! are not followed; a receiver that is slow, endless or hostile costs one lane and a bounded time and room.

mod fetch;
mod request;
mod sign;
mod worker;

pub use crate::channel::webhook_out::request::Targets;

pub(crate) use crate::channel::webhook_out::worker::Worker;

use crate::desk::Desk;
use crate::desk::webhooks::owed::Notice;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use tokio_util::sync::CancellationToken;

/// Writes the body of a notification.
pub trait Bodies: Send + Sync + fmt::Debug {
    /// The body of this attempt.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn body(&self, notice: &Notice) -> crate::desk::Result<Vec<u8>>;
}

/// Attempts since the start, for metrics; clones share one count.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<[AtomicU64; 3]>);

impl Tally {
    fn note(&self, status: Option<u16>) {
        let [taken, refused, silent] = &*self.0;
        let counted = match status {
            Some(200..=299) => taken,
            Some(_) => refused,
            None => silent,
        };
        counted.fetch_add(1, Ordering::Relaxed);
    }

    /// Attempts by result: `taken`, `refused`, `unanswered`.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); 3] {
        let [taken, refused, silent] = &*self.0;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [("taken", read(taken)), ("refused", read(refused)), ("unanswered", read(silent))]
    }
}

/// Tells subscribers until `drain` is cancelled; then what is under way may end, within 6 s. One such worker per store.
pub async fn run(desk: Desk, targets: Targets, bodies: Arc<dyn Bodies>, tally: Tally, drain: CancellationToken) {
    Worker::new(desk, targets, bodies, tally).run(drain).await;
}
