//! What to run, or to judge again, and how.

use std::path::PathBuf;

use clap::Args;

use super::Format;
use spanproof::{Filter, Selection};

/// Which cases.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The spec file
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
    /// Only the case with this id, or this beginning of an id; repeatable
    #[arg(long = "case", value_name = "ID")]
    ids: Vec<String>,
    /// Only cases with this value: NAME=VALUE, or !NAME for an unset flag; NAME is a flag,
    /// `route`, `upstream`, `job` or `fault` (!fault: no fault); repeatable
    #[arg(long = "filter", value_name = "NAME=VALUE")]
    filters: Vec<Filter>,
}

impl Which {
    /// Whether every case is meant.
    pub(crate) fn is_all(&self) -> bool {
        self.ids.is_empty() && self.filters.is_empty()
    }

    pub(crate) fn selection(&self) -> Selection {
        Selection { ids: self.ids.clone(), filters: self.filters.clone() }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spanproof check                                    all cases
  spanproof check --case 3f2a91c0                    one case
  spanproof check --filter route=queued --filter '!ENABLE_DB_TRACING'
  spanproof check --update                           accept the startup output as it is")]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) which: Which,
    /// How many cases run at once [default: twice the processors]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// Write startup snapshots that are missing or changed; refused when CI is set
    #[arg(long)]
    pub(crate) update: bool,
    /// Show where the time went
    #[arg(long)]
    pub(crate) timings: bool,
    /// Where the evidence goes [default: .spanproof/runs/… beside the spec]
    #[arg(long, value_name = "DIR")]
    pub(crate) evidence: Option<PathBuf>,
    /// Prove that this gate can fail: sabotage the plainest healthy cases in known ways, without
    /// touching the service, and demand the right code each time
    #[arg(long, conflicts_with_all = ["update", "format"])]
    pub(crate) prove: bool,
    #[command(flatten)]
    pub(crate) looks: Looks,
    #[command(flatten)]
    pub(crate) databases: Databases,
    /// A binary to run instead of building the service
    #[arg(long, value_name = "FILE")]
    pub(crate) binary: Option<PathBuf>,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// How hard reasons are looked for.
#[derive(Debug, Args)]
pub(crate) struct Looks {
    /// Make the database server a witness of every case: it counts attempts to write spans and
    /// tells what failed. Without it, only a few cases that need it are run once more with it
    #[arg(long)]
    pub(crate) witness: bool,
    /// Run no extra cases to find out what alone would make a failing case pass
    #[arg(long)]
    pub(crate) no_probe: bool,
}

/// How databases are made, and which of them stay.
#[derive(Debug, Args)]
pub(crate) struct Databases {
    /// Make the database from nothing and apply every migration, whatever is cached
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Keep the database of every case, and print how to open it; `spanproof clean` removes them
    #[arg(long, conflicts_with = "keep_on_failure")]
    pub(crate) keep: bool,
    /// As --keep, for cases that do not pass
    #[arg(long)]
    pub(crate) keep_on_failure: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// A folder that `check` wrote evidence to [default: the newest run]
    pub(crate) evidence: Option<PathBuf>,
    /// The spec file
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}
