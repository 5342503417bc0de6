//! Numbers under which the domain's plain enums are kept.
//!
//! **Invariant:** a number, once released, keeps its meaning; the compiler asks for one for every new variant, and
//! refuses a number that stands twice.

use crate::domain::agent::AgentRole;
use crate::domain::agent::Scope;
use crate::domain::agent_notice::NewsKind;
use crate::domain::attribute::DataType;
use crate::domain::authentication::AuthResult;
use crate::domain::avatar::AvatarKind;
use crate::domain::broadcast::BroadcastState;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::broadcast::Only;
use crate::domain::broadcast::PauseCause;
use crate::domain::broadcast::Phase;
use crate::domain::channel_kind::ChannelKind;
use crate::domain::contact::ContactRole;
use crate::domain::data_attribute::DataKind;
use crate::domain::data_attribute::DataModel;
use crate::domain::delivery::SkipReason;
use crate::domain::delivery::Stage;
use crate::domain::delivery_class::DeliveryClass;
use crate::domain::event::AgentAct;
use crate::domain::event::BroadcastStep;
use crate::domain::event::CompanyAct;
use crate::domain::event::ContactAct;
use crate::domain::event::MailboxStanding;
use crate::domain::ledger::FailReason;
use crate::domain::link::LinkKind;
use crate::domain::mailbox_cursor::ImapFeature;
use crate::domain::mailing::RecipientField;
use crate::domain::part::AddressField;
use crate::domain::part::Cause;
use crate::domain::part::PlacedBy;
use crate::domain::search::Operator;
use crate::domain::state::StateCategory;
use crate::domain::team::TeamMethod;
use crate::domain::thread::Priority;
use crate::domain::ticket::CreatedVia;
use crate::domain::ticket_type::Category;
use crate::domain::type_settings::FormAudience;
use crate::domain::webhook::NotificationState;
use crate::domain::webhook::RetryPolicy;
use crate::domain::webhook::WebhookState;
use crate::store::record::Restored;

/// A plain enum with a stable number for each variant.
pub(crate) trait Code: Copy {
    /// The number to keep.
    fn code(self) -> u8;
    /// The variant of a number.
    fn of(code: u8) -> Restored<Self>;
}

/// The variant of an optional number.
pub(crate) fn of_optional<C: Code>(code: Option<u8>) -> Restored<Option<C>> {
    code.map(C::of).transpose()
}

macro_rules! codes {
    ($($type:ident { $($variant:ident = $code:literal),+ })+) => {
        $(impl Code for $type {
            fn code(self) -> u8 {
                match self { $(Self::$variant => $code),+ }
            }

            fn of(code: u8) -> Restored<Self> {
                match code {
                    $($code => Ok(Self::$variant),)+
                    _ => Err(concat!("unknown code of ", stringify!($type))),
                }
            }
        })+

        #[cfg(test)]
        fn every_code() -> Vec<(&'static str, u8, Option<u8>)> {
            vec![$($((stringify!($type), $code, $type::of($code).ok().map(Code::code)),)+)+]
        }
    };
}

