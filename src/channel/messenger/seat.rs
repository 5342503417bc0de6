//! One socket as the hub sees it: a signal, a cursor, and what it is told beside the log.
//!
//! **Invariant:** what waits here is bounded and small; entries of the log never wait here.

use crate::channel::messenger::close::Close;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Typing and presence frames that wait for one socket; they are stale at once, so the oldest go.
const PASSING_MAX: usize = 8;

/// A socket of the process.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Names it among the process's sockets.
    pub(crate) id: u64,
    /// The client's address, if it is limited.
    pub(crate) from: Option<IpAddr>,
    /// Carries nothing: look at the orders, then at the log.
    pub(crate) wake: Notify,
    orders: Mutex<Orders>,
    cursor: AtomicU64,
    active_at_ms: AtomicU64,
}

/// What a socket is told beside the log.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    /// End, for this reason.
    pub(crate) close: Option<Close>,
    /// Tell anew how the house is.
    pub(crate) house: bool,
    /// Frames of the moment.
    pub(crate) passing: VecDeque<Utf8Bytes>,
}

impl Seat {
    pub(crate) fn new(id: u64, from: Option<IpAddr>, now_ms: u64) -> Self {
        Self {
            id,
            from,
            wake: Notify::new(),
            orders: Mutex::default(),
            cursor: AtomicU64::new(0),
            active_at_ms: AtomicU64::new(now_ms),
        }
    }

    /// Tells the socket to end; the first reason stands.
    pub(crate) fn order_close(&self, close: Close) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.close.get_or_insert(close);
        drop(orders);
        self.wake.notify_one();
    }

    /// Gives the socket a frame of the moment.
    pub(crate) fn pass(&self, frame: Utf8Bytes) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if orders.passing.len() >= PASSING_MAX {
            orders.passing.pop_front();
        }
        orders.passing.push_back(frame);
        drop(orders);
        self.wake.notify_one();
    }

    /// Tells the socket to say anew how the house is.
    pub(crate) fn order_house(&self) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).house = true;
        self.wake.notify_one();
    }

    /// Takes what was ordered; an order to close stays.
    pub(crate) fn take_orders(&self) -> Orders {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let house = std::mem::take(&mut orders.house);
        Orders { close: orders.close, house, passing: std::mem::take(&mut orders.passing) }
    }

    /// Log position up to which everything was written to the socket.
    pub(crate) fn cursor(&self) -> u64 {
        self.cursor.load(Ordering::Acquire)
    }

    pub(crate) fn set_cursor(&self, seq: u64) {
        self.cursor.store(seq, Ordering::Release);
    }

    /// The client said something.
    pub(crate) fn touch(&self, now_ms: u64) {
        self.active_at_ms.store(now_ms, Ordering::Relaxed);
    }

    /// When the client last said something.
    pub(crate) fn active_at_ms(&self) -> u64 {
        self.active_at_ms.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_to_close_stands_and_passing_frames_are_bounded() {
        let seat = Seat::new(1, None, 0);
        for n in 0..20 {
            seat.pass(n.to_string().into());
        }
        seat.order_close(Close::TooMany);
        seat.order_close(Close::GoingAway);
        let orders = seat.take_orders();
        assert_eq!(orders.close, Some(Close::TooMany));
        assert_eq!(orders.passing.len(), PASSING_MAX);
        assert_eq!(orders.passing.back().map(Utf8Bytes::as_str), Some("19"));
        let later = seat.take_orders();
        assert_eq!(later.close, Some(Close::TooMany));
        assert!(later.passing.is_empty());
    }
}
