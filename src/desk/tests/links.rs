//! Links, sharing, cross-posts and what a linked ticket's state does (TST-20 to TST-31).

use super::Story;
use super::text;
use super::thread_of;
use crate::desk::Error;
use crate::desk::thread::conversations::ThreadAct;
use crate::desk::thread::message::NewMessage;
use crate::desk::ticket::tickets::Conversion;
use crate::desk::ticket::tickets::TicketChange;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::part::PartKind;
use crate::domain::refusal::Refusal;
use crate::domain::state::StateCategory;
use crate::domain::thread::ThreadState;
use crate::domain::ticket_rules::StateEffect;
use crate::domain::ticket_rules::TicketRules;
use crate::domain::ticket_type::Category;
use std::time::Duration;

pub(super) fn refusal(error: Error) -> (&'static str, String) {
    match error {
        Error::Refused(Refusal::Invalid { code, message, .. }) => (code, message),
        Error::Refused(Refusal::Conflict { message }) => ("conflict", message),
        Error::Refused(Refusal::Forbidden { message }) => ("forbidden", message),
        Error::Refused(Refusal::NotFound { what }) => ("not_found", what.to_owned()),
        Error::Refused(Refusal::Unprocessable { message, .. }) => ("unprocessable", message),
        other => panic!("{other:?}"),
    }
}

/// A conversation begun by a mail of that person.
pub(super) async fn conversation(story: &Story, name: &str) -> ThreadId {
    let headers = format!("From: {name} <{name}@example.com>\nSubject: Help\nMessage-ID: <{name}-1@example.com>");
    thread_of(&story.mail(&headers, "I need help").await)
}

async fn customer_ticket(story: &Story, name: &str) -> ThreadId {
    let thread = conversation(story, name).await;
    let ticket_type = story.ticket_type(&format!("Request {name}"), Category::Customer).await;
    let conversion = Conversion { ticket_type, state: None, values: Vec::new(), skip_notifications: true };
    story.desk.convert(&story.agent, thread, conversion).await.unwrap();
    thread
}

async fn back_office(story: &Story, title: &str) -> ThreadId {
    let ticket_type = story.ticket_type(&format!("Ops {title}"), Category::BackOffice).await;
    story.ticket(ticket_type, title, None).await
}

pub(super) async fn tracker(story: &Story, title: &str) -> ThreadId {
    let ticket_type = story.ticket_type(&format!("Issue {title}"), Category::Tracker).await;
    story.ticket(ticket_type, title, None).await
}

fn share() -> TicketChange {
    TicketChange { is_shared: Some(true), ..TicketChange::default() }
}

fn set(story: &Story, category: StateCategory) -> TicketChange {
    TicketChange { state: Some(story.state(category)), ..TicketChange::default() }
}

pub(super) fn thread(story: &Story, id: ThreadId) -> crate::domain::thread::Thread {
    story.desk.thread_view(&story.agent, id, false).unwrap().thread
}

#[tokio::test]
async fn tst_20_every_pair_links_from_either_side_and_no_other_does() {
    let story = Story::begin().await;
    let (talk, ticket) = (conversation(&story, "ana").await, customer_ticket(&story, "ben").await);
    let (ops, issue) = (back_office(&story, "one").await, tracker(&story, "one").await);
    let (other_ops, other_issue) = (back_office(&story, "two").await, tracker(&story, "two").await);
    for (from, to) in [(ops, talk), (ops, ticket), (issue, talk), (ticket, issue), (ops, issue)] {
        story.desk.link(&story.agent, from, to).await.unwrap();
    }
    let linked = |id| story.desk.thread_view(&story.agent, id, false).unwrap().linked_total;
    assert_eq!([talk, ticket, ops, issue].map(linked), [2, 2, 3, 3]);
    let other_ticket = customer_ticket(&story, "cleo").await;
    for (from, to) in [(ops, other_ops), (issue, other_issue), (ticket, other_ticket), (ops, ops), (ticket, talk)] {
        let refused = story.desk.link(&story.agent, from, to).await.unwrap_err();
        assert_eq!(refusal(refused).0, "invalid_ticket_type", "{from} to {to}");
    }
    story.desk.unlink(&story.agent, ticket, issue).await.unwrap();
    assert_eq!([ticket, issue].map(linked), [1, 2]);
    story.end();
}

