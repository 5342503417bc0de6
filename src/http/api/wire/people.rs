//! Agents ("admins" on the wire) and authors.

use crate::domain::agent::Agent;
use crate::domain::part::Author;
use crate::http::api::wire::Wire;
use crate::http::api::wire::with;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;
use std::borrow::Cow;

/// The id of the one bot (OBJ-8).
const BOT_ID: &str = "0";

/// An agent (OBJ-12).
pub(crate) fn admin(agent: &Agent) -> Value {
    json!({
        "type": "admin",
        "id": agent.id.to_string(),
        "name": agent.name,
        "email": agent.email.to_string(),
        "job_title": "",
        "away_mode_enabled": false,
        "away_mode_reassign": false,
        "away_status_reason_id": null,
        "has_inbox_seat": !agent.disabled,
        "team_ids": [],
        "avatar": null,
        "team_priority_level": {"primary_team_ids": [], "secondary_team_ids": []},
        "role": {"type": "role", "id": agent.role.as_str(), "name": agent.role.as_str()},
    })
}

/// Who wrote something.
#[derive(Serialize)]
pub(crate) struct AuthorForm<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    name: &'a str,
    email: Option<Cow<'a, str>>,
}

impl Wire {
    /// The agent a token acts for, with the workspace (`GET /me`).
    pub(crate) fn me(&self, agent: &Agent, identity_verification: bool) -> Value {
        let app = json!({
            "type": "app",
            "id_code": self.workspace_id,
            "name": self.workspace_name,
                "timezone": self.time_zone,
            "identity_verification": identity_verification,
        });
        let own = json!({"avatar": {"type": "avatar", "image_url": null}, "email_verified": true, "app": app});
        with(admin(agent), own)
    }

    /// Who wrote something (OBJ-8).
    pub(crate) fn author(&self, author: &Author) -> Value {
        json!(self.author_form(author))
    }

    /// The same, still to be serialised.
    pub(crate) fn author_form<'a>(&'a self, author: &'a Author) -> AuthorForm<'a> {
        match author {
            Author::Agent { id, name } => {
                AuthorForm { kind: "admin", id: id.to_string(), name, email: Some(self.agent_email(*id)) }
            }
            Author::Contact { id, name, email, user } => AuthorForm {
                kind: if *user { "user" } else { "lead" },
                id: id.to_string(),
                name,
                email: email.as_deref().map(Cow::Borrowed),
            },
            Author::Bot => AuthorForm {
                kind: "bot",
                id: BOT_ID.to_owned(),
                name: &self.workspace_name,
                email: Some(Cow::Borrowed("")),
            },
        }
    }
}
