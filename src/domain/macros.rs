//! Saved replies that agents put into a thread (API-27, DSK-9).

use crate::domain::id::MacroId;
use crate::domain::id::Millis;
use crate::domain::id::TeamId;

/// Most macros of a workspace.
pub const MACROS_MAX: usize = 1_000;
/// Longest name, in characters.
pub const MACRO_NAME_CHARS_MAX: usize = 255;
/// Most teams one macro is kept for.
pub const MACRO_TEAMS_MAX: usize = 100;

/// A saved reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Macro {
    /// Never changes.
    pub id: MacroId,
    /// What agents choose it by.
    pub name: String,
    /// Cleaned HTML.
    pub body: String,
    /// The same as plain text.
    pub body_text: String,
    /// Who may see it; empty for everyone.
    pub teams: Vec<TeamId>,
    /// Offered in the inbox.
    pub in_inbox: bool,
    /// Offered in the messenger.
    pub in_messenger: bool,
    /// When it was made.
    pub created_at: Millis,
    /// Last change.
    pub updated_at: Millis,
}
