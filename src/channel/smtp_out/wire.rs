//! One connection to the relay: commands out, replies in.
//!
//! **Invariant:** memory is one read buffer and one bounded reply, whatever the relay sends; every wait has a deadline for
//! the whole reply, so that a byte now and then does not prolong it. A reply that was there before its command is never
//! taken for the answer.

use crate::channel::smtp_out::fault::Fault;
use crate::channel::smtp_out::reply::Reply;
use crate::channel::smtp_out::reply::ReplyLine;
use std::fmt;
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::time::timeout;

/// Read buffer in bytes.
const READ_BYTES: usize = 4 * 1024;
/// Longest line of a reply in bytes; RFC 5321 §4.5.3.1.5 allows 512.
const LINE_BYTES_MAX: usize = 4 * 1024;
/// Most lines of one reply.
const LINES_MAX: usize = 128;

/// A byte stream: TCP, or TLS over it.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for S {}

/// One connection.
pub(crate) struct Wire {
    stream: BufReader<Box<dyn Duplex>>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Wire {
    /// Around a fresh stream.
    pub(crate) fn new(stream: Box<dyn Duplex>) -> Self {
        Self { stream: BufReader::with_capacity(READ_BYTES, stream) }
    }

    /// The stream itself, for TLS. What came in clear behind the answer to STARTTLS would be taken for words of the
    /// protected relay, so it ends the connection ("NO STARTTLS", USENIX Security 2021).
    pub(crate) fn into_stream(self) -> Result<Box<dyn Duplex>, Fault> {
        self.nothing_unread("STARTTLS")?;
        Ok(self.stream.into_inner())
    }

    /// Sends a command, line end included, and reads its reply.
    pub(crate) async fn command(&mut self, step: &'static str, line: &str, wait: Duration) -> Result<Reply, Fault> {
        self.nothing_unread(step)?;
        let asked = async {
            self.write_all(step, line.as_bytes()).await?;
            self.read_reply(step).await
        };
        within(step, wait, asked).await
    }

    /// Reads a reply that answers something else than a command: the greeting, the end of the message.
    pub(crate) async fn reply(&mut self, step: &'static str, wait: Duration) -> Result<Reply, Fault> {
        within(step, wait, self.read_reply(step)).await
    }

    /// Writes bytes and sees them off.
    pub(crate) async fn write_all(&mut self, step: &'static str, bytes: &[u8]) -> Result<(), Fault> {
        let stream = self.stream.get_mut();
        let written = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        written.await.map_err(|source| Fault::Io { step, source })
    }

    /// Refuses to go on when the relay spoke out of turn.
    pub(crate) fn nothing_unread(&self, step: &'static str) -> Result<(), Fault> {
        if self.stream.buffer().is_empty() {
            Ok(())
        } else {
            Err(Fault::Garbled { step, what: "the relay answered before it was asked" })
        }
    }

    async fn read_reply(&mut self, step: &'static str) -> Result<Reply, Fault> {
        let (mut reply, mut more) = Reply::begin(self.read_line(step).await?);
        while more {
            if reply.lines().len() >= LINES_MAX {
                return Err(Fault::Garbled { step, what: "the relay's reply has no end" });
            }
            let line = self.read_line(step).await?;
            more = reply.add(line).ok_or(Fault::Garbled { step, what: "the relay's reply has two codes" })?;
        }
        Ok(reply)
    }

    async fn read_line(&mut self, step: &'static str) -> Result<ReplyLine, Fault> {
        let mut line = Vec::new();
        loop {
            let piece = self.stream.fill_buf().await.map_err(|source: io::Error| Fault::Io { step, source })?;
            if piece.is_empty() {
                return Err(Fault::Closed { step });
            }
            let end = piece.iter().position(|byte| *byte == b'\n');
            let (taken, _) = piece.split_at(end.map_or(piece.len(), |at| at.saturating_add(1)));
            let taken_bytes = taken.len();
            line.extend_from_slice(taken);
            self.stream.consume(taken_bytes);
            if line.len() > LINE_BYTES_MAX {
                return Err(Fault::Garbled { step, what: "the relay's reply has an endless line" });
            }
            if end.is_some() {
                break;
            }
        }
        ReplyLine::parse(line.trim_ascii_end()).ok_or(Fault::Garbled { step, what: "the relay does not speak SMTP" })
    }
}

/// `work` within a deadline.
pub(crate) async fn within<T>(
    step: &'static str,
    wait: Duration,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    timeout(wait, work).await.unwrap_or(Err(Fault::Silent { step, after: wait }))
}
