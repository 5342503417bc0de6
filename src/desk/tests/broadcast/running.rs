//! From the start to the end, held, called off, extended, taken back.

use super::*;
use crate::desk::broadcasts::serving::POSTED;
use crate::domain::broadcast::After;
use crate::domain::broadcast::Only;
use crate::domain::delivery::SkipReason;
use crate::domain::event::BroadcastStep;
use crate::domain::event::EventKind;
use crate::domain::id::EventSeq;
use crate::domain::part::PartKind;
use crate::domain::state::StateCategory;
use crate::domain::thread::ThreadState;

fn steps(story: &Story) -> Vec<BroadcastStep> {
    let log = story.desk.events_log(&story.agent, EventSeq(0), 1_000).unwrap();
    let step = |kind: &EventKind| match kind {
        EventKind::Broadcast { step, .. } => Some(*step),
        _ => None,
    };
    log.iter().filter_map(|entry| step(&entry.event.kind)).collect()
}

#[tokio::test]
async fn prd_10_everybody_linked_has_the_part_and_one_mail_exactly_once() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 53).await;
    let broadcast = story.send_off(issue, news()).await;
    story.run_broadcasts().await;
    for (n, thread) in threads.iter().enumerate() {
        let posted = story.told(broadcast.id, *thread);
        assert_eq!(posted.len(), 1);
        assert!(posted[0].body_text.contains(&format!("Hello Cust{n},")), "{}", posted[0].body_text);
    }
    assert_eq!(story.state_of(broadcast.id), "running", "mails wait");
    let sent = story.send_all().await;
    let mut to: Vec<_> = sent.iter().map(|mail| field(mail, "To").to_owned()).collect();
    to.sort();
    to.dedup();
    assert_eq!((sent.len(), to.len()), (53, 53));
    story.run_broadcasts().await;
    assert_eq!(story.state_of(broadcast.id), "finished");
    assert_eq!(
        (story.count_of(broadcast.id, "threads", "sent"), story.count_of(broadcast.id, "email", "sent")),
        (53, 53)
    );
    assert_eq!(story.rows(broadcast.id).len(), 3 * 53);
    assert_eq!(steps(&story), [BroadcastStep::Started, BroadcastStep::Finished]);
    story.end();
}

#[tokio::test]
async fn brc_20_the_part_opens_nothing_and_nobody_stops_waiting() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 2).await;
    let act = crate::desk::thread::conversations::ThreadAct::Close;
    story.desk.act_on_thread(&story.agent, threads[0], act, None).await.unwrap();
    let waiting = || story.desk.thread_view(&story.agent, threads[1], false).unwrap().thread.waiting_since;
    let before = waiting();
    story.send_off(issue, news()).await;
    story.run_broadcasts().await;
    assert_eq!(story.desk.thread_view(&story.agent, threads[0], false).unwrap().thread.state, ThreadState::Closed);
    assert!(before.is_some());
    assert_eq!(waiting(), before);
    story.end();
}

#[tokio::test]
async fn tst_61_a_pause_lets_nothing_new_out_and_cancel_skips_the_rest() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 2 * POSTED + 5).await;
    let broadcast = story.send_off(issue, news_with(always())).await;
    for _ in 0..2 {
        story.desk.broadcast_batch().await.unwrap();
    }
    let posted = || threads.iter().filter(|thread| !story.told(broadcast.id, **thread).is_empty()).count();
    assert_eq!(posted(), POSTED, "one batch was gathered, one posted");
    let leased = story.desk.lease_due(5, Duration::from_secs(60)).await.unwrap();
    story.desk.pause_broadcast(&story.agent, broadcast.id).await.unwrap();
    story.run_broadcasts().await;
    assert_eq!(posted(), POSTED);
    assert_eq!(story.desk.lease_due(100, SECOND).await.unwrap(), []);
    assert!(matches!(story.desk.prepare(&leased[0]).unwrap(), Prepared::Settle(Verdict::Held)));
    assert!(story.desk.mark_past_dot(vec![leased[1].id]).await.is_err(), "no dot after the pause");
    for delivery in &leased {
        story.desk.settle(delivery.id, Verdict::Held).await.unwrap();
    }
    assert_eq!(story.count_of(broadcast.id, "email", "queued"), POSTED as u64, "held mails wait as before");
    assert!(refused(story.desk.pause_broadcast(&story.agent, broadcast.id).await).contains("is paused"));

    story.desk.resume_broadcast(&story.agent, broadcast.id).await.unwrap();
    assert_eq!(story.send_due().await.len(), POSTED);
    story.desk.broadcast_batch().await.unwrap();
    assert_eq!(posted(), 2 * POSTED);
    story.desk.cancel_broadcast(&story.agent, broadcast.id).await.unwrap();
    story.run_broadcasts().await;
    assert_eq!((posted(), story.send_all().await.len()), (2 * POSTED, 0));
    let counts = |rows, word| story.count_of(broadcast.id, rows, word);
    assert_eq!((counts("threads", "sent"), counts("threads", "skipped/cancelled")), (2 * POSTED as u64, 5));
    assert_eq!((counts("email", "sent"), counts("email", "skipped/cancelled")), (POSTED as u64, POSTED as u64));
    assert_eq!(story.state_of(broadcast.id), "cancelled");
    let expected = [BroadcastStep::Started, BroadcastStep::Paused, BroadcastStep::Resumed, BroadcastStep::Cancelled];
    assert_eq!(steps(&story), expected);
    story.end();
}

