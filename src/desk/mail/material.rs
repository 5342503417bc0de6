//! What a mail is made of, looked at again right before it goes: thread, people, parts, ids (DESIGN §5 "Agent's reply").
//!
//! **Invariant:** read in one snapshot, so that no mail tells of two moments; what is not wanted any more is found here and nowhere
//! else.

use crate::desk::mail::addressing;
use crate::desk::mail::notify::policy;
use crate::desk::mail::notify::unreachable_reason;
use crate::desk::thread::draft::missing;
use crate::desk::thread::views::TicketView;
use crate::desk::thread::views::ticket_view;
use crate::desk::ticket::sharing::shared_in;
use crate::domain::agent::Agent;
use crate::domain::audience;
use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::BroadcastState;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::contact::Contact;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::SkipReason;
use crate::domain::delivery::Verdict;
use crate::domain::form::FormCard;
use crate::domain::form::FormState;
use crate::domain::id::AgentId;
use crate::domain::id::PartId;
use crate::domain::id::ThreadId;
use crate::domain::mailing::Mailing;
use crate::domain::mailing::RecipientField;
use crate::domain::part::Author;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::part::SharedCard;
use crate::domain::state::TicketState;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::TicketType;
use crate::mail::message::NamedAddress;
use crate::mail::message::msg_id::MsgId;
use crate::store;
use crate::store::engine::ReadTx;
use std::collections::BTreeMap;

/// Parts looked at for the thread's Message-IDs.
const PARTS_FOR_REFERENCES: usize = 60;
/// Messages before its own that a mail repeats, and parts among which they are looked for.
const EARLIER_MAX: usize = 3;
const EARLIER_LOOKED_AT: usize = 30;

/// Everything a mail is made of, read in one snapshot.
pub(crate) struct Material {
    pub(crate) thread: Thread,
    /// The ticket that is shared in the thread, if that is no ticket itself.
    pub(crate) shared: Option<Thread>,
    pub(crate) contact: Contact,
    pub(crate) ticket: Option<TicketView>,
    /// The state that a mail about a change of state began with.
    pub(crate) previous_state: Option<TicketState>,
    pub(crate) agent_name: Option<String>,
    /// The parts the mail is about, oldest first.
    pub(crate) parts: Vec<Part>,
    /// What was said right before, newest first, where the mail stands for the messenger (EML-61).
    pub(crate) earlier: Vec<Part>,
    /// The agents who wrote any of these.
    pub(crate) agents: BTreeMap<AgentId, Agent>,
    /// Ids of the thread, oldest first.
    pub(crate) references: Vec<MsgId>,
    pub(crate) in_reply_to: Option<MsgId>,
    pub(crate) broadcast: Option<Broadcast>,
    /// The ticket about which the recipient can stop mail of this kind (BRC-50, EML-80).
    pub(crate) stoppable: Option<ThreadId>,
    /// The type of the form that the mail asks for, as it is now.
    pub(crate) form: Option<TicketType>,
    /// To, where the writer chose it; else the recipient alone.
    pub(crate) to: Vec<NamedAddress>,
    /// Who else gets the same, for them to see (EML-60).
    pub(crate) others: Vec<NamedAddress>,
}

impl Material {
    /// The thread whose ticket the mail speaks of.
    pub(super) fn subject(&self) -> &Thread {
        self.shared.as_ref().unwrap_or(&self.thread)
    }
}

/// What is said of a broadcast's mail whose broadcast does not run (BRC-32, BRC-26).
pub(super) fn held(tx: &dyn ReadTx, delivery: &Delivery) -> store::Result<Option<Verdict>> {
    let Some(broadcast) = delivery.kind.lane() else { return Ok(None) };
    let broadcast = store::broadcasts::get(tx, broadcast)?.ok_or_else(|| missing("broadcast"))?;
    Ok(match broadcast.state {
        _ if broadcast.may_mail() => None,
        _ if broadcast.redacted_at.is_some() => Some(Verdict::Skipped(SkipReason::Redacted)),
        BroadcastState::Cancelled => Some(Verdict::Skipped(SkipReason::Cancelled)),
        _ => Some(Verdict::Held),
    })
}

