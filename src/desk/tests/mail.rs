//! Mail in.

use super::SUPPORT;
use super::Story;
use super::address;
use super::arrival;
use super::field;
use super::text;
use super::thread_of;
use crate::desk::journal::ArrivalFilter;
use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::arrival::Arrival;
use crate::desk::mail::arrival::ArrivalSource;
use crate::desk::mail::arrival::MailDoor;
use crate::desk::thread::conversations::ThreadAct;
use crate::domain::address::Address;
use crate::domain::delivery_class::DeliveryClass;
use crate::domain::part::PartKind;
use crate::domain::part::PlacedBy;
use crate::domain::thread::ThreadState;

const HELLO: &str = "From: Ana <ana@example.com>\nSubject: Invoice\nMessage-ID: <1@example.com>";

#[tokio::test]
async fn eml_40_a_first_mail_begins_a_conversation_with_its_sender() {
    let story = Story::begin().await;
    let thread = thread_of(&story.mail(HELLO, "Where is my invoice?").await);
    let view = story.desk.thread_view(&story.agent, thread, true).unwrap();
    assert_eq!(view.thread.title.as_deref(), Some("Invoice"));
    assert_eq!(view.contacts[0].email.as_ref().unwrap().to_string(), "ana@example.com");
    assert_eq!(view.contacts[0].name.as_deref(), Some("Ana"));
    assert_eq!(view.parts[0].body_text.trim(), "Where is my invoice?");
    assert_eq!(view.parts[0].email.as_ref().unwrap().class, DeliveryClass::Human);
    story.end();
}

#[tokio::test]
async fn eml_15_the_same_mail_again_adds_nothing_and_other_content_does() {
    let story = Story::begin().await;
    let thread = thread_of(&story.mail(HELLO, "Where is it?").await);
    assert_eq!(story.mail(HELLO, "Where is it?").await, Accepted::Duplicate(thread));
    assert_eq!(story.parts(thread).len(), 1);
    assert_eq!(thread_of(&story.mail(HELLO, "Something else").await), thread);
    assert_eq!(story.parts(thread).len(), 2);
    story.end();
}

#[tokio::test]
async fn mails_handed_in_together_are_taken_in_their_order_and_each_has_its_answer() {
    let story = Story::begin().await;
    let mail = |n: usize, body: &str| {
        let raw = format!(
            "To: {SUPPORT}\r\nFrom: ana@example.com\r\nSubject: n\r\nMessage-ID: <{n}@example.com>\r\n\
             References: <0@example.com>\r\n\r\n{body}\r\n"
        );
        arrival(SUPPORT, raw.into_bytes())
    };
    // Long ones first, so that reading alone would end in another order.
    let body = |n: usize| format!("number {n} {}", "word ".repeat(20_000 / (n + 1)));
    let mut mails: Vec<Arrival> = (0..100).map(|n| mail(n, &body(n))).collect();
    mails.push(mail(50, &body(50)));
    let mut taken = story.desk.accept_all(mails).await;
    let again = taken.pop().unwrap().unwrap();
    let thread = thread_of(taken[0].as_ref().unwrap());
    assert_eq!(again, Accepted::Duplicate(thread));
    assert!(taken.iter().all(|taken| thread_of(taken.as_ref().unwrap()) == thread));
    let numbers = |text: &str| text.split(' ').nth(1).unwrap().parse::<usize>().unwrap();
    let parts: Vec<usize> = story.parts(thread).iter().map(|part| numbers(&part.body_text)).collect();
    assert_eq!(parts, (0..100).collect::<Vec<_>>());
    story.end();
}

#[tokio::test]
async fn tst_78_a_reply_threads_by_reference_and_never_by_subject() {
    let story = Story::begin().await;
    let thread = thread_of(&story.mail(HELLO, "One").await);
    let reply =
        "From: ana@example.com\nSubject: quite other\nMessage-ID: <2@example.com>\nIn-Reply-To: <1@example.com>";
    assert_eq!(thread_of(&story.mail(reply, "Two").await), thread);
    let same_subject = "From: ana@example.com\nSubject: Invoice\nMessage-ID: <3@example.com>";
    assert_ne!(thread_of(&story.mail(same_subject, "Three").await), thread);
    story.end();
}

