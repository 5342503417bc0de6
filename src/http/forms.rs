//! `/forms/{token}`: the hosted page of a form that was sent by email (FRM-7).
//!
//! **Invariant:** whoever has the link may read and submit that one form; reading changes nothing, so that a mail scanner
//! that follows links does no harm. The page runs no script and is framed by nobody.

use crate::desk;
use crate::desk::ticket::forms::FormView;
use crate::desk::ticket::tickets::Values;
use crate::desk::ticket::translations::Sentence;
use crate::domain::attribute::Attribute;
use crate::domain::attribute::DataType;
use crate::domain::attribute::Value;
use crate::domain::contact::Contact;
use crate::domain::form;
use crate::domain::form::FormState;
use crate::domain::refusal::Refusal;
use crate::http::Api;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::form_page;
use crate::http::form_page::Filling;
use crate::http::frame;
use crate::http::input::RawInput;
use crate::http::multipart::Piece;
use crate::http::multipart::pieces;
use axum::Router;
use axum::extract::RawPathParams;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Html;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use data_encoding::BASE64;
use ring::digest;
use std::collections::BTreeMap;
use tower_http::catch_panic::CatchPanicLayer;

/// Longest key of a submission taken from the page, in bytes.
const CLIENT_ID_BYTES_MAX: usize = 64;

/// The routes below `/forms`.
pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/{token}", get(show).post(submit)).layer(CatchPanicLayer::custom(frame::after_panic))
}

async fn show(State(api): State<Api>, path: RawPathParams) -> Response {
    let token = token(&path);
    match view(&api, &token).await {
        Ok(view) => answer(StatusCode::OK, shown(&api, &view, &fresh(&api))),
        Err(error) => refused(&api, &token, &error).await,
    }
}

async fn submit(State(api): State<Api>, path: RawPathParams, input: RawInput) -> Response {
    let token = token(&path);
    match try_submit(&api, &token, input).await {
        Ok(response) => response,
        // Somebody was quicker, or it was taken back meanwhile: the page shows how it stands now (FRM-6).
        Err(error) if error.status == StatusCode::CONFLICT => match view(&api, &token).await {
            Ok(view) if view.card.state != FormState::Open => answer(StatusCode::CONFLICT, form_page::closed(&view)),
            Ok(_) | Err(_) => refused(&api, &token, &error).await,
        },
        Err(error) => refused(&api, &token, &error).await,
    }
}

async fn try_submit(api: &Api, token: &str, input: RawInput) -> Result<Response> {
    let view_now = view(api, token).await?;
    let zone = api.desk.settings().time_zone.clone();
    let (values, mut filling) = read(api, &view_now, &zone, pieces(input).await?).await?;
    let key = Some(filling.client_id.clone()).filter(|key| !key.is_empty());
    match api.desk.submit_form_by_link(token, values, key).await {
        Ok(_) => {
            let view = view(api, token).await?;
            Ok(answer(StatusCode::OK, form_page::closed(&view)))
        }
        Err(error) => {
            filling.wrong = wrong(&view_now, &error);
            if filling.wrong.is_empty() {
                return Err(error.into());
            }
            Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, shown(api, &view_now, &filling)))
        }
    }
}

/// What is wrong with the page's own fields; a refusal for any other reason has none.
fn wrong(view: &FormView, error: &desk::Error) -> BTreeMap<String, String> {
    let fields = form::fields(&view.ticket_type);
    let is_shown = |name: &str| fields.iter().any(|field| field.name == name);
    match error {
        desk::Error::Refused(Refusal::Fields { fields }) => {
            fields.iter().map(|(name, wrong)| (name.clone(), view.texts.wrong(*wrong))).collect()
        }
        desk::Error::Refused(
            Refusal::Invalid { field: Some(name), .. } | Refusal::Unprocessable { field: name, .. },
        ) if is_shown(name) => BTreeMap::from([(name.clone(), view.texts.say(Sentence::WrongOther))]),
        desk::Error::Refused(_) | desk::Error::Unavailable(_) | desk::Error::Full => BTreeMap::new(),
    }
}

