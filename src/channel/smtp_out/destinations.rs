//! How each destination is left in peace: a domain that refuses for now slows its own mails and no others.
//!
//! A relay that passes on what a domain says (greylisting, *too many messages*, RFC 5321 §4.2.1: 4yz) is well itself; its other
//! mail goes on. After some refusals in a row, mails to that domain wait without being tried, and one goes ahead of them now and then.
//!
//! **Invariant:** what a server says of one mailbox (x.2.x of RFC 3463: full, disabled) is no word about its domain; a domain
//! that took a mail has nothing against it any more; memory is bounded.

use crate::domain::delivery::Verdict;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Refusals in a row before a domain is left in peace: three people who cannot be written to now are no news of it.
const REFUSALS_MIN: u32 = 3;
/// First and longest pause.
const PAUSE_MIN: Duration = Duration::from_secs(60);
const PAUSE_MAX: Duration = Duration::from_secs(30 * 60);
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
