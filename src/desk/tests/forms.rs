//! Forms: sent, opened, filled, and what becomes of them.

use super::NOW;
use super::Story;
use super::text;
use super::thread_of;
use crate::desk::Error;
use crate::desk::people::contacts::ContactFacts;
use crate::desk::people::identity::Facts;
use crate::desk::thread::message::NewAttachment;
use crate::desk::ticket::attributes::NewAttribute;
use crate::desk::ticket::form_submission::FormSource;
use crate::desk::ticket::form_submission::Submission;
use crate::desk::ticket::form_submission::Submitted;
use crate::desk::ticket::forms::NewForm;
use crate::desk::ticket::ticket_states::TicketStateChange;
use crate::desk::ticket::ticket_types::TicketTypeChange;
use crate::desk::ticket::tickets::Conversion;
use crate::desk::ticket::tickets::Values;
use crate::desk::ticket::translations::AttributeGiven;
use crate::desk::ticket::translations::TextsGiven;
use crate::desk::ticket::type_settings::SettingsChange;
use crate::domain::attribute::DataType;
use crate::domain::attribute::TITLE;
use crate::domain::attribute::Value;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::contact::Contact;
use crate::domain::event::EventKind;
use crate::domain::form;
use crate::domain::form::FormCard;
use crate::domain::form::FormState;
use crate::domain::form::Wrong;
use crate::domain::id::EventSeq;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::search::Asked;
use crate::domain::search::AskedCondition;
use crate::domain::search::Operator;
use crate::domain::search::Scalar;
use crate::domain::state::StateCategory;
use crate::domain::thread::ThreadState;
use crate::domain::ticket::CreatedVia;
use crate::domain::ticket_type::Category;
use crate::domain::type_settings::FormAudience;
use crate::domain::type_settings::MailEvent;
use std::time::Duration;

const HELLO: &str = "From: Ana <ana@example.com>\nSubject: Heating\nMessage-ID: <1@example.com>";

fn attribute(name: &str, data_type: DataType, required: bool) -> NewAttribute {
    NewAttribute {
        allow_multiple_values: true,
        required_to_create_for_contacts: required,
        ..NewAttribute::named(name, data_type)
    }
}

/// A type that asks for a floor and takes photos.
async fn repair(story: &Story, category: Category) -> TicketTypeId {
    let made = story.ticket_type("Repair", category).await;
    story.desk.add_attribute(&story.agent, made, attribute("Floor", DataType::Integer, true)).await.unwrap();
    story.desk.add_attribute(&story.agent, made, attribute("Photos", DataType::Files, false)).await.unwrap();
    made
}

/// A contact who wrote by messenger.
async fn talk(story: &Story) -> (Contact, ThreadId) {
    let ana = story.visitor().await;
    let said = story.desk.contact_comment(ana.id, None, text("It is cold"), ChannelKind::Messenger).await.unwrap();
    (ana, said.thread)
}

async fn sent(story: &Story, thread: ThreadId, ticket_type: TicketTypeId, values: Values) -> Result<Part, Error> {
    let new = NewForm { ticket_type, values, skip_notifications: false };
    story.desk.send_form(&story.agent, thread, new).await
}

fn values(pairs: &[(&str, Value)]) -> Values {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), Some(value.clone()))).collect()
}

fn floor(number: i64) -> Values {
    values(&[("Floor", Value::Integer(number))])
}

fn filled(form: FormSource, client_id: &str, values: Values) -> Submission {
    Submission { form, values, client_id: Some(client_id.to_owned()), channel: ChannelKind::Messenger }
}

async fn submit(story: &Story, ana: &Contact, card: PartId, key: &str, values: Values) -> Result<Submitted, Error> {
    story.desk.submit_form(ana.id, filled(FormSource::Card(card), key, values)).await
}

fn card(story: &Story, thread: ThreadId, part: PartId) -> FormCard {
    let parts = story.parts(thread);
    match &parts.iter().find(|known| known.id == part).unwrap().kind {
        PartKind::TicketFormSent(card) => card.clone(),
        other => panic!("{other:?}"),
    }
}

fn conflict<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    match answer.unwrap_err() {
        Error::Refused(Refusal::Conflict { message }) => message,
        other => panic!("{other:?}"),
    }
}