#[tokio::test]
async fn brc_25_the_tracker_says_what_a_broadcast_did_by_whom_and_how_far_it_was() {
    let story = Story::begin().await;
    let (issue, _) = reports(&story, POSTED + 5).await;
    let at = story.desk.clock().now().plus(SECOND * 60);
    let broadcast = story.send_off(issue, news_with(Options { scheduled_at: Some(at), ..always() })).await;
    story.wait(SECOND * 61);
    // It begins and is written down in one, and posts in the next.
    story.desk.broadcast_batch().await.unwrap();
    story.desk.broadcast_batch().await.unwrap();
    story.desk.pause_broadcast(&story.agent, broadcast.id).await.unwrap();
    story.desk.resume_broadcast(&story.agent, broadcast.id).await.unwrap();
    story.run_broadcasts().await;
    story.send_all().await;
    story.run_broadcasts().await;
    let log = story.desk.events_log(&story.agent, EventSeq(0), 1_000).unwrap();
    let told = log.iter().filter_map(|entry| match entry.event.kind {
        EventKind::Broadcast { broadcast: id, step, by, threads, mails } if id == broadcast.id => {
            assert_eq!(entry.event.thread, Some(issue));
            Some((step, by.is_some(), threads, mails))
        }
        _ => None,
    });
    let (posted, all) = (POSTED as u64, POSTED as u64 + 5);
    let expected = [
        (BroadcastStep::Scheduled, true, 0, 0),
        (BroadcastStep::Started, false, 0, 0),
        (BroadcastStep::Paused, true, posted, 0),
        (BroadcastStep::Resumed, true, posted, 0),
        (BroadcastStep::Finished, false, all, all),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    story.end();
}

#[tokio::test]
async fn tst_62_a_link_made_after_the_start_is_not_in_the_set_and_then_by_extend_once() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 2).await;
    let broadcast = story.send_off(issue, news_with(always())).await;
    story.wait(SECOND);
    let late = thread_of(&story.mail("From: late@example.com\nMessage-ID: <l@example.com>", "me too").await);
    let mail = "From: c0@example.com\nMessage-ID: <again@example.com>";
    let again = thread_of(&story.mail(mail, "still down").await);
    for thread in [late, again] {
        story.desk.link(&story.agent, issue, thread).await.unwrap();
    }
    story.run_broadcasts().await;
    assert_eq!((story.told(broadcast.id, late).len(), story.send_all().await.len()), (0, 2));
    story.run_broadcasts().await;
    let view = story.desk.broadcast(&story.agent, broadcast.id).unwrap();
    assert_eq!((view.late_threads, view.broadcast.state.as_str()), (2, "finished"));

    story.desk.extend_broadcast(&story.agent, broadcast.id).await.unwrap();
    story.run_broadcasts().await;
    let sent = story.send_all().await;
    assert_eq!(sent.iter().map(|mail| field(mail, "To")).collect::<Vec<_>>(), ["late@example.com"]);
    for thread in threads.iter().chain([&late, &again]) {
        assert_eq!(story.told(broadcast.id, *thread).len(), 1);
    }
    story.run_broadcasts().await;
    let view = story.desk.broadcast(&story.agent, broadcast.id).unwrap();
    assert_eq!((view.late_threads, view.broadcast.state.as_str()), (0, "finished"));
    story.end();
}

