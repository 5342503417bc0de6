//! `[retention]`: how long things are kept (DAT-7, DAT-8).

use crate::config::reader::Section;
use crate::domain::retention::Retention;
use std::time::Duration;

/// A hundred years.
const DAYS_MAX: u64 = 36_500;

pub(crate) fn retention(section: Section<'_>) -> Retention {
    let days = |key, default| Duration::from_secs(section.number(key, 0..=DAYS_MAX, default) * 86_400);
    // None of them: kept for good.
    let aged = |key, default| Some(days(key, default)).filter(|kept| !kept.is_zero());
    let retention = Retention {
        closed_conversations: aged("closed_conversations_days", 0),
        raw_mail: aged("raw_retention_days", 365),
        raw_mail_bytes_max: section.number("raw_mail_bytes_max", 0..=1 << 50, 0),
        journal: aged("journal_days", 400),
        webhook_deliveries: Duration::from_secs(section.number("webhook_deliveries_days", 1..=DAYS_MAX, 7) * 86_400),
        visitors: aged("visitors_days", 90),
        log_entries: section.number("log_entries_max", 10_000..=1_000_000_000, 1_000_000),
    };
    section.end();
    retention
}
