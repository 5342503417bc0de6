//! What each parser promises of any octets.

use deskgate::mail::classify;
use deskgate::mail::classify::Surroundings;
use deskgate::mail::dsn;
use deskgate::mail::message;
use deskgate::mail::message::Message;
use deskgate::mail::message_id::Keys;
use deskgate::mail::reply;
use deskgate::mail::sanitize;
use deskgate::mail::sanitize::CleanHtml;
use deskgate::mail::sanitize::Images;
use deskgate::mail::thread;

/// A mail is read and classed, has an id, and shows nothing that turns a line or a direction (FAULTS 0.1).
pub(super) fn message(raw: &[u8]) {
    let message = message::read(raw);
    let keys = Keys::new(1, &[7; 32]);
    let known =
        Surroundings { reverse_path: None, keys: &keys, spam_mark: None, sender_blocked: false, sender_allowed: false };
    assert!(!classify::classify(&message, &known).reason.is_empty());
    assert!(thread::candidates(&message, &[], &keys).all_ids().all(|id| !id.as_str().is_empty()));
    assert!(!message.message_id.as_str().is_empty());
    let people = message.from.iter().chain(&message.to).map(|person| &person.name);
    let files = message.attachments.iter().map(|file| &file.file_name);
    for shown in people.chain(files).chain([&message.subject]) {
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        assert!(!shown.contains(['\u{202e}', '\u{2066}', '\u{2028}']), "{shown:?}");
    }
    for file in &message.attachments {
        assert!(message::attachment_bytes(raw, file.part_index).is_some(), "{}", file.file_name);
    }
    shown(&message);
}

/// The body is taken apart and cleaned as when it comes in.
fn shown(message: &Message) {
    reply(message.text.as_bytes());
    if let Some(html) = &message.html {
        sanitiser(reply::split_html(html).reply.as_bytes());
    }
}

/// Every line with something on it stands in the reply or in what was cut.
pub(super) fn reply(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let split = reply::split_text(&text);
    let count = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).count();
    assert_eq!(count(&split.reply) + count(&split.quoted), count(&text));
    assert_eq!(split.reply.is_empty(), text.trim().is_empty());
    drop(reply::split_html(&text));
}

/// What is shown has no script, no handler and no frame, and cleaning it again changes nothing about that.
pub(super) fn sanitiser(octets: &[u8]) {
    let html = String::from_utf8_lossy(octets);
    let Ok(CleanHtml { html, .. }) = sanitize::sanitize(&html, &Images::default()) else { return };
    let lower = html.to_lowercase();
    for tag in
        ["<script", "<iframe", "<object", "<embed", "<form", "<meta", "<link", "<base", "<svg", "<math", "<style"]
    {
        assert!(!lower.contains(tag), "{tag} in {html}");
    }
    for tag in lower.split('<').skip(1).map(|piece| piece.split('>').next().unwrap_or_default()) {
        for (name, value) in attributes(tag) {
            assert!(!name.starts_with("on") && name != "style", "{tag}");
            assert!(!value.trim_start().starts_with("javascript:") || name != "href" && name != "src", "{tag}");
        }
    }
}

/// Name and value of each attribute, as the sanitiser writes them: `name="value"`, quotes in a value escaped.
fn attributes(tag: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = tag;
    std::iter::from_fn(move || {
        let (before, behind) = rest.split_once("=\"")?;
        let (value, after) = behind.split_once('"')?;
        rest = after;
        Some((before.split_whitespace().last().unwrap_or_default(), value))
    })
}

/// A report's recipients are addresses.
pub(super) fn report(raw: &[u8]) {
    let message = message::read(raw);
    for reverse_path in [None, Some("")] {
        let Some(report) = dsn::read_report(&message, reverse_path) else { continue };
        for address in report.recipients.iter().filter_map(|recipient| recipient.address.as_ref()) {
            assert!(!address.to_string().contains(char::is_control), "{address:?}");
        }
    }
}
