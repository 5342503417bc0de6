//! The worker as a whole: order, bounds, a relay that is down, the drain, and being killed.

use super::LIMIT;
use super::fake::Composes;
use super::fake::FakeOutbox;
use super::relay;
use super::smtp_peer::Act;
use super::smtp_peer::SmtpPeer;
use super::smtp_peer::Stage;
use crate::channel::smtp_out::RelayHealth;
use crate::channel::smtp_out::RelayOptions;
use crate::channel::smtp_out::outbox::Outbox;
use crate::channel::smtp_out::worker::Worker;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryState;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A running worker.
pub(super) struct Running {
    task: JoinHandle<()>,
    drain: CancellationToken,
    pub(super) health: watch::Receiver<RelayHealth>,
}

pub(super) fn start(outbox: &FakeOutbox, relay: Option<RelayOptions>) -> Running {
    let (health, seen) = watch::channel(RelayHealth::default());
    let drain = CancellationToken::new();
    let mut worker = Worker::new(outbox.clone(), relay, health);
    worker.drain_grace = Duration::from_millis(300);
    Running { task: tokio::spawn(worker.run(drain.clone())), drain, health: seen }
}

impl Running {
    pub(super) async fn drained(self) {
        self.drain.cancel();
        timeout(LIMIT, self.task).await.unwrap().unwrap();
    }
}

pub(super) fn count(counts: &BTreeMap<&'static str, usize>, word: &str) -> usize {
    counts.get(word).copied().unwrap_or(0)
}

#[tokio::test]
async fn everything_due_goes_out_once_over_no_more_connections_than_allowed() {
    let peer = SmtpPeer::start(|_| Act::Well).await;
    let outbox = FakeOutbox::with(250);
    let mut options = relay(&peer);
    options.connections = 3;
    let running = start(&outbox, Some(options));
    outbox.wait_until(|counts| count(counts, "sent") == 250).await;
    assert_eq!(*running.health.borrow(), RelayHealth::Up);
    running.drained().await;
    let mut recipients: Vec<String> = peer.taken().into_iter().flat_map(|taken| taken.to).collect();
    recipients.sort();
    recipients.dedup();
    assert_eq!((recipients.len(), peer.taken().len()), (250, 250));
    assert!((3..=6).contains(&peer.connections()), "3 at a time, 100 mails each: {}", peer.connections());
    let most = (0..6).map(|n| peer.taken().iter().filter(|taken| taken.connection == n).count()).max();
    assert!(most <= Some(100), "{most:?} over one connection");
    assert_eq!(peer.commands().iter().filter(|line| *line == "QUIT").count(), peer.connections());
}

