//! LMTP, over TCP and over a Unix socket.

use super::Client;
use super::Listener;
use super::door;
use super::options;
use crate::channel::smtp_in::Protocol;
use crate::channel::smtp_in::SmtpListener;
use crate::channel::smtp_in::serve;
use crate::desk::mail::arrival::ArrivalSource;
use crate::desk::mail::arrival::NotAccepted;
use std::sync::Arc;
use tokio::net::UnixListener;
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

const TWO_OF_THREE: &str = "
    S: 220 desk.example.com LMTP Deskgate
    C: LHLO postfix.example.org
    S: 250
    C: MAIL FROM:<ana@example.org>
    C: RCPT TO:<support@example.com>
    C: RCPT TO:<nobody@example.com>
    C: RCPT TO:<sales@example.com>
    C: DATA
    S: 250 2.1.0
    S: 250 2.1.5
    S: 550 5.1.1
    S: 250 2.1.5
    S: 354";

#[tokio::test]
async fn eml_7_lmtp_answers_for_each_accepted_recipient() {
    let listener = Listener::start(options(Protocol::Lmtp, |_| {})).await;
    listener.plays(&format!("{TWO_OF_THREE}\nC: hi\nC: .\nS: 250 2.6.0\nS: 250 2.6.0\nC: NOOP\nS: 250 2.0.0")).await;
    listener.next_outcome(Err(NotAccepted::Full));
    listener.plays(&format!("{TWO_OF_THREE}\nC: hi\nC: .\nS: 452 4.3.1\nS: 452 4.3.1\nC: NOOP\nS: 250 2.0.0")).await;
    listener.plays(&format!("{TWO_OF_THREE}\nC< a\\nb\nS: 550 5.6.11\nS: 550 5.6.11\nS|")).await;
    let arrivals = listener.door.arrivals.lock().unwrap();
    assert_eq!(arrivals[0].recipients.len(), 2, "one arrival for all recipients");
    assert!(matches!(&arrivals[0].source, ArrivalSource::Lmtp { peer } if peer.ends_with(" postfix.example.org")));
}

#[tokio::test]
async fn lmtp_wants_lhlo_and_recipients() {
    let listener = Listener::start(options(Protocol::Lmtp, |_| {})).await;
    listener
        .plays(
            "S: 220
             C: EHLO x
             S: 500 5.5.1 This is LMTP
             C: LHLO x
             S: 250
             C: MAIL FROM:<>
             C: RCPT TO:<nobody@example.com>
             C: DATA
             S: 250
             S: 550
             S: 503 5.5.1",
        )
        .await;
}

#[tokio::test]
async fn lmtp_speaks_over_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lmtp.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let (door, drain) = (door(1), CancellationToken::new());
    let options = options(Protocol::Lmtp, |_| {});
    let task = tokio::spawn(serve(SmtpListener::from(socket), options, Arc::clone(&door), drain.clone()));
    let mut client = Client::new(Box::new(UnixStream::connect(&path).await.unwrap()));
    client.plays(&format!("{TWO_OF_THREE}\nC: hi\nC: .\nS: 250 2.6.0\nS: 250 2.6.0\nC: QUIT\nS: 221\nS|")).await;
    drop(client);
    drain.cancel();
    task.await.unwrap();
    let arrivals = door.arrivals.lock().unwrap();
    assert_eq!(arrivals[0].source, ArrivalSource::Lmtp { peer: "unix postfix.example.org".to_owned() });
}
