//! Drafts, what stands against sending, preview and test mail.

use super::*;
use crate::desk::broadcasts::BroadcastChange;
use crate::desk::broadcasts::preview::Pick;
use crate::desk::thread::message::NewAttachment;

#[tokio::test]
async fn brc_30_a_draft_is_changed_deleted_or_sent() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 1).await;
    let draft = story.desk.create_broadcast(&story.agent, issue, news()).await.unwrap();
    story.run_broadcasts().await;
    assert_eq!((draft.state.as_str(), story.told(draft.id, threads[0]).len()), ("draft", 0));
    let body = "It is **over**.".to_owned();
    let change = BroadcastChange { body: Some(body.clone()), options: Some(always()), ..BroadcastChange::default() };
    let changed = story.desk.change_broadcast(&story.agent, draft.id, change.clone()).await.unwrap();
    assert_eq!((changed.subject.as_str(), changed.body, changed.options), ("Login works again", body, always()));
    story.desk.send_broadcast(&story.agent, draft.id, None).await.unwrap();
    story.run_broadcasts().await;
    assert_eq!(story.told(draft.id, threads[0])[0].body_html, "<p>It is <strong>over</strong>.</p>\n");
    for refused in [
        story.desk.change_broadcast(&story.agent, draft.id, change).await.map(drop),
        story.desk.delete_broadcast(&story.agent, draft.id).await,
        story.desk.send_broadcast(&story.agent, draft.id, None).await.map(drop),
    ] {
        assert!(matches!(refused, Err(Error::Refused(Refusal::Conflict { .. }))), "{refused:?}");
    }
    let other = story.desk.create_broadcast(&story.agent, issue, news()).await.unwrap();
    story.desk.delete_broadcast(&story.agent, other.id).await.unwrap();
    assert!(story.desk.broadcast(&story.agent, other.id).is_err());
    let listed = story.desk.broadcasts_of(&story.agent, Some(issue), None, 9).unwrap();
    assert_eq!(listed.iter().map(|view| view.broadcast.id).collect::<Vec<_>>(), [draft.id]);
    story.end();
}

#[tokio::test]
async fn brc_4_what_cannot_be_rendered_is_refused() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 1).await;
    for body in ["{{contact.password}}", "{{#if}}", "  "] {
        let new = || NewBroadcast { body: body.to_owned(), ..news() };
        assert!(refused(story.desk.create_broadcast(&story.agent, issue, new()).await).starts_with("body: "), "{body}");
        assert!(story.desk.start_broadcast(&story.agent, issue, new(), None).await.is_err());
    }
    let not_a_tracker = story.desk.start_broadcast(&story.agent, threads[0], news(), None).await;
    assert!(matches!(not_a_tracker, Err(Error::Refused(_))));
    assert_eq!(story.desk.broadcasts_of(&story.agent, Some(issue), None, 9).unwrap().len(), 0, "nothing is left of it");
    story.end();
}

#[tokio::test]
async fn tst_59_a_placeholder_without_fallback_that_is_empty_for_three_is_refused_by_name() {
    let story = Story::begin().await;
    let (issue, _) = reports(&story, 2).await;
    for n in 0..3 {
        let mail = format!("From: nameless{n}@example.com\nMessage-ID: <n{n}@example.com>");
        let thread = thread_of(&story.mail(&mail, "me too").await);
        story.desk.link(&story.agent, issue, thread).await.unwrap();
    }
    let new = || NewBroadcast { body: "Hello {{contact.first_name}}".to_owned(), ..news() };
    let why = refused(story.desk.start_broadcast(&story.agent, issue, new(), None).await);
    assert!(why.starts_with("body: {{contact.first_name}} is empty for 3 recipients"), "{why}");
    assert!((0..3).all(|n| why.contains(&format!("nameless{n}@example.com"))), "{why}");
    let draft = story.desk.create_broadcast(&story.agent, issue, new()).await.unwrap();
    assert!(story.desk.send_broadcast(&story.agent, draft.id, None).await.is_err());
    let survey = story.desk.survey(&story.agent, draft.id).unwrap();
    assert_eq!((survey.threads, survey.contacts, survey.missing["contact.first_name"].threads), (5, 5, 3));
    story.end();
}

#[tokio::test]
async fn brc_15_over_so_many_contacts_the_sender_types_the_number() {
    let story = Story::begin_with(|settings| settings.broadcasts.confirm_over = 2).await;
    let (issue, threads) = reports(&story, 3).await;
    let mail = "From: c0@example.com\nMessage-ID: <again@example.com>";
    let again = thread_of(&story.mail(mail, "still down").await);
    story.desk.link(&story.agent, issue, again).await.unwrap();
    for confirmed in [None, Some(4)] {
        let why = refused(story.desk.start_broadcast(&story.agent, issue, news(), confirmed).await);
        assert_eq!(why, "confirm_count: it goes to 3 contacts; send confirm_count 3 to say so", "{confirmed:?}");
    }
    let sent = story.desk.start_broadcast(&story.agent, issue, news(), Some(3)).await.unwrap();
    story.run_broadcasts().await;
    assert_eq!(story.told(sent.id, threads[2]).len(), 1);
    story.end();
}

