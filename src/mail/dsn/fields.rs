//! Reports in fields: delivery status (RFC 3464), abuse (RFC 5965), and the same fields in odd places.

use crate::domain::address::Address;
use crate::mail::clean;
use crate::mail::dsn::Report;
use crate::mail::dsn::ReportKind;
use crate::mail::dsn::ReportedRecipient;
use crate::mail::dsn::header_value;
use crate::mail::dsn::judged;
use crate::mail::dsn::text;
use crate::mail::dsn::words::Reason;
use crate::mail::limits::FIELDS_MAX;
use crate::mail::limits::REPORTED_MAX;
use crate::mail::message::Message;
use crate::mail::message::fields::HeaderItem;
use crate::mail::message::fields::HeaderWalk;
use crate::mail::message::fields::split_line;

/// RFC 5965, and mails of the large providers that say the same with a returned message only.
pub(super) fn complaint(message: &Message) -> Option<Report> {
    let part = message.notices.iter().find(|notice| notice.content_type == "message/feedback-report");
    if let Some(part) = part {
        let told = all_values(&part.text, "original-rcpt-to");
        let kind = header_value(&part.text, "feedback-type").map(|kind| kind.to_lowercase());
        let evidence = "content-type: message/feedback-report";
        return Some(abuse(told, kind.as_deref().unwrap_or("abuse"), evidence));
    }
    if message.content_type.ends_with("; feedback-report") {
        return Some(abuse(Vec::new(), "abuse", "content-type: report-type=feedback-report"));
    }
    let returned = message.notices.iter().find(|notice| notice.content_type == "message/rfc822")?;
    let marked = header_value(&returned.text, "x-hmxmroriginalrecipient")?;
    Some(abuse(vec![marked], "abuse", "x-hmxmroriginalrecipient"))
}

fn abuse(told: Vec<String>, feedback_type: &str, evidence: &'static str) -> Report {
    let recipients = told.into_iter().take(REPORTED_MAX).map(|text| ReportedRecipient {
        address: Address::parse(text.trim_matches(['<', '>', ' '])),
        status: None,
        smtp_reply: None,
        reply_code: None,
        hard: false,
        reason: Reason::Unknown,
        kind: ReportKind::Complaint,
    });
    Report {
        kind: ReportKind::Complaint,
        recipients: recipients.collect(),
        original_id: None,
        feedback_type: Some(clean::line(feedback_type, 100)),
        evidence,
    }
}

/// RFC 3464, also where the fields stand in a text part.
pub(super) fn status_report(message: &Message) -> Option<Report> {
    let part = message.notices.iter().find(|notice| {
        matches!(notice.content_type.as_str(), "message/delivery-status" | "message/global-delivery-status")
    });
    let found = part.and_then(|part| {
        from_fields(&part.text, text::own_words(&message.text), "content-type: message/delivery-status")
    });
    if found.is_some() {
        return found;
    }
    let is_report = message.content_type.contains("delivery-status") || text::is_from_machine(message);
    let returned = message.notices.iter().map(|notice| notice.text.as_str());
    let odd_place = std::iter::once(message.text.as_str())
        .chain(returned)
        .find(|text| is_report && text.to_ascii_lowercase().contains("final-recipient:"));
    let found =
        odd_place.and_then(|text| from_fields(text, text::own_words(&message.text), "final-recipient in the text"));
    if found.is_some() {
        return found;
    }
    let receipt = message.content_type.contains("disposition-notification")
        || message.notices.iter().any(|notice| notice.content_type == "message/disposition-notification");
    receipt.then(|| Report {
        kind: ReportKind::Other,
        recipients: Vec::new(),
        original_id: None,
        feedback_type: None,
        evidence: "content-type: message/disposition-notification",
    })
}

/// One recipient's fields.
#[derive(Debug, Default)]
struct Group {
    original: Option<Address>,
    last: Option<Address>,
    action: Option<String>,
    status: Option<String>,
    diagnostic: String,
}

fn from_fields(fields: &str, words: &str, evidence: &'static str) -> Option<Report> {
    let groups = groups(fields);
    let only_one = groups.len() == 1;
    let recipients = groups.into_iter().take(REPORTED_MAX).map(|group| recipient(group, words, only_one)).collect();
    Report::new(recipients, evidence)
}

