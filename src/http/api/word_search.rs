//! `GET /search?q=`: threads and contacts by words (DSK-8).
//!
//! Words and `"phrases"` are looked for together in one text: a title with its attributes, a message, a note, a contact.
//! `#1234` is a ticket's number. Operators narrow it: `type:` conversation, ticket, contact; `category:`, `state:`,
//! `is:` open, snoozed, closed; `assignee:` id or nobody; `team:` id, name or nobody; `tag:` a name; `from:` an address, or
//! `@` and a domain; `has:` attachment or link; `before:` and `after:` a day or Unix seconds of the last change. A name of
//! several words stands in quotes: `tag:"big customer"`.

use crate::desk::search::words::Filter;
use crate::desk::search::words::Named;
use crate::desk::search::words::Only;
use crate::desk::search::words::Owns;
use crate::desk::search::words::RESULTS_MAX;
use crate::desk::search::words::Wanted;
use crate::desk::search::words::WordHit;
use crate::domain::id::Millis;
use crate::domain::state::StateCategory;
use crate::domain::ticket_type::Category;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::wire;
use crate::http::api::wire::Wire;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::paging::PER_PAGE_DEFAULT;
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use serde_json::Value;
use serde_json::json;

/// Operators whose value may be several words.
const NAMED: [&str; 2] = ["team", "tag"];
/// Longest question, in bytes.
const ASKED_BYTES_MAX: usize = 1_000;

pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/search", get(search))
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    wanted: Wanted,
    filter: Filter,
    number: Option<u64>,
}

async fn search(call: Call) -> Answer {
    let asked = read(call.query("q").unwrap_or_default())?;
    let limit = call.page(PER_PAGE_DEFAULT)?.per_page.min(RESULTS_MAX);
    let index = call.words().ok_or_else(|| ApiError::unavailable("there is no search index here"))?;
    let (hits, has_more, lag) = match asked.number {
        Some(number) => {
            let hit = call.read(move |desk, caller| desk.ticket_of_number(caller, number)).await?;
            (hit.into_iter().collect(), false, Some(0))
        }
        None => {
            let found =
                call.read(move |desk, caller| desk.search_words(caller, &*index, &asked.wanted, &asked.filter, limit));
            let found = found.await?;
            (found.hits, found.has_more, found.lag)
        }
    };
    let wire = call.wire().await?;
    let list = wire::list(hits.iter().map(|hit| form(&wire, hit)).collect());
    let index = json!({"complete": lag.is_some(), "lag": lag});
    Ok(Json(wire::with(list, json!({"has_more": has_more, "index": index}))))
}

fn form(wire: &Wire, hit: &WordHit) -> Value {
    let (object, part) = match hit {
        WordHit::Thread(view, part) => {
            let ticket = wire.ticket(view, false);
            (ticket.unwrap_or_else(|| wire.conversation(view, false)), part.map(|part| part.to_string()))
        }
        WordHit::Contact(contact) => (wire.contact(contact), None),
    };
    json!({"type": "search_result", "part_id": part, "object": object})
}

fn refuse(message: impl Into<String>) -> ApiError {
    ApiError::field("parameter_invalid", "q", message)
}

fn read(text: &str) -> Result<Asked> {
    if text.len() > ASKED_BYTES_MAX {
        return Err(refuse(format!("'q' takes up to {ASKED_BYTES_MAX} bytes")));
    }
    let mut asked = Asked::default();
    // Between quotes stand phrases, or the value of an operator; a quote that is not closed ends with the text.
    let mut operator_before = None;
    for (at, piece) in text.split('"').enumerate() {
        if at % 2 == 1 {
            match operator_before.take() {
                Some(name) => drop(operator(&mut asked, name, piece)?),
                None => asked.wanted.phrases.push(piece.to_owned()),
            }
            continue;
        }
        let mut words = piece.split_whitespace().peekable();
        while let Some(word) = words.next() {
            let is_last = words.peek().is_none() && piece.ends_with(word);
            match word.strip_suffix(':').filter(|name| is_last && NAMED.contains(name)) {
                Some(name) => operator_before = Some(name),
                None if read_word(&mut asked, word)? => {}
                None => asked.wanted.phrases.push(word.to_owned()),
            }
        }
    }
    if let Some(name) = operator_before {
        operator(&mut asked, name, "")?;
    }
    let is_word = |phrase: &String| phrase.chars().any(char::is_alphanumeric);
    if asked.number.is_none() && !asked.wanted.phrases.iter().any(is_word) {
        return Err(refuse("'q' needs at least one word to look for"));
    }
    Ok(asked)
}

