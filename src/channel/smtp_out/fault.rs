//! Why there is no answer to act on: the connection or the relay itself, never one mail.

use crate::channel::smtp_out::reply::Reply;
use std::io;
use std::time::Duration;

/// A fault of the connection or of the relay, with the step it came at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The network.
    #[error("{step}: {source}")]
    Io {
        /// What was being done.
        step: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// No answer in time.
    #[error("{step}: no answer within {} s", after.as_secs_f32())]
    Silent {
        /// What was being done.
        step: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// The relay closed the connection.
    #[error("{step}: the relay closed the connection")]
    Closed {
        /// What was being done.
        step: &'static str,
    },
    /// What came is no reply, or one that nobody asked for.
    #[error("{step}: {what}")]
    Garbled {
        /// What was being done.
        step: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The relay does not want us.
    #[error("{step}: {reply}")]
    Refused {
        /// What was being done.
        step: &'static str,
        /// Its words.
        reply: Reply,
    },
    /// No protected connection.
    #[error("TLS: {0}")]
    Tls(String),
    /// The sign-in needs a person.
    #[error("sign in: {0}")]
    NeedsAuth(String),
    /// The relay refuses an access token that was kept for a while; there may be a better one.
    #[error("sign in: {0}; a new access token is asked for")]
    StaleToken(Reply),
    /// We do not want the relay as it is.
    #[error("{0}")]
    Unfit(String),
}
