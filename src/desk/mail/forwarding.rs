//! Whether mail to a support address comes back to this desk: proven by a probe mail (EML-10).
//!
//! The probe carries our marker, signed, with an id that is kept for the address it was sent to. When it comes in by any
//! door, the address counts as forwarding from then on, until the next probe is sent and does not come.
//!
//! **Invariant:** only a mail with our MAC and the id of the newest probe proves anything; it becomes no part and is
//! answered by nobody.

use crate::desk::Desk;
use crate::desk::Inner;
use crate::desk::Result;
use crate::desk::access::require;
use crate::desk::mail::outbox::OutgoingMail;
use crate::desk::thread::draft::missing;
use crate::domain::address::Address;
use crate::domain::agent::Caller;
use crate::domain::agent::Scope;
use crate::domain::id::DeliveryId;
use crate::domain::id::Millis;
use crate::mail::compose::Automatic;
use crate::mail::compose::Outgoing;
use crate::mail::compose::compose;
use crate::mail::message::Message;
use crate::mail::message::NamedAddress;
use crate::mail::message::msg_id::MsgId;
use crate::mail::message_id::MARKER_FIELD;
use crate::store;
use crate::store::engine::ReadTx;
use crate::store::engine::WriteTx;

/// Beginning of the name under which a probe is kept.
const PROBE: &str = "probe:";

/// What is known of the way mail takes to a support address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarding {
    /// The address.
    pub address: Address,
    /// When the newest probe was sent; `None` if none ever was.
    pub probed_at: Option<Millis>,
    /// When it came back.
    pub proven_at: Option<Millis>,
}

/// The newest probe of an address: id, when it was sent, when it came back (0: not yet), eight bytes each.
#[derive(Clone, Copy, Debug)]
struct Probe {
    id: u64,
    sent_at: u64,
    back_at: u64,
}

impl Probe {
    fn read(tx: &dyn ReadTx, address: &Address) -> store::Result<Option<Self>> {
        let kept = store::meta::secret(tx, &format!("{PROBE}{address}"))?.unwrap_or_default();
        let mut numbers = kept.chunks_exact(8).filter_map(|chunk| chunk.try_into().ok().map(u64::from_be_bytes));
        let all = (numbers.next(), numbers.next(), numbers.next());
        let (Some(id), Some(sent_at), Some(back_at)) = all else { return Ok(None) };
        Ok(Some(Self { id, sent_at, back_at }))
    }

    fn write(self, tx: &mut dyn WriteTx, address: &Address) -> store::Result<()> {
        let bytes = [self.id, self.sent_at, self.back_at].map(u64::to_be_bytes).concat();
        store::meta::put_secret(tx, &format!("{PROBE}{address}"), &bytes)
    }
}

impl Desk {
    /// Every support address with what its probe showed. Scope `settings`; `None` for the operator.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn forwarding(&self, caller: Option<&Caller>) -> Result<Vec<Forwarding>> {
        caller.map_or(Ok(()), |caller| require(caller, &[Scope::Settings]))?;
        Ok(self.inner.store.view(|tx| {
            let known = self.inner.settings.support.iter().map(|support| {
                let probe = Probe::read(tx, &support.address)?;
                Ok(Forwarding {
                    address: support.address.clone(),
                    probed_at: probe.map(|probe| Millis(probe.sent_at)),
                    proven_at: probe.map(|probe| Millis(probe.back_at)).filter(|at| at.0 > 0),
                })
            });
            known.collect::<store::Result<_>>()
        })?)
    }

    /// A probe mail to a support address, to be sent by its relay; what an earlier one showed is forgotten. Scope
    /// `settings`; `None` for the operator.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound` for an address that is none of ours.
    pub async fn forwarding_probe(&self, caller: Option<&Caller>, address: &Address) -> Result<OutgoingMail> {
        caller.map_or(Ok(()), |caller| require(caller, &[Scope::Settings]))?;
        if !self.inner.is_support_address(address) {
            return Err(missing("support address").into());
        }
        let (to, now, id) = (address.clone(), self.inner.clock.now(), self.inner.clock.next_id());
        let mail = self.inner.probe_mail(&to, DeliveryId(id), now)?;
        let kept = self.inner.store.update(move |tx| Probe { id, sent_at: now.0, back_at: 0 }.write(tx, &to));
        kept.await?;
        Ok(mail)
    }
}

impl Inner {
    fn probe_mail(&self, to: &Address, id: DeliveryId, now: Millis) -> Result<OutgoingMail> {
        let from = &self.settings.main_address.address;
        let message_id = format!("probe.{id}@{}", from.domain());
        let mail = Outgoing {
            from: NamedAddress { name: self.settings.workspace_name.clone(), address: from.clone() },
            reply_to: None,
            to: vec![NamedAddress { name: String::new(), address: to.clone() }],
            cc: Vec::new(),
            subject: format!("Deskgate: probe of {to}"),
            message_id: MsgId::parse(&message_id).unwrap_or_default(),
            in_reply_to: None,
            references: Vec::new(),
            date: now,
            text: format!("Mail to {to} is to come back to the desk that sent this. Nobody needs to answer.\n"),
            html: None,
            automatic: Automatic::Generated,
            list_unsubscribe: None,
            marker: self.keys.marker(id),
            files: Vec::new(),
        };
        let bytes = compose(&mail).map_err(|error| store::Error::Engine(error.to_string()))?;
        Ok(OutgoingMail { delivery: id, reverse_path: from.clone(), recipient: to.clone(), message_id, bytes })
    }

    /// Notes that a mail of ours came back, where it is the newest probe of an address.
    pub(crate) fn probe_came_back(&self, tx: &mut dyn WriteTx, message: &Message, now: Millis) -> store::Result<()> {
        let field = MARKER_FIELD.to_ascii_lowercase();
        let Some(id) = message.field(&field).and_then(|marker| self.keys.read_marker(marker)) else { return Ok(()) };
        for support in &self.settings.support {
            let probe = Probe::read(&*tx, &support.address)?;
            if let Some(probe) = probe.filter(|probe| probe.id == id.0 && probe.back_at == 0) {
                return Probe { back_at: now.0.max(1), ..probe }.write(tx, &support.address);
            }
        }
        Ok(())
    }
}
