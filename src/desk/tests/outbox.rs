//! What is owed by mail.

use super::NOW;
use super::Story;
use super::field;
use super::text;
use super::thread_of;
use crate::desk::mail::outbox::Prepared;
use crate::domain::address::Address;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::SkipReason;
use crate::domain::delivery::Verdict;
use crate::domain::id::ThreadId;
use crate::domain::mail_share::MailShare;
use std::time::Duration;

const HELLO: &str = "From: Ana <ana@example.com>\nSubject: Invoice\nMessage-ID: <1@example.com>";
const LEASE: Duration = Duration::from_secs(60);

async fn asked(story: &Story) -> ThreadId {
    thread_of(&story.mail(HELLO, "Where is my invoice?").await)
}

#[tokio::test]
async fn eml_70_in_an_email_thread_a_reply_is_mailed_at_once_and_threads() {
    let story = Story::begin().await;
    let thread = asked(&story).await;
    story.desk.agent_comment(&story.agent, thread, text("On its way.")).await.unwrap();
    let sent = story.send_due().await;
    assert_eq!(sent.len(), 1);
    assert_eq!(field(&sent[0], "In-Reply-To"), "<1@example.com>");
    assert_eq!(field(&sent[0], "References"), "<1@example.com>");
    assert!(field(&sent[0], "From").contains("support@desk.example"));
    assert!(field(&sent[0], "Subject").contains("Invoice"), "{}", field(&sent[0], "Subject"));
    assert!(sent[0].contains("On its way."));
    assert_eq!(field(&sent[0], "Auto-Submitted"), "", "a person wrote it");
    story.end();
}

async fn messenger_thread(story: &Story) -> (crate::domain::contact::Contact, ThreadId) {
    let ana = story.visitor().await;
    let facts = crate::desk::people::contacts::ContactFacts {
        email: Some(Address::parse("ana@example.com")),
        ..Default::default()
    };
    let ana = story.desk.update_contact(&story.agent, ana.id, facts).await.unwrap();
    let posted = story.desk.contact_comment(ana.id, None, text("Hi"), ChannelKind::Messenger).await.unwrap();
    (ana, posted.thread)
}

#[tokio::test]
async fn tst_35_unseen_replies_are_one_mail_seen_ones_none() {
    let story = Story::begin().await;
    let (ana, thread) = messenger_thread(&story).await;
    let mut last = None;
    for n in 0..3 {
        last = Some(story.desk.agent_comment(&story.agent, thread, text(&format!("answer {n}"))).await.unwrap());
        story.wait(Duration::from_secs(30));
    }
    assert!(story.send_due().await.is_empty(), "the delay starts again with each reply");
    story.wait(Duration::from_secs(91));
    let sent = story.send_due().await;
    assert_eq!(sent.len(), 1);
    assert!((0..3).all(|n| sent[0].contains(&format!("answer {n}"))));
    let one = story.desk.agent_comment(&story.agent, thread, text("seen one")).await.unwrap();
    story.desk.agent_comment(&story.agent, thread, text("unseen one")).await.unwrap();
    story.desk.mark_seen(ana.id, thread, one.part).await.unwrap();
    story.wait(Duration::from_secs(121));
    let sent = story.send_due().await;
    assert!(sent.len() == 1 && sent[0].contains("unseen one") && !sent[0].contains("=20seen one"));
    let two = story.desk.agent_comment(&story.agent, thread, text("seen two")).await.unwrap();
    story.desk.mark_seen(ana.id, thread, two.part).await.unwrap();
    story.wait(Duration::from_secs(121));
    assert!(story.send_due().await.is_empty());
    let skipped = story.desk.thread_view(&story.agent, thread, true).unwrap().deliveries;
    assert_eq!(skipped[0].state, DeliveryState::Skipped(SkipReason::SeenInMessenger));
    assert!(last.is_some());
    story.end();
}

#[tokio::test]
async fn tst_38_a_contact_without_address_gets_no_mail_and_no_error() {
    let story = Story::begin().await;
    let ana = story.visitor().await;
    let thread = story.desk.contact_comment(ana.id, None, text("Hi"), ChannelKind::Messenger).await.unwrap().thread;
    story.desk.agent_comment(&story.agent, thread, text("Hello")).await.unwrap();
    let deliveries = story.desk.thread_view(&story.agent, thread, true).unwrap().deliveries;
    assert_eq!(deliveries[0].state, DeliveryState::Skipped(SkipReason::NoAddress));
    story.end();
}

