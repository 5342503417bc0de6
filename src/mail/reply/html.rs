//! Quotes in HTML by the containers that mail programs put them in (EML-50).
//!
//! **Invariant:** one pass over tags with a stack of bounded depth; beyond it nothing is cut. The halves are pieces of the
//! input: they still need [`crate::mail::sanitize::sanitize`], which also closes what is open.

use crate::mail::html_text::unescape;
use crate::mail::html_tokens::TokenKind;
use crate::mail::html_tokens::Tokens;
use crate::mail::html_tokens::attributes;
use crate::mail::html_tokens::is_void;
use crate::mail::limits::HTML_DEPTH_MAX;
use crate::mail::reply::Split;
use crate::mail::reply::words;

/// What begins at an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// The element is the quote, or a signature, or the line above a quote.
    Container,
    /// Everything from here on is the quote.
    Rest,
}

/// A piece to cut, by offsets.
#[derive(Clone, Copy, Debug)]
struct Cut {
    start: usize,
    end: usize,
    /// A quote, not a signature or the line above a quote.
    is_quote: bool,
}

/// Splits an HTML body by its quote containers: Gmail, Outlook, Apple Mail, Yahoo, Thunderbird, Proton, Zoho, Tuta and
/// programs that do as they do. Where text stands between two quotes they are answered in place, and nothing is cut.
#[must_use]
pub fn split_html(html: &str) -> Split {
    let scan = scan(html);
    let whole = || Split { reply: html.to_owned(), quoted: String::new() };
    if scan.cuts.is_empty() || !scan.text_outside || scan.is_interleaved {
        return whole();
    }
    let mut split = Split::default();
    let mut from = 0;
    for cut in &scan.cuts {
        split.reply.push_str(html.get(from..cut.start).unwrap_or(""));
        split.quoted.push_str(html.get(cut.start..cut.end).unwrap_or(""));
        from = cut.end;
    }
    split.reply.push_str(html.get(from..).unwrap_or(""));
    split
}

#[derive(Default)]
struct Scan<'a> {
    open: Vec<&'a str>,
    /// The cut that is open, and the depth of its element.
    cutting: Option<(Cut, Option<usize>)>,
    cuts: Vec<Cut>,
    text_outside: bool,
    text_since_quote: bool,
    quotes: usize,
    is_interleaved: bool,
    /// What followed a rule right away is looked at for "From:".
    rule_at: Option<usize>,
}

fn scan(html: &str) -> Scan<'_> {
    let mut scan = Scan::default();
    for token in Tokens::new(html) {
        match token.kind {
            TokenKind::Open(name, attributes) => scan.open(token.start, name, attributes),
            TokenKind::Close(name) => scan.close(token.end, name),
            TokenKind::Text(text) => scan.text(text),
            TokenKind::Raw | TokenKind::Comment => {}
        }
        if scan.open.len() > HTML_DEPTH_MAX {
            return Scan::default();
        }
    }
    if let Some((cut, _)) = scan.cutting.take() {
        scan.cuts.push(Cut { end: html.len(), ..cut });
    }
    scan
}

impl<'a> Scan<'a> {
    fn open(&mut self, at: usize, name: &'a str, tag: &str) {
        if name.eq_ignore_ascii_case("hr") && self.cutting.is_none() {
            self.rule_at = Some(at);
        }
        if is_void(name) {
            if name.eq_ignore_ascii_case("img") && self.cutting.is_none() {
                self.text("image");
            }
            return;
        }
        self.open.push(name);
        if self.cutting.is_some() {
            return;
        }
        let Some((mark, is_quote)) = mark(name, tag) else { return };
        let cut = Cut { start: at, end: at, is_quote };
        self.begin(cut, (mark == Mark::Container).then_some(self.open.len()));
    }

    fn begin(&mut self, cut: Cut, depth: Option<usize>) {
        if cut.is_quote {
            self.is_interleaved |= self.quotes > 0 && self.text_since_quote;
            self.quotes += 1;
            self.text_since_quote = false;
        }
        self.cutting = Some((cut, depth));
    }

    fn close(&mut self, end: usize, name: &str) {
        let Some(at) = self.open.iter().rposition(|open| open.eq_ignore_ascii_case(name)) else { return };
        self.open.truncate(at);
        if let Some((cut, Some(depth))) = self.cutting
            && self.open.len() < depth
        {
            self.cuts.push(Cut { end, ..cut });
            self.cutting = None;
        }
    }

    fn text(&mut self, text: &str) {
        if self.cutting.is_some() || !has_ink(text) {
            return;
        }
        if let Some(start) = self.rule_at.take()
            && self.text_outside
            && words::is_header_line(unescape(text).trim())
        {
            self.begin(Cut { start, end: start, is_quote: true }, None);
            return;
        }
        self.text_outside = true;
        self.text_since_quote = true;
    }
}

fn has_ink(text: &str) -> bool {
    unescape(text).chars().any(|c| !c.is_whitespace() && !matches!(c, '\u{200b}' | '\u{200c}' | '\u{feff}'))
}

