//! Stored form of contacts.

use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::contact::Location;
use crate::domain::id::AgentId;
use crate::domain::id::CompanyId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::NoteId;
use crate::domain::id::TagId;
use crate::domain::mail_choice::ChosenBy;
use crate::domain::mail_choice::MailChoice;
use crate::store::engine::Table;
use crate::store::facts;
use crate::store::key;
use crate::store::record;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::StoredAddress;
use crate::store::record::code::Code;
use crate::store::record::value::StoredValue;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "as the domain's type")]
pub(crate) struct StoredContact {
    id: u64,
    role: u8,
    external_id: Option<String>,
    email: Option<StoredAddress>,
    email_verified: bool,
    name: Option<String>,
    phone: Option<String>,
    avatar: Option<String>,
    custom_attributes: BTreeMap<String, StoredValue>,
    language_override: Option<String>,
    unsubscribed_from_emails: bool,
    marked_email_as_spam: bool,
    has_hard_bounced: bool,
    blocked: bool,
    created_at: u64,
    updated_at: u64,
    last_seen_at: Option<u64>,
    last_replied_at: Option<u64>,
    last_contacted_at: Option<u64>,
    tags: Vec<u64>,
    other_emails: Vec<StoredAddress>,
    owner: Option<u64>,
    signed_up_at: Option<u64>,
    companies: Vec<u64>,
    notes: Vec<u64>,
    archived_at: Option<u64>,
    merged_into: Option<u64>,
    deleted_at: Option<u64>,
    location: [Option<String>; 3],
    email_claimed: bool,
    mail_choices: Vec<StoredChoice>,
}

#[derive(Serialize, Deserialize)]
struct StoredChoice {
    unsubscribed: bool,
    by: StoredBy,
    at: u64,
}

/// Append only.
#[derive(Serialize, Deserialize)]
enum StoredBy {
    Contact,
    Complaint,
    Messenger,
    Agent(u64),
}

impl From<&MailChoice> for StoredChoice {
    fn from(choice: &MailChoice) -> Self {
        let by = match choice.by {
            ChosenBy::Contact => StoredBy::Contact,
            ChosenBy::Complaint => StoredBy::Complaint,
            ChosenBy::Messenger => StoredBy::Messenger,
            ChosenBy::Agent(agent) => StoredBy::Agent(agent.0),
        };
        Self { unsubscribed: choice.unsubscribed, by, at: choice.at.0 }
    }
}

impl From<StoredChoice> for MailChoice {
    fn from(stored: StoredChoice) -> Self {
        let by = match stored.by {
            StoredBy::Contact => ChosenBy::Contact,
            StoredBy::Complaint => ChosenBy::Complaint,
            StoredBy::Messenger => ChosenBy::Messenger,
            StoredBy::Agent(agent) => ChosenBy::Agent(AgentId(agent)),
        };
        Self { unsubscribed: stored.unsubscribed, by, at: Millis(stored.at) }
    }
}

/// Beginning of the rows of [`tables::CONTACTS_BY_EMAIL`] of one address; an address holds no control characters.
pub(crate) fn email_prefix(address: &str) -> Vec<u8> {
    key::joined(&[address.as_bytes(), &[0]])
}

