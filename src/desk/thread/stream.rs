//! What a contact's messenger reads: a snapshot, missed entries, history (MSG-40, MSG-41).
//!
//! **Invariant:** every answer is built through [`crate::domain::audience`], when it is read and not only when it was
//! written, so that somebody who lost access gets nothing more (P21).

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::WRITE_ANY;
use crate::desk::access::require;
use crate::desk::access::require_write;
use crate::desk::agents::office_hours::team_office;
use crate::desk::thread::authors;
use crate::desk::thread::draft::REDIRECTS_MAX;
use crate::desk::thread::draft::missing;
use crate::desk::thread::merging::merged_into;
use crate::desk::thread::views::TicketView;
use crate::desk::thread::views::ticket_view;
use crate::desk::ticket::sharing::shared_in;
use crate::desk::ticket::translations::own_language;
use crate::desk::ticket::translations::retell;
use crate::domain::agent::Caller;
use crate::domain::audience;
use crate::domain::contact::Contact;
use crate::domain::event::EventKind;
use crate::domain::event::LogEntry;
use crate::domain::id::ContactId;
use crate::domain::id::EventSeq;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::office_hours::OfficeState;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::TicketType;
use crate::store;
use crate::store::engine::ReadTx;

/// Conversations of a snapshot.
pub(crate) const SNAPSHOT_CONVERSATIONS_MAX: usize = 50;
/// A stream is resumed over at most so many of its own entries; beyond it a snapshot is cheaper (MSG-40).
const RESUMED_ENTRIES_MAX: usize = 10_000;
/// Parts of one history answer.
pub const HISTORY_MAX: usize = 100;

/// A log entry with what the contact may see of its objects, as they are now.
#[derive(Clone, Debug)]
pub struct StreamEntry {
    /// The entry.
    pub entry: LogEntry,
    /// The thread it is about.
    pub thread: Option<Thread>,
    /// The part it is about.
    pub part: Option<Part>,
    /// Type and state, if the thread is a ticket.
    pub ticket: Option<TicketView>,
    /// The type that the part asks for, if it is the card of a form.
    pub form: Option<TicketType>,
    /// What the hours of the conversation's team say, where it has its own and the entry is about no part (HRS-1).
    pub office: Option<OfficeState>,
    /// Place of the newest part that an agent has seen, where the entry is about no part (MSG-44).
    pub agents_saw: u64,
}

/// A conversation of the snapshot.
#[derive(Clone, Debug)]
pub struct ConversationCard {
    /// The thread.
    pub thread: Thread,
    /// The newest part the contact may see.
    pub last_part: Option<Part>,
    /// Visible parts by others behind the last one seen, counted up to 100.
    pub unread: u64,
    /// Type and state, if it is a ticket.
    pub ticket: Option<TicketView>,
    /// The Back-office ticket that is shared in it (SHR-4).
    pub shared: Option<(Thread, TicketView)>,
    /// Threads that were merged into it and that the contact takes part in (MRG-2).
    pub merged: Vec<ThreadId>,
    /// What the hours of its team say, where that has its own (HRS-1).
    pub office: Option<OfficeState>,
    /// Place of the newest part that an agent has seen (MSG-44).
    pub agents_saw: u64,
}

/// Everything a messenger shows when it has nothing to go on from.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The log position it is as of.
    pub seq: EventSeq,
    /// Newest first.
    pub conversations: Vec<ConversationCard>,
    /// Conversations with unread parts.
    pub unread: u64,
}

