//! What commands ask of the house, and its answers; the same code in the daemon and in a command that opens the store.
//!
//! On the wire (`DATA/run/control.sock`): the command sends a [`Request`] as one JSON line, followed by the octets of a
//! mail where it says so; the daemon answers with lines of [`Line`], the last being `answer` or `failure`. A connection
//! may ask again after that.
//!
//! **Invariant:** only the owner of the data directory and root are answered; lines and mails have limits. Every act is
//! an operation of the desk or of the store as a whole.

pub(crate) mod act;
pub(crate) mod answer;
pub(crate) mod request;
pub(crate) mod server;
pub(crate) mod wire;

use crate::channel::imap::OnDemand;
use crate::channel::smtp_out::ProbeRelays;
use crate::daemon::counted_door::CountedDoor;
use crate::daemon::open::House;
use crate::desk::Desk;
use crate::http::ops::health::Health;
use crate::store::Store;
use crate::store::blobs::Blobs;
use std::path::PathBuf;

/// What acts work on.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    pub(crate) desk: Desk,
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) data_dir: PathBuf,
    pub(crate) door: CountedDoor,
    /// Of the daemon; `None` in a command that opened the store itself.
    pub(crate) health: Option<Health>,
    /// Where mails are fetched from that were too large to be taken in.
    pub(crate) large_mail: OnDemand,
    pub(crate) probe_relays: ProbeRelays,
}

impl Control {
    /// In the daemon.
    pub(crate) fn of_daemon(house: &House, health: Health, outside: (OnDemand, ProbeRelays)) -> Self {
        let door = CountedDoor { desk: house.desk.clone(), health: health.clone() };
        Self { health: Some(health), door, ..Self::local(house, outside) }
    }

    /// In a command.
    pub(crate) fn local(house: &House, outside: (OnDemand, ProbeRelays)) -> Self {
        let (large_mail, probe_relays) = outside;
        Self {
            desk: house.desk.clone(),
            store: house.store.clone(),
            blobs: house.blobs.clone(),
            data_dir: house.data_dir.path().to_owned(),
            door: CountedDoor { desk: house.desk.clone(), health: Health::new() },
            health: None,
            large_mail,
            probe_relays,
        }
    }
}
