//! Ticket types, their attributes and states (OBJ-51 to OBJ-53).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::draft::At;
use crate::desk::draft::missing;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attribute::ATTRIBUTES_MAX;
use crate::domain::attribute::Attribute;
use crate::domain::attribute::DataType;
use crate::domain::attribute::ListOption;
use crate::domain::attribute::OPTIONS_MAX;
use crate::domain::id::AttributeId;
use crate::domain::id::StateId;
use crate::domain::id::TicketTypeId;
use crate::domain::refusal::Refusal;
use crate::domain::state::StateCategory;
use crate::domain::state::TicketState;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TYPES_MAX;
use crate::domain::ticket_type::TicketType;
use crate::store;
use crate::store::engine::ReadTx;

/// Longest name of a type, an attribute or an option, in characters.
const NAME_CHARS_MAX: usize = 255;
/// Icon of a type made without one (OBJ-51).
const ICON: &str = "🎟️";

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
}

/// An attribute to be made.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent flag of OBJ-52")]
pub struct NewAttribute {
    /// Key in the API; unique in its type (ATT-7).
    pub name: String,
    /// For agents.
    pub description: String,
    /// Fixed from then on (ATT-1).
    pub data_type: DataType,
    /// Strings: several lines.
    pub multiline: bool,
    /// Lists: the labels.
    pub list_options: Vec<String>,
    /// Files: up to 10.
    pub allow_multiple_values: bool,
    /// ATT-5.
    pub required_to_create: bool,
    /// ATT-5.
    pub required_to_create_for_contacts: bool,
    /// ATT-5.
    pub required_to_close: bool,
    /// FRM-3.
    pub visible_on_create: bool,
    /// Shown to customers.
    pub visible_to_contacts: bool,
}

/// A change of an attribute; `None` leaves alone.
#[derive(Clone, Debug, Default)]
pub struct AttributeChange {
    /// New name.
    pub name: Option<String>,
    /// New description.
    pub description: Option<String>,
    /// New labels; options that are not named any more can no longer be chosen (ATT-4).
    pub list_options: Option<Vec<String>>,
    /// ATT-5.
    pub required_to_create: Option<bool>,
    /// ATT-5.
    pub required_to_create_for_contacts: Option<bool>,
    /// ATT-5.
    pub required_to_close: Option<bool>,
    /// FRM-3.
    pub visible_on_create: Option<bool>,
    /// Shown to customers.
    pub visible_to_contacts: Option<bool>,
    /// ATT-8; not for the built-in ones (ATT-2).
    pub archived: Option<bool>,
}

impl Desk {
    /// Makes a type with the four default states (STA-5) and the two built-in attributes (ATT-2). Scope `settings` or
    /// `write_tickets`.
    ///
    /// # Errors
    /// `parameter_invalid` for a name over its limit or one type too many (ATT-9).
    pub async fn create_ticket_type(&self, caller: &Caller, new: NewTicketType) -> Result<TicketType> {
        require(caller, &[Scope::Settings, Scope::WriteTickets])?;
        check_name("name", &new.name)?;
        let at = At::of(&self.inner.clock);
        let made = self.inner.store.update(move |tx| {
            if store::ticket_types::all(tx)?.len() >= TYPES_MAX {
                let message = format!("at most {TYPES_MAX} ticket types");
                return Err(store::Error::Refused(Refusal::invalid("name", message)));
            }
            let ticket_type = TicketType {
                id: TicketTypeId(at.id()),
                name: new.name.clone(),
                description: new.description.clone(),
                category: new.category,
                icon: new.icon.clone().unwrap_or_else(|| ICON.to_owned()),
                is_internal: new.is_internal || new.category == Category::Tracker,
                archived: false,
                attributes: Attribute::built_in(AttributeId(at.id()), AttributeId(at.id())).to_vec(),
                states: default_states(tx)?,
                created_at: at.now,
                updated_at: at.now,
            };
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
            ticket_type.is_internal |= ticket_type.category == Category::Tracker;
            ticket_type.updated_at = at.now;
            store::ticket_types::put(tx, &ticket_type)?;
            Ok(ticket_type)
        });
        Ok(changed.await?)
    }

