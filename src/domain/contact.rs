//! People who write to the desk (OBJ-14, OBJ-15).

use crate::domain::address::Address;
use crate::domain::attribute::Value;
use crate::domain::id::AgentId;
use crate::domain::id::CompanyId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::NoteId;
use crate::domain::id::TagId;
use crate::domain::mail_choice::ChosenBy;
use crate::domain::mail_choice::MAIL_CHOICES_MAX;
use crate::domain::mail_choice::MailChoice;
use std::collections::BTreeMap;

/// How well a person is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContactRole {
    /// Known to the customer's product by `external_id`, or proven.
    User,
    /// Wrote to the desk, nothing more is known.
    Lead,
    /// Looked at the messenger and has written nothing yet.
    Visitor,
}

impl ContactRole {
    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Lead => "lead",
            Self::Visitor => "visitor",
        }
    }
}

/// A contact.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent fact of OBJ-14")]
pub struct Contact {
    /// Never changes.
    pub id: ContactId,
    /// User, lead or visitor.
    pub role: ContactRole,
    /// The caller's key for a user; unique.
    pub external_id: Option<String>,
    /// Where mail goes. Several users may share one (OBJ-21).
    pub email: Option<Address>,
    /// Proven by incoming mail, a signed token or an import (OBJ-23).
    pub email_verified: bool,
    /// Only said in the messenger, where anybody can say anything; nobody vouches for it.
    pub email_claimed: bool,
    /// As given; cleaned of controls, at most 256 characters.
    pub name: Option<String>,
    /// As given.
    pub phone: Option<String>,
    /// Address of a picture.
    pub avatar: Option<String>,
    /// Free facts, by name.
    pub custom_attributes: BTreeMap<String, Value>,
    /// Overrides the language for everything this contact reads (I18-1).
    pub language_override: Option<String>,
    /// Stops bulk mail, not answers (NTF-14).
    pub unsubscribed_from_emails: bool,
    /// Who chose that and who took it back (EML-81), oldest first, at most [`MAIL_CHOICES_MAX`].
    pub mail_choices: Vec<MailChoice>,
    /// A complaint came in (BRC-53).
    pub marked_email_as_spam: bool,
    /// The address does not exist (EML-82).
    pub has_hard_bounced: bool,
    /// May not write (MSG-62).
    pub blocked: bool,
    /// First seen.
    pub created_at: Millis,
    /// Last change of the record.
    pub updated_at: Millis,
    /// Last time in the messenger.
    pub last_seen_at: Option<Millis>,
    /// Last human comment.
    pub last_replied_at: Option<Millis>,
    /// Last comment of an agent to them.
    pub last_contacted_at: Option<Millis>,
    /// Put on by agents (OBJ-18).
    pub tags: Vec<TagId>,
    /// Further addresses that are theirs, at most [`OTHER_EMAILS_MAX`]; mail from them is theirs too.
    pub other_emails: Vec<Address>,
    /// The agent who looks after them.
    pub owner: Option<AgentId>,
    /// When they became a user of the customer's product, as the caller says.
    pub signed_up_at: Option<Millis>,
    /// Where they belong to (OBJ-16).
    pub companies: Vec<CompanyId>,
    /// Notes on it, oldest first (OBJ-18).
    pub notes: Vec<NoteId>,
    /// Out of sight since then.
    pub archived_at: Option<Millis>,
    /// The contact everything of this one went to (OBJ-20).
    pub merged_into: Option<ContactId>,
    /// Deleted since then: only the id is left, for what still names it.
    pub deleted_at: Option<Millis>,
    /// Where they are, as the caller says; there is no database of addresses here.
    pub location: Location,
}

/// Where a contact is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// Country, in the caller's words.
    pub country: Option<String>,
    /// Region or state.
    pub region: Option<String>,
    /// City.
    pub city: Option<String>,
}

/// Longest name kept, in characters.
pub const NAME_CHARS_MAX: usize = 256;
/// Most further addresses of a contact.
pub const OTHER_EMAILS_MAX: usize = 50;

impl Contact {
    /// Whether mail from the address is taken to be theirs (EML-40): one that was proven, or that an agent or a caller of the API
    /// told, and never one that somebody only said in the messenger.
    #[must_use]
    pub fn sends_from(&self, address: &Address) -> bool {
        if self.email.as_ref() == Some(address) { !self.email_claimed } else { self.other_emails.contains(address) }
    }

