//! What is so for a moment and stands in no log, as agents are shown it: who types, who is online, who looks at which
//! conversation (MSG-45, DSK-7).
//!
//! **Invariant:** memory only, and bounded: nothing here reaches the store. Whoever listens too slowly is told that it
//! missed something and asks how things are; no change is dropped in silence.

use crate::channel::messenger::presence::AgentFace;
use crate::channel::messenger::presence::Typing;
use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::sync::broadcast;

/// Changes that wait for one listener (MSG-46).
const WAITING_MAX: usize = 256;
/// Conversations that are looked at, at once.
const VIEWED_MAX: usize = 10_000;
/// Agents who look at one conversation.
const VIEWERS_MAX: usize = 50;

/// A change.
#[derive(Clone, Debug)]
pub(crate) enum Moment {
    /// Somebody types, for five seconds unless said again, or has said it.
    Typing {
        /// Where.
        thread: ThreadId,
        /// Who.
        who: Typist,
        /// Whether they do, or did.
        on: bool,
    },
    /// A contact opened their first socket, or lost the last one.
    Online {
        /// Who.
        contact: ContactId,
        /// Whether they are here.
        online: bool,
    },
    /// Other agents look at the conversation than before.
    Viewers {
        /// Which.
        thread: ThreadId,
    },
}

/// Who types.
#[derive(Clone, Debug)]
pub(crate) enum Typist {
    /// A contact.
    Contact(ContactId),
    /// An agent.
    Agent(Arc<AgentFace>),
}

/// Who types, looks and is here.
#[derive(Debug)]
pub(crate) struct Moments {
    told: broadcast::Sender<Moment>,
    typing: Mutex<Typing>,
    views: Mutex<Views>,
    view_holds_ms: u64,
}

impl Moments {
    /// A view ends so long after its last signal.
    pub(crate) fn new(view_holds: Duration) -> Self {
        let view_holds_ms = u64::try_from(view_holds.as_millis()).unwrap_or(u64::MAX);
        let told = broadcast::Sender::new(WAITING_MAX);
        Self { told, typing: Mutex::default(), views: Mutex::default(), view_holds_ms }
    }

