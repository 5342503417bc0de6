//! The ledger as CSV (BRC-45, REP-5): every row, streamed page by page.
//!
//! **Invariant:** no page is in memory longer than it takes to write it, and a ledger that
//! cannot be read to its end breaks the connection off: a file that looks whole is whole.

use crate::desk::broadcasts::LedgerFilter;
use crate::desk::broadcasts::LedgerRow;
use crate::desk::broadcasts::ledger::LEDGER_PAGE;
use crate::domain::broadcast::LedgerKey;
use crate::domain::id::BroadcastId;
use crate::http::api::broadcasts::read;
use crate::http::api::wire::broadcast::CSV_COLUMNS;
use crate::http::api::wire::broadcast::csv_cells;
use crate::http::call::Call;
use crate::http::csv::MEDIA_TYPE;
use crate::http::csv::line;
use crate::http::error::ApiError;
use crate::http::error::Result;
use axum::body::Body;
use axum::body::Bytes;
use axum::http::HeaderValue;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use futures_util::stream;

/// Where the stream stands.
struct Reading {
    call: Call,
    id: BroadcastId,
    filter: LedgerFilter,
    place: Place,
}

#[derive(Clone, Copy)]
enum Place {
    Header,
    Behind(Option<LedgerKey>),
    End,
}

/// `GET /broadcasts/{id}/ledger.csv`, with the filters of the ledger.
pub(crate) async fn ledger(call: Call) -> Result<Response> {
    let id: BroadcastId = call.id("id", "broadcast")?;
    let filter = read::filter(&call)?;
    call.read(move |desk, caller| desk.broadcast(caller, id)).await?;
    let reading = Reading { call, id, filter, place: Place::Header };
    let pages = stream::try_unfold(reading, next_page);
    let name = format!("attachment; filename=\"broadcast-{id}.csv\"");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)),
        (header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"))),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    Ok((headers, Body::from_stream(pages)).into_response())
}

async fn next_page(mut reading: Reading) -> std::result::Result<Option<(Bytes, Reading)>, std::io::Error> {
    let after = match reading.place {
        Place::End => return Ok(None),
        Place::Header => {
            reading.place = Place::Behind(None);
            return Ok(Some((line(CSV_COLUMNS.map(str::to_owned).as_slice()).into(), reading)));
        }
        Place::Behind(after) => after,
    };
    let (id, filter) = (reading.id, reading.filter.clone());
    let page = reading.call.read(move |desk, caller| desk.ledger(caller, id, &filter, after, LEDGER_PAGE)).await;
    let page = page.map_err(|error: ApiError| std::io::Error::other(error.message))?;
    reading.place = page.next.map_or(Place::End, |next| Place::Behind(Some(next)));
    let text: String = page.rows.iter().map(|row: &LedgerRow| line(&csv_cells(row))).collect();
    Ok(Some((text.into(), reading)))
}
