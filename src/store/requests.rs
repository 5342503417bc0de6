//! Requests that carry a key of their sender's, so that a repeated one is known and not carried out again (API-8).
//!
//! While such a request is served ([`within`]), every transaction it runs also writes that the request was carried out.
//! The answer is kept afterwards, in a transaction of its own.
//!
//! | killed | what a repetition finds |
//! |---|---|
//! | before the request's commit | nothing: it is carried out |
//! | between that commit and the keeping of the answer | that it was carried out, without its answer |
//! | later | its answer |
//!
//! **Invariant:** the mark commits with the change or not at all, so that one key changes the store once.

use crate::domain::id::Millis;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::key;
use crate::store::record;
use crate::store::tables;
use std::future::Future;

pub use crate::store::record::request::Answered;
pub use crate::store::record::request::KeptAnswer;

tokio::task_local! {
    static SERVED: Request;
}

/// A request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Token, path and the sender's key, hashed.
    pub key: [u8; 32],
    /// Its body, hashed.
    pub body: [u8; 32],
    /// When it came.
    pub at: Millis,
}

/// Runs `serve` as that request: what it commits is marked.
pub async fn within<F: Future>(request: Request, serve: F) -> F::Output {
    SERVED.scope(request, serve).await
}

/// The request that is being served here, if it has a key.
pub(crate) fn served() -> Option<Request> {
    SERVED.try_with(|request| *request).ok()
}

/// Writes that a request was carried out.
pub(crate) fn mark(tx: &mut dyn WriteTx, request: &Request) -> Result<()> {
    let Request { key, body, at } = *request;
    record::put(tx, &Answered { key, body, created_at: at, answer: None }).map(drop)
}

/// What is known of a request with that key.
///
/// # Errors
/// `Corrupt` for a damaged record; so do all functions here.
pub fn get(tx: &dyn ReadTx, key: &[u8; 32]) -> Result<Option<Answered>> {
    record::get(tx, key)
}

/// Keeps the answer of a request that was carried out; one that changed nothing leaves no trace.
///
/// # Errors
/// `Corrupt`.
pub fn keep_answer(tx: &mut dyn WriteTx, request: &Request, answer: &KeptAnswer) -> Result<()> {
    let Some(marked) = get(&*tx, &request.key)?.filter(|marked| marked.body == request.body) else { return Ok(()) };
    record::put(tx, &Answered { answer: Some(answer.clone()), ..marked }).map(drop)
}

/// Loses every kept answer.
#[cfg(test)]
pub(crate) fn forget_answers(tx: &mut dyn WriteTx) -> Result<()> {
    let all: Vec<Answered> = record::list(tx.scan(tables::REQUESTS, &[], key::END, 1_000)?)?;
    all.into_iter().try_for_each(|one| record::put(tx, &Answered { answer: None, ..one }).map(drop))
}

/// Forgets up to `limit` requests that came before `older_than`, oldest first; returns how many.
///
/// # Errors
/// `Corrupt`.
pub fn prune(tx: &mut dyn WriteTx, older_than: Millis, limit: usize) -> Result<u64> {
    let rows = tx.scan(tables::REQUESTS_BY_AGE, &[], &key::one(older_than.0), limit)?;
    let old: Vec<Answered> = record::load(&*tx, tables::REQUESTS_BY_AGE, rows)?;
    for request in &old {
        record::remove(tx, request)?;
    }
    Ok(u64::try_from(old.len()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::refusal::Refusal;
    use crate::store::Store;
    use crate::store::error::Error;
    use crate::store::meta;

    const REQUEST: Request = Request { key: [1; 32], body: [2; 32], at: Millis(10) };

    fn known(store: &Store) -> Option<Answered> {
        store.view(|tx| get(tx, &REQUEST.key)).unwrap()
    }

    #[tokio::test]
    async fn api_8_what_a_request_commits_is_marked_and_a_refusal_is_not() {
        let store = Store::in_memory().unwrap();
        let refused =
            within(REQUEST, store.update(|_| Err::<(), _>(Error::Refused(Refusal::NotFound { what: "ticket" }))));
        assert!(refused.await.is_err());
        assert_eq!(known(&store), None);
        store.update(|tx| meta::put_secret(tx, "other", b"x")).await.unwrap();
        assert_eq!(known(&store), None, "another request");
        within(REQUEST, store.update(|tx| meta::put_secret(tx, "a", b"x"))).await.unwrap();
        assert_eq!(known(&store).map(|known| (known.body, known.answer)), Some((REQUEST.body, None)));
        let answer = KeptAnswer { status: 200, json: b"{}".to_vec() };
        let kept = answer.clone();
        store.update(move |tx| keep_answer(tx, &REQUEST, &kept)).await.unwrap();
        assert_eq!(known(&store).and_then(|known| known.answer), Some(answer));
        assert_eq!(store.update_blocking(|tx| prune(tx, Millis(10), 9)), Ok(0));
        assert_eq!(store.update_blocking(|tx| prune(tx, Millis(11), 9)), Ok(1));
        assert_eq!(known(&store), None);
    }

    #[test]
    fn api_8_an_answer_without_a_change_is_not_kept() {
        let store = Store::in_memory().unwrap();
        let answer = KeptAnswer { status: 200, json: Vec::new() };
        store.update_blocking(move |tx| keep_answer(tx, &REQUEST, &answer)).unwrap();
        assert_eq!(known(&store), None);
    }
}
