//! What mail systems say, by kinds of phrases. A new phrase is one entry here, in lower case.

pub(super) use crate::mail::dsn::Reason;

/// In the From field of mail systems, beside the usual addresses.
pub(super) const MACHINE_NAMES: &[&str] = &[
    "mailer-daemon",
    "mail delivery s",
    "mail deliver system",
    "delivery subsystem",
    "mailer daemon",
    "ndr administrator",
];

const SUBJECTS: &[&str] = &[
    "undeliver",
    "undelivered",
    "delivery status",
    "delivery failure",
    "delivery has failed",
    "failure delivery",
    "delivery fail",
    "failed delivery",
    "mail delivery failed",
    "failure notice",
    "returned mail",
    "returned to sender",
    "returning message",
    "delivery notification",
    "mail could not be",
    "could not be delivered",
    "mail system error",
    "message has failed",
    "nondeliverable",
    "non-deliver",
    "delivery error",
    "delayed",
    "not delivered",
    "unzustellbar",
    "nicht zugestellt",
    "non remis",
    "no entregado",
    "mancata consegna",
    "errors from",
    "failure report",
    "mail failed",
    "error sending your mail",
    "bounce notification",
    "配信できません",
    "メールエラー",
    "メッセージを配信できません",
];

const TEXTS: &[&str] = &[
    "could not be delivered",
    "couldn't be delivered",
    "was not delivered",
    "not be delivered",
    "wasn't delivered",
    "delivery has failed",
    "delivery failed",
    "failed to deliver",
    "unable to deliver",
    "could not deliver",
    "did not reach the following",
    "not reach",
    "permanent fatal errors",
    "had delivery problems",
    "had permanent",
    "i wasn't able to deliver",
    "error has occurred while",
    "error delivering your mail",
    "occurred while trying to deliver",
    "rejected by a remote mail server",
    "failed permanently",
    "has been delayed",
    "delivery temporarily suspended",
    "transcript of session follows",
    "returned below",
    "undeliverable",
    "undelivered",
    "user unknown",
    "no such user",
    "unknown user",
    "account is disabled",
    "not listed in",
    "recipient unknown",
    "delivery status notification",
    "has been rejected",
    "送信できませんでした",
    "mailbox full",
    "invalid user",
    "delivery failure",
    "mailbox unavailable",
    "problem delivering",
    "message was rejected",
    "mail rejected",
    "message could not",
    "duplicated message-id",
    "trouble delivering",
    "invalid user address",
    "no valid recipients",
];

const DELAYED: &[&str] = &[
    "has been delayed",
    "warning message only",
    "do not need to resend",
    "will be retried",
    "delivery status notification (delay)",
    "is delayed",
    "not yet been delivered",
    "will keep trying",
    "still being retried",
];

const USER_UNKNOWN: &[&str] = &[
    "user unknown",
    "unknown user",
    "no such user",
    "user not found",
    "no such recipient",
    "unknown recipient",
    "recipient unknown",
    "recipient not found",
    "mailbox not found",
    "no mailbox",
    "no such mailbox",
    "unknown mailbox",
    "mailbox does not exist",
    "account that you tried to reach does not exist",
    "user does not exist",
    "recipient does not exist",
    "address does not exist",
    "does not have an account",
    "doesn't have a",
    "no account by that name",
    "unknown local",
    "unknown or illegal",
    "address unknown",
    "unknown address",
    "not listed in",
    "recipient name is not recognized",
    "no such person",
    "no valid recipients",
    "wasn't found at",
    "wasn=92t found at",
    "wasn\u{2019}t found at",
    "couldn't be found",
    "couldn\u{2019}t be found",
    "bad destination mailbox",
    "unrouteable address",
    "unroutable address",
    "no such address",
    "invalid mailbox",
    "invalid recipient",
    "invalid address",
    "undeliverable address",
    "is not a known user",
    "not our customer",
    "isn't in my",
    "no longer valid",
    "user is unknown",
    "unknown username",
    "invalid final delivery userid",
    "is not a valid mailbox",
    "not a valid user",
    "no user by that name",
    "address is not present",
    "recipient address rejected: access denied",
    "resolver.adr.recipnotfound",
    "resolver.adr.recipientnotfound",
    "recipientnotfound",
    "recipnotfound",
    "unable to deliver message to <",
    "can't find",
    "not known at",
    "addressee unknown",
    "user doesn't exist",
    "user not exist",
    "invalid user address",
];

