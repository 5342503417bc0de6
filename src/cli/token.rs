//! `deskgate token`.

use crate::cli::Context;
use crate::cli::door::Door;
use crate::cli::door::unexpected;
use crate::cli::screen::moment;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::answer::TokenRow;
use crate::daemon::control::request::Request;
use crate::daemon::exit::Failure;
use crate::domain::agent::Scope;

/// API tokens.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Token {
    /// Make one; it is printed alone, and only now
    Create {
        /// The agent it acts for
        #[arg(long, value_name = "EMAIL")]
        agent: String,
        /// What it is for
        #[arg(long, default_value = "command line")]
        name: String,
        /// What it may do; repeat for more, all without
        #[arg(long)]
        scope: Vec<String>,
        /// Let it end by itself after so many days; it lasts until it is revoked without
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        days: Option<u16>,
    },
    /// All of them, without the tokens themselves
    List,
    /// End one at once
    Revoke {
        /// Its id
        id: u64,
    },
}

pub(crate) async fn run(command: Token, context: &Context) -> Result<(), Failure> {
    let request = match command {
        Token::Create { agent, name, scope, days } => Request::CreateToken { agent, name, scopes: scope, days },
        Token::List => Request::Tokens,
        Token::Revoke { id } => Request::RevokeToken { id },
    };
    match Door::open(context).await?.ask(request).await? {
        Answer::Token(token) if context.screen.is_json() => context.screen.json(&token),
        Answer::Token(token) => context.screen.line(&token.token),
        Answer::Tokens(rows) => show(context, &rows),
        other => unexpected(&other),
    }
}

fn show(context: &Context, rows: &[TokenRow]) -> Result<(), Failure> {
    if context.screen.is_json() {
        return context.screen.json(&rows);
    }
    let cells = |row: &TokenRow| {
        let is_all = row.scopes.is_empty() || row.scopes.len() == Scope::ALL.len();
        let scopes = if is_all { "all".to_owned() } else { row.scopes.join(",") };
        let state = if row.revoked { "revoked" } else { "valid" };
        let made = moment(row.created_at);
        let ends = row.expires_at.map_or_else(|| "never".to_owned(), moment);
        vec![row.id.to_string(), row.agent_id.to_string(), row.name.clone(), scopes, made, ends, state.to_owned()]
    };
    let rows: Vec<_> = rows.iter().map(cells).collect();
    context.screen.table(&["ID", "AGENT", "NAME", "SCOPES", "CREATED", "ENDS", "STATE"], &rows)
}
