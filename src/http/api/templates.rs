//! `/templates`: what mails look like (NTF-10, I18-2).

use crate::desk::mail::mail_previews::TemplateFile;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire;
use crate::http::call::Call;
use crate::http::error::Result;
use axum::Router;
use axum::http::header;
use axum::response::Html;
use axum::response::IntoResponse;
use axum::response::Json;
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

/// A mail runs nothing, sends nothing, and shows no picture from elsewhere, in a page of ours as in a mail program.
const MAIL_POLICY: &str =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";

/// Longest language tag looked at.
const LOCALE_BYTES_MAX: usize = 35;

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/templates", get(list)).route("/templates/{name}/preview", get(preview))
}

async fn list(call: Call) -> Answer {
    let files = call.read(|desk, caller| desk.template_files(caller)).await?;
    let row = |one: &TemplateFile| {
        json!({
            "type": "template",
            "path": one.path,
            "overridden": one.overridden,
            "source_bytes": one.source_bytes,
        })
    };
    Ok(Json(wire::listed("list", "data", files.iter().map(row).collect())))
}

/// A mail with sample data, in the language of `locale`, as the brand of the id `brand` sends it; the HTML alone as a page with `format=html`.
async fn preview(call: Call) -> Result<Response> {
    let name = call.path_text("name").unwrap_or_default().to_owned();
    let locale = call.query("locale").filter(|tag| tag.len() <= LOCALE_BYTES_MAX).map(str::to_owned);
    let brand = call.query("brand").map(str::to_owned);
    let as_page = call.query("format") == Some("html");
    let asked = name.clone();
    let mail =
        call.read(move |desk, caller| desk.mail_preview(caller, &asked, brand.as_deref(), locale.as_deref())).await?;
    if as_page {
        let fields = [(header::CONTENT_SECURITY_POLICY, MAIL_POLICY), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
        return Ok((fields, Html(mail.html)).into_response());
    }
    let form = json!({
        "type": "template_preview",
        "name": name,
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
    });
    Ok(Json(form).into_response())
}
