//! Notes on contacts and companies (OBJ-18, API-26, API-27).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::people::companies;
use crate::desk::people::companies::CompanyRef;
use crate::desk::people::contacts::known;
use crate::desk::people::contacts::updated;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::missing;
use crate::desk::thread::message::Body;
use crate::desk::thread::message::cleaned;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::event::CompanyAct;
use crate::domain::id::NoteId;
use crate::domain::note::NOTE_CHARS_MAX;
use crate::domain::note::NOTES_MAX;
use crate::domain::note::Note;
use crate::domain::note::NoteOn;
use crate::domain::refusal::Refusal;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::save::save;

impl Desk {
    /// Writes a note on a contact or a company. Scope `write_contacts`. Event `ContactUpdated` or `CompanyChanged`.
    ///
    /// # Errors
    /// `NotFound`; `parameter_invalid` for an empty note, one over its limit, or more than 250.
    pub async fn add_note(&self, caller: &Caller, on: NoteOn, body: Body) -> Result<Note> {
        require(caller, &[Scope::WriteContacts])?;
        let (html, text) = cleaned(&body)?;
        if text.trim().is_empty() || text.chars().count() > NOTE_CHARS_MAX {
            return Err(Refusal::invalid("body", format!("a note takes 1 to {NOTE_CHARS_MAX} characters")).into());
        }
        let (author, at) = (caller.agent, At::of(&self.inner.clock));
        let added = self.inner.store.update(move |tx| {
            let note = Note { id: NoteId(at.id()), on, body: html.clone(), author, created_at: at.now };
            match on {
                NoteOn::Contact(id) => {
                    let mut contact = known(&*tx, id)?;
                    refuse_full(&contact.notes)?;
                    contact.notes.push(note.id);
                    contact.updated_at = at.now;
                    save(tx, &updated(contact, &at))?;
                }
                NoteOn::Company(id) => {
                    let mut company = companies::resolve(&*tx, &CompanyRef::Id(id))?;
                    refuse_full(&company.notes)?;
                    company.notes.push(note.id);
                    company.updated_at = at.now;
                    store::companies::put(tx, &company)?;
                    save(tx, &companies::said(id, CompanyAct::Updated, None, &at))?;
                }
            }
            store::notes::put(tx, &note)?;
            Ok(note)
        });
        Ok(added.await?)
    }

    /// One note. Scope `read_contacts`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn note(&self, caller: &Caller, id: NoteId) -> Result<Note> {
        require(caller, &[Scope::ReadContacts])?;
        Ok(self.inner.store.view(|tx| store::notes::get(tx, id)?.ok_or_else(|| missing("note")))?)
    }

    /// Notes on a contact or a company, newest first. Scope `read_contacts`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn notes_on(&self, caller: &Caller, on: NoteOn) -> Result<Vec<Note>> {
        require(caller, &[Scope::ReadContacts])?;
        Ok(self.inner.store.view(|tx| listed(tx, on))?)
    }
}

fn listed(tx: &dyn ReadTx, on: NoteOn) -> store::Result<Vec<Note>> {
    let ids = match on {
        NoteOn::Contact(id) => known(tx, id)?.notes,
        NoteOn::Company(id) => companies::resolve(tx, &CompanyRef::Id(id))?.notes,
    };
    let mut notes = Vec::with_capacity(ids.len());
    for id in ids.iter().rev() {
        notes.extend(store::notes::get(tx, *id)?);
    }
    Ok(notes)
}

fn refuse_full(notes: &[NoteId]) -> store::Result<()> {
    if notes.len() < NOTES_MAX {
        return Ok(());
    }
    Err(store::Error::Refused(Refusal::invalid("body", format!("at most {NOTES_MAX} notes"))))
}
