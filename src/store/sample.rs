//! A small workspace in which every table has a row and every noun every variant; sound as a whole. For tests.

mod arrival_rows;
mod broadcast_rows;
mod parts;
mod settings_rows;
mod type_rows;
mod webhook_rows;

use crate::domain::address::Address;
use crate::domain::agent::Agent;
use crate::domain::agent::AgentRole;
use crate::domain::agent::Away;
use crate::domain::agent::AwayReason;
use crate::domain::agent::Scope;
use crate::domain::agent::Token;
use crate::domain::agent_notice::News;
use crate::domain::agent_notice::NewsKind;
use crate::domain::agent_notice::NoticeSettings;
use crate::domain::agent_notice::QuietHours;
use crate::domain::attachment::BlobHash;
use crate::domain::attribute::Attribute;
use crate::domain::attribute::DataType;
use crate::domain::attribute::ListOption;
use crate::domain::attribute::Value;
use crate::domain::avatar::Avatar;
use crate::domain::avatar::AvatarKind;
use crate::domain::broadcast::BroadcastState;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::company::Company;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::contact::Location;
use crate::domain::delivery::Attempt;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::SkipReason;
use crate::domain::delivery::Stage;
use crate::domain::id::AgentId;
use crate::domain::id::AttributeId;
use crate::domain::id::AwayReasonId;
use crate::domain::id::BroadcastId;
use crate::domain::id::CompanyId;
use crate::domain::id::ContactId;
use crate::domain::id::DeliveryId;
use crate::domain::id::EventSeq;
use crate::domain::id::IntakeId;
use crate::domain::id::JobId;
use crate::domain::id::Millis;
use crate::domain::id::NoteId;
use crate::domain::id::PartId;
use crate::domain::id::StateId;
use crate::domain::id::TagId;
use crate::domain::id::TeamId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::id::TokenId;
use crate::domain::link::Link;
use crate::domain::link::LinkKind;
use crate::domain::mail_choice::ChosenBy;
use crate::domain::mail_choice::MailChoice;
use crate::domain::mail_lane::MailLane;
use crate::domain::mail_limits::Limit;
use crate::domain::note::Note;
use crate::domain::note::NoteOn;
use crate::domain::page::Page;
use crate::domain::propagation::Propagation;
use crate::domain::propagation::PropagationCounts;
use crate::domain::state::StateCategory;
use crate::domain::state::TicketState;
use crate::domain::suppression::AddressStanding;
use crate::domain::tag::Tag;
use crate::domain::team::Team;
use crate::domain::team::TeamMethod;
use crate::domain::thread::Merge;
use crate::domain::thread::Participant;
use crate::domain::thread::Priority;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadHint;
use crate::domain::thread::ThreadState;
use crate::domain::ticket::CreatedVia;
use crate::domain::ticket::Ticket;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use crate::domain::type_settings::FormAudience;
use crate::domain::type_settings::NotificationPolicy;
use crate::domain::type_settings::OnCustomerReply;
use crate::domain::type_settings::ReplyTarget;
use crate::domain::type_settings::TypeSettings;
use crate::store::Store;
use crate::store::agent_notices;
use crate::store::agents;
use crate::store::alarms;
use crate::store::blob_refs;
use crate::store::broadcasts;
use crate::store::captured;
use crate::store::chores;
use crate::store::chores::Closing;
use crate::store::client_ids;
use crate::store::companies;
use crate::store::cross_posts;
use crate::store::cursors;
use crate::store::data_events;
use crate::store::engine::WriteTx;
use crate::store::erasing;
use crate::store::erasing::ErasedStanding;
use crate::store::error::Result;
use crate::store::intake;
use crate::store::intake::UniqueKey;
use crate::store::lanes;
use crate::store::ledger as ledgers;
use crate::store::links;
use crate::store::message_ids;
use crate::store::meta;
use crate::store::migrate;
use crate::store::notes;
use crate::store::outbox;
use crate::store::outbox::Pending;
use crate::store::record;
use crate::store::save::Change;
use crate::store::save::save;
use crate::store::sent_copies;
use crate::store::sent_copies::SentCopy;
use crate::store::settings;
use crate::store::suppressions;
use crate::store::suppressions::Bucket;
use crate::store::tags;
use crate::store::teams;
use crate::store::threads;
use crate::store::ticket_types;
use crate::store::uploads;
use crate::store::visitors;
use crate::store::webhooks;
use std::collections::BTreeMap;

