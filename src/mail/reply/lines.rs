//! What each line of a text body is, by itself and with its next few.

use crate::mail::reply::words;

/// Octets up to which a line can be more than text.
const LINE_BYTES_MAX: usize = 1_000;
/// Lines over which a "wrote" line may be folded.
const ATTRIBUTION_LINES_MAX: usize = 6;
/// Octets of a folded "wrote" line.
const ATTRIBUTION_BYTES_MAX: usize = 400;

/// A line's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Blank,
    Text,
    /// Begins with a quote mark.
    Quote,
    /// "On … wrote:", also folded; and whatever else goes with the quote.
    Attribution,
    /// "From: …" as it stands above a quoted mail.
    Header,
    /// Ends the text for certain: `-- `, "Original Message".
    Separator,
    /// A line of dashes or the like.
    Rule,
    /// "Sent from my …".
    Signature,
}

impl Kind {
    /// Whether a line of this kind goes to the quote although text follows.
    pub(super) fn is_cut(self) -> bool {
        matches!(self, Self::Attribution | Self::Signature)
    }
}

/// The kinds of all lines; what stands in a fenced block of code is text.
pub(super) fn kinds(lines: &[&str]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::with_capacity(lines.len());
    let mut in_code = false;
    let fences = lines.iter().filter(|line| is_fence(line)).count();
    let mut fences_left = fences;
    while let Some(line) = lines.get(kinds.len()) {
        if is_fence(line) {
            fences_left -= 1;
            in_code = !in_code && fences_left > 0;
            kinds.push(Kind::Text);
            continue;
        }
        if in_code {
            kinds.push(Kind::Text);
            continue;
        }
        let folded = attribution_lines(lines.get(kinds.len()..).unwrap_or_default());
        if folded == 0 {
            kinds.push(kind(line));
        }
        kinds.extend(std::iter::repeat_n(Kind::Attribution, folded));
    }
    kinds
}

fn is_fence(line: &str) -> bool {
    line.trim_start().starts_with("```")
}

fn kind(line: &str) -> Kind {
    let trimmed = line.trim();
    if trimmed.is_empty() || trimmed == "\u{1427}" || trimmed == "\u{200b}" {
        Kind::Blank
    } else if is_quote(trimmed) {
        Kind::Quote
    } else if line.len() > LINE_BYTES_MAX {
        Kind::Text
    } else if matches!(trimmed, "--" | "\u{2014}" | "\u{2013}") || words::is_original_message(trimmed) {
        Kind::Separator
    } else if is_rule(trimmed) {
        Kind::Rule
    } else if words::is_mobile_signature(trimmed) {
        Kind::Signature
    } else if words::is_header_line(trimmed) {
        Kind::Header
    } else {
        Kind::Text
    }
}

/// `>`, `|`, or up to three capital letters and `>` as some programs mark whose words they are.
fn is_quote(trimmed: &str) -> bool {
    let initials = trimmed.bytes().take(4).take_while(u8::is_ascii_uppercase).count();
    let after = trimmed.get(initials..).unwrap_or(trimmed);
    (initials <= 3 && after.starts_with('>')) || (trimmed.starts_with('|') && !trimmed.ends_with('|')) || trimmed == "|"
}

fn is_rule(trimmed: &str) -> bool {
    let Some(first) = trimmed.chars().next() else { return false };
    let is_mark = matches!(first, '-' | '_' | '=' | '*' | '#' | '~' | '+' | '\u{2500}' | '\u{2014}');
    is_mark && trimmed.chars().all(|c| c == first) && trimmed.chars().take(3).count() == 3
}

/// How many lines a "wrote" line takes that begins with the first one; 0 if none does.
fn attribution_lines(lines: &[&str]) -> usize {
    let Some(first) = lines.first().map(|line| line.trim()).filter(|line| may_begin(line)) else { return 0 };
    if words::is_attribution(first) {
        return 1;
    }
    if !words::begins_attribution(first) {
        return 0;
    }
    let mut joined = first.to_owned();
    for (at, line) in lines.iter().enumerate().take(ATTRIBUTION_LINES_MAX).skip(1) {
        let line = line.trim();
        let is_next = may_begin(line) && words::begins_with_date(line);
        if is_next || joined.len() + line.len() > ATTRIBUTION_BYTES_MAX || (line.is_empty() && at > 1) {
            return usize::from(words::is_bare_date_attribution(first));
        }
        joined.push(' ');
        joined.push_str(line);
        if words::is_attribution(joined.trim()) {
            return at + 1;
        }
    }
    usize::from(words::is_bare_date_attribution(first))
}

fn may_begin(trimmed: &str) -> bool {
    !trimmed.is_empty() && trimmed.len() <= ATTRIBUTION_BYTES_MAX && !trimmed.starts_with('>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_kinds() {
        for (line, expected) in [
            ("", Kind::Blank),
            ("> x", Kind::Quote),
            ("AB> x", Kind::Quote),
            ("Abc> x", Kind::Text),
            ("| cell | cell |", Kind::Text),
            ("-- ", Kind::Separator),
            ("-----Original Message-----", Kind::Separator),
            ("-----Urspr\u{fc}ngliche Nachricht-----", Kind::Separator),
            ("_________", Kind::Rule),
            ("To: Ana", Kind::Header),
            ("Together: Ana", Kind::Text),
            ("Sent from my iPad", Kind::Signature),
            (
                "Sent from my desk to yours, with the papers you asked for, and with my very best wishes for the coming year, Ana",
                Kind::Text,
            ),
        ] {
            assert_eq!(kinds(&[line]), [expected], "{line}");
        }
    }

    #[test]
    fn folded_lines_above_a_quote_are_one() {
        let kinds = kinds(&["On 1 Feb 2021, Ana", "<ana@example.com>", "wrote:", "text"]);
        assert_eq!(kinds, [Kind::Attribution, Kind::Attribution, Kind::Attribution, Kind::Text]);
    }
}
