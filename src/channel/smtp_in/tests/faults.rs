//! What goes wrong on the way, by design or by malice; names carry the number of the bad input.

use super::LIMIT;
use super::Listener;
use super::UP_TO_TEXT;
use crate::channel::smtp_in::unstuff::tests::SMUGGLING;
use tokio::time::timeout;

#[tokio::test]
async fn fault_01_no_false_end_of_data_lets_a_second_message_through() {
    let listener = Listener::smtp(|_| {}).await;
    for (false_end, _) in SMUGGLING {
        let mut client = listener.client().await;
        client.plays(UP_TO_TEXT).await;
        let smuggled = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<support@example.com>\r\nDATA\r\nevil\r\n.\r\n";
        client.send(&[b"Subject: a\r\n\r\nb", false_end, smuggled, b"QUIT\r\n"].concat()).await;
        client.plays("S: 550 5.6.11\nS|").await;
    }
    assert!(listener.taken().is_empty());
}

#[tokio::test]
async fn fault_01_the_answer_reaches_a_peer_that_sends_on() {
    let listener = Listener::smtp(|_| {}).await;
    let mut client = listener.client().await;
    client.plays(UP_TO_TEXT).await;
    client.send(b"bare\n").await;
    for _ in 0..64 {
        client.send(&[b'x'; 64 * 1024]).await;
    }
    client.send(b"\r\n.\r\n").await;
    client.plays("S: 550 5.6.11\nS|").await;
}

#[tokio::test]
async fn fault_02_nul_beside_the_dot_and_in_commands_is_refused() {
    let listener = Listener::smtp(|_| {}).await;
    for lone in ["\\0.", ".\\0", "\\0\\0.\\0"] {
        listener.plays(&format!("{UP_TO_TEXT}\nC: {lone}\nS: 550 5.6.11\nS|")).await;
    }
    listener.plays("S: 220\nC: EH\\0LO x\nS: 500 5.5.2\nC: EHLO x\\0\nS: 500 5.5.2").await;
}

#[tokio::test]
async fn fault_03_bdat_is_not_offered() {
    let listener = Listener::smtp(|_| {}).await;
    listener.plays("S: 220\nC: EHLO x\nS: 250\nC: BDAT 3 LAST\nS: 502 5.5.1\nC: NOOP\nS: 250").await;
}

#[tokio::test]
async fn fault_04_text_sent_before_354_is_no_text_and_no_command() {
    let listener = Listener::smtp(|_| {}).await;
    listener
        .plays(
            "S: 220
             C: EHLO x
             S: 250
             C: MAIL FROM:<>
             C: RCPT TO:<support@example.com>
             C: DATA
             C: early
             C: .
             C: NOOP
             S: 250
             S: 250
             S: 503 5.5.1
             S|",
        )
        .await;
    assert!(listener.taken().is_empty());
}

#[tokio::test]
async fn fault_06_long_lines_are_refused_and_the_session_goes_on() {
    let listener = Listener::smtp(|_| {}).await;
    let fits = format!("NOOP {}", "x".repeat(995));
    let long = format!("NOOP {}", "x".repeat(996));
    let text_fits = "y".repeat(65_536);
    let text_long = "y".repeat(65_537);
    listener
        .plays(&format!(
            "S: 220
             C: {fits}
             C: {long}
             S: 250 2.0.0
             S: 500 5.5.2
             C< NOOP\\n
             S: 500 5.5.2 Command lines end in CR LF
             C: EHLO x
             S: 250"
        ))
        .await;
    listener.plays(&format!("{UP_TO_TEXT}\nC: {text_fits}\nC: .\nS: 250 2.6.0")).await;
    listener.plays(&format!("{UP_TO_TEXT}\nC: {text_long}\nC: .\nS: 552 5.6.0\nC: NOOP\nS: 250")).await;
    assert_eq!(listener.taken().len(), 1);
    let mut client = listener.client().await;
    client.send(&[b'x'; 70_000]).await;
    client.plays("S: 220\nS: 421 4.7.0 Command line has no end\nS|").await;
}

#[tokio::test]
async fn fault_07_a_message_over_the_limit_is_refused_at_mail_or_after_its_real_end() {
    let listener = Listener::smtp(|options| options.message_bytes_max = 1_000).await;
    listener
        .plays(
            "S: 220
             C: EHLO x
             S: 250
             C: MAIL FROM:<> SIZE=1001
             S: 552 5.3.4
             C: MAIL FROM:<> SIZE=99999999999999999999
             S: 552 5.3.4
             C: MAIL FROM:<> SIZE=1000
             S: 250",
        )
        .await;
    let line = "z".repeat(98);
    let fits = format!("C: {line}\n").repeat(10);
    listener.plays(&format!("{UP_TO_TEXT}\n{fits}\nC: .\nS: 250 2.6.0")).await;
    // The dots within the overflow are stuffed: the end is the last one only.
    let inner = format!("{fits}C: ..\nC: ..QUIT\n").repeat(50);
    listener.plays(&format!("{UP_TO_TEXT}\n{inner}\nC: .\nC: NOOP\nS: 552 5.3.4\nS: 250 2.0.0")).await;
    assert_eq!(listener.taken().len(), 1);
}

