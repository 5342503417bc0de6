//! Setting a Tracker's state on its Customer tickets, and a ticket's history (API-44, TRK-4, TRK-5).

use crate::desk::thread::history::Step;
use crate::desk::ticket::propagation::NewPropagation;
use crate::domain::id::JobId;
use crate::domain::id::ThreadId;
use crate::domain::part::Cause;
use crate::domain::state::StateCategory;
use crate::http::Api;
use crate::http::api::Answer;
use crate::http::api::tickets::ticket_view;
use crate::http::api::wire::job::job as job_form;
use crate::http::api::wire::job::of_ticket;
use crate::http::api::wire::list;
use crate::http::api::wire::part::propagation_counts;
use crate::http::api::wire::with;
use crate::http::call::Call;
use crate::http::input::Input;
use axum::Router;
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::get;
use axum::routing::post;
use serde_json::json;

pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/tickets/{id}/propagate_state", post(propagate))
        .route("/tickets/{id}/history", get(history))
        .route("/jobs/status/{id}", get(job))
}

async fn propagate(call: Call, input: Input) -> Answer {
    let tracker: ThreadId = call.id("id", "ticket")?;
    let fields = input.fields();
    let asked = NewPropagation {
        to: fields.required_id("ticket_state_id")?,
        resolved_too: fields.flag("include_resolved")?.value().unwrap_or(false),
        skip_notifications: fields.flag("skip_notifications")?.value().unwrap_or(false),
    };
    if fields.flag("dry_run")?.value().unwrap_or(false) {
        let counts = call.read(move |desk, caller| desk.preview_propagation(caller, tracker, asked)).await?;
        return Ok(Json(with(json!({"type": "propagation_preview"}), propagation_counts(counts))));
    }
    let caller = call.acting_as(fields.id("admin_id")?.value()).await?;
    let job = call.desk().start_propagation(&caller, tracker, asked).await?;
    Ok(Json(job_form(&job)))
}

async fn job(call: Call) -> Answer {
    let id: JobId = call.id("id", "job")?;
    match call.read(move |desk, caller| desk.propagation(caller, id)).await {
        Ok(job) => Ok(Json(job_form(&job))),
        // Jobs that make tickets have the ticket's id.
        Err(error) if error.status == StatusCode::NOT_FOUND => {
            let ticket = ticket_view(&call, ThreadId(id.0), false).await;
            ticket.map(|view| Json(of_ticket(view.thread.id))).map_err(|_| error)
        }
        Err(error) => Err(error),
    }
}

async fn history(call: Call) -> Answer {
    let id: ThreadId = call.id("id", "ticket")?;
    let steps = call.read(move |desk, caller| desk.history_of(caller, id)).await?;
    let forms = call.wire().await?;
    let form = |step: &Step| {
        json!({
            "type": "history_step",
            "part_id": step.part.id.to_string(),
            "seq": step.part.seq,
            "event": step.part.kind.as_str(&step.part.author),
            "at": step.part.created_at.seconds(),
            "at_ms": step.part.created_at.0,
            "author": forms.author(&step.part.author),
            "cause": step.part.cause.map(Cause::as_str),
            "state": step.part.thread_state.as_str(),
            "ticket_state": step.part.ticket_state.map(StateCategory::as_str),
            "ticket_state_id": step.state_id.map(|id| id.to_string()),
            "admin_assignee_id": step.agent.map(|id| id.to_string()),
            "team_assignee_id": step.team.map(|id| id.to_string()),
        })
    };
    Ok(Json(list(steps.iter().map(form).collect())))
}
