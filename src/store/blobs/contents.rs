//! What a full pack holds, in a file beside it, so that opening a store need not read its packs.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | [`MARK`] |
//! | for each blob: 32 | its name |
//! | 4 | where its record begins, little endian |
//! | 32 | SHA-256 of all before |
//!
//! **Invariant:** a file that is not whole counts as absent: the pack itself is read instead.

use crate::domain::attachment::BlobHash;

const MARK: [u8; 8] = *b"dgpackc1";
const NAME_BYTES: usize = 32;
const ENTRY_BYTES: usize = NAME_BYTES + 4;

/// The octets of such a file.
pub(super) fn written(records: &[(BlobHash, u32)]) -> Vec<u8> {
    let mut octets = MARK.to_vec();
    for (hash, at) in records {
        octets.extend_from_slice(&hash.0);
        octets.extend_from_slice(&at.to_le_bytes());
    }
    let digest = BlobHash::of(&octets);
    octets.extend_from_slice(&digest.0);
    octets
}

/// What such a file says; `None` when it is not whole.
pub(super) fn read(octets: &[u8]) -> Option<Vec<(BlobHash, u32)>> {
    let (said, digest) = octets.split_last_chunk::<NAME_BYTES>()?;
    let entries = said.strip_prefix(&MARK)?;
    if BlobHash::of(said).0 != *digest || entries.len() % ENTRY_BYTES != 0 {
        return None;
    }
    entries.chunks_exact(ENTRY_BYTES).map(entry).collect()
}

fn entry(octets: &[u8]) -> Option<(BlobHash, u32)> {
    let (hash, at) = octets.split_first_chunk::<NAME_BYTES>()?;
    Some((BlobHash(*hash), u32::from_le_bytes(at.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_what_is_damaged_is_not() {
        let records: Vec<(BlobHash, u32)> = (0..5_u8).map(|n| (BlobHash::of(&[n]), u32::from(n) * 900)).collect();
        let octets = written(&records);
        assert_eq!(read(&octets), Some(records));
        for at in 0..octets.len() {
            let mut damaged = octets.clone();
            damaged[at] ^= 1;
            assert_eq!(read(&damaged), None, "{at}");
            assert_eq!(read(&octets[..at]), None, "{at}");
        }
        assert_eq!(read(&written(&[])), Some(Vec::new()));
    }
}
