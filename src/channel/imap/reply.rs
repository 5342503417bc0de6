//! Replies of an IMAP server, read from their text.
//!
//! **Invariant:** linear time, no recursion, no failure on what we do not know: an unknown reply is [`Reply::Other`].
//! Grammar: RFC 9051 §9, the part of it that our verbs are answered with.

use crate::channel::imap::error::shown;
use crate::channel::imap::wire::RawReply;

/// One reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// `+ …`: the server waits for more.
    Continue,
    /// The end of the verb with this tag.
    Tagged { tag: String, status: Status, says: Says },
    /// `* OK …` and its kind, on nobody's behalf.
    Untagged { status: Status, says: Says },
    /// `* CAPABILITY …`, in upper case.
    Capability(Vec<String>),
    /// `* n EXISTS`: messages in the folder.
    Exists(u32),
    /// `* SEARCH …`.
    Search(Vec<u32>),
    /// `* n FETCH (…)`.
    Fetch(Fetched),
    /// Anything else; it is skipped.
    Other,
}

/// The word a status reply begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    No,
    Bad,
    Bye,
    Preauth,
}

/// What a status reply says: a code in brackets, and text for people.
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
    pub(super) fn capabilities(&self) -> Option<Vec<String>> {
        let (key, value) = self.code.as_deref()?.split_once(' ')?;
        key.eq_ignore_ascii_case("CAPABILITY").then(|| words_upper(value))
    }
}

/// What a FETCH reply told about a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) uid: Option<u32>,
    pub(super) size_bytes: Option<u64>,
    pub(super) internal_date: Option<String>,
    /// `BODY[]` or a section of it, byte for byte; `None` where the server gave NIL or nothing.
    pub(super) body: Option<Vec<u8>>,
}

/// Reads a reply; `None` only for a line that can be no reply at all (no tag, no status).
pub(super) fn read(raw: RawReply) -> Option<Reply> {
    let RawReply { text, literals } = raw;
    if text.starts_with(b"+") {
        return Some(Reply::Continue);
    }
    if let Some(data) = text.strip_prefix(b"* ") {
        return Some(read_untagged(data, literals));
    }
    let (tag, rest) = split_word(&text);
    let (status, says) = read_status(rest)?;
    let tag = std::str::from_utf8(tag).ok().filter(|tag| !tag.is_empty())?.to_owned();
    Some(Reply::Tagged { tag, status, says })
}

fn read_untagged(data: &[u8], literals: Vec<Vec<u8>>) -> Reply {
    if let Some((status, says)) = read_status(data) {
        return Reply::Untagged { status, says };
    }
    let (word, rest) = split_word(data);
    if word.eq_ignore_ascii_case(b"SEARCH") {
        return Reply::Search(rest.split(|b| *b == b' ').filter_map(number).collect());
    }
    if word.eq_ignore_ascii_case(b"CAPABILITY") {
        return Reply::Capability(words_upper(&String::from_utf8_lossy(rest)));
    }
    let Some(count) = number(word) else { return Reply::Other };
    let (kind, rest) = split_word(rest);
    if kind.eq_ignore_ascii_case(b"EXISTS") {
        return Reply::Exists(count);
    }
    if kind.eq_ignore_ascii_case(b"FETCH") {
        return Items::new(rest, literals).read().map_or(Reply::Other, Reply::Fetch);
    }
    Reply::Other
}

fn read_status(text: &[u8]) -> Option<(Status, Says)> {
    let (word, rest) = split_word(text);
    let known: [(&[u8], Status); 5] = [
        (b"OK", Status::Ok),
        (b"NO", Status::No),
        (b"BAD", Status::Bad),
        (b"BYE", Status::Bye),
        (b"PREAUTH", Status::Preauth),
    ];
    let (_, status) = known.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name))?;
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

fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|b| *b == b' ') {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
        None => (text, &[]),
    }
}

fn number<N: std::str::FromStr>(digits: &[u8]) -> Option<N> {
    let digits = digits.trim_ascii();
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    all_digits.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

fn words_upper(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_ascii_uppercase).collect()
}

/// The items of one FETCH reply, read from left to right.
struct Items<'a> {
    rest: &'a [u8],
    literals: std::vec::IntoIter<Vec<u8>>,
}

impl<'a> Items<'a> {
    fn new(rest: &'a [u8], literals: Vec<Vec<u8>>) -> Self {
        Self { rest, literals: literals.into_iter() }
    }

    fn read(mut self) -> Option<Fetched> {
        let mut fetched = Fetched::default();
        self.rest = self.rest.strip_prefix(b"(")?;
        loop {
            self.rest = self.rest.trim_ascii_start();
            if self.rest.starts_with(b")") {
                return Some(fetched);
            }
            let name = self.name()?;
            let value = self.value()?;
            if name == "UID" {
                fetched.uid = value.as_deref().and_then(number);
            } else if name == "RFC822.SIZE" {
                fetched.size_bytes = value.as_deref().and_then(number);
            } else if name == "INTERNALDATE" {
                fetched.internal_date = value.map(|date| String::from_utf8_lossy(&date).into_owned());
            } else if name.starts_with("BODY[") {
                fetched.body = value;
            }
        }
    }

    /// `UID`, `BODY[HEADER.FIELDS (FROM)]<0>`: up to the next space outside brackets.
    fn name(&mut self) -> Option<String> {
        let mut in_brackets = false;
        let end = self.rest.iter().position(|b| {
            in_brackets = (in_brackets || *b == b'[') && *b != b']';
            !in_brackets && matches!(b, b' ' | b'(' | b')')
        })?;
        let name = self.rest.get(..end).filter(|name| !name.is_empty())?;
        self.rest = self.rest.get(end..)?.trim_ascii_start();
        Some(String::from_utf8_lossy(name).to_ascii_uppercase())
    }

