//! Stored form of what a part that came by email tells beside its text.

use crate::domain::attachment::BlobHash;
use crate::domain::authentication::AuthResult;
use crate::domain::authentication::Authentication;
use crate::domain::delivery_class::DeliveryClass;
use crate::domain::id::DeliveryId;
use crate::domain::part::AddressField;
use crate::domain::part::BounceFacts;
use crate::domain::part::EmailFacts;
use crate::domain::part::PlacedBy;
use crate::store::record::Restored;
use crate::store::record::code::Code;
use serde::Deserialize;
use serde::Serialize;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredEmailFacts {
    raw: Option<[u8; 32]>,
    message_id: String,
    subject: Option<String>,
    addresses: Vec<(u8, Option<String>, String)>,
    quoted: String,
    class: u8,
    class_reason: String,
    placed_by: u8,
    faults: Vec<String>,
    bounce: Option<StoredBounceFacts>,
    may_answer_automatically: bool,
    authentication: Option<StoredAuthentication>,
}

#[derive(Serialize, Deserialize)]
struct StoredAuthentication {
    spf: u8,
    dkim: u8,
    dmarc: u8,
    arc: u8,
    source: String,
    from_verified: bool,
}

#[derive(Serialize, Deserialize)]
struct StoredBounceFacts {
    status: Option<String>,
    smtp_reply: Option<String>,
    recipient: Option<String>,
    hard: bool,
    reason: Option<String>,
    delivery: Option<u64>,
}

impl From<&EmailFacts> for StoredEmailFacts {
    fn from(facts: &EmailFacts) -> Self {
        let addresses = facts.addresses.iter();
        Self {
            raw: facts.raw.map(|blob| blob.0),
            message_id: facts.message_id.clone(),
            subject: facts.subject.clone(),
            addresses: addresses.map(|(field, name, text)| (field.code(), name.clone(), text.clone())).collect(),
            quoted: facts.quoted.clone(),
            class: facts.class.code(),
            class_reason: facts.class_reason.clone(),
            placed_by: facts.placed_by.code(),
            faults: facts.faults.clone(),
            bounce: facts.bounce.as_ref().map(StoredBounceFacts::from),
            may_answer_automatically: facts.may_answer_automatically,
            authentication: facts.authentication.as_ref().map(StoredAuthentication::from),
        }
    }
}

impl From<&Authentication> for StoredAuthentication {
    fn from(found: &Authentication) -> Self {
        Self {
            spf: found.spf.code(),
            dkim: found.dkim.code(),
            dmarc: found.dmarc.code(),
            arc: found.arc.code(),
            source: found.source.clone(),
            from_verified: found.from_verified,
        }
    }
}

impl StoredAuthentication {
    fn restore(self) -> Restored<Authentication> {
        Ok(Authentication {
            spf: AuthResult::of(self.spf)?,
            dkim: AuthResult::of(self.dkim)?,
            dmarc: AuthResult::of(self.dmarc)?,
            arc: AuthResult::of(self.arc)?,
            source: self.source,
            from_verified: self.from_verified,
        })
    }
}

impl From<&BounceFacts> for StoredBounceFacts {
    fn from(facts: &BounceFacts) -> Self {
        Self {
            status: facts.status.clone(),
            smtp_reply: facts.smtp_reply.clone(),
            recipient: facts.recipient.clone(),
            hard: facts.hard,
            reason: facts.reason.clone(),
            delivery: facts.delivery.map(|id| id.0),
        }
    }
}

impl From<StoredBounceFacts> for BounceFacts {
    fn from(stored: StoredBounceFacts) -> Self {
        Self {
            status: stored.status,
            smtp_reply: stored.smtp_reply,
            recipient: stored.recipient,
            hard: stored.hard,
            reason: stored.reason,
            delivery: stored.delivery.map(DeliveryId),
        }
    }
}

impl StoredEmailFacts {
    pub(crate) fn restore(self) -> Restored<EmailFacts> {
        let address = |(field, name, text)| Ok((AddressField::of(field)?, name, text));
        Ok(EmailFacts {
            raw: self.raw.map(BlobHash),
            message_id: self.message_id,
            subject: self.subject,
            addresses: self.addresses.into_iter().map(address).collect::<Restored<_>>()?,
            quoted: self.quoted,
            class: DeliveryClass::of(self.class)?,
            class_reason: self.class_reason,
            placed_by: PlacedBy::of(self.placed_by)?,
            faults: self.faults,
            bounce: self.bounce.map(BounceFacts::from),
            may_answer_automatically: self.may_answer_automatically,
            authentication: self.authentication.map(StoredAuthentication::restore).transpose()?,
        })
    }
}
