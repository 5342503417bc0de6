//! Who gets no mail, and how much goes out by itself.

use super::*;
use crate::desk::ticket::tickets::Conversion;
use crate::desk::ticket::tickets::TicketChange;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::SkipReason;
use crate::domain::mail_limits::Limit;
use crate::domain::part::PlacedBy;
use crate::domain::suppression::SuppressedBy;
use crate::domain::thread::ThreadState;

const LEASE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn from_ana(id: &str, subject: &str) -> String {
    format!("From: Ana <ana@example.com>\nSubject: {subject}\nMessage-ID: <{id}@example.com>")
}

/// A conversation by mail without a ticket.
async fn asked(story: &Story) -> ThreadId {
    thread_of(&story.mail(&from_ana("1", "Invoice"), "Where is it?").await)
}

async fn answered(story: &Story, thread: ThreadId) -> Delivery {
    story.desk.agent_comment(&story.agent, thread, text("On its way.")).await.unwrap();
    story.desk.thread_view(&story.agent, thread, true).unwrap().deliveries.remove(0)
}

async fn refuse(story: &Story, words: &str) {
    let leased = story.desk.lease_due(10, LEASE).await.unwrap();
    for delivery in leased {
        story.desk.settle(delivery.id, Verdict::Failed { reason: words.to_owned() }).await.unwrap();
    }
}

fn state(story: &Story, delivery: &Delivery) -> DeliveryState {
    story.desk.delivery(None, delivery.id).unwrap().state
}

#[tokio::test]
async fn eml_82_an_address_that_does_not_exist_gets_no_mail_until_mail_comes_from_it() {
    let story = Story::begin().await;
    let thread = asked(&story).await;
    answered(&story, thread).await;
    refuse(&story, "RCPT TO: 550 5.1.1 no such user").await;
    let held = story.desk.suppressions(None, None, 10).unwrap();
    assert_eq!(held[0].suppression.as_ref().unwrap().by, SuppressedBy::HardBounce);
    assert!(story.desk.thread_view(&story.agent, thread, true).unwrap().contacts[0].has_hard_bounced);
    let next = answered(&story, thread).await;
    assert!(story.send_due().await.is_empty());
    assert_eq!(state(&story, &next), DeliveryState::Skipped(SkipReason::Suppressed));
    story.mail(&from_ana("2", "Again"), "I am here").await;
    assert_eq!(story.desk.suppressions(None, None, 10).unwrap(), []);
    answered(&story, thread).await;
    assert_eq!(story.send_due().await.len(), 1);
    story.end();
}

#[tokio::test]
async fn eml_83_an_agent_may_answer_a_suppressed_address_and_a_machine_may_not() {
    let story = Story::begin().await;
    let thread = asked(&story).await;
    story.desk.suppress(&story.agent, address("ana@example.com"), None, "asked by phone").await.unwrap();
    let answer = answered(&story, thread).await;
    let kind = story.ticket_type("Bug", Category::Customer).await;
    let conversion = Conversion { ticket_type: kind, values: Vec::new(), state: None, skip_notifications: false };
    story.desk.convert(&story.agent, thread, conversion).await.unwrap();
    story.wait(Duration::from_secs(600));
    assert!(story.send_due().await.is_empty());
    assert_eq!(state(&story, &answer), DeliveryState::Skipped(SkipReason::Suppressed));
    let told = story.desk.thread_view(&story.agent, thread, true).unwrap().deliveries;
    let automatic = told.iter().find(|delivery| delivery.kind.is_automatic()).unwrap();
    assert_eq!(automatic.state, DeliveryState::Skipped(SkipReason::Suppressed));
    assert!(story.desk.retry_delivery(None, automatic.id).await.is_err());
    story.desk.retry_delivery(None, answer.id).await.unwrap();
    assert_eq!(story.send_due().await.len(), 1, "the agent says so");
    assert_eq!(story.desk.suppressions(None, None, 10).unwrap().len(), 1, "and it stays suppressed");
    story.desk.lift_suppression(None, address("ana@example.com")).await.unwrap();
    assert!(story.desk.lift_suppression(None, address("ana@example.com")).await.is_err());
    story.end();
}