#[tokio::test]
async fn tst_65_deferred_then_sent_failed_at_once_and_uncertain_once_more() {
    let story = Story::begin().await;
    let thread = asked(&story).await;
    story.desk.agent_comment(&story.agent, thread, text("On its way.")).await.unwrap();
    let lease = || story.desk.lease_due(10, LEASE);
    let first = lease().await.unwrap().remove(0);
    assert!(lease().await.unwrap().is_empty(), "leased once");
    let deferred = Verdict::Deferred { reason: "451 later".to_owned(), retry_after: None };
    story.desk.settle(first.id, deferred).await.unwrap();
    assert!(lease().await.unwrap().is_empty(), "not due yet");
    story.wait(Duration::from_secs(80));
    let again = lease().await.unwrap().remove(0);
    assert_eq!((again.id, &again.message_id), (first.id, &first.message_id));
    story.desk.mark_past_dot(vec![again.id]).await.unwrap();
    story.wait(Duration::from_secs(120));
    assert!(lease().await.unwrap().is_empty(), "the worker died past the dot: uncertain, not sent again");
    assert_eq!(story.desk.delivery(None, first.id).unwrap().state, DeliveryState::Uncertain);
    story.wait(Duration::from_secs(16 * 60));
    let last = lease().await.unwrap().remove(0);
    assert_eq!(last.message_id, first.message_id);
    story.desk.settle(last.id, Verdict::Uncertain { reason: "cut".to_owned() }).await.unwrap();
    story.wait(Duration::from_secs(24 * 3_600));
    assert!(lease().await.unwrap().is_empty(), "one retry only (EML-65)");
    story.end();
}

#[tokio::test]
async fn p13_what_a_clock_left_for_years_ahead_goes_out_once_it_is_set_back() {
    let story = Story::begin().await;
    let thread = asked(&story).await;
    let lease = || story.desk.lease_due(10, LEASE);
    story.wait(Duration::from_hours(24 * 365 * 70));
    story.desk.agent_comment(&story.agent, thread, text("On its way.")).await.unwrap();
    let leased = lease().await.unwrap().remove(0).id;
    let back_to_now = async || {
        story.desk.inner.clock.set(NOW);
        assert!(lease().await.unwrap().is_empty(), "not before seventy years have gone");
        story.desk.sweep().await.unwrap();
        assert_eq!(lease().await.unwrap().remove(0).id, leased);
    };
    back_to_now().await;
    story.wait(Duration::from_hours(24 * 365 * 70));
    let later = Verdict::Deferred { reason: "451 later".to_owned(), retry_after: None };
    story.desk.settle(leased, later).await.unwrap();
    back_to_now().await;
    story.end();
}

#[tokio::test]
async fn eml_63_a_mail_whose_destination_takes_nothing_waits_without_an_attempt_and_five_days_at_most() {
    let story = Story::begin().await;
    let thread = asked(&story).await;
    story.desk.agent_comment(&story.agent, thread, text("On its way.")).await.unwrap();
    let lease = || story.desk.lease_due(10, LEASE);
    let postponed = || Verdict::Postponed { wait: Duration::from_secs(60) };
    let first = lease().await.unwrap().remove(0);
    story.desk.settle(first.id, postponed()).await.unwrap();
    let waits = story.desk.delivery(None, first.id).unwrap();
    assert_eq!((waits.state, waits.attempt_count, waits.attempts.len()), (DeliveryState::Deferred, 0, 0));
    assert!(lease().await.unwrap().is_empty(), "not due yet");
    story.wait(Duration::from_secs(76));
    let again = lease().await.unwrap().remove(0);
    assert_eq!((again.id, &again.message_id), (first.id, &first.message_id));
    story.wait(Duration::from_secs(6 * 24 * 3_600));
    story.desk.settle(first.id, postponed()).await.unwrap();
    let late = story.desk.delivery(None, first.id).unwrap().state;
    assert_eq!(late, DeliveryState::Deferred, "nobody looked at it in time (P13)");
    story.wait(Duration::from_secs(76));
    assert_eq!(lease().await.unwrap().len(), 1);
    story.desk.settle(first.id, postponed()).await.unwrap();
    let given_up = story.desk.delivery(None, first.id).unwrap().state;
    assert!(matches!(&given_up, DeliveryState::Failed(why) if why.starts_with("retries exhausted")), "{given_up:?}");
    story.end();
}

#[tokio::test]
async fn eml_65_where_the_house_says_so_an_uncertain_mail_waits_for_an_agent() {
    let story = Story::begin_with(|settings| settings.keep_uncertain = true).await;
    let thread = asked(&story).await;
    story.desk.agent_comment(&story.agent, thread, text("On its way.")).await.unwrap();
    let first = story.desk.lease_due(10, LEASE).await.unwrap().remove(0);
    story.desk.settle(first.id, Verdict::Uncertain { reason: "cut".to_owned() }).await.unwrap();
    story.wait(Duration::from_secs(24 * 3_600));
    assert!(story.desk.lease_due(10, LEASE).await.unwrap().is_empty());
    assert_eq!(story.desk.delivery(None, first.id).unwrap().state, DeliveryState::Uncertain);
    assert!(story.desk.deliveries(10).unwrap().iter().any(|seen| seen.id == first.id), "people see it");
    story.desk.retry_delivery(None, first.id).await.unwrap();
    assert_eq!(story.send_due().await.len(), 1);
    story.end();
}

