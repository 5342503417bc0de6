//! Which of our addresses a mail is for, and which of them belong together (EML-10, EML-17, EML-36).
//!
//! Addresses belong together when they are of one brand and give their mail to the same team, or to none; under
//! [`MultiAddress::Single`](crate::domain::intake::MultiAddress) all do. A mail makes one part for each such group.

use crate::desk::Inner;
use crate::desk::agents::handing_out::team_named;
use crate::desk::mail::intake::Facts;
use crate::desk::mail::intake::reading::Reading;
use crate::domain::address::Address;
use crate::domain::id::IntakeId;
use crate::domain::id::TeamId;
use crate::domain::intake::MultiAddress;
use crate::domain::thread::Thread;
use crate::mail::message::Message;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::intake::UniqueKey;
use ring::digest;

/// Groups of our addresses that one mail may come to.
const GROUPS_MAX: usize = 10;

/// Our addresses on one mail.
#[derive(Clone, Debug, Default)]
pub(crate) struct OurAddresses {
    /// Those the envelope had, or that a header says it had; they go before the others.
    by_envelope: Vec<Address>,
    /// Those in To and Cc, in that order.
    written_to: Vec<Address>,
}

impl OurAddresses {
    pub(super) fn of(message: &Message, facts: &Facts, inner: &Inner) -> Self {
        let headers = message.to.iter().chain(&message.cc).map(|named| &named.address);
        Self {
            by_envelope: inner.ours_among(facts.recipients.iter().chain(&message.envelope_to)),
            written_to: inner.ours_among(headers),
        }
    }

    /// The support address where only one counts: by envelope evidence first, then To, then Cc (EML-10).
    pub(super) fn first(&self) -> Option<&Address> {
        self.by_envelope.first().or(self.written_to.first())
    }

    /// Those the mail was delivered for.
    fn delivered_for(&self) -> &[Address] {
        if self.by_envelope.is_empty() { &self.written_to } else { &self.by_envelope }
    }
}

impl Inner {
    /// The support addresses among these, without tags, each once.
    fn ours_among<'a>(&self, all: impl Iterator<Item = &'a Address>) -> Vec<Address> {
        let mut ours = Vec::new();
        for address in all {
            let base = address.without_tag().0;
            let exact = self.is_support_address(address).then(|| address.clone());
            let found = exact.or_else(|| self.is_support_address(&base).then_some(base));
            ours.extend(found.filter(|found| !ours.contains(found)));
        }
        ours
    }

    /// The team an address gives its mail to.
    fn team_of(&self, tx: &dyn ReadTx, address: &Address) -> store::Result<Option<TeamId>> {
        let support = self.settings.support_at(address);
        let Some(wanted) = support.and_then(|support| support.team.as_deref()) else { return Ok(None) };
        Ok(team_named(tx, wanted)?.map(|team| team.id))
    }

    /// The brand an address is of.
    fn brand_of(&self, address: &Address) -> Option<&str> {
        let support = self.settings.support_at(address);
        support.and_then(|support| support.brand.as_deref())
    }

    /// Whether two addresses belong together.
    pub(super) fn together(&self, tx: &dyn ReadTx, one: &Address, other: &Address) -> store::Result<bool> {
        let single = self.settings.intake.multi_address == MultiAddress::Single;
        let same_brand = self.brand_of(one) == self.brand_of(other);
        Ok(single || one == other || (same_brand && self.team_of(tx, one)? == self.team_of(tx, other)?))
    }

    /// Whether mail to `address` may go into a thread (EML-36).
    pub(super) fn answers(&self, tx: &dyn ReadTx, thread: &Thread, address: &Address) -> store::Result<bool> {
        self.together(tx, &self.support_address(thread).address, address)
    }

    /// The first of `among` that belongs together with `address`.
    fn beside<'a>(
        &self,
        tx: &dyn ReadTx,
        among: &'a [Address],
        address: &Address,
    ) -> store::Result<Option<&'a Address>> {
        for other in among {
            if self.together(tx, other, address)? {
                return Ok(Some(other));
            }
        }
        Ok(None)
    }

    /// Where a person's mail goes: one address for each group of addresses it came to. Who wrote to several of a group
    /// meant the first in To and Cc, whichever of them the mail took its way by (EML-17).
    pub(super) fn receivers(&self, tx: &dyn ReadTx, reading: &Reading) -> store::Result<Vec<Address>> {
        let ours = &reading.ours;
        let mut receivers: Vec<Address> = Vec::new();
        for address in ours.delivered_for() {
            if receivers.len() >= GROUPS_MAX || self.beside(tx, &receivers, address)?.is_some() {
                continue;
            }
            let was_written_to = ours.written_to.contains(address);
            let first = if was_written_to { self.beside(tx, &ours.written_to, address)? } else { None };
            receivers.push(first.unwrap_or(address).clone());
        }
        if receivers.is_empty() {
            receivers.push(reading.support.clone());
        }
        Ok(receivers)
    }

    /// The arrival that was the same mail, at this address or at one that belongs together with it (EML-15, EML-17).
    pub(super) fn same_mail(&self, tx: &dyn ReadTx, reading: &Reading) -> store::Result<Option<IntakeId>> {
        for support in &self.settings.support {
            if self.together(tx, &support.address, &reading.support)? {
                let key = content_key(&support.address, reading);
                if let Some(first) = store::intake::unique(tx, &key)? {
                    return Ok(Some(first));
                }
            }
        }
        store::intake::unique(tx, &content_key(&reading.support, reading))
    }
}

/// Message-ID, support address and content: the same mail twice (EML-15).
pub(crate) fn content_key(support: &Address, reading: &Reading) -> UniqueKey {
    let mut hashed = digest::Context::new(&digest::SHA256);
    let support = support.to_string();
    for field in [support.as_bytes(), &reading.content_hash] {
        hashed.update(&(field.len() as u64).to_be_bytes());
        hashed.update(field);
    }
    UniqueKey::content(reading.candidates.own_id.as_str(), hashed.finish().as_ref())
}
