//! Lines of the control socket, both sides.

use crate::daemon::control::answer::Answer;
use serde::Deserialize;
use serde::Serialize;
use std::io;
use tokio::io::AsyncBufRead;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;

/// Longest line in bytes: answers with the largest captured mail.
pub(crate) const LINE_BYTES_MAX: u64 = 256 << 20;
/// Longest line of a request in bytes.
pub(crate) const REQUEST_BYTES_MAX: u64 = 64 * 1024;

/// A line of the daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// How far the work is.
    Note(String),
    /// So many octets of a file follow.
    Bytes(usize),
    /// It is done.
    Answer(Answer),
    /// It is not.
    Failure {
        /// The command's exit code.
        exit: u8,
        /// What it says.
        message: String,
    },
}

/// Writes one value as a line.
pub(crate) async fn write_line<T: Serialize>(out: &mut (impl AsyncWrite + Unpin), value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    out.write_all(&line).await?;
    out.flush().await
}

/// The next line without its end; `None` at the end of the stream.
pub(crate) async fn read_line(input: &mut (impl AsyncBufRead + Unpin), bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = input.take(bytes_max.saturating_add(1)).read_until(b'\n', &mut line).await?;
    if read == 0 {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long or cut"));
    }
    Ok(Some(line))
}
