//! `deskgate init`.

use crate::cli::Context;
use crate::cli::door::Door;
use crate::cli::door::unexpected;
use crate::config::DEFAULT_FILE;
use crate::config::SAMPLE;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::request::Request;
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

/// An invitation is good for so many days (DSK-13).
const INVITATION_DAYS: u16 = 7;

/// Write a commented configuration to `--config FILE`, or /etc/deskgate/deskgate.toml.
#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// Begin the desk with this first admin, and print their invitation: a token for the API, good for a week
    #[arg(long, value_name = "EMAIL")]
    admin: Option<String>,
    /// Their name, as customers see it
    #[arg(long, requires = "admin")]
    name: Option<String>,
}

pub(crate) async fn run(init: Init, context: &Context) -> Result<(), Failure> {
    let path = context.global.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    write(&path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(Exit::Failed, format!("{} is there already", path.display())),
        _ => Failure::doing(&format!("write {}", path.display()), error),
    })?;
    let shown = path.display();
    let Some(email) = init.admin else { return tell(context, &path, None) };
    let name = init.name.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
    let invited = invite(context, &email, &name).await.map_err(|failure| {
        let message = format!(
            "{shown} is written, but {email} could not be invited: {}; go on with deskgate agent add",
            failure.message
        );
        Failure::new(failure.exit, message)
    })?;
    tell(context, &path, Some((&email, &invited)))
}

/// Makes the desk with its first admin; their token.
async fn invite(context: &Context, email: &str, name: &str) -> Result<String, Failure> {
    let mut door = Door::open_or_make(context).await?;
    let added = Request::AddAgent { email: email.to_owned(), name: name.to_owned(), admin: true, password: None };
    door.ask(added).await?;
    let token = Request::CreateToken {
        agent: email.to_owned(),
        name: "invitation".to_owned(),
        scopes: Vec::new(),
        days: Some(INVITATION_DAYS),
    };
    match door.ask(token).await? {
        Answer::Token(token) => Ok(token.token),
        other => unexpected(&other),
    }
}

fn tell(context: &Context, path: &Path, invited: Option<(&str, &str)>) -> Result<(), Failure> {
    if context.screen.is_json() {
        let (admin, invitation) = invited.unzip();
        return context.screen.json(&json!({ "config": path, "admin": admin, "invitation": invitation }));
    }
    let shown = path.display();
    let (invitation, next) = match invited {
        Some((email, token)) => (
            format!(
                "\n\nInvitation of {email}, a token for the API that is good for {INVITATION_DAYS} days and shown only now:\n\n  {token}"
            ),
            format!("deskgate --config {shown} token create --agent {email}   for one that lasts"),
        ),
        None => (String::new(), format!("deskgate --config {shown} agent add you@example.com --name You --role admin")),
    };
    context.screen.line(&format!(
        "{shown} is written.{invitation}\n\nNext:\n\n  \
         1. set public_url, the [[support]] address and, for real mail, a [[mailbox]] and a [[relay]]\n  \
         2. deskgate --config {shown} check --connect\n  \
         3. deskgate --config {shown} serve\n  \
         4. {next}"
    ))
}

fn write(path: &Path) -> io::Result<()> {
    make_dir(&parent(path)).map_err(io::Error::other)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(SAMPLE.as_bytes())?;
    file.sync_all()
}
