//! What is owed by mail: lease, mark, settle (DESIGN §4, EML-63 to EML-65).
//!
//! | killed | state in the store | what follows |
//! |---|---|---|
//! | after the lease | leased | the lease ends, the delivery is due again |
//! | before the marker's commit | leased | as above: the final dot was not sent |
//! | after the marker, before the answer | leased, past the dot | the lease ends: *uncertain*, never sent blindly again |
//! | after the answer, before its commit | as above | as above: at most one doubt, never a silent repeat |
//! | after the verdict | settled, or due again later | nothing |
//!
//! **Invariant:** a delivery is in the due index exactly while something is still to happen to it by itself.

use crate::desk::Desk;
use crate::desk::Error;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::require_operator;
use crate::desk::broadcasts::running::hold;
use crate::desk::mail::delivery_failures;
use crate::desk::mail::suppressions::refused;
use crate::desk::mail::suppressions::take_automatic;
use crate::desk::random_bytes;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::draft::missing;
use crate::domain::address::Address;
use crate::domain::agent::Caller;
use crate::domain::broadcast::BroadcastState;
use crate::domain::broadcast::PauseCause;
use crate::domain::delivery::ATTEMPTS_KEPT_MAX;
use crate::domain::delivery::Attempt;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::RETRY_TRIES_MIN;
use crate::domain::delivery::SkipReason;
use crate::domain::delivery::Stage;
use crate::domain::delivery::UNCERTAIN_RETRY_AFTER;
use crate::domain::delivery::Verdict;
use crate::domain::delivery::next_attempt;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::BroadcastId;
use crate::domain::id::DeliveryId;
use crate::domain::id::Millis;
use crate::domain::mail_share::MailShare;
use crate::domain::refusal::Refusal;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Deliveries leased in one transaction.
pub const LEASED_MAX: usize = 50;
/// A mail looked at so long after it was due waited for more than its destination.
const LATE: Duration = Duration::from_hours(24);

/// Envelope and bytes of a mail.
#[derive(Clone, Debug)]
pub struct OutgoingMail {
    /// What it is owed for.
    pub delivery: DeliveryId,
    /// `MAIL FROM`: a signed bounce address (EML-62).
    pub reverse_path: Address,
    /// The one recipient (EML-63).
    pub recipient: Address,
    /// Without brackets; equal on every try.
    pub message_id: String,
    /// The message, CRLF line ends.
    pub bytes: Vec<u8>,
}

/// A leased delivery, looked at again.
#[derive(Clone, Debug)]
pub enum Prepared {
    /// To be handed to a relay.
    Send(OutgoingMail),
    /// To be settled like this without connecting.
    Settle(Verdict),
}

impl Desk {
    /// Leases due deliveries, at most `limit`: one-to-one mail, and broadcasts' mail only where that leaves room (BRC-31).
    /// A lease that ends by itself makes the delivery due again. One whose lease ended past the dot becomes *uncertain*
    /// here instead (BRC-43).
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn lease_due(&self, limit: usize, lease: Duration) -> Result<Vec<Delivery>> {
        let all = MailShare::All;
        let mut leased = self.lease_one_to_one(&all, limit, lease).await?;
        leased.extend(self.lease_broadcasts(&all, limit.saturating_sub(leased.len()), lease).await?);
        Ok(leased)
    }

    /// [`Desk::lease_due`] of the one-to-one mail of a share alone.
    ///
    /// # Errors
    /// As there.
    pub async fn lease_one_to_one(&self, share: &MailShare, limit: usize, lease: Duration) -> Result<Vec<Delivery>> {
        let now = self.inner.clock.now();
        let limit = limit.min(LEASED_MAX);
        if limit == 0 || self.sending_is_paused()? {
            return Ok(Vec::new());
        }
        if self.inner.store.view(|tx| store::outbox::due(tx, share, now, 1))?.is_empty() {
            return Ok(Vec::new());
        }
        // What is over its limit ends here and must not hold up what is due behind it.
        loop {
            let (at, share, inner) = (At::of(&self.inner.clock), share.clone(), self.inner.clone());
            let taken = self.inner.store.update(move |tx| {
                let due = store::outbox::due(&*tx, &share, now, LEASED_MAX)?;
                inner.lease_all(tx, due, limit, lease, &at)
            });
            let taken = taken.await?;
            if taken.ended == 0 || !taken.leased.is_empty() {
                return Ok(taken.leased);
            }
        }
    }

