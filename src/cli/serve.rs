//! `deskgate serve`.

use crate::cli::Context;
use crate::daemon;
use crate::daemon::exit::Failure;

/// Runs the daemon.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    Box::pin(daemon::run(context.config()?, &context.environment)).await
}
