//! Companies (OBJ-16).

use crate::desk::people::companies::CompanyView;
use crate::domain::id::NoteId;
use crate::domain::tag::Tag;
use crate::http::api::wire::Wire;
use crate::http::api::wire::seconds;
use crate::http::api::wire::value;
use crate::http::api::wire::with;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// Notes that are named beside what they are on; all of them are at its own address.
const NOTES_NAMED_MAX: usize = 10;

impl Wire {
    /// A company in full.
    pub(crate) fn company(&self, view: &CompanyView) -> Value {
        let company = &view.company;
        let custom: Map<String, Value> =
            company.custom_attributes.iter().map(|(name, kept)| (name.clone(), value(kept))).collect();
        let tag = |tag: &Tag| json!({"type": "tag", "id": tag.id.to_string(), "name": tag.name});
        let known = json!({
            "type": "company",
            "id": company.id.to_string(),
            "app_id": self.workspace_id,
            "company_id": company.key,
            "name": company.name,
            "plan": company.plan.as_ref().map_or_else(|| json!({}), |plan| json!({"type": "plan", "id": plan, "name": plan})),
            "website": company.website,
            "industry": company.industry,
            "size": company.size,
            "monthly_spend": company.monthly_spend.unwrap_or(0),
            "remote_created_at": seconds(company.remote_created_at),
            "created_at": company.created_at.seconds(),
            "updated_at": company.updated_at.seconds(),
            "user_count": view.contacts,
            "custom_attributes": custom,
        });
        let further = json!({
            "last_request_at": null,
            "session_count": 0,
            "tags": {"type": "tag.list", "tags": view.tags.iter().map(tag).collect::<Vec<_>>()},
            "segments": {"type": "segment.list", "segments": []},
            "notes": {"type": "note.list", "notes": company.notes.iter().rev().take(NOTES_NAMED_MAX).copied().map(note).collect::<Vec<_>>()},
            "deskgate": {"created_at_ms": company.created_at.0, "updated_at_ms": company.updated_at.0},
        });
        with(known, further)
    }
}

fn note(id: NoteId) -> Value {
    json!({"type": "note", "id": id.to_string()})
}
