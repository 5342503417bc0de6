//! Every table of the store on one page: name, key, value.
//!
//! Numbers in keys are big-endian, so that the order of bytes is the order of numbers; `++` joins fields; ids are eight
//! bytes. "hash16" is the first half of a SHA-256. A **record** is a version byte and postcard bytes (`store::record`).
//! The value of every **index** row is the key of the record it was made from.
//!
//! **Invariant:** a table's key layout never changes; a new layout is a new table and a migration.

use crate::store::engine::Table;

/// name → bytes: counters and facts of the whole store (`store::meta`).
pub const META: Table = Table("meta");

/// thread → record.
pub const THREADS: Table = Table("threads");
/// `updated_at` ++ thread: index of [`THREADS`].
pub const THREADS_BY_UPDATED: Table = Table("threads_by_updated");
/// contact ++ kind ++ number: index of [`THREADS`], participants who were removed included, and of the [`EVENTS`] that the
/// contact's messenger gets (MSG-41).
pub const BY_CONTACT: Table = Table("by_contact");
/// thread: index of the [`THREADS`] that are tickets.
pub const TICKETS: Table = Table("tickets");
/// ticket number: index of the [`THREADS`] that are tickets.
pub const TICKETS_BY_NUMBER: Table = Table("tickets_by_number");
/// `updated_at` ++ thread: index of the [`THREADS`] that are tickets.
pub const TICKETS_BY_UPDATED: Table = Table("tickets_by_updated");
/// fact ++ thread, as `store::facts` makes it: index of [`THREADS`] for searches.
pub const THREADS_BY_FACT: Table = Table("threads_by_fact");
/// `deleted_at` ++ thread: index of the [`THREADS`] that were deleted (DAT-6).
pub const THREADS_DELETED: Table = Table("threads_deleted");
/// end of the snooze ++ thread: index of [`THREADS`] that wake at a time.
pub const SNOOZED: Table = Table("snoozed");

/// thread ++ seq → record.
pub const PARTS: Table = Table("parts");
/// part: index of [`PARTS`].
pub const PART_BY_ID: Table = Table("part_by_id");

/// contact → record.
pub const CONTACTS: Table = Table("contacts");
/// address ++ 0x00 ++ contact: index of [`CONTACTS`].
pub const CONTACTS_BY_EMAIL: Table = Table("contacts_by_email");
/// external id: index of [`CONTACTS`].
pub const CONTACTS_BY_EXTERNAL_ID: Table = Table("contacts_by_external_id");
/// `updated_at` ++ contact: index of [`CONTACTS`].
pub const CONTACTS_BY_UPDATED: Table = Table("contacts_by_updated");
/// fact ++ contact, as `store::facts` makes it: index of [`CONTACTS`] for searches.
pub const CONTACTS_BY_FACT: Table = Table("contacts_by_fact");
/// SHA-256 of a visitor's token → contact.
pub const VISITORS: Table = Table("visitors");

/// agent → record.
pub const AGENTS: Table = Table("agents");
/// address: index of [`AGENTS`].
pub const AGENTS_BY_EMAIL: Table = Table("agents_by_email");
/// token id → record.
pub const TOKENS: Table = Table("tokens");
/// SHA-256 of the secret: index of [`TOKENS`].
pub const TOKENS_BY_HASH: Table = Table("tokens_by_hash");

/// agent → record: what they want to be mailed (DSK-11).
pub const NOTICE_SETTINGS: Table = Table("notice_settings");
/// agent ++ thread → place of the newest part they have seen, eight bytes (NTF-15).
pub const AGENT_READS: Table = Table("agent_reads");
/// thread → place of the newest part that contacts are told an agent has seen, eight bytes (MSG-44).
pub const AGENTS_SAW: Table = Table("agents_saw");

/// ticket type → record.
pub const TICKET_TYPES: Table = Table("ticket_types");
/// ticket state → record.
pub const TICKET_STATES: Table = Table("ticket_states");

/// ticket ++ thread → record.
pub const LINKS: Table = Table("links");
/// thread ++ ticket: index of [`LINKS`], seen from the other side.
pub const LINKS_BACK: Table = Table("links_back");
/// ticket → number of its [`LINKS`], eight bytes; no row for none.
pub const LINK_COUNTS: Table = Table("link_counts");

/// hash16 of a Message-ID ++ what knows it: an arrival (index of [`INTAKE`]), its exact content → arrival (EML-15), a thread
/// → nothing (EML-31). One table, so that what one mail writes stands on one page.
pub const MESSAGE_IDS: Table = Table("message_ids");

