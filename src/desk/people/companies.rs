//! Companies: find, create, change, delete, and who belongs to them (OBJ-16, API-27).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::people::contacts::check_custom;
use crate::desk::people::contacts::known;
use crate::desk::people::contacts::set_custom;
use crate::desk::people::contacts::updated;
use crate::desk::people::data_attributes;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::missing;
use crate::desk::thread::tags::named;
use crate::desk::thread::views::Page;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attribute::Value;
use crate::domain::company::COMPANIES_PER_CONTACT_MAX;
use crate::domain::company::Company;
use crate::domain::contact::Contact;
use crate::domain::contact::NAME_CHARS_MAX;
use crate::domain::data_attribute::DataModel;
use crate::domain::event::CompanyAct;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::CompanyId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::refusal::Refusal;
use crate::domain::tag::Tag;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::facts::ContactFact;
use crate::store::save::Change;
use crate::store::save::save;

/// Contacts of one company are counted up to here.
const CONTACTS_COUNTED_MAX: usize = 10_000;
/// Companies looked through for one page, deleted ones included.
const LOOKED_THROUGH_MAX: usize = 2_000;

/// A company as a caller names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompanyRef {
    /// By id.
    Id(CompanyId),
    /// By the caller's own key.
    Key(String),
}

/// Facts to set. `None` leaves a fact alone, `Some(None)` clears it (API-4).
#[derive(Clone, Debug, Default)]
pub struct CompanyFacts {
    /// Shown name.
    pub name: Option<Option<String>>,
    /// What it pays for.
    pub plan: Option<Option<String>>,
    /// Address of its site.
    pub website: Option<Option<String>>,
    /// What it does.
    pub industry: Option<Option<String>>,
    /// People who work there.
    pub size: Option<Option<u64>>,
    /// What it spends in a month.
    pub monthly_spend: Option<Option<u64>>,
    /// When the caller made it.
    pub remote_created_at: Option<Option<Millis>>,
    /// Free facts by name; `None` clears one.
    pub custom_attributes: Vec<(String, Option<Value>)>,
}

/// A company with what is shown beside it.
#[derive(Clone, Debug)]
pub struct CompanyView {
    /// The company.
    pub company: Company,
    /// Contacts that belong to it, counted up to 10,000.
    pub contacts: usize,
    /// Its tags.
    pub tags: Vec<Tag>,
}

