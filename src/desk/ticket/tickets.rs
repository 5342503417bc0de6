//! Tickets: convert, create, change (TCK, SHR and API-15 to API-17).

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::author;
use crate::desk::access::open_to_act;
use crate::desk::access::require;
use crate::desk::people::companies::set_of_thread;
use crate::desk::people::contacts::ContactRef;
use crate::desk::thread::conversations::Assignment;
use crate::desk::thread::conversations::ThreadAct;
use crate::desk::thread::conversations::assign_in;
use crate::desk::thread::conversations::move_thread;
use crate::desk::thread::conversations::prioritise;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::message::refuse_future;
use crate::desk::ticket::kinds::Kinds;
use crate::desk::ticket::kinds::NewFacet;
use crate::desk::ticket::kinds::proposed;
use crate::desk::ticket::kinds::refuse_conversion;
use crate::desk::ticket::kinds::set_values;
use crate::desk::ticket::kinds::title_of;
use crate::desk::ticket::links::open_ticket;
use crate::desk::ticket::ticket_state::StateMove;
use crate::desk::ticket::ticket_state::type_and_states;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attribute::Value;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::event::EventKind;
use crate::domain::id::CompanyId;
use crate::domain::id::JobId;
use crate::domain::id::Millis;
use crate::domain::id::StateId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::part::Author;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::thread::PARTICIPANTS_MAX;
use crate::domain::thread::Priority;
use crate::domain::thread::Thread;
use crate::domain::ticket::CreatedVia;
use crate::domain::ticket::Obligation;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use crate::store;
use crate::store::engine::WriteTx;
use crate::store::save::Change;

/// Attribute values by name; `None` clears one (API-4).
pub type Values = Vec<(String, Option<Value>)>;

/// How a conversation becomes a Customer ticket.
#[derive(Clone, Debug)]
pub struct Conversion {
    /// A type of category Customer.
    pub ticket_type: TicketTypeId,
    /// Initial state; the type's first submitted one if none is given.
    pub state: Option<StateId>,
    /// Title and description are proposed from subject and first message (TCK-13).
    pub values: Values,
    /// Tells nobody (NTF-12).
    pub skip_notifications: bool,
}

/// A ticket to be made.
#[derive(Clone, Debug)]
pub struct NewTicket {
    /// Its type.
    pub ticket_type: TicketTypeId,
    /// Exactly one for Customer, up to one for the others (TCK-5, TCK-14).
    pub contacts: Vec<ContactRef>,
    /// Further participants (TCK-14).
    pub participants: Vec<ContactRef>,
    /// Attribute values.
    pub values: Values,
    /// Initial state; the type's first submitted one if none is given.
    pub state: Option<StateId>,
    /// Thread to link at once; Back-office and Tracker.
    pub link_to: Option<ThreadId>,
    /// Owners.
    pub assignment: Assignment,
    /// The company it is about (OBJ-16).
    pub company: Option<CompanyId>,
    /// When it was made, where that was not now (API-15).
    pub created_at: Option<Millis>,
    /// Back-office only (SHR-1).
    pub is_shared: bool,
    /// Tells nobody (NTF-12).
    pub skip_notifications: bool,
}

impl NewTicket {
    /// A ticket with nothing but a type.
    #[must_use]
    pub fn of(ticket_type: TicketTypeId) -> Self {
        Self {
            ticket_type,
            contacts: Vec::new(),
            participants: Vec::new(),
            values: Vec::new(),
            state: None,
            link_to: None,
            assignment: Assignment::default(),
            company: None,
            created_at: None,
            is_shared: false,
            skip_notifications: false,
        }
    }
}

/// A change of a ticket; applied whole or not at all (API-4).
#[derive(Clone, Debug, Default)]
pub struct TicketChange {
    /// Attribute values.
    pub values: Values,
    /// New state.
    pub state: Option<StateId>,
    /// Opens or closes the thread.
    pub open: Option<bool>,
    /// Snoozes until a time; `Some(None)` ends a snooze.
    pub snoozed_until: Option<Option<Millis>>,
    /// Shares a Back-office ticket; never takes it back (SHR-3).
    pub is_shared: Option<bool>,
    /// The company it is about; `Some(None)` is none.
    pub company: Option<Option<CompanyId>>,
    /// How urgent it is (OBJ-30).
    pub priority: Option<Priority>,
    /// New owners.
    pub assignment: Assignment,
    /// Tells nobody (NTF-12).
    pub skip_notifications: bool,
}

