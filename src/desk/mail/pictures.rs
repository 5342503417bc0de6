//! Pictures of mails, as readers get them (EML-52): those that came with the mail by a link to the file, those that stand
//! elsewhere only when an agent asks, and then through this desk alone.
//!
//! **Invariant:** nobody outside learns that a mail was read: a stored body loads nothing, and the address a browser is
//! given for a remote picture is ours, signed, and good for an hour.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::may_read;
use crate::desk::access::require;
use crate::desk::thread::draft::missing;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::id::AttachmentId;
use crate::domain::id::PartId;
use crate::domain::part::Part;
use crate::mail::sanitize::pictures::Picture;
use crate::mail::sanitize::pictures::with_pictures;
use crate::mail::sanitize::remote_image_urls;
use crate::store;
use std::borrow::Cow;

/// A part's HTML with links to its own pictures; remote ones stay blocked.
pub fn with_files(part: &Part, link: impl Fn(PartId, AttachmentId) -> String) -> Cow<'_, str> {
    with_pictures(&part.body_html, |picture| match picture {
        Picture::File(id) => file_of(part, id).map(|id| link(part.id, id)),
        Picture::Remote(_) => None,
    })
}

/// The same with remote pictures at the addresses that `remote` gives for their places in [`remote_pictures`].
pub fn with_all(
    part: &Part,
    link: impl Fn(PartId, AttachmentId) -> String,
    remote: impl Fn(PartId, usize) -> String,
) -> Cow<'_, str> {
    let known = remote_pictures(part);
    with_pictures(&part.body_html, |picture| match picture {
        Picture::File(id) => file_of(part, id).map(|id| link(part.id, id)),
        Picture::Remote(url) => known.iter().position(|known| *known == url).map(|at| remote(part.id, at)),
    })
}

/// Addresses of the remote pictures of a part, in order, each once.
#[must_use]
pub fn remote_pictures(part: &Part) -> Vec<String> {
    remote_image_urls(&part.body_html)
}

fn file_of(part: &Part, digits: &str) -> Option<AttachmentId> {
    let id = AttachmentId(digits.parse().ok()?);
    part.attachments.iter().any(|file| file.id == id).then_some(id)
}

impl Desk {
    /// A part as its thread's readers may see it. Both reading scopes: a part may stand in any thread.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub fn part(&self, caller: &Caller, id: PartId) -> Result<Part> {
        require(caller, &[Scope::ReadConversations])?;
        require(caller, &[Scope::ReadTickets])?;
        Ok(self.inner.store.view(|tx| {
            let part = store::parts::by_id(tx, id)?.ok_or_else(|| missing("part"))?;
            let thread = store::threads::get(tx, part.thread)?.filter(|thread| may_read(caller, thread));
            thread.map(|_| part).ok_or_else(|| missing("part"))
        })?)
    }

    /// The address of a remote picture of a part, for one who was given a link to it.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn remote_picture(&self, part: PartId, at: usize) -> Result<String> {
        Ok(self.inner.store.view(|tx| {
            let part = store::parts::by_id(tx, part)?.ok_or_else(|| missing("picture"))?;
            remote_pictures(&part).into_iter().nth(at).ok_or_else(|| missing("picture"))
        })?)
    }
}
