//! The drain: who is told what when the daemon stops.

use super::LIMIT;
use super::Listener;
use super::UP_TO_TEXT;
use super::door;
use super::options;
use crate::channel::smtp_in::Protocol;
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test]
async fn idle_sessions_are_told_and_nobody_new_is_let_in() {
    let listener = Listener::smtp(|_| {}).await;
    let mut client = listener.client().await;
    client.plays("S: 220\nC: EHLO x\nS: 250").await;
    listener.drain.cancel();
    client.plays("S: 421 4.3.2\nS|").await;
    drop(client);
    let address = listener.address;
    listener.drained().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_text_coming_in_is_finished_stored_and_answered() {
    let listener = Listener::smtp(|_| {}).await;
    let mut client = listener.client().await;
    client.plays(&format!("{UP_TO_TEXT}\nC: first half")).await;
    listener.drain.cancel();
    client.plays("C: second half\nC: .\nS: 250 2.6.0\nS: 421 4.3.2\nS|").await;
    drop(client);
    let door = listener.drained().await;
    assert_eq!(door.arrivals.lock().unwrap()[0].raw, b"first half\r\nsecond half\r\n");
}

#[tokio::test]
async fn a_text_that_does_not_end_is_cut_off_with_an_answer() {
    let listener = Listener::smtp(|options| options.drain_data_s = 1).await;
    let mut client = listener.client().await;
    client.plays(&format!("{UP_TO_TEXT}\nC: half")).await;
    listener.drain.cancel();
    client.plays("S: 421 4.3.2\nS|").await;
    assert!(listener.drained().await.arrivals.lock().unwrap().is_empty());
}

#[tokio::test]
async fn eml_1_no_250_before_the_door_has_answered() {
    let options = options(Protocol::Smtp, |options| options.accept_timeout_s = 1);
    let listener = Listener::start_with(options, door(0)).await;
    let mut client = listener.client().await;
    client.plays(&format!("{UP_TO_TEXT}\nC: hi\nC: .\nS: 451 4.3.0")).await;
    listener.door.permits.add_permits(1);
    client
        .plays("C: MAIL FROM:<>\nC: RCPT TO:<s@example.com>\nC: DATA\nS: 250\nS: 250\nS: 354\nC: .\nS: 250 2.6.0")
        .await;
    assert_eq!(listener.taken().len(), 1);
}

#[tokio::test]
async fn a_peer_that_never_closes_does_not_hold_up_the_drain() {
    let listener = Listener::smtp(|_| {}).await;
    let mut client = listener.client().await;
    client.plays("S: 220").await;
    timeout(LIMIT, listener.drained()).await.expect("an end");
    client.plays("S: 421 4.3.2\nS|").await;
}
