//! Sharing a Back-office ticket with the customer (SHR-1 to SHR-4).
//!
//! **Invariant:** what the customer learns of a shared ticket stands in its card ([`SharedCard`]); the ticket's own parts
//! are never shown.

use crate::desk::Inner;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::missing;
use crate::desk::ticket::ticket_state::type_and_states;
use crate::domain::event::EventKind;
use crate::domain::id::ThreadId;
use crate::domain::part::Author;
use crate::domain::part::PartKind;
use crate::domain::part::SharedCard;
use crate::domain::refusal::Refusal;
use crate::domain::state::StateCategory;
use crate::domain::state::TicketState;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use crate::store::save::save;

/// Links of a ticket that are looked through for the conversation to share it in.
const LINKS_LOOKED_AT_MAX: usize = 1_000;
/// Links of a thread: Back-office tickets and Trackers (LNK-2, LNK-3).
pub(crate) const LINKS_OF_THREAD_MAX: usize = 150;

impl Inner {
    /// Shares the ticket in the conversation it is linked to, the first one of several; one-way. The card in that
    /// conversation tells the customer, and so does a mail (NTF-1).
    ///
    /// # Errors
    /// `parameter_invalid` naming the condition of SHR-2 that fails.
    pub(crate) fn share(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        ticket_type: &TicketType,
        by: &Author,
        notify: bool,
    ) -> store::Result<()> {
        let refuse = |message: String| Err(store::Error::Refused(Refusal::invalid("is_shared", message)));
        if ticket_type.category != Category::BackOffice {
            return refuse(format!("a {} ticket cannot be shared", ticket_type.category.as_str()));
        }
        if ticket_type.is_internal {
            return refuse(format!("ticket type '{}' forbids sharing", ticket_type.name));
        }
        let conversation = match place(tx, draft.thread.id)? {
            Ok(conversation) => conversation,
            Err(why) => return refuse(why),
        };
        let ticket = draft.thread.ticket.as_mut().ok_or_else(|| missing("ticket"))?;
        ticket.is_shared = true;
        ticket.shared_in = Some(conversation);
        draft.add(NewPart::event(PartKind::TicketShared, by.clone(), None));
        draft.note(EventKind::TicketUpdated, None);
        let (_, states) = type_and_states(tx, draft)?;
        let state_id = draft.thread.ticket.as_ref().map(|ticket| ticket.state_id);
        let state = states.iter().find(|state| Some(state.id) == state_id).ok_or_else(|| missing("ticket_state"))?;
        let card = card_of(&draft.thread, ticket_type, state, None)?;
        // Its mail is owed by what the store says is shared there.
        save(tx, &Change { threads: vec![draft.thread.clone()], ..Change::default() })?;
        let conversation = draft.companion(&*tx, conversation)?;
        self.show_card(tx, conversation, card, by, false)?;
        if notify { self.owe_submitted(tx, conversation) } else { Ok(()) }
    }

    /// Puts the card into the conversation, with the mail it owes.
    pub(crate) fn show_card(
        &self,
        tx: &mut dyn WriteTx,
        conversation: &mut Draft,
        card: SharedCard,
        by: &Author,
        notify: bool,
    ) -> store::Result<()> {
        let new = NewPart::event(PartKind::SharedTicket(card), by.clone(), None);
        let part = conversation.add(NewPart { skip_notifications: !notify, ..new });
        if notify { self.owe_state_change(tx, conversation, part.id, false) } else { Ok(()) }
    }
}

/// What the customer sees of the ticket in that state; `from` is the category before, none when it was just shared.
pub(crate) fn card_of(
    thread: &Thread,
    ticket_type: &TicketType,
    state: &TicketState,
    from: Option<StateCategory>,
) -> store::Result<SharedCard> {
    let ticket = thread.ticket.as_ref().ok_or_else(|| missing("ticket"))?;
    Ok(SharedCard {
        ticket: thread.id,
        number: ticket.number,
        type_name: ticket_type.name.clone(),
        from: from.unwrap_or(state.category),
        category: state.category,
        external_label: state.external_label.clone(),
        first: from.is_none(),
    })
}

/// The Back-office ticket that is shared in a conversation, if one is.
pub(crate) fn shared_in(tx: &dyn ReadTx, conversation: ThreadId) -> store::Result<Option<Thread>> {
    for link in store::links::of_thread(tx, conversation, LINKS_OF_THREAD_MAX)? {
        let thread = store::threads::get(tx, link.from_ticket)?;
        let here =
            |thread: &Thread| thread.ticket.as_ref().is_some_and(|ticket| ticket.shared_in == Some(conversation));
        if let Some(thread) = thread.filter(here) {
            return Ok(Some(thread));
        }
    }
    Ok(None)
}

/// The conversation to share a ticket in, or the condition of SHR-2 that fails.
fn place(tx: &dyn ReadTx, ticket: ThreadId) -> store::Result<Result<ThreadId, String>> {
    let mut links = store::links::of_ticket(tx, ticket, None, LINKS_LOOKED_AT_MAX)?;
    links.sort_by_key(|link| (link.created_at, link.to_thread));
    let mut conversation = None;
    for link in links {
        let thread = store::threads::get(tx, link.to_thread)?.ok_or_else(|| missing("conversation"))?;
        if thread.ticket.is_some() {
            return Ok(Err(format!("thread {} is a ticket itself", thread.id)));
        }
        conversation.get_or_insert(thread.id);
    }
    let Some(conversation) = conversation else {
        return Ok(Err("share a ticket that is linked to a conversation".to_owned()));
    };
    Ok(match shared_in(tx, conversation)?.and_then(|other| other.ticket) {
        Some(other) => Err(format!("conversation {conversation} has the shared ticket #{}", other.number)),
        None => Ok(conversation),
    })
}
