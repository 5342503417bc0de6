//! `/me` and `/admins`: who a token acts for, and the other agents (API-27).

use crate::domain::agent::Scope;
use crate::domain::id::AgentId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire::listed;
use crate::http::api::wire::people::admin;
use crate::http::call::Call;
use axum::Router;
use axum::response::Json;
use axum::routing::get;

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/me", get(me)).route("/admins", get(list)).route("/admins/{id}", get(one))
}

/// Needs no scope: a token may always ask who it is.
async fn me(call: Call) -> Answer {
    let id = call.caller.agent;
    let agent = call.read(move |desk, _| desk.agent(id)).await?;
    let proves_identity = call.desk().settings().identity.secret.is_some();
    Ok(Json(call.wire().await?.me(&agent, proves_identity)))
}

async fn list(call: Call) -> Answer {
    call.require(Scope::ReadAdmins)?;
    let agents = call.read(|desk, _| desk.agents()).await?;
    let admins = agents.iter().filter(|agent| !agent.disabled).map(admin);
    Ok(Json(listed("admin.list", "admins", admins.collect())))
}

async fn one(call: Call) -> Answer {
    call.require(Scope::ReadAdmins)?;
    let id: AgentId = call.id("id", "admin")?;
    let agent = call.read(move |desk, _| desk.agent(id)).await?;
    Ok(Json(admin(&agent)))
}