#[tokio::test]
async fn eml_82_three_failures_in_a_week_rest_for_a_day_and_what_has_ended_is_swept() {
    let story = Story::begin().await;
    let thread = asked(&story).await;
    for at in 0..3 {
        assert_eq!(story.desk.suppressions(None, None, 10).unwrap().len(), 0, "after {at}");
        answered(&story, thread).await;
        refuse(&story, "552 5.2.2 mailbox full").await;
    }
    let held = story.desk.suppressions(None, None, 10).unwrap();
    assert_eq!(held[0].suppression.as_ref().unwrap().by, SuppressedBy::Failures);
    let kept = answered(&story, thread).await;
    assert!(story.send_due().await.is_empty());
    assert_eq!(state(&story, &kept), DeliveryState::Skipped(SkipReason::Suppressed));
    story.wait(DAY);
    answered(&story, thread).await;
    assert_eq!(story.send_due().await.len(), 1);
    story.wait(DAY * 7);
    story.desk.sweep_suppressions().await.unwrap();
    assert!(story.desk.lift_suppression(None, address("ana@example.com")).await.is_err());
    story.end();
}

#[tokio::test]
async fn eml_87_automatic_mail_over_a_limit_is_not_sent_and_not_queued_up() {
    let story = Story::begin_with(|settings| settings.mail_limits.per_thread = Limit::hourly(2)).await;
    let thread = asked(&story).await;
    let kind = story.ticket_type("Bug", Category::Customer).await;
    let conversion = Conversion { ticket_type: kind, values: Vec::new(), state: None, skip_notifications: false };
    story.desk.convert(&story.agent, thread, conversion).await.unwrap();
    let mut sent = Vec::new();
    for category in [StateCategory::InProgress, StateCategory::WaitingOnCustomer, StateCategory::Resolved] {
        story.wait(Duration::from_secs(60));
        sent.push(story.send_due().await.len());
        let change = TicketChange { state: Some(story.state(category)), ..TicketChange::default() };
        story.desk.update_ticket(&story.agent, thread, change).await.unwrap();
    }
    story.wait(Duration::from_secs(60));
    sent.push(story.send_due().await.len());
    assert_eq!(sent, [1, 1, 0, 0]);
    assert_eq!(story.desk.status().unwrap().rate_limited, 2);
    let told = story.desk.thread_view(&story.agent, thread, true).unwrap().deliveries;
    let limited = |delivery: &&Delivery| delivery.state == DeliveryState::Skipped(SkipReason::RateLimited);
    assert_eq!(told.iter().filter(limited).count(), 2);
    answered(&story, thread).await;
    assert_eq!(story.send_due().await.len(), 1, "an agent's answer is not automatic");
    story.wait(Duration::from_secs(3_600));
    assert!(story.send_due().await.is_empty(), "nothing was queued up");
    story.end();
}

#[tokio::test]
async fn eml_87_mail_over_its_limit_holds_nothing_up_that_is_due_behind_it() {
    let story = Story::begin_with(|settings| settings.mail_limits.per_thread = Limit::hourly(1)).await;
    let thread = asked(&story).await;
    let kind = story.ticket_type("Bug", Category::Customer).await;
    let conversion = Conversion { ticket_type: kind, values: Vec::new(), state: None, skip_notifications: false };
    story.desk.convert(&story.agent, thread, conversion).await.unwrap();
    story.wait(Duration::from_secs(60));
    assert_eq!(story.send_due().await.len(), 1);
    let change = TicketChange { state: Some(story.state(StateCategory::InProgress)), ..TicketChange::default() };
    story.desk.update_ticket(&story.agent, thread, change).await.unwrap();
    story.wait(Duration::from_secs(60));
    let answer = answered(&story, thread).await;
    let leased = story.desk.lease_due(1, LEASE).await.unwrap();
    assert_eq!(leased.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), [answer.id]);
    assert_eq!(story.desk.status().unwrap().rate_limited, 1);
}

#[tokio::test]
async fn eml_88_a_sender_who_begins_too_many_conversations_goes_on_in_the_newest() {
    let story = Story::begin_with(|settings| settings.mail_limits.new_conversations = Limit::hourly(3)).await;
    let mut threads = Vec::new();
    for id in 0..5 {
        threads.push(thread_of(&story.mail(&from_ana(&format!("n{id}"), &format!("Subject {id}")), "Hello").await));
    }
    let newest = threads[2];
    assert!(threads[0] != threads[1] && threads[1] != newest, "{threads:?}");
    assert_eq!(threads[3..], [newest, newest]);
    let marked = story.parts(newest);
    assert_eq!(marked.last().unwrap().email.as_ref().unwrap().placed_by, PlacedBy::SenderLimit);
    let other = story.mail("From: b@example.net\nSubject: x\nMessage-ID: <b@example.net>", "Hello").await;
    assert!(!threads.contains(&thread_of(&other)), "another sender");
    story.wait(Duration::from_secs(3_600));
    let later = thread_of(&story.mail(&from_ana("later", "Later"), "Hello").await);
    assert!(!threads.contains(&later));
    story.end();
}

