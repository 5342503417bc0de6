//! Text from outside made safe to stand in a header field, a list or a file name.
//!
//! **Invariant:** what comes out holds no line break, no control character and none that turns the direction of text;
//! a name or subject that passed here can be written to a header field by any library (FAULTS 0.1).

use crate::mail::limits::FILE_NAME_CHARS_MAX;
use crate::mail::limits::NAME_CHARS_MAX;
use crate::mail::limits::SUBJECT_CHARS_MAX;

/// One line: controls become spaces, marks that turn the direction of text vanish, spaces join; cut to `chars_max`.
#[must_use]
pub fn line(text: &str, chars_max: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(chars_max.saturating_mul(4)));
    let mut chars = 0;
    let mut gap = false;
    for c in text.chars().filter(|c| !is_hidden(*c)) {
        if is_space(c) {
            gap = !clean.is_empty();
            continue;
        }
        let needed = if gap { 2 } else { 1 };
        if chars + needed > chars_max {
            break;
        }
        if gap {
            clean.push(' ');
        }
        clean.push(c);
        chars += needed;
        gap = false;
    }
    clean
}

/// A display name.
#[must_use]
pub fn name(text: &str) -> String {
    line(text, NAME_CHARS_MAX)
}

/// A subject.
#[must_use]
pub fn subject(text: &str) -> String {
    line(text, SUBJECT_CHARS_MAX)
}

/// Whether [`line`] takes more from `text` than white space.
#[must_use]
pub(in crate::mail) fn is_suspect(text: &str) -> bool {
    text.chars().any(|c| is_hidden(c) || (c.is_control() && c != '\t'))
}

/// Octets of a block of [`plain_bytes`].
const PLAIN_BLOCK: usize = 32;

/// Body text: line ends become LF, controls vanish; cut to `bytes_max` octets. The flag tells whether it was cut.
#[must_use]
pub(in crate::mail) fn body(text: &str, bytes_max: usize) -> (String, bool) {
    let mut clean = String::with_capacity(text.len().min(bytes_max));
    let mut rest = text;
    while !rest.is_empty() {
        // Nearly all of a text is such a run.
        let plain_bytes = plain_bytes(rest.as_bytes());
        let (plain, after) = rest.split_at_checked(plain_bytes).unwrap_or((rest, ""));
        let room = bytes_max.saturating_sub(clean.len());
        if plain.len() > room {
            clean.push_str(plain.get(..plain.floor_char_boundary(room)).unwrap_or_default());
            return (clean, true);
        }
        clean.push_str(plain);
        let mut chars = after.chars();
        let kept = chars.next().and_then(|c| body_char(c, chars.as_str()));
        if let Some(c) = kept {
            if clean.len() + c.len_utf8() > bytes_max {
                return (clean, true);
            }
            clean.push(c);
        }
        rest = chars.as_str();
    }
    (clean, false)
}

/// Octets before the first that is not plain; looked at in blocks, which a processor does at once.
fn plain_bytes(octets: &[u8]) -> usize {
    let is_plain = |block: &&[u8]| block.iter().fold(true, |plain, octet| plain & is_plain_in_body(*octet));
    let blocks = octets.chunks_exact(PLAIN_BLOCK).take_while(is_plain).count() * PLAIN_BLOCK;
    let rest = octets.get(blocks..).unwrap_or_default();
    blocks + rest.iter().position(|octet| !is_plain_in_body(*octet)).unwrap_or(rest.len())
}

/// Whether an octet of UTF-8 neither is nor begins a character that [`body_char`] changes.
fn is_plain_in_body(octet: u8) -> bool {
    // 0xC2 begins U+0080 to U+009F, 0xE2 the separators U+2028 and U+2029.
    !matches!(octet, 0..=8 | 11..=31 | 127 | 0xC2 | 0xE2)
}

/// What becomes of a character of a body with `after` behind it.
fn body_char(c: char, after: &str) -> Option<char> {
    match c {
        '\r' if after.starts_with('\n') => None,
        '\r' | '\u{2028}' | '\u{2029}' | '\u{85}' => Some('\n'),
        c if c.is_control() && !matches!(c, '\n' | '\t') => None,
        c => Some(c),
    }
}

