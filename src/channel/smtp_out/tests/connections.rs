//! Connecting: protection, sign-in, what is never sent in clear, and the steps people are shown.

use super::relay;
use super::smtp_peer::Act;
use super::smtp_peer::PeerOptions;
use super::smtp_peer::SmtpPeer;
use super::smtp_peer::Stage;
use super::tls;
use crate::channel::smtp_out::Credentials;
use crate::channel::smtp_out::connect::connect;
use crate::channel::smtp_out::offers::Size;
use crate::channel::smtp_out::options::RelayTls;
use crate::channel::smtp_out::probe::probe;

fn credentials() -> Option<Credentials> {
    Some(Credentials::new("desk".to_owned(), "open sesame".to_owned()))
}

#[tokio::test]
async fn implicit_tls_and_starttls_protect_the_password() {
    for (mode, implicit) in [(RelayTls::Implicit, true), (RelayTls::StartTls, false)] {
        let (certificate, acceptor) = tls();
        let offers = vec!["STARTTLS", "AUTH PLAIN LOGIN"];
        let peer = SmtpPeer::start_with(PeerOptions { offers, tls: Some(acceptor), implicit }, |_| Act::Well).await;
        let mut options = relay(&peer);
        options.host = "localhost".to_owned();
        (options.tls, options.credentials) = (mode, credentials());
        let steps = probe(&options).await;
        assert!(matches!(steps.last(), Some((_, Err(error))) if error.contains("TLS")), "unknown issuer: {steps:?}");
        options.extra_roots = vec![certificate];
        connect(&options, &mut Vec::new()).await.unwrap();
        let auth: Vec<_> = peer.commands().into_iter().filter(|line| line.starts_with("AUTH")).collect();
        assert_eq!(auth, ["AUTH PLAIN AGRlc2sAb3BlbiBzZXNhbWU="], "{mode:?}");
        options.host = "127.0.0.1".to_owned();
        assert!(connect(&options, &mut Vec::new()).await.is_err(), "the certificate is another host's");
    }
}

#[tokio::test]
async fn starttls_that_is_asked_for_and_not_offered_ends_the_attempt() {
    let peer = SmtpPeer::start(|_| Act::Well).await;
    let mut options = relay(&peer);
    (options.tls, options.credentials) = (RelayTls::StartTls, credentials());
    let steps = probe(&options).await;
    assert!(matches!(steps.last(), Some((step, Err(error))) if step == "STARTTLS" && error.contains("not offer")));
    assert_eq!(peer.commands(), ["EHLO desk.example.com"]);
}

#[tokio::test]
async fn trap_starttls_injection_words_in_clear_are_not_taken_for_the_protected_relays() {
    let (certificate, acceptor) = tls();
    let options = PeerOptions { offers: vec!["STARTTLS"], tls: Some(acceptor), implicit: false };
    let peer = SmtpPeer::start_with(options, |at| match at.stage {
        Stage::StartTls => Act::Say("220 go ahead\r\n250-peer.example\r\n250 AUTH PLAIN"),
        _ => Act::Well,
    })
    .await;
    let mut options = relay(&peer);
    options.host = "localhost".to_owned();
    (options.tls, options.credentials, options.extra_roots) = (RelayTls::StartTls, credentials(), vec![certificate]);
    let steps = probe(&options).await;
    assert!(matches!(steps.last(), Some((_, Err(error))) if error.contains("before it was asked")), "{steps:?}");
}

#[tokio::test]
async fn login_answers_two_questions_where_plain_is_not_offered() {
    let options = PeerOptions { offers: vec!["AUTH LOGIN CRAM-MD5"], ..PeerOptions::default() };
    let peer = SmtpPeer::start_with(options, |_| Act::Well).await;
    let mut options = relay(&peer);
    options.credentials = credentials();
    connect(&options, &mut Vec::new()).await.unwrap();
    assert_eq!(peer.commands().get(1..), Some(&["AUTH LOGIN", "ZGVzaw==", "b3BlbiBzZXNhbWU="].map(str::to_owned)[..]));
}

#[tokio::test]
async fn a_sign_in_that_cannot_be_made_is_the_relays_fault_and_says_why() {
    let cases = [
        (vec!["AUTH CRAM-MD5"], Act::Well, "neither AUTH PLAIN nor AUTH LOGIN"),
        (vec![], Act::Well, "neither AUTH PLAIN nor AUTH LOGIN"),
        (vec!["AUTH PLAIN"], Act::Say("535 5.7.8 wrong"), "535 5.7.8 wrong"),
        (vec!["AUTH PLAIN"], Act::Say("250 fine"), "250 fine"),
        (vec!["AUTH PLAIN"], Act::Close, "closed"),
        (vec!["AUTH PLAIN"], Act::Say("334 %%%"), "something else"),
    ];
    for (offers, act, why) in cases {
        let peer = SmtpPeer::start_with(PeerOptions { offers, ..PeerOptions::default() }, move |at| match at.stage {
            Stage::Auth => act.clone(),
            _ => Act::Well,
        });
        let mut options = relay(&peer.await);
        options.credentials = credentials();
        let steps = probe(&options).await;
        assert!(
            matches!(steps.last(), Some((step, Err(error))) if step == "sign in" && error.contains(why)),
            "{why}: {steps:?}"
        );
        assert!(!format!("{options:?}{steps:?}").contains("sesame"), "secrets are not shown");
    }
}

#[tokio::test]
async fn relay_test_shows_every_step_with_the_relays_words() {
    let (certificate, acceptor) = tls();
    let options = PeerOptions { offers: vec!["STARTTLS", "AUTH PLAIN"], tls: Some(acceptor), implicit: false };
    let peer = SmtpPeer::start_with(options, |_| Act::Well).await;
    let mut options = relay(&peer);
    options.host = "localhost".to_owned();
    (options.tls, options.credentials, options.extra_roots) = (RelayTls::StartTls, credentials(), vec![certificate]);
    let steps = probe(&options).await;
    let names: Vec<&str> = steps.iter().map(|(step, _)| step.as_str()).collect();
    assert_eq!(names, ["connect", "greeting", "EHLO", "STARTTLS", "TLS", "EHLO", "sign in"]);
    assert!(steps.iter().all(|(_, done)| done.is_ok()), "{steps:?}");
    options.port = 1;
    let steps = probe(&options).await;
    assert!(matches!(&steps[..], [(step, Err(error))] if step == "connect" && error.contains("refused")), "{steps:?}");
}

#[tokio::test]
async fn trap_lettre_panics_at_a_blank_line_of_ehlo_and_we_do_not() {
    let peer = SmtpPeer::start(|at| match at.stage {
        Stage::Ehlo => Act::Say("250-peer\r\n250-   \r\n250 SIZE 5"),
        _ => Act::Well,
    });
    let connection = connect(&relay(&peer.await), &mut Vec::new()).await.unwrap();
    assert_eq!(connection.offers.size, Size::AtMost(5));
}
