//! What a ticket type decides for its tickets, checked and applied (TYP-20).

use crate::desk::agents::teams::known_agent;
use crate::desk::search::audience::check_rule;
use crate::desk::thread::draft::missing;
use crate::desk::ticket::ticket_types::set;
use crate::desk::ticket::translations::TextsGiven;
use crate::desk::ticket::translations::translate_type;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::id::AgentId;
use crate::domain::id::TeamId;
use crate::domain::refusal::Refusal;
use crate::domain::search::Asked;
use crate::domain::state::StateCategory;
use crate::domain::thread::Priority;
use crate::domain::ticket_type::TicketType;
use crate::domain::type_settings::FormAudience;
use crate::domain::type_settings::MailEvent;
use crate::domain::type_settings::ReplyTarget;
use crate::domain::type_settings::SUBMITTED_MESSAGE_CHARS_MAX;
use crate::store;
use crate::store::engine::ReadTx;

/// Fastest broadcast that can be asked for, in mails a minute.
const RATE_MAX: u32 = 100_000;

/// A change of a type's settings; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct SettingsChange {
    /// STA-8, by category.
    pub on_customer_reply: Vec<(StateCategory, ReplyTarget)>,
    /// NTF-10, by event.
    pub notify: Vec<(MailEvent, EmailPolicy)>,
    /// NTF-3.
    pub same_category: Option<bool>,
    /// Owner of new tickets; `Some(None)` is nobody.
    pub default_agent: Option<Option<AgentId>>,
    /// Team of new tickets; `Some(None)` is none.
    pub default_team: Option<Option<TeamId>>,
    /// Priority of new tickets.
    pub default_priority: Option<Priority>,
    /// Whom its forms are offered to.
    pub audience: Option<FormAudience>,
    /// Shown after submission; empty shows nothing.
    pub submitted_message: Option<String>,
    /// Of a Tracker: when its broadcasts are mailed.
    pub broadcast_email: Option<EmailPolicy>,
    /// Of a Tracker: mails a minute; `Some(None)` sets no pace.
    pub broadcast_rate_per_minute: Option<Option<u32>>,
    /// What must hold of those it is offered to; `Some(None)` asks nothing more.
    pub audience_rule: Option<Option<Asked>>,
    /// Its texts in the languages that are named; `None` takes one away.
    pub translations: Vec<(String, Option<TextsGiven>)>,
}

/// Puts the change into the type, whose states must be set already.
///
/// # Errors
/// `ticket_state_id_invalid` for a target that is none of the type's states; `NotFound` for an agent; `parameter_invalid`
/// for a text or a pace over its limit, and for texts of what the type does not have; `invalid_field`, `data_invalid` for
/// a rule.
pub(crate) fn apply(tx: &dyn ReadTx, ticket_type: &mut TicketType, change: &SettingsChange) -> store::Result<()> {
    let refuse = |refusal| Err(store::Error::Refused(refusal));
    let states = store::ticket_types::states(tx)?;
    for (category, target) in &change.on_customer_reply {
        if let ReplyTarget::State(id) = target {
            ticket_type.choose(*id, &states).map_err(store::Error::Refused)?;
        }
        ticket_type.settings.on_customer_reply.set(*category, *target);
    }
    if let Some(Some(agent)) = change.default_agent {
        known_agent(tx, agent)?;
    }
    if let Some(Some(team)) = change.default_team {
        let known = store::teams::get(tx, team)?.filter(|team| !team.archived);
        known.ok_or_else(|| missing("team"))?;
    }
    let too_long = |message: &String| message.chars().count() > SUBMITTED_MESSAGE_CHARS_MAX;
    if change.submitted_message.as_ref().is_some_and(too_long) {
        let message = format!("at most {SUBMITTED_MESSAGE_CHARS_MAX} characters");
        return refuse(Refusal::invalid("submitted_message", message));
    }
    if change.broadcast_rate_per_minute.flatten().is_some_and(|rate| rate == 0 || rate > RATE_MAX) {
        return refuse(Refusal::invalid("broadcast_rate_per_minute", format!("1 to {RATE_MAX} mails a minute")));
    }
    if let Some(Some(rule)) = &change.audience_rule {
        check_rule(rule).map_err(store::Error::Refused)?;
    }
    translate_type(ticket_type, &change.translations).map_err(store::Error::Refused)?;
    let settings = &mut ticket_type.settings;
    for (event, policy) in &change.notify {
        settings.notify.set(*event, *policy);
    }
    set(&mut settings.notify.same_category, change.same_category.as_ref());
    set(&mut settings.default_agent, change.default_agent.as_ref());
    set(&mut settings.default_team, change.default_team.as_ref());
    set(&mut settings.default_priority, change.default_priority.as_ref());
    set(&mut settings.audience, change.audience.as_ref());
    set(&mut settings.audience_rule, change.audience_rule.as_ref());
    set(&mut settings.submitted_message, change.submitted_message.as_ref());
    set(&mut settings.broadcast_email, change.broadcast_email.as_ref());
    set(&mut settings.broadcast_rate_per_minute, change.broadcast_rate_per_minute.as_ref());
    Ok(())
}
