//! `GET /reports/{metric}`: one metric over an interval, as JSON or as CSV with the same numbers (API-50, REP-1 to REP-5).

use crate::desk::reports::Every;
use crate::desk::reports::GroupBy;
use crate::desk::reports::Report;
use crate::desk::reports::ReportAsked;
use crate::desk::reports::ReportFilter;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::Millis;
use crate::domain::report::Figures;
use crate::domain::report::Metric;
use crate::domain::thread::Priority;
use crate::domain::ticket_type::Category;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire::list;
use crate::http::api::wire::seconds;
use crate::http::call::Call;
use crate::http::csv;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::read_moment_text;
use axum::Router;
use axum::http::HeaderValue;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Json;
use axum::response::Response;
use axum::routing::get;
use serde_json::Value;
use serde_json::json;
use std::str::FromStr;
use std::time::Duration;

/// The interval when none is given.
const THIRTY_DAYS: Duration = Duration::from_hours(30 * 24);
/// Columns of the CSV.
const COLUMNS: [&str; 7] = ["from", "group", "count", "median_s", "mean_s", "p90_s", "sum_s"];

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/reports", get(metrics)).route("/reports/{metric}", get(one))
}

async fn metrics(_call: Call) -> Answer {
    let form = |metric: &Metric| json!({"type": "metric", "id": metric.as_str(), "unit": unit(*metric)});
    Ok(Json(list(Metric::ALL.iter().map(form).collect())))
}

fn unit(metric: Metric) -> &'static str {
    if metric.is_duration() { "seconds" } else { "count" }
}

async fn one(call: Call) -> Result<Response> {
    let metric = call.path_text("metric").and_then(Metric::parse).ok_or_else(|| ApiError::not_found("report"))?;
    let asked = asked(&call, metric)?;
    let as_csv = match call.query("format") {
        None | Some("" | "json") => false,
        Some("csv") => true,
        Some(_) => return Err(ApiError::field("parameter_invalid", "format", "'format' takes json or csv")),
    };
    let about = asked.clone();
    let report = call.read(move |desk, caller| desk.report(caller, &asked)).await?;
    Ok(if as_csv { file(metric, &report) } else { Json(form(&about, &report)).into_response() })
}

fn asked(call: &Call, metric: Metric) -> Result<ReportAsked> {
    let until = moment(call, "until")?.unwrap_or_else(|| call.desk().clock().now());
    let before = until.0.saturating_sub(u64::try_from(THIRTY_DAYS.as_millis()).unwrap_or(0));
    Ok(ReportAsked {
        metric,
        since: moment(call, "since")?.unwrap_or(Millis(before)),
        until,
        every: read(call, "by", "hour, day, week or month", Every::parse)?,
        group_by: read(call, "group_by", "agent, team, ticket_type, category, channel or state", GroupBy::parse)?,
        time_zone: call.query("time_zone").filter(|zone| !zone.is_empty()).map(ToOwned::to_owned),
        filter: ReportFilter {
            ticket_type: id(call, "ticket_type_id")?,
            category: read(call, "category", "Customer, Back-office or Tracker", Category::parse)?,
            channel: read(call, "channel", "messenger, email or api", channel)?,
            tag: id(call, "tag_id")?,
            priority: read(call, "priority", "none, low, medium, high or urgent", Priority::parse)?,
            company: id(call, "company_id")?,
            agent: id(call, "admin_id")?,
            team: id(call, "team_id")?,
        },
    })
}

fn channel(word: &str) -> Option<ChannelKind> {
    [ChannelKind::Messenger, ChannelKind::Email, ChannelKind::Api].into_iter().find(|kind| kind.as_str() == word)
}

fn read<T>(call: &Call, name: &str, expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
    let given = call.query(name).filter(|text| !text.is_empty());
    let wrong = || ApiError::field("parameter_invalid", name, format!("'{name}' takes {expected}"));
    given.map(|text| read(text).ok_or_else(wrong)).transpose()
}

fn id<T: FromStr>(call: &Call, name: &str) -> Result<Option<T>> {
    read(call, name, "an id", |text| text.parse().ok())
}

fn moment(call: &Call, name: &str) -> Result<Option<Millis>> {
    read(call, name, "Unix seconds or an ISO 8601 time with offset", read_moment_text)
}

fn form(asked: &ReportAsked, report: &Report) -> Value {
    let rows = report.rows.iter().map(|row| {
        let mut form = figures(&row.figures);
        if let Some(fields) = form.as_object_mut() {
            if asked.every.is_some() {
                fields.insert("from".to_owned(), json!(seconds(row.from)));
            }
            if let Some(group) = &row.group {
                fields.insert("group".to_owned(), json!(Some(group).filter(|group| !group.is_empty())));
            }
        }
        form
    });
    json!({
        "type": "report",
        "metric": asked.metric.as_str(),
        "unit": unit(asked.metric),
        "since": asked.since.seconds(),
        "until": asked.until.seconds(),
        "time_zone": report.time_zone,
        "complete": report.complete,
        "total": figures(&report.total),
        "data": rows.collect::<Vec<_>>(),
    })
}

fn figures(figures: &Figures) -> Value {
    json!({
        "count": figures.count,
        "median_s": figures.median_s,
        "mean_s": figures.mean_s,
        "p90_s": figures.p90_s,
        "sum_s": figures.sum_s,
    })
}

/// The rows, or the total where none were asked for.
fn file(metric: Metric, report: &Report) -> Response {
    let mut text = csv::line(&COLUMNS.map(str::to_owned));
    let cells = |from: String, group: String, figures: &Figures| {
        let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
        let values = [figures.median_s, figures.mean_s, figures.p90_s, figures.sum_s].map(number);
        let [median, mean, p90, sum] = values;
        csv::line(&[from, group, figures.count.to_string(), median, mean, p90, sum])
    };
    for row in &report.rows {
        let from = row.from.map(|from| csv::moment(from, &report.time_zone)).unwrap_or_default();
        text.push_str(&cells(from, row.group.clone().unwrap_or_default(), &row.figures));
    }
    if report.rows.is_empty() {
        text.push_str(&cells(String::new(), String::new(), &report.total));
    }
    let name = format!("attachment; filename=\"{}.csv\"", metric.as_str());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(csv::MEDIA_TYPE)),
        (header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"))),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    (headers, text).into_response()
}
