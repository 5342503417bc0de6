//! The desk's own operations under load: mail in, words by messenger and console, tickets, links, broadcasts, the outbox.
//!
//! Every step is drawn by seed from what was acknowledged before it; what it is told goes into the [`Book`], and the audit
//! holds the store against that.

mod audit;
mod book;
mod image;
mod mail_in;
mod outbox;
mod talk;
mod tickets;

pub use crate::desk_workload::image::Image;
pub use crate::desk_workload::image::SUPPORT;
pub use crate::desk_workload::image::address;
pub use crate::desk_workload::image::desk;

use crate::desk_workload::book::Book;
use crate::desk_workload::book::Known;
use crate::disk::Rng;
use crate::workload::Stop;
use crate::workload::Workload;
use deskgate::desk;
use deskgate::desk::Desk;
use deskgate::desk::mail::arrival::NotAccepted;
use deskgate::domain::id::Millis;
use deskgate::store::Store;
use std::collections::BTreeMap;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;

/// Steps of these kinds, by how likely they are in a hundred.
const STEPS: [(Step, u64); 14] = [
    (Step::MailIn, 22),
    (Step::Post, 10),
    (Step::AgentComment, 10),
    (Step::Note, 6),
    (Step::Convert, 4),
    (Step::BackOffice, 6),
    (Step::Link, 4),
    (Step::State, 7),
    (Step::StartBroadcast, 5),
    (Step::Batches, 6),
    (Step::Outbox, 12),
    (Step::Seen, 3),
    (Step::Together, 4),
    (Step::Sweep, 1),
];

#[derive(Clone, Copy, Debug)]
enum Step {
    MailIn,
    Post,
    AgentComment,
    Note,
    Convert,
    BackOffice,
    Link,
    State,
    StartBroadcast,
    Batches,
    Outbox,
    Seen,
    Together,
    Sweep,
}

/// A desk under load.
pub struct DeskWorkload {
    image: &'static Image,
    /// Blobs and reading marks; whole files, which outlive every crash.
    files: TempDir,
    seed: u64,
    rng: Rng,
    now: Millis,
    /// Takes the kinds of steps in turn instead of drawing them; the next one's place.
    script: Option<usize>,
    pub book: Book,
}

/// A desk's process.
pub struct Life {
    runtime: Runtime,
    pub store: Store,
    pub desk: Desk,
}

impl Drop for Life {
    fn drop(&mut self) {
        // The writer's thread ends here, so that nothing touches the disk once it has power again.
        self.store.close();
    }
}

impl DeskWorkload {
    pub fn new(seed: u64) -> Self {
        let image = Image::get();
        let known = |(thread, contact, address): &(_, _, String)| Known {
            thread: *thread,
            address: address.clone(),
            contact: Some(*contact),
        };
        let known = image.reports.iter().take(4).map(known).collect();
        let book = Book { known, next_uid: 1, ..Book::default() };
        Self {
            image,
            files: scratch_dir(),
            seed,
            rng: Rng::new(seed ^ 0xDE5C),
            now: image::BEGUN_AT,
            script: None,
            book,
        }
    }

    /// One that takes a thing for acknowledged when it is asked for.
    pub fn hasty(seed: u64) -> Self {
        let mut workload = Self::new(seed);
        workload.book.hasty = true;
        workload
    }

    /// One that takes every kind of step in turn.
    pub fn scripted(seed: u64) -> Self {
        Self { script: Some(0), ..Self::new(seed) }
    }

    async fn take(&mut self, step: Step, life: &Life) -> Result<(), Stop> {
        match step {
            Step::MailIn => self.mail_in(life).await,
            Step::Post => self.post(life).await,
            Step::AgentComment => self.agent_comment(life).await,
            Step::Note => self.note(life).await,
            Step::Convert => self.convert(life).await,
            Step::BackOffice => self.back_office(life).await,
            Step::Link => self.link(life).await,
            Step::State => self.change_state(life).await,
            Step::StartBroadcast => self.start_broadcast(life).await,
            Step::Batches => self.batches(life).await,
            Step::Outbox => self.outbox(life).await,
            Step::Seen => self.seen(life).await,
            Step::Together => self.together(life).await,
            Step::Sweep => self.sweep(life).await,
        }
    }

    fn draw(&mut self) -> Step {
        if let Some(next) = &mut self.script {
            let (step, _) = STEPS[*next % STEPS.len()];
            *next += 1;
            return step;
        }
        let mut at = self.rng.below(STEPS.iter().map(|(_, share)| share).sum());
        for (step, share) in STEPS {
            if at < share {
                return step;
            }
            at -= share;
        }
        Step::MailIn
    }

    /// Time goes on: mostly seconds, now and then beyond a lease, now and then beyond a doubt.
    fn wait(&mut self, life: &Life) {
        let by = match self.rng.below(10) {
            0 => Duration::from_secs(17 * 60),
            1 | 2 => Duration::from_secs(130),
            _ => Duration::from_secs(1 + self.rng.below(5)),
        };
        self.now = self.now.plus(by);
        life.desk.clock().set(self.now);
    }

    /// One batch of what is under way in the background.
    async fn batches(&mut self, life: &Life) -> Result<(), Stop> {
        if life.desk.broadcast_batch().await.map_err(stop)? {
            self.book.done("broadcast batch");
        }
        if life.desk.cross_post_batch().await.map_err(stop)? {
            self.book.done("cross-post batch");
        }
        Ok(())
    }

    async fn sweep(&mut self, life: &Life) -> Result<(), Stop> {
        life.desk.sweep().await.map_err(stop)?;
        self.book.done("sweep");
        Ok(())
    }
}

impl Workload for DeskWorkload {
    type Life = Life;

    fn begin(&mut self, store: Store) -> Result<Life, Stop> {
        let runtime = Builder::new_current_thread().build().unwrap();
        let opened = runtime.block_on(desk(store.clone(), self.files.path(), self.now));
        match opened {
            Ok(desk) => Ok(Life { runtime, store, desk }),
            Err(error) => {
                store.close();
                Err(stop(error))
            }
        }
    }

    fn step(&mut self, life: &Life) -> Result<(), Stop> {
        self.wait(life);
        let step = self.draw();
        life.runtime.block_on(self.take(step, life))
    }

    fn calm(&mut self, life: &Life) -> Result<(), Stop> {
        life.runtime.block_on(async {
            while life.desk.broadcast_batch().await.map_err(stop)? {}
            while life.desk.cross_post_batch().await.map_err(stop)? {}
            Ok(())
        })
    }

    fn audit(&self, life: &Life) -> Result<(), String> {
        audit::audit(&life.desk, &life.store, self.image, &self.book)
    }

    fn acknowledged(&self) -> &BTreeMap<&'static str, u64> {
        &self.book.acknowledged
    }
}

/// A refusal is wrong wherever it comes unexpected; other errors stand for the disk.
fn stop(error: desk::Error) -> Stop {
    match error {
        desk::Error::Refused(refusal) => Stop::Broken(format!("refused: {refusal}")),
        other => Stop::Disk(other.to_string()),
    }
}

fn stop_mail(error: NotAccepted) -> Stop {
    match error {
        NotAccepted::Policy(why) => Stop::Broken(format!("refused: {why}")),
        other => Stop::Disk(other.to_string()),
    }
}

/// Blobs are synced one by one and not what is tried here: in memory where that can be had.
fn scratch_dir() -> TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    in_memory.or_else(|_| tempfile::tempdir()).unwrap()
}
