//! What is said in a thread: comments of agents and contacts, notes.

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::WRITE_ANY;
use crate::desk::access::author;
use crate::desk::access::open_to_write;
use crate::desk::access::require;
use crate::desk::access::require_scope;
use crate::desk::access::require_write;
use crate::desk::people::contacts::ContactRef;
use crate::desk::people::contacts::known;
use crate::desk::people::contacts::resolve;
use crate::desk::thread::contact_comment::Comment;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::draft::missing;
use crate::desk::thread::message::NewMessage;
use crate::desk::thread::message::Ready;
use crate::desk::thread::quick_reply;
use crate::desk::thread::uploads;
use crate::desk::ticket::cross_post;
use crate::desk::ticket::cross_post::CrossPost;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::id::AgentId;
use crate::domain::id::ContactId;
use crate::domain::id::EventSeq;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::part::Author;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadState;
use crate::domain::ticket_rules::StateEffect;
use crate::domain::ticket_type::Category;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;

/// What a post became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The thread it went to; of a merged one, its primary (MRG-2).
    pub thread: ThreadId,
    /// The part it became.
    pub part: PartId,
    /// Its place in the thread.
    pub part_seq: u64,
    /// Log position of the part's event or a later one of the same commit.
    pub seq: EventSeq,
    /// The same `client_id` had been posted before; this is the first answer (MSG-42).
    pub repeated: bool,
}

impl Desk {
    /// A comment by an agent, to everybody in the thread; of a shared Back-office ticket, in the thread it is shared in
    /// (TCK-3). Scope `write_conversations`; `write_tickets` where that is a ticket. Events `PartCreated`; mails by EML-70 to EML-72.
    ///
    /// # Errors
    /// `NotFound`; `parameter_mismatch` on a Tracker or an unshared Back-office ticket.
    pub async fn agent_comment(&self, caller: &Caller, thread: ThreadId, message: NewMessage) -> Result<Posted> {
        require(caller, WRITE_ANY)?;
        refuse_cross_post(&message)?;
        let ready = self.ready(message).await?;
        let (inner, caller, at) = (self.inner.clone(), caller.clone(), At::of(&self.inner.clock));
        let posted = self.inner.store.update(move |tx| {
            open_to_write(tx, &caller, thread, &at)?;
            let mut draft = open_for_comment(tx, thread, &at)?;
            require_write(&caller, &draft.thread)?;
            let part = inner.say(tx, &mut draft, &caller, &ready)?;
            finish(tx, draft, &part)
        });
        Ok(posted.await?)
    }

    /// A note; it never leaves the house (NTF-6). Scope as for a comment. Events `PartCreated`, here and, cross-posted,
    /// in every linked thread (BKO-22).
    ///
    /// # Errors
    /// `NotFound`; `parameter_invalid` for `cross_post` on anything but a Back-office or Tracker ticket (BKO-23).
    pub async fn agent_note(&self, caller: &Caller, thread: ThreadId, message: NewMessage) -> Result<Posted> {
        require(caller, WRITE_ANY)?;
        refuse_envelope(&message)?;
        let ready = self.ready(message).await?;
        let (caller, at) = (caller.clone(), At::of(&self.inner.clock));
        let posted = self.inner.store.update(move |tx| {
            let mut draft = open_to_write(tx, &caller, thread, &at)?;
            let dated = Ready { base_seq: None, ..ready.clone() };
            refuse_when_stale(&draft.thread, &dated)?;
            let part = draft.add(worded(tx, &ready, PartKind::Note, author(&caller))?);
            wake_by_agent(&mut draft, &caller, &ready);
            teammate(&mut draft.thread, caller.agent);
            if ready.cross_post {
                cross_post::check(&draft.thread).map_err(store::Error::Refused)?;
                draft.cross_posts.push(CrossPost { part: part.id, effect: StateEffect::None });
            }
            finish(tx, draft, &part)
        });
        Ok(posted.await?)
    }

    /// A comment by a contact; without a thread it begins a conversation. For channels that know who is writing.
    /// Events `PartCreated`, and what follows from it: LIF-1, LIF-2, STA-8.
    ///
    /// # Errors
    /// `NotFound` when the contact takes no part in the thread, `Forbidden` when they are blocked.
    pub async fn contact_comment(
        &self,
        contact: ContactId,
        thread: Option<ThreadId>,
        message: NewMessage,
        channel: ChannelKind,
    ) -> Result<Posted> {
        let ready = self.ready(message).await?;
        let (inner, at) = (self.inner.clone(), At::of(&self.inner.clock));
        let posted = self.inner.store.update(move |tx| {
            let contact = known(&*tx, contact)?;
            inner.contact_says(tx, &contact, thread, &ready, channel, &at)
        });
        Ok(posted.await?)
    }

