//! Reading: what is taken, what is left, what happens in the folder.

use super::Door;
use super::Reading;
use super::options;
use crate::channel::imap::After;
use crate::channel::imap::MailboxOptions;
use crate::channel::imap::MailboxPhase;
use crate::channel::imap::fake::Fake;
use crate::channel::imap::round::TAKEN_AT_ONCE_MAX;
use crate::desk::mail::arrival::MailboxCursor;
use crate::desk::mail::arrival::NotAccepted;
use crate::domain::id::Millis;
use std::sync::Arc;

#[tokio::test]
async fn eml_2_any_number_of_waiting_messages_is_taken_once_each() {
    for count in 1..=6 {
        let fake = Fake::start(&[]).await;
        (1..=count).for_each(|uid| fake.deliver(uid * 3, &format!("Subject: {uid}\r\n\r\nbody {uid}")));
        let after = if count % 2 == 0 { After::Delete } else { After::Keep };
        let reading = Reading::of(MailboxOptions { after, ..options(&fake) });
        reading.door.until_taken(usize::try_from(count).unwrap()).await;
        fake.until("IDLE", |world| world.heard.iter().any(|line| line.ends_with("IDLE"))).await;
        let door = reading.stop().await;
        assert_eq!(door.uids(), (1..=count).map(|uid| uid * 3).collect::<Vec<_>>());
        assert_eq!(door.kept.lock().unwrap().duplicates, 0);
    }
}

#[tokio::test]
async fn eml_2_idle_wakes_for_new_mail_and_flags_of_others_mean_nothing() {
    let fake = Fake::start(&[(1, "old")]).await;
    fake.change(|world| world.messages.get_mut(&1).unwrap().flags.extend(["(\\Seen)".to_owned()]));
    let mut reading = Reading::of(options(&fake));
    reading.door.until_taken(1).await;
    reading.until_state("connected", |state| state.phase == MailboxPhase::Connected).await;
    fake.until("IDLE", |world| world.heard.iter().any(|line| line.ends_with("IDLE"))).await;
    fake.deliver(2, "new");
    reading.door.until_taken(2).await;
    fake.until("IDLE again", |world| world.heard.iter().filter(|line| line.ends_with("IDLE")).count() == 2).await;
    reading.stop().await;
    fake.until("goodbye", |world| world.heard.iter().filter(|line| line.ends_with("DONE")).count() == 2).await;
    assert_eq!(fake.world().connects.len(), 1);
}

#[tokio::test]
async fn eml_2_mail_that_comes_between_search_and_idle_is_not_left_waiting() {
    let fake = Fake::start(&[(1, "a"), (2, "b")]).await;
    // The listing is older than the announcement in the same answer, and IDLE says nothing about it any more.
    fake.lie_times("UID SEARCH", "* SEARCH 1{CRLF}* 2 EXISTS{CRLF}{tag} OK{CRLF}", 1);
    let reading = Reading::of(options(&fake));
    reading.door.until_taken(2).await;
    reading.stop().await;
}

#[tokio::test]
async fn eml_2_a_backlog_is_taken_newest_first_and_in_full() {
    let fake = Fake::start(&[]).await;
    let count = u32::try_from(TAKEN_AT_ONCE_MAX).unwrap() + 50;
    (1..=count).for_each(|uid| fake.deliver(uid, &format!("message {uid}")));
    let reading = Reading::of(options(&fake));
    reading.door.until_taken(TAKEN_AT_ONCE_MAX + 50).await;
    let door = reading.stop().await;
    assert_eq!(door.uids()[..3], [count, count - 1, count - 2]);
    assert_eq!(door.kept.lock().unwrap().cursor.done, [(1, count)]);
}

#[tokio::test]
async fn eml_3_a_new_mailbox_gives_mail_from_now_on() {
    let fake = Fake::start(&[(4, "old"), (9, "old too")]).await;
    let reading = Reading::of(MailboxOptions { import_existing: false, ..options(&fake) });
    fake.until("IDLE", |world| world.heard.iter().any(|line| line.ends_with("IDLE"))).await;
    fake.deliver(10, "new");
    reading.door.until_taken(1).await;
    assert_eq!(reading.stop().await.uids(), [10]);
}

