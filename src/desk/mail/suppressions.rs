//! Which addresses get no mail, and how much automatic mail goes out (EML-82 to EML-88).
//!
//! **Invariant:** every outgoing mail passes here twice: automatic mail when it is leased, where it takes from its buckets,
//! and every mail once it is composed, where a suppressed address ends it. Nothing is sent to a suppressed address but an
//! agent's answer that an agent wants to go out all the same.

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::require_operator;
use crate::desk::thread::draft::missing;
use crate::domain::address::Address;
use crate::domain::agent::Caller;
use crate::domain::contact::Contact;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::DeliveryState;
use crate::domain::event::ContactAct;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::Millis;
use crate::domain::mail_limits::Limit;
use crate::domain::mail_limits::MailLimits;
use crate::domain::suppression::AddressStanding;
use crate::domain::suppression::SuppressedBy;
use crate::domain::suppression::Suppression;
use crate::domain::suppression::WORDS_CHARS_MAX;
use crate::mail::clean;
use crate::mail::dsn;
use crate::mail::dsn::Report;
use crate::mail::dsn::ReportKind;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use crate::store::save::save;
use crate::store::suppressions::Bucket;
use std::time::Duration;

/// Notices to one agent (NTF-15).
const NOTICES_PER_AGENT: Limit = Limit { count: 120, window: Duration::from_hours(1) };
/// Records looked at in one transaction of a sweep.
const SWEPT_MAX: usize = 200;
/// Transactions of one sweep.
const SWEEPS_MAX: usize = 50;

