//! The ticket facet of a thread (OBJ-3, OBJ-50).

use crate::domain::attribute::Value;
use crate::domain::id::AttributeId;
use crate::domain::id::Millis;
use crate::domain::id::StateId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::refusal::Refusal;
use crate::domain::state::StateCategory;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use std::collections::BTreeMap;

/// How a ticket came to be (TCK-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CreatedVia {
    /// A conversation was converted.
    Convert,
    /// An agent or a program made it.
    Api,
    /// The contact filled a form that was sent to them.
    FormSent,
    /// The contact opened a form by themselves.
    FormOpened,
    /// Mail to an address that makes tickets.
    Email,
}

impl CreatedVia {
    /// The word shown under `deskgate.created_via`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Convert => "convert",
            Self::Api => "api",
            Self::FormSent => "form",
            Self::FormOpened => "messenger",
            Self::Email => "email",
        }
    }
}

/// What makes a thread a ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct Ticket {
    /// The short number people say, #1234 (OBJ-2).
    pub number: u64,
    /// Customer, Back-office or Tracker.
    pub category: Category,
    /// Its type.
    pub type_id: TicketTypeId,
    /// Values by attribute.
    pub attributes: BTreeMap<AttributeId, Value>,
    /// Its state.
    pub state_id: StateId,
    /// Category of that state, kept here so that readers need no second look-up.
    pub state_category: StateCategory,
    /// State before the latest change (STA-10).
    pub previous_state_id: Option<StateId>,
    /// Whether the customer sees it (TCK-1).
    pub is_shared: bool,
    /// How it came to be.
    pub created_via: CreatedVia,
    /// When it became a ticket.
    pub created_at: Millis,
    /// First entry into a resolved state.
    pub first_resolved_at: Option<Millis>,
    /// Latest entry into a resolved state.
    pub last_resolved_at: Option<Millis>,
    /// Linked conversations and Customer tickets of a Tracker.
    pub customer_reports: u64,
    /// The conversation in which a Back-office ticket is shared (SHR-2).
    pub shared_in: Option<ThreadId>,
}

impl Ticket {
    /// Value of the attribute of that name.
    #[must_use]
    pub fn value<'t>(&'t self, ticket_type: &TicketType, name: &str) -> Option<&'t Value> {
        let attribute = ticket_type.attributes.iter().find(|attribute| attribute.name == name)?;
        self.attributes.get(&attribute.id)
    }
}

/// Values by name as a caller gives them, checked and keyed by attribute (ATT-3, ATT-7). `None` clears a value (API-4).
///
/// # Errors
/// `parameter_invalid` naming the first attribute that is unknown or does not take its value.
pub fn accept_values(
    ticket_type: &TicketType,
    given: Vec<(String, Option<Value>)>,
) -> Result<Vec<(AttributeId, Option<Value>)>, Refusal> {
    let accept = |(name, value): (String, Option<Value>)| {
        let attribute = ticket_type.attribute(&name)?;
        let value = value.map(|value| attribute.accept(value)).transpose()?;
        Ok((attribute.id, value))
    };
    given.into_iter().map(accept).collect()
}

/// Which obligation of ATT-5 is being checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obligation {
    /// An agent or a program creates.
    Create,
    /// A contact creates, with a form.
    CreateByContact,
    /// The ticket enters a resolved state.
    Resolve,
}

/// Checks that nothing required is missing (ATT-5).
///
/// # Errors
/// `parameter_invalid` naming every missing attribute.
pub fn check_required(
    ticket_type: &TicketType,
    values: &BTreeMap<AttributeId, Value>,
    obligation: Obligation,
) -> Result<(), Refusal> {
    let missing: Vec<&str> = ticket_type
        .attributes
        .iter()
        .filter(|attribute| match obligation {
            Obligation::Create => attribute.required_to_create,
            Obligation::CreateByContact => attribute.required_to_create_for_contacts,
            Obligation::Resolve => attribute.required_to_close,
        })
        .filter(|attribute| !attribute.archived && is_empty(values.get(&attribute.id)))
        .map(|attribute| attribute.name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = match obligation {
        Obligation::Create | Obligation::CreateByContact => "create",
        Obligation::Resolve => "resolve",
    };
    Err(Refusal::invalid(&missing.join(", "), format!("needed to {what} the ticket: {}", missing.join(", "))))
}

/// Whether nothing was filled in.
#[must_use]
pub fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None => true,
        Some(Value::Text(text)) => text.trim().is_empty(),
        Some(Value::Files(ids)) => ids.is_empty(),
        Some(Value::Integer(_) | Value::Decimal(_) | Value::Boolean(_)) => false,
    }
}
