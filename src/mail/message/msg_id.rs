//! A msg-id: the name of one mail (RFC 5322 §3.6.4).
//!
//! **Invariant:** holds printable characters without spaces and angle brackets only, at most
//! [`crate::mail::limits::MSG_ID_BYTES_MAX`] octets, so that it can stand in a header field and in a key.

use crate::mail::limits::MSG_ID_BYTES_MAX;
use std::fmt;

/// A msg-id without its angle brackets. The empty one stands for "none" in a default message only.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MsgId(String);

impl MsgId {
    /// Reads one msg-id with or without brackets; `None` for anything that cannot be one. Without `@` it is taken
    /// as it is: such ids exist and are matched by equality (EML-37).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('<').unwrap_or(text);
        let text = text.strip_suffix('>').unwrap_or(text);
        let fits = !text.is_empty() && text.len() <= MSG_ID_BYTES_MAX;
        let legal = text.chars().all(|c| !c.is_control() && !c.is_whitespace() && !matches!(c, '<' | '>'));
        (fits && legal).then(|| Self(text.to_owned()))
    }

    /// Without brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the last `@`.
    #[must_use]
    pub fn left(&self) -> &str {
        self.0.rsplit_once('@').map_or(self.0.as_str(), |(left, _)| left)
    }
}

impl fmt::Display for MsgId {
    /// With brackets, as it stands in a header field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}
