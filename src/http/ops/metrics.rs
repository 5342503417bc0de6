//! `/metrics` in the OpenMetrics text format (OPS-6).
//!
//! Made anew at each scrape from [`Health`] and the desk's [`Status`]: what is counted lives where it happens, and a
//! scrape can never show a value that was forgotten to be set.

use crate::channel::messenger::hub::Counts;
use crate::channel::smtp_out::RelayHealth;
use crate::desk::journal::Status;
use crate::domain::id::Millis;
use crate::http::ops::health::Health;
use crate::http::ops::health::StoreCondition;
use crate::http::ops::health::phase_word;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter>;
type Gauges = Family<Labels, Gauge>;
type Seconds = Gauge<f64, AtomicU64>;

/// The page of metrics as of `now`.
///
/// # Errors
/// Never in practice: writing to a string.
pub(crate) fn page(health: &Health, status: &Status, now: Millis) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("deskgate");
    deliveries(&mut registry, status, now);
    store(&mut registry, health, status);
    intake(&mut registry, health, status);
    mailboxes(&mut registry, health, now);
    relays(&mut registry, health);
    probes(&mut registry, status, now);
    sockets(&mut registry, health.sockets());
    webhooks(&mut registry, health, status, now);
    tasks(&mut registry, health);
    let mut page = String::new();
    encode(&mut page, &registry)?;
    Ok(page)
}

fn deliveries(registry: &mut Registry, status: &Status, now: Millis) {
    let by_state = Gauges::default();
    for (state, count) in &status.deliveries {
        by_state.get_or_create(&vec![("state", (*state).to_owned())]).set(signed(*count));
    }
    registry.register("deliveries", "Deliveries by state", by_state);
    let oldest = Seconds::default();
    oldest.set(status.oldest_due.map_or(0.0, |due| now.since(due).as_secs_f64()));
    registry.register("delivery_oldest_due_seconds", "How long the oldest due delivery waits", oldest);
    let limited = counter(status.rate_limited);
    registry.register("automatic_mails_rate_limited", "Automatic mails that were over a limit", limited);
    let paused = gauge(u64::from(status.sending_paused));
    registry.register("sending_paused", "1 while nothing is sent, after a restore or because somebody said so", paused);
    let running = gauge(status.broadcasts_running);
    registry.register("broadcasts_running", "Broadcasts that are being told", running);
    let held = Gauges::default();
    for (reason, count) in &status.broadcasts_held {
        held.get_or_create(&vec![("reason", (*reason).to_owned())]).set(signed(*count));
    }
    registry.register("broadcasts_held", "Broadcasts that were paused because of the relay, by the reason", held);
}

fn relays(registry: &mut Registry, health: &Health) {
    let (up, needs_auth) = (Gauges::default(), Gauges::default());
    for (name, relay) in health.relays() {
        let takes = !matches!(relay, RelayHealth::Down { .. });
        let waits = matches!(relay, RelayHealth::Down { needs_auth: true, .. });
        needs_auth.get_or_create(&vec![("relay", name.clone())]).set(i64::from(waits));
        up.get_or_create(&vec![("relay", name)]).set(i64::from(takes));
    }
    registry.register("relay_needs_auth", "1 while a person has to sign in anew for the relay", needs_auth);
    registry.register("relay_up", "0 when the relay takes no mail", up);
}

/// A way through relay and mailbox, as its newest probe found it (EML-93).
fn probes(registry: &mut Registry, status: &Status, now: Millis) {
    let (round_trips, outstanding) = (Family::<Labels, Seconds>::default(), Family::<Labels, Seconds>::default());
    for probe in &status.probes {
        let Some(sent_at) = probe.probed_at else { continue };
        let labels = vec![("address", probe.address.to_string())];
        match probe.proven_at {
            Some(back_at) => round_trips.get_or_create(&labels).set(back_at.since(sent_at).as_secs_f64()),
            None => outstanding.get_or_create(&labels).set(now.since(sent_at).as_secs_f64()),
        };
    }
    let help = "Time the newest probe mail to each support address took through relay and mailbox";
    registry.register("probe_round_trip_seconds", help, round_trips);
    registry.register("probe_outstanding_seconds", "Age of a probe mail that has not come back", outstanding);
}

fn sockets(registry: &mut Registry, counts: Counts) {
    registry.register("sockets_open", "Messenger sockets open now", gauge(counts.open));
    registry.register("sockets_contacts", "Contacts with an open socket", gauge(counts.contacts));
    registry.register("sockets_resumed", "Sessions that went on where they were", counter(counts.resumed));
    registry.register("sockets_snapshots", "Sessions that began with a snapshot", counter(counts.snapshots));
    registry.register("sockets_events_sent", "Log entries written to sockets", counter(counts.events_sent));
    registry.register("sockets_acknowledged", "Messages committed and acknowledged", counter(counts.acknowledged));
    registry.register("sockets_slow_closed", "Sockets closed for being too slow", counter(counts.slow_closed));
    registry.register("sockets_flood_closed", "Sockets closed for sending too much", counter(counts.flood_closed));
    registry.register("sockets_refused", "Connections refused before they were sockets", counter(counts.refused));
}

fn webhooks(registry: &mut Registry, health: &Health, status: &Status, now: Millis) {
    let attempts = Counters::default();
    for (result, count) in health.webhooks() {
        attempts.get_or_create(&vec![("result", result.to_owned())]).inc_by(count);
    }
    registry.register("webhook_attempts", "Notifications sent to webhooks, by what the receiver said", attempts);
    let by_state = Gauges::default();
    for (state, count) in &status.webhooks.by_state {
        by_state.get_or_create(&vec![("state", (*state).to_owned())]).set(signed(*count));
    }
    registry.register("webhook_subscriptions", "Webhook subscriptions by state", by_state);
    let oldest = Seconds::default();
    oldest.set(status.webhooks.oldest_open.map_or(0.0, |at| now.since(at).as_secs_f64()));
    registry.register("webhook_oldest_open_seconds", "How long the oldest notification waits", oldest);
}

