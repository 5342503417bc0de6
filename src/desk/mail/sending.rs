//! Whether anything is sent: a restored store waits until somebody says that it may, so that nothing goes out twice (OPS-5).
//!
//! **Invariant:** the word stands in the store, beside what is owed; while it stands no delivery is leased and no
//! notification given to a worker, whichever process or restart asks. What is owed goes on being noted.

use crate::desk::Desk;
use crate::desk::Result;
use crate::store;

impl Desk {
    /// Whether nothing is sent at present: mail, broadcasts, notifications to webhooks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sending_is_paused(&self) -> Result<bool> {
        Ok(self.inner.store.view(store::meta::sending_is_paused)?)
    }

    /// Pauses sending, or lets it go on with what is owed. For operators.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn pause_sending(&self, paused: bool) -> Result<()> {
        Ok(self.inner.store.update(move |tx| store::meta::pause_sending(tx, paused)).await?)
    }
}
