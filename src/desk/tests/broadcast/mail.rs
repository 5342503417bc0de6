//! Which mail goes where and when.

use super::*;
use crate::desk::broadcasts::preview::Pick;
use crate::desk::broadcasts::serving::POSTED;
use crate::desk::thread::message::NewAttachment;
use crate::domain::delivery::SkipReason;

#[tokio::test]
async fn tst_56_a_contact_with_three_threads_gets_three_parts_and_one_mail_where_they_were_last() {
    let story = Story::begin().await;
    let incident = story.ticket_type("Incident", Category::Tracker).await;
    let issue = story.ticket(incident, "Login is down", None).await;
    let mut threads = Vec::new();
    for n in 0..3 {
        let mail = format!("From: ana@example.com\nSubject: s{n}\nMessage-ID: <m{n}@example.com>");
        threads.push(thread_of(&story.mail(&mail, &format!("report {n}")).await));
        story.wait(SECOND);
    }
    story.mail("From: ana@example.com\nMessage-ID: <x@example.com>\nIn-Reply-To: <m1@example.com>", "again").await;
    for thread in &threads {
        story.desk.link(&story.agent, issue, *thread).await.unwrap();
    }
    let broadcast = story.send_off(issue, news()).await;
    story.run_broadcasts().await;
    for thread in &threads {
        assert_eq!(story.told(broadcast.id, *thread).len(), 1);
    }
    let sent = story.send_all().await;
    assert_eq!(sent.len(), 1);
    assert_eq!(field(&sent[0], "In-Reply-To"), "<x@example.com>");
    let reply_to = field(&sent[0], "Reply-To").rsplit('<').next().unwrap().trim_end_matches('>').to_owned();
    let reply = story.mail_to(&reply_to, "From: ana@example.com\nMessage-ID: <y@example.com>", "Thanks").await;
    assert_eq!(thread_of(&reply), threads[1]);
    assert_eq!(story.desk.broadcast(&story.agent, broadcast.id).unwrap().replies, 1, "BRC-23");
    let ana = story.contact_of(threads[1]);
    assert_eq!(story.state_by_mail(broadcast.id, ana), LedgerState::Seen);
    story.end();
}

#[tokio::test]
async fn brc_12_a_contact_who_writes_elsewhere_while_it_runs_still_gets_one_mail() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, POSTED + 5).await;
    let mail = "From: c0@example.com\nMessage-ID: <again@example.com>";
    let newest = thread_of(&story.mail(mail, "still down").await);
    story.desk.link(&story.agent, issue, newest).await.unwrap();
    let broadcast = story.send_off(issue, news_with(always())).await;
    // The first batch is posted; the newest thread waits, and would be the one.
    story.desk.broadcast_batch().await.unwrap();
    story.desk.broadcast_batch().await.unwrap();
    assert_eq!((story.told(broadcast.id, threads[0]).len(), story.told(broadcast.id, newest).len()), (1, 0));
    story.wait(SECOND);
    story.mail("From: c0@example.com\nMessage-ID: <z@example.com>\nIn-Reply-To: <m0@example.com>", "and?").await;
    story.run_broadcasts().await;
    let sent = story.send_all().await;
    assert_eq!(sent.iter().filter(|mail| field(mail, "To").contains("c0@")).count(), 1);
    assert_eq!(sent.len(), POSTED + 5);
    story.end();
}

#[tokio::test]
async fn tst_57_two_contacts_with_one_address_get_one_mail() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 2).await;
    let twin = story.contact_of(threads[1]);
    let facts = crate::desk::people::contacts::ContactFacts {
        email: Some(Some(address("c0@example.com"))),
        ..Default::default()
    };
    story.desk.update_contact(&story.agent, twin, facts).await.unwrap();
    let broadcast = story.send_off(issue, news_with(always())).await;
    story.run_broadcasts().await;
    assert_eq!(story.send_all().await.len(), 1);
    let skipped = LedgerState::Skipped(SkipReason::DuplicateAddress);
    assert_eq!(story.state_by_mail(broadcast.id, twin), skipped);
    assert_eq!(story.told(broadcast.id, threads[1]).len(), 1);
    story.end();
}

/// A customer with a messenger session and an address, who has written in the messenger.
async fn in_the_messenger(story: &Story, issue: ThreadId) -> (ContactId, ThreadId) {
    let visitor = story.visitor().await;
    let posted = story
        .desk
        .contact_comment(visitor.id, None, text("It is down"), crate::domain::channel_kind::ChannelKind::Messenger)
        .await
        .unwrap();
    let facts = crate::desk::people::contacts::ContactFacts {
        email: Some(Some(address("noor@example.com"))),
        ..Default::default()
    };
    story.desk.update_contact(&story.agent, visitor.id, facts).await.unwrap();
    story.desk.link(&story.agent, issue, posted.thread).await.unwrap();
    (visitor.id, posted.thread)
}

