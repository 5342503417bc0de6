//! Every stage, every behaviour of a relay, and the verdict it must give.

use super::LIMIT;
use super::SHORT;
use super::mail;
use super::mail_with;
use super::relay;
use super::smtp_peer::Act;
use super::smtp_peer::Moment;
use super::smtp_peer::PeerOptions;
use super::smtp_peer::SmtpPeer;
use super::smtp_peer::Stage;
use crate::channel::smtp_out::connect::connect;
use crate::channel::smtp_out::options::RelayOptions;
use crate::channel::smtp_out::options::RelayTls;
use crate::channel::smtp_out::transact::After;
use crate::channel::smtp_out::transact::Outcome;
use crate::channel::smtp_out::transact::transact;
use crate::domain::address::Address;
use crate::domain::delivery::Verdict;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Connects and hands one mail over; the second value counts the markers.
async fn attempt(options: &RelayOptions) -> (Outcome, usize) {
    let mut connection = match connect(options, &mut Vec::new()).await {
        Ok(connection) => connection,
        Err(fault) => {
            let reason = fault.to_string();
            let verdict = Verdict::Deferred { reason: reason.clone(), retry_after: None };
            return (Outcome { verdict, after: After::Unwell(reason) }, 0);
        }
    };
    let marks = Arc::new(AtomicUsize::new(0));
    let mark = || async {
        marks.fetch_add(1, Ordering::SeqCst);
        Ok(())
    };
    let outcome = transact(&mut connection, &mail(1), options, mark).await;
    (outcome, marks.load(Ordering::SeqCst))
}

fn word(verdict: &Verdict) -> (&'static str, &str) {
    match verdict {
        Verdict::Delivered { answer } => ("delivered", answer),
        Verdict::Deferred { reason, .. } => ("deferred", reason),
        Verdict::Failed { reason } => ("failed", reason),
        Verdict::Uncertain { reason } => ("uncertain", reason),
        Verdict::Skipped(_) => ("skipped", ""),
        Verdict::Held => ("held", ""),
        Verdict::Postponed { .. } => ("postponed", ""),
    }
}

fn after(after: &After) -> &'static str {
    match after {
        After::Keep => "keep",
        After::Drop => "drop",
        After::Unwell(_) => "unwell",
        After::UnwellPastDot(_) => "unwell, past the dot",
    }
}

