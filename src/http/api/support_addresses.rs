//! `/support_addresses`: where customers write to, and whether their mail comes in (EML-10). For operators: scope
//! `settings`.

use crate::desk::mail::forwarding::Forwarding;
use crate::domain::address::Address;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire;
use crate::http::call::Call;
use crate::http::error::ApiError;
use axum::Router;
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::get;
use axum::routing::post;
use serde_json::Value;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/support_addresses", get(list)).route("/support_addresses/{address}/probe", post(probe))
}

async fn list(call: Call) -> Answer {
    let known = call.read(|desk, caller| desk.forwarding(Some(caller))).await?;
    Ok(Json(wire::list(known.iter().map(shown).collect())))
}

/// Sends the probe; when it comes back, the list says so.
async fn probe(call: Call) -> Answer {
    let named = call.path_text("address").and_then(Address::parse);
    let address = named.ok_or_else(|| ApiError::not_found("support address"))?;
    let mail = call.desk().forwarding_probe(Some(&call.caller), &address).await?;
    let answer = call.probe_relays().send(&mail).await;
    let answer = answer.map_err(|why| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", why))?;
    Ok(Json(json!({
        "type": "probe",
        "email": address.to_string(),
        "message_id": mail.message_id,
        "relay_answer": answer,
    })))
}

fn shown(known: &Forwarding) -> Value {
    json!({
        "type": "support_address",
        "email": known.address.to_string(),
        "forwarding_enabled": known.proven_at.is_some(),
        "probed_at": known.probed_at.map(|at| at.seconds()),
        "proven_at": known.proven_at.map(|at| at.seconds()),
    })
}
