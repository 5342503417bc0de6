//! What the worker needs of the desk; the seam by which its tests stand in for it.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::outbox::OutgoingMail;
use crate::desk::outbox::Prepared;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::Verdict;
use crate::domain::id::DeliveryId;
use crate::domain::id::Millis;
use std::future::Future;
use std::time::Duration;
use tokio::sync::watch;

/// The deliveries that are owed, as [`Desk`] keeps them; its functions say what each does. `next_due` and `lease_due` are
/// one-to-one mail's.
pub(crate) trait Outbox: Clone + Send + Sync + 'static {
    fn now(&self) -> Millis;
    fn committed(&self) -> watch::Receiver<u64>;
    fn next_due(&self) -> Result<Option<Millis>>;
    fn end_leases(&self) -> impl Future<Output = Result<usize>> + Send;
    fn lease_due(&self, limit: usize, lease: Duration) -> impl Future<Output = Result<Vec<Delivery>>> + Send;
    fn next_broadcast_due(&self) -> Result<Option<Millis>>;
    fn lease_broadcasts(&self, limit: usize, lease: Duration) -> impl Future<Output = Result<Vec<Delivery>>> + Send;
    fn relay_is_down(&self, since: Millis) -> impl Future<Output = Result<()>> + Send;
    fn prepare(&self, delivery: &Delivery) -> Result<Prepared>;
    fn mark_past_dot(&self, id: DeliveryId) -> impl Future<Output = Result<()>> + Send;
    fn capture(&self, mail: OutgoingMail) -> impl Future<Output = Result<()>> + Send;
    fn settle(&self, id: DeliveryId, verdict: Verdict) -> impl Future<Output = Result<()>> + Send;
}

impl Outbox for Desk {
    fn now(&self) -> Millis {
        self.clock().now()
    }

    fn committed(&self) -> watch::Receiver<u64> {
        Self::committed(self)
    }

    fn next_due(&self) -> Result<Option<Millis>> {
        Self::next_due(self)
    }

    async fn end_leases(&self) -> Result<usize> {
        Self::end_leases(self).await
    }

    async fn lease_due(&self, limit: usize, lease: Duration) -> Result<Vec<Delivery>> {
        Self::lease_one_to_one(self, limit, lease).await
    }

    fn next_broadcast_due(&self) -> Result<Option<Millis>> {
        Self::next_broadcast_due(self)
    }

    async fn lease_broadcasts(&self, limit: usize, lease: Duration) -> Result<Vec<Delivery>> {
        Self::lease_broadcasts(self, limit, lease).await
    }

    async fn relay_is_down(&self, since: Millis) -> Result<()> {
        Self::relay_is_down(self, since).await
    }

    fn prepare(&self, delivery: &Delivery) -> Result<Prepared> {
        Self::prepare(self, delivery)
    }

    async fn mark_past_dot(&self, id: DeliveryId) -> Result<()> {
        Self::mark_past_dot(self, vec![id]).await
    }

    async fn capture(&self, mail: OutgoingMail) -> Result<()> {
        Self::capture(self, mail).await
    }

    async fn settle(&self, id: DeliveryId, verdict: Verdict) -> Result<()> {
        Self::settle(self, id, verdict).await
    }
}
