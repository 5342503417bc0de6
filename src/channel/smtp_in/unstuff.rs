//! The text after DATA: finds its end, takes off the stuffed dots, refuses line ends that another server reads otherwise.
//!
//! RFC 5321 §4.5.2 (transparency), §2.3.8 and §4.1.1.4 (only CR LF ends a line, only CR LF . CR LF ends the text).
//!
//! **Invariant:** CR and LF stand in the text only as the pair CR LF, and a lone dot is never dressed up with NULs, or
//! the text is [`Found::Unclean`] and nothing after it may be read as a command (smuggling, CVE-2023-51764 ff.). One pass,
//! linear, any split of the input gives the same bytes.

/// Why a text must not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unclean {
    /// CR without LF.
    BareCr,
    /// LF without CR.
    BareLf,
    /// A line of one dot and NULs, which a server that drops NULs takes for the end.
    NulBesideDot,
}

/// What a piece of input held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Text only; more is to come.
    More,
    /// The end, after so many bytes of the piece; the rest is not text.
    End(usize),
    /// See [`Unclean`].
    Unclean(Unclean),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Nothing of the line seen.
    LineStart,
    /// A first dot seen and taken off.
    Dot,
    /// CR behind that dot.
    DotCr,
    /// Only NULs seen.
    Nuls,
    /// NULs and one dot seen.
    NulsAndDot,
    /// Ordinary text.
    Text,
    /// CR behind text.
    Cr,
}

/// Reads the text piece by piece.
#[derive(Debug)]
pub(crate) struct Unstuffer {
    at: At,
    /// Bytes of the current line in earlier pieces.
    line_bytes: usize,
    line_bytes_longest: usize,
}

impl Unstuffer {
    /// At the beginning of a text: an immediate dot ends it.
    pub(crate) const fn new() -> Self {
        Self { at: At::LineStart, line_bytes: 0, line_bytes_longest: 0 }
    }

    /// Length of the longest line so far in bytes, stuffed dot included, CR LF not.
    pub(crate) fn line_bytes_longest(&self) -> usize {
        self.line_bytes_longest
    }

    /// Reads the next piece and hands the text in it to `take`, in order and in runs as long as possible.
    pub(crate) fn feed(&mut self, piece: &[u8], mut take: impl FnMut(&[u8])) -> Found {
        // Text not yet handed over is piece[run..at].
        let mut run = 0;
        let mut line_from = 0;
        let mut at = 0;
        let mut hand_over = |from: usize, to: usize| take(piece.get(from..to).unwrap_or_default());
        while let Some(&byte) = piece.get(at) {
            match (self.at, byte) {
                (At::LineStart, b'.') => {
                    hand_over(run, at);
                    run = at.saturating_add(1);
                    self.at = At::Dot;
                }
                (At::LineStart | At::Nuls, 0) => self.at = At::Nuls,
                (At::Nuls, b'.') | (At::Dot | At::NulsAndDot, 0) => self.at = At::NulsAndDot,
                (At::Dot, b'\r') => self.at = At::DotCr,
                (At::NulsAndDot, b'\r') => return Found::Unclean(Unclean::NulBesideDot),
                (At::DotCr, b'\n') => return Found::End(at.saturating_add(1)),
                (At::Cr, b'\n') => {
                    self.at = At::LineStart;
                    self.end_line(at.saturating_sub(line_from).saturating_sub(1));
                    line_from = at.saturating_add(1);
                }
                (At::Cr | At::DotCr, _) => return Found::Unclean(Unclean::BareCr),
                (_, b'\n') => return Found::Unclean(Unclean::BareLf),
                (_, b'\r') => self.at = At::Cr,
                (_, _) => {
                    self.at = At::Text;
                    at = next_line_end(piece, at);
                    continue;
                }
            }
            at = at.saturating_add(1);
        }
        let ending = usize::from(matches!(self.at, At::Cr | At::DotCr));
        self.grow_line(piece.len().saturating_sub(line_from).saturating_sub(ending));
        // The CR of a dot is text only if no LF follows, and then all is refused.
        let kept = if self.at == At::DotCr { run } else { piece.len() };
        hand_over(run, kept);
        Found::More
    }

    fn end_line(&mut self, bytes: usize) {
        self.grow_line(bytes);
        self.line_bytes = 0;
    }

    fn grow_line(&mut self, bytes: usize) {
        self.line_bytes = self.line_bytes.saturating_add(bytes);
        self.line_bytes_longest = self.line_bytes_longest.max(self.line_bytes);
    }
}

/// Index of the next CR or LF at or after `from`, or the end.
fn next_line_end(piece: &[u8], from: usize) -> usize {
    let found = memchr::memchr2(b'\r', b'\n', piece.get(from..).unwrap_or_default());
    found.map_or(piece.len(), |offset| from.saturating_add(offset))
}

