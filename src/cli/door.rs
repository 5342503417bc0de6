//! The way to the data: through the running daemon, or by opening the store when none runs.

use crate::cli::Context;
use crate::config::data_dir_of;
use crate::daemon;
use crate::daemon::control::Control;
use crate::daemon::control::act::Out;
use crate::daemon::control::act::act;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::request::Request;
use crate::daemon::control::wire::LINE_BYTES_MAX;
use crate::daemon::control::wire::Line;
use crate::daemon::control::wire::read_line;
use crate::daemon::control::wire::write_line;
use crate::daemon::data_dir::control_socket;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use crate::daemon::open;
use crate::daemon::open::House;
use crate::store::backup::STORE_FILE;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

/// Pieces on their way.
const OUT_MAX: usize = 16;

/// Where requests go.
#[derive(Debug)]
pub(crate) enum Door {
    /// To the daemon.
    Daemon(BufReader<UnixStream>),
    /// To the store, opened here; the lock goes with it.
    Local(Box<(Control, House)>),
}

/// What is done with pieces that come before the answer.
pub(crate) type Sink<'a> = &'a mut (dyn FnMut(Out) -> io::Result<()> + Send);

impl Door {
    /// Finds the daemon of the data directory, or opens the store in it. The daemon needs no sound configuration here:
    /// it has read its own, with secrets that this command may not see.
    ///
    /// # Errors
    /// [`Exit::TryAgain`] when a daemon has the directory but does not answer, [`Exit::Store`] when there is no store, and
    /// all that opening can say.
    pub(crate) async fn open(context: &Context) -> Result<Self, Failure> {
        Self::find(context, false).await
    }

    /// The same for commands that a new desk may begin with: makes the store when there is none.
    ///
    /// # Errors
    /// Those of [`Door::open`] but the lack of a store.
    pub(crate) async fn open_or_make(context: &Context) -> Result<Self, Failure> {
        Self::find(context, true).await
    }

    async fn find(context: &Context, make: bool) -> Result<Self, Failure> {
        let global = &context.global;
        let data_dir = data_dir_of(global.config.as_deref(), global.data.as_deref(), &context.environment);
        if let Some(socket) = data_dir.as_deref().map(control_socket) {
            match UnixStream::connect(&socket).await {
                Ok(stream) => return Ok(Self::Daemon(BufReader::new(stream))),
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(Failure::new(Exit::TryAgain, format!("{}: {error}", socket.display()))),
            }
        }
        let config = context.config()?;
        if !make {
            check_store(&config.data_dir)?;
        }
        check_owner(&config.data_dir)?;
        let house = open::open(&config).await?;
        let mailboxes = daemon::mailboxes(&config);
        let outside = (daemon::large_mail(&config, &mailboxes), daemon::probe_relays(&config, &mailboxes));
        Ok(Self::Local(Box::new((Control::local(&house, outside), house))))
    }

    /// Asks, and returns the answer; notes on the way are left out.
    pub(crate) async fn ask(&mut self, request: Request) -> Result<Answer, Failure> {
        self.ask_with(request, Vec::new(), &mut |_| Ok(())).await
    }

    /// Asks with octets behind the request, and gives what comes before the answer to `sink`.
    pub(crate) async fn ask_with(
        &mut self,
        request: Request,
        body: Vec<u8>,
        sink: Sink<'_>,
    ) -> Result<Answer, Failure> {
        match self {
            Self::Daemon(stream) => {
                let answered = ask_daemon(stream, &request, &body, sink).await;
                answered.map_err(|error| Failure::new(Exit::TryAgain, format!("the daemon went away: {error}")))?
            }
            Self::Local(local) => {
                let (sender, mut pieces) = mpsc::channel(OUT_MAX);
                let taking = async {
                    while let Some(piece) = pieces.recv().await {
                        if let Err(error) = sink(piece) {
                            pieces.close();
                            return Err(error);
                        }
                    }
                    Ok(())
                };
                let (answer, taken) = tokio::join!(act(&local.0, request, body, sender), taking);
                taken.map_err(|error| Failure::doing("write", error))?;
                answer
            }
        }
    }
}

/// Whether nobody listens: no socket, or one that a killed daemon left.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::ConnectionRefused)
}

/// A store made here for a mistyped directory would be found empty and sound.
fn check_store(data_dir: &Path) -> Result<(), Failure> {
    let store = data_dir.join(STORE_FILE);
    match fs::symlink_metadata(&store) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            let shown = store.display();
            let message = format!("no store at {shown}; is the data directory right? `deskgate serve` makes a new one");
            Err(Failure::new(Exit::Store, message))
        }
        _ => Ok(()),
    }
}

/// Files made here belong to who runs the command: another user than the directory's would lock the daemon out.
fn check_owner(data_dir: &Path) -> Result<(), Failure> {
    let (Ok(dir), Ok(own)) = (fs::metadata(data_dir), fs::metadata("/proc/self")) else { return Ok(()) };
    if dir.uid() == own.uid() {
        return Ok(());
    }
    let message = format!(
        "{} belongs to user {}, and no daemon runs: start it, or run this as that user",
        data_dir.display(),
        dir.uid()
    );
    Err(Failure::new(Exit::Failed, message))
}

async fn ask_daemon(
    stream: &mut BufReader<UnixStream>,
    request: &Request,
    body: &[u8],
    sink: Sink<'_>,
) -> io::Result<Result<Answer, Failure>> {
    write_line(stream, request).await?;
    stream.write_all(body).await?;
    stream.flush().await?;
    loop {
        let line = read_line(stream, LINE_BYTES_MAX).await?;
        let line = line.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        match serde_json::from_slice(&line)? {
            Line::Note(note) => sink(Out::Note(note))?,
            Line::Bytes(len) => {
                let mut octets = vec![0; len.min(usize::try_from(LINE_BYTES_MAX).unwrap_or(usize::MAX))];
                stream.read_exact(&mut octets).await?;
                sink(Out::Bytes(octets))?;
            }
            Line::Answer(answer) => return Ok(Ok(answer)),
            Line::Failure { exit, message } => return Ok(Err(Failure::new(Exit::of_code(exit), message))),
        }
    }
}

/// An answer of another kind than was asked for: daemon and command are of different versions.
pub(crate) fn unexpected<T>(answer: &Answer) -> Result<T, Failure> {
    let message = format!("the daemon gave an answer of another kind; is it of another version? {answer:?}");
    Err(Failure::new(Exit::Failed, message.chars().take(300).collect::<String>()))
}
