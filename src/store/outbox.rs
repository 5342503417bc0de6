//! What is owed: deliveries, when they wake, and which of them people should look at.
//!
//! **Invariant:** every delivery with a time of waking stands in the due index at exactly that time, or, a broadcast's mail,
//! in its lane ([`crate::store::lanes`]); the counts by state are those of the records, and a broadcast's ledger says the
//! same. [`put`] keeps all of them.

use crate::domain::address::Address;
use crate::domain::delivery::Delivery;
use crate::domain::id::ContactId;
use crate::domain::id::DeliveryId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::mail_share::MailShare;
use crate::store::agent_notices;
use crate::store::engine::ReadTx;
use crate::store::engine::Table;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::lanes;
use crate::store::ledger;
use crate::store::record;
use crate::store::tables;
use std::collections::BTreeMap;

/// Words of the states that are counted (BRC-41).
pub(crate) const STATES: [&str; 6] = ["queued", "deferred", "sent", "failed", "uncertain", "skipped"];
/// Deliveries looked at for one hash of a Message-ID.
const SAME_HASH_MAX: usize = 20;
/// Most addresses whose mail is looked at in one turn; the configuration has at most 100.
const LANES_MAX: usize = 500;

/// The delivery of that id.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, id: DeliveryId) -> Result<Option<Delivery>> {
    record::get(tx, &key::one(id.0))
}

/// Adds or changes a delivery.
///
/// # Errors
/// `Corrupt`.
pub fn put(tx: &mut dyn WriteTx, delivery: &Delivery) -> Result<()> {
    let old = record::put(tx, delivery)?;
    if delivery.kind.lane().is_some() {
        let moved_at = delivery.attempts.last().map_or(delivery.created_at, |last| last.at);
        ledger::follow(tx, delivery, moved_at)?;
    }
    let (before, now) = (old.as_ref().map(|old| old.state.as_str()), delivery.state.as_str());
    if before == Some(now) {
        return Ok(());
    }
    if let Some(before) = before {
        let fewer = count(&*tx, before)?.saturating_sub(1);
        tx.put(tables::DELIVERY_COUNTS, before.as_bytes(), &key::one(fewer))?;
    }
    let more = count(&*tx, now)?.saturating_add(1);
    tx.put(tables::DELIVERY_COUNTS, now.as_bytes(), &key::one(more))
}

/// Lane of the due index: mail from one address stands together, so that a relay finds its share without reading others'.
pub(crate) fn lane_of(from: &Address) -> u64 {
    key::number_at(&key::hash16(&from.to_string()), 0).unwrap_or_default()
}

/// Lanes of a share, with the time at which the first of each wakes.
fn lanes_of(tx: &dyn ReadTx, share: &MailShare) -> Result<Vec<(u64, Millis)>> {
    let mut lanes = Vec::new();
    let mut from = Vec::new();
    for _ in 0..LANES_MAX {
        let rows = tx.scan(tables::DUE, &from, key::END, 1)?;
        let Some((row, _)) = rows.first() else { break };
        let (lane, wakes_at) = (number_of_due(row, 0)?, Millis(number_of_due(row, 8)?));
        from = key::prefix_end(&key::one(lane));
        if share.takes_where(|address| lane_of(address) == lane) {
            lanes.push((lane, wakes_at));
        }
    }
    Ok(lanes)
}

/// Deliveries of a share that woke at or before `now`, broadcasts' mails not among them, longest waiting first.
///
/// # Errors
/// `Corrupt`.
pub fn due(tx: &dyn ReadTx, share: &MailShare, now: Millis, limit: usize) -> Result<Vec<DeliveryId>> {
    let mut found = Vec::new();
    for (lane, wakes_at) in lanes_of(tx, share)? {
        if wakes_at <= now {
            let to = key::prefix_end(&key::two(lane, now.0));
            for (row, _) in tx.scan(tables::DUE, &key::one(lane), &to, limit)? {
                found.push((number_of_due(&row, 8)?, number_of_due(&row, 16)?));
            }
        }
    }
    found.sort_unstable();
    Ok(found.into_iter().take(limit).map(|(_, id)| DeliveryId(id)).collect())
}

/// Deliveries that wake after `moment`, broadcasts' mails with them, at most `limit`.
///
/// # Errors
/// `Corrupt`.
pub fn waking_after(tx: &dyn ReadTx, moment: Millis, limit: usize) -> Result<Vec<DeliveryId>> {
    let mut found = Vec::new();
    for (lane, _) in lanes_of(tx, &MailShare::All)? {
        found.extend(tx.scan(tables::DUE, &behind(lane, moment), &key::prefix_end(&key::one(lane)), limit)?);
    }
    for (broadcast, _) in lanes::all(tx)? {
        let lane = broadcast.0;
        found.extend(tx.scan(
            tables::BROADCAST_DUE,
            &behind(lane, moment),
            &key::prefix_end(&key::one(lane)),
            limit,
        )?);
    }
    found.iter().take(limit).map(|(row, _)| number_of_due(row, 16).map(DeliveryId)).collect()
}

