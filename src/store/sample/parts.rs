//! Parts of every kind, and what happened: the conversations of the sample.

use crate::domain::attachment::Attachment;
use crate::domain::attachment::AttachmentSource;
use crate::domain::attribute::Value;
use crate::domain::authentication::AuthResult;
use crate::domain::authentication::Authentication;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::delivery_class::DeliveryClass;
use crate::domain::event::AgentAct;
use crate::domain::event::BroadcastStep;
use crate::domain::event::CompanyAct;
use crate::domain::event::ContactAct;
use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::event::MailboxStanding;
use crate::domain::form::FormCard;
use crate::domain::form::FormState;
use crate::domain::id::AttachmentId;
use crate::domain::id::AttributeId;
use crate::domain::id::DataEventId;
use crate::domain::id::DeliveryId;
use crate::domain::id::JobId;
use crate::domain::id::PartId;
use crate::domain::id::StateId;
use crate::domain::id::TagId;
use crate::domain::id::TeamId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::link::LinkKind;
use crate::domain::mailing::Mailing;
use crate::domain::mailing::RecipientField;
use crate::domain::part::AddressField;
use crate::domain::part::Author;
use crate::domain::part::BounceFacts;
use crate::domain::part::Cause;
use crate::domain::part::EmailFacts;
use crate::domain::part::LinkedEntity;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::part::PlacedBy;
use crate::domain::part::QuickAnswer;
use crate::domain::part::SharedCard;
use crate::domain::propagation::PropagationCounts;
use crate::domain::state::StateCategory;
use crate::domain::thread::Priority;
use crate::domain::thread::ThreadState;
use crate::domain::ticket_type::Category;
use crate::store::sample::AGENT;
use crate::store::sample::ANA;
use crate::store::sample::BACK_OFFICE;
use crate::store::sample::BEN;
use crate::store::sample::BROADCAST;
use crate::store::sample::COMPANY;
use crate::store::sample::CONVERSATION;
use crate::store::sample::FILE;
use crate::store::sample::FIRST_DELIVERY;
use crate::store::sample::FIRST_PART;
use crate::store::sample::QUARANTINED;
use crate::store::sample::RAW;
use crate::store::sample::TAG;
use crate::store::sample::TRACKER;
use crate::store::sample::TYPE;
use crate::store::sample::at;
use crate::store::sample::blob;

fn form(state: FormState) -> FormCard {
    let prefill = vec![(AttributeId(36), Value::Boolean(true))];
    FormCard { ticket_type: TYPE, type_name: "Billing".to_owned(), state, prefill }
}

fn card() -> SharedCard {
    SharedCard {
        ticket: BACK_OFFICE,
        number: 1,
        type_name: "Billing".to_owned(),
        from: StateCategory::Submitted,
        category: StateCategory::InProgress,
        external_label: "In progress".to_owned(),
        first: true,
    }
}

