//! Merging and participants (TST-40 to TST-42, TST-49, MRG and PAR rules).

use super::Story;
use super::links::conversation;
use super::links::refusal;
use super::links::tracker;
use super::text;
use super::thread_of;
use crate::desk::people::contacts::ContactRef;
use crate::desk::thread::conversations::ThreadAct;
use crate::desk::ticket::tickets::Conversion;
use crate::desk::ticket::type_change::TypeChange;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use crate::domain::state::StateCategory;
use crate::domain::thread::Thread;
use crate::domain::thread::ThreadState;
use crate::domain::ticket_rules::TicketRules;
use crate::domain::ticket_type::Category;
use std::time::Duration;

fn thread(story: &Story, id: ThreadId) -> Thread {
    story.desk.thread_view(&story.agent, id, false).unwrap().thread
}

/// Another conversation of the same person.
async fn another(story: &Story, name: &str, n: u32) -> ThreadId {
    let headers = format!("From: {name} <{name}@example.com>\nSubject: Help {n}\nMessage-ID: <{name}-{n}@example.com>");
    thread_of(&story.mail(&headers, "Once more").await)
}

async fn answers(story: &Story, name: &str, to: u32, n: u32) -> ThreadId {
    let headers = format!(
        "From: {name} <{name}@example.com>\nMessage-ID: <{name}-{n}@example.com>\nIn-Reply-To: <{name}-{to}@example.com>"
    );
    thread_of(&story.mail(&headers, "And this").await)
}

#[tokio::test]
async fn tst_49_what_cannot_be_merged_says_why() {
    let story = Story::begin().await;
    let (one, two) = (conversation(&story, "ana").await, another(&story, "ana", 2).await);
    let merge = async |from, into| refusal(story.desk.merge(&story.agent, from, into).await.unwrap_err()).0;
    assert_eq!(merge(one, one).await, "merge_failed");
    assert_eq!(merge(one, ThreadId(5)).await, "merge_failed");
    assert_eq!(merge(ThreadId(5), one).await, "not_found");
    assert_eq!(merge(conversation(&story, "ben").await, one).await, "invalid_merge", "another contact");
    assert_eq!(merge(tracker(&story, "outage").await, one).await, "invalid_merge");
    story.desk.merge(&story.agent, two, one).await.unwrap();
    assert_eq!(merge(two, one).await, "merge_failed", "merged already");
    assert_eq!(merge(one, two).await, "merge_failed", "never in circles");
    story.end();
}

#[tokio::test]
async fn mrg_2_a_merged_ticket_keeps_its_type() {
    let story = Story::begin().await;
    let (bug, wish) =
        (story.ticket_type("Bug", Category::Customer).await, story.ticket_type("Wish", Category::Customer).await);
    let (one, two) = (conversation(&story, "ana").await, another(&story, "ana", 2).await);
    for thread in [one, two] {
        let conversion = Conversion { ticket_type: bug, values: Vec::new(), state: None, skip_notifications: true };
        story.desk.convert(&story.agent, thread, conversion).await.unwrap();
    }
    story.desk.merge(&story.agent, two, one).await.unwrap();
    let state = story.state(StateCategory::Submitted);
    let change = || TypeChange { ticket_type: wish, state, values: Vec::new(), skip_notifications: true };
    let refused = story.desk.change_ticket_type(&story.agent, two, change()).await.unwrap_err();
    assert_eq!(refusal(refused).0, "conflict");
    story.desk.change_ticket_type(&story.agent, one, change()).await.unwrap();
    story.end();
}

#[tokio::test]
async fn tst_49_later_mail_lands_in_the_primary_through_two_redirects() {
    let story = Story::begin().await;
    let one = conversation(&story, "ana").await;
    let (two, three) = (another(&story, "ana", 2).await, another(&story, "ana", 3).await);
    story.desk.merge(&story.agent, one, two).await.unwrap();
    assert_eq!(story.desk.merge(&story.agent, two, three).await, Ok(three));
    assert_eq!(answers(&story, "ana", 1, 9).await, three);
    assert_eq!(thread(&story, one).state, ThreadState::Closed);
    assert_eq!(story.words(one), ["comment", "close", "merged_secondary_conversation"], "its parts stay");
    let refused = story.desk.act_on_thread(&story.agent, one, ThreadAct::Open, None).await.unwrap_err();
    assert_eq!(refusal(refused).0, "conflict");
    story.end();
}