#[tokio::test]
async fn a_cancelled_delivery_is_never_sent_and_a_failed_one_can_be_retried() {
    let story = Story::begin().await;
    let thread = asked(&story).await;
    story.desk.agent_comment(&story.agent, thread, text("One")).await.unwrap();
    let one = story.desk.deliveries(10).unwrap()[0].clone();
    story.desk.cancel_delivery(one.id).await.unwrap();
    assert!(story.send_due().await.is_empty());
    story.desk.agent_comment(&story.agent, thread, text("Two")).await.unwrap();
    let two = story.desk.lease_due(10, LEASE).await.unwrap().remove(0);
    story.desk.settle(two.id, Verdict::Failed { reason: "550 no".to_owned() }).await.unwrap();
    assert_eq!(story.desk.deliveries(10).unwrap().len(), 1, "visible");
    story.desk.retry_delivery(None, two.id).await.unwrap();
    assert_eq!(story.send_due().await.len(), 1);
    assert!(story.desk.retry_delivery(None, two.id).await.is_err(), "it was sent");
    story.end();
}

#[tokio::test]
async fn prepare_composes_the_same_bytes_on_every_try() {
    let story = Story::begin().await;
    let thread = asked(&story).await;
    story.desk.agent_comment(&story.agent, thread, text("On its way.")).await.unwrap();
    let delivery = story.desk.lease_due(10, LEASE).await.unwrap().remove(0);
    let id = |prepared: Prepared| match prepared {
        Prepared::Send(mail) => (mail.message_id, mail.recipient.to_string(), mail.reverse_path.to_string()),
        Prepared::Settle(verdict) => panic!("{verdict:?}"),
    };
    let first = id(story.desk.prepare(&delivery).unwrap());
    story.wait(Duration::from_secs(3_600));
    assert_eq!(id(story.desk.prepare(&delivery).unwrap()), first);
    story.end();
}

#[tokio::test]
async fn brc_43_leases_of_a_worker_that_is_gone_end_at_once_and_past_the_dot_uncertain() {
    let story = Story::begin().await;
    for n in 0..70 {
        let headers = format!("From: c{n}@example.com\nSubject: {n}\nMessage-ID: <{n}@example.com>");
        let thread = thread_of(&story.mail(&headers, "Hello").await);
        story.desk.agent_comment(&story.agent, thread, text("Hi")).await.unwrap();
    }
    let mut leased = story.desk.lease_due(50, LEASE).await.unwrap();
    leased.extend(story.desk.lease_due(10, LEASE * 2).await.unwrap());
    let (waiting, past_dot) = (leased[0].id, leased[59].id);
    story.desk.mark_past_dot(vec![past_dot]).await.unwrap();
    assert_eq!(story.desk.end_leases(&MailShare::All).await.unwrap(), 60);
    assert_eq!(story.desk.end_leases(&MailShare::All).await.unwrap(), 0);
    assert_eq!(story.desk.delivery(None, past_dot).unwrap().state, DeliveryState::Uncertain);
    assert_eq!(story.desk.delivery(None, waiting).unwrap().state, DeliveryState::Queued);
    let mut again = story.desk.lease_due(50, LEASE).await.unwrap();
    again.extend(story.desk.lease_due(50, LEASE).await.unwrap());
    assert_eq!(again.len(), 69, "all but the uncertain one are due");
    story.end();
}

#[tokio::test]
async fn ops_5_nothing_is_sent_while_sending_is_paused_and_nothing_is_lost() {
    let story = Story::begin().await;
    let thread = asked(&story).await;
    story.desk.pause_sending(true).await.unwrap();
    story.desk.agent_comment(&story.agent, thread, text("On its way.")).await.unwrap();
    assert!(story.send_due().await.is_empty());
    assert_eq!(story.desk.next_due(&MailShare::All).unwrap(), None, "nobody is woken for nothing");
    assert!(story.desk.status().unwrap().sending_paused);
    story.desk.pause_sending(false).await.unwrap();
    assert_eq!(story.send_due().await.len(), 1);
    story.end();
}

/// What a relay that cannot be reached comes to.
fn refused(reason: &str) -> Verdict {
    Verdict::Deferred { reason: reason.to_owned(), retry_after: None }
}