#[tokio::test]
async fn tst_79_two_replies_to_an_unseen_mail_meet_and_the_original_joins_them() {
    let mails = [
        "From: ana@example.com\nMessage-ID: <o@example.com>",
        "From: ana@example.com\nMessage-ID: <a@example.com>\nIn-Reply-To: <o@example.com>",
        "From: bo@example.com\nMessage-ID: <b@example.com>\nReferences: <o@example.com>",
    ];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let story = Story::begin().await;
        let mut threads = Vec::new();
        for at in order {
            threads.push(thread_of(&story.mail(mails[at], &format!("mail {at}")).await));
        }
        assert!(threads.iter().all(|thread| *thread == threads[0]), "{order:?}: {threads:?}");
        story.end();
    }
}

#[tokio::test]
async fn eml_30_an_answer_to_our_mail_comes_back_by_its_signed_address_or_message_id() {
    let story = Story::begin().await;
    let thread = thread_of(&story.mail(HELLO, "Where is it?").await);
    story.desk.agent_comment(&story.agent, thread, text("On its way.")).await.unwrap();
    let sent = story.send_due().await;
    let token = field(&sent[0], "Reply-To").rsplit('<').next().unwrap().trim_end_matches('>').to_owned();
    let ours = field(&sent[0], "Message-ID").to_owned();
    assert!(token.starts_with("support+"), "{token}");
    let by_token = "From: ana@example.com\nMessage-ID: <5@example.com>";
    assert_eq!(thread_of(&story.mail_to(&token, by_token, "Thanks!").await), thread);
    let by_id = format!("From: ana@example.com\nMessage-ID: <6@example.com>\nIn-Reply-To: {ours}");
    assert_eq!(thread_of(&story.mail(&by_id, "Thanks again!").await), thread);
    let rules: Vec<_> =
        story.parts(thread).iter().filter_map(|part| part.email.as_ref().map(|e| e.placed_by)).collect();
    assert_eq!(rules, [PlacedBy::NewThread, PlacedBy::ReplyToken, PlacedBy::OurMessageId]);
    story.end();
}

#[tokio::test]
async fn tst_82_a_forged_token_counts_as_absent() {
    let story = Story::begin().await;
    let thread = thread_of(&story.mail(HELLO, "Where is it?").await);
    story.desk.agent_comment(&story.agent, thread, text("On its way.")).await.unwrap();
    let sent = story.send_due().await;
    let token = field(&sent[0], "Reply-To").rsplit('<').next().unwrap().trim_end_matches('>').to_owned();
    let forged = token.replacen("support+a", "support+b", 1);
    let mail = "From: eve@example.com\nMessage-ID: <7@example.com>";
    assert_ne!(thread_of(&story.mail_to(&forged, mail, "Let me in").await), thread);
    story.end();
}

#[tokio::test]
async fn tst_81_a_stranger_with_a_reference_joins_as_external_and_sees_nothing_earlier() {
    let story = Story::begin().await;
    let thread = thread_of(&story.mail(HELLO, "Where is it?").await);
    let stranger = "From: eve@example.com\nMessage-ID: <8@example.com>\nIn-Reply-To: <1@example.com>";
    assert_eq!(thread_of(&story.mail(stranger, "Me too").await), thread);
    let view = story.desk.thread_view(&story.agent, thread, true).unwrap();
    assert!(view.parts[1].external_sender);
    let eve = view.thread.participants.iter().find(|known| known.external).unwrap();
    assert_eq!(eve.visible_from_seq, 2);
    story.end();
}

#[tokio::test]
async fn tst_18_an_auto_reply_is_kept_and_changes_nothing() {
    let story = Story::begin().await;
    let thread = thread_of(&story.mail(HELLO, "Where is it?").await);
    story.desk.act_on_thread(&story.agent, thread, ThreadAct::Close, None).await.unwrap();
    let vacation = "From: ana@example.com\nSubject: Away\nMessage-ID: <9@example.com>\nIn-Reply-To: <1@example.com>\n\
                    Auto-Submitted: auto-replied";
    assert_eq!(thread_of(&story.mail(vacation, "I am away.").await), thread);
    let view = story.desk.thread_view(&story.agent, thread, true).unwrap();
    assert_eq!(view.thread.state, ThreadState::Closed);
    assert!(matches!(view.parts.last().unwrap().kind, PartKind::AutomaticEmail));
    assert!(story.send_due().await.is_empty());
    story.end();
}

