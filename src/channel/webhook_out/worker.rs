//! The worker: reads the log on for subscribers, and runs one lane for each that can be told something.
//!
//! A lane sends a few notifications of different threads at once, writes down what came of them in one commit, and ends
//! when nothing is left that may go. A slow receiver delays nobody but itself.
//!
//! **Invariant:** no more than one lane per subscription; nothing is remembered here that the store does not know.

use crate::channel::webhook_out::Bodies;
use crate::channel::webhook_out::Tally;
use crate::channel::webhook_out::Targets;
use crate::channel::webhook_out::sign::signatures;
use crate::desk::Desk;
use crate::desk::webhooks::feed::ReadTo;
use crate::desk::webhooks::owed::Notice;
use crate::domain::id::Millis;
use crate::domain::id::NotificationId;
use crate::domain::id::WebhookId;
use crate::domain::webhook::Outcome;
use crate::domain::webhook_url::WebhookUrl;
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Requests of one subscription under way at once.
const AT_ONCE_MAX: usize = 4;
/// Longest rest without a look into the store.
const REST_MAX: Duration = Duration::from_secs(5);
/// Commits that follow a look so closely wait for the next one together.
const ROUND_MIN: Duration = Duration::from_millis(20);
/// Rest after a fault of the store.
const REST_AFTER_FAULT: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
pub(crate) struct Worker {
    desk: Desk,
    targets: Targets,
    bodies: Arc<dyn Bodies>,
    tally: Tally,
}

impl Worker {
    pub(crate) fn new(desk: Desk, targets: Targets, bodies: Arc<dyn Bodies>, tally: Tally) -> Self {
        Self { desk, targets, bodies, tally }
    }

    pub(crate) async fn run(&self, drain: CancellationToken) {
        let mut committed = self.desk.committed();
        let mut lanes: JoinSet<WebhookId> = JoinSet::new();
        let mut under_way = BTreeSet::new();
        let mut read_to = ReadTo::new();
        let mut faulty = false;
        while !drain.is_cancelled() {
            committed.mark_unchanged();
            let began = Instant::now();
            let looked = self.look(&mut read_to, &mut lanes, &mut under_way, &drain).await;
            let rest = match &looked {
                Ok(rest) => *rest,
                Err(error) if faulty => {
                    tracing::debug!(%error, "webhooks still wait for the store");
                    REST_AFTER_FAULT
                }
                Err(error) => {
                    tracing::warn!(%error, "webhooks wait for the store");
                    REST_AFTER_FAULT
                }
            };
            faulty = looked.is_err();
            tokio::select! {
                () = drain.cancelled() => {}
                () = tokio::time::sleep(rest) => {}
                _ = committed.changed(), if !faulty => tokio::time::sleep_until(began + ROUND_MIN).await,
                Some(ended) = lanes.join_next() => match ended {
                    Ok(webhook) => { under_way.remove(&webhook); }
                    Err(error) => {
                        // Whose lane it was is not known; those that still run are few and end soon.
                        tracing::error!(%error, "a webhook lane failed");
                        while let Some(ended) = lanes.join_next().await {
                            drop(ended);
                        }
                        under_way.clear();
                    }
                },
            }
        }
        while let Some(ended) = lanes.join_next().await {
            drop(ended);
        }
    }

    /// Reads the log to its end and starts the lanes that are missing; returns how long nothing will happen by itself.
    async fn look(
        &self,
        read_to: &mut ReadTo,
        lanes: &mut JoinSet<WebhookId>,
        under_way: &mut BTreeSet<WebhookId>,
        drain: &CancellationToken,
    ) -> crate::desk::Result<Duration> {
        while self.desk.feed_webhooks(read_to).await? && !drain.is_cancelled() {}
        let waiting = self.desk.webhooks_waiting()?;
        for webhook in waiting.ready {
            if under_way.insert(webhook) {
                let (worker, drain) = (self.clone(), drain.clone());
                lanes.spawn(async move {
                    worker.lane(webhook, &drain).await;
                    webhook
                });
            }
        }
        let now = self.desk.clock().now();
        let until = waiting.next_at.map_or(REST_MAX, |at| at.since(now).max(Duration::from_millis(10)));
        Ok(until.min(REST_MAX))
    }

    /// Tells one subscription what may go, until nothing may.
    async fn lane(&self, webhook: WebhookId, drain: &CancellationToken) {
        while !drain.is_cancelled() {
            match self.batch(webhook).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%webhook, %error, "webhook lane waits for the store");
                    tokio::select! {
                        () = drain.cancelled() => {}
                        () = tokio::time::sleep(REST_AFTER_FAULT) => {}
                    }
                }
            }
        }
    }

    /// Sends what may go to the subscription now and writes down what came of it; returns how many.
    pub(crate) async fn batch(&self, webhook: WebhookId) -> crate::desk::Result<usize> {
        let notices = self.desk.webhook_notices(webhook, AT_ONCE_MAX)?;
        let sent = join_all(notices.iter().map(|notice| self.send(notice))).await;
        let outcomes = sent.into_iter().collect::<crate::desk::Result<Vec<_>>>()?;
        let count = outcomes.len();
        if count > 0 {
            self.desk.settle_notifications(outcomes).await?;
        }
        Ok(count)
    }

    async fn send(&self, notice: &Notice) -> crate::desk::Result<(NotificationId, Millis, Outcome)> {
        let began_at = self.desk.clock().now();
        let body = self.bodies.body(notice)?;
        let unsent = |answer: String| Outcome { status: None, answer, retry_after: None };
        let outcome = match WebhookUrl::parse(&notice.webhook.url) {
            Ok(_) if notice.secrets.is_empty() => unsent("its secret cannot be opened: give it a new one".to_owned()),
            Ok(url) => self.targets.post(&url, signatures(&notice.secrets, &body, began_at), body).await,
            Err(why) => unsent(format!("the address {why}")),
        };
        self.tally.note(outcome.status);
        let (id, topic) = (notice.notification.id, notice.notification.topic);
        tracing::debug!(webhook = %notice.webhook.id, %id, %topic, status = outcome.status, "webhook attempt");
        Ok((id, began_at, outcome))
    }
}
