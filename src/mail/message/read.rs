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
            if let Some(address) = Address::parse(value.trim_matches(['<', '>', ' '])) {
                if !found.contains(&address) {
                    found.push(address);
                }
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
