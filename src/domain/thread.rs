//! A conversation, with the ticket it may carry (OBJ-30 ff.).

use crate::domain::address::Address;
use crate::domain::attribute::Value;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::AgentId;
use crate::domain::id::CompanyId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::TagId;
use crate::domain::id::TeamId;
use crate::domain::id::ThreadId;
use crate::domain::page::Page;
use crate::domain::ticket::Ticket;
use crate::domain::ticket_type::Category;
use std::collections::BTreeMap;

/// Most participants of a thread (PAR-1).
pub const PARTICIPANTS_MAX: usize = 50;
/// Most hints kept on a thread.
pub const HINTS_MAX: usize = 20;

/// The thread's own axis; independent of a ticket's state (OBJ-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadState {
    /// Waits for somebody.
    Open,
    /// Comes back at a time, or on a reply (`None`) (LIF-1).
    Snoozed(Option<Millis>),
    /// Done.
    Closed,
}

impl ThreadState {
    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Snoozed(_) => "snoozed",
            Self::Closed => "closed",
        }
    }
}

/// How urgent (OBJ-30).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// Not said.
    #[default]
    None,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Urgent.
    Urgent,
}

impl Priority {
    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    /// The priority of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::None, Self::Low, Self::Medium, Self::High, Self::Urgent];
        all.into_iter().find(|priority| priority.as_str() == word)
    }
}

/// A contact in a thread (OBJ-34).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// Who.
    pub contact: ContactId,
    /// The one the messenger serves (PAR-2).
    pub primary: bool,
    /// Joined by a mail with a valid reference without having been addressed (EML-33).
    pub external: bool,
    /// `seq` of the part they joined with.
    pub joined_seq: u64,
    /// They may see parts from this `seq` on (PAR-6).
    pub visible_from_seq: u64,
    /// `seq` of the last part they have seen (MSG-44).
    pub seen_seq: u64,
    /// Gets nothing since then (PAR-4).
    pub removed_at: Option<Millis>,
}

/// Why another thread may belong to this one (EML-39).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadHint {
    /// The other thread.
    pub thread: ThreadId,
    /// In words for agents.
    pub reason: String,
}

/// What a merge did to the thread that was merged, to undo it (MRG-4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    /// When.
    pub at: Millis,
    /// State of this thread before.
    pub state_before: ThreadState,
    /// Whom it brought into the primary.
    pub joined: Vec<ContactId>,
    /// Tickets whose link went to the primary.
    pub moved: Vec<ThreadId>,
    /// Tickets that were linked to both.
    pub shared: Vec<ThreadId>,
}

/// A conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Thread {
    /// Also the id of its ticket (OBJ-3).
    pub id: ThreadId,
    /// Subject of the first mail, or the ticket's title.
    pub title: Option<String>,
    /// When it began.
    pub created_at: Millis,
    /// Last change.
    pub updated_at: Millis,
    /// Open, snoozed, closed.
    pub state: ThreadState,
    /// Oldest contact comment since an agent's last (OBJ-31).
    pub waiting_since: Option<Millis>,
    /// How urgent.
    pub priority: Priority,
    /// The agent it is assigned to.
    pub admin_assignee: Option<AgentId>,
    /// The team it is assigned to.
    pub team_assignee: Option<TeamId>,
    /// Everybody who takes or took part; the primary contact first.
    pub participants: Vec<Participant>,
    /// Agents who wrote a part.
    pub teammates: Vec<AgentId>,
    /// Channel of the first part.
    pub initial_channel: ChannelKind,
    /// Channel of the latest contact comment.
    pub current_channel: ChannelKind,
    /// The address it came to, by which it is answered.
    pub support_address: Option<Address>,
    /// Threads that may belong together.
    pub hints: Vec<ThreadHint>,
    /// Later messages go there (MRG-2).
    pub merged_into: Option<ThreadId>,
    /// Began with mail that is not human (view *Automatic mail*, EML-27).
    pub automatic: bool,
    /// `seq` of the newest part; parts are numbered from 1 without gaps (OBJ-6). Part 1 is the source.
    pub last_seq: u64,
    /// `seq` of the newest part that customers see; 0 if none.
    pub last_visible_seq: u64,
    /// First agent comment.
    pub first_admin_reply_at: Option<Millis>,
    /// Latest agent comment.
    pub last_admin_reply_at: Option<Millis>,
    /// Latest human contact comment.
    pub last_contact_reply_at: Option<Millis>,
    /// Latest close.
    pub last_close_at: Option<Millis>,
    /// Makes this thread a ticket.
    pub ticket: Option<Ticket>,
    /// Put on by agents (OBJ-18).
    pub tags: Vec<TagId>,
    /// How it was merged, while [`Thread::merged_into`] is set.
    pub merge: Option<Merge>,
    /// Deleted since then: what is left is a tombstone (TCK-15, DAT-6).
    pub deleted_at: Option<Millis>,
    /// The company it is about; at most one (OBJ-16).
    pub company: Option<CompanyId>,
    /// An agent's message that is no conversation until the contact replies (API-28); agents' readers leave it out.
    pub awaits_contact: bool,
    /// Values of declared attributes, by name (OBJ-36).
    pub custom_attributes: BTreeMap<String, Value>,
    /// The page of a site on which it began (MSG-48).
    pub page: Option<Page>,
}

