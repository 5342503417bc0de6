//! Facts that contacts, companies and conversations can have beyond the built-in ones (API-27, OBJ-36).
//!
//! A contact or company takes free facts too; a declared one is held to its type. Conversations take declared ones only.

use crate::domain::attribute::Attribute;
use crate::domain::attribute::DataType;
use crate::domain::attribute::ListOption;
use crate::domain::attribute::Value;
use crate::domain::id::AgentId;
use crate::domain::id::AttributeId;
use crate::domain::id::DataAttributeId;
use crate::domain::id::Millis;
use crate::domain::id::TeamId;
use crate::domain::refusal::Refusal;

/// Most declared attributes of a workspace, archived ones included.
pub const DATA_ATTRIBUTES_MAX: usize = 750;
/// Longest name, in characters.
pub const ATTRIBUTE_NAME_CHARS_MAX: usize = 190;

/// What has the fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataModel {
    /// Users and leads.
    Contact,
    /// Companies.
    Company,
    /// Conversations.
    Conversation,
}

impl DataModel {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Contact, Self::Company, Self::Conversation];

    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Company => "company",
            Self::Conversation => "conversation",
        }
    }

    /// The model of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|model| model.as_str() == word)
    }
}

/// What an attribute holds; fixed once created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataKind {
    /// Text, or one of the options where there are any.
    String,
    /// A whole number.
    Integer,
    /// A decimal number.
    Float,
    /// Yes or no.
    Boolean,
    /// A moment.
    Datetime,
    /// A day, kept as its first moment in UTC.
    Date,
}

impl DataKind {
    const ALL: [Self; 6] = [Self::String, Self::Integer, Self::Float, Self::Boolean, Self::Datetime, Self::Date];

    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Datetime => "datetime",
            Self::Date => "date",
        }
    }

    /// The kind of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A declared attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent flag of OBJ-36")]
pub struct DataAttribute {
    /// Never changes.
    pub id: DataAttributeId,
    /// What has it.
    pub model: DataModel,
    /// Key in the API; unique in its model whatever its case; never changes.
    pub name: String,
    /// For agents.
    pub description: String,
    /// What it holds.
    pub kind: DataKind,
    /// Text only: the values it takes; empty for any. What is kept is the label.
    pub options: Vec<ListOption>,
    /// Text of conversations only: several lines.
    pub multiline: bool,
    /// Conversations only: teams whose inboxes show it; empty for all. It hides nothing from the API.
    pub teams: Vec<TeamId>,
    /// May be set from the messenger.
    pub messenger_writable: bool,
    /// Conversations only: must be filled to close (OBJ-36).
    pub required: bool,
    /// Takes no new values.
    pub archived: bool,
    /// Who made it.
    pub created_by: AgentId,
    /// When.
    pub created_at: Millis,
    /// Last change.
    pub updated_at: Millis,
}

impl DataAttribute {
    /// Whether it is the one of that model and name.
    #[must_use]
    pub fn is(&self, model: DataModel, name: &str) -> bool {
        self.model == model && self.name.to_lowercase() == name.to_lowercase()
    }

    /// Checks a value against type and options and gives it in kept form.
    ///
    /// # Errors
    /// `parameter_invalid` naming the attribute and what is expected.
    pub fn accept(&self, value: Value) -> Result<Value, Refusal> {
        let refuse = |what: String| {
            let message = format!("attribute '{}' takes {what}", self.name);
            Refusal::invalid("custom_attributes", message)
        };
        if self.archived {
            return Err(Refusal::invalid("custom_attributes", format!("attribute '{}' is archived", self.name)));
        }
        if self.kind == DataKind::Date
            && let Value::Text(text) = &value
        {
            return day(text).ok_or_else(|| refuse("a day as YYYY-MM-DD, or Unix seconds".to_owned()));
        }
        let kept = self.as_attribute().check(value).map_err(|expected| refuse(expected.to_string()))?;
        let label = |option: &ListOption| Value::Text(option.label.clone());
        Ok(self.options.iter().find(|option| kept == Value::Text(option.id.clone())).map_or(kept.clone(), label))
    }

    /// The attribute of a ticket type that would take the same values.
    fn as_attribute(&self) -> Attribute {
        let data_type = match self.kind {
            DataKind::String if self.options.is_empty() => DataType::String,
            DataKind::String => DataType::List,
            DataKind::Integer => DataType::Integer,
            DataKind::Float => DataType::Decimal,
            DataKind::Boolean => DataType::Boolean,
            DataKind::Datetime | DataKind::Date => DataType::Datetime,
        };
        let mut attribute = Attribute::new(AttributeId(self.id.0), &self.name, data_type, 0);
        attribute.options.clone_from(&self.options);
        attribute.multiline = self.multiline;
        attribute
    }
}

fn day(text: &str) -> Option<Value> {
    let date: jiff::civil::Date = text.trim().parse().ok()?;
    let start = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Value::Integer(start.timestamp().as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(label: &str) -> ListOption {
        ListOption { id: format!("id of {label}"), label: label.to_owned(), removed: false }
    }

    fn declared(kind: DataKind, options: &[&str]) -> DataAttribute {
        DataAttribute {
            id: DataAttributeId(1),
            model: DataModel::Contact,
            name: "Plan".to_owned(),
            description: String::new(),
            kind,
            options: options.iter().map(|&label| option(label)).collect(),
            multiline: false,
            teams: Vec::new(),
            messenger_writable: false,
            required: false,
            archived: false,
            created_by: AgentId(1),
            created_at: Millis(0),
            updated_at: Millis(0),
        }
    }

    #[test]
    fn api_27_a_declared_attribute_takes_values_of_its_type_alone() {
        let text = |text: &str| Value::Text(text.to_owned());
        let table = [
            (declared(DataKind::String, &[]), text("any"), Some(text("any"))),
            (declared(DataKind::String, &["gold", "free"]), text("gold"), Some(text("gold"))),
            (declared(DataKind::String, &["gold", "free"]), text("id of free"), Some(text("free"))),
            (declared(DataKind::String, &["gold", "free"]), text("tin"), None),
            (declared(DataKind::Integer, &[]), Value::Integer(3), Some(Value::Integer(3))),
            (declared(DataKind::Integer, &[]), text("three"), None),
            (declared(DataKind::Float, &[]), Value::Decimal("1.5".to_owned()), Some(Value::Decimal("1.5".to_owned()))),
            (declared(DataKind::Boolean, &[]), text("yes"), None),
            (declared(DataKind::Date, &[]), text("2026-01-01"), Some(Value::Integer(1_767_225_600))),
            (declared(DataKind::Date, &[]), text("2026-02-30"), None),
            (declared(DataKind::Datetime, &[]), Value::Integer(9), Some(Value::Integer(9))),
            (DataAttribute { archived: true, ..declared(DataKind::String, &[]) }, text("any"), None),
        ];
        for (attribute, given, kept) in table {
            assert_eq!(attribute.accept(given.clone()).ok(), kept, "{:?} {given:?}", attribute.kind);
        }
    }
}
