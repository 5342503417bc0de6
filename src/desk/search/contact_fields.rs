//! Fields by which contacts are searched (API-31).

use crate::desk::search::fields::free_value;
use crate::desk::search::fields::text;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::id::Millis;
use crate::domain::search::Datum;
use crate::domain::search::Kind;

/// A field of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ContactField {
    Id,
    Role,
    Name,
    Email,
    EmailDomain,
    Phone,
    ExternalId,
    CreatedAt,
    UpdatedAt,
    LastSeenAt,
    LastRepliedAt,
    LastContactedAt,
    LanguageOverride,
    Unsubscribed,
    HardBounced,
    MarkedAsSpam,
    Blocked,
    Owner,
    Tags,
    Companies,
    SignedUpAt,
    Country,
    Region,
    City,
    Custom(String),
}

impl ContactField {
    pub(super) fn named(name: &str) -> Option<(Self, Kind)> {
        if let Some(name) = name.strip_prefix("custom_attributes.") {
            return Some((Self::Custom(name.to_owned()), Kind::Free));
        }
        Some(match name {
            "id" => (Self::Id, Kind::Contact),
            "role" => (Self::Role, Kind::Word),
            "name" => (Self::Name, Kind::Text),
            "email" => (Self::Email, Kind::Text),
            "email_domain" => (Self::EmailDomain, Kind::Text),
            "phone" => (Self::Phone, Kind::Text),
            "external_id" => (Self::ExternalId, Kind::Text),
            "created_at" => (Self::CreatedAt, Kind::Moment),
            "updated_at" => (Self::UpdatedAt, Kind::Moment),
            "last_seen_at" => (Self::LastSeenAt, Kind::Moment),
            "last_replied_at" => (Self::LastRepliedAt, Kind::Moment),
            "last_contacted_at" => (Self::LastContactedAt, Kind::Moment),
            "language_override" => (Self::LanguageOverride, Kind::Text),
            "unsubscribed_from_emails" => (Self::Unsubscribed, Kind::Flag),
            "has_hard_bounced" => (Self::HardBounced, Kind::Flag),
            "marked_email_as_spam" => (Self::MarkedAsSpam, Kind::Flag),
            "owner_id" => (Self::Owner, Kind::Id),
            "tag_id" | "tag_ids" => (Self::Tags, Kind::Id),
            "company_id" | "company_ids" => (Self::Companies, Kind::Contact),
            "signed_up_at" => (Self::SignedUpAt, Kind::Moment),
            "location.country" => (Self::Country, Kind::Text),
            "location.region" => (Self::Region, Kind::Text),
            "location.city" => (Self::City, Kind::Text),
            "blocked" => (Self::Blocked, Kind::Flag),
            _ => return None,
        })
    }

    /// What it holds.
    pub(super) fn of(&self, contact: &Contact) -> Vec<Datum> {
        let at = |at: Option<Millis>| at.map(Datum::moment).into_iter().collect();
        let flag = |yes: bool| vec![Datum::Flag(yes)];
        match self {
            Self::Id => vec![Datum::Id(contact.id.0)],
            Self::Role => match contact.role {
                ContactRole::User => vec![Datum::text("user")],
                // The compatible shape shows visitors as leads.
                ContactRole::Lead => vec![Datum::text("lead")],
                ContactRole::Visitor => vec![Datum::text("lead"), Datum::text("visitor")],
            },
            Self::Name => text(contact.name.as_deref()),
            Self::Email => text(contact.email.as_ref().map(ToString::to_string).as_deref()),
            Self::EmailDomain => text(contact.email.as_ref().map(|email| email.domain())),
            Self::Phone => text(contact.phone.as_deref()),
            Self::ExternalId => text(contact.external_id.as_deref()),
            Self::CreatedAt => at(Some(contact.created_at)),
            Self::UpdatedAt => at(Some(contact.updated_at)),
            Self::LastSeenAt => at(contact.last_seen_at),
            Self::LastRepliedAt => at(contact.last_replied_at),
            Self::LastContactedAt => at(contact.last_contacted_at),
            Self::LanguageOverride => text(contact.language_override.as_deref()),
            Self::Unsubscribed => flag(contact.unsubscribed_from_emails),
            Self::HardBounced => flag(contact.has_hard_bounced),
            Self::MarkedAsSpam => flag(contact.marked_email_as_spam),
            Self::Blocked => flag(contact.blocked),
            Self::Owner => contact.owner.map(|owner| Datum::Id(owner.0)).into_iter().collect(),
            Self::Tags => contact.tags.iter().map(|tag| Datum::Id(tag.0)).collect(),
            Self::Companies => contact.companies.iter().map(|company| Datum::Id(company.0)).collect(),
            Self::SignedUpAt => at(contact.signed_up_at),
            Self::Country => text(contact.location.country.as_deref()),
            Self::Region => text(contact.location.region.as_deref()),
            Self::City => text(contact.location.city.as_deref()),
            Self::Custom(name) => contact.custom_attributes.get(name).map(free_value).unwrap_or_default(),
        }
    }
}
