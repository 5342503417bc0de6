//! `POST /messenger/files`: a file that a contact sends ahead of a message or a form (MSG-60, FRM-8).
//!
//! The body is the file; its name stands percent-encoded in `X-File-Name`, whose it is in the pass that the socket gave.
//!
//! **Invariant:** a pass is read before the body is; it stands in a header field and never in an address.

use crate::desk::thread::message::NewAttachment;
use crate::domain::id::ContactId;
use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::frame;
use crate::http::input::RawInput;
use axum::Router;
use axum::extract::FromRequestParts;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware;
use axum::response::Json;
use axum::routing::post;
use serde_json::Value;
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;

/// Longest pass looked at, in bytes.
const PASS_BYTES_MAX: usize = 256;
/// Longest encoded name looked at, in bytes.
const NAME_BYTES_MAX: usize = 2_048;

/// The routes below `/messenger/files`.
pub(crate) fn routes(api: &Api) -> Router<Api> {
    Router::new()
        .route("/", post(create))
        .layer(CatchPanicLayer::custom(frame::after_panic))
        .layer(middleware::from_fn_with_state(api.clone(), frame::around_files))
}

/// The contact whose pass came with the request.
struct Sender(ContactId);

impl FromRequestParts<Api> for Sender {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self> {
        let field = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let pass = field.and_then(|field| field.strip_prefix("Bearer ")).filter(|pass| pass.len() <= PASS_BYTES_MAX);
        let contact = pass.and_then(|pass| api.shared.links.read_pass(pass.trim(), api.desk.clock().now()));
        contact.map(Self).ok_or_else(ApiError::unauthorized)
    }
}

async fn create(
    State(api): State<Api>,
    Sender(contact): Sender,
    headers: HeaderMap,
    input: RawInput,
) -> Result<Json<Value>> {
    let file =
        NewAttachment { name: name(&headers), content_type: input.media_type.clone(), bytes: input.bytes.clone() };
    let upload = api.desk.upload_by_contact(contact, file).await?;
    Ok(Json(json!({
        "type": "upload",
        "id": upload.id.to_string(),
        "name": upload.name,
        "content_type": upload.content_type,
        "size": upload.size,
    })))
}

/// The name as the sender calls it; the desk makes it safe.
fn name(headers: &HeaderMap) -> String {
    let field = headers.get("x-file-name").map(|value| value.as_bytes()).unwrap_or_default();
    let field = field.get(..NAME_BYTES_MAX.min(field.len())).unwrap_or_default();
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.iter().copied();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let encoded = (byte == b'%').then(|| Some(digit(ahead.next()?)? * 16 + digit(ahead.next()?)?)).flatten();
        match encoded {
            Some(decoded) => {
                bytes.push(decoded);
                rest = ahead;
            }
            None => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_percent_encoded_and_broken_ones_stay_as_they_are() {
        for (field, expected) in
            [("a.txt", "a.txt"), ("%C3%9Cber%20uns.pdf", "Über uns.pdf"), ("50%", "50%"), ("%zz%4", "%zz%4")]
        {
            let mut headers = HeaderMap::new();
            headers.insert("x-file-name", field.parse().unwrap());
            assert_eq!(name(&headers), expected, "{field}");
        }
        assert_eq!(name(&HeaderMap::new()), "");
    }
}
