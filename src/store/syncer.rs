//! A thread on which blobs become durable while the commit that names them is written.
//!
//! **Invariant:** it only begins early what the commit waits for: were it never to run, the commit would do all of it
//! by itself.

use crate::store::blobs::Pending;
use crate::store::engine::Before;
use std::io;
use std::thread;
use tokio::sync::mpsc;

/// Where to hand blobs to it. It ends with the last of these.
#[derive(Debug)]
pub(crate) struct Syncer(mpsc::UnboundedSender<Pending>);

impl Syncer {
    pub(crate) fn start() -> io::Result<Self> {
        let (begun, mut to_do) = mpsc::unbounded_channel::<Pending>();
        let named = thread::Builder::new().name("store-syncer".to_owned());
        // Whoever waits for a blob that cannot be made durable is told so there.
        named.spawn(move || {
            while let Some(blob) = to_do.blocking_recv() {
                drop(blob.make_durable());
            }
        })?;
        Ok(Self(begun))
    }

    /// Begins to make blobs durable: what the commit that names them waits for.
    pub(crate) fn begin<'a>(&self, blobs: impl Iterator<Item = &'a Pending>) -> Before {
        let blobs: Vec<Pending> = blobs.filter(|blob| !blob.is_durable()).cloned().collect();
        // The first one's sync is that of all who wait by now. A thread that ended is no reason to wait.
        drop(self.0.send(blobs.first()?.clone()));
        Some(Box::new(move || blobs.iter().try_for_each(Pending::make_durable)))
    }
}
