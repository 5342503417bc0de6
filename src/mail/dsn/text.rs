//! Bounces in words: who failed, and what the server said, out of a text for people.

use crate::domain::address::Address;
use crate::mail::dsn::Report;
use crate::mail::dsn::ReportKind;
use crate::mail::dsn::header_value;
use crate::mail::dsn::judged;
use crate::mail::dsn::words;
use crate::mail::limits::BOUNCE_TEXT_BYTES_MAX;
use crate::mail::limits::REPORTED_MAX;
use crate::mail::message::Message;

/// Lines of a server's words taken for one recipient.
const WORDS_LINES_MAX: usize = 12;

/// A bounce that is in no standard form: it must come from a machine and say that something was not delivered; with a
/// reverse-path that can be answered, in subject and text both, since a postmaster is a person at times.
pub(super) fn report(message: &Message, reverse_path: Option<&str>) -> Option<Report> {
    let is_null = reverse_path.or(message.return_path.as_deref()) == Some("");
    let from_machine = is_from_machine(message);
    let failed = message.field("x-failed-recipients");
    let in_subject = words::says_undelivered(&message.subject, "");
    let is_returned = is_null && message.attachments.iter().any(|file| file.content_type == "message/rfc822");
    let may_be_one =
        failed.is_some() || from_machine || (is_null && in_subject) || is_returned || says_in_subject(message);
    // Most mail ends here: its words need not be looked at.
    if !may_be_one && !is_one_object(&message.text) {
        return None;
    }
    let own = own_words(&message.text);
    if let Some(report) = notification(message, own) {
        return Some(report);
    }
    let in_text = words::says_undelivered("", own);
    let is_known_sender = !is_null && reverse_path.or(message.return_path.as_deref()).is_some();
    let says = if is_known_sender { in_subject && in_text } else { in_subject || in_text };
    let evidence = match (failed, from_machine, is_null) {
        (Some(_), _, _) => "x-failed-recipients",
        (None, true, _) if says => "from a mail system, and its words",
        (None, false, true) if in_subject => "null return-path, and its words",
        (None, false, true) if is_returned && says_in_head(own) => "null return-path, its words, and the mail returned",
        _ if says_at_once(message, own) => "its words",
        _ => return None,
    };
    let kind = if words::says_delayed(&message.subject, own) { ReportKind::Delayed } else { ReportKind::Failed };
    let named = recipients(message, own, failed);
    let only_one = named.len() <= 1;
    let mut judged_all: Vec<_> = named
        .into_iter()
        .take(REPORTED_MAX)
        .map(|address| {
            let said = about(own, Some(&address), only_one);
            judged(Some(address), kind, None, &said, answered_command(&said))
        })
        .collect();
    if judged_all.is_empty() {
        judged_all.push(judged(None, kind, None, own, answered_command(own)));
    }
    Report::new(judged_all, evidence)
}

/// A mail from a name that only machines have.
pub(super) fn is_from_machine(message: &Message) -> bool {
    let has_machine_name = |local: &str| {
        let plain: String = local.chars().filter(char::is_ascii_alphanumeric).collect();
        matches!(
            plain.as_str(),
            "mailerdaemon"
                | "postmaster"
                | "poostmaster"
                | "maildaemon"
                | "mdaemon"
                | "mailsystem"
                | "bounce"
                | "bounces"
        )
    };
    let written = message.field("from").unwrap_or("").to_lowercase();
    message.from.iter().any(|author| has_machine_name(author.address.without_tag().0.local()))
        || words::MACHINE_NAMES.iter().any(|name| written.contains(name))
}

/// No machine's name, but subject and first words are those of a bounce, and it is nobody's answer.
fn says_at_once(message: &Message, own: &str) -> bool {
    says_in_subject(message) && says_in_head(own)
}

/// Whether the first words are those of a bounce.
fn says_in_head(own: &str) -> bool {
    let head: String = own.chars().take(400).collect();
    words::says_undelivered("", &head)
}

/// The part of [`says_at_once`] that needs no text.
fn says_in_subject(message: &Message) -> bool {
    let is_alone = message.in_reply_to.is_empty() && message.references.is_empty();
    is_alone && words::subject_begins_undelivered(&message.subject)
}

fn is_one_object(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// Notices of sending services: one JSON object that names its kind.
fn notification(message: &Message, own: &str) -> Option<Report> {
    let own: String = own.trim_start().chars().filter(|c| *c != '\n').collect();
    if !is_one_object(&own) || !own.contains("\"notificationType\"") {
        return None;
    }
    let kind = match quoted_after(&own, "\"notificationType\"")? {
        "Bounce" => ReportKind::Failed,
        "Complaint" => ReportKind::Complaint,
        "Delivery" => ReportKind::Other,
        _ => return None,
    };
    let transient = quoted_after(&own, "\"bounceType\"").is_some_and(|kind| kind != "Permanent");
    let status = quoted_after(&own, "\"status\"").and_then(super::status::enhanced);
    let status = status.or_else(|| transient.then(|| "4.0.0".to_owned()));
    let said =
        quoted_after(&own, "\"diagnosticCode\"").or_else(|| quoted_after(&own, "\"smtpResponse\"")).unwrap_or("");
    let addresses = own.split("\"emailAddress\"").skip(1).filter_map(|rest| quoted_after(rest, "")).map(Address::parse);
    let mut recipients: Vec<_> = addresses
        .take(REPORTED_MAX)
        .map(|address| judged(address, kind, status.clone(), said, Some("rcpt to")))
        .collect();
    if recipients.is_empty() {
        let to = message.to.first().map(|person| person.address.clone());
        recipients.push(judged(to.filter(|_| false), kind, status, said, None));
    }
    Report::new(recipients, "notificationType in the text")
}

/// The next string in quotes after a key.
fn quoted_after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(key)?;
    let (_, after) = after.split_once('"')?;
    after.split_once('"').map(|(value, _)| value)
}