    /// Changes from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Moment> {
        self.told.subscribe()
    }

    /// The contact types in the thread.
    pub(crate) fn contact_types(&self, thread: ThreadId, contact: ContactId, now_ms: u64) {
        if lock(&self.typing).signal(thread, contact, now_ms) {
            self.tell(Moment::Typing { thread, who: Typist::Contact(contact), on: true });
        }
    }

    /// The contact's message is there: they no longer type it.
    pub(crate) fn contact_typed(&self, thread: ThreadId, contact: ContactId) {
        if lock(&self.typing).done(thread, contact) {
            self.tell(Moment::Typing { thread, who: Typist::Contact(contact), on: false });
        }
    }

    /// Whether the contact types in the thread now.
    pub(crate) fn is_typing(&self, thread: ThreadId, contact: ContactId, now_ms: u64) -> bool {
        lock(&self.typing).is_typing(thread, contact, now_ms)
    }

    /// Contacts who type, at most `limit`.
    pub(crate) fn typists(&self, now_ms: u64, limit: usize) -> Vec<(ThreadId, ContactId)> {
        lock(&self.typing).all(now_ms, limit)
    }

    /// The agent types in the thread, and so looks at it.
    pub(crate) fn agent_types(&self, thread: ThreadId, agent: &AgentFace, now_ms: u64) {
        self.agent_views(thread, agent, now_ms);
        self.tell(Moment::Typing { thread, who: Typist::Agent(Arc::new(agent.clone())), on: true });
    }

    /// The agent looks at the thread.
    pub(crate) fn agent_views(&self, thread: ThreadId, agent: &AgentFace, now_ms: u64) {
        let until_ms = now_ms.saturating_add(self.view_holds_ms);
        if lock(&self.views).signal(thread, agent, until_ms) {
            self.tell(Moment::Viewers { thread });
        }
    }

    /// The agent looks at the thread no more.
    pub(crate) fn agent_leaves(&self, thread: ThreadId, agent: &AgentFace) {
        if lock(&self.views).end(thread, agent) {
            self.tell(Moment::Viewers { thread });
        }
    }

    /// Agents who look at the thread now.
    pub(crate) fn viewers(&self, thread: ThreadId, now_ms: u64) -> Vec<Arc<AgentFace>> {
        lock(&self.views).of(thread, now_ms)
    }

    /// Threads somebody looks at now, at most `limit`.
    pub(crate) fn viewed(&self, now_ms: u64, limit: usize) -> Vec<ThreadId> {
        lock(&self.views).threads(now_ms, limit)
    }

    /// The contact came, or went.
    pub(crate) fn contact_is(&self, contact: ContactId, online: bool) {
        self.tell(Moment::Online { contact, online });
    }

    /// Ends the views whose time is over.
    pub(crate) fn expire(&self, now_ms: u64) {
        let ended = lock(&self.views).expire(now_ms);
        for thread in ended {
            self.tell(Moment::Viewers { thread });
        }
    }

    fn tell(&self, moment: Moment) {
        // Nobody listens as a rule.
        drop(self.told.send(moment));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who looks at which conversation, until when.
#[derive(Debug, Default)]
struct Views {
    by_thread: HashMap<ThreadId, Vec<(Arc<AgentFace>, u64)>>,
}

impl Views {
    /// The agent looks until then; whether they did not before.
    fn signal(&mut self, thread: ThreadId, agent: &AgentFace, until_ms: u64) -> bool {
        if self.by_thread.len() >= VIEWED_MAX && !self.by_thread.contains_key(&thread) {
            return false;
        }
        let viewers = self.by_thread.entry(thread).or_default();
        if let Some((_, until)) = viewers.iter_mut().find(|(known, _)| known.id == agent.id) {
            *until = until_ms;
            return false;
        }
        let room = viewers.len() < VIEWERS_MAX;
        if room {
            viewers.push((Arc::new(agent.clone()), until_ms));
        }
        room
    }

    /// Whether they did.
    fn end(&mut self, thread: ThreadId, agent: &AgentFace) -> bool {
        let Some(viewers) = self.by_thread.get_mut(&thread) else { return false };
        let before = viewers.len();
        viewers.retain(|(known, _)| known.id != agent.id);
        let (ended, empty) = (viewers.len() < before, viewers.is_empty());
        if empty {
            self.by_thread.remove(&thread);
        }
        ended
    }

    fn of(&self, thread: ThreadId, now_ms: u64) -> Vec<Arc<AgentFace>> {
        let viewers = self.by_thread.get(&thread).into_iter().flatten();
        viewers.filter(|(_, until)| *until > now_ms).map(|(agent, _)| Arc::clone(agent)).collect()
    }

    fn threads(&self, now_ms: u64, limit: usize) -> Vec<ThreadId> {
        let viewed = self.by_thread.iter().filter(|(_, viewers)| viewers.iter().any(|(_, until)| *until > now_ms));
        viewed.map(|(thread, _)| *thread).take(limit).collect()
    }

    /// Threads that lost somebody.
    fn expire(&mut self, now_ms: u64) -> Vec<ThreadId> {
        let mut changed = Vec::new();
        self.by_thread.retain(|thread, viewers| {
            let before = viewers.len();
            viewers.retain(|(_, until)| *until > now_ms);
            if viewers.len() < before {
                changed.push(*thread);
            }
            !viewers.is_empty()
        });
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREAD: ThreadId = ThreadId(7);

    fn agent(id: u64) -> AgentFace {
        AgentFace { id: id.to_string(), name: format!("Agent {id}"), avatar: None }
    }

    fn moments() -> Moments {
        Moments::new(Duration::from_secs(60))
    }

    fn names(viewers: &[Arc<AgentFace>]) -> Vec<&str> {
        viewers.iter().map(|viewer| viewer.id.as_str()).collect()
    }

    #[test]
    fn dsk_7_a_view_ends_sixty_seconds_after_its_last_signal() {
        let moments = moments();
        let mut told = moments.listen();
        moments.agent_views(THREAD, &agent(1), 0);
        moments.agent_views(THREAD, &agent(2), 1_000);
        moments.agent_views(THREAD, &agent(1), 30_000);
        assert_eq!(names(&moments.viewers(THREAD, 60_999)), ["1", "2"]);
        assert_eq!(names(&moments.viewers(THREAD, 61_000)), ["1"]);
        assert_eq!(moments.viewed(61_000, 10), [THREAD]);
        moments.expire(61_000);
        moments.expire(62_000);
        moments.agent_leaves(THREAD, &agent(1));
        moments.agent_leaves(THREAD, &agent(1));
        assert!(moments.viewed(62_000, 10).is_empty());
        let changes = std::iter::from_fn(|| told.try_recv().ok()).count();
        assert_eq!(changes, 4, "two came, one ran out, one left; signals that change nothing are not told");
    }

    #[test]
    fn views_are_bounded() {
        let moments = moments();
        for n in 0..3 * VIEWERS_MAX as u64 {
            moments.agent_views(THREAD, &agent(n), 0);
        }
        assert_eq!(moments.viewers(THREAD, 1).len(), VIEWERS_MAX);
        for n in 0..2 * VIEWED_MAX as u64 {
            moments.agent_views(ThreadId(n), &agent(1), 0);
        }
        assert_eq!(moments.viewed(1, usize::MAX).len(), VIEWED_MAX);
    }

    #[test]
    fn a_slow_listener_is_told_that_it_missed_something() {
        let moments = moments();
        let mut told = moments.listen();
        for n in 0..2 * WAITING_MAX as u64 {
            moments.contact_is(ContactId(n), true);
        }
        assert!(matches!(told.try_recv(), Err(broadcast::error::TryRecvError::Lagged(_))));
    }
}
