//! Words: what full-text search knows of the desk, and what a search by words may answer (DSK-8).
//!
//! The index itself stands outside (`search`): it is a reader of the log that can be made anew from the store at any time,
//! so nothing here depends on it. Titles, messages, notes and contacts are its texts.
//!
//! **Invariant:** what a search answers is read from the store and judged there: an index that lags or is wrong can hide
//! something for a while, and never show what the caller may not read or what is no more.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::may_read;
use crate::desk::access::require;
pub use crate::desk::search::word_filter::Filter;
pub use crate::desk::search::word_filter::Named;
pub use crate::desk::search::word_filter::Only;
pub use crate::desk::search::word_filter::Owns;
use crate::desk::thread::views::ThreadView;
use crate::desk::thread::views::view;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::attribute::Value;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::event::EventKind;
use crate::domain::event::LogEntry;
use crate::domain::id::ContactId;
use crate::domain::id::EventSeq;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::part::Part;
use crate::domain::thread::Thread;
use crate::store;
use crate::store::engine::ReadTx;
use std::collections::BTreeSet;
use std::fmt;

/// Most results of one search.
pub const RESULTS_MAX: usize = 50;
/// Texts looked at for one search, in pages.
const HITS_MAX: usize = 2_000;
/// Texts asked of the index at once.
const HITS_PAGE: usize = 200;
/// Of one text so many bytes are searched; longer messages are found by their beginning.
const TEXT_BYTES_MAX: usize = 256 * 1_024;

/// What a text is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    /// Title and attributes of a thread.
    Thread(ThreadId),
    /// A message or note.
    Part(ThreadId, PartId),
    /// A contact.
    Contact(ContactId),
}

/// A change of what can be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextChange {
    /// This is the text now.
    Put {
        /// Of what.
        of: Of,
        /// When it was written.
        at: Millis,
        /// Its words.
        text: String,
    },
    /// There is none.
    Drop(Of),
    /// The thread is gone with all of its texts.
    DropThread(ThreadId),
}

/// Texts of threads, with the last of them: thread, and place in it.
pub type TextsOfThreads = (Vec<TextChange>, (u64, u64));

/// Words that are looked for; a text is found by all of them together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Single words and phrases in their order.
    pub phrases: Vec<String>,
}

/// The index, as far as searches need it.
pub trait WordIndex: Send + Sync + fmt::Debug {
    /// What holds all wanted words, latest text first, without the first `offset`, at most `limit`.
    ///
    /// # Errors
    /// What is wrong with the index.
    fn look(&self, wanted: &Wanted, offset: usize, limit: usize) -> std::result::Result<Vec<Of>, String>;

    /// The log is in the index up to here; `None` while it is being made.
    fn read_to(&self) -> Option<EventSeq>;
}

/// One result.
#[derive(Clone, Debug)]
pub enum WordHit {
    /// A conversation or ticket, and the part that holds the words, if they are not in its title.
    Thread(Box<ThreadView>, Option<PartId>),
    /// A contact.
    Contact(Box<Contact>),
}

/// What was found.
#[derive(Clone, Debug)]
pub struct WordsFound {
    /// Latest text first, each object once.
    pub hits: Vec<WordHit>,
    /// Whether there may be more.
    pub has_more: bool,
    /// Log entries that the index has not read yet; `None` while it is being made.
    pub lag: Option<u64>,
}

impl Desk {
    /// Threads and contacts by words, as far as the caller may read them. Scopes `read_conversations`, `read_tickets` or
    /// `read_contacts`, each for its own.
    ///
    /// # Errors
    /// `Forbidden` without any of them; `Unavailable` when the index cannot be read.
    pub fn search_words(
        &self,
        caller: &Caller,
        index: &dyn WordIndex,
        wanted: &Wanted,
        filter: &Filter,
        limit: usize,
    ) -> Result<WordsFound> {
        require(caller, &[Scope::ReadConversations, Scope::ReadTickets, Scope::ReadContacts])?;
        let limit = limit.clamp(1, RESULTS_MAX);
        let mut found = WordsFound { hits: Vec::new(), has_more: false, lag: None };
        let mut known = BTreeSet::new();
        for offset in (0..HITS_MAX).step_by(HITS_PAGE) {
            let hits = index.look(wanted, offset, HITS_PAGE).map_err(crate::desk::Error::Unavailable)?;
            let full = hits.len() >= HITS_PAGE;
            for hit in hits {
                let object = match hit {
                    Of::Thread(thread) | Of::Part(thread, _) => Of::Thread(thread),
                    Of::Contact(_) => hit,
                };
                if known.contains(&object) {
                    continue;
                }
                // A filter may look at the text that was found: another one of the same thread can still fit.
                let Some(read) = self.inner.store.view(|tx| read(tx, caller, hit, filter))? else { continue };
                known.insert(object);
                if found.hits.len() >= limit {
                    found.has_more = true;
                    break;
                }
                found.hits.push(read);
            }
            if !full || found.has_more {
                break;
            }
        }
        let last = self.log_seq()?;
        found.lag = index.read_to().map(|read_to| last.0.saturating_sub(read_to.0));
        Ok(found)
    }

