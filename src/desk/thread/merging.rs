//! Merging a conversation or Customer ticket into another one, and taking that back (MRG-1 to MRG-4).
//!
//! The secondary keeps its parts and its id; a redirect sends what comes later to the primary (`Draft::open_merged`).
//!
//! **Invariant:** a redirect never leads back: a thread that redirects cannot be merged again, and the primary is always the
//! end of its own chain.

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::WRITE_ANY;
use crate::desk::access::author;
use crate::desk::access::require;
use crate::desk::access::require_write;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::conclude;
use crate::desk::ticket::links::connect;
use crate::desk::ticket::links::disconnect;
use crate::desk::ticket::sharing::LINKS_OF_THREAD_MAX;
use crate::desk::ticket::sharing::shared_in;
use crate::domain::agent::Caller;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::event::EventKind;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::thread::Merge;
use crate::domain::thread::PARTICIPANTS_MAX;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadState;
use crate::domain::ticket_rules::TicketRules;
use crate::domain::ticket_type::Category;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::time::Duration;

/// A merge can be undone for so long (MRG-4).
pub const UNDO_WITHIN: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Most threads merged into one.
pub(crate) const MERGED_MAX: usize = 100;
/// Parts of one page when the primary is looked through for authors.
const PAGE: usize = 500;
/// Pages looked through.
const PAGES_MAX: usize = 20;

/// Who of a merged thread takes part in the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Brought {
    /// All who took part (MRG-2).
    Participants,
    /// The same, as external senders who see what comes from now on (EML-33).
    AsExternal,
    /// Nobody.
    Nobody,
}

impl Desk {
    /// Merges `secondary` into `primary`, or into the thread that one was merged into; answers which. Scope
    /// `write_conversations`, for tickets `write_tickets`. Event `Merged`; parts in both.
    ///
    /// # Errors
    /// `NotFound` for the secondary, `Forbidden`; `merge_failed` for an unknown primary, itself, what is merged already, or
    /// links that would break LNK-2 or SHR-2; `invalid_merge` for kinds, contacts or channels that do not go together.
    pub async fn merge(&self, caller: &Caller, secondary: ThreadId, primary: ThreadId) -> Result<ThreadId> {
        require(caller, WRITE_ANY)?;
        let (inner, caller, at) = (self.inner.clone(), caller.clone(), At::of(&self.inner.clock));
        let merged = self.inner.store.update(move |tx| {
            let secondary = Draft::open(tx, secondary, &at)?;
            let primary = open_primary(tx, primary, &at)?;
            check(tx, &inner.settings.tickets, &secondary.thread, &primary.thread)?;
            require_write(&caller, &secondary.thread)?;
            require_write(&caller, &primary.thread)?;
            let into = primary.thread.id;
            inner.merge_in(tx, secondary, primary, &author(&caller), Brought::Participants)?;
            Ok(into)
        });
        Ok(merged.await?)
    }

    /// Takes a merge back within 30 days. Scope as for the merge. Event `Unmerged`; parts in both.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`; `Conflict` for a thread that is not merged or was so too long ago.
    pub async fn unmerge(&self, caller: &Caller, secondary: ThreadId) -> Result<()> {
        require(caller, WRITE_ANY)?;
        let (caller, at) = (caller.clone(), At::of(&self.inner.clock));
        let unmerged = self.inner.store.update(move |tx| {
            let mut secondary = Draft::open(tx, secondary, &at)?;
            let (Some(into), Some(merge)) = (secondary.thread.merged_into.take(), secondary.thread.merge.take()) else {
                return Err(conflict("this conversation is not merged into another one"));
            };
            if at.now.since(merge.at) > UNDO_WITHIN {
                return Err(conflict("a merge can be undone for 30 days"));
            }
            let primary = Draft::open(tx, into, &at)?;
            require_write(&caller, &secondary.thread)?;
            require_write(&caller, &primary.thread)?;
            take_apart(tx, secondary, primary, &merge, &author(&caller))
        });
        Ok(unmerged.await?)
    }
}

/// Threads that were merged into this one, directly or by way of others, at most [`MERGED_MAX`] (MRG-2).
pub(crate) fn merged_into(tx: &dyn ReadTx, primary: ThreadId) -> store::Result<Vec<Thread>> {
    let mut merged: Vec<Thread> = Vec::new();
    let mut into = VecDeque::from([primary]);
    while let Some(primary) = into.pop_front() {
        let room = MERGED_MAX.saturating_sub(merged.len());
        let found = store::threads::merged_into(tx, primary, room)?;
        into.extend(found.iter().map(|thread| thread.id));
        merged.extend(found);
    }
    Ok(merged)
}

