//! Tests of the whole from outside, as one binary.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::too_many_lines,
    clippy::needless_pass_by_value,
    unreachable_pub,
    missing_debug_implementations,
    reason = "tests may fail loudly, and share this crate alone"
)]

mod agents_live;
mod agreement;
mod api_description;
mod bad_input;
mod brands;
mod broadcast_kill;
mod browser;
mod cli;
mod config_sample;
mod crawl;
mod demo;
mod desk_workload;
mod disk;
mod edge;
mod engine_contract;
mod flows;
mod full_disk;
mod fuzz;
mod inbound_imap;
mod intake_promises;
mod io_errors;
mod layers;
mod mailbox_alarms;
mod mailbox_daemon;
mod messenger;
mod outbound_smtp;
mod passed_sockets;
mod relays;
mod restart;
mod sdk;
mod search;
mod sent_folder;
mod sources;
mod supervision;
mod support;
mod tidy;
mod torn_write;
mod two_daemons;
mod unit_file;
mod webhooks;
mod workload;
