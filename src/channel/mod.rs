//! The seams to the world: mail in and out, the messenger, webhooks.
//!
//! **Invariant:** a channel calls `desk`; it never touches the store, and it acknowledges only what `desk` committed.

pub mod dns;
pub(crate) mod exchange;
pub mod imap;
pub mod messenger;
pub(crate) mod networks;
pub mod oauth;
pub(crate) mod pace;
pub mod smtp_in;
pub mod smtp_out;
pub(crate) mod tls;
pub mod webhook_out;
