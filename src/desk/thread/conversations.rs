//! What is done with a thread: open, close, snooze, assign, name, see.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::WRITE_ANY;
use crate::desk::access::author;
use crate::desk::access::open_to_act;
use crate::desk::access::open_to_write;
use crate::desk::access::require;
use crate::desk::agents::handing_out::choose;
use crate::desk::broadcasts::settling;
use crate::desk::people::companies::set_of_thread;
use crate::desk::people::data_attributes;
use crate::desk::thread::comments::refuse_when_stale;
use crate::desk::thread::comments::takes_part;
use crate::desk::thread::comments::worded;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::conclude;
use crate::desk::thread::draft::missing;
use crate::desk::thread::message::NewMessage;
use crate::desk::thread::message::Ready;
use crate::desk::thread::message::check_title;
use crate::desk::ticket::tickets::Values;
use crate::domain::agent::Caller;
use crate::domain::audience;
use crate::domain::event::EventKind;
use crate::domain::id::AgentId;
use crate::domain::id::CompanyId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::TeamId;
use crate::domain::id::ThreadId;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::team::TeamMethod;
use crate::domain::thread::Priority;
use crate::domain::thread::ThreadState;
use crate::store;
use crate::store::engine::WriteTx;
use crate::store::save::Change;

/// An act on the thread's own axis (OBJ-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadAct {
    /// Open it.
    Open,
    /// Close it; ends a snooze.
    Close,
    /// Snooze it until a time, or until a reply.
    Snooze(Option<Millis>),
}

/// New owners. `None` leaves one alone, `Some(None)` removes it (LIF-5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// The agent.
    pub agent: Option<Option<AgentId>>,
    /// The team.
    pub team: Option<Option<TeamId>>,
}

/// What is changed about a thread itself (API-24).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadChange {
    /// Its title; `Some(None)` removes it.
    pub title: Option<Option<String>>,
    /// It counts as read by its primary contact.
    pub read: bool,
    /// The company it is about; `Some(None)` is none (OBJ-16).
    pub company: Option<Option<CompanyId>>,
    /// How urgent it is (OBJ-30).
    pub priority: Option<Priority>,
    /// Values of declared attributes; `None` clears one (OBJ-36).
    pub attributes: Values,
}

impl Desk {
    /// Opens, closes or snoozes a thread, with a comment if one is given. Scope as for a comment.
    ///
    /// # Errors
    /// `NotFound`; `parameter_invalid` for a snooze into the past.
    pub async fn act_on_thread(
        &self,
        caller: &Caller,
        thread: ThreadId,
        act: ThreadAct,
        message: Option<NewMessage>,
    ) -> Result<()> {
        require(caller, WRITE_ANY)?;
        let ready = self.ready_if_any(message).await?;
        let (inner, caller, at) = (self.inner.clone(), caller.clone(), At::of(&self.inner.clock));
        let done = self.inner.store.update(move |tx| {
            let mut draft = open_to_act(tx, &caller, thread, &at)?;
            if act == ThreadAct::Close && draft.thread.state != ThreadState::Closed {
                data_attributes::refuse_unfilled(&*tx, &draft.thread)?;
            }
            if let Some(ready) = &ready {
                inner.say(tx, &mut draft, &caller, ready)?;
            }
            move_thread(&mut draft, act, &author(&caller)).map_err(store::Error::Refused)?;
            finish_silently(tx, draft)
        });
        Ok(done.await?)
    }

    /// Assigns a thread to an agent, a team or both, with a comment in the same part if one is given (LIF-5).
    ///
    /// # Errors
    /// `NotFound` for the thread or the agent.
    pub async fn assign(
        &self,
        caller: &Caller,
        thread: ThreadId,
        to: Assignment,
        message: Option<NewMessage>,
    ) -> Result<()> {
        require(caller, WRITE_ANY)?;
        let ready = self.ready_if_any(message).await?;
        let (inner, caller, at) = (self.inner.clone(), caller.clone(), At::of(&self.inner.clock));
        let done = self.inner.store.update(move |tx| {
            let mut draft = open_to_act(tx, &caller, thread, &at)?;
            let part = assign_in(tx, &mut draft, to, &author(&caller), ready.as_ref())?;
            if let (Some(part), Some(ready)) = (part, &ready) {
                inner.answered(tx, &mut draft, &caller, &part, ready)?;
            }
            finish_silently(tx, draft)
        });
        Ok(done.await?)
    }

