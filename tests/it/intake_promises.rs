//! P3: whatever is accepted is somewhere, and once. P6: a message that takes the process down is set aside.

use crate::desk_workload::DeskWorkload;
use crate::desk_workload::Image;
use crate::desk_workload::SUPPORT;
use crate::desk_workload::address;
use crate::desk_workload::desk;
use crate::workload::Workload;
use crate::workload::start;
use deskgate::desk::Desk;
use deskgate::desk::mail::arrival::Accepted;
use deskgate::desk::mail::arrival::Arrival;
use deskgate::desk::mail::arrival::ArrivalSource;
use deskgate::desk::mail::arrival::MailDoor;
use deskgate::domain::attachment::BlobHash;
use deskgate::domain::id::Millis;
use deskgate::domain::intake::IntakeResult;
use deskgate::store;
use deskgate::store::Store;
use deskgate::store::attempts::Attempts;
use std::path::Path;

const NOW: Millis = Millis(1_790_000_000_000);

/// Every kind of step the workload can have acknowledged.
const KINDS: [&str; 26] = [
    "Back-office ticket",
    "agent's comment",
    "broadcast",
    "broadcast batch",
    "change of state",
    "conversion",
    "cross-post batch",
    "cross-posted note",
    "link",
    "mail deferred",
    "mail failed",
    "mail in doubt",
    "mail once more",
    "mail sent",
    "mail skipped",
    "mail that answers",
    "new mail",
    "note",
    "own mail",
    "post",
    "post once more",
    "seen",
    "several in one commit",
    "sweep",
    "unreadable mail",
    "worker that died past the dot",
];

#[test]
fn p3_accepted_are_parts_duplicates_our_own_and_quarantine_and_nothing_else() {
    let disk = Image::get().disk();
    let mut workload = DeskWorkload::new(11);
    let life = start(&mut workload, &disk).unwrap_or_else(|stop| panic!("{stop:?}"));
    for n in 0..800 {
        workload.step(&life).unwrap_or_else(|stop| panic!("step {n}: {stop:?}"));
    }
    workload.calm(&life).unwrap_or_else(|stop| panic!("{stop:?}"));
    workload.audit(&life).unwrap();
    let rows = life.store.view(|tx| store::intake::newest(tx, None, usize::MAX)).unwrap();
    let count = |is: fn(&IntakeResult) -> bool| rows.iter().filter(|row| is(&row.result)).count() as u64;
    let counted = [
        count(|result| matches!(result, IntakeResult::Part { .. })),
        count(|result| matches!(result, IntakeResult::Duplicate { .. })),
        count(|result| matches!(result, IntakeResult::Own)),
        count(|result| matches!(result, IntakeResult::Quarantined { .. })),
    ];
    let accepted = workload.book.arrivals;
    assert_eq!(counted, [accepted.part, accepted.duplicate, accepted.own, accepted.quarantined]);
    assert_eq!(counted.iter().sum::<u64>(), rows.len() as u64);
    assert_eq!(life.desk.status().unwrap().quarantined, accepted.quarantined);
    let missing: Vec<_> = KINDS.iter().filter(|kind| !workload.acknowledged().contains_key(*kind)).collect();
    assert!(missing.is_empty(), "never happened: {missing:?}");
    assert_eq!(workload.acknowledged().len(), KINDS.len(), "{:?}", workload.acknowledged());
}

fn mail(n: u32) -> Vec<u8> {
    format!("To: {SUPPORT}\r\nFrom: ana@example.com\r\nMessage-ID: <{n}@example.com>\r\n\r\nHello\r\n").into_bytes()
}

async fn accept(desk: &Desk, raw: Vec<u8>) -> Accepted {
    let source = ArrivalSource::Lmtp { peer: "127.0.0.1:1 test".to_owned() };
    let recipients = vec![address(SUPPORT)];
    desk.accept(Arrival { source, reverse_path: None, recipients, raw }).await.unwrap()
}

/// What processes that died while reading `raw` leave on disk.
fn die_reading(data_dir: &Path, raw: &[u8], times: u32) {
    for before in 0..times {
        assert_eq!(Attempts::open(data_dir).unwrap().begin(BlobHash::of(raw)), before);
    }
}

#[tokio::test]
async fn p6_a_message_whose_reading_died_twice_is_quarantined_unread_and_the_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    die_reading(dir.path(), &mail(1), 1);
    die_reading(dir.path(), &mail(2), 2);
    let desk = desk(Store::in_memory().unwrap(), dir.path(), NOW).await.unwrap();
    assert!(matches!(accept(&desk, mail(1)).await, Accepted::Part { .. }), "once may have been chance");
    let Accepted::Quarantined(id) = accept(&desk, mail(2)).await else { panic!("it was read a third time") };
    assert!(matches!(accept(&desk, mail(3)).await, Accepted::Part { .. }), "the next one is none the worse");
    let (row, raw) = desk.quarantined(None, id).unwrap();
    assert_eq!((raw, row.class), (mail(2), None), "whole, and unread");
    assert_eq!(desk.retry_quarantined(None, id).await.unwrap().id, id);
    assert_eq!(desk.quarantine(None, 10).unwrap().len(), 0, "a person who tries it again may have mended the reader");
    assert_eq!(desk.verify().unwrap(), Vec::<String>::new());
}

/// A sender that never saw its 250 tries again, and the process may die over that, too.
#[tokio::test]
async fn p2_a_message_that_is_stored_is_not_quarantined_beside_itself() {
    let dir = tempfile::tempdir().unwrap();
    let desk = desk(Store::in_memory().unwrap(), dir.path(), NOW).await.unwrap();
    let Accepted::Part { thread, .. } = accept(&desk, mail(1)).await else { panic!("not taken") };
    die_reading(dir.path(), &mail(1), 2);
    assert_eq!(accept(&desk, mail(1)).await, Accepted::Duplicate(thread));
    assert_eq!(desk.status().unwrap().quarantined, 0);

    die_reading(dir.path(), &mail(2), 2);
    assert!(matches!(accept(&desk, mail(2)).await, Accepted::Quarantined(_)));
    assert!(matches!(accept(&desk, mail(2)).await, Accepted::Part { .. }), "nobody died over it this time");
    assert_eq!(desk.status().unwrap().quarantined, 0, "it is in one place");
    assert!(matches!(accept(&desk, mail(2)).await, Accepted::Duplicate(_)));
    assert_eq!(desk.verify().unwrap(), Vec::<String>::new());
}

/// The mark is on disk before the reading begins and gone when it has ended.
#[tokio::test]
async fn p6_reading_that_ends_leaves_no_mark() {
    let dir = tempfile::tempdir().unwrap();
    let desk = desk(Store::in_memory().unwrap(), dir.path(), NOW).await.unwrap();
    for n in 0..3 {
        accept(&desk, mail(n)).await;
        accept(&desk, mail(n)).await;
        assert_eq!(Attempts::open(dir.path()).unwrap().begin(BlobHash::of(&mail(n))), 0);
    }
}
