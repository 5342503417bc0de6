//! The state of one session: which command may come now, and what it is answered.
//!
//! RFC 5321 §4.1.4 (order of commands), §4.5.3.1.10 (too many recipients); RFC 2033 §4 (LMTP); RFC 3207 §4 (STARTTLS);
//! RFC 2920 §3.1 (DATA and STARTTLS end a group of pipelined commands).
//!
//! **Invariant:** no I/O. [`Step::Data`] is given only for a transaction with at least one recipient that is ours, and
//! with nothing of the peer unread: what was sent before the 354 is never read as text, nor as commands.

use crate::channel::smtp_in::ListenerOptions;
use crate::channel::smtp_in::Protocol;
use crate::channel::smtp_in::command;
use crate::channel::smtp_in::command::Command;
use crate::channel::smtp_in::command::Hello;
use crate::channel::smtp_in::path;
use crate::channel::smtp_in::reply::Reply;
use crate::domain::address::Address;
use std::sync::Arc;

/// Commands of one session between two messages; more than two full sets of refused recipients.
const COMMANDS_PER_MESSAGE_MAX: u32 = 2_000;

const OK: Reply = Reply::new(250, "2.0.0", "OK");
const SENDER_OK: Reply = Reply::new(250, "2.1.0", "Sender OK");
const RECIPIENT_OK: Reply = Reply::new(250, "2.1.5", "Recipient OK");
const HELP: Reply = Reply::new(214, "2.0.0", "See RFC 5321; this listener takes mail for the help desk only");
const VRFY: Reply = Reply::new(252, "2.5.0", "Addresses are checked at RCPT only");
const BYE: Reply = Reply::new(221, "2.0.0", "Bye");
const NOT_OFFERED: Reply = Reply::new(502, "5.5.1", "Command not offered here");
const NO_AUTH: Reply = Reply::new(502, "5.5.1", "No authentication here; send without AUTH");
const USE_LHLO: Reply = Reply::new(500, "5.5.1", "This is LMTP; greet with LHLO");
const USE_EHLO: Reply = Reply::new(500, "5.5.1", "This is SMTP; greet with EHLO");
const HELLO_FIRST: Reply = Reply::new(503, "5.5.1", "Greet first");
const MAIL_FIRST: Reply = Reply::new(503, "5.5.1", "MAIL first");
const MAIL_TWICE: Reply = Reply::new(503, "5.5.1", "MAIL was given already; RSET to start over");
const NO_RECIPIENT: Reply = Reply::new(554, "5.5.1", "No recipient was accepted");
const NO_RECIPIENT_LMTP: Reply = Reply::new(503, "5.5.1", "No recipient was accepted");
const SENDER_MALFORMED: Reply = Reply::new(501, "5.1.7", "Malformed sender address");
const RECIPIENT_MALFORMED: Reply = Reply::new(501, "5.1.3", "Malformed recipient address");
const NEEDS_SMTPUTF8: Reply = Reply::new(553, "5.6.7", "Address beyond ASCII needs SMTPUTF8 at MAIL");
const RECIPIENT_UNKNOWN: Reply = Reply::new(550, "5.1.1", "No such address here");
const RECIPIENTS_MAX: Reply = Reply::new(452, "4.5.3", "Too many recipients; send the rest in another transaction");
const TOO_LARGE: Reply = Reply::new(552, "5.3.4", "Message is larger than the SIZE announced at EHLO");
const TOO_EARLY: Reply = Reply::new(503, "5.5.1", "Text was sent before 354; closing");
const TLS_PIPELINED: Reply = Reply::new(503, "5.5.1", "Commands were sent behind STARTTLS before its reply; closing");
const ERRORS_MAX: Reply = Reply::new(421, "4.7.0", "Too many errors; closing");
const COMMANDS_MAX: Reply = Reply::new(421, "4.7.0", "Too many commands without a message; closing");
const HTTP: Reply = Reply::new(421, "4.7.0", "This is not a web server; closing");

