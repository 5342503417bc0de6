//! Where in the packs each blob stands, in memory: 16 bytes per blob of a full pack.
//!
//! Of blobs in full packs only the first 8 bytes of the name are kept; whether it is the right one is seen at its record. A
//! blob put twice at once may have two records.

use crate::domain::attachment::BlobHash;
use std::collections::BTreeSet;

/// Where a record begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The number of its pack.
    pub(super) pack: u32,
    /// Its first byte there.
    pub(super) at: u32,
}

/// The places of all records that are not gone.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Of full packs: the first bytes of a name and its place, ascending.
    full: Vec<(u64, Place)>,
    /// Of packs that are not full.
    fresh: BTreeSet<(BlobHash, Place)>,
}

impl Index {
    /// Notes a record of a pack that is not full.
    pub(super) fn add(&mut self, hash: BlobHash, place: Place) {
        self.fresh.insert((hash, place));
    }

    /// Notes the records of full packs; sorts once, so give many.
    pub(super) fn add_full(&mut self, records: impl IntoIterator<Item = (BlobHash, Place)>) {
        self.full.extend(records.into_iter().map(|(hash, place)| (prefix(hash), place)));
        // Quick, since most of it is in order.
        self.full.sort();
    }

    /// The records of a pack that is not full, in the order they were written.
    pub(super) fn of_fresh(&self, pack: u32) -> Vec<(BlobHash, u32)> {
        let of_it = self.fresh.iter().filter(|(_, place)| place.pack == pack);
        let mut records: Vec<_> = of_it.map(|(hash, place)| (*hash, place.at)).collect();
        records.sort_unstable_by_key(|(_, at)| *at);
        records
    }

    /// Counts a pack as full.
    pub(super) fn seal(&mut self, pack: u32) {
        let all = std::mem::take(&mut self.fresh);
        let (full, fresh): (BTreeSet<_>, BTreeSet<_>) = all.into_iter().partition(|(_, place)| place.pack == pack);
        self.fresh = fresh;
        self.add_full(full);
    }

    /// Forgets a record.
    pub(super) fn remove(&mut self, hash: BlobHash, place: Place) {
        if !self.fresh.remove(&(hash, place))
            && let Ok(at) = self.full.binary_search(&(prefix(hash), place))
        {
            self.full.remove(at);
        }
    }

    /// Whether a pack holds anything.
    pub(super) fn has_any(&self, pack: u32) -> bool {
        let mut places = self.full.iter().map(|(_, place)| place).chain(self.fresh.iter().map(|(_, place)| place));
        places.any(|place| place.pack == pack)
    }

    /// Where records of that name may stand.
    pub(super) fn places(&self, hash: BlobHash) -> Vec<Place> {
        let wanted = prefix(hash);
        let from = self.full.partition_point(|(prefix, _)| *prefix < wanted);
        let full = self.full.iter().skip(from).take_while(|(prefix, _)| *prefix == wanted).map(|(_, place)| *place);
        let least = Place { pack: 0, at: 0 };
        let fresh = self.fresh.range((hash, least)..).take_while(|(name, _)| *name == hash).map(|(_, place)| *place);
        full.chain(fresh).collect()
    }

    /// Places of records whose names begin with `first`.
    pub(super) fn beginning_with(&self, first: u8) -> Vec<Place> {
        let lowest = u64::from(first) << 56;
        let from = self.full.partition_point(|(prefix, _)| *prefix < lowest);
        let full = self.full.iter().skip(from).take_while(|(prefix, _)| prefix >> 56 == u64::from(first));
        let mut least = BlobHash([0; 32]);
        if let Some(octet) = least.0.first_mut() {
            *octet = first;
        }
        let fresh = self.fresh.range((least, Place { pack: 0, at: 0 })..).take_while(|(name, _)| name.shard() == first);
        full.map(|(_, place)| *place).chain(fresh.map(|(_, place)| *place)).collect()
    }
}

fn prefix(hash: BlobHash) -> u64 {
    hash.0.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_found_before_and_after_its_pack_is_full_and_not_once_removed() {
        let mut index = Index::default();
        let [a, b] = [BlobHash::of(b"a"), BlobHash::of(b"b")];
        let [first, again, other] = [(1, 0), (1, 90), (2, 0)].map(|(pack, at)| Place { pack, at });
        index.add(a, first);
        index.add(a, again);
        index.add(b, other);
        assert_eq!(index.places(a), [first, again]);
        assert_eq!(index.of_fresh(1), [(a, 0), (a, 90)]);
        index.seal(1);
        assert_eq!(index.of_fresh(1), []);
        assert_eq!((index.places(a), index.places(b)), (vec![first, again], vec![other]));
        index.remove(a, first);
        index.remove(b, other);
        assert_eq!((index.places(a), index.places(b)), (vec![again], vec![]));
    }
}
