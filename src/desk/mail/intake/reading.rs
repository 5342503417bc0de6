//! What was read of a message before the transaction: everything that costs time and needs no store.

use crate::desk::Inner;
use crate::desk::mail::intake::Facts;
use crate::desk::mail::intake::addresses::OurAddresses;
use crate::domain::address::Address;
use crate::domain::agent::Agent;
use crate::domain::attachment::Attachment;
use crate::domain::attachment::AttachmentSource;
use crate::domain::attachment::BlobHash;
use crate::domain::authentication::Authentication;
use crate::domain::delivery_class::DeliveryClass;
use crate::domain::id::AttachmentId;
use crate::domain::part::TOO_LARGE;
use crate::domain::sender_list::SenderList;
use crate::mail::auth_results;
use crate::mail::classify;
use crate::mail::classify::Surroundings;
use crate::mail::dsn::Report;
use crate::mail::fault::Fault;
use crate::mail::html_text;
use crate::mail::message;
use crate::mail::message::Message;
use crate::mail::reply;
use crate::mail::sanitize;
use crate::mail::sanitize::Images;
use crate::mail::sanitize::pictures::FILE_MARK;
use crate::mail::thread;
use crate::mail::thread::Candidates;
use std::collections::BTreeMap;

/// A message, read, classed and cleaned.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) message: Message,
    pub(crate) class: DeliveryClass,
    pub(crate) class_reason: String,
    pub(crate) report: Option<Report>,
    pub(crate) candidates: Candidates,
    pub(crate) content_hash: [u8; 32],
    pub(crate) support: Address,
    /// All of ours it was written to or came by.
    pub(crate) ours: OurAddresses,
    pub(crate) body_html: String,
    pub(crate) body_text: String,
    pub(crate) quoted: String,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) faults: Vec<String>,
    pub(crate) may_answer: bool,
    /// What is known of the sender.
    pub(crate) authentication: Option<Authentication>,
    /// The agent who forwarded it by hand, and what they wrote above it (EML-42).
    pub(crate) forwarded_by: Option<(Agent, String)>,
}

impl Reading {
    /// Reads a message; `hash` names its octets.
    ///
    /// # Errors
    /// The fault for which it goes to quarantine (EML-8).
    pub(in crate::desk) fn of(raw: &[u8], hash: BlobHash, facts: &Facts, inner: &Inner) -> Result<Self, Fault> {
        let message = message::read(raw);
        if let Some(fault) = message.faults.iter().find(|fault| fault.quarantines()) {
            return Err(*fault);
        }
        let ours = OurAddresses::of(&message, facts, inner);
        let support = ours.first().or(facts.default_address.as_ref());
        let support = support.unwrap_or(&inner.settings.main_address.address).clone();
        let from = |list: &SenderList| message.from.iter().any(|from| list.names(&from.address));
        let known = Surroundings {
            reverse_path: facts.reverse_path.as_deref(),
            keys: &inner.keys,
            spam_mark: inner.settings.intake.spam_mark.as_ref(),
            sender_blocked: from(&inner.settings.intake.blocked_senders),
            sender_allowed: from(&inner.settings.answering(Some(&support)).allowed_lists),
        };
        let classed = classify::classify(&message, &known);
        let may_answer =
            classify::may_answer_automatically(&message, classed.class, facts.reverse_path.as_deref(), |address| {
                inner.is_ours(address)
            });
        let mut faults: Vec<String> = message.faults.iter().map(ToString::to_string).collect();
        faults.extend(facts.left_out_bytes.map(|bytes| format!("{TOO_LARGE}{bytes}")));
        let attachments = attachments(&message, hash, inner);
        let (body_html, body_text, quoted) = bodies(&message, &attachments, &mut faults);
        Ok(Self {
            class: classed.class,
            class_reason: classed.reason,
            report: classed.report,
            candidates: thread::candidates(&message, &facts.recipients, &inner.keys),
            content_hash: message::content_hash(&message),
            support,
            ours,
            may_answer: may_answer.is_ok(),
            authentication: facts.checked.clone().or_else(|| told(&message, inner)),
            forwarded_by: None,
            body_html,
            body_text,
            quoted,
            attachments,
            faults,
            message,
        })
    }
}

impl Reading {
    /// The same mail as one to another of our addresses, with files of its own.
    pub(super) fn at(&self, support: Address, inner: &Inner) -> Self {
        let mut other = self.clone();
        other.support = support;
        let mut renamed = BTreeMap::new();
        for file in &mut other.attachments {
            let id = AttachmentId(inner.clock.next_id());
            renamed.insert(file.id.to_string(), id);
            file.id = id;
        }
        other.body_html = renamed_in(&self.body_html, &renamed);
        other
    }
}

/// How stored HTML names a file of its part.
fn named(file: AttachmentId) -> String {
    format!("{FILE_MARK}{file}")
}

/// Stored HTML with other ids of its files, in one pass.
fn renamed_in(html: &str, ids: &BTreeMap<String, AttachmentId>) -> String {
    let mut pieces = html.split(FILE_MARK);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| !c.is_ascii_digit()).unwrap_or(piece.len());
        let (digits, rest) = piece.split_at_checked(end).unwrap_or((piece, ""));
        out.push_str(FILE_MARK);
        match ids.get(digits) {
            Some(id) => out.push_str(&id.to_string()),
            None => out.push_str(digits),
        }
        out.push_str(rest);
    }
    out
}

/// What the server we trust says of the sender.
fn told(message: &Message, inner: &Inner) -> Option<Authentication> {
    auth_results::read(message, inner.settings.trust.authserv_id.as_deref()?)
}

fn attachments(message: &Message, raw: BlobHash, inner: &Inner) -> Vec<Attachment> {
    let kept = message.attachments.iter().map(|attachment| Attachment {
        id: AttachmentId(inner.clock.next_id()),
        name: attachment.file_name.clone(),
        content_type: attachment.content_type.clone(),
        size: attachment.size_bytes,
        source: AttachmentSource::MailPart { raw, part: u32::try_from(attachment.part_index).unwrap_or(u32::MAX) },
        content_id: attachment.content_id.clone(),
    });
    kept.collect()
}

/// HTML and text of what is new, and the text that was cut off (EML-50, EML-51).
fn bodies(message: &Message, attachments: &[Attachment], faults: &mut Vec<String>) -> (String, String, String) {
    let split = reply::split_text(&message.text);
    let html = message.html.as_deref().map(|html| {
        let images = Images { by_content_id: by_content_id(attachments) };
        sanitize::sanitize(&reply::split_html(html).reply, &images)
    });
    let body_html = match html {
        Some(Ok(clean)) if !clean.html.trim().is_empty() => clean.html,
        Some(Err(over)) => {
            faults.push(over.to_string());
            html_text::text_to_html(&split.reply)
        }
        Some(Ok(_)) | None => html_text::text_to_html(&split.reply),
    };
    (body_html, split.reply, split.quoted)
}

/// Inline images stand in the stored HTML by the id of their attachment; links to them are made when it is shown.
fn by_content_id(attachments: &[Attachment]) -> BTreeMap<String, String> {
    let named = attachments.iter().filter_map(|attachment| {
        let id = attachment.content_id.clone()?;
        Some((id, named(attachment.id)))
    });
    named.collect()
}
