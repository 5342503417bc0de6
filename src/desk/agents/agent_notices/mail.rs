//! From a notice that is due to a mail: looked at again, rendered, composed (NTF-15).
//!
//! **Invariant:** the mail answers into its thread only as this agent: reply token and Message-ID are bound to them (EML-46).

use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::mail::compose::agent_view;
use crate::desk::mail::compose::contact_view;
use crate::desk::mail::outbox::Prepared;
use crate::desk::thread::views::TicketView;
use crate::desk::thread::views::ticket_view;
use crate::domain::agent::Agent;
use crate::domain::agent_notice::News;
use crate::domain::agent_notice::NewsKind;
use crate::domain::contact::Contact;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::SkipReason;
use crate::domain::delivery::Verdict;
use crate::domain::intake::IntakeResult;
use crate::domain::part::Author;
use crate::domain::part::Part;
use crate::domain::part::PartKind;
use crate::domain::thread::Thread;
use crate::mail::compose::Automatic;
use crate::mail::compose::Outgoing;
use crate::mail::message::NamedAddress;
use crate::mail::message::msg_id::MsgId;
use crate::mail::message_id::Principal;
use crate::mail::message_id::ReplyClaims;
use crate::store;
use crate::store::engine::ReadTx;
use crate::template::view;
use crate::template::view::NewsItem;
use crate::template::view::Notice;

/// Parts looked at for an act of the agent's own.
const PARTS_LOOKED_AT: usize = 60;
/// Deliveries of the thread looked at for earlier notices.
const DELIVERIES_LOOKED_AT: usize = 60;

/// What a notice is made of.
struct Material {
    agent: Agent,
    thread: Thread,
    contact: Option<Contact>,
    ticket: Option<TicketView>,
    items: Vec<NewsItem>,
    /// Message-IDs of earlier notices to the agent about the thread, oldest first.
    earlier: Vec<MsgId>,
}

impl Inner {
    /// Looks again at a notice that was leased; what the agent has seen meanwhile is not told.
    pub(crate) fn prepare_notice(&self, delivery: &Delivery, news: &[News]) -> Result<Prepared> {
        let material = match self.store.view(|tx| material(tx, delivery, news))? {
            Ok(material) => material,
            Err(reason) => return Ok(Prepared::Settle(Verdict::Skipped(reason))),
        };
        Ok(match self.noticed(delivery, material) {
            Ok((outgoing, thread)) => {
                let recipient = outgoing.to.first().map(|to| to.address.clone());
                let written = recipient.ok_or_else(|| "has no recipient".to_owned());
                match written.and_then(|recipient| self.written(delivery, &thread, &recipient, &outgoing)) {
                    Ok(mail) => Prepared::Send(mail),
                    Err(reason) => Prepared::Settle(Verdict::Failed { reason }),
                }
            }
            Err(reason) => Prepared::Settle(Verdict::Failed { reason }),
        })
    }

    fn noticed(&self, delivery: &Delivery, material: Material) -> std::result::Result<(Outgoing, Thread), String> {
        let Material { agent, thread, contact, ticket, items, earlier } = material;
        let support = self.support_address(&thread);
        let notice = Notice::AgentNotice(view::AgentNotice {
            about: self.about_for_agent(&agent, &thread, contact.as_ref(), ticket.as_ref()),
            news: items,
            answer_is_sent: thread.is_customer_facing(),
        });
        let rendered = self.templates.current().email(&notice);
        let rendered = rendered.map_err(|error| format!("cannot be rendered: {error}"))?;
        let message_id = MsgId::parse(&delivery.message_id).ok_or_else(|| "has no Message-ID".to_owned())?;
        let claims = ReplyClaims { thread: thread.id, principal: Principal::Agent(agent.id) };
        let reply_to = self.keys.reply_address(&support.address, claims);
        let outgoing = Outgoing {
            from: NamedAddress { name: support.name.clone(), address: support.address.clone() },
            reply_to: reply_to.map(|address| NamedAddress { name: support.name.clone(), address }),
            to: vec![NamedAddress { name: agent.name, address: agent.email }],
            cc: Vec::new(),
            subject: rendered.subject,
            message_id,
            in_reply_to: earlier.last().cloned(),
            references: earlier,
            date: delivery.created_at,
            text: rendered.text,
            html: Some(rendered.html),
            automatic: Automatic::Generated,
            list_unsubscribe: None,
            marker: self.keys.marker(delivery.id),
            files: Vec::new(),
        };
        Ok((outgoing, thread))
    }

    fn about_for_agent(
        &self,
        agent: &Agent,
        thread: &Thread,
        contact: Option<&Contact>,
        ticket: Option<&TicketView>,
    ) -> view::About {
        let brand = || view::Named { name: Some(self.settings.workspace_name.clone()) };
        view::About {
            lang: self.settings.default_locale.clone(),
            time_zone: self.settings.time_zone.clone(),
            workspace: brand(),
            brand: brand(),
            contact: contact.map(contact_view).unwrap_or_default(),
            agent: agent_view(Some(&agent.name)),
            thread: view::Thread { id: Some(thread.id.to_string()), title: thread.title.clone() },
            ticket: thread.ticket.as_ref().zip(ticket).map_or_else(view::Ticket::default, |(ticket, kinds)| {
                view::Ticket {
                    number: Some(ticket.number),
                    title: thread.title.clone(),
                    state: Some(kinds.state.external_label.clone()),
                    category: Some(kinds.state.category),
                    type_name: Some(kinds.ticket_type.name.clone()),
                }
            }),
            url: None,
            stop_url: None,
        }
    }
}

