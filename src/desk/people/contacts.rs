//! Contacts: find, create, change (OBJ-14, OBJ-20 to OBJ-24).

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::people::companies::prune;
use crate::desk::people::contact_acts::done_with;
use crate::desk::people::data_attributes;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::missing;
use crate::desk::thread::views::Page;
use crate::desk::thread::views::TOTAL_COUNTED_MAX;
use crate::domain::address::Address;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attribute::Value;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::contact::NAME_CHARS_MAX;
use crate::domain::contact::OTHER_EMAILS_MAX;
use crate::domain::data_attribute::DataModel;
use crate::domain::event::ContactAct;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::AgentId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::mail_choice::ChosenBy;
use crate::domain::refusal::Refusal;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use crate::store::save::save;
use std::collections::BTreeMap;

/// A contact as a caller names it (TCK-14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContactRef {
    /// By id.
    Id(ContactId),
    /// By the caller's own key.
    External(String),
    /// By address.
    Email(Address),
}

/// Facts to set. `None` leaves a fact alone, `Some(None)` clears it (API-4).
#[derive(Clone, Debug, Default)]
pub struct ContactFacts {
    /// User or lead.
    pub role: Option<ContactRole>,
    /// The caller's key.
    pub external_id: Option<Option<String>>,
    /// Where mail goes.
    pub email: Option<Option<Address>>,
    /// Shown name.
    pub name: Option<Option<String>>,
    /// Telephone.
    pub phone: Option<Option<String>>,
    /// Address of a picture.
    pub avatar: Option<Option<String>>,
    /// Free facts by name; `None` clears one.
    pub custom_attributes: Vec<(String, Option<Value>)>,
    /// Stops bulk mail.
    pub unsubscribed_from_emails: Option<bool>,
    /// Language of everything they read.
    pub language_override: Option<Option<String>>,
    /// The caller vouches for the address; only together with one (OBJ-23).
    pub email_verified: Option<bool>,
    /// Further addresses.
    pub other_emails: Option<Vec<Address>>,
    /// The agent who looks after them.
    pub owner: Option<Option<AgentId>>,
    /// When they became a user of the caller's product.
    pub signed_up_at: Option<Option<Millis>>,
    /// When the caller saw them last.
    pub last_seen_at: Option<Option<Millis>>,
    /// Where they are: country, region, city.
    pub location: [Option<Option<String>>; 3],
}

/// Pages looked through for one page of contacts.
const PAGES_LOOKED_AT_MAX: usize = 50;

