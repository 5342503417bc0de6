//! The outbox worker: takes what is due, sends it over a few connections, writes what came of it.
//!
//! **Invariant:** it is woken by a commit *and* by a timer and reads everything it needs from the desk, so that restart,
//! retry and the normal case are one path (DESIGN §2). In memory are at most twice [`QUEUE_MAX`] leased deliveries and one mail
//! per connection. Killed anywhere, it leaves leases that end; the marker tells which of them the relay may have (BRC-43).

use crate::channel::smtp_out::attempt::Attempt;
use crate::channel::smtp_out::attempt::Done;
use crate::channel::smtp_out::attempt::News;
use crate::channel::smtp_out::attempt::settle;
use crate::channel::smtp_out::connect::Connection;
use crate::channel::smtp_out::destinations::Destinations;
use crate::channel::smtp_out::health::Circuit;
use crate::channel::smtp_out::health::RelayHealth;
use crate::channel::smtp_out::options::RelayOptions;
use crate::channel::smtp_out::outbox::Outbox;
use crate::channel::smtp_out::outbox::Settled;
use crate::channel::smtp_out::pace::Pace;
use crate::desk;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::Verdict;
use crate::domain::id::DeliveryId;
use crate::domain::id::Millis;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::Id;
use tokio::task::JoinError;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Most deliveries leased and not yet tried.
const QUEUE_MAX: usize = 32;
/// Most verdicts waiting for their commit; then nothing new is begun.
const SETTLING_MAX: usize = 64;
/// Attempts at a time when mail is kept instead of sent.
const CAPTURE_LANES: usize = 4;
/// A lease when mail is kept instead of sent.
const CAPTURE_LEASE: Duration = Duration::from_secs(300);
/// The timer's longest sleep: a wall clock that was moved is noticed by then.
const SLEEP_MAX: Duration = Duration::from_secs(30);
/// Pause after a fault of the store.
const STORE_PAUSE: Duration = Duration::from_secs(2);
/// Pause when nothing could be leased of what is due.
const STUCK_PAUSE: Duration = Duration::from_millis(200);
/// How long attempts under way may go on when the drain begins; the process has 30 s in all.
const DRAIN_GRACE: Duration = Duration::from_secs(12);
/// How long those that were cut off, and then the verdicts, may take to end.
const SETTLE_GRACE: Duration = Duration::from_secs(5);

/// A delivery that is ours until its lease ends.
#[derive(Debug)]
struct Leased {
    delivery: Delivery,
    /// After this there is no time left for an attempt within the lease.
    begin_before: Instant,
}

/// An attempt under way.
#[derive(Debug)]
struct UnderWay {
    id: DeliveryId,
    past_dot: Arc<AtomicBool>,
}

/// The worker; see the module.
#[derive(Debug)]
pub(crate) struct Worker<O> {
    outbox: O,
    relay: Option<Arc<RelayOptions>>,
    lanes: usize,
    /// Longest time an attempt takes.
    attempt_max: Duration,
    circuit: Circuit,
    pace: Option<Pace>,
    queue: VecDeque<Leased>,
    /// Broadcasts' mails; begun only while `queue` is empty (BRC-31).
    bulk: VecDeque<Leased>,
    /// Used last stands last.
    idle: Vec<Connection>,
    sending: JoinSet<Done>,
    under_way: HashMap<Id, UnderWay>,
    /// Verdicts being stored, and farewells.
    ending: JoinSet<()>,
    store_pause_until: Option<Instant>,
    destinations: Arc<Mutex<Destinations>>,
    cut: CancellationToken,
    pub(crate) drain_grace: Duration,
}

