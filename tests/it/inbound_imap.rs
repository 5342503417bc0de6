//! Mailboxes of a real Dovecot (EML-2 to EML-6).

use crate::support::door::Door;
use crate::support::dovecot::Dovecot;
use crate::support::tap::Tap;
use deskgate::channel::imap::After;
use deskgate::channel::imap::MailboxOptions;
use deskgate::channel::imap::MailboxPhase;
use deskgate::channel::imap::MailboxState;
use deskgate::channel::imap::Password;
use deskgate::channel::imap::TlsMode;
use deskgate::channel::imap::run;
use deskgate::channel::imap::test_sign_in;
use deskgate::clock::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const EXPECTED_WITHIN: Duration = Duration::from_secs(30);

struct Reading {
    door: Arc<Door>,
    state: watch::Receiver<MailboxState>,
    drain: CancellationToken,
    task: JoinHandle<()>,
}

impl Reading {
    fn of(options: MailboxOptions) -> Self {
        let door = Arc::new(Door::default());
        let drain = CancellationToken::new();
        let (sender, state) = watch::channel(MailboxState::default());
        let task = tokio::spawn(run(options, Arc::clone(&door), Clock::default(), drain.clone(), sender));
        Self { door, state, drain, task }
    }

    async fn until_state(&mut self, what: &str, seen: impl FnMut(&MailboxState) -> bool) {
        let waited = timeout(EXPECTED_WITHIN, self.state.wait_for(seen)).await.map(|state| state.unwrap().clone());
        assert!(waited.is_ok(), "never {what}: {:?}", self.state.borrow().clone());
    }

    /// Waits until the folder was looked through and nothing waits there.
    async fn until_looked(&mut self) {
        self.until_state("looked through", |state| state.phase == MailboxPhase::Connected && state.lag == 0).await;
    }

    async fn stop(self) {
        self.drain.cancel();
        timeout(Duration::from_secs(5), self.task).await.unwrap().unwrap();
    }
}

