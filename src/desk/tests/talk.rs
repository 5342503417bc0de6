//! Conversations by messenger and API, and what a messenger reads.

use super::Story;
use super::address;
use super::text;
use crate::desk::people::identity::Claim;
use crate::desk::people::identity::Facts;
use crate::desk::people::identity::NoSession;
use crate::desk::people::identity::Presented;
use crate::desk::thread::conversations::ThreadAct;
use crate::desk::thread::message::NewMessage;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::EventSeq;
use crate::domain::page::Page;
use crate::domain::thread::ThreadState;
use crate::store;
use crate::store::engine::WriteTx;
use ring::hmac;
use std::time::Duration;

#[tokio::test]
async fn tst_100_the_same_client_id_gives_the_same_answer() {
    let story = Story::begin().await;
    let ana = story.visitor().await;
    let message = NewMessage { client_id: Some("one".to_owned()), ..text("Hello") };
    let say = || story.desk.contact_comment(ana.id, None, message.clone(), ChannelKind::Messenger);
    let first = say().await.unwrap();
    for _ in 0..4 {
        let again = say().await.unwrap();
        assert!(again.repeated);
        assert_eq!((again.thread, again.part, again.seq), (first.thread, first.part, first.seq));
    }
    assert_eq!(story.parts(first.thread).len(), 1);
    story.end();
}

#[tokio::test]
async fn msg_40_a_messenger_reads_what_it_missed_once_and_in_order() {
    let story = Story::begin().await;
    let ana = story.visitor().await;
    let hello = story.desk.contact_comment(ana.id, None, text("Hello"), ChannelKind::Messenger).await.unwrap();
    let seen_up_to = story.desk.log_seq().unwrap();
    for n in 0..5 {
        story.desk.agent_comment(&story.agent, hello.thread, text(&format!("answer {n}"))).await.unwrap();
        story.desk.agent_note(&story.agent, hello.thread, text("not for you")).await.unwrap();
    }
    let (entries, up_to) = story.desk.stream_after(ana.id, seen_up_to, 100).unwrap().unwrap();
    let bodies: Vec<_> = entries.iter().filter_map(|entry| entry.part.as_ref()).map(|part| &part.body_text).collect();
    assert_eq!(bodies, ["answer 0", "answer 1", "answer 2", "answer 3", "answer 4"]);
    assert!(entries.windows(2).all(|pair| pair[0].entry.seq < pair[1].entry.seq));
    assert!(story.desk.stream_after(ana.id, up_to, 100).unwrap().unwrap().0.is_empty());
    assert!(story.desk.stream_after(ana.id, EventSeq(up_to.0 + 1), 100).unwrap().is_none(), "ahead of the log");
    let history = story.desk.history(ana.id, hello.thread, None, 3).unwrap();
    assert_eq!(
        history.iter().map(|part| part.body_text.as_str()).collect::<Vec<_>>(),
        ["answer 2", "answer 3", "answer 4"]
    );
    story.end();
}

#[tokio::test]
async fn tst_99_behind_what_the_log_still_holds_only_a_snapshot_serves() {
    let story = Story::begin().await;
    let ana = story.visitor().await;
    let hello = story.desk.contact_comment(ana.id, None, text("Hello"), ChannelKind::Messenger).await.unwrap();
    story.desk.agent_comment(&story.agent, hello.thread, text("one")).await.unwrap();
    let oldest = story.desk.log_seq().unwrap();
    story.desk.agent_comment(&story.agent, hello.thread, text("two")).await.unwrap();
    let before_oldest = |count: u64| EventSeq(oldest.0.checked_sub(count).unwrap());
    let read = |after: EventSeq| story.desk.stream_after(ana.id, after, 100).unwrap().map(|(entries, _)| entries.len());
    let whole = read(before_oldest(2)).unwrap();
    assert!(whole >= 2, "all of it is there");
    let prune = move |tx: &mut dyn WriteTx| store::events::prune(tx, oldest, 1_000);
    assert!(story.desk.inner.store.update_blocking(prune).unwrap() > 0);
    assert_eq!(read(before_oldest(2)), None, "the entry behind it is gone");
    assert!(read(before_oldest(1)).is_some(), "nothing behind this one is gone");
    assert_eq!(read(oldest), Some(1));
    let snapshot = story.desk.snapshot(ana.id).unwrap();
    let last = snapshot.conversations[0].last_part.as_ref().unwrap();
    assert_eq!((last.body_text.as_str(), snapshot.seq), ("two", story.desk.log_seq().unwrap()));
    story.end();
}