/// What the mail is made of, or why it is not wanted any more.
pub(super) fn material(tx: &dyn ReadTx, delivery: &Delivery) -> store::Result<Result<Material, SkipReason>> {
    // Deleted meanwhile: nobody wants it any more (TCK-15).
    let Some(thread) = store::threads::get(tx, delivery.thread)? else { return Ok(Err(SkipReason::Cancelled)) };
    let contact = store::contacts::get(tx, delivery.contact)?.ok_or_else(|| missing("contact"))?;
    let overridden = |reason: &SkipReason| delivery.despite_suppression && *reason == SkipReason::Suppressed;
    if let Some(reason) = unreachable_reason(&contact).filter(|reason| !overridden(reason)) {
        return Ok(Err(reason));
    }
    let mailing = mailing_of(tx, delivery)?;
    let field = mailing.as_ref().and_then(|mailing| mailing.field_of(contact.id));
    let participant = thread.participant(contact.id).filter(|known| known.removed_at.is_none());
    let seen_seq = match (participant, field) {
        (_, Some(RecipientField::Bcc)) | (Some(_), Some(RecipientField::To | RecipientField::Cc)) => 0,
        (Some(participant), None) => participant.seen_seq,
        (None, _) => return Ok(Err(SkipReason::Removed)),
    };
    let parts = match parts_of(tx, delivery, &thread, seen_seq)? {
        Ok(parts) => parts,
        Err(reason) => return Ok(Err(reason)),
    };
    let agent_name = match delivery.agent {
        Some(agent) => store::agents::get(tx, agent)?.map(|agent| agent.name),
        None => None,
    };
    let broadcast = match delivery.kind.lane() {
        Some(broadcast) => store::broadcasts::get(tx, broadcast)?,
        None => None,
    };
    if broadcast.is_some() && (contact.unsubscribed_from_emails || contact.marked_email_as_spam) {
        return Ok(Err(SkipReason::Unsubscribed));
    }
    let shared = shared_in(tx, thread.id)?;
    let stoppable = match &broadcast {
        Some(broadcast) => Some(broadcast.tracker),
        None => delivery.kind.is_status().then(|| shared.as_ref().unwrap_or(&thread).id),
    };
    if let Some(ticket) = stoppable
        && store::broadcasts::stopped_at(tx, ticket, contact.id)?.is_some()
    {
        return Ok(Err(SkipReason::Stopped));
    }
    let form = type_of_form(tx, &parts)?;
    let earlier = earlier(tx, delivery, &thread, parts.first())?;
    let agents = writers(tx, delivery, parts.iter().chain(&earlier))?;
    let (references, in_reply_to) = references(tx, delivery)?;
    let ticket = ticket_view(tx, shared.as_ref().unwrap_or(&thread))?;
    let previous_state = previous_state(tx, delivery)?;
    let (to, others) = match mailing.filter(|mailing| !mailing.recipients.is_empty()) {
        Some(mailing) => addressing::shown(tx, &mailing)?,
        None => (Vec::new(), others(tx, delivery, &thread)?),
    };
    Ok(Ok(Material {
        ticket,
        previous_state,
        thread,
        shared,
        contact,
        agent_name,
        parts,
        earlier,
        agents,
        references,
        in_reply_to,
        broadcast,
        stoppable,
        form,
        to,
        others,
    }))
}

/// The envelope its writer chose; such a mail carries one part.
fn mailing_of(tx: &dyn ReadTx, delivery: &Delivery) -> store::Result<Option<Mailing>> {
    let DeliveryKind::Reply { parts } = &delivery.kind else { return Ok(None) };
    let [only] = parts.as_slice() else { return Ok(None) };
    Ok(store::parts::by_id(tx, *only)?.and_then(|part| part.mailing))
}

/// The other people an agent's answer by mail goes to. Who joined by reference only sees nobody and is shown to nobody
/// (EML-33); each has a mail of their own, so these are words in a header and no recipients.
fn others(tx: &dyn ReadTx, delivery: &Delivery, thread: &Thread) -> store::Result<Vec<NamedAddress>> {
    let is_answer = matches!(delivery.kind, DeliveryKind::Reply { .. }) && thread.initial_channel == ChannelKind::Email;
    let is_external = thread.participant(delivery.contact).is_none_or(|known| known.external);
    let mut others = Vec::new();
    if !is_answer || is_external {
        return Ok(others);
    }
    for participant in thread.current_participants().filter(|one| one.contact != delivery.contact && !one.external) {
        let contact =
            store::contacts::get(tx, participant.contact)?.filter(|contact| unreachable_reason(contact).is_none());
        others.extend(contact.and_then(|contact| {
            Some(NamedAddress { name: contact.name.clone().unwrap_or_default(), address: contact.email? })
        }));
    }
    Ok(others)
}

