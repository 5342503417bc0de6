//! Mails that tell contacts of their ticket: what they say, and how they end (EML-74, EML-80).

use super::*;
use crate::desk::broadcasts::stopping::StopAct;
use crate::desk::broadcasts::stopping::Stoppable;
use crate::desk::ticket::tickets::Conversion;
use crate::desk::ticket::tickets::TicketChange;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::SkipReason;
use crate::store;

const SETTLED: Duration = Duration::from_secs(30);

async fn converted(story: &Story, from: &str) -> ThreadId {
    let headers = format!("From: {from}@example.com\nSubject: Invoice\nMessage-ID: <{from}@example.com>");
    let thread = thread_of(&story.mail(&headers, "Where is my invoice?").await);
    let known = story.desk.ticket_types(&story.agent).unwrap().into_iter().find(|known| known.name == "Billing");
    let ticket_type = match known {
        Some(known) => known.id,
        None => story.ticket_type("Billing", Category::Customer).await,
    };
    let conversion = Conversion { ticket_type, state: None, values: Vec::new(), skip_notifications: false };
    story.desk.convert(&story.agent, thread, conversion).await.unwrap();
    thread
}

async fn moved(story: &Story, ticket: ThreadId, category: StateCategory) {
    let change = TicketChange { state: Some(story.state(category)), ..TicketChange::default() };
    story.desk.update_ticket(&story.agent, ticket, change).await.unwrap();
}

/// The mails that went out once states had settled, with lines as they were written.
async fn mails(story: &Story) -> Vec<String> {
    story.wait(SETTLED);
    story.send_due().await.iter().map(|mail| mail.replace("=\r\n", "").replace("=3D", "=")).collect()
}

/// The token of the link by which a mail can be stopped.
fn stop_token(mail: &str) -> Option<String> {
    let rest = mail.split_once("/unsubscribe/")?.1;
    Some(rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect())
}

#[tokio::test]
async fn eml_80_the_link_in_a_status_mail_stops_those_about_that_ticket_and_no_answers() {
    let story = Story::begin().await;
    let (ticket, other) = (converted(&story, "ana").await, converted(&story, "ben").await);
    let made = mails(&story).await;
    let mail = made.iter().find(|mail| field(mail, "To").contains("ana@")).unwrap();
    assert_eq!(field(mail, "List-Unsubscribe"), "", "on broadcasts alone");
    assert!(mail.contains("Stop mails about this ticket"), "{mail}");
    let token = stop_token(mail).unwrap();
    let before = story.desk.stops(&token).unwrap();
    assert_eq!((before.about, before.stopped), (Stoppable::Ticket, false));
    assert!(story.desk.act_on_stops(&token, StopAct::Stop).await.unwrap().stopped);

    moved(&story, ticket, StateCategory::InProgress).await;
    moved(&story, other, StateCategory::InProgress).await;
    let sent = mails(&story).await;
    assert!(sent.len() == 1 && field(&sent[0], "To").contains("ben@"), "{sent:?}");
    let kept = story.desk.inner.store.view(|tx| store::outbox::of_thread(tx, ticket, 50)).unwrap();
    assert!(kept.iter().any(|row| row.state == DeliveryState::Skipped(SkipReason::Stopped)), "{kept:?}");

    story.desk.agent_comment(&story.agent, ticket, text("Here it is")).await.unwrap();
    let sent = mails(&story).await;
    assert!(sent.len() == 1 && sent[0].contains("Here it is"), "an answer is no status mail: {sent:?}");
    assert_eq!(stop_token(&sent[0]), None);

    assert!(!story.desk.act_on_stops(&token, StopAct::Resume).await.unwrap().stopped);
    moved(&story, ticket, StateCategory::Resolved).await;
    assert_eq!(mails(&story).await.len(), 1);
    story.end();
}