impl Desk {
    /// The contact's conversations as of one log position.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn snapshot(&self, contact: ContactId) -> Result<Snapshot> {
        let now = self.inner.clock.now();
        Ok(self.inner.store.view(|tx| {
            let seq = store::events::last_seq(tx)?;
            let own = own_language(tx, contact)?;
            let mut conversations = Vec::new();
            for thread in store::threads::of_contact(tx, contact, SNAPSHOT_CONVERSATIONS_MAX)? {
                if reads(&thread, contact) && !shows_elsewhere(tx, &thread, contact)? {
                    let languages = self.inner.languages(own.as_deref(), Some(&thread));
                    let mut card = card(tx, thread, contact, now)?;
                    card.ticket = card.ticket.map(|view| view.in_languages(&languages));
                    card.shared = card.shared.map(|(ticket, view)| (ticket, view.in_languages(&languages)));
                    card.last_part.iter_mut().try_for_each(|part| retell(tx, part, &languages))?;
                    conversations.push(card);
                }
            }
            let unread = conversations.iter().filter(|card| card.unread > 0).count() as u64;
            Ok(Snapshot { seq, conversations, unread })
        })?)
    }

    /// Entries of the contact's stream behind `after`, in order, at most `limit`, with the log position up to which the
    /// answer is complete. `None` when `after` is ahead of the log, pruned from it, or too far behind: then only a
    /// snapshot helps (MSG-40).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn stream_after(
        &self,
        contact: ContactId,
        after: EventSeq,
        limit: usize,
    ) -> Result<Option<(Vec<StreamEntry>, EventSeq)>> {
        let now = self.inner.clock.now();
        Ok(self.inner.store.view(|tx| {
            let last = store::events::last_seq(tx)?;
            let pruned = after.0.saturating_add(1) < store::events::oldest_seq(tx)?.0;
            if after > last || pruned {
                return Ok(None);
            }
            let limit = limit.min(RESUMED_ENTRIES_MAX);
            let seqs = store::events::stream(tx, contact, after, limit)?;
            let complete_to = if seqs.len() < limit { last } else { seqs.last().copied().unwrap_or(last) };
            let mut entries = Vec::with_capacity(seqs.len());
            for seq in seqs {
                if let Some(entry) = store::events::get(tx, seq)? {
                    entries.extend(seen_by(tx, entry, contact, now)?);
                }
            }
            self.inner.translate_entries(tx, &mut entries, contact)?;
            Ok(Some((entries, complete_to)))
        })?)
    }

    /// Parts of a thread that the contact may see, with `seq` below `before`, the newest `limit`, ascending.
    ///
    /// # Errors
    /// `NotFound` when the contact takes no part in it.
    pub fn history(
        &self,
        contact: ContactId,
        thread: ThreadId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Part>> {
        Ok(self.inner.store.view(|tx| {
            let thread = readable(tx, thread, contact)?.ok_or_else(|| missing("conversation"))?;
            let limit = limit.clamp(1, HISTORY_MAX);
            let mut end = before.unwrap_or(u64::MAX).min(thread.last_seq.saturating_add(1));
            let mut found: Vec<Part> = Vec::new();
            while found.len() < limit && end > 1 {
                let start = end.saturating_sub(HISTORY_MAX as u64).max(1);
                let rows = store::parts::of_thread(tx, thread.id, start, end, HISTORY_MAX)?;
                found.extend(rows.into_iter().rev().filter(|part| audience::may_read(&thread, part, contact)));
                end = start;
            }
            found.truncate(limit);
            found.reverse();
            authors::as_now(tx, &mut found)?;
            let languages = self.inner.languages(own_language(tx, contact)?.as_deref(), Some(&thread));
            found.iter_mut().try_for_each(|part| retell(tx, part, &languages))?;
            Ok(found)
        })?)
    }

    /// The newest log position.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn log_seq(&self) -> Result<EventSeq> {
        Ok(self.inner.store.view(store::events::last_seq)?)
    }

    /// The contacts whose streams have entries behind `after`, for waking their sockets, looking at no more than `limit`
    /// log entries; with the position that was reached.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn contacts_touched(&self, after: EventSeq, limit: usize) -> Result<(Vec<ContactId>, EventSeq)> {
        Ok(self.inner.store.view(|tx| {
            let entries = store::events::after(tx, after, limit)?;
            let reached = entries.last().map_or(after, |entry| entry.seq);
            let mut touched = Vec::new();
            for entry in entries {
                let thread = match entry.event.thread {
                    Some(thread) => store::threads::get(tx, thread)?,
                    None => None,
                };
                match entry.event.kind {
                    EventKind::ContactUpdated(contact) => touched.push(contact),
                    _ => touched.extend(thread.as_ref().and_then(Thread::primary_contact)),
                }
            }
            touched.sort_unstable();
            touched.dedup();
            Ok((touched, reached))
        })?)
    }

    /// Whether the contact takes part in the thread, so that their typing may be shown there.
    #[must_use]
    pub fn may_type(&self, contact: ContactId, thread: ThreadId) -> bool {
        let readable = self.inner.store.view(|tx| readable(tx, thread, contact));
        readable.is_ok_and(|thread| thread.is_some())
    }

    /// Whether the agent may show in the thread that they type or are there, and in whose messenger that shows, if in any.
    /// Scope as for a comment.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound` for the conversation.
    pub fn may_appear(&self, caller: &Caller, thread: ThreadId) -> Result<Option<ContactId>> {
        require(caller, WRITE_ANY)?;
        Ok(self.inner.store.view(|tx| {
            let found = store::threads::get(tx, thread)?.ok_or_else(|| missing("conversation"))?;
            require_write(caller, &found)?;
            Ok(reader(&found))
        })?)
    }

    /// The contact in whose messenger the thread shows, if in any.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn messenger_reader(&self, thread: ThreadId) -> Result<Option<ContactId>> {
        Ok(self.inner.store.view(|tx| Ok(store::threads::get(tx, thread)?.as_ref().and_then(reader)))?)
    }

    /// A contact's own record, as it is now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn own_record(&self, contact: ContactId) -> Result<Option<Contact>> {
        Ok(self.inner.store.view(|tx| store::contacts::get(tx, contact))?)
    }

    /// Sequence numbers and ids of parts, for the messenger's `before`.
    ///
    /// # Errors
    /// `NotFound` when the contact may not see the part.
    pub fn part_seq(&self, contact: ContactId, thread: ThreadId, part: PartId) -> Result<u64> {
        Ok(self.inner.store.view(|tx| {
            let thread = readable(tx, thread, contact)?.ok_or_else(|| missing("conversation"))?;
            let part = store::parts::by_id(tx, part)?.filter(|part| part.thread == thread.id);
            let part = part.filter(|part| audience::may_read(&thread, part, contact));
            Ok(part.ok_or_else(|| missing("part"))?.seq)
        })?)
    }
}

