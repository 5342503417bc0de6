//! What the tests share.

pub(crate) mod door;
pub(crate) mod dovecot;
