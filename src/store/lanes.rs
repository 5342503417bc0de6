//! Broadcasts' mails that are owed: a lane for each broadcast beside the due index of one-to-one mail (BRC-31).
//!
//! **Invariant:** a broadcast's mail never stands in the due index of one-to-one mail, so that looking there costs the same
//! however many mails broadcasts owe.

use crate::domain::broadcast::Broadcast;
use crate::domain::delivery::Delivery;
use crate::domain::id::BroadcastId;
use crate::domain::id::DeliveryId;
use crate::domain::id::Millis;
use crate::domain::mail_lane::MailLane;
use crate::domain::mail_share::MailShare;
use crate::store::broadcasts;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::outbox;
use crate::store::record;
use crate::store::tables;

/// Most lanes looked at in one turn.
pub const LANES_MAX: usize = 200;
/// Mails of other relays passed over in one lane.
const PASSED_OVER_MAX: usize = 300;

/// The lane of a broadcast; a new one where nothing went through it yet.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, broadcast: BroadcastId) -> Result<MailLane> {
    Ok(record::get(tx, &key::one(broadcast.0))?.unwrap_or_else(|| MailLane::new(broadcast)))
}

/// Writes a lane.
///
/// # Errors
/// `Corrupt`.
pub fn put(tx: &mut dyn WriteTx, lane: &MailLane) -> Result<()> {
    record::put(tx, lane).map(drop)
}

/// Broadcasts of which any mail waits, whether it may go out or not, with the time the first of them wakes.
///
/// # Errors
/// `Corrupt`.
pub fn all(tx: &dyn ReadTx) -> Result<Vec<(BroadcastId, Millis)>> {
    let mut lanes = Vec::new();
    let mut from = Vec::new();
    for _ in 0..LANES_MAX {
        let rows = tx.scan(tables::BROADCAST_DUE, &from, key::END, 1)?;
        let Some((row, _)) = rows.first() else { break };
        let (id, wakes_at) = (BroadcastId(number(row, 0)?), Millis(number(row, 8)?));
        from = key::prefix_end(&key::one(id.0));
        lanes.push((id, wakes_at));
    }
    Ok(lanes)
}

/// The lanes of [`all`] whose mails may go out.
///
/// # Errors
/// `Corrupt`.
pub fn open(tx: &dyn ReadTx) -> Result<Vec<(Broadcast, Millis)>> {
    let mut open = Vec::new();
    for (id, wakes_at) in all(tx)? {
        let named = broadcasts::get(tx, id)?;
        let broadcast =
            named.ok_or_else(|| record::corrupt(tables::BROADCAST_DUE, &key::one(id.0), "names no broadcast"))?;
        if broadcast.may_mail() {
            open.push((broadcast, wakes_at));
        }
    }
    Ok(open)
}

/// Mails of a broadcast that woke at or before `now`, longest waiting first.
///
/// # Errors
/// `Corrupt`.
pub fn due(tx: &dyn ReadTx, broadcast: BroadcastId, now: Millis, limit: usize) -> Result<Vec<DeliveryId>> {
    let from = key::one(broadcast.0);
    let to = key::prefix_end(&key::two(broadcast.0, now.0));
    let rows = tx.scan(tables::BROADCAST_DUE, &from, &to, limit)?;
    rows.iter().map(|(row, _)| number(row, 16).map(DeliveryId)).collect()
}

/// Mails of a broadcast that something still happens to, by time of waking; `after` is [`Delivery::wakes_at`] and id of the
/// last one of the page before.
///
/// # Errors
/// `Corrupt`.
pub fn waiting(
    tx: &dyn ReadTx,
    broadcast: BroadcastId,
    after: Option<(Millis, DeliveryId)>,
    limit: usize,
) -> Result<Vec<Delivery>> {
    let prefix = key::one(broadcast.0);
    let from = match after {
        Some((at, id)) => key::after(&key::joined(&[&prefix, &key::two(at.0, id.0)])),
        None => prefix.clone(),
    };
    let rows = tx.scan(tables::BROADCAST_DUE, &from, &key::prefix_end(&prefix), limit)?;
    record::load(tx, tables::BROADCAST_DUE, rows)
}

/// Broadcasts' mails that something still happens to, at most `limit`, lane by lane.
///
/// # Errors
/// `Corrupt`.
pub fn all_waiting(tx: &dyn ReadTx, limit: usize) -> Result<Vec<Delivery>> {
    record::load(tx, tables::BROADCAST_DUE, tx.scan(tables::BROADCAST_DUE, &[], key::END, limit)?)
}

/// Mails of [`due`] that belong to a share. Those of other shares are passed over, a bounded number of them: a broadcast
/// whose first mails wait for a relay that is down is held after a while (BRC-33).
///
/// # Errors
/// `Corrupt`.
pub fn due_in(
    tx: &dyn ReadTx,
    broadcast: BroadcastId,
    share: &MailShare,
    now: Millis,
    limit: usize,
) -> Result<Vec<DeliveryId>> {
    if *share == MailShare::All {
        return due(tx, broadcast, now, limit);
    }
    let mut found = Vec::new();
    for id in due(tx, broadcast, now, PASSED_OVER_MAX)? {
        if found.len() < limit && outbox::get(tx, id)?.is_some_and(|delivery| share.takes(&delivery.from)) {
            found.push(id);
        }
    }
    Ok(found)
}

/// Whether a mail of the share is among the first of the lane, and when the first of them wakes.
fn first_in(tx: &dyn ReadTx, broadcast: BroadcastId, share: &MailShare, first: Millis) -> Result<Option<Millis>> {
    if *share == MailShare::All {
        return Ok(Some(first));
    }
    let waiting = waiting(tx, broadcast, None, PASSED_OVER_MAX)?;
    Ok(waiting.iter().find(|delivery| share.takes(&delivery.from)).and_then(Delivery::wakes_at))
}