pub(crate) use crate::store::sample::arrival_rows::alarm;
pub(crate) use crate::store::sample::arrival_rows::answered;
pub(crate) use crate::store::sample::arrival_rows::cursor;
pub(crate) use crate::store::sample::arrival_rows::intake_rows;
pub(crate) use crate::store::sample::arrival_rows::uploads;
pub(crate) use crate::store::sample::broadcast_rows::broadcast;
pub(crate) use crate::store::sample::broadcast_rows::ledger;
pub(crate) use crate::store::sample::parts::events;
pub(crate) use crate::store::sample::parts::kinds;
pub(crate) use crate::store::sample::parts::part;
pub(crate) use crate::store::sample::parts::parts;
pub(crate) use crate::store::sample::settings_rows::data_attribute;
pub(crate) use crate::store::sample::settings_rows::data_event;
pub(crate) use crate::store::sample::settings_rows::event_summary;
pub(crate) use crate::store::sample::settings_rows::office_hours;
pub(crate) use crate::store::sample::settings_rows::saved_reply;
pub(crate) use crate::store::sample::webhook_rows::notifications;
pub(crate) use crate::store::sample::webhook_rows::webhooks;

pub(crate) const ANA: ContactId = ContactId(11);
pub(crate) const BEN: ContactId = ContactId(12);
pub(crate) const AGENT: AgentId = AgentId(21);
pub(crate) const TYPE: TicketTypeId = TicketTypeId(35);
pub(crate) const CONVERSATION: ThreadId = ThreadId(41);
pub(crate) const BACK_OFFICE: ThreadId = ThreadId(42);
pub(crate) const TRACKER: ThreadId = ThreadId(43);
pub(crate) const BROADCAST: BroadcastId = BroadcastId(51);
pub(crate) const TAG: TagId = TagId(61);
pub(crate) const COMPANY: CompanyId = CompanyId(62);
pub(crate) const AWAY: AwayReasonId = AwayReasonId(63);
pub(crate) const DELETED: ThreadId = ThreadId(45);
pub(crate) const FIRST_PART: u64 = 101;
pub(crate) const FIRST_DELIVERY: u64 = 201;
/// A queued status mail to Ben.
pub(crate) const WAITING_STATUS: DeliveryId = DeliveryId(FIRST_DELIVERY + 6);
/// A queued mail of another broadcast to Ana.
pub(crate) const WAITING_IN_LANE: DeliveryId = DeliveryId(FIRST_DELIVERY + 7);
pub(crate) const QUARANTINED: IntakeId = IntakeId(303);
/// Contents of the blobs that are named.
pub(crate) const RAW: &[u8] = b"Subject: hello\r\n\r\nhello\r\n";
pub(crate) const FILE: &[u8] = b"a file";
pub(crate) const FACE: &[u8] = b"RIFF\x04\0\0\0WEBP";
pub(crate) const CAPTURED: &[u8] = b"Subject: not sent\r\n\r\n";

pub(crate) fn blob(content: &[u8]) -> BlobHash {
    BlobHash::of(content)
}

pub(crate) fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn at(n: u64) -> Millis {
    Millis(1_800_000_000_000 + n)
}

