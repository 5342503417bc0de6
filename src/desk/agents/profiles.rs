//! What an agent is and how they sign their mail (OBJ-12, EML-61).
//!
//! **Invariant:** a signature was checked before it is kept, so that no mail waits for one that cannot be rendered.

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::SupportAddress;
use crate::desk::access::require;
use crate::desk::agents::teams::known_agent;
use crate::domain::agent::Agent;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::id::AgentId;
use crate::domain::refusal::Refusal;
use crate::store;
use crate::store::engine::WriteTx;
use crate::template::signature::Signature;
use crate::template::signature::SignatureValues;
use crate::template::signature::Support;
use crate::template::signature::Writer;
use crate::template::view;

/// Longest job title.
const JOB_TITLE_CHARS_MAX: usize = 100;

/// What is to change about an agent; what is `None` stays (API-4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentChange {
    /// Most open threads they have before teams give them no more; `None` sets no limit.
    pub assignment_limit: Option<Option<u32>>,
    /// What they are, for signatures.
    pub job_title: Option<Option<String>>,
    /// What stands below their mail: Markdown with placeholders.
    pub signature: Option<Option<String>>,
}

impl Desk {
    /// Changes an agent. Job title and signature everybody for themselves; for others, and the limit, scope `settings`.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`; `parameter_invalid` for a title over 100 characters or a signature that cannot be used, with line and
    /// column.
    pub async fn change_agent(&self, caller: &Caller, agent: AgentId, change: AgentChange) -> Result<Agent> {
        if caller.agent != agent || change.assignment_limit.is_some() {
            require(caller, &[Scope::Settings])?;
        }
        if let Some(Some(title)) = &change.job_title
            && (title.chars().count() > JOB_TITLE_CHARS_MAX || title.chars().any(char::is_control))
        {
            let message =
                format!("job_title has at most {JOB_TITLE_CHARS_MAX} characters, none of them a control character");
            return Err(Refusal::invalid("job_title", message).into());
        }
        if let Some(Some(signature)) = &change.signature {
            Signature::compile(signature).map_err(|error| Refusal::invalid("signature", error.to_string()))?;
        }
        let changed = self.inner.store.update(move |tx| changed(tx, agent, &change)).await?;
        self.people_changed();
        Ok(changed)
    }
}

fn changed(tx: &mut dyn WriteTx, agent: AgentId, change: &AgentChange) -> store::Result<Agent> {
    let mut agent = known_agent(&*tx, agent)?;
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    agent.assignment_limit = change.assignment_limit.unwrap_or(agent.assignment_limit);
    agent.job_title = change.job_title.as_ref().map_or(agent.job_title, given);
    agent.signature = change.signature.as_ref().map_or(agent.signature, given);
    store::agents::put(tx, &agent)?;
    Ok(agent)
}

impl Inner {
    /// What stands below an agent's mail from `support`: their own signature, else that of the address, else nothing.
    pub(crate) fn signature(&self, agent: &Agent, support: &SupportAddress, brand_name: &str) -> view::Body {
        let own = agent.signature.as_deref().map(Signature::kept).transpose();
        let own =
            own.inspect_err(|error| tracing::warn!(agent = %agent.id, %error, "the agent's signature is left out"));
        let Some(signature) = own.ok().flatten().or_else(|| support.signature.clone()) else {
            return view::Body::default();
        };
        let text = |text: &str| Some(text.to_owned());
        let values = SignatureValues {
            agent: Writer {
                first_name: text(agent.first_name()),
                name: text(&agent.name),
                job_title: agent.job_title.clone(),
            },
            brand: view::Named { name: text(brand_name) },
            workspace: view::Named { name: text(&self.settings.workspace_name) },
            support: Support { address: Some(support.address.to_string()), name: text(&support.name) },
        };
        signature.render(&values).unwrap_or_default()
    }
}
