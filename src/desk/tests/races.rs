//! What happens at the same time is done one after the other, and nothing of it is lost (OBJ-5).

use super::Story;
use super::links::conversation;
use super::links::refusal;
use super::links::tracker;
use super::text;
use crate::desk::ticket::attributes::NewAttribute;
use crate::desk::ticket::propagation::NewPropagation;
use crate::desk::ticket::tickets::Conversion;
use crate::desk::ticket::tickets::TicketChange;
use crate::domain::attribute::DataType;
use crate::domain::attribute::Value;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::part::PartKind;
use crate::domain::propagation::PropagationCounts;
use crate::domain::state::StateCategory;
use crate::domain::ticket_type::Category;

async fn attribute(story: &Story, ticket_type: TicketTypeId, name: &str, required_to_close: bool) {
    let new = NewAttribute { required_to_close, ..NewAttribute::named(name, DataType::String) };
    story.desk.add_attribute(&story.agent, ticket_type, new).await.unwrap();
}

fn set(name: &str, value: &str) -> TicketChange {
    TicketChange { values: vec![(name.to_owned(), Some(Value::Text(value.to_owned())))], ..TicketChange::default() }
}

fn value(story: &Story, ticket: ThreadId, name: &str) -> Option<Value> {
    let view = story.desk.thread_view(&story.agent, ticket, false).unwrap();
    view.thread.ticket.unwrap().value(&view.ticket.unwrap().ticket_type, name).cloned()
}

async fn ticket(story: &Story, name: &str, ticket_type: TicketTypeId) -> ThreadId {
    let talk = conversation(story, name).await;
    let conversion = Conversion { ticket_type, state: None, values: Vec::new(), skip_notifications: true };
    story.desk.convert(&story.agent, talk, conversion).await.unwrap();
    talk
}

/// Parts are numbered without a gap, whoever wrote them.
fn whole(story: &Story, thread: ThreadId) {
    let seqs: Vec<u64> = story.parts(thread).iter().map(|part| part.seq).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    story.end();
}

#[tokio::test]
async fn obj_5_two_agents_who_change_one_ticket_at_once_both_have_their_way() {
    let story = Story::begin().await;
    let ticket_type = story.ticket_type("Request", Category::Customer).await;
    attribute(&story, ticket_type, "Floor", false).await;
    attribute(&story, ticket_type, "Room", false).await;
    let one = ticket(&story, "ana", ticket_type).await;
    for n in 0..20 {
        let words = n.to_string();
        let (floor, room) = tokio::join!(
            story.desk.update_ticket(&story.agent, one, set("Floor", &words)),
            story.desk.update_ticket(&story.agent, one, set("Room", &words)),
        );
        floor.and(room).unwrap();
        let expected = Some(Value::Text(words));
        assert_eq!((value(&story, one, "Floor"), value(&story, one, "Room")), (expected.clone(), expected));
    }
    let changes = story.count(one, |kind| matches!(kind, PartKind::TicketAttributeUpdated { .. }));
    assert_eq!(changes, 40, "each change has its part");
    whole(&story, one);
}

#[tokio::test]
async fn obj_5_a_change_of_state_against_a_reply_leaves_both() {
    let story = Story::begin().await;
    let ticket_type = story.ticket_type("Request", Category::Customer).await;
    let one = ticket(&story, "ana", ticket_type).await;
    let ana = story.desk.thread_view(&story.agent, one, false).unwrap().contacts[0].id;
    for n in 0..20 {
        let to = if n % 2 == 0 { StateCategory::Resolved } else { StateCategory::WaitingOnCustomer };
        let change = TicketChange { state: Some(story.state(to)), ..TicketChange::default() };
        let (changed, said) = tokio::join!(
            story.desk.update_ticket(&story.agent, one, change),
            story.desk.contact_comment(ana, Some(one), text(&format!("reply {n}")), ChannelKind::Messenger),
        );
        changed.unwrap();
        said.unwrap();
    }
    let said = story.parts(one).into_iter().filter(|part| part.body_text.starts_with("reply")).count();
    assert_eq!(said, 20);
    // Each part tells the state it was said in, so that the chain of changes has no hole.
    let mut state = StateCategory::Submitted;
    for part in story.parts(one) {
        if let PartKind::TicketStateUpdated { from, to, .. } = part.kind {
            assert_eq!(from.1, state, "part {}", part.seq);
            state = to.1;
        }
    }
    let now = story.desk.thread_view(&story.agent, one, false).unwrap().thread.ticket.unwrap();
    assert_eq!(now.state_category, state);
    whole(&story, one);
}