#[tokio::test]
async fn lif_2_a_customers_mail_opens_a_closed_conversation() {
    let story = Story::begin().await;
    let thread = thread_of(&story.mail(HELLO, "Where is it?").await);
    story.desk.act_on_thread(&story.agent, thread, ThreadAct::Close, None).await.unwrap();
    let more = "From: ana@example.com\nMessage-ID: <10@example.com>\nReferences: <1@example.com>";
    story.mail(more, "Still waiting").await;
    assert_eq!(story.words(thread), ["comment", "close", "comment", "open"]);
    story.end();
}

#[tokio::test]
async fn eml_8_what_cannot_be_read_is_quarantined_whole_and_can_be_tried_again() {
    let story = Story::begin().await;
    let raw = b"\r\n\r\n".to_vec();
    let accepted = story.desk.accept(arrival(SUPPORT, raw.clone())).await.unwrap();
    let Accepted::Quarantined(id) = accepted else { panic!("{accepted:?}") };
    assert_eq!(story.desk.quarantined(None, id).unwrap().1, raw);
    assert_eq!(story.desk.quarantine(None, 10).unwrap().len(), 1);
    assert_eq!(story.desk.retry_quarantined(None, id).await.unwrap().id, id);
    assert_eq!(story.desk.status().unwrap().quarantined, 1);
    story.end();
}

#[tokio::test]
async fn p2_what_cannot_be_read_is_quarantined_once_however_often_it_comes() {
    let story = Story::begin().await;
    let raw = b"\r\n\r\n".to_vec();
    let first = story.desk.accept(arrival(SUPPORT, raw.clone())).await.unwrap();
    assert_eq!(story.desk.accept(arrival(SUPPORT, raw.clone())).await.unwrap(), first);
    assert_eq!(story.desk.status().unwrap().quarantined, 1);
    let by_another = Arrival { reverse_path: Some("bea@example.net".to_owned()), ..arrival(SUPPORT, raw) };
    assert_ne!(story.desk.accept(by_another).await.unwrap(), first, "the same octets from somebody else");
    assert_eq!(story.desk.status().unwrap().quarantined, 2);
    story.end();
}

#[tokio::test]
async fn p16_a_bounce_to_our_signed_address_fails_its_delivery_and_a_forged_one_changes_nothing() {
    let story = Story::begin().await;
    let thread = thread_of(&story.mail(HELLO, "Where is it?").await);
    story.desk.agent_comment(&story.agent, thread, text("On its way.")).await.unwrap();
    let delivery = story.desk.deliveries(10).unwrap()[0].clone();
    story.send_due().await;
    let bounce = |id: &str| {
        format!(
            "From: MAILER-DAEMON@mx.example\nSubject: Undelivered\nMessage-ID: <{id}@mx.example>\nMIME-Version: 1.0\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=b"
        )
    };
    let report = "--b\nContent-Type: text/plain\n\nsorry\n--b\nContent-Type: message/delivery-status\n\n\
                  Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; ana@example.com\nAction: failed\n\
                  Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n--b--";
    let forged = story.mail(&bounce("f"), report).await;
    assert_ne!(thread_of(&forged), thread);
    assert_eq!(story.desk.delivery(None, delivery.id).unwrap().state.as_str(), "sent");
    let prepared = story.desk.inner.keys.bounce_address(&address(SUPPORT), delivery.id).unwrap();
    let real = story.mail_to(&prepared.to_string(), &bounce("r"), report).await;
    assert_eq!(thread_of(&real), thread);
    assert_eq!(story.desk.delivery(None, delivery.id).unwrap().state.as_str(), "failed");
    assert!(story.desk.thread_view(&story.agent, thread, false).unwrap().contacts[0].has_hard_bounced);
    assert!(story.send_due().await.is_empty(), "nothing answers a bounce");
    story.end();
}

