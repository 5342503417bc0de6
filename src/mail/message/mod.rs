//! A mail as values.
//!
//! **Invariant:** [`read::read`] never fails and never panics: it gives what could be read and the faults (DESIGN §2.10).
//! Every name and subject here is clean: no control characters, no line breaks, none that turn the direction of text.
//! Follows RFC 5322, RFC 2045 to 2049, RFC 2231.

pub(in crate::mail) mod addresses;
pub mod attachment;
pub(in crate::mail) mod content_hash;
pub(in crate::mail) mod fields;
pub mod msg_id;
pub(in crate::mail) mod msg_id_list;
mod parts;
pub mod read;

use crate::domain::address::Address;
use crate::domain::id::Millis;
use crate::mail::fault::Fault;
use crate::mail::message::attachment::Attachment;
use crate::mail::message::msg_id::MsgId;

pub use crate::mail::message::attachment::attachment_bytes;
pub use crate::mail::message::content_hash::content_hash;
pub use crate::mail::message::read::read;

/// An address with the name shown beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedAddress {
    /// Decoded and cleaned; empty when there is none.
    pub name: String,
    /// The addr-spec.
    pub address: Address,
}

/// A header field as kept for classification and for the API: decoded, cleaned, cut to
/// [`crate::mail::limits::VALUE_CHARS_MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The field's name in lower case.
    pub name: String,
    /// Its value, unfolded.
    pub value: String,
}

/// A part meant for machines: a delivery report, a feedback report, the header of a returned message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// `message/delivery-status`, `message/feedback-report`, `message/rfc822`, `text/rfc822-headers`, … in lower case.
    pub content_type: String,
    /// Its text; of a returned message the header section and the beginning of the body.
    pub text: String,
}

/// A mail, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Authors; more than one means nobody is authenticated by this field.
    pub from: Vec<NamedAddress>,
    /// Sender (RFC 5322 §3.6.2).
    pub sender: Option<NamedAddress>,
    /// Reply-To.
    pub reply_to: Vec<NamedAddress>,
    /// To.
    pub to: Vec<NamedAddress>,
    /// Cc.
    pub cc: Vec<NamedAddress>,
    /// Recipients by envelope evidence, strongest first: Delivered-To, X-Original-To, Envelope-To (EML-10).
    pub envelope_to: Vec<Address>,
    /// Resent-From.
    pub resent_from: Vec<NamedAddress>,
    /// Resent-To and Resent-Cc.
    pub resent_to: Vec<NamedAddress>,
    /// X-Original-From and Original-From, left by lists that rewrite From (EML-44).
    pub original_from: Vec<NamedAddress>,
    /// Return-Path as a delivering server left it; `Some("")` is the null reverse-path.
    pub return_path: Option<String>,
    /// Decoded and cleaned; at most [`crate::mail::limits::SUBJECT_CHARS_MAX`] characters.
    pub subject: String,
    /// The sender's Date, if it is a time; never used for order (P7).
    pub date: Option<Millis>,
    /// Message-ID, or one derived from the raw bytes (EML-16).
    pub message_id: MsgId,
    /// Every further id from Message-ID fields, for matching.
    pub other_ids: Vec<MsgId>,
    /// Ids in In-Reply-To, as written.
    pub in_reply_to: Vec<MsgId>,
    /// Ids in References, oldest first, at most [`crate::mail::limits::REFERENCES_MAX`].
    pub references: Vec<MsgId>,
    /// The text body; from HTML where the mail has no other.
    pub text: String,
    /// The HTML body as sent: not safe to show before [`crate::mail::sanitize`].
    pub html: Option<String>,
    /// Whether `text` was made from `html`.
    pub text_is_from_html: bool,
    /// Everything else.
    pub attachments: Vec<Attachment>,
    /// Machine-readable parts, for [`crate::mail::dsn`].
    pub notices: Vec<Notice>,
    /// The type of the whole, lower case, with `report-type` when it is a report: `multipart/report; delivery-status`.
    pub content_type: String,
    /// All header fields in order.
    pub fields: Vec<Field>,
    /// What is wrong, each once, sorted.
    pub faults: Vec<Fault>,
}

impl Message {
    /// The first field of that name (lower case).
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.value.as_str())
    }

    /// Every field of that name (lower case), from the top.
    pub fn fields_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |field| field.name == name).map(|field| field.value.as_str())
    }

    /// The one author, if there is exactly one.
    #[must_use]
    pub fn author(&self) -> Option<&NamedAddress> {
        match self.from.as_slice() {
            [author] => Some(author),
            _ => None,
        }
    }

    /// Whether the whole is a report, whose parts for machines are notices and no attachments (RFC 6522).
    #[must_use]
    pub fn is_report(&self) -> bool {
        self.content_type.starts_with("multipart/report")
    }

    /// Whether the mail goes to quarantine for one of its faults (EML-8).
    #[must_use]
    pub fn is_to_be_quarantined(&self) -> bool {
        self.faults.iter().any(|fault| fault.quarantines())
    }

    /// Notes a fault, once.
    pub(in crate::mail) fn note(&mut self, fault: Fault) {
        if let Err(place) = self.faults.binary_search(&fault) {
            self.faults.insert(place, fault);
        }
    }
}
