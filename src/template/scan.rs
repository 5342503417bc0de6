//! A first look at a template, before the parser sees it.
//!
//! **Invariant:** linear time and constant stack. The parser recurses into blocks and brackets, takes minutes for deep
//! ones and then overflows the stack, which ends the process; so depth is bounded here. What this look would read
//! otherwise than the parser (`\{{`, `{{{{`, brackets in tags) is refused.

use super::error::TemplateError;

/// Largest template.
pub(super) const SOURCE_BYTES_MAX: usize = 256 * 1_024;
/// Blocks inside blocks; every `{{else if}}` counts as one more.
pub(super) const DEPTH_MAX: usize = 32;
/// Tags in one template: the parser counts the lines up to each from the start.
const TAGS_MAX: usize = 1_000;
/// Parentheses inside parentheses.
const PARENTHESES_MAX: usize = 4;
/// Longest tag between its braces.
const TAG_BYTES_MAX: usize = 2_000;

/// Looks through `text`; `file` is for the error.
pub(super) fn scan(file: &str, text: &str) -> Result<(), TemplateError> {
    if text.len() > SOURCE_BYTES_MAX {
        let message = format!("is {} bytes; at most {SOURCE_BYTES_MAX} are allowed", text.len());
        return Err(TemplateError::new(file, message));
    }
    let mut open: Vec<Block<'_>> = Vec::new();
    let mut from = 0;
    let mut tags = 0_usize;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find("{{")) {
        let at = from + found;
        let fault = |message: String| TemplateError::at_offset(file, text, at, message);
        if text.get(..at).is_some_and(|before| before.ends_with('\\')) {
            return Err(fault("a backslash before {{ is not supported".to_owned()));
        }
        tags += 1;
        if tags > TAGS_MAX {
            return Err(fault(format!("is one tag too many; at most {TAGS_MAX} are allowed")));
        }
        let tag = Tag::read(text, at).map_err(fault)?;
        tag.apply(at, &mut open).map_err(fault)?;
        from = tag.end;
    }
    match open.last() {
        Some(block) => {
            let message = format!("{{{{#{}}}}} is never closed", block.name);
            Err(TemplateError::at_offset(file, text, block.at, message))
        }
        None => Ok(()),
    }
}

struct Block<'a> {
    name: &'a str,
    at: usize,
    /// This block and its `{{else if}}`s.
    depth: usize,
}

struct Tag<'a> {
    /// Between the braces, without `~` and white space; empty for a comment.
    inner: &'a str,
    /// Offset of the first byte after the tag.
    end: usize,
}

impl<'a> Tag<'a> {
    /// Reads the tag that begins at `at`.
    fn read(text: &'a str, at: usize) -> Result<Self, String> {
        let rest = text.get(at..).unwrap_or("");
        if rest.starts_with("{{{{") {
            return Err("raw blocks {{{{ are not allowed".to_owned());
        }
        if let Some(comment) = rest.strip_prefix("{{!") {
            let (skip, close) = if comment.starts_with("--") { (2, "--}}") } else { (0, "}}") };
            let body = comment.get(skip..).unwrap_or("");
            let length = body.find(close).ok_or_else(|| format!("the comment is not closed by {close}"))?;
            return Ok(Self { inner: "", end: at + 3 + skip + length + close.len() });
        }
        let (open, close) = if rest.starts_with("{{{") { ("{{{", "}}}") } else { ("{{", "}}") };
        let body = rest.get(open.len()..).unwrap_or("");
        let length = tag_length(body, close)?;
        let inner = body.get(..length).unwrap_or("").trim_matches(|c: char| c == '~' || c.is_whitespace());
        Ok(Self { inner, end: at + open.len() + length + close.len() })
    }

    /// Opens or closes blocks.
    fn apply(&self, at: usize, open: &mut Vec<Block<'a>>) -> Result<(), String> {
        let mut chars = self.inner.chars();
        let name = chars.as_str().trim_start_matches(['#', '/']).split_whitespace().next().unwrap_or("");
        match chars.next() {
            Some('#') if name.starts_with(['*', '>']) => Err("inline and block partials are not allowed".to_owned()),
            Some('*') => Err("decorators are not allowed".to_owned()),
            Some('&') => Err("{{& puts a value in unescaped; write {{name}}".to_owned()),
            Some('^') => Err("write {{else}} or {{#unless}} instead of {{^".to_owned()),
            Some('#') => {
                open.push(Block { name, at, depth: 1 });
                check_depth(open)
            }
            Some('/') => match open.pop() {
                Some(block) if block.name == name => Ok(()),
                Some(block) => Err(format!("{{{{/{name}}}}} stands where {{{{/{}}}}} is expected", block.name)),
                None => Err(format!("{{{{/{name}}}}} closes nothing")),
            },
            _ if name == "else" => match open.last_mut() {
                Some(block) => {
                    block.depth += usize::from(self.inner != "else");
                    check_depth(open)
                }
                None => Err("{{else}} stands outside a block".to_owned()),
            },
            _ => Ok(()),
        }
    }
}

