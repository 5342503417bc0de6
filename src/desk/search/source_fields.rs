//! Fields of a conversation's first message (`source.*`, API-31).

use crate::desk::search::fields::text;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::part::Author;
use crate::domain::part::Part;
use crate::domain::search::Datum;
use crate::domain::search::Kind;
use crate::domain::thread::Thread;

/// A field of the first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SourceField {
    Id,
    Type,
    DeliveredAs,
    Subject,
    Body,
    AuthorId,
    AuthorType,
    AuthorName,
    AuthorEmail,
    Url,
}

impl SourceField {
    pub(super) fn named(name: &str) -> Option<(Self, Kind)> {
        Some(match name {
            "id" => (Self::Id, Kind::Id),
            "type" => (Self::Type, Kind::Word),
            "delivered_as" => (Self::DeliveredAs, Kind::Word),
            "subject" => (Self::Subject, Kind::Text),
            "body" => (Self::Body, Kind::Words),
            "author.id" => (Self::AuthorId, Kind::Word),
            "author.type" => (Self::AuthorType, Kind::Word),
            "author.name" => (Self::AuthorName, Kind::Text),
            "author.email" => (Self::AuthorEmail, Kind::Text),
            "url" => (Self::Url, Kind::Text),
            _ => return None,
        })
    }

    /// What it holds.
    pub(super) fn of(self, thread: &Thread, source: &Part) -> Vec<Datum> {
        let (kind, id, name, email) = match &source.author {
            Author::Agent { id, name } => ("admin", id.to_string(), name.as_str(), None),
            Author::Contact { id, name, email, user } => {
                (if *user { "user" } else { "lead" }, id.to_string(), name.as_str(), email.as_deref())
            }
            Author::Bot => ("bot", "0".to_owned(), "", None),
        };
        match self {
            Self::Id => vec![Datum::Id(source.id.0)],
            Self::Type if source.channel == ChannelKind::Email => text(Some("email")),
            Self::Type => text(Some("conversation")),
            Self::DeliveredAs => text(Some(source.author.delivered_as())),
            Self::Subject => {
                let of_mail = source.email.as_ref().and_then(|email| email.subject.as_deref());
                text(of_mail.or(thread.title.as_deref()))
            }
            Self::Body => text(Some(&source.body_text)),
            Self::AuthorId => text(Some(&id)),
            Self::AuthorType => text(Some(kind)),
            Self::AuthorName => text(Some(name)),
            Self::AuthorEmail => text(email),
            // Messages have no page of their own yet.
            Self::Url => Vec::new(),
        }
    }
}
