//! The daemon's side of the control socket.

use crate::daemon::control::Control;
use crate::daemon::control::act::Out;
use crate::daemon::control::act::act;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::request::Request;
use crate::daemon::control::wire::Line;
use crate::daemon::control::wire::REQUEST_BYTES_MAX;
use crate::daemon::control::wire::read_line;
use crate::daemon::control::wire::write_line;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::UnixListener;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Commands served at a time; more wait.
const CONNECTIONS_MAX: usize = 16;
/// A connection that asks nothing for so long is closed.
const IDLE_MAX: Duration = Duration::from_mins(10);
/// Largest mail of an import.
const BODY_BYTES_MAX: u64 = 256 << 20;
/// Pieces of a file on their way.
const OUT_MAX: usize = 16;
/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers commands of `owner` and root until the drain.
pub(crate) async fn serve(listener: UnixListener, control: Control, owner: u32, drain: CancellationToken) {
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let sessions = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = drain.cancelled() => break,
            accepted = seated(&listener, &seats) => accepted,
        };
        match accepted {
            Ok((stream, seat)) => {
                let (control, drain) = (control.clone(), drain.clone());
                sessions.spawn(async move {
                    if let Err(error) = session(stream, control, owner, drain).await {
                        tracing::debug!(%error, "command left");
                    }
                    drop(seat);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "control socket cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    sessions.close();
    sessions.wait().await;
}

async fn seated(
    listener: &UnixListener,
    seats: &Arc<Semaphore>,
) -> io::Result<(UnixStream, tokio::sync::OwnedSemaphorePermit)> {
    let seat = Arc::clone(seats).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, seat))
}

async fn session(stream: UnixStream, control: Control, owner: u32, drain: CancellationToken) -> io::Result<()> {
    let uid = stream.peer_cred()?.uid();
    let (input, mut output) = stream.into_split();
    if uid != owner && uid != 0 {
        tracing::warn!(uid, "command of another user refused");
        let message = "only the owner of the data directory and root may do this".to_owned();
        return write_line(&mut output, &Line::Failure { exit: Exit::Failed.code(), message }).await;
    }
    let mut input = BufReader::new(input);
    loop {
        let next = tokio::time::timeout(IDLE_MAX, read_line(&mut input, REQUEST_BYTES_MAX));
        let line = tokio::select! {
            () = drain.cancelled() => return Ok(()),
            line = next => line.map_err(io::Error::other)??,
        };
        let Some(line) = line else { return Ok(()) };
        let last = match asked(&line, &mut input).await? {
            Ok((request, body)) => answer(&control, request, body, &mut output).await?,
            Err(failure) => Err(failure),
        };
        let line = match last {
            Ok(answer) => Line::Answer(answer),
            Err(failure) => Line::Failure { exit: failure.exit.code(), message: failure.message },
        };
        write_line(&mut output, &line).await?;
    }
}

/// Reads a request and what follows it.
async fn asked(line: &[u8], input: &mut BufReader<OwnedReadHalf>) -> io::Result<Result<(Request, Vec<u8>), Failure>> {
    let request: Request = match serde_json::from_slice(line) {
        Ok(request) => request,
        Err(error) => return Ok(Err(Failure::new(Exit::Usage, format!("not a request: {error}")))),
    };
    let bytes = request.body_bytes();
    if bytes > BODY_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a mail is too large"));
    }
    let mut body = Vec::new();
    let mut limited = input.take(bytes);
    let read = tokio::time::timeout(IDLE_MAX, limited.read_to_end(&mut body)).await;
    let read = read.map_err(io::Error::other)??;
    if u64::try_from(read).ok() != Some(bytes) {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    Ok(Ok((request, body)))
}

/// Acts, and passes on what comes before the answer.
async fn answer(
    control: &Control,
    request: Request,
    body: Vec<u8>,
    output: &mut OwnedWriteHalf,
) -> io::Result<Result<Answer, Failure>> {
    let (sender, pieces) = mpsc::channel(OUT_MAX);
    let (answer, forwarded) = tokio::join!(act(control, request, body, sender), forward(pieces, output));
    forwarded?;
    Ok(answer)
}

/// Passes on until there is no more; whoever sends after a failure is told by the closed channel.
async fn forward(mut pieces: mpsc::Receiver<Out>, output: &mut OwnedWriteHalf) -> io::Result<()> {
    while let Some(piece) = pieces.recv().await {
        match piece {
            Out::Note(note) => write_line(output, &Line::Note(note)).await?,
            Out::Bytes(octets) => {
                write_line(output, &Line::Bytes(octets.len())).await?;
                output.write_all(&octets).await?;
            }
        }
    }
    Ok(())
}