impl Desk {
    /// One company. Scope `read_contacts`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn company(&self, caller: &Caller, by: &CompanyRef) -> Result<CompanyView> {
        require(caller, &[Scope::ReadContacts])?;
        Ok(self.inner.store.view(|tx| {
            let company = resolve(tx, by)?;
            view(tx, company)
        })?)
    }

    /// Companies of that name, at most 150. Scope `read_contacts`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn companies_named(&self, caller: &Caller, name: &str) -> Result<Vec<CompanyView>> {
        require(caller, &[Scope::ReadContacts])?;
        Ok(self.inner.store.view(|tx| {
            let found = store::companies::by_name(tx, name)?;
            found.into_iter().map(|company| view(tx, company)).collect()
        })?)
    }

    /// Companies, newest first, behind `after`. Scope `read_contacts`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn companies(&self, caller: &Caller, after: Option<CompanyId>, limit: usize) -> Result<Page<CompanyView>> {
        require(caller, &[Scope::ReadContacts])?;
        Ok(self.inner.store.view(|tx| {
            let mut items = store::companies::newest(tx, after, LOOKED_THROUGH_MAX)?;
            items.retain(|company| company.deleted_at.is_none());
            let has_more = items.len() > limit;
            let total = store::companies::count(tx, CONTACTS_COUNTED_MAX)?;
            items.truncate(limit);
            let items = items.into_iter().map(|company| view(tx, company)).collect::<store::Result<_>>()?;
            Ok(Page { items, total, has_more })
        })?)
    }

    /// Makes a company, or changes the one that is named; a key nobody has makes one. Scope `write_contacts`. Event
    /// `CompanyChanged`.
    ///
    /// # Errors
    /// `NotFound` for an unknown id, `Invalid` for values over their limits.
    pub async fn put_company(
        &self,
        caller: &Caller,
        by: Option<CompanyRef>,
        facts: CompanyFacts,
    ) -> Result<CompanyView> {
        require(caller, &[Scope::WriteContacts])?;
        check(&facts)?;
        if let Some(CompanyRef::Key(own)) = &by {
            check_text("company_id", own)?;
        }
        let at = At::of(&self.inner.clock);
        let put = self.inner.store.update(move |tx| {
            let found = match &by {
                None => None,
                Some(CompanyRef::Id(_)) => by.as_ref().map(|by| resolve(&*tx, by)).transpose()?,
                Some(CompanyRef::Key(own)) => store::companies::by_key(&*tx, own)?,
            };
            let act = if found.is_some() { CompanyAct::Updated } else { CompanyAct::Created };
            let mut company = found.unwrap_or_else(|| Company::new(CompanyId(at.id()), at.now));
            if let Some(CompanyRef::Key(own)) = &by {
                company.key = Some(own.clone());
            }
            apply(&mut company, &facts);
            let custom = data_attributes::accepted(&*tx, DataModel::Company, &facts.custom_attributes)?;
            set_custom(&mut company.custom_attributes, &custom);
            company.updated_at = at.now;
            store::companies::put(tx, &company)?;
            save(tx, &said(company.id, act, None, &at))?;
            view(&*tx, company)
        });
        Ok(put.await?)
    }

    /// Deletes a company; contacts and threads lose it. Scope `write_contacts`. Event `CompanyChanged`.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_company(&self, caller: &Caller, id: CompanyId) -> Result<()> {
        require(caller, &[Scope::WriteContacts])?;
        let at = At::of(&self.inner.clock);
        let deleted = self.inner.store.update(move |tx| {
            let company = resolve(&*tx, &CompanyRef::Id(id))?;
            store::companies::put(tx, &company.tombstone(at.now))?;
            for note in &company.notes {
                if let Some(note) = store::notes::get(&*tx, *note)? {
                    store::notes::delete(tx, &note)?;
                }
            }
            save(tx, &said(id, CompanyAct::Deleted, None, &at)).map(drop)
        });
        Ok(deleted.await?)
    }

    /// Says that a contact belongs to a company, or does not any more; what is so already changes nothing. Scope
    /// `write_contacts`. Events `CompanyChanged`, `ContactUpdated`.
    ///
    /// # Errors
    /// `NotFound` for contact or company, and when the contact is taken out where it was not.
    pub async fn belong(&self, caller: &Caller, contact: ContactId, id: CompanyId, on: bool) -> Result<CompanyView> {
        require(caller, &[Scope::WriteContacts])?;
        let at = At::of(&self.inner.clock);
        let done = self.inner.store.update(move |tx| {
            let company = resolve(&*tx, &CompanyRef::Id(id))?;
            let mut contact = known(&*tx, contact)?;
            let was = contact.companies.contains(&id);
            if !on && !was {
                return Err(missing("company"));
            }
            if on != was {
                let there = prune(&*tx, &mut contact)?;
                if on && there >= COMPANIES_PER_CONTACT_MAX {
                    let message = format!("a contact belongs to at most {COMPANIES_PER_CONTACT_MAX} companies");
                    return Err(store::Error::Refused(Refusal::invalid("id", message)));
                }
                contact.companies.retain(|other| *other != id);
                contact.companies.extend(on.then_some(id));
                contact.updated_at = at.now;
                let act = if on { CompanyAct::Attached } else { CompanyAct::Detached };
                let mut change = said(id, act, Some(contact.id), &at);
                let own = updated(contact, &at);
                change.contacts = own.contacts;
                change.events.extend(own.events);
                save(tx, &change)?;
            }
            view(&*tx, company)
        });
        Ok(done.await?)
    }

    /// The companies a contact belongs to. Scope `read_contacts`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn companies_of(&self, caller: &Caller, contact: ContactId) -> Result<Vec<CompanyView>> {
        require(caller, &[Scope::ReadContacts])?;
        Ok(self.inner.store.view(|tx| {
            let contact = known(tx, contact)?;
            let mut found = Vec::new();
            for id in &contact.companies {
                found.extend(store::companies::get(tx, *id)?.map(|company| view(tx, company)).transpose()?);
            }
            Ok(found)
        })?)
    }

    /// Contacts of a company, oldest first, at most `limit`. Scope `read_contacts`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn contacts_of_company(&self, caller: &Caller, id: CompanyId, limit: usize) -> Result<Vec<Contact>> {
        require(caller, &[Scope::ReadContacts])?;
        Ok(self.inner.store.view(|tx| {
            resolve(tx, &CompanyRef::Id(id))?;
            let mut found = Vec::new();
            for contact in store::facts::contacts(tx, &ContactFact::Company(id.0), limit)? {
                found.extend(store::contacts::get(tx, contact)?);
            }
            Ok(found)
        })?)
    }
}

