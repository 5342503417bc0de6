//! HTML from outside made safe to show (EML-51, EML-52, MSG-22).
//!
//! **Invariant:** what comes out holds only the elements and attributes listed here, no script, style, form or frame, no
//! URL but http, https, mailto and tel, and loads nothing from anywhere: pictures of the mail itself stand at addresses
//! the caller gave, all others are kept by name only. The parser never sees HTML beyond the budgets: nesting costs it
//! quadratic time (FAULTS 0.3), so everything is counted first in one linear pass (`budget`).

mod budget;
pub mod pictures;

use crate::mail::html_text::escape;
use crate::mail::html_text::unescape;
use crate::mail::html_tokens::TokenKind;
use crate::mail::html_tokens::Tokens;
use crate::mail::html_tokens::attribute;
use ammonia::Builder;
use ammonia::UrlRelative;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::LazyLock;

/// Where pictures stand.
#[derive(Clone, Debug, Default)]
pub struct Images {
    /// URL to show for a Content-ID (without brackets); of ids that are missing nothing is shown.
    pub by_content_id: BTreeMap<String, String>,
}

/// HTML that may be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanHtml {
    /// The HTML.
    pub html: String,
    /// Remote pictures that are blocked; their addresses are kept in [`REMOTE_ATTRIBUTE`].
    pub remote_images: usize,
}

/// Why HTML is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverBudget {
    /// Above [`crate::mail::limits::HTML_BYTES_MAX`].
    #[error("html_too_long")]
    Bytes,
    /// Above [`crate::mail::limits::HTML_NODES_MAX`], or made so that a parser would make as many.
    #[error("html_too_many_nodes")]
    Nodes,
    /// Above [`crate::mail::limits::HTML_DEPTH_MAX`].
    #[error("html_too_deep")]
    Depth,
    /// Above [`crate::mail::limits::HTML_LINKS_MAX`].
    #[error("html_too_many_links")]
    Links,
    /// Above [`crate::mail::limits::HTML_REFERENCES_MAX`] or [`crate::mail::limits::HTML_TAG_REFERENCES_MAX`].
    #[error("html_too_many_references")]
    References,
    /// An element above [`crate::mail::limits::HTML_ATTRIBUTES_MAX`].
    #[error("html_too_many_attributes")]
    Attributes,
    /// The parser gave up.
    #[error("html_unparseable")]
    Unparseable,
}

/// Attribute of `img` that keeps the address of a blocked picture.
pub const REMOTE_ATTRIBUTE: &str = "data-remote-src";
/// Marks a remote picture's address between the two passes; no URL of that scheme is let in from outside.
const REMOTE_MARK: &str = "remote-image:";
/// Marks the Content-ID of a picture of the mail in the same way.
const OUR_MARK: &str = "our-image:";

const TAGS: [&str; 50] = [
    "a",
    "abbr",
    "address",
    "b",
    "big",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "div",
    "dl",
    "dt",
    "em",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "tr",
    "u",
    "ul",
];
/// Elements that go with everything in them.
const TAGS_WITH_CONTENT: [&str; 20] = [
    "script", "style", "title", "head", "template", "iframe", "object", "embed", "applet", "svg", "math", "textarea",
    "select", "noscript", "noframes", "noembed", "xmp", "audio", "video", "canvas",
];
const SCHEMES: [&str; 4] = ["http", "https", "mailto", "tel"];

/// Cleans HTML. Takes milliseconds for ordinary mail and is bounded by the budgets for any other; call it once, when
/// mail comes in, and store the result.
///
/// # Errors
/// The budget it breaks; then the text part is shown and the mail is marked (EML-51).
pub fn sanitize(html: &str, images: &Images) -> Result<CleanHtml, OverBudget> {
    budget::check(html)?;
    let cleaned = catch_unwind(AssertUnwindSafe(|| RULES.clean(html).to_string()));
    Ok(settle_images(&cleaned.map_err(|_| OverBudget::Unparseable)?, images))
}

/// What may stay; made once, since its sets cost more than a short mail.
static RULES: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut rules = Builder::empty();
    let schemes = SCHEMES.into_iter().chain(["cid"]).collect();
    rules
        .tags(TAGS.into_iter().collect())
        .clean_content_tags(TAGS_WITH_CONTENT.into_iter().collect())
        .generic_attributes(["dir", "lang", "title"].into_iter().collect())
        .tag_attributes(tag_attributes())
        .url_schemes(schemes)
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer"))
        .set_tag_attribute_value("a", "target", "_blank")
        .strip_comments(true)
        .attribute_filter(|element, attribute, value| match (element, attribute) {
            ("img", "src") => picture(value).map(Cow::Owned),
            (_, "href" | "cite") => allowed_url(value).map(Cow::Owned),
            (_, "src") => None,
            _ => Some(Cow::Borrowed(value)),
        });
    rules
});

