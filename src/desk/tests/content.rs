//! Tags, redaction, deletion, and what customers never get to read (OBJ-18, OBJ-47, TCK-15, TST-29).

use super::Story;
use super::links::conversation;
use super::links::refusal;
use super::links::thread;
use super::links::tracker;
use super::text;
use super::thread_of;
use crate::desk::thread::conversations::ThreadAct;
use crate::desk::thread::message::NewAttachment;
use crate::desk::thread::message::NewMessage;
use crate::desk::thread::redaction::Redacted;
use crate::desk::ticket::tickets::Conversion;
use crate::desk::ticket::tickets::TicketChange;
use crate::domain::attribute::Value;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use crate::domain::intake::IntakeResult;
use crate::domain::part::PartKind;
use crate::domain::state::StateCategory;
use crate::domain::ticket_type::Category;
use crate::store;
use std::time::Duration;

async fn finish(story: &Story) {
    while story.desk.redaction_batch().await.unwrap() || story.desk.purge_batch().await.unwrap() {}
}

#[tokio::test]
async fn obj_18_tags_come_and_go_and_stay_while_they_are_used() {
    let story = Story::begin().await;
    let talk = conversation(&story, "ana").await;
    let vip = story.desk.put_tag(&story.agent, None, " VIP ").await.unwrap();
    assert_eq!(story.desk.put_tag(&story.agent, None, "vip").await.unwrap(), vip, "one name, whatever its case");
    let ana = story.desk.thread_view(&story.agent, talk, true).unwrap();
    let (contact, part) = (ana.contacts[0].id, ana.parts[0].id);
    for _ in 0..2 {
        story.desk.tag_thread(&story.agent, talk, vip.id, true).await.unwrap();
        story.desk.tag_part(&story.agent, talk, part, vip.id, true).await.unwrap();
        story.desk.tag_contact(&story.agent, contact, vip.id, true).await.unwrap();
    }
    assert_eq!(story.words(talk), ["comment", "conversation_tags_updated"]);
    story.end();
    let refused = story.desk.delete_tag(&story.agent, vip.id).await.unwrap_err();
    assert_eq!(refusal(refused).0, "tag_has_dependent_objects");
    story.desk.tag_thread(&story.agent, talk, vip.id, false).await.unwrap();
    let twice = story.desk.tag_thread(&story.agent, talk, vip.id, false).await.unwrap_err();
    assert_eq!(refusal(twice), ("not_found", "tag".to_owned()));
    story.desk.tag_part(&story.agent, talk, part, vip.id, false).await.unwrap();
    assert_eq!(story.desk.tags_of_contact(&story.agent, contact), Ok(vec![vip.clone()]));
    story.desk.tag_contact(&story.agent, contact, vip.id, false).await.unwrap();
    story.desk.delete_tag(&story.agent, vip.id).await.unwrap();
    story.end();
}

#[tokio::test]
async fn obj_47_redaction_takes_text_files_and_the_raw_mail() {
    let story = Story::begin().await;
    let talk = conversation(&story, "ana").await;
    let part = story.parts(talk).remove(0);
    let raw = part.email.clone().unwrap().raw.unwrap();
    assert!(story.desk.raw_of_part(part.id).is_ok());
    story.desk.redact(&story.agent, talk, Redacted::Source(part.id)).await.unwrap();
    story.desk.redact(&story.agent, talk, Redacted::Source(part.id)).await.unwrap();
    let gone = story.parts(talk).remove(0);
    assert!(gone.redacted && gone.body_html.is_empty() && gone.body_text.is_empty() && gone.attachments.is_empty());
    assert!(story.desk.raw_of_part(part.id).is_err());
    let named = || story.desk.inner.store.view(|tx| store::blob_refs::is_named(tx, raw)).unwrap();
    assert!(!named(), "the sweep takes the raw mail");
    let again = "From: ana <ana@example.com>\nSubject: Help\nMessage-ID: <ana-1@example.com>";
    story.mail(again, "I need help").await;
    assert!(!named(), "nor does it come back with the next copy");
    assert_eq!(story.parts(talk).len(), 1);
    story.end();
}

