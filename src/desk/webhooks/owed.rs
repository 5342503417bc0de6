//! What may go out now, with the objects it is about; what came of it; lists and replay (WHK-3).
//!
//! Objects are read when a notification goes out, not when it is owed: what was redacted or erased meanwhile leaves with
//! no notification, and what waits needs little room. What happened stands in the notification itself.
//!
//! **Invariant:** a notification goes out only when none of the same thread or contact is open before it.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::broadcasts::BroadcastView;
use crate::desk::broadcasts::writing::counted;
use crate::desk::people::companies;
use crate::desk::people::companies::CompanyView;
use crate::desk::thread::views::ThreadView;
use crate::desk::thread::views::view;
use crate::desk::webhooks::known;
use crate::domain::agent::Agent;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::contact::Contact;
use crate::domain::data_event::DataEvent;
use crate::domain::delivery::Delivery;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::event::MailboxStanding;
use crate::domain::id::AgentId;
use crate::domain::id::CompanyId;
use crate::domain::id::ContactId;
use crate::domain::id::DataEventId;
use crate::domain::id::Millis;
use crate::domain::id::NotificationId;
use crate::domain::id::ThreadId;
use crate::domain::id::WebhookId;
use crate::domain::intake::IntakeRow;
use crate::domain::part::Part;
use crate::domain::propagation::Propagation;
use crate::domain::team::Team;
use crate::domain::webhook::Notification;
use crate::domain::webhook::NotificationState;
use crate::domain::webhook::Outcome;
use crate::domain::webhook::SigningSecret;
use crate::domain::webhook::Webhook;
use crate::domain::webhook::WebhookState;
use crate::domain::webhook::settle;
use crate::store;
use crate::store::engine::ReadTx;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Open notifications of one subscription that are looked at for one that may go; behind so many threads that wait for
/// their next attempt, further ones wait too.
const LOOKED_AT_MAX: usize = 500;
/// Most notifications put back by one replay.
pub const REPLAYED_MAX: usize = 200;
/// Most notifications of one answer.
pub const LISTED_MAX: usize = 150;
/// Notifications looked through for one page of those in one state.
const SEARCHED_MAX: usize = 2_000;
/// Rows taken away in one commit.
const PRUNED_PER_COMMIT: usize = 200;
/// Commits of one pruning.
const PRUNINGS_MAX: usize = 100;

/// A notification that may go out now.
#[derive(Clone, Debug)]
pub struct Notice {
    /// To whom.
    pub webhook: Webhook,
    /// What signs it, the newest first; none when the subscription's secret cannot be opened, which stops it.
    pub secrets: Vec<SigningSecret>,
    /// What is owed.
    pub notification: Notification,
    /// What it is about, as it is now.
    pub item: Item,
}

/// What a notification is about.
#[derive(Clone, Debug)]
pub enum Item {
    /// A conversation or ticket, and the part the event added.
    Thread(Box<ThreadView>, Option<Box<Part>>),
    /// A contact.
    Contact(Box<Contact>),
    /// A company, and the contact that came or went.
    Company(Box<CompanyView>, Option<Box<Contact>>),
    /// An agent, with all teams.
    Agent(Box<Agent>, Vec<Team>),
    /// Something a contact did, and who.
    DataEvent(Box<DataEvent>, Box<Contact>),
    /// A delivery.
    Delivery(Box<Delivery>),
    /// A broadcast.
    Broadcast(Box<BroadcastView>),
    /// A mail that could not be taken in.
    Intake(Box<IntakeRow>),
    /// A job that set a state on many tickets.
    Job(Box<Propagation>),
    /// A job that made this ticket.
    TicketJob(ThreadId),
    /// A mailbox, and how it was then.
    Mailbox(String, MailboxStanding),
    /// Nothing: a ping.
    Ping,
    /// Something that is no more.
    Gone,
}

/// Who can be told something now, and when that changes by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Subscriptions with a notification that may go.
    pub ready: Vec<WebhookId>,
    /// The next notification may go then.
    pub next_at: Option<Millis>,
}

/// Subscriptions in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// By state; `paused` are active ones that rest.
    pub by_state: BTreeMap<&'static str, u64>,
    /// The oldest notification that is still to go out to an active subscription.
    pub oldest_open: Option<Millis>,
}

