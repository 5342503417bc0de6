//! What somebody writes, made ready to be kept: cleaned, checked against the limits, files stored.

use crate::desk::Desk;
use crate::desk::Error;
use crate::desk::Result;
use crate::desk::mail::addressing::Addressing;
use crate::desk::thread::draft::At;
use crate::domain::address::Address;
use crate::domain::attachment::Attachment;
use crate::domain::attachment::AttachmentSource;
use crate::domain::attribute::STRING_CHARS_MAX;
use crate::domain::id::AttachmentId;
use crate::domain::id::Millis;
use crate::domain::page::Page;
use crate::domain::part::ATTACHMENTS_MAX;
use crate::domain::part::ChosenAnswer;
use crate::domain::part::PartKind;
use crate::domain::part::QUICK_ANSWERS_MAX;
use crate::domain::part::QuickAnswer;
use crate::domain::part::TEXT_CHARS_MAX;
use crate::domain::refusal::Refusal;
use crate::mail::clean;
use crate::mail::html_text;
use crate::mail::sanitize;

/// Largest file in bytes (OBJ-44).
pub const FILE_BYTES_MAX: usize = 25 * 1_024 * 1_024;

/// Body of a message as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Cleaned against the allow-list of mail (MSG-22).
    Html(String),
    /// Escaped; line breaks and links are kept.
    Text(String),
}

/// A file that comes with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAttachment {
    /// As the sender calls it; made safe here.
    pub name: String,
    /// Media type as declared.
    pub content_type: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// A message to post.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// What it says.
    pub body: Body,
    /// At most [`ATTACHMENTS_MAX`] files of at most [`FILE_BYTES_MAX`] each.
    pub attachments: Vec<NewAttachment>,
    /// Files sent ahead (API-53); they count among the [`ATTACHMENTS_MAX`].
    pub uploads: Vec<AttachmentId>,
    /// The same key gives the same answer (MSG-42); for contacts.
    pub client_id: Option<String>,
    /// Tells nobody (NTF-12).
    pub skip_notifications: bool,
    /// Leaves a snooze alone (LIF-1).
    pub skip_unsnooze: bool,
    /// Copies a note of a Back-office or Tracker ticket into every linked thread (BKO-22).
    pub cross_post: bool,
    /// The newest part the writer knew of; refused when customers or agents said more since (DSK-7).
    pub base_seq: Option<u64>,
    /// Names the conversation that the message begins; an existing one keeps its title.
    pub title: Option<String>,
    /// When it was written, where that was not now (API-17).
    pub created_at: Option<Millis>,
    /// Of an agent's quick reply: the answers to choose from, at most [`QUICK_ANSWERS_MAX`].
    pub answers: Vec<QuickAnswer>,
    /// Whom an agent's comment is mailed to, where that is not everybody as usual (EML-60).
    pub addressing: Addressing,
    /// Of a contact: the answer they chose, whose text the message then is (SHP-4).
    pub chosen: Option<ChosenAnswer>,
    /// Of a contact: the support address that answers the conversation it begins, which is thereby of its brand (API-24).
    pub support_address: Option<Address>,
    /// Of a contact: the page of a site on which they begin a conversation with it (MSG-48).
    pub page: Option<Page>,
}

impl NewMessage {
    /// A plain message.
    #[must_use]
    pub fn new(body: Body) -> Self {
        Self {
            body,
            attachments: Vec::new(),
            uploads: Vec::new(),
            client_id: None,
            skip_notifications: false,
            skip_unsnooze: false,
            cross_post: false,
            base_seq: None,
            title: None,
            created_at: None,
            answers: Vec::new(),
            addressing: Addressing::default(),
            chosen: None,
            support_address: None,
            page: None,
        }
    }
}

/// A message that can be written into a part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ready {
    pub(crate) html: String,
    pub(crate) text: String,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) uploads: Vec<AttachmentId>,
    pub(crate) client_id: Option<String>,
    pub(crate) skip_notifications: bool,
    pub(crate) skip_unsnooze: bool,
    pub(crate) cross_post: bool,
    pub(crate) base_seq: Option<u64>,
    pub(crate) title: Option<String>,
    pub(crate) created_at: Option<Millis>,
    pub(crate) answers: Vec<QuickAnswer>,
    pub(crate) addressing: Addressing,
    pub(crate) chosen: Option<ChosenAnswer>,
    pub(crate) support_address: Option<Address>,
    pub(crate) page: Option<Page>,
}

impl Ready {
    /// What an agent's words to the customer are.
    pub(crate) fn kind(&self) -> PartKind {
        if self.answers.is_empty() { PartKind::Comment } else { PartKind::QuickReply(self.answers.clone()) }
    }
}