/// arrival → record.
pub const INTAKE: Table = Table("intake");
/// arrival: index of the [`INTAKE`] in quarantine.
pub const QUARANTINE: Table = Table("quarantine");
/// UIDVALIDITY ++ UID ++ name of the mailbox → arrival (EML-15).
pub const INTAKE_BY_UID: Table = Table("intake_by_uid");
/// name of the mailbox → record.
pub const CURSORS: Table = Table("cursors");
/// name of an alarm → record (EML-6).
pub const ALARMS: Table = Table("alarms");

/// sequence → record: the log (OBJ-6).
pub const EVENTS: Table = Table("events");

/// delivery → record: the outbox.
pub const DELIVERIES: Table = Table("deliveries");
/// hash of the address it goes out from ++ time of waking ++ delivery: index of [`DELIVERIES`] that something still happens
/// to, but for broadcasts' mails. A relay that is down keeps its own addresses' mail waiting and no other.
pub const DUE: Table = Table("due");
/// delivery: index of [`DELIVERIES`] that people should look at.
pub const ATTENTION: Table = Table("attention");
/// thread ++ delivery: index of [`DELIVERIES`].
pub const DELIVERIES_BY_THREAD: Table = Table("deliveries_by_thread");
/// hash16 of the Message-ID ++ delivery: index of [`DELIVERIES`].
pub const DELIVERIES_BY_MESSAGE_ID: Table = Table("deliveries_by_message_id");
/// word of the state → number of [`DELIVERIES`] in it, eight bytes.
pub const DELIVERY_COUNTS: Table = Table("delivery_counts");
/// thread ++ contact → delivery that still takes further replies (EML-72).
pub const PENDING_REPLIES: Table = Table("pending_replies");
/// thread ++ contact → delivery that tells further changes of state while it waits (NTF-11).
pub const PENDING_STATUS: Table = Table("pending_status");
/// thread ++ agent → delivery that tells an agent further news while it waits (NTF-15).
pub const PENDING_NOTICES: Table = Table("pending_notices");
/// delivery → hash of the message that was kept instead of sent; named in [`BLOB_REFS`] for the delivery.
pub const CAPTURED: Table = Table("captured");
/// lane of the sender's address (as in [`DUE`]) ++ delivery → 0 or 1 (begun) ++ hash of the message: copies owed to a Sent
/// folder; named in [`BLOB_REFS`] for the delivery.
pub const SENT_COPIES: Table = Table("sent_copies");
/// part → ticket ++ linked thread served last: cross-posts under way (BKO-22).
pub const CROSS_POSTS: Table = Table("cross_posts");

/// tag → record.
pub const TAGS: Table = Table("tags");
/// name in lower case: index of [`TAGS`].
pub const TAGS_BY_NAME: Table = Table("tags_by_name");
/// tag ++ thread: index of [`THREADS`].
pub const THREADS_BY_TAG: Table = Table("threads_by_tag");
/// tag ++ part: index of [`PARTS`].
pub const PARTS_BY_TAG: Table = Table("parts_by_tag");
/// tag ++ contact: index of [`CONTACTS`].
pub const CONTACTS_BY_TAG: Table = Table("contacts_by_tag");
/// team → record.
pub const TEAMS: Table = Table("teams");
/// team, or 0 for the workspace → record: office hours (HRS-1).
pub const OFFICE_HOURS: Table = Table("office_hours");
/// reason to be away → record.
pub const AWAY_REASONS: Table = Table("away_reasons");
/// company → record.
pub const COMPANIES: Table = Table("companies");
/// the caller's key: index of [`COMPANIES`].
pub const COMPANIES_BY_KEY: Table = Table("companies_by_key");
/// hash16 of the name in lower case ++ company: index of [`COMPANIES`].
pub const COMPANIES_BY_NAME: Table = Table("companies_by_name");
/// tag ++ company: index of [`COMPANIES`].
pub const COMPANIES_BY_TAG: Table = Table("companies_by_tag");
/// note on a contact or company, whose record lists it → record.
pub const NOTES: Table = Table("notes");
/// macro → record (DSK-9).
pub const MACROS: Table = Table("macros");
/// declared attribute of contacts, companies or conversations → record (API-27).
pub const DATA_ATTRIBUTES: Table = Table("data_attributes");
/// contact ++ event → record: what they did in the customer's product, the newest ones (API-27).
pub const DATA_EVENTS: Table = Table("data_events");
/// contact ++ hash16 of the name → record: how often they did it.
pub const DATA_EVENT_COUNTS: Table = Table("data_event_counts");

