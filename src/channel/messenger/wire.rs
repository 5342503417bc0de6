//! Bytes to one socket: within a deadline, in small pieces, and a clean end.
//!
//! **Invariant:** every buffer of the websocket has a limit that is set here. Frames longer than a piece go out
//! fragmented (RFC 6455 §5.4), because the library's write buffer keeps the size of the largest frame it ever held.
//!
//! No compression (RFC 7692) is offered: frames are some hundred octets, of which it would save about half, and what deflate
//! keeps between frames is more than all the rest that a socket holds (32 KiB of window and more in each direction, against
//! 10 KiB); without keeping it, frames this short gain next to nothing.

use crate::channel::messenger::FRAME_BYTES_MAX;
use crate::channel::messenger::close::Close;
use crate::channel::messenger::close::End;

use futures_util::SinkExt;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::Bytes;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::Data;
use tokio_tungstenite::tungstenite::protocol::frame::coding::OpCode;

/// Held per socket all its life.
const READ_BUFFER_BYTES: usize = 1_024;
/// Small frames are put together up to here before a write.
const WRITE_BUFFER_BYTES: usize = 2 * 1_024;
/// Pieces of a long frame.
const PIECE_BYTES: usize = 4 * 1_024;
/// A piece, what waited before it, pongs and the close frame fit; nothing else is ever buffered.
const WRITE_BUFFER_BYTES_MAX: usize = 16 * 1_024;
/// What a client still sends after our close frame is read and dropped up to here, so that the kernel does not answer
/// it with a reset that would take the close frame back.
const LATE_BYTES_MAX: u64 = 1_024 * 1_024;
/// Such bytes are waited for so long.
const LATE_WITHIN: Duration = Duration::from_secs(2);

/// Limits of every socket; the library's own defaults are unbounded or hundreds of kilobytes.
#[must_use]
pub fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX))
        .accept_unmasked_frames(false)
}

/// Writes frames and flushes them, all within `within`.
///
/// # Errors
/// [`Close::Resume`] when the client does not take them in time: what it got is what it can resume from.
pub async fn write<S>(
    socket: &mut WebSocketStream<S>,
    frames: impl IntoIterator<Item = Utf8Bytes>,
    within: Duration,
) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let written = timeout(within, async {
        for frame in frames {
            feed(socket, frame).await?;
        }
        socket.flush().await
    });
    settled(written.await)
}

/// Sends a ping within `within`; its answer brings `n` back (RFC 6455 §5.5.3).
///
/// # Errors
/// As [`write`].
pub(crate) async fn ping<S>(socket: &mut WebSocketStream<S>, n: u64, within: Duration) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    settled(timeout(within, socket.send(Message::Ping(Bytes::copy_from_slice(&n.to_be_bytes())))).await)
}

#[expect(clippy::needless_pass_by_value, reason = "taken as it comes from the timer")]
fn settled(written: Result<Result<(), tungstenite::Error>, tokio::time::error::Elapsed>) -> Result<(), End> {
    match written {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => Err(End::Close(Close::Resume)),
    }
}

async fn feed<S>(socket: &mut WebSocketStream<S>, frame: Utf8Bytes) -> Result<(), tungstenite::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if frame.len() <= PIECE_BYTES {
        return socket.feed(Message::Text(frame)).await;
    }
    let mut rest = Bytes::from(frame);
    let mut kind = Data::Text;
    while !rest.is_empty() {
        let piece = rest.split_to(PIECE_BYTES.min(rest.len()));
        let piece = Frame::message(piece, OpCode::Data(kind), rest.is_empty());
        socket.feed(Message::Frame(piece)).await?;
        kind = Data::Continue;
    }
    Ok(())
}

/// What a failed read means.
#[must_use]
pub fn end_of(error: &tungstenite::Error) -> End {
    match error {
        tungstenite::Error::Capacity(_) => End::Close(Close::TooBig),
        tungstenite::Error::Utf8(_) => End::Close(Close::NotUtf8),
        tungstenite::Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => End::Gone,
        tungstenite::Error::Protocol(_) => End::Close(Close::Protocol),
        _ => End::Gone,
    }
}

/// Says why and lets go: the close frame is given `within`, then the client's own is awaited for a moment.
pub async fn close<S>(mut socket: WebSocketStream<S>, end: End, within: Duration)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let said = match end {
        End::Close(close) => timeout(within, socket.send(Message::Close(Some(close.frame())))).await,
        End::Gone => timeout(within, socket.flush()).await,
    };
    let io = socket.get_mut();
    if matches!(said, Ok(Ok(()))) && io.shutdown().await.is_ok() && matches!(end, End::Close(_)) {
        // Whether the client answers, sends on or stays silent changes nothing any more.
        drop(timeout(LATE_WITHIN, tokio::io::copy(&mut io.take(LATE_BYTES_MAX), &mut tokio::io::sink())).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::tungstenite::error::CapacityError;
    use tokio_tungstenite::tungstenite::error::ProtocolError;

    #[test]
    fn every_limit_of_a_socket_is_set_here() {
        let theirs = WebSocketConfig::default();
        assert_eq!(theirs.max_write_buffer_size, usize::MAX, "the default that makes ours needed");
        let ours = config();
        assert!(ours.read_buffer_size <= 4 * 1_024);
        assert!(ours.write_buffer_size < ours.max_write_buffer_size);
        assert!(ours.max_write_buffer_size <= 16 * 1_024);
        assert_eq!(ours.max_message_size, Some(FRAME_BYTES_MAX));
        assert_eq!(ours.max_frame_size, Some(FRAME_BYTES_MAX));
        assert!(!ours.accept_unmasked_frames);
    }

    #[test]
    fn broken_frames_close_with_the_code_of_their_fault() {
        let cases = [
            (tungstenite::Error::Capacity(CapacityError::MessageTooLong { size: 9, max_size: 8 }), 1009),
            (tungstenite::Error::Utf8("bad".to_owned()), 1007),
            (tungstenite::Error::Protocol(ProtocolError::NonZeroReservedBits), 1002),
        ];
        for (error, code) in cases {
            let End::Close(close) = end_of(&error) else { panic!("{error} does not close") };
            assert_eq!(close.code(), code, "{error}");
        }
        assert_eq!(end_of(&tungstenite::Error::ConnectionClosed), End::Gone);
    }
}
