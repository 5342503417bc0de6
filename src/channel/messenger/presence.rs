//! Who types: memory only, bounded, gone after 5 s (MSG-45).
//!
//! **Invariant:** nothing here reaches the log or the store, and no text is carried.

use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use std::collections::HashMap;

/// A typing signal holds for so long, in milliseconds.
const HOLDS_MS: u64 = 5_000;
/// Signals remembered at once; above it new ones are not kept until old ones end.
const SIGNALS_MAX: usize = 10_000;

/// What customers see of the agent who types or is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentFace {
    /// Decimal id.
    pub id: String,
    /// Shown name.
    pub name: String,
    /// Address of a picture.
    pub avatar: Option<String>,
}

/// Whether an agent is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentState {
    /// Here.
    Active,
    /// Away.
    Away,
}

/// Contacts who type, by thread.
#[derive(Debug, Default)]
pub(crate) struct Typing {
    until_ms: HashMap<(ThreadId, ContactId), u64>,
}

impl Typing {
    /// The contact types in the thread.
    pub(crate) fn signal(&mut self, thread: ThreadId, contact: ContactId, now_ms: u64) {
        if self.until_ms.len() >= SIGNALS_MAX {
            self.until_ms.retain(|_, until| *until > now_ms);
        }
        if self.until_ms.len() < SIGNALS_MAX {
            self.until_ms.insert((thread, contact), now_ms + HOLDS_MS);
        }
    }

    /// The contact's message is there: they no longer type it.
    pub(crate) fn done(&mut self, thread: ThreadId, contact: ContactId) {
        self.until_ms.remove(&(thread, contact));
    }

    /// Whether the contact types in the thread now.
    pub(crate) fn is_typing(&self, thread: ThreadId, contact: ContactId, now_ms: u64) -> bool {
        self.until_ms.get(&(thread, contact)).is_some_and(|until| *until > now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn msg_45_typing_lasts_five_seconds_after_the_last_signal() {
        let (thread, contact) = (ThreadId(1), ContactId(2));
        let mut typing = Typing::default();
        typing.signal(thread, contact, 1_000);
        typing.signal(thread, contact, 3_000);
        assert!(typing.is_typing(thread, contact, 7_999));
        assert!(!typing.is_typing(thread, contact, 8_000));
        assert!(!typing.is_typing(ThreadId(2), contact, 3_000));
        typing.signal(thread, contact, 9_000);
        typing.done(thread, contact);
        assert!(!typing.is_typing(thread, contact, 9_001));
    }

    #[test]
    fn signals_are_bounded() {
        let mut typing = Typing::default();
        for n in 0..3 * SIGNALS_MAX as u64 {
            typing.signal(ThreadId(n), ContactId(n), 0);
        }
        assert_eq!(typing.until_ms.len(), SIGNALS_MAX);
    }
}
