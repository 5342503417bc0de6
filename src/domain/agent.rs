//! People who answer (OBJ-12), what they may do (DSK-12), and the tokens that act for them (API-1).

use crate::domain::address::Address;
use crate::domain::avatar::Avatar;
use crate::domain::id::AgentId;
use crate::domain::id::AwayReasonId;
use crate::domain::id::Millis;
use crate::domain::id::TokenId;

/// What an agent may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgentRole {
    /// Everything, settings included.
    Admin,
    /// Everything but settings, tokens and people.
    Agent,
}

impl AgentRole {
    /// The word on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Agent => "agent",
        }
    }
}

/// An agent; the compatible API says "admin".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Never changes.
    pub id: AgentId,
    /// Shown to customers.
    pub name: String,
    /// Unique among agents.
    pub email: Address,
    /// What they may do.
    pub role: AgentRole,
    /// Argon2id in PHC form; `None` until a password is set.
    pub password_hash: Option<String>,
    /// May no longer sign in or be assigned.
    pub disabled: bool,
    /// When they were added.
    pub created_at: Millis,
    /// Set while they are away (AWY-1).
    pub away: Option<Away>,
    /// Most open threads they have before teams give them no more.
    pub assignment_limit: Option<u32>,
    /// Shown to customers beside what they write.
    pub avatar: Option<Avatar>,
    /// What they are, for signatures.
    pub job_title: Option<String>,
    /// What stands below their mail: Markdown with placeholders (EML-61).
    pub signature: Option<String>,
}

/// How an agent is away (AWY-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away {
    /// A customer's reply on their threads takes these from them.
    pub reassign: bool,
    /// Why.
    pub reason: Option<AwayReasonId>,
}

/// A reason to be away, as agents choose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwayReason {
    /// Never changes.
    pub id: AwayReasonId,
    /// Shown to agents.
    pub label: String,
    /// Shown beside it.
    pub emoji: String,
    /// Its place in the list.
    pub order: u32,
    /// Can be chosen no more.
    pub deleted: bool,
    /// When it was made.
    pub created_at: Millis,
    /// When it was changed.
    pub updated_at: Millis,
}

/// Most reasons to be away, deleted ones included.
pub const AWAY_REASONS_MAX: usize = 200;

impl Agent {
    /// Whether teams may give them work; their own limit aside.
    #[must_use]
    pub fn takes_work(&self) -> bool {
        !self.disabled && self.away.is_none()
    }

    /// The first word of the name.
    #[must_use]
    pub fn first_name(&self) -> &str {
        self.name.split_whitespace().next().unwrap_or(&self.name)
    }
}

/// One right of a token (API-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Read conversations.
    ReadConversations,
    /// Reply, note, assign, close, open, snooze; with `write_tickets`, convert.
    WriteConversations,
    /// Read tickets of every category.
    ReadTickets,
    /// Create and change tickets, links included.
    WriteTickets,
    /// Read contacts.
    ReadContacts,
    /// Create and change contacts.
    WriteContacts,
    /// Read agents.
    ReadAdmins,
    /// Send broadcasts.
    Broadcasts,
    /// Ticket types, states, operators' queues.
    Settings,
    /// Tags, on whatever carries them.
    WriteTags,
    /// Delete conversations for good.
    DeleteConversations,
    /// Read reports.
    Reports,
    /// Hand in mail (`POST /hooks/in/mime`).
    Intake,
}

impl Scope {
    /// Every scope, in the order they are listed to people.
    pub const ALL: [Self; 13] = [
        Self::ReadConversations,
        Self::WriteConversations,
        Self::ReadTickets,
        Self::WriteTickets,
        Self::ReadContacts,
        Self::WriteContacts,
        Self::ReadAdmins,
        Self::Broadcasts,
        Self::Settings,
        Self::WriteTags,
        Self::DeleteConversations,
        Self::Reports,
        Self::Intake,
    ];

    /// Whether agents of that role may have it (DSK-12): settings are the workspace admins'.
    #[must_use]
    pub fn is_for(self, role: AgentRole) -> bool {
        match role {
            AgentRole::Admin => true,
            AgentRole::Agent => self != Self::Settings,
        }
    }

    /// The word of API-1.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadConversations => "read_conversations",
            Self::WriteConversations => "write_conversations",
            Self::ReadTickets => "read_tickets",
            Self::WriteTickets => "write_tickets",
            Self::ReadContacts => "read_contacts",
            Self::WriteContacts => "write_contacts",
            Self::ReadAdmins => "read_admins",
            Self::Broadcasts => "broadcasts",
            Self::Settings => "settings",
            Self::WriteTags => "write_tags",
            Self::DeleteConversations => "delete_conversations_and_metrics",
            Self::Reports => "reports",
            Self::Intake => "intake",
        }
    }

    /// The scope of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }
}

/// An API token. The secret is shown once and kept only as a SHA-256 hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Names it in lists and logs.
    pub id: TokenId,
    /// SHA-256 of the 256-bit secret.
    pub hash: [u8; 32],
    /// Acts as this agent.
    pub agent: AgentId,
    /// What it is for.
    pub name: String,
    /// What it may do, within what its agent may.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Millis,
    /// Refused from then on.
    pub expires_at: Option<Millis>,
    /// Refused since then.
    pub revoked_at: Option<Millis>,
}

/// Who acts, and with which rights; made by `desk::access` from a token or a console session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The acting agent.
    pub agent: AgentId,
    /// Their name, for parts.
    pub name: String,
    /// Their role.
    pub role: AgentRole,
    /// What the token allows.
    pub scopes: Vec<Scope>,
}
