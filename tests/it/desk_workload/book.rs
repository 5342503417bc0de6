//! What was attempted and acknowledged, from the outside: the words people said, the acts of agents, what the relay took.

use crate::disk::Rng;
use crate::workload::Stop;
use deskgate::domain::delivery::Delivery;
use deskgate::domain::delivery::DeliveryKind;
use deskgate::domain::delivery::Verdict;
use deskgate::domain::id::BroadcastId;
use deskgate::domain::id::ContactId;
use deskgate::domain::id::DeliveryId;
use deskgate::domain::id::PartId;
use deskgate::domain::id::StateId;
use deskgate::domain::id::ThreadId;
use std::collections::BTreeMap;

/// How something with a number of its own came to be said.
#[derive(Clone, Debug)]
pub enum Sort {
    /// A mail: its bytes, its Message-ID, the mailbox's UID if it came that way, the thread it must join.
    Mail { raw: String, message_id: String, uid: Option<u32>, joins: Option<ThreadId> },
    /// A contact's post with a `client_id`.
    Post { contact: ContactId, client_id: String, thread: Option<ThreadId> },
    /// An agent's comment.
    Comment,
    /// An agent's note, told in every linked thread or not.
    Note { cross_post: bool },
}

/// Something that was said once, whatever the number of tries; its text begins with its number.
#[derive(Clone, Debug)]
pub struct Word {
    pub sort: Sort,
    pub from: Speaker,
    pub acknowledged: bool,
    pub thread: Option<ThreadId>,
    pub part: Option<PartId>,
}

/// Who says something.
#[derive(Clone, Debug)]
pub enum Speaker {
    Customer { address: String, contact: Option<ContactId> },
    Agent,
}

/// How word `n` begins.
pub fn mark(n: usize) -> String {
    format!("w{n}.")
}

/// The number of the word a text begins with.
pub fn marked(text: &str) -> Option<usize> {
    text.trim_start().strip_prefix('w')?.split_once('.')?.0.parse().ok()
}

/// A thread of a customer's that was acknowledged.
#[derive(Clone, Debug)]
pub struct Known {
    pub thread: ThreadId,
    pub address: String,
    pub contact: Option<ContactId>,
}

/// A ticket made with a link.
#[derive(Clone, Debug)]
pub struct Made {
    pub title: String,
    pub link_to: ThreadId,
    /// The ticket, once acknowledged.
    pub thread: Option<ThreadId>,
}

/// An act that an answer can come to or not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    pub attempted: u64,
    pub acknowledged: u64,
}

/// What the relay knows of a delivery.
#[derive(Clone, Debug)]
pub struct Handed {
    pub thread: ThreadId,
    pub message_id: String,
    pub bytes: Vec<u8>,
    pub is_broadcast: bool,
    /// How often the relay took it, known to the desk or not.
    pub taken: u64,
    /// The marker before the dot was acknowledged, and nobody said since that the relay did not take it.
    pub past_dot: bool,
    /// The verdict that was acknowledged, unless it was leased again since.
    pub settled: Option<Verdict>,
}

/// Arrivals by what was acknowledged of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arrivals {
    pub attempted: u64,
    pub part: u64,
    pub duplicate: u64,
    pub own: u64,
    pub quarantined: u64,
}

#[derive(Debug, Default)]
pub struct Book {
    /// Acknowledges before it asks: the positive control.
    pub hasty: bool,
    pub words: Vec<Word>,
    pub known: Vec<Known>,
    pub arrivals: Arrivals,
    pub next_uid: u32,
    /// Back-office tickets.
    pub tickets: Vec<Made>,
    pub conversions: BTreeMap<ThreadId, Count>,
    pub links: BTreeMap<(ThreadId, ThreadId), Count>,
    /// Changes of state by ticket, with the last one that was acknowledged.
    pub states: BTreeMap<ThreadId, (Count, Option<StateId>)>,
    pub seen: BTreeMap<(ContactId, ThreadId), PartId>,
    pub broadcasts: Vec<BroadcastId>,
    pub handed: BTreeMap<DeliveryId, Handed>,
    /// Steps by kind.
    pub acknowledged: BTreeMap<&'static str, u64>,
}

impl Book {
    /// Notes something about to be said; its number.
    pub fn say(&mut self, sort: Sort, from: Speaker) -> usize {
        self.words.push(Word { sort, from, acknowledged: self.hasty, thread: None, part: None });
        self.words.len() - 1
    }

    /// Word `n` was acknowledged in this place; a repeat names the same one.
    pub fn heard(&mut self, n: usize, thread: ThreadId, part: Option<PartId>) -> Result<(), Stop> {
        let word = &mut self.words[n];
        let other_thread = word.thread.is_some_and(|known| known != thread);
        let other_part = part.is_some() && word.part.is_some_and(|known| Some(known) != part);
        if other_thread || other_part {
            return Err(Stop::Broken(format!("word {n} came to {thread} {part:?}, yet before: {word:?}")));
        }
        word.acknowledged = true;
        word.thread = Some(thread);
        word.part = word.part.or(part);
        if let Speaker::Customer { address, contact } = word.from.clone()
            && self.known.iter().all(|known| known.thread != thread)
        {
            self.known.push(Known { thread, address, contact });
        }
        Ok(())
    }

    /// Any customer's thread.
    pub fn some_thread(&self, rng: &mut Rng) -> Known {
        self.known[pick(rng, self.known.len())].clone()
    }

    /// Any Back-office ticket, or the Tracker.
    pub fn some_internal_ticket(&self, rng: &mut Rng, tracker: ThreadId) -> ThreadId {
        let made: Vec<ThreadId> = self.tickets.iter().filter_map(|made| made.thread).collect();
        if made.is_empty() || rng.below(3) == 0 { tracker } else { made[pick(rng, made.len())] }
    }

    /// A lease is right only where something can still happen.
    pub fn leased(&mut self, delivery: &Delivery) -> Result<(), Stop> {
        let Some(handed) = self.handed.get_mut(&delivery.id) else { return Ok(()) };
        let broken = |why: &str| Err(Stop::Broken(format!("{} was leased again {why}: {delivery:?}", delivery.id)));
        if handed.message_id != delivery.message_id {
            return broken("with another Message-ID");
        }
        match &handed.settled {
            Some(Verdict::Delivered { .. } | Verdict::Failed { .. } | Verdict::Skipped(_)) => {
                return broken("after its end");
            }
            Some(Verdict::Uncertain { .. }) if !delivery.uncertain_retried => return broken("without its doubt"),
            Some(Verdict::Uncertain { .. } | Verdict::Deferred { .. } | Verdict::Held | Verdict::Postponed { .. })
            | None => {}
        }
        if handed.past_dot && !delivery.uncertain_retried {
            return broken("though it was past the dot");
        }
        handed.past_dot = false;
        handed.settled = None;
        Ok(())
    }

    /// What is known of a delivery that is about to be tried.
    pub fn hand(&mut self, delivery: &Delivery) -> &mut Handed {
        self.handed.entry(delivery.id).or_insert_with(|| Handed {
            thread: delivery.thread,
            message_id: delivery.message_id.clone(),
            bytes: Vec::new(),
            is_broadcast: matches!(delivery.kind, DeliveryKind::Broadcast { .. }),
            taken: 0,
            past_dot: false,
            settled: None,
        })
    }

    pub fn done(&mut self, kind: &'static str) {
        *self.acknowledged.entry(kind).or_default() += 1;
    }
}

/// A place in a list of `length`, which is not empty.
pub fn pick(rng: &mut Rng, length: usize) -> usize {
    rng.below(length as u64) as usize
}
