//! Bodies, attachments and machine-readable parts out of the tree of MIME parts (RFC 2046).

use crate::mail::clean;
use crate::mail::fault::Fault;
use crate::mail::html_text::html_to_text;
use crate::mail::html_text::text_to_html;
use crate::mail::limits::ATTACHMENTS_MAX;
use crate::mail::limits::BODY_BYTES_MAX;
use crate::mail::limits::NOTICE_BYTES_MAX;
use crate::mail::limits::NOTICES_MAX;
use crate::mail::message::Message;
use crate::mail::message::Notice;
use crate::mail::message::attachment;
use crate::mail::message::fields;
use mail_parser::Message as Parsed;
use mail_parser::MessagePart;
use mail_parser::MimeHeaders;
use mail_parser::PartType;
use mail_parser::decoders::charsets::map::charset_decoder;
use std::collections::HashSet;

/// Fills in everything below the header section.
pub(in crate::mail) fn fill(message: &mut Message, raw: &[u8], parsed: &Parsed<'_>) {
    message.content_type = whole_type(parsed);
    bodies(message, parsed);
    attachments(message, raw, parsed);
    notices(message, raw, parsed);
    for part in &parsed.parts {
        note_faults(message, part);
    }
    if message.text.trim().is_empty() {
        message.note(Fault::NoText);
    }
}

fn whole_type(parsed: &Parsed<'_>) -> String {
    let Some(root) = parsed.parts.first() else { return String::new() };
    let kind = attachment::type_of(root);
    match root.content_type().and_then(|ct| ct.attribute("report-type")) {
        Some(report) if kind == "multipart/report" => format!("{kind}; {}", clean::line(report, 100).to_lowercase()),
        _ => kind,
    }
}

fn bodies(message: &mut Message, parsed: &Parsed<'_>) {
    let parts = |ids: &[u32]| -> Vec<&MessagePart<'_>> {
        ids.iter().filter_map(|id| parsed.parts.get(usize::try_from(*id).ok()?)).collect()
    };
    let text_parts = parts(&parsed.text_body);
    let html_parts = parts(&parsed.html_body);
    let has_html = html_parts.iter().any(|part| matches!(part.body, PartType::Html(_)));
    let (html, html_cut) = joined(&html_parts, |part| match &part.body {
        PartType::Html(html) => Some(cut(html)),
        PartType::Text(text) if has_html => Some(text_to_html(&cut(text))),
        _ => None,
    });
    let mut from_html = false;
    let (text, text_cut) = joined(&text_parts, |part| match &part.body {
        PartType::Text(text) => Some(cut(text)),
        PartType::Html(html) => {
            from_html = true;
            Some(cut(&html_to_text(&cut(html))))
        }
        _ => None,
    });
    if html_cut || text_cut {
        message.note(Fault::BodyCut);
    }
    message.html = has_html.then_some(html);
    message.text = text.trim_start_matches('\n').to_owned();
    message.text_is_from_html = from_html;
    if message.text.trim().is_empty() && message.html.is_none() {
        message.text = unreadable_multipart(parsed);
    }
    if let (true, Some(html)) = (message.text.trim().is_empty(), &message.html) {
        message.text = html_to_text(html);
        message.text_is_from_html = true;
    }
}

/// Of a multipart whose parts cannot be told apart everything is text: better read with its boundaries than not at all.
fn unreadable_multipart(parsed: &Parsed<'_>) -> String {
    let is_multipart = |part: &&MessagePart<'_>| attachment::type_of(part).starts_with("multipart/");
    let broken = parsed.parts.iter().filter(is_multipart).find_map(|part| match &part.body {
        PartType::Text(text) => Some(cut(text)),
        PartType::Binary(bytes) => Some(cut(&fields::to_utf8(bytes))),
        _ => None,
    });
    broken.map(|text| clean::body(&text, BODY_BYTES_MAX).0).unwrap_or_default()
}

