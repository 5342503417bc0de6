//! Tickets (SHP-1).

use crate::desk::thread::views::ThreadView;
use crate::desk::thread::views::TicketView;
use crate::domain::attribute::Attribute;
use crate::domain::attribute::DataType;
use crate::domain::attribute::Value as Kept;
use crate::domain::id::StateId;
use crate::domain::thread::ThreadState;
use crate::domain::ticket::Ticket;
use crate::domain::upload::Upload;
use crate::http::api::wire::Wire;
use crate::http::api::wire::beside;
use crate::http::api::wire::contact::references;
use crate::http::api::wire::conversation::linked_objects;
use crate::http::api::wire::conversation::participants;
use crate::http::api::wire::conversation::snoozed_until;
use crate::http::api::wire::listed;
use crate::http::api::wire::part::seen_in;
use crate::http::api::wire::part::standing_in;
use crate::http::api::wire::seconds;
use crate::http::api::wire::ticket_type::ticket_state;
use crate::http::api::wire::value;
use crate::http::api::wire::with;
use crate::http::shape::Shape;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

impl Wire {
    /// A ticket, or `None` when the thread carries none.
    pub(crate) fn ticket(&self, view: &ThreadView, with_parts: bool) -> Option<Value> {
        let thread = &view.thread;
        let ticket = thread.ticket.as_ref()?;
        let facts = view.ticket.as_ref()?;
        let common = json!({
            "type": "ticket",
            "id": thread.id.to_string(),
            "ticket_id": ticket.number.to_string(),
            "category": ticket.category.as_str(),
            "ticket_attributes": self.attributes(ticket, facts),
            "ticket_state": ticket_state(&facts.state),
            "ticket_type": self.ticket_type(&facts.ticket_type),
            "contacts": references(&view.contacts),
            "company_id": thread.company.map(|company| company.to_string()),
            "created_at": ticket.created_at.seconds(),
            "updated_at": thread.updated_at.seconds(),
            "open": thread.state != ThreadState::Closed,
            "snoozed_until": seconds(snoozed_until(thread)),
            "linked_objects": linked_objects(&view.linked, view.linked_total),
            "is_shared": ticket.is_shared,
            "deskgate": beside(
                with(additions(view, ticket), self.ticket_statistics(view)),
                "brand_id",
                json!(self.brand_id(thread)),
            ),
        });
        let form = with(common, self.assignees(view, ticket));
        if !with_parts {
            return Some(form);
        }
        let parts = view.parts.iter();
        let parts = parts.map(|part| {
            let form = self.ticket_part(part, Some(&facts.ticket_type), &view.deliveries);
            if part.thread == thread.id { seen_in(form, thread, part) } else { standing_in(form, part.thread) }
        });
        let list = listed("ticket_part.list", "ticket_parts", parts.collect());
        Some(beside(form, "ticket_parts", with(list, json!({"total_count": view.parts_total}))))
    }

    /// Values by attribute name; null where nothing was filled in. Archived attributes show only with a value (ATT-8).
    fn attributes(&self, ticket: &Ticket, facts: &TicketView) -> Map<String, Value> {
        let shown = facts.ticket_type.attributes.iter().filter_map(|attribute| {
            let kept = ticket.attributes.get(&attribute.id);
            let shown = || kept.map_or(Value::Null, |kept| self.attribute_value(attribute, kept, &facts.uploads));
            (kept.is_some() || !attribute.archived).then(|| (attribute.name.clone(), shown()))
        });
        shown.collect()
    }

    /// A list's option is kept by id and shown by its label of today (ATT-4); files show their names and links (ATT-3).
    fn attribute_value(&self, attribute: &Attribute, kept: &Kept, uploads: &[Upload]) -> Value {
        match (attribute.data_type, kept) {
            (DataType::List, Kept::Text(id)) => {
                let option = attribute.options.iter().find(|option| option.id == *id);
                json!(option.map_or(id, |option| &option.label))
            }
            (_, Kept::Files(ids)) => {
                let upload = |id: &String| uploads.iter().find(|upload| upload.id.to_string() == *id);
                json!(ids.iter().filter_map(upload).map(|upload| self.upload(upload)).collect::<Vec<_>>())
            }
            (_, kept) => value(kept),
        }
    }

    /// What differs between the shapes (API-2).
    fn assignees(&self, view: &ThreadView, ticket: &Ticket) -> Value {
        let agent = view.thread.admin_assignee.map_or(0, |agent| agent.0);
        let team = view.thread.team_assignee.map_or(0, |team| team.0);
        match self.shape {
            Shape::V2_14 => json!({"admin_assignee_id": agent.to_string(), "team_assignee_id": team.to_string()}),
            Shape::V2_16 => json!({
                "admin_assignee_id": agent,
                "team_assignee_id": team,
                "previous_ticket_state_id": ticket.previous_state_id.map(|StateId(id)| id.to_string()),
            }),
        }
    }
}

fn additions(view: &ThreadView, ticket: &Ticket) -> Value {
    let thread = &view.thread;
    json!({
        "created_at_ms": ticket.created_at.0,
        "updated_at_ms": thread.updated_at.0,
        "seq": thread.last_seq,
        "log_seq": view.log_seq.0,
        "state": thread.state.as_str(),
        "created_via": ticket.created_via.as_str(),
        "first_resolved_at": seconds(ticket.first_resolved_at),
        "last_resolved_at": seconds(ticket.last_resolved_at),
        "customer_reports": ticket.customer_reports,
        "participants": participants(thread),
        "support_address": thread.support_address.as_ref().map(ToString::to_string),
        "merged_into": thread.merged_into.map(|other| other.to_string()),
        "merged": view.merged.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
