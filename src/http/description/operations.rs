//! Every operation of the API: path, what it is for, what it takes and gives.

use crate::http::description::bodies;
use crate::http::description::people;
use crate::http::description::records;
use serde_json::Value;

/// What an operation takes in its body.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    None,
    Json(fn() -> Value),
    File,
    /// The octets of a picture.
    Picture,
}

/// One method of one path.
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) query: &'static [&'static str],
    pub(crate) body: Body,
    /// Name of the answer's schema; empty for files.
    pub(crate) answer: &'static str,
}

impl Operation {
    /// A name of its own: method and path in words.
    pub(crate) fn id(&self) -> String {
        let path = self.path.trim_start_matches('/').replace(['/', '{', '}', '.'], "_");
        format!("{}_{path}", self.method)
    }
}

/// Every operation.
pub(crate) fn all() -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().chain(people::OPERATIONS).chain(records::OPERATIONS)
}

pub(super) const fn get(
    path: &'static str,
    summary: &'static str,
    query: &'static [&'static str],
    answer: &'static str,
) -> Operation {
    Operation { method: "get", path, summary, query, body: Body::None, answer }
}

pub(super) const fn post(
    path: &'static str,
    summary: &'static str,
    body: fn() -> Value,
    answer: &'static str,
) -> Operation {
    Operation { method: "post", path, summary, query: &[], body: Body::Json(body), answer }
}

pub(super) const fn put(
    path: &'static str,
    summary: &'static str,
    body: fn() -> Value,
    answer: &'static str,
) -> Operation {
    Operation { method: "put", path, summary, query: &[], body: Body::Json(body), answer }
}

pub(super) const fn act(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    answer: &'static str,
) -> Operation {
    Operation { method, path, summary, query: &[], body: Body::None, answer }
}

const PAGE: &[&str] = &["per_page", "starting_after"];
const LIMIT: &[&str] = &["per_page"];
const PART_PAGE: &[&str] = &["per_page", "starting_after", "after_seq", "order", "display_as", "merged"];
const LEDGER: &[&str] =
    &["per_page", "starting_after", "kind", "channel", "state", "reason", "thread_id", "contact_id"];
const REPORT: &[&str] = &[
    "since",
    "until",
    "by",
    "group_by",
    "time_zone",
    "format",
    "ticket_type_id",
    "category",
    "channel",
    "tag_id",
    "priority",
    "company_id",
    "admin_id",
    "team_id",
];
const PARTS: &[&str] = &["parts", "display_as"];
const TICKET_FILTERS: &[&str] = &[
    "per_page",
    "starting_after",
    "category",
    "ticket_type_id",
    "ticket_state_id",
    "state",
    "admin_assignee_id",
    "team_assignee_id",
    "contact_id",
    "company_id",
    "tag_id",
    "open",
    "is_shared",
    "linked_to",
    "created_after",
    "created_before",
    "updated_after",
    "updated_before",
    "snoozed_before",
    "sort",
    "order",
];