impl Inner {
    /// What entries say of tickets and forms, as the contact reads it; most say nothing of them.
    fn translate_entries(&self, tx: &dyn ReadTx, entries: &mut [StreamEntry], contact: ContactId) -> store::Result<()> {
        let mut told = entries.iter_mut().filter(|entry| entry.ticket.is_some() || entry.form.is_some()).peekable();
        if told.peek().is_none() {
            return Ok(());
        }
        let own = own_language(tx, contact)?;
        for entry in told {
            let languages = self.languages(own.as_deref(), entry.thread.as_ref());
            entry.ticket = entry.ticket.take().map(|view| view.in_languages(&languages));
            entry.form = entry.form.take().map(|ticket_type| ticket_type.in_languages(&languages));
            entry.part.iter_mut().try_for_each(|part| retell(tx, part, &languages))?;
        }
        Ok(())
    }
}

/// In whose messenger a thread shows.
fn reader(thread: &Thread) -> Option<ContactId> {
    Some(thread).filter(|thread| audience::is_shown_to_contacts(thread)).and_then(Thread::primary_contact)
}

fn readable(tx: &dyn ReadTx, thread: ThreadId, contact: ContactId) -> store::Result<Option<Thread>> {
    Ok(store::threads::get(tx, thread)?.filter(|thread| reads(thread, contact)))
}

