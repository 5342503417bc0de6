//! Status codes in a server's words: enhanced (RFC 3463) and of three digits (RFC 5321 §4.2).

use crate::mail::dsn::ReportKind;

/// The first enhanced status code; what belongs to an IP address or a version is none. A code of failure is preferred
/// to one of success, and one that says something to a mere class.
pub(super) fn enhanced(text: &str) -> Option<String> {
    let rank = |code: &&str| (code.starts_with('2'), is_generic(code));
    words(text).filter_map(code_in).take(CODES_MAX).min_by_key(rank).map(str::to_owned)
}

/// The enhanced status code of failure that stands right behind a reply code: `550 5.7.1`, `550-5.7.26`.
pub(super) fn enhanced_in_reply(text: &str) -> Option<String> {
    let mut before = "";
    for word in words(text) {
        let is_reply = reply_code(before).is_some() || reply_code(word).is_some() && word.contains('-');
        if let Some(code) = code_in(word).filter(|code| is_reply && !code.starts_with('2') && !is_generic(code)) {
            return Some(code.to_owned());
        }
        before = word;
    }
    None
}

/// Codes looked at in one text.
const CODES_MAX: usize = 50;

/// `5.0.0` and `4.0.0` say nothing but the class.
pub(super) fn is_generic(code: &str) -> bool {
    matches!(code, "5.0.0" | "4.0.0" | "2.0.0")
}

/// The first SMTP reply code of failure, where a reply may begin.
pub(super) fn reply_code(text: &str) -> Option<u16> {
    words(text).find_map(|word| {
        let word = word.trim_start_matches(':');
        let digits = word.get(..3)?;
        let after = word.get(3..).and_then(|rest| rest.chars().next());
        let is_code =
            digits.bytes().all(|b| b.is_ascii_digit()) && after.is_none_or(|c| matches!(c, '-' | ':' | '_' | ','));
        digits.parse().ok().filter(|code| is_code && (400..600).contains(code))
    })
}

/// The class, where nothing else is told.
pub(super) fn class_only(kind: ReportKind, reply_code: Option<u16>) -> Option<String> {
    match (kind, reply_code) {
        (_, Some(400..=499)) | (ReportKind::Delayed, None) => Some("4.0.0".to_owned()),
        (ReportKind::Failed, _) | (ReportKind::Delayed, Some(_)) => Some("5.0.0".to_owned()),
        (ReportKind::Other | ReportKind::Complaint, _) => None,
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '<' | '>' | '"' | '\'' | ';' | '='))
        .filter(|word| !word.is_empty())
}

/// A code at the beginning of a word, after `#` or after a reply code and a dash.
fn code_in(word: &str) -> Option<&str> {
    let word = word.trim_start_matches('#');
    let word = match word.split_once('-') {
        Some((code, rest)) if code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => word,
    };
    let word = word.trim_end_matches(['.', ',', ':', '-', '_']);
    let word = word.split_once(['-', ':', ',']).map_or(word, |(code, _)| code);
    let mut parts = word.split('.');
    let class = parts.next()?;
    let subject = parts.next()?;
    let detail = parts.next()?;
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let legal = matches!(class, "2" | "4" | "5") && is_number(subject) && is_number(detail) && parts.next().is_none();
    legal.then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enhanced_codes_are_told_from_addresses_and_versions() {
        for (text, code) in [
            ("550 5.1.1 <a@b>... User unknown", Some("5.1.1")),
            ("550-5.7.26 Unauthenticated", Some("5.7.26")),
            ("sorry, no mailbox here (#5.1.1 - chkusr)", Some("5.1.1")),
            ("smtp; 550 #5.1.0 Address rejected.", Some("5.1.0")),
            ("host mx [5.1.2.3] said: 554 no", None),
            ("5.0.0 then 550 5.2.2 full", Some("5.2.2")),
            ("Exim 4.82", None),
            ("Out: 250 2.1.0 Ok Out: 451 4.3.0 Error", Some("4.3.0")),
            ("", None),
        ] {
            assert_eq!(enhanced(text).as_deref(), code, "{text}");
        }
    }

    #[test]
    fn the_code_of_the_reply_is_told_from_that_of_the_relay() {
        assert_eq!(enhanced_in_reply("5.1.0 - Unknown address error 550-'5.7.1 denied'").as_deref(), Some("5.7.1"));
        assert_eq!(enhanced_in_reply("SMTP; 550 5.7.1 blacklisted").as_deref(), Some("5.7.1"));
        assert_eq!(enhanced_in_reply("5.1.0 unknown"), None);
    }

    #[test]
    fn reply_codes_are_those_of_failure() {
        for (text, code) in [
            ("smtp; 550 no", Some(550)),
            ("550-5.7.1 no", Some(550)),
            ("<<< 452: later", Some(452)),
            ("250 ok", None),
            ("id 550a", None),
            ("5500", None),
        ] {
            assert_eq!(reply_code(text), code, "{text}");
        }
    }
}
