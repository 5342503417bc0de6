//! Ticket types: made, changed, archived (OBJ-51, TYP-2, TYP-20). Their attributes are `attributes`', their states
//! `ticket_states`'.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::READ_TYPES;
use crate::desk::access::require;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::missing;
use crate::desk::ticket::ticket_states::default_states;
use crate::desk::ticket::ticket_states::set_states;
use crate::desk::ticket::type_settings::SettingsChange;
use crate::desk::ticket::type_settings::apply;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attribute::Attribute;
use crate::domain::id::AttributeId;
use crate::domain::id::StateId;
use crate::domain::id::TicketTypeId;
use crate::domain::refusal::Refusal;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TYPES_MAX;
use crate::domain::ticket_type::TicketType;
use crate::domain::type_settings::TypeSettings;
use crate::store;

/// Longest name of a type, an attribute or an option, in characters.
const NAME_CHARS_MAX: usize = 255;
/// Icon of a type made without one (OBJ-51).
const ICON: &str = "🎟️";
/// A family of four with skin tones has eleven.
const ICON_CHARS_MAX: usize = 16;

/// A ticket type to be made.
#[derive(Clone, Debug)]
pub struct NewTicketType {
    /// Customers see it.
    pub name: String,
    /// For agents.
    pub description: String,
    /// Customer, Back-office or Tracker.
    pub category: Category,
    /// One emoji.
    pub icon: Option<String>,
    /// Forbids sharing (SHR-1).
    pub is_internal: bool,
}

impl NewTicketType {
    /// A type with nothing but a name and a category.
    #[must_use]
    pub fn named(name: &str, category: Category) -> Self {
        Self { name: name.to_owned(), description: String::new(), category, icon: None, is_internal: false }
    }
}

/// What a new type has beside [`NewTicketType`].
#[derive(Clone, Debug, Default)]
pub struct TypeDetails {
    /// Its states in order; the default ones if none are given (STA-5).
    pub states: Vec<StateId>,
    /// What else it decides.
    pub settings: SettingsChange,
}

/// A change of a ticket type; `None` leaves alone.
#[derive(Clone, Debug, Default)]
pub struct TicketTypeChange {
    /// New name.
    pub name: Option<String>,
    /// New description.
    pub description: Option<String>,
    /// New category; only while no ticket has the type (TYP-2).
    pub category: Option<Category>,
    /// New icon.
    pub icon: Option<String>,
    /// Forbids or allows sharing.
    pub is_internal: Option<bool>,
    /// Archives or brings back.
    pub archived: Option<bool>,
    /// What else it decides.
    pub settings: SettingsChange,
}

impl Desk {
    /// Makes a type with the four default states (STA-5) and the two built-in attributes (ATT-2). Scope `settings` or
    /// `write_tickets`.
    ///
    /// # Errors
    /// `parameter_invalid` for a name over its limit or one type too many (ATT-9).
    pub async fn create_ticket_type(&self, caller: &Caller, new: NewTicketType) -> Result<TicketType> {
        self.create_ticket_type_with(caller, new, TypeDetails::default()).await
    }

    /// As [`Desk::create_ticket_type`], with states of the caller's choice and settings.
    ///
    /// # Errors
    /// As there; as [`Desk::set_type_states`]; `parameter_invalid` naming a setting.
    pub async fn create_ticket_type_with(
        &self,
        caller: &Caller,
        new: NewTicketType,
        details: TypeDetails,
    ) -> Result<TicketType> {
        require(caller, &[Scope::Settings, Scope::WriteTickets])?;
        check_name("name", &new.name)?;
        new.icon.as_deref().map_or(Ok(()), check_icon)?;
        let at = At::of(&self.inner.clock);
        let made = self.inner.store.update(move |tx| {
            if store::ticket_types::all(tx)?.len() >= TYPES_MAX {
                let message = format!("at most {TYPES_MAX} ticket types");
                return Err(store::Error::Refused(Refusal::invalid("name", message)));
            }
            let mut ticket_type = TicketType {
                id: TicketTypeId(at.id()),
                name: new.name.clone(),
                description: new.description.clone(),
                category: new.category,
                icon: new.icon.clone().unwrap_or_else(|| ICON.to_owned()),
                is_internal: new.is_internal || new.category == Category::Tracker,
                archived: false,
                attributes: Attribute::built_in(AttributeId(at.id()), AttributeId(at.id())).to_vec(),
                states: Vec::new(),
                created_at: at.now,
                updated_at: at.now,
                settings: TypeSettings::default(),
            };
            match details.states.as_slice() {
                [] => ticket_type.states = default_states(tx, &at)?,
                chosen => set_states(tx, &mut ticket_type, chosen, "ticket_states")?,
            }
            apply(tx, &mut ticket_type, &details.settings)?;
            store::ticket_types::put(tx, &ticket_type)?;
            Ok(ticket_type)
        });
        Ok(made.await?)
    }

