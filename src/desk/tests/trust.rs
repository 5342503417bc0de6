//! Who is believed to have written a mail.

use super::*;
use crate::desk::TrustSettings;
use crate::domain::authentication::AuthResult;
use crate::domain::authentication::Authentication;
use crate::domain::id::AgentId;
use crate::domain::part::Author;
use crate::mail::message_id::Principal;
use crate::mail::message_id::ReplyClaims;

const HELLO: &str = "From: Ana <ana@example.com>\nSubject: Invoice\nMessage-ID: <1@example.com>";
const MARIA: &str = "From: Maria Agent <maria@desk.example>\nSubject: Re: Invoice\nMessage-ID: <m1@desk.example>";
const PASSED: &str = "Authentication-Results: mx.desk.example; dkim=pass header.d=desk.example";

async fn story() -> Story {
    Story::begin_with(|settings| settings.trust.authserv_id = Some("mx.desk.example".to_owned())).await
}

/// The address of a notice about the thread to an agent.
fn notice_address(story: &Story, thread: ThreadId, agent: AgentId) -> String {
    let claims = ReplyClaims { thread, principal: Principal::Agent(agent) };
    story.desk.inner.keys.reply_address(&address(SUPPORT), claims).unwrap().to_string()
}

async fn asked(story: &Story) -> ThreadId {
    thread_of(&story.mail(HELLO, "Where is it?").await)
}

#[tokio::test]
async fn eml_46_an_agents_proven_answer_to_a_notice_is_their_comment_and_goes_to_the_customer() {
    let story = story().await;
    let thread = asked(&story).await;
    let to = notice_address(&story, thread, story.agent.agent);
    let taken = story.mail_to(&to, &format!("{PASSED}\n{MARIA}"), "On its way.\n\n> Where is it?").await;
    assert_eq!(thread_of(&taken), thread);
    let part = story.parts(thread).pop().unwrap();
    assert!(matches!(&part.author, Author::Agent { id, .. } if *id == story.agent.agent), "{:?}", part.author);
    assert_eq!((part.kind.as_str(&part.author), part.body_text.trim()), ("comment", "On its way."));
    let email = part.email.unwrap();
    assert_eq!(email.authentication.unwrap().dkim, AuthResult::Pass);
    let sent = story.send_due().await;
    assert!(sent.len() == 1 && sent[0].contains("On its way."), "{sent:?}");
    story.end();
}

#[tokio::test]
async fn tst_86_an_agents_reply_without_token_or_with_spoofed_from_is_quarantined_not_posted() {
    let story = story().await;
    let thread = asked(&story).await;
    let ours = notice_address(&story, thread, story.agent.agent);
    let results =
        |server: &str, domain: &str| format!("Authentication-Results: {server}; dkim=pass header.d={domain}\n");
    let cases = [
        ("no-token", SUPPORT.to_owned(), results("mx.desk.example", "desk.example")),
        ("another-agents", notice_address(&story, thread, AgentId(99)), results("mx.desk.example", "desk.example")),
        ("not-proven", ours.clone(), String::new()),
        ("forged-results", ours.clone(), results("evil.example", "desk.example")),
        ("another-domains", ours, results("mx.desk.example", "evil.example")),
    ];
    for (what, to, results) in cases {
        let headers = format!(
            "{results}From: Maria Agent <maria@desk.example>\nMessage-ID: <{what}@desk.example>\n\
             In-Reply-To: <1@example.com>"
        );
        let taken = story.mail_to(&to, &headers, "Pay to this account").await;
        assert!(matches!(taken, Accepted::Quarantined(_)), "{what}: {taken:?}");
    }
    assert_eq!(story.parts(thread).len(), 1);
    // The agent is told, and nobody else hears of it.
    let told = story.send_due().await;
    assert!(told.len() == 1 && field(&told[0], "To").contains("maria@desk.example"), "{told:?}");
    assert!(told[0].contains("Your mail was not taken") && !told[0].contains("Pay to this account"));
    story.end();
}

#[tokio::test]
async fn eml_46_what_the_listener_found_out_counts_before_any_header() {
    let story = story().await;
    let thread = asked(&story).await;
    let to = notice_address(&story, thread, story.agent.agent);
    let raw = format!("To: {to}\n{PASSED}\n{MARIA}\n\nhello\n").replace('\n', "\r\n").into_bytes();
    let checked = |from_verified| {
        Some(Box::new(Authentication { from_verified, source: "desk".to_owned(), ..Authentication::default() }))
    };
    let by_smtp = |checked| Arrival {
        source: ArrivalSource::Smtp { peer: "192.0.2.1:1 mx".to_owned(), checked },
        ..arrival(&to, raw.clone())
    };
    let forged = story.desk.accept(by_smtp(checked(false))).await.unwrap();
    assert!(matches!(forged, Accepted::Quarantined(_)), "{forged:?}");
    let real = story.desk.accept(by_smtp(checked(true))).await.unwrap();
    assert_eq!(thread_of(&real), thread);
    story.end();
}

