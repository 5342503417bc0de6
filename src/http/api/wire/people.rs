//! Agents ("admins" on the wire) and authors.

use crate::domain::agent::Agent;
use crate::domain::agent::AwayReason;
use crate::domain::id::AgentId;
use crate::domain::note::Note;
use crate::domain::note::NoteOn;
use crate::domain::part::Author;
use crate::domain::team::Team;
use crate::http::api::wire::Wire;
use crate::http::api::wire::with;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;
use std::borrow::Cow;

/// The id of the one bot (OBJ-8).
const BOT_ID: &str = "0";

/// An agent (OBJ-12), with the teams they are in; `base` is where this server is.
pub(crate) fn admin(agent: &Agent, teams: &[Team], base: &str) -> Value {
    let there = || teams.iter().filter(|team| !team.archived);
    let within = |line: fn(&Team) -> &Vec<AgentId>| -> Vec<u64> {
        there().filter(|team| line(team).contains(&agent.id)).map(|team| team.id.0).collect()
    };
    let (primary, secondary) = (within(|team| &team.agents), within(|team| &team.secondary));
    let all: Vec<u64> = primary.iter().chain(&secondary).copied().collect();
    json!({
        "type": "admin",
        "id": agent.id.to_string(),
        "name": agent.name,
        "email": agent.email.to_string(),
        "job_title": agent.job_title.as_deref().unwrap_or_default(),
        "away_mode_enabled": agent.away.is_some(),
        "away_mode_reassign": agent.away.is_some_and(|away| away.reassign),
        "away_status_reason_id": agent.away.and_then(|away| away.reason).map(|reason| reason.0),
        "has_inbox_seat": !agent.disabled,
        "team_ids": all,
        "avatar": image_url(agent, base),
        "team_priority_level": {"primary_team_ids": primary, "secondary_team_ids": secondary},
        "role": {"type": "role", "id": agent.role.as_str(), "name": agent.role.as_str()},
        "deskgate": {"assignment_limit": agent.assignment_limit, "signature": agent.signature},
    })
}

/// Where an agent's picture is.
fn image_url(agent: &Agent, base: &str) -> Option<String> {
    agent.avatar.map(|avatar| format!("{base}{}", avatar.path(agent.id)))
}

/// A team (OBJ-13).
pub(crate) fn team(team: &Team) -> Value {
    let ids = |agents: &[AgentId]| agents.iter().map(|agent| agent.0).collect::<Vec<_>>();
    json!({
        "type": "team",
        "id": team.id.to_string(),
        "name": team.name,
        "admin_ids": team.members().map(|agent| agent.0).collect::<Vec<_>>(),
        "admin_priority_level": {
            "primary_admin_ids": ids(&team.agents), "secondary_admin_ids": ids(&team.secondary),
        },
        "assignment_limit": team.assignment_limit,
        "distribution_method": team.method.as_str(),
        "deskgate": {"reply_time_s": team.reply_time_s},
    })
}

/// A note on a contact or a company (OBJ-18).
pub(crate) fn note(note: &Note, agents: &[Agent], teams: &[Team], base: &str) -> Value {
    let author = agents.iter().find(|agent| agent.id == note.author).map(|agent| admin(agent, teams, base));
    let (contact, company) = match note.on {
        NoteOn::Contact(id) => (Some(json!({"type": "contact", "id": id.to_string()})), None),
        NoteOn::Company(id) => (None, Some(json!({"type": "company", "id": id.to_string()}))),
    };
    json!({
        "type": "note", "id": note.id.to_string(), "created_at": note.created_at.seconds(), "contact": contact,
        "company": company, "author": author, "body": note.body,
    })
}

/// A reason to be away (AWY-1).
pub(crate) fn away_reason(reason: &AwayReason) -> Value {
    json!({
        "type": "away_status_reason",
        "id": reason.id.0,
        "label": reason.label,
        "emoji": reason.emoji,
        "order": reason.order,
        "deleted": reason.deleted,
        "created_at": reason.created_at.seconds(),
        "updated_at": reason.updated_at.seconds(),
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
    pub(crate) fn me(&self, agent: &Agent, teams: &[Team], identity_verification: bool) -> Value {
        let app = json!({
            "type": "app",
            "id_code": self.workspace_id,
            "name": self.workspace_name,
                "timezone": self.time_zone,
            "identity_verification": identity_verification,
        });
        let avatar = json!({"type": "avatar", "image_url": image_url(agent, &self.base)});
        let own = json!({"avatar": avatar, "email_verified": true, "app": app});
        with(admin(agent, teams, &self.base), own)
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
