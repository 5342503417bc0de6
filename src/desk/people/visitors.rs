//! Visitors: people of whom nothing is known and who have written nothing yet (OBJ-15, API-26).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::people::contact_acts::done_with;
use crate::desk::people::contact_merging::merge_in;
use crate::desk::people::contacts::ContactFacts;
use crate::desk::people::contacts::ContactRef;
use crate::desk::people::contacts::apply;
use crate::desk::people::contacts::resolve;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::missing;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::event::ContactAct;
use crate::domain::id::ContactId;
use crate::domain::mail_choice::ChosenBy;
use crate::domain::refusal::Refusal;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::save::save;

/// What a visitor becomes.
#[derive(Clone, Debug)]
pub struct Conversion {
    /// Lead or user.
    pub role: ContactRole,
    /// The contact to go into, where there is one; a key or address nobody has is given to the visitor.
    pub into: Option<ContactRef>,
}

impl Desk {
    /// A visitor. Scope `read_contacts`.
    ///
    /// # Errors
    /// `NotFound`, also for somebody who is a lead or user by now.
    pub fn visitor(&self, caller: &Caller, id: ContactId) -> Result<Contact> {
        require(caller, &[Scope::ReadContacts])?;
        Ok(self.inner.store.view(|tx| visitor(tx, id))?)
    }

    /// Changes name and free facts of a visitor. Scope `write_contacts`. Event `ContactUpdated`.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`.
    pub async fn update_visitor(&self, caller: &Caller, id: ContactId, facts: ContactFacts) -> Result<Contact> {
        require(caller, &[Scope::WriteContacts])?;
        let (at, by) = (At::of(&self.inner.clock), ChosenBy::Agent(caller.agent));
        let changed = self.inner.store.update(move |tx| {
            let mut known = visitor(&*tx, id)?;
            apply(&*tx, &mut known, &facts, by, &at)?;
            save(tx, &done_with(known.clone(), &[], &at))?;
            Ok(known)
        });
        Ok(changed.await?)
    }

    /// Makes a visitor a lead or a user, or puts it into one that is there. Scope `write_contacts`. Events
    /// `ContactChanged`, `ContactUpdated`, or those of a merge.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for an address that several contacts have; `parameter_invalid` for one of ours (PAR-7).
    pub async fn convert_visitor(&self, caller: &Caller, id: ContactId, to: Conversion) -> Result<Contact> {
        require(caller, &[Scope::WriteContacts])?;
        let (inner, at) = (self.inner.clone(), At::of(&self.inner.clock));
        let converted = self.inner.store.update(move |tx| {
            let mut known = visitor(&*tx, id)?;
            let there = match to.into.as_ref().map(|by| resolve(&*tx, by)) {
                None => None,
                Some(Ok(contact)) => Some(contact),
                Some(Err(store::Error::Refused(Refusal::NotFound { .. }))) => None,
                Some(Err(error)) => return Err(error),
            };
            if let Some(into) = there.filter(|there| there.id != id) {
                return merge_in(tx, &known, into, &at);
            }
            match &to.into {
                Some(ContactRef::External(key)) => known.external_id = Some(key.clone()),
                Some(ContactRef::Email(address)) => {
                    inner.refuse_our_address(&*tx, "user.email", address)?;
                    known.email = Some(address.clone());
                }
                Some(ContactRef::Id(other)) if *other != id => return Err(missing("contact")),
                Some(ContactRef::Id(_)) | None => {}
            }
            known.role = to.role;
            save(tx, &done_with(known.clone(), &[ContactAct::VisitorSignedUp], &at))?;
            Ok(known)
        });
        Ok(converted.await?)
    }
}

fn visitor(tx: &dyn ReadTx, id: ContactId) -> store::Result<Contact> {
    let found = store::contacts::get(tx, id)?;
    let found = found.filter(|contact| contact.is_there() && contact.role == ContactRole::Visitor);
    found.ok_or_else(|| missing("visitor"))
}