fn tag_attributes() -> HashMap<&'static str, HashSet<&'static str>> {
    let cell = ["align", "valign", "colspan", "rowspan", "width", "bgcolor"];
    [
        ("a", &["href"][..]),
        ("img", &["src", "alt", "width", "height"]),
        ("font", &["color", "size"]),
        ("ol", &["start", "type"]),
        ("li", &["value"]),
        ("table", &["align", "border", "cellpadding", "cellspacing", "width", "bgcolor"]),
        ("tr", &["align", "valign", "bgcolor"]),
        ("td", &cell),
        ("th", &cell),
        ("col", &["span", "width"]),
        ("div", &["align"]),
        ("p", &["align"]),
    ]
    .into_iter()
    .map(|(tag, names)| (tag, names.iter().copied().collect()))
    .collect()
}

/// Scheme in lower case and the URL without the white space and controls that browsers skip.
fn scheme(value: &str) -> Option<(String, String)> {
    let plain: String =
        value.trim_matches(|c: char| c.is_whitespace() || c.is_control()).chars().filter(|c| !c.is_control()).collect();
    let scheme = plain.split_once(':')?.0.to_ascii_lowercase();
    let legal = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    legal.then_some((scheme, plain))
}

fn allowed_url(value: &str) -> Option<String> {
    scheme(value).filter(|(scheme, _)| SCHEMES.contains(&scheme.as_str())).map(|(_, url)| url)
}

/// The marked address of a picture: of one in the mail its Content-ID, of a remote one its URL.
fn picture(value: &str) -> Option<String> {
    let (scheme, url) = scheme(value)?;
    match scheme.as_str() {
        "cid" => Some(format!("{OUR_MARK}{}", url.get(4..)?.trim_matches(['<', '>']))),
        "http" | "https" => Some(format!("{REMOTE_MARK}{url}")),
        _ => None,
    }
}

/// Second pass over what the parser wrote: pictures of the mail get their addresses, remote addresses move from `src` to
/// [`REMOTE_ATTRIBUTE`].
fn settle_images(html: &str, images: &Images) -> CleanHtml {
    let mut clean = CleanHtml { html: String::with_capacity(html.len()), remote_images: 0 };
    for token in Tokens::new(html) {
        let piece = html.get(token.start..token.end).unwrap_or("");
        let marked = match token.kind {
            TokenKind::Open("img", attributes) => attribute(attributes, "src"),
            _ => None,
        };
        if let Some(src) = marked.filter(|src| src.starts_with(REMOTE_MARK)) {
            let url = src.get(REMOTE_MARK.len()..).unwrap_or("");
            clean.remote_images += 1;
            clean.html.push_str(&with_src(piece, src, &format!(" {REMOTE_ATTRIBUTE}=\"{url}\"")));
        } else if let Some(src) = marked.filter(|src| src.starts_with(OUR_MARK)) {
            let id = unescape(src.get(OUR_MARK.len()..).unwrap_or(""));
            let mut ours = String::new();
            if let Some(url) = images.by_content_id.get(id.as_str()) {
                ours.push_str(" src=\"");
                escape(&mut ours, url);
                ours.push('"');
            }
            clean.html.push_str(&with_src(piece, src, &ours));
        } else {
            clean.html.push_str(piece);
        }
    }
    clean
}

/// An `img` as the parser writes it, with another attribute in place of its `src`.
fn with_src(img: &str, src: &str, attribute: &str) -> String {
    img.replacen(&format!(" src=\"{src}\""), attribute, 1)
}

