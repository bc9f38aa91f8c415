//! Arguments of `spanproof flags`.

use std::path::PathBuf;

use clap::Args;

use super::Format;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spanproof flags                            from the newest run of `check`
  spanproof flags --manifest compose.yaml    also what this manifest sets
  spanproof flags --sweep                    tries spellings of each switch
Exit codes:
  0  no finding
  1  a value that means on is read as off, or a declared effect is missing
  3  the service or Postgres did not start")]
pub(crate) struct Flags {
    /// Spec file
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
    /// Evidence folder of a run [default: the newest run]
    #[arg(long, value_name = "DIR")]
    pub(crate) evidence: Option<PathBuf>,
    /// Folder with the source [default: that of the spec]
    ///
    /// Searched for the names of flags. Repeatable. Files that git ignores are left out.
    #[arg(long = "source", value_name = "DIR")]
    pub(crate) sources: Vec<PathBuf>,
    /// Deploy manifest, to show what it sets
    ///
    /// In addition to `[manifests.NAME]` of the spec. Every format that `preflight` reads.
    /// Repeatable.
    #[arg(long = "manifest", value_name = "FILE")]
    pub(crate) manifests: Vec<PathBuf>,
    /// Process of the manifest that runs the service
    ///
    /// The default is the process that fits the service of the spec.
    #[arg(long, value_name = "NAME", requires = "manifests")]
    pub(crate) process: Option<String>,
    /// Run the service with common spellings of each switch
    ///
    /// Unset, empty, 0, 1, true, TRUE, True, false, yes, on, with a space, in quotes, with a
    /// newline. Flags with `sweep = true` in the spec are tried without this option.
    #[arg(long)]
    pub(crate) sweep: bool,
    /// Number of parallel cases [default: 2 × CPUs]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// Run this binary instead of building the service
    #[arg(long, value_name = "FILE")]
    pub(crate) binary: Option<PathBuf>,
    /// Output format
    ///
    /// The default is `human`.
    #[arg(long, value_enum, default_value_t = Format::Human, hide_default_value = true)]
    pub(crate) format: Format,
}
