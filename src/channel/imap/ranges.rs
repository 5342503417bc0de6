//! Arithmetic of UID ranges: what is not done, what is gone, and how a set is spelt in a verb.
//!
//! Ranges are `first..=last`, ascending, neither touching nor overlapping, as in
//! [`MailboxCursor`]. UIDs begin at 1 (RFC 9051 §2.3.1.1).

use crate::desk::mail::arrival::MailboxCursor;
use std::collections::BTreeSet;

pub(super) type Range = (u32, u32);

/// Most ranges spelt out in one verb; servers limit the length of a line (RFC 7162 §4 speaks of 8192 bytes).
const RANGES_IN_VERB_MAX: usize = 100;

/// What is not done, up to the highest UID there can be.
pub(super) fn open_ranges(cursor: &MailboxCursor) -> Vec<Range> {
    let mut open = Vec::with_capacity(cursor.done.len() + 1);
    let mut next = 1_u32;
    for (first, last) in &cursor.done {
        if next < *first {
            open.push((next, first.saturating_sub(1)));
        }
        let Some(after) = last.checked_add(1) else { return open };
        next = next.max(after);
    }
    open.push((next, u32::MAX));
    open
}

/// A sequence set that covers `open` (RFC 9051 §9); one span where there are too many ranges to spell out.
pub(super) fn set_text(open: &[Range]) -> String {
    let spelt = |(first, last): &Range| match (*first, *last) {
        (first, u32::MAX) => format!("{first}:*"),
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}:{last}"),
    };
    match (open.first(), open.last()) {
        (Some((first, _)), Some((_, last))) if open.len() > RANGES_IN_VERB_MAX => spelt(&(*first, *last)),
        _ => open.iter().map(spelt).collect::<Vec<_>>().join(","),
    }
}

/// The UIDs as a sequence set.
pub(super) fn uids_text(uids: &[u32]) -> String {
    let mut cursor = MailboxCursor::default();
    uids.iter().for_each(|uid| cursor.add(*uid));
    cursor.done.iter().map(|range| set_text(&[*range])).collect::<Vec<_>>().join(",")
}

/// Parts of `open` that hold no message: neither `listed` nor above every UID given out so far.
pub(super) fn holes(cursor: &MailboxCursor, open: &[Range], listed: &BTreeSet<u32>) -> Vec<Range> {
    let done_top = cursor.done.last().map_or(0, |(_, last)| *last);
    let top = listed.last().copied().unwrap_or(0).max(done_top);
    let mut holes = Vec::new();
    for (first, last) in open.iter().filter(|(first, _)| *first <= top) {
        let last = (*last).min(top);
        let mut next = *first;
        for uid in listed.range(*first..=last) {
            if next < *uid {
                holes.push((next, uid - 1));
            }
            next = uid.saturating_add(1);
        }
        if next <= last {
            holes.push((next, last));
        }
    }
    holes
}

/// UIDs that are in both.
pub(super) fn in_both(one: &[Range], other: &[Range]) -> Vec<Range> {
    let mut both = Vec::new();
    let (mut ones, mut others) = (one.iter().peekable(), other.iter().peekable());
    while let (Some(a), Some(b)) = (ones.peek(), others.peek()) {
        let (first, last) = (a.0.max(b.0), a.1.min(b.1));
        if first <= last {
            both.push((first, last));
        }
        if a.1 < b.1 {
            ones.next();
        } else {
            others.next();
        }
    }
    both
}

/// Marks whole ranges as done and joins what touches.
pub(super) fn mark(cursor: &mut MailboxCursor, ranges: &[Range]) {
    let mut all: Vec<Range> = cursor.done.iter().chain(ranges).copied().collect();
    all.sort_unstable();
    let mut joined: Vec<Range> = Vec::with_capacity(all.len());
    for (first, last) in all {
        match joined.last_mut() {
            Some(before) if before.1.saturating_add(1) >= first => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    cursor.done = joined;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(done: &[Range]) -> MailboxCursor {
        MailboxCursor { uid_validity: 1, done: done.to_vec(), ..MailboxCursor::default() }
    }

    #[test]
    fn eml_2_what_is_not_done_is_asked_for() {
        for (done, open, spelt) in [
            (&[][..], &[(1, u32::MAX)][..], "1:*"),
            (&[(1, 9)], &[(10, u32::MAX)], "10:*"),
            (&[(3, 4), (6, 6), (9, 9)], &[(1, 2), (5, 5), (7, 8), (10, u32::MAX)], "1:2,5,7:8,10:*"),
            (&[(1, u32::MAX)], &[], ""),
        ] {
            assert_eq!(open_ranges(&cursor(done)), open);
            assert_eq!(set_text(open), spelt);
        }
        let many: Vec<Range> = (1..500).map(|n| (n * 2, n * 2)).collect();
        assert_eq!(set_text(&many), "2:998");
        assert_eq!(uids_text(&[7, 5, 6, 9]), "5:7,9");
    }

    #[test]
    fn a_hole_lies_below_a_uid_that_was_given_out() {
        let done = cursor(&[(1, 3), (9, 9)]);
        let open = open_ranges(&done);
        assert_eq!(holes(&done, &open, &BTreeSet::from([5, 12])), [(4, 4), (6, 8), (10, 11)]);
        assert_eq!(holes(&done, &open, &BTreeSet::new()), [(4, 8)]);
        let new = cursor(&[]);
        assert_eq!(holes(&new, &open_ranges(&new), &BTreeSet::new()), []);
    }

    #[test]
    fn ranges_meet_and_join() {
        assert_eq!(in_both(&[(1, 5), (8, 9), (20, 30)], &[(4, 8), (9, 25)]), [(4, 5), (8, 8), (9, 9), (20, 25)]);
        let mut done = cursor(&[(1, 3), (9, 9)]);
        mark(&mut done, &[(4, 8), (20, u32::MAX)]);
        assert_eq!(done.done, [(1, 9), (20, u32::MAX)]);
    }

    proptest::proptest! {
        #[test]
        fn open_and_done_are_each_others_opposite(uids in proptest::collection::btree_set(1_u32..200, 0..40)) {
            let mut done = cursor(&[]);
            uids.iter().for_each(|uid| done.add(*uid));
            let open = cursor(&open_ranges(&done));
            for uid in 1..200 {
                proptest::prop_assert_ne!(done.has(uid), open.has(uid));
            }
        }
    }
}