    /// Changes a type. Scope as for making one.
    ///
    /// # Errors
    /// `NotFound`; `parameter_invalid` for a new category while tickets of the type exist (TYP-2).
    pub async fn update_ticket_type(
        &self,
        caller: &Caller,
        id: TicketTypeId,
        change: TicketTypeChange,
    ) -> Result<TicketType> {
        require(caller, &[Scope::Settings, Scope::WriteTickets])?;
        if let Some(name) = &change.name {
            check_name("name", name)?;
        }
        change.icon.as_deref().map_or(Ok(()), check_icon)?;
        let at = At::of(&self.inner.clock);
        let changed = self.inner.store.update(move |tx| {
            let mut ticket_type = store::ticket_types::get(tx, id)?.ok_or_else(|| missing("ticket_type"))?;
            if let Some(category) = change.category.filter(|category| *category != ticket_type.category) {
                if store::threads::any_of_type(tx, id)? {
                    let message = "the category is fixed once a ticket of the type exists";
                    return Err(store::Error::Refused(Refusal::invalid("category", message)));
                }
                ticket_type.category = category;
            }
            set(&mut ticket_type.name, change.name.as_ref());
            set(&mut ticket_type.description, change.description.as_ref());
            set(&mut ticket_type.icon, change.icon.as_ref());
            set(&mut ticket_type.is_internal, change.is_internal.as_ref());
            set(&mut ticket_type.archived, change.archived.as_ref());
            apply(tx, &mut ticket_type, &change.settings)?;
            ticket_type.is_internal |= ticket_type.category == Category::Tracker;
            ticket_type.updated_at = at.now;
            store::ticket_types::put(tx, &ticket_type)?;
            Ok(ticket_type)
        });
        Ok(changed.await?)
    }

    /// Every type, archived ones included. Scope `read_tickets`, `write_tickets` or `settings`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn ticket_types(&self, caller: &Caller) -> Result<Vec<TicketType>> {
        require(caller, READ_TYPES)?;
        Ok(self.inner.store.view(store::ticket_types::all)?)
    }

    /// One type. Scope as for all of them.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn ticket_type(&self, caller: &Caller, id: TicketTypeId) -> Result<TicketType> {
        require(caller, READ_TYPES)?;
        let found = self.inner.store.view(|tx| store::ticket_types::get(tx, id)?.ok_or_else(|| missing("ticket_type")));
        Ok(found?)
    }
}

pub(crate) fn set<T: Clone>(place: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        place.clone_from(value);
    }
}

pub(crate) fn check_name(field: &str, name: &str) -> std::result::Result<(), Refusal> {
    let fits = !name.trim().is_empty() && name.chars().count() <= NAME_CHARS_MAX && !name.chars().any(char::is_control);
    if fits {
        return Ok(());
    }
    Err(Refusal::invalid(field, format!("{field} takes 1 to {NAME_CHARS_MAX} characters without control characters")))
}

/// One emoji may be several characters that are joined; what is too long for any is none (OBJ-51).
fn check_icon(icon: &str) -> std::result::Result<(), Refusal> {
    let fits = !icon.trim().is_empty() && icon.chars().count() <= ICON_CHARS_MAX && !icon.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(Refusal::invalid("icon", "'icon' takes one emoji")) }
}
