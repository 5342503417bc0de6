//! One connection: lines in, replies out.
//!
//! RFC 5321 §2.3.8 (lines end in CR LF), RFC 2920 §3.2 (replies to pipelined commands go out together).
//!
//! **Invariant:** memory is one read buffer, one line and a few kilobytes of replies, whatever the peer sends. Replies
//! are written before the session waits for input. Deadlines are the caller's.

use crate::channel::smtp_in::reply::Reply;
use crate::channel::smtp_in::reply::write_lines;
use std::fmt;
use std::io;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;

/// Read buffer of a connection in bytes.
const READ_BYTES: usize = 32 * 1024;
/// Replies are written out when this many bytes wait.
const REPLIES_BYTES_MAX: usize = 8 * 1024;
/// A line without an end is given up after this many bytes.
const ENDLESS_BYTES: usize = 64 * 1024;

/// A byte stream: TCP, Unix or TLS over either.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// How reading a command line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line is in [`Wire::line`].
    Complete,
    /// Longer than allowed; skipped to its end.
    TooLong,
    /// Ended by LF without CR; not to be read as a command.
    BareLf,
    /// No end in sight.
    Endless,
    /// The peer closed.
    Closed,
}

/// One connection.
pub(crate) struct Wire {
    stream: BufReader<Box<dyn Stream>>,
    line: Vec<u8>,
    replies: Vec<u8>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Wire {
    /// Around a fresh stream.
    pub(crate) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream: BufReader::with_capacity(READ_BYTES, stream), line: Vec::new(), replies: Vec::new() }
    }

    /// The stream itself, for TLS; what was read ahead is gone.
    pub(crate) fn into_stream(self) -> Box<dyn Stream> {
        self.stream.into_inner()
    }

    /// The line read last, without its end.
    pub(crate) fn line(&self) -> &[u8] {
        &self.line
    }

    /// Whether bytes of the peer are here already.
    pub(crate) fn has_unread(&self) -> bool {
        !self.stream.buffer().is_empty()
    }

    /// Says one reply, at the next [`Wire::flush`] or wait at the latest.
    pub(crate) fn say(&mut self, reply: &Reply) {
        reply.write_to(&mut self.replies);
    }

    /// Says a 250 of several lines.
    pub(crate) fn say_lines(&mut self, lines: &[String]) {
        write_lines(lines, &mut self.replies);
    }

    /// Writes out what was said.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        if !self.replies.is_empty() {
            let stream = self.stream.get_mut();
            stream.write_all(&self.replies).await?;
            stream.flush().await?;
            self.replies.clear();
        }
        Ok(())
    }

    /// Reads the next line of at most `bytes_max` bytes into [`Wire::line`].
    pub(crate) async fn read_line(&mut self, bytes_max: usize) -> io::Result<Line> {
        self.line.clear();
        let mut read_bytes: usize = 0;
        loop {
            self.flush_before_waiting().await?;
            let piece = self.stream.fill_buf().await?;
            if piece.is_empty() {
                return Ok(Line::Closed);
            }
            let end = piece.iter().position(|byte| *byte == b'\n');
            let (taken, _) = piece.split_at(end.map_or(piece.len(), |at| at.saturating_add(1)));
            let taken_bytes = taken.len();
            read_bytes = read_bytes.saturating_add(taken_bytes);
            let fits = read_bytes <= bytes_max.saturating_add(2);
            if fits {
                self.line.extend_from_slice(taken);
            }
            self.stream.consume(taken_bytes);
            if end.is_some() {
                return Ok(self.end_line(fits));
            }
            if read_bytes > ENDLESS_BYTES {
                return Ok(Line::Endless);
            }
        }
    }

    fn end_line(&mut self, fits: bool) -> Line {
        if !fits {
            return Line::TooLong;
        }
        self.line.pop();
        if self.line.pop() == Some(b'\r') { Line::Complete } else { Line::BareLf }
    }

    /// The next piece of input, empty when the peer closed; [`Wire::consume`] takes it.
    pub(crate) async fn read_piece(&mut self) -> io::Result<&[u8]> {
        self.flush().await?;
        self.stream.fill_buf().await
    }

    /// Marks bytes of the last piece as read.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.stream.consume(bytes);
    }

    /// Ends our side of the connection after what was said.
    pub(crate) async fn shut(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.get_mut().shutdown().await
    }

    /// Replies wait while a whole pipelined line is at hand, and go out together.
    async fn flush_before_waiting(&mut self) -> io::Result<()> {
        let whole_line = self.stream.buffer().contains(&b'\n');
        if whole_line && self.replies.len() <= REPLIES_BYTES_MAX {
            return Ok(());
        }
        self.flush().await
    }
}
