//! The command line: the commands and their arguments. The comments of arguments are the help texts
//! of the command.

mod flag;
mod guard;
mod incident;
mod machine;
mod run;
mod system;

use std::fmt::Write as _;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

pub(super) use flag::Flags;
pub(super) use guard::Guard;
pub(super) use incident::{Capture, Replay};
pub(super) use machine::{Clean, Doctor, Explain, with_suggestion};
pub(super) use run::{CaseArgs, Check, Plan, Report};
use system::duration;
pub(super) use system::{Diagnose, Preflight, SystemArgs, TraceFormat, Traces, Watch};

use super::{Exit, output};

/// Prove that a service records its spans under every combination of its flags.
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
    /// Run all cases and report whether spans are recorded
    Check(Check),
    /// Check the spec and its files, and list the cases; run nothing
    Plan(Plan),
    /// Print a JSON Schema of the spec, for editors
    ///
    /// Write it to a file and name it in the first line of the spec:
    ///
    ///   spanproof schema > spanproof.schema.json
    ///
    ///   #:schema ./spanproof.schema.json
    #[command(verbatim_doc_comment)]
    Schema,
    /// Judge the stored evidence of a run again; run nothing
    Report(Report),
    /// Show the flags: where they are named, who sets them, what they do
    Flags(Flags),
    /// Explain a code and what to do about it
    Explain(Explain),
    /// Check whether a deployment can record spans
    ///
    /// Checks its database, its manifests, and the startup output in its log.
    Preflight(Preflight),
    /// Compare the flags in deploy manifests with what `check` proved
    ///
    /// Computes the value of each flag in each environment of the spec, and looks up in the proof what
    /// this value does.
    Guard(Guard),
    /// Explain missing spans in an existing system, from database and log
    Diagnose(Diagnose),
    /// Show recorded traces as waterfalls, JSON or OTLP
    Traces(Traces),
    /// Show jobs and spans as they arrive, and jobs without spans
    Watch(Watch),
    /// Save a case or a job of an existing system as an incident
    Capture(Capture),
    /// Recreate an incident and report whether it happens again
    Replay(Replay),
    /// Show which Postgres would be used, what is cached and what is kept
    Doctor(Doctor),
    /// Remove kept databases and leftovers of dead runs
    Clean(Clean),
}

/// The groups of commands in the help, in order.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Test a service", &["check", "plan", "schema", "report", "flags", "explain"]),
    ("Look at production", &["guard", "preflight", "diagnose", "traces", "watch"]),
    ("Incidents", &["capture", "replay"]),
    ("This machine", &["doctor", "clean", "help"]),
];

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table and the failures, for people
    Human,
    /// One JSON document, for programs
    Json,
}

/// Parses the arguments. If they are wrong or ask for the help or the version, prints the text and
/// returns `Err` with the exit code.
pub(super) fn parse() -> Result<Cli, Exit> {
    let parsed = command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|error| {
        if error.use_stderr() {
            output::print_stderr(&error.render().to_string());
            return Exit::Usage;
        }
        output::print(&error.render().to_string());
        Exit::Passed
    })
}

/// Returns the command line, with grouped commands in the help.
fn command() -> clap::Command {
    let mut command = Cli::command();
    // Adds the command `help`.
    command.build();
    let command = command.mut_subcommand("help", |help| help.about("Show the help of a command"));
    let groups = command_groups(&command);
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}Options:\n{{options}}{{after-help}}"
    ))
}

/// Returns the commands with their descriptions, below the heading of their group.
fn command_groups(command: &clap::Command) -> String {
    let mut text = String::new();
    for (heading, names) in GROUPS {
        let _infallible = writeln!(text, "{heading}:");
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _infallible = writeln!(text, "  {name:<9}  {about}");
        }
        text.push('\n');
    }
    text
}

/// Returns the table of exit codes.
fn exit_codes() -> String {
    let rows = Exit::ALL.iter().map(|exit| format!("\n  {:<3}  {}", exit.code(), exit.meaning()));
    format!("Exit codes:{}", rows.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_one_group() {
        let command = command();
        let mut commands: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
        let mut grouped = GROUPS.map(|(_, names)| names).concat();
        commands.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(grouped, commands);
    }

    #[test]
    fn every_line_of_the_short_help_fits_in_80_columns() {
        let command = command();
        let subcommands = command.get_subcommands().filter(|command| command.get_name() != "help");
        for command in std::iter::once(&command).chain(subcommands) {
            // The width 0 disables wrapping.
            let help = command.clone().term_width(0).render_help().to_string();
            for line in help.lines() {
                let columns = console::measure_text_width(line);
                assert!(columns <= 80, "{}: {columns} columns: {line}", command.get_name());
            }
        }
    }

    #[test]
    fn the_definitions_of_the_arguments_are_valid() {
        command().debug_assert();
    }
}
