//! Notes on contacts and companies (OBJ-18); unlike a part of type note they belong to no thread.

use crate::domain::id::AgentId;
use crate::domain::id::CompanyId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::NoteId;

/// Most notes on one contact or company.
pub const NOTES_MAX: usize = 250;
/// Longest note, in characters of its text.
pub const NOTE_CHARS_MAX: usize = 65_535;

/// What a note is on; never both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteOn {
    /// A contact.
    Contact(ContactId),
    /// A company.
    Company(CompanyId),
}

/// A note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Never changes.
    pub id: NoteId,
    /// What it is on.
    pub on: NoteOn,
    /// Cleaned HTML.
    pub body: String,
    /// Who wrote it.
    pub author: AgentId,
    /// When.
    pub created_at: Millis,
}
