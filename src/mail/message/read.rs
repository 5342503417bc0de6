//! From raw bytes to a [`Message`].
//!
//! **Invariant:** headers are read from raw bytes, field by field; MIME only after [`prescan`], by the parser, under a
//! guard. Whatever fails leaves its place empty and a fault.

use crate::domain::address::Address;
use crate::domain::id::Millis;
use crate::mail::clean;
use crate::mail::fault::Fault;
use crate::mail::limits::ADDRESSES_MAX;
use crate::mail::limits::FIELD_BYTES_MAX;
use crate::mail::limits::FIELDS_MAX;
use crate::mail::limits::HEADER_BYTES_MAX;
use crate::mail::limits::VALUE_CHARS_MAX;
use crate::mail::message::Field;
use crate::mail::message::Message;
use crate::mail::message::NamedAddress;
use crate::mail::message::addresses;
use crate::mail::message::attachment::with_parsed;
use crate::mail::message::content_hash::line_end_blind_sha256;
use crate::mail::message::fields;
use crate::mail::message::fields::HeaderItem;
use crate::mail::message::fields::HeaderWalk;
use crate::mail::message::fields::RawField;
use crate::mail::message::msg_id::MsgId;
use crate::mail::message::msg_id_list;
use crate::mail::message::parts;
use crate::mail::prescan::duplicated_fields;
use crate::mail::prescan::prescan;
use data_encoding::BASE32_NOPAD;
use mail_parser::HeaderValue;

/// Earliest Date that is taken for one: 1980, before which no mail of today was written.
const DATE_S_MIN: i64 = 315_532_800;
/// Latest: 2100.
const DATE_S_MAX: i64 = 4_102_444_800;
/// Fields of envelope evidence that are looked at, of each name.
const ENVELOPE_FIELDS_MAX: usize = 20;
/// Octets of the hash in a derived Message-ID.
const DERIVED_ID_BYTES: usize = 20;

/// Reads a mail. Never fails, never panics; of a mail that breaks a limit (EML-8) the header section is read as far as
/// the limits go, and nothing else.
#[must_use]
pub fn read(raw: &[u8]) -> Message {
    let whole = raw;
    let raw = fields::without_preamble(raw);
    let mut message = Message::default();
    header(&mut message, raw);
    if message.message_id.as_str().is_empty() {
        message.message_id = derived_id(whole);
        message.note(Fault::NoMessageId);
    }
    match prescan(whole) {
        Ok(()) => {
            let mut filled = message.clone();
            match with_parsed(raw, |parsed| parts::fill(&mut filled, raw, parsed)) {
                Some(()) => message = filled,
                None => message.note(Fault::Unparseable),
            }
        }
        Err(fault) => message.note(fault),
    }
    message
}

/// EML-16: equal for equal mail, with any kind of line end and with or without an mbox separator.
fn derived_id(raw: &[u8]) -> MsgId {
    let hash = line_end_blind_sha256(fields::without_preamble(raw));
    let hash = BASE32_NOPAD.encode(hash.get(..DERIVED_ID_BYTES).unwrap_or(&hash)).to_lowercase();
    MsgId::parse(&format!("{hash}@message-id.invalid")).unwrap_or_default()
}

fn header(message: &mut Message, raw: &[u8]) {
    let mut walk = HeaderWalk::new(raw);
    let mut read = 0;
    while let Some(item) = walk.next() {
        read += 1;
        if read > FIELDS_MAX || raw.len() - walk.rest().len() > HEADER_BYTES_MAX {
            break;
        }
        match item {
            HeaderItem::Field(raw_field) if raw_field.value.len() <= FIELD_BYTES_MAX => field(message, &raw_field),
            HeaderItem::Field(_) => {}
            HeaderItem::Stray(_) => message.note(Fault::BadHeaderLine),
        }
    }
    message.envelope_to = envelope_to(message);
    check(message, raw);
}

