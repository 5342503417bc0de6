//! Bodies of several parts: files and the fields of a page's form (RFC 7578).
//!
//! **Invariant:** the body was read within its limit before ([`crate::http::input`]); from it no more than
//! [`PARTS_MAX`] parts are taken.

use crate::desk::thread::message::NewAttachment;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::input::RawInput;
use std::convert::Infallible;

/// Most parts of one body: the attributes of a type, and ten files.
const PARTS_MAX: usize = 200;
/// Media type of a file that does not say.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// One part.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A field of the form.
    Field { name: String, value: String },
    /// A file that was chosen for a field.
    File { name: String, file: NewAttachment },
}

/// The parts of a body.
///
/// # Errors
/// 415 for another kind of body, 400 for one that cannot be read.
pub(crate) async fn pieces(input: RawInput) -> Result<Vec<Piece>> {
    let boundary = multer::parse_boundary(&input.media_type).map_err(|_| {
        ApiError::new(axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE, "client_error", "send multipart/form-data")
    })?;
    let bytes = input.bytes;
    let stream = futures_util::stream::once(async move { Ok::<_, Infallible>(bytes) });
    let mut multipart = multer::Multipart::new(stream, boundary);
    let mut pieces = Vec::new();
    while let Some(field) = multipart.next_field().await.map_err(|error| unreadable(&error))? {
        if pieces.len() >= PARTS_MAX {
            return Err(ApiError::invalid("bad_request", format!("a body has at most {PARTS_MAX} parts")));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.file_name().map(ToOwned::to_owned);
        let content_type = field.content_type().map_or_else(|| UNKNOWN_TYPE.to_owned(), ToString::to_string);
        let bytes = field.bytes().await.map_err(|error| unreadable(&error))?;
        pieces.push(match file_name {
            Some(file_name) => {
                let file = NewAttachment { name: file_name, content_type, bytes: bytes.to_vec() };
                Piece::File { name, file }
            }
            None => Piece::Field { name, value: String::from_utf8_lossy(&bytes).into_owned() },
        });
    }
    Ok(pieces)
}

fn unreadable(error: &multer::Error) -> ApiError {
    ApiError::invalid("bad_request", format!("the body is no multipart/form-data: {error}"))
}
