//! Incidents: writing them, and seeing them again.

use std::path::PathBuf;

use clap::Args;

use super::There;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spanproof capture --case 3f2a91c0                       a case of the last run of `check`
  spanproof capture --job 469 --log runner.log            a job in production; DATABASE_URL names the database")]
pub(crate) struct Capture {
    /// A case of a run by its id, or the beginning of it, instead of a system that is there
    #[arg(long = "case", value_name = "ID", conflicts_with_all = ["database", "dump", "log", "jobs"])]
    pub(crate) case: Option<String>,
    /// The folder of the run [default: the newest]
    #[arg(long, value_name = "DIR", requires = "case")]
    pub(crate) run: Option<PathBuf>,
    /// The file that is written; it must not be there yet [default: incident-….jsonl]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// More that is masked: a TOML file with `[[mask]]`, each with `name` and `pattern`
    #[arg(long, value_name = "FILE")]
    pub(crate) mask: Option<PathBuf>,
    /// Keep what jobs are given and give; secrets and e-mail addresses in it are masked all the same
    #[arg(long)]
    pub(crate) with_contents: bool,
    #[command(flatten)]
    pub(crate) there: There,
}

/// What is taken for granted about an incident.
#[derive(Debug, Args)]
pub(crate) struct Assumed {
    /// The route the job came in by, where the incident does not say
    #[arg(long, value_name = "NAME")]
    pub(crate) route: Option<String>,
    /// The upstream's behaviour, where the incident does not say
    #[arg(long, value_name = "NAME")]
    pub(crate) upstream: Option<String>,
    /// Another program than the recorded one is meant
    #[arg(long)]
    pub(crate) any_program: bool,
    /// Take an incident that was changed after it was written
    #[arg(long)]
    pub(crate) edited: bool,
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
pub(crate) struct Replay {
    /// The incident, or a folder of incidents
    pub(crate) incident: PathBuf,
    /// Only judge the stored evidence again
    #[arg(long, conflicts_with_all = ["adopt", "bisect", "binary"])]
    pub(crate) assert_only: bool,
    /// Keep it in `fixtures/incidents`, with what has to come of it from now on: `pass`, `same`, or a
    /// code
    #[arg(long, value_name = "EXPECTED", num_args = 0..=1, default_missing_value = "pass", require_equals = true)]
    pub(crate) adopt: Option<String>,
    /// Answer as `git bisect run` wants it
    #[arg(long, conflicts_with = "adopt")]
    pub(crate) bisect: bool,
    #[command(flatten)]
    pub(crate) assumed: Assumed,
    /// A binary to run instead of building the service
    #[arg(long, value_name = "FILE")]
    pub(crate) binary: Option<PathBuf>,
    /// The spec file
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
}
