//! A Tracker's broadcast, batch by batch (§4 of the product rules).
//!
//! | killed | state in the store | what follows |
//! |---|---|---|
//! | after the start | running, no cursor | the worker begins |
//! | within a batch | cursor before it, nothing of it | the batch is done again, once |
//! | after a batch | parts, ledger rows, deliveries, cursor behind it | the worker goes on |
//! | after the last batch | finished | nothing; mails go out by the outbox |
//!
//! **Invariant:** part, event, ledger rows, deliveries and cursor of a batch are one transaction, and ledger keys are
//! unique, so that nobody is missed and nobody is told twice, whatever the number of links or crashes (BRC-44).

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::compose::agent_view;
use crate::desk::compose::contact_view;
use crate::desk::draft::At;
use crate::desk::draft::Draft;
use crate::desk::draft::NewPart;
use crate::desk::draft::conclude;
use crate::desk::draft::missing;
use crate::desk::links::open_ticket;
use crate::desk::notify::unreachable_reason;
use crate::desk::views::ticket_view;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::BroadcastState;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::broadcast::LedgerEntry;
use crate::domain::broadcast::LedgerKey;
use crate::domain::contact::Contact;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::SkipReason;
use crate::domain::event::BroadcastStep;
use crate::domain::event::EventKind;
use crate::domain::id::BroadcastId;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::link::Link;
use crate::domain::part::Author;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::thread::Participant;
use crate::domain::ticket_type::Category;
use crate::mail::clean;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use crate::template;
use crate::template::broadcast::BroadcastValues;
use crate::template::view;
use std::collections::BTreeMap;
use std::time::Duration;

/// Linked threads served in one transaction.
const BATCH: usize = 20;
/// Threads of one contact among which the mail's one is chosen (BRC-12).
const THREADS_OF_CONTACT_MAX: usize = 100;
/// Broadcasts listed of a Tracker.
const LISTED_MAX: usize = 100;
/// Rows of one page when a ledger is counted.
const LEDGER_PAGE: usize = 1_000;

/// A broadcast to be sent.
#[derive(Clone, Debug)]
pub struct NewBroadcast {
    /// For contacts whose thread is not an email thread (BRC-5).
    pub subject: String,
    /// Markdown with placeholders (BRC-2).
    pub body: String,
    /// When mail goes out (BRC-21).
    pub email: EmailPolicy,
}

/// A broadcast with its counts by state (SHP-5).
#[derive(Clone, Debug)]
pub struct BroadcastView {
    /// The broadcast.
    pub broadcast: Broadcast,
    /// Threads: `sent`, `queued`.
    pub threads: BTreeMap<&'static str, u64>,
    /// Mails: every word of BRC-41.
    pub email: BTreeMap<&'static str, u64>,
}

/// One row of the ledger (SHP-6).
#[derive(Clone, Debug)]
pub struct LedgerRow {
    /// What it is about.
    pub key: LedgerKey,
    /// What became of it.
    pub entry: LedgerEntry,
    /// The mail, if one was owed.
    pub delivery: Option<Delivery>,
}

impl Desk {
    /// Sends a broadcast to everything linked now; the worker does the rest. Scope `broadcasts`. Event `Broadcast`.
    ///
    /// # Errors
    /// `NotFound`; `invalid_ticket_type` unless it is a Tracker; `parameter_invalid` with line and column for a body
    /// that cannot be rendered (BRC-4); `Conflict` while another one runs (BRC-30).
    pub async fn start_broadcast(&self, caller: &Caller, tracker: ThreadId, new: NewBroadcast) -> Result<Broadcast> {
        require(caller, &[Scope::Broadcasts])?;
        check(&new)?;
        let (caller, at) = (caller.clone(), At::of(&self.inner.clock));
        let started = self.inner.store.update(move |tx| {
            let mut draft = open_ticket(tx, tracker, &at)?;
            let threads_total = links_of_tracker(tx, &draft)?;
            let broadcast = Broadcast {
                id: BroadcastId(at.id()),
                tracker,
                author: caller.agent,
                author_name: caller.name.clone(),
                state: BroadcastState::Running,
                subject: clean::subject(&new.subject),
                body: new.body.clone(),
                email: new.email,
                started_at: at.now,
                finished_at: None,
                cursor: None,
                threads_done: 0,
                threads_total,
            };
            store::broadcasts::put(tx, &broadcast)?;
            draft.note(EventKind::Broadcast { broadcast: broadcast.id, step: BroadcastStep::Started }, None);
            conclude(tx, vec![draft], Change::default())?;
            Ok(broadcast)
        });
        Ok(started.await?)
    }

