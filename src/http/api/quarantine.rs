//! Mail that could not be taken in, and the raw message of a part (API-49). For operators.

use crate::domain::agent::Scope;
use crate::domain::id::IntakeId;
use crate::domain::id::PartId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire;
use crate::http::api::wire::intake::row;
use crate::http::call::Call;
use crate::http::error::Result;
use crate::http::files::download_headers;
use crate::http::paging::PER_PAGE_MAX;
use axum::Router;
use axum::response::IntoResponse;
use axum::response::Json;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/quarantine", get(list))
        .route("/quarantine/{id}/retry", post(retry))
        .route("/parts/{id}/source", get(source))
}

async fn list(call: Call) -> Answer {
    call.require(Scope::Settings)?;
    let limit = call.page(PER_PAGE_MAX)?.per_page;
    let rows = call.read(move |desk, _| desk.quarantine(limit)).await?;
    Ok(Json(wire::list(rows.iter().map(row).collect())))
}

async fn retry(call: Call) -> Answer {
    call.require(Scope::Settings)?;
    let id: IntakeId = call.id("id", "quarantine")?;
    let settled = call.desk().retry_quarantined(id).await?;
    Ok(Json(row(&settled)))
}

/// The mail a part came from, byte for byte, as a download. A part may stand in any thread, so both reading scopes are
/// needed.
async fn source(call: Call) -> Result<Response> {
    call.require(Scope::ReadConversations)?;
    call.require(Scope::ReadTickets)?;
    let id: PartId = call.id("id", "part")?;
    let raw = call.read(move |desk, _| desk.raw_of_part(id)).await?;
    Ok((download_headers("message/rfc822", &format!("part-{id}.eml")), raw).into_response())
}