/// What the notice is made of, or why nothing of it is worth a mail any more.
fn material(
    tx: &dyn ReadTx,
    delivery: &Delivery,
    news: &[News],
) -> store::Result<std::result::Result<Material, SkipReason>> {
    let agent = delivery.agent.map(|agent| store::agents::get(tx, agent)).transpose()?.flatten();
    let Some(agent) = agent.filter(|agent| !agent.disabled) else { return Ok(Err(SkipReason::Removed)) };
    let Some(thread) = store::threads::get(tx, delivery.thread)? else { return Ok(Err(SkipReason::Cancelled)) };
    let seen_seq = seen_seq(tx, &agent, &thread)?;
    let mut items = Vec::new();
    for one in news {
        items.extend(item(tx, one, &agent, &thread, seen_seq)?);
    }
    if items.is_empty() {
        return Ok(Err(SkipReason::SeenByAgent));
    }
    let contact = thread.primary_contact().map(|contact| store::contacts::get(tx, contact)).transpose()?.flatten();
    let ticket = ticket_view(tx, &thread)?;
    let earlier = earlier(tx, delivery)?;
    Ok(Ok(Material { agent, thread, contact, ticket, items, earlier }))
}

/// How far the agent knows the thread: by what they have opened, and by what they did in it.
fn seen_seq(tx: &dyn ReadTx, agent: &Agent, thread: &Thread) -> store::Result<u64> {
    let opened = store::agent_notices::seen_seq(tx, agent.id, thread.id)?;
    let newest = store::parts::newest(tx, thread.id, PARTS_LOOKED_AT)?;
    let acted = newest.iter().filter(|part| part.author.agent() == Some(agent.id)).map(|part| part.seq).max();
    Ok(opened.max(acted.unwrap_or(0)))
}

/// What is told of one piece of news, if it still is news.
fn item(
    tx: &dyn ReadTx,
    news: &News,
    agent: &Agent,
    thread: &Thread,
    seen_seq: u64,
) -> store::Result<Option<NewsItem>> {
    match news {
        News::MailNotTaken { intake } => {
            let row = store::intake::get(tx, *intake)?;
            Ok(row.and_then(|row| match row.result {
                IntakeResult::Quarantined { error } => Some(NewsItem {
                    kind: "mail_not_taken".to_owned(),
                    reason: Some(error),
                    sent_at: Some(row.at.0),
                    ..NewsItem::default()
                }),
                _ => None,
            }))
        }
        News::Part { kind, part, part_seq } => {
            if *part_seq <= seen_seq || !store::agent_notices::settings(tx, agent.id)?.wants(*kind) {
                return Ok(None);
            }
            let part = store::parts::by_id(tx, *part)?.filter(|part| !part.redacted);
            Ok(part.filter(|part| is_still_news(*kind, part, agent, thread)).map(|part| shown(*kind, &part)))
        }
    }
}

/// What others have taken over meanwhile is not told.
fn is_still_news(kind: NewsKind, part: &Part, agent: &Agent, thread: &Thread) -> bool {
    let theirs = thread.admin_assignee == Some(agent.id);
    let of_another = thread.admin_assignee.is_some() && !theirs;
    let answered = thread.last_admin_reply_at.is_some_and(|at| at > part.created_at);
    match kind {
        NewsKind::NewThread | NewsKind::CustomerReply => theirs || !(of_another || answered),
        NewsKind::Assignment | NewsKind::SnoozeEnd => !of_another,
        NewsKind::Mention | NewsKind::FailedDelivery | NewsKind::BroadcastHeld => true,
    }
}

fn shown(kind: NewsKind, part: &Part) -> NewsItem {
    let author_name = match &part.author {
        Author::Agent { name, .. } | Author::Contact { name, .. } => Some(name.clone()),
        Author::Bot => None,
    };
    let (recipient, reason) = match &part.kind {
        PartKind::DeliveryFailed { address, reason, .. } => (address.clone(), Some(reason.clone())),
        _ => (None, None),
    };
    NewsItem {
        kind: kind.as_str().to_owned(),
        author_name,
        recipient,
        reason,
        body_html: view::CleanHtml::already_clean(part.body_html.clone()),
        body_text: view::CleanText::new(&part.body_text),
        sent_at: Some(part.created_at.0),
    }
}

/// Earlier notices to the same agent about the same thread, so that they stand together in a mail program.
fn earlier(tx: &dyn ReadTx, delivery: &Delivery) -> store::Result<Vec<MsgId>> {
    let mut earlier = store::outbox::of_thread(tx, delivery.thread, DELIVERIES_LOOKED_AT)?;
    earlier.retain(|other| {
        let is_notice = matches!(other.kind, DeliveryKind::AgentNotice { .. }) && other.agent == delivery.agent;
        is_notice && other.id < delivery.id && other.attempt_count > 0
    });
    earlier.reverse();
    Ok(earlier.iter().filter_map(|other| MsgId::parse(&other.message_id)).collect())
}
