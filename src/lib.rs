//! Deskgate: an email and messenger gateway daemon with a help desk, in one process on one embedded store.
//!
//! # The picture
//!
//! **Everything that happens is one operation run in one store transaction, which writes the new state, appends what
//! happened to one ordered event log, and records the deliveries that are now owed. Everything that goes out reads from
//! there.** Nothing is sent from inside a transaction, and nothing is announced that is not in the log.
//!
//! ```text
//!  IMAP IDLE ─┐                                                        ┌─> live sockets (cursor in the log, resume)
//!  SMTP/LMTP ─┤   raw bytes      ┌────────┐   one transaction:         ├─> email deliveries ── relay
//!  import ────┼─> stored first ─>│  desk  │─> state + events + owed ───┤
//!  messenger ─┤                  │ (rules)│   deliveries               └─> captured mail, where there is no relay
//!  HTTP API ──┘                  └────────┘
//! ```
//!
//! # Layers, in reading order
//!
//! | layer | what it is | may use |
//! |---|---|---|
//! | [`domain`] | the nouns and rules; no I/O, clock or randomness | pure crates |
//! | [`mail`] | RFC 5322 and MIME: bytes to values and back | domain |
//! | [`template`] | every text that goes out | domain |
//! | [`store`] | ordered tables, one writer, log, outbox, blobs | domain |
//! | [`desk`] | what can be done: one function, one operation, one transaction | all above |
//! | [`channel`] | the seams to the world: SMTP, LMTP, IMAP, the messenger, the relay | domain, mail, template, desk |
//! | [`search`] | full-text index as a reader of the log | domain, mail, template, desk |
//! | [`http`] | the API and the pages | domain, desk, channel |
//! | [`daemon`], [`cli`] | what runs, and what people type | everything |
//!
//! [`clock`] is the only reader of time, [`config`] the only reader of files and environment that say how this process
//! runs. A test holds the table and fails with file and line on an import that breaks it.
//!
//! # Flows
//!
//! - **Email in**: bytes → blob, durable → read, classed, cleaned → one transaction: known already? quarantine? which
//!   thread? part, indexes, events, deliveries, the mailbox's cursor. The 250 comes after that commit
//!   ([`desk::mail::arrival`], [`desk::mail::intake`]).
//! - **Messenger in**: a frame with a `client_id` → the same operation as for any comment → `ack` after the commit.
//! - **Agent's reply**: part and event → sockets have it now; a mail is owed, due when it was not seen for a while, grouped with
//!   what follows. At its time it is looked at again, composed, marked before the final dot, sent, settled
//!   ([`desk::mail::outbox`]).
//! - **State change**: the rules of the type → event → who hears of it; linked threads get their part in the same transaction, or
//!   in batches with a cursor when there are many.
//! - **Broadcast**: a record with a cursor; a worker takes batches of links: part, event, ledger rows and deliveries with the
//!   new cursor in one transaction ([`desk::broadcasts`]).
//! - **Socket out**: a session holds a cursor in the log; a full queue closes the socket with *resume*, it never drops a frame.
//!
//! # What must never be
//!
//! 1. An acknowledgement (250, IMAP cursor, `ack`) before the commit that holds what it is for.
//! 2. Domain code that reads a clock, randomness, the environment or the store; a refusal that is a panic.
//! 3. Domain state written elsewhere than in `store::save`, or without its events.
//! 4. redb named outside the engine's file; an operation that awaits inside its transaction.
//! 5. A channel or HTTP handler that touches the store; a desk that knows SMTP, HTTP or sockets.
//! 6. A worker that relies on what its wake-up signal carries, or that cannot be killed at any instruction.
//! 7. A loop, queue, line, batch, scan, buffer or rendering without a stated limit.
//! 8. A contact-facing answer that did not ask [`domain::audience`].
//! 9. A wire form or a stored record that is a domain type.
//! 10. Mail that is lost because it could not be read.
//! 11. A setting in both the configuration file and the store.

pub mod channel;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod desk;
pub mod domain;
pub mod http;
pub mod mail;
pub mod search;
pub mod store;
pub mod template;
