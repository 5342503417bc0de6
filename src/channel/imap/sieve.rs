//! What of a server's words reaches the parser of `async-imap`, judged line by line.
//!
//! **Invariant:** the parser (`imap-proto`) sees only replies that the verb in progress asked for and that it was tried
//! on first, so it never fails, which would end the connection, and never on a large buffer, which it would print whole
//! into its error. What nobody asked for is skipped here with its literals.
//! **Invariant:** linear time. Memory: one line, and never a literal; a long SEARCH reply goes on in parts, since the
//! parser begins a reply again at every four kilobytes that come.
//! **Invariant:** what was skipped in answer to a question is remembered ([`Heard`]): it is no empty answer.
//!
//! Status replies go on without their text: the parser panics where that begins beyond ASCII right behind a code, and
//! its reading of codes is narrower than ours ([`Says`]). Grammar: RFC 9051 §9.

use crate::channel::imap::error::ImapError;
use crate::channel::imap::error::shown;
use crate::channel::imap::says::Says;
use crate::channel::imap::says::Status;
use crate::channel::imap::says::read_status;
use crate::channel::imap::says::split_word;
use crate::channel::imap::says::words_upper;
use crate::channel::imap::trial::ends_before_body;
use crate::channel::imap::trial::is_whole;
use crate::channel::imap::trial::nests_too_deeply;
use std::collections::BTreeSet;

/// Longest line, in bytes; a SEARCH reply may be longer.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// From this length on, a SEARCH reply goes on in parts, in bytes.
const SEARCH_PART_BYTES: usize = 4 * 1024;
/// Most bytes of lines that one verb may be answered with.
const VERB_TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most literals in one reply; we never ask for more than one.
const LITERALS_MAX: usize = 16;
/// Largest literal of a reply we asked no literal of, in bytes (a folder name, say).
pub(super) const SMALL_LITERAL_BYTES_MAX: u64 = 64 * 1024;

/// Which untagged replies the verb in progress asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Nothing,
    /// The greeting: any status.
    Greeting,
    /// The codes that describe a folder.
    Folder,
    Search,
    /// FETCH, with literals up to so many bytes.
    Fetch {
        literal_bytes_max: u64,
    },
    /// The number of messages.
    News,
    /// The challenges of a sign-in by token: one for the token, one that says why it is refused.
    TokenChallenges,
}

/// What was heard besides what the parser was given.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// How the verb in progress ended.
    pub(super) conclusion: Option<(Status, Says)>,
    /// What the server said last that it can do, in upper case.
    pub(super) capabilities: BTreeSet<String>,
    /// Whether the server spoke of the number of messages; whoever asks resets it.
    pub(super) news: bool,
    /// UIDVALIDITY of the open folder; another one ends the connection.
    pub(super) uid_validity: Option<u32>,
    /// During this verb, a SEARCH reply was skipped that the parser cannot read (ESEARCH, say).
    pub(super) skipped_search: bool,
    /// The same of a FETCH reply.
    pub(super) skipped_fetch: bool,
}

/// The judge of one connection.
#[derive(Debug)]
pub(super) struct Sieve {
    pub(super) heard: Heard,
    step: &'static str,
    wanted: Wanted,
    tag: Vec<u8>,
    tag_is_whole: bool,
    continued: u8,
    text_bytes_left: usize,
    line: Vec<u8>,
    open: Option<Open>,
    literal_bytes_left: u64,
}

/// A data reply that goes on after a literal.
#[derive(Debug)]
struct Open {
    /// Its text so far, with an empty literal for each that came.
    skeleton: Vec<u8>,
    kind: Kind,
    passes: bool,
    literals: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Exists,
    Search,
    /// An answer to SEARCH in a form that the parser does not know (RFC 4731).
    Esearch,
    Fetch,
    Other,
}

impl Sieve {
    pub(super) fn new() -> Self {
        Self {
            heard: Heard::default(),
            step: "connect",
            wanted: Wanted::Nothing,
            tag: Vec::new(),
            tag_is_whole: true,
            continued: 0,
            text_bytes_left: VERB_TEXT_BYTES_MAX,
            line: Vec::new(),
            open: None,
            literal_bytes_left: 0,
        }
    }

