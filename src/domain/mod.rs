//! What a desk knows: the nouns and rules of conversations and tickets.
//!
//! **Invariant:** no I/O, no clock, no randomness, no environment: time, ids and tokens are arguments. A refusal is a
//! value ([`refusal::Refusal`]), never a panic. Knows nothing of HTTP, SMTP, sockets or the store.

pub mod address;
pub mod id;
pub mod refusal;