impl<O: Outbox> Worker<O> {
    /// A worker for a relay, or one that keeps mail in the store.
    pub(crate) fn new(outbox: O, relay: Option<RelayOptions>, health: watch::Sender<RelayHealth>) -> Self {
        if relay.is_none() {
            health.send_replace(RelayHealth::Capturing);
        }
        Self {
            outbox,
            lanes: relay.as_ref().map_or(CAPTURE_LANES, |relay| relay.connections.max(1)),
            attempt_max: relay.as_ref().map_or(CAPTURE_LEASE / 2, RelayOptions::attempt_max),
            pace: relay.as_ref().map(|relay| Pace::new(relay.rate_per_minute, Instant::now())),
            relay: relay.map(Arc::new),
            circuit: Circuit::new(health),
            queue: VecDeque::new(),
            bulk: VecDeque::new(),
            idle: Vec::new(),
            sending: JoinSet::new(),
            under_way: HashMap::new(),
            ending: JoinSet::new(),
            store_pause_until: None,
            destinations: Arc::default(),
            cut: CancellationToken::new(),
            drain_grace: DRAIN_GRACE,
        }
    }

    /// Works until the drain; then sees the attempts under way off.
    pub(crate) async fn run(mut self, drain: CancellationToken) {
        self.end_leases().await;
        self.recall_destinations().await;
        let mut committed = self.outbox.committed();
        while !drain.is_cancelled() {
            // Seen before the store is read: a commit after this wakes us again.
            committed.mark_unchanged();
            self.lease().await;
            self.begin();
            let wake_at = self.wake_at();
            tokio::select! {
                biased;
                () = drain.cancelled() => {}
                Some(done) = self.sending.join_next_with_id() => self.ended(done),
                Some(stored) = self.ending.join_next() => ended_quietly(stored),
                Ok(()) = committed.changed(), if self.has_room() => {}
                () = tokio::time::sleep_until(wake_at) => {}
            }
        }
        self.finish().await;
    }

    /// This is the only worker: a lease it did not take itself has nobody behind it.
    async fn end_leases(&self) {
        match self.outbox.end_leases().await {
            Ok(0) => {}
            Ok(ended) => tracing::info!(ended, "leases ended that nobody works on"),
            Err(error) => tracing::error!(%error, "leases could not be ended; they end by time"),
        }
    }

    /// Who refused lately is left in peace after a restart too.
    async fn recall_destinations(&self) {
        let now = self.outbox.now();
        match self.outbox.deferred().await {
            Ok(deferred) if self.relay.is_some() => {
                let mut known = self.destinations.lock().unwrap_or_else(PoisonError::into_inner);
                known.recall(&deferred, now, Instant::now());
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "who refused mail before is not known; it is tried"),
        }
    }

    /// How many attempts may begin now; a full set of verdicts waiting for the store is a full house too.
    fn room(&self, now: Instant) -> usize {
        if self.ending.len() >= SETTLING_MAX {
            return 0;
        }
        let free = self.circuit.room(now, self.lanes.saturating_sub(self.sending.len()));
        free.min(self.pace.as_ref().map_or(usize::MAX, |pace| pace.allowed(now)))
    }

    /// Whether more could be leased now.
    fn has_room(&self) -> bool {
        self.may_lease() && self.bulk.is_empty()
    }

    fn may_lease(&self) -> bool {
        let now = Instant::now();
        self.store_pause_until.is_none_or(|until| until <= now) && self.queue.is_empty() && self.room(now) > 0
    }

    /// Fills the queues when they are empty, one-to-one mail first; leases what the pace allows, so that urgent mail is never
    /// behind much.
    async fn lease(&mut self) {
        let now = Instant::now();
        self.queue.retain(|leased| leased.begin_before > now);
        self.bulk.retain(|leased| leased.begin_before > now);
        if !self.may_lease() {
            return;
        }
        let allowed = self.pace.as_ref().map_or(usize::MAX, |pace| pace.allowed(now));
        let wanted = if self.circuit.is_open() { 1 } else { self.lanes.saturating_mul(4).min(allowed).min(QUEUE_MAX) };
        let one_to_one = self.lease_due(wanted).await;
        self.queue = self.leased(one_to_one, now);
        if self.has_room() {
            let broadcasts = self.lease_broadcasts(wanted).await;
            self.bulk = self.leased(broadcasts, now);
        }
    }

