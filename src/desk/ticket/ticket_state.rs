//! The one place where a ticket changes its state (STA rules), with everything that follows from it.

use crate::desk::Inner;
use crate::desk::thread::contact_comment::Comment;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::NewPart;
use crate::desk::thread::draft::missing;
use crate::desk::ticket::cross_post::CrossPost;
use crate::desk::ticket::sharing::card_of;
use crate::domain::id::StateId;
use crate::domain::part::Author;
use crate::domain::part::Cause;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::state::StateCategory;
use crate::domain::state::TicketState;
use crate::domain::ticket::Obligation;
use crate::domain::ticket::check_required;
use crate::domain::ticket_type::Category;
use crate::domain::ticket_type::TicketType;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;

/// A change of state that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct StateMove<'m> {
    pub(crate) to: &'m TicketState,
    pub(crate) by: Author,
    pub(crate) cause: Option<Cause>,
    /// Whether the customer is told (NTF-3).
    pub(crate) notify: bool,
}

/// A ticket's type with all states of the workspace.
pub(crate) fn type_and_states(tx: &dyn ReadTx, draft: &Draft) -> store::Result<(TicketType, Vec<TicketState>)> {
    let ticket = draft.thread.ticket.as_ref().ok_or_else(|| missing("ticket"))?;
    let ticket_type = store::ticket_types::get(tx, ticket.type_id)?.ok_or_else(|| missing("ticket_type"))?;
    Ok((ticket_type, store::ticket_types::states(tx)?))
}

impl Inner {
    /// Moves a ticket's state. The state it has already is no change: no part, no mail (STA-9).
    ///
    /// # Errors
    /// `parameter_invalid` naming what [`Obligation::Resolve`] lacks (ATT-5).
    pub(crate) fn change_state(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        ticket_type: &TicketType,
        asked: &StateMove<'_>,
    ) -> store::Result<Option<Part>> {
        let now = draft.at.now;
        let ticket = draft.thread.ticket.as_mut().ok_or_else(|| missing("ticket"))?;
        if ticket.state_id == asked.to.id {
            return Ok(None);
        }
        let resolves = asked.to.category == StateCategory::Resolved;
        if resolves && ticket.state_category != StateCategory::Resolved {
            check_required(ticket_type, &ticket.attributes, Obligation::Resolve).map_err(store::Error::Refused)?;
            ticket.first_resolved_at.get_or_insert(now);
            ticket.last_resolved_at = Some(now);
        }
        let from = (ticket.state_id, ticket.state_category);
        ticket.previous_state_id = Some(from.0);
        ticket.state_id = asked.to.id;
        ticket.state_category = asked.to.category;
        let skip_notifications = !asked.notify;
        let part =
            draft.add(NewPart { skip_notifications, ..state_part(from, asked.to, asked.by.clone(), asked.cause) });
        if asked.notify && draft.thread.category() == Some(Category::Customer) {
            self.owe_state_change(tx, draft, part.id, from.1 == asked.to.category)?;
        }
        if !draft.thread.is_customer_facing() {
            let effect = self.settings.tickets.back_office_state_effect;
            draft.cross_posts.push(CrossPost { part: part.id, effect });
        }
        if let Some(conversation) = draft.thread.ticket.as_ref().and_then(|ticket| ticket.shared_in) {
            let notify = asked.notify && !draft.silent && from.1 != asked.to.category;
            let card = card_of(&draft.thread, ticket_type, asked.to, Some(from.1))?;
            let conversation = draft.companion(&*tx, conversation)?;
            self.show_card(tx, conversation, card, &asked.by, notify)?;
        }
        Ok(Some(part))
    }

    /// A customer's reply takes a waiting or resolved ticket back to work (STA-8).
    pub(crate) fn move_state_after_reply(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        comment: &Comment<'_>,
    ) -> store::Result<()> {
        let Some(category) = draft.thread.ticket.as_ref().map(|ticket| ticket.state_category) else {
            return Ok(());
        };
        let (ticket_type, states) = type_and_states(tx, draft)?;
        let Some(to) = ticket_type.reply_target(category, &states) else {
            return Ok(());
        };
        let notify = comment.answerable && !comment.skip_notifications;
        let asked = StateMove { to, by: Author::Bot, cause: Some(Cause::CustomerReply), notify };
        self.change_state(tx, draft, &ticket_type, &asked)?;
        Ok(())
    }
}

/// The part that says a state; at creation with equal states (STA-6).
pub(crate) fn state_part(
    from: (StateId, StateCategory),
    to: &TicketState,
    by: Author,
    cause: Option<Cause>,
) -> NewPart {
    let kind =
        PartKind::TicketStateUpdated { from, to: (to.id, to.category), external_label: to.external_label.clone() };
    NewPart::event(kind, by, cause)
}
