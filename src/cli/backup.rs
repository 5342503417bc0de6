//! `deskgate backup` and `deskgate restore`.

use crate::cli::Context;
use crate::cli::door::Door;
use crate::cli::door::unexpected;
use crate::cli::screen::bytes;
use crate::cli::screen::complain;
use crate::clock::Clock;
use crate::daemon::control::act::Out;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::request::Request;
use crate::daemon::data_dir::DataDir;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use crate::store::Store;
use crate::store::backup;
use crate::store::blobs::Blobs;
use crate::store::durable::sync_dir;
use crate::store::meta;
use crate::store::migrate;
use crate::store::verify::verify;
use serde_json::json;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

/// Write one consistent file.
#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    /// Where; must not exist
    file: PathBuf,
}

/// Unpack a backup.
#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// The backup
    file: PathBuf,
}

/// The backup is written under another name, synced, and gets its own last.
pub(crate) async fn back_up(command: Backup, context: &Context) -> Result<(), Failure> {
    let to = command.file;
    if to.exists() {
        return Err(Failure::new(Exit::Usage, format!("{} exists", to.display())));
    }
    let draft = Draft::beside(&to)?;
    let mut door = Door::open(context).await?;
    let mut file = draft.create()?;
    let noisy = io::stderr().is_terminal();
    let mut sink = |piece: Out| match piece {
        Out::Bytes(octets) => file.write_all(&octets),
        Out::Note(note) => {
            if noisy {
                complain(&note);
            }
            Ok(())
        }
    };
    let answer = door.ask_with(Request::Backup, Vec::new(), &mut sink).await?;
    file.sync_all().map_err(|error| Failure::doing("sync the backup", error))?;
    draft.place(&to)?;
    match answer {
        Answer::Amount { store_bytes, blobs } if context.screen.is_json() => {
            context.screen.json(&json!({ "file": to, "store_bytes": store_bytes, "blobs": blobs }))
        }
        Answer::Amount { store_bytes, blobs } => {
            let shown = to.display();
            context.screen.line(&format!("{shown}: store of {}, {blobs} mails and files", bytes(store_bytes)))
        }
        other => unexpected(&other),
    }
}

/// A file on its way to its name; removed unless it got there.
pub(crate) struct Draft(PathBuf);

impl Draft {
    pub(crate) fn beside(to: &Path) -> Result<Self, Failure> {
        let name = to.file_name().ok_or_else(|| Failure::new(Exit::Usage, "the backup needs a file name"))?;
        let mut draft = name.to_owned();
        draft.push(format!(".{}.part", std::process::id()));
        Ok(Self(to.with_file_name(draft)))
    }

    pub(crate) fn create(&self) -> Result<File, Failure> {
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.0);
        opened.map_err(|error| Failure::doing(&format!("write {}", self.0.display()), error))
    }

    pub(crate) fn place(&self, to: &Path) -> Result<(), Failure> {
        // A link instead of a rename: a file that came to be meanwhile is not replaced.
        fs::hard_link(&self.0, to).map_err(|error| Failure::doing(&format!("write {}", to.display()), error))?;
        let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sync_dir(dir).map_err(|error| Failure::opening(&error))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// Unpacks, opens and checks; the directory is the one of `--data`.
pub(crate) async fn restore(command: Restore, context: &Context) -> Result<(), Failure> {
    let dir = context.global.data.clone();
    let dir = dir.ok_or_else(|| Failure::new(Exit::Usage, "say where with --data DIR, an empty directory"))?;
    let restored = tokio::task::spawn_blocking(move || unpack(&command.file, &dir)).await;
    let (dir, amount, faults) = restored.map_err(|error| Failure::doing("restore", error))??;
    if context.screen.is_json() {
        let value = json!({ "dir": dir, "store_bytes": amount.store_bytes, "blobs": amount.blobs, "faults": faults });
        context.screen.json(&value)?;
    } else {
        faults.iter().for_each(|fault| complain(fault));
        let size = bytes(amount.store_bytes);
        context.screen.line(&format!("{}: store of {size}, {} mails and files", dir.display(), amount.blobs))?;
        context
            .screen
            .line("Nothing is sent until you say so, since the other store may have sent it: deskgate queue resume")?;
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure::new(Exit::Failed, "restored, but not sound")) }
}

fn unpack(file: &Path, dir: &Path) -> Result<(PathBuf, backup::Amount, Vec<String>), Failure> {
    let opened = File::open(file).map_err(|error| Failure::doing(&file.display().to_string(), error));
    let amount = backup::read(&mut opened?, dir, &mut |_| {}).map_err(|error| Failure::doing("restore", error))?;
    let data_dir = DataDir::lock(dir)?;
    let opening = |error| Failure::opening(&error);
    let store = Store::open(&dir.join(backup::STORE_FILE)).map_err(opening)?;
    migrate::run(&store).map_err(opening)?;
    store.update_blocking(|tx| meta::pause_sending(tx, true)).map_err(opening)?;
    let blobs = Blobs::open(dir, Clock::default()).map_err(opening)?;
    let faults = verify(&store, Some(&blobs), &mut |_| {}).map_err(opening)?;
    Ok((data_dir.path().to_owned(), amount, faults))
}
