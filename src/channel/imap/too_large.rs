//! The message that stands in for one too large to take in (EML-9): its header, and a text that says so.

/// Header fields that describe the body that is not there.
const BODY_FIELDS: [&[u8]; 5] =
    [b"content-type", b"content-transfer-encoding", b"content-disposition", b"content-length", b"mime-version"];

/// A message of the header fields in `header` and a plain text in place of the body of `bytes` bytes.
pub(super) fn stand_in(header: &[u8], bytes: u64, bytes_max: u64) -> Vec<u8> {
    let mut message = Vec::with_capacity(header.len() + 400);
    let mut keeps = false;
    for line in header.split_inclusive(|b| *b == b'\n') {
        let bare = line.trim_ascii_end();
        if bare.is_empty() {
            break;
        }
        let continues = line.starts_with(b" ") || line.starts_with(b"\t");
        if !continues {
            keeps = is_kept(bare);
        }
        if keeps {
            message.extend(bare);
            message.extend(b"\r\n");
        }
    }
    let text = format!(
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         [message too large: {bytes} bytes, {bytes_max} are the limit; it was left in the mailbox]\r\n"
    );
    message.extend(text.as_bytes());
    message
}

fn is_kept(line: &[u8]) -> bool {
    let name = line.split(|b| *b == b':').next().unwrap_or_default().trim_ascii();
    line.contains(&b':') && !BODY_FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eml_9_the_header_stays_and_a_text_says_why_there_is_no_more() {
        let header =
            b"From: ana@example.com\r\nContent-Type: multipart/mixed;\r\n boundary=x\r\nSubject: a\r\n\tb\r\n\r\n";
        let text = String::from_utf8(stand_in(header, 99, 10)).unwrap();
        let fields = "From: ana@example.com\r\nSubject: a\r\n\tb\r\nMIME-Version: 1.0\r\n";
        assert!(text.starts_with(fields), "{text}");
        assert!(!text.contains("boundary"));
        assert!(
            text.ends_with("\r\n\r\n[message too large: 99 bytes, 10 are the limit; it was left in the mailbox]\r\n")
        );
    }

    #[test]
    fn a_header_cut_short_or_malformed_still_makes_a_message() {
        for header in [&b""[..], b"Subject: cut", b"no colon\r\n folded\r\nSubject: cut\r\n", b"\r\n\r\n"] {
            let message = stand_in(header, 2, 1);
            assert_eq!(message.windows(4).filter(|four| *four == b"\r\n\r\n").count(), 1);
        }
    }
}
