//! How far a mailbox was read, as UIDs and not as one number: messages are taken in any order (EML-2).

/// How far a mailbox was read: UIDs that are done, as ascending closed ranges (EML-2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxCursor {
    /// UIDVALIDITY the ranges belong to; 0 before the first poll.
    pub uid_validity: u32,
    /// Taken UIDs, `first..=last`, ascending, neither touching nor overlapping.
    pub done: Vec<(u32, u32)>,
    /// Of the taken UIDs, those whose follow-up in the folder (flag, move, removal) is still owed (EML-5); same form.
    pub owed: Vec<(u32, u32)>,
    /// What the server refused in practice, each once: it is not asked for again (EML-4).
    pub refused: Vec<ImapFeature>,
}

/// What a server of a mailbox may advertise and then refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImapFeature {
    /// IDLE (RFC 2177); polled without it.
    Idle,
    /// UID SEARCH; listed by FETCH without it.
    Search,
    /// MOVE (RFC 6851); copied and flagged without it.
    Move,
}

impl MailboxCursor {
    /// Whether `uid` was taken.
    #[must_use]
    pub fn has(&self, uid: u32) -> bool {
        self.done.iter().any(|(first, last)| (*first..=*last).contains(&uid))
    }

    /// Marks `uid` as taken and joins ranges that touch.
    pub fn add(&mut self, uid: u32) {
        if !self.has(uid) {
            self.done = joined_with(std::mem::take(&mut self.done), uid);
        }
    }

    /// The follow-up of `uid` is owed.
    pub fn owe(&mut self, uid: u32) {
        self.owed = joined_with(std::mem::take(&mut self.owed), uid);
    }

    /// The follow-up of `uid` is done, or will never be.
    pub fn paid(&mut self, uid: u32) {
        self.owed = without(&self.owed, uid);
    }

    /// `uid` counts as not taken again.
    pub fn forget(&mut self, uid: u32) {
        self.done = without(&self.done, uid);
        self.owed = without(&self.owed, uid);
    }
}

fn without(ranges: &[(u32, u32)], uid: u32) -> Vec<(u32, u32)> {
    let mut left = Vec::with_capacity(ranges.len().saturating_add(1));
    for (first, last) in ranges.iter().copied() {
        if !(first..=last).contains(&uid) {
            left.push((first, last));
            continue;
        }
        left.extend(uid.checked_sub(1).filter(|before| *before >= first).map(|before| (first, before)));
        left.extend(uid.checked_add(1).filter(|after| *after <= last).map(|after| (after, last)));
    }
    left
}

fn joined_with(mut ranges: Vec<(u32, u32)>, uid: u32) -> Vec<(u32, u32)> {
    ranges.push((uid, uid));
    ranges.sort_unstable();
    let mut joined: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match joined.last_mut() {
            Some(before) if before.1.saturating_add(1) >= first => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eml_2_uids_taken_in_any_order_join_into_ranges() {
        let mut cursor = MailboxCursor::default();
        for uid in [7, 3, 1, 2, 7, 8] {
            cursor.add(uid);
        }
        assert_eq!(cursor.done, [(1, 3), (7, 8)]);
        assert!(cursor.has(2) && !cursor.has(4));
    }

    #[test]
    fn eml_5_follow_ups_are_owed_until_each_is_done() {
        let mut cursor = MailboxCursor::default();
        (1..=5).chain([9]).for_each(|uid| cursor.owe(uid));
        for (uid, left) in [(3, &[(1, 2), (4, 5), (9, 9)][..]), (1, &[(2, 2), (4, 5), (9, 9)]), (9, &[(2, 2), (4, 5)])]
        {
            cursor.paid(uid);
            assert_eq!(cursor.owed, left);
        }
        cursor.paid(7);
        assert_eq!(cursor.owed, [(2, 2), (4, 5)]);
    }
}
