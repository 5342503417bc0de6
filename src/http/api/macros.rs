//! `/macros`: saved replies (API-27, API-51).

use crate::desk::agents::macros::MacroFacts;
use crate::desk::thread::message::Body;
use crate::domain::id::MacroId;
use crate::domain::id::Millis;
use crate::domain::id::TeamId;
use crate::domain::macros::Macro;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::message::written_by_agent;
use crate::http::api::wire::list;
use crate::http::api::wire::with;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use crate::http::fields::read_id;
use crate::http::input::Input;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use serde_json::Value;
use serde_json::json;

/// Macros of a page where nothing is said.
const PER_PAGE_MACROS: usize = 50;

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/macros", get(all).post(create)).route("/macros/{id}", get(one).put(update).delete(remove))
}

/// Times are in ISO 8601 here, unlike everywhere else in the compatible API.
fn iso(at: Millis) -> Option<String> {
    let millis = i64::try_from(at.0).ok()?;
    jiff::Timestamp::from_millisecond(millis).ok().map(|at| at.to_string())
}

fn form(saved: &Macro) -> Value {
    let offered = [("inbox", saved.in_inbox), ("messenger", saved.in_messenger)];
    json!({
        "type": "macro",
        "id": saved.id.to_string(),
        "name": saved.name,
        "body": saved.body,
        "body_text": saved.body_text,
        "created_at": iso(saved.created_at),
        "updated_at": iso(saved.updated_at),
        "visible_to": if saved.teams.is_empty() { "everyone" } else { "specific_teams" },
        "visible_to_team_ids": saved.teams.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "available_on": offered.iter().filter(|(_, on)| *on).map(|(word, _)| *word).collect::<Vec<_>>(),
    })
}

/// The one that changed last first; `updated_since` (Unix seconds) leaves older ones out.
async fn all(call: Call) -> Answer {
    let asked = call.page(PER_PAGE_MACROS)?;
    let since: u64 = match call.query("updated_since") {
        None | Some("") => 0,
        Some(text) => text.parse().map_err(|_| ApiError::wrong_type("updated_since", "Unix seconds"))?,
    };
    let mut macros = call.read(|desk, caller| desk.macros(caller)).await?;
    macros.retain(|one| one.updated_at.seconds() >= since);
    let total = u64::try_from(macros.len()).unwrap_or(u64::MAX);
    let behind = asked.after_pair();
    let mut rest = macros.iter().filter(|one| behind.is_none_or(|last| (one.updated_at.0, one.id.0) < last));
    let page: Vec<&Macro> = rest.by_ref().take(asked.per_page).collect();
    let last = page.last().filter(|_| rest.next().is_some()).map(|one| [one.updated_at.0, one.id.0]);
    let rows = page.iter().map(|one| form(one)).collect();
    Ok(Json(with(list(rows), json!({"total_count": total, "pages": asked.pages(total, last)}))))
}

async fn one(call: Call) -> Answer {
    let id: MacroId = call.id("id", "macro")?;
    let saved = call.read(move |desk, caller| desk.saved_macro(caller, id)).await?;
    Ok(Json(form(&saved)))
}

async fn create(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let facts = facts(&fields)?;
    for (name, given) in [("name", facts.name.is_some()), ("body", facts.body.is_some())] {
        if !given {
            return Err(ApiError::missing(name));
        }
    }
    Ok(Json(form(&call.desk().put_macro(&call.caller, None, facts).await?)))
}

async fn update(call: Call, input: Input) -> Answer {
    let id: MacroId = call.id("id", "macro")?;
    Ok(Json(form(&call.desk().put_macro(&call.caller, Some(id), facts(&input.fields())?).await?)))
}

async fn remove(call: Call) -> Answer {
    let id: MacroId = call.id("id", "macro")?;
    call.desk().delete_macro(&call.caller, id).await?;
    Ok(Json(json!({"id": id.to_string(), "object": "macro", "deleted": true})))
}

fn facts(fields: &Fields<'_>) -> Result<MacroFacts> {
    let body: Option<Body> = fields.text("body")?.value().map(written_by_agent);
    Ok(MacroFacts {
        name: fields.owned("name")?.value(),
        body,
        teams: teams(fields)?,
        available_on: available_on(fields)?,
    })
}

fn teams(fields: &Fields<'_>) -> Result<Option<Vec<TeamId>>> {
    let everyone = |word: &str| match word {
        "everyone" => Some(true),
        "specific_teams" => Some(false),
        _ => None,
    };
    let everyone = fields.word("visible_to", "'everyone' or 'specific_teams'", everyone)?.value();
    let named = match fields.list("visible_to_team_ids")? {
        Given::Some(ids) => {
            Some(ids.iter().map(|id| read_id(id, "visible_to_team_ids")).collect::<Result<Vec<TeamId>>>()?)
        }
        _ => None,
    };
    match (everyone, named) {
        (Some(true), _) => Ok(Some(Vec::new())),
        (Some(false), None) => Err(ApiError::missing("visible_to_team_ids")),
        (Some(false), Some(named)) if named.is_empty() => {
            Err(ApiError::field("parameter_invalid", "visible_to_team_ids", "name a team, or show it to everyone"))
        }
        (_, named) => Ok(named),
    }
}

fn available_on(fields: &Fields<'_>) -> Result<Option<(bool, bool)>> {
    let Given::Some(places) = fields.list("available_on")? else { return Ok(None) };
    if places.iter().any(|place| !matches!(place.as_str(), Some("inbox" | "messenger"))) {
        return Err(ApiError::wrong_type("available_on", "'inbox' and 'messenger'"));
    }
    let on = |word: &str| places.iter().any(|place| place.as_str() == Some(word));
    Ok(Some((on("inbox"), on("messenger"))))
}
