//! Topics that webhooks can be subscribed to (WHK-10 to WHK-14).
//!
//! `desk::webhooks::topics` holds the event of each. What some topics are about exists nowhere in this desk:
//! [`Topic::never_fires`] says why, and nobody can subscribe to them.
//!
//! **Invariant:** a [`Topic`] is one of [`ALL`]; a subscription to anything else, or to what never fires, is refused, never
//! silently idle.

use std::fmt;

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(&'static str);

impl Topic {
    /// Asked for by hand, to see that notifications arrive.
    pub const PING: Self = Self("ping");

    /// The topic of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        ALL.iter().find(|topic| **topic == name).map(|topic| Self(topic))
    }

    /// Why it can never fire, where what it is about does not exist here.
    #[must_use]
    pub fn never_fires(self) -> Option<&'static str> {
        NEVER.iter().find(|(topic, _)| *topic == self.0).map(|(_, why)| *why)
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Whether the item is a ticket.
    #[must_use]
    pub fn is_of_ticket(self) -> bool {
        self.0.starts_with("ticket.")
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Every topic, in the order of the product's rules.
pub const ALL: &[&str] = &[
    // WHK-10
    "ticket.created",
    "ticket.state.updated",
    "ticket.note.created",
    "ticket.admin.assigned",
    "ticket.team.assigned",
    "ticket.contact.attached",
    "ticket.contact.detached",
    "ticket.attribute.updated",
    "ticket.admin.replied",
    "ticket.contact.replied",
    "ticket.closed",
    "ticket.rating.provided",
    "ticket.resolved",
    // WHK-11
    "conversation.user.created",
    "conversation.user.replied",
    "conversation.admin.replied",
    "conversation.admin.noted",
    "conversation.admin.assigned",
    "conversation.admin.open.assigned",
    "conversation.admin.opened",
    "conversation.admin.closed",
    "conversation.admin.snoozed",
    "conversation.admin.unsnoozed",
    "conversation.admin.single.created",
    "conversation.operator.replied",
    "conversation.contact.attached",
    "conversation.contact.detached",
    "conversation.company.updated",
    "conversation.priority.updated",
    "conversation.rating.added",
    "conversation.read",
    "conversation.deleted",
    "conversation_part.redacted",
    "conversation_part.tag.created",
    // WHK-12
    "contact.user.created",
    "contact.user.updated",
    "contact.lead.created",
    "contact.lead.updated",
    "contact.lead.added_email",
    "contact.lead.signed_up",
    "contact.email.updated",
    "contact.merged",
    "contact.archived",
    "contact.unarchive",
    "contact.deleted",
    "contact.subscribed",
    "contact.unsubscribed",
    "contact.user.tag.created",
    "contact.user.tag.deleted",
    "contact.lead.tag.created",
    "contact.lead.tag.deleted",
    "visitor.signed_up",
    "company.created",
    "company.updated",
    "company.deleted",
    "company.contact.attached",
    "company.contact.detached",
    // WHK-13
    "admin.added_to_workspace",
    "admin.removed_from_workspace",
    "admin.away_mode_updated",
    "admin.logged_in",
    "admin.logged_out",
    "admin.activity_log_event.created",
    "job.completed",
    "event.created",
    "ping",
    // WHK-14
    "ticket.linked",
    "ticket.unlinked",
    "ticket.shared",
    "ticket.type.changed",
    "ticket.merged",
    "ticket.unmerged",
    "ticket.deleted",
    "ticket.form.sent",
    "ticket.form.submitted",
    "ticket.sla.missed",
    "ticket.broadcast.scheduled",
    "ticket.broadcast.started",
    "ticket.broadcast.paused",
    "ticket.broadcast.resumed",
    "ticket.broadcast.finished",
    "ticket.broadcast.cancelled",
    "conversation.merged",
    "conversation.unmerged",
    "conversation.sla.missed",
    "delivery.failed",
    "delivery.uncertain",
    "delivery.bounced",
    "contact.suppressed",
    "contact.broadcast.stopped",
    "mailbox.state.updated",
    "intake.quarantined",
];

/// Topics of what does not exist here, with why.
const NEVER: &[(&str, &str)] = &[
    ("ticket.rating.provided", "customers are not asked for ratings"),
    ("conversation.rating.added", "customers are not asked for ratings"),
    ("ticket.sla.missed", "there are no service levels"),
    ("conversation.sla.missed", "there are no service levels"),
    (
        "conversation.admin.open.assigned",
        "assigning opens nothing: conversation.admin.assigned and conversation.admin.opened say so apart",
    ),
    ("admin.logged_in", "agents do not sign in, they use tokens"),
    ("admin.logged_out", "agents do not sign in, they use tokens"),
    ("admin.activity_log_event.created", "there is no activity log beside the events log"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn whk_10_to_14_topics_are_known_by_name_and_stand_once() {
        let names: BTreeSet<_> = ALL.iter().collect();
        assert_eq!(names.len(), ALL.len());
        assert!(ALL.iter().all(|name| Topic::parse(name).map(Topic::as_str) == Some(name)));
        assert_eq!(Topic::parse("ticket"), None);
        assert_eq!(Topic::parse("ticket.*"), None);
        assert!(NEVER.iter().all(|(name, why)| Topic::parse(name).and_then(Topic::never_fires) == Some(why)));
        assert_eq!(Topic::PING.never_fires(), None);
    }
}
