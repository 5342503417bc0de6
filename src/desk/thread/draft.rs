//! A thread being changed inside a transaction: parts get their place, events are noted as they happen.
//!
//! **Invariant:** only a draft gives a part its `seq`, so that parts of a thread are numbered without gaps (OBJ-6), and
//! every part has its event.

use crate::clock::Clock;
use crate::desk::ticket::cross_post;
use crate::desk::ticket::cross_post::CrossPost;
use crate::domain::attachment::Attachment;
use crate::domain::audience;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::delivery::Delivery;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::form::FormCard;
use crate::domain::form::FormState;
use crate::domain::id::BroadcastId;
use crate::domain::id::EventSeq;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::mailing::Mailing;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::part::EmailFacts;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadState;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use crate::store::save::save;
use std::collections::VecDeque;

/// Most redirects of merged threads that are followed; chains are never in circles, this is the belt to it (MRG-2).
pub(crate) const REDIRECTS_MAX: usize = 20;

/// The moment of an operation, and where its ids come from.
#[derive(Clone, Debug)]
pub(crate) struct At {
    pub(crate) now: Millis,
    clock: Clock,
}

impl At {
    pub(crate) fn of(clock: &Clock) -> Self {
        Self { now: clock.now(), clock: clock.clone() }
    }

    /// The same operation, said to have been at that time (API-15, API-24).
    pub(crate) fn dated(&self, at: Option<Millis>) -> Self {
        Self { now: at.unwrap_or(self.now), clock: self.clock.clone() }
    }

    pub(crate) fn id(&self) -> u64 {
        self.clock.next_id()
    }
}

/// What a new part says, before it has its place.
#[derive(Clone, Debug)]
pub(crate) struct NewPart {
    pub(crate) kind: PartKind,
    pub(crate) author: Author,
    pub(crate) body_html: String,
    pub(crate) body_text: String,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) channel: ChannelKind,
    pub(crate) client_id: Option<String>,
    pub(crate) cause: Option<Cause>,
    pub(crate) email: Option<EmailFacts>,
    pub(crate) external_sender: bool,
    pub(crate) broadcast: Option<BroadcastId>,
    pub(crate) cross_posted_from: Option<(ThreadId, PartId)>,
    pub(crate) skip_notifications: bool,
    /// When it was written, where that was not now.
    pub(crate) created_at: Option<Millis>,
    /// The envelope its writer chose (EML-60).
    pub(crate) mailing: Option<Mailing>,
    /// The answer of a quick reply that was chosen with it.
    pub(crate) quick_reply_uuid: Option<String>,
}

impl NewPart {
    /// A part without body: something that happened.
    pub(crate) fn event(kind: PartKind, author: Author, cause: Option<Cause>) -> Self {
        Self {
            kind,
            author,
            body_html: String::new(),
            body_text: String::new(),
            attachments: Vec::new(),
            channel: ChannelKind::Api,
            client_id: None,
            cause,
            email: None,
            external_sender: false,
            broadcast: None,
            cross_posted_from: None,
            skip_notifications: false,
            created_at: None,
            mailing: None,
            quick_reply_uuid: None,
        }
    }
}

/// A thread under change.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) thread: Thread,
    pub(crate) at: At,
    /// Nobody is told of what happens in it, and each part says so (NTF-12).
    pub(crate) silent: bool,
    parts: Vec<Part>,
    events: Vec<Event>,
    pub(crate) owed: Vec<Delivery>,
    /// Parts to be copied or told in every linked thread.
    pub(crate) cross_posts: Vec<CrossPost>,
    /// Other threads that change with it.
    companions: Vec<Draft>,
}

impl Draft {
    /// A thread that does not exist yet.
    pub(crate) fn begin(thread: Thread, at: &At) -> Self {
        let mut draft = Self::of(thread, at);
        draft.note(EventKind::ConversationCreated, None);
        draft
    }

    /// A thread as it was read.
    pub(crate) fn of(thread: Thread, at: &At) -> Self {
        Self {
            thread,
            at: at.clone(),
            silent: false,
            parts: Vec::new(),
            events: Vec::new(),
            owed: Vec::new(),
            cross_posts: Vec::new(),
            companions: Vec::new(),
        }
    }