#[tokio::test]
async fn shr_5_nobody_reads_somebody_elses_conversation() {
    let story = Story::begin().await;
    let (ana, eve) = (story.visitor().await, story.visitor().await);
    let hello = story.desk.contact_comment(ana.id, None, text("Hello"), ChannelKind::Messenger).await.unwrap();
    assert!(story.desk.history(eve.id, hello.thread, None, 10).is_err());
    let say = story.desk.contact_comment(eve.id, Some(hello.thread), text("Hi"), ChannelKind::Messenger).await;
    assert!(say.is_err());
    assert!(story.desk.mark_seen(eve.id, hello.thread, hello.part).await.is_err());
    assert!(story.desk.snapshot(eve.id).unwrap().conversations.is_empty());
    assert_eq!(story.desk.snapshot(ana.id).unwrap().conversations.len(), 1);
    story.end();
}

#[tokio::test]
async fn tst_95_hmac_of_user_id_wins_over_email_and_a_wrong_hash_gives_no_session() {
    let story = Story::begin().await;
    let hash = |of: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
        data_encoding::HEXLOWER.encode(hmac::sign(&key, of.as_bytes()).as_ref())
    };
    let claim = |hash: String| Claim::Hmac {
        user_id: Some("u-9".to_owned()),
        email: Some("ana@example.com".to_owned()),
        name: None,
        user_hash: Some(hash),
    };
    let session = story.desk.open_session(claim(hash("u-9"))).await.unwrap();
    assert!(session.verified && session.contact.external_id.as_deref() == Some("u-9"));
    for wrong in [hash("ana@example.com"), String::new(), "zz".to_owned()] {
        let refused = story.desk.open_session(claim(wrong)).await;
        assert!(matches!(refused, Err(NoSession::NotProved(_))));
    }
    assert_eq!(story.desk.open_session(claim(hash("u-9"))).await.unwrap().contact.id, session.contact.id);
    story.end();
}

#[tokio::test]
async fn tst_96_tokens_without_user_id_expired_unsigned_or_of_another_key_are_refused() {
    let story = Story::begin().await;
    let now = jiff::Timestamp::now().as_second();
    let make = |claims: serde_json::Value, secret: &[u8]| {
        let key = jsonwebtoken::EncodingKey::from_secret(secret);
        Claim::Jwt(jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap())
    };
    let good = make(serde_json::json!({"user_id": "u-1", "exp": now + 600}), b"secret");
    let session = story.desk.open_session(good).await.unwrap();
    assert_eq!(session.contact.external_id.as_deref(), Some("u-1"));
    let unsigned = "eyJhbGciOiJub25lIn0.eyJ1c2VyX2lkIjoidS0xIn0.".to_owned();
    let bad = [
        make(serde_json::json!({"email": "ana@example.com", "exp": now + 600}), b"secret"),
        make(serde_json::json!({"user_id": "u-1", "exp": now - 600}), b"secret"),
        make(serde_json::json!({"user_id": "u-1", "exp": now + 600}), b"other"),
        Claim::Jwt(unsigned),
    ];
    for claim in bad {
        assert!(matches!(story.desk.open_session(claim).await, Err(NoSession::NotProved(_))));
    }
    story.end();
}

#[tokio::test]
async fn tst_97_an_unproved_claim_sees_nothing_of_the_user_it_names() {
    let story = Story::begin().await;
    let hash =
        data_encoding::HEXLOWER.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"secret"), b"u-9").as_ref());
    let claim = |user_hash| Claim::Hmac { user_id: Some("u-9".to_owned()), email: None, name: None, user_hash };
    let user = story.desk.open_session(claim(Some(hash))).await.unwrap().contact;
    story.desk.contact_comment(user.id, None, text("Secret"), ChannelKind::Messenger).await.unwrap();
    let unproved = story.desk.open_session(claim(None)).await.unwrap();
    assert!(!unproved.verified && unproved.contact.id != user.id);
    assert!(story.desk.snapshot(unproved.contact.id).unwrap().conversations.is_empty());
    let back = story.desk.open_session(Claim::Visitor(unproved.visitor.unwrap())).await.unwrap();
    assert_eq!(back.contact.id, unproved.contact.id);
    story.end();
}