pub(crate) fn contacts() -> Vec<Contact> {
    let values = [
        ("city", Value::Text("M\u{fc}nchen \u{1f39f}".to_owned())),
        ("orders", Value::Integer(i64::MIN)),
        ("paid", Value::Decimal("-0.10".to_owned())),
        ("vip", Value::Boolean(true)),
        ("files", Value::Files(vec!["a".to_owned(), String::new()])),
    ];
    let ana = Contact {
        external_id: Some("user-1".to_owned()),
        email: Some(address("ana@example.com")),
        email_verified: true,
        name: Some("Ana".to_owned()),
        phone: Some("+1".to_owned()),
        avatar: Some("https://example.com/a.png".to_owned()),
        custom_attributes: values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        language_override: Some("de".to_owned()),
        marked_email_as_spam: true,
        last_seen_at: Some(at(1)),
        last_replied_at: Some(at(2)),
        last_contacted_at: Some(at(3)),
        tags: vec![TAG],
        other_emails: vec![address("ana@example.org")],
        owner: Some(AGENT),
        signed_up_at: Some(at(1)),
        companies: vec![COMPANY],
        notes: vec![NoteId(64)],
        archived_at: Some(at(5)),
        location: Location { country: Some("Portugal".to_owned()), region: None, city: Some("Porto".to_owned()) },
        ..Contact::new(ANA, ContactRole::User, at(0))
    };
    let ben = Contact {
        email: Some(address("ana@example.com")),
        email_claimed: true,
        unsubscribed_from_emails: true,
        mail_choices: vec![
            MailChoice { unsubscribed: true, by: ChosenBy::Complaint, at: at(1) },
            MailChoice { unsubscribed: false, by: ChosenBy::Agent(AGENT), at: at(2) },
            MailChoice { unsubscribed: true, by: ChosenBy::Messenger, at: at(3) },
            MailChoice { unsubscribed: false, by: ChosenBy::Contact, at: at(4) },
        ],
        has_hard_bounced: true,
        blocked: true,
        ..Contact::new(BEN, ContactRole::Lead, at(0))
    };
    let visitor = Contact::new(ContactId(13), ContactRole::Visitor, at(4));
    let merged = Contact {
        merged_into: Some(ANA),
        deleted_at: Some(at(6)),
        ..Contact::new(ContactId(14), ContactRole::Lead, at(4))
    };
    vec![ana, ben, visitor, merged]
}

pub(crate) fn agent() -> Agent {
    Agent {
        id: AGENT,
        name: "Ria".to_owned(),
        email: address("ria@example.org"),
        role: AgentRole::Admin,
        password_hash: Some("$argon2id$x".to_owned()),
        disabled: true,
        created_at: at(0),
        away: Some(Away { reassign: true, reason: Some(AWAY) }),
        assignment_limit: Some(20),
        avatar: Some(Avatar { blob: blob(FACE), kind: AvatarKind::Webp }),
        job_title: Some("Care".to_owned()),
        signature: Some("{{agent.name}}".to_owned()),
    }
}

pub(crate) fn away_reason() -> AwayReason {
    AwayReason {
        id: AWAY,
        label: "Lunch".to_owned(),
        emoji: "\u{1f37d}".to_owned(),
        order: 1,
        deleted: true,
        created_at: at(1),
        updated_at: at(2),
    }
}

pub(crate) fn company() -> Company {
    Company {
        key: Some("acme".to_owned()),
        name: Some("Acme".to_owned()),
        plan: Some("gold".to_owned()),
        website: Some("https://example.com".to_owned()),
        industry: Some("Paper".to_owned()),
        size: Some(12),
        monthly_spend: Some(u64::MAX),
        remote_created_at: Some(at(0)),
        custom_attributes: [("vip".to_owned(), Value::Boolean(true))].into(),
        tags: vec![TAG],
        notes: vec![NoteId(65)],
        ..Company::new(COMPANY, at(1))
    }
}

pub(crate) fn notes() -> Vec<Note> {
    let note =
        |id, on| Note { id: NoteId(id), on, body: "<p>Likes tea</p>".to_owned(), author: AGENT, created_at: at(1) };
    vec![note(64, NoteOn::Contact(ANA)), note(65, NoteOn::Company(COMPANY))]
}

pub(crate) fn token() -> Token {
    Token {
        id: TokenId(22),
        hash: [7; 32],
        agent: AGENT,
        name: "import".to_owned(),
        scopes: Scope::ALL.to_vec(),
        created_at: at(0),
        expires_at: Some(at(9)),
        revoked_at: Some(at(8)),
    }
}