#[tokio::test]
async fn brc_14_what_was_unlinked_while_it_waited_is_skipped_and_another_thread_takes_the_mail() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 2).await;
    let mail = "From: c0@example.com\nMessage-ID: <again@example.com>";
    let newest = thread_of(&story.mail(mail, "still down").await);
    story.desk.link(&story.agent, issue, newest).await.unwrap();
    let broadcast = story.send_off(issue, news_with(always())).await;
    story.desk.broadcast_batch().await.unwrap();
    story.desk.unlink(&story.agent, issue, newest).await.unwrap();
    story.run_broadcasts().await;
    let row = story.row(broadcast.id, LedgerKey::Thread(newest));
    assert_eq!(row.entry.state, LedgerState::Skipped(SkipReason::Unlinked));
    assert_eq!(story.told(broadcast.id, newest), []);
    let mailed = story.row(broadcast.id, LedgerKey::Email(story.contact_of(threads[0])));
    assert_eq!((mailed.entry.thread, mailed.entry.state), (threads[0], LedgerState::Queued));
    assert_eq!(story.send_all().await.len(), 2);
    story.run_broadcasts().await;
    let late = || story.desk.broadcast(&story.agent, broadcast.id).unwrap().late_threads;
    assert_eq!(late(), 0);
    story.desk.link(&story.agent, issue, newest).await.unwrap();
    assert_eq!(late(), 1, "linked again, it is late (BRC-13)");
    story.desk.extend_broadcast(&story.agent, broadcast.id).await.unwrap();
    story.run_broadcasts().await;
    assert_eq!((late(), story.told(broadcast.id, newest).len(), story.send_all().await.len()), (0, 1, 0));
    story.end();
}

#[tokio::test]
async fn brc_30_a_second_one_waits_for_its_turn() {
    let story = Story::begin().await;
    let (issue, _) = reports(&story, 1).await;
    let first = story.send_off(issue, news()).await;
    let second = story.send_off(issue, news()).await;
    assert_eq!((first.state.as_str(), second.state.as_str()), ("running", "scheduled"));
    story.run_broadcasts().await;
    assert_eq!(story.state_of(second.id), "scheduled", "the first one's mail waits");
    assert_eq!(story.send_all().await.len(), 1);
    story.run_broadcasts().await;
    assert_eq!((story.state_of(first.id), story.state_of(second.id)), ("finished", "running"));
    assert_eq!(story.send_all().await.len(), 1);
    story.end();
}

#[tokio::test]
async fn brc_34_a_scheduled_start_happens_at_its_time_and_a_missed_one_waits_for_a_word() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 1).await;
    let now = || story.desk.clock().now();
    let at = |hours: u64| Options {
        scheduled_at: Some(now().plus(SECOND * 3_600 * u32::try_from(hours).unwrap())),
        ..always()
    };
    assert!(refused(story.desk.start_broadcast(&story.agent, issue, news_with(at(0)), None).await).contains("to come"));
    let on_time = story.send_off(issue, news_with(at(1))).await;
    let missed = story.send_off(issue, news_with(at(2))).await;
    story.run_broadcasts().await;
    assert_eq!((story.state_of(on_time.id), story.told(on_time.id, threads[0]).len()), ("scheduled", 0));
    story.wait(SECOND * 3_600 + SECOND * 1_800);
    story.run_broadcasts().await;
    assert_eq!((story.send_all().await.len(), story.told(on_time.id, threads[0]).len()), (1, 1));
    story.run_broadcasts().await;
    assert_eq!(story.state_of(on_time.id), "finished");
    // Nobody looks for two hours.
    story.wait(SECOND * 7_200);
    story.run_broadcasts().await;
    let view = story.desk.broadcast(&story.agent, missed.id).unwrap().broadcast;
    assert_eq!((view.state.as_str(), view.late), ("scheduled", true));
    assert_eq!(story.count(issue, |kind| matches!(kind, PartKind::Note)), 1, "its author is told");
    story.desk.send_broadcast(&story.agent, missed.id, None).await.unwrap();
    story.run_broadcasts().await;
    assert_eq!(story.told(missed.id, threads[0]).len(), 1);
    story.end();
}