    /// A broadcast with its counts. Scope `broadcasts` or `read_tickets`.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn broadcast(&self, caller: &Caller, id: BroadcastId) -> Result<BroadcastView> {
        require(caller, &[Scope::Broadcasts, Scope::ReadTickets])?;
        Ok(self.inner.store.view(|tx| {
            let broadcast = store::broadcasts::get(tx, id)?.ok_or_else(|| missing("broadcast"))?;
            counted(tx, broadcast)
        })?)
    }

    /// The broadcasts of a Tracker, newest first. Scope as for one.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn broadcasts_of(&self, caller: &Caller, tracker: ThreadId) -> Result<Vec<BroadcastView>> {
        require(caller, &[Scope::Broadcasts, Scope::ReadTickets])?;
        Ok(self.inner.store.view(|tx| {
            let found = store::broadcasts::of_tracker(tx, tracker, LISTED_MAX)?;
            found.into_iter().map(|broadcast| counted(tx, broadcast)).collect()
        })?)
    }

    /// Rows of the ledger behind `after`, threads first, at most `limit`. Scope as for one.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn ledger(
        &self,
        caller: &Caller,
        id: BroadcastId,
        after: Option<LedgerKey>,
        limit: usize,
    ) -> Result<Vec<LedgerRow>> {
        require(caller, &[Scope::Broadcasts, Scope::ReadTickets])?;
        Ok(self.inner.store.view(|tx| {
            let mut rows = Vec::new();
            for (key, entry) in store::broadcasts::ledger_rows(tx, id, after, limit.min(LEDGER_PAGE))? {
                let delivery = match &entry {
                    LedgerEntry::Owed { delivery, .. } => store::outbox::get(tx, *delivery)?,
                    LedgerEntry::Posted { .. } | LedgerEntry::Skipped { .. } => None,
                };
                rows.push(LedgerRow { key, entry, delivery });
            }
            Ok(rows)
        })?)
    }

    /// One batch of every running broadcast. For the daemon's worker; `false` when none runs.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn broadcast_batch(&self) -> Result<bool> {
        let running = self.inner.store.view(store::broadcasts::running)?;
        for id in &running {
            let (inner, id, at) = (self.inner.clone(), *id, At::of(&self.inner.clock));
            self.inner.store.update(move |tx| inner.batch(tx, id, &at)).await?;
        }
        Ok(!running.is_empty())
    }
}

fn check(new: &NewBroadcast) -> std::result::Result<(), Refusal> {
    if new.body.trim().is_empty() {
        return Err(Refusal::invalid("body", "a broadcast needs a text"));
    }
    if new.subject.trim().is_empty() {
        return Err(Refusal::invalid("subject", "a broadcast needs a subject, for contacts without an email thread"));
    }
    let compiled = template::broadcast::Broadcast::compile(&new.body);
    compiled.map(|_| ()).map_err(|error| Refusal::invalid("body", error.to_string()))
}

/// How many threads the broadcast goes to; refuses what cannot be broadcast from.
fn links_of_tracker(tx: &dyn ReadTx, draft: &Draft) -> store::Result<u64> {
    let tracker = draft.thread.id;
    if draft.thread.category() != Some(Category::Tracker) {
        let message = "only Tracker tickets can be broadcast from";
        return Err(store::Error::Refused(Refusal::with_code("invalid_ticket_type", message)));
    }
    for id in store::broadcasts::running(tx)? {
        if store::broadcasts::get(tx, id)?.is_some_and(|running| running.tracker == tracker) {
            let message = format!("broadcast {id} of this Tracker is still running");
            return Err(store::Error::Refused(Refusal::Conflict { message }));
        }
    }
    Ok(draft.thread.ticket.as_ref().map_or(0, |ticket| ticket.customer_reports))
}

