//! Mail that the house knows by its configuration: spam (EML-26), and lists that it wants to read (EML-24).

use super::*;
use crate::desk::thread::conversations::ThreadAct;
use crate::domain::delivery_class::DeliveryClass;
use crate::domain::sender_list::SenderList;
use crate::domain::spam_mark::SpamMark;
use crate::domain::thread::ThreadState;

fn senders(named: &[&str]) -> SenderList {
    let mut list = SenderList::default();
    assert!(named.iter().all(|named| list.add(named)));
    list
}

async fn story() -> Story {
    let set = |settings: &mut Settings| {
        settings.intake.spam_mark = SpamMark::parse("X-Spam-Flag: YES");
        settings.intake.blocked_senders = senders(&["@spam.example"]);
        let main = SupportAddress { allowed_lists: senders(&["@lists.example"]), ..settings.main_address.clone() };
        let other = SupportAddress::plain(address("sales@desk.example"), "Sales");
        settings.support = vec![main.clone(), other];
        settings.main_address = main;
    };
    Story::begin_with(set).await
}

async fn class(story: &Story, to: &str, headers: &str) -> (ThreadId, DeliveryClass, String) {
    let thread = thread_of(&story.mail_to(to, &format!("{headers}\nSubject: S"), "Hello").await);
    let email = story.parts(thread).remove(0).email.unwrap();
    (thread, email.class, email.class_reason)
}

#[tokio::test]
async fn eml_26_mail_that_the_server_marked_or_that_a_blocked_sender_wrote_stands_apart() {
    let story = story().await;
    let marked = "From: Ana <ana@example.com>\nMessage-ID: <1@x>\nX-Spam-Flag: YES, score=9";
    let blocked = "From: Win <win@news.spam.example>\nMessage-ID: <2@x>";
    let fair = "From: Ana <ana@example.com>\nMessage-ID: <3@x>\nX-Spam-Flag: NO";
    for (headers, class_of, reason) in [
        (marked, DeliveryClass::Spam, "x-spam-flag: YES, score=9"),
        (blocked, DeliveryClass::Spam, "sender is blocked"),
        (fair, DeliveryClass::Human, "no sign of a machine"),
    ] {
        let (thread, found, why) = class(&story, SUPPORT, headers).await;
        assert_eq!((found, why.as_str()), (class_of, reason), "{headers}");
        let view = story.desk.thread_view(&story.agent, thread, false).unwrap().thread;
        let is_spam = class_of == DeliveryClass::Spam;
        assert_eq!((view.state == ThreadState::Closed, view.automatic), (is_spam, is_spam), "{headers}");
    }
    story.end();
}

#[tokio::test]
async fn eml_24_a_list_that_an_address_allows_is_read_there_as_a_persons_mail_and_nowhere_else() {
    let story = story().await;
    let list =
        |id: &str| format!("From: Talk <talk@lists.example>\nList-Id: <talk.lists.example>\nMessage-ID: <{id}@x>");
    let other = "From: Deals <d@shop.example>\nList-Id: <deals.shop.example>\nMessage-ID: <c@x>";
    assert_eq!(class(&story, SUPPORT, &list("a")).await.1, DeliveryClass::Human);
    assert_eq!(class(&story, "sales@desk.example", &list("b")).await.1, DeliveryClass::List);
    assert_eq!(class(&story, SUPPORT, other).await.1, DeliveryClass::List);
    story.end();
}

/// State, whether it stands apart, and how many parts of each kind.
fn stands(story: &Story, thread: ThreadId) -> (ThreadState, bool, Vec<&'static str>) {
    let view = story.desk.thread_view(&story.agent, thread, false).unwrap().thread;
    (view.state, view.automatic, story.words(thread))
}

#[tokio::test]
async fn eml_27_mail_that_an_agent_calls_a_persons_does_all_that_a_comment_does() {
    let story = story().await;
    let (spam, ..) = class(&story, SUPPORT, "From: Win <win@spam.example>\nMessage-ID: <1@x>").await;
    assert_eq!(stands(&story, spam), (ThreadState::Closed, true, vec!["automatic_email"]));
    let part = story.parts(spam).remove(0);
    let done = story.desk.reclass(&story.agent, part.id, DeliveryClass::Human).await.unwrap();
    let email = done.email.unwrap();
    assert_eq!((email.class, email.class_reason.as_str()), (DeliveryClass::Human, "Maria Agent said so"));
    let (state, apart, words) = stands(&story, spam);
    assert_eq!((state, apart, words[0]), (ThreadState::Open, false, "comment"));
    let view = story.desk.thread_view(&story.agent, spam, false).unwrap().thread;
    assert!(view.waiting_since.is_some() && view.participants.len() == 1);
    assert!(story.desk.trace("1@x").unwrap()[0].what.contains("class human"));
    let parts = story.parts(spam).len();
    story.desk.reclass(&story.agent, part.id, DeliveryClass::Human).await.unwrap();
    assert_eq!(story.parts(spam).len(), parts, "once");

    // In a conversation that was closed: it opens, and who wrote takes part.
    let asked = thread_of(&story.mail("From: Ana <ana@example.com>\nMessage-ID: <2@x>", "Hello").await);
    story.desk.act_on_thread(&story.agent, asked, ThreadAct::Close, None).await.unwrap();
    let away = "From: Eve <eve@example.com>\nMessage-ID: <3@x>\nIn-Reply-To: <2@x>\nAuto-Submitted: auto-replied";
    assert_eq!(thread_of(&story.mail(away, "Really me").await), asked);
    assert_eq!(stands(&story, asked).0, ThreadState::Closed);
    let reply = story.parts(asked).pop().unwrap();
    story.desk.reclass(&story.agent, reply.id, DeliveryClass::Human).await.unwrap();
    let view = story.desk.thread_view(&story.agent, asked, false).unwrap().thread;
    assert_eq!((view.state, view.participants.len()), (ThreadState::Open, 2));
    story.end();
}

#[tokio::test]
async fn eml_27_mail_that_an_agent_calls_a_machines_waits_for_nobody_and_reports_stay_reports() {
    let story = story().await;
    let thread = thread_of(&story.mail("From: Shop <shop@example.com>\nMessage-ID: <1@x>", "Buy!").await);
    let part = story.parts(thread).remove(0);
    story.desk.reclass(&story.agent, part.id, DeliveryClass::List).await.unwrap();
    assert_eq!(stands(&story, thread), (ThreadState::Closed, true, vec!["automatic_email", "close"]));
    for machine in [DeliveryClass::DsnFailed, DeliveryClass::Own] {
        assert!(story.desk.reclass(&story.agent, part.id, machine).await.is_err(), "{machine}");
    }
    let report = "From: MAILER-DAEMON@mx.example\nMessage-ID: <2@x>\nContent-Type: multipart/report; \
                  report-type=delivery-status; boundary=b";
    let status = "--b\n\nx\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n\
                  Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n--b--";
    let bounced = story.parts(thread_of(&story.mail(report, status).await)).remove(0);
    let refused = story.desk.reclass(&story.agent, bounced.id, DeliveryClass::Human).await;
    assert!(refused.unwrap_err().to_string().contains("stays one"));
    story.end();
}
