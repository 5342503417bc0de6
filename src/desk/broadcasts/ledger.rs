//! The ledger as agents read it, and what they settle in it (BRC-40 to BRC-45).

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::broadcasts::known;
use crate::desk::broadcasts::not_now;
use crate::desk::broadcasts::settling::end_doubt;
use crate::desk::thread::draft::missing;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::broadcast::LedgerKey;
use crate::domain::contact::Contact;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryState;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::ThreadId;
use crate::domain::ledger::LedgerEntry;
use crate::domain::ledger::Rows;
use crate::domain::refusal::Refusal;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::ledger::count;

/// Rows of one page.
pub const LEDGER_PAGE: usize = 500;
/// Rows looked at for one page of what a filter lets through.
const LOOKED_AT_MAX: usize = 10_000;

/// One row of the ledger (SHP-6).
#[derive(Clone, Debug)]
pub struct LedgerRow {
    /// What it is about.
    pub key: LedgerKey,
    /// What became of it.
    pub entry: LedgerEntry,
    /// The mail, if one was owed.
    pub delivery: Option<Delivery>,
    /// The contact, if it is about one who is still there.
    pub contact: Option<Contact>,
}

/// Which rows are asked for; every part that is set must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerFilter {
    /// Threads, mails, or messenger rows.
    pub rows: Option<Rows>,
    /// A word of BRC-41.
    pub state: Option<String>,
    /// A word of BRC-42.
    pub reason: Option<String>,
    /// Rows of this thread.
    pub thread: Option<ThreadId>,
    /// Rows of this contact.
    pub contact: Option<ContactId>,
}

/// A page of the ledger.
#[derive(Clone, Debug)]
pub struct LedgerPage {
    /// Its rows: threads first, then mails, then messengers, each in the order of ids.
    pub rows: Vec<LedgerRow>,
    /// The key behind which the next page begins; `None` at the end. A page can be short, or empty, and have a next one.
    pub next: Option<LedgerKey>,
    /// Rows in all; `None` where a filter by thread or contact would have to read them.
    pub total: Option<u64>,
}

/// How an agent settles a doubt (BRC-43).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettleAs {
    /// Once more, with the same Message-ID.
    Resend,
    /// It counts as sent.
    Sent,
}

impl LedgerFilter {
    fn lets_through(&self, key: &LedgerKey, entry: &LedgerEntry) -> bool {
        let contact = match key {
            LedgerKey::Thread(_) => None,
            LedgerKey::Email(contact) | LedgerKey::Messenger(contact) => Some(*contact),
        };
        self.rows.is_none_or(|asked| asked == Rows::of(*key))
            && self.state.as_ref().is_none_or(|state| entry.state.as_str() == state)
            && self.reason.as_ref().is_none_or(|reason| entry.state.reason() == Some(reason))
            && self.thread.is_none_or(|thread| entry.thread == thread)
            && self.contact.is_none_or(|asked| contact == Some(asked))
    }

    /// Rows that fit, from the counts.
    fn total(&self, tx: &dyn ReadTx, broadcast: BroadcastId) -> store::Result<Option<u64>> {
        if self.thread.is_some() || self.contact.is_some() {
            return Ok(None);
        }
        let words: Vec<String> = match (&self.state, &self.reason) {
            (Some(state), None) => vec![state.clone()],
            (Some(state), Some(reason)) => vec![format!("{state}/{reason}")],
            (None, Some(reason)) => ["skipped", "failed"].map(|state| format!("{state}/{reason}")).to_vec(),
            (None, None) => crate::domain::ledger::LedgerState::WORDS.map(str::to_owned).to_vec(),
        };
        let mut total = 0_u64;
        for of in [Rows::Threads, Rows::Email, Rows::Messenger] {
            for word in words.iter().filter(|_| self.rows.is_none_or(|asked| asked == of)) {
                total = total.saturating_add(count(tx, broadcast, of, word)?);
            }
        }
        Ok(Some(total))
    }
}

impl Desk {
    /// Rows of the ledger behind `after`, at most `limit`. Scope `broadcasts` or `read_tickets`.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn ledger(
        &self,
        caller: &Caller,
        id: BroadcastId,
        filter: &LedgerFilter,
        after: Option<LedgerKey>,
        limit: usize,
    ) -> Result<LedgerPage> {
        require(caller, &[Scope::Broadcasts, Scope::ReadTickets])?;
        let limit = limit.min(LEDGER_PAGE);
        Ok(self.inner.store.view(|tx| {
            known(tx, id)?;
            let (mut rows, mut after, mut looked_at) = (Vec::new(), after, 0);
            let mut next = None;
            while rows.len() < limit && looked_at < LOOKED_AT_MAX {
                let wanted = (limit - rows.len()).max(64);
                let page = store::ledger::rows(tx, id, after, wanted)?;
                looked_at += page.len();
                let full = page.len() == wanted;
                next = None;
                for (key, entry) in page {
                    if rows.len() == limit {
                        next = after;
                        break;
                    }
                    after = Some(key);
                    if filter.lets_through(&key, &entry) {
                        rows.push(shown(tx, key, entry)?);
                    }
                    next = full.then_some(key);
                }
                if next.is_none() || !full {
                    break;
                }
            }
            Ok(LedgerPage { rows, next, total: filter.total(tx, id)? })
        })?)
    }

    /// Settles a mail in doubt (BRC-43): resend with the same Message-ID, or let it count as sent. Scope `broadcasts`.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for a row that is not uncertain, and for a resend of a broadcast that was called off.
    pub async fn settle_row(
        &self,
        caller: &Caller,
        id: BroadcastId,
        of: LedgerKey,
        settle_as: SettleAs,
    ) -> Result<LedgerRow> {
        require(caller, &[Scope::Broadcasts])?;
        let (now, by) = (self.inner.clock.now(), caller.name.clone());
        let settled = self.inner.store.update(move |tx| {
            let broadcast = known(tx, id)?;
            let row = store::ledger::get(tx, id, of)?.ok_or_else(|| missing("ledger_row"))?;
            let owed = row.delivery.map(|id| store::outbox::get(tx, id)).transpose()?.flatten();
            let in_doubt = owed.filter(|owed| owed.state == DeliveryState::Uncertain && owed.leased_until.is_none());
            let Some(mut delivery) = in_doubt else {
                let message = format!("the row is {}; only a mail in doubt is settled", row.state.as_str());
                return Err(store::Error::Refused(Refusal::Conflict { message }));
            };
            match settle_as {
                SettleAs::Resend if !broadcast.may_mail() => return Err(not_now(&broadcast, "mailed again")),
                SettleAs::Resend => {
                    (delivery.state, delivery.past_dot, delivery.due_at) = (DeliveryState::Queued, false, now);
                    store::outbox::put(tx, &delivery)?;
                }
                SettleAs::Sent => end_doubt(tx, delivery, &format!("marked as sent by {by}"), now)?,
            }
            let entry = store::ledger::get(tx, id, of)?.ok_or_else(|| missing("ledger_row"))?;
            shown(tx, of, entry)
        });
        Ok(settled.await?)
    }
}

fn shown(tx: &dyn ReadTx, key: LedgerKey, entry: LedgerEntry) -> store::Result<LedgerRow> {
    let delivery = entry.delivery.map(|id| store::outbox::get(tx, id)).transpose()?.flatten();
    let contact = match key {
        LedgerKey::Thread(_) => None,
        LedgerKey::Email(contact) | LedgerKey::Messenger(contact) => store::contacts::get(tx, contact)?,
    };
    Ok(LedgerRow { key, entry, delivery, contact })
}
