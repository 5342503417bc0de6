//! `/api/openapi.json`: the API described in OpenAPI 3.1, made from tables of this module.
//!
//! Ours rather than a library's macros: handlers take and give JSON that is read and made by hand (two shapes, strict types,
//! absent against null), of which derived types would know nothing. What keeps the description true are tests: every
//! route of the sources is in it and the other way round, every answer of the tests fits it, and generated requests are
//! tried against the daemon.
//!
//! **Invariant:** no secret is in it; it may be read without a token.

mod bodies;
mod operations;
mod people;
mod records;
mod schemas;

use crate::http::description::operations::Body;
use crate::http::description::operations::Operation;
use axum::response::Json;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// Answer of what is taken and done without a word: 202 and an empty object.
const ACCEPTED: &str = "accepted";

/// Where it is, below `/api`.
pub(crate) const PATH: &str = "/openapi.json";

/// `GET /openapi.json`.
pub(crate) async fn answer() -> Json<Value> {
    Json(document())
}

/// The whole description.
pub(crate) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations::all() {
        let methods = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(operation.method.to_owned(), described(operation));
        }
    }
    paths.insert("/hooks/in/mime".to_owned(), json!({"post": mime_hook()}));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Deskgate",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Compatible with Intercom's API 2.14 and 2.16. Additions stand in 'deskgate' or have paths of their own.",
        },
        "servers": [{"url": "/api"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "parameters": parameters(),
            "responses": {"error": error_response()},
            "schemas": schemas::all(),
        },
    })
}

/// The one operation beside `/api`: it takes a mail, not JSON.
fn mime_hook() -> Value {
    let query = |name: &str, schema: Value, says: &str| json!({"name": name, "in": "query", "required": false, "schema": schema, "description": says});
    let addresses = json!({"type": "array", "maxItems": 100, "items": {"type": "string"}});
    let answer = json!({"$ref": "#/components/schemas/taken_mail"});
    let error = json!({"$ref": "#/components/responses/error"});
    json!({
        "operationId": "post_hooks_in_mime",
        "tags": ["hooks"],
        "summary": "take a mail in, as it was received (RFC 5322); a token of scope intake",
        "servers": [{"url": "/"}],
        "parameters": [
            query("recipient", addresses, "support addresses of the envelope"),
            query("sender", json!({"type": "string", "maxLength": 256}), "MAIL FROM of the envelope"),
        ],
        "requestBody": {"required": true, "content": {"message/rfc822": {"schema": {"type": "string", "format": "binary"}}}},
        "responses": {
            "200": {"description": "what became of it", "content": {"application/json": {"schema": answer}}},
            "4XX": error, "5XX": error,
        },
    })
}

fn described(operation: &Operation) -> Value {
    let mut parameters: Vec<Value> = path_parameters(operation.path)
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}}))
        .collect();
    parameters.extend(operation.query.iter().map(|name| query_parameter(name)));
    parameters.push(json!({"$ref": "#/components/parameters/version"}));
    if operation.method == "post" {
        parameters.push(json!({"$ref": "#/components/parameters/idempotency_key"}));
    }
    let mut described = json!({
        "operationId": operation.id(),
        "tags": [operation.path.split('/').nth(1).unwrap_or_default()],
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses(operation),
    });
    let body = match operation.body {
        Body::None => None,
        Body::Json(schema) => Some(json!({"application/json": {"schema": schema()}})),
        Body::Picture => Some(json!({"image/*": {"schema": {"type": "string", "format": "binary"}}})),
        Body::File => Some(json!({"multipart/form-data": {"schema": bodies::upload()}})),
    };
    if let (Some(content), Some(described)) = (body, described.as_object_mut()) {
        described.insert("requestBody".to_owned(), json!({"content": content}));
    }
    described
}

fn responses(operation: &Operation) -> Value {
    let ok = if operation.answer.is_empty() {
        let kind = match operation.path {
            path if path.ends_with(".csv") => "text/csv",
            path if path.ends_with("/stream") => "text/event-stream",
            _ => "application/octet-stream",
        };
        json!({"description": operation.summary, "content": {kind: {}}})
    } else {
        let schema = json!({"$ref": format!("#/components/schemas/{}", operation.answer)});
        json!({"description": operation.summary, "content": {"application/json": {"schema": schema}}, "headers": rate_headers()})
    };
    let error = json!({"$ref": "#/components/responses/error"});
    let done = if operation.answer == ACCEPTED { "202" } else { "200" };
    json!({done: ok, "4XX": error, "5XX": error})
}

/// Names in braces.
fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn query_parameter(name: &str) -> Value {
    let schema = match name {
        "per_page" => json!({"type": "integer", "minimum": 1, "maximum": 150}),
        "parts" => json!({"enum": ["none"]}),
        "display_as" => json!({"enum": ["plaintext"]}),
        _ => json!({"type": "string"}),
    };
    json!({"name": name, "in": "query", "required": false, "schema": schema})
}

fn parameters() -> Value {
    json!({
        "version": {
            "name": "Intercom-Version", "in": "header", "required": false,
            "schema": {"enum": ["2.12", "2.13", "2.14", "2.15", "2.16", "2.17", "Preview", "Unstable"]},
        },
        "idempotency_key": {
            "name": "Idempotency-Key", "in": "header", "required": false,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        },
    })
}

fn rate_headers() -> Value {
    let number = json!({"schema": {"type": "integer"}});
    json!({"X-RateLimit-Limit": number, "X-RateLimit-Remaining": number, "X-RateLimit-Reset": number})
}

fn error_response() -> Value {
    let schema = json!({"$ref": "#/components/schemas/error_list"});
    json!({"description": "why not", "content": {"application/json": {"schema": schema}}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_is_referred_to_is_there_and_operations_have_names_of_their_own() {
        let document = document();
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document.pointer(reference).is_some(), "{reference} is not there");
        }
        let names: BTreeSet<String> = operations::all().map(Operation::id).collect();
        assert_eq!(names.len(), operations::all().count());
    }
}
