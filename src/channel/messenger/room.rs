//! The sockets of one contact and the frames they share.
//!
//! A frame is encoded when the first of the contact's sockets needs it and its bytes go to all of them. It is kept only
//! until the last one has it, and with one socket it is not kept at all.
//!
//! **Invariant:** frames are handed out in ascending `seq`, none left out between the cursor that was asked from and the
//! position that is returned.

use crate::channel::messenger::protocol::objects::FileLink;
use crate::channel::messenger::protocol::objects::For;
use crate::channel::messenger::protocol::outgoing;
use crate::channel::messenger::protocol::outgoing::People;
use crate::channel::messenger::seat::Seat;
use crate::desk;
use crate::desk::Desk;
use crate::desk::broadcasts::receipts::Told;
use crate::desk::thread::stream::StreamEntry;
use crate::domain::contact::Contact;
use crate::domain::event::EventKind;
use crate::domain::id::ContactId;
use crate::domain::id::EventSeq;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Entries read and written at a time.
const BATCH_ENTRIES_MAX: usize = 32;
/// A batch ends with the frame that makes it longer than this.
const BATCH_BYTES_MAX: usize = 128 * 1_024;
/// Frames kept for the slower sockets of the contact; behind them the store is read.
const SHARED_FRAMES_MAX: usize = 64;
/// With more sockets than this, only one look in so many asks whether the slowest has everything.
const SEATS_ASKED_EACH_TIME: usize = 16;
/// The same in bytes.
const SHARED_BYTES_MAX: usize = 256 * 1_024;

/// Frames to write, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Each one entry.
    pub(crate) frames: Vec<Utf8Bytes>,
    /// Parts of broadcasts among them.
    pub(crate) told: Vec<Told>,
    /// Everything up to here is in `frames` or not for this contact.
    pub(crate) reached: EventSeq,
    /// There is more behind it that was not read; what came later wakes by itself.
    pub(crate) more: bool,
    /// The contact may no longer be here (MSG-62).
    pub(crate) shut_out: bool,
}

/// The sockets of one contact.
#[derive(Debug)]
pub(crate) struct Room {
    contact: ContactId,
    seats: Mutex<Vec<Arc<Seat>>>,
    shared: Mutex<Shared>,
    /// The log had something for this contact up to about here.
    target: AtomicU64,
}

/// An entry's position, its frame, and the broadcast whose part it shows.
type Framed = (EventSeq, Utf8Bytes, Option<Told>);

/// Frames of the entries in `(from, to]`, without a gap.
#[derive(Debug, Default)]
struct Shared {
    from: EventSeq,
    to: EventSeq,
    frames: VecDeque<Framed>,
    bytes: usize,
    shut_out: bool,
    /// Looks since the slowest socket was asked for.
    looks: usize,
}

impl Room {
    pub(crate) fn new(contact: ContactId) -> Self {
        Self { contact, seats: Mutex::default(), shared: Mutex::default(), target: AtomicU64::new(0) }
    }

    pub(crate) fn contact(&self) -> ContactId {
        self.contact
    }

    pub(crate) fn seats(&self) -> MutexGuard<'_, Vec<Arc<Seat>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log has something for this contact at or before `seq`.
    pub(crate) fn wake(&self, seq: EventSeq) {
        self.target.fetch_max(seq.0, Ordering::AcqRel);
        for seat in self.seats().iter() {
            seat.wake.notify_one();
        }
    }

    /// Whether a socket at `cursor` has something to read.
    pub(crate) fn is_behind(&self, cursor: EventSeq) -> bool {
        cursor.0 < self.target.load(Ordering::Acquire)
    }

    /// What follows `cursor`; `None` when only a snapshot helps.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn read(
        &self,
        desk: &Desk,
        cursor: EventSeq,
        file_link: Option<&FileLink>,
        people: &People,
    ) -> desk::Result<Option<Batch>> {
        let reader = For { contact: self.contact, file_link, forms: &[], people };
        if self.seats().len() < 2 {
            return Ok(next_entries(desk, cursor, reader)?.map(Entries::batch));
        }
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(batch) = shared.after(cursor) {
            return Ok(Some(batch));
        }
        let Some(entries) = next_entries(desk, cursor, reader)? else {
            return Ok(None);
        };
        shared.keep(cursor, &entries);
        Ok(Some(entries.batch()))
    }

    /// Forgets shared frames that every socket has. Each socket looks after each event: in a large room only the last of
    /// as many looks as there are sockets goes through all of them, or an event would cost the square of their number.
    pub(crate) fn tidy(&self) {
        // Before the seats, since it may be held while the store is read, and the hub waits for seats.
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.frames.is_empty() {
            return;
        }
        let seats = self.seats();
        shared.looks += 1;
        if seats.len() > SEATS_ASKED_EACH_TIME && shared.looks < seats.len() {
            return;
        }
        shared.looks = 0;
        let slowest = seats.iter().map(|seat| seat.cursor()).min();
        if slowest.is_none_or(|slowest| slowest >= shared.to.0) {
            *shared = Shared::default();
        }
    }
}

impl Shared {
    /// Kept frames behind `cursor`, if there are any without a gap.
    fn after(&self, cursor: EventSeq) -> Option<Batch> {
        if cursor < self.from || cursor >= self.to {
            return None;
        }
        let newer = || self.frames.iter().filter(|(seq, ..)| *seq > cursor);
        let frames = newer().map(|(_, frame, _)| frame.clone()).collect();
        let told = newer().filter_map(|(.., told)| *told).collect();
        Some(Batch { frames, told, reached: self.to, more: false, shut_out: self.shut_out })
    }

