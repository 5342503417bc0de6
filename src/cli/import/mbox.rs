//! Mails out of an mbox file (RFC 4155), in linear time and with one mail in memory.
//!
//! A mail begins at a line `From …` that holds a time of day and a year and follows an empty line or begins the file; text lines
//! that only begin with the word do not end a mail. One `>` is taken off lines that were quoted (`>From `, mboxrd).

use crate::cli::import::Found;
use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;

/// Longest piece of a line looked at; longer lines come in pieces.
const PIECE_BYTES_MAX: u64 = 64 * 1024;
/// What is looked at of a separator.
const SEPARATOR_BYTES_MAX: usize = 500;
const BUFFER_BYTES: usize = 256 * 1024;

/// The mails of one file.
pub(crate) struct Mails<R> {
    input: R,
    name: String,
    bytes_max: usize,
    /// Where the current mail's `From ` line begins.
    position: u64,
    /// Octets read so far.
    read: u64,
    /// Whether a `From ` line was read whose mail follows.
    begun: bool,
}

impl Mails<BufReader<File>> {
    /// Opens a file; mails over `bytes_max` are found without their content.
    pub(crate) fn open(path: &Path, bytes_max: usize) -> io::Result<Self> {
        let name = fs_name(path);
        Ok(Self::of(BufReader::with_capacity(BUFFER_BYTES, File::open(path)?), &name, bytes_max))
    }
}

/// The same file has the same name however it is called.
fn fs_name(path: &Path) -> String {
    path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string()
}

impl<R: BufRead> Mails<R> {
    fn of(input: R, name: &str, bytes_max: usize) -> Self {
        Self { input, name: name.to_owned(), bytes_max, position: 0, read: 0, begun: false }
    }

    /// The next mail.
    ///
    /// # Errors
    /// When the file cannot be read, or does not begin like an mbox.
    pub(crate) fn next(&mut self) -> io::Result<Option<Found>> {
        if !self.begun && !self.first()? {
            return Ok(None);
        }
        self.begun = false;
        let began_at = self.position;
        let mut mail = Mail { raw: Vec::new(), bytes_max: self.bytes_max, too_large: false };
        let mut line_begins = true;
        let mut after_empty = false;
        loop {
            let at = self.read;
            let piece = self.piece()?;
            if piece.is_empty() {
                break;
            }
            if line_begins && after_empty && is_separator(&piece) {
                (self.position, self.begun) = (at, true);
                self.rest_of_line(&piece)?;
                break;
            }
            mail.push(if line_begins { unquoted(&piece) } else { &piece });
            after_empty = line_begins && matches!(piece.as_slice(), b"\n" | b"\r\n");
            line_begins = piece.ends_with(b"\n");
        }
        let end = if self.begun { self.position } else { self.read };
        let origin = format!("{}:{began_at}", self.name);
        Ok(Some(Found { origin, raw: mail.end(), file_bytes: end.saturating_sub(began_at) }))
    }

    /// Reads up to the first `From ` line; `false` for a file without mails.
    fn first(&mut self) -> io::Result<bool> {
        loop {
            let at = self.read;
            let piece = self.piece()?;
            if piece.is_empty() {
                return Ok(false);
            }
            if is_separator(&piece) {
                self.position = at;
                self.rest_of_line(&piece)?;
                return Ok(true);
            }
            if !matches!(piece.as_slice(), b"\n" | b"\r\n") {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "not an mbox: it does not begin with From"));
            }
        }
    }

    /// The next line, or a piece of it; empty at the end.
    fn piece(&mut self) -> io::Result<Vec<u8>> {
        let mut piece = Vec::new();
        self.input.by_ref().take(PIECE_BYTES_MAX).read_until(b'\n', &mut piece)?;
        self.read = self.read.saturating_add(u64::try_from(piece.len()).unwrap_or(0));
        Ok(piece)
    }

    fn rest_of_line(&mut self, begun: &[u8]) -> io::Result<()> {
        let mut ended = begun.ends_with(b"\n");
        while !ended {
            let piece = self.piece()?;
            ended = piece.is_empty() || piece.ends_with(b"\n");
        }
        Ok(())
    }
}

