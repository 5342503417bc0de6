//! What agents' readers get: threads with everything that is shown beside them.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::READ_ANY;
use crate::desk::access::may_read;
use crate::desk::access::reads_tickets;
use crate::desk::access::require;
use crate::desk::thread::authors;
use crate::desk::thread::draft::missing;
use crate::desk::thread::merging::merged_into;
use crate::desk::thread::tags::named;
use crate::desk::thread::thread_history;
use crate::desk::thread::uploads;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::contact::Contact;
use crate::domain::delivery::Delivery;
use crate::domain::event::LogEntry;
use crate::domain::id::CompanyId;
use crate::domain::id::EventSeq;
use crate::domain::id::Millis;
use crate::domain::id::TagId;
use crate::domain::id::ThreadId;
use crate::domain::link::LISTED_MAX;
use crate::domain::part::Part;
use crate::domain::refusal::Refusal;
use crate::domain::state::TicketState;
use crate::domain::statistics::Tally;
use crate::domain::tag::Tag;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use crate::domain::upload::Upload;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::facts::ThreadFact;
use std::collections::BTreeSet;

/// Parts that ride along with a thread (API-10).
pub const PARTS_MAX: usize = 500;
/// Deliveries that ride along with a thread.
pub(crate) const DELIVERIES_MAX: usize = 1_000;
/// Pages of 100 threads looked through for one page of conversations.
const PAGES_LOOKED_AT_MAX: usize = 200;
/// Totals are counted up to here; beyond it a list says this many.
pub(crate) const TOTAL_COUNTED_MAX: usize = 10_000;
/// Most log entries of one answer.
pub const LOG_ENTRIES_MAX: usize = 1_000;

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// Its rows.
    pub items: Vec<T>,
    /// Rows in all, counted up to 10,000.
    pub total: u64,
    /// Whether there is a page behind it.
    pub has_more: bool,
}

/// A linked object as listed (OBJ-60).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkedObject {
    /// The thread on the other side.
    pub thread: ThreadId,
    /// Its category, if it is a ticket.
    pub category: Option<Category>,
}

/// Type and state of a ticket.
#[derive(Clone, Debug)]
pub struct TicketView {
    /// Its type.
    pub ticket_type: TicketType,
    /// Its state.
    pub state: TicketState,
    /// What its `files` attributes name.
    pub uploads: Vec<Upload>,
}

/// A thread with what is shown beside it.
#[derive(Clone, Debug)]
pub struct ThreadView {
    /// The thread.
    pub thread: Thread,
    /// Current participants, primary first.
    pub contacts: Vec<Contact>,
    /// If it is a ticket.
    pub ticket: Option<TicketView>,
    /// The first part.
    pub source: Option<Part>,
    /// The newest [`PARTS_MAX`], ascending, the source among them; empty when not asked for.
    pub parts: Vec<Part>,
    /// How many there are in all.
    pub parts_total: u64,
    /// Linked objects, seen from this side, at most 1,000.
    pub linked: Vec<LinkedObject>,
    /// How many there are.
    pub linked_total: u64,
    /// Deliveries about this thread.
    pub deliveries: Vec<Delivery>,
    /// The tags of the thread and of its parts.
    pub tags: Vec<Tag>,
    /// Threads that were merged into it, directly or by way of others (MRG-2).
    pub merged: Vec<ThreadId>,
    /// Its parts, counted; read with them.
    pub tally: Option<Tally>,
    /// Everything the log says up to here is in it (OBJ-6).
    pub log_seq: EventSeq,
}

impl Desk {
    /// Any thread. Scope `read_conversations`; `read_tickets` for tickets (API-10). A writing scope reads what it writes.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn thread_view(&self, caller: &Caller, id: ThreadId, with_parts: bool) -> Result<ThreadView> {
        require(caller, READ_ANY)?;
        Ok(self.inner.store.view(|tx| {
            let thread = store::threads::get(tx, id)?.filter(|thread| may_read(caller, thread));
            view(tx, thread.ok_or_else(|| missing("conversation"))?, with_parts)
        })?)
    }

    /// Any thread, with the parts of those merged into it that the caller may read among its own, in the order of time
    /// (MRG-2). Scope as for [`Desk::thread_view`].
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn folded_view(&self, caller: &Caller, id: ThreadId, with_parts: bool) -> Result<ThreadView> {
        require(caller, READ_ANY)?;
        Ok(self.inner.store.view(|tx| {
            let thread = store::threads::get(tx, id)?.filter(|thread| may_read(caller, thread));
            let mut view = view(tx, thread.ok_or_else(|| missing("conversation"))?, with_parts)?;
            if with_parts {
                thread_history::fold(tx, caller, &mut view)?;
            }
            Ok(view)
        })?)
    }

    /// Conversations, and Customer tickets for those who may read tickets, latest change first (API-10). Scope
    /// `read_conversations`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn conversations(
        &self,
        caller: &Caller,
        after: Option<(Millis, ThreadId)>,
        limit: usize,
    ) -> Result<Page<ThreadView>> {
        require(caller, &[Scope::ReadConversations])?;
        Ok(self.inner.store.view(|tx| {
            let listed = |thread: &Thread| thread.is_customer_facing() && may_read(caller, thread);
            let mut items = Vec::new();
            let mut before = after;
            for _ in 0..PAGES_LOOKED_AT_MAX {
                if items.len() > limit {
                    break;
                }
                let rows = store::threads::newest(tx, before, 100)?;
                let Some(last) = rows.last() else { break };
                before = Some((last.updated_at, last.id));
                items.extend(rows.into_iter().filter(listed));
            }
            let has_more = items.len() > limit;
            items.truncate(limit);
            let items = items.into_iter().map(|thread| view(tx, thread, false)).collect::<store::Result<_>>()?;
            Ok(Page { items, total: count(tx, caller)?, has_more })
        })?)
    }

    /// The log behind `after`, at most [`LOG_ENTRIES_MAX`] entries (API-50). Every reading scope is needed, since the
    /// log names everything.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn events_log(&self, caller: &Caller, after: EventSeq, limit: usize) -> Result<Vec<LogEntry>> {
        require(caller, &[Scope::ReadConversations])?;
        require(caller, &[Scope::ReadTickets])?;
        require(caller, &[Scope::ReadContacts])?;
        Ok(self.inner.store.view(|tx| store::events::after(tx, after, limit.min(LOG_ENTRIES_MAX)))?)
    }
}