#[tokio::test]
async fn tst_103_who_signs_in_keeps_what_they_wrote_as_a_visitor_and_by_mail() {
    let story = Story::begin().await;
    let sign_in = |user: &str, email: &str, visitor: Option<String>| {
        let claims = serde_json::json!({"user_id": user, "email": email});
        let key = jsonwebtoken::EncodingKey::from_secret(b"secret");
        let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
        Presented { visitor, ..Claim::Jwt(token).into() }
    };
    let visit = story.desk.open_session(Claim::NewVisitor).await.unwrap();
    let (visitor, token) = (visit.contact.id, visit.visitor.unwrap());
    let here = story.desk.contact_comment(visitor, None, text("Hello"), ChannelKind::Messenger).await.unwrap().thread;
    let by_mail = super::thread_of(&story.mail("From: ana@example.com\nMessage-ID: <1@example.com>", "By mail").await);
    let user = story.desk.open_session(sign_in("u-7", "ana@example.com", Some(token.clone()))).await.unwrap().contact;
    let mut theirs: Vec<_> =
        story.desk.snapshot(user.id).unwrap().conversations.iter().map(|card| card.thread.id).collect();
    theirs.sort_unstable();
    assert_eq!(theirs, [here, by_mail]);
    // What was written before the proof is marked; neither the mail nor what the user writes now is (MSG-14).
    story.desk.contact_comment(user.id, Some(here), text("Me again"), ChannelKind::Messenger).await.unwrap();
    let warned = |thread| -> Vec<_> {
        let parts = story.desk.thread_view(&story.agent, thread, true).unwrap().parts;
        parts.iter().map(|part| (part.body_text.trim().to_owned(), part.impersonation_warning)).collect()
    };
    assert_eq!(warned(here), [("Hello".to_owned(), true), ("Me again".to_owned(), false)]);
    assert_eq!(warned(by_mail), [("By mail".to_owned(), false)]);
    let again = story.desk.open_session(Claim::Visitor(token.clone())).await.unwrap();
    assert!(![user.id, visitor].contains(&again.contact.id), "the visitor's token is spent");
    // Somebody else on the same device, later, gets nothing of it.
    let other = story.desk.open_session(sign_in("u-8", "ben@example.com", Some(token))).await.unwrap().contact;
    assert!(story.desk.snapshot(other.id).unwrap().conversations.is_empty());
    story.end();
}

#[tokio::test]
async fn obj_23_a_hash_of_the_user_id_proves_nothing_about_the_address_beside_it() {
    let story = Story::begin().await;
    let by_mail = super::thread_of(&story.mail("From: ana@example.com\nMessage-ID: <1@example.com>", "Private").await);
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
    let hash = data_encoding::HEXLOWER.encode(hmac::sign(&key, b"u-7").as_ref());
    let claim = Claim::Hmac {
        user_id: Some("u-7".to_owned()),
        email: Some("ana@example.com".to_owned()),
        name: None,
        user_hash: Some(hash),
    };
    let user = story.desk.open_session(claim).await.unwrap().contact;
    assert_eq!((user.email.clone(), user.email_verified), (Some(address("ana@example.com")), false));
    let theirs = || -> Vec<_> {
        let conversations = story.desk.snapshot(user.id).unwrap().conversations;
        conversations.iter().map(|card| card.thread.id).collect()
    };
    assert!(theirs().is_empty(), "whoever wrote the mail may be somebody else");
    let second = story.mail("From: ana@example.com\nMessage-ID: <2@example.com>\nSubject: More", "Private too").await;
    let owner = |thread| story.desk.thread_view(&story.agent, thread, false).unwrap().thread.primary_contact();
    assert_eq!(owner(super::thread_of(&second)), owner(by_mail), "EML-40");
    assert!(theirs().is_empty());
    // A hash of the address is about the address.
    let hash = data_encoding::HEXLOWER.encode(hmac::sign(&key, b"ana@example.com").as_ref());
    let email = Some("ana@example.com".to_owned());
    let claim = Claim::Hmac { user_id: None, email, name: None, user_hash: Some(hash) };
    let proved = story.desk.open_session(claim).await.unwrap().contact;
    assert!(proved.email_verified);
    story.end();
}

