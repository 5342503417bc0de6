//! The stream that stands between a connection and `async-imap`: deadlines, limits, and an end that is an error.
//!
//! **Invariant:** no read or write waits longer than the silence allowed, nor past the drain. `async-imap` has no
//! timeouts (FAULTS 0.10).
//! **Invariant:** the parser sees what [`Sieve`] lets through, one reply at a time, and never the end of the stream: a
//! lost connection is an error here. `async-imap` takes it for an empty answer.
//! **Invariant:** how a verb ended is told by [`Guard::concluded`] alone, whatever `async-imap` made of the answer; it
//! swallows the `NO` to FETCH and SEARCH.

use crate::channel::imap::error::ImapError;
use crate::channel::imap::error::shown;
use crate::channel::imap::says::Status;
use crate::channel::imap::sieve::Heard;
use crate::channel::imap::sieve::Sieve;
use crate::channel::imap::sieve::Wanted;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::ReadBuf;
use tokio::time::Instant;
use tokio::time::Sleep;
use tokio::time::sleep;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::sync::WaitForCancellationFutureOwned;

/// Bytes read from the connection at once.
const READ_BYTES: usize = 16 * 1024;
/// Longest one verb may take while bytes keep dripping: 50 MB at 28 KB/s.
const VERB_TOTAL_MAX: Duration = Duration::from_secs(30 * 60);
/// Longest wait for the goodbye to leave.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// A connection in both directions, with or without TLS.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// The guarded connection.
pub(super) struct Guard {
    stream: Box<dyn Duplex>,
    sieve: Sieve,
    drain: Pin<Box<WaitForCancellationFutureOwned>>,
    silence: Pin<Box<Sleep>>,
    silence_max: Duration,
    until: Instant,
    /// What was read and not looked at: `unread.0 .. unread.1`.
    incoming: Box<[u8]>,
    unread: (usize, usize),
    /// What the parser shall see, from the position on.
    outgoing: Vec<u8>,
    handed_over: usize,
    fault: Option<ImapError>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("step", &self.sieve.step()).finish_non_exhaustive()
    }
}

impl Guard {
    /// Guards `stream` until `drain` is cancelled.
    pub(super) fn new(stream: Box<dyn Duplex>, drain: &CancellationToken) -> Self {
        Self {
            stream,
            sieve: Sieve::new(),
            drain: Box::pin(drain.clone().cancelled_owned()),
            silence: Box::pin(sleep(VERB_TOTAL_MAX)),
            silence_max: VERB_TOTAL_MAX,
            until: Instant::now() + VERB_TOTAL_MAX,
            incoming: vec![0; READ_BYTES].into_boxed_slice(),
            unread: (0, 0),
            outgoing: Vec::new(),
            handed_over: 0,
            fault: None,
        }
    }

    /// A new verb begins: from here on, `silence_max` without a byte is a failure.
    pub(super) fn begin(&mut self, step: &'static str, silence_max: Duration, wanted: Wanted) {
        self.sieve.begin(step, wanted);
        self.wait_at_most(silence_max);
    }

    /// The verb goes on as another step with a deadline of its own.
    pub(super) fn go_on(&mut self, step: &'static str, silence_max: Duration) {
        self.sieve.go_on(step);
        self.wait_at_most(silence_max);
    }

    fn wait_at_most(&mut self, silence_max: Duration) {
        self.silence_max = silence_max;
        self.until = Instant::now() + VERB_TOTAL_MAX.max(silence_max);
        self.heard_a_byte();
    }

    fn heard_a_byte(&mut self) {
        let at = self.until.min(Instant::now() + self.silence_max);
        self.silence.as_mut().reset(at);
    }

    /// What was heard besides the answers.
    pub(super) fn heard(&self) -> &Heard {
        &self.sieve.heard
    }

    pub(super) fn heard_mut(&mut self) -> &mut Heard {
        &mut self.sieve.heard
    }

    /// What became of the verb: `answer` counts only where the server concluded it with OK.
    pub(super) fn concluded<T>(&mut self, answer: Result<T, async_imap::error::Error>) -> Result<T, ImapError> {
        let step = self.sieve.step();
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        match (self.sieve.heard.conclusion.clone(), answer) {
            (Some((Status::Ok, _)), Ok(answer)) => Ok(answer),
            (Some((Status::No, says)), _) => Err(ImapError::No { step, code: says.code, text: says.text }),
            (Some((Status::Bad, says)), _) => Err(ImapError::Bad { step, text: says.text }),
            (_, Err(error)) => Err(ImapError::Garbled { step, text: shown(error.to_string().as_bytes()) }),
            (_, Ok(_)) => Err(ImapError::Closed { step, text: "before the end of the answer".to_owned() }),
        }
    }