pub(crate) fn states() -> Vec<TicketState> {
    let state = |(id, category): (u64, StateCategory)| TicketState {
        id: StateId(id),
        category,
        internal_label: category.default_labels().0.to_owned(),
        external_label: category.default_labels().1.to_owned(),
        archived: category == StateCategory::Resolved,
        translations: BTreeMap::from([("de".to_owned(), format!("auf Deutsch {id}"))]),
    };
    (31..).zip(StateCategory::ALL).map(state).collect()
}

pub(crate) fn ticket_type() -> TicketType {
    let [title, description] = Attribute::built_in(AttributeId(36), AttributeId(37));
    let option = |id: &str, removed| ListOption { id: id.to_owned(), label: format!("label {id}"), removed };
    let list = Attribute {
        options: vec![option("1", false), option("2", true)],
        allow_multiple_values: true,
        required_to_create: true,
        required_to_create_for_contacts: true,
        required_to_close: true,
        archived: true,
        ..Attribute::new(AttributeId(38), "plan", DataType::List, 2)
    };
    TicketType {
        id: TYPE,
        name: "Billing".to_owned(),
        description: "Invoices".to_owned(),
        category: Category::BackOffice,
        icon: "\u{1f9fe}".to_owned(),
        is_internal: true,
        archived: true,
        attributes: vec![title, description, list],
        states: states().iter().map(|state| state.id).collect(),
        created_at: at(0),
        updated_at: at(1),
        settings: type_settings(),
    }
}

fn type_settings() -> TypeSettings {
    let mut on_customer_reply = OnCustomerReply::default();
    on_customer_reply.set(StateCategory::Submitted, ReplyTarget::State(StateId(32)));
    TypeSettings {
        on_customer_reply,
        notify: NotificationPolicy {
            submitted: EmailPolicy::Never,
            reply: EmailPolicy::Always,
            state_changed: EmailPolicy::WhenUnseen,
            form_sent: EmailPolicy::Always,
            same_category: true,
        },
        default_agent: Some(AGENT),
        default_team: Some(TeamId(29)),
        default_priority: Priority::High,
        audience: FormAudience::Leads,
        audience_rule: Some(type_rows::audience_rule()),
        submitted_message: "Thank you".to_owned(),
        broadcast_email: EmailPolicy::Never,
        broadcast_rate_per_minute: Some(600),
        translations: BTreeMap::from([("de".to_owned(), type_rows::german())]),
    }
}

fn ticket(number: u64, category: Category) -> Ticket {
    let values = [(36, Value::Text("title".to_owned())), (38, Value::Decimal("1.50".to_owned()))];
    Ticket {
        number,
        category,
        type_id: TYPE,
        attributes: values.into_iter().map(|(id, value)| (AttributeId(id), value)).collect(),
        state_id: StateId(32),
        state_category: StateCategory::InProgress,
        previous_state_id: Some(StateId(31)),
        is_shared: true,
        created_via: CreatedVia::Api,
        created_at: at(5),
        first_resolved_at: Some(at(6)),
        last_resolved_at: Some(at(7)),
        customer_reports: 3,
        shared_in: Some(CONVERSATION),
    }
}

pub(crate) fn thread(id: ThreadId, last_seq: u64) -> Thread {
    let mut thread = Thread::new(id, ChannelKind::Email, at(id.0));
    thread.join(ANA, false, 1);
    thread.join(BEN, true, 2);
    Thread { last_seq, last_visible_seq: last_seq, ..thread }
}

