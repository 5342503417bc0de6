//! Our Message-IDs, reply tokens, bounce tokens and the marker: what we sign and how we know it again.
//!
//! **Invariant:** nothing of ours is believed without a MAC of 128 bits (HMAC-SHA256, truncated; RFC 2104 §5), compared
//! in constant time (EML-34). What is broken, truncated, altered or signed with a key not in the ring reads as `None`;
//! there is no unsigned form. Each kind of token has its own MAC context, so that one cannot be used as another.
//!
//! Tokens are base32 in lower case without padding, so that they survive servers that fold the case of local parts.

use crate::domain::address::Address;
use crate::domain::address::LOCAL_BYTES_MAX;
use crate::domain::id::AgentId;
use crate::domain::id::ContactId;
use crate::domain::id::DeliveryId;
use crate::domain::id::ThreadId;
use crate::mail::message::msg_id::MsgId;
use data_encoding::BASE32_NOPAD;
use ring::hmac;
use std::collections::BTreeMap;
use std::fmt;

/// Octets of a MAC.
const MAC_BYTES: usize = 16;
/// Octets of key id, principal kind, thread and principal together.
const HEAD_BYTES: usize = 15;
/// Bits of an id (OBJ-1).
const ID_BITS: u32 = 53;
const ID_MASK: u128 = (1 << ID_BITS) - 1;
/// Octets of one id standing alone.
const ID_BYTES: usize = 7;

/// Header field that carries the marker (EML-62).
pub const MARKER_FIELD: &str = "X-Deskgate-Marker";

/// Whom a mail was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Several people, or nobody in particular.
    Anyone,
    /// One contact.
    Contact(ContactId),
    /// One agent (EML-46); says who was asked, never who answered (EML-38).
    Agent(AgentId),
}

/// What a reply token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReplyClaims {
    /// The thread to which an answer belongs.
    pub thread: ThreadId,
    /// To whom the mail with the token was written.
    pub principal: Principal,
}

/// What one of our Message-IDs says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageIdClaims {
    /// The thread to which an answer belongs.
    pub thread: ThreadId,
    /// To whom the mail was written.
    pub principal: Principal,
    /// The delivery it was written for.
    pub delivery: DeliveryId,
}

/// The key ring: one key signs, all verify. When an old key leaves the ring (after 400 days, EML-34) is the owner's care.
#[derive(Clone)]
pub struct Keys {
    current: u8,
    ring: BTreeMap<u8, hmac::Key>,
}

impl fmt::Debug for Keys {
    /// Never shows key material.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("current", &self.current).field("ids", &self.ring.keys()).finish()
    }
}

/// For what a MAC is made.
#[derive(Clone, Copy)]
enum Context {
    Reply,
    MessageId,
    Bounce,
    Marker,
}

impl Context {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Reply => b"deskgate 1 reply\0",
            Self::MessageId => b"deskgate 1 message-id\0",
            Self::Bounce => b"deskgate 1 bounce\0",
            Self::Marker => b"deskgate 1 marker\0",
        }
    }
}

impl Keys {
    /// A ring of one key.
    #[must_use]
    pub fn new(id: u8, key: &[u8; 32]) -> Self {
        Self { current: id, ring: BTreeMap::from([(id, hmac::Key::new(hmac::HMAC_SHA256, key))]) }
    }

    /// The ring with one more key that verifies only; the signing key is never replaced by it.
    #[must_use]
    pub fn with_old(mut self, id: u8, key: &[u8; 32]) -> Self {
        self.ring.entry(id).or_insert_with(|| hmac::Key::new(hmac::HMAC_SHA256, key));
        self
    }

    /// The Message-ID of a mail of ours. Equal claims give an equal id, so that a repeat is recognisable (EML-65).
    #[must_use]
    pub fn message_id(&self, claims: MessageIdClaims, domain: &str) -> MsgId {
        let mut body = self.head(claims.thread, claims.principal).to_vec();
        body.extend_from_slice(&id_bytes(claims.delivery.0));
        let token = self.seal(Context::MessageId, body);
        MsgId::parse(&format!("{token}@{domain}")).unwrap_or_default()
    }

    /// What one of our Message-IDs says; `None` for any other.
    #[must_use]
    pub fn read_message_id(&self, id: &MsgId) -> Option<MessageIdClaims> {
        let body = self.open(Context::MessageId, id.left())?;
        let (head, delivery) = body.split_at_checked(HEAD_BYTES)?;
        let (thread, principal) = read_head(head)?;
        Some(MessageIdClaims { thread, principal, delivery: DeliveryId(read_id(delivery)?) })
    }

    /// The plus-tag that brings an answer back into its thread: 50 characters.
    #[must_use]
    pub fn reply_token(&self, claims: ReplyClaims) -> String {
        self.seal(Context::Reply, self.head(claims.thread, claims.principal).to_vec())
    }

    /// The support address with a reply token; `None` when the local part would pass 64 octets (a support address of
    /// more than 13 octets before the `@`): then Reply-To goes without, and the Message-ID alone threads.
    #[must_use]
    pub fn reply_address(&self, support: &Address, claims: ReplyClaims) -> Option<Address> {
        fitting(support.with_tag(&self.reply_token(claims)))
    }

