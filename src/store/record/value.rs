//! Stored form of attribute values.

use crate::domain::attribute::Value;
use serde::Deserialize;
use serde::Serialize;

/// Append only.
#[derive(Serialize, Deserialize)]
pub(crate) enum StoredValue {
    Text(String),
    Integer(i64),
    Decimal(String),
    Boolean(bool),
    Files(Vec<String>),
}

impl From<&Value> for StoredValue {
    fn from(value: &Value) -> Self {
        match value {
            Value::Text(text) => Self::Text(text.clone()),
            Value::Integer(number) => Self::Integer(*number),
            Value::Decimal(digits) => Self::Decimal(digits.clone()),
            Value::Boolean(yes) => Self::Boolean(*yes),
            Value::Files(ids) => Self::Files(ids.clone()),
        }
    }
}

impl From<StoredValue> for Value {
    fn from(stored: StoredValue) -> Self {
        match stored {
            StoredValue::Text(text) => Self::Text(text),
            StoredValue::Integer(number) => Self::Integer(number),
            StoredValue::Decimal(digits) => Self::Decimal(digits),
            StoredValue::Boolean(yes) => Self::Boolean(yes),
            StoredValue::Files(ids) => Self::Files(ids),
        }
    }
}