/// The fields of the page as values, with what is needed to show it again.
async fn read(api: &Api, view: &FormView, zone: &str, pieces: Vec<Piece>) -> Result<(Values, Filling)> {
    let fields = form::fields(&view.ticket_type);
    let mut filling = Filling::default();
    for piece in pieces {
        match piece {
            Piece::Field { name, value } if name == "client_id" => {
                let fits = value.len() <= CLIENT_ID_BYTES_MAX && value.bytes().all(|byte| byte.is_ascii_graphic());
                filling.client_id = if fits { value } else { String::new() };
            }
            Piece::Field { name, value } => match field_of(&fields, &name) {
                Some(('a', attribute)) => drop(filling.texts.insert(attribute.name.clone(), value)),
                Some((_, attribute)) => {
                    let shown = kept_name(api, &view.contact, &value).await;
                    let files = filling.files.entry(attribute.name.clone()).or_default();
                    files.extend(shown.map(|shown| (value, shown)));
                }
                None => {}
            },
            // A file field that was left alone comes as an empty file without a name.
            Piece::File { file, .. } if file.bytes.is_empty() && file.name.is_empty() => {}
            Piece::File { name, file } => {
                if let Some(('a', attribute)) = field_of(&fields, &name) {
                    let upload = api.desk.upload_by_contact(view.contact.id, file).await?;
                    let files = filling.files.entry(attribute.name.clone()).or_default();
                    files.push((upload.id.to_string(), upload.name));
                }
            }
        }
    }
    let values = fields.into_iter().map(|attribute| (attribute.name.clone(), value(attribute, &filling, zone)));
    Ok((values.collect(), filling))
}

/// `a12` is the value of attribute 12, `u12` an upload of it that was taken before.
fn field_of<'a>(fields: &[&'a Attribute], name: &str) -> Option<(char, &'a Attribute)> {
    let kind = name.chars().next().filter(|kind| matches!(kind, 'a' | 'u'))?;
    let id = name.strip_prefix(kind)?;
    let attribute = fields.iter().find(|attribute| attribute.id.to_string() == id)?;
    Some((kind, attribute))
}

async fn kept_name(api: &Api, contact: &Contact, id: &str) -> Option<String> {
    let (contact, id) = (contact.id, id.parse().ok()?);
    api.blocking(move |desk| Ok(desk.own_upload(contact, id)?)).await.ok()?.map(|upload| upload.name)
}

fn value(attribute: &Attribute, filling: &Filling, zone: &str) -> Option<Value> {
    if attribute.data_type == DataType::Files {
        let files = filling.files.get(&attribute.name)?;
        return Some(Value::Files(files.iter().map(|(id, _)| id.clone()).collect()));
    }
    let typed = filling.texts.get(&attribute.name).filter(|typed| !typed.trim().is_empty())?;
    Some(match (attribute.data_type, typed.as_str()) {
        (DataType::Boolean, "true") => Value::Boolean(true),
        (DataType::Boolean, "false") => Value::Boolean(false),
        (DataType::Datetime, typed) => {
            moment(typed, zone).map_or_else(|| Value::Text(typed.to_owned()), Value::Integer)
        }
        // Browsers send the lines of a text with CRLF.
        (_, typed) => Value::Text(typed.replace("\r\n", "\n")),
    })
}

/// A browser's local time, in the workspace's zone; what was filled in beforehand are Unix seconds.
fn moment(typed: &str, zone: &str) -> Option<i64> {
    if let Ok(seconds) = typed.parse() {
        return Some(seconds);
    }
    let local: jiff::civil::DateTime = typed.parse().ok()?;
    Some(local.in_tz(zone).ok()?.timestamp().as_second())
}

async fn view(api: &Api, token: &str) -> Result<FormView> {
    let token = token.to_owned();
    api.blocking(move |desk| Ok(desk.form_by_link(&token)?)).await
}

fn token(path: &RawPathParams) -> String {
    path.iter().next().map(|(_, token)| token.to_owned()).unwrap_or_default()
}

fn fresh(api: &Api) -> Filling {
    Filling { client_id: format!("page-{}", api.request_id()), ..Filling::default() }
}

fn shown(api: &Api, view: &FormView, filling: &Filling) -> String {
    match view.card.state {
        FormState::Open => form_page::open(view, &api.desk.settings().time_zone, filling),
        FormState::Submitted { .. } | FormState::Withdrawn => form_page::closed(view),
    }
}

async fn refused(api: &Api, token: &str, error: &ApiError) -> Response {
    // A link that leads nowhere belongs to no brand and to nobody.
    let (brand, texts) = match view(api, token).await {
        Ok(view) => (view.brand_name, view.texts),
        Err(_) => (api.desk.settings().workspace_name.clone(), api.desk.page_texts()),
    };
    let (title, text) = match error.status {
        StatusCode::NOT_FOUND => (Sentence::LinkOld, Some(Sentence::LinkOldText)),
        StatusCode::SERVICE_UNAVAILABLE => (Sentence::Later, Some(Sentence::LaterForm)),
        StatusCode::TOO_MANY_REQUESTS => (Sentence::Refused, Some(Sentence::TooOften)),
        _ => (Sentence::Refused, None),
    };
    answer(error.status, form_page::said(&texts, &brand, title, text, &error.message))
}

fn answer(status: StatusCode, page: String) -> Response {
    let hash = BASE64.encode(digest::digest(&digest::SHA256, form_page::STYLE.as_bytes()).as_ref());
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let fields: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // The address is a key to the form; it stays out of other hosts' logs.
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    (status, fields, Html(page)).into_response()
}
