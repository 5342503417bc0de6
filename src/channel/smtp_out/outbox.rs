//! What the worker needs of the desk; the seam by which its tests stand in for it.

use crate::desk::Desk;
use crate::desk::Error;
use crate::desk::Result;
use crate::desk::mail::outbox::OutgoingMail;
use crate::desk::mail::outbox::Prepared;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::Verdict;
use crate::domain::id::DeliveryId;
use crate::domain::id::Millis;
use crate::domain::mail_share::MailShare;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What a delivery came to, with the message where its copy is owed.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    pub(crate) id: DeliveryId,
    pub(crate) verdict: Verdict,
    pub(crate) copy: Option<Vec<u8>>,
}

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
    /// For when the worker begins.
    fn deferred(&self) -> impl Future<Output = Result<Vec<Delivery>>> + Send;
    fn relay_is_down(&self, since: Millis) -> impl Future<Output = Result<()>> + Send;
    fn prepare(&self, delivery: &Delivery) -> Result<Prepared>;
    fn mark_past_dot(&self, id: DeliveryId) -> impl Future<Output = Result<()>> + Send;
    fn capture(&self, mail: OutgoingMail) -> impl Future<Output = Result<()>> + Send;
    fn wants_copy(&self, delivery: &Delivery) -> bool;
    fn settle(&self, done: Settled) -> impl Future<Output = Result<()>> + Send;
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

    async fn deferred(&self) -> Result<Vec<Delivery>> {
        let (desk, share) = (self.desk.clone(), Arc::clone(&self.share));
        let read = tokio::task::spawn_blocking(move || desk.deferred_mail(&share)).await;
        read.map_err(|fault| Error::Unavailable(fault.to_string()))?
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

    fn wants_copy(&self, delivery: &Delivery) -> bool {
        self.desk.wants_sent_copy(delivery)
    }

    async fn settle(&self, done: Settled) -> Result<()> {
        match done.copy {
            Some(message) => self.desk.settle_with_copy(done.id, done.verdict, message).await,
            None => self.desk.settle(done.id, done.verdict).await,
        }
    }
}
