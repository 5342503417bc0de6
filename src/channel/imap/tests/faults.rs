//! Faults: connections that break anywhere, servers that lie, hang or flood.

use super::Reading;
use super::options;
use crate::channel::imap::After;
use crate::channel::imap::MailboxOptions;
use crate::channel::imap::MailboxPhase;
use crate::channel::imap::fake::Fake;
use crate::channel::imap::fake::World;
use crate::domain::mailbox_cursor::ImapFeature;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

fn is_in_idle(world: &World) -> bool {
    world.heard.iter().any(|line| line.ends_with("IDLE"))
}

#[tokio::test]
async fn p2_a_cut_after_any_byte_loses_nothing_and_doubles_nothing() {
    let whole = 900;
    let mut cuts = JoinSet::new();
    for cut in (0..whole).step_by(3) {
        cuts.spawn(async move {
            let fake = Fake::start(&[(1, "one"), (2, "two"), (3, "three")]).await;
            fake.change(|world| world.cuts.push(cut));
            let options = MailboxOptions { after: After::Seen, verb_timeout_s: 20, ..options(&fake) };
            let reading = Reading::of(options);
            reading.door.until_taken(3).await;
            fake.until("IDLE", is_in_idle).await;
            assert!(
                fake.world().messages.values().all(|message| message.flags.contains("(\\Seen)")),
                "cut after {cut}"
            );
            let door = reading.stop().await;
            let mut uids = door.uids();
            uids.sort_unstable();
            assert_eq!(uids, [1, 2, 3], "cut after {cut}");
            // The desk saw each once: the cursor of the first connection held on the second.
            assert_eq!(door.kept.lock().unwrap().duplicates, 0, "cut after {cut}");
            fake.world().connects.len()
        });
    }
    let connects: Vec<usize> = cuts.join_all().await;
    assert!(connects.contains(&2) && connects.contains(&1), "cuts before, in and after the reading");
}

#[tokio::test]
async fn eml_4_a_server_that_falls_silent_anywhere_is_left_and_mail_still_comes() {
    let mut silences = JoinSet::new();
    for line in [
        "greeting",
        "CAPABILITY",
        "LOGIN",
        "SELECT",
        "UID SEARCH",
        "UID FETCH 1,3 (UID RFC822.SIZE)",
        "UID FETCH 1 (UID RFC822.SIZE BODY.PEEK[])",
        "UID STORE",
        "IDLE",
        "DONE",
    ] {
        silences.spawn(async move {
            let fake = Fake::start(&[(1, "one"), (3, "three")]).await;
            fake.lie_times(line, if line == "greeting" { "{HANG}" } else { "* OK wait{CRLF}{HANG}" }, 1);
            let short = MailboxOptions { verb_timeout_s: 1, ..options(&fake) };
            let reading = Reading::of(MailboxOptions { after: After::Seen, ..short });
            // DONE is said when mail arrives; the greeting's silence is heard by connecting.
            let last_said = if line == "DONE" { "IDLE" } else { line };
            let is_said = |world: &World| world.heard.iter().any(|heard| heard.contains(last_said));
            fake.until(line, |world| is_said(world) || (line == "greeting" && !world.connects.is_empty())).await;
            fake.deliver(9, "nine");
            reading.door.until_taken(3).await;
            fake.until("second connection", |world| world.connects.len() == 2).await;
            let door = reading.stop().await;
            assert_eq!(door.kept.lock().unwrap().duplicates, 0, "{line}");
        });
    }
    silences.join_all().await;
}

#[tokio::test]
async fn eml_4_tst_72_idle_advertised_and_refused_is_polling_from_then_on() {
    for refusal in ["{tag} BAD unknown command{CRLF}", "{tag} NO not for you{CRLF}", "{tag} OK at once{CRLF}"] {
        let fake = Fake::start(&[(1, "one")]).await;
        fake.lie("IDLE", refusal);
        let reading = Reading::of(options(&fake));
        reading.door.until_taken(1).await;
        fake.until("polling", |world| world.heard.iter().any(|line| line.ends_with("NOOP"))).await;
        fake.deliver(2, "two");
        reading.door.until_taken(2).await;
        fake.until("polling", |world| world.heard.iter().filter(|line| line.ends_with("NOOP")).count() > 1).await;
        reading.stop().await;
        assert_eq!((fake.heard("IDLE"), fake.world().connects.len()), (1, 1), "{refusal}");
    }
}

