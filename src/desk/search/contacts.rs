//! Search of contacts.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::people::companies::prune;
use crate::desk::people::contacts::is_listed;
use crate::desk::search::Found;
use crate::desk::search::Noun;
use crate::desk::search::Position;
use crate::desk::search::Sort;
use crate::desk::search::SortBy;
use crate::desk::search::contact_fields::ContactField;
use crate::desk::search::fields::kept;
use crate::desk::search::fields::only;
use crate::desk::search::fields::only_ids;
use crate::desk::search::fields::only_texts;
use crate::desk::search::run;
use crate::desk::search::threads::Search;
use crate::domain::address::Address;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::contact::Contact;
use crate::domain::id::ContactId;
use crate::domain::id::TagId;
use crate::domain::search::Condition;
use crate::domain::search::Datum;
use crate::domain::search::understand;
use crate::store;
use crate::store::contacts::SAME_EMAIL_MAX;
use crate::store::engine::ReadTx;
use crate::store::facts::ContactFact;

impl Desk {
    /// Contacts. Scope `read_contacts`.
    ///
    /// # Errors
    /// `Forbidden`; `invalid_field`, `data_invalid`.
    pub fn search_contacts(&self, caller: &Caller, search: &Search) -> Result<Found<Contact>> {
        require(caller, &[Scope::ReadContacts])?;
        Ok(self.inner.store.view(|tx| {
            let query = understand(&search.tree(), search.exact, &ContactField::named)?;
            let mut found = run(tx, &Contacts, &query, (search.sort, search.after, search.limit))?;
            for contact in &mut found.items {
                prune(tx, contact)?;
            }
            Ok(found)
        })?)
    }
}

struct Contacts;

impl Noun for Contacts {
    type Field = ContactField;
    type Row = Contact;

    fn named(
        &self,
        tx: &dyn ReadTx,
        condition: &Condition<ContactField>,
        limit: usize,
    ) -> store::Result<Option<Vec<u64>>> {
        if condition.field == ContactField::Id {
            return Ok(only_ids(condition));
        }
        let mut ids = Vec::new();
        match &condition.field {
            ContactField::Email => {
                let Some(texts) = only_texts(condition) else { return Ok(None) };
                for address in texts.into_iter().filter_map(Address::parse) {
                    let named = store::contacts::by_email(tx, &address)?;
                    // There may be more than the index is read for.
                    if named.len() >= SAME_EMAIL_MAX {
                        return Ok(None);
                    }
                    ids.extend(named.iter().map(|contact| contact.id.0));
                }
            }
            ContactField::Tags => {
                let Some(tags) = only_ids(condition) else { return Ok(None) };
                for tag in tags {
                    ids.extend(store::tags::contacts(tx, TagId(tag), limit)?.into_iter().map(|id| id.0));
                }
            }
            field => {
                let Some(facts) = facts(condition, field) else { return Ok(None) };
                for fact in facts {
                    ids.extend(store::facts::contacts(tx, &fact, limit)?.into_iter().map(|id| id.0));
                }
            }
        }
        Ok(Some(ids))
    }

    fn read(&self, tx: &dyn ReadTx, id: u64) -> store::Result<Option<Contact>> {
        store::contacts::get(tx, ContactId(id))
    }

    fn scan(&self, tx: &dyn ReadTx, sort: Sort, after: Option<Position>, limit: usize) -> store::Result<Vec<Contact>> {
        match sort.by {
            SortBy::UpdatedAt => store::contacts::by_update(tx, sort.ascending, after, limit),
            SortBy::CreatedAt => store::contacts::by_id(tx, sort.ascending, after.map(|(_, id)| ContactId(id)), limit),
        }
    }

    fn is_listed(&self, contact: &Contact) -> bool {
        is_listed(contact)
    }

    fn times(contact: &Contact) -> Position {
        (contact.updated_at.0, contact.id.0)
    }

    fn values(&self, _: &dyn ReadTx, contact: &Contact, field: &ContactField) -> store::Result<Vec<Datum>> {
        Ok(field.of(contact))
    }
}

/// Facts of which a contact that meets the condition has one; `None` where no fact tells.
fn facts(condition: &Condition<ContactField>, field: &ContactField) -> Option<Vec<ContactFact>> {
    let by_text = |fact: fn(String) -> ContactFact| {
        Some(only_texts(condition)?.into_iter().map(|text| fact(text.to_owned())).collect())
    };
    match field {
        ContactField::Owner => Some(only_ids(condition)?.into_iter().map(ContactFact::Owner).collect()),
        ContactField::Companies => Some(only_ids(condition)?.into_iter().map(ContactFact::Company).collect()),
        ContactField::Name => by_text(ContactFact::Name),
        ContactField::Phone => by_text(ContactFact::Phone),
        ContactField::EmailDomain => by_text(ContactFact::EmailDomain),
        ContactField::ExternalId => by_text(ContactFact::ExternalId),
        ContactField::Custom(name) => {
            let values = only(condition)?.iter().filter_map(kept);
            Some(values.map(|value| ContactFact::Custom(name.clone(), value)).collect())
        }
        _ => None,
    }
}
