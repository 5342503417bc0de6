//! Markdown (CommonMark with tables and strikethrough) of broadcasts to safe HTML.
//!
//! **Invariant:** HTML in the source is shown as text; links and images lead to http, https or mailto, or are left out.

use super::escape::is_web_url;
use super::sentinel;
use pulldown_cmark::CowStr;
use pulldown_cmark::Event;
use pulldown_cmark::LinkType;
use pulldown_cmark::Options;
use pulldown_cmark::Parser;
use pulldown_cmark::Tag;
use pulldown_cmark::TagEnd;

/// The events of `markdown`, with values in their places and nothing unsafe left.
pub(super) fn events(markdown: &str) -> Vec<Event<'_>> {
    let parser = Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    let mut safe = Vec::new();
    // Whether each open link or image was kept.
    let mut kept: Vec<bool> = Vec::new();
    for event in parser {
        match event {
            Event::Start(tag @ (Tag::Link { .. } | Tag::Image { .. })) => {
                let tag = address(tag);
                kept.push(tag.is_some());
                safe.extend(tag.map(Event::Start));
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                if kept.pop() == Some(true) {
                    safe.push(event);
                }
            }
            Event::Start(Tag::HtmlBlock) => safe.push(Event::Start(Tag::Paragraph)),
            Event::End(TagEnd::HtmlBlock) => safe.push(Event::End(TagEnd::Paragraph)),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => safe.push(Event::Text(filled(text))),
            Event::Code(text) => safe.push(Event::Code(filled(text))),
            other => safe.push(other),
        }
    }
    safe
}

/// HTML of `events`.
pub(super) fn html(events: &[Event<'_>]) -> String {
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, events.iter().cloned());
    html
}

fn filled(text: CowStr<'_>) -> CowStr<'_> {
    if sentinel::find_mark(&text).is_some() { sentinel::unwrap(&text).into() } else { text }
}

/// The tag with its address filled in; `None` if nobody should follow it.
fn address(tag: Tag<'_>) -> Option<Tag<'_>> {
    match tag {
        Tag::Link { link_type, dest_url, title, id } => {
            let dest_url = filled(dest_url);
            let mail = link_type == LinkType::Email || is_mailto(&dest_url);
            let tag = Tag::Link { link_type, dest_url, title: filled(title), id };
            let good = matches!(&tag, Tag::Link { dest_url, .. } if mail || is_web_url(dest_url));
            good.then_some(tag)
        }
        Tag::Image { link_type, dest_url, title, id } => {
            let dest_url = filled(dest_url);
            is_web_url(&dest_url).then_some(Tag::Image { link_type, dest_url, title: filled(title), id })
        }
        other => Some(other),
    }
}

fn is_mailto(address: &str) -> bool {
    address.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:"))
        && address.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_safe_html() {
        let cases = [
            ("a **b**", "<p>a <strong>b</strong></p>\n"),
            ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>\n"),
            ("<script>\nx\n</script>", "<p>&lt;script&gt;\nx\n&lt;/script&gt;</p>\n"),
            ("[a](https://example.com)", "<p><a href=\"https://example.com\">a</a></p>\n"),
            ("[a](javascript:alert)", "<p>a</p>\n"),
            ("![a](data:x)", "<p>a</p>\n"),
            ("[a](mailto:help@example.com)", "<p><a href=\"mailto:help@example.com\">a</a></p>\n"),
            ("<help@example.com>", "<p><a href=\"mailto:help@example.com\">help@example.com</a></p>\n"),
            ("[![a](x)](https://example.com)", "<p><a href=\"https://example.com\">a</a></p>\n"),
        ];
        for (markdown, expected) in cases {
            assert_eq!(html(&events(markdown)), expected, "{markdown}");
        }
    }
}