/// Which notifications are put back.
#[derive(Clone, Debug)]
pub enum Replay {
    /// These.
    These(Vec<NotificationId>),
    /// Settled ones owed since then, oldest first; failed ones only, or all.
    Since {
        /// Owed at or after.
        from: Millis,
        /// Sent ones too.
        sent_too: bool,
    },
}

impl Desk {
    /// Who can be told something now. For the worker.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn webhooks_waiting(&self) -> Result<Waiting> {
        let now = self.inner.clock.now();
        Ok(self.inner.store.view(|tx| {
            let mut waiting = Waiting::default();
            if store::meta::sending_is_paused(tx)? {
                return Ok(waiting);
            }
            for webhook in store::webhooks::all(tx)? {
                let (ready, next_at) = look(tx, &webhook, now, 1)?;
                waiting.ready.extend(ready.first().map(|one| one.webhook));
                waiting.next_at = waiting.next_at.into_iter().chain(next_at).min();
            }
            Ok(waiting)
        })?)
    }

    /// Up to `limit` notifications that may go to the subscription now, each of another thread. For the worker.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn webhook_notices(&self, id: WebhookId, limit: usize) -> Result<Vec<Notice>> {
        let now = self.inner.clock.now();
        Ok(self.inner.store.view(|tx| {
            let Some(webhook) = store::webhooks::get(tx, id)? else { return Ok(Vec::new()) };
            if store::meta::sending_is_paused(tx)? {
                return Ok(Vec::new());
            }
            let (ready, _) = look(tx, &webhook, now, limit)?;
            let notice = |notification: Notification| {
                let item = notification.entry.as_ref().map_or(Ok(Item::Ping), |entry| item(tx, &entry.event))?;
                let secrets = self.inner.signing_secrets(&webhook);
                Ok(Notice { webhook: webhook.clone(), secrets, notification, item })
            };
            ready.into_iter().map(notice).collect()
        })?)
    }

    /// Writes what attempts came to, each with the time it began. For the worker.
    ///
    /// # Errors
    /// When the store cannot be written: then they are repeated.
    pub async fn settle_notifications(&self, outcomes: Vec<(NotificationId, Millis, Outcome)>) -> Result<()> {
        let now = self.inner.clock.now();
        let settled = self.inner.store.update(move |tx| {
            for (id, began_at, outcome) in &outcomes {
                let Some(mut owed) = store::webhooks::notification(&*tx, *id)? else { continue };
                let Some(mut webhook) = store::webhooks::get(&*tx, owed.webhook)? else { continue };
                if owed.state == NotificationState::Queued {
                    settle(&mut webhook, &mut owed, outcome, *began_at, now);
                    store::webhooks::put_notification(tx, &owed)?;
                    store::webhooks::put(tx, &webhook)?;
                }
            }
            Ok(())
        });
        Ok(settled.await?)
    }

    /// Notifications of a subscription, newest first, from `before` on, with whether there are more. Scope `settings`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn notifications(
        &self,
        caller: &Caller,
        id: WebhookId,
        state: Option<NotificationState>,
        before: Option<NotificationId>,
        limit: usize,
    ) -> Result<(Vec<Notification>, bool)> {
        require(caller, &[Scope::Settings])?;
        let limit = limit.clamp(1, LISTED_MAX);
        Ok(self.inner.store.view(|tx| {
            known(tx, id)?;
            let looked_at = if state.is_some() { SEARCHED_MAX } else { limit.saturating_add(1) };
            let mut found = store::webhooks::newest(tx, id, before, looked_at)?;
            found.retain(|one| state.is_none_or(|state| one.state == state));
            let more = found.len() > limit;
            found.truncate(limit);
            Ok((found, more))
        })?)
    }

    /// Puts settled notifications back in the queue, at most [`REPLAYED_MAX`]; returns those (WHK-3). Scope `settings`.
    ///
    /// # Errors
    /// `NotFound` for the subscription or one of its notifications, `Forbidden`.
    pub async fn replay_notifications(
        &self,
        caller: &Caller,
        id: WebhookId,
        which: Replay,
    ) -> Result<Vec<NotificationId>> {
        require(caller, &[Scope::Settings])?;
        let now = self.inner.clock.now();
        let replayed = self.inner.store.update(move |tx| {
            known(&*tx, id)?;
            let mut chosen = chosen(&*tx, id, &which)?;
            for one in &mut chosen {
                one.replay(now);
                store::webhooks::put_notification(tx, one)?;
            }
            Ok(chosen.into_iter().map(|one| one.id).collect())
        });
        Ok(replayed.await?)
    }

    /// Takes away what is past its keeping (DAT-7); returns how many.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn prune_notifications(&self) -> Result<usize> {
        let kept = self.inner.settings.retention.webhook_deliveries;
        let kept_ms = u64::try_from(kept.as_millis()).unwrap_or(u64::MAX);
        let older_than = Millis(self.inner.clock.now().0.saturating_sub(kept_ms));
        let mut pruned: usize = 0;
        for _ in 0..PRUNINGS_MAX {
            let gone = self.inner.store.update(move |tx| store::webhooks::prune(tx, older_than, PRUNED_PER_COMMIT));
            let gone = gone.await?;
            pruned = pruned.saturating_add(gone);
            if gone < PRUNED_PER_COMMIT {
                break;
            }
        }
        Ok(pruned)
    }

    /// Subscriptions in figures, for metrics.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn webhook_figures(&self) -> Result<Figures> {
        let now = self.inner.clock.now();
        Ok(self.inner.store.view(|tx| {
            let mut figures = Figures::default();
            for webhook in store::webhooks::all(tx)? {
                let rests = webhook.state == WebhookState::Active && !webhook.takes_now(now);
                let state = if rests { "paused" } else { webhook.state.as_str() };
                let count = figures.by_state.entry(state).or_default();
                *count = count.saturating_add(1);
                if webhook.state == WebhookState::Active {
                    let oldest = store::webhooks::open(tx, webhook.id, 1)?;
                    let oldest = oldest.first().map(|one| one.created_at);
                    figures.oldest_open = figures.oldest_open.into_iter().chain(oldest).min();
                }
            }
            Ok(figures)
        })?)
    }
}