    /// Every type, archived ones included. Scope `read_tickets`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn ticket_types(&self, caller: &Caller) -> Result<Vec<TicketType>> {
        require(caller, &[Scope::ReadTickets])?;
        Ok(self.inner.store.view(store::ticket_types::all)?)
    }

    /// One type. Scope `read_tickets`.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn ticket_type(&self, caller: &Caller, id: TicketTypeId) -> Result<TicketType> {
        require(caller, &[Scope::ReadTickets])?;
        let found = self.inner.store.view(|tx| store::ticket_types::get(tx, id)?.ok_or_else(|| missing("ticket_type")));
        Ok(found?)
    }

    /// Every state of the workspace. Scope `read_tickets`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn ticket_states(&self, caller: &Caller) -> Result<Vec<TicketState>> {
        require(caller, &[Scope::ReadTickets])?;
        Ok(self.inner.store.view(store::ticket_types::states)?)
    }

    /// Adds an attribute to a type. Scope as for making a type.
    ///
    /// # Errors
    /// `NotFound`; `parameter_invalid` for a name that is taken or options that do not fit the data type.
    pub async fn add_attribute(&self, caller: &Caller, id: TicketTypeId, new: NewAttribute) -> Result<Attribute> {
        require(caller, &[Scope::Settings, Scope::WriteTickets])?;
        check_name("name", &new.name)?;
        check_options(new.data_type, &new.list_options)?;
        let at = At::of(&self.inner.clock);
        let added = self.inner.store.update(move |tx| {
            let mut ticket_type = store::ticket_types::get(tx, id)?.ok_or_else(|| missing("ticket_type"))?;
            refuse_taken_name(&ticket_type, &new.name, None)?;
            if ticket_type.attributes.len() >= ATTRIBUTES_MAX {
                let message = format!("at most {ATTRIBUTES_MAX} attributes");
                return Err(store::Error::Refused(Refusal::invalid("name", message)));
            }
            let order = u32::try_from(ticket_type.attributes.len()).unwrap_or(u32::MAX);
            let attribute = Attribute {
                description: new.description.clone(),
                multiline: new.multiline,
                options: new.list_options.iter().map(|label| option(&at, label)).collect(),
                allow_multiple_values: new.allow_multiple_values,
                required_to_create: new.required_to_create,
                required_to_create_for_contacts: new.required_to_create_for_contacts,
                required_to_close: new.required_to_close,
                visible_on_create: new.visible_on_create,
                visible_to_contacts: new.visible_to_contacts,
                ..Attribute::new(AttributeId(at.id()), &new.name, new.data_type, order)
            };
            ticket_type.attributes.push(attribute.clone());
            ticket_type.updated_at = at.now;
            store::ticket_types::put(tx, &ticket_type)?;
            Ok(attribute)
        });
        Ok(added.await?)
    }

    /// Changes an attribute. Scope as for making a type.
    ///
    /// # Errors
    /// `NotFound`; `parameter_invalid` for a name that is taken, or archiving a built-in attribute (ATT-2).
    pub async fn update_attribute(
        &self,
        caller: &Caller,
        id: TicketTypeId,
        attribute: AttributeId,
        change: AttributeChange,
    ) -> Result<Attribute> {
        require(caller, &[Scope::Settings, Scope::WriteTickets])?;
        let at = At::of(&self.inner.clock);
        let changed = self.inner.store.update(move |tx| {
            let mut ticket_type = store::ticket_types::get(tx, id)?.ok_or_else(|| missing("ticket_type"))?;
            if let Some(name) = &change.name {
                check_name("name", name).map_err(store::Error::Refused)?;
                refuse_taken_name(&ticket_type, name, Some(attribute))?;
            }
            let known = ticket_type.attributes.iter_mut().find(|known| known.id == attribute);
            let known = known.ok_or_else(|| missing("ticket_type_attribute"))?;
            change_attribute(known, &change, &at).map_err(store::Error::Refused)?;
            let known = known.clone();
            ticket_type.updated_at = at.now;
            store::ticket_types::put(tx, &ticket_type)?;
            Ok(known)
        });
        Ok(changed.await?)
    }
}

