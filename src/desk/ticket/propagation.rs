//! Setting a state on the Customer tickets of a Tracker (TRK-4, TRK-5).
//!
//! | killed | state in the store | what follows |
//! |---|---|---|
//! | after the start | the job, no cursor | the worker begins |
//! | within a batch | cursor before it, nothing of it | the batch is done again, once |
//! | after a batch | tickets changed, cursor behind them | the worker goes on |
//! | after the last batch | finished, the summary on the Tracker | nothing |
//!
//! **Invariant:** the tickets of a batch and its cursor are one transaction, so that each ticket changes at most once.

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::draft::missing;
use crate::desk::ticket::ticket_state::StateMove;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::event::EventKind;
use crate::domain::id::JobId;
use crate::domain::id::StateId;
use crate::domain::id::ThreadId;
use crate::domain::link::Link;
use crate::domain::link::LinkKind;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::part::PartKind;
use crate::domain::propagation::Propagation;
use crate::domain::propagation::PropagationCounts;
use crate::domain::propagation::leaves_out;
use crate::domain::propagation::target;
use crate::domain::refusal::Refusal;
use crate::domain::state::StateCategory;
use crate::domain::state::TicketState;
use crate::domain::thread::Thread;
use crate::domain::ticket::Obligation;
use crate::domain::ticket::check_required;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;

/// Linked threads looked at in one transaction.
const BATCH: usize = 20;
/// Links of one page of a preview.
const PAGE: usize = 500;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct NewPropagation {
    /// The state.
    pub to: StateId,
    /// Whether resolved tickets change too.
    pub resolved_too: bool,
    /// No status mails for this change (TRK-5).
    pub skip_notifications: bool,
}

/// What would become of one linked thread.
enum Outcome<'s> {
    /// Not a Customer ticket.
    NotMeant,
    Changes(Box<TicketType>, &'s TicketState),
    Matches,
    LeftOut,
    RequiredToClose,
    NoState,
}

impl Desk {
    /// How many tickets the change would meet, without changing any (TRK-4). Scope `write_tickets`.
    ///
    /// # Errors
    /// `NotFound`; `invalid_ticket_type` unless it is a Tracker; `ticket_state_id_invalid`.
    pub fn preview_propagation(
        &self,
        caller: &Caller,
        tracker: ThreadId,
        asked: NewPropagation,
    ) -> Result<PropagationCounts> {
        require(caller, &[Scope::WriteTickets])?;
        Ok(self.inner.store.view(|tx| {
            let states = store::ticket_types::states(tx)?;
            let state = check(tx, tracker, asked.to, &states)?;
            let mut counts = PropagationCounts::default();
            let mut after = None;
            loop {
                let links = store::links::of_ticket(tx, tracker, after, PAGE)?;
                for link in links.iter().filter(|link| link.kind == LinkKind::Tracker) {
                    if let Some(thread) = store::threads::get(tx, link.to_thread)? {
                        count(&mut counts, &outcome(tx, &thread, state, &states, asked.resolved_too)?);
                    }
                }
                match links.last() {
                    Some(last) if links.len() == PAGE => after = Some(last.to_thread),
                    _ => return Ok(counts),
                }
            }
        })?)
    }

    /// Begins to set the state; the worker does the rest. Scope `write_tickets`. One summary part on the Tracker at the
    /// end.
    ///
    /// # Errors
    /// As [`Desk::preview_propagation`]; `Conflict` while another one of this Tracker runs.
    pub async fn start_propagation(
        &self,
        caller: &Caller,
        tracker: ThreadId,
        asked: NewPropagation,
    ) -> Result<Propagation> {
        require(caller, &[Scope::WriteTickets])?;
        let (caller, at) = (caller.clone(), At::of(&self.inner.clock));
        let started = self.inner.store.update(move |tx| {
            let states = store::ticket_types::states(tx)?;
            check(tx, tracker, asked.to, &states)?;
            if store::chores::propagations(tx, 1_000)?.iter().any(|running| running.tracker == tracker) {
                let message = "a state is being set on this Tracker's tickets; wait until that is done".to_owned();
                return Err(store::Error::Refused(Refusal::Conflict { message }));
            }
            let job = Propagation {
                id: JobId(at.id()),
                tracker,
                to: asked.to,
                agent: caller.agent,
                agent_name: caller.name.clone(),
                resolved_too: asked.resolved_too,
                skip_notifications: asked.skip_notifications,
                started_at: at.now,
                finished_at: None,
                cursor: None,
                counts: PropagationCounts::default(),
            };
            store::chores::put_propagation(tx, &job)?;
            Ok(job)
        });
        Ok(started.await?)
    }

    /// A job of this kind. Scope `read_tickets`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn propagation(&self, caller: &Caller, id: JobId) -> Result<Propagation> {
        require(caller, &[Scope::ReadTickets, Scope::WriteTickets])?;
        Ok(self.inner.store.view(|tx| store::chores::propagation(tx, id)?.ok_or_else(|| missing("job")))?)
    }

    /// One batch of every propagation that runs. For the daemon's worker; `false` when none does.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn propagation_batch(&self) -> Result<bool> {
        let running = self.inner.store.view(|tx| store::chores::propagations(tx, 16))?;
        for job in &running {
            let (inner, id, at) = (self.inner.clone(), job.id, At::of(&self.inner.clock));
            self.inner.store.update(move |tx| inner.propagate(tx, id, &at)).await?;
        }
        Ok(!running.is_empty())
    }
}

