//! Positive controls: what is broken here must be named.

use crate::clock::Clock;
use crate::domain::address::Address;
use crate::domain::agent::Agent;
use crate::domain::agent::Token;
use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::LedgerKey;
use crate::domain::contact::Contact;
use crate::domain::delivery::Delivery;
use crate::domain::id::DeliveryId;
use crate::domain::id::EventSeq;
use crate::domain::intake::IntakeRow;
use crate::domain::ledger::LedgerEntry;
use crate::domain::ledger::LedgerState;
use crate::domain::link::Link;
use crate::domain::mailbox_cursor::MailboxCursor;
use crate::domain::part::Part;
use crate::domain::propagation::Propagation;
use crate::domain::suppression::AddressStanding;
use crate::domain::tag::Tag;
use crate::domain::thread::Thread;
use crate::domain::upload::Upload;
use crate::domain::webhook::Notification;
use crate::store::Store;
use crate::store::blob_refs;
use crate::store::blobs::Blobs;
use crate::store::cursors;
use crate::store::engine::Table;
use crate::store::engine::WriteTx;
use crate::store::error::Result;
use crate::store::events;
use crate::store::key;
use crate::store::ledger;
use crate::store::migrate;
use crate::store::record::Record;
use crate::store::record::client_id::Posted;
use crate::store::record::event::Logged;
use crate::store::record::ledger::LedgerRow;
use crate::store::requests::Answered;
use crate::store::sample;
use crate::store::sent_copies;
use crate::store::tables;
use crate::store::verify::sweepable;
use crate::store::verify::verify;

fn faults(store: &Store) -> Vec<String> {
    verify(store, None, &mut |_| ()).unwrap()
}

/// The first fault that speaks of `table`, after `break_it` was done to the sample.
fn faults_after(break_it: impl Fn(&mut dyn WriteTx) -> Result<()> + Send + 'static) -> Vec<String> {
    let store = sample::store();
    store.update_blocking(move |tx| break_it(tx)).unwrap();
    faults(&store)
}

fn expect_fault(what: &str, faults: &[String], table: Table) {
    let begin = format!("{}, key ", table.0);
    assert!(faults.iter().any(|fault| fault.starts_with(&begin)), "{what}: no fault of {} in {faults:#?}", table.0);
}

fn index_tables() -> Vec<Table> {
    let indexes = [
        Thread::INDEXES,
        Part::INDEXES,
        Contact::INDEXES,
        Agent::INDEXES,
        Token::INDEXES,
        Link::INDEXES,
        IntakeRow::INDEXES,
        Logged::INDEXES,
        Delivery::INDEXES,
        Broadcast::INDEXES,
        LedgerRow::INDEXES,
        Posted::INDEXES,
        Upload::INDEXES,
        AddressStanding::INDEXES,
        Answered::INDEXES,
        Tag::INDEXES,
        Propagation::INDEXES,
        Notification::INDEXES,
    ];
    indexes.concat()
}

#[test]
fn the_sample_has_a_row_in_every_table_and_is_sound() {
    let store = sample::store();
    for table in tables::ALL {
        assert!(!store.view(|tx| tx.scan(*table, &[], key::END, 1)).unwrap().is_empty(), "{table:?} is empty");
    }
    let mut rows = 0;
    assert_eq!(verify(&store, None, &mut |read| rows = read), Ok(Vec::new()));
    assert!(rows > 100, "progress says {rows}");
}

#[test]
fn the_sample_is_sound_on_disk_after_it_was_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.redb");
    let store = Store::open_or_create(&path).unwrap();
    assert_eq!(migrate::run(&store), Ok(None));
    store.update_blocking(sample::fill).unwrap();
    store.close();
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!(migrate::run(&store), Ok(Some(migrate::SCHEMA)));
    assert_eq!(faults(&store), Vec::<String>::new());
    let log = store.view(|tx| events::after(tx, EventSeq(0), 100)).unwrap();
    assert_eq!(log.into_iter().map(|entry| entry.event).collect::<Vec<_>>(), sample::events());
}

#[test]
fn every_index_row_that_is_missing_is_named() {
    for table in index_tables() {
        let faults = faults_after(move |tx| {
            let rows = tx.scan(table, &[], key::END, 1000)?;
            rows.iter().filter(|(_, value)| !value.is_empty()).try_for_each(|(row, _)| tx.delete(table, row))
        });
        expect_fault("row deleted", &faults, table);
    }
}