    /// [`Desk::lease_due`] of the broadcasts' mail of a share alone: as much for each broadcast whose mails may go out,
    /// within its rate.
    ///
    /// # Errors
    /// As there.
    pub async fn lease_broadcasts(&self, share: &MailShare, limit: usize, lease: Duration) -> Result<Vec<Delivery>> {
        let now = self.inner.clock.now();
        let limit = limit.min(LEASED_MAX);
        let next = self.inner.store.view(|tx| store::lanes::next_due(tx, share, now))?;
        if limit == 0 || next.is_none_or(|next| next > now) || self.sending_is_paused()? {
            return Ok(Vec::new());
        }
        let (at, share) = (At::of(&self.inner.clock), share.clone());
        let inner = self.inner.clone();
        let leased = self.inner.store.update(move |tx| {
            let lanes = store::lanes::open(&*tx)?;
            let each = limit.div_ceil(lanes.len().max(1));
            let mut leased = Vec::new();
            for (broadcast, _) in lanes {
                let rate = broadcast.options.rate_per_minute;
                let mut lane = store::lanes::get(&*tx, broadcast.id)?;
                let room = each.min(limit.saturating_sub(leased.len())).min(lane.allowed(rate, now));
                let due = store::lanes::due_in(&*tx, broadcast.id, &share, now, room)?;
                let taken = inner.lease_all(tx, due, room, lease, &at)?.leased;
                if !taken.is_empty() {
                    lane.take(taken.len(), rate, now);
                    store::lanes::put(tx, &lane)?;
                }
                leased.extend(taken);
            }
            Ok(leased)
        });
        Ok(leased.await?)
    }