#[tokio::test]
async fn eml_74_a_status_mail_says_the_number_the_title_and_what_the_state_was_and_is() {
    let story = Story::begin().await;
    let ticket = converted(&story, "ana").await;
    mails(&story).await;
    moved(&story, ticket, StateCategory::InProgress).await;
    moved(&story, ticket, StateCategory::WaitingOnCustomer).await;
    let sent = mails(&story).await.remove(0);
    let number = story.desk.thread_view(&story.agent, ticket, false).unwrap().thread.ticket.unwrap().number;
    assert!(field(&sent, "Subject").contains(&format!("#{number}")), "{sent}");
    assert!(sent.contains(&format!("#{number} Invoice")) && sent.contains("Submitted -> Waiting on you"), "{sent}");
    story.end();
}

async fn acknowledging(new_mail_as: Option<&str>) -> Story {
    let new_mail_as = new_mail_as.map(str::to_owned);
    let set = move |settings: &mut Settings| {
        settings.main_address =
            SupportAddress { auto_ack: true, new_mail_as: new_mail_as.clone(), ..settings.main_address.clone() };
        settings.support = vec![settings.main_address.clone()];
    };
    Story::begin_with(set).await
}

#[tokio::test]
async fn eml_74_a_first_mail_is_acknowledged_once_where_its_address_does_so() {
    let story = acknowledging(None).await;
    let thread = thread_of(&story.mail("From: Ana <ana@example.com>\nSubject: Lamp\nMessage-ID: <1@x>", "Dark").await);
    let sent = mails(&story).await;
    assert!(sent.len() == 1 && sent[0].contains("Thank you for your message."), "{sent:?}");
    assert_eq!((field(&sent[0], "Subject"), field(&sent[0], "In-Reply-To")), ("Re: Lamp", "<1@x>"));
    assert_eq!(field(&sent[0], "Auto-Submitted"), "auto-generated");
    story.mail("From: Ana <ana@example.com>\nMessage-ID: <2@x>\nIn-Reply-To: <1@x>", "And cold").await;
    assert!(mails(&story).await.is_empty(), "once a conversation");
    story.desk.agent_comment(&story.agent, thread, text("A new one is on its way")).await.unwrap();
    let answer = mails(&story).await.remove(0);
    assert!(field(&answer, "References").starts_with("<1@x>"), "the first mail is the first id (EML-61): {answer}");
    let talk = |mail: &str| field(mail, "Thread-Index").chars().take(28).collect::<String>();
    assert_eq!(talk(&answer), talk(&sent[0]), "one talk for Outlook");
    let part = story.parts(thread).remove(0);
    assert!(part.email.is_some_and(|email| email.may_answer_automatically));
    for machine in
        ["Auto-Submitted: auto-replied", "List-Id: <l.example>", "Return-Path: <>\nX-Auto-Response-Suppress: All"]
    {
        let headers = format!("From: Bot <bot@example.com>\nMessage-ID: <{}@x>\n{machine}", machine.len());
        story.mail(&headers, "Beep").await;
        assert!(mails(&story).await.is_empty(), "{machine}");
    }
    story.end();
}

#[tokio::test]
async fn eml_74_what_becomes_a_ticket_is_told_of_by_that_mail_alone() {
    let story = acknowledging(Some("Inbox")).await;
    story.ticket_type("Inbox", Category::Customer).await;
    story.mail("From: Ana <ana@example.com>\nSubject: Lamp\nMessage-ID: <1@x>", "Dark").await;
    let sent = mails(&story).await;
    assert!(sent.len() == 1 && !sent[0].contains("Thank you for your message."), "{sent:?}");
    story.end();
}

#[tokio::test]
async fn ntf_13_where_the_house_mails_no_customers_each_delivery_says_so() {
    let story = Story::begin_with(|settings| settings.mail_contacts = false).await;
    let ticket = converted(&story, "ana").await;
    story.desk.agent_comment(&story.agent, ticket, text("Here it is")).await.unwrap();
    moved(&story, ticket, StateCategory::Resolved).await;
    assert!(mails(&story).await.is_empty());
    let owed = story.desk.inner.store.view(|tx| store::outbox::of_thread(tx, ticket, 50)).unwrap();
    let kinds: Vec<&str> = owed.iter().map(|row| row.kind.as_str()).collect();
    assert!(kinds.contains(&"reply") && kinds.len() >= 3, "{kinds:?}");
    assert!(owed.iter().all(|row| row.state == DeliveryState::Skipped(SkipReason::MailOff)), "{owed:#?}");
    story.end();
}
