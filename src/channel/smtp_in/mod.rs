//! The receiving side of SMTP and LMTP: takes mail for our addresses and hands it to the desk.
//!
//! RFC 5321 (SMTP), RFC 2033 (LMTP), RFC 1870 (SIZE), RFC 2034 (ENHANCEDSTATUSCODES), RFC 2920 (PIPELINING),
//! RFC 3207 (STARTTLS), RFC 6152 (8BITMIME), RFC 6531 (SMTPUTF8).
//!
//! **Invariant:** 250 after the text is said only when [`MailDoor::accept`](crate::desk::mail::arrival::MailDoor::accept)
//! answered `Ok` (EML-1, EML-7); our own fault is a 4yz, policy a 5yz, and every peer gets an answer before it is cut
//! off. The message passed on is byte for byte what was sent (P5): nothing is prepended. Nothing is relayed.

mod body;
mod caps;
mod certificate;
mod command;
mod dialog;
mod edge;
mod listen;
mod path;
mod proxy;
mod reply;
mod senders;
mod session;
mod unstuff;
mod wire;

#[cfg(test)]
mod tests;

pub use crate::channel::smtp_in::certificate::Certificate;
pub use crate::channel::smtp_in::certificate::CertificateFault;
pub use crate::channel::smtp_in::edge::EdgeCheck;
pub use crate::channel::smtp_in::listen::SmtpListener;
pub use crate::channel::smtp_in::listen::serve;

use ipnet::IpNet;
use std::sync::Arc;

/// Which of the two a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 5321: one reply after the text.
    Smtp,
    /// RFC 2033: one reply for each accepted recipient after the text.
    Lmtp,
}

/// How a listener is to behave.
#[derive(Clone, Debug)]
pub struct ListenerOptions {
    /// SMTP or LMTP.
    pub protocol: Protocol,
    /// Our name in greeting and EHLO; also the domain of a bare `<postmaster>`.
    pub hostname: String,
    /// Largest message, dots taken off; more is 552 (EML-9).
    pub message_bytes_max: usize,
    /// Recipients of one transaction; more are 452 (RFC 5321 §4.5.3.1.8: at least 100).
    pub recipients_max: usize,
    /// Longest line of the text without its end; more is 552.
    pub line_bytes_max: usize,
    /// Open connections in all; more are 421 at once.
    pub connections_max: usize,
    /// Open connections from one IPv4 address or one /64 of IPv6; more are 421 at once.
    pub connections_per_ip_max: usize,
    /// Mails of one sender from one host a minute, relays of ours and this machine aside; more are 450.
    pub per_sender_per_minute: Option<u32>,
    /// Time for one whole command line, and for writing replies (RFC 5321 §4.5.3.2.7).
    pub command_timeout_s: u64,
    /// Longest pause within the text.
    pub data_timeout_s: u64,
    /// Longest time for the whole text.
    pub data_total_s: u64,
    /// Longest time for the desk to store a message; then 451.
    pub accept_timeout_s: u64,
    /// How long a text that is coming in when the drain begins may go on.
    pub drain_data_s: u64,
    /// Refusals (5yz) in one session; one more is 421.
    pub errors_max: u32,
    /// Certificate and key for STARTTLS; `None` offers none.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Memory for messages of all sessions that are coming in; when used up, 452.
    pub inflight_bytes_max: u64,
    /// Checks of senders, where this listener is the first to see a mail.
    pub edge: Option<Arc<EdgeCheck>>,
    /// Where any are given and nothing is checked, others are turned away (EML-7).
    pub trusted: Vec<IpNet>,
    /// Hosts that say by the PROXY protocol for whom they speak.
    pub proxies: Vec<IpNet>,
}

impl ListenerOptions {
    /// The defaults, without TLS.
    #[must_use]
    pub fn new(protocol: Protocol, hostname: &str) -> Self {
        Self {
            protocol,
            hostname: hostname.to_owned(),
            message_bytes_max: 52_428_800,
            recipients_max: 100,
            line_bytes_max: 65_536,
            connections_max: 200,
            connections_per_ip_max: 50,
            per_sender_per_minute: None,
            command_timeout_s: 300,
            data_timeout_s: 600,
            data_total_s: 1_800,
            accept_timeout_s: 300,
            drain_data_s: 20,
            errors_max: 20,
            tls: None,
            inflight_bytes_max: 256 * 1024 * 1024,
            edge: None,
            trusted: Vec::new(),
            proxies: Vec::new(),
        }
    }
}
