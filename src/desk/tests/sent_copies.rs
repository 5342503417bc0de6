//! Copies of answers for a Sent folder: one of each answer, whoever it went to.

use super::SUPPORT;
use super::Story;
use super::address;
use super::text;
use super::thread_of;
use crate::desk::mail::outbox::Prepared;
use crate::desk::people::contacts::ContactRef;
use crate::domain::delivery::Verdict;
use crate::domain::id::ThreadId;
use std::time::Duration;

const HELLO: &str = "From: Ana <ana@example.com>\nSubject: Invoice\nMessage-ID: <1@example.com>";

/// A mail of Ana's; two others take part as well.
async fn asked(story: &Story) -> ThreadId {
    let thread = thread_of(&story.mail(HELLO, "Where is my invoice?").await);
    for other in ["ben@example.com", "cleo@example.com"] {
        story.desk.add_participant(&story.agent, thread, ContactRef::Email(address(other)), false).await.unwrap();
    }
    thread
}

/// Takes what is due from whom `takes` says, as a relay that defers the others would; how many went out.
async fn relay(story: &Story, takes: impl Fn(usize) -> bool) -> usize {
    let mut sent = 0;
    for (at, delivery) in story.desk.lease_due(50, Duration::from_secs(60)).await.unwrap().into_iter().enumerate() {
        assert!(story.desk.wants_sent_copy(&delivery));
        let Prepared::Send(mail) = story.desk.prepare(&delivery).unwrap() else { panic!("not a mail") };
        if takes(at) {
            let verdict = Verdict::Delivered { answer: "250 ok".to_owned() };
            story.desk.settle_with_copy(delivery.id, verdict, mail.bytes).await.unwrap();
            sent += 1;
        } else {
            let reason = "RCPT TO: 451 later".to_owned();
            story.desk.settle(delivery.id, Verdict::Deferred { reason, retry_after: None }).await.unwrap();
        }
    }
    sent
}

async fn owed(story: &Story) -> usize {
    story.desk.owed_copies(&[address(SUPPORT)], 50).await.unwrap().len()
}

#[tokio::test]
async fn an_answer_to_three_people_is_one_copy_even_when_one_of_them_gets_it_hours_later() {
    let story = Story::begin_with(|settings| settings.sent_from = vec![address(SUPPORT)]).await;
    let thread = asked(&story).await;
    story.desk.agent_comment(&story.agent, thread, text("On its way.")).await.unwrap();
    assert_eq!(relay(&story, |at| at != 1).await, 2);
    assert_eq!(owed(&story).await, 1);
    let copy = story.desk.owed_copies(&[address(SUPPORT)], 50).await.unwrap().remove(0);
    story.desk.copy_begins(copy.copy.delivery).await.unwrap();
    story.desk.copy_ended(copy.copy.delivery).await.unwrap();
    story.wait(Duration::from_secs(4 * 3_600));
    assert_eq!(relay(&story, |_| true).await, 1, "the one that was deferred");
    assert_eq!(owed(&story).await, 0, "the folder has it");
    story.desk.agent_comment(&story.agent, thread, text("Anything else?")).await.unwrap();
    assert_eq!((relay(&story, |_| true).await, owed(&story).await), (3, 1), "another answer is another copy");
    story.end();
}