    /// Ends every lease of a share that still runs, for its only worker when it begins or has stopped: nobody is behind
    /// them. What was past the dot becomes *uncertain* (BRC-43), the rest is due again. Gives how many ended.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn end_leases(&self, share: &MailShare) -> Result<usize> {
        let now = self.inner.clock.now();
        let mut ended =
            self.end_leases_of(share, now, |tx, after| store::outbox::open(tx, share, LEASED_MAX, after)).await?;
        for (broadcast, _) in self.inner.store.view(store::lanes::all)? {
            let page = move |tx: &dyn ReadTx, after| store::lanes::waiting(tx, broadcast, after, LEASED_MAX);
            ended += self.end_leases_of(share, now, page).await?;
        }
        Ok(ended)
    }

    async fn end_leases_of(
        &self,
        share: &MailShare,
        now: Millis,
        page: impl Fn(&dyn ReadTx, Option<(Millis, DeliveryId)>) -> store::Result<Vec<Delivery>>,
    ) -> Result<usize> {
        // A lease stands in the due index at its end; those that ended already are due anyway.
        let mut after = Some((now, DeliveryId(0)));
        let mut ended = 0;
        loop {
            let page = self.inner.store.view(|tx| page(tx, after))?;
            let Some(last) = page.last() else { return Ok(ended) };
            after = last.wakes_at().map(|at| (at, last.id));
            let leased = page.iter().filter(|delivery| delivery.leased_until.is_some() && share.takes(&delivery.from));
            let leased: Vec<DeliveryId> = leased.map(|delivery| delivery.id).collect();
            if !leased.is_empty() {
                let at = At::of(&self.inner.clock);
                ended += self.inner.store.update(move |tx| end_leases_in(tx, &leased, &at)).await?;
            }
            if after.is_none() {
                return Ok(ended);
            }
        }
    }

    /// Notes durably that the final dot is about to be sent; the channel sends it only after `Ok` (BRC-43).
    ///
    /// # Errors
    /// `Conflict` when a delivery is no longer leased (cancelled meanwhile) or its broadcast is held: then nothing may be
    /// sent.
    pub async fn mark_past_dot(&self, ids: Vec<DeliveryId>) -> Result<()> {
        let marked = self.inner.store.update(move |tx| {
            for id in &ids {
                let mut delivery = store::outbox::get(tx, *id)?.ok_or_else(|| missing("delivery"))?;
                if delivery.leased_until.is_none() || is_held(tx, &delivery)? {
                    let message = format!("delivery {id} is no longer leased");
                    return Err(store::Error::Refused(Refusal::Conflict { message }));
                }
                delivery.past_dot = true;
                store::outbox::put(tx, &delivery)?;
            }
            Ok(())
        });
        Ok(marked.await?)
    }

    /// Writes what an attempt came to. Event `DeliverySettled` when that was the end.
    ///
    /// # Errors
    /// `NotFound`; when the store cannot be written.
    pub async fn settle(&self, id: DeliveryId, verdict: Verdict) -> Result<()> {
        let jitter = u64::from_be_bytes(random_bytes::<8>()?);
        let at = At::of(&self.inner.clock);
        let settled = self.inner.store.update(move |tx| {
            let delivery = store::outbox::get(tx, id)?.ok_or_else(|| missing("delivery"))?;
            settle_in(tx, delivery, &verdict, &at, jitter)
        });
        Ok(settled.await?)
    }

    /// Keeps a message in the store instead of sending it, and settles its delivery as sent. For a desk without relay.
    ///
    /// # Errors
    /// When blob or commit cannot be written.
    pub async fn capture(&self, mail: OutgoingMail) -> Result<()> {
        let hash = self.inner.blobs.put(mail.bytes).await?;
        let at = At::of(&self.inner.clock);
        let id = mail.delivery;
        let captured = self.inner.store.update(move |tx| {
            let delivery = store::outbox::get(tx, id)?.ok_or_else(|| missing("delivery"))?;
            store::captured::put(tx, id, hash)?;
            let answer = "captured: no relay is configured".to_owned();
            settle_in(tx, delivery, &Verdict::Delivered { answer }, &at, 0)
        });
        Ok(captured.await?)
    }

    /// When the next one-to-one delivery of a share is due; may be in the past.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn next_due(&self, share: &MailShare) -> Result<Option<Millis>> {
        if self.sending_is_paused()? {
            return Ok(None);
        }
        Ok(self.inner.store.view(|tx| store::outbox::next_due(tx, share))?)
    }

    /// When the next mail of a broadcast in a share may go out; may be in the past.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn next_broadcast_due(&self, share: &MailShare) -> Result<Option<Millis>> {
        let now = self.inner.clock.now();
        if self.sending_is_paused()? {
            return Ok(None);
        }
        Ok(self.inner.store.view(|tx| store::lanes::next_due(tx, share, now))?)
    }

    /// One delivery. Scope `settings`; `None` for the operator.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub fn delivery(&self, caller: Option<&Caller>, id: DeliveryId) -> Result<Delivery> {
        require_operator(caller)?;
        Ok(self.inner.store.view(|tx| store::outbox::get(tx, id)?.ok_or_else(|| missing("delivery")))?)
    }

    /// Deliveries that something still happens to, soonest first, broadcasts' mails behind the others, then failed and
    /// uncertain ones, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn deliveries(&self, limit: usize) -> Result<Vec<Delivery>> {
        Ok(self.inner.store.view(|tx| {
            let mut found = store::outbox::open(tx, &MailShare::All, limit, None)?;
            found.extend(store::lanes::all_waiting(tx, limit.saturating_sub(found.len()))?);
            let attention = store::outbox::attention(tx, limit.saturating_sub(found.len()))?;
            let known: Vec<DeliveryId> = found.iter().map(|delivery| delivery.id).collect();
            found.extend(attention.into_iter().filter(|delivery| !known.contains(&delivery.id)));
            Ok(found)
        })?)
    }

    /// [`Desk::deliveries`], then all others, newest first (API-48). Scope `settings`; `None` for the operator.
    ///
    /// # Errors
    /// `Forbidden`; when the store cannot be read.
    pub fn all_deliveries(&self, caller: Option<&Caller>, limit: usize) -> Result<Vec<Delivery>> {
        require_operator(caller)?;
        let mut found = self.deliveries(limit)?;
        let known: Vec<DeliveryId> = found.iter().map(|delivery| delivery.id).collect();
        let newest = self.inner.store.view(|tx| store::outbox::newest(tx, limit))?;
        found.extend(newest.into_iter().filter(|delivery| !known.contains(&delivery.id)));
        found.truncate(limit);
        Ok(found)
    }

    /// Messages that were captured instead of sent, newest first.
    ///
    /// # Errors
    /// When store or blobs cannot be read.
    pub fn captured(&self, limit: usize) -> Result<Vec<(Delivery, Vec<u8>)>> {
        let rows = self.inner.store.view(|tx| {
            let mut rows = Vec::new();
            for (id, hash) in store::captured::newest(tx, limit)? {
                rows.extend(store::outbox::get(tx, id)?.map(|delivery| (delivery, hash)));
            }
            Ok(rows)
        })?;
        let read = |(delivery, hash)| Ok((delivery, self.inner.blobs.get_blocking(hash)?));
        rows.into_iter().map(read).collect()
    }

    /// The message captured for a delivery.
    ///
    /// # Errors
    /// When store or blobs cannot be read.
    pub fn captured_bytes(&self, id: DeliveryId) -> Result<Option<Vec<u8>>> {
        match self.inner.store.view(|tx| store::captured::get(tx, id))? {
            Some(hash) => Ok(Some(self.inner.blobs.get_blocking(hash)?)),
            None => Ok(None),
        }
    }

    /// Makes a delivery due now, whatever its state. An agent who does this with an uncertain one decides to risk a
    /// repeat; the Message-ID stays. An agent's answer to a suppressed address goes out all the same then (EML-83).
    /// Scope `settings`; `None` for the operator.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`; `Conflict` for one that was sent or is being sent.
    pub async fn retry_delivery(&self, caller: Option<&Caller>, id: DeliveryId) -> Result<Delivery> {
        require_operator(caller)?;
        let now = self.inner.clock.now();
        self.change_delivery(id, move |delivery| {
            if delivery.state == DeliveryState::Sent {
                return Err(Refusal::Conflict { message: format!("delivery {id} was sent") });
            }
            if delivery.state == DeliveryState::Skipped(SkipReason::Suppressed) {
                if !matches!(delivery.kind, DeliveryKind::Reply { .. }) {
                    let message = "the address is suppressed; lift that first".to_owned();
                    return Err(Refusal::Conflict { message });
                }
                delivery.despite_suppression = true;
            }
            delivery.state = DeliveryState::Queued;
            delivery.past_dot = false;
            delivery.due_at = now;
            Ok(())
        })
        .await
    }

    /// Takes a delivery back that was not sent yet.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for one that is settled or is being sent.
    pub async fn cancel_delivery(&self, id: DeliveryId) -> Result<Delivery> {
        self.change_delivery(id, move |delivery| {
            if delivery.state.is_settled() && delivery.state != DeliveryState::Uncertain {
                let message = format!("delivery {id} is {}", delivery.state.as_str());
                return Err(Refusal::Conflict { message });
            }
            delivery.state = DeliveryState::Skipped(SkipReason::Cancelled);
            Ok(())
        })
        .await
    }

    async fn change_delivery(
        &self,
        id: DeliveryId,
        change: impl Fn(&mut Delivery) -> std::result::Result<(), Refusal> + Send + 'static,
    ) -> Result<Delivery> {
        let now = self.inner.clock.now();
        let changed = self.inner.store.update(move |tx| {
            let mut delivery = store::outbox::get(tx, id)?.ok_or_else(|| missing("delivery"))?;
            if delivery.leased_until.is_some_and(|until| until > now) {
                let message = format!("delivery {id} is being sent right now");
                return Err(store::Error::Refused(Refusal::Conflict { message }));
            }
            change(&mut delivery).map_err(store::Error::Refused)?;
            delivery.leased_until = None;
            store::outbox::end_pending(tx, &delivery)?;
            store::outbox::put(tx, &delivery)?;
            Ok(delivery)
        });
        changed.await.map_err(Error::from)
    }
}

