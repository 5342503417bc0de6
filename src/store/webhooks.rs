//! Webhook subscriptions, and the notifications owed to them (WHK-1 to WHK-3).
//!
//! **Invariant:** notifications of a subscription ascend in the order of the log they were made from; what is still to go
//! out stands in the index of open ones.

use crate::domain::id::Millis;
use crate::domain::id::NotificationId;
use crate::domain::id::WebhookId;
use crate::domain::webhook::Notification;
use crate::domain::webhook::WEBHOOKS_MAX;
use crate::domain::webhook::Webhook;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables;

/// The subscription of that id.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, id: WebhookId) -> Result<Option<Webhook>> {
    record::get(tx, &key::one(id.0))
}

/// Every subscription, by id.
///
/// # Errors
/// `Corrupt`.
pub fn all(tx: &dyn ReadTx) -> Result<Vec<Webhook>> {
    record::list(tx.scan(tables::WEBHOOKS, &[], key::END, WEBHOOKS_MAX)?)
}

/// Adds or changes a subscription.
///
/// # Errors
/// `Refused` when there are [`WEBHOOKS_MAX`] others; `Corrupt`.
pub fn put(tx: &mut dyn WriteTx, webhook: &Webhook) -> Result<()> {
    record::check_room::<Webhook>(&*tx, &key::one(webhook.id.0), WEBHOOKS_MAX)?;
    record::put(tx, webhook).map(drop)
}

/// Takes up to `limit` notifications of a subscription away, and once none is left, the subscription itself; returns
/// whether it is gone.
///
/// # Errors
/// `Corrupt`.
pub fn remove(tx: &mut dyn WriteTx, webhook: &Webhook, limit: usize) -> Result<bool> {
    let owed = newest(&*tx, webhook.id, None, limit)?;
    owed.iter().try_for_each(|one| record::remove(tx, one))?;
    if owed.len() < limit {
        record::remove(tx, webhook)?;
    }
    Ok(owed.len() < limit)
}

/// The notification of that id.
///
/// # Errors
/// `Corrupt`.
pub fn notification(tx: &dyn ReadTx, id: NotificationId) -> Result<Option<Notification>> {
    record::get(tx, &key::one(id.0))
}

/// Adds or changes a notification.
///
/// # Errors
/// `Corrupt`.
pub fn put_notification(tx: &mut dyn WriteTx, notification: &Notification) -> Result<()> {
    record::put(tx, notification).map(drop)
}

/// What is still to go out to a subscription, in order.
///
/// # Errors
/// `Corrupt`.
pub fn open(tx: &dyn ReadTx, webhook: WebhookId, limit: usize) -> Result<Vec<Notification>> {
    let prefix = key::one(webhook.0);
    let rows = tx.scan(tables::NOTIFICATIONS_OPEN, &prefix, &key::prefix_end(&prefix), limit)?;
    record::load(tx, tables::NOTIFICATIONS_OPEN, rows)
}

/// Notifications of a subscription, newest first, from `before` on.
///
/// # Errors
/// `Corrupt`.
pub fn newest(
    tx: &dyn ReadTx,
    webhook: WebhookId,
    before: Option<NotificationId>,
    limit: usize,
) -> Result<Vec<Notification>> {
    let prefix = key::one(webhook.0);
    let end = before.map_or_else(|| key::prefix_end(&prefix), |before| key::two(webhook.0, before.0));
    let rows = tx.scan_back(tables::NOTIFICATIONS_BY_WEBHOOK, &prefix, &end, limit)?;
    record::load(tx, tables::NOTIFICATIONS_BY_WEBHOOK, rows)
}

/// Takes up to `limit` notifications away that were owed before `older_than`, whatever became of them; returns how many.
///
/// # Errors
/// `Corrupt`.
pub fn prune(tx: &mut dyn WriteTx, older_than: Millis, limit: usize) -> Result<usize> {
    let oldest: Vec<Notification> = record::list(tx.scan(tables::NOTIFICATIONS, &[], key::END, limit)?)?;
    let old = oldest.iter().take_while(|one| one.created_at < older_than);
    old.map(|one| record::remove(tx, one)).try_fold(0, |gone: usize, removed| removed.map(|()| gone.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::webhook::NotificationState;
    use crate::store::sample;

    fn ids(found: &[Notification]) -> Vec<u64> {
        found.iter().map(|one| one.id.0).collect()
    }

    #[test]
    fn whk_3_open_ones_come_in_order_and_leave_the_queue_when_they_are_settled() {
        let store = sample::store();
        let of = WebhookId(151);
        let open = || store.view(|tx| open(tx, of, 9)).unwrap();
        assert_eq!(ids(&open()), [161]);
        let mut again = sample::notifications().remove(2);
        again.replay(Millis(5));
        store.update_blocking(move |tx| put_notification(tx, &again)).unwrap();
        assert_eq!(ids(&open()), [161, 163]);
        let mut first = open().remove(0);
        first.state = NotificationState::Sent;
        store.update_blocking(move |tx| put_notification(tx, &first)).unwrap();
        assert_eq!(ids(&open()), [163]);
        let page = |before| store.view(|tx| newest(tx, of, before, 2)).unwrap();
        assert_eq!((ids(&page(None)), ids(&page(Some(NotificationId(162))))), (vec![163, 162], vec![161]));
        assert_eq!(crate::store::verify(&store, None, &mut |_| ()), Ok(Vec::new()));
    }

    #[test]
    fn whk_3_old_ones_go_and_a_subscription_goes_after_all_of_its_own() {
        let store = sample::store();
        let second = sample::notifications()[1].created_at;
        assert_eq!(store.update_blocking(move |tx| prune(tx, second, 9)), Ok(1));
        let webhook = sample::webhooks().remove(0);
        let remove = |limit| {
            let webhook = webhook.clone();
            store.update_blocking(move |tx| remove(tx, &webhook, limit)).unwrap()
        };
        assert!(!remove(1));
        assert!(!remove(1));
        assert!(remove(1));
        assert_eq!(store.view(|tx| all(tx)).map(|left| left.len()), Ok(2));
        assert_eq!(crate::store::verify(&store, None, &mut |_| ()), Ok(Vec::new()));
    }
}
