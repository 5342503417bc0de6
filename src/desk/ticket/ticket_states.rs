//! Ticket states: made, named, archived, put into types and taken from them (STA-1 to STA-3, API-43).
//!
//! **Invariant:** after every change each type has a non-archived state of each category (STA-1), and no two states of
//! the workspace share an internal label (STA-3).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::READ_TYPES;
use crate::desk::access::require;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::missing;
use crate::desk::ticket::ticket_types::check_name;
use crate::desk::ticket::translations::translate;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::id::StateId;
use crate::domain::id::TicketTypeId;
use crate::domain::refusal::Refusal;
use crate::domain::state::StateCategory;
use crate::domain::state::TicketState;
use crate::domain::state::labelled;
use crate::domain::ticket_type::STATES_MAX;
use crate::domain::ticket_type::TicketType;
use crate::domain::translation::Translations;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;

/// A state to be made.
#[derive(Clone, Debug)]
pub struct NewTicketState {
    /// What it means; fixed from then on.
    pub category: StateCategory,
    /// Agents read this; unique (STA-3).
    pub internal_label: String,
    /// Customers read this; the internal label if none is given.
    pub external_label: Option<String>,
    /// Types that get it, behind their other states.
    pub types: Vec<TicketTypeId>,
    /// The external label in other languages.
    pub translations: Vec<(String, Option<String>)>,
}

/// A change of a state; `None` leaves alone.
#[derive(Clone, Debug, Default)]
pub struct TicketStateChange {
    /// New label for agents.
    pub internal_label: Option<String>,
    /// New label for customers; messages already sent keep the old one.
    pub external_label: Option<String>,
    /// Archives or brings back.
    pub archived: Option<bool>,
    /// The types that have it from now on; tickets that are in it stay (STA-2).
    pub types: Option<Vec<TicketTypeId>>,
    /// The external label in other languages; `None` takes one away, a language that is not named stays.
    pub translations: Vec<(String, Option<String>)>,
}

impl Desk {
    /// Every state of the workspace, archived ones included. Scope `read_tickets`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn ticket_states(&self, caller: &Caller) -> Result<Vec<TicketState>> {
        require(caller, READ_TYPES)?;
        Ok(self.inner.store.view(store::ticket_types::states)?)
    }

    /// Makes a state. Scope `settings` or `write_tickets`.
    ///
    /// # Errors
    /// `parameter_invalid` for a label that is taken or one state too many in a type (ATT-9); `NotFound` for a type.
    pub async fn create_ticket_state(&self, caller: &Caller, new: NewTicketState) -> Result<TicketState> {
        require(caller, &[Scope::Settings, Scope::WriteTickets])?;
        check_name("internal_label", &new.internal_label)?;
        let external = new.external_label.clone().unwrap_or_else(|| new.internal_label.clone());
        check_name("external_label", &external)?;
        let at = At::of(&self.inner.clock);
        let made = self.inner.store.update(move |tx| {
            refuse_taken_label(&store::ticket_types::states(tx)?, &new.internal_label, None)?;
            let mut state = TicketState {
                id: StateId(at.id()),
                category: new.category,
                internal_label: new.internal_label.trim().to_owned(),
                external_label: external.trim().to_owned(),
                archived: false,
                translations: Translations::new(),
            };
            translate(&mut state.translations, &new.translations).map_err(store::Error::Refused)?;
            store::ticket_types::put_state(tx, &state)?;
            for id in &new.types {
                let mut ticket_type = known_type(tx, *id)?;
                give(&mut ticket_type, state.id)?;
                ticket_type.updated_at = at.now;
                store::ticket_types::put(tx, &ticket_type)?;
            }
            Ok(state)
        });
        Ok(made.await?)
    }

    /// Changes a state. Scope as for making one.
    ///
    /// # Errors
    /// `NotFound`; `parameter_invalid` for a label that is taken, or where a type would lose its last state of the
    /// category (STA-1).
    pub async fn update_ticket_state(
        &self,
        caller: &Caller,
        id: StateId,
        change: TicketStateChange,
    ) -> Result<TicketState> {
        require(caller, &[Scope::Settings, Scope::WriteTickets])?;
        for (field, label) in [("internal_label", &change.internal_label), ("external_label", &change.external_label)] {
            label.as_ref().map_or(Ok(()), |label| check_name(field, label))?;
        }
        let at = At::of(&self.inner.clock);
        let changed = self.inner.store.update(move |tx| {
            let mut state = store::ticket_types::state(tx, id)?.ok_or_else(|| missing("ticket_state"))?;
            if let Some(label) = &change.internal_label {
                refuse_taken_label(&store::ticket_types::states(tx)?, label, Some(id))?;
                label.trim().clone_into(&mut state.internal_label);
            }
            if let Some(label) = &change.external_label {
                label.trim().clone_into(&mut state.external_label);
            }
            state.archived = change.archived.unwrap_or(state.archived);
            translate(&mut state.translations, &change.translations).map_err(store::Error::Refused)?;
            store::ticket_types::put_state(tx, &state)?;
            if let Some(types) = &change.types {
                serve_only(tx, id, types, &at)?;
            }
            refuse_lack(tx)?;
            Ok(state)
        });
        Ok(changed.await?)
    }

    /// Sets a type's states and their order; one that is left out is taken from it. Scope as for making one.
    ///
    /// # Errors
    /// `NotFound` for the type; `ticket_state_id_invalid` for a state that does not exist; `parameter_invalid` for a
    /// state named twice, too many, or a category left without one (STA-1).
    pub async fn set_type_states(&self, caller: &Caller, id: TicketTypeId, order: Vec<StateId>) -> Result<()> {
        require(caller, &[Scope::Settings, Scope::WriteTickets])?;
        let at = At::of(&self.inner.clock);
        let done = self.inner.store.update(move |tx| {
            let mut ticket_type = known_type(tx, id)?;
            set_states(tx, &mut ticket_type, &order, "order")?;
            ticket_type.updated_at = at.now;
            store::ticket_types::put(tx, &ticket_type)
        });
        Ok(done.await?)
    }
}