/// The messages before the first one of a mail that stands for the messenger, as far as its reader may see them. Who writes by mail has
/// them in their own program.
fn earlier(tx: &dyn ReadTx, delivery: &Delivery, thread: &Thread, first: Option<&Part>) -> store::Result<Vec<Part>> {
    let Some(first) = first.filter(|_| matches!(delivery.kind, DeliveryKind::Reply { .. })) else {
        return Ok(Vec::new());
    };
    if thread.initial_channel == ChannelKind::Email {
        return Ok(Vec::new());
    }
    let mut earlier = store::parts::before(tx, thread.id, first.seq, EARLIER_LOOKED_AT)?;
    earlier
        .retain(|part| part.kind.is_message() && !part.redacted && audience::may_read(thread, part, delivery.contact));
    earlier.truncate(EARLIER_MAX);
    Ok(earlier)
}

/// The agents among the authors, where a mail shows who they are: it is theirs.
fn writers<'p>(
    tx: &dyn ReadTx,
    delivery: &Delivery,
    parts: impl Iterator<Item = &'p Part>,
) -> store::Result<BTreeMap<AgentId, Agent>> {
    let mut agents = BTreeMap::new();
    if !matches!(delivery.kind, DeliveryKind::Reply { .. }) {
        return Ok(agents);
    }
    for part in parts {
        if let Author::Agent { id, .. } = &part.author
            && !agents.contains_key(id)
        {
            agents.extend(store::agents::get(tx, *id)?.map(|agent| (agent.id, agent)));
        }
    }
    Ok(agents)
}

/// What the state was before the first change that a mail tells. A shared ticket's card says its category alone.
fn previous_state(tx: &dyn ReadTx, delivery: &Delivery) -> store::Result<Option<TicketState>> {
    let DeliveryKind::TicketStateChanged { part } = &delivery.kind else { return Ok(None) };
    match store::parts::by_id(tx, *part)?.map(|part| part.kind) {
        Some(PartKind::TicketStateUpdated { from, to, .. }) if from.0 != to.0 => store::ticket_types::state(tx, from.0),
        _ => Ok(None),
    }
}

/// The parts the mail is about that were not seen meanwhile, or why none is left.
fn parts_of(
    tx: &dyn ReadTx,
    delivery: &Delivery,
    thread: &Thread,
    seen_seq: u64,
) -> store::Result<Result<Vec<Part>, SkipReason>> {
    let load = |ids: &[PartId]| -> store::Result<Vec<Part>> {
        let mut parts = Vec::with_capacity(ids.len());
        for id in ids {
            parts.extend(store::parts::by_id(tx, *id)?);
        }
        Ok(parts)
    };
    match &delivery.kind {
        DeliveryKind::Reply { parts } => Ok(unseen(load(parts)?, seen_seq)),
        DeliveryKind::Broadcast { broadcast, part } => {
            let policy = store::broadcasts::get(tx, *broadcast)?.map(|broadcast| broadcast.options.email);
            // BRC-21: `always` means at once, whoever is looking.
            let seen_seq = if policy == Some(EmailPolicy::Always) { 0 } else { seen_seq };
            Ok(unseen(load(&[*part])?, seen_seq))
        }
        // Made of other material.
        DeliveryKind::AutoAck { .. } | DeliveryKind::BroadcastTest { .. } | DeliveryKind::AgentNotice { .. } => {
            Ok(Ok(Vec::new()))
        }
        DeliveryKind::TicketSubmitted => {
            let shared = shared_in(tx, thread.id)?;
            let waits = policy(tx, shared.as_ref().unwrap_or(thread))?.submitted == EmailPolicy::WhenUnseen;
            let made = if waits { part_that_began(tx, delivery)? } else { None };
            Ok(made.map_or(Ok(Vec::new()), |made| unseen(vec![made], seen_seq).map(|_| Vec::new())))
        }
        DeliveryKind::FormSent { part } => {
            let cards = load(&[*part])?;
            if !cards.iter().any(is_open_form) {
                return Ok(Err(SkipReason::Cancelled));
            }
            let ticket_type = type_of_form(tx, &cards)?;
            // What the type of the form says about mails (NTF-10).
            let policy = ticket_type.map(|ticket_type| ticket_type.settings.notify).unwrap_or_default();
            let waits = policy.form_sent == EmailPolicy::WhenUnseen;
            Ok(if waits { unseen(cards, seen_seq) } else { Ok(cards) })
        }
        DeliveryKind::TicketStateChanged { part } => {
            let told = load(&[*part])?;
            let shared = shared_in(tx, thread.id)?;
            let waits = policy(tx, shared.as_ref().unwrap_or(thread))?.state_changed == EmailPolicy::WhenUnseen;
            if waits && unseen(told.clone(), seen_seq).is_err() {
                return Ok(Err(SkipReason::SeenInMessenger));
            }
            let told = told.into_iter().next().map(|part| part.kind);
            if let Some(PartKind::SharedTicket(card)) = told {
                return card_settled(tx, &card);
            }
            let began_with = match told {
                Some(PartKind::TicketStateUpdated { from, .. }) => Some(from.0),
                _ => None,
            };
            let now = thread.ticket.as_ref().map(|ticket| ticket.state_id);
            Ok(if began_with == now { Err(SkipReason::StateWentBack) } else { Ok(Vec::new()) })
        }
    }
}