    /// An existing thread.
    pub(crate) fn open(tx: &dyn ReadTx, id: ThreadId, at: &At) -> store::Result<Self> {
        let thread = store::threads::get(tx, id)?.ok_or_else(|| missing("conversation"))?;
        Ok(Self::of(thread, at))
    }

    /// An existing thread, or the one it was merged into (MRG-2).
    pub(crate) fn open_merged(tx: &dyn ReadTx, id: ThreadId, at: &At) -> store::Result<Self> {
        let mut draft = Self::open(tx, id, at)?;
        for _ in 0..REDIRECTS_MAX {
            match draft.thread.merged_into {
                Some(primary) => draft = Self::open(tx, primary, at)?,
                None => break,
            }
        }
        Ok(draft)
    }

    /// An existing thread that acts on its own axis or owners; one that was merged takes none (MRG-2).
    pub(crate) fn open_unmerged(tx: &dyn ReadTx, id: ThreadId, at: &At) -> store::Result<Self> {
        let draft = Self::open(tx, id, at)?;
        match draft.thread.merged_into {
            Some(primary) => {
                let message = format!("conversation {id} was merged into {primary}");
                Err(store::Error::Refused(Refusal::Conflict { message }))
            }
            None => Ok(draft),
        }
    }

    /// Another thread that changes in the same operation; saved with this one.
    pub(crate) fn companion(&mut self, tx: &dyn ReadTx, id: ThreadId) -> store::Result<&mut Self> {
        if !self.companions.iter().any(|other| other.thread.id == id) {
            let opened = Self::open(tx, id, &self.at)?;
            self.companions.push(Self { silent: self.silent, ..opened });
        }
        let found = self.companions.iter_mut().find(|other| other.thread.id == id);
        found.ok_or_else(|| missing("conversation"))
    }

    /// Leaves nothing but the tombstone; what was to be said in it is not said (TCK-15).
    pub(crate) fn bury(&mut self) {
        self.thread = self.thread.tombstone(self.at.now);
        self.parts.clear();
        self.events.clear();
        self.owed.clear();
        self.cross_posts.clear();
    }

    /// Says of a part just added that it came by mail.
    pub(crate) fn came_by_mail(&mut self, part: PartId, email: &EmailFacts) {
        for written in self.parts.iter_mut().filter(|written| written.id == part) {
            written.channel = ChannelKind::Email;
            written.email = Some(email.clone());
        }
    }

    /// Takes another draft along, to be saved with this one.
    pub(crate) fn bring(&mut self, other: Self) {
        self.companions.push(other);
    }

    /// Adds a part at the end of the thread, with its event.
    pub(crate) fn add(&mut self, new: NewPart) -> Part {
        self.thread.last_seq += 1;
        self.thread.updated_at = self.at.now;
        let part = Part {
            id: PartId(self.at.id()),
            thread: self.thread.id,
            seq: self.thread.last_seq,
            kind: new.kind,
            author: new.author,
            body_html: new.body_html,
            body_text: new.body_text,
            attachments: new.attachments,
            created_at: new.created_at.unwrap_or(self.at.now),
            updated_at: self.at.now,
            channel: new.channel,
            thread_state: self.thread.state,
            ticket_state: self.thread.ticket.as_ref().map(|ticket| ticket.state_category),
            client_id: new.client_id,
            cause: new.cause,
            email: new.email,
            external_sender: new.external_sender,
            broadcast: new.broadcast,
            cross_posted_from: new.cross_posted_from,
            skip_notifications: new.skip_notifications || self.silent,
            redacted: false,
            quick_reply_uuid: new.quick_reply_uuid,
            impersonation_warning: false,
            tags: Vec::new(),
            mailing: new.mailing,
        };
        if audience::is_visible_part(&part) {
            self.thread.last_visible_seq = part.seq;
        }
        let kind = match part.kind {
            PartKind::TicketStateUpdated { .. } => EventKind::TicketStateChanged { part: part.id, part_seq: part.seq },
            PartKind::TicketFormSent(_) => EventKind::FormRequested { part: part.id, part_seq: part.seq },
            _ => EventKind::PartCreated { part: part.id, part_seq: part.seq },
        };
        self.note(kind, new.cause);
        self.parts.push(part.clone());
        part
    }

