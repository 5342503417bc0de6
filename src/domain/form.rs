//! Ticket forms: what is offered to whom, what they ask, what they take (FRM rules).
//!
//! **Invariant:** a form is checked against the type as it is at submission; what the type no longer asks is ignored, what
//! it asks now must be there (FRM-9).

use crate::domain::attribute::Attribute;
use crate::domain::attribute::DESCRIPTION;
use crate::domain::attribute::Expected;
use crate::domain::attribute::TITLE;
use crate::domain::attribute::Value;
use crate::domain::contact::ContactRole;
use crate::domain::id::AttributeId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::ticket::is_empty;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use std::collections::BTreeMap;
use std::fmt;

/// Where a sent form stands (FRM-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormState {
    /// May be filled.
    Open,
    /// Made this ticket; read-only from then on (FRM-6).
    Submitted {
        /// The ticket's thread.
        ticket: ThreadId,
        /// Its number.
        number: u64,
    },
    /// Taken back by an agent.
    Withdrawn,
}

impl FormState {
    /// The word of FRM-5.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Submitted { .. } => "submitted",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A form that was sent into a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormCard {
    /// What it makes a ticket of.
    pub ticket_type: TicketTypeId,
    /// The type's name at that time.
    pub type_name: String,
    /// Open, submitted, withdrawn.
    pub state: FormState,
    /// What the agent filled in beforehand.
    pub prefill: Vec<(AttributeId, Value)>,
}

/// Whether forms of the type are offered to contacts of that role (FRM-2).
#[must_use]
pub fn is_offered(ticket_type: &TicketType, role: ContactRole) -> bool {
    let category = match ticket_type.category {
        Category::Customer => true,
        Category::BackOffice => !ticket_type.is_internal,
        Category::Tracker => false,
    };
    category && !ticket_type.archived && ticket_type.settings.audience.holds(role)
}

/// What a contact's form shows, in order (FRM-3).
#[must_use]
pub fn fields(ticket_type: &TicketType) -> Vec<&Attribute> {
    let shown = ticket_type.attributes.iter().filter(|attribute| attribute.visible_to_contacts && !attribute.archived);
    let mut shown: Vec<&Attribute> = shown.collect();
    shown.sort_by_key(|attribute| attribute.order);
    shown
}

/// What is wrong with a field of a filled form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It was left empty.
    Needed,
    /// It takes something else.
    Takes(Expected),
}

/// In the words of the API, which follow the field's name.
impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Needed => f.write_str("is needed"),
            Self::Takes(expected) => write!(f, "takes {expected}"),
        }
    }
}

/// How people call an attribute: in their language where that is known; the built-in ones have no name of their own (ATT-2).
#[must_use]
pub fn label(attribute: &Attribute) -> &str {
    if let Some(label) = &attribute.label {
        return label;
    }
    match attribute.name.as_str() {
        TITLE if attribute.default => "Title",
        DESCRIPTION if attribute.default => "Description",
        name => name,
    }
}

