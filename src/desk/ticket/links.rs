//! Links between tickets and threads (LNK rules).

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::author;
use crate::desk::access::require;
use crate::desk::access::require_link;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::draft::missing;
use crate::desk::ticket::sharing::LINKS_OF_THREAD_MAX;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::event::EventKind;
use crate::domain::id::ThreadId;
use crate::domain::link::BACK_OFFICE_LINKS_MAX;
use crate::domain::link::Link;
use crate::domain::link::LinkKind;
use crate::domain::link::kind_of;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::part::LinkedEntity;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::thread::Thread;
use crate::domain::ticket_rules::TRACKERS_PER_THREAD_MAX;
use crate::domain::ticket_rules::TicketRules;
use crate::domain::ticket_type::Category;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;

/// Most Back-office tickets linked to one thread (LNK-3).
const BACK_OFFICE_PER_THREAD_MAX: usize = 100;
/// Who may link at all; which side needs what is looked at inside (LNK-8).
const LINK: &[Scope] = &[Scope::WriteTickets, Scope::WriteConversations];

impl Desk {
    /// Links a ticket to another thread, from whichever side it is asked; linking what is linked does nothing (LNK-5).
    /// Scopes by LNK-8. Events `Linked` on both sides; no contact is told.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `invalid_ticket_type`, `already_linked_to_tracker`, `linked_conversation_limit_exceeded`.
    pub async fn link(&self, caller: &Caller, ticket: ThreadId, thread: ThreadId) -> Result<()> {
        require(caller, LINK)?;
        let (inner, caller, at) = (self.inner.clone(), caller.clone(), At::of(&self.inner.clock));
        let linked = self.inner.store.update(move |tx| {
            let mut draft = open_ticket(tx, ticket, &at)?;
            if inner.link_in(tx, &mut draft, thread, &caller)? {
                conclude(tx, vec![draft], Change::default())?;
            }
            Ok(())
        });
        Ok(linked.await?)
    }

    /// Takes a link away, from whichever side it is asked. Scopes by LNK-8. Events `Unlinked` on both sides.
    ///
    /// # Errors
    /// `NotFound` when it is not linked; `Conflict` for the conversation a Back-office ticket is shared in (LNK-7).
    pub async fn unlink(&self, caller: &Caller, ticket: ThreadId, thread: ThreadId) -> Result<()> {
        require(caller, LINK)?;
        let (caller, at) = (caller.clone(), At::of(&self.inner.clock));
        let unlinked = self.inner.store.update(move |tx| {
            open_ticket(tx, ticket, &at)?;
            let link = match store::links::get(tx, ticket, thread)? {
                Some(link) => Some(link),
                None => store::links::get(tx, thread, ticket)?,
            };
            let link = link.ok_or_else(|| missing("conversation"))?;
            let mut from = Draft::open(tx, link.from_ticket, &at)?;
            let mut to = Draft::open(tx, link.to_thread, &at)?;
            require_link(&caller, &from.thread, &to.thread).map_err(store::Error::Refused)?;
            if from.thread.ticket.as_ref().is_some_and(|ticket| ticket.shared_in == Some(link.to_thread)) {
                let message = "the ticket is shared in this conversation, so the link stays".to_owned();
                return Err(store::Error::Refused(Refusal::Conflict { message }));
            }
            disconnect(tx, &mut from, &mut to, &author(&caller), None)?;
            conclude(tx, vec![from, to], Change::default())?;
            Ok(())
        });
        Ok(unlinked.await?)
    }
}

/// Opens a thread that must be a ticket.
pub(crate) fn open_ticket(tx: &dyn ReadTx, id: ThreadId, at: &At) -> store::Result<Draft> {
    let draft = Draft::open(tx, id, at).map_err(|error| match error {
        store::Error::Refused(Refusal::NotFound { .. }) => missing("ticket"),
        other => other,
    })?;
    if draft.thread.ticket.is_none() {
        return Err(missing("ticket"));
    }
    Ok(draft)
}

impl Inner {
    /// Links the draft's thread to another one, which is saved with it; `false` when they are linked already.
    pub(crate) fn link_in(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        thread: ThreadId,
        caller: &Caller,
    ) -> store::Result<bool> {
        let named = Draft::open(tx, thread, &draft.at)?;
        require_link(caller, &draft.thread, &named.thread).map_err(store::Error::Refused)?;
        let other = Draft::open_merged(tx, thread, &draft.at)?;
        require_link(caller, &draft.thread, &other.thread).map_err(store::Error::Refused)?;
        self.link_to(tx, draft, thread, &author(caller))
    }

    /// As [`Inner::link_in`], where nobody is to be asked for rights.
    pub(crate) fn link_to(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        thread: ThreadId,
        by: &Author,
    ) -> store::Result<bool> {
        let mut other = Draft::open_merged(tx, thread, &draft.at)?;
        let points_here = rank(&other.thread) > rank(&draft.thread);
        let (from, to) = if points_here { (&mut other, &mut *draft) } else { (&mut *draft, &mut other) };
        if store::links::get(tx, from.thread.id, to.thread.id)?.is_some() {
            return Ok(false);
        }
        let kind = allowed(tx, &self.settings.tickets, &from.thread, &to.thread)?;
        connect(tx, from, to, kind, by, None)?;
        draft.bring(other);
        Ok(true)
    }
}