/// Conversations the list shows, counted up to [`TOTAL_COUNTED_MAX`]: all threads but those it leaves out.
fn count(tx: &dyn ReadTx, caller: &Caller) -> store::Result<u64> {
    let hidden = |fact| store::facts::count_threads(tx, &fact, TOTAL_COUNTED_MAX);
    let tickets = match reads_tickets(caller) {
        true => hidden(ThreadFact::Category(Category::BackOffice))?
            .saturating_add(hidden(ThreadFact::Category(Category::Tracker))?),
        false => usize::try_from(store::threads::count_tickets(tx, TOTAL_COUNTED_MAX)?).unwrap_or(TOTAL_COUNTED_MAX),
    };
    let hidden = tickets.saturating_add(hidden(ThreadFact::AwaitsContact)?);
    let all = store::threads::count(tx, TOTAL_COUNTED_MAX.saturating_add(hidden))?;
    Ok(all.saturating_sub(u64::try_from(hidden).unwrap_or(u64::MAX)))
}

pub(crate) fn view(tx: &dyn ReadTx, thread: Thread, with_parts: bool) -> store::Result<ThreadView> {
    let thread = Thread { company: there(tx, thread.company)?, ..thread };
    let mut contacts = Vec::new();
    for participant in thread.current_participants() {
        contacts.extend(store::contacts::get(tx, participant.contact)?);
    }
    let mut parts = if with_parts { store::parts::newest(tx, thread.id, PARTS_MAX)? } else { Vec::new() };
    let mut source = store::parts::get(tx, thread.id, 1)?;
    authors::as_now(tx, parts.iter_mut().chain(&mut source))?;
    let deliveries = if with_parts { store::outbox::of_thread(tx, thread.id, DELIVERIES_MAX)? } else { Vec::new() };
    let tally = if with_parts { Some(thread_history::tally(tx, &thread, &parts)?) } else { None };
    let linked = linked(tx, &thread)?;
    let linked_total = match thread.ticket.as_ref().filter(|_| linked.len() >= LISTED_MAX) {
        Some(ticket) => ticket.customer_reports.max(linked.len() as u64),
        None => linked.len() as u64,
    };
    let of_parts = parts.iter().flat_map(|part| &part.tags);
    let tag_ids: BTreeSet<TagId> = thread.tags.iter().chain(of_parts).copied().collect();
    let tags = named(tx, &tag_ids.into_iter().collect::<Vec<_>>())?;
    Ok(ThreadView {
        tags,
        source,
        merged: merged_into(tx, thread.id)?.iter().map(|merged| merged.id).collect(),
        ticket: ticket_view(tx, &thread)?,
        contacts,
        parts,
        parts_total: thread.last_seq,
        linked,
        linked_total,
        deliveries,
        tally,
        log_seq: store::events::last_seq(tx)?,
        thread,
    })
}

/// The company, unless it was deleted.
fn there(tx: &dyn ReadTx, company: Option<CompanyId>) -> store::Result<Option<CompanyId>> {
    let found = company.map(|id| store::companies::get(tx, id)).transpose()?.flatten();
    Ok(found.map(|company| company.id))
}

pub(crate) fn ticket_view(tx: &dyn ReadTx, thread: &Thread) -> store::Result<Option<TicketView>> {
    let Some(ticket) = &thread.ticket else { return Ok(None) };
    let ticket_type = store::ticket_types::get(tx, ticket.type_id)?;
    let state = store::ticket_types::state(tx, ticket.state_id)?;
    match (ticket_type, state) {
        (Some(ticket_type), Some(state)) => {
            Ok(Some(TicketView { ticket_type, state, uploads: uploads::of_ticket(tx, thread)? }))
        }
        _ => Err(store::Error::Refused(Refusal::NotFound { what: "ticket_type" })),
    }
}

fn linked(tx: &dyn ReadTx, thread: &Thread) -> store::Result<Vec<LinkedObject>> {
    let mut others: Vec<ThreadId> = Vec::new();
    if !thread.is_customer_facing() {
        let links = store::links::of_ticket(tx, thread.id, None, LISTED_MAX)?;
        others.extend(links.into_iter().map(|link| link.to_thread));
    }
    let here = store::links::of_thread(tx, thread.id, LISTED_MAX)?;
    others.extend(here.into_iter().map(|link| link.from_ticket));
    others.truncate(LISTED_MAX);
    let mut linked = Vec::with_capacity(others.len());
    for other in others {
        if let Some(thread) = store::threads::get(tx, other)? {
            linked.push(LinkedObject { thread: other, category: thread.category() });
        }
    }
    Ok(linked)
}
