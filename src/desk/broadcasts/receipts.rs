//! What sockets say about a broadcast's rows in the messenger (BRC-41): written, and then acknowledged by the client.
//!
//! **Invariant:** a row says `sent` only of a part that was written to a live socket of that contact, and `delivered` only
//! when that client answered behind it, or named a later position as its own. What was seen stays seen.

use crate::desk::Desk;
use crate::desk::Result;
use crate::domain::broadcast::LedgerKey;
use crate::domain::delivery::SkipReason;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::EventSeq;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::ledger::LedgerState;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;

/// Receipts settled in one transaction.
const SETTLED_MAX: usize = 25;
/// Threads of a contact, and broadcasts of each, in which rows are looked for.
const LOOKED_AT_MAX: (usize, usize) = (20, 5);

/// A part of a broadcast that is shown to a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    /// The broadcast.
    pub broadcast: BroadcastId,
    /// Its part in one of the contact's threads.
    pub part: PartId,
}

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// A socket took it.
    Socket,
    /// The client has it.
    Client,
}

/// What became of a part at a contact's messenger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Whose messenger.
    pub contact: ContactId,
    /// What it is about.
    pub told: Told,
    /// How far it came.
    pub reached: Reached,
}

impl Desk {
    /// Brings the rows of the messenger up to date. Receipts that say nothing new change nothing.
    ///
    /// # Errors
    /// When the store cannot be read or written; what is said then may be said again.
    pub async fn note_receipts(&self, receipts: Vec<Receipt>) -> Result<()> {
        for some in receipts.chunks(SETTLED_MAX) {
            let (some, now) = (some.to_vec(), self.inner.clock.now());
            let noted = self.inner.store.update(move |tx| {
                for receipt in &some {
                    note(tx, receipt, now)?;
                }
                Ok(())
            });
            noted.await?;
        }
        Ok(())
    }

    /// Parts of broadcasts that no client of the contact has acknowledged yet, each with a log position that only a client
    /// which has it can name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn unacknowledged(&self, contact: ContactId) -> Result<Vec<(Told, EventSeq)>> {
        Ok(self.inner.store.view(|tx| {
            let mut found: Vec<(Told, EventSeq)> = Vec::new();
            for thread in store::threads::of_contact(tx, contact, LOOKED_AT_MAX.0)? {
                for (broadcast, _) in store::ledger::of_thread(tx, thread.id, LOOKED_AT_MAX.1)? {
                    if found.iter().all(|(told, _)| told.broadcast != broadcast) {
                        found.extend(open_row(tx, broadcast, contact)?);
                    }
                }
            }
            Ok(found)
        })?)
    }
}

fn open_row(tx: &dyn ReadTx, broadcast: BroadcastId, contact: ContactId) -> store::Result<Option<(Told, EventSeq)>> {
    let row = store::ledger::get(tx, broadcast, LedgerKey::Messenger(contact))?;
    let row = row.filter(|row| advanced(row.state, Reached::Client).is_some());
    Ok(row.and_then(|row| Some((Told { broadcast, part: row.part? }, row.log_seq?))))
}

fn note(tx: &mut dyn WriteTx, receipt: &Receipt, now: Millis) -> store::Result<()> {
    let (broadcast, key) = (receipt.told.broadcast, LedgerKey::Messenger(receipt.contact));
    let row = store::ledger::get(&*tx, broadcast, key)?.filter(|row| row.part == Some(receipt.told.part));
    let Some(mut row) = row else { return Ok(()) };
    let Some(state) = advanced(row.state, receipt.reached) else { return Ok(()) };
    (row.state, row.updated_at) = (state, now);
    store::ledger::put(tx, broadcast, key, &row)
}

/// Where a row goes on to; `None` when it says as much already, or more.
fn advanced(state: LedgerState, reached: Reached) -> Option<LedgerState> {
    match (state, reached) {
        // Without a session when it was posted, and there now.
        (LedgerState::Queued | LedgerState::Skipped(SkipReason::NoSession), Reached::Socket) => Some(LedgerState::Sent),
        (LedgerState::Queued | LedgerState::Sent | LedgerState::Skipped(SkipReason::NoSession), Reached::Client) => {
            Some(LedgerState::Delivered)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brc_41_a_row_goes_on_and_never_back() {
        let no_session = LedgerState::Skipped(SkipReason::NoSession);
        let excluded = LedgerState::Skipped(SkipReason::Excluded);
        for (state, socket, client) in [
            (LedgerState::Queued, Some(LedgerState::Sent), Some(LedgerState::Delivered)),
            (no_session, Some(LedgerState::Sent), Some(LedgerState::Delivered)),
            (LedgerState::Sent, None, Some(LedgerState::Delivered)),
            (LedgerState::Delivered, None, None),
            (LedgerState::Seen, None, None),
            (excluded, None, None),
        ] {
            assert_eq!(
                (advanced(state, Reached::Socket), advanced(state, Reached::Client)),
                (socket, client),
                "{state:?}"
            );
        }
    }
}