impl Desk {
    /// One contact. Scope `read_contacts`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn contact(&self, caller: &Caller, id: ContactId) -> Result<Contact> {
        require(caller, &[Scope::ReadContacts])?;
        Ok(self.inner.store.view(|tx| {
            let mut contact = known(tx, id)?;
            prune(tx, &mut contact)?;
            Ok(contact)
        })?)
    }

    /// Contacts, newest first, behind `after`. Scope `read_contacts`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn contacts(&self, caller: &Caller, after: Option<ContactId>, limit: usize) -> Result<Page<Contact>> {
        require(caller, &[Scope::ReadContacts])?;
        Ok(self.inner.store.view(|tx| {
            let mut items = Vec::new();
            let mut before = after;
            for _ in 0..PAGES_LOOKED_AT_MAX {
                let rows = store::contacts::newest(tx, before, limit.saturating_add(1))?;
                let Some(last) = rows.last() else { break };
                before = Some(last.id);
                items.extend(rows.into_iter().filter(is_listed));
                if items.len() > limit {
                    break;
                }
            }
            let has_more = items.len() > limit;
            items.truncate(limit);
            for contact in &mut items {
                prune(tx, contact)?;
            }
            Ok(Page { items, total: store::contacts::count(tx, TOTAL_COUNTED_MAX)?, has_more })
        })?)
    }

    /// The contact a caller names. Scope `read_contacts`.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when several contacts have the address (OBJ-21).
    pub fn find_contact(&self, caller: &Caller, by: &ContactRef) -> Result<Contact> {
        require(caller, &[Scope::ReadContacts])?;
        Ok(self.inner.store.view(|tx| resolve(tx, by))?)
    }

    /// Every contact with that address (OBJ-21), at most 20. Scope `read_contacts`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn contacts_with_email(&self, caller: &Caller, address: &Address) -> Result<Vec<Contact>> {
        require(caller, &[Scope::ReadContacts])?;
        Ok(self.inner.store.view(|tx| store::contacts::by_email(tx, address))?)
    }

    /// Makes a contact; a lead unless a role or an external id says otherwise. Scope `write_contacts`. Event
    /// `ContactUpdated`.
    ///
    /// # Errors
    /// `Conflict` when the external id is taken, `Invalid` for values over their limits and for an address of ours or
    /// an agent's (PAR-7).
    pub async fn create_contact(&self, caller: &Caller, facts: ContactFacts) -> Result<Contact> {
        require(caller, &[Scope::WriteContacts])?;
        let (inner, at) = (self.inner.clone(), At::of(&self.inner.clock));
        let by = ChosenBy::Agent(caller.agent);
        let created = self.inner.store.update(move |tx| {
            let has_key = matches!(facts.external_id, Some(Some(_)));
            let role = if has_key { ContactRole::User } else { ContactRole::Lead };
            let mut contact = Contact::new(ContactId(at.id()), role, at.now);
            inner.refuse_our_addresses(tx, &contact, &facts)?;
            apply(tx, &mut contact, &facts, by, &at)?;
            save(tx, &updated(contact.clone(), &at))?;
            Ok(contact)
        });
        Ok(created.await?)
    }

    /// Changes a contact. Scope `write_contacts`. Event `ContactUpdated`.
    ///
    /// # Errors
    /// As [`Desk::create_contact`], and `NotFound`.
    pub async fn update_contact(&self, caller: &Caller, id: ContactId, facts: ContactFacts) -> Result<Contact> {
        require(caller, &[Scope::WriteContacts])?;
        let (inner, at) = (self.inner.clone(), At::of(&self.inner.clock));
        let by = ChosenBy::Agent(caller.agent);
        let changed = self.inner.store.update(move |tx| {
            let before = known(tx, id)?;
            let mut contact = before.clone();
            inner.refuse_our_addresses(tx, &before, &facts)?;
            apply(tx, &mut contact, &facts, by, &at)?;
            save(tx, &done_with(contact.clone(), &acts(&before, &contact), &at))?;
            Ok(contact)
        });
        Ok(changed.await?)
    }
}

impl Inner {
    /// Addresses that are new to the contact are nobody's of the house; what it had before stays (PAR-7).
    fn refuse_our_addresses(&self, tx: &dyn ReadTx, before: &Contact, facts: &ContactFacts) -> store::Result<()> {
        let main = facts.email.iter().flatten().map(|address| ("email", address));
        let others = facts.other_emails.iter().flatten().map(|address| ("other_emails", address));
        let mut new = main.chain(others).filter(|(_, address)| !before.has_email(address));
        new.try_for_each(|(field, address)| self.refuse_our_address(tx, field, address))
    }
}

/// Whether lists and searches have it: it is there, and not archived.
pub(crate) fn is_listed(contact: &Contact) -> bool {
    contact.is_there() && contact.archived_at.is_none()
}

/// The contact a reference names.
pub(crate) fn resolve(tx: &dyn ReadTx, by: &ContactRef) -> store::Result<Contact> {
    match by {
        ContactRef::Id(id) => known(tx, *id),
        ContactRef::External(key) => store::contacts::by_external_id(tx, key)?.ok_or_else(|| missing("contact")),
        ContactRef::Email(address) => {
            let mut found = store::contacts::by_email(tx, address)?;
            match (found.pop(), found.is_empty()) {
                (Some(only), true) => Ok(only),
                (None, _) => Err(missing("contact")),
                (Some(_), false) => Err(store::Error::Refused(Refusal::Conflict {
                    message: format!("several contacts have the address {address}; name one by id"),
                })),
            }
        }
    }
}

impl Desk {
    /// The contact that an operator names by id, address or the caller's key.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for an address of several.
    pub fn contact_named(&self, text: &str) -> Result<Contact> {
        let by = match (text.parse(), Address::parse(text)) {
            (Ok(id), _) => ContactRef::Id(id),
            (_, Some(address)) => ContactRef::Email(address),
            (_, None) => ContactRef::External(text.to_owned()),
        };
        Ok(self.inner.store.view(|tx| resolve(tx, &by))?)
    }
}

