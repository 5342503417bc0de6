//! `/me` and `/admins`: who a token acts for, the other agents, who is away (API-27, AWY-1).

use crate::desk::agents::profiles::AgentChange;
use crate::domain::agent::Agent;
use crate::domain::agent::Away;
use crate::domain::agent::Scope;
use crate::domain::id::AgentId;
use crate::domain::id::AwayReasonId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::teams::limit;
use crate::http::api::wire::listed;
use crate::http::api::wire::people::admin;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::input::Input;
use crate::http::input::RawInput;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use axum::routing::put;
use serde_json::Value;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/me", get(me))
        .route("/admins", get(list))
        .route("/admins/{id}", get(one).put(change))
        .route("/admins/{id}/away", put(away))
        .route("/admins/{id}/avatar", put(set_avatar).delete(remove_avatar))
}

/// An agent with the teams they are in.
async fn form(call: &Call, agent: &Agent) -> Result<Value> {
    let teams = call.read(|desk, _| desk.every_team()).await?;
    Ok(admin(agent, &teams, call.base()))
}

/// Needs no scope: a token may always ask who it is.
async fn me(call: Call) -> Answer {
    let id = call.caller.agent;
    let (agent, teams) = call.read(move |desk, _| Ok((desk.agent(id)?, desk.every_team()?))).await?;
    let proves_identity = call.desk().settings().identity.secret.is_some();
    Ok(Json(call.wire().await?.me(&agent, &teams, proves_identity)))
}

async fn list(call: Call) -> Answer {
    call.require(Scope::ReadAdmins)?;
    let (agents, teams) = call.read(|desk, _| Ok((desk.agents()?, desk.every_team()?))).await?;
    let admins = agents.iter().filter(|agent| !agent.disabled).map(|agent| admin(agent, &teams, call.base()));
    Ok(Json(listed("admin.list", "admins", admins.collect())))
}

async fn one(call: Call) -> Answer {
    call.require(Scope::ReadAdmins)?;
    let id: AgentId = call.id("id", "admin")?;
    let agent = call.read(move |desk, _| desk.agent(id)).await?;
    form(&call, &agent).await.map(Json)
}

/// What is ours to change about an agent.
async fn change(call: Call, input: Input) -> Answer {
    let id: AgentId = call.id("id", "admin")?;
    let fields = input.fields();
    let change = AgentChange {
        assignment_limit: limit(&fields)?,
        job_title: fields.owned("job_title")?.change(),
        signature: fields.owned("signature")?.change(),
    };
    let agent = call.desk().change_agent(&call.caller, id, change).await?;
    form(&call, &agent).await.map(Json)
}

async fn away(call: Call, input: Input) -> Answer {
    let id: AgentId = call.id("id", "admin")?;
    let fields = input.fields();
    let flag = |name: &str| fields.flag(name)?.value().ok_or_else(|| ApiError::missing(name));
    let (enabled, reassign) = (flag("away_mode_enabled")?, flag("away_mode_reassign")?);
    let reason: Option<AwayReasonId> = fields.id("away_status_reason_id")?.value();
    let agent = call.desk().set_away(&call.caller, id, enabled.then_some(Away { reassign, reason })).await?;
    form(&call, &agent).await.map(Json)
}

/// The body is the picture.
async fn set_avatar(call: Call, input: RawInput) -> Answer {
    let id: AgentId = call.id("id", "admin")?;
    let agent = call.desk().set_avatar(&call.caller, id, Some(input.bytes.clone())).await?;
    form(&call, &agent).await.map(Json)
}

async fn remove_avatar(call: Call) -> Answer {
    let id: AgentId = call.id("id", "admin")?;
    let agent = call.desk().set_avatar(&call.caller, id, None).await?;
    form(&call, &agent).await.map(Json)
}
