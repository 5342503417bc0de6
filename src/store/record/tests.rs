//! Every noun comes back as it was written, and no bytes make decoding panic.

use crate::domain::agent::Agent;
use crate::domain::agent::Token;
use crate::domain::attribute::Value;
use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::BroadcastState;
use crate::domain::broadcast::LedgerKey;
use crate::domain::broadcast::Sweep;
use crate::domain::contact::Contact;
use crate::domain::delivery::Delivery;
use crate::domain::event::LogEntry;
use crate::domain::id::ContactId;
use crate::domain::id::EventSeq;
use crate::domain::id::Millis;
use crate::domain::id::ThreadId;
use crate::domain::intake::IntakeRow;
use crate::domain::link::Link;
use crate::domain::mail_lane::MailLane;
use crate::domain::part::Author;
use crate::domain::part::Part;
use crate::domain::state::TicketState;
use crate::domain::thread::Thread;
use crate::domain::ticket_type::TicketType;
use crate::domain::upload::Upload;
use crate::domain::webhook::Notification;
use crate::domain::webhook::Webhook;
use crate::store::error::Error;
use crate::store::key;
use crate::store::record::Record;
use crate::store::record::client_id::Posted;
use crate::store::record::cursor::NamedCursor;
use crate::store::record::event::Logged;
use crate::store::record::ledger::LedgerRow;
use crate::store::record::request::Answered;
use crate::store::sample;
use proptest::prelude::*;
use std::fmt::Debug;

/// The record comes back; every cut and every flipped bit of it is refused or gives some record, and never panics.
fn check<R: Record + PartialEq + Debug>(record: &R) {
    let (key, bytes) = (record.key(), record.encode().unwrap());
    assert_eq!(&R::decode(&key, &bytes).unwrap(), record);
    for end in 0..bytes.len() {
        let cut = R::decode(&key, &bytes[..end]);
        assert!(matches!(cut, Err(Error::Corrupt { table, .. }) if table == R::TABLE), "{cut:?} of {end} bytes");
    }
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x81;
        drop(R::decode(&key, &flipped));
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(R::decode(&key, &longer).is_err(), "left over bytes of {record:?}");
    let elsewhere = [&key[..], &[1]].concat();
    assert!(R::decode(&elsewhere, &bytes).is_err(), "foreign key of {record:?}");
}

fn check_all<R: Record + PartialEq + Debug>(records: &[R]) {
    assert!(!records.is_empty());
    records.iter().for_each(check);
}

fn logged() -> Vec<Logged> {
    let entry = |(event, seq)| LogEntry { seq: EventSeq(seq), event };
    let stream = vec![sample::ANA, ContactId(u64::MAX)];
    sample::events().into_iter().zip(1..).map(|pair| Logged { entry: entry(pair), stream: stream.clone() }).collect()
}

#[test]
fn every_noun_and_variant_comes_back_as_it_was_written() {
    check_all(&sample::contacts());
    check_all(&sample::all_threads());
    check_all(&sample::parts());
    check_all(&logged());
    check_all(&sample::deliveries());
    check(&sample::notice());
    check(&sample::notice_settings());
    check(&sample::office_hours());
    check_all(&sample::intake_rows());
    check_all(&sample::links());
    check_all(&[sample::standing()]);
    check_all(&sample::uploads());
    check_all(&sample::states());
    check_all(&sample::webhooks());
    check_all(&sample::notifications());
    check(&sample::agent());
    check(&sample::tag());
    check(&sample::team());
    check(&sample::alarm());
    check(&sample::away_reason());
    check(&sample::company());
    check_all(&sample::notes());
    check(&sample::propagation(71, None));
    check(&sample::propagation(72, Some(Millis(1))));
    check(&sample::token());
    check(&sample::ticket_type());
    for state in [BroadcastState::Running, BroadcastState::Scheduled, BroadcastState::Cancelled] {
        check(&sample::broadcast(sample::BROADCAST, state));
    }
    for sweep in [Sweep::Cancel(None), Sweep::Redact(Some(LedgerKey::Messenger(sample::ANA)))] {
        let swept = sample::broadcast(sample::BROADCAST, BroadcastState::Draft);
        check(&Broadcast { sweep: Some(sweep), redacted_at: Some(Millis(1)), ..swept });
    }
    check(&MailLane { broadcast: sample::BROADCAST, spent_until_us: u64::MAX, refused_bits: u128::MAX });
    check(&NamedCursor { mailbox: "support".to_owned(), cursor: sample::cursor() });
    let row = |(key, entry)| LedgerRow { broadcast: sample::BROADCAST, key, entry };
    check_all(&sample::ledger().into_iter().map(row).collect::<Vec<_>>());
    check(&sample::answered());
    check(&Posted {
        contact: sample::ANA,
        client_id: "client \u{1f39f}".to_owned(),
        thread: sample::CONVERSATION,
        part: sample::parts()[0].id,
        seq: EventSeq(u64::MAX),
        created_at: Millis(0),
    });
}

#[test]
fn an_unknown_version_is_refused_with_table_and_key() {
    let contact = sample::contacts().remove(0);
    let mut bytes = contact.encode().unwrap();
    bytes[0] = 2;
    let refused = Contact::decode(&contact.key(), &bytes).unwrap_err().to_string();
    assert_eq!(refused, "damaged record in contacts, key 000000000000000b: record version 2, known is 1");
}

