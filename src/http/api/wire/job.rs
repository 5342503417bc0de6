//! Jobs (OBJ-69): setting a state on many tickets, making a ticket.

use crate::domain::id::ThreadId;
use crate::domain::propagation::Propagation;
use crate::http::api::wire::part::propagation_counts;
use serde_json::Value;
use serde_json::json;

/// A job with what became of the tickets so far.
pub(crate) fn job(job: &Propagation) -> Value {
    json!({
        "type": "job",
        "id": job.id.to_string(),
        "status": if job.finished_at.is_some() { "success" } else { "pending" },
        "url": format!("/jobs/status/{}", job.id),
        "resource_type": "ticket",
        "resource_id": job.tracker.to_string(),
        "resource_url": format!("/tickets/{}", job.tracker),
        "deskgate": propagation_counts(job.counts),
    })
}

/// The job that made a ticket and has its id.
pub(crate) fn of_ticket(ticket: ThreadId) -> Value {
    json!({
        "type": "job",
        "id": ticket.to_string(),
        "status": "success",
        "url": format!("/jobs/status/{ticket}"),
        "resource_type": "ticket",
        "resource_id": ticket.to_string(),
        "resource_url": format!("/tickets/{ticket}"),
    })
}
