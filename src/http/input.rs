//! Bodies, read within limits (API-11). What is in them is looked at by [`crate::http::fields`].
//!
//! **Invariant:** a body is never in memory beyond its limit and never nested deeper than [`DEPTH_MAX`]. An empty body is
//! an empty object.

use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use axum::body::Body;
use axum::body::HttpBody;
use axum::extract::FromRequest;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header;
use http_body_util::BodyExt;
use serde_json::Map;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;

/// Largest body in bytes (API-11).
const BODY_BYTES_MAX: usize = 40 * 1024 * 1024;
/// Deepest nesting (API-11).
const DEPTH_MAX: usize = 32;
/// Most values in one body; what a value costs in memory is many times its byte.
const VALUES_MAX: usize = 100_000;
/// Longest silence while a body is read.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(10);

/// The JSON object of a request's body.
#[derive(Debug)]
pub(crate) struct Input {
    map: Map<String, Value>,
    /// Room taken in memory until the request is answered.
    _room: Option<OwnedSemaphorePermit>,
}

impl Input {
    /// Its fields.
    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields::at_top(&self.map)
    }
}

/// A body as it came, with what it says it is.
#[derive(Debug)]
pub(crate) struct RawInput {
    pub(crate) bytes: Vec<u8>,
    pub(crate) media_type: String,
    /// Room taken in memory until the request is answered.
    _room: Option<OwnedSemaphorePermit>,
}

impl FromRequest<Api> for RawInput {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self> {
        let (head, body) = request.into_parts();
        let (bytes, room) = read_body(&api.shared.body_room, body, SILENCE_MAX).await?;
        let declared = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(Self { bytes, media_type: declared.unwrap_or_default().to_owned(), _room: room })
    }
}

impl FromRequest<Api> for Input {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self> {
        let (head, body) = request.into_parts();
        let (bytes, room) = read_body(&api.shared.body_room, body, SILENCE_MAX).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self { map: Map::new(), _room: room });
        }
        check_media_type(&head.headers)?;
        check_shape(&bytes)?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(map)) => Ok(Self { map, _room: room }),
            Ok(_) => Err(ApiError::invalid("bad_request", "the body must be a JSON object")),
            Err(error) => Err(ApiError::invalid("bad_request", format!("the body is not JSON: {error}"))),
        }
    }
}

/// Reads a body whole; takes room for it as it grows, and gives up when it falls silent.
pub(crate) async fn read_body(
    all_room: &Arc<Semaphore>,
    body: Body,
    silence_max: Duration,
) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>)> {
    read_body_of(all_room, body, silence_max, BODY_BYTES_MAX).await
}

/// As [`read_body`], with a limit of its own.
pub(crate) async fn read_body_of(
    all_room: &Arc<Semaphore>,
    mut body: Body,
    silence_max: Duration,
    bytes_max: usize,
) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>)> {
    if body.size_hint().lower() > u64::try_from(bytes_max).unwrap_or(u64::MAX) {
        return Err(ApiError::of_status(StatusCode::PAYLOAD_TOO_LARGE));
    }
    let mut bytes = Vec::new();
    let mut room: Option<OwnedSemaphorePermit> = None;
    loop {
        let frame = tokio::time::timeout(silence_max, body.frame()).await;
        let Some(frame) = frame.map_err(|_| ApiError::of_status(StatusCode::REQUEST_TIMEOUT))? else {
            return Ok((bytes, room));
        };
        let frame = frame.map_err(|_| ApiError::invalid("bad_request", "the body ended early"))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len().saturating_add(data.len()) > bytes_max {
            return Err(ApiError::of_status(StatusCode::PAYLOAD_TOO_LARGE));
        }
        bytes.extend_from_slice(&data);
        let taken = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = u32::try_from((bytes.len() / 1024).saturating_sub(taken)).unwrap_or(u32::MAX);
        if wanted > 0 {
            let more = Arc::clone(all_room).try_acquire_many_owned(wanted);
            let more = more.map_err(|_| ApiError::unavailable("too many large requests at once; try again"))?;
            match room.as_mut() {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
        }
    }
}

/// A body that says it is something else than JSON is not guessed at.
fn check_media_type(headers: &HeaderMap) -> Result<()> {
    let declared =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/json");
    let media_type = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json")) {
        return Ok(());
    }
    Err(ApiError::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

/// Depth and number of values, counted in one pass before anything is built.
fn check_shape(bytes: &[u8]) -> Result<()> {
    let (mut depth, mut values, mut in_string, mut escaped) = (0_usize, 1_usize, false, false);
    for byte in bytes {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (true, _) => {}
            (false, b'[' | b'{') => depth = depth.saturating_add(1),
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            (false, b',') => values = values.saturating_add(1),
            (false, _) => {}
        }
        if depth > DEPTH_MAX || values > VALUES_MAX {
            return Err(ApiError::invalid(
                "bad_request",
                format!("the body is nested deeper than {DEPTH_MAX} or holds more than {VALUES_MAX} values"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_11_deep_and_crowded_bodies_are_refused_before_they_are_built() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth)).into_bytes();
        assert!(check_shape(&nested(DEPTH_MAX)).is_ok());
        assert!(check_shape(&nested(DEPTH_MAX + 1)).is_err());
        assert!(check_shape(br#"{"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"[["}"#).is_ok(), "brackets in text");
        assert!(check_shape(",".repeat(VALUES_MAX + 1).as_bytes()).is_err());
    }

    #[tokio::test]
    async fn fault_88_a_body_that_falls_silent_is_given_up() {
        let silent = Body::from_stream(futures_util::stream::pending::<std::result::Result<Vec<u8>, std::io::Error>>());
        let read = read_body(&Arc::new(Semaphore::new(1)), silent, Duration::from_millis(1)).await;
        assert_eq!(read.unwrap_err().status, StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn bodies_take_room_and_are_turned_away_when_there_is_none() {
        let room = Arc::new(Semaphore::new(8));
        let body = || Body::from(vec![b' '; 5 * 1024]);
        let (_, first) = read_body(&room, body(), SILENCE_MAX).await.unwrap();
        let second = read_body(&room, body(), SILENCE_MAX).await;
        assert_eq!(second.unwrap_err().status, StatusCode::SERVICE_UNAVAILABLE);
        drop(first);
        assert!(read_body(&room, body(), SILENCE_MAX).await.is_ok());
    }

    #[test]
    fn fault_78_a_body_of_another_kind_is_not_guessed_at() {
        for (declared, accepted) in [
            (None, true),
            (Some("application/json; charset=utf-8"), true),
            (Some("Application/JSON"), true),
            (Some("application/vnd.api+json"), true),
            (Some("application/x-www-form-urlencoded"), false),
            (Some("text/plain"), false),
        ] {
            let headers = declared
                .map(|declared| (header::CONTENT_TYPE, axum::http::HeaderValue::from_static(declared)))
                .into_iter()
                .collect();
            assert_eq!(check_media_type(&headers).is_ok(), accepted, "{declared:?}");
        }
    }
}
