//! What follows from a contact's human comment, by whatever channel it came (LIF-1, LIF-2, STA-8).

use crate::desk::Inner;
use crate::desk::agents::handing_out::take_from_away;
use crate::desk::broadcasts::settling;
use crate::desk::people::contact_acts::said;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::domain::contact::Contact;
use crate::domain::contact::ContactRole;
use crate::domain::event::ContactAct;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::part::Part;
use crate::domain::thread::ThreadState;
use crate::store;
use crate::store::engine::WriteTx;
use crate::store::save::Change;

/// Whose comment it is, and what may follow from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comment<'c> {
    pub(crate) contact: &'c Contact,
    /// Tells nobody (NTF-12).
    pub(crate) skip_notifications: bool,
    /// Whether anything automatic may answer it (EML-28, EML-85).
    pub(crate) answerable: bool,
}

impl Inner {
    /// Adds the comment and its consequences: it is seen by its author, opens a closed or snoozed thread, starts the
    /// customer's wait, moves a ticket's state. The contact's own record goes into `change`.
    pub(crate) fn contact_commented(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        new: NewPart,
        comment: &Comment<'_>,
        change: &mut Change,
    ) -> store::Result<Part> {
        // Before it is added: what is added to an automatic thread nobody is told of.
        draft.thread.automatic = false;
        let part = draft.add(new);
        self.follow_comment(tx, draft, &part, comment, change)?;
        Ok(part)
    }

    /// The consequences of a comment that is in its place.
    pub(crate) fn follow_comment(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        part: &Part,
        comment: &Comment<'_>,
        change: &mut Change,
    ) -> store::Result<()> {
        let now = draft.at.now;
        draft.thread.waiting_since.get_or_insert(now);
        draft.thread.last_contact_reply_at = Some(now);
        draft.thread.current_channel = part.channel;
        draft.thread.awaits_contact = false;
        let author = draft.thread.participants.iter_mut().find(|known| known.contact == comment.contact.id);
        if let Some(author) = author {
            author.seen_seq = part.seq;
        }
        settling::answered(tx, draft.thread.id, comment.contact.id, &draft.at)?;
        if draft.thread.state != ThreadState::Closed || self.settings.tickets.reopen_on_reply {
            draft.move_to(ThreadState::Open, &Author::Bot, Some(Cause::CustomerReply));
        }
        self.move_state_after_reply(tx, draft, comment)?;
        take_from_away(tx, draft)?;
        let mut contact = comment.contact.clone();
        if contact.role == ContactRole::Visitor {
            contact.role = ContactRole::Lead;
            change.events.push(said(contact.id, ContactAct::VisitorSignedUp, &draft.at));
        }
        if contact.archived_at.take().is_some() {
            change.events.push(said(contact.id, ContactAct::Unarchived, &draft.at));
        }
        contact.last_replied_at = Some(now);
        contact.updated_at = now;
        change.contacts.push(contact);
        Ok(())
    }
}