    /// Says whether bulk mail is wanted; what is so already is no choice (EML-81).
    pub fn choose_mail(&mut self, unsubscribed: bool, by: ChosenBy, at: Millis) {
        if self.unsubscribed_from_emails != unsubscribed {
            self.unsubscribed_from_emails = unsubscribed;
            self.keep_choices(&[MailChoice { unsubscribed, by, at }]);
        }
    }

    /// Puts choices among those that are kept, by time.
    pub fn keep_choices(&mut self, more: &[MailChoice]) {
        self.mail_choices.extend_from_slice(more);
        self.mail_choices.sort_by_key(|choice| choice.at);
        let too_many = self.mail_choices.len().saturating_sub(MAIL_CHOICES_MAX);
        self.mail_choices.drain(..too_many);
    }

    /// A new contact of whom only the id is known.
    #[must_use]
    pub fn new(id: ContactId, role: ContactRole, now: Millis) -> Self {
        Self {
            id,
            role,
            external_id: None,
            email: None,
            email_verified: false,
            email_claimed: false,
            name: None,
            phone: None,
            avatar: None,
            custom_attributes: BTreeMap::new(),
            language_override: None,
            unsubscribed_from_emails: false,
            mail_choices: Vec::new(),
            marked_email_as_spam: false,
            has_hard_bounced: false,
            blocked: false,
            created_at: now,
            updated_at: now,
            last_seen_at: None,
            last_replied_at: None,
            last_contacted_at: None,
            tags: Vec::new(),
            other_emails: Vec::new(),
            owner: None,
            signed_up_at: None,
            companies: Vec::new(),
            notes: Vec::new(),
            archived_at: None,
            merged_into: None,
            deleted_at: None,
            location: Location::default(),
        }
    }

    /// Whether it can be found and changed: neither deleted nor merged.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.deleted_at.is_none() && self.merged_into.is_none()
    }

    /// Whether it has that address.
    #[must_use]
    pub fn has_email(&self, address: &Address) -> bool {
        self.email.as_ref() == Some(address) || self.other_emails.contains(address)
    }

    /// What stays when it is deleted or merged: nothing of the person.
    #[must_use]
    pub fn tombstone(&self, now: Millis) -> Self {
        let bare = Self::new(self.id, self.role, self.created_at);
        Self { updated_at: now, blocked: self.blocked, ..bare }
    }

    /// The name to show: the given one, else the address, else a two-word pseudonym made from the id (OBJ-22).
    #[must_use]
    pub fn display_name(&self) -> String {
        match (&self.name, &self.email) {
            (Some(name), _) => name.clone(),
            (None, Some(email)) => email.to_string(),
            (None, None) => pseudonym(self.id),
        }
    }

    /// The first word of the name, for greetings.
    #[must_use]
    pub fn first_name(&self) -> Option<&str> {
        self.name.as_deref().and_then(|name| name.split_whitespace().next())
    }
}

const COLOURS: [&str; 16] = [
    "Amber", "Azure", "Coral", "Crimson", "Emerald", "Golden", "Indigo", "Ivory", "Jade", "Lilac", "Olive", "Pearl",
    "Ruby", "Sienna", "Silver", "Teal",
];
const THINGS: [&str; 16] = [
    "Anchor", "Bridge", "Compass", "Comet", "Falcon", "Garden", "Harbour", "Island", "Lantern", "Meadow", "Orchard",
    "Puffin", "River", "Sparrow", "Valley", "Willow",
];

fn pseudonym(id: ContactId) -> String {
    let mixed = id.0.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let pick = |words: &[&'static str; 16], shift: u32| {
        let at = usize::try_from((mixed >> shift) & 15).unwrap_or(0);
        words.get(at).copied().unwrap_or("Quiet")
    };
    format!("{} {}", pick(&COLOURS, 60), pick(&THINGS, 52))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn obj_22_a_lead_without_name_shows_the_same_two_words_always() {
        let lead = Contact::new(ContactId(77), ContactRole::Lead, Millis(0));
        assert_eq!(lead.display_name().split(' ').count(), 2);
        assert_eq!(lead.display_name(), lead.display_name());
    }
}
