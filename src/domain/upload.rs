//! Files that were sent ahead of what they belong to (ATT-3, FRM-8, API-53).

use crate::domain::attachment::Attachment;
use crate::domain::attachment::AttachmentSource;
use crate::domain::attachment::BlobHash;
use crate::domain::id::AgentId;
use crate::domain::id::AttachmentId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use std::time::Duration;

/// An upload that nothing took goes after this time (FRM-8).
pub const UNUSED_KEPT: Duration = Duration::from_secs(24 * 3_600);
/// Most bytes a contact may send in [`DAY`] (MSG-60).
pub const CONTACT_BYTES_PER_DAY_MAX: u64 = 100 * 1_024 * 1_024;
/// Most files a contact may send in [`DAY`].
pub const CONTACT_FILES_PER_DAY_MAX: usize = 500;
/// The span those limits count in.
pub const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Who sent a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UploadedBy {
    /// An agent; any agent may use it.
    Agent(AgentId),
    /// A contact; nobody else may use it.
    Contact(ContactId),
}

/// A file on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Names it in attribute values and links.
    pub id: AttachmentId,
    /// Who sent it.
    pub by: UploadedBy,
    /// Safe name to show and to save as.
    pub name: String,
    /// Media type as declared, lower case.
    pub content_type: String,
    /// Size in bytes.
    pub size: u64,
    /// Where the bytes are.
    pub blob: BlobHash,
    /// When it came.
    pub created_at: Millis,
    /// The ticket whose attribute holds it; `None` waits to be used.
    pub held_by: Option<ThreadId>,
}

impl Upload {
    /// The same as a file of a part.
    #[must_use]
    pub fn attachment(&self) -> Attachment {
        Attachment {
            id: self.id,
            name: self.name.clone(),
            content_type: self.content_type.clone(),
            size: self.size,
            source: AttachmentSource::Blob(self.blob),
            content_id: None,
        }
    }
}

/// How executables begin: Windows, ELF, Mach-O in its forms, scripts.
const EXECUTABLE_STARTS: [&[u8]; 7] =
    [b"MZ", b"\x7fELF", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"#!"];
/// How names of files end that a click runs.
const EXECUTABLE_ENDS: [&str; 22] = [
    "app", "apk", "bat", "cmd", "com", "cpl", "dll", "exe", "hta", "jar", "js", "jse", "lnk", "msi", "msp", "pif",
    "ps1", "reg", "scr", "vbe", "vbs", "wsf",
];

/// Whether a file is one that runs, by its content or its name (MSG-60). Whatever type it claims does not matter.
#[must_use]
pub fn is_executable(name: &str, bytes: &[u8]) -> bool {
    let end = name.rsplit_once('.').map(|(_, end)| end.trim().to_ascii_lowercase()).unwrap_or_default();
    EXECUTABLE_ENDS.contains(&end.as_str()) || EXECUTABLE_STARTS.iter().any(|start| bytes.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn msg_60_what_runs_is_known_by_content_and_by_name() {
        for (name, bytes, runs) in [
            ("photo.png", &b"\x89PNG\r\n"[..], false),
            ("photo.png", b"MZ\x90\0", true),
            ("notes.txt", b"#!/bin/sh\n", true),
            ("Invoice.PDF .EXE", b"%PDF-1.7", true),
            ("Invoice.exe.pdf", b"%PDF-1.7", false),
            ("exe", b"", false),
        ] {
            assert_eq!(is_executable(name, bytes), runs, "{name}");
        }
    }
}
