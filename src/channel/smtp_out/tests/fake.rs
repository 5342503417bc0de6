//! An outbox in memory that keeps the promises of the desk's: leases, the marker, verdicts.

use super::LIMIT;
use super::mail;
use crate::channel::smtp_out::outbox::Outbox;
use crate::channel::smtp_out::outbox::Settled;
use crate::clock::Clock;
use crate::desk::Error;
use crate::desk::Result;
use crate::desk::mail::outbox::OutgoingMail;
use crate::desk::mail::outbox::Prepared;
use crate::domain::address::Address;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::delivery::Attempt;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::SkipReason;
use crate::domain::delivery::Stage;
use crate::domain::delivery::Verdict;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::DeliveryId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;
use tokio::sync::watch;

/// What composing a delivery comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Composes {
    Mail,
    Skip,
    Panic,
    Unsafe,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) deliveries: BTreeMap<u64, Delivery>,
    pub(super) composes: BTreeMap<u64, Composes>,
    pub(super) captured: Vec<u64>,
    /// Writes that fail before one succeeds again.
    pub(super) failing_writes: usize,
    pub(super) retry_after: Duration,
    pub(super) leases: usize,
    /// Deliveries to another domain than the others.
    pub(super) slow: RangeInclusive<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct FakeOutbox {
    world: Arc<Mutex<World>>,
    committed: watch::Sender<u64>,
    clock: Clock,
}

impl FakeOutbox {
    /// So many replies are due.
    pub(super) fn with(count: u64) -> Self {
        let world = World {
            deliveries: BTreeMap::new(),
            composes: BTreeMap::new(),
            captured: Vec::new(),
            failing_writes: 0,
            retry_after: Duration::from_millis(50),
            leases: 0,
            slow: 0..=0,
        };
        let fake =
            Self { world: Arc::new(Mutex::new(world)), committed: watch::Sender::new(0), clock: Clock::default() };
        (1..=count).for_each(|id| fake.owe(id, false));
        fake
    }

    pub(super) fn owe(&self, id: u64, broadcast: bool) {
        let kind = if broadcast {
            DeliveryKind::Broadcast { broadcast: BroadcastId(1), part: PartId(id) }
        } else {
            DeliveryKind::Reply { parts: vec![PartId(id)] }
        };
        let now = self.clock.now();
        let delivery = Delivery {
            id: DeliveryId(id),
            thread: ThreadId(id),
            contact: ContactId(id),
            agent: None,
            channel: ChannelKind::Email,
            address: None,
            from: Address::parse("support@desk.example").unwrap(),
            kind,
            state: DeliveryState::Queued,
            message_id: format!("{id}@desk.example"),
            created_at: now,
            due_at: now,
            leased_until: None,
            past_dot: false,
            uncertain_retried: true,
            attempts: Vec::new(),
            attempt_count: 0,
            despite_suppression: false,
        };
        self.world().deliveries.insert(id, delivery);
        self.commit();
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(super) fn to_slow_domain(&self, ids: RangeInclusive<u64>) {
        let mut world = self.world();
        for (_, delivery) in world.deliveries.range_mut(ids.clone()) {
            delivery.address = Some(Address::parse("customer@slow.example").unwrap());
        }
        world.slow = ids;
    }

    pub(super) fn compose(&self, id: u64, composes: Composes) {
        self.world().composes.insert(id, composes);
    }

    /// How many deliveries are in each state, by its word.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for delivery in self.world().deliveries.values() {
            *counts.entry(delivery.state.as_str()).or_default() += 1;
        }
        counts
    }

    pub(super) fn state(&self, id: u64) -> DeliveryState {
        self.world().deliveries[&id].state.clone()
    }

    /// Waits until `done` holds of the counts.
    pub(super) async fn wait_until(&self, done: impl Fn(&BTreeMap<&'static str, usize>) -> bool) {
        let mut committed = self.committed.subscribe();
        let waited = tokio::time::timeout(LIMIT, async {
            while !done(&self.counts()) {
                committed.changed().await.unwrap();
            }
        });
        assert!(waited.await.is_ok(), "{:?}", self.counts());
    }

    fn commit(&self) {
        self.committed.send_modify(|n| *n += 1);
    }

    fn write(&self) -> Result<()> {
        let mut world = self.world();
        if world.failing_writes > 0 {
            world.failing_writes -= 1;
            return Err(Error::Unavailable("a test".to_owned()));
        }
        Ok(())
    }
}

impl FakeOutbox {
    fn next_wake(&self, broadcasts: bool) -> Option<Millis> {
        let world = self.world();
        let of_lane = world.deliveries.values().filter(|delivery| delivery.kind.lane().is_some() == broadcasts);
        of_lane.filter_map(Delivery::wakes_at).min()
    }

