//! Operations on teams, contacts and companies: path, what it is for, what it takes and gives.

use crate::domain::agent_notice::NewsKind;
use crate::http::description::bodies::attributes;
use crate::http::description::bodies::flag;
use crate::http::description::bodies::id;
use crate::http::description::bodies::moment;
use crate::http::description::bodies::object;
use crate::http::description::bodies::office_hours;
use crate::http::description::bodies::recipients;
use crate::http::description::bodies::text;
use crate::http::description::bodies::ticket;
use crate::http::description::operations::Body;
use crate::http::description::operations::Operation;
use crate::http::description::operations::act;
use crate::http::description::operations::get;
use crate::http::description::operations::post;
use crate::http::description::operations::put;
use serde_json::Value;
use serde_json::json;

const COMPANIES: &[&str] = &["per_page", "starting_after", "company_id", "name"];

/// By path.
pub(super) const OPERATIONS: &[Operation] = &[
    put("/admins/{id}", "what an agent is, how they sign, how many threads teams give them", admin, "admin"),
    put("/admins/{id}/away", "say that an agent is away or back", away, "admin"),
    Operation {
        method: "put",
        path: "/admins/{id}/avatar",
        summary: "give an agent a picture: the body, a PNG, JPEG, GIF or WebP of up to 512 KiB",
        query: &[],
        body: Body::Picture,
        answer: "admin",
    },
    act("delete", "/admins/{id}/avatar", "take an agent's picture away", "admin"),
    get("/admins/{id}/notifications", "what an agent is mailed", &[], "notification_settings"),
    put("/admins/{id}/notifications", "change what an agent is mailed", notifications, "notification_settings"),
    act("post", "/conversations/{id}/seen", "the agent has the conversation before them", "object"),
    act("post", "/tickets/{id}/seen", "the agent has the ticket before them", "object"),
    get("/away_status_reasons", "reasons to be away", &[], "away_reasons"),
    post("/away_status_reasons", "make a reason to be away", reason, "object"),
    put("/away_status_reasons/{id}", "change a reason to be away", reason, "object"),
    get("/teams", "teams", &[], "team_list"),
    post("/teams", "make a team", team, "team"),
    get("/teams/{id}", "a team", &[], "team"),
    put("/teams/{id}", "change a team", team, "team"),
    act("delete", "/teams/{id}", "archive a team", "deleted"),
    get("/teams/{id}/metrics", "what its members have to do", &["idle_threshold"], "object"),
    act("post", "/conversations/{id}/run_assignment_rules", "let its team choose anew", "conversation"),
    get("/brands", "the workspace's own brand, and those beside it", &[], "list"),
    get("/brands/{id}", "a brand", &[], "object"),
    get("/mailboxes", "how the mailboxes are that mail is fetched from", &[], "list"),
    get("/relays", "how the relays are that mail goes out by", &[], "list"),
    get("/emails", "support addresses", &[], "list"),
    get("/emails/{id}", "a support address", &[], "object"),
    get("/office_hours_schedules", "office hours of the workspace and of teams", &[], "list"),
    get("/office_hours_schedules/{id}", "office hours of a team, or of the 'workspace'", &[], "object"),
    put("/office_hours_schedules/{id}", "set office hours as a whole", office_hours, "object"),
    act("delete", "/office_hours_schedules/{id}", "take office hours away", "deleted"),
    post("/messages", "send a message to somebody who has not written", outbound, "object"),
    post("/tickets/enqueue", "make a ticket, answered as a job", ticket, "object"),
    get("/companies", "companies, newest first, or the one with that key or those of that name", COMPANIES, "object"),
    post("/companies", "make a company, or change the one with that key", company, "company"),
    Operation {
        method: "post",
        path: "/companies/list",
        summary: "companies by number of page",
        query: &["page", "per_page"],
        body: Body::None,
        answer: "list",
    },
    get("/companies/{id}", "a company", &[], "company"),
    put("/companies/{id}", "change a company", company, "company"),
    act("delete", "/companies/{id}", "delete a company", "deleted"),
    get("/companies/{id}/contacts", "contacts of a company", &["per_page"], "list"),
    act("delete", "/contacts/{id}", "delete a contact", "object"),
    post("/contacts/merge", "merge a lead into a user", merge, "contact"),
    act("post", "/contacts/{id}/archive", "put a contact out of sight", "object"),
    act("post", "/contacts/{id}/unarchive", "take a contact back into sight", "object"),
    act("post", "/contacts/{id}/export", "everything a contact may have of themself, as one tar archive", ""),
    post("/contacts/{id}/erase", "take a contact away with everything they left", erasure, "object"),
    act("post", "/contacts/{id}/block", "let a contact write no more, close their threads", "object"),
    act("post", "/contacts/{id}/unblock", "let a contact write again", "object"),
    get("/contacts/{id}/notes", "notes on a contact", &["page", "per_page"], "list"),
    post("/contacts/{id}/notes", "write a note on a contact", note, "object"),
    get("/companies/{id}/notes", "notes on a company", &["page", "per_page"], "list"),
    post("/companies/{id}/notes", "write a note on a company", note, "object"),
    get("/notes/{id}", "a note", &[], "object"),
    get("/subscription_types", "kinds of mail that contacts can be without", &[], "list"),
    get("/contacts/{id}/subscriptions", "kinds of such mail a contact takes", &[], "list"),
    post("/contacts/{id}/subscriptions", "take a kind of mail, or be without it", subscription, "object"),
    act("delete", "/contacts/{id}/subscriptions/{subscription_id}", "be without a kind of mail", "object"),
    get("/visitors", "a visitor", &["user_id", "id"], "object"),
    put("/visitors", "change a visitor", visitor, "object"),
    post("/visitors/convert", "make a visitor a lead or a user", conversion, "contact"),
    get("/contacts/{id}/companies", "companies of a contact", &["page", "per_page"], "object"),
    post("/contacts/{id}/companies", "put a contact into a company", by_id, "company"),
    act("delete", "/contacts/{id}/companies/{company_id}", "take a contact out of a company", "company"),
];

