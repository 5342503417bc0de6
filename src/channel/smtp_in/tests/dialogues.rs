//! Ordinary dialogues: what a well-behaved client sees.

use super::Listener;
use super::UP_TO_TEXT;
use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::arrival::ArrivalSource;
use crate::desk::mail::arrival::NotAccepted;
use crate::domain::id::IntakeId;
use crate::domain::id::ThreadId;
use lettre::AsyncSmtpTransport;
use lettre::AsyncTransport;
use lettre::Tokio1Executor;
use lettre::address::Envelope;

#[tokio::test]
async fn eml_7_a_message_is_passed_on_byte_for_byte_and_then_acknowledged() {
    let listener = Listener::smtp(|_| {}).await;
    let mut client = listener.client().await;
    client.plays("S: 220 desk.example.com ESMTP Deskgate").await;
    client.send(b"EHLO mail.example.org\r\n").await;
    let extensions = client.reply().await.unwrap();
    assert_eq!(
        extensions,
        [
            "250-desk.example.com",
            "250-SIZE 52428800",
            "250-8BITMIME",
            "250-SMTPUTF8",
            "250-PIPELINING",
            "250 ENHANCEDSTATUSCODES"
        ]
    );
    client
        .plays(
            "C: MAIL FROM:<ana@example.org> SIZE=100 BODY=8BITMIME
             S: 250 2.1.0
             C: RCPT TO:<Support+tag@example.com>
             S: 250 2.1.5
             C: DATA
             S: 354
             C: Subject: dots
             C:
             C: ..one
             C: nul \\0 nul
             C: .
             S: 250 2.6.0 Message taken into thread 80412
             C: QUIT
             S: 221 2.0.0
             S|",
        )
        .await;
    assert_eq!(listener.taken(), [b"Subject: dots\r\n\r\n.one\r\nnul \0 nul\r\n".to_vec()]);
    let arrivals = listener.door.arrivals.lock().unwrap();
    assert_eq!(arrivals[0].reverse_path.as_deref(), Some("ana@example.org"));
    assert_eq!(arrivals[0].recipients.iter().map(ToString::to_string).collect::<Vec<_>>(), ["support+tag@example.com"]);
    let ArrivalSource::Smtp { peer, .. } = &arrivals[0].source else { panic!("not by SMTP") };
    assert!(peer.starts_with("127.0.0.1:") && peer.ends_with(" mail.example.org"), "{peer}");
}

#[tokio::test]
async fn eml_7_each_outcome_behind_the_door_has_its_code() {
    let listener = Listener::smtp(|_| {}).await;
    for (outcome, reply) in [
        (Ok(Accepted::Duplicate(ThreadId(7))), "250 2.6.0 Message known already in thread 7"),
        (Ok(Accepted::Quarantined(IntakeId(9))), "250 2.6.0 Message kept for review as intake 9"),
        (Ok(Accepted::Own), "250 2.6.0 Message taken"),
        (Ok(Accepted::Tombstoned), "250 2.6.0 Message taken"),
        (Err(NotAccepted::TryAgain("disk on fire at /secret".to_owned())), "451 4.3.0 Message could not be stored now"),
        (Err(NotAccepted::Full), "452 4.3.1 Out of storage space"),
        (Err(NotAccepted::Policy("Too many\r\nheaders".to_owned())), "550 5.7.1 Too many??headers"),
    ] {
        listener.next_outcome(outcome);
        listener.plays(&format!("{UP_TO_TEXT}\nC: hi\nC: .\nS: {reply}\nC: QUIT\nS: 221\nS|")).await;
    }
}

#[tokio::test]
async fn a_panic_behind_the_door_is_our_fault_and_answered() {
    let listener = Listener::smtp(|_| {}).await;
    listener
        .plays(
            "S: 220
             C: EHLO x
             S: 250
             C: MAIL FROM:<panic@example.org>
             C: RCPT TO:<support@example.com>
             C: DATA
             S: 250
             S: 250
             S: 354
             C: .
             S: 451 4.3.0
             C: NOOP
             S: 250",
        )
        .await;
}

#[tokio::test]
async fn many_messages_go_over_one_connection_and_rset_forgets() {
    let listener = Listener::smtp(|_| {}).await;
    let message = "
        C: MAIL FROM:<>
        C: RCPT TO:<support@example.com>
        C: DATA
        S: 250
        S: 250
        S: 354
        C: again
        C: .
        S: 250 2.6.0";
    listener
        .plays(&format!(
            "S: 220
             C: HELO x
             S: 250 desk.example.com
             {message}
             {message}
             C: MAIL FROM:<a@b.c>
             S: 250
             C: RSET
             S: 250 2.0.0
             C: RCPT TO:<support@example.com>
             S: 503 5.5.1
             {message}"
        ))
        .await;
    assert_eq!(listener.taken().len(), 3);
}

#[tokio::test]
async fn commands_beside_the_way_have_their_answers() {
    let listener = Listener::smtp(|_| {}).await;
    listener
        .plays(
            "S: 220
             C: NOOP
             C: HELP
             C: VRFY ana
             C: EXPN list
             C: AUTH PLAIN AGEAYg==
             C: STARTTLS
             C: LHLO x
             S: 250 2.0.0
             S: 214 2.0.0
             S: 252 2.5.0
             S: 502 5.5.1
             S: 502 5.5.1 No authentication
             S: 502 5.5.1
             S: 500 5.5.1 This is SMTP
             C: QUIT
             S: 221",
        )
        .await;
}

#[tokio::test]
async fn replies_to_pipelined_commands_come_in_order() {
    let listener = Listener::smtp(|_| {}).await;
    listener
        .plays(
            "S: 220
             C: EHLO x
             C: MAIL FROM:<a@b.c>
             C: RCPT TO:<nobody@example.com>
             C: RCPT TO:<support@example.com>
             C: RCPT TO:<sales@example.com>
             C: DATA
             S: 250
             S: 250 2.1.0
             S: 550 5.1.1
             S: 250 2.1.5
             S: 250 2.1.5
             S: 354
             C: text
             C: .
             C: MAIL FROM:<>
             C: QUIT
             S: 250 2.6.0
             S: 250 2.1.0
             S: 221
             S|",
        )
        .await;
    assert_eq!(listener.door.arrivals.lock().unwrap()[0].recipients.len(), 2);
}

#[tokio::test]
async fn a_client_written_by_others_delivers() {
    let listener = Listener::smtp(|_| {}).await;
    let client =
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1").port(listener.address.port()).build();
    let (from, to) = ("ana@example.org".parse().unwrap(), "support@example.com".parse().unwrap());
    let envelope = Envelope::new(Some(from), vec![to]).unwrap();
    // It ends every message with a line end of its own.
    let raw = b"Subject: dots\r\n\r\n.\r\n..two\r\nend";
    let response = client.send_raw(&envelope, raw).await.unwrap();
    assert!(response.is_positive());
    assert_eq!(listener.taken(), [[&raw[..], b"\r\n"].concat()]);
}
