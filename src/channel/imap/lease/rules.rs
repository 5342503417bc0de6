//! Who holds a lease, told from the claims that are there. Pure: what is there and what time it is are arguments.
//!
//! **Invariant:** the claim of a daemon that may still act is never taken for dead: it acts for three quarters of a term
//! after a sign of life at most, and is dead a whole term after somebody saw that sign.
//! **Invariant:** who takes over from a dead claim lets a term pass before it acts: a daemon that was begun again in the
//! moment its old claim was removed finds that out at its next sign of life.

use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// The flags of a claim as a number; each sign of life changes one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Beat {
    pub(super) flagged: bool,
    pub(super) answered: bool,
}

impl Beat {
    /// What a STORE does for the next sign of life.
    pub(super) fn next(self) -> &'static str {
        match (self.flagged, self.answered) {
            (false, false) => "+FLAGS.SILENT (\\Flagged)",
            (true, false) => "+FLAGS.SILENT (\\Answered)",
            (true, true) => "-FLAGS.SILENT (\\Flagged)",
            (false, true) => "-FLAGS.SILENT (\\Answered)",
        }
    }
}

/// A claim of the folder, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) uid: u32,
    pub(super) holder: String,
    pub(super) site: String,
    pub(super) beat: Beat,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// Make a claim and look again.
    Claim,
    /// Ours holds: give a sign of life. Remove these first, and look again.
    Ours { uid: u32, beat: Beat, remove: Vec<u32> },
    /// That daemon's holds. Remove these of ours.
    Other { site: String, remove: Vec<u32> },
}

/// What one daemon knows of the claims over time.
#[derive(Debug)]
pub(super) struct Rules {
    holder: String,
    term: Duration,
    /// Others' claims, and since when each has stood still.
    seen: BTreeMap<u32, (Beat, Instant)>,
    looked_at: Option<Instant>,
    waits_until: Option<Instant>,
    uid_validity: u32,
    owns: bool,
}

impl Rules {
    pub(super) fn new(holder: &str, term: Duration) -> Self {
        Self {
            holder: holder.to_owned(),
            term,
            seen: BTreeMap::new(),
            looked_at: None,
            waits_until: None,
            uid_validity: 0,
            owns: false,
        }
    }

    /// UIDs mean what they mean in the folder of this UIDVALIDITY.
    pub(super) fn folder_is(&mut self, uid_validity: u32) {
        if self.uid_validity != uid_validity {
            self.uid_validity = uid_validity;
            self.seen.clear();
        }
    }

    /// Whether a claim of ours was there when we last looked, to stay.
    pub(super) fn owns(&self) -> bool {
        self.owns
    }

    /// Judges what is there `now`, which is not later than when it was looked at ended.
    pub(super) fn judge(&mut self, claims: &[Claim], now: Instant) -> Judged {
        self.note(claims, now);
        let mut ours: Vec<&Claim> = claims.iter().filter(|claim| claim.holder == self.holder).collect();
        ours.sort_by_key(|claim| claim.uid);
        let others = claims.iter().filter(|claim| claim.holder != self.holder);
        let (dead, alive): (Vec<&Claim>, Vec<&Claim>) = others.partition(|claim| self.is_dead(claim.uid, now));
        let oldest = alive.into_iter().min_by_key(|claim| claim.uid);
        self.owns = false;
        let first_of_ours = ours.first().map_or(u32::MAX, |claim| claim.uid);
        if let Some(oldest) = oldest.filter(|oldest| oldest.uid < first_of_ours) {
            return Judged::Other { site: oldest.site.clone(), remove: ours.iter().map(|claim| claim.uid).collect() };
        }
        let Some((first, doubled)) = ours.split_first() else { return Judged::Claim };
        self.owns = true;
        let remove = dead.into_iter().chain(doubled.iter().copied()).map(|claim| claim.uid).collect();
        Judged::Ours { uid: first.uid, beat: first.beat, remove }
    }

    fn note(&mut self, claims: &[Claim], now: Instant) {
        // Who looked away for long cannot tell still flags from such as came round again.
        let looked_away = self.looked_at.is_some_and(|at| now.saturating_duration_since(at) > self.term / 2);
        self.looked_at = Some(now);
        if looked_away {
            self.seen.clear();
        }
        self.seen.retain(|uid, _| claims.iter().any(|claim| claim.uid == *uid));
        for claim in claims.iter().filter(|claim| claim.holder != self.holder) {
            let (beat, since) = self.seen.entry(claim.uid).or_insert((claim.beat, now));
            if *beat != claim.beat {
                (*beat, *since) = (claim.beat, now);
            }
        }
    }

    fn is_dead(&self, uid: u32, now: Instant) -> bool {
        self.seen.get(&uid).is_some_and(|(_, since)| now.saturating_duration_since(*since) >= self.term)
    }

    /// Claims were removed, the oldest of them this one; ours is `uid`.
    pub(super) fn removed(&mut self, oldest: u32, uid: u32, now: Instant) {
        if oldest < uid {
            self.waits_until = Some(now + self.term);
        }
    }

    /// Until when we hold after a sign of life that was begun then; `None` as long as one taken over from may act.
    pub(super) fn holds_until(&self, beat_began: Instant) -> Option<Instant> {
        let waits = self.waits_until.is_some_and(|until| beat_began < until);
        (!waits).then(|| beat_began + self.term * 3 / 4)
    }
}