    /// What ended the connection, where a single reply was waited for.
    pub(super) fn ended(&mut self) -> ImapError {
        let closed = ImapError::Closed { step: self.sieve.step(), text: String::new() };
        self.fault.take().unwrap_or(closed)
    }

    /// The bare connection, for TLS; refused where the server said more than it was asked.
    pub(super) fn into_stream(self) -> Result<Box<dyn Duplex>, ImapError> {
        if self.unread.0 < self.unread.1 || self.handed_over < self.outgoing.len() {
            return Err(ImapError::Tls("the server sent something in clear after its answer to STARTTLS".to_owned()));
        }
        Ok(self.stream)
    }

    /// Says goodbye without waiting for an answer, also while draining.
    pub(super) async fn say_goodbye(&mut self, goodbye: &str) {
        let write = async {
            self.stream.write_all(goodbye.as_bytes()).await?;
            self.stream.shutdown().await
        };
        if !matches!(timeout(GOODBYE_MAX, write).await, Ok(Ok(()))) {
            tracing::debug!("goodbye not sent");
        }
    }

    /// Keeps `fault` for [`Guard::concluded`]; what `async-imap` is told is of no interest.
    fn fail(&mut self, fault: ImapError) -> io::Error {
        let told = io::Error::other(fault.to_string());
        self.fault.get_or_insert(fault);
        told
    }

    fn fail_io(&mut self, source: io::Error) -> io::Error {
        let step = self.sieve.step();
        self.fail(ImapError::Io { step, source })
    }

    /// Ready once waiting is over.
    fn poll_limits(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.drain.as_mut().poll(cx).is_ready() {
            return Poll::Ready(self.fail(ImapError::Draining));
        }
        ready!(self.silence.as_mut().poll(cx));
        let (step, after_s) = (self.sieve.step(), self.silence_max.as_secs());
        Poll::Ready(self.fail(ImapError::Silent { step, after_s }))
    }

    /// Gives the parser what it may see; `false` when there is nothing.
    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let left = self.outgoing.get(self.handed_over..).unwrap_or_default();
        let now = left.get(..buf.remaining()).unwrap_or(left);
        let is_something = !now.is_empty();
        buf.put_slice(now);
        self.handed_over += now.len();
        if self.handed_over == self.outgoing.len() {
            self.outgoing.clear();
            self.handed_over = 0;
        }
        is_something
    }

    /// Looks at what was read until there is something to hand over.
    fn look(&mut self) -> Result<(), ImapError> {
        while self.outgoing.is_empty() {
            let unread = self.incoming.get(self.unread.0..self.unread.1).unwrap_or_default();
            if unread.is_empty() {
                return Ok(());
            }
            self.unread.0 += self.sieve.read(unread, &mut self.outgoing)?;
        }
        Ok(())
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut incoming = ReadBuf::new(&mut self.incoming);
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut incoming);
        let bytes = incoming.filled().len();
        match polled {
            Poll::Pending => self.poll_limits(cx).map(Err),
            Poll::Ready(Err(source)) => Poll::Ready(Err(self.fail_io(source))),
            Poll::Ready(Ok(())) if bytes == 0 => {
                let step = self.sieve.step();
                Poll::Ready(Err(self.fail(ImapError::Closed { step, text: String::new() })))
            }
            Poll::Ready(Ok(())) => {
                self.unread = (0, bytes);
                self.heard_a_byte();
                Poll::Ready(Ok(()))
            }
        }
    }

    fn after_write<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match polled {
            Poll::Pending => self.poll_limits(cx).map(Err),
            Poll::Ready(Err(source)) => Poll::Ready(Err(self.fail_io(source))),
            done @ Poll::Ready(Ok(_)) => {
                self.heard_a_byte();
                done
            }
        }
    }
}

impl AsyncRead for Guard {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.hand_over(buf) || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if let Err(fault) = this.look() {
                return Poll::Ready(Err(this.fail(fault)));
            }
            if this.outgoing.is_empty() {
                ready!(this.poll_fill(cx))?;
            }
        }
    }
}

impl AsyncWrite for Guard {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(written)) = polled {
            this.sieve.said(buf.get(..written).unwrap_or_default());
        }
        this.after_write(cx, polled)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_flush(cx);
        this.after_write(cx, polled)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.after_write(cx, polled)
    }
}
