//! Links between tickets and threads (LNK rules).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::author;
use crate::desk::access::require;
use crate::desk::draft::At;
use crate::desk::draft::Draft;
use crate::desk::draft::NewPart;
use crate::desk::draft::conclude;
use crate::desk::draft::missing;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::event::EventKind;
use crate::domain::id::ThreadId;
use crate::domain::link::BACK_OFFICE_LINKS_MAX;
use crate::domain::link::Link;
use crate::domain::link::LinkKind;
use crate::domain::link::TRACKER_LINKS_MAX;
use crate::domain::link::kind_of;
use crate::domain::part::Author;
use crate::domain::part::LinkedEntity;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::Category;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;

/// Most Back-office tickets linked to one thread (LNK-3).
const BACK_OFFICE_PER_THREAD_MAX: usize = 100;

impl Desk {
    /// Links a Back-office or Tracker ticket to a thread; linking what is linked does nothing (LNK-5). Scope
    /// `write_tickets`. Events `Linked` on both sides; no contact is told (LNK-8).
    ///
    /// # Errors
    /// `NotFound`, `invalid_ticket_type`, `already_linked_to_tracker`, `linked_conversation_limit_exceeded`.
    pub async fn link(&self, caller: &Caller, ticket: ThreadId, thread: ThreadId) -> Result<()> {
        require(caller, &[Scope::WriteTickets])?;
        let (by, at) = (author(caller), At::of(&self.inner.clock));
        let linked = self.inner.store.update(move |tx| {
            let mut from = open_ticket(tx, ticket, &at)?;
            let Some(to) = link_in(tx, &mut from, thread, &by)? else {
                return Ok(());
            };
            conclude(tx, vec![from, to], Change::default())?;
            Ok(())
        });
        Ok(linked.await?)
    }

    /// Takes a link away. Scope `write_tickets`. Events `Unlinked` on both sides.
    ///
    /// # Errors
    /// `NotFound` when it is not linked; `Conflict` for the conversation a Back-office ticket is shared in (LNK-7).
    pub async fn unlink(&self, caller: &Caller, ticket: ThreadId, thread: ThreadId) -> Result<()> {
        require(caller, &[Scope::WriteTickets])?;
        let (by, at) = (author(caller), At::of(&self.inner.clock));
        let unlinked = self.inner.store.update(move |tx| {
            let mut from = open_ticket(tx, ticket, &at)?;
            let link = store::links::get(tx, ticket, thread)?.ok_or_else(|| missing("conversation"))?;
            let shared = from.thread.ticket.as_ref().is_some_and(|ticket| ticket.is_shared);
            if link.kind == LinkKind::BackOffice && shared {
                let message = "the ticket is shared in this conversation, so the link stays".to_owned();
                return Err(store::Error::Refused(Refusal::Conflict { message }));
            }
            let mut to = Draft::open(tx, thread, &at)?;
            store::links::delete(tx, ticket, thread)?;
            count_report(&mut from.thread, &to.thread, |count| count.saturating_sub(1));
            let (there, here) = (entity(&to.thread, link.kind), entity(&from.thread, link.kind));
            tell(&mut from, PartKind::EntityUnlinked(there), EventKind::Unlinked { other: thread }, &by);
            tell(&mut to, PartKind::EntityUnlinked(here), EventKind::Unlinked { other: ticket }, &by);
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

/// Links `from` to `thread`; `None` when they are linked already. The other side comes back to be saved with it.
pub(crate) fn link_in(
    tx: &mut dyn WriteTx,
    from: &mut Draft,
    thread: ThreadId,
    by: &Author,
) -> store::Result<Option<Draft>> {
    let mut to = Draft::open_merged(tx, thread, &from.at)?;
    let (ticket, thread) = (from.thread.id, to.thread.id);
    if store::links::get(tx, ticket, thread)?.is_some() {
        return Ok(None);
    }
    let kind = allowed(tx, &from.thread, &to.thread)?;
    let created_at = from.at.now;
    store::links::put(tx, &Link { from_ticket: ticket, to_thread: thread, kind, created_at })?;
    count_report(&mut from.thread, &to.thread, |count| count.saturating_add(1));
    let (there, here) = (entity(&to.thread, kind), entity(&from.thread, kind));
    tell(from, PartKind::EntityLinked(there), EventKind::Linked { other: thread }, by);
    tell(&mut to, PartKind::EntityLinked(here), EventKind::Linked { other: ticket }, by);
    Ok(Some(to))
}

/// The kind of link, if this pair may have one now (LNK-1 to LNK-3).
fn allowed(tx: &dyn ReadTx, from: &Thread, to: &Thread) -> store::Result<LinkKind> {
    let ticket = from.ticket.as_ref().ok_or_else(|| missing("ticket"))?;
    let kind = kind_of(ticket.category, ticket.is_shared, to.category()).map_err(store::Error::Refused)?;
    let there = store::links::of_thread(tx, to.id, BACK_OFFICE_PER_THREAD_MAX + 2)?;
    let of_kind = there.iter().filter(|link| link.kind == kind).count();
    let refused = match kind {
        LinkKind::Tracker | LinkKind::BackOfficeTracker if of_kind > 0 => Some(Refusal::with_code(
            "already_linked_to_tracker",
            format!("conversation {} is linked to another Tracker ticket; unlink that first", to.id),
        )),
        LinkKind::Tracker | LinkKind::BackOfficeTracker if ticket.customer_reports >= TRACKER_LINKS_MAX => {
            Some(limit_exceeded(TRACKER_LINKS_MAX))
        }
        LinkKind::BackOffice if of_kind >= BACK_OFFICE_PER_THREAD_MAX => {
            Some(limit_exceeded(BACK_OFFICE_PER_THREAD_MAX as u64))
        }
        LinkKind::BackOffice
            if store::links::count_of_ticket(tx, from.id, BACK_OFFICE_LINKS_MAX)? >= BACK_OFFICE_LINKS_MAX =>
        {
            Some(limit_exceeded(BACK_OFFICE_LINKS_MAX))
        }
        LinkKind::Tracker | LinkKind::BackOfficeTracker | LinkKind::BackOffice => None,
    };
    refused.map_or(Ok(kind), |refusal| Err(store::Error::Refused(refusal)))
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

fn tell(draft: &mut Draft, kind: PartKind, event: EventKind, by: &Author) {
    draft.add(NewPart::event(kind, by.clone(), None));
    draft.note(event, None);
}