pub(crate) fn all_threads() -> Vec<Thread> {
    let conversation = thread(CONVERSATION, u64::try_from(kinds().len()).unwrap());
    let removed = Participant { removed_at: Some(at(9)), seen_seq: 1, ..conversation.participants[1].clone() };
    let conversation = Thread {
        title: Some("Hello".to_owned()),
        waiting_since: Some(at(1)),
        priority: Priority::Urgent,
        admin_assignee: Some(AGENT),
        team_assignee: Some(TeamId(29)),
        participants: vec![conversation.participants[0].clone(), removed],
        teammates: vec![AGENT],
        support_address: Some(address("help@example.org").with_tag(&"t".repeat(80))),
        hints: vec![ThreadHint { thread: BACK_OFFICE, reason: "same subject".to_owned() }],
        first_admin_reply_at: Some(at(2)),
        last_admin_reply_at: Some(at(3)),
        last_contact_reply_at: Some(at(4)),
        last_close_at: Some(at(5)),
        tags: vec![TAG],
        company: Some(COMPANY),
        awaits_contact: true,
        custom_attributes: BTreeMap::from([("Order".to_owned(), Value::Integer(7))]),
        page: Page::parse("https://shop.example/help"),
        ..conversation
    };
    let back_office = Thread {
        state: ThreadState::Snoozed(Some(at(100))),
        ticket: Some(ticket(1, Category::BackOffice)),
        ..thread(BACK_OFFICE, 1)
    };
    let tracker =
        Thread { state: ThreadState::Snoozed(None), ticket: Some(ticket(2, Category::Tracker)), ..thread(TRACKER, 1) };
    let merged = Thread {
        state: ThreadState::Closed,
        merged_into: Some(CONVERSATION),
        automatic: true,
        merge: Some(Merge {
            at: at(6),
            state_before: ThreadState::Snoozed(Some(at(7))),
            joined: vec![BEN],
            moved: vec![TRACKER],
            shared: vec![BACK_OFFICE],
        }),
        ..thread(ThreadId(44), 0)
    };
    let deleted = thread(DELETED, 3).tombstone(at(8));
    vec![conversation, back_office, tracker, merged, deleted]
}

pub(crate) fn delivery(id: u64, kind: DeliveryKind, state: DeliveryState) -> Delivery {
    Delivery {
        id: DeliveryId(id),
        thread: CONVERSATION,
        contact: ANA,
        agent: Some(AGENT),
        channel: ChannelKind::Email,
        address: Some(address("ana@example.com")),
        from: address("support@example.org"),
        kind,
        state,
        message_id: format!("d{id}@example.org"),
        created_at: at(1),
        due_at: at(id),
        leased_until: None,
        past_dot: false,
        uncertain_retried: false,
        attempts: Vec::new(),
        attempt_count: 0,
        despite_suppression: false,
    }
}

/// Owed to the Sent folder.
pub(crate) fn sent_copy() -> SentCopy {
    SentCopy { delivery: DeliveryId(FIRST_DELIVERY + 2), message: blob(RAW), begun: true }
}

pub(crate) fn deliveries() -> Vec<Delivery> {
    let part = PartId(FIRST_PART);
    let reply = || DeliveryKind::Reply { parts: vec![part, PartId(FIRST_PART + 1)] };
    let broadcast = || DeliveryKind::Broadcast { broadcast: BROADCAST, part: PartId(FIRST_PART + 3) };
    let kinds_and_states = [
        (reply(), DeliveryState::Queued),
        (DeliveryKind::TicketSubmitted, DeliveryState::Deferred),
        (DeliveryKind::TicketStateChanged { part }, DeliveryState::Sent),
        (broadcast(), DeliveryState::Uncertain),
        (DeliveryKind::FormSent { part }, DeliveryState::Failed("550 no".to_owned())),
        (broadcast(), DeliveryState::Skipped(SkipReason::Unsubscribed)),
        (DeliveryKind::TicketStateChanged { part }, DeliveryState::Queued),
    ];
    let mut deliveries: Vec<Delivery> = kinds_and_states
        .into_iter()
        .zip(FIRST_DELIVERY..)
        .map(|((kind, state), id)| delivery(id, kind, state))
        .collect();
    deliveries[1].leased_until = Some(at(50));
    deliveries[1].past_dot = true;
    deliveries[1].uncertain_retried = true;
    deliveries[1].attempt_count = 3;
    deliveries[1].attempts = vec![Attempt { at: at(2), stage: Stage::AfterDot, answer: "timeout".to_owned() }];
    deliveries[1].agent = None;
    deliveries[1].address = None;
    deliveries[6].contact = BEN;
    deliveries
}

