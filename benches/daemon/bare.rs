//! Limits of the machine: the same bytes parsed, committed and written without a desk around.

#![expect(clippy::disallowed_types, reason = "the bare engine is the limit")]

use crate::mails::Mail;
use crate::program::directory;
use deskgate::clock::instant;
use redb::Database;
use redb::TableDefinition;
use std::fs;
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("bytes");
/// As many as the store takes into one commit.
const GROUP_MAX: usize = 256;

/// Parses each mail on one thread.
pub fn parse(mails: &[Mail]) -> Duration {
    let begun = instant();
    for mail in mails {
        black_box(mail_parser::MessageParser::default().parse(mail.raw()).unwrap());
    }
    begun.elapsed()
}

/// Commits `values`, so many in each commit, two-phase with quick repair as the store does.
pub fn commit<'a>(values: impl ExactSizeIterator<Item = &'a [u8]>, in_each: usize) -> Duration {
    let database = Database::create(directory().join("bare.redb")).unwrap();
    let mut values = values.enumerate().peekable();
    let begun = instant();
    while values.peek().is_some() {
        write(&database, values.by_ref().take(in_each));
    }
    begun.elapsed()
}

fn write<'a>(database: &Database, values: impl Iterator<Item = (usize, &'a [u8])>) {
    let mut tx = database.begin_write().unwrap();
    tx.set_two_phase_commit(true);
    tx.set_quick_repair(true);
    let mut table = tx.open_table(TABLE).unwrap();
    for (key, value) in values {
        table.insert(u64::try_from(key).unwrap(), value).unwrap();
    }
    drop(table);
    tx.commit().unwrap();
}

/// A database whose one writer takes everything that waits into one commit.
pub struct Committer {
    queue: SyncSender<Job>,
    writer: JoinHandle<()>,
}

struct Job {
    key: usize,
    value: Vec<u8>,
    done: SyncSender<()>,
}

impl Committer {
    pub fn new() -> Self {
        let database = Database::create(directory().join("bare.redb")).unwrap();
        let (queue, jobs) = mpsc::sync_channel(GROUP_MAX);
        let writer = thread::spawn(move || take_groups(&database, &jobs));
        Self { queue, writer }
    }

    /// Durable when this returns.
    pub fn put(&self, key: usize, value: Vec<u8>) {
        let (done, is_done) = mpsc::sync_channel(1);
        self.queue.send(Job { key, value, done }).unwrap();
        is_done.recv().unwrap();
    }

    pub fn close(self) {
        drop(self.queue);
        self.writer.join().unwrap();
    }
}

fn take_groups(database: &Database, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        group.extend(jobs.try_iter().take(GROUP_MAX - 1));
        write(database, group.iter().map(|job| (job.key, job.value.as_slice())));
        group.iter().for_each(|job| job.done.send(()).unwrap());
    }
}

/// What `sessions` would do with a parser and an engine alone: each parses its mail, and has it when its commit is
/// durable. The compute and disk limit of intake.
pub fn parse_and_commit(mails: &[Mail], sessions: usize) -> Duration {
    let committer = Committer::new();
    let took = in_threads(sessions, mails.len(), |n| {
        black_box(mail_parser::MessageParser::default().parse(mails[n].raw()).unwrap());
        committer.put(n, mails[n].raw().to_vec());
    });
    committer.close();
    took
}

/// Each mail as a file of its own: written, synced, renamed, its directory synced; what a file per message costs.
pub fn files(mails: &[Mail], threads: usize) -> Duration {
    let dir = directory();
    let shard = |n: usize| dir.join(format!("{:02x}", n % 256));
    (0..256).for_each(|n| fs::create_dir(shard(n)).unwrap());
    File::open(&dir).unwrap().sync_all().unwrap();
    in_threads(threads, mails.len(), |n| {
        write_file(&dir.join(format!("draft{n}")), &shard(n), n, mails[n].raw());
    })
}

fn write_file(draft: &Path, shard: &Path, n: usize, content: &[u8]) {
    let mut file = File::create_new(draft).unwrap();
    file.write_all(content).unwrap();
    file.sync_all().unwrap();
    fs::rename(draft, shard.join(n.to_string())).unwrap();
    File::open(shard).unwrap().sync_all().unwrap();
}

/// Does `act` for each number below `count`, on so many threads.
fn in_threads(threads: usize, count: usize, act: impl Fn(usize) + Sync) -> Duration {
    let next = AtomicUsize::new(0);
    let begin = Barrier::new(threads + 1);
    thread::scope(|scope| {
        let work = || {
            begin.wait();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return;
                }
                act(n);
            }
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        begin.wait();
        let begun = instant();
        running.into_iter().for_each(|thread| thread.join().unwrap());
        begun.elapsed()
    })
}