    /// What a plus-tag says, if it is a reply token of ours.
    #[must_use]
    pub fn read_reply_token(&self, tag: &str) -> Option<ReplyClaims> {
        let body = self.open(Context::Reply, tag)?;
        let (thread, principal) = read_head(&body)?;
        Some(ReplyClaims { thread, principal })
    }

    /// The tag of the envelope sender, by which a bounce names its delivery: 39 characters.
    #[must_use]
    pub fn bounce_token(&self, delivery: DeliveryId) -> String {
        self.seal_delivery(Context::Bounce, delivery)
    }

    /// The bounce address with the token of `delivery`; `None` when the local part would pass 64 octets (more than 24
    /// octets before the `@`).
    #[must_use]
    pub fn bounce_address(&self, bounces: &Address, delivery: DeliveryId) -> Option<Address> {
        fitting(bounces.with_tag(&self.bounce_token(delivery)))
    }

    /// The delivery a plus-tag names, if it is a bounce token of ours.
    #[must_use]
    pub fn read_bounce_token(&self, tag: &str) -> Option<DeliveryId> {
        self.open_delivery(Context::Bounce, tag)
    }

    /// Value of [`MARKER_FIELD`]: we know our own mail by it even when a relay changed its Message-ID (EML-25).
    #[must_use]
    pub fn marker(&self, delivery: DeliveryId) -> String {
        self.seal_delivery(Context::Marker, delivery)
    }

    /// The delivery a marker names, if it is ours.
    #[must_use]
    pub fn read_marker(&self, value: &str) -> Option<DeliveryId> {
        self.open_delivery(Context::Marker, value.trim())
    }

    fn seal_delivery(&self, context: Context, delivery: DeliveryId) -> String {
        let mut body = vec![self.current];
        body.extend_from_slice(&id_bytes(delivery.0));
        self.seal(context, body)
    }

    fn open_delivery(&self, context: Context, text: &str) -> Option<DeliveryId> {
        let body = self.open(context, text)?;
        read_id(body.get(1..)?).map(DeliveryId)
    }

    /// Key id, kind of principal, thread and principal in 116 bits.
    fn head(&self, thread: ThreadId, principal: Principal) -> [u8; HEAD_BYTES] {
        let (kind, who) = match principal {
            Principal::Anyone => (0_u128, 0),
            Principal::Contact(id) => (1, id.0),
            Principal::Agent(id) => (2, id.0),
        };
        let ids = (u128::from(thread.0) & ID_MASK) << ID_BITS | (u128::from(who) & ID_MASK);
        let bits = u128::from(self.current) << 112 | kind << (2 * ID_BITS) | ids;
        let mut head = [0; HEAD_BYTES];
        for (to, from) in head.iter_mut().zip(bits.to_be_bytes().into_iter().skip(1)) {
            *to = from;
        }
        head
    }

    /// Body (its first octet is the key id) and MAC, in base32.
    fn seal(&self, context: Context, mut body: Vec<u8>) -> String {
        if let Some(key) = self.ring.get(&self.current) {
            let mac = mac(key, context, &body);
            body.extend_from_slice(&mac);
        }
        BASE32_NOPAD.encode(&body).to_lowercase()
    }

    /// The body, if its MAC is ours.
    fn open(&self, context: Context, text: &str) -> Option<Vec<u8>> {
        let mut bytes = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok()?;
        let body_bytes = bytes.len().checked_sub(MAC_BYTES)?;
        let told = bytes.split_off(body_bytes);
        let key = self.ring.get(bytes.first()?)?;
        let expected = mac(key, context, &bytes);
        is_equal(&told, &expected).then_some(bytes)
    }
}

fn mac(key: &hmac::Key, context: Context, body: &[u8]) -> Vec<u8> {
    let mut signing = hmac::Context::with_key(key);
    signing.update(context.label());
    signing.update(body);
    signing.sign().as_ref().iter().take(MAC_BYTES).copied().collect()
}

/// Equality that takes the same time wherever the difference is; lengths are no secret.
fn is_equal(told: &[u8], expected: &[u8]) -> bool {
    let difference = told.iter().zip(expected).fold(0_u8, |seen, (a, b)| std::hint::black_box(seen | (a ^ b)));
    told.len() == expected.len() && difference == 0
}

fn id_bytes(id: u64) -> [u8; ID_BYTES] {
    let [_, rest @ ..] = id.to_be_bytes();
    rest
}

fn read_id(bytes: &[u8]) -> Option<u64> {
    let exact: [u8; ID_BYTES] = bytes.try_into().ok()?;
    Some(exact.iter().fold(0, |id, byte| id << 8 | u64::from(*byte)))
}

fn read_head(bytes: &[u8]) -> Option<(ThreadId, Principal)> {
    let exact: [u8; HEAD_BYTES] = bytes.try_into().ok()?;
    let bits = exact.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let thread = u64::try_from(bits >> ID_BITS & ID_MASK).ok()?;
    let who = u64::try_from(bits & ID_MASK).ok()?;
    let principal = match bits >> (2 * ID_BITS) & 0b11 {
        0 => Principal::Anyone,
        1 => Principal::Contact(ContactId(who)),
        2 => Principal::Agent(AgentId(who)),
        _ => return None,
    };
    Some((ThreadId(thread), principal))
}

fn fitting(address: Address) -> Option<Address> {
    (address.local().len() <= LOCAL_BYTES_MAX).then_some(address)
}
