//! Counting before parsing: whether HTML is small enough to be cleaned (EML-51).
//!
//! **Invariant:** one linear pass with a stack of at most [`HTML_DEPTH_MAX`] names. It counts at least what the parser will
//! build: an end tag that a parser would ignore closes nothing here.

use crate::mail::html_tokens::TokenKind;
use crate::mail::html_tokens::Tokens;
use crate::mail::html_tokens::attributes;
use crate::mail::html_tokens::is_void;
use crate::mail::limits::HTML_ATTRIBUTES_MAX;
use crate::mail::limits::HTML_BYTES_MAX;
use crate::mail::limits::HTML_DEPTH_MAX;
use crate::mail::limits::HTML_LINKS_MAX;
use crate::mail::limits::HTML_NODES_MAX;
use crate::mail::limits::HTML_REFERENCES_MAX;
use crate::mail::limits::HTML_TAG_REFERENCES_MAX;
use crate::mail::sanitize::OverBudget;
use std::collections::HashMap;

/// Elements a parser may open again by itself, in multiples of [`HTML_NODES_MAX`].
const REOPENED_FACTOR: usize = 5;
/// Equal formatting elements a parser keeps to open again (HTML standard, "Noah's Ark clause").
const EQUAL_FORMATS_MAX: usize = 3;

/// Whether HTML may be given to the parser.
pub(super) fn check(html: &str) -> Result<(), OverBudget> {
    if html.len() > HTML_BYTES_MAX {
        return Err(OverBudget::Bytes);
    }
    let mut count = Count::default();
    for token in Tokens::new(html) {
        match token.kind {
            TokenKind::Open(name, attributes) => count.open(name, attributes)?,
            TokenKind::Close(name) => count.close(name),
            TokenKind::Text(text) => count.text(text)?,
            TokenKind::Raw | TokenKind::Comment => {}
        }
    }
    Ok(())
}

#[derive(Default)]
struct Count<'a> {
    nodes: usize,
    links: usize,
    references: usize,
    /// Elements that a parser opens again because their block ended before they did.
    reopened: usize,
    open: Vec<(&'a str, &'a str)>,
    /// Formatting elements cut off by the end of a block, by tag.
    cut_off: HashMap<(&'a str, &'a str), usize>,
}

impl<'a> Count<'a> {
    fn open(&mut self, name: &'a str, tag: &'a str) -> Result<(), OverBudget> {
        self.nodes += 1;
        if self.nodes > HTML_NODES_MAX {
            return Err(OverBudget::Nodes);
        }
        if attributes(tag).take(HTML_ATTRIBUTES_MAX + 1).count() > HTML_ATTRIBUTES_MAX {
            return Err(OverBudget::Attributes);
        }
        if references(tag) > HTML_TAG_REFERENCES_MAX {
            return Err(OverBudget::References);
        }
        if name.eq_ignore_ascii_case("a") || name.eq_ignore_ascii_case("area") {
            self.links += 1;
            if self.links > HTML_LINKS_MAX {
                return Err(OverBudget::Links);
            }
        }
        self.reopen()?;
        if is_void(name) {
            return Ok(());
        }
        if closes_itself(name) {
            self.end_siblings(name);
        }
        self.open.push((name, tag));
        if self.open.len() > HTML_DEPTH_MAX { Err(OverBudget::Depth) } else { Ok(()) }
    }

    fn text(&mut self, text: &str) -> Result<(), OverBudget> {
        self.references += references(text);
        if self.references > HTML_REFERENCES_MAX {
            return Err(OverBudget::References);
        }
        if text.trim().is_empty() { Ok(()) } else { self.reopen() }
    }

    fn reopen(&mut self) -> Result<(), OverBudget> {
        self.reopened += self.cut_off.values().sum::<usize>();
        if self.reopened > REOPENED_FACTOR * HTML_NODES_MAX { Err(OverBudget::Nodes) } else { Ok(()) }
    }

    /// An end tag closes the nearest element of its name, unless a table cell or another closed scope lies between.
    fn close(&mut self, name: &str) {
        let within = self.open.iter().rposition(|(open, _)| is_scope(open) && !open.eq_ignore_ascii_case(name));
        let found = self.open.iter().rposition(|(open, _)| open.eq_ignore_ascii_case(name));
        match found {
            Some(at) if within.is_none_or(|scope| at > scope) || is_table_part(name) => self.cut(at, name),
            _ => self.forget(name),
        }
    }

    fn cut(&mut self, at: usize, name: &str) {
        for (open, tag) in self.open.drain(at..).skip(1) {
            if is_formatting(open) && !open.eq_ignore_ascii_case(name) {
                let kept = self.cut_off.entry((open, tag)).or_default();
                *kept = (*kept + 1).min(EQUAL_FORMATS_MAX);
            }
        }
    }

    /// The end tag of a formatting element that was cut off: it will not be opened again.
    fn forget(&mut self, name: &str) {
        if !is_formatting(name) {
            return;
        }
        if let Some(key) = self.cut_off.keys().find(|(open, _)| open.eq_ignore_ascii_case(name)).copied() {
            self.cut_off.remove(&key);
        }
    }