struct Mail {
    raw: Vec<u8>,
    bytes_max: usize,
    too_large: bool,
}

impl Mail {
    fn push(&mut self, octets: &[u8]) {
        self.too_large |= self.raw.len().saturating_add(octets.len()) > self.bytes_max;
        if self.too_large {
            self.raw = Vec::new();
        } else {
            self.raw.extend_from_slice(octets);
        }
    }

    /// The mail without the empty line that ends it in the file.
    fn end(mut self) -> Option<Vec<u8>> {
        for empty in [&b"\r\n\r\n"[..], b"\n\n"] {
            if self.raw.ends_with(empty) {
                self.raw.truncate(self.raw.len().saturating_sub(empty.len() / 2));
                break;
            }
        }
        (!self.too_large).then_some(self.raw)
    }
}

/// Whether a line begins a mail: `From `, and behind it a time of day and a year.
fn is_separator(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else { return false };
    let rest = rest.get(..rest.len().min(SEPARATOR_BYTES_MAX)).unwrap_or(rest);
    let words = || rest.split(u8::is_ascii_whitespace);
    let is_time = |word: &[u8]| match word {
        [a, b, b':', c, d, ..] => [a, b, c, d].into_iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let is_year =
        |word: &[u8]| matches!(word, [b'1' | b'2', b'9' | b'0', c, d] if c.is_ascii_digit() && d.is_ascii_digit());
    words().any(is_time) && words().any(is_year)
}

/// A line without the `>` that keeps it from beginning a mail.
fn unquoted(line: &[u8]) -> &[u8] {
    let quotes = line.iter().take_while(|byte| **byte == b'>').count();
    let is_quoted = quotes > 0 && line.get(quotes..).is_some_and(|rest| rest.starts_with(b"From "));
    line.get(usize::from(is_quoted)..).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "From ana@example.com Mon Jan  5 10:00:00 2026\n";

    fn mails(file: &str, bytes_max: usize) -> Vec<(String, Option<String>)> {
        let mut mails = Mails::of(file.as_bytes(), "f", bytes_max);
        let mut found = Vec::new();
        while let Some(mail) = mails.next().unwrap() {
            found.push((mail.origin, mail.raw.map(|raw| String::from_utf8(raw).unwrap())));
        }
        found
    }

    #[test]
    fn mails_are_split_at_from_lines_alone() {
        let file = format!(
            "{FROM}Subject: one\n\nFrom here on at 10:00 it rains\n\nFrom then on it does not\n>From me\n>>From us\n\n{FROM}Subject: two\n\nb\n"
        );
        let found = mails(&file, 1_000);
        let one = "Subject: one\n\nFrom here on at 10:00 it rains\n\nFrom then on it does not\nFrom me\n>From us\n";
        assert_eq!(found[0], ("f:0".to_owned(), Some(one.to_owned())));
        let second_at = file.rfind("From ana").unwrap();
        assert_eq!(found[1], (format!("f:{second_at}"), Some("Subject: two\n\nb\n".to_owned())));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_mail_too_large_is_found_without_content_and_hides_no_other() {
        let file = format!("\n{FROM}{}\n\n{FROM}small\n", "x".repeat(200_000));
        let found = mails(&file, 1_000);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].1.as_deref(), found[1].1.as_deref()), (None, Some("small\n")));
    }

    #[test]
    fn what_is_no_mbox_is_refused() {
        assert_eq!(mails("", 10), []);
        assert_eq!(mails("\n\n", 10), []);
        let refused = Mails::of(&b"Subject: x\n"[..], "f", 10).next().unwrap_err();
        assert!(refused.to_string().contains("not an mbox"), "{refused}");
    }

    #[test]
    fn crlf_files_are_split_too() {
        let file = format!("{FROM}a\n\n{FROM}b\n").replace('\n', "\r\n");
        let found: Vec<_> = mails(&file, 100).into_iter().filter_map(|(_, raw)| raw).collect();
        assert_eq!(found, ["a\r\n", "b\r\n"]);
    }
}
