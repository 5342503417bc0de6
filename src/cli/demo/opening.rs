//! The steps around the play: readiness, people, the check of the store.

use crate::cli::Context;
use crate::cli::demo::ground::Ground;
use crate::cli::demo::stage::Stage;
use crate::cli::demo::telling::Told;
use crate::cli::demo::telling::ms;
use crate::cli::door::Door;
use crate::cli::door::unexpected;
use crate::clock;
use crate::daemon::Daemon;
use crate::daemon::control::answer::Answer;
use crate::daemon::control::request::Request;
use crate::daemon::passed::PassedSockets;
use anyhow::Result;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

/// Who answers in the demonstration.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) email: String,
    pub(super) token: String,
}

/// Starts the daemon, which says itself that it is ready.
pub(super) async fn begin(ground: &Ground) -> Result<(Told, (Daemon<'_>, Stage))> {
    let daemon = Box::pin(Daemon::begin(ground.config.clone(), &ground.environment, PassedSockets::default())).await?;
    let stage = Stage::new(ground, &daemon.addresses())?;
    let health = stage.operations.get("/readyz").await?;
    ensure!(health.pointer("/ready").and_then(Value::as_bool) == Some(true), "/readyz says {health}");
    let words = format!("http {}, lmtp {}, store made", stage.http, stage.lmtp);
    let facts = json!({"http": stage.http.to_string(), "ops": stage.ops.to_string(),
        "smtp": stage.smtp.to_string(), "lmtp": stage.lmtp.to_string()});
    Ok((Told { words, facts, ..Told::default() }, (daemon, stage)))
}

/// An agent with a token, made as the command line does.
pub(super) async fn people(context: &Context) -> Result<(Told, Agent)> {
    let email = "agent@example.com".to_owned();
    let mut door = Door::open(context).await?;
    ensure!(matches!(door, Door::Daemon(_)), "the control socket does not answer");
    let add = Request::AddAgent { email: email.clone(), name: "Robin".to_owned(), admin: true, password: None };
    match door.ask(add).await? {
        Answer::Agents(rows) => ensure!(rows.iter().any(|row| row.email == email), "the agent is not there"),
        other => return Ok(unexpected(&other)?),
    }
    let create =
        Request::CreateToken { agent: email.clone(), name: "demonstration".to_owned(), scopes: Vec::new(), days: None };
    let token = match door.ask(create).await? {
        Answer::Token(new) => new.token,
        other => return Ok(unexpected(&other)?),
    };
    let told = Told { words: format!("{email}, role admin"), facts: json!({"agent": email}), ..Told::default() };
    Ok((told, Agent { email, token }))
}

/// Every invariant of the store holds.
pub(super) async fn verify(context: &Context) -> Result<(Told, ())> {
    let mut door = Door::open(context).await?;
    let began_at = clock::instant();
    let faults = match door.ask(Request::Verify).await? {
        Answer::Faults(faults) => faults,
        other => return Ok(unexpected(&other)?),
    };
    ensure!(faults.is_empty(), "{}", faults.join("; "));
    let status = match door.ask(Request::Status).await? {
        Answer::Status(status) => status,
        other => return Ok(unexpected(&other)?),
    };
    ensure!(status.quarantined == 0, "{} mails are in quarantine", status.quarantined);
    let (seq, commits) = (status.log_seq, status.commits);
    let words = format!("{seq} events in the log, {commits} commits, no fault");
    let facts = json!({"verify_ms": ms(began_at.elapsed()), "log_seq": seq, "commits": commits, "faults": 0});
    Ok((Told { words, facts, ..Told::default() }, ()))
}
