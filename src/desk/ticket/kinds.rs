//! What every way to a ticket has in common: type and states, checked values, the first state, the owners
//! (STA-6, TCK-10 to TCK-13, ATT-5).

use crate::desk::thread::conversations::Assignment;
use crate::desk::thread::conversations::assign_in;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::missing;
use crate::desk::thread::uploads;
use crate::desk::ticket::ticket_state::state_part;
use crate::desk::ticket::tickets::Values;
use crate::domain::attribute::DESCRIPTION;
use crate::domain::attribute::MULTILINE_CHARS_MAX;
use crate::domain::attribute::STRING_CHARS_MAX;
use crate::domain::attribute::TITLE;
use crate::domain::attribute::Value;
use crate::domain::event::EventKind;
use crate::domain::id::Millis;
use crate::domain::id::StateId;
use crate::domain::id::TicketTypeId;
use crate::domain::link::LinkKind;
use crate::domain::part::Author;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::state::StateCategory;
use crate::domain::state::TicketState;
use crate::domain::thread::Priority;
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
use std::collections::BTreeMap;

/// The ticket facet a thread is to get.
#[derive(Clone, Debug)]
pub(crate) struct NewFacet {
    /// By name.
    pub(crate) values: Values,
    /// The type's first submitted one if none is given.
    pub(crate) state: Option<StateId>,
    pub(crate) created_via: CreatedVia,
    /// Whose required attributes are asked for; mail is asked for none.
    pub(crate) obligation: Option<Obligation>,
}

/// A ticket type with all states of the workspace.
pub(crate) struct Kinds {
    pub(crate) ticket_type: TicketType,
    pub(crate) states: Vec<TicketState>,
}

impl Kinds {
    pub(crate) fn of(tx: &dyn ReadTx, id: TicketTypeId) -> store::Result<Self> {
        let ticket_type = store::ticket_types::get(tx, id)?.ok_or_else(|| missing("ticket_type"))?;
        if ticket_type.archived {
            let message = format!("ticket type '{}' is archived", ticket_type.name);
            return Err(store::Error::Refused(Refusal::invalid("ticket_type_id", message)));
        }
        Ok(Self { ticket_type, states: store::ticket_types::states(tx)? })
    }