/// Sentences that can only be about the account.
const ABOUT_ACCOUNT: &[&str] = &[
    "doesn't have a",
    "does not have an account",
    "no account by that name",
    "account that you tried to reach does not exist",
];

const HOST_UNKNOWN: &[&str] = &[
    "host unknown",
    "unknown host",
    "domain does not exist",
    "domain not found",
    "no such domain",
    "name or service not known",
    "host not found",
    "domain name not found",
    "nxdomain",
    "unrouteable mail domain",
    "unrouteable domain",
    "bad destination host",
    "hostname unknown",
    "cannot find the domain",
    "couldn't find any host",
    "no mx record",
    "name server: host not found",
    "domain must exist",
    "does not exist in dns",
    "nullmx",
    "null mx",
    "no smtp service",
    "does not accept mail",
    "does not accept email",
    "destination host unknown",
    "account or domain may not exist",
    "domain is not reachable",
    "dns domain",
    "illegal host",
    "domain isn't in my list",
    "is not a valid domain",
    "no such host",
    "host or domain name not found",
    "domain nonexistent",
];

const FILTERED: &[&str] =
    &["recipient preferences", "message filtered", "rejected-by-the-domain-filter", "domain-filter"];

/// The receiving server could not store the mail, whatever else it says of the user.
const LOCAL_FAULT: &[&str] = &["procmail: couldn't create"];

const MOVED: &[&str] =
    &["has moved", "user moved", "address has changed", "no longer works here", "has changed address"];

const SUSPENDED: &[&str] = &[
    "is disabled",
    "account disabled",
    "disabled recipient",
    "mailbox disabled",
    "mailbox is frozen",
    "suspended",
    "temporary locked",
    "temporarily locked",
    "account is locked",
    "est bloque",
    "is inactive",
    "inactive user",
    "account inactive",
    "mailbox is inactive",
    "not active",
    "deactivated",
    "account expired",
    "user is not active",
    "is currently suspended",
    "invalid/inactive",
];

const MAILBOX_FULL: &[&str] = &[
    "mailbox full",
    "mailbox is full",
    "over quota",
    "overquota",
    "quota exceeded",
    "exceeded quota",
    "exceeds quota",
    "out of storage",
    "mailbox exceeds",
    "over their quota",
    "over its quota",
    "exceeded the local limit",
    "exceeded storage",
    "storage allocation",
    "user is over",
    "insufficient disk",
    "disk quota",
    "no more space",
    "quota full",
    "mailbox size limit",
    "not enough storage",
    "is full",
    "full mailbox",
    "boite du destinataire pleine",
];

const TOO_LARGE: &[&str] = &[
    "message too large",
    "too big",
    "size exceeds",
    "exceeds maximum",
    "exceeds size",
    "exceeds fixed",
    "message size",
    "larger than",
];

const AUTHENTICATION: &[&str] = &[
    "dmarc",
    "dkim",
    "spf check",
    "spf fail",
    "spf validation",
    "spf record",
    "sender policy framework",
    "unauthenticated email",
    "authentication checks failed",
    "not authenticated",
    "authentication results",
    "authentication failed",
    "sender id",
    "purported",
];

const SENDER_REJECTED: &[&str] = &[
    "sender address rejected",
    "sender was rejected",
    "sender rejected",
    "sender verify",
    "sender domain",
    "sender denied",
    "sender refused",
    "sender unknown",
    "unknown sender",
    "from domain",
    "domain of sender",
    "not allowed to send",
    "sender not",
    "mail from",
    "sender address",
    "client address",
    "access denied",
    "server rejected mail from",
];

