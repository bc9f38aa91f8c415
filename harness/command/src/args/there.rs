//! An existing system, and what is asked about it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Format;
use spanproof::Moment;
use spanproof::Value;

/// An existing system.
#[derive(Debug, Args)]
pub(crate) struct There {
    /// The database's URL; only read, in one transaction [default: the variable `DATABASE_URL`]
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Instead of a database a plain dump of it, as `pg_dump` makes; `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "database")]
    pub(crate) dump: Option<PathBuf>,
    /// The service's log, plain, as JSON lines, or as flyctl, Docker or journald prefix it; `-` for
    /// standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// A job by its id or its name; repeatable [default: the newest]
    #[arg(long = "job", value_name = "ID")]
    pub(crate) jobs: Vec<String>,
    /// How many of the newest jobs
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) last: u16,
    /// Not before: `2h` ago, or `2025-10-22T14:00Z`
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Moment>,
    /// Before: `30m` ago, or `2025-10-22T16:00Z`
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Moment>,
    /// What a flag is set to: NAME=VALUE, or !NAME where it is unset; repeatable
    #[arg(long = "flag", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) flags: Vec<(String, Value)>,
    /// A deploy manifest, which says what flags are set to: TOML, YAML, JSON, or lines of NAME=value;
    /// repeatable
    #[arg(long = "manifest", value_name = "FILE")]
    pub(crate) manifests: Vec<PathBuf>,
    /// The spec file
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spanproof diagnose --log runner.log                     DATABASE_URL names the database
  flyctl logs --no-tail | spanproof diagnose --log - --since 2h
  spanproof diagnose --database postgres://… --job 469 --log runner.log
  spanproof diagnose --dump backup.sql --log runner.log --flag ENABLE_DB_TRACING=true")]
pub(crate) struct Diagnose {
    #[command(flatten)]
    pub(crate) there: There,
    /// Show how the server carried out each look-up
    #[arg(long)]
    pub(crate) plans: bool,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// How traces are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// A waterfall, for people
    Human,
    /// One JSON document, for programs
    Json,
    /// One OTLP/JSON document, for trace viewers
    Otlp,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spanproof traces                                        the newest; DATABASE_URL names the database
  spanproof traces --job 469
  spanproof traces --trace 0af76519-16cd-43dd-8448-eb211c80319c --format otlp > trace.json")]
pub(crate) struct Traces {
    /// The database's URL; only read, in one transaction [default: the variable `DATABASE_URL`]
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// The traces of a job, by its id or its name
    #[arg(long, value_name = "ID", conflicts_with_all = ["execution", "trace"])]
    pub(crate) job: Option<String>,
    /// The traces of an execution
    #[arg(long, value_name = "ID", conflicts_with = "trace")]
    pub(crate) execution: Option<String>,
    /// One trace
    #[arg(long, value_name = "ID")]
    pub(crate) trace: Option<String>,
    /// How many of the newest traces, where none is named
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) last: u16,
    /// Not before: `2h` ago, or `2025-10-22T14:00Z`
    #[arg(long, value_name = "TIME", conflicts_with_all = ["job", "execution", "trace"])]
    pub(crate) since: Option<Moment>,
    /// Before: `30m` ago, or `2025-10-22T16:00Z`
    #[arg(long, value_name = "TIME", conflicts_with_all = ["job", "execution", "trace"])]
    pub(crate) until: Option<Moment>,
    /// Columns of a line [default: those of the terminal, or 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(40..))]
    pub(crate) width: Option<u16>,
    /// The spec file
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
    /// How traces are printed
    #[arg(long, value_enum, default_value_t = Shape::Human)]
    pub(crate) format: Shape,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spanproof watch                                         DATABASE_URL names the database; Ctrl-C ends
  spanproof watch --for 10m >> spans.log                  a line for each change")]
pub(crate) struct Watch {
    /// The database's URL; only read [default: the variable `DATABASE_URL`]
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// How many of the newest jobs
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub(crate) last: u16,
    /// Look at once when the database notifies on this channel [default: `channel` of the spec]
    #[arg(long, value_name = "NAME")]
    pub(crate) channel: Option<String>,
    /// End when nothing has changed for this time, such as `30s` or `10m`
    #[arg(long, value_name = "TIME")]
    pub(crate) until_idle: Option<Moment>,
    /// End after this time, such as `30s` or `10m`
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) during: Option<Moment>,
    /// The spec file
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spanproof preflight --manifest fly.toml                 DATABASE_URL names the database
  spanproof preflight --database postgres://… --role runner --manifest deploy.yaml --log runner.log

Exit codes: 0 nothing failed, 1 spans would be lost, 3 the database can't be reached.
A span is written and rolled back; nothing of it stays.")]
pub(crate) struct Preflight {
    /// The database's URL, as the service is given it [default: the variable `DATABASE_URL`]
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// The role that the service uses, where the URL has another
    #[arg(long, value_name = "NAME")]
    pub(crate) role: Option<String>,
    /// A deploy manifest: TOML, YAML, JSON, or lines of NAME=value; repeatable
    #[arg(long = "manifest", value_name = "FILE")]
    pub(crate) manifests: Vec<PathBuf>,
    /// The log of the running process, from its start
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// The spec file
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
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
