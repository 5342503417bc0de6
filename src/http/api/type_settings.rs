//! The settings of a ticket type in a body (TYP-20).

use crate::desk::ticket::translations::AttributeGiven;
use crate::desk::ticket::translations::TextsGiven;
use crate::desk::ticket::type_settings::SettingsChange;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::id::AgentId;
use crate::domain::id::TeamId;
use crate::domain::state::StateCategory;
use crate::domain::thread::Priority;
use crate::domain::type_settings::FormAudience;
use crate::domain::type_settings::MailEvent;
use crate::domain::type_settings::ReplyTarget;
use crate::http::api::search::read_query;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use crate::http::fields::read_id;
use serde_json::Value;

const POLICIES: &str = "never, when_unseen or always";

/// Reads what is there; the rest stays as it is.
pub(crate) fn settings(fields: &Fields<'_>) -> Result<SettingsChange> {
    let notifications = fields.object("notifications")?.value();
    let (notify, same_category) = match &notifications {
        Some(notifications) => (mails(notifications)?, notifications.flag("same_category")?.value()),
        None => (Vec::new(), None),
    };
    let on_customer_reply = match fields.object("on_customer_reply")?.value() {
        Some(targets) => targets_of(&targets)?,
        None => Vec::new(),
    };
    let owner = |name: &str| fields.id::<u64>(name).map(Given::change);
    let message = fields.owned("submitted_message")?.change().map(Option::unwrap_or_default);
    Ok(SettingsChange {
        on_customer_reply,
        notify,
        same_category,
        default_agent: owner("default_admin_assignee_id")?.map(|id| id.filter(|id| *id > 0).map(AgentId)),
        default_team: owner("default_team_assignee_id")?.map(|id| id.filter(|id| *id > 0).map(TeamId)),
        default_priority: fields
            .word("default_priority", "none, low, medium, high or urgent", Priority::parse)?
            .change()
            .map(Option::unwrap_or_default),
        audience: fields
            .word("audience", "all, users or leads", FormAudience::parse)?
            .change()
            .map(Option::unwrap_or_default),
        submitted_message: message,
        broadcast_email: fields.word("broadcast_email", POLICIES, EmailPolicy::parse)?.value(),
        broadcast_rate_per_minute: rate(fields)?,
        audience_rule: fields
            .object("audience_rule")?
            .change()
            .map(|rule| rule.map(|rule| read_query(&rule, 0)).transpose())
            .transpose()?,
        translations: translations(fields)?,
    })
}

fn mails(notifications: &Fields<'_>) -> Result<Vec<(MailEvent, EmailPolicy)>> {
    let mut changes = Vec::new();
    for event in MailEvent::ALL {
        let policy = notifications.word(event.as_str(), POLICIES, EmailPolicy::parse)?.value();
        changes.extend(policy.map(|policy| (event, policy)));
    }
    Ok(changes)
}

/// By category: null stays, `in_progress` is the first such state of the type, anything else a state's id.
fn targets_of(targets: &Fields<'_>) -> Result<Vec<(StateCategory, ReplyTarget)>> {
    let mut changes = Vec::new();
    for category in StateCategory::ALL {
        let target = match targets.any(category.as_str()) {
            Given::Absent => continue,
            Given::Null => ReplyTarget::Stay,
            Given::Some(Value::String(word)) if word == StateCategory::InProgress.as_str() => ReplyTarget::InProgress,
            Given::Some(id) => ReplyTarget::State(read_id(id, &targets.named(category.as_str()))?),
        };
        changes.push((category, target));
    }
    Ok(changes)
}

/// Texts by language tag; null takes a language away.
fn translations(fields: &Fields<'_>) -> Result<Vec<(String, Option<TextsGiven>)>> {
    each(fields, "translations", |texts| {
        let attributes = each(texts, "attributes", |attribute| {
            Ok(AttributeGiven {
                attribute: String::new(),
                label: attribute.owned("label")?.value(),
                options: options(attribute)?,
            })
        })?;
        let named = |(attribute, given): (String, Option<AttributeGiven>)| {
            given.map(|given| AttributeGiven { attribute, ..given })
        };
        Ok(TextsGiven {
            name: texts.owned("name")?.value(),
            submitted_message: texts.owned("submitted_message")?.value(),
            attributes: attributes.into_iter().filter_map(named).collect(),
        })
    })
}

fn options(attribute: &Fields<'_>) -> Result<Vec<(String, String)>> {
    let Some(options) = attribute.object("options")?.value() else { return Ok(Vec::new()) };
    let label = |name: &str| Ok(options.owned(name)?.value().map(|label| (name.to_owned(), label)));
    options.names().filter_map(|name| label(name).transpose()).collect()
}

/// The objects inside an object, by name.
fn each<T>(
    fields: &Fields<'_>,
    name: &str,
    read: impl Fn(&Fields<'_>) -> Result<T>,
) -> Result<Vec<(String, Option<T>)>> {
    let Some(inside) = fields.object(name)?.value() else { return Ok(Vec::new()) };
    let one = |name: &str| Ok((name.to_owned(), inside.object(name)?.value().map(|given| read(&given)).transpose()?));
    inside.names().map(one).collect()
}

/// A state's labels by language tag; null takes one away.
pub(crate) fn labels(fields: &Fields<'_>) -> Result<Vec<(String, Option<String>)>> {
    let Some(labels) = fields.object("translations")?.value() else { return Ok(Vec::new()) };
    labels.names().map(|tag| Ok((tag.to_owned(), labels.owned(tag)?.value()))).collect()
}

#[expect(clippy::option_option, reason = "the desk's form of API-4")]
fn rate(fields: &Fields<'_>) -> Result<Option<Option<u32>>> {
    let name = "broadcast_rate_per_minute";
    match fields.any(name) {
        Given::Absent => Ok(None),
        Given::Null => Ok(Some(None)),
        Given::Some(value) => {
            let rate = value.as_u64().and_then(|rate| u32::try_from(rate).ok());
            rate.map(|rate| Some(Some(rate))).ok_or_else(|| ApiError::wrong_type(name, "a whole number"))
        }
    }
}
