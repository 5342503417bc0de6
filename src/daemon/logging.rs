//! Log lines on standard error: text for people or JSON, one line per event.
//!
//! **Invariant:** no control character reaches the log but the line end, so that nobody writes lines of their own into
//! it; a log that cannot be written never stops the process.

use crate::config::limits::Log;
use crate::config::limits::LogFormat;
use crate::http::ops::health::Health;
use std::fmt::Debug;
use std::fmt::Write as _;
use std::io;
use std::io::Write;
use tracing::Event;
use tracing::Level;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::Registry;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

/// Longest error line kept for `status`, in bytes.
const ERROR_BYTES_MAX: usize = 500;

/// Changes the level while the process runs.
#[derive(Debug)]
pub(crate) struct LevelHandle(reload::Handle<EnvFilter, Registry>);

impl LevelHandle {
    /// Takes a new level or new directives.
    pub(crate) fn set(&self, level: &str) -> Result<(), String> {
        let filter = filter(level)?;
        self.0.reload(filter).map_err(|error| error.to_string())
    }
}

/// Starts the log of this process; error lines are kept in `health`, too.
pub(crate) fn start(log: &Log, health: &Health) -> Result<LevelHandle, String> {
    let (filter, handle) = reload::Layer::new(filter(&log.level)?);
    let tail = ErrorTail(health.clone());
    let registry = tracing_subscriber::registry().with(filter).with(tail);
    let lines = tracing_subscriber::fmt::layer().with_writer(Lines).with_ansi(false);
    let started = match log.format {
        LogFormat::Text => registry.with(lines).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    started.map_err(|error| error.to_string())?;
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a task panicked")));
    Ok(LevelHandle(handle))
}

fn filter(level: &str) -> Result<EnvFilter, String> {
    EnvFilter::builder().parse(level).map_err(|error| error.to_string())
}

/// Standard error behind the escaping.
#[derive(Clone, Copy, Debug)]
struct Lines;

impl MakeWriter<'_> for Lines {
    type Writer = Escaped<io::Stderr>;
    fn make_writer(&self) -> Self::Writer {
        Escaped(io::stderr())
    }
}

/// Writes one event per call, with its control characters escaped.
#[derive(Debug)]
struct Escaped<W>(W);

impl<W: Write> Write for Escaped<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = escaped(&String::from_utf8_lossy(event));
        // Nobody is left to tell when standard error is gone.
        drop(self.0.write_all(line.as_bytes()));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// `event` as one line.
fn escaped(event: &str) -> String {
    let body = event.strip_suffix('\n').unwrap_or(event);
    let mut line = String::with_capacity(event.len());
    for c in body.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    line
}

/// Keeps error events for `status`.
struct ErrorTail(Health);

impl<S: Subscriber> Layer<S> for ErrorTail {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if *event.metadata().level() != Level::ERROR {
            return;
        }
        let mut words = Words(String::new());
        event.record(&mut words);
        let cut = words.0.floor_char_boundary(ERROR_BYTES_MAX);
        let line = escaped(words.0.get(..cut).unwrap_or_default());
        self.0.note_error(line.trim_end().to_owned());
    }
}

/// The message first, then the fields.
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut word = String::new();
        if field.name() == "message" {
            let _ = write!(word, "{value:?} ");
            self.0.insert_str(0, &word);
        } else {
            let _ = write!(self.0, "{}={value:?} ", field.name());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ops_8_nobody_writes_log_lines_of_their_own() {
        let mut out = Vec::new();
        let event = b"WARN mail from=a\r\nERROR forged\x1b[31m\xc2\x85 end\n";
        assert_eq!(Escaped(&mut out).write(event).unwrap(), event.len());
        let line = String::from_utf8(out).unwrap();
        assert_eq!(line, "WARN mail from=a\\r\\nERROR forged\\u{1b}[31m\\u{85} end\n");
    }

    #[test]
    fn a_broken_log_stops_nobody() {
        struct Broken;
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::from_raw_os_error(32))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert_eq!(Escaped(Broken).write(b"x\n").unwrap(), 2);
    }
}
