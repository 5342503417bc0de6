//! Holds a store against what was attempted and acknowledged.

use crate::desk_workload::book::Book;
use crate::desk_workload::book::Sort;
use crate::desk_workload::book::Word;
use crate::desk_workload::book::marked;
use crate::desk_workload::image::Image;
use crate::desk_workload::image::MAILBOX;
use deskgate::desk::Desk;
use deskgate::domain::attribute::TITLE;
use deskgate::domain::attribute::Value;
use deskgate::domain::broadcast::Broadcast;
use deskgate::domain::broadcast::LedgerKey;
use deskgate::domain::broadcast::Phase;
use deskgate::domain::delivery::Delivery;
use deskgate::domain::delivery::DeliveryKind;
use deskgate::domain::delivery::DeliveryState;
use deskgate::domain::delivery::Verdict;
use deskgate::domain::id::DeliveryId;
use deskgate::domain::id::PartId;
use deskgate::domain::id::ThreadId;
use deskgate::domain::intake::IntakeResult;
use deskgate::domain::intake::IntakeRow;
use deskgate::domain::ledger::LedgerEntry;
use deskgate::domain::link::Link;
use deskgate::domain::mailbox_cursor::MailboxCursor;
use deskgate::domain::part::Part;
use deskgate::domain::part::PartKind;
use deskgate::domain::thread::Thread;
use deskgate::store;
use deskgate::store::Store;
use deskgate::store::engine::ReadTx;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

const ALL: usize = usize::MAX;

type Verified = Result<(), String>;

/// Everything in the store, as of one moment.
struct Held {
    threads: BTreeMap<ThreadId, Thread>,
    parts: BTreeMap<ThreadId, Vec<Part>>,
    deliveries: BTreeMap<DeliveryId, Delivery>,
    links: Vec<Link>,
    rows: Vec<IntakeRow>,
    cursor: MailboxCursor,
    broadcasts: Vec<(Broadcast, Vec<(LedgerKey, LedgerEntry)>)>,
    /// Parts that are still being told in linked threads.
    cross_posting: BTreeSet<PartId>,
    /// Titles of tickets.
    titles: BTreeMap<ThreadId, String>,
}

pub(super) fn audit(desk: &Desk, store: &Store, image: &Image, book: &Book) -> Verified {
    let faults = desk.verify().map_err(|error| error.to_string())?;
    check(faults.is_empty(), || faults.join("; "))?;
    let held = store.view(|tx| Held::read(tx, image)).map_err(|error| error.to_string())?;
    held.words(book)?;
    posts(store, book)?;
    held.arrivals(book)?;
    held.originals(desk)?;
    held.tickets(book)?;
    held.told()?;
    held.copied(book)?;
    held.deliveries(book)?;
    held.owed()?;
    held.broadcasts(book)?;
    held.seen(book)
}

impl Held {
    fn read(tx: &dyn ReadTx, image: &Image) -> store::Result<Self> {
        let mut held = Self {
            threads: store::threads::newest(tx, None, ALL)?.into_iter().map(|thread| (thread.id, thread)).collect(),
            parts: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            links: Vec::new(),
            rows: store::intake::newest(tx, None, ALL)?,
            cursor: store::cursors::get(tx, MAILBOX)?.unwrap_or_default(),
            broadcasts: Vec::new(),
            cross_posting: store::cross_posts::running(tx, ALL)?.into_iter().map(|(part, _, _)| part).collect(),
            titles: BTreeMap::new(),
        };
        for (id, thread) in &held.threads {
            held.parts.insert(*id, store::parts::of_thread(tx, *id, 0, u64::MAX, ALL)?);
            let owed = store::outbox::of_thread(tx, *id, ALL)?;
            held.deliveries.extend(owed.into_iter().map(|delivery| (delivery.id, delivery)));
            let Some(ticket) = &thread.ticket else { continue };
            held.links.extend(store::links::of_ticket(tx, *id, None, ALL)?);
            if let Some(kind) = store::ticket_types::get(tx, ticket.type_id)?
                && let Some(Value::Text(title)) = ticket.value(&kind, TITLE)
            {
                held.titles.insert(*id, title.clone());
            }
        }
        for broadcast in store::broadcasts::of_tracker(tx, image.tracker, None, ALL)? {
            let rows = store::ledger::rows(tx, broadcast.id, None, ALL)?;
            held.broadcasts.push((broadcast, rows));
        }
        Ok(held)
    }