/// Classes and ids of containers; the flag tells a quote from a signature or a line above a quote.
const CONTAINERS: [(&str, bool); 19] = [
    ("gmail_quote", true),
    ("gmail_quote_container", true),
    ("gmail_extra", true),
    ("yahoo_quoted", true),
    ("protonmail_quote", true),
    ("proton-quote", true),
    ("zmail_extra", true),
    ("tutanota_quote", true),
    ("moz-forward-container", true),
    ("moz-cite-prefix", false),
    ("gmail_attr", false),
    ("gmail_signature", false),
    ("gmail_signature_prefix", false),
    ("moz-signature", false),
    ("ms-outlook-mobile-signature", false),
    ("protonmail_signature_block", false),
    ("applemailsignature", false),
    ("mobilesignature", false),
    ("quoted-text", true),
];
/// Classes and ids after which everything is the quote.
const REST: [&str; 7] = [
    "divrplyfwdmsg",
    "appendonsend",
    "mail-editor-reference-message-container",
    "outlookmessageheader",
    "replyforwardmessage",
    "x_divrplyfwdmsg",
    "olk_src_body_section",
];

fn mark(name: &str, tag: &str) -> Option<(Mark, bool)> {
    let is_block_quote = name.eq_ignore_ascii_case("blockquote");
    for (attribute, value) in attributes(tag).take(20) {
        let value = value.to_ascii_lowercase();
        match attribute.as_str() {
            "type" if is_block_quote && value == "cite" => return Some((Mark::Container, true)),
            "cite" if is_block_quote => return Some((Mark::Container, true)),
            "class" | "id" | "name" => {
                let found = value.split_whitespace().find_map(known_container);
                if found.is_some() {
                    return found;
                }
            }
            "style" if name.eq_ignore_ascii_case("div") && is_outlook_border(&value) => {
                return Some((Mark::Rest, true));
            }
            _ => {}
        }
    }
    None
}

fn known_container(word: &str) -> Option<(Mark, bool)> {
    if REST.contains(&word) {
        return Some((Mark::Rest, true));
    }
    let container = CONTAINERS.iter().find(|(name, _)| *name == word).map(|(_, is_quote)| (Mark::Container, *is_quote));
    // Yahoo numbers its containers: yahoo_quoted_1234567890.
    container.or_else(|| word.starts_with("yahoo_quoted_").then_some((Mark::Container, true)))
}

/// Outlook draws a thin line above the header block of the quoted mail, and nowhere else in this form.
fn is_outlook_border(style: &str) -> bool {
    let style: String = style.chars().filter(|c| !c.is_whitespace()).collect();
    style.contains("border:none")
        && style.contains("border-top:solid")
        && style.contains("1.0pt")
        && style.contains("padding:3.0pt")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::html_text::html_to_text;

    #[test]
    fn eml_50_quote_containers_of_mail_programs() {
        for (client, html) in [
            (
                "gmail",
                "<div dir=ltr>new</div><br><div class=\"gmail_quote\"><div class=gmail_attr>On x wrote:</div><blockquote>old</blockquote></div>",
            ),
            (
                "outlook web",
                "<div>new</div><div id=\"appendonsend\"></div><hr><div id=divRplyFwdMsg>From: x</div><div>old</div>",
            ),
            (
                "outlook",
                "<p>new</p><div><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in'><p><b>From:</b> x</p></div></div><p>old</p>",
            ),
            ("outlook rule", "<p>new</p><hr><b>From:</b> x<br><b>Sent:</b> y<p>old"),
            ("apple", "<div>new</div><div><br><blockquote type=\"cite\"><div>On x wrote:</div>old</blockquote></div>"),
            ("yahoo", "<div>new</div><div id=\"yahoo_quoted_123\" class=\"yahoo_quoted\">old</div>"),
            (
                "thunderbird",
                "new<div class=\"moz-cite-prefix\">On x wrote:</div><blockquote type=cite cite=\"mid:1\">old</blockquote>",
            ),
            ("proton", "<div>new</div><div class=\"protonmail_quote\">old</div>"),
            ("signature", "<div>new</div><div class=\"gmail_signature\">old</div>"),
            ("below", "<blockquote type=cite>old</blockquote><p>new</p>"),
        ] {
            let split = split_html(html);
            assert_eq!(html_to_text(&split.reply), "new", "{client}");
            assert!(html_to_text(&split.quoted).contains("old"), "{client}");
        }
    }

    #[test]
    fn eml_50_answers_between_html_quotes_cut_nothing() {
        let html = "<blockquote type=cite>a</blockquote>one<blockquote type=cite>b</blockquote>two";
        assert_eq!(split_html(html).reply, html);
    }

    #[test]
    fn eml_50_html_that_is_all_quote_is_shown() {
        for html in
            ["<div class=gmail_quote>old</div>", "<p>&nbsp;</p><blockquote type=cite>x</blockquote>", "<p>plain</p>"]
        {
            assert_eq!(split_html(html), Split { reply: html.to_owned(), quoted: String::new() });
        }
    }

    #[test]
    fn trap_deep_html_is_left_whole() {
        let html = "<div>".repeat(100_000) + "x";
        assert_eq!(split_html(&html).quoted, "");
    }
}
