//! Agents' answers out of the queue into Postfix's `smtp-sink`, beside Postfix's `smtp-source`, which sends one of these mails
//! over and over to the same sink over as many connections.

use crate::lmtp::feed;
use crate::mails::mails;
use crate::program::Admin;
use crate::program::Program;
use crate::program::Sink;
use crate::program::directory;
use crate::sink;
use crate::table::Table;
use crate::table::aimed;
use crate::table::median;
use crate::table::number;
use crate::table::rate;
use deskgate::clock::instant;
use serde_json::Value;
use serde_json::json;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

const SOURCE: &str = "/usr/sbin/smtp-source";
/// Connections to the sink, ours and `smtp-source`'s.
const CONNECTIONS: [usize; 3] = [1, 4, 20];
/// At most so many times as long as `smtp-source` takes.
const AIM: f64 = 2.0;
/// Longest time for the queue.
const SENT_WITHIN: Duration = Duration::from_secs(1_800);

/// Between two looks at the metrics, which cost the daemon something.
const LOOKS: Duration = Duration::from_millis(20);

/// One queue, sent.
struct Run {
    took: Duration,
    cpu: Duration,
    commits: u64,
}

pub fn measure(count: usize, rounds: usize) {
    let columns = [
        "connections",
        "mails/s",
        "smtp-source, mails/s",
        "CPU, ms per mail",
        "mails per commit",
        "smtp-source / deskgate",
    ];
    let mut table = Table::new(&columns);
    if !fs::exists(SOURCE).unwrap() {
        table.row(["no Postfix".to_owned()].into_iter().chain((1..columns.len()).map(|_| String::new())));
        return table.print("Out of the queue");
    }
    for connections in CONNECTIONS {
        let (mut ours, mut bare, mut cpu, mut commits) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for round in 1..=rounds {
            eprintln!("outgoing: {count} mails over {connections} connections, round {round}");
            let (run, sample) = queued_and_sent(count, connections);
            ours.push(rate(count, run.took));
            cpu.push(run.cpu.as_secs_f64() * 1e3 / number(count));
            commits.push(number(count) / number(usize::try_from(run.commits).unwrap()));
            bare.push(rate(count, source(&sample, count, connections)));
        }
        let (ours, bare) = (median(ours), median(bare));
        table.row([
            connections.to_string(),
            format!("{ours:.0}"),
            format!("{bare:.0}"),
            format!("{:.2}", median(cpu)),
            format!("{:.1}", median(commits)),
            aimed(bare / ours, AIM, ""),
        ]);
    }
    table.print(&format!("Out of the queue: {count} agents' answers into smtp-sink"));
}

/// Answers to so many mails wait until the queue may go; until the relay took the last one. With one of the mails.
fn queued_and_sent(count: usize, connections: usize) -> (Run, String) {
    let taste = sink::Sink::start();
    let sink = Sink::start_smtp().unwrap();
    let dir = directory();
    let daemon = Program::start_in(dir.clone(), &relay(taste.address, 1));
    let admin = daemon.admin();
    without_notices(&admin);
    // A third of these mails begin a conversation; answers to one that wait together would be one mail.
    feed(daemon.address("lmtp"), &mails(77_000, count * 4 + 20), 10);
    let mut waiting = conversations(&|path| admin.get(path));
    assert!(waiting.len() > count, "conversations: {}", waiting.len());
    // The first answer goes to a sink that keeps it, as what `smtp-source` is to send.
    let answer = |id: &String, n: usize| {
        let body = format!(
            "<p>Dear customer,</p><p>your order {n} left us today and will be with you the day after tomorrow.</p>"
        );
        admin.post(
            &format!("/api/conversations/{id}/reply"),
            &json!({"message_type": "comment", "type": "admin", "body": body}),
        );
    };
    answer(&waiting.pop().unwrap(), 0);
    wait_until("the first answer", || taste.taken() >= 1);
    daemon.cli(&["queue", "pause"]);
    for (n, id) in waiting.iter().take(count).enumerate() {
        answer(id, n + 1);
    }
    drop(daemon);
    fs::remove_file(dir.join("data/run/addresses.json")).unwrap();
    let daemon = Program::start_in(dir, &relay(sink.address, connections));
    let sent = || daemon.metric("deliveries", "state=\"sent\"");
    let all = sent() + u64::try_from(count).unwrap();
    let (cpu_before, commits_before) = (daemon.cpu_time(), daemon.metric("commits_total", ""));
    let begun = instant();
    daemon.cli(&["queue", "resume"]);
    wait_until("the queue to be sent", || sent() >= all);
    let run = Run {
        took: begun.elapsed(),
        cpu: daemon.cpu_time().saturating_sub(cpu_before),
        commits: (daemon.metric("commits_total", "") - commits_before).max(1),
    };
    (run, taste.sample())
}

/// The agent is mailed nothing of what comes in: the queue holds answers alone.
fn without_notices(admin: &Admin) {
    let id = admin.get("/api/me")["id"].as_str().unwrap().to_owned();
    let path = format!("/api/admins/{id}/notifications");
    let kinds =
        admin.get(&path)["email"].as_object().unwrap().keys().map(|kind| (kind.clone(), json!(false))).collect();
    admin.put(&path, &json!({"email": Value::Object(kinds)}));
}

fn relay(to: SocketAddr, connections: usize) -> String {
    format!(
        "\n[[relay]]\nname = \"default\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nconnections = {connections}\n\
         rate_per_minute = 1000000\n[limits]\napi_per_token_per_minute = 60000000\n\
         api_per_workspace_per_minute = 60000000\n",
        to.port()
    )
}

fn conversations(get: &dyn Fn(&str) -> Value) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(&format!("/api/conversations?per_page=150&starting_after={after}"));
        ids.extend(page["conversations"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()));
        match page["pages"]["next"]["starting_after"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => return ids,
        }
    }
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let until = instant() + SENT_WITHIN;
    while !done() {
        assert!(instant() < until, "{what}: not within {SENT_WITHIN:?}");
        thread::sleep(LOOKS);
    }
}

/// How long `smtp-source` takes for as many mails like this one.
fn source(sample: &str, count: usize, connections: usize) -> Duration {
    let sink = Sink::start_smtp().unwrap();
    let dir = directory();
    let file = dir.join("mail");
    fs::write(&file, sample.trim_end_matches(".\r\n").replace("\r\n", "\n")).unwrap();
    let begun = instant();
    send(&file, sink.address, count, connections);
    begun.elapsed()
}

fn send(file: &Path, to: SocketAddr, count: usize, connections: usize) {
    let mut command = Command::new(SOURCE);
    command.args(["-4", "-d", "-N", "-f", "support@example.com", "-t", "customer@example.org", "-F"]).arg(file);
    command.args(["-s", &connections.to_string(), "-m", &count.to_string(), &to.to_string()]);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "smtp-source: {status}");
}
