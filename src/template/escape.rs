//! How a value is put into each kind of text, and which addresses may be links.
//!
//! **Invariant:** whatever the value, HTML text gains no tag and no attribute, plain text no new line, a subject no
//! control character (RFC 5322 §2.2 forbids bare CR and LF in a header field).

use std::borrow::Cow;

/// Longest web address that is put into a text; common clients cut longer ones.
const WEB_URL_BYTES_MAX: usize = 2_048;

/// Control characters, and those that turn the reading direction of what follows and so can disguise it.
fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{0B}' | '\u{0C}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A value inside HTML text or a quoted attribute.
pub(super) fn html(value: &str) -> String {
    let visible: String = value.chars().filter(|c| matches!(c, '\n' | '\t') || !is_hidden(*c)).collect();
    handlebars::html_escape(&visible)
}

/// A value inside plain text: as it is, on one line.
pub(super) fn plain(value: &str) -> String {
    value.chars().map(|c| if is_line_break(c) || c == '\t' { ' ' } else { c }).filter(|c| !is_hidden(*c)).collect()
}

/// Text of several lines: `\n` between lines, no control characters but tab.
pub(super) fn lines(text: &str) -> String {
    let unix: Cow<'_, str> = if text.contains('\r') { text.replace("\r\n", "\n").into() } else { Cow::Borrowed(text) };
    unix.chars()
        .map(|c| if is_line_break(c) { '\n' } else { c })
        .filter(|c| matches!(c, '\n' | '\t') || !is_hidden(*c))
        .collect()
}

/// A whole rendered text as one line: runs of white space become one space; cut at a word with an ellipsis when longer
/// than `chars_max`.
pub(super) fn one_line(text: &str, chars_max: usize) -> String {
    let mut line = String::new();
    let mut chars = 0_usize;
    for word in plain(text).split_whitespace() {
        let length = word.chars().count();
        let space = usize::from(chars > 0);
        if chars + space + length > chars_max {
            if chars == 0 {
                line.extend(word.chars().take(chars_max.saturating_sub(1)));
            }
            line.push('\u{2026}');
            break;
        }
        if space == 1 {
            line.push(' ');
        }
        line.push_str(word);
        chars += space + length;
    }
    line
}

/// Whether `text` is an absolute http or https address that can stand in an attribute (RFC 3986 §2: no white space, no
/// quotes, ASCII only).
pub(super) fn is_web_url(text: &str) -> bool {
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    let scheme_bytes = if lower.starts_with("https://") {
        8
    } else if lower.starts_with("http://") {
        7
    } else {
        return false;
    };
    let host_starts = text.as_bytes().get(scheme_bytes).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'[');
    let clean = text.bytes().all(|b| b.is_ascii_graphic() && !b"\"'<>\\^`{|}".contains(&b));
    host_starts && clean && text.len() <= WEB_URL_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_stay_on_one_line_and_keep_their_signs() {
        let cases = [
            ("Ana & Ben <3", "Ana & Ben <3"),
            ("a\r\nBcc: x@example.com", "a  Bcc: x@example.com"),
            ("a\u{2028}b\u{85}c\u{0}d", "a b cd"),
            ("gpj.\u{202E}exe", "gpj.exe"),
        ];
        for (value, expected) in cases {
            assert_eq!(plain(value), expected, "{value:?}");
        }
    }

    #[test]
    fn html_values_bring_no_markup() {
        assert_eq!(html("<b a='1'>\u{7}&"), "&lt;b a&#x3D;&#x27;1&#x27;&gt;&amp;");
    }

    #[test]
    fn several_lines_keep_their_breaks_only() {
        assert_eq!(lines("a\r\nb\rc\u{1b}[31m\u{2029}d\te"), "a\nb\nc[31m\nd\te");
    }

    #[test]
    fn one_line_is_cut_at_a_word() {
        let cases =
            [("  a\n b\t c ", 20, "a b c"), ("one two three", 8, "one two\u{2026}"), ("abcdefgh", 4, "abc\u{2026}")];
        for (text, max, expected) in cases {
            assert_eq!(one_line(text, max), expected);
        }
    }

    #[test]
    fn only_absolute_http_addresses_are_links() {
        let yes = ["https://desk.example.com/t/1?a=b&c=%20#x", "HTTP://a", "http://[::1]:8080/"];
        let no = [
            "javascript:alert(1)",
            " https://a",
            "https://",
            "http:///x",
            "//a",
            "data:text/html,x",
            "https://a b",
            "https://a\"onload=x",
            "https://a\nb",
            "",
        ];
        assert!(yes.iter().all(|url| is_web_url(url)));
        for url in no {
            assert!(!is_web_url(url), "{url:?}");
        }
        assert!(!is_web_url(&format!("https://a/{}", "x".repeat(WEB_URL_BYTES_MAX))));
    }
}
