//! Intake into a store that holds little and into one that holds much: it should cost the same.

use crate::lmtp::feed;
use crate::mails::mails;
use crate::program::Admin;
use crate::program::Program;
use crate::program::directory;
use crate::stored;
use crate::table::Table;
use crate::table::aimed;
use crate::table::median;
use crate::table::rate;
use deskgate::clock::instant;
use std::thread;
use std::time::Duration;

const SESSIONS: usize = 10;
/// The small store has a hundredth.
const SMALLER_BY: usize = 100;
/// At most so many times the CPU time for a mail.
const AIM: f64 = 1.3;
/// Longest wait for the index of words of what was there before.
const WORDS_WITHIN: Duration = Duration::from_secs(3_600);

pub fn measure(conversations: usize, count: usize, rounds: usize) {
    let sizes = [conversations / SMALLER_BY, conversations];
    let figures = sizes.map(|size| filled(size, count, rounds));
    let mut table =
        Table::new(&["conversations stored before", "messages/s", "per CPU second", "CPU time, large / small"]);
    for (at, (size, (speed, per_cpu_second))) in sizes.into_iter().zip(figures).enumerate() {
        let ratio = if at == 0 { String::new() } else { aimed(figures[0].1 / per_cpu_second, AIM, "") };
        table.row([size.to_string(), format!("{speed:.0}"), format!("{per_cpu_second:.0}"), ratio]);
    }
    table.print(&format!(
        "Intake into a growing store: {count} mails over {SESSIONS} sessions, median of {rounds} runs"
    ));
}

fn filled(size: usize, count: usize, rounds: usize) -> (f64, f64) {
    eprintln!("growth: a store of {size} conversations");
    let dir = directory();
    let stored = stored::fill(&dir.join("data"), size);
    let daemon = Program::start_in(dir, "");
    let admin = Admin::with_token(&daemon, &stored.token);
    let until_indexed = || {
        let until = instant() + WORDS_WITHIN;
        while admin.get("/api/search?q=order&per_page=1")["index"]["lag"] != 0 {
            assert!(instant() < until, "the index of words does not come to an end");
            thread::sleep(Duration::from_millis(200));
        }
    };
    until_indexed();
    let (mut speeds, mut per_cpu_second) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        eprintln!("growth: round {} of {rounds}", round + 1);
        let mails = mails(u64::try_from(90_000 + round).unwrap(), count);
        let before = daemon.cpu_time();
        speeds.push(rate(count, feed(daemon.address("lmtp"), &mails, SESSIONS)));
        // What the mails cost the index belongs to them.
        until_indexed();
        per_cpu_second.push(rate(count, daemon.cpu_time().saturating_sub(before)));
    }
    (median(speeds), median(per_cpu_second))
}