#[tokio::test]
async fn tst_84_an_agents_forward_makes_its_sender_the_customer() {
    let story = story().await;
    let forward = |from: &str| {
        format!(
            "Please help her.\n\n---------- Forwarded message ---------\nFrom: {from}\nDate: Mon, 1 Jun 2026\n\
             Subject: Help\nTo: <maria@desk.example>\n\nIt is broken.\n"
        )
    };
    let headers = |id: u32| {
        format!("From: Maria Agent <maria@desk.example>\nSubject: Fwd: Help\nMessage-ID: <f{id}@desk.example>")
    };
    let thread = thread_of(&story.mail(&headers(1), &forward("Cleo <cleo@example.com>")).await);
    let view = story.desk.thread_view(&story.agent, thread, true).unwrap();
    assert_eq!(view.contacts[0].email.as_ref().unwrap().to_string(), "cleo@example.com");
    assert_eq!(view.thread.title.as_deref(), Some("Help"));
    assert_eq!(story.words(thread), ["comment", "note"]);
    assert_eq!(view.parts[0].body_text, "It is broken.");
    assert_eq!(view.parts[1].body_text, "Please help her.");
    let ours = thread_of(&story.mail(&headers(2), &forward("Desk <support@desk.example>")).await);
    let from_ours = story.desk.thread_view(&story.agent, ours, true).unwrap();
    assert_eq!(from_ours.contacts[0].email.as_ref().unwrap().to_string(), "maria@desk.example");
    let within = format!("{}\nIn-Reply-To: <f1@desk.example>", headers(3));
    let taken = story.mail(&within, &forward("Dora <dora@example.com>")).await;
    assert!(matches!(taken, Accepted::Quarantined(_)), "within a thread it is no forward: {taken:?}");
    story.end();
}

#[tokio::test]
async fn tst_81_a_stranger_with_a_valid_reference_joins_as_external_and_gets_no_earlier_text() {
    let story = story().await;
    let thread = asked(&story).await;
    let stranger = "From: Eve <eve@example.org>\nSubject: Re: Invoice\nMessage-ID: <e1@example.org>\n\
                    In-Reply-To: <1@example.com>";
    assert_eq!(thread_of(&story.mail(stranger, "And mine?").await), thread);
    let view = story.desk.thread_view(&story.agent, thread, true).unwrap();
    let eve = view.contacts.iter().find(|contact| contact.name.as_deref() == Some("Eve")).unwrap().id;
    let joined = view.thread.participant(eve).unwrap();
    assert!(joined.external && joined.visible_from_seq == 2, "{joined:?}");
    assert!(view.parts[1].external_sender);
    story.desk.agent_comment(&story.agent, thread, text("Looking.")).await.unwrap();
    story.wait(Duration::from_secs(600));
    let sent = story.send_due().await;
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|mail| !mail.contains("Where is it?")), "{sent:?}");
    story.end();
}

#[tokio::test]
async fn tst_81_a_strict_address_begins_a_conversation_of_its_own() {
    let strict = TrustSettings { strict_senders: vec![address(SUPPORT)], ..TrustSettings::default() };
    let story = Story::begin_with(move |settings| settings.trust = strict.clone()).await;
    let thread = asked(&story).await;
    let stranger = "From: Eve <eve@example.org>\nSubject: Re: Invoice\nMessage-ID: <e1@example.org>\n\
                    In-Reply-To: <1@example.com>";
    let own = thread_of(&story.mail(stranger, "And mine?").await);
    assert_ne!(own, thread);
    let view = story.desk.thread_view(&story.agent, own, true).unwrap();
    assert_eq!(view.thread.hints[0].thread, thread);
    let ana = "From: Ana <ana@example.com>\nMessage-ID: <2@example.com>\nIn-Reply-To: <1@example.com>";
    assert_eq!(thread_of(&story.mail(ana, "Still waiting").await), thread, "the stranger's ids lead nobody away");
    let again = "From: Eve <eve@example.org>\nMessage-ID: <e2@example.org>\nIn-Reply-To: <e1@example.org>";
    assert_eq!(thread_of(&story.mail(again, "Hello?").await), own);
    story.end();
}

