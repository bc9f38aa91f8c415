//! The `spanproof` command: the only place that knows clap and prints.

mod args;
mod capture;
mod check;
mod clean;
mod diagnose;
mod doctor;
mod environment;
mod explain;
mod interval;
mod output;
mod preflight;
mod progress;
mod replay;
pub mod report;
mod runs;
mod sources;
mod stored;
mod traces;
mod watch;

pub use spanproof_format::Exit;

use args::Command;

/// Runs the command with this process's arguments and gives how it ended.
pub fn main() -> Exit {
    let args = match args::parse() {
        Ok(args) => args,
        Err(exit) => return exit,
    };
    let ended = match args.command {
        Command::Check(check) => check::check(&check),
        Command::Plan(plan) => check::plan(&plan),
        Command::Report(report) => stored::report(&report),
        Command::Explain(explain) => Ok(explain::explain(&explain)),
        Command::Diagnose(diagnose) => diagnose::diagnose(&diagnose),
        Command::Capture(capture) => capture::capture(&capture),
        Command::Replay(replay) => replay::replay(&replay),
        Command::Preflight(preflight) => preflight::preflight(&preflight),
        Command::Watch(watch) => watch::watch(&watch),
        Command::Traces(traces) => traces::traces(&traces),
        Command::Doctor(doctor) => doctor::doctor(&doctor),
        Command::Clean(clean) => clean::clean(&clean),
    };
    ended.unwrap_or_else(|failure| {
        output::error(&failure.text);
        failure.exit
    })
}

/// The runtime of a command that looks at one thing after the other.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::world)
}

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    text: String,
}

impl Failure {
    /// Wrong words or a wrong file: exit 2.
    fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Exit::Usage, &error.into())
    }

    /// The world broke: exit 3.
    fn world(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Exit::World, &error.into())
    }

    /// Adds the flags that help; nothing if there are none.
    fn with(mut self, flags: &str) -> Self {
        if !flags.is_empty() {
            self.text = format!("{} ({flags})", self.text);
        }
        self
    }

    fn new(exit: Exit, error: &anyhow::Error) -> Self {
        Self { exit, text: spanproof::mask_secrets(&format!("{error:#}")) }
    }
}
