//! Fields of a body, read with strict types (API-3, API-4).
//!
//! **Invariant:** a field of the wrong type is refused by its name, never guessed at. Unknown keys are ignored.

use crate::desk::ticket::tickets::Values;
use crate::domain::attribute::Value as Kept;
use crate::domain::id::Millis;
use crate::http::error::ApiError;
use crate::http::error::Result;
use serde_json::Map;
use serde_json::Value;
use std::str::FromStr;

/// A field as it was sent (API-4: absent leaves alone, null clears).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given<T> {
    Absent,
    Null,
    Some(T),
}

impl<T> Given<T> {
    /// The value; null counts as absent.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Some(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// The change it asks for: none, clear, set.
    #[expect(clippy::option_option, reason = "the desk's form of API-4")]
    pub(crate) fn change(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Some(value) => Some(Some(value)),
        }
    }

    fn try_map<U>(self, read: impl FnOnce(T) -> Result<U>) -> Result<Given<U>> {
        Ok(match self {
            Self::Absent => Given::Absent,
            Self::Null => Given::Null,
            Self::Some(value) => Given::Some(read(value)?),
        })
    }
}

/// Fields of an object in a body; errors name them with their path.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'v> {
    map: &'v Map<String, Value>,
    path: String,
}

impl<'v> Fields<'v> {
    /// The fields of a body.
    pub(crate) fn at_top(map: &'v Map<String, Value>) -> Self {
        Self { map, path: String::new() }
    }

    /// The fields of a value that must be an object.
    pub(crate) fn of(value: &'v Value, path: &str) -> Result<Self> {
        let map = value.as_object().ok_or_else(|| ApiError::wrong_type(path, "an object"))?;
        Ok(Self { map, path: format!("{path}.") })
    }

    /// The name of a field with its path, for errors.
    pub(crate) fn named(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }

    /// Any value.
    pub(crate) fn any(&self, name: &str) -> Given<&'v Value> {
        match self.map.get(name) {
            None => Given::Absent,
            Some(Value::Null) => Given::Null,
            Some(value) => Given::Some(value),
        }
    }

    /// Names of what is there, for objects whose keys are the caller's.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'v str> {
        self.map.keys().map(String::as_str)
    }

    fn typed<T>(&self, name: &str, expected: &str, read: impl FnOnce(&'v Value) -> Option<T>) -> Result<Given<T>> {
        self.any(name).try_map(|value| read(value).ok_or_else(|| ApiError::wrong_type(&self.named(name), expected)))
    }

    /// Text.
    pub(crate) fn text(&self, name: &str) -> Result<Given<&'v str>> {
        self.typed(name, "a string", Value::as_str)
    }

    /// Text as an owned string.
    pub(crate) fn owned(&self, name: &str) -> Result<Given<String>> {
        self.text(name)?.try_map(|text| Ok(text.to_owned()))
    }

    /// Yes or no.
    pub(crate) fn flag(&self, name: &str) -> Result<Given<bool>> {
        self.typed(name, "true or false", Value::as_bool)
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&self, name: &str) -> Result<Given<u64>> {
        self.typed(name, "a whole number", Value::as_u64)
    }

    /// An object.
    pub(crate) fn object(&self, name: &str) -> Result<Given<Fields<'v>>> {
        self.typed(name, "an object", Value::as_object)?
            .try_map(|map| Ok(Fields { map, path: format!("{}.", self.named(name)) }))
    }

    /// An array.
    pub(crate) fn list(&self, name: &str) -> Result<Given<&'v [Value]>> {
        self.typed(name, "an array", |value| value.as_array().map(Vec::as_slice))
    }

    /// An id, as string or number (OBJ-1).
    pub(crate) fn id<T: FromStr>(&self, name: &str) -> Result<Given<T>> {
        self.any(name).try_map(|value| read_id(value, &self.named(name)))
    }

    /// A moment, in Unix seconds or ISO 8601 (API-3).
    pub(crate) fn moment(&self, name: &str) -> Result<Given<Millis>> {
        self.typed(name, "Unix seconds or an ISO 8601 time with offset", read_moment)
    }

    /// Text that must be there.
    pub(crate) fn required_text(&self, name: &str) -> Result<&'v str> {
        self.text(name)?.value().ok_or_else(|| ApiError::missing(&self.named(name)))
    }

    /// An id that must be there.
    pub(crate) fn required_id<T: FromStr>(&self, name: &str) -> Result<T> {
        self.id(name)?.value().ok_or_else(|| ApiError::missing(&self.named(name)))
    }

    /// One of a few words, read by `read`.
    pub(crate) fn word<T>(&self, name: &str, expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<Given<T>> {
        self.text(name)?.try_map(|text| {
            let named = self.named(name);
            read(text)
                .ok_or_else(|| ApiError::field("parameter_invalid", &named, format!("'{named}' takes {expected}")))
        })
    }

    /// Values by name, as the desk takes them; null clears. Empty when absent.
    pub(crate) fn values(&self, name: &str) -> Result<Values> {
        let Given::Some(object) = self.object(name)? else {
            return Ok(Vec::new());
        };
        object.map.iter().map(|(key, value)| Ok((key.clone(), kept(value, &object.named(key))?))).collect()
    }
}

