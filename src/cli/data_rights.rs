//! `deskgate export` and `deskgate erase` (DAT-1, DAT-2).

use crate::cli::Context;
use crate::cli::backup::Draft;
use crate::cli::door::Door;
use crate::cli::door::unexpected;
use crate::daemon::control::act::Out;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::request::Request;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

/// A contact's data as one archive.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// Id, address or external id
    contact: String,
    /// Where; must not exist
    #[arg(long, default_value = "contact.tar")]
    out: PathBuf,
    /// Also notes and tickets that the contact does not see
    #[arg(long)]
    include_internal: bool,
}

/// A contact taken away for good.
#[derive(Debug, clap::Args)]
pub(crate) struct Erase {
    /// Id, address or external id
    contact: String,
    /// Do it; without this, only says what would go
    #[arg(long)]
    yes: bool,
}

/// The archive is written under another name, synced, and gets its own last.
pub(crate) async fn export(command: Export, context: &Context) -> Result<(), Failure> {
    let to = command.out;
    if to.exists() {
        return Err(Failure::new(Exit::Usage, format!("{} exists", to.display())));
    }
    let draft = Draft::beside(&to)?;
    let mut door = Door::open(context).await?;
    let mut file = draft.create()?;
    let mut sink = |piece: Out| match piece {
        Out::Bytes(octets) => file.write_all(&octets),
        Out::Note(_) => Ok(()),
    };
    let request = Request::Export { contact: command.contact, internal: command.include_internal };
    let answer = door.ask_with(request, Vec::new(), &mut sink).await?;
    file.sync_all().map_err(|error| Failure::doing("sync the export", error))?;
    draft.place(&to)?;
    match answer {
        Answer::Exported { threads, parts, files } if context.screen.is_json() => {
            context.screen.json(&json!({ "file": to, "threads": threads, "parts": parts, "files": files }))
        }
        Answer::Exported { threads, parts, files } => {
            let shown = to.display();
            context.screen.line(&format!("{shown}: {threads} conversations, {parts} entries, {files} mails and files"))
        }
        other => unexpected(&other),
    }
}

pub(crate) async fn erase(command: Erase, context: &Context) -> Result<(), Failure> {
    let request = Request::Erase { contact: command.contact, yes: command.yes };
    let view = match Door::open(context).await?.ask(request).await? {
        Answer::Erasure(view) => view,
        other => return unexpected(&other),
    };
    if context.screen.is_json() {
        return context.screen.json(&view);
    }
    let verb = if view.done { "erased" } else { "would erase" };
    context.screen.line(&format!(
        "{verb} contact {}: {} conversations whole, {} shared ones without them; {} messages, {} files, {} mails, {} notes",
        view.contact_id, view.threads, view.shared_threads, view.parts, view.files, view.mails, view.notes
    ))?;
    if view.done { Ok(()) } else { context.screen.line("This cannot be undone. Do it with --yes") }
}