#[tokio::test]
async fn tst_87_mail_that_is_not_human_is_stored_and_classed_and_nothing_answers_or_reopens() {
    let story = Story::begin().await;
    story.ticket_type("Inbox", Category::Customer).await;
    let thread = asked(&story).await;
    story.send_due().await;
    let closed = crate::desk::thread::conversations::ThreadAct::Close;
    story.desk.act_on_thread(&story.agent, thread, closed, None).await.unwrap();
    let report = |kind: &str, action: &str| {
        let about = if kind == "feedback-report" {
            "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\n\n--b--"
                .to_owned()
        } else {
            format!(
                "--b\nContent-Type: text/plain\n\nsorry\n--b\nContent-Type: message/delivery-status\n\n\
                 Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; ana@example.com\nAction: {action}\n\
                 Status: 4.4.1\n--b--"
            )
        };
        (format!("MIME-Version: 1.0\nContent-Type: multipart/report; report-type={kind}; boundary=b"), about)
    };
    let plain = |fields: &str| (fields.to_owned(), "I am away".to_owned());
    let mails = [
        ("dsn_failed", report("delivery-status", "failed")),
        ("dsn_delayed", report("delivery-status", "delayed")),
        ("complaint", report("feedback-report", "")),
        ("auto_reply", plain("Auto-Submitted: auto-replied")),
        ("auto_reply", plain("X-Autoreply: yes")),
        ("list", plain("List-Id: <news.example.net>")),
        ("list", plain("Precedence: bulk")),
    ];
    for (at, (class, (fields, body))) in mails.into_iter().enumerate() {
        let headers =
            format!("From: ana@example.com\nMessage-ID: <s{at}@example.com>\nIn-Reply-To: <1@example.com>\n{fields}");
        let accepted = story.mail(&headers, &body).await;
        assert_eq!(thread_of(&accepted), thread, "{class}");
        let part = story.parts(thread).pop().unwrap();
        assert_eq!(part.email.as_ref().unwrap().class.as_str(), class, "{fields}");
    }
    story.wait(DAY);
    assert_eq!(story.send_due().await, Vec::<String>::new());
    assert_eq!(story.desk.thread_view(&story.agent, thread, true).unwrap().thread.state, ThreadState::Closed);
    story.end();
}

#[tokio::test]
async fn tst_88_two_desks_and_an_out_of_office_answering_each_other_stop_by_themselves() {
    let (one, two) = (Story::begin().await, Story::begin().await);
    for story in [&one, &two] {
        story.ticket_type("Inbox", Category::Customer).await;
    }
    let first = "From: Two <support@two.example>\nSubject: Hello\nMessage-ID: <first@two.example>";
    one.mail(first, "Please call us back").await;
    let mut exchanged = 0;
    for round in 0..50 {
        let (from_one, from_two) = (one.send_due().await, two.send_due().await);
        if from_one.is_empty() && from_two.is_empty() {
            break;
        }
        exchanged += from_one.len() + from_two.len();
        for mail in from_one {
            two.desk.accept(arrival(SUPPORT, mail.clone().into_bytes())).await.unwrap();
            // A vacation note that knows no headers answers as well, and quotes nothing.
            let answer = format!(
                "From: Two <support@two.example>\nSubject: Away {round}\nMessage-ID: <away{exchanged}@two.example>\n\
                 In-Reply-To: {}",
                field(&mail, "Message-ID")
            );
            one.mail(&answer, "I am away").await;
        }
        for mail in from_two {
            one.desk.accept(arrival(SUPPORT, mail.into_bytes())).await.unwrap();
        }
        one.wait(Duration::from_secs(120));
        two.wait(Duration::from_secs(120));
    }
    assert!((1..=4).contains(&exchanged), "{exchanged} mails went out");
    one.end();
    two.end();
}
