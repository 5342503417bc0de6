//! Unsubscribing.

use super::*;
use crate::desk::broadcasts::stopping::StopAct;
use crate::desk::people::contacts::ContactFacts;
use crate::domain::delivery::SkipReason;
use crate::domain::mail_choice::ChosenBy;

/// The token in a mail's List-Unsubscribe field, and the address it can be mailed to.
fn ways(mail: &str) -> (String, String) {
    let unfolded = mail.replace("\r\n ", " ");
    let ways = field(&unfolded, "List-Unsubscribe").to_owned();
    let within = |begin: &str| ways.split(begin).nth(1).unwrap().split('>').next().unwrap().to_owned();
    (within("<https://desk.example/unsubscribe/"), within("<mailto:"))
}

#[tokio::test]
async fn tst_39_an_unsubscribed_contact_gets_the_part_and_no_mail() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 1).await;
    let facts = ContactFacts { unsubscribed_from_emails: Some(true), ..ContactFacts::default() };
    story.desk.update_contact(&story.agent, story.contact_of(threads[0]), facts).await.unwrap();
    let broadcast = story.send_off(issue, news()).await;
    story.run_broadcasts().await;
    assert!(story.send_all().await.is_empty());
    assert_eq!(story.count_of(broadcast.id, "threads", "sent"), 1);
    assert_eq!(story.count_of(broadcast.id, "email", "skipped/unsubscribed"), 1);
    story.desk.agent_comment(&story.agent, threads[0], text("A word to you alone")).await.unwrap();
    assert_eq!(story.send_all().await.len(), 1, "BRC-52: one-to-one mail goes on");
    story.end();
}

#[tokio::test]
async fn tst_63_stopping_one_issue_stops_that_one_alone_and_can_be_taken_back() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 2).await;
    let other_type = story.ticket_type("Other", Category::Tracker).await;
    let other = story.ticket(other_type, "Search is slow", None).await;
    let send = async |issue| {
        let broadcast = story.send_off(issue, news_with(always())).await;
        story.run_broadcasts().await;
        let sent = story.send_all().await;
        story.run_broadcasts().await;
        (broadcast, sent)
    };
    let (_, sent) = send(issue).await;
    let mail = sent.iter().find(|mail| field(mail, "To").contains("c0@")).unwrap();
    assert_eq!(field(mail, "List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    let (token, _) = ways(mail);
    assert!(mail.replace("=\r\n", "").contains("/unsubscribe/"), "the visible link");
    let before = story.desk.stops(&token).unwrap();
    assert!(!before.stopped && !before.all, "looking changes nothing");
    assert!(story.desk.act_on_stops(&token, StopAct::Stop).await.unwrap().stopped);
    let (second, sent) = send(issue).await;
    assert_eq!(sent.len(), 1);
    let contact = story.contact_of(threads[0]);
    assert_eq!(story.state_by_mail(second.id, contact), LedgerState::Skipped(SkipReason::Stopped));
    assert_eq!(story.told(second.id, threads[0]).len(), 1, "the part still appears");
    assert_eq!(story.desk.broadcast(&story.agent, second.id).unwrap().stops, 1);

    story.desk.unlink(&story.agent, issue, threads[0]).await.unwrap();
    story.desk.link(&story.agent, other, threads[0]).await.unwrap();
    assert_eq!(send(other).await.1.len(), 1, "another Tracker's goes out");
    story.desk.unlink(&story.agent, other, threads[0]).await.unwrap();
    story.desk.link(&story.agent, issue, threads[0]).await.unwrap();
    assert!(!story.desk.act_on_stops(&token, StopAct::Resume).await.unwrap().stopped);
    assert_eq!(send(issue).await.1.len(), 2);
    assert!(story.desk.act_on_stops(&token, StopAct::StopAll).await.unwrap().all);
    assert_eq!(send(issue).await.1.len(), 1);
    for forged in ["", "a", &token.replace(token.get(..4).unwrap(), "aaaa"), &format!("{token}aa")] {
        assert!(story.desk.stops(forged).is_err(), "{forged}");
    }
    story.end();
}

#[tokio::test]
async fn brc_50_a_mail_to_the_stop_address_stops_too_and_makes_no_conversation() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 1).await;
    let first = story.send_off(issue, news_with(always())).await;
    story.run_broadcasts().await;
    let (token, mailto) = ways(&story.send_all().await[0]);
    let arrived =
        story.mail_to(&mailto, "From: c0@example.com\nMessage-ID: <u@example.com>\nSubject: unsubscribe", "").await;
    assert!(matches!(arrived, crate::desk::mail::arrival::Accepted::Own));
    assert!(story.desk.stops(&token).unwrap().stopped);
    assert_eq!(story.parts(threads[0]).len(), 1 + 1 + story.told(first.id, threads[0]).len(), "no part of it");
    story.mail_to(&mailto, "From: c0@example.com\nMessage-ID: <u@example.com>\nSubject: unsubscribe", "").await;
    story.end();
}