/// What the mail system itself says: the text up to the returned message.
pub(super) fn own_words(text: &str) -> &str {
    let text = head(text, BOUNCE_TEXT_BYTES_MAX);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if at > 0 && words::begins_returned(line) {
            return text.get(..at).unwrap_or(text);
        }
        at += line.len();
    }
    text
}

/// The returned header below the words of the bounce.
pub(super) fn returned_header(text: &str) -> Option<&str> {
    let rest = text.get(own_words(text).len()..)?;
    let mut at = 0;
    for line in rest.split_inclusive('\n').take(20) {
        let name = line.split(':').next().unwrap_or("");
        let is_field =
            line.contains(':') && !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if is_field {
            return rest.get(at..);
        }
        at += line.len();
    }
    None
}

fn head(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

/// Who failed: by field, else by the lines that name an address and nothing else before it, else by any address that is
/// neither ours nor the machine's, else the recipient of the returned message.
fn recipients(message: &Message, own: &str, failed: Option<&str>) -> Vec<Address> {
    let mut found: Vec<Address> = Vec::new();
    let mut add = |address: Address| {
        if found.len() < REPORTED_MAX && !found.contains(&address) {
            found.push(address);
        }
    };
    let strangers =
        |address: &Address| !message.to.iter().chain(&message.from).any(|person| person.address == *address);
    if let Some(failed) = failed {
        failed.split([',', ' ', ';']).filter_map(Address::parse).for_each(&mut add);
    } else {
        own.lines().filter_map(leading_address).filter(strangers).for_each(&mut add);
    }
    if found.is_empty() {
        own.lines().flat_map(addresses_in).filter(strangers).take(1).for_each(|address| found.push(address));
    }
    if found.is_empty() {
        let header = returned_header(&message.text).map(str::to_owned);
        let part = message
            .notices
            .iter()
            .find(|notice| notice.content_type.contains("rfc822"))
            .map(|notice| notice.text.clone());
        let to = header.or(part).and_then(|header| header_value(&header, "to"));
        found.extend(to.iter().flat_map(|to| addresses_in(to)).take(1));
    }
    found
}

/// The address a line is about: alone, in brackets or quotes, before a colon, after `RCPT TO:` or after a reply code.
fn leading_address(line: &str) -> Option<Address> {
    let line = line.trim();
    let lower = line.to_ascii_lowercase();
    let after = ["rcpt to:", "delivery failed:", "recipient:", "deliver message to:", "deliver message to"]
        .iter()
        .find_map(|mark| lower.find(mark).and_then(|at| line.get(at + mark.len()..)));
    let rest = after.unwrap_or(line).trim_start_matches([' ', '>', '<', '"', '\'', '*', '-']);
    let rest = match rest.split_once(' ') {
        Some((code, rest)) if code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit()) => {
            rest.trim_start_matches(['<', '"'])
        }
        _ => rest,
    };
    let end =
        rest.find(|c: char| c.is_whitespace() || matches!(c, '>' | '<' | '"' | '\'' | ':' | ',' | ';' | ')' | '['));
    let word = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest).trim_end_matches('.');
    Address::parse(word).filter(|address| address.domain().contains('.'))
}

fn addresses_in(line: &str) -> impl Iterator<Item = Address> {
    line.split(|c: char| {
        c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | '(' | ')' | ',' | ';' | ':' | '[' | ']')
    })
    .filter(|word| word.contains('@'))
    .filter_map(|word| Address::parse(word.trim_end_matches('.')))
    .filter(|address| address.domain().contains('.'))
}

/// The server's words about one recipient: all of them if there is only one, else a transcript's line that names the
/// address, else from the first line that names it to the next that names another.
pub(super) fn about(own: &str, address: Option<&Address>, only_one: bool) -> String {
    let Some(address) = address.filter(|_| !only_one) else { return own.to_owned() };
    let named = address.to_string();
    let mut said = String::new();
    let mut lines = 0;
    for line in own.lines() {
        let is_named = line.to_ascii_lowercase().contains(&named);
        let other = leading_address(line).is_some_and(|found| found != *address);
        if is_named && begins_with_reply(line) {
            return line.to_owned();
        }
        if is_named {
            lines = WORDS_LINES_MAX;
        } else if other {
            lines = 0;
        }
        if lines > 0 {
            said.push_str(line);
            said.push('\n');
            lines -= 1;
        }
    }
    said
}

/// A transcript's line: what it says is all that is said of its recipient.
fn begins_with_reply(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let code = words.next().unwrap_or("");
    code.len() == 3
        && super::status::reply_code(code).is_some()
        && words.next().is_some_and(|word| word.starts_with('<'))
}

/// The SMTP command that was answered, if the words tell.
pub(super) fn answered_command(said: &str) -> Option<&'static str> {
    let lower = said.to_ascii_lowercase();
    let marks = [
        ("end of data", "data"),
        ("final data", "data"),
        ("message body", "data"),
        (">>> data", "data"),
        ("data command", "data"),
        ("sender was rejected", "mail from"),
        ("rcpt to", "rcpt to"),
        ("rcpt command", "rcpt to"),
        ("does not like recipient", "rcpt to"),
        ("mail from", "mail from"),
        ("text command", "data"),
    ];
    let in_words = marks.iter().find(|(mark, _)| lower.contains(mark)).map(|(_, command)| *command);
    in_words.or_else(|| lower.lines().any(|line| line.trim() == "data").then_some("data"))
}
