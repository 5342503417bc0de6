//! Topics of contacts, companies and agents (WHK-12, WHK-13).

use crate::domain::contact::ContactRole;
use crate::domain::event::AgentAct;
use crate::domain::event::CompanyAct;
use crate::domain::event::ContactAct;
use crate::domain::id::ContactId;
use crate::store;
use crate::store::engine::ReadTx;

/// Topics of something done with a contact.
pub(crate) fn of_contact_act(tx: &dyn ReadTx, id: ContactId, act: ContactAct) -> store::Result<Vec<&'static str>> {
    let is_lead = || {
        let contact = store::contacts::get(tx, id)?;
        Ok::<_, store::Error>(contact.is_some_and(|contact| contact.role == ContactRole::Lead))
    };
    Ok(match act {
        ContactAct::Archived => vec!["contact.archived"],
        ContactAct::Unarchived => vec!["contact.unarchive"],
        ContactAct::Deleted | ContactAct::Erased => vec!["contact.deleted"],
        ContactAct::EmailAdded if is_lead()? => vec!["contact.lead.added_email"],
        ContactAct::EmailAdded | ContactAct::EmailChanged => vec!["contact.email.updated"],
        ContactAct::SignedUp => vec!["contact.lead.signed_up"],
        ContactAct::VisitorSignedUp => vec!["visitor.signed_up"],
        ContactAct::Subscribed => vec!["contact.subscribed"],
        ContactAct::Unsubscribed => vec!["contact.unsubscribed"],
        ContactAct::Suppressed => vec!["contact.suppressed"],
        ContactAct::BroadcastStopped => vec!["contact.broadcast.stopped"],
        // No topic says so; the contact's own does, since its record changed.
        ContactAct::Blocked | ContactAct::Unblocked => Vec::new(),
    })
}

/// The topic of something done with a company.
pub(crate) fn of_company(act: CompanyAct) -> &'static str {
    match act {
        CompanyAct::Created => "company.created",
        CompanyAct::Updated => "company.updated",
        CompanyAct::Deleted => "company.deleted",
        CompanyAct::Attached => "company.contact.attached",
        CompanyAct::Detached => "company.contact.detached",
    }
}

/// The topic of a change about an agent.
pub(crate) fn of_agent(act: AgentAct) -> &'static str {
    match act {
        AgentAct::Added => "admin.added_to_workspace",
        AgentAct::Removed => "admin.removed_from_workspace",
        AgentAct::AwayChanged => "admin.away_mode_updated",
    }
}
