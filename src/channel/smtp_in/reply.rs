//! What the listener says to its peer.
//!
//! RFC 5321 §4.2 (codes), RFC 3463 (enhanced status codes), RFC 2034 (their place in the line).
//!
//! **Invariant:** one reply is one line of printable ASCII below 512 octets (RFC 5321 §4.5.3.1.5), whatever text it was
//! made from; nothing of it can be taken for a second reply.

use std::borrow::Cow;

/// Longest text of a reply in bytes; with code and status the line stays below 512.
const TEXT_BYTES_MAX: usize = 400;

/// One reply: code, enhanced status code and a sentence a postmaster can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    code: u16,
    /// Empty where RFC 2034 wants none: greeting, HELO, 354.
    status: &'static str,
    text: Cow<'static, str>,
}

impl Reply {
    /// A reply with a fixed text.
    pub(crate) const fn new(code: u16, status: &'static str, text: &'static str) -> Self {
        Self { code, status, text: Cow::Borrowed(text) }
    }

    /// A reply with a text made at run time; what is not printable ASCII becomes `?`, the rest is cut off.
    pub(crate) fn made(code: u16, status: &'static str, text: &str) -> Self {
        let printable = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
        Self { code, status, text: Cow::Owned(text.chars().take(TEXT_BYTES_MAX).map(printable).collect()) }
    }

    /// Whether this answers a mistake of the peer (5yz), as counted against `errors_max`.
    pub(crate) fn is_refusal(&self) -> bool {
        self.code >= 500
    }

    /// Appends the reply as it goes over the wire.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        let Self { code, status, text } = self;
        let gap = if status.is_empty() { "" } else { " " };
        out.extend_from_slice(format!("{code} {status}{gap}{text}\r\n").as_bytes());
    }
}

/// Appends a 250 reply of several lines, as EHLO and LHLO want it (RFC 5321 §4.1.1.1).
pub(crate) fn write_lines(lines: &[String], out: &mut Vec<u8>) {
    let last = lines.len().saturating_sub(1);
    for (index, line) in lines.iter().enumerate() {
        let mark = if index == last { ' ' } else { '-' };
        out.extend_from_slice(format!("250{mark}{line}\r\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.write_to(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_reply_stays_one_line_whatever_its_text() {
        let reply = Reply::made(550, "5.7.1", "No\r\n250 2.0.0 fine \u{fc}\0");
        assert_eq!(wire(&reply), "550 5.7.1 No??250 2.0.0 fine ??\r\n");
        assert!(wire(&Reply::made(550, "5.7.1", &"x".repeat(5_000))).len() < 512);
        assert_eq!(wire(&Reply::new(354, "", "Go on")), "354 Go on\r\n");
    }

    #[test]
    fn only_the_last_of_several_lines_has_a_space() {
        let mut out = Vec::new();
        write_lines(&["a".to_owned(), "B".to_owned()], &mut out);
        assert_eq!(out, b"250-a\r\n250 B\r\n");
    }
}