pub(crate) fn kinds() -> Vec<PartKind> {
    let entity =
        |category, number| LinkedEntity { thread: TRACKER, category, number, kind: LinkKind::BackOfficeTracker };
    vec![
        PartKind::Comment,
        PartKind::Note,
        PartKind::AutomaticEmail,
        PartKind::Open,
        PartKind::Close,
        PartKind::Snoozed,
        PartKind::Unsnoozed,
        PartKind::Assignment { agent: Some(AGENT), team: None, before: (None, None) },
        PartKind::Assignment { agent: None, team: Some(TeamId(29)), before: (Some(AGENT), None) },
        PartKind::ParticipantAdded(BEN),
        PartKind::ConvertedToTicket { number: 1 },
        PartKind::TicketStateUpdated {
            from: (StateId(31), StateCategory::Submitted),
            to: (StateId(33), StateCategory::WaitingOnCustomer),
            external_label: "Waiting on you".to_owned(),
        },
        PartKind::TicketAttributeUpdated {
            name: "plan".to_owned(),
            visible: true,
            value: Some(Value::Text("gold".to_owned())),
        },
        PartKind::TicketShared,
        PartKind::EntityLinked(entity(Some(Category::Tracker), Some(2))),
        PartKind::EntityUnlinked(entity(None, None)),
        PartKind::LinkedTicketStateUpdated {
            ticket: TRACKER,
            number: 2,
            title: "Outage".to_owned(),
            from_label: "Submitted".to_owned(),
            to_label: "Resolved".to_owned(),
        },
        PartKind::TicketTypeChanged {
            from: (TYPE, "Billing".to_owned()),
            to: (TicketTypeId(34), "Refunds".to_owned()),
            left: vec![("plan".to_owned(), Value::Text("Large".to_owned()))],
        },
        PartKind::TicketFormSent(form(FormState::Open)),
        PartKind::TicketFormSent(form(FormState::Submitted { ticket: BACK_OFFICE, number: 1 })),
        PartKind::TicketFormSent(form(FormState::Withdrawn)),
        PartKind::TicketFormSubmitted { form: Some(PartId(FIRST_PART)), ticket: BACK_OFFICE, number: 1 },
        PartKind::TicketFormWithdrawn { form: PartId(FIRST_PART) },
        PartKind::TagsUpdated { added: vec![(TAG, "VIP".to_owned())], removed: vec![(TagId(60), "old".to_owned())] },
        PartKind::ParticipantRemoved(BEN),
        PartKind::MergedPrimary { secondary: ThreadId(44) },
        PartKind::MergedSecondary { primary: CONVERSATION },
        PartKind::Unmerged { other: ThreadId(44) },
        PartKind::SharedTicket(card()),
        PartKind::StatePropagated {
            label: "Resolved".to_owned(),
            counts: PropagationCounts { changed: 1, matched: 2, left_out: 3, required_to_close: 4, no_state: 5 },
        },
        PartKind::QuickReply(vec![QuickAnswer { text: "Yes".to_owned(), uuid: "u-1".to_owned() }]),
        PartKind::DeliveryFailed {
            delivery: DeliveryId(FIRST_DELIVERY),
            address: Some("ana@example.com".to_owned()),
            reason: "550 no".to_owned(),
        },
        PartKind::ConversationAttributeUpdated { name: "Order".to_owned(), value: Some(Value::Integer(7)) },
        PartKind::PriorityChanged { from: Priority::None, to: Priority::Urgent },
    ]
}