/// A customer lacks the mail; an agent who has had so many notices does not.
fn log_limited(delivery: &Delivery) {
    if matches!(delivery.kind, DeliveryKind::AgentNotice { .. }) {
        tracing::debug!(delivery = %delivery.id, "a notice to an agent is over its limit and does not go out");
    } else {
        tracing::warn!(delivery = %delivery.id, "an automatic mail is over a limit and does not go out");
    }
}

/// What became of deliveries that were due.
struct Taken {
    leased: Vec<Delivery>,
    /// How many ended instead.
    ended: usize,
}

impl Inner {
    /// Leases deliveries that are due, at most `limit`; automatic ones over a limit end here (EML-87).
    fn lease_all(
        &self,
        tx: &mut dyn WriteTx,
        due: Vec<DeliveryId>,
        limit: usize,
        lease: Duration,
        at: &At,
    ) -> store::Result<Taken> {
        let (mut leased, mut ended) = (Vec::with_capacity(limit.min(due.len())), 0);
        for id in due {
            if leased.len() == limit {
                break;
            }
            let Some(mut delivery) = store::outbox::get(&*tx, id)? else { continue };
            if delivery.past_dot && delivery.state != DeliveryState::Uncertain {
                settle_in(tx, delivery, &ended_past_dot(), at, 0)?;
                ended += 1;
                continue;
            }
            if !take_automatic(tx, &delivery, &self.settings.mail_limits, at.now)? {
                log_limited(&delivery);
                self.rate_limited.fetch_add(1, Ordering::Relaxed);
                settle_in(tx, delivery, &Verdict::Skipped(SkipReason::RateLimited), at, 0)?;
                ended += 1;
                continue;
            }
            if delivery.state == DeliveryState::Uncertain {
                delivery.uncertain_retried = true;
                if self.settings.keep_uncertain {
                    store::outbox::put(tx, &delivery)?;
                    ended += 1;
                    continue;
                }
                delivery.state = DeliveryState::Queued;
            }
            store::outbox::end_pending(tx, &delivery)?;
            delivery.past_dot = false;
            delivery.leased_until = Some(at.now.plus(lease));
            store::outbox::put(tx, &delivery)?;
            leased.push(delivery);
        }
        Ok(Taken { leased, ended })
    }
}

