//! What goes with age, what stays, and that nothing comes back (DAT-7, DAT-8, EML-15).

use super::*;
use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::arrival::MailDoor;
use crate::desk::thread::conversations::ThreadAct;
use crate::domain::attachment::AttachmentSource;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::id::IntakeId;
use crate::domain::retention::Aged;
use crate::domain::retention::Retention;
use crate::store;

const DAY: Duration = Duration::from_hours(24);

fn mail(id: &str, text: &str) -> Vec<u8> {
    format!(
        "From: Ana <ana@example.com>\r\nTo: {SUPPORT}\r\nSubject: S\r\nMessage-ID: <{id}@x>\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{text}\r\n--b\r\nContent-Type: image/png; name=a.png\r\n\
         Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--b--\r\n"
    )
    .into_bytes()
}

/// How many of each kind would go, in the order of [`Aged::ALL`].
fn due(story: &Story) -> [u64; 5] {
    let due = story.desk.due_to_go().unwrap();
    assert!(due.iter().map(|due| due.what).eq(Aged::ALL));
    std::array::from_fn(|at| due[at].count)
}

fn journal(story: &Story) -> Vec<store::Result<()>> {
    let rows = story.desk.inner.store.view(|tx| store::intake::after(tx, None, 100)).unwrap();
    rows.into_iter().map(|_| Ok(())).collect()
}

#[tokio::test]
async fn dat_8_raw_mail_goes_after_a_year_and_its_files_stay() {
    let story = Story::begin().await;
    let thread = thread_of(&story.desk.accept(arrival(SUPPORT, mail("old", "Look"))).await.unwrap());
    story.wait(300 * DAY);
    let young = thread_of(&story.desk.accept(arrival(SUPPORT, mail("young", "And this"))).await.unwrap());
    story.wait(66 * DAY);
    assert_eq!(due(&story), [1, 0, 0, 0, 0], "a look takes nothing away");
    let part = story.parts(thread).remove(0);
    assert!(story.desk.raw_of_part(part.id).is_ok());
    let file = part.attachments[0].clone();
    let before = story.desk.attachment(part.id, file.id).unwrap().1;

    story.desk.sweep().await.unwrap();
    assert_eq!(due(&story), [0; 5]);
    assert!(story.desk.raw_of_part(part.id).is_err(), "the source is gone");
    let after = story.parts(thread).remove(0);
    assert!(matches!(after.attachments[0].source, AttachmentSource::Blob(_)));
    assert_eq!((after.body_text.trim(), story.desk.attachment(part.id, file.id).unwrap().1), ("Look", before));
    let kept = story.parts(young).remove(0);
    assert!(story.desk.raw_of_part(kept.id).is_ok(), "a year is not over");
    story.end();
}

#[tokio::test]
async fn p13_after_a_start_with_a_clock_years_ahead_nothing_goes_for_a_day() {
    let story = Story::begin().await;
    story.desk.accept(arrival(SUPPORT, mail("new", "Look"))).await.unwrap();
    story.desk.sweep().await.unwrap();
    story.wait(370 * DAY);
    // As in a new process.
    *story.desk.inner.clock_looked_at.lock().unwrap() = None;
    story.desk.sweep().await.unwrap();
    assert_eq!(due(&story), [1, 0, 0, 0, 0], "it may not be as old as that");
    story.wait(DAY / 2);
    story.desk.sweep().await.unwrap();
    assert_eq!(due(&story), [1, 0, 0, 0, 0]);
    story.wait(DAY / 2);
    story.desk.sweep().await.unwrap();
    assert_eq!(due(&story), [0; 5], "nobody set it right, so it is right");
    story.end();
}

#[tokio::test]
async fn dat_7_the_oldest_raw_mail_goes_when_it_is_too_much() {
    let size = mail("0", "Hello").len() as u64;
    let kept = Retention { raw_mail_bytes_max: 2 * size + 10, ..Retention::default() };
    let story = Story::begin_with(|settings| settings.retention = kept).await;
    let mut threads = Vec::new();
    for id in 0..4 {
        threads.push(thread_of(&story.desk.accept(arrival(SUPPORT, mail(&id.to_string(), "Hello"))).await.unwrap()));
    }
    let bytes = story.desk.due_to_go().unwrap()[0].bytes;
    assert_eq!((due(&story), bytes), ([2, 0, 0, 0, 0], 2 * size));
    story.desk.sweep().await.unwrap();
    let has_raw = |thread: &ThreadId| story.desk.raw_of_part(story.parts(*thread)[0].id).is_ok();
    assert_eq!(threads.iter().map(has_raw).collect::<Vec<_>>(), [false, false, true, true]);
    story.end();
}

