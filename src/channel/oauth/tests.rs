//! Consent and access tokens against a token server that rotates.

use crate::channel::oauth::CodeConsent;
use crate::channel::oauth::DeviceConsent;
use crate::channel::oauth::NoToken;
use crate::channel::oauth::TokenSource;
use crate::channel::oauth::fake::Act;
use crate::channel::oauth::fake::TokenServer;
use crate::channel::oauth::request::query_value;
use std::fs;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// A source with consent, given by device code.
async fn consented(server: &TokenServer, dir: &tempfile::TempDir) -> TokenSource {
    let source = server.source(dir.path(), "support");
    DeviceConsent::begin(&source).await.unwrap().finish().await.unwrap();
    source
}

#[tokio::test]
async fn eml_6_a_person_consents_with_a_code_on_any_device() {
    let (server, dir) = (TokenServer::start().await, tempfile::tempdir().unwrap());
    let source = server.source(dir.path(), "support");
    let none = source.bearer().await.unwrap_err();
    assert!(matches!(&none, NoToken::NeedsConsent(why) if why.contains("mailbox authorize support")), "{none:?}");
    server.change(|book| {
        book.acts.extend([Act::Refuse("authorization_pending"), Act::Fail(503), Act::Answer]);
    });
    let consent = DeviceConsent::begin(&source).await.unwrap();
    assert_eq!(
        (consent.user_code.as_str(), consent.verification_uri.as_str()),
        ("ABCD-EFGH", "https://id.example.com/device")
    );
    consent.finish().await.unwrap();
    let bearer = source.bearer().await.unwrap();
    assert_eq!((bearer.reveal(), bearer.is_fresh), ("access-1", false));
    assert!(!format!("{bearer:?} {source:?}").contains("access-1") && !format!("{source:?}").contains("hush"));
    server.change(|book| book.acts.push_back(Act::Refuse("access_denied")));
    let refused = DeviceConsent::begin(&source).await.unwrap().finish().await.unwrap_err();
    assert!(refused.contains("access_denied"), "{refused}");
}