impl Inner {
    fn batch(&self, tx: &mut dyn WriteTx, id: BroadcastId, at: &At) -> store::Result<()> {
        let Some(mut broadcast) = store::broadcasts::get(tx, id)? else { return Ok(()) };
        if broadcast.state == BroadcastState::Finished {
            return Ok(());
        }
        let body = template::broadcast::Broadcast::compile(&broadcast.body)
            .map_err(|error| store::Error::Engine(format!("broadcast {id} no longer compiles: {error}")))?;
        let links = store::links::of_ticket(tx, broadcast.tracker, broadcast.cursor, BATCH)?;
        for link in links.iter().filter(|link| link.created_at <= broadcast.started_at) {
            if self.post(tx, &broadcast, &body, link, at)? {
                broadcast.threads_done = broadcast.threads_done.saturating_add(1);
            }
        }
        match links.last() {
            Some(last) if links.len() == BATCH => broadcast.cursor = Some(last.to_thread),
            _ => finish_broadcast(tx, &mut broadcast, at)?,
        }
        store::broadcasts::put(tx, &broadcast)
    }

    /// Posts into one linked thread and owes its mails; `false` when the thread has its part already or takes none.
    fn post(
        &self,
        tx: &mut dyn WriteTx,
        broadcast: &Broadcast,
        body: &template::broadcast::Broadcast,
        link: &Link,
        at: &At,
    ) -> store::Result<bool> {
        let mut draft = Draft::open_merged(tx, link.to_thread, at)?;
        let key = LedgerKey::Thread(draft.thread.id);
        let served = store::broadcasts::ledger(tx, broadcast.id, key)?.is_some();
        if served || !draft.thread.is_customer_facing() {
            return Ok(false);
        }
        let values = self.values(tx, broadcast, &draft)?;
        let rendered = body
            .render(&values)
            .map_err(|error| store::Error::Engine(format!("broadcast {}: {error}", broadcast.id)))?;
        let author = Author::Agent { id: broadcast.author, name: broadcast.author_name.clone() };
        let part = draft.add(NewPart {
            body_html: rendered.html.as_str().to_owned(),
            body_text: rendered.text.as_str().to_owned(),
            broadcast: Some(broadcast.id),
            ..NewPart::event(PartKind::Comment, author, None)
        });
        store::broadcasts::put_ledger(tx, broadcast.id, key, &LedgerEntry::Posted { part: part.id })?;
        let participants: Vec<Participant> = draft.thread.current_participants().cloned().collect();
        for participant in participants {
            if let Some(contact) = store::contacts::get(tx, participant.contact)? {
                self.owe_broadcast(tx, broadcast, &mut draft, &participant, &contact, part.id)?;
            }
        }
        conclude(tx, vec![draft], Change::default())?;
        Ok(true)
    }

    /// One mail per contact, in the thread they were last active in (BRC-12); a ledger row says why there is none.
    fn owe_broadcast(
        &self,
        tx: &mut dyn WriteTx,
        broadcast: &Broadcast,
        draft: &mut Draft,
        participant: &Participant,
        contact: &Contact,
        part: PartId,
    ) -> store::Result<()> {
        let key = LedgerKey::Email(contact.id);
        if store::broadcasts::ledger(tx, broadcast.id, key)?.is_some() {
            return Ok(());
        }
        let thread = draft.thread.id;
        if mailed_in(tx, broadcast, contact)?.is_some_and(|chosen| chosen != thread) {
            return Ok(());
        }
        let entry = match skip_reason(tx, broadcast, contact)? {
            Some(reason) => LedgerEntry::Skipped { thread, reason },
            None => {
                let delay = match broadcast.email {
                    EmailPolicy::Always => Duration::ZERO,
                    EmailPolicy::WhenUnseen | EmailPolicy::Never => {
                        self.reply_delay(&draft.thread, participant, contact)
                    }
                };
                let kind = DeliveryKind::Broadcast { broadcast: broadcast.id, part };
                let due_at = draft.at.now.plus(delay);
                let delivery = self.owed(draft, contact, Some(broadcast.author), kind, due_at);
                if let Some(address) = &contact.email {
                    store::broadcasts::claim_email(tx, broadcast.id, address, contact.id)?;
                }
                let entry = LedgerEntry::Owed { delivery: delivery.id, thread };
                draft.owed.push(delivery);
                entry
            }
        };
        store::broadcasts::put_ledger(tx, broadcast.id, key, &entry)
    }

