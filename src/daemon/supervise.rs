//! Tasks that must not end: when one does, it is started again.
//!
//! **Invariant:** a panic in one task ends no other; every unexpected end is an ERROR line and a count; starts are at
//! most one a second.

use crate::clock;
use crate::http::ops::health::Health;
use std::future::Future;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// First pause before a start again; doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest pause; below the watchdog's patience.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// A task that lasted so long begins with the shortest pause again.
const LASTED: Duration = Duration::from_secs(60);

/// Starts tasks and keeps them.
#[derive(Clone, Debug)]
pub(crate) struct Supervisor {
    health: Health,
    /// Cancelled when the process is to end.
    drain: CancellationToken,
    tasks: TaskTracker,
    pause_min: Duration,
}

impl Supervisor {
    pub(crate) fn new(health: Health, drain: CancellationToken) -> Self {
        Self { health, drain, tasks: TaskTracker::new(), pause_min: PAUSE_MIN }
    }

    /// Starts `make()` and starts it again whenever it ends before the drain.
    pub(crate) fn keep<F, Fut>(&self, name: &str, make: F)
    where
        F: Fn() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (name, health, drain) = (name.to_owned(), self.health.clone(), self.drain.clone());
        let pause_min = self.pause_min;
        self.tasks.spawn(async move {
            let mut pause = pause_min;
            loop {
                let began_at = clock::instant();
                let ended = tokio::spawn(make()).await;
                if drain.is_cancelled() {
                    return;
                }
                let why = ended.map_or_else(|error| error.to_string(), |()| "ended".to_owned());
                pause = if began_at.elapsed() >= LASTED { pause_min } else { pause };
                health.restarted(&name);
                tracing::error!(
                    task = name,
                    why,
                    pause_s = pause.as_secs(),
                    "task ended unexpectedly; it is started again"
                );
                tokio::select! {
                    () = drain.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = pause.saturating_mul(2).min(PAUSE_MAX);
            }
        });
    }

    /// Waits until every task has ended, after the drain began; `false` when `limit` passed before.
    pub(crate) async fn ended(&self, limit: Duration) -> bool {
        self.tasks.close();
        tokio::time::timeout(limit, self.tasks.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn a_task_that_panics_or_ends_is_started_again() {
        let (health, drain) = (Health::new(), CancellationToken::new());
        let mut supervisor = Supervisor::new(health.clone(), drain.clone());
        supervisor.pause_min = Duration::from_millis(1);
        let starts = Arc::new(AtomicU32::new(0));
        let (told, mut third) = mpsc::channel(1);
        let waits = drain.clone();
        supervisor.keep("t", move || {
            let (start, told, waits) = (starts.fetch_add(1, Ordering::SeqCst), told.clone(), waits.clone());
            async move {
                match start {
                    0 => panic!("first"),
                    1 => {}
                    _ => {
                        told.send(()).await.unwrap();
                        waits.cancelled().await;
                    }
                }
            }
        });
        third.recv().await.unwrap();
        assert_eq!(health.restarts().get("t"), Some(&2));
        drain.cancel();
        assert!(supervisor.ended(Duration::from_secs(1)).await);
    }
}
