//! The message as it goes over the wire: looked at once more, then its dots stuffed.
//!
//! RFC 5321 §2.3.8 (CR and LF only together), §4.5.2 (dots).
//!
//! **Invariant:** a message with a CR or LF of its own is never sent: where a relay takes `LF . LF` for the end, what
//! follows would be commands (SMTP smuggling; lettre's raw send passes them on).

/// Bytes written at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Why `message` must not be sent; `None` if it may.
pub(crate) fn unsafe_because(message: &[u8]) -> Option<&'static str> {
    if !message.ends_with(b"\r\n") {
        return Some("its last line has no end");
    }
    let mut before = 0;
    for byte in message {
        match (before, *byte) {
            (_, 0) => return Some("it holds a NUL"),
            (b'\r', b'\n') => {}
            (b'\r', _) => return Some("it holds a CR without LF"),
            (_, b'\n') => return Some("it holds an LF without CR"),
            _ => {}
        }
        before = *byte;
    }
    None
}

/// `message` with a dot before every dot that begins a line, in bounded pieces. The message ends in CRLF; the final dot is
/// not among the pieces.
pub(crate) fn stuffed(message: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let mut line_begins = true;
    message.chunks(CHUNK_BYTES).map(move |chunk| {
        let mut piece = Vec::with_capacity(chunk.len().saturating_add(chunk.len() / 32));
        for byte in chunk {
            if line_begins && *byte == b'.' {
                piece.push(b'.');
            }
            piece.push(*byte);
            line_begins = *byte == b'\n';
        }
        piece
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn trap_lettre_send_raw_keeps_bare_lf_so_we_refuse_it() {
        let bad: [&[u8]; 9] =
            [b"", b"a", b"a\n", b"A\n.\nB\r\n", b"C\n.\r\nD\r\n", b"\r.\r\r\n", b"E\r\n.\rF\r\n", b"a\0\r\n", b"a\r"];
        for message in bad {
            assert!(unsafe_because(message).is_some(), "{:?}", String::from_utf8_lossy(message));
        }
        for message in [&b"\r\n"[..], b"a\r\n.\r\n..b\r\n", b"\r\n\r\n\xff\r\n"] {
            assert_eq!(unsafe_because(message), None);
        }
    }

    #[test]
    fn dots_that_begin_a_line_are_doubled_and_no_others() {
        let all = |message: &[u8]| stuffed(message).flatten().collect::<Vec<u8>>();
        assert_eq!(all(b".\r\n.a\r\nb.\r\n..\r\n"), b"..\r\n..a\r\nb.\r\n...\r\n");
        let mut long = vec![b'x'; CHUNK_BYTES - 2];
        long.extend_from_slice(b"\r\n.\r\n");
        assert!(all(&long).ends_with(b"x\r\n..\r\n"), "a line may begin with a piece");
    }

    proptest! {
        #[test]
        fn what_was_stuffed_never_holds_the_end_and_can_be_read_back(lines in prop::collection::vec("[.a\u{e4}]{0,4}", 1..40)) {
            let message: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let wire: Vec<u8> = stuffed(message.as_bytes()).flatten().collect();
            let wire = String::from_utf8(wire).unwrap();
            prop_assert!(!wire.split("\r\n").any(|line| line == "."));
            let back: String = wire.split_terminator("\r\n").map(|line| format!("{}\r\n", line.strip_prefix('.').unwrap_or(line))).collect();
            prop_assert_eq!(back, message);
        }
    }
}