/// The contact a reference names; an address nobody has makes a lead (TCK-14).
pub(crate) fn resolve_or_lead(tx: &mut dyn WriteTx, by: &ContactRef, at: &At) -> store::Result<Contact> {
    match (resolve(tx, by), by) {
        (Err(store::Error::Refused(Refusal::NotFound { .. })), ContactRef::Email(address)) => {
            let mut lead = Contact::new(ContactId(at.id()), ContactRole::Lead, at.now);
            lead.email = Some(address.clone());
            save(tx, &updated(lead.clone(), at))?;
            Ok(lead)
        }
        (found, _) => found,
    }
}

/// A contact saved with its event.
pub(crate) fn updated(contact: Contact, at: &At) -> Change {
    let event = Event {
        kind: EventKind::ContactUpdated(contact.id),
        thread: None,
        at: at.now,
        thread_state: None,
        ticket_state: None,
        cause: None,
    };
    Change { contacts: vec![contact], events: vec![event], ..Change::default() }
}

/// What a change of facts means to those who are told of more than changes (WHK-12).
pub(crate) fn acts(before: &Contact, now: &Contact) -> Vec<ContactAct> {
    let mut acts = Vec::new();
    if now.email.is_some() && now.email != before.email {
        acts.push(if before.email.is_none() { ContactAct::EmailAdded } else { ContactAct::EmailChanged });
    }
    match (before.role, now.role) {
        (ContactRole::Lead, ContactRole::User) => acts.push(ContactAct::SignedUp),
        (ContactRole::Visitor, ContactRole::Lead | ContactRole::User) => acts.push(ContactAct::VisitorSignedUp),
        _ => {}
    }
    if now.unsubscribed_from_emails != before.unsubscribed_from_emails {
        let unsubscribed = now.unsubscribed_from_emails;
        acts.push(if unsubscribed { ContactAct::Unsubscribed } else { ContactAct::Subscribed });
    }
    acts
}

/// Puts facts into a contact.
pub(crate) fn apply(
    tx: &dyn ReadTx,
    contact: &mut Contact,
    facts: &ContactFacts,
    by: ChosenBy,
    at: &At,
) -> store::Result<()> {
    if let Some(Some(key)) = &facts.external_id {
        let holder = store::contacts::by_external_id(tx, key)?.filter(|holder| holder.id != contact.id);
        if let Some(holder) = holder {
            let message = format!("external_id '{key}' belongs to contact {}", holder.id);
            return Err(store::Error::Refused(Refusal::Conflict { message }));
        }
    }
    check_lengths(facts).map_err(store::Error::Refused)?;
    set(&mut contact.external_id, facts.external_id.as_ref());
    set(&mut contact.name, facts.name.as_ref());
    set(&mut contact.phone, facts.phone.as_ref());
    set(&mut contact.avatar, facts.avatar.as_ref());
    set(&mut contact.language_override, facts.language_override.as_ref());
    let [country, region, city] = &facts.location;
    set(&mut contact.location.country, country.as_ref());
    set(&mut contact.location.region, region.as_ref());
    set(&mut contact.location.city, city.as_ref());
    if let Some(email) = &facts.email {
        if contact.email != *email {
            contact.email_verified = false;
            contact.has_hard_bounced = false;
        }
        // Whoever calls vouches for it.
        contact.email_claimed = false;
        contact.email.clone_from(email);
    }
    if let Some(verified) = facts.email_verified.filter(|_| contact.email.is_some()) {
        contact.email_verified = verified;
        contact.email_claimed &= !verified;
    }
    if let Some(others) = &facts.other_emails {
        contact.other_emails.clone_from(others);
    }
    if let Some(Some(owner)) = facts.owner {
        let there = store::agents::get(tx, owner)?.filter(|agent| !agent.disabled);
        there.ok_or_else(|| store::Error::Refused(Refusal::invalid("owner_id", format!("{owner} is no agent"))))?;
    }
    contact.owner = facts.owner.unwrap_or(contact.owner);
    contact.signed_up_at = facts.signed_up_at.unwrap_or(contact.signed_up_at);
    contact.last_seen_at = facts.last_seen_at.unwrap_or(contact.last_seen_at);
    if let Some(role) = facts.role {
        contact.role = role;
    }
    if let Some(unsubscribed) = facts.unsubscribed_from_emails {
        contact.choose_mail(unsubscribed, by, at.now);
    }
    let custom = data_attributes::accepted(tx, DataModel::Contact, &facts.custom_attributes)?;
    set_custom(&mut contact.custom_attributes, &custom);
    contact.updated_at = at.now;
    Ok(())
}

