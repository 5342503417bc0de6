//! Lines and literals of one connection, each read under a deadline and a limit.
//!
//! **Invariant:** nothing here waits longer than the silence allowed, and no announced length is believed: memory grows
//! with the bytes that came, up to the caller's limit. (A crate that trusts the server here is the trap of FAULTS 0.10.)

use crate::channel::imap::error::ImapError;
use crate::channel::imap::error::shown;
use std::fmt;
use std::time::Duration;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

/// Longest line, in bytes: a SEARCH answer with more than a million UIDs.
const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most bytes of lines that one verb may be answered with.
const VERB_TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most literals in one reply; we never ask for more than one.
const LITERALS_MAX: usize = 16;
/// Largest literal of a reply we asked no literal of, in bytes (a folder name, say).
pub(super) const SMALL_LITERAL_BYTES_MAX: u64 = 64 * 1024;
/// Longest one verb may take while bytes keep dripping: 50 MB at 28 KB/s.
const VERB_TOTAL_MAX: Duration = Duration::from_secs(30 * 60);
/// First reservation for a literal; more is reserved as bytes arrive.
const LITERAL_BYTES_FIRST: usize = 64 * 1024;

/// A connection in both directions, with or without TLS.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// One reply as it came: lines joined, each literal taken out and kept in order; its `{n}` stays in the text.
#[derive(Debug, Default)]
pub(super) struct RawReply {
    pub(super) text: Vec<u8>,
    pub(super) literals: Vec<Vec<u8>>,
}

/// The connection.
pub(super) struct Wire {
    stream: BufReader<Box<dyn Duplex>>,
    drain: CancellationToken,
    step: &'static str,
    silence_max: Duration,
    until: Instant,
    text_bytes_left: usize,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("step", &self.step).finish_non_exhaustive()
    }
}

impl Wire {
    /// Reads and writes over `stream` until `drain` is cancelled.
    pub(super) fn new(stream: Box<dyn Duplex>, drain: CancellationToken) -> Self {
        Self {
            stream: BufReader::with_capacity(16 * 1024, stream),
            drain,
            step: "connect",
            silence_max: VERB_TOTAL_MAX,
            until: Instant::now() + VERB_TOTAL_MAX,
            text_bytes_left: VERB_TEXT_BYTES_MAX,
        }
    }

    /// A new step begins: from here on, `silence_max` without a byte is a failure.
    pub(super) fn begin(&mut self, step: &'static str, silence_max: Duration) {
        self.step = step;
        self.silence_max = silence_max;
        self.until = Instant::now() + VERB_TOTAL_MAX.max(silence_max);
        self.text_bytes_left = VERB_TEXT_BYTES_MAX;
    }