#[tokio::test]
async fn eml_40_mail_goes_to_nobody_who_only_said_in_the_messenger_that_the_address_is_theirs() {
    let story = Story::begin().await;
    let visitor = story.desk.open_session(Claim::NewVisitor).await.unwrap().contact.id;
    let own = story.desk.contact_comment(visitor, None, text("Hello"), ChannelKind::Messenger).await.unwrap().thread;
    let claimed = Facts { email: Some("boss@example.com".to_owned()), ..Facts::default() };
    story.desk.introduce(visitor, claimed).await.unwrap();
    let mail = super::thread_of(&story.mail("From: boss@example.com\nMessage-ID: <1@example.com>", "Private").await);
    let owner = story.desk.thread_view(&story.agent, mail, false).unwrap().thread.primary_contact().unwrap();
    assert_ne!(owner, visitor);
    assert!(story.desk.own_record(owner).unwrap().unwrap().email_verified);
    assert!(!story.desk.own_record(visitor).unwrap().unwrap().email_verified);
    let cards = story.desk.snapshot(visitor).unwrap().conversations;
    assert_eq!(cards.iter().map(|card| card.thread.id).collect::<Vec<_>>(), [own]);
    // Who goes on as a proved user takes the claim along as one.
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
    let hash = data_encoding::HEXLOWER.encode(hmac::sign(&key, b"u-7").as_ref());
    let claim = Claim::Hmac { user_id: Some("u-7".to_owned()), email: None, name: None, user_hash: Some(hash) };
    let claiming = Facts { email: Some("boss@example.com".to_owned()), ..Facts::default() };
    let before = story.desk.open_session(Claim::NewVisitor).await.unwrap();
    story.desk.introduce(before.contact.id, claiming).await.unwrap();
    let signed_in = Presented { visitor: before.visitor, ..claim.into() };
    let user = story.desk.open_session(signed_in).await.unwrap().contact;
    let more = super::thread_of(&story.mail("From: boss@example.com\nMessage-ID: <2@example.com>", "More").await);
    assert_eq!(story.desk.thread_view(&story.agent, more, false).unwrap().thread.primary_contact(), Some(owner));
    assert!(story.desk.snapshot(user.id).unwrap().conversations.is_empty());
    story.end();
}

#[tokio::test]
async fn eml_40_the_owner_of_a_claimed_address_who_answers_gives_it_to_nobody() {
    let story = Story::begin().await;
    let claimer = || async {
        let visitor = story.desk.open_session(Claim::NewVisitor).await.unwrap().contact.id;
        let thread =
            story.desk.contact_comment(visitor, None, text("Hello"), ChannelKind::Messenger).await.unwrap().thread;
        let claimed = Facts { email: Some("boss@example.com".to_owned()), ..Facts::default() };
        story.desk.introduce(visitor, claimed).await.unwrap();
        story.desk.agent_comment(&story.agent, thread, text("An answer")).await.unwrap();
        story.wait(Duration::from_secs(600));
        let sent = story.send_due().await;
        let [mail] = sent.as_slice() else { panic!("one mail: {sent:?}") };
        let (to, id) = (super::field(mail, "Reply-To").to_owned(), super::field(mail, "Message-ID").to_owned());
        let to = to.rsplit('<').next().unwrap().trim_end_matches('>').to_owned();
        (visitor, thread, to, format!("From: boss@example.com\nIn-Reply-To: {id}\nReferences: {id}"))
    };
    let author = |accepted| {
        let thread = super::thread_of(&accepted);
        (thread, story.parts(thread).last().unwrap().author.contact().unwrap())
    };

    let (first, thread, to, answer) = claimer().await;
    let accepted = story.mail_to(&to, &format!("{answer}\nMessage-ID: <1@example.com>"), "Who are you?").await;
    assert_eq!(author(accepted), (thread, first), "what is answered there stays there");
    let record = story.desk.own_record(first).unwrap().unwrap();
    assert_eq!((record.email_verified, record.email_claimed), (false, true), "and proves nothing of who asked");
    let accepted = story.mail("From: boss@example.com\nMessage-ID: <2@example.com>", "Private").await;
    let (private, owner) = author(accepted);
    assert_ne!(owner, first);
    assert!(story.desk.own_record(owner).unwrap().unwrap().email_verified);
    assert!(story.desk.snapshot(first).unwrap().conversations.iter().all(|card| card.thread.id != private));

    // Once the owner is known, they speak for themselves wherever they answer.
    let (second, thread, to, answer) = claimer().await;
    let accepted = story.mail_to(&to, &format!("{answer}\nMessage-ID: <3@example.com>"), "Nor you").await;
    assert_eq!(author(accepted), (thread, owner));
    assert_ne!(owner, second);
    story.end();
}

