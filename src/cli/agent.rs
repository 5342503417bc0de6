//! `deskgate agent`.

use crate::cli::Context;
use crate::cli::door::Door;
use crate::cli::door::unexpected;
use crate::daemon::control::answer::AgentRow;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::request::Request;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use crate::domain::avatar::AVATAR_BYTES_MAX;
use std::fs::File;
use std::io::BufRead;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

/// Longest password in bytes.
const PASSWORD_BYTES_MAX: usize = 1_024;

/// People who answer.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Agent {
    /// Add one
    Add {
        /// Address to sign in with
        email: String,
        /// Shown to customers
        #[arg(long)]
        name: String,
        /// What they may do
        #[arg(long, value_enum, default_value = "agent")]
        role: Role,
        /// Read a password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// All of them
    List,
    /// Give one a picture that customers see: PNG, JPEG, GIF or WebP of up to 512 KiB, shown as it is but for what it tells of its making
    Picture {
        /// The address
        email: String,
        /// The picture; none takes it away
        file: Option<PathBuf>,
    },
    /// Sign one out for good; tokens end with it
    Disable {
        /// The address
        email: String,
    },
}

/// What an agent may do.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Role {
    /// Everything
    Admin,
    /// Conversations and tickets
    Agent,
}

pub(crate) async fn run(command: Agent, context: &Context) -> Result<(), Failure> {
    let mut body = Vec::new();
    let begins = matches!(command, Agent::Add { .. });
    let request = match command {
        Agent::Add { email, name, role, password_stdin } => {
            let password = password_stdin.then(read_password).transpose()?;
            Request::AddAgent { email, name, admin: matches!(role, Role::Admin), password }
        }
        Agent::List => Request::Agents,
        Agent::Picture { email, file } => {
            body = file.map(|file| read_picture(&file)).transpose()?.unwrap_or_default();
            let raw_bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
            Request::SetPicture { email, raw_bytes }
        }
        Agent::Disable { email } => Request::DisableAgent { email },
    };
    let mut door = if begins { Door::open_or_make(context).await? } else { Door::open(context).await? };
    match door.ask_with(request, body, &mut |_| Ok(())).await? {
        Answer::Agents(rows) => show(context, &rows),
        other => unexpected(&other),
    }
}

/// Never more than one byte over the limit.
fn read_picture(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(AVATAR_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map_err(|error| Failure::doing(&format!("read {}", path.display()), error))?;
    if bytes.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("{} is empty", path.display())));
    }
    Ok(bytes)
}

fn read_password() -> Result<String, Failure> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::doing("read the password", error))?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
        return Err(Failure::new(Exit::Usage, "no password on standard input, or one that is too long"));
    }
    Ok(password.to_owned())
}

fn show(context: &Context, rows: &[AgentRow]) -> Result<(), Failure> {
    if context.screen.is_json() {
        return context.screen.json(&rows);
    }
    let cells = |row: &AgentRow| {
        let state = if row.disabled { "disabled" } else { "active" };
        vec![row.id.to_string(), row.email.clone(), row.name.clone(), row.role.clone(), state.to_owned()]
    };
    context.screen.table(&["ID", "EMAIL", "NAME", "ROLE", "STATE"], &rows.iter().map(cells).collect::<Vec<_>>())
}
