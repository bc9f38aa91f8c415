//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::{Exit, output};
use crate::deployment::Moment;
use crate::matrix::{Filter, Selection};
use crate::spec::Value;
use crate::verdict::Code;

/// Prove that a service's spans are really recorded, under every combination of its env flags.
#[derive(Debug, Parser)]
#[command(
    name = "spanproof",
    version,
    arg_required_else_help = true,
    after_help = "Exit codes:
  0  all passed, and something was checked    4  nothing to check
  1  findings                                 5  only snapshots changed
  2  usage or spec                            130/143  interrupted / terminated
  3  the world broke                          6  a replay was not faithful
                                              7  --prove: a sabotage went unnoticed"
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
    /// Name the reason in a system that is already there, from its database and its log
    Diagnose(Diagnose),
    /// Say whether a deployment may record spans: its database, its manifests, its startup line
    Preflight(Preflight),
    /// Keep a case, or a job of a system that is already there, as an incident in one file
    Capture(Capture),
    /// Set the world of an incident up again and say whether the same comes of it
    Replay(Replay),
    /// Say where a Postgres would come from, what is cached and what was kept
    Doctor(Doctor),
    /// Remove what was kept, what dead runs left, and with --cache what is cached
    Clean(Clean),
}

/// Which cases.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// The spec file
    #[arg(long, value_name = "FILE", default_value = crate::spec::FILE)]
    pub(super) config: PathBuf,
    /// Only the case with this id, or this beginning of an id; repeatable
    #[arg(long = "case", value_name = "ID")]
    ids: Vec<String>,
    /// Only cases with this value: NAME=VALUE, or !NAME for an unset flag; NAME is a flag,
    /// `route`, `upstream` or `job`; repeatable
    #[arg(long = "filter", value_name = "NAME=VALUE")]
    filters: Vec<Filter>,
}

