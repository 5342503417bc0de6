//! Who may see what: the one place that decides what an outsider must not see (SHR-5, OBJ-46).
//!
//! **Invariant:** every contact-facing reader asks here; what is not listed as visible is hidden.

use crate::domain::event::Event;
use crate::domain::event::EventKind;
use crate::domain::id::ContactId;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::Category;

/// Whether contacts may see parts of this kind at all (OBJ-46).
#[must_use]
pub fn is_customer_visible(kind: &PartKind) -> bool {
    match kind {
        PartKind::Comment
        | PartKind::QuickReply(_)
        | PartKind::ConvertedToTicket { .. }
        | PartKind::TicketStateUpdated { .. }
        | PartKind::TicketAttributeUpdated { visible: true, .. }
        | PartKind::SharedTicket(_)
        | PartKind::TicketFormSent(_)
        | PartKind::TicketFormSubmitted { .. } => true,
        PartKind::Note
        | PartKind::AutomaticEmail
        | PartKind::Open
        | PartKind::Close
        | PartKind::Snoozed
        | PartKind::Unsnoozed
        | PartKind::Assignment { .. }
        | PartKind::ParticipantAdded(_)
        | PartKind::TicketAttributeUpdated { visible: false, .. }
        | PartKind::ConversationAttributeUpdated { .. }
        | PartKind::TicketTypeChanged { .. }
        | PartKind::TicketFormWithdrawn { .. }
        | PartKind::TicketShared
        | PartKind::EntityLinked(_)
        | PartKind::EntityUnlinked(_)
        | PartKind::LinkedTicketStateUpdated { .. }
        | PartKind::TagsUpdated { .. }
        | PartKind::ParticipantRemoved(_)
        | PartKind::MergedPrimary { .. }
        | PartKind::MergedSecondary { .. }
        | PartKind::Unmerged { .. }
        | PartKind::StatePropagated { .. }
        | PartKind::PriorityChanged { .. }
        | PartKind::DeliveryFailed { .. } => false,
    }
}

/// Whether the body of an assignment is a comment to the customer (LIF-5).
#[must_use]
pub fn is_visible_part(part: &Part) -> bool {
    match part.kind {
        PartKind::Assignment { .. } => !part.body_text.is_empty(),
        _ => is_customer_visible(&part.kind),
    }
}

/// Whether this thread is shown to contacts: conversations and Customer tickets are, Back-office tickets only as the
/// card of a shared ticket, Trackers never (TCK-1). A merged thread is read on by its id; lists show its primary alone.
#[must_use]
pub fn is_shown_to_contacts(thread: &Thread) -> bool {
    match thread.category() {
        None | Some(Category::Customer) => !thread.automatic,
        Some(Category::BackOffice | Category::Tracker) => false,
    }
}

/// Whether `contact` may read `part` of `thread` (PAR-4, PAR-6).
#[must_use]
pub fn may_read(thread: &Thread, part: &Part, contact: ContactId) -> bool {
    let takes_part = thread.participant(contact).filter(|participant| participant.removed_at.is_none());
    let within = takes_part.is_some_and(|participant| part.seq >= participant.visible_from_seq);
    within && is_shown_to_contacts(thread) && is_visible_part(part)
}

/// The contacts whose stream gets this event (MSG-41). `part` is the part the event is about, if any. The messenger
/// serves the primary contact only (PAR-2).
#[must_use]
pub fn stream_of(event: &Event, thread: Option<&Thread>, part: Option<&Part>) -> Vec<ContactId> {
    if let EventKind::ContactUpdated(contact) = &event.kind {
        return vec![*contact];
    }
    let Some(thread) = thread.filter(|thread| is_shown_to_contacts(thread)) else {
        return Vec::new();
    };
    let Some(primary) = thread.primary_contact() else {
        return Vec::new();
    };
    let shown = match &event.kind {
        EventKind::PartCreated { .. }
        | EventKind::TicketStateChanged { .. }
        | EventKind::PartRedacted { .. }
        | EventKind::PartCompleted { .. }
        | EventKind::FormRequested { .. }
        | EventKind::FormSubmitted { .. }
        | EventKind::FormWithdrawn { .. } => part.is_some_and(|part| may_read(thread, part, primary)),
        EventKind::ConversationCreated
        | EventKind::ConversationUpdated
        | EventKind::Merged { .. }
        | EventKind::Unmerged { .. }
        | EventKind::AgentSaw { .. }
        | EventKind::TicketCreated
        | EventKind::TicketUpdated => true,
        EventKind::Seen { contact, .. } => *contact == primary,
        EventKind::Linked { .. }
        | EventKind::Unlinked { .. }
        | EventKind::ContactUpdated(_)
        | EventKind::Broadcast { .. }
        | EventKind::DeliverySettled(_)
        | EventKind::Quarantined(_)
        | EventKind::Deleted { .. }
        | EventKind::PartTagged { .. }
        | EventKind::ContactTagged { .. }
        | EventKind::ContactChanged { .. }
        | EventKind::ContactsMerged { .. }
        | EventKind::CompanyChanged { .. }
        | EventKind::CompanySet { .. }
        | EventKind::AgentChanged { .. }
        | EventKind::DataEventNoted { .. }
        | EventKind::JobCompleted { .. }
        | EventKind::MailboxChanged { .. } => false,
    };
    if shown { vec![primary] } else { Vec::new() }
}
