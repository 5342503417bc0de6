//! Golden forms: one object of each kind, whole, in both shapes.

use super::*;
use crate::desk::broadcasts::BroadcastView;
use crate::desk::broadcasts::LedgerRow;
use crate::desk::file_links::FileLinks;
use crate::desk::thread::views::LinkedObject;
use crate::desk::thread::views::ThreadView;
use crate::desk::thread::views::TicketView;
use crate::domain::address::Address;
use crate::domain::agent::AgentRole;
use crate::domain::attachment::AttachmentSource;
use crate::domain::attachment::BlobHash;
use crate::domain::attribute::Attribute;
use crate::domain::attribute::DataType;
use crate::domain::attribute::ListOption;
use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::BroadcastState;
use crate::domain::broadcast::LedgerKey;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::delivery::Attempt;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::SkipReason;
use crate::domain::delivery::Stage;
use crate::domain::delivery_class::DeliveryClass;
use crate::domain::id::AttachmentId;
use crate::domain::id::AttributeId;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::DeliveryId;
use crate::domain::id::EventSeq;
use crate::domain::id::StateId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::ledger::LedgerEntry;
use crate::domain::ledger::LedgerState;
use crate::domain::part::AddressField;
use crate::domain::part::Author;
use crate::domain::part::BounceFacts;
use crate::domain::part::EmailFacts;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::part::PlacedBy;
use crate::domain::state::StateCategory;
use crate::domain::state::TicketState;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadState;
use crate::domain::ticket::CreatedVia;
use crate::domain::ticket::Ticket;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use crate::domain::type_settings::TypeSettings;
use crate::http::rate::Rates;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;

/// 2026-01-01 00:00:00.123 UTC.
const AT: Millis = Millis(1_767_225_600_123);

fn wire(shape: Shape) -> Wire {
    let agent = Agent {
        id: AgentId(14),
        name: "Bo Example".to_owned(),
        email: Address::parse("bo@example.com").unwrap(),
        role: AgentRole::Agent,
        password_hash: None,
        disabled: false,
        created_at: AT,
        away: None,
        assignment_limit: None,
        avatar: None,
        job_title: None,
        signature: None,
    };
    let shared = Shared {
        rates: Rates::default(),
        links: FileLinks::new("https://desk.example.com", &[1; 32]),
        body_room: Arc::new(Semaphore::new(1)),
        running: crate::http::idempotency::Running::default(),
        random: SystemRandom::new(),
        workspace_id: "dg1".to_owned(),
    };
    Wire {
        brands: BTreeMap::new(),
        main_brand: "w".to_owned(),
        shape,
        plaintext: false,
        workspace_id: shared.workspace_id.clone(),
        workspace_name: "Example".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        base: "https://desk.example.com".to_owned(),
        shared: Arc::new(shared),
        agents: BTreeMap::from([(agent.id, agent)]),
        now: AT,
    }
}

fn ana() -> Contact {
    let mut ana = Contact::new(ContactId(0xa1), ContactRole::User, AT);
    ana.external_id = Some("u-9".to_owned());
    ana.email = Address::parse("ana@example.com");
    ana.name = Some("Ana".to_owned());
    ana.custom_attributes.insert("plan".to_owned(), Kept::Text("gold".to_owned()));
    ana.custom_attributes.insert("score".to_owned(), Kept::Decimal("0.10".to_owned()));
    ana
}

fn part(id: u64, seq: u64, kind: PartKind, author: Author) -> Part {
    Part {
        id: PartId(id),
        thread: ThreadId(80_412),
        seq,
        kind,
        author,
        body_html: String::new(),
        body_text: String::new(),
        attachments: Vec::new(),
        created_at: AT,
        updated_at: AT,
        channel: ChannelKind::Messenger,
        thread_state: ThreadState::Open,
        ticket_state: None,
        client_id: None,
        cause: None,
        email: None,
        external_sender: false,
        broadcast: None,
        cross_posted_from: None,
        skip_notifications: false,
        redacted: false,
        tags: Vec::new(),
        mailing: None,
        quick_reply_uuid: None,
        impersonation_warning: false,
    }
}

