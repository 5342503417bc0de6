//! What the desk promises of every mail, whatever it is: TST-74, TST-75, TST-83, TST-90, TST-93.

use crate::desk::Desk;
use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::arrival::Arrival;
use crate::desk::mail::arrival::ArrivalSource;
use crate::desk::mail::arrival::MailDoor;
use crate::desk::tests::SUPPORT;
use crate::desk::tests::Story;
use crate::desk::tests::address;
use crate::desk::tests::arrival;
use crate::desk::tests::field;
use crate::desk::tests::text;
use crate::desk::tests::thread_of;
use crate::domain::id::IntakeId;
use crate::mail::sanitize::Images;
use crate::mail::sanitize::sanitize;
use std::fs;
use std::time::Duration;

impl Desk {
    /// A mail over which the process died twice, so that a third try sets it aside.
    pub(crate) async fn quarantine_as_poison(&self, raw: &[u8]) -> IntakeId {
        let (inner, kept) = (self.inner.clone(), raw.to_vec());
        let hash = tokio::task::spawn_blocking(move || inner.blobs.put_blocking(&kept)).await.unwrap().unwrap();
        for deaths in 0..2 {
            assert_eq!(self.inner.attempts.begin(hash), deaths);
        }
        match self.accept(arrival(SUPPORT, raw.to_vec())).await.unwrap() {
            Accepted::Quarantined(id) => id,
            other => panic!("a third try: {other:?}"),
        }
    }
}

#[tokio::test]
async fn tst_74_a_poison_message_is_set_aside_the_next_ones_arrive_and_a_retry_takes_it_in() {
    let story = Story::begin().await;
    let raw =
        format!("From: ana@example.com\r\nTo: {SUPPORT}\r\nMessage-ID: <p@example.com>\r\n\r\nPoison\r\n").into_bytes();
    let id = story.desk.quarantine_as_poison(&raw).await;
    for n in 0..3 {
        let next = format!("From: ben@example.com\nMessage-ID: <{n}@example.com>");
        thread_of(&story.mail(&next, &format!("mail {n}")).await);
    }
    assert_eq!(story.desk.quarantined(None, id).unwrap().1, raw, "kept whole");
    let settled = story.desk.retry_quarantined(None, id).await.unwrap();
    assert_eq!((settled.id, settled.message_id.as_str()), (id, "p@example.com"));
    assert_eq!(story.desk.status().unwrap().quarantined, 0);
    assert!(matches!(story.desk.accept(arrival(SUPPORT, raw)).await.unwrap(), Accepted::Duplicate(_)));
    story.end();
}

#[tokio::test]
async fn tst_75_a_mail_without_message_id_imported_twice_is_one_part() {
    let story = Story::begin().await;
    let import = |origin: &str| Arrival {
        source: ArrivalSource::Import { origin: origin.to_owned(), support: address(SUPPORT) },
        reverse_path: None,
        recipients: Vec::new(),
        raw: b"From: ana@example.com\r\nSubject: Old\r\n\r\nNo id\r\n".to_vec(),
    };
    let thread = thread_of(&story.desk.accept(import("a.mbox 1")).await.unwrap());
    assert_eq!(story.desk.accept(import("b.mbox 7")).await.unwrap(), Accepted::Duplicate(thread));
    assert_eq!(story.parts(thread).len(), 1);
    let other = Arrival { raw: b"From: ana@example.com\r\nSubject: Old\r\n\r\nAnother\r\n".to_vec(), ..import("c") };
    assert_ne!(thread_of(&story.desk.accept(other).await.unwrap()), thread);
    story.end();
}

