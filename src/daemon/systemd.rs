//! What systemd is told: readiness, status, and that the process makes progress.
//!
//! **Invariant:** `WATCHDOG=1` goes out only when the store's writer and every worker made progress since the last one;
//! never from a timer alone. Without systemd all of it does nothing.

use crate::desk::Desk;
use crate::http::ops::health::Health;
use sd_notify::NotifyState;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two status lines where no watchdog is set.
const STATUS_EVERY: Duration = Duration::from_secs(10);

/// Tells systemd something; a failure is only worth a debug line.
pub(crate) fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd was not told");
    }
}

/// The service is reloading; READY follows.
pub(crate) fn tell_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "systemd was not told"),
    }
}

/// Pings the watchdog and keeps the status line, until the drain.
pub(crate) async fn watchdog(health: Health, desk: Desk, drain: CancellationToken) {
    let patience = sd_notify::watchdog_enabled();
    let every = patience.map_or(STATUS_EVERY, |patience| patience / 3);
    let mut before = health.beats();
    loop {
        tokio::select! {
            () = drain.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
        let beats = health.beats();
        let stuck = stuck(&before, &beats);
        if stuck.is_empty() {
            tell(&[NotifyState::Watchdog, NotifyState::Status(&status_line(&desk, &health))]);
        } else {
            tracing::warn!(stuck = stuck.join(", "), "no progress since the last look");
            tell(&[NotifyState::Status(&format!("no progress: {}", stuck.join(", ")))]);
        }
        before = beats;
    }
}

/// Workers whose count did not move.
fn stuck<'a>(before: &BTreeMap<String, u64>, now: &'a BTreeMap<String, u64>) -> Vec<&'a str> {
    let stands = |(worker, count): &(&String, &u64)| before.get(*worker) == Some(count);
    now.iter().filter(stands).map(|(worker, _)| worker.as_str()).collect()
}

fn status_line(desk: &Desk, health: &Health) -> String {
    let reasons = health.not_ready_because();
    if !reasons.is_empty() {
        return reasons.join("; ");
    }
    match desk.status() {
        Err(error) => error.to_string(),
        Ok(status) => {
            let count = |state: &str| status.deliveries.get(state).copied().unwrap_or(0);
            let waiting = count("queued").saturating_add(count("deferred"));
            let uncertain = count("uncertain");
            format!("ready; {waiting} deliveries waiting, {uncertain} uncertain, {} in quarantine", status.quarantined)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_fed_by_progress_alone() {
        let health = Health::new();
        health.beat("a");
        health.beat("b");
        let before = health.beats();
        health.beat("a");
        assert_eq!(stuck(&before, &health.beats()), ["b"]);
        health.beat("b");
        assert!(stuck(&before, &health.beats()).is_empty());
    }
}