/// Those of threads, tickets and what is around them; the others stand in [`people`].
const OPERATIONS: &[Operation] = &[
    get("/openapi.json", "this description", &[], "description"),
    get("/me", "the agent the token acts for", &[], "admin"),
    get("/admins", "agents", &[], "admin_list"),
    get("/admins/{id}", "an agent", &[], "admin"),
    get("/contacts", "contacts, newest first", PAGE, "contact_list"),
    post("/contacts", "make a contact", bodies::contact, "contact"),
    post("/contacts/search", "search contacts", bodies::search, "contact_list"),
    get("/contacts/find_by_external_id/{external_id}", "the contact with that key", &[], "contact"),
    get("/contacts/{id}", "a contact", &[], "contact"),
    put("/contacts/{id}", "change a contact", bodies::contact, "contact"),
    get("/conversations", "conversations, latest change first", PAGE, "conversation_list"),
    post("/conversations", "begin a conversation for a contact", bodies::conversation, "message"),
    post("/conversations/search", "search conversations", bodies::search, "conversation_list"),
    get("/conversations/{id}", "a conversation with its newest parts", PARTS, "conversation"),
    put("/conversations/{id}", "name a conversation, mark it as read", bodies::conversation_change, "conversation"),
    post("/conversations/{id}/reply", "say something", bodies::reply, "conversation"),
    post("/conversations/{id}/parts", "open, close, snooze, assign", bodies::part, "conversation"),
    get("/conversations/{id}/parts", "all parts, in pages", PART_PAGE, "part_list"),
    post("/conversations/{id}/convert", "make it a Customer ticket", bodies::convert, "ticket"),
    get("/conversations/{id}/forms", "forms that can be sent", &[], "list"),
    post("/conversations/{id}/forms", "send a form", bodies::form, "object"),
    act("post", "/conversations/{id}/typing", "show the contact for five seconds that you type", "object"),
    post("/conversations/{id}/presence", "show the contact that you are there", bodies::presence, "object"),
    post("/forms/{id}/submit", "fill a form in for the contact", bodies::form_values, "object"),
    act("post", "/forms/{id}/withdraw", "withdraw a form", "object"),
    get("/tickets", "tickets by filters", TICKET_FILTERS, "ticket_list"),
    post("/tickets", "make a ticket", bodies::ticket, "ticket"),
    post("/tickets/search", "search tickets", bodies::search, "ticket_list"),
    get("/tickets/{id}", "a ticket with its newest parts", PARTS, "ticket"),
    put("/tickets/{id}", "change a ticket", bodies::ticket_change, "ticket"),
    post("/tickets/{id}/reply", "say something", bodies::reply, "ticket_part"),
    get("/tickets/{id}/parts", "all parts, in pages", PART_PAGE, "part_list"),
    get("/tickets/{id}/statistics", "times and counts", &[], "object"),
    post("/tickets/{id}/change_type", "give a ticket another type", bodies::change_type, "ticket"),
    post(
        "/tickets/{id}/linked_conversations",
        "link a conversation to a Tracker",
        bodies::link_conversation,
        "conversation",
    ),
    act("delete", "/tickets/{id}/linked_conversations/{thread_id}", "unlink it", "conversation"),
    post("/tickets/{id}/links", "link one thread or many", bodies::link, "ticket_or_list"),
    act("delete", "/tickets/{id}/links/{thread_id}", "unlink a thread", "ticket"),
    get("/tickets/{id}/broadcasts", "broadcasts of a Tracker", &[], "list"),
    post("/tickets/{id}/broadcasts", "draft a broadcast of a Tracker, or send it", bodies::broadcast, "broadcast"),
    get("/broadcasts", "broadcasts of all Trackers, newest first", PAGE, "list"),
    post("/broadcasts", "draft a broadcast of a Tracker, or send it", bodies::broadcast, "broadcast"),
    get("/broadcasts/{id}", "a broadcast with its counts", &[], "broadcast"),
    put("/broadcasts/{id}", "change a draft", bodies::broadcast_change, "broadcast"),
    act("delete", "/broadcasts/{id}", "delete a draft", "object"),
    post("/broadcasts/{id}/preview", "what a recipient will see", bodies::pick, "object"),
    post("/broadcasts/{id}/test", "mail it to yourself as a recipient will see it", bodies::pick, "object"),
    post("/broadcasts/{id}/send", "send a draft, or schedule it", bodies::confirmation, "broadcast"),
    act("post", "/broadcasts/{id}/pause", "stop posting and mailing for now", "broadcast"),
    act("post", "/broadcasts/{id}/resume", "go on", "broadcast"),
    act("post", "/broadcasts/{id}/cancel", "send nothing more", "broadcast"),
    act("post", "/broadcasts/{id}/extend", "send it to threads linked since", "broadcast"),
    act("post", "/broadcasts/{id}/redact", "take back what it says", "broadcast"),
    get("/broadcasts/{id}/recipients", "whom it reaches, and whom not and why", PAGE, "list"),
    get("/broadcasts/{id}/ledger", "what became of each recipient", LEDGER, "list"),
    get("/broadcasts/{id}/ledger.csv", "the ledger as a file", &[], ""),
    post("/broadcasts/{id}/ledger/{row}/settle", "say how an uncertain mail ended", bodies::settlement, "object"),
    get("/ticket_types", "ticket types", &[], "list"),
    post("/ticket_types", "make a ticket type", bodies::ticket_type, "ticket_type"),
    get("/ticket_types/{id}", "a ticket type", &[], "ticket_type"),
    put("/ticket_types/{id}", "change a ticket type", bodies::ticket_type, "ticket_type"),
    put("/ticket_types/{id}/states", "put its states in order", bodies::order, "ticket_type"),
    post("/ticket_types/{id}/attributes", "add an attribute", bodies::attribute, "ticket_type_attribute"),
    put(
        "/ticket_types/{id}/attributes/{attribute_id}",
        "change an attribute",
        bodies::attribute,
        "ticket_type_attribute",
    ),
    get("/ticket_states", "ticket states", &[], "list"),
    post("/ticket_states", "make a ticket state", bodies::ticket_state, "ticket_state"),
    put("/ticket_states/{id}", "change a ticket state", bodies::ticket_state, "ticket_state"),
    Operation {
        method: "post",
        path: "/uploads",
        summary: "send a file ahead",
        query: &[],
        body: Body::File,
        answer: "object",
    },
    get("/deliveries", "what is owed and what became of it", &["per_page", "state"], "list"),
    get("/deliveries/{id}", "a delivery", &[], "object"),
    act("post", "/deliveries/{id}/retry", "try a delivery again", "object"),
    get("/quarantine", "mail that could not be taken in", LIMIT, "list"),
    act("post", "/quarantine/{id}/retry", "take a mail in again", "object"),
    get("/export/reporting_data/get_datasets", "what can be exported", &[], "list"),
    post("/export/reporting_data/enqueue", "export rows behind reports", bodies::reporting_export, "reporting_export"),
    get("/export/reporting_data/{job_identifier}", "how far an export is", &[], "reporting_export"),
    get("/download/reporting_data/{job_identifier}", "the rows of an export as CSV", &[], ""),
    get("/reports", "metrics that reports are of", &[], "list"),
    get("/reports/{metric}", "one metric over an interval, by time and group", REPORT, "object"),
    get("/quarantine/{id}/file", "a mail that could not be taken in, as it came", &[], ""),
    get("/support_addresses/{address}/dns", "what the DNS should say of its domain, and what it says", &[], "list"),
    get("/support_addresses", "where customers write to, and whether their mail comes in", &[], "list"),
    act("post", "/support_addresses/{address}/probe", "send a mail to one to see whether it comes in", "object"),
    get("/suppressions", "addresses that get no mail", &["per_page", "after"], "list"),
    post("/suppressions", "stop all mail to an address", bodies::suppression, "object"),
    act("delete", "/suppressions/{address}", "let an address get mail again", "object"),
    get("/parts/{id}/source", "the raw mail of a part", &[], ""),
    get("/parts/{id}/body", "a body with its pictures", &["remote_images"], "object"),
    post("/parts/{id}/reclass", "say what kind of mail it is", bodies::reclass, "conversation"),
    act("post", "/parts/{id}/fetch", "fetch the mail that was too large to be taken in", "object"),
    get("/templates", "texts of mails and messengers in use", &[], "list"),
    get("/templates/{name}/preview", "a mail with sample data", &["locale", "brand", "format"], "object"),
    get("/tags", "tags", &[], "list"),
    post("/tags", "make or rename a tag", bodies::tag, "tag"),
    get("/tags/{tag_id}", "a tag", &[], "tag"),
    act("delete", "/tags/{tag_id}", "delete a tag that nothing carries", "deleted"),
    get("/contacts/{id}/tags", "tags of a contact", &[], "list"),
    post("/contacts/{id}/tags", "tag a contact", bodies::tagging, "tag"),
    act("delete", "/contacts/{id}/tags/{tag_id}", "untag it", "tag"),
    post("/conversations/{id}/tags", "tag a conversation", bodies::tagging, "tag"),
    act("delete", "/conversations/{id}/tags/{tag_id}", "untag it", "tag"),
    post("/conversations/{id}/parts/{part_id}/tags", "tag a part", bodies::tagging, "tag"),
    act("delete", "/conversations/{id}/parts/{part_id}/tags/{tag_id}", "untag it", "tag"),
    post("/tickets/{id}/tags", "tag a ticket", bodies::tagging, "tag"),
    act("delete", "/tickets/{id}/tags/{tag_id}", "untag it", "tag"),
    act("delete", "/conversations/{id}", "delete a conversation", "deleted"),
    act("delete", "/tickets/{id}", "delete a ticket", "deleted"),
    post("/conversations/{id}/customers", "let a contact take part", bodies::customer, "customers"),
    put("/conversations/{id}/customers/{contact_id}", "change how a contact takes part", bodies::customer, "customers"),
    act("delete", "/conversations/{id}/customers/{contact_id}", "let a contact go", "customers"),
    post("/conversations/{id}/merge", "merge into another conversation", bodies::merge, "conversation"),
    act("post", "/conversations/{id}/unmerge", "take a merge back", "conversation"),
    post("/conversations/redact", "redact a part", bodies::redact, "conversation"),
    get("/conversations/{id}/linked_objects", "what is linked to it", PAGE, "list"),
    get("/tickets/{id}/linked_objects", "what is linked to it", PAGE, "list"),
    get("/tickets/{id}/history", "its states and owners over time", &[], "list"),
    post("/tickets/{id}/propagate_state", "give linked tickets a state", bodies::propagate, "object"),
    get("/jobs/status/{id}", "how far a job is", &[], "object"),
    get("/webhook_subscriptions", "who is told of what happens", &[], "list"),
    post("/webhook_subscriptions", "tell an address what happens", bodies::webhook, "object"),
    get("/webhook_subscriptions/{id}", "a subscription", &[], "object"),
    put("/webhook_subscriptions/{id}", "change a subscription", bodies::webhook, "object"),
    act("delete", "/webhook_subscriptions/{id}", "end a subscription", "object"),
    act("post", "/webhook_subscriptions/{id}/ping", "send a ping", "object"),
    get("/webhook_subscriptions/{id}/deliveries", "what was sent", &["per_page", "before", "state"], "list"),
    post("/webhook_subscriptions/{id}/replay", "send again", bodies::replay, "object"),
    get("/events_log", "everything that happened, in order", &["per_page", "after"], "event_list"),
    get("/events_log/stream", "what happens and what is so for the moment, as it happens", &["after"], ""),
    get("/search", "threads and contacts by their words", &["q", "per_page"], "list"),
];