/// Reads a number of a ticket, or an operator; `false` for a word.
fn read_word(asked: &mut Asked, word: &str) -> Result<bool> {
    if let Some(number) = word.strip_prefix('#').and_then(|digits| digits.parse().ok()) {
        asked.number = Some(number);
        return Ok(true);
    }
    match word.split_once(':') {
        Some((name, value)) => operator(asked, name, value),
        None => Ok(false),
    }
}

/// Takes an operator with its value; `false` for a word that only looks like one.
fn operator(asked: &mut Asked, name: &str, value: &str) -> Result<bool> {
    let wrong = |takes: &str| refuse(format!("'{name}:' takes {takes}"));
    let filter = &mut asked.filter;
    match name {
        "type" => {
            let only = match value {
                "conversation" => Only::Conversations,
                "ticket" => Only::Tickets,
                "contact" => Only::Contacts,
                _ => return Err(wrong("conversation, ticket or contact")),
            };
            filter.only = Some(only);
        }
        "category" => {
            let category = Category::parse(value).ok_or_else(|| wrong("Customer, Back-office or Tracker"))?;
            filter.category = Some(category);
        }
        "state" => {
            let takes = "submitted, in_progress, waiting_on_customer or resolved";
            filter.state = Some(StateCategory::parse(value).ok_or_else(|| wrong(takes))?);
        }
        "is" if matches!(value, "open" | "snoozed" | "closed") => filter.is = Some(value.to_owned()),
        "is" => return Err(wrong("open, snoozed or closed")),
        "assignee" if value == "nobody" => filter.assignee = Some(0),
        "assignee" => filter.assignee = Some(value.parse().map_err(|_| wrong("an id or nobody"))?),
        "before" => filter.before = Some(moment(value).ok_or_else(|| wrong("a day or Unix seconds"))?),
        "after" => filter.after = Some(moment(value).ok_or_else(|| wrong("a day or Unix seconds"))?),
        "team" | "tag" | "from" if value.trim().is_empty() => return Err(wrong("a name")),
        "team" => filter.team = Some(named(value)),
        "tag" => filter.tags.push(value.trim().to_lowercase()),
        "from" if !value.contains('@') => return Err(wrong("an address, or '@' and a domain")),
        "from" => filter.from = Some(value.trim().to_lowercase()),
        "has" => filter.has.push(match value {
            "attachment" => Owns::Attachment,
            "link" => Owns::Link,
            _ => return Err(wrong("attachment or link")),
        }),
        _ => return Ok(false),
    }
    Ok(true)
}

fn named(value: &str) -> Named {
    match value.trim() {
        "nobody" => Named::Nobody,
        value => value.parse().map_or_else(|_| Named::Name(value.to_lowercase()), Named::Id),
    }
}

/// The beginning of a day (UTC), or Unix seconds.
fn moment(text: &str) -> Option<Millis> {
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1_000).map(Millis);
    }
    let day: jiff::civil::Date = text.parse().ok()?;
    let begins = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    u64::try_from(begins.timestamp().as_millisecond()).ok().map(Millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dsk_8_operators_are_read_and_everything_else_is_a_word() {
        let asked =
            read("wrong \"vat number\" type:ticket is:open before:2026-01-02 Re:hello assignee:nobody").unwrap();
        assert_eq!(asked.wanted.phrases, ["wrong", "vat number", "Re:hello"]);
        let expected = Filter {
            only: Some(Only::Tickets),
            is: Some("open".to_owned()),
            before: Some(Millis(1_767_312_000_000)),
            assignee: Some(0),
            ..Filter::default()
        };
        assert_eq!(asked.filter, expected);
        let asked = read("late tag:\"Big Customer\" team:Billing has:link from:@Example.com tag:vip \"tag:\"").unwrap();
        let expected = Filter {
            tags: vec!["big customer".to_owned(), "vip".to_owned()],
            team: Some(Named::Name("billing".to_owned())),
            has: vec![Owns::Link],
            from: Some("@example.com".to_owned()),
            ..Filter::default()
        };
        assert_eq!((asked.filter, asked.wanted.phrases), (expected, vec!["late".to_owned(), "tag:".to_owned()]));
        assert_eq!(read("#1207").unwrap().number, Some(1_207));
        assert_eq!(read("#bug").unwrap().wanted.phrases, ["#bug"]);
        for bad in [
            "",
            "  ",
            "is:open",
            "\"\"",
            "!",
            "x type:mail",
            "x is:big",
            "x before:soon",
            "x tag:",
            "x from:ana",
            "x has:fun",
        ] {
            assert_eq!(read(bad).unwrap_err().field.as_deref(), Some("q"), "{bad}");
        }
        assert!(read(&"x".repeat(ASKED_BYTES_MAX + 1)).is_err());
    }
}