impl Inner {
    /// Merges; the caller has made sure that it may be.
    pub(crate) fn merge_in(
        &self,
        tx: &mut dyn WriteTx,
        mut secondary: Draft,
        mut primary: Draft,
        by: &Author,
        brought: Brought,
    ) -> store::Result<()> {
        let (from, into) = (secondary.thread.id, primary.thread.id);
        let state_before = secondary.thread.state;
        secondary.move_to(ThreadState::Closed, by, Some(Cause::Merge));
        secondary.add(NewPart::event(PartKind::MergedSecondary { primary: into }, by.clone(), Some(Cause::Merge)));
        primary.add(NewPart::event(PartKind::MergedPrimary { secondary: from }, by.clone(), Some(Cause::Merge)));
        let (moved, shared) = self.move_links(tx, &mut secondary, &mut primary, by)?;
        let joined = match brought {
            Brought::Nobody => Vec::new(),
            _ => bring_participants(&secondary.thread, &mut primary, by, brought == Brought::AsExternal)?,
        };
        if state_before == ThreadState::Open && brought == Brought::AsExternal {
            // Nobody's question is closed with the thread it stood in.
            primary.move_to(ThreadState::Open, by, Some(Cause::Merge));
        }
        let waits = [primary.thread.waiting_since, secondary.thread.waiting_since];
        primary.thread.waiting_since = waits.into_iter().flatten().min();
        secondary.thread.merged_into = Some(into);
        secondary.thread.merge = Some(Merge { at: secondary.at.now, state_before, joined, moved, shared });
        secondary.note(EventKind::Merged { primary: into }, Some(Cause::Merge));
        primary.note(EventKind::ConversationUpdated, Some(Cause::Merge));
        conclude(tx, vec![secondary, primary], Change::default())?;
        Ok(())
    }

    /// Moves every link to the primary (LNK-7). Returns the tickets that moved, and those that were linked to both.
    fn move_links(
        &self,
        tx: &mut dyn WriteTx,
        secondary: &mut Draft,
        primary: &mut Draft,
        by: &Author,
    ) -> store::Result<(Vec<ThreadId>, Vec<ThreadId>)> {
        let (mut moved, mut both) = (Vec::new(), Vec::new());
        let taken = shared_in(tx, primary.thread.id)?.is_some();
        for link in store::links::of_thread(tx, secondary.thread.id, LINKS_OF_THREAD_MAX)? {
            let mut ticket = Draft::open(tx, link.from_ticket, &secondary.at)?;
            let linked_to_both = store::links::get(tx, link.from_ticket, primary.thread.id)?.is_some();
            let facet = ticket.thread.ticket.as_mut();
            if let Some(facet) = facet.filter(|facet| facet.shared_in == Some(secondary.thread.id)) {
                if taken {
                    return Err(failed("both conversations have a shared ticket"));
                }
                facet.shared_in = Some(primary.thread.id);
            }
            disconnect(tx, &mut ticket, secondary, by, Some(Cause::Merge))?;
            if linked_to_both {
                both.push(link.from_ticket);
            } else {
                let kind = self.may_link(tx, &ticket.thread, &primary.thread);
                let kind = kind.map_err(|error| match error {
                    store::Error::Refused(refusal) => failed(&format!("a link would break: {refusal}")),
                    other => other,
                })?;
                connect(tx, &mut ticket, primary, kind, by, Some(Cause::Merge))?;
                moved.push(link.from_ticket);
            }
            secondary.bring(ticket);
        }
        Ok((moved, both))
    }
}

fn take_apart(
    tx: &mut dyn WriteTx,
    mut secondary: Draft,
    mut primary: Draft,
    merge: &Merge,
    by: &Author,
) -> store::Result<()> {
    let (from, into) = (secondary.thread.id, primary.thread.id);
    secondary.add(NewPart::event(PartKind::Unmerged { other: into }, by.clone(), Some(Cause::Merge)));
    primary.add(NewPart::event(PartKind::Unmerged { other: from }, by.clone(), Some(Cause::Merge)));
    secondary.move_to(merge.state_before, by, Some(Cause::Merge));
    return_links(tx, &mut secondary, &mut primary, merge, by)?;
    let wrote = authors_since(tx, &primary.thread, merge.at)?;
    for contact in merge.joined.iter().filter(|contact| !wrote.contains(contact)) {
        if primary.thread.leave(*contact, primary.at.now) {
            let left = PartKind::ParticipantRemoved(*contact);
            primary.add(NewPart::event(left, by.clone(), Some(Cause::Merge)));
        }
    }
    secondary.note(EventKind::Unmerged { primary: into }, Some(Cause::Merge));
    primary.note(EventKind::ConversationUpdated, Some(Cause::Merge));
    conclude(tx, vec![secondary, primary], Change::default())?;
    Ok(())
}

