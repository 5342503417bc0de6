//! Many messages that wait: fetched with few FETCHes, handed in together, and none lost where that fails.

use super::Reading;
use super::options;
use crate::channel::imap::After;
use crate::channel::imap::MailboxOptions;
use crate::channel::imap::fake::Fake;
use tokio::task::JoinSet;

const ALL: &str = "UID FETCH 1:12 (UID RFC822.SIZE BODY.PEEK[])";

/// A server with messages 1 to `count`.
async fn server(count: u32) -> Fake {
    let texts: Vec<String> = (1..=count).map(|uid| format!("message {uid}")).collect();
    let messages: Vec<(u32, &str)> = (1..=count).zip(texts.iter().map(String::as_str)).collect();
    Fake::start(&messages).await
}

fn bodies_asked_for(fake: &Fake) -> usize {
    fake.world().heard.iter().filter(|line| line.contains("BODY.PEEK")).count()
}

#[tokio::test]
async fn many_come_with_few_fetches_and_in_their_order() {
    let fake = server(60).await;
    let reading = Reading::of(MailboxOptions { after: After::Seen, ..options(&fake) });
    reading.door.until_taken(60).await;
    fake.until("IDLE", |world| world.heard.iter().any(|line| line.ends_with("IDLE"))).await;
    assert_eq!(bodies_asked_for(&fake), 2);
    assert!(fake.world().messages.values().all(|message| message.flags.contains("(\\Seen)")));
    assert_eq!(reading.stop().await.uids(), (1..=60).collect::<Vec<_>>());
}

#[tokio::test]
async fn p2_a_cut_in_the_middle_of_many_loses_nothing_and_doubles_nothing() {
    let mut cuts = JoinSet::new();
    for cut in (0..2_400).step_by(53) {
        cuts.spawn(async move {
            let fake = server(12).await;
            fake.change(|world| world.cuts.push(cut));
            let reading = Reading::of(MailboxOptions { verb_timeout_s: 20, ..options(&fake) });
            reading.door.until_taken(12).await;
            fake.until("IDLE", |world| world.heard.iter().any(|line| line.ends_with("IDLE"))).await;
            let door = reading.stop().await;
            assert_eq!(door.kept.lock().unwrap().duplicates, 0, "cut after {cut}");
            fake.world().connects.len()
        });
    }
    let connects: Vec<usize> = cuts.join_all().await;
    assert!(connects.contains(&2) && connects.contains(&1), "cuts before, in and after the reading");
}

#[tokio::test]
async fn one_that_ends_every_connection_is_found_among_many_and_holds_up_none() {
    let fake = server(12).await;
    fake.lie("UID FETCH 5 (UID RFC822.SIZE BODY", "{CUT}");
    fake.lie(ALL, "{CUT}");
    let mut reading = Reading::of(options(&fake));
    reading.door.until_taken(11).await;
    reading.until_state("known as unfetchable", |state| state.unfetchable == 1).await;
    assert_eq!(fake.heard(ALL), 1, "once they are known to fail together, they are asked for one by one");
    assert!(!reading.stop().await.uids().contains(&5));
}

#[tokio::test]
async fn what_a_fetch_of_many_refuses_or_leaves_out_is_fetched_by_itself() {
    for lie in ["{tag} NO too many{CRLF}", "{tag} BAD what{CRLF}", "{tag} OK that is all{CRLF}"] {
        let fake = server(12).await;
        fake.lie(ALL, lie);
        let reading = Reading::of(options(&fake));
        reading.door.until_taken(12).await;
        assert_eq!(fake.world().connects.len(), 1, "{lie}");
        assert_eq!(reading.stop().await.uids(), (1..=12).collect::<Vec<_>>(), "{lie}");
    }
}