fn ids() -> Value {
    json!({"type": "array", "items": id()})
}

fn limit() -> Value {
    json!({"type": ["integer", "null"], "minimum": 0, "maximum": 4_294_967_295_u64})
}

fn number() -> Value {
    json!({"type": ["integer", "null"], "minimum": 0})
}

fn by_id() -> Value {
    object(&["id"], &[("id", id())])
}

fn contact_id() -> Value {
    json!({"type": "string"})
}

fn merge() -> Value {
    object(&["from", "into"], &[("from", contact_id()), ("into", contact_id()), ("skip_duplicate_validation", flag())])
}

fn note() -> Value {
    object(&["body"], &[("body", json!({"type": "string"})), ("admin_id", id())])
}

fn subscription() -> Value {
    object(&["id", "consent_type"], &[("id", id()), ("consent_type", json!({"enum": ["opt_in", "opt_out"]}))])
}

fn visitor() -> Value {
    let fields =
        [("id", contact_id()), ("user_id", contact_id()), ("name", text()), ("custom_attributes", attributes())];
    object(&[], &fields)
}

fn conversion() -> Value {
    let named = || object(&[], &[("id", contact_id()), ("user_id", contact_id()), ("email", contact_id())]);
    let role = json!({"enum": ["user", "lead"]});
    object(&["type", "visitor"], &[("type", role), ("user", named()), ("visitor", named())])
}

fn outbound() -> Value {
    object(
        &["message_type", "from", "to", "body"],
        &[
            ("message_type", json!({"enum": ["in_app", "inapp", "email"]})),
            ("from", object(&["id"], &[("type", text()), ("id", id())])),
            ("to", recipients()),
            ("cc", recipients()),
            ("bcc", recipients()),
            ("subject", text()),
            ("body", json!({"type": "string"})),
            ("template", json!({"enum": ["plain", "personal"]})),
            ("create_conversation_without_contact_reply", flag()),
        ],
    )
}

fn erasure() -> Value {
    object(&[], &[("confirm", flag())])
}

fn admin() -> Value {
    let text_if_any = || json!({"type": ["string", "null"]});
    object(&[], &[("assignment_limit", limit()), ("job_title", text_if_any()), ("signature", text_if_any())])
}

fn notifications() -> Value {
    let events = NewsKind::OPTIONAL.map(|kind| (kind.as_str(), flag()));
    let time = || json!({"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"});
    let mut quiet = object(&["from", "to"], &[("from", time()), ("to", time()), ("time_zone", text())]);
    if let Some(quiet) = quiet.as_object_mut() {
        quiet.insert("type".to_owned(), json!(["object", "null"]));
    }
    object(&[], &[("email", object(&[], &events)), ("quiet_hours", quiet)])
}

fn away() -> Value {
    let yes_or_no = || json!({"type": "boolean"});
    object(
        &["away_mode_enabled", "away_mode_reassign"],
        &[
            ("away_mode_enabled", yes_or_no()),
            ("away_mode_reassign", yes_or_no()),
            ("away_status_reason_id", json!({"type": ["integer", "string", "null"]})),
        ],
    )
}

fn reason() -> Value {
    object(&[], &[("label", text()), ("emoji", text()), ("order", number()), ("deleted", flag())])
}

fn team() -> Value {
    let level = object(&[], &[("primary_admin_ids", ids()), ("secondary_admin_ids", ids())]);
    object(
        &[],
        &[
            ("name", text()),
            ("admin_ids", ids()),
            ("admin_priority_level", level),
            ("distribution_method", json!({"enum": ["manual", "round_robin", "balanced"]})),
            ("assignment_limit", limit()),
            ("reply_time_s", json!({"type": ["integer", "null"], "minimum": 60, "maximum": 2_592_000})),
        ],
    )
}

fn company() -> Value {
    object(
        &[],
        &[
            ("company_id", id()),
            ("name", text()),
            ("plan", text()),
            ("website", text()),
            ("industry", text()),
            ("size", number()),
            ("monthly_spend", number()),
            ("remote_created_at", moment()),
            ("custom_attributes", attributes()),
        ],
    )
}
