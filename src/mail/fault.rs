//! What is wrong with a mail, in words that stay the same (INTERFACES §6 `faults`).
//!
//! **Invariant:** a fault never stops a mail from being stored; some stop it from being parsed or answered.

use std::fmt;

/// One fault of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Nothing but white space.
    Empty,
    /// More than [`crate::mail::limits::FIELDS_MAX`] header fields.
    TooManyFields,
    /// A header field above [`crate::mail::limits::FIELD_BYTES_MAX`].
    FieldTooLong,
    /// A header section above [`crate::mail::limits::HEADER_BYTES_MAX`].
    HeaderTooLong,
    /// A field with more than [`crate::mail::limits::PARAMETERS_MAX`] parameters.
    TooManyParameters,
    /// More than [`crate::mail::limits::PARTS_MAX`] MIME parts.
    TooManyParts,
    /// Parts nested deeper than [`crate::mail::limits::DEPTH_MAX`].
    TooDeep,
    /// The parser gave up.
    Unparseable,
    /// A line of the header section that is no header field.
    BadHeaderLine,
    /// No From field, or none with an address in it.
    NoFrom,
    /// More than one From field, or several authors without Sender.
    AmbiguousFrom,
    /// From is a group (RFC 6854).
    GroupFrom,
    /// The display name of From holds another address.
    NameIsAddress,
    /// A display name or subject held controls or characters that turn the direction of text.
    ControlsInHeader,
    /// A header field that may stand once stands twice (RFC 5322 §3.6).
    DuplicateField,
    /// No usable Message-ID; one was derived (EML-16).
    NoMessageId,
    /// More than one Message-ID.
    AmbiguousMessageId,
    /// Date is missing, unreadable or not a time in this era.
    BadDate,
    /// A charset nobody knows; replaced what could not be read.
    UnknownCharset,
    /// Base64 or quoted-printable that is neither.
    BrokenEncoding,
    /// A multipart whose boundary is missing or never closed.
    BrokenMultipart,
    /// A body was longer than is shown.
    BodyCut,
    /// More attachments than are listed.
    AttachmentsCut,
    /// More addresses or ids than are kept.
    ListCut,
    /// No text of any kind.
    NoText,
}

impl Fault {
    /// The word that names it; never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooManyFields => "too_many_fields",
            Self::FieldTooLong => "field_too_long",
            Self::HeaderTooLong => "header_too_long",
            Self::TooManyParameters => "too_many_parameters",
            Self::TooManyParts => "too_many_parts",
            Self::TooDeep => "too_deep",
            Self::Unparseable => "unparseable",
            Self::BadHeaderLine => "bad_header_line",
            Self::NoFrom => "no_from",
            Self::AmbiguousFrom => "ambiguous_from",
            Self::GroupFrom => "group_from",
            Self::NameIsAddress => "name_is_address",
            Self::ControlsInHeader => "controls_in_header",
            Self::DuplicateField => "duplicate_field",
            Self::NoMessageId => "no_message_id",
            Self::AmbiguousMessageId => "ambiguous_message_id",
            Self::BadDate => "bad_date",
            Self::UnknownCharset => "unknown_charset",
            Self::BrokenEncoding => "broken_encoding",
            Self::BrokenMultipart => "broken_multipart",
            Self::BodyCut => "body_cut",
            Self::AttachmentsCut => "attachments_cut",
            Self::ListCut => "list_cut",
            Self::NoText => "no_text",
        }
    }

    /// Whether a mail with this fault goes to quarantine (EML-8): there is nothing that could be shown as a part.
    #[must_use]
    pub fn quarantines(self) -> bool {
        match self {
            Self::Empty
            | Self::TooManyFields
            | Self::FieldTooLong
            | Self::HeaderTooLong
            | Self::TooManyParameters
            | Self::TooManyParts
            | Self::TooDeep
            | Self::Unparseable => true,
            Self::BadHeaderLine
            | Self::NoFrom
            | Self::AmbiguousFrom
            | Self::GroupFrom
            | Self::NameIsAddress
            | Self::ControlsInHeader
            | Self::DuplicateField
            | Self::NoMessageId
            | Self::AmbiguousMessageId
            | Self::BadDate
            | Self::UnknownCharset
            | Self::BrokenEncoding
            | Self::BrokenMultipart
            | Self::BodyCut
            | Self::AttachmentsCut
            | Self::ListCut
            | Self::NoText => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
