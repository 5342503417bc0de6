//! Tickets of all three categories.

use super::Story;
use super::text;
use super::thread_of;
use crate::desk::Error;
use crate::desk::thread::conversations::Assignment;
use crate::desk::thread::conversations::ThreadAct;
use crate::desk::thread::message::NewMessage;
use crate::desk::ticket::tickets::Conversion;
use crate::desk::ticket::tickets::TicketChange;
use crate::domain::attribute::TITLE;
use crate::domain::attribute::Value;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::StateId;
use crate::domain::id::ThreadId;
use crate::domain::part::Cause;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::state::StateCategory;
use crate::domain::thread::Priority;
use crate::domain::thread::ThreadState;
use crate::domain::ticket_type::Category;
use std::time::Duration;

const HELLO: &str = "From: Ana <ana@example.com>\nSubject: Invoice\nMessage-ID: <1@example.com>";

async fn converted(story: &Story) -> ThreadId {
    let thread = thread_of(&story.mail(HELLO, "Where is my invoice?").await);
    let ticket_type = story.ticket_type("Billing", Category::Customer).await;
    let conversion = Conversion { ticket_type, state: None, values: Vec::new(), skip_notifications: false };
    story.desk.convert(&story.agent, thread, conversion).await.unwrap();
    thread
}

fn set(state: StateId) -> TicketChange {
    TicketChange { state: Some(state), ..TicketChange::default() }
}