impl Inner {
    /// The kind of link this pair may have now.
    pub(crate) fn may_link(&self, tx: &dyn ReadTx, from: &Thread, to: &Thread) -> store::Result<LinkKind> {
        allowed(tx, &self.settings.tickets, from, to)
    }
}

/// Makes the link, counts it, and says so on both sides (LNK-6).
pub(crate) fn connect(
    tx: &mut dyn WriteTx,
    from: &mut Draft,
    to: &mut Draft,
    kind: LinkKind,
    by: &Author,
    cause: Option<Cause>,
) -> store::Result<()> {
    let (ticket, thread, created_at) = (from.thread.id, to.thread.id, from.at.now);
    let link = Link { from_ticket: ticket, to_thread: thread, kind, created_at, created_by: by.agent() };
    store::links::put(tx, &link)?;
    count_report(&mut from.thread, &to.thread, |count| count.saturating_add(1));
    let (there, here) = (entity(&to.thread, kind), entity(&from.thread, kind));
    tell(from, PartKind::EntityLinked(there), EventKind::Linked { other: thread }, by, cause);
    tell(to, PartKind::EntityLinked(here), EventKind::Linked { other: ticket }, by, cause);
    Ok(())
}

/// Takes the link away, counts it, and says so on both sides (LNK-6); nothing happens when there is none.
pub(crate) fn disconnect(
    tx: &mut dyn WriteTx,
    from: &mut Draft,
    to: &mut Draft,
    by: &Author,
    cause: Option<Cause>,
) -> store::Result<()> {
    let (ticket, thread) = (from.thread.id, to.thread.id);
    let Some(link) = store::links::get(tx, ticket, thread)? else { return Ok(()) };
    store::links::delete(tx, ticket, thread)?;
    count_report(&mut from.thread, &to.thread, |count| count.saturating_sub(1));
    let (there, here) = (entity(&to.thread, link.kind), entity(&from.thread, link.kind));
    tell(from, PartKind::EntityUnlinked(there), EventKind::Unlinked { other: thread }, by, cause);
    tell(to, PartKind::EntityUnlinked(here), EventKind::Unlinked { other: ticket }, by, cause);
    Ok(())
}

/// A link starts at the ticket farther from the customer.
fn rank(thread: &Thread) -> u8 {
    match thread.category() {
        None | Some(Category::Customer) => 0,
        Some(Category::BackOffice) => 1,
        Some(Category::Tracker) => 2,
    }
}

/// The kind of link, if this pair may have one now (LNK-1 to LNK-3).
fn allowed(tx: &dyn ReadTx, rules: &TicketRules, from: &Thread, to: &Thread) -> store::Result<LinkKind> {
    let ticket = from.ticket.as_ref().ok_or_else(|| missing("ticket"))?;
    let kind = kind_of(ticket.category, ticket.is_shared, to.category()).map_err(store::Error::Refused)?;
    let there = store::links::of_thread(tx, to.id, LINKS_OF_THREAD_MAX)?;
    let of_kind = there.iter().filter(|link| link.kind == kind).count();
    let (per_thread, per_ticket) = match kind {
        LinkKind::BackOffice => (BACK_OFFICE_PER_THREAD_MAX, BACK_OFFICE_LINKS_MAX),
        LinkKind::Tracker | LinkKind::BackOfficeTracker if rules.multiple_trackers => {
            (TRACKERS_PER_THREAD_MAX, rules.tracker_link_limit)
        }
        LinkKind::Tracker | LinkKind::BackOfficeTracker => (1, rules.tracker_link_limit),
    };
    if of_kind >= per_thread {
        return Err(store::Error::Refused(match kind {
            LinkKind::BackOffice => limit_exceeded(per_thread as u64),
            LinkKind::Tracker | LinkKind::BackOfficeTracker => Refusal::with_code(
                "already_linked_to_tracker",
                format!("thread {} is linked to {of_kind} Tracker already; unlink that first", to.id),
            ),
        }));
    }
    if store::links::count_of_ticket(tx, from.id, per_ticket)? >= per_ticket {
        return Err(store::Error::Refused(limit_exceeded(per_ticket)));
    }
    Ok(kind)
}

fn limit_exceeded(limit: u64) -> Refusal {
    Refusal::with_code("linked_conversation_limit_exceeded", format!("at most {limit} links"))
}

/// Customer reports of a Tracker are its linked conversations and Customer tickets (OBJ-50).
fn count_report(from: &mut Thread, to: &Thread, count: impl Fn(u64) -> u64) {
    let counted = from.category() == Some(Category::Tracker) && to.is_customer_facing();
    if let Some(ticket) = from.ticket.as_mut().filter(|_| counted) {
        ticket.customer_reports = count(ticket.customer_reports);
    }
}

fn entity(thread: &Thread, kind: LinkKind) -> LinkedEntity {
    let number = thread.ticket.as_ref().map(|ticket| ticket.number);
    LinkedEntity { thread: thread.id, category: thread.category(), number, kind }
}

fn tell(draft: &mut Draft, kind: PartKind, event: EventKind, by: &Author, cause: Option<Cause>) {
    draft.add(NewPart::event(kind, by.clone(), cause));
    draft.note(event, cause);
}