#[tokio::test]
async fn obj_47_words_a_ticket_took_from_its_first_message_go_with_it_and_an_agents_stay() {
    let story = Story::begin().await;
    let ticket_type = story.ticket_type("Request", Category::Customer).await;
    let conversion = |values| Conversion { ticket_type, state: None, values, skip_notifications: true };
    let edited = vec![("_default_description_".to_owned(), Some(Value::Text("An agent's summary".to_owned())))];
    for (who, values, left) in [("ana", Vec::new(), Vec::new()), ("ben", edited, vec!["An agent's summary"])] {
        let talk = conversation(&story, who).await;
        story.desk.convert(&story.agent, talk, conversion(values)).await.unwrap();
        assert_eq!(thread(&story, talk).ticket.unwrap().attributes.len(), 2, "TCK-13");
        let source = story.parts(talk).remove(0);
        story.desk.redact(&story.agent, talk, Redacted::Source(source.id)).await.unwrap();
        let after = thread(&story, talk);
        let texts: Vec<_> = after.ticket.unwrap().attributes.into_values().collect();
        let expected: Vec<_> = left.into_iter().map(|text: &str| Value::Text(text.to_owned())).collect();
        assert_eq!((after.title, texts), (None, expected), "{who}");
        story.end();
    }
}

#[tokio::test]
async fn bko_23_redacting_the_origin_redacts_every_copy_and_no_copy_alone() {
    let story = Story::begin().await;
    let issue = tracker(&story, "outage").await;
    let mut threads = Vec::new();
    for n in 0..45 {
        let talk = conversation(&story, &format!("c{n}")).await;
        story.desk.link(&story.agent, issue, talk).await.unwrap();
        threads.push(talk);
    }
    let file = NewAttachment {
        name: "secret.txt".to_owned(),
        content_type: "text/plain".to_owned(),
        bytes: b"SECRET".to_vec(),
    };
    let note = NewMessage { cross_post: true, attachments: vec![file], ..text("SECRET") };
    let origin = story.desk.agent_note(&story.agent, issue, note).await.unwrap().part;
    while story.desk.cross_post_batch().await.unwrap() {}
    let copy = story.parts(threads[7]).into_iter().find(|part| part.cross_posted_from.is_some()).unwrap();
    let refused = story.desk.redact(&story.agent, threads[7], Redacted::Part(copy.id)).await.unwrap_err();
    assert_eq!(refusal(refused).0, "conflict");
    story.desk.redact(&story.agent, issue, Redacted::Part(origin)).await.unwrap();
    story.end();
    finish(&story).await;
    for talk in threads {
        let copies = story.parts(talk).into_iter().filter(|part| matches!(part.kind, PartKind::Note));
        let states: Vec<_> = copies.map(|part| (part.redacted, part.body_text, part.attachments.len())).collect();
        assert_eq!(states, [(true, String::new(), 0)]);
    }
    story.end();
}

#[tokio::test]
async fn tst_77_a_deleted_thread_is_gone_and_its_mail_stays_away() {
    let story = Story::begin().await;
    let talk = conversation(&story, "ana").await;
    for n in 0..50 {
        story.desk.agent_note(&story.agent, talk, text(&format!("note {n}"))).await.unwrap();
    }
    let issue = tracker(&story, "outage").await;
    story.desk.link(&story.agent, issue, talk).await.unwrap();
    story.desk.agent_comment(&story.agent, talk, text("on its way")).await.unwrap();
    let raw = story.parts(talk)[0].email.clone().unwrap().raw.unwrap();
    story.desk.delete_thread(&story.agent, talk).await.unwrap();
    story.end();
    assert!(story.desk.thread_view(&story.agent, talk, false).is_err());
    assert_eq!(story.words(issue).last(), Some(&"entity_unlinked"));
    assert_eq!(story.desk.thread_view(&story.agent, issue, false).unwrap().thread.ticket.unwrap().customer_reports, 0);
    story.wait(Duration::from_secs(600));
    assert!(story.send_due().await.is_empty(), "what was owed is not sent");
    finish(&story).await;
    story.end();
    let left = |story: &Story| story.desk.inner.store.view(|tx| store::parts::newest(tx, talk, 9)).unwrap();
    assert!(left(&story).is_empty());
    assert!(!story.desk.inner.store.view(|tx| store::blob_refs::is_named(tx, raw)).unwrap());
    let again = "From: ana <ana@example.com>\nSubject: Help\nMessage-ID: <ana-1@example.com>";
    story.mail(again, "I need help").await;
    assert!(left(&story).is_empty());
    let answer = "From: ana <ana@example.com>\nMessage-ID: <ana-2@example.com>\nIn-Reply-To: <ana-1@example.com>";
    assert_ne!(thread_of(&story.mail(answer, "Still there?").await), talk, "an answer begins anew");
    let row = story.desk.inner.store.view(|tx| store::intake::newest(tx, None, 2)).unwrap().pop().unwrap();
    assert!(matches!(row.result, IntakeResult::Duplicate { .. }), "{row:?}");
    story.end();
}