const POLICY: &[&str] = &[
    "spam",
    "virus",
    "blocked",
    "blacklist",
    "black list",
    "blocklist",
    "block list",
    "blackhole",
    "reputation",
    "policy",
    "policies",
    "banned",
    "relay",
    "rbl",
    "dnsbl",
    "content",
    "filter",
    "not permitted",
    "prohibited",
    "not accepted",
    "refused",
    "unsolicited",
    "rejected",
    "denied",
    "ptr",
    "reverse dns",
    "reverse lookup",
    "rdns",
    "tls",
    "encryption",
    "helo",
    "forbidden",
    "suspicious",
    "malware",
    "phish",
    "junk",
    "not allowed",
    "restricted",
    "permission",
    "not authorized",
    "unauthorized",
    "rejete",
    "is not a member",
    "moderat",
    "security",
];

const TOO_MANY: &[&str] = &[
    "too many",
    "rate limit",
    "rate that",
    "throttl",
    "try again later",
    "try later",
    "too fast",
    "exceeded the maximum number",
    "limit exceeded",
    "slow down",
    "too much",
];

const NETWORK: &[&str] = &[
    "timed out",
    "timeout",
    "time out",
    "connection refused",
    "connection reset",
    "not responding",
    "did not accept our requests",
    "unreachable",
    "no route to host",
    "envelope expired",
    "message expired",
    "delivery time expired",
    "too long",
    "in queue",
    "unable to connect",
    "could not connect",
    "name server reply",
    "wasn't able to establish",
    "lost connection",
    "network",
    "loop",
    "hop count",
    "expired",
];

const SYSTEM: &[&str] = &[
    "local configuration",
    "configuration error",
    "system resources",
    "temporary failure",
    "internal error",
    "server error",
    "temporarily unavailable",
    "ldap",
    "out of memory",
    "system error",
    "delivery error",
    "local error",
];

/// Whether subject or text say that something was not delivered.
pub(super) fn says_undelivered(subject: &str, text: &str) -> bool {
    let subject = subject.to_lowercase();
    let text = text.to_lowercase();
    has_any(&subject, SUBJECTS) || has_any(&text, TEXTS)
}

/// Whether a subject begins as those of bounces do.
pub(super) fn subject_begins_undelivered(subject: &str) -> bool {
    let subject = subject.to_lowercase();
    SUBJECTS.iter().any(|start| subject.starts_with(start))
}

/// Whether nothing failed yet.
pub(super) fn says_delayed(subject: &str, text: &str) -> bool {
    let all = format!("{subject}\n{text}").to_lowercase();
    has_any(&all, DELAYED)
}

/// A line at which the returned message begins.
pub(super) fn begins_returned(line: &str) -> bool {
    let line = line.trim_end().to_ascii_lowercase();
    let is_field =
        ["received: ", "received:\t", "return-path: ", "return-path:", "dkim-signature:", "x-envelope-from:"]
            .iter()
            .any(|field| line.starts_with(field));
    let marks = [
        "this is a copy of the message",
        "this is a copy of your message",
        "below this line is a copy",
        "header of the original message",
        "headers of the original message",
        "original message follows",
        "original message headers",
        "message headers follow",
        "unsent message follows",
        "copy of the original message",
        "copy of the message header",
        "original message -----",
        "original message:",
        "message header follows",
        "original message is",
        "end of message",
    ];
    is_field || marks.iter().any(|mark| line.contains(mark))
}

/// Why, from a server's words, its codes, and the command they answer.
pub(super) fn reason(words: &str, status: Option<&str>, answered: Option<&str>) -> Reason {
    let words = words.to_lowercase();
    if has_any(&words, LOCAL_FAULT) {
        return Reason::System;
    }
    let is_sender = answered == Some("mail from") || has_any(&words, SENDER_REJECTED);
    if !is_sender && names_missing_domain(&words) {
        return Reason::HostUnknown;
    }
    let by_words = by_words(&words, status, answered);
    let by_status = status.map_or(Reason::Unknown, by_status);
    match (by_words, by_status) {
        (Reason::Unknown, by_status) => by_status,
        (Reason::UserUnknown, _) if !is_backed(&words, status, answered) => Reason::Filtered,
        (Reason::Policy | Reason::System, by_status) if by_status != Reason::Unknown => by_status,
        (by_words, _) => by_words,
    }
}