fn by_ana() -> Author {
    let email = Some("ana@example.com".to_owned());
    Author::Contact { id: ContactId(0xa1), name: "Ana".to_owned(), email, user: true }
}

fn mail() -> Part {
    let facts = EmailFacts {
        raw: Some(BlobHash([0; 32])),
        message_id: "m1@example.com".to_owned(),
        subject: Some("Wrong VAT".to_owned()),
        addresses: vec![
            (AddressField::From, Some("Ana".to_owned()), "ana@example.com".to_owned()),
            (AddressField::To, None, "support@example.com".to_owned()),
        ],
        quoted: "> earlier".to_owned(),
        class: DeliveryClass::Human,
        class_reason: "none".to_owned(),
        placed_by: PlacedBy::NewThread,
        faults: vec!["date_missing".to_owned()],
        bounce: None,
        may_answer_automatically: true,
        authentication: None,
    };
    let file = Attachment {
        id: AttachmentId(5),
        name: "invoice.pdf".to_owned(),
        content_type: "application/pdf".to_owned(),
        size: 1_234,
        source: AttachmentSource::Blob(BlobHash([0; 32])),
        content_id: None,
    };
    Part {
        body_html: "<p>Hello</p>".to_owned(),
        body_text: "Hello".to_owned(),
        channel: ChannelKind::Email,
        email: Some(facts),
        attachments: vec![file],
        ..part(901, 1, PartKind::Comment, by_ana())
    }
}

fn reply() -> Part {
    Part {
        body_html: "<p>Hi</p>".to_owned(),
        body_text: "Hi".to_owned(),
        channel: ChannelKind::Api,
        ..part(902, 2, PartKind::Comment, Author::Agent { id: AgentId(14), name: "Bo".to_owned() })
    }
}

fn owed() -> Delivery {
    Delivery {
        id: DeliveryId(77),
        thread: ThreadId(80_412),
        contact: ContactId(0xa1),
        agent: Some(AgentId(14)),
        channel: ChannelKind::Email,
        address: Address::parse("ana@example.com"),
        from: Address::parse("support@example.com").unwrap(),
        kind: DeliveryKind::Reply { parts: vec![PartId(902)] },
        state: DeliveryState::Deferred,
        message_id: "x1@desk.example.com".to_owned(),
        created_at: AT,
        due_at: Millis(AT.0 + 120_000),
        leased_until: None,
        past_dot: false,
        uncertain_retried: false,
        attempts: vec![Attempt { at: AT, stage: Stage::Answered, answer: "451 4.7.1 later".to_owned() }],
        attempt_count: 1,
        despite_suppression: false,
    }
}

fn state(id: u64, category: StateCategory) -> TicketState {
    let (internal, external) = category.default_labels();
    let (internal_label, external_label) = (internal.to_owned(), external.to_owned());
    TicketState {
        id: StateId(id),
        category,
        internal_label,
        external_label,
        archived: false,
        translations: BTreeMap::new(),
    }
}

fn billing() -> TicketType {
    let [title, description] = Attribute::built_in(AttributeId(1), AttributeId(2));
    let mut size = Attribute::new(AttributeId(3), "Size", DataType::List, 2);
    size.options = vec![ListOption { id: "o1".to_owned(), label: "Large".to_owned(), removed: true }];
    let mut old = Attribute::new(AttributeId(4), "Old", DataType::Boolean, 3);
    old.archived = true;
    TicketType {
        id: TicketTypeId(7),
        name: "Billing".to_owned(),
        description: "Invoices".to_owned(),
        category: Category::Customer,
        icon: "B".to_owned(),
        is_internal: false,
        archived: false,
        attributes: vec![description, title, size, old],
        states: vec![StateId(31), StateId(32)],
        created_at: AT,
        updated_at: AT,
        settings: TypeSettings::default(),
    }
}