/// Where the rows of a lane begin that wake after `moment`.
fn behind(lane: u64, moment: Millis) -> Vec<u8> {
    key::prefix_end(&key::two(lane, moment.0))
}

/// When the next delivery of a share wakes; may be in the past.
///
/// # Errors
/// `Corrupt`.
pub fn next_due(tx: &dyn ReadTx, share: &MailShare) -> Result<Option<Millis>> {
    Ok(lanes_of(tx, share)?.into_iter().map(|(_, wakes_at)| wakes_at).min())
}

fn number_of_due(row: &[u8], at: usize) -> Result<u64> {
    key::number_at(row, at).ok_or_else(|| record::corrupt(tables::DUE, row, "short key"))
}

/// Deliveries of a thread, newest first.
///
/// # Errors
/// `Corrupt`.
pub fn of_thread(tx: &dyn ReadTx, thread: ThreadId, limit: usize) -> Result<Vec<Delivery>> {
    let prefix = key::one(thread.0);
    let rows = tx.scan_back(tables::DELIVERIES_BY_THREAD, &prefix, &key::prefix_end(&prefix), limit)?;
    record::load(tx, tables::DELIVERIES_BY_THREAD, rows)
}

/// Deliveries of every state, newest first.
///
/// # Errors
/// `Corrupt`.
pub fn newest(tx: &dyn ReadTx, limit: usize) -> Result<Vec<Delivery>> {
    record::list(tx.scan_back(tables::DELIVERIES, &[], key::END, limit)?)
}

/// Deliveries of every state, oldest first; `after` is the last one of the page before.
///
/// # Errors
/// `Corrupt`.
pub fn after(tx: &dyn ReadTx, after: Option<DeliveryId>, limit: usize) -> Result<Vec<Delivery>> {
    record::list(key::behind(tx, tables::DELIVERIES, true, after.map(|id| key::one(id.0)), limit)?)
}

/// The delivery that goes out with that Message-ID, given without brackets.
///
/// # Errors
/// `Corrupt`.
pub fn by_message_id(tx: &dyn ReadTx, message_id: &str) -> Result<Option<DeliveryId>> {
    let prefix = key::hash16(message_id);
    let rows = tx.scan(tables::DELIVERIES_BY_MESSAGE_ID, &prefix, &key::prefix_end(&prefix), SAME_HASH_MAX)?;
    let found: Vec<Delivery> = record::load(tx, tables::DELIVERIES_BY_MESSAGE_ID, rows)?;
    Ok(found.iter().find(|delivery| delivery.message_id == message_id).map(|delivery| delivery.id))
}

/// Deliveries of a share that something still happens to, by time of waking; `after` is [`Delivery::wakes_at`] and id of the
/// last one of the page before.
///
/// # Errors
/// `Corrupt`.
pub fn open(
    tx: &dyn ReadTx,
    share: &MailShare,
    limit: usize,
    after: Option<(Millis, DeliveryId)>,
) -> Result<Vec<Delivery>> {
    let mut found = Vec::new();
    for (lane, _) in lanes_of(tx, share)? {
        let lane = key::one(lane);
        let from = match after {
            Some((at, id)) => key::after(&key::joined(&[&lane, &key::two(at.0, id.0)])),
            None => lane.clone(),
        };
        for (row, id) in tx.scan(tables::DUE, &from, &key::prefix_end(&lane), limit)? {
            found.push((number_of_due(&row, 8)?, (row, id)));
        }
    }
    found.sort_unstable();
    let rows = found.into_iter().take(limit).map(|(_, row)| row).collect();
    record::load(tx, tables::DUE, rows)
}

/// Deliveries people should look at, newest first.
///
/// # Errors
/// `Corrupt`.
pub fn attention(tx: &dyn ReadTx, limit: usize) -> Result<Vec<Delivery>> {
    let rows = tx.scan_back(tables::ATTENTION, &[], key::END, limit)?;
    record::load(tx, tables::ATTENTION, rows)
}

/// What further parts can be added to while it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// Agents' comments (EML-72).
    Reply,
    /// Changes of a ticket's state (NTF-11).
    Status,
}

impl Pending {
    fn table(self) -> Table {
        match self {
            Self::Reply => tables::PENDING_REPLIES,
            Self::Status => tables::PENDING_STATUS,
        }
    }
}

