//! The command line.

mod incident;
mod machine;
mod run;
mod there;

use clap::{Parser, Subcommand, ValueEnum};

pub(super) use incident::{Capture, Replay};
pub(super) use machine::{Clean, Doctor, Explain, with_codes};
pub(super) use run::{Check, Plan, Report, Which};
pub(super) use there::{Diagnose, Preflight, Shape, There, Traces, Watch};

use super::{Exit, output};

/// Prove that a service's spans are really recorded, under every combination of its env flags.
#[derive(Debug, Parser)]
#[command(
    name = "spanproof",
    version,
    arg_required_else_help = true,
    after_help = exit_codes()
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the cases and say whether spans are recorded
    Check(Check),
    /// List the cases and what is expected of each; runs nothing
    Plan(Plan),
    /// Judge stored evidence again; runs nothing
    Report(Report),
    /// Say what a code means and what to do about it
    Explain(Explain),
    /// Name the reason in an existing system, from its database and its log
    Diagnose(Diagnose),
    /// Show traces that are in a database, as waterfalls, JSON or OTLP
    Traces(Traces),
    /// Watch jobs, executions and spans arrive; says at once where work leaves no spans
    Watch(Watch),
    /// Say whether a deployment may record spans: its database, its manifests, its startup line
    Preflight(Preflight),
    /// Keep a case, or a job of an existing system, as an incident in one file
    Capture(Capture),
    /// Set the world of an incident up again and say whether the same comes of it
    Replay(Replay),
    /// Say where a Postgres would come from, what is cached and what was kept
    Doctor(Doctor),
    /// Remove what was kept, what dead runs left, and with --cache what is cached
    Clean(Clean),
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table and the failures, for people
    Human,
    /// One JSON document, for programs
    Json,
}

/// Reads the arguments; help, the version and mistakes are printed here.
pub(super) fn parse() -> Result<Cli, Exit> {
    Cli::try_parse().map_err(|error| {
        if error.use_stderr() {
            output::raw_error(&error.render().to_string());
            return Exit::Usage;
        }
        output::print(&error.render().to_string());
        Exit::Passed
    })
}

/// The table of exit codes, for the end of the help.
fn exit_codes() -> String {
    let rows = Exit::ALL.iter().map(|exit| format!("\n  {:<3}  {}", exit.code(), exit.meaning()));
    format!("Exit codes:{}", rows.collect::<String>())
}