    fn all_parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.values().flatten()
    }

    fn parts_of(&self, thread: ThreadId) -> &[Part] {
        self.parts.get(&thread).map_or(&[], Vec::as_slice)
    }

    /// What was said and acknowledged is there once and where it was said to be; nothing is there twice.
    fn words(&self, book: &Book) -> Verified {
        let mut found: BTreeMap<usize, Vec<&Part>> = BTreeMap::new();
        for part in self.all_parts().filter(|part| part.cross_posted_from.is_none()) {
            if let Some(n) = marked(&part.body_text) {
                found.entry(n).or_default().push(part);
            }
        }
        for (n, word) in book.words.iter().enumerate() {
            let parts = found.remove(&n).unwrap_or_default();
            check(parts.len() <= 1, || format!("word {n} stands {} times: {word:?}", parts.len()))?;
            check(!word.acknowledged || parts.len() == 1, || format!("word {n} is lost: {word:?}"))?;
            let Some(part) = parts.first() else { continue };
            stands(n, word, part)?;
        }
        check(found.is_empty(), || format!("words nobody said: {:?}", found.keys()))
    }

    /// P3: what was accepted is in a part, or a duplicate, our own or in quarantine, and in the journal; each once.
    fn arrivals(&self, book: &Book) -> Verified {
        let count = |is: fn(&IntakeResult) -> bool| self.rows.iter().filter(|row| is(&row.result)).count() as u64;
        let mailed: Vec<&Part> = self.all_parts().filter(|part| part.email.is_some()).collect();
        let arrivals = &book.arrivals;
        for (name, rows, acknowledged) in [
            ("part", count(|result| matches!(result, IntakeResult::Part { .. })), arrivals.part),
            ("duplicate", count(|result| matches!(result, IntakeResult::Duplicate { .. })), arrivals.duplicate),
            ("own", count(|result| matches!(result, IntakeResult::Own)), arrivals.own),
            ("quarantined", count(|result| matches!(result, IntakeResult::Quarantined { .. })), arrivals.quarantined),
        ] {
            check(rows >= acknowledged, || format!("{rows} arrivals are '{name}', {acknowledged} were acknowledged"))?;
        }
        check(self.rows.len() as u64 <= arrivals.attempted, || format!("{} rows of {arrivals:?}", self.rows.len()))?;
        let mut by_row: BTreeMap<PartId, usize> = BTreeMap::new();
        for row in &self.rows {
            if let IntakeResult::Part { part, .. } = row.result {
                *by_row.entry(part).or_default() += 1;
            }
        }
        check(by_row.len() == mailed.len(), || format!("{} rows for {} mailed parts", by_row.len(), mailed.len()))?;
        let once = mailed.iter().all(|part| by_row.get(&part.id) == Some(&1));
        check(once, || "a mailed part has no row of its own".to_owned())?;
        for (n, word) in book.words.iter().enumerate() {
            let Sort::Mail { uid: Some(uid), .. } = word.sort else { continue };
            check(word.thread.is_none() || self.cursor.has(uid), || format!("the cursor is not past mail {n}"))?;
        }
        Ok(())
    }

    /// P5: the raw message of every mail is what came in; one of them is looked at each time.
    fn originals(&self, desk: &Desk) -> Verified {
        let Some(part) = self.all_parts().filter(|part| part.email.is_some()).last() else { return Ok(()) };
        let raw = desk.raw_of_part(part.id).map_err(|error| format!("raw of {}: {error}", part.id))?;
        let said = part.body_text.split_whitespace().next().unwrap_or_default();
        check(String::from_utf8_lossy(&raw).contains(said), || format!("raw of {} is another mail", part.id))
    }

    fn tickets(&self, book: &Book) -> Verified {
        for made in &book.tickets {
            let there: Vec<_> =
                self.titles.iter().filter(|(_, title)| **title == made.title).map(|(id, _)| *id).collect();
            check(there.len() <= 1, || format!("ticket {} is there {} times", made.title, there.len()))?;
            check(made.thread.is_none() || there.first().copied() == made.thread, || format!("lost: {made:?}"))?;
            let linked = there.iter().all(|ticket| self.is_linked(*ticket, made.link_to));
            check(linked, || format!("without its link: {made:?}"))?;
        }
        for (thread, count) in &book.conversions {
            let is_ticket = self.threads.get(thread).is_some_and(|thread| thread.ticket.is_some());
            let said = self.parts_of(*thread).iter().filter(|p| matches!(p.kind, PartKind::ConvertedToTicket { .. }));
            let said = said.count() as u64;
            check(said == u64::from(is_ticket), || format!("{thread} says {said} times that it was converted"))?;
            check(said >= count.acknowledged, || format!("the conversion of {thread} is lost"))?;
        }
        for ((ticket, thread), count) in &book.links {
            check(count.acknowledged == 0 || self.is_linked(*ticket, *thread), || format!("{thread} is not linked"))?;
        }
        for (ticket, (count, last)) in &book.states {
            let changes = self.parts_of(*ticket).iter().filter(|part| is_change_of_state(part)).count() as u64;
            let right = (count.acknowledged..=count.attempted).contains(&changes);
            check(right, || format!("{changes} changes of state of {ticket}: {count:?}"))?;
            let state =
                self.threads.get(ticket).and_then(|thread| thread.ticket.as_ref()).map(|ticket| ticket.state_id);
            let as_told = changes > count.acknowledged || last.is_none() || *last == state;
            check(as_told, || format!("{ticket} is in {state:?}, told was {last:?}"))?;
        }
        Ok(())
    }

    /// A link stands with one part on each side that tells of it.
    fn is_linked(&self, ticket: ThreadId, thread: ThreadId) -> bool {
        let tells = |at: ThreadId, of: ThreadId| {
            let parts = self.parts_of(at).iter();
            parts.filter(|part| matches!(&part.kind, PartKind::EntityLinked(other) if other.thread == of)).count()
        };
        let stands = self.links.iter().any(|link| link.from_ticket == ticket && link.to_thread == thread);
        stands && tells(ticket, thread) == 1 && tells(thread, ticket) == 1
    }

    /// Every linked thread was told once of each change of state and each cross-posted note since it was linked (BKO-20,
    /// BKO-22); while that is under way, at most once.
    fn told(&self) -> Verified {
        for link in &self.links {
            let there = self.parts_of(link.to_thread);
            let since = self.parts_of(link.from_ticket).iter().filter(|part| part.created_at >= link.created_at);
            let (done, under_way): (Vec<&Part>, Vec<&Part>) =
                since.filter(|part| is_change_of_state(part)).partition(|part| !self.cross_posting.contains(&part.id));
            let told = there.iter().filter(|part| matches!(part.kind, PartKind::LinkedTicketStateUpdated { ticket, .. } if ticket == link.from_ticket)).count();
            let right = (done.len()..=done.len() + under_way.len()).contains(&told);
            check(right, || format!("{told} of {} changes are told: {link:?}", done.len()))?;
            let mut copies: BTreeMap<PartId, usize> = BTreeMap::new();
            for (thread, part) in there.iter().filter_map(|part| part.cross_posted_from) {
                if thread == link.from_ticket {
                    *copies.entry(part).or_default() += 1;
                }
            }
            check(copies.values().all(|count| *count == 1), || format!("a note is there twice: {link:?}"))?;
        }
        Ok(())
    }

    /// A cross-posted note is in every thread linked at that time, once that is no longer under way.
    fn copied(&self, book: &Book) -> Verified {
        let copies: BTreeSet<(ThreadId, PartId)> =
            self.all_parts().filter_map(|part| Some((part.thread, part.cross_posted_from?.1))).collect();
        for note in self.all_parts().filter(|part| part.cross_posted_from.is_none()) {
            let word = marked(&note.body_text).and_then(|n| book.words.get(n));
            let crosses = matches!(word, Some(Word { sort: Sort::Note { cross_post: true }, .. }));
            if !crosses || self.cross_posting.contains(&note.id) {
                continue;
            }
            let links = self.links.iter().filter(|link| link.from_ticket == note.thread);
            for link in links.filter(|link| link.created_at <= note.created_at) {
                let has = copies.contains(&(link.to_thread, note.id));
                check(has, || format!("note {} was not copied: {link:?}", note.id))?;
            }
        }
        Ok(())
    }

    /// What was settled stays settled; the relay's doubts are the desk's.
    fn deliveries(&self, book: &Book) -> Verified {
        for (id, handed) in &book.handed {
            let Some(delivery) = self.deliveries.get(id) else { return Err(format!("delivery {id} is lost")) };
            let right = match (&handed.settled, &delivery.state) {
                (Some(Verdict::Delivered { .. }), state) => *state == DeliveryState::Sent,
                (Some(Verdict::Failed { reason }), DeliveryState::Failed(kept)) => reason == kept,
                (Some(Verdict::Failed { .. }), _) => false,
                (Some(Verdict::Skipped(reason)), state) => *state == DeliveryState::Skipped(*reason),
                (Some(Verdict::Deferred { .. }), state) => *state == DeliveryState::Deferred,
                (Some(Verdict::Uncertain { .. }), state) => {
                    // BRC-43: that the contact answered or has seen it settles a broadcast's mail.
                    let settled = delivery.kind.lane().is_some() && *state == DeliveryState::Sent;
                    *state == DeliveryState::Uncertain || delivery.uncertain_retried || settled
                }
                (Some(Verdict::Held | Verdict::Postponed { .. }) | None, _) => true,
            };
            check(right, || format!("settled as {:?}, yet {delivery:?}", handed.settled))?;
            let ended = matches!(
                handed.settled,
                Some(Verdict::Delivered { .. } | Verdict::Failed { .. } | Verdict::Skipped(_))
            );
            check(!ended || delivery.wakes_at().is_none(), || format!("settled and due again: {delivery:?}"))?;
            let doubted = delivery.past_dot || delivery.state == DeliveryState::Uncertain || handed.settled.is_some();
            let known = doubted || delivery.attempt_count > 0 || handed.taken == 0;
            check(known, || format!("the relay has it and the desk knows nothing: {delivery:?}"))?;
        }
        Ok(())
    }

    /// P10: an agent's comment to a customer is owed by one mail, and a mail owed is for a part that is there.
    fn owed(&self) -> Verified {
        let mut owed: BTreeMap<PartId, usize> = BTreeMap::new();
        for delivery in self.deliveries.values() {
            let parts = match &delivery.kind {
                DeliveryKind::Reply { parts } => parts.clone(),
                DeliveryKind::TicketStateChanged { part }
                | DeliveryKind::FormSent { part }
                | DeliveryKind::AutoAck { part }
                | DeliveryKind::Broadcast { part, .. } => vec![*part],
                DeliveryKind::AgentNotice { .. }
                | DeliveryKind::TicketSubmitted
                | DeliveryKind::BroadcastTest { .. } => Vec::new(),
            };
            for part in parts {
                let there = self.parts_of(delivery.thread).iter().any(|known| known.id == part);
                check(there, || format!("owed for a part that is not there: {delivery:?}"))?;
                *owed.entry(part).or_default() += 1;
            }
        }
        let comments = self.all_parts().filter(|part| matches!(part.kind, PartKind::Comment));
        for part in comments.filter(|part| part.author.agent().is_some() && part.broadcast.is_none()) {
            let mails = owed.get(&part.id).copied().unwrap_or_default();
            check(mails == 1, || format!("{mails} mails are owed for {part:?}"))?;
        }
        Ok(())
    }

    /// BRC-44: a broadcast is in every thread linked when it began, once, and is owed to each contact by one mail at most.
    fn broadcasts(&self, book: &Book) -> Verified {
        for id in &book.broadcasts {
            check(self.broadcasts.iter().any(|(known, _)| known.id == *id), || format!("broadcast {id} is lost"))?;
        }
        for (broadcast, ledger) in &self.broadcasts {
            let mut posted: BTreeMap<ThreadId, Vec<PartId>> = BTreeMap::new();
            for part in self.all_parts().filter(|part| part.broadcast == Some(broadcast.id)) {
                posted.entry(part.thread).or_default().push(part.id);
            }
            check(posted.values().all(|parts| parts.len() == 1), || format!("told twice: {broadcast:?}"))?;
            for link in self.links.iter().filter(|link| link.from_ticket == broadcast.tracker) {
                let in_set = Some(link.created_at) <= broadcast.set_until;
                let past = |cursor: Option<ThreadId>| cursor.is_some_and(|cursor| link.to_thread <= cursor);
                let (noted, served) = match broadcast.phase {
                    Phase::Gathering => (past(broadcast.cursor), false),
                    Phase::Posting => (true, past(broadcast.cursor)),
                    Phase::Mailing => (true, true),
                };
                let row = ledger.iter().any(|(key, _)| *key == LedgerKey::Thread(link.to_thread));
                check(row == (in_set && noted), || format!("row of {link:?} of {broadcast:?}"))?;
                let has = posted.contains_key(&link.to_thread);
                check(has == (in_set && served), || format!("{link:?} of {broadcast:?}"))?;
            }
            for (thread, parts) in &posted {
                let entry = ledger.iter().find(|(key, _)| *key == LedgerKey::Thread(*thread)).map(|(_, entry)| entry);
                let right = entry.is_some_and(|entry| entry.part.as_ref() == parts.first());
                check(right, || format!("the ledger says {entry:?} of {thread}"))?;
            }
            self.mails_of(broadcast, ledger)?;
        }
        Ok(())
    }

    fn mails_of(&self, broadcast: &Broadcast, ledger: &[(LedgerKey, LedgerEntry)]) -> Verified {
        let is_of = |delivery: &&Delivery| matches!(delivery.kind, DeliveryKind::Broadcast { broadcast: of, .. } if of == broadcast.id);
        let owed: Vec<&Delivery> = self.deliveries.values().filter(is_of).collect();
        let addresses: BTreeSet<String> =
            owed.iter().filter_map(|delivery| Some(delivery.address.as_ref()?.to_string())).collect();
        check(addresses.len() == owed.len(), || format!("{} mails to {} addresses", owed.len(), addresses.len()))?;
        let rows = ledger.iter().filter(|(_, entry)| entry.delivery.is_some()).count();
        check(rows == owed.len(), || format!("{} mails are owed, {rows} stand in the ledger", owed.len()))
    }

    fn seen(&self, book: &Book) -> Verified {
        for ((contact, thread), part) in &book.seen {
            let seq = self.parts_of(*thread).iter().find(|known| known.id == *part).map(|part| part.seq);
            let participant = self.threads.get(thread).and_then(|thread| thread.participant(*contact));
            let right = participant.is_some_and(|known| Some(known.seen_seq) >= seq);
            check(right, || format!("{contact} had seen {part} of {thread}: {participant:?}"))?;
        }
        Ok(())
    }
}