/// A file name for showing and for Content-Disposition: the last component, no characters that mean something to a
/// file system or a shell, no leading dots, no device names; the extension survives a cut. Never empty.
#[must_use]
pub fn file_name(text: &str, content_type: &str) -> String {
    let last = text.rsplit(['/', '\\']).find(|piece| !piece.trim().is_empty()).unwrap_or("");
    let plain: String = last
        .chars()
        .map(|c| if matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*' | '`' | '$') { '_' } else { c })
        .collect();
    let plain = line(&plain, usize::MAX);
    let plain = plain.trim_start_matches(['.', ' ']).trim_end_matches(['.', ' ']);
    if plain.is_empty() {
        return format!("attachment.{}", extension_for(content_type));
    }
    let plain = cut_before_extension(plain);
    if is_device(&plain) { format!("_{plain}") } else { plain }
}

fn cut_before_extension(plain: &str) -> String {
    if plain.chars().count() <= FILE_NAME_CHARS_MAX {
        return plain.to_owned();
    }
    let (stem, extension) = match plain.rsplit_once('.') {
        Some((stem, extension)) if extension.chars().count() <= 10 => (stem, extension),
        _ => (plain, "bin"),
    };
    let room = FILE_NAME_CHARS_MAX.saturating_sub(extension.chars().count() + 1);
    let stem: String = stem.chars().take(room).collect();
    format!("{}.{extension}", stem.trim_end())
}

/// Names that a Windows desktop takes for devices, with any extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or("").trim().to_ascii_uppercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|digit| digit.len() == 1 && digit.bytes().all(|b| b.is_ascii_digit()))
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

fn extension_for(content_type: &str) -> &'static str {
    match content_type {
        "text/plain" => "txt",
        "text/html" => "html",
        "text/calendar" => "ics",
        "text/csv" => "csv",
        "message/rfc822" | "message/global" | "text/rfc822-headers" => "eml",
        "message/delivery-status" | "message/feedback-report" => "txt",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "application/json" => "json",
        "application/ms-tnef" => "dat",
        "image/jpeg" | "image/jpg" => "jpg",
        "image/png" => "png",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/svg+xml" => "svg",
        _ => "bin",
    }
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// Turns the direction of text, or is nothing to see: LRE to RLO and PDF, isolates, zero-width space, word joiner,
/// byte order mark, soft hyphen, Mongolian vowel separator, tags. LRM, RLM, ZWJ and ZWNJ stay: scripts and emoji need them.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\0' | '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_lose_what_breaks_or_hides() {
        for (raw, clean) in [
            ("Evil\r\nBcc: v@v", "Evil Bcc: v@v"),
            ("a\0b\u{1b}[31m", "ab [31m"),
            ("pay\u{202e}gpj.exe", "paygpj.exe"),
            ("  two \t words\u{85}end ", "two words end"),
            ("\u{2067}\u{200b}\r\n", ""),
            ("👩\u{200d}🔧 Ana", "👩\u{200d}🔧 Ana"),
        ] {
            assert_eq!(name(raw), clean, "{raw:?}");
        }
        assert_eq!(name(&"é".repeat(300)).chars().count(), 256);
    }

    #[test]
    fn file_names_are_one_harmless_component() {
        for (raw, clean) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\x\\report.pdf", "report.pdf"),
            (".htaccess", "htaccess"),
            ("CON", "_CON"),
            ("nul.txt", "_nul.txt"),
            ("com1.log", "_com1.log"),
            ("a\r\nb\0.txt", "a b.txt"),
            ("inv\u{202e}fdp.exe", "invfdp.exe"),
            ("..", "attachment.pdf"),
            ("", "attachment.pdf"),
            ("dir/", "dir"),
            ("what?.txt", "what_.txt"),
        ] {
            assert_eq!(file_name(raw, "application/pdf"), clean, "{raw:?}");
        }
        let long = file_name(&format!("{}.docx", "x".repeat(4_000)), "");
        assert!(long.ends_with(".docx") && long.chars().count() <= FILE_NAME_CHARS_MAX);
    }

    #[test]
    fn bodies_have_one_kind_of_line_end() {
        assert_eq!(body("a\r\nb\rc\nd\0\u{7}", 100), ("a\nb\nc\nd".to_owned(), false));
        assert_eq!(body("äöü", 5), ("äö".to_owned(), true));
    }

    proptest! {
        #[test]
        fn a_clean_line_stays_as_it_is(text in any::<String>()) {
            let once = line(&text, 50);
            prop_assert_eq!(&line(&once, 50), &once);
            prop_assert!(!once.chars().any(|c| c.is_control() || is_hidden(c)));
            prop_assert!(once.chars().count() <= 50);
        }
    }
}