/// An id, as string or number.
pub(crate) fn read_id<T: FromStr>(value: &Value, named: &str) -> Result<T> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) if number.is_u64() => number.to_string(),
        _ => return Err(ApiError::wrong_type(named, "an id")),
    };
    text.parse().map_err(|_| ApiError::field("parameter_invalid", named, format!("'{named}' is not an id")))
}

fn read_moment(value: &Value) -> Option<Millis> {
    match value {
        Value::Number(number) => number.as_u64()?.checked_mul(1_000).map(Millis),
        Value::String(text) => read_moment_text(text),
        _ => None,
    }
}

/// A moment of a query, in the same forms.
pub(crate) fn read_moment_text(text: &str) -> Option<Millis> {
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1_000).map(Millis);
    }
    let at: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(at.as_millisecond()).ok().map(Millis)
}

fn kept(value: &Value, named: &str) -> Result<Option<Kept>> {
    let kept = match value {
        Value::Null => return Ok(None),
        Value::Bool(yes) => Kept::Boolean(*yes),
        Value::String(text) => Kept::Text(text.clone()),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Kept::Integer(whole),
            None => Kept::Decimal(number.to_string()),
        },
        Value::Array(ids) => {
            let ids = ids.iter().map(|id| match id {
                Value::String(id) => Ok(id.clone()),
                Value::Number(id) if id.is_u64() => Ok(id.to_string()),
                _ => Err(ApiError::wrong_type(named, "an array of upload ids")),
            });
            Kept::Files(ids.collect::<Result<_>>()?)
        }
        Value::Object(_) => return Err(ApiError::wrong_type(named, "a single value")),
    };
    Ok(Some(kept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ThreadId;
    use serde_json::json;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn code<T: std::fmt::Debug>(read: Result<T>) -> (&'static str, Option<String>) {
        let error = read.unwrap_err();
        (error.code, error.field)
    }

    #[test]
    fn api_3_ids_and_moments_come_in_both_forms() {
        let map = map(&json!({"a": "80412", "b": 80412, "s": 1767225600, "i": "2026-01-01T01:00:00+01:00", "n": null}));
        let fields = Fields::at_top(&map);
        for name in ["a", "b"] {
            assert_eq!(fields.id::<ThreadId>(name).unwrap(), Given::Some(ThreadId(80_412)));
        }
        for name in ["s", "i"] {
            assert_eq!(fields.moment(name).unwrap(), Given::Some(Millis(1_767_225_600_000)));
        }
        assert_eq!(fields.id::<ThreadId>("n").unwrap(), Given::Null);
        assert_eq!(fields.id::<ThreadId>("x").unwrap(), Given::Absent);
    }

    #[test]
    fn api_3_a_wrong_type_is_refused_by_name() {
        let map = map(&json!({
            "t": 5, "f": "true", "l": {}, "o": [], "m": "soon", "v": {"k": {"x": 1}},
            "id": -1, "id2": 1.5, "id3": "../1", "id4": "9007199254740992",
        }));
        let fields = Fields::at_top(&map);
        assert_eq!(code(fields.text("t")), ("type_mismatch", Some("t".to_owned())));
        assert_eq!(code(fields.flag("f")).0, "type_mismatch");
        assert_eq!(code(fields.list("l")).0, "type_mismatch");
        assert_eq!(code(fields.object("o")).0, "type_mismatch");
        assert_eq!(code(fields.moment("m")).0, "type_mismatch");
        assert_eq!(code(fields.id::<ThreadId>("id")).0, "type_mismatch");
        assert_eq!(code(fields.id::<ThreadId>("id2")).0, "type_mismatch");
        assert_eq!(code(fields.id::<ThreadId>("id3")), ("parameter_invalid", Some("id3".to_owned())));
        assert_eq!(code(fields.id::<ThreadId>("id4")).0, "parameter_invalid");
        assert_eq!(code(fields.required_text("none")), ("parameter_not_found", Some("none".to_owned())));
        assert_eq!(code(fields.values("v")), ("type_mismatch", Some("v.k".to_owned())));
    }

    #[test]
    fn att_3_values_keep_their_kind() {
        let map = map(&json!({"v": {"t": "x", "i": -3, "d": 0.25, "b": true, "n": null, "f": ["1", 2]}}));
        let fields = Fields::at_top(&map);
        let values: std::collections::BTreeMap<_, _> = fields.values("v").unwrap().into_iter().collect();
        assert_eq!(values["t"], Some(Kept::Text("x".to_owned())));
        assert_eq!(values["i"], Some(Kept::Integer(-3)));
        assert_eq!(values["d"], Some(Kept::Decimal("0.25".to_owned())));
        assert_eq!(values["b"], Some(Kept::Boolean(true)));
        assert_eq!(values["n"], None);
        assert_eq!(values["f"], Some(Kept::Files(vec!["1".to_owned(), "2".to_owned()])));
    }
}