#[tokio::test]
async fn tst_64_options_act_in_the_parts_transaction_without_a_status_mail() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 3).await;
    let plain = story.ticket_type("Request", Category::Customer).await;
    let strict = story.ticket_type("Repair", Category::Customer).await;
    story.required_to_close(strict, "Invoice").await;
    for (thread, ticket_type) in [(threads[0], plain), (threads[1], strict)] {
        story.convert(thread, ticket_type).await;
    }
    story.send_all().await;
    let resolved = story.state(StateCategory::Resolved);
    let options = Options {
        set_customer_ticket_state: Some(resolved),
        tracker_state: Some(resolved),
        after: After::Close,
        ..always()
    };
    let broadcast = story.send_off(issue, news_with(options)).await;
    let survey = story.desk.survey(&story.agent, broadcast.id).unwrap();
    assert_eq!(survey.required_to_close, 1);
    story.run_broadcasts().await;
    let state = |thread| {
        let view = story.desk.thread_view(&story.agent, thread, false).unwrap();
        (view.ticket.map(|ticket| ticket.state.category), view.thread.state)
    };
    assert_eq!(state(threads[0]), (Some(StateCategory::Resolved), ThreadState::Closed));
    assert_eq!(state(threads[1]), (Some(StateCategory::Submitted), ThreadState::Closed));
    assert_eq!(state(threads[2]), (None, ThreadState::Closed));
    assert_eq!(state(issue).0, Some(StateCategory::Resolved));
    let row = story.row(broadcast.id, LedgerKey::Thread(threads[1]));
    assert_eq!((row.entry.state, row.entry.state_skipped), (LedgerState::Sent, Some(SkipReason::RequiredToClose)));
    story.wait(SECOND * 60);
    let sent = story.send_all().await;
    assert_eq!(sent.len(), 3, "one mail each, and none about the state");
    let of_first = sent.iter().find(|mail| field(mail, "To").contains("c0@")).unwrap();
    assert!(of_first.contains("Resolved"), "the mail carries the new label: {of_first}");
    story.end();
}

#[tokio::test]
async fn brc_8_only_and_exclusions_leave_threads_and_contacts_out_with_their_reason() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 4).await;
    let act = crate::desk::thread::conversations::ThreadAct::Close;
    story.desk.act_on_thread(&story.agent, threads[0], act, None).await.unwrap();
    let options = Options {
        only: Only::OpenThreads,
        excluded_threads: vec![threads[1]],
        excluded_contacts: vec![story.contact_of(threads[2])],
        ..always()
    };
    let broadcast = story.send_off(issue, news_with(options)).await;
    let survey = story.desk.survey(&story.agent, broadcast.id).unwrap();
    assert_eq!((survey.threads, survey.contacts), (1, 1));
    assert_eq!((survey.exclusions["filtered"], survey.exclusions["excluded"]), (1, 2));
    story.run_broadcasts().await;
    assert_eq!(story.send_all().await.len(), 1);
    let counts = |word| story.count_of(broadcast.id, "threads", word);
    assert_eq!((counts("sent"), counts("skipped/filtered"), counts("skipped/excluded")), (1, 1, 2));
    story.end();
}

#[tokio::test]
async fn brc_26_words_taken_back_are_gone_from_every_thread_and_unsent_mails_stay_unsent() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, POSTED + 10).await;
    let broadcast = story.send_off(issue, news_with(always())).await;
    story.desk.broadcast_batch().await.unwrap();
    story.desk.broadcast_batch().await.unwrap();
    let sent = story.desk.lease_due(5, SECOND * 60).await.unwrap();
    for delivery in &sent {
        let verdict = Verdict::Delivered { answer: "250".to_owned() };
        story.desk.settle(delivery.id, verdict).await.unwrap();
    }
    story.desk.redact_broadcast(&story.agent, broadcast.id).await.unwrap();
    story.run_broadcasts().await;
    let parts: Vec<Part> = threads.iter().flat_map(|thread| story.told(broadcast.id, *thread)).collect();
    assert_eq!(parts.len(), POSTED);
    assert!(parts.iter().all(|part| part.redacted && part.body_html.is_empty() && part.body_text.is_empty()));
    assert_eq!(story.send_all().await.len(), 0);
    let counts = |rows, word| story.count_of(broadcast.id, rows, word);
    assert_eq!((counts("threads", "sent"), counts("threads", "skipped/redacted")), (POSTED as u64, 10));
    assert_eq!((counts("email", "sent"), counts("email", "skipped/redacted")), (5, POSTED as u64 - 5));
    assert!(story.desk.redact_broadcast(&story.agent, broadcast.id).await.is_err());
    story.end();
}

#[tokio::test]
async fn obj_31_a_broadcast_names_its_counts_in_the_log() {
    let story = Story::begin().await;
    let (issue, _) = reports(&story, 2).await;
    story.send_off(issue, news_with(always())).await;
    story.run_broadcasts().await;
    story.send_all().await;
    story.run_broadcasts().await;
    let log = story.desk.events_log(&story.agent, EventSeq(0), 1_000).unwrap();
    let told = log.iter().filter_map(|entry| match &entry.event.kind {
        EventKind::Broadcast { by, threads, mails, .. } => Some((*by, *threads, *mails)),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [(Some(story.agent.agent), 0, 0), (None, 2, 2)]);
    story.end();
}
