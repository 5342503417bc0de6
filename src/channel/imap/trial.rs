//! What the parser of `async-imap` (`imap-proto`) makes of a text, tried where a failure costs nothing.
//!
//! **Invariant:** a text is tried only after [`nests_too_deeply`] said no; then no text overflows the stack or panics.

use async_imap::imap_proto::AttributeValue;
use async_imap::imap_proto::Response;

/// Most `(` in one reply. What we ask for has five. A level takes up to 34 KB of stack in a build without optimisation,
/// and the runtime's threads have 2 MB.
const OPENINGS_MAX: usize = 16;

/// Whether the parser, which calls itself for each level, could overflow the stack, which ends the process. All openings
/// count, also closed ones and those in quotes: where a quote cannot be read, the parser takes it for an atom and goes
/// on behind it. `[` opens no level.
pub(super) fn nests_too_deeply(text: &[u8]) -> bool {
    text.iter().filter(|b| **b == b'(').count() > OPENINGS_MAX
}

/// Whether the parser takes `text` for one whole reply.
pub(super) fn is_whole(text: &[u8]) -> bool {
    !makes_it_panic(text) && matches!(Response::parse(&[text, b"\r\n"].concat()), Ok((rest, _)) if rest.is_empty())
}

/// Whether the parser, behind `text`, would take a literal for a body: closed after an empty one, it reads a FETCH reply
/// whose last item is that body.
pub(super) fn ends_before_body(text: &[u8]) -> bool {
    if makes_it_panic(text) {
        return false;
    }
    let closed = [text, b"{0}\r\n)\r\n"].concat();
    let Ok((rest, Response::Fetch(_, items))) = Response::parse(&closed) else { return false };
    rest.is_empty() && matches!(items.last(), Some(AttributeValue::BodySection { data: Some(_), .. }))
}

/// The parser believes that every message has an INTERNALDATE.
fn makes_it_panic(text: &[u8]) -> bool {
    let date = b"INTERNALDATE NIL";
    text.windows(date.len()).any(|window| window.eq_ignore_ascii_case(date))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;
    use std::thread;
    use std::time::Duration;

    /// A body structure with so many openings: multiparts in multiparts around one text.
    fn multiparts(openings: usize) -> String {
        let levels = openings - 2;
        let leaf = "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 1 NIL NIL NIL NIL)";
        let (open, close) = ("(".repeat(levels), " \"MIXED\" NIL NIL NIL NIL)".repeat(levels));
        format!("* 1 FETCH (BODYSTRUCTURE {open}{leaf}{close})")
    }

    /// The same of messages in messages, each with an envelope.
    fn messages(openings: usize) -> String {
        let levels = (openings - 2) / 2;
        let open = "(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 1 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) ";
        let leaf = "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 1)";
        format!("* 1 FETCH (BODYSTRUCTURE {}{leaf}{})", open.repeat(levels), " 1)".repeat(levels))
    }

    /// Lists in lists at the end of a body structure.
    fn lists(openings: usize) -> String {
        let (open, close) = ("(".repeat(openings - 2), ")".repeat(openings - 2));
        format!("* 1 FETCH (BODYSTRUCTURE (\"A\" \"B\" NIL NIL NIL \"7BIT\" 1 NIL NIL NIL NIL {open}1{close}))")
    }

    #[test]
    fn trap_imap_proto_overflows_on_nested_parentheses() {
        for nested in [multiparts, messages, lists] {
            let text = nested(OPENINGS_MAX).into_bytes();
            assert!(!nests_too_deeply(&text));
            // Half of the stack that the runtime's threads have.
            let tried = thread::Builder::new().stack_size(1024 * 1024).spawn(move || is_whole(&text)).unwrap();
            assert!(tried.join().unwrap(), "{}", nested(OPENINGS_MAX));
        }
        assert!(nests_too_deeply(multiparts(OPENINGS_MAX + 1).as_bytes()));
    }

    #[test]
    fn nesting_at_the_limit_costs_no_time() {
        // Ends that no alternative of the parser can read, so that it tries them all.
        let spoilt = |text: String| text.replacen(")", "?", 1);
        let worst = [multiparts, messages, lists].map(|nested| spoilt(nested(OPENINGS_MAX)));
        let (done, doing) = std::sync::mpsc::channel();
        thread::spawn(move || done.send(worst.iter().any(|text| is_whole(text.as_bytes()))));
        assert_eq!(doing.recv_timeout(Duration::from_secs(10)), Ok(false));
    }

    #[test]
    fn trap_imap_proto_panics_at_a_missing_internaldate() {
        let text = b"* 1 FETCH (UID 1 internaldate nil)";
        let panics = |text: &[u8]| catch_unwind(|| Response::parse(&[text, b"\r\n"].concat()).is_ok()).is_err();
        assert!(panics(text), "mended: the check can go");
        assert!(!is_whole(text));
        assert!(!ends_before_body(b"* 1 FETCH (INTERNALDATE NIL BODY[] "));
    }

    #[test]
    fn a_body_is_known_by_what_stands_before_it() {
        for (text, is_before_body) in [
            ("* 1 FETCH (BODY[] ", true),
            ("* 9 FETCH (FLAGS (\\Seen) UID 5 BODY[HEADER]<0> ", true),
            ("* 9 FETCH (X \"(\" BODY[] {0}\r\n BODY[] ", true),
            ("* 1 FETCH (X (a BODY[] ", false),
            ("* 1 FETCH (X a", false),
            ("* 1 FETCH (X ", false),
            ("* 1 FETCH (BODY[] ~", false),
            ("* LIST () \"/\" ", false),
        ] {
            assert_eq!(ends_before_body(text.as_bytes()), is_before_body, "{text}");
        }
    }
}
