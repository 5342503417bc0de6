//! Tags (OBJ-18).

use crate::domain::id::Millis;
use crate::domain::id::TagId;
use crate::domain::refusal::Refusal;

/// Longest name of a tag, in characters.
pub const TAG_CHARS_MAX: usize = 255;
/// Most tags of one thread, part or contact.
pub const TAGS_PER_OBJECT_MAX: usize = 100;

/// A word that agents put on contacts, threads and parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Never changes.
    pub id: TagId,
    /// Unique without case.
    pub name: String,
    /// When it was made.
    pub created_at: Millis,
}

/// A name as it is kept: trimmed, without control characters.
///
/// # Errors
/// `parameter_invalid` for an empty or overlong one.
pub fn clean_name(name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > TAG_CHARS_MAX || name.chars().any(char::is_control) {
        let message = format!("a tag's name takes 1 to {TAG_CHARS_MAX} characters without control characters");
        return Err(Refusal::invalid("name", message));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn obj_18_a_tag_has_a_name_that_can_be_read() {
        assert_eq!(clean_name("  VIP "), Ok("VIP".to_owned()));
        for bad in ["", "  ", "a\nb", &"x".repeat(TAG_CHARS_MAX + 1)] {
            assert!(clean_name(bad).is_err(), "{bad:?}");
        }
    }
}
