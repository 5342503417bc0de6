//! Attachments: what is listed of them, and their bytes.
//!
//! **Invariant:** a file name from outside never reaches a path: [`Attachment::file_name`] is for showing and for
//! Content-Disposition only, already cleaned.

use crate::mail::clean;
use crate::mail::message::content_hash::line_end_blind_sha256;
use crate::mail::message::content_hash::sha256;
use crate::mail::message::fields;
use crate::mail::prescan::prescan;
use mail_parser::Encoding;
use mail_parser::Message as Parsed;
use mail_parser::MessageParser;
use mail_parser::MessagePart;
use mail_parser::MimeHeaders;
use mail_parser::PartType;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

/// One attachment of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Index of the part in this message, for [`attachment_bytes`]; stable for equal raw bytes.
    pub part_index: usize,
    /// A safe name: never empty, no path, no controls.
    pub file_name: String,
    /// `type/subtype` in lower case as declared; `application/octet-stream` where it is none.
    pub content_type: String,
    /// Decoded octets.
    pub size_bytes: u64,
    /// SHA-256 of the decoded octets; of parts that are not base64 with CRLF read as LF, so that it is the same
    /// however the mail travelled.
    pub content_sha256: [u8; 32],
    /// Content-ID without brackets (RFC 2392).
    pub content_id: Option<String>,
    /// Whether it is meant to be shown in place: Content-Disposition inline with a Content-ID, or named by the HTML body.
    pub inline: bool,
}

/// The decoded bytes of a part named by [`Attachment::part_index`]; `None` if there is no such part, or the mail must
/// not be parsed.
#[must_use]
pub fn attachment_bytes(raw: &[u8], part_index: usize) -> Option<Vec<u8>> {
    prescan(raw).ok()?;
    let raw = fields::without_preamble(raw);
    with_parsed(raw, |parsed| {
        let part = parsed.parts.get(part_index)?;
        Some(part_bytes(raw, part).into_owned())
    })?
}

/// Parses under a guard: a panic of the parser is the same as a mail it cannot read (FAULTS 0.8).
pub(in crate::mail) fn with_parsed<T>(raw: &[u8], read: impl FnOnce(&Parsed<'_>) -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(|| MessageParser::default().parse(raw).map(|parsed| read(&parsed)))).ok().flatten()
}

/// The octets of a part as its sender had them: transfer encoding taken off, charset untouched.
pub(in crate::mail) fn part_bytes<'a>(raw: &'a [u8], part: &'a MessagePart<'_>) -> Cow<'a, [u8]> {
    match &part.body {
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => Cow::Borrowed(bytes.as_ref()),
        PartType::Message(inner) if part.encoding != Encoding::None => Cow::Borrowed(inner.raw_message.as_ref()),
        PartType::Text(_) | PartType::Html(_) | PartType::Message(_) | PartType::Multipart(_) => {
            let encoded = range(raw, part);
            let decoded = match part.encoding {
                Encoding::Base64 => base64_decode(encoded),
                Encoding::QuotedPrintable => quoted_printable_decode(encoded),
                Encoding::None => None,
            };
            decoded.map_or(Cow::Borrowed(encoded), Cow::Owned)
        }
    }
}

fn range<'a>(raw: &'a [u8], part: &MessagePart<'_>) -> &'a [u8] {
    let start = usize::try_from(part.offset_body).unwrap_or(usize::MAX);
    let end = usize::try_from(part.offset_end).unwrap_or(usize::MAX);
    raw.get(start..end.max(start).min(raw.len())).unwrap_or_default()
}

/// Lists a part; `cids` are the Content-IDs the HTML body shows.
pub(in crate::mail) fn describe(
    raw: &[u8],
    part_index: usize,
    part: &MessagePart<'_>,
    cids: &std::collections::HashSet<&str>,
) -> Attachment {
    let bytes = part_bytes(raw, part);
    let content_type = type_of(part);
    let content_id =
        part.content_id().map(|id| clean::line(id.trim_matches(['<', '>', ' ']), 512)).filter(|id| !id.is_empty());
    let is_shown = content_id.as_deref().is_some_and(|id| cids.contains(id));
    let says_inline = part.content_disposition().is_some_and(mail_parser::ContentType::is_inline);
    Attachment {
        part_index,
        file_name: clean::file_name(part.attachment_name().unwrap_or(""), &content_type),
        content_type,
        size_bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        content_sha256: if part.encoding == Encoding::Base64 { sha256(&bytes) } else { line_end_blind_sha256(&bytes) },
        inline: is_shown || (says_inline && content_id.is_some()),
        content_id,
    }
}

/// `type/subtype` in lower case.
pub(in crate::mail) fn type_of(part: &MessagePart<'_>) -> String {
    let declared = part.content_type().map(|ct| format!("{}/{}", ct.ctype(), ct.subtype().unwrap_or("")));
    let fallback = match &part.body {
        PartType::Text(_) => "text/plain",
        PartType::Html(_) => "text/html",
        PartType::Message(_) => "message/rfc822",
        PartType::Multipart(_) => "multipart/mixed",
        PartType::Binary(_) | PartType::InlineBinary(_) => "application/octet-stream",
    };
    let legal = |text: &String| {
        let token = |c: char| c.is_ascii_graphic() && !"()<>@,;:\\\"[]?=/".contains(c);
        text.len() <= 255
            && text
                .split_once('/')
                .is_some_and(|(a, b)| !a.is_empty() && !b.is_empty() && a.chars().all(token) && b.chars().all(token))
    };
    declared.map(|text| text.to_ascii_lowercase()).filter(legal).unwrap_or_else(|| fallback.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_mail_parser_nested_messages_up_to_the_second_bound_are_dropped_without_harm() {
        let raw = "Content-Type: message/rfc822\n\n".repeat(2_000) + "Subject: in\n\ntext";
        assert_eq!(with_parsed(raw.as_bytes(), |parsed| parsed.parts.len()), Some(1));
    }

    #[test]
    fn bytes_are_those_of_the_sender_in_any_charset() {
        let raw = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b\nContent-Type: text/csv; charset=iso-8859-1; name=a.csv\n\
            Content-Disposition: attachment\nContent-Transfer-Encoding: base64\n\n5PYNCg==\n--b--\n";
        let message = crate::mail::message::read(raw);
        let attachment = &message.attachments[0];
        assert_eq!((attachment.file_name.as_str(), attachment.content_type.as_str()), ("a.csv", "text/csv"));
        assert_eq!(attachment_bytes(raw, attachment.part_index).unwrap(), b"\xe4\xf6\r\n");
        assert_eq!(attachment_bytes(raw, 99), None);
    }
}
