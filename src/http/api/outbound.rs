//! `/messages`: what agents begin (API-28).

use crate::desk::mail::addressing::Addressing;
use crate::desk::thread::outbound::Outbound;
use crate::domain::channel_kind::ChannelKind;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::addressing::recipients;
use crate::http::api::message::Writer;
use crate::http::api::message::message;
use crate::http::api::wire::people::admin;
use crate::http::api::wire::with;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::input::Input;
use axum::Router;
use axum::response::Json;
use axum::routing::post;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/messages", post(send))
}

async fn send(call: Call, input: Input) -> Answer {
    let fields = input.fields();
    let channel = |word: &str| match word {
        "in_app" | "inapp" => Some(ChannelKind::Messenger),
        "email" => Some(ChannelKind::Email),
        _ => None,
    };
    let channel = fields.word("message_type", "'in_app' or 'email'", channel)?.value();
    let channel = channel.ok_or_else(|| ApiError::missing("message_type"))?;
    let from = fields.object("from")?.value().ok_or_else(|| ApiError::missing("from"))?;
    let caller = call.acting_as(Some(from.required_id("id")?)).await?;
    let subject = fields.owned("subject")?.value().filter(|subject| !subject.trim().is_empty());
    if channel == ChannelKind::Email && subject.is_none() {
        return Err(ApiError::missing("subject"));
    }
    fields.word("template", "'plain' or 'personal'", |word| matches!(word, "plain" | "personal").then_some(()))?;
    let bcc = recipients(&fields, "bcc")?;
    if channel != ChannelKind::Email && !bcc.is_empty() {
        let message = "only mail goes to somebody whom the others do not see";
        return Err(ApiError::field("parameter_invalid", "bcc", message));
    }
    let mut to = recipients(&fields, "to")?;
    if to.len() > 1 {
        return Err(ApiError::field("parameter_invalid", "to", "'to' takes one contact; others go into 'cc'"));
    }
    let to = to.pop().ok_or_else(|| ApiError::missing("to"))?;
    let is_conversation = fields.flag("create_conversation_without_contact_reply")?.value().unwrap_or(false);
    let mut message = message(&call, &fields, Writer::Agent).await?;
    message.title.clone_from(&subject);
    let copies = recipients(&fields, "cc")?;
    if channel == ChannelKind::Email {
        message.addressing = Addressing { subject: None, to: Some(vec![to.clone()]), cc: copies.clone(), bcc };
    }
    let new = Outbound { to, copies, channel, message, is_conversation };
    let body = fields.required_text("body")?.to_owned();
    let posted = call.desk().send_message(&caller, new).await?;
    let (agent, teams) = call.read(move |desk, _| Ok((desk.agent(caller.agent)?, desk.every_team()?))).await?;
    let sent = json!({
        "type": "admin_message",
        "id": posted.part.to_string(),
        "created_at": call.desk().clock().now().seconds(),
        "subject": subject.unwrap_or_default(),
        "body": body,
        "message_type": if channel == ChannelKind::Email { "email" } else { "inapp" },
        "owner": admin(&agent, &teams, call.base()),
    });
    let conversation = is_conversation.then(|| posted.thread.to_string());
    Ok(Json(with(sent, json!({"conversation_id": conversation}))))
}