fn options(dovecot: &Dovecot, user: &str) -> MailboxOptions {
    MailboxOptions {
        port: dovecot.tls_port,
        extra_roots: vec![dovecot.certificate.clone()],
        import_existing: true,
        verb_timeout_s: 10,
        ..MailboxOptions::new("support", "localhost", user, Password::new("pw"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eml_2_waiting_and_new_mail_comes_in_over_every_kind_of_connection() {
    let Some(dovecot) = Dovecot::start() else { return };
    for (user, tls, port) in [
        ("implicit", TlsMode::Implicit, dovecot.tls_port),
        ("starttls", TlsMode::StartTls, dovecot.port),
        ("clear", TlsMode::None, dovecot.port),
    ] {
        dovecot.deliver(user, "waiting");
        let mut reading = Reading::of(MailboxOptions { tls, port, ..options(&dovecot, user) });
        reading.door.until_subjects(&["waiting"]).await;
        reading.until_looked().await;
        let delivered_at = deskgate::clock::instant();
        dovecot.deliver(user, "new");
        reading.door.until_subjects(&["new", "waiting"]).await;
        assert!(delivered_at.elapsed() < Duration::from_secs(10), "IDLE wakes within seconds");
        reading.stop().await;
        assert_eq!(dovecot.count(user, "INBOX", "UNSEEN"), 2, "left untouched");
    }
    let steps = test_sign_in(&options(&dovecot, "implicit")).await;
    assert_eq!(steps.len(), 5, "{steps:?}");
    let wrong = MailboxOptions { credentials: Password::new("no").into(), ..options(&dovecot, "implicit") };
    let steps = test_sign_in(&wrong).await;
    assert!(matches!(steps.last(), Some(("sign in", Err(_)))), "{steps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn eml_2_one_to_six_waiting_messages_come_in_once_each() {
    let Some(dovecot) = Dovecot::start() else { return };
    for count in 1..=6 {
        let user = format!("user{count}");
        let subjects: Vec<String> = (0..count).map(|n| format!("s{n}")).collect();
        subjects.iter().for_each(|subject| dovecot.deliver(&user, subject));
        let mut reading = Reading::of(MailboxOptions { after: After::Delete, ..options(&dovecot, &user) });
        reading.door.until_subjects(&subjects.iter().map(String::as_str).collect::<Vec<_>>()).await;
        reading.until_looked().await;
        reading.stop().await;
        assert_eq!(dovecot.count(&user, "INBOX", "ALL"), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eml_5_messages_are_flagged_moved_or_removed_after_they_came_in() {
    let Some(dovecot) = Dovecot::start() else { return };
    let folder = "Erledigt & gepr\u{fc}ft";
    for (user, after, unseen, left, moved) in [
        ("keep", After::Keep, 2, 2, 0),
        ("seen", After::Seen, 0, 2, 0),
        ("move", After::Move(folder.to_owned()), 0, 0, 2),
        ("delete", After::Delete, 0, 0, 0),
    ] {
        dovecot.deliver(user, "a");
        dovecot.deliver(user, "b");
        let mut reading = Reading::of(MailboxOptions { after, ..options(&dovecot, user) });
        reading.until_looked().await;
        reading.door.until_subjects(&["a", "b"]).await;
        reading.stop().await;
        let found = (dovecot.count(user, "INBOX", "UNSEEN"), dovecot.count(user, "INBOX", "ALL"));
        assert_eq!(found, (unseen, left), "{user}");
        if moved > 0 {
            assert_eq!(dovecot.count(user, folder, "ALL"), moved);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn zammad_6043_a_server_that_restarts_is_found_again() {
    let Some(mut dovecot) = Dovecot::start() else { return };
    dovecot.deliver("ana", "before");
    let mut reading = Reading::of(options(&dovecot, "ana"));
    reading.door.until_subjects(&["before"]).await;
    reading.until_looked().await;
    dovecot.stop();
    reading.until_state("noticed", |state| state.last_error.is_some()).await;
    dovecot.start_again();
    dovecot.deliver("ana", "after");
    reading.door.until_subjects(&["after", "before"]).await;
    reading.until_looked().await;
    reading.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eml_1_tst_70_a_server_killed_within_a_fetch_gives_each_mail_exactly_once() {
    let Some(mut dovecot) = Dovecot::start() else { return };
    let tap = Tap::start(dovecot.port);
    let line = format!("{}\r\n", "0123456789abcdef".repeat(4));
    let large = |n: u32| {
        let body = line.repeat(20_000_000 / line.len());
        format!("From: ana@example.com\r\nSubject: large{n}\r\nMessage-ID: <{n}@example.com>\r\n\r\n{body}")
            .into_bytes()
    };
    dovecot.deliver("ana", "before");
    dovecot.deliver_raw("ana", &large(1));
    dovecot.deliver("ana", "after");
    tap.set_fetch();
    let options = MailboxOptions { port: tap.port, tls: TlsMode::None, ..options(&dovecot, "ana") };
    let mut reading = Reading::of(options);
    tap.wait_sprung();
    assert!(!reading.door.subjects().contains(&"large1".to_owned()), "only a part of it has come");
    dovecot.kill("ana");
    dovecot.stop();
    tap.let_go();
    reading.until_state("noticed", |state| state.last_error.is_some()).await;
    dovecot.start_again();
    reading.door.until_subjects(&["after", "before", "large1"]).await;
    reading.until_looked().await;
    reading.door.until_duplicates(0).await;
    assert_eq!(reading.door.cursor().done, [(1, 3)]);
    let whole = large(1);
    assert!(reading.door.has(&whole), "as it was sent, from its first to its last byte");
    reading.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tst_73_a_connection_that_died_silently_is_left_and_others_do_not_notice() {
    let Some(dovecot) = Dovecot::start() else { return };
    let short = |user| MailboxOptions { verb_timeout_s: 2, idle_renew_s: 2, ..options(&dovecot, user) };
    let mut frozen = Reading::of(short("frozen"));
    let mut other = Reading::of(short("other"));
    frozen.until_looked().await;
    other.until_looked().await;
    let frozen_process = dovecot.freeze("frozen");
    dovecot.deliver("frozen", "a");
    dovecot.deliver("other", "b");
    other.door.until_subjects(&["b"]).await;
    frozen.door.until_subjects(&["a"]).await;
    drop(frozen_process);
    frozen.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eml_3_tst_71_a_changed_uidvalidity_adds_nothing_twice() {
    let Some(dovecot) = Dovecot::start() else { return };
    for subject in ["a", "b", "c"] {
        dovecot.deliver("ana", subject);
    }
    let mut reading = Reading::of(options(&dovecot, "ana"));
    reading.door.until_subjects(&["a", "b", "c"]).await;
    reading.until_looked().await;
    dovecot.change_uid_validity("ana", 4_242);
    dovecot.deliver("ana", "d");
    reading.door.until_subjects(&["a", "b", "c", "d"]).await;
    reading.door.until_duplicates(3).await;
    reading.until_looked().await;
    assert_eq!(reading.door.cursor().uid_validity, 4_242);
    reading.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_client_expunges_is_no_trouble() {
    let Some(dovecot) = Dovecot::start() else { return };
    let mut reading = Reading::of(options(&dovecot, "ana"));
    reading.until_looked().await;
    for n in 0..5 {
        dovecot.deliver("ana", &format!("gone{n}"));
        dovecot.expunge("ana", &["subject", &format!("gone{n}")]);
        dovecot.deliver("ana", &format!("kept{n}"));
    }
    reading.door.until(|subjects| subjects.iter().filter(|subject| subject.starts_with("kept")).count() == 5).await;
    reading.until_looked().await;
    let state = reading.state.borrow().clone();
    assert_eq!((state.unfetchable, state.last_error), (0, None));
    reading.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eml_3_a_new_mailbox_gives_mail_from_now_on() {
    let Some(dovecot) = Dovecot::start() else { return };
    dovecot.deliver("ana", "old");
    let mut reading = Reading::of(MailboxOptions { import_existing: false, ..options(&dovecot, "ana") });
    reading.until_looked().await;
    dovecot.deliver("ana", "new");
    reading.door.until_subjects(&["new"]).await;
    reading.stop().await;
}
