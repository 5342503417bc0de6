//! Signing in at a relay with an access token (AUTH XOAUTH2, as Google and Microsoft describe it).
//!
//! **Invariant:** a token leaves this host only where a password would; one that the relay refuses is asked for anew once
//! before a person is. Asking is never broken off: what a token server gave must reach the disk.

use crate::channel::oauth::Bearer;
use crate::channel::oauth::NoToken;
use crate::channel::smtp_out::connect::Connection;
use crate::channel::smtp_out::fault::Fault;
use crate::channel::smtp_out::options::RelayTokens;
use crate::channel::smtp_out::options::TOKEN_WAIT;
use crate::channel::smtp_out::reply::Reply;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::commands::Auth;
use std::time::Duration;
use tokio::time::timeout;

/// The step, as people know it from mailboxes.
pub(crate) const ACCESS_TOKEN: &str = "access token";

/// An access token of the relay's user.
pub(crate) async fn bearer(tokens: &RelayTokens) -> Result<Bearer, Fault> {
    let source = tokens.source.clone();
    // A task of its own goes on when nobody waits any more.
    let asking = tokio::spawn(async move { source.bearer().await });
    match timeout(TOKEN_WAIT, asking).await {
        Err(_) => Err(Fault::Silent { step: ACCESS_TOKEN, after: TOKEN_WAIT }),
        Ok(Err(fault)) => Err(Fault::Unfit(format!("{ACCESS_TOKEN}: {fault}"))),
        Ok(Ok(Ok(bearer))) => Ok(bearer),
        Ok(Ok(Err(NoToken::NeedsConsent(why)))) => Err(Fault::NeedsAuth(why)),
        Ok(Ok(Err(NoToken::Passing(why)))) => Err(Fault::Unfit(format!("{ACCESS_TOKEN}: {why}"))),
    }
}

/// Shows the token. A relay that refuses says why in a challenge first, which wants an empty answer.
pub(crate) async fn sign_in(
    connection: &mut Connection,
    tokens: &RelayTokens,
    bearer: &Bearer,
    wait: Duration,
) -> Result<Reply, Fault> {
    if !connection.offers.xoauth2 {
        return Err(Fault::Unfit("the relay offers no AUTH XOAUTH2 here".to_owned()));
    }
    let who = Credentials::new(tokens.user.clone(), bearer.reveal().to_owned());
    let line = Auth::new(Mechanism::Xoauth2, who, None).map_err(|error| Fault::Unfit(error.to_string()))?;
    let mut reply = connection.wire.command("sign in", &line.to_string(), wait).await?;
    if reply.code() == 334 {
        reply = connection.wire.command("sign in", "\r\n", wait).await?;
    }
    match reply.code() {
        235 => Ok(reply),
        // 534, 535 and 538 speak of the credentials (RFC 4954 §6); 5yz else of the command.
        534 | 535 | 538 if bearer.is_fresh => {
            Err(Fault::NeedsAuth(format!("the relay refuses the access token: {reply}")))
        }
        534 | 535 | 538 => {
            tokens.source.is_refused(bearer).await;
            Err(Fault::StaleToken(reply))
        }
        _ => Err(Fault::Refused { step: "sign in", reply }),
    }
}
