//! Folder and journal compared once a day (EML-92).

use super::Door;
use super::Reading;
use super::options;
use crate::channel::imap::MailboxOptions;
use crate::channel::imap::MailboxPhase;
use crate::channel::imap::fake::Fake;
use crate::desk::mail::arrival::MailboxCursor;
use crate::domain::id::Millis;
use std::sync::Arc;

const THREE: [(u32, &str); 3] = [(1, "one"), (2, "two"), (3, "three")];

/// A desk whose cursor says that all three were taken, and whose journal knows only these.
fn door(rows: &[u32]) -> Arc<Door> {
    let door = Arc::new(Door::default());
    {
        let mut kept = door.kept.lock().unwrap();
        kept.cursor = MailboxCursor { uid_validity: 7, done: vec![(1, 3)], ..MailboxCursor::default() };
        kept.rows = rows.iter().map(|uid| (7, *uid)).collect();
    }
    door
}

#[tokio::test]
async fn eml_92_a_mail_that_counts_as_taken_and_is_in_no_journal_alarms_and_is_read_again() {
    let fake = Fake::start(&THREE).await;
    let mut reading = Reading::with_door(options(&fake), door(&[1, 3]));
    reading.door.until_taken(1).await;
    let state = reading.until_state("degraded", |state| state.unaccounted == 1 && state.lag == 0).await;
    assert_eq!(state.phase, MailboxPhase::Degraded);
    assert!(state.last_error.unwrap().contains("1 mails counted as taken"));
    fake.until("IDLE", |world| world.heard.iter().any(|line| line.ends_with("IDLE"))).await;
    let door = reading.stop().await;
    assert_eq!(door.uids(), [2]);
    assert_eq!(door.kept.lock().unwrap().cursor.done, [(1, 3)]);
}

#[tokio::test]
async fn eml_92_a_folder_that_is_accounted_for_is_asked_about_once_and_all_is_well() {
    let fake = Fake::start(&THREE).await;
    let mut reading = Reading::with_door(options(&fake), door(&[1, 2, 3]));
    let state = reading.until_state("connected", |state| state.phase == MailboxPhase::Connected).await;
    assert_eq!((state.unaccounted, state.last_error), (0, None));
    fake.deliver(4, "four");
    reading.door.until_taken(1).await;
    fake.until("IDLE", |world| world.heard.iter().filter(|line| line.ends_with("IDLE")).count() >= 2).await;
    reading.stop().await;
    assert_eq!(fake.heard("UID SEARCH UID 1:*"), 1, "once a day");
}

#[tokio::test]
async fn eml_92_mail_from_before_the_mailbox_was_added_is_no_difference() {
    let fake = Fake::start(&THREE).await;
    // The fake received message n on 2026-01-n; this is the beginning of the third.
    let since = Some(Millis(1_767_225_600_000 + 2 * 86_400_000));
    let options = MailboxOptions { import_existing: false, import_since: since, ..options(&fake) };
    let mut reading = Reading::with_door(options, door(&[3]));
    let state = reading.until_state("connected", |state| state.phase == MailboxPhase::Connected).await;
    assert_eq!(state.unaccounted, 0);
    assert!(reading.stop().await.uids().is_empty());
}
