//! `/admins/{id}/notifications` and `…/seen`: what agents are mailed, and what they have before them (DSK-11, NTF-15).

use crate::desk::agents::agent_notices::NoticeChange;
use crate::domain::agent_notice::NewsKind;
use crate::domain::agent_notice::NoticeSettings;
use crate::domain::agent_notice::QuietHours;
use crate::domain::id::AgentId;
use crate::domain::id::ThreadId;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use crate::http::input::Input;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use axum::routing::post;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/admins/{id}/notifications", get(one).put(change))
        .route("/conversations/{id}/seen", post(seen_conversation))
        .route("/tickets/{id}/seen", post(seen_ticket))
}

fn form(settings: &NoticeSettings) -> Value {
    let email: Map<String, Value> = NewsKind::OPTIONAL
        .into_iter()
        .map(|kind| (kind.as_str().to_owned(), Value::Bool(settings.wants(kind))))
        .collect();
    let quiet = settings
        .quiet_hours
        .as_ref()
        .map(|quiet| json!({"from": time(quiet.from_min), "to": time(quiet.to_min), "time_zone": quiet.time_zone}));
    json!({
        "type": "notification_settings",
        "admin_id": settings.agent.to_string(),
        "email": email,
        "quiet_hours": quiet,
    })
}

fn time(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

async fn one(call: Call) -> Answer {
    let id: AgentId = call.id("id", "admin")?;
    let settings = call.read(move |desk, caller| desk.notice_settings(caller, id)).await?;
    Ok(Json(form(&settings)))
}

async fn change(call: Call, input: Input) -> Answer {
    let id: AgentId = call.id("id", "admin")?;
    let fields = input.fields();
    let mut change = NoticeChange::default();
    if let Given::Some(email) = fields.object("email")? {
        for kind in NewsKind::OPTIONAL {
            change.email.extend(email.flag(kind.as_str())?.value().map(|wanted| (kind, wanted)));
        }
    }
    change.quiet_hours = match fields.object("quiet_hours")? {
        Given::Absent => None,
        Given::Null => Some(None),
        Given::Some(quiet) => Some(Some(quiet_hours(&quiet)?)),
    };
    let settings = call.desk().set_notice_settings(&call.caller, id, change).await?;
    Ok(Json(form(&settings)))
}

fn quiet_hours(fields: &Fields<'_>) -> Result<QuietHours> {
    let minute = |name: &str| {
        let text = fields.required_text(name)?;
        let wrong = || ApiError::field("parameter_invalid", &fields.named(name), "takes a time of the day, as 22:00");
        minute_of(text).ok_or_else(wrong)
    };
    let time_zone = fields.owned("time_zone")?.value().unwrap_or_default();
    Ok(QuietHours { from_min: minute("from")?, to_min: minute("to")?, time_zone })
}

/// The minute of the day of a time such as `22:00`.
fn minute_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, below: u16| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number: &u16| digits && *number < below)
    };
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

async fn seen_conversation(call: Call) -> Answer {
    seen(&call, call.id("id", "conversation")?).await
}

async fn seen_ticket(call: Call) -> Answer {
    seen(&call, call.id("id", "ticket")?).await
}

/// The caller has all of it before them.
async fn seen(call: &Call, thread: ThreadId) -> Answer {
    let seq = call.desk().agent_saw(&call.caller, thread).await?;
    let admin_id = call.caller.agent.to_string();
    Ok(Json(json!({"type": "seen", "id": thread.to_string(), "admin_id": admin_id, "up_to_seq": seq})))
}