/// What the session does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Say this and read on.
    Reply(Reply),
    /// Say these lines of a 250 and read on.
    Lines(Vec<String>),
    /// Say 354 and read the text of this transaction.
    Data(Transaction),
    /// Say 220 and begin TLS.
    StartTls,
    /// Say this and close.
    Close(Reply),
}

/// One envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transaction {
    /// As given, without the angle brackets.
    pub(crate) reverse_path: String,
    /// Recipients that are ours, each once, in order.
    pub(crate) recipients: Vec<Address>,
    /// How many RCPT were answered 250; LMTP owes as many replies after the text.
    pub(crate) accepted_count: usize,
    /// SIZE at MAIL.
    pub(crate) declared_bytes: u64,
    smtputf8: bool,
}

/// The state of one session.
#[derive(Debug)]
pub(crate) struct Dialog {
    options: Arc<ListenerOptions>,
    encrypted: bool,
    greeted_as: Option<String>,
    transaction: Option<Transaction>,
    errors: u32,
    commands: u32,
}

impl Dialog {
    /// A session before its first command.
    pub(crate) fn new(options: Arc<ListenerOptions>) -> Self {
        Self { options, encrypted: false, greeted_as: None, transaction: None, errors: 0, commands: 0 }
    }

    /// The name given at HELO, EHLO or LHLO.
    pub(crate) fn greeted_as(&self) -> &str {
        self.greeted_as.as_deref().unwrap_or_default()
    }

    /// Forgets all that was said in plain text (RFC 3207 §4.2); counts of errors and commands stay.
    pub(crate) fn encrypted(&mut self) {
        self.encrypted = true;
        self.greeted_as = None;
        self.transaction = None;
    }

    /// Answers one command line without its CR LF. `unread` says that more bytes of the peer are here already; `knows`
    /// says which recipients are ours.
    pub(crate) fn answer(&mut self, line: &[u8], unread: bool, knows: impl Fn(&Address) -> bool) -> Step {
        self.commands = self.commands.saturating_add(1);
        if self.commands > COMMANDS_PER_MESSAGE_MAX {
            return Step::Close(COMMANDS_MAX);
        }
        let step = match command::read(line) {
            Ok(command) => self.step(command, unread, knows),
            Err(reply) => Step::Reply(reply),
        };
        match step {
            Step::Reply(reply) => self.count(reply),
            other => other,
        }
    }

    /// Passes a reply on, or closes when it was one refusal too many.
    pub(crate) fn count(&mut self, reply: Reply) -> Step {
        if reply.is_refusal() {
            self.errors = self.errors.saturating_add(1);
            if self.errors > self.options.errors_max {
                return Step::Close(ERRORS_MAX);
            }
        }
        Step::Reply(reply)
    }

    fn step(&mut self, command: Command<'_>, unread: bool, knows: impl Fn(&Address) -> bool) -> Step {
        match command {
            Command::Hello(verb, name) => self.hello(verb, name),
            Command::Mail(rest) => Step::Reply(self.mail(rest).unwrap_or_else(|refusal| refusal)),
            Command::Rcpt(rest) => Step::Reply(self.rcpt(rest, knows).unwrap_or_else(|refusal| refusal)),
            Command::Data => self.data(unread),
            Command::StartTls => self.start_tls(unread),
            Command::Rset => {
                self.transaction = None;
                Step::Reply(OK)
            }
            Command::Noop => Step::Reply(OK),
            Command::Help => Step::Reply(HELP),
            Command::Vrfy => Step::Reply(VRFY),
            Command::Expn | Command::Bdat => Step::Reply(NOT_OFFERED),
            Command::Auth => Step::Reply(NO_AUTH),
            Command::Quit => Step::Close(BYE),
            Command::Http => Step::Close(HTTP),
        }
    }

