//! From refusals to answers: status, code and public message of everything that can go wrong (API-5, API-12, API-13).
//!
//! **Invariant:** an error leaves in one form only, `error.list` with the request's id; `frame` writes it, so that
//! answers of the framework (unknown path, wrong method, over-long body, panic) have it too.

use crate::desk::Error;
use crate::desk::access::Unauthorized;
use crate::domain::refusal::Refusal;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;
use serde_json::json;

/// Seconds after which a fault of the store is worth another try.
const STORE_RETRY_S: u64 = 5;

/// An answer that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) field: Option<String>,
    /// Several fields at once, with what is wrong with each; then every one has its entry.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) retry_after_s: Option<u64>,
    /// Where to look instead, for the `Link` header (OBJ-20).
    pub(crate) link: Option<String>,
}

/// What handlers return.
pub(crate) type Result<T> = std::result::Result<T, ApiError>;

impl ApiError {
    /// An error without field.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), field: None, fields: Vec::new(), retry_after_s: None, link: None }
    }

    /// 400 with a code of API-12.
    pub(crate) fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 400 with a code of API-12, naming the field.
    pub(crate) fn field(code: &'static str, field: &str, message: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), ..Self::invalid(code, message) }
    }

    /// 400: a value of the wrong JSON type (API-3).
    pub(crate) fn wrong_type(field: &str, expected: &str) -> Self {
        Self::field("type_mismatch", field, format!("'{field}' takes {expected}"))
    }

    /// 400: something that must be there is not.
    pub(crate) fn missing(field: &str) -> Self {
        Self::field("parameter_not_found", field, format!("'{field}' is missing"))
    }

    /// 404 with the code of the noun.
    pub(crate) fn not_found(what: &str) -> Self {
        let code = match what {
            "ticket" => "ticket_not_found",
            "conversation" | "thread" => "conversation_not_found",
            "admin" | "agent" => "admin_not_found",
            "assignee" => "assignee_not_found",
            "tag" => "tag_not_found",
            "job" => "job_not_found",
            _ => "not_found",
        };
        Self::new(StatusCode::NOT_FOUND, code, format!("{} not found", what.replace('_', " ")))
    }

    /// 403: the token lacks a right.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// 401: no token, or one that is not ours.
    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "access token invalid: send 'Authorization: Bearer TOKEN'")
    }

    /// 429.
    pub(crate) fn too_many(retry_after_s: u64) -> Self {
        let message = format!("too many requests; try again in {retry_after_s} s");
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", message);
        Self { retry_after_s: Some(retry_after_s.max(1)), ..error }
    }

    /// 503: come back later.
    pub(crate) fn unavailable(message: &str) -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", message);
        Self { retry_after_s: Some(STORE_RETRY_S), ..error }
    }

    /// 500: a fault of ours. The cause goes to the log, never out.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "something went wrong here")
    }

    /// What an answer of the framework with that status means.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, message) = match status {
            StatusCode::NOT_FOUND => ("not_found", "there is nothing at this path"),
            StatusCode::METHOD_NOT_ALLOWED => ("client_error", "this path does not take this method"),
            StatusCode::REQUEST_TIMEOUT => ("request_timeout", "the request took too long"),
            StatusCode::PAYLOAD_TOO_LARGE => ("client_error", "the body is larger than 40 MB"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ("client_error", "send application/json"),
            _ if status.is_client_error() => ("bad_request", "the request could not be read"),
            _ => ("server_error", "something went wrong here"),
        };
        Self::new(status, code, message)
    }

    /// The body of API-5.
    pub(crate) fn body(&self, request_id: &str) -> Value {
        let entry = |(field, wrong): &(String, String)| json!({"code": self.code, "message": format!("'{field}' {wrong}"), "field": field});
        let errors = if self.fields.is_empty() { vec![self.entry()] } else { self.fields.iter().map(entry).collect() };
        json!({"type": "error.list", "request_id": request_id, "errors": errors})
    }

    /// One entry of `errors`.
    pub(crate) fn entry(&self) -> Value {
        let mut entry = json!({"code": self.code, "message": self.message});
        if let (Some(field), Some(entry)) = (&self.field, entry.as_object_mut()) {
            entry.insert("field".to_owned(), json!(field));
        }
        entry
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound { what } => Self::not_found(what),
            Refusal::Invalid { code, field, message } => {
                let status = match code {
                    "merge_failed" | "unprocessable_entity" => StatusCode::UNPROCESSABLE_ENTITY,
                    _ => StatusCode::BAD_REQUEST,
                };
                Self { field, ..Self::new(status, code, message) }
            }
            Refusal::Fields { fields } => {
                let message = Refusal::Fields { fields: fields.clone() }.to_string();
                let fields = fields.into_iter().map(|(field, wrong)| (field, wrong.to_string())).collect();
                Self { fields, ..Self::invalid("parameter_invalid", message) }
            }
            Refusal::Unprocessable { field, message } => {
                let (status, code) = (StatusCode::UNPROCESSABLE_ENTITY, "parameter_invalid");
                Self { field: Some(field), ..Self::new(status, code, message) }
            }
            Refusal::Conflict { message } => Self::new(StatusCode::CONFLICT, "conflict", message),
            Refusal::Forbidden { message } => Self::forbidden(message),
            Refusal::Merged { into } => {
                let link = format!("</contacts/{into}>; rel=\"canonical\"");
                let message = format!("this contact was merged into {into}");
                Self { link: Some(link), ..Self::new(StatusCode::GONE, "contact_merged", message) }
            }
            Refusal::TooMany { retry_after_s } => Self::too_many(retry_after_s),
        }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::Unavailable(cause) => {
                tracing::warn!(%cause, "a request was turned away: the store is unavailable");
                Self::unavailable("the store cannot be reached now; try again")
            }
            Error::Full => Self::unavailable("out of storage space; try again later"),
        }
    }
}