/// Whether it is a broadcast's mail that may not go out now (BRC-32).
fn is_held(tx: &dyn ReadTx, delivery: &Delivery) -> store::Result<bool> {
    let Some(broadcast) = delivery.kind.lane() else { return Ok(false) };
    Ok(store::broadcasts::get(tx, broadcast)?.is_none_or(|broadcast| !broadcast.may_mail()))
}

/// The verdict on a lease that ended past the dot.
fn ended_past_dot() -> Verdict {
    let reason = "the process ended between handing the message over and the relay's answer";
    Verdict::Uncertain { reason: reason.to_owned() }
}

fn end_leases_in(tx: &mut dyn WriteTx, ids: &[DeliveryId], at: &At) -> store::Result<usize> {
    let mut ended = 0;
    for id in ids {
        let Some(mut delivery) = store::outbox::get(tx, *id)? else { continue };
        if delivery.leased_until.is_none() {
            continue;
        }
        ended += 1;
        if delivery.past_dot {
            settle_in(tx, delivery, &ended_past_dot(), at, 0)?;
        } else {
            delivery.leased_until = None;
            store::outbox::put(tx, &delivery)?;
        }
    }
    Ok(ended)
}

/// Writes a verdict; one that comes after the end of the delivery is kept as an attempt and changes nothing else.
pub(crate) fn settle_in(
    tx: &mut dyn WriteTx,
    mut delivery: Delivery,
    verdict: &Verdict,
    at: &At,
    jitter: u64,
) -> store::Result<()> {
    let was_settled = delivery.state.is_settled() && delivery.leased_until.is_none();
    note_attempt(&mut delivery, verdict, at.now);
    if !was_settled {
        apply(&mut delivery, verdict, at.now, jitter);
    }
    delivery.leased_until = None;
    store::outbox::end_pending(tx, &delivery)?;
    let ended = delivery.state.is_settled();
    if ended && !was_settled {
        refused(tx, &delivery, at.now)?;
    }
    let failure = if was_settled { None } else { delivery_failures::said(&*tx, &delivery, at)? };
    let (id, thread, lane) = (delivery.id, delivery.thread, delivery.kind.lane());
    let mut change = Change { owed: vec![delivery], ..Change::default() };
    if ended && !was_settled {
        change.events.push(Event {
            kind: EventKind::DeliverySettled(id),
            thread: Some(thread),
            at: at.now,
            thread_state: None,
            ticket_state: None,
            cause: None,
        });
    }
    conclude(tx, failure.into_iter().collect(), change)?;
    lane.map_or(Ok(()), |broadcast| note_in_lane(tx, broadcast, verdict, at))
}

