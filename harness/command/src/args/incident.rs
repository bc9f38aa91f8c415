//! Arguments of `capture` and `replay`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::SystemArgs;
use super::system::duration;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples (DATABASE_URL names the database):
  spanproof capture --case 3f2a91c0              a case of the last `check`
  spanproof capture --job 469 --log runner.log   a job in production")]
pub(crate) struct Capture {
    /// Capture a case of a run, by id or id prefix
    ///
    /// Without this option, a job of an existing system is captured.
    #[arg(long = "case", value_name = "ID", conflicts_with_all = ["database", "dump", "log", "jobs"])]
    pub(crate) case: Option<String>,
    /// Run folder of the case [default: the newest run]
    #[arg(long, value_name = "DIR", requires = "case")]
    pub(crate) run: Option<PathBuf>,
    /// Incident file to write [default: incident-….jsonl]
    ///
    /// The file must not exist yet.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// TOML file with more patterns to mask
    ///
    /// A list of `[[mask]]`, each with `name` and `pattern`.
    #[arg(long, value_name = "FILE")]
    pub(crate) mask: Option<PathBuf>,
    /// Keep the inputs and outputs of jobs
    ///
    /// Secrets and e-mail addresses in them are still masked.
    #[arg(long)]
    pub(crate) with_contents: bool,
    #[command(flatten)]
    pub(crate) system: SystemArgs,
}

/// What an incident file lacks, and which differences from the file are accepted.
#[derive(Debug, Args)]
pub(crate) struct Assumptions {
    /// Route of the job, if the incident lacks it
    #[arg(long, value_name = "NAME")]
    pub(crate) route: Option<String>,
    /// Upstream behaviour, if the incident lacks it
    #[arg(long, value_name = "NAME")]
    pub(crate) upstream: Option<String>,
    /// Accept a program that differs from the recorded one
    #[arg(long)]
    pub(crate) any_program: bool,
    /// Accept an incident edited after its capture
    #[arg(long)]
    pub(crate) edited: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spanproof replay incident-469.jsonl
  spanproof replay incident-469.jsonl --assert-only   judge stored evidence
  spanproof replay incident-469.jsonl --adopt         save it as a test
  spanproof replay fixtures/incidents                 all adopted incidents
  git bisect run spanproof replay /tmp/incident.jsonl --bisect

Exit codes:
  0  the same result, or the expected result of an adopted incident
  1  a different result
  3  no result, because Postgres or the service did not start
  6  the same result, but the conditions may differ
With --bisect: 0 the incident is absent, 1 it is present, 125 unknown")]
pub(crate) struct Replay {
    /// Incident file, or folder of incidents
    pub(crate) incident: PathBuf,
    /// Judge the stored evidence again; run nothing
    #[arg(long, conflicts_with_all = ["adopt", "bisect", "binary"])]
    pub(crate) assert_only: bool,
    /// Save as a test in `fixtures/incidents`
    ///
    /// EXPECTED is the result of later replays: `pass` (the default), `same` or a code.
    #[arg(long, value_name = "EXPECTED", num_args = 0..=1, default_missing_value = "pass", require_equals = true)]
    pub(crate) adopt: Option<String>,
    /// Return exit codes for `git bisect run`
    #[arg(long, conflicts_with = "adopt")]
    pub(crate) bisect: bool,
    #[command(flatten)]
    pub(crate) assumptions: Assumptions,
    /// End the replays after this time: `90s`, `10m`
    ///
    /// The results of the replays until then are printed, and the exit code is 3.
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "assert_only")]
    pub(crate) timeout: Option<Duration>,
    /// Run this binary instead of building the service
    #[arg(long, value_name = "FILE")]
    pub(crate) binary: Option<PathBuf>,
    /// Spec file
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
}
