//! Status replies as a server says them: a word, a code in brackets, and text for people (RFC 9051 §7.1).
//!
//! **Invariant:** linear time, no failure: what cannot be read as a status is none.

use crate::channel::imap::error::shown;
use std::collections::BTreeSet;

/// The word a status reply begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    No,
    Bad,
    Bye,
    Preauth,
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::No => "NO",
            Self::Bad => "BAD",
            Self::Bye => "BYE",
            Self::Preauth => "PREAUTH",
        }
    }
}

/// What a status reply says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Says {
    pub(super) code: Option<String>,
    pub(super) text: String,
}

impl Says {
    /// The number after `name` in the code (`[UIDVALIDITY 7]`).
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        let (key, value) = self.code.as_deref()?.split_once(' ')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim().parse().ok()).flatten()
    }

    /// The capabilities in the code, in upper case.
    pub(super) fn capabilities(&self) -> Option<BTreeSet<String>> {
        let (key, value) = self.code.as_deref()?.split_once(' ')?;
        key.eq_ignore_ascii_case("CAPABILITY").then(|| words_upper(value))
    }
}

/// Reads a status reply from after its tag or star; `None` for data.
pub(super) fn read_status(text: &[u8]) -> Option<(Status, Says)> {
    let (word, rest) = split_word(text);
    let known = [Status::Ok, Status::No, Status::Bad, Status::Bye, Status::Preauth];
    let status = known.into_iter().find(|status| word.eq_ignore_ascii_case(status.word().as_bytes()))?;
    Some((status, read_says(rest)))
}

fn read_says(rest: &[u8]) -> Says {
    let in_brackets = rest.strip_prefix(b"[").and_then(|inner| {
        let end = inner.iter().position(|b| *b == b']')?;
        Some((inner.get(..end)?, inner.get(end + 1..)?))
    });
    match in_brackets {
        Some((code, text)) => {
            Says { code: Some(String::from_utf8_lossy(code).into_owned()), text: shown(text.trim_ascii()) }
        }
        None => Says { code: None, text: shown(rest.trim_ascii()) },
    }
}

/// What stands before the first space, and what stands after it.
pub(super) fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|b| *b == b' ') {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
        None => (text, &[]),
    }
}

/// The words of a list of capabilities, in upper case.
pub(super) fn words_upper(text: &str) -> BTreeSet<String> {
    text.split_ascii_whitespace().map(str::to_ascii_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_word_a_code_and_a_text() {
        let says = |code: Option<&str>, text: &str| Says { code: code.map(str::to_owned), text: text.to_owned() };
        for (text, read) in [
            ("OK [UIDVALIDITY 7] fine", Some((Status::Ok, says(Some("UIDVALIDITY 7"), "fine")))),
            ("BYE", Some((Status::Bye, says(None, "")))),
            ("no nope", Some((Status::No, says(None, "nope")))),
            ("NO [TRYCREATE]", Some((Status::No, says(Some("TRYCREATE"), "")))),
            ("OK [never closed", Some((Status::Ok, says(None, "[never closed")))),
            ("OKAY then", None),
            ("", None),
        ] {
            assert_eq!(read_status(text.as_bytes()), read, "{text}");
        }
    }

    #[test]
    fn codes_tell_numbers_and_capabilities_in_any_case() {
        let says = |code: &str| Says { code: Some(code.to_owned()), text: String::new() };
        assert_eq!(says("uidvalidity 7").number("UIDVALIDITY"), Some(7));
        assert_eq!(says("UIDVALIDITY 99999999999").number("UIDVALIDITY"), None);
        assert_eq!(says("UIDNEXT 7").number("UIDVALIDITY"), None);
        let can = says("capability IMAP4rev1 Idle").capabilities().unwrap();
        assert_eq!(can.into_iter().collect::<Vec<_>>(), ["IDLE", "IMAP4REV1"]);
    }
}
