//! Traps of `async-imap` itself, each shown open without the guard and closed behind it.

use crate::channel::imap::client::Client;
use crate::channel::imap::error::ImapError;
use crate::channel::imap::guard::Guard;
use crate::channel::imap::sieve::Wanted;
use crate::domain::id::Millis;
use async_imap::Session;
use std::fmt::Debug;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio::io::duplex;
use tokio_util::sync::CancellationToken;

const SILENCE: Duration = Duration::from_millis(50);

/// Signs in over `stream`, whose peer answers the sign-in with `A0001 OK`.
async fn session<S: AsyncRead + AsyncWrite + Unpin + Debug + Send>(stream: S) -> Session<S> {
    async_imap::Client::new(stream).login("desk", "swordfish").await.unwrap()
}

/// A connection whose peer has already said `script` in answer to what comes after the sign-in.
async fn told(script: &str) -> (DuplexStream, DuplexStream) {
    let (ours, mut theirs) = duplex(1 << 20);
    theirs.write_all(format!("A0001 OK in\r\n{script}").as_bytes()).await.unwrap();
    (ours, theirs)
}

fn guarded(stream: DuplexStream, drain: &CancellationToken) -> Guard {
    let mut guard = Guard::new(Box::new(stream), drain);
    guard.begin("sign in", SILENCE, Wanted::Nothing);
    guard
}

async fn client(stream: DuplexStream) -> Client {
    Client::new(session(guarded(stream, &CancellationToken::new())).await, SILENCE)
}

#[tokio::test]
async fn trap_async_imap_has_no_timeouts() {
    let (ours, _theirs) = told("").await;
    let mute = client(ours).await.search("1").await;
    assert!(matches!(mute, Err(ImapError::Silent { step: "search", .. })), "{mute:?}");
    // Nor may a peer hold us that does not read, or stops in the middle of a body.
    let (ours, mut theirs) = duplex(64);
    theirs.write_all(b"A0001 OK in\r\n").await.unwrap();
    let deaf = client(ours).await.simple("deaf", &"x".repeat(1_000)).await;
    assert!(matches!(deaf, Err(ImapError::Silent { step: "deaf", .. })), "{deaf:?}");
    let (ours, _theirs) = told("* 1 FETCH (UID 1 BODY[] {99}\r\nabc").await;
    let halfway = client(ours).await.fetch_message(1, 100).await;
    assert!(matches!(halfway, Err(ImapError::Silent { step: "fetch", .. })), "{halfway:?}");
}

#[tokio::test]
async fn a_drain_ends_every_wait() {
    let (ours, _theirs) = told("").await;
    let drain = CancellationToken::new();
    let mut client = Client::new(session(guarded(ours, &drain)).await, Duration::from_secs(60));
    drain.cancel();
    assert!(matches!(client.search("1").await, Err(ImapError::Draining)));
}

#[tokio::test]
async fn trap_async_imap_takes_a_lost_connection_for_an_empty_answer() {
    for script in ["", "* SEARCH 1\r\n"] {
        let (ours, mut theirs) = told(script).await;
        let mut bare = session(ours).await;
        theirs.shutdown().await.unwrap();
        assert!(bare.uid_search("UID 1").await.is_ok(), "mended: the guard need not know ends");

        let (ours, mut theirs) = told(script).await;
        let mut client = client(ours).await;
        theirs.shutdown().await.unwrap();
        let lost = client.search("1").await;
        assert!(matches!(lost, Err(ImapError::Closed { step: "search", .. })), "{lost:?}");
    }
}