    /// Names a thread, marks it as read by its primary contact, or both in one act (API-4). Scope as for a comment. Events
    /// `ConversationUpdated` and `Seen`, each where there is something new.
    ///
    /// # Errors
    /// `NotFound`; `parameter_invalid` over 255 characters.
    pub async fn change_thread(&self, caller: &Caller, thread: ThreadId, change: ThreadChange) -> Result<()> {
        require(caller, WRITE_ANY)?;
        check_title(change.title.as_ref().and_then(Option::as_deref))?;
        let (caller, at) = (caller.clone(), At::of(&self.inner.clock));
        let done = self.inner.store.update(move |tx| {
            let mut draft = open_to_write(tx, &caller, thread, &at)?;
            if let Some(title) = &change.title {
                draft.thread.title.clone_from(title);
                draft.thread.updated_at = at.now;
                draft.note(EventKind::ConversationUpdated, None);
            }
            if let Some(company) = change.company {
                set_of_thread(&*tx, &mut draft, company)?;
            }
            prioritise(&mut draft, change.priority, &author(&caller));
            data_attributes::set_of_thread(&*tx, &mut draft, &change.attributes, &caller)?;
            if let Some(primary) = draft.thread.primary_contact().filter(|_| change.read) {
                let up_to = draft.thread.last_visible_seq;
                see(&mut draft, primary, up_to);
                settling::seen(tx, draft.thread.id, primary, up_to, &at)?;
            }
            finish_silently(tx, draft)
        });
        Ok(done.await?)
    }

    /// The contact has seen the thread up to that part (MSG-44). Event `Seen` when that is news.
    ///
    /// # Errors
    /// `NotFound` when the contact takes no part in the thread or the part is not in it.
    pub async fn mark_seen(&self, contact: ContactId, thread: ThreadId, part: PartId) -> Result<()> {
        let at = At::of(&self.inner.clock);
        let done = self.inner.store.update(move |tx| {
            let mut draft = Draft::open(tx, thread, &at)?;
            if !takes_part(&draft.thread, contact) {
                return Err(missing("conversation"));
            }
            let seen = store::parts::by_id(tx, part)?.filter(|part| part.thread == draft.thread.id);
            let seen = seen.filter(|part| audience::may_read(&draft.thread, part, contact));
            let up_to = seen.ok_or_else(|| missing("part"))?.seq;
            see(&mut draft, contact, up_to);
            settling::seen(tx, draft.thread.id, contact, up_to, &at)?;
            finish_silently(tx, draft)
        });
        Ok(done.await?)
    }

    /// Opens snoozed threads whose time has come, at most 100 (LIF-1). For the daemon's worker.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn wake_snoozed(&self) -> Result<usize> {
        let at = At::of(&self.inner.clock);
        let due = self.inner.store.view(|tx| store::threads::snoozed_until(tx, at.now, 100))?;
        for thread in &due {
            let (thread, at) = (*thread, at.clone());
            let woken = self.inner.store.update(move |tx| {
                let mut draft = Draft::open(tx, thread, &at)?;
                if matches!(draft.thread.state, ThreadState::Snoozed(Some(until)) if until <= at.now) {
                    draft.move_to(ThreadState::Open, &Author::Bot, Some(Cause::SnoozeEnded));
                }
                finish_silently(tx, draft)
            });
            woken.await?;
        }
        Ok(due.len())
    }

    async fn ready_if_any(&self, message: Option<NewMessage>) -> Result<Option<Ready>> {
        match message {
            Some(message) => Ok(Some(self.ready(message).await?)),
            None => Ok(None),
        }
    }
}

