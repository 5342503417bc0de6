//! `/contacts/{id}/export` and `/contacts/{id}/erase` (API-52, DAT-1, DAT-2).

use crate::domain::id::ContactId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::input::Input;
use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Json;
use axum::response::Response;
use axum::routing::post;
use serde_json::json;
use std::io;
use std::io::Write;

/// Largest archive that is answered; larger ones are written by `deskgate export`.
const ARCHIVE_BYTES_MAX: usize = 128 << 20;

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/contacts/{id}/export", post(export)).route("/contacts/{id}/erase", post(erase))
}

/// The archive itself. `include_internal` in the query adds notes and unshared tickets.
async fn export(call: Call) -> Result<Response> {
    let id: ContactId = call.id("id", "contact")?;
    let internal = call.query("include_internal") == Some("true");
    let archive = call.read_form(move |desk, caller| {
        let mut bytes = Bounded(Vec::new());
        desk.export_archive(Some(caller), id, internal, &mut bytes).map_err(ApiError::from)?;
        Ok(bytes.0)
    });
    let name = format!("attachment; filename=\"contact-{id}.tar\"");
    let fields = [
        (header::CONTENT_TYPE, "application/x-tar".to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    Ok((fields, archive.await?).into_response())
}

/// Without `confirm` it says what would go, and nothing goes.
async fn erase(call: Call, input: Input) -> Answer {
    let id: ContactId = call.id("id", "contact")?;
    let confirmed = input.fields().flag("confirm")?.value().unwrap_or(false);
    let erasure = if confirmed {
        call.desk().erase_contact(Some(&call.caller), id).await?
    } else {
        call.read(move |desk, caller| desk.erasure_preview(Some(caller), id)).await?
    };
    Ok(Json(json!({
        "type": "contact_erasure",
        "id": id.to_string(),
        "erased": confirmed,
        "counts": {
            "conversations": erasure.threads,
            "shared_conversations": erasure.shared_threads,
            "parts": erasure.parts,
            "files": erasure.files,
            "mails": erasure.mails,
            "notes": erasure.notes,
        },
    })))
}

/// A buffer that refuses what goes beyond its limit.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len().saturating_add(bytes.len()) > ARCHIVE_BYTES_MAX {
            return Err(io::Error::other("it is too large for an answer; use `deskgate export`"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
