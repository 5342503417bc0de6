//! A message while it comes in, and the memory all sessions of a listener may fill with such.
//!
//! **Invariant:** what is held of messages never exceeds the budget, and one message never `bytes_max`; a message over
//! either limit is forgotten at once, while its sender is read to the end.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// First allocation of a message in bytes.
const FIRST_BYTES: usize = 64 * 1024;

/// Bytes that messages in flight may take, shared by the sessions of a listener.
#[derive(Debug)]
pub(crate) struct Budget {
    free_bytes: AtomicU64,
}

impl Budget {
    /// A budget of so many bytes.
    pub(crate) fn new(bytes: u64) -> Arc<Self> {
        Arc::new(Self { free_bytes: AtomicU64::new(bytes) })
    }

    /// Whether so many bytes could be had now; nothing is set aside.
    pub(crate) fn has(&self, bytes: u64) -> bool {
        self.free_bytes.load(Ordering::Relaxed) >= bytes
    }

    fn take(&self, bytes: u64) -> bool {
        let taken = self.free_bytes.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |free| free.checked_sub(bytes));
        taken.is_ok()
    }
}

/// Why a message is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// Larger than one message may be.
    TooLarge,
    /// The budget of all sessions is used up.
    NoRoom,
}

/// One message as far as it has come in.
#[derive(Debug)]
pub(crate) struct Body {
    bytes: Vec<u8>,
    bytes_max: usize,
    overflow: Option<Overflow>,
    budget: Arc<Budget>,
    /// Bytes taken from the budget: the capacity of `bytes`.
    charged_bytes: u64,
}

impl Body {
    /// An empty message that may grow to `bytes_max`.
    pub(crate) fn new(bytes_max: usize, budget: Arc<Budget>) -> Self {
        Self { bytes: Vec::new(), bytes_max, overflow: None, budget, charged_bytes: 0 }
    }

    /// Appends a run of text, or forgets everything when it does not fit.
    pub(crate) fn push(&mut self, run: &[u8]) {
        if self.overflow.is_some() {
            return;
        }
        match self.make_room(self.bytes.len().saturating_add(run.len())) {
            Ok(()) => self.bytes.extend_from_slice(run),
            Err(overflow) => {
                self.bytes = Vec::new();
                self.give_back();
                self.overflow = Some(overflow);
            }
        }
    }

    /// Whether the message was given up, and why.
    pub(crate) fn overflow(&self) -> Option<Overflow> {
        self.overflow
    }

    /// Takes the message out; its bytes stay charged until `self` is dropped.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    fn make_room(&mut self, needed: usize) -> Result<(), Overflow> {
        if needed > self.bytes_max {
            return Err(Overflow::TooLarge);
        }
        let capacity = self.bytes.capacity();
        if needed <= capacity {
            return Ok(());
        }
        let doubled = capacity.saturating_mul(2).max(FIRST_BYTES).min(self.bytes_max).max(needed);
        let granted = [doubled, needed].into_iter().find(|wanted| self.charge(*wanted)).ok_or(Overflow::NoRoom)?;
        self.bytes.reserve_exact(granted.saturating_sub(self.bytes.len()));
        Ok(())
    }

    fn charge(&mut self, capacity: usize) -> bool {
        let wanted = u64::try_from(capacity).unwrap_or(u64::MAX);
        let taken = self.budget.take(wanted.saturating_sub(self.charged_bytes));
        if taken {
            self.charged_bytes = wanted.max(self.charged_bytes);
        }
        taken
    }

    fn give_back(&mut self) {
        self.budget.free_bytes.fetch_add(self.charged_bytes, Ordering::AcqRel);
        self.charged_bytes = 0;
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_7_a_message_over_its_limit_is_forgotten_not_cut() {
        let budget = Budget::new(1_000_000);
        let mut body = Body::new(100_000, Arc::clone(&budget));
        body.push(&[b'a'; 100_000]);
        assert_eq!((body.overflow(), body.bytes.len()), (None, 100_000));
        assert!(body.bytes.capacity() <= 100_000);
        body.push(b"b");
        assert_eq!((body.overflow(), body.bytes.capacity()), (Some(Overflow::TooLarge), 0));
        body.push(b"c");
        assert!(body.take().is_empty());
        assert!(budget.has(1_000_000));
    }

    #[test]
    fn messages_share_one_budget_and_give_it_back() {
        let budget = Budget::new(150_000);
        let mut first = Body::new(1_000_000, Arc::clone(&budget));
        first.push(&[b'a'; 90_000]);
        let mut second = Body::new(1_000_000, Arc::clone(&budget));
        second.push(&[b'b'; 90_000]);
        assert_eq!((first.overflow(), second.overflow()), (None, Some(Overflow::NoRoom)));
        let raw = first.take();
        assert_eq!(raw.len(), 90_000);
        assert!(!budget.has(150_000), "charged until the message is stored");
        drop(first);
        assert!(budget.has(150_000));
    }

    #[test]
    fn a_budget_too_small_for_growth_in_advance_still_takes_what_fits() {
        let budget = Budget::new(80_000);
        let mut body = Body::new(1_000_000, budget);
        for _ in 0..8 {
            body.push(&[b'a'; 10_000]);
        }
        assert_eq!((body.overflow(), body.take().len()), (None, 80_000));
    }
}
