//! `/support_addresses`: where customers write to, whether their mail comes in (EML-10), and whether ours is believed (EML-66).
//! For operators: scope `settings`.

use crate::channel::dns::Looked;
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
    Router::new()
        .route("/support_addresses", get(list))
        .route("/support_addresses/{address}/probe", post(probe))
        .route("/support_addresses/{address}/dns", get(dns))
}

async fn list(call: Call) -> Answer {
    let known = call.read(|desk, caller| desk.forwarding(Some(caller))).await?;
    Ok(Json(wire::list(known.iter().map(shown).collect())))
}

/// Sends the probe; when it comes back, the list says so.
async fn probe(call: Call) -> Answer {
    let address = address(&call)?;
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

/// What the DNS should say of an address's domain, and what it says.
async fn dns(call: Call) -> Answer {
    let records = call.desk().dns_records(Some(&call.caller), &address(&call)?)?;
    let no_dns = || ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", "no DNS server to ask");
    let looked = call.dns().ok_or_else(no_dns)?.look(records).await;
    Ok(Json(wire::list(looked.iter().map(record).collect())))
}

fn record(looked: &Looked) -> Value {
    json!({
        "type": "dns_record",
        "purpose": looked.record.purpose.as_str(),
        "name": looked.name,
        "record_type": "TXT",
        "expected": looked.record.text,
        "found": looked.found,
        "state": looked.finding.as_str(),
        "reason": looked.finding.why(),
    })
}

fn address(call: &Call) -> Result<Address, ApiError> {
    call.path_text("address").and_then(Address::parse).ok_or_else(|| ApiError::not_found("support address"))
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
