//! How far a mailbox was read, as UIDs and not as one number: messages are taken in any order (EML-2).

/// How far a mailbox was read: UIDs that are done, as ascending closed ranges (EML-2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxCursor {
    /// UIDVALIDITY the ranges belong to; 0 before the first poll.
    pub uid_validity: u32,
    /// Taken UIDs, `first..=last`, ascending, neither touching nor overlapping.
    pub done: Vec<(u32, u32)>,
}

impl MailboxCursor {
    /// Whether `uid` was taken.
    #[must_use]
    pub fn has(&self, uid: u32) -> bool {
        self.done.iter().any(|(first, last)| (*first..=*last).contains(&uid))
    }

    /// Marks `uid` as taken and joins ranges that touch.
    pub fn add(&mut self, uid: u32) {
        if self.has(uid) {
            return;
        }
        self.done.push((uid, uid));
        self.done.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(self.done.len());
        for (first, last) in self.done.drain(..) {
            match joined.last_mut() {
                Some(before) if before.1.saturating_add(1) >= first => before.1 = before.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        self.done = joined;
    }
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
}