/// What a verdict says about the lane of its broadcast: a mail that was not needed costs nothing of its rate (BRC-31), and a
/// relay that refuses too many holds it (BRC-33).
fn note_in_lane(tx: &mut dyn WriteTx, broadcast: BroadcastId, verdict: &Verdict, at: &At) -> store::Result<()> {
    let Some(broadcast) = store::broadcasts::get(&*tx, broadcast)? else { return Ok(()) };
    let rate = broadcast.options.rate_per_minute;
    let mut lane = store::lanes::get(&*tx, broadcast.id)?;
    let before = lane;
    let too_many = match verdict {
        Verdict::Skipped(_) | Verdict::Held | Verdict::Postponed { .. } => {
            lane.give_back(rate);
            false
        }
        Verdict::Delivered { .. } => lane.note(false),
        Verdict::Failed { .. } => lane.note(true),
        // A connection that could not be made is no refusal; the relay's own words begin with a code, or name the step first.
        Verdict::Deferred { reason, .. } if is_refusal(reason) => lane.note(true),
        Verdict::Deferred { .. } | Verdict::Uncertain { .. } => false,
    };
    if lane != before {
        store::lanes::put(tx, &lane)?;
    }
    if too_many && broadcast.state == BroadcastState::Running {
        return hold(tx, broadcast, PauseCause::RelayRefuses, at);
    }
    Ok(())
}

/// Whether a transient failure is the relay's own answer to this mail (RFC 5321 §4.2.1: 4yz).
fn is_refusal(reason: &str) -> bool {
    let is_code = |word: &str| word.len() == 3 && word.starts_with('4') && word.bytes().all(|b| b.is_ascii_digit());
    reason.split([' ', ':', '-']).any(is_code)
}

fn apply(delivery: &mut Delivery, verdict: &Verdict, now: Millis, jitter: u64) {
    delivery.past_dot = false;
    match verdict {
        Verdict::Held => {}
        Verdict::Postponed { wait } => postpone(delivery, *wait, now, jitter),
        Verdict::Delivered { .. } => delivery.state = DeliveryState::Sent,
        Verdict::Failed { reason } => delivery.state = DeliveryState::Failed(reason.clone()),
        Verdict::Skipped(reason) => delivery.state = DeliveryState::Skipped(*reason),
        Verdict::Uncertain { .. } => {
            delivery.state = DeliveryState::Uncertain;
            delivery.due_at = now.plus(UNCERTAIN_RETRY_AFTER);
        }
        Verdict::Deferred { reason, retry_after } => {
            match next_attempt(delivery.attempt_count, delivery.created_at, now, jitter) {
                Some(at) => {
                    delivery.state = DeliveryState::Deferred;
                    delivery.due_at = retry_after.map_or(at, |wait| at.max(now.plus(wait)));
                }
                None => delivery.state = DeliveryState::Failed(format!("retries exhausted: {reason}")),
            }
        }
    }
}

/// A mail that was not tried because its destination takes nothing is given up in the end like one that was.
fn postpone(delivery: &mut Delivery, wait: Duration, now: Millis, jitter: u64) {
    // Looked at in time, it waited for its destination alone, and not for a daemon that was down (P13).
    let in_time = now.since(delivery.due_at) < LATE;
    let tries = if in_time { RETRY_TRIES_MIN } else { delivery.attempt_count };
    if next_attempt(tries, delivery.created_at, now, 0).is_none() {
        delivery.state = DeliveryState::Failed("retries exhausted: the destination takes no mail for now".to_owned());
        return;
    }
    let quarter_ms = u64::try_from(wait.as_millis() / 4).unwrap_or(0).max(1);
    delivery.state = DeliveryState::Deferred;
    delivery.due_at = now.plus(wait).plus(Duration::from_millis(jitter % quarter_ms));
}

fn note_attempt(delivery: &mut Delivery, verdict: &Verdict, now: Millis) {
    let (stage, answer) = match verdict {
        Verdict::Delivered { answer } => (Stage::Answered, answer.clone()),
        Verdict::Failed { reason } => (Stage::Answered, reason.clone()),
        Verdict::Deferred { reason, .. } => (Stage::BeforeDot, reason.clone()),
        Verdict::Uncertain { reason } => (Stage::AfterDot, reason.clone()),
        Verdict::Skipped(_) | Verdict::Held | Verdict::Postponed { .. } => return,
    };
    delivery.attempt_count = delivery.attempt_count.saturating_add(1);
    if delivery.attempts.len() >= ATTEMPTS_KEPT_MAX {
        delivery.attempts.remove(ATTEMPTS_KEPT_MAX / 2);
    }
    let answer = crate::mail::clean::line(&answer, 500);
    delivery.attempts.push(Attempt { at: now, stage, answer });
}
