//! `/uploads`: files sent ahead of what they belong to (API-53).

use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::input::RawInput;
use crate::http::multipart::Piece;
use crate::http::multipart::pieces;
use axum::Router;
use axum::response::Json;
use axum::routing::post;

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/uploads", post(create))
}

/// Every file of the body becomes an upload; other fields are ignored.
async fn create(call: Call, input: RawInput) -> Answer {
    let mut kept = Vec::new();
    let wire = call.wire().await?;
    for piece in pieces(input).await? {
        if let Piece::File { file, .. } = piece {
            kept.push(wire.upload(&call.desk().upload(&call.caller, file).await?));
        }
    }
    if kept.is_empty() {
        return Err(ApiError::missing("file"));
    }
    Ok(Json(wire::list(kept)))
}
