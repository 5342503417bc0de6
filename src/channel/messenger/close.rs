//! Why a socket is closed, with the code the client gets (INTERFACES §5, RFC 6455 §7.4).

use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// A reason of ours to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Close {
    /// The daemon goes down: come back after 0 to 5 s.
    GoingAway,
    /// A frame broke the rules of RFC 6455.
    Protocol,
    /// Text that is not UTF-8.
    NotUtf8,
    /// A frame above [`super::FRAME_BYTES_MAX`].
    TooBig,
    /// Not JSON, no hello first, binary, or too many frames that mean nothing.
    BadFrame,
    /// No session, or no longer one.
    NotAuthorised,
    /// The contact signed out (MSG-15).
    SignedOut,
    /// Too slow or silent: come back with `since`.
    Resume,
    /// Too many frames, or too many sockets of one contact.
    TooMany,
}

impl Close {
    /// The close code.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::Protocol => 1002,
            Self::NotUtf8 => 1007,
            Self::TooBig => 1009,
            Self::BadFrame => 4000,
            Self::NotAuthorised => 4001,
            Self::Resume => 4002,
            Self::SignedOut => 4003,
            Self::TooMany => 4008,
        }
    }

    /// For people who read the browser's console.
    fn reason(self) -> &'static str {
        match self {
            Self::GoingAway => "going away: reconnect in 0 to 5 s",
            Self::Protocol => "protocol error",
            Self::NotUtf8 => "text must be UTF-8",
            Self::TooBig => "frame above 64 KB",
            Self::BadFrame => "bad frame",
            Self::NotAuthorised => "not authorised",
            Self::Resume => "resume: reconnect with since",
            Self::SignedOut => "signed out elsewhere",
            Self::TooMany => "too many",
        }
    }

    /// The frame that says it.
    #[must_use]
    pub fn frame(self) -> CloseFrame {
        CloseFrame { code: CloseCode::from(self.code()), reason: self.reason().into() }
    }
}

/// How a socket came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// We close it.
    Close(Close),
    /// The client closed it, or the connection broke.
    Gone,
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}