#[tokio::test]
async fn tst_49_undo_restores_the_secondary_and_leaves_what_was_said() {
    let story = Story::with(TicketRules { merge_across: true, ..TicketRules::default() }).await;
    let (ana, ben) = (conversation(&story, "ana").await, conversation(&story, "ben").await);
    let issue = tracker(&story, "outage").await;
    story.desk.link(&story.agent, issue, ben).await.unwrap();
    story.desk.act_on_thread(&story.agent, ben, ThreadAct::Snooze(None), None).await.unwrap();
    story.desk.merge(&story.agent, ben, ana).await.unwrap();
    let linked = |id| story.desk.thread_view(&story.agent, id, false).unwrap().linked_total;
    assert_eq!((linked(ana), linked(ben)), (1, 0), "LNK-7: the link moved");
    assert_eq!(thread(&story, ana).current_participants().count(), 2);
    assert_eq!(answers(&story, "ana", 1, 8).await, ana);
    story.desk.unmerge(&story.agent, ben).await.unwrap();
    assert_eq!(thread(&story, ben).state, ThreadState::Snoozed(None), "its own state");
    assert_eq!((linked(ana), linked(ben)), (0, 1));
    assert_eq!(thread(&story, ana).current_participants().count(), 1, "who has not written leaves");
    assert_eq!(answers(&story, "ben", 1, 9).await, ben, "the redirect is gone");
    let again = story.desk.unmerge(&story.agent, ben).await.unwrap_err();
    assert_eq!(refusal(again).0, "conflict");
    story.desk.merge(&story.agent, ben, ana).await.unwrap();
    assert_eq!(answers(&story, "ben", 1, 10).await, ana);
    story.desk.unmerge(&story.agent, ben).await.unwrap();
    assert_eq!(thread(&story, ana).current_participants().count(), 2, "Ben wrote there since");
    story.desk.merge(&story.agent, ben, ana).await.unwrap();
    story.wait(Duration::from_secs(31 * 24 * 3_600));
    let late = story.desk.unmerge(&story.agent, ben).await.unwrap_err();
    assert_eq!(refusal(late).0, "conflict", "30 days");
    story.end();
}

#[tokio::test]
async fn mrg_3_links_that_would_break_the_rules_stop_a_merge() {
    let story = Story::begin().await;
    let (one, two) = (conversation(&story, "ana").await, another(&story, "ana", 2).await);
    let (a, b) = (tracker(&story, "a").await, tracker(&story, "b").await);
    story.desk.link(&story.agent, a, one).await.unwrap();
    story.desk.link(&story.agent, b, two).await.unwrap();
    let before = (story.words(one), story.words(two));
    let refused = story.desk.merge(&story.agent, two, one).await.unwrap_err();
    assert_eq!(refusal(refused).0, "merge_failed");
    assert_eq!((story.words(one), story.words(two)), before, "nothing of it was done");
    story.desk.unlink(&story.agent, b, two).await.unwrap();
    story.desk.link(&story.agent, a, two).await.unwrap();
    story.desk.merge(&story.agent, two, one).await.unwrap();
    assert_eq!(thread(&story, a).ticket.unwrap().customer_reports, 1, "linked to both, now to one");
    story.desk.unmerge(&story.agent, two).await.unwrap();
    assert_eq!(thread(&story, a).ticket.unwrap().customer_reports, 2);
    story.end();
}

#[tokio::test]
async fn mrg_3_a_customer_ticket_is_no_part_of_a_plain_conversation() {
    let story = Story::begin().await;
    let (one, two) = (conversation(&story, "ana").await, another(&story, "ana", 2).await);
    let ticket_type = story.ticket_type("Request", Category::Customer).await;
    let conversion = || Conversion { ticket_type, state: None, values: Vec::new(), skip_notifications: true };
    story.desk.convert(&story.agent, one, conversion()).await.unwrap();
    let refused = story.desk.merge(&story.agent, one, two).await.unwrap_err();
    assert_eq!(refusal(refused).0, "invalid_merge");
    story.desk.merge(&story.agent, two, one).await.unwrap();
    story.end();
}

async fn ben(story: &Story, thread: ThreadId) -> ContactId {
    let address = super::address("ben@example.com");
    story.desk.add_participant(&story.agent, thread, ContactRef::Email(address), false).await.unwrap()
}

#[tokio::test]
async fn tst_40_the_second_participant_is_mailed_at_once_while_the_messenger_has_the_first() {
    let story = Story::begin().await;
    let ana = story.visitor().await;
    let talk = story.desk.contact_comment(ana.id, None, text("Hi"), ChannelKind::Messenger).await.unwrap().thread;
    ben(&story, talk).await;
    assert!(story.send_due().await.is_empty(), "adding tells nobody");
    story.desk.agent_comment(&story.agent, talk, text("Hello both")).await.unwrap();
    let mails = story.send_due().await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("ben@example.com"), "{}", mails[0]);
    assert_eq!(story.desk.messenger_reader(talk).unwrap(), Some(ana.id), "PAR-2");
    story.end();
}

