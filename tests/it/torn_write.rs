//! P1: nothing the desk acknowledged is lost, doubled or half there after a loss of power, whatever became of the writes
//! that were not synced, generation after generation, recovery included.
//!
//! `DESKGATE_TEST_CRASHES` says how often the power goes (default 600), `DESKGATE_TEST_SEED` where to begin.

use crate::desk_workload::DeskWorkload;
use crate::desk_workload::Image;
use crate::workload::crash_again_and_again;

#[expect(clippy::disallowed_methods, reason = "settings of a test")]
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |value| value.parse().unwrap())
}

/// How often the power goes.
pub fn crashes(default: u64) -> u64 {
    setting("DESKGATE_TEST_CRASHES", default)
}

#[test]
fn p1_nothing_acknowledged_is_lost_when_the_power_goes() {
    let crashes = crashes(600);
    let seed = setting("DESKGATE_TEST_SEED", 1);
    let image = Image::get();
    let tally = crash_again_and_again(seed, crashes, || image.disk(), DeskWorkload::new).unwrap();
    println!("{tally:#?} from seed {seed}");
    assert!(tally.steps > crashes, "hardly anything was committed between the crashes: {tally:?}");
    assert!(tally.audits > crashes / 2);
}

/// Positive control: a disk whose syncs do nothing must be found out, or the simulation proves nothing.
#[test]
fn p1_a_disk_that_lies_about_syncs_is_found_out() {
    let image = Image::get();
    let is_caught = |seed: &u64| crash_again_and_again(*seed, 4, || image.disk().lie(), DeskWorkload::new).is_err();
    let caught = (1..=20).filter(is_caught).count();
    println!("{caught} of 20 stores on a lying disk were found damaged");
    assert!(caught >= 16, "{caught} of 20");
}

/// Positive control: a disk that comes back whole but without anything since the beginning must be found out by the audit.
#[test]
fn p1_the_audit_finds_what_a_forgetful_disk_lost() {
    let image = Image::get();
    let found: Vec<String> = (1..=20)
        .filter_map(|seed| crash_again_and_again(seed, 4, || image.disk().forget(), DeskWorkload::new).err())
        .collect();
    println!("{} of 20 losses were found: {found:#?}", found.len());
    assert!(found.len() >= 18);
    assert!(found.iter().all(|why| !why.contains("not opened")), "the store itself was damaged");
}

/// Positive control: a desk that acknowledges before the commit must be found out.
#[test]
fn p1_a_desk_that_acknowledges_before_the_commit_is_found_out() {
    let image = Image::get();
    let is_caught = |seed: &u64| crash_again_and_again(*seed, 4, || image.disk(), DeskWorkload::hasty).is_err();
    let caught = (1..=20).filter(is_caught).count();
    println!("{caught} of 20 desks that acknowledged too early were found out");
    assert!(caught >= 16, "{caught} of 20");
}
