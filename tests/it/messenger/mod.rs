//! The messenger: sessions over real websocket clients against a desk in memory, and against the daemon.

mod autobahn;
mod bench;
pub(crate) mod client;
mod conformance;
mod daemon;
mod forms;
mod handshake;
mod house;
mod identity;
mod limits;
mod poll;
mod quick_replies;
mod read_marks;
mod receipts;
mod resume;
mod sessions;
