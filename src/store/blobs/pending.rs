//! Blobs that wait to become durable together.
//!
//! **Invariant:** nothing may name such a blob before [`Pending::make_durable`] said that it is there for good.

use crate::store::blobs::Blobs;
use crate::store::blobs::packs::Outcome;
use crate::store::error::Error;
use crate::store::error::Result;

/// A blob that was put, and may not be durable yet.
#[derive(Clone, Debug)]
pub struct Pending(Option<(Blobs, Outcome)>);

impl Pending {
    pub(super) fn of(blobs: &Blobs, outcome: Outcome) -> Self {
        Self(Some((blobs.clone(), outcome)))
    }

    /// One that is durable.
    #[must_use]
    pub fn durable() -> Self {
        Self(None)
    }

    /// Whether it became durable.
    pub(in crate::store) fn is_durable(&self) -> bool {
        self.0.as_ref().is_none_or(|(_, outcome)| outcome.get() == Some(&true))
    }

    /// Makes it durable, and all others that wait with it; at once where somebody did so before.
    ///
    /// # Errors
    /// `Engine` when it cannot be: then it is not kept.
    pub fn make_durable(&self) -> Result<()> {
        match &self.0 {
            Some((blobs, outcome)) if !blobs.0.packs.make_durable(outcome) => {
                Err(Error::Engine("a blob could not be made durable".to_owned()))
            }
            Some(_) | None => Ok(()),
        }
    }
}
