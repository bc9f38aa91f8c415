//! The `spanproof` command: arguments, reports and progress.

mod args;
mod capture;
mod check;
mod clean;
mod deadline;
mod deployed;
mod diagnose;
mod doctor;
mod environment;
mod explain;
mod flags;
mod git;
mod guard;
mod interval;
mod mentions;
mod output;
mod plan;
mod preflight;
mod progress;
mod proof;
mod prove;
mod replay;
pub mod report;
mod runs;
mod snapshots;
mod sources;
mod stored;
mod traces;
mod watch;

pub use spanproof_format::Exit;

use args::Command;

/// Runs the command with this process's arguments and returns its exit code. A panic is reported as an
/// error, with the code [`Exit::World`].
pub fn main() -> Exit {
    std::panic::set_hook(Box::new(output::print_panic));
    output::exit(std::panic::catch_unwind(run).unwrap_or(Exit::World))
}

fn run() -> Exit {
    let args = match args::parse() {
        Ok(args) => args,
        Err(exit) => return exit,
    };
    // These commands start a disposable server, which must not get the caller's `PGOPTIONS`.
    let starts_server = match &args.command {
        Command::Check(_) | Command::Flags(_) | Command::Replay(_) | Command::Doctor(_) => true,
        Command::Guard(guard) => guard.run,
        Command::Plan(plan) => plan.database,
        _ => false,
    };
    if starts_server {
        environment::drop_session_options();
    }
    let result = match args.command {
        Command::Check(check) => check::check(&check),
        Command::Plan(plan) => plan::plan(&plan),
        Command::Schema => plan::schema(),
        Command::Report(report) => stored::report(&report),
        Command::Flags(args) => flags::flags(&args),
        Command::Explain(explain) => Ok(explain::explain(&explain)),
        Command::Diagnose(diagnose) => diagnose::diagnose(&diagnose),
        Command::Capture(capture) => capture::capture(&capture),
        Command::Replay(replay) => replay::replay(&replay),
        Command::Guard(guard) => guard::guard(&guard),
        Command::Preflight(preflight) => preflight::preflight(&preflight),
        Command::Watch(watch) => watch::watch(&watch),
        Command::Traces(traces) => traces::traces(&traces),
        Command::Doctor(doctor) => doctor::doctor(&doctor),
        Command::Clean(clean) => clean::clean(&clean),
    };
    result.unwrap_or_else(|failure| {
        output::error(&failure.text);
        failure.exit
    })
}

/// Returns a runtime for a command without parallel work.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::world)
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    text: String,
}

impl Failure {
    /// Creates the failure for wrong arguments or a wrong file, with exit code 2.
    fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Exit::Usage, &error.into())
    }

    /// Creates the failure for a Postgres, a service or a system that does not work, with exit code
    /// 3.
    fn world(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Exit::World, &error.into())
    }

    /// Adds a hint in parentheses, unless it is empty.
    fn with_hint(mut self, hint: &str) -> Self {
        if !hint.is_empty() {
            self.text = format!("{} ({hint})", self.text);
        }
        self
    }

    fn new(exit: Exit, error: &anyhow::Error) -> Self {
        Self { exit, text: spanproof::mask_secrets(&format!("{error:#}")) }
    }
}
