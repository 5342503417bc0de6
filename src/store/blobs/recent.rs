//! The blobs put last, whose commits may still come.

use crate::domain::attachment::BlobHash;
use std::collections::HashMap;
use std::collections::VecDeque;

/// How many of the blobs put last are never swept, whatever the clock says.
pub const RECENT_MAX: usize = 16_384;

/// The blobs put last.
#[derive(Debug, Default)]
pub(super) struct Recent {
    order: VecDeque<BlobHash>,
    counts: HashMap<BlobHash, usize>,
}

impl Recent {
    /// Notes a put; the oldest of more than [`RECENT_MAX`] is forgotten.
    pub(super) fn add(&mut self, hash: BlobHash) {
        self.order.push_back(hash);
        *self.counts.entry(hash).or_default() += 1;
        if self.order.len() > RECENT_MAX
            && let Some(oldest) = self.order.pop_front()
            && let Some(count) = self.counts.get_mut(&oldest)
        {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&oldest);
            }
        }
    }

    /// Whether `hash` is among them.
    pub(super) fn has(&self, hash: BlobHash) -> bool {
        self.counts.contains_key(&hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_puts_are_known_and_older_ones_forgotten() {
        let mut recent = Recent::default();
        let [twice, once] = [b"twice", b"once_"].map(|content| BlobHash::of(content));
        recent.add(twice);
        recent.add(once);
        for n in 0..RECENT_MAX - 1 {
            recent.add(if n == 0 { twice } else { BlobHash::of(&n.to_be_bytes()) });
        }
        assert!(recent.has(twice) && recent.has(once));
        recent.add(BlobHash::of(b"one more"));
        assert!(recent.has(twice), "put again since");
        assert!(!recent.has(once));
    }
}