    fn hello(&mut self, verb: Hello, name: &str) -> Step {
        match (self.options.protocol, verb) {
            (Protocol::Smtp, Hello::Lhlo) => return Step::Reply(USE_EHLO),
            (Protocol::Lmtp, Hello::Helo | Hello::Ehlo) => return Step::Reply(USE_LHLO),
            (Protocol::Smtp, Hello::Helo | Hello::Ehlo) | (Protocol::Lmtp, Hello::Lhlo) => {}
        }
        self.greeted_as = Some(name.to_owned());
        self.transaction = None;
        match verb {
            Hello::Helo => Step::Reply(Reply::made(250, "", &self.options.hostname)),
            Hello::Ehlo | Hello::Lhlo => Step::Lines(self.extensions()),
        }
    }

    fn extensions(&self) -> Vec<String> {
        let size = format!("SIZE {}", self.options.message_bytes_max);
        let mut lines = vec![self.options.hostname.clone(), size];
        lines.extend(["8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"].map(str::to_owned));
        if self.offers_tls() {
            lines.push("STARTTLS".to_owned());
        }
        lines
    }

    fn offers_tls(&self) -> bool {
        self.options.tls.is_some() && !self.encrypted
    }

    fn mail(&mut self, rest: &str) -> Result<Reply, Reply> {
        if self.greeted_as.is_none() {
            return Err(HELLO_FIRST);
        }
        if self.transaction.is_some() {
            return Err(MAIL_TWICE);
        }
        let path = path::split(rest).ok_or(SENDER_MALFORMED)?;
        let parameters = command::mail_parameters(path.parameters)?;
        if !path.mailbox.is_ascii() && !parameters.smtputf8 {
            return Err(NEEDS_SMTPUTF8);
        }
        if !path.mailbox.is_empty() && !path::is_mailbox(path.mailbox) {
            return Err(SENDER_MALFORMED);
        }
        let declared_bytes = parameters.declared_bytes.unwrap_or(0);
        if declared_bytes > u64::try_from(self.options.message_bytes_max).unwrap_or(u64::MAX) {
            return Err(TOO_LARGE);
        }
        self.transaction = Some(Transaction {
            reverse_path: path.mailbox.to_owned(),
            declared_bytes,
            smtputf8: parameters.smtputf8,
            ..Transaction::default()
        });
        Ok(SENDER_OK)
    }

    fn rcpt(&mut self, rest: &str, knows: impl Fn(&Address) -> bool) -> Result<Reply, Reply> {
        let transaction = self.transaction.as_mut().ok_or(MAIL_FIRST)?;
        let path = path::split(rest).ok_or(RECIPIENT_MALFORMED)?;
        command::rcpt_parameters(path.parameters)?;
        if !path.mailbox.is_ascii() && !transaction.smtputf8 {
            return Err(NEEDS_SMTPUTF8);
        }
        let address = recipient(path.mailbox, &self.options.hostname)?;
        if !knows(&address) {
            return Err(RECIPIENT_UNKNOWN);
        }
        if transaction.accepted_count >= self.options.recipients_max {
            return Err(RECIPIENTS_MAX);
        }
        transaction.accepted_count = transaction.accepted_count.saturating_add(1);
        if !transaction.recipients.contains(&address) {
            transaction.recipients.push(address);
        }
        Ok(RECIPIENT_OK)
    }

    fn data(&mut self, unread: bool) -> Step {
        if unread {
            return Step::Close(TOO_EARLY);
        }
        let Some(transaction) = self.transaction.take() else { return Step::Reply(MAIL_FIRST) };
        if transaction.recipients.is_empty() {
            self.transaction = Some(transaction);
            return Step::Reply(match self.options.protocol {
                Protocol::Smtp => NO_RECIPIENT,
                Protocol::Lmtp => NO_RECIPIENT_LMTP,
            });
        }
        self.commands = 0;
        Step::Data(transaction)
    }

    fn start_tls(&self, unread: bool) -> Step {
        if !self.offers_tls() {
            return Step::Reply(NOT_OFFERED);
        }
        if unread {
            return Step::Close(TLS_PIPELINED);
        }
        Step::StartTls
    }
}