#[tokio::test]
async fn brc_51_who_stops_while_the_mail_waits_gets_none() {
    let story = Story::begin().await;
    let (issue, _) = reports(&story, 1).await;
    story.send_off(issue, news_with(always())).await;
    story.run_broadcasts().await;
    let (token, _) = ways(&story.send_all().await[0]);
    story.run_broadcasts().await;
    let second = story.send_off(issue, news_with(always())).await;
    story.run_broadcasts().await;
    story.desk.act_on_stops(&token, StopAct::Stop).await.unwrap();
    assert_eq!(story.send_all().await.len(), 0);
    assert_eq!(story.count_of(second.id, "email", "skipped/stopped"), 1);
    story.end();
}

#[tokio::test]
async fn brc_51_a_lead_who_became_a_user_sees_how_it_stands_for_the_user() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 1).await;
    story.send_off(issue, news_with(always())).await;
    story.run_broadcasts().await;
    let (token, _) = ways(&story.send_all().await[0]);
    let lead = story.contact_of(threads[0]);
    let facts = ContactFacts { external_id: Some(Some("u-1".to_owned())), ..ContactFacts::default() };
    let user = story.desk.create_contact(&story.agent, facts).await.unwrap();
    story.desk.merge_contacts(&story.agent, lead, user.id, true).await.unwrap();
    assert!(story.desk.act_on_stops(&token, StopAct::StopAll).await.unwrap().all);
    assert!(story.desk.stops(&token).unwrap().all, "the page says what was done");
    assert!(story.desk.contact(&story.agent, user.id).unwrap().unsubscribed_from_emails);
    story.end();
}

#[tokio::test]
async fn brc_53_a_complaint_about_a_broadcast_unsubscribes_from_all_of_them() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 1).await;
    story.send_off(issue, news_with(always())).await;
    story.run_broadcasts().await;
    let message_id = field(&story.send_all().await[0], "Message-ID").to_owned();
    let headers = "From: abuse@example.com\nMessage-ID: <arf@example.com>\nMIME-Version: 1.0\n\
                   Content-Type: multipart/report; report-type=feedback-report; boundary=b";
    let body = format!(
        "--b\nContent-Type: text/plain\n\nThis is an abuse report.\n--b\nContent-Type: message/feedback-report\n\n\
         Feedback-Type: abuse\nUser-Agent: test/1\nVersion: 1\nOriginal-Rcpt-To: c0@example.com\n\n--b\n\
         Content-Type: message/rfc822\n\nMessage-ID: {message_id}\nFrom: support@desk.example\n\nx\n\n--b--"
    );
    story.mail(headers, &body).await;
    let contact = story.desk.contact(&story.agent, story.contact_of(threads[0])).unwrap();
    assert!(contact.unsubscribed_from_emails && contact.marked_email_as_spam);
    assert_eq!(contact.mail_choices.last().map(|choice| choice.by), Some(ChosenBy::Complaint), "EML-81");
    story.end();
}
