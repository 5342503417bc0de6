//! What the worker needs of the desk; the seam by which its tests stand in for it.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::outbox::OutgoingMail;
use crate::desk::outbox::Prepared;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::Verdict;
use crate::domain::id::DeliveryId;
use crate::domain::id::Millis;
use crate::domain::mail_share::MailShare;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The deliveries that are owed, as [`Desk`] keeps them; its functions say what each does. `next_due` and `lease_due` are
/// one-to-one mail's. Everything is of one share.
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

/// The desk's outbox as one relay sees it: its share and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) desk: Desk,
    pub(crate) share: Arc<MailShare>,
}

impl Outbox for Shared {
    fn now(&self) -> Millis {
        self.desk.clock().now()
    }

    fn committed(&self) -> watch::Receiver<u64> {
        self.desk.committed()
    }

    fn next_due(&self) -> Result<Option<Millis>> {
        self.desk.next_due(&self.share)
    }

    async fn end_leases(&self) -> Result<usize> {
        self.desk.end_leases(&self.share).await
    }

    async fn lease_due(&self, limit: usize, lease: Duration) -> Result<Vec<Delivery>> {
        self.desk.lease_one_to_one(&self.share, limit, lease).await
    }

    fn next_broadcast_due(&self) -> Result<Option<Millis>> {
        self.desk.next_broadcast_due(&self.share)
    }

    async fn lease_broadcasts(&self, limit: usize, lease: Duration) -> Result<Vec<Delivery>> {
        self.desk.lease_broadcasts(&self.share, limit, lease).await
    }

    async fn relay_is_down(&self, since: Millis) -> Result<()> {
        self.desk.relay_is_down(&self.share, since).await
    }

    fn prepare(&self, delivery: &Delivery) -> Result<Prepared> {
        self.desk.prepare(delivery)
    }

    async fn mark_past_dot(&self, id: DeliveryId) -> Result<()> {
        self.desk.mark_past_dot(vec![id]).await
    }

    async fn capture(&self, mail: OutgoingMail) -> Result<()> {
        self.desk.capture(mail).await
    }

    async fn settle(&self, id: DeliveryId, verdict: Verdict) -> Result<()> {
        self.desk.settle(id, verdict).await
    }
}
