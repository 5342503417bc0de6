//! Which mails a change owes to whom (§2.7 of the product rules).
//!
//! **Invariant:** a delivery is owed in the transaction of what it is about (EML-64), with its Message-ID already fixed.
//! Notes and events that customers do not see owe nothing, and no setting changes that (NTF-6).

use crate::desk::Inner;
use crate::desk::thread::draft::Draft;
use crate::desk::ticket::sharing::shared_in;
use crate::domain::address::Address;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::contact::Contact;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::GROUPED_PARTS_MAX;
use crate::domain::delivery::GROUPING_MAX;
use crate::domain::delivery::SkipReason;
use crate::domain::id::AgentId;
use crate::domain::id::DeliveryId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::part::Part;
use crate::domain::thread::Participant;
use crate::domain::thread::Thread;
use crate::domain::type_settings::MailEvent;
use crate::domain::type_settings::NotificationPolicy;
use crate::mail::message_id::MessageIdClaims;
use crate::mail::message_id::Principal;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::outbox::Pending;
use std::time::Duration;

impl Inner {
    /// An agent's comment: mailed at once where the thread is an email thread or the participant is not the primary
    /// one, else when it was not seen for a while; unsent ones are grouped (EML-70 to EML-72).
    pub(crate) fn owe_reply(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        part: PartId,
        agent: Option<AgentId>,
    ) -> store::Result<()> {
        if draft.silent {
            return Ok(());
        }
        let policy = policy(tx, &draft.thread)?.of(MailEvent::Reply);
        for (participant, contact) in recipients(tx, &draft.thread)? {
            let now = draft.at.now;
            let due_at = match policy {
                EmailPolicy::Always => now,
                EmailPolicy::WhenUnseen => now.plus(self.reply_delay(&draft.thread, &participant, &contact)),
                EmailPolicy::Never => {
                    let kind = DeliveryKind::Reply { parts: vec![part] };
                    draft.owed.push(never(self.owed(draft, &contact, agent, kind, now)));
                    continue;
                }
            };
            if group_reply(tx, draft, &contact, part, due_at)? {
                continue;
            }
            let kind = DeliveryKind::Reply { parts: vec![part] };
            let delivery = self.owed(draft, &contact, agent, kind, due_at);
            remember_pending(tx, &delivery, Pending::Reply)?;
            draft.owed.push(delivery);
        }
        Ok(())
    }

    /// How long a comment may wait to be seen before it is mailed.
    pub(crate) fn reply_delay(&self, thread: &Thread, participant: &Participant, contact: &Contact) -> Duration {
        let by_mail = match thread.current_channel {
            ChannelKind::Email => true,
            // Nobody has a messenger open for them: waiting to be seen there would be waiting for nothing.
            ChannelKind::Api => contact.last_seen_at.is_none(),
            ChannelKind::Messenger => false,
        };
        if by_mail || !participant.primary { Duration::ZERO } else { self.settings.unseen_delay }
    }

    /// The ticket was made: at once, unless its type says otherwise (NTF-1, NTF-10).
    pub(crate) fn owe_submitted(&self, tx: &dyn ReadTx, draft: &mut Draft) -> store::Result<()> {
        if draft.silent {
            return Ok(());
        }
        let shared = shared_in(tx, draft.thread.id)?;
        let policy = policy(tx, shared.as_ref().unwrap_or(&draft.thread))?.of(MailEvent::Submitted);
        for (participant, contact) in recipients(tx, &draft.thread)? {
            let due_at = draft.at.now.plus(self.status_delay(policy, &draft.thread, &participant, &contact));
            let delivery = self.owed(draft, &contact, None, DeliveryKind::TicketSubmitted, due_at);
            draft.owed.push(if policy == EmailPolicy::Never { never(delivery) } else { delivery });
        }
        Ok(())
    }

    fn status_delay(
        &self,
        policy: EmailPolicy,
        thread: &Thread,
        participant: &Participant,
        contact: &Contact,
    ) -> Duration {
        match policy {
            EmailPolicy::Always | EmailPolicy::Never => Duration::ZERO,
            EmailPolicy::WhenUnseen => self.reply_delay(thread, participant, contact),
        }
    }