    fn lease(&self, limit: usize, lease: Duration, broadcasts: bool) -> Result<Vec<Delivery>> {
        self.write()?;
        let now = self.clock.now();
        let mut leased = Vec::new();
        let mut world = self.world();
        world.leases += 1;
        let due = world.deliveries.values_mut().filter(|delivery| {
            delivery.kind.lane().is_some() == broadcasts && delivery.wakes_at().is_some_and(|at| at <= now)
        });
        for delivery in due.take(limit) {
            assert!(!delivery.past_dot, "leased again past the dot");
            delivery.leased_until = Some(now.plus(lease));
            leased.push(delivery.clone());
        }
        drop(world);
        self.commit();
        Ok(leased)
    }
}

impl Outbox for FakeOutbox {
    fn now(&self) -> Millis {
        self.clock.now()
    }

    fn committed(&self) -> watch::Receiver<u64> {
        self.committed.subscribe()
    }

    fn next_due(&self) -> Result<Option<Millis>> {
        Ok(self.next_wake(false))
    }

    async fn end_leases(&self) -> Result<usize> {
        let mut ended = 0;
        for delivery in self.world().deliveries.values_mut().filter(|delivery| delivery.leased_until.is_some()) {
            delivery.leased_until = None;
            if delivery.past_dot {
                delivery.state = DeliveryState::Uncertain;
            }
            ended += 1;
        }
        self.commit();
        Ok(ended)
    }

    async fn lease_due(&self, limit: usize, lease: Duration) -> Result<Vec<Delivery>> {
        self.lease(limit, lease, false)
    }

    fn next_broadcast_due(&self) -> Result<Option<Millis>> {
        Ok(self.next_wake(true))
    }

    async fn lease_broadcasts(&self, limit: usize, lease: Duration) -> Result<Vec<Delivery>> {
        self.lease(limit, lease, true)
    }

    async fn deferred(&self) -> Result<Vec<Delivery>> {
        let world = self.world();
        Ok(world.deliveries.values().filter(|it| it.state == DeliveryState::Deferred).cloned().collect())
    }

    async fn relay_is_down(&self, _since: Millis) -> Result<()> {
        Ok(())
    }

    fn prepare(&self, delivery: &Delivery) -> Result<Prepared> {
        let composes = self.world().composes.get(&delivery.id.0).copied().unwrap_or(Composes::Mail);
        match composes {
            Composes::Mail => {
                let mut mail = mail(delivery.id.0);
                if self.world().slow.contains(&delivery.id.0) {
                    mail.recipient = Address::parse("customer@slow.example").unwrap();
                }
                Ok(Prepared::Send(mail))
            }
            Composes::Skip => Ok(Prepared::Settle(Verdict::Skipped(SkipReason::SeenInMessenger))),
            Composes::Panic => panic!("a name with a line break"),
            Composes::Unsafe => {
                Ok(Prepared::Send(OutgoingMail { bytes: b"a\n.\nb\r\n".to_vec(), ..mail(delivery.id.0) }))
            }
        }
    }

    async fn mark_past_dot(&self, id: DeliveryId) -> Result<()> {
        self.write()?;
        self.world().deliveries.get_mut(&id.0).unwrap().past_dot = true;
        self.commit();
        Ok(())
    }

    async fn capture(&self, mail: OutgoingMail) -> Result<()> {
        self.world().captured.push(mail.delivery.0);
        let verdict = Verdict::Delivered { answer: "captured".to_owned() };
        self.settle(Settled { id: mail.delivery, verdict, copy: None }).await
    }

    fn wants_copy(&self, _: &Delivery) -> bool {
        false
    }

    async fn settle(&self, Settled { id, verdict, .. }: Settled) -> Result<()> {
        self.write()?;
        let now = self.now();
        let mut world = self.world();
        let retry_after = world.retry_after;
        let delivery = world.deliveries.get_mut(&id.0).unwrap();
        (delivery.past_dot, delivery.leased_until) = (false, None);
        delivery.attempt_count += 1;
        if let Verdict::Deferred { reason, .. } = &verdict {
            delivery.attempts.push(Attempt { at: now, stage: Stage::BeforeDot, answer: reason.clone() });
        }
        delivery.state = match verdict {
            Verdict::Delivered { .. } => DeliveryState::Sent,
            Verdict::Failed { reason } => DeliveryState::Failed(reason),
            Verdict::Uncertain { .. } => DeliveryState::Uncertain,
            Verdict::Skipped(reason) => DeliveryState::Skipped(reason),
            Verdict::Held => DeliveryState::Queued,
            Verdict::Postponed { wait } => {
                delivery.due_at = now.plus(wait);
                delivery.attempt_count -= 1;
                DeliveryState::Deferred
            }
            Verdict::Deferred { .. } => {
                delivery.due_at = now.plus(retry_after);
                DeliveryState::Deferred
            }
        };
        drop(world);
        self.commit();
        Ok(())
    }
}