    /// A checked ticket in its first state (STA-6, ATT-5).
    pub(crate) fn ticket(&self, tx: &mut dyn WriteTx, new: NewFacet, now: Millis) -> store::Result<Ticket> {
        let NewFacet { values, state, created_via, obligation } = new;
        let accepted = accept_values(&self.ticket_type, values).map_err(store::Error::Refused)?;
        let attributes: BTreeMap<_, _> =
            accepted.into_iter().filter_map(|(id, value)| value.map(|value| (id, value))).collect();
        if let Some(obligation) = obligation {
            check_required(&self.ticket_type, &attributes, obligation).map_err(store::Error::Refused)?;
        }
        let state = match state {
            Some(id) => self.ticket_type.choose(id, &self.states).map_err(store::Error::Refused)?,
            None => self.first_submitted()?,
        };
        let resolves = state.category == StateCategory::Resolved;
        if resolves && obligation.is_some() {
            check_required(&self.ticket_type, &attributes, Obligation::Resolve).map_err(store::Error::Refused)?;
        }
        let resolved_at = resolves.then_some(now);
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
            shared_in: None,
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
    pub(crate) fn announce(&self, tx: &mut dyn WriteTx, draft: &mut Draft, by: &Author) -> store::Result<()> {
        uploads::hold(tx, &draft.thread, &self.ticket_type, &[], by)?;
        draft.note(EventKind::TicketCreated, None);
        let ticket = draft.thread.ticket.as_ref().ok_or_else(|| missing("ticket"))?;
        let current = (ticket.state_id, ticket.state_category);
        let state = self.states.iter().find(|state| state.id == current.0).ok_or_else(|| missing("ticket_state"))?;
        draft.add(state_part(current, state, by.clone(), None));
        Ok(())
    }

    /// Gives a ticket nobody assigned its type's owners and priority.
    pub(crate) fn own(&self, tx: &mut dyn WriteTx, draft: &mut Draft) -> store::Result<()> {
        let owners = self.give_defaults(&*tx, draft, Assignment::default())?;
        assign_in(tx, draft, owners, &Author::Bot, None).map(drop)
    }

    /// The type's owners and priority, where nothing was said (TYP-20). A disabled agent owns nothing new.
    pub(crate) fn give_defaults(
        &self,
        tx: &dyn ReadTx,
        draft: &mut Draft,
        said: Assignment,
    ) -> store::Result<Assignment> {
        let settings = &self.ticket_type.settings;
        if draft.thread.priority == Priority::None {
            draft.thread.priority = settings.default_priority;
        }
        let owned = draft.thread.admin_assignee.is_some() || draft.thread.team_assignee.is_some();
        if owned || said.agent.is_some() || said.team.is_some() {
            return Ok(said);
        }
        let agent = match settings.default_agent {
            Some(id) => store::agents::get(tx, id)?.filter(|agent| !agent.disabled).map(|agent| agent.id),
            None => None,
        };
        let team = settings.default_team.map(|id| store::teams::get(tx, id)).transpose()?.flatten();
        let team = team.filter(|team| !team.archived).map(|team| team.id);
        Ok(Assignment { agent: agent.map(Some), team: team.map(Some) })
    }
}

pub(crate) fn title_of(ticket: &Ticket, ticket_type: &TicketType) -> Option<String> {
    match ticket.value(ticket_type, TITLE) {
        Some(Value::Text(title)) => Some(title.clone()),
        _ => None,
    }
}

/// Sets values of a ticket, with a part for each that changed.
pub(crate) fn set_values(
    tx: &mut dyn WriteTx,
    draft: &mut Draft,
    ticket_type: &TicketType,
    values: Values,
    by: &Author,
) -> store::Result<()> {
    let accepted = accept_values(ticket_type, values).map_err(store::Error::Refused)?;
    let mut changed = Vec::new();
    let files_before = uploads::named(&draft.thread);
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
    uploads::hold(tx, &draft.thread, ticket_type, &files_before, by)?;
    for attribute in ticket_type.attributes.iter().filter(|attribute| changed.contains(&attribute.id)) {
        let (name, visible) = (attribute.name.clone(), attribute.visible_to_contacts);
        let value = draft.thread.ticket.as_ref().and_then(|ticket| ticket.attributes.get(&attribute.id)).cloned();
        draft.add(NewPart::event(PartKind::TicketAttributeUpdated { name, visible, value }, by.clone(), None));
    }
    draft.note(EventKind::TicketUpdated, None);
    Ok(())
}

/// Title and description as given, else from subject and first message (TCK-13).
pub(crate) fn proposed(tx: &dyn ReadTx, thread: &Thread, mut values: Values) -> store::Result<Values> {
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
    propose(DESCRIPTION, source.chars().take(MULTILINE_CHARS_MAX).collect());
    Ok(values)
}

/// Takes away what title and description, of ticket and thread, have of its first message, which is to be forgotten
/// (OBJ-47); what an agent wrote there stays. Says whether there was any.
pub(crate) fn forget_proposed(tx: &dyn ReadTx, thread: &mut Thread, first: &Part) -> store::Result<bool> {
    let lines = first.body_text.lines();
    let first_lines = [lines.clone().next(), lines.map(str::trim).find(|line| !line.is_empty())];
    let subject = first.email.as_ref().and_then(|email| email.subject.as_deref());
    let titles = first_lines.into_iter().chain([subject]).flatten().filter(|line| !line.is_empty());
    let titles: Vec<String> = titles.map(|line| line.chars().take(STRING_CHARS_MAX).collect()).collect();
    let description: String = first.body_text.chars().take(MULTILINE_CHARS_MAX).collect();
    let of_message = |name: &str, text: &str| match name {
        TITLE => titles.iter().any(|title| title == text),
        DESCRIPTION => !text.is_empty() && text == description,
        _ => false,
    };
    let mut found = false;
    if thread.title.as_deref().is_some_and(|title| of_message(TITLE, title) || subject == Some(title)) {
        thread.title = None;
        found = true;
    }
    let Some(ticket) = thread.ticket.as_mut() else { return Ok(found) };
    let Some(ticket_type) = store::ticket_types::get(tx, ticket.type_id)? else { return Ok(found) };
    for attribute in &ticket_type.attributes {
        let its = matches!(ticket.attributes.get(&attribute.id), Some(Value::Text(text)) if of_message(&attribute.name, text));
        found |= its && ticket.attributes.remove(&attribute.id).is_some();
    }
    Ok(found)
}

/// Refuses what is a ticket or has a shared one (TCK-11, TCK-12).
pub(crate) fn refuse_conversion(tx: &dyn ReadTx, thread: &Thread) -> store::Result<()> {
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