    /// The state changed: after it has settled, one mail with the last label (NTF-3, NTF-11). A move within a category is
    /// mailed only where the type says so.
    pub(crate) fn owe_state_change(
        &self,
        tx: &mut dyn WriteTx,
        draft: &mut Draft,
        part: PartId,
        same_category: bool,
    ) -> store::Result<()> {
        let policy = policy(tx, &draft.thread)?;
        if draft.silent || (same_category && !policy.same_category) {
            return Ok(());
        }
        let policy = policy.of(MailEvent::StateChanged);
        for (participant, contact) in recipients(tx, &draft.thread)? {
            let unseen = self.status_delay(policy, &draft.thread, &participant, &contact);
            let due_at = draft.at.now.plus(self.settings.state_mail_settle.max(unseen));
            if policy == EmailPolicy::Never {
                let delivery = self.owed(draft, &contact, None, DeliveryKind::TicketStateChanged { part }, due_at);
                draft.owed.push(never(delivery));
                continue;
            }
            // The mail that waits compares the state it began with to the state when it is sent.
            if waiting(tx, draft, &contact, Pending::Status)?.is_some() {
                continue;
            }
            let kind = DeliveryKind::TicketStateChanged { part };
            let delivery = self.owed(draft, &contact, None, kind, due_at);
            remember_pending(tx, &delivery, Pending::Status)?;
            draft.owed.push(delivery);
        }
        Ok(())
    }

    /// A form was sent: as its type says (NTF-4).
    pub(crate) fn owe_form(
        &self,
        tx: &dyn ReadTx,
        draft: &mut Draft,
        part: PartId,
        agent: AgentId,
        policy: NotificationPolicy,
    ) -> store::Result<()> {
        if draft.silent {
            return Ok(());
        }
        let policy = policy.of(MailEvent::FormSent);
        for (participant, contact) in recipients(tx, &draft.thread)? {
            let due_at = draft.at.now.plus(self.status_delay(policy, &draft.thread, &participant, &contact));
            let delivery = self.owed(draft, &contact, Some(agent), DeliveryKind::FormSent { part }, due_at);
            draft.owed.push(if policy == EmailPolicy::Never { never(delivery) } else { delivery });
        }
        Ok(())
    }

    /// A mail that began a conversation is acknowledged, where its address does so and the ticket made of it does not say as much (EML-74).
    pub(crate) fn owe_acknowledgement(&self, draft: &mut Draft, part: &Part, contact: &Contact, to: &Address) {
        let support = self.settings.support_at(to);
        let answerable = part.email.as_ref().is_some_and(|email| email.may_answer_automatically);
        if draft.thread.ticket.is_some() || !answerable || !support.is_some_and(|support| support.auto_ack) {
            return;
        }
        let now = draft.at.now;
        let delivery = self.owed(draft, contact, None, DeliveryKind::AutoAck { part: part.id }, now);
        draft.owed.push(delivery);
    }

    /// A delivery with its Message-ID; settled at once where there is nobody to mail (NTF-13).
    pub(crate) fn owed(
        &self,
        draft: &Draft,
        contact: &Contact,
        agent: Option<AgentId>,
        kind: DeliveryKind,
        due_at: Millis,
    ) -> Delivery {
        let id = DeliveryId(draft.at.id());
        let principal = Principal::Contact(contact.id);
        let claims = MessageIdClaims { thread: draft.thread.id, principal, delivery: id };
        let from = self.support_address(&draft.thread);
        let message_id = self.keys.message_id(claims, from.address.domain()).as_str().to_owned();
        Delivery {
            id,
            thread: draft.thread.id,
            contact: contact.id,
            agent,
            channel: ChannelKind::Email,
            address: contact.email.clone(),
            from: from.address.clone(),
            kind,
            state: self.unreachable(contact).map_or(DeliveryState::Queued, DeliveryState::Skipped),
            message_id,
            created_at: draft.at.now,
            due_at,
            leased_until: None,
            past_dot: false,
            uncertain_retried: false,
            attempts: Vec::new(),
            attempt_count: 0,
            despite_suppression: false,
        }
    }