fn store(registry: &mut Registry, health: &Health, status: &Status) {
    let sound = gauge(u64::from(health.store() == StoreCondition::Sound));
    registry.register("store_sound", "1 when the store takes commits", sound);
    registry.register("store_bytes", "Size of the store's file", gauge(status.store_bytes));
    registry.register("commits", "Durable commits since the start", counter(status.commits));
    let last = Seconds::default();
    last.set(status.last_commit.map_or(0.0, |took| took.as_secs_f64()));
    registry.register("commit_last_seconds", "How long the last commit took", last);
    registry.register("log_seq", "Position of the event log", gauge(status.log_seq));
}

fn intake(registry: &mut Registry, health: &Health, status: &Status) {
    let taken = Counters::default();
    for ((channel, result), count) in health.intake() {
        let labels = vec![("channel", channel.to_owned()), ("result", result.to_owned())];
        taken.get_or_create(&labels).inc_by(count);
    }
    registry.register("intake", "Mails that arrived, by channel and what became of them", taken);
    registry.register("quarantine", "Mails that could not be taken in", gauge(status.quarantined));
}

fn mailboxes(registry: &mut Registry, health: &Health, now: Millis) {
    let phases = Gauges::default();
    let ages = Family::<Labels, Seconds>::default();
    let waiting = Gauges::default();
    let unfetchable = Gauges::default();
    let unaccounted = Gauges::default();
    let only_read = Gauges::default();
    for (name, state) in health.mailboxes() {
        let labels = vec![("mailbox", name.clone())];
        phases.get_or_create(&vec![("mailbox", name), ("phase", phase_word(state.phase).to_owned())]).set(1);
        if let Some(at) = state.last_success_at {
            ages.get_or_create(&labels).set(now.since(at).as_secs_f64());
        }
        waiting.get_or_create(&labels).set(i64::try_from(state.lag).unwrap_or(i64::MAX));
        unfetchable.get_or_create(&labels).set(i64::try_from(state.unfetchable).unwrap_or(i64::MAX));
        unaccounted.get_or_create(&labels).set(i64::try_from(state.unaccounted).unwrap_or(i64::MAX));
        only_read.get_or_create(&labels).set(i64::from(state.only_read.is_some()));
    }
    registry.register("mailbox_phase", "1 for the phase each mailbox is in", phases);
    registry.register("mailbox_last_success_seconds", "Age of the last successful look into each mailbox", ages);
    registry.register("mailbox_waiting", "Mails seen and not yet taken", waiting);
    registry.register("mailbox_unfetchable", "Mails that could not be fetched", unfetchable);
    registry.register("mailbox_only_read", "1 where the server keeps no lease, so that nothing is changed", only_read);
    registry.register("mailbox_unaccounted", "Mails that the last daily look found in no journal", unaccounted);
}

fn tasks(registry: &mut Registry, health: &Health) {
    let restarts = Counters::default();
    for (task, count) in health.restarts() {
        restarts.get_or_create(&vec![("task", task)]).inc_by(count);
    }
    registry.register("task_restarts", "Tasks that ended unexpectedly and were started again", restarts);
}

fn gauge(value: u64) -> Gauge {
    let gauge = Gauge::default();
    gauge.set(signed(value));
    gauge
}

fn counter(value: u64) -> Counter {
    let counter = Counter::default();
    counter.inc_by(value);
    counter
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::imap::MailboxState;
    use crate::desk::mail::forwarding::Forwarding;
    use crate::domain::address::Address;
    use std::collections::BTreeMap;

    #[test]
    fn ops_6_the_page_names_what_operators_watch() {
        let health = Health::new();
        health.took_in("lmtp", "part");
        health.restarted("snooze");
        let state = MailboxState { last_success_at: Some(Millis(40_000)), ..MailboxState::default() };
        health.watch_mailbox("support", tokio::sync::watch::channel(state).1);
        let status = Status {
            deliveries: BTreeMap::from([("queued", 3)]),
            oldest_due: Some(Millis(90_000)),
            broadcasts_held: BTreeMap::from([("relay_refuses", 1)]),
            probes: vec![Forwarding {
                address: Address::parse("support@example.com").unwrap(),
                probed_at: Some(Millis(90_000)),
                proven_at: Some(Millis(92_500)),
            }],
            ..Status::default()
        };
        let page = page(&health, &status, Millis(100_000)).unwrap();
        for line in [
            "deskgate_deliveries{state=\"queued\"} 3",
            "deskgate_delivery_oldest_due_seconds 10.0",
            "deskgate_broadcasts_held{reason=\"relay_refuses\"} 1",
            "deskgate_intake_total{channel=\"lmtp\",result=\"part\"} 1",
            "deskgate_mailbox_last_success_seconds{mailbox=\"support\"} 60.0",
            "deskgate_mailbox_phase{mailbox=\"support\",phase=\"connecting\"} 1",
            "deskgate_probe_round_trip_seconds{address=\"support@example.com\"} 2.5",
            "deskgate_task_restarts_total{task=\"snooze\"} 1",
            "deskgate_store_sound 1",
            "# EOF",
        ] {
            assert!(page.lines().any(|written| written == line), "{line} is not in\n{page}");
        }
    }
}