fn set<T: Clone>(place: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        place.clone_from(value);
    }
}

fn change_attribute(attribute: &mut Attribute, change: &AttributeChange, at: &At) -> std::result::Result<(), Refusal> {
    let hides_built_in = attribute.default && (change.archived == Some(true) || change.name.is_some());
    if hides_built_in {
        return Err(Refusal::invalid("archived", "title and description are built in: neither renamed nor archived"));
    }
    if let Some(labels) = &change.list_options {
        check_options(attribute.data_type, labels)?;
        for known in &mut attribute.options {
            known.removed = !labels.contains(&known.label);
        }
        for label in labels {
            if !attribute.options.iter().any(|known| known.label == *label) {
                attribute.options.push(option(at, label));
            }
        }
    }
    set(&mut attribute.name, change.name.as_ref());
    set(&mut attribute.description, change.description.as_ref());
    set(&mut attribute.required_to_create, change.required_to_create.as_ref());
    set(&mut attribute.required_to_create_for_contacts, change.required_to_create_for_contacts.as_ref());
    set(&mut attribute.required_to_close, change.required_to_close.as_ref());
    set(&mut attribute.visible_on_create, change.visible_on_create.as_ref());
    set(&mut attribute.visible_to_contacts, change.visible_to_contacts.as_ref());
    set(&mut attribute.archived, change.archived.as_ref());
    Ok(())
}

fn option(at: &At, label: &str) -> ListOption {
    ListOption { id: at.id().to_string(), label: label.to_owned(), removed: false }
}

/// The workspace's oldest state of each category: the four made at the first start (STA-5).
fn default_states(tx: &dyn ReadTx) -> store::Result<Vec<StateId>> {
    let states = store::ticket_types::states(tx)?;
    let oldest = |category| {
        let of_category = states.iter().filter(|state| state.category == category && !state.archived);
        of_category.map(|state| state.id).min()
    };
    Ok(StateCategory::ALL.into_iter().filter_map(oldest).collect())
}

fn check_name(field: &str, name: &str) -> std::result::Result<(), Refusal> {
    let fits = !name.trim().is_empty() && name.chars().count() <= NAME_CHARS_MAX && !name.chars().any(char::is_control);
    if fits {
        return Ok(());
    }
    Err(Refusal::invalid(field, format!("{field} takes 1 to {NAME_CHARS_MAX} characters without control characters")))
}

fn check_options(data_type: DataType, labels: &[String]) -> std::result::Result<(), Refusal> {
    let refuse = |message: &str| Err(Refusal::invalid("list_items", message));
    if data_type != DataType::List {
        return if labels.is_empty() { Ok(()) } else { refuse("only list attributes have options") };
    }
    if labels.is_empty() || labels.len() > OPTIONS_MAX {
        return refuse("a list takes 1 to 500 options");
    }
    for (at, label) in labels.iter().enumerate() {
        check_name("list_items", label)?;
        if labels.iter().skip(at + 1).any(|other| other == label) {
            return refuse("the options of a list are all different");
        }
    }
    Ok(())
}

fn refuse_taken_name(ticket_type: &TicketType, name: &str, own: Option<AttributeId>) -> store::Result<()> {
    let taken = ticket_type.attributes.iter().any(|known| known.name == name && Some(known.id) != own);
    if !taken {
        return Ok(());
    }
    let message = format!("ticket type '{}' has an attribute '{name}' already", ticket_type.name);
    Err(store::Error::Refused(Refusal::invalid("name", message)))
}
