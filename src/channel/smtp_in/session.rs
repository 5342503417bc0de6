//! One connection from greeting to close: drives the [`Dialog`], reads the text, asks the door.
//!
//! RFC 5321 §3.8 and §4.5.3.2 (421 and time limits), RFC 2033 §4.2 (replies of LMTP).
//!
//! **Invariant:** every way out says something first, except where the peer is gone or TLS failed. After an unclean text
//! nothing of the peer is read as a command. A connection lost before the end of the text leaves nothing behind.

use crate::channel::smtp_in::ListenerOptions;
use crate::channel::smtp_in::Protocol;
use crate::channel::smtp_in::body::Body;
use crate::channel::smtp_in::body::Budget;
use crate::channel::smtp_in::body::Overflow;
use crate::channel::smtp_in::command::COMMAND_BYTES_MAX;
use crate::channel::smtp_in::dialog::Dialog;
use crate::channel::smtp_in::dialog::Step;
use crate::channel::smtp_in::dialog::Transaction;
use crate::channel::smtp_in::edge::Peer;
use crate::channel::smtp_in::reply::Reply;
use crate::channel::smtp_in::senders::Senders;
use crate::channel::smtp_in::senders::TooOften;
use crate::channel::smtp_in::unstuff::Found;
use crate::channel::smtp_in::unstuff::Unstuffer;
use crate::channel::smtp_in::wire::Line;
use crate::channel::smtp_in::wire::Stream;
use crate::channel::smtp_in::wire::Wire;
use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::arrival::Arrival;
use crate::desk::mail::arrival::ArrivalSource;
use crate::desk::mail::arrival::MailDoor;
use crate::desk::mail::arrival::NotAccepted;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Time for the last reply to reach the peer.
const FAREWELL_LIMIT: Duration = Duration::from_secs(5);
/// How long a peer that goes on sending is listened to after its last reply, so that it can read that reply.
const LINGER_TOTAL: Duration = Duration::from_secs(120);
/// The same when the daemon is about to stop.
const LINGER_TOTAL_DRAINING: Duration = Duration::from_secs(1);
/// How long a peer that neither sends nor closes is listened to after its last reply.
const LINGER_IDLE: Duration = Duration::from_secs(10);

const GO_ON: Reply = Reply::new(354, "", "End the text with a dot alone on a line");
const TLS_READY: Reply = Reply::new(220, "2.0.0", "Ready for TLS");
const LINE_TOO_LONG: Reply = Reply::new(500, "5.5.2", "Command line is longer than 1000 bytes");
const LINE_ENDLESS: Reply = Reply::new(421, "4.7.0", "Command line has no end; closing");
const LINE_BARE_LF: Reply = Reply::new(500, "5.5.2", "Command lines end in CR LF");
const TIMEOUT: Reply = Reply::new(421, "4.4.2", "No command in time; closing");
const DATA_TIMEOUT: Reply = Reply::new(421, "4.4.2", "Text did not arrive in time; closing");
const STOPPING: Reply = Reply::new(421, "4.3.2", "Service is stopping; try again soon");
const UNCLEAN: Reply = Reply::new(550, "5.6.11", "Text has CR or LF alone, or NUL beside a lone dot; closing");
const TOO_LARGE: Reply = Reply::new(552, "5.3.4", "Message is larger than the SIZE announced at EHLO");
const TEXT_LINE_TOO_LONG: Reply = Reply::new(552, "5.6.0", "Message has a line that is too long");
const NO_ROOM: Reply = Reply::new(452, "4.3.1", "Too much mail is coming in at once; try again soon");
const NOT_STORED: Reply = Reply::new(451, "4.3.0", "Message could not be stored now; try again later");
const TOO_OFTEN: Reply = Reply::new(450, "4.7.1", "Too many mails of this sender from your host; try again later");
const STORE_FULL: Reply = Reply::new(452, "4.3.1", "Out of storage space; try again later");

/// What ends sessions from outside.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    /// No new commands.
    pub(crate) drain: CancellationToken,
    /// No more waiting for texts and for the door.
    pub(crate) cut: CancellationToken,
}

/// How reading a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Complete,
    Unclean,
    Gone,
    Late,
    Cut,
}

/// Why the session ends.
enum Bye {
    /// The peer is gone: nobody to answer.
    Gone,
    /// This is the last word.
    Said(Reply),
    /// The last word of a text is among the replies already.
    Answered,
}