#[tokio::test]
async fn tst_58_what_is_seen_in_the_messenger_in_time_is_not_mailed_unless_always() {
    let story = Story::begin().await;
    let (issue, _) = reports(&story, 0).await;
    let (noor, thread) = in_the_messenger(&story, issue).await;
    for (email, expected) in [(EmailPolicy::WhenUnseen, 0), (EmailPolicy::Always, 1)] {
        let broadcast = story.send_off(issue, news_with(Options { email, ..Options::default() })).await;
        story.run_broadcasts().await;
        let survey = story.desk.survey(&story.agent, broadcast.id).unwrap();
        assert_eq!((survey.channels["messenger"], survey.contacts), (1, 1));
        if email == EmailPolicy::WhenUnseen {
            assert_eq!(story.send_all().await.len(), 0, "not before the delay");
        }
        let part = story.told(broadcast.id, thread)[0].id;
        story.desk.mark_seen(noor, thread, part).await.unwrap();
        story.wait(SECOND * 121);
        assert_eq!(story.send_all().await.len(), expected, "{email:?}");
        let state = story.state_by_mail(broadcast.id, noor);
        let skipped = LedgerState::Skipped(SkipReason::SeenInMessenger);
        assert_eq!(state, if expected == 0 { skipped } else { LedgerState::Seen }, "{email:?}");
        assert_eq!(story.row(broadcast.id, LedgerKey::Messenger(noor)).entry.state, LedgerState::Seen);
        story.run_broadcasts().await;
        assert_eq!(story.state_of(broadcast.id), "finished");
    }
    story.end();
}

#[tokio::test]
async fn brc_21_when_unseen_waits_for_a_session_and_for_nobody_else() {
    let story = Story::begin().await;
    let (issue, _) = reports(&story, 1).await;
    in_the_messenger(&story, issue).await;
    story.send_off(issue, news()).await;
    story.run_broadcasts().await;
    let at_once = story.send_all().await;
    assert_eq!(at_once.iter().map(|mail| field(mail, "To").contains("c0@")).collect::<Vec<_>>(), [true]);
    story.wait(SECOND * 121);
    assert_eq!(story.send_all().await.len(), 1);
    story.end();
}

#[tokio::test]
async fn brc_31_one_to_one_mail_goes_first_and_the_rate_holds() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 30).await;
    let options = Options { rate_per_minute: Some(60), ..always() };
    let broadcast = story.send_off(issue, news_with(options)).await;
    story.run_broadcasts().await;
    story.wait(SECOND);
    story.desk.agent_comment(&story.agent, threads[29], text("We are on it")).await.unwrap();
    let leased = story.desk.lease_due(4, SECOND * 60).await.unwrap();
    assert_eq!(leased.iter().map(|delivery| delivery.kind.as_str()).collect::<Vec<_>>()[..2], ["reply", "broadcast"]);
    for delivery in &leased {
        story.desk.settle(delivery.id, Verdict::Delivered { answer: "250".to_owned() }).await.unwrap();
    }
    assert_eq!(story.send_all().await.len(), 7, "ten seconds' worth, three were taken");
    let now = story.desk.clock().now();
    assert_eq!(
        story.desk.next_broadcast_due(&crate::domain::mail_share::MailShare::All).unwrap(),
        Some(now.plus(SECOND))
    );
    for _ in 0..3 {
        story.wait(SECOND);
        assert_eq!(story.send_all().await.len(), 1);
    }
    let view = story.desk.broadcast(&story.agent, broadcast.id).unwrap();
    assert_eq!((view.email["sent"], view.email["queued"], view.eta_s), (13, 17, Some(17)));
    story.end();
}

#[tokio::test]
async fn brc_33_a_relay_that_refuses_too_many_holds_the_broadcast_and_its_author_hears_of_it() {
    let story = Story::begin().await;
    let (issue, _) = reports(&story, 60).await;
    let broadcast = story.send_off(issue, news_with(always())).await;
    story.run_broadcasts().await;
    story.relay_says(&Verdict::Failed { reason: "550 5.7.1 no".to_owned() }).await;
    let view = story.desk.broadcast(&story.agent, broadcast.id).unwrap();
    assert_eq!(view.broadcast.state.as_str(), "paused");
    assert_eq!(view.broadcast.pause_cause.map(|cause| cause.as_str()), Some("relay_refuses"));
    assert_eq!(story.desk.status().unwrap().broadcasts_held["relay_refuses"], 1, "what operators watch");
    assert_eq!(story.count(issue, |kind| matches!(kind, crate::domain::part::PartKind::Note)), 1);
    while story.desk.feed_agent_notices().await.unwrap() {}
    let told = story.send_due().await;
    assert_eq!(told.len(), 1, "one mail, and to the author: {told:?}");
    assert!(field(&told[0], "To").contains("maria@desk.example"), "{}", told[0]);
    let text = told[0].replace("=\r\n", "");
    assert!(text.contains("it is paused: the relay refused more than 20 of the last 100 mails"), "{text}");
    assert_eq!(story.desk.lease_due(50, SECOND).await.unwrap(), []);
    story.desk.resume_broadcast(&story.agent, broadcast.id).await.unwrap();
    assert!(story.send_due().await.len() > 1);
    story.end();
}