fn view(ticket: bool) -> ThreadView {
    let mut thread = Thread::new(ThreadId(80_412), ChannelKind::Email, AT);
    thread.title = Some("Wrong VAT".to_owned());
    thread.join(ContactId(0xa1), false, 1);
    thread.last_seq = 2;
    thread.last_visible_seq = 2;
    thread.admin_assignee = ticket.then_some(AgentId(14));
    thread.teammates = vec![AgentId(14)];
    thread.first_admin_reply_at = Some(Millis(AT.0 + 60_000));
    thread.ticket = ticket.then(|| Ticket {
        number: 1_207,
        category: Category::Customer,
        type_id: TicketTypeId(7),
        attributes: BTreeMap::from([
            (AttributeId(1), Kept::Text("Wrong VAT on invoice".to_owned())),
            (AttributeId(3), Kept::Text("o1".to_owned())),
        ]),
        state_id: StateId(32),
        state_category: StateCategory::InProgress,
        previous_state_id: Some(StateId(31)),
        is_shared: true,
        created_via: CreatedVia::Convert,
        created_at: AT,
        first_resolved_at: None,
        last_resolved_at: None,
        customer_reports: 0,
        shared_in: None,
    });
    let facts =
        || TicketView { ticket_type: billing(), state: state(32, StateCategory::InProgress), uploads: Vec::new() };
    ThreadView {
        merged: Vec::new(),
        tags: Vec::new(),
        thread,
        contacts: vec![ana()],
        ticket: ticket.then(facts),
        source: Some(mail()),
        parts: vec![mail(), reply()],
        parts_total: 2,
        linked: vec![LinkedObject { thread: ThreadId(80_590), category: Some(Category::Tracker) }],
        linked_total: 1,
        tally: None,
        log_seq: EventSeq(991),
        deliveries: vec![owed()],
    }
}

/// Takes the named keys out of an object.
fn taken(object: &mut Value, keys: &[&str]) -> Vec<Value> {
    let object = object.as_object_mut().unwrap();
    keys.iter().map(|key| object.remove(*key).unwrap_or_else(|| panic!("no {key}"))).collect()
}

#[test]
fn shp_1_a_ticket_in_the_shape_of_2_16() {
    let mut ticket = wire(Shape::V2_16).ticket(&view(true), true).unwrap();
    let [parts, ticket_type, ours] =
        taken(&mut ticket, &["ticket_parts", "ticket_type", "deskgate"]).try_into().unwrap();
    let golden = json!({
        "type": "ticket", "id": "80412", "ticket_id": "1207", "category": "Customer", "is_shared": true, "open": true,
        "snoozed_until": null, "created_at": 1_767_225_600, "updated_at": 1_767_225_600, "company_id": null,
        "previous_ticket_state_id": "31", "admin_assignee_id": 14, "team_assignee_id": 0,
        "ticket_attributes": {
            "_default_title_": "Wrong VAT on invoice", "_default_description_": null, "Size": "Large",
        },
        "ticket_state": {
            "type": "ticket_state", "id": "32", "category": "in_progress",
            "internal_label": "In progress", "external_label": "In progress",
        },
        "contacts": {"type": "contact.list", "contacts": [
            {"type": "contact", "id": "0000000000000000000000a1", "external_id": "u-9"},
        ]},
        "linked_objects": {"type": "list", "total_count": 1, "has_more": false, "data": [
            {"type": "ticket", "id": "80590", "category": "Tracker"},
        ]},
    });
    assert_eq!(ticket, golden);
    assert_eq!((&parts["type"], &parts["total_count"]), (&json!("ticket_part.list"), &json!(2)));
    assert_eq!(parts["ticket_parts"][0]["id"], "901", "the first message is a part of the ticket");
    assert_eq!(ticket_type.get("ticket_states"), None, "SHP-3: no states inside a ticket");
    assert_eq!(ticket_type["ticket_type_attributes"]["data"][0]["name"], "_default_title_", "in order");
    assert_eq!((&ours["created_via"], &ours["created_at_ms"]), (&json!("convert"), &json!(AT.0)));
}

