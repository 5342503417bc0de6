//! Stored form of threads.

use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::AgentId;
use crate::domain::id::CompanyId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::TagId;
use crate::domain::id::TeamId;
use crate::domain::id::ThreadId;
use crate::domain::page::Page;
use crate::domain::thread::Merge;
use crate::domain::thread::Participant;
use crate::domain::thread::Priority;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadHint;
use crate::domain::thread::ThreadState;
use crate::store::by_contact;
use crate::store::engine::Table;
use crate::store::facts;
use crate::store::key;
use crate::store::record;
use crate::store::record::Record;
use crate::store::record::Restored;
use crate::store::record::StoredAddress;
use crate::store::record::code::Code;
use crate::store::record::ticket::StoredTicket;
use crate::store::record::value::StoredValue;
use crate::store::tables;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredThread {
    id: u64,
    title: Option<String>,
    created_at: u64,
    updated_at: u64,
    state: StoredThreadState,
    waiting_since: Option<u64>,
    priority: u8,
    admin_assignee: Option<u64>,
    team_assignee: Option<u64>,
    participants: Vec<StoredParticipant>,
    teammates: Vec<u64>,
    initial_channel: u8,
    current_channel: u8,
    support_address: Option<StoredAddress>,
    hints: Vec<(u64, String)>,
    merged_into: Option<u64>,
    automatic: bool,
    last_seq: u64,
    last_visible_seq: u64,
    first_admin_reply_at: Option<u64>,
    last_admin_reply_at: Option<u64>,
    last_contact_reply_at: Option<u64>,
    last_close_at: Option<u64>,
    ticket: Option<StoredTicket>,
    tags: Vec<u64>,
    merge: Option<StoredMerge>,
    deleted_at: Option<u64>,
    company: Option<u64>,
    awaits_contact: bool,
    custom_attributes: BTreeMap<String, StoredValue>,
    page: Option<String>,
}

/// Append only.
#[derive(Serialize, Deserialize)]
pub(crate) enum StoredThreadState {
    Open,
    Snoozed(Option<u64>),
    Closed,
}

impl From<ThreadState> for StoredThreadState {
    fn from(state: ThreadState) -> Self {
        match state {
            ThreadState::Open => Self::Open,
            ThreadState::Snoozed(until) => Self::Snoozed(until.map(|at| at.0)),
            ThreadState::Closed => Self::Closed,
        }
    }
}

