//! Contacts (OBJ-14).

use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::id::TagId;
use crate::domain::mail_choice::MailChoice;
use crate::http::api::wire::Wire;
use crate::http::api::wire::seconds;
use crate::http::api::wire::value;
use crate::http::api::wire::with;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// Facts of the compatible shape that are not recorded; they are there and empty, as clients expect.
const UNRECORDED: [&str; 19] = [
    "last_email_opened_at",
    "last_email_clicked_at",
    "browser",
    "browser_version",
    "browser_language",
    "os",
    "android_app_name",
    "android_app_version",
    "android_device",
    "android_os_version",
    "android_sdk_version",
    "android_last_seen_at",
    "ios_app_name",
    "ios_app_version",
    "ios_device",
    "ios_os_version",
    "ios_sdk_version",
    "ios_last_seen_at",
    "merge_history",
];

/// Notes and companies that are named beside a contact; all of them are at their own address.
const NAMED_MAX: usize = 10;

impl Wire {
    /// A contact in full.
    pub(crate) fn contact(&self, contact: &Contact) -> Value {
        let custom: Map<String, Value> =
            contact.custom_attributes.iter().map(|(name, kept)| (name.clone(), value(kept))).collect();
        let known = json!({
            "type": "contact",
            "id": contact.id.to_string(),
            "workspace_id": self.workspace_id,
            "external_id": contact.external_id,
            "role": compatible_role(contact.role),
            "email": contact.email.as_ref().map(ToString::to_string),
            "email_domain": contact.email.as_ref().map(|email| email.domain().to_owned()),
            "owner_id": contact.owner.map(|owner| owner.to_string()),
            "signed_up_at": seconds(contact.signed_up_at),
            "phone": contact.phone,
            "name": contact.name,
            "avatar": contact.avatar.as_ref().map(|url| json!({"type": "avatar", "image_url": url})),
            "has_hard_bounced": contact.has_hard_bounced,
            "marked_email_as_spam": contact.marked_email_as_spam,
            "unsubscribed_from_emails": contact.unsubscribed_from_emails,
            "created_at": contact.created_at.seconds(),
            "updated_at": contact.updated_at.seconds(),
            "last_seen_at": seconds(contact.last_seen_at),
            "last_replied_at": seconds(contact.last_replied_at),
            "last_contacted_at": seconds(contact.last_contacted_at),
            "language_override": contact.language_override,
            "custom_attributes": custom,
        });
        let empty: Map<String, Value> = UNRECORDED.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
        with(with(known, Value::Object(empty)), further(contact))
    }
}

/// Lists and additions.
fn further(contact: &Contact) -> Value {
    let listed = |noun: &str, type_word: &str, ids: Vec<String>| {
        let total = ids.len();
        let one = |id: &String| json!({"type": type_word, "id": id, "url": format!("/{noun}/{id}")});
        let data: Vec<Value> = ids.iter().rev().take(NAMED_MAX).map(one).collect();
        let url = format!("/contacts/{}/{noun}", contact.id);
        json!({"type": "list", "data": data, "url": url, "total_count": total, "has_more": total > NAMED_MAX})
    };
    let companies = contact.companies.iter().map(ToString::to_string).collect();
    let notes = contact.notes.iter().map(ToString::to_string).collect();
    json!({
        "tags": tags(contact),
        "notes": listed("notes", "note", notes),
        "companies": listed("companies", "company", companies),
        "location": {
            "type": "location", "country": contact.location.country, "region": contact.location.region,
            "city": contact.location.city,
        },
        "social_profiles": {"type": "list", "data": []},
        "deskgate": {
            "role": contact.role.as_str(),
            "email_verified": contact.email_verified,
            "blocked": contact.blocked,
            "archived": contact.archived_at.is_some(),
            "other_emails": contact.other_emails.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "display_name": contact.display_name(),
            "mail_choices": contact.mail_choices.iter().map(mail_choice).collect::<Vec<_>>(),
            "created_at_ms": contact.created_at.0,
            "updated_at_ms": contact.updated_at.0,
        },
    })
}

/// Who chose whether bulk mail is wanted (EML-81).
fn mail_choice(choice: &MailChoice) -> Value {
    json!({
        "unsubscribed": choice.unsubscribed,
        "by": {"type": choice.by.as_str(), "id": choice.by.agent().map(|agent| agent.to_string())},
        "at": choice.at.seconds(),
    })
}

/// References to its tags; their names are at `url`.
fn tags(contact: &Contact) -> Value {
    let tag = |id: &TagId| json!({"type": "tag", "id": id.to_string(), "url": format!("/tags/{id}")});
    let data: Vec<Value> = contact.tags.iter().map(tag).collect();
    let url = format!("/contacts/{}/tags", contact.id);
    json!({"type": "list", "total_count": data.len(), "data": data, "url": url, "has_more": false})
}

/// The compatible shape knows users and leads; a visitor is a lead that has not written yet.
fn compatible_role(role: ContactRole) -> &'static str {
    match role {
        ContactRole::User => "user",
        ContactRole::Lead | ContactRole::Visitor => "lead",
    }
}

/// A contact as others refer to it.
pub(crate) fn reference(contact: &Contact) -> Value {
    json!({"type": "contact", "id": contact.id.to_string(), "external_id": contact.external_id})
}

/// Contacts inside conversations and tickets.
pub(crate) fn references(contacts: &[Contact]) -> Value {
    json!({"type": "contact.list", "contacts": contacts.iter().map(reference).collect::<Vec<_>>()})
}
