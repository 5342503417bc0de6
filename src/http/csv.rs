//! Lines of CSV as every export has them (REP-5, RFC 4180).
//!
//! **Invariant:** no cell begins as a formula.

use crate::domain::id::Millis;

/// What an export says it is.
pub(crate) const MEDIA_TYPE: &str = "text/csv; charset=utf-8; header=present";

/// One line of RFC 4180.
pub(crate) fn line(cells: &[String]) -> String {
    let mut text = cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",");
    text.push_str("\r\n");
    text
}

/// A moment in ISO 8601 with the offset of its zone; in UTC where there is no such zone.
pub(crate) fn moment(at: Millis, zone: &str) -> String {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let moment = i64::try_from(at.0).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    moment.map(|moment| moment.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()).unwrap_or_default()
}

/// A cell that no spreadsheet takes for a formula (REP-5), quoted where RFC 4180 asks for it.
fn quoted(cell: &str) -> String {
    let guard = if cell.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    if cell.contains([',', '"', '\r', '\n']) {
        return format!("\"{guard}{}\"", cell.replace('"', "\"\""));
    }
    format!("{guard}{cell}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tst_123_no_cell_is_a_formula() {
        let cells = ["=1+1", "+49", "-1", "@x", "a,b", "say \"hi\"", "=\"x\"", "two\r\nlines", ""];
        let expected = "'=1+1,'+49,'-1,'@x,\"a,b\",\"say \"\"hi\"\"\",\"'=\"\"x\"\"\",\"two\r\nlines\",\r\n";
        assert_eq!(line(&cells.map(str::to_owned)), expected);
    }

    #[test]
    fn rep_5_moments_have_their_offset() {
        let summer = Millis(1_782_864_000_000);
        assert_eq!(moment(summer, "Europe/Berlin"), "2026-07-01T02:00:00+02:00");
        assert_eq!(moment(summer, "nowhere"), "2026-07-01T00:00:00+00:00");
    }
}
