//! `/files/{token}`: attachments by signed, expiring link (OBJ-44).
//!
//! **Invariant:** a file is only ever a download: no sniffing, no scripts, no frames, and a media type from the safe
//! list or none (OPS-9). What a customer sent must not run in an agent's browser.

use crate::desk::Desk;
use crate::desk::file_links::NO_PART;
use crate::domain::attachment::Attachment;
use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::frame;
use crate::http::pictures;
use axum::Router;
use axum::extract::RawPathParams;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::header;
use axum::middleware;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;

/// Media types that are told to browsers; everything else is a stream of bytes.
const SAFE_TYPES: [&str; 6] = ["image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain"];
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The routes below `/files`.
pub(crate) fn routes(api: &Api) -> Router<Api> {
    Router::new()
        .route("/{token}", get(download))
        .route("/remote/{token}", get(pictures::remote))
        .layer(CatchPanicLayer::custom(frame::after_panic))
        .layer(middleware::from_fn_with_state(api.clone(), frame::around_files))
}

async fn download(State(api): State<Api>, path: RawPathParams) -> Result<Response> {
    let token = path.iter().next().map(|(_, token)| token.to_owned()).unwrap_or_default();
    let now = api.desk.clock().now();
    let (part, id) = api.shared.links.read(&token, now).ok_or_else(|| ApiError::not_found("file"))?;
    let read = move |desk: &Desk| match part {
        NO_PART => Ok(desk.uploaded(id)?),
        part => Ok(desk.attachment(part, id)?),
    };
    let (file, bytes) = api.blocking(read).await?;
    Ok(as_download(&file, bytes))
}

fn as_download(file: &Attachment, bytes: Vec<u8>) -> Response {
    let media_type = SAFE_TYPES.into_iter().find(|safe| *safe == file.content_type).unwrap_or(UNKNOWN_TYPE);
    (download_headers(media_type, &file.name), bytes).into_response()
}

/// The fields that make an answer a download and nothing more.
pub(crate) fn download_headers(media_type: &'static str, name: &str) -> HeaderMap {
    let fields: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CONTENT_DISPOSITION, disposition(name)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("sandbox; default-src 'none'; frame-ancestors 'none'"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    fields.into_iter().collect()
}

/// `attachment` with the name in both forms of RFC 6266 §4.3: ASCII for old readers, UTF-8 by RFC 8187 for all others.
fn disposition(name: &str) -> HeaderValue {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ') { c } else { '_' };
    let ascii: String = name.chars().map(plain).take(200).collect();
    let mut encoded = String::new();
    for byte in name.chars().take(200).collect::<String>().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    HeaderValue::from_str(&format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}"))
        .unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attachment::AttachmentSource;
    use crate::domain::attachment::BlobHash;
    use crate::domain::id::AttachmentId;

    fn sent(name: &str, content_type: &str) -> HeaderMap {
        let file = Attachment {
            id: AttachmentId(1),
            name: name.to_owned(),
            content_type: content_type.to_owned(),
            size: 3,
            source: AttachmentSource::Blob(BlobHash([0; 32])),
            content_id: None,
        };
        as_download(&file, b"abc".to_vec()).headers().clone()
    }

    #[test]
    fn ops_9_a_file_is_a_download_whatever_it_claims_to_be() {
        for claimed in ["text/html", "image/svg+xml", "application/xhtml+xml", "text/html; x=\"\r\nX: y\""] {
            let headers = sent("page.html", claimed);
            assert_eq!(headers[header::CONTENT_TYPE], UNKNOWN_TYPE, "{claimed}");
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert!(headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("sandbox"));
            assert!(headers[header::CONTENT_DISPOSITION].to_str().unwrap().starts_with("attachment;"));
        }
        assert_eq!(sent("p.png", "image/png")[header::CONTENT_TYPE], "image/png");
    }

    #[test]
    fn ops_9_names_cannot_leave_their_field() {
        let headers = sent("Rechnung \"März\"\r\nSet-Cookie: a=b.pdf", "application/pdf");
        assert_eq!(
            headers[header::CONTENT_DISPOSITION],
            "attachment; filename=\"Rechnung _M_rz___Set-Cookie_ a_b.pdf\"; \
             filename*=UTF-8''Rechnung%20%22M%C3%A4rz%22%0D%0ASet-Cookie%3A%20a%3Db.pdf"
        );
    }
}