pub(crate) fn move_thread(draft: &mut Draft, act: ThreadAct, by: &Author) -> std::result::Result<(), Refusal> {
    let state = match act {
        ThreadAct::Open => ThreadState::Open,
        ThreadAct::Close => ThreadState::Closed,
        ThreadAct::Snooze(Some(until)) if until <= draft.at.now => {
            return Err(Refusal::invalid("snoozed_until", "a snooze ends in the future"));
        }
        ThreadAct::Snooze(until) => ThreadState::Snoozed(until),
    };
    draft.move_to(state, by, None);
    Ok(())
}

/// Sets how urgent a thread is, with its part; nothing happens when it is so already (OBJ-30, OBJ-45).
pub(crate) fn prioritise(draft: &mut Draft, priority: Option<Priority>, by: &Author) {
    let from = draft.thread.priority;
    let Some(to) = priority.filter(|to| *to != from) else { return };
    draft.thread.priority = to;
    draft.add(NewPart::event(PartKind::PriorityChanged { from, to }, by.clone(), None));
    draft.note(EventKind::ConversationUpdated, None);
}

/// Sets new owners; nothing happens when they are the old ones and nothing is said.
pub(crate) fn assign_in(
    tx: &mut dyn WriteTx,
    draft: &mut Draft,
    to: Assignment,
    by: &Author,
    ready: Option<&Ready>,
) -> store::Result<Option<Part>> {
    if let Some(Some(agent)) = to.agent {
        let known = store::agents::get(&*tx, agent)?.filter(|agent| !agent.disabled);
        known.ok_or_else(|| missing("assignee"))?;
    }
    let team = to.team.unwrap_or(draft.thread.team_assignee);
    let (agent, cause) = owner(tx, draft, to)?;
    if let Some(ready) = ready {
        refuse_when_stale(&draft.thread, ready)?;
    }
    let same = agent == draft.thread.admin_assignee && team == draft.thread.team_assignee;
    if same && ready.is_none() {
        return Ok(None);
    }
    let before = (draft.thread.admin_assignee, draft.thread.team_assignee);
    draft.thread.admin_assignee = agent;
    draft.thread.team_assignee = team;
    let kind = PartKind::Assignment { agent, team, before };
    let part = match ready {
        Some(ready) => {
            let new = worded(tx, ready, kind, by.clone())?;
            draft.add(new)
        }
        None => draft.add(NewPart::event(kind, by.clone(), cause)),
    };
    draft.note(EventKind::ConversationUpdated, cause);
    Ok(Some(part))
}

/// The agent an assignment comes to: the one named, else the one the team gives it to (ASN-1), else the one it has.
fn owner(tx: &mut dyn WriteTx, draft: &Draft, to: Assignment) -> store::Result<(Option<AgentId>, Option<Cause>)> {
    let thread = &draft.thread;
    let Some(Some(team)) = to.team else { return Ok((to.agent.unwrap_or(thread.admin_assignee), None)) };
    let known = store::teams::get(&*tx, team)?.filter(|team| !team.archived);
    let team = known.ok_or_else(|| missing("assignee"))?;
    let stays = thread.team_assignee == Some(team.id) && thread.admin_assignee.is_some();
    let member = thread.admin_assignee.filter(|agent| team.members().any(|member| member == *agent));
    match to.agent {
        Some(Some(agent)) => Ok((Some(agent), None)),
        Some(None) if team.method == TeamMethod::Manual => Ok((None, None)),
        None if stays || team.method == TeamMethod::Manual || member.is_some() => Ok((thread.admin_assignee, None)),
        Some(None) | None => Ok((choose(tx, team, None)?, Some(Cause::TeamMethod))),
    }
}

fn see(draft: &mut Draft, contact: ContactId, up_to_seq: u64) {
    let entry = draft.thread.participants.iter_mut().find(|participant| participant.contact == contact);
    if let Some(participant) = entry.filter(|participant| participant.seen_seq < up_to_seq) {
        participant.seen_seq = up_to_seq;
        draft.note(EventKind::Seen { contact, up_to_seq }, None);
    }
}

pub(crate) fn finish_silently(tx: &mut dyn WriteTx, draft: Draft) -> store::Result<()> {
    conclude(tx, vec![draft], Change::default())?;
    Ok(())
}