async fn visit(address: &str, path: &str) -> String {
    let mut browser = TcpStream::connect(address).await.unwrap();
    browser.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    browser.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn eml_6_a_person_consents_in_a_browser_that_comes_back_here() {
    let (server, dir) = (TokenServer::start().await, tempfile::tempdir().unwrap());
    let source = server.source(dir.path(), "support");
    let consent = CodeConsent::begin(&source).await.unwrap();
    let url = consent.url();
    let (_, query) = url.split_once('?').unwrap();
    let value = |name| query_value(query, name).unwrap();
    server.change(|book| book.challenge = value("code_challenge"));
    assert_eq!((value("scope").as_str(), value("code_challenge_method").as_str()), ("mail offline_access", "S256"));
    let address = value("redirect_uri").trim_start_matches("http://").trim_end_matches('/').to_owned();
    let state = value("state");
    let browser = async {
        assert!(visit(&address, "/favicon.ico").await.starts_with("HTTP/1.1 404"));
        assert!(visit(&address, "/?code=yes&state=forged").await.starts_with("HTTP/1.1 404"));
        assert!(visit(&address, &format!("/?code=yes&state={state}")).await.contains("Thank you"));
    };
    let (finished, ()) = tokio::join!(consent.finish(async { None }), browser);
    finished.unwrap();
    assert_eq!(source.bearer().await.unwrap().reveal(), "access-1");
}

#[tokio::test]
async fn eml_6_a_person_may_paste_where_the_browser_went() {
    let (server, dir) = (TokenServer::start().await, tempfile::tempdir().unwrap());
    let source = server.source(dir.path(), "support");
    for (pasted, outcome) in [
        ("http://127.0.0.1:1/?state=STATE&code=yes\n", Ok(())),
        ("yes\n", Ok(())),
        ("http://127.0.0.1:1/?state=other&code=yes\n", Err("belongs to another attempt")),
        ("http://127.0.0.1:1/?state=STATE&error=access_denied\n", Err("access_denied")),
        ("no\n", Err("invalid_grant")),
        ("\n", Err("no code")),
    ] {
        let consent = CodeConsent::begin(&source).await.unwrap();
        let url = consent.url();
        let value = |name| query_value(url.split_once('?').unwrap().1, name).unwrap();
        server.change(|book| book.challenge = value("code_challenge"));
        let line = pasted.replace("STATE", &value("state"));
        let finished = consent.finish(async { Some(line) }).await;
        match outcome {
            Ok(()) => finished.unwrap(),
            Err(words) => assert!(finished.as_ref().unwrap_err().contains(words), "{pasted}: {finished:?}"),
        }
    }
}

#[tokio::test]
async fn eml_6_a_rotated_refresh_token_is_on_disk_before_the_old_one_is_dropped() {
    let (server, dir) = (TokenServer::start().await, tempfile::tempdir().unwrap());
    server.change(|book| book.lives_s = 1);
    let source = consented(&server, &dir).await;
    for number in 2..5 {
        let bearer = source.bearer().await.unwrap();
        assert_eq!((bearer.reveal(), bearer.is_fresh), (format!("access-{number}").as_str(), true));
        let kept = fs::read_to_string(dir.path().join("oauth/support.json")).unwrap();
        assert!(kept.contains(&format!("\"refresh_token\":\"refresh-{number}\"")), "{kept}");
        assert!(kept.contains(&format!("\"previous_refresh_token\":\"refresh-{}\"", number - 1)), "{kept}");
    }
    // Another process begins with what is on disk.
    assert_eq!(server.source(dir.path(), "support").bearer().await.unwrap().reveal(), "access-5");
}

#[tokio::test]
async fn eml_6_tokens_that_the_disk_refuses_are_not_lost() {
    let (server, dir) = (TokenServer::start().await, tempfile::tempdir().unwrap());
    server.change(|book| book.lives_s = 1);
    let source = consented(&server, &dir).await;
    server.change(|book| book.lives_s = 3_600);
    let in_the_way = dir.path().join("oauth/support.json.new");
    fs::create_dir(&in_the_way).unwrap();
    let refused = source.bearer().await.unwrap_err();
    assert!(matches!(&refused, NoToken::Passing(why) if why.contains("cannot be written")), "{refused:?}");
    fs::remove_dir(&in_the_way).unwrap();
    assert_eq!(source.bearer().await.unwrap().reveal(), "access-2");
    assert_eq!(server.change(|book| book.given.len()), 2, "what was given once was not asked for again");
}

#[tokio::test]
async fn eml_6_tst_94_a_failure_right_after_a_rotation_passes_or_asks_for_a_person() {
    for (acts, forgives, ends_well) in [
        (vec![Act::Fail(503)], false, true),
        (vec![Act::Fail(429)], false, true),
        (vec![Act::Refuse("temporarily_unavailable")], false, true),
        (vec![Act::LoseAnswer], true, true),
        (vec![Act::LoseAnswer], false, false),
    ] {
        let (server, dir) = (TokenServer::start().await, tempfile::tempdir().unwrap());
        server.change(|book| book.lives_s = 1);
        let source = consented(&server, &dir).await;
        source.bearer().await.unwrap();
        server.change(|book| {
            book.acts.extend(acts.clone());
            book.forgives = forgives;
        });
        let failed = source.bearer().await.unwrap_err();
        assert!(matches!(failed, NoToken::Passing(_)), "{acts:?}: {failed:?}");
        match source.bearer().await {
            Ok(_) => assert!(ends_well, "{acts:?}"),
            Err(NoToken::NeedsConsent(why)) => {
                assert!(!ends_well && why.contains("invalid_grant"), "{acts:?}: {why}");
                assert!(!why.contains("refresh-"), "no token in words for people: {why}");
            }
            Err(other) => panic!("{acts:?}: {other:?}"),
        }
    }
}