/// The recipient meant; `Postmaster` alone is ours by RFC 5321 §4.5.1, if the desk takes its mail.
fn recipient(mailbox: &str, hostname: &str) -> Result<Address, Reply> {
    if mailbox.eq_ignore_ascii_case("postmaster") {
        return Address::parse(&format!("postmaster@{hostname}")).ok_or(RECIPIENT_UNKNOWN);
    }
    if !path::is_mailbox(mailbox) {
        return Err(RECIPIENT_MALFORMED);
    }
    // Legal but never ours: address literals, quoted spaces.
    Address::parse(mailbox).ok_or(RECIPIENT_UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialog(protocol: Protocol) -> Dialog {
        let mut options = ListenerOptions::new(protocol, "desk.example.com");
        options.recipients_max = 2;
        options.errors_max = 3;
        Dialog::new(Arc::new(options))
    }

    fn say(dialog: &mut Dialog, line: &str) -> Step {
        dialog.answer(line.as_bytes(), false, |address| address.domain() == "example.com")
    }

    #[test]
    fn commands_out_of_order_are_refused() {
        let mut smtp = dialog(Protocol::Smtp);
        assert_eq!(say(&mut smtp, "MAIL FROM:<>"), Step::Reply(HELLO_FIRST));
        assert_eq!(say(&mut smtp, "RCPT TO:<a@example.com>"), Step::Reply(MAIL_FIRST));
        assert_eq!(say(&mut smtp, "LHLO x"), Step::Reply(USE_EHLO));
        assert_eq!(say(&mut smtp, "DATA"), Step::Close(ERRORS_MAX));
        let mut lmtp = dialog(Protocol::Lmtp);
        assert_eq!(say(&mut lmtp, "EHLO x"), Step::Reply(USE_LHLO));
        assert!(matches!(say(&mut lmtp, "LHLO x"), Step::Lines(_)));
        assert_eq!(say(&mut lmtp, "MAIL FROM:<>"), Step::Reply(SENDER_OK));
        assert_eq!(say(&mut lmtp, "MAIL FROM:<>"), Step::Reply(MAIL_TWICE));
        assert_eq!(say(&mut lmtp, "DATA"), Step::Reply(NO_RECIPIENT_LMTP));
    }

    #[test]
    fn a_recipient_named_twice_is_one_recipient_and_two_replies() {
        let mut lmtp = dialog(Protocol::Lmtp);
        for line in ["LHLO x", "MAIL FROM:<a@b.c>", "RCPT TO:<s@example.com>", "RCPT TO:<S@example.com>"] {
            say(&mut lmtp, line);
        }
        assert_eq!(say(&mut lmtp, "RCPT TO:<t@example.com>"), Step::Reply(RECIPIENTS_MAX));
        let Step::Data(transaction) = say(&mut lmtp, "DATA") else { panic!("no text wanted") };
        assert_eq!((transaction.recipients.len(), transaction.accepted_count), (1, 2));
        assert_eq!(say(&mut lmtp, "DATA"), Step::Reply(MAIL_FIRST));
    }

    #[test]
    fn fault_12_postmaster_is_a_recipient_without_domain_and_the_null_path_is_none() {
        let mut smtp = dialog(Protocol::Smtp);
        say(&mut smtp, "EHLO x");
        say(&mut smtp, "MAIL FROM:<>");
        let seen = std::cell::RefCell::new(Vec::new());
        smtp.answer(b"RCPT TO:<PostMaster>", false, |address| {
            seen.borrow_mut().push(address.to_string());
            true
        });
        assert_eq!(*seen.borrow(), ["postmaster@desk.example.com"]);
        assert_eq!(say(&mut smtp, "RCPT TO:<>"), Step::Reply(RECIPIENT_MALFORMED));
        assert_eq!(say(&mut smtp, "RCPT TO:<a@[192.0.2.1]>"), Step::Reply(RECIPIENT_UNKNOWN));
    }

    #[test]
    fn an_endless_session_without_mail_is_closed() {
        let mut smtp = dialog(Protocol::Smtp);
        for _ in 0..COMMANDS_PER_MESSAGE_MAX {
            assert_eq!(say(&mut smtp, "NOOP"), Step::Reply(OK));
        }
        assert_eq!(say(&mut smtp, "NOOP"), Step::Close(COMMANDS_MAX));
    }
}
