//! `/office_hours_schedules` (HRS-1): the workspace's under the id `workspace`, a team's under the team's.

use crate::desk::agents::office_hours::state_of;
use crate::domain::id::Millis;
use crate::domain::office_hours::DAY_MIN;
use crate::domain::office_hours::Exception;
use crate::domain::office_hours::Owner;
use crate::domain::office_hours::Schedule;
use crate::domain::office_hours::Stretch;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire::list;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use crate::http::input::Input;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use jiff::civil::Date;
use jiff::civil::Weekday;
use serde_json::Value;
use serde_json::json;

/// What the workspace's schedule is called.
const WORKSPACE: &str = "workspace";
/// The API's words, from Monday on.
const DAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/office_hours_schedules", get(all))
        .route("/office_hours_schedules/{id}", get(one).put(set).delete(remove))
}

async fn all(call: Call) -> Answer {
    let schedules = call.read(|desk, caller| desk.office_hours(caller)).await?;
    let now = call.desk().clock().now();
    Ok(Json(list(schedules.iter().map(|schedule| form(schedule, now)).collect())))
}

async fn one(call: Call) -> Answer {
    let owner = owner(&call)?;
    let schedules = call.read(|desk, caller| desk.office_hours(caller)).await?;
    let known = schedules.iter().find(|schedule| schedule.owner == owner);
    let now = call.desk().clock().now();
    known.map(|schedule| Json(form(schedule, now))).ok_or_else(|| ApiError::not_found("office_hours_schedule"))
}

async fn set(call: Call, input: Input) -> Answer {
    let schedule = read(owner(&call)?, &input.fields())?;
    let set = call.desk().set_office_hours(&call.caller, schedule).await?;
    Ok(Json(form(&set, call.desk().clock().now())))
}

async fn remove(call: Call) -> Answer {
    let owner = owner(&call)?;
    call.desk().remove_office_hours(&call.caller, owner).await?;
    Ok(Json(json!({"id": named(owner), "object": "office_hours_schedule", "deleted": true})))
}

fn owner(call: &Call) -> Result<Owner> {
    match call.path_text("id") {
        Some(WORKSPACE) => Ok(Owner::Workspace),
        _ => Ok(Owner::Team(call.id("id", "office_hours_schedule")?)),
    }
}

fn named(owner: Owner) -> String {
    match owner {
        Owner::Workspace => WORKSPACE.to_owned(),
        Owner::Team(team) => team.to_string(),
    }
}

fn form(schedule: &Schedule, now: Millis) -> Value {
    let interval = |(day, stretch): &(Weekday, Stretch)| {
        let word = DAYS.iter().find(|(_, known)| known == day).map(|(word, _)| *word);
        json!({"day": word, "from": time(stretch.from_min), "to": time(stretch.to_min)})
    };
    let hours = |stretch: &Stretch| json!({"from": time(stretch.from_min), "to": time(stretch.to_min)});
    let exception = |it: &Exception| {
        let intervals: Vec<Value> = it.stretches.iter().map(hours).collect();
        json!({"date": it.date.to_string(), "name": it.name, "intervals": intervals})
    };
    let state = state_of(schedule, now, 1);
    json!({
        "type": "office_hours_schedule",
        "id": named(schedule.owner),
        "team_id": match schedule.owner { Owner::Workspace => None, Owner::Team(team) => Some(team.to_string()) },
        "time_zone": schedule.time_zone,
        "intervals": schedule.weekly.iter().map(interval).collect::<Vec<_>>(),
        "exceptions": schedule.exceptions.iter().map(exception).collect::<Vec<_>>(),
        "open": state.as_ref().map(|state| state.open),
        "changes_at": state.and_then(|state| state.changes.first().map(|at| at.seconds())),
        "updated_at": schedule.updated_at.seconds(),
    })
}

fn time(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// What is absent is none: a schedule is set as a whole.
fn read(owner: Owner, fields: &Fields<'_>) -> Result<Schedule> {
    let time_zone = fields.required_text("time_zone")?.to_owned();
    let weekly = each(fields, "intervals", |interval| {
        let word = |text: &str| DAYS.iter().find(|(word, _)| *word == text).map(|(_, day)| *day);
        let day = interval.word("day", "a day from 'monday' to 'sunday'", word)?;
        Ok((day.value().ok_or_else(|| ApiError::missing(&interval.named("day")))?, stretch(interval)?))
    })?;
    let exceptions = each(fields, "exceptions", |exception| {
        let date = exception.word("date", "a date, as 2026-12-25", |text| text.parse::<Date>().ok())?;
        Ok(Exception {
            date: date.value().ok_or_else(|| ApiError::missing(&exception.named("date")))?,
            name: exception.owned("name")?.value().unwrap_or_default(),
            stretches: each(exception, "intervals", stretch)?,
        })
    })?;
    Ok(Schedule { owner, time_zone, weekly, exceptions, updated_at: Millis(0) })
}

/// The objects of a list, each read by `one`.
fn each<T>(fields: &Fields<'_>, name: &str, one: impl Fn(&Fields<'_>) -> Result<T>) -> Result<Vec<T>> {
    let Given::Some(values) = fields.list(name)? else { return Ok(Vec::new()) };
    let named = fields.named(name);
    values.iter().enumerate().map(|(at, value)| one(&Fields::of(value, &format!("{named}.{at}"))?)).collect()
}

fn stretch(fields: &Fields<'_>) -> Result<Stretch> {
    let minute = |name: &str| {
        let wrong = "a time of the day, as 09:00, up to 24:00";
        fields.word(name, wrong, minute_of)?.value().ok_or_else(|| ApiError::missing(&fields.named(name)))
    };
    Ok(Stretch { from_min: minute("from")?, to_min: minute("to")? })
}

/// The minute of the day of a time such as `22:00`; `24:00` is the day's end.
fn minute_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, max: u16| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number: &u16| digits && *number <= max)
    };
    Some(number(hour, 24)? * 60 + number(minute, 59)?).filter(|minute| *minute <= DAY_MIN)
}