codes! {
    AgentRole { Admin = 0, Agent = 1 }
    AvatarKind { Png = 0, Jpeg = 1, Gif = 2, Webp = 3 }
    AgentAct { Added = 0, Removed = 1, AwayChanged = 2 }
    NewsKind {
        NewThread = 0, CustomerReply = 1, Assignment = 2, SnoozeEnd = 3, Mention = 4, FailedDelivery = 5, BroadcastHeld = 6
    }
    TeamMethod { Manual = 0, RoundRobin = 1, Balanced = 2 }
    CompanyAct { Created = 0, Updated = 1, Deleted = 2, Attached = 3, Detached = 4 }
    ContactAct {
        Archived = 0, Unarchived = 1, Deleted = 2, Blocked = 3, Unblocked = 4, EmailAdded = 5, EmailChanged = 6,
        SignedUp = 7, VisitorSignedUp = 8, Subscribed = 9, Unsubscribed = 10, Erased = 11,
        Suppressed = 12, BroadcastStopped = 13
    }
    MailboxStanding { Connected = 0, Degraded = 1, NeedsAuth = 2 }
    Scope {
        ReadConversations = 0, WriteConversations = 1, ReadTickets = 2, WriteTickets = 3, ReadContacts = 4,
        WriteContacts = 5, ReadAdmins = 6, Broadcasts = 7, Settings = 8,
        WriteTags = 9, DeleteConversations = 10, Reports = 11, Intake = 30
    }
    DataType { String = 0, List = 1, Integer = 2, Decimal = 3, Boolean = 4, Datetime = 5, Files = 6 }
    BroadcastState { Running = 0, Finished = 1, Draft = 2, Scheduled = 3, Paused = 4, Cancelled = 5 }
    Only { All = 0, OpenThreads = 1, Tickets = 2, Conversations = 3 }
    Phase { Gathering = 0, Posting = 1, Mailing = 2 }
    PauseCause { Agent = 0, RelayRefuses = 1, RelayDown = 2 }
    FailReason {
        RelayRefused = 0, Bounced = 1, InvalidAddress = 2, TooLarge = 3, Render = 4, RetriesExhausted = 5
    }
    EmailPolicy { WhenUnseen = 0, Always = 1, Never = 2 }
    ChannelKind { Messenger = 0, Email = 1, Api = 2 }
    ContactRole { User = 0, Lead = 1, Visitor = 2 }
    SkipReason {
        SeenInMessenger = 0, NoAddress = 1, DuplicateContact = 2, DuplicateAddress = 3, Unsubscribed = 4,
        Suppressed = 5, Blocked = 6, Removed = 7, Cancelled = 8, StateWentBack = 9, Redacted = 10, PolicyNever = 11,
        RateLimited = 12, Stopped = 13, Unlinked = 14, Merged = 15, Erased = 16, Filtered = 17, Excluded = 18,
        RequiredToClose = 19, NoSession = 20, SeenByAgent = 21, MailOff = 22
    }
    Stage { BeforeDot = 0, AfterDot = 1, Answered = 2 }
    DeliveryClass {
        Human = 0, AutoReply = 1, DsnFailed = 2, DsnDelayed = 3, DsnOther = 4, Complaint = 5, List = 6, Spam = 7, Own = 8
    }
    BroadcastStep {
        Started = 0, Finished = 1, Scheduled = 2, Paused = 3, Resumed = 4, Cancelled = 5, Extended = 6, Redacted = 7
    }
    LinkKind { BackOffice = 0, Tracker = 1, BackOfficeTracker = 2 }
    ImapFeature { Idle = 0, Search = 1, Move = 2 }
    RecipientField { To = 0, Cc = 1, Bcc = 2 }
    AddressField { From = 0, To = 1, Cc = 2, ReplyTo = 3 }
    Cause {
        CustomerReply = 0, LinkedTicket = 1, Broadcast = 2, SnoozeEnded = 3, Merge = 4, Propagation = 5, Deletion = 6,
        TeamMethod = 7, Away = 8, Blocked = 9
    }
    PlacedBy {
        ReplyToken = 0, OurMessageId = 1, InReplyTo = 2, References = 3, NamedEarlier = 4, Bounce = 5, NewThread = 6,
        SenderLimit = 7, Subject = 8
    }
    AuthResult { None = 0, Pass = 1, Fail = 2, SoftFail = 3, Neutral = 4, TempError = 5, PermError = 6 }
    StateCategory { Submitted = 0, InProgress = 1, WaitingOnCustomer = 2, Resolved = 3 }
    Priority { None = 0, Low = 1, Medium = 2, High = 3, Urgent = 4 }
    CreatedVia { Convert = 0, Api = 1, FormSent = 2, FormOpened = 3, Email = 4 }
    Category { Customer = 0, BackOffice = 1, Tracker = 2 }
    Operator {
        Equal = 0, NotEqual = 1, In = 2, NotIn = 3, Greater = 4, Less = 5, AtLeast = 6, AtMost = 7, Contains = 8,
        ContainsNot = 9, StartsWith = 10, EndsWith = 11
    }
    FormAudience { All = 0, Users = 1, Leads = 2 }
    RetryPolicy { Compat = 0, Durable = 1 }
    WebhookState { Active = 0, Disabled = 1, Gone = 2 }
    DataModel { Contact = 0, Company = 1, Conversation = 2 }
    DataKind { String = 0, Integer = 1, Float = 2, Boolean = 3, Datetime = 4, Date = 5 }
    NotificationState { Queued = 0, Sent = 1, Failed = 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_comes_back_and_an_unknown_one_is_refused() {
        for (name, code, back) in every_code() {
            assert_eq!(back, Some(code), "{name}");
        }
        assert!(Cause::of(200).is_err());
        assert_eq!(of_optional::<Cause>(None), Ok(None));
    }
}
