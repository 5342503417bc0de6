//! Tags on threads, parts and contacts (OBJ-18).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::author;
use crate::desk::access::require;
use crate::desk::people::companies;
use crate::desk::people::companies::CompanyRef;
use crate::desk::people::contacts;
use crate::desk::people::contacts::ContactRef;
use crate::desk::people::contacts::known;
use crate::desk::thread::conversations::finish_silently;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::missing;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::contact::Contact;
use crate::domain::event::CompanyAct;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::ContactId;
use crate::domain::id::PartId;
use crate::domain::id::TagId;
use crate::domain::id::ThreadId;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::tag::TAGS_PER_OBJECT_MAX;
use crate::domain::tag::Tag;
use crate::domain::tag::clean_name;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use crate::store::save::save;

const TAG: &[Scope] = &[Scope::WriteTags];
/// Most companies and contacts that are tagged in one act.
pub const TAGGED_AT_ONCE_MAX: usize = 50;

/// What is tagged together with others.
#[derive(Clone, Debug)]
pub enum Tagged {
    /// A company.
    Company(CompanyRef),
    /// A contact.
    Contact(ContactRef),
}

impl Desk {
    /// Every tag, oldest first. Any scope that reads will do.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn tags(&self, caller: &Caller) -> Result<Vec<Tag>> {
        require(caller, &[Scope::WriteTags, Scope::ReadConversations, Scope::ReadTickets, Scope::ReadContacts])?;
        Ok(self.inner.store.view(store::tags::all)?)
    }

    /// Makes a tag, or gives the one of that name; with an id, renames that one. Scope `write_tags`.
    ///
    /// # Errors
    /// `NotFound` for the id; `parameter_invalid` for the name; `Conflict` when another tag has it.
    pub async fn put_tag(&self, caller: &Caller, id: Option<TagId>, name: &str) -> Result<Tag> {
        require(caller, TAG)?;
        let (name, at) = (clean_name(name)?, At::of(&self.inner.clock));
        let put = self.inner.store.update(move |tx| {
            let of_name = store::tags::by_name(tx, &name)?;
            let tag = match (id, of_name) {
                (None, Some(known)) => return Ok(known),
                (None, None) => Tag { id: TagId(at.id()), name: name.clone(), created_at: at.now },
                (Some(id), other) => {
                    let tag = store::tags::get(tx, id)?.ok_or_else(|| missing("tag"))?;
                    if other.is_some_and(|other| other.id != id) {
                        let message = format!("another tag is named '{name}'");
                        return Err(store::Error::Refused(Refusal::Conflict { message }));
                    }
                    Tag { name: name.clone(), ..tag }
                }
            };
            store::tags::put(tx, &tag)?;
            Ok(tag)
        });
        Ok(put.await?)
    }

    /// Makes the tag of that name, unless it is there, and puts it on companies and contacts or takes it off (`false`), all
    /// or none; what is so already changes nothing. Scope `write_tags`. Events `CompanyChanged`, `ContactTagged`.
    ///
    /// # Errors
    /// `NotFound` for one of them; `Conflict` for an address several contacts have; `parameter_invalid` for the name, for
    /// more than 50 at once, or over 100 tags on one.
    pub async fn tag_many(&self, caller: &Caller, name: &str, all: Vec<(Tagged, bool)>) -> Result<Tag> {
        require(caller, TAG)?;
        if all.len() > TAGGED_AT_ONCE_MAX {
            let message = format!("at most {TAGGED_AT_ONCE_MAX} are tagged at once");
            return Err(Refusal::with_code("parameter_invalid", message).into());
        }
        let (name, at) = (clean_name(name)?, At::of(&self.inner.clock));
        let tagged = self.inner.store.update(move |tx| {
            let tag = match store::tags::by_name(tx, &name)? {
                Some(known) => known,
                None => Tag { id: TagId(at.id()), name: name.clone(), created_at: at.now },
            };
            store::tags::put(tx, &tag)?;
            for (what, on) in &all {
                match what {
                    Tagged::Company(by) => tag_company(tx, by, tag.id, *on, &at)?,
                    Tagged::Contact(by) => {
                        let contact = contacts::resolve(&*tx, by)?;
                        if contact.tags.contains(&tag.id) != *on {
                            set_on_contact(tx, contact, tag.id, *on, &at)?;
                        }
                    }
                }
            }
            Ok(tag)
        });
        Ok(tagged.await?)
    }

    /// Takes a tag away that nothing carries. Scope `write_tags`.
    ///
    /// # Errors
    /// `NotFound`; `tag_has_dependent_objects` while something carries it.
    pub async fn delete_tag(&self, caller: &Caller, id: TagId) -> Result<()> {
        require(caller, TAG)?;
        let deleted = self.inner.store.update(move |tx| {
            let tag = store::tags::get(tx, id)?.ok_or_else(|| missing("tag"))?;
            if store::tags::is_used(tx, id)? {
                let message = format!("'{}' is on contacts, conversations or parts; take it off first", tag.name);
                return Err(store::Error::Refused(Refusal::with_code("tag_has_dependent_objects", message)));
            }
            store::tags::delete(tx, &tag)
        });
        Ok(deleted.await?)
    }

    /// Puts a tag on a thread, or takes it off; what is so already changes nothing. Scope `write_tags`. Part
    /// `conversation_tags_updated`.
    ///
    /// # Errors
    /// `NotFound` for thread or tag, or when it is taken off where it is not; `parameter_invalid` over 100 tags.
    pub async fn tag_thread(&self, caller: &Caller, thread: ThreadId, tag: TagId, on: bool) -> Result<Tag> {
        require(caller, TAG)?;
        let (by, at) = (author(caller), At::of(&self.inner.clock));
        let tagged = self.inner.store.update(move |tx| {
            let tag = store::tags::get(tx, tag)?.ok_or_else(|| missing("tag"))?;
            let mut draft = Draft::open(tx, thread, &at)?;
            if change(&mut draft.thread.tags, tag.id, on)? {
                let named = vec![(tag.id, tag.name.clone())];
                let (added, removed) = if on { (named, Vec::new()) } else { (Vec::new(), named) };
                draft.add(NewPart::event(PartKind::TagsUpdated { added, removed }, by.clone(), None));
                draft.note(EventKind::ConversationUpdated, None);
                finish_silently(tx, draft)?;
            }
            Ok(tag)
        });
        Ok(tagged.await?)
    }

    /// Puts a tag on a part, or takes it off. Scope `write_tags`. Event `PartTagged`.
    ///
    /// # Errors
    /// As [`Desk::tag_thread`].
    pub async fn tag_part(&self, caller: &Caller, thread: ThreadId, part: PartId, tag: TagId, on: bool) -> Result<Tag> {
        require(caller, TAG)?;
        let at = At::of(&self.inner.clock);
        let tagged = self.inner.store.update(move |tx| {
            let tag = store::tags::get(tx, tag)?.ok_or_else(|| missing("tag"))?;
            let draft = Draft::open(tx, thread, &at)?;
            let part = store::parts::by_id(tx, part)?.filter(|part| part.thread == thread);
            let mut part = part.ok_or_else(|| missing("part"))?;
            if change(&mut part.tags, tag.id, on)? {
                let kind = EventKind::PartTagged { part: part.id, part_seq: part.seq, tag: tag.id, added: on };
                let mut draft = draft;
                draft.note(kind, None);
                let change = Change { parts: vec![part], ..Change::default() };
                crate::desk::thread::draft::conclude(tx, vec![draft], change)?;
            }
            Ok(tag)
        });
        Ok(tagged.await?)
    }

    /// Puts a tag on a contact, or takes it off. Scopes `write_tags` and `write_contacts`. Event `ContactTagged`.
    ///
    /// # Errors
    /// As [`Desk::tag_thread`].
    pub async fn tag_contact(&self, caller: &Caller, contact: ContactId, tag: TagId, on: bool) -> Result<Tag> {
        require(caller, TAG)?;
        let at = At::of(&self.inner.clock);
        let tagged = self.inner.store.update(move |tx| {
            let tag = store::tags::get(tx, tag)?.ok_or_else(|| missing("tag"))?;
            let contact = known(&*tx, contact)?;
            set_on_contact(tx, contact, tag.id, on, &at)?;
            Ok(tag)
        });
        Ok(tagged.await?)
    }

    /// The tags a contact carries. Scope `read_contacts`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn tags_of_contact(&self, caller: &Caller, contact: ContactId) -> Result<Vec<Tag>> {
        require(caller, &[Scope::ReadContacts])?;
        Ok(self.inner.store.view(|tx| {
            let contact = known(tx, contact)?;
            named(tx, &contact.tags)
        })?)
    }
}