#[tokio::test]
async fn tst_85_a_form_mailers_reply_to_is_the_contact() {
    let story = story().await;
    let form = "From: Website <support@desk.example>\nReply-To: Finn <finn@example.com>\nSubject: Form\n\
                Message-ID: <w1@desk.example>";
    let thread = thread_of(&story.mail(form, "Name: Finn").await);
    let view = story.desk.thread_view(&story.agent, thread, true).unwrap();
    assert_eq!(view.contacts[0].email.as_ref().unwrap().to_string(), "finn@example.com");
    story.end();
}

#[tokio::test]
async fn eml_44_a_list_that_rewrites_from_does_not_hide_who_wrote() {
    let story = story().await;
    let list = "From: Gus via Announcements <announce@lists.example>\nX-Original-From: Gus <gus@example.com>\n\
                Subject: x\nMessage-ID: <g1@example.com>";
    let thread = thread_of(&story.mail(list, "hello").await);
    let view = story.desk.thread_view(&story.agent, thread, true).unwrap();
    assert_eq!(view.contacts[0].email.as_ref().unwrap().to_string(), "gus@example.com");
    let email = view.parts[0].email.as_ref().unwrap();
    assert!(email.faults.contains(&"from_rewritten_by_list".to_owned()));
    story.end();
}

/// The reply address in a mail about the thread.
fn reply_address(mail: &str) -> String {
    field(mail, "Reply-To").rsplit('<').next().unwrap().trim_end_matches('>').to_owned()
}

/// A mail of a service that makes sure an address is somebody's.
fn confirm(id: &str, more: &str) -> String {
    format!(
        "From: Service <no-reply@service.example>\nSubject: Confirm your address\nMessage-ID: <{id}@service.example>{more}"
    )
}

const SECRET: &str = "Your code is 482-913";

#[tokio::test]
async fn eml_33_ticket_trick_mail_to_a_reply_address_that_was_given_away_is_no_part_of_its_conversation() {
    let story = story().await;
    let thread = asked(&story).await;
    story.desk.agent_comment(&story.agent, thread, text("Looking.")).await.unwrap();
    let sent = story.send_due().await;
    let (to, ours) = (reply_address(&sent[0]), field(&sent[0], "Message-ID").to_owned());
    assert!(to.contains('+'), "{to}");
    let before = story.parts(thread).len();
    let apart = thread_of(&story.mail_to(&to, &confirm("1", ""), SECRET).await);
    assert_ne!(apart, thread);
    let view = story.desk.thread_view(&story.agent, apart, true).unwrap();
    assert_eq!(view.thread.hints[0].thread, thread, "an agent merges them in one act (EML-39)");
    // The customer lets the service take part first, and it still proves nothing.
    let cc = "From: Ana <ana@example.com>\nCc: no-reply@service.example\nMessage-ID: <2@example.com>\nIn-Reply-To: <1@example.com>";
    assert_eq!(thread_of(&story.mail(cc, "And them").await), thread);
    assert_ne!(thread_of(&story.mail_to(&to, &confirm("2", ""), SECRET).await), thread);
    // A machine's mail that says so is kept with what it is about, for agents alone.
    let automatic = confirm("3", "\nAuto-Submitted: auto-generated");
    assert_eq!(thread_of(&story.mail_to(&to, &automatic, SECRET).await), thread);
    let ana = story.desk.thread_view(&story.agent, thread, true).unwrap().contacts[0].id;
    let view = story.desk.thread_view(&story.agent, thread, true).unwrap();
    let shown = view.parts.iter().filter(|part| crate::domain::audience::may_read(&view.thread, part, ana));
    assert!(shown.clone().count() >= 2 && shown.clone().all(|part| !part.body_text.contains("482-913")));
    story.wait(Duration::from_secs(600));
    story.desk.agent_comment(&story.agent, thread, text("Found it.")).await.unwrap();
    let mails = story.send_due().await;
    assert!(!mails.is_empty() && mails.iter().all(|mail| !mail.contains("482-913")), "{mails:?}");
    // Those who answer are let in as before: the customer by the address alone, a colleague by what they answer.
    let again = "From: Ana <ana@example.com>\nSubject: One more thing\nMessage-ID: <3@example.com>";
    assert_eq!(thread_of(&story.mail_to(&to, again, "Hello again").await), thread);
    let colleague = format!("From: Cleo <cleo@example.com>\nMessage-ID: <4@example.com>\nIn-Reply-To: {ours}");
    assert_eq!(thread_of(&story.mail_to(&to, &colleague, "I can tell").await), thread);
    assert!(story.parts(thread).len() > before + 3);
    story.end();
}