fn check_depth(open: &[Block<'_>]) -> Result<(), String> {
    let depth: usize = open.iter().map(|block| block.depth).sum();
    if depth > DEPTH_MAX { Err(format!("blocks are nested deeper than {DEPTH_MAX}")) } else { Ok(()) }
}

/// Bytes up to `close`, which does not count inside quotes.
fn tag_length(body: &str, close: &str) -> Result<usize, String> {
    let mut quote: Option<char> = None;
    let mut escaped = false;
    let mut depth = 0_usize;
    for (at, c) in body.char_indices().take_while(|(at, _)| *at <= TAG_BYTES_MAX) {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) => quote = if c == open { None } else { quote },
            (None, '"' | '\'') => quote = Some(c),
            (None, '}') if body.get(at..).is_some_and(|rest| rest.starts_with(close)) => return Ok(at),
            (None, '{' | '[' | '|') => return Err(format!("{c} is not allowed inside a tag")),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        if depth > PARENTHESES_MAX {
            return Err(format!("parentheses are nested deeper than {PARENTHESES_MAX}"));
        }
    }
    if body.len() > TAG_BYTES_MAX {
        Err(format!("the tag is not closed by {close} within {TAG_BYTES_MAX} bytes"))
    } else {
        Err(format!("the tag is not closed by {close}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_named_with_its_place() {
        let cases = [
            ("a\nb {{#if x}}\nc", "t:2:3: {{#if}} is never closed"),
            ("{{#if x}}{{/each}}", "t:1:10: {{/each}} stands where {{/if}} is expected"),
            ("x{{/if}}", "t:1:2: {{/if}} closes nothing"),
            ("{{else}}", "t:1:1: {{else}} stands outside a block"),
            ("{{name", "t:1:1: the tag is not closed by }}"),
            ("{{or \"a}}\"", "t:1:1: the tag is not closed by }}"),
            ("{{{{raw}}}}", "t:1:1: raw blocks {{{{ are not allowed"),
            ("\n{{&x}}", "t:2:1: {{& puts a value in unescaped; write {{name}}"),
            ("{{!-- a }}", "t:1:1: the comment is not closed by --}}"),
            ("\\{{x}}", "t:1:2: a backslash before {{ is not supported"),
            ("{{#> a}}{{/a}}", "t:1:1: inline and block partials are not allowed"),
            ("{{#*inline \"a\"}}{{/inline}}", "t:1:1: inline and block partials are not allowed"),
            ("{{* d}}", "t:1:1: decorators are not allowed"),
            ("{{~{x}~}}", "t:1:1: { is not allowed inside a tag"),
            ("{{#each a as |b|}}{{/each}}", "t:1:1: | is not allowed inside a tag"),
            ("{{a.[0]}}", "t:1:1: [ is not allowed inside a tag"),
        ];
        for (text, expected) in cases {
            assert_eq!(scan("t", text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_fine_passes() {
        let cases = [
            "",
            "a } b }} { c",
            "{{x}} {{~x~}} {{{body_html}}} {{! a {{b }} c",
            "{{!-- }} {{#if --}} x",
            "{{#if a}}{{else if b}}{{else}}{{/if}}",
            "{{or a \"}} {{ \\\" x\"}}",
            "{{#if (or a b)}}{{/if}}",
        ];
        for text in cases {
            assert_eq!(scan("t", text), Ok(()), "{text}");
        }
    }

    #[test]
    fn trap_handlebars_parses_many_tags_in_quadratic_time() {
        assert_eq!(scan("t", &"{{x}}".repeat(TAGS_MAX)), Ok(()));
        let error = scan("t", &"{{x}}".repeat(TAGS_MAX + 1)).unwrap_err();
        assert_eq!(error.to_string(), "t:1:5001: is one tag too many; at most 1000 are allowed");
    }

    #[test]
    fn trap_handlebars_deep_blocks_abort() {
        let nested = |n: usize| format!("{}{}", "{{#if x}}".repeat(n), "{{/if}}".repeat(n));
        assert_eq!(scan("t", &nested(DEPTH_MAX)), Ok(()));
        for deep in [DEPTH_MAX + 1, 2_000, 15_000] {
            assert_eq!(scan("t", &nested(deep)).unwrap_err().message, "blocks are nested deeper than 32");
        }
        let chain = format!("{{{{#if x}}}}{}{{{{/if}}}}", "{{else if x}}".repeat(DEPTH_MAX));
        assert_eq!(scan("t", &chain).unwrap_err().message, "blocks are nested deeper than 32");
        let brackets = format!("{{{{or {}x}}}}", "(".repeat(900));
        assert_eq!(scan("t", &brackets).unwrap_err().message, "parentheses are nested deeper than 4");
    }
}