/// At most one octet more than is kept of a body, so that what comes after costs no more and still sees that it was cut.
fn cut(text: &str) -> String {
    clean::body(text, BODY_BYTES_MAX + 1).0
}

/// Clean texts of several parts, one after the other, within the limit.
fn joined(parts: &[&MessagePart<'_>], mut text_of: impl FnMut(&MessagePart<'_>) -> Option<String>) -> (String, bool) {
    let mut all = String::new();
    let mut was_cut = false;
    for part in parts {
        let Some(text) = text_of(part) else { continue };
        let room = BODY_BYTES_MAX.saturating_sub(all.len());
        was_cut |= text.len() > room;
        if !all.is_empty() && !all.ends_with('\n') {
            all.push('\n');
        }
        all.push_str(text.get(..text.floor_char_boundary(room)).unwrap_or_default());
    }
    (all, was_cut)
}

fn attachments(message: &mut Message, raw: &[u8], parsed: &Parsed<'_>) {
    let is_report = message.is_report();
    let html = message.html.take();
    let cids = html.as_deref().map(cids_in).unwrap_or_default();
    for id in &parsed.attachments {
        let Some((index, part)) = usize::try_from(*id).ok().and_then(|at| Some((at, parsed.parts.get(at)?))) else {
            continue;
        };
        if is_report && is_for_machines(part) {
            continue;
        }
        if message.attachments.len() >= ATTACHMENTS_MAX {
            message.note(Fault::AttachmentsCut);
            break;
        }
        message.attachments.push(attachment::describe(raw, index, part, &cids));
    }
    drop(cids);
    message.html = html;
}

/// Content-IDs that HTML shows (`cid:` URLs, RFC 2392).
fn cids_in(html: &str) -> HashSet<&str> {
    html.split("cid:")
        .skip(1)
        .take(ATTACHMENTS_MAX)
        .filter_map(|rest| rest.split(['"', '\'', ' ', '>', ')', '&']).next())
        .collect()
}

/// The parts of a report that tell a machine what its text tells people (RFC 6522): no attachments, but notices.
fn is_for_machines(part: &MessagePart<'_>) -> bool {
    let kind = attachment::type_of(part);
    kind.starts_with("message/") || kind == "text/rfc822-headers"
}

fn notices(message: &mut Message, raw: &[u8], parsed: &Parsed<'_>) {
    for part in &parsed.parts {
        let kind = attachment::type_of(part);
        if !is_for_machines(part) || message.notices.len() >= NOTICES_MAX {
            continue;
        }
        let bytes = attachment::part_bytes(raw, part);
        let head = bytes.get(..NOTICE_BYTES_MAX.min(bytes.len())).unwrap_or_default();
        let (text, _) = clean::body(&fields::to_utf8(head), NOTICE_BYTES_MAX);
        message.notices.push(Notice { content_type: kind, text });
    }
}

fn note_faults(message: &mut Message, part: &MessagePart<'_>) {
    let content_type = part.content_type();
    let is_multipart = matches!(part.body, PartType::Multipart(_));
    if content_type.is_some_and(|ct| ct.ctype().eq_ignore_ascii_case("multipart")) && !is_multipart {
        message.note(Fault::BrokenMultipart);
    } else if part.is_encoding_problem {
        message.note(Fault::BrokenEncoding);
    }
    let is_text = matches!(part.body, PartType::Text(_) | PartType::Html(_));
    let charset = content_type.and_then(|ct| ct.attribute("charset"));
    let is_unknown = |charset: &str| {
        let plain = matches!(charset.to_ascii_lowercase().as_str(), "utf-8" | "utf8" | "us-ascii" | "ascii");
        !plain && charset_decoder(charset.as_bytes()).is_none()
    };
    if is_text && charset.is_some_and(is_unknown) {
        message.note(Fault::UnknownCharset);
    }
}
