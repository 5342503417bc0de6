//! A Tracker's broadcast.

mod ledger;
mod mail;
mod running;
mod stopping;
mod writing;

use super::Story;
use super::address;
use super::field;
use super::text;
use super::thread_of;
use crate::desk::Error;
use crate::desk::broadcasts::LedgerFilter;
use crate::desk::broadcasts::LedgerRow;
use crate::desk::broadcasts::NewBroadcast;
use crate::desk::mail::outbox::Prepared;
use crate::desk::ticket::attributes::NewAttribute;
use crate::desk::ticket::tickets::Conversion;
use crate::domain::attribute::DataType;
use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::broadcast::LedgerKey;
use crate::domain::broadcast::Options;
use crate::domain::delivery::Verdict;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::ledger::LedgerState;
use crate::domain::part::Part;
use crate::domain::refusal::Refusal;
use crate::domain::ticket_type::Category;
use std::time::Duration;

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn news() -> NewBroadcast {
    NewBroadcast {
        subject: "Login works again".to_owned(),
        body: "Hello {{or contact.first_name \"there\"}}, **login** works again.".to_owned(),
        ..NewBroadcast::default()
    }
}

pub(super) fn news_with(options: Options) -> NewBroadcast {
    NewBroadcast { options, ..news() }
}

/// A Tracker with so many conversations that came by mail from different customers.
pub(super) async fn reports(story: &Story, count: usize) -> (ThreadId, Vec<ThreadId>) {
    let incident = story.ticket_type("Incident", Category::Tracker).await;
    let issue = story.ticket(incident, "Login is down", None).await;
    let mut threads = Vec::new();
    for n in 0..count {
        let mail = format!("From: Cust{n} Omer <c{n}@example.com>\nMessage-ID: <m{n}@example.com>");
        let thread = thread_of(&story.mail(&mail, "I cannot sign in").await);
        story.desk.link(&story.agent, issue, thread).await.unwrap();
        threads.push(thread);
    }
    (issue, threads)
}

impl Story {
    pub(super) async fn send_off(&self, issue: ThreadId, new: NewBroadcast) -> Broadcast {
        self.desk.start_broadcast(&self.agent, issue, new, None).await.unwrap()
    }

    /// The worker, as long as it has something to do.
    pub(super) async fn run_broadcasts(&self) {
        while self.desk.broadcast_batch().await.unwrap() {}
    }

    /// Sends what is due until nothing is.
    pub(super) async fn send_all(&self) -> Vec<String> {
        let mut sent = Vec::new();
        loop {
            let more = self.send_due().await;
            if more.is_empty() {
                return sent;
            }
            sent.extend(more);
        }
    }

    /// Sends what is due as a relay that says this to everything.
    pub(super) async fn relay_says(&self, verdict: &Verdict) -> usize {
        let leased = self.desk.lease_due(50, Duration::from_secs(60)).await.unwrap();
        for delivery in &leased {
            match self.desk.prepare(delivery).unwrap() {
                Prepared::Send(_) => {
                    self.desk.mark_past_dot(vec![delivery.id]).await.unwrap();
                    self.desk.settle(delivery.id, verdict.clone()).await.unwrap();
                }
                Prepared::Settle(verdict) => self.desk.settle(delivery.id, verdict).await.unwrap(),
            }
        }
        leased.len()
    }

    pub(super) async fn convert(&self, thread: ThreadId, ticket_type: TicketTypeId) {
        let conversion = Conversion { ticket_type, state: None, values: Vec::new(), skip_notifications: true };
        self.desk.convert(&self.agent, thread, conversion).await.unwrap();
    }

    /// Adds an attribute without which no ticket of the type is resolved (ATT-5).
    pub(super) async fn required_to_close(&self, ticket_type: TicketTypeId, name: &str) {
        let new = NewAttribute {
            required_to_close: true,
            visible_on_create: false,
            visible_to_contacts: false,
            ..NewAttribute::named(name, DataType::String)
        };
        self.desk.add_attribute(&self.agent, ticket_type, new).await.unwrap();
    }

    pub(super) fn state_of(&self, id: BroadcastId) -> &'static str {
        self.desk.broadcast(&self.agent, id).unwrap().broadcast.state.as_str()
    }

    pub(super) fn count_of(&self, id: BroadcastId, rows: &str, word: &str) -> u64 {
        let view = self.desk.broadcast(&self.agent, id).unwrap();
        let counts = match rows {
            "threads" => view.threads,
            "email" => view.email,
            _ => view.messenger,
        };
        counts.get(word).copied().unwrap_or(0)
    }

    pub(super) fn rows(&self, id: BroadcastId) -> Vec<LedgerRow> {
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let page = self.desk.ledger(&self.agent, id, &LedgerFilter::default(), after, 7).unwrap();
            rows.extend(page.rows);
            after = page.next;
            if after.is_none() {
                return rows;
            }
        }
    }

    pub(super) fn row(&self, id: BroadcastId, key: LedgerKey) -> LedgerRow {
        self.rows(id).into_iter().find(|row| row.key == key).unwrap()
    }

    pub(super) fn state_by_mail(&self, id: BroadcastId, contact: ContactId) -> LedgerState {
        self.row(id, LedgerKey::Email(contact)).entry.state
    }

    pub(super) fn contact_of(&self, thread: ThreadId) -> ContactId {
        self.desk.thread_view(&self.agent, thread, false).unwrap().contacts[0].id
    }

    /// The parts of a broadcast in a thread.
    pub(super) fn told(&self, id: BroadcastId, thread: ThreadId) -> Vec<Part> {
        self.parts(thread).into_iter().filter(|part| part.broadcast == Some(id)).collect()
    }
}

pub(super) fn always() -> Options {
    Options { email: EmailPolicy::Always, ..Options::default() }
}

/// What was refused, in words.
pub(super) fn refused<T: std::fmt::Debug>(result: crate::desk::Result<T>) -> String {
    match result.unwrap_err() {
        Error::Refused(Refusal::Invalid { field, message, .. }) => format!("{}: {message}", field.unwrap_or_default()),
        Error::Refused(refusal) => refusal.to_string(),
        other => panic!("{other}"),
    }
}
