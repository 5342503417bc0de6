//! The limits of everything that is read from or written to a mail, on one page.
//!
//! **Invariant:** a mail within these limits is worked on in bounded memory and linear time; beyond them it is either
//! refused before parsing ([`crate::mail::prescan`]) or cut, with a fault that says so.

/// Header fields in one message.
pub const FIELDS_MAX: usize = 1_000;
/// Octets of one header field, folded lines included.
pub const FIELD_BYTES_MAX: usize = 64 * 1_024;
/// Octets of a message's header section.
pub const HEADER_BYTES_MAX: usize = 256 * 1_024;
/// MIME parts in one message, counted by boundary lines.
pub const PARTS_MAX: usize = 1_000;
/// Depth of multiparts and nested messages.
pub const DEPTH_MAX: usize = 32;
/// Parameters (RFC 2231) in one header field, counted by semicolons.
pub const PARAMETERS_MAX: usize = 1_000;

/// Characters of a decoded subject (RFC 5322 §2.1.1).
pub const SUBJECT_CHARS_MAX: usize = 998;
/// Characters of a decoded display name.
pub const NAME_CHARS_MAX: usize = 256;
/// Characters of a file name as shown.
pub const FILE_NAME_CHARS_MAX: usize = 180;
/// Characters of a header field's value as kept in [`crate::mail::message::Message::fields`].
pub const VALUE_CHARS_MAX: usize = 2_000;
/// Addresses kept of one header field.
pub const ADDRESSES_MAX: usize = 500;
/// Octets of one msg-id; longer ones are not ids.
pub const MSG_ID_BYTES_MAX: usize = 512;
/// Ids kept of References (EML-37).
pub const REFERENCES_MAX: usize = 200;
/// Ids kept from the head of References when there are too many; the rest are the last ones.
pub const REFERENCES_HEAD: usize = 20;
/// Octets of text (and of HTML) kept of a message's bodies, each.
pub const BODY_BYTES_MAX: usize = 2 * 1_024 * 1_024;
/// Attachments listed of one message.
pub const ATTACHMENTS_MAX: usize = 500;
/// Machine-readable parts kept of one message, and octets of each.
pub const NOTICES_MAX: usize = 8;
/// Octets kept of one machine-readable part.
pub const NOTICE_BYTES_MAX: usize = 64 * 1_024;

/// Octets of HTML that are cleaned; more is not shown as HTML (EML-51).
pub const HTML_BYTES_MAX: usize = 1_024 * 1_024;
/// Elements in cleaned HTML (EML-51).
pub const HTML_NODES_MAX: usize = 20_000;
/// Depth of open elements (EML-51).
pub const HTML_DEPTH_MAX: usize = 256;
/// Links (EML-51).
pub const HTML_LINKS_MAX: usize = 5_000;
/// Character references in text; a parser's time for many in a row is quadratic.
pub const HTML_REFERENCES_MAX: usize = 30_000;
/// Character references in one element's attributes.
pub const HTML_TAG_REFERENCES_MAX: usize = 2_000;
/// Attributes of one element.
pub const HTML_ATTRIBUTES_MAX: usize = 200;

/// Recipients reported in one bounce.
pub const REPORTED_MAX: usize = 100;
/// Octets of text looked at for a bounce in words.
pub const BOUNCE_TEXT_BYTES_MAX: usize = 64 * 1_024;
/// Newest ids written to References, besides the first (EML-61).
pub const REFERENCES_OUT_NEWEST: usize = 19;
/// Octets of References written (EML-61).
pub const REFERENCES_OUT_BYTES_MAX: usize = 8 * 1_024;
