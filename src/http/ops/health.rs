//! How the process is, shared by its tasks: phase, store, mailboxes, heartbeats, counts.
//!
//! **Invariant:** tasks only write here and the operations listener only reads; nothing decides by it but readiness.

use crate::channel::imap::MailboxPhase;
use crate::channel::imap::MailboxState;
use crate::channel::messenger::hub::Counts;
use crate::channel::messenger::hub::Hub;
use crate::channel::smtp_out::RelayHealth;
use crate::channel::webhook_out::Tally;
use crate::domain::id::Millis;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use tokio::sync::watch;

/// Error lines kept for `status`.
const ERRORS_MAX: usize = 20;

/// How far the process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Opening and binding.
    #[default]
    Starting,
    /// Taking work.
    Running,
    /// Finishing what is under way.
    Draining,
}

/// Whether the store takes commits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StoreCondition {
    /// It does.
    #[default]
    Sound,
    /// No space is left; comes back by itself.
    Full,
    /// It does not, and why.
    Faulty(String),
}

/// How a relay is, for people.
#[must_use]
pub fn relay_words(relay: &RelayHealth, now: Millis) -> String {
    match relay {
        RelayHealth::Capturing => "mail is captured".to_owned(),
        RelayHealth::Untried => "nothing was sent yet".to_owned(),
        RelayHealth::Up => "up".to_owned(),
        RelayHealth::Down { since, last_error, needs_auth } => {
            let word = if *needs_auth { "needs_auth" } else { "down" };
            format!("{word} for {} s: {last_error}", now.since(*since).as_secs())
        }
    }
}

/// What became of arrivals, by channel and result.
pub type IntakeCounts = BTreeMap<(&'static str, &'static str), u64>;

/// Shared by every task of the process.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Facts>>);

#[derive(Debug, Default)]
struct Facts {
    phase: Phase,
    store: StoreCondition,
    webhooks: Tally,
    mailboxes: BTreeMap<String, watch::Receiver<MailboxState>>,
    beats: BTreeMap<String, u64>,
    restarts: BTreeMap<String, u64>,
    intake: IntakeCounts,
    errors: VecDeque<String>,
    sockets: Option<Hub>,
    relays: BTreeMap<String, watch::Receiver<RelayHealth>>,
}

impl Health {
    /// A process that is starting.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a phase.
    pub fn enter(&self, phase: Phase) {
        self.facts().phase = phase;
    }