#[tokio::test]
async fn tst_83_who_is_left_out_of_a_reply_stays_and_gets_no_mail_of_it() {
    let story = Story::begin().await;
    let first = "From: Ana <ana@example.com>\nMessage-ID: <1@example.com>";
    let thread = thread_of(&story.mail(first, "Where is it?").await);
    let second = "From: Ben <ben@example.com>\nMessage-ID: <2@example.com>\nIn-Reply-To: <1@example.com>";
    assert_eq!(thread_of(&story.mail(second, "Mine, too").await), thread);
    story.desk.agent_comment(&story.agent, thread, text("Looking.")).await.unwrap();
    story.wait(Duration::from_secs(600));
    assert_eq!(story.send_due().await.len(), 2, "an answer to both");
    let to_us_alone = "From: Ana <ana@example.com>\nMessage-ID: <3@example.com>\nIn-Reply-To: <2@example.com>";
    assert_eq!(thread_of(&story.mail(to_us_alone, "Between us").await), thread);
    story.wait(Duration::from_secs(600));
    let sent = story.send_due().await;
    assert!(sent.iter().all(|mail| !mail.contains("ben@example.com")), "{sent:?}");
    let view = story.desk.thread_view(&story.agent, thread, true).unwrap();
    assert_eq!(view.thread.current_participants().count(), 2, "and stays");
    story.end();
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn tst_90_html_beyond_every_budget_costs_under_two_seconds_and_the_text_is_shown() {
    let story = Story::begin().await;
    let links = "<a href=\"https://www.example.com/\">x</a>".repeat(100_000);
    let tables = format!("{}x{}", "<table><tr><td>".repeat(10_000), "</td></tr></table>".repeat(10_000));
    for (n, html) in [links, tables].into_iter().enumerate() {
        let before = cpu_time();
        assert!(sanitize(&html, &Images::default()).is_err(), "over budget");
        let took = cpu_time().saturating_sub(before);
        assert!(took < Duration::from_secs(2), "{took:?}");
        let mail = format!(
            "From: ana@example.com\nMessage-ID: <{n}@example.com>\nMIME-Version: 1.0\n\
             Content-Type: multipart/alternative; boundary=x\n\n--x\nContent-Type: text/plain\n\nThe text {n}\n--x\n\
             Content-Type: text/html\n\n{html}\n--x--"
        );
        let thread = thread_of(&story.mail(&mail, "").await);
        let part = story.parts(thread).remove(0);
        assert_eq!(part.body_html.trim_end(), format!("<p>The text {n}</p>"));
        let faults = part.email.unwrap().faults;
        assert!(faults.iter().any(|fault| fault.starts_with("html_too_")), "the mail is marked: {faults:?}");
    }
    story.end();
}

#[tokio::test]
async fn tst_93_trace_answers_for_every_fate_of_a_mail() {
    let story = Story::begin().await;
    let traced = |of: &str| {
        let steps = story.desk.trace(of).unwrap();
        steps.into_iter().map(|step| step.what).collect::<Vec<_>>().join("\n")
    };
    let mail = "From: ana@example.com\nMessage-ID: <d@example.com>";
    let thread = thread_of(&story.mail(mail, "delivered").await);
    let told = traced("<d@example.com>");
    assert!(told.contains(&format!("of conversation {thread}, placed by new_thread")), "{told}");
    assert!(told.contains("by lmtp 127.0.0.1:1 test") && told.contains("class human"), "{told}");

    story.mail(mail, "delivered").await;
    assert!(traced("d@example.com").contains("duplicate of arrival"), "{}", traced("d@example.com"));

    let Accepted::Quarantined(id) = story.desk.accept(arrival(SUPPORT, b"\r\n\r\n".to_vec())).await.unwrap() else {
        panic!("was read");
    };
    assert!(traced(&id.to_string()).contains("quarantined: "), "{}", traced(&id.to_string()));

    story.desk.delete_thread(&story.agent, thread).await.unwrap();
    while story.desk.purge_batch().await.unwrap() {}
    story.mail(mail, "delivered").await;
    let told = traced("d@example.com");
    assert_eq!(told.lines().filter(|line| line.contains("duplicate of arrival")).count(), 2, "{told}");
    assert!(told.lines().last().unwrap().contains("deleted"), "what was deleted stays away: {told}");

    let other = thread_of(&story.mail(&mail.replace("<d@", "<e@"), "x").await);
    story.desk.agent_comment(&story.agent, other, text("Yes.")).await.unwrap();
    story.wait(Duration::from_secs(600));
    let sent = story.send_due().await.remove(0);
    let ours = field(&sent, "Message-ID");
    let told = traced(ours);
    assert!(told.contains("250 ok"), "every attempt with the relay's words: {told}");
    assert_eq!(traced("never-seen@example.com"), "");
    story.end();
}
