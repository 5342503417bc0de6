//! Outgoing mail: values in, bytes out (EML-60 to EML-62).
//!
//! **Invariant:** equal values give equal bytes, so that a repeat is the same mail (EML-65); every line ends in CRLF and no
//! CR or LF stands alone, in headers, texts or attachments (FAULTS 0.2); nothing from outside reaches a header field but
//! through [`crate::mail::clean`] (FAULTS 0.1). Follows RFC 5322, RFC 2045, RFC 3834, RFC 8058.

use crate::domain::id::Millis;
use crate::mail::clean;
use crate::mail::limits::REFERENCES_OUT_BYTES_MAX;
use crate::mail::limits::REFERENCES_OUT_NEWEST;
use crate::mail::message::NamedAddress;
use crate::mail::message::content_hash::sha256;
use crate::mail::message::msg_id::MsgId;
use crate::mail::message_id::MARKER_FIELD;
use data_encoding::BASE32_NOPAD;
use data_encoding::BASE64;
use lettre::message::Attachment;
use lettre::message::Body;
use lettre::message::Mailbox;
use lettre::message::MessageBuilder;
use lettre::message::MultiPart;
use lettre::message::SinglePart;
use lettre::message::header::ContentTransferEncoding;
use lettre::message::header::ContentType;
use lettre::message::header::HeaderName;
use lettre::message::header::HeaderValue;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::time::Duration;
use std::time::UNIX_EPOCH;

/// Octets of a Thread-Index that all mails of a thread share.
const THREAD_INDEX_BYTES: usize = 22;
/// Octets that every answer adds.
const THREAD_INDEX_CHILD_BYTES: usize = 5;

/// A mail to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// From.
    pub from: NamedAddress,
    /// Reply-To.
    pub reply_to: Option<NamedAddress>,
    /// To; at least one.
    pub to: Vec<NamedAddress>,
    /// Cc.
    pub cc: Vec<NamedAddress>,
    /// Subject; cleaned again here.
    pub subject: String,
    /// Message-ID, fixed in the transaction that owes the mail.
    pub message_id: MsgId,
    /// In-Reply-To.
    pub in_reply_to: Option<MsgId>,
    /// The thread's ids, oldest first; cut to the first and the newest 19 (EML-61).
    pub references: Vec<MsgId>,
    /// Date.
    pub date: Millis,
    /// The text body; always there.
    pub text: String,
    /// The HTML body.
    pub html: Option<String>,
    /// Whether a machine wrote it (EML-62).
    pub automatic: Automatic,
    /// For broadcasts (EML-80, RFC 8058).
    pub list_unsubscribe: Option<ListUnsubscribe>,
    /// Value of our marker field, from [`crate::mail::message_id::Keys::marker`].
    pub marker: String,
    /// Files.
    pub files: Vec<OutgoingFile>,
}

/// Who wrote a mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Automatic {
    /// A person.
    #[default]
    No,
    /// A machine by itself: `Auto-Submitted: auto-generated` (RFC 3834 §5).
    Generated,
    /// A machine in answer to a mail: `Auto-Submitted: auto-replied`.
    Replied,
}

/// Ways to unsubscribe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListUnsubscribe {
    /// An https address that takes a POST (RFC 8058).
    pub url: Option<String>,
    /// An address for mail (RFC 2369), without `mailto:`.
    pub mailto: Option<String>,
}

/// A file to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingFile {
    /// Name; cleaned here.
    pub name: String,
    /// `type/subtype`; anything unreadable goes as `application/octet-stream`.
    pub content_type: String,
    /// Content.
    pub bytes: Vec<u8>,
    /// Shown in place of `cid:` in the HTML body.
    pub content_id: Option<String>,
}

/// Why a mail could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// No recipient in To.
    #[error("no recipient")]
    NoRecipient,
    /// A field has a value that must not be written.
    #[error("{field} cannot be written: {why}")]
    Refused {
        /// The header field.
        field: &'static str,
        /// What is wrong.
        why: String,
    },
}