    fn keep(&mut self, cursor: EventSeq, entries: &Entries) {
        if cursor != self.to {
            // A backlog of one socket must not push out what the others are about to read.
            if !self.frames.is_empty() {
                return;
            }
            self.from = cursor;
        }
        self.to = entries.reached;
        self.shut_out |= entries.shut_out;
        for framed in &entries.frames {
            self.bytes += framed.1.len();
            self.frames.push_back(framed.clone());
        }
        while self.frames.len() > SHARED_FRAMES_MAX || self.bytes > SHARED_BYTES_MAX {
            let Some((seq, frame, _)) = self.frames.pop_front() else { break };
            self.bytes -= frame.len();
            self.from = seq;
        }
    }
}

/// Encoded entries as they were read.
struct Entries {
    frames: Vec<Framed>,
    reached: EventSeq,
    more: bool,
    shut_out: bool,
}

impl Entries {
    fn batch(self) -> Batch {
        let told = self.frames.iter().filter_map(|(.., told)| *told).collect();
        let frames = self.frames.into_iter().map(|(_, frame, _)| frame).collect();
        Batch { frames, told, reached: self.reached, more: self.more, shut_out: self.shut_out }
    }
}

fn next_entries(desk: &Desk, cursor: EventSeq, reader: For<'_>) -> desk::Result<Option<Entries>> {
    let Some((found, complete_to)) = desk.stream_after(reader.contact, cursor, BATCH_ENTRIES_MAX)? else {
        return Ok(None);
    };
    let mut read = Entries { frames: Vec::with_capacity(found.len()), reached: cursor, more: false, shut_out: false };
    let mut bytes = 0;
    for entry in &found {
        if bytes > BATCH_BYTES_MAX {
            read.more = true;
            return Ok(Some(read));
        }
        let contact = own_record(desk, entry, reader.contact)?;
        read.shut_out |= contact.as_ref().is_some_and(|contact| contact.blocked || !contact.is_there());
        let frame = outgoing::event(entry, reader, contact.as_ref());
        bytes += frame.len();
        read.reached = entry.entry.seq;
        read.frames.push((entry.entry.seq, frame, told_by(entry)));
    }
    read.more = found.len() >= BATCH_ENTRIES_MAX;
    read.reached = complete_to.max(read.reached);
    Ok(Some(read))
}

/// The broadcast whose part the entry brings.
fn told_by(entry: &StreamEntry) -> Option<Told> {
    let part = entry.part.as_ref()?;
    Some(Told { broadcast: part.broadcast?, part: part.id })
}

fn own_record(desk: &Desk, entry: &StreamEntry, contact: ContactId) -> desk::Result<Option<Contact>> {
    match entry.entry.event.kind {
        EventKind::ContactUpdated(_) => desk.own_record(contact),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(seqs: &[u64], reached: u64) -> Entries {
        let frames = seqs.iter().map(|seq| (EventSeq(*seq), Utf8Bytes::from(format!("frame {seq}")), None)).collect();
        Entries { frames, reached: EventSeq(reached), more: false, shut_out: false }
    }

    fn texts(batch: &Batch) -> Vec<&str> {
        batch.frames.iter().map(Utf8Bytes::as_str).collect()
    }

    #[test]
    fn a_second_tab_gets_the_same_bytes_without_a_gap() {
        let mut shared = Shared::default();
        shared.keep(EventSeq(10), &entries(&[11, 14], 15));
        shared.keep(EventSeq(15), &entries(&[16], 16));
        let all = shared.after(EventSeq(10)).unwrap();
        assert_eq!(texts(&all), ["frame 11", "frame 14", "frame 16"]);
        assert_eq!(all.reached, EventSeq(16));
        assert_eq!(texts(&shared.after(EventSeq(12)).unwrap()), ["frame 14", "frame 16"]);
        assert_eq!(shared.after(EventSeq(16)), None, "nothing newer is kept");
        assert_eq!(shared.after(EventSeq(9)), None, "older than what is kept");
    }

    #[test]
    fn kept_frames_are_bounded_and_what_fell_out_is_not_skipped() {
        let mut shared = Shared::default();
        for seq in 1..=200 {
            shared.keep(EventSeq(seq - 1), &entries(&[seq], seq));
        }
        assert_eq!(shared.frames.len(), SHARED_FRAMES_MAX);
        assert_eq!(shared.after(EventSeq(100)), None);
        assert_eq!(shared.after(EventSeq(190)).unwrap().frames.len(), 10);
    }

    #[test]
    fn a_backlog_does_not_push_out_what_is_fresh() {
        let mut shared = Shared::default();
        shared.keep(EventSeq(100), &entries(&[101], 101));
        shared.keep(EventSeq(3), &entries(&[4, 5], 5));
        assert_eq!(texts(&shared.after(EventSeq(100)).unwrap()), ["frame 101"]);
    }

    #[test]
    fn a_large_room_forgets_when_the_last_one_has_looked_and_not_before() {
        let room = Room::new(ContactId(7));
        let seats: Vec<Arc<Seat>> = (0..100).map(|id| Arc::new(Seat::new(id, None, 0))).collect();
        room.seats().extend(seats.iter().cloned());
        let kept = || room.shared.lock().unwrap().frames.len();
        for round in [1, 2] {
            room.shared.lock().unwrap().keep(EventSeq(round - 1), &entries(&[round], round));
            for seat in &seats {
                assert_eq!(kept(), 1, "somebody has not read it");
                seat.set_cursor(round);
                room.tidy();
            }
            assert_eq!(kept(), 0, "everybody has it");
        }
    }
}
