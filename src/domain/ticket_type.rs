//! Ticket types: category, attributes, states (OBJ-51).

use crate::domain::attribute::Attribute;
use crate::domain::id::Millis;
use crate::domain::id::StateId;
use crate::domain::id::TicketTypeId;
use crate::domain::refusal::Refusal;
use crate::domain::state::StateCategory;
use crate::domain::state::TicketState;
use crate::domain::translation::Languages;
use crate::domain::type_settings::ReplyTarget;
use crate::domain::type_settings::TypeSettings;

/// Most ticket types of a workspace (ATT-9).
pub const TYPES_MAX: usize = 200;
/// Most states of one type (ATT-9).
pub const STATES_MAX: usize = 50;

/// The three kinds of ticket (PRD-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// A long query of one customer, who follows it.
    Customer,
    /// A work order to specialists.
    BackOffice,
    /// One record for a problem that hits many customers.
    Tracker,
}

impl Category {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Customer, Self::BackOffice, Self::Tracker];

    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "Customer",
            Self::BackOffice => "Back-office",
            Self::Tracker => "Tracker",
        }
    }

    /// The category of that word; search words of TCK-7 are taken too.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "Customer" | "request" => Some(Self::Customer),
            "Back-office" | "task" => Some(Self::BackOffice),
            "Tracker" | "tracker" => Some(Self::Tracker),
            _ => None,
        }
    }
}

/// A ticket type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketType {
    /// Never changes.
    pub id: TicketTypeId,
    /// Customers see it.
    pub name: String,
    /// For agents.
    pub description: String,
    /// Fixed once a ticket of it exists (TYP-2).
    pub category: Category,
    /// One emoji.
    pub icon: String,
    /// Forbids sharing (SHR-1).
    pub is_internal: bool,
    /// Takes no new tickets (TYP-2).
    pub archived: bool,
    /// In no particular order; see [`Attribute::order`].
    pub attributes: Vec<Attribute>,
    /// In the type's order.
    pub states: Vec<StateId>,
    /// When it was made.
    pub created_at: Millis,
    /// Last change.
    pub updated_at: Millis,
    /// What else it decides (TYP-20).
    pub settings: TypeSettings,
}

impl TicketType {
    /// The type as somebody with these languages reads it: names, labels and messages, each with its own fallback. What
    /// the API calls things stays as it is (I18-1, I18-3).
    #[must_use]
    pub fn in_languages(mut self, languages: &Languages) -> Self {
        let known = std::mem::take(&mut self.settings.translations);
        let put = |place: &mut String, text: Option<&str>| {
            if let Some(text) = text {
                text.clone_into(place);
            }
        };
        put(&mut self.name, languages.first(&known, |texts| Some(&texts.name)));
        let message = languages.first(&known, |texts| Some(&texts.submitted_message));
        put(&mut self.settings.submitted_message, message);
        for attribute in &mut self.attributes {
            let id = attribute.id;
            let label = languages.first(&known, |texts| texts.attributes.get(&id).map(String::as_str));
            attribute.label = label.map(str::to_owned);
            for option in &mut attribute.options {
                let key = (id, option.id.clone());
                let label = languages.first(&known, |texts| texts.options.get(&key).map(String::as_str));
                put(&mut option.label, label);
            }
        }
        self
    }

    /// The attribute of that name (ATT-7).
    ///
    /// # Errors
    /// `parameter_invalid` naming what is not on the type.
    pub fn attribute(&self, name: &str) -> Result<&Attribute, Refusal> {
        let known = self.attributes.iter().find(|attribute| attribute.name == name);
        known.ok_or_else(|| Refusal::invalid(name, format!("ticket type '{}' has no attribute '{name}'", self.name)))
    }

