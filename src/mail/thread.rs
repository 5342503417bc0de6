//! By which ids a mail joins a thread (EML-30, EML-31, EML-37).
//!
//! **Invariant:** only collects and verifies; which thread wins is the desk's to say. No subject, no name, no address of a
//! person ever threads here (P8).

use crate::domain::address::Address;
use crate::domain::id::DeliveryId;
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
    /// Deliveries named by bounce tokens in recipient addresses, verified (EML-22).
    pub bounced: Vec<DeliveryId>,
    /// Something looked like a token or an id of ours and did not verify: logged, else as if absent (EML-34).
    pub forged: bool,
}

impl Candidates {
    /// Every id to index for the thread the mail ends in (EML-31); bounded.
    pub fn all_ids(&self) -> impl Iterator<Item = &MsgId> {
        std::iter::once(&self.own_id).chain(&self.other_ids).chain(&self.in_reply_to).chain(&self.references)
    }
}

/// Plus-tags looked at in one mail.
const TAGS_MAX: usize = 200;
/// Characters of our tokens: reply token, bounce token, Message-ID; only to tell a broken one from a stranger's tag.
const TOKEN_CHARS: [usize; 3] = [50, 39, 61];

/// Collects the candidates of `message`; `recipients` are those of the envelope.
#[must_use]
pub fn candidates(message: &Message, recipients: &[Address], keys: &Keys) -> Candidates {
    let mut found = Candidates {
        in_reply_to: message.in_reply_to.clone(),
        references: message.references.iter().rev().cloned().collect(),
        own_id: message.message_id.clone(),
        other_ids: message.other_ids.clone(),
        ..Candidates::default()
    };
    for address in addresses(message, recipients).take(TAGS_MAX) {
        if let (_, Some(tag)) = address.without_tag() {
            found.add_tag(tag, keys);
        }
    }
    for id in found.in_reply_to.iter().chain(&found.references) {
        match keys.read_message_id(id) {
            Some(claims) if !found.ours.contains(&claims) => found.ours.push(claims),
            Some(_) => {}
            None => found.forged |= looks_like_ours(id.left()),
        }
    }
    found
}

/// Everybody the mail was addressed to, by envelope first (EML-10, EML-30).
fn addresses<'a>(message: &'a Message, recipients: &'a [Address]) -> impl Iterator<Item = &'a Address> {
    let people = message.to.iter().chain(&message.cc).chain(&message.resent_to);
    recipients.iter().chain(&message.envelope_to).chain(people.map(|person| &person.address))
}

impl Candidates {
    fn add_tag(&mut self, tag: &str, keys: &Keys) {
        if let Some(claims) = keys.read_reply_token(tag) {
            if !self.tokens.contains(&claims) {
                self.tokens.push(claims);
            }
        } else if let Some(delivery) = keys.read_bounce_token(tag) {
            if !self.bounced.contains(&delivery) {
                self.bounced.push(delivery);
            }
        } else {
            self.forged |= looks_like_ours(tag);
        }
    }
}

fn looks_like_ours(token: &str) -> bool {
    TOKEN_CHARS.contains(&token.len()) && token.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'2'..=b'7'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ContactId;
    use crate::domain::id::ThreadId;
    use crate::mail::message::read;
    use crate::mail::message_id::Principal;

    const THREAD: ThreadId = ThreadId(80_412);

    fn keys() -> Keys {
        Keys::new(1, &[7; 32])
    }

    fn reply_claims() -> ReplyClaims {
        ReplyClaims { thread: THREAD, principal: Principal::Contact(ContactId(5)) }
    }

    fn ours() -> MsgId {
        let claims = MessageIdClaims { thread: THREAD, principal: Principal::Anyone, delivery: DeliveryId(9) };
        keys().message_id(claims, "example.com")
    }

    fn support() -> Address {
        Address::parse("support@example.com").unwrap()
    }

    #[test]
    fn eml_30_tokens_are_found_in_every_recipient_header_and_the_envelope() {
        let tagged = keys().reply_address(&support(), reply_claims()).unwrap();
        for raw in [
            format!("To: {tagged}\n\nx"),
            format!("Cc: a@b.c, Us <{tagged}>\n\nx"),
            format!("Delivered-To: {tagged}\n\nx"),
        ] {
            assert_eq!(candidates(&read(raw.as_bytes()), &[], &keys()).tokens, [reply_claims()], "{raw}");
        }
        assert_eq!(candidates(&read(b"To: a@b.c\n\nx"), &[tagged], &keys()).tokens, [reply_claims()]);
    }

    #[test]
    fn eml_30_our_ids_come_before_foreign_ones_and_newest_first() {
        let raw = format!("In-Reply-To: <p@x>\nReferences: <a@x> {} <b@x>\nMessage-ID: <m@x>\n\nx", ours());
        let found = candidates(&read(raw.as_bytes()), &[], &keys());
        assert_eq!(found.ours.iter().map(|claims| claims.thread).collect::<Vec<_>>(), [THREAD]);
        assert_eq!(found.in_reply_to, [MsgId::parse("p@x").unwrap()]);
        assert_eq!(found.references, [MsgId::parse("b@x").unwrap(), ours(), MsgId::parse("a@x").unwrap()]);
        let all: Vec<_> = found.all_ids().map(|id| id.as_str().to_owned()).collect();
        assert_eq!(all, ["m@x", "p@x", "b@x", ours().as_str(), "a@x"]);
    }

    #[test]
    fn eml_34_a_forged_token_or_id_is_as_if_absent() {
        let strangers = Keys::new(1, &[8; 32]);
        let tagged = strangers.reply_address(&support(), reply_claims()).unwrap();
        let found = candidates(&read(format!("To: {tagged}\nReferences: {}\n\nx", ours()).as_bytes()), &[], &strangers);
        assert_eq!(found.tokens, [reply_claims()]);
        assert!(found.ours.is_empty() && found.forged);
        let found = candidates(&read(format!("To: {tagged}\n\nx").as_bytes()), &[], &keys());
        assert!(found.tokens.is_empty() && found.forged);
        let found = candidates(&read(b"To: support+newsletter@example.com\n\nx"), &[], &keys());
        assert!(found.tokens.is_empty() && !found.forged);
    }

    #[test]
    fn eml_22_a_bounce_names_its_delivery() {
        let bounces = Address::parse("bounce@example.com").unwrap();
        let to = keys().bounce_address(&bounces, DeliveryId(77)).unwrap();
        assert_eq!(candidates(&read(b"To: x\n\nx"), &[to], &keys()).bounced, [DeliveryId(77)]);
    }
}
