//! Keys: how fields become bytes and where a range ends.
//!
//! **Invariant:** numbers are big-endian, so that the order of keys is the order of numbers.

use crate::store::engine::Pair;
use crate::store::engine::ReadTx;
use crate::store::engine::Table;
use crate::store::error::Result;
use ring::digest;

/// Upper end of a scan over a whole table of keys that begin with a number.
pub(crate) const END: &[u8] = &[0xff; 64];

/// One number.
pub(crate) fn one(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// Two numbers.
pub(crate) fn two(first: u64, second: u64) -> Vec<u8> {
    joined(&[&first.to_be_bytes(), &second.to_be_bytes()])
}

/// Fields joined.
pub(crate) fn joined(fields: &[&[u8]]) -> Vec<u8> {
    fields.concat()
}

/// The least key greater than `key`.
pub(crate) fn after(key: &[u8]) -> Vec<u8> {
    joined(&[key, &[0]])
}

/// The least key greater than every key that begins with `prefix`; [`END`] where there is none.
pub(crate) fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return end;
        }
    }
    END.to_vec()
}

/// Rows of a table in either direction, behind `after` if there is one.
pub(crate) fn behind(
    tx: &dyn ReadTx,
    table: Table,
    ascending: bool,
    row: Option<Vec<u8>>,
    limit: usize,
) -> Result<Vec<Pair>> {
    match (ascending, row) {
        (true, row) => tx.scan(table, &row.as_deref().map(after).unwrap_or_default(), END, limit),
        (false, row) => tx.scan_back(table, &[], row.as_deref().unwrap_or(END), limit),
    }
}

/// The number that stands at byte `at`; `None` if the key is too short.
pub(crate) fn number_at(key: &[u8], at: usize) -> Option<u64> {
    let bytes = key.get(at..at.checked_add(8)?)?;
    bytes.try_into().ok().map(u64::from_be_bytes)
}

/// A key or value that is one number and nothing else.
pub(crate) fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

/// First half of the SHA-256 of a text: fixed length for texts that outsiders choose.
pub(crate) fn hash16(text: &str) -> [u8; 16] {
    let mut half = [0; 16];
    let whole = digest::digest(&digest::SHA256, text.as_bytes());
    half.iter_mut().zip(whole.as_ref()).for_each(|(to, from)| *to = *from);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_the_next_one_begins() {
        for (prefix, end) in [(&[1_u8, 2][..], &[1_u8, 3][..]), (&[1, 0xff], &[2]), (&[0xff, 0xff], END)] {
            assert_eq!(prefix_end(prefix), end);
        }
    }

    #[test]
    fn numbers_come_back_and_short_keys_give_none() {
        assert_eq!(number_at(&two(1, u64::MAX), 8), Some(u64::MAX));
        assert_eq!(number_at(&[0; 7], 0), None);
        assert_eq!(number_at(&one(1), usize::MAX), None);
        assert_eq!(number(&two(1, 2)), None);
        assert!(two(1, 255) < two(1, 256));
    }
}
