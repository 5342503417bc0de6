//! Statistics of threads (REP-10).

use crate::desk::thread::views::ThreadView;
use crate::domain::id::Millis;
use crate::domain::statistics::StateInterval;
use crate::domain::statistics::Statistics;
use crate::domain::thread::Thread;
use crate::http::api::wire::Wire;
use crate::http::api::wire::seconds;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

impl Wire {
    /// What is known of a thread: everything where its parts were read, else the times it carries.
    pub(crate) fn statistics(&self, view: &ThreadView) -> Value {
        match &view.tally {
            Some(tally) => whole(&tally.clone().at(self.now)),
            None => carried(&view.thread),
        }
    }

    /// What the parts of a ticket tell: times, and the states it was in; nothing where they were not read.
    pub(crate) fn ticket_statistics(&self, view: &ThreadView) -> Value {
        let known = view.tally.as_ref().map(|tally| tally.clone().at(self.now));
        let intervals = known.as_ref().map(|known| known.state_intervals.iter().map(interval).collect::<Vec<_>>());
        json!({"statistics": known.as_ref().map(whole), "state_intervals": intervals})
    }
}

fn interval(interval: &StateInterval) -> Value {
    json!({
        "state_id": interval.state.to_string(),
        "category": interval.category.as_str(),
        "started_at": interval.from.seconds(),
        "ended_at": seconds(interval.until),
    })
}

fn whole(known: &Statistics) -> Value {
    let in_state: Map<String, Value> =
        known.time_in_state_s.iter().map(|(category, s)| (category.as_str().to_owned(), json!(s))).collect();
    let mut form = json!({
        "type": "conversation_statistics",
        "time_to_assignment": known.time_to_assignment_s,
        "time_to_admin_reply": known.time_to_admin_reply_s,
        "time_to_first_close": known.time_to_first_close_s,
        "time_to_last_close": known.time_to_last_close_s,
        "median_time_to_reply": known.median_time_to_reply_s,
        "first_contact_reply_at": seconds(known.first_contact_reply_at),
        "first_assignment_at": seconds(known.first_assignment_at),
        "first_admin_reply_at": seconds(known.first_admin_reply_at),
        "first_close_at": seconds(known.first_close_at),
        "last_assignment_at": seconds(known.last_assignment_at),
        "last_assignment_admin_reply_at": seconds(known.last_assignment_admin_reply_at),
        "last_contact_reply_at": seconds(known.last_contact_reply_at),
        "last_admin_reply_at": seconds(known.last_admin_reply_at),
        "last_close_at": seconds(known.last_close_at),
        "last_closed_by_id": known.last_closed_by.map(|agent| agent.to_string()),
        "count_reopens": known.count_reopens,
        "count_assignments": known.count_assignments,
        "count_conversation_parts": known.count_parts,
        "handling_time": known.handling_time_s,
        "adjusted_handling_time": known.adjusted_handling_time_s,
    });
    if let (false, Some(form)) = (in_state.is_empty(), form.as_object_mut()) {
        let of_ticket = json!({"time_to_resolve": known.time_to_resolve_s, "time_in_state": in_state});
        form.insert("deskgate".to_owned(), of_ticket);
    }
    form
}

/// Lists read no parts; what needs them is null there.
fn carried(thread: &Thread) -> Value {
    let since_start = |at: Option<Millis>| at.map(|at| at.since(thread.created_at).as_secs());
    json!({
        "type": "conversation_statistics",
        "time_to_assignment": null,
        "time_to_admin_reply": since_start(thread.first_admin_reply_at),
        "time_to_first_close": null,
        "time_to_last_close": since_start(thread.last_close_at),
        "median_time_to_reply": null,
        "first_contact_reply_at": null,
        "first_assignment_at": null,
        "first_admin_reply_at": seconds(thread.first_admin_reply_at),
        "first_close_at": null,
        "last_assignment_at": null,
        "last_assignment_admin_reply_at": null,
        "last_contact_reply_at": seconds(thread.last_contact_reply_at),
        "last_admin_reply_at": seconds(thread.last_admin_reply_at),
        "last_close_at": seconds(thread.last_close_at),
        "last_closed_by_id": null,
        "count_reopens": null,
        "count_assignments": null,
        "count_conversation_parts": thread.last_seq,
    })
}