    /// `<p>` ends an open `<p>`, `<li>` an open `<li>` of the same list, and so on.
    fn end_siblings(&mut self, name: &str) {
        let is_part = is_table_part(name);
        let is_barrier = |open: &str| {
            if is_part { is_one_of(open, &["table", "template"]) } else { is_scope(open) || is_list(open) }
        };
        let barrier = self.open.iter().rposition(|(open, _)| is_barrier(open));
        let found = self.open.iter().rposition(|(open, _)| open.eq_ignore_ascii_case(name));
        if let Some(at) = found.filter(|at| barrier.is_none_or(|barrier| *at > barrier)) {
            self.cut(at, name);
        }
    }
}

fn references(text: &str) -> usize {
    text.bytes().filter(|b| *b == b'&').count()
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn closes_itself(name: &str) -> bool {
    is_one_of(name, &["p", "li", "dt", "dd", "td", "th", "tr", "option", "tbody", "thead", "tfoot"])
}

fn is_list(name: &str) -> bool {
    is_one_of(name, &["ul", "ol", "dl", "select"])
}

fn is_scope(name: &str) -> bool {
    is_one_of(
        name,
        &["td", "th", "caption", "table", "object", "applet", "marquee", "template", "button", "svg", "math", "html"],
    )
}

fn is_table_part(name: &str) -> bool {
    is_one_of(name, &["table", "tr", "td", "th", "tbody", "thead", "tfoot", "caption"])
}

fn is_formatting(name: &str) -> bool {
    is_one_of(name, &["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::sanitize::Images;
    use crate::mail::sanitize::sanitize;

    fn check_all(table: &[(&str, String, Option<OverBudget>)]) {
        for (what, html, expected) in table {
            let start = crate::clock::instant();
            let seen = sanitize(html, &Images::default()).err();
            assert_eq!(&seen, expected, "{what}");
            assert!(start.elapsed().as_secs() < 10, "{what}: {:?}", start.elapsed());
        }
    }

    #[test]
    fn trap_ammonia_nested_divs_are_quadratic_and_never_reach_it() {
        check_all(&[
            ("divs", "<div>".repeat(100_000), Some(OverBudget::Depth)),
            ("divs within", "<div>".repeat(256), None),
            ("objects hide end tags", "<div><object></div></object>".repeat(5_000), Some(OverBudget::Depth)),
            ("tables", "<table>".repeat(10_000), Some(OverBudget::Depth)),
            ("comments hide end tags", "<div><!--></div>-->".repeat(5_000), None),
            ("attributes hide end tags", "<div title='</div>'>".repeat(5_000), Some(OverBudget::Depth)),
        ]);
    }

    #[test]
    fn eml_51_budgets_hold() {
        check_all(&[
            ("links", "<a href=http://x>x</a>".repeat(5_001), Some(OverBudget::Links)),
            ("nodes", "<br>".repeat(20_001), Some(OverBudget::Nodes)),
            ("references", "&amp;".repeat(30_001), Some(OverBudget::References)),
            ("references in a tag", format!("<p title='{}'>", "&amp;".repeat(2_001)), Some(OverBudget::References)),
            ("nodes within", "<p>a</p>".repeat(20_000), None),
            ("bytes", "a".repeat(1_024 * 1_024 + 1), Some(OverBudget::Bytes)),
            ("attributes", format!("<p {}>", "a ".repeat(300)), Some(OverBudget::Attributes)),
            ("open paragraphs", "<p>a".repeat(5_000), None),
            ("open items", format!("<ul>{}", "<li>a".repeat(5_000)), None),
            ("open cells", format!("<table>{}", "<tr><td>a<td>b".repeat(3_000)), None),
            ("equal open formats", "<p><font color=red>a</p>".repeat(3_000), None),
        ]);
    }

    #[test]
    fn what_is_within_the_budgets_is_cleaned_in_time() {
        check_all(&[
            ("foster parents", format!("<table>{}", "<tr>x<b>y</b>".repeat(6_000)), None),
            ("adoption", format!("{}{}", "<b><p>".repeat(100), "</b>x".repeat(9_000)), None),
            ("links in links", "<a href=http://x><p>x".repeat(120), None),
            (
                "attributes",
                format!("<p {}>x", (0..150).map(|n| format!("a{n}=1 ")).collect::<String>()).repeat(1_000),
                None,
            ),
            ("lists", "<ul><li>x</ul>".repeat(9_000), None),
            ("references", "&amp;&#106;".repeat(7_500), None),
            ("deep tables", "<table><tr><td>".repeat(80), None),
        ]);
    }

    #[test]
    fn a_parser_that_opens_elements_again_is_counted() {
        let html: String = (0..5_000).map(|n| format!("<p><font color={n}>a</p>")).collect();
        check_all(&[("formats", html, Some(OverBudget::Nodes))]);
    }
}