/// Links that came with the merge go back; what was unlinked or no longer fits stays as it is.
fn return_links(
    tx: &mut dyn WriteTx,
    secondary: &mut Draft,
    primary: &mut Draft,
    merge: &Merge,
    by: &Author,
) -> store::Result<()> {
    for id in merge.moved.iter().chain(&merge.shared) {
        let Some(link) = store::links::get(tx, *id, primary.thread.id)? else { continue };
        let mut ticket = Draft::open(tx, link.from_ticket, &secondary.at)?;
        if merge.moved.contains(id) {
            disconnect(tx, &mut ticket, primary, by, Some(Cause::Merge))?;
            let facet = ticket.thread.ticket.as_mut();
            if let Some(facet) = facet.filter(|facet| facet.shared_in == Some(primary.thread.id)) {
                facet.shared_in = Some(secondary.thread.id);
            }
        }
        connect(tx, &mut ticket, secondary, link.kind, by, Some(Cause::Merge))?;
        secondary.bring(ticket);
    }
    Ok(())
}

/// The thread at the end of the primary's own redirects.
fn open_primary(tx: &dyn ReadTx, id: ThreadId, at: &At) -> store::Result<Draft> {
    Draft::open_merged(tx, id, at).map_err(|error| match error {
        store::Error::Refused(Refusal::NotFound { .. }) => failed("there is no such primary conversation"),
        other => other,
    })
}

/// Whether the two may be merged (MRG-1, MRG-3).
fn check(tx: &dyn ReadTx, rules: &TicketRules, secondary: &Thread, primary: &Thread) -> store::Result<()> {
    let invalid = |message: &str| Err(store::Error::Refused(Refusal::with_code("invalid_merge", message)));
    if let Some(into) = secondary.merged_into {
        return Err(failed(&format!("conversation {} was merged into {into} already", secondary.id)));
    }
    if secondary.id == primary.id {
        return Err(failed("a conversation cannot be merged into itself"));
    }
    if !secondary.is_customer_facing() || !primary.is_customer_facing() {
        return invalid("only conversations and Customer tickets are merged; link the others");
    }
    if secondary.category() == Some(Category::Customer) && primary.ticket.is_none() {
        return invalid("a Customer ticket cannot be merged into a plain conversation");
    }
    if !go_together(rules, secondary, primary) {
        return invalid("the conversations have other contacts or channels; the setting merge_across says what may be");
    }
    if store::threads::merged_into(tx, primary.id, MERGED_MAX)?.len() >= MERGED_MAX {
        return Err(failed(&format!("at most {MERGED_MAX} conversations are merged into one")));
    }
    Ok(())
}

/// Same contact and channel; with `merge_across` also other contacts where both are mail, and mail into the messenger.
fn go_together(rules: &TicketRules, secondary: &Thread, primary: &Thread) -> bool {
    let (from, into) = (secondary.initial_channel, primary.initial_channel);
    let same_contact = secondary.primary_contact() == primary.primary_contact();
    match (same_contact, from == into) {
        (true, true) => true,
        (false, true) => rules.merge_across && from == ChannelKind::Email,
        (true, false) => rules.merge_across && from == ChannelKind::Email && into == ChannelKind::Messenger,
        (false, false) => false,
    }
}

/// The secondary's participants join the primary (MRG-2). Returns who is new there.
fn bring_participants(
    secondary: &Thread,
    primary: &mut Draft,
    by: &Author,
    as_external: bool,
) -> store::Result<Vec<ContactId>> {
    let mut joined = Vec::new();
    for participant in secondary.current_participants() {
        let contact = participant.contact;
        let seq = primary.thread.last_seq.saturating_add(1);
        if primary.thread.join(contact, as_external, seq) {
            let added = PartKind::ParticipantAdded(contact);
            primary.add(NewPart::event(added, by.clone(), Some(Cause::Merge)));
            joined.push(contact);
        } else if primary.thread.participant(contact).is_none() {
            return Err(failed(&format!("at most {PARTICIPANTS_MAX} participants")));
        }
    }
    Ok(joined)
}

/// Contacts who wrote into the thread since that moment.
fn authors_since(tx: &dyn ReadTx, thread: &Thread, since: Millis) -> store::Result<BTreeSet<ContactId>> {
    let mut found = BTreeSet::new();
    let mut end = thread.last_seq.saturating_add(1);
    for _ in 0..PAGES_MAX {
        let start = end.saturating_sub(PAGE as u64).max(1);
        let parts = store::parts::of_thread(tx, thread.id, start, end, PAGE)?;
        let newer = parts.iter().filter(|part| part.created_at >= since && part.kind.is_message());
        found.extend(newer.filter_map(|part| part.author.contact()));
        let reached = parts.first().is_none_or(|first| first.created_at < since);
        if reached || start == 1 {
            break;
        }
        end = start;
    }
    Ok(found)
}

fn failed(message: &str) -> store::Error {
    store::Error::Refused(Refusal::with_code("merge_failed", message))
}

fn conflict(message: &str) -> store::Error {
    store::Error::Refused(Refusal::Conflict { message: message.to_owned() })
}