#[tokio::test]
async fn tst_21_several_trackers_where_the_workspace_allows_them() {
    let rules = TicketRules { multiple_trackers: true, ..TicketRules::default() };
    let story = Story::with(rules).await;
    let talk = conversation(&story, "ana").await;
    let kind = story.ticket_type("Issue", Category::Tracker).await;
    for n in 0..20 {
        let issue = story.ticket(kind, &format!("issue {n}"), None).await;
        story.desk.link(&story.agent, issue, talk).await.unwrap();
    }
    let one_more = story.ticket(kind, "one more", None).await;
    let refused = story.desk.link(&story.agent, one_more, talk).await.unwrap_err();
    assert_eq!(refusal(refused).0, "already_linked_to_tracker", "LNK-2: up to 20");
    story.end();
}

#[tokio::test]
async fn tst_22_a_tracker_takes_as_many_links_as_the_setting_says() {
    let story = Story::with(TicketRules { tracker_link_limit: 3, ..TicketRules::default() }).await;
    let issue = tracker(&story, "outage").await;
    for name in ["ana", "ben", "cleo"] {
        story.desk.link(&story.agent, issue, conversation(&story, name).await).await.unwrap();
    }
    let dora = conversation(&story, "dora").await;
    let refused = story.desk.link(&story.agent, issue, dora).await.unwrap_err();
    assert_eq!(refusal(refused).0, "linked_conversation_limit_exceeded");
    assert_eq!(story.words(dora), ["comment"]);
    story.end();
}

#[tokio::test]
async fn tst_25_a_link_is_one_event_per_side_and_so_is_its_end() {
    let story = Story::begin().await;
    let (talk, issue) = (conversation(&story, "ana").await, tracker(&story, "outage").await);
    for _ in 0..2 {
        story.desk.link(&story.agent, issue, talk).await.unwrap();
    }
    story.desk.unlink(&story.agent, issue, talk).await.unwrap();
    let links = |id| {
        let parts = story.parts(id);
        let linked = parts.iter().filter(|part| matches!(part.kind, PartKind::EntityLinked(_))).count();
        let unlinked = parts.iter().filter(|part| matches!(part.kind, PartKind::EntityUnlinked(_))).count();
        (linked, unlinked)
    };
    assert_eq!([talk, issue].map(links), [(1, 1); 2]);
    story.end();
}

#[tokio::test]
async fn lnk_8_a_link_takes_writing_on_one_side_and_reading_on_the_other() {
    let story = Story::begin().await;
    let (talk, issue) = (conversation(&story, "ana").await, tracker(&story, "outage").await);
    let with = |scopes: &[Scope]| Caller { scopes: scopes.to_vec(), ..story.agent.clone() };
    for scopes in [&[Scope::WriteTickets][..], &[Scope::WriteConversations], &[Scope::ReadTickets, Scope::ReadContacts]]
    {
        let refused = story.desk.link(&with(scopes), issue, talk).await.unwrap_err();
        assert_eq!(refusal(refused).0, "forbidden", "{scopes:?}");
    }
    let enough = [Scope::WriteConversations, Scope::ReadTickets];
    story.desk.link(&with(&enough), issue, talk).await.unwrap();
    story.desk.unlink(&with(&[Scope::WriteTickets, Scope::ReadConversations]), issue, talk).await.unwrap();
    story.end();
}

#[tokio::test]
async fn tst_26_27_28_sharing_has_conditions_and_no_way_back() {
    let story = Story::begin().await;
    let talk = conversation(&story, "ana").await;
    let ops = back_office(&story, "one").await;
    assert!(!thread(&story, ops).ticket.unwrap().is_shared, "false by default");
    let update = |id, change| story.desk.update_ticket(&story.agent, id, change);
    assert!(refusal(update(ops, share()).await.unwrap_err()).1.contains("linked to a conversation"));
    story.desk.link(&story.agent, ops, talk).await.unwrap();
    update(ops, share()).await.unwrap();
    assert_eq!(thread(&story, ops).ticket.unwrap().shared_in, Some(talk));
    let taken_back = TicketChange { is_shared: Some(false), ..TicketChange::default() };
    assert_eq!(refusal(update(ops, taken_back).await.unwrap_err()).0, "parameter_invalid");

    let second = back_office(&story, "two").await;
    story.desk.link(&story.agent, second, talk).await.unwrap();
    assert!(refusal(update(second, share()).await.unwrap_err()).1.contains("has the shared ticket #"));
    let customers = customer_ticket(&story, "ben").await;
    let refused = story.desk.link(&story.agent, ops, customers).await.unwrap_err();
    assert_eq!(refusal(refused).0, "invalid_ticket_type", "a shared ticket and a Customer ticket");
    let third = back_office(&story, "three").await;
    story.desk.link(&story.agent, third, customers).await.unwrap();
    assert!(refusal(update(third, share()).await.unwrap_err()).1.contains("is a ticket itself"));
    let issue = tracker(&story, "outage").await;
    assert!(refusal(update(issue, share()).await.unwrap_err()).1.contains("cannot be shared"));

    let ticket_type = story.ticket_type("Request", Category::Customer).await;
    let conversion = Conversion { ticket_type, state: None, values: Vec::new(), skip_notifications: true };
    let refused = story.desk.convert(&story.agent, talk, conversion).await.unwrap_err();
    assert_eq!(refusal(refused).0, "conflict", "TCK-12");
    let refused = story.desk.unlink(&story.agent, ops, talk).await.unwrap_err();
    assert_eq!(refusal(refused).0, "conflict", "LNK-7");
    story.end();
}