impl Desk {
    /// Makes a conversation a Customer ticket; thread, id and history stay (TCK-11 to TCK-13). Scopes
    /// `write_conversations` and `write_tickets`, since it changes the one and makes the other. Events `TicketCreated`, `TicketStateChanged`; the submission mail (NTF-1).
    ///
    /// # Errors
    /// `NotFound`; `parameter_invalid` for a type of another category or missing attributes; `Conflict` for a thread
    /// that is a ticket or has a shared Back-office ticket.
    pub async fn convert(&self, caller: &Caller, thread: ThreadId, conversion: Conversion) -> Result<()> {
        require(caller, &[Scope::WriteTickets])?;
        let (inner, caller, at) = (self.inner.clone(), caller.clone(), At::of(&self.inner.clock));
        let by = author(&caller);
        let converted = self.inner.store.update(move |tx| {
            let mut draft = open_to_act(tx, &caller, thread, &at)?;
            draft.silent = conversion.skip_notifications;
            let kinds = Kinds::of(tx, conversion.ticket_type)?;
            let facet = NewFacet {
                values: conversion.values.clone(),
                state: conversion.state,
                created_via: CreatedVia::Convert,
                obligation: Some(Obligation::Create),
            };
            inner.convert_in(tx, &mut draft, &kinds, facet, &by)?;
            conclude(tx, vec![draft], Change::default())?;
            Ok(())
        });
        Ok(converted.await?)
    }

    /// Makes a ticket of any category, linked at once if asked. Scope `write_tickets`. Events `ConversationCreated`,
    /// `TicketCreated`, `TicketStateChanged`, `Linked`; a Customer ticket's contact gets the submission mail (NTF-1).
    ///
    /// # Errors
    /// `NotFound`; `parameter_invalid` naming what is wrong; the refusals of [`Desk::link`].
    pub async fn create_ticket(&self, caller: &Caller, new: NewTicket) -> Result<ThreadId> {
        self.make_ticket(caller, new, false).await
    }

    /// Makes a ticket as a job, whose id is the ticket's and which is done when this returns (API-15). Event
    /// `JobCompleted` beside those of [`Desk::create_ticket`].
    ///
    /// # Errors
    /// As [`Desk::create_ticket`].
    pub async fn enqueue_ticket(&self, caller: &Caller, new: NewTicket) -> Result<ThreadId> {
        self.make_ticket(caller, new, true).await
    }

    async fn make_ticket(&self, caller: &Caller, new: NewTicket, as_job: bool) -> Result<ThreadId> {
        require(caller, &[Scope::WriteTickets])?;
        let (inner, by) = (self.inner.clone(), author(caller));
        let at = At::of(&self.inner.clock);
        refuse_future(new.created_at, at.now)?;
        let at = at.dated(new.created_at);
        let caller = caller.clone();
        let created = self.inner.store.update(move |tx| {
            let kinds = Kinds::of(tx, new.ticket_type)?;
            let facet = NewFacet {
                values: new.values.clone(),
                state: new.state,
                created_via: CreatedVia::Api,
                obligation: Some(Obligation::Create),
            };
            let ticket = kinds.ticket(tx, facet, at.now)?;
            let mut draft = Draft::begin(inner.ticket_thread(tx, &kinds, &new, &at)?, &at);
            draft.silent = new.skip_notifications;
            draft.thread.title = title_of(&ticket, &kinds.ticket_type);
            draft.thread.ticket = Some(ticket);
            kinds.announce(tx, &mut draft, &by)?;
            set_of_thread(&*tx, &mut draft, new.company)?;
            let owners = kinds.give_defaults(tx, &mut draft, new.assignment)?;
            assign_in(tx, &mut draft, owners, &by, None)?;
            if let Some(thread) = new.link_to {
                inner.link_in(tx, &mut draft, thread, &caller)?;
            }
            if new.is_shared && kinds.ticket_type.category != Category::Customer {
                inner.share(tx, &mut draft, &kinds.ticket_type, &by, !new.skip_notifications)?;
            }
            if kinds.ticket_type.category == Category::Customer {
                inner.owe_submitted(tx, &mut draft)?;
            }
            let id = draft.thread.id;
            if as_job {
                draft.note(EventKind::JobCompleted { job: JobId(id.0) }, None);
            }
            conclude(tx, vec![draft], Change::default())?;
            Ok(id)
        });
        Ok(created.await?)
    }