#[tokio::test]
async fn eml_3_a_new_mailbox_gives_what_came_since_it_was_added() {
    // The fake receives UID n on the n-th of January 2026; day 4 begins at this millisecond.
    let import_since = Some(Millis(1_767_484_800_000));
    for uid_validity in [0, 6] {
        let fake = Fake::start(&[(2, "before"), (3, "also before"), (4, "since"), (9, "long since")]).await;
        let door = Arc::new(Door::default());
        door.kept.lock().unwrap().cursor = MailboxCursor { uid_validity, ..MailboxCursor::default() };
        let options = MailboxOptions { import_existing: false, import_since, ..options(&fake) };
        let reading = Reading::with_door(options, door);
        reading.door.until_taken(2).await;
        assert_eq!(reading.stop().await.uids(), [4, 9], "UIDVALIDITY was {uid_validity}");
    }
}

#[tokio::test]
async fn eml_3_a_changed_uidvalidity_reads_the_folder_again_and_adds_nothing() {
    let fake = Fake::start(&[(1, "a"), (2, "b")]).await;
    let reading = Reading::of(options(&fake));
    reading.door.until_taken(2).await;
    fake.until("IDLE", |world| world.heard.iter().any(|line| line.ends_with("IDLE"))).await;
    fake.change(|world| {
        world.uid_validity = 8;
        let messages = std::mem::take(&mut world.messages);
        world.messages = messages.into_iter().map(|(uid, message)| (uid + 40, message)).collect();
    });
    fake.lie_times("DONE", "{CUT}", 1);
    fake.deliver(50, "c");
    reading.door.until_taken(3).await;
    let door = reading.stop().await;
    let kept = door.kept.lock().unwrap();
    assert_eq!(kept.duplicates, 2);
    assert_eq!((kept.cursor.uid_validity, kept.taken[2].1), (8, 50));
}

#[tokio::test]
async fn eml_5_after_the_commit_the_folder_is_as_configured() {
    let folder = "\"Done\"".to_owned();
    for (after, capabilities, left, moved) in [
        (After::Keep, "IMAP4rev1 IDLE", Some(""), 0),
        (After::Seen, "IMAP4rev1 IDLE", Some("(\\Seen)"), 0),
        (After::Move("Done".to_owned()), "IMAP4rev1 IDLE MOVE", None, 1),
        (After::Move("Done".to_owned()), "IMAP4rev1 IDLE UIDPLUS", None, 1),
        (After::Move("Done".to_owned()), "IMAP4rev1 IDLE", Some("(\\Deleted)"), 1),
        (After::Delete, "IMAP4rev1 IDLE UIDPLUS", None, 0),
        (After::Delete, "IMAP4rev1 IDLE", Some("(\\Deleted)"), 0),
    ] {
        let fake = Fake::start(&[(3, "x")]).await;
        fake.change(|world| world.capabilities = capabilities.to_owned());
        let reading = Reading::of(MailboxOptions { after: after.clone(), ..options(&fake) });
        fake.until("IDLE", |world| world.heard.iter().any(|line| line.ends_with("IDLE"))).await;
        assert_eq!(reading.stop().await.uids(), [3]);
        let world = fake.world();
        let flags = world.messages.get(&3).map(|message| message.flags.iter().cloned().collect::<String>());
        assert_eq!(flags.as_deref(), left, "{after:?} with {capabilities}");
        assert_eq!(world.moved, vec![(folder.clone(), 3); moved], "{after:?} with {capabilities}");
        let opened = if after == After::Keep { "0: EXAMINE \"INBOX\"" } else { "0: SELECT \"INBOX\"" };
        assert!(world.heard.iter().any(|line| line == opened));
        assert!(!world.heard.iter().any(|line| line.ends_with(": EXPUNGE")));
    }
}

#[tokio::test]
async fn eml_5_a_follow_up_cut_off_is_done_on_the_next_connection() {
    let fake = Fake::start(&[(3, "x")]).await;
    fake.lie_times("UID MOVE", "{CUT}", 0);
    fake.lie_times("UID STORE", "{CUT}", 1);
    let reading = Reading::of(MailboxOptions { after: After::Seen, ..options(&fake) });
    fake.until("flag", |world| world.heard.iter().filter(|line| line.contains("UID STORE 3")).count() == 2).await;
    assert_eq!(reading.stop().await.uids(), [3]);
}

