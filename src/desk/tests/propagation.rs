//! A Tracker's state on its Customer tickets (TST-32).

use super::Story;
use super::links::conversation;
use super::links::refusal;
use super::links::tracker;
use crate::desk::ticket::propagation::NewPropagation;
use crate::desk::ticket::tickets::Conversion;
use crate::desk::ticket::tickets::TicketChange;
use crate::domain::id::ThreadId;
use crate::domain::part::Cause;
use crate::domain::part::PartKind;
use crate::domain::propagation::PropagationCounts;
use crate::domain::state::StateCategory;
use crate::domain::ticket_type::Category;
use std::time::Duration;

fn set(story: &Story, category: StateCategory) -> TicketChange {
    TicketChange { state: Some(story.state(category)), skip_notifications: true, ..TicketChange::default() }
}

fn state(story: &Story, id: ThreadId) -> StateCategory {
    story.desk.thread_view(&story.agent, id, false).unwrap().thread.ticket.unwrap().state_category
}

#[tokio::test]
async fn tst_32_only_when_asked_each_ticket_changes_once_whatever_is_killed() {
    let story = Story::begin().await;
    let issue = tracker(&story, "outage").await;
    let ticket_type = story.ticket_type("Request", Category::Customer).await;
    let conversion = || Conversion { ticket_type, state: None, values: Vec::new(), skip_notifications: true };
    let mut tickets = Vec::new();
    for n in 0..45 {
        let talk = conversation(&story, &format!("c{n}")).await;
        if n != 0 {
            story.desk.convert(&story.agent, talk, conversion()).await.unwrap();
            tickets.push(talk);
        }
        story.desk.link(&story.agent, issue, talk).await.unwrap();
    }
    story.desk.update_ticket(&story.agent, tickets[0], set(&story, StateCategory::Resolved)).await.unwrap();
    story.desk.update_ticket(&story.agent, tickets[1], set(&story, StateCategory::InProgress)).await.unwrap();
    story.desk.update_ticket(&story.agent, issue, set(&story, StateCategory::InProgress)).await.unwrap();
    while story.desk.cross_post_batch().await.unwrap() {}
    assert_eq!(state(&story, tickets[9]), StateCategory::Submitted, "TRK-3: not unless asked");

    let to = story.state(StateCategory::InProgress);
    let asked = NewPropagation { to, resolved_too: false, skip_notifications: false };
    let expected = PropagationCounts { changed: 42, matched: 1, left_out: 1, ..PropagationCounts::default() };
    assert_eq!(story.desk.preview_propagation(&story.agent, issue, asked), Ok(expected));
    assert_eq!(state(&story, tickets[9]), StateCategory::Submitted, "a preview changes nothing");
    let job = story.desk.start_propagation(&story.agent, issue, asked).await.unwrap();
    let second = story.desk.start_propagation(&story.agent, issue, asked).await.unwrap_err();
    assert_eq!(refusal(second).0, "conflict");
    story.desk.propagation_batch().await.unwrap();
    story.end();
    while story.desk.propagation_batch().await.unwrap() {}
    let job = story.desk.propagation(&story.agent, job.id).unwrap();
    assert_eq!((job.counts, job.finished_at.is_some()), (expected, true));
    for ticket in &tickets[2..] {
        let changes = story.parts(*ticket).into_iter().filter(|part| part.cause == Some(Cause::Propagation)).count();
        assert_eq!((state(&story, *ticket), changes), (StateCategory::InProgress, 1));
    }
    assert_eq!(state(&story, tickets[0]), StateCategory::Resolved, "left out");
    assert_eq!(story.count(issue, |kind| matches!(kind, PartKind::StatePropagated { .. })), 1, "TRK-5");
    story.wait(Duration::from_secs(60));
    assert_eq!(story.send_due().await.len(), 42, "each ticket's own status mail");
    story.end();
}

#[tokio::test]
async fn trk_4_only_a_tracker_propagates_a_state_that_exists() {
    let story = Story::begin().await;
    let ops = story.ticket_type("Ops", Category::BackOffice).await;
    let task = story.ticket(ops, "task", None).await;
    let to = story.state(StateCategory::Resolved);
    let asked = NewPropagation { to, resolved_too: true, skip_notifications: true };
    let refused = story.desk.preview_propagation(&story.agent, task, asked).unwrap_err();
    assert_eq!(refusal(refused).0, "invalid_ticket_type");
    let issue = tracker(&story, "outage").await;
    let unknown = NewPropagation { to: crate::domain::id::StateId(5), ..asked };
    let refused = story.desk.start_propagation(&story.agent, issue, unknown).await.unwrap_err();
    assert_eq!(refusal(refused).0, "ticket_state_id_invalid");
    story.end();
}
