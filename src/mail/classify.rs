//! What kind of mail it is (EML-20 to EML-28), and whether anything automatic may answer it (EML-85, P14).

use crate::domain::address::Address;
use crate::domain::delivery_class::DeliveryClass;
use crate::mail::dsn::Report;
use crate::mail::message::Message;
use crate::mail::message_id::Keys;

/// What is known about a mail beside its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The envelope's reverse-path; `Some("")` is null, `None` is unknown (the message's Return-Path counts then).
    pub reverse_path: Option<&'a str>,
    /// Our keys, to know our own mail.
    pub keys: &'a Keys,
    /// Header field (lower case) by which the receiving server marks spam, and how its value begins (EML-26).
    pub spam_field: Option<(&'a str, &'a str)>,
    /// The sender is blocked (EML-26).
    pub sender_blocked: bool,
    /// The sender is on the support address's allow list: list mail counts as human (EML-24).
    pub sender_allowed: bool,
}

/// The class and what decided it (EML-90).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification {
    /// The class.
    pub class: DeliveryClass,
    /// The header field or text that decided, for the journal: `auto-submitted: auto-replied`.
    pub reason: String,
    /// What the report says, for the dsn classes and complaints.
    pub report: Option<Report>,
}

/// Says what kind of mail it is.
#[must_use]
pub fn classify(message: &Message, known: &Surroundings<'_>) -> Classification {
    let _ = (message, known);
    Classification { class: DeliveryClass::Human, reason: String::new(), report: None }
}

/// Whether anything automatic may be sent in answer.
///
/// # Errors
/// The reason why not, for the journal.
pub fn may_answer_automatically(
    message: &Message,
    class: DeliveryClass,
    reverse_path: Option<&str>,
    is_own: impl Fn(&Address) -> bool,
) -> Result<(), &'static str> {
    let _ = (message, class, reverse_path, is_own);
    Ok(())
}
