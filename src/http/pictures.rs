//! A part's body with its pictures, and remote pictures fetched for it (EML-52).
//!
//! **Invariant:** a remote picture is fetched only for a signed link, from a public machine by HTTPS, without cookies or
//! referrer; what is not one of four kinds of picture by its own first bytes is not passed on.

use crate::desk::mail::pictures;
use crate::domain::id::AttachmentId;
use crate::domain::id::PartId;
use crate::domain::webhook_url::WebhookUrl;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::files::download_headers;
use axum::extract::RawPathParams;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Json;
use axum::response::Response;
use serde_json::json;

/// Largest remote picture that is shown, in bytes.
const PICTURE_BYTES_MAX: usize = 5 * 1024 * 1024;
/// How pictures begin.
const KINDS: [(&[u8], &str); 4] = [
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
];

/// The body of a part as HTML to be shown; remote pictures only where the caller asks for them.
pub(crate) async fn body(call: Call) -> Answer {
    let id: PartId = call.id("id", "part")?;
    let wants_remote = match call.query("remote_images") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(ApiError::field("parameter_invalid", "remote_images", "takes true or false")),
    };
    let part = call.read(move |desk, caller| desk.part(caller, id)).await?;
    let (links, now) = (call.file_links(), call.desk().clock().now());
    let file = |part: PartId, file: AttachmentId| links.link(part, file, now);
    let body = if wants_remote {
        pictures::with_all(&part, file, |part, at| links.picture_link(part, at, now))
    } else {
        pictures::with_files(&part, file)
    };
    let (shown, remote) = (body.into_owned(), pictures::remote_pictures(&part).len());
    Ok(Json(json!({
        "type": "part.body",
        "id": part.id.to_string(),
        "body": shown,
        "remote_images": remote,
        "remote_images_shown": wants_remote,
    })))
}

/// Passes on a remote picture.
pub(super) async fn remote(State(api): State<Api>, path: RawPathParams) -> Result<Response> {
    let token = path.iter().next().map(|(_, token)| token.to_owned()).unwrap_or_default();
    let now = api.desk.clock().now();
    let (part, at) = api.shared.links.read_picture(&token, now).ok_or_else(|| ApiError::not_found("picture"))?;
    let address = api.blocking(move |desk| Ok(desk.remote_picture(part, at)?)).await?;
    let unavailable =
        |why: &str| ApiError::new(StatusCode::BAD_GATEWAY, "picture_unavailable", format!("the picture {why}"));
    let plain = address.split('#').next().unwrap_or_default();
    // What was linked without TLS may be there with it, and is not fetched from elsewhere otherwise.
    let secure = plain.strip_prefix("http://").map(|rest| format!("https://{rest}"));
    let url = WebhookUrl::parse(plain).or_else(|why| secure.map_or(Err(why), |secure| WebhookUrl::parse(&secure)));
    let url = url.map_err(unavailable)?;
    let fetched = api.webhook_targets.fetch(&url, PICTURE_BYTES_MAX).await;
    let fetched = fetched.map_err(|why| unavailable(&format!("cannot be fetched: {why}")))?;
    let kind = kind_of(&fetched.bytes).ok_or_else(|| unavailable("is none of PNG, JPEG, GIF and WebP"))?;
    let mut headers = download_headers(kind, "picture");
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
    Ok((headers, fetched.bytes).into_response())
}

fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    let is_webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    let listed = KINDS.iter().find(|(beginning, _)| bytes.starts_with(beginning)).map(|(_, kind)| *kind);
    listed.or(is_webp.then_some("image/webp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eml_52_a_picture_is_known_by_its_first_bytes() {
        for (bytes, kind) in [
            (&b"\x89PNG\r\n\x1a\n..."[..], Some("image/png")),
            (b"GIF89a...", Some("image/gif")),
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"RIFF....WEBPVP8 ", Some("image/webp")),
            (b"RIFF....WAVE", None),
            (b"<svg xmlns=", None),
            (b"<html>", None),
            (b"", None),
        ] {
            assert_eq!(kind_of(bytes), kind);
        }
    }
}
