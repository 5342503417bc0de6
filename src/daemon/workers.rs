//! Workers over the store: broadcasts, snoozes, sweeping.
//!
//! Each is woken by commits and by a timer, reads the store and acts; killed at any instruction it loses nothing, since
//! what it does is a transaction each.

use crate::desk;
use crate::desk::Desk;
use crate::desk::broadcasts::serving::POSTED;
use crate::http::ops::health::Health;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Longest rest of a worker; also how often it shows the watchdog that it lives.
const REST_MAX: Duration = Duration::from_secs(5);
/// What a worker did not do within this time it may do at once: who waits for a small broadcast need not wait for its pace.
const BURST: Duration = Duration::from_millis(250);
/// Commits that follow a look so closely wait for the next one together: hundreds may come in a second.
const ROUND_MIN: Duration = Duration::from_millis(20);
/// Rest after a fault of the store.
const REST_AFTER_FAULT: Duration = Duration::from_secs(2);
/// Between two sweeps.
const SWEEP_EVERY: Duration = Duration::from_hours(1);
/// After the start, sweeping waits until the first rush is over.
const SWEEP_FIRST: Duration = Duration::from_mins(5);

/// What a worker needs.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) desk: Desk,
    pub(crate) health: Health,
    pub(crate) drain: CancellationToken,
}

/// Tells broadcasts, batch by batch (DESIGN §5).
pub(crate) async fn broadcasts(work: Work) {
    let posts_per_s = u32::try_from(work.desk.settings().broadcasts.posts_per_s).unwrap_or(u32::MAX).max(1);
    let posts = u32::try_from(POSTED).unwrap_or(u32::MAX);
    let batch_takes = Duration::from_secs(1).saturating_mul(posts) / posts_per_s;
    in_batches(work, "broadcasts", batch_takes, async |desk: &Desk| desk.broadcast_batch().await).await;
}

/// Tells changes of tickets in linked threads, batch by batch (BKO-20, TRK-3).
pub(crate) async fn cross_posts(work: Work) {
    in_batches(work, "cross-posts", Duration::ZERO, async |desk: &Desk| desk.cross_post_batch().await).await;
}

/// Finishes what was begun: copies to redact, deleted threads to empty, blocked contacts' threads to close, states to
/// propagate.
pub(crate) async fn chores(work: Work) {
    in_batches(work, "chores", Duration::ZERO, async |desk: &Desk| {
        let (redacted, purged) = (desk.redaction_batch().await?, desk.purge_batch().await?);
        Ok(desk.closing_batch().await? | desk.propagation_batch().await? || redacted || purged)
    })
    .await;
}

/// Runs batches as long as there are any, one in `batch_takes` on average (BRC-31); then rests until something was committed.
async fn in_batches(
    work: Work,
    name: &'static str,
    batch_takes: Duration,
    batch: impl AsyncFn(&Desk) -> desk::Result<bool>,
) {
    let mut committed = work.desk.committed();
    let mut faults = Faults::new(name);
    let mut due = Instant::now();
    while !work.drain.is_cancelled() {
        work.health.beat(name);
        committed.mark_unchanged();
        let began = Instant::now();
        let rest = match batch(&work.desk).await {
            Ok(true) => {
                faults.over();
                due = due.max(began.checked_sub(BURST).unwrap_or(began)) + batch_takes;
                let rest = due.saturating_duration_since(Instant::now());
                if !rest.is_zero() {
                    rest_for(rest, &work.drain).await;
                }
                continue;
            }
            Ok(false) => {
                faults.over();
                REST_MAX
            }
            Err(error) => faults.rest_after(&error),
        };
        tokio::select! {
            () = work.drain.cancelled() => {}
            () = tokio::time::sleep(rest) => {}
            _ = committed.changed(), if rest == REST_MAX => {
                rest_for(ROUND_MIN.saturating_sub(began.elapsed()), &work.drain).await;
            }
        }
    }
}

/// Wakes snoozed threads when their time comes.
pub(crate) async fn snoozes(work: Work) {
    let mut faults = Faults::new("snoozes");
    while !work.drain.is_cancelled() {
        work.health.beat("snoozes");
        let rest = match work.desk.wake_snoozed().await {
            Ok(woken) => {
                faults.over();
                if woken > 0 {
                    tracing::info!(woken, "snoozed conversations woke");
                    continue;
                }
                REST_MAX
            }
            Err(error) => faults.rest_after(&error),
        };
        rest_for(rest, &work.drain).await;
    }
}

/// Gives out what waits in teams.
pub(crate) async fn handing_out(work: Work) {
    let mut faults = Faults::new("handing-out");
    while !work.drain.is_cancelled() {
        work.health.beat("handing-out");
        let rest = match work.desk.hand_out_waiting().await {
            Ok(given) => {
                faults.over();
                if given > 0 {
                    continue;
                }
                REST_MAX
            }
            Err(error) => faults.rest_after(&error),
        };
        rest_for(rest, &work.drain).await;
    }
}

/// Writes down what agents are to be told (NTF-15).
pub(crate) async fn agent_notices(work: Work) {
    in_batches(work, "agent notices", Duration::ZERO, async |desk: &Desk| desk.feed_agent_notices().await).await;
}

/// Drops what nobody needs any more.
pub(crate) async fn sweeps(work: Work) {
    rest_for(SWEEP_FIRST, &work.drain).await;
    while !work.drain.is_cancelled() {
        if let Err(error) = work.desk.sweep().await {
            tracing::warn!(%error, "sweep failed; the next one follows");
        }
        rest_for(SWEEP_EVERY, &work.drain).await;
    }
}

async fn rest_for(rest: Duration, drain: &CancellationToken) {
    tokio::select! {
        () = drain.cancelled() => {}
        () = tokio::time::sleep(rest) => {}
    }
}

/// Says once that a worker cannot work, and once that it can again.
struct Faults {
    worker: &'static str,
    lasting: bool,
}

impl Faults {
    fn new(worker: &'static str) -> Self {
        Self { worker, lasting: false }
    }

    fn rest_after(&mut self, error: &desk::Error) -> Duration {
        if !self.lasting {
            tracing::warn!(worker = self.worker, %error, "worker waits for the store");
        }
        self.lasting = true;
        REST_AFTER_FAULT
    }

    fn over(&mut self) {
        if self.lasting {
            tracing::info!(worker = self.worker, "worker goes on");
        }
        self.lasting = false;
    }
}