    fn leased(&mut self, leased: desk::Result<Option<Vec<Delivery>>>, now: Instant) -> VecDeque<Leased> {
        match leased {
            Ok(leased) => {
                // What is due and cannot be leased must not turn this loop hot.
                let stuck = leased.as_ref().is_some_and(Vec::is_empty);
                self.store_pause_until = if stuck { now.checked_add(STUCK_PAUSE) } else { None };
                let begin_before = now.checked_add(self.attempt_max).unwrap_or(now);
                leased.into_iter().flatten().map(|delivery| Leased { delivery, begin_before }).collect()
            }
            Err(error) => {
                tracing::warn!(%error, "deliveries cannot be read or leased");
                self.store_pause_until = now.checked_add(STORE_PAUSE);
                VecDeque::new()
            }
        }
    }

    /// `None` when nothing is due. A lease has time for an attempt that first waits in the queue as long as another takes.
    async fn lease_due(&self, wanted: usize) -> desk::Result<Option<Vec<Delivery>>> {
        let due = self.outbox.next_due()?.is_some_and(|due| due <= self.outbox.now());
        if !due {
            return Ok(None);
        }
        self.outbox.lease_due(wanted, self.attempt_max.saturating_mul(2)).await.map(Some)
    }

    async fn lease_broadcasts(&self, wanted: usize) -> desk::Result<Option<Vec<Delivery>>> {
        let due = self.outbox.next_broadcast_due()?.is_some_and(|due| due <= self.outbox.now());
        if !due {
            return Ok(None);
        }
        self.outbox.lease_broadcasts(wanted, self.attempt_max.saturating_mul(2)).await.map(Some)
    }

    /// Begins as many attempts as there is room for.
    fn begin(&mut self) {
        let now = Instant::now();
        self.drop_worn();
        while self.room(now) > 0 {
            let Some(leased) = self.queue.pop_front().or_else(|| self.bulk.pop_front()) else { return };
            if let Some(pace) = &mut self.pace {
                pace.take(now);
            }
            let past_dot = Arc::new(AtomicBool::new(false));
            self.circuit.begun(leased.delivery.id);
            let under_way = UnderWay { id: leased.delivery.id, past_dot: Arc::clone(&past_dot) };
            let attempt = Attempt {
                outbox: self.outbox.clone(),
                relay: self.relay.clone(),
                delivery: leased.delivery,
                connection: self.idle.pop(),
                past_dot,
                destinations: Arc::clone(&self.destinations),
                cut: self.cut.clone(),
            };
            let task = self.sending.spawn(attempt.run());
            self.under_way.insert(task.id(), under_way);
        }
    }

    fn drop_worn(&mut self) {
        let (worn, fresh) = std::mem::take(&mut self.idle).into_iter().partition(Connection::is_worn);
        self.idle = fresh;
        for connection in worn {
            self.ending.spawn(connection.quit());
        }
    }

    /// Takes note of an attempt's end.
    fn ended(&mut self, done: Result<(Id, Done), JoinError>) {
        let done = match done {
            Ok((task, done)) => {
                self.under_way.remove(&task);
                done
            }
            Err(fault) => match self.under_way.remove(&fault.id()) {
                Some(under_way) => broken_off(&under_way, &fault),
                None => return,
            },
        };
        self.circuit.ended(done.id);
        match &done.relay {
            News::Untouched => {
                if let Some(pace) = &mut self.pace {
                    pace.give_back();
                }
            }
            News::Reached => self.circuit.reached(),
            News::Down(error) | News::NeedsAuth(error) => {
                let needs_auth = matches!(done.relay, News::NeedsAuth(_));
                self.circuit.failed(error, needs_auth, Instant::now(), self.outbox.now());
                if let Some(since) = self.circuit.down_since() {
                    self.ending.spawn(tell_down(self.outbox.clone(), since));
                }
            }
        }
        self.idle.extend(done.connection);
        if let Some(verdict) = done.verdict {
            told(done.id, &verdict);
            let settled = Settled { id: done.id, verdict, copy: done.copy };
            self.ending.spawn(settle(self.outbox.clone(), settled));
        }
    }

