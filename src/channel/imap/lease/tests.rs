//! Several daemons and one folder of claims, in every order that chance gives.

use super::rules::Beat;
use super::rules::Claim;
use super::rules::Judged;
use super::rules::Rules;
use std::time::Duration;
use tokio::time::Instant;

const TERM: Duration = Duration::from_secs(100);

/// The folder of claims; UIDs are never given twice.
#[derive(Default)]
struct Folder {
    claims: Vec<Claim>,
    last_uid: u32,
}

impl Folder {
    fn append(&mut self, holder: &str) {
        self.last_uid += 1;
        let (uid, holder) = (self.last_uid, holder.to_owned());
        self.claims.push(Claim { uid, site: holder.clone(), holder, beat: Beat::default() });
    }

    fn remove(&mut self, uids: &[u32]) {
        self.claims.retain(|claim| !uids.contains(&claim.uid));
    }

    /// What a STORE of the next sign of life does.
    fn beat(&mut self, uid: u32, told: Beat) {
        let Some(claim) = self.claims.iter_mut().find(|claim| claim.uid == uid) else { return };
        match told.next() {
            "+FLAGS.SILENT (\\Flagged)" => claim.beat.flagged = true,
            "+FLAGS.SILENT (\\Answered)" => claim.beat.answered = true,
            "-FLAGS.SILENT (\\Flagged)" => claim.beat.flagged = false,
            _ => claim.beat.answered = false,
        }
    }
}

/// One daemon: it looks, and later does what it found to be done.
struct Daemon {
    holder: String,
    rules: Rules,
    looked: Option<(Instant, Judged)>,
    holds_until: Option<Instant>,
}

impl Daemon {
    fn new(holder: &str) -> Self {
        let rules = Rules::new(holder, TERM);
        Self { holder: holder.to_owned(), rules, looked: None, holds_until: None }
    }

    fn step(&mut self, folder: &mut Folder, now: Instant) {
        let Some((began, judged)) = self.looked.take() else {
            self.looked = Some((now, self.rules.judge(&folder.claims, now)));
            if !matches!(self.looked, Some((_, Judged::Ours { .. }))) {
                self.holds_until = None;
            }
            return;
        };
        match judged {
            Judged::Claim => folder.append(&self.holder),
            Judged::Other { remove, .. } => folder.remove(&remove),
            Judged::Ours { uid, beat, remove } if remove.is_empty() => {
                folder.beat(uid, beat);
                self.holds_until = self.rules.holds_until(began);
            }
            Judged::Ours { uid, remove, .. } => {
                folder.remove(&remove);
                self.rules.removed(*remove.iter().min().unwrap(), uid, now);
            }
        }
    }

    fn holds(&self, now: Instant) -> bool {
        self.holds_until.is_some_and(|until| until > now)
    }

    /// Steps until nothing is left to be done at this moment.
    fn settle(&mut self, folder: &mut Folder, now: Instant) -> bool {
        for _ in 0..6 {
            self.step(folder, now);
        }
        self.holds(now)
    }
}

#[test]
fn eml_19_the_first_holds_and_the_next_takes_over_when_it_is_silent_and_a_term_has_passed() {
    let start = Instant::now();
    let mut folder = Folder::default();
    let (mut one, mut other) = (Daemon::new("one"), Daemon::new("other"));
    assert!(one.settle(&mut folder, start) && !other.settle(&mut folder, start));
    assert_eq!(folder.claims.len(), 1, "who stands by claims nothing");
    let at = |seconds| start + Duration::from_secs(seconds);
    for seconds in (10..300).step_by(10) {
        assert!(one.settle(&mut folder, at(seconds)) && !other.settle(&mut folder, at(seconds)), "{seconds}");
    }
    // Silent from here on.
    assert!(one.holds(at(290)) && !one.holds(at(366)), "it lapses by itself");
    for seconds in (300..390).step_by(10) {
        assert!(!other.settle(&mut folder, at(seconds)), "{seconds}");
    }
    assert!(!other.settle(&mut folder, at(389)) && folder.claims[0].holder == "one");
    assert!(!other.settle(&mut folder, at(391)) && folder.claims[0].holder == "other", "taken over, and not yet begun");
    for seconds in (400..490).step_by(10) {
        assert!(!other.settle(&mut folder, at(seconds)), "it waits a term more: {seconds}");
    }
    assert!(other.settle(&mut folder, at(492)));
    assert!(!one.settle(&mut folder, at(493)), "who comes back finds another");
}

#[test]
fn eml_19_begun_again_it_goes_on_at_once() {
    let start = Instant::now();
    let mut folder = Folder::default();
    assert!(Daemon::new("one").settle(&mut folder, start));
    let soon = start + Duration::from_secs(1);
    assert!(Daemon::new("one").settle(&mut folder, soon));
    assert_eq!(folder.claims.len(), 1);
}

#[test]
fn eml_19_in_no_order_of_looks_kills_and_long_silences_do_two_hold() {
    let mut held = [0_u32; 3];
    for seed in 1..400_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut chance = |of: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % of
        };
        let mut folder = Folder::default();
        let mut now = Instant::now();
        let mut daemons: Vec<Daemon> = ["a", "b", "c"].into_iter().map(Daemon::new).collect();
        let mut asleep_until = [now; 3];
        for step in 0..600 {
            now += Duration::from_millis(chance(8_000));
            let which = usize::try_from(chance(3)).unwrap();
            match chance(60) {
                // Killed, and begun again.
                0 => daemons[which] = Daemon::new(["a", "b", "c"][which]),
                // Frozen for up to three terms in the middle of what it does.
                1 => asleep_until[which] = now + Duration::from_secs(chance(300)),
                // Stopped by its people, where it holds: the claim is taken back.
                2 if daemons[which].holds(now) => {
                    folder.claims.retain(|claim| claim.holder != daemons[which].holder);
                    daemons[which] = Daemon::new(["a", "b", "c"][which]);
                }
                _ if asleep_until[which] > now => {}
                _ => daemons[which].step(&mut folder, now),
            }
            let holders: Vec<usize> = (0..3).filter(|at| daemons[*at].holds(now)).collect();
            assert!(holders.len() <= 1, "seed {seed}, step {step}: {holders:?}");
            holders.iter().for_each(|at| held[*at] += 1);
        }
    }
    assert!(held.iter().all(|count| *count > 1_000), "each held at times: {held:?}");
}
