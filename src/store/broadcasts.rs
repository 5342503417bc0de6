//! Broadcasts: which there are, which run, which start by themselves; and who wants no more of them. Their ledgers are in
//! [`crate::store::ledger`], their mails in [`crate::store::lanes`].

use crate::domain::broadcast::Broadcast;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables;

/// Stops read at once.
const STOPS_READ: usize = 500;

/// Most broadcasts with work looked at in one turn.
pub const RUNNING_MAX: usize = 1_000;

/// The broadcast of that id.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, id: BroadcastId) -> Result<Option<Broadcast>> {
    record::get(tx, &key::one(id.0))
}

/// Adds or changes a broadcast.
///
/// # Errors
/// `Corrupt`.
pub fn put(tx: &mut dyn WriteTx, broadcast: &Broadcast) -> Result<()> {
    record::put(tx, broadcast).map(drop)
}

/// Takes a broadcast away that never ran: it has no ledger and no mails.
///
/// # Errors
/// As the engine.
pub fn delete(tx: &mut dyn WriteTx, broadcast: &Broadcast) -> Result<()> {
    record::remove(tx, broadcast)
}

/// Broadcasts that a worker has something to do for, oldest first, at most [`RUNNING_MAX`].
///
/// # Errors
/// `Corrupt`.
pub fn with_work(tx: &dyn ReadTx) -> Result<Vec<BroadcastId>> {
    let table = tables::BROADCASTS_RUNNING;
    let id = |(row, _): (Vec<u8>, Vec<u8>)| {
        key::number(&row).map(BroadcastId).ok_or_else(|| record::corrupt(table, &row, "key is not a number"))
    };
    tx.scan(table, &[], key::END, RUNNING_MAX)?.into_iter().map(id).collect()
}

/// The broadcast of a Tracker that runs or is held (BRC-30).
///
/// # Errors
/// `Corrupt`.
pub fn under_way(tx: &dyn ReadTx, tracker: ThreadId) -> Result<Option<BroadcastId>> {
    let row = key::one(tracker.0);
    let Some(value) = tx.get(tables::BROADCASTS_UNDER_WAY, &row)? else { return Ok(None) };
    let id = key::number(&value);
    id.map(|id| Some(BroadcastId(id))).ok_or_else(|| record::corrupt(tables::BROADCASTS_UNDER_WAY, &row, "names none"))
}

/// The broadcasts under way of up to [`RUNNING_MAX`] Trackers.
///
/// # Errors
/// `Corrupt`.
pub fn all_under_way(tx: &dyn ReadTx) -> Result<Vec<Broadcast>> {
    let rows = tx.scan(tables::BROADCASTS_UNDER_WAY, &[], key::END, RUNNING_MAX)?;
    record::load(tx, tables::BROADCASTS_UNDER_WAY, rows)
}

/// Broadcasts whose start has come, earliest first.
///
/// # Errors
/// `Corrupt`.
pub fn to_start(tx: &dyn ReadTx, now: Millis, limit: usize) -> Result<Vec<Broadcast>> {
    let rows = tx.scan(tables::BROADCASTS_SCHEDULED, &[], &key::prefix_end(&key::one(now.0)), limit)?;
    record::load(tx, tables::BROADCASTS_SCHEDULED, rows)
}

/// Broadcasts of all Trackers, newest first; `before` is the last one of the page before.
///
/// # Errors
/// `Corrupt`.
pub fn newest(tx: &dyn ReadTx, before: Option<BroadcastId>, limit: usize) -> Result<Vec<Broadcast>> {
    let to = before.map_or_else(|| key::END.to_vec(), |id| key::one(id.0));
    record::list(tx.scan_back(tables::BROADCASTS, &[], &to, limit)?)
}

/// Broadcasts of a Tracker, newest first; `before` is the last one of the page before.
///
/// # Errors
/// `Corrupt`.
pub fn of_tracker(
    tx: &dyn ReadTx,
    tracker: ThreadId,
    before: Option<BroadcastId>,
    limit: usize,
) -> Result<Vec<Broadcast>> {
    let prefix = key::one(tracker.0);
    let to = before.map_or_else(|| key::prefix_end(&prefix), |id| key::two(tracker.0, id.0));
    let rows = tx.scan_back(tables::BROADCASTS_BY_TRACKER, &prefix, &to, limit)?;
    record::load(tx, tables::BROADCASTS_BY_TRACKER, rows)
}

