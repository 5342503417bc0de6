//! How each destination is left in peace: a domain that refuses for now slows its own mails and no others.
//!
//! A relay that passes on what a domain says (greylisting, *too many messages*, RFC 5321 §4.2.1: 4yz) is well itself; its other
//! mail goes on. After some refusals in a row, mails to that domain wait without being tried, and one goes ahead of them now and then.
//!
//! Nothing of it is stored: after a restart it is [recalled](Destinations::recall) from what mails that still wait were told.
//!
//! **Invariant:** what a server says of one mailbox (x.2.x of RFC 3463: full, disabled) is no word about its domain; a domain
//! that took a mail has nothing against it any more; memory is bounded.

use crate::channel::smtp_out::transact::END;
use crate::channel::smtp_out::transact::STEPS;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::Verdict;
use crate::domain::id::Millis;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Refusals in a row before a domain is left in peace: three people who cannot be written to now are no news of it.
const REFUSALS_MIN: u32 = 3;
/// First and longest pause.
const PAUSE_MIN: Duration = Duration::from_secs(60);
const PAUSE_MAX: Duration = Duration::from_secs(30 * 60);
/// Refusals longer ago are not recalled after a restart: the pauses grow to their full length in a shorter time.
const RECALLED_MAX: Duration = Duration::from_secs(2 * 3_600);
/// How long mails wait while one goes ahead.
const AHEAD_WAIT: Duration = Duration::from_secs(30);
/// No attempt takes longer than this.
const AHEAD_MAX: Duration = Duration::from_secs(3_600);
/// Domains that are remembered; beyond it those whose pause is over are forgotten.
const DOMAINS_MAX: usize = 1_000;

/// What is known of the domains that refused something.
#[derive(Debug, Default)]
pub(crate) struct Destinations {
    refusing: BTreeMap<String, Refusing>,
}