#[tokio::test]
async fn fault_07_messages_beyond_the_memory_of_all_sessions_are_put_off() {
    let listener = Listener::smtp(|options| options.inflight_bytes_max = 100_000).await;
    let mut first = listener.client().await;
    first.plays(UP_TO_TEXT).await;
    first.send(&[&[b'x'; 78][..], b"\r\n"].concat().repeat(1_000)).await;
    // Until the 80 000 bytes are read and charged, a second message of 50 000 would still be let in.
    let mut second = listener.client().await;
    second.plays("S: 220\nC: EHLO x\nS: 250").await;
    let put_off = async {
        loop {
            second.plays("C: MAIL FROM:<> SIZE=50000\nC: RCPT TO:<s@example.com>\nC: DATA\nS: 250\nS: 250").await;
            let reply = second.reply().await.unwrap();
            if reply[0].starts_with("452 4.3.1") {
                return;
            }
            second.plays("C: .\nS: 250").await;
        }
    };
    timeout(LIMIT, put_off).await.expect("the budget is used up");
    let line = format!("C: {}\n", "y".repeat(70)).repeat(500);
    second
        .plays(&format!(
            "C: MAIL FROM:<>\nC: RCPT TO:<s@example.com>\nC: DATA\nS: 250\nS: 250\nS: 354\n{line}\nC: .\nS: 452 4.3.1"
        ))
        .await;
    first.plays("C: .\nS: 250 2.6.0").await;
    second
        .plays(&format!(
            "C: MAIL FROM:<>\nC: RCPT TO:<s@example.com>\nC: DATA\nS: 250\nS: 250\nS: 354\n{line}\nC: .\nS: 250 2.6.0"
        ))
        .await;
}

#[tokio::test]
async fn fault_09_recipients_beyond_the_limit_are_put_off_and_the_rest_arrive() {
    let listener = Listener::smtp(|_| {}).await;
    let recipients: String = (0..103).map(|n| format!("C: RCPT TO:<s{n}@example.com>\n")).collect();
    let replies = format!("{}{}", "S: 250 2.1.5\n".repeat(100), "S: 452 4.5.3\n".repeat(3));
    listener
        .plays(&format!(
            "S: 220\nC: EHLO x\nS: 250\nC: MAIL FROM:<>\n{recipients}C: DATA\nS: 250\n{replies}S: 354\nC: .\nS: 250 2.6.0"
        ))
        .await;
    assert_eq!(listener.door.arrivals.lock().unwrap()[0].recipients.len(), 100);
}

#[tokio::test]
async fn fault_10_unknown_recipients_are_refused_at_rcpt_and_leave_no_transaction_to_fill() {
    let listener = Listener::smtp(|_| {}).await;
    listener
        .plays(
            "S: 220
             C: EHLO x
             S: 250
             C: MAIL FROM:<ana@example.org>
             C: RCPT TO:<nobody@example.com>
             C: RCPT TO:<support@elsewhere.example>
             C: RCPT TO:<\"two words\"@example.com>
             C: DATA
             S: 250
             S: 550 5.1.1
             S: 550 5.1.1
             S: 550 5.1.1
             S: 554 5.5.1
             C: NOOP
             S: 250",
        )
        .await;
    assert!(listener.taken().is_empty());
}

#[tokio::test]
async fn fault_11_the_null_reverse_path_is_taken() {
    let listener = Listener::smtp(|_| {}).await;
    listener.plays(&format!("{}\nC: bounce\nC: .\nS: 250", UP_TO_TEXT.replace("ana@example.org", ""))).await;
    assert_eq!(listener.door.arrivals.lock().unwrap()[0].reverse_path.as_deref(), Some(""));
}

#[tokio::test]
async fn fault_12_malformed_addresses_are_refused_and_legal_quotes_taken() {
    let listener = Listener::smtp(|options| options.errors_max = 100).await;
    let local = "l".repeat(65);
    let bad = [
        "a@b@c.d",
        "a b@c.d",
        "@relay.example:a@b.c",
        "a",
        "a@",
        "a..b@c.d",
        "\"a@b.c",
        "<a@b.c>",
        &format!("{local}@b.c"),
        &format!("a@{}b.c", "b.".repeat(127)),
    ];
    let senders: String = bad.iter().map(|text| format!("C: MAIL FROM:<{text}>\nS: 501 5.1.7\n")).collect();
    let recipients: String = bad.iter().map(|text| format!("C: RCPT TO:<{text}>\nS: 501 5.1.3\n")).collect();
    listener
        .plays(&format!(
            "S: 220
             C: EHLO x
             S: 250
             {senders}
             C< MAIL FROM:<a\\rb@c.d>\\r\\n
             S: 500 5.5.2
             C: MAIL FROM:a@b.c
             S: 501 5.1.7
             C: MAIL FROM:<a@b.c> RET=FULL
             S: 555 5.5.4
             C: MAIL FROM:<\"a b\"@c.d>
             S: 250
             {recipients}
             C: RCPT TO:<>
             S: 501 5.1.3
             C: RCPT TO:<x%00y@example.org>
             S: 550 5.1.1
             C: RCPT TO:<\"support\"@example.com>
             S: 250
             C: DATA
             S: 354
             C: .
             S: 250"
        ))
        .await;
    let arrivals = listener.door.arrivals.lock().unwrap();
    assert_eq!(arrivals[0].reverse_path.as_deref(), Some("\"a b\"@c.d"));
    assert_eq!(arrivals[0].recipients[0].to_string(), "support@example.com");
}