    /// What the placeholders show in this thread: its primary contact's values (BRC-2).
    fn values(&self, tx: &dyn ReadTx, broadcast: &Broadcast, draft: &Draft) -> store::Result<BroadcastValues> {
        let contact = match draft.thread.primary_contact() {
            Some(contact) => store::contacts::get(tx, contact)?,
            None => None,
        };
        let ticket = match (&draft.thread.ticket, ticket_view(tx, &draft.thread)?) {
            (Some(ticket), Some(kinds)) => template::broadcast::TicketValues {
                number: Some(ticket.number),
                title: draft.thread.title.clone(),
                state: Some(kinds.state.external_label),
            },
            _ => template::broadcast::TicketValues::default(),
        };
        Ok(BroadcastValues {
            contact: contact.as_ref().map(contact_view).unwrap_or_default(),
            company: view::Named::default(),
            thread: view::Thread { id: Some(draft.thread.id.to_string()), title: draft.thread.title.clone() },
            ticket,
            agent: agent_view(Some(&broadcast.author_name)),
            brand: view::Named { name: Some(self.settings.workspace_name.clone()) },
            portal: template::broadcast::Portal::default(),
            time_zone: self.settings.time_zone.clone(),
        })
    }
}

/// Every thread has its part; says so on the Tracker.
fn finish_broadcast(tx: &mut dyn WriteTx, broadcast: &mut Broadcast, at: &At) -> store::Result<()> {
    broadcast.state = BroadcastState::Finished;
    broadcast.finished_at = Some(at.now);
    let mut tracker = Draft::open(tx, broadcast.tracker, at)?;
    tracker.note(EventKind::Broadcast { broadcast: broadcast.id, step: BroadcastStep::Finished }, None);
    conclude(tx, vec![tracker], Change::default())?;
    Ok(())
}

/// The thread whose broadcast part is mailed to the contact: of their threads linked in time, the one they wrote in
/// last.
fn mailed_in(tx: &dyn ReadTx, broadcast: &Broadcast, contact: &Contact) -> store::Result<Option<ThreadId>> {
    let mut chosen = None;
    for thread in store::threads::of_contact(tx, contact.id, THREADS_OF_CONTACT_MAX)? {
        let link = store::links::get(tx, broadcast.tracker, thread.id)?;
        let counts = link.is_some_and(|link| link.created_at <= broadcast.started_at)
            && thread.participant(contact.id).is_some_and(|known| known.removed_at.is_none());
        if counts && thread.is_customer_facing() {
            chosen = chosen.max(Some((thread.last_contact_reply_at, thread.id)));
        }
    }
    Ok(chosen.map(|(_, thread)| thread))
}

fn skip_reason(tx: &dyn ReadTx, broadcast: &Broadcast, contact: &Contact) -> store::Result<Option<SkipReason>> {
    if let Some(reason) = unreachable_reason(contact) {
        return Ok(Some(reason));
    }
    if contact.unsubscribed_from_emails || contact.marked_email_as_spam {
        return Ok(Some(SkipReason::Unsubscribed));
    }
    if broadcast.email == EmailPolicy::Never {
        return Ok(Some(SkipReason::PolicyNever));
    }
    let taken = match &contact.email {
        Some(address) => store::broadcasts::email_claimed(tx, broadcast.id, address)?,
        None => None,
    };
    Ok(taken.filter(|holder| *holder != contact.id).map(|_| SkipReason::DuplicateAddress))
}

pub(crate) fn counted(tx: &dyn ReadTx, broadcast: Broadcast) -> store::Result<BroadcastView> {
    let mut email: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut posted = 0_u64;
    let mut after = None;
    loop {
        let rows = store::broadcasts::ledger_rows(tx, broadcast.id, after, LEDGER_PAGE)?;
        let Some((last, _)) = rows.last() else { break };
        after = Some(*last);
        for (_, entry) in rows {
            let word = match entry {
                LedgerEntry::Posted { .. } => {
                    posted += 1;
                    continue;
                }
                LedgerEntry::Skipped { .. } => "skipped",
                LedgerEntry::Owed { delivery, .. } => match store::outbox::get(tx, delivery)? {
                    Some(delivery) => delivery.state.as_str(),
                    None => "failed",
                },
            };
            *email.entry(word).or_default() += 1;
        }
    }
    let queued = match broadcast.state {
        BroadcastState::Running => broadcast.threads_total.saturating_sub(posted),
        BroadcastState::Finished => 0,
    };
    Ok(BroadcastView { broadcast, threads: BTreeMap::from([("sent", posted), ("queued", queued)]), email })
}