#[test]
fn every_index_row_too_many_is_named() {
    for table in index_tables() {
        let faults = faults_after(move |tx| {
            let (row, value) = tx.scan(table, &[], key::END, 1)?.remove(0);
            let value = if value.is_empty() { key::one(301) } else { value };
            let mut stale = row.clone();
            *stale.last_mut().unwrap() ^= 0x55;
            tx.put(table, &stale, &value)
        });
        expect_fault("stale row", &faults, table);
        let faults = faults_after(move |tx| {
            let (row, _) = tx.scan(table, &[], key::END, 1)?.remove(0);
            tx.put(table, &row, &key::one(987_654))
        });
        expect_fault("row leads nowhere", &faults, table);
    }
}

#[test]
fn every_record_that_cannot_be_read_is_named() {
    let derived = [tables::META, tables::VISITORS, tables::LINK_COUNTS, tables::INTAKE_BY_UID];
    let more = [
        tables::DELIVERY_COUNTS,
        tables::PENDING_REPLIES,
        tables::PENDING_STATUS,
        tables::CAPTURED,
        tables::SENT_COPIES,
        tables::CROSS_POSTS,
        tables::LEDGER_EMAILS,
        tables::REDACTIONS,
        tables::PURGES,
        tables::LEDGER_COUNTS,
        tables::BROADCAST_STOPS,
        tables::MAIL_BUCKETS,
        tables::ERASED_ADDRESSES,
    ];
    let indexes = index_tables();
    let records = tables::ALL
        .iter()
        .filter(|table| !derived.contains(table) && !more.contains(table) && !indexes.contains(table));
    let mut seen = 0;
    for table in records.copied() {
        seen += 1;
        for damage in [&b""[..], b"\x63", b"\x01\xff\xff\xff"] {
            let faults = faults_after(move |tx| {
                let (row, _) = tx.scan(table, &[], key::END, 1)?.remove(0);
                tx.put(table, &row, damage)
            });
            expect_fault("damaged record", &faults, table);
        }
        let faults = faults_after(move |tx| {
            let (mut row, value) = tx.scan(table, &[], key::END, 1)?.remove(0);
            *row.last_mut().unwrap() ^= 0x55;
            tx.put(table, &row, &value)
        });
        expect_fault("record under another key", &faults, table);
    }
    assert!(seen >= 20, "records of {seen} tables");
}

/// Takes the first row of a table away, or the last one.
fn cut(table: Table, last: bool) -> impl Fn(&mut dyn WriteTx) -> Result<()> + Send + 'static {
    move |tx| {
        let rows = tx.scan(table, &[], key::END, 1000)?;
        let (row, _) = if last { rows.last() } else { rows.first() }.unwrap();
        tx.delete(table, row)
    }
}

fn write(table: Table, row: Vec<u8>, value: Vec<u8>) -> impl Fn(&mut dyn WriteTx) -> Result<()> + Send + 'static {
    move |tx| tx.put(table, &row, &value)
}

/// Key of the first row of a table of the sample.
fn tables_row(table: Table) -> Vec<u8> {
    sample::store().view(|tx| tx.scan(table, &[], key::END, 1)).unwrap().remove(0).0
}

#[test]
fn what_names_something_that_is_gone_is_named() {
    let gone = [
        (tables::CONTACTS, tables::THREADS),
        (tables::CONTACTS, tables::DELIVERIES),
        (tables::AGENTS, tables::TOKENS),
        (tables::TICKET_STATES, tables::TICKET_TYPES),
        (tables::TICKET_TYPES, tables::THREADS),
        (tables::THREADS, tables::PARTS),
        (tables::THREADS, tables::LINKS),
        (tables::THREADS, tables::MESSAGE_IDS),
        (tables::THREADS, tables::EVENTS),
        (tables::THREADS, tables::DELIVERIES),
        (tables::PART_BY_ID, tables::EVENTS),
        (tables::PART_BY_ID, tables::DELIVERIES),
        (tables::PART_BY_ID, tables::INTAKE),
        (tables::PART_BY_ID, tables::CLIENT_IDS),
        (tables::DELIVERIES, tables::PENDING_REPLIES),
        (tables::DELIVERIES, tables::EVENTS),
        (tables::BROADCASTS, tables::LEDGER),
        (tables::BROADCASTS, tables::LEDGER_EMAILS),
        (tables::BROADCASTS, tables::BROADCAST_LANES),
        (tables::INTAKE, tables::INTAKE_BY_UID),
        (tables::INTAKE, tables::MESSAGE_IDS),
        (tables::AGENTS, tables::WEBHOOKS),
        (tables::WEBHOOKS, tables::NOTIFICATIONS),
    ];
    for (from, fault_in) in gone {
        expect_fault(&format!("{} cut", from.0), &faults_after(cut(from, false)), fault_in);
    }
    expect_fault("visitor cut", &faults_after(cut(tables::CONTACTS, true)), tables::VISITORS);
}

