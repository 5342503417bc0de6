//! Delivery reports and complaints: RFC 3464, RFC 5965, and bounces in words.

use crate::domain::address::Address;
use crate::mail::message::Message;
use crate::mail::message::msg_id::MsgId;

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReportKind {
    /// At least one recipient failed for good.
    Failed,
    /// Nothing failed yet.
    Delayed,
    /// Delivered, relayed, expanded, read.
    Other,
    /// An abuse report.
    Complaint,
}

/// Why a delivery failed, by meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No such mailbox.
    UserUnknown,
    /// No such domain, or it takes no mail.
    HostUnknown,
    /// The recipient has moved.
    Moved,
    /// The mailbox is switched off for now.
    Suspended,
    /// The mailbox is full.
    MailboxFull,
    /// The message is too large.
    TooLarge,
    /// The sending address is not taken.
    SenderRejected,
    /// Refused as spam, virus, for reputation or by policy.
    Policy,
    /// SPF, DKIM or DMARC failed.
    Authentication,
    /// Too many connections or messages.
    TooMany,
    /// Connections failed or time ran out.
    Network,
    /// The receiving server has a fault.
    System,
    /// The words say nothing we know.
    Unknown,
}

/// What a report says of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedRecipient {
    /// The recipient we wrote to, as far as it is told: Original-Recipient, else Final-Recipient, else the text.
    pub address: Option<Address>,
    /// Enhanced status code `c.s.d` (RFC 3463), as told or the nearest known.
    pub status: Option<String>,
    /// The server's words, cleaned, cut.
    pub smtp_reply: Option<String>,
    /// The three digits of an SMTP reply.
    pub reply_code: Option<u16>,
    /// The address must not be written to again (EML-82).
    pub hard: bool,
    /// Why.
    pub reason: Reason,
    /// What the report is about for this recipient.
    pub kind: ReportKind,
}

/// A report, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What it is about; the worst of its recipients.
    pub kind: ReportKind,
    /// In the order of the report.
    pub recipients: Vec<ReportedRecipient>,
    /// Message-ID of the returned message.
    pub original_id: Option<MsgId>,
    /// Recipients of the envelope that report hangs on (`Original-Rcpt-To` of ARF).
    pub feedback_type: Option<String>,
    /// What made it a report, for the journal.
    pub evidence: &'static str,
}

/// Reads a report; `None` when the mail is none. `reverse_path` as in [`crate::mail::classify::Surroundings`].
#[must_use]
pub fn read_report(message: &Message, reverse_path: Option<&str>) -> Option<Report> {
    let _ = (message, reverse_path);
    None
}
