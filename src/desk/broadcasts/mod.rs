//! A Tracker's broadcast, whole (§4 of the product rules).
//!
//! | file | what |
//! |---|---|
//! | [`writing`] | drafts: made, changed, deleted, listed |
//! | `options` | what may be asked for (BRC-8) |
//! | [`survey`] | whom it would reach, and what stands against it (BRC-4, BRC-11, BRC-15) |
//! | [`preview`] | what one recipient would get, and a test mail (BRC-6, BRC-7) |
//! | [`running`] | send, schedule, pause, resume, cancel, extend, redact (BRC-30 to BRC-34) |
//! | [`serving`] | the worker: gather the set, post, finish |
//! | `sweeping` | the worker: cancel and redact row by row |
//! | `recipients` | which contact is mailed, in which thread, and why not (BRC-12, BRC-21) |
//! | [`ledger`] | what became of each, and settling a doubt (BRC-40 to BRC-45) |
//! | [`receipts`] | what was written to sockets, and acknowledged by clients (BRC-41) |
//! | `settling` | what being seen, answered or bounced says about a row |
//! | [`stopping`] | unsubscribing (BRC-50 to BRC-53) |
//!
//! | killed | state in the store | what follows |
//! |---|---|---|
//! | after the start | running, gathering, no cursor | the worker begins |
//! | while gathering | rows up to the cursor | the worker goes on behind it; a link has one row |
//! | within a batch of posts | rows queued, cursor before them | the batch is done again, once |
//! | after a batch | parts, rows, deliveries, cursor behind it | the worker goes on |
//! | after the last batch | mailing | mails go out by their lane of the outbox |
//! | while cancelling or redacting | a sweep with its cursor | the worker goes on behind it |
//!
//! **Invariant:** part, event, ledger rows, deliveries and cursor of a batch are one transaction, and ledger keys are
//! unique, so that nobody is missed and nobody is told twice, whatever the number of links or crashes (BRC-44). Nothing here
//! holds more than one batch of recipients in memory.

pub mod ledger;
mod options;
pub mod preview;
pub mod receipts;
mod recipients;
pub mod running;
pub mod serving;
pub(crate) mod settling;
pub mod stopping;
pub mod survey;
mod sweeping;
pub mod writing;

pub use crate::desk::broadcasts::ledger::LedgerFilter;
pub use crate::desk::broadcasts::ledger::LedgerRow;
pub use crate::desk::broadcasts::ledger::SettleAs;
pub use crate::desk::broadcasts::writing::BroadcastChange;
pub use crate::desk::broadcasts::writing::BroadcastView;
pub use crate::desk::broadcasts::writing::NewBroadcast;

use crate::desk::Inner;
use crate::desk::mail::compose::agent_view;
use crate::desk::mail::compose::contact_view;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::draft::missing;
use crate::desk::thread::views::ticket_view;
use crate::domain::broadcast::Broadcast;
use crate::domain::event::BroadcastStep;
use crate::domain::event::EventKind;
use crate::domain::id::AgentId;
use crate::domain::id::BroadcastId;
use crate::domain::ledger::Rows;
use crate::domain::refusal::Refusal;
use crate::domain::thread::Thread;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use crate::template;
use crate::template::broadcast::BroadcastValues;
use crate::template::view;

/// How broadcasts are bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BroadcastSettings {
    /// To more contacts than this, the sender says the number (BRC-15).
    pub confirm_over: u64,
    /// Most posts into threads in a second (BRC-31).
    pub posts_per_s: u64,
}

impl Default for BroadcastSettings {
    fn default() -> Self {
        Self { confirm_over: 500, posts_per_s: 5_000 }
    }
}

/// The broadcast of that id.
fn known(tx: &dyn ReadTx, id: BroadcastId) -> store::Result<Broadcast> {
    store::broadcasts::get(tx, id)?.ok_or_else(|| missing("broadcast"))
}

/// A refusal for what its state does not allow.
fn not_now(broadcast: &Broadcast, what: &str) -> store::Error {
    let message = format!("broadcast {} is {} and cannot be {what}", broadcast.id, broadcast.state.as_str());
    store::Error::Refused(Refusal::Conflict { message })
}

/// Its words, checked.
fn compiled(broadcast: &Broadcast) -> Result<template::broadcast::Broadcast, Refusal> {
    template::broadcast::Broadcast::compile(&broadcast.body)
        .map_err(|error| Refusal::invalid("body", error.to_string()))
}

/// Says on the Tracker what a broadcast did, with its counts (BRC-25).
fn note_step(
    tx: &dyn ReadTx,
    tracker: &mut Draft,
    broadcast: BroadcastId,
    step: BroadcastStep,
    by: Option<AgentId>,
) -> store::Result<()> {
    let threads = store::ledger::count(tx, broadcast, Rows::Threads, "sent")?;
    let mut mails = 0_u64;
    for word in ["sent", "delivered", "seen"] {
        mails = mails.saturating_add(store::ledger::count(tx, broadcast, Rows::Email, word)?);
    }
    tracker.note(EventKind::Broadcast { broadcast, step, by, threads, mails }, None);
    Ok(())
}

/// [`note_step`], and the broadcast as it is now.
fn put_with_step(
    tx: &mut dyn WriteTx,
    broadcast: &Broadcast,
    step: BroadcastStep,
    by: Option<AgentId>,
    at: &At,
) -> store::Result<()> {
    store::broadcasts::put(tx, broadcast)?;
    // A Tracker that was deleted tells nobody.
    let Some(tracker) = store::threads::get(&*tx, broadcast.tracker)? else { return Ok(()) };
    let mut tracker = Draft::of(tracker, at);
    note_step(&*tx, &mut tracker, broadcast.id, step, by)?;
    conclude(tx, vec![tracker], Change::default())?;
    Ok(())
}

impl Inner {
    /// What the placeholders show in this thread: its primary contact's values (BRC-2).
    fn values(&self, tx: &dyn ReadTx, broadcast: &Broadcast, thread: &Thread) -> store::Result<BroadcastValues> {
        let contact = match thread.primary_contact() {
            Some(contact) => store::contacts::get(tx, contact)?,
            None => None,
        };
        let own = contact.as_ref().and_then(|contact| contact.language_override.as_deref());
        let ticket = match (&thread.ticket, ticket_view(tx, thread)?) {
            (Some(ticket), Some(kinds)) => template::broadcast::TicketValues {
                number: Some(ticket.number),
                title: thread.title.clone(),
                state: Some(kinds.state.label_in(&self.languages(own, Some(thread))).to_owned()),
            },
            _ => template::broadcast::TicketValues::default(),
        };
        let of_contact = contact.as_ref().and_then(|contact| contact.companies.first().copied());
        let company = thread.company.or(of_contact).map(|id| store::companies::get(tx, id)).transpose()?.flatten();
        let company = company.and_then(|company| company.name);
        Ok(BroadcastValues {
            contact: contact.as_ref().map(contact_view).unwrap_or_default(),
            company: view::Named { name: company },
            thread: view::Thread { id: Some(thread.id.to_string()), title: thread.title.clone() },
            ticket,
            agent: agent_view(Some(&broadcast.author_name)),
            brand: view::Named { name: Some(self.brand_name(thread)) },
            portal: template::broadcast::Portal::default(),
            time_zone: self.settings.time_zone.clone(),
        })
    }
}