#[tokio::test]
async fn obj_5_link_against_unlink_ends_in_one_of_both_and_is_counted_so() {
    let story = Story::begin().await;
    let issue = tracker(&story, "outage").await;
    let talk = conversation(&story, "ana").await;
    for _ in 0..20 {
        let (linked, unlinked) =
            tokio::join!(story.desk.link(&story.agent, issue, talk), story.desk.unlink(&story.agent, issue, talk),);
        linked.unwrap();
        if let Err(error) = unlinked {
            assert_eq!(refusal(error).0, "not_found", "it came first");
        }
        let there = story.desk.thread_view(&story.agent, talk, false).unwrap().linked_total;
        let reports = story.desk.thread_view(&story.agent, issue, false).unwrap().thread.ticket.unwrap();
        assert_eq!(reports.customer_reports, there);
        story.end();
    }
    whole(&story, talk);
}

#[tokio::test]
async fn obj_5_a_merge_against_replies_loses_none_of_them() {
    let story = Story::begin().await;
    for n in 0..10 {
        let ana = story.visitor().await;
        let say = |thread, words: String| {
            let message = text(&words);
            story.desk.contact_comment(ana.id, thread, message, ChannelKind::Messenger)
        };
        let (one, two) = (say(None, "one".to_owned()).await.unwrap(), say(None, "two".to_owned()).await.unwrap());
        let (first, merged, second) = tokio::join!(
            say(Some(two.thread), format!("first {n}")),
            story.desk.merge(&story.agent, two.thread, one.thread),
            say(Some(two.thread), format!("second {n}")),
        );
        merged.unwrap();
        for (posted, words) in [(first.unwrap(), "first"), (second.unwrap(), "second")] {
            let parts = story.parts(posted.thread);
            let part = parts.iter().find(|part| part.id == posted.part).unwrap();
            assert_eq!(part.body_text, format!("{words} {n}"));
        }
        let later = say(Some(two.thread), "later".to_owned()).await.unwrap();
        assert_eq!(later.thread, one.thread);
        let all = [one.thread, two.thread].map(|thread| story.count(thread, |kind| *kind == PartKind::Comment));
        assert_eq!(all.iter().sum::<usize>(), 5);
        whole(&story, one.thread);
        whole(&story, two.thread);
    }
}

#[tokio::test]
async fn tst_15_a_propagation_leaves_out_what_lacks_a_value_and_says_so() {
    let story = Story::begin().await;
    let issue = tracker(&story, "outage").await;
    let ticket_type = story.ticket_type("Request", Category::Customer).await;
    attribute(&story, ticket_type, "Cause", true).await;
    let mut tickets = Vec::new();
    for n in 0..3 {
        let one = ticket(&story, &format!("c{n}"), ticket_type).await;
        story.desk.link(&story.agent, issue, one).await.unwrap();
        tickets.push(one);
    }
    for one in &tickets[1..] {
        story.desk.update_ticket(&story.agent, *one, set("Cause", "known")).await.unwrap();
    }
    let to = story.state(StateCategory::Resolved);
    let asked = NewPropagation { to, resolved_too: false, skip_notifications: true };
    let expected = PropagationCounts { changed: 2, required_to_close: 1, ..PropagationCounts::default() };
    assert_eq!(story.desk.preview_propagation(&story.agent, issue, asked), Ok(expected));
    let job = story.desk.start_propagation(&story.agent, issue, asked).await.unwrap();
    while story.desk.propagation_batch().await.unwrap() {}
    assert_eq!(story.desk.propagation(&story.agent, job.id).unwrap().counts, expected);
    let states = tickets.iter().map(|one| {
        let view = story.desk.thread_view(&story.agent, *one, false).unwrap();
        view.thread.ticket.unwrap().state_category
    });
    let states: Vec<StateCategory> = states.collect();
    assert_eq!(states, [StateCategory::Submitted, StateCategory::Resolved, StateCategory::Resolved]);
    story.end();
}
