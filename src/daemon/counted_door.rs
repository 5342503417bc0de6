//! The desk's door for mail, with what goes through it counted.

use crate::desk::Desk;
use crate::desk::mail::arrival::Accepted;
use crate::desk::mail::arrival::Arrival;
use crate::desk::mail::arrival::ArrivalSource;
use crate::desk::mail::arrival::MailDoor;
use crate::desk::mail::arrival::MailboxCursor;
use crate::desk::mail::arrival::NotAccepted;
use crate::desk::mail::arrival::result_word;
use crate::domain::address::Address;
use crate::http::ops::health::Health;

/// Passes everything on to the desk.
#[derive(Clone, Debug)]
pub(crate) struct CountedDoor {
    pub(crate) desk: Desk,
    pub(crate) health: Health,
}

impl MailDoor for CountedDoor {
    fn knows_recipient(&self, address: &Address) -> bool {
        self.desk.knows_recipient(address)
    }

    async fn accept(&self, arrival: Arrival) -> Result<Accepted, NotAccepted> {
        let channel = channel_word(&arrival.source);
        let outcome = self.desk.accept(arrival).await;
        self.health.took_in(channel, result_word(&outcome));
        outcome
    }

    async fn accept_all(&self, arrivals: Vec<Arrival>) -> Vec<Result<Accepted, NotAccepted>> {
        let channels: Vec<&str> = arrivals.iter().map(|arrival| channel_word(&arrival.source)).collect();
        let outcomes = self.desk.accept_all(arrivals).await;
        for (channel, outcome) in channels.into_iter().zip(&outcomes) {
            self.health.took_in(channel, result_word(outcome));
        }
        outcomes
    }

    async fn unaccounted(&self, mailbox: &str, uid_validity: u32, uids: Vec<u32>) -> Result<Vec<u32>, NotAccepted> {
        self.desk.unaccounted(mailbox, uid_validity, uids).await
    }

    async fn mailbox_cursor(&self, mailbox: &str) -> Result<MailboxCursor, NotAccepted> {
        self.desk.mailbox_cursor(mailbox).await
    }

    async fn set_mailbox_cursor(&self, mailbox: &str, cursor: MailboxCursor) -> Result<(), NotAccepted> {
        self.desk.set_mailbox_cursor(mailbox, cursor).await
    }
}

fn channel_word(source: &ArrivalSource) -> &'static str {
    match source {
        ArrivalSource::Smtp { .. } => "smtp",
        ArrivalSource::Lmtp { .. } => "lmtp",
        ArrivalSource::Http { .. } => "http",
        ArrivalSource::Imap { .. } => "imap",
        ArrivalSource::Import { .. } => "import",
    }
}
