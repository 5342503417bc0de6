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

/// Who stops mail about what, as the link in a mail says (BRC-50, EML-80).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StopClaims {
    /// To whom the mail was written.
    pub contact: ContactId,
    /// What it was about: the Tracker of a broadcast, else the ticket, or the conversation that may become one.
    pub ticket: ThreadId,
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
    Stop,
}

impl Context {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Reply => b"deskgate 1 reply\0",
            Self::MessageId => b"deskgate 1 message-id\0",
            Self::Bounce => b"deskgate 1 bounce\0",
            Self::Marker => b"deskgate 1 marker\0",
            Self::Stop => b"deskgate 1 stop\0",
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

    /// The token by which a contact stops mail about an issue or a ticket: 50 characters. It never expires: an old mail's link must work.
    #[must_use]
    pub fn stop_token(&self, claims: StopClaims) -> String {
        self.seal(Context::Stop, self.head(claims.ticket, Principal::Contact(claims.contact)).to_vec())
    }

    /// What a stop token says, if it is ours.
    #[must_use]
    pub fn read_stop_token(&self, token: &str) -> Option<StopClaims> {
        let body = self.open(Context::Stop, token)?;
        match read_head(&body)? {
            (ticket, Principal::Contact(contact)) => Some(StopClaims { contact, ticket }),
            (_, Principal::Anyone | Principal::Agent(_)) => None,
        }
    }

    /// The support address with a stop token, for unsubscribing by mail; `None` when the local part would pass 64 octets.
    #[must_use]
    pub fn stop_address(&self, support: &Address, claims: StopClaims) -> Option<Address> {
        fitting(support.with_tag(&self.stop_token(claims)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys() -> Keys {
        Keys::new(3, &[1; 32])
    }

    fn principals() -> impl Strategy<Value = Principal> {
        let id = 0_u64..1 << 53;
        prop_oneof![
            Just(Principal::Anyone),
            id.clone().prop_map(|id| Principal::Contact(ContactId(id))),
            id.prop_map(|id| Principal::Agent(AgentId(id))),
        ]
    }

    proptest! {
        #[test]
        fn eml_34_what_we_sign_we_read(thread in 0_u64..1 << 53, principal in principals(), delivery in 0_u64..1 << 53) {
            let (thread, delivery) = (ThreadId(thread), DeliveryId(delivery));
            let claims = MessageIdClaims { thread, principal, delivery };
            let id = keys().message_id(claims, "example.com");
            prop_assert_eq!(keys().read_message_id(&id), Some(claims));
            let reply = ReplyClaims { thread, principal };
            prop_assert_eq!(keys().read_reply_token(&keys().reply_token(reply)), Some(reply));
            prop_assert_eq!(keys().read_bounce_token(&keys().bounce_token(delivery)), Some(delivery));
            prop_assert_eq!(keys().read_marker(&keys().marker(delivery)), Some(delivery));
        }

        #[test]
        fn eml_34_one_changed_character_makes_it_nothing(place in 0_usize..50, letter in "[a-z2-7]") {
            let token = keys().reply_token(ReplyClaims { thread: ThreadId(5), principal: Principal::Agent(AgentId(6)) });
            let mut changed = token.clone();
            changed.replace_range(place..=place, &letter);
            prop_assert_eq!(keys().read_reply_token(&changed).is_some(), changed == token);
        }

        #[test]
        fn eml_34_nothing_from_outside_verifies(text in any::<String>(), token in "[a-z2-7]{0,70}") {
            for text in [text, token] {
                prop_assert_eq!(keys().read_reply_token(&text), None);
                prop_assert_eq!(keys().read_bounce_token(&text), None);
                prop_assert_eq!(keys().read_marker(&text), None);
            }
        }
    }

    #[test]
    fn eml_34_truncated_and_lengthened_tokens_are_nothing() {
        let token = keys().reply_token(ReplyClaims { thread: ThreadId(5), principal: Principal::Anyone });
        assert_eq!(token.len(), 50);
        for bad in [token.get(..48).unwrap(), token.get(..24).unwrap(), &format!("{token}aa"), "", " "] {
            assert_eq!(keys().read_reply_token(bad), None, "{bad}");
        }
        assert!(keys().read_reply_token(&token.to_uppercase()).is_some(), "servers may fold the case");
    }

    #[test]
    fn eml_34_one_kind_of_token_is_no_other() {
        let delivery = DeliveryId(9);
        assert_eq!(keys().read_marker(&keys().bounce_token(delivery)), None);
        assert_eq!(keys().read_bounce_token(&keys().marker(delivery)), None);
    }

    #[test]
    fn eml_34_old_keys_verify_and_unknown_ones_do_not() {
        let claims = ReplyClaims { thread: ThreadId(5), principal: Principal::Anyone };
        let old = keys().reply_token(claims);
        let rotated = Keys::new(4, &[2; 32]).with_old(3, &[1; 32]);
        assert_eq!(rotated.read_reply_token(&old), Some(claims));
        assert_ne!(rotated.reply_token(claims), old);
        assert_eq!(Keys::new(4, &[2; 32]).read_reply_token(&old), None);
        assert_eq!(Keys::new(3, &[9; 32]).read_reply_token(&old), None);
    }

    #[test]
    fn eml_60_addresses_with_tokens_stay_within_64_octets() {
        let claims = ReplyClaims { thread: ThreadId(u64::MAX >> 11), principal: Principal::Anyone };
        let fits = Address::parse("customer.care@example.com").unwrap();
        let address = keys().reply_address(&fits, claims).unwrap();
        assert_eq!(Address::parse(&address.to_string()), Some(address.clone()));
        assert_eq!(keys().read_reply_token(address.without_tag().1.unwrap()), Some(claims));
        let long = Address::parse("customer.care.1@example.com").unwrap();
        assert_eq!(keys().reply_address(&long, claims), None);
    }

    #[test]
    fn keys_do_not_show_in_debug() {
        assert_eq!(format!("{:?}", keys()), "Keys { current: 3, ids: [3] }");
    }
}
