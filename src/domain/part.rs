//! One entry of a thread: a message or an event (OBJ-40 to OBJ-46).

use crate::domain::attachment::Attachment;
use crate::domain::attachment::BlobHash;
use crate::domain::attribute::Value;
use crate::domain::authentication::Authentication;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::delivery_class::DeliveryClass;
use crate::domain::form::FormCard;
use crate::domain::id::AgentId;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::DeliveryId;
use crate::domain::id::Millis;
use crate::domain::id::PartId;
use crate::domain::id::StateId;
use crate::domain::id::TagId;
use crate::domain::id::TeamId;
use crate::domain::id::ThreadId;
use crate::domain::id::TicketTypeId;
use crate::domain::link::LinkKind;
use crate::domain::mailing::Mailing;
use crate::domain::propagation::PropagationCounts;
use crate::domain::state::StateCategory;
use crate::domain::thread::Priority;
use crate::domain::thread::ThreadState;
use crate::domain::ticket_type::Category;

/// Longest message text in characters (MSG-60); mail may be longer.
pub const TEXT_CHARS_MAX: usize = 10_000;
/// Most files of one message in API and messenger (OBJ-44).
pub const ATTACHMENTS_MAX: usize = 10;

/// How the fault of a mail begins that was too large to be taken in; its size in bytes follows (EML-9).
pub const TOO_LARGE: &str = "too_large:";

/// Who wrote a part (OBJ-8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// An agent.
    Agent {
        /// Which.
        id: AgentId,
        /// Name at that time.
        name: String,
    },
    /// A contact.
    Contact {
        /// Which.
        id: ContactId,
        /// Name at that time.
        name: String,
        /// Address at that time.
        email: Option<String>,
        /// Whether they are a user (else a lead).
        user: bool,
    },
    /// The desk itself.
    Bot,
}

impl Author {
    /// The contact, if one wrote it.
    #[must_use]
    pub fn contact(&self) -> Option<ContactId> {
        match self {
            Self::Contact { id, .. } => Some(*id),
            Self::Agent { .. } | Self::Bot => None,
        }
    }

    /// How a conversation that begins with this author's message came to be (OBJ-33).
    #[must_use]
    pub fn delivered_as(&self) -> &'static str {
        match self {
            Self::Contact { .. } => "customer_initiated",
            Self::Agent { .. } => "admin_initiated",
            Self::Bot => "automated",
        }
    }

    /// The agent, if one wrote it.
    #[must_use]
    pub fn agent(&self) -> Option<AgentId> {
        match self {
            Self::Agent { id, .. } => Some(*id),
            Self::Contact { .. } | Self::Bot => None,
        }
    }
}

