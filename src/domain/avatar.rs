//! Pictures of agents, as customers see them beside what they write.
//!
//! **Invariant:** a picture is one of four kinds by its own bytes, whatever it was called, and small enough for every
//! visitor of a page to load.

use crate::domain::attachment::BlobHash;
use crate::domain::id::AgentId;
use crate::domain::refusal::Refusal;
use imagesize::ImageType;

/// Largest file, in bytes.
pub const AVATAR_BYTES_MAX: usize = 512 * 1_024;
/// Longest side, in pixels: what a browser unpacks is as large as it says, however small the file.
pub const AVATAR_SIDE_PX_MAX: usize = 2_048;

/// What a picture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AvatarKind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    Webp,
}

impl AvatarKind {
    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }

    /// What the bytes are.
    ///
    /// # Errors
    /// `parameter_invalid` for what is none of the four kinds, cannot be read or is over a limit.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let refused = |message: String| Refusal::invalid("avatar", message);
        if bytes.len() > AVATAR_BYTES_MAX {
            return Err(refused(format!("a picture has at most {} KiB", AVATAR_BYTES_MAX / 1_024)));
        }
        let kind = match imagesize::image_type(bytes) {
            Ok(ImageType::Png) => Self::Png,
            Ok(ImageType::Jpeg) => Self::Jpeg,
            Ok(ImageType::Gif) => Self::Gif,
            Ok(ImageType::Webp) => Self::Webp,
            Ok(_) | Err(_) => return Err(refused("a picture is PNG, JPEG, GIF or WebP".to_owned())),
        };
        let size = imagesize::blob_size(bytes);
        let size = size.map_err(|_| refused("the picture is damaged".to_owned()))?;
        let sides = [size.width, size.height];
        if sides.contains(&0) || sides.into_iter().any(|side| side > AVATAR_SIDE_PX_MAX) {
            return Err(refused(format!("a picture has 1 to {AVATAR_SIDE_PX_MAX} pixels on each side")));
        }
        Ok(kind)
    }
}

/// An agent's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avatar {
    /// Where its bytes are.
    pub blob: BlobHash,
    /// What it is.
    pub kind: AvatarKind,
}

impl Avatar {
    /// What stands for it in an address: the agent, and the beginning of the hash of its bytes, so that another picture has
    /// another address and one address can be kept for good.
    #[must_use]
    pub fn name(&self, agent: AgentId) -> String {
        let hash: String = self.blob.to_string().chars().take(16).collect();
        format!("{agent}-{hash}")
    }

    /// Its path on this server.
    #[must_use]
    pub fn path(&self, agent: AgentId) -> String {
        format!("/avatars/{}", self.name(agent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of a PNG of that size.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 6, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn a_picture_is_known_by_its_bytes_and_has_limits() {
        let gif = b"GIF89a\x10\0\x10\0\x80\0\0\0\0\0\xff\xff\xff;";
        assert_eq!(AvatarKind::read(&png(64, 64)), Ok(AvatarKind::Png));
        assert_eq!(AvatarKind::read(gif), Ok(AvatarKind::Gif));
        let too_long = [png(64, 64), vec![0; AVATAR_BYTES_MAX]].concat();
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>";
        let refused: [(&[u8], &str); 9] = [
            (b"", "nothing"),
            (b"\x89PNG\r\n\x1a\n", "cut"),
            (b"\xff\xd8\xff\xe0", "cut JPEG"),
            (svg, "SVG"),
            (b"<html>", "HTML"),
            (b"BM\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0", "BMP"),
            (&png(2_049, 1), "wide"),
            (&png(1, 0), "empty"),
            (&too_long, "long"),
        ];
        for (bytes, what) in refused {
            assert!(AvatarKind::read(bytes).is_err(), "{what}");
        }
    }

    #[test]
    fn another_picture_has_another_address() {
        let avatar = |byte| Avatar { blob: BlobHash([byte; 32]), kind: AvatarKind::Png };
        assert_eq!(avatar(0xab).path(AgentId(7)), "/avatars/7-abababababababab");
        assert_ne!(avatar(0xab).name(AgentId(7)), avatar(0xac).name(AgentId(7)));
    }
}