fn reads(thread: &Thread, contact: ContactId) -> bool {
    let takes_part = thread.participant(contact).is_some_and(|known| known.removed_at.is_none());
    takes_part && audience::is_shown_to_contacts(thread)
}

/// Whether the contact sees this thread folded into the one it was merged into (MRG-2).
fn shows_elsewhere(tx: &dyn ReadTx, thread: &Thread, contact: ContactId) -> store::Result<bool> {
    let (mut into, mut shows) = (thread.merged_into, false);
    for _ in 0..REDIRECTS_MAX {
        let Some(primary) = into.map(|into| store::threads::get(tx, into)).transpose()?.flatten() else { break };
        shows = reads(&primary, contact);
        into = primary.merged_into;
    }
    Ok(shows)
}

/// Threads that are folded into this one, directly or by way of others, and that the contact takes part in.
fn folded(tx: &dyn ReadTx, thread: &Thread, contact: ContactId) -> store::Result<Vec<ThreadId>> {
    let merged = merged_into(tx, thread.id)?;
    let mut folded: Vec<ThreadId> =
        merged.iter().filter(|merged| reads(merged, contact)).map(|merged| merged.id).collect();
    folded.sort_unstable();
    Ok(folded)
}

fn card(tx: &dyn ReadTx, thread: Thread, contact: ContactId, now: Millis) -> store::Result<ConversationCard> {
    let mut newest = store::parts::newest(tx, thread.id, 100)?;
    authors::as_now(tx, &mut newest)?;
    let visible = |part: &&Part| audience::may_read(&thread, part, contact);
    let seen = thread.participant(contact).map_or(0, |known| known.seen_seq);
    // What was done silently makes no badge (NTF-12).
    let by_others =
        |part: &&Part| part.seq > seen && part.author.contact() != Some(contact) && !part.skip_notifications;
    let unread = newest.iter().filter(visible).filter(by_others).count() as u64;
    let last_part = newest.iter().rfind(visible).cloned();
    let ticket = ticket_view(tx, &thread)?;
    let shared = match shared_in(tx, thread.id)? {
        Some(ticket) => ticket_view(tx, &ticket)?.map(|view| (ticket, view)),
        None => None,
    };
    let merged = folded(tx, &thread, contact)?;
    let office = team_office(tx, &thread, now)?;
    let agents_saw = store::agent_notices::agents_saw(tx, thread.id)?;
    Ok(ConversationCard { agents_saw, last_part, unread, ticket, shared, merged, office, thread })
}

/// The entry with its objects, if the contact may still see it.
fn seen_by(tx: &dyn ReadTx, entry: LogEntry, contact: ContactId, now: Millis) -> store::Result<Option<StreamEntry>> {
    let thread = match entry.event.thread {
        Some(thread) => store::threads::get(tx, thread)?,
        None => None,
    };
    let mut part = match entry.event.kind.part() {
        Some((part, _)) => store::parts::by_id(tx, part)?,
        None => None,
    };
    authors::as_now(tx, &mut part)?;
    if !audience::stream_of(&entry.event, thread.as_ref(), part.as_ref()).contains(&contact) {
        return Ok(None);
    }
    let ticket = match &thread {
        Some(thread) => ticket_view(tx, thread)?,
        None => None,
    };
    let form = match part.as_ref().map(|part| &part.kind) {
        Some(PartKind::TicketFormSent(card)) => store::ticket_types::get(tx, card.ticket_type)?,
        _ => None,
    };
    let (office, agents_saw) = match &thread {
        Some(thread) if part.is_none() => {
            (team_office(tx, thread, now)?, store::agent_notices::agents_saw(tx, thread.id)?)
        }
        _ => (None, 0),
    };
    Ok(Some(StreamEntry { entry, thread, part, ticket, form, office, agents_saw }))
}