impl From<StoredThreadState> for ThreadState {
    fn from(stored: StoredThreadState) -> Self {
        match stored {
            StoredThreadState::Open => Self::Open,
            StoredThreadState::Snoozed(until) => Self::Snoozed(until.map(Millis)),
            StoredThreadState::Closed => Self::Closed,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredMerge {
    at: u64,
    state_before: StoredThreadState,
    joined: Vec<u64>,
    moved: Vec<u64>,
    shared: Vec<u64>,
}

impl From<&Merge> for StoredMerge {
    fn from(merge: &Merge) -> Self {
        Self {
            at: merge.at.0,
            state_before: merge.state_before.into(),
            joined: merge.joined.iter().map(|id| id.0).collect(),
            moved: merge.moved.iter().map(|id| id.0).collect(),
            shared: merge.shared.iter().map(|id| id.0).collect(),
        }
    }
}

impl From<StoredMerge> for Merge {
    fn from(stored: StoredMerge) -> Self {
        Self {
            at: Millis(stored.at),
            state_before: stored.state_before.into(),
            joined: stored.joined.into_iter().map(ContactId).collect(),
            moved: stored.moved.into_iter().map(ThreadId).collect(),
            shared: stored.shared.into_iter().map(ThreadId).collect(),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredParticipant {
    contact: u64,
    primary: bool,
    external: bool,
    joined_seq: u64,
    visible_from_seq: u64,
    seen_seq: u64,
    removed_at: Option<u64>,
}

impl From<&Participant> for StoredParticipant {
    fn from(participant: &Participant) -> Self {
        Self {
            contact: participant.contact.0,
            primary: participant.primary,
            external: participant.external,
            joined_seq: participant.joined_seq,
            visible_from_seq: participant.visible_from_seq,
            seen_seq: participant.seen_seq,
            removed_at: participant.removed_at.map(|at| at.0),
        }
    }
}

impl From<StoredParticipant> for Participant {
    fn from(stored: StoredParticipant) -> Self {
        Self {
            contact: ContactId(stored.contact),
            primary: stored.primary,
            external: stored.external,
            joined_seq: stored.joined_seq,
            visible_from_seq: stored.visible_from_seq,
            seen_seq: stored.seen_seq,
            removed_at: stored.removed_at.map(Millis),
        }
    }
}

impl Record for Thread {
    const TABLE: Table = tables::THREADS;
    const INDEXES: &'static [Table] = &[
        tables::THREADS_BY_UPDATED,
        tables::BY_CONTACT,
        tables::TICKETS,
        tables::TICKETS_BY_NUMBER,
        tables::TICKETS_BY_UPDATED,
        tables::THREADS_BY_FACT,
        tables::THREADS_DELETED,
        tables::SNOOZED,
        tables::THREADS_BY_TAG,
        tables::MERGED,
    ];
    type Stored = StoredThread;

    fn key(&self) -> Vec<u8> {
        key::one(self.id.0)
    }

    fn rows(&self) -> Vec<(Table, Vec<u8>)> {
        let id = self.id.0;
        // A tombstone is found by its id, and in the list of what was deleted.
        if let Some(deleted_at) = self.deleted_at {
            return vec![(tables::THREADS_DELETED, key::two(deleted_at.0, id))];
        }
        let mut rows = vec![(tables::THREADS_BY_UPDATED, key::two(self.updated_at.0, id))];
        let contacts = self.participants.iter().map(|participant| participant.contact);
        rows.extend(contacts.map(|contact| (tables::BY_CONTACT, by_contact::row(contact, by_contact::THREAD, id))));
        if let Some(ticket) = &self.ticket {
            rows.push((tables::TICKETS, key::one(id)));
            rows.push((tables::TICKETS_BY_NUMBER, key::one(ticket.number)));
            rows.push((tables::TICKETS_BY_UPDATED, key::two(self.updated_at.0, id)));
        }
        if let ThreadState::Snoozed(Some(until)) = self.state {
            rows.push((tables::SNOOZED, key::two(until.0, id)));
        }
        rows.extend(facts::rows_of_thread(self));
        rows.extend(self.tags.iter().map(|tag| (tables::THREADS_BY_TAG, key::two(tag.0, id))));
        rows.extend(self.merged_into.map(|primary| (tables::MERGED, key::two(primary.0, id))));
        rows
    }

    fn highest_id(&self) -> u64 {
        self.id.0
    }

    fn to_stored(&self) -> StoredThread {
        StoredThread {
            id: self.id.0,
            title: self.title.clone(),
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
            state: self.state.into(),
            waiting_since: self.waiting_since.map(|at| at.0),
            priority: self.priority.code(),
            admin_assignee: self.admin_assignee.map(|id| id.0),
            team_assignee: self.team_assignee.map(|id| id.0),
            participants: self.participants.iter().map(StoredParticipant::from).collect(),
            teammates: self.teammates.iter().map(|id| id.0).collect(),
            initial_channel: self.initial_channel.code(),
            current_channel: self.current_channel.code(),
            support_address: self.support_address.as_ref().map(record::stored_address),
            hints: self.hints.iter().map(|hint| (hint.thread.0, hint.reason.clone())).collect(),
            merged_into: self.merged_into.map(|id| id.0),
            automatic: self.automatic,
            last_seq: self.last_seq,
            last_visible_seq: self.last_visible_seq,
            first_admin_reply_at: self.first_admin_reply_at.map(|at| at.0),
            last_admin_reply_at: self.last_admin_reply_at.map(|at| at.0),
            last_contact_reply_at: self.last_contact_reply_at.map(|at| at.0),
            last_close_at: self.last_close_at.map(|at| at.0),
            ticket: self.ticket.as_ref().map(StoredTicket::from),
            tags: self.tags.iter().map(|tag| tag.0).collect(),
            merge: self.merge.as_ref().map(StoredMerge::from),
            deleted_at: self.deleted_at.map(|at| at.0),
            company: self.company.map(|id| id.0),
            awaits_contact: self.awaits_contact,
            page: self.page.as_ref().map(Page::to_string),
            custom_attributes: self
                .custom_attributes
                .iter()
                .map(|(name, value)| (name.clone(), value.into()))
                .collect(),
        }
    }

    fn from_stored(stored: StoredThread) -> Restored<Self> {
        let hint = |(thread, reason)| ThreadHint { thread: ThreadId(thread), reason };
        Ok(Self {
            id: ThreadId(stored.id),
            title: stored.title,
            created_at: Millis(stored.created_at),
            updated_at: Millis(stored.updated_at),
            state: stored.state.into(),
            waiting_since: stored.waiting_since.map(Millis),
            priority: Priority::of(stored.priority)?,
            admin_assignee: stored.admin_assignee.map(AgentId),
            team_assignee: stored.team_assignee.map(TeamId),
            participants: stored.participants.into_iter().map(Participant::from).collect(),
            teammates: stored.teammates.into_iter().map(AgentId).collect(),
            initial_channel: ChannelKind::of(stored.initial_channel)?,
            current_channel: ChannelKind::of(stored.current_channel)?,
            support_address: stored.support_address.map(record::address),
            hints: stored.hints.into_iter().map(hint).collect(),
            merged_into: stored.merged_into.map(ThreadId),
            automatic: stored.automatic,
            last_seq: stored.last_seq,
            last_visible_seq: stored.last_visible_seq,
            first_admin_reply_at: stored.first_admin_reply_at.map(Millis),
            last_admin_reply_at: stored.last_admin_reply_at.map(Millis),
            last_contact_reply_at: stored.last_contact_reply_at.map(Millis),
            last_close_at: stored.last_close_at.map(Millis),
            ticket: stored.ticket.map(StoredTicket::restore).transpose()?,
            tags: stored.tags.into_iter().map(TagId).collect(),
            merge: stored.merge.map(Merge::from),
            deleted_at: stored.deleted_at.map(Millis),
            company: stored.company.map(CompanyId),
            awaits_contact: stored.awaits_contact,
            custom_attributes: stored.custom_attributes.into_iter().map(|(name, value)| (name, value.into())).collect(),
            page: stored.page.as_deref().and_then(Page::parse),
        })
    }
}
