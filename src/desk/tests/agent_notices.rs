//! Agents told by mail of what they have not seen (NTF-15).

use super::*;
use crate::desk::agents::agent_notices::NoticeChange;
use crate::desk::thread::conversations::Assignment;
use crate::desk::thread::conversations::ThreadAct;
use crate::domain::agent_notice::NewsKind;
use crate::domain::agent_notice::QuietHours;
use crate::domain::agent_notice::UNSEEN_DELAY;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::SkipReason;

const LEASE: Duration = Duration::from_secs(60);
const MARIA: &str = "maria@desk.example";
const TOM: &str = "tom@desk.example";

impl Story {
    /// A second agent.
    async fn tom(&self) -> Caller {
        let email = address(TOM);
        let new =
            NewAgent { email: email.clone(), name: "Tom Agent".to_owned(), role: AgentRole::Agent, password: None };
        self.desk.add_agent(new).await.unwrap();
        let (_, secret) = self.desk.create_token(&email, "tests", Vec::new(), None).await.unwrap();
        self.desk.authenticate(&secret).unwrap()
    }

    async fn asked(&self) -> ThreadId {
        let from = "From: Ana <ana@example.com>\nSubject: Invoice\nMessage-ID: <1@example.com>";
        thread_of(&self.mail(from, "Where is it?").await)
    }

    async fn asked_again(&self, id: u32, words: &str) {
        let from = format!("From: Ana <ana@example.com>\nMessage-ID: <{id}@example.com>\nIn-Reply-To: <1@example.com>");
        self.mail(&from, words).await;
    }

    async fn give_to(&self, by: &Caller, thread: ThreadId, agent: &Caller) {
        let to = Assignment { agent: Some(Some(agent.agent)), team: None };
        self.desk.assign(by, thread, to, None).await.unwrap();
    }

    async fn feed(&self) {
        while self.desk.feed_agent_notices().await.unwrap() {}
    }

    /// Notices sent to an address until now, as mails.
    async fn noticed(&self, to: &str) -> Vec<String> {
        self.feed().await;
        let mut sent = self.send_due().await;
        sent.retain(|mail| field(mail, "To").contains(to));
        sent
    }

    fn notices(&self, to: &Caller) -> Vec<Delivery> {
        let mut all = self.desk.all_deliveries(None, 100).unwrap();
        all.retain(|owed| matches!(owed.kind, DeliveryKind::AgentNotice { .. }) && owed.agent == Some(to.agent));
        all.sort_by_key(|owed| owed.id);
        all
    }
}

#[tokio::test]
async fn ntf_15_agents_are_told_of_what_stays_unseen_in_one_mail() {
    let story = Story::begin().await;
    let visitor = story.visitor().await;
    let thread =
        story.desk.contact_comment(visitor.id, None, text("Hello?"), ChannelKind::Messenger).await.unwrap().thread;
    assert_eq!(story.noticed(MARIA).await, Vec::<String>::new(), "not at once");
    story.wait(Duration::from_secs(100));
    story.desk.contact_comment(visitor.id, Some(thread), text("Anybody?"), ChannelKind::Messenger).await.unwrap();
    assert_eq!(story.noticed(MARIA).await, Vec::<String>::new());
    story.wait(UNSEEN_DELAY);
    let told = story.noticed(MARIA).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("began a conversation") && told[0].contains("Hello?") && told[0].contains("Anybody?"));
    assert_eq!(field(&told[0], "Auto-Submitted"), "auto-generated");
    story.wait(UNSEEN_DELAY);
    assert_eq!(story.noticed(MARIA).await, Vec::<String>::new(), "nothing is told twice");
    story.end();
}

#[tokio::test]
async fn ntf_15_what_an_agent_saw_or_another_took_over_is_not_told() {
    let story = Story::begin().await;
    let tom = story.tom().await;
    let visitor = story.visitor().await;
    let thread =
        story.desk.contact_comment(visitor.id, None, text("Hello?"), ChannelKind::Messenger).await.unwrap().thread;
    story.feed().await;
    assert_eq!(story.desk.agent_saw(&story.agent, thread).await, Ok(1));
    story.wait(UNSEEN_DELAY);
    let told = story.send_due().await;
    assert!(told.len() == 1 && field(&told[0], "To").contains(TOM), "{told:?}");
    assert_eq!(story.notices(&story.agent)[0].state, DeliveryState::Skipped(SkipReason::SeenByAgent));
    story.desk.contact_comment(visitor.id, Some(thread), text("Still there?"), ChannelKind::Messenger).await.unwrap();
    story.feed().await;
    story.wait(Duration::from_secs(1));
    story.desk.agent_comment(&tom, thread, text("Yes.")).await.unwrap();
    story.wait(UNSEEN_DELAY);
    assert_eq!(story.noticed("desk.example").await, Vec::<String>::new(), "Tom wrote, so Maria need not");
    story.end();
}

