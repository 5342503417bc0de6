//! Who wrote a part, as it is now: what a lead wrote is its user's after a merge (OBJ-20).
//!
//! Parts keep their author as it was; a merge moves the threads and leaves their parts alone, however many there are. So
//! readers ask here, and hear as well where a name promises more than its writer had proved (MSG-14).

use crate::desk::people::contacts::survivor;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::id::ContactId;
use crate::domain::part::Author;
use crate::domain::part::Part;
use crate::store;
use crate::store::engine::ReadTx;
use std::collections::BTreeMap;

/// What became of the contact that wrote something.
struct Known {
    /// The one it went into.
    survivor: Option<Contact>,
    /// Whether it says an address is its own that nobody has proved.
    claims_an_address: bool,
}

/// Puts survivors in the place of authors that were merged, and marks what was written in the messenger without a proof
/// and now stands under a user's name or a claimed address.
pub(crate) fn as_now<'p>(tx: &dyn ReadTx, parts: impl IntoIterator<Item = &'p mut Part>) -> store::Result<()> {
    let mut authors: BTreeMap<ContactId, Known> = BTreeMap::new();
    for part in parts {
        let Author::Contact { id, name, email, user } = &mut part.author else { continue };
        if !authors.contains_key(id) {
            authors.insert(*id, known(tx, *id)?);
        }
        let Some(author) = authors.get(id) else { continue };
        // A user's messenger has proved who it is; a visitor's and a lead's never has (MSG-12).
        let unproved = part.channel == ChannelKind::Messenger && !*user;
        part.impersonation_warning = unproved && (author.survivor.is_some() || author.claims_an_address);
        if let Some(now) = &author.survivor {
            *id = now.id;
            *name = now.display_name();
            *email = now.email.as_ref().map(ToString::to_string);
            *user = now.role == ContactRole::User;
        }
    }
    Ok(())
}

fn known(tx: &dyn ReadTx, id: ContactId) -> store::Result<Known> {
    let contact = store::contacts::get(tx, id)?;
    let claims_an_address = contact.as_ref().is_some_and(|one| one.email.is_some() && !one.email_verified);
    let survivor = match contact.filter(|one| one.merged_into.is_some()) {
        Some(gone) => store::contacts::get(tx, survivor(tx, gone.id)?)?,
        None => None,
    };
    Ok(Known { survivor, claims_an_address })
}