impl Which {
    pub(super) fn selection(&self) -> Selection {
        Selection { ids: self.ids.clone(), filters: self.filters.clone() }
    }
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table and the failures, for people
    Human,
    /// One JSON document, for programs
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spanproof check                                    all cases
  spanproof check --case 3f2a91c0                    one case
  spanproof check --filter route=queued --filter '!ENABLE_DB_TRACING'
  spanproof check --update                           accept the startup output as it is")]
pub(super) struct Check {
    #[command(flatten)]
    pub(super) which: Which,
    /// How many cases run at once [default: twice the processors]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) jobs: Option<u16>,
    /// Write startup snapshots that are missing or changed; refused when CI is set
    #[arg(long)]
    pub(super) update: bool,
    /// Show where the time went
    #[arg(long)]
    pub(super) timings: bool,
    /// Where the evidence goes [default: .spanproof/runs/… beside the spec]
    #[arg(long, value_name = "DIR")]
    pub(super) evidence: Option<PathBuf>,
    /// Prove that this gate can fail: sabotage the plainest healthy cases in known ways, without
    /// touching the service, and demand the right code each time
    #[arg(long, conflicts_with_all = ["update", "format"])]
    pub(super) prove: bool,
    #[command(flatten)]
    pub(super) looks: Looks,
    #[command(flatten)]
    pub(super) databases: Databases,
    /// A binary to run instead of building the service
    #[arg(long, value_name = "FILE")]
    pub(super) binary: Option<PathBuf>,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

/// How hard reasons are looked for.
#[derive(Debug, Args)]
pub(super) struct Looks {
    /// Make the database server a witness of every case: it counts attempts to write spans and
    /// tells what failed. Without it, only a few cases that need it are run once more with it
    #[arg(long)]
    pub(super) witness: bool,
    /// Run no extra cases to find out what alone would make a failing case pass
    #[arg(long)]
    pub(super) no_probe: bool,
}

/// How databases are made, and which of them stay.
#[derive(Debug, Args)]
pub(super) struct Databases {
    /// Make the database from nothing and apply every migration, whatever is cached
    #[arg(long)]
    pub(super) fresh: bool,
    /// Keep the database of every case, and print how to open it; `spanproof clean` removes them
    #[arg(long, conflicts_with = "keep_on_failure")]
    pub(super) keep: bool,
    /// As --keep, for cases that do not pass
    #[arg(long)]
    pub(super) keep_on_failure: bool,
}

#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    pub(super) which: Which,
}

#[derive(Debug, Args)]
pub(super) struct Report {
    /// A folder that `check` wrote evidence to [default: the newest run]
    pub(super) evidence: Option<PathBuf>,
    /// The spec file
    #[arg(long, value_name = "FILE", default_value = crate::spec::FILE)]
    pub(super) config: PathBuf,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

/// A system that is already there.
#[derive(Debug, Args)]
pub(super) struct There {
    /// The database's URL; only read, in one transaction [default: the variable `DATABASE_URL`]
    #[arg(long, value_name = "URL")]
    pub(super) database: Option<String>,
    /// Instead of a database a plain dump of it, as `pg_dump` makes; `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "database")]
    pub(super) dump: Option<PathBuf>,
    /// The service's log, plain, as JSON lines, or as flyctl, Docker or journald prefix it; `-` for
    /// standard input
    #[arg(long, value_name = "FILE")]
    pub(super) log: Option<PathBuf>,
    /// A job by its id or its name; repeatable [default: the newest]
    #[arg(long = "job", value_name = "ID")]
    pub(super) jobs: Vec<String>,
    /// How many of the newest jobs
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) last: u16,
    /// Not before: `2h` ago, or `2025-10-22T14:00Z`
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<Moment>,
    /// Before: `30m` ago, or `2025-10-22T16:00Z`
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<Moment>,
    /// What a flag is set to: NAME=VALUE, or !NAME where it is unset; repeatable
    #[arg(long = "flag", value_name = "NAME=VALUE", value_parser = setting)]
    pub(super) flags: Vec<(String, Value)>,
    /// The spec file
    #[arg(long, value_name = "FILE", default_value = crate::spec::FILE)]
    pub(super) config: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spanproof diagnose --log runner.log                     DATABASE_URL names the database
  flyctl logs --no-tail | spanproof diagnose --log - --since 2h
  spanproof diagnose --database postgres://… --job 469 --log runner.log
  spanproof diagnose --dump backup.sql --log runner.log --flag ENABLE_DB_TRACING=true")]
pub(super) struct Diagnose {
    #[command(flatten)]
    pub(super) there: There,
    /// Show how the server carried out each look-up
    #[arg(long)]
    pub(super) plans: bool,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spanproof preflight --manifest fly.toml                 DATABASE_URL names the database
  spanproof preflight --database postgres://… --role runner --manifest deploy.yaml --log runner.log

Exit codes: 0 nothing failed, 1 spans would be lost, 3 the database can't be reached.
A span is written and rolled back; nothing of it stays.")]
pub(super) struct Preflight {
    /// The database's URL, as the service is given it [default: the variable `DATABASE_URL`]
    #[arg(long, value_name = "URL")]
    pub(super) database: Option<String>,
    /// The role that the service uses, where the URL has another
    #[arg(long, value_name = "NAME")]
    pub(super) role: Option<String>,
    /// A deploy manifest: TOML, YAML, JSON, or lines of NAME=value; repeatable
    #[arg(long = "manifest", value_name = "FILE")]
    pub(super) manifests: Vec<PathBuf>,
    /// The log of the running process, from its start
    #[arg(long, value_name = "FILE")]
    pub(super) log: Option<PathBuf>,
    /// The spec file
    #[arg(long, value_name = "FILE", default_value = crate::spec::FILE)]
    pub(super) config: PathBuf,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spanproof capture --case 3f2a91c0                       a case of the last run of `check`
  spanproof capture --job 469 --log runner.log            a job in production; DATABASE_URL names the database")]
pub(super) struct Capture {
    /// A case of a run by its id, or the beginning of it, instead of a system that is there
    #[arg(long = "case", value_name = "ID", conflicts_with_all = ["database", "dump", "log", "jobs"])]
    pub(super) case: Option<String>,
    /// The folder of the run [default: the newest]
    #[arg(long, value_name = "DIR", requires = "case")]
    pub(super) run: Option<PathBuf>,
    /// The file that is written; it must not be there yet [default: incident-….jsonl]
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// More that is masked: a TOML file with `[[mask]]`, each with `name` and `pattern`
    #[arg(long, value_name = "FILE")]
    pub(super) mask: Option<PathBuf>,
    /// Keep what jobs are given and give; secrets and e-mail addresses in it are masked all the same
    #[arg(long)]
    pub(super) with_contents: bool,
    #[command(flatten)]
    pub(super) there: There,
}

/// What is taken for granted about an incident.
#[derive(Debug, Args)]
pub(super) struct Assumed {
    /// The route the job came in by, where the incident does not say
    #[arg(long, value_name = "NAME")]
    pub(super) route: Option<String>,
    /// The upstream's behaviour, where the incident does not say
    #[arg(long, value_name = "NAME")]
    pub(super) upstream: Option<String>,
    /// Another program than the recorded one is meant
    #[arg(long)]
    pub(super) any_program: bool,
    /// Take an incident that was changed after it was written
    #[arg(long)]
    pub(super) edited: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spanproof replay incident-469.jsonl
  spanproof replay incident-469.jsonl --assert-only       judge what is stored; runs nothing
  spanproof replay incident-469.jsonl --adopt             from now on it must pass
  spanproof replay fixtures/incidents                     all that were adopted
  git bisect start BAD GOOD && git bisect run spanproof replay /tmp/incident.jsonl --bisect

Exit codes: 0 the same came of it (adopted: what is expected), 1 something else,
6 the same, but not everything could be set up as it was, 3 the world broke.
With --bisect: 0 the incident is not there, 1 it is, 125 that can't be told.")]
pub(super) struct Replay {
    /// The incident, or a folder of incidents
    pub(super) incident: PathBuf,
    /// Only judge the stored evidence again
    #[arg(long, conflicts_with_all = ["adopt", "bisect", "binary"])]
    pub(super) assert_only: bool,
    /// Keep it in `fixtures/incidents`, with what has to come of it from now on: `pass`, `same`, or a
    /// code
    #[arg(long, value_name = "EXPECTED", num_args = 0..=1, default_missing_value = "pass", require_equals = true)]
    pub(super) adopt: Option<String>,
    /// Answer as `git bisect run` wants it
    #[arg(long, conflicts_with = "adopt")]
    pub(super) bisect: bool,
    #[command(flatten)]
    pub(super) assumed: Assumed,
    /// A binary to run instead of building the service
    #[arg(long, value_name = "FILE")]
    pub(super) binary: Option<PathBuf>,
    /// The spec file
    #[arg(long, value_name = "FILE", default_value = crate::spec::FILE)]
    pub(super) config: PathBuf,
}

/// `NAME=VALUE`, or `!NAME` for a flag that is unset.
fn setting(text: &str) -> Result<(String, Value), String> {
    match (text.split_once('='), text.strip_prefix('!')) {
        (Some((name, value)), _) if !name.is_empty() => {
            Ok((name.to_owned(), Value::Set(value.to_owned())))
        }
        (None, Some(name)) if !name.is_empty() => Ok((name.to_owned(), Value::Unset)),
        _ => Err("write NAME=VALUE, or !NAME for a flag that is unset".into()),
    }
}

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// The spec file, where there is one: its `[database]` says which server is wanted
    #[arg(long, value_name = "FILE", default_value = crate::spec::FILE)]
    pub(super) config: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Clean {
    /// Only these, by the names that `doctor` and `clean --dry-run` tell; without one all that is
    /// kept
    pub(super) names: Vec<String>,
    /// Also empty the cache of data directories
    #[arg(long)]
    pub(super) cache: bool,
    /// The spec file, where there is one: databases kept on the server that it names go as well
    #[arg(long, value_name = "FILE", default_value = crate::spec::FILE)]
    pub(super) config: PathBuf,
    /// Only say what would be removed
    #[arg(short = 'n', long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The code, as in a verdict; without it all are listed
    #[arg(value_name = "CODE")]
    pub(super) code: Option<Code>,
    /// Print the whole reference as Markdown: `docs/codes.md` is that
    #[arg(long, conflicts_with = "code")]
    pub(super) markdown: bool,
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