    /// The phase it is in.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.facts().phase
    }

    /// Notes how the store is; `true` when that is new.
    pub fn store_is(&self, condition: StoreCondition) -> bool {
        let mut facts = self.facts();
        let changed = facts.store != condition;
        facts.store = condition;
        changed
    }

    /// How the store is.
    #[must_use]
    pub fn store(&self) -> StoreCondition {
        self.facts().store.clone()
    }

    /// Adds a mailbox by name.
    pub fn watch_mailbox(&self, name: &str, state: watch::Receiver<MailboxState>) {
        self.facts().mailboxes.insert(name.to_owned(), state);
    }

    /// Adds the relay by name.
    pub fn watch_relay(&self, name: &str, state: watch::Receiver<RelayHealth>) {
        self.facts().relays.insert(name.to_owned(), state);
    }

    /// How the relay is; nothing where mail is captured.
    #[must_use]
    pub fn relays(&self) -> BTreeMap<String, RelayHealth> {
        self.facts().relays.iter().map(|(name, state)| (name.clone(), state.borrow().clone())).collect()
    }

    /// Gives the counts of webhooks a place to be read.
    pub fn watch_webhooks(&self, tally: Tally) {
        self.facts().webhooks = tally;
    }

    /// Attempts at webhooks, by result.
    #[must_use]
    pub fn webhooks(&self) -> [(&'static str, u64); 3] {
        self.facts().webhooks.counts()
    }

    /// Gives the messenger's counts a place to be read.
    pub fn watch_sockets(&self, hub: Hub) {
        self.facts().sockets = Some(hub);
    }

    /// The messenger's counts; all zero before it runs.
    #[must_use]
    pub fn sockets(&self) -> Counts {
        let hub = self.facts().sockets.clone();
        hub.map_or_else(Counts::default, |hub| hub.counts())
    }

    /// How each mailbox is.
    #[must_use]
    pub fn mailboxes(&self) -> BTreeMap<String, MailboxState> {
        self.facts().mailboxes.iter().map(|(name, state)| (name.clone(), state.borrow().clone())).collect()
    }

    /// A worker made progress; the first call puts it under the watchdog.
    pub fn beat(&self, worker: &str) {
        let mut facts = self.facts();
        match facts.beats.get_mut(worker) {
            Some(count) => *count = count.saturating_add(1),
            None => {
                facts.beats.insert(worker.to_owned(), 1);
            }
        }
    }

    /// Progress of each worker.
    #[must_use]
    pub fn beats(&self) -> BTreeMap<String, u64> {
        self.facts().beats.clone()
    }

    /// A task ended when it should not have, and was started again.
    pub fn restarted(&self, task: &str) {
        let mut facts = self.facts();
        let count = facts.restarts.entry(task.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    /// Restarts of each task that had any.
    #[must_use]
    pub fn restarts(&self) -> BTreeMap<String, u64> {
        self.facts().restarts.clone()
    }

    /// Counts an arrival.
    pub fn took_in(&self, channel: &'static str, result: &'static str) {
        let mut facts = self.facts();
        let count = facts.intake.entry((channel, result)).or_default();
        *count = count.saturating_add(1);
    }

    /// What became of arrivals since the start.
    #[must_use]
    pub fn intake(&self) -> IntakeCounts {
        self.facts().intake.clone()
    }

    /// Keeps a line of the log for `status`.
    pub fn note_error(&self, line: String) {
        let mut facts = self.facts();
        if facts.errors.len() >= ERRORS_MAX {
            facts.errors.pop_front();
        }
        facts.errors.push_back(line);
    }

    /// The last error lines, oldest first.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        self.facts().errors.iter().cloned().collect()
    }

    /// Why this process must get no work now; empty when it may.
    #[must_use]
    pub fn not_ready_because(&self) -> Vec<String> {
        let facts = self.facts();
        let mut reasons = Vec::new();
        match facts.phase {
            Phase::Starting => reasons.push("starting".to_owned()),
            Phase::Running => {}
            Phase::Draining => reasons.push("draining".to_owned()),
        }
        match &facts.store {
            StoreCondition::Sound => {}
            StoreCondition::Full => reasons.push("out of storage space".to_owned()),
            StoreCondition::Faulty(why) => reasons.push(format!("store: {why}")),
        }
        reasons
    }
}

/// A mailbox's phase in one word.
#[must_use]
pub fn phase_word(phase: MailboxPhase) -> &'static str {
    match phase {
        MailboxPhase::Connecting => "connecting",
        MailboxPhase::Connected => "connected",
        MailboxPhase::Degraded => "degraded",
        MailboxPhase::NeedsAuth => "needs_auth",
        MailboxPhase::Standby => "standby",
        MailboxPhase::Disabled => "disabled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ops_8_work_is_refused_while_the_store_takes_none() {
        let health = Health::new();
        assert_eq!(health.not_ready_because(), ["starting"]);
        health.enter(Phase::Running);
        assert!(health.not_ready_because().is_empty());
        assert!(health.store_is(StoreCondition::Full) && !health.store_is(StoreCondition::Full));
        assert_eq!(health.not_ready_because(), ["out of storage space"]);
        health.store_is(StoreCondition::Faulty("gone".into()));
        health.enter(Phase::Draining);
        assert_eq!(health.not_ready_because(), ["draining", "store: gone"]);
    }

    #[test]
    fn the_last_errors_are_kept_and_no_more() {
        let health = Health::new();
        (0..ERRORS_MAX + 5).for_each(|n| health.note_error(n.to_string()));
        assert_eq!((health.errors().len(), health.errors().first().map(String::as_str)), (ERRORS_MAX, Some("5")));
    }
}
