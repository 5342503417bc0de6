//! Signing in: never in clear, never on the word of somebody in between.

use super::Reading;
use super::options;
use crate::channel::imap::MailboxOptions;
use crate::channel::imap::MailboxPhase;
use crate::channel::imap::Password;
use crate::channel::imap::TlsMode;
use crate::channel::imap::fake::Fake;
use crate::channel::imap::test_sign_in;

async fn failure(options: &MailboxOptions) -> String {
    let steps = test_sign_in(options).await;
    steps.last().unwrap().1.clone().expect_err("must fail")
}

fn protected(fake: &Fake, tls: TlsMode) -> MailboxOptions {
    let certificate = fake.with_tls(tls == TlsMode::Implicit);
    MailboxOptions { tls, host: "localhost".to_owned(), extra_roots: vec![certificate], ..options(fake) }
}

#[tokio::test]
async fn mail_comes_through_tls_and_starttls() {
    for tls in [TlsMode::Implicit, TlsMode::StartTls] {
        let fake = Fake::start(&[(1, "Subject: a\r\n\r\nb")]).await;
        let reading = Reading::of(protected(&fake, tls));
        reading.door.until_taken(1).await;
        reading.stop().await;
    }
}

#[tokio::test]
async fn a_probe_names_each_step() {
    let fake = Fake::start(&[(1, "x")]).await;
    let steps = test_sign_in(&protected(&fake, TlsMode::StartTls)).await;
    let names: Vec<_> = steps.iter().map(|(step, _)| *step).collect();
    assert_eq!(names, ["connect", "sign in", "open folder", "look", "IDLE"]);
    assert!(steps.iter().all(|(_, found)| found.is_ok()), "{steps:?}");
}

#[tokio::test]
async fn an_unknown_certificate_ends_it_before_a_word_is_said() {
    let fake = Fake::start(&[]).await;
    let mut options = protected(&fake, TlsMode::Implicit);
    let other = Fake::start(&[]).await;
    options.extra_roots = vec![other.with_tls(true)];
    assert!(failure(&options).await.starts_with("TLS"));
    assert!(fake.world().heard.is_empty());
}

#[tokio::test]
async fn no_starttls_credentials_are_never_said_in_clear() {
    for (line, lie, why) in [
        ("greeting", "* PREAUTH come in{CRLF}", "PREAUTH"),
        ("greeting", "* BYE go away{CRLF}", "closed"),
        ("greeting", "SSH-2.0-OpenSSH{CRLF}", "not IMAP"),
        ("STARTTLS", "{tag} BAD unknown{CRLF}", "not understood"),
        ("STARTTLS", "{tag} NO not now{CRLF}", "refused"),
        ("STARTTLS", "{tag} OK go{CRLF}* CAPABILITY IMAP4rev1 AUTH=PLAIN{CRLF}", "in clear after"),
        ("STARTTLS", "{tag} OK go{CRLF}A0002 OK [CAPABILITY IMAP4rev1] injected{CRLF}", "in clear after"),
        ("STARTTLS", "* OK [ALERT] log in elsewhere{CRLF}d9 OK wrong tag{CRLF}", "not IMAP"),
        ("STARTTLS", "{CUT}", "closed"),
    ] {
        let fake = Fake::start(&[]).await;
        let options = protected(&fake, TlsMode::StartTls);
        fake.lie(line, lie);
        let said = failure(&options).await;
        assert!(said.contains(why), "{lie}: {said}");
        let heard = fake.world().heard.clone();
        assert!(!heard.iter().any(|line| line.contains("LOGIN") || line.contains("AUTHENTICATE")), "{lie}: {heard:?}");
    }
}

#[tokio::test]
async fn what_was_said_before_tls_is_asked_again() {
    let fake = Fake::start(&[]).await;
    let options = protected(&fake, TlsMode::StartTls);
    fake.lie("greeting", "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] injected{CRLF}");
    assert!(test_sign_in(&options).await.iter().all(|(_, found)| found.is_ok()));
    let heard = fake.world().heard.clone();
    assert_eq!(heard[..3], ["0: STARTTLS", "0: CAPABILITY", "0: LOGIN \"desk\" \"swordfish\""]);
}