#[tokio::test]
async fn fault_13_addresses_beyond_ascii_need_the_keyword() {
    let listener = Listener::smtp(|_| {}).await;
    listener
        .plays(
            "S: 220
             C: EHLO x
             S: 250
             C: MAIL FROM:<j\u{fc}rg@b\u{fc}cher.example>
             S: 553 5.6.7
             C: MAIL FROM:<a@b.c>
             S: 250
             C: RCPT TO:<s\u{fc}d@example.com>
             S: 553 5.6.7
             C: RSET
             S: 250
             C: MAIL FROM:<j\u{fc}rg@b\u{fc}cher.example> SMTPUTF8
             S: 250
             C: RCPT TO:<s\u{fc}d@example.com>
             S: 250",
        )
        .await;
}

#[tokio::test]
async fn fault_15_a_connection_dropped_at_any_stage_leaves_nothing() {
    let listener = Listener::smtp(|_| {}).await;
    for script in [
        "",
        "S: 220",
        "S: 220\nC: EHLO x",
        "S: 220\nC: EHLO x\nS: 250\nC< MAIL FR",
        "S: 220\nC: EHLO x\nS: 250\nC: MAIL FROM:<>\nC: RCPT TO:<s@example.com>",
        UP_TO_TEXT,
        &format!("{UP_TO_TEXT}\nC: some text\nC: more"),
        &format!("{UP_TO_TEXT}\nC: some text\nC< ."),
        &format!("{UP_TO_TEXT}\nC: some text\nC< .\\r"),
    ] {
        listener.plays(script).await;
    }
    assert!(listener.drained().await.arrivals.lock().unwrap().is_empty());
}

#[tokio::test]
async fn fault_16_slow_senders_are_told_and_cut_off() {
    let listener = Listener::smtp(|options| {
        options.command_timeout_s = 1;
        options.data_timeout_s = 1;
    })
    .await;
    let half_line = async { listener.plays("S: 220\nC< EHL\nS: 421 4.4.2 No command\nS|").await };
    let half_text = async { listener.plays(&format!("{UP_TO_TEXT}\nC: text\nS: 421 4.4.2 Text\nS|")).await };
    tokio::join!(half_line, half_text);
    // A pause never as long as the limit, and yet too slow as a whole.
    let listener = Listener::smtp(|options| options.data_total_s = 1).await;
    let mut client = listener.client().await;
    client.plays(UP_TO_TEXT).await;
    let reply = async {
        loop {
            tokio::select! {
                biased;
                reply = client.reply() => return reply,
                () = tokio::time::sleep(std::time::Duration::from_millis(50)) => {}
            }
            client.send(b"x").await;
        }
    };
    let reply = timeout(LIMIT, reply).await.unwrap().unwrap();
    assert!(reply[0].starts_with("421 4.4.2"), "{reply:?}");
}

#[tokio::test]
async fn fault_17_connections_above_the_caps_are_told_at_once_and_the_others_served() {
    let listener = Listener::smtp(|options| options.connections_per_ip_max = 4).await;
    let mut seated = Vec::new();
    for _ in 0..4 {
        let mut client = listener.client().await;
        client.plays("S: 220").await;
        seated.push(client);
    }
    for _ in 0..200 {
        listener.plays("S: 421 4.7.0\nS|").await;
    }
    for client in &mut seated {
        client.plays("C: EHLO x\nS: 250\nC: QUIT\nS: 221\nS|").await;
    }
    let listener = Listener::smtp(|options| options.connections_max = 0).await;
    listener.plays("S: 421 4.3.2\nS|").await;
}

#[tokio::test]
async fn fault_18_the_error_after_the_last_allowed_closes() {
    let listener = Listener::smtp(|_| {}).await;
    let errors = "C: FOO\nS: 500 5.5.1\n".repeat(20);
    listener.plays(&format!("S: 220\n{errors}C: NOOP\nS: 250\nC: FOO\nC: NOOP\nS: 421 4.7.0\nS|")).await;
}

#[tokio::test]
async fn fault_19_a_browser_is_sent_away() {
    let listener = Listener::smtp(|_| {}).await;
    for verb in ["GET", "POST", "PRI"] {
        listener.plays(&format!("S: 220\nC: {verb} / HTTP/1.1\nC: Host: desk\nC:\nC: EHLO x\nS: 421 4.7.0\nS|")).await;
    }
}