pub(crate) fn part(thread: ThreadId, seq: u64, id: u64, kind: PartKind) -> Part {
    Part {
        id: PartId(id),
        thread,
        seq,
        kind,
        author: Author::Bot,
        body_html: "<p>hello</p>".to_owned(),
        body_text: "hello".to_owned(),
        attachments: Vec::new(),
        created_at: at(seq),
        updated_at: at(seq),
        channel: ChannelKind::Messenger,
        thread_state: ThreadState::Snoozed(Some(at(1))),
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

fn email_facts(bounce: Option<BounceFacts>) -> EmailFacts {
    EmailFacts {
        raw: Some(blob(RAW)),
        message_id: "first@example.com".to_owned(),
        subject: Some("hello".to_owned()),
        addresses: vec![
            (AddressField::From, Some("Ana".to_owned()), "ana@example.com".to_owned()),
            (AddressField::ReplyTo, None, "not an address".to_owned()),
        ],
        quoted: "> before".to_owned(),
        class: DeliveryClass::DsnFailed,
        class_reason: "report-type".to_owned(),
        placed_by: PlacedBy::NamedEarlier,
        faults: vec!["header_8bit".to_owned()],
        bounce,
        may_answer_automatically: true,
        authentication: Some(Authentication {
            spf: AuthResult::Pass,
            dkim: AuthResult::TempError,
            source: "mx.example.org".to_owned(),
            from_verified: true,
            ..Authentication::default()
        }),
    }
}

/// Every kind of part in the conversation, the first three with everything a part can carry; one part in each ticket.
pub(crate) fn parts() -> Vec<Part> {
    let file = |id, source| Attachment {
        id: AttachmentId(id),
        name: "a.txt".to_owned(),
        content_type: "text/plain".to_owned(),
        size: 6,
        source,
        content_id: Some("cid".to_owned()),
    };
    let mut parts: Vec<Part> =
        kinds().into_iter().zip(1..).map(|(kind, seq)| part(CONVERSATION, seq, FIRST_PART - 1 + seq, kind)).collect();
    parts[0].author =
        Author::Contact { id: ANA, name: "Ana".to_owned(), email: Some("ana@example.com".to_owned()), user: true };
    parts[0].attachments = vec![
        file(131, AttachmentSource::MailPart { raw: blob(RAW), part: 2 }),
        file(132, AttachmentSource::Blob(blob(FILE))),
    ];
    parts[0].email = Some(email_facts(None));
    parts[0].channel = ChannelKind::Email;
    parts[0].external_sender = true;
    parts[0].client_id = Some("client-1".to_owned());
    parts[0].tags = vec![TAG];
    parts[1].author = Author::Agent { id: AGENT, name: "Ria".to_owned() };
    parts[1].cross_posted_from = Some((BACK_OFFICE, PartId(160)));
    parts[1].ticket_state = Some(StateCategory::Resolved);
    parts[1].thread_state = ThreadState::Closed;
    parts[1].cause = Some(Cause::LinkedTicket);
    parts[1].skip_notifications = true;
    parts[1].redacted = true;
    let bounce = BounceFacts {
        status: Some("5.1.1".to_owned()),
        smtp_reply: Some("550 no such user".to_owned()),
        recipient: Some("ana@example.com".to_owned()),
        hard: true,
        reason: Some("userunknown".to_owned()),
        delivery: Some(DeliveryId(FIRST_DELIVERY)),
    };
    parts[3].mailing = Some(Mailing {
        subject: Some("hello again".to_owned()),
        recipients: vec![(RecipientField::To, ANA), (RecipientField::Bcc, BEN)],
    });
    parts[2].email = Some(email_facts(Some(bounce)));
    parts[3].broadcast = Some(BROADCAST);
    parts.push(part(BACK_OFFICE, 1, 160, PartKind::Note));
    parts.push(part(TRACKER, 1, 161, PartKind::Comment));
    parts
}

pub(crate) fn events() -> Vec<Event> {
    let (part, part_seq) = (PartId(FIRST_PART), 1);
    let state_part = (PartId(FIRST_PART + 11), 12);
    let kinds = [
        EventKind::PartCreated { part, part_seq },
        EventKind::ConversationCreated,
        EventKind::ConversationUpdated,
        EventKind::TicketCreated,
        EventKind::TicketUpdated,
        EventKind::TicketStateChanged { part: state_part.0, part_seq: state_part.1 },
        EventKind::Linked { other: TRACKER },
        EventKind::Unlinked { other: TRACKER },
        EventKind::ContactUpdated(BEN),
        EventKind::Seen { contact: ANA, up_to_seq: 3 },
        EventKind::Broadcast {
            broadcast: BROADCAST,
            step: BroadcastStep::Finished,
            by: Some(AGENT),
            threads: 1,
            mails: 2,
        },
        EventKind::DeliverySettled(DeliveryId(FIRST_DELIVERY)),
        EventKind::Quarantined(QUARANTINED),
        EventKind::FormRequested { part, part_seq },
        EventKind::FormSubmitted { part, part_seq },
        EventKind::FormWithdrawn { part, part_seq },
        EventKind::Merged { primary: CONVERSATION },
        EventKind::Unmerged { primary: CONVERSATION },
        EventKind::Deleted { number: Some(2) },
        EventKind::PartRedacted { part, part_seq },
        EventKind::PartTagged { part, part_seq, tag: TAG, added: true },
        EventKind::ContactTagged { contact: ANA, tag: TAG, added: false },
        EventKind::ContactChanged { contact: ANA, act: ContactAct::SignedUp },
        EventKind::ContactsMerged { from: BEN, into: ANA },
        EventKind::CompanyChanged { company: COMPANY, act: CompanyAct::Attached, contact: Some(ANA) },
        EventKind::CompanySet { company: Some(COMPANY) },
        EventKind::AgentChanged { agent: AGENT, act: AgentAct::AwayChanged },
        EventKind::PartCompleted { part, part_seq },
        EventKind::DataEventNoted { contact: ANA, event: DataEventId(66) },
        EventKind::JobCompleted { job: JobId(67) },
        EventKind::MailboxChanged { mailbox: "support".to_owned(), standing: MailboxStanding::NeedsAuth },
        EventKind::AgentSaw { agent: AGENT, up_to_seq: 3 },
    ];
    let event = |kind| Event {
        kind,
        thread: Some(CONVERSATION),
        at: at(1),
        thread_state: Some(ThreadState::Open),
        ticket_state: Some(StateCategory::Submitted),
        cause: Some(Cause::SnoozeEnded),
    };
    let mut events: Vec<Event> = kinds.into_iter().map(event).collect();
    events[8] =
        Event { thread: None, thread_state: None, ticket_state: None, cause: None, ..event(events[8].kind.clone()) };
    events
}