#[test]
fn gaps_and_wrong_rows_are_named() {
    let second_part = key::two(sample::CONVERSATION.0, 2);
    let tracker = key::one(sample::TRACKER.0);
    let cases: Vec<(&str, Table, Vec<String>)> = vec![
        ("log begins late is no fault, a hole is", tables::EVENTS, {
            faults_after(|tx| tx.delete(tables::EVENTS, &key::one(3)))
        }),
        ("log ends early", tables::EVENTS, faults_after(cut(tables::EVENTS, true))),
        ("a part is missing", tables::PARTS, faults_after(move |tx| tx.delete(tables::PARTS, &second_part))),
        ("a posted part is missing", tables::LEDGER, {
            let posted = key::two(sample::CONVERSATION.0, 4);
            faults_after(move |tx| tx.delete(tables::PARTS, &posted))
        }),
        ("a ledger row owes a mail of another kind", tables::LEDGER, {
            let mut owed = sample::ledger().remove(1).1;
            owed.delivery = Some(DeliveryId(sample::FIRST_DELIVERY));
            faults_after(move |tx| ledger::put(tx, sample::BROADCAST, LedgerKey::Email(sample::ANA), &owed))
        }),
        ("a ledger row says another state than its mail", tables::LEDGER, {
            let mut owed = sample::ledger().remove(1).1;
            owed.state = LedgerState::Queued;
            faults_after(move |tx| ledger::put(tx, sample::BROADCAST, LedgerKey::Email(sample::ANA), &owed))
        }),
        ("a thread is told without a part", tables::LEDGER, {
            let told = LedgerEntry { part: None, ..sample::ledger().remove(0).1 };
            let of = LedgerKey::Thread(sample::CONVERSATION);
            faults_after(move |tx| ledger::put(tx, sample::BROADCAST, of, &told))
        }),
        ("ledger rows miscounted", tables::LEDGER_COUNTS, {
            let row = tables_row(tables::LEDGER_COUNTS);
            faults_after(write(tables::LEDGER_COUNTS, row, key::one(7)))
        }),
        ("ledger rows not counted", tables::LEDGER_COUNTS, faults_after(cut(tables::LEDGER_COUNTS, false))),
        ("a broadcast's mail among one-to-one mail", tables::DUE, {
            let row = key::joined(&[&key::one(1), &key::two(1, sample::WAITING_IN_LANE.0)]);
            faults_after(write(tables::DUE, row, key::one(sample::WAITING_IN_LANE.0)))
        }),
        ("an erased address of no flags", tables::ERASED_ADDRESSES, {
            faults_after(write(tables::ERASED_ADDRESSES, vec![1; 32], b"x".to_vec()))
        }),
        ("a bucket of no time", tables::MAIL_BUCKETS, {
            faults_after(write(tables::MAIL_BUCKETS, b"x".to_vec(), b"x".to_vec()))
        }),
        ("a stop at no time", tables::BROADCAST_STOPS, {
            let row = key::two(sample::TRACKER.0, sample::ANA.0);
            faults_after(write(tables::BROADCAST_STOPS, row, b"x".to_vec()))
        }),
        ("a mailbox's ranges touch", tables::CURSORS, {
            let touching = MailboxCursor { uid_validity: 1, done: vec![(1, 3), (4, 5)], ..MailboxCursor::default() };
            faults_after(move |tx| cursors::put(tx, "support", &touching))
        }),
        ("the last part is missing", tables::THREADS, {
            let last = key::two(sample::CONVERSATION.0, u64::try_from(sample::kinds().len()).unwrap());
            faults_after(move |tx| tx.delete(tables::PARTS, &last))
        }),
        ("links miscounted", tables::LINK_COUNTS, faults_after(write(tables::LINK_COUNTS, tracker, key::one(7)))),
        ("links not counted", tables::LINK_COUNTS, faults_after(cut(tables::LINK_COUNTS, false))),
        ("links counted without any", tables::LINK_COUNTS, {
            faults_after(write(tables::LINK_COUNTS, key::one(sample::CONVERSATION.0), key::one(1)))
        }),
    ];
    for (what, table, faults) in cases {
        expect_fault(what, &faults, table);
    }
}