#[tokio::test]
async fn trap_async_imap_swallows_no_to_fetch() {
    for (answer, is_no) in [("A0002 NO [SERVERBUG] later\r\n", true), ("A0002 BAD what\r\n", false)] {
        let (ours, _theirs) = told(answer).await;
        assert!(session(ours).await.uid_search("UID 1").await.unwrap().is_empty(), "mended: the guard need not tell");

        for verb in ["search", "list", "sizes", "message", "header", "simple"] {
            let (ours, _theirs) = told(answer).await;
            let mut client = client(ours).await;
            let refused = match verb {
                "search" => client.search("1").await.map(drop),
                "list" => client.list("1").await.map(drop),
                "sizes" => client.sizes("1").await.map(drop),
                "message" => client.fetch_message(1, 10).await.map(drop),
                "header" => client.fetch_header(1).await.map(drop),
                _ => client.simple("mark as seen", "UID STORE 1 +FLAGS.SILENT (\\Seen)").await,
            };
            match refused {
                Err(ImapError::No { code, .. }) => assert!(is_no && code.as_deref() == Some("SERVERBUG"), "{verb}"),
                Err(ImapError::Bad { .. }) => assert!(!is_no, "{verb}"),
                other => panic!("{verb}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn trap_async_imap_takes_an_answer_it_cannot_read_for_none() {
    let (ours, _theirs) = told("* ESEARCH (TAG \"A0002\") UID ALL 1:3\r\nA0002 OK\r\n").await;
    assert!(matches!(client(ours).await.search("1:3").await, Err(ImapError::Bad { .. })));
    let unreadable = "* 2 FETCH (UID 2 FLAGS \\Seen))\r\n* 3 FETCH (UID 3)\r\nA0002 OK\r\n";
    let (ours, _theirs) = told(unreadable).await;
    assert!(matches!(client(ours).await.list("1:3").await, Err(ImapError::Garbled { .. })));
    let (ours, _theirs) = told(unreadable).await;
    assert!(matches!(client(ours).await.dates("1:3").await, Err(ImapError::Garbled { .. })));
}

#[tokio::test]
async fn a_line_without_an_end_has_an_end() {
    let (ours, mut theirs) = told("").await;
    let mut client = client(ours).await;
    let flood = tokio::spawn(async move {
        let block = vec![b'x'; 1 << 20];
        while theirs.write_all(&block).await.is_ok() {}
    });
    assert!(matches!(client.search("1").await, Err(ImapError::TooLarge { .. })));
    drop(client);
    flood.await.unwrap();
}

#[tokio::test]
async fn a_fetched_message_is_found_in_any_order_of_items() {
    for (script, body) in [
        ("* 9 FETCH (FLAGS (\\Seen) BODY[] {3}\r\na)b UID 5 RFC822.SIZE 3 MODSEQ (12))", Some("a)b")),
        ("* 9 FETCH (UID 5 BODY[] \"quoted\")", Some("quoted")),
        ("* 9 FETCH (UID 5 RFC822.SIZE 99999999999 BODY[] {0}\r\n)", Some("")),
        ("* 9 FETCH (UID 5 BODY[] {3}\r\nabc)\r\n* 9 FETCH (UID 5 FLAGS (\\Seen))", Some("abc")),
        ("* 9 FETCH (UID 5 BODY[] NIL)", None),
        ("* 9 FETCH (UID 6 BODY[] {1}\r\nx)", None),
    ] {
        let (ours, _theirs) = told(&format!("{script}\r\nA0002 OK\r\n")).await;
        let message = client(ours).await.fetch_message(5, 10).await.unwrap();
        assert_eq!(message.as_deref(), body.map(str::as_bytes), "{script}");
    }
    let (ours, _theirs) = told("* 9 FETCH (UID 5 BODY[HEADER]<0> {4}\r\nA: b)\r\nA0002 OK\r\n").await;
    assert_eq!(client(ours).await.fetch_header(5).await.unwrap().as_deref(), Some(&b"A: b"[..]));
}

#[tokio::test]
async fn internal_dates_are_read_with_their_zone() {
    for (text, ms) in [
        ("17-Jul-1996 02:44:25 -0700", Some(837_596_665_000)),
        (" 1-Jan-1970 00:00:01 +0000", Some(1_000)),
        ("31-Dec-1969 23:59:59 +0000", None),
        ("31-Feb-2026 00:00:00 +0000", None),
        ("yesterday", None),
    ] {
        let (ours, _theirs) = told(&format!("* 1 FETCH (INTERNALDATE \"{text}\" UID 4)\r\nA0002 OK\r\n")).await;
        assert_eq!(client(ours).await.dates("4").await.unwrap(), [(4, ms.map(Millis))], "{text}");
    }
}
