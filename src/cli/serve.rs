//! `deskgate serve`.

use crate::cli::Context;
use crate::daemon;
use crate::daemon::exit::Failure;
use crate::daemon::passed::PassedSockets;

/// Runs the daemon.
pub(crate) async fn run(context: &Context, passed: PassedSockets) -> Result<(), Failure> {
    Box::pin(daemon::run(context.config()?, &context.environment, passed)).await
}