/// What a part is, with what only that kind carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// A message everybody in the thread may read.
    Comment,
    /// For agents only.
    Note,
    /// Mail that is not human, attached by threading (EML-21).
    AutomaticEmail,
    /// Opened.
    Open,
    /// Closed.
    Close,
    /// Snoozed.
    Snoozed,
    /// Woken.
    Unsnoozed,
    /// Assigned; may carry a body (LIF-5).
    Assignment {
        /// To this agent.
        agent: Option<AgentId>,
        /// To this team.
        team: Option<TeamId>,
        /// Agent and team before.
        before: (Option<AgentId>, Option<TeamId>),
    },
    /// Somebody joined.
    ParticipantAdded(ContactId),
    /// The thread became a ticket.
    ConvertedToTicket {
        /// Its number.
        number: u64,
    },
    /// The ticket's state, at creation (equal categories, STA-6) or changed.
    TicketStateUpdated {
        /// Before.
        from: (StateId, StateCategory),
        /// After.
        to: (StateId, StateCategory),
        /// Customers' label of the new state at that time.
        external_label: String,
    },
    /// An attribute of the ticket changed.
    TicketAttributeUpdated {
        /// Its name.
        name: String,
        /// Whether customers see it (OBJ-46).
        visible: bool,
        /// Its new value; `None` when it was cleared.
        value: Option<Value>,
    },
    /// A declared attribute of the conversation changed (OBJ-36).
    ConversationAttributeUpdated {
        /// Its name.
        name: String,
        /// Its new value; `None` when it was cleared.
        value: Option<Value>,
    },
    /// The ticket got another type (TYP-1).
    TicketTypeChanged {
        /// Before: id, and name at that time.
        from: (TicketTypeId, String),
        /// After: id, and name at that time.
        to: (TicketTypeId, String),
        /// Values the new type does not hold, by attribute name; of lists the label.
        left: Vec<(String, Value)>,
    },
    /// A form was sent; the card that is filled (FRM-5). The one kind of part that changes later.
    TicketFormSent(FormCard),
    /// A form was filled and made a ticket (FRM-4).
    TicketFormSubmitted {
        /// The card it was sent as, if it was.
        form: Option<PartId>,
        /// The ticket's thread.
        ticket: ThreadId,
        /// Its number.
        number: u64,
    },
    /// A form was taken back (FRM-5).
    TicketFormWithdrawn {
        /// The card it was sent as.
        form: PartId,
    },
    /// A Back-office ticket was shared with the customer (SHR-2).
    TicketShared,
    /// Linked to or from another thread (LNK-6).
    EntityLinked(LinkedEntity),
    /// No longer linked (LNK-6).
    EntityUnlinked(LinkedEntity),
    /// A linked Back-office or Tracker ticket changed state (BKO-20, TRK-3).
    LinkedTicketStateUpdated {
        /// The ticket.
        ticket: ThreadId,
        /// Its number.
        number: u64,
        /// Its title at that time.
        title: String,
        /// Internal label before.
        from_label: String,
        /// Internal label after.
        to_label: String,
    },
    /// Tags were put on the thread or taken off (OBJ-18).
    TagsUpdated {
        /// Put on, with their names at that time.
        added: Vec<(TagId, String)>,
        /// Taken off.
        removed: Vec<(TagId, String)>,
    },
    /// Somebody was removed (PAR-4).
    ParticipantRemoved(ContactId),
    /// Another thread was merged into this one (MRG-2).
    MergedPrimary {
        /// That thread.
        secondary: ThreadId,
    },
    /// This thread was merged into another one (MRG-2).
    MergedSecondary {
        /// That thread.
        primary: ThreadId,
    },
    /// A merge was undone (MRG-4); in both threads.
    Unmerged {
        /// The other one.
        other: ThreadId,
    },
    /// In a conversation: the Back-office ticket that is shared in it, when it was shared and at each change of its state
    /// (SHR-4). Holds nothing but what the customer may read.
    SharedTicket(SharedCard),
    /// The state was set on linked Customer tickets: the summary (TRK-5).
    StatePropagated {
        /// Internal label of the state.
        label: String,
        /// What became of them.
        counts: PropagationCounts,
    },
    /// Answers the contact may choose from (API-17); its body lists them for where they cannot be chosen.
    QuickReply(Vec<QuickAnswer>),
    /// A mail about the thread failed for good (EML-63); for agents only.
    DeliveryFailed {
        /// Which.
        delivery: DeliveryId,
        /// Where it went, if anywhere.
        address: Option<String>,
        /// The relay's words, or ours.
        reason: String,
    },
    /// The thread is of another priority (OBJ-30).
    PriorityChanged {
        /// Before.
        from: Priority,
        /// Now.
        to: Priority,
    },
}

/// A shared ticket as its customer sees it at one moment (SHR-4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedCard {
    /// The ticket.
    pub ticket: ThreadId,
    /// Its number.
    pub number: u64,
    /// Name of its type.
    pub type_name: String,
    /// Category of its state before; the same at the beginning.
    pub from: StateCategory,
    /// Category of its state.
    pub category: StateCategory,
    /// Customers' label of its state.
    pub external_label: String,
    /// Whether this is the moment it was shared.
    pub first: bool,
}

/// The other side of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedEntity {
    /// The thread on the other side.
    pub thread: ThreadId,
    /// Category, if it is a ticket.
    pub category: Option<Category>,
    /// Number, if it is a ticket.
    pub number: Option<u64>,
    /// Kind of link.
    pub kind: LinkKind,
}

