//! By which ids a mail joins a thread (EML-30, EML-31, EML-37).

use crate::domain::address::Address;
use crate::mail::message::Message;
use crate::mail::message::msg_id::MsgId;
use crate::mail::message_id::Keys;
use crate::mail::message_id::MessageIdClaims;
use crate::mail::message_id::ReplyClaims;

/// What a mail says about where it belongs, strongest first (EML-30).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// Tokens of ours in plus-addresses of the envelope and of any recipient header, verified.
    pub tokens: Vec<ReplyClaims>,
    /// Our Message-IDs in In-Reply-To and References, verified; In-Reply-To first, then newest first.
    pub ours: Vec<MessageIdClaims>,
    /// In-Reply-To.
    pub in_reply_to: Vec<MsgId>,
    /// References, newest first.
    pub references: Vec<MsgId>,
    /// The mail's own id.
    pub own_id: MsgId,
    /// Further ids the mail gives itself.
    pub other_ids: Vec<MsgId>,
    /// Something looked like a token or an id of ours and did not verify: logged, else as if absent (EML-34).
    pub forged: bool,
}

impl Candidates {
    /// Every id to index for the thread the mail ends in (EML-31); bounded.
    pub fn all_ids(&self) -> impl Iterator<Item = &MsgId> {
        std::iter::once(&self.own_id).chain(&self.other_ids).chain(&self.in_reply_to).chain(&self.references)
    }
}

/// Collects the candidates of `message`; `recipients` are those of the envelope.
#[must_use]
pub fn candidates(message: &Message, recipients: &[Address], keys: &Keys) -> Candidates {
    let _ = (message, recipients, keys);
    Candidates::default()
}
