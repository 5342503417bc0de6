//! What came in, and how far it was read: arrivals, files sent ahead, mailboxes and answered requests.

use crate::domain::alarm::Alarm;
use crate::domain::delivery_class::DeliveryClass;
use crate::domain::id::AttachmentId;
use crate::domain::id::IntakeId;
use crate::domain::id::PartId;
use crate::domain::intake::IntakeResult;
use crate::domain::intake::IntakeRow;
use crate::domain::mailbox_cursor::ImapFeature;
use crate::domain::mailbox_cursor::MailboxCursor;
use crate::domain::part::PlacedBy;
use crate::domain::upload::Upload;
use crate::domain::upload::UploadedBy;
use crate::store::requests::Answered;
use crate::store::requests::KeptAnswer;
use crate::store::sample::AGENT;
use crate::store::sample::ANA;
use crate::store::sample::BACK_OFFICE;
use crate::store::sample::BEN;
use crate::store::sample::CAPTURED;
use crate::store::sample::CONVERSATION;
use crate::store::sample::FIRST_PART;
use crate::store::sample::RAW;
use crate::store::sample::TRACKER;
use crate::store::sample::address;
use crate::store::sample::at;
use crate::store::sample::blob;

pub(crate) fn intake_rows() -> Vec<IntakeRow> {
    let part = PartId(FIRST_PART);
    let results = [
        IntakeResult::Part { thread: CONVERSATION, part, placed_by: PlacedBy::ReplyToken },
        IntakeResult::Duplicate { of: IntakeId(301), thread: CONVERSATION },
        IntakeResult::Quarantined { error: "panic while reading".to_owned() },
        IntakeResult::Own,
        IntakeResult::Unsubscribed { contact: BEN, tracker: TRACKER },
    ];
    let row = |(id, result)| IntakeRow {
        id: IntakeId(id),
        raw: Some(blob(RAW)),
        raw_bytes: 25,
        at: at(id),
        source: "lmtp 127.0.0.1:1".to_owned(),
        reverse_path: Some(String::new()),
        recipients: vec!["help@example.org".to_owned()],
        support_address: Some(address("help@example.org")),
        message_id: "first@example.com".to_owned(),
        class: Some(DeliveryClass::Human),
        result,
    };
    (301..).zip(results).map(row).collect()
}

pub(crate) fn uploads() -> Vec<Upload> {
    let upload = |id, by, held_by| Upload {
        id: AttachmentId(id),
        by,
        name: "a.txt".to_owned(),
        content_type: "text/plain".to_owned(),
        size: 6,
        blob: blob(CAPTURED),
        created_at: at(id),
        held_by,
    };
    vec![upload(141, UploadedBy::Agent(AGENT), Some(BACK_OFFICE)), upload(142, UploadedBy::Contact(ANA), None)]
}

pub(crate) fn alarm() -> Alarm {
    let words = "the consent is no longer good".to_owned();
    Alarm { name: "mailbox support needs_auth".to_owned(), id: 75, words, since: at(1), told_at: Some(at(2)) }
}

pub(crate) fn cursor() -> MailboxCursor {
    MailboxCursor {
        uid_validity: u32::MAX,
        done: vec![(1, 3), (7, u32::MAX)],
        owed: vec![(2, 3)],
        refused: vec![ImapFeature::Idle, ImapFeature::Move],
    }
}

pub(crate) fn answered() -> Answered {
    let answer = KeptAnswer { status: 200, json: b"{}".to_vec() };
    Answered { key: [7; 32], body: [8; 32], created_at: at(1), answer: Some(answer) }
}
