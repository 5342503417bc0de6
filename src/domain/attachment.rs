//! Files kept with a part (OBJ-44).

use crate::domain::id::AttachmentId;

/// Content address of a blob: SHA-256 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobHash(pub [u8; 32]);

impl std::fmt::Display for BlobHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl std::fmt::Debug for BlobHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// Where an attachment's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachmentSource {
    /// A part of a stored mail: the raw message's blob and the index of the MIME part in it.
    MailPart {
        /// The raw message.
        raw: BlobHash,
        /// Index as `mail::message` counts parts.
        part: u32,
    },
    /// A blob of its own.
    Blob(BlobHash),
}

impl AttachmentSource {
    /// The blob that must be kept for this attachment.
    #[must_use]
    pub fn blob(self) -> BlobHash {
        match self {
            Self::MailPart { raw, .. } | Self::Blob(raw) => raw,
        }
    }
}

/// A file of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Names it in links.
    pub id: AttachmentId,
    /// Safe name to show and to save as.
    pub name: String,
    /// Media type as declared, lower case.
    pub content_type: String,
    /// Decoded size in bytes.
    pub size: u64,
    /// Where the bytes are.
    pub source: AttachmentSource,
    /// `Content-ID` without brackets, of inline images.
    pub content_id: Option<String>,
}
