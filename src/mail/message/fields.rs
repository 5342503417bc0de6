//! The header section, cut into fields on raw bytes (RFC 5322 §2.2), and their values decoded (RFC 2047).
//!
//! **Invariant:** sees every occurrence of every field, in order; no other reader of headers decides which of two counts
//! (FAULTS 0.8).

use mail_parser::HeaderValue;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::parsers::MessageStream;
use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

/// One field as it stands in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mail) struct RawField<'a> {
    /// Name without colon and spaces before it.
    pub(in crate::mail) name: &'a [u8],
    /// Everything after the colon, folded lines included, without the last line end.
    pub(in crate::mail) value: &'a [u8],
}

impl RawField<'_> {
    pub(in crate::mail) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// What stands at a place of a header section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mail) enum HeaderItem<'a> {
    Field(RawField<'a>),
    /// A line that is neither a field nor folded.
    Stray(&'a [u8]),
}

/// Walks a header section; ends before the empty line or at the end.
#[derive(Clone, Debug)]
pub(in crate::mail) struct HeaderWalk<'a> {
    rest: &'a [u8],
}

impl<'a> HeaderWalk<'a> {
    pub(in crate::mail) fn new(raw: &'a [u8]) -> Self {
        Self { rest: raw }
    }

    /// What follows the items walked so far; after the last one, the body with its empty line.
    pub(in crate::mail) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for HeaderWalk<'a> {
    type Item = HeaderItem<'a>;

    fn next(&mut self) -> Option<HeaderItem<'a>> {
        let (line, after) = split_line(self.rest);
        if trim_line_end(line).is_empty() {
            return None;
        }
        let mut end = line.len();
        let mut rest = after;
        while matches!(rest.first(), Some(b' ' | b'\t')) {
            let (folded, after) = split_line(rest);
            end += folded.len();
            rest = after;
        }
        let (whole, _) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(item(trim_line_end(whole)))
    }
}

fn item(whole: &[u8]) -> HeaderItem<'_> {
    let colon = whole.iter().position(|b| *b == b':');
    let parts = colon.and_then(|at| Some((whole.get(..at)?.trim_ascii_end(), whole.get(at + 1..)?)));
    match parts {
        Some((name, value)) if !name.is_empty() && name.iter().all(u8::is_ascii_graphic) => {
            HeaderItem::Field(RawField { name, value })
        }
        _ => HeaderItem::Stray(whole),
    }
}

/// The first line with its line end, and the rest.
pub(in crate::mail) fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
    bytes.split_at_checked(end).unwrap_or((bytes, b""))
}

/// Without its CRLF or LF.
pub(in crate::mail) fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The message without an mbox separator and empty lines at its top.
pub(in crate::mail) fn without_preamble(raw: &[u8]) -> &[u8] {
    let mut rest = raw;
    loop {
        let (line, after) = split_line(rest);
        if after.is_empty() || !(is_separator(line) || trim_line_end(line).is_empty()) {
            return rest;
        }
        rest = after;
    }
}

/// `From ` and no field: before the colon of one there may be spaces (RFC 5322 §4.5).
fn is_separator(line: &[u8]) -> bool {
    let unquoted = line.strip_prefix(b">").unwrap_or(line);
    unquoted.strip_prefix(b"From ").is_some_and(|rest| !rest.trim_ascii_start().starts_with(b":"))
}

/// UTF-8 where it is, else Windows-1252: what raw 8-bit header fields of the last decades hold.
pub(in crate::mail) fn to_utf8(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => match charset_decoder(b"windows-1252") {
            Some(decode) => Cow::Owned(decode(bytes)),
            None => String::from_utf8_lossy(bytes),
        },
    }
}

/// The value of an unstructured field, unfolded and decoded.
pub(in crate::mail) fn unstructured(value: &[u8]) -> String {
    parsed(value, |stream| stream.parse_unstructured().into_text().map(Cow::into_owned)).unwrap_or_default()
}

/// Runs one of the parser's field readers over a value, under a guard: a panic is the same as a value it cannot read.
pub(in crate::mail) fn parsed<T>(value: &[u8], read: impl FnOnce(&mut MessageStream<'_>) -> Option<T>) -> Option<T> {
    let mut line = to_utf8(value).trim().as_bytes().to_vec();
    line.push(b'\n');
    catch_unwind(AssertUnwindSafe(|| read(&mut MessageStream::new(&line)))).ok().flatten()
}

/// An address field as the parser reads it.
pub(in crate::mail) fn addresses(value: &[u8]) -> Option<mail_parser::Address<'static>> {
    parsed(value, |stream| match stream.parse_address() {
        HeaderValue::Address(address) => Some(address.into_owned()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(raw: &str) -> Vec<String> {
        HeaderWalk::new(raw.as_bytes())
            .map(|item| match item {
                HeaderItem::Field(field) => String::from_utf8_lossy(field.name).into_owned(),
                HeaderItem::Stray(line) => format!("?{}", String::from_utf8_lossy(line)),
            })
            .collect()
    }

    #[test]
    fn fields_are_found_in_any_spelling() {
        assert_eq!(names("A: 1\r\n b\r\nB : 2\n\tc\nnonsense\nC:\n\nD: no\n"), ["A", "B", "?nonsense", "C"]);
        assert_eq!(names(""), Vec::<String>::new());
        assert_eq!(names("\nA: 1"), Vec::<String>::new());
    }

    #[test]
    fn a_walk_ends_at_the_body() {
        let mut walk = HeaderWalk::new(b"A: 1\nB: 2\n\nbody");
        assert_eq!(walk.by_ref().count(), 2);
        assert_eq!(walk.rest(), b"\nbody");
    }

    #[test]
    fn mbox_separators_and_empty_lines_at_the_top_do_not_hide_the_header() {
        assert_eq!(without_preamble(b"From a@b Mon Jan 1 2001\n\r\nSubject: x\n"), b"Subject: x\n");
        assert_eq!(without_preamble(b"From: a@b\n\n"), b"From: a@b\n\n");
        assert_eq!(without_preamble(b"From : a@b\n\n"), b"From : a@b\n\n", "spaces before a colon");
        assert_eq!(without_preamble(b"\n"), b"\n");
    }

    #[test]
    fn raw_8_bit_values_are_readable() {
        assert_eq!(unstructured("Grüße".as_bytes()), "Grüße");
        assert_eq!(unstructured(b" Gr\xfc\xdfe"), "Grüße");
        assert_eq!(unstructured(b"=?iso-8859-1?q?Gr=FC=DFe?=\r\n =?utf-8?b?w6Q=?="), "Grüßeä");
    }
}
