//! What the messenger did, counted where it happens.

use std::sync::atomic::AtomicU64;

/// What happened since the start, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sockets open now.
    pub open: u64,
    /// Contacts with an open session now.
    pub contacts: u64,
    /// Sessions that went on from their `since`.
    pub resumed: u64,
    /// Sessions that began with a snapshot.
    pub snapshots: u64,
    /// Entries of the log written to sockets.
    pub events_sent: u64,
    /// Messages that were committed and acknowledged.
    pub acknowledged: u64,
    /// Sockets closed because they were too slow or silent (4002).
    pub slow_closed: u64,
    /// Sockets closed because there was too much (4008).
    pub flood_closed: u64,
    /// Connections refused before they were sockets.
    pub refused: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) resumed: AtomicU64,
    pub(crate) snapshots: AtomicU64,
    pub(crate) events_sent: AtomicU64,
    pub(crate) acknowledged: AtomicU64,
    pub(crate) slow_closed: AtomicU64,
    pub(crate) flood_closed: AtomicU64,
    pub(crate) refused: AtomicU64,
}
