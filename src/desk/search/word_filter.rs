//! What a search asks beside words (DSK-8): the operators that narrow it.

use crate::domain::id::Millis;
use crate::domain::part::Part;
use crate::domain::state::StateCategory;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::Category;
use crate::store;
use crate::store::engine::ReadTx;

/// Parts of a thread that are looked at for files, newest first.
const FILES_LOOKED_FOR_MAX: usize = 200;

/// One kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Only {
    /// Threads that are no tickets.
    Conversations,
    /// Threads that are.
    Tickets,
    /// Contacts.
    Contacts,
}

/// Something that is named by its id or by its name, whatever its case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// There is none.
    Nobody,
    /// By id.
    Id(u64),
    /// By name, in lower case.
    Name(String),
}

/// What a thread can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owns {
    /// The message that was found, or one of the newest 200, has a file.
    Attachment,
    /// A linked ticket or conversation.
    Link,
}

/// What a search asks beside words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// `type:`.
    pub only: Option<Only>,
    /// `category:`.
    pub category: Option<Category>,
    /// `state:` of the ticket.
    pub state: Option<StateCategory>,
    /// `is:` of the thread: open, snoozed, closed.
    pub is: Option<String>,
    /// `assignee:`; 0 is nobody.
    pub assignee: Option<u64>,
    /// `team:`.
    pub team: Option<Named>,
    /// `tag:` of the thread or of the part that was found, in lower case; every one must be there.
    pub tags: Vec<String>,
    /// `from:`, an address, or a domain behind its `@`, of a participant; in lower case.
    pub from: Option<String>,
    /// `has:`; every one must be there.
    pub has: Vec<Owns>,
    /// `after:`, last change at or after.
    pub after: Option<Millis>,
    /// `before:`, last change before.
    pub before: Option<Millis>,
}

impl Filter {
    /// Whether a thread is asked for; `part` is the message that was found.
    pub(crate) fn fits(&self, tx: &dyn ReadTx, thread: &Thread, part: Option<&Part>) -> store::Result<bool> {
        Ok(self.fits_thread(thread)
            && self.fits_team(tx, thread)?
            && self.fits_tags(tx, thread, part)?
            && self.fits_sender(tx, thread)?
            && self.fits_owned(tx, thread, part)?)
    }

    fn fits_thread(&self, thread: &Thread) -> bool {
        let ticket = thread.ticket.as_ref();
        let asked = match self.only {
            None => true,
            Some(Only::Conversations) => ticket.is_none(),
            Some(Only::Tickets) => ticket.is_some(),
            Some(Only::Contacts) => false,
        };
        asked
            && self.category.is_none_or(|wanted| thread.category() == Some(wanted))
            && self.state.is_none_or(|wanted| ticket.is_some_and(|ticket| ticket.state_category == wanted))
            && self.is.as_deref().is_none_or(|wanted| thread.state.as_str() == wanted)
            && self.assignee.is_none_or(|wanted| thread.admin_assignee.map_or(0, |agent| agent.0) == wanted)
            && self.after.is_none_or(|after| thread.updated_at >= after)
            && self.before.is_none_or(|before| thread.updated_at < before)
    }

    fn fits_team(&self, tx: &dyn ReadTx, thread: &Thread) -> store::Result<bool> {
        Ok(match (&self.team, thread.team_assignee) {
            (None, _) | (Some(Named::Nobody), None) => true,
            (Some(Named::Id(wanted)), Some(team)) => team.0 == *wanted,
            (Some(Named::Name(wanted)), Some(team)) => {
                store::teams::get(tx, team)?.is_some_and(|team| team.name.to_lowercase() == *wanted)
            }
            (Some(_), _) => false,
        })
    }

    fn fits_tags(&self, tx: &dyn ReadTx, thread: &Thread, part: Option<&Part>) -> store::Result<bool> {
        for name in &self.tags {
            let Some(tag) = store::tags::by_name(tx, name)? else { return Ok(false) };
            let on_part = part.is_some_and(|part| part.tags.contains(&tag.id));
            if !(on_part || thread.tags.contains(&tag.id)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn fits_sender(&self, tx: &dyn ReadTx, thread: &Thread) -> store::Result<bool> {
        let Some(wanted) = &self.from else { return Ok(true) };
        for participant in thread.current_participants() {
            let email = store::contacts::get(tx, participant.contact)?.and_then(|contact| contact.email);
            let email = email.map(|email| email.to_string().to_lowercase());
            let is_it =
                |email: String| if wanted.starts_with('@') { email.ends_with(wanted) } else { email == *wanted };
            if email.is_some_and(is_it) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn fits_owned(&self, tx: &dyn ReadTx, thread: &Thread, part: Option<&Part>) -> store::Result<bool> {
        for owned in &self.has {
            let has = match (owned, part) {
                (Owns::Attachment, Some(part)) => !part.attachments.is_empty(),
                (Owns::Attachment, None) => {
                    let newest = store::parts::newest(tx, thread.id, FILES_LOOKED_FOR_MAX)?;
                    newest.iter().any(|part| !part.attachments.is_empty())
                }
                (Owns::Link, _) => {
                    !store::links::of_ticket(tx, thread.id, None, 1)?.is_empty()
                        || !store::links::of_thread(tx, thread.id, 1)?.is_empty()
                }
            };
            if !has {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
