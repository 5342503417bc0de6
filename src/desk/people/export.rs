//! A contact's data as files: profile, threads, mails, attachments (DAT-1).
//!
//! **Invariant:** without `internal` nothing is in it that the contact may not read: parts as [`audience`] says, threads as
//! contacts see them, no notes, no unshared tickets (SHR-5).

use crate::desk::Desk;
use crate::desk::Error;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::people::contacts::known;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attachment::Attachment;
use crate::domain::attachment::AttachmentSource;
use crate::domain::attribute::Value;
use crate::domain::audience;
use crate::domain::contact::Contact;
use crate::domain::data_event::EVENTS_KEPT_MAX;
use crate::domain::id::ContactId;
use crate::domain::mail_choice::MailChoice;
use crate::domain::part::Author;
use crate::domain::part::Part;
use crate::domain::thread::Thread;
use crate::mail::message::attachment_bytes;
use crate::store;
use crate::store::engine::ReadTx;
use serde_json::Value as Json;
use serde_json::json;
use std::io::Write;

/// Threads of one contact in an export.
const THREADS_MAX: usize = 10_000;
/// Parts read at once.
const PAGE: usize = 100;

/// Takes the files of an export, one after the other: path and content. What it returns as an error ends the export.
pub type Sink<'a> = &'a mut dyn FnMut(&str, &[u8]) -> std::io::Result<()>;

/// What an export holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Threads.
    pub threads: u64,
    /// Parts of them.
    pub parts: u64,
    /// Raw mails and attachments.
    pub files: u64,
}

impl Desk {
    /// Writes everything a contact may have of themself; with `internal` also notes and unshared tickets. Scopes
    /// `read_contacts` and `read_conversations`; `None` is the machine's operator. Blocks.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`; `Unavailable` when the sink takes nothing more.
    pub fn export_contact(
        &self,
        caller: Option<&Caller>,
        id: ContactId,
        internal: bool,
        sink: Sink<'_>,
    ) -> Result<Exported> {
        if let Some(caller) = caller {
            require(caller, &[Scope::ReadContacts])?;
            require(caller, &[Scope::ReadConversations])?;
        }
        let (profile, threads) = self.inner.store.view(|tx| {
            let contact = known(tx, id)?;
            Ok((profile(tx, &contact, internal)?, store::threads::of_contact(tx, id, THREADS_MAX)?))
        })?;
        put(sink, "profile.json", &pretty(&profile))?;
        let mut exported = Exported::default();
        for thread in threads.iter().filter(|thread| thread.deleted_at.is_none()) {
            if internal || audience::is_shown_to_contacts(thread) {
                self.export_thread(thread, id, internal, sink, &mut exported)?;
            }
        }
        Ok(exported)
    }

    /// [`Desk::export_contact`] as one tar archive. Blocks.
    ///
    /// # Errors
    /// As [`Desk::export_contact`].
    pub fn export_archive(
        &self,
        caller: Option<&Caller>,
        id: ContactId,
        internal: bool,
        out: &mut dyn Write,
    ) -> Result<Exported> {
        let now_s = self.inner.clock.now().seconds();
        let mut archive = tar::Builder::new(out);
        let exported = self.export_contact(caller, id, internal, &mut |path, bytes| {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(now_s);
            archive.append_data(&mut header, path, bytes)
        })?;
        archive.finish().map_err(|error| not_written(&error))?;
        Ok(exported)
    }

    fn export_thread(
        &self,
        thread: &Thread,
        id: ContactId,
        internal: bool,
        sink: Sink<'_>,
        exported: &mut Exported,
    ) -> Result<()> {
        let visible_from = thread.participant(id).map_or(u64::MAX, |known| known.visible_from_seq);
        let may_have = |part: &Part| {
            let theirs = audience::is_visible_part(part) && part.seq >= visible_from && !part.redacted;
            internal || theirs
        };
        let (mut from_seq, mut parts) = (1, Vec::new());
        loop {
            let page = self.inner.store.view(|tx| store::parts::of_thread(tx, thread.id, from_seq, u64::MAX, PAGE))?;
            let Some(last) = page.last() else { break };
            from_seq = last.seq.saturating_add(1);
            for part in page.iter().filter(|part| may_have(part)) {
                exported.parts += 1;
                parts.push(self.export_part(thread, part, id, sink, exported)?);
            }
        }
        if parts.is_empty() {
            return Ok(());
        }
        exported.threads += 1;
        let ticket = thread.ticket.as_ref().map(|ticket| {
            json!({"number": ticket.number, "category": ticket.category.as_str(), "state": ticket.state_category.as_str()})
        });
        let form = json!({
            "id": thread.id.to_string(),
            "title": thread.title,
            "created_at_ms": thread.created_at.0,
            "state": thread.state.as_str(),
            "ticket": ticket,
            "parts": parts,
        });
        put(sink, &format!("threads/{}/thread.json", thread.id), &pretty(&form))
    }

