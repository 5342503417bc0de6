//! Pictures in cleaned HTML, put in their places when it is shown (EML-52).
//!
//! **Invariant:** only elements that [`crate::mail::sanitize::sanitize`] wrote are touched, and nothing but the address of
//! a picture is changed; what the caller gives no address for stays as it is stored, and loads nothing.

use crate::mail::html_text::escape;
use crate::mail::html_text::unescape;
use crate::mail::html_tokens::TokenKind;
use crate::mail::html_tokens::Tokens;
use crate::mail::html_tokens::attribute;
use crate::mail::sanitize::REMOTE_ATTRIBUTE;
use std::borrow::Cow;

/// How stored HTML names a picture that came with the mail; the id of the file follows.
pub const FILE_MARK: &str = "attachment:";

/// A picture in stored HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picture<'a> {
    /// A file of the part, by the decimal digits of its id.
    File(&'a str),
    /// One that stands elsewhere, by its address.
    Remote(String),
}

/// The HTML with the addresses that `place` gives.
#[must_use]
pub fn with_pictures<'h>(html: &'h str, mut place: impl FnMut(Picture<'_>) -> Option<String>) -> Cow<'h, str> {
    if !html.contains(FILE_MARK) && !html.contains(REMOTE_ATTRIBUTE) {
        return Cow::Borrowed(html);
    }
    let mut shown = String::with_capacity(html.len());
    for token in Tokens::new(html) {
        let piece = html.get(token.start..token.end).unwrap_or_default();
        let placed = match token.kind {
            TokenKind::Open("img", attributes) => placed(piece, attributes, &mut place),
            _ => None,
        };
        shown.push_str(placed.as_deref().unwrap_or(piece));
    }
    Cow::Owned(shown)
}

fn placed(piece: &str, attributes: &str, place: &mut impl FnMut(Picture<'_>) -> Option<String>) -> Option<String> {
    let (name, stored, address) = if let Some(stored) = attribute(attributes, REMOTE_ATTRIBUTE) {
        (REMOTE_ATTRIBUTE, stored, place(Picture::Remote(unescape(stored)))?)
    } else {
        let stored = attribute(attributes, "src")?;
        ("src", stored, place(Picture::File(stored.strip_prefix(FILE_MARK)?))?)
    };
    let mut written = " src=\"".to_owned();
    escape(&mut written, &address);
    written.push('"');
    Some(piece.replacen(&format!(" {name}=\"{stored}\""), &written, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str = "<p>src=\"attachment:7\"</p><img src=\"attachment:7\" alt=\"a\"><img alt=\"b\" \
                          data-remote-src=\"https://t.example/p.gif?a=1&amp;b=2\"><img src=\"attachment:8\">";

    #[test]
    fn eml_52_pictures_stand_where_the_caller_puts_them_and_others_stay_blocked() {
        let shown = with_pictures(STORED, |picture| match picture {
            Picture::File(id) => (id == "7").then(|| "https://desk/f?x&\"".to_owned()),
            Picture::Remote(_) => None,
        });
        assert_eq!(
            shown,
            "<p>src=\"attachment:7\"</p><img src=\"https://desk/f?x&amp;&quot;\" alt=\"a\"><img alt=\"b\" \
             data-remote-src=\"https://t.example/p.gif?a=1&amp;b=2\"><img src=\"attachment:8\">"
        );
        let mut asked = Vec::new();
        let shown = with_pictures(STORED, |picture| match picture {
            Picture::File(_) => None,
            Picture::Remote(url) => {
                asked.push(url);
                Some("/p".to_owned())
            }
        });
        assert!(shown.contains("<img alt=\"b\" src=\"/p\">") && !shown.contains("t.example"), "{shown}");
        assert_eq!(asked, ["https://t.example/p.gif?a=1&b=2"]);
        assert!(matches!(with_pictures("<p>plain</p>", |_| None), Cow::Borrowed(_)));
    }
}
