//! Mailboxes read with access tokens, through every trouble a token server makes (EML-6).

use super::Reading;
use super::options;
use crate::channel::imap::MailboxOptions;
use crate::channel::imap::MailboxPhase;
use crate::channel::imap::fake::Fake;
use crate::channel::imap::test_sign_in;
use crate::channel::oauth::DeviceConsent;
use crate::channel::oauth::TokenSource;
use crate::channel::oauth::fake::Act;
use crate::channel::oauth::fake::TokenServer;

/// A mailbox whose server knows the tokens that the token server gave, and its source with consent.
async fn mailbox(tokens: &TokenServer, dir: &tempfile::TempDir) -> (Fake, TokenSource) {
    let source = tokens.source(dir.path(), "support");
    DeviceConsent::begin(&source).await.unwrap().finish().await.unwrap();
    let fake = Fake::start(&[(1, "one")]).await;
    fake.change(|world| {
        world.capabilities = "IMAP4rev1 IDLE AUTH=XOAUTH2".to_owned();
        world.tokens = (1..50).map(|number| format!("access-{number}")).collect();
    });
    (fake, source)
}

fn with(source: &TokenSource, fake: &Fake) -> MailboxOptions {
    MailboxOptions { credentials: source.clone().into(), ..options(fake) }
}

/// Ends the connection in IDLE when the next mail comes.
fn cut_at_next_mail(fake: &Fake) {
    fake.lie_times("DONE", "{CUT}", 1);
}

#[tokio::test]
async fn eml_6_mail_comes_with_an_access_token_and_the_token_is_never_said_in_words() {
    let (tokens, dir) = (TokenServer::start().await, tempfile::tempdir().unwrap());
    let (fake, source) = mailbox(&tokens, &dir).await;
    let steps = test_sign_in(&with(&source, &fake)).await;
    assert!(steps.iter().all(|(_, found)| found.is_ok()) && steps[0].0 == "access token", "{steps:?}");
    let reading = Reading::of(with(&source, &fake));
    reading.door.until_taken(1).await;
    reading.stop().await;
    assert_eq!((fake.heard("LOGIN"), fake.heard("AUTHENTICATE XOAUTH2")), (0, 2));
    fake.change(|world| world.capabilities = "IMAP4rev1 AUTH=PLAIN".to_owned());
    let steps = test_sign_in(&with(&source, &fake)).await;
    assert!(steps.last().unwrap().1.clone().unwrap_err().contains("offers no sign-in by token"), "{steps:?}");
}

#[tokio::test]
async fn eml_6_tst_94_rotation_at_every_connection_and_a_failure_after_it_stay_connected() {
    for act in [Act::Fail(503), Act::LoseAnswer] {
        let (tokens, dir) = (TokenServer::start().await, tempfile::tempdir().unwrap());
        tokens.change(|book| {
            book.lives_s = 1;
            book.forgives = true;
        });
        let (fake, source) = mailbox(&tokens, &dir).await;
        let mut reading = Reading::of(with(&source, &fake));
        reading.door.until_taken(1).await;
        tokens.change(|book| book.acts.push_back(act.clone()));
        fake.until("IDLE", |world| world.heard.iter().any(|line| line.ends_with("IDLE"))).await;
        cut_at_next_mail(&fake);
        fake.deliver(2, "two");
        reading.door.until_taken(2).await;
        let state = reading.until_state("connected", |state| state.phase == MailboxPhase::Connected).await;
        assert_eq!(state.last_error, None, "{act:?}");
        assert!(tokens.change(|book| book.given.len()) >= 3, "rotated each time");
        reading.stop().await;
    }
}

#[tokio::test]
async fn eml_6_a_consent_that_is_gone_asks_for_a_person_and_delays_no_other_mailbox() {
    let (tokens, dir) = (TokenServer::start().await, tempfile::tempdir().unwrap());
    tokens.change(|book| book.lives_s = 1);
    let (fake, source) = mailbox(&tokens, &dir).await;
    tokens.change(|book| book.good = "revoked".to_owned());
    let other = Fake::start(&[]).await;
    let healthy = Reading::of(options(&other));
    let mut reading = Reading::of(with(&source, &fake));
    let state = reading.until_state("needs auth", |state| state.phase == MailboxPhase::NeedsAuth).await;
    let words = state.last_error.unwrap();
    assert!(words.contains("mailbox authorize support") && !words.contains("refresh-"), "{words}");
    assert_eq!(fake.world().connects.len(), 0, "a server is not troubled for nothing");
    other.deliver(1, "elsewhere");
    healthy.door.until_taken(1).await;
    // The person says yes, in another process; nobody restarts anything.
    let elsewhere = tokens.source(dir.path(), "support");
    DeviceConsent::begin(&elsewhere).await.unwrap().finish().await.unwrap();
    reading.door.until_taken(1).await;
    reading.until_state("connected", |state| state.phase == MailboxPhase::Connected).await;
    reading.stop().await;
    healthy.stop().await;
}

#[tokio::test]
async fn eml_6_an_access_token_refused_before_its_time_is_replaced_without_a_person() {
    let (tokens, dir) = (TokenServer::start().await, tempfile::tempdir().unwrap());
    let (fake, source) = mailbox(&tokens, &dir).await;
    fake.change(|world| world.tokens.remove("access-1"));
    let mut reading = Reading::of(with(&source, &fake));
    reading.door.until_taken(1).await;
    reading.until_state("connected", |state| state.phase == MailboxPhase::Connected).await;
    reading.stop().await;
    assert_eq!(tokens.change(|book| book.given.len()), 2);
    // Where the mail server takes no token at all, a person is asked, and the token server is left in peace.
    fake.change(|world| world.tokens.clear());
    let mut reading = Reading::of(with(&source, &fake));
    reading.until_state("needs auth", |state| state.phase == MailboxPhase::NeedsAuth).await;
    reading.stop().await;
    assert_eq!(tokens.change(|book| book.given.len()), 3);
}
