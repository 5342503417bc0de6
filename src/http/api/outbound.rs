//! `/messages`: what agents begin (API-28).

use crate::desk::contacts::ContactRef;
use crate::desk::outbound::Outbound;
use crate::domain::address::Address;
use crate::domain::channel_kind::ChannelKind;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::message::Writer;
use crate::http::api::message::message;
use crate::http::api::wire::people::admin;
use crate::http::api::wire::with;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use crate::http::input::Input;
use axum::Router;
use axum::response::Json;
use axum::routing::post;
use serde_json::Value;
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
    if fields.list("bcc").map_or(true, |bcc| bcc.value().is_some_and(|bcc| !bcc.is_empty())) {
        let message =
            "everybody who takes part in a conversation is named to the others; send them messages of their own";
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
    let new = Outbound { to, copies: recipients(&fields, "cc")?, channel, message, is_conversation };
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
        "owner": admin(&agent, &teams),
    });
    let conversation = is_conversation.then(|| posted.thread.to_string());
    Ok(Json(with(sent, json!({"conversation_id": conversation}))))
}

/// One contact, or a list of them, by id, key or address.
fn recipients(fields: &Fields<'_>, name: &str) -> Result<Vec<ContactRef>> {
    match fields.any(name) {
        Given::Absent | Given::Null => Ok(Vec::new()),
        Given::Some(Value::Array(all)) => {
            all.iter().enumerate().map(|(at, one)| recipient(one, &format!("{name}[{at}]"))).collect()
        }
        Given::Some(one) => Ok(vec![recipient(one, name)?]),
    }
}

fn recipient(one: &Value, path: &str) -> Result<ContactRef> {
    let fields = Fields::of(one, path)?;
    if let Given::Some(id) = fields.id("id")? {
        return Ok(ContactRef::Id(id));
    }
    if let Given::Some(key) = fields.owned("user_id")? {
        return Ok(ContactRef::External(key));
    }
    let address = fields.word("email", "an email address", Address::parse)?.value();
    address.map(ContactRef::Email).ok_or_else(|| ApiError::missing(&fields.named("id")))
}
