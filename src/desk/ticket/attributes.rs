//! Attributes of ticket types: made, changed, archived (ATT rules).
//!
//! **Invariant:** an attribute never changes its data type, an option never its id, and neither goes for good, so that
//! old tickets stay readable (ATT-1, ATT-4, ATT-8).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::missing;
use crate::desk::ticket::ticket_types::check_name;
use crate::desk::ticket::ticket_types::set;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attribute::ATTRIBUTES_MAX;
use crate::domain::attribute::Attribute;
use crate::domain::attribute::DataType;
use crate::domain::attribute::ListOption;
use crate::domain::attribute::OPTIONS_MAX;
use crate::domain::id::AttributeId;
use crate::domain::id::TicketTypeId;
use crate::domain::refusal::Refusal;
use crate::domain::ticket_type::TicketType;
use crate::store;

/// Most options of one list, removed ones included.
const OPTIONS_KEPT_MAX: usize = 4 * OPTIONS_MAX;

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
    /// Place in the form; behind all others if none is given.
    pub order: Option<u32>,
}

impl NewAttribute {
    /// An attribute that everybody sees and nobody has to fill.
    #[must_use]
    pub fn named(name: &str, data_type: DataType) -> Self {
        Self {
            name: name.to_owned(),
            description: String::new(),
            data_type,
            multiline: false,
            list_options: Vec::new(),
            allow_multiple_values: false,
            required_to_create: false,
            required_to_create_for_contacts: false,
            required_to_close: false,
            visible_on_create: true,
            visible_to_contacts: true,
            order: None,
        }
    }
}

/// An option of a list as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionGiven {
    /// Of an option that is there, to rename it; without one the label says which option is meant.
    pub id: Option<String>,
    /// What people read.
    pub label: String,
}

/// A change of an attribute; `None` leaves alone.
#[derive(Clone, Debug, Default)]
pub struct AttributeChange {
    /// New name.
    pub name: Option<String>,
    /// New description.
    pub description: Option<String>,
    /// Strings: several lines or one. Values that are there stay.
    pub multiline: Option<bool>,
    /// Files: up to 10 or one. Values that are there stay.
    pub allow_multiple_values: Option<bool>,
    /// The options from now on; those that are not named any more can no longer be chosen (ATT-4).
    pub list_options: Option<Vec<OptionGiven>>,
    /// Place in the form.
    pub order: Option<u32>,
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
            let last = ticket_type.attributes.iter().map(|attribute| attribute.order).max();
            let order = new.order.unwrap_or_else(|| last.map_or(0, |last| last.saturating_add(1)));
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

fn change_attribute(attribute: &mut Attribute, change: &AttributeChange, at: &At) -> std::result::Result<(), Refusal> {
    refuse_on_built_in(attribute, change)?;
    if let Some(given) = &change.list_options {
        let labels: Vec<String> = given.iter().map(|option| option.label.clone()).collect();
        check_options(attribute.data_type, &labels)?;
        change_options(attribute, given, at)?;
    }
    set(&mut attribute.name, change.name.as_ref());
    set(&mut attribute.description, change.description.as_ref());
    set(&mut attribute.multiline, change.multiline.as_ref());
    set(&mut attribute.allow_multiple_values, change.allow_multiple_values.as_ref());
    set(&mut attribute.order, change.order.as_ref());
    set(&mut attribute.required_to_create, change.required_to_create.as_ref());
    set(&mut attribute.required_to_create_for_contacts, change.required_to_create_for_contacts.as_ref());
    set(&mut attribute.required_to_close, change.required_to_close.as_ref());
    set(&mut attribute.visible_on_create, change.visible_on_create.as_ref());
    set(&mut attribute.visible_to_contacts, change.visible_to_contacts.as_ref());
    set(&mut attribute.archived, change.archived.as_ref());
    Ok(())
}

/// Title and description keep name and place in the type (ATT-2).
fn refuse_on_built_in(attribute: &Attribute, change: &AttributeChange) -> std::result::Result<(), Refusal> {
    let renamed = change.name.as_ref().is_some_and(|name| *name != attribute.name);
    let field = match (attribute.default, change.archived == Some(true), renamed) {
        (true, true, _) => "archived",
        (true, false, true) => "name",
        (false, ..) | (true, false, false) => return Ok(()),
    };
    Err(Refusal::invalid(field, "title and description are built in: neither renamed nor archived"))
}

/// Renames, adds and removes options; an id never changes hands, and none goes for good (ATT-4).
fn change_options(attribute: &mut Attribute, given: &[OptionGiven], at: &At) -> std::result::Result<(), Refusal> {
    let mut options = attribute.options.clone();
    let mut kept = Vec::new();
    for wanted in given {
        let known = options.iter_mut().find(|known| match &wanted.id {
            Some(id) => known.id == *id,
            None => known.label == wanted.label,
        });
        match (known, &wanted.id) {
            (Some(known), _) => {
                known.label.clone_from(&wanted.label);
                kept.push(known.id.clone());
            }
            (None, Some(id)) => return Err(Refusal::invalid("list_options", format!("there is no option '{id}'"))),
            (None, None) => {
                let new = option(at, &wanted.label);
                kept.push(new.id.clone());
                options.push(new);
            }
        }
    }
    for known in &mut options {
        known.removed = !kept.contains(&known.id);
    }
    // A label that an option had before may be given to a new one, a removed one keeps it for old tickets.
    let current = options.iter().filter(|option| !option.removed).count();
    if kept.len() != current || options.len() > OPTIONS_KEPT_MAX {
        let message = format!("each option once, and at most {OPTIONS_KEPT_MAX} with those that were removed");
        return Err(Refusal::invalid("list_options", message));
    }
    attribute.options = options;
    Ok(())
}

fn option(at: &At, label: &str) -> ListOption {
    ListOption { id: at.id().to_string(), label: label.to_owned(), removed: false }
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
