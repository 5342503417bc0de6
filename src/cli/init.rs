//! `deskgate init`.

use crate::cli::Context;
use crate::config::DEFAULT_FILE;
use crate::config::SAMPLE;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use crate::store::durable::make_dir;
use crate::store::durable::parent;
use serde_json::json;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

/// Write a commented configuration to `--config FILE`, or /etc/deskgate/deskgate.toml.
#[derive(Debug, clap::Args)]
pub(crate) struct Init {}

pub(crate) fn run(_: Init, context: &Context) -> Result<(), Failure> {
    let path = context.global.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    write(&path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(Exit::Failed, format!("{} is there already", path.display())),
        _ => Failure::doing(&format!("write {}", path.display()), error),
    })?;
    if context.screen.is_json() {
        return context.screen.json(&json!({ "config": path }));
    }
    let shown = path.display();
    context.screen.line(&format!(
        "{shown} is written. Next:\n\n  \
         1. set public_url, the [[support]] address and, for real mail, a [[mailbox]] and a [[relay]]\n  \
         2. deskgate --config {shown} check --connect\n  \
         3. deskgate --config {shown} serve\n  \
         4. deskgate --config {shown} agent add you@example.com --name You --role admin --password-stdin"
    ))
}

fn write(path: &Path) -> io::Result<()> {
    make_dir(&parent(path)).map_err(io::Error::other)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(SAMPLE.as_bytes())?;
    file.sync_all()
}