/// A notice to the agent that takes further news.
pub(crate) fn notice() -> Delivery {
    let part = News::Part { kind: NewsKind::Mention, part: PartId(FIRST_PART + 1), part_seq: 2 };
    let kind = DeliveryKind::AgentNotice { news: vec![part, News::MailNotTaken { intake: QUARANTINED }] };
    let notice = delivery(FIRST_DELIVERY + 8, kind, DeliveryState::Queued);
    Delivery { thread: TRACKER, contact: ContactId(0), address: Some(address("ria@example.org")), ..notice }
}

pub(crate) fn notice_settings() -> NoticeSettings {
    let quiet = QuietHours { from_min: 1_320, to_min: 420, time_zone: "Europe/Berlin".to_owned() };
    NoticeSettings { agent: AGENT, off: vec![NewsKind::SnoozeEnd], quiet_hours: Some(quiet) }
}

pub(crate) fn change() -> Change {
    Change { threads: all_threads(), parts: parts(), events: events(), owed: deliveries(), contacts: contacts() }
}

/// One that a ticket holds, and one that waits.
pub(crate) fn links() -> Vec<Link> {
    let link = |from_ticket, to_thread, kind| Link {
        from_ticket,
        to_thread,
        kind,
        created_at: at(1),
        created_by: Some(AGENT),
    };
    vec![
        link(TRACKER, CONVERSATION, LinkKind::Tracker),
        link(TRACKER, BACK_OFFICE, LinkKind::BackOfficeTracker),
        link(BACK_OFFICE, CONVERSATION, LinkKind::BackOffice),
    ]
}

pub(crate) fn tag() -> Tag {
    Tag { id: TAG, name: "VIP".to_owned(), created_at: at(1) }
}

pub(crate) fn team() -> Team {
    Team {
        id: TeamId(29),
        name: "Billing".to_owned(),
        agents: vec![AGENT],
        created_at: at(1),
        secondary: vec![AGENT],
        method: TeamMethod::Balanced,
        assignment_limit: Some(7),
        last_chosen: Some(AGENT),
        archived: true,
        reply_time_s: Some(5_400),
    }
}

pub(crate) fn propagation(id: u64, finished_at: Option<Millis>) -> Propagation {
    Propagation {
        id: JobId(id),
        tracker: TRACKER,
        to: StateId(34),
        agent: AGENT,
        agent_name: "Ria".to_owned(),
        resolved_too: true,
        skip_notifications: true,
        started_at: at(1),
        finished_at,
        cursor: Some(CONVERSATION),
        counts: PropagationCounts { changed: 1, ..PropagationCounts::default() },
    }
}

