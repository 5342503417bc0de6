//! HTML to text and text to HTML.
//!
//! **Invariant:** linear time. [`text_to_html`] gives nothing that is not in its own short list of tags.

use crate::mail::html_tokens::TokenKind;
use crate::mail::html_tokens::Tokens;
use crate::mail::html_tokens::attribute;
use mail_parser::decoders::html::add_html_token;

/// Quote marks written for nested quotes at most.
const QUOTE_DEPTH_MAX: usize = 10;
/// Longest character reference that is looked for.
const REFERENCE_BYTES_MAX: usize = 40;

/// The readable text of HTML: blocks on lines of their own, quotes behind `>`, list items behind `-`, images by their
/// alternative text, no scripts and styles.
#[must_use]
pub fn html_to_text(html: &str) -> String {
    let mut writer = Writer::default();
    for token in Tokens::new(html) {
        match token.kind {
            TokenKind::Text(text) => writer.text(text),
            TokenKind::Open(name, attributes) => writer.open(&name.to_ascii_lowercase(), attributes),
            TokenKind::Close(name) => writer.close(&name.to_ascii_lowercase()),
            TokenKind::Raw | TokenKind::Comment => {}
        }
    }
    writer.finish()
}

#[derive(Default)]
struct Writer {
    out: String,
    line: String,
    quotes: usize,
    pre: usize,
    space_due: bool,
    blank_due: bool,
    /// Something stands in the innermost quote, so that a paragraph may be set off by an empty line.
    is_quote_begun: bool,
}

