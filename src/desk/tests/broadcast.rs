//! A Tracker's broadcast.

use super::Story;
use super::field;
use super::thread_of;
use crate::desk::Error;
use crate::desk::broadcasts::NewBroadcast;
use crate::desk::contacts::ContactFacts;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::id::ThreadId;
use crate::domain::part::PartKind;
use crate::domain::ticket_type::Category;

fn news() -> NewBroadcast {
    NewBroadcast {
        subject: "Login works again".to_owned(),
        body: "Hello {{or contact.first_name \"there\"}}, **login** works again.".to_owned(),
        email: EmailPolicy::WhenUnseen,
    }
}

async fn reports(story: &Story, count: usize) -> (ThreadId, Vec<ThreadId>) {
    let incident = story.ticket_type("Incident", Category::Tracker).await;
    let issue = story.ticket(incident, "Login is down", None).await;
    let mut threads = Vec::new();
    for n in 0..count {
        let mail = format!("From: Cust{n} Omer <c{n}@example.com>\nMessage-ID: <m{n}@example.com>");
        let thread = thread_of(&story.mail(&mail, "I cannot sign in").await);
        story.desk.link(&story.agent, issue, thread).await.unwrap();
        threads.push(thread);
    }
    (issue, threads)
}

async fn run(story: &Story) {
    while story.desk.broadcast_batch().await.unwrap() {}
}

async fn send_all(story: &Story) -> Vec<String> {
    let mut sent = Vec::new();
    loop {
        let more = story.send_due().await;
        if more.is_empty() {
            return sent;
        }
        sent.extend(more);
    }
}

#[tokio::test]
async fn prd_10_everybody_linked_has_the_part_and_one_mail_exactly_once() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 53).await;
    let broadcast = story.desk.start_broadcast(&story.agent, issue, news()).await.unwrap();
    run(&story).await;
    for (n, thread) in threads.iter().enumerate() {
        let posted: Vec<_> =
            story.parts(*thread).into_iter().filter(|part| part.broadcast == Some(broadcast.id)).collect();
        assert_eq!(posted.len(), 1);
        assert!(posted[0].body_text.contains(&format!("Hello Cust{n},")), "{}", posted[0].body_text);
    }
    let sent = send_all(&story).await;
    let mut to: Vec<_> = sent.iter().map(|mail| field(mail, "To").to_owned()).collect();
    to.sort();
    to.dedup();
    assert_eq!((sent.len(), to.len()), (53, 53));
    let view = story.desk.broadcast(&story.agent, broadcast.id).unwrap();
    assert_eq!((view.threads["sent"], view.email["sent"]), (53, 53));
    assert_eq!(story.desk.ledger(&story.agent, broadcast.id, None, 1_000).unwrap().len(), 106);
    story.end();
}

#[tokio::test]
async fn tst_56_a_contact_with_three_threads_gets_three_parts_and_one_mail_where_they_were_last() {
    let story = Story::begin().await;
    let incident = story.ticket_type("Incident", Category::Tracker).await;
    let issue = story.ticket(incident, "Login is down", None).await;
    let mut threads = Vec::new();
    for n in 0..3 {
        let mail = format!("From: ana@example.com\nSubject: s{n}\nMessage-ID: <m{n}@example.com>");
        threads.push(thread_of(&story.mail(&mail, &format!("report {n}")).await));
        story.wait(std::time::Duration::from_secs(1));
    }
    story.mail("From: ana@example.com\nMessage-ID: <x@example.com>\nIn-Reply-To: <m1@example.com>", "again").await;
    for thread in &threads {
        story.desk.link(&story.agent, issue, *thread).await.unwrap();
    }
    story.desk.start_broadcast(&story.agent, issue, news()).await.unwrap();
    run(&story).await;
    for thread in &threads {
        assert_eq!(story.parts(*thread).iter().filter(|part| part.broadcast.is_some()).count(), 1);
    }
    let sent = send_all(&story).await;
    assert_eq!(sent.len(), 1);
    assert_eq!(field(&sent[0], "In-Reply-To"), "<x@example.com>");
    let reply_to = field(&sent[0], "Reply-To").rsplit('<').next().unwrap().trim_end_matches('>').to_owned();
    let reply = story.mail_to(&reply_to, "From: ana@example.com\nMessage-ID: <y@example.com>", "Thanks").await;
    assert_eq!(thread_of(&reply), threads[1]);
    story.end();
}

#[tokio::test]
async fn tst_62_a_link_made_after_the_start_is_not_in_the_set() {
    let story = Story::begin().await;
    let (issue, _) = reports(&story, 2).await;
    story.desk.start_broadcast(&story.agent, issue, news()).await.unwrap();
    story.wait(std::time::Duration::from_secs(1));
    let late = thread_of(&story.mail("From: late@example.com\nMessage-ID: <l@example.com>", "me too").await);
    story.desk.link(&story.agent, issue, late).await.unwrap();
    run(&story).await;
    assert_eq!(story.count(late, |kind| matches!(kind, PartKind::Comment)), 1);
    story.end();
}

#[tokio::test]
async fn tst_39_an_unsubscribed_contact_gets_the_part_and_no_mail() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 1).await;
    let contact = story.desk.thread_view(&story.agent, threads[0], false).unwrap().contacts[0].id;
    let facts = ContactFacts { unsubscribed_from_emails: Some(true), ..ContactFacts::default() };
    story.desk.update_contact(&story.agent, contact, facts).await.unwrap();
    let broadcast = story.desk.start_broadcast(&story.agent, issue, news()).await.unwrap();
    run(&story).await;
    assert!(send_all(&story).await.is_empty());
    let view = story.desk.broadcast(&story.agent, broadcast.id).unwrap();
    assert_eq!((view.threads["sent"], view.email["skipped"]), (1, 1));
    story.end();
}

#[tokio::test]
async fn brc_4_30_what_cannot_be_rendered_or_runs_already_is_refused() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 1).await;
    for body in ["{{contact.password}}", "{{#if}}", "  "] {
        let new = NewBroadcast { body: body.to_owned(), ..news() };
        assert!(matches!(story.desk.start_broadcast(&story.agent, issue, new).await, Err(Error::Refused(_))), "{body}");
    }
    assert!(story.desk.start_broadcast(&story.agent, threads[0], news()).await.is_err(), "not a Tracker");
    story.desk.start_broadcast(&story.agent, issue, news()).await.unwrap();
    assert!(story.desk.start_broadcast(&story.agent, issue, news()).await.is_err(), "one at a time");
    run(&story).await;
    assert!(story.desk.start_broadcast(&story.agent, issue, news()).await.is_ok());
    story.end();
}
