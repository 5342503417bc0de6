//! The channels a part comes in by or a delivery goes out by.

/// A channel. Matches on it have no `_` arm, so that the compiler lists the places a new channel must be thought of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChannelKind {
    /// The messenger's websocket.
    Messenger,
    /// Mail.
    Email,
    /// The HTTP API.
    Api,
}

impl ChannelKind {
    /// The word of OBJ-35.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Messenger => "messenger",
            Self::Email => "email",
            Self::Api => "api",
        }
    }
}
