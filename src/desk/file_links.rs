//! Links to attachments: signed, and good for one hour (OBJ-44), in mails for 30 days (BRC-1).
//!
//! A token is `part ++ attachment ++ expiry` (64-bit big-endian each) and the HMAC-SHA256 (RFC 2104) of a label and
//! those, in base64url without padding.
//!
//! **Invariant:** a token says which file, never who asks; whoever has it may read that one file until it expires.

use crate::domain::id::AttachmentId;
use crate::domain::id::ContactId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use data_encoding::BASE64URL_NOPAD;
use ring::hmac;
use std::fmt;
use std::time::Duration;

/// How long a link is good (OBJ-44).
const GOOD_FOR: Duration = Duration::from_hours(1);
/// How long a link in a mail is good (BRC-1).
const IN_MAIL_GOOD_FOR: Duration = Duration::from_hours(30 * 24);
/// Stands in the place of the part for files that were sent ahead; no part has this id.
pub(crate) const NO_PART: PartId = PartId(0);
const CLAIMS_BYTES: usize = 24;
const MAC_BYTES: usize = 32;
/// Claims of a pass: contact and expiry.
const PASS_BYTES: usize = 16;
const PASS_LABEL: &[u8] = b"deskgate 1 pass\0";
const LABEL: &[u8] = b"deskgate 1 file\0";
const PICTURE_LABEL: &[u8] = b"deskgate 1 picture\0";

/// Makes and reads the links.
pub(crate) struct FileLinks {
    base: String,
    key: hmac::Key,
}

impl fmt::Debug for FileLinks {
    /// Never shows key material.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileLinks").field("base", &self.base).finish_non_exhaustive()
    }
}

