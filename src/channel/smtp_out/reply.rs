//! What the relay says.
//!
//! RFC 5321 §4.2 (codes, several lines). Text is shown to people later: nothing in it can stand for a second line.

use std::fmt;

/// Longest text of a reply that is kept, in characters.
const TEXT_CHARS_MAX: usize = 500;

/// One reply, of one or more lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    code: u16,
    lines: Vec<String>,
}

/// A line of a reply, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReplyLine {
    code: u16,
    last: bool,
    text: String,
}

impl ReplyLine {
    /// Reads `250-text` or `250 text`, without line end; `None` if it is neither.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let (digits, rest) = line.split_at_checked(3)?;
        if !matches!(digits.first(), Some(b'2'..=b'5')) || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let code = str::from_utf8(digits).ok()?.parse().ok()?;
        let (last, text) = match rest.split_first() {
            None => (true, rest),
            Some((b' ', text)) => (true, text),
            Some((b'-', text)) => (false, text),
            Some(_) => return None,
        };
        let text = String::from_utf8_lossy(text).replace(char::is_control, " ");
        Some(Self { code, last, text })
    }
}

impl Reply {
    /// Begins a reply with its first line; the second value says whether more lines follow.
    pub(crate) fn begin(line: ReplyLine) -> (Self, bool) {
        (Self { code: line.code, lines: vec![line.text] }, !line.last)
    }

    /// Adds a line; `None` if it belongs to another reply (RFC 5321 §4.2.1: one code), else whether more follow.
    pub(crate) fn add(&mut self, line: ReplyLine) -> Option<bool> {
        (line.code == self.code).then(|| {
            self.lines.push(line.text);
            !line.last
        })
    }

    /// The three digits.
    pub(crate) fn code(&self) -> u16 {
        self.code
    }

    /// The first digit.
    pub(crate) fn class(&self) -> u16 {
        self.code / 100
    }

    /// The texts of its lines.
    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        let mut left = TEXT_CHARS_MAX;
        for line in self.lines.iter().map(String::as_str).map(str::trim).filter(|line| !line.is_empty()) {
            let shown: String = line.chars().take(left).collect();
            left = left.saturating_sub(shown.chars().count());
            if !shown.is_empty() {
                write!(f, " {shown}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_code_a_mark_and_a_text() {
        type Read = Option<(u16, bool, &'static str)>;
        let cases: [(&[u8], Read); 11] = [
            (b"250 ok", Some((250, true, "ok"))),
            (b"250-SIZE 1", Some((250, false, "SIZE 1"))),
            (b"250", Some((250, true, ""))),
            (b"250 ", Some((250, true, ""))),
            (b"550 a\0b\x1b[31m\xff", Some((550, true, "a b [31m\u{fffd}"))),
            (b"25", None),
            (b"", None),
            (b"250x", None),
            (b"150 early", None),
            (b"650 late", None),
            (b"2x0 no", None),
        ];
        for (line, read) in cases {
            let read = read.map(|(code, last, text)| ReplyLine { code, last, text: text.to_owned() });
            assert_eq!(ReplyLine::parse(line), read, "{:?}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn lines_with_another_code_belong_to_another_reply() {
        let line = |text: &str| ReplyLine::parse(text.as_bytes()).unwrap();
        let (mut reply, more) = Reply::begin(line("550-no"));
        assert!(more);
        assert_eq!(reply.add(line("550-such")), Some(true));
        assert_eq!(reply.add(line("250 user")), None);
        assert_eq!(reply.add(line("550 user")), Some(false));
        assert_eq!(reply.to_string(), "550 no such user");
    }

    #[test]
    fn what_is_shown_of_a_reply_is_bounded() {
        let (mut reply, _) = Reply::begin(ReplyLine { code: 450, last: false, text: "x".repeat(499) });
        reply.add(ReplyLine { code: 450, last: true, text: "yz".repeat(4_000) });
        assert!(reply.to_string().ends_with("x y"));
    }
}
