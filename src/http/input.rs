//! Bodies: read within limits, then looked at field by field with strict types (API-3, API-11).
//!
//! **Invariant:** a body is never in memory beyond its limit, never nested deeper than [`DEPTH_MAX`], and a field of the
//! wrong type is refused by name. Unknown keys are ignored; an empty body is an empty object.

use crate::desk::tickets::Values;
use crate::domain::attribute::Value as Kept;
use crate::domain::id::Millis;
use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::error::Result;
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
use std::str::FromStr;
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
const SILENCE_MAX: Duration = Duration::from_secs(10);

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
        Fields { map: &self.map, path: String::new() }
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
async fn read_body(
    all_room: &Arc<Semaphore>,
    mut body: Body,
    silence_max: Duration,
) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>)> {
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
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
        if bytes.len().saturating_add(data.len()) > BODY_BYTES_MAX {
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

/// A field as it was sent (API-4: absent leaves alone, null clears).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given<T> {
    Absent,
    Null,
    Some(T),
}

impl<T> Given<T> {
    /// The value; null counts as absent.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Some(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// The change it asks for: none, clear, set.
    #[expect(clippy::option_option, reason = "the desk's form of API-4")]
    pub(crate) fn change(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Some(value) => Some(Some(value)),
        }
    }

    fn try_map<U>(self, read: impl FnOnce(T) -> Result<U>) -> Result<Given<U>> {
        Ok(match self {
            Self::Absent => Given::Absent,
            Self::Null => Given::Null,
            Self::Some(value) => Given::Some(read(value)?),
        })
    }
}

/// Fields of an object in a body; errors name them with their path.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'v> {
    map: &'v Map<String, Value>,
    path: String,
}

impl<'v> Fields<'v> {
    /// The fields of a value that must be an object.
    pub(crate) fn of(value: &'v Value, path: &str) -> Result<Self> {
        let map = value.as_object().ok_or_else(|| ApiError::wrong_type(path, "an object"))?;
        Ok(Self { map, path: format!("{path}.") })
    }

    /// The name of a field with its path, for errors.
    pub(crate) fn named(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }

    /// Any value.
    pub(crate) fn any(&self, name: &str) -> Given<&'v Value> {
        match self.map.get(name) {
            None => Given::Absent,
            Some(Value::Null) => Given::Null,
            Some(value) => Given::Some(value),
        }
    }

    fn typed<T>(&self, name: &str, expected: &str, read: impl FnOnce(&'v Value) -> Option<T>) -> Result<Given<T>> {
        self.any(name).try_map(|value| read(value).ok_or_else(|| ApiError::wrong_type(&self.named(name), expected)))
    }

    /// Text.
    pub(crate) fn text(&self, name: &str) -> Result<Given<&'v str>> {
        self.typed(name, "a string", Value::as_str)
    }

    /// Text as an owned string.
    pub(crate) fn owned(&self, name: &str) -> Result<Given<String>> {
        self.text(name)?.try_map(|text| Ok(text.to_owned()))
    }

    /// Yes or no.
    pub(crate) fn flag(&self, name: &str) -> Result<Given<bool>> {
        self.typed(name, "true or false", Value::as_bool)
    }

    /// An object.
    pub(crate) fn object(&self, name: &str) -> Result<Given<Fields<'v>>> {
        self.typed(name, "an object", Value::as_object)?
            .try_map(|map| Ok(Fields { map, path: format!("{}.", self.named(name)) }))
    }

    /// An array.
    pub(crate) fn list(&self, name: &str) -> Result<Given<&'v [Value]>> {
        self.typed(name, "an array", |value| value.as_array().map(Vec::as_slice))
    }

    /// An id, as string or number (OBJ-1).
    pub(crate) fn id<T: FromStr>(&self, name: &str) -> Result<Given<T>> {
        self.any(name).try_map(|value| read_id(value, &self.named(name)))
    }

    /// A moment, in Unix seconds or ISO 8601 (API-3).
    pub(crate) fn moment(&self, name: &str) -> Result<Given<Millis>> {
        self.typed(name, "Unix seconds or an ISO 8601 time with offset", read_moment)
    }

    /// Text that must be there.
    pub(crate) fn required_text(&self, name: &str) -> Result<&'v str> {
        self.text(name)?.value().ok_or_else(|| ApiError::missing(&self.named(name)))
    }

    /// An id that must be there.
    pub(crate) fn required_id<T: FromStr>(&self, name: &str) -> Result<T> {
        self.id(name)?.value().ok_or_else(|| ApiError::missing(&self.named(name)))
    }

    /// One of a few words, read by `read`.
    pub(crate) fn word<T>(&self, name: &str, expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<Given<T>> {
        self.text(name)?.try_map(|text| {
            let named = self.named(name);
            read(text)
                .ok_or_else(|| ApiError::field("parameter_invalid", &named, format!("'{named}' takes {expected}")))
        })
    }

    /// Values by name, as the desk takes them; null clears. Empty when absent.
    pub(crate) fn values(&self, name: &str) -> Result<Values> {
        let Given::Some(object) = self.object(name)? else {
            return Ok(Vec::new());
        };
        object.map.iter().map(|(key, value)| Ok((key.clone(), kept(value, &object.named(key))?))).collect()
    }
}

