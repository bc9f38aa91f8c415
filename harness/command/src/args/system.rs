//! Arguments of the commands that read an existing system.

use std::path::PathBuf;
use std::time::Duration;

use chrono::FixedOffset;
use clap::{Args, ValueEnum};

use super::Format;
use spanproof::TimeBound;
use spanproof::Value;

/// An existing system: its database or a dump, its log, and the jobs to select.
#[derive(Debug, Args)]
pub(crate) struct SystemArgs {
    /// URL of a database to read [default: `$DATABASE_URL`]
    ///
    /// Everything is read in one read-only transaction. A URL with a password belongs in the
    /// variable `DATABASE_URL`: other users of this machine can see arguments.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// File or folder of `pg_dump`, instead of a database
    ///
    /// In any of its formats, and optionally compressed. `-` reads standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "database")]
    pub(crate) dump: Option<PathBuf>,
    /// Database of a dump of several databases
    ///
    /// Needed if more than one database of `pg_dumpall` has the tables of the spec.
    #[arg(long, value_name = "DB", requires = "dump")]
    pub(crate) dump_database: Option<String>,
    /// Log of the service; `-` reads standard input
    ///
    /// Prefixes and JSON of collectors and loggers are removed; docs/production.md lists them.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// Time zone of log times without one, e.g. `+02:00`
    #[arg(long, value_name = "ZONE", requires = "log", value_parser = zone, allow_hyphen_values = true)]
    pub(crate) log_zone: Option<FixedOffset>,
    /// Format of the lines, e.g. `flyctl around zap JSON`
    ///
    /// The default is the detected format. Use the names that the report prints, or `plain` if the
    /// lines have at most a time before their text.
    #[arg(long, value_name = "TEXT", requires = "log")]
    pub(crate) log_format: Option<String>,
    /// Select a job by id or name [default: newest jobs]
    ///
    /// Repeatable.
    #[arg(long = "job", value_name = "ID")]
    pub(crate) jobs: Vec<String>,
    /// Select the N newest jobs
    ///
    /// Used without `--job`.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) last: u16,
    /// Select jobs since TIME, e.g. `2h` for two hours ago
    ///
    /// TIME may also be a date and time, such as `2025-10-22T14:00Z`.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<TimeBound>,
    /// Select jobs before TIME, e.g. `2h` for two hours ago
    ///
    /// TIME may also be a date and time, such as `2025-10-22T16:00Z`.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<TimeBound>,
    /// Env flag of the service; !NAME if it is unset
    ///
    /// Repeatable. Takes precedence over `--manifest`.
    #[arg(long = "flag", value_name = "NAME=VALUE", value_parser = flag_value)]
    pub(crate) flags: Vec<(String, Value)>,
    /// Deploy manifest with the env flags of the service
    ///
    /// Every format that `preflight` reads. Repeatable.
    #[arg(long = "manifest", value_name = "FILE")]
    pub(crate) manifests: Vec<PathBuf>,
    /// Spec file
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples (DATABASE_URL names the database):
  spanproof diagnose --log runner.log
  spanproof diagnose --job 469 --log runner.log
  spanproof diagnose --dump backup.sql --flag ENABLE_DB_TRACING=true
  flyctl logs --no-tail | spanproof diagnose --log - --since 2h")]
pub(crate) struct Diagnose {
    #[command(flatten)]
    pub(crate) system: SystemArgs,
    /// Show the query plan of each query
    #[arg(long)]
    pub(crate) plans: bool,
    /// Output format
    ///
    /// The default is `human`.
    #[arg(long, value_enum, default_value_t = Format::Human, hide_default_value = true)]
    pub(crate) format: Format,
}

/// The output format of `traces`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TraceFormat {
    /// A waterfall, for people
    Human,
    /// One JSON document, for programs
    Json,
    /// One OTLP/JSON document, for trace viewers
    Otlp,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples (DATABASE_URL names the database):
  spanproof traces                                   the newest traces
  spanproof traces --job 469
  spanproof traces --job 469 --format otlp > traces.json
  spanproof traces --trace 0af76519-16cd-43dd-8448-eb211c80319c")]
pub(crate) struct Traces {
    /// URL of a database to read [default: `$DATABASE_URL`]
    ///
    /// Everything is read in one read-only transaction. A URL with a password belongs in the
    /// variable `DATABASE_URL`: other users of this machine can see arguments.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Show the traces of a job, by id or name
    #[arg(long, value_name = "ID", conflicts_with_all = ["execution", "trace"])]
    pub(crate) job: Option<String>,
    /// Show the traces of a unit, one part of a job, by id
    #[arg(long, value_name = "ID", conflicts_with = "trace")]
    pub(crate) execution: Option<String>,
    /// Show one trace, by id
    #[arg(long, value_name = "ID")]
    pub(crate) trace: Option<String>,
    /// Show the N newest traces
    ///
    /// Used without `--job`, `--execution` and `--trace`.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) last: u16,
    /// Select traces since TIME, e.g. `2h` for two hours ago
    ///
    /// TIME may also be a date and time, such as `2025-10-22T14:00Z`.
    #[arg(long, value_name = "TIME", conflicts_with_all = ["job", "execution", "trace"])]
    pub(crate) since: Option<TimeBound>,
    /// Select traces before TIME, e.g. `2h` for two hours ago
    ///
    /// TIME may also be a date and time, such as `2025-10-22T16:00Z`.
    #[arg(long, value_name = "TIME", conflicts_with_all = ["job", "execution", "trace"])]
    pub(crate) until: Option<TimeBound>,
    /// Columns per line [default: terminal width, or 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(40..))]
    pub(crate) width: Option<u16>,
    /// Spec file
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
    /// Output format
    ///
    /// The default is `human`.
    #[arg(long, value_enum, default_value_t = TraceFormat::Human, hide_default_value = true)]
    pub(crate) format: TraceFormat,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples (DATABASE_URL names the database):
  spanproof watch                            until Ctrl-C
  spanproof watch --for 10m >> spans.log     prints a line per change")]
pub(crate) struct Watch {
    /// URL of a database to read [default: `$DATABASE_URL`]
    ///
    /// A URL with a password belongs in the variable `DATABASE_URL`: other users of this machine
    /// can see arguments.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Watch the N newest jobs
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub(crate) last: u16,
    /// Poll at once after a Postgres NOTIFY on this channel
    ///
    /// The default is `channel` in the spec.
    #[arg(long, value_name = "NAME")]
    pub(crate) channel: Option<String>,
    /// Stop after this time without changes, e.g. `30s`
    ///
    /// TIME is a duration: a number with the unit `s`, `m`, `h` or `d`.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) until_idle: Option<Duration>,
    /// Stop after this time, e.g. `10m`
    ///
    /// TIME is a duration: a number with the unit `s`, `m`, `h` or `d`.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) time_limit: Option<Duration>,
    /// Spec file
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples (DATABASE_URL names the database):
  spanproof preflight --manifest fly.toml
  spanproof preflight --role runner --manifest deploy.yaml --log runner.log
  spanproof preflight --manifest compose.yaml --process api
  fly secrets list > names
  spanproof preflight --manifest fly.toml --secrets names

Preflight inserts a span to test the database, and rolls the insert back.
Exit codes:
  0  no check failed, and the database was tried
  1  a check failed: spans would be lost
  3  no connection to the database
  4  nothing could be checked
  9  no check failed, but no database was given")]
pub(crate) struct Preflight {
    /// Database URL of the service [default: `$DATABASE_URL`]
    ///
    /// A URL with a password belongs in the variable `DATABASE_URL`: other users of this machine
    /// can see arguments.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Postgres role of the service, if not the URL's user
    #[arg(long, value_name = "NAME")]
    pub(crate) role: Option<String>,
    /// Deploy manifest that sets the tracing flag
    ///
    /// Compose, Kubernetes, systemd, Dockerfile, .env, fly.toml, Procfile, app.json, ECS,
    /// templates of AWS, GitHub Actions, or a map of values. A folder stands for the files in it
    /// that are deployed. Repeatable: several files of compose, of Kubernetes, or a unit and its
    /// drop-ins are merged; others are checked one by one.
    #[arg(long = "manifest", value_name = "FILE")]
    pub(crate) manifests: Vec<PathBuf>,
    /// Process of the manifest that runs the service
    ///
    /// A service of compose, a container of Kubernetes (or `deployment/container`), a process
    /// group, a job; for a .env file the program that reads it. The default is the process that
    /// fits the service of the spec.
    #[arg(long, value_name = "NAME", requires = "manifests")]
    pub(crate) process: Option<String>,
    /// Output of `fly secrets list` or `heroku config`
    ///
    /// The names of the variables that are set outside of the manifest.
    #[arg(long, value_name = "FILE", requires = "manifests")]
    pub(crate) secrets: Option<PathBuf>,
    /// Log of the running process, from its start
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// Spec file
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
    /// Output format
    ///
    /// The default is `human`.
    #[arg(long, value_enum, default_value_t = Format::Human, hide_default_value = true)]
    pub(crate) format: Format,
}

/// Parses `NAME=VALUE`, or `!NAME` for an unset flag.
fn flag_value(text: &str) -> Result<(String, Value), String> {
    match (text.split_once('='), text.strip_prefix('!')) {
        (Some((name, value)), _) if !name.is_empty() => {
            Ok((name.to_owned(), Value::Set(value.to_owned())))
        }
        (None, Some(name)) if !name.is_empty() => Ok((name.to_owned(), Value::Unset)),
        _ => Err("expected NAME=VALUE, or !NAME for an unset flag".into()),
    }
}

/// Parses an offset from UTC, such as `+02:00`.
fn zone(text: &str) -> Result<FixedOffset, String> {
    let offset = if text.eq_ignore_ascii_case("utc") { "+00:00" } else { text };
    offset.parse().map_err(|_| "expected an offset from UTC such as `+02:00`, or `UTC`".into())
}

/// Parses a duration, such as `10m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = match text.parse() {
        Ok(TimeBound::Ago(duration)) => duration.to_std().ok(),
        Ok(TimeBound::At(_)) | Err(_) => None,
    };
    parsed.ok_or_else(|| "expected a duration such as `30s`, `10m` or `2h`".into())
}