impl FileLinks {
    /// Links below `public_url`, signed with `key`.
    pub(crate) fn new(public_url: &str, key: &[u8; 32]) -> Self {
        let base = format!("{}/files/", public_url.trim_end_matches('/'));
        Self { base, key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// A link to a file of a part, good for an hour from `now`.
    pub(crate) fn link(&self, part: PartId, attachment: AttachmentId, now: Millis) -> String {
        self.link_until(part, attachment, now.plus(GOOD_FOR))
    }

    /// A link to a file of a part for a mail, good for 30 days from `now`.
    pub(crate) fn link_in_mail(&self, part: PartId, attachment: AttachmentId, now: Millis) -> String {
        self.link_until(part, attachment, now.plus(IN_MAIL_GOOD_FOR))
    }

    fn link_until(&self, part: PartId, attachment: AttachmentId, until: Millis) -> String {
        let expires_at_s = until.seconds();
        let mut token = Vec::with_capacity(CLAIMS_BYTES + MAC_BYTES);
        for number in [part.0, attachment.0, expires_at_s] {
            token.extend_from_slice(&number.to_be_bytes());
        }
        let mac = hmac::sign(&self.key, &labelled(&token));
        token.extend_from_slice(mac.as_ref());
        format!("{}{}", self.base, BASE64URL_NOPAD.encode(&token))
    }

    /// A link to a remote picture of a part, by its place among them, good for an hour from `now` (EML-52).
    pub(crate) fn picture_link(&self, part: PartId, at: usize, now: Millis) -> String {
        let expires_at_s = now.plus(GOOD_FOR).seconds();
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        let mut token: Vec<u8> = [part.0, at, expires_at_s].iter().flat_map(|number| number.to_be_bytes()).collect();
        let mac = hmac::sign(&self.key, &[PICTURE_LABEL, &token].concat());
        token.extend_from_slice(mac.as_ref());
        format!("{}remote/{}", self.base, BASE64URL_NOPAD.encode(&token))
    }

    /// Which remote picture a token stands for; `None` when it is forged, broken or expired.
    pub(crate) fn read_picture(&self, token: &str, now: Millis) -> Option<(PartId, usize)> {
        let (part, at) = self.read_labelled(PICTURE_LABEL, token, now)?;
        Some((PartId(part), usize::try_from(at).ok()?))
    }

    /// A pass with which the contact may send files ahead for an hour from `now` (MSG-60).
    pub(crate) fn pass(&self, contact: ContactId, now: Millis) -> String {
        let expires_at_s = now.plus(GOOD_FOR).seconds();
        let mut token = [contact.0.to_be_bytes(), expires_at_s.to_be_bytes()].concat();
        let mac = hmac::sign(&self.key, &[PASS_LABEL, &token].concat());
        token.extend_from_slice(mac.as_ref());
        BASE64URL_NOPAD.encode(&token)
    }

    /// Whose pass it is; `None` when it is forged, broken or expired.
    pub(crate) fn read_pass(&self, pass: &str, now: Millis) -> Option<ContactId> {
        let bytes = BASE64URL_NOPAD.decode(pass.as_bytes()).ok()?;
        let (claims, mac) = bytes.split_at_checked(PASS_BYTES)?;
        hmac::verify(&self.key, &[PASS_LABEL, claims].concat(), mac).ok()?;
        let mut numbers = claims.chunks_exact(8).filter_map(|chunk| chunk.try_into().ok().map(u64::from_be_bytes));
        let (contact, expires_at_s) = (numbers.next()?, numbers.next()?);
        (now.seconds() < expires_at_s).then_some(ContactId(contact))
    }

    /// What a token stands for; `None` when it is forged, broken or expired.
    pub(crate) fn read(&self, token: &str, now: Millis) -> Option<(PartId, AttachmentId)> {
        self.read_labelled(LABEL, token, now).map(|(part, attachment)| (PartId(part), AttachmentId(attachment)))
    }

    fn read_labelled(&self, label: &[u8], token: &str, now: Millis) -> Option<(u64, u64)> {
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (claims, mac) = bytes.split_at_checked(CLAIMS_BYTES)?;
        // Compares in constant time.
        hmac::verify(&self.key, &[label, claims].concat(), mac).ok()?;
        let mut numbers = claims.chunks_exact(8).filter_map(|chunk| chunk.try_into().ok().map(u64::from_be_bytes));
        let (part, which, expires_at_s) = (numbers.next()?, numbers.next()?, numbers.next()?);
        (now.seconds() < expires_at_s).then_some((part, which))
    }
}

/// The label keeps a MAC made for something else from passing here.
fn labelled(claims: &[u8]) -> Vec<u8> {
    [LABEL, claims].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_767_225_600_000);

    #[test]
    fn msg_60_a_pass_names_its_contact_for_an_hour_and_is_no_link() {
        let links = FileLinks::new("https://desk.example.com", &[7; 32]);
        let pass = links.pass(ContactId(5), NOW);
        assert_eq!(links.read_pass(&pass, NOW), Some(ContactId(5)));
        assert_eq!(links.read_pass(&pass, NOW.plus(GOOD_FOR)), None, "expired");
        assert_eq!(FileLinks::new("", &[8; 32]).read_pass(&pass, NOW), None, "another key");
        assert_eq!(links.read(&pass, NOW), None);
        let link = links.link(PartId(5), AttachmentId(1), NOW);
        assert_eq!(links.read_pass(link.rsplit('/').next().unwrap(), NOW), None);
        for at in 0..pass.len() {
            let mut forged = pass.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(links.read_pass(std::str::from_utf8(&forged).unwrap(), NOW), None, "character {at} changed");
        }
    }

    #[test]
    fn eml_52_a_picture_link_is_no_link_to_a_file_and_ends() {
        let links = FileLinks::new("https://desk.example.com", &[7; 32]);
        let link = links.picture_link(PartId(5), 2, NOW);
        let token = link.strip_prefix("https://desk.example.com/files/remote/").unwrap();
        assert_eq!(links.read_picture(token, NOW), Some((PartId(5), 2)));
        assert_eq!(links.read_picture(token, NOW.plus(GOOD_FOR)), None, "expired");
        assert_eq!(links.read(token, NOW), None);
        let file = links.link(PartId(5), AttachmentId(2), NOW);
        assert_eq!(links.read_picture(file.rsplit('/').next().unwrap(), NOW), None);
    }

    #[test]
    fn obj_44_a_link_opens_its_file_for_an_hour_and_nothing_else() {
        let links = FileLinks::new("https://desk.example.com/", &[7; 32]);
        let link = links.link(PartId(3), AttachmentId(4), NOW);
        let token = link.strip_prefix("https://desk.example.com/files/").unwrap();
        assert_eq!(links.read(token, NOW), Some((PartId(3), AttachmentId(4))));
        assert_eq!(links.read(token, Millis(NOW.0 + 3_599_999)), Some((PartId(3), AttachmentId(4))));
        assert_eq!(links.read(token, Millis(NOW.0 + 3_600_000)), None, "expired");
        assert_eq!(FileLinks::new("", &[8; 32]).read(token, NOW), None, "another key");
        for at in 0..token.len() {
            let mut forged = token.as_bytes().to_vec();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(links.read(std::str::from_utf8(&forged).unwrap(), NOW), None, "character {at} changed");
        }
        let in_mail = links.link_in_mail(PartId(3), AttachmentId(4), NOW);
        let in_mail = in_mail.strip_prefix("https://desk.example.com/files/").unwrap();
        assert_eq!(links.read(in_mail, Millis(NOW.0 + 2_591_999_999)), Some((PartId(3), AttachmentId(4))));
        assert_eq!(links.read(in_mail, Millis(NOW.0 + 2_592_000_000)), None, "BRC-1: 30 days");
        for broken in
            ["", "A", token.trim_start_matches(char::is_alphanumeric), &format!("{token}AAAA"), "../../etc/passwd"]
        {
            assert_eq!(links.read(broken, NOW), None, "{broken:?}");
        }
    }
}