/// Only an open form is worth a mail; a submitted or withdrawn one is not.
fn is_open_form(part: &Part) -> bool {
    matches!(&part.kind, PartKind::TicketFormSent(card) if card.state == FormState::Open)
}

pub(super) fn form_card(parts: &[Part]) -> Option<&FormCard> {
    parts.iter().find_map(|part| match &part.kind {
        PartKind::TicketFormSent(card) => Some(card),
        _ => None,
    })
}

fn type_of_form(tx: &dyn ReadTx, parts: &[Part]) -> store::Result<Option<TicketType>> {
    match form_card(parts) {
        Some(card) => store::ticket_types::get(tx, card.ticket_type),
        None => Ok(None),
    }
}

/// The part that said the ticket was made, which the submission mail is about.
fn part_that_began(tx: &dyn ReadTx, delivery: &Delivery) -> store::Result<Option<Part>> {
    let newest = store::parts::newest(tx, delivery.thread, PARTS_FOR_REFERENCES)?;
    let began = |part: &Part| {
        let begins = matches!(part.kind, PartKind::TicketStateUpdated { .. } | PartKind::TicketFormSubmitted { .. });
        part.created_at == delivery.created_at && begins
    };
    Ok(newest.into_iter().find(began))
}

/// Whether a shared ticket is where it was before, or gone (NTF-11).
fn card_settled(tx: &dyn ReadTx, card: &SharedCard) -> store::Result<Result<Vec<Part>, SkipReason>> {
    let now = store::threads::get(tx, card.ticket)?.and_then(|thread| thread.ticket);
    Ok(match now.map(|ticket| ticket.state_category) {
        None => Err(SkipReason::Removed),
        Some(now) if !card.first && now == card.from => Err(SkipReason::StateWentBack),
        Some(_) => Ok(Vec::new()),
    })
}

fn unseen(parts: Vec<Part>, seen_seq: u64) -> Result<Vec<Part>, SkipReason> {
    let (redacted, whole): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(|part| part.redacted);
    let had_any = !whole.is_empty();
    let unseen: Vec<Part> = whole.into_iter().filter(|part| part.seq > seen_seq).collect();
    match (unseen.is_empty(), had_any) {
        (false, _) => Ok(unseen),
        (true, false) if !redacted.is_empty() => Err(SkipReason::Redacted),
        (true, _) => Err(SkipReason::SeenInMessenger),
    }
}

/// The Message-IDs of the thread in order of time, and the one that is answered: the newest mail that came in, else our
/// newest to the same contact (EML-61).
pub(crate) fn references(tx: &dyn ReadTx, delivery: &Delivery) -> store::Result<(Vec<MsgId>, Option<MsgId>)> {
    let mut dated: Vec<(u64, MsgId)> = Vec::new();
    let first = store::parts::get(tx, delivery.thread, 1)?;
    let newest = store::parts::newest(tx, delivery.thread, PARTS_FOR_REFERENCES)?;
    for part in first.into_iter().chain(newest) {
        if let Some(email) = part.email.as_ref().filter(|email| !email.class.is_silent()) {
            dated.extend(MsgId::parse(&email.message_id).map(|id| (part.created_at.0, id)));
        }
    }
    let in_reply_to = dated.iter().max_by_key(|(at, _)| *at).map(|(_, id)| id.clone());
    let earlier = store::outbox::of_thread(tx, delivery.thread, PARTS_FOR_REFERENCES)?;
    let ours = earlier.iter().filter(|other| other.contact == delivery.contact && other.id < delivery.id);
    let mut ours: Vec<(u64, MsgId)> = ours
        .filter(|other| other.attempt_count > 0)
        .filter_map(|other| MsgId::parse(&other.message_id).map(|id| (other.created_at.0, id)))
        .collect();
    let in_reply_to = in_reply_to.or_else(|| ours.iter().max_by_key(|(at, _)| *at).map(|(_, id)| id.clone()));
    dated.append(&mut ours);
    // What came in stands before what answered it in the same moment: the first id names the talk for Outlook (Thread-Index).
    dated.sort_by_key(|(at, _)| *at);
    dated.dedup_by(|a, b| a.1 == b.1);
    Ok((dated.into_iter().map(|(_, id)| id).collect(), in_reply_to))
}
