//! Sharing a Back-office ticket with the customer (SHR-1 to SHR-3).

use crate::desk::draft::Draft;
use crate::desk::draft::NewPart;
use crate::desk::draft::missing;
use crate::domain::event::EventKind;
use crate::domain::part::Author;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use crate::store;
use crate::store::engine::ReadTx;

/// Shares the ticket in the one conversation it is linked to; one-way.
///
/// # Errors
/// `parameter_invalid` naming the condition of SHR-2 that fails.
pub(crate) fn share(tx: &dyn ReadTx, draft: &mut Draft, ticket_type: &TicketType, by: &Author) -> store::Result<()> {
    let refuse = |message: String| Err(store::Error::Refused(Refusal::invalid("is_shared", message)));
    if ticket_type.category != Category::BackOffice {
        return refuse(format!("a {} ticket cannot be shared", ticket_type.category.as_str()));
    }
    if ticket_type.is_internal {
        return refuse(format!("ticket type '{}' forbids sharing", ticket_type.name));
    }
    let links = store::links::of_ticket(tx, draft.thread.id, None, 2)?;
    let [link] = links.as_slice() else {
        return refuse("share a ticket that is linked to exactly one conversation".to_owned());
    };
    let conversation = store::threads::get(tx, link.to_thread)?.ok_or_else(|| missing("conversation"))?;
    if conversation.ticket.is_some() {
        return refuse(format!("thread {} is a ticket itself", conversation.id));
    }
    for other in store::links::of_thread(tx, conversation.id, 200)? {
        let ticket = store::threads::get(tx, other.from_ticket)?.and_then(|thread| thread.ticket);
        if let Some(ticket) = ticket.filter(|ticket| ticket.is_shared && ticket.category == Category::BackOffice) {
            return refuse(format!("conversation {} has the shared ticket #{}", conversation.id, ticket.number));
        }
    }
    let ticket = draft.thread.ticket.as_mut().ok_or_else(|| missing("ticket"))?;
    ticket.is_shared = true;
    draft.add(NewPart::event(PartKind::TicketShared, by.clone(), None));
    draft.note(EventKind::TicketUpdated, None);
    Ok(())
}

/// The ticket that is shared in a conversation; `None` for a thread that is a ticket itself.
pub(crate) fn shared_in(tx: &dyn ReadTx, conversation: &Thread) -> store::Result<Option<Thread>> {
    if conversation.ticket.is_some() {
        return Ok(None);
    }
    for link in store::links::of_thread(tx, conversation.id, 200)? {
        let linked = store::threads::get(tx, link.from_ticket)?;
        let is_shared = |thread: &Thread| {
            let ticket = thread.ticket.as_ref();
            ticket.is_some_and(|ticket| ticket.is_shared && ticket.category == Category::BackOffice)
        };
        if let Some(ticket) = linked.filter(is_shared) {
            return Ok(Some(ticket));
        }
    }
    Ok(None)
}
