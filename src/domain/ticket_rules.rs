//! What the house decides for all its threads and tickets (`[tickets]` of the configuration).

use crate::domain::thread::ThreadState;

/// Most Trackers of one thread where several are allowed (LNK-2).
pub const TRACKERS_PER_THREAD_MAX: usize = 20;

/// What a Back-office ticket's change of state does to its linked customer threads (BKO-21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateEffect {
    /// Nothing but the event.
    None,
    /// A snoozed thread opens.
    Unsnooze,
    /// A snoozed or closed thread opens.
    Reopen,
}

impl StateEffect {
    /// Whether a thread in that state opens.
    #[must_use]
    pub fn opens(self, state: ThreadState) -> bool {
        match (self, state) {
            (Self::None, _) | (_, ThreadState::Open) | (Self::Unsnooze, ThreadState::Closed) => false,
            (Self::Unsnooze | Self::Reopen, ThreadState::Snoozed(_)) | (Self::Reopen, ThreadState::Closed) => true,
        }
    }
}

/// Settings of threads and tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketRules {
    /// BKO-21.
    pub back_office_state_effect: StateEffect,
    /// Most threads linked to one Tracker (LNK-3).
    pub tracker_link_limit: u64,
    /// Whether a thread may have several Trackers (LNK-2).
    pub multiple_trackers: bool,
    /// Whether threads of other contacts, and email into messenger, may be merged (MRG-1).
    pub merge_across: bool,
    /// Whether a contact's comment opens a closed thread (LIF-2).
    pub reopen_on_reply: bool,
}

impl Default for TicketRules {
    fn default() -> Self {
        Self {
            back_office_state_effect: StateEffect::Reopen,
            tracker_link_limit: crate::domain::link::TRACKER_LINKS_MAX,
            multiple_trackers: false,
            merge_across: false,
            reopen_on_reply: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bko_21_each_effect_opens_what_it_names() {
        let states = [ThreadState::Open, ThreadState::Snoozed(None), ThreadState::Closed];
        let opened = |effect: StateEffect| states.map(|state| effect.opens(state));
        assert_eq!(opened(StateEffect::None), [false, false, false]);
        assert_eq!(opened(StateEffect::Unsnooze), [false, true, false]);
        assert_eq!(opened(StateEffect::Reopen), [false, true, true]);
    }
}