/// The delivery of that kind that still waits for a contact in a thread.
///
/// # Errors
/// `Corrupt`.
pub fn pending(tx: &dyn ReadTx, thread: ThreadId, contact: ContactId, kind: Pending) -> Result<Option<DeliveryId>> {
    let row = key::two(thread.0, contact.0);
    let Some(id) = tx.get(kind.table(), &row)? else { return Ok(None) };
    let id = key::number(&id).ok_or_else(|| record::corrupt(kind.table(), &row, "names no delivery"))?;
    Ok(Some(DeliveryId(id)))
}

/// Sets or clears what [`pending`] gives. A delivery that is no longer queued must not stand there.
///
/// # Errors
/// As the engine.
pub fn set_pending(
    tx: &mut dyn WriteTx,
    thread: ThreadId,
    contact: ContactId,
    kind: Pending,
    delivery: Option<DeliveryId>,
) -> Result<()> {
    let row = key::two(thread.0, contact.0);
    match delivery {
        Some(id) => tx.put(kind.table(), &row, &key::one(id.0)),
        None => tx.delete(kind.table(), &row),
    }
}

/// Clears every place where a delivery waits for more; called when its sending begins or it is settled.
///
/// # Errors
/// `Corrupt`.
pub fn end_pending(tx: &mut dyn WriteTx, delivery: &Delivery) -> Result<()> {
    agent_notices::end_pending(tx, delivery)?;
    for kind in [Pending::Reply, Pending::Status] {
        if pending(tx, delivery.thread, delivery.contact, kind)? == Some(delivery.id) {
            set_pending(tx, delivery.thread, delivery.contact, kind, None)?;
        }
    }
    Ok(())
}

/// How many deliveries are in each state, by the state's word; every word is there (BRC-41).
///
/// # Errors
/// `Corrupt`.
pub fn counts(tx: &dyn ReadTx) -> Result<BTreeMap<&'static str, u64>> {
    STATES.into_iter().map(|state| Ok((state, count(tx, state)?))).collect()
}

