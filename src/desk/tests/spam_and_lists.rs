//! Mail that the house knows by its configuration: spam (EML-26), and lists that it wants to read (EML-24).

use super::*;
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
