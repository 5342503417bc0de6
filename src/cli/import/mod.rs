//! `deskgate import`: mail from files, one after the other, in their order.
//!
//! Each mail goes through the same door as any other and is durable when the next one is read. An import that was
//! stopped is started again with the same words: what is known already is counted as a duplicate and not added (EML-15).

mod maildir;
mod mbox;

use crate::cli::Context;
use crate::cli::door::Door;
use crate::cli::door::unexpected;
use crate::cli::screen::complain;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::answer::TakenIn;
use crate::daemon::control::request::Request;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// Largest mail where the configuration cannot be read here, only by the daemon.
const MAIL_BYTES_MAX: u64 = 50 << 20;
/// Without a terminal, a line after so many mails.
const LINE_EVERY: u64 = 1_000;

/// Take in mail from files.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Import {
    /// One mail per file; of a directory, all files ending in .eml
    Eml(Source),
    /// Many mails per file, `From ` lines between them
    Mbox(Source),
    /// Directories with cur and new
    Maildir(Source),
}

/// Where from and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct Source {
    /// Files or directories
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The support address the mails are for
    #[arg(long, value_name = "ADDRESS")]
    support: String,
}

/// One mail found in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The file, with the position in an mbox.
    pub(crate) origin: String,
    /// The mail; `None` when it is larger than any that is taken.
    pub(crate) raw: Option<Vec<u8>>,
    /// Octets of the file it took.
    pub(crate) file_bytes: u64,
}

pub(crate) async fn run(command: Import, context: &Context) -> Result<(), Failure> {
    let configured = context.config().map(|config| config.limits.message_bytes_max);
    let bytes_max = usize::try_from(configured.unwrap_or(MAIL_BYTES_MAX)).unwrap_or(usize::MAX);
    let (from, files) = match command {
        Import::Eml(from) => {
            let files = files_of(&from.paths, maildir::mails_of_plain)?;
            (from, Files::Mails(files))
        }
        Import::Maildir(from) => {
            let files = files_of(&from.paths, maildir::mails_of_maildir)?;
            (from, Files::Mails(files))
        }
        Import::Mbox(from) => {
            let files = from.paths.clone();
            (from, Files::Mboxes(files))
        }
    };
    let mut importing = Importing::new(Door::open_or_make(context).await?, from.support, files.bytes()?);
    let outcome = importing.all(files, bytes_max).await;
    importing.report(context)?;
    outcome
}

/// The mails of each path, in order.
fn files_of(paths: &[PathBuf], of: fn(&Path) -> io::Result<Vec<PathBuf>>) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(of(path).map_err(|error| Failure::doing(&path.display().to_string(), error))?);
    }
    Ok(files)
}

enum Files {
    Mails(Vec<PathBuf>),
    Mboxes(Vec<PathBuf>),
}

impl Files {
    fn bytes(&self) -> Result<u64, Failure> {
        let (Self::Mails(paths) | Self::Mboxes(paths)) = self;
        let size = |path: &PathBuf| {
            let metadata = fs::metadata(path).map_err(|error| Failure::doing(&path.display().to_string(), error))?;
            Ok(metadata.len())
        };
        paths.iter().map(size).sum()
    }
}

struct Importing {
    door: Door,
    support: String,
    bar: ProgressBar,
    seen: u64,
    results: BTreeMap<String, u64>,
    complaints: Vec<String>,
}

impl Importing {
    fn new(door: Door, support: String, bytes: u64) -> Self {
        let bar = ProgressBar::new(bytes);
        // A template that is not understood leaves the default one, which shows as much.
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {msg} {eta}") {
            bar.set_style(style);
        }
        Self { door, support, bar, seen: 0, results: BTreeMap::new(), complaints: Vec::new() }
    }

    async fn all(&mut self, files: Files, bytes_max: usize) -> Result<(), Failure> {
        match files {
            Files::Mails(paths) => {
                for path in paths {
                    let found = maildir::read(&path, bytes_max);
                    self.one(found.map_err(|error| Failure::doing(&path.display().to_string(), error))?).await?;
                }
            }
            Files::Mboxes(paths) => {
                for path in paths {
                    let unread = |error| Failure::doing(&path.display().to_string(), error);
                    let mut mails = mbox::Mails::open(&path, bytes_max).map_err(unread)?;
                    while let Some(found) = mails.next().map_err(unread)? {
                        self.one(found).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn one(&mut self, found: Found) -> Result<(), Failure> {
        let Found { origin, raw, file_bytes } = found;
        let taken = match raw {
            None => TakenIn { result: "refused".to_owned(), why: Some("too large".to_owned()) },
            Some(raw) => self.take_in(&origin, raw).await?,
        };
        if let Some(why) = taken.why {
            self.complaints.push(format!("{origin}: {why}"));
            self.bar.suspend(|| complain(&format!("{origin}: {why}")));
        }
        let count = self.results.entry(taken.result).or_default();
        *count = count.saturating_add(1);
        self.seen = self.seen.saturating_add(1);
        self.bar.inc(file_bytes);
        self.bar.set_message(format!("{} mails", self.seen));
        if self.bar.is_hidden() && self.seen.is_multiple_of(LINE_EVERY) {
            complain(&format!("{} mails", self.seen));
        }
        Ok(())
    }

    async fn take_in(&mut self, origin: &str, raw: Vec<u8>) -> Result<TakenIn, Failure> {
        let raw_bytes = u64::try_from(raw.len()).unwrap_or(u64::MAX);
        let request = Request::TakeIn { origin: origin.to_owned(), support: self.support.clone(), raw_bytes };
        match self.door.ask_with(request, raw, &mut |_| Ok(())).await {
            Ok(Answer::TakenIn(taken)) => Ok(taken),
            Ok(other) => unexpected(&other),
            Err(failure) => {
                let message = format!("{origin}: {failure}; start again when that is over: nothing comes twice");
                Err(Failure::new(failure.exit, message))
            }
        }
    }

    fn report(&self, context: &Context) -> Result<(), Failure> {
        self.bar.finish_and_clear();
        if context.screen.is_json() {
            let value = serde_json::json!({ "mails": self.seen, "results": self.results, "refused": self.complaints });
            context.screen.json(&value)?;
        } else {
            let results: Vec<String> = self.results.iter().map(|(result, count)| format!("{count} {result}")).collect();
            context.screen.line(&format!("{} mails: {}", self.seen, results.join(", ")))?;
        }
        if self.complaints.is_empty() { Ok(()) } else { Err(Failure::new(Exit::Failed, "not every mail was taken in")) }
    }
}
