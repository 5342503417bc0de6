//! Figures of the real daemon, each beside a limit measured in the same run: `cargo bench --bench daemon`.
//!
//! What each figure means, and what was measured, is in `benches/README.md`. Nothing here asserts a speed: a figure that
//! misses its aim is printed as such. What the daemon must do at any speed (every mail becomes a part, every socket gets
//! its event) is asserted, because a figure of something else would be worthless.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::large_futures,
    unreachable_pub,
    missing_debug_implementations,
    reason = "a measuring program may fail loudly, and prints its figures"
)]

mod ack;
mod api;
mod bare;
mod broadcast;
mod caller;
mod catch_up;
mod deliver;
mod echo;
mod fanout;
mod growth;
#[path = "../../tests/it/support/http_client.rs"]
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
mod http_client;
mod idle;
mod intake;
mod linear;
mod lmtp;
mod machine;
mod mails;
mod memory;
mod nchan;
mod opening;
mod outgoing;
mod peers;
mod program;
mod sink;
mod socket;
mod stored;
mod storm;
#[path = "../../tests/it/support"]
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
mod support {
    //! What the tests have as well, under the name they know it by.

    pub mod dovecot;
    pub mod setting;
}
mod table;

use clap::Parser;
use std::process::ExitCode;

/// Measures the daemon of this build.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench daemon --")]
struct Options {
    /// What to measure: intake, peers, growth, catch-up, echo, fanout, broadcast, outgoing, linear, memory, idle, deliver, ack, storm, opening, api; all of it by default
    #[arg(value_parser = ["intake", "peers", "growth", "catch-up", "echo", "fanout", "broadcast", "outgoing", "linear", "memory", "idle", "deliver", "ack", "storm", "opening", "api"])]
    parts: Vec<String>,
    /// Mails of one intake run
    #[arg(long, default_value_t = 2_000)]
    messages: usize,
    /// Runs of which the median is told
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Sockets of the fan-out; the memory of idle ones is measured with as many and with five times as many, and a broadcast
    /// by mail is read by five times as many
    #[arg(long, default_value_t = 1_000)]
    sockets: usize,
    /// Recipients of the largest broadcast; two more have a tenth and a hundredth
    #[arg(long, default_value_t = 100_000)]
    recipients: usize,
    /// Conversations of the large store for the API; the small one has a thousandth
    #[arg(long, default_value_t = 1_000_000)]
    conversations: usize,
    /// Mails in the folder that is read by IMAP
    #[arg(long, default_value_t = 20_000)]
    folder: usize,
    /// Requests of each kind to the API
    #[arg(long, default_value_t = 4_000)]
    requests: usize,
    /// Idle sockets
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
    /// Small sizes, to see that it works
    #[arg(long)]
    quick: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
    /// Be the bare websocket server of the idle sockets, and write its address into this file
    #[arg(long, hide = true)]
    bare_server: Option<std::path::PathBuf>,
    /// The limit of descriptors was raised as far as it goes
    #[arg(long, hide = true)]
    raised: bool,
}

fn main() -> ExitCode {
    let mut options = Options::parse();
    if !options.bench {
        println!("nothing measured: figures of an unoptimised build say nothing; use cargo bench --bench daemon");
        return ExitCode::SUCCESS;
    }
    if let Some(file) = &options.bare_server {
        return idle::serve_bare(file);
    }
    if options.quick {
        options.idle = 200;
        (options.messages, options.rounds, options.sockets) = (200, 1, 50);
        (options.conversations, options.requests, options.recipients) = (10_000, 160, 1_000);
        options.folder = 500;
    }
    let descriptors = u64::try_from((options.sockets * 5).max(options.idle) + 500).unwrap();
    if machine::descriptors_max() < descriptors && !options.raised {
        return machine::again_with_more_descriptors();
    }
    let _room = program::room();
    println!("{}\n", machine::described());
    let wanted = |part: &str| options.parts.is_empty() || options.parts.iter().any(|it| it == part);
    if wanted("intake") {
        intake::measure(options.messages, options.rounds);
    }
    if wanted("peers") {
        peers::measure(options.messages, options.rounds);
    }
    if wanted("growth") {
        growth::measure(options.conversations, options.messages, options.rounds);
    }
    if wanted("catch-up") {
        catch_up::measure(options.folder);
    }
    if wanted("echo") {
        echo::measure(if options.quick { 10 } else { 50 });
    }
    if wanted("fanout") {
        fanout::measure(options.sockets, options.rounds);
    }
    if wanted("broadcast") {
        broadcast::measure(options.recipients, options.sockets * 5);
    }
    if wanted("outgoing") {
        outgoing::measure(options.messages, options.rounds);
    }
    if wanted("linear") {
        linear::measure(if options.quick { 100_000 } else { 10_000_000 });
    }
    if wanted("memory") {
        memory::measure(options.sockets);
    }
    if wanted("idle") {
        idle::measure(options.idle);
    }
    if wanted("deliver") {
        deliver::measure(options.sockets, options.rounds);
    }
    if wanted("ack") {
        ack::measure(options.sockets, if options.quick { 50 } else { 500 });
    }
    if wanted("storm") {
        storm::measure(options.sockets * 5);
    }
    if wanted("opening") {
        opening::measure(if options.quick { 1 } else { 10 });
    }
    if wanted("api") {
        api::measure(options.conversations, options.requests);
    }
    ExitCode::SUCCESS
}
