//! What kind of mail a mail is (EML-20 to EML-28).

/// The class of an inbound mail. Only [`DeliveryClass::Human`] has effects on the desk's state (EML-27).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryClass {
    /// Written by a person (EML-20).
    Human,
    /// Vacation notices and other automatic answers (EML-21, RFC 3834).
    AutoReply,
    /// A bounce: the mail was not delivered (EML-22, RFC 3464).
    DsnFailed,
    /// A notice of delay; the mail may still arrive.
    DsnDelayed,
    /// A report of success, relaying or anything else.
    DsnOther,
    /// A feedback report (EML-23, RFC 5965).
    Complaint,
    /// List and bulk mail (EML-24).
    List,
    /// Marked as spam by the receiving server, or from a blocked sender (EML-26).
    Spam,
    /// Our own mail come back (EML-25).
    Own,
}

impl DeliveryClass {
    /// The word of INTERFACES §6.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::AutoReply => "auto_reply",
            Self::DsnFailed => "dsn_failed",
            Self::DsnDelayed => "dsn_delayed",
            Self::DsnOther => "dsn_other",
            Self::Complaint => "complaint",
            Self::List => "list",
            Self::Spam => "spam",
            Self::Own => "own",
        }
    }

    /// Whether the mail must change nothing but its thread's list of parts (EML-27).
    #[must_use]
    pub fn is_silent(self) -> bool {
        self != Self::Human
    }
}