#[test]
fn tst_111_assignees_are_strings_in_2_14_and_integers_in_2_16() {
    let old = wire(Shape::V2_14).ticket(&view(true), false).unwrap();
    assert_eq!((&old["admin_assignee_id"], &old["team_assignee_id"]), (&json!("14"), &json!("0")));
    assert_eq!(old.get("previous_ticket_state_id"), None);
    assert_eq!(old.get("ticket_parts"), None, "not asked for");
    assert_eq!(wire(Shape::V2_16).ticket(&view(false), true), None, "a conversation is no ticket");
}

#[test]
fn obj_33_the_source_stands_apart_and_is_never_repeated() {
    let mut conversation = wire(Shape::V2_16).conversation(&view(false), true);
    let [source, parts, ours, statistics] =
        taken(&mut conversation, &["source", "conversation_parts", "deskgate", "statistics"]).try_into().unwrap();
    let golden = json!({
        "type": "conversation", "id": "80412", "title": "Wrong VAT", "created_at": 1_767_225_600,
        "updated_at": 1_767_225_600, "waiting_since": null, "snoozed_until": null, "open": true, "state": "open",
        "read": false, "priority": "none", "admin_assignee_id": 0, "team_assignee_id": 0, "company": null,
        "tags": {"type": "tag.list", "tags": []}, "conversation_rating": null, "custom_attributes": {},
        "sla_applied": null, "channel": {"initial": "email", "current": "email"},
        "first_contact_reply": {"created_at": 1_767_225_600, "type": "email", "url": null},
        "contacts": {"type": "contact.list", "contacts": [
            {"type": "contact", "id": "0000000000000000000000a1", "external_id": "u-9"},
        ]},
        "teammates": {"type": "admin.list", "teammates": [{"type": "admin", "id": "14"}]},
        "linked_objects": {"type": "list", "total_count": 1, "has_more": false, "data": [
            {"type": "ticket", "id": "80590", "category": "Tracker"},
        ]},
    });
    assert_eq!(conversation, golden);
    assert_eq!(
        (&source["id"], &source["type"], &source["subject"]),
        (&json!("901"), &json!("email"), &json!("Wrong VAT"))
    );
    assert_eq!(source["recipients"], json!([{"type": "to", "email": "support@example.com", "drop_reason": null}]));
    let ids: Vec<&Value> = parts["conversation_parts"].as_array().unwrap().iter().map(|part| &part["id"]).collect();
    assert_eq!((ids, &parts["total_count"]), (vec![&json!("902")], &json!(1)));
    assert_eq!(ours["participants"][0]["contact_id"], "0000000000000000000000a1");
    assert_eq!(statistics["time_to_admin_reply"], 60);
}

#[test]
fn interfaces_6_a_mail_tells_its_facts_and_an_owed_part_its_deliveries() {
    let wire = wire(Shape::V2_16);
    let mail = wire.conversation_part(&mail(), &[owed()]);
    assert_eq!(
        mail["email_message_metadata"],
        json!({
            "message_id": "<m1@example.com>", "subject": "Wrong VAT", "history": "> earlier",
            "email_address_headers": [
                {"type": "from", "email_address": "ana@example.com", "name": "Ana"},
                {"type": "to", "email_address": "support@example.com", "name": null},
            ],
        })
    );
    assert_eq!(
        (&mail["deskgate"]["delivery_class"], &mail["deskgate"]["placed_by"]),
        (&json!("human"), &json!("new_thread"))
    );
    assert_eq!((&mail["deskgate"]["faults"], &mail["deskgate"]["deliveries"]), (&json!(["date_missing"]), &json!([])));
    assert_eq!((&mail["app_package_code"], &mail["external_id"]), (&Value::Null, &Value::Null));
    let url = mail["attachments"][0]["url"].as_str().unwrap();
    assert!(url.starts_with("https://desk.example.com/files/"));
    let reply = wire.conversation_part(&reply(), &[owed()]);
    assert_eq!(
        reply["deskgate"]["deliveries"],
        json!([{
            "id": "77", "kind": "reply", "channel": "email", "contact_id": "0000000000000000000000a1",
            "recipient": "ana@example.com", "state": "deferred", "reason": null, "drop_reason": null, "attempts": 1,
            "last_reply": "451 4.7.1 later", "message_id": "<x1@desk.example.com>", "due_at": 1_767_225_720,
        }])
    );
    let author = json!({"type": "admin", "id": "14", "name": "Bo", "email": "bo@example.com"});
    assert_eq!((&reply["author"], &reply["app_package_code"]), (&author, &json!("api")));
}

