//! The reader killed at every step, and begun again with what was stored.

use super::Door;
use super::Hang;
use super::Reading;
use super::options;
use crate::channel::imap::After;
use crate::channel::imap::MailboxOptions;
use crate::channel::imap::fake::Fake;
use crate::channel::imap::fake::World;
use std::sync::Arc;

const THREE: [(u32, &str); 3] = [(1, "one"), (2, "two"), (3, "three")];

/// What the folder's owner sees once every follow-up is done.
fn is_followed_up(world: &World, after: &After) -> bool {
    match after {
        After::Keep => true,
        After::Seen => world.messages.values().all(|message| message.flags.contains("(\\Seen)")),
        After::Move(_) | After::Delete => world.messages.is_empty(),
    }
}

/// Begins again after a kill: everything is taken once and followed up, and nothing is owed.
async fn begins_again(fake: &Fake, options: MailboxOptions, door: Arc<Door>, step: &str, duplicates_max: usize) {
    let after = options.after.clone();
    let reading = Reading::with_door(options, door);
    reading.door.until_taken(THREE.len()).await;
    fake.until(step, |world| is_followed_up(world, &after)).await;
    reading.door.until(step, |kept| kept.cursor.owed.is_empty() && kept.cursor.done == [(1, 3)]).await;
    let door = reading.stop().await;
    assert!(door.kept.lock().unwrap().duplicates <= duplicates_max, "{step}");
}

#[tokio::test]
async fn eml_1_tst_70_killed_at_any_word_to_the_server_nothing_is_lost_or_doubled() {
    for (after, steps) in [
        (After::Seen, &["LOGIN", "SELECT", "UID SEARCH", "UID FETCH 1:3", "UID FETCH 2 ", "UID STORE 2"][..]),
        (After::Move("Done".to_owned()), &["UID MOVE 2", "CREATE"]),
        (After::Delete, &["UID STORE 2", "UID EXPUNGE 2"]),
    ] {
        for step in steps {
            let fake = Fake::start(&THREE).await;
            let options = MailboxOptions { after: after.clone(), ..options(&fake) };
            fake.lie_times(step, "{HANG}", 1);
            let reading = Reading::of(options.clone());
            fake.until(step, |world| world.heard.iter().any(|line| line.contains(step))).await;
            let door = Arc::clone(&reading.door);
            reading.task.abort();
            assert!(reading.task.await.unwrap_err().is_cancelled());
            begins_again(&fake, options, door, step, 0).await;
        }
    }
}

#[tokio::test]
async fn eml_1_tst_70_killed_around_the_commit_nothing_is_lost_or_doubled() {
    for hang in [Hang::BeforeCommit, Hang::AfterCommit] {
        let fake = Fake::start(&THREE).await;
        let options = MailboxOptions { after: After::Delete, ..options(&fake) };
        let door = Arc::new(Door::default());
        door.kept.lock().unwrap().hangs = Some(hang);
        let reading = Reading::with_door(options.clone(), Arc::clone(&door));
        let committed = usize::from(hang == Hang::AfterCommit);
        door.until("hang", |kept| kept.hangs.is_none() && kept.taken.len() == committed).await;
        reading.task.abort();
        assert!(reading.task.await.unwrap_err().is_cancelled());
        assert_eq!(fake.world().messages.len(), 3, "nothing is removed before its commit is known");
        begins_again(&fake, options, door, &format!("{hang:?}"), 0).await;
    }
}

#[tokio::test]
async fn eml_5_follow_ups_are_dropped_when_the_configuration_asks_for_none_any_more() {
    let fake = Fake::start(&THREE).await;
    fake.lie_times("UID STORE 2", "{HANG}", 1);
    let reading = Reading::of(MailboxOptions { after: After::Seen, ..options(&fake) });
    fake.until("flag", |world| world.heard.iter().any(|line| line.contains("UID STORE 2"))).await;
    let door = Arc::clone(&reading.door);
    reading.task.abort();
    assert!(reading.task.await.unwrap_err().is_cancelled());
    begins_again(&fake, options(&fake), door, "keep", 0).await;
    assert_eq!(fake.heard("UID STORE 2"), 1);
}