impl Desk {
    /// Addresses that get no mail now, in their order behind `after`. Scope `settings`; `None` for the operator.
    ///
    /// # Errors
    /// `Forbidden`; when the store cannot be read.
    pub fn suppressions(
        &self,
        caller: Option<&Caller>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<AddressStanding>> {
        require_operator(caller)?;
        let now = self.inner.clock.now();
        let mut found = self.inner.store.view(|tx| store::suppressions::suppressed(tx, after, limit))?;
        found.retain(|standing| standing.suppressed(now).is_some());
        Ok(found)
    }

    /// Stops all mail to an address, for good or until a time. Scope `settings`.
    ///
    /// # Errors
    /// `Forbidden`; when the store cannot be written.
    pub async fn suppress(
        &self,
        caller: &Caller,
        address: Address,
        until: Option<Millis>,
        words: &str,
    ) -> Result<AddressStanding> {
        require_operator(Some(caller))?;
        let (since, by) = (self.inner.clock.now(), SuppressedBy::Agent(caller.agent));
        let suppression = Suppression { by, since, until, words: clean::line(words, WORDS_CHARS_MAX) };
        let kept = self.inner.store.update(move |tx| {
            let mut standing = standing(&*tx, &address)?;
            let before = standing.clone();
            standing.suppression = Some(suppression.clone());
            keep(tx, &before, &standing, since)?;
            Ok(standing)
        });
        Ok(kept.await?)
    }

    /// Lets an address get mail again and forgets its failures. Scope `settings`; `None` for the operator.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound` for an address that is not suppressed.
    pub async fn lift_suppression(&self, caller: Option<&Caller>, address: Address) -> Result<AddressStanding> {
        require_operator(caller)?;
        let lifted = self.inner.store.update(move |tx| {
            let standing = store::suppressions::get(&*tx, &address)?.filter(|known| known.suppression.is_some());
            let standing = standing.ok_or_else(|| missing("suppression"))?;
            forget(tx, &standing)?;
            Ok(standing)
        });
        Ok(lifted.await?)
    }

    /// Forgets addresses whose suppression has ended, and buckets that are full again. Part of [`Desk::sweep`].
    pub(crate) async fn sweep_suppressions(&self) -> Result<()> {
        let now = self.inner.clock.now();
        let mut after: Option<String> = None;
        for _ in 0..SWEEPS_MAX {
            let from = after.clone();
            let page = self.inner.store.view(|tx| store::suppressions::all(tx, from.as_deref(), SWEPT_MAX))?;
            let Some(last) = page.last() else { break };
            after = Some(last.address.to_string());
            let ended: Vec<AddressStanding> = page.into_iter().filter(|standing| standing.is_empty(now)).collect();
            if !ended.is_empty() {
                self.inner.store.update(move |tx| ended.iter().try_for_each(|standing| forget(tx, standing))).await?;
            }
        }
        let mut after = None;
        for _ in 0..SWEEPS_MAX {
            let from: Option<Vec<u8>> = after;
            let swept =
                self.inner.store.update(move |tx| store::suppressions::drop_full(tx, now, from.as_deref(), SWEPT_MAX));
            after = swept.await?;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }
}

impl Inner {
    /// Whether the recipient of a composed mail is suppressed.
    pub(crate) fn is_suppressed(&self, delivery: &Delivery, recipient: &Address) -> store::Result<bool> {
        let now = self.clock.now();
        if delivery.despite_suppression {
            return Ok(false);
        }
        self.store.view(|tx| {
            let erased = store::erasing::standing_of(tx, &self.erasure_key, recipient)?;
            let stopped = erased.suppressed || (erased.unsubscribed && delivery.kind.lane().is_some());
            Ok(stopped || store::suppressions::holds(tx, recipient, now)?)
        })
    }
}

/// Takes an automatic mail from the buckets; whether it may go out (EML-86). Others may always.
pub(crate) fn take_automatic(
    tx: &mut dyn WriteTx,
    delivery: &Delivery,
    limits: &MailLimits,
    now: Millis,
) -> store::Result<bool> {
    let Some(address) = delivery.address.as_ref().filter(|_| delivery.kind.is_automatic()) else { return Ok(true) };
    // One that was only postponed was counted then.
    if delivery.attempt_count > 0 || delivery.state == DeliveryState::Deferred {
        return Ok(true);
    }
    // An agent who is told of many threads is no loop; one who is told what became of their own mails could be.
    if let (DeliveryKind::AgentNotice { news }, Some(agent)) = (&delivery.kind, delivery.agent)
        && news.iter().all(|news| news.part().is_some())
    {
        return store::suppressions::take(tx, &[(Bucket::Agent(agent.0), NOTICES_PER_AGENT)], now);
    }
    let says = says(&*tx, delivery)?;
    let buckets = [
        (Bucket::Address(address), limits.per_address),
        (Bucket::Subject(address, &says), limits.per_subject),
        (Bucket::Thread(delivery.thread.0), limits.per_thread),
        (Bucket::Domain(address.domain()), limits.per_domain),
        (Bucket::All, limits.in_all),
    ];
    store::suppressions::take(tx, &buckets, now)
}

/// What decides the subject of an automatic mail: its kind, its thread, and the state it tells.
fn says(tx: &dyn ReadTx, delivery: &Delivery) -> store::Result<String> {
    let thread = store::threads::get(tx, delivery.thread)?;
    let state = thread.and_then(|thread| thread.ticket).map(|ticket| ticket.state_id.0).unwrap_or_default();
    let form = match &delivery.kind {
        DeliveryKind::FormSent { part } => part.0,
        _ => 0,
    };
    Ok(format!("{} {} {state} {form}", delivery.kind.as_str(), delivery.thread.0))
}

/// Notes that the relay refused a mail for good. What the desk itself could not do says nothing of the address.
pub(crate) fn refused(tx: &mut dyn WriteTx, delivery: &Delivery, now: Millis) -> store::Result<()> {
    let DeliveryState::Failed(reason) = &delivery.state else { return Ok(()) };
    let Some(address) = delivery.address.as_ref().filter(|_| dsn::is_refusal(reason)) else { return Ok(()) };
    failed(tx, address, dsn::refuses_address(reason), reason, now)?;
    if dsn::refuses_address(reason) {
        mark_bounced(tx, address, true)?;
    }
    Ok(())
}

/// Notes what a report says of the address we wrote to.
pub(crate) fn reported(tx: &mut dyn WriteTx, report: &Report, delivery: &Delivery, now: Millis) -> store::Result<()> {
    let Some(address) = &delivery.address else { return Ok(()) };
    let first = report.recipients.first();
    let words = first.and_then(|one| one.smtp_reply.clone().or(one.status.clone())).unwrap_or_default();
    match report.kind {
        ReportKind::Failed => failed(tx, address, first.is_some_and(|one| one.hard), &words, now),
        ReportKind::Complaint => {
            let mut standing = standing(&*tx, address)?;
            let before = standing.clone();
            let words = report.feedback_type.clone().unwrap_or_default();
            standing.suppress(Suppression { by: SuppressedBy::Complaint, since: now, until: None, words });
            keep(tx, &before, &standing, now)
        }
        ReportKind::Delayed | ReportKind::Other => Ok(()),
    }
}

/// Mail came from an address: it exists and takes mail (EML-82).
pub(crate) fn heard_from(tx: &mut dyn WriteTx, address: &Address) -> store::Result<()> {
    let Some(standing) = store::suppressions::get(&*tx, address)? else { return Ok(()) };
    if standing.suppression.as_ref().is_none_or(|held| held.by.ends_when_heard_from()) {
        forget(tx, &standing)?;
    }
    Ok(())
}

fn failed(tx: &mut dyn WriteTx, address: &Address, hard: bool, words: &str, now: Millis) -> store::Result<()> {
    let mut standing = standing(&*tx, address)?;
    let before = standing.clone();
    standing.failed(hard, words, now);
    keep(tx, &before, &standing, now)
}

/// Writes how an address stands; its contacts' log says when it gets no mail from now on (WHK-14).
fn keep(tx: &mut dyn WriteTx, before: &AddressStanding, after: &AddressStanding, now: Millis) -> store::Result<()> {
    store::suppressions::put(tx, after)?;
    if before.suppressed(now).is_some() || after.suppressed(now).is_none() {
        return Ok(());
    }
    let told = |contact: &Contact| Event {
        kind: EventKind::ContactChanged { contact: contact.id, act: ContactAct::Suppressed },
        thread: None,
        at: now,
        thread_state: None,
        ticket_state: None,
        cause: None,
    };
    let events: Vec<Event> = store::contacts::by_email(&*tx, &after.address)?.iter().map(told).collect();
    save(tx, &Change { events, ..Change::default() }).map(drop)
}

fn standing(tx: &dyn ReadTx, address: &Address) -> store::Result<AddressStanding> {
    Ok(store::suppressions::get(tx, address)?.unwrap_or_else(|| AddressStanding::new(address.clone())))
}

fn forget(tx: &mut dyn WriteTx, standing: &AddressStanding) -> store::Result<()> {
    store::suppressions::delete(tx, standing)?;
    mark_bounced(tx, &standing.address, false)
}

/// The contacts of an address say whether it bounces.
fn mark_bounced(tx: &mut dyn WriteTx, address: &Address, bounces: bool) -> store::Result<()> {
    for mut contact in store::contacts::by_email(&*tx, address)? {
        if contact.has_hard_bounced != bounces {
            contact.has_hard_bounced = bounces;
            store::contacts::put(tx, &contact)?;
        }
    }
    Ok(())
}