#[tokio::test]
async fn eml_15_two_bounces_of_one_message_id_fail_each_its_own_delivery() {
    let story = Story::begin().await;
    let mut threads = Vec::new();
    for name in ["ana", "ben"] {
        let hello = format!("From: {name}@example.com\nSubject: Invoice\nMessage-ID: <{name}@example.com>");
        let thread = thread_of(&story.mail(&hello, "Where is it?").await);
        story.desk.agent_comment(&story.agent, thread, text("On its way.")).await.unwrap();
        threads.push(thread);
    }
    let deliveries = story.desk.deliveries(10).unwrap();
    story.send_due().await;
    let header = "From: MAILER-DAEMON@mx.example\nSubject: Undelivered\nMessage-ID: <again@mx.example>\n\
                  MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b";
    for (thread, name) in threads.iter().zip(["ana", "ben"]) {
        let delivery = deliveries.iter().find(|delivery| delivery.thread == *thread).unwrap();
        let to = story.desk.inner.keys.bounce_address(&address(SUPPORT), delivery.id).unwrap().to_string();
        let report = format!(
            "--b\nContent-Type: text/plain\n\nsorry\n--b\nContent-Type: message/delivery-status\n\n\
             Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; {name}@example.com\nAction: failed\n\
             Status: 5.1.1\n--b--"
        );
        let taken = story.mail_to(&to, header, &report).await;
        assert!(!matches!(taken, Accepted::Duplicate(_)), "{name}: it is another bounce");
        assert_eq!(thread_of(&taken), *thread);
        assert_eq!(story.desk.delivery(None, delivery.id).unwrap().state.as_str(), "failed", "{name}");
        assert_eq!(story.mail_to(&to, header, &report).await, Accepted::Duplicate(*thread), "{name}: the same again");
    }
    story.end();
}

#[tokio::test]
async fn obj_65_a_mail_is_given_to_the_team_of_the_address_it_came_to() {
    let of_team = |settings: &mut crate::desk::Settings| {
        settings.support.iter_mut().for_each(|support| support.team = Some("Billing".to_owned()));
    };
    let story = Story::begin_with(of_team).await;
    let before = thread_of(&story.mail(HELLO, "Nobody is there yet").await);
    let change = crate::desk::agents::teams::TeamChange {
        name: Some("Billing".to_owned()),
        agents: Some(vec![story.agent.agent]),
        method: Some(crate::domain::team::TeamMethod::RoundRobin),
        ..Default::default()
    };
    let team = story.desk.put_team(&story.agent, None, change).await.unwrap().id;
    let thread = thread_of(&story.mail("From: ben@example.com\nMessage-ID: <2@example.com>", "Where is it?").await);
    let owners = |id| {
        let thread = story.desk.thread_view(&story.agent, id, false).unwrap().thread;
        (thread.team_assignee, thread.admin_assignee)
    };
    assert_eq!(owners(before), (None, None), "a team that is not there takes nothing, and the mail is not lost");
    assert_eq!(owners(thread), (Some(team), Some(story.agent.agent)), "and the team hands it out");
    let answer = "From: ben@example.com\nMessage-ID: <3@example.com>\nIn-Reply-To: <2@example.com>";
    let nobody = crate::desk::thread::conversations::Assignment { agent: Some(None), team: Some(None) };
    story.desk.assign(&story.agent, thread, nobody, None).await.unwrap();
    assert_eq!(thread_of(&story.mail(answer, "Well?").await), thread);
    assert_eq!(owners(thread), (None, None), "only what begins is given away");
    story.end();
}

#[tokio::test]
async fn eml_90_the_journal_answers_for_who_wrote_also_where_a_mail_came_without_envelope() {
    let story = Story::begin().await;
    let (ana, ben) = (address("ana@example.com"), address("ben@example.com"));
    let import = |from: &Address, id: &str| Arrival {
        source: ArrivalSource::Import { origin: "box".to_owned(), support: address(SUPPORT) },
        reverse_path: None,
        recipients: Vec::new(),
        raw: format!("From: {from}\r\nMessage-ID: <{id}@x>\r\nSubject: S\r\n\r\nHello\r\n").into_bytes(),
    };
    let first = thread_of(&story.desk.accept(import(&ana, "a")).await.unwrap());
    story.desk.accept(import(&ana, "a")).await.unwrap();
    story.desk.accept(import(&ben, "b")).await.unwrap();
    story.desk.agent_comment(&story.agent, first, text("Hi")).await.unwrap();
    let steps: Vec<String> = story.desk.trace("Ana@example.com").unwrap().into_iter().map(|step| step.what).collect();
    let found = |word: &str| steps.iter().filter(|step| step.contains(word)).count();
    assert_eq!((found("<a@x>"), found("duplicate of"), found("owed to"), found("<b@x>")), (2, 1, 1, 0), "{steps:#?}");
    let filter = ArrivalFilter { address: Some(ben), ..Default::default() };
    let (rows, _) = story.desk.arrivals(None, &filter, None, 10).unwrap();
    assert_eq!(rows.iter().map(|row| row.message_id.as_str()).collect::<Vec<_>>(), ["b@x"]);
    assert!(story.desk.trace("nobody@example.com").unwrap().is_empty());
    story.end();
}
