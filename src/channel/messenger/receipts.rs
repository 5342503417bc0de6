//! What sockets took and clients acknowledged of broadcasts, on its way to their ledgers (BRC-41).
//!
//! **Invariant:** a socket never waits for the store here. What waits is bounded and may be lost with the process: a row
//! then says less than was reached until the contact comes back with a position, never more.

use crate::desk::Desk;
use crate::desk::broadcasts::receipts::Reached;
use crate::desk::broadcasts::receipts::Receipt;
use crate::desk::broadcasts::receipts::Told;
use crate::domain::id::ContactId;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Receipts that wait; those beyond it are forgotten.
const WAITING_MAX: usize = 20_000;
/// What is acknowledged so soon after it was written is one change of its row.
const GATHERING: Duration = Duration::from_millis(200);

#[derive(Debug, Default)]
pub(crate) struct Receipts {
    waiting: Mutex<BTreeMap<(Told, ContactId), Reached>>,
    some: Notify,
}

impl Receipts {
    /// Notes how far these came at a contact.
    pub(crate) fn note(&self, contact: ContactId, told: &[Told], reached: Reached) {
        if told.is_empty() {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for told in told {
            if waiting.len() < WAITING_MAX || waiting.contains_key(&(*told, contact)) {
                let known = waiting.entry((*told, contact)).or_insert(reached);
                *known = reached.max(*known);
            }
        }
        drop(waiting);
        self.some.notify_one();
    }

    /// Writes them down as they come, until `stop`, and then what is left.
    pub(crate) async fn run(&self, desk: &Desk, stop: &CancellationToken) {
        loop {
            let stopped = tokio::select! {
                () = self.some.notified() => false,
                () = stop.cancelled() => true,
            };
            if !stopped {
                tokio::select! {
                    () = tokio::time::sleep(GATHERING) => {}
                    () = stop.cancelled() => {}
                }
            }
            let waiting = self.take();
            if let Err(error) = desk.note_receipts(waiting).await {
                tracing::warn!(%error, "receipts of the messenger could not be kept");
            }
            if stopped {
                return;
            }
        }
    }

    fn take(&self) -> Vec<Receipt> {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let receipt = |((told, contact), reached)| Receipt { contact, told, reached };
        waiting.into_iter().map(receipt).collect()
    }
}
