//! Versions of the compatible API (API-2): the header a client sends and the shape it gets.

use crate::http::error::ApiError;
use axum::http::HeaderMap;
use axum::http::HeaderName;

/// Asked for and echoed in this header field.
pub(crate) const VERSION: HeaderName = HeaderName::from_static("intercom-version");

/// One of the two shapes that are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Assignees of tickets are strings, `"0"` is nobody.
    V2_14,
    /// Assignees of tickets are integers; tickets have `previous_ticket_state_id`.
    #[default]
    V2_16,
}

impl Shape {
    /// The shape for a request.
    ///
    /// # Errors
    /// `intercom_version_invalid` for a version that is not served.
    pub(crate) fn asked_for(headers: &HeaderMap) -> Result<Self, ApiError> {
        let Some(version) = headers.get(VERSION) else {
            return Ok(Self::default());
        };
        match version.to_str().map(str::trim) {
            Ok("2.12" | "2.13" | "2.14" | "2.15") => Ok(Self::V2_14),
            Ok("2.16" | "2.17" | "Preview" | "preview" | "Unstable" | "unstable") => Ok(Self::V2_16),
            _ => Err(ApiError::invalid("intercom_version_invalid", "this version is not served; 2.12 to 2.17 are")),
        }
    }

    /// The word that is echoed.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::V2_14 => "2.14",
            Self::V2_16 => "2.16",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn api_2_versions_map_to_two_shapes() {
        let table = [
            (None, Some("2.16")),
            (Some("2.12"), Some("2.14")),
            (Some("2.15"), Some("2.14")),
            (Some("2.17"), Some("2.16")),
            (Some("Unstable"), Some("2.16")),
            (Some("2.11"), None),
            (Some(""), None),
            (Some("2.140"), None),
        ];
        for (sent, served) in table {
            let headers = sent.map(|sent| (VERSION, HeaderValue::from_static(sent))).into_iter().collect();
            assert_eq!(Shape::asked_for(&headers).ok().map(Shape::as_str), served, "{sent:?}");
        }
    }
}
