//! The hash by which two arrivals are the same mail (EML-15).

use crate::mail::message::Message;
use ring::digest;

/// SHA-256 over what a person would call the mail: authors, subject, bodies and attachments, all decoded. Trace fields,
/// other header fields and the kind of line ends do not change it, so that the same mail by two ways has one hash;
/// authors and subject do, since two mails with equal text from two people are two mails (P2). Of a report (RFC 6522) the
/// parts for machines count as well: two bounces may differ in nothing but whom they are about.
#[must_use]
pub fn content_hash(message: &Message) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut add = |label: &[u8], bytes: &[u8]| {
        hash.update(label);
        hash.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(bytes);
    };
    for author in &message.from {
        add(b"from", author.address.to_string().as_bytes());
    }
    add(b"subject", message.subject.as_bytes());
    add(b"text", message.text.trim_end().as_bytes());
    add(b"html", message.html.as_deref().unwrap_or("").trim_end().as_bytes());
    for attachment in &message.attachments {
        add(b"file", attachment.file_name.as_bytes());
        add(b"sha256", &attachment.content_sha256);
    }
    if message.is_report() {
        for notice in &message.notices {
            add(b"notice", notice.content_type.as_bytes());
            add(b"said", notice.text.trim_end().as_bytes());
        }
    }
    to_array(hash.finish().as_ref())
}

/// SHA-256 of bytes with CRLF read as LF: equal however the mail travelled.
pub(in crate::mail) fn line_end_blind_sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(text) => {
                hash.update(text);
                hash.update(b"\n");
            }
            None => hash.update(line),
        }
    }
    to_array(hash.finish().as_ref())
}

/// SHA-256 of bytes.
pub(in crate::mail) fn sha256(bytes: &[u8]) -> [u8; 32] {
    to_array(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn to_array(hash: &[u8]) -> [u8; 32] {
    hash.try_into().unwrap_or([0; 32])
}