impl From<Unauthorized> for ApiError {
    fn from(why: Unauthorized) -> Self {
        match why {
            Unauthorized::Unknown => Self::unauthorized(),
            Unauthorized::Ended => {
                Self::new(StatusCode::UNAUTHORIZED, "token_unauthorized", "this token was revoked or has expired")
            }
            Unauthorized::Unavailable => Self::unavailable("the store cannot be reached now; try again"),
        }
    }
}

impl IntoResponse for ApiError {
    /// Status and the error itself; `frame` writes the body, because only it knows the request's id.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_12_13_every_refusal_has_its_status_and_code() {
        let table: [(Error, u16, &str); 12] = [
            (Refusal::NotFound { what: "ticket" }.into(), 404, "ticket_not_found"),
            (Refusal::NotFound { what: "conversation" }.into(), 404, "conversation_not_found"),
            (Refusal::NotFound { what: "admin" }.into(), 404, "admin_not_found"),
            (Refusal::NotFound { what: "contact" }.into(), 404, "not_found"),
            (Refusal::NotFound { what: "ticket_type" }.into(), 404, "not_found"),
            (Refusal::invalid("Urgent", "no").into(), 400, "parameter_invalid"),
            (Refusal::with_code("merge_failed", "no").into(), 422, "merge_failed"),
            (Refusal::Conflict { message: "taken".to_owned() }.into(), 409, "conflict"),
            (Refusal::Forbidden { message: "no".to_owned() }.into(), 403, "forbidden"),
            (Refusal::TooMany { retry_after_s: 7 }.into(), 429, "rate_limit_exceeded"),
            (Error::Unavailable("disk".to_owned()), 503, "service_unavailable"),
            (Error::Full, 503, "service_unavailable"),
        ];
        for (error, status, code) in table {
            let answer = ApiError::from(error.clone());
            assert_eq!((answer.status.as_u16(), answer.code), (status, code), "{error:?}");
            assert_eq!(matches!(status, 429 | 503), answer.retry_after_s.is_some(), "{error:?}");
        }
    }

    #[test]
    fn api_5_an_error_names_its_field_and_hides_its_cause() {
        let error = ApiError::from(Error::from(Refusal::invalid("Urgent", "takes yes or no")));
        let body = error.body("r1");
        let entry = json!({"code": "parameter_invalid", "message": "takes yes or no", "field": "Urgent"});
        assert_eq!(body, json!({"type": "error.list", "request_id": "r1", "errors": [entry]}));
        let hidden = ApiError::from(Error::Unavailable("/var/lib/secret".to_owned())).body("r2");
        assert!(!hidden.to_string().contains("secret"));
    }
}
