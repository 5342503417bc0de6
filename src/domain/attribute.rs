//! Attributes of ticket types and their values (OBJ-52, ATT rules).

use crate::domain::id::AttributeId;
use crate::domain::refusal::Refusal;
use std::fmt;

/// Longest single-line string value in characters (ATT-3).
pub const STRING_CHARS_MAX: usize = 255;
/// Longest multi-line string value in characters (ATT-3).
pub const MULTILINE_CHARS_MAX: usize = 65_535;
/// Most files of one value (ATT-3).
pub const FILES_MAX: usize = 10;
/// Most attributes of one type (ATT-9).
pub const ATTRIBUTES_MAX: usize = 100;
/// Most options of one list (ATT-9).
pub const OPTIONS_MAX: usize = 500;

/// Name of the built-in title attribute (ATT-2).
pub const TITLE: &str = "_default_title_";
/// Name of the built-in description attribute (ATT-2).
pub const DESCRIPTION: &str = "_default_description_";

/// What an attribute holds; fixed once created (ATT-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// Text.
    String,
    /// One of named options.
    List,
    /// 64-bit signed.
    Integer,
    /// Up to 15 significant digits.
    Decimal,
    /// Yes or no.
    Boolean,
    /// A moment.
    Datetime,
    /// Uploaded files.
    Files,
}

impl DataType {
    const ALL: [Self; 7] =
        [Self::String, Self::List, Self::Integer, Self::Decimal, Self::Boolean, Self::Datetime, Self::Files];

    /// The word of ATT-1.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Boolean => "boolean",
            Self::Datetime => "datetime",
            Self::Files => "files",
        }
    }

    /// The type of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|data_type| data_type.as_str() == word)
    }
}

/// A value of an attribute, of a ticket or of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text; of a ticket's list attribute, the option's id.
    Text(String),
    /// Whole number, or a moment in Unix seconds.
    Integer(i64),
    /// Decimal number, as written.
    Decimal(String),
    /// Yes or no.
    Boolean(bool),
    /// Ids of uploads.
    Files(Vec<String>),
}

/// One option of a list, with an id that outlives renaming (ATT-4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOption {
    /// Stable id.
    pub id: String,
    /// What people read; unique in its list.
    pub label: String,
    /// Still readable, no longer to be chosen.
    pub removed: bool,
}

/// An attribute of a ticket type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent flag of OBJ-52")]
pub struct Attribute {
    /// Never changes.
    pub id: AttributeId,
    /// Key in the API; unique in its type (ATT-7).
    pub name: String,
    /// What the reader at hand calls it, where that is not its name; never kept (I18-3).
    pub label: Option<String>,
    /// For agents.
    pub description: String,
    /// What it holds.
    pub data_type: DataType,
    /// Strings only: several lines.
    pub multiline: bool,
    /// Lists only.
    pub options: Vec<ListOption>,
    /// Files only: up to 10 instead of one.
    pub allow_multiple_values: bool,
    /// Agents must fill it to create (ATT-5).
    pub required_to_create: bool,
    /// Contacts must fill it to create (ATT-5).
    pub required_to_create_for_contacts: bool,
    /// Must be filled to resolve (ATT-5).
    pub required_to_close: bool,
    /// On the agents' form (FRM-3).
    pub visible_on_create: bool,
    /// Shown to customers.
    pub visible_to_contacts: bool,
    /// Place in the form.
    pub order: u32,
    /// Built in (ATT-2).
    pub default: bool,
    /// Gone from new forms (ATT-8).
    pub archived: bool,
}

/// What an attribute would have taken in place of what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A text of at most so many characters.
    CharsAtMost(usize),
    /// One of the options of a list.
    Option,
    /// A whole number.
    WholeNumber,
    /// A number of at most 15 digits.
    Number,
    /// A moment.
    Moment,
    /// At most so many files.
    FilesAtMost(usize),
    /// Something of another type.
    Of(DataType),
}

/// In the words of the API, which follow "takes".
impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CharsAtMost(max) => write!(f, "at most {max} characters"),
            Self::Option => f.write_str("one of its options"),
            Self::WholeNumber => f.write_str("a whole number"),
            Self::Number => f.write_str("a number of at most 15 digits"),
            Self::Moment => f.write_str("ISO 8601 with offset"),
            Self::FilesAtMost(max) => write!(f, "at most {max} file(s)"),
            Self::Of(data_type) => write!(f, "a value of type {}", data_type.as_str()),
        }
    }
}

impl Attribute {
    /// A plain, optional attribute that everybody sees.
    #[must_use]
    pub fn new(id: AttributeId, name: &str, data_type: DataType, order: u32) -> Self {
        Self {
            id,
            name: name.to_owned(),
            label: None,
            description: String::new(),
            data_type,
            multiline: false,
            options: Vec::new(),
            allow_multiple_values: false,
            required_to_create: false,
            required_to_create_for_contacts: false,
            required_to_close: false,
            visible_on_create: true,
            visible_to_contacts: true,
            order,
            default: false,
            archived: false,
        }
    }

