//! What a thread is linked to, page by page, as its other side needs to see it (API-45, BKO-3, TRK-6).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::READ_ANY;
use crate::desk::access::may_read;
use crate::desk::access::require;
use crate::desk::thread::draft::missing;
use crate::desk::thread::views::TicketView;
use crate::desk::thread::views::ticket_view;
use crate::desk::ticket::sharing::LINKS_OF_THREAD_MAX;
use crate::domain::agent::Caller;
use crate::domain::id::ThreadId;
use crate::domain::link::Link;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::Category;
use crate::store;
use crate::store::engine::ReadTx;

/// Newest parts among which the last note is looked for.
const PARTS_LOOKED_AT_MAX: usize = 50;
/// Links of a Back-office ticket to threads (LNK-3), and some more to see that there are.
const LINKS_OF_BACK_OFFICE_MAX: usize = 1_001;

/// One link, with what is shown of the other side.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The link.
    pub link: Link,
    /// The thread on the other side.
    pub thread: Thread,
    /// Type and state, if that is a ticket.
    pub ticket: Option<TicketView>,
    /// Its newest note, if that is a ticket (BKO-3).
    pub last_note: Option<Part>,
}

/// A page of links, by ascending id of the other side.
#[derive(Clone, Debug)]
pub struct LinkedPage {
    /// Its rows.
    pub items: Vec<Linked>,
    /// How many there are in all.
    pub total: u64,
    /// The other side of the last row, when there is more.
    pub next: Option<ThreadId>,
}

impl Desk {
    /// The other sides of a thread's links behind `after`. Scope as for reading the thread.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn linked_objects(
        &self,
        caller: &Caller,
        id: ThreadId,
        after: Option<ThreadId>,
        limit: usize,
    ) -> Result<LinkedPage> {
        require(caller, READ_ANY)?;
        Ok(self.inner.store.view(|tx| {
            let thread = store::threads::get(tx, id)?.filter(|thread| may_read(caller, thread));
            page(tx, &thread.ok_or_else(|| missing("conversation"))?, after, limit)
        })?)
    }
}

fn page(tx: &dyn ReadTx, thread: &Thread, after: Option<ThreadId>, limit: usize) -> store::Result<LinkedPage> {
    let other = |link: &Link| if link.from_ticket == thread.id { link.to_thread } else { link.from_ticket };
    let (mut links, total) = if thread.category() == Some(Category::Tracker) {
        let links = store::links::of_ticket(tx, thread.id, after, limit.saturating_add(1))?;
        (links, store::links::count_of_ticket(tx, thread.id, u64::MAX)?)
    } else {
        let mut all = store::links::of_ticket(tx, thread.id, None, LINKS_OF_BACK_OFFICE_MAX)?;
        all.extend(store::links::of_thread(tx, thread.id, LINKS_OF_THREAD_MAX)?);
        let total = all.len() as u64;
        all.retain(|link| after.is_none_or(|after| other(link) > after));
        all.sort_by_key(other);
        (all, total)
    };
    let more = links.len() > limit;
    links.truncate(limit);
    let next = links.last().filter(|_| more).map(other);
    let mut items = Vec::with_capacity(links.len());
    for link in links {
        items.extend(linked(tx, other(&link), link)?);
    }
    Ok(LinkedPage { items, total, next })
}

/// One row; none for a side that is being deleted.
fn linked(tx: &dyn ReadTx, other: ThreadId, link: Link) -> store::Result<Option<Linked>> {
    let Some(thread) = store::threads::get(tx, other)? else { return Ok(None) };
    let ticket = ticket_view(tx, &thread)?;
    let last_note = match &ticket {
        Some(_) => {
            let newest = store::parts::newest(tx, other, PARTS_LOOKED_AT_MAX)?;
            newest.into_iter().rfind(|part| matches!(part.kind, PartKind::Note) && !part.redacted)
        }
        None => None,
    };
    Ok(Some(Linked { link, thread, ticket, last_note }))
}