#[cfg(test)]
pub(in crate::channel::smtp_in) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds `wire` in pieces; the text, how it ended, and how many bytes were read when it did.
    fn unstuff(pieces: &[&[u8]]) -> (Vec<u8>, Found, usize) {
        let mut unstuffer = Unstuffer::new();
        let mut text = Vec::new();
        let mut read = 0;
        for piece in pieces {
            match unstuffer.feed(piece, |run| text.extend_from_slice(run)) {
                Found::More => read += piece.len(),
                Found::End(bytes) => return (text, Found::End(bytes), read + bytes),
                found @ Found::Unclean(_) => return (text, found, read),
            }
        }
        (text, Found::More, read)
    }

    /// What a careful client sends for `text` (RFC 5321 §4.5.2).
    fn stuff(text: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        let mut line_start = true;
        for &byte in text {
            if line_start && byte == b'.' {
                wire.push(b'.');
            }
            line_start = byte == b'\n';
            wire.push(byte);
        }
        if !line_start {
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(b".\r\n");
        wire
    }

    #[test]
    fn dots_come_off_and_the_end_is_found() {
        for (wire, text) in [
            (&b".\r\n"[..], &b""[..]),
            (b"\r\n.\r\n", b"\r\n"),
            (b"a\r\n.\r\n", b"a\r\n"),
            (b"..\r\n.\r\n", b".\r\n"),
            (b"...a\r\n..\r\n.\r\n", b"..a\r\n.\r\n"),
            (b".a\r\n.\r\n", b"a\r\n"),
            (b"a.\r\nb.c\r\n.\r\n", b"a.\r\nb.c\r\n"),
            (b"nul\0nul\r\n\0\r\n.\r\n", b"nul\0nul\r\n\0\r\n"),
            (b"\0.x\r\n.\0x\r\n.\r\n", b"\0.x\r\n\0x\r\n"),
        ] {
            let (found_text, found, read) = unstuff(&[wire]);
            assert_eq!((found, read), (Found::End(wire.len()), wire.len()), "{}", wire.escape_ascii());
            assert_eq!(found_text, text, "{}", wire.escape_ascii());
        }
    }

    #[test]
    fn what_follows_the_end_is_not_read() {
        let (text, found, _) = unstuff(&[b"a\r\n.\r\nQUIT\r\n"]);
        assert_eq!((text.as_slice(), found), (&b"a\r\n"[..], Found::End(6)));
    }

    /// Line ends and dots with which one server smuggles a second message past another.
    pub(in crate::channel::smtp_in) const SMUGGLING: [(&[u8], Unclean); 13] = [
        (b"\n.\n", Unclean::BareLf),
        (b"\n.\r\n", Unclean::BareLf),
        (b"\r\n.\n", Unclean::BareLf),
        (b"\r.\r", Unclean::BareCr),
        (b"\r.\r\n", Unclean::BareCr),
        (b"\r\n.\r", Unclean::BareCr),
        (b"\r.\n", Unclean::BareCr),
        (b"\n.\r", Unclean::BareLf),
        (b"\r\r\n.\r\r\n", Unclean::BareCr),
        (b"\r\n.\r\r\n", Unclean::BareCr),
        (b"\r\0\n.\r\0\n", Unclean::BareCr),
        (b"\r\n\0.\r\n", Unclean::NulBesideDot),
        (b"\r\n.\0\r\n", Unclean::NulBesideDot),
    ];

    #[test]
    fn fault_1_every_false_end_of_data_is_unclean_however_it_is_split() {
        for (false_end, unclean) in SMUGGLING {
            let wire = [b"Subject: a\r\n\r\nb", false_end, b"MAIL FROM:<x@y.z>\r\n.\r\n"].concat();
            for split in 0..=wire.len() {
                let (head, tail) = wire.split_at(split);
                let (_, found, _) = unstuff(&[head, tail]);
                assert_eq!(found, Found::Unclean(unclean), "{} at {split}", false_end.escape_ascii());
            }
        }
    }

    #[test]
    fn the_longest_line_is_counted_without_its_end_however_it_is_split() {
        let wire = b"ab\r\n..cde\r\nfg\r\n.\r\n";
        for split in 0..wire.len() {
            let (head, tail) = wire.split_at(split);
            let mut unstuffer = Unstuffer::new();
            for piece in [head, tail] {
                unstuffer.feed(piece, |_| {});
            }
            assert_eq!(unstuffer.line_bytes_longest(), 5, "at {split}");
        }
    }

    /// Text as a client may hold it: lines that end in CR LF, many of them with dots and NULs.
    fn texts() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![Just(b'.'), Just(0_u8), Just(b'a'), any::<u8>()];
        let line = proptest::collection::vec(byte, 0..6).prop_map(|line| {
            let mut line: Vec<u8> = line.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
            let dots = line.iter().filter(|byte| **byte == b'.').count();
            // After stuffing such a line would be NULs and one dot, which is refused by intent.
            if dots <= 1 && line.contains(&0) && line.iter().all(|byte| matches!(byte, b'.' | 0)) {
                line.push(b'x');
            }
            line.extend_from_slice(b"\r\n");
            line
        });
        proptest::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
    }

    proptest! {
        #[test]
        fn stuffed_and_unstuffed_is_the_same_text(text in texts()) {
            let wire = stuff(&text);
            let (found_text, found, _) = unstuff(&[&wire]);
            prop_assert_eq!(found, Found::End(wire.len()));
            prop_assert_eq!(found_text, text);
        }

        #[test]
        fn any_split_of_any_bytes_reads_the_same(
            wire in proptest::collection::vec(prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), Just(0_u8), Just(b'a')], 0..40),
            cuts in proptest::collection::vec(0_usize..40, 0..6),
        ) {
            let (whole_text, whole_found, whole_read) = unstuff(&[&wire]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(wire.len())).chain([0, wire.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &wire[pair[0]..pair[1]]).collect();
            let (text, found, read) = unstuff(&pieces);
            match whole_found {
                Found::End(_) => {
                    prop_assert!(matches!(found, Found::End(_)));
                    prop_assert_eq!((read, text), (whole_read, whole_text));
                }
                Found::Unclean(_) => prop_assert_eq!(found, whole_found),
                Found::More => prop_assert_eq!((found, text), (Found::More, whole_text)),
            }
        }
    }
}