#[tokio::test]
async fn msg_48_a_mail_leads_back_to_the_page_on_which_the_conversation_began_if_it_is_one_of_ours() {
    let story = Story::begin().await;
    for (page, way) in [
        (Some("https://shop.example/help?token=1"), Some("https://shop.example/help#deskgate-conversation-")),
        (Some("https://evil.example/help"), None),
        (None, None),
    ] {
        let visitor = story.desk.open_session(Claim::NewVisitor).await.unwrap().contact.id;
        let hello = NewMessage { page: page.and_then(Page::parse), ..text("Hello") };
        let thread = story.desk.contact_comment(visitor, None, hello, ChannelKind::Messenger).await.unwrap().thread;
        let facts = Facts { email: Some("ana@example.com".to_owned()), ..Facts::default() };
        story.desk.introduce(visitor, facts).await.unwrap();
        story.desk.agent_comment(&story.agent, thread, text("An answer")).await.unwrap();
        story.wait(Duration::from_secs(600));
        let mail = story.send_due().await.remove(0).replace("=\r\n", "").replace("=3D", "=");
        match way {
            Some(way) => assert_eq!(mail.matches(&format!("{way}{thread}")).count(), 2, "text and HTML: {mail}"),
            None => assert!(!mail.contains("deskgate-conversation"), "{page:?}: {mail}"),
        }
    }
    story.end();
}

#[tokio::test]
async fn msg_14_an_address_that_is_only_claimed_warns_agents_and_no_address_does_not() {
    let story = Story::begin().await;
    let visitor = story.desk.open_session(Claim::NewVisitor).await.unwrap().contact.id;
    let thread = story.desk.contact_comment(visitor, None, text("Hello"), ChannelKind::Messenger).await.unwrap().thread;
    let warned = || story.desk.thread_view(&story.agent, thread, true).unwrap().parts[0].impersonation_warning;
    assert!(!warned(), "who says nothing of themselves pretends nothing");
    let claimed = Facts { email: Some("boss@example.com".to_owned()), ..Facts::default() };
    story.desk.introduce(visitor, claimed).await.unwrap();
    assert!(warned());
    let view = story.desk.thread_view(&story.agent, thread, false).unwrap();
    assert!(view.source.unwrap().impersonation_warning, "the source says it too");
    story.end();
}

#[tokio::test]
async fn tst_17_a_snooze_is_kept_by_its_assignee_and_ended_by_others() {
    let story = Story::begin().await;
    let ana = story.visitor().await;
    let thread = story.desk.contact_comment(ana.id, None, text("Hi"), ChannelKind::Messenger).await.unwrap().thread;
    let snooze = || story.desk.act_on_thread(&story.agent, thread, ThreadAct::Snooze(None), None);
    let state = || story.desk.thread_view(&story.agent, thread, false).unwrap().thread.state;
    snooze().await.unwrap();
    story.desk.agent_note(&story.agent, thread, NewMessage { skip_unsnooze: true, ..text("kept") }).await.unwrap();
    assert_eq!(state(), ThreadState::Snoozed(None));
    story.desk.agent_note(&story.agent, thread, text("not the assignee")).await.unwrap();
    assert_eq!(state(), ThreadState::Open);
    let to = crate::desk::thread::conversations::Assignment { agent: Some(Some(story.agent.agent)), team: None };
    story.desk.assign(&story.agent, thread, to, None).await.unwrap();
    snooze().await.unwrap();
    story.desk.agent_comment(&story.agent, thread, text("mine")).await.unwrap();
    assert_eq!(state(), ThreadState::Snoozed(None));
    story.end();
}

#[tokio::test]
async fn lif_1_a_snooze_ends_at_its_time() {
    let story = Story::begin().await;
    let ana = story.visitor().await;
    let thread = story.desk.contact_comment(ana.id, None, text("Hi"), ChannelKind::Messenger).await.unwrap().thread;
    let until = super::NOW.plus(Duration::from_secs(60));
    story.desk.act_on_thread(&story.agent, thread, ThreadAct::Snooze(Some(until)), None).await.unwrap();
    assert_eq!(story.desk.wake_snoozed().await.unwrap(), 0);
    story.wait(Duration::from_secs(61));
    assert_eq!(story.desk.wake_snoozed().await.unwrap(), 1);
    assert_eq!(story.words(thread), ["comment", "snoozed", "unsnoozed"]);
    story.end();
}

#[tokio::test]
async fn msg_15_a_visit_ends_seven_days_after_its_last_use() {
    let story = Story::begin().await;
    let first = story.desk.open_session(Claim::NewVisitor).await.unwrap();
    let token = first.visitor.clone().unwrap();
    let back = async || story.desk.open_session(Claim::Visitor(token.clone())).await.unwrap().contact.id;
    story.wait(Duration::from_secs(6 * 86_400));
    assert_eq!(back().await, first.contact.id);
    story.wait(Duration::from_secs(6 * 86_400));
    assert_eq!(back().await, first.contact.id, "each use counts");
    story.wait(Duration::from_secs(7 * 86_400));
    assert_ne!(back().await, first.contact.id);
    story.desk.end_visit(&token).await.unwrap();
    story.end();
}