/// When the next mail of any broadcast in a share may begin; may be in the past.
///
/// # Errors
/// `Corrupt`.
pub fn next_due(tx: &dyn ReadTx, share: &MailShare, now: Millis) -> Result<Option<Millis>> {
    let mut next = None;
    for (broadcast, first) in open(tx)? {
        let Some(wakes_at) = first_in(tx, broadcast.id, share, first)? else { continue };
        let allowed_at = get(tx, broadcast.id)?.next_at(broadcast.options.rate_per_minute, now);
        let at = if allowed_at > now { wakes_at.max(allowed_at) } else { wakes_at };
        next = Some(next.map_or(at, |known: Millis| known.min(at)));
    }
    Ok(next)
}

fn number(row: &[u8], at: usize) -> Result<u64> {
    key::number_at(row, at).ok_or_else(|| record::corrupt(tables::BROADCAST_DUE, row, "short key"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::broadcast::BroadcastState;
    use crate::domain::delivery::DeliveryKind;
    use crate::domain::delivery::DeliveryState;
    use crate::domain::id::PartId;
    use crate::store::Store;
    use crate::store::sample;

    fn owe(store: &Store, id: u64, broadcast: u64, state: DeliveryState) {
        store
            .update_blocking(move |tx| {
                let kind = DeliveryKind::Broadcast { broadcast: BroadcastId(broadcast), part: PartId(1) };
                let mut delivery = sample::delivery(id, kind, state.clone());
                delivery.due_at = Millis(1_000 + id);
                outbox::put(tx, &delivery)
            })
            .unwrap();
    }

    fn put_broadcast(store: &Store, id: u64, state: BroadcastState, rate_per_minute: Option<u32>) {
        store
            .update_blocking(move |tx| {
                let mut broadcast = sample::broadcast(BroadcastId(id), state);
                broadcast.options.rate_per_minute = rate_per_minute;
                broadcasts::put(tx, &broadcast)
            })
            .unwrap();
    }

    #[test]
    fn brc_31_a_broadcasts_mail_waits_in_its_own_lane() {
        let store = Store::in_memory().unwrap();
        put_broadcast(&store, 1, BroadcastState::Running, None);
        owe(&store, 7, 1, DeliveryState::Queued);
        owe(&store, 8, 1, DeliveryState::Deferred);
        assert_eq!(store.view(|tx| outbox::next_due(tx, &MailShare::All)), Ok(None));
        assert_eq!(store.view(|tx| outbox::due(tx, &MailShare::All, Millis(u64::MAX), 9)), Ok(Vec::new()));
        assert_eq!(store.view(|tx| next_due(tx, &MailShare::All, Millis(0))), Ok(Some(Millis(1_007))));
        let due_at = |now| store.view(|tx| due(tx, BroadcastId(1), Millis(now), 9)).unwrap();
        assert_eq!((due_at(1_006), due_at(1_007)), (vec![], vec![DeliveryId(7)]));
        assert_eq!(due_at(u64::MAX), [DeliveryId(7), DeliveryId(8)]);
        let first = store.view(|tx| waiting(tx, BroadcastId(1), None, 1)).unwrap();
        let after = first.last().map(|delivery| (delivery.wakes_at().unwrap(), delivery.id));
        let rest = store.view(|tx| waiting(tx, BroadcastId(1), after, 9)).unwrap();
        assert_eq!((first[0].id, rest[0].id, rest.len()), (DeliveryId(7), DeliveryId(8), 1));
        owe(&store, 7, 1, DeliveryState::Sent);
        owe(&store, 8, 1, DeliveryState::Uncertain);
        assert_eq!(
            store.view(|tx| next_due(tx, &MailShare::All, Millis(0))),
            Ok(None),
            "an uncertain one never wakes by itself"
        );
    }

    #[test]
    fn brc_32_a_lane_that_is_held_is_not_open_and_the_next_one_is_found() {
        let store = Store::in_memory().unwrap();
        for (id, state) in [
            (1, BroadcastState::Paused),
            (2, BroadcastState::Finished),
            (3, BroadcastState::Cancelled),
            (4, BroadcastState::Running),
        ] {
            put_broadcast(&store, id, state, None);
            (0..5).for_each(|n| owe(&store, id * 10 + n, id, DeliveryState::Queued));
        }
        let found: Vec<u64> = store.view(open).unwrap().iter().map(|(broadcast, _)| broadcast.id.0).collect();
        assert_eq!(found, [2, 4]);
        assert_eq!(store.view(|tx| all_waiting(tx, 99)).map(|found| found.len()), Ok(20));
    }

    #[test]
    fn brc_31_the_rate_says_when_the_next_one_may_begin() {
        let store = Store::in_memory().unwrap();
        put_broadcast(&store, 1, BroadcastState::Running, Some(60));
        owe(&store, 7, 1, DeliveryState::Queued);
        let now = Millis(1_000_000);
        assert_eq!(store.view(|tx| next_due(tx, &MailShare::All, now)), Ok(Some(Millis(1_007))));
        store
            .update_blocking(move |tx| {
                let mut lane = get(&*tx, BroadcastId(1))?;
                lane.take(10, Some(60), now);
                put(tx, &lane)
            })
            .unwrap();
        assert_eq!(
            store.view(|tx| next_due(tx, &MailShare::All, now)),
            Ok(Some(now.plus(std::time::Duration::from_secs(1))))
        );
    }
}
