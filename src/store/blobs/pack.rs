//! The form of a pack: small blobs one after the other in a file that only grows.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | [`MARK`] |
//! | 4 | its [`State`], little endian like all numbers here |
//! | 4 | length of its block |
//! | 8 | when it was put, in milliseconds since 1970 |
//! | 32 | its name |
//! | | its LZ4 block, whose content hashes to its name |
//!
//! State and time are written over in place, nothing else is. A file is longer than its records: the rest is zeros.
//!
//! **Invariant:** a record is taken for a blob only when its content is that of its name; what stands behind a damaged record
//! is found all the same.

use crate::domain::attachment::BlobHash;
use crate::store::blobs::lz4::BLOCK_BYTES_MAX;
use crate::store::blobs::lz4::from_block;
use memchr::memmem;
use rustix::fs::FallocateFlags;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Begins every record.
const MARK: [u8; 8] = *b"\x89dgblob\n";
const STATE_AT: u64 = 8;
const PUT_AT: u64 = 16;
/// Bytes of a record before its block.
pub(super) const HEADER_BYTES: usize = 56;
/// A file grows by so many bytes at once: a sync that need not make a longer file durable costs half.
const STEP_BYTES: u64 = 1 << 20;

/// What became of a blob in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is there.
    Live = 1,
    /// It is removed; its bytes may still be there.
    Going = 2,
    /// It is removed and its bytes are zeros.
    Gone = 3,
}

/// What stands before a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) state: State,
    pub(super) block_bytes: u32,
    pub(super) put_ms: u64,
    pub(super) hash: BlobHash,
}

/// The records found in a pack.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Blobs that are not gone, and where.
    pub(super) records: Vec<(BlobHash, u32)>,
    /// Where the last record ends.
    pub(super) end: u32,
    /// Nothing but records and zeros was found, so that more may follow at `end`.
    pub(super) is_whole: bool,
}

/// Appends a record to `batch`.
pub(super) fn add(batch: &mut Vec<u8>, hash: BlobHash, block: &[u8], put_ms: u64) {
    batch.extend_from_slice(&MARK);
    batch.extend_from_slice(&(State::Live as u32).to_le_bytes());
    batch.extend_from_slice(&u32::try_from(block.len()).unwrap_or(u32::MAX).to_le_bytes());
    batch.extend_from_slice(&put_ms.to_le_bytes());
    batch.extend_from_slice(&hash.0);
    batch.extend_from_slice(block);
}

/// Bytes a record takes.
pub(super) fn record_bytes(block: &[u8]) -> u32 {
    u32::try_from(block.len().saturating_add(HEADER_BYTES)).unwrap_or(u32::MAX)
}

/// Writes records at `at` and syncs them, having made the file long enough for more than that.
pub(super) fn append(file: &File, batch: &[u8], at: u32) -> io::Result<()> {
    let end = u64::from(at).saturating_add(bytes(batch.len()));
    if end > file.metadata()?.len() {
        let longer = end.next_multiple_of(STEP_BYTES);
        let zeros = vec![0; usize::try_from(longer.saturating_sub(end)).unwrap_or(0)];
        file.write_all_at(&zeros, end)?;
    }
    file.write_all_at(batch, u64::from(at))?;
    file.sync_data()
}