/// When the contact asked for no more mail about that issue (BRC-51).
///
/// # Errors
/// `Corrupt`.
pub fn stopped_at(tx: &dyn ReadTx, tracker: ThreadId, contact: ContactId) -> Result<Option<Millis>> {
    let row = key::two(tracker.0, contact.0);
    let Some(value) = tx.get(tables::BROADCAST_STOPS, &row)? else { return Ok(None) };
    let at = key::number(&value);
    at.map(|at| Some(Millis(at))).ok_or_else(|| record::corrupt(tables::BROADCAST_STOPS, &row, "is no time"))
}

/// Whether the contact wants no more mail about any issue.
///
/// # Errors
/// As the engine.
pub fn has_stopped(tx: &dyn ReadTx, contact: ContactId) -> Result<bool> {
    let mut from = Vec::new();
    loop {
        let rows = tx.scan(tables::BROADCAST_STOPS, &from, key::END, STOPS_READ)?;
        let Some((last, _)) = rows.last() else { return Ok(false) };
        if rows.iter().any(|(row, _)| key::number_at(row, 8) == Some(contact.0)) {
            return Ok(true);
        }
        from = key::after(last);
    }
}

/// Notes that the contact wants no more mail about that issue, or takes it back. Whether that is news.
///
/// # Errors
/// `Corrupt`.
pub fn set_stopped(tx: &mut dyn WriteTx, tracker: ThreadId, contact: ContactId, at: Option<Millis>) -> Result<bool> {
    if stopped_at(&*tx, tracker, contact)?.is_some() == at.is_some() {
        return Ok(false);
    }
    let row = key::two(tracker.0, contact.0);
    match at {
        Some(at) => tx.put(tables::BROADCAST_STOPS, &row, &key::one(at.0))?,
        None => tx.delete(tables::BROADCAST_STOPS, &row)?,
    }
    Ok(true)
}

/// How many contacts want no more mail about that issue, counted up to `up_to`.
///
/// # Errors
/// As the engine.
pub fn count_stopped(tx: &dyn ReadTx, tracker: ThreadId, up_to: usize) -> Result<u64> {
    let prefix = key::one(tracker.0);
    let rows = tx.scan(tables::BROADCAST_STOPS, &prefix, &key::prefix_end(&prefix), up_to)?;
    Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::broadcast::BroadcastState;
    use crate::store::sample;

    #[test]
    fn a_broadcast_that_finished_has_no_work_and_stays_in_the_list() {
        let store = sample::store();
        assert_eq!(store.view(with_work), Ok(vec![sample::BROADCAST]));
        assert_eq!(store.view(|tx| under_way(tx, sample::TRACKER)), Ok(Some(sample::BROADCAST)));
        let finished = || sample::broadcast(sample::BROADCAST, BroadcastState::Finished);
        store.update_blocking(move |tx| put(tx, &finished())).unwrap();
        assert_eq!(store.view(with_work), Ok(Vec::new()));
        assert_eq!(store.view(|tx| under_way(tx, sample::TRACKER)), Ok(None));
        let page = |before| store.view(|tx| of_tracker(tx, sample::TRACKER, before, 2)).unwrap();
        let ids = |page: Vec<Broadcast>| page.iter().map(|broadcast| broadcast.id.0).collect::<Vec<_>>();
        assert_eq!(ids(page(None)), [53, 52]);
        assert_eq!(ids(page(Some(BroadcastId(52)))), [51]);
    }

    #[test]
    fn brc_34_a_scheduled_broadcast_starts_at_its_time() {
        let store = sample::store();
        let scheduled = sample::broadcast(BroadcastId(53), BroadcastState::Scheduled);
        let at = scheduled.options.scheduled_at.unwrap();
        let due = |now| store.view(|tx| to_start(tx, Millis(now), 9)).unwrap();
        assert_eq!((due(at.0 - 1), due(at.0)), (Vec::new(), vec![scheduled]));
    }

    #[test]
    fn brc_51_a_stop_is_bound_to_tracker_and_contact_and_can_be_taken_back() {
        let store = sample::store();
        let stopped = |tracker, contact| store.view(|tx| stopped_at(tx, tracker, contact)).unwrap().is_some();
        assert!(stopped(sample::TRACKER, sample::BEN));
        assert!(!stopped(sample::TRACKER, sample::ANA) && !stopped(sample::BACK_OFFICE, sample::BEN));
        let set = |at| store.update_blocking(move |tx| set_stopped(tx, sample::TRACKER, sample::BEN, at)).unwrap();
        assert_eq!((set(Some(Millis(1))), set(None), set(None)), (false, true, false));
        assert!(!stopped(sample::TRACKER, sample::BEN));
        assert_eq!(store.view(|tx| count_stopped(tx, sample::TRACKER, 9)), Ok(0));
    }
}