/// One line of a table: at this stage the peer does that; verdict, words in it, what becomes of the connection.
type Row = (Stage, Act, &'static str, &'static str, &'static str);

async fn check(rows: Vec<Row>) {
    let mut running = JoinSet::new();
    let both = rows.into_iter().flat_map(|row| [(row.clone(), false), (row, true)]);
    for ((stage, act, verdict, words, then), pipelining) in both {
        running.spawn(async move {
            let what = format!("{stage:?} {act:?} {pipelining}");
            let slow = matches!(act, Act::Stall | Act::Drip(_));
            // The answer to RCPT is still to come when MAIL was refused.
            let closed = pipelining && stage == Stage::Mail && matches!(act, Act::SayAndClose(_));
            let then = if closed && then == "keep" { "drop" } else { then };
            let offers = if pipelining { vec!["PIPELINING"] } else { Vec::new() };
            let script = move |at: &Moment| if at.stage == stage { act.clone() } else { Act::Well };
            let peer = SmtpPeer::start_with(PeerOptions { offers, ..PeerOptions::default() }, script).await;
            let mut options = relay(&peer);
            options.timeout = if slow { SHORT } else { LIMIT };
            let (outcome, marks) = attempt(&options).await;
            let (is, said) = word(&outcome.verdict);
            assert_eq!((is, after(&outcome.after)), (verdict, then), "{what}: {said}");
            assert!(said.contains(words), "{what}: {said}");
            assert_eq!(marks, usize::from(stage == Stage::Dot), "{what}: the marker");
            assert_eq!(peer.taken().len(), usize::from(verdict == "delivered"), "{what}");
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn brc_43_before_the_dot_a_lost_connection_is_deferred_after_it_uncertain() {
    let stages = [
        (Stage::Connect, "greeting"),
        (Stage::Ehlo, "EHLO"),
        (Stage::Mail, "MAIL FROM"),
        (Stage::Rcpt, "RCPT TO"),
        (Stage::Data, "DATA"),
        (Stage::Dot, "end of message"),
    ];
    let mut rows: Vec<Row> = Vec::new();
    for (stage, step) in stages {
        let (verdict, then) =
            if stage == Stage::Dot { ("uncertain", "unwell, past the dot") } else { ("deferred", "unwell") };
        let acts = [
            Act::Close,
            Act::Reset,
            Act::Stall,
            Act::Drip("250 2.0.0 slowly"),
            Act::Say("hello"),
            Act::Say("25"),
            Act::Say("250-a\r\n550 b"),
            Act::Say("190 early"),
        ];
        rows.extend(acts.into_iter().map(|act| (stage, act, verdict, step, then)));
    }
    check(rows).await;
}

#[tokio::test]
async fn eml_63_4yz_is_deferred_and_5yz_fails_at_every_step_of_the_mail() {
    let mut rows: Vec<Row> = Vec::new();
    for stage in [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Dot] {
        rows.extend([
            (stage, Act::Say("451 4.3.0 later"), "deferred", "451 4.3.0 later", "keep"),
            (stage, Act::Say("452-4.3.1 no\r\n452 4.3.1 space"), "deferred", "452 4.3.1 no 4.3.1 space", "keep"),
            (stage, Act::Say("550 5.1.1 no such user"), "failed", "550 5.1.1 no such user", "keep"),
            (stage, Act::Say("554"), "failed", "554", "keep"),
            (stage, Act::SayAndClose("550 5.7.1 go away"), "failed", "550 5.7.1 go away", "keep"),
        ]);
    }
    check(rows).await;
}

#[tokio::test]
async fn a_relay_that_refuses_us_and_not_the_mail_fails_no_mail() {
    let mut rows: Vec<Row> = Vec::new();
    for stage in [Stage::Connect, Stage::Ehlo] {
        for text in ["421 4.3.2 closing", "450 4.7.1 too many", "554 5.7.1 not you", "220-a\r\n421 b", "354 what"] {
            rows.push((stage, Act::Say(text), "deferred", "", "unwell"));
        }
    }
    for stage in [Stage::Mail, Stage::Rcpt, Stage::Data] {
        rows.push((stage, Act::SayAndClose("421 4.3.2 closing"), "deferred", "421", "unwell"));
        rows.push((stage, Act::Say("530 5.7.0 sign in first"), "deferred", "530", "unwell"));
        rows.push((stage, Act::Say("538 5.7.11 encrypt first"), "deferred", "538", "unwell"));
    }
    rows.push((Stage::Dot, Act::SayAndClose("421 4.3.2 closing"), "deferred", "421", "drop"));
    check(rows).await;
}

#[tokio::test]
async fn an_answer_of_a_class_that_makes_no_sense_is_never_taken_for_success() {
    let rows: Vec<Row> = vec![
        (Stage::Mail, Act::Say("354 go on"), "deferred", "no sense", "unwell"),
        (Stage::Rcpt, Act::Say("334 ?"), "deferred", "no sense", "unwell"),
        (Stage::Data, Act::Say("250 2.0.0 done"), "deferred", "no sense", "unwell"),
        (Stage::Dot, Act::Say("354 go on"), "uncertain", "no sense", "unwell, past the dot"),
    ];
    check(rows).await;
}

#[tokio::test]
async fn replies_nobody_asked_for_are_not_taken_for_answers() {
    let rows: Vec<Row> = vec![
        (Stage::Ehlo, Act::Say("250 peer\r\n250 2.0.0 taken already"), "deferred", "before it was asked", "unwell"),
        (Stage::Rcpt, Act::Say("250 ok\r\n354 go on"), "deferred", "before it was asked", "unwell"),
        (Stage::Rcpt, Act::Say("250 ok\r\n354 go on\r\n250 2.0.0 taken"), "deferred", "before it was asked", "unwell"),
    ];
    check(rows).await;
}

#[tokio::test]
async fn trap_pipelined_answer_to_data_does_not_stand_for_the_message() {
    let peer = SmtpPeer::start(|at| match at.stage {
        Stage::Data => Act::Say("354 go on\r\n250 2.0.0 taken"),
        _ => Act::Well,
    });
    let (outcome, marks) = attempt(&relay(&peer.await)).await;
    assert_eq!((word(&outcome.verdict).0, marks), ("deferred", 0));
}

#[tokio::test]
async fn replies_without_end_are_given_up() {
    let endless_line: &'static str =
        Box::leak("250 ".chars().chain("x".repeat(100_000).chars()).collect::<String>().into());
    let endless_reply: &'static str = Box::leak("250-x\r\n".repeat(10_000).into_boxed_str());
    let rows: Vec<Row> = vec![
        (Stage::Mail, Act::Say(endless_line), "deferred", "endless line", "unwell"),
        (Stage::Mail, Act::Say(endless_reply), "deferred", "no end", "unwell"),
        (Stage::Dot, Act::Say(endless_reply), "uncertain", "no end", "unwell, past the dot"),
    ];
    check(rows).await;
}

#[tokio::test]
async fn p12_what_a_relay_took_stays_taken_when_it_resets_afterwards() {
    let peer = SmtpPeer::start(|at| if at.stage == Stage::Dot { Act::WellAndReset } else { Act::Well }).await;
    let (outcome, _) = attempt(&relay(&peer)).await;
    // Whether the answer outlives the reset is the network's decision; a repeat is in no case.
    assert!(matches!(word(&outcome.verdict).0, "delivered" | "uncertain"), "{outcome:?}");
    assert_eq!(peer.taken().len(), 1);
}

#[tokio::test]
async fn p5_the_relay_reads_byte_for_byte_what_was_composed() {
    let mut long: Vec<u8> = b"Subject: x\r\n\r\n".to_vec();
    for n in 0..40_000_usize {
        long.extend_from_slice(if n % 3 == 0 { b".\r\n" } else { b"..line. \xc3\xa4 with dots.\r\n" });
    }
    for message in [&b"\r\n"[..], b"a: b\r\n\r\n.\r\n", b"a: b\r\n\r\n\r\n\r\n", b".\r\n", &long] {
        let options = PeerOptions { offers: vec!["8BITMIME", "SIZE 10000000"], ..PeerOptions::default() };
        let peer = SmtpPeer::start_with(options, |_| Act::Well).await;
        let options = relay(&peer);
        let mut connection = connect(&options, &mut Vec::new()).await.unwrap();
        let outcome = transact(&mut connection, &mail_with(1, message), &options, || async { Ok(()) }).await;
        assert_eq!(word(&outcome.verdict), ("delivered", "250 2.0.0 taken"));
        let taken = peer.taken();
        assert!(taken[0].message == message, "{} bytes became {}", message.len(), taken[0].message.len());
        assert_eq!(taken[0].to, ["customer1@example.com"]);
        assert!(taken[0].from.starts_with("<bounce@desk.example> SIZE="), "{}", taken[0].from);
    }
}

#[tokio::test]
async fn trap_smuggling_a_message_with_line_ends_of_its_own_never_reaches_the_relay() {
    let peer = SmtpPeer::start(|_| Act::Well).await;
    let options = relay(&peer);
    let mut connection = connect(&options, &mut Vec::new()).await.unwrap();
    for message in [&b"a\r\n\r\nx\n.\nMAIL FROM:<evil@example.com>\r\n"[..], b"C\n.\r\nD\r\n", b"\r.\r\r\n", b"no end"]
    {
        let outcome = transact(&mut connection, &mail_with(1, message), &options, || async { Ok(()) }).await;
        let (is, said) = word(&outcome.verdict);
        assert!(is == "failed" && said.starts_with("cannot be sent safely"), "{said}");
        assert_eq!(outcome.after, After::Keep);
    }
    assert_eq!(peer.commands(), ["EHLO desk.example.com"]);
}

#[tokio::test]
async fn brc_43_no_marker_no_dot() {
    let peer = SmtpPeer::start(|_| Act::Well).await;
    let options = relay(&peer);
    let mut connection = connect(&options, &mut Vec::new()).await.unwrap();
    let refused = || async { Err("the store is unavailable".to_owned()) };
    let outcome = transact(&mut connection, &mail(1), &options, refused).await;
    assert_eq!(word(&outcome.verdict), ("deferred", "not handed over: the store is unavailable"));
    assert_eq!(outcome.after, After::Drop);
    drop(connection);
    // The next connection is served after the first one's end was seen.
    let (second, _) = attempt(&options).await;
    assert_eq!(word(&second.verdict).0, "delivered");
    assert_eq!(peer.taken().len(), 1, "the first message had no end");
}

#[tokio::test]
async fn a_relay_that_refuses_within_the_text_is_heard() {
    let peer = SmtpPeer::start(|at| match at.stage {
        Stage::Text => Act::SayAndClose("552 5.3.4 too big for us"),
        _ => Act::Well,
    });
    let peer = peer.await;
    let options = relay(&peer);
    let mut connection = connect(&options, &mut Vec::new()).await.unwrap();
    let big = b"x: y\r\n".repeat(4_000_000);
    let marks = AtomicUsize::new(0);
    let mark = || async {
        marks.fetch_add(1, Ordering::SeqCst);
        Ok(())
    };
    let outcome = transact(&mut connection, &mail_with(1, &big), &options, mark).await;
    // The network may throw the words away together with the connection; then it is a lost connection before the dot.
    assert!(matches!(word(&outcome.verdict).0, "failed" | "deferred"), "{outcome:?}");
    assert_eq!(marks.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn rfc_2920_sender_and_recipient_come_in_one_group() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options =
        RelayOptions::new("test", "127.0.0.1", listener.local_addr().unwrap().port(), RelayTls::None, "us");
    options.timeout = LIMIT;
    let relay = tokio::spawn(async move {
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        let mut seen = Vec::new();
        let answers =
            ["220 hi", "250-hi\r\n250 PIPELINING", "", "250 ok\r\n250 ok", "354 go on", "", "", "", "250 2.0.0 taken"];
        for answer in answers {
            if !answer.is_empty() {
                stream.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
            }
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            seen.push(line.split(':').next().unwrap().trim_end().to_owned());
        }
        seen
    });
    let message = mail_with(1, b"Subject: x\r\n\r\nHello\r\n");
    let mut connection = connect(&options, &mut Vec::new()).await.unwrap();
    let outcome = transact(&mut connection, &message, &options, || async { Ok(()) }).await;
    assert_eq!((word(&outcome.verdict), after(&outcome.after)), (("delivered", "250 2.0.0 taken"), "keep"));
    drop(connection);
    let seen = relay.await.unwrap();
    assert_eq!(seen, ["EHLO us", "MAIL FROM", "RCPT TO", "DATA", "Subject", "", "Hello", ".", ""]);
}

#[tokio::test]
async fn rfc_2920_a_refused_sender_leaves_the_connection_in_step() {
    let refuse = |at: &Moment| match at.stage {
        Stage::Mail if at.line.contains("bounce@") => Act::Say("451 4.3.0 later"),
        _ => Act::Well,
    };
    let options = PeerOptions { offers: vec!["PIPELINING"], ..PeerOptions::default() };
    let peer = SmtpPeer::start_with(options, refuse).await;
    let options = relay(&peer);
    let mut connection = connect(&options, &mut Vec::new()).await.unwrap();
    let mut other = mail(2);
    other.reverse_path = Address::parse("other@desk.example").unwrap();
    let mut said = Vec::new();
    for mail in [mail(1), other] {
        let outcome = transact(&mut connection, &mail, &options, || async { Ok(()) }).await;
        said.push((word(&outcome.verdict).0, after(&outcome.after)));
    }
    assert_eq!(said, [("deferred", "keep"), ("delivered", "keep")]);
    assert_eq!(peer.taken().len(), 1);
}