/// The header of the record at `at`; `None` when there is none.
pub(super) fn header(file: &File, at: u32) -> io::Result<Option<Header>> {
    let mut octets = [0; HEADER_BYTES];
    match file.read_exact_at(&mut octets, u64::from(at)) {
        Ok(()) => Ok(parsed(&octets)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// The block of the record at `at`.
pub(super) fn block(file: &File, at: u32, header: &Header) -> io::Result<Vec<u8>> {
    let mut block = vec![0; usize::try_from(header.block_bytes).unwrap_or(0)];
    file.read_exact_at(&mut block, block_at(at))?;
    Ok(block)
}

/// Notes what became of the blob at `at`; durable with the next sync.
pub(super) fn set_state(file: &File, at: u32, state: State) -> io::Result<()> {
    file.write_all_at(&(state as u32).to_le_bytes(), u64::from(at).saturating_add(STATE_AT))
}

/// Notes that the blob at `at` was put again; durable when this returns.
pub(super) fn set_put(file: &File, at: u32, put_ms: u64) -> io::Result<()> {
    file.write_all_at(&put_ms.to_le_bytes(), u64::from(at).saturating_add(PUT_AT))?;
    file.sync_data()
}

/// Makes the block at `at` zeros and gives its space back where the file system can; durable with the next sync.
pub(super) fn wipe(file: &File, at: u32, header: &Header) -> io::Result<()> {
    let (from, length) = (block_at(at), u64::from(header.block_bytes));
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    if length > 0 && rustix::fs::fallocate(file, flags, from, length).is_err() {
        file.write_all_at(&vec![0; usize::try_from(length).unwrap_or(0)], from)?;
    }
    Ok(())
}

/// The records in the octets of a pack.
pub(super) fn find(octets: &[u8]) -> Found {
    let mut found = Found { is_whole: true, ..Found::default() };
    let mut rest = octets;
    let marks = memmem::Finder::new(&MARK);
    while let Some((between, at_mark)) = marks.find(rest).and_then(|at| rest.split_at_checked(at)) {
        found.is_whole &= is_zeros(between);
        let at = u32::try_from(octets.len() - at_mark.len()).unwrap_or(u32::MAX);
        match whole_record(at_mark) {
            Some((header, behind)) => {
                if header.state != State::Gone {
                    found.records.push((header.hash, at));
                }
                found.end = u32::try_from(octets.len() - behind.len()).unwrap_or(u32::MAX);
                rest = behind;
            }
            None => {
                found.is_whole = false;
                rest = at_mark.get(1..).unwrap_or_default();
            }
        }
    }
    found.is_whole &= is_zeros(rest);
    found
}

/// The record at the start of `octets` and what follows it, when it is whole.
fn whole_record(octets: &[u8]) -> Option<(Header, &[u8])> {
    let (head, rest) = octets.split_first_chunk::<HEADER_BYTES>()?;
    let header = parsed(head)?;
    let (block, behind) = rest.split_at_checked(usize::try_from(header.block_bytes).ok()?)?;
    let is_it =
        header.state != State::Live || from_block(block).is_ok_and(|content| BlobHash::of(&content) == header.hash);
    is_it.then_some((header, behind))
}

fn parsed(octets: &[u8; HEADER_BYTES]) -> Option<Header> {
    let (mark, rest) = octets.split_first_chunk::<8>()?;
    let (state, rest) = rest.split_first_chunk::<4>()?;
    let (block_bytes, rest) = rest.split_first_chunk::<4>()?;
    let (put_ms, rest) = rest.split_first_chunk::<8>()?;
    let (hash, _) = rest.split_first_chunk::<32>()?;
    let state = match u32::from_le_bytes(*state) {
        1 => State::Live,
        2 => State::Going,
        3 => State::Gone,
        _ => return None,
    };
    let block_bytes = u32::from_le_bytes(*block_bytes);
    let is_sane = *mark == MARK && usize::try_from(block_bytes).is_ok_and(|length| length <= BLOCK_BYTES_MAX);
    is_sane.then(|| Header { state, block_bytes, put_ms: u64::from_le_bytes(*put_ms), hash: BlobHash(*hash) })
}

fn block_at(at: u32) -> u64 {
    u64::from(at).saturating_add(bytes(HEADER_BYTES))
}

fn is_zeros(octets: &[u8]) -> bool {
    octets.iter().all(|octet| *octet == 0)
}

fn bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::blobs::lz4::to_block;

    fn pack(contents: &[&[u8]]) -> (Vec<u8>, Vec<(BlobHash, u32)>) {
        let (mut octets, mut places) = (Vec::new(), Vec::new());
        for content in contents {
            places.push((BlobHash::of(content), u32::try_from(octets.len()).unwrap()));
            add(&mut octets, BlobHash::of(content), &to_block(content), 7);
        }
        (octets, places)
    }

    #[test]
    fn p1_a_pack_cut_or_garbled_anywhere_keeps_what_stands_before_and_behind() {
        let (whole, places) = pack(&[b"first", b"second, a little longer", b"third"]);
        let (begin, end) = (places[1].1 as usize, places[2].1 as usize);
        assert_eq!(find(&whole).records, places);
        for at in begin..end {
            let cut = find(&whole[..at]);
            assert_eq!((cut.records.as_slice(), cut.end as usize), (&places[..1], begin), "cut at {at}");
            let mut garbled = whole.clone();
            garbled[at] ^= 0x55;
            let found = find(&garbled);
            assert_eq!(found.records.first(), Some(&places[0]), "garbled at {at}");
            assert_eq!(found.records.last(), Some(&places[2]), "garbled at {at}");
            // The time and some bits of a record carry nothing that is checked.
            assert!(!found.is_whole || found.records == places, "garbled at {at}");
        }
    }

    #[test]
    fn zeros_behind_the_last_record_are_room_for_more_and_anything_else_is_not() {
        let (mut octets, places) = pack(&[b"only"]);
        let end = octets.len();
        octets.resize(end + 1_000, 0);
        let found = find(&octets);
        assert!(found.is_whole && found.end as usize == end);
        octets[end + 900] = 1;
        let found = find(&octets);
        assert!(!found.is_whole && found.records == places);
    }
}