#[tokio::test]
async fn eml_4_tst_72_what_a_server_refused_is_remembered_by_the_next_process() {
    let fake = Fake::start(&[(1, "one")]).await;
    fake.lie("IDLE", "{tag} BAD unknown command{CRLF}");
    fake.lie("UID SEARCH", "{tag} BAD expected search-key instead of UID{CRLF}");
    let reading = Reading::of(options(&fake));
    reading.door.until("stored", |kept| kept.cursor.refused == [ImapFeature::Idle, ImapFeature::Search]).await;
    let door = reading.stop().await;
    fake.deliver(2, "two");
    let reading = Reading::with_door(options(&fake), door);
    reading.door.until_taken(2).await;
    fake.until("polling", |world| world.heard.iter().filter(|line| line.ends_with("NOOP")).count() > 2).await;
    reading.stop().await;
    assert_eq!((fake.heard("IDLE"), fake.heard("UID SEARCH")), (1, 1), "asked for once in two lives");
}

#[tokio::test]
async fn eml_4_search_refused_is_listing_by_fetch_from_then_on() {
    let fake = Fake::start(&[(1, "one"), (4, "four")]).await;
    fake.lie("UID SEARCH", "{tag} BAD expected search-key instead of UID{CRLF}");
    let reading = Reading::of(options(&fake));
    reading.door.until_taken(2).await;
    fake.until("IDLE", is_in_idle).await;
    fake.deliver(5, "five");
    reading.door.until_taken(3).await;
    reading.stop().await;
    assert_eq!((fake.heard("UID SEARCH"), fake.world().connects.len()), (1, 1));
}

#[tokio::test]
async fn freescout_4624_one_message_that_cannot_be_had_hides_no_other() {
    let mut lies = JoinSet::new();
    for lie in [
        "{tag} NO cannot read it{CRLF}",
        "{tag} BAD internal error{CRLF}",
        "{tag} OK nothing said{CRLF}",
        "* 2 FETCH (UID 2 BODY[] NIL){CRLF}{tag} OK{CRLF}",
        "* 2 FETCH (UID 2 BODY[] {0}{CRLF}){CRLF}{tag} OK{CRLF}",
        "* 2 FETCH (UID 3 BODY[] {5}{CRLF}wrong){CRLF}{tag} OK{CRLF}",
        "* 2 FETCH (UID 2 BODY[] {-3}{CRLF}abc){CRLF}{tag} OK{CRLF}",
        "* 2 FETCH (UID 2 BODY[] {1}{CRLF}abc\u{fc} \"){CRLF}{tag} OK{CRLF}",
        "* 2 FETCH (UID 2 BODY[] {9999}{CRLF}abc){CRLF}{tag} OK{CRLF}",
        "* 2 FETCH (UID 2 BODY[] {400000000}{CRLF}abc",
        "* 2 FETCH (UID 2 BODY[] {3}{CRLF}ab{CUT}",
        "wrong OK tag{CRLF}",
        "\u{0}\u{ff}\u{fe}{CRLF}",
        "* BYE internal error{CRLF}{CUT}",
    ] {
        lies.spawn(async move {
            let fake = Fake::start(&[(1, "one"), (2, "two"), (3, "three")]).await;
            fake.lie("UID FETCH 2 ", lie);
            let mut reading = Reading::of(MailboxOptions { verb_timeout_s: 2, ..options(&fake) });
            reading.door.until_taken(2).await;
            let state = reading.until_state("alarm", |state| state.unfetchable == 1).await;
            assert!(state.last_error.is_some(), "{lie}");
            fake.until("IDLE", is_in_idle).await;
            fake.deliver(4, "four");
            reading.door.until_taken(3).await;
            let state = reading.until_state("degraded", |state| state.phase == MailboxPhase::Degraded).await;
            assert_eq!(state.unfetchable, 1, "{lie}");
            let door = reading.stop().await;
            assert_eq!(door.uids(), [1, 3, 4], "{lie}");
            assert!(!door.kept.lock().unwrap().cursor.has(2), "{lie}");
        });
    }
    lies.join_all().await;
}

#[tokio::test]
async fn a_message_larger_than_its_size_said_becomes_a_stub() {
    let fake = Fake::start(&[]).await;
    fake.deliver(1, &format!("Subject: big\r\n\r\n{}", "x".repeat(5_000)));
    fake.lie("UID FETCH 1 (UID RFC822.SIZE)", "* 1 FETCH (UID 1 RFC822.SIZE 10){CRLF}{tag} OK{CRLF}");
    let reading = Reading::of(MailboxOptions { message_bytes_max: 1_000, ..options(&fake) });
    reading.door.until_taken(1).await;
    let door = reading.stop().await;
    assert!(door.kept.lock().unwrap().taken[0].2.starts_with(b"Subject: big\r\nMIME-Version"));
}

