//! Tickets: convert, create, change (TCK, SHR and API-15 to API-17).

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::author;
use crate::desk::access::require;
use crate::desk::contacts::ContactRef;
use crate::desk::contacts::resolve_or_lead;
use crate::desk::conversations::Assignment;
use crate::desk::conversations::ThreadAct;
use crate::desk::conversations::assign_in;
use crate::desk::conversations::move_thread;
use crate::desk::draft::At;
use crate::desk::draft::Draft;
use crate::desk::draft::NewPart;
use crate::desk::draft::conclude;
use crate::desk::draft::missing;
use crate::desk::links::link_in;
use crate::desk::links::open_ticket;
use crate::desk::sharing::share;
use crate::desk::ticket_state::StateMove;
use crate::desk::ticket_state::state_part;
use crate::desk::ticket_state::type_and_states;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attribute::DESCRIPTION;
use crate::domain::attribute::STRING_CHARS_MAX;
use crate::domain::attribute::TITLE;
use crate::domain::attribute::Value;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::event::EventKind;
use crate::domain::id::Millis;
use crate::domain::id::StateId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::link::LinkKind;
use crate::domain::part::Author;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::state::StateCategory;
use crate::domain::state::TicketState;
use crate::domain::thread::Thread;
use crate::domain::ticket::CreatedVia;
use crate::domain::ticket::Obligation;
use crate::domain::ticket::Ticket;
use crate::domain::ticket::accept_values;
use crate::domain::ticket::check_required;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use std::collections::BTreeMap;

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
    /// Attribute values.
    pub values: Values,
    /// Initial state; the type's first submitted one if none is given.
    pub state: Option<StateId>,
    /// Thread to link at once; Back-office and Tracker.
    pub link_to: Option<ThreadId>,
    /// Owners.
    pub assignment: Assignment,
    /// Back-office only (SHR-1).
    pub is_shared: bool,
    /// Tells nobody (NTF-12).
    pub skip_notifications: bool,
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
    /// New owners.
    pub assignment: Assignment,
    /// Tells nobody (NTF-12).
    pub skip_notifications: bool,
}

