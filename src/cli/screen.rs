//! What a command shows: tables for people, JSON for programs.

use crate::daemon::exit::Failure;
use serde::Serialize;
use std::io;
use std::io::Write;

/// Widest cell of a table but for the last column, in characters.
const CELL_CHARS_MAX: usize = 60;

/// Standard output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    json: bool,
}

impl Screen {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether programs read.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// One line, or several.
    #[expect(clippy::unused_self, reason = "whoever writes to standard output holds the screen")]
    pub(crate) fn line(self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        writeln!(out, "{text}").map_err(|error| Failure::doing("standard output", error))
    }

    /// A value for programs.
    pub(crate) fn json(self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Failure::doing("JSON", error))?;
        self.line(&text)
    }

    /// Rows under a head; nothing but the head where there are none.
    pub(crate) fn table(self, head: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
        self.line(&table(head, rows))
    }
}

/// A line on standard error.
pub(crate) fn complain(text: &str) {
    // Nobody is left to tell when standard error is gone.
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Rows under a head, columns two spaces apart.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|name| name.len())).max().unwrap_or(0).min(CELL_CHARS_MAX)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let head = line(head.to_vec());
    let rows = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(head).chain(rows).collect::<Vec<_>>().join("\n")
}

/// A cell without control characters, which could write over other lines of a terminal.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What there is instead of what was named, which stands in `section` of the configuration.
pub(crate) fn there_are(known: &[&str], section: &str) -> String {
    if known.is_empty() {
        format!("the configuration has no {section}")
    } else {
        format!("there are: {}", known.join(", "))
    }
}

/// Bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    let mut size = count;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 10_240 {
            return format!("{size} {unit}");
        }
        size /= 1_024;
    }
    format!("{size} TiB")
}

/// A moment for people, in UTC.
pub(crate) fn moment(seconds: u64) -> String {
    let stamp = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    stamp.map_or_else(|| "?".to_owned(), |stamp| stamp.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_and_hold_no_controls() {
        let rows = [vec!["1".to_owned(), "a\u{1b}[2Jb".to_owned()], vec!["1000".to_owned(), "c".to_owned()]];
        assert_eq!(table(&["ID", "NAME"], &rows), "ID    NAME\n1     a [2Jb\n1000  c");
        assert_eq!(table(&["ID"], &[]), "ID");
    }

    #[test]
    fn sizes_and_times_are_short() {
        assert_eq!((bytes(512), bytes(20_480), bytes(52_428_800)), ("512 B".into(), "20 KiB".into(), "50 MiB".into()));
        assert_eq!(moment(1_767_225_600), "2026-01-01T00:00:00Z");
    }
}