#[tokio::test]
async fn a_message_expunged_by_another_client_is_gone_when_the_server_says_so() {
    let fake = Fake::start(&[(1, "one"), (2, "two"), (3, "three")]).await;
    fake.lie_times("UID FETCH 2 ", "* 2 EXPUNGE{CRLF}{tag} OK{CRLF}", 1);
    fake.lie_times("UID SEARCH UID 2", "* SEARCH{CRLF}{tag} OK{CRLF}", 1);
    let reading = Reading::of(options(&fake));
    reading.door.until_taken(2).await;
    reading.door.until("done", |kept| kept.cursor.done == [(1, 3)]).await;
    reading.stop().await;
    assert_eq!(fake.world().connects.len(), 1);
}

#[tokio::test]
async fn floods_unknown_replies_and_odd_ones_do_no_harm() {
    let fake = Fake::start(&[(1, "one")]).await;
    let odd = "* XYZZY (new [thing\r\n* 1 FETCH (BODYSTRUCTURE (((((((\r\n* OK {9}\r\n* VANISHED 3\r\n* 1 FETCH (FLAGS ())\r\n";
    fake.lie("UID SEARCH", &format!("{}{{TRUTH}}", odd.repeat(1_000)));
    fake.lie("UID FETCH", &format!("{odd}{{TRUTH}}"));
    let reading = Reading::of(options(&fake));
    reading.door.until_taken(1).await;
    reading.stop().await;
    assert_eq!(fake.world().connects.len(), 1);
}

#[tokio::test]
async fn an_answer_cut_short_is_never_taken_for_an_empty_folder() {
    let fake = Fake::start(&[(1, "one"), (2, "two")]).await;
    fake.lie_times("UID SEARCH", "* SEARCH{CRLF}{CUT}", 2);
    let reading = Reading::of(options(&fake));
    reading.door.until_taken(2).await;
    assert_eq!(reading.stop().await.uids(), [1, 2]);
}

#[tokio::test]
async fn zammad_4935_a_failing_server_is_asked_at_most_once_a_second_over_one_connection() {
    let fake = Fake::start(&[]).await;
    fake.lie("CAPABILITY", "{CUT}");
    let began = Instant::now();
    let reading = Reading::of(options(&fake));
    fake.until("three connects", |world| world.connects.len() == 3).await;
    reading.stop().await;
    let connects = fake.world().connects.clone();
    assert!(connects[0] - began < Duration::from_millis(900), "the first at once");
    assert!(connects.windows(2).all(|two| two[1] - two[0] >= Duration::from_millis(990)));
}

#[tokio::test]
async fn a_drain_ends_the_reader_at_once_wherever_it_is() {
    for line in ["greeting", "LOGIN", "UID SEARCH", "IDLE", "DONE"] {
        let fake = Fake::start(&[(1, "one")]).await;
        fake.lie(line, "{HANG}");
        let mut reading = Reading::of(MailboxOptions { verb_timeout_s: 60, ..options(&fake) });
        let last_said = if line == "DONE" { "IDLE" } else { line };
        let is_said = |world: &World| world.heard.iter().any(|heard| heard.contains(last_said));
        fake.until(line, |world| is_said(world) || (line == "greeting" && !world.connects.is_empty())).await;
        reading.drain.cancel();
        reading.until_state("disabled", |state| state.phase == MailboxPhase::Disabled).await;
        reading.stop().await;
    }
}

#[tokio::test]
async fn news_that_bring_nothing_keep_nobody_busy() {
    let fake = Fake::start(&[]).await;
    fake.lie("IDLE", "+ idling{CRLF}* 9 EXISTS{CRLF}");
    let began = Instant::now();
    let reading = Reading::of(options(&fake));
    fake.until("three IDLEs", |world| world.heard.iter().filter(|line| line.ends_with("IDLE")).count() == 3).await;
    assert!(began.elapsed() >= Duration::from_millis(1_990));
    reading.stop().await;
}

#[tokio::test]
async fn a_move_into_the_folder_itself_is_no_move() {
    let fake = Fake::start(&[(1, "one")]).await;
    let reading = Reading::of(MailboxOptions { after: After::Move("Inbox".to_owned()), ..options(&fake) });
    reading.door.until_taken(1).await;
    fake.until("IDLE", is_in_idle).await;
    reading.stop().await;
    assert_eq!(fake.heard("UID MOVE"), 0);
}