impl Writer {
    fn open(&mut self, name: &str, attributes: &str) {
        match name {
            "br" => self.break_line(true),
            "blockquote" => {
                self.break_line(false);
                if !self.out.is_empty() && !self.out.ends_with("\n\n") {
                    self.write_line("");
                }
                self.quotes += 1;
                self.blank_due = false;
                self.is_quote_begun = false;
            }
            "li" => {
                self.break_line(false);
                self.line.push_str("- ");
            }
            "td" | "th" => self.space_due = true,
            "hr" => {
                self.break_line(false);
                self.line.push_str("----------");
                self.break_line(false);
            }
            "img" => self.text(attribute(attributes, "alt").unwrap_or("")),
            "pre" => {
                self.break_line(false);
                self.pre += 1;
            }
            _ if is_paragraph(name) => self.break_paragraph(),
            _ if is_block(name) => self.break_line(false),
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "blockquote" => {
                self.break_line(false);
                self.quotes = self.quotes.saturating_sub(1);
            }
            "pre" => {
                self.break_line(false);
                self.pre = self.pre.saturating_sub(1);
            }
            _ if is_paragraph(name) => self.break_paragraph(),
            _ if is_block(name) => self.break_line(false),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        let text = unescape(text);
        for c in text.chars() {
            if self.pre > 0 && c == '\n' {
                self.break_line(true);
            } else if self.pre == 0 && c.is_whitespace() && c != '\u{a0}' {
                self.space_due = true;
            } else {
                self.push(if c == '\u{a0}' { ' ' } else { c });
            }
        }
    }

    fn push(&mut self, c: char) {
        if self.space_due && !self.line.is_empty() && !self.line.ends_with(' ') {
            self.line.push(' ');
        }
        self.space_due = false;
        self.line.push(c);
    }

    /// Ends the line; an empty one stays only where the author broke it.
    fn break_line(&mut self, by_author: bool) {
        self.space_due = false;
        let line = std::mem::take(&mut self.line);
        let line = line.trim_end();
        if line.is_empty() && !by_author {
            return;
        }
        if self.blank_due && !self.out.is_empty() && !line.is_empty() {
            self.write_line("");
        }
        if !line.is_empty() {
            self.blank_due = false;
            self.is_quote_begun = true;
        }
        self.write_line(line);
    }

    fn break_paragraph(&mut self) {
        self.break_line(false);
        self.blank_due = self.is_quote_begun;
    }

    fn write_line(&mut self, line: &str) {
        for _ in 0..self.quotes.min(QUOTE_DEPTH_MAX) {
            self.out.push_str("> ");
        }
        self.out.push_str(line);
        while self.out.ends_with(' ') {
            self.out.pop();
        }
        self.out.push('\n');
    }

    fn finish(mut self) -> String {
        self.break_line(false);
        self.out.trim_end().trim_start_matches('\n').to_owned()
    }
}

fn is_paragraph(name: &str) -> bool {
    matches!(name, "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "table" | "dl")
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "div"
            | "tr"
            | "section"
            | "article"
            | "header"
            | "footer"
            | "address"
            | "center"
            | "fieldset"
            | "form"
            | "figure"
            | "li"
            | "dt"
            | "dd"
            | "body"
            | "html"
            | "main"
            | "nav"
            | "aside"
            | "caption"
    )
}

/// Text with its character references resolved.
pub(in crate::mail) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let window = after.bytes().take(REFERENCE_BYTES_MAX).position(|b| b == b';');
        let name = window
            .and_then(|end| after.get(..end))
            .filter(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#'));
        match name {
            Some(name) => {
                add_html_token(&mut out, format!("&{name};").as_bytes(), false);
                rest = after.get(name.len() + 1..).unwrap_or("");
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Text as safe HTML: escaped, paragraphs at empty lines, line breaks, links for http and https addresses.
#[must_use]
pub fn text_to_html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 4);
    let mut is_open = false;
    for line in text.lines() {
        if line.trim().is_empty() {
            if is_open {
                html.push_str("</p>\n");
            }
            is_open = false;
            continue;
        }
        html.push_str(if is_open { "<br>\n" } else { "<p>" });
        is_open = true;
        write_line(&mut html, line);
    }
    if is_open {
        html.push_str("</p>\n");
    }
    html
}

fn write_line(html: &mut String, line: &str) {
    let mut rest = line;
    while let Some(at) = next_link(rest) {
        let (before, link) = rest.split_at_checked(at).unwrap_or((rest, ""));
        let end = link
            .find(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"'))
            .unwrap_or(link.len());
        let link = link.get(..end).unwrap_or(link).trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '\'']);
        escape(html, before);
        if link.ends_with("//") || link.is_empty() {
            let taken = link.len().max(1);
            escape(html, rest.get(at..at + taken).unwrap_or(""));
            rest = rest.get(at + taken..).unwrap_or("");
            continue;
        }
        html.push_str("<a href=\"");
        escape(html, link);
        html.push_str("\" rel=\"noopener noreferrer\" target=\"_blank\">");
        escape(html, link);
        html.push_str("</a>");
        rest = rest.get(at + link.len()..).unwrap_or("");
    }
    escape(html, rest);
}

/// Where the next address of http or https begins, at a word's beginning.
fn next_link(text: &str) -> Option<usize> {
    text.match_indices("http").map(|(at, _)| at).find(|at| {
        let starts = text.get(*at..).is_some_and(|rest| rest.starts_with("http://") || rest.starts_with("https://"));
        let before = text.get(..*at).and_then(|head| head.chars().next_back());
        starts && before.is_none_or(|c| !c.is_alphanumeric())
    })
}

/// Writes text so that it is text in an element and in a quoted attribute.
pub(in crate::mail) fn escape(html: &mut String, text: &str) {
    let mut rest = text;
    while let Some((at, entity)) = rest.bytes().enumerate().find_map(|(at, b)| Some((at, entity(b)?))) {
        let (plain, marked) = rest.split_at_checked(at).unwrap_or((rest, ""));
        html.push_str(plain);
        html.push_str(entity);
        rest = marked.get(1..).unwrap_or("");
    }
    html.push_str(rest);
}

/// What stands for an octet that means something in HTML.
fn entity(octet: u8) -> Option<&'static str> {
    match octet {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        b'\'' => Some("&#39;"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn html_reads_as_a_person_sees_it() {
        for (html, text) in [
            ("<p>Hello&nbsp;<b>Ana</b>,</p><p>bye</p>", "Hello Ana,\n\nbye"),
            ("<div>one</div><div>two<br>three</div>", "one\ntwo\nthree"),
            ("a &lt;b&gt; &amp; &#228;&euro; &bogus; &", "a <b> & ä€ &bogus; &"),
            ("<style>p{}</style><title>t</title><ul><li>x<li>y</ul>", "- x\n- y"),
            ("mine<blockquote><p>yours</p>more</blockquote>end", "mine\n\n> yours\n>\n> more\nend"),
            ("<pre>a\n  b</pre>", "a\n  b"),
            ("<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>", "1 2\n3"),
            ("<img src=x alt=\"a cat\">", "a cat"),
            ("one<br><br>two", "one\n\ntwo"),
            ("", ""),
        ] {
            assert_eq!(html_to_text(html), text, "{html}");
        }
    }

    #[test]
    fn text_becomes_html_that_cannot_do_anything() {
        assert_eq!(text_to_html("a <b> & \"c\"\nd\n\ne"), "<p>a &lt;b&gt; &amp; &quot;c&quot;<br>\nd</p>\n<p>e</p>\n");
        assert_eq!(
            text_to_html("see https://x.example/a?b=1&c=2."),
            "<p>see <a href=\"https://x.example/a?b=1&amp;c=2\" rel=\"noopener noreferrer\" target=\"_blank\">\
             https://x.example/a?b=1&amp;c=2</a>.</p>\n"
        );
        assert_eq!(
            text_to_html("javascript:alert(1) http:// xhttp://y"),
            "<p>javascript:alert(1) http:// xhttp://y</p>\n"
        );
    }

    proptest! {
        #[test]
        fn any_html_is_survived(html in any::<String>(), pieces in "(<|>|/|&|;|#|x|p|blockquote|pre|br|&#|99999999|\u{e9}| ){0,60}") {
            let _text = html_to_text(&html);
            let _text = html_to_text(&pieces);
            let _html = text_to_html(&html);
        }

        #[test]
        fn text_survives_the_way_to_html_and_back(text in "[a-z<>&\"' ]{0,40}") {
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&html_to_text(&text_to_html(&text))), words(&text));
        }
    }
}