    /// A new verb begins; what is [said](Self::said) next begins with its tag.
    pub(super) fn begin(&mut self, step: &'static str, wanted: Wanted) {
        self.step = step;
        self.wanted = wanted;
        self.tag.clear();
        self.tag_is_whole = false;
        self.continued = 0;
        self.text_bytes_left = VERB_TEXT_BYTES_MAX;
        self.heard.conclusion = None;
        self.heard.skipped_search = false;
        self.heard.skipped_fetch = false;
    }

    /// The verb goes on as another step.
    pub(super) fn go_on(&mut self, step: &'static str) {
        self.step = step;
    }

    /// The step in progress, for errors.
    pub(super) fn step(&self) -> &'static str {
        self.step
    }

    /// Learns the tag of the verb from what is sent.
    pub(super) fn said(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.tag_is_whole {
                return;
            }
            if *byte == b' ' {
                self.tag_is_whole = true;
            } else {
                self.tag.push(*byte);
            }
        }
    }

    /// Reads on in `bytes`, at most to the end of a line or literal, and appends to `out` what the parser shall see.
    /// Returns how many bytes were read, at least one.
    pub(super) fn read(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, ImapError> {
        if self.literal_bytes_left > 0 {
            let left = usize::try_from(self.literal_bytes_left).unwrap_or(usize::MAX);
            let now = bytes.get(..left).unwrap_or(bytes);
            if self.open.as_ref().is_some_and(|open| open.passes) {
                out.extend(now);
            }
            self.literal_bytes_left -= u64::try_from(now.len()).unwrap_or(self.literal_bytes_left);
            return Ok(now.len());
        }
        let end = bytes.iter().position(|b| *b == b'\n');
        let now = end.and_then(|at| bytes.get(..=at)).unwrap_or(bytes);
        self.line.extend(now);
        self.text_bytes_left = self.text_bytes_left.saturating_sub(now.len());
        if end.is_some() {
            let line = std::mem::take(&mut self.line);
            self.judge(line.strip_suffix(b"\r\n").or(line.strip_suffix(b"\n")).unwrap_or_default(), out)?;
        } else {
            self.cut_search(out)?;
        }
        if self.line.len() > LINE_BYTES_MAX || self.text_bytes_left == 0 {
            let bytes = u64::try_from(self.line.len()).unwrap_or(u64::MAX);
            return Err(ImapError::TooLarge { step: self.step, bytes, bytes_max: 64 * 1024 });
        }
        Ok(now.len())
    }

    /// Passes on the first part of a long SEARCH reply.
    fn cut_search(&mut self, out: &mut Vec<u8>) -> Result<(), ImapError> {
        let begins = b"* SEARCH";
        let is_search = self.line.get(..begins.len()).is_some_and(|line| line.eq_ignore_ascii_case(begins));
        if self.open.is_some() || !is_search || self.line.len() < SEARCH_PART_BYTES {
            return Ok(());
        }
        let last_space = self.line.iter().rposition(|b| *b == b' ').filter(|at| *at > begins.len());
        let Some(at) = last_space else { return Ok(()) };
        let rest = [begins, self.line.get(at..).unwrap_or_default()].concat();
        let part = std::mem::replace(&mut self.line, rest);
        self.judge(part.get(..at).unwrap_or_default(), out)
    }

    fn judge(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), ImapError> {
        if let Some(open) = self.open.take() {
            return self.judge_piece(open, line, out);
        }
        if line.starts_with(b"+") {
            return self.judge_continue(line, out);
        }
        match line.strip_prefix(b"* ") {
            Some(data) => match read_status(data) {
                Some((status, says)) => self.judge_status(status, &says, out),
                None => self.judge_data(line, data, out),
            },
            None => self.judge_tagged(line, out),
        }
    }

    /// `+`: the server waits for more. Its text means nothing in the verbs that we go on with.
    fn judge_continue(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), ImapError> {
        let continues_max = if self.wanted == Wanted::TokenChallenges { 2 } else { 1 };
        if self.continued >= continues_max || self.heard.conclusion.is_some() {
            return Err(self.garbled(line));
        }
        self.continued += 1;
        out.extend(b"+ \r\n");
        Ok(())
    }

    fn judge_tagged(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), ImapError> {
        let (tag, rest) = split_word(line);
        let Some((status, says)) = read_status(rest) else { return Err(self.garbled(line)) };
        if !self.tag_is_whole || tag != self.tag || self.heard.conclusion.is_some() {
            return Err(self.garbled(b"a tag that is not ours"));
        }
        if matches!(status, Status::Bye | Status::Preauth) {
            return Err(self.garbled(b"a status that ends no verb"));
        }
        if let Some(capabilities) = says.capabilities().filter(|_| status == Status::Ok) {
            self.heard.capabilities = capabilities;
        }
        out.extend(tag);
        out.extend(format!(" {}\r\n", status.word()).as_bytes());
        self.heard.conclusion = Some((status, says));
        Ok(())
    }

    fn judge_status(&mut self, status: Status, says: &Says, out: &mut Vec<u8>) -> Result<(), ImapError> {
        if status == Status::Bye {
            return Err(ImapError::Closed { step: self.step, text: says.text.clone() });
        }
        let known = self.heard.uid_validity;
        let told = says.number("UIDVALIDITY").filter(|_| status == Status::Ok);
        if known.is_some() && told.is_some() && known != told {
            let text = "UIDVALIDITY changed while the folder was open".to_owned();
            return Err(ImapError::Closed { step: self.step, text });
        }
        let reply = match (self.wanted, &says.code) {
            (Wanted::Greeting, _) => format!("* {}", status.word()),
            (Wanted::Folder, Some(code)) if status == Status::Ok => format!("* OK [{code}]"),
            _ => return Ok(()),
        };
        if !nests_too_deeply(reply.as_bytes()) && is_whole(reply.as_bytes()) {
            out.extend(reply.as_bytes());
            out.extend(b"\r\n");
        }
        Ok(())
    }

    fn judge_data(&mut self, line: &[u8], data: &[u8], out: &mut Vec<u8>) -> Result<(), ImapError> {
        let (word, rest) = split_word(data);
        if word.eq_ignore_ascii_case(b"CAPABILITY") {
            self.heard.capabilities = words_upper(&String::from_utf8_lossy(rest));
        }
        let kind = kind_of(word, rest);
        self.heard.news |= kind == Kind::Exists;
        let passes = match (self.wanted, kind) {
            (Wanted::Search, Kind::Search | Kind::Esearch) => {
                self.heard.skipped_search |= kind == Kind::Esearch;
                kind == Kind::Search
            }
            (Wanted::Fetch { .. }, Kind::Fetch) | (Wanted::News, Kind::Exists) => true,
            _ => false,
        };
        self.judge_piece(Open { skeleton: Vec::new(), kind, passes, literals: 0 }, line, out)
    }

    /// One line of a data reply: all of it, or what stands before, between and after literals.
    fn judge_piece(&mut self, mut open: Open, piece: &[u8], out: &mut Vec<u8>) -> Result<(), ImapError> {
        let literal = literal_announced(piece);
        let text = literal.map_or(piece, |(text, _)| text);
        if open.passes {
            open.skeleton.extend(text);
            if nests_too_deeply(&open.skeleton) {
                return Err(self.garbled(b"parentheses nested too deeply"));
            }
            open.passes = match literal {
                None => is_whole(&open.skeleton),
                Some(_) => ends_before_body(&open.skeleton),
            };
            if !open.passes {
                self.skip(&open, piece)?;
            }
        }
        if open.passes {
            out.extend(piece);
            out.extend(b"\r\n");
        }
        if let Some((_, bytes)) = literal {
            self.literal_bytes_left = self.literal_length(bytes, open.literals)?;
            open.literals += 1;
            open.skeleton.extend(b"{0}\r\n");
            self.open = Some(open);
        }
        Ok(())
    }

    /// A reply that was asked for and that the parser cannot read.
    fn skip(&mut self, open: &Open, piece: &[u8]) -> Result<(), ImapError> {
        if open.literals > 0 {
            // The parser has its beginning already.
            return Err(self.garbled(piece));
        }
        self.heard.skipped_search |= open.kind == Kind::Search;
        self.heard.skipped_fetch |= open.kind == Kind::Fetch;
        tracing::debug!(step = self.step, reply = shown(piece), "skipped a reply that cannot be read");
        Ok(())
    }

    fn literal_length(&self, bytes: u64, count: usize) -> Result<u64, ImapError> {
        let bytes_max = match self.wanted {
            Wanted::Fetch { literal_bytes_max } => literal_bytes_max,
            _ => SMALL_LITERAL_BYTES_MAX,
        };
        if bytes > bytes_max || count >= LITERALS_MAX {
            return Err(ImapError::TooLarge { step: self.step, bytes, bytes_max });
        }
        Ok(bytes)
    }

    fn garbled(&self, text: &[u8]) -> ImapError {
        let text = text.get(..80).unwrap_or(text);
        ImapError::Garbled { step: self.step, text: shown(text) }
    }
}

