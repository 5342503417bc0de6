//! One mail over a connection of its own: probes and alarms, which no delivery is owed for.

use crate::channel::smtp_out::connect::connect;
use crate::channel::smtp_out::options::RelayOptions;
use crate::channel::smtp_out::transact::transact;
use crate::desk::mail::outbox::OutgoingMail;
use crate::domain::delivery::Verdict;

/// Connects, signs in, hands `mail` over and says goodbye. The steps with what the relay said, and the verdict.
pub async fn send_single(
    relay: &RelayOptions,
    mail: &OutgoingMail,
) -> (Vec<(String, Result<String, String>)>, Verdict) {
    let mut steps = Vec::new();
    match connect(relay, &mut steps).await {
        Ok(mut connection) => {
            let outcome = transact(&mut connection, mail, relay, async || Ok(())).await;
            connection.quit().await;
            (steps, outcome.verdict)
        }
        Err(fault) => {
            if steps.last().is_none_or(|(_, done)| done.is_ok()) {
                steps.push(("connection".to_owned(), Err(fault.to_string())));
            }
            (steps, Verdict::Deferred { reason: fault.to_string(), retry_after: None })
        }
    }
}