fn code(error: Error) -> String {
    match error {
        Error::Refused(Refusal::Invalid { code, .. }) => code.to_owned(),
        Error::Refused(Refusal::Conflict { .. }) => "conflict".to_owned(),
        Error::Refused(Refusal::NotFound { what }) => format!("{what}_not_found"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn tst_47_converting_keeps_id_and_history_and_ends_with_the_state() {
    let story = Story::begin().await;
    let thread = converted(&story).await;
    assert_eq!(story.words(thread), ["comment", "converted_to_ticket", "ticket_state_updated_by_admin"]);
    let view = story.desk.thread_view(&story.agent, thread, true).unwrap();
    let ticket = view.thread.ticket.unwrap();
    assert_eq!((ticket.number, ticket.is_shared), (1, true));
    let ticket_type = view.ticket.unwrap().ticket_type;
    assert!(ticket.attributes.values().any(|value| *value == Value::Text("Invoice".to_owned())));
    let again = Conversion { ticket_type: ticket_type.id, state: None, values: Vec::new(), skip_notifications: true };
    assert_eq!(code(story.desk.convert(&story.agent, thread, again).await.unwrap_err()), "conflict");
    let mails = story.send_due().await;
    assert_eq!(mails.len(), 1, "the submission mail");
    assert!(mails[0].contains("Auto-Submitted: auto-generated"));
    story.end();
}

#[tokio::test]
async fn tst_47_only_customer_types_convert() {
    let story = Story::begin().await;
    let thread = thread_of(&story.mail(HELLO, "Where is my invoice?").await);
    let ticket_type = story.ticket_type("Ops", Category::BackOffice).await;
    let conversion = Conversion { ticket_type, state: None, values: Vec::new(), skip_notifications: false };
    let refused = story.desk.convert(&story.agent, thread, conversion).await.unwrap_err();
    assert_eq!(code(refused), "parameter_invalid");
    story.end();
}

#[tokio::test]
async fn tst_5_6_a_customer_reply_takes_a_resolved_ticket_back_to_work() {
    let story = Story::begin().await;
    let thread = converted(&story).await;
    let resolved = story.state(StateCategory::Resolved);
    story.desk.update_ticket(&story.agent, thread, set(resolved)).await.unwrap();
    let more = "From: ana@example.com\nMessage-ID: <2@example.com>\nReferences: <1@example.com>";
    story.mail(more, "It is still wrong").await;
    let parts = story.parts(thread);
    let [comment, state] = &parts[parts.len() - 2..] else { panic!() };
    assert!(matches!(comment.kind, PartKind::Comment));
    assert!(matches!(state.kind, PartKind::TicketStateUpdated { to: (_, StateCategory::InProgress), .. }));
    assert_eq!(state.cause, Some(Cause::CustomerReply));
    story.end();
}

#[tokio::test]
async fn tst_10_12_the_same_state_is_no_change_and_a_foreign_one_changes_nothing() {
    let story = Story::begin().await;
    let thread = converted(&story).await;
    let before = story.parts(thread).len();
    let submitted = story.state(StateCategory::Submitted);
    story.desk.update_ticket(&story.agent, thread, set(submitted)).await.unwrap();
    assert_eq!(story.parts(thread).len(), before);
    let change =
        TicketChange { values: vec![(TITLE.to_owned(), Some(Value::Text("New".to_owned())))], ..set(StateId(1)) };
    let refused = story.desk.update_ticket(&story.agent, thread, change).await.unwrap_err();
    assert_eq!(code(refused), "ticket_state_id_invalid");
    assert_eq!(story.parts(thread).len(), before);
    story.end();
}

#[tokio::test]
async fn tst_36_state_mails_settle_and_going_back_sends_none() {
    let story = Story::begin().await;
    let thread = converted(&story).await;
    story.send_due().await;
    let state = |category| set(story.state(category));
    let update = |category| story.desk.update_ticket(&story.agent, thread, state(category));
    update(StateCategory::InProgress).await.unwrap();
    update(StateCategory::Submitted).await.unwrap();
    story.wait(Duration::from_secs(11));
    assert!(story.send_due().await.is_empty(), "went back");
    update(StateCategory::InProgress).await.unwrap();
    update(StateCategory::WaitingOnCustomer).await.unwrap();
    assert!(story.send_due().await.is_empty(), "not settled yet");
    story.wait(Duration::from_secs(11));
    let mails = story.send_due().await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("Waiting on you"), "{}", mails[0]);
    story.end();
}

#[tokio::test]
async fn tst_11_the_two_axes_are_independent() {
    let story = Story::begin().await;
    let thread = converted(&story).await;
    let resolved = story.state(StateCategory::Resolved);
    story.desk.update_ticket(&story.agent, thread, set(resolved)).await.unwrap();
    let now = || story.desk.thread_view(&story.agent, thread, false).unwrap().thread;
    assert_eq!(now().state, ThreadState::Open);
    story.desk.act_on_thread(&story.agent, thread, ThreadAct::Close, None).await.unwrap();
    assert_eq!(now().ticket.unwrap().state_category, StateCategory::Resolved);
    story.end();
}

#[tokio::test]
async fn tst_31_a_back_office_change_is_told_in_linked_threads_and_reopens_them() {
    let story = Story::begin().await;
    let thread = thread_of(&story.mail(HELLO, "Where is my invoice?").await);
    let ops = story.ticket_type("Ops", Category::BackOffice).await;
    let ticket = story.ticket(ops, "Look into the invoice", Some(thread)).await;
    story.desk.act_on_thread(&story.agent, thread, ThreadAct::Close, None).await.unwrap();
    let resolved = story.state(StateCategory::Resolved);
    story.desk.update_ticket(&story.agent, ticket, set(resolved)).await.unwrap();
    assert_eq!(story.words(thread), ["comment", "entity_linked", "close", "linked_ticket_state_updated", "open"]);
    let told = story.parts(thread).into_iter().find_map(|part| match part.kind {
        PartKind::LinkedTicketStateUpdated { title, from_label, to_label, .. } => Some((title, from_label, to_label)),
        _ => None,
    });
    let expected = ("Look into the invoice".to_owned(), "Submitted".to_owned(), "Resolved".to_owned());
    assert_eq!(told, Some(expected));
    assert!(story.send_due().await.is_empty(), "links and back-office changes mail nobody");
    story.end();
}

#[tokio::test]
async fn tst_30_a_cross_posted_note_stands_in_every_linked_thread() {
    let story = Story::begin().await;
    let tracker = story.ticket_type("Incident", Category::Tracker).await;
    let issue = story.ticket(tracker, "Login is down", None).await;
    let mut threads = Vec::new();
    for n in 0..45 {
        let from = format!("From: c{n}@example.com\nMessage-ID: <m{n}@example.com>");
        let thread = thread_of(&story.mail(&from, "I cannot sign in").await);
        story.desk.link(&story.agent, issue, thread).await.unwrap();
        threads.push(thread);
    }
    let note = NewMessage { cross_post: true, ..text("Found the cause") };
    let posted = story.desk.agent_note(&story.agent, issue, note).await.unwrap();
    while story.desk.cross_post_batch().await.unwrap() {}
    for thread in threads {
        let copies: Vec<_> =
            story.parts(thread).into_iter().filter(|part| matches!(part.kind, PartKind::Note)).collect();
        assert_eq!(copies.len(), 1);
        assert_eq!(copies[0].cross_posted_from, Some((issue, posted.part)));
    }
    assert!(story.send_due().await.is_empty(), "a note mails nobody");
    story.end();
}

#[tokio::test]
async fn bko_22_a_backdated_note_is_told_where_the_ticket_is_linked_when_it_is_written() {
    let story = Story::begin().await;
    let tracker = story.ticket_type("Incident", Category::Tracker).await;
    let issue = story.ticket(tracker, "Login is down", None).await;
    let thread = thread_of(&story.mail(HELLO, "I cannot sign in").await);
    let long_ago = Some(story.desk.clock().now());
    story.wait(Duration::from_secs(3_600));
    story.desk.link(&story.agent, issue, thread).await.unwrap();
    let note = NewMessage { cross_post: true, created_at: long_ago, ..text("Found the cause") };
    let posted = story.desk.agent_note(&story.agent, issue, note).await.unwrap();
    let copies = story.parts(thread).into_iter().filter_map(|part| part.cross_posted_from).collect::<Vec<_>>();
    assert_eq!(copies, [(issue, posted.part)]);
    story.end();
}

#[tokio::test]
async fn tst_21_23_a_thread_has_one_tracker_and_unlinking_needs_a_link() {
    let story = Story::begin().await;
    let thread = thread_of(&story.mail(HELLO, "Login is down").await);
    let tracker = story.ticket_type("Incident", Category::Tracker).await;
    let (one, two) = (story.ticket(tracker, "one", None).await, story.ticket(tracker, "two", None).await);
    story.desk.link(&story.agent, one, thread).await.unwrap();
    let before = story.parts(thread).len();
    story.desk.link(&story.agent, one, thread).await.unwrap();
    assert_eq!(story.parts(thread).len(), before, "linked already: no new event");
    let second = story.desk.link(&story.agent, two, thread).await.unwrap_err();
    assert_eq!(code(second), "already_linked_to_tracker");
    assert_eq!(code(story.desk.unlink(&story.agent, two, thread).await.unwrap_err()), "conversation_not_found");
    let view = story.desk.thread_view(&story.agent, one, false).unwrap();
    assert_eq!(view.thread.ticket.unwrap().customer_reports, 1);
    story.desk.unlink(&story.agent, one, thread).await.unwrap();
    assert_eq!(story.words(thread), ["comment", "entity_linked", "entity_unlinked"]);
    story.end();
}

#[tokio::test]
async fn tst_33_a_tracker_takes_notes_only() {
    let story = Story::begin().await;
    let tracker = story.ticket_type("Incident", Category::Tracker).await;
    let issue = story.ticket(tracker, "Login is down", None).await;
    let refused = story.desk.agent_comment(&story.agent, issue, text("Hello all")).await.unwrap_err();
    assert_eq!(code(refused), "parameter_mismatch");
    story.end();
}

#[tokio::test]
async fn tst_29_nothing_of_notes_trackers_and_back_office_tickets_reaches_the_customer() {
    let story = Story::begin().await;
    let ana = story.visitor().await;
    let hello = story.desk.contact_comment(ana.id, None, text("Hi"), ChannelKind::Messenger).await.unwrap();
    let from = story.desk.log_seq().unwrap();
    let (ops, incident) =
        (story.ticket_type("Ops", Category::BackOffice).await, story.ticket_type("Inc", Category::Tracker).await);
    let ticket = story.ticket(ops, "SECRET work order", Some(hello.thread)).await;
    let issue = story.ticket(incident, "SECRET issue", Some(hello.thread)).await;
    story.desk.agent_note(&story.agent, hello.thread, text("SECRET note")).await.unwrap();
    for id in [ticket, issue] {
        let note = NewMessage { cross_post: true, ..text("SECRET cross-post") };
        story.desk.agent_note(&story.agent, id, note).await.unwrap();
        story.desk.update_ticket(&story.agent, id, set(story.state(StateCategory::Resolved))).await.unwrap();
    }
    let (entries, _) = story.desk.stream_after(ana.id, from, 1_000).unwrap().unwrap();
    let parts: Vec<_> = entries.iter().filter_map(|entry| entry.part.as_ref()).collect();
    assert!(parts.is_empty(), "{parts:?}");
    let history = story.desk.history(ana.id, hello.thread, None, 100).unwrap();
    assert_eq!(history.iter().map(|part| part.id).collect::<Vec<_>>(), [hello.part]);
    assert_eq!(story.desk.snapshot(ana.id).unwrap().conversations.len(), 1);
    story.wait(Duration::from_secs(600));
    assert!(story.send_due().await.is_empty());
    story.end();
}

#[tokio::test]
async fn tck_10_new_mail_to_an_address_that_makes_tickets_is_a_ticket() {
    let story = Story::begin().await;
    let inbox = story.ticket_type("Inbox", Category::Customer).await;
    let thread = thread_of(&story.mail(HELLO, "Where is my invoice?").await);
    let expected = ["comment", "converted_to_ticket", "ticket_state_updated_by_admin"];
    assert_eq!(story.words(thread), expected);
    let view = story.desk.thread_view(&story.agent, thread, false).unwrap();
    let ticket = view.thread.ticket.unwrap();
    assert_eq!((ticket.type_id, ticket.created_via), (inbox, crate::domain::ticket::CreatedVia::Email));
    let values: Vec<&Value> = ticket.attributes.values().collect();
    assert_eq!(values[0], &Value::Text("Invoice".to_owned()));
    assert_eq!(story.send_due().await.len(), 1, "NTF-1");
    let more = "From: ana@example.com\nMessage-ID: <2@example.com>\nReferences: <1@example.com>";
    assert_eq!(thread_of(&story.mail(more, "And now?").await), thread);
    let automatic = "From: cron@example.com\nMessage-ID: <3@example.com>\nAuto-Submitted: auto-generated";
    let report = thread_of(&story.mail(automatic, "Backup done").await);
    assert_eq!(story.desk.thread_view(&story.agent, report, false).unwrap().thread.ticket, None, "people's mail only");
    let archived = crate::desk::ticket::ticket_types::TicketTypeChange { archived: Some(true), ..Default::default() };
    story.desk.update_ticket_type(&story.agent, inbox, archived).await.unwrap();
    let other = thread_of(&story.mail("From: ben@example.com\nMessage-ID: <4@example.com>", "Hello").await);
    assert_eq!(story.desk.thread_view(&story.agent, other, false).unwrap().thread.ticket, None);
    story.end();
}

#[tokio::test]
async fn ntf_3_10_the_type_decides_when_its_contacts_are_mailed() {
    use crate::desk::ticket::type_settings::SettingsChange;
    use crate::domain::broadcast::EmailPolicy;
    use crate::domain::type_settings::MailEvent;
    let story = Story::begin().await;
    let thread = converted(&story).await;
    story.send_due().await;
    let type_id = story.desk.thread_view(&story.agent, thread, false).unwrap().thread.ticket.unwrap().type_id;
    let new = crate::desk::ticket::ticket_states::NewTicketState {
        category: StateCategory::Submitted,
        internal_label: "Triage".to_owned(),
        external_label: None,
        types: vec![type_id],
        translations: Vec::new(),
    };
    let triage = story.desk.create_ticket_state(&story.agent, new).await.unwrap().id;
    let move_to = |state| story.desk.update_ticket(&story.agent, thread, set(state));
    let policy = |settings| {
        let change = crate::desk::ticket::ticket_types::TicketTypeChange { settings, ..Default::default() };
        story.desk.update_ticket_type(&story.agent, type_id, change)
    };
    let settled = || async {
        story.wait(Duration::from_secs(11));
        story.send_due().await.len()
    };
    move_to(triage).await.unwrap();
    assert_eq!(settled().await, 0, "TST-36: within a category");
    policy(SettingsChange { same_category: Some(true), ..Default::default() }).await.unwrap();
    move_to(story.state(StateCategory::Submitted)).await.unwrap();
    assert_eq!(settled().await, 1, "same_category");
    let never = vec![(MailEvent::StateChanged, EmailPolicy::Never), (MailEvent::Reply, EmailPolicy::Never)];
    policy(SettingsChange { notify: never, ..Default::default() }).await.unwrap();
    move_to(story.state(StateCategory::InProgress)).await.unwrap();
    story.desk.agent_comment(&story.agent, thread, text("We look into it")).await.unwrap();
    assert_eq!(settled().await, 0, "never");
    let unseen = vec![(MailEvent::StateChanged, EmailPolicy::WhenUnseen)];
    policy(SettingsChange { notify: unseen, ..Default::default() }).await.unwrap();
    move_to(triage).await.unwrap();
    let contact = story.desk.thread_view(&story.agent, thread, false).unwrap().thread.primary_contact().unwrap();
    let last = story.parts(thread).pop().unwrap();
    story.desk.mark_seen(contact, thread, last.id).await.unwrap();
    assert_eq!(settled().await, 0, "seen");
    move_to(story.state(StateCategory::Resolved)).await.unwrap();
    assert_eq!(settled().await, 1, "not seen");
    story.end();
}

#[tokio::test]
async fn ntf_6_what_customers_do_not_see_of_their_ticket_is_mailed_to_nobody() {
    let story = Story::begin().await;
    let thread = converted(&story).await;
    assert_eq!(story.send_due().await.len(), 1, "the submission mail");
    let (desk, agent) = (&story.desk, &story.agent);
    let owed = || desk.thread_view(agent, thread, true).unwrap().deliveries.len();
    let before = owed();
    let issue_type = story.ticket_type("Incident", Category::Tracker).await;
    let issue = story.ticket(issue_type, "Invoices are late", None).await;
    let tag = desk.put_tag(agent, None, "VIP").await.unwrap().id;

    desk.agent_note(agent, thread, text("between us")).await.unwrap();
    assert_eq!(owed(), before, "a note");
    let values = vec![(TITLE.to_owned(), Some(Value::Text("Late invoice".to_owned())))];
    desk.update_ticket(agent, thread, TicketChange { values, ..TicketChange::default() }).await.unwrap();
    assert_eq!(owed(), before, "an attribute");
    let assignment = Assignment { agent: Some(Some(agent.agent)), team: None };
    desk.update_ticket(agent, thread, TicketChange { assignment, ..TicketChange::default() }).await.unwrap();
    assert_eq!(owed(), before, "an assignment");
    let priority = Some(Priority::High);
    desk.update_ticket(agent, thread, TicketChange { priority, ..TicketChange::default() }).await.unwrap();
    assert_eq!(owed(), before, "its priority");
    desk.tag_thread(agent, thread, tag, true).await.unwrap();
    assert_eq!(owed(), before, "a tag");
    desk.link(agent, issue, thread).await.unwrap();
    assert_eq!(owed(), before, "a link");
    desk.update_ticket(agent, thread, TicketChange { open: Some(false), ..TicketChange::default() }).await.unwrap();
    assert_eq!(owed(), before, "its closing");
    story.wait(Duration::from_secs(24 * 3_600));
    assert!(story.send_due().await.is_empty());
    story.end();
}