#[derive(Clone, Copy, Debug)]
struct Refusing {
    refusals: u32,
    pause: Option<Pause>,
    /// One mail goes ahead of the others, which wait for it until then at most.
    ahead_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Destinations {
    /// How long a mail to `domain` has to wait; `None` when it may go now, which is to be [told](Self::ended) of.
    pub(crate) fn wait(&mut self, domain: &str, now: Instant) -> Option<Duration> {
        let refusing = self.refusing.get_mut(domain)?;
        let pause = refusing.pause?;
        if pause.until > now {
            return Some(pause.until.duration_since(now).max(Duration::from_millis(1)));
        }
        if refusing.ahead_until.is_some_and(|until| until > now) {
            return Some(AHEAD_WAIT);
        }
        refusing.ahead_until = now.checked_add(AHEAD_MAX);
        None
    }

    /// What became of a mail to `domain`; nothing when it did not come to an answer.
    pub(crate) fn ended(&mut self, domain: &str, verdict: Option<&Verdict>, now: Instant) {
        match verdict {
            Some(Verdict::Delivered { .. }) => {
                self.refusing.remove(domain);
            }
            Some(Verdict::Deferred { reason, .. }) if speaks_of_domain(reason) => self.refused(domain, now),
            _ => {
                if let Some(refusing) = self.refusing.get_mut(domain) {
                    refusing.ahead_until = None;
                }
            }
        }
    }

    /// Learns from the attempts of mails that wait, made up to `now_ms`, which is `now`. Who took another mail since is found
    /// out by the one that goes ahead.
    pub(crate) fn recall(&mut self, deferred: &[Delivery], now_ms: Millis, now: Instant) {
        let mut refusals = Vec::new();
        for delivery in deferred {
            let Some(address) = &delivery.address else { continue };
            for attempt in &delivery.attempts {
                let since = now_ms.since(attempt.at);
                if since <= RECALLED_MAX && is_of_a_mail(&attempt.answer) && speaks_of_domain(&attempt.answer) {
                    refusals.push((attempt.at, now.checked_sub(since).unwrap_or(now), address.domain()));
                }
            }
        }
        refusals.sort_unstable_by_key(|(at, ..)| *at);
        for (_, at, domain) in refusals {
            self.refused(domain, at);
        }
    }

    fn refused(&mut self, domain: &str, now: Instant) {
        if self.refusing.len() >= DOMAINS_MAX {
            self.refusing.retain(|_, refusing| refusing.pause.is_some_and(|pause| pause.until > now));
        }
        if self.refusing.len() >= DOMAINS_MAX && !self.refusing.contains_key(domain) {
            return;
        }
        let fresh = Refusing { refusals: 0, pause: None, ahead_until: None };
        let refusing = self.refusing.entry(domain.to_owned()).or_insert(fresh);
        refusing.refusals = refusing.refusals.saturating_add(1);
        refusing.ahead_until = None;
        let length = match refusing.pause {
            // Those that were under way together count once.
            Some(pause) if pause.until > now => return,
            Some(pause) => pause.length.saturating_mul(2).min(PAUSE_MAX),
            None if refusing.refusals >= REFUSALS_MIN => PAUSE_MIN,
            None => return,
        };
        refusing.pause = Some(Pause { until: now.checked_add(length).unwrap_or(now), length });
        tracing::info!(domain, wait_s = length.as_secs(), "a destination takes no mail for now; its mails wait");
    }
}

/// Whether a refusal for now is about more than one mailbox: a 4yz whose enhanced code, if it has one, is not 4.2.x.
fn speaks_of_domain(reason: &str) -> bool {
    let is_code = |word: &str| word.len() == 3 && word.starts_with('4') && word.bytes().all(|b| b.is_ascii_digit());
    reason.split([' ', ':', '-']).any(is_code) && !reason.split([' ', '-']).any(|word| word.starts_with("4.2."))
}

/// Whether the relay said so of one mail, and is well itself: neither when greeted nor by closing (RFC 5321 §3.8: 421).
fn is_of_a_mail(answer: &str) -> bool {
    let step = STEPS.into_iter().find(|step| answer.strip_prefix(step).is_some_and(|rest| rest.starts_with(": ")));
    step.is_some_and(|step| step == END || !answer.contains(": 421"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::Address;
    use crate::domain::delivery::Attempt;
    use crate::domain::delivery::DeliveryKind;
    use crate::domain::delivery::DeliveryState;
    use crate::domain::delivery::Stage;
    use crate::store::sample;

    fn deferred(reason: &str) -> Verdict {
        Verdict::Deferred { reason: reason.to_owned(), retry_after: None }
    }

    #[test]
    fn eml_63_a_domain_that_greylists_waits_longer_and_longer_and_one_goes_ahead() {
        let (mut known, mut now) = (Destinations::default(), Instant::now());
        let greylisted = deferred("RCPT TO: 451 4.7.1 greylisted");
        for _ in 0..3 {
            assert_eq!(known.wait("slow.example", now), None);
            known.ended("slow.example", Some(&greylisted), now);
        }
        let mut waits = Vec::new();
        for _ in 0..7 {
            known.ended("slow.example", Some(&greylisted), now);
            let wait = known.wait("slow.example", now).unwrap();
            waits.push(wait.as_secs());
            now += wait;
            assert_eq!(known.wait("slow.example", now), None, "one goes ahead");
            assert_eq!(known.wait("slow.example", now), Some(AHEAD_WAIT), "and the others wait for it");
            known.ended("slow.example", Some(&greylisted), now);
        }
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_800, 1_800]);
        assert_eq!(known.wait("quick.example", now), None, "others are not slowed");
        now += Duration::from_secs(1_800);
        assert_eq!(known.wait("slow.example", now), None);
        known.ended("slow.example", Some(&Verdict::Delivered { answer: "250".to_owned() }), now);
        assert_eq!(known.wait("slow.example", now), None);
        assert_eq!(known.wait("slow.example", now), None, "all of them go");
    }

    #[test]
    fn tst_91_full_mailboxes_and_lost_connections_say_nothing_of_a_domain() {
        let (mut known, now) = (Destinations::default(), Instant::now());
        for reason in ["RCPT TO: 452 4.2.2 mailbox full", "connect: refused", "message: no answer within 5 s"] {
            for _ in 0..10 {
                known.ended("example.com", Some(&deferred(reason)), now);
            }
            assert_eq!(known.wait("example.com", now), None, "{reason}");
        }
        known.ended("example.com", Some(&deferred("RCPT TO: 450 try later")), now);
        known.ended("example.com", Some(&deferred("RCPT TO: 450 try later")), now);
        assert_eq!(known.wait("example.com", now), None, "two may be about two people");
    }

    #[test]
    fn domains_beyond_the_limit_are_not_remembered() {
        let (mut known, now) = (Destinations::default(), Instant::now());
        for domain in 0..DOMAINS_MAX * 2 {
            known.ended(&format!("{domain}.example"), Some(&deferred("RCPT TO: 450 later")), now);
        }
        assert!(known.refusing.len() <= DOMAINS_MAX);
    }

    fn waiting(id: u64, domain: &str, attempts: &[(u64, &str)]) -> Delivery {
        let mut delivery = sample::delivery(id, DeliveryKind::TicketSubmitted, DeliveryState::Deferred);
        delivery.address = Some(Address::parse(&format!("customer@{domain}")).unwrap());
        let attempt = |&(at_s, answer): &(u64, &str)| Attempt {
            at: Millis(at_s * 1_000),
            stage: Stage::BeforeDot,
            answer: answer.to_owned(),
        };
        delivery.attempts = attempts.iter().map(attempt).collect();
        delivery
    }

    #[test]
    fn eml_63_after_a_restart_a_pause_goes_on_where_it_was() {
        let (now, now_ms) = (Instant::now(), Millis(100_000_000));
        let recalled = |deferred: &[Delivery], domain: &str| {
            let mut known = Destinations::default();
            known.recall(deferred, now_ms, now);
            known.wait(domain, now).map(|wait| wait.as_secs())
        };
        let greylisted = "RCPT TO: 451 4.7.1 greylisted";
        // Refused three times within a minute, and by the one that went ahead 20 s ago.
        let refused = [
            waiting(1, "slow.example", &[(99_900, greylisted), (99_980, greylisted)]),
            waiting(2, "slow.example", &[(99_901, greylisted)]),
            waiting(3, "slow.example", &[(99_902, "end of message: 421 4.7.0 later")]),
        ];
        assert_eq!(recalled(&refused, "slow.example"), Some(100), "two minutes, of which 20 s are over");
        assert_eq!(recalled(&refused[..2], "slow.example"), Some(40), "one minute, of which 20 s are over");
        assert_eq!(recalled(&refused, "quick.example"), None);
        for said in ["greeting: 451 busy", "RCPT TO: 421 closing", "RCPT TO: 452 4.2.2 full", "connect: refused"] {
            let told: Vec<(u64, &str)> = (0..9).map(|at| (99_990 + at, said)).collect();
            assert_eq!(recalled(&[waiting(1, "slow.example", &told)], "slow.example"), None, "{said}");
        }
        let long_ago: Vec<(u64, &str)> = (0..9).map(|at| (90_000 + at, greylisted)).collect();
        assert_eq!(recalled(&[waiting(1, "slow.example", &long_ago)], "slow.example"), None);
    }
}