#[tokio::test]
async fn tst_41_who_was_removed_gets_nothing_until_put_in_cc() {
    let story = Story::begin().await;
    let talk = conversation(&story, "ana").await;
    let id = ben(&story, talk).await;
    story.desk.remove_participant(&story.agent, talk, id).await.unwrap();
    let says = async |n: u32| {
        story.desk.agent_comment(&story.agent, talk, text(&format!("answer {n}"))).await.unwrap();
        story.wait(Duration::from_secs(700));
        let mails = story.send_due().await;
        // Mail to others names him in `Cc`.
        let is_to_ben = |line: &str| line.starts_with("To:") && line.contains("ben@example.com");
        mails.iter().filter(|mail| mail.lines().any(is_to_ben)).count()
    };
    assert_eq!(says(1).await, 0);
    let headers = "From: ben@example.com\nMessage-ID: <ben-1@example.com>\nIn-Reply-To: <ana-1@example.com>";
    assert_eq!(thread_of(&story.mail(headers, "I am still here").await), talk);
    assert_eq!(says(2).await, 0, "their own mail does not bring them back");
    let headers = "From: ana@example.com\nCc: ben@example.com\nMessage-ID: <ana-7@example.com>\n\
                   In-Reply-To: <ana-1@example.com>";
    story.mail(headers, "With Ben, please").await;
    assert_eq!(says(3).await, 1);
    story.end();
}

#[tokio::test]
async fn tst_42_the_last_participant_stays() {
    let story = Story::begin().await;
    let talk = conversation(&story, "ana").await;
    let ana = thread(&story, talk).primary_contact().unwrap();
    let refused = story.desk.remove_participant(&story.agent, talk, ana).await.unwrap_err();
    assert_eq!(refusal(refused).0, "unprocessable");
    let id = ben(&story, talk).await;
    story.desk.remove_participant(&story.agent, talk, ana).await.unwrap();
    assert_eq!(thread(&story, talk).primary_contact(), Some(id));
    story.end();
}

#[tokio::test]
async fn par_1_7_a_thread_takes_fifty_and_none_of_us() {
    let story = Story::begin().await;
    let talk = conversation(&story, "ana").await;
    let add = async |address: String| {
        let contact = ContactRef::Email(super::address(&address));
        story.desk.add_participant(&story.agent, talk, contact, false).await
    };
    for own in ["maria@desk.example", super::SUPPORT] {
        assert_eq!(refusal(add(own.to_owned()).await.unwrap_err()).0, "parameter_invalid", "{own}");
    }
    for n in 1..50 {
        add(format!("p{n}@example.com")).await.unwrap();
    }
    add("p1@example.com".to_owned()).await.unwrap();
    assert_eq!(refusal(add("p50@example.com".to_owned()).await.unwrap_err()).0, "parameter_invalid");
    assert_eq!(thread(&story, talk).current_participants().count(), 50);
    story.end();
}

#[tokio::test]
async fn mrg_2_a_customer_sees_merged_threads_once_and_each_part_once() {
    let story = Story::begin().await;
    let ana = story.visitor().await;
    let say = |thread, words: &str| story.desk.contact_comment(ana.id, thread, text(words), ChannelKind::Messenger);
    let mut threads = Vec::new();
    for words in ["First", "Second", "Third"] {
        threads.push(say(None, words).await.unwrap().thread);
    }
    let before = story.desk.log_seq().unwrap();
    story.desk.merge(&story.agent, threads[2], threads[1]).await.unwrap();
    story.desk.merge(&story.agent, threads[1], threads[0]).await.unwrap();
    let shown = story.desk.snapshot(ana.id).unwrap().conversations;
    let cards: Vec<_> = shown.iter().map(|card| (card.thread.id, card.merged.clone())).collect();
    assert_eq!(cards, [(threads[0], vec![threads[1], threads[2]])], "through the chain");
    let (stream, _) = story.desk.stream_after(ana.id, before, 100).unwrap().unwrap();
    let folded = |entry: &crate::desk::thread::stream::StreamEntry| {
        entry.thread.as_ref().is_some_and(|of| of.merged_into.is_some())
    };
    assert!(stream.iter().any(folded), "an open messenger hears of it");
    assert!(stream.iter().all(|entry| entry.part.is_none()), "and is shown no part again");
    let mut words = Vec::new();
    for thread in cards.iter().flat_map(|(primary, merged)| std::iter::once(primary).chain(merged)) {
        let parts = story.desk.history(ana.id, *thread, None, 100).unwrap();
        words.extend(parts.into_iter().map(|part| part.body_text));
    }
    assert_eq!(words, ["First", "Second", "Third"]);
    let later = say(Some(threads[2]), "Fourth").await.unwrap();
    assert_eq!(later.thread, threads[0], "what is said later is said there");
    story.desk.unmerge(&story.agent, threads[1]).await.unwrap();
    let shown = story.desk.snapshot(ana.id).unwrap().conversations;
    let cards: Vec<_> = shown.iter().map(|card| (card.thread.id, card.merged.clone())).collect();
    assert_eq!(cards, [(threads[1], vec![threads[2]]), (threads[0], vec![])], "newest first");
    story.end();
}
