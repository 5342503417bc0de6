//! What agents show of the moment: that they type, that they are there (MSG-24, MSG-45). Nothing of it is kept but
//! how far the agent has read.

use crate::channel::messenger::presence::AgentFace;
use crate::channel::messenger::presence::AgentState;
use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::input::Input;
use axum::Router;
use axum::response::Json;
use axum::routing::post;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/conversations/{id}/typing", post(typing))
        .route("/conversations/{id}/presence", post(presence))
}

/// Holds for five seconds; say it again while it lasts.
async fn typing(call: Call) -> Answer {
    let (thread, shown_to, face) = appears(&call)?;
    if let Some(hub) = call.messenger() {
        hub.agent_typing(thread, shown_to, &face);
    }
    Ok(told(thread))
}

async fn presence(call: Call, input: Input) -> Answer {
    let (thread, shown_to, face) = appears(&call)?;
    let state = match input.fields().text("state")?.value() {
        Some("active") => AgentState::Active,
        Some("away") => AgentState::Away,
        Some(_) => return Err(ApiError::invalid("parameter_invalid", "state is active or away")),
        None => return Err(ApiError::missing("state")),
    };
    if let Some(hub) = call.messenger() {
        hub.agent_presence(thread, shown_to, &face, state);
    }
    if state == AgentState::Active {
        // Who is there needs no mail of what stands there (NTF-15).
        call.desk().agent_saw(&call.caller, thread).await?;
    }
    Ok(told(thread))
}

/// Agents' programs say this every few seconds of each conversation: one row of the store is read where the request is, since a
/// thread to wait for the disk on would cost more.
fn appears(call: &Call) -> Result<(ThreadId, Option<ContactId>, AgentFace)> {
    let thread: ThreadId = call.id("id", "conversation")?;
    let shown_to = call.desk().may_appear(&call.caller, thread)?;
    let agent = call.caller.agent;
    let avatar = call.messenger().and_then(|hub| hub.avatar_of(agent));
    let face = AgentFace { id: agent.to_string(), name: call.caller.name.clone(), avatar };
    Ok((thread, shown_to, face))
}

fn told(thread: ThreadId) -> Json<serde_json::Value> {
    Json(json!({"type": "conversation", "id": thread.to_string()}))
}
