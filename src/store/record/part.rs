//! Stored form of parts.

use crate::domain::attachment::Attachment;
use crate::domain::attachment::AttachmentSource;
use crate::domain::attachment::BlobHash;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::AgentId;
use crate::domain::id::AttachmentId;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::TagId;
use crate::domain::id::ThreadId;
use crate::domain::mailing::Mailing;
use crate::domain::mailing::RecipientField;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::part::Part;
use crate::domain::state::StateCategory;
use crate::store::blob_refs;
use crate::store::engine::Table;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::code;
use crate::store::record::code::Code;
use crate::store::record::email_facts::StoredEmailFacts;
use crate::store::record::part_kind::StoredPartKind;
use crate::store::record::thread::StoredThreadState;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredPart {
    id: u64,
    thread: u64,
    seq: u64,
    kind: StoredPartKind,
    author: StoredAuthor,
    body_html: String,
    body_text: String,
    attachments: Vec<StoredAttachment>,
    created_at: u64,
    updated_at: u64,
    channel: u8,
    thread_state: StoredThreadState,
    ticket_state: Option<u8>,
    client_id: Option<String>,
    cause: Option<u8>,
    email: Option<StoredEmailFacts>,
    external_sender: bool,
    broadcast: Option<u64>,
    cross_posted_from: Option<(u64, u64)>,
    skip_notifications: bool,
    redacted: bool,
    tags: Vec<u64>,
    mailing: Option<StoredMailing>,
    quick_reply_uuid: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredMailing {
    subject: Option<String>,
    recipients: Vec<(u8, u64)>,
}

impl From<&Mailing> for StoredMailing {
    fn from(mailing: &Mailing) -> Self {
        let recipients = mailing.recipients.iter().map(|(field, contact)| (field.code(), contact.0));
        Self { subject: mailing.subject.clone(), recipients: recipients.collect() }
    }
}

impl StoredMailing {
    fn restore(self) -> Restored<Mailing> {
        let recipients = self.recipients.into_iter();
        let recipient = |(field, contact)| Ok((RecipientField::of(field)?, ContactId(contact)));
        Ok(Mailing { subject: self.subject, recipients: recipients.map(recipient).collect::<Restored<_>>()? })
    }
}

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredAuthor {
    Agent { id: u64, name: String },
    Contact { id: u64, name: String, email: Option<String>, user: bool },
    Bot,
}

impl From<&Author> for StoredAuthor {
    fn from(author: &Author) -> Self {
        match author {
            Author::Agent { id, name } => Self::Agent { id: id.0, name: name.clone() },
            Author::Contact { id, name, email, user } => {
                Self::Contact { id: id.0, name: name.clone(), email: email.clone(), user: *user }
            }
            Author::Bot => Self::Bot,
        }
    }
}

impl From<StoredAuthor> for Author {
    fn from(stored: StoredAuthor) -> Self {
        match stored {
            StoredAuthor::Agent { id, name } => Self::Agent { id: AgentId(id), name },
            StoredAuthor::Contact { id, name, email, user } => Self::Contact { id: ContactId(id), name, email, user },
            StoredAuthor::Bot => Self::Bot,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredAttachment {
    id: u64,
    name: String,
    content_type: String,
    size: u64,
    source: StoredSource,
    content_id: Option<String>,
}

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredSource {
    MailPart { raw: [u8; 32], part: u32 },
    Blob([u8; 32]),
}

impl From<&Attachment> for StoredAttachment {
    fn from(attachment: &Attachment) -> Self {
        Self {
            id: attachment.id.0,
            name: attachment.name.clone(),
            content_type: attachment.content_type.clone(),
            size: attachment.size,
            source: match attachment.source {
                AttachmentSource::MailPart { raw, part } => StoredSource::MailPart { raw: raw.0, part },
                AttachmentSource::Blob(blob) => StoredSource::Blob(blob.0),
            },
            content_id: attachment.content_id.clone(),
        }
    }
}

impl From<StoredAttachment> for Attachment {
    fn from(stored: StoredAttachment) -> Self {
        Self {
            id: AttachmentId(stored.id),
            name: stored.name,
            content_type: stored.content_type,
            size: stored.size,
            source: match stored.source {
                StoredSource::MailPart { raw, part } => AttachmentSource::MailPart { raw: BlobHash(raw), part },
                StoredSource::Blob(blob) => AttachmentSource::Blob(BlobHash(blob)),
            },
            content_id: stored.content_id,
        }
    }
}

impl Record for Part {
    const TABLE: Table = tables::PARTS;
    const INDEXES: &'static [Table] = &[tables::PART_BY_ID, tables::BLOB_REFS, tables::COPIES, tables::PARTS_BY_TAG];
    type Stored = StoredPart;

    fn key(&self) -> Vec<u8> {
        key::two(self.thread.0, self.seq)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        let files = self.attachments.iter().map(|attachment| attachment.source.blob());
        let blobs = files.chain(self.email.as_ref().and_then(|facts| facts.raw));
        let refs = blobs.map(|blob| (tables::BLOB_REFS, blob_refs::row(blob, self.id.0)));
        let copy = self.cross_posted_from.map(|(_, origin)| (tables::COPIES, key::two(origin.0, self.id.0)));
        let tags = self.tags.iter().map(|tag| (tables::PARTS_BY_TAG, key::two(tag.0, self.id.0)));
        let by_id = (tables::PART_BY_ID, key::one(self.id.0));
        std::iter::once(by_id).chain(refs).chain(copy).chain(tags).collect()
    }

    fn highest_id(&self) -> u64 {
        self.attachments.iter().map(|attachment| attachment.id.0).fold(self.id.0, u64::max)
    }

    fn to_stored(&self) -> StoredPart {
        StoredPart {
            id: self.id.0,
            thread: self.thread.0,
            seq: self.seq,
            kind: (&self.kind).into(),
            author: (&self.author).into(),
            body_html: self.body_html.clone(),
            body_text: self.body_text.clone(),
            attachments: self.attachments.iter().map(StoredAttachment::from).collect(),
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
            channel: self.channel.code(),
            thread_state: self.thread_state.into(),
            ticket_state: self.ticket_state.map(Code::code),
            client_id: self.client_id.clone(),
            cause: self.cause.map(Code::code),
            email: self.email.as_ref().map(StoredEmailFacts::from),
            external_sender: self.external_sender,
            broadcast: self.broadcast.map(|id| id.0),
            cross_posted_from: self.cross_posted_from.map(|(thread, part)| (thread.0, part.0)),
            skip_notifications: self.skip_notifications,
            redacted: self.redacted,
            tags: self.tags.iter().map(|tag| tag.0).collect(),
            mailing: self.mailing.as_ref().map(StoredMailing::from),
            quick_reply_uuid: self.quick_reply_uuid.clone(),
        }
    }

    fn from_stored(stored: StoredPart) -> Restored<Self> {
        Ok(Self {
            id: PartId(stored.id),
            thread: ThreadId(stored.thread),
            seq: stored.seq,
            kind: stored.kind.restore()?,
            author: stored.author.into(),
            body_html: stored.body_html,
            body_text: stored.body_text,
            attachments: stored.attachments.into_iter().map(Attachment::from).collect(),
            created_at: Millis(stored.created_at),
            updated_at: Millis(stored.updated_at),
            channel: ChannelKind::of(stored.channel)?,
            thread_state: stored.thread_state.into(),
            ticket_state: code::of_optional::<StateCategory>(stored.ticket_state)?,
            client_id: stored.client_id,
            cause: code::of_optional::<Cause>(stored.cause)?,
            email: stored.email.map(StoredEmailFacts::restore).transpose()?,
            external_sender: stored.external_sender,
            broadcast: stored.broadcast.map(BroadcastId),
            cross_posted_from: stored.cross_posted_from.map(|(thread, part)| (ThreadId(thread), PartId(part))),
            skip_notifications: stored.skip_notifications,
            redacted: stored.redacted,
            tags: stored.tags.into_iter().map(TagId).collect(),
            mailing: stored.mailing.map(StoredMailing::restore).transpose()?,
            quick_reply_uuid: stored.quick_reply_uuid,
            impersonation_warning: false,
        })
    }
}
