//! Reading what is asked for with a broadcast.

use crate::desk::broadcasts::LedgerFilter;
use crate::desk::broadcasts::NewBroadcast;
use crate::domain::broadcast::After;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::broadcast::Only;
use crate::domain::broadcast::Options;
use crate::domain::ledger::LedgerState;
use crate::domain::ledger::Rows;
use crate::http::api::message::attachments;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::fields::Fields;
use crate::http::fields::Given;
use crate::http::fields::read_id;
use serde_json::Value;
use std::str::FromStr;

/// A new broadcast; what is not asked for is as its type says.
pub(crate) fn new(fields: &Fields<'_>, defaults: Options) -> Result<NewBroadcast> {
    Ok(NewBroadcast {
        subject: fields.owned("subject")?.value().unwrap_or_default(),
        body: fields.required_text("body")?.to_owned(),
        attachments: attachments(fields)?,
        options: options(fields, Some(&defaults))?.unwrap_or(defaults),
    })
}

/// The number of contacts as its sender typed it (BRC-15).
pub(crate) fn confirm_count(fields: &Fields<'_>) -> Result<Option<u64>> {
    number(fields, "confirm_count")
}

/// `options`, and `email` beside them; `None` when neither is there. What is not named stays as it was `before`.
pub(crate) fn options(fields: &Fields<'_>, before: Option<&Options>) -> Result<Option<Options>> {
    let email = fields.word("email", "when_unseen, always or never", EmailPolicy::parse)?.value();
    let given = fields.object("options")?.value();
    if given.is_none() && email.is_none() {
        return Ok(None);
    }
    let mut options = before.cloned().unwrap_or_default();
    if let Some(given) = given {
        read_options(&given, &mut options)?;
    }
    options.email = email.unwrap_or(options.email);
    Ok(Some(options))
}

fn read_options(given: &Fields<'_>, options: &mut Options) -> Result<()> {
    if let Given::Some(email) = given.word("email", "when_unseen, always or never", EmailPolicy::parse)? {
        options.email = email;
    }
    if let Given::Some(only) = given.word("only", "all, open_threads, tickets or conversations", Only::parse)? {
        options.only = only;
    }
    if let Some(state) = given.id("set_customer_ticket_state")?.change() {
        options.set_customer_ticket_state = state;
    }
    if let Some(state) = given.id("tracker_state")?.change() {
        options.tracker_state = state;
    }
    if let Some(at) = given.moment("scheduled_at")?.change() {
        options.scheduled_at = at;
    }
    if let Some(rate) = change_of(given, "rate_per_minute")? {
        let fits = rate.map(u32::try_from).transpose();
        options.rate_per_minute = fits.map_err(|_| ApiError::wrong_type(&given.named("rate_per_minute"), "a rate"))?;
    }
    if let Some(after) = after(given)? {
        options.after = after;
    }
    if let Some(ids) = ids(given, "excluded_contact_ids")? {
        options.excluded_contacts = ids;
    }
    if let Some(ids) = ids(given, "excluded_thread_ids")? {
        options.excluded_threads = ids;
    }
    Ok(())
}

/// `after` of `none`, `close` or `snooze`, the last with `snoozed_until`.
fn after(given: &Fields<'_>) -> Result<Option<After>> {
    let until = given.moment("snoozed_until")?.value();
    let named = |word: &str| ["none", "close", "snooze"].into_iter().find(|known| *known == word);
    let word = given.word("after", "none, close or snooze", named)?.value();
    Ok(match (word, until) {
        (None, _) => None,
        (Some("close"), _) => Some(After::Close),
        (Some("snooze"), Some(until)) => Some(After::SnoozeUntil(until)),
        (Some("snooze"), None) => return Err(ApiError::missing(&given.named("snoozed_until"))),
        (Some(_), _) => Some(After::Nothing),
    })
}

fn ids<T: FromStr>(given: &Fields<'_>, name: &str) -> Result<Option<Vec<T>>> {
    let Given::Some(list) = given.list(name)? else { return Ok(None) };
    let named = given.named(name);
    let read = list.iter().enumerate().map(|(at, value)| read_id(value, &format!("{named}[{at}]")));
    read.collect::<Result<Vec<T>>>().map(Some)
}

fn number(fields: &Fields<'_>, name: &str) -> Result<Option<u64>> {
    Ok(change_of(fields, name)?.flatten())
}

#[expect(clippy::option_option, reason = "the desk's form of API-4: none, clear, set")]
fn change_of(fields: &Fields<'_>, name: &str) -> Result<Option<Option<u64>>> {
    match fields.any(name) {
        Given::Absent => Ok(None),
        Given::Null => Ok(Some(None)),
        Given::Some(value) => match Value::as_u64(value) {
            Some(number) => Ok(Some(Some(number))),
            None => Err(ApiError::wrong_type(&fields.named(name), "a whole number")),
        },
    }
}

/// Which rows of a ledger the query asks for.
pub(crate) fn filter(call: &Call) -> Result<LedgerFilter> {
    let refused =
        |name: &str, expected: &str| ApiError::field("parameter_invalid", name, format!("'{name}' takes {expected}"));
    let channel = match (call.query("kind"), call.query("channel")) {
        (None, None) => None,
        (Some("thread"), None) => Some(Rows::Threads),
        (None | Some("contact"), Some("email")) => Some(Rows::Email),
        (None | Some("contact"), Some("messenger")) => Some(Rows::Messenger),
        (Some("contact"), None) => return Err(refused("kind", "thread; name the channel for contacts")),
        (Some(_), _) => return Err(refused("kind", "thread or contact")),
        (None, Some(_)) => return Err(refused("channel", "email or messenger")),
    };
    let state = call.query("state").map(str::to_owned);
    if state.as_ref().is_some_and(|state| !LedgerState::WORDS.contains(&state.as_str())) {
        return Err(refused("state", &LedgerState::WORDS.join(", ")));
    }
    let id = |name: &str| call.query(name).map(|text| (name.to_owned(), text.to_owned()));
    Ok(LedgerFilter {
        rows: channel,
        state,
        reason: call.query("reason").map(str::to_owned),
        thread: parsed(id("thread_id"))?,
        contact: parsed(id("contact_id"))?,
    })
}

fn parsed<T: FromStr>(given: Option<(String, String)>) -> Result<Option<T>> {
    let Some((name, text)) = given else { return Ok(None) };
    match text.parse() {
        Ok(id) => Ok(Some(id)),
        Err(_) => Err(ApiError::field("parameter_invalid", &name, format!("'{name}' is not an id"))),
    }
}