    /// The step in progress, for errors.
    pub(super) fn step(&self) -> &'static str {
        self.step
    }

    /// Whether bytes came that nobody asked for yet.
    pub(super) fn has_unread(&self) -> bool {
        !self.stream.buffer().is_empty()
    }

    /// The bare connection; what was read ahead is lost, see [`Wire::has_unread`].
    pub(super) fn into_stream(self) -> Box<dyn Duplex> {
        self.stream.into_inner()
    }

    /// Sends `line` and CRLF.
    pub(super) async fn send(&mut self, line: &str) -> Result<(), ImapError> {
        let step = self.step;
        let silence_max = self.silence_max;
        let stream = self.stream.get_mut();
        let write = async {
            stream.write_all(line.as_bytes()).await?;
            stream.write_all(b"\r\n").await?;
            stream.flush().await
        };
        tokio::select! {
            biased;
            () = self.drain.cancelled() => Err(ImapError::Draining),
            done = timeout(silence_max, write) => match done {
                Err(_) => Err(ImapError::Silent { step, after_s: silence_max.as_secs() }),
                Ok(Err(source)) => Err(ImapError::Io { step, source }),
                Ok(Ok(())) => Ok(()),
            },
        }
    }

    /// Says goodbye without waiting for an answer, also while draining.
    pub(super) async fn send_last(&mut self, line: &str) {
        let write = async {
            self.stream.get_mut().write_all(line.as_bytes()).await?;
            self.stream.get_mut().shutdown().await
        };
        if !matches!(timeout(Duration::from_secs(1), write).await, Ok(Ok(()))) {
            tracing::debug!("goodbye not sent");
        }
    }

    /// The next reply with its literals, of which none may exceed `literal_bytes_max`.
    pub(super) async fn read_reply(&mut self, literal_bytes_max: u64) -> Result<RawReply, ImapError> {
        let mut reply = RawReply::default();
        self.read_line(&mut reply.text).await?;
        while let Some(announced) = literal_announced(&reply.text) {
            let bytes = self.literal_length(announced, reply.literals.len(), literal_bytes_max)?;
            let literal = self.read_literal(bytes).await?;
            reply.literals.push(literal);
            self.read_line(&mut reply.text).await?;
        }
        Ok(reply)
    }

    fn literal_length(&self, announced: u64, count: usize, bytes_max: u64) -> Result<usize, ImapError> {
        let too_large = ImapError::TooLarge { step: self.step, bytes: announced, bytes_max };
        if announced > bytes_max || count >= LITERALS_MAX {
            return Err(too_large);
        }
        usize::try_from(announced).map_err(|_| too_large)
    }

    /// Appends one line without its end.
    async fn read_line(&mut self, text: &mut Vec<u8>) -> Result<(), ImapError> {
        loop {
            self.fill().await?;
            let buffer = self.stream.buffer();
            let end = buffer.iter().position(|b| *b == b'\n');
            let take = end.map_or(buffer.len(), |at| at + 1);
            text.extend(buffer.iter().take(take));
            self.stream.consume(take);
            self.text_bytes_left = self.text_bytes_left.saturating_sub(take);
            if text.len() > TEXT_BYTES_MAX || self.text_bytes_left == 0 {
                let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
                return Err(ImapError::TooLarge { step: self.step, bytes, bytes_max: 16 * 1024 * 1024 });
            }
            if end.is_some() {
                text.truncate(text.strip_suffix(b"\r\n").or(text.strip_suffix(b"\n")).map_or(0, <[u8]>::len));
                return Ok(());
            }
        }
    }

    async fn read_literal(&mut self, bytes: usize) -> Result<Vec<u8>, ImapError> {
        let mut literal = Vec::with_capacity(bytes.min(LITERAL_BYTES_FIRST));
        while literal.len() < bytes {
            self.fill().await?;
            let buffer = self.stream.buffer();
            let take = buffer.len().min(bytes - literal.len());
            literal.extend(buffer.iter().take(take));
            self.stream.consume(take);
        }
        Ok(literal)
    }

    /// Waits until at least one byte is there to be read.
    async fn fill(&mut self) -> Result<(), ImapError> {
        if self.has_unread() {
            return Ok(());
        }
        let step = self.step;
        let wait = self.silence_max.min(self.until.saturating_duration_since(Instant::now()));
        tokio::select! {
            biased;
            () = self.drain.cancelled() => Err(ImapError::Draining),
            filled = timeout(wait, self.stream.fill_buf()) => match filled {
                Err(_) => Err(ImapError::Silent { step, after_s: wait.as_secs() }),
                Ok(Err(source)) => Err(ImapError::Io { step, source }),
                Ok(Ok([])) => Err(ImapError::Closed { step, text: String::new() }),
                Ok(Ok(_)) => Ok(()),
            },
        }
    }

    /// Waits for a byte until `until`, and takes none: a wait that ends early loses nothing.
    pub(super) async fn is_readable_before(&mut self, until: Instant) -> Result<bool, ImapError> {
        if self.has_unread() {
            return Ok(true);
        }
        let step = self.step;
        tokio::select! {
            biased;
            () = self.drain.cancelled() => Err(ImapError::Draining),
            filled = timeout_at(until, self.stream.fill_buf()) => match filled {
                Err(_) => Ok(false),
                Ok(Err(source)) => Err(ImapError::Io { step, source }),
                Ok(Ok([])) => Err(ImapError::Closed { step, text: String::new() }),
                Ok(Ok(_)) => Ok(true),
            },
        }
    }

    /// An error about a reply that could not be read as IMAP.
    pub(super) fn garbled(&self, text: &[u8]) -> ImapError {
        ImapError::Garbled { step: self.step, text: shown(text) }
    }
}

