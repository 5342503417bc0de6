//! P1: no acknowledged change is lost and no store left inconsistent or unreadable by a loss of power, whatever became of
//! the writes that were not synced, generation after generation, recovery included.
//!
//! `DESKGATE_TEST_CRASHES` says how often the power goes (default 2,000), `DESKGATE_TEST_SEED` where to begin.

use crate::disk::Disk;
use crate::ledger::Ledger;
use crate::workload::crash_again_and_again;

#[expect(clippy::disallowed_methods, reason = "settings of a test")]
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |value| value.parse().unwrap())
}

#[test]
fn p1_nothing_acknowledged_is_lost_when_the_power_goes() {
    let crashes = setting("DESKGATE_TEST_CRASHES", 2_000);
    let seed = setting("DESKGATE_TEST_SEED", 1);
    let tally = crash_again_and_again(seed, crashes, Disk::default, Ledger::new).unwrap();
    println!("{tally:?} from seed {seed}");
    assert!(tally.steps > crashes, "hardly anything was committed between the crashes: {tally:?}");
    assert!(tally.audits > crashes / 2);
}

/// Positive control: a disk whose syncs do nothing must be found out, or the simulation proves nothing.
#[test]
fn p1_a_disk_that_lies_about_syncs_is_found_out() {
    let caught = (1..=50).filter(|seed| crash_again_and_again(*seed, 4, Disk::lying, Ledger::new).is_err()).count();
    println!("{caught} of 50 stores on a lying disk were found damaged");
    assert!(caught >= 40, "{caught} of 50");
}
