//! How long what the desk keeps is kept (DAT-7, DAT-8).

use std::time::Duration;

/// What goes with age, or when it is too much. `None` keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Conversations and tickets that were closed so long ago.
    pub closed_conversations: Option<Duration>,
    /// Mails as they were received; what is shown of them stays, with its files.
    pub raw_mail: Option<Duration>,
    /// So many bytes of mails as they were received, the newest ones; 0 keeps all.
    pub raw_mail_bytes_max: u64,
    /// What came in by mail and what became of it; attempts of deliveries.
    pub journal: Option<Duration>,
    /// Deliveries of webhooks (WHK-3).
    pub webhook_deliveries: Duration,
    /// Visitors who wrote nothing and were not seen for so long.
    pub visitors: Option<Duration>,
    /// Entries of the log, for sockets and integrations that resume (MSG-40, API-50).
    pub log_entries: u64,
}

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            closed_conversations: None,
            raw_mail: Some(days(365)),
            raw_mail_bytes_max: 0,
            journal: Some(days(400)),
            webhook_deliveries: days(7),
            visitors: Some(days(90)),
            log_entries: 1_000_000,
        }
    }
}

/// One kind of thing that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aged {
    /// Mails as they were received.
    RawMail,
    /// Rows of the journal of incoming mail.
    Journal,
    /// Attempts of settled deliveries.
    Attempts,
    /// Visitors without a conversation.
    Visitors,
    /// Closed conversations and tickets.
    ClosedConversations,
}

impl Aged {
    /// All of them, in the order in which they are looked through.
    pub const ALL: [Self; 5] =
        [Self::RawMail, Self::Journal, Self::Attempts, Self::Visitors, Self::ClosedConversations];

    /// The word for people and programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RawMail => "raw_mail",
            Self::Journal => "journal",
            Self::Attempts => "delivery_attempts",
            Self::Visitors => "visitors",
            Self::ClosedConversations => "closed_conversations",
        }
    }
}