/// Writes a mail: CRLF line ends, no bare CR or LF anywhere, headers in ASCII.
///
/// # Errors
/// [`ComposeError`]; nothing was written.
pub fn compose(mail: &Outgoing) -> Result<Vec<u8>, ComposeError> {
    if mail.to.is_empty() {
        return Err(ComposeError::NoRecipient);
    }
    let builder = fields(people(mail)?, mail)?;
    let body = body(mail);
    let written = catch_unwind(AssertUnwindSafe(|| builder.multipart(body).map(|message| message.formatted())));
    match written {
        Ok(Ok(bytes)) => Ok(with_crlf(&bytes)),
        Ok(Err(error)) => Err(refused("message", &error)),
        Err(_) => Err(ComposeError::Refused { field: "message", why: "the library gave up".to_owned() }),
    }
}

fn refused(field: &'static str, why: &impl ToString) -> ComposeError {
    ComposeError::Refused { field, why: why.to_string() }
}

/// An address and name in the library's form; the only way to one, since the library panics on a name with line breaks.
fn mailbox(field: &'static str, person: &NamedAddress) -> Result<Mailbox, ComposeError> {
    let address =
        person.address.to_string().parse().map_err(|error: lettre::address::AddressError| refused(field, &error))?;
    let name = clean::name(&person.name);
    Ok(Mailbox::new((!name.is_empty()).then_some(name), address))
}

fn people(mail: &Outgoing) -> Result<MessageBuilder, ComposeError> {
    let mut builder = lettre::Message::builder().from(mailbox("From", &mail.from)?);
    if let Some(person) = &mail.reply_to {
        builder = builder.reply_to(mailbox("Reply-To", person)?);
    }
    for person in &mail.to {
        builder = builder.to(mailbox("To", person)?);
    }
    for person in &mail.cc {
        builder = builder.cc(mailbox("Cc", person)?);
    }
    Ok(builder.subject(clean::subject(&mail.subject)))
}

fn fields(builder: MessageBuilder, mail: &Outgoing) -> Result<MessageBuilder, ComposeError> {
    if mail.message_id.as_str().is_empty() || !mail.message_id.as_str().is_ascii() {
        return Err(ComposeError::Refused { field: "Message-ID", why: "empty or not ASCII".to_owned() });
    }
    let mut builder =
        builder.date(UNIX_EPOCH + Duration::from_millis(mail.date.0)).message_id(Some(mail.message_id.to_string()));
    if let Some(id) = mail.in_reply_to.as_ref().filter(|id| id.as_str().is_ascii()) {
        builder = builder.in_reply_to(id.to_string());
    }
    let references = references(&mail.references);
    if !references.is_empty() {
        builder = raw(builder, "References", &references)?;
    }
    if !mail.marker.is_empty() {
        builder = raw(builder, MARKER_FIELD, &mail.marker)?;
    }
    let submitted = match mail.automatic {
        Automatic::No => None,
        Automatic::Generated => Some("auto-generated"),
        Automatic::Replied => Some("auto-replied"),
    };
    if let Some(submitted) = submitted {
        builder = raw(builder, "Auto-Submitted", submitted)?;
        builder = raw(builder, "X-Auto-Response-Suppress", "All")?;
    }
    builder = outlook_thread(builder, mail)?;
    match &mail.list_unsubscribe {
        Some(ways) => unsubscribe(builder, ways),
        None => Ok(builder),
    }
}

/// Thread-Topic and Thread-Index, by which Outlook and Exchange group a conversation (EML-61). The index begins the same for
/// all mails of a thread: with what its first id says.
fn outlook_thread(builder: MessageBuilder, mail: &Outgoing) -> Result<MessageBuilder, ComposeError> {
    let topic = base_subject(&mail.subject);
    let name =
        HeaderName::new_from_ascii("Thread-Topic".to_owned()).map_err(|error| refused("Thread-Topic", &error))?;
    let builder = builder.raw_header(HeaderValue::new(name, topic));
    let root = mail.references.first().unwrap_or(&mail.message_id);
    let mut index = vec![1];
    index.extend(sha256(root.as_str().as_bytes()).iter().take(THREAD_INDEX_BYTES - 1));
    if *root != mail.message_id {
        // A block for this answer; its first bit says that it came soon.
        let own = sha256(mail.message_id.as_str().as_bytes());
        index.extend(
            own.iter().take(THREAD_INDEX_CHILD_BYTES).enumerate().map(|(at, b)| if at == 0 { b & 0x7f } else { *b }),
        );
    }
    raw(builder, "Thread-Index", &BASE64.encode(&index))
}