#[tokio::test]
async fn brc_43_the_marker_is_stored_before_the_dot_and_not_before_the_text() {
    let outbox = FakeOutbox::with(20);
    let wrong = Arc::new(Mutex::new(Vec::new()));
    let (seen, faults) = (outbox.clone(), Arc::clone(&wrong));
    let peer = SmtpPeer::start(move |at| {
        if matches!(at.stage, Stage::Data | Stage::Text | Stage::Dot) {
            let id: u64 = at.recipient.trim_start_matches("customer").split('@').next().unwrap().parse().unwrap();
            let marked = seen.world().deliveries[&id].past_dot;
            // What is read of the text may be read after the marker; DATA may not, the dot must.
            if (at.stage == Stage::Data && marked) || (at.stage == Stage::Dot && !marked) {
                faults.lock().unwrap().push(format!("{at:?}: {marked}"));
            }
        }
        Act::Well
    })
    .await;
    let running = start(&outbox, Some(relay(&peer)));
    outbox.wait_until(|counts| count(counts, "sent") == 20).await;
    running.drained().await;
    assert_eq!(*wrong.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn tst_65_451_then_250_is_sent_once_550_fails_and_a_lost_answer_is_uncertain() {
    let tries = AtomicUsize::new(0);
    let peer = SmtpPeer::start(move |at| match (at.stage, at.recipient.as_str()) {
        (Stage::Dot, "customer1@example.com") if tries.fetch_add(1, Ordering::SeqCst) == 0 => {
            Act::Say("451 4.3.0 later")
        }
        (Stage::Rcpt, "customer2@example.com") => Act::Say("550 5.1.1 no such user"),
        (Stage::Dot, "customer3@example.com") => Act::Close,
        _ => Act::Well,
    })
    .await;
    let outbox = FakeOutbox::with(4);
    let running = start(&outbox, Some(relay(&peer)));
    outbox.wait_until(|counts| count(counts, "sent") == 2 && count(counts, "uncertain") == 1).await;
    running.drained().await;
    assert_eq!((outbox.state(1), outbox.state(4)), (DeliveryState::Sent, DeliveryState::Sent));
    assert_eq!(outbox.state(2), DeliveryState::Failed("RCPT TO: 550 5.1.1 no such user".to_owned()));
    assert_eq!(outbox.state(3), DeliveryState::Uncertain);
    let to_3 = peer.commands().iter().filter(|line| line.contains("customer3@")).count();
    assert_eq!(to_3, 1, "an uncertain mail is not sent again by itself");
    let taken = peer.taken();
    assert_eq!(taken.iter().filter(|taken| taken.to == ["customer1@example.com"]).count(), 1);
}

#[tokio::test]
async fn a_relay_that_is_down_is_not_asked_for_every_delivery_and_all_go_out_when_it_is_back() {
    let up = Arc::new(AtomicBool::new(false));
    let is_up = Arc::clone(&up);
    let peer = SmtpPeer::start(move |at| match at.stage {
        Stage::Connect if !is_up.load(Ordering::SeqCst) => Act::SayAndClose("421 4.3.2 closed for today"),
        _ => Act::Well,
    })
    .await;
    let outbox = FakeOutbox::with(500);
    let mut running = start(&outbox, Some(relay(&peer)));
    let down =
        |health: &RelayHealth| matches!(health, RelayHealth::Down { last_error, .. } if last_error.contains("421"));
    timeout(LIMIT, running.health.wait_for(down)).await.unwrap().unwrap();
    // The second fault, and with it the pause after it.
    peer.wait_until(LIMIT, |peer| peer.connections() >= 5).await;
    let tried = outbox.world().deliveries.values().filter(|delivery| delivery.attempt_count > 0).count();
    assert!(tried <= 6, "{tried} deliveries were tried at a relay that is down");
    up.store(true, Ordering::SeqCst);
    outbox.wait_until(|counts| count(counts, "sent") == 500).await;
    assert_eq!(*running.health.borrow(), RelayHealth::Up);
    running.drained().await;
    assert_eq!(peer.taken().len(), 500);
}

#[tokio::test]
async fn an_idle_connection_the_relay_gave_up_costs_no_delivery_an_attempt() {
    let mails = [const { AtomicUsize::new(0) }; 3];
    let peer = SmtpPeer::start(move |at| match (at.stage, at.connection) {
        (Stage::Mail, n) if mails[n].fetch_add(1, Ordering::SeqCst) == 1 => match n {
            0 => Act::Close,
            _ => Act::SayAndClose("421 4.7.0 too many mails"),
        },
        _ => Act::Well,
    })
    .await;
    let outbox = FakeOutbox::with(3);
    let mut options = relay(&peer);
    options.connections = 1;
    let running = start(&outbox, Some(options));
    outbox.wait_until(|counts| count(counts, "sent") == 3).await;
    running.drained().await;
    assert!(outbox.world().deliveries.values().all(|delivery| delivery.attempt_count == 1));
    assert_eq!(peer.connections(), 3);
}

#[tokio::test]
async fn trap_lettre_a_mail_that_cannot_be_composed_or_sent_fails_alone() {
    let peer = SmtpPeer::start(|_| Act::Well).await;
    let outbox = FakeOutbox::with(5);
    outbox.compose(1, Composes::Panic);
    outbox.compose(2, Composes::Unsafe);
    outbox.compose(3, Composes::Skip);
    let running = start(&outbox, Some(relay(&peer)));
    outbox.wait_until(|counts| count(counts, "sent") == 2 && count(counts, "failed") == 2).await;
    running.drained().await;
    assert!(matches!(outbox.state(1), DeliveryState::Failed(why) if why.contains("cannot be composed")));
    assert!(matches!(outbox.state(2), DeliveryState::Failed(why) if why.contains("cannot be sent safely")));
    assert_eq!(outbox.state(3).as_str(), "skipped");
}

#[tokio::test]
async fn replies_go_before_broadcasts() {
    let outbox = FakeOutbox::with(0);
    (1..=6).for_each(|id| outbox.owe(id, id < 5));
    let peer = SmtpPeer::start(|_| Act::Well).await;
    let mut options = relay(&peer);
    options.connections = 2;
    let running = start(&outbox, Some(options));
    outbox.wait_until(|counts| count(counts, "sent") == 6).await;
    running.drained().await;
    // Both connections begin with a reply; which of them is done first is open.
    let taken = peer.taken();
    let first = |n: usize| taken.iter().find(|taken| taken.connection == n).map(|taken| taken.to[0].clone());
    let mut first = [first(0).unwrap(), first(1).unwrap()];
    first.sort();
    assert_eq!(first, ["customer5@example.com", "customer6@example.com"]);
}

#[tokio::test]
async fn the_rate_holds_after_a_burst_of_ten_seconds_worth() {
    let peer = SmtpPeer::start(|_| Act::Well).await;
    let outbox = FakeOutbox::with(30);
    let mut options = relay(&peer);
    options.rate_per_minute = 60;
    let began = crate::clock::instant();
    let running = start(&outbox, Some(options));
    outbox.wait_until(|counts| count(counts, "sent") == 12).await;
    assert!(began.elapsed() >= Duration::from_millis(1_900), "12 mails within {:?}", began.elapsed());
    let leased = outbox.world().deliveries.values().filter(|delivery| delivery.leased_until.is_some()).count();
    assert!(leased <= 1, "{leased} are held back from more urgent ones");
    running.drained().await;
}

#[tokio::test]
async fn skipped_deliveries_do_not_count_against_the_rate() {
    let peer = SmtpPeer::start(|_| Act::Well).await;
    let outbox = FakeOutbox::with(60);
    (1..60).for_each(|id| outbox.compose(id, Composes::Skip));
    let mut options = relay(&peer);
    options.rate_per_minute = 6;
    let running = start(&outbox, Some(options));
    timeout(Duration::from_secs(8), outbox.wait_until(|counts| count(counts, "sent") == 1)).await.unwrap();
    running.drained().await;
}

#[tokio::test]
async fn without_a_relay_mail_is_kept_and_settled() {
    let outbox = FakeOutbox::with(9);
    let running = start(&outbox, None);
    outbox.wait_until(|counts| count(counts, "sent") == 9).await;
    assert_eq!(*running.health.borrow(), RelayHealth::Capturing);
    running.drained().await;
    assert_eq!(outbox.world().captured.len(), 9);
}

#[tokio::test]
async fn a_commit_wakes_the_worker_and_so_does_the_time_of_a_retry() {
    let peer = SmtpPeer::start(|_| Act::Well).await;
    let outbox = FakeOutbox::with(1);
    let running = start(&outbox, Some(relay(&peer)));
    outbox.wait_until(|counts| count(counts, "sent") == 1).await;
    outbox.owe(2, false);
    outbox.wait_until(|counts| count(counts, "sent") == 2).await;
    running.drained().await;
}

#[tokio::test]
async fn what_is_owed_while_the_worker_has_to_wait_goes_out_when_it_may() {
    let outbox = FakeOutbox::with(1);
    outbox.world().retry_after = Duration::from_secs(3_600);
    let refusals = AtomicUsize::new(0);
    let peer = SmtpPeer::start(move |at| match at.stage {
        Stage::Connect if refusals.fetch_add(1, Ordering::SeqCst) == 0 => Act::Close,
        _ => Act::Well,
    })
    .await;
    let mut running = start(&outbox, Some(relay(&peer)));
    let down = |health: &RelayHealth| matches!(health, RelayHealth::Down { .. });
    timeout(LIMIT, running.health.wait_for(down)).await.unwrap().unwrap();
    outbox.wait_until(|counts| count(counts, "deferred") == 1).await;
    outbox.owe(2, false);
    timeout(Duration::from_secs(10), outbox.wait_until(|counts| count(counts, "sent") == 1)).await.unwrap();
    running.drained().await;
}

#[tokio::test]
async fn a_store_that_fails_for_a_while_loses_no_verdict_and_sends_nothing_twice() {
    let peer = SmtpPeer::start(|_| Act::Well).await;
    let outbox = FakeOutbox::with(10);
    outbox.world().failing_writes = 1;
    let failing = outbox.clone();
    let running = start(&outbox, Some(relay(&peer)));
    peer.wait_until(LIMIT, |peer| !peer.taken().is_empty()).await;
    failing.world().failing_writes = 3;
    outbox.wait_until(|counts| count(counts, "sent") == 10).await;
    running.drained().await;
    assert_eq!(peer.taken().len(), 10);
}

#[tokio::test]
async fn a_drain_lets_mail_under_way_end_and_gives_the_rest_back() {
    for (stage, expected) in [(Stage::Rcpt, "queued"), (Stage::Dot, "uncertain")] {
        let peer = SmtpPeer::start(move |at| match at.recipient.as_str() {
            "customer1@example.com" if at.stage == stage => Act::Stall,
            _ => Act::Well,
        })
        .await;
        let outbox = FakeOutbox::with(1);
        let running = start(&outbox, Some(relay(&peer)));
        peer.wait_until(LIMIT, |peer| {
            let last = if stage == Stage::Dot { "DATA" } else { "RCPT" };
            peer.commands().iter().any(|line| line.starts_with(last))
        })
        .await;
        if stage == Stage::Dot {
            let marked = |outbox: &FakeOutbox| outbox.world().deliveries[&1].past_dot;
            outbox.wait_until(|_| marked(&outbox)).await;
        }
        running.drained().await;
        let delivery = outbox.world().deliveries[&1].clone();
        assert_eq!((delivery.state.as_str(), delivery.leased_until), (expected, None), "{stage:?}");
    }
}

#[tokio::test]
async fn a_drain_waits_for_an_answer_that_comes_in_time() {
    let peer = SmtpPeer::start(|at| if at.stage == Stage::Dot { Act::Say("250 2.0.0 fine") } else { Act::Well }).await;
    let outbox = FakeOutbox::with(3);
    let running = start(&outbox, Some(relay(&peer)));
    peer.wait_until(LIMIT, |peer| peer.commands().iter().any(|line| line == "DATA")).await;
    running.drained().await;
    let leased = outbox.world().deliveries.values().filter(|delivery| delivery.leased_until.is_some()).count();
    assert_eq!((leased, count(&outbox.counts(), "uncertain")), (0, 0), "{:?}", outbox.counts());
}

#[tokio::test]
async fn p11_p12_killed_at_any_moment_nobody_is_missed_and_only_the_uncertain_may_be_repeated() {
    let peer = SmtpPeer::start(|_| Act::Well).await;
    let outbox = FakeOutbox::with(300);
    let mut kills = 0;
    while count(&outbox.counts(), "sent") + count(&outbox.counts(), "uncertain") < 300 {
        let running = start(&outbox, Some(relay(&peer)));
        let goal = peer.taken().len() + 1 + kills % 17;
        tokio::select! {
            () = peer.wait_until(LIMIT, |peer| peer.taken().len() >= goal) => {}
            () = outbox.wait_until(|counts| count(counts, "sent") + count(counts, "uncertain") == 300) => {}
        }
        running.task.abort();
        drop(running.task.await);
        kills += 1;
        assert!(kills < 400, "{:?}, {} taken", outbox.counts(), peer.taken().len());
    }
    assert!(kills > 10, "killed {kills} times");
    let mut accepted: BTreeMap<String, usize> = BTreeMap::new();
    for taken in peer.taken() {
        *accepted.entry(taken.to[0].clone()).or_default() += 1;
    }
    for id in 1..=300 {
        let times = accepted.get(&format!("customer{id}@example.com")).copied().unwrap_or(0);
        match outbox.state(id) {
            DeliveryState::Sent => assert_eq!(times, 1, "delivery {id}"),
            DeliveryState::Uncertain => assert!(times <= 1, "delivery {id}: {times}"),
            other => panic!("delivery {id} is {other:?}"),
        }
    }
}

#[tokio::test]
async fn eml_63_a_domain_that_greylists_slows_its_own_mail_alone() {
    let peer = SmtpPeer::start(|at| match at.stage {
        Stage::Rcpt if at.line.contains("@slow.example") => Act::Say("451 4.7.1 greylisted"),
        _ => Act::Well,
    })
    .await;
    let outbox = FakeOutbox::with(40);
    outbox.world().retry_after = Duration::from_secs(3_600);
    outbox.to_slow_domain(1..=30);
    let mut options = relay(&peer);
    options.connections = 1;
    let again = options.clone();
    let running = start(&outbox, Some(options));
    outbox.wait_until(|counts| count(counts, "sent") == 10 && count(counts, "deferred") == 30).await;
    assert_eq!(*running.health.borrow(), RelayHealth::Up, "the relay itself is well");
    let asked = peer.commands().iter().filter(|line| line.contains("@slow.example")).count();
    assert_eq!(asked, 3, "the others wait without being tried");
    let tried = outbox.world().deliveries.values().filter(|it| it.attempt_count > 0).count();
    assert_eq!(tried, 10 + 3, "no attempt is counted that was none");
    running.drained().await;
    // Everything is due anew and the next process has forgotten nothing.
    let now = Outbox::now(&outbox);
    outbox.world().deliveries.values_mut().for_each(|it| it.due_at = now);
    outbox.owe(41, false);
    let running = start(&outbox, Some(again));
    let is_due = |it: &&Delivery| it.state == DeliveryState::Deferred && it.due_at <= now;
    let all_wait = || outbox.world().deliveries.values().all(|it| !is_due(&it));
    outbox.wait_until(|counts| count(counts, "sent") == 11 && all_wait()).await;
    running.drained().await;
    let asked = peer.commands().iter().filter(|line| line.contains("@slow.example")).count();
    assert_eq!(asked, 3, "after a restart nothing is tried anew before the pause is over");
}