/// What may go to a subscription now, at most `limit`, and when something else may.
fn look(
    tx: &dyn ReadTx,
    webhook: &Webhook,
    now: Millis,
    limit: usize,
) -> store::Result<(Vec<Notification>, Option<Millis>)> {
    if webhook.state != WebhookState::Active {
        return Ok((Vec::new(), None));
    }
    let open = store::webhooks::open(tx, webhook.id, LOOKED_AT_MAX)?;
    if !webhook.takes_now(now) {
        return Ok((Vec::new(), webhook.paused_until.filter(|_| !open.is_empty())));
    }
    let (mut ready, mut next_at) = (Vec::new(), None);
    let mut lines = BTreeSet::new();
    for owed in open {
        if owed.line().is_some_and(|line| !lines.insert(line)) {
            continue;
        }
        if !owed.is_due(now) {
            next_at = Some(next_at.map_or(owed.due_at, |next: Millis| next.min(owed.due_at)));
        } else if ready.len() < limit {
            ready.push(owed);
        }
    }
    Ok((ready, next_at))
}

/// The object of an event.
fn item(tx: &dyn ReadTx, event: &Event) -> store::Result<Item> {
    let found = match &event.kind {
        EventKind::ContactUpdated(contact) => {
            store::contacts::get(tx, *contact)?.map(|contact| Item::Contact(Box::new(contact)))
        }
        EventKind::DeliverySettled(delivery) => {
            store::outbox::get(tx, *delivery)?.map(|delivery| Item::Delivery(Box::new(delivery)))
        }
        EventKind::CompanyChanged { company, contact, .. } => company_item(tx, *company, *contact)?,
        EventKind::AgentChanged { agent, .. } => agent_item(tx, *agent)?,
        EventKind::DataEventNoted { contact, event } => data_event_item(tx, *contact, *event)?,
        EventKind::JobCompleted { job } => match store::chores::propagation(tx, *job)? {
            Some(job) => Some(Item::Job(Box::new(job))),
            None => event.thread.map(Item::TicketJob),
        },
        EventKind::MailboxChanged { mailbox, standing } => Some(Item::Mailbox(mailbox.clone(), *standing)),
        EventKind::Quarantined(intake) => store::intake::get(tx, *intake)?.map(|row| Item::Intake(Box::new(row))),
        EventKind::Broadcast { broadcast, .. } => {
            let broadcast = store::broadcasts::get(tx, *broadcast)?;
            broadcast
                .map(|broadcast| counted(tx, broadcast, event.at))
                .transpose()?
                .map(|view| Item::Broadcast(Box::new(view)))
        }
        EventKind::ContactsMerged { into: contact, .. }
        | EventKind::ContactChanged { contact, .. }
        | EventKind::ContactTagged { contact, .. } => {
            // Of a deleted one the id alone is told (WHK-4).
            let there = store::contacts::get(tx, *contact)?.filter(|contact| contact.deleted_at.is_none());
            there.map(|contact| Item::Contact(Box::new(contact)))
        }
        EventKind::PartCreated { part_seq, .. }
        | EventKind::TicketStateChanged { part_seq, .. }
        | EventKind::FormRequested { part_seq, .. }
        | EventKind::FormSubmitted { part_seq, .. }
        | EventKind::FormWithdrawn { part_seq, .. }
        | EventKind::PartRedacted { part_seq, .. }
        | EventKind::PartCompleted { part_seq, .. }
        | EventKind::PartTagged { part_seq, .. } => thread_item(tx, event.thread, Some(*part_seq))?,
        EventKind::ConversationCreated
        | EventKind::ConversationUpdated
        | EventKind::TicketCreated
        | EventKind::TicketUpdated
        | EventKind::Linked { .. }
        | EventKind::Unlinked { .. }
        | EventKind::Merged { .. }
        | EventKind::Unmerged { .. }
        | EventKind::Deleted { .. }
        | EventKind::CompanySet { .. }
        | EventKind::Seen { .. }
        | EventKind::AgentSaw { .. } => thread_item(tx, event.thread, None)?,
    };
    Ok(found.unwrap_or(Item::Gone))
}

