//! What being seen, answered, bounced or confirmed says about a broadcast's rows (BRC-23, BRC-41, BRC-43).
//!
//! **Invariant:** a thread that no broadcast was posted into pays one read for this.

use crate::desk::thread::draft::At;
use crate::domain::broadcast::LedgerKey;
use crate::domain::delivery::Attempt;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::Stage;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::ledger::LedgerState;
use crate::store;
use crate::store::engine::WriteTx;

/// Broadcasts of one thread that are looked at, newest first.
const BROADCASTS_MAX: usize = 20;

/// A contact has seen a thread up to a part (MSG-44).
pub(crate) fn seen(
    tx: &mut dyn WriteTx,
    thread: ThreadId,
    contact: ContactId,
    up_to_seq: u64,
    at: &At,
) -> store::Result<()> {
    for (broadcast, row) in store::ledger::of_thread(&*tx, thread, BROADCASTS_MAX)? {
        let part = row.part.map(|part| store::parts::by_id(&*tx, part)).transpose()?.flatten();
        if part.is_some_and(|part| part.seq <= up_to_seq) {
            see(tx, broadcast, thread, contact, at.now, "seen by the contact")?;
        }
    }
    Ok(())
}

/// A contact has answered in a thread: counted on its newest broadcast (BRC-23), and every one there was seen.
pub(crate) fn answered(tx: &mut dyn WriteTx, thread: ThreadId, contact: ContactId, at: &At) -> store::Result<()> {
    let posted = store::ledger::of_thread(&*tx, thread, BROADCASTS_MAX)?;
    for (broadcast, _) in &posted {
        see(tx, *broadcast, thread, contact, at.now, "answered by the contact")?;
    }
    let Some((newest, _)) = posted.first() else { return Ok(()) };
    let key = LedgerKey::Email(contact);
    let Some(mut row) = store::ledger::get(&*tx, *newest, key)?.filter(|row| row.replied_at.is_none()) else {
        return Ok(());
    };
    row.replied_at = Some(at.now);
    store::ledger::put(tx, *newest, key, &row)
}

/// A positive DSN: the mail is there, and a doubt is over (BRC-43).
pub(crate) fn confirmed(tx: &mut dyn WriteTx, delivery: Delivery, now: Millis) -> store::Result<()> {
    let Some(broadcast) = delivery.kind.lane() else { return Ok(()) };
    let key = LedgerKey::Email(delivery.contact);
    let id = delivery.id;
    end_doubt(tx, delivery, "a delivery report says it arrived", now)?;
    let Some(mut row) = store::ledger::get(&*tx, broadcast, key)?.filter(|row| row.delivery == Some(id)) else {
        return Ok(());
    };
    if row.state == LedgerState::Sent {
        (row.state, row.updated_at) = (LedgerState::Delivered, now);
        store::ledger::put(tx, broadcast, key, &row)?;
    }
    Ok(())
}

fn see(
    tx: &mut dyn WriteTx,
    broadcast: BroadcastId,
    thread: ThreadId,
    contact: ContactId,
    now: Millis,
    how: &str,
) -> store::Result<()> {
    let messenger = LedgerKey::Messenger(contact);
    if let Some(mut row) = store::ledger::get(&*tx, broadcast, messenger)?.filter(|row| row.seen_at.is_none()) {
        (row.state, row.seen_at, row.updated_at) = (LedgerState::Seen, Some(now), now);
        store::ledger::put(tx, broadcast, messenger, &row)?;
    }
    let email = LedgerKey::Email(contact);
    let Some(row) = store::ledger::get(&*tx, broadcast, email)?.filter(|row| row.seen_at.is_none()) else {
        return Ok(());
    };
    if row.thread != thread {
        return Ok(());
    }
    if let Some(delivery) = row.delivery.map(|id| store::outbox::get(&*tx, id)).transpose()?.flatten() {
        end_doubt(tx, delivery, how, now)?;
    }
    let Some(mut row) = store::ledger::get(&*tx, broadcast, email)? else { return Ok(()) };
    row.see(now);
    store::ledger::put(tx, broadcast, email, &row)
}

/// A mail that was in doubt has arrived after all.
pub(crate) fn end_doubt(tx: &mut dyn WriteTx, mut delivery: Delivery, how: &str, now: Millis) -> store::Result<()> {
    if delivery.state != DeliveryState::Uncertain || delivery.leased_until.is_some() {
        return Ok(());
    }
    delivery.state = DeliveryState::Sent;
    delivery.attempts.push(Attempt { at: now, stage: Stage::Answered, answer: how.to_owned() });
    store::outbox::put(tx, &delivery)
}
