//! Signing in with access tokens: rotation, refusal, and what only a person can mend (EML-6).

use super::LIMIT;
use super::fake::FakeOutbox;
use super::mail;
use super::relay;
use super::smtp_peer::Act as Peer;
use super::smtp_peer::PeerOptions;
use super::smtp_peer::SmtpPeer;
use super::smtp_peer::Stage;
use super::worker::count;
use super::worker::start;
use crate::channel::oauth::DeviceConsent;
use crate::channel::oauth::TokenSource;
use crate::channel::oauth::fake::TokenServer;
use crate::channel::smtp_out::RelayTokens;
use crate::channel::smtp_out::health::RelayHealth;
use crate::channel::smtp_out::options::RelayOptions;
use crate::channel::smtp_out::probe::probe;
use crate::channel::smtp_out::single::send_single;
use crate::domain::delivery::Verdict;
use data_encoding::BASE64;
use std::sync::Arc;
use std::sync::Mutex;
use tokio::time::timeout;

/// The relay takes every token.
const ANY: &str = "any";

async fn consented(tokens: &TokenServer, dir: &tempfile::TempDir) -> TokenSource {
    let source = tokens.source(dir.path(), "support");
    DeviceConsent::begin(&source).await.unwrap().finish().await.unwrap();
    source
}

/// A relay that takes this access token and no other, and says why by a challenge.
async fn peer(good: &Arc<Mutex<String>>) -> SmtpPeer {
    let good = Arc::clone(good);
    let options = PeerOptions { offers: vec!["AUTH PLAIN XOAUTH2"], ..PeerOptions::default() };
    SmtpPeer::start_with(options, move |at| match (at.stage, at.line.strip_prefix("AUTH XOAUTH2 ")) {
        (Stage::Auth, Some(shown)) => {
            let shown = String::from_utf8(BASE64.decode(shown.trim().as_bytes()).unwrap()).unwrap();
            let good = good.lock().unwrap().clone();
            let is_good = good == ANY || shown == format!("user=desk\u{1}auth=Bearer {good}\u{1}\u{1}");
            Peer::Say(if is_good { "235 2.7.0 welcome" } else { "334 eyJzdGF0dXMiOiI0MDEifQ==" })
        }
        _ => Peer::Well,
    })
    .await
}

fn options(peer: &SmtpPeer, source: &TokenSource) -> RelayOptions {
    let tokens = Some(RelayTokens { user: "desk".to_owned(), source: source.clone() });
    RelayOptions { tokens, ..relay(peer) }
}

#[tokio::test]
async fn eml_6_a_relay_is_shown_the_mailboxes_token_and_a_new_one_where_that_is_refused() {
    let (tokens, dir) = (TokenServer::start().await, tempfile::tempdir().unwrap());
    let source = consented(&tokens, &dir).await;
    let good = Arc::new(Mutex::new("access-1".to_owned()));
    let options = options(&peer(&good).await, &source);
    let steps = probe(&options).await;
    assert!(steps.iter().all(|(_, done)| done.is_ok()), "{steps:?}");
    assert!(steps.iter().any(|(step, _)| step == "access token") && !format!("{steps:?}").contains("access-1"));
    // The relay has forgotten the token before its time: one more is asked for, and the refresh token rotates.
    "access-2".clone_into(&mut good.lock().unwrap());
    let verdict = send_single(&options, &mail(1)).await.1;
    assert!(matches!(verdict, Verdict::Delivered { .. }), "{verdict:?}");
    assert_eq!(source.bearer().await.unwrap().reveal(), "access-2", "the mailbox has the new one, too");
    assert_eq!(tokens.change(|book| book.given.len()), 2);
}

#[tokio::test]
async fn eml_6_a_relay_without_a_good_consent_needs_a_person_and_goes_on_after_one() {
    let (tokens, dir) = (TokenServer::start().await, tempfile::tempdir().unwrap());
    tokens.change(|book| book.lives_s = 1);
    let source = consented(&tokens, &dir).await;
    tokens.change(|book| "withdrawn".clone_into(&mut book.good));
    let good = Arc::new(Mutex::new(ANY.to_owned()));
    let outbox = FakeOutbox::with(1);
    let mut running = start(&outbox, Some(options(&peer(&good).await, &source)));
    let needs_auth = |health: &RelayHealth| match health {
        RelayHealth::Down { needs_auth, last_error, .. } => {
            *needs_auth && last_error.contains("mailbox authorize support")
        }
        _ => false,
    };
    timeout(LIMIT, running.health.wait_for(needs_auth)).await.unwrap().unwrap();
    DeviceConsent::begin(&source).await.unwrap().finish().await.unwrap();
    outbox.wait_until(|counts| count(counts, "sent") == 1).await;
    assert_eq!(*running.health.borrow(), RelayHealth::Up);
    running.drained().await;
}
