//! Arguments of the commands that run cases or judge stored evidence. A case is one combination of
//! flags and other inputs with which the service is started.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{Format, Guard, duration};
use spanproof::{Filter, Selection};

/// The spec and the selected cases.
#[derive(Debug, Args)]
pub(crate) struct CaseArgs {
    /// Spec file
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
    /// Select the case with this id or id prefix
    ///
    /// Repeatable.
    #[arg(long = "case", value_name = "ID")]
    ids: Vec<String>,
    /// Select cases with this value: NAME=VALUE or !NAME
    ///
    /// NAME is a flag, `route`, `upstream`, `job` or `fault`. !NAME selects an unset flag; !fault
    /// selects the cases without a fault. Repeatable.
    #[arg(long = "filter", value_name = "NAME=VALUE")]
    filters: Vec<Filter>,
    /// Add no cases with faults that are not in the spec
    ///
    /// By default, one case with tracing on and all other flags at their defaults submits several jobs
    /// without a restart of the service. If the spec declares no `[[fault]]`, this case also runs under a
    /// small set of faults. Failures of these added cases are notices.
    #[arg(long)]
    pub(crate) no_faults: bool,
}

impl CaseArgs {
    /// Returns whether all cases are selected.
    pub(crate) fn is_all(&self) -> bool {
        self.ids.is_empty() && self.filters.is_empty()
    }

    pub(crate) fn selection(&self) -> Selection {
        Selection { ids: self.ids.clone(), filters: self.filters.clone() }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spanproof check                                    all cases
  spanproof check --case 3f2a91c0                    one case
  spanproof check --filter route=queued --filter '!ENABLE_DB_TRACING'
  spanproof check --update                           accept the startup output
  spanproof check --write-proof                      for `spanproof guard`
  spanproof check --as production                    also the deployed flags")]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) cases: CaseArgs,
    /// Number of parallel cases [default: 2 × CPUs]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    #[command(flatten)]
    pub(crate) accept: AcceptArgs,
    /// Add a case with the flags of an environment
    ///
    /// The environment is a section `[manifests.NAME]`. The case has exactly the values that the manifests
    /// of the environment give the flags, including values that the spec does not list. The check fails if
    /// the case does not pass, records no spans although the environment must record them, or records spans
    /// although tracing must be off there. Repeatable.
    #[arg(long = "as", value_name = "NAME", conflicts_with = "prove")]
    pub(crate) environments: Vec<String>,
    /// End the run after this time: `90s`, `10m`
    ///
    /// Cases that are still running are reported as broken, with what they waited for; later cases are listed
    /// as not run. The results so far are reported, and the exit code is 3.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// Show how long each step took
    #[arg(long)]
    pub(crate) timings: bool,
    /// Write the evidence to this folder
    ///
    /// The default is a new folder in `.spanproof/runs`, beside the spec.
    #[arg(long, value_name = "DIR")]
    pub(crate) evidence: Option<PathBuf>,
    /// Sabotage passing cases and expect failures
    ///
    /// Proves that the check can fail: changes some passing cases so that spans are lost or wrong,
    /// for example with another value of the flag that switches tracing on. Each time, expects a
    /// finding with the right code. The service itself is not changed.
    #[arg(long, conflicts_with_all = ["update", "format"])]
    pub(crate) prove: bool,
    #[command(flatten)]
    pub(crate) experiments: ExperimentArgs,
    #[command(flatten)]
    pub(crate) databases: DatabaseArgs,
    /// Run this binary instead of building the service
    #[arg(long, value_name = "FILE")]
    pub(crate) binary: Option<PathBuf>,
    /// Output format
    ///
    /// The default is `human`.
    #[arg(long, value_enum, default_value_t = Format::Human, hide_default_value = true)]
    pub(crate) format: Format,
    /// Whether the report goes to standard error, because another command prints its document.
    #[arg(skip)]
    pub(crate) report_to_stderr: bool,
}

impl Check {
    /// Returns the arguments of a check of all cases, and of a case for each environment.
    pub(crate) fn for_environments(guard: &Guard, environments: Vec<String>) -> Self {
        let cases = CaseArgs {
            config: guard.config.clone(),
            ids: Vec::new(),
            filters: Vec::new(),
            no_faults: false,
        };
        Self {
            cases,
            jobs: guard.jobs,
            accept: AcceptArgs { update: false, write_proof: false },
            environments,
            timeout: None,
            timings: false,
            evidence: None,
            prove: false,
            experiments: ExperimentArgs { witness: false, no_probe: false },
            databases: DatabaseArgs { fresh: false, keep: false, keep_on_failure: false },
            binary: guard.binary.clone(),
            format: Format::Human,
            report_to_stderr: guard.format == Format::Json,
        }
    }
}

/// Which files of the repository the run writes.
#[derive(Debug, Args)]
pub(crate) struct AcceptArgs {
    /// Write missing and changed startup snapshots
    ///
    /// A snapshot is a file with the expected startup output of the service. Refused if the
    /// environment variable `CI` is set.
    #[arg(long)]
    pub(crate) update: bool,
    /// Write what the run proves about the flags
    ///
    /// The file is `spanproof.proof.json` beside the spec; commit it. Written only if all cases ran
    /// and passed. Refused if the environment variable `CI` is set.
    #[arg(long, conflicts_with_all = ["ids", "filters", "prove"])]
    pub(crate) write_proof: bool,
}

/// Which further evidence is collected to find the reasons of failures.
#[derive(Debug, Args)]
pub(crate) struct ExperimentArgs {
    /// Count inserts of spans on the server in every case
    ///
    /// Postgres counts the attempts to insert spans and logs their errors. Without this option,
    /// only cases whose reason is undetermined run a second time with these counts.
    #[arg(long)]
    pub(crate) witness: bool,
    /// Run no extra cases to explain failures
    ///
    /// An extra case differs from a failing case in one flag or other input. If the extra case
    /// passes, the report names this change.
    #[arg(long)]
    pub(crate) no_probe: bool,
}

/// How databases are created and which are kept.
#[derive(Debug, Args)]
pub(crate) struct DatabaseArgs {
    /// Apply all migrations to a new database
    ///
    /// Uses neither the cached data directory nor the cached template database.
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Keep all databases and print how to open them
    ///
    /// `spanproof clean` removes them.
    #[arg(long, conflicts_with = "keep_on_failure")]
    pub(crate) keep: bool,
    /// Keep the databases of cases that do not pass
    #[arg(long)]
    pub(crate) keep_on_failure: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Everything that `check` reads before it starts a process is checked: the spec,
every file that it names, and that its programs exist. Nothing is built.")]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) cases: CaseArgs,
    /// Also apply the migrations and check `[tables]`
    ///
    /// Starts the disposable Postgres, applies the migrations, and checks that every table and column
    /// of `[tables]` exists.
    #[arg(long)]
    pub(crate) database: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Evidence folder of a run [default: the newest run]
    pub(crate) evidence: Option<PathBuf>,
    /// Spec file
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
    /// Output format
    ///
    /// The default is `human`.
    #[arg(long, value_enum, default_value_t = Format::Human, hide_default_value = true)]
    pub(crate) format: Format,
}