    /// Changes a part that is there: the card of a form (FRM-6), with its event.
    pub(crate) fn amend(&mut self, part: Part) -> Part {
        let part = Part { updated_at: self.at.now, ..part };
        self.thread.updated_at = self.at.now;
        let (id, part_seq) = (part.id, part.seq);
        self.note(
            match &part.kind {
                PartKind::TicketFormSent(FormCard { state: FormState::Submitted { .. }, .. }) => {
                    EventKind::FormSubmitted { part: id, part_seq }
                }
                _ => EventKind::FormWithdrawn { part: id, part_seq },
            },
            None,
        );
        self.parts.push(part.clone());
        part
    }

    /// A mail that is there turns out to be a person's: it is a comment from now on, with the event of one (EML-27).
    pub(crate) fn became_comment(&mut self, part: Part) -> Part {
        let part = Part { kind: PartKind::Comment, updated_at: self.at.now, ..part };
        self.thread.updated_at = self.at.now;
        self.thread.automatic = false;
        if audience::is_visible_part(&part) {
            self.thread.last_visible_seq = self.thread.last_visible_seq.max(part.seq);
        }
        self.note(EventKind::PartCreated { part: part.id, part_seq: part.seq }, None);
        self.parts.push(part.clone());
        part
    }

    /// Notes an event that has no part.
    pub(crate) fn note(&mut self, kind: EventKind, cause: Option<Cause>) {
        self.events.push(Event {
            kind,
            thread: Some(self.thread.id),
            at: self.at.now,
            thread_state: Some(self.thread.state),
            ticket_state: self.thread.ticket.as_ref().map(|ticket| ticket.state_category),
            cause,
        });
    }

    /// Moves the thread's own axis and says so; nothing happens when it is there already (OBJ-4, LIF-3).
    pub(crate) fn move_to(&mut self, state: ThreadState, author: &Author, cause: Option<Cause>) {
        if self.thread.state == state {
            return;
        }
        let kind = match (self.thread.state, state) {
            (ThreadState::Snoozed(_), ThreadState::Open) => PartKind::Unsnoozed,
            (_, ThreadState::Open) => PartKind::Open,
            (_, ThreadState::Closed) => PartKind::Close,
            (_, ThreadState::Snoozed(_)) => PartKind::Snoozed,
        };
        self.thread.state = state;
        if state == ThreadState::Closed {
            self.thread.last_close_at = Some(self.at.now);
        }
        self.add(NewPart::event(kind, author.clone(), cause));
        self.note(EventKind::ConversationUpdated, cause);
    }
}

/// Saves drafts with what else changed, then begins what must be told in linked threads. Returns the log position.
pub(crate) fn conclude(tx: &mut dyn WriteTx, drafts: Vec<Draft>, mut change: Change) -> store::Result<EventSeq> {
    let mut cross_posts = Vec::new();
    let mut drafts = VecDeque::from(drafts);
    while let Some(draft) = drafts.pop_front() {
        let (ticket, at) = (draft.thread.id, draft.at);
        drafts.extend(draft.companions);
        cross_posts.extend(draft.cross_posts.into_iter().map(|post| (post, ticket, at.clone())));
        change.threads.push(draft.thread);
        change.parts.extend(draft.parts);
        change.events.extend(draft.events);
        change.owed.extend(draft.owed);
    }
    let seq = save(tx, &change)?;
    for (post, ticket, at) in cross_posts {
        cross_post::begin(tx, post, ticket, &at)?;
    }
    Ok(seq)
}

/// The refusal for something that is not there.
pub(crate) fn missing(what: &'static str) -> store::Error {
    store::Error::Refused(Refusal::NotFound { what })
}
