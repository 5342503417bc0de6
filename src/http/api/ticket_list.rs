//! `GET /tickets`: tickets by filters in the query, sorted, without their parts (API-41). Dates are exact.

use crate::desk::search::threads::Search;
use crate::domain::search::Asked;
use crate::domain::search::AskedCondition;
use crate::domain::search::Operator;
use crate::domain::search::Scalar;
use crate::domain::ticket_type::Category;
use crate::http::api::Answer;
use crate::http::api::search::page;
use crate::http::api::search::sort_of;
use crate::http::api::wire;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::error::Result;
use crate::http::paging::PER_PAGE_DEFAULT;
use axum::response::Json;

/// Parameters, and the field and operator each stands for.
const FILTERS: [(&str, &str, Operator); 17] = [
    ("category", "category", Operator::Equal),
    ("ticket_type_id", "ticket_type_id", Operator::Equal),
    ("ticket_state_id", "ticket_state_id", Operator::Equal),
    ("state", "state", Operator::Equal),
    ("admin_assignee_id", "admin_assignee_id", Operator::Equal),
    ("team_assignee_id", "team_assignee_id", Operator::Equal),
    ("contact_id", "contact_ids", Operator::Equal),
    ("company_id", "company_id", Operator::Equal),
    ("tag_id", "tag_ids", Operator::Equal),
    ("open", "open", Operator::Equal),
    ("is_shared", "is_shared", Operator::Equal),
    ("linked_to", "linked_to", Operator::Equal),
    ("created_after", "created_at", Operator::AtLeast),
    ("created_before", "created_at", Operator::AtMost),
    ("updated_after", "updated_at", Operator::AtLeast),
    ("updated_before", "updated_at", Operator::AtMost),
    ("snoozed_before", "snoozed_until", Operator::AtMost),
];

pub(crate) async fn list(call: Call) -> Answer {
    let asked = call.page(PER_PAGE_DEFAULT)?;
    let search = Search {
        query: query(&call)?,
        exact: true,
        sort: sort_of(call.query("sort").or(Some("created_at")), call.query("order"))?,
        after: asked.after_pair(),
        limit: asked.per_page,
        with_parts: false,
        words: None,
    };
    let found = call.read(move |desk, caller| desk.search_tickets(caller, &search)).await?;
    let forms = call.wire().await?;
    let rows = found.items.iter().filter_map(|view| forms.ticket(view, false)).collect();
    Ok(Json(page(wire::listed("ticket.list", "tickets", rows), &asked, &found)))
}

fn query(call: &Call) -> Result<Option<Asked>> {
    if let Some(word) = call.query("category") {
        Category::parse(word).ok_or_else(|| {
            ApiError::field("parameter_invalid", "category", "'category' takes Customer, Back-office or Tracker")
        })?;
    }
    let given = FILTERS.iter().filter_map(|(name, field, operator)| {
        let values = vec![Scalar::Text(call.query(name)?.to_owned())];
        Some(Asked::Is(AskedCondition { field: (*field).to_owned(), operator: *operator, values }))
    });
    let given: Vec<_> = given.collect();
    Ok((!given.is_empty()).then_some(Asked::All(given)))
}
