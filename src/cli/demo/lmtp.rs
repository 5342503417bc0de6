//! An LMTP client (RFC 2033) of a few lines: one session, one recipient per mail.

use anyhow::Context;
use anyhow::Result;
use anyhow::ensure;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for a reply.
const REPLY_WITHIN: Duration = Duration::from_secs(15);
/// Longest line of a reply, in bytes (RFC 5321 §4.5.3.1.5).
const LINE_BYTES_MAX: u64 = 512;
/// Lines of one reply at most.
const LINES_MAX: usize = 50;

/// A session that was greeted.
#[derive(Debug)]
pub(super) struct Lmtp {
    stream: BufReader<TcpStream>,
}

impl Lmtp {
    /// Connects and says hello.
    pub(super) async fn connect(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to).await.with_context(|| format!("connect to LMTP on {to}"))?;
        let mut session = Self { stream: BufReader::new(stream) };
        session.expect("220", "the greeting").await?;
        session.say("LHLO mail.example.net", "250").await?;
        Ok(session)
    }

    /// Hands one mail over; returns once it is stored. `text` has LF line ends.
    pub(super) async fn deliver(&mut self, from: &str, to: &str, text: &str) -> Result<()> {
        self.say(&format!("MAIL FROM:<{from}>"), "250").await?;
        self.say(&format!("RCPT TO:<{to}>"), "250").await?;
        self.say("DATA", "354").await?;
        self.write(&stuffed(text)).await?;
        self.expect("250", "the mail").await
    }

    /// Says goodbye.
    pub(super) async fn quit(mut self) -> Result<()> {
        self.say("QUIT", "221").await
    }

    async fn say(&mut self, line: &str, expected: &str) -> Result<()> {
        self.write(&format!("{line}\r\n")).await?;
        self.expect(expected, line).await
    }

    async fn write(&mut self, text: &str) -> Result<()> {
        let written = timeout(REPLY_WITHIN, self.stream.write_all(text.as_bytes())).await;
        written.context("LMTP takes nothing")?.context("write to LMTP")
    }

    async fn expect(&mut self, expected: &str, what: &str) -> Result<()> {
        let reply = timeout(REPLY_WITHIN, self.reply()).await;
        let reply = reply.with_context(|| format!("LMTP does not answer {what}"))??;
        ensure!(reply.starts_with(expected), "LMTP answered {what} with {reply:?}");
        Ok(())
    }

    /// The last line of the next reply.
    async fn reply(&mut self) -> Result<String> {
        for _ in 0..LINES_MAX {
            let mut line = String::new();
            (&mut self.stream).take(LINE_BYTES_MAX).read_line(&mut line).await.context("read from LMTP")?;
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line.trim_end().to_owned());
            }
        }
        anyhow::bail!("LMTP answers more than {LINES_MAX} lines");
    }
}

/// The text with CRLF, dots doubled at line starts, and the final dot (RFC 5321 §4.5.2).
fn stuffed(text: &str) -> String {
    let mut stuffed = String::with_capacity(text.len() + 64);
    for line in text.lines() {
        if line.starts_with('.') {
            stuffed.push('.');
        }
        stuffed.push_str(line);
        stuffed.push_str("\r\n");
    }
    stuffed.push_str(".\r\n");
    stuffed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_a_dot_does_not_end_the_mail() {
        assert_eq!(stuffed("a\n.\n..b\n"), "a\r\n..\r\n...b\r\n.\r\n");
    }
}