fn company_item(tx: &dyn ReadTx, company: CompanyId, contact: Option<ContactId>) -> store::Result<Option<Item>> {
    let contact = contact.map(|id| store::contacts::get(tx, id)).transpose()?.flatten();
    let view = store::companies::get(tx, company)?.map(|company| companies::view(tx, company)).transpose()?;
    Ok(view.map(|view| Item::Company(Box::new(view), contact.map(Box::new))))
}

fn agent_item(tx: &dyn ReadTx, agent: AgentId) -> store::Result<Option<Item>> {
    let teams = store::teams::all(tx)?;
    Ok(store::agents::get(tx, agent)?.map(|agent| Item::Agent(Box::new(agent), teams)))
}

fn data_event_item(tx: &dyn ReadTx, contact: ContactId, event: DataEventId) -> store::Result<Option<Item>> {
    let event = store::data_events::get(tx, contact, event)?;
    let contact = store::contacts::get(tx, contact)?;
    Ok(event.zip(contact).map(|(event, contact)| Item::DataEvent(Box::new(event), Box::new(contact))))
}

fn thread_item(tx: &dyn ReadTx, thread: Option<ThreadId>, seq: Option<u64>) -> store::Result<Option<Item>> {
    let thread = thread.map(|id| store::threads::get(tx, id)).transpose()?.flatten();
    let Some(thread) = thread else { return Ok(None) };
    let part = seq.map(|seq| store::parts::get(tx, thread.id, seq)).transpose()?.flatten();
    Ok(Some(Item::Thread(Box::new(view(tx, thread, false)?), part.map(Box::new))))
}

fn chosen(tx: &dyn ReadTx, id: WebhookId, which: &Replay) -> store::Result<Vec<Notification>> {
    match which {
        Replay::These(ids) => {
            let mut found = Vec::new();
            for one in ids.iter().take(REPLAYED_MAX) {
                let owed = store::webhooks::notification(tx, *one)?.filter(|owed| owed.webhook == id);
                found.push(owed.ok_or_else(|| crate::desk::thread::draft::missing("notification"))?);
            }
            found.retain(|owed| owed.state != NotificationState::Queued);
            Ok(found)
        }
        Replay::Since { from, sent_too } => {
            let mut found = store::webhooks::newest(tx, id, None, SEARCHED_MAX)?;
            found.retain(|owed| {
                let settled = match owed.state {
                    NotificationState::Queued => false,
                    NotificationState::Sent => *sent_too,
                    NotificationState::Failed => true,
                };
                settled && owed.created_at >= *from
            });
            found.reverse();
            found.truncate(REPLAYED_MAX);
            Ok(found)
        }
    }
}
