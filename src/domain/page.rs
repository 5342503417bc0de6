//! The page of a site on which a conversation began, and the way back to it (MSG-48).
//!
//! **Invariant:** scheme, host and path alone: what stands in a query or behind `#` may be nobody's business, and a name before
//! `@` is there to deceive.

use crate::domain::id::ThreadId;

/// Longest address kept, in bytes.
pub const PAGE_BYTES_MAX: usize = 1_000;

/// A page that carried the messenger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    origin: String,
    path: String,
}

impl Page {
    /// Reads an address of `http` or `https`; `None` for what is none, or is too long.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_clean = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\^`{|}".contains(&byte));
        let (scheme, rest) = text.split_once("://").filter(|_| is_clean && text.len() <= PAGE_BYTES_MAX)?;
        let shown = rest.split(['?', '#']).next().unwrap_or_default();
        let (host, path) = shown.split_at(shown.find('/').unwrap_or(shown.len()));
        let scheme = scheme.to_ascii_lowercase();
        let is_host =
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
        let is_page = is_host && matches!(scheme.as_str(), "http" | "https");
        is_page.then(|| Self { origin: format!("{scheme}://{}", host.to_ascii_lowercase()), path: path.to_owned() })
    }

    /// Scheme, host and port, as browsers send them.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The page with the conversation open in its messenger.
    #[must_use]
    pub fn link(&self, thread: ThreadId) -> String {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        format!("{}{path}#deskgate-conversation-{thread}", self.origin)
    }
}

impl std::fmt::Display for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn msg_48_a_page_is_its_scheme_host_and_path() {
        let shown = |text: &str| Page::parse(text).map(|page| page.to_string());
        let page = |text: &str| Some(text.to_owned());
        assert_eq!(shown("https://Shop.example/Help"), page("https://shop.example/Help"));
        assert_eq!(shown("HTTP://127.0.0.1:8080/a/b?token=1#c"), page("http://127.0.0.1:8080/a/b"));
        assert_eq!(shown("https://[::1]:8443"), page("https://[::1]:8443"));
        let long = format!("https://shop.example/{}", "a".repeat(PAGE_BYTES_MAX));
        for none in [
            "",
            "shop.example",
            "https://",
            "https:///path",
            "javascript://shop.example/%0aalert(1)",
            "https://shop.example@evil.example/",
            "https://shop.example/a b",
            "https://shop.example/\"><script>",
            "file:///etc/passwd",
            long.as_str(),
        ] {
            assert_eq!(shown(none), None, "{none}");
        }
    }

    #[test]
    fn msg_48_a_link_opens_the_conversation() {
        let link = |text: &str| Page::parse(text).unwrap().link(ThreadId(7));
        assert_eq!(link("https://shop.example"), "https://shop.example/#deskgate-conversation-7");
        assert_eq!(link("https://shop.example/help?x#y"), "https://shop.example/help#deskgate-conversation-7");
    }
}
