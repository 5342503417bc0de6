//! Who types: memory only, bounded, gone after 5 s (MSG-45).
//!
//! **Invariant:** nothing here reaches the log or the store, and no text is carried.

use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use std::collections::HashMap;

/// A typing signal holds for so long, in milliseconds.
const HOLDS_MS: u64 = 5_000;
/// A contact who goes on typing is told of so often.
const TOLD_EVERY_MS: u64 = 2_000;
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
    by: HashMap<(ThreadId, ContactId), Signal>,
}

#[derive(Clone, Copy, Debug)]
struct Signal {
    until_ms: u64,
    told_ms: u64,
}

impl Typing {
    /// The contact types in the thread; whether that is worth telling once more.
    pub(crate) fn signal(&mut self, thread: ThreadId, contact: ContactId, now_ms: u64) -> bool {
        if self.by.len() >= SIGNALS_MAX {
            self.by.retain(|_, signal| signal.until_ms > now_ms);
        }
        let until_ms = now_ms.saturating_add(HOLDS_MS);
        if let Some(signal) = self.by.get_mut(&(thread, contact)) {
            let tell = now_ms.saturating_sub(signal.told_ms) >= TOLD_EVERY_MS;
            *signal = Signal { until_ms, told_ms: if tell { now_ms } else { signal.told_ms } };
            return tell;
        }
        let room = self.by.len() < SIGNALS_MAX;
        if room {
            self.by.insert((thread, contact), Signal { until_ms, told_ms: now_ms });
        }
        room
    }

    /// The contact's message is there: they no longer type it. Whether they did.
    pub(crate) fn done(&mut self, thread: ThreadId, contact: ContactId) -> bool {
        self.by.remove(&(thread, contact)).is_some()
    }

    /// Whether the contact types in the thread now.
    pub(crate) fn is_typing(&self, thread: ThreadId, contact: ContactId, now_ms: u64) -> bool {
        self.by.get(&(thread, contact)).is_some_and(|signal| signal.until_ms > now_ms)
    }

    /// Everybody who types now, at most `limit`.
    pub(crate) fn all(&self, now_ms: u64, limit: usize) -> Vec<(ThreadId, ContactId)> {
        let now = self.by.iter().filter(|(_, signal)| signal.until_ms > now_ms);
        now.map(|(key, _)| *key).take(limit).collect()
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
    fn who_goes_on_typing_is_told_of_now_and_then() {
        let mut typing = Typing::default();
        let told: Vec<u64> =
            (0..50).map(|n| n * 100).filter(|at| typing.signal(ThreadId(1), ContactId(2), *at)).collect();
        assert_eq!(told, [0, 2_000, 4_000]);
        assert_eq!(typing.all(5_000, 10), [(ThreadId(1), ContactId(2))]);
        assert!(typing.done(ThreadId(1), ContactId(2)) && !typing.done(ThreadId(1), ContactId(2)));
    }

    #[test]
    fn signals_are_bounded() {
        let mut typing = Typing::default();
        for n in 0..3 * SIGNALS_MAX as u64 {
            typing.signal(ThreadId(n), ContactId(n), 0);
        }
        assert_eq!(typing.by.len(), SIGNALS_MAX);
    }
}
