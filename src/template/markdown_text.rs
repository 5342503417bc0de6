//! Markdown of broadcasts as plain text that reads well.

use pulldown_cmark::Event;
use pulldown_cmark::HeadingLevel;
use pulldown_cmark::Tag;
use pulldown_cmark::TagEnd;

/// The text of `events`.
pub(super) fn text(events: &[Event<'_>]) -> String {
    let mut writer = Writer::default();
    for event in events {
        writer.event(event);
    }
    format!("{}\n", writer.out.trim_end())
}

#[derive(Default)]
struct Writer {
    out: String,
    /// What begins every line: quotes and the indents of lists.
    prefix: Vec<&'static str>,
    /// Next number of each open list; `None` for bullets.
    lists: Vec<Option<u64>>,
    /// Where the text of each open link began, and its address.
    links: Vec<(usize, String)>,
    /// Where the text of the open heading began.
    heading: Option<usize>,
    /// A line was begun, by its prefix or a list's mark, and nothing stands on it.
    fresh: bool,
    cells: usize,
}

impl Writer {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(*end),
            Event::Text(text) | Event::Code(text) => self.words(text),
            Event::SoftBreak => self.words(" "),
            Event::HardBreak => self.words("\n"),
            Event::Rule => {
                self.block();
                self.words("----");
            }
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::CodeBlock(_) | Tag::Table(_) => self.block(),
            Tag::Heading { level, .. } => {
                self.block();
                self.heading = matches!(level, HeadingLevel::H1 | HeadingLevel::H2).then_some(self.out.len());
            }
            Tag::BlockQuote(_) => {
                self.block();
                self.prefix.push("> ");
                self.words("> ");
                self.fresh = true;
            }
            Tag::List(first) => {
                if self.lists.is_empty() {
                    self.block();
                }
                self.lists.push(*first);
            }
            Tag::Item => self.item(),
            Tag::TableRow | Tag::TableHead => {
                self.line();
                self.cells = 0;
            }
            Tag::TableCell => {
                if self.cells > 0 {
                    self.words(" | ");
                }
                self.cells += 1;
            }
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.links.push((self.out.len(), dest_url.to_string()));
            }
            _ => {}
        }
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Heading(_) => self.underline(),
            TagEnd::BlockQuote(_) | TagEnd::Item => {
                self.prefix.pop();
                self.fresh = false;
            }
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::Link | TagEnd::Image => self.address(),
            TagEnd::CodeBlock => self.out.truncate(self.out.trim_end().len()),
            _ => {}
        }
    }

    fn item(&mut self) {
        self.line();
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                let mark = format!("{number}. ");
                *number += 1;
                mark
            }
            _ => "- ".to_owned(),
        };
        self.words(&mark);
        self.fresh = true;
        self.prefix.push("  ");
    }

    /// Puts the address behind a link's text unless it says the same.
    fn address(&mut self) {
        let Some((from, address)) = self.links.pop() else { return };
        let said = self.out.get(from..).unwrap_or("");
        if said != address && address.strip_prefix("mailto:") != Some(said) {
            let address = if said.is_empty() { address } else { format!(" ({address})") };
            self.words(&address);
        }
    }

    fn underline(&mut self) {
        if let Some(from) = self.heading.take() {
            let width = self.out.get(from..).unwrap_or("").trim_start().chars().count();
            self.line();
            self.words(&"-".repeat(width.clamp(3, 60)));
        }
    }

    /// Begins a block: an empty line, then a new one.
    fn block(&mut self) {
        if self.out.is_empty() || self.fresh {
            return;
        }
        self.out.truncate(self.out.trim_end().len());
        self.out.push('\n');
        self.out.push_str(self.prefix.concat().trim_end());
        self.line();
        self.fresh = true;
    }

    /// Begins a line.
    fn line(&mut self) {
        if self.out.is_empty() || self.fresh {
            return;
        }
        self.out.push('\n');
        self.out.push_str(&self.prefix.concat());
    }

    fn words(&mut self, text: &str) {
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                self.fresh = false;
                self.line();
            }
            if !line.is_empty() {
                self.out.push_str(line);
                self.fresh = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::markdown;

    #[test]
    fn markdown_reads_well_as_text() {
        let cases = [
            ("a **b** `c`\nd", "a b c d\n"),
            ("a\n\nb", "a\n\nb\n"),
            ("# Title\n\ntext", "Title\n-----\n\ntext\n"),
            ("x\n\n- a\n- b\n\ny", "x\n\n- a\n- b\n\ny\n"),
            ("1. a\n2. b\n   - c", "1. a\n2. b\n  - c\n"),
            ("- a\n\n  b\n- c", "- a\n\n  b\n- c\n"),
            ("> a\n> b\n>\n> c\n\nd", "> a b\n>\n> c\n\nd\n"),
            ("[a](https://example.com)", "a (https://example.com)\n"),
            ("<https://example.com>", "https://example.com\n"),
            ("<help@example.com>", "help@example.com\n"),
            ("![](https://example.com/a.png)", "https://example.com/a.png\n"),
            ("```\na\n  b\n```\nc", "a\n  b\n\nc\n"),
            ("a\\\nb", "a\nb\n"),
            ("a\n\n---\n\nb", "a\n\n----\n\nb\n"),
            ("|a|b|\n|-|-|\n|1|2|", "a | b\n1 | 2\n"),
            ("", "\n"),
        ];
        for (source, expected) in cases {
            assert_eq!(text(&markdown::events(source)), expected, "{source}");
        }
    }
}