#[tokio::test]
async fn tck_15_a_tracker_goes_with_its_links_and_merged_threads_stand_alone_again() {
    let story = Story::begin().await;
    let issue = tracker(&story, "outage").await;
    let mut threads = Vec::new();
    for n in 0..45 {
        let talk = conversation(&story, &format!("c{n}")).await;
        story.desk.link(&story.agent, issue, talk).await.unwrap();
        threads.push(talk);
    }
    let note = NewMessage { cross_post: true, ..text("Look") };
    story.desk.agent_note(&story.agent, issue, note).await.unwrap();
    story.desk.delete_thread(&story.agent, issue).await.unwrap();
    finish(&story).await;
    while story.desk.cross_post_batch().await.unwrap() {}
    for talk in &threads {
        assert_eq!(story.desk.thread_view(&story.agent, *talk, false).unwrap().linked_total, 0);
    }
    story.end();
    let headers = "From: c0 <c0@example.com>\nMessage-ID: <c0-2@example.com>";
    let second = thread_of(&story.mail(headers, "And more").await);
    story.desk.merge(&story.agent, second, threads[0]).await.unwrap();
    story.desk.delete_thread(&story.agent, threads[0]).await.unwrap();
    finish(&story).await;
    assert_eq!(story.desk.thread_view(&story.agent, second, false).unwrap().thread.merged_into, None);
    story.end();
}

/// Everything a contact can be given about their conversations: what messenger, history, stream and files answer, in words.
fn everything_for(story: &Story, contact: ContactId, threads: &[ThreadId]) -> String {
    let snapshot = story.desk.snapshot(contact).unwrap();
    let mut words = Vec::new();
    for card in &snapshot.conversations {
        words.push(format!("{:?} {:?} {}", card.thread.title, card.last_part, card.unread));
        words.push(format!("{:?}", card.ticket.as_ref().map(|view| &view.state.external_label)));
    }
    for thread in threads {
        if let Ok(parts) = story.desk.history(contact, *thread, None, 100) {
            words.push(format!("{parts:?}"));
        }
    }
    let (entries, _) = story.desk.stream_after(contact, crate::domain::id::EventSeq(0), 10_000).unwrap().unwrap();
    words.extend(entries.iter().map(|entry| format!("{:?}", entry.part)));
    words.join("\n")
}