#[tokio::test]
async fn tst_91_of_three_recipients_only_the_refused_one_is_tried_again() {
    let story = Story::begin().await;
    let thread = asked(&story).await;
    for other in ["ben@example.com", "cleo@example.com"] {
        let other = crate::desk::people::contacts::ContactRef::Email(super::address(other));
        story.desk.add_participant(&story.agent, thread, other, false).await.unwrap();
    }
    story.desk.agent_comment(&story.agent, thread, text("To all three")).await.unwrap();
    let leased = story.desk.lease_due(10, LEASE).await.unwrap();
    assert_eq!(leased.len(), 3);
    let of = |address: &str| leased.iter().find(|one| one.address == Address::parse(address)).unwrap().id;
    for address in ["ana@example.com", "cleo@example.com"] {
        story.desk.settle(of(address), Verdict::Delivered { answer: "250 ok".to_owned() }).await.unwrap();
    }
    story.desk.settle(of("ben@example.com"), refused("451 try later")).await.unwrap();
    assert!(story.desk.lease_due(10, LEASE).await.unwrap().is_empty(), "not before a minute");
    story.wait(Duration::from_secs(90));
    let again = story.desk.lease_due(10, LEASE).await.unwrap();
    assert_eq!(again.iter().map(|one| one.id).collect::<Vec<_>>(), [of("ben@example.com")]);
    assert_eq!(again[0].message_id, leased.iter().find(|one| one.id == again[0].id).unwrap().message_id);
    story.end();
}

#[tokio::test]
async fn tst_92_a_relay_that_is_down_for_two_days_gets_everything_afterwards() {
    const MAILS: usize = 12;
    let story = Story::begin().await;
    let thread = asked(&story).await;
    let mut owed = Vec::new();
    for n in 0..MAILS {
        // Each alone: one that is being sent takes no further reply.
        story.desk.agent_comment(&story.agent, thread, text(&format!("answer {n}"))).await.unwrap();
        for delivery in story.desk.lease_due(10, LEASE).await.unwrap() {
            story.desk.settle(delivery.id, refused("connect: connection refused")).await.unwrap();
            owed.push(delivery.id);
        }
    }
    assert_eq!(owed.len(), MAILS);
    let up_again = story.desk.clock().now().plus(Duration::from_secs(2 * 24 * 3_600));
    while let Some(due) = story.desk.next_due(&MailShare::All).unwrap().filter(|due| *due < up_again) {
        story.desk.clock().set(due.max(story.desk.clock().now()));
        for delivery in story.desk.lease_due(50, LEASE).await.unwrap() {
            story.desk.settle(delivery.id, refused("connect: connection refused")).await.unwrap();
        }
    }
    story.desk.clock().set(up_again);
    let mut sent = 0;
    while let Some(due) = story.desk.next_due(&MailShare::All).unwrap() {
        story.desk.clock().set(due.max(story.desk.clock().now()));
        sent += story.send_due().await.len();
    }
    assert_eq!(sent, MAILS);
    for id in owed {
        let delivery = story.desk.delivery(None, id).unwrap();
        assert_eq!(delivery.state, DeliveryState::Sent);
        assert!((15..=25).contains(&delivery.attempt_count), "{} tries in two days", delivery.attempt_count);
    }
    assert!(story.desk.clock().now().since(up_again) <= Duration::from_secs(5 * 3_600), "within the longest pause");
    story.end();
}

#[tokio::test]
async fn obj_9_files_that_are_too_much_for_one_mail_are_linked_in_it() {
    let story = Story::begin().await;
    let hello = "From: Ana <ana@example.com>\nMessage-ID: <1@example.com>";
    let thread = thread_of(&story.mail(hello, "Where is my order?").await);
    let file = |name: &str, byte: u8| crate::desk::thread::message::NewAttachment {
        name: name.to_owned(),
        content_type: "application/octet-stream".to_owned(),
        bytes: vec![byte; 6 * 1024 * 1024],
    };
    let attachments = vec![file("first.bin", 1), file("second & last.bin", 2)];
    let message = crate::desk::thread::message::NewMessage { attachments, ..text("Both files") };
    story.desk.agent_comment(&story.agent, thread, message).await.unwrap();
    story.wait(Duration::from_secs(200));
    let mails = story.send_due().await;
    assert_eq!(mails.len(), 1);
    let read = crate::mail::message::read(mails[0].as_bytes());
    let names: Vec<&str> = read.attachments.iter().map(|file| file.file_name.as_str()).collect();
    assert_eq!(names, ["first.bin"]);
    let (plain, html) = (read.text, read.html.unwrap());
    assert!(plain.contains("second & last.bin:") && plain.contains("https://desk.example/files/"), "{plain}");
    assert!(html.contains("second &amp; last.bin</a>"), "{html}");
    story.end();
}
