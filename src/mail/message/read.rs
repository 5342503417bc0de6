//! From raw bytes to a [`Message`].

use crate::mail::message::Message;

/// Reads a mail.
#[must_use]
pub fn read(raw: &[u8]) -> Message {
    let _ = raw;
    Message::default()
}