/// "User unknown" is believed unless something speaks against it: it answers the end of the text, so that a filter says
/// it, or comes with a code for policy (5.7), for the mailbox (5.2 but 5.2.1), or for the content (5.6). A sentence about
/// the account itself is believed at the end of the text too: some providers look up the account only then.
fn is_backed(words: &str, status: Option<&str>, answered: Option<&str>) -> bool {
    let code = status.and_then(|code| code.get(2..)).unwrap_or("");
    let is_address = code.starts_with("1.") || code == "2.1";
    let is_other = code.starts_with("7.") || code.starts_with("2.") || code.starts_with("6.");
    is_address || (!is_other && !is_bare(words) && (answered != Some("data") || has_any(words, ABOUT_ACCOUNT)))
}

/// "550 user unknown" and not a word more: no code that says it is about the address, and nobody it is about. Filters say
/// that of a mail they do not want; it counts as a failure (EML-82) and does not end mail to the address at once.
fn is_bare(words: &str) -> bool {
    let plain = words.trim_start_matches("smtp;").trim_start();
    let after_code = plain.strip_prefix("550").map(|rest| rest.trim_matches([' ', ':', '.']));
    // The other words are all that RFC 5321 §4.2.2 says of 550: not found, no access, or policy.
    matches!(after_code, Some("user unknown" | "unknown user"))
        || words.contains("requested action not taken: mailbox unavailable")
}

/// "mail.example.com does not exist": a name with a dot and without an at sign, right before these words.
fn names_missing_domain(words: &str) -> bool {
    words.match_indices(" does not exist").any(|(at, _)| {
        let name = words.get(..at).and_then(|before| before.split_whitespace().next_back()).unwrap_or_default();
        name.contains('.') && !name.ends_with('.') && !name.contains('@') && !name.contains('<')
    })
}

fn by_words(words: &str, status: Option<&str>, answered: Option<&str>) -> Reason {
    let is_sender = answered == Some("mail from") || status == Some("5.1.8") || status == Some("5.1.7");
    let table: [(&[&str], Reason); 13] = [
        (FILTERED, Reason::Filtered),
        (MAILBOX_FULL, Reason::MailboxFull),
        (AUTHENTICATION, Reason::Authentication),
        (SUSPENDED, Reason::Suspended),
        (MOVED, Reason::Moved),
        (HOST_UNKNOWN, Reason::HostUnknown),
        (USER_UNKNOWN, Reason::UserUnknown),
        (TOO_LARGE, Reason::TooLarge),
        (TOO_MANY, Reason::TooMany),
        (SENDER_REJECTED, Reason::SenderRejected),
        (SYSTEM, Reason::System),
        (NETWORK, Reason::Network),
        (POLICY, Reason::Policy),
    ];
    let found =
        table.iter().find(|(phrases, _)| has_any(words, phrases)).map_or(Reason::Unknown, |(_, reason)| *reason);
    match found {
        Reason::UserUnknown | Reason::HostUnknown if is_sender => Reason::SenderRejected,
        found => found,
    }
}

fn by_status(status: &str) -> Reason {
    match status.get(2..).unwrap_or("") {
        "1.0" | "1.1" | "1.3" | "1.4" | "1.10" | "1.351" => Reason::UserUnknown,
        "1.2" | "4.4" | "1.9" | "4.310" | "4.312" => Reason::HostUnknown,
        "1.6" => Reason::Moved,
        "1.7" | "1.8" => Reason::SenderRejected,
        "2.1" => Reason::Suspended,
        "2.2" | "3.1" => Reason::MailboxFull,
        "2.3" | "3.4" => Reason::TooLarge,
        "4.1" | "4.2" | "4.6" | "4.7" | "4.0" | "4.316" => Reason::Network,
        code if code.starts_with("7.") || code.starts_with("6.") => Reason::Policy,
        code if code.starts_with("3.") || code.starts_with("4.") || code.starts_with("5.") => Reason::System,
        _ => Reason::Unknown,
    }
}

fn has_any(text: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| text.contains(phrase))
}
