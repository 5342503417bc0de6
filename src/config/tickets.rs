//! `[tickets]`: what the house decides for all threads and tickets.

use crate::config::reader::Section;
use crate::domain::ticket_rules::StateEffect;
use crate::domain::ticket_rules::TicketRules;

/// Links of one Tracker that can be asked for; a broadcast to all of them is one job (LNK-3).
const TRACKER_LINKS_LIMIT_MAX: u64 = 1_000_000;

pub(crate) fn tickets(section: Section<'_>) -> TicketRules {
    let usual = TicketRules::default();
    let effects = [("none", StateEffect::None), ("unsnooze", StateEffect::Unsnooze), ("reopen", StateEffect::Reopen)];
    let rules = TicketRules {
        back_office_state_effect: section.choice("back_office_state_effect", &effects, usual.back_office_state_effect),
        tracker_link_limit: section.number("tracker_link_limit", 1..=TRACKER_LINKS_LIMIT_MAX, usual.tracker_link_limit),
        multiple_trackers: section.flag("multiple_trackers", usual.multiple_trackers),
        merge_across: section.flag("merge_across", usual.merge_across),
        reopen_on_reply: section.flag("reopen_on_reply", usual.reopen_on_reply),
    };
    section.end();
    rules
}