#[test]
fn wrong_counts_and_what_waits_in_vain_are_named() {
    let delivery = key::one(sample::FIRST_DELIVERY);
    let pending = key::two(sample::CONVERSATION.0, sample::BEN.0);
    let cases: Vec<(&str, Table, Vec<String>)> = vec![
        ("deliveries miscounted", tables::DELIVERY_COUNTS, {
            faults_after(write(tables::DELIVERY_COUNTS, b"sent".to_vec(), key::one(7)))
        }),
        ("a delivery gone uncounted", tables::DELIVERY_COUNTS, faults_after(cut(tables::DELIVERIES, true))),
        ("reply pending for another contact", tables::PENDING_REPLIES, {
            faults_after(write(tables::PENDING_REPLIES, pending.clone(), delivery))
        }),
        ("reply pending that was sent", tables::PENDING_REPLIES, {
            let sent = key::one(sample::FIRST_DELIVERY + 2);
            faults_after(write(tables::PENDING_REPLIES, key::two(sample::CONVERSATION.0, sample::ANA.0), sent))
        }),
        ("a change of state pending that was sent", tables::PENDING_STATUS, {
            let sent = key::one(sample::FIRST_DELIVERY + 2);
            faults_after(write(tables::PENDING_STATUS, key::two(sample::CONVERSATION.0, sample::BEN.0), sent))
        }),
        ("a copy of a mail that was not sent", tables::SENT_COPIES, {
            let mut copy = sample::sent_copy();
            copy.delivery.0 -= 1;
            faults_after(move |tx| sent_copies::put(tx, &Address::parse("support@example.org").unwrap(), &copy))
        }),
        ("a copy whose message nothing keeps", tables::SENT_COPIES, {
            let row = blob_refs::row(sample::sent_copy().message, sample::sent_copy().delivery.0);
            faults_after(move |tx| tx.delete(tables::BLOB_REFS, &row))
        }),
        ("an agent's picture that nothing keeps", tables::BLOB_REFS, {
            let row = blob_refs::row(sample::blob(sample::FACE), sample::AGENT.0);
            faults_after(move |tx| tx.delete(tables::BLOB_REFS, &row))
        }),
        ("a kept message of no delivery", tables::CAPTURED, {
            faults_after(write(tables::CAPTURED, key::one(7), sample::blob(sample::CAPTURED).0.to_vec()))
        }),
        ("a kept message that nothing keeps", tables::CAPTURED, {
            let row = blob_refs::row(sample::blob(sample::CAPTURED), sample::FIRST_DELIVERY + 2);
            faults_after(move |tx| tx.delete(tables::BLOB_REFS, &row))
        }),
        ("a cross-post of no part", tables::CROSS_POSTS, {
            faults_after(write(tables::CROSS_POSTS, key::one(7), key::two(sample::BACK_OFFICE.0, 0)))
        }),
        ("a cross-post of no ticket", tables::CROSS_POSTS, {
            faults_after(write(tables::CROSS_POSTS, key::one(160), key::two(7, 0)))
        }),
        ("counter that is no number", tables::META, {
            faults_after(write(tables::META, b"last_event".to_vec(), b"x".to_vec()))
        }),
        (
            "ids above the highest",
            tables::INTAKE,
            faults_after(write(tables::META, b"highest_id".to_vec(), key::one(300))),
        ),
        ("ticket numbers above the last", tables::THREADS, {
            faults_after(write(tables::META, b"last_ticket_number".to_vec(), key::one(1)))
        }),
        ("visitor's value", tables::VISITORS, faults_after(write(tables::VISITORS, vec![1; 32], vec![1]))),
    ];
    for (what, table, faults) in cases {
        expect_fault(what, &faults, table);
    }
}

#[test]
fn a_log_that_was_pruned_is_sound() {
    let store = sample::store();
    let before = EventSeq(6);
    assert_eq!(store.update_blocking(move |tx| events::prune(tx, before, 100)), Ok(5));
    assert_eq!(faults(&store), Vec::<String>::new());
}

#[test]
fn blobs_that_are_named_must_be_there_and_the_others_may_be_swept() {
    let store = sample::store();
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path(), Clock::default()).unwrap();
    for content in [sample::RAW, sample::FILE, sample::FACE, sample::CAPTURED, b"named by nothing"] {
        blobs.put_blocking(content).unwrap();
    }
    assert_eq!(verify(&store, Some(&blobs), &mut |_| ()), Ok(Vec::new()));
    assert_eq!(sweepable(&store, &blobs), Ok(1));
    std::fs::remove_dir_all(dir.path().join("blobs/packs")).unwrap();
    expect_fault("blob gone", &verify(&store, Some(&blobs), &mut |_| ()).unwrap(), tables::BLOB_REFS);
}

#[test]
fn damage_without_end_is_told_up_to_a_limit() {
    let faults = faults_after(|tx| (0..3_000).try_for_each(|n| tx.put(tables::THREADS, &key::one(5_000 + n), b"?")));
    assert_eq!(faults.len(), super::FAULTS_MAX);
}