impl Desk {
    /// Makes a conversation a Customer ticket; thread, id and history stay (TCK-11 to TCK-13). Scope `write_tickets`.
    /// Events `TicketCreated`, `TicketStateChanged`; the submission mail (NTF-1).
    ///
    /// # Errors
    /// `NotFound`; `parameter_invalid` for a type of another category or missing attributes; `Conflict` for a thread
    /// that is a ticket or has a shared Back-office ticket.
    pub async fn convert(&self, caller: &Caller, thread: ThreadId, conversion: Conversion) -> Result<()> {
        require(caller, &[Scope::WriteTickets, Scope::WriteConversations])?;
        let (inner, by, at) = (self.inner.clone(), author(caller), At::of(&self.inner.clock));
        let converted = self.inner.store.update(move |tx| {
            let mut draft = Draft::open_merged(tx, thread, &at)?;
            refuse_conversion(tx, &draft.thread)?;
            let kinds = Kinds::of(tx, conversion.ticket_type)?;
            if kinds.ticket_type.category != Category::Customer {
                let message = format!("'{}' is not a Customer ticket type", kinds.ticket_type.name);
                return Err(store::Error::Refused(Refusal::invalid("ticket_type_id", message)));
            }
            let values = proposed(tx, &draft.thread, conversion.values.clone())?;
            let ticket = kinds.ticket(tx, values, conversion.state, CreatedVia::Convert, at.now)?;
            let number = ticket.number;
            draft.thread.ticket = Some(ticket);
            draft.thread.automatic = false;
            draft.add(NewPart::event(PartKind::ConvertedToTicket { number }, by.clone(), None));
            kinds.announce(&mut draft, &by)?;
            if !conversion.skip_notifications {
                inner.owe_submitted(tx, &mut draft)?;
            }
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
        require(caller, &[Scope::WriteTickets])?;
        let (inner, by, at) = (self.inner.clone(), author(caller), At::of(&self.inner.clock));
        let created = self.inner.store.update(move |tx| {
            let kinds = Kinds::of(tx, new.ticket_type)?;
            let ticket = kinds.ticket(tx, new.values.clone(), new.state, CreatedVia::Api, at.now)?;
            let mut draft = Draft::begin(inner.ticket_thread(tx, &kinds, &new, &at)?, &at);
            draft.thread.title = title_of(&ticket, &kinds.ticket_type);
            draft.thread.ticket = Some(ticket);
            kinds.announce(&mut draft, &by)?;
            assign_in(tx, &mut draft, new.assignment, &by, None)?;
            let other = match new.link_to {
                Some(thread) => link_in(tx, &mut draft, thread, &by)?,
                None => None,
            };
            if new.is_shared && kinds.ticket_type.category != Category::Customer {
                share(tx, &mut draft, &kinds.ticket_type, &by)?;
            }
            if kinds.ticket_type.category == Category::Customer && !new.skip_notifications {
                inner.owe_submitted(tx, &mut draft)?;
            }
            let id = draft.thread.id;
            conclude(tx, std::iter::once(draft).chain(other).collect(), Change::default())?;
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
            let (ticket_type, states) = type_and_states(tx, &draft)?;
            set_values(&mut draft, &ticket_type, change.values.clone(), &by)?;
            if change.is_shared.is_some() {
                share_or_refuse(tx, &mut draft, &ticket_type, change.is_shared, &by)?;
            }
            if let Some(state) = change.state {
                let to = ticket_type.choose(state, &states).map_err(store::Error::Refused)?;
                let asked = StateMove { to, by: by.clone(), cause: None, notify: !change.skip_notifications };
                inner.change_state(tx, &mut draft, &ticket_type, &asked)?;
            }
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
    fn ticket_thread(&self, tx: &mut dyn WriteTx, kinds: &Kinds, new: &NewTicket, at: &At) -> store::Result<Thread> {
        let mut thread = Thread::new(ThreadId(at.id()), ChannelKind::Api, at.now);
        thread.support_address = Some(self.support_address(&thread).address.clone());
        let wanted = usize::from(kinds.ticket_type.category == Category::Customer);
        if new.contacts.len() > 1 || new.contacts.len() < wanted {
            let message = "a Customer ticket takes exactly one contact, the others at most one";
            return Err(store::Error::Refused(Refusal::invalid("contacts", message)));
        }
        for contact in &new.contacts {
            thread.join(resolve_or_lead(tx, contact, at)?.id, false, 1);
        }
        Ok(thread)
    }
}

/// A ticket type with all states of the workspace.
struct Kinds {
    ticket_type: TicketType,
    states: Vec<TicketState>,
}

impl Kinds {
    fn of(tx: &dyn ReadTx, id: TicketTypeId) -> store::Result<Self> {
        let ticket_type = store::ticket_types::get(tx, id)?.ok_or_else(|| missing("ticket_type"))?;
        if ticket_type.archived {
            let message = format!("ticket type '{}' is archived", ticket_type.name);
            return Err(store::Error::Refused(Refusal::invalid("ticket_type_id", message)));
        }
        Ok(Self { ticket_type, states: store::ticket_types::states(tx)? })
    }

    /// A checked ticket in its first state (STA-6, ATT-5).
    fn ticket(
        &self,
        tx: &mut dyn WriteTx,
        values: Values,
        state: Option<StateId>,
        created_via: CreatedVia,
        now: Millis,
    ) -> store::Result<Ticket> {
        let accepted = accept_values(&self.ticket_type, values).map_err(store::Error::Refused)?;
        let attributes: BTreeMap<_, _> =
            accepted.into_iter().filter_map(|(id, value)| value.map(|value| (id, value))).collect();
        check_required(&self.ticket_type, &attributes, Obligation::Create).map_err(store::Error::Refused)?;
        let state = match state {
            Some(id) => self.ticket_type.choose(id, &self.states).map_err(store::Error::Refused)?,
            None => self.first_submitted()?,
        };
        let resolved_at = (state.category == StateCategory::Resolved).then_some(now);
        Ok(Ticket {
            number: store::threads::next_ticket_number(tx)?,
            category: self.ticket_type.category,
            type_id: self.ticket_type.id,
            attributes,
            state_id: state.id,
            state_category: state.category,
            previous_state_id: None,
            is_shared: self.ticket_type.category == Category::Customer,
            created_via,
            created_at: now,
            first_resolved_at: resolved_at,
            last_resolved_at: resolved_at,
            customer_reports: 0,
        })
    }

    fn first_submitted(&self) -> store::Result<&TicketState> {
        let first = self.ticket_type.first_of(StateCategory::Submitted, &self.states);
        first.ok_or_else(|| {
            let message = format!("ticket type '{}' has no submitted state", self.ticket_type.name);
            store::Error::Refused(Refusal::invalid("ticket_type_id", message))
        })
    }

    /// Says that the thread is a ticket now: the event, and one state part with equal categories (STA-6).
    fn announce(&self, draft: &mut Draft, by: &Author) -> store::Result<()> {
        draft.note(EventKind::TicketCreated, None);
        let ticket = draft.thread.ticket.as_ref().ok_or_else(|| missing("ticket"))?;
        let current = (ticket.state_id, ticket.state_category);
        let state = self.states.iter().find(|state| state.id == current.0).ok_or_else(|| missing("ticket_state"))?;
        draft.add(state_part(current, state, by.clone(), None));
        Ok(())
    }
}

fn refuse_conversion(tx: &dyn ReadTx, thread: &Thread) -> store::Result<()> {
    let conflict = |message: String| Err(store::Error::Refused(Refusal::Conflict { message }));
    if let Some(ticket) = &thread.ticket {
        return conflict(format!("conversation {} is ticket #{} already", thread.id, ticket.number));
    }
    for link in store::links::of_thread(tx, thread.id, 200)? {
        let other = store::threads::get(tx, link.from_ticket)?.and_then(|thread| thread.ticket);
        if let Some(ticket) = other.filter(|ticket| link.kind == LinkKind::BackOffice && ticket.is_shared) {
            return conflict(format!("conversation {} has the shared ticket #{}", thread.id, ticket.number));
        }
    }
    Ok(())
}

/// Title and description as given, else from subject and first message (TCK-13).
fn proposed(tx: &dyn ReadTx, thread: &Thread, mut values: Values) -> store::Result<Values> {
    let mut propose = |name: &str, text: String| {
        let given = values.iter().any(|(known, _)| known == name);
        if !given && !text.is_empty() {
            values.push((name.to_owned(), Some(Value::Text(text))));
        }
    };
    let source = store::parts::get(tx, thread.id, 1)?.map(|part| part.body_text).unwrap_or_default();
    let first_line = source.lines().next().unwrap_or_default();
    let title = thread.title.clone().filter(|title| !title.is_empty()).unwrap_or_else(|| first_line.to_owned());
    propose(TITLE, title.chars().take(STRING_CHARS_MAX).collect());
    propose(DESCRIPTION, source.chars().take(crate::domain::attribute::MULTILINE_CHARS_MAX).collect());
    Ok(values)
}

fn title_of(ticket: &Ticket, ticket_type: &TicketType) -> Option<String> {
    match ticket.value(ticket_type, TITLE) {
        Some(Value::Text(title)) => Some(title.clone()),
        _ => None,
    }
}

fn set_values(draft: &mut Draft, ticket_type: &TicketType, values: Values, by: &Author) -> store::Result<()> {
    let accepted = accept_values(ticket_type, values).map_err(store::Error::Refused)?;
    let mut changed = Vec::new();
    let ticket = draft.thread.ticket.as_mut().ok_or_else(|| missing("ticket"))?;
    for (id, value) in accepted {
        let before = match value {
            Some(value) => ticket.attributes.insert(id, value),
            None => ticket.attributes.remove(&id),
        };
        if before.as_ref() != ticket.attributes.get(&id) {
            changed.push(id);
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    let title = title_of(ticket, ticket_type);
    draft.thread.title = title.or(draft.thread.title.take());
    for attribute in ticket_type.attributes.iter().filter(|attribute| changed.contains(&attribute.id)) {
        let (name, visible) = (attribute.name.clone(), attribute.visible_to_contacts);
        draft.add(NewPart::event(PartKind::TicketAttributeUpdated { name, visible }, by.clone(), None));
    }
    draft.note(EventKind::TicketUpdated, None);
    Ok(())
}

fn share_or_refuse(
    tx: &dyn ReadTx,
    draft: &mut Draft,
    ticket_type: &TicketType,
    wanted: Option<bool>,
    by: &Author,
) -> store::Result<()> {
    let is_shared = draft.thread.ticket.as_ref().is_some_and(|ticket| ticket.is_shared);
    match wanted {
        Some(wanted) if wanted == is_shared => Ok(()),
        None => Ok(()),
        Some(true) => share(tx, draft, ticket_type, by),
        Some(false) => {
            let message = "a shared ticket cannot be taken back from the customer";
            Err(store::Error::Refused(Refusal::invalid("is_shared", message)))
        }
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
