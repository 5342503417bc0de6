//! Mail as bytes and as values: reading, recognising, separating, cleaning, composing (RFC 5322, RFC 2045 to 2049).
//!
//! **Invariant:** bytes in, values out. No I/O, no clock, no randomness: keys, times and ids are arguments. Reading never
//! fails and never loses anything: it gives what could be read and a list of faults; the raw bytes stay with the caller.
//! Everything from outside has a limit ([`limits`]) and is worked on in linear time.
//!
//! In reading order: [`prescan`] refuses what must not be parsed; [`message`] reads; [`message_id`] signs and verifies
//! our ids and tokens; [`thread`] names the ids by which a mail joins a thread; [`dsn`] reads bounces and complaints;
//! [`classify`] says what kind of mail it is; [`reply`] separates new text from quotes; [`sanitize`] makes HTML safe;
//! [`compose`] writes.

pub mod auth_results;
pub mod classify;
pub mod clean;
pub mod compose;
pub mod dsn;
pub mod fault;
pub mod forward;
pub mod html_text;
mod html_tokens;
pub mod limits;
pub mod message;
pub mod message_id;
pub mod prescan;
pub mod reply;
pub mod sanitize;
pub mod thread;