#[tokio::test]
async fn shr_4_the_customer_sees_the_card_of_a_shared_ticket_and_its_states() {
    let story = Story::begin().await;
    let ana = story.visitor().await;
    let channel = crate::domain::channel_kind::ChannelKind::Messenger;
    let talk = story.desk.contact_comment(ana.id, None, text("Hi"), channel).await.unwrap().thread;
    let ops = back_office(&story, "Refund the order").await;
    story.desk.link(&story.agent, ops, talk).await.unwrap();
    story.desk.update_ticket(&story.agent, ops, share()).await.unwrap();
    story.desk.agent_note(&story.agent, ops, text("SECRET")).await.unwrap();
    story.desk.update_ticket(&story.agent, ops, set(&story, StateCategory::InProgress)).await.unwrap();
    let seen = story.desk.history(ana.id, talk, None, 50).unwrap();
    let labels: Vec<_> = seen
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::SharedTicket(card) => Some((card.first, card.external_label.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(labels, [(true, "Submitted"), (false, "In progress")]);
    assert_eq!(seen.len(), 3, "the comment and two cards: {seen:?}");
    let card = story.desk.snapshot(ana.id).unwrap().conversations.remove(0);
    assert_eq!(card.shared.map(|(ticket, _)| ticket.id), Some(ops));
    story.desk.agent_comment(&story.agent, ops, text("We are on it")).await.unwrap();
    assert_eq!(story.words(talk).last(), Some(&"comment"), "TCK-3: it is said where it is shared");
    story.end();
}

/// TST-34, its mail; badge and *Recent tickets* are the widget's.
#[tokio::test]
async fn ntf_1_3_tst_34_a_shared_ticket_is_mailed_to_its_customer() {
    let story = Story::begin().await;
    let talk = conversation(&story, "ana").await;
    let ops = back_office(&story, "Refund the order").await;
    story.desk.link(&story.agent, ops, talk).await.unwrap();
    story.desk.update_ticket(&story.agent, ops, set(&story, StateCategory::InProgress)).await.unwrap();
    story.wait(Duration::from_secs(60));
    assert!(story.send_due().await.is_empty(), "not shared yet");
    story.desk.update_ticket(&story.agent, ops, share()).await.unwrap();
    story.wait(Duration::from_secs(60));
    let mails = story.send_due().await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("Refund the order"), "{}", mails[0]);
    story.desk.update_ticket(&story.agent, ops, set(&story, StateCategory::Resolved)).await.unwrap();
    story.desk.update_ticket(&story.agent, ops, set(&story, StateCategory::InProgress)).await.unwrap();
    story.wait(Duration::from_secs(60));
    assert!(story.send_due().await.is_empty(), "NTF-11: went back");
    let silent = TicketChange { skip_notifications: true, ..set(&story, StateCategory::Resolved) };
    story.desk.update_ticket(&story.agent, ops, silent).await.unwrap();
    story.wait(Duration::from_secs(60));
    assert!(story.send_due().await.is_empty(), "NTF-12");
    story.end();
}

#[tokio::test]
async fn tst_31_each_effect_opens_what_it_says() {
    let snoozed = |story: &Story| ThreadAct::Snooze(Some(Millis(story.desk.clock().now().0 + 60_000)));
    for (effect, opens) in [
        (StateEffect::None, [false, false]),
        (StateEffect::Unsnooze, [true, false]),
        (StateEffect::Reopen, [true, true]),
    ] {
        let story = Story::with(TicketRules { back_office_state_effect: effect, ..TicketRules::default() }).await;
        let (sleeping, done) = (conversation(&story, "ana").await, customer_ticket(&story, "ben").await);
        let ops = back_office(&story, "one").await;
        for talk in [sleeping, done] {
            story.desk.link(&story.agent, ops, talk).await.unwrap();
        }
        story.desk.act_on_thread(&story.agent, sleeping, snoozed(&story), None).await.unwrap();
        story.desk.act_on_thread(&story.agent, done, ThreadAct::Close, None).await.unwrap();
        story.desk.update_ticket(&story.agent, ops, set(&story, StateCategory::Resolved)).await.unwrap();
        let opened = [sleeping, done].map(|id| thread(&story, id).state == ThreadState::Open);
        assert_eq!(opened, opens, "{effect:?}");
        for talk in [sleeping, done] {
            assert_eq!(story.count(talk, |kind| matches!(kind, PartKind::LinkedTicketStateUpdated { .. })), 1);
        }
        story.end();
    }
}

#[tokio::test]
async fn trk_3_a_tracker_is_told_everywhere_and_opens_nothing() {
    let story = Story::begin().await;
    let (talk, ops, issue) =
        (conversation(&story, "ana").await, back_office(&story, "one").await, tracker(&story, "outage").await);
    for other in [talk, ops] {
        story.desk.link(&story.agent, issue, other).await.unwrap();
        story.desk.act_on_thread(&story.agent, other, ThreadAct::Close, None).await.unwrap();
    }
    story.desk.link(&story.agent, ops, talk).await.unwrap();
    story.desk.update_ticket(&story.agent, issue, set(&story, StateCategory::Resolved)).await.unwrap();
    for other in [talk, ops] {
        assert_eq!(
            story.count(other, |kind| matches!(kind, PartKind::LinkedTicketStateUpdated { .. })),
            1,
            "no cascade"
        );
        assert_eq!(thread(&story, other).state, ThreadState::Closed);
    }
    story.end();
}

#[tokio::test]
async fn bko_23_only_notes_are_cross_posted() {
    let story = Story::begin().await;
    let talk = conversation(&story, "ana").await;
    let comment = NewMessage { cross_post: true, ..text("To all") };
    let refused = story.desk.agent_comment(&story.agent, talk, comment.clone()).await.unwrap_err();
    assert_eq!(refusal(refused).0, "parameter_invalid");
    let refused = story.desk.agent_note(&story.agent, talk, comment).await.unwrap_err();
    assert_eq!(refusal(refused).0, "parameter_invalid", "a conversation's note");
    story.end();
}

#[tokio::test]
async fn dsk_7_an_answer_to_what_is_no_longer_the_last_word_is_refused() {
    let story = Story::begin().await;
    let talk = conversation(&story, "ana").await;
    story.desk.agent_note(&story.agent, talk, text("thinking")).await.unwrap();
    let based = |seq| NewMessage { base_seq: Some(seq), ..text("Hello") };
    story.desk.agent_comment(&story.agent, talk, based(1)).await.unwrap();
    let refused = story.desk.agent_comment(&story.agent, talk, based(1)).await.unwrap_err();
    assert_eq!(refusal(refused).0, "conflict");
    story.desk.agent_comment(&story.agent, talk, based(3)).await.unwrap();
    story.end();
}

#[tokio::test]
async fn two_conversions_at_once_make_one_ticket() {
    let story = Story::begin().await;
    let talk = conversation(&story, "ana").await;
    let ticket_type = story.ticket_type("Request", Category::Customer).await;
    let conversion = || Conversion { ticket_type, state: None, values: Vec::new(), skip_notifications: true };
    let convert = || story.desk.convert(&story.agent, talk, conversion());
    let (one, two, three) = tokio::join!(convert(), convert(), convert());
    let won = [&one, &two, &three].iter().filter(|result| result.is_ok()).count();
    assert_eq!(won, 1);
    for lost in [one, two, three].into_iter().filter_map(Result::err) {
        assert_eq!(refusal(lost).0, "conflict");
    }
    assert_eq!(story.count(talk, |kind| matches!(kind, PartKind::ConvertedToTicket { .. })), 1);
    story.end();
}
