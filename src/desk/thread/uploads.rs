//! Files sent ahead: kept, taken by a ticket's attribute or a message, removed when nobody takes them (ATT-3, FRM-8,
//! API-53).
//!
//! | killed | what is there | what follows |
//! |---|---|---|
//! | before the upload's commit | a blob nobody names | the sweep takes it |
//! | after it | an unused upload | it is used, or goes after 24 h |
//! | with the ticket's commit | ticket and upload name each other, or neither does | nothing |
//!
//! **Invariant:** an upload is held by one ticket at most, and a contact can use only what they sent themselves.

use crate::desk::Desk;
use crate::desk::Error;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::people::contacts::known;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::missing;
use crate::desk::thread::message::FILE_BYTES_MAX;
use crate::desk::thread::message::NewAttachment;
use crate::desk::thread::message::media_type;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attachment::Attachment;
use crate::domain::attribute::Value;
use crate::domain::id::AttachmentId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::part::Author;
use crate::domain::refusal::Refusal;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::TicketType;
use crate::domain::upload::CONTACT_BYTES_PER_DAY_MAX;
use crate::domain::upload::CONTACT_FILES_PER_DAY_MAX;
use crate::domain::upload::DAY;
use crate::domain::upload::UNUSED_KEPT;
use crate::domain::upload::Upload;
use crate::domain::upload::UploadedBy;
use crate::domain::upload::is_executable;
use crate::mail::clean;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;

/// Unused uploads removed in one transaction.
const PRUNED_PER_COMMIT: usize = 200;

impl Desk {
    /// Keeps a file for later use by an agent. Scope `write_conversations` or `write_tickets`.
    ///
    /// # Errors
    /// `parameter_invalid` for one over its limit.
    pub async fn upload(&self, caller: &Caller, file: NewAttachment) -> Result<Upload> {
        require(caller, &[Scope::WriteConversations, Scope::WriteTickets])?;
        self.keep_upload(UploadedBy::Agent(caller.agent), file).await
    }

    /// Keeps a file for later use by a contact, for doors that know who sends it.
    ///
    /// # Errors
    /// `parameter_invalid` for one over its limit or one that runs (MSG-60), `TooMany` over the day's limit,
    /// `Forbidden` for a blocked contact.
    pub async fn upload_by_contact(&self, contact: ContactId, file: NewAttachment) -> Result<Upload> {
        let size = file.bytes.len() as u64;
        let from = Millis(self.inner.clock.now().0.saturating_sub(u64::try_from(DAY.as_millis()).unwrap_or(0)));
        self.inner.store.view(|tx| may_send(tx, contact, size, from))?;
        if is_executable(&file.name, &file.bytes) {
            let message = format!("'{}' is a program; programs are not taken", clean::line(&file.name, 100));
            return Err(Error::Refused(Refusal::invalid("file", message)));
        }
        self.keep_upload(UploadedBy::Contact(contact), file).await
    }

    async fn keep_upload(&self, by: UploadedBy, file: NewAttachment) -> Result<Upload> {
        let size = file.bytes.len();
        if size > FILE_BYTES_MAX {
            let message = format!("a file has at most {} MB", FILE_BYTES_MAX / (1_024 * 1_024));
            return Err(Error::Refused(Refusal::invalid("file", message)));
        }
        let at = At::of(&self.inner.clock);
        let upload = Upload {
            id: AttachmentId(at.id()),
            by,
            name: clean::file_name(&file.name, &file.content_type),
            content_type: media_type(&file.content_type),
            size: size as u64,
            blob: self.inner.blobs.put(file.bytes).await?,
            created_at: at.now,
            held_by: None,
        };
        let kept = upload.clone();
        self.inner.store.update(move |tx| store::uploads::put(tx, &kept)).await?;
        Ok(upload)
    }

    /// A file that was sent ahead, with its bytes. Callers hold a signed link to it.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn uploaded(&self, id: AttachmentId) -> Result<(Attachment, Vec<u8>)> {
        let upload = self.inner.store.view(|tx| store::uploads::get(tx, id)?.ok_or_else(|| missing("file")))?;
        Ok((upload.attachment(), self.inner.blobs.get_blocking(upload.blob)?))
    }

    /// What a contact sent that nothing uses yet.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn own_upload(&self, contact: ContactId, id: AttachmentId) -> Result<Option<Upload>> {
        let own = |upload: &Upload| upload.by == UploadedBy::Contact(contact) && upload.held_by.is_none();
        Ok(self.inner.store.view(|tx| Ok(store::uploads::get(tx, id)?.filter(own)))?)
    }

    /// Removes what nobody used within 24 h (FRM-8). For the daemon's worker.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn prune_uploads(&self) -> Result<usize> {
        let kept_ms = u64::try_from(UNUSED_KEPT.as_millis()).unwrap_or(0);
        let older_than = Millis(self.inner.clock.now().0.saturating_sub(kept_ms));
        let pruned = self.inner.store.update(move |tx| store::uploads::prune(tx, older_than, PRUNED_PER_COMMIT));
        Ok(pruned.await?)
    }
}