/// Addresses of the blocked pictures in cleaned HTML, in order, each once: what may be fetched when an agent asks.
#[must_use]
pub fn remote_image_urls(clean_html: &str) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    for token in Tokens::new(clean_html) {
        if let TokenKind::Open("img", attributes) = token.kind
            && let Some(url) = attribute(attributes, REMOTE_ATTRIBUTE).map(unescape)
            && !urls.contains(&url)
        {
            urls.push(url);
        }
    }
    urls
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clean(html: &str) -> String {
        sanitize(html, &Images::default()).unwrap().html
    }

    #[test]
    fn eml_51_nothing_active_survives() {
        for (html, expected) in [
            ("<p onclick=x()>hi<script>bad()</script></p>", "<p>hi</p>"),
            ("<style>p{background:url(http://t)}</style>a", "a"),
            ("<p style=\"position:fixed\">a</p>", "<p>a</p>"),
            ("<form action=//x><input value=y><button>b</button></form>", "b"),
            ("<iframe srcdoc='<script>'></iframe><object data=x></object>a", "a"),
            ("<svg><animate onbegin=x /><a xlink:href='javascript:x'>t</a></svg>a", "a"),
            ("<math><mtext><table><mglyph><style><img src=x onerror=y></style></math>a", ""),
            ("<base href=http://x/><meta http-equiv=refresh content=0>a", "a"),
            ("<!-- c --><b>b</b>", "<b>b</b>"),
            ("<td background=http://t>x", "x"),
        ] {
            assert_eq!(clean(html), expected, "{html}");
        }
    }

    #[test]
    fn eml_51_links_go_to_four_schemes_only() {
        for url in [
            "java\tscript:alert(1)",
            "&#1;javascript:alert(1)",
            "\u{2003}javascript:alert(1)",
            "data:text/html,x",
            "cid:x",
            "our-image:x",
            "remote-image:http://x",
            "/relative",
            "//t.example/x",
        ] {
            let link = clean(&format!("<a href=\"{url}\">x</a>"));
            assert!(link.contains(">x</a>") && !link.contains("href"), "{url}: {link}");
        }
    }

    #[test]
    fn eml_52_links_open_apart_and_say_nothing() {
        assert_eq!(
            clean("<a href=' https://x.example/?a=1&b=2 ' rel=opener target=_top>x</a>"),
            "<a href=\"https://x.example/?a=1&amp;b=2\" target=\"_blank\" rel=\"noopener noreferrer\">x</a>"
        );
        for url in ["mailto:ana@example.com", "tel:+1234"] {
            assert!(clean(&format!("<a href=\"{url}\">x</a>")).contains(url));
        }
    }

    #[test]
    fn eml_52_remote_pictures_are_kept_by_name_only() {
        let html =
            "<img src=https://t.example/p.gif?a=1&amp;b=2 srcset='//t 2x' alt=x><img src='data:image/png;base64,AA'>";
        let clean = sanitize(html, &Images::default()).unwrap();
        assert_eq!(clean.html, "<img data-remote-src=\"https://t.example/p.gif?a=1&amp;b=2\" alt=\"x\"><img>");
        assert_eq!(clean.remote_images, 1);
        assert_eq!(remote_image_urls(&clean.html), ["https://t.example/p.gif?a=1&b=2"]);
        let faked =
            sanitize("<img data-remote-src='file:///etc/passwd' src='remote-image:http://x'>", &Images::default());
        assert_eq!(faked.unwrap().html, "<img>");
        let text = sanitize(" src=\"remote-image:http://x\"", &Images::default()).unwrap();
        assert_eq!(text.html, " src=\"remote-image:http://x\"");
    }

    #[test]
    fn eml_52_pictures_of_the_mail_stand_where_the_caller_says() {
        let by_content_id = BTreeMap::from([("logo@x".to_owned(), "/attachments/7".to_owned())]);
        let clean = sanitize("<img src=\"cid:logo@x\"><img src=cid:other>", &Images { by_content_id }).unwrap();
        assert_eq!(clean.html, "<img src=\"/attachments/7\"><img>");
        assert_eq!(clean.remote_images, 0);
    }

    #[test]
    fn cleaning_twice_changes_nothing() {
        let once = clean("<div><table><tr><td align=left>a<p>b</table><ol start=3><li>c</ol>");
        assert_eq!(clean(&once), once);
    }

    proptest! {
        #[test]
        fn any_input_gives_inert_html(html in "(<|>|/|\"|'| |=|a|img|svg|math|style|script|href|src|onerror|javascript:|http://x|<!--|-->|&#106;|p|div|table|td){0,40}") {
            if let Ok(clean) = sanitize(&html, &Images::default()) {
                for token in Tokens::new(&clean.html) {
                    if let TokenKind::Open(name, attributes) = token.kind {
                        prop_assert!(TAGS.contains(&name), "{}", name);
                        for (name, value) in crate::mail::html_tokens::attributes(attributes) {
                            prop_assert!(!name.starts_with("on") && name != "style" && name != "src", "{}", name);
                            prop_assert!(name != "href" || allowed_url(&unescape(value)).is_some(), "{}", value);
                        }
                    }
                }
            }
        }

        #[test]
        fn any_text_is_survived(html in any::<String>()) {
            let _result = sanitize(&html, &Images::default());
        }
    }
}