impl PartKind {
    /// The word of OBJ-45, given who caused it.
    #[must_use]
    pub fn as_str(&self, author: &Author) -> &'static str {
        match self {
            Self::Comment => "comment",
            Self::QuickReply(_) => "quick_reply",
            Self::Note => "note",
            Self::AutomaticEmail => "automatic_email",
            Self::Open => "open",
            Self::Close => "close",
            Self::Snoozed => "snoozed",
            Self::Unsnoozed => "unsnoozed",
            Self::Assignment { .. } => "assignment",
            Self::ParticipantAdded(_) => "participant_added",
            Self::ConvertedToTicket { .. } => "converted_to_ticket",
            // STA-6 and STA-8: the desk's own moves are written as an administrator's, author the bot.
            Self::TicketStateUpdated { .. } => match author {
                Author::Agent { .. } | Author::Bot => "ticket_state_updated_by_admin",
                Author::Contact { .. } => "ticket_state_updated_by_user",
            },
            Self::TicketAttributeUpdated { .. } => match author {
                Author::Agent { .. } | Author::Bot => "ticket_attribute_updated_by_admin",
                Author::Contact { .. } => "ticket_attribute_updated_by_user",
            },
            Self::ConversationAttributeUpdated { .. } => match author {
                Author::Agent { .. } | Author::Bot => "conversation_attribute_updated_by_admin",
                Author::Contact { .. } => "conversation_attribute_updated_by_user",
            },
            Self::TicketTypeChanged { .. } => "ticket_type_changed",
            Self::TicketFormSent(_) => "ticket_form_sent",
            Self::TicketFormSubmitted { .. } => "ticket_form_submitted",
            Self::TicketFormWithdrawn { .. } => "ticket_form_withdrawn",
            Self::TicketShared => "ticket_shared",
            Self::EntityLinked(_) => "entity_linked",
            Self::EntityUnlinked(_) => "entity_unlinked",
            Self::LinkedTicketStateUpdated { .. } => "linked_ticket_state_updated",
            Self::TagsUpdated { .. } => "conversation_tags_updated",
            Self::ParticipantRemoved(_) => "participant_removed",
            Self::MergedPrimary { .. } => "merged_primary_conversation",
            Self::MergedSecondary { .. } => "merged_secondary_conversation",
            Self::Unmerged { .. } => "unmerged",
            Self::SharedTicket(card) if card.first => "ticket_shared",
            Self::SharedTicket(_) => "ticket_state_updated_by_admin",
            Self::StatePropagated { .. } => "ticket_state_propagated",
            Self::DeliveryFailed { .. } => "delivery_failed",
            Self::PriorityChanged { .. } => "priority_changed",
        }
    }

    /// Whether it is something somebody said rather than something that happened.
    #[must_use]
    pub fn is_message(&self) -> bool {
        matches!(self, Self::Comment | Self::QuickReply(_) | Self::Note | Self::AutomaticEmail)
    }
}

/// Most answers of one quick reply.
pub const QUICK_ANSWERS_MAX: usize = 20;

/// The answer a contact chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenAnswer {
    /// The quick reply it is one of.
    pub part: PartId,
    /// [`QuickAnswer::uuid`].
    pub uuid: String,
}

/// An answer to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuickAnswer {
    /// What it says; at most 255 characters.
    pub text: String,
    /// The caller's key.
    pub uuid: String,
}

/// Why an automatic act happened (PRD-15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A contact's comment (STA-8, LIF-2).
    CustomerReply,
    /// A linked ticket's change (BKO-21).
    LinkedTicket,
    /// A broadcast's option (BRC-24).
    Broadcast,
    /// The time of a snooze came (LIF-1).
    SnoozeEnded,
    /// Threads were merged (MRG-2), or that was undone (MRG-4).
    Merge,
    /// A Tracker's state was set on its Customer tickets (TRK-4).
    Propagation,
    /// The other side was deleted (TCK-15).
    Deletion,
    /// The team's way of giving out work (ASN-1).
    TeamMethod,
    /// The agent it was assigned to is away (AWY-1).
    Away,
    /// The contact was blocked (MSG-62).
    Blocked,
}

impl Cause {
    /// The word shown to agents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CustomerReply => "customer_reply",
            Self::LinkedTicket => "linked_ticket",
            Self::Broadcast => "broadcast",
            Self::SnoozeEnded => "snooze_ended",
            Self::Merge => "merge",
            Self::Propagation => "propagation",
            Self::Deletion => "deletion",
            Self::TeamMethod => "team_method",
            Self::Away => "away",
            Self::Blocked => "blocked",
        }
    }
}

/// What a part that came by email tells beside its text (INTERFACES §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailFacts {
    /// The raw message; gone once the part was redacted (OBJ-47).
    pub raw: Option<BlobHash>,
    /// Its Message-ID without brackets; derived where the message had none (EML-16).
    pub message_id: String,
    /// Subject as decoded and cleaned.
    pub subject: Option<String>,
    /// From, To, Cc as `(field, name, address)`.
    pub addresses: Vec<(AddressField, Option<String>, String)>,
    /// Quote and signature that were cut off, as text (EML-50).
    pub quoted: String,
    /// Class of the mail.
    pub class: DeliveryClass,
    /// Which header field or fact decided the class (EML-90).
    pub class_reason: String,
    /// Which rule placed it in its thread (EML-39).
    pub placed_by: PlacedBy,
    /// What was wrong with it, in stable words.
    pub faults: Vec<String>,
    /// Facts of a bounce.
    pub bounce: Option<BounceFacts>,
    /// May it be answered automatically (EML-28, EML-85).
    pub may_answer_automatically: bool,
    /// What is known of its sender; `None` where nobody checked.
    pub authentication: Option<Authentication>,
}

