//! The reader of the log that writes down what agents are to be told.
//!
//! **Invariant:** news and cursor are one commit, and a cursor that somebody else moved meanwhile makes the batch void. The
//! cursor is written with what it brought, and now and then on the way through what brings nothing: that is read again after a
//! restart, and again brings nothing.

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::agents::agent_notices::whom::Told;
use crate::desk::agents::agent_notices::whom::told;
use crate::desk::thread::draft::At;
use crate::domain::agent::Agent;
use crate::domain::agent_notice::NEWS_MAX;
use crate::domain::agent_notice::News;
use crate::domain::agent_notice::UNSEEN_DELAY;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::delivery::Delivery;
use crate::domain::delivery::DeliveryKind;
use crate::domain::delivery::DeliveryState;
use crate::domain::id::AgentId;
use crate::domain::id::ContactId;
use crate::domain::id::DeliveryId;
use crate::domain::id::EventSeq;
use crate::domain::id::IntakeId;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::thread::Thread;
use crate::mail::message_id::MessageIdClaims;
use crate::mail::message_id::Principal;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;
use crate::store::save::Change;
use crate::store::save::save;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Log entries read at once.
const ENTRIES_PER_BATCH: usize = 200;
/// News of one commit, after which no further entry is begun.
const TOLD_PER_BATCH: usize = 20;
/// The cursor is written at the latest after so many entries.
const CURSOR_LAG_MAX: u64 = 1_000;
/// What is older is not told any more.
const AGE_MAX: Duration = Duration::from_hours(24);

/// What a stretch of the log means to agents.
#[derive(Debug)]
struct Stretch {
    /// The stored cursor when it was read.
    cursor: EventSeq,
    /// The last entry of the stretch.
    reached: EventSeq,
    told: Vec<Told>,
    more: bool,
}

impl Desk {
    /// Reads the log on and writes down what agents are owed; whether there is more to read. For the daemon's worker.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn feed_agent_notices(&self) -> Result<bool> {
        let known = EventSeq(self.inner.notices_read_to.load(Ordering::Relaxed));
        let at = At::of(&self.inner.clock);
        let Some(stretch) = self.inner.store.view(|tx| stretch(tx, known, at.now))? else { return Ok(false) };
        let (reached, more) = (stretch.reached, stretch.more);
        if !stretch.told.is_empty() || reached.0.saturating_sub(stretch.cursor.0) >= CURSOR_LAG_MAX {
            let inner = self.inner.clone();
            self.inner.store.update(move |tx| inner.write_stretch(tx, &stretch, &at)).await?;
        }
        self.inner.notices_read_to.fetch_max(reached.0, Ordering::Relaxed);
        Ok(more)
    }
}

fn stretch(tx: &dyn ReadTx, known: EventSeq, now: Millis) -> store::Result<Option<Stretch>> {
    let cursor = store::agent_notices::read_to(tx)?;
    let entries = store::events::after(tx, known.max(cursor), ENTRIES_PER_BATCH)?;
    let Some(last) = entries.last().map(|entry| entry.seq) else { return Ok(None) };
    let mut found = Stretch { cursor, reached: last, told: Vec::new(), more: entries.len() >= ENTRIES_PER_BATCH };
    for entry in entries.iter().filter(|entry| now.since(entry.event.at) < AGE_MAX) {
        found.told.extend(told(tx, entry)?);
        if found.told.len() >= TOLD_PER_BATCH {
            found.more |= entry.seq < last;
            found.reached = entry.seq;
            break;
        }
    }
    Ok(Some(found))
}

impl Inner {
    fn write_stretch(&self, tx: &mut dyn WriteTx, stretch: &Stretch, at: &At) -> store::Result<()> {
        if store::agent_notices::read_to(&*tx)? != stretch.cursor {
            return Ok(());
        }
        for told in &stretch.told {
            let due_at = if told.at_once { at.now } else { at.now.max(told.at.plus(UNSEEN_DELAY)) };
            self.owe_news(tx, told.agent, told.thread, told.news, due_at, at)?;
        }
        store::agent_notices::set_read_to(tx, stretch.reached)
    }

    /// An agent's mail was put aside: they are told in the transaction that does it (EML-46).
    pub(crate) fn owe_mail_not_taken(
        &self,
        tx: &mut dyn WriteTx,
        agent: AgentId,
        thread: ThreadId,
        intake: IntakeId,
        at: &At,
    ) -> store::Result<()> {
        self.owe_news(tx, agent, thread, News::MailNotTaken { intake }, at.now, at)
    }

    /// Adds news to the notice that waits for an agent, or begins one; not within their quiet hours. Addresses of ours get
    /// none (EML-85).
    fn owe_news(
        &self,
        tx: &mut dyn WriteTx,
        agent: AgentId,
        thread: ThreadId,
        news: News,
        due_at: Millis,
        at: &At,
    ) -> store::Result<()> {
        let agent = store::agents::get(&*tx, agent)?.filter(|agent| !agent.disabled && !self.is_ours(&agent.email));
        let (Some(agent), Some(thread)) = (agent, store::threads::get(&*tx, thread)?) else { return Ok(()) };
        let due_at = store::agent_notices::settings(&*tx, agent.id)?.may_go_at(due_at);
        let owed = match waiting(&*tx, thread.id, agent.id)? {
            Some((notice, mut told)) => {
                told.push(news);
                let due_at = notice.due_at.min(due_at);
                Delivery { kind: DeliveryKind::AgentNotice { news: told }, due_at, ..notice }
            }
            None => self.notice_to(&agent, &thread, news, due_at, at),
        };
        store::agent_notices::set_pending(tx, thread.id, agent.id, owed.id)?;
        save(tx, &Change { owed: vec![owed], ..Change::default() }).map(drop)
    }

    fn notice_to(&self, agent: &Agent, thread: &Thread, news: News, due_at: Millis, at: &At) -> Delivery {
        let id = DeliveryId(at.id());
        let claims = MessageIdClaims { thread: thread.id, principal: Principal::Agent(agent.id), delivery: id };
        let from = self.support_address(thread);
        Delivery {
            id,
            thread: thread.id,
            contact: ContactId::default(),
            agent: Some(agent.id),
            channel: ChannelKind::Email,
            address: Some(agent.email.clone()),
            from: from.address.clone(),
            kind: DeliveryKind::AgentNotice { news: vec![news] },
            state: DeliveryState::Queued,
            message_id: self.keys.message_id(claims, from.address.domain()).as_str().to_owned(),
            created_at: at.now,
            due_at,
            leased_until: None,
            past_dot: false,
            uncertain_retried: false,
            attempts: Vec::new(),
            attempt_count: 0,
            despite_suppression: false,
        }
    }
}

/// The notice to an agent about a thread that nobody has begun to send and that has room, with what it tells.
fn waiting(tx: &dyn ReadTx, thread: ThreadId, agent: AgentId) -> store::Result<Option<(Delivery, Vec<News>)>> {
    let Some(id) = store::agent_notices::pending(tx, thread, agent)? else { return Ok(None) };
    let Some(notice) = store::outbox::get(tx, id)? else { return Ok(None) };
    let free = notice.state == DeliveryState::Queued && notice.leased_until.is_none();
    Ok(match &notice.kind {
        DeliveryKind::AgentNotice { news } if free && news.len() < NEWS_MAX => {
            let news = news.clone();
            Some((notice, news))
        }
        _ => None,
    })
}