    /// When something may be to do without anybody telling.
    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        let mut at = now.checked_add(SLEEP_MAX).unwrap_or(now);
        let mut sooner = |other: Option<Instant>| at = other.map_or(at, |other| at.min(other));
        sooner(self.idle.iter().map(Connection::idle_until).min());
        if self.sending.len() < self.lanes && self.ending.len() < SETTLING_MAX {
            sooner(self.circuit.opens_at(now).and_then(|opens_at| {
                let others = [self.store_pause_until, self.pace.as_ref().map(|pace| pace.next_at(now))];
                let free_at = others.into_iter().flatten().fold(opens_at, Instant::max);
                // Commits do not wake a worker that has to wait; it looks again when it may.
                if free_at > now { Some(free_at) } else { self.next_at(now) }
            }));
        }
        at
    }

    /// When the next delivery may begin, on the monotonic clock.
    fn next_at(&self, now: Instant) -> Option<Instant> {
        if !self.queue.is_empty() || !self.bulk.is_empty() {
            return Some(now);
        }
        let dues = [self.outbox.next_due(), self.outbox.next_broadcast_due()];
        let due = dues.into_iter().filter_map(|due| due.ok().flatten()).min()?;
        now.checked_add(due.since(self.outbox.now()))
    }

    /// Lets attempts under way end, cuts them off when they take too long, stores what is known.
    async fn finish(mut self) {
        self.see_off(self.drain_grace).await;
        self.cut.cancel();
        self.see_off(SETTLE_GRACE).await;
        for connection in std::mem::take(&mut self.idle) {
            self.ending.spawn(connection.quit());
        }
        let stored = timeout(SETTLE_GRACE, async {
            while let Some(stored) = self.ending.join_next().await {
                ended_quietly(stored);
            }
        });
        if stored.await.is_err() {
            tracing::warn!("verdicts could not be stored before the end");
        } else if self.sending.is_empty() {
            // What was leased and not begun need not wait for the next start.
            self.end_leases().await;
        }
    }

    async fn see_off(&mut self, grace: Duration) {
        let all_ended = async {
            while let Some(done) = self.sending.join_next_with_id().await {
                self.ended(done);
            }
        };
        if timeout(grace, all_ended).await.is_err() {
            tracing::warn!("mail under way takes long to end");
        }
    }
}

/// Lets broadcasts be held when the relay is down for too long (BRC-33).
async fn tell_down<O: Outbox>(outbox: O, since: Millis) {
    if let Err(error) = outbox.relay_is_down(since).await {
        tracing::warn!(%error, "broadcasts could not be told that the relay is down");
    }
}

/// What people may want to find in the log; who the mail was for is not among it.
fn told(id: DeliveryId, verdict: &Verdict) {
    match verdict {
        Verdict::Failed { reason } => tracing::info!(delivery = %id, reason, "delivery failed"),
        Verdict::Uncertain { reason } => tracing::info!(delivery = %id, reason, "delivery uncertain"),
        Verdict::Delivered { .. }
        | Verdict::Deferred { .. }
        | Verdict::Skipped(_)
        | Verdict::Held
        | Verdict::Postponed { .. } => {
            tracing::debug!(delivery = %id, ?verdict, "delivery attempted");
        }
    }
}

/// The verdict on an attempt that panicked: nobody knows how far it got but for the marker.
fn broken_off(under_way: &UnderWay, fault: &JoinError) -> Done {
    tracing::error!(delivery = %under_way.id, %fault, "sending a mail broke off");
    let reason = "a fault in the program".to_owned();
    let verdict = if under_way.past_dot.load(Ordering::SeqCst) {
        Verdict::Uncertain { reason }
    } else {
        Verdict::Deferred { reason, retry_after: None }
    };
    Done { id: under_way.id, verdict: Some(verdict), copy: None, connection: None, relay: News::Untouched }
}

fn ended_quietly(ended: Result<(), JoinError>) {
    if let Err(fault) = ended {
        tracing::error!(%fault, "storing a verdict broke off");
    }
}