    /// The two attributes every type has (ATT-2).
    #[must_use]
    pub fn built_in(title: AttributeId, description: AttributeId) -> [Self; 2] {
        let built_in = |id, name, order, multiline| Self {
            multiline,
            default: true,
            ..Self::new(id, name, DataType::String, order)
        };
        [built_in(title, TITLE, 0, false), built_in(description, DESCRIPTION, 1, true)]
    }

    /// Checks a value against the data type and its limits and gives it in kept form: a list's label becomes the id of
    /// its option (ATT-3, ATT-4).
    ///
    /// # Errors
    /// `parameter_invalid` naming the attribute and what is expected.
    pub fn accept(&self, value: Value) -> Result<Value, Refusal> {
        let refuse = |what| Refusal::invalid(&self.name, format!("attribute '{}' takes {what}", self.name));
        self.check(value).map_err(refuse)
    }

    /// As [`Attribute::accept`]; the error says what is expected and nothing more.
    ///
    /// # Errors
    /// What would be taken.
    pub fn check(&self, value: Value) -> Result<Value, Expected> {
        match (self.data_type, value) {
            (DataType::String, Value::Text(text)) => {
                let max = if self.multiline { MULTILINE_CHARS_MAX } else { STRING_CHARS_MAX };
                if text.chars().count() > max {
                    return Err(Expected::CharsAtMost(max));
                }
                Ok(Value::Text(text))
            }
            (DataType::List, Value::Text(choice)) => self.option(&choice).ok_or(Expected::Option),
            (DataType::Integer, Value::Integer(number)) => Ok(Value::Integer(number)),
            (DataType::Integer, Value::Text(text)) => {
                text.trim().parse().map(Value::Integer).map_err(|_| Expected::WholeNumber)
            }
            (DataType::Decimal, Value::Integer(number)) => Ok(Value::Decimal(number.to_string())),
            (DataType::Decimal, Value::Decimal(text) | Value::Text(text)) if is_decimal(text.trim()) => {
                Ok(Value::Decimal(text.trim().to_owned()))
            }
            (DataType::Decimal, _) => Err(Expected::Number),
            (DataType::Boolean, Value::Boolean(yes)) => Ok(Value::Boolean(yes)),
            (DataType::Datetime, Value::Integer(seconds)) => Ok(Value::Integer(seconds)),
            (DataType::Datetime, Value::Text(text)) => {
                let moment: Result<jiff::Timestamp, _> = text.parse();
                moment.map(|at| Value::Integer(at.as_second())).map_err(|_| Expected::Moment)
            }
            (DataType::Files, Value::Files(ids)) => {
                let max = if self.allow_multiple_values { FILES_MAX } else { 1 };
                if ids.len() > max {
                    return Err(Expected::FilesAtMost(max));
                }
                Ok(Value::Files(ids))
            }
            (data_type, _) => Err(Expected::Of(data_type)),
        }
    }

    fn option(&self, choice: &str) -> Option<Value> {
        let mut current = self.options.iter().filter(|option| !option.removed);
        current.find(|o| o.id == choice || o.label == choice).map(|option| Value::Text(option.id.clone()))
    }
}

/// At most 15 significant digits, an optional sign and point (ATT-3).
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let significant = digits.trim_start_matches(['0', '.']).bytes().filter(u8::is_ascii_digit).count();
    all_digits(whole) && all_digits(fraction) && significant <= 15
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    #[test]
    fn att_3_values_are_checked_by_type_and_limit() {
        let of = |data_type| Attribute::new(AttributeId(1), "field", data_type, 2);
        let long = "x".repeat(256);
        let table = [
            (DataType::String, text("ok"), Some(text("ok"))),
            (DataType::String, text(&long), None),
            (DataType::String, Value::Integer(1), None),
            (DataType::Integer, Value::Integer(i64::MIN), Some(Value::Integer(i64::MIN))),
            (DataType::Integer, text("12"), Some(Value::Integer(12))),
            (DataType::Integer, text("1.5"), None),
            (DataType::Decimal, text("-0.10"), Some(Value::Decimal("-0.10".to_owned()))),
            (DataType::Decimal, text("1234567890.123456"), None),
            (DataType::Decimal, text("1e9"), None),
            (DataType::Boolean, Value::Boolean(true), Some(Value::Boolean(true))),
            (DataType::Boolean, text("true"), None),
            (DataType::Datetime, text("2026-01-01T00:00:00Z"), Some(Value::Integer(1_767_225_600))),
            (DataType::Datetime, text("yesterday"), None),
            (DataType::Files, Value::Files(vec!["1".to_owned(), "2".to_owned()]), None),
        ];
        for (data_type, given, kept) in table {
            assert_eq!(of(data_type).accept(given.clone()).ok(), kept, "{data_type:?} {given:?}");
        }
    }

    #[test]
    fn att_4_an_option_is_given_by_id_or_label_and_kept_by_id() {
        let option =
            |id: &str, label: &str, removed| ListOption { id: id.to_owned(), label: label.to_owned(), removed };
        let mut list = Attribute::new(AttributeId(1), "size", DataType::List, 2);
        list.options = vec![option("a", "Small", false), option("b", "Large", true)];
        assert_eq!(list.accept(text("Small")), Ok(text("a")));
        assert_eq!(list.accept(text("a")), Ok(text("a")));
        assert!(list.accept(text("Large")).is_err());
    }
}