/// The subject without the marks of answers and forwards before it.
pub(crate) fn base_subject(subject: &str) -> String {
    let clean = clean::subject(subject);
    let mut rest = clean.trim();
    for _ in 0..10 {
        let mark = rest.split_once(':').filter(|(mark, _)| {
            let mark = mark.trim().to_lowercase();
            matches!(
                mark.as_str(),
                "re" | "fw" | "fwd" | "aw" | "wg" | "sv" | "vs" | "antw" | "rv" | "tr" | "r" | "odp"
            )
        });
        match mark {
            Some((_, after)) => rest = after.trim_start(),
            None => break,
        }
    }
    rest.to_owned()
}

fn unsubscribe(builder: MessageBuilder, ways: &ListUnsubscribe) -> Result<MessageBuilder, ComposeError> {
    if ways.url.as_ref().is_some_and(|url| !url.starts_with("https://")) {
        return Err(ComposeError::Refused { field: "List-Unsubscribe", why: "not https".to_owned() });
    }
    let url = ways.url.as_ref().map(|url| format!("<{url}>"));
    let mailto = ways.mailto.as_ref().map(|address| format!("<mailto:{address}>"));
    let all: Vec<String> = url.into_iter().chain(mailto).collect();
    if all.is_empty() {
        return Ok(builder);
    }
    let builder = raw(builder, "List-Unsubscribe", &all.join(", "))?;
    if ways.url.is_none() {
        return Ok(builder);
    }
    raw(builder, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
}

/// A field of our own making: printable ASCII only.
fn raw(builder: MessageBuilder, name: &'static str, value: &str) -> Result<MessageBuilder, ComposeError> {
    if value.bytes().any(|b| !(b.is_ascii_graphic() || b == b' ')) {
        return Err(ComposeError::Refused { field: name, why: "not printable ASCII".to_owned() });
    }
    let header = HeaderName::new_from_ascii(name.to_owned()).map_err(|error| refused(name, &error))?;
    Ok(builder.raw_header(HeaderValue::new(header, value.to_owned())))
}

/// EML-61: the first id and the newest 19, at most 8 KB.
fn references(ids: &[MsgId]) -> String {
    let ids: Vec<&MsgId> = ids.iter().filter(|id| id.as_str().is_ascii() && !id.as_str().is_empty()).collect();
    let Some((first, rest)) = ids.split_first() else { return String::new() };
    let newest = rest.get(rest.len().saturating_sub(REFERENCES_OUT_NEWEST)..).unwrap_or(rest);
    let mut room = REFERENCES_OUT_BYTES_MAX.saturating_sub(first.to_string().len());
    let mut kept: Vec<String> = Vec::with_capacity(newest.len() + 1);
    for id in newest.iter().rev().map(|id| id.to_string()) {
        let Some(left) = room.checked_sub(id.len() + 1) else { break };
        room = left;
        kept.push(id);
    }
    kept.push(first.to_string());
    kept.reverse();
    kept.join(" ")
}

/// multipart/alternative of text and HTML, pictures beside the HTML, files around it all.
fn body(mail: &Outgoing) -> MultiPart {
    let seed = BASE32_NOPAD.encode(&sha256(mail.message_id.as_str().as_bytes())).to_lowercase();
    let boundary = |kind: &str| format!("=_{kind}_{}", seed.get(..30).unwrap_or(&seed));
    let (pictures, files): (Vec<_>, Vec<_>) =
        mail.files.iter().partition(|file| file.content_id.is_some() && mail.html.is_some());
    let mut alternative =
        MultiPart::alternative().boundary(boundary("a")).singlepart(text_part(ContentType::TEXT_PLAIN, &mail.text));
    if let Some(html) = &mail.html {
        let html = text_part(ContentType::TEXT_HTML, html);
        alternative = if pictures.is_empty() {
            alternative.singlepart(html)
        } else {
            let related = MultiPart::related().boundary(boundary("r")).singlepart(html);
            alternative.multipart(pictures.into_iter().fold(related, |parts, file| parts.singlepart(file_part(file))))
        };
    }
    if files.is_empty() {
        return alternative;
    }
    let mixed = MultiPart::mixed().boundary(boundary("m")).multipart(alternative);
    files.into_iter().fold(mixed, |parts, file| parts.singlepart(file_part(file)))
}

/// Base64 where most is not ASCII, else quoted-printable; never 7bit or 8bit, in which a bare CR would survive.
fn text_part(kind: ContentType, text: &str) -> SinglePart {
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
    let other = text.bytes().filter(|b| !b.is_ascii()).count();
    let encoding =
        if other > text.len() / 3 { ContentTransferEncoding::Base64 } else { ContentTransferEncoding::QuotedPrintable };
    let body = Body::new_with_encoding(text, encoding).unwrap_or_else(Body::new);
    SinglePart::builder().header(kind).body(body)
}

fn file_part(file: &OutgoingFile) -> SinglePart {
    let kind = ContentType::parse(&clean::line(&file.content_type, 255))
        .ok()
        .filter(|_| !file.content_type.to_ascii_lowercase().starts_with("multipart/"))
        .filter(|_| !file.content_type.to_ascii_lowercase().starts_with("message/"))
        .or_else(|| ContentType::parse("application/octet-stream").ok())
        .unwrap_or(ContentType::TEXT_PLAIN);
    let body = Body::new_with_encoding(file.bytes.clone(), ContentTransferEncoding::Base64).unwrap_or_else(Body::new);
    let name = clean::file_name(&file.name, &file.content_type);
    let attachment = match file.content_id.as_deref().and_then(MsgId::parse) {
        Some(id) if id.as_str().is_ascii() => Attachment::new_inline_with_name(id.as_str().to_owned(), name),
        _ => Attachment::new(name),
    };
    attachment.body(body, kind)
}

/// Every CR, LF and CRLF as CRLF, with one at the end: what may be given to a relay as it is (FAULTS 0.2).
#[must_use]
pub fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 40 + 2);
    let mut rest = bytes.iter().copied().peekable();
    while let Some(b) = rest.next() {
        match b {
            b'\r' => {
                rest.next_if_eq(&b'\n');
                out.extend_from_slice(b"\r\n");
            }
            b'\n' => out.extend_from_slice(b"\r\n"),
            b => out.push(b),
        }
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::Address;
    use crate::mail::message::attachment_bytes;
    use crate::mail::message::read;
    use proptest::prelude::*;

    fn person(name: &str, address: &str) -> NamedAddress {
        NamedAddress { name: name.to_owned(), address: Address::parse(address).unwrap() }
    }

    fn mail() -> Outgoing {
        Outgoing {
            from: person("Ana (Example)", "support@example.com"),
            reply_to: Some(person("", "support+token@example.com")),
            to: vec![person("Customer, One", "customer@example.org")],
            cc: vec![person("J\u{fc}rg", "other@example.org")],
            subject: "Re: Gr\u{fc}\u{df}e".to_owned(),
            message_id: MsgId::parse("our.id@example.com").unwrap(),
            in_reply_to: MsgId::parse("theirs@example.org"),
            references: (0..30).filter_map(|n| MsgId::parse(&format!("{n}@example.org"))).collect(),
            date: Millis(1_767_225_600_000),
            text: "Hello\n.\nd\u{e9}j\u{e0} vu\r bare".to_owned(),
            html: Some("<p>Hello</p>".to_owned()),
            automatic: Automatic::No,
            list_unsubscribe: None,
            marker: "abc".to_owned(),
            files: Vec::new(),
        }
    }

    fn has_bare_line_end(bytes: &[u8]) -> bool {
        let lone_lf = bytes.iter().enumerate().any(|(at, b)| *b == b'\n' && (at == 0 || bytes[at - 1] != b'\r'));
        lone_lf || bytes.iter().enumerate().any(|(at, b)| *b == b'\r' && bytes.get(at + 1) != Some(&b'\n'))
    }

    #[test]
    fn eml_60_what_is_written_reads_back() {
        let message = read(&compose(&mail()).unwrap());
        assert_eq!(message.from, [mail().from]);
        assert_eq!(message.reply_to, [mail().reply_to.unwrap()]);
        assert_eq!(message.to, mail().to);
        assert_eq!(message.cc, mail().cc);
        assert_eq!(message.subject, mail().subject);
        assert_eq!(message.message_id, mail().message_id);
        assert_eq!(message.in_reply_to, [mail().in_reply_to.unwrap()]);
        assert_eq!(message.date, Some(mail().date));
        assert_eq!(message.text.trim_end(), "Hello\n.\nd\u{e9}j\u{e0} vu\n bare");
        assert_eq!(message.html.as_deref().map(str::trim_end), Some("<p>Hello</p>"));
        assert_eq!(message.field("x-deskgate-marker"), Some("abc"));
        assert_eq!(message.field("auto-submitted"), None);
        assert_eq!(message.faults, []);
    }

    #[test]
    fn eml_61_references_hold_the_first_id_and_the_newest_19() {
        let ids = read(&compose(&mail()).unwrap()).references;
        assert_eq!(ids.len(), 20);
        assert_eq!(
            (ids[0].as_str(), ids[1].as_str(), ids[19].as_str()),
            ("0@example.org", "11@example.org", "29@example.org")
        );
        let long: Vec<_> = (0..30).filter_map(|n| MsgId::parse(&format!("{n}{}@x", "a".repeat(500)))).collect();
        assert!(references(&long).len() <= REFERENCES_OUT_BYTES_MAX);
    }

    #[test]
    fn eml_62_automatic_mail_says_so() {
        for (automatic, value) in [(Automatic::Generated, "auto-generated"), (Automatic::Replied, "auto-replied")] {
            let message = read(&compose(&Outgoing { automatic, ..mail() }).unwrap());
            assert_eq!(message.field("auto-submitted"), Some(value));
            assert_eq!(message.field("x-auto-response-suppress"), Some("All"));
        }
    }

    #[test]
    fn eml_80_broadcasts_carry_one_click_unsubscribe() {
        let url = Some("https://d.example/u/1".to_owned());
        let ways = ListUnsubscribe { url, mailto: Some("u@d.example".to_owned()) };
        let message = read(&compose(&Outgoing { list_unsubscribe: Some(ways.clone()), ..mail() }).unwrap());
        assert_eq!(message.field("list-unsubscribe"), Some("<https://d.example/u/1>, <mailto:u@d.example>"));
        assert_eq!(message.field("list-unsubscribe-post"), Some("List-Unsubscribe=One-Click"));
        for url in ["http://d.example", "https://d.example/\r\nBcc: v@v"] {
            let ways = ListUnsubscribe { url: Some(url.to_owned()), ..ways.clone() };
            assert!(compose(&Outgoing { list_unsubscribe: Some(ways), ..mail() }).is_err(), "{url}");
        }
        let by_mail = ListUnsubscribe { url: None, ..ways };
        let message = read(&compose(&Outgoing { list_unsubscribe: Some(by_mail), ..mail() }).unwrap());
        assert_eq!(message.field("list-unsubscribe"), Some("<mailto:u@d.example>"));
        assert_eq!(message.field("list-unsubscribe-post"), None, "one click needs https");
    }

    #[test]
    fn files_arrive_byte_for_byte() {
        let file = |name: &str, id: Option<&str>| OutgoingFile {
            name: name.to_owned(),
            content_type: "image/png".to_owned(),
            bytes: b"\x89PNG\r\n\n\r\0.\r\n".to_vec(),
            content_id: id.map(str::to_owned),
        };
        let files = vec![file("../b\u{e4}r\r\n.png", None), file("logo.png", Some("logo@x"))];
        let raw = compose(&Outgoing { files, html: Some("<img src=\"cid:logo@x\">".to_owned()), ..mail() }).unwrap();
        let message = read(&raw);
        let mut seen: Vec<_> = message.attachments.iter().map(|a| (a.file_name.as_str(), a.inline)).collect();
        seen.sort_unstable();
        assert_eq!(seen, [("b\u{e4}r .png", false), ("logo.png", true)]);
        for attachment in &message.attachments {
            assert_eq!(attachment_bytes(&raw, attachment.part_index).unwrap(), b"\x89PNG\r\n\n\r\0.\r\n");
        }
        assert!(!has_bare_line_end(&raw));
    }

    #[test]
    fn eml_65_a_repeat_is_the_same_mail() {
        assert_eq!(compose(&mail()), compose(&mail()));
    }

    #[test]
    fn trap_lettre_mailbox_with_crlf_panics() {
        let names = ["Evil\r\nBcc: v@v", "nul\0esc\u{1b}", "\u{202e}x", "\"quoted\\", "a\u{85}b", &"n".repeat(5_000)];
        for name in names {
            let hostile = NamedAddress { name: name.to_owned(), address: Address::parse("a@b.example").unwrap() };
            let subject = name.to_owned();
            let raw = compose(&Outgoing { to: vec![hostile.clone()], from: hostile, subject, ..mail() }).unwrap();
            let message = read(&raw);
            assert_eq!(message.to.len(), 1, "{name:?}");
            assert_eq!(message.field("bcc"), None, "{name:?}");
            assert_eq!(message.to[0].name, clean::name(name));
        }
    }

    #[test]
    fn trap_lettre_send_raw_keeps_bare_lf() {
        for text in ["A\n.\nB", "C\n.\r\nD", "\r.\r", "\n\n", "x\r\r\n\n\r"] {
            let raw = compose(&Outgoing { text: text.to_owned(), html: Some(text.to_owned()), ..mail() }).unwrap();
            assert!(!has_bare_line_end(&raw), "{text:?}");
        }
        assert_eq!(with_crlf(b"a\nb\rc\r\nd\r\r\n"), b"a\r\nb\r\nc\r\nd\r\n\r\n");
        assert_eq!(with_crlf(b"a"), b"a\r\n");
    }

    #[test]
    fn a_mail_to_nobody_is_refused() {
        assert_eq!(compose(&Outgoing { to: Vec::new(), ..mail() }), Err(ComposeError::NoRecipient));
    }

    #[test]
    fn eml_61_outlook_finds_the_thread_by_topic_and_index() {
        let of = |message: &Outgoing| {
            let read = read(&compose(message).unwrap());
            let index = BASE64.decode(read.field("thread-index").unwrap().as_bytes()).unwrap();
            (read.field("thread-topic").unwrap().to_owned(), index)
        };
        let (topic, first) = of(&mail());
        assert_eq!((topic.as_str(), first.len()), ("Gr\u{fc}\u{df}e", 27));
        let (_, second) = of(&Outgoing { message_id: MsgId::parse("other@example.com").unwrap(), ..mail() });
        assert_eq!(first[..22], second[..22]);
        assert_ne!(first, second);
        let root = Outgoing { references: vec![], message_id: mail().references.remove(0), ..mail() };
        assert_eq!(of(&root).1[..], first[..22]);
        assert_eq!(base_subject("AW: Re: Fwd: Note: x"), "Note: x");
    }

    proptest! {
        #[test]
        fn anything_can_be_written_and_read_back(name in any::<String>(), subject in any::<String>(), text in any::<String>()) {
            let to = vec![NamedAddress { name, address: Address::parse("a@b.example").unwrap() }];
            let raw = compose(&Outgoing { to: to.clone(), subject: subject.clone(), text, ..mail() }).unwrap();
            prop_assert!(!has_bare_line_end(&raw));
            let lines = raw.split(|b| *b == b'\n').map(<[u8]>::len).max().unwrap_or(0);
            prop_assert!(lines <= 999, "a line of {} octets", lines);
            let message = read(&raw);
            prop_assert_eq!(&message.to[0].address, &to[0].address);
        }
    }
}
