//! Pictures of agents, as customers see them beside what they write.
//!
//! **Invariant:** a picture is one of four kinds by its own bytes, whatever it was called, and small enough for every
//! visitor of a page to load.

use crate::domain::attachment::BlobHash;
use crate::domain::id::AgentId;
use crate::domain::refusal::Refusal;
use imagesize::ImageType;
use img_parts::Bytes;
use img_parts::ImageEXIF;
use img_parts::jpeg::Jpeg;
use img_parts::jpeg::markers;
use img_parts::png::Png;
use img_parts::webp::CHUNK_XMP;
use img_parts::webp::WebP;

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

    /// The picture without what it tells beside the picture: where and when it was taken, with what, by whom. How it is turned and what
    /// its colours mean stay. Nothing is unpacked.
    ///
    /// # Errors
    /// `parameter_invalid` for what cannot be taken apart.
    pub fn bare(self, bytes: Vec<u8>) -> Result<Vec<u8>, Refusal> {
        let parts = Bytes::from(bytes);
        let bare = match self {
            // It has comments at most.
            Self::Gif => return Ok(parts.to_vec()),
            Self::Png => Png::from_bytes(parts).map(|mut png| {
                png.chunks_mut().retain(|chunk| !PNG_TELLS.contains(&chunk.kind()));
                png.encoder().bytes()
            }),
            Self::Jpeg => Jpeg::from_bytes(parts).map(|mut jpeg| {
                let turned = jpeg.exif().as_deref().and_then(orientation);
                jpeg.segments_mut().retain(|segment| !tells(segment.marker()));
                jpeg.set_exif(turned.map(|turned| Bytes::from(orientation_alone(turned))));
                jpeg.encoder().bytes()
            }),
            Self::Webp => WebP::from_bytes(parts).map(|mut webp| {
                webp.remove_chunks_by_id(CHUNK_XMP);
                webp.set_exif(None);
                webp.encoder().bytes()
            }),
        };
        bare.map(|bare| bare.to_vec()).map_err(|_| Refusal::invalid("avatar", "the picture is damaged".to_owned()))
    }
}

/// Kinds of chunks of a PNG that tell something beside the picture.
const PNG_TELLS: [[u8; 4]; 5] = [*b"tEXt", *b"zTXt", *b"iTXt", *b"eXIf", *b"tIME"];
/// The tag of EXIF that says how a picture is turned.
const ORIENTATION: u16 = 0x0112;

/// Segments of a JPEG that tell something beside the picture: comments, and what programs add but for JFIF, colours (ICC) and how
/// they are coded (Adobe).
fn tells(marker: u8) -> bool {
    let is_kept = matches!(marker, markers::APP0 | markers::APP2 | markers::APP14);
    marker == markers::COM || ((markers::APP0..=markers::APP15).contains(&marker) && !is_kept)
}

/// How a picture is turned, 2 to 8; `None` where it is not (TIFF 6.0 §8, EXIF 2.3 §4.6.4).
fn orientation(tiff: &[u8]) -> Option<u16> {
    let is_big = match tiff.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let pair: [u8; 2] = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if is_big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
    };
    let long: [u8; 4] = tiff.get(4..8)?.try_into().ok()?;
    let directory = if is_big { u32::from_be_bytes(long) } else { u32::from_le_bytes(long) };
    let directory = usize::try_from(directory).ok()?;
    let entries = usize::from(short(directory)?);
    let entry = |n: usize| directory.checked_add(2)?.checked_add(n.checked_mul(12)?);
    let found = (0..entries).filter_map(entry).find(|at| short(*at) == Some(ORIENTATION))?;
    short(found.checked_add(8)?).filter(|turned| (2..=8).contains(turned))
}

/// EXIF that says how a picture is turned and nothing else.
fn orientation_alone(turned: u16) -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
    tiff.extend(turned.to_be_bytes());
    tiff.extend([0; 6]);
    tiff
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
    use img_parts::png::PngChunk;

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
    fn a_picture_loses_what_it_tells_beside_the_picture_and_stays_turned() {
        let segment = |marker: u8, text: &[u8]| {
            let length = u16::try_from(text.len() + 2).unwrap().to_be_bytes();
            [&[0xff, marker][..], &length, text].concat()
        };
        // Turned to the right, then where it was taken.
        let ifd = b"II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\x25\x88\x04\0\x01\0\0\0\0\0\0\0\0\0\0\0 secret GPS";
        let jpeg = [
            &b"\xff\xd8"[..],
            &segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
            &segment(0xe1, &[b"Exif\0\0", &ifd[..]].concat()),
            &segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0secret XMP"),
            &segment(0xed, b"Photoshop 3.0\0secret IPTC"),
            &segment(0xfe, b"secret comment"),
            &segment(0xe2, b"ICC_PROFILE\0\x01\x01colours"),
            &segment(0xc0, b"\x08\0\x10\0\x10\x01\x01\x11\0"),
            &segment(0xda, b"\x01\x01\0\0\x3f\0"),
            b"pixels\xff\xd9",
        ]
        .concat();
        assert_eq!(AvatarKind::read(&jpeg), Ok(AvatarKind::Jpeg));
        let bare = AvatarKind::Jpeg.bare(jpeg).unwrap();
        let holds = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        assert!(!holds(&bare, b"secret"), "{}", String::from_utf8_lossy(&bare));
        assert!(holds(&bare, b"colours") && holds(&bare, b"pixels") && holds(&bare, b"JFIF"));
        assert_eq!(Jpeg::from_bytes(bare.clone().into()).unwrap().exif().as_deref().and_then(orientation), Some(6));
        assert_eq!(AvatarKind::read(&bare), Ok(AvatarKind::Jpeg));

        let chunk = |kind: &[u8; 4], text: &'static [u8]| PngChunk::new(*kind, text.into()).encoder().bytes();
        let picture = [
            b"\x89PNG\r\n\x1a\n".to_vec(),
            chunk(b"IHDR", b"\0\0\0\x10\0\0\0\x10\x08\x06\0\0\0").to_vec(),
            chunk(b"tEXt", b"secret\0place").to_vec(),
            chunk(b"IDAT", b"pixels").to_vec(),
            chunk(b"IEND", b"").to_vec(),
        ]
        .concat();
        let bare = AvatarKind::Png.bare(picture).unwrap();
        assert!(!holds(&bare, b"secret") && holds(&bare, b"pixels"), "{}", String::from_utf8_lossy(&bare));
        assert!(AvatarKind::Webp.bare(b"RIFF\x10\0\0\0WEBP".to_vec()).is_err(), "cut");
    }

    #[test]
    fn another_picture_has_another_address() {
        let avatar = |byte| Avatar { blob: BlobHash([byte; 32]), kind: AvatarKind::Png };
        assert_eq!(avatar(0xab).path(AgentId(7)), "/avatars/7-abababababababab");
        assert_ne!(avatar(0xab).name(AgentId(7)), avatar(0xac).name(AgentId(7)));
    }
}
