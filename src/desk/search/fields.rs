//! What fields of all nouns have in common: values in the form they are compared in.

use crate::domain::attribute::Value;
use crate::domain::search::Condition;
use crate::domain::search::Datum;
use crate::domain::search::Operator;

/// The values a condition looks for, when only objects with one of them can meet it; `None` otherwise.
pub(super) fn only<F>(condition: &Condition<F>) -> Option<&[Datum]> {
    let names = matches!(condition.operator, Operator::Equal | Operator::In);
    (names && !condition.wanted.contains(&Datum::Nothing)).then_some(condition.wanted.as_slice())
}

/// Ids a condition looks for.
pub(super) fn only_ids<F>(condition: &Condition<F>) -> Option<Vec<u64>> {
    let wanted = only(condition)?.iter();
    Some(wanted.filter_map(|datum| if let Datum::Id(id) = datum { Some(*id) } else { None }).collect())
}

/// Texts a condition looks for.
pub(super) fn only_texts<F>(condition: &Condition<F>) -> Option<Vec<&str>> {
    let wanted = only(condition)?.iter();
    Some(wanted.filter_map(|datum| if let Datum::Text(text) = datum { Some(text.as_str()) } else { None }).collect())
}

/// A text that may be missing.
pub(super) fn text(value: Option<&str>) -> Vec<Datum> {
    value.filter(|text| !text.is_empty()).map(Datum::text).into_iter().collect()
}

/// A kept value, as what it is.
pub(super) fn free_value(value: &Value) -> Vec<Datum> {
    match value {
        Value::Text(text) => vec![Datum::text(text)],
        Value::Integer(whole) => number(&whole.to_string()),
        Value::Decimal(text) => number(text),
        Value::Boolean(yes) => vec![Datum::Flag(*yes)],
        Value::Files(ids) => ids.iter().map(|id| Datum::text(id)).collect(),
    }
}

/// A number of a decimal text.
pub(super) fn number(text: &str) -> Vec<Datum> {
    text.parse().map(Datum::Number).into_iter().collect()
}

/// A value looked for as it would be kept, for indexes of values.
pub(super) fn kept(datum: &Datum) -> Option<Value> {
    match datum {
        Datum::Text(text) => Some(Value::Text(text.clone())),
        Datum::Number(number) => Some(Value::Decimal(number.to_string())),
        Datum::Seconds(seconds) => Some(Value::Decimal(seconds.to_string())),
        Datum::Flag(yes) => Some(Value::Boolean(*yes)),
        Datum::Id(_) | Datum::Nothing | Datum::Impossible => None,
    }
}
