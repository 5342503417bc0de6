//! The messenger: JSON frames over websockets (RFC 6455), protocol `deskgate.v1`.
//!
//! | file | what |
//! |---|---|
//! | [`protocol`] | the frames, read and written by hand from and to domain types |
//! | `session`, `answer` | one socket from its first frame to its close code; what it is asked |
//! | [`hub`] | every socket of the process: wake-ups, limits, counts, drain |
//! | `room`, `seat` | the sockets of one contact, with the frames they share; one socket as the hub sees it |
//! | `receipts` | what of broadcasts reached sockets and clients, on its way to their ledgers |
//! | [`presence`], `moments` | who types, who is here, who looks; as contacts and as agents are shown it; never in the log |
//! | `house` | whether somebody is there and how soon an answer comes, told anew when it changes |
//! | [`wire`], [`close`] | bytes to a socket within a deadline, and the last words before it closes |
//! | `options` | every limit and time |
//!
//! A socket has no queue: it has a cursor in the log, a signal that carries nothing, and a deadline for writing. What a
//! contact has missed is read from the store whether it was missed for a second or for a day, so a reader that is too
//! slow loses its connection (4002) and never a frame.
//!
//! | crash or cut | what the client sees |
//! |---|---|
//! | before the commit of a `send` | no ack; it sends again with the same `client_id`, one part in the end (MSG-42) |
//! | after the commit, before the ack | the same; the repeat is answered with the first result |
//! | between two events | it comes back with the last `seq` it applied and gets exactly what follows (MSG-40) |
//! | while resuming | the same: `welcome.seq` of a resumed session is the `since` it came with |
//!
//! **Invariant:** `ack` leaves after the commit that holds the message, never before; a frame of the log goes out once
//! per socket in ascending `seq`; nothing is sent that `domain::audience` did not allow when it was read.

pub mod close;
pub mod hub;
pub mod presence;
pub mod protocol;
pub mod wire;

mod answer;
mod counts;
mod house;
pub(crate) mod moments;
mod options;
mod receipts;
mod room;
mod seat;
mod session;

pub use hub::Hub;

/// Name of the subprotocol (RFC 6455 §1.9).
pub const SUBPROTOCOL: &str = "deskgate.v1";
/// Largest frame and message a client may send, in bytes (MSG-61).
pub const FRAME_BYTES_MAX: usize = 64 * 1_024;
