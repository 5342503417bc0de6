//! What the configuration says of the house, in the compatible forms (API-27): its brands, its addresses. The workspace is a
//! brand itself, the default one.

use crate::desk::Brand;
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

/// The workspace's own brand, and those beside it in the order of the configuration.
fn brand_forms(call: &Call, wire: &Wire) -> Vec<(String, Value)> {
    let settings = call.desk().settings();
    let first = |id: &String| settings.support.iter().find(|support| support.brand.as_ref() == Some(id));
    let default = json!({
        "type": "brand",
        "id": wire.workspace_id,
        "name": settings.workspace_name,
        "is_default": true,
        "default_address_settings_id": settings.main_address.address.to_string(),
    });
    let beside = |brand: &Brand| {
        let form = json!({
            "type": "brand",
            "id": brand.id,
            "name": brand.name,
            "is_default": false,
            "default_address_settings_id": first(&brand.id).map(|support| support.address.to_string()),
        });
        (brand.id.clone(), form)
    };
    std::iter::once((wire.workspace_id.clone(), default)).chain(settings.brands.iter().map(beside)).collect()
}

async fn brands(call: Call) -> Answer {
    let wire = call.wire().await?;
    Ok(Json(list(brand_forms(&call, &wire).into_iter().map(|(_, form)| form).collect())))
}

async fn brand(call: Call) -> Answer {
    let wire = call.wire().await?;
    let found = brand_forms(&call, &wire).into_iter().find(|(id, _)| call.path_text("id") == Some(id));
    found.map(|(_, form)| Json(form)).ok_or_else(|| ApiError::not_found("brand"))
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
        "brand_id": support.brand.as_ref().unwrap_or(&wire.workspace_id),
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