/// The values a filled form gives its ticket: what was filled in before, then what the contact says. Names that the form
/// does not show are ignored.
///
/// # Errors
/// What is wrong, by field, in the form's order (FRM-3).
pub fn accept(
    ticket_type: &TicketType,
    prefill: &[(AttributeId, Value)],
    given: &[(String, Option<Value>)],
) -> Result<BTreeMap<AttributeId, Value>, Vec<(String, Wrong)>> {
    let still_there = |id: &AttributeId| ticket_type.attributes.iter().find(|known| known.id == *id && !known.archived);
    let mut values = BTreeMap::new();
    for (id, value) in prefill {
        let accepted = still_there(id).and_then(|attribute| attribute.check(value.clone()).ok());
        values.extend(accepted.map(|value| (*id, value)));
    }
    let mut wrong = Vec::new();
    for attribute in fields(ticket_type) {
        match given.iter().find(|(name, _)| *name == attribute.name) {
            Some((_, Some(value))) => match attribute.check(value.clone()) {
                Ok(value) => drop(values.insert(attribute.id, value)),
                Err(expected) => wrong.push((attribute.name.clone(), Wrong::Takes(expected))),
            },
            Some((_, None)) => drop(values.remove(&attribute.id)),
            None => {}
        }
        let is_wrong = wrong.last().is_some_and(|(name, _)| *name == attribute.name);
        if attribute.required_to_create_for_contacts && !is_wrong && is_empty(values.get(&attribute.id)) {
            wrong.push((attribute.name.clone(), Wrong::Needed));
        }
    }
    if wrong.is_empty() { Ok(values) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attribute::DataType;
    use crate::domain::id::Millis;
    use crate::domain::type_settings::FormAudience;
    use crate::domain::type_settings::TypeSettings;

    fn text(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    fn ticket_type() -> TicketType {
        let [title, description] = Attribute::built_in(AttributeId(1), AttributeId(2));
        let floor = Attribute {
            required_to_create_for_contacts: true,
            ..Attribute::new(AttributeId(3), "Floor", DataType::Integer, 0)
        };
        let inner =
            Attribute { visible_to_contacts: false, ..Attribute::new(AttributeId(4), "Cost", DataType::Integer, 5) };
        TicketType {
            id: TicketTypeId(1),
            name: "Repair".to_owned(),
            description: String::new(),
            category: Category::Customer,
            icon: String::new(),
            is_internal: false,
            archived: false,
            attributes: vec![title, description, floor, inner],
            states: Vec::new(),
            created_at: Millis(0),
            updated_at: Millis(0),
            settings: TypeSettings::default(),
        }
    }

    #[test]
    fn tst_44_customer_and_shareable_back_office_types_are_offered() {
        let table = [
            (Category::Customer, false, true),
            (Category::Customer, true, true),
            (Category::BackOffice, false, true),
            (Category::BackOffice, true, false),
            (Category::Tracker, true, false),
        ];
        for (category, is_internal, offered) in table {
            let of = TicketType { category, is_internal, ..ticket_type() };
            assert_eq!(is_offered(&of, ContactRole::Lead), offered, "{category:?} {is_internal}");
        }
        let mut users = ticket_type();
        users.settings.audience = FormAudience::Users;
        assert!(is_offered(&users, ContactRole::User) && !is_offered(&users, ContactRole::Visitor));
        assert!(!is_offered(&TicketType { archived: true, ..ticket_type() }, ContactRole::User));
    }

    #[test]
    fn tst_43_a_contact_sees_and_is_asked_for_what_the_type_shows_them() {
        let of = ticket_type();
        let names: Vec<&str> = fields(&of).into_iter().map(label).collect();
        assert_eq!(names, ["Title", "Floor", "Description"]);
        let given = |pairs: &[(&str, Value)]| -> Vec<(String, Option<Value>)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), Some(value.clone()))).collect()
        };
        let wrong =
            accept(&of, &[], &given(&[(TITLE, text(&"x".repeat(256))), ("Cost", Value::Integer(1))])).unwrap_err();
        assert_eq!(
            wrong,
            [(TITLE.to_owned(), Wrong::Takes(Expected::CharsAtMost(255))), ("Floor".to_owned(), Wrong::Needed)]
        );
        let wrong = accept(&of, &[], &given(&[("Floor", text("high"))])).unwrap_err();
        assert_eq!(wrong, [("Floor".to_owned(), Wrong::Takes(Expected::WholeNumber))]);
        let values =
            accept(&of, &[], &given(&[("Floor", text("3")), ("Cost", Value::Integer(1)), ("Gone", text("x"))]))
                .unwrap();
        assert_eq!(
            values,
            BTreeMap::from([(AttributeId(3), Value::Integer(3))]),
            "FRM-9: hidden and removed are ignored"
        );
    }

    #[test]
    fn frm_5_what_an_agent_filled_in_counts_until_the_contact_says_otherwise() {
        let of = ticket_type();
        let prefill =
            [(AttributeId(3), Value::Integer(2)), (AttributeId(4), Value::Integer(9)), (AttributeId(77), text("x"))];
        let values = accept(&of, &prefill, &[]).unwrap();
        assert_eq!(values, BTreeMap::from([(AttributeId(3), Value::Integer(2)), (AttributeId(4), Value::Integer(9))]));
        let cleared = accept(&of, &prefill, &[("Floor".to_owned(), None)]).unwrap_err();
        assert_eq!(cleared[0].1.to_string(), "is needed");
    }
}
