//! Who chose whether a contact gets bulk mail (EML-81).

use crate::domain::id::AgentId;
use crate::domain::id::Millis;

/// Most choices that are kept of one contact; the oldest go first.
pub const MAIL_CHOICES_MAX: usize = 20;

/// One choice; the last one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailChoice {
    /// Whether bulk mail stopped with it, or began again.
    pub unsubscribed: bool,
    /// Whose it was.
    pub by: ChosenBy,
    /// Of the choice.
    pub at: Millis,
}

/// Whose choice it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// The contact's, by a link of a mail.
    Contact,
    /// The contact's, by calling a mail spam (BRC-53).
    Complaint,
    /// The page's, by a messenger that proved who it is.
    Messenger,
    /// An agent's, or that of a program with the agent's token.
    Agent(AgentId),
}

impl ChosenBy {
    /// In one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Complaint => "complaint",
            Self::Messenger => "messenger",
            Self::Agent(_) => "admin",
        }
    }

    /// The agent, if it was one.
    #[must_use]
    pub fn agent(self) -> Option<AgentId> {
        match self {
            Self::Agent(agent) => Some(agent),
            Self::Contact | Self::Complaint | Self::Messenger => None,
        }
    }
}