#[tokio::test]
async fn dat_7_the_journal_goes_after_400_days_and_a_mail_that_comes_again_is_still_known() {
    let story = Story::begin().await;
    let first = story.desk.accept(arrival(SUPPORT, mail("first", "Hello"))).await.unwrap();
    let broken = story.desk.accept(arrival(SUPPORT, Vec::new())).await.unwrap();
    assert!(matches!(broken, Accepted::Quarantined(_)));
    story.desk.agent_comment(&story.agent, thread_of(&first), text("Hi")).await.unwrap();
    story.send_due().await;
    story.wait(401 * DAY);
    assert_eq!(due(&story)[..3], [1, 1, 1]);
    story.desk.sweep().await.unwrap();
    assert_eq!((due(&story)[..3].to_vec(), journal(&story).len()), (vec![0; 3], 1), "what is in quarantine waits on");
    let attempts = story.desk.inner.store.view(|tx| store::outbox::of_thread(tx, thread_of(&first), 9)).unwrap();
    assert!(attempts.iter().all(|delivery| delivery.attempts.is_empty() && delivery.state.is_settled()));
    let again = story.desk.accept(arrival(SUPPORT, mail("first", "Hello"))).await.unwrap();
    assert!(matches!(again, Accepted::Duplicate(thread) if thread == thread_of(&first)), "{again:?}");
    assert_eq!(story.parts(thread_of(&first)).len(), 2);
    assert!(story.desk.inner.store.view(|tx| store::intake::get(tx, IntakeId(1))).unwrap().is_none());
    story.end();
}

#[tokio::test]
async fn dat_7_visitors_who_wrote_nothing_go_after_90_days_and_begin_anew() {
    let story = Story::begin().await;
    let silent = story.desk.open_session(Claim::NewVisitor).await.unwrap();
    let talker = story.visitor().await;
    story.desk.contact_comment(talker.id, None, text("Hello"), ChannelKind::Messenger).await.unwrap();
    story.wait(91 * DAY);
    let young = story.visitor().await;
    assert_eq!(due(&story), [0, 0, 0, 1, 0]);
    story.desk.sweep().await.unwrap();
    assert_eq!(due(&story), [0; 5]);
    let there = |id| story.desk.inner.store.view(|tx| store::contacts::get(tx, id)).unwrap().unwrap().is_there();
    assert!(!there(silent.contact.id) && there(talker.id) && there(young.id));
    let tokens = story.desk.inner.store.view(|tx| store::visitors::after(tx, &[], 100)).unwrap();
    assert!(tokens.iter().all(|(_, contact)| *contact != silent.contact.id), "the token stands for nobody");
    let again = story.desk.open_session(Claim::Visitor(silent.visitor.unwrap())).await.unwrap();
    assert_ne!(again.contact.id, silent.contact.id);
    story.end();
}

#[tokio::test]
async fn dat_7_closed_conversations_are_kept_unless_the_house_says_how_long() {
    let year = Retention { closed_conversations: Some(365 * DAY), ..Retention::default() };
    for (kept, goes) in [(Retention::default(), false), (year, true)] {
        let story = Story::begin_with(|settings| settings.retention = kept).await;
        let closed = thread_of(&story.mail("From: Ana <ana@example.com>\nMessage-ID: <1@x>", "Hello").await);
        let open = thread_of(&story.mail("From: Ben <ben@example.com>\nMessage-ID: <2@x>", "Hello").await);
        story.desk.act_on_thread(&story.agent, closed, ThreadAct::Close, None).await.unwrap();
        story.wait(366 * DAY);
        assert_eq!(due(&story)[4], u64::from(goes));
        story.desk.sweep().await.unwrap();
        while story.desk.purge_batch().await.unwrap() {}
        assert_eq!(story.desk.thread_view(&story.agent, closed, false).is_err(), goes);
        assert!(story.desk.thread_view(&story.agent, open, false).is_ok());
        story.end();
    }
}
