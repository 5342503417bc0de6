//! Reading JSON answers: what is asked for is there, or the step says what is missing.

use anyhow::Context;
use anyhow::Result;
use serde_json::Value;

/// Longest piece of an answer shown in a fault, in characters.
const SHOWN_CHARS: usize = 400;

/// The value at a JSON pointer (RFC 6901).
pub(super) fn at<'v>(value: &'v Value, path: &str) -> Result<&'v Value> {
    value.pointer(path).with_context(|| format!("{path} is not in {}", shown(value)))
}

/// The text at a JSON pointer.
pub(super) fn text<'v>(value: &'v Value, path: &str) -> Result<&'v str> {
    at(value, path)?.as_str().with_context(|| format!("{path} is no text in {}", shown(value)))
}

/// The number at a JSON pointer.
pub(super) fn number(value: &Value, path: &str) -> Result<u64> {
    at(value, path)?.as_u64().with_context(|| format!("{path} is no number in {}", shown(value)))
}

/// The list at a JSON pointer.
pub(super) fn list<'v>(value: &'v Value, path: &str) -> Result<&'v [Value]> {
    let list = at(value, path)?.as_array().with_context(|| format!("{path} is no list in {}", shown(value)))?;
    Ok(list)
}

/// Whether the text at `path` is `word`.
pub(super) fn is(value: &Value, path: &str, word: &str) -> bool {
    value.pointer(path).and_then(Value::as_str) == Some(word)
}

/// The parts of a conversation or a ticket, oldest first.
pub(super) fn parts(thread: &Value) -> Result<&[Value]> {
    match thread
        .pointer("/conversation_parts/conversation_parts")
        .or_else(|| thread.pointer("/ticket_parts/ticket_parts"))
    {
        Some(Value::Array(parts)) => Ok(parts),
        _ => anyhow::bail!("no parts in {}", shown(thread)),
    }
}

/// The last part of that type.
pub(super) fn last_part<'v>(thread: &'v Value, part_type: &str) -> Result<&'v Value> {
    let found = parts(thread)?.iter().rfind(|part| is(part, "/part_type", part_type));
    found.with_context(|| format!("no part {part_type} in {}", shown(thread)))
}

/// A value in few characters.
pub(super) fn shown(value: &Value) -> String {
    value.to_string().chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_missing_is_named() {
        let value = json!({"a": {"b": "x", "n": 3}});
        assert_eq!((text(&value, "/a/b").unwrap(), number(&value, "/a/n").unwrap()), ("x", 3));
        assert_eq!(text(&value, "/a/c").unwrap_err().to_string(), r#"/a/c is not in {"a":{"b":"x","n":3}}"#);
        assert!(number(&value, "/a/b").is_err() && list(&value, "/a").is_err());
        assert!(is(&value, "/a/b", "x") && !is(&value, "/a/n", "3"));
    }

    #[test]
    fn the_last_part_of_a_type_is_found_in_both_forms() {
        let part = |kind: &str, id: u32| json!({"part_type": kind, "id": id});
        let parts = json!([part("note", 1), part("comment", 2), part("note", 3)]);
        for thread in [
            json!({"conversation_parts": {"conversation_parts": parts}}),
            json!({"ticket_parts": {"ticket_parts": parts}}),
        ] {
            assert_eq!(last_part(&thread, "note").unwrap()["id"], 3);
            assert!(last_part(&thread, "open").is_err());
        }
    }
}
