//! `/teams`, `/away_status_reasons` (OBJ-13, AWY-1).

use crate::desk::agents::teams::ReasonChange;
use crate::desk::agents::teams::TeamChange;
use crate::domain::id::AgentId;
use crate::domain::id::TeamId;
use crate::domain::team::Team;
use crate::domain::team::TeamMethod;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::ticket_states::ids;
use crate::http::api::wire::listed;
use crate::http::api::wire::people;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use crate::http::input::Input;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use axum::routing::put;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

/// A thread is idle when its customer waits longer than this, unless the call says another time.
const IDLE_S: u64 = 1_800;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/teams", get(list).post(create))
        .route("/teams/{id}", get(one).put(update).delete(archive))
        .route("/teams/{id}/metrics", get(metrics))
        .route("/away_status_reasons", get(reasons).post(add_reason))
        .route("/away_status_reasons/{id}", put(change_reason))
}

async fn list(call: Call) -> Answer {
    let teams = call.read(|desk, caller| desk.teams(caller)).await?;
    Ok(Json(listed("team.list", "teams", teams.iter().map(people::team).collect())))
}

async fn known(call: &Call) -> Result<Team> {
    let id: TeamId = call.id("id", "team")?;
    let teams = call.read(|desk, caller| desk.teams(caller)).await?;
    teams.into_iter().find(|team| team.id == id).ok_or_else(|| ApiError::not_found("team"))
}

async fn one(call: Call) -> Answer {
    Ok(Json(people::team(&known(&call).await?)))
}

async fn create(call: Call, input: Input) -> Answer {
    let team = call.desk().put_team(&call.caller, None, change(&input.fields())?).await?;
    Ok(Json(people::team(&team)))
}

async fn update(call: Call, input: Input) -> Answer {
    let id: TeamId = call.id("id", "team")?;
    let team = call.desk().put_team(&call.caller, Some(id), change(&input.fields())?).await?;
    Ok(Json(people::team(&team)))
}

async fn archive(call: Call) -> Answer {
    let id: TeamId = call.id("id", "team")?;
    call.desk().archive_team(&call.caller, id).await?;
    Ok(Json(json!({"id": id.to_string(), "object": "team", "deleted": true})))
}

/// `admin_ids` are members of the first line; `admin_priority_level` says both lines.
fn change(fields: &Fields<'_>) -> Result<TeamChange> {
    let mut agents: Option<Vec<AgentId>> = ids(fields, "admin_ids")?;
    let mut secondary = None;
    if let Given::Some(level) = fields.object("admin_priority_level")? {
        agents = ids(&level, "primary_admin_ids")?.or(agents);
        secondary = ids(&level, "secondary_admin_ids")?;
    }
    Ok(TeamChange {
        name: fields.owned("name")?.value(),
        agents,
        secondary,
        method: fields.word("distribution_method", "'manual', 'round_robin' or 'balanced'", TeamMethod::parse)?.value(),
        assignment_limit: limit(fields)?,
        reply_time_s: count(fields, "reply_time_s")?,
    })
}

/// A limit of threads; null takes it away.
#[expect(clippy::option_option, reason = "the desk's form of API-4")]
pub(crate) fn limit(fields: &Fields<'_>) -> Result<Option<Option<u32>>> {
    count(fields, "assignment_limit")
}

#[expect(clippy::option_option, reason = "the desk's form of API-4")]
fn count(fields: &Fields<'_>, name: &'static str) -> Result<Option<Option<u32>>> {
    let too_large = |_| ApiError::field("parameter_invalid", name, format!("'{name}' is too large"));
    Ok(match fields.number(name)? {
        Given::Absent => None,
        Given::Null => Some(None),
        Given::Some(number) => Some(Some(u32::try_from(number).map_err(too_large)?)),
    })
}

async fn metrics(call: Call) -> Answer {
    let team = known(&call).await?;
    let idle = match call.query("idle_threshold") {
        None => IDLE_S,
        Some(text) => text.parse().map_err(|_| {
            ApiError::field("parameter_invalid", "idle_threshold", "'idle_threshold' takes whole seconds")
        })?,
    };
    let idle = Duration::from_secs(idle);
    let loads = call.read(move |desk, caller| desk.team_loads(caller, &team, idle)).await?;
    let metric = |load: &crate::desk::agents::team_loads::Load| -> Value {
        json!({
            "type": "team_metric", "admin_id": load.agent.to_string(), "open": load.open, "idle": load.idle,
            "snoozed": load.snoozed,
        })
    };
    Ok(Json(listed("team_metric.list", "data", loads.iter().map(metric).collect())))
}

async fn reasons(call: Call) -> Answer {
    let reasons = call.read(|desk, caller| desk.away_reasons(caller)).await?;
    Ok(Json(Value::Array(reasons.iter().map(people::away_reason).collect())))
}

async fn add_reason(call: Call, input: Input) -> Answer {
    let change = reason_change(&input.fields())?;
    if change.label.is_none() {
        return Err(ApiError::missing("label"));
    }
    let reason = call.desk().put_away_reason(&call.caller, None, change).await?;
    Ok(Json(people::away_reason(&reason)))
}

async fn change_reason(call: Call, input: Input) -> Answer {
    let id = call.id("id", "away_status_reason")?;
    let reason = call.desk().put_away_reason(&call.caller, Some(id), reason_change(&input.fields())?).await?;
    Ok(Json(people::away_reason(&reason)))
}

fn reason_change(fields: &Fields<'_>) -> Result<ReasonChange> {
    let too_large = |_| ApiError::field("parameter_invalid", "order", "'order' is too large");
    Ok(ReasonChange {
        label: fields.owned("label")?.value(),
        emoji: fields.owned("emoji")?.value(),
        order: fields.number("order")?.value().map(u32::try_from).transpose().map_err(too_large)?,
        deleted: fields.flag("deleted")?.value(),
    })
}