/// One connection.
pub(crate) struct Session<D> {
    options: Arc<ListenerOptions>,
    door: Arc<D>,
    budget: Arc<Budget>,
    senders: Option<Arc<Senders>>,
    signals: Signals,
    wire: Wire,
    dialog: Dialog,
    peer: String,
    ip: Option<IpAddr>,
}

impl<D: MailDoor> Session<D> {
    /// A session with the peer at the other end of the stream.
    pub(crate) fn new(
        (stream, peer, ip): (Box<dyn Stream>, String, Option<IpAddr>),
        options: &Arc<ListenerOptions>,
        door: &Arc<D>,
        budget: &Arc<Budget>,
        senders: Option<&Arc<Senders>>,
        signals: &Signals,
    ) -> Self {
        Self {
            options: Arc::clone(options),
            door: Arc::clone(door),
            budget: Arc::clone(budget),
            senders: senders.map(Arc::clone),
            signals: signals.clone(),
            wire: Wire::new(stream),
            dialog: Dialog::new(Arc::clone(options)),
            peer,
            ip,
        }
    }

    /// Talks until either side ends.
    pub(crate) async fn run(mut self) {
        let service = match self.options.protocol {
            Protocol::Smtp => "ESMTP",
            Protocol::Lmtp => "LMTP",
        };
        self.wire.say(&Reply::made(220, "", &format!("{} {service} Deskgate", self.options.hostname)));
        let bye = loop {
            let step = match self.next_step().await {
                Ok(step) => step,
                Err(bye) => break bye,
            };
            match step {
                Step::Reply(reply) => self.wire.say(&reply),
                Step::Lines(lines) => self.wire.say_lines(&lines),
                Step::Data(transaction) => {
                    if let Err(bye) = Box::pin(self.take_text(transaction)).await {
                        break bye;
                    }
                }
                Step::StartTls => match Box::pin(self.start_tls()).await {
                    Some(encrypted) => self = encrypted,
                    None => return,
                },
                Step::Close(reply) => break Bye::Said(reply),
            }
        };
        self.part(bye).await;
    }

    /// Waits for a command and has it answered.
    async fn next_step(&mut self) -> Result<Step, Bye> {
        let limit = Duration::from_secs(self.options.command_timeout_s);
        let line = tokio::select! {
            biased;
            () = self.signals.drain.cancelled() => return Err(Bye::Said(STOPPING)),
            line = timeout(limit, self.wire.read_line(COMMAND_BYTES_MAX)) => line,
        };
        Ok(match line {
            Err(_) => return Err(Bye::Said(TIMEOUT)),
            Ok(Err(error)) => return Err(self.gone(&error)),
            Ok(Ok(Line::Closed)) => return Err(Bye::Gone),
            Ok(Ok(Line::Endless)) => return Err(Bye::Said(LINE_ENDLESS)),
            Ok(Ok(Line::TooLong)) => self.dialog.count(LINE_TOO_LONG),
            Ok(Ok(Line::BareLf)) => self.dialog.count(LINE_BARE_LF),
            Ok(Ok(Line::Complete)) => {
                let knows = |address: &_| self.door.knows_recipient(address);
                self.dialog.answer(self.wire.line(), self.wire.has_unread(), knows)
            }
        })
    }

    fn gone(&self, error: &io::Error) -> Bye {
        tracing::debug!(peer = self.peer, %error, "mail connection lost");
        Bye::Gone
    }

    /// DATA: 354, the text, the answer.
    async fn take_text(&mut self, transaction: Transaction) -> Result<(), Bye> {
        if let Err(reply) = self.has_place(&transaction) {
            self.wire.say(&reply);
            return Ok(());
        }
        self.wire.say(&GO_ON);
        let mut body = Body::new(self.options.message_bytes_max, Arc::clone(&self.budget));
        let mut unstuffer = Unstuffer::new();
        let text = self.read_text(&mut unstuffer, &mut body).await;
        let replies = self.replies_owed(&transaction);
        let reply = match text {
            Text::Gone => {
                tracing::debug!(peer = self.peer, "mail connection lost within a text");
                return Err(Bye::Gone);
            }
            Text::Late => return Err(Bye::Said(DATA_TIMEOUT)),
            Text::Cut => return Err(Bye::Said(STOPPING)),
            Text::Unclean => {
                tracing::info!(peer = self.peer, "mail refused: bare CR or LF, or NUL beside a lone dot");
                self.say_times(&UNCLEAN, replies);
                return Err(Bye::Answered);
            }
            Text::Complete => match body.overflow() {
                Some(Overflow::TooLarge) => TOO_LARGE,
                Some(Overflow::NoRoom) => NO_ROOM,
                None if unstuffer.line_bytes_longest() > self.options.line_bytes_max => TEXT_LINE_TOO_LONG,
                None => self.hand_over(transaction, body.take()).await?,
            },
        };
        match self.dialog.count(reply) {
            Step::Close(last) => Err(Bye::Said(last)),
            Step::Reply(reply) => {
                self.say_times(&reply, replies);
                Ok(())
            }
            Step::Lines(_) | Step::Data(_) | Step::StartTls => Ok(()),
        }
    }