/// Writes the workspace into an empty store.
pub(crate) fn fill(tx: &mut dyn WriteTx) -> Result<()> {
    meta::put_workspace_id(tx, "dg1")?;
    meta::put_secret(tx, "reply", b"secret")?;
    agents::put(tx, &agent())?;
    agents::put_away_reason(tx, &away_reason())?;
    agents::put_token(tx, &token())?;
    tags::put(tx, &tag())?;
    teams::put(tx, &team())?;
    states().iter().try_for_each(|state| ticket_types::put_state(tx, state))?;
    ticket_types::put(tx, &ticket_type())?;
    assert_eq!((threads::next_ticket_number(tx)?, threads::next_ticket_number(tx)?), (1, 2));
    companies::put(tx, &company())?;
    notes().iter().try_for_each(|note| notes::put(tx, note))?;
    settings::put_macro(tx, &saved_reply())?;
    settings::put_data_attribute(tx, &data_attribute())?;
    crate::store::office_hours::put(tx, &office_hours())?;
    data_events::put(tx, &data_event())?;
    data_events::put_summary(tx, &event_summary())?;
    save(tx, &change())?;
    outbox::set_pending(tx, CONVERSATION, ANA, Pending::Reply, Some(DeliveryId(FIRST_DELIVERY)))?;
    outbox::set_pending(tx, CONVERSATION, BEN, Pending::Status, Some(WAITING_STATUS))?;
    captured::put(tx, DeliveryId(FIRST_DELIVERY + 2), blob(CAPTURED))?;
    sent_copies::put(tx, &address("support@example.org"), &sent_copy())?;
    cross_posts::put(tx, PartId(160), BACK_OFFICE, CONVERSATION)?;
    links().iter().try_for_each(|link| links::put(tx, link))?;
    chores::set_redaction(tx, PartId(160), PartId(FIRST_PART + 1))?;
    chores::set_purge(tx, DELETED, true)?;
    chores::put_closing(tx, Closing { contact: BEN, by: AGENT, after: CONVERSATION })?;
    chores::put_propagation(tx, &propagation(71, None))?;
    chores::put_propagation(tx, &propagation(72, Some(at(2))))?;
    message_ids::put(tx, "first@example.com", CONVERSATION)?;
    intake_rows().iter().try_for_each(|row| intake::put(tx, row))?;
    let keys = [UniqueKey::content("first@example.com", b"content"), UniqueKey::uid("support", 7, 1)];
    keys.iter().try_for_each(|key| intake::claim(tx, key, IntakeId(301)))?;
    cursors::put(tx, "support", &cursor())?;
    alarms::put(tx, &alarm())?;
    broadcasts::put(tx, &broadcast(BROADCAST, BroadcastState::Running))?;
    broadcasts::put(tx, &broadcast(BroadcastId(52), BroadcastState::Finished))?;
    broadcasts::put(tx, &broadcast(BroadcastId(53), BroadcastState::Scheduled))?;
    ledger().iter().try_for_each(|(key, entry)| ledgers::put(tx, BROADCAST, *key, entry))?;
    ledgers::claim_email(tx, BROADCAST, &address("ana@example.com"), ANA)?;
    let waits = DeliveryKind::Broadcast { broadcast: BroadcastId(52), part: PartId(FIRST_PART + 3) };
    outbox::put(tx, &delivery(WAITING_IN_LANE.0, waits, DeliveryState::Queued))?;
    outbox::put(tx, &notice())?;
    agent_notices::set_pending(tx, TRACKER, AGENT, notice().id)?;
    agent_notices::put_settings(tx, &notice_settings())?;
    agent_notices::set_seen_seq(tx, AGENT, CONVERSATION, 3)?;
    agent_notices::set_agents_saw(tx, CONVERSATION, 3)?;
    agent_notices::set_read_to(tx, EventSeq(2))?;
    lanes::put(tx, &MailLane { broadcast: BROADCAST, spent_until_us: 7, refused_bits: 5 })?;
    broadcasts::set_stopped(tx, TRACKER, BEN, Some(at(9)))?;
    record::put(tx, &answered())?;
    client_ids::put(tx, ANA, "client-1", (CONVERSATION, PartId(FIRST_PART), EventSeq(1)), at(1))?;
    visitors::put(tx, &[9; 32], ContactId(13))?;
    visitors::put(tx, &[8; 32], ContactId(14))?;
    uploads().iter().try_for_each(|upload| uploads::put(tx, upload))?;
    webhooks().iter().try_for_each(|webhook| webhooks::put(tx, webhook))?;
    notifications().iter().try_for_each(|notification| webhooks::put_notification(tx, notification))?;
    suppressions::put(tx, &standing())?;
    let stopped = ErasedStanding { suppressed: true, unsubscribed: false };
    erasing::remember(tx, b"key", &address("gone@example.com"), stopped)?;
    suppressions::take(tx, &[(Bucket::All, Limit::hourly(10))], at(1))?;
    blob_refs::add(tx, blob(FILE), 999)
}

/// An address that does not exist.
pub(crate) fn standing() -> AddressStanding {
    let mut standing = AddressStanding::new(address("gone@example.com"));
    standing.failed(true, "550 5.1.1 no such user", at(1));
    standing
}

/// The workspace, in memory.
pub(crate) fn store() -> Store {
    let store = Store::in_memory().unwrap();
    migrate::run(&store).unwrap();
    store.update_blocking(fill).unwrap();
    store
}