    /// The thread of a ticket's number, if the caller may read it (`#1234`).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn ticket_of_number(&self, caller: &Caller, number: u64) -> Result<Option<WordHit>> {
        Ok(self.inner.store.view(|tx| {
            let thread = store::threads::by_ticket_number(tx, number)?;
            thread.map_or(Ok(None), |thread| read(tx, caller, Of::Thread(thread), &Filter::default()))
        })?)
    }

    /// What changed in the texts behind `after`, and how far that reaches. For the index.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn texts_changed(&self, after: EventSeq, limit: usize) -> Result<(Vec<TextChange>, EventSeq)> {
        Ok(self.inner.store.view(|tx| {
            let entries = store::events::after(tx, after, limit)?;
            let reached = entries.last().map_or(after, |entry| entry.seq);
            let mut changed = BTreeSet::new();
            let mut changes = Vec::new();
            for entry in &entries {
                match touched(entry) {
                    Touched::Nothing => {}
                    Touched::Gone(thread) => changes.push(TextChange::DropThread(thread)),
                    Touched::Text(of) => {
                        changed.insert(of);
                    }
                }
            }
            for of in changed {
                changes.push(text_of(tx, of)?);
            }
            Ok((changes, reached))
        })?)
    }

    /// Texts of threads and their parts behind a place, at most about `limit`, and the place they reach; `None` when
    /// there is nothing behind it. For making the index anew.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn texts_of_threads(&self, (thread, seq): (u64, u64), limit: usize) -> Result<Option<TextsOfThreads>> {
        Ok(self.inner.store.view(|tx| {
            let (mut at, mut changes) = ((thread, seq), Vec::new());
            loop {
                let room = limit.saturating_sub(changes.len());
                let parts = store::parts::of_thread(tx, ThreadId(at.0), at.1.saturating_add(1), u64::MAX, room.max(1))?;
                match parts.last() {
                    Some(last) => {
                        at.1 = last.seq;
                        changes.extend(parts.iter().filter(|part| is_text(part)).map(text_of_part));
                    }
                    None => {
                        let next = store::threads::by_id(tx, false, true, Some(ThreadId(at.0)), 1)?;
                        let Some(next) = next.first() else { return Ok(rest(changes, at)) };
                        at = (next.id.0, 0);
                        if next.deleted_at.is_none() {
                            changes.push(text_of_thread(next));
                        }
                    }
                }
                if changes.len() >= limit {
                    return Ok(Some((changes, at)));
                }
            }
        })?)
    }

    /// Texts of contacts behind one, at most `limit`, and the last of them; `None` when there is nothing behind it. For
    /// making the index anew.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn texts_of_contacts(&self, after: u64, limit: usize) -> Result<Option<(Vec<TextChange>, u64)>> {
        Ok(self.inner.store.view(|tx| {
            let contacts = store::contacts::by_id(tx, true, Some(ContactId(after)), limit)?;
            let Some(last) = contacts.last().map(|contact| contact.id.0) else { return Ok(None) };
            Ok(Some((contacts.iter().map(text_of_contact).collect(), last)))
        })?)
    }

    /// Where the log begins and ends: the oldest entry that is kept, and the newest there ever was.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn log_bounds(&self) -> Result<(EventSeq, EventSeq)> {
        Ok(self.inner.store.view(|tx| Ok((store::events::oldest_seq(tx)?, store::events::last_seq(tx)?)))?)
    }
}

fn rest(changes: Vec<TextChange>, at: (u64, u64)) -> Option<TextsOfThreads> {
    (!changes.is_empty()).then_some((changes, at))
}

/// What an event does to texts.
enum Touched {
    Nothing,
    Gone(ThreadId),
    Text(Of),
}

