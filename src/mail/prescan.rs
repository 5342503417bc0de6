//! A look at raw bytes before any parser sees them (FAULTS 28, 37, 39 to 41).
//!
//! **Invariant:** one pass in linear time, constant memory but for a stack of [`DEPTH_MAX`] boundaries. What passes can be
//! parsed without deep recursion or unbounded lists.

use crate::mail::fault::Fault;
use crate::mail::limits::DEPTH_MAX;
use crate::mail::limits::FIELD_BYTES_MAX;
use crate::mail::limits::FIELDS_MAX;
use crate::mail::limits::HEADER_BYTES_MAX;
use crate::mail::limits::PARAMETERS_MAX;
use crate::mail::limits::PARTS_MAX;
use crate::mail::message::fields;
use crate::mail::message::fields::HeaderItem;
use crate::mail::message::fields::HeaderWalk;
use crate::mail::message::fields::RawField;

/// Whether a mail may be parsed.
///
/// # Errors
/// The first limit of [`crate::mail::limits`] that it breaks.
pub fn prescan(raw: &[u8]) -> Result<(), Fault> {
    let raw = fields::without_preamble(raw);
    if raw.trim_ascii().is_empty() {
        return Err(Fault::Empty);
    }
    header_limits(raw)?;
    Structure::default().walk(raw)
}

/// The limits of the message's own header section alone: what a listener asks before it reads on.
///
/// # Errors
/// The first limit that it breaks.
pub fn header_limits(raw: &[u8]) -> Result<(), Fault> {
    let raw = fields::without_preamble(raw);
    let mut walk = HeaderWalk::new(raw);
    let mut count = 0;
    while let Some(item) = walk.next() {
        count += 1;
        if count > FIELDS_MAX {
            return Err(Fault::TooManyFields);
        }
        field_limits(&item)?;
        if raw.len() - walk.rest().len() > HEADER_BYTES_MAX {
            return Err(Fault::HeaderTooLong);
        }
    }
    Ok(())
}

fn field_limits(item: &HeaderItem<'_>) -> Result<(), Fault> {
    let value = match item {
        HeaderItem::Field(field) => field.value,
        HeaderItem::Stray(line) => line,
    };
    if value.len() > FIELD_BYTES_MAX {
        return Err(Fault::FieldTooLong);
    }
    let parameters = value.iter().filter(|b| **b == b';').count();
    if parameters > PARAMETERS_MAX { Err(Fault::TooManyParameters) } else { Ok(()) }
}

/// Names of fields that may stand once (RFC 5322 §3.6, RFC 2045) and stand more than once, in lower case.
pub(in crate::mail) fn duplicated_fields(raw: &[u8]) -> Vec<&'static str> {
    const ONCE: [&str; 14] = [
        "date",
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "message-id",
        "in-reply-to",
        "references",
        "subject",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
        "content-disposition",
    ];
    let mut seen = [0_usize; ONCE.len()];
    for item in HeaderWalk::new(raw).take(FIELDS_MAX) {
        let HeaderItem::Field(field) = item else { continue };
        if let Some((_, count)) = ONCE.iter().zip(&mut seen).find(|(name, _)| field.is(name)) {
            *count += 1;
        }
    }
    ONCE.into_iter().zip(seen).filter(|(_, count)| *count > 1).map(|(name, _)| name).collect()
}

/// One level of the tree of parts.
#[derive(Debug)]
enum Level {
    /// A multipart and its boundary; the flag tells whether its parts are messages by default (RFC 2046 §5.1.5).
    Multipart(Vec<u8>, bool),
    /// A message inside.
    Message,
}

/// Walks the tree of parts by lines, counting.
#[derive(Debug, Default)]
struct Structure {
    levels: Vec<Level>,
    parts: usize,
    type_lines: usize,
}

/// What a part's header section says of its body.
enum Kind {
    Multipart(Vec<u8>, bool),
    Message,
    Leaf,
}

impl Structure {
    fn walk(mut self, raw: &[u8]) -> Result<(), Fault> {
        let mut rest = self.enter(raw)?;
        while !rest.is_empty() {
            let (line, after) = fields::split_line(rest);
            rest = after;
            if is_type_line(line) {
                self.count_type_line()?;
            }
            if line.starts_with(b"--") && self.is_part_start(line) {
                self.parts += 1;
                if self.parts > PARTS_MAX {
                    return Err(Fault::TooManyParts);
                }
                rest = self.enter(rest)?;
            }
        }
        Ok(())
    }

