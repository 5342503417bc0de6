//! Calling off and taking back, row by row (BRC-26, BRC-32).
//!
//! **Invariant:** a mail past the dot is left alone: what the relay may have is not called unsent.

use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::conclude;
use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::LedgerKey;
use crate::domain::broadcast::Sweep;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::SkipReason;
use crate::domain::event::EventKind;
use crate::domain::id::PartId;
use crate::domain::ledger::LedgerEntry;
use crate::domain::ledger::LedgerState;
use crate::store;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use crate::store::save::save;

/// Mails taken back, or rows looked at, in one transaction.
const SWEPT: usize = 50;
/// Mails of a lane looked at for ones that can be taken back: those past the dot are at most one per connection.
const LOOKED_AT: usize = 250;

/// One batch of a sweep; `true` while there is more.
pub(crate) fn sweep(tx: &mut dyn WriteTx, mut broadcast: Broadcast, at: &At) -> store::Result<bool> {
    let Some(sweep) = broadcast.sweep else { return Ok(false) };
    let (reason, after) = match sweep {
        Sweep::Cancel(after) => (SkipReason::Cancelled, after),
        Sweep::Redact(after) => (SkipReason::Redacted, after),
    };
    if take_back(tx, &broadcast, reason)? {
        return Ok(true);
    }
    let rows = store::ledger::rows(&*tx, broadcast.id, after, SWEPT)?;
    for (key, row) in &rows {
        match (key, row.part) {
            (LedgerKey::Thread(_), None) if row.state == LedgerState::Queued => {
                let skipped = LedgerEntry::new(LedgerState::Skipped(reason), row.thread, at.now);
                store::ledger::put(tx, broadcast.id, *key, &skipped)?;
            }
            (LedgerKey::Thread(_), Some(part)) if reason == SkipReason::Redacted => redact(tx, row, part, at)?,
            _ => {}
        }
    }
    let is_thread = |key: &LedgerKey| matches!(key, LedgerKey::Thread(_));
    let last = rows.last().map(|(key, _)| *key).filter(|key| rows.len() == SWEPT && is_thread(key));
    broadcast.sweep = last.map(|last| match sweep {
        Sweep::Cancel(_) => Sweep::Cancel(Some(last)),
        Sweep::Redact(_) => Sweep::Redact(Some(last)),
    });
    store::broadcasts::put(tx, &broadcast)?;
    Ok(true)
}

/// Takes waiting mails of the lane back; whether there were any.
fn take_back(tx: &mut dyn WriteTx, broadcast: &Broadcast, reason: SkipReason) -> store::Result<bool> {
    let waiting = store::lanes::waiting(&*tx, broadcast.id, None, LOOKED_AT)?;
    let free = waiting.into_iter().filter(|delivery| !delivery.past_dot).take(SWEPT);
    let owed: Vec<Delivery> = free
        .map(|delivery| Delivery { state: DeliveryState::Skipped(reason), leased_until: None, ..delivery })
        .collect();
    let any = !owed.is_empty();
    if any {
        save(tx, &Change { owed, ..Change::default() })?;
    }
    Ok(any)
}

/// A part loses its words and files (OBJ-47).
fn redact(tx: &mut dyn WriteTx, row: &LedgerEntry, part: PartId, at: &At) -> store::Result<()> {
    let Some(mut part) = store::parts::by_id(&*tx, part)?.filter(|part| !part.redacted) else { return Ok(()) };
    let Some(thread) = store::threads::get(&*tx, row.thread)? else { return Ok(()) };
    part.body_html.clear();
    part.body_text.clear();
    part.attachments.clear();
    (part.redacted, part.updated_at) = (true, at.now);
    let mut draft = Draft::of(thread, at);
    draft.thread.updated_at = at.now;
    draft.note(EventKind::PartRedacted { part: part.id, part_seq: part.seq }, None);
    conclude(tx, vec![draft], Change { parts: vec![part], ..Change::default() })?;
    Ok(())
}
