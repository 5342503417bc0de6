//! Agents' pictures: set, taken away, served.
//!
//! A picture is kept without what it tells beside the picture. The bytes are kept before the commit that names them; what nobody
//! names any more goes with the next sweep.

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::agents::teams::known_agent;
use crate::desk::thread::draft::missing;
use crate::domain::address::Address;
use crate::domain::agent::Agent;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::avatar::Avatar;
use crate::domain::avatar::AvatarKind;
use crate::domain::id::AgentId;
use crate::store;
use std::sync::atomic::Ordering;

impl Desk {
    /// Gives an agent a picture, or takes it away. Everybody for themselves, for others scope `settings`.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden`; `parameter_invalid` for what is no picture or over a limit.
    pub async fn set_avatar(&self, caller: &Caller, agent: AgentId, picture: Option<Vec<u8>>) -> Result<Agent> {
        if caller.agent != agent {
            require(caller, &[Scope::Settings])?;
        }
        self.put_avatar(agent, picture).await
    }

    /// The same by the agent's address, for the command line.
    ///
    /// # Errors
    /// As [`Desk::set_avatar`].
    pub async fn set_avatar_of(&self, email: &Address, picture: Option<Vec<u8>>) -> Result<Agent> {
        let known = self.inner.store.view(|tx| store::agents::by_email(tx, email))?;
        self.put_avatar(known.ok_or_else(|| missing("admin"))?.id, picture).await
    }

    async fn put_avatar(&self, agent: AgentId, picture: Option<Vec<u8>>) -> Result<Agent> {
        let avatar = match picture {
            Some(bytes) => {
                let kind = AvatarKind::read(&bytes)?;
                Some(Avatar { blob: self.inner.blobs.put(kind.bare(bytes)?).await?, kind })
            }
            None => None,
        };
        let put = self.inner.store.update(move |tx| {
            let agent = Agent { avatar, ..known_agent(&*tx, agent)? };
            store::agents::put(tx, &agent)?;
            Ok(agent)
        });
        let put = put.await?;
        self.people_changed();
        Ok(put)
    }

    /// The bytes behind the name in an address ([`Avatar::name`]). Customers have the address, so that nobody is asked who
    /// they are.
    ///
    /// # Errors
    /// `NotFound` for a picture that is no agent's any more.
    pub fn avatar(&self, name: &str) -> Result<(AvatarKind, Vec<u8>)> {
        let agent = name.split('-').next().and_then(|id| id.parse().ok()).map(AgentId);
        let agent = match agent {
            Some(agent) => self.inner.store.view(|tx| store::agents::get(tx, agent))?,
            None => None,
        };
        let named = |agent: &Agent| agent.avatar.filter(|avatar| avatar.name(agent.id) == name);
        let avatar = agent.as_ref().and_then(named).ok_or_else(|| missing("avatar"))?;
        Ok((avatar.kind, self.inner.blobs.get_blocking(avatar.blob)?))
    }

    /// Where an agent's picture is.
    #[must_use]
    pub fn avatar_address(&self, agent: AgentId, avatar: &Avatar) -> String {
        self.inner.avatar_address(agent, avatar)
    }

    /// Another number whenever an agent or a team was changed here, for those who show them.
    #[must_use]
    pub fn people_version(&self) -> u64 {
        self.inner.people_set.load(Ordering::Acquire)
    }

    /// To be called behind every commit that changed an agent or a team.
    pub(crate) fn people_changed(&self) {
        self.inner.people_set.fetch_add(1, Ordering::AcqRel);
    }
}

impl Inner {
    pub(crate) fn avatar_address(&self, agent: AgentId, avatar: &Avatar) -> String {
        format!("{}{}", self.settings.public_url.trim_end_matches('/'), avatar.path(agent))
    }
}