    /// Changes a ticket. A change of state is told in every linked thread (BKO-20, TRK-3) and, of a Customer ticket, to
    /// its participants (NTF-3). Scope `write_tickets`. Events `TicketUpdated`, `TicketStateChanged` and those of the
    /// thread's own axis.
    ///
    /// # Errors
    /// `NotFound`; `ticket_state_id_invalid` for a state that is not the type's; `parameter_invalid` naming the field.
    pub async fn update_ticket(&self, caller: &Caller, ticket: ThreadId, change: TicketChange) -> Result<()> {
        require(caller, &[Scope::WriteTickets])?;
        let (inner, by, at) = (self.inner.clone(), author(caller), At::of(&self.inner.clock));
        let updated = self.inner.store.update(move |tx| {
            let mut draft = open_ticket(tx, ticket, &at)?;
            draft.silent = change.skip_notifications;
            refuse_merged(&draft.thread)?;
            let (ticket_type, states) = type_and_states(tx, &draft)?;
            set_values(tx, &mut draft, &ticket_type, change.values.clone(), &by)?;
            if change.is_shared.is_some() {
                inner.share_or_refuse(tx, &mut draft, &ticket_type, &change, &by)?;
            }
            if let Some(state) = change.state {
                let to = ticket_type.choose(state, &states).map_err(store::Error::Refused)?;
                let asked = StateMove { to, by: by.clone(), cause: None, notify: true };
                inner.change_state(tx, &mut draft, &ticket_type, &asked)?;
            }
            if let Some(company) = change.company {
                set_of_thread(&*tx, &mut draft, company)?;
            }
            prioritise(&mut draft, change.priority, &by);
            assign_in(tx, &mut draft, change.assignment, &by, None)?;
            for act in acts(&change) {
                move_thread(&mut draft, act, &by).map_err(store::Error::Refused)?;
            }
            conclude(tx, vec![draft], Change::default())?;
            Ok(())
        });
        Ok(updated.await?)
    }
}

impl Inner {
    fn share_or_refuse(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        ticket_type: &TicketType,
        change: &TicketChange,
        by: &Author,
    ) -> store::Result<()> {
        let is_shared = draft.thread.ticket.as_ref().is_some_and(|ticket| ticket.is_shared);
        match change.is_shared {
            Some(wanted) if wanted == is_shared => Ok(()),
            None => Ok(()),
            Some(true) => self.share(tx, draft, ticket_type, by, !change.skip_notifications),
            Some(false) => {
                let message = "a shared ticket cannot be taken back from the customer";
                Err(store::Error::Refused(Refusal::invalid("is_shared", message)))
            }
        }
    }

    /// Makes the open conversation a Customer ticket, with everything that follows (TCK-11 to TCK-13).
    pub(crate) fn convert_in(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        kinds: &Kinds,
        facet: NewFacet,
        by: &Author,
    ) -> store::Result<()> {
        refuse_conversion(tx, &draft.thread)?;
        if kinds.ticket_type.category != Category::Customer {
            let message = format!("'{}' is not a Customer ticket type", kinds.ticket_type.name);
            return Err(store::Error::Refused(Refusal::invalid("ticket_type_id", message)));
        }
        let values = proposed(tx, &draft.thread, facet.values)?;
        let ticket = kinds.ticket(tx, NewFacet { values, ..facet }, draft.at.now)?;
        let number = ticket.number;
        draft.thread.ticket = Some(ticket);
        draft.thread.automatic = false;
        draft.add(NewPart::event(PartKind::ConvertedToTicket { number }, by.clone(), None));
        let owners = kinds.give_defaults(tx, draft, Assignment::default())?;
        assign_in(tx, draft, owners, by, None)?;
        kinds.announce(tx, draft, by)?;
        self.owe_submitted(tx, draft)
    }

    fn ticket_thread(&self, tx: &mut dyn WriteTx, kinds: &Kinds, new: &NewTicket, at: &At) -> store::Result<Thread> {
        let mut thread = Thread::new(ThreadId(at.id()), ChannelKind::Api, at.now);
        thread.support_address = Some(self.support_address(&thread).address.clone());
        let wanted = usize::from(kinds.ticket_type.category == Category::Customer);
        if new.participants.len() >= PARTICIPANTS_MAX {
            let message = format!("at most {PARTICIPANTS_MAX} participants");
            return Err(store::Error::Refused(Refusal::invalid("participants", message)));
        }
        if new.contacts.len() > 1 || new.contacts.len() < wanted {
            let message = "a Customer ticket takes exactly one contact, the others at most one";
            return Err(store::Error::Refused(Refusal::invalid("contacts", message)));
        }
        for (field, all) in [("contacts", &new.contacts), ("participants", &new.participants)] {
            for contact in all {
                thread.join(self.outsider(tx, field, contact, at)?.id, false, 1);
            }
        }
        Ok(thread)
    }
}

/// A merged ticket stands still (MRG-2).
pub(crate) fn refuse_merged(thread: &Thread) -> store::Result<()> {
    match thread.merged_into {
        Some(primary) => {
            let message = format!("this ticket was merged into {primary}");
            Err(store::Error::Refused(Refusal::Conflict { message }))
        }
        None => Ok(()),
    }
}

/// The acts on the thread's own axis that a change asks for.
fn acts(change: &TicketChange) -> Vec<ThreadAct> {
    let open = change.open.map(|open| if open { ThreadAct::Open } else { ThreadAct::Close });
    let snooze = change.snoozed_until.map(|until| match until {
        Some(until) => ThreadAct::Snooze(Some(until)),
        None => ThreadAct::Open,
    });
    open.into_iter().chain(snooze).collect()
}
