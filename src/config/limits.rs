//! `[limits]` and `[log]`.

use crate::config::reader::Section;
use crate::config::value::shown;
use crate::domain::mail_limits::Limit;
use crate::domain::mail_limits::MailLimits;
use tracing_subscriber::EnvFilter;

/// `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest mail taken in, in bytes (EML-9).
    pub message_bytes_max: u64,
    /// Largest mail that is fetched from a mailbox when somebody asks for it, in bytes.
    pub fetched_message_bytes_max: u64,
    /// Recipients of one SMTP or LMTP transaction.
    pub recipients_max: usize,
    /// Open connections of each of `[smtp]` and `[lmtp]`.
    pub mail_connections_max: usize,
    /// Of these, from one address.
    pub mail_connections_per_ip_max: usize,
    /// Mails of one sender that one host may hand over by SMTP a minute.
    pub mails_per_sender_per_minute: u32,
    /// Memory for mails that are coming in, in bytes.
    pub inflight_bytes_max: u64,
    /// Less free space than this counts as a full disk, in bytes.
    pub disk_reserve_bytes: u64,
    /// Requests of the API that are answered with one token, a minute (API-6).
    pub api_per_token_per_minute: u32,
    /// With all tokens together.
    pub api_per_workspace_per_minute: u32,
    /// A broadcast to more contacts than this needs its number typed (BRC-15).
    pub broadcast_confirm_over: u64,
    /// Posts of broadcasts into threads in a second (BRC-31).
    pub broadcast_posts_per_s: u64,
    /// Messenger sockets of the process.
    pub sockets_max: usize,
    /// Of these, of one contact (MSG-43).
    pub sockets_per_contact_max: usize,
    /// Automatic mail, and conversations begun by mail (EML-86, EML-88).
    pub mail: MailLimits,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object per line.
    Json,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A level (`info`), or directives per module (`info,deskgate::channel=debug`).
    pub level: String,
    /// Form of the lines.
    pub format: LogFormat,
}

pub(crate) fn limits(section: Section<'_>) -> Limits {
    const MIB: u64 = 1 << 20;
    let count = |key, max, default| usize::try_from(section.number(key, 1..=max, default)).unwrap_or(1);
    let per_minute =
        |key, default: u32| u32::try_from(section.number(key, 6..=60_000_000, u64::from(default))).unwrap_or(default);
    let limits = Limits {
        message_bytes_max: section.number("message_bytes_max", 65_536..=512 * MIB, 50 * MIB),
        fetched_message_bytes_max: section.number("fetched_message_bytes_max", 65_536..=2_048 * MIB, 256 * MIB),
        recipients_max: count("recipients_max", 10_000, 100),
        mail_connections_max: count("mail_connections_max", 10_000, 200),
        mail_connections_per_ip_max: count("mail_connections_per_ip_max", 10_000, 50),
        mails_per_sender_per_minute: per_minute("mails_per_sender_per_minute", 120),
        inflight_bytes_max: section.number("inflight_bytes_max", MIB..=64 * 1024 * MIB, 256 * MIB),
        disk_reserve_bytes: section.number("disk_reserve_bytes", 0..=1024 * 1024 * MIB, 64 * MIB),
        api_per_token_per_minute: per_minute("api_per_token_per_minute", 10_000),
        api_per_workspace_per_minute: per_minute("api_per_workspace_per_minute", 25_000),
        broadcast_confirm_over: section.number("broadcast_confirm_over", 0..=1_000_000, 500),
        broadcast_posts_per_s: section.number("broadcast_posts_per_s", 1..=100_000, 5_000),
        sockets_max: count("sockets_max", 1_000_000, 10_000),
        sockets_per_contact_max: count("sockets_per_contact_max", 100_000, 10),
        mail: MailLimits {
            per_address: Limit::in_3_h(section.number("automatic_per_address", 1..=100_000, 10)),
            per_subject: Limit::in_3_h(section.number("automatic_per_subject", 1..=100_000, 2)),
            per_thread: Limit::hourly(section.number("automatic_per_thread_hourly", 1..=100_000, 10)),
            per_domain: Limit::hourly(section.number("automatic_per_domain_hourly", 1..=1_000_000, 200)),
            in_all: Limit::hourly(section.number("automatic_hourly", 1..=1_000_000, 1_000)),
            new_conversations: Limit::hourly(section.number("new_conversations_per_sender_hourly", 1..=100_000, 30)),
        },
    };
    if limits.inflight_bytes_max < limits.message_bytes_max {
        section.fault("inflight_bytes_max", "is smaller than message_bytes_max: no such mail could ever come in");
    }
    section.end();
    limits
}

pub(crate) fn log(section: Section<'_>) -> Log {
    let is_filter = |text: &str| EnvFilter::builder().parse(text).is_ok().then(|| text.to_owned());
    let level = section.parsed(
        "level",
        "a level (error, warn, info, debug, trace) or directives such as info,deskgate::channel=debug",
        is_filter,
    );
    let format = section.choice("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)], LogFormat::Text);
    if let Some(level) = &level
        && !level.contains('=')
        && level.parse::<tracing::Level>().is_err()
        && level != "off"
    {
        section.fault("level", format!("{} is not a level: error, warn, info, debug, trace", shown(level)));
    }
    section.end();
    Log { level: level.unwrap_or_else(|| "info".to_owned()), format }
}
