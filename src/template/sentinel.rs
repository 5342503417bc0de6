//! Carries values through Markdown untouched.
//!
//! **Invariant:** between the two marks stand hex digits only, so that no value is ever read as Markdown, HTML or a
//! template (BRC-3). The marks are private-use characters, refused in what an author writes.

use super::escape;
use data_encoding::HEXLOWER;

const OPEN: char = '\u{E000}';
const CLOSE: char = '\u{E001}';

/// Where `text` has a mark of its own.
pub(super) fn find_mark(text: &str) -> Option<usize> {
    text.find([OPEN, CLOSE])
}

/// The value as one opaque word.
pub(super) fn wrap(value: &str) -> String {
    format!("{OPEN}{}{CLOSE}", HEXLOWER.encode(escape::plain(value).as_bytes()))
}

/// `text` with the values back in their places.
pub(super) fn unwrap(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        plain.push_str(before);
        let (hex, after) = after.split_once(CLOSE).unwrap_or((after, ""));
        let value = HEXLOWER.decode(hex.as_bytes()).unwrap_or_default();
        plain.push_str(&String::from_utf8_lossy(&value));
        rest = after;
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were() {
        for value in ["", "Ana", "**b** <i> {{x}} [a](b)", "\u{e9}\u{1F600}", "a\u{E000}b\u{E001}c"] {
            assert_eq!(unwrap(&format!("a{}b{}", wrap(value), wrap("c"))), format!("a{value}bc"));
        }
        assert_eq!(unwrap(&wrap("two\nlines")), "two lines");
    }
}