impl Inner {
    fn propagate(&self, tx: &mut dyn WriteTx, id: JobId, at: &At) -> store::Result<()> {
        let running = store::chores::propagation(tx, id)?.filter(|job| job.finished_at.is_none());
        let Some(mut job) = running else { return Ok(()) };
        let states = store::ticket_types::states(tx)?;
        let asked = states.iter().find(|state| state.id == job.to).ok_or_else(|| missing("ticket_state"))?;
        let links = store::links::of_ticket(tx, job.tracker, job.cursor, BATCH)?;
        let meant = |link: &&Link| link.kind == LinkKind::Tracker && link.created_at <= job.started_at;
        let mut counts = job.counts;
        let mut drafts = Vec::with_capacity(links.len());
        for link in links.iter().filter(meant) {
            drafts.extend(self.propagate_to(tx, link.to_thread, &job, (asked, &states), &mut counts, at)?);
        }
        conclude(tx, drafts, Change::default())?;
        job.counts = counts;
        match links.last() {
            Some(last) if links.len() == BATCH => job.cursor = Some(last.to_thread),
            _ => finish(tx, &mut job, asked, at)?,
        }
        store::chores::put_propagation(tx, &job)
    }

    fn propagate_to(
        &self,
        tx: &mut dyn WriteTx,
        thread: ThreadId,
        job: &Propagation,
        (asked, states): (&TicketState, &[TicketState]),
        counts: &mut PropagationCounts,
        at: &At,
    ) -> store::Result<Option<Draft>> {
        let mut draft = match Draft::open(tx, thread, at) {
            Err(store::Error::Refused(Refusal::NotFound { .. })) => return Ok(None),
            opened => opened?,
        };
        let outcome = outcome(tx, &draft.thread, asked, states, job.resolved_too)?;
        count(counts, &outcome);
        let Outcome::Changes(ticket_type, to) = outcome else { return Ok(None) };
        let by = Author::Agent { id: job.agent, name: job.agent_name.clone() };
        draft.silent = job.skip_notifications;
        let asked = StateMove { to, by, cause: Some(Cause::Propagation), notify: !job.skip_notifications };
        self.change_state(tx, &mut draft, &ticket_type, &asked)?;
        Ok(Some(draft))
    }
}

/// The one summary on the Tracker (TRK-5).
fn finish(tx: &mut dyn WriteTx, job: &mut Propagation, asked: &TicketState, at: &At) -> store::Result<()> {
    job.finished_at = Some(at.now);
    let mut tracker = match Draft::open(tx, job.tracker, at) {
        Err(store::Error::Refused(Refusal::NotFound { .. })) => return Ok(()),
        opened => opened?,
    };
    let by = Author::Agent { id: job.agent, name: job.agent_name.clone() };
    let kind = PartKind::StatePropagated { label: asked.internal_label.clone(), counts: job.counts };
    tracker.add(NewPart::event(kind, by, None));
    tracker.note(EventKind::JobCompleted { job: job.id }, None);
    conclude(tx, vec![tracker], Change::default())?;
    Ok(())
}

fn check<'s>(
    tx: &dyn ReadTx,
    tracker: ThreadId,
    to: StateId,
    states: &'s [TicketState],
) -> store::Result<&'s TicketState> {
    let thread = store::threads::get(tx, tracker)?.filter(|thread| thread.ticket.is_some());
    if thread.ok_or_else(|| missing("ticket"))?.category() != Some(Category::Tracker) {
        let message = "only a Tracker's state is set on linked tickets";
        return Err(store::Error::Refused(Refusal::with_code("invalid_ticket_type", message)));
    }
    let chosen = states.iter().find(|state| state.id == to && !state.archived);
    chosen.ok_or_else(|| {
        let message = format!("there is no state {to} that can be chosen");
        store::Error::Refused(Refusal::with_code("ticket_state_id_invalid", message))
    })
}

fn outcome<'s>(
    tx: &dyn ReadTx,
    thread: &Thread,
    asked: &TicketState,
    states: &'s [TicketState],
    resolved_too: bool,
) -> store::Result<Outcome<'s>> {
    let ticket = thread.ticket.as_ref().filter(|ticket| ticket.category == Category::Customer);
    let Some(ticket) = ticket.filter(|_| thread.merged_into.is_none()) else { return Ok(Outcome::NotMeant) };
    let ticket_type = store::ticket_types::get(tx, ticket.type_id)?.ok_or_else(|| missing("ticket_type"))?;
    let Some(to) = target(&ticket_type, states, asked) else { return Ok(Outcome::NoState) };
    if to.id == ticket.state_id {
        return Ok(Outcome::Matches);
    }
    if leaves_out(ticket.state_category, to.category, resolved_too) {
        return Ok(Outcome::LeftOut);
    }
    let resolves = to.category == StateCategory::Resolved && ticket.state_category != StateCategory::Resolved;
    if resolves && check_required(&ticket_type, &ticket.attributes, Obligation::Resolve).is_err() {
        return Ok(Outcome::RequiredToClose);
    }
    Ok(Outcome::Changes(Box::new(ticket_type), to))
}

fn count(counts: &mut PropagationCounts, outcome: &Outcome<'_>) {
    let counter = match outcome {
        Outcome::NotMeant => return,
        Outcome::Changes(..) => &mut counts.changed,
        Outcome::Matches => &mut counts.matched,
        Outcome::LeftOut => &mut counts.left_out,
        Outcome::RequiredToClose => &mut counts.required_to_close,
        Outcome::NoState => &mut counts.no_state,
    };
    *counter = counter.saturating_add(1);
}
