//! Whether the relay takes mail, and how a relay that does not is left in peace.
//!
//! While it is down one delivery at a time is tried, at growing intervals; the others stay due and are not touched, so that
//! ten thousand of them do not each fail (EML-63 counts only real attempts).

use crate::domain::id::DeliveryId;
use crate::domain::id::Millis;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// First pause after a fault; doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How the relay is, for status and metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RelayHealth {
    /// No relay is configured: mail is kept in the store.
    Capturing,
    /// Nothing was sent yet.
    #[default]
    Untried,
    /// The last attempt reached it.
    Up,
    /// It takes nothing.
    Down {
        /// Since when.
        since: Millis,
        /// The newest fault, with the step it came at.
        last_error: String,
        /// Whether only a person can mend it, by signing in anew (EML-6).
        needs_auth: bool,
    },
}

/// Lets everything, one try, or nothing through.
#[derive(Debug)]
pub(crate) struct Circuit {
    health: watch::Sender<RelayHealth>,
    pause: Option<Pause>,
    /// The one try of a relay that is down.
    probe: Option<DeliveryId>,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Circuit {
    /// Closed, whatever was told before.
    pub(crate) fn new(health: watch::Sender<RelayHealth>) -> Self {
        Self { health, pause: None, probe: None }
    }

    /// How many attempts may begin now, of at most `free`.
    pub(crate) fn room(&self, now: Instant, free: usize) -> usize {
        match self.pause {
            None => free,
            Some(pause) if pause.until <= now && self.probe.is_none() => free.min(1),
            Some(_) => 0,
        }
    }

    /// When there may be room again: `None` when that is not a matter of time.
    pub(crate) fn opens_at(&self, now: Instant) -> Option<Instant> {
        match self.pause {
            None => Some(now),
            Some(pause) => self.probe.is_none().then_some(pause.until),
        }
    }

    /// Whether one at a time is tried.
    pub(crate) fn is_open(&self) -> bool {
        self.pause.is_some()
    }

    /// An attempt begins.
    pub(crate) fn begun(&mut self, id: DeliveryId) {
        if self.pause.is_some() {
            self.probe = Some(id);
        }
    }

    /// An attempt ended, whatever it came to.
    pub(crate) fn ended(&mut self, id: DeliveryId) {
        if self.probe == Some(id) {
            self.probe = None;
        }
    }

    /// Since when the relay takes nothing.
    pub(crate) fn down_since(&self) -> Option<Millis> {
        match &*self.health.borrow() {
            RelayHealth::Down { since, .. } => Some(*since),
            RelayHealth::Capturing | RelayHealth::Untried | RelayHealth::Up => None,
        }
    }

    /// An attempt reached the relay.
    pub(crate) fn reached(&mut self) {
        if self.pause.take().is_some() {
            tracing::info!("relay takes mail again");
        }
        self.health.send_if_modified(|health| {
            let changed = *health != RelayHealth::Up;
            *health = RelayHealth::Up;
            changed
        });
    }

    /// An attempt found the relay unwell. Those that were under way together count once.
    pub(crate) fn failed(&mut self, error: &str, needs_auth: bool, now: Instant, at: Millis) {
        let length = match self.pause {
            Some(pause) if pause.until > now => return,
            Some(pause) => pause.length.saturating_mul(2).min(PAUSE_MAX),
            None => PAUSE_MIN,
        };
        if self.pause.is_none() {
            tracing::warn!(error, "relay takes no mail");
        }
        self.pause = Some(Pause { until: now.checked_add(length).unwrap_or(now), length });
        let last_error = error.to_owned();
        self.health.send_modify(|health| {
            let since = if let RelayHealth::Down { since, .. } = health { *since } else { at };
            *health = RelayHealth::Down { since, last_error, needs_auth };
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_that_is_down_is_asked_once_a_minute_and_by_one() {
        let (health, seen) = watch::channel(RelayHealth::default());
        let mut circuit = Circuit::new(health);
        let start = Instant::now();
        assert_eq!(circuit.room(start, 3), 3);
        let mut now = start;
        let mut pauses = Vec::new();
        for round in 0..8 {
            circuit.failed("connect: refused", false, now, Millis(round));
            circuit.failed("of the same moment", false, now, Millis(round));
            assert_eq!(circuit.room(now, 4), 0);
            let until = circuit.opens_at(now).unwrap();
            pauses.push((until - now).as_secs());
            now = until;
            assert_eq!(circuit.room(now, 4), 1);
            circuit.begun(DeliveryId(round));
            assert_eq!((circuit.room(now, 4), circuit.opens_at(now)), (0, None));
            circuit.ended(DeliveryId(99));
            assert_eq!(circuit.room(now, 4), 0, "another's end");
            circuit.ended(DeliveryId(round));
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        let down = RelayHealth::Down { since: Millis(0), last_error: "connect: refused".to_owned(), needs_auth: false };
        assert_eq!(*seen.borrow(), down);
        circuit.reached();
        assert_eq!((seen.borrow().clone(), circuit.room(now, 4)), (RelayHealth::Up, 4));
    }
}
