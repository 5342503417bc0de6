//! Signing in at the relay step by step, for people (`relay test`, `check --connect`).

use crate::channel::smtp_out::connect::connect;
use crate::channel::smtp_out::options::RelayOptions;

/// Connects and signs in as for sending, and says goodbye. Every step that was taken, in order, with what the relay said or
/// what went wrong; the first fault is the last step.
pub async fn probe(relay: &RelayOptions) -> Vec<(String, Result<String, String>)> {
    let mut steps = Vec::new();
    match connect(relay, &mut steps).await {
        Ok(connection) => connection.quit().await,
        Err(fault) => {
            // A fault between two steps, such as words in clear behind STARTTLS, has no step of its own yet.
            if steps.last().is_none_or(|(_, done)| done.is_ok()) {
                steps.push(("connection".to_owned(), Err(fault.to_string())));
            }
        }
    }
    steps
}
