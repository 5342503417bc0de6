//! Who wrote a part, as it is now: what a lead wrote is its user's after a merge (OBJ-20).
//!
//! Parts keep their author as it was; a merge moves the threads and leaves their parts alone, however many there are. So
//! readers ask here.

use crate::desk::contacts::survivor;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::id::ContactId;
use crate::domain::part::Author;
use crate::domain::part::Part;
use crate::store;
use crate::store::engine::ReadTx;
use std::collections::BTreeMap;

/// Puts survivors in the place of authors that were merged.
pub(crate) fn as_now<'p>(tx: &dyn ReadTx, parts: impl IntoIterator<Item = &'p mut Part>) -> store::Result<()> {
    let mut known: BTreeMap<ContactId, Option<Contact>> = BTreeMap::new();
    for part in parts {
        let Author::Contact { id, name, email, user } = &mut part.author else { continue };
        if !known.contains_key(id) {
            known.insert(*id, merged(tx, *id)?);
        }
        if let Some(Some(now)) = known.get(id) {
            *id = now.id;
            *name = now.display_name();
            *email = now.email.as_ref().map(ToString::to_string);
            *user = now.role == ContactRole::User;
        }
    }
    Ok(())
}

/// The contact a merged one went into.
fn merged(tx: &dyn ReadTx, id: ContactId) -> store::Result<Option<Contact>> {
    let gone = store::contacts::get(tx, id)?.filter(|contact| contact.merged_into.is_some());
    match gone {
        Some(gone) => store::contacts::get(tx, survivor(tx, gone.id)?),
        None => Ok(None),
    }
}
