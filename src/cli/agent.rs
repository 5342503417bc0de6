//! `deskgate agent`.

use crate::cli::Context;
use crate::cli::door::Door;
use crate::cli::door::unexpected;
use crate::daemon::control::answer::AgentRow;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::request::Request;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use std::io::BufRead;

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
    let request = match command {
        Agent::Add { email, name, role, password_stdin } => {
            let password = password_stdin.then(read_password).transpose()?;
            Request::AddAgent { email, name, admin: matches!(role, Role::Admin), password }
        }
        Agent::List => Request::Agents,
        Agent::Disable { email } => Request::DisableAgent { email },
    };
    match Door::open(context).await?.ask(request).await? {
        Answer::Agents(rows) => show(context, &rows),
        other => unexpected(&other),
    }
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
