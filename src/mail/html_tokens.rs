//! HTML cut into tags and text, in one pass, without building a tree.
//!
//! **Invariant:** linear time, no allocation but for what the caller keeps; offsets are those of the input. Follows the
//! tokenizer of the HTML standard closely enough to count, to read text and to find containers. It never decides what
//! is safe: only [`crate::mail::sanitize`] does, with a real parser.

/// One piece of HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mail) struct Token<'a> {
    /// Offset of its first octet.
    pub(in crate::mail) start: usize,
    /// Offset behind its last octet.
    pub(in crate::mail) end: usize,
    /// What it is.
    pub(in crate::mail) kind: TokenKind<'a>,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mail) enum TokenKind<'a> {
    /// Text with its character references.
    Text(&'a str),
    /// A start tag: its name as written, and everything up to the `>`.
    Open(&'a str, &'a str),
    /// An end tag.
    Close(&'a str),
    /// The inside of script, style and the like.
    Raw,
    /// A comment, a declaration.
    Comment,
}

/// Walks HTML.
#[derive(Clone, Debug)]
pub(in crate::mail) struct Tokens<'a> {
    html: &'a str,
    at: usize,
    raw_until: Option<&'a str>,
}

impl<'a> Tokens<'a> {
    pub(in crate::mail) fn new(html: &'a str) -> Self {
        Self { html, at: 0, raw_until: None }
    }

    fn token(&mut self, length: usize, kind: TokenKind<'a>) -> Token<'a> {
        let start = self.at;
        self.at = (start + length).min(self.html.len());
        Token { start, end: self.at, kind }
    }

    fn tag(&mut self, rest: &'a str, is_close: bool) -> Token<'a> {
        let skip = if is_close { 2 } else { 1 };
        let inner = rest.get(skip..).unwrap_or("");
        let name_end = inner.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).unwrap_or(inner.len());
        let (name, after) = inner.split_at_checked(name_end).unwrap_or((inner, ""));
        let attributes = after.get(..tag_end(after)).unwrap_or(after);
        let length = skip + name.len() + attributes.len() + 1;
        if is_close {
            return self.token(length, TokenKind::Close(name));
        }
        if is_raw(name) {
            self.raw_until = Some(name);
        }
        self.token(length, TokenKind::Open(name, attributes))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let rest = self.html.get(self.at..).filter(|rest| !rest.is_empty())?;
        if let Some(name) = self.raw_until.take() {
            let length = raw_length(rest, name);
            if length > 0 {
                return Some(self.token(length, TokenKind::Raw));
            }
        }
        let mut bytes = rest.bytes();
        let token = match (bytes.next(), bytes.next(), bytes.next()) {
            (Some(b'<'), Some(b), _) if b.is_ascii_alphabetic() => self.tag(rest, false),
            (Some(b'<'), Some(b'/'), Some(b)) if b.is_ascii_alphabetic() => self.tag(rest, true),
            (Some(b'<'), Some(b'!' | b'?' | b'/'), _) => self.token(comment_length(rest), TokenKind::Comment),
            _ => {
                let length = text_length(rest);
                self.token(length, TokenKind::Text(rest.get(..length).unwrap_or(rest)))
            }
        };
        Some(token)
    }
}

/// Text runs to the next `<` that begins a tag or a comment.
fn text_length(rest: &str) -> usize {
    let mut from = 1;
    while let Some(at) = rest.get(from..).and_then(|tail| tail.find('<')).map(|at| from + at) {
        match rest.as_bytes().get(at + 1) {
            Some(b) if b.is_ascii_alphabetic() || matches!(b, b'/' | b'!' | b'?') => return at,
            _ => from = at + 1,
        }
    }
    // A `<` may be followed by a character of several octets: go on to the next boundary.
    rest.len()
}

/// Offset of the `>` that ends a tag, quotes respected.
fn tag_end(after_name: &str) -> usize {
    let mut quote = None;
    let mut before_value = false;
    for (at, b) in after_name.bytes().enumerate() {
        match (quote, b) {
            (Some(q), b) if q == b => quote = None,
            (Some(_), _) => {}
            (None, b'>') => return at,
            (None, b'"' | b'\'') if before_value => quote = Some(b),
            (None, b'=') => before_value = true,
            (None, b) if !b.is_ascii_whitespace() => before_value = false,
            (None, _) => {}
        }
    }
    after_name.len()
}

fn comment_length(rest: &str) -> usize {
    let Some(inside) = rest.strip_prefix("<!--") else {
        return rest.find('>').map_or(rest.len(), |at| at + 1);
    };
    if inside.starts_with('>') {
        return 5;
    }
    if inside.starts_with("->") {
        return 6;
    }
    let end = inside.find("-->").map(|at| at + 7);
    let other = inside.get(..end.unwrap_or(inside.len())).unwrap_or(inside).find("--!>").map(|at| at + 8);
    other.or(end).unwrap_or(rest.len())
}

/// Elements whose inside is no markup.
fn is_raw(name: &str) -> bool {
    ["script", "style", "xmp", "iframe", "noembed", "noframes", "title", "textarea", "plaintext"]
        .iter()
        .any(|raw| name.eq_ignore_ascii_case(raw))
}

fn raw_length(rest: &str, name: &str) -> usize {
    if name.eq_ignore_ascii_case("plaintext") {
        return rest.len();
    }
    let mut from = 0;
    while let Some(at) = rest.get(from..).and_then(|tail| tail.find("</")).map(|at| from + at) {
        let after = rest.as_bytes().get(at + 2..).unwrap_or_default();
        let is_same = after.get(..name.len()).is_some_and(|end| end.eq_ignore_ascii_case(name.as_bytes()));
        let next = after.get(name.len());
        if is_same && next.is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'>')) {
            return at;
        }
        from = at + 2;
    }
    rest.len()
}