/// The length that the end of a data reply announces (`{12}` or `~{12}`). Status replies and continuations end in free
/// text, where braces mean nothing (RFC 9051 §9, `resp-text`).
fn literal_announced(text: &[u8]) -> Option<u64> {
    let data = text.strip_prefix(b"* ")?;
    let word = data.split(|b| *b == b' ').next()?;
    if ["OK", "NO", "BAD", "BYE", "PREAUTH"].iter().any(|status| word.eq_ignore_ascii_case(status.as_bytes())) {
        return None;
    }
    let inner = text.strip_suffix(b"}")?;
    let digits = inner.rsplit(|b| *b == b'{').next().filter(|digits| digits.len() < inner.len())?;
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    // Digits beyond any length are a length beyond any limit.
    all_digits.then(|| std::str::from_utf8(digits).ok()?.parse().ok().or(Some(u64::MAX))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    async fn read(bytes: &'static [u8], literal_bytes_max: u64) -> Result<RawReply, ImapError> {
        let (ours, mut theirs) = duplex(64);
        let mut wire = Wire::new(Box::new(ours), CancellationToken::new());
        wire.begin("test", Duration::from_secs(5));
        let (reply, ()) = tokio::join!(wire.read_reply(literal_bytes_max), async move {
            let written = theirs.write_all(bytes).await;
            drop((written, theirs));
        });
        reply
    }

    #[tokio::test]
    async fn p5_a_literal_comes_out_byte_for_byte() {
        let reply = read(b"* 1 FETCH (BODY[] {7}\r\na\0\r\n)\r\n UID 5)\r\n", 100).await.unwrap();
        assert_eq!(reply.text, b"* 1 FETCH (BODY[] {7} UID 5)");
        assert_eq!(reply.literals, [b"a\0\r\n)\r\n"]);
    }

    #[tokio::test]
    async fn no_announced_length_is_believed() {
        for (lie, what) in [
            (&b"* 1 FETCH (BODY[] {400000000}\r\nabc"[..], "above the limit"),
            (b"* 1 FETCH (BODY[] {99999999999999999999999}\r\nabc", "above any number"),
        ] {
            assert!(matches!(read(lie, 1_000).await, Err(ImapError::TooLarge { .. })), "{what}");
        }
        assert!(matches!(read(b"* 1 FETCH (BODY[] {9}\r\nabc", 1_000).await, Err(ImapError::Closed { .. })));
        assert!(read(b"* 1 FETCH (BODY[] {-1}\r\nabc", 1_000).await.unwrap().literals.is_empty());
        assert!(read(b"* OK braces in free text {3}\r\nabc", 1_000).await.unwrap().literals.is_empty());
    }

    #[tokio::test]
    async fn a_line_without_an_end_has_an_end() {
        let (ours, mut theirs) = duplex(1 << 20);
        let mut wire = Wire::new(Box::new(ours), CancellationToken::new());
        wire.begin("test", Duration::from_secs(5));
        let flood = tokio::spawn(async move {
            let block = vec![b'x'; 1 << 20];
            while theirs.write_all(&block).await.is_ok() {}
        });
        assert!(matches!(wire.read_reply(10).await, Err(ImapError::TooLarge { .. })));
        drop(wire);
        flood.await.unwrap();
    }

    #[tokio::test]
    async fn trap_async_imap_has_no_timeouts() {
        let (ours, _theirs) = duplex(64);
        let mut wire = Wire::new(Box::new(ours), CancellationToken::new());
        wire.begin("mute", Duration::from_millis(20));
        assert!(matches!(wire.read_reply(10).await, Err(ImapError::Silent { step: "mute", .. })));
        // Nor may a peer that does not read hold us.
        wire.begin("deaf", Duration::from_millis(20));
        assert!(matches!(wire.send(&"x".repeat(1_000)).await, Err(ImapError::Silent { step: "deaf", .. })));
    }

    #[tokio::test]
    async fn a_drain_ends_every_wait() {
        let (ours, _theirs) = duplex(64);
        let drain = CancellationToken::new();
        let mut wire = Wire::new(Box::new(ours), drain.clone());
        wire.begin("wait", Duration::from_secs(60));
        drain.cancel();
        assert!(matches!(wire.read_reply(10).await, Err(ImapError::Draining)));
    }
}