    /// Reads the header section of a part, and of the messages that directly follow it; gives what comes after.
    fn enter<'a>(&mut self, raw: &'a [u8]) -> Result<&'a [u8], Fault> {
        let mut rest = raw;
        loop {
            let mut walk = HeaderWalk::new(rest);
            let kind = self.kind(&mut walk)?;
            let (_, body) = fields::split_line(walk.rest());
            let level = match kind {
                Kind::Multipart(boundary, digest) => Level::Multipart(boundary, digest),
                Kind::Message => Level::Message,
                Kind::Leaf => return Ok(body),
            };
            let is_message = matches!(level, Level::Message);
            self.levels.push(level);
            if self.levels.len() > DEPTH_MAX {
                return Err(Fault::TooDeep);
            }
            if !is_message {
                return Ok(body);
            }
            rest = body;
        }
    }

    fn kind(&mut self, walk: &mut HeaderWalk<'_>) -> Result<Kind, Fault> {
        let in_digest = matches!(self.levels.last(), Some(Level::Multipart(_, true)));
        let mut kind = if in_digest { Kind::Message } else { Kind::Leaf };
        let (mut encodings, mut transfer_fields) = (0, 0);
        let mut count = 0;
        for item in walk.by_ref() {
            count += 1;
            if count > FIELDS_MAX {
                return Err(Fault::TooManyFields);
            }
            field_limits(&item)?;
            let HeaderItem::Field(field) = item else { continue };
            if field.is("content-type") {
                self.count_type_line()?;
                kind = kind_of(&field);
            }
            if field.is("content-transfer-encoding") {
                transfer_fields += 1;
                encodings += usize::from(is_encoding(field.value));
            }
        }
        // Of contradicting fields a parser may take either: only what all of them encode is no message to walk into.
        let is_encoded = transfer_fields > 0 && encodings == transfer_fields;
        Ok(if is_encoded && matches!(kind, Kind::Message) { Kind::Leaf } else { kind })
    }

    /// A second bound that does not depend on how boundaries are read: no parser sees more levels than there are lines
    /// that declare a type.
    fn count_type_line(&mut self) -> Result<(), Fault> {
        self.type_lines += 1;
        if self.type_lines > 2 * PARTS_MAX { Err(Fault::TooManyParts) } else { Ok(()) }
    }

    /// Whether the line begins a part of one of the open multiparts; leaves the levels below it.
    fn is_part_start(&mut self, line: &[u8]) -> bool {
        let text = line.get(2..).unwrap_or_default().trim_ascii_end();
        let found = self.levels.iter().rposition(|level| match level {
            Level::Multipart(boundary, _) => text.strip_suffix(b"--").unwrap_or(text) == boundary || text == boundary,
            Level::Message => false,
        });
        let Some(at) = found else { return false };
        let is_end = matches!(self.levels.get(at), Some(Level::Multipart(boundary, _)) if text != boundary);
        self.levels.truncate(if is_end { at } else { at + 1 });
        !is_end
    }
}

fn is_type_line(line: &[u8]) -> bool {
    line.trim_ascii_start().get(..12).is_some_and(|start| start.eq_ignore_ascii_case(b"content-type"))
}

fn is_encoding(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    value.eq_ignore_ascii_case(b"base64") || value.eq_ignore_ascii_case(b"quoted-printable")
}

fn kind_of(field: &RawField<'_>) -> Kind {
    let parsed = fields::parsed(field.value, |stream| stream.parse_content_type().as_content_type().map(owned_type));
    match parsed {
        Some((kind, subtype, Some(boundary))) if kind == "multipart" => {
            Kind::Multipart(boundary.into_bytes(), subtype == "digest")
        }
        Some((kind, subtype, _)) if kind == "message" && matches!(subtype.as_str(), "rfc822" | "global") => {
            Kind::Message
        }
        _ => Kind::Leaf,
    }
}

fn owned_type(content_type: &mail_parser::ContentType<'_>) -> (String, String, Option<String>) {
    let boundary = content_type.attribute("boundary").map(str::to_owned);
    (content_type.ctype().to_ascii_lowercase(), content_type.subtype().unwrap_or("").to_ascii_lowercase(), boundary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        let mut mail = String::from("From: a@b.c\n");
        for level in 0..depth {
            mail.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"));
        }
        mail + "\ntext\n"
    }

    fn messages(depth: usize) -> String {
        "Content-Type: message/rfc822\n\n".repeat(depth) + "Subject: in\n\ntext\n"
    }

    fn parts(count: usize) -> String {
        "Content-Type: multipart/mixed; boundary=b\n\n".to_owned() + &"--b\n\nx\n".repeat(count) + "--b--\n"
    }

    #[test]
    fn mails_within_the_limits_pass() {
        for mail in ["A: b\n\nc", "no header at all", &nested(32), &messages(32), &parts(1_000)] {
            assert_eq!(prescan(mail.as_bytes()), Ok(()), "{mail:.60}");
        }
    }

    #[test]
    fn trap_bad_inputs_are_refused_before_parsing() {
        let table = [
            ("\r\n \n".to_owned(), Fault::Empty),
            ("To: a@b.c\n".repeat(500_000), Fault::TooManyFields),
            (format!("A: {}\n\n", "x".repeat(65 * 1_024)), Fault::FieldTooLong),
            (format!("A: {}\n", "x".repeat(60_000)).repeat(5), Fault::HeaderTooLong),
            (format!("Content-Type: text/plain{}\n\n", "; a*0=b".repeat(5_000)), Fault::TooManyParameters),
            (nested(33), Fault::TooDeep),
            (nested(100_000), Fault::TooDeep),
            (messages(33), Fault::TooDeep),
            (messages(100_000), Fault::TooDeep),
            (parts(1_001), Fault::TooManyParts),
            (format!("A: b\n\n{}", "Content-Type: message/rfc822\n\n".repeat(2_001)), Fault::TooManyParts),
        ];
        for (mail, fault) in table {
            assert_eq!(prescan(mail.as_bytes()), Err(fault), "{mail:.60}");
        }
    }

    #[test]
    fn digests_nest_messages_without_saying_so() {
        let level = "Content-Type: multipart/digest; boundary=b\n\n--b\n\n";
        assert_eq!(prescan(level.repeat(17).as_bytes()), Err(Fault::TooDeep));
    }

    #[test]
    fn trap_two_from_fields_are_seen() {
        assert_eq!(duplicated_fields(b"From: a@b\nTo: x\nfrom : c@d\nMessage-ID: <1>\n\nTo: y\n"), ["from"]);
    }
}
