//! What the task of one mailbox remembers across connections.
//!
//! **Invariant:** nothing here is needed for safety: a process that starts with an empty memory asks and tries again.

use crate::channel::imap::ranges::Range;
use crate::domain::mailbox_cursor::ImapFeature;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// First and longest wait before a message that could not be had is tried again.
const AGAIN_FIRST: Duration = Duration::from_secs(60);
const AGAIN_LONGEST: Duration = Duration::from_secs(3_600);
/// Tries of a follow-up action that the server refuses.
const OWED_TRIES_MAX: u32 = 5;
/// Most messages remembered as troublesome; more are tried at every look.
const TROUBLES_MAX: usize = 10_000;

/// The memory.
#[derive(Debug, Default)]
pub(super) struct Memory {
    uid_validity: u32,
    /// What the server refused (EML-4); the stored cursor knows it as well.
    refused_features: BTreeSet<ImapFeature>,
    /// UIDs that the last look did not list though they were given out: gone if the next look agrees.
    pub(super) absent: Vec<Range>,
    /// When folder and journal are compared next; at once in a new process.
    pub(super) reconcile_at: Option<Instant>,
    /// Messages that the last comparison found without a row (EML-92).
    pub(super) unaccounted: usize,
    troubles: BTreeMap<u32, Trouble>,
    /// Messages that were in one FETCH with others when it failed, and are fetched by themselves.
    alone: BTreeSet<u32>,
    /// Follow-up actions that the server refused, and how often.
    refused: BTreeMap<u32, u32>,
}

#[derive(Debug)]
struct Trouble {
    times: u32,
    again_at: Instant,
    too_large: bool,
}

impl Memory {
    /// Forgets what was known of UIDs where they no longer mean the same messages.
    pub(super) fn folder_is(&mut self, uid_validity: u32) {
        if self.uid_validity != uid_validity {
            self.uid_validity = uid_validity;
            self.absent.clear();
            self.reconcile_at = None;
            self.unaccounted = 0;
            self.troubles.clear();
            self.alone.clear();
            self.refused.clear();
        }
    }

    /// The server refused this feature.
    pub(super) fn refuses(&mut self, feature: ImapFeature) {
        self.refused_features.insert(feature);
    }

    /// Whether the server may be asked for this feature.
    pub(super) fn may_use(&self, feature: ImapFeature) -> bool {
        !self.refused_features.contains(&feature)
    }

    /// What the server refused, for the stored cursor, with what that one knows.
    pub(super) fn refused_with(&mut self, known: &[ImapFeature]) -> Vec<ImapFeature> {
        self.refused_features.extend(known);
        self.refused_features.iter().copied().collect()
    }

    /// A message could not be had. It comes last at the next look, and after a second failure only after a while.
    pub(super) fn had_trouble(&mut self, uid: u32) {
        if let Some(trouble) = self.trouble(uid) {
            trouble.times = trouble.times.saturating_add(1);
            let doublings = trouble.times.saturating_sub(2).min(10);
            let wait = if trouble.times < 2 { Duration::ZERO } else { AGAIN_FIRST * 2_u32.pow(doublings) };
            trouble.again_at = Instant::now() + wait.min(AGAIN_LONGEST);
        }
    }

    /// The desk does not want the message as it is; it is shown to it again after the longest wait.
    pub(super) fn was_refused(&mut self, uid: u32) {
        if let Some(trouble) = self.trouble(uid) {
            trouble.times = trouble.times.saturating_add(2);
            trouble.again_at = Instant::now() + AGAIN_LONGEST;
        }
    }

    /// The message is larger than its size said; from now on only its header is fetched.
    pub(super) fn is_found_too_large(&mut self, uid: u32) {
        if let Some(trouble) = self.trouble(uid) {
            trouble.too_large = true;
        }
    }

    fn trouble(&mut self, uid: u32) -> Option<&mut Trouble> {
        if self.troubles.len() >= TROUBLES_MAX && !self.troubles.contains_key(&uid) {
            return None;
        }
        let fresh = || Trouble { times: 0, again_at: Instant::now(), too_large: false };
        Some(self.troubles.entry(uid).or_insert_with(fresh))
    }

    /// How often the message could not be had.
    pub(super) fn troubles_of(&self, uid: u32) -> u32 {
        self.troubles.get(&uid).map_or(0, |trouble| trouble.times)
    }

    /// Whether the message may be tried now.
    pub(super) fn is_due(&self, uid: u32) -> bool {
        self.troubles.get(&uid).is_none_or(|trouble| trouble.again_at <= Instant::now())
    }

    /// When the first troublesome message may be tried again.
    pub(super) fn next_due_at(&self) -> Option<Instant> {
        self.troubles.values().map(|trouble| trouble.again_at).min()
    }

    pub(super) fn is_too_large(&self, uid: u32) -> bool {
        self.troubles.get(&uid).is_some_and(|trouble| trouble.too_large)
    }

    /// These could not be had together.
    pub(super) fn failed_together(&mut self, uids: &[u32]) {
        self.alone.extend(uids);
    }

    /// Whether the message may be fetched together with others.
    pub(super) fn may_be_with_others(&self, uid: u32) -> bool {
        !self.alone.contains(&uid) && !self.troubles.contains_key(&uid)
    }

    /// Messages that failed more than once.
    pub(super) fn unfetchable(&self) -> usize {
        self.troubles.values().filter(|trouble| trouble.times >= 2).count()
    }

    /// The message is done.
    pub(super) fn is_done(&mut self, uid: u32) {
        self.troubles.remove(&uid);
        self.alone.remove(&uid);
    }

    /// Only the messages that still wait can be troublesome.
    pub(super) fn keep_troubles_of(&mut self, still_waits: impl Fn(u32) -> bool) {
        self.troubles.retain(|uid, _| still_waits(*uid));
        self.alone.retain(|uid| still_waits(*uid));
    }

    /// The follow-up action of this message is done.
    pub(super) fn is_paid(&mut self, uid: u32) {
        self.refused.remove(&uid);
    }

    /// The server refused the follow-up action; `false` when it will not be tried again.
    pub(super) fn is_refused_payment(&mut self, uid: u32) -> bool {
        let tries = self.refused.entry(uid).or_default();
        *tries += 1;
        let again = *tries < OWED_TRIES_MAX;
        if !again {
            self.refused.remove(&uid);
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_fails_twice_waits_and_is_counted() {
        let mut memory = Memory::default();
        memory.had_trouble(7);
        assert!(memory.is_due(7) && memory.unfetchable() == 0);
        memory.had_trouble(7);
        assert!(!memory.is_due(7) && memory.unfetchable() == 1 && memory.is_due(8));
        memory.folder_is(9);
        assert!(memory.is_due(7) && memory.unfetchable() == 0);
    }

    #[test]
    fn a_refused_follow_up_is_not_tried_for_ever() {
        let mut memory = Memory::default();
        assert_eq!((1..=5).filter(|_| memory.is_refused_payment(3)).count(), 4);
        assert!(memory.refused.is_empty());
    }
}