/// An id, as string or number.
pub(crate) fn read_id<T: FromStr>(value: &Value, named: &str) -> Result<T> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) if number.is_u64() => number.to_string(),
        _ => return Err(ApiError::wrong_type(named, "an id")),
    };
    text.parse().map_err(|_| ApiError::field("parameter_invalid", named, format!("'{named}' is not an id")))
}

fn read_moment(value: &Value) -> Option<Millis> {
    let seconds = match value {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) => match text.parse() {
            Ok(seconds) => seconds,
            Err(_) => {
                let at: jiff::Timestamp = text.parse().ok()?;
                return u64::try_from(at.as_millisecond()).ok().map(Millis);
            }
        },
        _ => return None,
    };
    seconds.checked_mul(1_000).map(Millis)
}

fn kept(value: &Value, named: &str) -> Result<Option<Kept>> {
    let kept = match value {
        Value::Null => return Ok(None),
        Value::Bool(yes) => Kept::Boolean(*yes),
        Value::String(text) => Kept::Text(text.clone()),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Kept::Integer(whole),
            None => Kept::Decimal(number.to_string()),
        },
        Value::Array(ids) => {
            let ids = ids.iter().map(|id| match id {
                Value::String(id) => Ok(id.clone()),
                Value::Number(id) if id.is_u64() => Ok(id.to_string()),
                _ => Err(ApiError::wrong_type(named, "an array of upload ids")),
            });
            Kept::Files(ids.collect::<Result<_>>()?)
        }
        Value::Object(_) => return Err(ApiError::wrong_type(named, "a single value")),
    };
    Ok(Some(kept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ThreadId;
    use serde_json::json;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn code<T: std::fmt::Debug>(read: Result<T>) -> (&'static str, Option<String>) {
        let error = read.unwrap_err();
        (error.code, error.field)
    }

    #[test]
    fn api_3_ids_and_moments_come_in_both_forms() {
        let map = map(&json!({"a": "80412", "b": 80412, "s": 1767225600, "i": "2026-01-01T01:00:00+01:00", "n": null}));
        let fields = Fields { map: &map, path: String::new() };
        for name in ["a", "b"] {
            assert_eq!(fields.id::<ThreadId>(name).unwrap(), Given::Some(ThreadId(80_412)));
        }
        for name in ["s", "i"] {
            assert_eq!(fields.moment(name).unwrap(), Given::Some(Millis(1_767_225_600_000)));
        }
        assert_eq!(fields.id::<ThreadId>("n").unwrap(), Given::Null);
        assert_eq!(fields.id::<ThreadId>("x").unwrap(), Given::Absent);
    }

    #[test]
    fn api_3_a_wrong_type_is_refused_by_name() {
        let map = map(&json!({
            "t": 5, "f": "true", "l": {}, "o": [], "m": "soon", "v": {"k": {"x": 1}},
            "id": -1, "id2": 1.5, "id3": "../1", "id4": "9007199254740992",
        }));
        let fields = Fields { map: &map, path: String::new() };
        assert_eq!(code(fields.text("t")), ("type_mismatch", Some("t".to_owned())));
        assert_eq!(code(fields.flag("f")).0, "type_mismatch");
        assert_eq!(code(fields.list("l")).0, "type_mismatch");
        assert_eq!(code(fields.object("o")).0, "type_mismatch");
        assert_eq!(code(fields.moment("m")).0, "type_mismatch");
        assert_eq!(code(fields.id::<ThreadId>("id")).0, "type_mismatch");
        assert_eq!(code(fields.id::<ThreadId>("id2")).0, "type_mismatch");
        assert_eq!(code(fields.id::<ThreadId>("id3")), ("parameter_invalid", Some("id3".to_owned())));
        assert_eq!(code(fields.id::<ThreadId>("id4")).0, "parameter_invalid");
        assert_eq!(code(fields.required_text("none")), ("parameter_not_found", Some("none".to_owned())));
        assert_eq!(code(fields.values("v")), ("type_mismatch", Some("v.k".to_owned())));
    }

    #[test]
    fn att_3_values_keep_their_kind() {
        let map = map(&json!({"v": {"t": "x", "i": -3, "d": 0.25, "b": true, "n": null, "f": ["1", 2]}}));
        let fields = Fields { map: &map, path: String::new() };
        let values: std::collections::BTreeMap<_, _> = fields.values("v").unwrap().into_iter().collect();
        assert_eq!(values["t"], Some(Kept::Text("x".to_owned())));
        assert_eq!(values["i"], Some(Kept::Integer(-3)));
        assert_eq!(values["d"], Some(Kept::Decimal("0.25".to_owned())));
        assert_eq!(values["b"], Some(Kept::Boolean(true)));
        assert_eq!(values["n"], None);
        assert_eq!(values["f"], Some(Kept::Files(vec!["1".to_owned(), "2".to_owned()])));
    }

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