    /// Why no mail can go to this contact: nobody gets any where the house says so (NTF-13).
    pub(crate) fn unreachable(&self, contact: &Contact) -> Option<SkipReason> {
        if self.settings.mail_contacts { unreachable_reason(contact) } else { Some(SkipReason::MailOff) }
    }

    /// Whether this is one of the addresses customers write to.
    pub(crate) fn is_support_address(&self, address: &Address) -> bool {
        self.settings.support_at(address).is_some()
    }
}

/// When contacts of this thread are mailed: as its ticket's type says, else as usual (NTF-10).
pub(crate) fn policy(tx: &dyn ReadTx, thread: &Thread) -> store::Result<NotificationPolicy> {
    let Some(ticket) = &thread.ticket else { return Ok(NotificationPolicy::default()) };
    let ticket_type = store::ticket_types::get(tx, ticket.type_id)?;
    Ok(ticket_type.map(|ticket_type| ticket_type.settings.notify).unwrap_or_default())
}

/// A mail that the policy keeps back; it stands there to say so.
fn never(delivery: Delivery) -> Delivery {
    let state =
        if delivery.state.is_settled() { delivery.state } else { DeliveryState::Skipped(SkipReason::PolicyNever) };
    Delivery { state, ..delivery }
}

/// Adds a comment to the mail that waits already, if one does.
fn group_reply(
    tx: &mut dyn WriteTx,
    draft: &mut Draft,
    contact: &Contact,
    part: PartId,
    due_at: Millis,
) -> store::Result<bool> {
    let Some(mut waiting) = waiting(tx, draft, contact, Pending::Reply)? else {
        return Ok(false);
    };
    let DeliveryKind::Reply { parts } = &mut waiting.kind else {
        return Ok(false);
    };
    if parts.len() >= GROUPED_PARTS_MAX {
        return Ok(false);
    }
    parts.push(part);
    waiting.due_at = due_at.min(waiting.created_at.plus(GROUPING_MAX));
    draft.owed.retain(|owed| owed.id != waiting.id);
    draft.owed.push(waiting);
    Ok(true)
}

/// Why no mail can go to this contact.
pub(crate) fn unreachable_reason(contact: &Contact) -> Option<SkipReason> {
    match contact {
        contact if contact.email.is_none() => Some(SkipReason::NoAddress),
        contact if contact.blocked => Some(SkipReason::Blocked),
        contact if contact.has_hard_bounced => Some(SkipReason::Suppressed),
        _ => None,
    }
}

/// Everybody a visible part of this thread goes to.
pub(crate) fn recipients(tx: &dyn ReadTx, thread: &Thread) -> store::Result<Vec<(Participant, Contact)>> {
    let mut found = Vec::new();
    for participant in thread.current_participants() {
        if let Some(contact) = store::contacts::get(tx, participant.contact)? {
            found.push((participant.clone(), contact));
        }
    }
    Ok(found)
}

/// A mail of that kind which nobody has begun to send; in the store, or owed earlier in the same operation.
fn waiting(tx: &dyn ReadTx, draft: &Draft, contact: &Contact, kind: Pending) -> store::Result<Option<Delivery>> {
    let Some(id) = store::outbox::pending(tx, draft.thread.id, contact.id, kind)? else {
        return Ok(None);
    };
    let delivery = match draft.owed.iter().find(|owed| owed.id == id) {
        Some(owed) => Some(owed.clone()),
        None => store::outbox::get(tx, id)?,
    };
    Ok(delivery.filter(|delivery| delivery.state == DeliveryState::Queued && delivery.leased_until.is_none()))
}

fn remember_pending(tx: &mut dyn WriteTx, delivery: &Delivery, kind: Pending) -> store::Result<()> {
    if delivery.state.is_settled() {
        return Ok(());
    }
    store::outbox::set_pending(tx, delivery.thread, delivery.contact, kind, Some(delivery.id))
}
