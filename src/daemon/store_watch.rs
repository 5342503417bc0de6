//! Looks after the store: does the writer answer, does the disk write, is there space?
//!
//! The writer is asked with an empty change, which costs no commit; the disk with a real one when nobody else committed
//! for a while. A store that stays faulty ends the process (exit 1), so that a restart opens it anew; a full disk does
//! not, since it recovers by itself (P4, OPS-8).

use crate::clock;
use crate::desk;
use crate::desk::Desk;
use crate::http::ops::health::Health;
use crate::http::ops::health::StoreCondition;
use crate::store;
use crate::store::Store;
use crate::store::durable::free_bytes;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// With no commit by anybody for so long, one is made.
const WRITE_EVERY: Duration = Duration::from_secs(60);
/// Longest wait for the writer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A store that is faulty for so long ends the process.
const HEALS_WITHIN: Duration = Duration::from_secs(60);
/// Less free space than this is none, also where no reserve is configured: a mail and its commit would not fit.
const FREE_BYTES_MIN: u64 = 1 << 20;

/// What it needs.
#[derive(Clone, Debug)]
pub(crate) struct StoreWatch {
    pub(crate) store: Store,
    pub(crate) desk: Desk,
    pub(crate) health: Health,
    pub(crate) data_dir: PathBuf,
    pub(crate) reserve_bytes: u64,
    pub(crate) drain: CancellationToken,
    /// Cancelled when the process has to end.
    pub(crate) fatal: CancellationToken,
}

/// Watches until the drain.
pub(crate) async fn watch(watch: StoreWatch) {
    let mut faulty_since: Option<Instant> = None;
    let mut last_write = (watch.store.stats().engine.commits, clock::instant());
    while !watch.drain.is_cancelled() {
        let commits = watch.store.stats().engine.commits;
        if commits != last_write.0 {
            last_write = (commits, clock::instant());
        }
        let write = watch.health.store() != StoreCondition::Sound || last_write.1.elapsed() >= WRITE_EVERY;
        let condition = watch.look(write).await;
        if !matches!(condition, StoreCondition::Faulty(_)) {
            faulty_since = None;
        } else if faulty_since.get_or_insert_with(clock::instant).elapsed() >= HEALS_WITHIN {
            tracing::error!("the store did not heal; the process ends");
            watch.fatal.cancel();
        }
        report(&watch.health, condition);
        tokio::select! {
            () = watch.drain.cancelled() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

impl StoreWatch {
    async fn look(&self, write: bool) -> StoreCondition {
        match tokio::time::timeout(ANSWER_WITHIN, self.ask(write)).await {
            Err(_) => StoreCondition::Faulty(format!("no answer within {} s", ANSWER_WITHIN.as_secs())),
            Ok(answer) => {
                // Any answer is progress of the writer; only silence is the watchdog's matter.
                self.health.beat("store writer");
                match answer {
                    Err(condition) => condition,
                    Ok(()) if self.is_full() => StoreCondition::Full,
                    Ok(()) => StoreCondition::Sound,
                }
            }
        }
    }

    async fn ask(&self, write: bool) -> Result<(), StoreCondition> {
        if write {
            self.desk.probe_write().await.map_err(|error| match error {
                desk::Error::Full => StoreCondition::Full,
                other => StoreCondition::Faulty(other.to_string()),
            })
        } else {
            self.store.update(|_| Ok(())).await.map_err(|error| match error {
                store::Error::Full => StoreCondition::Full,
                other => StoreCondition::Faulty(other.to_string()),
            })
        }
    }

    fn is_full(&self) -> bool {
        free_bytes(&self.data_dir).is_ok_and(|free| free < self.reserve_bytes.max(FREE_BYTES_MIN))
    }
}

fn report(health: &Health, condition: StoreCondition) {
    if !health.store_is(condition.clone()) {
        return;
    }
    match condition {
        StoreCondition::Sound => tracing::info!("the store takes commits again"),
        StoreCondition::Full => tracing::error!("out of storage space: nothing is taken in until there is some"),
        StoreCondition::Faulty(why) => tracing::error!(why, "the store is faulty"),
    }
}
