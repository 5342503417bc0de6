//! How a mailbox is doing, for status, metrics and alarms (EML-6).

use crate::channel::imap::error::ImapError;
use crate::clock::Clock;
use crate::domain::id::Millis;
use std::time::Duration;
use tokio::sync::watch;

/// Time without success after which a mailbox is degraded (EML-6).
const DEGRADED_AFTER: Duration = Duration::from_secs(15 * 60);

/// What the task of a mailbox publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxState {
    /// The state in one word.
    pub phase: MailboxPhase,
    /// When the folder was last looked through successfully.
    pub last_success_at: Option<Millis>,
    /// What went wrong last, for people; `None` after a success.
    pub last_error: Option<String>,
    /// Messages seen in the folder and not yet taken in.
    pub lag: usize,
    /// Messages the server lists and could not give, tried again from time to time; more than none is an alarm.
    pub unfetchable: usize,
    /// Messages that the last daily look found taken but in no journal; more than none is an alarm (EML-92).
    pub unaccounted: usize,
    /// Why nothing is flagged, moved or removed though it should be (EML-19).
    pub only_read: Option<String>,
}

/// The state of a mailbox in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MailboxPhase {
    /// Trying to connect, and no reason yet to alarm anybody.
    #[default]
    Connecting,
    /// Signed in, the folder is open, everything there was taken in.
    Connected,
    /// No success for 15 minutes, or messages that the server lists cannot be fetched: alarm.
    Degraded,
    /// The server refuses the credentials: only a person can help.
    NeedsAuth,
    /// Another daemon reads this mailbox; nothing is read here as long as it does (EML-19).
    Standby,
    /// Switched off in the configuration, or the daemon is stopping.
    Disabled,
}

/// Publishes the state of one mailbox.
#[derive(Debug)]
pub(super) struct Publisher {
    state: watch::Sender<MailboxState>,
    clock: Clock,
    started_at: Millis,
}

impl Publisher {
    pub(super) fn new(state: watch::Sender<MailboxState>, clock: Clock) -> Self {
        let started_at = clock.now();
        Self { state, clock, started_at }
    }

    /// The folder was looked through; `lag` messages wait, `unfetchable` cannot be had, `unaccounted` were missing.
    pub(super) fn looked(&self, lag: usize, unfetchable: usize, unaccounted: usize) {
        let is_well = unfetchable == 0 && unaccounted == 0;
        let phase = if is_well { MailboxPhase::Connected } else { MailboxPhase::Degraded };
        let now = self.clock.now();
        self.state.send_modify(|state| {
            state.last_error.take_if(|_| is_well);
            state.phase = phase;
            state.last_success_at = Some(now);
            (state.lag, state.unfetchable, state.unaccounted) = (lag, unfetchable, unaccounted);
        });
    }

    /// So many messages wait in the folder.
    pub(super) fn found(&self, lag: usize) {
        self.state.send_modify(|state| state.lag = lag);
    }

    /// A message was taken in.
    pub(super) fn took_one(&self) {
        self.state.send_modify(|state| state.lag = state.lag.saturating_sub(1));
    }

    /// Something went wrong that does not end the connection.
    pub(super) fn note(&self, error: &str) {
        self.state.send_modify(|state| state.last_error = Some(error.to_owned()));
    }

    /// The connection ended.
    pub(super) fn failed(&self, error: &ImapError, unfetchable: usize) {
        self.failed_with(&error.to_string(), error.is_sign_in_refused(), unfetchable);
    }

    /// The desk took nothing in, or the connection ended, for the reason given.
    pub(super) fn failed_with(&self, error: &str, needs_auth: bool, unfetchable: usize) {
        let now = self.clock.now();
        self.state.send_modify(|state| {
            let since = state.last_success_at.unwrap_or(self.started_at);
            state.phase = if needs_auth {
                MailboxPhase::NeedsAuth
            } else if now.since(since) >= DEGRADED_AFTER || unfetchable > 0 {
                MailboxPhase::Degraded
            } else {
                MailboxPhase::Connecting
            };
            state.last_error = Some(error.to_owned());
            state.unfetchable = unfetchable;
        });
    }

    /// Another daemon reads; `true` when that is news.
    pub(super) fn stands_by(&self, why: &str) -> bool {
        self.state.send_if_modified(|state| {
            let is_news = state.phase != MailboxPhase::Standby || state.last_error.as_deref() != Some(why);
            state.phase = MailboxPhase::Standby;
            state.last_error = Some(why.to_owned());
            is_news
        })
    }

    /// Whether nothing may be changed in the folder, and why; `true` when that is news.
    pub(super) fn only_reads(&self, why: Option<&str>) -> bool {
        self.state.send_if_modified(|state| {
            let is_news = state.only_read.as_deref() != why;
            state.only_read = why.map(str::to_owned);
            is_news
        })
    }

    /// The task ends.
    pub(super) fn stopped(&self) {
        self.state.send_modify(|state| state.phase = MailboxPhase::Disabled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::imap::error::SIGN_IN;

    #[test]
    fn eml_6_states_follow_what_happens() {
        let clock = Clock::standing_at(Millis(0));
        let (sender, state) = watch::channel(MailboxState::default());
        let publisher = Publisher::new(sender, clock.clone());
        let phase = || state.borrow().phase;
        let cut = ImapError::Closed { step: "search", text: String::new() };
        publisher.failed(&cut, 0);
        assert_eq!(phase(), MailboxPhase::Connecting);
        publisher.looked(0, 0, 0);
        assert_eq!(phase(), MailboxPhase::Connected);
        clock.set(Millis(14 * 60_000));
        publisher.failed(&cut, 0);
        assert_eq!(phase(), MailboxPhase::Connecting);
        clock.set(Millis(15 * 60_000));
        publisher.failed(&cut, 0);
        assert_eq!(phase(), MailboxPhase::Degraded);
        publisher.failed(&ImapError::No { step: SIGN_IN, code: None, text: String::new() }, 0);
        assert_eq!(phase(), MailboxPhase::NeedsAuth);
        publisher.looked(0, 1, 0);
        assert_eq!(phase(), MailboxPhase::Degraded);
    }
}
