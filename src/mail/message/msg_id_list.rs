//! Lists of msg-ids as mailers really write them (EML-37).

use crate::mail::limits::MSG_ID_BYTES_MAX;
use crate::mail::limits::REFERENCES_HEAD;
use crate::mail::limits::REFERENCES_MAX;
use crate::mail::message::msg_id::MsgId;

/// The ids of In-Reply-To or References in their order, each once; of more than 200 the first 20 and the last.
/// The flag tells whether ids were left out.
///
/// Bracketed ids are taken wherever they stand, also with folding inside or a bracket missing at the end. Words without
/// brackets count only when the field holds nothing but ids: old mailers wrote sentences with a person's address in
/// them, and an address taken for an id would join all mail of that person.
pub(in crate::mail) fn read(value: &str) -> (Vec<MsgId>, bool) {
    let mut ids = bracketed(value);
    if ids.is_empty() {
        ids = bare(value);
    }
    let mut seen = std::collections::HashSet::with_capacity(ids.len());
    ids.retain(|id| seen.insert(id.clone()));
    cut(ids)
}

fn bracketed(value: &str) -> Vec<MsgId> {
    value
        .split('<')
        .skip(1)
        .filter_map(|piece| {
            let inside = piece.split('>').next().unwrap_or("");
            let is_closed = piece.contains('>');
            let id: String = if is_closed {
                inside.split_whitespace().collect()
            } else {
                inside.split([' ', '\t', ',', ';']).next().unwrap_or("").to_owned()
            };
            (id.len() <= MSG_ID_BYTES_MAX).then(|| MsgId::parse(&id)).flatten()
        })
        .collect()
}

fn bare(value: &str) -> Vec<MsgId> {
    let words: Vec<&str> =
        value.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';')).filter(|w| !w.is_empty()).collect();
    let all_ids = words.iter().all(|word| word.contains('@'));
    if !all_ids && words.len() != 1 {
        return Vec::new();
    }
    words.into_iter().filter_map(MsgId::parse).collect()
}

fn cut(mut ids: Vec<MsgId>) -> (Vec<MsgId>, bool) {
    if ids.len() <= REFERENCES_MAX {
        return (ids, false);
    }
    let tail = ids.split_off(ids.len() - (REFERENCES_MAX - REFERENCES_HEAD));
    ids.truncate(REFERENCES_HEAD);
    ids.extend(tail);
    (ids, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: &[&str]) {
        let ids: Vec<_> = read(value).0.iter().map(|id| id.as_str().to_owned()).collect();
        assert_eq!(ids, expected, "{value:?}");
    }

    #[test]
    fn eml_37_ids_are_found_in_any_spelling() {
        check("<a@b> <c@d>", &["a@b", "c@d"]);
        check("<a@b>,<c@d>;\r\n\t<a@b>", &["a@b", "c@d"]);
        check("<a@b><c@d", &["a@b", "c@d"]);
        check("<long\r\n part@b>", &["longpart@b"]);
        check("a@b, c@d", &["a@b", "c@d"]);
        check("a@b", &["a@b"]);
        check("<no-at-sign>", &["no-at-sign"]);
        check("", &[]);
        check("<>", &[]);
    }

    #[test]
    fn a_sentence_with_an_address_is_no_list_of_ids() {
        check("Message from ana@example.com of \"Mon, 1 Jan\" <id@b>", &["id@b"]);
        check("Your message of Monday to ana@example.com", &[]);
    }

    #[test]
    fn eml_37_of_many_ids_the_first_20_and_the_last_stay() {
        let value: String = (0..10_000).map(|n| format!("<{n}@b>")).collect();
        let (ids, was_cut) = read(&value);
        assert!(was_cut);
        assert_eq!(ids.len(), 200);
        assert_eq!(ids[19].as_str(), "19@b");
        assert_eq!(ids[20].as_str(), "9820@b");
        assert_eq!(ids[199].as_str(), "9999@b");
    }
}
