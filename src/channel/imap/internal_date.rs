//! When the server received a message: INTERNALDATE (RFC 9051 §9, `date-time`).

use crate::domain::id::Millis;

/// Reads `17-Jul-1996 02:44:25 -0700`; `None` for anything else and for times before 1970.
pub(super) fn read_internal_date(text: &str) -> Option<Millis> {
    let parsed = jiff::fmt::strtime::parse("%d-%b-%Y %H:%M:%S %z", text.trim()).ok()?;
    let ms = parsed.to_timestamp().ok()?.as_millisecond();
    u64::try_from(ms).ok().map(Millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_dates_are_read_with_their_zone() {
        for (text, ms) in [
            ("17-Jul-1996 02:44:25 -0700", Some(837_596_665_000)),
            (" 1-Jan-1970 00:00:01 +0000", Some(1_000)),
            ("31-Feb-2026 00:00:00 +0000", None),
            ("yesterday", None),
        ] {
            assert_eq!(read_internal_date(text), ms.map(Millis), "{text}");
        }
    }
}