    /// The state new tickets get: the first submitted one in the type's order (STA-6).
    #[must_use]
    pub fn first_of<'s>(&self, category: StateCategory, states: &'s [TicketState]) -> Option<&'s TicketState> {
        self.states
            .iter()
            .find_map(|id| states.iter().find(|state| state.id == *id && state.category == category && !state.archived))
    }

    /// Where a customer's reply takes a ticket that is in a state of `category`; `None` leaves it (STA-8).
    #[must_use]
    pub fn reply_target<'s>(&self, category: StateCategory, states: &'s [TicketState]) -> Option<&'s TicketState> {
        match self.settings.on_customer_reply.of(category) {
            ReplyTarget::Stay => None,
            ReplyTarget::InProgress => self.first_of(StateCategory::InProgress, states),
            ReplyTarget::State(id) => self.choose(id, states).ok().or_else(|| {
                let named = states.iter().find(|state| state.id == id)?;
                self.first_of(named.category, states)
            }),
        }
    }

    /// The first category that no non-archived state of this type stands for (STA-1).
    #[must_use]
    pub fn lacks_category(&self, states: &[TicketState]) -> Option<StateCategory> {
        StateCategory::ALL.into_iter().find(|category| self.first_of(*category, states).is_none())
    }

    /// The state of that id, if this type has it and it can be chosen (STA-7, STA-11).
    ///
    /// # Errors
    /// `ticket_state_id_invalid`.
    pub fn choose<'s>(&self, id: StateId, states: &'s [TicketState]) -> Result<&'s TicketState, Refusal> {
        let chosen = states.iter().find(|state| state.id == id && !state.archived && self.states.contains(&id));
        chosen.ok_or_else(|| {
            Refusal::with_code(
                "ticket_state_id_invalid",
                format!("ticket type '{}' has no state {id} that can be chosen", self.name),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn state(id: u64, category: StateCategory, archived: bool) -> TicketState {
        TicketState {
            id: StateId(id),
            category,
            internal_label: format!("state {id}"),
            external_label: String::new(),
            archived,
            translations: BTreeMap::new(),
        }
    }

    #[test]
    fn sta_6_11_first_submitted_state_and_foreign_states() {
        let states = [
            state(1, StateCategory::Submitted, true),
            state(2, StateCategory::Submitted, false),
            state(3, StateCategory::Resolved, false),
            state(4, StateCategory::Resolved, false),
        ];
        let ticket_type = TicketType {
            id: TicketTypeId(1),
            name: "Billing".to_owned(),
            description: String::new(),
            category: Category::Customer,
            icon: "🎟️".to_owned(),
            is_internal: false,
            archived: false,
            attributes: Vec::new(),
            states: vec![StateId(1), StateId(3), StateId(2)],
            created_at: Millis(0),
            updated_at: Millis(0),
            settings: TypeSettings::default(),
        };
        assert_eq!(ticket_type.first_of(StateCategory::Submitted, &states).map(|s| s.id), Some(StateId(2)));
        assert!(ticket_type.choose(StateId(3), &states).is_ok());
        assert!(ticket_type.choose(StateId(1), &states).is_err(), "archived");
        assert!(ticket_type.choose(StateId(4), &states).is_err(), "not of this type");
        assert_eq!(ticket_type.lacks_category(&states), Some(StateCategory::InProgress), "STA-1");
    }

    #[test]
    fn sta_8_a_named_target_that_is_archived_gives_way_to_its_category() {
        let mut states = [
            state(1, StateCategory::Submitted, false),
            state(2, StateCategory::InProgress, false),
            state(3, StateCategory::InProgress, false),
        ];
        let mut ticket_type = TicketType {
            id: TicketTypeId(1),
            name: "Billing".to_owned(),
            description: String::new(),
            category: Category::Customer,
            icon: String::new(),
            is_internal: false,
            archived: false,
            attributes: Vec::new(),
            states: vec![StateId(1), StateId(3), StateId(2)],
            created_at: Millis(0),
            updated_at: Millis(0),
            settings: TypeSettings::default(),
        };
        let target = |ticket_type: &TicketType, states: &[TicketState], category| {
            ticket_type.reply_target(category, states).map(|state| state.id.0)
        };
        assert_eq!(target(&ticket_type, &states, StateCategory::Resolved), Some(3), "first in the type's order");
        assert_eq!(target(&ticket_type, &states, StateCategory::Submitted), None);
        let named = ReplyTarget::State(StateId(2));
        ticket_type.settings.on_customer_reply.set(StateCategory::Submitted, named);
        assert_eq!(target(&ticket_type, &states, StateCategory::Submitted), Some(2));
        states[1].archived = true;
        assert_eq!(target(&ticket_type, &states, StateCategory::Submitted), Some(3));
    }
}