fn wrong<T: std::fmt::Debug>(answer: Result<T, Error>) -> Vec<(String, Wrong)> {
    match answer.unwrap_err() {
        Error::Refused(Refusal::Fields { fields }) => fields,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn frm_4_6_a_filled_form_makes_the_conversation_a_ticket_and_its_card_read_only() {
    let story = Story::begin().await;
    let (ana, thread) = talk(&story).await;
    let ticket_type = repair(&story, Category::Customer).await;
    let form = sent(&story, thread, ticket_type, values(&[(TITLE, Value::Text("Cold".to_owned()))])).await.unwrap();
    assert_eq!(card(&story, thread, form.id).state, FormState::Open);
    assert_eq!(story.words(thread), ["comment", "ticket_form_sent"]);
    let made = submit(&story, &ana, form.id, "k1", floor(3)).await.unwrap();
    assert_eq!((made.thread, made.ticket, made.number, made.repeated), (thread, thread, 1, false));
    let submitted = FormState::Submitted { ticket: thread, number: 1 };
    assert_eq!(card(&story, thread, form.id).state, submitted);
    let expected = [
        "comment",
        "ticket_form_sent",
        "ticket_form_submitted",
        "converted_to_ticket",
        "ticket_state_updated_by_admin",
    ];
    assert_eq!(story.words(thread), expected);
    let view = story.desk.thread_view(&story.agent, thread, false).unwrap();
    let ticket = view.thread.ticket.unwrap();
    assert_eq!((ticket.created_via, ticket.state_category), (CreatedVia::FormSent, StateCategory::Submitted));
    assert_eq!(view.thread.title.as_deref(), Some("Cold"), "the agent's words count");
    let kinds: Vec<EventKind> = story
        .desk
        .events_log(&story.agent, EventSeq(0), 100)
        .unwrap()
        .into_iter()
        .map(|entry| entry.event.kind)
        .collect();
    assert!(kinds.contains(&EventKind::FormRequested { part: form.id, part_seq: form.seq }));
    assert!(kinds.contains(&EventKind::FormSubmitted { part: form.id, part_seq: form.seq }));
    story.end();
}

#[tokio::test]
async fn tst_45_a_card_makes_one_ticket_however_often_and_from_two_tabs_at_once() {
    let story = Story::begin().await;
    let (ana, thread) = talk(&story).await;
    let ticket_type = repair(&story, Category::Customer).await;
    let form = sent(&story, thread, ticket_type, Vec::new()).await.unwrap().id;
    let (one, two) = tokio::join!(submit(&story, &ana, form, "a", floor(1)), submit(&story, &ana, form, "b", floor(2)));
    let (won, lost, key) = if one.is_ok() { (one, two, "a") } else { (two, one, "b") };
    let won = won.unwrap();
    assert_eq!(conflict(lost), "this form was submitted already: ticket #1");
    let again = submit(&story, &ana, form, key, floor(9)).await.unwrap();
    assert_eq!(again, Submitted { repeated: true, ..won }, "FRM-6: a lost answer");
    assert!(conflict(submit(&story, &ana, form, "c", floor(1)).await).contains("#1"));
    assert_eq!(story.count(thread, |kind| matches!(kind, PartKind::TicketFormSubmitted { .. })), 1);
    assert!(conflict(story.desk.withdraw_form(&story.agent, form).await).contains("#1"));
    story.end();
}

#[tokio::test]
async fn tst_43_every_field_that_needs_another_look_is_named_and_nothing_is_made() {
    let story = Story::begin().await;
    let (ana, thread) = talk(&story).await;
    let ticket_type = repair(&story, Category::Customer).await;
    let form = sent(&story, thread, ticket_type, Vec::new()).await.unwrap().id;
    let bad = values(&[(TITLE, Value::Text("x".repeat(300))), ("Photos", Value::Integer(1))]);
    let fields = wrong(submit(&story, &ana, form, "k", bad).await);
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, [TITLE, "Floor", "Photos"]);
    assert_eq!(fields[1].1, Wrong::Needed);
    assert_eq!(story.words(thread), ["comment", "ticket_form_sent"]);
    let made = submit(&story, &ana, form, "k", floor(1)).await.unwrap();
    assert!(!made.repeated, "a refused submission does not use up its key");
    story.end();
}

#[tokio::test]
async fn frm_9_a_form_is_checked_against_the_type_of_today() {
    let story = Story::begin().await;
    let (ana, thread) = talk(&story).await;
    let ticket_type = repair(&story, Category::Customer).await;
    let form = sent(&story, thread, ticket_type, Vec::new()).await.unwrap().id;
    let door =
        story.desk.add_attribute(&story.agent, ticket_type, attribute("Door", DataType::String, true)).await.unwrap();
    assert_eq!(wrong(submit(&story, &ana, form, "k", floor(1)).await), [("Door".to_owned(), Wrong::Needed)]);
    let gone = crate::desk::ticket::attributes::AttributeChange { archived: Some(true), ..Default::default() };
    story.desk.update_attribute(&story.agent, ticket_type, door.id, gone).await.unwrap();
    let given = values(&[("Floor", Value::Integer(1)), ("Door", Value::Text("left".to_owned()))]);
    submit(&story, &ana, form, "k", given).await.unwrap();
    let ticket = story.desk.thread_view(&story.agent, thread, false).unwrap().thread.ticket.unwrap();
    assert!(!ticket.attributes.contains_key(&door.id), "what is no longer asked is ignored");
    story.end();
}

#[tokio::test]
async fn frm_4_a_back_office_form_makes_a_shared_ticket_linked_to_the_conversation() {
    let story = Story::begin().await;
    let (ana, thread) = talk(&story).await;
    let ticket_type = repair(&story, Category::BackOffice).await;
    let form = sent(&story, thread, ticket_type, Vec::new()).await.unwrap().id;
    story.desk.agent_comment(&story.agent, thread, text("Please fill this in")).await.unwrap();
    let made = submit(&story, &ana, form, "k", floor(3)).await.unwrap();
    assert!(made.ticket != thread && made.thread == thread);
    let ticket = story.desk.thread_view(&story.agent, made.ticket, false).unwrap();
    assert_eq!(ticket.linked.iter().map(|other| other.thread).collect::<Vec<_>>(), [thread]);
    assert!(ticket.thread.ticket.unwrap().is_shared);
    assert!(
        story
            .desk
            .thread_view(&story.agent, thread, true)
            .unwrap()
            .deliveries
            .iter()
            .any(|one| one.kind.as_str() == "status"),
        "NTF-1"
    );
    let conversation = story.desk.thread_view(&story.agent, thread, false).unwrap().thread;
    assert_eq!((conversation.ticket, conversation.state), (None, ThreadState::Open));
    assert!(conflict(sent(&story, thread, ticket_type, Vec::new()).await).contains("#1"), "FRM-4");
    story.end();
}

#[tokio::test]
async fn tst_44_only_offered_types_are_sent_and_only_into_plain_conversations() {
    let story = Story::begin().await;
    let (_, thread) = talk(&story).await;
    let customer = story.ticket_type("Customer", Category::Customer).await;
    let task = story.ticket_type("Task", Category::BackOffice).await;
    let inner = story.ticket_type("Inner", Category::BackOffice).await;
    let tracker = story.ticket_type("Tracker", Category::Tracker).await;
    let internal = TicketTypeChange { is_internal: Some(true), ..TicketTypeChange::default() };
    story.desk.update_ticket_type(&story.agent, inner, internal).await.unwrap();
    let offered = || -> Vec<TicketTypeId> {
        story.desk.sendable_forms(&story.agent, thread).unwrap().iter().map(|one| one.id).collect()
    };
    assert_eq!(offered(), [customer, task]);
    for refused in [inner, tracker] {
        assert!(matches!(
            sent(&story, thread, refused, Vec::new()).await,
            Err(Error::Refused(Refusal::Invalid { .. }))
        ));
    }
    let settings = SettingsChange { audience: Some(FormAudience::Users), ..SettingsChange::default() };
    let users = TicketTypeChange { settings, ..TicketTypeChange::default() };
    story.desk.update_ticket_type(&story.agent, task, users).await.unwrap();
    assert_eq!(offered(), [customer], "TYP-20: the contact is a lead");
    let conversion = Conversion { ticket_type: customer, state: None, values: Vec::new(), skip_notifications: true };
    story.desk.convert(&story.agent, thread, conversion).await.unwrap();
    conflict(sent(&story, thread, customer, Vec::new()).await);
    conflict(story.desk.sendable_forms(&story.agent, thread));
    story.end();
}

#[tokio::test]
async fn typ_20_a_rule_says_who_is_offered_a_form_and_whose_is_taken() {
    let story = Story::begin().await;
    let (ana, _) = talk(&story).await;
    let made = repair(&story, Category::Customer).await;
    let condition = AskedCondition {
        field: "custom_attributes.plan".to_owned(),
        operator: Operator::Equal,
        values: vec![Scalar::Text("pro".to_owned())],
    };
    let settings = SettingsChange { audience_rule: Some(Some(Asked::Is(condition))), ..SettingsChange::default() };
    let change = TicketTypeChange { settings, ..TicketTypeChange::default() };
    story.desk.update_ticket_type(&story.agent, made, change).await.unwrap();
    let offered = || story.desk.offered_forms(ana.id).unwrap().len();
    let opened = || Submission {
        form: FormSource::Opened { ticket_type: made, thread: None },
        values: floor(1),
        client_id: None,
        channel: ChannelKind::Messenger,
    };
    assert_eq!(offered(), 0);
    assert!(matches!(
        story.desk.submit_form(ana.id, opened()).await,
        Err(Error::Refused(Refusal::Invalid { code: "parameter_invalid", .. }))
    ));
    let facts = ContactFacts {
        custom_attributes: vec![("plan".to_owned(), Some(Value::Text("Pro".to_owned())))],
        ..ContactFacts::default()
    };
    story.desk.update_contact(&story.agent, ana.id, facts).await.unwrap();
    assert_eq!(offered(), 1);
    story.desk.submit_form(ana.id, opened()).await.unwrap();
    story.end();
}

#[tokio::test]
async fn i18_1_a_contact_reads_forms_and_states_in_their_language() {
    let story = Story::begin().await;
    let (ana, thread) = talk(&story).await;
    let facts = ContactFacts { language_override: Some(Some("de-AT".to_owned())), ..ContactFacts::default() };
    story.desk.update_contact(&story.agent, ana.id, facts).await.unwrap();
    let made = repair(&story, Category::Customer).await;
    let asked =
        AttributeGiven { attribute: "Floor".to_owned(), label: Some("Stockwerk".to_owned()), options: Vec::new() };
    let german = TextsGiven { name: Some("Reparatur".to_owned()), attributes: vec![asked], ..TextsGiven::default() };
    let translations = vec![("de".to_owned(), Some(german))];
    let settings = SettingsChange { translations, ..SettingsChange::default() };
    let change = TicketTypeChange { settings, ..TicketTypeChange::default() };
    let ticket_type = story.desk.update_ticket_type(&story.agent, made, change).await.unwrap();
    assert_eq!(ticket_type.name, "Repair", "agents read what was written");
    for id in &ticket_type.states {
        let translations = vec![("de".to_owned(), Some("Auf Deutsch".to_owned()))];
        let change = TicketStateChange { translations, ..TicketStateChange::default() };
        story.desk.update_ticket_state(&story.agent, *id, change).await.unwrap();
    }
    let offered = story.desk.offered_forms(ana.id).unwrap();
    assert_eq!(offered[0].name, "Reparatur");
    let labels: Vec<&str> = form::fields(&offered[0]).into_iter().map(form::label).collect();
    assert_eq!(labels, ["Titel", "Beschreibung", "Stockwerk", "Photos"], "each text by itself");
    let values = vec![("Floor".to_owned(), Some(Value::Integer(1)))];
    let conversion = Conversion { ticket_type: made, state: None, values, skip_notifications: true };
    story.desk.convert(&story.agent, thread, conversion).await.unwrap();
    let card = story.desk.snapshot(ana.id).unwrap().conversations.remove(0);
    let shown = card.ticket.unwrap();
    assert_eq!((shown.ticket_type.name.as_str(), shown.state.external_label.as_str()), ("Reparatur", "Auf Deutsch"));
    let (entries, _) = story.desk.stream_after(ana.id, EventSeq(0), 100).unwrap().unwrap();
    let last = entries.into_iter().filter_map(|entry| entry.ticket).next_back().unwrap();
    assert_eq!(last.state.external_label, "Auf Deutsch");
    story.end();
}

#[tokio::test]
async fn frm_5_a_withdrawn_form_takes_nothing_and_its_mail_is_not_sent() {
    let story = Story::begin().await;
    let thread = thread_of(&story.mail(HELLO, "It is cold").await);
    let ticket_type = repair(&story, Category::Customer).await;
    let form = sent(&story, thread, ticket_type, Vec::new()).await.unwrap().id;
    story.desk.withdraw_form(&story.agent, form).await.unwrap();
    story.desk.withdraw_form(&story.agent, form).await.unwrap();
    assert_eq!(story.count(thread, |kind| matches!(kind, PartKind::TicketFormWithdrawn { .. })), 1);
    let ana = story.desk.thread_view(&story.agent, thread, false).unwrap().contacts.remove(0);
    assert!(conflict(submit(&story, &ana, form, "k", floor(1)).await).contains("taken back"));
    assert!(story.send_due().await.is_empty());
    story.end();
}

#[tokio::test]
async fn frm_7_by_email_the_form_is_a_link_that_proves_the_address() {
    let story = Story::begin().await;
    let thread = thread_of(&story.mail(HELLO, "It is cold").await);
    let ticket_type = repair(&story, Category::Customer).await;
    sent(&story, thread, ticket_type, Vec::new()).await.unwrap();
    let mails = story.send_due().await;
    assert_eq!(mails.len(), 1, "NTF-4: nobody can see it elsewhere");
    let mail = mails[0].replace("=\r\n", "").replace("=3D", "=");
    let token = mail.split("https://desk.example/forms/").nth(1).unwrap();
    let token: String = token.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    let view = story.desk.form_by_link(&token).unwrap();
    assert_eq!((view.ticket_type.id, view.card.state), (ticket_type, FormState::Open));
    assert!(story.desk.form_by_link("forged").is_err());
    let made = story.desk.submit_form_by_link(&token, floor(2), Some("page-1".to_owned())).await.unwrap();
    assert_eq!(made.ticket, thread);
    let contact = story.desk.thread_view(&story.agent, thread, false).unwrap().contacts.remove(0);
    assert!(contact.email_verified);
    assert_eq!(story.desk.form_by_link(&token).unwrap().state_label.as_deref(), Some("Submitted"));
    story.desk.clock().set(Millis(NOW.0 + 31 * 24 * 3_600_000));
    assert!(story.desk.form_by_link(&token).is_err(), "30 days");
    story.end();
}

#[tokio::test]
async fn obj_23_a_form_filled_in_by_the_owner_of_a_claimed_address_proves_nothing_of_the_claimer() {
    let story = Story::begin().await;
    let visitor = story.visitor().await.id;
    let hello = story.desk.contact_comment(visitor, None, text("It is cold"), ChannelKind::Messenger).await.unwrap();
    let claimed = Facts { email: Some("boss@example.com".to_owned()), ..Facts::default() };
    story.desk.introduce(visitor, claimed).await.unwrap();
    let ticket_type = repair(&story, Category::Customer).await;
    sent(&story, hello.thread, ticket_type, Vec::new()).await.unwrap();
    story.wait(Duration::from_secs(600));
    let mail = story.send_due().await.remove(0).replace("=\r\n", "").replace("=3D", "=");
    let token = mail.split("https://desk.example/forms/").nth(1).unwrap();
    let token: String = token.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    story.desk.submit_form_by_link(&token, floor(2), Some("page-1".to_owned())).await.unwrap();
    let claimer = story.desk.own_record(visitor).unwrap().unwrap();
    assert_eq!((claimer.email_verified, claimer.email_claimed), (false, true));
    story.end();
}

#[tokio::test]
async fn ntf_4_10_a_form_is_mailed_when_unseen_or_as_its_type_says() {
    let story = Story::begin().await;
    let (ana, thread) = talk(&story).await;
    let facts = ContactFacts { email: Some(Some(super::address("ana@example.com"))), ..Default::default() };
    story.desk.update_contact(&story.agent, ana.id, facts).await.unwrap();
    let ticket_type = repair(&story, Category::Customer).await;
    let form = sent(&story, thread, ticket_type, Vec::new()).await.unwrap();
    assert!(story.send_due().await.is_empty(), "not yet");
    story.desk.mark_seen(ana.id, thread, form.id).await.unwrap();
    story.wait(Duration::from_secs(121));
    assert!(story.send_due().await.is_empty(), "seen in the messenger");
    let notify = |policy| SettingsChange { notify: vec![(MailEvent::FormSent, policy)], ..SettingsChange::default() };
    for (policy, mails) in [(EmailPolicy::Always, 1), (EmailPolicy::Never, 0)] {
        let change = TicketTypeChange { settings: notify(policy), ..TicketTypeChange::default() };
        story.desk.update_ticket_type(&story.agent, ticket_type, change).await.unwrap();
        sent(&story, thread, ticket_type, Vec::new()).await.unwrap();
        assert_eq!(story.send_due().await.len(), mails, "{policy:?}");
    }
    let deliveries = story.desk.thread_view(&story.agent, thread, true).unwrap().deliveries;
    assert!(deliveries.iter().any(|one| one.state
        == crate::domain::delivery::DeliveryState::Skipped(crate::domain::delivery::SkipReason::PolicyNever)));
    story.end();
}

#[tokio::test]
async fn tck_10_a_contact_opens_a_form_without_a_conversation_before_it() {
    let story = Story::begin().await;
    let ana = story.visitor().await;
    let ticket_type = repair(&story, Category::Customer).await;
    let offered: Vec<TicketTypeId> = story.desk.offered_forms(ana.id).unwrap().iter().map(|one| one.id).collect();
    assert_eq!(offered, [ticket_type]);
    let opened = FormSource::Opened { ticket_type, thread: None };
    let photo =
        NewAttachment { name: "p.png".to_owned(), content_type: "image/png".to_owned(), bytes: b"\x89PNG".to_vec() };
    let photo = story.desk.upload_by_contact(ana.id, photo).await.unwrap();
    let given = values(&[("Floor", Value::Integer(1)), ("Photos", Value::Files(vec![photo.id.to_string()]))]);
    let made = story.desk.submit_form(ana.id, filled(opened, "k", given.clone())).await.unwrap();
    let view = story.desk.thread_view(&story.agent, made.ticket, true).unwrap();
    assert_eq!(view.thread.ticket.as_ref().unwrap().created_via, CreatedVia::FormOpened);
    assert_eq!(view.ticket.unwrap().uploads[0].held_by, Some(made.ticket), "FRM-8");
    assert_eq!(story.words(made.ticket)[0], "ticket_form_submitted");
    let again = story.desk.submit_form(ana.id, filled(opened, "k", given.clone())).await.unwrap();
    assert_eq!((again.ticket, again.repeated), (made.ticket, true));
    let used = story.desk.submit_form(ana.id, filled(opened, "k2", given)).await.unwrap_err();
    assert!(matches!(used, Error::Refused(Refusal::Invalid { field: Some(field), .. }) if field == "Photos"));
    let other = story.visitor().await;
    let foreign = FormSource::Opened { ticket_type, thread: Some(made.thread) };
    let refused = story.desk.submit_form(other.id, filled(foreign, "k", floor(1))).await.unwrap_err();
    assert_eq!(refused, Error::Refused(Refusal::NotFound { what: "conversation" }));
    story.end();
}

#[tokio::test]
async fn msg_60_a_contact_sends_no_programs_and_not_more_than_a_days_share() {
    let story = Story::begin().await;
    let ana = story.visitor().await;
    let file = |name: &str, bytes: Vec<u8>| NewAttachment {
        name: name.to_owned(),
        content_type: "image/png".to_owned(),
        bytes,
    };
    let program = story.desk.upload_by_contact(ana.id, file("a.png", b"MZ".to_vec())).await.unwrap_err();
    assert!(matches!(program, Error::Refused(Refusal::Invalid { .. })));
    for _ in 0..4 {
        story.desk.upload_by_contact(ana.id, file("a.png", vec![0; 25 * 1_024 * 1_024])).await.unwrap();
    }
    let over = story.desk.upload_by_contact(ana.id, file("a.png", vec![0; 1])).await.unwrap_err();
    assert!(matches!(over, Error::Refused(Refusal::TooMany { .. })));
    story.wait(Duration::from_secs(24 * 3_600 + 1));
    story.desk.upload_by_contact(ana.id, file("a.png", vec![0; 1])).await.unwrap();
    story.end();
}
