//! What a ticket type decides for its tickets beside attributes and states (TYP-20).

use crate::domain::broadcast::EmailPolicy;
use crate::domain::contact::ContactRole;
use crate::domain::id::AgentId;
use crate::domain::id::StateId;
use crate::domain::id::TeamId;
use crate::domain::search::Asked;
use crate::domain::state::StateCategory;
use crate::domain::thread::Priority;
use crate::domain::translation::TypeTexts;
use std::collections::BTreeMap;

/// Longest message shown after submission, in characters.
pub const SUBMITTED_MESSAGE_CHARS_MAX: usize = 2_000;

/// Where a customer's reply takes a ticket (STA-8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyTarget {
    /// Nowhere.
    #[default]
    Stay,
    /// The first non-archived in-progress state in the type's order.
    InProgress,
    /// This state; while it cannot be chosen, the first one of its category that can.
    State(StateId),
}

/// Where a customer's reply takes a ticket, by the category it has (STA-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnCustomerReply([ReplyTarget; 4]);

impl Default for OnCustomerReply {
    fn default() -> Self {
        Self([ReplyTarget::Stay, ReplyTarget::Stay, ReplyTarget::InProgress, ReplyTarget::InProgress])
    }
}

impl OnCustomerReply {
    /// The target of a category.
    #[must_use]
    pub fn of(&self, category: StateCategory) -> ReplyTarget {
        let mut entries = StateCategory::ALL.into_iter().zip(self.0);
        entries.find(|(known, _)| *known == category).map_or(ReplyTarget::Stay, |(_, target)| target)
    }

    /// Sets the target of a category.
    pub fn set(&mut self, category: StateCategory, target: ReplyTarget) {
        let place = StateCategory::ALL.into_iter().zip(&mut self.0).find(|(known, _)| *known == category);
        if let Some((_, place)) = place {
            *place = target;
        }
    }

    /// Every state that is named.
    pub fn states(&self) -> impl Iterator<Item = StateId> {
        self.0.into_iter().filter_map(|target| match target {
            ReplyTarget::State(id) => Some(id),
            ReplyTarget::Stay | ReplyTarget::InProgress => None,
        })
    }
}

/// Something contacts may be mailed about (§2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailEvent {
    /// The ticket was made (NTF-1).
    Submitted,
    /// An agent answered (NTF-2).
    Reply,
    /// The state changed (NTF-3).
    StateChanged,
    /// A form was sent (NTF-4).
    FormSent,
}

impl MailEvent {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Submitted, Self::Reply, Self::StateChanged, Self::FormSent];

    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Reply => "reply",
            Self::StateChanged => "state_changed",
            Self::FormSent => "form_sent",
        }
    }
}

/// When contacts are mailed, by event (NTF-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotificationPolicy {
    /// The ticket was made (NTF-1).
    pub submitted: EmailPolicy,
    /// An agent answered (NTF-2).
    pub reply: EmailPolicy,
    /// The state changed (NTF-3).
    pub state_changed: EmailPolicy,
    /// A form was sent (NTF-4).
    pub form_sent: EmailPolicy,
    /// Whether moves within a category are mailed too (NTF-3).
    pub same_category: bool,
}

impl NotificationPolicy {
    /// The policy of an event.
    #[must_use]
    pub fn of(&self, event: MailEvent) -> EmailPolicy {
        match event {
            MailEvent::Submitted => self.submitted,
            MailEvent::Reply => self.reply,
            MailEvent::StateChanged => self.state_changed,
            MailEvent::FormSent => self.form_sent,
        }
    }

    /// Sets the policy of an event.
    pub fn set(&mut self, event: MailEvent, policy: EmailPolicy) {
        let place = match event {
            MailEvent::Submitted => &mut self.submitted,
            MailEvent::Reply => &mut self.reply,
            MailEvent::StateChanged => &mut self.state_changed,
            MailEvent::FormSent => &mut self.form_sent,
        };
        *place = policy;
    }
}