/// Sets the company a thread is about. Event `CompanySet` when that is news.
pub(crate) fn set_of_thread(tx: &dyn ReadTx, draft: &mut Draft, company: Option<CompanyId>) -> store::Result<()> {
    if let Some(id) = company {
        let found = store::companies::get(tx, id)?;
        found.ok_or_else(|| {
            store::Error::Refused(Refusal::invalid("company_id", format!("there is no company {id}")))
        })?;
    }
    if draft.thread.company != company {
        draft.thread.company = company;
        draft.thread.updated_at = draft.at.now;
        draft.note(EventKind::CompanySet { company }, None);
    }
    Ok(())
}

/// The company with what is shown beside it.
pub(crate) fn view(tx: &dyn ReadTx, company: Company) -> store::Result<CompanyView> {
    let contacts = store::facts::count_contacts(tx, &ContactFact::Company(company.id.0), CONTACTS_COUNTED_MAX)?;
    Ok(CompanyView { contacts, tags: named(tx, &company.tags)?, company })
}

/// Takes deleted companies off a contact; returns how many are left.
pub(crate) fn prune(tx: &dyn ReadTx, contact: &mut Contact) -> store::Result<usize> {
    let mut left = Vec::with_capacity(contact.companies.len());
    for id in &contact.companies {
        left.extend(store::companies::get(tx, *id)?.map(|company| company.id));
    }
    contact.companies = left;
    Ok(contact.companies.len())
}

/// The company a reference names.
pub(crate) fn resolve(tx: &dyn ReadTx, by: &CompanyRef) -> store::Result<Company> {
    let found = match by {
        CompanyRef::Id(id) => store::companies::get(tx, *id)?,
        CompanyRef::Key(own) => store::companies::by_key(tx, own)?,
    };
    found.ok_or_else(|| missing("company"))
}

pub(crate) fn said(company: CompanyId, act: CompanyAct, contact: Option<ContactId>, at: &At) -> Change {
    let kind = EventKind::CompanyChanged { company, act, contact };
    let event = Event { kind, thread: None, at: at.now, thread_state: None, ticket_state: None, cause: None };
    Change { events: vec![event], ..Change::default() }
}

pub(crate) fn apply(company: &mut Company, facts: &CompanyFacts) {
    let texts = [
        (&mut company.name, &facts.name),
        (&mut company.plan, &facts.plan),
        (&mut company.website, &facts.website),
        (&mut company.industry, &facts.industry),
    ];
    for (place, fact) in texts {
        if let Some(value) = fact {
            place.clone_from(value);
        }
    }
    company.size = facts.size.unwrap_or(company.size);
    company.monthly_spend = facts.monthly_spend.unwrap_or(company.monthly_spend);
    company.remote_created_at = facts.remote_created_at.unwrap_or(company.remote_created_at);
}

pub(crate) fn check(facts: &CompanyFacts) -> std::result::Result<(), Refusal> {
    let texts =
        [("name", &facts.name), ("plan", &facts.plan), ("website", &facts.website), ("industry", &facts.industry)];
    for (field, value) in texts {
        if let Some(Some(text)) = value {
            check_text(field, text)?;
        }
    }
    check_custom(&facts.custom_attributes)
}

pub(crate) fn check_text(field: &str, text: &str) -> std::result::Result<(), Refusal> {
    if text.is_empty() || text.chars().count() > NAME_CHARS_MAX || text.chars().any(char::is_control) {
        let message = format!("'{field}' takes 1 to {NAME_CHARS_MAX} characters without control characters");
        return Err(Refusal::invalid(field, message));
    }
    Ok(())
}