/// primary ++ thread merged into it: index of [`THREADS`] (MRG-2).
pub const MERGED: Table = Table("merged");
/// note ++ its copy: index of [`PARTS`] that were cross-posted (BKO-22).
pub const COPIES: Table = Table("copies");
/// note that was redacted and has copies left → the copy that was redacted last (BKO-23).
pub const REDACTIONS: Table = Table("redactions");
/// deleted thread of which something is left to be removed → nothing (TCK-15).
pub const PURGES: Table = Table("purges");
/// contact whose threads are being closed → agent who asked for it ++ thread looked at last (API-26, MSG-62).
pub const CLOSINGS: Table = Table("closings");
/// job → record: states set on the Customer tickets of a Tracker (TRK-5).
pub const PROPAGATIONS: Table = Table("propagations");
/// job: index of the [`PROPAGATIONS`] that run.
pub const PROPAGATIONS_RUNNING: Table = Table("propagations_running");

/// broadcast ++ time of waking ++ delivery: index of the broadcasts' mails among [`DELIVERIES`], a lane for each broadcast,
/// so that one-to-one mail is never behind them (BRC-31).
pub const BROADCAST_DUE: Table = Table("broadcast_due");
/// broadcast → record: rate and refusals of its lane.
pub const BROADCAST_LANES: Table = Table("broadcast_lanes");
/// broadcast → record.
pub const BROADCASTS: Table = Table("broadcasts");
/// broadcast: index of the [`BROADCASTS`] that a worker has something to do for.
pub const BROADCASTS_RUNNING: Table = Table("broadcasts_running");
/// time of the start ++ broadcast: index of the [`BROADCASTS`] that start by themselves; zero for those that wait for
/// their turn only.
pub const BROADCASTS_SCHEDULED: Table = Table("broadcasts_scheduled");
/// tracker: index of the one of its [`BROADCASTS`] that is under way (BRC-30).
pub const BROADCASTS_UNDER_WAY: Table = Table("broadcasts_under_way");
/// tracker ++ broadcast: index of [`BROADCASTS`].
pub const BROADCASTS_BY_TRACKER: Table = Table("broadcasts_by_tracker");
/// broadcast ++ kind of key (0 thread, 1 email, 2 messenger) ++ id → record (BRC-40).
pub const LEDGER: Table = Table("ledger");
/// thread ++ broadcast: index of the rows of [`LEDGER`] whose thread has its part.
pub const LEDGER_BY_THREAD: Table = Table("ledger_by_thread");
/// broadcast ++ kind of key ++ word of the state, and of its reason, or `replied` → number of rows of [`LEDGER`], eight
/// bytes (BRC-35).
pub const LEDGER_COUNTS: Table = Table("ledger_counts");
/// broadcast ++ address → contact whose mail goes to that address (BRC-12).
pub const LEDGER_EMAILS: Table = Table("ledger_emails");
/// tracker ++ contact → time: contacts who want no more mail about an issue (BRC-51).
pub const BROADCAST_STOPS: Table = Table("broadcast_stops");

/// contact ++ client id → record (MSG-42).
pub const CLIENT_IDS: Table = Table("client_ids");
/// `created_at` ++ contact ++ client id: index of [`CLIENT_IDS`].
pub const CLIENT_IDS_BY_AGE: Table = Table("client_ids_by_age");

/// upload → record: files sent ahead of what they belong to (API-53).
pub const UPLOADS: Table = Table("uploads");
/// `created_at` ++ upload: index of the [`UPLOADS`] that nothing uses yet (FRM-8).
pub const UPLOADS_UNUSED: Table = Table("uploads_unused");
/// contact ++ `created_at` ++ upload: index of the [`UPLOADS`] of contacts (MSG-60).
pub const UPLOADS_BY_CONTACT: Table = Table("uploads_by_contact");

/// token, path and key of a request, hashed → record (API-8).
pub const REQUESTS: Table = Table("requests");
/// `created_at` ++ hashed key: index of [`REQUESTS`].
pub const REQUESTS_BY_AGE: Table = Table("requests_by_age");

/// subscription → record (WHK-1 ff.).
pub const WEBHOOKS: Table = Table("webhooks");
/// notification → record: what is owed to subscriptions, and what became of it for 7 days (WHK-3).
pub const NOTIFICATIONS: Table = Table("notifications");
/// subscription ++ notification: index of the [`NOTIFICATIONS`] that are still to go out, in their order.
pub const NOTIFICATIONS_OPEN: Table = Table("notifications_open");
/// subscription ++ notification: index of [`NOTIFICATIONS`].
pub const NOTIFICATIONS_BY_WEBHOOK: Table = Table("notifications_by_webhook");

