//! What an agent wants to be mailed (DSK-11), and what they have seen.

use crate::desk::Desk;
use crate::desk::Result;
use crate::desk::access::may_read;
use crate::desk::access::require;
use crate::desk::thread::conversations::finish_silently;
use crate::desk::thread::draft::At;
use crate::desk::thread::draft::Draft;
use crate::desk::thread::draft::missing;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::agent_notice::DAY_MIN;
use crate::domain::agent_notice::NewsKind;
use crate::domain::agent_notice::NoticeSettings;
use crate::domain::agent_notice::QuietHours;
use crate::domain::audience;
use crate::domain::event::EventKind;
use crate::domain::id::AgentId;
use crate::domain::id::EventSeq;
use crate::domain::id::ThreadId;
use crate::domain::refusal::Refusal;
use crate::store;
use crate::store::engine::WriteTx;

/// A change of what an agent is mailed; what is not named stays.
#[derive(Clone, Debug, Default)]
pub struct NoticeChange {
    /// Kinds of news with whether they are mailed.
    pub email: Vec<(NewsKind, bool)>,
    /// When mail waits; `Some(None)` never. An empty zone is the workspace's.
    pub quiet_hours: Option<Option<QuietHours>>,
}

impl Desk {
    /// What an agent is mailed. Everybody for themselves, of others scope `settings`.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden`.
    pub fn notice_settings(&self, caller: &Caller, agent: AgentId) -> Result<NoticeSettings> {
        require_own(caller, agent)?;
        self.agent(agent)?;
        Ok(self.inner.store.view(|tx| store::agent_notices::settings(tx, agent))?)
    }

    /// Changes what an agent is mailed. Rights as for reading.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden`; `parameter_invalid` for quiet hours that are no span of a day, or a zone nobody knows.
    pub async fn set_notice_settings(
        &self,
        caller: &Caller,
        agent: AgentId,
        change: NoticeChange,
    ) -> Result<NoticeSettings> {
        require_own(caller, agent)?;
        self.agent(agent)?;
        let quiet_hours = change.quiet_hours.map(|quiet| quiet.map(|quiet| self.checked(&quiet)).transpose());
        let quiet_hours = quiet_hours.transpose()?;
        let email = change.email;
        let set = self.inner.store.update(move |tx| {
            let mut settings = store::agent_notices::settings(&*tx, agent)?;
            for (kind, wanted) in &email {
                settings.off.retain(|off| off != kind);
                if !wanted {
                    settings.off.push(*kind);
                }
            }
            settings.off.sort_unstable();
            if let Some(quiet) = &quiet_hours {
                settings.quiet_hours.clone_from(quiet);
            }
            store::agent_notices::put_settings(tx, &settings)?;
            Ok(settings)
        });
        Ok(set.await?)
    }

    fn checked(&self, quiet: &QuietHours) -> Result<QuietHours> {
        if quiet.from_min >= DAY_MIN || quiet.to_min >= DAY_MIN || quiet.from_min == quiet.to_min {
            return Err(Refusal::invalid("quiet_hours", "quiet hours go from one time of the day to another").into());
        }
        let named = !quiet.time_zone.is_empty();
        let time_zone = if named { quiet.time_zone.clone() } else { self.settings().time_zone.clone() };
        if jiff::tz::TimeZone::get(&time_zone).is_err() {
            let message = format!("there is no time zone {time_zone}");
            return Err(Refusal::invalid("quiet_hours.time_zone", message).into());
        }
        Ok(QuietHours { time_zone, from_min: quiet.from_min, to_min: quiet.to_min })
    }

    /// The caller has the thread before them, all of it: what is in it by now is no news to them, and its contact is told that
    /// an agent has seen it (event `AgentSaw`). Gives the place of its newest part. Needs the right to read it.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden`.
    pub async fn agent_saw(&self, caller: &Caller, thread: ThreadId) -> Result<u64> {
        let agent = caller.agent;
        let (newest, known) = self.inner.store.view(|tx| {
            let found = store::threads::get(tx, thread)?.ok_or_else(|| missing("conversation"))?;
            if !may_read(caller, &found) {
                let message = "the token does not read this conversation".to_owned();
                return Err(store::Error::Refused(Refusal::Forbidden { message }));
            }
            Ok((found.last_seq, store::agent_notices::seen_seq(tx, agent, thread)?))
        })?;
        if known < newest {
            let at = At::of(&self.inner.clock);
            let saw = self.inner.store.update(move |tx| {
                if store::agent_notices::seen_seq(&*tx, agent, thread)? >= newest {
                    return Ok(());
                }
                store::agent_notices::set_seen_seq(tx, agent, thread, newest)?;
                tell_contact(tx, agent, thread, newest, &at)
            });
            saw.await?;
        }
        Ok(newest)
    }

    /// The log is needed for notices from here on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn notices_read_to(&self) -> Result<EventSeq> {
        Ok(self.inner.store.view(store::agent_notices::read_to)?)
    }
}

/// Tells whom the thread shows in that an agent has seen it, if that is news: notes and what happens inside are not theirs.
fn tell_contact(tx: &mut dyn WriteTx, agent: AgentId, thread: ThreadId, newest: u64, at: &At) -> store::Result<()> {
    let mut draft = Draft::open(tx, thread, at)?;
    let up_to_seq = draft.thread.last_visible_seq.min(newest);
    let is_news = store::agent_notices::agents_saw(&*tx, thread)? < up_to_seq;
    if !is_news || !audience::is_shown_to_contacts(&draft.thread) {
        return Ok(());
    }
    store::agent_notices::set_agents_saw(tx, thread, up_to_seq)?;
    draft.note(EventKind::AgentSaw { agent, up_to_seq }, None);
    finish_silently(tx, draft)
}

fn require_own(caller: &Caller, agent: AgentId) -> std::result::Result<(), Refusal> {
    if caller.agent == agent { Ok(()) } else { require(caller, &[Scope::Settings]) }
}
