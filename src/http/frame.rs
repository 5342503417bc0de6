//! What stands around every answer of the API: who calls (API-1), which shape (API-2), how much is left (API-6), and the
//! one form of error (API-5).
//!
//! **Invariant:** no answer below `/api` leaves without request id, version and rate headers, and no error without its
//! list. Tokens come in the header field only and are never logged.

use crate::http::Api;
use crate::http::description;
use crate::http::error::ApiError;
use crate::http::rate::Account;
use crate::http::rate::Allowance;
use crate::http::shape::Shape;
use crate::http::shape::VERSION;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::header;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Json;
use axum::response::Response;
use ring::digest;
use std::any::Any;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const RATE_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const RATE_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RATE_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
/// Longest token looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 256;

/// Lets a request in, or says why not, and dresses the answer.
pub(crate) async fn around_api(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let shape = Shape::asked_for(request.headers());
    let token = bearer(request.headers());
    let account = token.map_or(Account::Anonymous, account_of);
    // Two rows that stay in the store's cache: a thread to wait for the disk on would cost more than they do.
    let caller = match token {
        Some(token) => api.desk.authenticate(token).map_err(ApiError::from),
        None => Err(ApiError::unauthorized()),
    };
    let account = if caller.is_ok() { account } else { Account::Anonymous };
    let allowance = api.shared.rates.take(account, api.desk.clock().now());
    let answer = match (allowance.admitted, caller, shape.clone()) {
        (false, ..) => ApiError::too_many(allowance.retry_after_s).into_response(),
        (true, Err(_), Ok(_)) if request.uri().path() == description::PATH => next.run(request).await,
        (_, Err(error), _) | (_, _, Err(error)) => error.into_response(),
        (true, Ok(caller), Ok(shape)) => {
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(account);
            request.extensions_mut().insert(shape);
            next.run(request).await
        }
    };
    let mut answer = with_error_list(&api, answer);
    let headers = answer.headers_mut();
    headers.insert(VERSION, HeaderValue::from_static(shape.unwrap_or_default().as_str()));
    let Allowance { limit, remaining, reset_at_s, .. } = allowance;
    headers.insert(RATE_LIMIT, limit.into());
    headers.insert(RATE_REMAINING, remaining.into());
    headers.insert(RATE_RESET, reset_at_s.into());
    answer
}

/// Errors in their one form, for paths that need no token.
pub(crate) async fn around_files(State(api): State<Api>, request: Request, next: Next) -> Response {
    with_error_list(&api, next.run(request).await)
}

/// What is answered instead of a panic.
#[expect(clippy::needless_pass_by_value, reason = "the signature is the framework's")]
pub(crate) fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    ApiError::internal(&text.unwrap_or("a panic without text")).into_response()
}

/// Gives an answer its request id and, if it is an error, the body of API-5.
fn with_error_list(api: &Api, mut answer: Response) -> Response {
    let request_id = api.request_id();
    let status = answer.status();
    if status.is_client_error() || status.is_server_error() {
        let error = answer.extensions_mut().remove().unwrap_or_else(|| ApiError::of_status(status));
        let allow = answer.headers_mut().remove(header::ALLOW);
        answer = (status, Json(error.body(&request_id))).into_response();
        if let Some(retry_after_s) = error.retry_after_s {
            answer.headers_mut().insert(header::RETRY_AFTER, retry_after_s.into());
        }
        if let Some(link) = error.link.as_deref().and_then(|link| HeaderValue::from_str(link).ok()) {
            answer.headers_mut().insert(header::LINK, link);
        }
        if let Some(allow) = allow {
            answer.headers_mut().insert(header::ALLOW, allow);
        }
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        answer.headers_mut().insert(REQUEST_ID, value);
    }
    answer
}

/// The token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let fits = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= TOKEN_BYTES_MAX;
    fits.then_some(token)
}

fn account_of(token: &str) -> Account {
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    let mut short = [0; 16];
    short.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
    Account::Token(short)
}