/// Notes what is wrong with the header section as a whole.
fn check(message: &mut Message, raw: &[u8]) {
    let repeated = duplicated_fields(raw);
    if repeated.iter().any(|name| *name != "message-id" && *name != "from") {
        message.note(Fault::DuplicateField);
    }
    if repeated.contains(&"message-id") {
        message.note(Fault::AmbiguousMessageId);
    }
    let lacks_sender = message.from.len() > 1 && message.sender.is_none();
    if repeated.contains(&"from") || lacks_sender {
        message.note(Fault::AmbiguousFrom);
    }
    if message.from.is_empty() {
        message.note(Fault::NoFrom);
    }
    if message.from.iter().any(addresses::name_is_other_address) {
        message.note(Fault::NameIsAddress);
    }
    if message.date.is_none() {
        message.note(Fault::BadDate);
    }
}

fn field(message: &mut Message, raw: &RawField<'_>) {
    let name = String::from_utf8_lossy(raw.name).to_ascii_lowercase();
    let decoded = fields::unstructured(raw.value);
    match name.as_str() {
        "from" => {
            let list = people(message, raw);
            extend(&mut message.from, list);
        }
        "sender" => message.sender = people(message, raw).into_iter().next().or(message.sender.take()),
        "reply-to" if message.reply_to.is_empty() => message.reply_to = people(message, raw),
        "to" => {
            let list = people(message, raw);
            extend(&mut message.to, list);
        }
        "cc" => {
            let list = people(message, raw);
            extend(&mut message.cc, list);
        }
        "resent-from" => message.resent_from = people(message, raw),
        "resent-to" | "resent-cc" => {
            let list = people(message, raw);
            extend(&mut message.resent_to, list);
        }
        "x-original-from" | "original-from" if message.original_from.is_empty() => {
            message.original_from = people(message, raw);
        }
        "return-path" if message.return_path.is_none() => message.return_path = Some(reverse_path(&decoded)),
        "subject" if message.subject.is_empty() => subject(message, &decoded),
        "date" if message.date.is_none() => message.date = date(raw.value),
        "message-id" => message_id(message, &decoded),
        "in-reply-to" => ids(message, &decoded, |message| &mut message.in_reply_to),
        "references" => ids(message, &decoded, |message| &mut message.references),
        _ => {}
    }
    message.fields.push(Field { name: clean::line(&name, 200), value: clean::line(&decoded, VALUE_CHARS_MAX) });
}

fn people(message: &mut Message, raw: &RawField<'_>) -> Vec<NamedAddress> {
    let list = addresses::read(raw.value);
    if list.is_group && raw.is("from") {
        message.note(Fault::GroupFrom);
    }
    if list.was_cut {
        message.note(Fault::ListCut);
    }
    if list.was_suspect {
        message.note(Fault::ControlsInHeader);
    }
    list.people
}

fn extend(list: &mut Vec<NamedAddress>, more: Vec<NamedAddress>) {
    for person in more {
        if list.len() < ADDRESSES_MAX && !list.iter().any(|known| known.address == person.address) {
            list.push(person);
        }
    }
}

/// EML-10: Delivered-To before X-Original-To before Envelope-To; among equals from the top, where the last delivery is.
fn envelope_to(message: &Message) -> Vec<Address> {
    let mut found: Vec<Address> = Vec::new();
    for name in ["delivered-to", "x-original-to", "envelope-to"] {
        for value in message.fields_named(name).take(ENVELOPE_FIELDS_MAX) {
            if let Some(address) = Address::parse(value.trim_matches(['<', '>', ' ']))
                && !found.contains(&address)
            {
                found.push(address);
            }
        }
    }
    found
}

fn reverse_path(decoded: &str) -> String {
    let inner = decoded.trim().trim_start_matches('<').split('>').next().unwrap_or("").trim();
    clean::line(inner, 320)
}

fn subject(message: &mut Message, decoded: &str) {
    if clean::is_suspect(decoded) {
        message.note(Fault::ControlsInHeader);
    }
    message.subject = clean::subject(decoded);
}