/// address → record: addresses that mail failed for or that get no mail (EML-82).
pub const SUPPRESSIONS: Table = Table("suppressions");
/// address: index of the [`SUPPRESSIONS`] that say so.
pub const SUPPRESSED: Table = Table("suppressed");
/// keyed hash of an erased address → two flags: no mail, no broadcasts (DAT-3).
pub const ERASED_ADDRESSES: Table = Table("erased_addresses");
/// kind of bucket ++ hash16 of what it counts → time until it is spent: limits of automatic mail (EML-86).
pub const MAIL_BUCKETS: Table = Table("mail_buckets");

/// hash of a blob ++ owner: index of [`PARTS`], [`INTAKE`] and [`UPLOADS`] by the blobs they name, the owner being the
/// part, the arrival or the upload. A row with an empty value was set by hand and keeps its blob for an owner without record.
pub const BLOB_REFS: Table = Table("blob_refs");

/// Every table, for checks of the whole store.
pub const ALL: &[Table] = &[
    META,
    THREADS,
    THREADS_BY_UPDATED,
    BY_CONTACT,
    TICKETS,
    TICKETS_BY_NUMBER,
    TICKETS_BY_UPDATED,
    THREADS_BY_FACT,
    THREADS_DELETED,
    SNOOZED,
    PARTS,
    PART_BY_ID,
    CONTACTS,
    CONTACTS_BY_EMAIL,
    CONTACTS_BY_EXTERNAL_ID,
    CONTACTS_BY_UPDATED,
    CONTACTS_BY_FACT,
    VISITORS,
    AGENTS,
    AGENTS_BY_EMAIL,
    TOKENS,
    TOKENS_BY_HASH,
    NOTICE_SETTINGS,
    AGENT_READS,
    AGENTS_SAW,
    TICKET_TYPES,
    TICKET_STATES,
    LINKS,
    LINKS_BACK,
    LINK_COUNTS,
    MESSAGE_IDS,
    INTAKE,
    QUARANTINE,
    INTAKE_BY_UID,
    CURSORS,
    ALARMS,
    EVENTS,
    DELIVERIES,
    DUE,
    ATTENTION,
    DELIVERIES_BY_THREAD,
    DELIVERIES_BY_MESSAGE_ID,
    DELIVERY_COUNTS,
    PENDING_REPLIES,
    PENDING_STATUS,
    PENDING_NOTICES,
    CAPTURED,
    SENT_COPIES,
    CROSS_POSTS,
    TAGS,
    TAGS_BY_NAME,
    THREADS_BY_TAG,
    PARTS_BY_TAG,
    CONTACTS_BY_TAG,
    TEAMS,
    OFFICE_HOURS,
    AWAY_REASONS,
    COMPANIES,
    COMPANIES_BY_KEY,
    COMPANIES_BY_NAME,
    COMPANIES_BY_TAG,
    NOTES,
    MACROS,
    DATA_ATTRIBUTES,
    DATA_EVENTS,
    DATA_EVENT_COUNTS,
    MERGED,
    COPIES,
    REDACTIONS,
    PURGES,
    CLOSINGS,
    PROPAGATIONS,
    PROPAGATIONS_RUNNING,
    BROADCAST_DUE,
    BROADCAST_LANES,
    BROADCASTS,
    BROADCASTS_RUNNING,
    BROADCASTS_SCHEDULED,
    BROADCASTS_UNDER_WAY,
    BROADCASTS_BY_TRACKER,
    LEDGER,
    LEDGER_BY_THREAD,
    LEDGER_COUNTS,
    LEDGER_EMAILS,
    BROADCAST_STOPS,
    CLIENT_IDS,
    CLIENT_IDS_BY_AGE,
    UPLOADS,
    UPLOADS_UNUSED,
    UPLOADS_BY_CONTACT,
    REQUESTS,
    REQUESTS_BY_AGE,
    WEBHOOKS,
    NOTIFICATIONS,
    NOTIFICATIONS_OPEN,
    NOTIFICATIONS_BY_WEBHOOK,
    SUPPRESSIONS,
    SUPPRESSED,
    ERASED_ADDRESSES,
    MAIL_BUCKETS,
    BLOB_REFS,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_table_has_a_name_of_its_own() {
        let names: BTreeSet<_> = ALL.iter().map(|table| table.0).collect();
        assert_eq!(names.len(), ALL.len());
        let written = include_str!("tables.rs")
            .lines()
            .filter(|line| line.starts_with("pub const") && line.contains("= Table("))
            .count();
        assert_eq!(ALL.len(), written, "a table is missing in ALL");
    }
}
