//! `/avatars/{name}`: agents' pictures, for everybody who reads what they wrote.
//!
//! **Invariant:** what is served was looked at when it was set and is told as that kind alone; another picture has another
//! address, so that browsers keep one for good.

use crate::desk::Desk;
use crate::http::Api;
use crate::http::error::Result;
use crate::http::frame;
use axum::Router;
use axum::extract::RawPathParams;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header;
use axum::middleware;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;

const KEPT: &str = "public, max-age=31536000, immutable";

/// The routes below `/avatars`.
pub(crate) fn routes(api: &Api) -> Router<Api> {
    Router::new()
        .route("/{name}", get(picture))
        .layer(CatchPanicLayer::custom(frame::after_panic))
        .layer(middleware::from_fn_with_state(api.clone(), frame::around_files))
}

async fn picture(State(api): State<Api>, path: RawPathParams) -> Result<Response> {
    let name = path.iter().next().map(|(_, name)| name.to_owned()).unwrap_or_default();
    let (kind, bytes) = api.blocking(move |desk: &Desk| Ok(desk.avatar(&name)?)).await?;
    let fields: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, kind.media_type()),
        (header::CACHE_CONTROL, KEPT),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; frame-ancestors 'none'"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    Ok((fields, bytes).into_response())
}