    /// Whether the text of a mail may come now.
    fn has_place(&self, transaction: &Transaction) -> Result<(), Reply> {
        if !self.budget.has(transaction.declared_bytes) {
            return Err(NO_ROOM);
        }
        let taken = self.senders.as_ref().map(|senders| senders.take(self.ip, &transaction.reverse_path));
        taken.unwrap_or(Ok(())).map_err(|_: TooOften| {
            tracing::info!(peer = self.peer, "mail put off: too many of this sender from this host");
            TOO_OFTEN
        })
    }

    /// LMTP answers for each accepted RCPT, SMTP once (RFC 2033 §4.2). One arrival has one outcome for all.
    fn replies_owed(&self, transaction: &Transaction) -> usize {
        match self.options.protocol {
            Protocol::Smtp => 1,
            Protocol::Lmtp => transaction.accepted_count,
        }
    }

    fn say_times(&mut self, reply: &Reply, times: usize) {
        for _ in 0..times {
            self.wire.say(reply);
        }
    }

    async fn read_text(&mut self, unstuffer: &mut Unstuffer, body: &mut Body) -> Text {
        let idle = Duration::from_secs(self.options.data_timeout_s);
        let total = Duration::from_secs(self.options.data_total_s);
        let wire = &mut self.wire;
        let reading = async {
            loop {
                let piece = match timeout(idle, wire.read_piece()).await {
                    Err(_) => return Text::Late,
                    Ok(Err(_) | Ok([])) => return Text::Gone,
                    Ok(Ok(piece)) => piece,
                };
                let (found, piece_bytes) = (unstuffer.feed(piece, |run| body.push(run)), piece.len());
                match found {
                    Found::More => wire.consume(piece_bytes),
                    Found::End(bytes) => {
                        wire.consume(bytes);
                        return Text::Complete;
                    }
                    Found::Unclean(_) => return Text::Unclean,
                }
            }
        };
        tokio::select! {
            biased;
            () = self.signals.cut.cancelled() => Text::Cut,
            text = timeout(total, reading) => text.unwrap_or(Text::Late),
        }
    }

    /// Asks the door, and puts its answer into words.
    async fn hand_over(&mut self, transaction: Transaction, raw: Vec<u8>) -> Result<Reply, Bye> {
        let body_bytes = raw.len();
        let edge = self.options.edge.clone().zip(self.peer_of(&transaction));
        let mut arrival = Arrival {
            source: self.source(),
            reverse_path: Some(transaction.reverse_path),
            recipients: transaction.recipients,
            raw,
        };
        let limit = Duration::from_secs(self.options.accept_timeout_s);
        let door = Arc::clone(&self.door);
        // A task of its own: a panic behind the door must not cost the peer its answer.
        let accepting = AbortOnDropHandle::new(tokio::spawn(async move {
            if let (Some((edge, peer)), ArrivalSource::Smtp { checked, .. }) = (edge, &mut arrival.source) {
                *checked = edge.check(&peer, &arrival.raw).await.map(Box::new);
            }
            door.accept(arrival).await
        }));
        let outcome = tokio::select! {
            biased;
            outcome = timeout(limit, accepting) => outcome,
            () = self.signals.cut.cancelled() => return Err(Bye::Said(STOPPING)),
        };
        Ok(match outcome {
            Ok(Ok(outcome)) => self.answer_of(outcome, body_bytes),
            Ok(Err(error)) => {
                tracing::error!(peer = self.peer, %error, "mail not stored");
                NOT_STORED
            }
            Err(_) => {
                tracing::warn!(peer = self.peer, "mail not stored in time");
                NOT_STORED
            }
        })
    }

