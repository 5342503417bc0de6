//! What an erased person leaves in the texts of others: their addresses and names (DAT-2).
//!
//! **Invariant:** only what the contact's record names is looked for; a text without any of it comes back as it was.

use crate::domain::contact::Contact;

/// Stands where the name stood.
pub const ERASED_NAME: &str = "Erased contact";

/// Shorter names and keys are words like any other and are left alone.
const NAME_CHARS_MIN: usize = 3;
/// Shorter phone numbers and keys are numbers like any other.
const NUMBER_CHARS_MIN: usize = 6;

/// Addresses and names of one contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// Longest first, so that an address goes before the name within it. Letter case of ASCII does not matter.
    whole: Vec<String>,
    /// Words of the name, which count as they are written, and alone.
    words: Vec<String>,
}

impl Traces {
    /// What the record of a contact names. An address that somebody else has as well is not among `addresses`.
    #[must_use]
    pub fn of(contact: &Contact, addresses: &[String]) -> Self {
        let name = contact.name.as_deref().map(str::trim).filter(|name| name.chars().count() >= NAME_CHARS_MIN);
        let numbers = [contact.phone.as_deref(), contact.external_id.as_deref()];
        let numbers = numbers.into_iter().flatten().filter(|text| text.chars().count() >= NUMBER_CHARS_MIN);
        let mut whole: Vec<String> = addresses.to_vec();
        whole.extend(name.map(str::to_owned));
        whole.extend(numbers.map(str::to_owned));
        let escaped: Vec<String> = whole.iter().map(|text| escaped(text)).collect();
        whole.extend(escaped);
        whole.sort_by_key(|text| std::cmp::Reverse(text.len()));
        whole.dedup();
        let words = name.iter().flat_map(|name| name.split_whitespace());
        let words = words.filter(|word| word.chars().count() >= NAME_CHARS_MIN && word.chars().any(char::is_uppercase));
        Self { whole, words: words.map(str::to_owned).collect() }
    }

    /// Whether an address, the whole name or a key stands in these bytes.
    #[must_use]
    pub fn are_in(&self, bytes: &[u8]) -> bool {
        let lower = bytes.to_ascii_lowercase();
        self.whole.iter().any(|text| memchr::memmem::find(&lower, text.to_ascii_lowercase().as_bytes()).is_some())
    }

    /// The text without them; `None` when there are none in it.
    #[must_use]
    pub fn removed(&self, text: &str) -> Option<String> {
        let mut now = text.to_owned();
        for needle in &self.whole {
            now = replaced(&now, needle, false);
        }
        for word in &self.words {
            now = replaced(&now, word, true);
        }
        (now != text).then_some(now)
    }

    /// Takes them out of a text; whether there were any.
    pub fn remove_from(&self, text: &mut String) -> bool {
        let removed = self.removed(text);
        let any = removed.is_some();
        *text = removed.unwrap_or_else(|| std::mem::take(text));
        any
    }
}

/// As it stands in HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn replaced(text: &str, needle: &str, as_word: bool) -> String {
    if needle.is_empty() {
        return text.to_owned();
    }
    let (haystack, needle) = match as_word {
        true => (text.to_owned(), needle.to_owned()),
        false => (text.to_ascii_lowercase(), needle.to_ascii_lowercase()),
    };
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (at, found) in haystack.match_indices(&needle) {
        let end = at.saturating_add(found.len());
        let (before, after) = (haystack.get(..at), haystack.get(end..));
        let joins = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        if joins(before.and_then(|text| text.chars().next_back())) || joins(after.and_then(|text| text.chars().next()))
        {
            continue;
        }
        out.push_str(text.get(done..at).unwrap_or_default());
        out.push_str(ERASED_NAME);
        done = end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::contact::ContactRole;
    use crate::domain::id::ContactId;
    use crate::domain::id::Millis;

    fn traces() -> Traces {
        let contact = Contact {
            name: Some("Zaphira Quillon".to_owned()),
            phone: Some("+49 30 123456".to_owned()),
            external_id: Some("7".to_owned()),
            ..Contact::new(ContactId(1), ContactRole::User, Millis(0))
        };
        Traces::of(&contact, &["zaphira@example.com".to_owned()])
    }

    #[test]
    fn dat_2_names_and_addresses_go_and_other_words_stay() {
        let table = [
            ("Dear Zaphira Quillon,", "Dear Erased contact,"),
            ("Hi Zaphira!", "Hi Erased contact!"),
            ("zaphiras and quillons", "zaphiras and quillons"),
            ("<ZAPHIRA@Example.com>", "<Erased contact>"),
            ("x7zaphira@example.com", "x7zaphira@example.com"),
            ("call +49 30 123456 now", "call Erased contact now"),
            ("7 days", "7 days"),
            ("\u{130}zaphira@example.com\u{130}", "\u{130}zaphira@example.com\u{130}"),
        ];
        for (text, expected) in table {
            assert_eq!(traces().removed(text).as_deref().unwrap_or(text), expected);
        }
        assert!(traces().are_in(b"\x00to:Zaphira@example.com\xff") && !traces().are_in(b"Zaphira"));
    }
}