    fn export_part(
        &self,
        thread: &Thread,
        part: &Part,
        id: ContactId,
        sink: Sink<'_>,
        exported: &mut Exported,
    ) -> Result<Json> {
        let mut files = Vec::new();
        for file in &part.attachments {
            let path = format!("threads/{}/files/{}-{}", thread.id, file.id, file.name);
            if let Some(bytes) = self.file_of(file)? {
                put(sink, &path, &bytes)?;
                exported.files += 1;
                files.push(json!({"name": file.name, "content_type": file.content_type, "path": path}));
            }
        }
        let raw = part.email.as_ref().and_then(|email| email.raw).filter(|_| part.author.contact() == Some(id));
        let mail = match raw {
            Some(raw) => {
                let path = format!("threads/{}/mails/{}.eml", thread.id, part.id);
                put(sink, &path, &self.inner.blobs.get_blocking(raw)?)?;
                exported.files += 1;
                Some(path)
            }
            None => None,
        };
        Ok(json!({
            "id": part.id.to_string(),
            "seq": part.seq,
            "part_type": part.kind.as_str(&part.author),
            "author": author(&part.author, id),
            "created_at_ms": part.created_at.0,
            "channel": part.channel.as_str(),
            "body_html": part.body_html,
            "body_text": part.body_text,
            "files": files,
            "mail": mail,
        }))
    }

    fn file_of(&self, file: &Attachment) -> Result<Option<Vec<u8>>> {
        let blob = self.inner.blobs.get_blocking(file.source.blob())?;
        Ok(match file.source {
            AttachmentSource::Blob(_) => Some(blob),
            AttachmentSource::MailPart { part, .. } => {
                usize::try_from(part).ok().and_then(|part| attachment_bytes(&blob, part))
            }
        })
    }
}

fn put(sink: Sink<'_>, path: &str, bytes: &[u8]) -> Result<()> {
    sink(path, bytes).map_err(|error| not_written(&error))
}

fn not_written(error: &std::io::Error) -> Error {
    Error::Unavailable(format!("the export cannot be written: {error}"))
}

fn pretty(form: &Json) -> Vec<u8> {
    format!("{form:#}\n").into_bytes()
}

/// Who wrote a part; of other contacts no more than the thread shows.
fn author(author: &Author, id: ContactId) -> Json {
    match author {
        Author::Agent { name, .. } => json!({"type": "agent", "name": name}),
        Author::Contact { id: of, name, .. } if *of == id => json!({"type": "you", "name": name}),
        Author::Contact { name, .. } => json!({"type": "contact", "name": name}),
        Author::Bot => json!({"type": "bot"}),
    }
}

fn mail_choice(choice: &MailChoice) -> Json {
    json!({"unsubscribed": choice.unsubscribed, "by": choice.by.as_str(), "at_ms": choice.at.0})
}

fn profile(tx: &dyn ReadTx, contact: &Contact, internal: bool) -> store::Result<Json> {
    let mut companies = Vec::new();
    for company in &contact.companies {
        companies.extend(store::companies::get(tx, *company)?.map(|company| company.name));
    }
    let attributes: serde_json::Map<String, Json> =
        contact.custom_attributes.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
    let mut form = json!({
        "id": contact.id.to_string(),
        "role": contact.role.as_str(),
        "external_id": contact.external_id,
        "email": contact.email.as_ref().map(ToString::to_string),
        "email_verified": contact.email_verified,
        "other_emails": contact.other_emails.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "name": contact.name,
        "phone": contact.phone,
        "avatar": contact.avatar,
        "language": contact.language_override,
        "custom_attributes": attributes,
        "companies": companies,
        "location": [contact.location.country, contact.location.region, contact.location.city],
        "events": events(tx, contact)?,
        "unsubscribed_from_emails": contact.unsubscribed_from_emails,
        "mail_choices": contact.mail_choices.iter().map(mail_choice).collect::<Vec<_>>(),
        "marked_email_as_spam": contact.marked_email_as_spam,
        "has_hard_bounced": contact.has_hard_bounced,
        "created_at_ms": contact.created_at.0,
        "signed_up_at_ms": contact.signed_up_at.map(|at| at.0),
        "last_seen_at_ms": contact.last_seen_at.map(|at| at.0),
        "last_replied_at_ms": contact.last_replied_at.map(|at| at.0),
        "last_contacted_at_ms": contact.last_contacted_at.map(|at| at.0),
    });
    if let Some(fields) = form.as_object_mut().filter(|_| internal) {
        let mut notes = Vec::new();
        for note in &contact.notes {
            notes.extend(
                store::notes::get(tx, *note)?
                    .map(|note| json!({"body": note.body, "created_at_ms": note.created_at.0})),
            );
        }
        fields.insert("notes".to_owned(), Json::Array(notes));
        fields.insert("blocked".to_owned(), json!(contact.blocked));
    }
    Ok(form)
}

/// What they did in the customer's product: how often, and the newest singly.
fn events(tx: &dyn ReadTx, contact: &Contact) -> store::Result<Json> {
    let counts = store::data_events::summaries(tx, contact.id)?.into_iter().map(
        |one| json!({"name": one.name, "count": one.count, "first_at_ms": one.first_at.0, "last_at_ms": one.last_at.0}),
    );
    let newest = store::data_events::newest(tx, contact.id, None, EVENTS_KEPT_MAX)?.into_iter().map(|one| {
        let metadata: Json = serde_json::from_str(&one.metadata).unwrap_or_default();
        json!({"name": one.name, "at_ms": one.at.0, "metadata": metadata})
    });
    Ok(json!({"counts": counts.collect::<Vec<_>>(), "newest": newest.collect::<Vec<_>>()}))
}

fn plain(value: &Value) -> Json {
    match value {
        Value::Text(text) | Value::Decimal(text) => json!(text),
        Value::Integer(number) => json!(number),
        Value::Boolean(flag) => json!(flag),
        Value::Files(ids) => json!(ids),
    }
}