    /// A literal, quoted string or atom; `None` inside for NIL and for lists, which are passed over.
    #[expect(clippy::option_option, reason = "outer: readable at all; inner: NIL")]
    fn value(&mut self) -> Option<Option<Vec<u8>>> {
        match self.rest.first()? {
            b'(' => self.skip_list().map(|()| None),
            b'"' => self.quoted().map(Some),
            b'{' | b'~' => self.literal().map(Some),
            _ => {
                let end = self.rest.iter().position(|b| matches!(b, b' ' | b')'))?;
                let atom = self.rest.get(..end)?;
                self.rest = self.rest.get(end..)?;
                Some((!atom.eq_ignore_ascii_case(b"NIL")).then(|| atom.to_vec()))
            }
        }
    }

    fn literal(&mut self) -> Option<Vec<u8>> {
        let end = self.rest.iter().position(|b| *b == b'}')?;
        self.rest = self.rest.get(end + 1..)?;
        self.literals.next()
    }

    fn quoted(&mut self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        let mut escaped = false;
        for (at, byte) in self.rest.iter().enumerate().skip(1) {
            if escaped || !matches!(byte, b'"' | b'\\') {
                text.push(*byte);
                escaped = false;
            } else if *byte == b'\\' {
                escaped = true;
            } else {
                self.rest = self.rest.get(at + 1..)?;
                return Some(text);
            }
        }
        None
    }

    /// Passes over `( … )` at any depth by counting.
    fn skip_list(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.rest.first()? {
                b'"' => drop(self.quoted()?),
                b'{' => drop(self.literal()?),
                byte => {
                    match byte {
                        b'(' => depth += 1,
                        b')' => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    self.rest = self.rest.get(1..)?;
                    if depth == 0 {
                        return Some(());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Reply> {
        read(RawReply { text: text.as_bytes().to_vec(), literals: Vec::new() })
    }

    fn fetched(text: &str, literals: &[&str]) -> Fetched {
        let literals = literals.iter().map(|literal| literal.as_bytes().to_vec()).collect();
        match read(RawReply { text: text.as_bytes().to_vec(), literals }) {
            Some(Reply::Fetch(fetched)) => fetched,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn replies_are_what_they_say() {
        let says = |code: Option<&str>, text: &str| Says { code: code.map(str::to_owned), text: text.to_owned() };
        for (text, reply) in [
            ("+ idling", Reply::Continue),
            ("+", Reply::Continue),
            ("* 23 EXISTS", Reply::Exists(23)),
            ("* SEARCH 2 84 882", Reply::Search(vec![2, 84, 882])),
            ("* SEARCH", Reply::Search(vec![])),
            ("* search 4 x 5 (MODSEQ 9)", Reply::Search(vec![4, 5])),
            ("* CAPABILITY IMAP4rev1 Idle", Reply::Capability(vec!["IMAP4REV1".to_owned(), "IDLE".to_owned()])),
            (
                "* OK [UIDVALIDITY 7] fine",
                Reply::Untagged { status: Status::Ok, says: says(Some("UIDVALIDITY 7"), "fine") },
            ),
            ("* BYE", Reply::Untagged { status: Status::Bye, says: says(None, "") }),
            ("d4 NO nope", Reply::Tagged { tag: "d4".to_owned(), status: Status::No, says: says(None, "nope") }),
            ("* XYZZY plugh (new", Reply::Other),
            ("* 99999999999 EXISTS", Reply::Other),
        ] {
            assert_eq!(of(text), Some(reply), "{text}");
        }
        for garbage in ["", "hello", "HTTP/1.1 400 Bad Request", " OK no tag"] {
            assert_eq!(of(garbage), None, "{garbage:?}");
        }
    }

    #[test]
    fn a_fetched_message_is_found_in_any_order_of_items() {
        let whole = fetched("* 9 FETCH (FLAGS (\\Seen \"(\") BODY[] {3} UID 5 RFC822.SIZE 3 MODSEQ (12))", &["a)b"]);
        assert_eq!((whole.uid, whole.size_bytes, whole.body), (Some(5), Some(3), Some(b"a)b".to_vec())));
        let header = fetched("* 9 FETCH (UID 5 BODY[HEADER.FIELDS (FROM TO)]<0> \"a \\\" b\")", &[]);
        assert_eq!((header.uid, header.body), (Some(5), Some(b"a \" b".to_vec())));
        let nil = fetched("* 9 FETCH (UID 5 BODY[] NIL INTERNALDATE \"17-Jul-1996 02:44:25 -0700\")", &[]);
        assert_eq!((nil.body, nil.internal_date.as_deref()), (None, Some("17-Jul-1996 02:44:25 -0700")));
    }

    #[test]
    fn trap_imap_proto_a_million_parentheses_do_not_end_the_process() {
        let deep = format!("* 1 FETCH (BODYSTRUCTURE {}", "(".repeat(1_000_000));
        assert_eq!(of(&deep), Some(Reply::Other));
        let closed = format!("{}{} UID 3)", deep, ")".repeat(1_000_000));
        assert_eq!(fetched(&closed, &[]).uid, Some(3));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(text: Vec<u8>, literal: Vec<u8>) {
            let mut fetch = b"* 1 FETCH (".to_vec();
            fetch.extend(&text);
            read(RawReply { text, literals: vec![] });
            read(RawReply { text: fetch, literals: vec![literal] });
        }
    }
}