/// Gives a type these states in this order.
pub(crate) fn set_states(
    tx: &dyn ReadTx,
    ticket_type: &mut TicketType,
    order: &[StateId],
    field: &str,
) -> store::Result<()> {
    let states = store::ticket_types::states(tx)?;
    if let Some(unknown) = order.iter().find(|id| !states.iter().any(|state| state.id == **id)) {
        let message = format!("there is no ticket state {unknown}");
        return Err(store::Error::Refused(Refusal::with_code("ticket_state_id_invalid", message)));
    }
    let twice = order.iter().enumerate().any(|(at, id)| order.iter().skip(at + 1).any(|other| other == id));
    if twice || order.len() > STATES_MAX {
        let message = format!("each state once, and at most {STATES_MAX}");
        return Err(store::Error::Refused(Refusal::invalid(field, message)));
    }
    ticket_type.states = order.to_vec();
    refuse_lack_in(ticket_type, &states, field)
}

/// The states a type gets that names none: the oldest of each category that can be chosen, made where there is none
/// (STA-5).
pub(crate) fn default_states(tx: &mut dyn WriteTx, at: &At) -> store::Result<Vec<StateId>> {
    let mut ids = Vec::new();
    for category in StateCategory::ALL {
        let states = store::ticket_types::states(tx)?;
        let oldest = states.iter().filter(|state| state.category == category && !state.archived).map(|state| state.id);
        if let Some(id) = oldest.min() {
            ids.push(id);
            continue;
        }
        let (internal, external) = category.default_labels();
        let free = |label: &String| labelled(&states, label).is_none();
        let mut labels = std::iter::once(internal.to_owned()).chain((2..).map(|n: usize| format!("{internal} {n}")));
        let internal_label = labels.find(free).ok_or_else(|| missing("ticket_state"))?;
        let external_label = external.to_owned();
        let translations = Translations::new();
        let state = TicketState {
            id: StateId(at.id()),
            category,
            internal_label,
            external_label,
            archived: false,
            translations,
        };
        store::ticket_types::put_state(tx, &state)?;
        ids.push(state.id);
    }
    Ok(ids)
}

fn known_type(tx: &dyn ReadTx, id: TicketTypeId) -> store::Result<TicketType> {
    store::ticket_types::get(tx, id)?.ok_or_else(|| missing("ticket_type"))
}

fn give(ticket_type: &mut TicketType, state: StateId) -> store::Result<()> {
    if ticket_type.states.contains(&state) {
        return Ok(());
    }
    if ticket_type.states.len() >= STATES_MAX {
        let message = format!("ticket type '{}' has {STATES_MAX} states already", ticket_type.name);
        return Err(store::Error::Refused(Refusal::invalid("ticket_type_ids", message)));
    }
    ticket_type.states.push(state);
    Ok(())
}

/// Makes these the types that have the state (STA-2).
fn serve_only(tx: &mut dyn WriteTx, state: StateId, types: &[TicketTypeId], at: &At) -> store::Result<()> {
    types.iter().try_for_each(|id| known_type(&*tx, *id).map(drop))?;
    for mut ticket_type in store::ticket_types::all(tx)? {
        let (has, wanted) = (ticket_type.states.contains(&state), types.contains(&ticket_type.id));
        if has == wanted {
            continue;
        }
        if wanted {
            give(&mut ticket_type, state)?;
        } else {
            ticket_type.states.retain(|id| *id != state);
        }
        ticket_type.updated_at = at.now;
        store::ticket_types::put(tx, &ticket_type)?;
    }
    Ok(())
}

fn refuse_lack(tx: &dyn ReadTx) -> store::Result<()> {
    let states = store::ticket_types::states(tx)?;
    store::ticket_types::all(tx)?
        .iter()
        .try_for_each(|ticket_type| refuse_lack_in(ticket_type, &states, "ticket_states"))
}

fn refuse_lack_in(ticket_type: &TicketType, states: &[TicketState], field: &str) -> store::Result<()> {
    let Some(category) = ticket_type.lacks_category(states) else { return Ok(()) };
    let message =
        format!("ticket type '{}' needs a {} state that is not archived", ticket_type.name, category.as_str());
    Err(store::Error::Refused(Refusal::invalid(field, message)))
}

fn refuse_taken_label(states: &[TicketState], label: &str, own: Option<StateId>) -> store::Result<()> {
    match labelled(states, label).filter(|state| Some(state.id) != own) {
        Some(taken) => {
            let message = format!("state {} is labelled '{}' already", taken.id, taken.internal_label);
            Err(store::Error::Refused(Refusal::invalid("internal_label", message)))
        }
        None => Ok(()),
    }
}