fn set_on_contact(tx: &mut dyn WriteTx, mut contact: Contact, tag: TagId, on: bool, at: &At) -> store::Result<()> {
    if change(&mut contact.tags, tag, on)? {
        contact.updated_at = at.now;
        let kind = EventKind::ContactTagged { contact: contact.id, tag, added: on };
        let event = Event { kind, thread: None, at: at.now, thread_state: None, ticket_state: None, cause: None };
        save(tx, &Change { contacts: vec![contact], events: vec![event], ..Change::default() })?;
    }
    Ok(())
}

fn tag_company(tx: &mut dyn WriteTx, by: &CompanyRef, tag: TagId, on: bool, at: &At) -> store::Result<()> {
    let mut company = companies::resolve(&*tx, by)?;
    if company.tags.contains(&tag) != on && change(&mut company.tags, tag, on)? {
        company.updated_at = at.now;
        store::companies::put(tx, &company)?;
        save(tx, &companies::said(company.id, CompanyAct::Updated, None, at))?;
    }
    Ok(())
}

/// Tags by their ids.
pub(crate) fn named(tx: &dyn ReadTx, ids: &[TagId]) -> store::Result<Vec<Tag>> {
    let mut tags = Vec::with_capacity(ids.len());
    for id in ids {
        tags.extend(store::tags::get(tx, *id)?);
    }
    Ok(tags)
}

/// Returns whether anything changed.
fn change(tags: &mut Vec<TagId>, tag: TagId, on: bool) -> store::Result<bool> {
    let before = tags.len();
    if on && !tags.contains(&tag) {
        if before >= TAGS_PER_OBJECT_MAX {
            let message = format!("at most {TAGS_PER_OBJECT_MAX} tags");
            return Err(store::Error::Refused(Refusal::invalid("id", message)));
        }
        tags.push(tag);
    } else if !on {
        tags.retain(|known| *known != tag);
        if tags.len() == before {
            return Err(missing("tag"));
        }
    }
    Ok(tags.len() != before)
}