/// First bytes of the SHA-256 of some records' encodings.
fn digest<R: Record>(records: &[R]) -> String {
    let encoded: Vec<u8> = records.iter().flat_map(|record| record.encode().unwrap()).collect();
    let hash = key::hash16(&data_encoding::HEXLOWER.encode(&encoded));
    data_encoding::HEXLOWER.encode(&hash[..4])
}

/// Bytes as they were released: a change of a stored form that forgets its version fails here. After a change of the
/// sample alone, the new digests are the right ones.
#[test]
fn released_forms_keep_their_bytes() {
    let broadcast = sample::broadcast(sample::BROADCAST, BroadcastState::Running);
    let cases = [
        ("contacts", digest(&sample::contacts()), "41a45d6d"),
        ("threads", digest(&sample::all_threads()), "f64e7ff7"),
        ("parts", digest(&sample::parts()), "d12208b5"),
        ("events", digest(&logged()), "440ec7ac"),
        ("deliveries", digest(&sample::deliveries()), "c8071fc9"),
        ("notices", digest(&[sample::notice()]), "90acf39a"),
        ("office hours", digest(&[sample::office_hours()]), "b10d69f8"),
        ("notice settings", digest(&[sample::notice_settings()]), "ce3d9656"),
        ("intake", digest(&sample::intake_rows()), "554aff39"),
        ("links", digest(&sample::links()), "ec017f97"),
        ("uploads", digest(&sample::uploads()), "f22680a0"),
        ("states", digest(&sample::states()), "a9456c8a"),
        ("agents", digest(&[sample::agent()]), "ec7bfc4e"),
        ("tokens", digest(&[sample::token()]), "65f4ae1d"),
        ("ticket types", digest(&[sample::ticket_type()]), "a33e1146"),
        ("requests", digest(&[sample::answered()]), "ad0848de"),
        ("webhooks", digest(&sample::webhooks()), "434f3e28"),
        ("notifications", digest(&sample::notifications()), "a571078c"),
        ("broadcasts", digest(&[broadcast]), "ed15b5b6"),
        ("tags", digest(&[sample::tag()]), "876aa6f2"),
        ("away reasons", digest(&[sample::away_reason()]), "5deee947"),
        ("companies", digest(&[sample::company()]), "fa8ae623"),
        ("notes", digest(&sample::notes()), "b0f61488"),
        ("macros", digest(&[sample::saved_reply()]), "5c1638b1"),
        ("data attributes", digest(&[sample::data_attribute()]), "e5ebd034"),
        ("data events", digest(&[sample::data_event()]), "9372d78f"),
        ("event summaries", digest(&[sample::event_summary()]), "7a451974"),
        ("teams", digest(&[sample::team()]), "4eb6307b"),
        ("propagations", digest(&[sample::propagation(71, None)]), "9e83eea2"),
    ];
    let changed: Vec<_> = cases.iter().filter(|(_, now, released)| now != released).collect();
    assert!(changed.is_empty(), "{changed:#?}");
    let link = &sample::links()[0];
    assert_eq!(data_encoding::HEXLOWER.encode(&link.encode().unwrap()), "012b290181a0f1c2b1340115");
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<String>().prop_map(Value::Text),
        any::<i64>().prop_map(Value::Integer),
        "-?[0-9]{1,9}(\\.[0-9]{1,6})?".prop_map(Value::Decimal),
        any::<bool>().prop_map(Value::Boolean),
        proptest::collection::vec(any::<String>(), 0..4).prop_map(Value::Files),
    ]
}

proptest! {
    #[test]
    fn values_are_kept_exactly(values in proptest::collection::btree_map(any::<String>(), value(), 0..8)) {
        let mut contact = sample::contacts().remove(0);
        contact.custom_attributes = values;
        let back = Record::decode(&contact.key(), &contact.encode().unwrap());
        prop_assert_eq!(back, Ok(contact));
    }

    #[test]
    fn texts_and_numbers_of_a_part_are_kept_exactly(
        id: u64, thread: u64, seq: u64, text: String, html: String, author: u64, email: Option<String>, at: u64,
    ) {
        let mut part = sample::part(ThreadId(thread), seq, id, sample::kinds().remove(0));
        part.author = Author::Contact { id: ContactId(author), name: text.clone(), email, user: false };
        (part.body_text, part.body_html, part.updated_at) = (text, html, Millis(at));
        let back = Record::decode(&part.key(), &part.encode().unwrap());
        prop_assert_eq!(back, Ok(part));
    }

    #[test]
    fn no_bytes_make_decoding_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), version: bool) {
        if let (true, Some(first)) = (version, bytes.first_mut()) {
            *first = 1;
        }
        let key = [0; 8];
        drop(Contact::decode(&key, &bytes));
        drop(Thread::decode(&key, &bytes));
        drop(Part::decode(&key, &bytes));
        drop(Agent::decode(&key, &bytes));
        drop(Token::decode(&key, &bytes));
        drop(TicketType::decode(&key, &bytes));
        drop(TicketState::decode(&key, &bytes));
        drop(Link::decode(&key, &bytes));
        drop(Upload::decode(&key, &bytes));
        drop(Webhook::decode(&key, &bytes));
        drop(Notification::decode(&key, &bytes));
        drop(Delivery::decode(&key, &bytes));
        drop(Broadcast::decode(&key, &bytes));
        drop(IntakeRow::decode(&key, &bytes));
        drop(Logged::decode(&key, &bytes));
        drop(LedgerRow::decode(&key, &bytes));
        drop(MailLane::decode(&key, &bytes));
        drop(NamedCursor::decode(&key, &bytes));
        drop(Posted::decode(&key, &bytes));
        drop(Answered::decode(&key, &bytes));
    }
}
