//! Once a day: is everything in the folder accounted for (EML-92)?
//!
//! **Invariant:** only messages that count as taken are asked about, so that mail on its way is no difference; what has no
//! row in the journal is read again, and the alarm stands until a later look finds none.

use crate::channel::imap::ranges::uids_text;
use crate::channel::imap::round::Reader;
use crate::channel::imap::round::Stop;
use crate::channel::imap::round::at_the_door;
use crate::desk::mail::arrival::MailDoor;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(24 * 3_600);
/// Messages asked about at once.
const ASKED_AT_ONCE: usize = 1_000;
/// Most messages read again after one look; the next look finds the others.
const READ_AGAIN_MAX: usize = 10_000;

impl<D: MailDoor> Reader<'_, D> {
    /// Compares folder and journal when that is due; `true` when something is to be read again.
    pub(super) async fn reconcile_when_due(&mut self) -> Result<bool, Stop> {
        let is_comparable = self.options.import_existing || self.options.import_since.is_some();
        if !is_comparable || self.memory.reconcile_at.is_some_and(|at| at > Instant::now()) {
            return Ok(false);
        }
        let missing = self.unaccounted().await?;
        self.memory.reconcile_at = Some(Instant::now() + EVERY);
        self.memory.unaccounted = missing.len();
        if missing.is_empty() {
            return Ok(false);
        }
        let (mailbox, count) = (&self.options.name, missing.len());
        tracing::error!(mailbox, count, first_uid = missing.first(), "mails count as taken and are in no journal");
        self.publisher.note(&format!("{count} mails counted as taken and were not; they are read again"));
        missing.iter().for_each(|uid| self.cursor.forget(*uid));
        at_the_door(self.options, self.door.set_mailbox_cursor(&self.options.name, self.cursor.clone())).await?;
        Ok(true)
    }

    /// UIDs that are done, lie in the folder since `import_since`, and have no row.
    async fn unaccounted(&mut self) -> Result<Vec<u32>, Stop> {
        let listed = self.list(&[(1, u32::MAX)]).await?;
        let done: Vec<u32> = listed.into_iter().filter(|uid| self.cursor.has(*uid)).collect();
        let mut missing = Vec::new();
        for uids in done.chunks(ASKED_AT_ONCE) {
            let asked = self.door.unaccounted(&self.options.name, self.cursor.uid_validity, uids.to_vec());
            let without_row = at_the_door(self.options, asked).await?;
            missing.extend(self.received_since(without_row).await?);
            if missing.len() >= READ_AGAIN_MAX {
                break;
            }
        }
        missing.truncate(READ_AGAIN_MAX);
        Ok(missing)
    }

    /// Those that came since the mailbox was added; what came earlier never was ours to take (EML-3).
    async fn received_since(&mut self, uids: Vec<u32>) -> Result<Vec<u32>, Stop> {
        let Some(since) = self.options.import_since.filter(|_| !uids.is_empty()) else { return Ok(uids) };
        let dates = self.client.dates(&uids_text(&uids)).await?;
        let recent = |(uid, date): (u32, Option<_>)| date.is_none_or(|date| date >= since).then_some(uid);
        Ok(dates.into_iter().filter_map(recent).filter(|uid| uids.contains(uid)).collect())
    }
}