#[test]
fn interfaces_6_a_bounce_tells_who_refused_and_why() {
    let mut dsn = mail();
    dsn.kind = PartKind::AutomaticEmail;
    if let Some(email) = dsn.email.as_mut() {
        email.class = DeliveryClass::DsnFailed;
        email.bounce = Some(BounceFacts {
            status: Some("5.1.1".to_owned()),
            smtp_reply: Some("550 no such user".to_owned()),
            recipient: Some("gone@example.com".to_owned()),
            hard: true,
            reason: Some("userunknown".to_owned()),
            delivery: Some(DeliveryId(77)),
        });
    }
    let form = wire(Shape::V2_16).conversation_part(&dsn, &[]);
    let bounce = json!({
        "status": "5.1.1", "smtp_reply": "550 no such user", "recipient": "gone@example.com", "hard": true,
        "reason": "userunknown", "delivery_id": "77",
    });
    assert_eq!((&form["part_type"], &form["deskgate"]["bounce"]), (&json!("automatic_email"), &bounce));
}

#[test]
fn shp_2_a_state_part_says_both_categories_and_code_is_absent_outside_the_api() {
    let from = (StateId(31), StateCategory::Submitted);
    let to = (StateId(32), StateCategory::InProgress);
    let moved =
        part(903, 3, PartKind::TicketStateUpdated { from, to, external_label: "In progress".to_owned() }, Author::Bot);
    let form = wire(Shape::V2_16).ticket_part(&moved, Some(&billing()), &[]);
    assert_eq!(form["part_type"], "ticket_state_updated_by_admin");
    assert_eq!((&form["previous_ticket_state"], &form["ticket_state"]), (&json!("submitted"), &json!("in_progress")));
    assert_eq!((form.get("app_package_code"), &form["body"]), (None, &Value::Null));
    assert_eq!(form["author"], json!({"type": "bot", "id": "0", "name": "Example", "email": ""}));
    let updated = part(
        904,
        4,
        PartKind::TicketAttributeUpdated {
            name: "Size".to_owned(),
            visible: true,
            value: Some(Kept::Text("o1".to_owned())),
        },
        by_ana(),
    );
    let form = wire(Shape::V2_16).ticket_part(&updated, Some(&billing()), &[]);
    assert_eq!(form["updated_attribute_data"]["attribute"], json!({"type": "attribute", "id": "3", "label": "Size"}));
    assert_eq!(form["updated_attribute_data"]["value"], json!({"type": "value", "id": "o1", "label": "Large"}));
}

#[test]
fn display_as_plaintext_gives_text() {
    let plain = Wire { plaintext: true, ..wire(Shape::V2_16) };
    assert_eq!(plain.conversation_part(&reply(), &[])["body"], "Hi");
    assert_eq!(plain.conversation(&view(false), true)["source"]["body"], "Hello");
}

#[test]
fn shp_3_a_type_with_its_states_and_a_state_with_its_types() {
    let states =
        [state(32, StateCategory::InProgress), state(31, StateCategory::Submitted), state(9, StateCategory::Resolved)];
    let form = wire(Shape::V2_16).ticket_type_in_full(&billing(), &states);
    let ids: Vec<&Value> = form["ticket_states"]["data"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, ["31", "32"], "the type's order");
    let size = &form["ticket_type_attributes"]["data"][2];
    assert_eq!(size["input_options"], json!({"list_options": []}), "removed options cannot be chosen");
    assert_eq!((&size["ticket_type_id"], &size["workspace_id"]), (&json!(7), &json!("dg1")));
    let full = ticket_type::ticket_state_in_full(&states[0], &[billing()]);
    assert_eq!(full["ticket_types"]["data"][0]["id"], "7");
    assert_eq!(full["archived"], false);
    let unused = ticket_type::ticket_state_in_full(&states[2], &[billing()]);
    assert_eq!(unused["ticket_types"], json!({"type": "list", "data": []}));
}