fn touched(entry: &LogEntry) -> Touched {
    let event = &entry.event;
    let title = || event.thread.map_or(Touched::Nothing, |thread| Touched::Text(Of::Thread(thread)));
    match &event.kind {
        EventKind::Deleted { .. } => event.thread.map_or(Touched::Nothing, Touched::Gone),
        EventKind::ContactUpdated(contact)
        | EventKind::ContactChanged { contact, .. }
        | EventKind::ContactsMerged { from: contact, .. } => Touched::Text(Of::Contact(*contact)),
        EventKind::ConversationCreated
        | EventKind::ConversationUpdated
        | EventKind::TicketCreated
        | EventKind::TicketUpdated
        | EventKind::Merged { .. }
        | EventKind::Unmerged { .. } => title(),
        EventKind::PartCreated { part, .. }
        | EventKind::TicketStateChanged { part, .. }
        | EventKind::FormRequested { part, .. }
        | EventKind::FormSubmitted { part, .. }
        | EventKind::FormWithdrawn { part, .. }
        | EventKind::PartCompleted { part, .. }
        | EventKind::PartRedacted { part, .. } => {
            event.thread.map_or(Touched::Nothing, |thread| Touched::Text(Of::Part(thread, *part)))
        }
        EventKind::Linked { .. }
        | EventKind::Unlinked { .. }
        | EventKind::Seen { .. }
        | EventKind::AgentSaw { .. }
        | EventKind::Broadcast { .. }
        | EventKind::DeliverySettled(_)
        | EventKind::Quarantined(_)
        | EventKind::PartTagged { .. }
        | EventKind::ContactTagged { .. }
        | EventKind::CompanyChanged { .. }
        | EventKind::CompanySet { .. }
        | EventKind::AgentChanged { .. }
        | EventKind::DataEventNoted { .. }
        | EventKind::JobCompleted { .. }
        | EventKind::MailboxChanged { .. } => Touched::Nothing,
    }
}

fn text_of(tx: &dyn ReadTx, of: Of) -> store::Result<TextChange> {
    let text = match of {
        Of::Thread(thread) => store::threads::get(tx, thread)?.as_ref().map(text_of_thread),
        Of::Contact(contact) => store::contacts::get(tx, contact)?.as_ref().map(text_of_contact),
        Of::Part(thread, part) => {
            let there = store::threads::get(tx, thread)?.is_some();
            let part = if there { store::parts::by_id(tx, part)? } else { None };
            part.as_ref().filter(|part| is_text(part)).map(text_of_part)
        }
    };
    Ok(text.unwrap_or(TextChange::Drop(of)))
}

/// Whether a part has words to be found by.
fn is_text(part: &Part) -> bool {
    !(part.redacted || part.body_text.is_empty() && part.attachments.is_empty())
}

fn text_of_part(part: &Part) -> TextChange {
    let subject = part.email.as_ref().and_then(|email| email.subject.as_deref());
    let files = part.attachments.iter().map(|file| file.name.as_str());
    let text = joined(subject.into_iter().chain(files).chain([part.body_text.as_str()]));
    TextChange::Put { of: Of::Part(part.thread, part.id), at: part.created_at, text }
}

fn text_of_thread(thread: &Thread) -> TextChange {
    let values = thread.ticket.iter().flat_map(|ticket| ticket.attributes.values());
    let values = values.filter_map(|value| match value {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let text = joined(thread.title.as_deref().into_iter().chain(values));
    TextChange::Put { of: Of::Thread(thread.id), at: thread.created_at, text }
}

/// Visitors have no name that anybody gave them.
fn text_of_contact(contact: &Contact) -> TextChange {
    let of = Of::Contact(contact.id);
    if contact.role == ContactRole::Visitor {
        return TextChange::Drop(of);
    }
    let email = contact.email.as_ref().map(ToString::to_string);
    let known = [contact.name.as_deref(), email.as_deref(), contact.phone.as_deref(), contact.external_id.as_deref()];
    TextChange::Put { of, at: contact.updated_at, text: joined(known.into_iter().flatten()) }
}

fn joined<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let mut all = String::new();
    for text in texts {
        let room = TEXT_BYTES_MAX.saturating_sub(all.len());
        let end = text.floor_char_boundary(room.min(text.len()));
        all.push_str(text.get(..end).unwrap_or_default());
        all.push('\n');
    }
    all
}

/// The object of a hit as it is now, if the caller may read it and it fits.
fn read(tx: &dyn ReadTx, caller: &Caller, hit: Of, filter: &Filter) -> store::Result<Option<WordHit>> {
    let (thread, part) = match hit {
        Of::Contact(contact) => {
            let of_threads = Filter { only: None, ..filter.clone() } != Filter::default();
            let asked = !of_threads && matches!(filter.only, None | Some(Only::Contacts));
            let readable = asked && caller.scopes.contains(&Scope::ReadContacts);
            let contact = if readable { store::contacts::get(tx, contact)? } else { None };
            return Ok(contact.map(|contact| WordHit::Contact(Box::new(contact))));
        }
        Of::Thread(thread) => (thread, None),
        Of::Part(thread, part) => (thread, Some(part)),
    };
    let readable = store::threads::get(tx, thread)?.filter(|thread| may_read(caller, thread));
    let Some(thread) = readable else { return Ok(None) };
    let found = part.map(|id| store::parts::by_id(tx, id)).transpose()?.flatten();
    let gone = part.is_some() && found.as_ref().is_none_or(|part| !is_text(part));
    if gone || !filter.fits(tx, &thread, found.as_ref())? {
        return Ok(None);
    }
    Ok(Some(WordHit::Thread(Box::new(view(tx, thread, false)?), part)))
}