#[tokio::test]
async fn a_broadcast_to_nobody_is_refused() {
    let story = Story::begin().await;
    let (issue, _) = reports(&story, 0).await;
    let why = refused(story.desk.start_broadcast(&story.agent, issue, news(), None).await);
    assert!(why.contains("would reach nobody"), "{why}");
    let task = story.ticket_type("Task", Category::BackOffice).await;
    let order = story.ticket(task, "Look into it", None).await;
    story.desk.link(&story.agent, issue, order).await.unwrap();
    assert!(story.desk.start_broadcast(&story.agent, issue, news(), None).await.is_err(), "BRC-10");
    story.end();
}

#[tokio::test]
async fn brc_6_a_preview_shows_part_and_mail_and_writes_nothing() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 3).await;
    let body = "Hi {{contact.first_name}} {{or contact.name \"you\"}} in {{thread.id}} {{ticket.number}}".to_owned();
    let draft = story.desk.create_broadcast(&story.agent, issue, NewBroadcast { body, ..news() }).await.unwrap();
    let before = story.desk.status().unwrap().log_seq;
    let shown = story.desk.preview_broadcast(&story.agent, draft.id, Pick::Of(threads[1], None)).unwrap();
    assert!(shown.part_text.starts_with("Hi Cust1 Cust1 Omer in "), "{}", shown.part_text);
    assert_eq!((shown.previous, shown.next), (Some(threads[0]), Some(threads[2])));
    assert_eq!(shown.missing, ["ticket.number"]);
    let mail = shown.mail.unwrap();
    assert!(mail.text.contains("Hi Cust1") && mail.html.contains("Hi Cust1"), "{}", mail.text);
    let header = |name: &str| mail.headers.iter().find(|line| line.starts_with(name)).unwrap();
    assert!(header("To:").contains("c1@example.com"));
    assert!(header("In-Reply-To:").contains("<m1@example.com>"));
    assert!(header("List-Unsubscribe:").contains("https://desk.example/unsubscribe/"));
    let picked = |pick| story.desk.preview_broadcast(&story.agent, draft.id, pick).unwrap().thread;
    assert_eq!(picked(Pick::First), threads[0]);
    assert!(threads.contains(&picked(Pick::Longest)) && threads.contains(&picked(Pick::Emptiest)));
    assert!(story.desk.preview_broadcast(&story.agent, draft.id, Pick::Of(issue, None)).is_err(), "not linked");
    assert_eq!(story.desk.status().unwrap().log_seq, before);
    assert_eq!(story.send_all().await.len(), 0);
    story.end();
}

#[tokio::test]
async fn brc_7_a_test_goes_to_its_sender_alone_and_twenty_times_an_hour() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 1).await;
    let draft = story.desk.create_broadcast(&story.agent, issue, news()).await.unwrap();
    let test = async || story.desk.test_broadcast(&story.agent, draft.id, Pick::First).await;
    test().await.unwrap();
    let sent = story.send_all().await;
    assert_eq!(sent.len(), 1);
    assert_eq!(field(&sent[0], "To"), "maria@desk.example");
    assert!(field(&sent[0], "Subject").starts_with("[Test] "), "{}", field(&sent[0], "Subject"));
    assert!(sent[0].contains("Hello Cust0"));
    for name in ["Reply-To", "List-Unsubscribe", "In-Reply-To"] {
        assert_eq!(field(&sent[0], name), "", "{name}");
    }
    assert!(!sent[0].contains("/unsubscribe/"), "nobody is unsubscribed by a test");
    assert_eq!((story.rows(draft.id).len(), story.parts(threads[0]).len()), (0, 2));
    for _ in 1..20 {
        test().await.unwrap();
    }
    assert!(matches!(test().await, Err(Error::Refused(Refusal::TooMany { retry_after_s: 3_600 }))));
    story.wait(SECOND * 3_600);
    test().await.unwrap();
    story.end();
}

#[tokio::test]
async fn brc_1_files_go_with_the_part_and_the_mail() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 2).await;
    let file = |bytes: &[u8]| NewAttachment {
        name: "plan.txt".to_owned(),
        content_type: "text/plain".to_owned(),
        bytes: bytes.to_vec(),
    };
    let new = NewBroadcast { attachments: vec![file(b"first")], ..news_with(always()) };
    let draft = story.desk.create_broadcast(&story.agent, issue, new).await.unwrap();
    let change = BroadcastChange { attachments: Some(vec![file(b"second")]), ..BroadcastChange::default() };
    story.desk.change_broadcast(&story.agent, draft.id, change).await.unwrap();
    story.desk.sweep().await.unwrap();
    story.desk.send_broadcast(&story.agent, draft.id, None).await.unwrap();
    story.run_broadcasts().await;
    for thread in &threads {
        let part = &story.told(draft.id, *thread)[0];
        let (_, bytes) = story.desk.attachment(part.id, part.attachments[0].id).unwrap();
        assert_eq!((part.attachments.len(), bytes.as_slice()), (1, &b"second"[..]));
    }
    assert!(story.send_all().await.iter().all(|mail| mail.contains("plan.txt")));
    story.end();
}