#[test]
fn obj_14_a_contact_has_every_field_of_the_compatible_shape() {
    let form = wire(Shape::V2_16).contact(&ana());
    assert_eq!((&form["id"], &form["role"]), (&json!("0000000000000000000000a1"), &json!("user")));
    assert_eq!((&form["email"], &form["email_domain"]), (&json!("ana@example.com"), &json!("example.com")));
    assert_eq!(form["custom_attributes"], json!({"plan": "gold", "score": 0.1}));
    assert_eq!((&form["avatar"], &form["owner_id"]), (&Value::Null, &Value::Null));
    assert_eq!(form["notes"]["url"], "/contacts/0000000000000000000000a1/notes");
}

#[test]
fn shp_5_6_7_broadcast_ledger_and_delivery() {
    let running = Broadcast {
        state: BroadcastState::Running,
        subject: "Fix is live".to_owned(),
        body: "Hello".to_owned(),
        ..Broadcast::draft(BroadcastId(501), ThreadId(80_590), (AgentId(14), "Bo"), AT)
    };
    let counts = |counts: &[(&str, u64)]| counts.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect();
    let form = broadcast::broadcast(&BroadcastView {
        broadcast: running,
        threads: counts(&[("sent", 388), ("queued", 12)]),
        email: counts(&[("skipped", 96), ("skipped/unsubscribed", 96)]),
        messenger: counts(&[("seen", 33)]),
        replies: 7,
        stops: 1,
        late_threads: 0,
        mails_per_minute: 60,
        eta_s: Some(25),
    });
    let of = |channel: &str, word: &str| form["counts"][channel][word].clone();
    assert_eq!(
        (of("threads", "sent"), of("email", "skipped"), of("messenger", "seen")),
        (json!(388), json!(96), json!(33))
    );
    assert_eq!((of("email", "uncertain"), &form["reasons"]["email"]["unsubscribed"]), (json!(0), &json!(96)));
    assert_eq!((&form["eta_s"], &form["replies"], &form["options"]["after"]), (&json!(25), &json!(7), &json!("none")));
    assert_eq!((&form["id"], &form["tracker_id"], &form["author_id"]), (&json!("501"), &json!("80590"), &json!(14)));

    let row = |key, entry, delivery| {
        broadcast::ledger_row(BroadcastId(501), &LedgerRow { key, entry, delivery, contact: None })
    };
    let contact = LedgerKey::Email(ContactId(0xa1));
    let entry = |state| LedgerEntry::new(state, ThreadId(80_412), AT);
    let posted = row(LedgerKey::Thread(ThreadId(80_412)), entry(LedgerState::Sent), None);
    assert_eq!(
        (&posted["kind"], &posted["state"], &posted["thread_id"]),
        (&json!("thread"), &json!("sent"), &json!("80412"))
    );
    let mailed = row(contact, entry(LedgerState::Deferred), Some(owed()));
    assert_eq!(
        (&mailed["kind"], &mailed["state"], &mailed["channel"]),
        (&json!("contact"), &json!("deferred"), &json!("email"))
    );
    assert_eq!(mailed["attempts"], json!([{"at_ms": AT.0, "stage": "answered", "answer": "451 4.7.1 later"}]));
    let skipped = row(contact, entry(LedgerState::Skipped(SkipReason::DuplicateAddress)), None);
    assert_eq!((&skipped["state"], &skipped["reason"]), (&json!("skipped"), &json!("duplicate_address")));

    let mut failed = owed();
    failed.state = DeliveryState::Failed("550 no such user".to_owned());
    let form = delivery::delivery(&failed);
    assert_eq!((&form["part_id"], &form["kind"], &form["state"]), (&json!("902"), &json!("reply"), &json!("failed")));
    assert_eq!((&form["reason"], &form["due_at"]), (&json!("550 no such user"), &Value::Null));
}