fn kind_of(word: &[u8], rest: &[u8]) -> Kind {
    let after_number = split_word(rest).0;
    let is_number = !word.is_empty() && word.iter().all(u8::is_ascii_digit);
    if word.eq_ignore_ascii_case(b"SEARCH") {
        Kind::Search
    } else if word.eq_ignore_ascii_case(b"ESEARCH") {
        Kind::Esearch
    } else if is_number && after_number.eq_ignore_ascii_case(b"EXISTS") {
        Kind::Exists
    } else if is_number && after_number.eq_ignore_ascii_case(b"FETCH") {
        Kind::Fetch
    } else {
        Kind::Other
    }
}

/// What stands before the `{12}` or `~{12}` at the end of a data reply, and the length it announces.
fn literal_announced(text: &[u8]) -> Option<(&[u8], u64)> {
    let inner = text.strip_suffix(b"}")?;
    let at = inner.iter().rposition(|b| *b == b'{')?;
    let digits = inner.get(at + 1..)?;
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    // Digits beyond any length are a length beyond any limit.
    let length = std::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX);
    all_digits.then_some((text.get(..at)?, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the parser is given of `told` in answer to a verb tagged `A1`.
    fn sieved(wanted: Wanted, told: &str) -> (Result<String, ImapError>, Heard) {
        let mut sieve = Sieve::new();
        sieve.begin("test", wanted);
        sieve.said(b"A1 VERB");
        let (mut out, mut unread) = (Vec::new(), told.as_bytes());
        while !unread.is_empty() {
            match sieve.read(unread, &mut out) {
                Ok(bytes) => unread = &unread[bytes..],
                Err(error) => return (Err(error), sieve.heard),
            }
        }
        (Ok(String::from_utf8(out).unwrap()), sieve.heard)
    }

    const BODY: Wanted = Wanted::Fetch { literal_bytes_max: 100 };

    #[test]
    fn trap_async_imap_ends_at_unknown_untagged_lines() {
        for (wanted, told, given) in [
            (
                Wanted::Nothing,
                "* XYZZY (new [thing\r\n* 3 EXISTS\r\n* SEARCH 1\r\n* 1 FETCH (UID 1)\r\nA1 OK\r\n",
                "A1 OK\r\n",
            ),
            (Wanted::Search, "* XYZZY {3}\r\na\r\n SEARCH 9\r\n* SEARCH 1\r\n", "* SEARCH 1\r\n"),
            (Wanted::Search, "* search 4 5 \n", "* search 4 5 \r\n"),
            (Wanted::News, "* 99999999999 EXISTS\r\n* 4 EXISTS\r\n", "* 4 EXISTS\r\n"),
            (
                Wanted::Folder,
                "* OK [UIDVALIDITY 7] \u{fc}\r\n* OK [NEW {9}\r\n* NO [ALERT] full\r\n",
                "* OK [UIDVALIDITY 7]\r\n",
            ),
            (Wanted::Greeting, "* OK [CAPABILITY nonsense] \u{fc}\r\n", "* OK\r\n"),
            (BODY, "* 1 FETCH (BODYSTRUCTURE (((\r\n* 1 FETCH (FLAGS ())\r\n", "* 1 FETCH (FLAGS ())\r\n"),
            (
                BODY,
                "* 2 FETCH (UID 2 BODY[] {-3}\r\n* 2 FETCH (UID 2 BODY[] NIL)\r\n",
                "* 2 FETCH (UID 2 BODY[] NIL)\r\n",
            ),
            (Wanted::Nothing, "+ whatever it says\r\n", "+ \r\n"),
        ] {
            assert_eq!(sieved(wanted, told).0.unwrap(), given, "{told}");
        }
    }

    #[test]
    fn what_was_skipped_in_answer_to_a_question_is_remembered() {
        for (wanted, told, search, fetch) in [
            (Wanted::Search, "* ESEARCH (TAG \"A1\") UID ALL 1:3\r\n", true, false),
            (Wanted::Search, "* SEARCH 4 x 5\r\n", true, false),
            (Wanted::Search, "* 1 FETCH (((\r\n* SEARCH 4\r\n", false, false),
            (BODY, "* 1 FETCH (UID 1\r\n", false, true),
            (BODY, "* ESEARCH (TAG \"A1\")\r\n* 1 FETCH (UID 1)\r\n", false, false),
        ] {
            let (_, heard) = sieved(wanted, told);
            assert_eq!((heard.skipped_search, heard.skipped_fetch), (search, fetch), "{told}");
        }
    }

    #[test]
    fn replies_are_what_they_say() {
        let (given, heard) =
            sieved(Wanted::Nothing, "* capability IMAP4rev2 Idle\r\n* 23 exists\r\nA1 no [TRYCREATE] nope\r\n");
        assert_eq!(given.unwrap(), "A1 NO\r\n");
        assert_eq!(heard.capabilities.into_iter().collect::<Vec<_>>(), ["IDLE", "IMAP4REV2"]);
        assert!(heard.news);
        let says = Says { code: Some("TRYCREATE".to_owned()), text: "nope".to_owned() };
        assert_eq!(heard.conclusion, Some((Status::No, says)));
        let (_, heard) = sieved(Wanted::Nothing, "A1 OK [CAPABILITY IMAP4rev1] welcome\r\n");
        assert!(heard.capabilities.contains("IMAP4REV1"));
    }

    #[test]
    fn what_can_be_no_reply_ends_the_connection() {
        for told in [
            "\r\n",
            "hello\r\n",
            "HTTP/1.1 400 Bad Request\r\n",
            " OK no tag\r\n",
            "A2 OK a tag that is not ours\r\n",
            "A1 BYE\r\n",
            "A1 OK\r\nA1 OK twice\r\n",
            "+ \r\n+ \r\n",
            "\0\u{ff}\r\n",
        ] {
            let (given, _) = sieved(Wanted::Nothing, told);
            assert!(matches!(given, Err(ImapError::Garbled { .. })), "{told:?}: {given:?}");
        }
        assert!(matches!(sieved(Wanted::Nothing, "* BYE now\r\n").0, Err(ImapError::Closed { .. })));
    }

    #[test]
    fn another_uidvalidity_in_an_open_folder_ends_the_connection() {
        let mut sieve = Sieve::new();
        sieve.heard.uid_validity = Some(7);
        let mut out = Vec::new();
        assert!(sieve.read(b"* OK [UIDVALIDITY 7] same\r\n", &mut out).is_ok());
        assert!(matches!(sieve.read(b"* OK [UIDVALIDITY 8] other\r\n", &mut out), Err(ImapError::Closed { .. })));
    }

    #[test]
    fn p5_a_literal_passes_byte_for_byte() {
        let told = "* 1 FETCH (BODY[] {8}\r\na\0\r\n)\r\n\n UID 5)\r\nA1 OK\r\n";
        assert_eq!(sieved(BODY, told).0.unwrap(), told);
    }

    #[test]
    fn trap_async_imap_sets_aside_what_a_literal_says() {
        for lie in ["400000000", "101", "99999999999999999999999"] {
            for (wanted, reply) in [(BODY, "1 FETCH (BODY[]"), (BODY, "LIST"), (BODY, "1 FETCH (BODY[] ~")] {
                let told = format!("* {reply} {{{lie}}}\r\nabc");
                assert!(matches!(sieved(wanted, &told).0, Err(ImapError::TooLarge { .. })), "{told}");
            }
        }
        assert_eq!(sieved(Wanted::Nothing, "* OK braces in free text {300000}\r\n").0.unwrap(), "");
        let many = format!("* 1 FETCH (BODY[] {{0}}\r\n{}", " BODY[] {0}\r\n".repeat(LITERALS_MAX));
        assert!(matches!(sieved(BODY, &many).0, Err(ImapError::TooLarge { .. })));
    }

    #[test]
    fn trap_async_imap_prints_its_buffer_into_an_error() {
        // The parser is stopped at a body it was given, not fed with what it would fail at.
        let (given, _) = sieved(BODY, "* 2 FETCH (UID 2 BODY[] {1}\r\nabc \")\r\n");
        assert!(matches!(given, Err(ImapError::Garbled { .. })), "{given:?}");
        // What it would not take for a body, it is not given.
        for told in ["* 1 FETCH (X (a BODY[] {3}\r\na)b UID 5)\r\n", "* 1 FETCH (X a{3}\r\na)b UID 5)\r\n"] {
            let (given, heard) = sieved(BODY, told);
            assert_eq!((given.unwrap().as_str(), heard.skipped_fetch), ("", true), "{told}");
        }
    }

    #[test]
    fn trap_async_imap_begins_a_long_reply_again_at_every_block() {
        let uids: Vec<String> = (1..=200_000).map(|uid: u32| uid.to_string()).collect();
        let mut sieve = Sieve::new();
        sieve.begin("test", Wanted::Search);
        let mut out = Vec::new();
        for block in format!("* SEARCH {}\r\n", uids.join(" ")).as_bytes().chunks(16_000) {
            assert_eq!(sieve.read(block, &mut out).unwrap(), block.len());
        }
        let out = String::from_utf8(out).unwrap();
        assert!(out.lines().all(|line| line.len() < 3 * SEARCH_PART_BYTES + 16_000));
        let given = out.lines().flat_map(|line| line.strip_prefix("* SEARCH ").unwrap().split(' '));
        assert!(given.eq(uids.iter().map(String::as_str)));
    }

    #[test]
    fn trap_imap_proto_a_million_parentheses_do_not_end_the_process() {
        for item in ["BODYSTRUCTURE ", "X \"\\q BODYSTRUCTURE ", "X (\" ) BODYSTRUCTURE ", "ENVELOPE "] {
            let told = format!("* 1 FETCH ({item}{}", "(".repeat(1_000_000));
            assert!(matches!(sieved(BODY, &told).0, Err(ImapError::TooLarge { .. })), "{item}");
            let told = format!("* 1 FETCH ({item}{}\r\n", "(".repeat(60_000));
            assert!(matches!(sieved(BODY, &told).0, Err(ImapError::Garbled { .. })), "{item}");
            let (given, _) = sieved(Wanted::Nothing, &told);
            assert_eq!(given.unwrap(), "", "{item}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(text: Vec<u8>, starts in 0_usize..6) {
            let start: &[u8] = [&b""[..], b"* 1 FETCH (", b"* SEARCH 1", b"* OK [", b"A1 ", b"* 1 FETCH (BODY[] {3}\r\n"][starts];
            let told = [start, &text, b"\r\nA1 OK\r\n"].concat();
            let mut sieve = Sieve::new();
            sieve.begin("test", BODY);
            sieve.said(b"A1 ");
            let (mut out, mut unread) = (Vec::new(), told.as_slice());
            while let (false, Ok(bytes)) = (unread.is_empty(), sieve.read(unread, &mut out)) {
                proptest::prop_assert!(bytes > 0);
                unread = &unread[bytes..];
            }
        }
    }
}