fn recipient(group: Group, words: &str, only_one: bool) -> ReportedRecipient {
    let status = group.status.as_deref();
    let kind = match group.action.as_deref() {
        Some("failed") => ReportKind::Failed,
        Some("delayed") => ReportKind::Delayed,
        Some("delivered" | "relayed" | "expanded" | "deliverable") => ReportKind::Other,
        _ => match status.and_then(|status| status.chars().next()) {
            Some('2') => ReportKind::Other,
            Some('4') => ReportKind::Delayed,
            _ => ReportKind::Failed,
        },
    };
    let address = group.original.or(group.last);
    let about = text::about(words, address.as_ref(), only_one);
    let told = format!("{}\n{about}", group.diagnostic);
    let said = if group.diagnostic.trim().len() > 4 { &group.diagnostic } else { &about };
    let answered = text::answered_command(&told);
    let mut judged = judged(address.clone(), kind, group.status.clone(), said, answered);
    if judged.reason == Reason::Unknown && !about.is_empty() {
        let second = super::judged(address, kind, group.status, &about, answered);
        judged.reason = second.reason;
        judged.hard = second.hard;
    }
    judged
}

/// Groups of fields with a recipient in them (RFC 3464 §2.3), wherever empty lines stand.
fn groups(text: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut group = Group::default();
    let mut rest = text.as_bytes();
    let mut seen = 0;
    while !rest.is_empty() && seen < 20 * FIELDS_MAX {
        let mut walk = HeaderWalk::new(rest);
        for item in walk.by_ref() {
            seen += 1;
            if let HeaderItem::Field(field) = item {
                let value = clean::line(&String::from_utf8_lossy(field.value), 4_000);
                let name = String::from_utf8_lossy(field.name).to_ascii_lowercase();
                let starts = matches!(name.as_str(), "final-recipient") && group.last.is_some();
                if starts {
                    groups.push(std::mem::take(&mut group));
                }
                group.add(&name, &value);
            }
        }
        rest = split_line(walk.rest()).1;
        if group.last.is_some() || group.original.is_some() || group.action.is_some() {
            groups.push(std::mem::take(&mut group));
        }
        if groups.len() > REPORTED_MAX {
            break;
        }
    }
    merged(groups)
}

/// Empty lines inside a recipient's fields tear them apart: what has no recipient belongs to the one before or after.
fn merged(groups: Vec<Group>) -> Vec<Group> {
    let mut whole: Vec<Group> = Vec::with_capacity(groups.len());
    let mut orphan: Option<Group> = None;
    for mut group in groups {
        if group.last.is_none() && group.original.is_none() {
            match whole.last_mut() {
                Some(before) if before.action.is_none() => before.fill(group),
                _ => orphan = Some(group),
            }
            continue;
        }
        if let Some(orphan) = orphan.take().filter(|_| group.action.is_none()) {
            group.fill(orphan);
        }
        let is_repeat =
            |known: &Group| known.last.is_some() && known.last == group.last && known.action == group.action;
        if !whole.iter().any(is_repeat) {
            whole.push(group);
        }
    }
    if whole.is_empty() { orphan.into_iter().collect() } else { whole }
}

impl Group {
    fn add(&mut self, name: &str, value: &str) {
        match name {
            "final-recipient" => self.last = address(value),
            "original-recipient" => self.original = address(value),
            "x-actual-recipient" if self.last.is_none() => self.last = address(value),
            "action" => self.action = value.split([' ', '(', ';']).next().map(str::to_ascii_lowercase),
            "status" => self.status = super::status::enhanced(value),
            "diagnostic-code" => {
                if !self.diagnostic.is_empty() {
                    self.diagnostic.push('\n');
                }
                self.diagnostic.push_str(value);
            }
            _ => {}
        }
    }

    fn fill(&mut self, other: Self) {
        self.action = self.action.take().or(other.action);
        self.status = self.status.take().or(other.status);
        if self.diagnostic.is_empty() {
            self.diagnostic = other.diagnostic;
        }
    }
}

/// `rfc822; ana@example.com`, with brackets and comments as they come.
fn address(value: &str) -> Option<Address> {
    let value = value.rsplit_once(';').map_or(value, |(_, address)| address);
    value
        .split_whitespace()
        .chain([value])
        .find_map(|word| Address::parse(word.trim_matches(['<', '>', '"', '(', ')', ','])))
}

fn all_values(text: &str, name: &str) -> Vec<String> {
    HeaderWalk::new(text.trim_start().as_bytes())
        .take(FIELDS_MAX)
        .filter_map(|item| match item {
            HeaderItem::Field(field) if field.is(name) => Some(clean::line(&String::from_utf8_lossy(field.value), 400)),
            HeaderItem::Field(_) | HeaderItem::Stray(_) => None,
        })
        .collect()
}