fn may_send(tx: &dyn ReadTx, contact: ContactId, size: u64, from: Millis) -> store::Result<()> {
    let known = known(tx, contact)?;
    if known.blocked {
        return Err(store::Error::Refused(Refusal::Forbidden { message: "this contact is blocked".to_owned() }));
    }
    let sent = store::uploads::of_contact(tx, contact, from, CONTACT_FILES_PER_DAY_MAX)?;
    let bytes = sent.iter().fold(size, |sum, upload| sum.saturating_add(upload.size));
    if sent.len() >= CONTACT_FILES_PER_DAY_MAX || bytes > CONTACT_BYTES_PER_DAY_MAX {
        let oldest = sent.first().map_or(from, |upload| upload.created_at);
        let retry_after_s = oldest.since(from).as_secs().max(1);
        return Err(store::Error::Refused(Refusal::TooMany { retry_after_s }));
    }
    Ok(())
}

/// The uploads that the ticket's attributes name.
pub(crate) fn of_ticket(tx: &dyn ReadTx, thread: &Thread) -> store::Result<Vec<Upload>> {
    let mut found = Vec::new();
    for id in named(thread) {
        found.extend(store::uploads::get(tx, id)?);
    }
    Ok(found)
}

/// Takes what the ticket's attributes name and do not hold yet; what they no longer name goes for good.
///
/// # Errors
/// `parameter_invalid` naming the attribute whose upload is unknown, used elsewhere or another contact's.
pub(crate) fn hold(
    tx: &mut dyn WriteTx,
    thread: &Thread,
    ticket_type: &TicketType,
    before: &[AttachmentId],
    by: &Author,
) -> store::Result<()> {
    let Some(ticket) = &thread.ticket else { return Ok(()) };
    for attribute in &ticket_type.attributes {
        let Some(Value::Files(ids)) = ticket.attributes.get(&attribute.id) else { continue };
        for id in ids {
            let upload = usable(&*tx, id, Some(thread.id), by)?;
            let upload = upload.ok_or_else(|| not_usable(&attribute.name, id))?;
            if upload.held_by.is_none() {
                store::uploads::put(tx, &Upload { held_by: Some(thread.id), ..upload })?;
            }
        }
    }
    let now = named(thread);
    for id in before.iter().filter(|id| !now.contains(id)) {
        if let Some(upload) = store::uploads::get(&*tx, *id)? {
            store::uploads::remove(tx, &upload)?;
        }
    }
    Ok(())
}

/// Makes uploads the files of a message; the part holds their blobs from then on.
///
/// # Errors
/// `parameter_invalid` for one that is unknown, used or another contact's.
pub(crate) fn take(tx: &mut dyn WriteTx, ids: &[AttachmentId], by: &Author) -> store::Result<Vec<Attachment>> {
    let mut taken = Vec::with_capacity(ids.len());
    for id in ids {
        let upload =
            usable(&*tx, &id.to_string(), None, by)?.ok_or_else(|| not_usable("upload_ids", &id.to_string()))?;
        store::uploads::remove(tx, &upload)?;
        taken.push(upload.attachment());
    }
    Ok(taken)
}

/// Ids of the uploads that a thread's ticket names.
pub(crate) fn named(thread: &Thread) -> Vec<AttachmentId> {
    let values = thread.ticket.iter().flat_map(|ticket| ticket.attributes.values());
    let ids = values.filter_map(|value| match value {
        Value::Files(ids) => Some(ids),
        Value::Text(_) | Value::Integer(_) | Value::Decimal(_) | Value::Boolean(_) => None,
    });
    ids.flatten().filter_map(|id| id.parse().ok()).collect()
}

fn usable(tx: &dyn ReadTx, id: &str, thread: Option<ThreadId>, by: &Author) -> store::Result<Option<Upload>> {
    let Ok(id) = id.parse() else { return Ok(None) };
    let upload = store::uploads::get(tx, id)?;
    Ok(upload.filter(|upload| match (upload.held_by, upload.by, by.contact()) {
        (Some(holder), ..) => Some(holder) == thread,
        (None, UploadedBy::Contact(sender), Some(contact)) => sender == contact,
        (None, UploadedBy::Agent(_), Some(_)) => false,
        (None, _, None) => true,
    }))
}

fn not_usable(field: &str, id: &str) -> store::Error {
    let message = format!("there is no upload {id} that can be used here");
    store::Error::Refused(Refusal::invalid(field, message))
}