impl Default for NotificationPolicy {
    fn default() -> Self {
        Self {
            submitted: EmailPolicy::Always,
            reply: EmailPolicy::WhenUnseen,
            state_changed: EmailPolicy::Always,
            form_sent: EmailPolicy::WhenUnseen,
            same_category: false,
        }
    }
}

/// Who is offered the type in messenger and portal (TYP-20).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FormAudience {
    /// Everybody.
    #[default]
    All,
    /// Users.
    Users,
    /// Leads and visitors.
    Leads,
}

impl FormAudience {
    const ALL: [Self; 3] = [Self::All, Self::Users, Self::Leads];

    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Users => "users",
            Self::Leads => "leads",
        }
    }

    /// The audience of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|audience| audience.as_str() == word)
    }

    /// Whether a contact of that role belongs to it.
    #[must_use]
    pub fn holds(self, role: ContactRole) -> bool {
        match self {
            Self::All => true,
            Self::Users => role == ContactRole::User,
            Self::Leads => role != ContactRole::User,
        }
    }
}

/// What a ticket type decides for its tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeSettings {
    /// STA-8.
    pub on_customer_reply: OnCustomerReply,
    /// NTF-10.
    pub notify: NotificationPolicy,
    /// New tickets are assigned to this agent, unless said otherwise.
    pub default_agent: Option<AgentId>,
    /// New tickets are assigned to this team, unless said otherwise.
    pub default_team: Option<TeamId>,
    /// Priority of new tickets.
    pub default_priority: Priority,
    /// Whom forms of it are offered to.
    pub audience: FormAudience,
    /// What must hold of a contact of that audience or their companies; `None` asks nothing more.
    pub audience_rule: Option<Asked>,
    /// Shown after submission; plain text, at most [`SUBMITTED_MESSAGE_CHARS_MAX`] characters.
    pub submitted_message: String,
    /// When a broadcast of such a Tracker is mailed, unless its author says otherwise.
    pub broadcast_email: EmailPolicy,
    /// Mails a minute of such a broadcast; `None` is as fast as the relay takes them.
    pub broadcast_rate_per_minute: Option<u32>,
    /// What customers read of it in other languages, by language tag (I18-1).
    pub translations: BTreeMap<String, TypeTexts>,
}

impl Default for TypeSettings {
    fn default() -> Self {
        Self {
            on_customer_reply: OnCustomerReply::default(),
            notify: NotificationPolicy::default(),
            default_agent: None,
            default_team: None,
            default_priority: Priority::None,
            audience: FormAudience::All,
            audience_rule: None,
            submitted_message: String::new(),
            broadcast_email: EmailPolicy::WhenUnseen,
            broadcast_rate_per_minute: None,
            translations: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sta_8_by_default_only_waiting_and_resolved_go_back_to_work() {
        let mut targets = OnCustomerReply::default();
        let now = |targets: &OnCustomerReply| StateCategory::ALL.map(|category| targets.of(category));
        let (stay, work) = (ReplyTarget::Stay, ReplyTarget::InProgress);
        assert_eq!(now(&targets), [stay, stay, work, work]);
        targets.set(StateCategory::Resolved, stay);
        targets.set(StateCategory::Submitted, ReplyTarget::State(StateId(7)));
        assert_eq!(now(&targets), [ReplyTarget::State(StateId(7)), stay, work, stay]);
        assert_eq!(targets.states().collect::<Vec<_>>(), [StateId(7)]);
    }

    #[test]
    fn typ_20_an_audience_holds_its_roles() {
        let of = |audience: FormAudience| {
            [ContactRole::User, ContactRole::Lead, ContactRole::Visitor].map(|role| audience.holds(role))
        };
        assert_eq!(FormAudience::ALL.map(of), [[true; 3], [true, false, false], [false, true, true]]);
        assert_eq!(FormAudience::parse("users"), Some(FormAudience::Users));
    }
}