#[tokio::test]
async fn brc_33_a_relay_that_is_down_for_ten_minutes_holds_what_runs() {
    let story = Story::begin().await;
    let (issue, _) = reports(&story, 2).await;
    let broadcast = story.send_off(issue, news_with(always())).await;
    story.run_broadcasts().await;
    let since = story.desk.clock().now();
    story.relay_says(&Verdict::Deferred { reason: "connect: refused".to_owned(), retry_after: None }).await;
    story.wait(SECOND * 599);
    story.desk.relay_is_down(&crate::domain::mail_share::MailShare::All, since).await.unwrap();
    assert_eq!(story.state_of(broadcast.id), "running");
    story.wait(SECOND);
    story.desk.relay_is_down(&crate::domain::mail_share::MailShare::All, since).await.unwrap();
    assert_eq!(story.state_of(broadcast.id), "paused");
    story.end();
}

#[tokio::test]
async fn brc_22_each_mail_goes_to_one_contact_alone() {
    let story = Story::begin().await;
    let incident = story.ticket_type("Incident", Category::Tracker).await;
    let issue = story.ticket(incident, "Login is down", None).await;
    let thread = thread_of(&story.mail("From: ana@example.com\nMessage-ID: <a@example.com>", "down").await);
    story.mail("From: ben@example.com\nMessage-ID: <b@example.com>\nIn-Reply-To: <a@example.com>", "here too").await;
    story.desk.link(&story.agent, issue, thread).await.unwrap();
    story.send_off(issue, news()).await;
    story.run_broadcasts().await;
    let mut sent = story.send_all().await;
    sent.sort_by_key(|mail| field(mail, "To").to_owned());
    let to: Vec<&str> = sent.iter().map(|mail| field(mail, "To")).collect();
    assert_eq!(to, ["ana@example.com", "ben@example.com"]);
    assert!(sent.iter().all(|mail| field(mail, "Cc").is_empty()));
    assert_ne!(field(&sent[0], "Reply-To"), field(&sent[1], "Reply-To"));
    story.end();
}

#[tokio::test]
async fn brc_1_files_that_do_not_fit_into_the_mail_are_linked_for_thirty_days() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 1).await;
    let file = |name: &str, megabytes: usize| NewAttachment {
        name: name.to_owned(),
        content_type: "application/octet-stream".to_owned(),
        bytes: vec![b'x'; megabytes * 1_024 * 1_024],
    };
    let attachments = vec![file("small.bin", 1), file("large.bin", 10), file("other.bin", 2)];
    let broadcast = story.send_off(issue, NewBroadcast { attachments, ..news_with(always()) }).await;
    story.run_broadcasts().await;
    let sent = story.send_all().await;
    let mail = &sent[0];
    assert!(mail.contains("small.bin") && mail.contains("other.bin"), "these go with it");
    let text = mail.replace("=\r\n", "").replace("=3D", "=");
    let (_, listed) = text.split_once("Files:").expect("a list of links");
    let link =
        listed.lines().find_map(|line| line.trim().strip_prefix("- large.bin: ")).expect("the file that is linked");
    assert!(link.starts_with("https://desk.example/files/"), "{link}");
    let part = story.told(broadcast.id, threads[0]).remove(0);
    let large = part.attachments.iter().find(|file| file.name == "large.bin").unwrap();
    assert_eq!(link, story.desk.inner.file_links.link_in_mail(part.id, large.id, story.desk.clock().now()));
    assert!(mail.len() < 6 * 1_024 * 1_024, "{} bytes", mail.len());
    story.end();
}

#[tokio::test]
async fn brc_1_a_test_mail_links_its_large_files_before_there_is_a_part() {
    let story = Story::begin().await;
    let (issue, _) = reports(&story, 1).await;
    let file = |name: &str, megabytes: usize| NewAttachment {
        name: name.to_owned(),
        content_type: "application/octet-stream".to_owned(),
        bytes: vec![b'x'; megabytes * 1_024 * 1_024],
    };
    let new = NewBroadcast { attachments: vec![file("large.bin", 11)], ..news_with(always()) };
    let draft = story.desk.create_broadcast(&story.agent, issue, new).await.unwrap();
    story.desk.test_broadcast(&story.agent, draft.id, Pick::First).await.unwrap();
    let sent = story.send_all().await;
    let text = sent[0].replace("=\r\n", "").replace("=3D", "=");
    let link = text.lines().find_map(|line| line.trim().strip_prefix("- large.bin: ")).expect("a link");
    let token = link.strip_prefix("https://desk.example/files/").unwrap();
    let (part, id) = story.desk.inner.file_links.read(token, story.desk.clock().now()).unwrap();
    let (found, bytes) = story.desk.attachment(part, id).unwrap();
    assert_eq!((found.name.as_str(), bytes.len()), ("large.bin", 11 * 1_024 * 1_024));
    story.end();
}