/// A key that was acknowledged gives the same answer for good.
fn posts(store: &Store, book: &Book) -> Verified {
    for (n, word) in book.words.iter().enumerate() {
        let (Sort::Post { contact, client_id, .. }, Some(thread), Some(part)) = (&word.sort, word.thread, word.part)
        else {
            continue;
        };
        let kept = store.view(|tx| store::client_ids::get(tx, *contact, client_id));
        let kept = kept.map_err(|error| error.to_string())?.map(|(thread, part, _)| (thread, part));
        check(kept == Some((thread, part)), || format!("post {n} is known as {kept:?}: {word:?}"))?;
    }
    Ok(())
}

/// Whether a part is where and what its word says.
fn stands(n: usize, word: &Word, part: &Part) -> Verified {
    let at_place = word.thread.is_none_or(|thread| thread == part.thread) && word.part.is_none_or(|id| id == part.id);
    let as_said = match &word.sort {
        Sort::Mail { message_id, joins, .. } => {
            let right_id = part.email.as_ref().is_some_and(|email| email.message_id == *message_id);
            right_id && joins.is_none_or(|thread| thread == part.thread)
        }
        Sort::Post { client_id, thread, .. } => {
            part.client_id.as_ref() == Some(client_id) && thread.is_none_or(|thread| thread == part.thread)
        }
        Sort::Comment => matches!(part.kind, PartKind::Comment),
        Sort::Note { .. } => matches!(part.kind, PartKind::Note),
    };
    check(at_place && as_said, || format!("word {n} is {word:?}, yet there is {part:?}"))
}

/// A change, not the state a ticket was made with (STA-6).
fn is_change_of_state(part: &Part) -> bool {
    matches!(&part.kind, PartKind::TicketStateUpdated { from, to, .. } if from.0 != to.0)
}

fn check(holds: bool, why: impl FnOnce() -> String) -> Verified {
    if holds { Ok(()) } else { Err(why()) }
}
