//! A broadcast in any state, and a row of its ledger of every kind.

use crate::domain::broadcast::After;
use crate::domain::broadcast::Broadcast;
use crate::domain::broadcast::BroadcastState;
use crate::domain::broadcast::EmailPolicy;
use crate::domain::broadcast::LedgerKey;
use crate::domain::broadcast::Only;
use crate::domain::broadcast::Options;
use crate::domain::broadcast::PauseCause;
use crate::domain::broadcast::Phase;
use crate::domain::delivery::SkipReason;
use crate::domain::id::BroadcastId;
use crate::domain::id::ContactId;
use crate::domain::id::DeliveryId;
use crate::domain::id::EventSeq;
use crate::domain::id::PartId;
use crate::domain::id::StateId;
use crate::domain::ledger::LedgerEntry;
use crate::domain::ledger::LedgerState;
use crate::store::sample::AGENT;
use crate::store::sample::ANA;
use crate::store::sample::BACK_OFFICE;
use crate::store::sample::BEN;
use crate::store::sample::CONVERSATION;
use crate::store::sample::FIRST_DELIVERY;
use crate::store::sample::FIRST_PART;
use crate::store::sample::TRACKER;
use crate::store::sample::at;

pub(crate) fn broadcast(id: BroadcastId, state: BroadcastState) -> Broadcast {
    Broadcast {
        id,
        tracker: TRACKER,
        author: AGENT,
        author_name: "Ria".to_owned(),
        state,
        subject: "Fixed".to_owned(),
        body: "It **works**".to_owned(),
        attachments: Vec::new(),
        options: Options {
            set_customer_ticket_state: Some(StateId(34)),
            tracker_state: Some(StateId(33)),
            after: After::SnoozeUntil(at(90)),
            only: Only::OpenThreads,
            email: EmailPolicy::Always,
            rate_per_minute: Some(600),
            scheduled_at: Some(at(80)),
            excluded_contacts: vec![ContactId(13)],
            excluded_threads: vec![BACK_OFFICE],
        },
        created_at: at(1),
        updated_at: at(2),
        started_at: Some(at(3)),
        finished_at: Some(at(4)),
        set_until: Some(at(5)),
        phase: Phase::Posting,
        cursor: Some(CONVERSATION),
        pause_cause: Some(PauseCause::RelayDown),
        paused_at: Some(at(6)),
        paused_ms: 7,
        late: false,
        redacted_at: None,
        sweep: None,
        tested_at: vec![at(8)],
    }
}

pub(crate) fn ledger() -> Vec<(LedgerKey, LedgerEntry)> {
    let row =
        |state| LedgerEntry { part: Some(PartId(FIRST_PART + 3)), ..LedgerEntry::new(state, CONVERSATION, at(1)) };
    let posted = LedgerEntry { state_skipped: Some(SkipReason::RequiredToClose), ..row(LedgerState::Sent) };
    let owed = LedgerEntry { delivery: Some(DeliveryId(FIRST_DELIVERY + 3)), ..row(LedgerState::Uncertain) };
    let seen = LedgerEntry {
        seen_at: Some(at(2)),
        replied_at: Some(at(3)),
        log_seq: Some(EventSeq(4)),
        ..row(LedgerState::Seen)
    };
    let skipped = LedgerEntry::new(LedgerState::Skipped(SkipReason::DuplicateAddress), CONVERSATION, at(1));
    vec![
        (LedgerKey::Thread(CONVERSATION), posted),
        (LedgerKey::Email(ANA), owed),
        (LedgerKey::Email(BEN), skipped),
        (LedgerKey::Messenger(ANA), seen),
    ]
}