    /// What a contact's post with that key became, if it is known (MSG-42).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn posted_before(&self, contact: ContactId, client_id: &str) -> Result<Option<Posted>> {
        Ok(self.inner.store.view(|tx| repeated(tx, contact, Some(client_id)))?)
    }

    /// A comment that a program posts for a contact. Scope `write_conversations`, in a ticket `write_tickets`.
    ///
    /// # Errors
    /// As [`Desk::contact_comment`]; `parameter_mismatch` on Back-office and Tracker tickets (TCK-4).
    pub async fn comment_for_contact(
        &self,
        caller: &Caller,
        contact: &ContactRef,
        thread: Option<ThreadId>,
        message: NewMessage,
    ) -> Result<Posted> {
        require(caller, WRITE_ANY)?;
        refuse_cross_post(&message)?;
        let ready = self.ready(message).await?;
        let (inner, caller, contact) = (self.inner.clone(), caller.clone(), contact.clone());
        let at = At::of(&self.inner.clock);
        let posted = self.inner.store.update(move |tx| {
            let contact = resolve(tx, &contact)?;
            match thread {
                Some(thread) => {
                    // A contact's words end the wait for them, so here it does not matter.
                    let named = Draft::open(tx, thread, &at)?;
                    require_scope(&caller, &named.thread)?;
                    let primary = Draft::open_merged(tx, thread, &at)?;
                    require_scope(&caller, &primary.thread)?;
                    refuse_unless_customer_facing(&primary.thread)?;
                }
                None => {
                    require(&caller, &[Scope::WriteConversations]).map_err(store::Error::Refused)?;
                    inner.refuse_our_own(tx, "from", &contact)?;
                }
            }
            inner.contact_says(tx, &contact, thread, &ready, ChannelKind::Api, &at)
        });
        Ok(posted.await?)
    }
}

impl Inner {
    /// Writes an agent's comment into the draft, with everything that follows from it.
    pub(crate) fn say(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        caller: &Caller,
        ready: &Ready,
    ) -> store::Result<Part> {
        refuse_when_stale(&draft.thread, ready)?;
        let mailing = self.addressed(tx, draft, &ready.addressing, &author(caller))?;
        let part = draft.add(NewPart { mailing, ..worded(tx, ready, ready.kind(), author(caller))? });
        self.answered(tx, draft, caller, &part, ready)?;
        Ok(part)
    }

    /// What follows from an agent's words to the customer.
    pub(crate) fn answered(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        caller: &Caller,
        part: &Part,
        ready: &Ready,
    ) -> store::Result<()> {
        let now = draft.at.now;
        draft.thread.waiting_since = None;
        draft.thread.first_admin_reply_at.get_or_insert(now);
        draft.thread.last_admin_reply_at = Some(now);
        teammate(&mut draft.thread, caller.agent);
        wake_by_agent(draft, caller, ready);
        if ready.skip_notifications {
            return Ok(());
        }
        match &part.mailing {
            Some(mailing) => self.owe_addressed(tx, draft, part, mailing, caller.agent),
            None => self.owe_reply(tx, draft, part.id, Some(caller.agent)),
        }
    }

    fn contact_says(
        &self,
        tx: &mut dyn WriteTx,
        contact: &Contact,
        thread: Option<ThreadId>,
        ready: &Ready,
        channel: ChannelKind,
        at: &At,
    ) -> store::Result<Posted> {
        if contact.blocked {
            let message = "this contact is blocked".to_owned();
            return Err(store::Error::Refused(Refusal::Forbidden { message }));
        }
        if let Some(first) = repeated(tx, contact.id, ready.client_id.as_deref())? {
            return Ok(first);
        }
        let mut draft = match thread {
            Some(thread) => {
                let draft = Draft::open_merged(tx, thread, at)?;
                refuse_when_stale(&draft.thread, ready)?;
                draft
            }
            None => {
                let at = &at.dated(ready.created_at);
                let mut thread = Thread::new(ThreadId(at.id()), channel, at.now);
                thread.support_address.clone_from(&ready.support_address);
                thread.support_address = Some(self.support_address(&thread).address.clone());
                thread.title.clone_from(&ready.title);
                thread.page.clone_from(&ready.page);
                thread.join(contact.id, false, 1);
                Draft::begin(thread, at)
            }
        };
        if !takes_part(&draft.thread, contact.id) {
            return Err(missing("conversation"));
        }
        let client_id = ready.client_id.clone();
        let answer = quick_reply::answer(&*tx, &draft.thread, ready)?;
        let ready = answer.as_ref().unwrap_or(ready);
        let new = NewPart { channel, ..worded(tx, ready, PartKind::Comment, contact_author(contact))? };
        let comment = Comment { contact, skip_notifications: ready.skip_notifications, answerable: true };
        let mut change = Change::default();
        let part = self.contact_commented(tx, &mut draft, new, &comment, &mut change)?;
        let thread = draft.thread.id;
        let seq = conclude(tx, vec![draft], change)?;
        if let Some(client_id) = client_id {
            store::client_ids::put(tx, contact.id, &client_id, (thread, part.id, seq), at.now)?;
        }
        Ok(Posted { thread, part: part.id, part_seq: part.seq, seq, repeated: false })
    }
}

