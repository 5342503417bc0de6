//! `/export/reporting_data`: rows behind reports as CSV, in the compatible way of asking (API-29).
//!
//! The identifier of a job holds what was asked for, so that nothing is kept for it and it is good for as long as it is
//! known; the rows are read while they are downloaded.
//!
//! **Invariant:** an export that cannot be read to its end breaks the connection off: a file that looks whole is whole.

use crate::desk::reporting_data::Cell;
use crate::desk::reporting_data::Dataset;
use crate::desk::reporting_data::ExportAsked;
use crate::desk::reporting_data::ReadSoFar;
use crate::domain::agent::Scope;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire::list;
use crate::http::call::Call;
use crate::http::csv;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::input::Input;
use axum::Router;
use axum::body::Body;
use axum::body::Bytes;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Json;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use data_encoding::BASE64URL_NOPAD;
use futures_util::stream;
use serde_json::Value;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/export/reporting_data/get_datasets", get(datasets))
        .route("/export/reporting_data/enqueue", post(enqueue))
        .route("/export/reporting_data/{job_identifier}", get(status))
        .route("/download/reporting_data/{job_identifier}", get(download))
}

async fn datasets(call: Call) -> Answer {
    call.require(Scope::Reports)?;
    let form = |dataset: Dataset| {
        let attributes = dataset.attributes().iter().map(|name| json!({"id": name, "name": name.replace('_', " ")}));
        json!({
            "id": dataset.as_str(),
            "name": dataset.as_str().replace('_', " "),
            "default_time_attribute_id": dataset.time_attribute(),
            "attributes": attributes.collect::<Vec<_>>(),
        })
    };
    Ok(Json(list(Dataset::ALL.into_iter().map(form).collect())))
}

async fn enqueue(call: Call, input: Input) -> Answer {
    call.require(Scope::Reports)?;
    let asked = read(&input.fields())?;
    Ok(Json(job(&named(&asked))))
}

fn read(fields: &Fields<'_>) -> Result<ExportAsked> {
    let word = fields.required_text("dataset_id")?;
    let invalid = |field: &str, message: String| ApiError::field("parameter_invalid", field, message);
    let dataset = Dataset::parse(word).ok_or_else(|| invalid("dataset_id", format!("there is no dataset '{word}'")))?;
    let names = fields.list("attribute_ids")?.value().ok_or_else(|| ApiError::missing("attribute_ids"))?;
    let known = |name: &Value| {
        let name = name.as_str().filter(|name| dataset.attributes().contains(name));
        name.map(ToOwned::to_owned).ok_or_else(|| invalid("attribute_ids", format!("'{word}' has no such attribute")))
    };
    let attributes: Vec<String> = names.iter().map(known).collect::<Result<_>>()?;
    if attributes.is_empty() || attributes.len() > dataset.attributes().len() {
        return Err(invalid("attribute_ids", "'attribute_ids' takes each attribute once".to_owned()));
    }
    let since = fields.moment("start_time")?.value().ok_or_else(|| ApiError::missing("start_time"))?;
    let until = fields.moment("end_time")?.value().ok_or_else(|| ApiError::missing("end_time"))?;
    if until <= since {
        return Err(invalid("end_time", "the interval ends before it begins".to_owned()));
    }
    Ok(ExportAsked { dataset, attributes, since, until })
}

/// The identifier of a job: what was asked for.
fn named(asked: &ExportAsked) -> String {
    let parts = json!({
        "dataset_id": asked.dataset.as_str(),
        "attribute_ids": asked.attributes,
        "start_time": asked.since.seconds(),
        "end_time": asked.until.seconds(),
    });
    BASE64URL_NOPAD.encode(parts.to_string().as_bytes())
}

fn asked_by(call: &Call) -> Result<(String, ExportAsked)> {
    let gone = || ApiError::new(StatusCode::NOT_FOUND, "job_not_found", "there is no such job".to_owned());
    let name = call.path_text("job_identifier").ok_or_else(gone)?;
    let bytes = BASE64URL_NOPAD.decode(name.as_bytes()).map_err(|_| gone())?;
    let parts: Value = serde_json::from_slice(&bytes).map_err(|_| gone())?;
    let asked = Fields::of(&parts, "").and_then(|fields| read(&fields)).map_err(|_| gone())?;
    Ok((name.to_owned(), asked))
}

fn job(name: &str) -> Value {
    json!({
        "job_identifier": name,
        "status": "completed",
        "download_url": format!("/download/reporting_data/{name}"),
        "download_expires_at": null,
    })
}

async fn status(call: Call) -> Answer {
    call.require(Scope::Reports)?;
    Ok(Json(job(&asked_by(&call)?.0)))
}

/// Where the stream stands.
struct Reading {
    call: Call,
    asked: ExportAsked,
    zone: String,
    so_far: Option<ReadSoFar>,
    begun: bool,
}

async fn download(call: Call) -> Result<Response> {
    call.require(Scope::Reports)?;
    let (_, asked) = asked_by(&call)?;
    let zone = call.desk().settings().time_zone.clone();
    let name = format!("attachment; filename=\"{}.csv\"", asked.dataset.as_str());
    let reading = Reading { call, asked, zone, so_far: Some(ReadSoFar::default()), begun: false };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(csv::MEDIA_TYPE)),
        (header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"))),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    Ok((headers, Body::from_stream(stream::try_unfold(reading, next_page))).into_response())
}

async fn next_page(mut reading: Reading) -> std::result::Result<Option<(Bytes, Reading)>, std::io::Error> {
    if !reading.begun {
        reading.begun = true;
        return Ok(Some((csv::line(&reading.asked.attributes).into(), reading)));
    }
    let Some(so_far) = reading.so_far.take() else { return Ok(None) };
    let asked = reading.asked.clone();
    let read = reading.call.read(move |desk, caller| desk.reporting_rows(caller, &asked, &so_far)).await;
    let (rows, so_far) = read.map_err(|error: ApiError| std::io::Error::other(error.message))?;
    reading.so_far = so_far;
    let cell = |cell: &Cell| match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) => text.clone(),
        Cell::At(at) => csv::moment(*at, &reading.zone),
    };
    let line = |row: &Vec<Cell>| csv::line(&row.iter().map(cell).collect::<Vec<_>>());
    let text: String = rows.iter().map(line).collect();
    Ok(Some((text.into(), reading)))
}
