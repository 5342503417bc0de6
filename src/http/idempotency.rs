//! `Idempotency-Key`: a POST that comes twice is carried out once (API-8).
//!
//! The key counts for 24 h, per token and path. The same body gets the first answer again with
//! `Idempotent-Replayed: true`; another body, or a first request that is still running, 409. A refused request has
//! changed nothing and is looked at anew. An answer above [`ANSWER_BYTES_MAX`] is not kept: its repetition gets 409.
//!
//! **Invariant:** a request with a key is carried out at most once, also over a restart: its change and the mark that it
//! was made are one transaction (`store::requests`).

use crate::desk::requests::Known;
use crate::desk::requests::Request as Keyed;
use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::input::SILENCE_MAX;
use crate::http::input::read_body;
use crate::http::rate::Account;
use axum::body::Body;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Response;
use ring::digest;
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::PoisonError;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 255;
/// Largest answer that is kept.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Keys of the requests that are being served.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<HashSet<[u8; 32]>>);

struct Seat<'a>(&'a Running, [u8; 32]);

impl Running {
    fn enter(&self, key: [u8; 32]) -> Option<Seat<'_>> {
        let is_new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        // Made only when it is the first: a seat that is dropped frees its key.
        is_new.then(|| Seat(self, key))
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

/// Stands around every handler of the API.
pub(crate) async fn around_posts(State(api): State<Api>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    match serve_once(&api, request, next).await {
        Ok(answer) => answer,
        Err(error) => error.into_response(),
    }
}

async fn serve_once(api: &Api, request: Request, next: Next) -> Result<Response> {
    let key = key_of(&request)?;
    let (head, body) = request.into_parts();
    let (bytes, room) = read_body(&api.shared.body_room, body, SILENCE_MAX).await?;
    let keyed = Keyed { key, body: sha256(&[&bytes]), at: api.desk.clock().now() };
    let conflict = |message: &str| ApiError::new(StatusCode::CONFLICT, "conflict", message);
    let Some(_seat) = api.shared.running.enter(key) else {
        return Err(conflict("a request with this Idempotency-Key is still running"));
    };
    match api.blocking(move |desk| Ok(desk.known_request(&keyed)?)).await? {
        None => {}
        Some(Known::Answered(status, json)) => return Ok(replayed(status, json)),
        Some(Known::CarriedOut) => {
            return Err(conflict("the request with this Idempotency-Key was carried out; its answer is not kept"));
        }
        Some(Known::Another) => return Err(conflict("this Idempotency-Key belongs to a request with another body")),
    }
    let served = next.run(Request::from_parts(head, Body::from(bytes)));
    let answer = api.desk.serve_request(keyed, served).await;
    drop(room);
    keep(api, keyed, answer).await
}

/// Keeps a good answer on its way out.
async fn keep(api: &Api, keyed: Keyed, answer: Response) -> Result<Response> {
    let is_json = answer.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let length = answer.headers().get(header::CONTENT_LENGTH).and_then(|text| text.to_str().ok()?.parse().ok());
    let fits = length.is_none_or(|length: usize| length <= ANSWER_BYTES_MAX);
    if !answer.status().is_success() || !is_json || !fits {
        return Ok(answer);
    }
    let (head, body) = answer.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.map_err(|error| ApiError::internal(&error))?;
    if bytes.len() <= ANSWER_BYTES_MAX {
        // The change is made: failing to keep its answer must not look like failing to make it.
        if let Err(error) = api.desk.keep_answer(keyed, head.status.as_u16(), bytes.to_vec()).await {
            tracing::warn!(%error, "the answer of a request with a key was not kept");
        }
    }
    Ok(Response::from_parts(head, Body::from(bytes)))
}

fn replayed(status: u16, json: Vec<u8>) -> Response {
    let mut answer = Response::new(Body::from(json));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    answer
}

/// Per token and path.
fn key_of(request: &Request) -> Result<[u8; 32]> {
    let key = request.headers().get(KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        let message = format!("an Idempotency-Key has 1 to {KEY_BYTES_MAX} characters");
        return Err(ApiError::field("parameter_invalid", "Idempotency-Key", message));
    }
    let account = match request.extensions().get::<Account>() {
        Some(Account::Token(hash)) => *hash,
        Some(Account::Anonymous) | None => [0; 16],
    };
    Ok(sha256(&[&account, request.uri().path().as_bytes(), &[0], key]))
}

fn sha256(fields: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    fields.iter().for_each(|field| context.update(field));
    let mut hash = [0; 32];
    hash.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    hash
}