/// The answer an earlier post with the same key got (MSG-42).
fn repeated(tx: &dyn ReadTx, contact: ContactId, client_id: Option<&str>) -> store::Result<Option<Posted>> {
    let Some(client_id) = client_id else { return Ok(None) };
    let Some((thread, part, seq)) = store::client_ids::get(tx, contact, client_id)? else {
        return Ok(None);
    };
    let part_seq = store::parts::by_id(tx, part)?.map_or(0, |part| part.seq);
    Ok(Some(Posted { thread, part, part_seq, seq, repeated: true }))
}

/// The author that a contact's parts get.
pub(crate) fn contact_author(contact: &Contact) -> Author {
    Author::Contact {
        id: contact.id,
        name: contact.display_name(),
        email: contact.email.as_ref().map(ToString::to_string),
        user: contact.role == ContactRole::User,
    }
}

/// The part a message becomes; files sent ahead are taken for it.
pub(crate) fn worded(tx: &mut dyn WriteTx, ready: &Ready, kind: PartKind, author: Author) -> store::Result<NewPart> {
    let mut attachments = ready.attachments.clone();
    attachments.extend(uploads::take(tx, &ready.uploads, &author)?);
    Ok(NewPart {
        body_html: ready.html.clone(),
        body_text: ready.text.clone(),
        attachments,
        client_id: ready.client_id.clone(),
        skip_notifications: ready.skip_notifications,
        created_at: ready.created_at,
        quick_reply_uuid: ready.chosen.as_ref().map(|chosen| chosen.uuid.clone()),
        ..NewPart::event(kind, author, None)
    })
}

pub(crate) fn takes_part(thread: &Thread, contact: ContactId) -> bool {
    thread.participant(contact).is_some_and(|participant| participant.removed_at.is_none())
}

/// Where an agent's comment on this thread goes (TCK-3).
pub(crate) fn open_for_comment(tx: &dyn ReadTx, id: ThreadId, at: &At) -> store::Result<Draft> {
    let draft = Draft::open_merged(tx, id, at)?;
    let shared = draft.thread.ticket.as_ref().and_then(|ticket| ticket.shared_in);
    match draft.thread.category() {
        None | Some(Category::Customer) => Ok(draft),
        Some(Category::BackOffice | Category::Tracker) => match shared {
            Some(conversation) => Draft::open_merged(tx, conversation, at),
            None => Err(not_for_customers(&draft.thread)),
        },
    }
}

/// Only notes can be cross-posted (BKO-23).
fn refuse_cross_post(message: &NewMessage) -> std::result::Result<(), Refusal> {
    if message.cross_post {
        return Err(Refusal::invalid("cross_post", "only notes can be cross-posted"));
    }
    Ok(())
}

/// A note leaves the house for nobody (NTF-6).
fn refuse_envelope(message: &NewMessage) -> std::result::Result<(), Refusal> {
    if message.addressing.is_chosen() {
        return Err(Refusal::invalid("to", "a note is mailed to nobody"));
    }
    Ok(())
}

/// Somebody else said something to or from the customer since the caller looked (DSK-7).
pub(crate) fn refuse_when_stale(thread: &Thread, ready: &Ready) -> store::Result<()> {
    if ready.created_at.is_some_and(|at| at < thread.created_at) {
        let message = "'created_at' lies before the conversation began";
        return Err(store::Error::Refused(Refusal::invalid("created_at", message)));
    }
    match ready.base_seq {
        Some(base) if base < thread.last_visible_seq => {
            let newest = thread.last_visible_seq;
            let message = format!("part {newest} was added behind {base}: read it first, then send with its seq");
            Err(store::Error::Refused(Refusal::Conflict { message }))
        }
        Some(_) | None => Ok(()),
    }
}

fn refuse_unless_customer_facing(thread: &Thread) -> store::Result<()> {
    if thread.is_customer_facing() { Ok(()) } else { Err(not_for_customers(thread)) }
}

fn not_for_customers(thread: &Thread) -> store::Error {
    let category = thread.category().map_or("conversation", Category::as_str);
    store::Error::Refused(Refusal::Invalid {
        code: "parameter_mismatch",
        field: Some("message_type".to_owned()),
        message: format!("a {category} ticket takes notes only; customers are reached in its linked conversations"),
    })
}

/// Another agent's comment or note ends a snooze, the assignee's own keeps it (LIF-1).
fn wake_by_agent(draft: &mut Draft, caller: &Caller, ready: &Ready) {
    let snoozed = matches!(draft.thread.state, ThreadState::Snoozed(_));
    if snoozed && draft.thread.admin_assignee != Some(caller.agent) && !ready.skip_unsnooze {
        draft.move_to(ThreadState::Open, &author(caller), None);
    }
}

fn teammate(thread: &mut Thread, agent: AgentId) {
    if !thread.teammates.contains(&agent) {
        thread.teammates.push(agent);
    }
}

fn finish(tx: &mut dyn WriteTx, draft: Draft, part: &Part) -> store::Result<Posted> {
    let seq = conclude(tx, vec![draft], Change::default())?;
    Ok(Posted { thread: part.thread, part: part.id, part_seq: part.seq, seq, repeated: false })
}
