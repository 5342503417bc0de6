//! Mail in over LMTP, each acknowledged after its commit, beside the wire's, the parser's and the disk's limit.

use crate::bare;
use crate::lmtp::feed;
use crate::mails::Mail;
use crate::mails::mails;
use crate::program::Program;
use crate::program::Sink;
use crate::table::Table;
use crate::table::aimed;
use crate::table::median;
use crate::table::number;
use crate::table::rate;

const SESSIONS: [usize; 3] = [1, 10, 50];
/// The sessions for which there is an aim, and what it is: at most so many times slower than the slower limit.
const AIM: (usize, f64) = (10, 3.0);

/// What one run over one set of mails gave, in messages per second.
#[derive(Clone, Copy)]
struct Run {
    daemon: f64,
    per_cpu_second: f64,
    per_commit: f64,
    wire: f64,
    bare: f64,
}

pub fn measure(count: usize, rounds: usize) {
    let mut table = Table::new(&[
        "LMTP sessions",
        "deskgate, messages/s",
        "per CPU second",
        "per commit",
        "smtp-sink (wire)",
        "mail-parser + redb (compute, disk)",
        "slower limit / deskgate",
    ]);
    let mut seed = 0;
    for sessions in SESSIONS {
        let mut runs = Vec::new();
        for round in 0..rounds {
            eprintln!("intake: {sessions} sessions, round {} of {rounds}", round + 1);
            seed += 1;
            runs.push(run(&mails(seed, count), sessions));
        }
        let of = |figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
        let ratio = of(|run| run.wire.min(run.bare) / run.daemon);
        let is_aimed_at = sessions == AIM.0;
        table.row([
            sessions.to_string(),
            format!("{:.0}", of(|run| run.daemon)),
            format!("{:.0}", of(|run| run.per_cpu_second)),
            format!("{:.1}", of(|run| run.per_commit)),
            if of(|run| run.wire).is_finite() { format!("{:.0}", of(|run| run.wire)) } else { "no Postfix".to_owned() },
            format!("{:.0}", of(|run| run.bare)),
            if is_aimed_at { aimed(ratio, AIM.1, "") } else { format!("{ratio:.1}") },
        ]);
    }
    table.print(&format!("Intake: {count} mails, median of {rounds} runs"));
    limits(&mails(seed + 1, count));
}

fn run(mails: &[Mail], sessions: usize) -> Run {
    let wire = Sink::start().map_or(f64::INFINITY, |sink| rate(mails.len(), feed(sink.address, mails, sessions)));
    let bare = rate(mails.len(), bare::parse_and_commit(mails, sessions));
    let daemon = Program::start();
    let (cpu_before, commits_before) = (daemon.cpu_time(), daemon.metric("commits_total", ""));
    let took = feed(daemon.address("lmtp"), mails, sessions);
    let cpu = daemon.cpu_time().saturating_sub(cpu_before);
    let commits = daemon.metric("commits_total", "") - commits_before;
    let parts = ["new_conversation", "part"].map(|result| daemon.metric("intake_total", result)).iter().sum::<u64>();
    assert_eq!(parts, u64::try_from(mails.len()).unwrap(), "every mail is a part");
    Run {
        daemon: rate(mails.len(), took),
        per_cpu_second: rate(mails.len(), cpu),
        per_commit: number(mails.len()) / number(usize::try_from(commits).unwrap()),
        wire,
        bare,
    }
}

/// What the limits are made of.
fn limits(mails: &[Mail]) {
    eprintln!("intake: limits");
    let mut table = Table::new(&["limit, on the same mails", "messages/s", "MB/s"]);
    let bytes: usize = mails.iter().map(|mail| mail.raw().len()).sum();
    let values = || mails.iter().map(Mail::raw);
    for (name, took) in [
        ("mail-parser, one thread", bare::parse(mails)),
        ("redb, one mail per commit", bare::commit(values(), 1)),
        ("redb, ten mails per commit", bare::commit(values(), 10)),
        ("a synced file per mail, one thread", bare::files(mails, 1)),
        ("a synced file per mail, ten threads", bare::files(mails, 10)),
    ] {
        let mb_per_s = number(bytes) / 1e6 / took.as_secs_f64();
        table.row([name.to_owned(), format!("{:.0}", rate(mails.len(), took)), format!("{mb_per_s:.1}")]);
    }
    table.print(&format!("What bounds intake: {:.1} KB per mail on average", number(bytes / mails.len()) / 1e3));
}
