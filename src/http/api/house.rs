//! What the configuration says of the house, in the compatible forms (API-27): its brand, its addresses. There is one
//! brand.

use crate::desk::SupportAddress;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire::Wire;
use crate::http::api::wire::list;
use crate::http::call::Call;
use crate::http::error::ApiError;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use serde_json::Value;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/brands", get(brands))
        .route("/brands/{id}", get(brand))
        .route("/emails", get(emails))
        .route("/emails/{id}", get(email))
}

fn brand_form(call: &Call, wire: &Wire) -> Value {
    let settings = call.desk().settings();
    json!({
        "type": "brand",
        "id": wire.workspace_id,
        "name": settings.workspace_name,
        "is_default": true,
        "default_address_settings_id": settings.main_address.address.to_string(),
    })
}

async fn brands(call: Call) -> Answer {
    let wire = call.wire().await?;
    Ok(Json(list(vec![brand_form(&call, &wire)])))
}

async fn brand(call: Call) -> Answer {
    let wire = call.wire().await?;
    if call.path_text("id") != Some(wire.workspace_id.as_str()) {
        return Err(ApiError::not_found("brand"));
    }
    Ok(Json(brand_form(&call, &wire)))
}

/// An address is its own id: it stands in the configuration.
fn email_form(support: &SupportAddress, wire: &Wire) -> Value {
    let address = support.address.to_string();
    json!({
        "type": "email_setting",
        "id": address,
        "email": address,
        "name": support.name,
        "domain": support.address.domain(),
        "brand_id": wire.workspace_id,
    })
}

async fn emails(call: Call) -> Answer {
    let wire = call.wire().await?;
    Ok(Json(list(call.desk().settings().support.iter().map(|support| email_form(support, &wire)).collect())))
}

async fn email(call: Call) -> Answer {
    let wire = call.wire().await?;
    let named = |support: &&SupportAddress| call.path_text("id") == Some(support.address.to_string().as_str());
    let support = call.desk().settings().support.iter().find(named);
    support.map(|support| Json(email_form(support, &wire))).ok_or_else(|| ApiError::not_found("email"))
}