#[tokio::test]
async fn ntf_15_replies_by_mail_and_mentions_come_at_once_and_go_to_whom_they_concern() {
    let story = Story::begin().await;
    let tom = story.tom().await;
    let thread = story.asked().await;
    story.give_to(&story.agent, thread, &tom).await;
    assert_eq!(story.noticed("desk.example").await, Vec::<String>::new(), "new threads and assignments wait");
    story.wait(UNSEEN_DELAY);
    let told = story.noticed("desk.example").await;
    assert!(told.len() == 1 && field(&told[0], "To").contains(TOM), "{told:?}");
    assert!(told[0].contains("Maria Agent gave this to you"), "{told:?}");
    story.asked_again(2, "Any news?").await;
    let told = story.noticed("desk.example").await;
    assert!(told.len() == 1 && field(&told[0], "To").contains(TOM) && told[0].contains("Any news?"), "{told:?}");
    assert!(told[0].contains("An answer to this mail goes to the customer."));
    assert!(!field(&told[0], "In-Reply-To").is_empty(), "notices stand together");
    story.desk.agent_note(&tom, thread, text("@maria agent, do you know?")).await.unwrap();
    let told = story.noticed("desk.example").await;
    assert!(told.len() == 1 && field(&told[0], "To").contains(MARIA), "{told:?}");
    assert!(told[0].contains("Tom Agent named you in a note"));
    story.end();
}

#[tokio::test]
async fn ntf_15_own_acts_silent_ones_and_what_no_person_wrote_are_not_told() {
    let story = Story::begin().await;
    let tom = story.tom().await;
    let thread = story.asked().await;
    story.give_to(&tom, thread, &tom).await;
    story.desk.agent_note(&tom, thread, text("@Tom Agent remember this")).await.unwrap();
    let away = "From: Ana <ana@example.com>\nSubject: Away\nAuto-Submitted: auto-replied\n\
                Message-ID: <3@example.com>\nIn-Reply-To: <1@example.com>";
    story.mail(away, "I am away").await;
    story.wait(UNSEEN_DELAY);
    assert_eq!(story.noticed("desk.example").await, Vec::<String>::new());
    let began = story.notices(&tom);
    assert!(began.len() == 1 && began[0].state == DeliveryState::Skipped(SkipReason::SeenByAgent), "{began:?}");
    story.end();
}

#[tokio::test]
async fn tst_37_what_is_done_silently_tells_agents_nothing() {
    let story = Story::begin().await;
    let tom = story.tom().await;
    let thread = story.asked().await;
    story.give_to(&story.agent, thread, &tom).await;
    story.wait(UNSEEN_DELAY);
    story.noticed(TOM).await;
    let silent = NewMessage { skip_notifications: true, ..text("Told by phone") };
    story
        .desk
        .agent_note(&story.agent, thread, NewMessage { skip_notifications: true, ..text("@Tom Agent") })
        .await
        .unwrap();
    story.desk.agent_comment(&story.agent, thread, silent).await.unwrap();
    story.wait(UNSEEN_DELAY);
    story.feed().await;
    assert_eq!(story.send_due().await, Vec::<String>::new());
    story.end();
}

#[tokio::test]
async fn ntf_15_the_end_of_a_snooze_is_told_to_its_agent() {
    let story = Story::begin().await;
    let tom = story.tom().await;
    let thread = story.asked().await;
    story.give_to(&story.agent, thread, &tom).await;
    let until = story.desk.clock().now().plus(Duration::from_secs(3_600));
    story.desk.act_on_thread(&story.agent, thread, ThreadAct::Snooze(Some(until)), None).await.unwrap();
    story.wait(UNSEEN_DELAY);
    story.noticed(TOM).await;
    story.wait(Duration::from_secs(3_600));
    story.desk.wake_snoozed().await.unwrap();
    story.feed().await;
    story.wait(UNSEEN_DELAY);
    let told = story.noticed("desk.example").await;
    assert!(told.len() == 1 && told[0].contains("The snooze has ended"), "{told:?}");
    story.end();
}

#[tokio::test]
async fn dsk_11_an_agent_says_what_they_are_mailed_and_when() {
    let story = Story::begin_with(|settings| settings.time_zone = "UTC".to_owned()).await;
    let tom = story.tom().await;
    let thread = story.asked().await;
    story.give_to(&story.agent, thread, &tom).await;
    let off =
        NoticeChange { email: vec![(NewsKind::Assignment, false), (NewsKind::NewThread, false)], quiet_hours: None };
    story.desk.set_notice_settings(&tom, tom.agent, off).await.unwrap();
    story.wait(UNSEEN_DELAY);
    assert_eq!(story.noticed(TOM).await, Vec::<String>::new());
    let minute = u16::try_from(story.desk.clock().now().0 / 60_000 % 1_440).unwrap();
    let day = |from, to| QuietHours { from_min: from, to_min: to, time_zone: String::new() };
    let quiet = NoticeChange { email: Vec::new(), quiet_hours: Some(Some(day(minute, (minute + 60) % 1_440))) };
    let kept = story.desk.set_notice_settings(&tom, tom.agent, quiet).await.unwrap();
    assert!(!kept.wants(NewsKind::Assignment) && kept.quiet_hours.unwrap().time_zone == "UTC");
    story.asked_again(2, "Any news?").await;
    assert_eq!(story.noticed(TOM).await, Vec::<String>::new(), "quiet");
    story.wait(Duration::from_secs(3_600));
    assert_eq!(story.noticed(TOM).await.len(), 1);
    let wrong = NoticeChange { email: Vec::new(), quiet_hours: Some(Some(day(7, 7))) };
    assert!(story.desk.set_notice_settings(&tom, tom.agent, wrong).await.is_err());
    assert!(story.desk.notice_settings(&tom, story.agent.agent).is_err(), "others' are an admin's");
    assert!(story.desk.notice_settings(&story.agent, tom.agent).is_ok());
    story.end();
}

