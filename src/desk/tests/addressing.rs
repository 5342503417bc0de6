//! To, Cc, Bcc and subject of one reply (EML-60, PAR-1, PAR-5).

use super::Story;
use super::address;
use super::field;
use super::text;
use super::thread_of;
use crate::desk::mail::addressing::Addressing;
use crate::desk::people::contacts::ContactRef;
use crate::desk::thread::message::NewMessage;
use crate::domain::id::ThreadId;
use crate::domain::refusal::Refusal;

const HELLO: &str = "From: Ana <ana@example.com>\nSubject: Invoice\nMessage-ID: <1@example.com>";

/// A mail of Ana's; Ben takes part as well.
async fn asked(story: &Story) -> ThreadId {
    let thread = thread_of(&story.mail(HELLO, "Where is my invoice?").await);
    story.desk.add_participant(&story.agent, thread, person("ben@example.com"), false).await.unwrap();
    thread
}

fn person(text: &str) -> ContactRef {
    ContactRef::Email(address(text))
}

fn enveloped(addressing: Addressing) -> NewMessage {
    NewMessage { addressing, ..text("On its way.") }
}

fn current(story: &Story, thread: ThreadId) -> usize {
    story.desk.thread_view(&story.agent, thread, true).unwrap().thread.current_participants().count()
}

#[tokio::test]
async fn eml_60_a_reply_goes_to_whom_it_names_and_nobody_sees_who_is_in_bcc() {
    let story = Story::begin().await;
    let thread = asked(&story).await;
    let before = current(&story, thread);
    let envelope = Addressing {
        subject: Some("Your invoice, again".to_owned()),
        to: Some(vec![person("ana@example.com")]),
        cc: vec![person("books@example.net")],
        bcc: vec![person("silent@example.net")],
    };
    story.desk.agent_comment(&story.agent, thread, enveloped(envelope)).await.unwrap();
    let sent = story.send_due().await;
    assert_eq!(sent.len(), 3);
    for mail in &sent {
        assert!(field(mail, "To").contains("ana@example.com"), "{mail}");
        assert!(field(mail, "Cc").contains("books@example.net"), "{mail}");
        assert!(!mail.contains("silent@example.net") && !mail.contains("ben@example.com"), "{mail}");
        assert_eq!(field(mail, "Subject"), "Your invoice, again");
    }
    assert_eq!(current(&story, thread), before + 1, "PAR-1: Cc takes part, Bcc does not, Ben stays (PAR-5)");
    story.desk.agent_comment(&story.agent, thread, text("Anything else?")).await.unwrap();
    let next = story.send_due().await;
    assert_eq!(next.len(), before + 1);
    assert!(next.iter().all(|mail| !mail.contains("silent@example.net") && field(mail, "Subject").contains("Invoice")));
    story.end();
}

#[tokio::test]
async fn tst_83_a_reply_to_a_subset_leaves_the_others_in_the_thread_and_without_that_mail() {
    let story = Story::begin().await;
    let thread = asked(&story).await;
    story.desk.agent_comment(&story.agent, thread, text("To both")).await.unwrap();
    let to_both = story.send_due().await.len();
    let only = Addressing { to: Some(vec![person("ben@example.com")]), ..Addressing::default() };
    story.desk.agent_comment(&story.agent, thread, enveloped(only)).await.unwrap();
    let sent = story.send_due().await;
    assert_eq!((to_both, sent.len()), (2, 1));
    assert!(field(&sent[0], "To").contains("ben@example.com") && field(&sent[0], "Cc").is_empty());
    assert_eq!(current(&story, thread), 2);
    story.end();
}

#[tokio::test]
async fn eml_60_cc_alone_adds_somebody_to_everybody() {
    let story = Story::begin().await;
    let thread = asked(&story).await;
    let more = Addressing { cc: vec![person("books@example.net")], ..Addressing::default() };
    story.desk.agent_comment(&story.agent, thread, enveloped(more)).await.unwrap();
    let sent = story.send_due().await;
    assert_eq!(sent.len(), 3);
    let to_both = |mail: &String| ["ana@", "ben@"].iter().all(|one| field(mail, "To").contains(one));
    assert!(sent.iter().all(to_both));
    story.end();
}

#[tokio::test]
async fn par_4_who_was_removed_is_back_when_an_agent_puts_them_in_cc() {
    let story = Story::begin().await;
    let thread = asked(&story).await;
    let ben = story.desk.find_contact(&story.agent, &person("ben@example.com")).unwrap().id;
    story.desk.remove_participant(&story.agent, thread, ben).await.unwrap();
    let back = Addressing { cc: vec![person("ben@example.com")], ..Addressing::default() };
    story.desk.agent_comment(&story.agent, thread, enveloped(back)).await.unwrap();
    assert_eq!((story.send_due().await.len(), current(&story, thread)), (2, 2));
    story.end();
}

#[tokio::test]
async fn eml_60_an_envelope_that_cannot_be_is_refused_by_its_field() {
    let story = Story::begin().await;
    let thread = asked(&story).await;
    let nameless = story.visitor().await.id;
    let cases = [
        ("to", Addressing { to: Some(Vec::new()), ..Addressing::default() }),
        ("cc", Addressing { cc: vec![person(super::SUPPORT)], ..Addressing::default() }),
        ("bcc", Addressing { bcc: vec![ContactRef::Id(nameless)], ..Addressing::default() }),
        ("subject", Addressing { subject: Some("x".repeat(256)), ..Addressing::default() }),
        (
            "to",
            Addressing {
                bcc: (0..51).map(|n| person(&format!("b{n}@example.net"))).collect(),
                ..Addressing::default()
            },
        ),
    ];
    for (named, envelope) in cases {
        let refused = story.desk.agent_comment(&story.agent, thread, enveloped(envelope.clone())).await.unwrap_err();
        let crate::desk::Error::Refused(Refusal::Invalid { field, .. }) = refused else { panic!("{refused:?}") };
        assert!(field.as_deref() == Some(named) || field.as_deref() == Some("customer"), "{named}: {field:?}");
    }
    let note = Addressing { cc: vec![person("books@example.net")], ..Addressing::default() };
    assert!(story.desk.agent_note(&story.agent, thread, enveloped(note)).await.is_err(), "NTF-6");
    assert!(story.send_due().await.is_empty());
    story.end();
}