#[tokio::test]
async fn eml_6_refused_credentials_ask_for_a_person_and_a_busy_server_does_not() {
    let fake = Fake::start(&[]).await;
    fake.lie("LOGIN", "{tag} NO [AUTHENTICATIONFAILED] wrong{CRLF}");
    let mut reading = Reading::of(options(&fake));
    let state = reading.until_state("refused", |state| state.last_error.is_some()).await;
    assert_eq!(state.phase, MailboxPhase::NeedsAuth);
    reading.stop().await;
    assert_eq!(fake.world().connects.len(), 1, "accounts lock when knocked at");

    let fake = Fake::start(&[(1, "x")]).await;
    fake.lie_times("LOGIN", "{tag} NO [UNAVAILABLE] later{CRLF}", 1);
    let mut reading = Reading::of(options(&fake));
    let state = reading.until_state("refused", |state| state.last_error.is_some()).await;
    assert_eq!(state.phase, MailboxPhase::Connecting);
    reading.door.until_taken(1).await;
    reading.stop().await;
}

#[tokio::test]
async fn a_password_beyond_ascii_goes_through_sasl() {
    let fake = Fake::start(&[]).await;
    fake.change(|world| world.capabilities = "IMAP4rev1 AUTH=PLAIN".to_owned());
    // base64 of NUL desk NUL p\u{e4}ss; its line has no tag, so the answer names that of the verb before it.
    fake.lie("AGRlc2sAcMOkc3M=", "A0002 OK in{CRLF}");
    let options = MailboxOptions { credentials: Password::new("p\u{e4}ss").into(), ..options(&fake) };
    let steps = test_sign_in(&options).await;
    assert!(steps.iter().all(|(_, found)| found.is_ok()), "{steps:?} {:?}", fake.world().heard);
    assert_eq!(fake.heard("LOGIN"), 0);
}

#[tokio::test]
async fn trap_async_imap_authenticates_only_with_servers_that_say_nothing_else() {
    let fake = Fake::start(&[]).await;
    fake.change(|world| world.capabilities = "IMAP4rev1 AUTH=PLAIN LOGINDISABLED".to_owned());
    fake.lie("AUTHENTICATE", "* OK one moment{CRLF}+ go ahead, not base64{CRLF}");
    fake.lie("AGRlc2sAc3dvcmRmaXNo", "* CAPABILITY IMAP4rev1{CRLF}A0002 OK in{CRLF}");
    let steps = test_sign_in(&options(&fake)).await;
    assert!(steps.iter().all(|(_, found)| found.is_ok()), "{steps:?} {:?}", fake.world().heard);
    assert_eq!(fake.heard("CAPABILITY"), 1);
}

#[tokio::test]
async fn a_server_that_asks_for_the_password_again_and_again_gets_it_once() {
    let fake = Fake::start(&[]).await;
    fake.change(|world| world.capabilities = "IMAP4rev1 AUTH=PLAIN LOGINDISABLED".to_owned());
    fake.lie("AGRlc2sAc3dvcmRmaXNo", "+ {CRLF}");
    assert!(failure(&options(&fake)).await.contains("not IMAP"));
    assert_eq!(fake.heard("AGRlc2sAc3dvcmRmaXNo"), 1);
}

#[tokio::test]
async fn a_password_with_a_line_end_is_never_sent() {
    let fake = Fake::start(&[]).await;
    let options = MailboxOptions { credentials: Password::new("p\r\nd3 DELETE INBOX").into(), ..options(&fake) };
    assert!(failure(&options).await.contains("control characters"));
    fake.until("goodbye", |world| world.heard.last().is_some_and(|line| line == "0: LOGOUT")).await;
    assert_eq!(fake.world().heard, ["0: CAPABILITY", "0: LOGOUT"]);
}