fn date(value: &[u8]) -> Option<Millis> {
    let parsed = fields::parsed(value, |stream| match stream.parse_date() {
        HeaderValue::DateTime(date) => Some(date),
        _ => None,
    })?;
    let days = match parsed.month {
        2 if is_leap(parsed.year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let seconds = parsed.to_timestamp();
    let is_time = parsed.is_valid() && parsed.day <= days && (DATE_S_MIN..DATE_S_MAX).contains(&seconds);
    let seconds = is_time.then_some(seconds)?;
    Some(Millis(u64::try_from(seconds).ok()?.saturating_mul(1_000)))
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// The first usable Message-ID names the mail; all others are kept for matching (FAULTS 25).
fn message_id(message: &mut Message, decoded: &str) {
    let (found, _) = msg_id_list::read(decoded);
    for id in found {
        if message.message_id.as_str().is_empty() {
            message.message_id = id;
        } else if message.message_id != id && !message.other_ids.contains(&id) && message.other_ids.len() < 20 {
            message.other_ids.push(id);
        }
    }
}

fn ids(message: &mut Message, decoded: &str, list: impl FnOnce(&mut Message) -> &mut Vec<MsgId>) {
    let (found, was_cut) = msg_id_list::read(decoded);
    let known = list(message);
    if known.is_empty() {
        *known = found;
    }
    if was_cut {
        message.note(Fault::ListCut);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::compose::with_crlf;
    use crate::mail::message::attachment_bytes;
    use crate::mail::message::content_hash;
    use proptest::prelude::*;
    use std::fs;
    use std::path::Path;
    use std::path::PathBuf;

    fn fixtures(folder: &str) -> Vec<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mail").join(folder);
        let mut paths: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
        paths.sort();
        paths
    }

    fn addresses(people: &[NamedAddress]) -> Vec<String> {
        people.iter().map(|person| person.address.to_string()).collect()
    }

    #[test]
    fn a_plain_mail_is_read() {
        let message = read(
            b"From: Ana <ana@example.com>\r\nTo: support@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
              Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nReferences: <a@b> <c@d>\r\n\r\nHello\r\n",
        );
        assert_eq!(addresses(&message.from), ["ana@example.com"]);
        assert_eq!(message.from[0].name, "Ana");
        assert_eq!(message.subject, "Gr\u{fc}\u{df}e");
        assert_eq!(message.date, Some(Millis(1_767_225_600_000)));
        assert_eq!(message.message_id.as_str(), "1@example.com");
        assert_eq!(message.references.len(), 2);
        assert_eq!(message.text, "Hello\n");
        assert_eq!(message.faults, []);
    }

    #[test]
    fn trap_mail_parser_takes_the_last_of_two_from_fields() {
        let message = read(b"From: a@x.example\nFrom: b@y.example\nMessage-ID: <1@x>\nMessage-ID: <2@x>\n\nhi");
        assert_eq!(addresses(&message.from), ["a@x.example", "b@y.example"]);
        assert!(message.author().is_none());
        assert!(message.faults.contains(&Fault::AmbiguousFrom) && message.faults.contains(&Fault::AmbiguousMessageId));
        assert_eq!(message.message_id.as_str(), "1@x");
        assert_eq!(message.other_ids, [MsgId::parse("2@x").unwrap()]);
    }

    #[test]
    fn faults_of_headers_are_told() {
        for (raw, fault) in [
            ("To: x@y.z\n\nhi", Fault::NoFrom),
            ("From: <>\n\nhi", Fault::NoFrom),
            ("From: Team: a@b.c, d@e.f;\n\nhi", Fault::GroupFrom),
            ("From: a@b.c, d@e.f\n\nhi", Fault::AmbiguousFrom),
            ("From: \"boss@corp.example\" <evil@x.example>\n\nhi", Fault::NameIsAddress),
            ("From: =?utf-8?q?a=00b?= <a@b.c>\n\nhi", Fault::ControlsInHeader),
            ("From: a@b.c\nSubject: a\nSubject: b\n\nhi", Fault::DuplicateField),
            ("From: a@b.c\n\nhi", Fault::NoMessageId),
            ("From: a@b.c\nMessage-ID: <>\n\nhi", Fault::NoMessageId),
            ("From: a@b.c\nnonsense\nSubject: x\n\nhi", Fault::BadHeaderLine),
            ("From: a@b.c\n\n", Fault::NoText),
            ("Content-Type: text/plain; charset=klingon\n\nhi", Fault::UnknownCharset),
            ("Content-Type: multipart/mixed\n\n--x\n\nhi", Fault::BrokenMultipart),
            ("Content-Type: image/png\nContent-Transfer-Encoding: base64\n\n!!!!", Fault::BrokenEncoding),
        ] {
            assert!(
                read(raw.as_bytes()).faults.contains(&fault),
                "{fault} in {raw:?}: {:?}",
                read(raw.as_bytes()).faults
            );
        }
    }

    #[test]
    fn trap_mail_parser_gives_dates_that_are_none() {
        for bad in [
            "9999-02-31T25:61:61",
            "Thu, 31 Feb 2026 00:00:00 +0000",
            "1 Jan 1970 00:00:00",
            "1 Jan 3000 00:00 +0000",
            "soon",
            "",
        ] {
            let message = read(format!("Date: {bad}\n\nhi").as_bytes());
            assert_eq!(message.date, None, "{bad}");
            assert!(message.faults.contains(&Fault::BadDate), "{bad}");
        }
        assert_eq!(read(b"Date: Sat, 29 Feb 2020 12:00:00 -0500\n\nhi").date, Some(Millis(1_582_995_600_000)));
    }

    #[test]
    fn eml_10_envelope_evidence_comes_in_order_of_strength() {
        let message = read(
            b"Envelope-To: e@x.example\nX-Original-To: o@x.example\nDelivered-To: d@x.example\nDelivered-To: d2@x.example\n\nhi",
        );
        let seen: Vec<_> = message.envelope_to.iter().map(ToString::to_string).collect();
        assert_eq!(seen, ["d@x.example", "d2@x.example", "o@x.example", "e@x.example"]);
    }

    #[test]
    fn eml_15_trace_fields_and_line_ends_do_not_change_the_hash() {
        let body = "From: a@b.c\nSubject: s\n\nhi\n";
        let hash = |raw: &str| content_hash(&read(raw.as_bytes()));
        assert_eq!(hash(body), hash(&format!("Received: by x\n{body}")));
        assert_eq!(hash(body), hash(&body.replace('\n', "\r\n")));
        assert_ne!(hash(body), hash(&body.replace("hi", "ho")));
        assert_ne!(hash(body), hash(&body.replace("a@b.c", "d@b.c")));
    }

    #[test]
    fn eml_15_reports_that_differ_for_machines_alone_are_two_mails() {
        let report = |about: &str| {
            format!(
                "From: mailer-daemon@b.c\nSubject: s\nMessage-ID: <1@b.c>\n\
                 Content-Type: multipart/report; report-type=delivery-status; boundary=x\n\n--x\n\nNot delivered.\n\
                 --x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; b.c\n\n\
                 Final-Recipient: rfc822; {about}\nAction: failed\nStatus: 5.1.1\n\n--x--\n"
            )
        };
        let hash = |raw: &str| content_hash(&read(raw.as_bytes()));
        let one = report("ana@example.com");
        assert_ne!(hash(&one), hash(&report("ben@example.com")));
        assert_eq!(hash(&one), hash(&format!("Received: by x\n{}", one.replace('\n', "\r\n"))));
    }

    #[test]
    fn eml_16_a_missing_message_id_is_the_same_on_every_import() {
        let raw = "From: a@b.c\nSubject: s\n\nhi\n";
        let id = |raw: &str| read(raw.as_bytes()).message_id;
        assert_eq!(id(raw), id(&raw.replace('\n', "\r\n")));
        assert_eq!(id(raw), id(&format!("From a@b.c Thu Jan  1 00:00:00 2026\n{raw}")));
        assert_ne!(id(raw), id(&raw.replace("hi", "ho")));
        assert!(id(raw).as_str().ends_with("@message-id.invalid"));
    }

    #[test]
    fn null_return_paths_are_told_from_missing_ones() {
        assert_eq!(read(b"Return-Path: <>\n\nhi").return_path.as_deref(), Some(""));
        assert_eq!(read(b"Return-Path: <a@b.c>\n\nhi").return_path.as_deref(), Some("a@b.c"));
        assert_eq!(read(b"To: x\n\nhi").return_path, None);
    }

    #[test]
    fn html_alone_is_readable_and_searchable() {
        let message = read(b"Content-Type: text/html; charset=utf-8\n\n<p>Hello <b>Ana</b></p>");
        assert_eq!((message.text.as_str(), message.text_is_from_html), ("Hello Ana", true));
        assert!(message.html.unwrap().contains("<b>"));
    }

    #[test]
    fn eml_8_a_mail_beyond_the_limits_keeps_its_header() {
        let deep = "Content-Type: message/rfc822\n\n".repeat(50_000);
        let message = read(format!("From: a@b.c\nSubject: deep\n{deep}").as_bytes());
        assert_eq!((message.subject.as_str(), addresses(&message.from)), ("deep", vec!["a@b.c".to_owned()]));
        assert!(message.faults.contains(&Fault::TooDeep) && message.is_to_be_quarantined());
    }

    #[test]
    fn nested_messages_at_the_limit_do_no_harm() {
        let lines = "Content-Type: message/rfc822\n\n".repeat(31) + "Subject: in\n\ntext";
        assert!(!read(lines.as_bytes()).is_to_be_quarantined());
        let untyped = "A: b\n\n".to_owned() + &"Content-Type: message/rfc822\n\n".repeat(1_999);
        let _message = read(untyped.as_bytes());
    }

    #[test]
    fn helpdesk_mails_read_as_a_person_would() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mail/helpdesk");
        let table = fs::read_to_string(root.join("shows.tsv")).unwrap();
        for row in table.lines().skip(1) {
            let column: Vec<&str> = row.split('\t').collect();
            let raw = fs::read(root.join("eml").join(column[0])).unwrap();
            let message = read(&raw);
            assert_eq!(message.subject, if column[6] == "-" { "" } else { column[6] }, "{row}");
            assert!(column[3].contains(message.message_id.as_str()), "{row}");
            assert!(column[5].to_lowercase().contains(&message.from[0].address.to_string()), "{row}");
            assert_eq!(message.attachments.len().to_string(), column[7], "{row}");
            assert!(!message.is_to_be_quarantined(), "{row}");
        }
    }

    #[test]
    fn broken_and_nested_mails_are_stored_with_what_can_be_read() {
        for path in fixtures("parse/rfc").into_iter().chain(fixtures("parse/malformed")) {
            let raw = fs::read(&path).unwrap();
            let message = read(&raw);
            for attachment in &message.attachments {
                let bytes = attachment_bytes(&raw, attachment.part_index).unwrap();
                assert_eq!(u64::try_from(bytes.len()).unwrap(), attachment.size_bytes, "{}", path.display());
            }
        }
    }

    #[test]
    fn line_ends_do_not_change_what_is_read() {
        for path in fixtures("parse/rfc") {
            let raw = String::from_utf8_lossy(&fs::read(&path).unwrap()).replace("\r\n", "\n");
            let (lf, crlf) = (read(raw.as_bytes()), read(&with_crlf(raw.as_bytes())));
            assert_eq!(content_hash(&lf), content_hash(&crlf), "{}", path.display());
            assert_eq!((lf.text, lf.html, lf.faults), (crlf.text, crlf.html, crlf.faults), "{}", path.display());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(raw in proptest::collection::vec(any::<u8>(), 0..400)) {
            let message = read(&raw);
            prop_assert!(!message.message_id.as_str().is_empty());
            let _bytes = attachment_bytes(&raw, 0);
        }

        #[test]
        fn any_heap_of_mail_pieces_is_survived(raw in "((From|To|Subject|Date|Message-ID|References|Content-Type|Content-Transfer-Encoding): |a@b.c|<>|multipart/mixed; boundary=x|message/rfc822|text/html|base64|quoted-printable|=\\?utf-8\\?q\\?=0D\\?=|--x|--x--|\r\n|\n|\n\n|;| |\t|\0){0,60}") {
            let message = read(raw.as_bytes());
            for attachment in &message.attachments {
                prop_assert!(attachment_bytes(raw.as_bytes(), attachment.part_index).is_some());
            }
            for person in message.from.iter().chain(&message.to) {
                prop_assert!(!person.name.chars().any(char::is_control));
            }
        }
    }
}
