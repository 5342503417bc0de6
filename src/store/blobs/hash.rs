//! The names of blobs: hashed from content, read from text.

use crate::domain::attachment::BlobHash;
use std::str::FromStr;

impl BlobHash {
    /// The hash of `content`.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, content);
        let mut hash = [0; 32];
        hash.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Self(hash)
    }

    /// The directory among 256.
    pub(super) fn shard(self) -> u8 {
        let [first, ..] = self.0;
        first
    }
}

/// Not 64 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a content hash")]
pub struct BadHash;

impl FromStr for BlobHash {
    type Err = BadHash;
    fn from_str(text: &str) -> Result<Self, BadHash> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(|_| BadHash)?;
        bytes.try_into().map(Self).map_err(|_| BadHash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_64_lower_case_hex_digits() {
        let hash = BlobHash::of(b"");
        assert_eq!(hash.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for bad in ["", "e3", "../../etc/passwd", &hash.to_string().to_uppercase()] {
            assert_eq!(bad.parse::<BlobHash>(), Err(BadHash), "{bad}");
        }
    }
}
