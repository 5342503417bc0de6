//! What became of each, and doubts.

use super::*;
use crate::desk::broadcasts::SettleAs;
use crate::domain::ledger::FailReason;
use crate::domain::ledger::Rows;

async fn in_doubt(story: &Story) -> (BroadcastId, ContactId, String) {
    let (issue, threads) = reports(story, 1).await;
    let broadcast = story.send_off(issue, news_with(always())).await;
    story.run_broadcasts().await;
    story.relay_says(&Verdict::Uncertain { reason: "connection lost".to_owned() }).await;
    let contact = story.contact_of(threads[0]);
    assert_eq!(story.state_by_mail(broadcast.id, contact), LedgerState::Uncertain);
    story.wait(SECOND * 86_400);
    assert_eq!(story.send_all().await.len(), 0, "BRC-43: never again by itself");
    let row = story.row(broadcast.id, LedgerKey::Email(contact));
    (broadcast.id, contact, row.delivery.unwrap().message_id)
}

#[tokio::test]
async fn tst_65_deferred_then_sent_refused_and_in_doubt_stand_in_the_ledger() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 1).await;
    let broadcast = story.send_off(issue, news_with(always())).await;
    let contact = story.contact_of(threads[0]);
    story.run_broadcasts().await;
    story.relay_says(&Verdict::Deferred { reason: "451 later".to_owned(), retry_after: None }).await;
    assert_eq!(story.state_by_mail(broadcast.id, contact), LedgerState::Deferred);
    story.run_broadcasts().await;
    assert_eq!(story.state_of(broadcast.id), "finished", "what is deferred does not hold it");
    story.wait(SECOND * 90);
    assert_eq!(story.send_all().await.len(), 1, "and goes out afterwards");
    assert_eq!(story.state_by_mail(broadcast.id, contact), LedgerState::Sent);
    let second = story.send_off(issue, news_with(always())).await;
    story.run_broadcasts().await;
    story.relay_says(&Verdict::Failed { reason: "550 5.7.1 no".to_owned() }).await;
    assert_eq!(story.state_by_mail(second.id, contact), LedgerState::Failed(FailReason::RelayRefused));
    story.end();
}

#[tokio::test]
async fn tst_65_a_later_report_of_delivery_settles_a_doubt() {
    let story = Story::begin().await;
    let (id, contact, message_id) = in_doubt(&story).await;
    let report = format!(
        "From: mailer-daemon@example.com\nMessage-ID: <dsn@example.com>\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\n\
         Delivered.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; example.com\n\n\
         Final-Recipient: rfc822; c0@example.com\nAction: delivered\nStatus: 2.0.0\n\n--b\n\
         Content-Type: message/rfc822\n\nMessage-ID: <{message_id}>\nFrom: support@desk.example\n\nx\n\n--b--"
    );
    let (headers, body) = report.split_once("\n\n").unwrap();
    story.mail(headers, body).await;
    assert_eq!(story.state_by_mail(id, contact), LedgerState::Delivered);
    story.end();
}

#[tokio::test]
async fn brc_43_an_agent_a_reply_or_a_read_mark_settles_a_doubt() {
    for how in ["resend", "sent", "reply"] {
        let story = Story::begin().await;
        let (id, contact, message_id) = in_doubt(&story).await;
        let key = LedgerKey::Email(contact);
        match how {
            "resend" => {
                story.desk.settle_row(&story.agent, id, key, SettleAs::Resend).await.unwrap();
                let sent = story.send_all().await;
                assert_eq!(field(&sent[0], "Message-ID"), format!("<{message_id}>"));
                assert_eq!(story.state_by_mail(id, contact), LedgerState::Sent);
            }
            "sent" => {
                let row = story.desk.settle_row(&story.agent, id, key, SettleAs::Sent).await.unwrap();
                assert_eq!(row.entry.state, LedgerState::Sent);
            }
            _ => {
                let mail = format!("From: c0@example.com\nMessage-ID: <r@example.com>\nIn-Reply-To: <{message_id}>");
                story.mail(&mail, "thanks").await;
                assert_eq!(story.state_by_mail(id, contact), LedgerState::Seen);
            }
        }
        assert!(story.desk.settle_row(&story.agent, id, key, SettleAs::Sent).await.is_err(), "no doubt is left");
        story.end();
    }
}

#[tokio::test]
async fn brc_41_a_bounce_fails_the_row() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 1).await;
    let broadcast = story.send_off(issue, news_with(always())).await;
    story.run_broadcasts().await;
    let message_id = field(&story.send_all().await[0], "Message-ID").to_owned();
    let headers = "From: mailer-daemon@example.com\nMessage-ID: <dsn@example.com>\nMIME-Version: 1.0\n\
                   Content-Type: multipart/report; report-type=delivery-status; boundary=b";
    let body = format!(
        "--b\nContent-Type: text/plain\n\nNo.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; example.com\n\n\
         Final-Recipient: rfc822; c0@example.com\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n\n\
         --b\nContent-Type: message/rfc822\n\nMessage-ID: {message_id}\n\nx\n\n--b--"
    );
    story.mail(headers, &body).await;
    let state = story.state_by_mail(broadcast.id, story.contact_of(threads[0]));
    assert_eq!(state, LedgerState::Failed(FailReason::Bounced));
    story.end();
}

#[tokio::test]
async fn brc_45_filters_and_pages_show_each_row_once_and_the_totals_are_the_counts() {
    let story = Story::begin().await;
    let (issue, threads) = reports(&story, 23).await;
    let facts =
        crate::desk::people::contacts::ContactFacts { unsubscribed_from_emails: Some(true), ..Default::default() };
    story.desk.update_contact(&story.agent, story.contact_of(threads[3]), facts).await.unwrap();
    let broadcast = story.send_off(issue, news_with(always())).await;
    story.run_broadcasts().await;
    story.send_all().await;
    let page = |filter: &LedgerFilter, after, limit| {
        story.desk.ledger(&story.agent, broadcast.id, filter, after, limit).unwrap()
    };
    let all = |filter: LedgerFilter| {
        let (mut keys, mut after) = (Vec::new(), None);
        loop {
            let got = page(&filter, after, 5);
            assert!(got.rows.len() <= 5);
            keys.extend(got.rows.iter().map(|row| row.key));
            after = got.next;
            if after.is_none() {
                assert!(got.total.is_none_or(|total| total == keys.len() as u64), "{:?} of {filter:?}", got.total);
                return keys;
            }
        }
    };
    let everything = all(LedgerFilter::default());
    assert_eq!(everything.len(), 69);
    assert!(everything.windows(2).all(|pair| pair[0] < pair[1]), "each once, in order");
    let of = |rows, state: Option<&str>, reason: Option<&str>| LedgerFilter {
        rows,
        state: state.map(str::to_owned),
        reason: reason.map(str::to_owned),
        ..LedgerFilter::default()
    };
    assert_eq!(all(of(Some(Rows::Email), Some("sent"), None)).len(), 22);
    assert_eq!(all(of(None, Some("skipped"), Some("unsubscribed"))).len(), 1);
    assert_eq!(all(of(Some(Rows::Messenger), None, Some("no_session"))).len(), 23);
    let one = LedgerFilter { contact: Some(story.contact_of(threads[7])), ..LedgerFilter::default() };
    assert_eq!(all(one).len(), 2);
    let one = LedgerFilter { thread: Some(threads[7]), ..LedgerFilter::default() };
    assert_eq!(all(one).len(), 3);
    story.end();
}