/// Which field an address stood in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressField {
    /// From.
    From,
    /// To.
    To,
    /// Cc.
    Cc,
    /// Reply-To.
    ReplyTo,
}

impl AddressField {
    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::From => "from",
            Self::To => "to",
            Self::Cc => "cc",
            Self::ReplyTo => "reply_to",
        }
    }
}

impl EmailFacts {
    /// Size in bytes of the message that this one stands in for, while that one was left in its mailbox (EML-9).
    #[must_use]
    pub fn left_out_bytes(&self) -> Option<u64> {
        self.faults.iter().find_map(|fault| fault.strip_prefix(TOO_LARGE)?.parse().ok())
    }
}

/// The rule of EML-30 that placed a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlacedBy {
    /// Signed token in a recipient address.
    ReplyToken,
    /// Our signed Message-ID in In-Reply-To or References.
    OurMessageId,
    /// In-Reply-To.
    InReplyTo,
    /// References.
    References,
    /// Its own Message-ID was named by an earlier mail (EML-31).
    NamedEarlier,
    /// Bounce token of ours, or the Message-ID inside a bounce (EML-22).
    Bounce,
    /// Nothing pointed anywhere.
    NewThread,
    /// Its sender began too many conversations; it went to the newest of them (EML-88).
    SenderLimit,
    /// A number or an equal subject, at an address that allows it (EML-32).
    Subject,
}

impl PlacedBy {
    /// The word shown to agents and by `trace`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReplyToken => "reply_token",
            Self::OurMessageId => "our_message_id",
            Self::InReplyTo => "in_reply_to",
            Self::References => "references",
            Self::NamedEarlier => "named_earlier",
            Self::Bounce => "bounce",
            Self::NewThread => "new_thread",
            Self::SenderLimit => "sender_limit",
            Self::Subject => "subject",
        }
    }
}

/// What a bounce said (INTERFACES §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BounceFacts {
    /// Enhanced status code (RFC 3463).
    pub status: Option<String>,
    /// SMTP reply of the refusing host.
    pub smtp_reply: Option<String>,
    /// The address that failed.
    pub recipient: Option<String>,
    /// The address does not exist or never will take mail.
    pub hard: bool,
    /// One word, for instance `userunknown`.
    pub reason: Option<String>,
    /// The delivery it is about, when a token or Message-ID of ours says so.
    pub delivery: Option<DeliveryId>,
}

/// An entry of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "facts that stand beside each other; none rules another out")]
pub struct Part {
    /// Never changes.
    pub id: PartId,
    /// Where it is.
    pub thread: ThreadId,
    /// Ascending in its thread without gaps (OBJ-6); the source is 1.
    pub seq: u64,
    /// What it is.
    pub kind: PartKind,
    /// Who wrote or caused it.
    pub author: Author,
    /// Sanitised HTML; empty where there is no body.
    pub body_html: String,
    /// The same as text.
    pub body_text: String,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// When it was committed.
    pub created_at: Millis,
    /// Last change (redaction).
    pub updated_at: Millis,
    /// How it came in.
    pub channel: ChannelKind,
    /// The thread's axis after it (OBJ-41).
    pub thread_state: ThreadState,
    /// The ticket's axis after it (OBJ-41).
    pub ticket_state: Option<StateCategory>,
    /// Key of a repeatable post (MSG-42).
    pub client_id: Option<String>,
    /// Why, if the desk did it.
    pub cause: Option<Cause>,
    /// Facts of a mail.
    pub email: Option<EmailFacts>,
    /// Written by somebody who joined by reference only (EML-33).
    pub external_sender: bool,
    /// The broadcast it carries (BRC-20).
    pub broadcast: Option<BroadcastId>,
    /// The note it is a copy of (BKO-22).
    pub cross_posted_from: Option<(ThreadId, PartId)>,
    /// Nobody was told (NTF-12).
    pub skip_notifications: bool,
    /// Content is gone (OBJ-47).
    pub redacted: bool,
    /// Put on by agents (OBJ-18).
    pub tags: Vec<TagId>,
    /// The envelope its writer chose (EML-60).
    pub mailing: Option<Mailing>,
    /// The answer of a quick reply that the contact chose with it (SHP-4).
    pub quick_reply_uuid: Option<String>,
    /// Shown under a user or an address that its writer had not proved (MSG-14). A fact of the moment, for agents: their
    /// readers find it out, and it is not stored.
    pub impersonation_warning: bool,
}
