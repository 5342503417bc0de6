//! How contents are compressed: a small blob as one LZ4 block behind its length, which is made and read in one go, a large
//! one as an LZ4 frame, which never needs more room than what comes out of it.

use crate::store::blobs::BLOB_BYTES_MAX;
use lz4_flex::block;
use lz4_flex::frame::FrameDecoder;
use lz4_flex::frame::FrameEncoder;
use std::io;
use std::io::Read;
use std::io::Write;

/// Largest content of a small blob.
pub(super) const SMALL_BYTES_MAX: usize = 1 << 20;
/// Largest block: what does not compress grows by one octet in 255.
pub(super) const BLOCK_BYTES_MAX: usize = SMALL_BYTES_MAX + SMALL_BYTES_MAX / 128;

/// The block of a content of at most [`SMALL_BYTES_MAX`].
pub(super) fn to_block(content: &[u8]) -> Vec<u8> {
    block::compress_prepend_size(content)
}

/// The content of a block.
pub(super) fn from_block(block: &[u8]) -> io::Result<Vec<u8>> {
    let damaged = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
    let (length, compressed) = block.split_first_chunk().ok_or_else(|| damaged("a block without its length"))?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > SMALL_BYTES_MAX {
        return Err(damaged("a block of a large blob"));
    }
    block::decompress(compressed, length).map_err(|error| damaged(&error.to_string()))
}

/// The frame of a content.
pub(super) fn to_frame(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = FrameEncoder::new(Vec::with_capacity(content.len() / 2 + 64));
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

/// The content of a frame.
pub(super) fn from_frame(frame: impl Read) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(BLOB_BYTES_MAX).unwrap_or(u64::MAX);
    let mut content = Vec::new();
    FrameDecoder::new(frame).take(limit).read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Octets that no compression makes smaller.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 7_u64;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u8::try_from(state >> 56).unwrap()
        };
        (0..length).map(next).collect()
    }

    #[test]
    fn what_goes_in_comes_out_and_no_block_is_longer_than_its_bound() {
        for content in [Vec::new(), b"x".to_vec(), vec![b'a'; 70_000], noise(70_000), noise(SMALL_BYTES_MAX)] {
            let block = to_block(&content);
            assert!(block.len() <= BLOCK_BYTES_MAX, "{}", content.len());
            assert_eq!(from_block(&block).unwrap(), content);
            assert_eq!(from_frame(to_frame(&content).unwrap().as_slice()).unwrap(), content);
        }
    }

    #[test]
    fn a_block_that_is_none_is_an_error_and_takes_no_room() {
        for bad in [&b""[..], b"\x01", b"\xff\xff\xff\xff", b"\x05\0\0\0\xf0", b"\x02\0\0\0\x50hello"] {
            assert!(from_block(bad).is_err(), "{bad:?}");
        }
    }
}
