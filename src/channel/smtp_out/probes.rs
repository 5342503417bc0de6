//! Probe mails to support addresses, each by the relay that address sends through (EML-10).

use crate::channel::smtp_out::options::RelayOptions;
use crate::channel::smtp_out::single::send_single;
use crate::desk::mail::outbox::OutgoingMail;
use crate::domain::address::Address;
use crate::domain::delivery::Verdict;
use std::sync::Arc;

/// The relays of the support addresses. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ProbeRelays(Arc<[(Address, RelayOptions)]>);

impl ProbeRelays {
    /// Each support address with its relay.
    #[must_use]
    pub fn new(relays: Vec<(Address, RelayOptions)>) -> Self {
        Self(relays.into())
    }

    /// Hands a probe over; what the relay said to it.
    ///
    /// # Errors
    /// What stood in the way, for people.
    pub async fn send(&self, probe: &OutgoingMail) -> Result<String, String> {
        let known = self.0.iter().find(|(address, _)| *address == probe.recipient);
        let (_, relay) = known.ok_or_else(|| format!("no relay sends for {}", probe.recipient))?;
        match send_single(relay, probe).await.1 {
            Verdict::Delivered { answer } => Ok(answer),
            Verdict::Uncertain { reason } => Err(format!("the relay may have it: {reason}")),
            Verdict::Deferred { reason, .. } | Verdict::Failed { reason } => Err(reason),
            Verdict::Skipped(_) | Verdict::Held | Verdict::Postponed { .. } => Err("nothing was sent".to_owned()),
        }
    }
}