#[tokio::test]
async fn eml_63_a_failed_mail_is_said_in_its_thread_and_to_its_agent() {
    let story = Story::begin().await;
    let tom = story.tom().await;
    let thread = story.asked().await;
    story.give_to(&story.agent, thread, &tom).await;
    story.desk.agent_comment(&tom, thread, text("On its way.")).await.unwrap();
    for owed in story.desk.lease_due(10, LEASE).await.unwrap() {
        let verdict = Verdict::Failed { reason: "RCPT TO: 554 5.7.1 refused".to_owned() };
        story.desk.settle(owed.id, verdict.clone()).await.unwrap();
        story.desk.settle(owed.id, verdict).await.unwrap();
    }
    assert_eq!(story.words(thread), ["comment", "assignment", "comment", "delivery_failed"]);
    story.feed().await;
    story.wait(UNSEEN_DELAY);
    let told = story.noticed("desk.example").await;
    assert!(told.len() == 1 && field(&told[0], "To").contains(TOM), "{told:?}");
    assert!(told[0].contains("A mail to ana@example.com could not be delivered"), "{told:?}");
    story.end();
}

#[tokio::test]
async fn tst_89_a_notice_that_bounces_begins_no_loop_and_suppresses_the_address() {
    let story = Story::begin().await;
    let tom = story.tom().await;
    let thread = story.asked().await;
    story.give_to(&story.agent, thread, &tom).await;
    story.asked_again(2, "Any news?").await;
    assert_eq!(story.noticed(TOM).await.len(), 1);
    let notice = story.notices(&tom).remove(0);
    let bounces = story.desk.inner.keys.bounce_address(&address(SUPPORT), notice.id).unwrap();
    let report = format!(
        "From: <mailer-daemon@desk.example>\nSubject: Undelivered\nMessage-ID: <b1@desk.example>\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nIt failed.\n\n--b\n\
         Content-Type: message/delivery-status\n\nReporting-MTA: dns; desk.example\n\n\
         Final-Recipient: rfc822; {TOM}\nAction: failed\nStatus: 5.1.1\n\n--b--"
    );
    let (headers, body) = report.split_once("\n\n").unwrap();
    story.mail_to(&bounces.to_string(), headers, body).await;
    assert!(matches!(story.desk.delivery(None, notice.id).unwrap().state, DeliveryState::Failed(_)));
    assert_eq!(story.desk.suppressions(None, None, 10).unwrap()[0].address, address(TOM));
    assert!(!story.words(thread).contains(&"delivery_failed"), "nobody is told of a notice that failed");
    story.asked_again(4, "Hello?").await;
    story.wait(UNSEEN_DELAY);
    assert_eq!(story.noticed("desk.example").await, Vec::<String>::new());
    assert_eq!(story.notices(&tom)[1].state, DeliveryState::Skipped(SkipReason::Suppressed));
    story.end();
}

#[tokio::test]
async fn eml_46_an_agent_whose_mail_was_put_aside_is_told_and_not_without_end() {
    let story = Story::begin().await;
    let thread = story.asked().await;
    let from = |id: u32| {
        format!(
            "From: Maria Agent <{MARIA}>\nSubject: Re: Invoice\nMessage-ID: <m{id}@desk.example>\nIn-Reply-To: <1@example.com>"
        )
    };
    for id in 0..5 {
        assert!(matches!(story.mail(&from(id), "My answer").await, Accepted::Quarantined(_)));
        let told = story.noticed(MARIA).await;
        assert_eq!(told.len(), usize::from(id < 2), "at most two of a kind: {told:?}");
        assert!(told.iter().all(|mail| mail.contains("Your mail was not taken")));
    }
    assert_eq!(story.words(thread), ["comment"]);
    story.end();
}

#[tokio::test]
async fn obj_5_an_event_is_told_once_whatever_was_killed() {
    let story = Story::begin().await;
    let thread = story.asked().await;
    story.asked_again(2, "Any news?").await;
    story.feed().await;
    let before = story.notices(&story.agent);
    assert_eq!(before.len(), 1);
    // A process that begins anew knows nothing but the store.
    story.desk.inner.notices_read_to.store(0, std::sync::atomic::Ordering::Relaxed);
    story.feed().await;
    assert_eq!(story.notices(&story.agent), before);
    assert_eq!(story.noticed(MARIA).await.len(), 1);
    assert_eq!(story.words(thread), ["comment", "comment"]);
    story.end();
}
