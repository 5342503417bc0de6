//! What the audience sees: one line per step, or one JSON object.

use crate::cli::demo::ground::Ground;
use crate::cli::screen::Screen;
use crate::clock;
use crate::daemon::exit::Exit;
use crate::daemon::exit::Failure;
use serde_json::Value;
use serde_json::json;
use std::future::Future;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::time::Duration;

/// Width of a step's name.
const NAME_CHARS: usize = 20;
/// Where what was measured begins, for lines below it.
const INDENT: usize = 39;

/// What a step tells.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// In a few words.
    pub(super) words: String,
    /// Further lines.
    pub(super) details: Vec<String>,
    /// For programs.
    pub(super) facts: Value,
}

/// The screen with what it can.
#[derive(Debug)]
pub(super) struct Telling {
    screen: Screen,
    /// Somebody watches: the step under way is shown, and colours.
    live: bool,
}

impl Telling {
    pub(super) fn new(screen: Screen) -> Self {
        Self { screen, live: !screen.is_json() && io::stdout().is_terminal() }
    }

    /// What begins, and where.
    pub(super) fn title(&self, ground: &Ground) -> Result<(), Failure> {
        if self.screen.is_json() {
            return Ok(());
        }
        let data = ground.shown_data_dir();
        self.screen.line(&format!("Deskgate: a daemon of its own, with fresh data in {data}"))?;
        for (name, default, port) in &ground.moved {
            let name = name.to_lowercase();
            self.screen.line(&format!("Port {default} is taken, so {name} listens on {port}."))?;
        }
        self.screen.line("")
    }

    /// Plays a step and tells what came of it.
    ///
    /// # Errors
    /// The step's name and what is not as it should be.
    pub(super) async fn step<T>(
        &self,
        name: &str,
        step: impl Future<Output = anyhow::Result<(Told, T)>>,
    ) -> Result<T, Failure> {
        self.begin(name)?;
        let began_at = clock::instant();
        // Steps are large futures.
        let outcome = Box::pin(step).await;
        let took_ms = ms(began_at.elapsed());
        match outcome {
            Ok((told, value)) => {
                self.tell(name, took_ms, &told)?;
                Ok(value)
            }
            Err(error) => {
                let why = format!("{error:#}");
                self.fail(name, took_ms, &why)?;
                let exit = error.downcast_ref::<Failure>().map_or(Exit::Failed, |failure| failure.exit);
                Err(Failure::new(exit, format!("the demonstration failed at \"{name}\": {why}")))
            }
        }
    }

    /// Where to look and what to try.
    pub(super) fn up(
        &self,
        facts: &[(&str, String)],
        commands: &[String],
        object: &Value,
        took: Duration,
    ) -> Result<(), Failure> {
        if self.screen.is_json() {
            return self.object(object);
        }
        let seconds = took.as_secs_f64();
        self.screen.line(&format!("\nAll of it is as it should be, after {seconds:.1} s.\n"))?;
        for (name, value) in facts {
            self.screen.line(&format!("  {name:<15}{value}"))?;
        }
        self.screen.line("\nTry, in another terminal:\n")?;
        for command in commands {
            self.screen.line(&format!("  {command}"))?;
        }
        self.screen.line("\nThe daemon stays up; Ctrl-C stops it.")
    }

    /// The end, as asked for.
    pub(super) fn stopped(&self, ground: &Ground) -> Result<(), Failure> {
        let data = ground.shown_data_dir();
        if self.screen.is_json() {
            return self.object(&json!({"step": "stopped", "ok": true, "data": data}));
        }
        self.screen.line(&format!("\nStopped. The data stays in {data}."))
    }

    fn begin(&self, name: &str) -> Result<(), Failure> {
        if !self.live {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        let shown = write!(out, "  ...              {name}").and_then(|()| out.flush());
        shown.map_err(|error| Failure::doing("standard output", error))
    }

    fn tell(&self, name: &str, took_ms: f64, told: &Told) -> Result<(), Failure> {
        if self.screen.is_json() {
            return self.object(&json!({"step": name, "ok": true, "took_ms": took_ms, "facts": told.facts}));
        }
        let (back, on, off) = if self.live { ("\r\x1b[2K", "\x1b[32m", "\x1b[0m") } else { ("", "", "") };
        let words = &told.words;
        self.screen.line(&format!("{back}  {on}ok{off}  {took_ms:>8.1} ms  {name:<NAME_CHARS$}{words}"))?;
        told.details.iter().try_for_each(|line| self.screen.line(&format!("{:INDENT$}{line}", "")))
    }

    fn fail(&self, name: &str, took_ms: f64, why: &str) -> Result<(), Failure> {
        if self.screen.is_json() {
            return self.object(&json!({"step": name, "ok": false, "took_ms": took_ms, "why": why}));
        }
        let (back, on, off) = if self.live { ("\r\x1b[2K", "\x1b[31m", "\x1b[0m") } else { ("", "", "") };
        self.screen.line(&format!("{back}  {on}NO{off}  {took_ms:>8.1} ms  {name}"))
    }

    /// One object on one line.
    fn object(&self, object: &Value) -> Result<(), Failure> {
        self.screen.line(&object.to_string())
    }
}

/// Milliseconds with a tenth.
pub(super) fn ms(took: Duration) -> f64 {
    (took.as_secs_f64() * 10_000.0).round() / 10.0
}

/// The middle one of several measurements, in milliseconds.
pub(super) fn p50_ms(took: &[Duration]) -> f64 {
    let mut sorted = took.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().map_or(0.0, ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_result_that_is_not_as_it_should_be_ends_the_demonstration_by_the_name_of_its_step() {
        let telling = Telling::new(Screen::new(false));
        let broken: anyhow::Result<(Told, ())> = Err(anyhow::anyhow!("3 instead of 4"));
        let failure = telling.step("counting", std::future::ready(broken)).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Failed);
        assert_eq!(failure.message, "the demonstration failed at \"counting\": 3 instead of 4");
        let started: anyhow::Result<(Told, ())> = Err(Failure::new(Exit::Store, "no store").into());
        let failure = telling.step("starting", std::future::ready(started)).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Store);
    }

    #[test]
    fn measurements_have_a_tenth_of_a_millisecond() {
        let took = [9, 1, 3].map(Duration::from_millis);
        assert_eq!(p50_ms(&took).to_string(), "3");
        assert_eq!(ms(Duration::from_micros(1_267)).to_string(), "1.3");
        assert_eq!(p50_ms(&[]).to_string(), "0");
    }
}