#[tokio::test]
async fn eml_1_what_the_desk_does_not_store_stays_in_the_folder() {
    for refusal in [NotAccepted::TryAgain("disk".to_owned()), NotAccepted::Full] {
        let fake = Fake::start(&[(1, "a"), (2, "b")]).await;
        let door = Arc::new(Door::default());
        door.kept.lock().unwrap().refuses = Some(refusal);
        let mut reading = Reading::with_door(MailboxOptions { after: After::Delete, ..options(&fake) }, door);
        reading.until_state("refused", |state| state.last_error.is_some()).await;
        assert_eq!(fake.world().messages.len(), 2);
        reading.door.kept.lock().unwrap().refuses = None;
        reading.door.until_taken(2).await;
        reading.stop().await;
    }
}

#[tokio::test]
async fn what_the_desk_refuses_for_good_stays_and_is_not_asked_again_at_once() {
    let fake = Fake::start(&[(1, "a")]).await;
    let door = Arc::new(Door::default());
    door.kept.lock().unwrap().refuses = Some(NotAccepted::Policy("never".to_owned()));
    let mut reading = Reading::with_door(options(&fake), door);
    reading.until_state("degraded", |state| state.phase == MailboxPhase::Degraded && state.unfetchable == 1).await;
    fake.until("IDLE", |world| world.heard.iter().any(|line| line.ends_with("IDLE"))).await;
    fake.deliver(2, "b");
    reading.until_state("two", |state| state.lag == 2).await;
    assert_eq!(fake.heard("UID FETCH 1 (UID RFC822.SIZE BODY"), 1);
    reading.stop().await;
}

#[tokio::test]
async fn eml_9_too_large_a_message_becomes_a_stub_and_is_never_removed() {
    let fake = Fake::start(&[]).await;
    fake.deliver(1, &format!("Subject: big\r\nContent-Type: text/html\r\n\r\n{}", "x".repeat(2_000)));
    fake.deliver(2, "Subject: small\r\n\r\ny");
    let reading = Reading::of(MailboxOptions { message_bytes_max: 1_000, after: After::Delete, ..options(&fake) });
    reading.door.until_taken(2).await;
    fake.until("removed", |world| world.messages.len() == 1).await;
    let door = reading.stop().await;
    let kept = door.kept.lock().unwrap();
    let stub = String::from_utf8(kept.taken[0].2.clone()).unwrap();
    assert!(stub.starts_with("Subject: big\r\nMIME-Version"), "{stub}");
    assert!(stub.contains("message too large: 2041 bytes"), "{stub}");
    assert_eq!(fake.world().messages.keys().copied().collect::<Vec<_>>(), [1]);
    assert_eq!(fake.heard("UID FETCH 1 (UID RFC822.SIZE BODY.PEEK[])"), 0);
}

#[tokio::test]
async fn p5_any_bytes_come_in_as_they_are() {
    let fake = Fake::start(&[]).await;
    let bytes: Vec<u8> = (0..=255).collect();
    fake.change(|world| {
        world.messages.insert(1, crate::channel::imap::fake::Message { raw: bytes.clone(), ..Default::default() });
    });
    let reading = Reading::of(options(&fake));
    reading.door.until_taken(1).await;
    let door = reading.stop().await;
    assert_eq!(door.kept.lock().unwrap().taken[0].2, bytes);
}

#[tokio::test]
async fn a_gap_is_closed_only_when_two_listings_agree() {
    let fake = Fake::start(&[(1, "a"), (5, "b")]).await;
    fake.deliver(3, "hidden");
    fake.lie_times("UID SEARCH", "* SEARCH 1 5{CRLF}{tag} OK{CRLF}", 1);
    let options = MailboxOptions { idle_renew_s: 1, ..options(&fake) };
    let reading = Reading::of(options);
    reading.door.until_taken(3).await;
    let door = &reading.door;
    door.until("gaps closed", |kept| kept.cursor.done == [(1, 5)]).await;
    assert_eq!(reading.stop().await.uids(), [1, 5, 3]);
}