    fn answer_of(&self, outcome: Result<Accepted, NotAccepted>, body_bytes: usize) -> Reply {
        match outcome {
            Ok(accepted) => {
                tracing::info!(peer = self.peer, body_bytes, ?accepted, "mail taken");
                taken(&accepted)
            }
            Err(NotAccepted::TryAgain(reason)) => {
                tracing::warn!(peer = self.peer, reason, "mail not stored");
                NOT_STORED
            }
            Err(NotAccepted::Full) => STORE_FULL,
            Err(NotAccepted::Policy(text)) => Reply::made(550, "5.7.1", &text),
        }
    }

    /// Who hands over, for the checks of senders.
    fn peer_of(&self, transaction: &Transaction) -> Option<Peer> {
        let helo = self.dialog.greeted_as().to_owned();
        Some(Peer { ip: self.ip?, helo, mail_from: transaction.reverse_path.clone() })
    }

    fn source(&self) -> ArrivalSource {
        let peer = format!("{} {}", self.peer, self.dialog.greeted_as());
        match self.options.protocol {
            Protocol::Smtp => ArrivalSource::Smtp { peer, checked: None },
            Protocol::Lmtp => ArrivalSource::Lmtp { peer },
        }
    }

    /// STARTTLS: 220, the handshake, and a session that starts over; `None` when TLS failed, where no answer is
    /// possible.
    async fn start_tls(mut self) -> Option<Self> {
        let acceptor = TlsAcceptor::from(Arc::clone(self.options.tls.as_ref()?));
        let limit = Duration::from_secs(self.options.command_timeout_s);
        self.wire.say(&TLS_READY);
        let wire = self.wire;
        let handshake = async {
            let mut wire = wire;
            wire.flush().await?;
            acceptor.accept(wire.into_stream()).await
        };
        let outcome = tokio::select! {
            biased;
            () = self.signals.cut.cancelled() => return None,
            outcome = timeout(limit, handshake) => outcome,
        };
        match outcome {
            Ok(Ok(stream)) => {
                self.dialog.encrypted();
                self.wire = Wire::new(Box::new(stream));
                Some(self)
            }
            Ok(Err(error)) => {
                tracing::debug!(peer = self.peer, %error, "TLS handshake of a mail connection failed");
                None
            }
            Err(_) => None,
        }
    }

    /// Says the last word and lets the peer read it: closing a socket that has unread input would reset the connection
    /// and may throw the reply away.
    async fn part(mut self, bye: Bye) {
        match bye {
            Bye::Gone => return,
            Bye::Said(reply) => self.wire.say(&reply),
            Bye::Answered => {}
        }
        let Ok(Ok(())) = timeout(FAREWELL_LIMIT, self.wire.shut()).await else { return };
        let draining = self.signals.drain.is_cancelled();
        let total = if draining { LINGER_TOTAL_DRAINING } else { LINGER_TOTAL };
        let bytes_max = self.options.message_bytes_max;
        tokio::select! {
            biased;
            () = self.signals.cut.cancelled() => {}
            _ = timeout(total, drink_up(&mut self.wire, bytes_max)) => {}
        }
    }
}

/// Reads and forgets until the peer closes, at most `bytes_max`.
async fn drink_up(wire: &mut Wire, bytes_max: usize) -> io::Result<()> {
    let mut read_bytes: usize = 0;
    while read_bytes <= bytes_max {
        let Ok(piece) = timeout(LINGER_IDLE, wire.read_piece()).await else { break };
        let piece_bytes = piece?.len();
        if piece_bytes == 0 {
            break;
        }
        wire.consume(piece_bytes);
        read_bytes = read_bytes.saturating_add(piece_bytes);
    }
    Ok(())
}

/// 250, with what a postmaster can quote when asking about the message.
fn taken(accepted: &Accepted) -> Reply {
    let text = match accepted {
        Accepted::Part { thread, .. } => format!("Message taken into thread {thread}"),
        Accepted::Duplicate(thread) => format!("Message known already in thread {thread}"),
        Accepted::Quarantined(intake) => format!("Message kept for review as intake {intake}"),
        Accepted::Own | Accepted::Tombstoned => "Message taken".to_owned(),
    };
    Reply::made(250, "2.6.0", &text)
}
