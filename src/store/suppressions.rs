//! Addresses that mail failed for, which of them get no mail (EML-82, EML-83), and the buckets that bound automatic mail
//! (EML-86).

use crate::domain::address::Address;
use crate::domain::id::Millis;
use crate::domain::mail_limits::Limit;
use crate::domain::suppression::AddressStanding;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables;

/// What is known of an address.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, address: &Address) -> Result<Option<AddressStanding>> {
    record::get(tx, address.to_string().as_bytes())
}

/// Whether an address gets no mail at `now`.
///
/// # Errors
/// `Corrupt`.
pub fn holds(tx: &dyn ReadTx, address: &Address, now: Millis) -> Result<bool> {
    Ok(get(tx, address)?.is_some_and(|standing| standing.suppressed(now).is_some()))
}

/// Addresses with a suppression, in their order behind `after`; some may have ended.
///
/// # Errors
/// `Corrupt`.
pub fn suppressed(tx: &dyn ReadTx, after: Option<&str>, limit: usize) -> Result<Vec<AddressStanding>> {
    let from = after.map(|after| key::after(after.as_bytes())).unwrap_or_default();
    record::load(tx, tables::SUPPRESSED, tx.scan(tables::SUPPRESSED, &from, key::END, limit)?)
}

/// Addresses of which anything is known, in their order behind `after`.
///
/// # Errors
/// `Corrupt`.
pub fn all(tx: &dyn ReadTx, after: Option<&str>, limit: usize) -> Result<Vec<AddressStanding>> {
    let from = after.map(|after| key::after(after.as_bytes())).unwrap_or_default();
    record::list(tx.scan(tables::SUPPRESSIONS, &from, key::END, limit)?)
}

/// Writes what is known of an address.
///
/// # Errors
/// `Corrupt`.
pub fn put(tx: &mut dyn WriteTx, standing: &AddressStanding) -> Result<()> {
    record::put(tx, standing).map(drop)
}

/// Forgets an address.
///
/// # Errors
/// As the engine.
pub fn delete(tx: &mut dyn WriteTx, standing: &AddressStanding) -> Result<()> {
    record::remove(tx, standing)
}

/// What a bucket counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bucket<'a> {
    /// Automatic mails to an address.
    Address(&'a Address),
    /// Those that say the same to an address; the text stands for what they say.
    Subject(&'a Address, &'a str),
    /// Automatic mails about a thread.
    Thread(u64),
    /// Automatic mails to a domain.
    Domain(&'a str),
    /// All automatic mails.
    All,
    /// Notices to an agent.
    Agent(u64),
}

impl Bucket<'_> {
    fn key(&self) -> Vec<u8> {
        let (kind, of) = match self {
            Self::Address(address) => (0_u8, address.to_string()),
            Self::Subject(address, says) => (1, format!("{address}\0{says}")),
            Self::Thread(thread) => (2, thread.to_string()),
            Self::Domain(domain) => (3, (*domain).to_owned()),
            Self::All => (4, String::new()),
            Self::Agent(agent) => (5, agent.to_string()),
        };
        key::joined(&[&[kind], &key::hash16(&of)])
    }
}

/// Takes one from each bucket, or from none when any is over its limit; whether it took.
///
/// # Errors
/// `Corrupt`.
pub fn take(tx: &mut dyn WriteTx, buckets: &[(Bucket<'_>, Limit)], now: Millis) -> Result<bool> {
    let mut taken = Vec::with_capacity(buckets.len());
    for (bucket, limit) in buckets {
        let row = bucket.key();
        let spent = tx.get(tables::MAIL_BUCKETS, &row)?.and_then(|value| key::number(&value)).map(Millis);
        match limit.take(spent, now) {
            Some(until) => taken.push((row, until)),
            None => return Ok(false),
        }
    }
    for (row, until) in taken {
        tx.put(tables::MAIL_BUCKETS, &row, &key::one(until.0))?;
    }
    Ok(true)
}

/// Drops buckets that are full again, looking at no more than `limit` behind `after`; where to go on.
///
/// # Errors
/// As the engine.
pub fn drop_full(tx: &mut dyn WriteTx, now: Millis, after: Option<&[u8]>, limit: usize) -> Result<Option<Vec<u8>>> {
    let from = after.map(key::after).unwrap_or_default();
    let rows = tx.scan(tables::MAIL_BUCKETS, &from, key::END, limit)?;
    for (row, value) in &rows {
        if key::number(value).is_none_or(|until| until <= now.0) {
            tx.delete(tables::MAIL_BUCKETS, row)?;
        }
    }
    Ok(rows.last().filter(|_| rows.len() == limit).map(|(row, _)| row.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::sample;

    #[test]
    fn eml_86_one_full_bucket_takes_from_none() {
        let store = Store::in_memory().unwrap();
        let now = Millis(1_000_000);
        let taken = move |domain: &'static str| {
            store
                .update_blocking(move |tx| {
                    let buckets = [(Bucket::All, Limit::hourly(3)), (Bucket::Domain(domain), Limit::hourly(2))];
                    take(tx, &buckets, now)
                })
                .unwrap()
        };
        let domains = ["a.example", "a.example", "a.example", "b.example", "b.example"];
        assert_eq!(domains.map(taken), [true, true, false, true, false]);
    }

    #[test]
    fn eml_86_full_buckets_are_dropped() {
        let store = sample::store();
        let rows = |store: &Store| store.view(|tx| tx.scan(tables::MAIL_BUCKETS, &[], key::END, 10)).unwrap().len();
        assert_eq!(rows(&store), 1);
        assert_eq!(store.update_blocking(|tx| drop_full(tx, Millis(0), None, 10)), Ok(None));
        assert_eq!(rows(&store), 1);
        assert_eq!(store.update_blocking(|tx| drop_full(tx, Millis(u64::MAX), None, 10)), Ok(None));
        assert_eq!(rows(&store), 0);
    }

    #[test]
    fn eml_82_suppressed_addresses_are_listed_in_pages() {
        let store = sample::store();
        let all = store.view(|tx| suppressed(tx, None, 10)).unwrap();
        assert_eq!(all.len(), 1);
        let address = all[0].address.to_string();
        assert_eq!(store.view(|tx| suppressed(tx, Some(&address), 10)), Ok(vec![]));
        assert_eq!(store.view(|tx| holds(tx, &all[0].address, Millis(0))), Ok(true));
    }
}
