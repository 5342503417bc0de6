//! Repeated requests: known by their sender's key, answered as the first time (API-8).

use crate::desk::Desk;
use crate::desk::Result;
use crate::store;
use crate::store::requests::Answered;
use crate::store::requests::KeptAnswer;
use std::future::Future;
use std::time::Duration;

pub use crate::store::requests::Request;

/// A key is known for so long.
pub const KNOWN_FOR: Duration = Duration::from_hours(24);

/// What is known of a request that comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// The same one was answered with this status and JSON.
    Answered(u16, Vec<u8>),
    /// The same one was carried out; its answer is lost.
    CarriedOut,
    /// The key belongs to another one.
    Another,
}

impl Desk {
    /// What is known of a request; `None` if it is new, changed nothing, or came more than [`KNOWN_FOR`] ago.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn known_request(&self, request: &Request) -> Result<Option<Known>> {
        let known = self.inner.store.view(|tx| store::requests::get(tx, &request.key))?;
        let known = known.filter(|known| request.at.since(known.created_at) < KNOWN_FOR);
        Ok(known.map(|Answered { body, answer, .. }| match answer {
            _ if body != request.body => Known::Another,
            Some(KeptAnswer { status, json }) => Known::Answered(status, json),
            None => Known::CarriedOut,
        }))
    }

    /// Serves a request so that what it commits is marked with its key.
    pub async fn serve_request<F: Future>(&self, request: Request, serve: F) -> F::Output {
        store::requests::within(request, serve).await
    }

    /// Loses every kept answer, as a kill before the keeping does.
    #[cfg(test)]
    pub(crate) async fn forget_answers(&self) {
        self.inner.store.update(store::requests::forget_answers).await.unwrap();
    }

    /// Keeps the answer of a request that changed something.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn keep_answer(&self, request: Request, status: u16, json: Vec<u8>) -> Result<()> {
        let answer = KeptAnswer { status, json };
        Ok(self.inner.store.update(move |tx| store::requests::keep_answer(tx, &request, &answer)).await?)
    }
}