#[tokio::test]
async fn tst_29_a_crawl_of_everything_customers_get_finds_nothing_that_is_ours() {
    let story = Story::begin().await;
    let ana = story.visitor().await;
    let say = |thread, words: &str| {
        let message = text(words);
        story.desk.contact_comment(ana.id, thread, message, ChannelKind::Messenger)
    };
    let talk = say(None, "Hello").await.unwrap().thread;
    let by_mail = conversation(&story, "ben").await;
    let ben = story.desk.thread_view(&story.agent, by_mail, false).unwrap().contacts[0].id;
    let (ops, inc) = (
        story.ticket_type("SECRET type", Category::BackOffice).await,
        story.ticket_type("SECRET incident", Category::Tracker).await,
    );
    let mut ours = Vec::new();
    for thread in [talk, by_mail] {
        let task = story.ticket(ops, "SECRET task", Some(thread)).await;
        let issue = story.ticket(inc, "SECRET issue", Some(thread)).await;
        let secret = story.desk.put_tag(&story.agent, None, "SECRET tag").await.unwrap();
        story.desk.tag_thread(&story.agent, thread, secret.id, true).await.unwrap();
        story.desk.agent_note(&story.agent, thread, text("SECRET note")).await.unwrap();
        for ticket in [task, issue] {
            let file = NewAttachment {
                name: "SECRET.txt".to_owned(),
                content_type: "text/plain".to_owned(),
                bytes: b"SECRET".to_vec(),
            };
            let note = NewMessage { cross_post: true, attachments: vec![file], ..text("SECRET cross-post") };
            story.desk.agent_note(&story.agent, ticket, note).await.unwrap();
            for category in [StateCategory::InProgress, StateCategory::Resolved] {
                let change = TicketChange { state: Some(story.state(category)), ..TicketChange::default() };
                story.desk.update_ticket(&story.agent, ticket, change).await.unwrap();
            }
            ours.push(ticket);
        }
        story.desk.act_on_thread(&story.agent, thread, ThreadAct::Snooze(None), None).await.unwrap();
        story.desk.agent_comment(&story.agent, thread, text("We look into it")).await.unwrap();
    }
    let ids = [&ours[..], &[talk, by_mail]].concat();
    for contact in [ana.id, ben] {
        let given = everything_for(&story, contact, &ids);
        assert!(given.contains("We look into it"), "the crawl reads something");
        assert!(!given.contains("SECRET"), "{given}");
    }
    for ticket in &ours {
        assert_eq!(story.desk.messenger_reader(*ticket), Ok(None));
        for contact in [ana.id, ben] {
            assert!(story.desk.history(contact, *ticket, None, 10).is_err());
            assert!(!story.desk.may_type(contact, *ticket));
        }
        let refused = say(Some(*ticket), "What is this?").await.unwrap_err();
        assert_eq!(refusal(refused).0, "not_found");
    }
    story.wait(Duration::from_secs(3_600));
    let mails = story.send_due().await;
    assert!(!mails.is_empty());
    assert!(mails.iter().all(|mail| !mail.contains("SECRET")), "{mails:#?}");
    let task = ours[0];
    let share = TicketChange { is_shared: Some(true), ..TicketChange::default() };
    story.desk.update_ticket(&story.agent, task, share).await.unwrap();
    let given = everything_for(&story, ana.id, &ids);
    assert!(given.contains("SharedTicket") && given.contains("SECRET type"), "shared: its type is theirs to read");
    assert!(!given.contains("SECRET note") && !given.contains("SECRET cross-post"), "its notes are not: {given}");
    story.end();
}

#[tokio::test]
async fn obj_47_the_subject_goes_with_the_mail_that_named_the_thread() {
    let story = Story::begin().await;
    let headers = "From: ana <ana@example.com>\nSubject: My secret illness\nMessage-ID: <s1@example.com>";
    let talk = thread_of(&story.mail(headers, "Details").await);
    let again = "From: ana <ana@example.com>\nSubject: Re: My secret illness\nMessage-ID: <s2@example.com>\n\
                 In-Reply-To: <s1@example.com>";
    story.mail(again, "More").await;
    assert!(format!("{:?}", story.desk.thread_view(&story.agent, talk, true)).contains("secret illness"));
    for part in story.parts(talk).iter().filter(|part| part.email.is_some()) {
        story.desk.redact(&story.agent, talk, Redacted::Part(part.id)).await.unwrap();
    }
    let left = format!("{:?}", story.desk.thread_view(&story.agent, talk, true).unwrap());
    assert!(!left.contains("secret illness"), "{left}");
    story.desk.agent_comment(&story.agent, talk, text("Get well soon")).await.unwrap();
    story.wait(Duration::from_secs(600));
    let mails = story.send_due().await;
    assert!(!mails.is_empty() && mails.iter().all(|mail| !mail.contains("illness")), "{mails:#?}");
    story.end();
}