fn set(place: &mut Option<String>, fact: Option<&Option<String>>) {
    if let Some(value) = fact {
        place.clone_from(value);
    }
}

/// The contact of that id that can be found and changed.
pub(crate) fn known(tx: &dyn ReadTx, id: ContactId) -> store::Result<Contact> {
    let found = store::contacts::get(tx, id)?.ok_or_else(|| missing("contact"))?;
    match found.merged_into {
        Some(into) => Err(store::Error::Refused(Refusal::Merged { into: survivor(tx, into)? })),
        None if found.deleted_at.is_some() => Err(missing("contact")),
        None => Ok(found),
    }
}

/// The last one of a chain of merged contacts (OBJ-20).
pub(crate) fn survivor(tx: &dyn ReadTx, mut id: ContactId) -> store::Result<ContactId> {
    for _ in 0..MERGES_FOLLOWED_MAX {
        match store::contacts::get(tx, id)?.and_then(|contact| contact.merged_into) {
            Some(next) => id = next,
            None => break,
        }
    }
    Ok(id)
}

/// Merged contacts that are followed; only leads go into users, so chains are short, this is the belt to it.
const MERGES_FOLLOWED_MAX: usize = 20;

/// Sets free facts; `None` clears one.
pub(crate) fn set_custom(facts: &mut BTreeMap<String, Value>, changes: &[(String, Option<Value>)]) {
    for (name, value) in changes {
        match value {
            Some(value) => facts.insert(name.clone(), value.clone()),
            None => facts.remove(name),
        };
    }
}

/// Most free facts of one change.
const CUSTOM_ATTRIBUTES_MAX: usize = 250;
/// Longest text of a free fact, in characters.
const CUSTOM_TEXT_CHARS_MAX: usize = 255;

fn check_lengths(facts: &ContactFacts) -> std::result::Result<(), Refusal> {
    let [country, region, city] = &facts.location;
    let texts = [
        ("external_id", &facts.external_id),
        ("name", &facts.name),
        ("phone", &facts.phone),
        ("language_override", &facts.language_override),
        ("location.country", country),
        ("location.region", region),
        ("location.city", city),
    ];
    for (field, value) in texts {
        let Some(Some(text)) = value else { continue };
        if text.is_empty() || text.chars().count() > NAME_CHARS_MAX || text.chars().any(char::is_control) {
            let message = format!("{field} takes 1 to {NAME_CHARS_MAX} characters without control characters");
            return Err(Refusal::invalid(field, message));
        }
    }
    if facts.other_emails.as_ref().is_some_and(|others| others.len() > OTHER_EMAILS_MAX) {
        return Err(Refusal::invalid("other_emails", format!("at most {OTHER_EMAILS_MAX} further addresses")));
    }
    check_custom(&facts.custom_attributes)
}

/// Free facts have limits.
pub(crate) fn check_custom(facts: &[(String, Option<Value>)]) -> std::result::Result<(), Refusal> {
    if facts.len() > CUSTOM_ATTRIBUTES_MAX {
        let message = format!("at most {CUSTOM_ATTRIBUTES_MAX} custom attributes");
        return Err(Refusal::invalid("custom_attributes", message));
    }
    for (name, value) in facts {
        let too_long = matches!(value, Some(Value::Text(text)) if text.chars().count() > CUSTOM_TEXT_CHARS_MAX);
        if too_long || name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
            let message = format!("custom attribute '{name}' takes at most {CUSTOM_TEXT_CHARS_MAX} characters");
            return Err(Refusal::invalid("custom_attributes", message));
        }
    }
    Ok(())
}