impl Desk {
    /// Cleans and checks a message and stores its files.
    pub(crate) async fn ready(&self, message: NewMessage) -> Result<Ready> {
        check_files(&message.attachments, message.uploads.len())?;
        check_title(message.title.as_deref())?;
        refuse_future(message.created_at, self.inner.clock.now())?;
        check_answers(&message.answers)?;
        let (html, text) = cleaned(&message.body)?;
        let says = !text.trim().is_empty() || message.chosen.is_some();
        if !says && message.attachments.is_empty() && message.uploads.is_empty() {
            return Err(Error::Refused(Refusal::invalid("body", "a message needs a text or a file")));
        }
        let mut attachments = Vec::with_capacity(message.attachments.len());
        for file in message.attachments {
            attachments.push(self.keep_file(file).await?);
        }
        Ok(Ready {
            html,
            text,
            attachments,
            uploads: message.uploads,
            client_id: message.client_id,
            skip_notifications: message.skip_notifications,
            skip_unsnooze: message.skip_unsnooze,
            cross_post: message.cross_post,
            base_seq: message.base_seq,
            title: message.title,
            created_at: message.created_at,
            answers: message.answers,
            addressing: message.addressing,
            chosen: message.chosen,
            support_address: message.support_address,
            page: message.page,
        })
    }

    pub(crate) async fn keep_file(&self, file: NewAttachment) -> Result<Attachment> {
        let size = file.bytes.len() as u64;
        let hash = self.inner.blobs.put(file.bytes).await?;
        Ok(Attachment {
            id: AttachmentId(At::of(&self.inner.clock).id()),
            name: clean::file_name(&file.name, &file.content_type),
            content_type: media_type(&file.content_type),
            size,
            source: AttachmentSource::Blob(hash),
            content_id: None,
        })
    }
}

pub(crate) fn check_files(files: &[NewAttachment], uploads: usize) -> std::result::Result<(), Refusal> {
    if files.len().saturating_add(uploads) > ATTACHMENTS_MAX {
        return Err(Refusal::invalid("attachments", format!("at most {ATTACHMENTS_MAX} files with one message")));
    }
    match files.iter().find(|file| file.bytes.len() > FILE_BYTES_MAX) {
        Some(file) => Err(Refusal::invalid(
            "attachments",
            format!(
                "'{}' is larger than {} MB",
                clean::file_name(&file.name, &file.content_type),
                FILE_BYTES_MAX / (1_024 * 1_024)
            ),
        )),
        None => Ok(()),
    }
}

/// Answers are few and short.
fn check_answers(answers: &[QuickAnswer]) -> std::result::Result<(), Refusal> {
    let fits = |text: &str| !text.trim().is_empty() && text.chars().count() <= STRING_CHARS_MAX;
    if answers.len() > QUICK_ANSWERS_MAX || !answers.iter().all(|one| fits(&one.text) && fits(&one.uuid)) {
        let message = format!(
            "at most {QUICK_ANSWERS_MAX} answers, each with text and uuid of 1 to {STRING_CHARS_MAX} characters"
        );
        return Err(Refusal::invalid("reply_options", message));
    }
    Ok(())
}

/// What is dated back lies in the past.
pub(crate) fn refuse_future(created_at: Option<Millis>, now: Millis) -> std::result::Result<(), Refusal> {
    if created_at.is_some_and(|at| at > now) {
        return Err(Refusal::invalid("created_at", "'created_at' lies in the future"));
    }
    Ok(())
}

/// A title takes as much as a short text does (OBJ-30).
pub(crate) fn check_title(title: Option<&str>) -> std::result::Result<(), Refusal> {
    if title.is_some_and(|title| title.chars().count() > STRING_CHARS_MAX) {
        return Err(Refusal::invalid("title", format!("a title takes at most {STRING_CHARS_MAX} characters")));
    }
    Ok(())
}

/// What is written, as it is kept: HTML and text.
pub(crate) fn cleaned(body: &Body) -> std::result::Result<(String, String), Refusal> {
    let (html, text) = match body {
        Body::Text(text) => (html_text::text_to_html(text), text.clone()),
        Body::Html(html) => {
            let clean = sanitize::sanitize(html, &sanitize::Images::default())
                .map_err(|over| Refusal::invalid("body", format!("the HTML is over a limit: {over}")))?;
            let text = html_text::html_to_text(&clean.html);
            (clean.html, text)
        }
    };
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(Refusal::invalid("body", format!("at most {TEXT_CHARS_MAX} characters")));
    }
    Ok((html, text))
}

/// `type/subtype` in lower case; anything else is bytes.
pub(crate) fn media_type(declared: &str) -> String {
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let legal = essence.split_once('/').is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty());
    let plain = essence.len() <= 100 && essence.bytes().all(|b| b.is_ascii_alphanumeric() || b"/.+-_".contains(&b));
    if legal && plain { essence } else { "application/octet-stream".to_owned() }
}