/// The attributes of a tag, names in lower case; values as written, without quotes.
pub(in crate::mail) fn attributes(text: &str) -> impl Iterator<Item = (String, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return None;
        }
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let name_end = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| c.is_ascii_whitespace() || matches!(c, '=' | '/'))
            .map_or(rest.len(), |(at, _)| at)
            .max(first);
        let (name, after) = rest.split_at_checked(name_end).unwrap_or((rest, ""));
        let spaced = after.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let Some(value) = spaced.strip_prefix('=') else {
            rest = after;
            return Some((name.to_ascii_lowercase(), ""));
        };
        let value = value.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let (value, after) = attribute_value(value);
        rest = after;
        Some((name.to_ascii_lowercase(), value))
    })
}

fn attribute_value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote) {
            return inside.split_once(quote).unwrap_or((inside, ""));
        }
    }
    let end = text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The value of one attribute (name in lower case), as written.
pub(in crate::mail) fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    attributes(text).find(|(found, _)| found == name).map(|(_, value)| value)
}

/// Elements that have no inside.
pub(in crate::mail) fn is_void(name: &str) -> bool {
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
        .iter()
        .any(|void| name.eq_ignore_ascii_case(void))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kinds(html: &str) -> Vec<TokenKind<'_>> {
        Tokens::new(html).map(|token| token.kind).collect()
    }

    #[test]
    fn tags_text_comments_and_raw_insides() {
        use TokenKind::Close;
        use TokenKind::Comment;
        use TokenKind::Open;
        use TokenKind::Raw;
        use TokenKind::Text;
        assert_eq!(
            kinds("a<b x='>'>c</b><!-- <i> --><style>p>a{}</style>1 < 2"),
            [
                Text("a"),
                Open("b", " x='>'"),
                Text("c"),
                Close("b"),
                Comment,
                Open("style", ""),
                Raw,
                Close("style"),
                Text("1 < 2"),
            ]
        );
        assert_eq!(kinds("<!--><i>"), [Comment, Open("i", "")]);
        assert_eq!(kinds("<ü"), [Text("<ü")]);
        assert_eq!(kinds("<a href=\"x"), [Open("a", " href=\"x")]);
    }

    #[test]
    fn attributes_are_read_with_and_without_quotes() {
        let all: Vec<_> = attributes(" HREF=\"a b\" class = x/y checked id='1'/").collect();
        let expected = [("href", "a b"), ("class", "x/y"), ("checked", ""), ("id", "1")];
        assert_eq!(all, expected.map(|(name, value)| (name.to_owned(), value)));
    }

    proptest! {
        #[test]
        fn tokens_cover_the_input_without_gaps(html in "([<>/!-]|[a-c]|[\"'= ]|script|é){0,60}") {
            let mut at = 0;
            for token in Tokens::new(&html) {
                prop_assert_eq!(token.start, at);
                prop_assert!(token.end > token.start);
                at = token.end;
            }
            prop_assert_eq!(at, html.len());
        }
    }
}