impl Record for Contact {
    const TABLE: Table = tables::CONTACTS;
    const INDEXES: &'static [Table] = &[
        tables::CONTACTS_BY_EMAIL,
        tables::CONTACTS_BY_EXTERNAL_ID,
        tables::CONTACTS_BY_UPDATED,
        tables::CONTACTS_BY_FACT,
        tables::CONTACTS_BY_TAG,
    ];
    type Stored = StoredContact;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        let main = self.email.as_ref();
        let others = self.other_emails.iter().filter(|other| Some(*other) != main);
        let email = main.into_iter().chain(others).map(|address| {
            let row = key::joined(&[&email_prefix(&address.to_string()), &self.key()]);
            (tables::CONTACTS_BY_EMAIL, row)
        });
        let external_id = self.external_id.as_ref().map(|id| (tables::CONTACTS_BY_EXTERNAL_ID, id.as_bytes().to_vec()));
        let tags = self.tags.iter().map(|tag| (tables::CONTACTS_BY_TAG, key::two(tag.0, self.id.0)));
        let updated = (tables::CONTACTS_BY_UPDATED, key::two(self.updated_at.0, self.id.0));
        let named = email.chain(external_id).chain([updated]).chain(tags);
        named.chain(facts::rows_of_contact(self)).collect()
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredContact {
        StoredContact {
            id: self.id.0,
            role: self.role.code(),
            external_id: self.external_id.clone(),
            email: self.email.as_ref().map(record::stored_address),
            email_verified: self.email_verified,
            email_claimed: self.email_claimed,
            name: self.name.clone(),
            phone: self.phone.clone(),
            avatar: self.avatar.clone(),
            custom_attributes: self
                .custom_attributes
                .iter()
                .map(|(name, value)| (name.clone(), value.into()))
                .collect(),
            language_override: self.language_override.clone(),
            unsubscribed_from_emails: self.unsubscribed_from_emails,
            mail_choices: self.mail_choices.iter().map(StoredChoice::from).collect(),
            marked_email_as_spam: self.marked_email_as_spam,
            has_hard_bounced: self.has_hard_bounced,
            blocked: self.blocked,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
            last_seen_at: self.last_seen_at.map(|at| at.0),
            last_replied_at: self.last_replied_at.map(|at| at.0),
            last_contacted_at: self.last_contacted_at.map(|at| at.0),
            tags: self.tags.iter().map(|tag| tag.0).collect(),
            other_emails: self.other_emails.iter().map(record::stored_address).collect(),
            owner: self.owner.map(|id| id.0),
            signed_up_at: self.signed_up_at.map(|at| at.0),
            companies: self.companies.iter().map(|id| id.0).collect(),
            notes: self.notes.iter().map(|id| id.0).collect(),
            archived_at: self.archived_at.map(|at| at.0),
            merged_into: self.merged_into.map(|id| id.0),
            deleted_at: self.deleted_at.map(|at| at.0),
            location: [self.location.country.clone(), self.location.region.clone(), self.location.city.clone()],
        }
    }

    fn from_stored(stored: StoredContact) -> Restored<Self> {
        let [country, region, city] = stored.location;
        Ok(Self {
            id: ContactId(stored.id),
            role: ContactRole::of(stored.role)?,
            external_id: stored.external_id,
            email: stored.email.map(record::address),
            email_verified: stored.email_verified,
            email_claimed: stored.email_claimed,
            name: stored.name,
            phone: stored.phone,
            avatar: stored.avatar,
            custom_attributes: stored.custom_attributes.into_iter().map(|(name, value)| (name, value.into())).collect(),
            language_override: stored.language_override,
            unsubscribed_from_emails: stored.unsubscribed_from_emails,
            mail_choices: stored.mail_choices.into_iter().map(MailChoice::from).collect(),
            marked_email_as_spam: stored.marked_email_as_spam,
            has_hard_bounced: stored.has_hard_bounced,
            blocked: stored.blocked,
            created_at: Millis(stored.created_at),
            updated_at: Millis(stored.updated_at),
            last_seen_at: stored.last_seen_at.map(Millis),
            last_replied_at: stored.last_replied_at.map(Millis),
            last_contacted_at: stored.last_contacted_at.map(Millis),
            tags: stored.tags.into_iter().map(TagId).collect(),
            other_emails: stored.other_emails.into_iter().map(record::address).collect(),
            owner: stored.owner.map(AgentId),
            signed_up_at: stored.signed_up_at.map(Millis),
            companies: stored.companies.into_iter().map(CompanyId).collect(),
            notes: stored.notes.into_iter().map(NoteId).collect(),
            archived_at: stored.archived_at.map(Millis),
            merged_into: stored.merged_into.map(ContactId),
            deleted_at: stored.deleted_at.map(Millis),
            location: Location { country, region, city },
        })
    }
}
