//! Watches where in HTML a value would land.
//!
//! **Invariant:** a value never lands in an unquoted attribute, and in one that is followed (`href`, `src`, …) only
//! through `url`: escaping alone keeps neither white space nor `javascript:` out.

/// Attributes whose value a program opens.
const FOLLOWED: [&str; 6] = ["href", "src", "action", "background", "poster", "formaction"];
/// How much of the text before a value is kept.
const TAIL_BYTES: usize = 64;

/// The text just before the next value; empty after one.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail(String);

impl Tail {
    /// Goes on over fixed text.
    pub(super) fn text(&mut self, text: &str) {
        self.0.push_str(text);
        let mut from = self.0.len().saturating_sub(TAIL_BYTES);
        while !self.0.is_char_boundary(from) {
            from += 1;
        }
        self.0.drain(..from);
    }

    /// Goes on over a value.
    pub(super) fn value(&mut self) {
        self.0.clear();
    }

    /// Whether a value that comes next must come through `url`.
    pub(super) fn is_followed(&self) -> bool {
        let tail = self.0.trim_end().to_ascii_lowercase();
        let tail = tail.trim_end_matches(['"', '\'']).trim_end();
        if tail.ends_with("url(") {
            return true;
        }
        let Some(name) = tail.strip_suffix('=').map(str::trim_end) else { return false };
        FOLLOWED.iter().any(|attribute| name.ends_with(attribute))
    }

    /// Whether a value that comes next would be an attribute without quotes.
    pub(super) fn is_unquoted(&self) -> bool {
        self.0.trim_end().ends_with('=')
    }

    /// After two ways through a block: the more dangerous one.
    pub(super) fn either(self, other: Self) -> Self {
        if other.is_followed() || other.is_unquoted() { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_handlebars_does_not_know_attributes() {
        let cases = [
            ("<a href=\"", true, false),
            ("<a HREF = ' ", true, false),
            ("<a href=\"https://desk.example.com/", false, false),
            ("<img src=", true, true),
            ("<td style=\"background:url(", true, false),
            ("<p title=", false, true),
            ("<p title=\"", false, false),
            ("<p>", false, false),
        ];
        for (text, followed, unquoted) in cases {
            let mut tail = Tail::default();
            tail.text("\u{e9}".repeat(50).as_str());
            tail.text(text);
            assert_eq!((tail.is_followed(), tail.is_unquoted()), (followed, unquoted), "{text}");
        }
    }
}