fn count(tx: &dyn ReadTx, state: &str) -> Result<u64> {
    let Some(bytes) = tx.get(tables::DELIVERY_COUNTS, state.as_bytes())? else { return Ok(0) };
    key::number(&bytes).ok_or_else(|| record::corrupt(tables::DELIVERY_COUNTS, state.as_bytes(), "is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::DeliveryKind;
    use crate::domain::delivery::DeliveryState;
    use crate::store::Store;
    use crate::store::sample;

    fn put_new(store: &Store, id: u64, state: DeliveryState, change: impl Fn(&mut Delivery) + Send + 'static) {
        store
            .update_blocking(move |tx| {
                let mut delivery = sample::delivery(id, DeliveryKind::TicketSubmitted, state.clone());
                delivery.due_at = Millis(1_000 + id);
                change(&mut delivery);
                put(tx, &delivery)
            })
            .unwrap();
    }

    fn ids(deliveries: &[Delivery]) -> Vec<u64> {
        deliveries.iter().map(|delivery| delivery.id.0).collect()
    }

    #[test]
    fn a_delivery_wakes_when_it_is_due_or_its_lease_ends() {
        let store = Store::in_memory().unwrap();
        put_new(&store, 1, DeliveryState::Queued, |_| ());
        put_new(&store, 2, DeliveryState::Deferred, |_| ());
        let due_at = |now| store.view(|tx| due(tx, &MailShare::All, Millis(now), 10)).unwrap();
        assert_eq!(due_at(1_000), []);
        assert_eq!(due_at(1_001), [DeliveryId(1)]);
        put_new(&store, 1, DeliveryState::Queued, |delivery| delivery.leased_until = Some(Millis(5_000)));
        assert_eq!(due_at(4_999), [DeliveryId(2)]);
        assert_eq!(due_at(u64::MAX), [DeliveryId(2), DeliveryId(1)]);
        assert_eq!(store.view(|tx| next_due(tx, &MailShare::All)), Ok(Some(Millis(1_002))));
        put_new(&store, 2, DeliveryState::Sent, |_| ());
        put_new(&store, 1, DeliveryState::Sent, |_| ());
        assert_eq!((store.view(|tx| next_due(tx, &MailShare::All)), due_at(u64::MAX)), (Ok(None), vec![]));
    }

    #[test]
    fn eml_66_a_relay_sees_the_mail_of_its_own_addresses_alone() {
        let store = Store::in_memory().unwrap();
        let other = Address::parse("billing@example.org").unwrap();
        for id in 1..=4 {
            let from = other.clone();
            put_new(&store, id, DeliveryState::Queued, move |delivery| {
                if id % 2 == 0 {
                    delivery.from.clone_from(&from);
                }
            });
        }
        let shares = [
            (MailShare::All, vec![1, 2, 3, 4], 1_001),
            (MailShare::From(vec![other.clone()]), vec![2, 4], 1_002),
            (MailShare::NotFrom(vec![other]), vec![1, 3], 1_001),
        ];
        for (share, expected, next) in shares {
            let found = store.view(|tx| due(tx, &share, Millis(u64::MAX), 10)).unwrap();
            assert_eq!(found.iter().map(|id| id.0).collect::<Vec<_>>(), expected);
            assert_eq!(store.view(|tx| open(tx, &share, 10, None)).map(|found| ids(&found)), Ok(expected));
            assert_eq!(store.view(|tx| next_due(tx, &share)), Ok(Some(Millis(next))));
        }
        assert_eq!(store.view(|tx| due(tx, &MailShare::From(vec![]), Millis(u64::MAX), 10)), Ok(vec![]));
    }

    #[test]
    fn eml_65_an_uncertain_mail_wakes_once_more_and_asks_for_attention() {
        let store = Store::in_memory().unwrap();
        put_new(&store, 1, DeliveryState::Uncertain, |_| ());
        assert_eq!(store.view(|tx| due(tx, &MailShare::All, Millis(9_999), 10)), Ok(vec![DeliveryId(1)]));
        put_new(&store, 1, DeliveryState::Uncertain, |delivery| delivery.uncertain_retried = true);
        put_new(&store, 2, DeliveryState::Failed("no".to_owned()), |_| ());
        assert_eq!(store.view(|tx| due(tx, &MailShare::All, Millis(9_999), 10)), Ok(vec![]));
        assert_eq!(store.view(|tx| attention(tx, 10)).map(|found| ids(&found)), Ok(vec![2, 1]));
        put_new(&store, 1, DeliveryState::Sent, |_| ());
        assert_eq!(store.view(|tx| attention(tx, 10)).map(|found| ids(&found)), Ok(vec![2]));
    }

    #[test]
    fn brc_41_counts_follow_every_change_of_state() {
        let store = Store::in_memory().unwrap();
        let said = || store.view(counts).unwrap().into_values().collect::<Vec<_>>();
        assert_eq!(said(), [0; 6]);
        put_new(&store, 1, DeliveryState::Queued, |_| ());
        put_new(&store, 1, DeliveryState::Queued, |delivery| delivery.attempt_count = 1);
        put_new(&store, 2, DeliveryState::Queued, |_| ());
        put_new(&store, 2, DeliveryState::Sent, |_| ());
        let counts = store.view(counts).unwrap();
        assert_eq!((counts["queued"], counts["sent"], counts["failed"]), (1, 1, 0));
    }

    #[test]
    fn every_state_is_counted() {
        let states: Vec<_> = sample::deliveries().iter().map(|delivery| delivery.state.as_str()).collect();
        assert!(states.iter().all(|state| STATES.contains(state)));
        let counts = sample::store().view(counts).unwrap();
        assert!(counts.iter().all(|(state, count)| *count == if *state == "queued" { 4 } else { 1 }), "{counts:?}");
    }

    #[test]
    fn open_deliveries_come_in_pages_by_time_of_waking() {
        let store = Store::in_memory().unwrap();
        for id in 1..=3 {
            put_new(&store, id, DeliveryState::Queued, move |delivery| delivery.due_at = Millis(10 - id));
        }
        let first = store.view(|tx| open(tx, &MailShare::All, 2, None)).unwrap();
        assert_eq!(ids(&first), [3, 2]);
        let last = first.last().map(|delivery| (delivery.wakes_at().unwrap(), delivery.id));
        assert_eq!(store.view(|tx| open(tx, &MailShare::All, 2, last)).map(|found| ids(&found)), Ok(vec![1]));
    }

    #[test]
    fn deliveries_are_found_by_thread_message_id_and_pending_reply() {
        let store = sample::store();
        let first = DeliveryId(sample::FIRST_DELIVERY);
        assert_eq!(store.view(|tx| by_message_id(tx, "d201@example.org")), Ok(Some(first)));
        assert_eq!(store.view(|tx| by_message_id(tx, "d20@example.org")), Ok(None));
        assert_eq!(
            store.view(|tx| of_thread(tx, sample::CONVERSATION, 2)).map(|found| ids(&found)),
            Ok(vec![208, 207])
        );
        let pending = |kind| store.view(|tx| pending(tx, sample::CONVERSATION, sample::ANA, kind));
        assert_eq!((pending(Pending::Reply), pending(Pending::Status)), (Ok(Some(first)), Ok(None)));
        store.update_blocking(|tx| end_pending(tx, &sample::deliveries()[1])).unwrap();
        assert_eq!(pending(Pending::Reply), Ok(Some(first)), "another delivery ended");
        store.update_blocking(|tx| end_pending(tx, &sample::deliveries()[0])).unwrap();
        assert_eq!(pending(Pending::Reply), Ok(None));
    }
}