impl Thread {
    /// An open thread without parts.
    #[must_use]
    pub fn new(id: ThreadId, channel: ChannelKind, now: Millis) -> Self {
        Self {
            id,
            title: None,
            created_at: now,
            updated_at: now,
            state: ThreadState::Open,
            waiting_since: None,
            priority: Priority::None,
            admin_assignee: None,
            team_assignee: None,
            participants: Vec::new(),
            teammates: Vec::new(),
            initial_channel: channel,
            current_channel: channel,
            support_address: None,
            hints: Vec::new(),
            merged_into: None,
            automatic: false,
            last_seq: 0,
            last_visible_seq: 0,
            first_admin_reply_at: None,
            last_admin_reply_at: None,
            last_contact_reply_at: None,
            last_close_at: None,
            ticket: None,
            tags: Vec::new(),
            merge: None,
            deleted_at: None,
            company: None,
            awaits_contact: false,
            custom_attributes: BTreeMap::new(),
            page: None,
        }
    }

    /// What stays of a deleted thread: its id and when it went (DAT-6). `last_seq` is kept so that no part's place is
    /// ever given twice.
    #[must_use]
    pub fn tombstone(&self, now: Millis) -> Self {
        let bare = Self::new(self.id, self.initial_channel, self.created_at);
        Self { state: ThreadState::Closed, updated_at: now, deleted_at: Some(now), last_seq: self.last_seq, ..bare }
    }

    /// Participants who have not been removed.
    pub fn current_participants(&self) -> impl Iterator<Item = &Participant> {
        self.participants.iter().filter(|participant| participant.removed_at.is_none())
    }

    /// The contact the messenger serves.
    #[must_use]
    pub fn primary_contact(&self) -> Option<ContactId> {
        self.current_participants().find(|participant| participant.primary).map(|participant| participant.contact)
    }

    /// The participant entry of a contact, removed or not.
    #[must_use]
    pub fn participant(&self, contact: ContactId) -> Option<&Participant> {
        self.participants.iter().find(|participant| participant.contact == contact)
    }

    /// Adds a contact, or takes a removed one back; the first one becomes primary. Returns whether anything changed.
    /// At [`PARTICIPANTS_MAX`] nobody is added.
    pub fn join(&mut self, contact: ContactId, external: bool, seq: u64) -> bool {
        if let Some(known) = self.participants.iter_mut().find(|participant| participant.contact == contact) {
            let back = known.removed_at.take().is_some();
            if back && self.primary_contact().is_none() {
                self.make_primary(contact);
            }
            return back;
        }
        if self.participants.len() >= PARTICIPANTS_MAX {
            return false;
        }
        let primary = self.primary_contact().is_none();
        let visible_from_seq = if external { seq } else { 0 };
        let joined = Participant {
            contact,
            primary,
            external,
            joined_seq: seq,
            visible_from_seq,
            seen_seq: 0,
            removed_at: None,
        };
        self.participants.push(joined);
        true
    }

    /// Removes a contact; the next one becomes primary where they were it. Returns whether they took part.
    pub fn leave(&mut self, contact: ContactId, now: Millis) -> bool {
        let takes_part = |known: &&mut Participant| known.contact == contact && known.removed_at.is_none();
        let Some(entry) = self.participants.iter_mut().find(takes_part) else { return false };
        entry.removed_at = Some(now);
        let was_primary = std::mem::take(&mut entry.primary);
        let next = self.current_participants().next().map(|known| known.contact);
        if let Some(next) = next.filter(|_| was_primary) {
            self.make_primary(next);
        }
        true
    }

    /// Makes a participant the one the messenger serves (PAR-2), first in the list. Returns whether they take part.
    pub fn make_primary(&mut self, contact: ContactId) -> bool {
        if !self.current_participants().any(|known| known.contact == contact) {
            return false;
        }
        for known in &mut self.participants {
            known.primary = known.contact == contact;
        }
        self.participants.sort_by_key(|known| !known.primary);
        true
    }

    /// Category of the ticket, if this is one.
    #[must_use]
    pub fn category(&self) -> Option<Category> {
        self.ticket.as_ref().map(|ticket| ticket.category)
    }

    /// Whether customers take part in it: a conversation or a Customer ticket (TCK-2).
    #[must_use]
    pub fn is_customer_facing(&self) -> bool {
        matches!(self.category(), None | Some(Category::Customer))
    }

    /// Whether the primary contact has seen the last part they may see.
    #[must_use]
    pub fn is_read(&self) -> bool {
        let primary = self.current_participants().find(|participant| participant.primary);
        primary.is_none_or(|participant| participant.seen_seq >= self.last_visible_seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn par_2_the_next_one_becomes_primary_when_the_primary_leaves() {
        let mut thread = Thread::new(ThreadId(1), ChannelKind::Email, Millis(0));
        for contact in 1..=3 {
            thread.join(ContactId(contact), false, contact);
        }
        assert!(thread.make_primary(ContactId(3)));
        assert!(thread.leave(ContactId(3), Millis(9)));
        assert!(!thread.leave(ContactId(3), Millis(9)) && !thread.make_primary(ContactId(3)));
        assert_eq!(thread.primary_contact(), Some(ContactId(1)));
        assert!(thread.join(ContactId(3), false, 9), "taken back");
        assert_eq!(thread.participants.iter().filter(|known| known.primary).count(), 1);
    }

    #[test]
    fn the_first_to_join_is_primary_and_an_external_sender_sees_nothing_earlier() {
        let mut thread = Thread::new(ThreadId(1), ChannelKind::Email, Millis(0));
        assert!(thread.join(ContactId(1), false, 1));
        assert!(thread.join(ContactId(2), true, 5));
        assert!(!thread.join(ContactId(2), true, 6));
        assert_eq!(thread.primary_contact(), Some(ContactId(1)));
        assert_eq!(thread.participant(ContactId(2)).map(|p| p.visible_from_seq), Some(5));
    }
}
